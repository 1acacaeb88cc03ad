/*
 * judged_fleets: of the fleet, its gates, its holds and its end: what the model has to say when
 * something of it goes wrong.
 */
#include <string.h>

#include "tests/sim/judged.h"

/* ---- one first ------------------------------------------------------------------------------- */

static void second_without_the_first(struct world *world)
{
    struct generation_id id = judged_id(CALYPSO, 1, 0);

    judged_try(world, CALYPSO, &id);
}

static void second_when_the_first_is_gone(struct world *world)
{
    struct generation_id first = judged_id(STYX, 1, 0), second = judged_id(CALYPSO, 1, 0);

    judged_confirm(world, STYX, &first);
    judged_pop(world, STYX, &first);
    world->now += STALE_MS + 1;
    judged_try(world, CALYPSO, &second);
}

/* The first stands; the two behind it, of a stage each, are on trial together. */
static void two_at_once(struct world *world)
{
    for (int host = STYX; host <= TETHYS; host++) {
        struct generation_id id = judged_id(host, 1, 0);

        world->change->stage_of[host] = host == STYX ? 0 : 1;
        if (host == STYX)
            judged_confirm(world, host, &id);
        else
            judged_try(world, host, &id);
    }
    if (world->violation[0] != '\0')
        return; /* of one stage they may be */
    world->change->stage_of[TETHYS] = 2;
    model_check(world->model);
}

static void two_in_doubt(struct world *world)
{
    struct rollout_record *record = &world->lead.rollout->record;

    record->state = ROLLOUT_STAGE;
    record->targets[CALYPSO].in_doubt = record->targets[TETHYS].in_doubt = true;
    model_lead_moved(world->model, EVENT_TIMEOUT);
    model_check(world->model);
}

/* Behind an older database it may be, until it has learned what it had forgotten. */
static void two_in_doubt_behind_a_backup(struct world *world)
{
    struct target_record *targets = world->lead.rollout->record.targets;

    model_lead_forgets(world->model);
    two_in_doubt(world);
    if (world->violation[0] != '\0') {
        world->violation[0] = '\0';
        return; /* too early */
    }
    world->now++;
    for (int host = STYX; host <= TETHYS; host++) {
        struct message *stack = network_message(TELL_STACK, host);

        model_lead_takes(world->model, stack, world->now);
        network_message_free(stack);
        targets[host].in_doubt = false;
    }
    model_lead_moved(world->model, EVENT_TIMEOUT);
    model_check(world->model);
    two_in_doubt(world);
}

static void old_journal_settles(struct world *world)
{
    model_lead_hears(world->model, STYX, 1);
    model_lead_settles(world->model, STYX, 0);
}

/* ---- gates and holds ------------------------------------------------------------------------- */

/* All that has to be true before a stage is, and was told just now. */
static void tell_all(struct world *world)
{
    for (int host = 0; host < world->hosts_count; host++) {
        model_heard(world->model, host);
        for (int node = 0; node < world->nodes_count; node++)
            model_reach_told(world->model, host, node, VERDICT_PASS);
        if (host >= world->nodes_count)
            continue;
        for (unsigned check = 0; check < SIM_CHECKS; check++)
            model_check_told(world->model, host, check, VERDICT_PASS);
        model_snapshot_told(world->model, host);
        model_rehearsal_told(world->model, host, true);
    }
}

static void undecided_says_yes(struct world *world)
{
    world->hosts[STYX].undecided_until = world->now + 1;
    model_says(world->model, STYX, STYX, VERDICT_UNKNOWN);
    if (world->violation[0] == '\0')
        model_says(world->model, STYX, STYX, VERDICT_PASS);
}

static void shut_out_says_yes(struct world *world)
{
    world->hosts[STYX].blind_from = UINT64_C(1) << OFFICE;
    model_says(world->model, OFFICE, CALYPSO, VERDICT_PASS);
    world->hosts[OFFICE].lie = LIE_YES;
    model_says(world->model, OFFICE, STYX, VERDICT_PASS);
    world->hosts[OFFICE].lie = LIE_NONE;
    if (world->violation[0] == '\0')
        model_says(world->model, OFFICE, STYX, VERDICT_PASS);
}

/* Each by itself is in the way: the first that is not seen to be is said. */
static bool passes_all_the_same(struct world *world)
{
    bool seen;

    model_gates(world->model, 0, true, "");
    seen = world->violation[0] == '9';
    world->violation[0] = '\0';
    tell_all(world);
    return seen;
}

static void put(struct world *world, enum hold_kind kind, int host)
{
    struct seen_hold hold = {.id = 1, .kind = kind, .host = host, .closes_min = 0};

    model_put(world->model, &hold);
}

