/*
 * apply: does operations to kernel and tailscaled, and looks whether it is so.
 */
#include "agent/guard/io/apply.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard/core/undo_made.h"
#include "agent/guard/core/undo_others.h"
#include "agent/guard/core/undo_plan.h"
#include "agent/guard/core/undo_profile.h"
#include "agent/guard/io/apply_file.h"
#include "agent/guard/io/apply_link.h"
#include "agent/guard/io/apply_made.h"
#include "agent/guard/io/apply_netlink.h"
#include "agent/guard/io/apply_nexthop.h"
#include "agent/guard/io/apply_part.h"
#include "agent/guard/io/apply_rule.h"
#include "agent/io/sysctl.h"
#include "common/io/clock.h"
#include "common/io/localapi.h"
#include "common/net/predict.h"

/* ---- doing one --------------------------------------------------------------------------------
 */

/* The number of the device that was asked for last, and one that is not there. */
struct naming {
    const char *device, *missing;
    uint32_t link;
};

static uint32_t link_of(void *context, const char *device)
{
    struct naming *naming = context;

    if (naming->device == NULL || !text_equal(naming->device, device)) {
        naming->device = device;
        naming->link = if_nametoindex(device);
    }
    if (naming->link == 0)
        naming->missing = device;
    return naming->link;
}

/* As it is asked of the kernel. The caller frees its hops, also on false. */
static bool resolve(const struct operation_route *operation, struct naming *naming,
                    struct route *ret_route, struct err *err)
{
    operation_resolve_route(operation, link_of, naming, ret_route);
    return naming->missing == NULL ||
           err_set(err, ERR_MISSING, "device %s is not there", naming->missing);
}

static const struct route *find_own_route(const struct operation *operation,
                                          const struct snapshot *now)
{
    struct undo_item item = {.change = *operation};
    const struct route *found = undo_find_route(&item, now);

    return found != NULL && found->protocol == OCEANID_PROTOCOL ? found : NULL;
}

/* Something of that key is there: ours already so, ours otherwise, or somebody else's. */
static bool replace_route(struct nl_sock *socket, const struct operation *operation,
                          const struct route *route, struct err *err)
{
    struct apply none = {.tailscale_socket = NULL};
    struct snapshot now;
    bool good;

    if (!apply_part_read(&none, operation, apply_part_until(), &now, err))
        return false;
    good = operation_holds(operation, &now) ||
           (operation_check(operation, &now, err) &&
            apply_netlink_put_route(
                socket, route,
                find_own_route(operation, &now) != NULL ? APPLY_REPLACE : APPLY_EXCLUSIVE, err));
    snapshot_done(&now);
    return good;
}

static bool put_resolved(struct nl_sock *socket, const struct operation *operation,
                         const struct route *route, struct err *err)
{
    struct err refusal = ERR_INIT;

    if (apply_netlink_put_route(socket, route, APPLY_EXCLUSIVE, &refusal))
        return true;
    if (refusal.kind == ERR_CONFLICT)
        return replace_route(socket, operation, route, err);
    *err = refusal;
    return false;
}

static bool put_route(struct nl_sock *socket, const struct operation *operation, struct err *err)
{
    struct naming naming = {.device = NULL};
    struct route route;
    bool good = resolve(&operation->route, &naming, &route, err) &&
                put_resolved(socket, operation, &route, err);

    free(route.hops);
    return good;
}

static bool remove_route(struct nl_sock *socket, const struct operation *operation, struct err *err)
{
    const struct route *own;
    struct snapshot now;
    bool good;

    if (!apply_part_read_own(&operation->route, &now, err))
        return false;
    own = find_own_route(operation, &now);
    good = own == NULL || apply_netlink_delete_route(socket, own, err);
    snapshot_done(&now);
    return good;
}

