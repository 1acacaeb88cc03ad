/*
 * test_apply_others: what of others goes with an operation in a real kernel is told, and not put
 * back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "agent/guard/core/undo_others.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/netns.h"

/* eth1 - far1, and by eth1 what a lease, a router and a routing daemon have put. */
static const char lines[] =
    "ip link add eth1 type veth peer name far1\n"
    "sysctl -qw net.ipv6.conf.eth1.accept_dad=0\n"
    "ip link set far1 up\n"
    "ip link set eth1 up\n"
    "ip address add 192.0.2.10/24 dev eth1\n"
    "ip address add 2001:db8:7::7/64 dev eth1 valid_lft 600 preferred_lft 600 nodad\n"
    "ip route add 10.20.0.0/16 via 192.0.2.1 proto static\n"
    "ip route add 10.21.0.0/16 via 192.0.2.1 proto dhcp\n"
    "ip route add 10.22.0.0/16 via 192.0.2.1 proto bird\n"
    "ip route add 10.23.0.0/16 via 203.0.113.1 proto bird\n";

static void run_and_undo(const struct operation *operation, struct undo_item *item)
{
    apply_case_run(operation, item);
    apply_case_undo(item, REVERT_DONE);
}

static void expect_told(const struct undo_item *item, const char *what)
{
    char told[512];

    apply_tell_others(item, 1, told, sizeof(told));
    assert_string_equal(told, what);
}

/* What the kernel makes anew is not told, nor what stayed, nor what its owner has put back. */
static void test_link(void **state)
{
    struct operation operation = apply_case_link("eth1", 1200, "down");
    struct undo_item item;

    (void)state;
    apply_case_begin(lines);
    run_and_undo(&operation, &item);
    expect_told(&item, "not back, and for its owner to bring back: "
                       "'10.21.0.0/16 via 192.0.2.1 dev eth1' (DHCP), "
                       "'10.22.0.0/16 via 192.0.2.1 dev eth1' (routing daemon), "
                       "'address 2001:db8:7::7/64 on eth1' (router advertisement), and 1 more");
    netns_run("ip route add 10.22.0.0/16 via 192.0.2.1 proto bird\n"
              "ip address add 2001:db8:7::7/64 dev eth1 valid_lft 900 preferred_lft 900 nodad\n");
    expect_told(&item, "not back, and for its owner to bring back: "
                       "'10.21.0.0/16 via 192.0.2.1 dev eth1' (DHCP)");
    netns_run("ip route add 10.21.0.0/16 via 192.0.2.1 src 192.0.2.10 proto dhcp\n");
    expect_told(&item, "");
    undo_item_done(&item);
}

static void test_address(void **state)
{
    struct operation operation = apply_case_address("192.0.2.10/24", "eth1", true);
    struct undo_item item;

    (void)state;
    apply_case_begin(lines);
    netns_run("ip route del 10.22.0.0/16\n");
    run_and_undo(&operation, &item);
    expect_told(&item, "not back, and for its owner to bring back: "
                       "'10.21.0.0/16 via 192.0.2.1 dev eth1' (DHCP)");
    undo_item_done(&item);
}

static const char tunnelled[] =
    "ip route add 10.40.0.0/16 via 192.0.2.1 encap ip id 42 dst 192.0.2.9 proto static\n";

/* From the kernel's own bytes, its encapsulation with it. */
static void test_an_encapsulation_comes_back(void **state)
{
    struct operation operation = apply_case_link("eth1", 0, "down");
    struct undo_item item;

    (void)state;
    apply_case_begin(lines);
    netns_run(tunnelled);
    run_and_undo(&operation, &item);
    netns_run("ip route show 10.40.0.0/16 | grep -q 'encap ip id 42'\n");
    undo_item_done(&item);
}

