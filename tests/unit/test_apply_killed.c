/*
 * test_apply_killed: whoever takes an address or a rule back is killed behind each thing that he
 * asks of the kernel, and the next one takes it back: what others had on that device, or of that
 * priority, is there all the same, in its order.
 *
 * The linker puts this file's senders in libnl's place: they count changes, and end the process; or
 * have no room for one of them.
 */
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "common/net/render.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/netns.h"

enum { KILLED = 3, GOT_THROUGH = 4, REQUESTS_MAX = 60 };

static unsigned dies_behind; /* so many changes; 0: never */
static unsigned refused;     /* the change of that number, once; 0: none */
static unsigned changes;

static bool is_change(const struct nlmsghdr *head)
{
    return head->nlmsg_type < RTM_BASE || (head->nlmsg_type - RTM_BASE) % 4 != 2;
}

static void count_change(const struct nlmsghdr *head)
{
    if (is_change(head) && ++changes == dies_behind)
        _exit(KILLED);
}

static bool is_refused(const struct nlmsghdr *head)
{
    if (!is_change(head) || refused == 0 || changes + 1 != refused)
        return false;
    refused = 0;
    return true;
}

int __real_nl_send_auto(struct nl_sock *socket, struct nl_msg *message);
int __wrap_nl_send_auto(struct nl_sock *socket, struct nl_msg *message);
int __wrap_nl_send_auto(struct nl_sock *socket, struct nl_msg *message)
{
    int code;

    if (is_refused(nlmsg_hdr(message)))
        return -NLE_NOMEM;
    code = __real_nl_send_auto(socket, message);
    count_change(nlmsg_hdr(message));
    return code;
}

int __real_nl_sendto(struct nl_sock *socket, void *data, size_t len);
int __wrap_nl_sendto(struct nl_sock *socket, void *data, size_t len);
int __wrap_nl_sendto(struct nl_sock *socket, void *data, size_t len)
{
    int code = __real_nl_sendto(socket, data, len);

    count_change(data);
    return code;
}

/* ---- one case ---------------------------------------------------------------------------------
 */

/* eth1 with three addresses of a family in an order, and others' routes by them. */
static const char device[] =
    "ip link add eth1 type veth peer name far1\n"
    "ip link set far1 addrgenmode none\n"
    "ip link set eth1 addrgenmode none\n"
    "sysctl -qw net.ipv4.conf.all.promote_secondaries=0 net.ipv6.conf.eth1.accept_dad=0\n"
    "ip link set far1 up\n"
    "ip link set eth1 up\n"
    "ip address add 192.0.2.10/24 dev eth1\n"
    "ip address add 192.0.2.11/24 dev eth1\n"
    "ip address add 192.0.2.12/24 dev eth1\n"
    "ip address add 2001:db8:2::10/64 dev eth1 nodad\n"
    "ip address add 2001:db8:2::11/64 dev eth1 nodad\n"
    "ip address add 2001:db8:2::12/64 dev eth1 nodad\n"
    "ip route add 10.1.0.0/16 via 192.0.2.1 proto static\n"
    "ip route add 10.3.0.0/16 via 203.0.113.1 src 192.0.2.11 proto static\n"
    "ip -6 route add 2001:db8:a::/48 via 2001:db8:2::1 proto static\n";

static bool has_carrier(const struct snapshot *now)
{
    unsigned count = 0;

    for (size_t i = 0; i < now->links_count; i++)
        count += now->links[i].carrier;
    return count == now->links_count;
}

static bool has_local_route(const struct snapshot *now, const struct address *address)
{
    for (size_t i = 0; i < now->routes_count; i++) {
        if (now->routes[i].type == RTN_LOCAL &&
            address_equal(&now->routes[i].destination.address, address))
            return true;
    }
    return false;
}

/* An IPv6 address has its local route when the kernel's own work queue has run. */
static bool is_settled(const struct snapshot *now)
{
    for (size_t i = 0; i < now->addresses_count; i++) {
        if (!has_local_route(now, &now->addresses[i].address))
            return false;
    }
    return has_carrier(now);
}

/* True: it was killed at its n-th change. */
static bool undo_killed(const struct undo_item *item, unsigned n)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        char why[REASON_SIZE];

        changes = 0;
        dies_behind = n;
        apply_undo(&apply_case, item, why, sizeof(why));
        _exit(GOT_THROUGH);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) != KILLED)
        assert_int_equal(WEXITSTATUS(status), GOT_THROUGH);
    return WEXITSTATUS(status) == KILLED;
}

struct case_of {
    struct operation operation;
    const char *others;       /* what they do when it is done */
    const char *others_again; /* and take away when all is undone */
};

/* Order among those of one priority is state: the kernel asks the first one first. */
static void check_rules(const struct snapshot *expected, const struct snapshot *found, unsigned n)
{
    for (size_t i = 0; i < expected->rules_count; i++) {
        char line[SENTENCE_SIZE] = "";
        struct text text = TEXT_IN(line);

        if (i < found->rules_count && render_same_rule(&expected->rules[i], &found->rules[i]))
            continue;
        render_rule(&expected->rules[i], &text);
        fail_msg("killed behind change %u: %s is not in its place", n, line);
    }
    assert_int_equal(found->rules_count, expected->rules_count);
}

