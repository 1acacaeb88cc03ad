/*
 * downlink_case: what the tests of the downlink share: one place that is open, fake agents that
 * dial it, and what they say.
 */
#ifndef TESTS_UNIT_DOWNLINK_CASE_H
#define TESTS_UNIT_DOWNLINK_CASE_H

#include "controller/io/downlink_parts.h"
#include "tests/unit/controller_place.h"

enum { ASK_MS = 40000 };

extern struct place place;

/* cmocka's setup and teardown: place is open. Of a test that has failed, agents are still
 * connected, and nng would not end the downlink beside them: they are hung up first. */
int downlink_case_open(void **state);
int downlink_case_close(void **state);

/* ---- a fake agent ---------------------------------------------------------------------------- */

/* The library's threads write to what these point to: cmocka leaves the frame of a test that fails,
 * and it goes with downlink_case_close. */
struct line;
struct asked;

/* One request under way. */
struct answer {
    struct asked *asked;
};

struct agent {
    const struct place_member *member;
    struct line *line;
    struct session_reply reply;
    bool has_reply;
};

/* It is connected, and has not said who it is. */
void downlink_case_dial(struct agent *agent, unsigned index);
void downlink_case_hang_up(struct agent *agent);
/* place_fn of an agent: its connection was lost, once at least. */
bool downlink_case_has_lost(void *agent);

/* place_fn: no connection of that name is left. */
bool downlink_case_is_lost(void *name);

/* nng's thread that ends connections still does: b2 comes and goes. */
void downlink_case_expect_losses_noticed(void);

/* Asks and does not wait. */
void downlink_case_begin(struct agent *agent, struct bytes request, struct answer *answer);
/* place_fn of an answer: it is there, or will never be. */
bool downlink_case_is_done(void *context);
/* It is done, and nobody looks at it. True: no reply came. */
bool downlink_case_drop(struct answer *answer);
/* The reply stays in agent->reply until the next one. */
const struct session_reply *downlink_case_end(struct agent *agent, struct answer *answer);
const struct session_reply *downlink_case_ask(struct agent *agent,
                                              const struct session_request *request);
/* The caller's to free. */
struct session_request *downlink_case_request(enum session_request_kind kind);

/* What a hello is made of; zeroed for the usual one. */
struct hello {
    const char *name;           /* NULL: its own */
    const struct sign_key *key; /* NULL: its own */
    struct nonce challenge;
    bool extra, guard_is_dead;
    const struct attempt *stands;
    struct bytes nonce;
};

const struct session_reply *downlink_case_hello_begin(struct agent *agent, const char *name);
const struct session_reply *downlink_case_hello(struct agent *agent, const struct hello *given);
/* Both; given->challenge is filled. */
const struct session_reply *downlink_case_greet(struct agent *agent, struct hello *given);
/* Dials and is welcome. */
void downlink_case_join(struct agent *agent, unsigned index);

const struct session_reply *downlink_case_poll(struct agent *agent, uint64_t acknowledged);
/* Takes and acknowledges commands until one of that kind comes. */
const struct session_reply *downlink_case_poll_for(struct agent *agent, enum command_kind kind);

/* ---- what it says ---------------------------------------------------------------------------- */

void downlink_case_set_verdict(struct session_request *report, const char *check,
                               enum verdict_value value);
/* The check `database`, in a full report. */
void downlink_case_report_database(struct agent *agent, enum verdict_value value);
struct wire_bytes downlink_case_make_receipt(const struct place_member *member,
                                             const struct sign_key *key, enum end_cause cause);
void downlink_case_report_guard(struct agent *agent, const struct guard_report *said);

/* ---- a rollout ------------------------------------------------------------------------------- */

/* receipt: is named with a reason; NULL: none is. */
void downlink_case_start_lifting(uint64_t sequence, const struct hash *receipt, uint64_t *ret_id);
void downlink_case_start(uint64_t sequence, uint64_t *ret_id);
/* As that node's stack says. */
void downlink_case_put_on_trial(const char *node, uint64_t id);

/* ---- the audit ------------------------------------------------------------------------------- */

bool downlink_case_audit_says(const char *what, const char *part);
/* The same, of its last hundred rows. */
bool downlink_case_audit_says_late(const char *what, const char *part);

#endif
