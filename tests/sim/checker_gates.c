/*
 * checker_gates: the model's half about gates and holds: what has to be true before a stage, from
 * what agents told and people said. It shares no code with the gates.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/checker.h"

enum {
    SNAPSHOT_OLD_MS = 30000,
    REHEARSED_OLD_MS = 60000,
    HEARD_OLD_MS = 70000,  /* a check's interval, and two heartbeats */
    PASSED_OLD_MS = 90000, /* what they said is good for a minute, and for the nonce in it */
    TRIAL_MAX_S = 5 + 3 + SIM_SOAK_S + 2 * SIM_LEASE_S + 20,
    VALID_MAX_S = 7 * 86400 + 60, /* longer ones the approver, or the desk, has by a wrong clock */
};

struct seen_desk *checker_new_desk(void)
{
    struct seen_desk *desk = mem_alloc(1, sizeof(*desk));

    for (int h = 0; h < SIM_HOSTS_MAX; h++) {
        struct seen_facts *facts = &desk->facts[h];

        facts->heard_at = facts->snapshot_at = facts->rehearsed_at = -1;
        for (unsigned i = 0; i < SIM_CHECKS; i++)
            facts->checks[i] = VERDICT_UNKNOWN;
        for (int i = 0; i < SIM_HOSTS_MAX; i++)
            facts->reach[i] = VERDICT_UNKNOWN;
    }
    return desk;
}

/* ---- what is told ---------------------------------------------------------------------------- */

void model_unheard(struct check_model *model, int host)
{
    model->desk->facts[host].connected = false;
}

void model_connected(struct check_model *model, int host)
{
    model->desk->facts[host].connected = true;
}

void model_heard(struct check_model *model, int host)
{
    model_connected(model, host);
    model->desk->facts[host].heard_at = model->world->now;
}

/* 9: who cannot decide, or was not let in, does not say yes; but for one who lies. */
void model_says(struct check_model *model, int host, int subject, enum verdict_value value)
{
    const struct world *world = model->world;
    bool lies = !world->quiet && world->hosts[host].lie != LIE_NONE;

    if (value == VERDICT_PASS && (sim_is_undecided(world, host) ||
                                  (!lies && subject != host && !sim_sees(world, host, subject))))
        world_violate(model->world, "9: %s says yes of %s, which it does not know",
                      world->hosts[host].name, world->hosts[subject].name);
}

void model_check_told(struct check_model *model, int host, unsigned check, enum verdict_value value)
{
    model_says(model, host, host, value);
    model->desk->facts[host].checks[check] = value;
}

void model_reach_told(struct check_model *model, int witness, int host, enum verdict_value value)
{
    model_says(model, witness, host, value);
    model->desk->facts[witness].reach[host] = value;
}

void model_snapshot_told(struct check_model *model, int host)
{
    model->desk->facts[host].snapshot_at = model->world->now;
    model->desk->facts[host].others = model->world->hosts[host].kernel->others;
}

void model_rehearsal_told(struct check_model *model, int host, bool well)
{
    model->desk->facts[host].rehearsed_at = model->world->now;
    model->desk->facts[host].rehearsed_well = well;
    model->desk->facts[host].rehearsed_change = world_change_number(model->world);
}

void model_lead_starts(struct check_model *model)
{
    struct seen_desk *desk = model->desk;

    memset(desk->passed_turn, 0, sizeof(desk->passed_turn));
    for (int h = 0; h < SIM_HOSTS_MAX; h++) {
        desk->facts[h].connected = false;
        desk->facts[h].heard_at = desk->facts[h].snapshot_at = desk->facts[h].rehearsed_at = -1;
    }
}

void model_asks_again(struct check_model *model)
{
    model->desk->asked_again_turn = ++model->desk->turn;
}

/* ---- holds ----------------------------------------------------------------------------------- */

static bool is_closed(const struct seen_hold *hold, int64_t now)
{
    int64_t minute = now % 86400 / 60;

    return minute < hold->opens_min || minute >= hold->closes_min;
}

static bool is_there(const struct seen_hold *hold, int host, int64_t now)
{
    return !hold->lifted && (hold->until == 0 || now < hold->until) &&
           (hold->host < 0 || hold->host == host);
}

