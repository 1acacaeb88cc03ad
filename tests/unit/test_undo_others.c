/*
 * test_undo_others: which of what others had is remembered as gone with an operation.
 */
#include "agent/guard/core/undo_others.h"

#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/core/undo_touch.h"
#include "common/core/mem.h"
#include "tests/unit/ip_lines.h"

#define LINKS                                                                                      \
    "link eth1 2\n"                                                                                \
    "link tailscale0 4\n"
#define POD "link veth1a2b3c4d 7\n"

static const char there[] = LINKS POD "address 100.64.0.2/32 dev tailscale0\n"
                                      "address fe80::7/64 dev veth1a2b3c4d\n"
                                      "address 10.42.0.1/32 dev veth1a2b3c4d\n"
                                      "address 100.65.0.1/32 dev veth1a2b3c4d\n"
                                      "address fe80::1/64 dev eth1\n"
                                      "route 10.42.0.7 dev veth1a2b3c4d\n"
                                      "route 10.21.0.0/16 dev eth1\n"
                                      "route default dev tailscale0 table 52\n";

static const char told_start[] = "not back, and for its owner to bring back: ";

/* All by a daemon, or with a lifetime; without the routes that the kernel makes of addresses. */
static void read_lines(struct snapshot *snapshot, const char *lines)
{
    snapshot_init(snapshot);
    ip_lines_add(snapshot, lines);
    for (size_t i = snapshot->routes_count; i-- > 0;) {
        if (snapshot->routes[i].protocol == RTPROT_KERNEL)
            snapshot_remove_route(snapshot, i);
        else
            snapshot->routes[i].protocol = RTPROT_BIRD;
    }
    for (size_t i = 0; i < snapshot->addresses_count; i++)
        snapshot->addresses[i].permanent = false;
}

static void expect_told(const struct undo_item *item, const struct snapshot *now, const char *what)
{
    char told[512], expected[512];
    struct text text = TEXT_IN(told), line = TEXT_IN(expected);

    undo_others_tell(item, 1, now, &text);
    if (what[0] != '\0')
        text_add(&line, "%s%s", told_start, what);
    assert_string_equal(told, expected);
}

/* It is done while `there` is, and nothing but after is there behind it and at the end. */
static void expect_lost(enum operation_kind kind, const char *after, const char *what)
{
    struct undo_item item = {.change.kind = kind};
    struct snapshot before, now;

    read_lines(&before, there);
    read_lines(&now, after);
    undo_others_take(&item, &before);
    undo_others_keep_lost(&item, &now);
    expect_told(&item, &now, what);
    undo_item_done(&item);
    snapshot_done(&before);
    snapshot_done(&now);
}

/* A pod that ends while an operation is done did not go with it. */
static void test_what_is_on_a_gone_device_is_not_told(void **state)
{
    (void)state;
    expect_lost(OPERATION_LINK,
                LINKS "address 100.64.0.2/32 dev tailscale0\n"
                      "route default dev tailscale0 table 52\n",
                "'10.21.0.0/16 dev eth1' (routing daemon)");
    expect_lost(OPERATION_LINK,
                LINKS POD "address 100.64.0.2/32 dev tailscale0\n"
                          "address 10.42.0.1/32 dev veth1a2b3c4d\n"
                          "address 100.65.0.1/32 dev veth1a2b3c4d\n"
                          "route 10.21.0.0/16 dev eth1\n"
                          "route default dev tailscale0 table 52\n",
                "'10.42.0.7 dev veth1a2b3c4d' (pods' and containers' network)");
}

/* Made anew it has another number: what was by it may still be missed. */
static void test_device_made_anew_is_not_gone(void **state)
{
    (void)state;
    expect_lost(OPERATION_LINK,
                "link eth1 9\n"
                "link tailscale0 4\n"
                "address 100.64.0.2/32 dev tailscale0\n"
                "route default dev tailscale0 table 52\n",
                "'10.21.0.0/16 dev eth1' (routing daemon)");
}

/* tailscaled's are all remembered, for it takes them later; nothing of anybody else. */
static void test_prefs_keep_what_is_tailscaleds(void **state)
{
    struct undo_item item = {.change.kind = OPERATION_TAILSCALE};
    struct snapshot before, now;

    (void)state;
    read_lines(&before, there);
    read_lines(&now, LINKS);
    undo_others_take(&item, &before);
    undo_others_keep_lost(&item, &before);
    assert_int_equal(item.others.routes_count, 1);
    assert_int_equal(item.others.addresses_count, 1);
    expect_told(&item, &now,
                "'default dev tailscale0 table 52' (tailscaled), "
                "'address 100.64.0.2/32 on tailscale0' (tailscaled)");
    undo_item_done(&item);
    snapshot_done(&before);
    snapshot_done(&now);
}

/* ---- many -------------------------------------------------------------------------------------
 */

enum { MANY = 3000 };

static size_t looks; /* how often two routes were compared */

bool __real_undo_touch_same_key(const struct route *a, const struct route *b);
bool __wrap_undo_touch_same_key(const struct route *a, const struct route *b);

bool __wrap_undo_touch_same_key(const struct route *a, const struct route *b)
{
    looks++;
    return __real_undo_touch_same_key(a, b);
}

static void add_many(struct snapshot *snapshot, uint8_t first)
{
    for (uint32_t i = 0; i < MANY; i++) {
        struct route *route = snapshot_add_route(snapshot);

        route->destination.address.family = FAMILY_IPV4;
        route->destination.address.bytes[0] = first;
        route->destination.address.bytes[1] = (uint8_t)(i >> 8);
        route->destination.address.bytes[2] = (uint8_t)i;
        route->destination.len = 24;
        route->table = RT_TABLE_MAIN;
        route->type = RTN_UNICAST;
        route->protocol = RTPROT_BIRD;
        route->hops_count = 1;
        route->hop.link = 2;
    }
}

static size_t keep_looks(const struct snapshot *before, const struct snapshot *now, size_t kept)
{
    struct undo_item item = {.change.kind = OPERATION_LINK};

    undo_others_take(&item, before);
    looks = 0;
    undo_others_keep_lost(&item, now);
    assert_int_equal(item.others.routes_count + item.others.addresses_count, kept);
    undo_item_done(&item);
    return looks;
}

/* A full table that goes holds up no step: no more are looked for than are remembered. */
static void test_many_are_looked_for_once(void **state)
{
    struct snapshot before, now;

    (void)state;
    read_lines(&before, LINKS "address 2001:db8::7/64 dev eth1\n");
    read_lines(&now, LINKS);
    add_many(&before, 20);
    add_many(&now, 30);
    assert_in_range(keep_looks(&before, &now, OTHERS_MAX), 1, OTHERS_MAX * MANY);
    add_many(&now, 20);
    assert_in_range(keep_looks(&before, &now, 1), MANY, 2 * MANY + MANY);
    snapshot_done(&before);
    snapshot_done(&now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_on_a_gone_device_is_not_told),
        cmocka_unit_test(test_device_made_anew_is_not_gone),
        cmocka_unit_test(test_prefs_keep_what_is_tailscaleds),
        cmocka_unit_test(test_many_are_looked_for_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
