/*
 * undo_lost: what the kernel took along with an address, a link or IPv6, and in which order it
 * comes back.
 */
#include "agent/guard/core/undo_lost.h"

#include <stdint.h>

#include "agent/guard/core/undo_hops.h"
#include "agent/guard/core/undo_mtu.h"
#include "agent/guard/core/undo_touch.h"
#include "common/net/consequence.h"
#include "common/net/owner.h"
#include "common/net/render.h"

/* ---- addresses --------------------------------------------------------------------------------
 */

static bool can_be(const struct link_address *own, const struct snapshot *now)
{
    const struct link *link = snapshot_find_link(now, own->link);

    return link != NULL && (own->address.family != FAMILY_IPV6 || link->mtu >= LINK_MTU_IPV6);
}

bool undo_lost_address(const struct undo_loss *loss, size_t index)
{
    const struct link_address *was = &loss->had->addresses[index];

    return consequence_find_address(loss->after, was) == NULL &&
           consequence_find_address(loss->now, was) == NULL && can_be(was, loss->now);
}

static bool is_of(const struct link_address *own, uint32_t link, uint8_t family)
{
    return own->link == link && own->address.family == family;
}

size_t undo_lost_in_order(const struct snapshot *had, uint32_t link, uint8_t family, size_t k)
{
    for (size_t i = 0; i < had->addresses_count; i++) {
        size_t at = family == FAMILY_IPV6 ? had->addresses_count - 1 - i : i;

        if (is_of(&had->addresses[at], link, family) && k-- == 0)
            return at;
    }
    return SIZE_MAX;
}

/* Its place among the addresses of a snapshot; SIZE_MAX: it is not there. */
static size_t place_of(const struct snapshot *snapshot, const struct link_address *own)
{
    const struct link_address *there = consequence_find_address(snapshot, own);

    return there != NULL ? (size_t)(there - snapshot->addresses) : SIZE_MAX;
}

/* Not where somebody has put one, or one anew in another form. The kernel's own link-local ones
 * stand apart by their scope. */
static bool may_be_moved(const struct undo_loss *loss, uint32_t link, uint8_t family)
{
    for (size_t i = 0; i < loss->now->addresses_count; i++) {
        const struct link_address *there = &loss->now->addresses[i];
        const struct link_address *was = consequence_find_address(loss->had, there);

        if (is_of(there, link, family) && owner_of_address(there, loss->now) != OWNER_KERNEL &&
            (was == NULL || !undo_touch_is_as_put(there, was)))
            return false;
    }
    return true;
}

static bool is_ordered(const struct undo_loss *loss, const struct link_address *own)
{
    return loss->ordered != NULL && consequence_find_address(loss->ordered, own) != NULL;
}

static bool is_swapped(const struct undo_loss *loss, const struct link_address *first,
                       const struct link_address *second)
{
    size_t first_now = place_of(loss->now, first);
    size_t second_now = place_of(loss->now, second);
    size_t first_after = place_of(loss->after, first);
    size_t second_after = place_of(loss->after, second);
    bool by_us = first_after == SIZE_MAX || second_after == SIZE_MAX || first_after > second_after;

    if (is_ordered(loss, first) && is_ordered(loss, second))
        return false;
    return first_now != SIZE_MAX && second_now != SIZE_MAX && first_now > second_now && by_us;
}

bool undo_lost_order(const struct undo_loss *loss, uint32_t link, uint8_t family)
{
    for (size_t i = 0; i < loss->had->addresses_count; i++) {
        const struct link_address *first = &loss->had->addresses[i];

        if (!is_of(first, link, family))
            continue;
        for (size_t k = i + 1; k < loss->had->addresses_count; k++) {
            const struct link_address *second = &loss->had->addresses[k];

            if (is_of(second, link, family) && is_swapped(loss, first, second))
                return may_be_moved(loss, link, family);
        }
    }
    return false;
}

/* Routes and nexthop objects of that family can be by it. */
static bool carries(uint32_t index, uint8_t family, const struct snapshot *now)
{
    const struct link *link = snapshot_find_link(now, index);

    return link != NULL && link->up && (family != FAMILY_IPV6 || link->mtu >= LINK_MTU_IPV6);
}

/* ---- nexthop objects --------------------------------------------------------------------------
 */

static bool has_object(const struct snapshot *snapshot, const struct nexthop *was)
{
    const struct nexthop *there = snapshot_find_nexthop(snapshot, was->id);

    return there != NULL && render_same_nexthop(there, was);
}

/* A group comes back behind its members. */
static bool has_what_it_needs(const struct nexthop *was, const struct snapshot *now)
{
    for (uint32_t i = 0; was->group && i < was->members_count; i++) {
        if (snapshot_find_nexthop(now, was->members[i].id) == NULL)
            return false;
    }
    return was->group || was->blackhole || carries(was->hop.link, was->family, now);
}

static bool has_member(const struct nexthop *group, uint32_t id)
{
    for (uint32_t i = 0; i < group->members_count; i++) {
        if (group->members[i].id == id)
            return true;
    }
    return false;
}

