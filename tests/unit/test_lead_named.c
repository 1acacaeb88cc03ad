/*
 * test_lead_named: whom an emergency rollback names of a rollout that is closed: all of them come
 * back at once, in whatever order they are named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "tests/unit/lead_case.h"

/* Of a1, by the record of a rollout that has ended. b2 stands there, confirmed. */
static const struct last {
    const char *what;
    enum rollout_state state;
    struct target_record record;
} lasts[] = {
    {"it stands there as well",
     ROLLOUT_COMPLETE,
     {.wants = WANTS_CHANGE, .says = SAYS_CONFIRMED, .receipt = RECEIPT_CONFIRMED}},
    {"a rescue there could not take everything back",
     ROLLOUT_COMPLETE,
     {.wants = WANTS_CHANGE,
      .says = SAYS_REVERTING,
      .receipt = RECEIPT_INCOMPLETE,
      .listed = true}},
    {"its disk was replaced",
     ROLLOUT_COMPLETE,
     {.wants = WANTS_CHANGE, .says = SAYS_NEVER, .receipt = RECEIPT_CONFIRMED, .in_doubt = true}},
    {"it left the roster with it, and was admitted again",
     ROLLOUT_ABORTED,
     {.wants = WANTS_NOTHING, .says = SAYS_CONFIRMED, .receipt = RECEIPT_CONFIRMED}},
    {"its disk was replaced, it left, and was admitted again",
     ROLLOUT_ABORTED,
     {.wants = WANTS_NOTHING, .says = SAYS_NEVER, .receipt = RECEIPT_CONFIRMED, .in_doubt = true}},
};

static void keep_last(const struct last *last)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    struct err err = ERR_INIT;

    lead_case_add_complete(1);
    assert_true(store_read_record(place.desk.store, 1, record, &err));
    record->state = last->state;
    record->targets[0].wants = last->record.wants;
    record->targets[0].says = last->record.says;
    record->targets[0].receipt = last->record.receipt;
    record->targets[0].in_doubt = last->record.in_doubt;
    record->targets[0].listed = last->record.listed;
    assert_true(store_put_record(place.desk.store, record, 1, &err));
}

static void expect_named(const char *node, const struct target *target)
{
    assert_int_equal(target->record->wants, WANTS_REVERT);
    assert_true(target->at_once);
    assert_true(lead_case_has_command(node, GUARD_STACK));
    assert_int_equal(lead_case_find_back(node)->rollout, 1);
    assert_false(lead_case_find_back(node)->done);
}

static const struct rollout *name_both(const char *first, const char *second)
{
    char names[2][NAME_SIZE];
    struct err err = ERR_INIT;

    text_copy(names[0], NAME_SIZE, first);
    text_copy(names[1], NAME_SIZE, second);
    if (!lead_emergency(place.lead, names, 2, "olga", "drill", &err))
        fail_msg("%s", err.text);
    return &lead_find(place.lead, 1)->machine;
}

static void expect_both(const struct last *last, const char *first, const char *second)
{
    const struct rollout *machine;
    void *state = NULL;

    print_message("%s, %s is named first\n", last->what, first);
    lead_case_open(&state);
    keep_last(last);
    machine = name_both(first, second);
    assert_int_equal(machine->record.state, ROLLOUT_REVERTING);
    expect_named("a1", &machine->targets[0]);
    expect_named("b2", &machine->targets[1]);
    lead_case_close(&state);
}

static void all_come_back_in_whatever_order_they_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(lasts) / sizeof(lasts[0]); i++) {
        expect_both(&lasts[i], "b2", "a1");
        expect_both(&lasts[i], "a1", "b2");
    }
}

static void replace_guard_key(const char *node)
{
    struct roster_entry entry = *roster_find(place.desk.roster, node);
    struct err err = ERR_INIT;

    memset(entry.guard_key.bytes, 0x5b, KEY_SIZE);
    assert_true(roster_remove(place.desk.roster, node));
    assert_true(roster_put(place.desk.roster, &entry, &err));
}

/* The machine lets it go: nobody has to look for its guard to be asked. */
static void expect_asked(const char *first, const char *second)
{
    const struct rollout *machine;
    void *state = NULL;

    lead_case_open(&state);
    keep_last(&lasts[0]);
    replace_guard_key("a1");
    machine = name_both(first, second);
    assert_int_equal(machine->record.targets[0].wants, WANTS_NOTHING);
    assert_int_equal(machine->record.targets[1].wants, WANTS_REVERT);
    assert_true(lead_backs_deadline(place.lead) != MONO_NEVER);
    assert_int_equal(lead_case_find_back("a1")->rollout, 0);
    assert_int_equal(lead_case_find_back("b2")->rollout, 1);
    lead_case_close(&state);
}

static void the_guard_of_a_node_that_is_another_now_is_asked_at_once(void **state)
{
    (void)state;
    expect_asked("b2", "a1");
    expect_asked("a1", "b2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_come_back_in_whatever_order_they_are_named),
        cmocka_unit_test(the_guard_of_a_node_that_is_another_now_is_asked_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
