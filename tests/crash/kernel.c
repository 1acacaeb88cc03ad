/*
 * kernel: links, rules, nexthop objects, routes, addresses and sysctls of this process's namespace,
 * by plain rtnetlink.
 */
#include "tests/crash/kernel_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/crash/kernel.h"
#include "tests/crash/real.h"
#include "tests/crash/world.h"

enum { ANSWER_SIZE = 64 << 10, LINES_MAX = 512, LINE_SIZE = 256 };

/* ---- one request ---------------------------------------------------------------------------- */

int kernel_open(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int on = 1;

    if (fd < 0 || setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) != 0)
        world_give_up("netlink socket");
    return fd;
}

int kernel_ask(int fd, const struct kernel_request *request, kernel_take_fn take, void *context)
{
    static _Thread_local char answer[ANSWER_SIZE];

    if (send(fd, request, request->head.nlmsg_len, 0) < 0)
        world_give_up("netlink send");
    for (;;) {
        ssize_t got = recv(fd, answer, sizeof(answer), 0);
        int len = (int)got;

        if (got < 0)
            world_give_up("netlink receive");
        for (struct nlmsghdr *at = (struct nlmsghdr *)(void *)answer; nlmsg_ok(at, len);
             at = nlmsg_next(at, &len)) {
            if (at->nlmsg_type == NLMSG_DONE)
                return 0;
            if (at->nlmsg_type == NLMSG_ERROR)
                return -((const struct nlmsgerr *)NLMSG_DATA(at))->error;
            take(at, context);
        }
    }
}

void kernel_list(int fd, int type, int family, size_t header, kernel_take_fn take, void *context)
{
    struct kernel_request request = {.head = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(header),
                                              .nlmsg_type = (uint16_t)type,
                                              .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};

    request.body[0] = (char)family;
    kernel_ask(fd, &request, take, context);
}

/* ---- lines ---------------------------------------------------------------------------------- */

struct lines {
    uint32_t count;
    char list[LINES_MAX][LINE_SIZE];
};

static char *add_line(struct lines *lines)
{
    if (lines->count == LINES_MAX)
        world_give_up("raise LINES_MAX");
    lines->list[lines->count][0] = '\0';
    return lines->list[lines->count++];
}

__attribute__((format(printf, 2, 3))) static void add(char *line, const char *format, ...)
{
    size_t len = strlen(line);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line + len, LINE_SIZE - len, format, arguments);
    va_end(arguments);
}

static void add_value(char *line, int family, const struct nlattr *attribute)
{
    const uint8_t *data = nla_data(attribute);
    size_t len = (size_t)nla_len(attribute);
    char text[INET6_ADDRSTRLEN];

    if (len == (family == AF_INET ? 4u : 16u) &&
        inet_ntop(family, data, text, sizeof(text)) != NULL)
        add(line, " %d:%s", nla_type(attribute), text);
    else {
        add(line, " %d:", nla_type(attribute));
        for (size_t i = 0; i < len; i++)
            add(line, "%02x", data[i]);
    }
}

static void add_attributes(char *line, int family, const struct nlmsghdr *message, size_t header,
                           uint64_t passed_over)
{
    struct nlattr *at;
    int left;

    nla_for_each_attr(at, nlmsg_attrdata(message, (int)header), nlmsg_attrlen(message, (int)header),
                      left)
    {
        if (nla_type(at) >= 64 || (passed_over >> nla_type(at) & 1) == 0)
            add_value(line, family, at);
    }
}

static void take_rule(const struct nlmsghdr *message, void *context)
{
    const struct fib_rule_hdr *rule = NLMSG_DATA(message);
    char *line = add_line(context);

    add(line, "rule%d src/%u dst/%u action %u flags %u", rule->family == AF_INET ? 4 : 6,
        rule->src_len, rule->dst_len, rule->action, rule->flags);
    add_attributes(line, rule->family, message, sizeof(*rule), 0);
}

static void take_route(const struct nlmsghdr *message, void *context)
{
    const struct rtmsg *route = NLMSG_DATA(message);
    char *line;

    if ((route->rtm_flags & RTM_F_CLONED) != 0)
        return;
    line = add_line(context);
    add(line, "route%d dst/%u protocol %u scope %u type %u flags %u",
        route->rtm_family == AF_INET ? 4 : 6, route->rtm_dst_len, route->rtm_protocol,
        route->rtm_scope, route->rtm_type, route->rtm_flags & RTNH_F_ONLINK);
    add_attributes(line, route->rtm_family, message, sizeof(*route), 1u << RTA_CACHEINFO);
}

static void take_address(const struct nlmsghdr *message, void *context)
{
    const struct ifaddrmsg *address = NLMSG_DATA(message);
    char *line = add_line(context);

    add(line, "address%d /%u scope %u link %u", address->ifa_family == AF_INET ? 4 : 6,
        address->ifa_prefixlen, address->ifa_scope, address->ifa_index);
    add_attributes(line, address->ifa_family, message, sizeof(*address), 1u << IFA_CACHEINFO);
}

static uint32_t number_of(const struct nlmsghdr *message, size_t header, int type)
{
    struct nlattr *attribute =
        nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)message, (int)header, type);

    return attribute != NULL ? nla_get_u32(attribute) : 0;
}

static void take_link(const struct nlmsghdr *message, void *context)
{
    const struct ifinfomsg *link = NLMSG_DATA(message);

    add(add_line(context), "link %d %s mtu %u%s%s", link->ifi_index,
        nla_get_string(
            nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)message, sizeof(*link), IFLA_IFNAME)),
        number_of(message, sizeof(*link), IFLA_MTU), (link->ifi_flags & IFF_UP) != 0 ? " up" : "",
        (link->ifi_flags & IFF_RUNNING) != 0 ? " running" : "");
}