/* The last of them is kept: it is what is said. */
static void gates_pass_wrongly(struct world *world)
{
    struct check_model *model = world->model;
    int64_t not_after = world->approvals[0].not_after;
    bool seen = true;

    tell_all(world);
    model_gates(model, 0, true, ""); /* well */
    seen &= world->violation[0] == '\0';
    model_unheard(model, CALYPSO);
    seen &= passes_all_the_same(world);
    model_check_told(model, TETHYS, SIM_DATABASE, VERDICT_UNKNOWN);
    seen &= passes_all_the_same(world);
    for (int witness = 0; witness < world->hosts_count; witness++)
        model_reach_told(model, witness, STYX, VERDICT_FAIL);
    seen &= passes_all_the_same(world);
    model_rehearsal_told(model, STYX, false);
    seen &= passes_all_the_same(world);
    world->hosts[STYX].kernel->others = 1u << SIM_TWIN;
    model_snapshot_told(model, STYX);
    world->hosts[STYX].kernel->others = 0;
    seen &= passes_all_the_same(world);
    world->approvals[0].not_after = 0;
    seen &= passes_all_the_same(world);
    world->approvals[0].not_after = not_after;
    world->change->unjustified = true;
    seen &= passes_all_the_same(world);
    world->change->unjustified = false;
    world->now += 31000; /* snapshots are old */
    for (int host = 0; host < world->hosts_count; host++)
        model_heard(model, host);
    seen &= passes_all_the_same(world);
    put(world, HOLD_WINDOW, -1);
    seen &= passes_all_the_same(world);
    model_lift(model, 1);
    model_gates(model, 0, true, ""); /* well again */
    seen &= world->violation[0] == '\0';
    put(world, HOLD_FREEZE, STYX);
    if (seen)
        model_gates(model, 0, true, "");
}

static void gates_pass_over_a_failed_proof(struct world *world)
{
    struct receipt receipt = {.kind = RECEIPT_REVERTED, .cause = CAUSE_PROOF_FAILED};
    struct hash name = {{3}};

    tell_all(world);
    model_quarantine(world->model, STYX, &receipt, &name);
    model_gates(world->model, 0, true, "");
}

/* The approval that names it has begun; the one that is asked about names nothing. */
static void pass_over_what_was_answered(struct world *world, bool synced)
{
    struct receipt receipt = {.kind = RECEIPT_REVERTED, .cause = CAUSE_PROOF_FAILED};
    struct generation_id id = judged_id(STYX, 1, 0);
    AUTO_FREE struct guard_record *begin = judged_record(world, STYX, RECORD_BEGIN, &id);
    struct lift lift = {.receipt = {{3}}, .reason = "understood"};

    tell_all(world);
    model_quarantine(world->model, STYX, &receipt, &lift.receipt);
    world->approvals[0].lifts[world->approvals[0].lifts_count++] = lift;
    model_record(world->model, STYX, begin, synced);
    world->approvals[1] = world->approvals[0];
    world->approvals[1].lifts_count = 0;
    world->attempt = world->lead.sequence = 2;
    model_gates(world->model, 0, true, "");
}

/* Its disk refused the first intent: it has begun, and nothing was touched. */
static void gates_pass_over_an_answered_proof(struct world *world)
{
    pass_over_what_was_answered(world, true);
}

static void gates_pass_over_an_answer_that_may_be_lost(struct world *world)
{
    pass_over_what_was_answered(world, false);
}

static void gates_say_no_to_nothing(struct world *world)
{
    tell_all(world);
    model_gates(world->model, 0, false, "it is Monday");
}

static void freeze_leaves_a_trial(struct world *world)
{
    world->lead.rollout->record.state = ROLLOUT_STAGE;
    model_frozen(world->model, 1u << STYX);
}

static void starts_on_old_gates(struct world *world)
{
    tell_all(world);
    model_gates(world->model, 0, true, "");
    world->now += 90001;
    model_sends_start(world->model, STYX, world->now);
}

/* The start that was decided in time lay about. */
static void touches_on_old_gates(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    tell_all(world);
    model_gates(world->model, 0, true, "");
    model_sends_start(world->model, STYX, world->now);
    world->now += 90001;
    judged_try(world, STYX, &id);
}

static void starts_after_a_hold(struct world *world)
{
    tell_all(world);
    model_gates(world->model, 0, true, "");
    put(world, HOLD_PAUSE, STYX);
    model_sends_start(world->model, STYX, world->now);
}

static void starts_after_a_failing_check(struct world *world)
{
    tell_all(world);
    model_gates(world->model, 0, true, "");
    model_asks_again(world->model);
    model_sends_start(world->model, STYX, world->now);
}

static void say_next(struct world *world)
{
    world->lead.rollout->record.state = ROLLOUT_PAUSED;
    model_lead_told(world->model, EVENT_NEXT);
}

