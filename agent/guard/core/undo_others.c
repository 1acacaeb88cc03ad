/*
 * undo_others: what went with an operation and is for others to bring back.
 */
#include "agent/guard/core/undo_others.h"

#include <linux/rtnetlink.h>
#include <string.h>

#include "agent/guard/core/undo_links.h"
#include "agent/guard/core/undo_lost.h"
#include "agent/guard/core/undo_touch.h"
#include "common/net/consequence.h"
#include "common/net/owner.h"
#include "common/net/operation.h"
#include "common/net/render.h"
#include "common/net/tailnet.h"

enum { TOLD_SIZE = 160 }; /* a reason has 256, and says why it was taken back before this */

/* ---- taking -----------------------------------------------------------------------------------
 */

static bool may_take_along(const struct operation *operation)
{
    return operation->kind == OPERATION_ADDRESS || operation->kind == OPERATION_LINK ||
           operation->kind == OPERATION_SYSCTL || operation->kind == OPERATION_FILE ||
           operation->kind == OPERATION_TAILSCALE;
}

/* What leads somewhere; multicast and local ones stand and fall with an address. */
static bool is_told(const struct route *route, const struct snapshot *now)
{
    return !route->clone && route->table != RT_TABLE_LOCAL && route->type == RTN_UNICAST &&
           !undo_touch_may_restore(route, now);
}

/* fe80::/10 and 169.254.0.0/16. */
static bool is_link_local(const struct address *address)
{
    const uint8_t *bytes = address->bytes;

    return address->family == FAMILY_IPV6 ? bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80
                                          : bytes[0] == 169 && bytes[1] == 254;
}

/* A temporary one comes back as another; a link-local one is the device's own business. */
static bool is_told_address(const struct link_address *own, const struct snapshot *now)
{
    return !own->temporary && own->scope != RT_SCOPE_HOST && !is_link_local(&own->address) &&
           !owner_row(owner_of_address(own, now))->undo;
}

static void take_address(const struct snapshot *now, const struct link_address *own,
                         struct snapshot *to)
{
    *snapshot_add_address(to) = *own;
    snapshot_take_link(to, snapshot_find_link(now, own->link));
}

void undo_others_take(struct undo_item *item, const struct snapshot *now)
{
    struct snapshot *others = &item->others;

    snapshot_done(others);
    if (!may_take_along(&item->change))
        return;
    for (size_t i = 0; i < now->addresses_count; i++) {
        if (is_told_address(&now->addresses[i], now))
            take_address(now, &now->addresses[i], others);
    }
    for (size_t i = 0; i < now->routes_count; i++) {
        if (is_told(&now->routes[i], now))
            undo_touch_take_route(now, &now->routes[i], others);
    }
}

/* ---- what is there ----------------------------------------------------------------------------
 */

static bool leads_alike(const struct route *a, const struct route *b)
{
    if (a->nexthop_id != 0 || b->nexthop_id != 0)
        return a->nexthop_id == b->nexthop_id;
    return a->hops_count == b->hops_count &&
           (a->hops_count != 1 ||
            (a->hop.link == b->hop.link && address_equal(&a->hop.gateway, &b->hop.gateway)));
}

/* Another source or lifetime is its owner's business. */
static bool is_it(const struct route *there, const struct route *was)
{
    return !there->clone && there->protocol == was->protocol && undo_touch_same_key(there, was) &&
           leads_alike(there, was);
}

/* at: where the one behind it was found; two listings have nearly one order. */
static bool has_route(const struct snapshot *now, const struct route *was, size_t *at)
{
    size_t count = now->routes_count;

    for (size_t i = 0; i < count; i++) {
        size_t look = (*at + i) % count;

        if (is_it(&now->routes[look], was)) {
            *at = look;
            return true;
        }
    }
    return false;
}

/* ---- keeping ----------------------------------------------------------------------------------
 */

/* By its name: made anew it has another number. */
static bool is_device_there(uint32_t index, const struct snapshot *others,
                            const struct snapshot *now)
{
    const struct link *link = snapshot_find_link(others, index);

    return link == NULL || snapshot_find_device(now, link->name) != NULL;
}

static bool leads_by_what_is_there(const struct route *route, const struct snapshot *others,
                                   const struct snapshot *now)
{
    for (uint32_t i = 0; i < route->hops_count; i++) {
        const struct hop *hop = route->hops_count == 1 ? &route->hop : &route->hops[i];

        if (is_device_there(hop->link, others, now))
            return true;
    }
    return route->hops_count == 0;
}

/* A pod that ends meanwhile takes its device along: nobody misses what was by it. */
static bool is_lost(const struct undo_item *item, const struct route *was,
                    const struct snapshot *now, size_t *at)
{
    if (item->change.kind == OPERATION_TAILSCALE)
        return was->table == TAILSCALE_TABLE;
    return !has_route(now, was, at) && leads_by_what_is_there(was, &item->others, now);
}

static bool is_lost_address(const struct undo_item *item, const struct link_address *was,
                            const struct snapshot *now)
{
    const struct link *tailnets = tailnet_find_device(now);

    if (item->change.kind == OPERATION_TAILSCALE)
        return tailnets != NULL && tailnets->index == was->link &&
               tailnet_has_address(&was->address);
    return consequence_find_address(now, was) == NULL &&
           is_device_there(was->link, &item->others, now);
}

