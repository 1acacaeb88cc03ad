/*
 * rollout_revert: what the rollout machine does on the way back.
 */
#include "common/core/text.h"
#include "controller/core/rollout_table.h"

static void want_back(struct target *target, bool at_once)
{
    struct target_record *record = target->record;

    record->wants = WANTS_REVERT;
    record->listed = record->receipt == RECEIPT_INCOMPLETE;
    target->at_once |= at_once;
    target->prepared = (struct nonce){0};
    target->started = false;
    target->ready_at = target->retry_at = target->asked_at = MONO_NEVER;
    target->refusals = 0;
    target->silent = false;
}

/* Also what was never touched: its tombstone bars a late start, and the next approval needs an end
 * receipt of every target (docs/protocol.md rules 5, 19). */
static void want_all_back(struct rollout_move *move, bool at_once)
{
    struct rollout *rollout = move->rollout;

    rollout->offering = false;
    for (uint32_t i = 0; i < rollout->record.targets_count; i++)
        want_back(&rollout->targets[i], at_once);
}

/* Kept for the requests that say so to the guards. */
static void say_why(struct rollout_move *move)
{
    rollout_say_event(move);
    text_copy(move->rollout->why, sizeof(move->rollout->why), move->detail);
}

void rollout_do_revert(struct rollout_move *move)
{
    say_why(move);
    want_all_back(move, false);
}

void rollout_do_fail(struct rollout_move *move)
{
    const struct target *failed = rollout_first(move->rollout, rollout_has_failed);
    struct text out = TEXT_IN(move->detail);

    text_add(&out, "%s %s", failed->record->name, target_state_name(failed));
    if (failed->record->reason[0] != '\0')
        text_add(&out, ": %s", failed->record->reason);
    text_copy(move->rollout->why, sizeof(move->rollout->why), move->detail);
    want_all_back(move, false);
}

void rollout_do_take_back(struct rollout_move *move)
{
    move->rollout->record.aborted = true;
    rollout_do_revert(move);
}

void rollout_do_take_back_first(struct rollout_move *move)
{
    rollout_do_take_back(move);
    move->target->at_once = true;
}

void rollout_do_take_back_at_once(struct rollout_move *move)
{
    move->rollout->record.aborted = true;
    move->rollout->record.emergency = true;
    say_why(move);
    want_all_back(move, true);
}

void rollout_do_take_back_one(struct rollout_move *move)
{
    move->rollout->record.aborted = true;
    say_why(move);
    want_back(move->target, true);
}

void rollout_do_list(struct rollout_move *move)
{
    struct target *target = rollout_first(move->rollout, rollout_is_newly_passed);

    target->record->listed = true;
    target->silent = true;
    target->heard = false;
    text_copy(target->record->reason, sizeof(target->record->reason), ROLLOUT_NO_ANSWER);
    text_copy(move->detail, sizeof(move->detail), target->record->name);
}

void rollout_do_list_refused(struct rollout_move *move)
{
    struct target *target = rollout_first(move->rollout, rollout_was_refused_for_good);
    struct text out = TEXT_IN(move->detail);

    target->record->listed = true;
    target->refusals = 0;
    target->retry_at = mono_add(move->rollout->now, ROLLOUT_SLOW_RETRY_MS);
    text_add(&out, "%s: %s", target->record->name, target->record->reason);
}

/* Nobody can speak with it any more: what it says has no key to be verified by. */
void rollout_do_let_go(struct rollout_move *move)
{
    struct target_record *record = move->target->record;

    rollout_say_event(move);
    if (target_is_ended(move->target))
        return;
    record->wants = WANTS_NOTHING;
    record->listed = false;
    move->target->at_once = false;
    text_copy(record->reason, sizeof(record->reason), move->ev->reason);
}

void rollout_do_let_go_and_revert(struct rollout_move *move)
{
    rollout_do_revert(move);
    rollout_do_let_go(move);
}

void rollout_do_say_removed(struct rollout_move *move)
{
    const struct rollout_record *record = &move->rollout->record;
    struct text out = TEXT_IN(move->detail);

    for (uint32_t i = 0; i < record->targets_count; i++) {
        if (target_was_let_go(&record->targets[i]))
            text_add(&out, "%s%s", out.len > 0 ? ", " : "", record->targets[i].name);
    }
}

void rollout_do_say_listed(struct rollout_move *move)
{
    const struct rollout_record *record = &move->rollout->record;
    struct text out = TEXT_IN(move->detail);

    for (uint32_t i = 0; i < record->targets_count; i++) {
        if (record->targets[i].listed)
            text_add(&out, "%s%s (%s)", out.len > 0 ? ", " : "", record->targets[i].name,
                     record->targets[i].reason);
    }
}
