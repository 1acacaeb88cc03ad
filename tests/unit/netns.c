/*
 * netns: a network namespace of the test's own, changed by ip(8) as an administrator would.
 */
#include "tests/unit/netns.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/io/netlink.h"

enum { DEADLINE_MS = 20000 };

bool netns_is_allowed(void)
{
    if (geteuid() == 0 && unshare(CLONE_NEWNET) == 0)
        return true;
    printf(
        "skipped: needs root and network namespaces (%s); run it as root where unshare -n works\n",
        geteuid() != 0 ? "not root" : strerror(errno));
    return false;
}

_Noreturn static void give_up(const char *what, const char *why)
{
    fprintf(stderr, "netns: %s: %s\n", what, why);
    abort();
}

void netns_wait_for(netns_state_fn is_so, const char *what)
{
    struct err err = ERR_INIT;
    struct netlink_watch *watch = netlink_watch_open(-1, &err);
    bool found = false;

    if (watch == NULL)
        give_up(what, err.text);
    while (!found) {
        struct pollfd poll_fd = {.fd = netlink_watch_fd(watch), .events = POLLIN};
        struct snapshot now;

        if (!netlink_snapshot(&now, &err))
            give_up(what, err.text);
        found = is_so(&now);
        snapshot_done(&now);
        if (!found && poll(&poll_fd, 1, DEADLINE_MS) <= 0)
            give_up(what, "it did not come about in 20 s");
        netlink_watch_take(watch);
    }
    netlink_watch_close(watch);
}

static bool has_local(const struct snapshot *now, const struct address *own)
{
    for (size_t i = 0; i < now->routes_count; i++) {
        if (now->routes[i].table == RT_TABLE_LOCAL &&
            address_equal(&now->routes[i].destination.address, own))
            return true;
    }
    return false;
}

/* Of those that the kernel makes by itself, the link-local ones, nothing is awaited. */
static bool is_settled(const struct snapshot *now, const struct link_address *own)
{
    static const uint8_t documentation[] = {0x20, 0x01, 0x0d, 0xb8};
    const struct link *link = snapshot_find_link(now, own->link);
    const struct address *address = &own->address;

    return address->family != FAMILY_IPV6 ||
           memcmp(address->bytes, documentation, sizeof(documentation)) != 0 || link == NULL ||
           !link->up || has_local(now, address);
}

static bool has_local_ipv6(const struct snapshot *now)
{
    struct address own;

    address_parse("2001:db8:1::10", &own);
    for (size_t i = 0; i < now->addresses_count; i++) {
        if (!is_settled(now, &now->addresses[i]))
            return false;
    }
    return has_local(now, &own);
}

void netns_wait_for_ipv6(void)
{
    netns_wait_for(has_local_ipv6,
                   "local route of 2001:db8:1::10, and of all others of 2001:db8::");
}

/* The kernel works carrier off in the background; the last it does then is ff00::/8. */
static bool links_are_settled(const struct snapshot *now)
{
    unsigned count = 0;

    for (size_t i = 0; i < now->routes_count; i++)
        count += now->routes[i].type == RTN_MULTICAST && now->routes[i].destination.len == 8;
    return count == 2;
}

void netns_wait_for_links(void)
{
    netns_wait_for(links_are_settled, "both ends up");
}

int netns_enter(void **state)
{
    (void)state;
    if (unshare(CLONE_NEWNET) != 0)
        return -1;
    netns_run("ip link set lo up\n"
              "ip link add eth0 type veth peer name far0\n"
              "ip link set far0 addrgenmode none\n" /* else addresses appear later */
              "ip link set eth0 addrgenmode none\n"
              "ip link set far0 up\n"
              "ip link set eth0 up\n");
    netns_wait_for_links();
    return 0;
}

void netns_run(const char *lines)
{
    char script[4096];

    snprintf(script, sizeof(script), "set -e\n%s", lines);
    fflush(NULL);
    if (system(script) != 0) {
        fprintf(stderr, "netns: failed:\n%s\n", lines);
        abort();
    }
}
