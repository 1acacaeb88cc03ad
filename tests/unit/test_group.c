/*
 * test_group: nexthop groups of many members and of large weights, in a real kernel: all of them
 * are read, count in a flow's exits, and are back behind an undo.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/socket.h>

#include "agent/guard/io/apply_netlink.h"
#include "agent/guard/io/apply_nexthop.h"
#include "common/net/fib.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/netns.h"

enum { FIRST = 101, MANY = 20, OURS = 118, GROUP = 9, LINE_SIZE = 4096 };

/* Objects 101 to 120 of others, but for one of ours and one by another device, and their group. */
static void begin_with_many(uint32_t elsewhere)
{
    char lines[LINE_SIZE] = "ip link add eth1 type veth peer name far1\n"
                            "ip link set far1 up\nip link set eth1 up\n";
    struct text text = {lines, strlen(lines), sizeof(lines)};

    for (uint32_t id = FIRST; id < FIRST + MANY; id++)
        text_add(&text, "ip nexthop add id %u via 203.0.113.%u dev %s onlink proto %s\n", id, id,
                 id == elsewhere ? "eth1" : "eth0", id == OURS ? "153" : "static");
    text_add(&text, "ip nexthop add id %u group %u", (unsigned)GROUP, (unsigned)FIRST);
    for (uint32_t id = FIRST + 1; id < FIRST + MANY; id++)
        text_add(&text, "/%u", id);
    text_add(&text, " proto static\n");
    apply_case_begin(lines);
}

/* As the kernel lists it, byte for byte. */
static void check_group(const struct snapshot *before)
{
    const struct nexthop *was = snapshot_find_nexthop(before, GROUP);
    const struct nexthop *is;
    struct snapshot now;

    apply_case_read(&now);
    is = snapshot_find_nexthop(&now, GROUP);
    assert_non_null(is);
    assert_int_equal(is->raw_len, was->raw_len);
    assert_memory_equal(is->raw, was->raw, was->raw_len);
    snapshot_done(&now);
}

static void test_all_members_are_read(void **state)
{
    const struct nexthop *group;
    struct snapshot now;

    (void)state;
    begin_with_many(0);
    apply_case_read(&now);
    group = snapshot_find_nexthop(&now, GROUP);
    assert_non_null(group);
    assert_int_equal(group->members_count, MANY);
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(group->members[i].id, FIRST + i);
    snapshot_done(&now);
}

/* Does and undoes it. */
static void check_there_and_back(const struct operation *operation)
{
    struct snapshot before;
    struct undo_item item;

    netns_run("ip route add 10.1.0.0/16 nhid 9 proto static\n");
    apply_case_remember();
    apply_case_read(&before);
    apply_case_run(operation, &item);
    apply_case_undo(&item, REVERT_DONE);
    check_group(&before);
    apply_case_check("");
    snapshot_done(&before);
    undo_item_done(&item);
}

static void test_a_group_of_many_comes_back(void **state)
{
    struct operation operation = apply_case_removal("nexthop 118 blackhole");

    (void)state;
    begin_with_many(0);
    netns_run("ip route add 10.0.0.0/8 nhid 118 proto static\n");
    check_there_and_back(&operation);
}

/* A group is touched with any of its members. */
static void test_a_group_of_many_comes_back_with_a_device(void **state)
{
    struct operation operation = apply_case_link("eth1", 0, "down");

    (void)state;
    begin_with_many(117);
    check_there_and_back(&operation);
}

static bool note(void *context, const struct prefix *prefix, const struct fib_decision *decision)
{
    (void)context;
    (void)prefix;
    assert_non_null(decision->hop);
    return true;
}

static void test_a_flow_leaves_by_any_member(void **state)
{
    struct protected_flow flow = {.name = "pods", .device = "eth0"};
    struct snapshot now;
    struct fib *fib;

    (void)state;
    begin_with_many(117);
    netns_run("ip route add 10.1.0.0/16 nhid 9 proto static\n");
    assert_true(prefix_parse("10.1.0.0/16", &flow.destination));
    apply_case_read(&now);
    fib = fib_new(&now);
    assert_int_equal(fib_check_flow(fib, &flow, note, NULL), 1);
    fib_free(fib);
    snapshot_done(&now);
}

/* ---- weights ----------------------------------------------------------------------------------
 */

/* As a daemon asks for it whose headers know the upper byte (since Linux 6.12). */
static void put_heavy_group(void)
{
    static const struct {
        uint32_t id;
        uint8_t weight, weight_high;
        uint16_t rest;
    } members[] = {{1, 0xe7, 0x03, 0}, {2, 0x03, 0, 0}}; /* 1000 and 4 */
    const struct nhmsg header = {.nh_protocol = 4};
    struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWNEXTHOP, 0);
    struct nexthop nexthop = {.id = GROUP, .group = true};
    struct err err = ERR_INIT;
    struct nl_sock *socket = apply_netlink_open(&err);

    assert_non_null(message);
    assert_non_null(socket);
    nlmsg_append(message, (void *)(uintptr_t)&header, sizeof(header), NLMSG_ALIGNTO);
    nla_put_u32(message, NHA_ID, GROUP);
    nla_put(message, NHA_GROUP, sizeof(members), members);
    nexthop.raw = nlmsg_data(nlmsg_hdr(message));
    nexthop.raw_len = (uint32_t)nlmsg_datalen(nlmsg_hdr(message));
    if (!apply_nexthop_put(socket, &nexthop, APPLY_EXCLUSIVE, &err))
        fail_msg("%s", err.text);
    nl_socket_free(socket);
    nlmsg_free(message);
}

static void test_a_large_weight_is_read_whole(void **state)
{
    struct operation operation = apply_case_removal("nexthop 2 blackhole");

    (void)state;
    apply_case_begin("ip nexthop add id 1 via 203.0.113.1 dev eth0 proto static\n"
                     "ip nexthop add id 2 via 203.0.113.2 dev eth0 proto 153\n");
    put_heavy_group();
    apply_case_remember();
    apply_case_there_and_back(&operation, "- nexthop id 2 via 203.0.113.2 dev eth0\n"
                                          "- nexthop id 9 group 1,1000/2,4\n"
                                          "+ nexthop id 9 group 1,1000\n");
}

#define IN_NAMESPACE(test) cmocka_unit_test_setup_teardown(test, apply_case_enter, apply_case_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_NAMESPACE(test_all_members_are_read),
        IN_NAMESPACE(test_a_group_of_many_comes_back),
        IN_NAMESPACE(test_a_group_of_many_comes_back_with_a_device),
        IN_NAMESPACE(test_a_flow_leaves_by_any_member),
        IN_NAMESPACE(test_a_large_weight_is_read_whole),
    };

    if (!netns_is_allowed())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
