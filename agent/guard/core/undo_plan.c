/*
 * undo_plan: of several operations on one object the oldest judges.
 */
#include "agent/guard/core/undo_plan.h"

#include "agent/guard/core/undo_link.h"
#include "agent/guard/core/undo_touch.h"
#include "common/net/render.h"

static bool has_object(const struct undo_item *item, const struct snapshot *where)
{
    switch (item->change.kind) {
    case OPERATION_ROUTE:
        return undo_find_route(item, where) != NULL;
    case OPERATION_ADDRESS:
        return undo_link_find_address(item, where) != NULL;
    case OPERATION_NEXTHOP:
        return snapshot_find_nexthop(where, item->change.nexthop.nexthop.id) != NULL;
    case OPERATION_RULE:
    case OPERATION_SYSCTL:
    case OPERATION_TAILSCALE:
    case OPERATION_FILE:
    case OPERATION_LINK:
    case OPERATION_KIND_COUNT:
        break;
    }
    return false;
}

/* A group is another one when a member has gone. */
static bool has_lost_members(const struct undo_item *item, const struct snapshot *before,
                             const struct snapshot *after)
{
    uint32_t id = item->change.nexthop.nexthop.id;

    return item->change.kind == OPERATION_NEXTHOP &&
           !render_same_nexthop(snapshot_find_nexthop(before, id),
                                snapshot_find_nexthop(after, id));
}

/* It was there, and was not any more behind the older one, or not all of it. */
static bool was_taken(const struct undo_item *item, const struct undo_item *older)
{
    struct snapshot after;
    bool taken;

    if (!undo_touch_has_losses(&older->change) || !has_object(item, &older->before))
        return false;
    undo_take_made(older, &after);
    taken = !has_object(item, &after) || has_lost_members(item, &older->before, &after);
    snapshot_done(&after);
    return taken;
}

/* False: its object is an older one's. What of it is, is taken out of part's change. */
static bool knows_before(const struct undo_item *items, uint32_t number, struct undo_item *part)
{
    bool knows = true;

    for (uint32_t i = 0; i < number; i++)
        knows &= undo_take_out(part, &items[i]) && !was_taken(&items[number], &items[i]);
    return knows;
}

/* So that what others answer for can be made as if this one had left it as it was. */
static void keep_made(struct undo_item *part)
{
    struct snapshot after;

    undo_take_made(part, &after);
    snapshot_done(&part->after);
    part->after = after;
    part->has_after = true;
}

/* Without its own object it has neither put nor removed anything; what went with that is left. */
static void leave_object(struct undo_item *part)
{
    undo_touch_drop(&part->change, &part->before);
    undo_touch_drop(&part->change, &part->after);
}

/* Of a link what it does not set (any more). */
static void leave_fields(struct undo_item *part)
{
    const struct link *was = undo_link_find(part, &part->before);

    for (size_t i = 0; was != NULL && i < part->after.links_count; i++) {
        struct link *made = &part->after.links[i];

        if (made->index != was->index)
            continue;
        if (part->change.link.mtu == 0)
            made->mtu = was->mtu;
        if (!part->change.link.set_up)
            made->up = was->up;
    }
}

static void copy_item(const struct undo_item *item, struct undo_item *ret_copy)
{
    *ret_copy = *item;
    snapshot_copy(&ret_copy->before, &item->before);
    snapshot_copy(&ret_copy->after, &item->after);
    snapshot_copy(&ret_copy->others, &item->others);
}

enum undo_state undo_plan_judge(const struct undo_item *items, uint32_t number,
                                const struct snapshot *now, struct undo_item *ret_part,
                                char *ret_why)
{
    const struct undo_item *item = &items[number];
    enum operation_kind kind = item->change.kind;
    bool knows;

    copy_item(item, ret_part);
    knows = knows_before(items, number, ret_part);
    if (kind == OPERATION_LINK || (kind == OPERATION_ADDRESS && !knows))
        keep_made(ret_part);
    if (kind == OPERATION_LINK)
        leave_fields(ret_part);
    if (knows)
        return undo_judge(ret_part, now, ret_why, REASON_SIZE);
    if (kind == OPERATION_LINK)
        ret_part->change = item->change; /* for people */
    if (kind == OPERATION_ADDRESS)
        leave_object(ret_part);
    return kind == OPERATION_ADDRESS || kind == OPERATION_LINK || kind == OPERATION_FILE
               ? undo_judge_lost(ret_part, now, ret_why, REASON_SIZE)
               : UNDO_RESTORED;
}

