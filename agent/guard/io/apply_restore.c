/*
 * apply_restore: puts back what the kernel took along, under the protocols that it had.
 */
#include "agent/guard/io/apply_restore.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdint.h>

#include "agent/guard/core/undo_beside.h"
#include "agent/guard/core/undo_part.h"
#include "agent/guard/core/undo_lost.h"
#include "agent/guard/core/undo_mtu.h"
#include "agent/guard/core/undo_touch.h"
#include "agent/guard/io/apply_batch.h"
#include "agent/guard/io/apply_netlink.h"
#include "agent/guard/io/apply_nexthop.h"
#include "agent/guard/io/apply_part.h"
#include "agent/guard/io/apply_stay.h"
#include "common/net/consequence.h"

/* ---- addresses --------------------------------------------------------------------------------
 */

/* The first that is lost; those behind it, in the order in which they were added, are moved. */
static size_t first_lost(const struct undo_loss *loss, uint32_t link, uint8_t family)
{
    size_t at;

    for (size_t k = 0; (at = undo_lost_in_order(loss->had, link, family, k)) != SIZE_MAX; k++) {
        if (undo_lost_address(loss, at))
            return k;
    }
    return SIZE_MAX;
}

/* The addresses of a link from the first-th on. */
struct place {
    uint32_t link;
    uint8_t family;
    size_t first;
    bool moves; /* those that are there go, and come back in order */
};

static size_t in_order(const struct undo_loss *loss, const struct place *place, size_t k)
{
    return undo_lost_in_order(loss->had, place->link, place->family, k);
}

static bool is_alone(const struct route *route, const struct snapshot *there)
{
    unsigned count = 0;

    for (size_t i = 0; i < there->routes_count; i++)
        count += undo_touch_same_key(&there->routes[i], route);
    return count == 1 && route->hops_count == 1;
}

/* One that only loses its source (IPv6) is there, and is put in its own place. */
static int flags_for(const struct route *route, const struct snapshot *there)
{
    bool loses = route->destination.address.family == FAMILY_IPV6 &&
                 address_is_set(&route->prefsrc) && is_alone(route, there);

    return NLM_F_CREATE | (loses ? NLM_F_REPLACE : NLM_F_APPEND);
}

/* It stays with the addresses, and would be there twice: it is shown as a blackhole, and kept as
 * what it was put as. IPv6 takes its source, and it is put in its own place. */
static bool stays_as_blackhole(const struct route *route)
{
    return route->nexthop_id != 0 && route->type == RTN_BLACKHOLE &&
           (route->destination.address.family == FAMILY_IPV4 || !address_is_set(&route->prefsrc));
}

/* Those that the kernel may take along with the link's addresses: they are all put once more, and
 * what is still there is refused. Behind the connected ones the gatewayed, in their order. */
static void add_routes(struct apply_batch *batch, const struct snapshot *there, uint8_t family)
{
    for (int gatewayed = 0; gatewayed < 2; gatewayed++) {
        for (size_t i = 0; i < there->routes_count; i++) {
            const struct route *route = &there->routes[i];

            if (route->destination.address.family == family && !route->clone &&
                !stays_as_blackhole(route) && undo_lost_has_gateway(route) == (gatewayed != 0) &&
                undo_touch_may_restore(route, there))
                apply_batch_add_take(batch,
                                     apply_netlink_route_message(route, flags_for(route, there)));
        }
    }
}

static void add_stays(struct apply_batch *batch, const struct link_address *own,
                      const struct snapshot *there, bool ends)
{
    for (size_t i = 0; i < there->addresses_count; i++) {
        const struct link_address *other = &there->addresses[i];

        if (other->link == own->link && other->address.family == own->address.family &&
            !address_equal(&other->address, &own->address))
            apply_stay_add(batch, other, there, ends);
    }
}

bool apply_restore_delete_address(const struct link_address *own, const struct snapshot *there,
                                  struct err *err)
{
    struct apply_batch batch = {.data = NULL};
    uint8_t family = own->address.family;
    size_t at;

    add_stays(&batch, own, there, false);
    apply_batch_add_heard(&batch, apply_netlink_address_message(own, true));
    for (size_t k = 0; (at = undo_lost_in_order(there, own->link, family, k)) != SIZE_MAX; k++) {
        if (!undo_touch_same_address(&there->addresses[at], own))
            apply_batch_add_take(&batch,
                                 apply_netlink_address_message(&there->addresses[at], false));
    }
    add_stays(&batch, own, there, true);
    add_routes(&batch, there, family);
    return apply_batch_send(&batch, "an address", err);
}

