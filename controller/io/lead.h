/*
 * lead: leads the rollouts: turns what happens on the wire and what people ask for into events of
 * the rollout machine, and carries its effects out: durable ones first, in one transaction, then
 * those that leave.
 *
 * It leads the open rollout, and incomplete ones whose missing nodes are still to be taken back.
 */
#ifndef CONTROLLER_IO_LEAD_H
#define CONTROLLER_IO_LEAD_H

#include <uv.h>

#include "controller/core/carry.h"
#include "controller/core/gates.h"
#include "controller/io/desk.h"
#include "controller/io/fresh.h"
#include "controller/io/outbox.h"

struct lead;

enum { LED_OPEN_MAX = 8 };

/* What a target's guard said last of itself; for people. */
struct led_words {
    char sentence[SENTENCE_SIZE];
    unsigned soak_left_s;
    uint32_t open_count;
    char open[LED_OPEN_MAX][SENTENCE_SIZE];
};

/* Statements that a start may have to carry. */
struct led_carried {
    uint32_t count;
    struct carry list[CARRY_MAX];
    struct wire_bytes envelopes[CARRY_MAX]; /* at the same places */
};

/* One rollout that is led. Others read. */
struct led {
    struct rollout machine;
    struct manifest manifest;
    struct approval approved;
    struct store_rollout stored;        /* its record is machine.record's last stored state */
    struct led_words words[NODES_MAX];  /* by target */
    struct hash gates_told[GATE_COUNT]; /* what the audit has of each */
    struct led *next;
    struct led_carried carried; /* last: pages that nobody needs are never touched */
};

struct lead *lead_new(uv_loop_t *loop, struct desk *desk, struct outbox *outbox,
                      struct fresh *fresh);
/* What the store says was led before, and what the active freezes make of it. */
bool lead_resume(struct lead *lead, struct err *err);
/* Whether each rollout that is to be taken up can be read; nothing is. */
bool lead_look(struct store *store, struct err *err);
/* The loop must run once more. */
void lead_free(struct lead *lead);

/* ---- people ----------------------------------------------------------------------------------
 */

/* A signed manifest, decoded and checked against itself. */
struct lead_order {
    struct manifest manifest;
    struct approval approval;
    struct signed_manifest bytes;
};
bool lead_order_decode(struct bytes from, struct lead_order *ret_order, struct err *err);
void lead_order_done(struct lead_order *order);

/* Everything that lead_start refuses an order for but what the disk says to it: while another one
 * is open, or keys that the roster does not have. order NULL: what bars any of them. */
void lead_find_bars(const struct lead *lead, const struct lead_order *order, struct bars *ret_bars);
/* Refuses by the first of them. */
bool lead_check(const struct lead *lead, const struct lead_order *order, struct err *err);
/* What the gates are asked of one that has not begun; order and bars are lent as long as inputs are
 * used. */
void lead_gates_inputs(const struct lead *lead, const struct lead_order *order,
                       const struct bars *bars, struct gates_inputs *ret_inputs);
/* Begins to lead what passed the gates; order is emptied. gates is their JSON. */
bool lead_start(struct lead *lead, struct lead_order *order, const char *by, struct bytes gates,
                uint64_t *ret_id, struct err *err);
bool lead_next(struct lead *lead, uint64_t id, const char *by, struct err *err);
bool lead_abort(struct lead *lead, uint64_t id, const char *by, const char *reason,
                struct err *err);
/* A new roster is in use: who is not in it any more is not waited for. */
void lead_take_roster(struct lead *lead);
/* One that was put; again is not worse. */
void lead_take_hold(struct lead *lead, const struct hold *hold);

/* It gives way to the next one: ended, or incomplete. */
bool lead_is_closed(const struct rollout *machine);
/* NULL: none. */
const struct led *lead_find_open(const struct lead *lead);
const struct led *lead_find(const struct lead *lead, uint64_t id);
/* Whether a start may have touched that node and no receipt said how it ended. */
bool lead_in_doubt(const struct lead *lead, const char *node);
/* The change's name of an attempt that is led, "" for others. */
const char *lead_change_of(const struct lead *lead, const struct attempt *attempt);

/* ---- emergency -------------------------------------------------------------------------------
 */

/* Signed orders never take the room that an emergency needs. */
enum { BACKS_MAX = 4 * NODES_MAX, BACKS_ORDERS_MAX = 2 * NODES_MAX };

/* What one node was asked to take back. A node has a place for each: an order may name what lies
 * deeper than what an emergency takes back, and of two orders only the guard knows which lies
 * deeper; when the deeper one is obeyed, nothing of the other stands. */
struct lead_wish {
    char (*names)[NAME_SIZE];
    size_t count;
    const char *by, *reason;
};

