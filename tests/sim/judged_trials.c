/*
 * judged_trials: of one node's trial: what the model has to say when something of it goes wrong.
 */
#include <string.h>

#include "tests/sim/judged.h"

/* ---- prepare and start ----------------------------------------------------------------------- */

static void prepares_unsigned(struct world *world)
{
    struct generation_id id = judged_id(STYX, 9, 0);

    judged_prepare(world, STYX, &id);
}

static void prepares_expired(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    world->approvals[0].not_after = world_unix(world, NULL) - 1;
    judged_prepare(world, STYX, &id);
}

/* Its journal has a record that is later than its clock is now. */
static void prepares_in_the_past(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    judged_start(world, STYX, &id);
    world->hosts[STYX].wall_offset_s = -3600;
    judged_prepare(world, STYX, &id);
}

static void starts_over_no_nonce(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    judged_start(world, STYX, &id);
    judged_intend(world, STYX, &id);
    judged_touch(world, STYX, &id);
}

static void starts_over_an_old_nonce(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    judged_prepare(world, STYX, &id);
    judged_start(world, STYX, &id);
    judged_intend(world, STYX, &id);
    world->now += STALE_MS + 1;
    judged_touch(world, STYX, &id);
}

static void starts_unsigned(struct world *world)
{
    struct generation_id id = judged_id(STYX, 9, 0);

    model_offer(world->model, STYX, &id);
    judged_start(world, STYX, &id);
    judged_intend(world, STYX, &id);
    judged_touch(world, STYX, &id);
}

static void revert(struct world *world, const struct generation_id *id)
{
    model_reverting(world->model, STYX, id);
    judged_set_kernel(world, STYX, false);
    judged_mark(world, STYX, id, MARK_REVERTED, true);
}

static void starts_twice(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0), again = judged_id(STYX, 1, 1);

    judged_try(world, STYX, &id);
    revert(world, &id);
    judged_try(world, STYX, &again);
}

static void starts_out_of_sequence(struct world *world)
{
    struct generation_id id = judged_id(STYX, 2, 0), before = judged_id(STYX, 1, 1);

    world->approvals[1] = world->approvals[0];
    world->attempt = 2;
    judged_try(world, STYX, &id);
    revert(world, &id);
    judged_try(world, STYX, &before);
}

static void starts_behind_its_tombstone(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    judged_mark(world, STYX, &id, MARK_TOMBSTONE, true);
    judged_try(world, STYX, &id);
}

static void starts_behind_an_end(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);
    AUTO_FREE struct guard_record *end = judged_record(world, STYX, RECORD_RECEIPT, &id);

    end->receipt.receipt.kind = RECEIPT_REVERTED;
    end->receipt.receipt_hash.bytes[0] = 5;
    model_record(world->model, STYX, end, true);
    judged_try(world, STYX, &id);
}

/* The approval that answers it had begun, and the power took that. */
static void starts_behind_a_lost_answer(struct world *world)
{
    struct generation_id first = judged_id(STYX, 1, 0), second = judged_id(STYX, 2, 1);
    AUTO_FREE struct guard_record *end = judged_record(world, STYX, RECORD_RECEIPT, &first);
    AUTO_FREE struct guard_record *begin = judged_record(world, STYX, RECORD_BEGIN, &first);

    end->receipt.receipt.kind = RECEIPT_REVERTED;
    end->receipt.receipt_hash.bytes[0] = 5;
    model_record(world->model, STYX, end, true);
    world->approvals[1] = world->approvals[0];
    world->attempt = 2;
    world->approvals[0].lifts[0] = (struct lift){.receipt = {{5}}};
    world->approvals[0].lifts_count = 1;
    model_record(world->model, STYX, begin, false);
    model_lost(world->model, STYX);
    judged_try(world, STYX, &second);
}

/* A record that the power took with it, of a day that never came. */
static void prepares_behind_a_lost_record(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);
    AUTO_FREE struct guard_record *lost = judged_record(world, STYX, RECORD_BEGIN, &id);

    lost->at += 3600;
    model_record(world->model, STYX, lost, false);
    model_lost(world->model, STYX);
    model_synced(world->model, STYX);
    judged_try(world, STYX, &id);
    model_check(world->model);
}

/* Of which nobody was told. */
static void starts_behind_a_lost_tombstone(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    judged_mark(world, STYX, &id, MARK_TOMBSTONE, false);
    model_lost(world->model, STYX);
    judged_try(world, STYX, &id);
}

static void starts_unseen(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);
    AUTO_FREE struct message *start = mem_alloc(1, sizeof(*start));

    start->host = STYX;
    start->id = id;
    judged_prepare(world, STYX, &id);
    judged_intend(world, STYX, &id);
    model_start(world->model, start); /* nobody's statement comes along */
    model_started(world->model, STYX);
    judged_touch(world, STYX, &id);
}

