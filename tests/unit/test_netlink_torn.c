/*
 * test_netlink_torn: a list that the kernel was interrupted in (NLM_F_DUMP_INTR, which it does not
 * say of rules) may lack what stands all the time: it is read again, and where it never comes whole
 * nobody concludes anything from it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "agent/guard/io/apply_drift.h"
#include "agent/io/netlink.h"
#include "common/io/clock.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/netns.h"

enum { ALWAYS = 1 << 20, BOUND_MS = 8000 };

/* ---- a kernel that is interrupted --------------------------------------------------------------
 */

static struct {
    int type;       /* of what is in the list, RTM_NEWLINK and so on */
    unsigned times; /* how many more lists are torn */
    unsigned torn;
} tearing;

int __real_nl_recv(struct nl_sock *socket, struct sockaddr_nl *from, unsigned char **data,
                   struct ucred **credentials);
int __wrap_nl_recv(struct nl_sock *socket, struct sockaddr_nl *from, unsigned char **data,
                   struct ucred **credentials);

/* Its last object is not told, as where the one before it was deleted meanwhile. */
static void tear(void *data, int len)
{
    struct nlmsghdr *last = NULL;

    for (struct nlmsghdr *message = data; nlmsg_ok(message, len);
         message = nlmsg_next(message, &len)) {
        if (message->nlmsg_type == tearing.type)
            last = message;
    }
    if (last == NULL || tearing.times == 0)
        return;
    last->nlmsg_type = NLMSG_NOOP;
    last->nlmsg_flags |= NLM_F_DUMP_INTR;
    tearing.times--;
    tearing.torn++;
}

static unsigned deletions; /* left: each while a list of rules is on its way */

/* The kernel goes on with the rule of a number: what is deleted before it moves the rest up. */
static void delete_one(const void *data)
{
    const struct nlmsghdr *first = data;
    const struct fib_rule_hdr *rule = nlmsg_data(first);

    if (deletions == 0 || first->nlmsg_type != RTM_NEWRULE || rule->family != AF_INET)
        return;
    deletions--;
    netns_run("ip rule del lookup 6\n");
}

int __wrap_nl_recv(struct nl_sock *socket, struct sockaddr_nl *from, unsigned char **data,
                   struct ucred **credentials)
{
    int len = __real_nl_recv(socket, from, data, credentials);

    if (len > 0) {
        delete_one(*data);
        tear(*data, len);
    }
    return len;
}

static void begin_tearing(int type, unsigned times)
{
    tearing.type = type;
    tearing.times = times;
    tearing.torn = 0;
}

/* ---- reading -----------------------------------------------------------------------------------
 */

static const int types[] = {RTM_NEWLINK, RTM_NEWADDR, RTM_NEWRULE, RTM_NEWNEXTHOP, RTM_NEWROUTE};

/* Each object is there, and there once. */
static void test_it_is_read_again(void **state)
{
    enum { TIMES = 9 };

    (void)state;
    apply_case_begin("ip nexthop add id 7 via 203.0.113.1 dev eth0\n"
                     "ip nexthop add id 8 via 203.0.113.2 dev eth0\n");
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        begin_tearing(types[i], TIMES);
        apply_case_check("");
        assert_int_equal(tearing.torn, TIMES);
    }
}

static void test_it_is_no_list(void **state)
{
    (void)state;
    apply_case_begin("ip nexthop add id 7 via 203.0.113.1 dev eth0\n");
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        mono_t began = clock_now();
        struct err err = ERR_INIT;
        struct snapshot now;

        begin_tearing(types[i], ALWAYS);
        assert_false(netlink_snapshot(&now, &err));
        assert_true(clock_now() - began < BOUND_MS);
        if (strstr(err.text, "interrupted") == NULL)
            fail_msg("%s", err.text);
    }
    begin_tearing(0, 0);
}

enum { STANDING = 1200 };

static unsigned count_standing(const struct snapshot *now)
{
    unsigned count = 0;

    for (size_t i = 0; i < now->rules_count; i++)
        count += now->rules[i].table == 7;
    return count;
}

