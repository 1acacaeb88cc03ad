/*
 * test_undo_made: what networkd made of a file, before, after and now.
 */
#include "agent/guard/core/undo_made.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "tests/unit/ip_lines.h"

#define KEPT "/etc/systemd/network/10-eth0.network.d/50-x.conf"
#define TRIAL "/run/systemd/network/10-eth0.network.d/50-x.conf"
#define CONTENT                                                                                    \
    "[Route]\nDestination=10.0.0.0/8\nGateway=203.0.113.1\n"                                       \
    "[RoutingPolicyRule]\nFrom=10.0.0.0/8\nTable=7\nPriority=70\n"
#define ROUTE "route 10.0.0.0/8 via 203.0.113.1 dev eth0 protocol 4\n"
#define RULE "rule 70 from 10.0.0.0/8 lookup 7 protocol 4\n"

struct made_case {
    const char *before, *after; /* after NULL: it was not read back */
    const char *now;
    const char *had;  /* the content in /etc before; NULL: none */
    const char *kept; /* and by now */
    enum undo_state state;
    const char *why;
};

static const struct made_case cases[] = {
    {"", ROUTE RULE, "", NULL, NULL, UNDO_RESTORED, ""},
    {"", ROUTE RULE, ROUTE, NULL, NULL, UNDO_NEEDED,
     "found route 10.0.0.0/8 via 203.0.113.1 dev eth0"},
    {"", ROUTE RULE, RULE, NULL, NULL, UNDO_NEEDED, "found rule 70: from 10.0.0.0/8 lookup 7"},
    {"", NULL, ROUTE, NULL, NULL, UNDO_NEEDED, "found route 10.0.0.0/8"},
    {ROUTE, ROUTE RULE, ROUTE, NULL, NULL, UNDO_RESTORED, ""},
    {ROUTE, NULL, ROUTE RULE, NULL, NULL, UNDO_NEEDED, "found rule 70"},
    /* others': by another device, metric or protocol than what was made */
    {"", ROUTE RULE, "route 10.0.0.0/8 via 203.0.113.1 dev eth1 protocol 4", NULL, NULL,
     UNDO_RESTORED, ""},
    {"", NULL, "route 10.0.0.0/8 via 203.0.113.1 dev eth0 metric 5 protocol 4", NULL, NULL,
     UNDO_RESTORED, ""},
    {"", NULL, "route 10.0.0.0/8 via 203.0.113.1 dev eth0 protocol 3", NULL, NULL, UNDO_RESTORED,
     ""},
    {"", NULL, "route 10.0.0.0/8 via 203.0.113.2 dev eth0 protocol 4", NULL, NULL, UNDO_RESTORED,
     ""},
    /* it was not done: whatever is there is somebody's */
    {"", "", ROUTE RULE, NULL, NULL, UNDO_RESTORED, ""},
    /* another content asks for it now, or for something that nobody here understands */
    {"", NULL, ROUTE RULE, NULL, "[Route]\nDestination=10.0.0.0/8\nGateway=203.0.113.1\n",
     UNDO_NEEDED, "found rule 70"},
    {"", NULL, ROUTE RULE, NULL, "[DHCPServer]\nPoolSize=7\n", UNDO_FOREIGN, "expected at " KEPT},
    {"", NULL, ROUTE, NULL, "[Route]\nDestination=10.0.0.0/8\nGateway=203.0.113.1\n", UNDO_FOREIGN,
     "expected at " KEPT},
};

#define CONTENT_6 "[Route]\nDestination=2001:db8:7::/48\nGateway=fe80::1\nMTUBytes=1400\n"
#define OTHER_6 "[Route]\nDestination=2001:db8:7::/48\nGateway=fe80::1\nMTUBytes=1380\n"
#define ROUTE_6(mtu) "route 2001:db8:7::/48 via fe80::1 dev eth0 metric 1024 mtu " mtu " protocol 4"
#define PLAIN_6 "route 2001:db8:7::/48 via fe80::1 dev eth0 metric 1024 protocol 4"

