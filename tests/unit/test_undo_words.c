/*
 * test_undo_words: undo.txt puts back what others had exactly, or says that it does not: its lines
 * are given to the real `ip -batch`, in one go and not forced, and what the kernel lists then is
 * compared byte for byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/fib_rules.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include "common/core/mem.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/netns.h"

enum {
    PAGE_SIZE = 65536,
    LINE_SIZE = 16384,
    OBJECTS_MAX = 128,
    TYPE_MASK = 0x3fff,
    TRIES = 50,
    TRY_US = 50000
};

static const char begin_lines[] = "ip link add eth1 type veth peer name far1\n"
                                  "ip link set eth1 addrgenmode none\n"
                                  "ip link set far1 addrgenmode none\n"
                                  "ip link set far1 up\nip link set eth1 up\n"
                                  "ip address add 198.51.100.10/24 dev eth1\n"
                                  "ip -6 address add 2001:db8:5::10/64 dev eth1 nodad\n";

/* ---- the lines --------------------------------------------------------------------------------
 */

static void add_line(void *context, const char *line)
{
    text_add(context, "%s\n", line);
}

/* Plain: it stops at a line that the kernel refuses, and then the test does. */
static void undo_by_lines(const struct undo_item *item, struct text *page)
{
    AUTO_FREE char *command = mem_alloc(1, PAGE_SIZE + 64);

    undo_render_batch(item, page);
    text_add(page, "\n");
    undo_render_batch_lost(item, add_line, page);
    snprintf(command, PAGE_SIZE + 64, "ip -batch - <<'END'\n%sEND\n", page->data);
    netns_run(command);
}

/* ---- the kernel's bytes -----------------------------------------------------------------------
 */

/* How it is used, and for how long: no one's to put back. */
static bool counts(unsigned type, char kind)
{
    return (kind == 'r' && type == RTA_CACHEINFO) || (kind == 'n' && type == NHA_RES_GROUP);
}

static void render_bytes(char kind, const uint8_t *raw, uint32_t len, size_t header,
                         struct text *out)
{
    const uint8_t *at = raw + header, *end = raw + len;

    text_add(out, "%c", kind);
    for (size_t i = 0; i < header; i++)
        text_add(out, "%02x", raw[i]);
    while (at + sizeof(struct rtattr) <= end) {
        struct rtattr attribute;

        memcpy(&attribute, at, sizeof(attribute));
        if (!counts(attribute.rta_type & TYPE_MASK, kind)) {
            text_add(out, " %u:", attribute.rta_type & TYPE_MASK);
            for (size_t i = sizeof(attribute); i < attribute.rta_len; i++)
                text_add(out, "%02x", at[i]);
        }
        at += RTA_ALIGN((size_t)attribute.rta_len);
    }
}

/* One string each, for whoever asked to free. */
static size_t list_bytes(char *strings[OBJECTS_MAX])
{
    char line[LINE_SIZE];
    struct snapshot now;
    size_t count = 0;

    apply_case_read(&now);
    assert_true(now.routes_count + now.rules_count + now.nexthops_count < OBJECTS_MAX);
    for (size_t i = 0; i < now.routes_count; i++) {
        struct text text = TEXT_IN(line);

        if (now.routes[i].clone)
            continue;
        render_bytes('r', now.routes[i].raw, now.routes[i].raw_len, sizeof(struct rtmsg), &text);
        strings[count++] = mem_copy(line, text.len + 1);
    }
    for (size_t i = 0; i < now.rules_count; i++) {
        struct text text = TEXT_IN(line);

        render_bytes('u', now.rules[i].raw, now.rules[i].raw_len, sizeof(struct fib_rule_hdr),
                     &text);
        strings[count++] = mem_copy(line, text.len + 1);
    }
    for (size_t i = 0; i < now.nexthops_count; i++) {
        struct text text = TEXT_IN(line);

        render_bytes('n', now.nexthops[i].raw, now.nexthops[i].raw_len, sizeof(struct nhmsg),
                     &text);
        strings[count++] = mem_copy(line, text.len + 1);
    }
    snapshot_done(&now);
    return count;
}

static bool has(char *const strings[], size_t count, const char *string)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(strings[i], string) == 0)
            return true;
    }
    return false;
}

