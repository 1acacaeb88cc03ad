/*
 * test_apply_link: addresses and links changed and taken back in a real kernel, with what it takes
 * along silently.
 */
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/net/render.h"
#include "common/net/sever.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/netns.h"

/* eth1 - far1 with addresses of both families in an order, and routes of three protocols by it. */
static const char second[] =
    "ip link add eth1 type veth peer name far1\n"
    "ip link set far1 addrgenmode none\n"
    "sysctl -qw net.ipv4.conf.all.promote_secondaries=0 net.ipv4.conf.eth1.promote_secondaries=0 "
    "net.ipv6.conf.eth1.accept_dad=0 net.ipv6.conf.eth1.accept_ra=2\n"
    "ip link set far1 up\n"
    "ip link set eth1 up\n"
    "ip address add 192.0.2.10/24 dev eth1 broadcast 192.0.2.255 label eth1:a\n"
    "ip address add 192.0.2.11/24 dev eth1\n"
    "ip address add 192.0.2.12/24 dev eth1\n"
    "ip address add 2001:db8:2::10/64 dev eth1 nodad\n"
    "ip address add 2001:db8:2::11/64 dev eth1 nodad\n"
    "ip route add 10.1.0.0/16 via 192.0.2.1 proto static\n"
    "ip route add 10.2.0.0/16 dev eth1 proto 153 metric 7\n"
    "ip route add 10.3.0.0/16 via 203.0.113.1 src 192.0.2.10\n"
    "ip route add 10.4.0.0/16 via 192.0.2.1 table 77 proto 153\n"
    "ip -6 route add 2001:db8:a::/48 via 2001:db8:2::1 proto static\n"
    "ip -6 route add 2001:db8:b::/48 dev eth0 src 2001:db8:2::10\n"
    "ip -6 route add 2001:db8:c::/48 proto static nexthop via fe80::1 dev eth1 "
    "nexthop via fe80::1 dev eth0\n"
    "ip nexthop add id 7 via 192.0.2.1 dev eth1 proto static\n"
    "ip nexthop add id 8 via 203.0.113.1 dev eth0 proto static\n"
    "ip nexthop add id 9 group 7/8,3 proto static\n"
    "ip nexthop add id 10 group 7 proto 153\n"
    "ip route add 10.5.0.0/16 nhid 7 proto static\n"
    "ip route add 10.6.0.0/16 nhid 9\n"
    "ip route add 10.7.0.0/16 nhid 10 proto 153\n";

static bool has_both_ends(const struct snapshot *now)
{
    unsigned count = 0;

    for (size_t i = 0; i < now->routes_count; i++)
        count += now->routes[i].type == RTN_MULTICAST && now->routes[i].destination.len == 8;
    return count == 4;
}

static bool has_local_addresses(const struct snapshot *now)
{
    unsigned count = 0;

    for (size_t i = 0; i < now->routes_count; i++)
        count += now->routes[i].type == RTN_LOCAL &&
                 now->routes[i].destination.address.family == FAMILY_IPV6;
    return count == 5 && has_both_ends(now); /* ::1, eth0's and eth1's two, and fe80:: */
}

static void begin(const char *lines)
{
    char all[4096];

    snprintf(all, sizeof(all), "%s%s", second, lines);
    apply_case_begin(all);
    netns_wait_for(has_local_addresses, "both pairs up, with their addresses");
    apply_case_remember();
}

/* What differs, but for what the model leaves to the kernel: the other end's carrier, and a hop
 * that stays in its route as a dead one. */
static void note_unforeseen(void *context, const char *line)
{
    if (strstr(line, "far1") == NULL && strstr(line, "2001:db8:c::/48") == NULL)
        text_add(context, "%s\n", line);
}

static void check_prediction(const struct operation *operation, const struct snapshot *before)
{
    char found[2048] = "";
    struct text text = TEXT_IN(found);
    struct snapshot predicted, now;

    snapshot_copy(&predicted, before);
    operation_predict(operation, &predicted);
    apply_case_read(&now);
    render_difference(&predicted, &now, note_unforeseen, &text);
    snapshot_done(&predicted);
    snapshot_done(&now);
    if (found[0] != '\0')
        fail_msg("the kernel did otherwise than predicted:\n%s", found);
}

