/*
 * test_holds: who puts them, what they cover, what lifts them.
 */
#include "controller/core/holds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"

enum { NOW = 1000 };

static int make_none(void **state)
{
    struct holds *holds = mem_alloc(1, sizeof(*holds));

    holds->list = mem_alloc(HOLDS_MAX, sizeof(*holds->list));
    *state = holds;
    return 0;
}

static int end_all(void **state)
{
    struct holds *holds = *state;

    free(holds->list);
    free(holds);
    return 0;
}

static struct hold freeze(const char *scope, const char *reason, int64_t until)
{
    struct hold hold = {.until = until};

    text_copy(hold.scope, sizeof(hold.scope), scope);
    text_copy(hold.reason, sizeof(hold.reason), reason);
    text_copy(hold.by, sizeof(hold.by), "otto");
    return hold;
}

static void refuse(struct holds *holds, const struct hold *wanted, const char *part)
{
    struct err err = ERR_INIT;

    assert_null(holds_add(holds, wanted, NOW, &err));
    if (strstr(err.text, part) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, part);
}

static void refuses_what_is_no_freeze(void **state)
{
    struct hold scope = freeze("No Name", "holidays", 0);
    struct hold reason = freeze("fleet", "", 0);
    struct hold blank = freeze("fleet", " \t\n ", 0);
    struct hold until = freeze("a1", "holidays", NOW);

    refuse(*state, &scope, "No Name");
    refuse(*state, &reason, "a text that says something");
    refuse(*state, &blank, "a text that says something");
    refuse(*state, &until, "until 1000");
    assert_int_equal(((struct holds *)*state)->count, 0);
}

static void freezes_a_node_or_the_fleet(void **state)
{
    struct holds *holds = *state;
    struct err err = ERR_INIT;
    struct hold node = freeze("a1", "disk is being changed", 0);
    struct hold fleet = freeze("fleet", "holidays", NOW + 60);
    const struct hold *first = holds_add(holds, &node, NOW, &err);
    const struct hold *second = holds_add(holds, &fleet, NOW, &err);

    assert_int_equal(first->id, 1);
    assert_int_equal(second->id, 2);
    assert_int_equal(second->since, NOW);
    assert_string_equal(second->by, "otto");
    assert_ptr_equal(holds_find(holds, HOLD_FREEZE, "a1", NOW), first);
    assert_ptr_equal(holds_find(holds, HOLD_FREEZE, "b1", NOW + 59), second);
    assert_null(holds_find(holds, HOLD_FREEZE, "b1", NOW + 60));
    assert_true(holds_lift(holds, 1, &err));
    assert_ptr_equal(holds_find(holds, HOLD_FREEZE, "a1", NOW), second);
    assert_false(holds_lift(holds, 1, &err));
    assert_int_equal(err.kind, ERR_MISSING);
}

static struct hold make(enum hold_kind kind, const char *scope, const char *object)
{
    struct hold hold = freeze(scope, "a reason", 0);

    hold.kind = kind;
    text_copy(hold.object, sizeof(hold.object), object);
    return hold;
}

static void refuses_what_people_cannot_put(void **state)
{
    struct hold quarantine = make(HOLD_QUARANTINE, "a1", "rule 5140");
    struct hold maintenance = make(HOLD_MAINTENANCE, "a1", "");
    struct hold window = make(HOLD_WINDOW, "fleet", "weekdays");
    struct hold freeze = make(HOLD_FREEZE, "fleet", "mon-fri 08:00-16:00"); /* `window` forgotten */

    refuse(*state, &quarantine, "it comes by itself");
    refuse(*state, &maintenance, "it is signed, into the roster");
    refuse(*state, &window, "window 'weekdays'");
    refuse(*state, &freeze, "accepted is one of a window only");
    assert_int_equal(((struct holds *)*state)->count, 0);
}

