/*
 * test_apply_batch: one datagram, however much it has: an address that goes, and all the routes
 * that go along, which are others'.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/guard/io/apply_batch.h"
#include "agent/guard/io/apply_netlink.h"
#include "agent/guard/io/apply_restore.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/netns.h"

enum { ROUTES = 5000 };

/* More than a socket may send at once unless its size is forced (net.core.wmem_default). */
static void routes_of_a_large_table_come_back_with_the_address(void **state)
{
    struct snapshot before, after;
    struct err err = ERR_INIT;
    const struct link_address *own = NULL;

    (void)state;
    apply_case_begin("ip address add 203.0.113.11/24 dev eth0; "
                     "i=0; while [ $i -lt 5000 ]; do "
                     "echo route add 198.18.$((i / 250)).$((i % 250))/32 via 203.0.113.1 dev eth0 "
                     "proto static; i=$((i + 1)); done | ip -batch -");
    apply_case_read(&before);
    for (size_t i = 0; i < before.addresses_count; i++) {
        if (before.addresses[i].address.bytes[3] == 11)
            own = &before.addresses[i];
    }
    assert_non_null(own);
    assert_true(before.routes_count > ROUTES);
    if (!apply_restore_delete_address(own, &before, &err))
        fail_msg("%s", err.text);
    apply_case_read(&after);
    assert_int_equal(after.addresses_count, before.addresses_count - 1);
    assert_true(after.routes_count > ROUTES);
    snapshot_done(&before);
    snapshot_done(&after);
}

/* Each that stands ahead is refused, and says so before the one that is heard. */
static void the_one_that_is_heard_is_heard_behind_thousands(void **state)
{
    struct apply_batch batch = {.data = NULL};
    struct link_address absent = {.prefix_len = 24, .link = 0}, wanted;
    struct err err = ERR_INIT;
    struct snapshot now;

    (void)state;
    apply_case_begin("");
    apply_case_read(&now);
    absent.link = snapshot_find_device(&now, "eth0")->index;
    snapshot_done(&now);
    assert_true(address_parse("198.18.0.9", &absent.address));
    wanted = absent;
    assert_true(address_parse("198.18.0.1", &wanted.address));
    for (unsigned i = 0; i < ROUTES; i++)
        apply_batch_add_take(&batch, apply_netlink_address_message(&absent, true));
    apply_batch_add_heard(&batch, apply_netlink_address_message(&wanted, false));
    if (!apply_batch_send(&batch, "an address", &err))
        fail_msg("%s", err.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(routes_of_a_large_table_come_back_with_the_address,
                                        apply_case_enter, apply_case_leave),
        cmocka_unit_test_setup_teardown(the_one_that_is_heard_is_heard_behind_thousands,
                                        apply_case_enter, apply_case_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
