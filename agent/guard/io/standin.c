/*
 * standin: makes an empty network namespace look like a host, as far as routing goes.
 */
#include "agent/guard/io/standin.h"

#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>

#include "agent/guard/core/undo_touch.h"
#include "agent/guard/io/apply_netlink.h"
#include "agent/guard/io/apply_nexthop.h"
#include "agent/io/netlink.h"
#include "agent/io/sysctl.h"
#include "common/core/text.h"
#include "common/io/clock.h"

enum { SETTLE_MS = 500 };

void standin_miss(struct standin *standin, const struct err *why)
{
    if (standin->missing++ == 0)
        text_shorten(standin->first, sizeof(standin->first), why->text);
}

/* ---- is it empty? -----------------------------------------------------------------------------
 */

/* The kernel puts these into every new namespace once their module is loaded. */
static bool is_fallback(const struct link *link)
{
    static const char *const names[] = {"tunl0",    "gre0",    "gretap0", "erspan0", "sit0",
                                        "ip6_vti0", "ip_vti0", "ip6tnl0", "ip6gre0"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!link->up && text_equal(link->name, names[i]))
            return true;
    }
    return false;
}

static bool check_empty(const struct snapshot *here, struct err *err)
{
    for (size_t i = 0; i < here->links_count; i++) {
        if (!here->links[i].loopback && !is_fallback(&here->links[i]))
            return err_set(err, ERR_DENIED,
                           "expected a network namespace with nothing in it but lo, found %s: "
                           "nothing is rehearsed in a network that is in use",
                           here->links[i].name);
    }
    return true;
}

/* The host's device of that name gets it, and the one of that index another. */
static void make_room(struct nl_sock *socket, const struct snapshot *here, struct snapshot *host,
                      struct standin *standin)
{
    for (size_t i = 0; i < here->links_count; i++) {
        const struct link *link = &here->links[i];
        struct err err = ERR_INIT;

        if (link->loopback)
            continue;
        if (snapshot_find_device(host, link->name) != NULL &&
            !standin_rename_link(socket, link, &err))
            standin_miss(standin, &err);
        if (snapshot_find_link(host, link->index) != NULL)
            standin_move(host, link->index, STANDIN_MOVED_INDEX + link->index);
    }
}

/* ---- sysctls ----------------------------------------------------------------------------------
 */

static bool concerns_all(const char *name)
{
    return text_equal(name, "net.ipv4.ip_forward") || strstr(name, ".conf.all.") != NULL ||
           strstr(name, ".conf.default.") != NULL;
}

static void put_sysctl(const struct sysctl *wanted, struct standin *standin)
{
    char value[SYSCTL_VALUE_SIZE];
    struct err err = ERR_INIT;

    if (!sysctl_read_one(wanted->name, value, sizeof(value), &err) ||
        (!text_equal(value, wanted->value) && !sysctl_write(wanted, &err)))
        standin_miss(standin, &err);
}

/* Writing those of all devices overwrites those of single ones. */
static void put_sysctls(const struct snapshot *host, bool all, struct standin *standin)
{
    for (size_t i = 0; i < host->sysctls_count; i++) {
        if (concerns_all(host->sysctls[i].name) == all)
            put_sysctl(&host->sysctls[i], standin);
    }
}

/* ---- addresses --------------------------------------------------------------------------------
 */

static bool has_key(const struct snapshot *snapshot, const struct route *route)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        if (undo_touch_same_key(&snapshot->routes[i], route))
            return true;
    }
    return false;
}

/* The local routes by which the kernel says that an IPv6 address is in use. */
static bool addresses_are_settled(const struct snapshot *host, const struct snapshot *here)
{
    for (size_t i = 0; i < host->routes_count; i++) {
        const struct route *route = &host->routes[i];

        if (route->table == RT_TABLE_LOCAL && route->protocol == RTPROT_KERNEL &&
            route->type == RTN_LOCAL && route->destination.address.family == FAMILY_IPV6 &&
            !has_key(here, route))
            return false;
    }
    return true;
}

static bool look(const struct snapshot *host, bool *ret_settled)
{
    const struct netlink_filter filter = {
        .parts = NETLINK_ROUTES, .family = FAMILY_IPV6, .table = RT_TABLE_LOCAL};
    struct err err = ERR_INIT;
    struct snapshot here;

    if (!netlink_read(&filter, &here, &err)) /* nobody else changes anything here */
        return false;
    *ret_settled = addresses_are_settled(host, &here);
    snapshot_done(&here);
    return true;
}

/* Also without DAD the kernel finishes an IPv6 address a moment later; until then it is no route's
 * source. */