static void keeps_kinds_apart(void **state)
{
    struct holds *holds = *state;
    struct err err = ERR_INIT;
    struct hold pause = make(HOLD_PAUSE, "fleet", "");
    struct hold freeze = make(HOLD_FREEZE, "a1", "");
    const struct hold *first = holds_add(holds, &pause, NOW, &err);
    const struct hold *second = holds_add(holds, &freeze, NOW, &err);

    assert_string_equal(first->object, "");
    assert_null(holds_find(holds, HOLD_MAINTENANCE, "a1", NOW));
    assert_ptr_equal(holds_find(holds, HOLD_PAUSE, "b1", NOW), first);
    assert_ptr_equal(holds_find(holds, HOLD_FREEZE, "a1", NOW), second);
    assert_null(holds_find(holds, HOLD_FREEZE, "b1", NOW));
    assert_true(holds_lift(holds, first->id, &err));
    assert_null(holds_find(holds, HOLD_PAUSE, "b1", NOW));
}

static void note_changed(void *context, const struct hold *hold)
{
    unsigned *changed = context;

    assert_int_equal(hold->kind, HOLD_MAINTENANCE);
    (*changed)++;
}

static unsigned take(struct holds *holds, const struct roster *roster, int64_t now)
{
    unsigned changed = 0;

    assert_true(holds_take_roster(holds, roster, "olga", now, note_changed, &changed));
    return changed;
}

/* Signed steps: what the roster has is held, what it has not any more is not; twice is once. */
static void maintenance_follows_the_roster(void **state)
{
    struct holds *holds = *state;
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    struct maintenance one = {.node = "a1", .reason = "a new disk", .until = NOW + 60};
    struct err err = ERR_INIT;
    const struct hold *hold;

    roster->entries_count = 1;
    text_copy(roster->entries[0].name, NAME_SIZE, "a1");
    assert_true(roster_maintain(roster, &one, &err));
    assert_int_equal(take(holds, roster, NOW), 1);
    assert_int_equal(take(holds, roster, NOW), 0);
    hold = holds_find(holds, HOLD_MAINTENANCE, "a1", NOW);
    assert_string_equal(hold->by, "olga");
    assert_string_equal(hold->reason, "a new disk");
    assert_false(holds_lift(holds, hold->id, &err));
    assert_int_equal(err.kind, ERR_DENIED);
    assert_non_null(strstr(err.text, "`oceanidctl node return a1` ends it"));
    assert_int_equal(take(holds, roster, NOW + 60), 0);
    assert_null(holds_find(holds, HOLD_MAINTENANCE, "a1", NOW + 60));
    one.until = 0;
    assert_true(roster_maintain(roster, &one, &err));
    assert_int_equal(take(holds, roster, NOW), 2); /* the old one ends, the new one is put */
    assert_true(roster_end_maintenance(roster, "a1"));
    assert_int_equal(take(holds, roster, NOW), 1);
    assert_null(holds_find(holds, HOLD_MAINTENANCE, "a1", NOW));
}

/* One open window is enough; nothing is held where none is declared. */
static void holds_outside_of_all_windows(void **state)
{
    enum { HOUR = 3600, THURSDAY_NOON = 12 * HOUR };
    struct holds *holds = *state;
    struct err err = ERR_INIT;
    struct hold mornings = make(HOLD_WINDOW, "fleet", "mon-fri 08:00-11:00");
    struct hold noon = make(HOLD_WINDOW, "a1", "thu 11:30-12:30");
    const struct hold *first = holds_add(holds, &mornings, NOW, &err);

    assert_ptr_equal(holds_find(holds, HOLD_WINDOW, "a1", THURSDAY_NOON), first);
    assert_true(hold_stops(first, THURSDAY_NOON));
    assert_true(holds_stops(holds, first, THURSDAY_NOON));
    assert_int_equal(holds_opens_at(holds, "a1", THURSDAY_NOON), 32 * HOUR);
    assert_int_equal(holds_opens_at(holds, "a1", 8 * HOUR), 0);
    assert_false(hold_stops(first, 8 * HOUR));
    assert_null(holds_find(holds, HOLD_WINDOW, "a1", 8 * HOUR));
    assert_ptr_equal(holds_find(holds, HOLD_WINDOW, "a1", 11 * HOUR), first);
    assert_non_null(holds_add(holds, &noon, NOW, &err));
    assert_null(holds_find(holds, HOLD_WINDOW, "a1", THURSDAY_NOON));
    assert_true(holds_stops(holds, first, THURSDAY_NOON)); /* all but a1 */
    assert_int_equal(holds_opens_at(holds, "a1", 11 * HOUR), 11 * HOUR + HOUR / 2);
    assert_int_equal(holds_opens_at(holds, "b1", 11 * HOUR), 32 * HOUR);
    assert_false(holds_stops(holds, first + 1, 8 * HOUR)); /* the fleet's is open */
    assert_true(holds_stops(holds, first + 1, 14 * HOUR));
    assert_ptr_equal(holds_find(holds, HOLD_WINDOW, "b1", THURSDAY_NOON), first);
    assert_true(holds_lift(holds, 1, &err));
    assert_null(holds_find(holds, HOLD_WINDOW, "b1", THURSDAY_NOON));
    assert_non_null(holds_find(holds, HOLD_WINDOW, "a1", 8 * HOUR));
}

