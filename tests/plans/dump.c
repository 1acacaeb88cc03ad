/*
 * dump: links, rules, nexthop objects, routes, addresses and settings, by plain rtnetlink.
 */
#include "tests/plans/dump.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/plans/dump_parts.h"

enum { ANSWER_SIZE = 64 << 10, LINE_SIZE = 1024 };

_Noreturn void dump_give_up(const char *what)
{
    fprintf(stderr, "plans: the test itself: %s: %s\n", what, strerror(errno));
    abort();
}

/* ---- asking --------------------------------------------------------------------------------- */

int dump_open(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int on = 1;

    if (fd < 0 || setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) != 0)
        dump_give_up("netlink socket");
    return fd;
}

/* False: the end has come. */
static bool take_answer(char *answer, ssize_t got, dump_take_fn take, void *context)
{
    int len = (int)got;

    for (struct nlmsghdr *at = (struct nlmsghdr *)(void *)answer; nlmsg_ok(at, len);
         at = nlmsg_next(at, &len)) {
        if (at->nlmsg_type == NLMSG_DONE)
            return false;
        if (at->nlmsg_type == NLMSG_ERROR)
            dump_give_up("a dump is refused");
        take(at, context);
    }
    return true;
}

void dump_list(int fd, int type, int family, size_t header, dump_take_fn take, void *context)
{
    static char answer[ANSWER_SIZE];
    struct {
        struct nlmsghdr head;
        char body[64];
    } request = {.head = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(header),
                          .nlmsg_type = (uint16_t)type,
                          .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
    ssize_t got;

    request.body[0] = (char)family;
    if (send(fd, &request, request.head.nlmsg_len, 0) < 0)
        dump_give_up("netlink send");
    do {
        got = recv(fd, answer, sizeof(answer), 0);
        if (got < 0)
            dump_give_up("netlink receive");
    } while (take_answer(answer, got, take, context));
}

/* ---- lines ---------------------------------------------------------------------------------- */

static void *grow(void *data, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return data;
    *capacity = count * 2;
    data = realloc(data, *capacity * size);
    if (data == NULL)
        dump_give_up("memory");
    return data;
}

void dump_add(struct dump *dump, const char *line)
{
    size_t size = strlen(line) + 1;

    dump->starts =
        grow(dump->starts, dump->count + 1, &dump->starts_capacity, sizeof(*dump->starts));
    dump->text = grow(dump->text, dump->len + size, &dump->capacity, 1);
    dump->starts[dump->count++] = dump->len;
    memcpy(dump->text + dump->len, line, size);
    dump->len += size;
}

const char *dump_line(const struct dump *dump, size_t index)
{
    return dump->text + dump->starts[index];
}

void dump_done(struct dump *dump)
{
    free(dump->text);
    free(dump->starts);
    memset(dump, 0, sizeof(*dump));
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
    uint32_t number;

    if (len == 16 && inet_ntop(AF_INET6, data, text, sizeof(text)) != NULL) {
        add(line, "%s", text);
    } else if (len == 4 && family == AF_INET && inet_ntop(AF_INET, data, text, sizeof(text))) {
        add(line, "%s", text);
    } else if (len == 4) {
        memcpy(&number, data, sizeof(number));
        add(line, "%u", number);
    } else {
        for (size_t i = 0; i < len; i++)
            add(line, "%02x", data[i]);
    }
}

/* How an attribute is shown: by its name, its number in this list. */
struct naming {
    const char *const *names;
    size_t count;
    uint64_t passed_over, numbers; /* bits: not shown; four bytes that are no address */
};

static void add_attributes(char *line, int family, const struct nlmsghdr *message, size_t header,
                           const struct naming *naming)
{
    struct nlattr *at;
    int left;

    nla_for_each_attr(at, nlmsg_attrdata(message, (int)header), nlmsg_attrlen(message, (int)header),
                      left)
    {
        unsigned type = (unsigned)nla_type(at);

        if (type < 64 && (naming->passed_over >> type & 1) != 0)
            continue;
        if (type < naming->count && naming->names[type] != NULL)
            add(line, " %s ", naming->names[type]);
        else
            add(line, " attribute %u ", type);
        add_value(line, type < 64 && (naming->numbers >> type & 1) != 0 ? 0 : family, at);
    }
}

static const struct nlattr *find(const struct nlmsghdr *message, size_t header, int type)
{
    return nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)message, (int)header, type);
}