/* The kernel has moved the MTU of an IPv6 route with its device's: it is the same route. */
static const struct made_case moved_cases[] = {
    {"", ROUTE_6("1400"), ROUTE_6("1500"), NULL, NULL, UNDO_NEEDED,
     "found route 2001:db8:7::/48 via fe80::1 dev eth0 metric 1024 mtu 1500"},
    {"", NULL, ROUTE_6("1500"), NULL, NULL, UNDO_NEEDED, "found route 2001:db8:7::/48"},
    {ROUTE_6("1400"), ROUTE_6("1400"), ROUTE_6("1500"), NULL, NULL, UNDO_RESTORED, ""},
    {"", ROUTE_6("1400"), PLAIN_6, NULL, NULL, UNDO_RESTORED, ""},
    /* another content asks for it: by the MTU that it names, or nobody knows by which */
    {ROUTE_6("1380"), ROUTE_6("1400"), ROUTE_6("1400"), OTHER_6, OTHER_6, UNDO_NEEDED,
     "found route 2001:db8:7::/48"},
    {ROUTE_6("1380"), ROUTE_6("1400"), ROUTE_6("1380"), OTHER_6, OTHER_6, UNDO_RESTORED, ""},
    {ROUTE_6("1380"), ROUTE_6("1400"), ROUTE_6("1500"), OTHER_6, OTHER_6, UNDO_RESTORED, ""},
    {ROUTE_6("1500"), NULL, ROUTE_6("1500"), CONTENT_6, CONTENT_6, UNDO_RESTORED, ""},
};

/* The content before asked for it, and is replaced by CONTENT. */
static const struct made_case lost_moved_cases[] = {
    {ROUTE_6("1500"), ROUTE RULE, "", CONTENT_6, CONTENT_6, UNDO_NEEDED,
     "expected '2001:db8:7::/48 via fe80::1 dev eth0 metric 1024 mtu 1500' of protocol 4"},
    {ROUTE_6("1500"), ROUTE RULE, ROUTE_6("1400"), CONTENT_6, CONTENT_6, UNDO_RESTORED, ""},
    {PLAIN_6, ROUTE RULE, "", CONTENT_6, CONTENT_6, UNDO_RESTORED, ""},
};

static void make(struct snapshot *snapshot, const char *lines, const char *kept)
{
    struct snapshot_file *file;

    snapshot_init(snapshot);
    ip_lines_add(snapshot, "link eth0 2\nlink eth1 3");
    ip_lines_add(snapshot, lines);
    file = snapshot_add_file(snapshot);
    *file = (struct snapshot_file){.path = KEPT, .there = kept != NULL, .has_directory = true};
    if (kept != NULL) {
        file->len = (uint32_t)strlen(kept);
        file->data = mem_copy(kept, file->len);
    }
    *snapshot_add_file(snapshot) = (struct snapshot_file){.path = TRIAL};
}

static void take_after(struct undo_item *item, const char *lines)
{
    struct snapshot after;

    make(&after, lines, NULL);
    undo_take_after(item, &after);
    snapshot_done(&after);
}

static void check_content(const struct made_case *c, const char *content)
{
    struct operation operation = {.kind = OPERATION_FILE, .file = {.path = KEPT}};
    struct snapshot before, now;
    struct undo_item item;
    char why[REASON_SIZE] = "";
    enum undo_state state;

    text_copy(operation.file.content, sizeof(operation.file.content), content);
    make(&before, c->before, c->had);
    make(&now, c->now, c->kept);
    undo_derive(&operation, 0, &before, &item);
    if (c->after != NULL)
        take_after(&item, c->after);
    state = undo_judge(&item, &now, why, sizeof(why));
    if (state != c->state || strstr(why, c->why) == NULL)
        fail_msg("before '%s' after '%s' now '%s': expected %d '%s', got %d '%s'", c->before,
                 c->after != NULL ? c->after : "-", c->now, (int)c->state, c->why, (int)state, why);
    undo_item_done(&item);
    snapshot_done(&now);
    snapshot_done(&before);
}

static void check(const struct made_case *c)
{
    check_content(c, CONTENT);
}

static void test_moved_mtu(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(moved_cases) / sizeof(moved_cases[0]); i++)
        check_content(&moved_cases[i], CONTENT_6);
    for (size_t i = 0; i < sizeof(lost_moved_cases) / sizeof(lost_moved_cases[0]); i++)
        check(&lost_moved_cases[i]);
}

static void test_judge(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check(&cases[i]);
}