static struct receipt make_receipt(enum receipt_kind kind, enum end_cause cause)
{
    struct receipt receipt = {.node = "a1", .kind = kind, .cause = cause, .objects_count = 2};

    text_copy(receipt.reason, sizeof(receipt.reason), "office: ssh no answer");
    text_copy(receipt.objects[0], sizeof(receipt.objects[0]), "rule 5140");
    text_copy(receipt.objects[1], sizeof(receipt.objects[1]), "tailscale exit-node");
    return receipt;
}

static struct hash make_hash(uint8_t byte)
{
    struct hash hash;

    memset(hash.bytes, byte, HASH_SIZE);
    return hash;
}

static void quarantines_only_what_failed_its_proof(void **state)
{
    struct holds *holds = *state;
    struct receipt good = make_receipt(RECEIPT_CONFIRMED, CAUSE_NONE);
    struct receipt missing = make_receipt(RECEIPT_REVERTED, CAUSE_PROOF_MISSING);
    struct receipt failed = make_receipt(RECEIPT_REVERTED, CAUSE_PROOF_FAILED);
    struct hash hash = make_hash(9);

    assert_int_equal(holds_add_quarantine(holds, &good, &hash, NOW), 0);
    assert_int_equal(holds_add_quarantine(holds, &missing, &hash, NOW), 0);
    assert_int_equal(holds_add_quarantine(holds, &failed, &hash, NOW), 2);
    assert_int_equal(holds_add_quarantine(holds, &failed, &hash, NOW), 0);
    assert_non_null(holds_find_quarantine(holds, "a1", "rule 5140", NULL));
    assert_null(holds_find_quarantine(holds, "b1", "rule 5140", NULL));
    assert_null(holds_find_quarantine(holds, "a1", "rule 5141", NULL));
    /* It is no freeze. */
    assert_null(holds_find(holds, HOLD_FREEZE, "a1", NOW));
}

static struct receipt make_failed(uint32_t objects)
{
    struct receipt receipt = make_receipt(RECEIPT_REVERTED, CAUSE_PROOF_FAILED);

    receipt.objects_count = objects;
    for (uint32_t i = 0; i < objects; i++)
        snprintf(receipt.objects[i], sizeof(receipt.objects[i]), "rule %u", i);
    return receipt;
}