/* The k-th, where it is there. */
static const struct link_address *find_moved(const struct undo_loss *loss,
                                             const struct place *place, size_t k)
{
    return consequence_find_address(loss->now, &loss->had->addresses[in_order(loss, place, k)]);
}

static void add_moved_stays(struct apply_batch *batch, const struct undo_loss *loss,
                            const struct place *place, size_t count, bool ends)
{
    for (size_t k = place->first; k < count; k++) {
        const struct link_address *there = find_moved(loss, place, k);

        if (there != NULL)
            apply_stay_add(batch, there, loss->now, ends);
    }
}

static void add_put(struct apply_batch *batch, const struct undo_loss *loss,
                    const struct place *place, size_t count)
{
    for (size_t k = place->first; k < count; k++) {
        size_t at = in_order(loss, place, k);

        if (undo_lost_address(loss, at) || find_moved(loss, place, k) != NULL)
            apply_batch_add_take(batch,
                                 apply_netlink_address_message(&loss->had->addresses[at], false));
    }
}

/* All that stands behind the k-th goes, newest first: no primary before its secondaries; and comes
 * back in order. In one call: some of it is somebody's, whom nobody would remember. */
static bool move_behind(const struct undo_loss *loss, const struct place *place, struct err *err)
{
    struct apply_batch batch = {.data = NULL};
    size_t count = place->first;

    while (in_order(loss, place, count) != SIZE_MAX)
        count++;
    add_moved_stays(&batch, loss, place, count, false);
    batch.ahead = batch.count;
    for (size_t k = count; k-- > place->first;) {
        const struct link_address *there = find_moved(loss, place, k);

        if (there != NULL)
            apply_batch_add_take(&batch, apply_netlink_address_message(there, true));
    }
    add_put(&batch, loss, place, count);
    add_moved_stays(&batch, loss, place, count, true);
    add_routes(&batch, loss->now, place->family);
    return apply_batch_send(&batch, "addresses in their order", err);
}

/* moved: also those that were there, which are somebody's: one that fails keeps none of the others
 * away. found: what is there by now. */
static bool put_from(struct nl_sock *socket, const struct undo_loss *loss,
                     const struct place *place, const struct snapshot *found, struct err *err)
{
    struct err other = ERR_INIT;
    bool good = true;
    size_t at;

    for (size_t k = place->first; (at = in_order(loss, place, k)) != SIZE_MAX; k++) {
        const struct link_address *own = &loss->had->addresses[at];
        bool moved = place->moves && consequence_find_address(loss->now, own) != NULL;

        if ((moved || undo_lost_address(loss, at)) &&
            consequence_find_address(found, own) == NULL &&
            !apply_netlink_put_address(socket, own, false, err->kind == ERR_NONE ? err : &other))
            good = false;
    }
    return good;
}

/* What the addresses would look like if only the lost ones were put: is their order another? */
static bool needs_moving(const struct undo_loss *loss, uint32_t link, uint8_t family)
{
    struct undo_loss then = *loss;
    struct snapshot put;
    bool moving;

    snapshot_copy(&put, loss->now);
    for (size_t k = first_lost(loss, link, family); k != SIZE_MAX; k++) {
        size_t at = undo_lost_in_order(loss->had, link, family, k);

        if (at == SIZE_MAX)
            break;
        if (undo_lost_address(loss, at))
            consequence_address_added(&put, &loss->had->addresses[at]);
    }
    then.now = &put;
    moving = undo_lost_order(&then, link, family);
    snapshot_done(&put);
    return moving;
}

static bool restore_addresses(const struct apply_restore *restore, const struct undo_loss *loss,
                              uint32_t link, uint8_t family, struct err *err)
{
    struct place place = {link, family, first_lost(loss, link, family),
                          needs_moving(loss, link, family)};
    struct snapshot found;
    bool good;

    if (!place.moves)
        return place.first == SIZE_MAX || put_from(restore->socket, loss, &place, loss->now, err);
    if (place.first == SIZE_MAX)
        place.first = undo_lost_first_stays(loss, link, family) ? 1 : 0;
    if (!move_behind(loss, &place, err) ||
        !apply_part_read(restore->apply, restore->operation, restore->until, &found, err))
        return false;
    good = put_from(restore->socket, loss, &place, &found, err);
    snapshot_done(&found);
    return good;
}

