/*
 * test_rehearse: a host set up anew in an empty namespace, and plans played through on it.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/guard/io/rehearse.h"
#include "agent/guard/io/standin.h"
#include "common/core/mem.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/netns.h"

/* Of the namespace that a test begins in; then it goes on in a new one, with nothing in it. */
static struct snapshot host;
static struct rehearsal rehearsal;

/* An undo that says that it is done, and does nothing. */
static bool undo_lies;
enum revert_outcome __real_apply_undo(const struct apply *apply, const struct undo_item *item,
                                      char *ret_why, size_t size);
enum revert_outcome __wrap_apply_undo(const struct apply *apply, const struct undo_item *item,
                                      char *ret_why, size_t size);
enum revert_outcome __wrap_apply_undo(const struct apply *apply, const struct undo_item *item,
                                      char *ret_why, size_t size)
{
    return undo_lies ? REVERT_DONE : __real_apply_undo(apply, item, ret_why, size);
}

static int leave(void **state)
{
    undo_lies = false;
    snapshot_done(&host);
    return apply_case_leave(state);
}

static void begin(const char *lines)
{
    apply_case_begin(lines);
    apply_case_read(&host);
    assert_int_equal(unshare(CLONE_NEWNET), 0);
}

static void play(const struct operation *operations, uint32_t count)
{
    struct rehearse asked = {.operations_count = count};

    snapshot_copy(&asked.snapshot, &host);
    asked.operations = mem_copy(operations, count * sizeof(*operations));
    rehearse_play(&asked, &rehearsal);
    rehearse_done(&asked);
    assert_int_equal(rehearsal.operations_count, count);
}

static void check(uint32_t operation, enum rehearsed_outcome outcome, const char *why)
{
    const struct rehearsed *rehearsed = &rehearsal.operations[operation];

    if (rehearsed->outcome != outcome)
        fail_msg("operation %u: expected '%s', got '%s': %s", operation,
                 rehearsed_outcome_name(outcome), rehearsed_outcome_name(rehearsed->outcome),
                 rehearsed->why);
    if (strstr(rehearsed->why, why) == NULL)
        fail_msg("expected a reason with '%s', got '%s'", why, rehearsed->why);
}

/* ---- the stand-in -----------------------------------------------------------------------------
 */

static bool is_far(const struct link *link)
{
    return link->index >= STANDIN_FAR_INDEX;
}

/* What the far ends brought along, and the kernel's own: not of the host that is stood in for. */
static void drop_far_ends(struct snapshot *here)
{
    size_t kept = 0;

    for (size_t i = here->routes_count; i-- > 0;) {
        if (here->routes[i].hop.link >= STANDIN_FAR_INDEX)
            snapshot_remove_route(here, i);
    }
    for (size_t i = 0; i < here->links_count; i++) {
        if (!is_far(&here->links[i]))
            here->links[kept++] = here->links[i];
    }
    here->links_count = kept;
    kept = 0;
    for (size_t i = 0; i < here->sysctls_count; i++) {
        if (strstr(here->sysctls[i].name, ".oceanid") == NULL)
            here->sysctls[kept++] = here->sysctls[i];
    }
    here->sysctls_count = kept;
}

