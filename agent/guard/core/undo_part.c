/*
 * undo_part: leaves hops out of a route of several.
 */
#include "agent/guard/core/undo_part.h"

#include <assert.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

/* Attributes, and hops within one, begin at each fourth byte. */
static size_t aligned(size_t len)
{
    return RTA_ALIGN(len);
}

/* Where an attribute begins among the raw bytes; raw_len: it has none. */
static size_t find_attribute(const struct route *route, unsigned short type,
                             struct rtattr *ret_header)
{
    size_t at = NLMSG_ALIGN(sizeof(struct rtmsg));

    while (at + sizeof(*ret_header) <= route->raw_len) {
        memcpy(ret_header, route->raw + at, sizeof(*ret_header));
        if (ret_header->rta_len < sizeof(*ret_header))
            break;
        if ((ret_header->rta_type & NLA_TYPE_MASK) == type &&
            at + ret_header->rta_len <= route->raw_len)
            return at;
        at += aligned(ret_header->rta_len);
    }
    return route->raw_len;
}

/* The number-th of the hops from at on; false: there is none before end. */
static bool find_hop(const struct route *route, uint32_t number, size_t *at, size_t end,
                     size_t *ret_len)
{
    struct rtnexthop hop;

    for (;; number--) {
        if (*at + sizeof(hop) > end)
            return false;
        memcpy(&hop, route->raw + *at, sizeof(hop));
        *ret_len = aligned(hop.rtnh_len);
        if (hop.rtnh_len < sizeof(hop) || *at + *ret_len > end)
            return false;
        if (number == 0)
            return true;
        *at += *ret_len;
    }
}

static void cut(struct route *route, size_t at, size_t len)
{
    memmove(route->raw + at, route->raw + at + len, route->raw_len - at - len);
    route->raw_len -= (uint32_t)len;
}

static void remove_from_raw(struct route *route, uint32_t hop)
{
    struct rtattr all;
    size_t begin = find_attribute(route, RTA_MULTIPATH, &all);
    size_t at = begin + sizeof(all), len;

    if (begin == route->raw_len || !find_hop(route, hop, &at, begin + all.rta_len, &len))
        return;
    cut(route, at, len);
    all.rta_len = (unsigned short)(all.rta_len - len);
    memcpy(route->raw + begin, &all, sizeof(all));
}

void undo_part_leave_out(struct route *route, uint32_t hop)
{
    assert(route->hops_count > 1 && hop < route->hops_count);
    if (route->raw != NULL)
        remove_from_raw(route, hop);
    memmove(route->hops + hop, route->hops + hop + 1,
            (route->hops_count - hop - 1) * sizeof(*route->hops));
    if (--route->hops_count > 1)
        return;
    route->hop = route->hops[0];
    free(route->hops);
    route->hops = NULL;
}
