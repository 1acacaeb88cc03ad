/*
 * test_undo_sysctl: settings that are not found, and more of them than can be kept.
 */
#include "agent/guard/core/undo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/net/operation.h"
#include "tests/unit/ip_lines.h"
#include "tests/unit/undo_case.h"

/* Of so many devices that what ip_forward overwrites cannot be kept. */
static void test_more_than_can_be_kept_is_refused(void **state)
{
    const struct operation operation = {.kind = OPERATION_SYSCTL,
                                        .sysctl.setting = {"net.ipv4.ip_forward", "1"}};
    struct snapshot before;
    struct undo_item item;
    struct err err = ERR_INIT;

    (void)state;
    make(&before, "");
    put_sysctl(&before, "net.ipv4.ip_forward", "0");
    for (uint32_t i = 1; i <= SYSCTLS_MAX; i++) {
        char name[SYSCTL_NAME_SIZE];

        snprintf(name, sizeof(name), "net.ipv4.conf.many%u.forwarding", i);
        if (i == SYSCTLS_MAX) {
            undo_derive(&operation, 0, &before, &item);
            assert_true(undo_is_possible(&item, &err));
            undo_item_done(&item);
        }
        put_sysctl(&before, name, "0");
    }
    undo_derive(&operation, 0, &before, &item);
    assert_false(undo_is_possible(&item, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_string_equal(err.text,
                        "sysctl net.ipv4.ip_forward overwrites 4097 settings: accepted are up to "
                        "4096, for more are not kept to be put back");
    undo_item_done(&item);
    snapshot_done(&before);
}

/* What is missing is gone with its device alone: not where that is there, and never of all. */
static void test_sysctl_that_is_missing(void **state)
{
    static const struct {
        const char *name, *links;
        enum undo_state state;
        const char *why;
    } cases[] = {
        {"net.ipv4.ip_forward", "link eth7 7", UNDO_NEEDED, "the kernel does not show it"},
        {"net.ipv4.conf.all.rp_filter", "link eth7 7", UNDO_NEEDED, "does not show it"},
        {"net.ipv4.conf.default.rp_filter", "link eth7 7", UNDO_NEEDED, "does not show it"},
        {"net.ipv6.conf.all.forwarding", "link eth7 7", UNDO_NEEDED, "does not show it"},
        {"net.ipv4.conf.eth7.rp_filter", "link eth7 7", UNDO_NEEDED, "does not show it"},
        {"net.ipv4.conf.eth7.rp_filter", "link eth7 9", UNDO_NEEDED, "does not show it"},
        {"net.ipv4.conf.eth7.rp_filter", "link eth9 9", UNDO_RESTORED, ""},
        {"net.ipv4.conf.eth7.rp_filter", "link lan0 7", UNDO_FOREIGN, "is called lan0 now"},
        {"net.ipv4.conf.eth7.rp_filter", "", UNDO_NEEDED, "does not show it"}, /* nobody looked */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct operation operation = {.kind = OPERATION_SYSCTL, .sysctl.setting.value = "1"};
        struct snapshot before, now;
        struct undo_item item;
        char why[REASON_SIZE];

        text_copy(operation.sysctl.setting.name, SYSCTL_NAME_SIZE, cases[i].name);
        snapshot_init(&before);
        ip_lines_add(&before, "link eth7 7");
        snapshot_init(&now);
        ip_lines_add(&now, cases[i].links);
        put_sysctl(&before, cases[i].name, "0");
        undo_derive(&operation, 0, &before, &item);
        assert_int_equal(undo_judge(&item, &now, why, sizeof(why)), cases[i].state);
        if (strstr(why, cases[i].why) == NULL)
            fail_msg("%s with '%s': %s", cases[i].name, cases[i].links, why);
        undo_item_done(&item);
        snapshot_done(&before);
        snapshot_done(&now);
    }
}

static void check_foreseen(const char *written, const char *value, const char *other,
                           const char *expected)
{
    struct operation operation = {.kind = OPERATION_SYSCTL};
    struct snapshot host;

    text_copy(operation.sysctl.setting.name, SYSCTL_NAME_SIZE, written);
    text_copy(operation.sysctl.setting.value, SYSCTL_VALUE_SIZE, value);
    make_forwarding(&host, "0", "0", "1");
    put_sysctl(&host, "net.ipv4.conf.default.rp_filter", "0");
    put_sysctl(&host, "net.ipv6.conf.all.forwarding", "0");
    undo_foresee(&operation, &host);
    assert_string_equal(snapshot_find_sysctl(&host, written)->value, value);
    assert_string_equal(snapshot_find_sysctl(&host, other)->value, expected);
    snapshot_done(&host);
}

/* What the next operation's undo is derived on: nobody knows which devices keep a value of their
 * own when a default is written, and what is so already is not written. */
static void test_what_a_setting_leaves(void **state)
{
    (void)state;
    check_foreseen("net.ipv4.ip_forward", "1", "net.ipv4.conf.eth0.forwarding", "1");
    check_foreseen("net.ipv4.ip_forward", "1", "net.ipv4.conf.all.accept_redirects", "0");
    check_foreseen("net.ipv4.ip_forward", "1", "net.ipv6.conf.eth0.forwarding", "0");
    check_foreseen("net.ipv6.conf.all.forwarding", "1", "net.ipv6.conf.eth0.forwarding", "1");
    check_foreseen("net.ipv4.conf.default.rp_filter", "1", "net.ipv4.conf.eth0.rp_filter", "0");
    check_foreseen("net.ipv4.ip_forward", "0", "net.ipv4.conf.all.accept_redirects", "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_setting_leaves),
        cmocka_unit_test(test_sysctl_that_is_missing),
        cmocka_unit_test(test_more_than_can_be_kept_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