static bool restore_all_addresses(const struct apply_restore *restore, const struct undo_loss *loss,
                                  struct err *err)
{
    for (size_t i = 0; i < loss->had->links_count; i++) {
        uint32_t link = loss->had->links[i].index;

        if (!restore_addresses(restore, loss, link, FAMILY_IPV4, err) ||
            !restore_addresses(restore, loss, link, FAMILY_IPV6, err))
            return false;
    }
    return true;
}

/* ---- waiting for carrier ----------------------------------------------------------------------
 */

static const struct link *silent(uint32_t index, const struct snapshot *now)
{
    const struct link *link = snapshot_find_link(now, index);

    return link != NULL && link->up && !link->carrier ? link : NULL;
}

/* Up, and nobody at the other end. */
static const struct link *find_silent(const struct route *route, const struct snapshot *now)
{
    const struct link *link = NULL;

    for (uint32_t i = 0; link == NULL && i < route->hops_count; i++)
        link = silent(route->hops_count > 1 ? route->hops[i].link : route->hop.link, now);
    return link;
}

static bool wait_for_carrier(const struct link *link, struct err *err)
{
    return link != NULL && err_wrap(err, "waits for carrier of %s", link->name);
}

/* ---- nexthop objects --------------------------------------------------------------------------
 */

static bool put_nexthop(struct nl_sock *socket, const struct nexthop *was,
                        const struct snapshot *now, struct err *err)
{
    bool there = snapshot_find_nexthop(now, was->id) != NULL;

    return apply_nexthop_put(socket, was, there ? APPLY_REPLACE : APPLY_EXCLUSIVE, err) ||
           wait_for_carrier(silent(was->hop.link, now), err);
}

static bool restore_nexthops(const struct apply_restore *restore, struct undo_loss loss,
                             bool groups, struct err *err)
{
    struct snapshot now;
    bool good = true;

    if (loss.had->nexthops_count == 0)
        return true;
    if (!apply_part_read(restore->apply, restore->operation, restore->until, &now, err))
        return false;
    loss.now = &now;
    for (size_t i = 0; good && i < loss.had->nexthops_count; i++) {
        const struct nexthop *was = &loss.had->nexthops[i];

        if (was->group == groups && undo_lost_nexthop(&loss, i))
            good = put_nexthop(restore->socket, was, &now, err);
    }
    snapshot_done(&now);
    return good;
}

/* ---- routes -----------------------------------------------------------------------------------
 */

/* It alone is put in its own place: of several of its key that are no hops of one, the kernel
 * replaces the first. */
static bool is_only(const struct route *there, const struct snapshot *now)
{
    unsigned count = 0;

    for (size_t i = 0; i < now->routes_count; i++)
        count += !now->routes[i].clone && undo_touch_same_key(&now->routes[i], there);
    return count == 1;
}

static bool put_mtu(struct nl_sock *socket, const struct route *was, const struct snapshot *now,
                    struct err *err)
{
    const struct route *there = undo_mtu_find(now, was);

    if (is_only(there, now))
        return apply_netlink_put_route(socket, was, APPLY_REPLACE, err);
    return apply_netlink_delete_route(socket, there, err) &&
           apply_netlink_put_route(socket, was, APPLY_APPEND, err);
}

bool apply_restore_mtus(const struct apply_restore *with, const struct snapshot *had,
                        struct err *err)
{
    struct snapshot now;
    bool good = true;

    if (!apply_part_read(with->apply, with->operation, with->until, &now, err))
        return false;
    for (size_t i = 0; good && i < had->routes_count; i++) {
        if (undo_mtu_differs(&now, &had->routes[i]))
            good = put_mtu(with->socket, &had->routes[i], &now, err);
    }
    snapshot_done(&now);
    return good;
}

static const enum apply_put as_placed[] = {[UNDO_BESIDE_ALONE] = APPLY_EXCLUSIVE,
                                           [UNDO_BESIDE_FIRST] = APPLY_PREPEND,
                                           [UNDO_BESIDE_LAST] = APPLY_APPEND,
                                           [UNDO_BESIDE_INSTEAD] = APPLY_REPLACE};