/* Everything of the host: same names, indexes, orders and bytes of the kernel's. */
static void test_stands_in(void **state)
{
    struct standin standin;
    struct snapshot here;
    struct err err = ERR_INIT;

    (void)state;
    begin("ip link set eth0 mtu 1400\n"
          "ip link add gone0 index 77 type veth peer name gone1\n"
          "ip link set gone0 up\n" /* without carrier */
          "ip address add 203.0.113.20/24 dev eth0\n"
          "ip address add 198.51.100.9/32 dev lo\n"
          "ip route add 10.0.0.0/8 via 203.0.113.1 proto static mtu 1300 metric 5\n"
          "ip route add 10.1.0.0/16 dev eth0 proto 42 scope link\n"
          "ip route add 10.2.0.0/16 via 10.1.0.7 proto static\n"
          "ip route add 10.3.0.0/16 nexthop via 203.0.113.2 dev eth0 weight 2 nexthop via "
          "203.0.113.3 dev eth0\n"
          "ip route add throw 10.4.0.0/16 table 52\n"
          "ip nexthop add id 7 via 203.0.113.4 dev eth0\n"
          "ip nexthop add id 8 blackhole\n"
          "ip nexthop add id 9 group 7\n"
          "ip route add 10.5.0.0/16 nhid 9\n"
          "ip -6 route add 2001:db8:9::/48 via 2001:db8:1::1 metric 9 proto static\n"
          "ip -6 route add unreachable 2001:db8:8::/48\n"
          "ip rule add pref 0 to 192.0.2.7 lookup 9\n"
          "ip rule add pref 100 to 192.0.2.0/24 lookup 7\n"
          "ip rule add pref 100 fwmark 0x7/0xff lookup 8 protocol 42\n"
          "ip -6 rule add pref 200 iif eth0 unreachable\n"
          "sysctl -qw net.ipv4.conf.eth0.rp_filter=1 net.ipv4.ip_forward=1 "
          "net.ipv4.conf.eth0.forwarding=0 net.ipv6.conf.eth0.accept_ra=2\n");
    if (!standin_set(&host, &standin, &err))
        fail_msg("%s", err.text);
    assert_string_equal(standin.first, "");
    assert_int_equal(standin.missing, 0);
    apply_case_read(&here);
    drop_far_ends(&here);
    assert_string_equal(apply_case_difference(&host, &here), "");
    assert_int_equal(snapshot_find_device(&here, "gone0")->index, 77);
    assert_int_equal(snapshot_find_device(&here, "gone0")->carrier, false);
    assert_int_equal(here.nexthops_count, 3);
    snapshot_done(&here);
}

/* A network that is in use is left alone. */
static void test_needs_an_empty_namespace(void **state)
{
    struct operation operation = apply_case_operation("rule 5140 from 203.0.113.10 lookup main");

    (void)state;
    apply_case_begin("");
    apply_case_read(&host);
    play(&operation, 1);
    check(0, REHEARSED_MISSED, "expected a network namespace with nothing in it but lo, found ");
    apply_case_check("");
}

static void test_limits_devices(void **state)
{
    struct operation operation = apply_case_operation("rule 5140 from 203.0.113.10 lookup main");

    (void)state;
    begin("");
    for (uint32_t i = 0; i <= STANDIN_LINKS_MAX; i++)
        snapshot_add_link(&host)->index = 1000 + i;
    play(&operation, 1);
    check(0, REHEARSED_MISSED, "rehearsed is with at most 1024");
}

/* The kernel puts tunnels of its own into a new namespace: they take indexes and names of the
 * host's devices. sit0 is played by a device of that name, as its module may not be here. */
static void test_makes_room_for_the_hosts_devices(void **state)
{
    struct operation operations[] = {
        apply_case_operation("route 10.0.0.0/8 via 203.0.113.2 dev eth0"),
        apply_case_operation("route 10.1.0.0/16 nexthop via 203.0.113.1 dev eth0 nexthop via "
                             "203.0.113.2 dev eth0"),
    };
    uint32_t eth0;
    char line[100];

    (void)state;
    begin("ip link add sit0 type veth peer name sit1\n"
          "ip route add 10.2.0.0/16 nexthop via 203.0.113.2 dev eth0 nexthop via 203.0.113.3 dev "
          "eth0\n"
          "ip nexthop add id 7 via 203.0.113.4 dev eth0\n"
          "ip route add 10.3.0.0/16 nhid 7\n");
    eth0 = snapshot_find_device(&host, "eth0")->index;
    snprintf(line, sizeof(line), "ip link add sit0 index %u type veth peer name gre0\n", eth0);
    netns_run(line);
    play(operations, 2);
    assert_string_equal(rehearsal.lacks, "");
    check(0, REHEARSED_GOOD, "");
    check(1, REHEARSED_GOOD, "");
}

/* What cannot be set up is counted, and the rest is rehearsed. */
static void test_says_what_it_lacks(void **state)
{
    struct operation operation = apply_case_operation("rule 5140 from 203.0.113.10 lookup main");
    struct sysctl *setting;

    (void)state;
    begin("");
    setting = snapshot_add_sysctl(&host);
    text_copy(setting->name, sizeof(setting->name), "net.ipv4.conf.nowhere0.rp_filter");
    text_copy(setting->value, sizeof(setting->value), "1");
    play(&operation, 1);
    check(0, REHEARSED_GOOD, "");
    assert_string_equal(rehearsal.lacks,
                        "1 objects of the host could not be set up; the first: sysctl "
                        "net.ipv4.conf.nowhere0.rp_filter: the kernel has none of that name");
}