struct lead_back {
    char name[NAME_SIZE];
    uint64_t rollout;        /* led: its machine does it; 0: asked of the guard directly */
    struct attempt attempt;  /* what is to go */
    struct wire_bytes order; /* signed; empty: by the controller's own right */
    bool done, left;         /* left: the roster; nobody can ask it */
    char state[NAME_SIZE], sentence[SENTENCE_SIZE + REASON_SIZE];
    char reason[REASON_SIZE]; /* as a person gave it */
    mono_t again_at;
};
struct lead_backs {
    uint64_t rollout;                        /* of the latest emergency; 0: none */
    int64_t asked_at;                        /* unix seconds, and */
    char by[NAME_SIZE], reason[REASON_SIZE]; /* by whom, and why */
    struct store_emergency newer; /* before it, of a newer rollout; see lead_note_newer */
    uint32_t count;
    struct lead_back list[BACKS_MAX]; /* one each of node, attempt, and signed or not */
};

/* No names: all nodes of the open rollout, else of the newest of which something stands. ERR_INPUT:
 * it has not all of these nodes; nothing is done. */
bool lead_emergency(struct lead *lead, char (*names)[NAME_SIZE], size_t count, const char *by,
                    const char *reason, struct err *err);
/* The same, and nothing is done: what would go of which nodes. */
enum { LEAD_BEFORE_SIZE = 360, LEAD_INSTEAD_SIZE = 260 };
struct lead_losses {
    uint64_t rollout;
    char change[NAME_SIZE];
    char before[LEAD_BEFORE_SIZE]; /* it is older than what was asked back shortly before; "": no */
    char instead[LEAD_INSTEAD_SIZE]; /* another one was meant: what takes that back; "": no */
    uint32_t count;
    struct lead_loss {
        char name[NAME_SIZE], sentence[SENTENCE_SIZE];
    } list[NODES_MAX];
};
bool lead_foretell(struct lead *lead, char (*names)[NAME_SIZE], size_t count,
                   struct lead_losses *ret_losses, struct err *err);
/* What takes that rollout back, although another one would go; names as above. */
void lead_say_instead(struct lead *lead, char (*names)[NAME_SIZE], size_t count, uint64_t meant,
                      struct text *out);
/* Of an emergency that names no rollout; names as above. ERR_CONFLICT: what would go is older than
 * what was asked back shortly before, of one of these nodes, so it may be the same command given
 * again, and is to be named if it is meant. */
bool lead_check_repeat(struct lead *lead, char (*names)[NAME_SIZE], size_t count, struct err *err);
/* What its manifest calls it. */
bool lead_read_change(struct lead *lead, uint64_t id, char ret_change[NAME_SIZE], struct err *err);
/* An operator's signed order, passed to its node's guard until it has obeyed. True: it is kept.
 * ERR_LIMIT: there is no room, and nothing was done. */
bool lead_pass_order(struct lead *lead, struct bytes envelope, const char *by, struct err *err);
/* What was asked last, and before that and is not back yet; brought up to date. */
const struct lead_backs *lead_backs(struct lead *lead);

/* ---- the wire --------------------------------------------------------------------------------
 */

/* A stack over a challenge of ours that was given at asked_at, verified with the guard's key. One
 * that is older than what is known is asked for again. */
void lead_take_stack(struct lead *lead, const char *node, const struct stack *stack,
                     mono_t asked_at);
void lead_take_lost(struct lead *lead, const char *node);
/* An encoded GuardReport that came on a connection bound to that node. */
bool lead_take_report(struct lead *lead, const char *node, struct bytes report, struct err *err);
/* The same, and it has to be a nonce. */
bool lead_take_nonce(struct lead *lead, const char *node, struct bytes report, struct err *err);
/* A witness's statement. */
bool lead_take_statement(struct lead *lead, const char *node, struct bytes envelope,
                         struct err *err);
/* What a node's agent told its guard of a witness. */
void lead_take_source(struct lead *lead, const char *node, const struct source_seen *source);
/* A critical check that passed fails now. */
void lead_take_failing(struct lead *lead, const char *node, const struct verdict *verdict);

/* Has each of these guards bar an attempt that no rollout here has, by a receipt that ends it;
 * asked again until then, for an hour, until a restart, or until a rollout begins it here.
 * ERR_CONFLICT: a rollout here has it. */
bool lead_void(struct lead *lead, const struct attempt *attempt, const struct lead_wish *wish,
               struct err *err);
/* Those that are not barred yet, and what is known of why. */
typedef void lead_void_fn(void *context, const char *node, const char *sentence);
void lead_voids_tell(const struct lead *lead, const struct attempt *attempt, lead_void_fn void_fn,
                     void *context);

#endif
