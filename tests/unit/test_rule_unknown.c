/*
 * test_rule_unknown: rules with attributes that this program does not know (ip(8) of Debian 12 does
 * not either; the kernel has taken a DSCP since 6.13 and a flow label since 6.14): told from plain
 * ones, said, and put back as they were. On an older kernel there is nothing to see.
 */
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/guard/io/apply_netlink.h"
#include "agent/guard/io/apply_rule.h"
#include "common/net/fib.h"
#include "common/net/render.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/ip_lines.h"
#include "tests/unit/netns.h"

enum { DSCP = 25, FLOWLABEL = 26, FLOWLABEL_MASK = 27, DPORT_MASK = 29 };

/* ---- the kernel -------------------------------------------------------------------------------
 */

struct message {
    uint8_t bytes[256];
    uint32_t len;
};

static void add(struct message *message, uint16_t type, const void *data, uint16_t len)
{
    struct nlattr header = {.nla_len = (uint16_t)(sizeof(header) + len), .nla_type = type};

    memcpy(message->bytes + message->len, &header, sizeof(header));
    memcpy(message->bytes + message->len + sizeof(header), data, len);
    message->len += (header.nla_len + 3u) & ~3u;
}

static struct message begin(uint8_t family, uint32_t table)
{
    struct fib_rule_hdr header = {.family = family, .action = FR_ACT_TO_TBL};
    struct message message = {.len = sizeof(header)};

    memcpy(message.bytes, &header, sizeof(header));
    add(&message, FRA_TABLE, &table, sizeof(table));
    return message;
}

static void put(uint8_t family, uint32_t priority, struct message *message)
{
    struct rule rule = {
        .family = family, .priority = priority, .raw = message->bytes, .raw_len = message->len};
    struct nl_sock *socket = apply_case_socket();
    struct err err = ERR_INIT;

    if (!apply_netlink_put_rule(socket, &rule, APPLY_APPEND, &err))
        fail_msg("%s", err.text);
    apply_netlink_close(socket);
}

static void put_dscp(uint32_t priority, uint8_t dscp, uint32_t table)
{
    struct message message = begin(FAMILY_IPV4, table);

    add(&message, DSCP, &dscp, sizeof(dscp));
    put(FAMILY_IPV4, priority, &message);
}

static bool has_attribute(const struct rule *rule, int type)
{
    struct nlattr *first = (struct nlattr *)(void *)(rule->raw + sizeof(struct fib_rule_hdr));

    return nla_find(first, (int)(rule->raw_len - sizeof(struct fib_rule_hdr)), type) != NULL;
}

static const struct rule *find(const struct snapshot *snapshot, uint32_t priority)
{
    for (size_t i = 0; i < snapshot->rules_count; i++) {
        if (snapshot->rules[i].priority == priority)
            return &snapshot->rules[i];
    }
    fail_msg("no rule %u", priority);
    return NULL;
}

/* Whether this kernel keeps what it is given here. */
static bool kernel_knows(uint32_t priority, int type)
{
    struct snapshot now;
    bool knows;

    apply_case_read(&now);
    knows = has_attribute(find(&now, priority), type);
    snapshot_done(&now);
    if (!knows)
        print_message("this kernel has no attribute %d\n", type);
    return knows;
}

static void expect_line(const char *difference)
{
    if (strstr(apply_case_now(), difference) == NULL)
        fail_msg("'%s' is not in: %s", difference, apply_case_now());
}

static void test_is_said(void **state)
{
    const uint8_t label[] = {0, 0, 0, 5}, mask[] = {0, 0x0f, 0xff, 0xff};
    struct message six = begin(FAMILY_IPV6, RT_TABLE_MAIN);

    (void)state;
    apply_case_begin("");
    put_dscp(99, 46, RT_TABLE_MAIN);
    add(&six, FLOWLABEL, label, sizeof(label));
    add(&six, FLOWLABEL_MASK, mask, sizeof(mask));
    put(FAMILY_IPV6, 98, &six);
    if (!kernel_knows(99, DSCP) || !kernel_knows(98, FLOWLABEL))
        skip();
    expect_line("+ rule 99: from all lookup main and what this program does not know (attribute "
                "25)\n");
    expect_line("+ rule 98: from all lookup main and what this program does not know (attribute "
                "26) (IPv6)\n");
}