/* ---- plans ------------------------------------------------------------------------------------
 */

static void test_accepts_and_takes_back(void **state)
{
    struct operation operations[] = {
        apply_case_operation("rule 5140 from 203.0.113.10 lookup main"),
        apply_case_operation("rule 5141 -6 to 2001:db8:9::/48 lookup main"),
        apply_case_operation("route default via 203.0.113.1 dev eth0 onlink table 5100"),
        apply_case_operation("route 10.0.0.0/8 via 203.0.113.2 dev eth0"),
        apply_case_operation("route 10.0.0.0/8 via 203.0.113.3 dev eth0"), /* the same again */
        apply_case_operation("route 2001:db8:2::/48 dev eth0 metric 9"),
        apply_case_operation("nexthop 5 via 203.0.113.9 dev eth0"),
        apply_case_operation("route 10.7.0.0/16 nhid 5"),
        apply_case_removal("rule 100 to 192.0.2.0/24 lookup 7"),
        apply_case_removal("route 10.9.0.0/16 via 203.0.113.1 dev eth0"),
        apply_case_sysctl("net.ipv4.conf.eth0.rp_filter", "2"),
        apply_case_sysctl("net.ipv4.ip_forward", "1"),
    };
    enum { COUNT = sizeof(operations) / sizeof(operations[0]) };

    (void)state;
    begin("ip rule add pref 100 to 192.0.2.0/24 lookup 7 protocol 153\n"
          "ip route add 10.0.0.0/8 via 203.0.113.1 proto 153\n"
          "ip route add 10.9.0.0/16 via 203.0.113.1 proto 153 mtu 1400\n"
          "ip -6 route add 2001:db8:5::/48 dev eth0 metric 50 proto static\n"
          "sysctl -qw net.ipv4.conf.eth0.rp_filter=1 net.ipv4.ip_forward=0\n");
    play(operations, COUNT);
    for (uint32_t i = 0; i < COUNT; i++)
        check(i, REHEARSED_GOOD, "");
    assert_string_equal(rehearsal.lacks, "");
    assert_int_equal(rehearsal_judge(&rehearsal, COUNT), VERDICT_PASS);
    assert_int_equal(rehearsal_judge(&rehearsal, COUNT + 1), VERDICT_UNKNOWN);
}

/* Addresses and routes of people go with it, and come back. */
static void test_takes_side_effects_back(void **state)
{
    struct operation operation = apply_case_sysctl("net.ipv6.conf.eth0.disable_ipv6", "1");

    (void)state;
    begin("ip -6 route add 2001:db8:5::/48 dev eth0 metric 50 proto static\n");
    play(&operation, 1);
    check(0, REHEARSED_GOOD, "");
}

/* Each alone: with addresses and devices go routes and addresses of others, which come back. */
static void test_takes_links_and_addresses_back(void **state)
{
    struct operation operations[] = {
        apply_case_address("203.0.113.77/24", "eth0", false),
        apply_case_address("203.0.113.10/24", "eth0", true),
        apply_case_address("2001:db8:1::10/64", "eth0", true),
        apply_case_link("eth0", 1200, NULL),
        apply_case_link("eth0", 0, "down"),
    };

    (void)state;
    begin("ip address add 203.0.113.20/24 dev eth0\n"
          "ip route add 10.0.0.0/8 via 203.0.113.1 proto static\n"
          "ip -6 route add 2001:db8:5::/48 via 2001:db8:1::1 metric 50 proto static\n");
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        assert_int_equal(unshare(CLONE_NEWNET), 0);
        play(&operations[i], 1);
        assert_string_equal(rehearsal.lacks, "");
        check(0, REHEARSED_GOOD, "");
    }
}

/* Of the address the route cannot come back before the other device is up again: the guard looks
 * once more behind all, so it is done here. */
static void test_takes_back_what_waits_for_an_older_one(void **state)
{
    const struct operation operations[] = {apply_case_link("eth0", 0, "down"),
                                           apply_case_address("192.0.2.10/24", "far0", true)};

    (void)state;
    begin("ip address add 192.0.2.10/24 dev far0\n"
          "ip route add 10.0.0.0/8 proto static nexthop via 203.0.113.1 dev eth0 weight 2 "
          "nexthop via 192.0.2.1 dev far0\n");
    play(operations, 2);
    check(0, REHEARSED_GOOD, "");
    check(1, REHEARSED_GOOD, "");
}

