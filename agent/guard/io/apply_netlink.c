/*
 * apply_netlink: the messages that put and delete routes, rules and addresses, and set links.
 */
#include "agent/guard/io/apply_netlink.h"

#include <endian.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/limits.h"
#include "common/core/mem.h"
#include "common/net/render.h"

/* The newer half of a dump is not accepted back: state flags, and what the kernel counts. */
enum { ROUTE_FLAGS_KEPT = RTNH_F_ONLINK | RTNH_F_PERVASIVE };

/* Room for raw bytes of the kernel's, and for what is put besides. */
enum { ROOM = 4096, HOP_ROOM = 64 };

static struct nl_msg *start_sized(int type, int flags, const void *header, size_t size, size_t room)
{
    struct nl_msg *message = nlmsg_alloc_size(room);

    if (message == NULL ||
        nlmsg_put(message, NL_AUTO_PORT, NL_AUTO_SEQ, type, 0, flags | NLM_F_REQUEST) == NULL ||
        nlmsg_append(message, (void *)(uintptr_t)header, size, NLMSG_ALIGNTO) < 0)
        abort();
    return message;
}

static struct nl_msg *start(int type, int flags, const void *header, size_t size)
{
    return start_sized(type, flags, header, size, ROOM);
}

static void put(struct nl_msg *message, int type, const void *data, size_t len)
{
    if (nla_put(message, type, (int)len, data) < 0)
        abort();
}

static void put_u32(struct nl_msg *message, int type, uint32_t value)
{
    put(message, type, &value, sizeof(value));
}

static void put_address(struct nl_msg *message, int type, const struct address *address)
{
    put(message, type, address->bytes, address_bits(address->family) / 8);
}

static int flags_of(enum apply_put how)
{
    switch (how) {
    case APPLY_EXCLUSIVE:
        return NLM_F_CREATE | NLM_F_EXCL;
    case APPLY_REPLACE:
        return NLM_F_CREATE | NLM_F_REPLACE;
    case APPLY_APPEND:
        return NLM_F_CREATE | NLM_F_APPEND;
    case APPLY_PREPEND:
        break;
    }
    return NLM_F_CREATE;
}

/* ---- routes -----------------------------------------------------------------------------------
 */

static uint8_t scope_of(const struct route *route)
{
    return route->destination.address.family == FAMILY_IPV4 && route->type == RTN_UNICAST &&
                   route->hops_count == 1 && !address_is_set(&route->hop.gateway)
               ? RT_SCOPE_LINK
               : RT_SCOPE_UNIVERSE;
}

static void put_gateway(struct nl_msg *message, const struct route *route, const struct hop *hop)
{
    const struct address *gateway = &hop->gateway;
    uint8_t via[sizeof(struct rtvia) + 16] = {0};

    if (!address_is_set(gateway))
        return;
    if (gateway->family == route->destination.address.family) {
        put_address(message, RTA_GATEWAY, gateway);
        return;
    }
    ((struct rtvia *)(void *)via)->rtvia_family = gateway->family;
    memcpy(via + sizeof(struct rtvia), gateway->bytes, address_bits(gateway->family) / 8);
    put(message, RTA_VIA, via, sizeof(struct rtvia) + address_bits(gateway->family) / 8);
}

/* Each hop is a header with attributes of its own behind it, and says how long both are. */
static void put_hops(struct nl_msg *message, const struct route *route)
{
    struct nlattr *nest = nla_nest_start(message, RTA_MULTIPATH);

    if (nest == NULL)
        abort();
    for (uint32_t i = 0; i < route->hops_count; i++) {
        const struct hop *hop = &route->hops[i];
        struct rtnexthop *header = nlmsg_reserve(message, sizeof(*header), NLMSG_ALIGNTO);

        if (header == NULL)
            abort();
        *header = (struct rtnexthop){.rtnh_flags = hop->onlink ? RTNH_F_ONLINK : 0,
                                     .rtnh_hops = (unsigned char)(hop->weight - 1),
                                     .rtnh_ifindex = (int)hop->link};
        put_gateway(message, route, hop);
        header->rtnh_len =
            (unsigned short)((char *)nlmsg_tail(nlmsg_hdr(message)) - (char *)header);
    }
    nla_nest_end(message, nest);
}

