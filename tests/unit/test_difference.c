/*
 * test_difference: which two rules are one: by every selector that this program knows, and by the
 * kernel's own bytes where both sides have them. Without a kernel: what a later one adds is here
 * too.
 */
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/text.h"
#include "common/net/attribute.h"
#include "common/net/render.h"

enum { DSCP = 25, FLAGS = 0xc000 }; /* NLA_F_NESTED, NLA_F_NET_BYTEORDER */

/* ---- by what is known ------------------------------------------------------------------------ */

static struct rule plain(void)
{
    return (struct rule){.family = FAMILY_IPV4,
                         .action = FR_ACT_TO_TBL,
                         .priority = 100,
                         .table = 254,
                         .uid_last = UINT32_MAX,
                         .suppress_prefixlength = -1,
                         .suppress_ifgroup = -1};
}

static void expect_other(const struct rule *other, const char *what)
{
    struct rule own = plain();

    if (render_same_rule(&own, other) || render_same_rule(other, &own))
        fail_msg("a rule with another %s is taken for the same", what);
    assert_true(render_same_rule(other, other));
}

#define OTHER(field, value)                                                                        \
    do {                                                                                           \
        struct rule other = plain();                                                               \
        other.field = value;                                                                       \
        expect_other(&other, #field);                                                              \
    } while (0)

static void every_selector_tells_two_rules_apart(void **state)
{
    struct rule device = plain();
    struct rule prefix = plain();

    (void)state;
    OTHER(family, FAMILY_IPV6);
    OTHER(priority, 101);
    OTHER(action, FR_ACT_BLACKHOLE);
    OTHER(table, 52);
    OTHER(goto_priority, 200);
    OTHER(protocol, 4);
    OTHER(tos, 16);
    OTHER(ip_proto, 6);
    OTHER(invert, true);
    OTHER(l3mdev, true);
    OTHER(tun_id, 5);
    OTHER(mark, 1);
    OTHER(mask, 1);
    OTHER(uid_first, 1);
    OTHER(uid_last, 1);
    OTHER(sport_first, 1);
    OTHER(sport_last, 1);
    OTHER(dport_first, 1);
    OTHER(dport_last, 1);
    OTHER(suppress_prefixlength, 0);
    OTHER(suppress_ifgroup, 0);
    text_copy(device.iif, sizeof(device.iif), "eth0");
    expect_other(&device, "iif");
    device = plain();
    text_copy(device.oif, sizeof(device.oif), "eth0");
    expect_other(&device, "oif");
    assert_true(prefix_parse("203.0.113.0/24", &prefix.source));
    expect_other(&prefix, "source");
    prefix = plain();
    assert_true(prefix_parse("203.0.113.0/24", &prefix.destination));
    expect_other(&prefix, "destination");
}

/* ---- by the kernel's bytes ------------------------------------------------------------------- */

struct message {
    uint8_t bytes[256];
    uint32_t len;
};

static void add(struct message *message, unsigned type, const void *data, size_t len)
{
    struct rtattr header = {(unsigned short)(sizeof(header) + len), (unsigned short)type};

    memcpy(message->bytes + message->len, &header, sizeof(header));
    memcpy(message->bytes + message->len + sizeof(header), data, len);
    message->len += (uint32_t)RTA_ALIGN(header.rta_len);
}

static struct message begin(void)
{
    struct message message = {.len = sizeof(struct fib_rule_hdr)};
    const uint32_t table = 254;

    add(&message, FRA_TABLE, &table, sizeof(table));
    return message;
}

static struct message with(unsigned type, uint32_t value, size_t len)
{
    struct message message = begin();

    add(&message, type, &value, len);
    return message;
}

static bool is_same(struct message one, struct message other)
{
    struct rule a = plain();
    struct rule b = plain();

    a.raw = one.bytes;
    a.raw_len = one.len;
    b.raw = other.bytes;
    b.raw_len = other.len;
    assert_int_equal(render_same_rule(&a, &b), render_same_rule(&b, &a));
    return render_same_rule(&a, &b);
}

static void what_no_field_is_for_is_told_by_its_bytes(void **state)
{
    (void)state;
    assert_true(is_same(with(DSCP, 46, 1), with(DSCP, 46, 1)));
    assert_false(is_same(with(DSCP, 46, 1), with(DSCP, 8, 1)));
    assert_false(is_same(with(DSCP, 46, 1), with(DSCP, 46, 2)));
    assert_false(is_same(with(DSCP, 46, 1), with(DSCP + 1, 46, 1)));
    assert_false(is_same(with(DSCP, 46, 1), begin()));
    assert_false(is_same(with(FRA_FLOW, 5, 4), with(FRA_FLOW, 6, 4)));
    assert_false(is_same(with(FRA_FLOW, 5, 4), begin()));
    assert_true(is_same(with(DSCP | FLAGS, 46, 1), with(DSCP, 46, 1)));
}

/* The others are compared as fields: what a kernel adds of its own says nothing. */
static void what_a_field_is_for_is_no_difference_of_bytes(void **state)
{
    (void)state;
    assert_true(is_same(with(FRA_PAD, 0, 4), begin()));
    assert_true(is_same(with(FRA_SUPPRESS_IFGROUP | FLAGS, UINT32_MAX, 4), begin()));
}

/* Of all ones it comes with each single port since Linux 6.15. */
static void a_whole_mask_of_a_port_is_none(void **state)
{
    (void)state;
    assert_true(is_same(with(RULE_DPORT_MASK, 0xffff, 2), begin()));
    assert_true(is_same(begin(), with(RULE_SPORT_MASK, 0xffff, 2)));
    assert_false(is_same(with(RULE_DPORT_MASK, 0xfff0, 2), begin()));
    assert_false(is_same(with(RULE_SPORT_MASK, 0xfff0, 2), with(RULE_DPORT_MASK, 0xfff0, 2)));
    assert_false(is_same(with(RULE_DPORT_MASK, 0xffff, 4), begin())); /* no mask that we know */
}

/* A model's, or an older journal's: then what was noted of them decides. */
static void without_bytes_of_one_side_it_is_what_was_noted(void **state)
{
    struct message message = with(DSCP, 46, 1);
    struct rule known = plain();
    struct rule own = plain();

    (void)state;
    own.raw = message.bytes;
    own.raw_len = message.len;
    own.unknown = DSCP;
    own.unknown_sum = 7;
    assert_false(render_same_rule(&own, &known));
    assert_false(render_same_rule(&known, &own));
    known.unknown = DSCP;
    assert_false(render_same_rule(&own, &known));
    known.unknown_sum = 7;
    assert_true(render_same_rule(&own, &known));
}

/* What is cut short ends the walk, and is not read. */
static void what_is_cut_short_is_not_read(void **state)
{
    struct message message = with(DSCP, 46, 1);
    struct attributes from;
    struct attribute one;

    (void)state;
    message.len -= 4; /* of the padded one: its value is gone */
    from = attributes_behind(message.bytes, message.len, sizeof(struct fib_rule_hdr));
    assert_true(attribute_next(&from, &one));
    assert_int_equal(one.type, FRA_TABLE);
    assert_false(attribute_next(&from, &one));
    from =
        attributes_behind(message.bytes, sizeof(struct fib_rule_hdr), sizeof(struct fib_rule_hdr));
    assert_false(attribute_next(&from, &one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_selector_tells_two_rules_apart),
        cmocka_unit_test(what_no_field_is_for_is_told_by_its_bytes),
        cmocka_unit_test(what_a_field_is_for_is_no_difference_of_bytes),
        cmocka_unit_test(a_whole_mask_of_a_port_is_none),
        cmocka_unit_test(without_bytes_of_one_side_it_is_what_was_noted),
        cmocka_unit_test(what_is_cut_short_is_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