static bool has_room(const struct snapshot *lost)
{
    return lost->addresses_count + lost->routes_count < OTHERS_MAX;
}

void undo_others_keep_lost(struct undo_item *item, const struct snapshot *now)
{
    const struct snapshot *others = &item->others;
    struct snapshot lost;
    size_t at = 0;

    snapshot_init(&lost);
    for (size_t i = 0; i < others->addresses_count && has_room(&lost); i++) {
        if (is_lost_address(item, &others->addresses[i], now))
            take_address(others, &others->addresses[i], &lost);
    }
    for (size_t i = 0; i < others->routes_count && has_room(&lost); i++) {
        if (is_lost(item, &others->routes[i], now, &at))
            undo_touch_take_route(others, &others->routes[i], &lost);
    }
    snapshot_done(&item->others);
    item->others = lost;
}

/* ---- telling ----------------------------------------------------------------------------------
 */

struct telling {
    struct text list;
    unsigned more; /* for which there was no room */
};

/* Whole ones only, each once: another operation of the change may have found the same gone. */
static void tell(struct telling *telling, const char *line, enum owner owner)
{
    char entry[SENTENCE_SIZE];
    struct text text = TEXT_IN(entry);

    text_add(&text, "'%s' (%s)", line, owner_row(owner)->name);
    if (strstr(telling->list.data, entry) != NULL)
        return;
    if (telling->list.len + text.len + 2 >= telling->list.size)
        telling->more++;
    else
        text_add(&telling->list, "%s%s", telling->list.len > 0 ? ", " : "", entry);
}

static void tell_addresses(struct telling *telling, const struct snapshot *others,
                           const struct snapshot *now)
{
    for (size_t i = 0; i < others->addresses_count; i++) {
        const struct link_address *was = &others->addresses[i];
        char line[SENTENCE_SIZE];
        struct text text = TEXT_IN(line);

        if (consequence_find_address(now, was) != NULL)
            continue;
        render_address(was, others, &text);
        tell(telling, line, owner_of_address(was, others));
    }
}

static void tell_routes(struct telling *telling, const struct snapshot *others,
                        const struct snapshot *now)
{
    size_t at = 0;

    for (size_t i = 0; i < others->routes_count; i++) {
        const struct route *was = &others->routes[i];
        char line[SENTENCE_SIZE];
        struct text text = TEXT_IN(line);

        if (has_route(now, was, &at))
            continue;
        render_route(was, others, &text);
        tell(telling, line, owner_of_route(was, others));
    }
}

bool undo_others_may_be_held_up(const struct undo_item *item)
{
    if (!undo_touch_has_losses(&item->change))
        return false;
    for (size_t i = 0; i < item->before.routes_count; i++) {
        if (item->before.routes[i].hops_count > 1)
            return true;
    }
    return item->before.addresses_count > 1;
}

static void tell_held_up_orders(struct telling *telling, const struct undo_loss *loss)
{
    static const uint8_t families[] = {FAMILY_IPV4, FAMILY_IPV6};

    for (size_t i = 0; i < 2 * loss->had->links_count; i++) {
        const struct link *link = &loss->had->links[i / 2];
        size_t first = undo_lost_in_order(loss->had, link->index, families[i % 2], 0);
        char line[SENTENCE_SIZE];
        struct text text = TEXT_IN(line);

        if (!undo_lost_order_is_held_up(loss, link->index, families[i % 2]))
            continue;
        text_add(&text, "the order of the addresses on %s", link->name);
        tell(telling, line, owner_of_address(&loss->had->addresses[first], loss->had));
    }
}

static void tell_held_up_routes(struct telling *telling, const struct undo_loss *loss)
{
    for (size_t i = 0; i < loss->had->routes_count; i++) {
        const struct route *was = &loss->had->routes[i];
        char line[SENTENCE_SIZE];
        struct text text = TEXT_IN(line);

        if (!undo_lost_is_held_up(loss, i))
            continue;
        render_route(was, loss->had, &text);
        tell(telling, line, owner_of_route(was, loss->had));
    }
}

static void tell_held_up(struct telling *telling, const struct undo_item *item,
                         const struct snapshot *now)
{
    struct undo_item own;
    struct undo_loss loss;
    struct snapshot after;

    if (!undo_others_may_be_held_up(item))
        return;
    undo_translate(item, now, &own);
    undo_take_made(&own, &after);
    loss = (struct undo_loss){&own.before, &after, now, NULL, false};
    tell_held_up_routes(telling, &loss);
    tell_held_up_orders(telling, &loss);
    snapshot_done(&after);
    undo_item_done(&own);
}

void undo_others_tell(const struct undo_item *items, uint32_t count, const struct snapshot *now,
                      struct text *out)
{
    char list[TOLD_SIZE] = "";
    struct telling telling = {.list = TEXT_IN(list)};

    for (uint32_t i = 0; i < count; i++) {
        struct snapshot others;

        snapshot_copy(&others, &items[i].others);
        undo_links_translate(&others, now);
        tell_routes(&telling, &others, now);
        tell_addresses(&telling, &others, now);
        tell_held_up(&telling, &items[i], now);
        snapshot_done(&others);
    }
    if (telling.list.len == 0 && telling.more == 0)
        return;
    text_add(out, "not back, and for its owner to bring back: %s", list);
    if (telling.more > 0)
        text_add(out, "%s%u more", telling.list.len > 0 ? ", and " : "", telling.more);
}
