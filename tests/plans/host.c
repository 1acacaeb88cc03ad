/*
 * host: draws a host and makes it by ip(8), as an administrator would.
 */
#include "tests/plans/host.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/plans/dump.h"
#include "tests/plans/pool.h"

enum {
    GROUP_SETTING,
    GROUP_ADDRESS,
    GROUP_OBJECT,
    GROUP_GROUP,
    GROUP_CONNECTED,
    GROUP_GATEWAYED,
    GROUP_RULE
};

__attribute__((format(printf, 3, 4))) static void add(char *to, size_t size, const char *format,
                                                      ...)
{
    size_t len = strlen(to);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(to + len, size - len, format, arguments);
    va_end(arguments);
}

#define SAY(part, ...) add((part)->line, sizeof((part)->line), __VA_ARGS__)

/* ---- devices -------------------------------------------------------------------------------- */

static void draw_device(struct chance *chance, struct host *host, unsigned number)
{
    char *to = host->devices;
    size_t size = sizeof(host->devices);

    add(to, size,
        "link add eth%u address 02:00:00:00:01:0%u type veth peer name far%u address "
        "02:00:00:00:02:0%u\n",
        number, number, number, number);
    add(to, size, "link set far%u addrgenmode none\n", number);
    if (chance_permille(chance, 750))
        add(to, size, "link set eth%u addrgenmode none\n", number);
    if (chance_permille(chance, 400)) {
        add(to, size, "link set far%u mtu 9000\n", number);
        add(to, size, "link set eth%u mtu %u\n", number, pool_mtu(chance));
    }
    if (chance_permille(chance, 970))
        add(to, size, "link set far%u up\n", number);
    if (chance_permille(chance, 900))
        add(to, size, "link set eth%u up\n", number);
}

static void draw_bridge(struct chance *chance, struct host *host)
{
    char *to = host->devices;
    size_t size = sizeof(host->devices);

    if (!chance_permille(chance, 300))
        return;
    add(to, size,
        "link add br0 address 02:00:00:00:03:00 type bridge\n"
        "link add eth3 address 02:00:00:00:01:03 type veth peer name far3 address "
        "02:00:00:00:02:03\n"
        "link set eth3 addrgenmode none\nlink set far3 addrgenmode none\n"
        "link set br0 addrgenmode none\nlink set eth3 master br0\n"
        "link set far3 up\nlink set eth3 up\n");
    if (chance_permille(chance, 900))
        add(to, size, "link set br0 up\n");
}

/* ---- parts ---------------------------------------------------------------------------------- */

static void draw_setting(struct chance *chance, struct host_part *part)
{
    static const struct {
        const char *path;
        unsigned max;
    } settings[] = {
        {"ipv4/conf/%s/promote_secondaries", 1}, {"ipv4/conf/%s/rp_filter", 2},
        {"ipv4/conf/%s/forwarding", 1},          {"ipv4/conf/%s/arp_ignore", 2},
        {"ipv4/conf/%s/accept_redirects", 1},    {"ipv4/conf/%s/ignore_routes_with_linkdown", 1},
        {"ipv6/conf/%s/forwarding", 1},          {"ipv6/conf/%s/accept_ra", 2},
        {"ipv6/conf/%s/use_tempaddr", 2},        {"ipv6/conf/%s/keep_addr_on_down", 1},
        {"ipv6/conf/%s/accept_redirects", 1},    {"ipv6/conf/%s/disable_ipv6", 1},
        {"ipv6/conf/%s/ndisc_notify", 1},        {"ipv6/conf/%s/dad_transmits", 3},
    };
    unsigned which = pool_pick(chance, sizeof(settings) / sizeof(settings[0])), number;
    const char *device = pool_device(chance, &number);

    part->group = GROUP_SETTING;
    if (chance_permille(chance, 200))
        device = chance_permille(chance, 500) ? "all" : "default";
    SAY(part, "/proc/sys/net/");
    if (chance_permille(chance, 100))
        SAY(part, "ipv4/ip_forward");
    else {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        SAY(part, settings[which].path, device);
#pragma GCC diagnostic pop
    }
    SAY(part, " %u", pool_pick(chance, settings[which].max + 1));
}

