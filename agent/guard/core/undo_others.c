/*
 * undo_others: what went with an operation and is for others to bring back.
 */
#include "agent/guard/core/undo_others.h"

#include <linux/rtnetlink.h>
#include <string.h>

#include "agent/guard/core/undo_links.h"
#include "agent/guard/core/undo_touch.h"
#include "common/net/consequence.h"
#include "common/net/owner.h"
#include "common/net/render.h"

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

/* A temporary one comes back as another. */
static bool is_told_address(const struct link_address *own, const struct snapshot *now)
{
    return !own->temporary && own->scope != RT_SCOPE_HOST &&
           !owner_row(owner_of_address(own, now))->undo;
}

static void take_link_of(const struct snapshot *now, uint32_t index, struct snapshot *to)
{
    const struct link *link = snapshot_find_link(now, index);

    if (link != NULL && snapshot_find_link(to, index) == NULL)
        *snapshot_add_link(to) = *link;
}

void undo_others_take(struct undo_item *item, const struct snapshot *now)
{
    struct snapshot *others = &item->others;

    snapshot_done(others);
    if (!may_take_along(&item->change))
        return;
    for (size_t i = 0; i < now->addresses_count; i++) {
        if (!is_told_address(&now->addresses[i], now))
            continue;
        *snapshot_add_address(others) = now->addresses[i];
        take_link_of(now, now->addresses[i].link, others);
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
        size_t look = (*at + count - i) % count;

        if (is_it(&now->routes[look], was)) {
            *at = look;
            return true;
        }
    }
    return false;
}

void undo_others_keep_lost(struct undo_item *item, const struct snapshot *now)
{
    struct snapshot *others = &item->others;
    bool all = item->change.kind == OPERATION_TAILSCALE;
    size_t kept = 0;
    size_t at = now->routes_count;

    for (size_t i = 0; i < others->addresses_count; i++) {
        if (kept < OTHERS_MAX &&
            (all || consequence_find_address(now, &others->addresses[i]) == NULL))
            others->addresses[kept++] = others->addresses[i];
    }
    others->addresses_count = kept;
    for (size_t i = others->routes_count; i-- > 0;) {
        if (!all && has_route(now, &others->routes[i], &at))
            snapshot_remove_route(others, i);
    }
    while (others->routes_count > OTHERS_MAX)
        snapshot_remove_route(others, others->routes_count - 1);
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
        snapshot_done(&others);
    }
    if (telling.list.len == 0 && telling.more == 0)
        return;
    text_add(out, "not back, and for its owner to bring back: %s", list);
    if (telling.more > 0)
        text_add(out, "%s%u more", telling.list.len > 0 ? ", and " : "", telling.more);
}
