/*
 * test_lead_ended: what a person is told who asks something of a rollout that has ended, or of a
 * node that it does not have: how it is, and no command that takes back another one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "controller/io/store_tables.h"
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

static void break_body(uint64_t id)
{
    char text[80];

    snprintf(text, sizeof(text), "UPDATE rollouts SET body = x'ff' WHERE id = %llu",
             (unsigned long long)id);
    assert_int_equal(sqlite3_exec(place.desk.store->db, text, NULL, NULL, NULL), SQLITE_OK);
}

/* What stands there, bottom first; NULL ends them. */
static void hear_standing(const char *node, const char *const *changes)
{
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));

    text_copy(stack->node, sizeof(stack->node), node);
    text_copy(stack->trial_state, sizeof(stack->trial_state), "idle");
    stack->nonce.bytes[0] = 9;
    for (uint32_t i = 0; changes[i] != NULL; i++) {
        struct generation *generation = &stack->generations[stack->generations_count++];

        generation->id.attempt.sequence = 50 + i;
        text_copy(generation->change, sizeof(generation->change), changes[i]);
    }
    lead_take_stack(place.lead, node, stack, clock_now());
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
    place_add_standing(&place, 1, SAYS_ENDED);
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
    place_add_standing(&place, 1, SAYS_CONFIRMED);
    assert_true(lead_case_take_back("", "drill", &err));
    text_copy(stack->node, sizeof(stack->node), "a1");
    stack->generations_count = 1;
    stack->generations[0].id.attempt = lead_case_find_back("a1")->attempt;
    lead_backs_stack(place.lead, "a1", stack);
    stack->generations_count = 0;
    lead_backs_stack(place.lead, "a1", stack);
    assert_string_equal(lead_case_find_back("a1")->state, "popped");
}

static void expect_no_node(const char *node, const char *text)
{
    struct err err = ERR_INIT;

    assert_false(lead_case_take_back(node, "drill", &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_string_equal(err.text, text);
}

/* The last one is not all that stands. */
static void who_names_another_node_is_told_what_stands_there(void **state)
{
    static const char *const standing[] = {"drill2", "drill3", NULL};
    static const char *const nothing[] = {NULL};

    (void)state;
    place_add_standing(&place, 1, SAYS_CONFIRMED); /* of a1 */
    expect_no_node("b2", "rollout 1 is the last one and has no node b2; nothing was done. "
                         "What stands there is not known, its guard has not said");
    hear_standing("b2", standing);
    expect_no_node("b2", "rollout 1 is the last one and has no node b2; nothing was done. "
                         "`oceanidctl emergency-rollback --node b2 --to drill3` takes back the "
                         "newest of what stands there: drill3, drill2");
    hear_standing("b2", nothing);
    expect_no_node("b2", "rollout 1 is the last one and has no node b2; nothing was done. "
                         "Nothing stands there");
    expect_no_node("nobody", "rollout 1 is the last one and has no node nobody; nothing was done. "
                             "No node of that name is in the roster");
    expect_no_node("w1", "rollout 1 is the last one and has no node w1; nothing was done. "
                         "It is a witness, nothing can stand there");
}

static void what_is_open_is_said_to_be(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    lead_case_start();
    assert_false(lead_case_take_back("nobody", "drill", &err));
    assert_non_null(strstr(err.text, "rollout 1, forwarding, is open and has no node nobody"));
}

/* Its name is missing then, and nothing else. */
static void what_cannot_be_read_is_foretold_all_the_same(void **state)
{
    AUTO_FREE struct lead_losses *losses = mem_alloc(1, sizeof(*losses));
    struct err err = ERR_INIT;

    (void)state;
    place_add_standing(&place, 1, SAYS_CONFIRMED);
    break_body(1);
    if (!lead_foretell(place.lead, NULL, 0, losses, &err))
        fail_msg("%s", err.text);
    assert_int_equal(losses->rollout, 1);
    assert_string_equal(losses->change, "");
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
        WITH_PLACE(who_names_another_node_is_told_what_stands_there),
        WITH_PLACE(what_is_open_is_said_to_be),
        WITH_PLACE(what_cannot_be_read_is_foretold_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
