/*
 * rollout_table: the rollout machine's rows. Read aloud: from this state, on that event, if the
 * condition holds, to the next state, doing this, because.
 */
#include "controller/core/rollout_table.h"

#include <stddef.h>

#define IN(state) (1u << ROLLOUT_##state)
/* clang-format off */
#define ANY_ROW(from, on, condition, to, action, because, quiet)                                   \
    {from, EVENT_##on, rollout_if_##condition, ROLLOUT_##to, rollout_do_##action, because, quiet,  \
     #condition, #action}
/* clang-format on */
#define ROW(from, on, condition, to, action, because)                                              \
    ANY_ROW(from, on, condition, to, action, because, false)
/* Happens so often that nobody wants a line of it. */
#define QUIET(from, on, condition, to, action, because)                                            \
    ANY_ROW(from, on, condition, to, action, because, true)

#define ROLLOUT_SAME ROLLOUT_STATE_COUNT
#define ANY ((1u << ROLLOUT_STATE_COUNT) - 1)

/* Goes ahead, or waits for a person to say so. */
#define LEADING (IN(LEARNING) | IN(GATES) | IN(STAGE) | IN(PAUSED) | IN(HALTED))
#define GOING_BACK (IN(REVERTING) | IN(INCOMPLETE))
/* Everything was confirmed once; a person may still want it back. */
#define CLOSED (IN(COMPLETE) | IN(ABORTED))

/* clang-format off */
static const struct rollout_transition table[] = {
    /* it begins, or begins again */
    ROW(IN(DRAFTED), START, always, LEARNING, learn_all, "started; first every target says what stands there"),
    ROW(IN(DRAFTED) | IN(LEARNING) | IN(GATES) | IN(STAGE), RESUMED, always, LEARNING, learn_all, "this controller begins to lead; first every target says what stands there"),
    QUIET(IN(PAUSED) | IN(HALTED), RESUMED, always, SAME, learn_all, "this controller begins to lead; it still waits for a person"),
    QUIET(GOING_BACK, RESUMED, always, SAME, learn_all, "this controller begins to lead; the way back goes on"),

    /* a person says */
    ROW(IN(PAUSED), NEXT, always, LEARNING, go_on, "a person says next; every target says again what stands there"),
    ROW(IN(HALTED), NEXT, always, LEARNING, try_again, "a person says next: it is tried again"),
    ROW(IN(DRAFTED), ABORT, always, ABORTED, nothing, "taken back before it began"),
    ROW(LEADING, ABORT, always, REVERTING, take_back, "aborted: it is taken back"),
    ROW(GOING_BACK, ABORT, always, SAME, nothing, "aborted: it is being taken back already"),
    ROW(LEADING, EMERGENCY, names_target, REVERTING, take_back_first, "emergency rollback: this node at once, the others after it"),
    ROW(LEADING | GOING_BACK, EMERGENCY, names_all, REVERTING, take_back_at_once, "emergency rollback: every node at once"),
    ROW(GOING_BACK, EMERGENCY, names_target, REVERTING, take_back_one, "emergency rollback: this node does not wait for its turn"),
    ROW(CLOSED, EMERGENCY, names_standing, REVERTING, take_back_one, "emergency rollback: this node alone; the others keep the change"),
    ROW(CLOSED, EMERGENCY, all_and_some_stand, REVERTING, take_back_at_once, "emergency rollback: every node at once"),

    /* holds and checks */
    ROW(LEADING, FREEZE, freezes_trial, REVERTING, revert, "a freeze takes the open trial back"),
    ROW(IN(LEARNING) | IN(GATES) | IN(STAGE), FREEZE, freezes_target, PAUSED, withdraw, "a freeze stops the next stage; `next` asks the gates again"),
    ROW(IN(LEARNING) | IN(GATES) | IN(STAGE), HOLD, holds_next_stage, PAUSED, withdraw, "a hold stops the next stage; `next` asks the gates again"),
    ROW(IN(LEARNING) | IN(STAGE), HOLD, holds_rest, SAME, withdraw, "a hold: nothing more is offered; the open trial goes on"),
    ROW(LEADING, CHECK_FAILING, has_open_trial, REVERTING, revert, "a critical check newly fails: the open trial is taken back"),
    ROW(IN(STAGE), CHECK_FAILING, offers, GATES, ask_gates_again, "a critical check newly fails before a start: the gates of the stage are asked again"),

    /* a node that is gone does not block the fleet for ever */
    ROW(LEADING, REMOVED, names_target, REVERTING, let_go_and_revert, "a node left the roster, by a signed step: the others are taken back"),
    ROW(GOING_BACK, REMOVED, names_wanted_back, SAME, let_go, "a node left the roster, by a signed step: nobody waits for it any more"),

    /* the gates before a stage */
    ROW(IN(GATES), GATES, gates_pass, STAGE, prepare_stage, "the gates pass; the stage is prepared"),
    ROW(IN(GATES), GATES, gates_await, SAME, await_facts, "the gates wait for what is not known yet, and go on by themselves when it has come"),
    ROW(IN(GATES), GATES, gates_say_no, PAUSED, say_no, "a gate says no; `next` asks again"),
    QUIET(IN(GATES), LOOK, gates_are_slow, SAME, ask_gates, "no answer of the gates yet, or none to go by; asked again"),

    /* prepare, start, prove */
    QUIET(LEADING, PREPARED, is_offered, SAME, ask_statements, "prepared; witnesses and earlier guards are asked over its nonce"),
    QUIET(LEADING, NONCE, is_on_trial, SAME, ask_renewals, "a period is over; every witness looks again"),
    QUIET(LEADING, STATEMENT, is_renewal, SAME, forward, "what a witness says goes to its guard"),
    ROW(LEADING, REFUSED, nonce_was_late, SAME, nothing, "its nonce was too old; it is prepared again"),
    ROW(LEADING, REFUSED, denies_standing, SAME, learn_one, "it does not say that it stands; it is asked what does"),
    ROW(IN(LEARNING) | IN(STAGE), REFUSED, refused_lastingly, HALTED, withdraw, "refused three times, and for good: `next` would be refused the same; a person says `abort`, which takes it back, and starts the change anew, which signs it anew"),
    ROW(IN(LEARNING) | IN(STAGE), REFUSED, refused_too_often, HALTED, withdraw, "refused three times for the same reason; a person mends that and says `next`, which tries again, or `abort`, which takes it back"),
    ROW(IN(LEARNING) | IN(STAGE), REFUSED, refuses_change, SAME, nothing, "refused; it is asked again"),

    /* receipts */
    ROW(ANY, RECEIPT, confirms, SAME, note_receipt, "confirmed by its guard's receipt"),
    ROW(ANY, RECEIPT, ends, SAME, note_receipt, "ended by its guard's receipt"),
    ROW(ANY, RECEIPT, is_incomplete, SAME, note_receipt, "its guard could not take everything back yet; it is listed, its guard goes on"),

    /* what has come of it */
    ROW(LEADING, LOOK, newly_on_trial, SAME, note_trial, "on trial; its guard wants to be proven"),
    ROW(ANY, LOOK, answers_again, SAME, note_answer, "it answers again"),
    ROW(LEADING, LOOK, someone_failed, REVERTING, fail, "a node did not keep the change: it is taken back everywhere"),
    ROW(LEADING & ~IN(HALTED), LOOK, stands_unasked, HALTED, say_unasked, "a node has confirmed what was not asked of it; a person decides: `next` takes it as good, `abort` takes it back"),
    ROW(IN(STAGE), LOOK, begun_is_unknown, HALTED, say_unknown, "a guard does not know the change that it had begun, its journal is another; a person decides: `abort` takes everything back"),
    ROW(IN(LEARNING), LOOK, learned_all_confirmed, COMPLETE, nothing, "every node has confirmed"),
    ROW(IN(LEARNING), LOOK, learned_and_may_pass, GATES, next_stage, "every target has said what stands there; the gates of the next stage are asked"),
    ROW(IN(LEARNING), LOOK, learned_and_stage_done, PAUSED, say_stage, "the stage has confirmed; it waits for `next`"),
    ROW(IN(LEARNING), LOOK, learned_and_on_trial, STAGE, nothing, "every target has said what stands there; the open trial goes on"),
    ROW(IN(LEARNING), LOOK, learned, GATES, ask_gates, "every target has said what stands there; the gates of the stage are asked"),
    ROW(IN(STAGE), LOOK, all_confirmed, COMPLETE, nothing, "every node has confirmed"),
    ROW(IN(STAGE), LOOK, stage_done_and_pauses, PAUSED, say_stage, "the stage has confirmed; it waits for `next`"),
    ROW(IN(STAGE), LOOK, stage_done, LEARNING, learn_all, "the stage has confirmed; before the next one every target says what stands there"),
    ROW(IN(STAGE), LOOK, rest_is_not_offered, LEARNING, learn_all, "the open trial has confirmed; before the rest of the stage every target says what stands there"),
    ROW(IN(STAGE), LOOK, gates_are_old_on_trial, SAME, withdraw, "the gates passed too long ago: nothing more is offered; the open trial goes on"),
    ROW(IN(STAGE), LOOK, gates_are_old, GATES, ask_gates_again, "the gates passed too long before this start: they are asked again"),
    ROW(IN(STAGE), LOOK, may_start, SAME, start, "started; in doubt until its guard's receipt"),
    ROW(IN(STAGE), LOOK, nonce_went_by, SAME, forget_nonce, "the proofs for a start did not come while its nonce was young; it waits for them, and prepares again"),
    ROW(IN(LEARNING) | IN(STAGE), LOOK, newly_silent, SAME, say_silent, "a node does not answer; it is waited for as long as it takes, `abort` takes everything back"),

    /* the way back: reverse order, one at a time, past whom it cannot reach */
    ROW(IN(REVERTING), LOOK, newly_passed, SAME, list, "a node does not answer; it is listed and follows when it returns"),
    ROW(IN(REVERTING), LOOK, refused_for_good, SAME, list_refused, "a node refuses to take it back; it is listed and asked again"),
    ROW(GOING_BACK, LOOK, asked_back_but_removed, ABORTED, say_removed, "taken back where a person said; what stands on one that left the roster, only root there can take back"),
    ROW(GOING_BACK, LOOK, all_back_but_removed, REVERTED, say_removed, "taken back on every node that is left; what stands on one that left the roster, only root there can take back"),
    ROW(GOING_BACK, LOOK, all_back_aborted, ABORTED, nothing, "taken back, as a person said; its guards' receipts say so"),
    ROW(GOING_BACK, LOOK, all_back, REVERTED, nothing, "taken back on every node; its guards' receipts say so"),
    ROW(IN(REVERTING), LOOK, all_back_but_listed, INCOMPLETE, say_listed, "taken back but for those listed, which follow when they return"),
};
/* clang-format on */

enum { ROWS = sizeof(table) / sizeof(table[0]) };

_Static_assert(ROWS <= 64, "rollout->rows has a bit for each");

const struct rollout_transition *rollout_table_find(const struct rollout_move *move, unsigned on)
{
    unsigned in = 1u << move->rollout->record.state;

    for (unsigned i = 0; i < ROWS; i++) {
        if ((table[i].from & in) == 0 || table[i].on != on || !table[i].fits(move))
            continue;
        move->rollout->rows |= UINT64_C(1) << i;
        return &table[i];
    }
    return NULL;
}

bool rollout_table_row(uint32_t i, struct rollout_row *ret_row)
{
    const struct rollout_transition *row;

    if (i >= ROWS)
        return false;
    row = &table[i];
    *ret_row = (struct rollout_row){row->from,   row->to,      (enum rollout_event_kind)row->on,
                                    row->quiet,  row->if_name, row->do_name,
                                    row->because};
    return true;
}
