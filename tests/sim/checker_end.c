/*
 * checker_end: what has to hold when everything is quiet: kernels as confirmed, and a controller
 * that knows it.
 */
#include "tests/sim/checker.h"

static void check_operation(struct check_model *model, int host, int change, uint32_t operation)
{
    bool expected = checker_expects(model, host, change, operation);
    bool there = model->world->hosts[host].in_kernel[change][operation];

    if (there != expected && !checker_is_excused(model, host, change, operation))
        world_violate(model->world, "6: at the end operation %u of %s is %s and it %s",
                      operation + 1, checker_name(model, host), there ? "in its kernel" : "gone",
                      expected ? "confirmed" : "did not confirm");
}

static void check_kernel(struct check_model *model, int host)
{
    const struct model_host *at = &model->hosts[host];
    const struct host *truth = &model->world->hosts[host];

    if (at->stand != STANDS_CLEAN && at->stand != STANDS_CONFIRMED)
        world_violate(model->world, "5: at the end the guard of %s is %s",
                      checker_name(model, host), trial_state_name(truth->trial->state));
    for (int i = 0; i < SIM_CHANGES * SIM_OPERATIONS; i++)
        check_operation(model, host, i / SIM_OPERATIONS, (uint32_t)i % SIM_OPERATIONS);
}

/* 16: an order that its guard took has been carried out, down to what it names. */
static void check_orders(struct check_model *model, int host)
{
    const struct model_host *at = &model->hosts[host];

    for (uint32_t i = 0; i < at->stack_count; i++) {
        if ((at->orders >> at->stack[i] & 1) != 0)
            world_violate(model->world,
                          "16: at the end attempt %u stands on %s, and its guard took an "
                          "order to take it back",
                          at->stack[i], checker_name(model, host));
    }
}

/* 7: all or none, but for what a person took back alone; and the controller knows which, an older
 * backup or not. What was complete in that, and was taken back behind it, is history there: it is
 * not led, so nobody is asked before a person says something of it. */
static void check_agreement(struct check_model *model, int host)
{
    const struct rollout_record *record = &model->world->lead.rollout->record;
    enum rollout_state state = record->state;
    const struct target_record *target = checker_target(model, record, host);
    bool stands = checker_stands(model, host, record->attempt.sequence);
    bool alone = checker_is_ordered(model, host) || model->world->lead.alone;

    if (target == NULL || alone ||
        (model->forgot && model->forgot_closed && state == ROLLOUT_COMPLETE))
        return;
    if (stands != (target->receipt == RECEIPT_CONFIRMED))
        world_violate(model->world, "6: at the end the controller thinks that %s is %s, and it %s",
                      checker_name(model, host),
                      target->receipt == RECEIPT_CONFIRMED ? "confirmed" : "not",
                      stands ? "stands" : "does not stand");
    if (stands != (state == ROLLOUT_COMPLETE))
        world_violate(model->world, "7: the rollout ended %s and %s is %s",
                      rollout_state_name(state), checker_name(model, host),
                      stands ? "confirmed" : "clean");
}

/* Nobody waits for it any more. */
static void check_removed(struct check_model *model, int host)
{
    const struct rollout_record *record = &model->world->lead.rollout->record;

    const struct target_record *target = checker_target(model, record, host);

    if (model->world->hosts[host].removed && target != NULL && target->listed)
        world_violate(model->world, "5: at the end %s is out of the roster, and still listed",
                      checker_name(model, host));
}

void model_check_end(struct check_model *model)
{
    for (int i = 0; i < model->world->nodes_count; i++) {
        if (!model->world->safety)
            check_removed(model, i);
        if (model->world->hosts[i].dead || model->hosts[i].betrayed)
            continue; /* nobody will ever know */
        check_kernel(model, i);
        check_orders(model, i);
        if (!model->world->safety)
            check_agreement(model, i);
    }
}