/* Somebody said it while the first was on trial; the second waits for one that is said behind it.
 */
static void starts_unpromoted(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    tell_all(world);
    model_gates(world->model, 1, true, "");
    say_next(world);
    judged_confirm(world, STYX, &id);
    model_gates(world->model, 1, true, "");
    model_sends_start(world->model, CALYPSO, world->now);
}

/* After each: the second as well. */
static void starts_the_last_unpromoted(struct world *world)
{
    struct generation_id styx = judged_id(STYX, 1, 0), calypso = judged_id(CALYPSO, 1, 0);

    world->change->manifest->pause_after = PAUSE_EACH;
    judged_confirm(world, STYX, &styx);
    say_next(world);
    judged_confirm(world, CALYPSO, &calypso);
    tell_all(world);
    model_gates(world->model, 1, true, "");
    model_gates(world->model, 2, true, "");
    model_sends_start(world->model, CALYPSO, world->now);
    if (world->violation[0] == '\0')
        model_sends_start(world->model, TETHYS, world->now);
}

static void wait_after(struct world *world, enum pause_after after, uint32_t stage)
{
    struct rollout_record *record = &world->lead.rollout->record;

    world->change->manifest->pause_after = after;
    record->state = ROLLOUT_STAGE;
    model_lead_told(world->model, EVENT_RECEIPT);
    record->state = ROLLOUT_PAUSED;
    record->stage = stage;
    model_lead_moved(world->model, EVENT_RECEIPT);
}

static void waits_unasked(struct world *world)
{
    wait_after(world, PAUSE_EACH, 1);
    wait_after(world, PAUSE_FIRST, 0);
    if (world->violation[0] == '\0')
        wait_after(world, PAUSE_NONE, 0);
}

static void waits_after_the_last(struct world *world)
{
    wait_after(world, PAUSE_EACH, 2);
}

