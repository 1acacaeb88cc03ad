/*
 * test_owned_along: what a newer change took along of an older one's, in a real kernel: it was
 * proven without it, so nobody puts that back behind its back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/guard/io/owned.h"
#include "common/core/mem.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/journal_case.h"
#include "tests/unit/netns.h"

enum { LEFT_SIZE = 400 };

/* "address 203.0.113.20/24 eth0", "link eth0 1200", "link eth0 down|up", "sysctl NAME VALUE", or a
 * line of ip_lines; "remove" in front takes an address away instead. */
static struct operation operation_of(const char *words)
{
    char device[DEVICE_SIZE], value[SYSCTL_NAME_SIZE], setting[SYSCTL_VALUE_SIZE];
    bool absent = text_starts(words, "remove ");

    words += absent ? strlen("remove ") : 0;
    if (sscanf(words, "address %79s %15s", value, device) == 2)
        return apply_case_address(value, device, absent);
    if (sscanf(words, "link %15s %79s", device, value) == 2)
        return apply_case_link(device, (uint32_t)strtoul(value, NULL, 10),
                               value[0] == 'd' || value[0] == 'u' ? value : NULL);
    if (sscanf(words, "sysctl %79s %63s", value, setting) == 2)
        return apply_case_sysctl(value, setting);
    return apply_case_operation(words);
}

/* ---- the journal -------------------------------------------------------------------------------
 */

static void begin(struct journal_case *place, uint8_t number, const struct undo_item *item)
{
    struct guard_record record = {.kind = RECORD_BEGIN, .id = journal_case_id(number)};
    struct journal_extra extra = {.generation = journal_case_make_generation(&record.id)};

    extra.generation->items[0] = *item;
    snprintf(record.begin.change, sizeof(record.begin.change), "change-%u", number);
    record.begin.operations_count = 1;
    journal_case_append(place, &record, &extra);
    record = (struct guard_record){.kind = RECORD_INTENT, .id = record.id};
    journal_case_append(place, &record, NULL);
}

/* Done in the kernel, read back, confirmed. */
static void confirm(struct journal_case *place, uint8_t number, const char *words, bool shield)
{
    struct operation operation = operation_of(words);
    struct undo_item item;

    operation.shield = shield;
    apply_case_run(&operation, &item);
    begin(place, number, &item);
    journal_case_mark(place, number, MARK_CONFIRMED);
}

static void render(const struct owned *owned, char *to, size_t size)
{
    struct text out;

    text_init(&out, to, size);
    for (uint32_t i = 0; i < owned->count; i++) {
        text_add(&out, "%s", i > 0 ? "; " : "");
        operation_render(&owned->operations[i], &out);
    }
}

/* And the guard's next look at all of it leaves the kernel as it was proven. */
static void check_left(struct journal_case *place, const char *expected, bool still)
{
    struct err err = ERR_INIT;
    char left[LEFT_SIZE];
    struct owned owned;
    uint32_t pending;

    owned_list(&owned, OWNED_ALL, place->journal, place->ledger, NULL);
    render(&owned, left, sizeof(left));
    assert_string_equal(left, expected);
    apply_case_remember();
    apply_assert(&apply_case, owned.operations, owned.count, &pending, &err);
    apply_case_check("");
    assert_string_equal(err.text, "");
    assert_true(!still || pending == 0);
    free(owned.operations);
}

/* So many items are owned that are not there, and are put back. */
static void check_put_back(struct journal_case *place, uint32_t expected)
{
    struct err err = ERR_INIT;
    struct owned owned;
    uint32_t pending;

    owned_list(&owned, OWNED_EVERYTHING, place->journal, place->ledger, NULL);
    assert_int_equal(apply_assert(&apply_case, owned.operations, owned.count, &pending, &err),
                     expected);
    free(owned.operations);
}

/* ---- what goes ---------------------------------------------------------------------------------
 */