/* Runs, undoes; afterwards nothing differs, in order neither. */
static void check_there_and_back(const struct operation *operation, const char *part)
{
    struct undo_item item;
    struct err err = ERR_INIT;
    struct snapshot before;
    const char *difference;

    apply_case_read(&before);
    apply_case_run(operation, &item);
    check_prediction(operation, &before);
    snapshot_done(&before);
    difference = apply_case_now();
    if (strstr(difference, part) == NULL)
        fail_msg("expected '%s' in:\n%s", part, difference);
    assert_false(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    apply_case_undo(&item, REVERT_DONE);
    netns_wait_for(has_local_addresses, "the kernel's own routes");
    apply_case_check("");
    apply_case_check_order();
    if (!apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err))
        fail_msg("%s", err.text);
    apply_case_undo(&item, REVERT_DONE); /* twice is once */
    apply_case_check("");
    undo_item_done(&item);
}

/* The same where the guard died before it could read back. */
static void check_without_after(const struct operation *operation)
{
    struct undo_item item;

    apply_case_run(operation, &item);
    item.has_after = false;
    snapshot_done(&item.after);
    apply_case_undo(&item, REVERT_DONE);
    netns_wait_for(has_local_addresses, "the kernel's own routes");
    apply_case_check("");
    apply_case_check_order();
    undo_item_done(&item);
}

static void check_both(struct operation operation, const char *part)
{
    check_there_and_back(&operation, part);
    check_without_after(&operation);
}

static void test_added_address(void **state)
{
    (void)state;
    begin("");
    check_both(apply_case_address("198.51.100.9/24", "eth1", false),
               "+ address 198.51.100.9/24 on eth1\n");
    check_both(apply_case_address("192.0.2.77/24", "eth1", false),
               "+ address 192.0.2.77/24 on eth1 secondary\n");
    check_both(apply_case_address("2001:db8:9::1/64", "eth1", false),
               "+ address 2001:db8:9::1/64 on eth1\n");
    check_both(apply_case_address("198.51.100.9/32", "lo", false),
               "+ address 198.51.100.9/32 on lo\n");
}

/* With the primary its secondaries go, and every route with it as its source. */
static void test_removed_primary(void **state)
{
    (void)state;
    begin("");
    check_both(apply_case_address("192.0.2.10/24", "eth1", true),
               "- address 192.0.2.11/24 on eth1");
    check_both(apply_case_address("192.0.2.10/24", "eth1", true),
               "- 10.3.0.0/16 via 203.0.113.1 dev eth0 src 192.0.2.10\n");
}

/* The last address takes every table's routes by that device. */
static void test_removed_last_address(void **state)
{
    (void)state;
    begin("ip address del 192.0.2.12/24 dev eth1\nip address del 192.0.2.11/24 dev eth1\n");
    check_both(apply_case_address("192.0.2.10/24", "eth1", true),
               "- 10.4.0.0/16 via 192.0.2.1 dev eth1 table 77\n");
}

/* The first secondary takes its place; to be first again the others have to be put anew. */
static void test_removed_primary_with_promotion(void **state)
{
    (void)state;
    begin("sysctl -qw net.ipv4.conf.eth1.promote_secondaries=1\n");
    check_both(apply_case_address("192.0.2.10/24", "eth1", true),
               "+ address 192.0.2.11/24 on eth1\n");
}

static void test_removed_secondary(void **state)
{
    (void)state;
    begin("");
    check_both(apply_case_address("192.0.2.11/24", "eth1", true),
               "- address 192.0.2.11/24 on eth1 secondary\n");
}

/* What was taken comes back first, while ours is among them: then nothing can be moved, and when
 * ours is gone the order is put right, and stays so. */
