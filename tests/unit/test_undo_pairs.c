/*
 * test_undo_pairs: what one undo says of another: taken out of it, or in one go with it.
 */
#include "agent/guard/core/undo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/net/operation.h"
#include "tests/unit/undo_case.h"

static void test_overlaps(void **state)
{
    static const struct {
        const char *one, *other;
        bool overlap;
    } cases[] = {
        {"route 10.0.0.0/8 dev eth0", "route 10.0.0.0/8 dev eth1", true},
        {"route 10.0.0.0/8 dev eth0", "route 10.0.0.0/8 dev eth0 metric 5", false},
        {"rule 9 lookup 7", "remove rule 9 lookup 7", true},
        {"rule 9 lookup 7", "rule 9 lookup 8", false},
        {"rule 9 lookup 7", "route 10.0.0.0/8 dev eth0", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct operation one = operation_of(cases[i].one);
        struct operation other = operation_of(cases[i].other);
        struct undo_item older = {.change = one};
        struct undo_item newer = {.change = other};

        assert_int_equal(undo_take_out(&older, &newer), !cases[i].overlap);
    }
}

static void test_prefs_are_taken_out_one_by_one(void **state)
{
    struct operation both = {.kind = OPERATION_TAILSCALE,
                             .tailscale = {.set_exit_node = true, .set_allow_lan_access = true}};
    struct operation routes = {.kind = OPERATION_TAILSCALE,
                               .tailscale = {.set_accept_routes = true}};
    struct operation exit_node = use_exit_node();
    struct undo_item part = {.change = both};

    (void)state;
    exit_node.tailscale.set_allow_lan_access = false;
    assert_true(undo_take_out(&part, &(struct undo_item){.change = routes}));
    assert_true(part.change.tailscale.set_exit_node && part.change.tailscale.set_allow_lan_access);
    assert_true(undo_take_out(&part, &(struct undo_item){.change = exit_node}));
    assert_false(part.change.tailscale.set_exit_node);
    assert_true(part.change.tailscale.set_allow_lan_access);
    assert_false(undo_take_out(&part, &(struct undo_item){.change = both}));
}

/* Two new routes of one table and family; nothing else. */
static void test_joins(void **state)
{
    static const struct {
        const char *one, *two;
        bool joins;
    } cases[] = {
        {"route 10.0.0.0/8 dev eth0", "route 10.0.0.0/9 dev eth1", true},
        {"route 10.0.0.0/8 dev eth0 table 7", "route 10.0.0.0/9 dev eth0", false},
        {"route 10.0.0.0/8 dev eth0", "route 2001:db8:2::/48 dev eth0", false},
        {"rule 5140 from 203.0.113.10 lookup main", "route 10.0.0.0/8 dev eth0", false},
        {"rule 5140 from 203.0.113.10 lookup main", "rule 5141 from 203.0.113.11 lookup 7", false},
        {"route 10.0.0.0/8 dev eth0", "route 198.51.100.0/24 dev eth0", false}, /* is there */
        {"route 198.51.100.0/24 dev eth0", "route 10.0.0.0/8 dev eth0", false},
        {"route 10.0.0.0/8 dev eth0", "remove route 10.0.0.0/9 dev eth0", false},
    };
    struct snapshot now;

    (void)state;
    make(&now, "route 198.51.100.0/24 dev eth0 protocol 153");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct operation one = operation_of(cases[i].one);
        struct operation two = operation_of(cases[i].two);
        struct undo_item items[2];

        undo_derive(&one, 0, &now, &items[0]);
        undo_derive(&two, 1, &now, &items[1]);
        if (undo_joins(&items[1], &items[0]) != cases[i].joins)
            fail_msg("%s: %s", cases[i].one, cases[i].two);
        undo_item_done(&items[0]);
        undo_item_done(&items[1]);
    }
    snapshot_done(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overlaps),
        cmocka_unit_test(test_prefs_are_taken_out_one_by_one),
        cmocka_unit_test(test_joins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
