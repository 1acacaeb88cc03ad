/*
 * undo_lost: what the kernel took along with an address, a link or IPv6, and in which order it
 * comes back.
 *
 * Pure. Of `had` nothing is put back that Oceanid may not restore (undo_touch.h): such a route
 * tells who stood beside one that is. What `after` still has was not taken by the change.
 */
#ifndef AGENT_GUARD_CORE_UNDO_LOST_H
#define AGENT_GUARD_CORE_UNDO_LOST_H

#include "agent/guard/core/undo.h"
#include "common/net/snapshot.h"

struct undo_loss {
    const struct snapshot *had, *after, *now; /* borrowed */
    const struct snapshot *ordered; /* of what this has the order is not had's to say; NULL: none */
    bool whosever;                  /* all of had is to be put back: a file has asked for it */
};

/* Whether this item of had was taken, is not there, and can be: its device is there. A route also
 * where it is there with the MTU that followed its device's (undo_mtu.h). */
bool undo_lost_address(const struct undo_loss *loss, size_t index);
bool undo_lost_nexthop(const struct undo_loss *loss, size_t index);
bool undo_lost_route(const struct undo_loss *loss, size_t index);

/* Whether this route of several hops was taken, is not there, and cannot be, because the device of
 * one of them is down. The kernel had kept that hop as a dead one beside the others. Or the change
 * has left it with such a hop, and it has gone since, whoever took it. */
bool undo_lost_is_held_up(const struct undo_loss *loss, size_t index);

/* Whether that hop of a lost IPv6 route is there, and the route cannot be put whole, for a device
 * of it is down: the others are put beside it. */
bool undo_lost_hop_stays(const struct undo_loss *loss, size_t index, uint32_t hop);

/* Order is state: the k-th address of that link and family in the order in which they were added,
 * which is that of the listing for IPv4 and the reverse of it for IPv6. SIZE_MAX behind the last.
 */
size_t undo_lost_in_order(const struct snapshot *had, uint32_t link, uint8_t family, size_t k);

/* Whether the addresses of that link and family stand in another order than they had, by the
 * change. Not where somebody else's are among them, which cannot be moved: only past those of other
 * networks of IPv4, and where the first stays, so that none of them becomes the device's first. */
bool undo_lost_order(const struct undo_loss *loss, uint32_t link, uint8_t family);
/* They do, and somebody else's are among them. */
bool undo_lost_order_is_held_up(const struct undo_loss *loss, uint32_t link, uint8_t family);
/* Whether the first is the first still: it need not be moved. */
bool undo_lost_first_stays(const struct undo_loss *loss, uint32_t link, uint8_t family);

/* UNDO_NEEDED with the first that is lost or out of order; else UNDO_RESTORED. */
enum undo_state undo_lost_judge(const struct undo_loss *loss, struct text *why);

/* Behind the connected ones: the kernel refuses a gateway that is on no network. */
bool undo_lost_has_gateway(const struct route *route);

/* Gives then the links and nexthop objects of had, as they are when the object itself is back. */
void undo_lost_set_ways(struct snapshot *then, const struct snapshot *had);

/* Takes out of there what an IPv6 route of had is without the source that went with its address: it
 * is put instead of that, not beside it. */
void undo_lost_drop_remnants(struct snapshot *there, const struct snapshot *had);

/* How a lost route is put: something of its key is there by the same hop, by another, or not. */
enum undo_lost_way { UNDO_LOST_ALONE, UNDO_LOST_BESIDE, UNDO_LOST_INSTEAD };
enum undo_lost_way undo_lost_way(const struct route *route, const struct snapshot *now);

/* Order is state: whether this route of had stood before all others of its key that had and now
 * have, of which there are some. The kernel uses the first of IPv4; of IPv6 this is never so. */
bool undo_lost_stood_first(const struct undo_loss *loss, size_t index);
/* Whether one of its key stood before it and was lost, too: it is put behind that. */
bool undo_lost_is_behind(const struct undo_loss *loss, size_t index);
/* Whether one with a gateway, that is put behind all that have none, comes to stand on the wrong
 * side of this one, which has none; and whether this is such a one. */
bool undo_lost_is_overtaken(const struct undo_loss *loss, size_t index);
bool undo_lost_overtakes(const struct undo_loss *loss, size_t index);

#endif