static void test_order_beside_an_added_one(void **state)
{
    const struct operation removal = apply_case_address("192.0.2.10/24", "eth1", true);
    const struct operation added = apply_case_address("198.51.100.9/24", "eth1", false);
    struct undo_item items[2];

    (void)state;
    begin("ip address add 198.51.100.5/24 dev eth1\n");
    apply_case_run(&removal, &items[0]);
    apply_case_run(&added, &items[1]);
    apply_case_undo(&items[0], REVERT_DONE);
    apply_case_undo(&items[1], REVERT_DONE);
    for (int i = 0; i < 2; i++) {
        apply_case_undo(&items[0], REVERT_DONE);
        apply_case_check("");
        apply_case_check_order();
    }
    undo_item_done(&items[0]);
    undo_item_done(&items[1]);
}

/* Routes keep their way and lose their source; the order decides which source is chosen. */
static void test_removed_ipv6_address(void **state)
{
    (void)state;
    begin("");
    check_both(apply_case_address("2001:db8:2::10/64", "eth1", true),
               "+ 2001:db8:b::/48 dev eth0 metric 1024\n");
    check_both(apply_case_address("2001:db8:2::11/64", "eth1", true),
               "- address 2001:db8:2::11/64 on eth1\n");
}

static void test_mtu(void **state)
{
    (void)state;
    begin("");
    check_both(apply_case_link("eth1", 1400, NULL), "+ link eth1 mtu 1400 up\n");
}

/* The kernel gives an IPv6 route the device's mtu where its own is not locked and was as great, or
 * the same as the device's; and does not give it back. */
static const char with_mtu[] =
    "ip -6 route add 2001:db8:d::/48 via 2001:db8:2::1 proto static mtu 1400\n"
    "ip -6 route add 2001:db8:e::/48 via 2001:db8:2::1 mtu lock 1400\n"
    "ip -6 route add 2001:db8:f::/48 via 2001:db8:2::1 proto 153 mtu 1290\n"
    "ip -6 route add 2001:db8:10::/48 dev eth1 mtu 1350\n"
    "ip -6 route append 2001:db8:10::/48 dev eth0 mtu 1350\n"
    "ip -6 route add 2001:db8:16::/48 dev eth0 mtu 1350\n"
    "ip -6 route append 2001:db8:16::/48 dev eth1 mtu 1350\n"
    "ip nexthop add id 11 via 2001:db8:2::1 dev eth1 proto static\n"
    "ip -6 route add 2001:db8:12::/48 nhid 11 mtu 1400\n"
    "ip nexthop add id 12 via 2001:db8:1::1 dev eth0 proto static\n"
    "ip nexthop add id 13 group 12/11 proto static\n"
    "ip -6 route add 2001:db8:13::/48 nhid 13 mtu 1400\n"
    "ip route add 10.8.0.0/16 via 192.0.2.1 mtu 1400\n";

static void test_mtu_of_routes(void **state)
{
    (void)state;
    begin(with_mtu);
    netns_run("ip -6 route add 2001:db8:11::/48 mtu 1400 nexthop via 2001:db8:2::1 dev eth1 "
              "nexthop via 2001:db8:1::1 dev eth0\n");
    apply_case_remember();
    check_both(apply_case_link("eth1", 1300, NULL),
               "+ 2001:db8:d::/48 via 2001:db8:2::1 dev eth1 metric 1024 mtu 1300\n");
    check_both(apply_case_link("eth1", 1400, NULL), "+ link eth1 mtu 1400 up\n");
    netns_run("ip -6 route del 2001:db8:11::/48\n");
    apply_case_remember();
    check_both(apply_case_link("eth1", 1300, "down"),
               "- 2001:db8:d::/48 via 2001:db8:2::1 dev eth1 metric 1024 mtu 1400\n");
    check_both(apply_case_link("eth1", 1200, NULL),
               "- 2001:db8:d::/48 via 2001:db8:2::1 dev eth1 metric 1024 mtu 1400\n");
}

/* Taking back an mtu that was made greater moves those that the change left alone. */
static void test_mtu_of_routes_above_the_links(void **state)
{
    (void)state;
    begin("");
    netns_run("ip link set eth1 mtu 1300\n");
    netns_run(with_mtu);
    netns_run("ip -6 route add 2001:db8:14::/48 via 2001:db8:2::1 mtu 1300\n");
    apply_case_remember();
    check_both(apply_case_link("eth1", 1500, NULL),
               "+ 2001:db8:14::/48 via 2001:db8:2::1 dev eth1 metric 1024 mtu 1500\n");
}

