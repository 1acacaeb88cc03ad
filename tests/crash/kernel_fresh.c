/*
 * kernel_fresh: a namespace as it is after power came back, and what tailscaled changes in one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/crash/kernel.h"
#include "tests/crash/kernel_parts.h"
#include "tests/crash/networkd.h"
#include "tests/crash/real.h"
#include "tests/crash/scenario.h"
#include "tests/crash/world.h"

enum { DEADLINE_MS = 30000, DOOMED_MAX = 128, GUARD_PROTOCOL = 153 };

static const char devices[] = "link set lo up\n"
                              "link add eth0 type veth peer name far0\n"
                              "link add tailscale0 type veth peer name far1\n"
                              "link set far0 addrgenmode none\n"
                              "link set far1 addrgenmode none\n"
                              "link set eth0 addrgenmode none\n"
                              "link set tailscale0 addrgenmode none\n"
                              "link set far0 up\n"
                              "link set far1 up\n"
                              "link set eth0 up\n"
                              "link set tailscale0 up\n"
                              "address add 203.0.113.10/24 dev eth0\n"
                              "address add 2001:db8:1::10/64 dev eth0 nodad\n"
                              "address add 100.64.0.2/32 dev tailscale0\n"
                              "route add default via 203.0.113.1 proto static\n";

/* Of GROUND_LINKS besides. 153 is not among them: nothing here is the guard's. */
static const char links[] = "link add eth1 type veth peer name far2\n"
                            "link add eth2 type veth peer name far3\n"
                            "link set far2 up\n"
                            "link set far3 up\n"
                            "link set eth1 up\n"
                            "link set eth2 up\n"
                            "address add 192.0.2.10/24 dev eth1\n"
                            "address add 192.0.2.11/24 dev eth1\n"
                            "address add 2001:db8:2::10/64 dev eth1 nodad\n"
                            "address add 2001:db8:2::11/64 dev eth1 nodad\n"
                            "address add 10.9.0.1/24 dev eth2\n"
                            "address add 2001:db8:3::10/64 dev eth2 nodad\n"
                            "route add 10.1.0.0/16 via 192.0.2.1 proto static\n"
                            "route add 10.2.0.0/16 dev eth1 metric 7 proto static\n"
                            "route add 10.3.0.0/16 via 203.0.113.1 src 192.0.2.10\n"
                            "route add 10.4.0.0/16 via 10.9.0.2 table 77 proto static\n"
                            "route add 2001:db8:a::/48 via 2001:db8:3::1 proto static\n"
                            "route add 2001:db8:b::/48 dev eth0 src 2001:db8:3::10\n"
                            "route add 2001:db8:c::/48 via 2001:db8:2::1 mtu 1450 proto static\n"
                            "route add 2001:db8:d::/48 via 2001:db8:3::1 mtu 1450 proto static\n"
                            "nexthop add id 7 via 192.0.2.1 dev eth1 proto static\n"
                            "nexthop add id 8 via 10.9.0.2 dev eth2 proto static\n"
                            "nexthop add id 9 group 7/8,3 proto static\n"
                            "route add 10.5.0.0/16 nhid 8 proto static\n"
                            "route add 10.6.0.0/16 nhid 9 proto static\n";

/* ---- changing it ---------------------------------------------------------------------------- */

static void take_nothing(const struct nlmsghdr *message, void *context)
{
    (void)message;
    (void)context;
}

static void put_default(int fd, int family, bool there)
{
    struct kernel_request request = {
        .head = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(sizeof(struct rtmsg)),
                 .nlmsg_type = there ? RTM_NEWROUTE : RTM_DELROUTE,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK}};
    struct rtmsg route = {.rtm_family = (uint8_t)family,
                          .rtm_table = 52,
                          .rtm_protocol = RTPROT_BOOT,
                          .rtm_scope = family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
                          .rtm_type = RTN_UNICAST};
    struct rtattr *device = (void *)(request.body + NLMSG_ALIGN(sizeof(route)));
    unsigned index = if_nametoindex("tailscale0");
    int error;

    if (there)
        request.head.nlmsg_flags |= NLM_F_CREATE | NLM_F_REPLACE;
    memcpy(request.body, &route, sizeof(route));
    device->rta_type = RTA_OIF;
    device->rta_len = RTA_LENGTH(sizeof(index));
    memcpy(RTA_DATA(device), &index, sizeof(index));
    request.head.nlmsg_len += RTA_SPACE(sizeof(index));
    error = kernel_ask(fd, &request, take_nothing, NULL);
    if (error != 0 && (there || error != ESRCH)) {
        errno = error;
        world_give_up("default route of table 52");
    }
}

void kernel_put_table_52(bool there)
{
    int fd = kernel_open();

    put_default(fd, AF_INET, there);
    put_default(fd, AF_INET6, there);
    __real_close(fd);
}

static void run_ip(const char *lines)
{
    FILE *ip = popen("exec ip -batch - >/dev/null", "we");

    if (ip == NULL || fputs(lines, ip) < 0 || pclose(ip) != 0)
        world_give_up("ip -batch");
}

static void count_multicast(const struct nlmsghdr *message, void *context)
{
    const struct rtmsg *route = NLMSG_DATA(message);

    *(unsigned *)context += route->rtm_type == RTN_MULTICAST && route->rtm_dst_len == 8;
}

