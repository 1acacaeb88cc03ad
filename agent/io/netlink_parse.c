/*
 * netlink_parse: one message of the kernel's (link, address, route, rule, nexthop) as a value.
 */
#include "agent/io/netlink_parse.h"

#include <endian.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/net/attribute.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
/* The attributes behind a header of this type, by their numbers. */
#define PARSE(message, header, table)                                                              \
    nla_parse(table, (int)COUNT_OF(table) - 1, nlmsg_attrdata(message, sizeof(header)),            \
              nlmsg_attrlen(message, sizeof(header)), NULL)

/* ---- attributes: what is missing or too short reads as 0 or "" --------------------------------
 */

static uint8_t u8_of(const struct nlattr *attribute)
{
    return attribute != NULL && nla_len(attribute) >= 1 ? nla_get_u8(attribute) : 0;
}

static uint32_t u32_or(const struct nlattr *attribute, uint32_t otherwise)
{
    return attribute != NULL && nla_len(attribute) >= 4 ? nla_get_u32(attribute) : otherwise;
}

static uint32_t u32_of(const struct nlattr *attribute)
{
    return u32_or(attribute, 0);
}

static void copy_name(char *to, const struct nlattr *attribute)
{
    if (attribute != NULL)
        nla_strlcpy(to, attribute, DEVICE_SIZE);
}

static struct address address_of(const struct nlattr *attribute)
{
    struct address address = {.family = FAMILY_NONE};

    if (attribute != NULL && nla_len(attribute) == 4)
        address = address_from_bytes(FAMILY_IPV4, nla_data(attribute));
    else if (attribute != NULL && nla_len(attribute) == 16)
        address = address_from_bytes(FAMILY_IPV6, nla_data(attribute));
    return address;
}

static struct prefix prefix_of(uint8_t family, const struct nlattr *attribute, uint8_t len)
{
    struct prefix prefix = {address_of(attribute), len};

    return prefix.address.family == family ? prefix : prefix_default(family);
}

/* RTA_VIA: a gateway of the other family. */
static struct address via_of(const struct nlattr *attribute)
{
    struct address address = {.family = FAMILY_NONE};
    const struct rtvia *via = attribute != NULL ? nla_data(attribute) : NULL;
    int len = attribute != NULL ? nla_len(attribute) - (int)sizeof(*via) : 0;

    if (len == 4 || len == 16)
        address = address_from_bytes(len == 4 ? FAMILY_IPV4 : FAMILY_IPV6, via->rtvia_addr);
    return address;
}

static uint8_t *raw_of(const struct nlmsghdr *message, uint32_t *ret_len)
{
    int len = nlmsg_datalen(message);
    uint8_t *raw = mem_resize(NULL, 1, (size_t)len);

    *ret_len = (uint32_t)len;
    return memcpy(raw, nlmsg_data(message), (size_t)len);
}

/* ---- links and addresses ----------------------------------------------------------------------
 */

/* Pairs name each other so. */
static bool is_end_of_pair(const char *kind)
{
    return text_equal(kind, "veth") || text_equal(kind, "netkit") || text_equal(kind, "vxcan");
}

/* The kernel names a device that stands on none by its own number, or not at all. */
static uint32_t lower_of(const struct link *link, struct nlattr *const *attributes)
{
    uint32_t lower = u32_of(attributes[IFLA_LINK]);

    return attributes[IFLA_LINK_NETNSID] != NULL || lower == link->index ||
                   is_end_of_pair(link->kind)
               ? 0
               : lower;
}

static void parse_link(const struct nlmsghdr *message, struct snapshot *snapshot)
{
    const struct ifinfomsg *header = nlmsg_data(message);
    struct nlattr *attributes[IFLA_MAX + 1];
    struct nlattr *info[IFLA_INFO_MAX + 1];
    struct link *link = snapshot_add_link(snapshot);

    PARSE(message, *header, attributes);
    link->index = (uint32_t)header->ifi_index;
    link->up = (header->ifi_flags & IFF_UP) != 0;
    link->carrier = (header->ifi_flags & IFF_LOWER_UP) != 0;
    link->loopback = (header->ifi_flags & IFF_LOOPBACK) != 0;
    link->mtu = u32_of(attributes[IFLA_MTU]);
    link->master = u32_of(attributes[IFLA_MASTER]);
    link->group = u32_of(attributes[IFLA_GROUP]);
    link->group_known = attributes[IFLA_GROUP] != NULL;
    copy_name(link->name, attributes[IFLA_IFNAME]);
    if (attributes[IFLA_LINKINFO] != NULL &&
        nla_parse_nested(info, IFLA_INFO_MAX, attributes[IFLA_LINKINFO], NULL) >= 0)
        copy_name(link->kind, info[IFLA_INFO_KIND]);
    link->lower = lower_of(link, attributes);
}

