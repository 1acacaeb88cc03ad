/*
 * kernel_settle: waits for what the kernel works off in the background, so that each run of a state
 * takes the same way.
 */
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

#include "tests/crash/kernel.h"
#include "tests/crash/kernel_parts.h"
#include "tests/crash/real.h"
#include "tests/crash/world.h"

enum { DEADLINE_MS = 30000, INDEXES = 64, MTU_OF_IPV6 = 1280 };

struct seen {
    struct {
        bool there, up, lower_up, loops, has_multicast;
        uint8_t operating;
        uint32_t mtu, peer;
    } links[INDEXES]; /* by index */
    unsigned addresses, tentative, local_routes;
};

static struct nlattr *find(const struct nlmsghdr *message, size_t header, int type)
{
    return nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)message, (int)header, type);
}

static uint32_t find_number(const struct nlmsghdr *message, size_t header, int type)
{
    struct nlattr *attribute = find(message, header, type);

    return attribute != NULL ? nla_get_u32(attribute) : 0;
}

static void take_link(const struct nlmsghdr *message, void *context)
{
    const struct ifinfomsg *link = NLMSG_DATA(message);
    struct seen *seen = context;
    unsigned index = (unsigned)link->ifi_index;

    if (index >= INDEXES)
        world_give_up("raise INDEXES");
    seen->links[index].there = true;
    seen->links[index].up = (link->ifi_flags & IFF_UP) != 0;
    seen->links[index].lower_up = (link->ifi_flags & IFF_LOWER_UP) != 0;
    seen->links[index].loops = (link->ifi_flags & IFF_LOOPBACK) != 0;
    seen->links[index].operating = nla_get_u8(find(message, sizeof(*link), IFLA_OPERSTATE));
    seen->links[index].mtu = find_number(message, sizeof(*link), IFLA_MTU);
    seen->links[index].peer = find_number(message, sizeof(*link), IFLA_LINK);
}

static void take_address(const struct nlmsghdr *message, void *context)
{
    struct seen *seen = context;

    seen->addresses++;
    seen->tentative +=
        (find_number(message, sizeof(struct ifaddrmsg), IFA_FLAGS) & IFA_F_TENTATIVE) != 0;
}

static void take_route(const struct nlmsghdr *message, void *context)
{
    const struct rtmsg *route = NLMSG_DATA(message);
    struct seen *seen = context;
    uint32_t index = find_number(message, sizeof(*route), RTA_OIF);

    seen->local_routes += route->rtm_type == RTN_LOCAL;
    if (route->rtm_type == RTN_MULTICAST && route->rtm_dst_len == 8 && index < INDEXES)
        seen->links[index].has_multicast = true;
}

/* Both ends of a pair are up: it carries, and says so; then it has IPv6. */
static bool is_settled(const struct seen *seen, unsigned index)
{
    uint32_t peer = seen->links[index].peer;
    bool carries = peer < INDEXES && seen->links[peer].up;

    if (!seen->links[index].there || !seen->links[index].up || seen->links[index].loops)
        return true;
    if (seen->links[index].lower_up != carries ||
        (seen->links[index].operating == IF_OPER_UP) != carries)
        return false;
    return !carries || seen->links[index].mtu < MTU_OF_IPV6 || seen->links[index].has_multicast;
}

static bool all_settled(int fd)
{
    struct seen seen = {.addresses = 0};

    kernel_list(fd, RTM_GETLINK, AF_UNSPEC, sizeof(struct ifinfomsg), take_link, &seen);
    kernel_list(fd, RTM_GETADDR, AF_INET6, sizeof(struct ifaddrmsg), take_address, &seen);
    kernel_list(fd, RTM_GETROUTE, AF_INET6, sizeof(struct rtmsg), take_route, &seen);
    for (unsigned i = 0; i < INDEXES; i++) {
        if (!is_settled(&seen, i))
            return false;
    }
    return seen.tentative == 0 && seen.local_routes == seen.addresses;
}

static void take_nothing(const struct nlmsghdr *message, void *context)
{
    (void)message;
    (void)context;
}

/* Whoever has the kernel's lock has told of it when he lets go: this one has had it after him. */
static void wait_told(int fd)
{
    struct kernel_request request = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
                                              .nlmsg_type = RTM_GETLINK,
                                              .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK}};
    const struct ifinfomsg loopback = {.ifi_index = 1};

    memcpy(request.body, &loopback, sizeof(loopback));
    kernel_ask(fd, &request, take_nothing, NULL);
}

void kernel_settle(void)
{
    int fd = kernel_open();

    for (int waited = 0; !all_settled(fd); waited++) {
        if (waited == DEADLINE_MS)
            world_give_up("the kernel's links and addresses do not come to rest");
        __real_poll(NULL, 0, 1);
    }
    wait_told(fd);
    __real_close(fd);
    world->kernel_works = false;
}