static void draw_address(struct chance *chance, struct host_part *part)
{
    bool ipv6 = chance_permille(chance, 400);
    char own[POOL_TEXT];
    unsigned number;
    const char *device = pool_device(chance, &number);

    part->group = GROUP_ADDRESS;
    pool_address(chance, number, ipv6, own);
    SAY(part, "address add %s dev %s", own, device);
    if (ipv6)
        SAY(part, " nodad");
    if (!ipv6 && chance_permille(chance, 400))
        SAY(part, " brd +");
    if (!ipv6 && chance_permille(chance, 100))
        SAY(part, " scope %s", chance_permille(chance, 500) ? "link" : "200");
    if (!ipv6 && chance_permille(chance, 100))
        SAY(part, " label %s:x", device);
    /* Of IPv6 a finding is open: README.md. */
    if (!ipv6 && chance_permille(chance, 120))
        SAY(part, " noprefixroute");
    if (!ipv6 && chance_permille(chance, 120))
        SAY(part, " metric %u", 10 + pool_pick(chance, 2));
    if (chance_permille(chance, 80))
        SAY(part, " preferred_lft 0");
}

static const char *draw_protocol(struct chance *chance)
{
    static const char *const protocols[] = {"153", "153", "153", "static", "static", "boot"};

    return protocols[pool_pick(chance, 6)];
}

static void draw_hop(struct chance *chance, struct host_part *part, bool ipv6, bool must_gateway)
{
    char gateway[POOL_TEXT];
    unsigned number;
    const char *device = pool_device(chance, &number);
    bool has = must_gateway || chance_permille(chance, 700);

    pool_gateway(chance, number, ipv6, gateway);
    if (has)
        SAY(part, " via %s", gateway);
    SAY(part, " dev %s", device);
    if (has && chance_permille(chance, 200))
        SAY(part, " onlink");
    part->group = has ? GROUP_GATEWAYED : GROUP_CONNECTED;
}

static void draw_hops(struct chance *chance, struct host_part *part, bool ipv6)
{
    unsigned count = 2 + pool_pick(chance, 2);

    for (unsigned i = 0; i < count; i++) {
        SAY(part, " nexthop");
        draw_hop(chance, part, ipv6, ipv6);
        SAY(part, " weight %u", 1 + pool_pick(chance, 3));
    }
    part->group = GROUP_GATEWAYED;
}

static void draw_way(struct chance *chance, struct host_part *part, bool ipv6)
{
    if (chance_permille(chance, 120)) {
        SAY(part, " nhid %u",
            chance_permille(chance, 700) ? pool_object(chance) : pool_group(chance));
        part->group = GROUP_GATEWAYED;
    } else if (chance_permille(chance, 150)) {
        draw_hops(chance, part, ipv6);
    } else {
        draw_hop(chance, part, ipv6, false);
    }
}

static void draw_more(struct chance *chance, struct host_part *part, bool ipv6)
{
    char own[POOL_TEXT];

    if (chance_permille(chance, 150))
        SAY(part, " mtu %s%u", chance_permille(chance, 200) ? "lock " : "",
            1280 + 20 * pool_pick(chance, 12));
    if (chance_permille(chance, 80))
        SAY(part, " advmss 1000");
    if (!ipv6 && chance_permille(chance, 60))
        SAY(part, " tos 0x10");
    if (chance_permille(chance, 120)) {
        pool_address(chance, pool_pick(chance, 3), ipv6, own);
        own[strcspn(own, "/")] = '\0';
        SAY(part, " src %s", own);
    }
    if (!ipv6 && chance_permille(chance, 50))
        SAY(part, " realms 7");
    if (ipv6 && chance_permille(chance, 60))
        SAY(part, " pref high");
}

