/*
 * test_apply_hold: looking whether all is restored, and putting back what was confirmed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/guard/io/worker.h"
#include "common/core/mem.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/netns.h"

/* Two operations on one object: the older one knows how it was. */
static void test_restored_is_judged_by_the_oldest(void **state)
{
    struct operation first = apply_case_operation("route 10.0.0.0/8 via 203.0.113.2 dev eth0");
    struct operation second = apply_case_operation("route 10.0.0.0/8 via 203.0.113.3 dev eth0");
    struct undo_item items[2];
    struct err err = ERR_INIT;

    (void)state;
    apply_case_begin("");
    apply_case_run(&first, &items[0]);
    apply_case_run(&second, &items[1]);
    assert_true(apply_is_settled(&apply_case, items, 2, &err));
    apply_case_undo(&items[1], REVERT_DONE);
    assert_false(apply_is_restored(&apply_case, items, 2, NULL, 0, 0, &err));
    apply_case_undo(&items[0], REVERT_DONE);
    assert_true(apply_is_restored(&apply_case, items, 2, NULL, 0, 0, &err));
    apply_case_check("");
    undo_item_done(&items[0]);
    undo_item_done(&items[1]);
}

/* What came back after it was undone (a tailscaled that takes a pref late) is undone again; what
 * was never applied is others' business. */
static void test_verifying_undoes_what_came_back(void **state)
{
    struct operation operations[] = {
        apply_case_operation("route 10.0.0.0/8 via 203.0.113.1 dev eth0"),
        apply_case_operation("rule 5140 from 203.0.113.10 lookup main"),
        apply_case_sysctl("net.ipv4.conf.eth0.rp_filter", "2"),
    };
    struct revert revert = {.steps_count = 3, .steps = {{.touched = true}, {.touched = true}}};
    struct work *work = work_new(WORK_VERIFY, NULL);

    (void)state;
    apply_case_begin("sysctl -qw net.ipv4.conf.eth0.rp_filter=1\n");
    work->items = mem_alloc(3, sizeof(*work->items));
    work->items_count = 3;
    for (uint32_t i = 0; i < 2; i++) {
        apply_case_run(&operations[i], &work->items[i]);
        work->items[i].operation = i;
    }
    apply_case_derive(&operations[2], &work->items[2]);
    work->items[2].operation = 2;
    netns_run("sysctl -qw net.ipv4.conf.eth0.rp_filter=2\n");
    work_keep_touched(work, &revert);
    assert_int_equal(work->items_count, 2);
    work_do(&apply_case, work);
    assert_string_equal(work->why, "");
    assert_true(work->ok);
    apply_case_check("- net.ipv4.conf.eth0.rp_filter = 1\n+ net.ipv4.conf.eth0.rp_filter = 2\n");
    work_free(work);
}

static void test_restored_demands_the_flows(void **state)
{
    struct protected_flow flows[] = {
        {.name = "other", .device = "far0"},
        {.name = "ssh-reply", .device = "eth0"},
    };
    struct err err = ERR_INIT;

    (void)state;
    apply_case_begin("");
    for (int i = 0; i < 2; i++) {
        assert_true(address_parse("203.0.113.10", &flows[i].flow.source));
        flows[i].destination = prefix_default(FAMILY_IPV4);
    }
    assert_true(apply_is_restored(&apply_case, NULL, 0, flows, 2, 2, &err));
    assert_false(apply_is_restored(&apply_case, NULL, 0, flows, 2, 3, &err));
    assert_non_null(strstr(err.text, "other: "));
    /* Nobody can keep a flow on a device that is gone: no revert waits for it for ever. */
    text_copy(flows[0].device, sizeof(flows[0].device), "gone0");
    assert_true(apply_is_restored(&apply_case, NULL, 0, flows, 2, 3, &err));
    netns_run("ip rule add pref 10 unreachable\n");
    assert_false(apply_is_restored(&apply_case, NULL, 0, flows, 2, 2, &err));
    assert_non_null(strstr(err.text, "ssh-reply: "));
}

/* ---- putting back -----------------------------------------------------------------------------
 */