static void does_before_its_intent(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    judged_prepare(world, STYX, &id);
    judged_start(world, STYX, &id);
    judged_touch(world, STYX, &id);
}

static void starts_above_what_stands(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0), next = judged_id(STYX, 2, 1);

    judged_confirm(world, STYX, &id);
    world->approvals[1] = world->approvals[0];
    world->attempt = 2;
    judged_try(world, STYX, &next);
}

/* ---- on trial -------------------------------------------------------------------------------- */

static void says_first_over_old(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    judged_try(world, STYX, &id);
    judged_nonce(world, STYX, false, false);
}

static void says_last_over_old(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    judged_try(world, STYX, &id);
    judged_soak(world, STYX);
    judged_nonce(world, STYX, false, true);
}

static void says_last_unsoaked(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);
    struct nonce first;

    judged_try(world, STYX, &id);
    first = judged_nonce(world, STYX, true, false);
    judged_prove(world, STYX, &first);
    judged_nonce(world, STYX, true, true);
}

static void stands_past_its_lease(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);
    struct nonce first;

    judged_try(world, STYX, &id);
    first = judged_nonce(world, STYX, true, false);
    judged_prove(world, STYX, &first);
    world->now += LEASE_MS + LATE_MS;
    model_check(world->model);
    if (world->violation[0] != '\0')
        return; /* that was in time */
    world->now++;
    model_check(world->model);
}

static void stands_on_a_no(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);
    struct nonce nonce;

    judged_try(world, STYX, &id);
    nonce = judged_nonce(world, STYX, true, false);
    judged_prove(world, STYX, &nonce);
    for (unsigned period = 0; period < 4; period++) {
        judged_say(world, STYX, TETHYS, &nonce, VERDICT_FAIL);
        judged_prove(world, STYX, &nonce);
        world->now += 2000;
        nonce = judged_nonce(world, STYX, false, false);
    }
}

static void stands_for_too_long(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);
    mono_t gives_up = world->now + SOAK_MS + 2 * LEASE_MS;

    judged_try(world, STYX, &id);
    while (world->now <= gives_up)
        judged_soak(world, STYX);
}

static void loses_its_shield_first(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    judged_try(world, STYX, &id);
    model_reverting(world->model, STYX, &id);
    world->hosts[STYX].in_kernel[SIM_FIRST][SIM_SHIELD] = false;
    model_undone(world->model, STYX, SIM_FIRST, SIM_SHIELD);
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Soaked and proven to the end, but for a last nonce where none is asked for. */
static struct generation_id soak(struct world *world, bool last)
{
    struct generation_id id = judged_id(STYX, 1, 0);
    struct nonce nonce;

    judged_try(world, STYX, &id);
    judged_soak(world, STYX);
    if (last) {
        nonce = judged_nonce(world, STYX, true, true);
        judged_prove(world, STYX, &nonce);
    }
    judged_mark(world, STYX, &id, MARK_CONFIRMING, true);
    return id;
}

static void confirms_cut_off(struct world *world)
{
    struct generation_id id = soak(world, true);

    world->hosts[STYX].damages[SIM_FIRST].cut_from = UINT64_MAX;
    judged_mark(world, STYX, &id, MARK_CONFIRMED, true);
}

static void confirms_broken(struct world *world)
{
    struct generation_id id = soak(world, true);

    world->hosts[STYX].damages[SIM_FIRST].breaks_own = true;
    judged_mark(world, STYX, &id, MARK_CONFIRMED, true);
}

static void confirms_what_is_not_on_trial(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    judged_mark(world, STYX, &id, MARK_CONFIRMED, true);
}

static void confirms_past_its_deadline(struct world *world)
{
    struct generation_id id = soak(world, true);

    world->now += LEASE_MS;
    judged_mark(world, STYX, &id, MARK_CONFIRMING, true);
    judged_mark(world, STYX, &id, MARK_CONFIRMED, true);
}

static void confirms_unsoaked(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);
    struct nonce first;

    judged_try(world, STYX, &id);
    first = judged_nonce(world, STYX, true, false);
    judged_prove(world, STYX, &first);
    judged_mark(world, STYX, &id, MARK_CONFIRMING, true);
    judged_mark(world, STYX, &id, MARK_CONFIRMED, true);
}

static void confirms_without_a_last(struct world *world)
{
    struct generation_id id = soak(world, false);

    judged_mark(world, STYX, &id, MARK_CONFIRMED, true);
}

static void ends_changed(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    judged_try(world, STYX, &id);
    model_reverting(world->model, STYX, &id);
    judged_mark(world, STYX, &id, MARK_REVERTED, true);
}