/* A single port comes with its mask, all ones, since 6.15: that says nothing. */
static void test_a_whole_mask_is_known(void **state)
{
    const struct fib_rule_port_range sixteen = {16, 16};
    const uint16_t mask = 0xfff0;
    const uint8_t tcp = 6;
    struct message masked = begin(FAMILY_IPV4, RT_TABLE_MAIN);

    (void)state;
    apply_case_begin("ip rule add pref 50 ipproto tcp dport 443 sport 22 lookup main");
    apply_case_remember();
    add(&masked, FRA_IP_PROTO, &tcp, sizeof(tcp));
    add(&masked, FRA_DPORT_RANGE, &sixteen, sizeof(sixteen));
    add(&masked, DPORT_MASK, &mask, sizeof(mask));
    put(FAMILY_IPV4, 51, &masked);
    if (kernel_knows(51, DPORT_MASK))
        expect_line("+ rule 51: from all ipproto 6 dport 16-16 lookup main and what this program "
                    "does not know (attribute 29)\n");
    netns_run("ip rule add pref 52 ipproto tcp dport 443 sport 22 lookup main");
    expect_line("+ rule 52: from all ipproto 6 sport 22-22 dport 443-443 lookup main\n");
}

/* Nor is one value another. */
static void test_is_no_plain_one(void **state)
{
    struct nl_sock *socket = apply_case_socket();
    struct err err = ERR_INIT;
    struct snapshot before;

    (void)state;
    apply_case_begin("");
    put_dscp(99, 46, RT_TABLE_MAIN);
    if (!kernel_knows(99, DSCP))
        skip();
    apply_case_remember();
    apply_case_read(&before);
    assert_true(apply_netlink_delete_rule(socket, find(&before, 99), &err));
    netns_run("ip rule add pref 99 lookup main protocol 0");
    assert_string_not_equal(apply_case_now(), "");
    netns_run("ip rule del pref 99");
    put_dscp(99, 8, RT_TABLE_MAIN);
    assert_string_not_equal(apply_case_now(), "");
    netns_run("ip rule del pref 99");
    assert_true(apply_netlink_put_rule(socket, find(&before, 99), APPLY_EXCLUSIVE, &err));
    apply_case_check("");
    snapshot_done(&before);
    apply_netlink_close(socket);
}

/* Among siblings: one with a label too, one plain, itself. The kernel takes the first for any. */
static void test_exactly_it_goes_and_comes_back(void **state)
{
    struct nl_sock *socket = apply_case_socket();
    struct message both = begin(FAMILY_IPV4, RT_TABLE_MAIN), one = both;
    const uint8_t dscp = 46, tcp = 6, ours = OCEANID_PROTOCOL;
    struct undo_item item = {.change.kind = OPERATION_RULE};
    struct snapshot without;
    struct err err = ERR_INIT;
    const struct rule *own = NULL;

    (void)state;
    apply_case_begin("");
    add(&both, DSCP, &dscp, sizeof(dscp));
    add(&both, FRA_IP_PROTO, &tcp, sizeof(tcp));
    put(FAMILY_IPV4, 99, &both);
    add(&one, DSCP, &dscp, sizeof(dscp));
    add(&one, FRA_PROTOCOL, &ours, sizeof(ours));
    put(FAMILY_IPV4, 99, &one);
    netns_run("ip rule add pref 100 lookup main");
    if (!kernel_knows(99, DSCP))
        skip();
    apply_case_remember();
    apply_case_read(&item.before);
    for (size_t i = 0; i < item.before.rules_count; i++) {
        if (item.before.rules[i].priority == 99)
            own = &item.before.rules[i]; /* the second */
    }
    item.change.rule.rule = *own;
    assert_int_equal(own->ip_proto, 0);
    assert_true(apply_rule_delete(socket, own, &item.before, &err));
    apply_case_check("- rule 99: from all lookup main and what this program does not know "
                     "(attribute 25)\n");
    apply_case_read(&without);
    assert_true(apply_rule_restore(socket, &item, &without, &err));
    apply_case_check("");
    snapshot_done(&item.before);
    snapshot_done(&without);
    apply_netlink_close(socket);
}

