/*
 * trial_table: the trial machine's rows: from which state, on what, under which condition, to which
 * state, doing what, because of which sentence. First row that fits wins.
 */
#ifndef AGENT_GUARD_CORE_TRIAL_TABLE_H
#define AGENT_GUARD_CORE_TRIAL_TABLE_H

#include "agent/guard/core/trial.h"
#include "common/core/err.h"

enum {
    POP_RECORD_WAIT_MS = 2000, /* then a pop undoes without its record */
    DISK_RETRY_MS = 2000,      /* what the disk refused is asked for again */
    VERIFY_RETRY_MS = 2000,
    REVERT_BUDGET_DEFAULT_MS = 60000, /* where the manifest is not at hand: pop, boot */
    INCOMPLETE_RETRY_MS = 60000,
};

/* What a condition may look at and an action may change. */
struct move {
    struct trial *trial;
    const struct guard_event *ev;
    struct guard_effects *effects;
};

struct transition {
    unsigned from; /* bits by state */
    enum guard_event_kind on;
    bool (*fits)(const struct move *move);
    enum trial_state to; /* TRIAL_STATE_COUNT: stays */
    void (*act)(struct move *move);
    const char *because;
    const char *if_name, *do_name;
};

/* The row for this event, or NULL. `on` is ON_TIMEOUT also for the look at the deadlines that
 * precedes every other event. */
const struct transition *trial_table_find(const struct move *move, enum guard_event_kind on);

uint32_t trial_table_index(const struct transition *row);

/* Facts that hold in any state, taken before the rows are looked at. In trial_facts.c. */
void trial_take_facts(struct move *move);

/* Asks again for a sync that was refused, or for the receipt that is owed to be written, if it is
 * time. In trial_end.c. */
void trial_tend_sync(struct move *move);
void trial_tend_receipt(struct move *move);

/* Effects that several files append. In trial_act.c. A record is dated and about trial->id; the
 * state waits for trial->record_number afterwards only if it says so (record_awaited). */
struct guard_effect *trial_record(struct move *move, enum record_kind kind, bool durable);
void trial_mark(struct move *move, enum mark mark);
/* The generation down to which an order is being carried out, or NULL. */
const struct ledger_generation *trial_ordered(const struct trial *trial);
void trial_alarm(struct move *move, const char *sentence, const char *detail);
void trial_refuse(struct move *move, const struct attempt *attempt, const char *reason,
                  enum err_kind kind);
/* Which attempt a prepare, start or end is about. */
const struct attempt *trial_attempt_of(const struct guard_event *ev);
/* While it is being decided, taken back or written down, an older receipt of the same attempt is
 * not true any more; `incomplete` is, as long as it undoes. */
bool trial_has_ended(const struct trial *trial, const struct attempt *attempt);
void trial_send_receipt(struct move *move, const struct attempt *attempt);
mono_t trial_settles_by(const struct trial *trial);
mono_t trial_gives_up_at(const struct trial *trial);
/* The result of an operation that failed, if that is what happened. */
void trial_write_failed_result(struct move *move);
/* What a shell may leave NULL. */
const char *trial_word(const char *why);

/* Conditions, in trial_if.c: one question each. */
typedef bool condition_fn(const struct move *move);
condition_fn if_always, if_trial_was_open, if_was_popping, if_order_stands, if_receipt_is_owed,
    if_admissible, if_attempt_has_ended, if_this_attempt, if_went_well, if_start_is_proven,
    if_nonce_expired, if_recorded, if_recorded_in_time, if_recorded_too_late, if_not_recorded,
    if_refused_once, if_more_to_apply, if_settle_is_late, if_first_is_answered, if_soaked,
    if_proven_to_the_end, if_nonce_is_due, if_last_is_due, if_lease_is_over, if_fails_too_long,
    if_must_give_up, if_not_entitled, if_was_popped, if_may_pop, if_is_ordered, if_pops_it_already,
    if_waited_enough, if_all_undone, if_retry_is_due, if_newly_over_budget, if_verify_is_due,
    if_all_written, if_all_written_and_more, if_end_is_due, if_stands, if_answers_another,
    if_disk_refuses, if_tombstones_are_full, if_an_end_is_missing, if_end_is_lost, if_undo_is_lost,
    if_is_incomplete, if_end_is_unsynced, if_end_was_read, if_stands_unsynced;

/* Actions: preparing to confirming in trial_act.c, ends and reverts in trial_end.c. */
typedef void action_fn(struct move *move);
action_fn do_nothing, do_prepare, do_refuse_prepare, do_refuse_busy, do_offer, do_offer_again,
    do_refuse_prepared, do_write_begin, do_refuse_start, do_refuse_late_start, do_forget,
    do_forget_unwritten, do_begin_apply, do_write_expired, do_apply, do_write_next_intent,
    do_settle, do_issue_first, do_begin_soak, do_issue_renewal, do_issue_last, do_write_confirming,
    do_write_confirmed, do_say_confirmed, do_revert_found, do_revert_apply, do_revert_unproven,
    do_revert_failed, do_revert_given_up, do_revert_aborted, do_revert_ordered, do_revert_disk,
    do_revert_stopped, do_write_tombstone, do_refuse_end, do_refuse_pop, do_begin_pop, do_pop_next,
    do_resume_pop, do_resume_end, do_sync_ends, do_undo_generation, do_mark_popping_again,
    do_undo_next, do_verify, do_verify_later, do_say_over_budget, do_write_end, do_send_receipt,
    do_state_standing, do_refuse_standing, do_give_stack, do_let_go, do_refuse_full,
    do_refuse_undo_lost, do_refuse_lost, do_call_off, do_record_order, do_give_stack_and_receipt,
    do_await_sync;

#endif