/* Whoever takes back is not believed. */
/* A gateway that the kernel finds only by the route that then gives way to it: what stood between
 * two operations on one route is not put back for a moment. */
static void test_takes_back_what_stood_between(void **state)
{
    const struct operation operations[] = {
        apply_case_operation("route 10.0.0.0/8 dev eth0"),
        apply_case_operation("route 10.0.0.0/8 via 10.0.0.9 dev eth0"),
        apply_case_removal("route 10.0.0.0/8 via 10.0.0.9 dev eth0")};

    (void)state;
    begin("");
    play(operations, 3);
    for (uint32_t i = 0; i < 3; i++)
        check(i, REHEARSED_GOOD, "");
}

/* One and the same under two names, and that of each device: each is derived on what the earlier
 * ones leave of it. */
static void test_takes_back_settings_that_overwrite_each_other(void **state)
{
    const struct operation operations[] = {apply_case_sysctl("net.ipv4.conf.all.forwarding", "1"),
                                           apply_case_sysctl("net.ipv4.ip_forward", "0"),
                                           apply_case_sysctl("net.ipv4.conf.all.forwarding", "0"),
                                           apply_case_sysctl("net.ipv4.ip_forward", "1"),
                                           apply_case_sysctl("net.ipv4.conf.eth0.forwarding", "0")};

    (void)state;
    begin("sysctl -qw net.ipv4.ip_forward=0\n");
    play(operations, 5);
    for (uint32_t i = 0; i < 5; i++)
        check(i, REHEARSED_GOOD, "");
}

/* A group that lost a member by an older operation, and is removed: what it had been is the older
 * one's to know. */
static void test_takes_back_a_group_that_lost_a_member(void **state)
{
    const struct operation operations[] = {apply_case_link("eth0", 0, "down"),
                                           apply_case_removal("nexthop 9 group 7/8")};

    (void)state;
    begin("ip link add eth1 index 91 type veth peer name far1\nip link set far1 up\n"
          "ip link set eth1 up\nip address add 198.51.100.1/24 dev eth1\n"
          "ip nexthop add id 7 via 203.0.113.4 dev eth0\n"
          "ip nexthop add id 8 via 198.51.100.4 dev eth1\n"
          "ip nexthop add id 9 group 7/8 protocol 153\n");
    play(operations, 2);
    check(0, REHEARSED_GOOD, "");
    check(1, REHEARSED_GOOD, "");
}

static void test_looks_whether_all_is_back(void **state)
{
    struct operation operations[] = {
        apply_case_operation("rule 5140 from 203.0.113.10 lookup main"),
        apply_case_sysctl("net.ipv4.conf.eth0.rp_filter", "2"),
    };

    (void)state;
    begin("sysctl -qw net.ipv4.conf.eth0.rp_filter=1\n");
    undo_lies = true;
    play(operations, 2);
    check(0, REHEARSED_STAYED, "expected no rule '5140: from 203.0.113.10 lookup main', found it");
    check(1, REHEARSED_STAYED, "expected net.ipv4.conf.eth0.rp_filter = 1 as before, found 2");
    assert_int_equal(rehearsal_judge(&rehearsal, 2), VERDICT_FAIL);
}

/* The model lets it pass; the kernel does not: its words are in the answer. */
static void test_refuses_in_the_kernels_words(void **state)
{
    struct operation operations[] = {
        apply_case_operation("rule 5140 from 203.0.113.10 lookup main"),
        apply_case_operation("route 10.0.0.0/8 via 203.0.113.255 dev eth0"), /* broadcast */
        apply_case_operation("rule 5141 from 203.0.113.11 lookup main"),
    };

    (void)state;
    begin("");
    play(operations, 3);
    check(0, REHEARSED_GOOD, "");
    check(1, REHEARSED_REFUSED, "the kernel says: Invalid argument: Nexthop has invalid gateway");
    check(2, REHEARSED_MISSED, "an earlier operation was refused");
    assert_int_equal(rehearsal_judge(&rehearsal, 3), VERDICT_FAIL);
    assert_int_equal(rehearsal_worst(&rehearsal), 1);
}