/* What the address is put back with. */
static void parse_address_details(struct link_address *address, struct nlattr *const *attributes)
{
    struct address peer = address_of(attributes[IFA_ADDRESS]);

    if (attributes[IFA_LOCAL] != NULL && !address_equal(&peer, &address->address))
        address->peer = peer;
    address->broadcast = address_of(attributes[IFA_BROADCAST]);
    address->metric = u32_of(attributes[IFA_RT_PRIORITY]);
    copy_name(address->label, attributes[IFA_LABEL]);
}

static void parse_address(const struct nlmsghdr *message, struct snapshot *snapshot)
{
    const struct ifaddrmsg *header = nlmsg_data(message);
    struct nlattr *attributes[IFA_MAX + 1];
    bool ipv6 = header->ifa_family == FAMILY_IPV6;
    struct link_address *address;
    struct address own;
    uint32_t flags;

    PARSE(message, *header, attributes);
    own =
        address_of(attributes[IFA_LOCAL] != NULL ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS]);
    if (own.family != header->ifa_family)
        return;
    flags = u32_or(attributes[IFA_FLAGS], header->ifa_flags);
    address = snapshot_add_address(snapshot);
    address->link = header->ifa_index;
    address->address = own;
    address->prefix_len = header->ifa_prefixlen;
    address->scope = header->ifa_scope;
    address->protocol = u8_of(attributes[IFA_PROTO]);
    address->secondary = !ipv6 && (flags & IFA_F_SECONDARY) != 0;
    address->temporary = ipv6 && (flags & IFA_F_TEMPORARY) != 0; /* the same bit */
    address->tentative = (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0;
    address->deprecated = (flags & IFA_F_DEPRECATED) != 0;
    address->permanent = (flags & IFA_F_PERMANENT) != 0;
    address->noprefixroute = (flags & IFA_F_NOPREFIXROUTE) != 0;
    address->mngtmpaddr = ipv6 && (flags & IFA_F_MANAGETEMPADDR) != 0;
    parse_address_details(address, attributes);
}

/* ---- routes -----------------------------------------------------------------------------------
 */

static void parse_gateway(struct hop *hop, struct nlattr *const *attributes)
{
    hop->gateway = attributes[RTA_GATEWAY] != NULL ? address_of(attributes[RTA_GATEWAY])
                                                   : via_of(attributes[RTA_VIA]);
}

static void parse_hop_flags(struct hop *hop, unsigned flags)
{
    hop->onlink = (flags & RTNH_F_ONLINK) != 0;
    /* A route without carrier is used all the same (a bridge without pods), unless its device has
     * ignore_routes_with_linkdown: then the kernel says that it is dead (fib_nexthop_info). */
    hop->dead = (flags & RTNH_F_DEAD) != 0;
}

/* The next of several; false behind the last. */
static bool next_hop(const struct rtnexthop **at, int *left)
{
    const struct rtnexthop *hop = *at;

    if (*left < (int)sizeof(*hop) || !RTNH_OK(hop, *left)) /* RTNH_OK reads before it looks */
        return false;
    *left -= RTNH_ALIGN(hop->rtnh_len);
    *at = RTNH_NEXT(hop);
    return true;
}

static void parse_one_of(struct hop *hop, const struct rtnexthop *from)
{
    struct nlattr *attributes[RTA_MAX + 1];

    nla_parse(attributes, RTA_MAX, (struct nlattr *)(uintptr_t)(from + 1),
              (int)(from->rtnh_len - sizeof(*from)), NULL);
    hop->link = (uint32_t)from->rtnh_ifindex;
    hop->weight = (uint8_t)(from->rtnh_hops + 1);
    parse_hop_flags(hop, from->rtnh_flags);
    parse_gateway(hop, attributes);
}

