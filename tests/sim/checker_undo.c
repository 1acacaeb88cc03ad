/*
 * checker_undo: the model's half about taking back: tried again and again, and within its budget or
 * with an alarm.
 */
#include "tests/sim/checker.h"

enum {
    TRIED_AGAIN_MS = 2500, /* every two seconds, and what an answer takes */
    POP_BUDGET_MS = 60000, /* where the manifest is not at hand: of a pop, and behind a start */
    BUDGET_MS = SIM_REVERT_BUDGET_S * 1000,
};

void checker_begin_undo(struct check_model *model, int host)
{
    struct model_host *at = &model->hosts[host];

    at->reverting_at = at->tried_at = model->world->now;
    at->alarmed = false;
    at->budget_ms = at->stand == STANDS_CONFIRMED || at->found ? POP_BUDGET_MS : BUDGET_MS;
}

void model_undoes(struct check_model *model, int host)
{
    model->hosts[host].tried_at = model->world->now;
}

void model_alarm(struct check_model *model, int host)
{
    model->hosts[host].alarmed = true;
}

/* Something of what is to go. */
static bool is_left(const struct check_model *model, int host)
{
    const struct model_host *at = &model->hosts[host];
    int change = world_find_change(model->world, &at->made[at->goes].id.attempt.body);

    return change >= 0 && sim_has(&model->world->hosts[host], change);
}

/* Of a guard that is there, and what is still in its kernel. */
void checker_check_undo(struct check_model *model, int host)
{
    struct model_host *at = &model->hosts[host];
    const struct host *truth = &model->world->hosts[host];
    mono_t now = model->world->now;
    mono_t tried_at;

    if (truth->frozen || !truth->guard_up || at->betrayed || !is_left(model, host)) {
        at->tried_at = at->frozen_at = now;
        return;
    }
    tried_at = truth->work_until > at->tried_at ? truth->work_until : at->tried_at;
    if (now - tried_at > TRIED_AGAIN_MS)
        world_violate(model->world, "3: %s has what it takes back, and did nothing for %lld ms",
                      checker_name(model, host), (long long)(now - tried_at));
    if (!at->alarmed && now - at->reverting_at > at->budget_ms + LATE_MS &&
        now - at->frozen_at > LATE_MS)
        world_violate(model->world, "3: %s takes it back for %lld ms, and raises no alarm",
                      checker_name(model, host), (long long)(now - at->reverting_at));
}