static void put_mtu(struct nl_msg *message, uint32_t mtu)
{
    struct nlattr *metrics;

    if (mtu == 0)
        return;
    metrics = nla_nest_start(message, RTA_METRICS);
    if (metrics == NULL)
        abort();
    put_u32(message, RTAX_MTU, mtu);
    nla_nest_end(message, metrics);
}

static struct nl_msg *route_from_fields(const struct route *route, int type, int flags)
{
    struct rtmsg header = {
        .rtm_family = route->destination.address.family,
        .rtm_dst_len = route->destination.len,
        .rtm_src_len = route->source.len,
        .rtm_tos = route->tos,
        .rtm_table = RT_TABLE_UNSPEC,
        .rtm_protocol = route->protocol,
        .rtm_scope = scope_of(route),
        .rtm_type = route->type,
        .rtm_flags = route->hops_count == 1 && route->hop.onlink ? RTNH_F_ONLINK : 0,
    };
    struct nl_msg *message =
        start_sized(type, flags, &header, sizeof(header), route->hops_count * HOP_ROOM + ROOM);

    put_u32(message, RTA_TABLE, route->table);
    if (route->destination.len > 0)
        put_address(message, RTA_DST, &route->destination.address);
    if (route->source.len > 0)
        put_address(message, RTA_SRC, &route->source.address);
    if (route->metric != 0)
        put_u32(message, RTA_PRIORITY, route->metric);
    if (address_is_set(&route->prefsrc))
        put_address(message, RTA_PREFSRC, &route->prefsrc);
    if (route->nexthop_id != 0) {
        put_u32(message, RTA_NH_ID, route->nexthop_id);
    } else if (route->hops_count > 1) {
        put_hops(message, route);
    } else if (route->hops_count == 1 && route->type == RTN_UNICAST) {
        put_u32(message, RTA_OIF, route->hop.link);
        put_gateway(message, route, &route->hop);
    }
    put_mtu(message, route->mtu);
    return message;
}

static void put_multipath(struct nl_msg *message, const struct nlattr *attribute)
{
    AUTO_FREE uint8_t *hops = mem_copy(nla_data(attribute), (size_t)nla_len(attribute));
    size_t len = (size_t)nla_len(attribute);
    size_t at = 0;

    while (at + sizeof(struct rtnexthop) <= len) {
        struct rtnexthop *hop = (struct rtnexthop *)(void *)(hops + at);

        if (hop->rtnh_len < sizeof(*hop))
            break;
        hop->rtnh_flags &= ROUTE_FLAGS_KEPT;
        at += NLMSG_ALIGN((size_t)hop->rtnh_len);
    }
    put(message, RTA_MULTIPATH, hops, len);
}

/* With RTA_NH_ID the nexthop's own attributes are refused (they are there for old readers). */
static bool is_refused(int type, bool has_nexthop_id)
{
    switch (type) {
    case RTA_CACHEINFO:
    case RTA_EXPIRES:
    case RTA_IIF:
    case RTA_UID:
        return true;
    case RTA_OIF:
    case RTA_GATEWAY:
    case RTA_VIA:
    case RTA_MULTIPATH:
    case RTA_ENCAP:
    case RTA_ENCAP_TYPE:
    case RTA_NEWDST:
        return has_nexthop_id;
    default:
        return false;
    }
}

static struct nl_msg *route_from_raw(const struct route *route, int type, int flags)
{
    struct rtmsg header;
    struct nl_msg *message;
    struct nlattr *first = (struct nlattr *)(void *)(route->raw + sizeof(header));
    int len = (int)(route->raw_len - sizeof(header));
    struct nlattr *attribute;
    int left;

