/*
 * undo: how one operation is taken back: Before, After and Now of the objects that it touches.
 */
#include "agent/guard/core/undo.h"

#include <linux/rtnetlink.h>
#include <string.h>

#include "agent/guard/core/undo_beside.h"
#include "agent/guard/core/undo_links.h"
#include "agent/guard/core/undo_nexthop.h"
#include "agent/guard/core/undo_file.h"
#include "agent/guard/core/undo_link.h"
#include "agent/guard/core/undo_lost.h"
#include "agent/guard/core/undo_made.h"
#include "agent/guard/core/undo_others.h"
#include "agent/guard/core/undo_prefix.h"
#include "agent/guard/core/undo_prefs.h"
#include "agent/guard/core/undo_rule.h"
#include "agent/guard/core/undo_sysctl.h"
#include "agent/guard/core/undo_touch.h"
#include "common/net/render.h"

void undo_item_done(struct undo_item *item)
{
    snapshot_done(&item->before);
    snapshot_done(&item->after);
    snapshot_done(&item->others);
}

static bool was_there(const struct undo_item *item)
{
    switch (item->change.kind) {
    case OPERATION_ROUTE:
        return undo_find_route(item, &item->before) != NULL;
    case OPERATION_RULE:
        return undo_find_rule(item, &item->before) != NULL;
    case OPERATION_SYSCTL:
        return snapshot_find_sysctl(&item->before, item->change.sysctl.setting.name) != NULL;
    case OPERATION_TAILSCALE:
        return item->before.tailscale.presence == TAILSCALE_ANSWERS;
    case OPERATION_NEXTHOP:
        return snapshot_find_nexthop(&item->before, item->change.nexthop.nexthop.id) != NULL;
    case OPERATION_FILE:
        return undo_file_existed(item);
    case OPERATION_ADDRESS:
        return undo_link_find_address(item, &item->before) != NULL;
    case OPERATION_LINK:
        return undo_link_find(item, &item->before) != NULL;
    case OPERATION_KIND_COUNT:
        break;
    }
    return false;
}

void undo_derive(const struct operation *operation, uint32_t number, const struct snapshot *now,
                 struct undo_item *ret_item)
{
    memset(ret_item, 0, sizeof(*ret_item));
    ret_item->operation = number;
    ret_item->change = *operation;
    ret_item->shield = operation->shield;
    ret_item->persists = operation_persists(operation);
    undo_touch_take(operation, now, &ret_item->before);
    ret_item->existed = was_there(ret_item);
}

void undo_foresee(const struct operation *operation, struct snapshot *snapshot)
{
    if (operation->kind == OPERATION_SYSCTL)
        undo_sysctl_foresee(&operation->sysctl.setting, snapshot);
    operation_predict(operation, snapshot);
}

void undo_take_after(struct undo_item *item, const struct snapshot *now)
{
    snapshot_done(&item->after);
    undo_touch_take(&item->change, now, &item->after);
    undo_nexthop_take_left(&item->before, now, &item->after);
    undo_beside_take_left(&item->change, &item->before, now, &item->after);
    undo_others_keep_lost(item, now);
    item->has_after = true;
}

void undo_take_nothing(struct undo_item *item)
{
    snapshot_done(&item->after);
    snapshot_copy(&item->after, &item->before);
    snapshot_done(&item->others);
    item->has_after = true;
}

void undo_translate(const struct undo_item *item, const struct snapshot *now,
                    struct undo_item *ret_item)
{
    *ret_item = *item;
    snapshot_copy(&ret_item->before, &item->before);
    snapshot_copy(&ret_item->after, &item->after);
    snapshot_init(&ret_item->others);
    undo_links_translate(&ret_item->before, now);
    undo_links_translate(&ret_item->after, now);
}