static void free_all(char *strings[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(strings[i]);
}

/* What is there and was not, or NULL; and how much of what was is missing. */
static char *find_new(char *was[], size_t was_count, size_t *ret_missing)
{
    char *is[OBJECTS_MAX];
    size_t is_count = list_bytes(is);
    char *new = NULL;

    *ret_missing = 0;
    for (size_t i = 0; i < was_count; i++)
        *ret_missing += !has(is, is_count, was[i]);
    for (size_t i = 0; i < is_count && new == NULL; i++) {
        if (!has(was, was_count, is[i]))
            new = mem_copy(is[i], strlen(is[i]) + 1);
    }
    free_all(is, is_count);
    return new;
}

/* Nothing is there that was not; of what was, so many are missing. The kernel works carrier off in
 * the background, which the flags of a route say. */
static void check_bytes(char *was[], size_t was_count, size_t missing, const char *page)
{
    size_t gone;
    char *new = find_new(was, was_count, &gone);

    for (int i = 0; i < TRIES && (new != NULL || gone != missing); i++) {
        free(new);
        usleep(TRY_US);
        new = find_new(was, was_count, &gone);
    }
    if (new != NULL)
        fail_msg("%s\nput, and was not there: %s", page, new);
    if (gone != missing)
        fail_msg("%s\n%zu missing, expected %zu", page, gone, missing);
}

/* ---- what others had --------------------------------------------------------------------------
 */

/* As netns_wait_for_links and netns_wait_for_ipv6, of both pairs. */
static bool are_up(const struct snapshot *now)
{
    unsigned count = 0;
    bool local = false;
    struct address own;

    address_parse("2001:db8:5::10", &own);
    for (size_t i = 0; i < now->routes_count; i++) {
        const struct route *route = &now->routes[i];

        count += route->type == RTN_MULTICAST && route->destination.len == 8;
        local |= route->type == RTN_LOCAL && address_equal(&route->destination.address, &own);
    }
    return count == 4 && local;
}

/* By lines, with that said; then by the guard itself, which has all of it. */
static void check(const char *lines, const struct operation *operation, size_t missing,
                  const char *const says[])
{
    AUTO_FREE char *data = mem_alloc(1, PAGE_SIZE);
    struct text page = {data, 0, PAGE_SIZE};
    char *was[OBJECTS_MAX];
    struct undo_item item;
    size_t count;

    netns_wait_for(are_up, "both pairs up");
    netns_run(lines);
    apply_case_remember();
    count = list_bytes(was);
    apply_case_run(operation, &item);
    undo_by_lines(&item, &page);
    check_bytes(was, count, missing, data);
    for (size_t i = 0; says[i] != NULL; i++) {
        if (strstr(data, says[i]) == NULL)
            fail_msg("expected '%s' in:\n%s", says[i], data);
    }
    apply_case_undo(&item, REVERT_DONE);
    check_bytes(was, count, 0, data);
    free_all(was, count);
    undo_item_done(&item);
}

static const char *const nothing[] = {NULL};

static void what_ip_has_words_for_is_exact(void **state)
{
    static const char *const routes[] = {
        "10.1.0.0/16 proto static via 198.51.100.1 mtu lock 1400 realm 3 advmss 1200 initcwnd 20 "
        "quickack 1",
        "10.1.0.0/16 proto static via 198.51.100.1 realms 4/5 hoplimit 9 window 7000 rtt 300ms "
        "rttvar 40ms",
        "10.1.0.0/16 proto static via 198.51.100.1 cwnd lock 9 ssthresh 11 reordering 4 initrwnd 8",
        "10.1.0.0/16 proto static via 198.51.100.1 rto_min 40ms features ecn congctl cubic",
        "10.1.0.0/16 proto static via 198.51.100.1 congctl lock reno advmss lock 900 "
        "fastopen_no_cookie 1",
        "10.1.0.0/16 proto static dev eth1 scope global",
        "10.1.0.0/16 proto static dev eth1 scope 200 table 7 metric 9",
        "10.1.0.0/16 proto static via 198.51.100.1 dev eth1 onlink scope site",
        "10.1.0.0/16 proto static dev eth1 scope host",
        "local 10.1.0.7 proto static dev eth1 table 7",
        "10.1.0.0/16 proto static advmss 700 nexthop via 198.51.100.1 weight 2 nexthop via "
        "198.51.100.2",
        "10.1.0.0/16 proto static scope link nexthop dev eth1 weight 2 nexthop dev eth1",
        "10.1.0.0/16 proto static via 198.51.100.1 tos 0x10 src 198.51.100.10",
        "10.1.0.0/16 proto static via inet6 2001:db8:5::1 dev eth1 mtu 1300 advmss 800",
        "2001:db8:7::/48 proto static via 2001:db8:5::1 pref high",
        "2001:db8:7::/48 proto static dev eth1 pref low advmss 1100 hoplimit 3",
        "2001:db8:7::/48 proto static dev eth1 mtu lock 1300 metric 5 initcwnd 4",
        "2001:db8:7::/48 from 2001:db8:5::/64 proto static via 2001:db8:5::1 dev eth1 features ecn",
    };
    struct operation operation = apply_case_link("eth1", 0, "down");

    (void)state;
    apply_case_begin(begin_lines);
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        char lines[1024];
        bool ipv6 = strstr(routes[i], "2001:db8:7::") != NULL;

        snprintf(lines, sizeof(lines), "ip %sroute add %s\n", ipv6 ? "-6 " : "", routes[i]);
        check(lines, &operation, 0, nothing);
        netns_run(ipv6 ? "ip -6 route flush proto static\n"
                       : "ip route flush table all proto static\n");
    }
}

