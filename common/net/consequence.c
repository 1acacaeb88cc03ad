/*
 * consequence: what the kernel takes and makes by itself when an address or a link comes or goes.
 *
 * IPv4 follows net/ipv4/devinet.c (inet_insert_ifa, inet_del_ifa) and fib_frontend.c.
 */
#include "common/net/consequence.h"

#include <linux/rtnetlink.h>
#include <string.h>

#include "common/net/consequence_route.h"
#include "common/net/operation.h"

struct link_address *consequence_find_address(const struct snapshot *snapshot,
                                              const struct link_address *like)
{
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        struct link_address *own = &snapshot->addresses[i];

        if (own->link == like->link && own->prefix_len == like->prefix_len &&
            address_equal(&own->address, &like->address))
            return own;
    }
    return NULL;
}

static struct prefix network_of(const struct link_address *own)
{
    return prefix_make(&own->address, own->prefix_len);
}

static bool same_subnet(const struct link_address *a, const struct link_address *b)
{
    struct prefix one = network_of(a);
    struct prefix other = network_of(b);

    return a->link == b->link && prefix_equal(&one, &other);
}

static void remove_address(struct snapshot *snapshot, size_t index)
{
    struct link_address *own = &snapshot->addresses[index];

    snapshot->addresses_count--;
    memmove(own, own + 1, (snapshot->addresses_count - index) * sizeof(*own));
}

/* ---- an address comes -------------------------------------------------------------------------
 */

/* IPv4: primaries behind the last primary, secondaries last. IPv6: before the first whose scope is
 * not wider. */
static bool stands_before(const struct link_address *fresh, const struct link_address *there)
{
    if (there->link != fresh->link || there->address.family != fresh->address.family)
        return false;
    if (fresh->address.family == FAMILY_IPV6)
        return there->scope >= fresh->scope;
    return !fresh->secondary && there->secondary;
}

static void insert_address(struct snapshot *snapshot, const struct link_address *fresh)
{
    size_t at = 0;

    snapshot_add_address(snapshot);
    while (at < snapshot->addresses_count - 1 && !stands_before(fresh, &snapshot->addresses[at]))
        at++;
    memmove(&snapshot->addresses[at + 1], &snapshot->addresses[at],
            (snapshot->addresses_count - 1 - at) * sizeof(*fresh));
    snapshot->addresses[at] = *fresh;
}

const struct link_address *consequence_find_primary(const struct snapshot *snapshot,
                                                    const struct link_address *own)
{
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        if (!snapshot->addresses[i].secondary && same_subnet(&snapshot->addresses[i], own))
            return &snapshot->addresses[i];
    }
    return NULL;
}

/* The kernel gives a secondary's local route the primary as its source. */
static void add_local(struct snapshot *snapshot, const struct link_address *own)
{
    struct prefix host = prefix_make(&own->address, (uint8_t)address_bits(own->address.family));
    const struct link_address *primary = consequence_find_primary(snapshot, own);
    struct link_address source = *own;

    if (own->secondary && primary != NULL)
        source.address = primary->address;
    consequence_route_add(snapshot, &source, &host, RTN_LOCAL);
}

static void add_connected(struct snapshot *snapshot, const struct link_address *own)
{
    struct prefix network = network_of(own);
    struct prefix broadcast = prefix_make(&own->address, 32);

    if (own->secondary || own->noprefixroute || own->prefix_len >= 32)
        return;
    consequence_route_add(snapshot, own, &network, RTN_UNICAST);
    broadcast.address = prefix_last(&network);
    if (own->prefix_len < 31)
        consequence_route_add(snapshot, own, &broadcast, RTN_BROADCAST);
}

void consequence_address_added(struct snapshot *snapshot, const struct link_address *added)
{
    const struct link *link = snapshot_find_link(snapshot, added->link);
    struct link_address fresh = *added;
    bool up = link != NULL && link->up;

    if (consequence_find_address(snapshot, added) != NULL)
        return;
    fresh.secondary =
        fresh.address.family == FAMILY_IPV4 && consequence_find_primary(snapshot, added) != NULL;
    insert_address(snapshot, &fresh);
    if (fresh.address.family == FAMILY_IPV4) {
        add_local(snapshot, &fresh);
        if (up)
            add_connected(snapshot, &fresh);
    } else if (up) {
        struct prefix network = network_of(&fresh);

        add_local(snapshot, &fresh);
        if (!fresh.noprefixroute && fresh.prefix_len < 128)
            consequence_route_add(snapshot, &fresh, &network, RTN_UNICAST);
    }
}

/* ---- an address goes --------------------------------------------------------------------------
 */

/* "net.ipv4.conf.eth0/7.rp_filter" of group, device and key. */
static void make_name(const char *group, const char *device, const char *key, char *to)
{
    struct text text;

    text_init(&text, to, SYSCTL_NAME_SIZE);
    text_add(&text, "%s", group);
    for (const char *at = device; *at != '\0'; at++)
        text_add(&text, "%c", *at == '.' ? '/' : *at);
    text_add(&text, ".%s", key);
}

/* NULL: not read. */
static const char *value_of(const struct snapshot *snapshot, const char *group, const char *device,
                            const char *key)
{
    char name[SYSCTL_NAME_SIZE];
    const struct sysctl *found;

    make_name(group, device, key, name);
    found = snapshot_find_sysctl(snapshot, name);
    return found != NULL ? found->value : NULL;
}