static void take_nexthop(const struct nlmsghdr *message, void *context)
{
    const struct nhmsg *object = NLMSG_DATA(message);
    char *line = add_line(context);

    add(line, "nexthop protocol %u flags %u", object->nh_protocol,
        object->nh_flags & RTNH_F_ONLINK);
    add_attributes(line, object->nh_family, message, sizeof(*object), 0);
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void add_sysctl(const char *name, void *context)
{
    char path[160], value[64];
    ssize_t len;
    int fd;

    snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
    fd = __real_open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        add(add_line(context), "no sysctl %s", name); /* no such device, or no IPv6 on it */
        return;
    }
    len = fd < 0 ? -1 : read(fd, value, sizeof(value) - 1);
    if (len < 0)
        world_give_up(path);
    __real_close(fd);
    value[len] = '\0';
    value[strcspn(value, "\n")] = '\0';
    add(add_line(context), "sysctl %s = %s", name, value);
}

static void each_sysctl(void (*take_fn)(const char *name, void *context), void *context)
{
    static const char *const of_device[] = {
        "ipv4/conf/%s/forwarding",     "ipv4/conf/%s/rp_filter",  "ipv4/conf/%s/accept_redirects",
        "ipv4/conf/%s/src_valid_mark", "ipv6/conf/%s/forwarding", "ipv6/conf/%s/disable_ipv6",
        "ipv6/conf/%s/accept_ra"};
    static const char *const names[] = {"all",        "default", "lo",  "eth0",
                                        "tailscale0", "eth1",    "eth2"};
    size_t names_count = world->ground == GROUND_LINKS ? 7 : 5;
    char name[96];

    take_fn("ipv4/ip_forward", context);
    for (size_t i = 0; i < sizeof(of_device) / sizeof(of_device[0]); i++) {
        for (size_t j = 0; j < names_count; j++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(name, sizeof(name), of_device[i], names[j]);
#pragma GCC diagnostic pop
            take_fn(name, context);
        }
    }
}

static void take_routes(int fd, struct lines *lines)
{
    uint32_t from = lines->count;

    kernel_list(fd, RTM_GETROUTE, AF_INET, sizeof(struct rtmsg), take_route, lines);
    kernel_list(fd, RTM_GETROUTE, AF_INET6, sizeof(struct rtmsg), take_route, lines);
    qsort(lines->list[from], lines->count - from, LINE_SIZE, compare);
}

void kernel_dump(char *to, size_t size)
{
    static struct lines lines;
    size_t len = 0;
    int fd = kernel_open();

    if (world->kernel_works)
        kernel_settle();
    lines.count = 0;
    kernel_list(fd, RTM_GETLINK, AF_UNSPEC, sizeof(struct ifinfomsg), take_link, &lines);
    kernel_list(fd, RTM_GETRULE, AF_INET, sizeof(struct fib_rule_hdr), take_rule, &lines);
    kernel_list(fd, RTM_GETRULE, AF_INET6, sizeof(struct fib_rule_hdr), take_rule, &lines);
    kernel_list(fd, RTM_GETNEXTHOP, AF_UNSPEC, sizeof(struct nhmsg), take_nexthop, &lines);
    take_routes(fd, &lines);
    kernel_list(fd, RTM_GETADDR, AF_INET, sizeof(struct ifaddrmsg), take_address, &lines);
    kernel_list(fd, RTM_GETADDR, AF_INET6, sizeof(struct ifaddrmsg), take_address, &lines);
    each_sysctl(add_sysctl, &lines);
    __real_close(fd);
    for (uint32_t i = 0; i < lines.count; i++) {
        int put = snprintf(to + len, size - len, "%s\n", lines.list[i]);

        if (put < 0 || (size_t)put >= size - len)
            world_give_up("a dump is larger than its buffer");
        len += (size_t)put;
    }
}

/* ---- shields -------------------------------------------------------------------------------- */

static void take_shield(const struct nlmsghdr *message, void *context)
{
    const struct fib_rule_hdr *rule = NLMSG_DATA(message);
    struct nlattr *at;
    int left;
    uint32_t priority = 0;
    uint8_t protocol = 0;

    nla_for_each_attr(at, nlmsg_attrdata(message, sizeof(*rule)),
                      nlmsg_attrlen(message, sizeof(*rule)), left)
    {
        if (nla_type(at) == FRA_PRIORITY)
            memcpy(&priority, nla_data(at), sizeof(priority));
        if (nla_type(at) == FRA_PROTOCOL)
            memcpy(&protocol, nla_data(at), sizeof(protocol));
    }
    if (protocol != 153)
        return;
    if (priority == 5141)
        *(unsigned *)context |= SHIELD_TO;
    if (priority == 5140)
        *(unsigned *)context |= rule->family == AF_INET ? SHIELD_FROM_IPV4 : SHIELD_FROM_IPV6;
}

unsigned kernel_shields(void)
{
    unsigned shields = 0;
    int fd = kernel_open();

    kernel_list(fd, RTM_GETRULE, AF_INET, sizeof(struct fib_rule_hdr), take_shield, &shields);
    kernel_list(fd, RTM_GETRULE, AF_INET6, sizeof(struct fib_rule_hdr), take_shield, &shields);
    __real_close(fd);
    return shields;
}