static void puts_too_many(struct world *world)
{
    for (unsigned i = 0; i <= SEEN_HOLDS_MAX; i++)
        put(world, HOLD_PAUSE, STYX);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void ends_on_trial(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    judged_try(world, STYX, &id);
    model_check_end(world->model);
}

static void ends_with_a_rest(struct world *world)
{
    world->hosts[STYX].in_kernel[SIM_FIRST][SIM_RULE] = true;
    model_check_end(world->model);
}

static void ends_unknown(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    judged_confirm(world, STYX, &id);
    model_check_end(world->model);
}

static void ends_unknown_behind_a_backup(struct world *world)
{
    model_lead_forgets(world->model);
    ends_unknown(world);
}

/* All was taken back behind the backup, in which the rollout is that. */
static void end_complete_behind_a_backup(struct world *world, enum rollout_state then)
{
    struct rollout_record *record = &world->lead.rollout->record;

    world->lead.stored.state = then;
    model_lead_forgets(world->model);
    record->state = ROLLOUT_COMPLETE;
    record->targets[STYX].receipt = RECEIPT_CONFIRMED;
    model_check_end(world->model);
}

static void ends_complete_by_history(struct world *world)
{
    end_complete_behind_a_backup(world, ROLLOUT_COMPLETE);
}

static void ends_complete_by_itself(struct world *world)
{
    end_complete_behind_a_backup(world, ROLLOUT_STAGE);
}

static void ends_in_part(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    judged_confirm(world, STYX, &id);
    world->lead.rollout->record.targets[STYX].receipt = RECEIPT_CONFIRMED;
    world->lead.rollout->record.state = ROLLOUT_REVERTED;
    model_check_end(world->model);
}

static void ends_with_a_removed_one_listed(struct world *world)
{
    world->hosts[STYX].removed = true;
    world->lead.rollout->record.targets[STYX].listed = true;
    model_check_end(world->model);
}

/* It was being taken back from memory, and its journal knows nothing of that. */
static void end_behind_a_lost_pop(struct world *world, uint32_t gone)
{
    struct generation_id id = judged_id(STYX, 1, 0);
    AUTO_FREE struct guard_record *mark = judged_record(world, STYX, RECORD_MARK, &id);
    struct host *host = &world->hosts[STYX];

    judged_confirm(world, STYX, &id);
    mark->mark = MARK_CONFIRMED;
    host->disk = mem_grow(host->disk, host->disk_count, &host->disk_capacity, sizeof(*host->disk));
    host->disk[host->disk_count++] = (struct disk_entry){.record = *mark, .synced = true};
    judged_pop(world, STYX, &id);
    host->in_kernel[SIM_FIRST][gone] = false;
    model_guard_starts(world->model, STYX);
    world->lead.rollout->record.targets[STYX].receipt = RECEIPT_CONFIRMED;
    world->lead.rollout->record.state = ROLLOUT_COMPLETE;
    world->lead.alone = true;
    model_check_end(world->model);
}

static void ends_without_its_rule(struct world *world)
{
    end_behind_a_lost_pop(world, SIM_RULE);
}

static void ends_without_its_preference(struct world *world)
{
    end_behind_a_lost_pop(world, SIM_PREF);
}

const struct judged judged_fleets[] = {
    {"2: calypso is touched and styx never confirmed", second_without_the_first},
    {"2: calypso is touched 30001 ms after styx stood", second_when_the_first_is_gone},
    {"1: 2 nodes are changed and not confirmed", two_at_once},
    {"1: 2 nodes are in doubt", two_in_doubt},
    {"1: 2 nodes are in doubt", two_in_doubt_behind_a_backup},
    {"1: styx is confirmed again by what its old journal's guard said", old_journal_settles},
    {"9: styx says yes of styx, which it does not know", undecided_says_yes},
    {"9: office says yes of styx, which it does not know", shut_out_says_yes},
    {"9: the gates of stage 1 pass, and hold 1 is on styx", gates_pass_wrongly},
    {"9: the gates of stage 1 pass, and a failed proof of styx is not answered",
     gates_pass_over_a_failed_proof},
    {"9: the gates of stage 1 pass, and a failed proof of styx is not answered",
     gates_pass_over_an_answer_that_may_be_lost},
    {"5: nothing is in the way of stage 1, and the gates say: it is Monday",
     gates_say_no_to_nothing},
    {"9: a freeze comes, and styx stays in doubt", freeze_leaves_a_trial},
    {"9: styx is started 90001 ms after the gates passed", starts_on_old_gates},
    {"9: styx is touched 90001 ms after the gates passed", touches_on_old_gates},
    {"9: styx is started, and was put on hold after the gates passed", starts_after_a_hold},
    {"9: styx is started, and a check newly failed after the gates passed",
     starts_after_a_failing_check},
    {"9: calypso is started, and nobody said next after stage 1", starts_unpromoted},
    {"9: tethys is started, and nobody said next after stage 2", starts_the_last_unpromoted},
    {"5: it waits for a person after stage 1, as nobody asked for", waits_unasked},
    {"5: it waits for a person after stage 3, as nobody asked for", waits_after_the_last},
    {"the model has no room for hold 1", puts_too_many},
    {"5: at the end the guard of styx is", ends_on_trial},
    {"6: at the end operation 2 of styx is in its kernel and it did not confirm", ends_with_a_rest},
    {"6: at the end operation 2 of styx is gone and it confirmed", ends_without_its_rule},
    {"6: at the end the controller thinks that styx is not, and it stands", ends_unknown},
    {"6: at the end the controller thinks that styx is not, and it stands",
     ends_unknown_behind_a_backup},
    {"6: at the end the controller thinks that styx is confirmed, and it does not stand",
     ends_complete_by_itself},
    {"7: the rollout ended reverted and styx is confirmed", ends_in_part},
    {"5: at the end styx is out of the roster, and still listed", ends_with_a_removed_one_listed},
    {NULL, NULL},
};

/* The disk of the first has lost its journal. */
static void one_beside_a_betrayed(struct world *world)
{
    struct generation_id styx = judged_id(STYX, 1, 0), calypso = judged_id(CALYPSO, 1, 0);

    model_betrayed(world->model, STYX);
    judged_try(world, STYX, &styx);
    judged_try(world, CALYPSO, &calypso);
}

/* Both are being taken back, and the older database has the controller go ahead still. */
static void two_go_back_behind_a_backup(struct world *world)
{
    model_lead_forgets(world->model);
    world->now++;
    for (int host = STYX; host <= CALYPSO; host++) {
        struct generation_id id = judged_id(host, 1, 0);

        judged_confirm(world, host, &id);
    }
    for (int host = STYX; host <= TETHYS; host++) {
        struct message *stack = network_message(TELL_STACK, host);
        struct generation_id id = judged_id(host, 1, 0);

        model_lead_takes(world->model, stack, world->now);
        network_message_free(stack);
        world->lead.rollout->record.targets[host].in_doubt = host != TETHYS;
        if (host != TETHYS)
            judged_pop(world, host, &id);
    }
    world->lead.rollout->record.state = ROLLOUT_LEARNING;
    world->lead.stored = world->lead.rollout->record;
    model_lead_moved(world->model, EVENT_TIMEOUT);
    model_check(world->model);
}

const struct judged judged_fine_fleets[] = {
    {"", two_go_back_behind_a_backup},       {"", one_beside_a_betrayed},
    {"", gates_pass_over_an_answered_proof}, {"", ends_without_its_preference},
    {"", ends_complete_by_history},          {NULL, NULL},
};