/* Another of its key and hop that somebody has put meanwhile stays, whatever else it says. */
static void test_who_puts_it_without_has_the_last_word(void **state)
{
    struct operation operation = apply_case_link("eth1", 0, "down");
    struct undo_item item;

    (void)state;
    apply_case_begin(lines);
    netns_run(tunnelled);
    apply_case_run(&operation, &item);
    netns_run("ip link set eth1 up\nip route add 10.40.0.0/16 via 192.0.2.1 proto static\n");
    apply_case_undo(&item, REVERT_DONE);
    netns_run("ip route show 10.40.0.0/16 | grep -q 'via 192.0.2.1'\n"
              "! ip route show 10.40.0.0/16 | grep -q encap\n");
    undo_item_done(&item);
}

/* It is not put anew where it stood: it would have the form of before. */
static void test_an_address_that_is_put_anew_keeps_its_form(void **state)
{
    struct operation operation = apply_case_address("198.51.100.7/24", "eth1", true);
    struct undo_item item;

    (void)state;
    apply_case_begin(lines);
    netns_run("ip address add 198.51.100.7/24 broadcast + dev eth1\n"
              "ip address add 203.0.113.7/24 dev eth1\n");
    apply_case_run(&operation, &item);
    netns_run("ip address add 198.51.100.7/24 dev eth1\n");
    apply_case_undo(&item, REVERT_DONE);
    netns_run("ip address show dev eth1 | grep -q 'inet 198.51.100.7/24 scope'\n");
    undo_item_done(&item);
}

/* 198.51.100.1 goes, its sibling takes its place, and somebody puts one. */
static void remove_before(const char *removed, const char *somebodys, struct undo_item *item)
{
    struct operation operation = apply_case_address(removed, "eth1", true);

    apply_case_begin(lines);
    netns_run("sysctl -qw net.ipv4.conf.eth1.promote_secondaries=1\n"
              "ip address add 192.0.2.11/24 dev eth1\n"
              "ip address add 198.51.100.1/24 dev eth1\n"
              "ip address add 198.51.100.2/24 dev eth1\n");
    apply_case_remember();
    apply_case_run(&operation, item);
    netns_run(somebodys);
    apply_case_undo(item, REVERT_DONE);
}

static void test_siblings_move_past_another_network(void **state)
{
    struct undo_item item;

    (void)state;
    remove_before("198.51.100.1/24",
                  "ip address add 172.16.2.1/24 dev eth1\n"
                  "ip route add 10.30.0.0/16 via 172.16.2.9 proto static\n",
                  &item);
    expect_told(&item, "");
    apply_case_undo(&item, REVERT_DONE);
    netns_run("ip route show 10.30.0.0/16 | grep -q 172.16.2.9\n"
              "ip route del 10.30.0.0/16\n"
              "ip address del 172.16.2.1/24 dev eth1\n");
    apply_case_check("");
    apply_case_check_order();
    undo_item_done(&item);
}

static const char another_order[] = "not back, and for its owner to bring back: "
                                    "'the order of the addresses on eth1' (administrator)";

/* One of theirs would become the primary of somebody's. */
static void test_an_order_that_stays_another_is_told(void **state)
{
    struct undo_item item;

    (void)state;
    remove_before("198.51.100.1/24", "ip address add 198.51.100.7/24 dev eth1\n", &item);
    expect_told(&item, another_order);
    netns_run("ip address del 198.51.100.7/24 dev eth1\n");
    apply_case_undo(&item, REVERT_DONE);
    expect_told(&item, "");
    apply_case_check("");
    apply_case_check_order();
    undo_item_done(&item);
}

static void test_nobody_else_becomes_the_first(void **state)
{
    struct undo_item item;

    (void)state;
    remove_before("192.0.2.10/24", "ip address add 172.16.2.1/24 dev eth1\n", &item);
    expect_told(&item, another_order);
    netns_run("! ip -4 -o address show dev eth1 | head -n 1 | grep 172.16.2.1\n");
    undo_item_done(&item);
}

/* One that an older operation has put stands there, and goes behind it: what was removed comes to
 * its place at once, and what stands behind that one is not moved once more. */