static bool do_rule(struct nl_sock *socket, const struct operation *operation,
                    const struct snapshot *now, struct err *err)
{
    struct undo_item item = {.change = *operation};
    struct rule rule = operation->rule.rule;

    if (operation_holds(operation, now))
        return true;
    if (!operation_check(operation, now, err))
        return false;
    if (operation->rule.absent)
        return apply_rule_delete(socket, undo_find_rule(&item, now), now, err);
    rule.protocol = operation_rule_protocol(&rule);
    rule.raw = NULL;
    rule.raw_len = 0;
    return apply_rule_put(socket, &rule, now, err);
}

static bool do_tailscale(const struct apply *apply, const struct operation *operation,
                         const struct snapshot *now, struct err *err)
{
    struct tailscale answered = now->tailscale; /* borrows the peers */

    return operation_holds(operation, now) ||
           (operation_check(operation, now, err) &&
            localapi_patch(apply->tailscale_socket, APPLY_LOCALAPI_MS, &operation->tailscale,
                           &answered, err));
}

bool apply_part_do(const struct apply *apply, struct nl_sock *socket,
                   const struct operation *operation, const struct snapshot *now, struct err *err)
{
    switch (operation->kind) {
    case OPERATION_ROUTE:
        return operation->route.absent ? remove_route(socket, operation, err)
                                       : put_route(socket, operation, err);
    case OPERATION_RULE:
        return do_rule(socket, operation, now, err);
    case OPERATION_NEXTHOP:
        return apply_nexthop_do(socket, operation, now, err);
    case OPERATION_SYSCTL:
        return operation_holds(operation, now) || sysctl_write(&operation->sysctl.setting, err);
    case OPERATION_TAILSCALE:
        return do_tailscale(apply, operation, now, err);
    case OPERATION_FILE:
        return apply_file_run(apply, operation, now, err);
    case OPERATION_ADDRESS:
        return apply_link_do_address(socket, operation, now, err);
    case OPERATION_LINK:
        return apply_link_do(socket, operation, now, err);
    case OPERATION_KIND_COUNT:
        break;
    }
    return false;
}

/* What a file asks for has come before the file, by somebody else. */
static bool is_made(const struct undo_item *item, const struct snapshot *now, char *ret_why)
{
    struct undo_item own;
    struct text why;
    bool made;

    if (item->change.kind != OPERATION_FILE || operation_holds(&item->change, now))
        return false;
    text_init(&why, ret_why, REASON_SIZE);
    undo_translate(item, now, &own);
    made = undo_made_judge_came(&own, now, &why) == UNDO_NEEDED;
    undo_item_done(&own);
    return made;
}

/* Not as it was when the undo was derived, nor as it is asked for: undoing would hit others. */
static bool check_unchanged(const struct undo_item *item, const struct snapshot *now,
                            struct err *err)
{
    struct undo_item fresh = *item;
    char why[REASON_SIZE];

    fresh.has_after = false;
    if ((item->change.kind == OPERATION_ADDRESS || item->change.kind == OPERATION_LINK) &&
        !apply_link_check_unchanged(item, now, err))
        return false;
    if (!apply_part_check_profile(&item->change, &item->before.tailscale.profile, now, err))
        return err_wrap(err, "changed since it was planned");
    if (item->change.kind == OPERATION_ROUTE ||
        (undo_judge(&fresh, now, why, sizeof(why)) != UNDO_FOREIGN && !is_made(&fresh, now, why)))
        return true;
    return err_set(err, ERR_CONFLICT, "changed since it was planned: %s", why);
}

static bool read_before(const struct apply *apply, const struct undo_item *item,
                        struct snapshot *ret_now, struct err *err)
{
    snapshot_init(ret_now);
    return item->change.kind == OPERATION_ROUTE ||
           apply_part_read_item(apply, item, apply_part_until(), ret_now, err);
}

static void take_after(struct undo_item *item, const struct snapshot *now)
{
    undo_take_after(item, now);
    /* Somebody took it away at once, or it does not show yet: what was asked for is what we made,
     * or undoing would leave it when it is there after all. */
    item->has_after = operation_holds(&item->change, now) &&
                      (item->change.kind != OPERATION_FILE || undo_made_is_complete(item, now));
}