/* The same group, less the members that it lost. */
static bool is_left_of(const struct nexthop *is, const struct nexthop *was)
{
    for (uint32_t i = 0; i < is->members_count; i++) {
        if (!has_member(was, is->members[i].id))
            return false;
    }
    return is->group && was->group && is->protocol == was->protocol;
}

/* Somebody has made another one of that number meanwhile. */
static bool is_anothers(const struct undo_loss *loss, const struct nexthop *was)
{
    const struct nexthop *is = snapshot_find_nexthop(loss->now, was->id);

    return is != NULL && !is_left_of(is, was);
}

bool undo_lost_nexthop(const struct undo_loss *loss, size_t index)
{
    const struct nexthop *was = &loss->had->nexthops[index];

    return !has_object(loss->after, was) && !has_object(loss->now, was) &&
           !is_anothers(loss, was) && has_what_it_needs(was, loss->now);
}

/* ---- routes -----------------------------------------------------------------------------------
 */

static bool is_known(const struct undo_loss *loss, const struct route *route, const struct hop *hop)
{
    const struct snapshot *sides[] = {loss->had, loss->after};

    for (int i = 0; i < 2; i++) {
        for (size_t k = 0; k < sides[i]->routes_count; k++) {
            const struct route *there = &sides[i]->routes[k];

            if (undo_touch_same_key(there, route) && there->protocol == route->protocol &&
                undo_hops_lead_so(there, route, hop))
                return true;
        }
    }
    return false;
}

static bool shares_device(const struct route *a, const struct route *b)
{
    const struct hop *of_a, *of_b;
    uint32_t count_a = undo_hops_of(a, &of_a), count_b = undo_hops_of(b, &of_b);

    for (uint32_t i = 0; i < count_a; i++) {
        for (uint32_t k = 0; k < count_b; k++) {
            if (of_a[i].link == of_b[k].link)
                return true;
        }
    }
    return false;
}

/* IPv6 keeps several of a key, and makes hops of one route only of those with gateways
 * (rt6_qualify_for_ecmp): neither of two others by other devices is in the other's way, whoever
 * came first. */
static bool stands_beside(const struct route *there, const struct route *was)
{
    return was->destination.address.family == FAMILY_IPV6 && there->nexthop_id == 0 &&
           was->nexthop_id == 0 && there->hops_count > 0 && was->hops_count > 0 &&
           !shares_device(there, was) &&
           !(undo_lost_has_gateway(there) && undo_lost_has_gateway(was));
}

/* Somebody has put another one of that key meanwhile. */
static bool is_taken(const struct undo_loss *loss, const struct route *was)
{
    for (size_t i = 0; i < loss->now->routes_count; i++) {
        const struct route *there = &loss->now->routes[i];
        const struct hop *hops;
        uint32_t count = undo_hops_of(there, &hops);

        if (there->clone || !undo_touch_same_key(there, was) || stands_beside(there, was))
            continue;
        for (uint32_t k = 0; k < count; k++) {
            if (!is_known(loss, there, &hops[k]))
                return true;
        }
        if (count == 0 && !is_known(loss, there, NULL))
            return true;
    }
    return false;
}

static bool has_devices(const struct route *route, const struct snapshot *now)
{
    const struct hop *hops;
    uint32_t count = undo_hops_of(route, &hops);

    if (route->nexthop_id != 0)
        return snapshot_find_nexthop(now, route->nexthop_id) != NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (!carries(hops[i].link, route->destination.address.family, now))
            return false;
    }
    return true;
}

bool undo_lost_route(const struct undo_loss *loss, size_t index)
{
    const struct route *was = &loss->had->routes[index];

    if (!loss->whosever && !undo_touch_may_restore(was, loss->had))
        return false;
    if (undo_mtu_is_moved(loss, was))
        return true;
    return (!undo_hops_have_all(loss->after, was) ||
            undo_hops_have_lost_dead(was, loss->after, loss->now)) &&
           !undo_hops_have_all(loss->now, was) && !is_taken(loss, was) &&
           has_devices(was, loss->now);
}

bool undo_lost_has_gateway(const struct route *route)
{
    const struct hop *hops;
    uint32_t count = undo_hops_of(route, &hops);

    for (uint32_t i = 0; i < count; i++) {
        if (address_is_set(&hops[i].gateway))
            return true;
    }
    return false;
}

void undo_lost_set_ways(struct snapshot *then, const struct snapshot *had)
{
    then->links_count = 0;
    for (size_t i = 0; i < had->links_count; i++)
        *snapshot_add_link(then) = had->links[i];
    for (size_t i = 0; i < had->nexthops_count; i++) {
        struct nexthop copy = had->nexthops[i];

        copy.raw = NULL;
        copy.raw_len = 0;
        if (snapshot_find_nexthop(then, copy.id) == NULL)
            snapshot_copy_nexthop(then, &copy);
    }
}