/* Somebody's newer MTU stays, also where taking the link's back moves it. */
static void test_mtu_of_others_routes(void **state)
{
    struct operation smaller = apply_case_link("eth1", 1300, NULL);
    struct operation greater = apply_case_link("eth1", 1500, NULL);
    struct undo_item item;

    (void)state;
    begin(with_mtu);
    apply_case_run(&smaller, &item);
    netns_run("ip -6 route change 2001:db8:d::/48 via 2001:db8:2::1 proto static mtu 1285\n"
              "ip -6 route add 2001:db8:15::/48 via 2001:db8:2::1 mtu 1300\n");
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("- 2001:db8:d::/48 via 2001:db8:2::1 dev eth1 metric 1024 mtu 1400\n"
                     "+ 2001:db8:d::/48 via 2001:db8:2::1 dev eth1 metric 1024 mtu 1285\n"
                     "+ 2001:db8:15::/48 via 2001:db8:2::1 dev eth1 metric 1024 mtu 1300\n");
    undo_item_done(&item);
    netns_run("ip link set eth1 mtu 1350\n"
              "ip -6 route change 2001:db8:d::/48 via 2001:db8:2::1 proto static mtu 1400\n");
    apply_case_remember();
    apply_case_run(&greater, &item);
    netns_run("ip -6 route change 2001:db8:d::/48 via 2001:db8:2::1 proto static mtu 1450\n");
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("- 2001:db8:d::/48 via 2001:db8:2::1 dev eth1 metric 1024 mtu 1400\n"
                     "+ 2001:db8:d::/48 via 2001:db8:2::1 dev eth1 metric 1024 mtu 1450\n");
    undo_item_done(&item);
}