static void draw_route(struct chance *chance, struct host_part *part)
{
    static const char *const nowhere[] = {"blackhole", "unreachable", "prohibit", "throw"};
    bool ipv6 = chance_permille(chance, 400), leads = chance_permille(chance, 850);
    char to[POOL_TEXT];

    pool_destination(chance, ipv6, to);
    SAY(part, "%sroute %s ", ipv6 ? "-6 " : "", chance_permille(chance, 850) ? "add" : "append");
    if (!leads)
        SAY(part, "%s ", nowhere[pool_pick(chance, 4)]);
    SAY(part, "%s table %u protocol %s", to, pool_table(chance), draw_protocol(chance));
    SAY(part, " metric %u", pool_metric(chance));
    part->group = GROUP_CONNECTED;
    if (leads) {
        draw_more(chance, part, ipv6);
        draw_way(chance, part, ipv6);
    }
}

static void draw_object(struct chance *chance, struct host_part *part)
{
    bool ipv6 = chance_permille(chance, 300);

    part->group = GROUP_OBJECT;
    if (chance_permille(chance, 250)) {
        SAY(part, "nexthop add id %u protocol %s group %u,%u", pool_group(chance),
            draw_protocol(chance), pool_object(chance), 1 + pool_pick(chance, 3));
        if (chance_permille(chance, 600))
            SAY(part, "/%u,%u", pool_object(chance), 1 + pool_pick(chance, 3));
        part->group = GROUP_GROUP;
        return;
    }
    SAY(part, "%snexthop add id %u protocol %s", ipv6 ? "-6 " : "", pool_object(chance),
        draw_protocol(chance));
    if (chance_permille(chance, 150))
        SAY(part, " blackhole");
    else
        draw_hop(chance, part, ipv6, false);
    part->group = GROUP_OBJECT;
}

static void draw_selectors(struct chance *chance, struct host_part *part, bool ipv6, bool from)
{
    char text[POOL_TEXT];
    unsigned number;

    pool_destination(chance, ipv6, text);
    if (chance_permille(chance, 400))
        SAY(part, " to %s", text);
    pool_address(chance, pool_pick(chance, 3), ipv6, text);
    text[strcspn(text, "/")] = '\0';
    SAY(part, " from %s", from || chance_permille(chance, 400) ? text : "all");
    if (chance_permille(chance, 200))
        SAY(part, " fwmark 0x%x/0x3", pool_pick(chance, 4));
    if (chance_permille(chance, 150))
        SAY(part, " iif %s", pool_device(chance, &number));
    if (chance_permille(chance, 100))
        SAY(part, " oif %s", pool_device(chance, &number));
    if (chance_permille(chance, 100))
        SAY(part, " ipproto tcp dport %u", 80 + pool_pick(chance, 2));
    if (chance_permille(chance, 80))
        SAY(part, " uidrange 0-%u", 100 + pool_pick(chance, 2));
    if (chance_permille(chance, 80))
        SAY(part, " tos 0x10");
}

static void draw_rule(struct chance *chance, struct host_part *part)
{
    bool ipv6 = chance_permille(chance, 400), leads = chance_permille(chance, 800);

    part->group = GROUP_RULE;
    SAY(part, "%srule add%s priority %u", ipv6 ? "-6 " : "",
        leads && chance_permille(chance, 80) ? " not" : "", pool_priority(chance));
    /* Only from a source: one from all has the kernel refuse gateways (README.md, open). */
    draw_selectors(chance, part, ipv6, !leads);
    if (leads)
        SAY(part, " lookup %u", pool_table(chance));
    else if (chance_permille(chance, 500))
        SAY(part, " goto %u", 6000 + pool_pick(chance, 2));
    else
        SAY(part, " %s", chance_permille(chance, 500) ? "blackhole" : "prohibit");
    if (chance_permille(chance, 80))
        SAY(part, " suppress_prefixlength 0");
    SAY(part, " protocol %s", draw_protocol(chance));
}

static void draw_part(struct chance *chance, struct host_part *part)
{
    static void (*const drawers[])(struct chance * chance, struct host_part * part) = {
        draw_setting, draw_address, draw_address, draw_address, draw_address, draw_route,
        draw_route,   draw_route,   draw_route,   draw_object,  draw_rule,    draw_rule,
    };

    drawers[pool_pick(chance, sizeof(drawers) / sizeof(drawers[0]))](chance, part);
}