uint32_t dump_number(const struct nlmsghdr *message, size_t header, int type)
{
    const struct nlattr *attribute = find(message, header, type);

    return attribute != NULL ? nla_get_u32(attribute) : 0;
}

/* By index: as the links were listed before. */
static bool is_up[256];

/* The kernel's own of a device that is down come and go by when its address was put. */
static bool is_idle(const struct rtmsg *route, uint32_t link)
{
    return route->rtm_family == AF_INET6 && route->rtm_table == RT_TABLE_LOCAL && link != 0 &&
           !is_up[link % 256];
}

#define BIT(number) ((uint64_t)1 << (number))

static void take_rule(const struct nlmsghdr *message, void *context)
{
    static const char *const names[] = {
        [FRA_DST] = "to",        [FRA_SRC] = "from",          [FRA_IIFNAME] = "iif",
        [FRA_GOTO] = "goto",     [FRA_PRIORITY] = "priority", [FRA_FWMARK] = "fwmark",
        [FRA_FLOW] = "realms",   [FRA_TABLE] = "table",       [FRA_FWMASK] = "fwmask",
        [FRA_OIFNAME] = "oif",   [FRA_PROTOCOL] = "protocol", [FRA_UID_RANGE] = "uids",
        [FRA_TUN_ID] = "tun_id",
    };
    static const struct naming naming = {names, sizeof(names) / sizeof(names[0]), 0,
                                         ~(BIT(FRA_DST) | BIT(FRA_SRC))};
    const struct fib_rule_hdr *rule = NLMSG_DATA(message);
    char line[LINE_SIZE] = "";

    add(line, "rule IPv%d /%u to /%u action %u tos %u%s", rule->family == AF_INET ? 4 : 6,
        rule->src_len, rule->dst_len, rule->action, rule->tos,
        (rule->flags & FIB_RULE_INVERT) != 0 ? " not" : "");
    add_attributes(line, rule->family, message, sizeof(*rule), &naming);
    dump_add(context, line);
}

/* Without RTNH_F_DEAD and RTNH_F_LINKDOWN, which the kernel sets and clears by itself. */
static void add_hops(char *line, const struct nlmsghdr *message)
{
    const struct nlattr *hops = find(message, sizeof(struct rtmsg), RTA_MULTIPATH);
    int left = hops != NULL ? nla_len(hops) : 0;

    for (const struct rtnexthop *hop = hops != NULL ? nla_data(hops) : NULL;
         hop != NULL && RTNH_OK(hop, left);) {
        unsigned len = RTNH_ALIGN(hop->rtnh_len);
        const struct nlattr *gateway = nla_find((const struct nlattr *)(const void *)(hop + 1),
                                                hop->rtnh_len - (int)sizeof(*hop), RTA_GATEWAY);

        add(line, " hop dev %d weight %d%s", hop->rtnh_ifindex, hop->rtnh_hops + 1,
            (hop->rtnh_flags & RTNH_F_ONLINK) != 0 ? " onlink" : "");
        if (gateway != NULL) {
            add(line, " via ");
            add_value(line, nla_len(gateway) == 4 ? AF_INET : AF_INET6, gateway);
        }
        left -= (int)len;
        hop = (const struct rtnexthop *)(const void *)((const char *)hop + len);
    }
}