static bool is_remnant(const struct route *there, const struct route *was)
{
    const struct hop *hops;
    uint32_t count = undo_hops_of(was, &hops);

    if (was->destination.address.family != FAMILY_IPV6 || !undo_touch_same_key(there, was) ||
        there->protocol != was->protocol || address_is_set(&there->prefsrc) ||
        !address_is_set(&was->prefsrc))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!undo_hops_lead_so(there, was, &hops[i]))
            return false;
    }
    return true;
}

static bool may_leave_remnants(const struct snapshot *had)
{
    for (size_t i = 0; i < had->routes_count; i++) {
        if (had->routes[i].destination.address.family == FAMILY_IPV6 &&
            address_is_set(&had->routes[i].prefsrc))
            return true;
    }
    return false;
}

void undo_lost_drop_remnants(struct snapshot *there, const struct snapshot *had)
{
    bool may = may_leave_remnants(had);

    for (size_t i = there->routes_count; may && i-- > 0;) {
        bool remnant = false;

        for (size_t k = 0; k < had->routes_count && !remnant; k++)
            remnant = is_remnant(&there->routes[i], &had->routes[k]);
        if (remnant)
            snapshot_remove_route(there, i);
    }
}

/* IPv6 keeps and loses each hop as a route of its own; IPv4 has all of a route, or another one. */
static bool is_rest_of(const struct route *there, const struct route *route)
{
    const struct hop *hops;
    uint32_t count = undo_hops_of(route, &hops);

    if (route->destination.address.family == FAMILY_IPV6 &&
        (route->hops_count > 1 || route->nexthop_id != 0))
        return true;
    if (route->nexthop_id != 0)
        return there->nexthop_id == route->nexthop_id;
    for (uint32_t i = 0; i < count; i++) {
        if (undo_hops_has(there, &hops[i]))
            return true;
    }
    return false;
}

enum undo_lost_way undo_lost_way(const struct route *route, const struct snapshot *now)
{
    bool some = false;

    for (size_t i = 0; i < now->routes_count; i++) {
        const struct route *there = &now->routes[i];

        if (there->clone || !undo_touch_same_key(there, route))
            continue;
        if (is_rest_of(there, route))
            return UNDO_LOST_INSTEAD;
        some = true;
    }
    return some ? UNDO_LOST_BESIDE : UNDO_LOST_ALONE;
}

static bool is_known_first(const struct undo_loss *loss, size_t index)
{
    const struct route *was = &loss->had->routes[index];

    for (size_t i = 0; i < index; i++) {
        if (undo_touch_same_key(&loss->had->routes[i], was) &&
            undo_hops_have_all(loss->now, &loss->had->routes[i]))
            return false;
    }
    return true;
}

bool undo_lost_stood_first(const struct undo_loss *loss, size_t index)
{
    const struct route *was = &loss->had->routes[index];

    return was->destination.address.family == FAMILY_IPV4 &&
           undo_lost_way(was, loss->now) == UNDO_LOST_BESIDE && is_known_first(loss, index);
}

bool undo_lost_is_behind(const struct undo_loss *loss, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (undo_touch_same_key(&loss->had->routes[i], &loss->had->routes[index]) &&
            undo_lost_route(loss, i))
            return true;
    }
    return false;
}

/* ---- all --------------------------------------------------------------------------------------
 */

static bool judge_addresses(const struct undo_loss *loss, struct text *why)
{
    for (size_t i = 0; i < loss->had->addresses_count; i++) {
        const struct link_address *was = &loss->had->addresses[i];
        bool lost = undo_lost_address(loss, i);

        if (!lost && !undo_lost_order(loss, was->link, was->address.family))
            continue;
        text_add(why, "expected ");
        render_address(was, loss->had, why);
        text_add(why, lost ? ", found none"
                           : " and its siblings in the order as before, found "
                             "another");
        return false;
    }
    return true;
}

static bool judge_nexthops(const struct undo_loss *loss, struct text *why)
{
    for (size_t i = 0; i < loss->had->nexthops_count; i++) {
        if (!undo_lost_nexthop(loss, i))
            continue;
        text_add(why, "expected '");
        render_nexthop(&loss->had->nexthops[i], loss->had, why);
        text_add(why, "' as before, found that it went with its device");
        return false;
    }
    return true;
}

static bool judge_routes(const struct undo_loss *loss, struct text *why)
{
    for (size_t i = 0; i < loss->had->routes_count; i++) {
        const struct route *was = &loss->had->routes[i];

        if (!undo_lost_route(loss, i))
            continue;
        text_add(why, "expected '");
        render_route(was, loss->had, why);
        text_add(why, "' of protocol %u, ", was->protocol);
        if (undo_mtu_is_moved(loss, was))
            undo_mtu_say(loss->now, was, why);
        else
            text_add(why, "found %s",
                     undo_lost_way(was, loss->now) == UNDO_LOST_ALONE ? "none" : "only part of it");
        return false;
    }
    return true;
}

enum undo_state undo_lost_judge(const struct undo_loss *loss, struct text *why)
{
    return judge_addresses(loss, why) && judge_nexthops(loss, why) && judge_routes(loss, why)
               ? UNDO_RESTORED
               : UNDO_NEEDED;
}