static void parse_multipath(struct route *route, const struct nlattr *attribute)
{
    const struct rtnexthop *at = nla_data(attribute);
    int left = nla_len(attribute);
    uint32_t count = 0;

    while (next_hop(&at, &left))
        count++;
    at = nla_data(attribute);
    left = nla_len(attribute);
    if (count > 1)
        route->hops = mem_alloc(count, sizeof(*route->hops));
    for (const struct rtnexthop *from = at; next_hop(&at, &left); from = at)
        parse_one_of(count > 1 ? &route->hops[route->hops_count++] : &route->hop, from);
    if (count == 1)
        route->hops_count = 1;
}

static void parse_hops(struct route *route, const struct rtmsg *header,
                       struct nlattr *const *attributes)
{
    if (attributes[RTA_MULTIPATH] != NULL) {
        parse_multipath(route, attributes[RTA_MULTIPATH]);
        return;
    }
    if (attributes[RTA_OIF] == NULL && attributes[RTA_GATEWAY] == NULL)
        return;
    route->hops_count = 1;
    route->hop.link = u32_of(attributes[RTA_OIF]);
    route->hop.weight = 1;
    parse_hop_flags(&route->hop, header->rtm_flags);
    parse_gateway(&route->hop, attributes);
}

static bool has_lifetime(const struct nlattr *cacheinfo, const struct nlattr *expires)
{
    const struct rta_cacheinfo *info = cacheinfo != NULL ? nla_data(cacheinfo) : NULL;

    return expires != NULL ||
           (info != NULL && nla_len(cacheinfo) >= (int)sizeof(*info) && info->rta_expires != 0);
}

static void parse_metrics(struct route *route, const struct nlattr *metrics)
{
    struct nlattr *attributes[RTAX_MAX + 1];

    if (metrics == NULL ||
        nla_parse(attributes, RTAX_MAX, nla_data(metrics), nla_len(metrics), NULL) < 0)
        return;
    route->mtu = u32_of(attributes[RTAX_MTU]);
    route->mtu_locked = (u32_of(attributes[RTAX_LOCK]) & 1u << RTAX_MTU) != 0;
}

static void parse_route(const struct nlmsghdr *message, struct snapshot *snapshot)
{
    const struct rtmsg *header = nlmsg_data(message);
    struct nlattr *attributes[RTA_MAX + 1];
    struct route *route = snapshot_add_route(snapshot);

    PARSE(message, *header, attributes);
    route->destination = prefix_of(header->rtm_family, attributes[RTA_DST], header->rtm_dst_len);
    if (header->rtm_src_len > 0)
        route->source = prefix_of(header->rtm_family, attributes[RTA_SRC], header->rtm_src_len);
    route->table = u32_or(attributes[RTA_TABLE], header->rtm_table);
    route->metric = u32_of(attributes[RTA_PRIORITY]);
    route->tos = header->rtm_tos;
    route->protocol = header->rtm_protocol;
    route->scope = header->rtm_scope;
    route->type = header->rtm_type;
    route->preference = u8_of(attributes[RTA_PREF]);
    route->clone = (header->rtm_flags & RTM_F_CLONED) != 0;
    route->expires = has_lifetime(attributes[RTA_CACHEINFO], attributes[RTA_EXPIRES]);
    route->prefsrc = address_of(attributes[RTA_PREFSRC]);
    route->nexthop_id = u32_of(attributes[RTA_NH_ID]);
    parse_metrics(route, attributes[RTA_METRICS]);
    parse_hops(route, header, attributes);
    route->raw = raw_of(message, &route->raw_len);
}

/* ---- rules ------------------------------------------------------------------------------------
 */

static void parse_ports(const struct nlattr *attribute, uint16_t *ret_first, uint16_t *ret_last)
{
    const struct fib_rule_port_range *range = attribute != NULL ? nla_data(attribute) : NULL;

    if (range == NULL || nla_len(attribute) < (int)sizeof(*range))
        return;
    *ret_first = range->start;
    *ret_last = range->end;
}

