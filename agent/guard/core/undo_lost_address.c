/*
 * undo_lost_address: which addresses the kernel took along, and in which order they come back.
 */
#include <stdint.h>

#include "agent/guard/core/undo_lost.h"
#include "agent/guard/core/undo_touch.h"
#include "common/net/consequence.h"
#include "common/net/owner.h"

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

bool undo_lost_first_stays(const struct undo_loss *loss, uint32_t link, uint8_t family)
{
    size_t had = undo_lost_in_order(loss->had, link, family, 0);
    size_t now = undo_lost_in_order(loss->now, link, family, 0);

    return had != SIZE_MAX && now != SIZE_MAX &&
           undo_touch_same_address(&loss->had->addresses[had], &loss->now->addresses[now]);
}

/* Whether somebody has put it, or put it anew in another form. The kernel's own link-local ones
 * stand apart by their scope. */
static bool is_others(const struct undo_loss *loss, const struct link_address *there)
{
    const struct link_address *was = consequence_find_address(loss->had, there);

    return owner_of_address(there, loss->now) != OWNER_KERNEL &&
           (was == NULL || !undo_touch_is_as_put(there, was));
}

/* IPv4: one of another network has no say in who is the first of theirs. Not while what the undo
 * itself took is put back: of that one is apart that has its place in the order already. */
static bool stands_apart(const struct undo_loss *loss, const struct link_address *there)
{
    return there->address.family == FAMILY_IPV4 && loss->ordered == NULL &&
           consequence_find_primary(loss->had, there) == NULL &&
           undo_lost_first_stays(loss, there->link, FAMILY_IPV4);
}

static bool may_be_moved(const struct undo_loss *loss, uint32_t link, uint8_t family)
{
    for (size_t i = 0; i < loss->now->addresses_count; i++) {
        const struct link_address *there = &loss->now->addresses[i];

        if (is_of(there, link, family) && is_others(loss, there) && !stands_apart(loss, there))
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

static bool is_out_of_order(const struct undo_loss *loss, uint32_t link, uint8_t family)
{
    for (size_t i = 0; i < loss->had->addresses_count; i++) {
        const struct link_address *first = &loss->had->addresses[i];

        if (!is_of(first, link, family))
            continue;
        for (size_t k = i + 1; k < loss->had->addresses_count; k++) {
            const struct link_address *second = &loss->had->addresses[k];

            if (is_of(second, link, family) && is_swapped(loss, first, second))
                return true;
        }
    }
    return false;
}

bool undo_lost_order(const struct undo_loss *loss, uint32_t link, uint8_t family)
{
    return is_out_of_order(loss, link, family) && may_be_moved(loss, link, family);
}

bool undo_lost_order_is_held_up(const struct undo_loss *loss, uint32_t link, uint8_t family)
{
    return is_out_of_order(loss, link, family) && !may_be_moved(loss, link, family);
}