void model_put(struct check_model *model, const struct seen_hold *hold)
{
    struct seen_desk *desk = model->desk;
    struct seen_holds *holds = &desk->holds;
    int64_t now = desk_unix(model->world);

    if (holds->count == SEEN_HOLDS_MAX) {
        world_violate(model->world, "the model has no room for hold %llu",
                      (unsigned long long)hold->id);
        return;
    }
    holds->list[holds->count++] = *hold;
    desk->turn++;
    for (int h = 0; h < model->world->nodes_count; h++) {
        if (is_there(hold, h, now) && (hold->kind != HOLD_WINDOW || is_closed(hold, now)))
            desk->facts[h].held_turn = desk->turn;
    }
}

void model_lift(struct check_model *model, uint64_t id)
{
    struct seen_holds *holds = &model->desk->holds;

    for (uint32_t i = 0; i < holds->count; i++)
        holds->list[i].lifted |= holds->list[i].id == id;
}

/* The node's own word that a check or a witness said no. */
void model_quarantine(struct check_model *model, int host, const struct receipt *receipt,
                      const struct hash *hash)
{
    struct seen_holds *holds = &model->desk->holds;

    if (receipt->cause != CAUSE_PROOF_FAILED ||
        (receipt->kind != RECEIPT_REVERTED && receipt->kind != RECEIPT_POPPED) ||
        holds->bars_count == sizeof(holds->bars) / sizeof(holds->bars[0]))
        return;
    holds->bars[holds->bars_count++] = (struct seen_bar){
        host, world_find_change(model->world, &receipt->generation.attempt.body), *hash};
}

void model_backup(struct check_model *model)
{
    model->desk->backup = model->desk->holds;
}

void model_restore(struct check_model *model)
{
    model->desk->holds = model->desk->backup;
}

/* ---- what has to be true --------------------------------------------------------------------- */

/* The first that is in the way. */
struct answer {
    bool yes;
    char why[120];
};

