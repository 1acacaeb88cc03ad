/*
 * test_lead_ended: what a person is told who asks something of a rollout that has ended: how
 * it did, and no command that takes back another one.
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

/* Both nodes have said so, and it is not led any more. */
static uint64_t add_ended(uint64_t sequence, enum rollout_state state, enum target_says says)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    struct err err = ERR_INIT;
    uint64_t id;

    if (!lead_case_try_start(sequence, &id, &err))
        fail_msg("%s", err.text);
    *record = lead_find(place.lead, id)->machine.record;
    record->state = state;
    for (uint32_t i = 0; i < record->targets_count; i++)
        record->targets[i].says = says;
    if (!store_put_record(place.desk.store, record, 1, &err))
        fail_msg("%s", err.text);
    lead_case_restart();
    return id;
}

static void expect_abort(uint64_t id, const char *text)
{
    struct err err = ERR_INIT;

    assert_false(lead_abort(place.lead, id, "olga", "drill", &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_string_equal(err.text, text);
}

/* ---- one that has ended ---------------------------------------------------------------------- */

/* An emergency rollback would take the one before it. */
static void who_aborts_what_is_back_is_not_sent_to_the_one_before(void **state)
{
    uint64_t id;

    (void)state;
    add_ended(1, ROLLOUT_COMPLETE, SAYS_CONFIRMED);
    id = add_ended(2, ROLLOUT_REVERTED, SAYS_ENDED);
    expect_abort(id,
                 "rollout 2, forwarding, has ended: reverted, nothing of it stands; nothing was "
                 "done");
}

static void who_aborts_what_stands_is_told_what_takes_it_back(void **state)
{
    uint64_t first = add_ended(1, ROLLOUT_COMPLETE, SAYS_CONFIRMED);
    uint64_t second;
    uint64_t open;

    (void)state;
    expect_abort(first, "rollout 1, forwarding, has ended: complete; nothing was done. "
                        "`oceanidctl emergency-rollback` takes back what stands of it, on a1, b2");
    second = add_ended(2, ROLLOUT_COMPLETE, SAYS_CONFIRMED);
    expect_abort(first, "rollout 1, forwarding, has ended: complete; nothing was done. "
                        "`oceanidctl emergency-rollback --node a1 --to 1` takes it back there, "
                        "with what stands above it; it stands on a1, b2");
    assert_true(lead_case_try_start(3, &open, &(struct err)ERR_INIT));
    expect_abort(second, "rollout 2, forwarding, has ended: complete; nothing was done. "
                         "`oceanidctl emergency-rollback --node a1 --to 2` takes it back there, "
                         "with what stands above it; it stands on a1, b2");
}

static void who_moves_on_what_has_ended_is_told_how(void **state)
{
    uint64_t first = add_ended(1, ROLLOUT_COMPLETE, SAYS_CONFIRMED);
    struct err err = ERR_INIT;

    (void)state;
    assert_false(lead_next(place.lead, first, "olga", &err));
    assert_string_equal(err.text, "rollout 1, forwarding, has ended: complete, it stands on a1, "
                                  "b2; nothing was done");
}

/* ---- an emergency ---------------------------------------------------------------------------- */

/* Nothing was popped: its guard had nothing of it. */
static void what_did_not_stand_is_not_said_to_be_taken_back(void **state)
{
    struct stack stack = {.node = "a1"};
    struct err err = ERR_INIT;

    (void)state;
    lead_case_add_standing(1, SAYS_ENDED);
    assert_true(lead_case_take_back("", "drill", &err));
    lead_backs_stack(place.lead, "a1", &stack);
    assert_string_equal(lead_case_find_back("a1")->state, "not there");
    assert_true(lead_case_find_back("a1")->done);
}

/* The guard was told to; only its receipt is missing. */
static void what_went_is_said_to_be_taken_back(void **state)
{
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));
    struct err err = ERR_INIT;

    (void)state;
    lead_case_add_standing(1, SAYS_CONFIRMED);
    assert_true(lead_case_take_back("", "drill", &err));
    text_copy(stack->node, sizeof(stack->node), "a1");
    stack->generations_count = 1;
    stack->generations[0].id.attempt = lead_case_find_back("a1")->attempt;
    lead_backs_stack(place.lead, "a1", stack);
    stack->generations_count = 0;
    lead_backs_stack(place.lead, "a1", stack);
    assert_string_equal(lead_case_find_back("a1")->state, "popped");
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, lead_case_open, lead_case_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(who_aborts_what_is_back_is_not_sent_to_the_one_before),
        WITH_PLACE(who_aborts_what_stands_is_told_what_takes_it_back),
        WITH_PLACE(who_moves_on_what_has_ended_is_told_how),
        WITH_PLACE(what_did_not_stand_is_not_said_to_be_taken_back),
        WITH_PLACE(what_went_is_said_to_be_taken_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