static const struct {
    const char *lines, *older, *newer, *left;
} cases[] = {
    {"", "address 203.0.113.20/24 eth0", "remove address 203.0.113.10/24 eth0",
     "remove address 203.0.113.10/24 on eth0"},
    {"sysctl -qw net.ipv4.conf.eth0.promote_secondaries=1", "address 203.0.113.20/24 eth0",
     "remove address 203.0.113.10/24 eth0",
     "address 203.0.113.20/24 on eth0; remove address 203.0.113.10/24 on eth0"},
    {"", "address 192.0.2.20/24 eth0", "remove address 203.0.113.10/24 eth0",
     "address 192.0.2.20/24 on eth0; remove address 203.0.113.10/24 on eth0"},
    {"", "route 10.0.0.0/8 via 203.0.113.1 dev eth0", "remove address 203.0.113.10/24 eth0",
     "remove address 203.0.113.10/24 on eth0"},
    {"", "route 10.0.0.0/8 dev far0 src 203.0.113.10", "remove address 203.0.113.10/24 eth0",
     "remove address 203.0.113.10/24 on eth0"},
    {"ip address add 192.0.2.10/24 dev eth0", "route 10.0.0.0/8 dev eth0",
     "remove address 203.0.113.10/24 eth0",
     "route: 10.0.0.0/8 dev eth0; remove address 203.0.113.10/24 on eth0"},
    {"", "route 10.0.0.0/8 via 203.0.113.1 dev eth0 table 100", "link eth0 down",
     "link eth0: down"},
    {"", "nexthop 7 via 203.0.113.1 dev eth0", "link eth0 down", "link eth0: down"},
    {"ip nexthop add id 7 via 203.0.113.1 dev eth0 proto static\n", "route 10.0.0.0/8 nhid 7",
     "link eth0 down", "link eth0: down"},
    {"", "address 2001:db8:1::20/64 eth0", "link eth0 1200", "link eth0: mtu 1200"},
    {"", "sysctl net.ipv6.conf.eth0.accept_ra 2", "link eth0 1200", "link eth0: mtu 1200"},
    {"", "route 2001:db8:2::/48 via 2001:db8:1::1 dev eth0",
     "sysctl net.ipv6.conf.eth0.disable_ipv6 1", "sysctl net.ipv6.conf.eth0.disable_ipv6 = 1"},
    /* it follows its device, and stays */
    {"", "route 2001:db8:2::/48 via 2001:db8:1::1 dev eth0 mtu 1400", "link eth0 1300",
     "route: 2001:db8:2::/48 via 2001:db8:1::1 dev eth0 mtu 1300; link eth0: mtu 1300"},
    {"ip address add 192.0.2.10/24 dev far0", "route 10.0.0.0/8 via 192.0.2.1 dev far0",
     "link eth0 1300", "route: 10.0.0.0/8 via 192.0.2.1 dev far0; link eth0: mtu 1300"},
};

static void test_what_went_stays_away(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        void *place, *network;

        assert_int_equal(apply_case_enter(&network), 0);
        journal_case_set_up(&place);
        journal_case_open_again(place);
        apply_case_begin(cases[i].lines);
        confirm(place, 1, cases[i].older, false);
        confirm(place, 2, cases[i].newer, false);
        check_left(place, cases[i].left, true);
        journal_case_open_again(place); /* another guard's, who reads it from the disk */
        check_left(place, cases[i].left, true);
        journal_case_tear_down(&place);
        apply_case_leave(&network);
    }
}

/* Somebody had taken it away before: the newer change is proven without it, but did not take it.
 */
static void test_what_was_gone_before_is_put_back(void **state)
{
    struct journal_case *place = *state;
    struct err err = ERR_INIT;
    struct owned owned;
    uint32_t pending;

    apply_case_begin("");
    confirm(place, 1, "address 192.0.2.20/24 eth0", false);
    apply_case_remember();
    netns_run("ip address del 192.0.2.20/24 dev eth0");
    confirm(place, 2, "link eth0 1400", false);
    owned_list(&owned, OWNED_ALL, place->journal, place->ledger, NULL);
    assert_int_equal(owned.count, 2);
    assert_int_equal(apply_assert(&apply_case, owned.operations, owned.count, &pending, &err), 1);
    free(owned.operations);
}