static void test_siblings_move_past_an_added_one(void **state)
{
    struct operation added = apply_case_address("198.51.100.2/25", "eth1", false);
    struct operation removal = apply_case_address("198.51.100.3/24", "eth1", true);
    struct undo_item items[2];

    (void)state;
    apply_case_begin(lines);
    netns_run("ip address add 10.1.2.2/24 dev eth1\n"
              "ip address add 198.51.100.3/24 dev eth1\n"
              "ip address add 10.1.2.2/16 dev eth1\n");
    apply_case_remember();
    apply_case_run(&added, &items[0]);
    apply_case_derive(&removal, &items[1]);
    undo_leave_to(&items[1], &items[0]);
    assert_true(apply_run(&apply_case, &items[1], &(struct err)ERR_INIT));
    apply_case_undo(&items[1], REVERT_DONE);
    apply_case_undo(&items[0], REVERT_DONE);
    apply_case_check("");
    apply_case_check_order();
    undo_item_done(&items[0]);
    undo_item_done(&items[1]);
}

/* Returns how many were allowed before. */
static rlim_t allow_files(rlim_t count)
{
    struct rlimit limit;
    rlim_t before;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    before = limit.rlim_cur;
    limit.rlim_cur = count;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return before;
}

/* Of what was there before it only what is gone, and nothing where nobody can look. */
static void test_lost_is_read_anew(void **state)
{
    struct operation operation = apply_case_link("eth1", 1200, "down");
    struct snapshot before;
    struct undo_item item;
    rlim_t allowed;

    (void)state;
    apply_case_begin(lines);
    apply_case_derive(&operation, &item);
    apply_case_read(&before);
    undo_others_take(&item, &before);
    netns_run("ip route del 10.21.0.0/16\n");
    apply_keep_lost(&item);
    expect_told(&item, "not back, and for its owner to bring back: "
                       "'10.21.0.0/16 via 192.0.2.1 dev eth1' (DHCP)");
    allowed = allow_files(0);
    apply_keep_lost(&item);
    allow_files(allowed);
    expect_told(&item, "");
    undo_item_done(&item);
    snapshot_done(&before);
}

/* What was taken note of before it holds no longer than the step: records have room for few. */
static void test_failed_step_keeps_what_went(void **state)
{
    struct operation operation = apply_case_sysctl("net.ipv6.conf.eth1.disable_ipv6", "maybe");
    struct err err = ERR_INIT;
    struct undo_item item;

    (void)state;
    apply_case_begin(lines);
    apply_case_derive(&operation, &item);
    assert_false(apply_run(&apply_case, &item, &err));
    assert_int_equal(item.others.routes_count + item.others.addresses_count, 0);
    undo_item_done(&item);
}

/* Not to be able to look is not to have found them. */
static void test_who_cannot_look_says_so(void **state)
{
    static const char start[] =
        "it could not be looked at whether what is for others to bring back is back: ";
    struct operation operation = apply_case_link("eth1", 1200, "down");
    struct undo_item item;
    char told[512];
    rlim_t allowed;

    (void)state;
    apply_case_begin(lines);
    run_and_undo(&operation, &item);
    allowed = allow_files(0);
    apply_tell_others(&item, 1, told, sizeof(told));
    allow_files(allowed);
    if (!text_starts(told, start))
        fail_msg("told '%s'", told);
    undo_item_done(&item);
}

#define IN_NAMESPACE(test) cmocka_unit_test_setup_teardown(test, apply_case_enter, apply_case_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_NAMESPACE(test_link),
        IN_NAMESPACE(test_address),
        IN_NAMESPACE(test_lost_is_read_anew),
        IN_NAMESPACE(test_failed_step_keeps_what_went),
        IN_NAMESPACE(test_who_cannot_look_says_so),
        IN_NAMESPACE(test_an_encapsulation_comes_back),
        IN_NAMESPACE(test_who_puts_it_without_has_the_last_word),
        IN_NAMESPACE(test_an_address_that_is_put_anew_keeps_its_form),
        IN_NAMESPACE(test_siblings_move_past_another_network),
        IN_NAMESPACE(test_an_order_that_stays_another_is_told),
        IN_NAMESPACE(test_nobody_else_becomes_the_first),
        IN_NAMESPACE(test_siblings_move_past_an_added_one),
    };

    return netns_is_allowed() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