    memcpy(&header, route->raw, sizeof(header));
    header.rtm_flags &= ROUTE_FLAGS_KEPT;
    if (route->nexthop_id != 0)
        header.rtm_flags = 0;
    message = start_sized(type, flags, &header, sizeof(header), route->raw_len + ROOM);
    nla_for_each_attr(attribute, first, len, left)
    {
        if (is_refused(nla_type(attribute), route->nexthop_id != 0))
            continue;
        if (nla_type(attribute) == RTA_MULTIPATH)
            put_multipath(message, attribute);
        else
            put(message, attribute->nla_type, nla_data(attribute), (size_t)nla_len(attribute));
    }
    return message;
}

static struct nl_msg *route_message(const struct route *route, int type, int flags)
{
    if (route->raw != NULL && route->raw_len >= sizeof(struct rtmsg))
        return route_from_raw(route, type, flags);
    return route_from_fields(route, type, flags);
}

struct nl_msg *apply_netlink_route_message(const struct route *route, int flags)
{
    return route_message(route, RTM_NEWROUTE, flags);
}

/* "route 192.0.2.0/24 table 100". */
static const char *route_name(const struct route *route, char *text, size_t size)
{
    char prefix[PREFIX_TEXT_SIZE];
    struct text out;

    text_init(&out, text, size);
    text_add(&out, "route %s table ", prefix_format(&route->destination, prefix));
    render_table(route->table, &out);
    return text;
}

bool apply_netlink_put_route(struct nl_sock *socket, const struct route *route, enum apply_put how,
                             struct err *err)
{
    char name[SENTENCE_SIZE];

    return apply_netlink_request(socket, route_message(route, RTM_NEWROUTE, flags_of(how)),
                                 route_name(route, name, sizeof(name)), err);
}

bool apply_netlink_delete_route(struct nl_sock *socket, const struct route *route, struct err *err)
{
    struct nl_msg *message = route_message(route, RTM_DELROUTE, 0);
    struct rtmsg *header = nlmsg_data(nlmsg_hdr(message));
    char name[SENTENCE_SIZE];

    /* By an object that is a blackhole now it is shown as one, and is kept as what it was put as.
     */
    if (route->nexthop_id != 0)
        header->rtm_type = RTN_UNSPEC;
    return apply_netlink_request(socket, message, route_name(route, name, sizeof(name)), err);
}

/* ---- rules ------------------------------------------------------------------------------------
 */

static void put_ports(struct nl_msg *message, int type, uint16_t first, uint16_t last)
{
    struct fib_rule_port_range range = {first, last};

    if (first != 0)
        put(message, type, &range, sizeof(range));
}

static void put_selectors(struct nl_msg *message, const struct rule *rule)
{
    struct fib_rule_uid_range users = {rule->uid_first, rule->uid_last};
    uint64_t tun_id = htobe64(rule->tun_id);

    if (rule->source.len > 0)
        put_address(message, FRA_SRC, &rule->source.address);
    if (rule->destination.len > 0)
        put_address(message, FRA_DST, &rule->destination.address);
    if (rule->mark != 0 || rule->mask != 0) {
        put_u32(message, FRA_FWMARK, rule->mark);
        put_u32(message, FRA_FWMASK, rule->mask);
    }
    if (rule->iif[0] != '\0')
        put(message, FRA_IIFNAME, rule->iif, strlen(rule->iif) + 1);
    if (rule->oif[0] != '\0')
        put(message, FRA_OIFNAME, rule->oif, strlen(rule->oif) + 1);
    if (rule->uid_first != 0 || rule->uid_last != UINT32_MAX)
        put(message, FRA_UID_RANGE, &users, sizeof(users));
    if (rule->tun_id != 0)
        put(message, FRA_TUN_ID, &tun_id, sizeof(tun_id));
    if (rule->ip_proto != 0)
        put(message, FRA_IP_PROTO, &rule->ip_proto, sizeof(rule->ip_proto));
    put_ports(message, FRA_SPORT_RANGE, rule->sport_first, rule->sport_last);
    put_ports(message, FRA_DPORT_RANGE, rule->dport_first, rule->dport_last);
}