/* As its guard judges (ledger_admits): the list may have been cut. */
static void a_full_list_quarantines_the_node(void **state)
{
    struct holds *holds = *state;
    struct receipt failed = make_failed(16);
    struct hash hash = make_hash(9);
    struct approval *approval = mem_alloc(1, sizeof(*approval));
    struct err err = ERR_INIT;

    assert_int_equal(holds_add_quarantine(holds, &failed, &hash, NOW), 1);
    assert_non_null(holds_find_quarantine(holds, "a1", "rule 3", NULL));
    assert_non_null(holds_find_quarantine(holds, "a1", "address 10.0.0.1", NULL));
    assert_null(holds_find_quarantine(holds, "b1", "rule 3", NULL));
    assert_false(holds_lift(holds, 1, &err));
    assert_non_null(strstr(err.text, "a quarantine of all objects on a1"));
    approval->lifts_count = 1;
    approval->lifts[0].receipt = hash;
    text_copy(approval->lifts[0].reason, REASON_SIZE, "the relay was down");
    assert_null(holds_find_quarantine(holds, "a1", "rule 3", approval));
    assert_non_null(holds_find_named(holds, "a1", approval));
    free(approval);
}

static void a_list_with_room_quarantines_what_it_has(void **state)
{
    struct holds *holds = *state;
    struct receipt failed = make_failed(15);
    struct hash hash = make_hash(9);

    assert_int_equal(holds_add_quarantine(holds, &failed, &hash, NOW), 15);
    assert_non_null(holds_find_quarantine(holds, "a1", "rule 14", NULL));
    assert_null(holds_find_quarantine(holds, "a1", "rule 15", NULL));
}

static void fail_often(struct holds *holds, const char *node, unsigned times, uint8_t first_hash)
{
    struct receipt failed = make_failed(15);

    text_copy(failed.node, sizeof(failed.node), node);
    for (unsigned i = 0; i < times; i++) {
        struct hash hash = make_hash((uint8_t)(first_hash + i));

        text_copy((char *)hash.bytes, HASH_SIZE, node);
        holds_add_quarantine(holds, &failed, &hash, NOW);
        assert_true(holds_has_quarantine(holds, &failed, &hash));
    }
}

/* Whatever its guard says failed: beyond its share the node is held as a whole. */
static void one_node_cannot_fill_the_holds(void **state)
{
    struct holds *holds = *state;
    struct hold wanted = freeze("fleet", "incident", 0);
    struct receipt failed = make_failed(2);
    struct hash hash = make_hash(200);
    struct err err = ERR_INIT;

    fail_often(holds, "b2", 64, 1);
    assert_true(holds->count <= HOLDS_NODE_MAX + 1);
    assert_non_null(holds_find_quarantine(holds, "b2", "rule 3", NULL));
    assert_non_null(holds_find_quarantine(holds, "b2", "address 10.0.0.1", NULL));
    assert_non_null(holds_add(holds, &wanted, NOW, &err));
    assert_int_equal(holds_add_quarantine(holds, &failed, &hash, NOW), 2);
    assert_non_null(holds_find_quarantine(holds, "a1", "rule 1", NULL));
    assert_null(holds_find_quarantine(holds, "a1", "rule 2", NULL));
}

static void quarantines_leave_room_for_people(void **state)
{
    struct holds *holds = *state;
    struct hold wanted = freeze("a1", "incident", 0);
    struct receipt failed = make_failed(1);
    struct hash hash = make_hash(200);
    struct err err = ERR_INIT;

    for (unsigned i = 0; i < (HOLDS_MAX - HOLDS_PEOPLE) / 30; i++) {
        char node[NAME_SIZE];

        snprintf(node, sizeof(node), "n%u", i);
        fail_often(holds, node, 2, 1);
    }
    while (holds_add_quarantine(holds, &failed, &hash, NOW) == 1)
        hash.bytes[0]++;
    assert_false(holds_has_quarantine(holds, &failed, &hash));
    assert_int_equal(holds->count, HOLDS_MAX - HOLDS_PEOPLE);
    for (unsigned i = 0; i < HOLDS_PEOPLE; i++)
        assert_non_null(holds_add(holds, &wanted, NOW, &err));
    assert_null(holds_add(holds, &wanted, NOW, &err));
    failed.cause = CAUSE_ABORTED;
    assert_true(holds_has_quarantine(holds, &failed, &hash)); /* it is none */
}