static void tells(struct world *world, const struct generation_id *id, enum receipt_kind kind)
{
    struct receipt receipt = {.generation = *id, .kind = kind};

    model_receipt(world->model, STYX, &receipt);
}

static void tells_unsynced(struct world *world)
{
    struct generation_id id = soak(world, true);

    judged_mark(world, STYX, &id, MARK_CONFIRMED, false);
    tells(world, &id, RECEIPT_CONFIRMED);
}

static void tells_confirmed_unwritten(struct world *world)
{
    struct generation_id id = soak(world, true);

    tells(world, &id, RECEIPT_CONFIRMED);
}

static void tells_reverted_on_trial(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    judged_try(world, STYX, &id);
    tells(world, &id, RECEIPT_REVERTED);
}

/* ---- its kernel ------------------------------------------------------------------------------ */

static void loses_what_is_others(struct world *world)
{
    kernel_turn_other(world->hosts[STYX].kernel, 0);
    world->hosts[STYX].kernel->others = 1u << 1; /* as they left it */
    model_kernel(world->model, STYX);
}

static void loses_what_is_its_own(struct world *world)
{
    world->hosts[STYX].kernel->base_routes++;
    model_kernel(world->model, STYX);
}

/* Two say the opposite of what they see, and the network keeps one from what the change does not
 * cut it off from. */
static void confirm_by_opposites(struct world *world, bool blind)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    world->hosts[CALYPSO].lie = world->hosts[TETHYS].lie = LIE_OPPOSITE;
    world->hosts[STYX].blind_from = blind ? 1u << CALYPSO : 0;
    judged_confirm(world, STYX, &id);
}

static void confirms_by_an_opposite(struct world *world)
{
    confirm_by_opposites(world, false);
}

static void confirms_by_a_blind_opposite(struct world *world)
{
    confirm_by_opposites(world, true);
}

const struct judged judged_trials[] = {
    {"4: styx prepares sequence 9, which nobody signed", prepares_unsigned},
    {"4: styx prepares what expired 1 s ago", prepares_expired},
    {"4: styx prepares 3600 s before what its journal knows of", prepares_in_the_past},
    {"3: styx is touched over a nonce that is not out", starts_over_no_nonce},
    {"3: styx is touched 30001 ms after its nonce", starts_over_an_old_nonce},
    {"4: styx applies sequence 9, which nobody signed", starts_unsigned},
    {"4: styx applies sequence 1 a second time", starts_twice},
    {"4: styx applies sequence 1 after 2", starts_out_of_sequence},
    {"5: styx applies sequence 1, of which it has a tombstone", starts_behind_its_tombstone},
    {"18: styx is touched by what was signed before an end there", starts_behind_an_end},
    {"18: styx is touched by what was signed before an end there", starts_behind_a_lost_answer},
    {"2: styx is touched and 0 witnesses saw it before", starts_unseen},
    {"6: styx does operation 1 before its intent is on the disk", does_before_its_intent},
    {"4: styx is touched again before its end", starts_above_what_stands},
    {"8: styx sends a nonce over an old connection before", says_first_over_old},
    {"9: styx sends its last nonce over an old connection", says_last_over_old},
    {"9: styx sends its last nonce before it has soaked", says_last_unsoaked},
    {"3: styx stands 251 ms after its lease", stands_past_its_lease},
    {"11: styx stands, and tethys has said no for", stands_on_a_no},
    {"11: styx is still on trial", stands_for_too_long},
    {"10: styx loses its shield before what it shields", loses_its_shield_first},
    {"9: styx confirms and only 0 witnesses can get in or lie", confirms_cut_off},
    {"9: styx confirms and only 1 witnesses can get in or lie", confirms_by_an_opposite},
    {"9: styx confirms and its own check is broken", confirms_broken},
    {"6: styx confirms what is not on trial", confirms_what_is_not_on_trial},
    {"12: styx confirms after its deadline", confirms_past_its_deadline},
    {"2: styx confirms 0 ms after its first proof", confirms_unsoaked},
    {"9: styx confirms and no last nonce was proven", confirms_without_a_last},
    {"10: styx records an end while the change is in its kernel", ends_changed},
    {"6: styx says confirmed and its disk may still lose it", tells_unsynced},
    {"6: styx says confirmed and its disk does not", tells_confirmed_unwritten},
    {"10: styx says reverted before it is so", tells_reverted_on_trial},
    {"8: route ", loses_what_is_others},
    {"8: styx has ", loses_what_is_its_own},
    {NULL, NULL},
};

const struct judged judged_fine_trials[] = {
    {"", confirms_by_a_blind_opposite},
    {"", prepares_behind_a_lost_record},
    {"", starts_behind_a_lost_tombstone},
    {NULL, NULL},
};