/* The guard was killed between the link and its routes: what is open is said, and done. */
static void test_mtu_of_routes_behind_a_kill(void **state)
{
    struct operation operation = apply_case_link("eth1", 1300, NULL);
    struct undo_item item;
    struct err err = ERR_INIT;

    (void)state;
    begin(with_mtu);
    apply_case_run(&operation, &item);
    netns_run("ip link set eth1 mtu 1500\n");
    assert_false(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    if (strstr(err.text, "expected '2001:db8:d::/48 via 2001:db8:2::1 dev eth1 metric 1024 mtu "
                         "1400' of protocol 4, found it with mtu 1500") == NULL)
        fail_msg("%s", err.text);
    apply_case_undo(&item, REVERT_DONE);
    apply_case_check("");
    undo_item_done(&item);
}

/* Below 1280 all of IPv6 goes, its settings too. */
static void test_mtu_without_ipv6(void **state)
{
    (void)state;
    begin("");
    check_both(apply_case_link("eth1", 1200, NULL), "- net.ipv6.conf.eth1.accept_ra = 2\n");
    check_both(apply_case_link("eth1", 1200, NULL), "- address 2001:db8:2::10/64 on eth1\n");
}

static void test_down(void **state)
{
    (void)state;
    begin("");
    check_both(apply_case_link("eth1", 0, "down"), "- 10.1.0.0/16 via 192.0.2.1 dev eth1\n");
    check_both(apply_case_link("eth1", 1300, "down"), "+ link eth1 mtu 1300 down\n");
    check_both(apply_case_link("eth1", 0, "down"), "- nexthop id 7 via 192.0.2.1 dev eth1\n");
}

/* A gateway that only another static route leads to: behind that, whatever the order of their keys.
 */
static void test_down_with_a_gateway_behind_a_route(void **state)
{
    (void)state;
    begin("ip route add 198.18.9.0/24 dev eth1 proto static\n"
          "ip route add 10.77.0.0/16 via 198.18.9.1 dev eth1 proto static\n"
          "ip -6 route add 2001:db8:99::/64 dev eth1 proto static\n"
          "ip -6 route add 2001:db8:77::/48 via 2001:db8:99::1 dev eth1 proto static\n");
    check_both(apply_case_link("eth1", 0, "down"), "- 10.77.0.0/16 via 198.18.9.1 dev eth1\n");
}

/* ---- others -----------------------------------------------------------------------------------
 */

/* The kernel takes a nexthop object with a carrier only: said, and tried again. */
static void test_waits_for_carrier(void **state)
{
    struct operation operation = apply_case_link("eth1", 0, "down");
    struct undo_item item;
    struct err err = ERR_INIT;

    (void)state;
    begin("");
    apply_case_run(&operation, &item);
    netns_run("ip link set far1 down\n");
    assert_non_null(strstr(apply_case_undo(&item, REVERT_RETRY), "waits for carrier of eth1"));
    assert_false(apply_is_restored(&apply_case, &item, 1, NULL, 0, 0, &err));
    netns_run("ip link set far1 up\n");
    netns_wait_for(has_both_ends, "carrier");
    apply_case_undo(&item, REVERT_DONE);
    netns_wait_for(has_local_addresses, "the kernel's own routes");
    apply_case_check("");
    apply_case_check_order();
    undo_item_done(&item);
}

/* An address that somebody put beside ours stays, although the kernel takes it with ours. */
static void test_others_stay(void **state)
{
    struct operation operation = apply_case_address("198.51.100.9/24", "eth1", false);
    struct undo_item item;

    (void)state;
    begin("");
    apply_case_run(&operation, &item);
    netns_run("ip address add 198.51.100.10/24 dev eth1\n"
              "ip route add 10.9.0.0/16 via 198.51.100.1 proto static\n");
    apply_case_undo(&item, REVERT_DONE);
    assert_non_null(strstr(apply_case_now(), "+ address 198.51.100.10/24 on eth1\n"));
    assert_non_null(strstr(apply_case_now(), "+ 10.9.0.0/16 via 198.51.100.1 dev eth1\n"));
    assert_null(strstr(apply_case_now(), "198.51.100.9/24"));
    undo_item_done(&item);
}

static void test_changed_by_others_is_left(void **state)
{
    struct operation mtu = apply_case_link("eth1", 1400, NULL);
    struct operation address = apply_case_address("198.51.100.9/24", "eth1", false);
    struct undo_item item;

    (void)state;
    begin("");
    apply_case_run(&mtu, &item);
    netns_run("ip link set eth1 mtu 1450\n");
    assert_non_null(strstr(apply_case_undo(&item, REVERT_LEFT), "found link eth1 mtu 1450"));
    apply_case_check("- link eth1 mtu 1500 up\n+ link eth1 mtu 1450 up\n");
    undo_item_done(&item);
    netns_run("ip link set eth1 mtu 1500\n");
    apply_case_run(&address, &item);
    netns_run("ip address change 198.51.100.9/24 dev eth1 valid_lft 600 preferred_lft 600\n");
    assert_non_null(strstr(apply_case_undo(&item, REVERT_LEFT), "found one that belongs to"));
    undo_item_done(&item);
}

static void test_refused(void **state)
{
    const struct {
        struct operation operation;
        const char *says;
    } cases[] = {
        {apply_case_address("198.51.100.7/24", "eth1", true), "belongs to DHCP"},
        {apply_case_address("198.51.100.7/24", "eth1", false), "belongs to DHCP"},
        {apply_case_address("192.0.2.11/24", "eth0", false),
         "has it already, with length 24 on eth1"},
        {apply_case_address("192.0.2.11/25", "eth1", false),
         "has it already, with length 24 on eth1"},
        {apply_case_address("10.0.0.1/8", "gone0", false), "device gone0 is not there"},
        {apply_case_link("gone0", 1400, NULL), "the device is not there"},
        {apply_case_link("lo", 1400, NULL), "belongs to kernel"},
        {apply_case_link("eth1", 65536, NULL), "mtu greater than device maximum"},
    };

    (void)state;
    begin("ip address add 198.51.100.7/24 dev eth1 valid_lft 600 preferred_lft 600\n");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = ERR_INIT;
        struct undo_item item;

        apply_case_derive(&cases[i].operation, &item);
        assert_false(apply_run(&apply_case, &item, &err));
        if (strstr(err.text, cases[i].says) == NULL)
            fail_msg("case %zu: %s", i, err.text);
        apply_case_check("");
        undo_item_done(&item);
    }
}