static void test_assert(void **state)
{
    struct operation operations[] = {
        apply_case_operation("rule 5140 from 203.0.113.10 lookup main"),
        apply_case_operation("rule 5145 from 203.0.113.10 lookup 5100"),
        apply_case_operation("route default via 203.0.113.1 dev eth0 onlink table 5100"),
        apply_case_operation("route 10.9.0.0/16 dev tailscale0 table 5100"),
        apply_case_sysctl("net.ipv4.conf.eth0.rp_filter", "2"),
        {.kind = OPERATION_TAILSCALE, .tailscale = {.set_accept_routes = true}},
        apply_case_operation("rule 32766 lookup main"),
        apply_case_operation("rule 32767 lookup default"),
        apply_case_operation("rule 32766 -6 lookup main"),
    };
    const uint32_t count = sizeof(operations) / sizeof(operations[0]);
    struct err err = ERR_INIT;
    uint32_t pending;

    (void)state;
    for (uint32_t i = 0; i < count; i++)
        operations[i].shield = true;
    apply_case_begin("sysctl -qw net.ipv4.conf.eth0.rp_filter=2\n");
    assert_int_equal(apply_assert(&apply_case, operations, count, &pending, &err), 3);
    assert_int_equal(pending, 1);
    assert_int_equal(err.kind, ERR_NONE);
    apply_case_check("+ default via 203.0.113.1 dev eth0 onlink table 5100\n"
                     "+ rule 5140: from 203.0.113.10 lookup main\n"
                     "+ rule 5145: from 203.0.113.10 lookup 5100\n");
    assert_int_equal(apply_assert(&apply_case, operations, count, &pending, &err), 0);
    netns_run("ip rule flush\nip -6 rule flush\nip route flush table 5100\n"
              "sysctl -qw net.ipv4.conf.eth0.rp_filter=0\n");
    assert_int_equal(apply_assert(&apply_case, operations, count, &pending, &err), 7);
    apply_case_check("+ default via 203.0.113.1 dev eth0 onlink table 5100\n"
                     "+ rule 5140: from 203.0.113.10 lookup main\n"
                     "+ rule 5145: from 203.0.113.10 lookup 5100\n");
    netns_run("ip link set eth0 down\n");
    assert_int_equal(apply_assert(&apply_case, operations, count, &pending, &err), 0);
    assert_int_equal(pending, 2);
    netns_run("ip link set eth0 up\n");
    assert_int_equal(apply_assert(&apply_case, operations, count, &pending, &err), 1);
}

/* Of one priority the kernel takes the first: it is the one that keeps the flow. */
static void test_assert_puts_shields_first(void **state)
{
    struct operation operations[] = {
        apply_case_operation("rule 100 from 203.0.113.20 lookup main"),
        apply_case_operation("rule 100 from 203.0.113.10 lookup main"),
    };
    struct err err = ERR_INIT;
    struct snapshot now;
    uint32_t pending, first = 0;

    (void)state;
    operations[1].shield = true;
    apply_case_begin("");
    assert_int_equal(apply_assert(&apply_case, operations, 2, &pending, &err), 2);
    apply_case_read(&now);
    while (now.rules[first].priority != 100)
        first++;
    assert_true(prefix_equal(&now.rules[first].source, &operations[1].rule.rule.source));
    snapshot_done(&now);
}

static void test_assert_leaves_others(void **state)
{
    struct operation operation = apply_case_operation("route 10.0.0.0/8 dev eth0");
    struct err err = ERR_INIT;
    uint32_t pending;

    (void)state;
    apply_case_begin("ip route add 10.0.0.0/8 via 203.0.113.1 proto static\n");
    assert_int_equal(apply_assert(&apply_case, &operation, 1, &pending, &err), 0);
    assert_int_equal(err.kind, ERR_CONFLICT);
    apply_case_check("");
}

#define IN_NAMESPACE(test) cmocka_unit_test_setup_teardown(test, apply_case_enter, apply_case_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_NAMESPACE(test_restored_is_judged_by_the_oldest),
        IN_NAMESPACE(test_verifying_undoes_what_came_back),
        IN_NAMESPACE(test_restored_demands_the_flows),
        IN_NAMESPACE(test_assert),
        IN_NAMESPACE(test_assert_puts_shields_first),
        IN_NAMESPACE(test_assert_leaves_others),
    };

    return netns_is_allowed() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