static void parse_selectors(struct rule *rule, struct nlattr *const *attributes)
{
    const struct nlattr *users = attributes[FRA_UID_RANGE];

    rule->mark = u32_of(attributes[FRA_FWMARK]);
    rule->mask = u32_or(attributes[FRA_FWMASK], rule->mark != 0 ? UINT32_MAX : 0);
    rule->ip_proto = u8_of(attributes[FRA_IP_PROTO]);
    if (attributes[FRA_TUN_ID] != NULL && nla_len(attributes[FRA_TUN_ID]) >= 8)
        rule->tun_id = be64toh(nla_get_u64(attributes[FRA_TUN_ID]));
    rule->l3mdev = u8_of(attributes[FRA_L3MDEV]) != 0;
    copy_name(rule->iif, attributes[FRA_IIFNAME]);
    copy_name(rule->oif, attributes[FRA_OIFNAME]);
    parse_ports(attributes[FRA_SPORT_RANGE], &rule->sport_first, &rule->sport_last);
    parse_ports(attributes[FRA_DPORT_RANGE], &rule->dport_first, &rule->dport_last);
    if (users != NULL && nla_len(users) >= (int)sizeof(struct fib_rule_uid_range)) {
        const struct fib_rule_uid_range *range = nla_data(users);

        rule->uid_first = range->start;
        rule->uid_last = range->end;
    }
}

/* What parse_rule reads, or what selects nothing: realms, and padding. */
static bool is_known(const struct nlattr *attribute)
{
    switch (nla_type(attribute)) {
    case FRA_UNSPEC:
    case FRA_DST:
    case FRA_SRC:
    case FRA_IIFNAME:
    case FRA_GOTO:
    case FRA_PRIORITY:
    case FRA_FWMARK:
    case FRA_FLOW:
    case FRA_TUN_ID:
    case FRA_SUPPRESS_IFGROUP:
    case FRA_SUPPRESS_PREFIXLEN:
    case FRA_TABLE:
    case FRA_FWMASK:
    case FRA_OIFNAME:
    case FRA_PAD:
    case FRA_L3MDEV:
    case FRA_UID_RANGE:
    case FRA_PROTOCOL:
    case FRA_IP_PROTO:
    case FRA_SPORT_RANGE:
    case FRA_DPORT_RANGE:
        return true;
    case RULE_SPORT_MASK:
    case RULE_DPORT_MASK:
        return nla_len(attribute) == 2 && nla_get_u16(attribute) == UINT16_MAX;
    default:
        return false;
    }
}

/* One step of FNV-1a. */
static void add_to_sum(struct rule *rule, uint64_t value)
{
    rule->unknown_sum = (rule->unknown_sum ^ value) * 0x100000001b3;
}

static void note_unknown(struct rule *rule, const struct nlattr *attribute)
{
    const uint8_t *bytes = nla_data(attribute);

    if (rule->unknown == 0) {
        rule->unknown = (uint16_t)nla_type(attribute);
        rule->unknown_sum = 0xcbf29ce484222325;
    }
    add_to_sum(rule, (uint64_t)nla_type(attribute));
    add_to_sum(rule, (uint64_t)nla_len(attribute));
    for (int i = 0; i < nla_len(attribute); i++)
        add_to_sum(rule, bytes[i]);
}

static void parse_unknown(struct rule *rule, const struct nlmsghdr *message)
{
    size_t header = sizeof(struct fib_rule_hdr);
    struct nlattr *first = nlmsg_attrdata(message, (int)header);
    struct nlattr *attribute;
    int left;

    nla_for_each_attr(attribute, first, nlmsg_attrlen(message, (int)header), left)
    {
        if (!is_known(attribute))
            note_unknown(rule, attribute);
    }
}