/* A content in /etc is changed in place, and is back. */
#define OLD "[Route]\nDestination=10.1.0.0/16\nGateway=203.0.113.1\n"
#define OLD_RULE "[RoutingPolicyRule]\nTo=10.1.0.0/16\nTable=8\n"
#define OLD_ROUTE "route 10.1.0.0/16 via 203.0.113.1 dev eth0 protocol 4\n"

/* The change takes the MTU of a route away. */
#define OLD_MTU "[Route]\nDestination=10.0.0.0/8\nGateway=203.0.113.1\nMTUBytes=1400\n"
#define ROUTE_MTU "route 10.0.0.0/8 via 203.0.113.1 dev eth0 mtu 1400 protocol 4\n"

static const struct made_case lost_cases[] = {
    {OLD_ROUTE, ROUTE RULE, OLD_ROUTE, OLD, OLD, UNDO_RESTORED, ""},
    {OLD_ROUTE, ROUTE RULE, "", OLD, OLD, UNDO_NEEDED,
     "expected '10.1.0.0/16 via 203.0.113.1 dev eth0'"},
    {OLD_ROUTE, NULL, "", OLD, OLD, UNDO_NEEDED, "expected '10.1.0.0/16 via 203.0.113.1 dev eth0'"},
    /* both ask: not by us */
    {OLD_ROUTE RULE, NULL, OLD_ROUTE, OLD CONTENT, OLD CONTENT, UNDO_RESTORED, ""},
    {"", ROUTE RULE, "", OLD, OLD, UNDO_RESTORED, ""},
    {OLD_ROUTE, ROUTE RULE, "route 10.1.0.0/16 dev eth1 protocol 3", OLD, OLD, UNDO_RESTORED, ""},
    {"rule 32765 to 10.1.0.0/16 lookup 8 protocol 4", ROUTE RULE, "", OLD_RULE, OLD_RULE,
     UNDO_NEEDED, "expected rule 32765: from all to 10.1.0.0/16 lookup 8 as before, found none"},
    {"rule 32765 to 10.1.0.0/16 lookup 8 protocol 4", ROUTE RULE,
     "rule 32764 to 10.1.0.0/16 lookup 8 protocol 4", OLD_RULE, OLD_RULE, UNDO_RESTORED, ""},
    {ROUTE_MTU, ROUTE RULE, ROUTE, OLD_MTU, OLD_MTU, UNDO_NEEDED,
     "found route 10.0.0.0/8 via 203.0.113.1 dev eth0"},
    {ROUTE_MTU, NULL, ROUTE, OLD_MTU, OLD_MTU, UNDO_NEEDED, "found route 10.0.0.0/8"},
    {ROUTE_MTU, ROUTE RULE, "", OLD_MTU, OLD_MTU, UNDO_NEEDED, "expected '10.0.0.0/8"},
    {ROUTE_MTU, ROUTE RULE, ROUTE_MTU, OLD_MTU, OLD_MTU, UNDO_RESTORED, ""},
};

static void test_lost(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(lost_cases) / sizeof(lost_cases[0]); i++)
        check(&lost_cases[i]);
}

/* An older operation of the change removes what the file names then: that one puts it back. */
static void test_older_operation_has_it(void **state)
{
    struct operation operations[] = {
        ip_lines_operation("link eth0 2", "route 10.0.0.0/8 via 203.0.113.1 dev eth0"),
        {.kind = OPERATION_FILE, .file = {.path = KEPT, .content = CONTENT}}};
    struct snapshot before, between;
    struct undo_item items[2];
    char why[REASON_SIZE];

    (void)state;
    operations[0].route.absent = true;
    make(&before, ROUTE, NULL);
    make(&between, "", NULL);
    undo_derive(&operations[0], 0, &before, &items[0]);
    undo_derive(&operations[1], 1, &between, &items[1]);
    take_after(&items[1], ROUTE RULE);
    assert_int_equal(undo_judge(&items[1], &before, why, sizeof(why)), UNDO_NEEDED);
    undo_leave_to(&items[1], &items[0]);
    assert_int_equal(undo_judge(&items[1], &before, why, sizeof(why)), UNDO_RESTORED);
    undo_item_done(&items[1]);
    undo_item_done(&items[0]);
    snapshot_done(&between);
    snapshot_done(&before);
}