bool undo_is_possible(const struct undo_item *item, struct err *err)
{
    if (item->change.kind == OPERATION_TAILSCALE)
        return undo_prefs_is_possible(item, err);
    if (item->change.kind == OPERATION_NEXTHOP)
        return undo_nexthop_is_possible(item, err);
    if (item->change.kind == OPERATION_FILE)
        return undo_file_is_possible(item, err);
    if (item->change.kind == OPERATION_SYSCTL && item->before.sysctls_count > SYSCTLS_MAX)
        return err_set(err, ERR_LIMIT,
                       "sysctl %s overwrites %zu settings: accepted are up to %d, for more are not "
                       "kept to be put back",
                       item->change.sysctl.setting.name, item->before.sysctls_count, SYSCTLS_MAX);
    if (item->change.kind == OPERATION_SYSCTL && !item->existed)
        return err_set(err, ERR_MISSING, "sysctl %s: its value before is not known",
                       item->change.sysctl.setting.name);
    return true;
}

static bool is_new_route(const struct undo_item *item)
{
    return item->change.kind == OPERATION_ROUTE && undo_removes(item);
}

bool undo_joins(const struct undo_item *item, const struct undo_item *before)
{
    const struct route *own = &item->change.route.route;
    const struct route *other = &before->change.route.route;

    return is_new_route(item) && is_new_route(before) && own->table == other->table &&
           own->destination.address.family == other->destination.address.family;
}

static bool same_object(const struct undo_item *older, const struct undo_item *newer)
{
    const struct operation *one = &older->change;
    const struct operation *other = &newer->change;

    if (one->kind != other->kind)
        return false;
    switch (one->kind) {
    case OPERATION_ROUTE:
        return undo_touch_same_key(&one->route.route, &other->route.route);
    case OPERATION_RULE:
        return undo_touch_same_rule(&one->rule.rule, &other->rule.rule);
    case OPERATION_SYSCTL:
        return text_equal(one->sysctl.setting.name, other->sysctl.setting.name) ||
               snapshot_find_sysctl(&older->before, other->sysctl.setting.name) != NULL ||
               snapshot_find_sysctl(&newer->before, one->sysctl.setting.name) != NULL;
    case OPERATION_TAILSCALE:
        return true;
    case OPERATION_NEXTHOP:
        return one->nexthop.nexthop.id == other->nexthop.nexthop.id;
    case OPERATION_FILE:
        return text_equal(one->file.path, other->file.path);
    case OPERATION_ADDRESS:
        return text_equal(one->address.device, other->address.device) &&
               address_equal(&one->address.address, &other->address.address);
    case OPERATION_LINK:
        return text_equal(one->link.device, other->link.device);
    case OPERATION_KIND_COUNT:
        break;
    }
    return false;
}

void undo_leave_to(struct undo_item *newer, const struct undo_item *older)
{
    bool fits = older->change.kind == OPERATION_ROUTE || older->change.kind == OPERATION_ADDRESS ||
                newer->change.kind == OPERATION_LINK;

    if (newer->change.kind == OPERATION_LINK && same_object(older, newer))
        undo_link_leave_up(newer, older);
    if (newer->change.kind == OPERATION_FILE)
        undo_made_take(&newer->change.file, &older->before, &newer->before);
    /* What was already so is no older one's to take back. */
    if (undo_touch_has_losses(&newer->change) && fits && !same_object(older, newer) &&
        !operation_holds(&older->change, &older->before))
        undo_touch_drop(&older->change, &newer->before);
}

bool undo_take_out(struct undo_item *part, const struct undo_item *other)
{
    if (!same_object(part, other))
        return true;
    if (part->change.kind == OPERATION_LINK)
        return undo_link_take_out(&part->change.link, &other->change.link);
    return part->change.kind == OPERATION_TAILSCALE &&
           undo_prefs_take_out(&part->change.tailscale, &other->change.tailscale);
}

/* ---- routes and rules -------------------------------------------------------------------------
 */

