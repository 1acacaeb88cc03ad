/*
 * undo_links: the devices of an undo by their names.
 */
#include "agent/guard/core/undo_links.h"

#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "common/core/mem.h"

/* The links as they were, and beside each its number of now. */
struct translation {
    const struct link *links;
    const uint32_t *numbers;
    size_t count;
};

static uint32_t translate(const struct translation *translation, uint32_t link)
{
    for (size_t i = 0; i < translation->count; i++) {
        if (translation->links[i].index == link)
            return translation->numbers[i];
    }
    return link;
}

/* Whether any differs. */
static bool number(const struct snapshot *snapshot, const struct snapshot *now, uint32_t *numbers)
{
    bool differs = false;

    for (size_t i = 0; i < snapshot->links_count; i++) {
        const struct link *link = snapshot_find_device(now, snapshot->links[i].name);

        numbers[i] = link != NULL ? link->index : UINT32_MAX - (uint32_t)i;
        differs |= numbers[i] != snapshot->links[i].index;
    }
    return differs;
}

/* ---- raw bytes --------------------------------------------------------------------------------
 */

static void translate_u32(const struct translation *translation, void *at)
{
    uint32_t link;

    memcpy(&link, at, sizeof(link));
    link = translate(translation, link);
    memcpy(at, &link, sizeof(link));
}

/* Over what begins at `at` and has this length, padded to 4; false if that is not all there. */
static bool step_over(uint8_t **at, size_t *left, size_t len, size_t len_min)
{
    size_t padded = (len + 3) & ~(size_t)3;

    if (len < len_min || len > *left)
        return false;
    if (padded > *left)
        padded = *left;
    *at += padded;
    *left -= padded;
    return true;
}

static void translate_multipath(const struct translation *translation, uint8_t *at, size_t left)
{
    struct rtnexthop hop;

    while (left >= sizeof(hop)) {
        uint8_t *first = at;

        memcpy(&hop, at, sizeof(hop));
        if (!step_over(&at, &left, hop.rtnh_len, sizeof(hop)))
            return;
        translate_u32(translation, first + offsetof(struct rtnexthop, rtnh_ifindex));
    }
}

/* RTA_OIF or NHA_OIF, and RTA_MULTIPATH of a route (0: there is none). */
struct numbered {
    unsigned device, several;
};

static void translate_raw(const struct translation *translation, uint8_t *at, size_t left,
                          struct numbered types)
{
    struct rtattr attribute;

    while (left >= sizeof(attribute)) {
        uint8_t *data = at + sizeof(attribute);
        unsigned type;

        memcpy(&attribute, at, sizeof(attribute));
        if (!step_over(&at, &left, attribute.rta_len, sizeof(attribute)))
            return;
        type = attribute.rta_type & 0x3fffu; /* NLA_TYPE_MASK */
        if (type == types.device && attribute.rta_len >= sizeof(attribute) + sizeof(uint32_t))
            translate_u32(translation, data);
        else if (types.several != 0 && type == types.several)
            translate_multipath(translation, data, attribute.rta_len - sizeof(attribute));
    }
}

static void translate_route(const struct translation *translation, struct route *route)
{
    route->hop.link = translate(translation, route->hop.link);
    for (uint32_t i = 0; route->hops != NULL && i < route->hops_count; i++)
        route->hops[i].link = translate(translation, route->hops[i].link);
    if (route->raw != NULL && route->raw_len > sizeof(struct rtmsg))
        translate_raw(translation, route->raw + sizeof(struct rtmsg),
                      route->raw_len - sizeof(struct rtmsg),
                      (struct numbered){RTA_OIF, RTA_MULTIPATH});
}

static void translate_nexthop(const struct translation *translation, struct nexthop *nexthop)
{
    nexthop->hop.link = translate(translation, nexthop->hop.link);
    if (nexthop->raw != NULL && nexthop->raw_len > sizeof(struct nhmsg))
        translate_raw(translation, nexthop->raw + sizeof(struct nhmsg),
                      nexthop->raw_len - sizeof(struct nhmsg), (struct numbered){NHA_OIF, 0});
}

/* ---- */

static void translate_all(const struct translation *translation, struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->addresses_count; i++)
        snapshot->addresses[i].link = translate(translation, snapshot->addresses[i].link);
    for (size_t i = 0; i < snapshot->routes_count; i++)
        translate_route(translation, &snapshot->routes[i]);
    for (size_t i = 0; i < snapshot->nexthops_count; i++)
        translate_nexthop(translation, &snapshot->nexthops[i]);
}

void undo_links_translate(struct snapshot *snapshot, const struct snapshot *now)
{
    AUTO_FREE uint32_t *numbers = mem_alloc(snapshot->links_count + 1, sizeof(*numbers));
    struct translation translation = {snapshot->links, numbers, snapshot->links_count};

    if (now->links_count == 0 || !number(snapshot, now, numbers))
        return;
    translate_all(&translation, snapshot);
    for (size_t i = 0; i < snapshot->links_count; i++) {
        snapshot->links[i].master = translate(&translation, snapshot->links[i].master);
        snapshot->links[i].lower = translate(&translation, snapshot->links[i].lower);
        numbers[i] = translate(&translation, snapshot->links[i].index);
    }
    for (size_t i = 0; i < snapshot->links_count; i++)
        snapshot->links[i].index = numbers[i];
}