/* IPv6 makes one route of several: only the hop that came with the file is left over. */
static void test_one_hop_of_several(void **state)
{
    struct operation operation = {
        .kind = OPERATION_FILE,
        .file = {.path = KEPT, .content = "[Route]\nDestination=2001:db8::/32\nGateway=fe80::2\n"}};
    struct snapshot before, now;
    struct undo_made made;
    struct undo_item item;
    struct route left;

    (void)state;
    make(&before, "route 2001:db8::/32 via fe80::1 dev eth0 metric 1024 protocol 4", NULL);
    make(&now,
         "route 2001:db8::/32 metric 1024 protocol 4 nexthop via fe80::1 dev eth0 weight 1 "
         "nexthop via fe80::2 dev eth0 weight 1",
         NULL);
    undo_derive(&operation, 0, &before, &item);
    undo_made_init(&made, &item, &now);
    assert_true(undo_made_left_route(&made, 0, &left));
    assert_int_equal(left.hops_count, 1);
    assert_int_equal(left.hop.gateway.bytes[15], 2);
    assert_null(left.raw);
    undo_made_done(&made);
    undo_item_done(&item);
    snapshot_done(&now);
    snapshot_done(&before);
}

/* docs/protocol.md rule 15: what a content asks for beside what the one before it did is added by
 * the change, and behind a step that failed it stays. */
static void test_taking_back_an_altered_file_removes(void **state)
{
    static const char address[] = "[Address]\nAddress=192.0.2.7/24\n";
    static const struct {
        const char *had, *content;
        bool removes;
    } altered[] = {
        {NULL, CONTENT, true},
        {CONTENT, CONTENT, false},
        {CONTENT, "[Network]\nDNS=192.0.2.53\n", false},
        {CONTENT, "[Network]\nDHCP=ipv4\n", true},
        {"[Network]\nDHCP=ipv4\n", "[Network]\nDHCP=no\n", false},
        {CONTENT, "[Network]\nIPv6AcceptRA=yes\n", true},
        {"[Network]\nDHCP=yes\n[DHCPv4]\nUseGateway=no\n", "[Network]\nDHCP=yes\n", true},
        {"[Network]\nDHCP=yes\n[DHCPv4]\nUseRoutes=no\n",
         "[Network]\nDHCP=yes\n[DHCPv4]\nUseRoutes=no\nUseGateway=yes\n", true},
        {"[Network]\nDHCP=yes\n[DHCPv4]\nUseRoutes=no\n", "[Network]\nDNS=192.0.2.53\n", false},
        {CONTENT, "[Route]\nDestination=10.0.0.0/8\nGateway=203.0.113.1\nMTUBytes=1400\n", true},
        {CONTENT, "[Route]\nDestination=10.0.0.0/8\nGateway=203.0.113.1\n", false},
        {"[Route]\nDestination=10.0.0.0/8\nGateway=203.0.113.1\n", CONTENT, true},
        {CONTENT, "[Route]\nDestination=10.0.0.0/8\nGateway=203.0.113.2\n", true},
        {CONTENT, "[Route]\nDestination=10.0.0.0/8\nGateway=203.0.113.1\nMetric=5\n", true},
        {CONTENT, "[RoutingPolicyRule]\nFrom=10.0.0.0/8\nTable=7\nPriority=71\n", true},
        {CONTENT, address, true},
        {address, address, false},
        {"[DHCPServer]\nPoolSize=7\n", address, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(altered) / sizeof(altered[0]); i++) {
        struct operation operation = {.kind = OPERATION_FILE, .file.path = KEPT};
        struct snapshot before;
        struct undo_item item;

        text_copy(operation.file.content, sizeof(operation.file.content), altered[i].content);
        make(&before, "", altered[i].had);
        undo_derive(&operation, 0, &before, &item);
        if (undo_removes(&item) != altered[i].removes)
            fail_msg("'%s' behind '%s': expected that it %s", altered[i].content, altered[i].had,
                     altered[i].removes ? "removes" : "puts back");
        undo_item_done(&item);
        snapshot_done(&before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge),
        cmocka_unit_test(test_moved_mtu),
        cmocka_unit_test(test_taking_back_an_altered_file_removes),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_older_operation_has_it),
        cmocka_unit_test(test_one_hop_of_several),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