static void wait_for_addresses(const struct snapshot *host)
{
    struct err err = ERR_INIT;
    struct netlink_watch *watch = netlink_watch_open(-1, &err);
    mono_t until = clock_now() + SETTLE_MS;
    bool settled = false;

    while (watch != NULL && look(host, &settled) && !settled) {
        struct pollfd poll_fd = {.fd = netlink_watch_fd(watch), .events = POLLIN};
        mono_t left = until - clock_now();

        if (left <= 0 || poll(&poll_fd, 1, (int)left) <= 0)
            break;
        netlink_watch_take(watch);
    }
    netlink_watch_close(watch);
}

/* An address brings its network's route along, which a host may have in another shape. */
static void drop_foreign_routes(struct nl_sock *socket, const struct snapshot *host)
{
    struct err err = ERR_INIT;
    struct snapshot here;

    if (!netlink_snapshot(&here, &err))
        return;
    for (size_t i = 0; i < here.routes_count; i++) {
        if (here.routes[i].table == RT_TABLE_MAIN && !has_key(host, &here.routes[i]))
            apply_netlink_delete_route(socket, &here.routes[i], &err);
    }
    snapshot_done(&here);
}

/* lo's own are there already. */
static void put_addresses(struct nl_sock *socket, const struct snapshot *host,
                          struct standin *standin)
{
    for (size_t i = 0; i < host->addresses_count; i++) {
        struct err err = ERR_INIT;

        if (!apply_netlink_put_address(socket, &host->addresses[i], false, &err) &&
            err.kind != ERR_CONFLICT)
            standin_miss(standin, &err);
    }
    wait_for_addresses(host);
    drop_foreign_routes(socket, host);
}

/* ---- rules ------------------------------------------------------------------------------------
 */

/* All of the host's behind those of the namespace, which then go, from the front: each is the first
 * that matches itself. So also siblings of the kernel's own keep their order. */
static void put_rules(struct nl_sock *socket, const struct snapshot *host,
                      const struct snapshot *here, struct standin *standin)
{
    struct err err = ERR_INIT;

    for (size_t i = 0; i < host->rules_count; i++) {
        err = (struct err)ERR_INIT;
        if (!apply_netlink_put_rule(socket, &host->rules[i], APPLY_APPEND, &err))
            standin_miss(standin, &err);
    }
    for (size_t i = 0; i < here->rules_count; i++) {
        err = (struct err)ERR_INIT;
        if (!apply_netlink_delete_rule(socket, &here->rules[i], &err))
            standin_miss(standin, &err);
    }
}

/* ---- nexthop objects --------------------------------------------------------------------------
 */

/* Groups behind their members. */
static void put_nexthops(struct nl_sock *socket, const struct snapshot *host,
                         struct standin *standin)
{
    for (int groups = 0; groups < 2; groups++) {
        for (size_t i = 0; i < host->nexthops_count; i++) {
            struct err err = ERR_INIT;

            if (host->nexthops[i].group == (groups == 1) &&
                !apply_nexthop_put(socket, &host->nexthops[i], APPLY_EXCLUSIVE, &err))
                standin_miss(standin, &err);
        }
    }
}

/* ---- all --------------------------------------------------------------------------------------
 */

static void put_all(struct nl_sock *socket, const struct snapshot *host,
                    const struct snapshot *here, struct standin *standin)
{
    const struct sysctl no_own_addresses = {"net.ipv6.conf.default.addr_gen_mode", "1"};
    struct err err = ERR_INIT;

    sysctl_write(&no_own_addresses, &err); /* a kernel without IPv6 has none */
    standin_put_links(host, standin);
    put_sysctls(host, true, standin);
    put_sysctls(host, false, standin);
    put_addresses(socket, host, standin);
    put_rules(socket, host, here, standin);
    standin_put_routes(host, false, standin);
    put_nexthops(socket, host, standin);
    standin_put_routes(host, true, standin);
}

bool standin_set(const struct snapshot *host, struct standin *ret_standin, struct err *err)
{
    struct nl_sock *socket;
    struct snapshot here, own;
    bool good;

    memset(ret_standin, 0, sizeof(*ret_standin));
    if (host->links_count > STANDIN_LINKS_MAX)
        return err_set(err, ERR_LIMIT, "the host has %zu devices: rehearsed is with at most %u",
                       host->links_count, STANDIN_LINKS_MAX);
    if (!netlink_snapshot(&here, err))
        return false;
    socket = check_empty(&here, err) ? apply_netlink_open(err) : NULL;
    good = socket != NULL;
    if (good) {
        snapshot_copy(&own, host);
        make_room(socket, &here, &own, ret_standin);
        put_all(socket, &own, &here, ret_standin);
        snapshot_done(&own);
    }
    apply_netlink_close(socket);
    snapshot_done(&here);
    return good;
}