static struct nl_msg *rule_from_fields(const struct rule *rule, int type, int flags)
{
    struct fib_rule_hdr header = {
        .family = rule->family,
        .dst_len = rule->destination.len,
        .src_len = rule->source.len,
        .tos = rule->tos,
        .table = RT_TABLE_UNSPEC,
        .action = rule->action,
        .flags = rule->invert ? FIB_RULE_INVERT : 0,
    };
    const uint8_t on = 1;
    struct nl_msg *message = start(type, flags, &header, sizeof(header));

    put_u32(message, FRA_PRIORITY, rule->priority);
    put(message, FRA_PROTOCOL, &rule->protocol, sizeof(rule->protocol));
    if (rule->l3mdev)
        put(message, FRA_L3MDEV, &on, sizeof(on));
    else if (rule->action == FR_ACT_TO_TBL)
        put_u32(message, FRA_TABLE, rule->table);
    if (rule->action == FR_ACT_GOTO)
        put_u32(message, FRA_GOTO, rule->goto_priority);
    if (rule->suppress_prefixlength >= 0)
        put_u32(message, FRA_SUPPRESS_PREFIXLEN, (uint32_t)rule->suppress_prefixlength);
    if (rule->suppress_ifgroup >= 0)
        put_u32(message, FRA_SUPPRESS_IFGROUP, (uint32_t)rule->suppress_ifgroup);
    put_selectors(message, rule);
    return message;
}

/* The dump of a rule of priority 0 has no FRA_PRIORITY; without it the kernel would choose one. */
static struct nl_msg *rule_from_raw(const struct rule *rule, int type, int flags)
{
    struct fib_rule_hdr header;
    struct nl_msg *message;
    struct nlattr *first = (struct nlattr *)(void *)(rule->raw + sizeof(header));
    int len = (int)(rule->raw_len - sizeof(header));
    struct nlattr *attribute;
    int left;

    memcpy(&header, rule->raw, sizeof(header));
    header.flags &= FIB_RULE_INVERT | FIB_RULE_FIND_SADDR;
    message = start_sized(type, flags, &header, sizeof(header), rule->raw_len + ROOM);
    put_u32(message, FRA_PRIORITY, rule->priority);
    nla_for_each_attr(attribute, first, len, left)
    {
        if (nla_type(attribute) != FRA_PRIORITY && nla_type(attribute) != FRA_PAD)
            put(message, attribute->nla_type, nla_data(attribute), (size_t)nla_len(attribute));
    }
    return message;
}

struct nl_msg *apply_netlink_rule_message(const struct rule *rule, int type, int flags)
{
    if (rule->raw != NULL && rule->raw_len >= sizeof(struct fib_rule_hdr))
        return rule_from_raw(rule, type, flags);
    return rule_from_fields(rule, type, flags);
}

static bool request_rule(struct nl_sock *socket, const struct rule *rule, struct nl_msg *message,
                         struct err *err)
{
    char name[SENTENCE_SIZE] = "";
    struct text text = TEXT_IN(name);

    text_add(&text, "rule ");
    render_rule(rule, &text);
    return apply_netlink_request(socket, message, name, err);
}

bool apply_netlink_put_rule(struct nl_sock *socket, const struct rule *rule, enum apply_put how,
                            struct err *err)
{
    return request_rule(socket, rule, apply_netlink_rule_message(rule, RTM_NEWRULE, flags_of(how)),
                        err);
}