static bool is_in_part(const struct undo_loss *loss, size_t index)
{
    for (uint32_t i = 0; i < loss->had->routes[index].hops_count; i++) {
        if (undo_lost_hop_stays(loss, index, i))
            return true;
    }
    return false;
}

/* Beside the hops that are there: the kernel would not take all of them. */
static bool put_rest(struct nl_sock *socket, const struct undo_loss *loss, size_t index,
                     struct err *err)
{
    struct snapshot copy;
    struct route *rest;
    bool good;

    snapshot_init(&copy);
    undo_touch_take_route(loss->had, &loss->had->routes[index], &copy);
    rest = &copy.routes[0];
    for (uint32_t i = rest->hops_count; i-- > 0;) {
        if (undo_lost_hop_stays(loss, index, i))
            undo_part_leave_out(rest, i);
    }
    good = apply_netlink_put_route(socket, rest, APPLY_APPEND, err);
    snapshot_done(&copy);
    return good;
}

static bool put_route(struct nl_sock *socket, const struct undo_loss *loss, size_t index,
                      struct err *err)
{
    const struct route *was = &loss->had->routes[index];
    enum apply_put how;

    if (undo_mtu_differs(loss->now, was))
        return put_mtu(socket, was, loss->now, err);
    if (is_in_part(loss, index))
        return put_rest(socket, loss, index, err);
    how = as_placed[undo_beside_place(loss, index)];
    if (how == APPLY_EXCLUSIVE && undo_lost_overtakes(loss, index))
        how = APPLY_APPEND;
    return apply_netlink_put_route(socket, was, how, err) ||
           wait_for_carrier(find_silent(was, loss->now), err);
}

/* It was put before those with gateways, for they may need it. */
static bool put_again(struct nl_sock *socket, const struct undo_loss *loss, size_t index,
                      struct err *err)
{
    bool first = undo_lost_stood_first(loss, index);

    return apply_netlink_delete_route(socket, &loss->had->routes[index], err) &&
           apply_netlink_put_route(socket, &loss->had->routes[index],
                                   first ? APPLY_PREPEND : APPLY_APPEND, err);
}

static bool restore_some_routes(struct nl_sock *socket, const struct undo_loss *loss,
                                bool gatewayed, bool first, struct err *err)
{
    size_t count = loss->had->routes_count;

    for (size_t i = 0; i < count; i++) {
        size_t at = first ? count - 1 - i : i;

        bool own = undo_lost_has_gateway(&loss->had->routes[at]) == gatewayed;

        if ((!own && !gatewayed) || !undo_lost_route(loss, at) ||
            undo_lost_stood_first(loss, at) != first)
            continue;
        if (own ? !put_route(socket, loss, at, err)
                : undo_lost_is_overtaken(loss, at) && !put_again(socket, loss, at, err))
            return false;
    }
    return true;
}

/* Before what is there of their key come the last ones first. */
static bool restore_routes(struct nl_sock *socket, const struct undo_loss *loss, bool gatewayed,
                           struct err *err)
{
    return restore_some_routes(socket, loss, gatewayed, true, err) &&
           restore_some_routes(socket, loss, gatewayed, false, err);
}

/* ---- */

static bool restore(const struct apply_restore *with, struct undo_loss loss, struct err *err)
{
    struct snapshot now;
    bool good;

    if (!apply_part_read(with->apply, with->operation, with->until, &now, err))
        return false;
    loss.now = &now;
    good = restore_all_addresses(with, &loss, err);
    snapshot_done(&now);
    good =
        good && restore_nexthops(with, loss, false, err) && restore_nexthops(with, loss, true, err);
    if (!good || !apply_part_read(with->apply, with->operation, with->until, &now, err))
        return false;
    loss.now = &now;
    good = restore_routes(with->socket, &loss, false, err) &&
           restore_routes(with->socket, &loss, true, err);
    snapshot_done(&now);
    return good;
}

bool apply_restore(const struct apply_restore *with, const struct snapshot *had,
                   const struct snapshot *after, struct err *err)
{
    struct undo_loss loss = {
        .had = had, .after = after, .whosever = with->operation->kind == OPERATION_FILE};

    return restore(with, loss, err);
}

bool apply_restore_taken(const struct apply_restore *with, const struct snapshot *taken,
                         const struct snapshot *had, struct err *err)
{
    const struct snapshot nothing = {.links = NULL};
    struct undo_loss loss = {.had = taken, .after = &nothing, .ordered = had};

    return restore(with, loss, err);
}
