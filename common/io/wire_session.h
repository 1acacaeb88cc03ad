/*
 * wire_session: requests of agents and the controller's replies, on one link.
 */
#ifndef COMMON_IO_WIRE_SESSION_H
#define COMMON_IO_WIRE_SESSION_H

#include "common/io/wire_guard.h"

enum {
    WIRE_PROTOCOL = 1,
    SESSION_GUARD_MAX = 64, /* in one report; more is refused by the other side */
    SESSION_DRIFT_MAX = 64,
    SESSION_SOURCES_MAX = 16,
};

enum session_request_kind {
    ASK_HELLO_BEGIN,
    ASK_HELLO,
    ASK_REPORT,
    ASK_POLL,
    SESSION_REQUEST_COUNT
};

struct source_seen {
    struct nonce nonce;
    char witness[NAME_SIZE];
    bool counts;
    char why[REASON_SIZE];
};

struct session_request {
    enum session_request_kind kind;
    unsigned protocol;          /* hello begin */
    char name[NAME_SIZE];       /* hello begin, hello */
    struct nonce challenge;     /* hello */
    struct signature signature; /* hello: over challenge and name, SIGN_CHALLENGE */
    struct wire_bytes stack;    /* hello: Signed stack, empty for a witness */
    struct wire_bytes nonce;    /* hello: a GuardReport that waited for a fresh connection */
    char version[48], boot_id[48];
    bool witness_only, extra;
    uint64_t id; /* report: its own; poll: highest command carried out */
    uint64_t answers;
    bool full;
    uint32_t verdicts_count;
    struct verdict verdicts[VERDICTS_MAX];
    bool has_snapshot;
    struct snapshot snapshot;
    uint32_t guard_count; /* encoded GuardReports; owned */
    struct wire_bytes *guard;
    struct wire_bytes statement; /* as a witness: Signed */
    uint32_t drift_count;
    char (*drift)[SENTENCE_SIZE]; /* owned */
    int64_t event_at_us;
    uint32_t sources_count;
    struct source_seen
        sources[SESSION_SOURCES_MAX]; /* what this agent told its guard of witnesses */
};
void session_request_done(struct session_request *request);
struct wire_bytes wire_encode_session_request(const struct session_request *request);
bool wire_decode_session_request(struct bytes from, struct session_request *ret_request,
                                 struct err *err);
/* What is signed in a hello: challenge then name. */
struct wire_bytes wire_challenge_payload(const struct nonce *challenge, const char *name);

enum session_reply_kind {
    ANSWER_CHALLENGE,
    ANSWER_WELCOME,
    ANSWER_ACK,
    ANSWER_COMMAND,
    ANSWER_DENY,
    SESSION_REPLY_COUNT
};
enum command_kind {
    COMMAND_NOTHING,
    COMMAND_GUARD,
    COMMAND_WITNESS,
    COMMAND_SNAPSHOT,
    COMMAND_CHECKS,
    COMMAND_KIND_COUNT
};

struct watch { /* SSH reachability at rest */
    char node[NAME_SIZE];
    struct ssh_target ssh;
};

struct session_reply {
    enum session_reply_kind kind;
    struct nonce challenge;
    unsigned protocol;
    char controller[NAME_SIZE];
    struct hash audit_head;
    uint64_t id; /* ack: of the report; command: its own, 0 = nothing */
    char reason[REASON_SIZE];
    bool hello_again;
    enum command_kind command;
    struct wire_bytes guard; /* an encoded GuardRequest */
    char subject[NAME_SIZE]; /* witness */
    struct hash body;
    struct nonce nonce;
    enum phase phase;
    struct ssh_target ssh;
    uint32_t checks_count; /* checks, welcome; owned */
    struct check *checks;
    uint32_t watches_count;
    struct watch *watches; /* owned */
};
void session_reply_done(struct session_reply *reply);
struct wire_bytes wire_encode_session_reply(const struct session_reply *reply);
bool wire_decode_session_reply(struct bytes from, struct session_reply *ret_reply, struct err *err);

#endif