/* docs/protocol.md rule 18 */
static void lifts_a_quarantine_by_approval_only(void **state)
{
    struct holds *holds = *state;
    struct receipt failed = make_receipt(RECEIPT_REVERTED, CAUSE_PROOF_FAILED);
    struct approval *approval = mem_alloc(1, sizeof(*approval));
    struct hash hash = make_hash(9);
    struct hold *named;
    uint32_t lifted = 0;
    struct err err = ERR_INIT;

    holds_add_quarantine(holds, &failed, &hash, NOW);
    assert_false(holds_lift(holds, 1, &err));
    assert_int_equal(err.kind, ERR_DENIED);
    approval->lifts_count = 1;
    approval->lifts[0].receipt = hash;
    assert_null(holds_find_named(holds, "a1", approval)); /* no reason */
    assert_non_null(holds_find_quarantine(holds, "a1", "rule 5140", approval));
    text_copy(approval->lifts[0].reason, REASON_SIZE, "the relay was down");
    assert_null(holds_find_quarantine(holds, "a1", "rule 5140", approval));
    assert_non_null(holds_find_quarantine(holds, "a1", "rule 5140", NULL));
    assert_null(holds_find_named(holds, "b1", approval));
    while ((named = holds_find_named(holds, "a1", approval)) != NULL) {
        assert_false(named->lifted);
        named->lifted = true;
        lifted++;
    }
    assert_int_equal(lifted, holds->count);
    assert_null(holds_find_quarantine(holds, "a1", "rule 5140", NULL));
    free(approval);
}

static void keeps_what_holds_when_it_is_full(void **state)
{
    struct holds *holds = *state;
    struct err err = ERR_INIT;
    struct hold wanted = freeze("a1", "full", 0);

    for (unsigned i = 0; i < HOLDS_MAX; i++)
        assert_non_null(holds_add(holds, &wanted, NOW, &err));
    assert_null(holds_add(holds, &wanted, NOW, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_true(holds_lift(holds, 7, &err));
    assert_int_equal(holds_add(holds, &wanted, NOW, &err)->id, HOLDS_MAX + 1);
    assert_int_equal(holds->count, HOLDS_MAX);
    assert_int_equal(holds->list[6].id, 8);
}

static void names_its_kinds(void **state)
{
    enum hold_kind kind;

    (void)state;
    assert_true(hold_kind_parse("freeze", &kind));
    assert_int_equal(kind, HOLD_FREEZE);
    assert_true(hold_kind_parse(hold_kind_name(HOLD_QUARANTINE), &kind));
    assert_int_equal(kind, HOLD_QUARANTINE);
    assert_true(hold_kind_parse("maintenance", &kind));
    assert_int_equal(kind, HOLD_MAINTENANCE);
    assert_false(hold_kind_parse("stop", &kind));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refuses_what_is_no_freeze, make_none, end_all),
        cmocka_unit_test_setup_teardown(freezes_a_node_or_the_fleet, make_none, end_all),
        cmocka_unit_test_setup_teardown(refuses_what_people_cannot_put, make_none, end_all),
        cmocka_unit_test_setup_teardown(keeps_kinds_apart, make_none, end_all),
        cmocka_unit_test_setup_teardown(maintenance_follows_the_roster, make_none, end_all),
        cmocka_unit_test_setup_teardown(holds_outside_of_all_windows, make_none, end_all),
        cmocka_unit_test_setup_teardown(quarantines_only_what_failed_its_proof, make_none, end_all),
        cmocka_unit_test_setup_teardown(a_full_list_quarantines_the_node, make_none, end_all),
        cmocka_unit_test_setup_teardown(a_list_with_room_quarantines_what_it_has, make_none,
                                        end_all),
        cmocka_unit_test_setup_teardown(one_node_cannot_fill_the_holds, make_none, end_all),
        cmocka_unit_test_setup_teardown(quarantines_leave_room_for_people, make_none, end_all),
        cmocka_unit_test_setup_teardown(lifts_a_quarantine_by_approval_only, make_none, end_all),
        cmocka_unit_test_setup_teardown(keeps_what_holds_when_it_is_full, make_none, end_all),
        cmocka_unit_test(names_its_kinds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