static bool is_refused(const struct operation *operation)
{
    struct snapshot now;
    struct err err = ERR_INIT;
    bool accepted;

    apply_case_read(&now);
    accepted = sever_check(operation, &now, NULL, 0, &err);
    if (!accepted && strstr(err.text, "upon1 would follow eth1") == NULL)
        fail_msg("%s", err.text);
    snapshot_done(&now);
    return !accepted;
}

/* Why a smaller mtu of a device that others stand on is refused: what is lost there would not be
 * lost by the device itself, and does not come back with it. */
static void test_what_stands_on_it(void **state)
{
    const struct operation smaller = apply_case_link("eth1", 1200, NULL);
    const struct operation down = apply_case_link("eth1", 0, "down");
    const struct operation larger = apply_case_link("eth1", 1600, NULL);
    struct snapshot now;

    (void)state;
    begin("ip link add link eth1 name upon1 type macvlan || true\n");
    apply_case_read(&now);
    if (snapshot_find_device(&now, "upon1") == NULL) {
        snapshot_done(&now);
        print_message("skipped: this kernel makes no macvlan\n");
        skip();
    }
    snapshot_done(&now);
    netns_run("sysctl -qw net.ipv6.conf.upon1.accept_dad=0\nip link set upon1 up\n"
              "ip address add 2001:db8:7::10/64 dev upon1 nodad\n");
    assert_true(is_refused(&smaller));
    assert_true(is_refused(&down));
    assert_false(is_refused(&larger));
    apply_case_remember();
    netns_run("ip link set eth1 mtu 1200\nip link set eth1 mtu 1500\n");
    assert_non_null(strstr(apply_case_now(), "+ link upon1 mtu 1200 up\n"));
    assert_non_null(strstr(apply_case_now(), "- address 2001:db8:7::10/64 on upon1\n"));
}

