/*
 * standin_move: another index for a device of the host, where a new namespace has its own.
 */
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

#include "agent/guard/io/standin.h"

struct move {
    uint32_t from, to;
};

static void move_number(const struct move *move, void *number)
{
    uint32_t value;

    memcpy(&value, number, sizeof(value));
    if (value == move->from)
        memcpy(number, &move->to, sizeof(move->to));
}

static void move_multipath(const struct move *move, struct nlattr *attribute)
{
    uint8_t *hops = nla_data(attribute);
    size_t len = (size_t)nla_len(attribute);
    size_t at = 0;

    while (at + sizeof(struct rtnexthop) <= len) {
        struct rtnexthop *hop = (struct rtnexthop *)(void *)(hops + at);

        if (hop->rtnh_len < sizeof(*hop))
            break;
        move_number(move, &hop->rtnh_ifindex);
        at += NLMSG_ALIGN((size_t)hop->rtnh_len);
    }
}

/* In the kernel's own bytes: a header of that size and its attributes. */
static void move_raw(const struct move *move, uint8_t *raw, uint32_t raw_len, bool is_route)
{
    size_t header = is_route ? sizeof(struct rtmsg) : sizeof(struct nhmsg);
    int device = is_route ? RTA_OIF : NHA_OIF;
    struct nlattr *attribute;
    int left;

    if (raw == NULL || raw_len < header)
        return;
    nla_for_each_attr(attribute, (struct nlattr *)(void *)(raw + header), (int)(raw_len - header),
                      left)
    {
        if (nla_type(attribute) == device && nla_len(attribute) == sizeof(uint32_t))
            move_number(move, nla_data(attribute));
        else if (is_route && nla_type(attribute) == RTA_MULTIPATH)
            move_multipath(move, attribute);
    }
}

static void move_routes(const struct move *move, struct snapshot *host)
{
    for (size_t i = 0; i < host->routes_count; i++) {
        struct route *route = &host->routes[i];

        move_number(move, &route->hop.link);
        for (uint32_t h = 0; route->hops != NULL && h < route->hops_count; h++)
            move_number(move, &route->hops[h].link);
        move_raw(move, route->raw, route->raw_len, true);
    }
}

void standin_move(struct snapshot *host, uint32_t from, uint32_t to)
{
    const struct move move = {from, to};

    for (size_t i = 0; i < host->links_count; i++) {
        move_number(&move, &host->links[i].index);
        move_number(&move, &host->links[i].master);
        move_number(&move, &host->links[i].lower);
    }
    for (size_t i = 0; i < host->addresses_count; i++)
        move_number(&move, &host->addresses[i].link);
    for (size_t i = 0; i < host->nexthops_count; i++) {
        move_number(&move, &host->nexthops[i].hop.link);
        move_raw(&move, host->nexthops[i].raw, host->nexthops[i].raw_len, false);
    }
    move_routes(&move, host);
    snapshot_sort(host); /* links by index */
}