bool apply_netlink_delete_rule(struct nl_sock *socket, const struct rule *rule, struct err *err)
{
    return request_rule(socket, rule, apply_netlink_rule_message(rule, RTM_DELRULE, 0), err);
}

/* ---- addresses --------------------------------------------------------------------------------
 */

static void put_details(struct nl_msg *message, const struct link_address *address)
{
    static const struct ifa_cacheinfo deprecated = {.ifa_prefered = 0, .ifa_valid = UINT32_MAX};

    if (address_is_set(&address->broadcast))
        put_address(message, IFA_BROADCAST, &address->broadcast);
    if (address->label[0] != '\0')
        put(message, IFA_LABEL, address->label, strlen(address->label) + 1);
    if (address->metric != 0)
        put_u32(message, IFA_RT_PRIORITY, address->metric);
    if (address->deprecated) /* for ever: no source is chosen by it */
        put(message, IFA_CACHEINFO, &deprecated, sizeof(deprecated));
    if (address->protocol != 0)
        put(message, IFA_PROTO, &address->protocol, sizeof(address->protocol));
}

static bool request_address(struct nl_sock *socket, const struct link_address *address,
                            struct nl_msg *message, struct err *err)
{
    char text[ADDRESS_TEXT_SIZE];
    char name[SENTENCE_SIZE];
    struct text out = TEXT_IN(name);

    text_add(&out, "address %s/%u", address_format(&address->address, text), address->prefix_len);
    return apply_netlink_request(socket, message, name, err);
}

static struct nl_msg *start_address(const struct link_address *address, int type, int flags)
{
    struct ifaddrmsg header = {.ifa_family = address->address.family,
                               .ifa_prefixlen = address->prefix_len,
                               .ifa_scope = address->scope,
                               .ifa_index = address->link};
    struct nl_msg *message = start(type, flags, &header, sizeof(header));

    put_address(message, IFA_LOCAL, &address->address);
    put_address(message, IFA_ADDRESS,
                address_is_set(&address->peer) ? &address->peer : &address->address);
    return message;
}

static struct nl_msg *put_message(const struct link_address *address, bool check_duplicate)
{
    struct nl_msg *message = start_address(address, RTM_NEWADDR, flags_of(APPLY_EXCLUSIVE));
    uint32_t flags = IFA_F_PERMANENT;

    if (!check_duplicate)
        flags |= IFA_F_NODAD;
    if (address->noprefixroute)
        flags |= IFA_F_NOPREFIXROUTE;
    put_u32(message, IFA_FLAGS, flags);
    put_details(message, address);
    return message;
}

struct nl_msg *apply_netlink_address_message(const struct link_address *address, bool deletes)
{
    return deletes ? start_address(address, RTM_DELADDR, 0) : put_message(address, false);
}

bool apply_netlink_put_address(struct nl_sock *socket, const struct link_address *address,
                               bool check_duplicate, struct err *err)
{
    return request_address(socket, address, put_message(address, check_duplicate), err);
}

bool apply_netlink_delete_address(struct nl_sock *socket, const struct link_address *address,
                                  struct err *err)
{
    return request_address(socket, address, start_address(address, RTM_DELADDR, 0), err);
}

/* ---- links ------------------------------------------------------------------------------------
 */

bool apply_netlink_set_link(struct nl_sock *socket, const struct link *link, uint32_t mtu,
                            const bool *up, struct err *err)
{
    struct ifinfomsg header = {.ifi_index = (int)link->index};
    struct nl_msg *message;
    char name[SENTENCE_SIZE];
    struct text out = TEXT_IN(name);

    if (up != NULL) {
        header.ifi_change = IFF_UP;
        header.ifi_flags = *up ? IFF_UP : 0;
    }
    message = start(RTM_NEWLINK, 0, &header, sizeof(header));
    if (mtu != 0)
        put_u32(message, IFLA_MTU, mtu);
    text_add(&out, "link %s", link->name);
    return apply_netlink_request(socket, message, name, err);
}