static void check_killed(const struct case_of *one)
{
    struct snapshot expected, found;
    bool killed = true;
    unsigned n;

    for (n = 1; killed; n++) {
        struct undo_item item;

        assert_true(n < REQUESTS_MAX);
        netns_run(one->others);
        apply_case_remember();
        apply_case_read(&expected);
        netns_run(one->others_again);
        apply_case_run(&one->operation, &item);
        netns_run(one->others);
        killed = undo_killed(&item, n);
        apply_case_undo(&item, REVERT_DONE);
        netns_wait_for(is_settled, "the links and the addresses' own routes");
        apply_case_read(&found);
        if (apply_case_difference(&expected, &found)[0] != '\0')
            fail_msg("killed behind change %u:\n%s", n, apply_case_difference(&expected, &found));
        apply_case_check_order();
        check_rules(&expected, &found, n);
        snapshot_done(&expected);
        snapshot_done(&found);
        netns_run(one->others_again);
        undo_item_done(&item);
    }
    assert_true(n > 2); /* at least one was killed */
}

static void begin(const char *lines)
{
    char all[4096];

    snprintf(all, sizeof(all), "%s%s", device, lines);
    apply_case_begin(all);
    netns_wait_for(is_settled, "the links and the addresses' own routes");
}

/* ---- the cases --------------------------------------------------------------------------------
 */

/* The first secondary took its place: both others are moved behind it again. */
static void test_moved_for_the_order(void **state)
{
    const struct case_of one = {apply_case_address("192.0.2.10/24", "eth1", true), "", ""};

    (void)state;
    begin("sysctl -qw net.ipv4.conf.eth1.promote_secondaries=1\n");
    check_killed(&one);
}

static void test_moved_for_the_order_ipv6(void **state)
{
    const struct case_of one = {apply_case_address("2001:db8:2::10/64", "eth1", true), "", ""};

    (void)state;
    begin("");
    check_killed(&one);
}

/* Which the kernel takes with ours, where it promotes none. */
static void test_others_beside_ours(void **state)
{
    const struct case_of one = {
        apply_case_address("198.51.100.9/24", "eth1", false),
        "ip address add 198.51.100.10/24 dev eth1\n"
        "ip route add 10.9.0.0/16 via 198.51.100.1 proto static\n"
        "ip route add 10.8.0.0/16 via 203.0.113.1 src 198.51.100.10 proto static\n",
        "ip route del 10.9.0.0/16\n"
        "ip route del 10.8.0.0/16\n"
        "ip address del 198.51.100.10/24 dev eth1\n"};

    (void)state;
    begin("");
    check_killed(&one);
}

static void test_removed_with_its_secondaries(void **state)
{
    const struct case_of one = {apply_case_address("192.0.2.10/24", "eth1", true), "", ""};

    (void)state;
    begin("");
    check_killed(&one);
}

/* It comes back at the end, and is there; its siblings are moved behind it. */
static void test_rule_put_back_before_its_siblings(void **state)
{
    const struct case_of one = {apply_case_removal("rule 100 from 10.1.0.0/16 lookup 7"), "", ""};

    (void)state;
    begin("ip rule add priority 100 from 10.9.0.0/16 lookup 7 protocol static\n"
          "ip rule add priority 100 from 10.1.0.0/16 lookup 7 protocol 153\n"
          "ip rule add priority 100 from 10.2.0.0/16 lookup 7 protocol static\n"
          "ip rule add priority 100 from 10.3.0.0/16 lookup 8\n"
          "ip rule add priority 100 from 10.4.0.0/16 lookup 9 protocol 153\n");
    check_killed(&one);
}

static void assert_both(unsigned put)
{
    const struct operation both[] = {apply_case_address("198.51.100.5/24", "eth1", false),
                                     apply_case_address("198.51.100.9/24", "eth1", false)};
    uint32_t pending;
    struct err err = ERR_INIT;

    assert_int_equal(apply_assert(&apply_case, both, 2, &pending, &err), put);
    assert_string_equal(err.text, "");
}

/* The kernel takes the narrower one before it for it: those have to go, and to come back, with it.
 */
static void test_rule_taken_from_among_its_likes(void **state)
{
    const struct case_of one = {apply_case_operation("rule 100 lookup 7"), "", ""};

    (void)state;
    begin("ip rule add priority 100 from 10.9.0.0/16 lookup 7 protocol 153\n"
          "ip rule add priority 100 from 10.2.0.0/16 lookup 8 protocol static\n"
          "ip rule add priority 100 from 10.3.0.0/16 lookup 7 protocol 153\n");
    check_killed(&one);
}

/* What is put at boot: the first is asked for once more before the second takes its place. */
static void test_no_room_for_a_moment(void **state)
{
    (void)state;
    begin("");
    assert_both(2);
    apply_case_remember();
    netns_run("ip address del 198.51.100.9/24 dev eth1\nip address del 198.51.100.5/24 dev eth1\n");
    changes = 0;
    refused = 1;
    assert_both(2);
    assert_int_equal(refused, 0);
    apply_case_check("");
    apply_case_check_order();
}

int main(void)
{
#define IN_NAMESPACE(name) cmocka_unit_test_setup_teardown(name, apply_case_enter, apply_case_leave)
    const struct CMUnitTest tests[] = {
        IN_NAMESPACE(test_moved_for_the_order),
        IN_NAMESPACE(test_moved_for_the_order_ipv6),
        IN_NAMESPACE(test_others_beside_ours),
        IN_NAMESPACE(test_removed_with_its_secondaries),
        IN_NAMESPACE(test_rule_put_back_before_its_siblings),
        IN_NAMESPACE(test_rule_taken_from_among_its_likes),
        IN_NAMESPACE(test_no_room_for_a_moment),
    };

    return netns_is_allowed() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