static bool is_on(const struct snapshot *snapshot, const char *device, const char *key)
{
    const char *value = value_of(snapshot, "net.ipv4.conf.", device, key);

    return value != NULL && !text_equal(value, "0");
}

static bool promotes(const struct snapshot *snapshot, uint32_t index)
{
    const struct link *link = snapshot_find_link(snapshot, index);

    return link != NULL && (is_on(snapshot, "all", "promote_secondaries") ||
                            is_on(snapshot, link->name, "promote_secondaries"));
}

static void promote(struct snapshot *snapshot, size_t index)
{
    struct link_address first = snapshot->addresses[index];

    first.secondary = false;
    remove_address(snapshot, index);
    insert_address(snapshot, &first);
}

/* Of the subnet of a primary that is gone. */
static void settle_secondaries(struct snapshot *snapshot, const struct link_address *gone)
{
    bool promoting = promotes(snapshot, gone->link);

    for (size_t i = 0; i < snapshot->addresses_count;) {
        const struct link_address *own = &snapshot->addresses[i];

        if (!own->secondary || !same_subnet(own, gone)) {
            i++;
        } else if (promoting) {
            promote(snapshot, i);
            return;
        } else {
            remove_address(snapshot, i);
        }
    }
}

void consequence_address_removed(struct snapshot *snapshot, const struct link_address *removed)
{
    struct link_address *there = consequence_find_address(snapshot, removed);
    struct link_address gone;

    if (there == NULL)
        return;
    gone = *there;
    remove_address(snapshot, (size_t)(there - snapshot->addresses));
    if (gone.address.family == FAMILY_IPV4 && !gone.secondary)
        settle_secondaries(snapshot, &gone);
    consequence_route_follow_addresses(snapshot, &gone);
}

/* ---- links ------------------------------------------------------------------------------------
 */

static struct link *find_link(struct snapshot *snapshot, uint32_t index)
{
    for (size_t i = 0; i < snapshot->links_count; i++) {
        if (snapshot->links[i].index == index)
            return &snapshot->links[i];
    }
    return NULL;
}

static void drop_ipv6_addresses(struct snapshot *snapshot, uint32_t link)
{
    size_t kept = 0;

    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        const struct link_address *own = &snapshot->addresses[i];

        if (own->address.family != FAMILY_IPV6 || own->link != link)
            snapshot->addresses[kept++] = *own;
    }
    snapshot->addresses_count = kept;
}

void consequence_ipv6_off(struct snapshot *snapshot, uint32_t link)
{
    drop_ipv6_addresses(snapshot, link);
    consequence_route_drop_link(snapshot, link, FAMILY_IPV6);
}

/* rt6_purge_dflt_routers: of the kernel's own, which all have a lifetime. */
static bool is_purged(const struct snapshot *snapshot, const struct route *route)
{
    const struct link *link = snapshot_find_link(snapshot, route->hop.link);
    const char *accepts;

    if (route->destination.address.family != FAMILY_IPV6 || route->destination.len != 0 ||
        route->protocol != RTPROT_RA || !route->expires || link == NULL)
        return false;
    accepts = value_of(snapshot, "net.ipv6.conf.", link->name, "accept_ra");
    return accepts == NULL || (!text_equal(accepts, "0") && !text_equal(accepts, "2"));
}

void consequence_ipv6_forwards(struct snapshot *snapshot)
{
    for (size_t i = snapshot->routes_count; i-- > 0;) {
        if (is_purged(snapshot, &snapshot->routes[i]))
            snapshot_remove_route(snapshot, i);
    }
}

static void drop_ipv6_settings(struct snapshot *snapshot, const char *device)
{
    char start[SYSCTL_NAME_SIZE];
    size_t kept = 0;

    make_name("net.ipv6.conf.", device, "", start);
    for (size_t i = 0; i < snapshot->sysctls_count; i++) {
        if (!text_starts(snapshot->sysctls[i].name, start))
            snapshot->sysctls[kept++] = snapshot->sysctls[i];
    }
    snapshot->sysctls_count = kept;
}

void consequence_mtu(struct snapshot *snapshot, uint32_t link, uint32_t mtu)
{
    struct link *there = find_link(snapshot, link);

    if (there == NULL)
        return;
    if (mtu >= LINK_MTU_IPV6)
        consequence_route_change_mtu(snapshot, there, mtu);
    there->mtu = mtu;
    if (mtu >= LINK_MTU_IPV6)
        return;
    consequence_ipv6_off(snapshot, link);
    drop_ipv6_settings(snapshot, there->name);
}

void consequence_link_down(struct snapshot *snapshot, uint32_t link)
{
    struct link *there = find_link(snapshot, link);

    if (there == NULL || !there->up)
        return;
    there->up = there->carrier = false;
    consequence_ipv6_off(snapshot, link);
    consequence_route_drop_nexthops(snapshot, link);
    consequence_route_drop_link(snapshot, link, FAMILY_IPV4);
}

void consequence_link_up(struct snapshot *snapshot, uint32_t link)
{
    struct link *there = find_link(snapshot, link);

    if (there == NULL || there->up)
        return;
    there->up = there->carrier = true;
    consequence_route_revive_hops(snapshot, link);
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        struct link_address own = snapshot->addresses[i];

        if (own.link == link && own.address.family == FAMILY_IPV4)
            add_connected(snapshot, &own);
    }
}
