/*
 * lead_parts: what the lead's files share and nobody else sees.
 */
#ifndef CONTROLLER_IO_LEAD_PARTS_H
#define CONTROLLER_IO_LEAD_PARTS_H

#include "controller/io/lead.h"

enum { LED_MAX = 16, SEEN_MAX = CARRY_MAX };

/* A witness's latest word on a node, for the audit and the proofs. */
struct seen {
    char subject[NAME_SIZE], signer[NAME_SIZE];
    uint64_t rollout;
    struct nonce nonce;
    enum phase phase;
    struct verdict verdict;
    bool is_filled, counted, was_told; /* told: what the audit said last */
    unsigned sources_told;             /* over this nonce */
    enum verdict_value told_value;
};

/* A guard that is to bar what was signed and no controller has. */
enum { VOIDS_MAX = 2 * NODES_MAX };
struct lead_void {
    char node[NAME_SIZE], reason[REASON_SIZE], sentence[REASON_SIZE];
    struct attempt attempt;
    mono_t again_at, until;
};

struct lead {
    struct desk *desk;
    struct outbox *outbox;
    struct fresh *fresh;
    uv_timer_t timer;
    struct led *leds;
    struct lead_backs backs;
    struct {
        uint32_t count;
        struct lead_void list[VOIDS_MAX];
    } voids;
    uint32_t seen_count;
    struct seen seen[SEEN_MAX]; /* last: pages that nobody needs are never touched */
};

/* One event to one rollout, its effects carried out. ev->now and unix_now are set here; envelope is
 * what the event came with, a signed statement or receipt; NULL: nothing. */
void lead_step(struct lead *lead, struct led *led, struct rollout_event *ev,
               const struct bytes *envelope);
/* The same to all that are led; attempt NULL, or only to the one of that attempt. */
void lead_give(struct lead *lead, struct rollout_event *ev, const struct attempt *attempt,
               const struct bytes *envelope);
void lead_set_timer(struct lead *lead);
/* Out of those that are led: ended, and nothing to follow up. */
void lead_sweep(struct lead *lead);

/* In lead_start.c: begins to lead one of the store's again, first in the list. */
bool lead_take_up(struct lead *lead, uint64_t id, struct err *err);

/* In lead_carry.c. False: the desk has failed. */
bool lead_keep(struct lead *lead, struct led *led, const struct rollout_event *ev,
               const struct rollout_effects *effects, const struct bytes *envelope);
void lead_send(struct lead *lead, struct led *led, const struct rollout_effects *effects,
               const struct bytes *envelope);
/* Beside the rollout; an answer that nothing is waited for any more also goes into the audit. */
bool lead_keep_gates(struct lead *lead, struct led *led, const struct gates *gates, bool final);

/* In lead_backs.c. What is asked of these nodes; the names are lent. */
struct lead_backs_wanted {
    struct attempt attempt;
    bool is_signed;
    uint32_t count;
    const char *nodes[NODES_MAX];
};
/* What is back makes room, what is not never does (ERR_LIMIT). */
bool lead_backs_make_room(struct lead *lead, const struct lead_backs_wanted *wanted,
                          struct err *err);
/* Its place: the one it has, emptied, or a new one. order is copied; empty: by the controller's own
 * right. NULL: there is no room. */
struct lead_back *lead_backs_put(struct lead *lead, const char *node, const struct attempt *attempt,
                                 struct bytes order);
/* Its guard itself is asked, again and again. */
bool lead_back_is_to_ask(const struct lead *lead, const struct lead_back *back);
void lead_back_say(struct lead_back *back, const char *state, const char *sentence);
/* It alone, in a transaction of its own. False: the desk has failed. */
bool lead_back_keep(struct lead *lead, const struct lead_back *back);
void lead_back_finish(struct lead *lead, struct lead_back *back, const char *state,
                      const char *sentence);
/* Of what was asked before, what is back is forgotten; what is not is still owed. */
void lead_backs_begin(struct lead *lead, uint64_t rollout, const struct lead_wish *wish);
/* All of them, in the open transaction. False: the desk has failed. */
bool lead_backs_keep(struct lead *lead);
bool lead_backs_load(struct lead *lead, struct err *err);
mono_t lead_backs_deadline(const struct lead *lead);
void lead_backs_done(struct lead *lead);

