/*
 * lead_meant: which rollout an emergency is for: the open one, unless that is being taken back and
 * a newer one stands; else the newest of which something stands on the nodes that are meant.
 */
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/log.h"
#include "controller/io/lead_parts.h"

const struct target_record *lead_find_target(const struct rollout_record *record, const char *node)
{
    for (uint32_t i = 0; i < record->targets_count; i++) {
        if (text_equal(record->targets[i].name, node))
            return &record->targets[i];
    }
    return NULL;
}

bool lead_is_wanted(const struct lead_wish *wish, const char *node)
{
    for (size_t i = 0; i < wish->count; i++) {
        if (text_equal(wish->names[i], node))
            return true;
    }
    return wish->count == 0;
}

bool lead_stands(const struct lead *lead, const struct rollout_record *record,
                 const struct target_record *target)
{
    const struct fleet_member *member = fleet_find(&lead->desk->fleet, target->name);

    if (member != NULL && member->has_stack)
        return stack_find(&member->stack, &record->attempt) != NULL ||
               (member->stack.trial_open &&
                attempt_equal(&member->stack.trial.attempt, &record->attempt));
    return target->in_doubt || target->listed || target->says == SAYS_CONFIRMED ||
           target->says == SAYS_ON_TRIAL;
}

static bool any_stands(const struct lead *lead, const struct rollout_record *record,
                       const struct lead_wish *wish)
{
    for (uint32_t i = 0; i < record->targets_count; i++) {
        if (lead_is_wanted(wish, record->targets[i].name) &&
            lead_stands(lead, record, &record->targets[i]))
            return true;
    }
    return false;
}

/* An older one that cannot be read is in nobody's way. */
static void read_older(struct lead *lead, uint64_t id, struct rollout_record *ret_record)
{
    struct err err = ERR_INIT;

    if (store_read_record(lead->desk->store, id, ret_record, &err))
        return;
    log_warning("%s; it is passed over", err.text);
    ret_record->targets_count = 0;
}

/* The newest rollout of which something stands on those nodes; else the newest. */
static bool find_last(struct lead *lead, const struct lead_wish *wish,
                      struct rollout_record *ret_record, struct err *err)
{
    AUTO_FREE struct rollout_record *older = mem_alloc(1, sizeof(*older));
    uint64_t id = STORE_NEWEST;
    size_t count = 1;

    if (!store_list_rollouts(lead->desk->store, id, &id, 1, &count, err))
        return false;
    if (count == 0)
        return err_set(err, ERR_MISSING, "there is no rollout yet: nothing to take back");
    if (!store_read_record(lead->desk->store, id, ret_record, err))
        return false;
    *older = *ret_record;
    while (!any_stands(lead, older, wish)) {
        if (!store_list_rollouts(lead->desk->store, id, &id, 1, &count, err))
            return false;
        if (count == 0)
            return true;
        read_older(lead, id, older);
    }
    *ret_record = *older;
    return true;
}

/* A name that is mistyped would be a node that nobody takes back. */
static bool check_wish(struct lead *lead, const struct lead_wish *wish,
                       const struct rollout_record *record, struct err *err)
{
    for (size_t i = 0; i < wish->count; i++) {
        if (lead_find_target(record, wish->names[i]) == NULL)
            return lead_refuse_node(lead, record->id, wish->names[i], err);
    }
    return true;
}

/* One that is being taken back already, as an older one on a node that does not answer, is in no
 * newer one's way: both machines go on, each with its own nodes. */
static bool gives_way(struct lead *lead, const struct rollout_record *open,
                      const struct lead_wish *wish, struct rollout_record *ret_record)
{
    struct err err = ERR_INIT;

    if (open->state != ROLLOUT_REVERTING)
        return false;
    if (find_last(lead, wish, ret_record, &err))
        return ret_record->id > open->id && any_stands(lead, ret_record, wish);
    log_warning("%s; what is open is taken back", err.text);
    return false;
}

bool lead_find_wanted(struct lead *lead, const struct lead_wish *wish,
                      struct rollout_record *ret_record, struct err *err)
{
    const struct led *led = lead_find_open(lead);

    if (led != NULL && !gives_way(lead, &led->machine.record, wish, ret_record))
        *ret_record = led->machine.record;
    else if (led == NULL && !find_last(lead, wish, ret_record, err))
        return false;
    return check_wish(lead, wish, ret_record, err);
}

bool lead_choose(struct lead *lead, const struct lead_wish *wish, struct rollout_record *ret_record,
                 const struct led **ret_led, struct err *err)
{
    const struct led *led;

    if (!lead_find_wanted(lead, wish, ret_record, err))
        return false;
    led = lead_find_open(lead);
    if (led == NULL || led->machine.record.id != ret_record->id) {
        lead_sweep(lead);
        led = lead_find(lead, ret_record->id);
        if (led == NULL &&
            (ret_record->state == ROLLOUT_COMPLETE || ret_record->state == ROLLOUT_ABORTED)) {
            if (!lead_take_up(lead, ret_record->id, err))
                return false;
            led = lead->leds;
        }
    }
    if (led != NULL)
        *ret_record = led->machine.record;
    *ret_led = led;
    return true;
}