static void test_says_what_a_namespace_cannot_show(void **state)
{
    struct operation operations[] = {
        apply_case_operation("rule 5140 from 203.0.113.10 lookup main"),
        {.kind = OPERATION_TAILSCALE,
         .tailscale = {.set_accept_routes = true, .accept_routes = true}},
    };

    (void)state;
    begin("");
    host.tailscale.presence = TAILSCALE_ANSWERS;
    play(operations, 2);
    check(0, REHEARSED_GOOD, "");
    check(1, REHEARSED_UNSEEN, "tailscaled does not run in a namespace of its own");
    assert_int_equal(rehearsal_judge(&rehearsal, 2), VERDICT_PASS);
}

/* On a host that is not as the plan expects, nothing is known. */
static void test_misses_what_does_not_fit(void **state)
{
    struct operation operation = apply_case_operation("route 10.0.0.0/8 dev gone0");

    (void)state;
    begin("");
    play(&operation, 1);
    check(0, REHEARSED_MISSED, "device gone0 is not there");
    assert_int_equal(rehearsal_judge(&rehearsal, 1), VERDICT_UNKNOWN);
}

/* The kernel takes no gateway that a rule prohibits, so what was put before that rule cannot be set
 * up, nor put back: that it is not there is no proof that it can be removed. */
static void test_misses_what_it_lacks(void **state)
{
    struct operation operation = apply_case_removal("route 10.0.0.0/8 dev eth0");

    (void)state;
    begin("ip route add 10.0.0.0/8 via 203.0.113.1 proto 153\n"
          "ip rule add priority 300 prohibit\n");
    play(&operation, 1);
    check(0, REHEARSED_MISSED,
          "operation 1 on the stand-in of the host: what it touches could not");
    assert_int_equal(rehearsal_judge(&rehearsal, 1), VERDICT_UNKNOWN);
}

/* ---- asking -----------------------------------------------------------------------------------
 */

static void test_nobody_answers(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    assert_false(
        rehearse_ask("/nonexistent/rehearse.sock", (struct bytes){NULL, 0}, 100, &rehearsal, &err));
    assert_string_equal(err.text, "oceanid-rehearse: connect to /nonexistent/rehearse.sock: No "
                                  "such file or directory");
    assert_int_equal(rehearse_patience_ms(0), 5000);
    assert_int_equal(rehearse_patience_ms(1000000), 25000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stands_in, apply_case_enter, leave),
        cmocka_unit_test_setup_teardown(test_needs_an_empty_namespace, apply_case_enter, leave),
        cmocka_unit_test_setup_teardown(test_limits_devices, apply_case_enter, leave),
        cmocka_unit_test_setup_teardown(test_makes_room_for_the_hosts_devices, apply_case_enter,
                                        leave),
        cmocka_unit_test_setup_teardown(test_says_what_it_lacks, apply_case_enter, leave),
        cmocka_unit_test_setup_teardown(test_accepts_and_takes_back, apply_case_enter, leave),
        cmocka_unit_test_setup_teardown(test_takes_side_effects_back, apply_case_enter, leave),
        cmocka_unit_test_setup_teardown(test_takes_links_and_addresses_back, apply_case_enter,
                                        leave),
        cmocka_unit_test_setup_teardown(test_takes_back_what_waits_for_an_older_one,
                                        apply_case_enter, leave),
        cmocka_unit_test_setup_teardown(test_takes_back_what_stood_between, apply_case_enter,
                                        leave),
        cmocka_unit_test_setup_teardown(test_takes_back_settings_that_overwrite_each_other,
                                        apply_case_enter, leave),
        cmocka_unit_test_setup_teardown(test_takes_back_a_group_that_lost_a_member,
                                        apply_case_enter, leave),
        cmocka_unit_test_setup_teardown(test_looks_whether_all_is_back, apply_case_enter, leave),
        cmocka_unit_test_setup_teardown(test_refuses_in_the_kernels_words, apply_case_enter, leave),
        cmocka_unit_test_setup_teardown(test_says_what_a_namespace_cannot_show, apply_case_enter,
                                        leave),
        cmocka_unit_test_setup_teardown(test_misses_what_does_not_fit, apply_case_enter, leave),
        cmocka_unit_test_setup_teardown(test_misses_what_it_lacks, apply_case_enter, leave),
        cmocka_unit_test(test_nobody_answers),
    };

    if (!netns_is_allowed())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
