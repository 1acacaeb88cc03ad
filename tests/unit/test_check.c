/*
 * test_check: which parameters each kind of check takes, and what it refuses.
 */
#include "common/change/check.h"

#include "common/core/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct check tcp(void)
{
    struct check check = {
        .name = "database", .kind = CHECK_TCP, .to = "db.example.com", .port = 5432};

    check_set_defaults(&check);
    return check;
}

static void accepts_each_kind(void **state)
{
    struct check checks[CHECK_KIND_COUNT] = {
        [CHECK_ROUTE] = {.device = "eth0"},
        [CHECK_RULES] = {.priority = 5140},
        [CHECK_LINK] = {.device = "eth0", .mtu = 1400},
        [CHECK_ADDRESS] = {.device = "eth0", .name_of = "203.0.113.10"},
        [CHECK_SYSCTL] = {.name_of = "net.ipv4.ip_forward", .expect = "1"},
        [CHECK_EXIT_NODE] = {.use = "srv712429-oceanid"},
        [CHECK_EGRESS_ADDRESS] = {.url = "https://ipinfo.io/ip", .expect = "198.51.100.10"},
        [CHECK_TCP] = {.to = "db.example.com", .port = 5432},
        [CHECK_SSH] = {.to = "203.0.113.10", .level = CHECK_LEVEL_HOST_KEY},
        [CHECK_API_SERVER_PATH] = {.to = "10.43.0.1", .port = 443},
    };
    struct err err = ERR_INIT;

    (void)state;
    assert_true(prefix_parse("10.42.0.0/16", &checks[CHECK_ROUTE].destination));
    for (unsigned i = 0; i < CHECK_KIND_COUNT; i++) {
        enum check_kind kind;

        checks[i].kind = (enum check_kind)i;
        text_copy(checks[i].name, sizeof(checks[i].name), "x");
        check_set_defaults(&checks[i]);
        if (!check_validate(&checks[i], &err))
            fail_msg("%s: %s", check_kind_name((enum check_kind)i), err.text);
        assert_true(check_kind_parse(check_kind_name((enum check_kind)i), &kind));
        assert_int_equal(kind, i);
    }
}

static void sets_defaults(void **state)
{
    struct check check = {.kind = CHECK_SSH};

    (void)state;
    check_set_defaults(&check);
    assert_int_equal(check.interval_s, 30);
    assert_int_equal(check.timeout_ms, 5000);
    assert_int_equal(check.attempts, 1);
    assert_int_equal(check.passes, 1);
    assert_int_equal(check.port, 22);
}

static void refuse(struct check check, const char *part)
{
    struct err err = ERR_INIT;

    assert_false(check_validate(&check, &err));
    if (strstr(err.text, part) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, part);
}

static void refuses_with_what_is_accepted(void **state)
{
    struct check check = tcp();

    (void)state;
    check.port = 0;
    refuse(check, "kind tcp needs port");
    check = tcp();
    text_copy(check.use, sizeof(check.use), "somewhere");
    refuse(check, "takes no use; accepted are: from, to, port");
    check = tcp();
    text_copy(check.name, sizeof(check.name), "Data Base");
    refuse(check, "'Data Base'");
    check = tcp();
    check.timeout_ms = 70000;
    refuse(check, "timeout in ms 70000: accepted are 1 to 60000");
    check = (struct check){.name = "egress",
                           .kind = CHECK_EGRESS_ADDRESS,
                           .url = "ftp://x",
                           .expect = "198.51.100.10"};
    check_set_defaults(&check);
    refuse(check, "'ftp://x'");
    check = (struct check){.name = "way", .kind = CHECK_ROUTE};
    check_set_defaults(&check);
    assert_true(prefix_parse("10.0.0.0/8", &check.destination));
    refuse(check, "needs one of: device, gateway, table");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_each_kind),
        cmocka_unit_test(sets_defaults),
        cmocka_unit_test(refuses_with_what_is_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
