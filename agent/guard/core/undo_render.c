/*
 * undo_render: an undo as a sentence.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/guard/core/undo_render.h"
#include "agent/guard/core/undo_file.h"
#include "agent/guard/core/undo_link.h"
#include "agent/guard/core/undo_nexthop.h"
#include "agent/guard/core/undo_prefs.h"
#include "agent/guard/core/undo_touch.h"
#include "common/net/render.h"

/* One of ours that is put again as it was. */
static bool is_put_again(const struct undo_item *item)
{
    const struct route *was = undo_find_route(item, &item->before), *made;
    struct snapshot after;
    bool same;

    if (was == NULL || item->change.route.absent)
        return false;
    undo_take_made(item, &after);
    made = undo_find_route(item, &after);
    same = made != NULL && undo_touch_same_route(was, made);
    snapshot_done(&after);
    return same;
}

bool undo_render_is_nothing(const struct undo_item *item)
{
    bool route = item->change.kind == OPERATION_ROUTE && item->change.route.absent;
    bool rule = item->change.kind == OPERATION_RULE && item->change.rule.absent;
    bool nexthop = item->change.kind == OPERATION_NEXTHOP && item->change.nexthop.absent;
    bool put_again = (item->change.kind == OPERATION_RULE && !rule && item->existed) ||
                     (item->change.kind == OPERATION_ROUTE && is_put_again(item));

    bool address =
        item->change.kind == OPERATION_ADDRESS && item->change.address.absent == !item->existed;
    bool link =
        item->change.kind == OPERATION_LINK && operation_holds(&item->change, &item->before);

    return ((route || rule || nexthop) && !item->existed) || put_again || address || link;
}

/* Numbers each device as it comes. */
static uint32_t name_link(void *context, const char *device)
{
    struct snapshot *named = context;
    struct link *link = &named->links[named->links_count++];

    text_copy(link->name, sizeof(link->name), device);
    return link->index = (uint32_t)named->links_count;
}

/* A route that the change put. */
static void add_put_route(const struct operation *change, undo_route_fn route_fn, struct text *out)
{
    struct link links[OPERATION_HOPS_MAX] = {{.index = 0}};
    struct snapshot named = {.links = links};
    struct route route;

    operation_resolve_route(&change->route, name_link, &named, &route);
    route.metric = change->route.route.metric;
    route_fn(&route, &named, out);
    free(route.hops);
}

void undo_render_route(const struct undo_item *item, const char *verb, undo_route_fn route_fn,
                       struct text *out)
{
    const struct route *before = undo_find_route(item, &item->before);

    text_add(out, "%s", verb);
    if (item->existed && before != NULL)
        route_fn(before, &item->before, out);
    else
        add_put_route(&item->change, route_fn, out);
}

static void render_route_undo(const struct undo_item *item, struct text *out)
{
    undo_render_route(item, undo_removes(item) ? "delete route " : "restore route ", render_route,
                      out);
}

static void render_rule_undo(const struct undo_item *item, struct text *out)
{
    text_add(out, undo_removes(item) ? "delete rule " : "restore rule ");
    render_rule(&item->change.rule.rule, out);
}

/* What is put back, with the routes that went with it; or the one that is deleted. */
static void render_nexthop_undo(const struct undo_item *item, struct text *out)
{
    uint32_t id = item->change.nexthop.nexthop.id;
    const struct nexthop *before = snapshot_find_nexthop(&item->before, id);
    size_t count = 0;

    if (before == NULL) {
        text_add(out, "delete nexthop id %u", id);
        return;
    }
    text_add(out, "restore ");
    render_nexthop(before, &item->before, out);
    for (size_t i = 0; i < item->before.routes_count; i++)
        count += undo_nexthop_goes(&item->before.routes[i], &item->before);
    if (count > 0)
        text_add(out, " (and %zu routes that go with it)", count);
}

static void render_address_undo(const struct undo_item *item, struct text *out)
{
    struct operation undo = item->change;

    undo.address.absent = false;
    text_add(out, undo_removes(item) ? "delete " : "restore ");
    operation_render(&undo, out);
}

struct operation_link undo_render_link_before(const struct undo_item *item)
{
    const struct link *was = undo_link_find(item, &item->before);
    struct operation_link before = item->change.link;

    if (was != NULL && before.mtu != 0)
        before.mtu = was->mtu;
    if (was != NULL)
        before.up = was->up;
    return before;
}

static void render_link_undo(const struct undo_item *item, struct text *out)
{
    struct operation undo = {.kind = OPERATION_LINK, .link = undo_render_link_before(item)};

    text_add(out, "set ");
    operation_render(&undo, out);
}

const char *undo_render_value_before(const struct undo_item *item)
{
    const struct sysctl *before =
        snapshot_find_sysctl(&item->before, item->change.sysctl.setting.name);

    return before != NULL ? before->value : "?";
}

void undo_render(const struct undo_item *item, struct text *out)
{
    if (undo_render_is_nothing(item)) {
        text_add(out, "nothing to undo: ");
        operation_object(&item->change, out);
        return;
    }
    switch (item->change.kind) {
    case OPERATION_ROUTE:
        render_route_undo(item, out);
        break;
    case OPERATION_RULE:
        render_rule_undo(item, out);
        break;
    case OPERATION_SYSCTL:
        text_add(out, "set sysctl %s = %s", item->change.sysctl.setting.name,
                 undo_render_value_before(item));
        if (item->before.sysctls_count > 1)
            text_add(out, " (and %zu that follow from it)", item->before.sysctls_count - 1);
        break;
    case OPERATION_TAILSCALE:
        text_add(out, "set ");
        undo_prefs_render(item, out);
        break;
    case OPERATION_NEXTHOP:
        render_nexthop_undo(item, out);
        break;
    case OPERATION_FILE:
        undo_file_render(item, out);
        break;
    case OPERATION_ADDRESS:
        render_address_undo(item, out);
        break;
    case OPERATION_LINK:
        render_link_undo(item, out);
        break;
    case OPERATION_KIND_COUNT:
        break;
    }
}
