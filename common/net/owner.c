/*
 * owner: whose a route, rule, address, link or nexthop object is, and what Oceanid does about it.
 */
#include "common/net/owner.h"

#include <assert.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "common/net/operation.h"
#include "common/net/tailnet.h"

static const struct owner_row rows[] = {
    [OWNER_OCEANID] = {"Oceanid", "protocol 153", true, true, true},
    [OWNER_ADMIN] = {"administrator",
                     "routes of protocol `static` or `boot`, rules of these or of none, addresses "
                     "without a lifetime, links",
                     false, true, true},
    [OWNER_KERNEL] =
        {"kernel",
         "protocol `kernel`, table local, loopback, link-local addresses that it made itself",
         false, false, false},
    [OWNER_RA] = {"router advertisement",
                  "protocol `ra`; IPv6 with a lifetime, temporary addresses and what they are "
                  "derived from",
                  false, false, false},
    [OWNER_REDIRECT] = {"redirect", "protocol `redirect`", false, false, false},
    [OWNER_DHCP] = {"DHCP", "protocol `dhcp`; IPv4 addresses with a lifetime", false, false, false},
    [OWNER_TAILSCALE] = {"tailscaled",
                         "table 52, rules 5200 to 5299, tailnet addresses and their device", false,
                         false, false},
    [OWNER_CNI] = {"pods' and containers' network",
                   "what names a device of theirs: cni*, flannel*, cali*, cilium*, lxc*, kube-*, "
                   "nodelocaldns, vxlan.calico, docker*, and veth or br- with a number in hex",
                   false, false, false},
    [OWNER_DAEMON] = {"routing daemon", "any other protocol", false, false, false},
};
_Static_assert(sizeof(rows) / sizeof(rows[0]) == OWNER_COUNT, "one row an owner");

const struct owner_row *owner_row(enum owner owner)
{
    assert((unsigned)owner < OWNER_COUNT);
    return &rows[owner];
}

/* ---- devices ----------------------------------------------------------------------------------
 */

/* "veth1a2b3c4d", "br-0123456789ab": a name of a program's making. */
static bool is_in_hex(const char *name, const char *start, size_t digits_min)
{
    const char *rest = name + strlen(start);

    return text_starts(name, start) && strlen(rest) >= digits_min &&
           strspn(rest, "0123456789abcdef") == strlen(rest);
}

static bool is_for_pods(const char *name)
{
    static const char *const starts[] = {"cni",   "flannel", "cali",         "cilium",      "lxc",
                                         "kube-", "docker",  "nodelocaldns", "vxlan.calico"};

    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        if (text_starts(name, starts[i]))
            return true;
    }
    return is_in_hex(name, "veth", 7) || is_in_hex(name, "br-", 12);
}

static bool is_tailnets(const struct link *link, const struct snapshot *snapshot)
{
    const struct link *device = tailnet_find_device(snapshot);

    return device != NULL && device->index == link->index;
}

enum owner owner_of_link(const struct link *link, const struct snapshot *snapshot)
{
    if (link->loopback)
        return OWNER_KERNEL;
    if (is_tailnets(link, snapshot))
        return OWNER_TAILSCALE;
    return is_for_pods(link->name) ? OWNER_CNI : OWNER_ADMIN;
}

static bool is_pods_device(uint32_t index, const struct snapshot *snapshot)
{
    const struct link *link = snapshot_find_link(snapshot, index);

    return link != NULL && is_for_pods(link->name);
}

/* ---- protocols --------------------------------------------------------------------------------
 */

static enum owner owner_of_protocol(uint8_t protocol)
{
    switch (protocol) {
    case OCEANID_PROTOCOL:
        return OWNER_OCEANID;
    case RTPROT_STATIC:
    case RTPROT_BOOT:
        return OWNER_ADMIN;
    case RTPROT_KERNEL:
        return OWNER_KERNEL;
    case RTPROT_RA:
        return OWNER_RA;
    case RTPROT_REDIRECT:
        return OWNER_REDIRECT;
    case RTPROT_DHCP:
        return OWNER_DHCP;
    default:
        return OWNER_DAEMON;
    }
}

static bool is_by_pods(const struct route *route, const struct snapshot *snapshot)
{
    for (uint32_t i = 0; i < route->hops_count; i++) {
        if (is_pods_device(route->hops_count > 1 ? route->hops[i].link : route->hop.link, snapshot))
            return true;
    }
    return false;
}

enum owner owner_of_route(const struct route *route, const struct snapshot *snapshot)
{
    if (route->protocol == OCEANID_PROTOCOL)
        return OWNER_OCEANID;
    if (route->table == TAILSCALE_TABLE)
        return OWNER_TAILSCALE;
    if (route->clone || route->table == RT_TABLE_LOCAL)
        return OWNER_KERNEL;
    if (route->expires)
        return OWNER_RA;
    return is_by_pods(route, snapshot) ? OWNER_CNI : owner_of_protocol(route->protocol);
}

enum owner owner_of_rule(const struct rule *rule)
{
    if (rule->protocol == OCEANID_PROTOCOL)
        return OWNER_OCEANID;
    if (rule->priority >= TAILSCALE_RULE_FIRST && rule->priority <= TAILSCALE_RULE_LAST)
        return OWNER_TAILSCALE;
    return rule->protocol == RTPROT_UNSPEC ? OWNER_ADMIN : owner_of_protocol(rule->protocol);
}

/* A nexthop object that nobody put a name to is an administrator's (`ip nexthop add`). */
enum owner owner_of_nexthop(const struct nexthop *nexthop, const struct snapshot *snapshot)
{
    if (nexthop->protocol == OCEANID_PROTOCOL)
        return OWNER_OCEANID;
    if (is_pods_device(nexthop->hop.link, snapshot))
        return OWNER_CNI;
    return nexthop->protocol == RTPROT_UNSPEC ? OWNER_ADMIN : owner_of_protocol(nexthop->protocol);
}

/* Of a link-local address. Since 5.18 the kernel marks what it makes, ::1 for one; a kernel that
 * marks nothing may have made any of them. */
static bool is_kernels(const struct link_address *own, const struct snapshot *snapshot)
{
    if (own->protocol != IFAPROT_UNSPEC)
        return own->protocol == IFAPROT_KERNEL_LL || own->protocol == IFAPROT_KERNEL_RA;
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        if (snapshot->addresses[i].protocol == IFAPROT_KERNEL_LO)
            return false;
    }
    return true;
}

enum owner owner_of_address(const struct link_address *own, const struct snapshot *snapshot)
{
    bool ipv6 = own->address.family == FAMILY_IPV6;

    if (own->protocol == OCEANID_PROTOCOL)
        return OWNER_OCEANID;
    if (tailnet_has_address(&own->address))
        return OWNER_TAILSCALE;
    if (own->scope == RT_SCOPE_HOST ||
        (ipv6 && own->scope == RT_SCOPE_LINK && is_kernels(own, snapshot)))
        return OWNER_KERNEL;
    if (!own->permanent || own->temporary || own->mngtmpaddr)
        return ipv6 ? OWNER_RA : OWNER_DHCP;
    return is_pods_device(own->link, snapshot) ? OWNER_CNI : OWNER_ADMIN;
}