/* Somebody, networkd on a device that loses its carrier by its new MTU, takes it away between the
 * change and its being read back: of what only adds, or sets such an MTU, that is none of it. */
static void take_away_before_read(struct journal_case *place, const char *words)
{
    struct operation operation = operation_of(words);
    struct undo_item item;
    struct snapshot now;

    apply_case_run(&operation, &item);
    netns_run("ip address del 203.0.113.20/24 dev eth0\nip route del 10.0.0.0/8");
    apply_case_read(&now);
    snapshot_done(&item.after);
    undo_take_after(&item, &now);
    snapshot_done(&now);
    begin(place, 3, &item);
    journal_case_mark(place, 3, MARK_CONFIRMED);
}

static void test_what_others_took_meanwhile_is_put_back(void **state)
{
    static const char *const newer[] = {"link eth0 1400", "address 203.0.113.30/24 eth0"};

    (void)state;
    for (size_t i = 0; i < sizeof(newer) / sizeof(newer[0]); i++) {
        void *place, *network;
        struct err err = ERR_INIT;
        struct owned owned;
        uint32_t pending;

        assert_int_equal(apply_case_enter(&network), 0);
        journal_case_set_up(&place);
        journal_case_open_again(place);
        apply_case_begin("");
        confirm(place, 1, "address 203.0.113.20/24 eth0", false);
        confirm(place, 2, "route 10.0.0.0/8 via 203.0.113.1 dev eth0", false);
        take_away_before_read(place, newer[i]);
        owned_list(&owned, OWNED_ALL, ((struct journal_case *)place)->journal,
                   ((struct journal_case *)place)->ledger, NULL);
        assert_int_equal(owned.count, 3);
        assert_int_equal(apply_assert(&apply_case, owned.operations, owned.count, &pending, &err),
                         2);
        free(owned.operations);
        journal_case_tear_down(&place);
        apply_case_leave(&network);
    }
}

static void undo(struct journal_case *place, uint8_t number)
{
    struct generation_id id = journal_case_id(number);

    apply_case_undo(&journal_find(place->journal, &id)->items[0], REVERT_DONE);
}

/* The third change is proven without what went with the second, as that was. Who takes both back
 * has it again; who wants it behind the third names it there. */
static void test_a_device_that_is_up_again_brings_nothing_back(void **state)
{
    struct journal_case *place = *state;

    apply_case_begin("");
    netns_wait_for_ipv6();
    confirm(place, 1, "route 10.0.0.0/8 via 203.0.113.1 dev eth0 table 100", false);
    apply_case_remember();
    confirm(place, 2, "link eth0 down", false);
    confirm(place, 3, "link eth0 up", false);
    netns_wait_for_links();
    check_left(place, "link eth0: up", true);
    journal_case_open_again(place);
    check_left(place, "link eth0: up", true);
    confirm(place, 4, "route 10.0.0.0/8 via 203.0.113.1 dev eth0 table 100", false);
    check_left(place, "link eth0: up; route: 10.0.0.0/8 via 203.0.113.1 dev eth0 table 100", true);
}

/* The same, taken back newest first. */
static void test_what_went_is_back_behind_both(void **state)
{
    struct journal_case *place = *state;
    struct snapshot was, now;

    apply_case_begin("");
    netns_wait_for_ipv6();
    confirm(place, 1, "route 10.0.0.0/8 via 203.0.113.1 dev eth0 table 100", false);
    apply_case_read(&was);
    confirm(place, 2, "link eth0 down", false);
    confirm(place, 3, "link eth0 up", false);
    netns_wait_for_links();
    undo(place, 3);
    undo(place, 2);
    netns_wait_for_links();
    netns_wait_for_ipv6();
    apply_case_read(&now);
    assert_string_equal(apply_case_difference(&was, &now), "");
    snapshot_done(&was);
    snapshot_done(&now);
}