/* More than one message of the kernel's holds, and somebody deletes others meanwhile. */
static void test_rules_are_read_again(void **state)
{
    struct netlink_filter rules = {.parts = NETLINK_RULES};
    struct err err = ERR_INIT;
    struct snapshot now;

    (void)state;
    apply_case_begin("for i in $(seq 1 60); do echo \"rule add pref $((100+i)) lookup 6\"; done | "
                     "ip -batch -\n"
                     "for i in $(seq 1 1200); do echo \"rule add pref $((1000+i)) lookup 7\"; "
                     "done | ip -batch -\n");
    deletions = 12; /* all in the first list, however slow the machine is */
    assert_true(netlink_read(&rules, &now, &err));
    assert_int_equal(count_standing(&now), STANDING);
    assert_int_equal(deletions, 0);
    snapshot_done(&now);
}

/* ---- who reads ---------------------------------------------------------------------------------
 */

static struct operation operation;
static struct undo_item item;

static void run_and_tear(int type, unsigned times)
{
    operation = apply_case_operation("rule 100 from 192.0.2.1 lookup 7");
    apply_case_run(&operation, &item);
    begin_tearing(type, times);
}

/* It is tried again: neither "taken back already" nor "changed by others". */
static void test_no_undo_ends_by_it(void **state)
{
    (void)state;
    apply_case_begin("");
    run_and_tear(RTM_NEWRULE, ALWAYS);
    assert_non_null(strstr(apply_case_undo(&item, REVERT_RETRY), "interrupted"));
    begin_tearing(0, 0);
    apply_case_check("+ rule 100: from 192.0.2.1 lookup 7\n");
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    undo_item_done(&item);
}

/* Neither the look behind an undo nor the one behind an apply is passed by it. */
static void test_no_look_is_passed_by_it(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    apply_case_begin("");
    run_and_tear(RTM_NEWRULE, ALWAYS);
    assert_false(apply_is_settled(&apply_case, &item, 1, &err));
    assert_non_null(strstr(err.text, "interrupted"));
    begin_tearing(0, 0);
    apply_case_undo(&item, REVERT_DONE);
    begin_tearing(RTM_NEWLINK, ALWAYS);
    err = (struct err)ERR_INIT;
    assert_false(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    assert_non_null(strstr(err.text, "interrupted"));
    begin_tearing(0, 0);
    assert_true(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    undo_item_done(&item);
}

/* What cannot be looked at is not touched; nor is it said to have drifted. */
static void test_nothing_is_done_by_it(void **state)
{
    struct operation link = apply_case_link("eth0", 1400, NULL);
    const struct tailscale_profile home = {0};
    char lines[APPLY_DRIFT_MAX][SENTENCE_SIZE];
    struct err err = ERR_INIT;
    uint32_t pending;

    (void)state;
    apply_case_begin("");
    operation = apply_case_operation("rule 100 from 192.0.2.1 lookup 7");
    apply_case_derive(&operation, &item);
    begin_tearing(RTM_NEWRULE, ALWAYS);
    assert_false(apply_run(&apply_case, &item, &err));
    assert_non_null(strstr(err.text, "interrupted"));
    err = (struct err)ERR_INIT;
    assert_int_equal(apply_assert(&apply_case, &operation, 1, &pending, &err), 0);
    assert_non_null(strstr(err.text, "interrupted"));
    begin_tearing(RTM_NEWLINK, ALWAYS);
    assert_int_equal(apply_find_drift(&apply_case, &link, 1, &home, lines), 1);
    assert_int_equal(lines[0][0], '?');
    begin_tearing(0, 0);
    apply_case_check("");
    undo_item_done(&item);
}

static int leave(void **state)
{
    begin_tearing(0, 0);
    deletions = 0;
    return apply_case_leave(state);
}

#define IN_NAMESPACE(test) cmocka_unit_test_setup_teardown(test, apply_case_enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_NAMESPACE(test_it_is_read_again),        IN_NAMESPACE(test_it_is_no_list),
        IN_NAMESPACE(test_rules_are_read_again),    IN_NAMESPACE(test_no_undo_ends_by_it),
        IN_NAMESPACE(test_no_look_is_passed_by_it), IN_NAMESPACE(test_nothing_is_done_by_it),
    };

    return netns_is_allowed() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
