/*
 * test_apply_sysctl: settings taken back, in a real kernel, where they cannot be read, where their
 * device has another name by then or is gone, and where there are very many devices.
 */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/guard/io/apply_part.h"
#include "agent/io/sysctl.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/netns.h"

#define RP_FILTER "net.ipv4.conf.eth1.rp_filter"

static const char second[] = "ip link add eth1 type veth peer name far1\n"
                             "ip link set far1 addrgenmode none up\n"
                             "ip link set eth1 addrgenmode none up\n"
                             "sysctl -qw " RP_FILTER "=1 net.ipv4.ip_forward=1 "
                             "net.ipv6.conf.eth1.accept_ra=0 net.ipv6.conf.eth1.dad_transmits=3\n";

static int home; /* the mounts that this program began with */

/* What is mounted from here on nobody else sees. */
static void begin(void)
{
    assert_int_equal(unshare(CLONE_NEWNS), 0);
    assert_int_equal(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    apply_case_begin(second);
}

static int leave(void **state)
{
    assert_int_equal(setns(home, CLONE_NEWNS), 0);
    return apply_case_leave(state);
}

static void expect_setting(const char *name, const char *expected)
{
    char value[SYSCTL_VALUE_SIZE];
    struct err err = ERR_INIT;

    if (!sysctl_read_one(name, value, sizeof(value), &err))
        fail_msg("%s", err.text);
    assert_string_equal(value, expected);
}

/* Nothing that is not seen is restored; once it is seen it is. */
static void check_hidden(const struct operation *operation, const char *hide, const char *place)
{
    struct undo_item item;
    struct err err = ERR_INIT;
    const char *why;

    apply_case_run(operation, &item);
    netns_run(hide);
    why = apply_case_undo(&item, REVERT_RETRY);
    if (strstr(why, "net.ip") == NULL)
        fail_msg("expected the setting in '%s'", why);
    if (apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err))
        fail_msg("verified what nobody saw: %s", hide);
    assert_string_not_equal(err.text, "");
    assert_int_equal(umount(place), 0);
    assert_false(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    apply_case_undo(&item, REVERT_DONE);
    assert_true(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    undo_item_done(&item);
}

static bool has_address(const struct snapshot *now, const char *text)
{
    struct address address;

    assert_true(address_parse(text, &address));
    for (size_t i = 0; i < now->addresses_count; i++) {
        if (address_equal(&now->addresses[i].address, &address))
            return true;
    }
    return false;
}

/* What is no setting does not wait for one. */
static void check_link_is_back_at_once(void)
{
    struct operation mtu = apply_case_link("eth1", 1279, NULL);
    struct undo_item item;
    struct snapshot now;

    netns_run("ip route add 10.0.0.0/8 dev eth1 proto static\n"
              "ip address add 2001:db8:2::10/64 dev eth1 nodad\n");
    apply_case_run(&mtu, &item);
    netns_run("mount -t tmpfs none /proc/sys\n");
    apply_case_undo(&item, REVERT_RETRY);
    apply_case_read(&now);
    assert_int_equal(snapshot_find_device(&now, "eth1")->mtu, 1500);
    assert_true(has_address(&now, "2001:db8:2::10"));
    snapshot_done(&now);
    assert_int_equal(umount("/proc/sys"), 0);
    apply_case_undo(&item, REVERT_DONE);
    undo_item_done(&item);
}

static void test_what_is_hidden_is_not_restored(void **state)
{
    static const char all[] = "mount -t tmpfs none /proc/sys\n";
    static const char conf[] = "mount -t tmpfs none /proc/sys/net/ipv4/conf\n";
    static const char device[] = "mount -t tmpfs none /proc/sys/net/ipv4/conf/eth1\n";
    struct operation rp_filter = apply_case_sysctl(RP_FILTER, "2");
    struct operation of_all = apply_case_sysctl("net.ipv4.conf.all.rp_filter", "2");
    struct operation of_new = apply_case_sysctl("net.ipv4.conf.default.rp_filter", "2");
    struct operation forward = apply_case_sysctl("net.ipv4.ip_forward", "0");
    struct operation mtu = apply_case_link("eth1", 1279, NULL);

    (void)state;
    begin();
    check_hidden(&rp_filter, all, "/proc/sys");
    check_hidden(&rp_filter, conf, "/proc/sys/net/ipv4/conf");
    check_hidden(&rp_filter, device, "/proc/sys/net/ipv4/conf/eth1");
    check_hidden(&forward, all, "/proc/sys");
    check_hidden(&of_all, conf, "/proc/sys/net/ipv4/conf");
    check_hidden(&of_new, conf, "/proc/sys/net/ipv4/conf");
    check_hidden(&mtu, all, "/proc/sys");
    check_link_is_back_at_once();
    expect_setting(RP_FILTER, "1");
    expect_setting("net.ipv6.conf.eth1.dad_transmits", "3");
}

/* What nobody sees before the change nobody could put back behind it: refused at prepare. */
static void test_what_is_hidden_is_not_derived(void **state)
{
    struct operation operations[] = {apply_case_sysctl(RP_FILTER, "2"),
                                     apply_case_sysctl("net.ipv4.ip_forward", "0"),
                                     apply_case_link("eth1", 1279, NULL)};
    struct snapshot now;

    (void)state;
    begin();
    netns_run("mount -t tmpfs none /proc/sys\n");
    for (int i = 0; i < 3; i++) {
        struct err err = ERR_INIT;

        apply_case_read(&now);
        assert_false(apply_part_add(&operations[i], &now, &err));
        if (strstr(err.text, "is /proc mounted?") == NULL)
            fail_msg("%s", err.text);
        snapshot_done(&now);
    }
}

/* This process's own memory, which has nothing at 0: the kernel answers with an input/output error.
 */
static void test_what_cannot_be_read_is_not_restored(void **state)
{
    static const char place[] = "/proc/sys/net/ipv4/conf/eth1/rp_filter";
    struct operation operation = apply_case_sysctl(RP_FILTER, "2");
    char hide[128];

    (void)state;
    begin();
    snprintf(hide, sizeof(hide), "mount --bind /proc/%d/mem %s\n", (int)getpid(), place);
    check_hidden(&operation, hide, place);
    expect_setting(RP_FILTER, "1");
}

/* Who has overwritten it since is not asked: it is not where it was. */
static void test_of_a_renamed_device_is_left(void **state)
{
    struct operation operations[] = {apply_case_sysctl(RP_FILTER, "2"),
                                     apply_case_sysctl("net.ipv4.ip_forward", "0")};
    struct undo_item items[2];
    struct err err = ERR_INIT;
    const char *why;

    (void)state;
    begin();
    for (int i = 0; i < 2; i++)
        apply_case_run(&operations[i], &items[i]);
    netns_run("ip link set eth1 down\nip link set eth1 name lan0 up\n");
    why = apply_case_undo(&items[0], REVERT_LEFT);
    if (strstr(why, RP_FILTER " = 1 as before") == NULL || strstr(why, "lan0") == NULL)
        fail_msg("%s", why);
    expect_setting("net.ipv4.conf.lan0.rp_filter", "2");
    apply_case_undo(&items[1], REVERT_DONE); /* it overwrites all, by whatever name */
    expect_setting("net.ipv4.conf.lan0.forwarding", "1");
    assert_true(apply_is_restored(&apply_case, items, 2, NULL, 0, 0, &err));
    for (int i = 0; i < 2; i++)
        undo_item_done(&items[i]);
}

static void test_of_a_gone_device_is_gone(void **state)
{
    struct operation operations[] = {apply_case_sysctl(RP_FILTER, "2"),
                                     apply_case_sysctl("net.ipv4.ip_forward", "0")};
    struct undo_item items[2];
    struct err err = ERR_INIT;

    (void)state;
    begin();
    for (int i = 0; i < 2; i++)
        apply_case_run(&operations[i], &items[i]);
    netns_run("ip link del eth1\n");
    for (int i = 0; i < 2; i++)
        apply_case_undo(&items[i], REVERT_DONE);
    assert_true(apply_is_restored(&apply_case, items, 2, NULL, 0, 0, &err));
    for (int i = 0; i < 2; i++)
        undo_item_done(&items[i]);
}

/* Below 1280 no device has settings of IPv6. */
static void test_of_a_device_without_ipv6_is_gone(void **state)
{
    struct operation operation = apply_case_sysctl("net.ipv6.conf.eth1.accept_ra", "2");
    struct undo_item item;

    (void)state;
    begin();
    apply_case_run(&operation, &item);
    netns_run("ip link set eth1 mtu 1279\n");
    apply_case_undo(&item, REVERT_DONE);
    undo_item_done(&item);
}

/* ---- very many devices ------------------------------------------------------------------------
 */

enum { MANY = 320 }; /* in pairs */

static void add_many(void)
{
    netns_run(
        "for i in $(seq 1 160); do echo \"link add many$i type veth peer name peer$i\"; done | "
        "ip -batch -\n"
        "ip link add last0 type veth peer name last1\n"
        "sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.last0.forwarding=0 "
        "net.ipv6.conf.last0.dad_transmits=7\n");
}

static void test_of_very_many_devices_all_are_kept(void **state)
{
    struct operation forward = apply_case_sysctl("net.ipv4.ip_forward", "0");
    struct operation mtu = apply_case_link("last0", 1279, NULL);
    struct undo_item item;
    struct err err = ERR_INIT;

    (void)state;
    apply_case_begin(second);
    add_many();
    apply_case_run(&forward, &item);
    assert_true(item.before.sysctls_count > MANY);
    apply_case_undo(&item, REVERT_DONE);
    assert_true(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    expect_setting("net.ipv4.ip_forward", "1");
    expect_setting("net.ipv4.conf.peer160.forwarding", "1");
    expect_setting("net.ipv4.conf.last0.forwarding", "0");
    undo_item_done(&item);
    apply_case_run(&mtu, &item);
    apply_case_undo(&item, REVERT_DONE);
    assert_true(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    expect_setting("net.ipv6.conf.last0.dad_transmits", "7");
    undo_item_done(&item);
}

#define IN_NAMESPACE(test) cmocka_unit_test_setup_teardown(test, apply_case_enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_NAMESPACE(test_what_is_hidden_is_not_restored),
        IN_NAMESPACE(test_what_is_hidden_is_not_derived),
        IN_NAMESPACE(test_what_cannot_be_read_is_not_restored),
        IN_NAMESPACE(test_of_a_renamed_device_is_left),
        IN_NAMESPACE(test_of_a_gone_device_is_gone),
        IN_NAMESPACE(test_of_a_device_without_ipv6_is_gone),
        IN_NAMESPACE(test_of_very_many_devices_all_are_kept),
    };

    home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    return netns_is_allowed() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
