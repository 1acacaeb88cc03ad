/*
 * test_owned: what is put back when it goes, while a run of operations is on its way in or out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/guard/io/owned.h"
#include "common/core/mem.h"
#include "tests/unit/journal_case.h"

enum { OPERATIONS = 4 };

static struct journal_generation *make_generation(const struct generation_id *id)
{
    struct journal_generation *generation = journal_case_make_generation(id);

    generation->items = mem_resize(generation->items, OPERATIONS, sizeof(*generation->items));
    memset(generation->items, 0, OPERATIONS * sizeof(*generation->items));
    generation->items_count = OPERATIONS;
    for (uint32_t i = 0; i < OPERATIONS; i++) {
        journal_case_fill_item(&generation->items[i]);
        generation->items[i].operation = i;
        generation->items[i].change.rule.rule.priority += i;
    }
    return generation;
}

/* A trial of shields, all of which its one intent names. */
static void begin(struct journal_case *place, struct trial *trial)
{
    struct guard_record record = {.kind = RECORD_BEGIN, .id = journal_case_id(1)};
    struct journal_extra extra = {.generation = make_generation(&record.id)};

    journal_case_open_again(place);
    strcpy(record.begin.change, "change-1");
    record.begin.operations_count = OPERATIONS;
    journal_case_append(place, &record, &extra);
    record = (struct guard_record){
        .kind = RECORD_INTENT, .id = record.id, .operation = 0, .more = OPERATIONS - 1};
    journal_case_append(place, &record, NULL);
    trial_init(trial, place->ledger, "b");
    trial->id = record.id;
}

/* A character an operation: x for one that is owned. */
static void check(struct journal_case *place, const struct trial *trial, const char *expected)
{
    char found[] = "----";
    struct owned owned;

    owned_list(&owned, OWNED_SHIELDS, place->journal, place->ledger, trial);
    for (uint32_t i = 0; i < owned.count; i++)
        found[owned.operations[i].rule.rule.priority - SHIELD_PRIORITY_FROM] = 'x';
    free(owned.operations);
    assert_string_equal(found, expected);
}

static void test_on_its_way_in(void **state)
{
    struct trial *trial = mem_alloc(1, sizeof(*trial));

    begin(*state, trial);
    trial->state = TRIAL_APPLYING;
    check(*state, trial, "----");
    trial->operation = 3;
    check(*state, trial, "xxx-");
    trial->state = TRIAL_SETTLING;
    check(*state, trial, "xxxx");
    free(trial);
}

static void test_on_its_way_out(void **state)
{
    struct trial *trial = mem_alloc(1, sizeof(*trial));
    struct journal_case *place = *state;

    begin(place, trial);
    trial->state = TRIAL_REVERTING;
    ledger_fill_revert(&place->ledger->open, &trial->revert);
    check(place, trial, "xxxx");
    assert_int_equal(revert_begin(&trial->revert, 3), 3);
    check(place, trial, "----");
    revert_take(&trial->revert, 3, REVERT_DONE, 1000);
    revert_end(&trial->revert); /* the rest was not come to */
    check(place, trial, "xxx-");
    free(trial);
}

/* Of a generation that is being popped part may be undone already, by a guard that died. */
static void test_on_its_way_out_since_before(void **state)
{
    struct trial *trial = mem_alloc(1, sizeof(*trial));
    struct journal_case *place = *state;
    struct owned owned;

    begin(place, trial);
    for (uint32_t i = 1; i < OPERATIONS; i++)
        journal_find(place->journal, &trial->id)->items[i].shield = false;
    journal_case_mark(place, 1, MARK_CONFIRMED);
    owned_list(&owned, OWNED_ALL, place->journal, place->ledger, trial);
    assert_int_equal(owned.count, OPERATIONS);
    free(owned.operations);
    journal_case_mark(place, 1, MARK_POPPING);
    owned_list(&owned, OWNED_ALL, place->journal, place->ledger, trial);
    assert_int_equal(owned.count, 1);
    free(owned.operations);
    free(trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_on_its_way_in, journal_case_set_up,
                                        journal_case_tear_down),
        cmocka_unit_test_setup_teardown(test_on_its_way_out, journal_case_set_up,
                                        journal_case_tear_down),
        cmocka_unit_test_setup_teardown(test_on_its_way_out_since_before, journal_case_set_up,
                                        journal_case_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