/* Where others have put more routes of that key: ours before theirs. */
const struct route *undo_find_route(const struct undo_item *item, const struct snapshot *where)
{
    const struct route *found = NULL;

    for (size_t i = 0; i < where->routes_count; i++) {
        const struct route *route = &where->routes[i];

        if (route->clone || !undo_touch_same_key(route, &item->change.route.route))
            continue;
        if (route->protocol == OCEANID_PROTOCOL)
            return route;
        if (found == NULL)
            found = route;
    }
    return found;
}

const struct route *undo_find_instead(const struct undo_item *item, const struct snapshot *now)
{
    const struct route *was = undo_find_route(item, &item->before);
    const struct route *is = undo_find_route(item, now);

    if (was == NULL || is == NULL || was->protocol != OCEANID_PROTOCOL ||
        is->protocol == OCEANID_PROTOCOL || !undo_beside_has(&item->before, is))
        return is;
    return NULL;
}

/* Ours only: the kernel keeps another protocol's twin as a rule of its own. Its own two are the
 * same whoever put them. */
const struct rule *undo_find_rule(const struct undo_item *item, const struct snapshot *where)
{
    bool usual = operation_is_usual_rule(&item->change.rule.rule);

    for (size_t i = 0; i < where->rules_count; i++) {
        if ((where->rules[i].protocol == OCEANID_PROTOCOL || usual) &&
            undo_touch_same_rule(&where->rules[i], &item->change.rule.rule))
            return &where->rules[i];
    }
    return NULL;
}

/* Where nothing of its key was, what is in before might be deleted in its stead (undo_beside.h). */
const struct route *undo_find_made(const struct undo_item *item)
{
    bool alone = is_new_route(item) && item->before.routes_count == 0;
    const struct route *made =
        alone && item->has_after ? undo_find_route(item, &item->after) : NULL;

    return made != NULL && made->protocol == OCEANID_PROTOCOL && made->raw != NULL ? made : NULL;
}

static bool same_or_none(const struct route *a, const struct route *b)
{
    return a == NULL || b == NULL ? a == b : undo_touch_same_route(a, b);
}

static void add_route_text(const struct route *route, const struct snapshot *snapshot,
                           struct text *out)
{
    if (route == NULL) {
        text_add(out, "nothing");
        return;
    }
    text_add(out, "'");
    render_route(route, snapshot, out);
    text_add(out, "' of protocol %u", route->protocol);
}

/* A device of it is gone for good, or its nexthop object: no such route can be. */
static bool is_impossible(const struct route *route, const struct snapshot *now)
{
    const struct hop *hops = route->hops_count > 1 ? route->hops : &route->hop;

    if (route->nexthop_id != 0)
        return snapshot_find_nexthop(now, route->nexthop_id) == NULL;
    for (uint32_t i = 0; i < route->hops_count; i++) {
        if (snapshot_find_link(now, hops[i].link) == NULL)
            return true;
    }
    return false;
}

static enum undo_state judge_route(const struct undo_item *item, const struct snapshot *after,
                                   const struct snapshot *now, struct text *why)
{
    const struct route *was = undo_find_route(item, &item->before);
    const struct route *made = undo_find_route(item, after);
    const struct route *is = undo_find_instead(item, now);

    if (same_or_none(was, made) || same_or_none(is, was))
        return UNDO_RESTORED;
    text_add(why, "expected ");
    add_route_text(was, &item->before, why);
    text_add(why, " as before, found ");
    add_route_text(is, now, why);
    if (is == NULL && is_impossible(was, now)) {
        text_add(why, ", and its %s is gone", was->nexthop_id != 0 ? "nexthop object" : "device");
        return UNDO_FOREIGN;
    }
    /* What vanished with its device was changed by nobody. */
    return is == NULL || same_or_none(is, made) ? UNDO_NEEDED : UNDO_FOREIGN;
}

/* ---- all --------------------------------------------------------------------------------------
 */