/* In lead_meant.c. Of which nodes: count 0: all. */
bool lead_is_wanted(const struct lead_wish *wish, const char *node);
/* NULL: it has none of that name. */
const struct target_record *lead_find_target(const struct rollout_record *record, const char *node);
/* The open rollout, but one that is being taken back where a newer one stands; else the newest of
 * which something stands there. */
bool lead_find_wanted(struct lead *lead, const struct lead_wish *wish,
                      struct rollout_record *ret_record, struct err *err);
/* The same, led again if its machine can take it back. ret_led NULL: it cannot. */
bool lead_choose(struct lead *lead, const struct lead_wish *wish, struct rollout_record *ret_record,
                 const struct led **ret_led, struct err *err);
/* Whether something of it stands there, by the node's latest stack and the receipts since; where
 * there is none, by what the record says. */
bool lead_stands(const struct lead *lead, const struct rollout_record *record,
                 const struct target_record *target);
/* In lead_emergency.c. In the transaction of the emergency's step: those whom it names, and whether
 * its machine takes them back. */
bool lead_keep_emergency(struct lead *lead, const struct led *led);
/* Of those whom an emergency named and its machine is to take back: who is not wanted back yet. */
void lead_give_left(struct lead *lead, const struct led *led, const char *by);
void lead_backs_stack(struct lead *lead, const char *node, const struct stack *stack);
void lead_backs_receipt(struct lead *lead, const struct receipt *receipt);
void lead_backs_refused(struct lead *lead, const char *node, const struct attempt *attempt,
                        const char *reason);
void lead_backs_tick(struct lead *lead, mono_t now);

/* In lead_repeat.c. That rollout is about to be asked back: one of a newer rollout not long before
 * it is not forgotten by that. */
void lead_note_newer(struct lead *lead, uint64_t rollout);
/* Of what was asked back last, if it is newer than that one and was asked for not
 * long ago: when, by whom, and how far it is. */
void lead_say_before(struct lead *lead, uint64_t id, struct text *out);

/* In lead_rehearsal.c: a guard's answer to a plan that it was asked to rehearse, and what it says
 * of the rehearsal when it has prepared. Known to the fleet and in the audit before anybody goes on
 * by it, and kept with the rollouts of that manifest. */
void lead_take_rehearsal(struct lead *lead, const char *node, const struct guard_report *report);
void lead_take_prepared(struct lead *lead, const char *node, const struct guard_report *report);
/* What its targets' guards said before it began; in the open transaction. */
bool lead_keep_rehearsals(struct lead *lead, const struct led *led);

/* In lead_proof.c. Whether one more that comes of his words is written down (desk_may_note). */
bool lead_may_note(struct lead *lead, const char *who, enum desk_note note);
void lead_note_statement(struct lead *lead, const struct led *led,
                         const struct statement *statement);

/* In lead_events.c. NULL: it has no guard in the roster. */
const struct public_key *lead_guard_key(const struct lead *lead, const char *node, struct err *err);

/* In lead_receipts.c. False: it is none of that node's guard. */
bool lead_take_receipt(struct lead *lead, const char *node, struct bytes envelope, struct err *err);

/* In lead_refuse.c. "rollout 11, bh2,": by its number alone where the manifest cannot be read. */
void lead_say_rollout(struct lead *lead, uint64_t id, struct text *out);
/* Always false: it is not open. How it ended and what of it stands, and to who
 * would abort it what takes that back, and nothing else. */
bool lead_refuse_next(struct lead *lead, uint64_t id, struct err *err);
bool lead_refuse_abort(struct lead *lead, uint64_t id, struct err *err);
/* The same of a node that the open or last one does not have: what stands there. */
bool lead_refuse_node(struct lead *lead, uint64_t id, const char *node, struct err *err);

/* In lead_void.c, as those of who is to come back. */
void lead_voids_stack(struct lead *lead, const char *node, const struct stack *stack);
void lead_voids_receipt(struct lead *lead, const struct receipt *receipt);
void lead_voids_refused(struct lead *lead, const char *node, const struct attempt *attempt,
                        const char *reason);
/* That one begins: in its transaction, false: the desk has failed; and behind it. */
bool lead_voids_note_begun(struct lead *lead, const struct led *led);
void lead_voids_begun(struct lead *lead, const struct led *led);
void lead_voids_tick(struct lead *lead, mono_t now);
mono_t lead_voids_deadline(const struct lead *lead);

#endif