/* What decides the order comes first: up to the |, by which routes are sorted. */
static void take_route(const struct nlmsghdr *message, void *context)
{
    static const char *const names[] = {
        [RTA_DST] = "to",         [RTA_SRC] = "from",        [RTA_OIF] = "dev",
        [RTA_GATEWAY] = "via",    [RTA_PRIORITY] = "metric", [RTA_PREFSRC] = "src",
        [RTA_METRICS] = "values", [RTA_FLOW] = "realms",     [RTA_TABLE] = "table",
        [RTA_VIA] = "via",        [RTA_NH_ID] = "nhid",      [RTA_PREF] = "pref",
    };
    static const struct naming naming = {names, sizeof(names) / sizeof(names[0]),
                                         BIT(RTA_CACHEINFO) | BIT(RTA_DST) | BIT(RTA_TABLE) |
                                             BIT(RTA_MULTIPATH),
                                         ~(BIT(RTA_SRC) | BIT(RTA_GATEWAY) | BIT(RTA_PREFSRC))};
    const struct rtmsg *route = NLMSG_DATA(message);
    const struct nlattr *to = find(message, sizeof(*route), RTA_DST);
    char line[LINE_SIZE] = "";

    if ((route->rtm_flags & RTM_F_CLONED) != 0 ||
        is_idle(route, dump_number(message, sizeof(*route), RTA_OIF)))
        return;
    add(line, "route table %u IPv%d ", dump_number(message, sizeof(*route), RTA_TABLE),
        route->rtm_family == AF_INET ? 4 : 6);
    if (to != NULL)
        add_value(line, route->rtm_family, to);
    else
        add(line, "any");
    add(line, "/%u | from /%u tos %u protocol %u scope %u type %u%s", route->rtm_dst_len,
        route->rtm_src_len, route->rtm_tos, route->rtm_protocol, route->rtm_scope, route->rtm_type,
        (route->rtm_flags & RTNH_F_ONLINK) != 0 ? " onlink" : "");
    add_attributes(line, route->rtm_family, message, sizeof(*route), &naming);
    add_hops(line, message);
    dump_add(context, line);
}

static void take_address(const struct nlmsghdr *message, void *context)
{
    static const char *const names[] = {
        [IFA_ADDRESS] = "peer",  [IFA_LOCAL] = "own",          [IFA_LABEL] = "label",
        [IFA_BROADCAST] = "brd", [IFA_RT_PRIORITY] = "metric", [IFA_PROTO] = "protocol",
    };
    static const struct naming naming = {names, sizeof(names) / sizeof(names[0]),
                                         BIT(IFA_CACHEINFO) | BIT(IFA_FLAGS),
                                         ~(BIT(IFA_ADDRESS) | BIT(IFA_LOCAL) | BIT(IFA_BROADCAST))};
    const struct ifaddrmsg *address = NLMSG_DATA(message);
    const struct nlattr *info = find(message, sizeof(*address), IFA_CACHEINFO);
    char name[IF_NAMESIZE] = "?", line[LINE_SIZE] = "";
    struct ifa_cacheinfo lifetimes = {.ifa_valid = UINT32_MAX};

    if (info != NULL)
        memcpy(&lifetimes, nla_data(info), sizeof(lifetimes));
    if_indextoname(address->ifa_index, name);
    add(line, "address IPv%d dev %s /%u scope %u%s%s", address->ifa_family == AF_INET ? 4 : 6, name,
        address->ifa_prefixlen, address->ifa_scope,
        lifetimes.ifa_valid != UINT32_MAX ? " for a time" : "",
        lifetimes.ifa_prefered == 0 ? " deprecated" : "");
    add_attributes(line, address->ifa_family, message, sizeof(*address), &naming);
    /* docs/undo.md: what went comes back NODAD */
    add(line, " flags %u",
        dump_number(message, sizeof(*address), IFA_FLAGS) & ~(uint32_t)IFA_F_NODAD);
    dump_add(context, line);
}

static void take_link(const struct nlmsghdr *message, void *context)
{
    const struct ifinfomsg *link = NLMSG_DATA(message);
    char line[LINE_SIZE] = "";

    is_up[link->ifi_index % 256] = (link->ifi_flags & IFF_UP) != 0;
    add(line, "link %d %s mtu %u master %u%s%s", link->ifi_index,
        nla_get_string(find(message, sizeof(*link), IFLA_IFNAME)),
        dump_number(message, sizeof(*link), IFLA_MTU),
        dump_number(message, sizeof(*link), IFLA_MASTER),
        (link->ifi_flags & IFF_UP) != 0 ? " up" : "",
        (link->ifi_flags & IFF_RUNNING) != 0 ? " running" : "");
    dump_add(context, line);
}

static void take_nexthop(const struct nlmsghdr *message, void *context)
{
    static const char *const names[] = {
        [NHA_ID] = "id",   [NHA_GROUP] = "group", [NHA_GROUP_TYPE] = "of type",
        [NHA_OIF] = "dev", [NHA_GATEWAY] = "via", [NHA_BLACKHOLE] = "blackhole",
    };
    static const struct naming naming = {names, sizeof(names) / sizeof(names[0]), 0,
                                         ~BIT(NHA_GATEWAY)};
    const struct nhmsg *object = NLMSG_DATA(message);
    char line[LINE_SIZE] = "";

    add(line, "nexthop family %u protocol %u%s", object->nh_family, object->nh_protocol,
        (object->nh_flags & RTNH_F_ONLINK) != 0 ? " onlink" : "");
    add_attributes(line, object->nh_family, message, sizeof(*object), &naming);
    dump_add(context, line);
}