/* The kernel works carrier off in the background; the last it does then is ff00::/8. */
static void wait_settled(void)
{
    mono_t waited = 0;
    int fd = kernel_open();

    for (unsigned count = 0;; count = 0) {
        kernel_list(fd, RTM_GETROUTE, AF_INET6, sizeof(struct rtmsg), count_multicast, &count);
        if (count == (world->ground == GROUND_LINKS ? 8 : 4))
            break;
        if (waited++ == DEADLINE_MS)
            world_give_up("the devices did not come up");
        __real_poll(NULL, 0, 1);
    }
    __real_close(fd);
}

static void write_sysctl(const char *name, const char *value)
{
    char path[160];
    int fd;

    snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
    fd = __real_open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || __real_write(fd, value, strlen(value)) < 0)
        world_give_up(path);
    __real_close(fd);
}

/* No address of the kernel's own making, and none that has to be waited for: what takes IPv6 off a
 * device and gives it back takes these with it. */
static void make_links(void)
{
    write_sysctl("ipv6/conf/default/addr_gen_mode", "1");
    write_sysctl("ipv6/conf/default/accept_dad", "0");
    run_ip(links);
    write_sysctl("ipv6/conf/eth2/accept_ra", "2");
}

static void make_fresh(void)
{
    if (unshare(CLONE_NEWNET) != 0)
        world_give_up("unshare -n");
    run_ip(devices);
    if (world->ground == GROUND_LINKS)
        make_links();
    wait_settled();
    kernel_settle();
}

/* ---- as fresh ------------------------------------------------------------------------------- */

struct doomed {
    uint32_t count;
    struct kernel_request list[DOOMED_MAX];
};

static void add_doomed(struct doomed *doomed, const struct nlmsghdr *message, int type)
{
    struct kernel_request *request = &doomed->list[doomed->count];

    if (doomed->count == DOOMED_MAX || message->nlmsg_len > sizeof(*request))
        world_give_up("more to sweep away than there is room for");
    memcpy(request, message, message->nlmsg_len);
    request->head.nlmsg_type = (uint16_t)type;
    request->head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    doomed->count++;
}

static uint32_t table_of(const struct nlmsghdr *message, size_t header, int type)
{
    struct nlattr *table =
        nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)message, (int)header, type);

    return table != NULL ? nla_get_u32(table) : 0;
}

/* The guard's, tailscaled's table, and networkd's. */
static void take_doomed_route(const struct nlmsghdr *message, void *context)
{
    const struct rtmsg *route = NLMSG_DATA(message);

    if (route->rtm_protocol == GUARD_PROTOCOL || route->rtm_table == 52 ||
        table_of(message, sizeof(*route), RTA_TABLE) == NETWORKD_TABLE)
        add_doomed(context, message, RTM_DELROUTE);
}

static void take_doomed_rule(const struct nlmsghdr *message, void *context)
{
    struct nlattr *protocol = nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)message,
                                              sizeof(struct fib_rule_hdr), FRA_PROTOCOL);

    if ((protocol != NULL && nla_get_u8(protocol) == GUARD_PROTOCOL) ||
        table_of(message, sizeof(struct fib_rule_hdr), FRA_TABLE) == NETWORKD_TABLE)
        add_doomed(context, message, RTM_DELRULE);
}

static void sweep_objects(void)
{
    static const int families[] = {AF_INET, AF_INET6};
    static struct doomed doomed;
    int fd = kernel_open();

    doomed.count = 0;
    for (size_t i = 0; i < 2; i++) {
        kernel_list(fd, RTM_GETRULE, families[i], sizeof(struct fib_rule_hdr), take_doomed_rule,
                    &doomed);
        kernel_list(fd, RTM_GETROUTE, families[i], sizeof(struct rtmsg), take_doomed_route,
                    &doomed);
    }
    for (uint32_t i = 0; i < doomed.count; i++)
        kernel_ask(fd, &doomed.list[i], take_nothing, NULL);
    __real_close(fd);
}

/* The lines of a dump that begin with "sysctl"; the first one overwrites others. */
static void write_sysctls(const char *dump)
{
    char name[96], value[64];

    for (const char *at = strstr(dump, "sysctl "); at != NULL; at = strstr(at + 1, "sysctl ")) {
        if (sscanf(at, "sysctl %95s = %63s", name, value) != 2)
            world_give_up(at);
        write_sysctl(name, value);
    }
}

/* A namespace that cannot be told from a new one is as good, and much sooner there. Links are not
 * swept: too much hangs on them. */
void kernel_enter_fresh(void)
{
    static char fresh[DUMP_SIZE], swept[DUMP_SIZE];
    static pid_t owner; /* a worker begins in the namespace of who forked it */
    static int ground;

    if (owner == getpid() && ground == GROUND_EXIT && world->ground == GROUND_EXIT) {
        sweep_objects();
        write_sysctls(fresh);
        kernel_dump(swept, sizeof(swept));
        if (strcmp(fresh, swept) == 0)
            return;
    }
    make_fresh();
    owner = getpid();
    ground = world->ground;
    kernel_dump(fresh, sizeof(fresh));
}
