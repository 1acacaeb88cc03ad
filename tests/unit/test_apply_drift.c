/*
 * test_apply_drift: what was confirmed and carries no mark of Oceanid's, compared in a real kernel
 * and with real files.
 */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/guard/io/apply_drift.h"
#include "common/core/text.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/file_case.h"
#include "tests/unit/netns.h"

#define FORWARDING "net.ipv4.conf.eth0.forwarding"

static char told[1024];               /* all lines, in one text */
static struct tailscale_profile home; /* of the prefs; not known, until a test says it */

static void find(const struct operation *operations, uint32_t count)
{
    char found[APPLY_DRIFT_MAX][SENTENCE_SIZE];
    struct text text = TEXT_IN(told);
    uint32_t drifted = apply_find_drift(&apply_case, operations, count, &home, found);

    told[0] = '\0';
    for (uint32_t i = 0; i < drifted; i++)
        text_add(&text, "%s\n", found[i]);
}

static void expect(const struct operation *operations, uint32_t count, const char *lines)
{
    find(operations, count);
    assert_string_equal(told, lines);
}

static void test_links_settings_and_files(void **state)
{
    struct operation operations[] = {apply_case_link("eth0", 1400, NULL),
                                     apply_case_sysctl(FORWARDING, "1"),
                                     file_case_operation_of(DROP_IN, ROUTE_7)};
    struct undo_item items[3];

    NEEDS_ROOT();
    for (int i = 0; i < 2; i++)
        apply_case_run(&operations[i], &items[i]);
    file_case_try_it(&operations[2], &items[2]);
    expect(operations, 3, "");
    netns_run("ip link set eth0 mtu 1300\nsysctl -qw " FORWARDING "=0\n");
    file_case_write_file(DROP_IN_TRIAL, ROUTE_6, 0644);
    expect(operations, 3,
           "- link eth0: mtu 1400\n- sysctl " FORWARDING " = 1\n- file " DROP_IN " of 2 lines\n");
    netns_run("ip link set eth0 mtu 1400\n");
    file_case_write_file(DROP_IN_TRIAL, ROUTE_7, 0644);
    expect(operations, 3, "- sysctl " FORWARDING " = 1\n");
    netns_run("ip link del eth0\n"); /* its settings went with it */
    expect(operations, 1, "- link eth0: mtu 1400\n");
    for (int i = 0; i < 3; i++)
        undo_item_done(&items[i]);
}

/* What could not be read is told as that: no line would say that all stands as confirmed. */
static void test_who_does_not_answer(void **state)
{
    const struct operation prefs = {.kind = OPERATION_TAILSCALE,
                                    .tailscale = {.set_accept_routes = true}};

    (void)state;
    apply_case.tailscale_socket = "/run/oceanid-nobody.sock";
    expect(&prefs, 1,
           "? could not be read: tailscale: accept no routes: tailscaled is not running "
           "(/run/oceanid-nobody.sock: no answer)\n");
    apply_case.tailscale_socket = NULL;
}

/* Its folder is a link that leads to itself. */
static void test_a_file_that_cannot_be_read(void **state)
{
    const char *start =
        "- link eth0: mtu 1400\n? could not be read: file " DROP_IN " of 2 lines: look at ";
    struct operation operations[] = {apply_case_link("eth0", 1400, NULL),
                                     file_case_operation_of(DROP_IN, ROUTE_7)};

    NEEDS_ROOT();
    file_case_run("ln -s 10-eth0.network.d etc/systemd/network/10-eth0.network.d");
    find(operations, 2);
    if (!text_starts(told, start))
        fail_msg("expected '%s...', got '%s'", start, told);
}

/* A setting that nobody sees is not gone while its device is there. */
static void test_a_setting_that_is_hidden(void **state)
{
    const struct operation setting = apply_case_sysctl(FORWARDING, "1");
    int mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

    NEEDS_ROOT();
    assert_int_equal(unshare(CLONE_NEWNS), 0);
    assert_int_equal(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    netns_run("mount -t tmpfs none /proc/sys/net/ipv4/conf\n");
    expect(&setting, 1,
           "? could not be read: sysctl " FORWARDING " = 1: the kernel does not show it\n");
    netns_run("mount -t tmpfs none /proc/sys\n");
    expect(&setting, 1,
           "? could not be read: sysctl " FORWARDING " = 1: sysctl " FORWARDING
           ": expected the kernel's settings below /proc/sys/net, found none (is /proc "
           "mounted?)\n");
    netns_run("ip link del eth0\n"); /* it is gone, whoever looks */
    assert_int_equal(setns(mounts, CLONE_NEWNS), 0);
    expect(&setting, 1, "- sysctl " FORWARDING " = 1\n");
    close(mounts);
}

/* With no descriptor left nothing of the kernel's is read, and of what carries a mark none is told.
 */
static void test_a_kernel_that_cannot_be_read(void **state)
{
    const struct operation operations[] = {
        apply_case_link("eth0", 1400, NULL),
        apply_case_operation("route 10.0.0.0/8 via 203.0.113.1 dev eth0")};
    struct rlimit before, none;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    find(operations, 2);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_string_equal(told, "? could not be read: link eth0: mtu 1400: netlink socket: expected "
                              "one, the kernel says: Too many open files\n");
}

/* The agent tells these by their protocol, as soon as they are gone. */
static void test_what_carries_a_mark_is_the_agents(void **state)
{
    const struct operation operations[] = {
        apply_case_operation("route 10.0.0.0/8 via 203.0.113.1 dev eth0"),
        apply_case_operation("rule 70 from 10.0.0.0/8 lookup 7"),
        apply_case_address("198.51.100.9/24", "eth0", false)};

    (void)state;
    expect(operations, 3, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, file_case_enter, file_case_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_links_settings_and_files),          TEST(test_who_does_not_answer),
        TEST(test_a_file_that_cannot_be_read),        TEST(test_a_kernel_that_cannot_be_read),
        TEST(test_what_carries_a_mark_is_the_agents), TEST(test_a_setting_that_is_hidden),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