/* What networkd does when it reads a file (an address that it takes away and makes again takes
 * every route by it along) cannot be told from what somebody did: it is answered for. */
static void test_a_file_takes_nothing_along(void **state)
{
    struct journal_case *place = *state;
    struct operation operation = {.kind = OPERATION_FILE};
    struct undo_item item;
    struct snapshot now;

    apply_case_begin("");
    confirm(place, 1, "route 10.0.0.0/8 via 203.0.113.1 dev eth0", false);
    text_copy(operation.file.path, sizeof(operation.file.path),
              "/etc/systemd/network/10-eth0.network");
    text_copy(operation.file.content, sizeof(operation.file.content), "[Match]\nName=eth0\n");
    apply_case_derive(&operation, &item);
    netns_run("ip route del 10.0.0.0/8");
    apply_case_read(&now);
    undo_take_after(&item, &now);
    snapshot_done(&now);
    begin(place, 2, &item);
    journal_case_mark(place, 2, MARK_CONFIRMED);
    check_put_back(place, 1);
}

/* It cuts nobody off, and waits for its device. */
static void test_a_shield_stays_owned(void **state)
{
    apply_case_begin("");
    confirm(*state, 1, "route 10.0.0.0/8 via 203.0.113.1 dev eth0 table 5100", true);
    confirm(*state, 2, "link eth0 down", false);
    check_left(*state, "route: 10.0.0.0/8 via 203.0.113.1 dev eth0 table 5100; link eth0: down",
               false);
}

/* Before it is read back, too: the device's going down is what makes the guard look. */
static void test_it_is_left_alone_from_the_beginning(void **state)
{
    struct trial *trial = mem_alloc(1, sizeof(*trial));
    struct operation operation = operation_of("remove address 203.0.113.10/24 eth0");
    struct journal_case *place = *state;
    struct undo_item item;
    struct owned owned;

    apply_case_begin("");
    confirm(place, 1, "address 203.0.113.20/24 eth0", false);
    apply_case_derive(&operation, &item);
    begin(place, 2, &item);
    trial_init(trial, place->ledger, "b");
    trial->id = journal_case_id(2);
    trial->state = TRIAL_APPLYING;
    owned_list(&owned, OWNED_ALL, place->journal, place->ledger, trial);
    assert_int_equal(owned.count, 0);
    free(owned.operations);
    free(trial);
}

/* Taken back, the newer one says nothing any more. */
static void test_it_is_owned_again(void **state)
{
    struct journal_case *place = *state;
    struct owned owned;

    apply_case_begin("");
    confirm(place, 1, "address 203.0.113.20/24 eth0", false);
    confirm(place, 2, "remove address 203.0.113.10/24 eth0", false);
    journal_case_mark(place, 2, MARK_POPPING);
    journal_case_mark(place, 2, MARK_POPPED);
    owned_list(&owned, OWNED_ALL, place->journal, place->ledger, NULL);
    assert_int_equal(owned.count, 1);
    assert_int_equal(owned.operations[0].kind, OPERATION_ADDRESS);
    assert_false(owned.operations[0].address.absent);
    free(owned.operations);
}

static int enter(void **state)
{
    if (apply_case_enter(state) != 0)
        return -1;
    journal_case_set_up(state);
    journal_case_open_again(*state);
    return 0;
}

static int leave(void **state)
{
    journal_case_tear_down(state);
    return apply_case_leave(state);
}

#define IN_NAMESPACE(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_went_stays_away),
        IN_NAMESPACE(test_what_was_gone_before_is_put_back),
        cmocka_unit_test(test_what_others_took_meanwhile_is_put_back),
        IN_NAMESPACE(test_a_device_that_is_up_again_brings_nothing_back),
        IN_NAMESPACE(test_what_went_is_back_behind_both),
        IN_NAMESPACE(test_a_file_takes_nothing_along),
        IN_NAMESPACE(test_a_shield_stays_owned),
        IN_NAMESPACE(test_it_is_left_alone_from_the_beginning),
        IN_NAMESPACE(test_it_is_owned_again),
    };

    return netns_is_allowed() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
