/*
 * test_ctl_api: a controller that is not there, and own files with which it cannot be asked: what
 * is said of each, and that only the first brings the lines that roll nodes back by hand.
 */
#include "controller/ctl/api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/file.h"
#include "controller/ctl/order.h"
#include "controller/ctl/status.h"
#include "tests/unit/ctl_case.h"

static const char *const nothing[] = {NULL};
static const char nodes[] =
    "[{\"name\": \"styx\", \"role\": \"node\", \"ssh\": \"203.0.113.10:22\", \"generations\": "
    "[{\"change\": \"drill\", \"sequence\": 7, \"body\": "
    "\"abababababababababababababababababababababababababababababababab\", \"start\": "
    "\"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\"}]}]";

static void write_text(const struct ctl_desk *desk, const char *name, const char *text)
{
    struct err err = ERR_INIT;
    char path[CTL_PATH_SIZE];

    assert_true(file_write(ctl_desk_path(desk, name, path), text, strlen(text), 0600, &err));
}

static void expect_keys(struct ctl_desk *desk, const char *observed)
{
    int listening = ctl_desk_listen(desk);

    write_text(desk, "nodes.json", nodes);
    assert_int_equal(ctl_desk_run(desk, status_run, nothing, nothing), OUTCOME_USAGE);
    close(listening);
    ctl_desk_expect(desk,
                    ": expected this fleet's ca.pem, operator.pem and operator.key, observed: ");
    ctl_desk_expect(desk, observed);
    ctl_desk_expect(desk, "the controller was not asked. --pki DIR names the fleet's directory");
    ctl_desk_expect_not(desk, "is not reachable");
    ctl_desk_expect_not(desk, "oceanid-rollback");
}

static void a_missing_certificate_is_no_dead_controller(void **state)
{
    struct ctl_desk *desk = *state;
    char path[CTL_PATH_SIZE];

    unlink(ctl_desk_path(desk, "operator.pem", path));
    expect_keys(desk, "operator.pem: No such file or directory; ");
}

static void a_missing_key_is_no_dead_controller(void **state)
{
    struct ctl_desk *desk = *state;
    char path[CTL_PATH_SIZE];

    unlink(ctl_desk_path(desk, "operator.key", path));
    expect_keys(desk, "operator.key: No such file or directory; ");
}

static void a_broken_key_is_no_dead_controller(void **state)
{
    write_text(*state, "operator.key", "no key\n");
    expect_keys(*state, "operator.pem and operator.key are no PEM, or do not belong together; ");
}

static void a_missing_ca_is_no_dead_controller(void **state)
{
    struct ctl_desk *desk = *state;
    char path[CTL_PATH_SIZE];

    unlink(ctl_desk_path(desk, "ca.pem", path));
    expect_keys(desk, "ca.pem: No such file or directory; ");
}

static void a_broken_ca_is_no_dead_controller(void **state)
{
    write_text(*state, "ca.pem", "no certificate\n");
    expect_keys(*state, "ca.pem is no PEM certificate; ");
}

/* An order to take a change back is written all the same, by what is remembered. */
static void an_order_waits_for_no_key_of_the_api(void **state)
{
    struct ctl_desk *desk = *state;
    const struct order_request request = {.node = "styx", .to = "drill", .reason = "a drill"};
    int listening = ctl_desk_listen(desk);
    struct err err = ERR_INIT;
    char path[CTL_PATH_SIZE];

    write_text(desk, "nodes.json", nodes);
    unlink(ctl_desk_path(desk, "operator.pem", path));
    if (!order_write(&desk->ctl, &request, ctl_desk_path(desk, "drill.order", path), &err))
        fail_msg("%s", err.text);
    close(listening);
}

static void a_dead_controller_brings_the_rescue_lines(void **state)
{
    struct ctl_desk *desk = *state;

    close(ctl_desk_listen(desk));
    write_text(desk, "nodes.json", nodes);
    assert_int_equal(ctl_desk_run(desk, status_run, nothing, nothing), OUTCOME_UNREACHABLE);
    ctl_desk_expect(desk, "is not reachable: ");
    ctl_desk_expect(desk, "ssh root@203.0.113.10 oceanid-rollback --yes");
}

/* Neither the local socket nor the operator's directory: the second is what is missing mostly. */
static void a_missing_directory_is_named(void **state)
{
    struct ctl_desk *desk = *state;
    char path[CTL_PATH_SIZE];

    write_text(desk, "controllers", "198.51.100.10\n");
    assert_int_equal(ctl_desk_run(desk, status_run, nothing, nothing), OUTCOME_UNREACHABLE);
    ctl_desk_expect(desk, "nobody listens there");
    ctl_desk_expect_not(desk, "controllers");
    unlink(ctl_desk_path(desk, "controllers", path));
    assert_int_equal(ctl_desk_run(desk, status_run, nothing, nothing), OUTCOME_UNREACHABLE);
    ctl_desk_expect(desk, "/controllers, which would name another, is not there");
    ctl_desk_expect(desk, "--pki DIR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_CTL_DESK(a_missing_certificate_is_no_dead_controller),
        AT_CTL_DESK(a_missing_key_is_no_dead_controller),
        AT_CTL_DESK(a_broken_key_is_no_dead_controller),
        AT_CTL_DESK(a_missing_ca_is_no_dead_controller),
        AT_CTL_DESK(a_broken_ca_is_no_dead_controller),
        AT_CTL_DESK(an_order_waits_for_no_key_of_the_api),
        AT_CTL_DESK(a_dead_controller_brings_the_rescue_lines),
        AT_CTL_DESK(a_missing_directory_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