void undo_take_made(const struct undo_item *item, struct snapshot *ret_after)
{
    if (item->has_after)
        snapshot_copy(ret_after, &item->after);
    else
        undo_touch_predict(&item->change, &item->before, ret_after);
}

static enum undo_state say_left(const struct route *left, const struct snapshot *now,
                                struct text *why)
{
    text_init(why, why->data, why->size);
    text_add(why, "expected none as before, found ");
    add_route_text(left, now, why);
    return UNDO_NEEDED;
}

/* What went or came with the object may have to be taken back also where the object is somebody
 * else's by now. */
static enum undo_state judge_lost(const struct undo_item *item, const struct snapshot *after,
                                  const struct snapshot *now, enum undo_state state,
                                  struct text *why)
{
    const struct undo_loss loss = {&item->before, after, now, NULL, false};
    char line[REASON_SIZE];
    struct text text = TEXT_IN(line);

    if (undo_prefix_find_left(item, now) != NULL)
        return say_left(undo_prefix_find_left(item, now), now, why);
    if (item->change.kind == OPERATION_FILE)
        return undo_made_judge(item, now, why) == UNDO_NEEDED ? UNDO_NEEDED : state;
    if (!undo_touch_has_losses(&item->change) || undo_lost_judge(&loss, &text) == UNDO_RESTORED)
        return state;
    text_init(why, why->data, why->size);
    text_add(why, "%s", line);
    return UNDO_NEEDED;
}

/* item: by the devices' numbers of now; then: by those of before. */
static enum undo_state judge(const struct undo_item *item, const struct undo_item *then,
                             const struct snapshot *now, char *ret_why, size_t size)
{
    enum undo_state state = UNDO_RESTORED;
    struct snapshot after;
    struct text why;

    text_init(&why, ret_why, size);
    undo_take_made(item, &after);
    switch (item->change.kind) {
    case OPERATION_ROUTE:
        state = judge_route(item, &after, now, &why);
        break;
    case OPERATION_RULE:
        state = undo_rule_judge(item, &after, now, &why);
        break;
    case OPERATION_SYSCTL:
        state = undo_sysctl_judge(then, &after, now, &why);
        break;
    case OPERATION_TAILSCALE:
        state = undo_prefs_judge(item, &after.tailscale, now, &why);
        break;
    case OPERATION_NEXTHOP:
        state = undo_nexthop_judge(item, &after, now, &why);
        break;
    case OPERATION_ADDRESS:
    case OPERATION_LINK:
        state = undo_link_judge(item, &after, now, &why);
        break;
    case OPERATION_FILE:
        state = undo_file_judge(item, now, &why);
        break;
    case OPERATION_KIND_COUNT:
        break;
    }
    if (state != UNDO_NEEDED)
        state = judge_lost(item, &after, now, state, &why);
    snapshot_done(&after);
    return state;
}

enum undo_state undo_judge_lost(const struct undo_item *item, const struct snapshot *now,
                                char *ret_why, size_t size)
{
    struct undo_item own;
    enum undo_state state;
    struct snapshot after;
    struct text why;

    text_init(&why, ret_why, size);
    undo_translate(item, now, &own);
    undo_take_made(&own, &after);
    state = judge_lost(&own, &after, now, UNDO_RESTORED, &why);
    snapshot_done(&after);
    undo_item_done(&own);
    return state;
}

enum undo_state undo_judge(const struct undo_item *item, const struct snapshot *now, char *ret_why,
                           size_t size)
{
    struct undo_item own;
    enum undo_state state;

    undo_translate(item, now, &own);
    state = judge(&own, item, now, ret_why, size);
    undo_item_done(&own);
    return state;
}

bool undo_tailscale_change(const struct undo_item *item, const struct snapshot *now,
                           struct operation_tailscale *ret_change, struct err *err)
{
    struct snapshot after;
    bool good;

    undo_take_made(item, &after);
    good = undo_prefs_change(item, &after.tailscale, now, ret_change, err);
    snapshot_done(&after);
    return good;
}
