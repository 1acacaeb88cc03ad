/*
 * undo_lost: what the kernel took along with an address, a link or IPv6, and in which order it
 * comes back.
 */
#include "agent/guard/core/undo_lost.h"

#include "agent/guard/core/undo_hops.h"
#include "agent/guard/core/undo_mtu.h"
#include "agent/guard/core/undo_touch.h"
#include "common/net/render.h"

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

/* What the kernel takes it by: an object, or the device of each hop. IPv6 keeps the others of a
 * route whose device is down, and takes one beside them. */
static bool has_devices(const struct route *route, const struct snapshot *now)
{
    uint8_t family = route->destination.address.family;
    const struct hop *hops;
    uint32_t count = undo_hops_of(route, &hops);

    if (route->nexthop_id != 0)
        return snapshot_find_nexthop(now, route->nexthop_id) != NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (!carries(hops[i].link, family, now) &&
            !(family == FAMILY_IPV6 && count > 1 && undo_hops_have_way(now, route, &hops[i])))
            return false;
    }
    return true;
}

static bool is_lost(const struct undo_loss *loss, const struct route *was)
{
    return (loss->whosever || undo_touch_may_restore(was, loss->had)) &&
           (!undo_hops_have_all(loss->after, was) ||
            undo_hops_have_lost_dead(was, loss->after, loss->now)) &&
           !undo_hops_have_all(loss->now, was) && !is_taken(loss, was);
}

bool undo_lost_route(const struct undo_loss *loss, size_t index)
{
    const struct route *was = &loss->had->routes[index];

    if (!loss->whosever && !undo_touch_may_restore(was, loss->had))
        return false;
    return undo_mtu_is_moved(loss, was) || (is_lost(loss, was) && has_devices(was, loss->now));
}

static bool lives(const struct route *route, const struct hop *hop)
{
    for (uint32_t i = 0; route->hops_count > 1 && i < route->hops_count; i++) {
        const struct hop *own = &route->hops[i];

        if (own->link == hop->link && address_equal(&own->gateway, &hop->gateway))
            return !own->dead;
    }
    return false;
}

/* The change has left it with a hop that is dead by it, and it is gone since: by a newer step, one
 * above, or somebody. */
static bool has_gone_since(const struct undo_loss *loss, const struct route *was)
{
    bool died = false;

    for (size_t i = 0; i < loss->after->routes_count; i++) {
        const struct route *made = &loss->after->routes[i];

        for (uint32_t k = 0; undo_touch_same_key(made, was) && k < made->hops_count; k++)
            died |= made->hops_count > 1 && made->hops[k].dead && lives(was, &made->hops[k]);
    }
    return died && undo_touch_may_restore(was, loss->had) && undo_hops_have_all(loss->after, was) &&
           !undo_hops_have_all(loss->now, was) && !is_taken(loss, was);
}

bool undo_lost_is_held_up(const struct undo_loss *loss, size_t index)
{
    const struct route *was = &loss->had->routes[index];
    const struct hop *hops;
    uint32_t count = undo_hops_of(was, &hops);
    bool some = false;

    if (count < 2 || was->nexthop_id != 0)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (snapshot_find_link(loss->now, hops[i].link) == NULL)
            return false;
        some |= carries(hops[i].link, was->destination.address.family, loss->now);
    }
    return some &&
           (has_gone_since(loss, was) || (is_lost(loss, was) && !has_devices(was, loss->now)));
}

bool undo_lost_hop_stays(const struct undo_loss *loss, size_t index, uint32_t hop)
{
    const struct route *was = &loss->had->routes[index];
    const struct hop *hops;
    uint8_t family = was->destination.address.family;
    uint32_t count = undo_hops_of(was, &hops);
    bool whole = true;

    for (uint32_t i = 0; i < count; i++)
        whole &= carries(hops[i].link, family, loss->now);
    return !whole && family == FAMILY_IPV6 && count > 1 &&
           undo_hops_have_way(loss->now, was, &hops[hop]);
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

/* The one without a gateway is put before the other, on whose side it stood of the same. */
static bool overtakes(const struct undo_loss *loss, size_t gatewayed, size_t other)
{
    const struct route *routes = loss->had->routes;
    bool first;

    if (routes[other].destination.address.family != FAMILY_IPV4 ||
        !undo_touch_same_key(&routes[gatewayed], &routes[other]) ||
        !undo_lost_has_gateway(&routes[gatewayed]) || undo_lost_has_gateway(&routes[other]))
        return false;
    first = undo_lost_stood_first(loss, other);
    return (first ? gatewayed > other : gatewayed < other) &&
           undo_lost_stood_first(loss, gatewayed) == first && undo_lost_route(loss, gatewayed) &&
           undo_lost_route(loss, other);
}

bool undo_lost_is_overtaken(const struct undo_loss *loss, size_t index)
{
    for (size_t i = 0; i < loss->had->routes_count; i++) {
        if (overtakes(loss, i, index))
            return true;
    }
    return false;
}

bool undo_lost_overtakes(const struct undo_loss *loss, size_t index)
{
    for (size_t i = 0; i < loss->had->routes_count; i++) {
        if (overtakes(loss, index, i))
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
