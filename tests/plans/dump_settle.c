/*
 * dump_settle: waits for what the kernel works off in the background.
 */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/plans/dump.h"
#include "tests/plans/dump_parts.h"

enum { TRIES = 5000, INDEXES = 64, ADDRESSES = 128, MTU_OF_IPV6 = 1280 };

struct seen_link {
    bool there, up, lower_up, loops, has_multicast, is_pair;
    char name[IFNAMSIZ];
    uint8_t operating;
    uint32_t mtu, peer, master;
};

struct seen {
    struct seen_link links[INDEXES]; /* by index */
    unsigned tentative, addresses_count;
    struct {
        uint8_t bytes[16];
        bool has_local;
    } addresses[ADDRESSES];
};

static struct nlattr *find(const struct nlmsghdr *message, size_t header, int type)
{
    return nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)message, (int)header, type);
}

static bool is_pair(const struct nlmsghdr *message)
{
    struct nlattr *info = find(message, sizeof(struct ifinfomsg), IFLA_LINKINFO);
    struct nlattr *kind = NULL;

    if (info != NULL)
        kind = nla_find(nla_data(info), nla_len(info), IFLA_INFO_KIND);
    return kind != NULL && strcmp(nla_get_string(kind), "veth") == 0;
}

static void take_link(const struct nlmsghdr *message, void *context)
{
    const struct ifinfomsg *link = NLMSG_DATA(message);
    struct seen *seen = context;
    struct seen_link *to = &seen->links[link->ifi_index % INDEXES];

    to->there = true;
    to->up = (link->ifi_flags & IFF_UP) != 0;
    to->lower_up = (link->ifi_flags & IFF_LOWER_UP) != 0;
    to->loops = (link->ifi_flags & IFF_LOOPBACK) != 0;
    to->operating = nla_get_u8(find(message, sizeof(*link), IFLA_OPERSTATE));
    to->mtu = dump_number(message, sizeof(*link), IFLA_MTU);
    to->peer = dump_number(message, sizeof(*link), IFLA_LINK);
    to->master = dump_number(message, sizeof(*link), IFLA_MASTER);
    to->is_pair = is_pair(message);
    snprintf(to->name, sizeof(to->name), "%s",
             nla_get_string(find(message, sizeof(*link), IFLA_IFNAME)));
}

static void take_address(const struct nlmsghdr *message, void *context)
{
    struct seen *seen = context;
    const struct ifaddrmsg *address = NLMSG_DATA(message);
    const struct seen_link *link = &seen->links[address->ifa_index % INDEXES];
    uint32_t flags = dump_number(message, sizeof(*address), IFA_FLAGS);

    if (!link->up || (link->is_pair && !link->lower_up))
        return;
    if (seen->addresses_count == ADDRESSES)
        dump_give_up("raise ADDRESSES");
    memcpy(seen->addresses[seen->addresses_count++].bytes,
           nla_data(find(message, sizeof(*address), IFA_ADDRESS)), 16);
    seen->tentative += (flags & IFA_F_TENTATIVE) != 0;
}

static void take_local(struct seen *seen, const struct nlattr *to)
{
    for (unsigned i = 0; i < seen->addresses_count && to != NULL; i++)
        seen->addresses[i].has_local |= memcmp(seen->addresses[i].bytes, nla_data(to), 16) == 0;
}

static bool all_local(const struct seen *seen)
{
    for (unsigned i = 0; i < seen->addresses_count; i++) {
        if (!seen->addresses[i].has_local)
            return false;
    }
    return true;
}

static void take_route(const struct nlmsghdr *message, void *context)
{
    const struct rtmsg *route = NLMSG_DATA(message);
    struct seen *seen = context;
    uint32_t index = dump_number(message, sizeof(*route), RTA_OIF);

    if (route->rtm_type == RTN_LOCAL)
        take_local(seen, find(message, sizeof(*route), RTA_DST));
    if (route->rtm_type == RTN_MULTICAST && route->rtm_dst_len == 8)
        seen->links[index % INDEXES].has_multicast = true;
}

static bool has_ipv6(const struct seen_link *link)
{
    char path[128], value = '1';
    int fd;

    snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", link->name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (read(fd, &value, 1) != 1)
            value = '1';
        close(fd);
    }
    return value == '0';
}

/* A bridge carries as soon as one of its ports does, and says so a moment later. */
static bool has_port(const struct seen *seen, unsigned index)
{
    for (unsigned i = 0; i < INDEXES; i++) {
        const struct seen_link *port = &seen->links[i];

        if (port->there && port->up && port->lower_up && port->master % INDEXES == index)
            return true;
    }
    return false;
}

/* Both ends of a pair are up: it carries, and says so; then it has IPv6. */
static bool is_settled(const struct seen *seen, const struct seen_link *link)
{
    bool carries = !link->is_pair || seen->links[link->peer % INDEXES].up;

    if (!link->there || !link->up || link->loops)
        return true;
    if (link->is_pair && (link->lower_up != carries || (link->operating == IF_OPER_UP) != carries))
        return false;
    if (has_port(seen, (unsigned)(link - seen->links)) && link->operating != IF_OPER_UP)
        return false;
    return !carries || !link->lower_up || link->mtu < MTU_OF_IPV6 || link->has_multicast ||
           !has_ipv6(link);
}

static bool all_settled(int fd)
{
    struct seen seen = {.tentative = 0};

    dump_list(fd, RTM_GETLINK, AF_UNSPEC, sizeof(struct ifinfomsg), take_link, &seen);
    dump_list(fd, RTM_GETADDR, AF_INET6, sizeof(struct ifaddrmsg), take_address, &seen);
    dump_list(fd, RTM_GETROUTE, AF_INET6, sizeof(struct rtmsg), take_route, &seen);
    for (unsigned i = 0; i < INDEXES; i++) {
        if (!is_settled(&seen, &seen.links[i]))
            return false;
    }
    return seen.tentative == 0 && all_local(&seen);
}

bool dump_settle(void)
{
    int fd = dump_open();
    bool settled = all_settled(fd);

    for (int waited = 0; !settled && waited < TRIES; waited++) {
        poll(NULL, 0, 1);
        settled = all_settled(fd);
    }
    close(fd);
    return settled;
}