/* Of several (undo_joins) each has to do with no route but those to its own destination. */
static void take_after_joined(struct undo_item *item, const struct snapshot *now)
{
    const struct route *route = &item->change.route.route;
    struct snapshot part = *now; /* borrowed */
    size_t first;

    part.routes_count = snapshot_find_routes(now, route->table, &route->destination, &first);
    part.routes = now->routes + first;
    take_after(item, &part);
}

static bool read_after(const struct apply *apply, struct undo_item *items, uint32_t count,
                       struct err *err)
{
    const struct undo_item *item = &items[0];
    struct snapshot now;
    bool good;

    if (item->change.kind == OPERATION_FILE)
        apply_made_wait(apply, item);
    good = item->change.kind == OPERATION_ROUTE
               ? apply_part_read_own(&item->change.route, &now, err)
               : apply_part_read(apply, &item->change, apply_part_until(), &now, err);
    if (good && count == 1)
        take_after(&items[0], &now);
    for (uint32_t i = 0; good && count > 1 && i < count; i++)
        take_after_joined(&items[i], &now);
    if (good)
        snapshot_done(&now);
    return good;
}

static bool run_one(const struct apply *apply, struct nl_sock *socket, struct undo_item *item,
                    struct err *err)
{
    struct snapshot now;
    bool good;

    if (!undo_is_possible(item, err) || !read_before(apply, item, &now, err))
        return false;
    good = check_unchanged(item, &now, err);
    if (!good)
        undo_take_nothing(item);
    else
        undo_others_take(item, &now);
    good = good && apply_part_do(apply, socket, &item->change, &now, err);
    snapshot_done(&now);
    return good;
}

/* Whatever stands in the way of one is looked at when it is done alone. */
static uint32_t put_new_routes(struct nl_sock *socket, const struct undo_item *items,
                               uint32_t count)
{
    struct naming naming = {.device = NULL};
    mono_t until = apply_part_until();
    struct err err = ERR_INIT;
    uint32_t done = 0;

    while (done < count && clock_now() < until) {
        struct route route;
        bool good = resolve(&items[done].change.route, &naming, &route, &err) &&
                    apply_netlink_put_route(socket, &route, APPLY_EXCLUSIVE, &err);

        free(route.hops);
        if (!good)
            break;
        done++;
    }
    return done;
}

bool apply_run_joined(const struct apply *apply, struct undo_item *items, uint32_t count,
                      uint32_t *ret_done, struct err *err)
{
    struct nl_sock *socket = apply_netlink_open(err);
    char why[REASON_SIZE];
    uint32_t done = 0;
    bool good = socket != NULL;

    if (good && count > 1)
        done = put_new_routes(socket, items, count);
    if (good && done == 0) {
        done = 1;
        good = run_one(apply, socket, &items[0], err);
    }
    apply_netlink_close(socket);
    good = good && read_after(apply, items, done, err);
    if (!good && done == 1) {
        apply_undo(apply, &items[0], why, sizeof(why));
        apply_keep_lost(&items[0]);
    }
    *ret_done = good ? done : 0;
    return good;
}

bool apply_run(const struct apply *apply, struct undo_item *item, struct err *err)
{
    uint32_t done;

    return apply_run_joined(apply, item, 1, &done, err);
}

/* ---- looking ----------------------------------------------------------------------------------
 */

static bool fail(const struct operation *operation, const char *what, struct err *err)
{
    char line[SENTENCE_SIZE] = "";
    struct text text = TEXT_IN(line);

    operation_render(operation, &text);
    return err_set(err, ERR_TIMEOUT, "%s: %s", line, what);
}

/* A later operation on the same object decides how it ends: what of this one none does; false:
 * nothing. Borrows. */