/* Something of what would be put back went between planning and doing: whose is it then? */
static void test_changed_since_planned(void **state)
{
    struct operation operation = apply_case_link("eth1", 0, "down");
    struct undo_item item;
    struct err err = ERR_INIT;

    (void)state;
    begin("");
    apply_case_derive(&operation, &item);
    netns_run("ip route del 10.1.0.0/16\n");
    assert_false(apply_run(&apply_case, &item, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_non_null(strstr(err.text, "changed since it was planned: expected '10.1.0.0/16"));
    apply_case_check("- 10.1.0.0/16 via 192.0.2.1 dev eth1\n");
    undo_item_done(&item);
}

/* Its MTU alone: the undo would put back the one that it had when the change was planned. */
static void test_mtu_changed_since_planned(void **state)
{
    struct operation operation = apply_case_link("eth1", 0, "down");
    struct undo_item item;
    struct err err = ERR_INIT;

    (void)state;
    begin(with_mtu);
    apply_case_derive(&operation, &item);
    netns_run("ip route change 10.8.0.0/16 via 192.0.2.1 mtu 1450\n");
    assert_false(apply_run(&apply_case, &item, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    if (strstr(err.text, "changed since it was planned: expected '10.8.0.0/16 via 192.0.2.1 dev "
                         "eth1 mtu 1400' of protocol 3, found it with mtu 1450") == NULL)
        fail_msg("%s", err.text);
    undo_item_done(&item);
}

/* Already so: nothing is done, and nothing undone. */
static void test_already_so(void **state)
{
    const struct operation operations[] = {apply_case_address("192.0.2.10/24", "eth1", false),
                                           apply_case_address("192.0.2.99/24", "eth1", true),
                                           apply_case_link("eth1", 1500, "up")};

    (void)state;
    begin("");
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        struct undo_item item;

        apply_case_run(&operations[i], &item);
        apply_case_check("");
        apply_case_undo(&item, REVERT_DONE);
        apply_case_check("");
        undo_item_done(&item);
    }
}

static void check_put_back(const struct operation *operations, uint32_t put, uint32_t pending)
{
    uint32_t waiting = 77;
    struct err err = ERR_INIT;

    assert_int_equal(apply_assert(&apply_case, operations, 3, &waiting, &err), put);
    assert_int_equal(waiting, pending);
    assert_string_equal(err.text, "");
}

/* What was confirmed comes back when its device comes. */
static void test_comes_with_its_device(void **state)
{
    const struct operation operations[] = {apply_case_link("eth1", 1400, NULL),
                                           apply_case_address("198.51.100.9/24", "eth1", false),
                                           apply_case_address("192.0.2.11/24", "eth1", true)};

    (void)state;
    begin("");
    check_put_back(operations, 3, 0);
    check_put_back(operations, 0, 0);
    netns_run("ip link del eth1\n");
    check_put_back(operations, 0, 2); /* the third holds: it is not there */
    netns_run("ip link add eth1 type veth peer name far1\nip link set eth1 up\n"
              "ip address add 192.0.2.11/24 dev eth1\n");
    check_put_back(operations, 3, 0);
    assert_non_null(strstr(apply_case_now(), "+ address 198.51.100.9/24 on eth1\n"));
    assert_null(strstr(apply_case_now(), "+ address 192.0.2.11/24 on eth1"));
}

/* An address that cannot be put now would have been there, and others' routes with it, when the
 * last one of its device went. */
static void test_takes_nothing_behind_a_failure(void **state)
{
    const struct operation operations[] = {apply_case_address("192.0.2.11/25", "eth1", false),
                                           apply_case_address("192.0.2.10/24", "eth1", true),
                                           apply_case_link("eth1", 1200, NULL),
                                           apply_case_link("eth1", 0, "down"),
                                           apply_case_address("198.51.100.9/24", "eth1", false),
                                           apply_case_link("eth0", 1400, NULL)};
    uint32_t pending = 77;
    struct err err = ERR_INIT;

    (void)state;
    begin("");
    assert_int_equal(apply_assert(&apply_case, operations, 6, &pending, &err), 2);
    assert_int_equal(pending, 0);
    assert_non_null(strstr(err.text, "has it already, with length 24 on eth1"));
    apply_case_check("- link eth0 mtu 1500 up\n+ link eth0 mtu 1400 up\n"
                     "+ address 198.51.100.9/24 on eth1\n"
                     "+ 198.51.100.0/24 dev eth1 src 198.51.100.9\n"
                     "+ local 198.51.100.9 dev eth1 table local src 198.51.100.9\n"
                     "+ broadcast 198.51.100.255 dev eth1 table local src 198.51.100.9\n");
}

/* ---- undo.txt ---------------------------------------------------------------------------------
 */

struct undo_text {
    char batch[4096], typed[8192];
};

/* For a shell what stands behind a #. */
static void add_line(void *context, const char *line)
{
    struct undo_text *undo = context;
    char *to = line[0] == '#' ? undo->typed : undo->batch;
    size_t size = line[0] == '#' ? sizeof(undo->typed) : sizeof(undo->batch);
    struct text text = {to, strlen(to), size};

    text_add(&text, "%s\n", line + (line[0] == '#' ? 2 : 0));
}

static void run_undo_text(const struct undo_text *undo)
{
    char script[4096];

    snprintf(script, sizeof(script), "ip -force -batch - <<'END'\n%.3900sEND\n", undo->batch);
    netns_run(script);
    for (const char *at = undo->typed; *at != '\0'; at += strcspn(at, "\n") + 1) {
        snprintf(script, sizeof(script), "%.*s >&2", (int)strcspn(at, "\n"), at);
        netns_run(script);
    }
}

/* What a person gives to `ip -batch`, and then types, does what undoing does. */
static void check_batch(const struct operation *operation)
{
    struct undo_text undo = {"", ""};
    char line[4096] = "";
    struct text text = TEXT_IN(line);
    struct undo_item item;

    apply_case_run(operation, &item);
    assert_true(undo_render_batch(&item, &text));
    add_line(&undo, line);
    undo_render_batch_lost(&item, add_line, &undo);
    run_undo_text(&undo);
    netns_wait_for(has_local_addresses, "the kernel's own routes");
    apply_case_check("");
    undo_item_done(&item);
}

static void test_batch(void **state)
{
    const struct operation operations[] = {
        apply_case_address("192.0.2.10/24", "eth1", true),
        apply_case_address("2001:db8:2::10/64", "eth1", true),
        apply_case_address("198.51.100.9/24", "eth1", false),
        apply_case_link("eth1", 1400, NULL),
        apply_case_link("eth1", 0, "down"),
        apply_case_link("eth1", 1200, NULL),
    };

    (void)state;
    begin("sysctl -qw net.ipv6.conf.eth1.forwarding=1\n"
          "ip route add 198.18.9.0/24 dev eth1 proto static\n"
          "ip route add 10.77.0.0/16 via 198.18.9.1 dev eth1 proto static\n");
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        check_batch(&operations[i]);
}

static void test_batch_of_mtu(void **state)
{
    const struct operation smaller = apply_case_link("eth1", 1300, NULL);
    const struct operation greater = apply_case_link("eth1", 1500, NULL);

    (void)state;
    begin("ip -6 route add 2001:db8:d::/48 via 2001:db8:2::1 proto static mtu 1400\n");
    check_batch(&smaller);
    netns_run("ip link set eth1 mtu 1350\n"
              "ip -6 route change 2001:db8:d::/48 via 2001:db8:2::1 proto static mtu 1400\n");
    apply_case_remember();
    check_batch(&greater);
}

/* A scope that ip(8) would not choose by itself, and addresses that no source is chosen by. */
static void test_batch_of_addresses(void **state)
{
    const struct operation operations[] = {
        apply_case_address("198.51.100.10/24", "eth1", true),
        apply_case_address("192.0.2.77/32", "eth1", true),
        apply_case_address("2001:db8:2::11/64", "eth1", true),
        apply_case_link("eth1", 0, "down"),
    };

    (void)state;
    begin("");
    netns_run("ip address add 198.51.100.10/24 dev eth1 scope link\n"
              "ip address add 198.51.100.11/24 dev eth1 scope link preferred_lft 0\n"
              "ip address add 192.0.2.77/32 dev eth1 scope 150 preferred_lft 0\n"
              "ip address change 2001:db8:2::11/64 dev eth1 preferred_lft 0\n");
    apply_case_remember();
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        check_batch(&operations[i]);
        apply_case_check_order();
    }
}

#define IN_NAMESPACE(test) cmocka_unit_test_setup_teardown(test, apply_case_enter, apply_case_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_NAMESPACE(test_added_address),
        IN_NAMESPACE(test_removed_primary),
        IN_NAMESPACE(test_removed_last_address),
        IN_NAMESPACE(test_removed_primary_with_promotion),
        IN_NAMESPACE(test_removed_secondary),
        IN_NAMESPACE(test_order_beside_an_added_one),
        IN_NAMESPACE(test_removed_ipv6_address),
        IN_NAMESPACE(test_mtu),
        IN_NAMESPACE(test_mtu_of_routes),
        IN_NAMESPACE(test_mtu_of_routes_above_the_links),
        IN_NAMESPACE(test_mtu_of_others_routes),
        IN_NAMESPACE(test_mtu_of_routes_behind_a_kill),
        IN_NAMESPACE(test_mtu_without_ipv6),
        IN_NAMESPACE(test_down),
        IN_NAMESPACE(test_down_with_a_gateway_behind_a_route),
        IN_NAMESPACE(test_waits_for_carrier),
        IN_NAMESPACE(test_others_stay),
        IN_NAMESPACE(test_changed_by_others_is_left),
        IN_NAMESPACE(test_refused),
        IN_NAMESPACE(test_what_stands_on_it),
        IN_NAMESPACE(test_changed_since_planned),
        IN_NAMESPACE(test_mtu_changed_since_planned),
        IN_NAMESPACE(test_already_so),
        IN_NAMESPACE(test_comes_with_its_device),
        IN_NAMESPACE(test_takes_nothing_behind_a_failure),
        IN_NAMESPACE(test_batch),
        IN_NAMESPACE(test_batch_of_mtu),
        IN_NAMESPACE(test_batch_of_addresses),
    };

    return netns_is_allowed() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