/* To the kernel a plain rule is there already, where one of them is: a change would fail halfway.
 */
static void test_a_plain_one_beside_it_is_refused(void **state)
{
    struct operation operation = apply_case_operation("rule 5140 lookup main");
    struct err err = ERR_INIT;
    struct snapshot now;

    (void)state;
    apply_case_begin("");
    put_dscp(5140, 46, RT_TABLE_MAIN);
    if (!kernel_knows(5140, DSCP))
        skip();
    apply_case_read(&now);
    assert_false(operation_holds(&operation, &now));
    assert_false(operation_check(&operation, &now, &err));
    assert_non_null(strstr(err.text, "what this program does not know (attribute 25)"));
    operation.rule.absent = true;
    assert_true(operation_holds(&operation, &now));
    snapshot_done(&now);
}

/* Realms select nothing, and two rules that differ in nothing else are two. */
static void test_other_realms_are_another_rule(void **state)
{
    (void)state;
    apply_case_begin("ip rule add pref 50 from 10.0.0.1 lookup 7 realms 5\n");
    netns_run("ip rule del pref 50\nip rule add pref 50 from 10.0.0.1 lookup 7 realms 5\n");
    apply_case_check("");
    netns_run("ip rule del pref 50\nip rule add pref 50 from 10.0.0.1 lookup 7 realms 6\n");
    assert_string_not_equal(apply_case_now(), "");
    netns_run("ip rule del pref 50\nip rule add pref 50 from 10.0.0.1 lookup 7\n");
    assert_string_not_equal(apply_case_now(), "");
}

/* A program of before it was known wrote the journal, and took it for a plain rule of ours. */
static void test_what_an_older_program_took_for_plain_comes_back_once(void **state)
{
    struct operation operation = apply_case_removal("rule 99 lookup main");
    struct message message = begin(FAMILY_IPV4, RT_TABLE_MAIN);
    const uint8_t dscp = 46, protocol = 153;
    struct nl_sock *socket = apply_case_socket();
    struct err err = ERR_INIT;
    struct undo_item item;

    (void)state;
    apply_case_begin("");
    add(&message, DSCP, &dscp, sizeof(dscp));
    add(&message, FRA_PROTOCOL, &protocol, sizeof(protocol));
    put(FAMILY_IPV4, 99, &message);
    if (!kernel_knows(99, DSCP))
        skip();
    apply_case_remember();
    apply_case_derive(&operation, &item);
    assert_int_equal(item.before.rules_count, 1);
    item.before.rules[0].unknown = 0;
    item.before.rules[0].unknown_sum = 0;
    item.existed = true;
    assert_true(apply_netlink_delete_rule(socket, &item.before.rules[0], &err));
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    undo_item_done(&item);
    apply_netlink_close(socket);
}

#define IN_NAMESPACE(test) cmocka_unit_test_setup_teardown(test, apply_case_enter, apply_case_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_NAMESPACE(test_is_said),
        IN_NAMESPACE(test_a_whole_mask_is_known),
        IN_NAMESPACE(test_is_no_plain_one),
        IN_NAMESPACE(test_exactly_it_goes_and_comes_back),
        IN_NAMESPACE(test_a_plain_one_beside_it_is_refused),
        IN_NAMESPACE(test_other_realms_are_another_rule),
        IN_NAMESPACE(test_what_an_older_program_took_for_plain_comes_back_once),
    };

    return netns_is_allowed() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
