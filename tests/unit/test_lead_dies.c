/*
 * test_lead_dies: the controller dies in the middle of an emergency, and begins again from what was
 * kept.
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

static void change_store(const char *sql)
{
    assert_int_equal(sqlite3_exec(place.desk.store->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* At that row: "INSERT ON owed", of who is to come back. */
static void die_before(const char *what)
{
    char sql[192];

    snprintf(sql, sizeof(sql),
             "CREATE TRIGGER dies BEFORE %s BEGIN SELECT RAISE(FAIL, 'it dies'); END", what);
    change_store(sql);
}

/* It begins again from what was committed. */
static void begin_again(void)
{
    struct err err = ERR_INIT;

    assert_true(place.desk.failed);
    store_cancel(place.desk.store);
    change_store("DROP TRIGGER dies");
    place.desk.failed = place.desk.writing = false;
    assert_true(store_read_last_audit(place.desk.store, &place.desk.audit, &err));
    lead_case_restart();
}

/* What the machine makes of it and who is to come back are one: whom a person named, and was not
 * told so, is not taken back in his turn. */
static void an_emergency_is_kept_whole_or_not_at_all(void **state)
{
    struct err err = ERR_INIT;
    uint64_t id = lead_case_start();
    enum rollout_state before;

    (void)state;
    lead_case_hear_of_open("a1", false);
    before = lead_find(place.lead, id)->machine.record.state;
    die_before("INSERT ON owed");
    assert_false(lead_case_take_back("a1", "drill", &err));
    assert_false(lead_case_has_command("a1", GUARD_POP)); /* durable before visible */
    begin_again();
    assert_int_equal(lead_find(place.lead, id)->machine.record.state, before);
    assert_int_equal(lead_backs(place.lead)->count, 0);
}

/* It is kept with the step that begins it, before it is brought up to date. */
static void who_was_named_does_not_wait_when_it_dies_behind_the_step(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    lead_case_start();
    die_before("DELETE ON owed");
    assert_false(lead_case_take_back("a1", "drill", &err));
    begin_again();
    assert_string_equal(lead_case_find_back("a1")->reason, "drill");
    lead_case_hear_of_open("b2", true);
    lead_case_hear_of_open("a1", false);
    assert_true(lead_case_has_command("a1", GUARD_POP));
}

/* Of several the last comes back at once as well, though only the first one's step was kept. */
static void all_who_were_named_come_back_when_it_dies_between_their_steps(void **state)
{
    char names[2][NAME_SIZE] = {"a1", "b2"};
    struct err err = ERR_INIT;

    (void)state;
    lead_case_add_complete(1);
    die_before("INSERT ON audit WHEN NEW.sentence LIKE '%does not wait for its turn%'");
    assert_false(lead_emergency(place.lead, names, 2, "olga", "drill", &err));
    begin_again();
    assert_string_equal(lead_case_find_back("b2")->reason, "drill");
    lead_case_hear_of_open("a1", false);
    lead_case_hear_of_open("b2", false);
    assert_true(lead_case_has_command("b2", GUARD_POP)); /* a1 is still being taken back */
}

/* The first of a rollout that has ended is back for its record: its machine has nothing to do. */
static void say_a1_is_back(void)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    struct err err = ERR_INIT;

    assert_true(store_read_record(place.desk.store, 1, record, &err));
    record->targets[0].says = SAYS_ENDED;
    record->targets[0].receipt = RECEIPT_POPPED;
    assert_true(store_put_record(place.desk.store, record, 1, &err));
}

static void who_is_named_behind_one_that_is_back_does_not_wait(void **state)
{
    char names[2][NAME_SIZE] = {"a1", "b2"};
    struct err err = ERR_INIT;

    (void)state;
    lead_case_add_complete(1);
    say_a1_is_back();
    die_before("DELETE ON owed WHEN OLD.rollout <> 0");
    assert_false(lead_emergency(place.lead, names, 2, "olga", "drill", &err));
    begin_again();
    assert_int_equal(lead_case_find_back("b2")->rollout, 1); /* its machine's alone */
    assert_true(lead_find(place.lead, 1)->machine.targets[1].at_once);
}

/* Its disk was restored: what its guard signs now is not asked of the machine that knows its end.
 */
static void the_guard_is_asked_of_what_stands_again(void **state)
{
    char names[2][NAME_SIZE] = {"a1", "b2"};
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));
    struct attempt attempt = lead_case_add_complete(1);
    struct err err = ERR_INIT;

    (void)state;
    say_a1_is_back();
    text_copy(stack->node, sizeof(stack->node), "a1");
    text_copy(stack->trial_state, sizeof(stack->trial_state), "idle");
    stack->generations[stack->generations_count++].id =
        (struct generation_id){attempt, {.bytes = {7}}};
    stack->nonce.bytes[0] = 9;
    lead_take_stack(place.lead, "a1", stack, clock_now());
    assert_true(lead_emergency(place.lead, names, 2, "olga", "drill", &err));
    assert_int_equal(lead_case_find_back("a1")->rollout, 0);
    assert_false(lead_case_find_back("a1")->done);
    assert_int_equal(lead_case_find_back("b2")->rollout, 1);
    lead_backs_tick(place.lead, clock_now());
    assert_true(lead_case_is_asked("a1"));
}

/* Whom it does not name keeps the change, whenever it died. */
static void who_was_not_named_keeps_the_change(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    lead_case_add_complete(1);
    die_before("DELETE ON owed");
    assert_false(lead_case_take_back("a1", "drill", &err));
    begin_again();
    assert_null(
        strstr(place.desk.audit.text, "does not wait for its turn")); /* a1's step is done */
    lead_case_hear_of_open("a1", false);
    lead_case_hear_of_open("b2", false);
    assert_true(lead_case_has_command("a1", GUARD_POP));
    assert_false(lead_case_has_command("b2", GUARD_POP));
}

/* Its machine says that nothing stands: then the guards are asked, whoever restarts. */
static void guards_are_asked_when_it_dies_behind_the_step(void **state)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    struct err err = ERR_INIT;

    (void)state;
    lead_case_add_complete(1);
    assert_true(store_read_record(place.desk.store, 1, record, &err));
    for (uint32_t i = 0; i < record->targets_count; i++) {
        record->targets[i].says = SAYS_ENDED;
        record->targets[i].receipt = RECEIPT_POPPED;
    }
    assert_true(store_put_record(place.desk.store, record, 1, &err));
    die_before("DELETE ON owed");
    assert_false(lead_case_take_back("a1", "drill", &err));
    begin_again();
    assert_int_equal(lead_case_find_back("a1")->rollout, 0);
    assert_false(lead_case_find_back("a1")->done);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, lead_case_open, lead_case_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(an_emergency_is_kept_whole_or_not_at_all),
        WITH_PLACE(who_was_named_does_not_wait_when_it_dies_behind_the_step),
        WITH_PLACE(all_who_were_named_come_back_when_it_dies_between_their_steps),
        WITH_PLACE(who_is_named_behind_one_that_is_back_does_not_wait),
        WITH_PLACE(the_guard_is_asked_of_what_stands_again),
        WITH_PLACE(who_was_not_named_keeps_the_change),
        WITH_PLACE(guards_are_asked_when_it_dies_behind_the_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