/* What stands behind it is put all the same. */
static void a_tunnel_is_said_and_not_put(void **state)
{
    static const char *const says[] = {
        "# not in ip(8)'s words: encap of 'route 10.4.0.0/16",
        "# not in ip(8)'s words: encap of 'route 10.5.0.0/16",
        "# not in ip(8)'s words: encap of 'nexthop id 11",
        "'route 10.6.0.0/16 nhid 11",
        "'nexthop id 12 group 11/13",
        "'route 10.7.0.0/16 nhid 12",
        "\nroute add 10.9.0.0/16",
        NULL,
    };
    struct operation operation = apply_case_link("eth1", 0, "down");

    (void)state;
    apply_case_begin(begin_lines);
    check(
        "ip nexthop add id 11 encap ip id 7 dst 10.99.0.2 via 198.51.100.1 dev eth1 proto static\n"
        "ip nexthop add id 13 via 198.51.100.3 dev eth1 proto static\n"
        "ip nexthop add id 12 group 11/13 proto static\n"
        "ip route add 10.4.0.0/16 encap ip id 100 dst 10.99.0.1 via 198.51.100.1 dev eth1 proto "
        "static\n"
        "ip route add 10.5.0.0/16 proto static nexthop via 198.51.100.1 nexthop encap ip id 3 dst "
        "10.99.0.3 via 198.51.100.2\n"
        "ip route add 10.6.0.0/16 nhid 11 proto static\n"
        "ip route add 10.7.0.0/16 nhid 12 proto static\n"
        "ip route add 10.8.0.0/16 nhid 13 proto static\n"
        "ip route add 10.9.0.0/16 via 198.51.100.9 proto static\n",
        &operation, 6, says);
}

static void a_resilient_group_comes_back(void **state)
{
    struct operation operation = apply_case_removal("nexthop 7 blackhole");

    (void)state;
    apply_case_begin(begin_lines);
    check("ip nexthop add id 7 via 203.0.113.7 dev eth0 proto 153\n"
          "ip nexthop add id 8 via 203.0.113.8 dev eth0 proto static\n"
          "ip nexthop add id 9 group 7/8 type resilient buckets 8 idle_timer 30 unbalanced_timer "
          "60 proto static\n"
          "ip route add 10.1.0.0/16 nhid 9 proto static\n"
          "ip route add 10.2.0.0/16 nhid 7 proto static scope global\n",
          &operation, 0, nothing);
}

static void what_ip_takes_for_another_is_said(void **state)
{
    static const char *const says[] = {"IPv6 without a gateway of 'nexthop id 14", NULL};
    struct operation operation = apply_case_link("eth1", 0, "down");

    (void)state;
    apply_case_begin(begin_lines);
    check("ip -6 nexthop add id 14 dev eth1 proto static\n"
          "ip route add 10.9.0.0/16 via 198.51.100.9 proto static\n",
          &operation, 1, says);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, apply_case_enter, apply_case_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_ip_has_words_for_is_exact),
        TEST(a_tunnel_is_said_and_not_put),
        TEST(a_resilient_group_comes_back),
        TEST(what_ip_takes_for_another_is_said),
    };

    if (!netns_is_allowed())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