/* The kernel leaves FRA_PRIORITY out when it is 0. */
static void parse_rule(const struct nlmsghdr *message, struct snapshot *snapshot)
{
    const struct fib_rule_hdr *header = nlmsg_data(message);
    struct nlattr *attributes[FRA_MAX + 1];
    struct rule *rule = snapshot_add_rule(snapshot);

    PARSE(message, *header, attributes);
    rule->family = header->family;
    rule->action = header->action;
    rule->tos = header->tos;
    rule->invert = (header->flags & FIB_RULE_INVERT) != 0;
    rule->source = prefix_of(header->family, attributes[FRA_SRC], header->src_len);
    rule->destination = prefix_of(header->family, attributes[FRA_DST], header->dst_len);
    rule->priority = u32_of(attributes[FRA_PRIORITY]);
    rule->protocol = u8_of(attributes[FRA_PROTOCOL]);
    rule->table = u32_or(attributes[FRA_TABLE], header->table);
    rule->goto_priority = u32_of(attributes[FRA_GOTO]);
    rule->suppress_prefixlength = (int32_t)u32_or(attributes[FRA_SUPPRESS_PREFIXLEN], UINT32_MAX);
    rule->suppress_ifgroup = (int32_t)u32_or(attributes[FRA_SUPPRESS_IFGROUP], UINT32_MAX);
    parse_selectors(rule, attributes);
    parse_unknown(rule, message);
    rule->raw = raw_of(message, &rule->raw_len);
}

/* ---- nexthop objects --------------------------------------------------------------------------
 */

/* Its resvd1 is the upper byte of a weight since Linux 6.12, and 0 before. */
static void parse_members(struct nexthop *nexthop, const struct nlattr *group)
{
    const struct nexthop_grp *members = nla_data(group);
    size_t count = (size_t)nla_len(group) / sizeof(*members);

    nexthop->group = true;
    nexthop->members = count > 0 ? mem_alloc(count, sizeof(*nexthop->members)) : NULL;
    nexthop->members_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        nexthop->members[i].id = members[i].id;
        nexthop->members[i].weight = ((uint32_t)members[i].resvd1 << 8 | members[i].weight) + 1;
    }
}

static void parse_nexthop(const struct nlmsghdr *message, struct snapshot *snapshot)
{
    const struct nhmsg *header = nlmsg_data(message);
    struct nlattr *attributes[NHA_MAX + 1];
    struct nexthop *nexthop = snapshot_add_nexthop(snapshot);

    PARSE(message, *header, attributes);
    nexthop->id = u32_of(attributes[NHA_ID]);
    nexthop->family = header->nh_family;
    nexthop->protocol = header->nh_protocol;
    nexthop->blackhole = attributes[NHA_BLACKHOLE] != NULL;
    nexthop->hop.link = u32_of(attributes[NHA_OIF]);
    nexthop->hop.gateway = address_of(attributes[NHA_GATEWAY]);
    nexthop->hop.weight = 1;
    parse_hop_flags(&nexthop->hop, header->nh_flags);
    if (attributes[NHA_GROUP] != NULL)
        parse_members(nexthop, attributes[NHA_GROUP]);
    nexthop->raw = raw_of(message, &nexthop->raw_len);
}

/* ---- */

static const struct {
    uint16_t type;
    size_t header_size;
    void (*parse)(const struct nlmsghdr *message, struct snapshot *snapshot);
} kinds[] = {
    {RTM_NEWROUTE, sizeof(struct rtmsg), parse_route},
    {RTM_NEWLINK, sizeof(struct ifinfomsg), parse_link},
    {RTM_NEWADDR, sizeof(struct ifaddrmsg), parse_address},
    {RTM_NEWRULE, sizeof(struct fib_rule_hdr), parse_rule},
    {RTM_NEWNEXTHOP, sizeof(struct nhmsg), parse_nexthop},
};

bool netlink_parse(const struct nlmsghdr *message, struct snapshot *snapshot, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (message->nlmsg_type != kinds[i].type)
            continue;
        if (!nlmsg_valid_hdr(message, (int)kinds[i].header_size))
            return err_set(err, ERR_PEER, "netlink message of type %u has %u bytes",
                           message->nlmsg_type, message->nlmsg_len);
        kinds[i].parse(message, snapshot);
    }
    if (snapshot->routes_count > ROUTES_MAX || snapshot->rules_count > ROUTES_MAX ||
        snapshot->links_count > ROUTES_MAX || snapshot->addresses_count > ROUTES_MAX)
        return err_set(err, ERR_LIMIT, "the kernel has more than %u routes", ROUTES_MAX);
    return true;
}

int netlink_done_error(const struct nlmsghdr *done)
{
    int error = 0;

    if (done->nlmsg_len >= NLMSG_LENGTH(sizeof(error)))
        memcpy(&error, NLMSG_DATA(done), sizeof(error));
    return error < 0 ? error : 0;
}
