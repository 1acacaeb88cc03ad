/*
 * trial_table: the trial machine's rows. Read aloud: from this state, on that event, if the
 * condition holds, to the next state, doing this, because.
 */
#include "agent/guard/core/trial_table.h"

#define IN(state) (1u << TRIAL_##state)
/* clang-format off */
#define ROW(from, on, condition, to, action, because)                                              \
    {from, ON_##on, if_##condition, TRIAL_##to, do_##action, because, #condition, #action}
/* clang-format on */

#define TRIAL_SAME TRIAL_STATE_COUNT

/* In every state but fenced: there nothing is done any more. */
#define ANY (((1u << TRIAL_STATE_COUNT) - 1) & ~IN(FENCED))
/* Waits for proofs. */
#define PROVING (IN(FIRST) | IN(SOAKING) | IN(LAST))
/* Something may be touched, and nothing is decided yet. */
#define UNDECIDED (IN(APPLYING) | IN(SETTLING) | PROVING | IN(CONFIRMING))
/* Nothing is touched yet. */
#define BEFORE (IN(PREPARING) | IN(PREPARED) | IN(STARTING))
#define UNDOING (IN(REVERTING) | IN(VERIFYING))
/* A generation may be popped from here: nothing is touched above it. */
#define POPPABLE (IN(IDLE) | IN(PREPARING) | IN(PREPARED) | IN(CLOSING))

/* clang-format off */
static const struct transition table[] = {
    /* the journal was read */
    ROW(IN(IDLE), BOOT, trial_was_open, REVERTING, revert_found, "a trial was open in the journal: it is taken back"),
    ROW(IN(IDLE), BOOT, was_popping, POPPING, resume_pop, "a generation is being taken back: that is written, and undoing goes on"),
    ROW(IN(IDLE), BOOT, order_stands, POPPING, pop_next, "an order was recorded and is not carried out: the next generation"),
    ROW(IN(IDLE), BOOT, receipt_is_owed, CLOSING, resume_end, "an end was recorded, its receipt was not"),
    ROW(IN(IDLE), BOOT, end_was_read, SAME, sync_ends, "what was read may be lost with the power: synced before it is told"),

    /* prepare */
    ROW(IN(IDLE), PREPARE, end_is_unsynced, SAME, await_sync, "this attempt was made here already: its receipt follows when the disk has synced it"),
    ROW(IN(IDLE), PREPARE, attempt_has_ended, SAME, send_receipt, "this attempt was made here already: its receipt"),
    ROW(IN(IDLE), PREPARE, admissible, PREPARING, prepare, "admitted; snapshot, undo and prediction come first"),
    ROW(IN(IDLE), PREPARE, always, SAME, refuse_prepare, "not admitted"),
    ROW(IN(PREPARED), PREPARE, this_attempt, SAME, offer_again, "asked again: the same nonce"),
    ROW(ANY, PREPARE, this_attempt, SAME, nothing, "asked again: it is under way"),
    ROW(ANY, PREPARE, always, SAME, refuse_busy, "another trial is open"),
    ROW(IN(PREPARING), PREPARED, answers_another, SAME, nothing, "prepared for an earlier asker; waiting for this one"),
    ROW(IN(PREPARING), PREPARED, went_well, PREPARED, offer, "prepared; 30 s for a start"),
    ROW(IN(PREPARING), PREPARED, always, IDLE, refuse_prepared, "it cannot be prepared; nothing was touched"),
    ROW(IN(PREPARED), TIMEOUT, nonce_expired, IDLE, forget, "nobody started it in 30 s; nothing was touched"),

    /* start */
    ROW(ANY, START, end_is_unsynced, SAME, await_sync, "this attempt was made here already: its receipt follows when the disk has synced it"),
    ROW(ANY, START, attempt_has_ended, SAME, send_receipt, "this attempt was made here already: its receipt"),
    ROW(IN(PREPARED), START, start_is_proven, STARTING, write_begin, "started; undo goes to the journal first"),
    ROW(IN(PREPARED), START, always, SAME, refuse_start, "the proofs for a start are not complete"),
    ROW(ANY, START, this_attempt, SAME, nothing, "started again: it is under way"),
    ROW(ANY, START, always, SAME, refuse_late_start, "that nonce is not out any more"),
    ROW(IN(STARTING), RECORDED, not_recorded, IDLE, forget_unwritten, "the journal cannot be written; nothing was touched"),
    ROW(IN(STARTING), RECORDED, recorded_in_time, APPLYING, begin_apply, "the journal is written and the nonce still young: applying"),
    ROW(IN(STARTING), RECORDED, recorded, CLOSING, write_expired, "the disk took longer than the nonce lives; nothing was touched"),

    /* apply and settle */
    ROW(IN(APPLYING), RECORDED, recorded_too_late, CLOSING, write_expired, "the disk took longer than the nonce lives; nothing was touched"),
    ROW(IN(APPLYING), RECORDED, recorded, SAME, apply, "its intent is written"),
    ROW(UNDECIDED, RECORDED, disk_refuses, REVERTING, revert_disk, "the journal cannot be written: it is taken back"),
    ROW(IN(APPLYING), APPLIED, more_to_apply, SAME, write_next_intent, "applied; the next one"),
    ROW(IN(APPLYING), APPLIED, went_well, SETTLING, settle, "all applied; waiting until the effects are there"),
    ROW(IN(APPLYING), APPLIED, always, REVERTING, revert_apply, "an operation failed: it is taken back"),
    ROW(IN(APPLYING), TIMEOUT, settle_is_late, REVERTING, revert_apply, "applying takes too long: it is taken back"),
    ROW(IN(SETTLING), SETTLED, went_well, FIRST, issue_first, "on trial; the first nonce waits for a new connection"),
    ROW(IN(SETTLING), SETTLED, always, REVERTING, revert_apply, "the effects cannot be read back: it is taken back"),
    ROW(IN(SETTLING), TIMEOUT, settle_is_late, REVERTING, revert_apply, "the effects do not show in time: it is taken back"),

    /* proof */
    ROW(PROVING | IN(CONFIRMING), TIMEOUT, fails_too_long, REVERTING, revert_failed, "a proof failed for longer than its grace: it is taken back"),
    ROW(PROVING | IN(CONFIRMING), TIMEOUT, lease_is_over, REVERTING, revert_unproven, "the lease ran out without a fresh proof: it is taken back"),
    ROW(PROVING | IN(CONFIRMING), TIMEOUT, must_give_up, REVERTING, revert_given_up, "soak and two leases are over: it is taken back"),
    ROW(IN(FIRST), STATEMENT, first_is_answered, SOAKING, begin_soak, "proven over a new connection; the soak begins"),
    ROW(IN(FIRST), SOURCE, first_is_answered, SOAKING, begin_soak, "proven over a new connection; the soak begins"),
    ROW(IN(FIRST), TIMEOUT, nonce_is_due, SAME, issue_first, "not answered yet; another one for a new connection"),
    ROW(IN(SOAKING), TIMEOUT, soaked, LAST, issue_last, "soaked; the last nonce waits for a new connection"),
    ROW(IN(SOAKING) | IN(LAST), TIMEOUT, nonce_is_due, SAME, issue_renewal, "a period is over"),
    ROW(IN(LAST), TIMEOUT, last_is_due, SAME, issue_last, "not answered yet; another last one for a new connection"),

    /* confirm */
    ROW(IN(LAST), STATEMENT, proven_to_the_end, CONFIRMING, write_confirming, "proven to the end"),
    ROW(IN(LAST), SOURCE, proven_to_the_end, CONFIRMING, write_confirming, "proven to the end"),
    ROW(IN(CONFIRMING), RECORDED, recorded, CONFIRMED, write_confirmed, "`confirming` is written before the deadline"),
    ROW(IN(CONFIRMED), RECORDED, recorded, CLOSING, say_confirmed, "confirmed"),
    ROW(IN(CONFIRMED), RECORDED, not_recorded, REVERTING, revert_disk, "`confirmed` cannot be written: it is taken back"),

    /* what was confirmed, and whose undo a disk has lost */
    ROW(IN(IDLE), ABORT, undo_is_lost, SAME, refuse_undo_lost, "it was confirmed here, and its undo is lost"),
    ROW(IN(IDLE), POP, undo_is_lost, SAME, refuse_undo_lost, "it was confirmed here, and its undo is lost"),

    /* abort */
    ROW(ANY, ABORT, end_is_unsynced, SAME, await_sync, "it has ended here already: its receipt follows when the disk has synced it"),
    ROW(ANY, ABORT, attempt_has_ended, SAME, send_receipt, "it has ended here already: its receipt"),
    ROW(ANY, ABORT, not_entitled, SAME, refuse_end, "the abort does not quote the latest hello"),
    ROW(IN(IDLE), ABORT, end_is_lost, SAME, refuse_lost, "how it ended here was lost: it may stand"),
    ROW(IN(IDLE), ABORT, tombstones_are_full, SAME, refuse_full, "no room for a tombstone; an approval has to answer some first"),
    ROW(IN(IDLE), ABORT, always, CLOSING, write_tombstone, "aborted before a start; a late one finds the tombstone"),
    ROW(BEFORE, ABORT, this_attempt, CLOSING, write_tombstone, "aborted before anything was touched"),
    ROW(UNDECIDED, ABORT, this_attempt, REVERTING, revert_aborted, "aborted: it is taken back"),
    ROW(ANY, ABORT, this_attempt, SAME, nothing, "it is being decided; its receipt follows"),
    ROW(ANY, ABORT, always, SAME, refuse_busy, "another trial is open"),
    ROW(UNDECIDED, STOP, always, REVERTING, revert_stopped, "the guard is told to stop: the open trial is taken back"),

    /* pop */
    ROW(ANY, POP, end_is_unsynced, SAME, await_sync, "it does not stand any more: its receipt follows when the disk has synced it"),
    ROW(ANY, POP, was_popped, SAME, send_receipt, "it does not stand any more: its receipt"),
    ROW(ANY, POP, pops_it_already, SAME, nothing, "it is being popped; its receipt follows"),
    ROW(POPPABLE, POP, may_pop, POPPING, begin_pop, "a generation is taken back"),
    ROW(UNDECIDED, POP, is_ordered, REVERTING, revert_ordered, "rolled back by order: the open trial first"),
    ROW(IN(STARTING), POP, is_ordered, CLOSING, call_off, "rolled back by order: the start is called off first"),
    ROW(UNDOING | IN(POPPING) | IN(CLOSING), POP, is_ordered, SAME, record_order, "rolled back by order: what is under way comes first"),
    ROW(ANY, POP, always, SAME, refuse_pop, "it may not be popped"),
    ROW(IN(POPPING), RECORDED, recorded, REVERTING, undo_generation, "its end is recorded; undoing"),
    ROW(IN(POPPING), RECORDED, refused_once, SAME, mark_popping_again, "the journal refused it; asked once more before anything is undone"),
    ROW(IN(POPPING), RECORDED, not_recorded, REVERTING, undo_generation, "the journal cannot be written; undoing from memory"),
    ROW(IN(POPPING), TIMEOUT, waited_enough, REVERTING, undo_generation, "the journal is slow; undoing from memory"),

    /* revert: nothing stops it */
    ROW(IN(REVERTING), UNDONE, all_undone, VERIFYING, verify, "all undone; looking whether it is so"),
    ROW(IN(REVERTING), UNDONE, always, SAME, undo_next, "the next one that may be undone"),
    ROW(UNDOING, TIMEOUT, newly_over_budget, SAME, say_over_budget, "taking it back takes longer than planned"),
    ROW(IN(REVERTING), TIMEOUT, all_undone, VERIFYING, verify, "nothing is left to undo; looking whether it is so"),
    ROW(IN(REVERTING), TIMEOUT, retry_is_due, SAME, undo_next, "tried again"),
    ROW(IN(VERIFYING), VERIFIED, went_well, CLOSING, write_end, "taken back and verified"),
    ROW(IN(VERIFYING), VERIFIED, always, SAME, verify_later, "it is not as it was"),
    ROW(IN(VERIFYING), TIMEOUT, verify_is_due, SAME, verify, "looked at again"),

    /* the end, and its receipt */
    ROW(IN(CLOSING), RECORDED, an_end_is_missing, REVERTING, revert_found, "an earlier end was not written: it is taken back again"),
    ROW(IN(CLOSING), RECORDED, all_written_and_more, POPPING, pop_next, "its receipt is written; the next generation"),
    ROW(IN(CLOSING), RECORDED, all_written, IDLE, forget, "all of it is written"),
    ROW(IN(CLOSING), TIMEOUT, end_is_due, SAME, write_end, "the end is not written yet; tried again"),

    /* asked in passing */
    ROW(ANY, STANDING, stands_unsynced, SAME, nothing, "it stands, which the disk has not synced yet: it is asked for again"),
    ROW(ANY, STANDING, stands, SAME, state_standing, "it stands confirmed"),
    ROW(ANY, STANDING, always, SAME, refuse_standing, "it does not stand here"),
    ROW(UNDOING, STACK, is_incomplete, SAME, give_stack_and_receipt, "a hello begins; that not everything is back yet is said again"),
    ROW(ANY, STACK, always, SAME, give_stack, "a hello begins"),
    ROW(ANY, FENCE, always, FENCED, let_go, "rescue takes the journal"),
};
/* clang-format on */

enum { ROWS = sizeof(table) / sizeof(table[0]) };
_Static_assert(sizeof(table) / sizeof(table[0]) <= TRIAL_ROWS_MAX, "raise TRIAL_ROWS_MAX");

const struct transition *trial_table_find(const struct move *move, enum guard_event_kind on)
{
    unsigned in = 1u << move->trial->state;

    for (unsigned i = 0; i < ROWS; i++) {
        if ((table[i].from & in) != 0 && table[i].on == on && table[i].fits(move))
            return &table[i];
    }
    return NULL;
}

uint32_t trial_table_index(const struct transition *row)
{
    return (uint32_t)(row - table);
}

bool trial_table_row(uint32_t i, struct trial_row *ret_row)
{
    if (i >= ROWS)
        return false;
    *ret_row = (struct trial_row){table[i].from,    table[i].to,      table[i].on,
                                  table[i].if_name, table[i].do_name, table[i].because};
    return true;
}