/* ---- one that is back -------------------------------------------------------------------------
 */

/* Of the same device, and not already so. NULL: none. */
static const struct undo_item *find_last_mtu(const struct undo_item *items, uint32_t number)
{
    for (uint32_t i = number; i-- > 0;) {
        const struct operation *older = &items[i].change;
        const struct link *was;

        if (older->kind != OPERATION_LINK || older->link.mtu == 0 ||
            !text_equal(older->link.device, items[number].change.link.device))
            continue;
        was = undo_link_find(&items[i], &items[i].before);
        if (was != NULL && was->mtu != older->link.mtu)
            return &items[i];
    }
    return NULL;
}

/* The device had IPv6, lost it by that one, and has it again by this one. */
static const struct undo_item *find_without_ipv6(const struct undo_item *items, uint32_t number)
{
    const struct undo_item *older = find_last_mtu(items, number);
    const struct link *was = older != NULL ? undo_link_find(older, &older->before) : NULL;
    bool cuts = was != NULL && was->mtu >= LINK_MTU_IPV6 &&
                older->change.link.mtu < LINK_MTU_IPV6 &&
                items[number].change.link.mtu >= LINK_MTU_IPV6;

    return cuts ? older : NULL;
}

const struct undo_item *undo_plan_find_older(const struct undo_item *items, uint32_t number)
{
    enum operation_kind kind = items[number].change.kind;

    if (kind == OPERATION_LINK)
        return find_without_ipv6(items, number);
    if (kind != OPERATION_ROUTE && kind != OPERATION_NEXTHOP && kind != OPERATION_ADDRESS)
        return NULL;
    for (uint32_t i = 0; i < number; i++) {
        struct undo_item part = items[number]; /* shallow */

        if (!undo_take_out(&part, &items[i]))
            return &items[i];
    }
    return NULL;
}

static bool has_route_of_before(const struct undo_item *item, const struct snapshot *now)
{
    const struct route *was = undo_find_route(item, &item->before);
    const struct route *is = undo_find_instead(item, now);

    return was == NULL || is == NULL ? was == is : undo_touch_same_route(was, is);
}

/* One that was there would have to come back with what went with it. */
static bool has_no_object_as_before(const struct undo_item *item, const struct snapshot *now)
{
    return !has_object(item, &item->before) && !has_object(item, now);
}

static bool is_before(const struct undo_item *oldest, const struct snapshot *now)
{
    struct undo_item own;
    bool before;

    undo_translate(oldest, now, &own);
    before = own.change.kind == OPERATION_ROUTE ? has_route_of_before(&own, now)
                                                : has_no_object_as_before(&own, now);
    undo_item_done(&own);
    return before;
}

/* Somebody else's mtu, or that of before, is no way to be cut short. */
static bool has_made_mtu(const struct undo_item *item, const struct snapshot *now)
{
    struct undo_item own;
    const struct link *is;
    bool has;

    undo_translate(item, now, &own);
    is = undo_link_find(&own, now);
    has = is != NULL && is->mtu == item->change.link.mtu;
    undo_item_done(&own);
    return has;
}

/* Not by the mtu without IPv6: there were no routes then that had followed it. */
static bool shorten_mtu(const struct undo_item *item, const struct undo_item *older,
                        const struct snapshot *now, struct undo_item *ret_part)
{
    const struct link *was = undo_link_find(older, &older->before);
    const struct link *between = undo_link_find(item, &item->before);

    if (was == NULL || between == NULL || !has_made_mtu(item, now))
        return false;
    copy_item(item, ret_part);
    keep_made(ret_part);
    ret_part->before.links[between - item->before.links].mtu = was->mtu;
    return true;
}

bool undo_plan_shorten(const struct undo_item *item, const struct undo_item *older,
                       const struct snapshot *now, struct undo_item *ret_part)
{
    if (item->change.kind == OPERATION_LINK)
        return shorten_mtu(item, older, now, ret_part);
    if (!is_before(older, now))
        return false;
    copy_item(item, ret_part);
    if (item->change.kind == OPERATION_ADDRESS) {
        keep_made(ret_part);
        leave_object(ret_part);
    } else {
        undo_take_nothing(ret_part);
    }
    return true;
}