/* ---- settings ------------------------------------------------------------------------------- */

static bool read_setting(const char *path, char *value, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, value, size - 1);

    if (fd >= 0)
        close(fd);
    if (len < 0)
        return false;
    value[len] = '\0';
    value[strcspn(value, "\n")] = '\0';
    return true;
}

static void add_setting(struct dump *dump, const char *path)
{
    char value[128], line[LINE_SIZE] = "";

    if (!read_setting(path, value, sizeof(value)))
        return; /* gone with its device, or the secret that is not set */
    add(line, "setting %s = %s", path + strlen("/proc/sys/net/"), value);
    dump_add(dump, line);
}

static int list_sorted(const char *path, struct dirent ***ret_list)
{
    int count = scandir(path, ret_list, NULL, alphasort);

    return count < 0 ? 0 : count;
}

static void add_settings_of(struct dump *dump, const char *directory)
{
    struct dirent **list;
    int count = list_sorted(directory, &list);

    for (int i = 0; i < count; i++) {
        char path[1024];

        snprintf(path, sizeof(path), "%.600s/%s", directory, list[i]->d_name);
        if (list[i]->d_name[0] != '.')
            add_setting(dump, path);
        free(list[i]);
    }
    if (count > 0)
        free(list);
}

static void add_settings(struct dump *dump, const char *group)
{
    struct dirent **list;
    int count = list_sorted(group, &list);

    for (int i = 0; i < count; i++) {
        char path[1024];

        snprintf(path, sizeof(path), "%.600s/%s", group, list[i]->d_name);
        if (list[i]->d_name[0] != '.')
            add_settings_of(dump, path);
        free(list[i]);
    }
    if (count > 0)
        free(list);
}

/* ---- all ------------------------------------------------------------------------------------ */

static const struct dump *sorted;

static int compare_routes(const void *a, const void *b)
{
    size_t one = *(const size_t *)a, other = *(const size_t *)b;
    const char *left = sorted->text + one, *right = sorted->text + other;
    size_t len = strcspn(left, "|"), more = strcspn(right, "|");
    int order = strncmp(left, right, len > more ? len : more);

    return order != 0 ? order : one < other ? -1 : one > other;
}

static void take_routes(int fd, struct dump *dump)
{
    size_t from = dump->count;

    dump_list(fd, RTM_GETROUTE, AF_INET, sizeof(struct rtmsg), take_route, dump);
    dump_list(fd, RTM_GETROUTE, AF_INET6, sizeof(struct rtmsg), take_route, dump);
    sorted = dump;
    qsort(dump->starts + from, dump->count - from, sizeof(*dump->starts), compare_routes);
}

void dump_take(struct dump *ret_dump)
{
    int fd = dump_open();

    memset(ret_dump, 0, sizeof(*ret_dump));
    dump_list(fd, RTM_GETLINK, AF_UNSPEC, sizeof(struct ifinfomsg), take_link, ret_dump);
    dump_list(fd, RTM_GETRULE, AF_INET, sizeof(struct fib_rule_hdr), take_rule, ret_dump);
    dump_list(fd, RTM_GETRULE, AF_INET6, sizeof(struct fib_rule_hdr), take_rule, ret_dump);
    dump_list(fd, RTM_GETADDR, AF_INET, sizeof(struct ifaddrmsg), take_address, ret_dump);
    dump_list(fd, RTM_GETADDR, AF_INET6, sizeof(struct ifaddrmsg), take_address, ret_dump);
    dump_list(fd, RTM_GETNEXTHOP, AF_UNSPEC, sizeof(struct nhmsg), take_nexthop, ret_dump);
    take_routes(fd, ret_dump);
    close(fd);
    add_setting(ret_dump, "/proc/sys/net/ipv4/ip_forward");
    add_settings(ret_dump, "/proc/sys/net/ipv4/conf");
    add_settings(ret_dump, "/proc/sys/net/ipv6/conf");
}