static void say_no(struct answer *answer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say_no(struct answer *answer, const char *format, ...)
{
    va_list arguments;

    if (!answer->yes)
        return;
    answer->yes = false;
    va_start(arguments, format);
    vsnprintf(answer->why, sizeof(answer->why), format, arguments);
    va_end(arguments);
}

/* Whoever says nothing for longer is not known to be well any more. */
static bool is_heard(const struct check_model *model, int host)
{
    const struct seen_facts *facts = &model->desk->facts[host];

    return facts->connected && facts->heard_at >= 0 &&
           model->world->now - facts->heard_at <= HEARD_OLD_MS;
}

static void judge_working(const struct check_model *model, int host, struct answer *answer)
{
    const struct seen_facts *facts = &model->desk->facts[host];

    if (!is_heard(model, host))
        say_no(answer, "%s is not heard", checker_name(model, host));
    for (unsigned i = 0; i < SIM_CHECKS; i++) {
        if (facts->checks[i] != VERDICT_PASS)
            say_no(answer, "check %u of %s is not good", i + 1, checker_name(model, host));
    }
}

static void judge_reach(const struct check_model *model, int host, struct answer *answer)
{
    unsigned reach = 0;

    for (uint32_t i = 0; i < world_witnesses_count(model->world); i++) {
        int witness = model->world->desk->witnesses[host][i];

        reach +=
            is_heard(model, witness) && model->desk->facts[witness].reach[host] == VERDICT_PASS;
    }
    if (reach < QUORUM)
        say_no(answer, "%u witnesses reach %s", reach, checker_name(model, host));
}

static void judge_known(const struct check_model *model, int host, struct answer *answer)
{
    const struct seen_facts *facts = &model->desk->facts[host];
    int change = world_change_number(model->world);
    mono_t now = model->world->now;

    if (facts->snapshot_at < 0 || now - facts->snapshot_at > SNAPSHOT_OLD_MS)
        say_no(answer, "no young snapshot of %s", checker_name(model, host));
    if (facts->rehearsed_at < 0 || now - facts->rehearsed_at > REHEARSED_OLD_MS ||
        !facts->rehearsed_well || facts->rehearsed_change != change)
        say_no(answer, "%s has not rehearsed it well", checker_name(model, host));
    if (kernel_is_taken(change, facts->others))
        say_no(answer, "somebody else's rule is in its place on %s", checker_name(model, host));
}

/* Of several windows one has to be open. */
static void judge_windows(const struct check_model *model, int host, struct answer *answer)
{
    const struct seen_holds *holds = &model->desk->holds;
    int64_t now = desk_unix(model->world);
    bool some = false, open = false;

    for (uint32_t i = 0; i < holds->count; i++) {
        const struct seen_hold *hold = &holds->list[i];

        if (hold->kind != HOLD_WINDOW || !is_there(hold, host, now))
            continue;
        some = true;
        open |= !is_closed(hold, now);
    }
    if (some && !open && !model->world->change->waives_windows)
        say_no(answer, "no window is open for %s", checker_name(model, host));
}

static void judge_holds(const struct check_model *model, int host, struct answer *answer)
{
    const struct seen_holds *holds = &model->desk->holds;

    for (uint32_t i = 0; i < holds->count; i++) {
        if (holds->list[i].kind != HOLD_WINDOW &&
            is_there(&holds->list[i], host, desk_unix(model->world)))
            say_no(answer, "hold %llu is on %s", (unsigned long long)holds->list[i].id,
                   checker_name(model, host));
    }
    judge_windows(model, host, answer);
}

static bool is_named(const struct approval *approval, const struct hash *receipt)
{
    for (uint32_t i = 0; i < approval->lifts_count; i++) {
        if (memcmp(&approval->lifts[i].receipt, receipt, sizeof(*receipt)) == 0)
            return approval->lifts[i].reason[0] != '\0';
    }
    return false;
}

/* By this approval, or an earlier one that was begun there, whether or not anything was touched. */
static bool is_lifted(const struct check_model *model, const struct seen_bar *bar)
{
    const struct world *world = model->world;

    for (uint32_t sequence = 1; sequence < world->lead.sequence; sequence++) {
        if ((model->hosts[bar->host].begun_synced & UINT64_C(1) << sequence) != 0 &&
            is_named(&world->approvals[sequence - 1], &bar->receipt))
            return true;
    }
    return is_named(&world->approvals[world->lead.sequence - 1], &bar->receipt);
}

static void judge_bars(const struct check_model *model, int host, struct answer *answer)
{
    const struct seen_holds *holds = &model->desk->holds;
    int change = world_change_number(model->world);

    for (uint32_t i = 0; i < holds->bars_count; i++) {
        if (holds->bars[i].host == host && !model->hosts[host].betrayed &&
            kernel_overlap(holds->bars[i].change, change) && !is_lifted(model, &holds->bars[i]))
            say_no(answer, "a failed proof of %s is not answered", checker_name(model, host));
    }
}

static void judge_approval(const struct check_model *model, uint32_t stage, struct answer *answer)
{
    const struct world *world = model->world;
    int64_t left = world->approvals[world->lead.sequence - 1].not_after - desk_unix(world);
    uint32_t behind = world->change->manifest->stages_count - stage - 1;

    if (left <= (int64_t)behind * TRIAL_MAX_S)
        say_no(answer, "the approval is valid for %lld s, with %u stages behind this one",
               (long long)left, behind);
    if (left > VALID_MAX_S)
        say_no(answer, "the approval is valid for %lld s", (long long)left);
    if (world->change->unjustified)
        say_no(answer, "nobody says why it is needed");
}

static struct answer judge(const struct check_model *model, uint32_t stage)
{
    struct answer answer = {.yes = true};

    judge_approval(model, stage, &answer);
    for (int h = 0; h < model->world->nodes_count; h++) {
        if (!world_is_target(model->world, h))
            continue;
        judge_working(model, h, &answer);
        if (model->world->change->stage_of[h] < stage)
            continue;
        judge_known(model, h, &answer);
        judge_reach(model, h, &answer);
        judge_holds(model, h, &answer);
        judge_bars(model, h, &answer);
    }
    return answer;
}

/* Both ways: what stands in the way of nothing is no reason for a no either. Which quarantines an
 * older backup still has is known to it alone. */
void model_gates(struct check_model *model, uint32_t stage, bool pass, const char *reason)
{
    struct seen_desk *desk = model->desk;
    struct answer answer = judge(model, stage);

    if (pass && !answer.yes && !model->world->safety && !model->world->assured)
        world_violate(model->world, "9: the gates of stage %u pass, and %s", stage + 1, answer.why);
    if (!pass && answer.yes && desk->holds.bars_count == 0 && !model->world->safety)
        world_violate(model->world, "5: nothing is in the way of stage %u, and the gates say: %s",
                      stage + 1, reason);
    if (!pass)
        return;
    desk->passed_turn[stage] = ++desk->turn;
    desk->passed_at[stage] = model->world->now;
}

/* What the controller itself thinks, as it is what it takes back by. */
uint64_t model_in_doubt(const struct check_model *model, int node)
{
    const struct rollout_record *record = &model->world->lead.rollout->record;
    uint64_t in_doubt = 0;

    for (uint32_t i = 0; i < record->targets_count; i++) {
        int host = checker_host_at(model, i);

        if (record->targets[i].in_doubt && (node < 0 || node == host))
            in_doubt |= UINT64_C(1) << host;
    }
    return in_doubt;
}

static bool goes_on(enum rollout_state state)
{
    return state == ROLLOUT_LEARNING || state == ROLLOUT_GATES || state == ROLLOUT_STAGE ||
           state == ROLLOUT_PAUSED || state == ROLLOUT_HALTED;
}

void model_frozen(struct check_model *model, uint64_t in_doubt)
{
    enum rollout_state state = model->world->lead.rollout->record.state;

    if (in_doubt != 0 && goes_on(state) && !model->world->safety)
        world_violate(model->world,
                      "9: a freeze comes, and %s stays in doubt in a rollout that is %s",
                      checker_name(model, __builtin_ffsll((long long)in_doubt) - 1),
                      rollout_state_name(state));
}

void model_check_failed(struct check_model *model, uint64_t in_doubt)
{
    enum rollout_state state = model->world->lead.rollout->record.state;

    if (in_doubt != 0 && goes_on(state) && !model->world->safety)
        world_violate(model->world,
                      "9: a critical check newly fails, and %s stays in doubt in a rollout that is "
                      "%s",
                      checker_name(model, __builtin_ffsll((long long)in_doubt) - 1),
                      rollout_state_name(state));
}

/* 9: on what the gates said in this life, lately, and before nothing that stops it. */
void model_sends_start(struct check_model *model, int host, mono_t decided_at)
{
    const struct seen_desk *desk = model->desk;
    uint32_t stage = model->world->change->stage_of[host];
    uint64_t passed = stage != SIM_NO_STAGE ? desk->passed_turn[stage] : 0;
    const char *name = checker_name(model, host);

    if (model->world->safety || stage == SIM_NO_STAGE)
        return;
    checker_check_promoted(model, host);
    if (passed == 0 || decided_at - desk->passed_at[stage] > PASSED_OLD_MS)
        world_violate(model->world, "9: %s is started %lld ms after the gates passed", name,
                      (long long)(decided_at - desk->passed_at[stage]));
    else if (passed < desk->facts[host].held_turn)
        world_violate(model->world, "9: %s is started, and was put on hold after the gates passed",
                      name);
    else if (passed < desk->asked_again_turn)
        world_violate(model->world,
                      "9: %s is started, and a check newly failed after the gates passed", name);
}

/* Its nonce was there within the minute, and nothing is touched that is older (rule 3): whatever
 * the start had to wait for, a disk or the way. */
void checker_check_gates_age(struct check_model *model, int host)
{
    uint32_t stage = model->world->change->stage_of[host];
    mono_t passed_at = stage != SIM_NO_STAGE ? model->desk->passed_at[stage] : 0;
    mono_t age = model->world->now - passed_at;

    if (passed_at > 0 && age > PASSED_OLD_MS && !model->world->safety &&
        !model->hosts[host].betrayed)
        world_violate(model->world, "9: %s is touched %lld ms after the gates passed",
                      checker_name(model, host), (long long)age);
}