static bool lasts(const struct undo_item *items, uint32_t count, uint32_t number,
                  struct undo_item *ret_part)
{
    *ret_part = items[number];
    for (uint32_t i = number + 1; i < count; i++) {
        if (!undo_take_out(ret_part, &items[i]))
            return false;
    }
    return true;
}

bool apply_is_settled(const struct apply *apply, const struct undo_item *items, uint32_t count,
                      struct err *err)
{
    struct snapshot now;
    bool settled = true;

    if (!apply_part_read_items(apply, items, count, &now, err))
        return false;
    for (uint32_t i = 0; settled && i < count; i++) {
        struct undo_item part;

        if (!lasts(items, count, i, &part))
            continue;
        if (!apply_part_check_profile(&part.change, &part.before.tailscale.profile, &now, err))
            settled = false;
        else if (!operation_holds(&part.change, &now))
            settled = fail(&part.change, "not seen yet", err);
        else if (part.change.kind == OPERATION_TAILSCALE)
            settled = apply_part_table_fits(&part.change, &now, err);
        else if (!apply_link_is_usable(&part.change, &now))
            settled = fail(&part.change,
                           "duplicate address detection is not over, or found it in use", err);
    }
    snapshot_done(&now);
    return settled;
}

static bool objects_are_restored(const struct undo_item *items, uint32_t count,
                                 const struct snapshot *now, struct err *err)
{
    for (uint32_t i = 0; i < count; i++) {
        char why[REASON_SIZE];
        struct undo_item part;
        bool restored = undo_plan_judge(items, i, now, &part, why) != UNDO_NEEDED &&
                        !undo_profile_is_away(&part, now);

        if (!restored)
            fail(&part.change, why, err);
        undo_item_done(&part);
        if (!restored)
            return false;
    }
    return true;
}

/* Newest first, and no further than to the first that fails (docs/protocol.md rule 15). */
static bool undo_what_came_back(const struct apply *apply, const struct undo_item *items,
                                uint32_t count, const struct snapshot *now)
{
    bool some = false, goes_on = true;

    for (uint32_t i = count; goes_on && i-- > 0;) {
        char why[REASON_SIZE];
        struct undo_item part;
        bool needed = undo_plan_judge(items, i, now, &part, why) == UNDO_NEEDED;

        goes_on = !needed || apply_undo(apply, &part, why, sizeof(why)) != REVERT_RETRY;
        some |= needed && goes_on;
        undo_item_done(&part);
    }
    return some;
}

/* What nobody can keep on its way holds up no revert. */
static bool can_answer(const struct protected_flow *flow, const struct snapshot *now)
{
    return flow->device[0] == '\0' || snapshot_find_device(now, flow->device) != NULL;
}

static bool flows_answer(const struct snapshot *now, const struct protected_flow *flows,
                         uint32_t count, uint64_t held, struct err *err)
{
    for (uint32_t i = 0; i < count && i < 64; i++) {
        struct prediction prediction;

        if ((held >> i & 1) != 0 && can_answer(&flows[i], now) &&
            !predict_flows(now, &flows[i], 1, &prediction))
            return err_set(err, ERR_CONFLICT, "%s: %.400s", flows[i].name, prediction.reason);
    }
    return true;
}

bool apply_undo_again(const struct apply *apply, const struct undo_item *items, uint32_t count)
{
    struct err err = ERR_INIT;
    struct snapshot now;
    bool some;

    if (!apply_part_read_items(apply, items, count, &now, &err))
        return false;
    some = undo_what_came_back(apply, items, count, &now);
    snapshot_done(&now);
    return some;
}

bool apply_is_restored(const struct apply *apply, const struct undo_item *items, uint32_t count,
                       const struct protected_flow *flows, uint32_t flows_count,
                       uint64_t flows_held, struct err *err)
{
    struct snapshot now;
    bool restored;

    if (!apply_part_read_items(apply, items, count, &now, err))
        return false;
    restored = objects_are_restored(items, count, &now, err) &&
               flows_answer(&now, flows, flows_count, flows_held, err);
    snapshot_done(&now);
    return restored;
}