static int compare_parts(const void *a, const void *b)
{
    const struct host_part *one = a, *other = b;

    return one->group != other->group ? one->group - other->group
                                      : (int)one->number - (int)other->number;
}

void host_draw(uint64_t seed, uint64_t without, struct host *ret_host)
{
    struct chance chance = pool_stream(seed, "devices", 0);
    uint32_t count = 6 + pool_pick(&chance, HOST_PARTS_MAX - 6);

    memset(ret_host, 0, sizeof(*ret_host));
    add(ret_host->devices, sizeof(ret_host->devices), "link set lo up\n");
    for (unsigned i = 0; i < 3; i++)
        draw_device(&chance, ret_host, i);
    draw_bridge(&chance, ret_host);
    for (uint32_t i = 0; i < count; i++) {
        struct host_part *part = &ret_host->parts[ret_host->count];
        struct chance own = pool_stream(seed, "part", i);

        if ((without >> i & 1) != 0)
            continue;
        part->number = i;
        draw_part(&own, part);
        ret_host->count++;
    }
    qsort(ret_host->parts, ret_host->count, sizeof(ret_host->parts[0]), compare_parts);
}

/* ---- making it ------------------------------------------------------------------------------ */

static bool run_ip(const char *command, const char *lines)
{
    FILE *ip;
    int status;

    fflush(NULL);
    ip = popen(command, "w");
    if (ip == NULL || fputs(lines, ip) < 0)
        dump_give_up("ip(8)");
    status = pclose(ip);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool host_ip(const char *lines)
{
    return run_ip("ip -force -batch - >/dev/null 2>&1", lines);
}

/* As many lines as are of one family are one call. */
void host_ip_each(const char *lines)
{
    static char part[HOST_PARTS_MAX * HOST_LINE_SIZE];

    while (*lines != '\0') {
        bool ipv6 = strncmp(lines, "-6 ", 3) == 0;

        part[0] = '\0';
        while (*lines != '\0' && (strncmp(lines, "-6 ", 3) == 0) == ipv6) {
            const char *line = lines + (ipv6 ? 3 : 0);

            add(part, sizeof(part), "%.*s\n", (int)strcspn(line, "\n"), line);
            lines += strcspn(lines, "\n");
            lines += *lines == '\n';
        }
        if (ipv6)
            run_ip("ip -6 -force -batch - >/dev/null 2>&1", part);
        else
            host_ip(part);
    }
}

void host_write(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd >= 0) {
        if (write(fd, value, strlen(value)) < 0)
            fprintf(stderr, "plans: %s = %s is refused\n", path, value);
        close(fd);
    }
}

static void make_settings(const struct host *host)
{
    for (uint32_t i = 0; i < host->count; i++) {
        char path[HOST_LINE_SIZE];
        size_t len = strcspn(host->parts[i].line, " ");

        if (host->parts[i].group != GROUP_SETTING)
            continue;
        snprintf(path, sizeof(path), "%.*s", (int)len, host->parts[i].line);
        host_write(path, host->parts[i].line + len + 1);
    }
}

void host_make(const struct host *host, bool with_ipv6)
{
    static char lines[HOST_PARTS_MAX * HOST_LINE_SIZE];

    host_write("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
    host_write("/proc/sys/net/ipv6/conf/default/router_solicitations", "0");
    host_ip(host->devices);
    dump_settle();
    make_settings(host);
    lines[0] = '\0';
    for (uint32_t i = 0; i < host->count; i++) {
        if (host->parts[i].group != GROUP_SETTING)
            add(lines, sizeof(lines), "%s\n", host->parts[i].line);
    }
    if (with_ipv6)
        host_ip_each(lines);
    else
        host_ip(lines);
}

void host_print(const struct host *host)
{
    for (const char *at = host->devices; *at != '\0'; at += strcspn(at, "\n") + 1)
        printf("      ip %.*s\n", (int)strcspn(at, "\n"), at);
    for (uint32_t i = 0; i < host->count; i++)
        printf("  %2u  %s%s\n", host->parts[i].number,
               host->parts[i].group == GROUP_SETTING ? "" : "ip ", host->parts[i].line);
}
