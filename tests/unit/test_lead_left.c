/*
 * test_lead_left: nodes that left the roster: nobody waits for them, and nobody says that they are
 * back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "tests/unit/lead_case.h"

/* The rollout has ended and is not led any more: a1 left the roster with the change, b2 is back. */
static void end_without_a1(uint64_t id)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    struct err err = ERR_INIT;

    *record = lead_find(place.lead, id)->machine.record;
    record->state = ROLLOUT_REVERTED;
    record->targets[0].wants = WANTS_NOTHING;
    record->targets[0].says = SAYS_CONFIRMED;
    record->targets[1].wants = WANTS_REVERT;
    record->targets[1].says = SAYS_ENDED;
    record->targets[1].receipt = RECEIPT_POPPED;
    if (!store_put_record(place.desk.store, record, 1, &err))
        fail_msg("%s", err.text);
    assert_true(roster_remove(place.desk.roster, "a1"));
    lead_case_restart();
}

static void a_node_that_left_is_not_said_to_be_back(void **state)
{
    struct err err = ERR_INIT;
    uint64_t id = lead_case_start();

    (void)state;
    assert_true(lead_case_take_back("", "drill", &err));
    end_without_a1(id);
    assert_string_equal(lead_case_find_back("b2")->state, "popped");
    assert_true(lead_case_find_back("b2")->done);
    assert_string_equal(lead_case_find_back("a1")->state, "left");
    assert_true(lead_case_find_back("a1")->left);
    assert_non_null(
        strstr(lead_case_find_back("a1")->sentence, "left the roster, may still stand"));
    assert_false(lead_case_find_back("a1")->done);
}

/* All have confirmed. */
static uint64_t complete_rollout(void)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    struct err err = ERR_INIT;
    uint64_t id = lead_case_start();

    *record = lead_find(place.lead, id)->machine.record;
    record->state = ROLLOUT_COMPLETE;
    for (uint32_t i = 0; i < record->targets_count; i++) {
        record->targets[i].wants = WANTS_CHANGE;
        record->targets[i].says = SAYS_CONFIRMED;
        record->targets[i].receipt = RECEIPT_CONFIRMED;
    }
    if (!store_put_record(place.desk.store, record, 1, &err))
        fail_msg("%s", err.text);
    lead_case_restart();
    return id;
}

/* It left when all had confirmed: nobody told the rollout, which was over. */
static void an_emergency_does_not_wait_for_who_left_before(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    complete_rollout();
    assert_true(roster_remove(place.desk.roster, "a1"));
    assert_true(lead_case_take_back("", "drill", &err));
    lead_backs(place.lead);
    assert_true(lead_case_find_back("a1")->left);
    assert_false(lead_case_find_back("b2")->left);
}

/* Asked back alone: that it cannot be asked does not take the change from the others. */
static void an_emergency_of_who_left_leaves_the_others(void **state)
{
    AUTO_FREE struct store_rollout *stored = mem_alloc(1, sizeof(*stored));
    struct err err = ERR_INIT;
    uint64_t id = complete_rollout();

    (void)state;
    assert_true(roster_remove(place.desk.roster, "a1"));
    assert_true(lead_case_take_back("a1", "drill", &err));
    assert_true(store_read_rollout(place.desk.store, id, stored, &err));
    assert_int_equal(stored->record.state, ROLLOUT_ABORTED);
    assert_non_null(strstr(stored->record.sentence, "only root there can take back: a1"));
    assert_int_equal(stored->record.targets[1].wants, WANTS_CHANGE);
    store_rollout_done(stored);
    lead_sweep(place.lead);
    assert_true(lead_case_take_back("", "drill", &err)); /* and they can still be taken back */
    assert_int_equal(place.lead->leds->machine.record.targets[1].wants, WANTS_REVERT);
}

static void a_node_that_left_is_not_asked_any_more(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    place_add_standing(&place, 1, SAYS_CONFIRMED); /* its guard confirmed it all the same */
    assert_true(lead_case_take_back("a1", "drill", &err));
    assert_true(lead_backs_deadline(place.lead) != MONO_NEVER);
    assert_true(roster_remove(place.desk.roster, "a1"));
    assert_true(lead_backs_deadline(place.lead) == MONO_NEVER);
    assert_string_equal(lead_case_find_back("a1")->state, "left");
    assert_false(lead_case_find_back("a1")->done);
}

/* Its rollout has let go of it for good: nobody else asks its guard. */
static void a_node_that_left_is_asked_when_it_is_admitted_again(void **state)
{
    const struct roster_entry entry = *roster_find(place.desk.roster, "a1");
    struct stack stack = {.node = "a1"};
    struct err err = ERR_INIT;
    uint64_t id = lead_case_start();
    char node[] = "a1";

    (void)state;
    assert_true(lead_case_take_back("", "drill", &err));
    end_without_a1(id);
    assert_true(lead_backs_deadline(place.lead) == MONO_NEVER);
    assert_true(roster_put(place.desk.roster, &entry, &err));
    lead_take_roster(place.lead);
    place_until(&place, lead_case_is_asked, node, "a1's guard is asked");
    assert_false(lead_case_find_back("a1")->done);
    lead_backs_stack(place.lead, "a1", &stack);
    assert_true(lead_case_find_back("a1")->done);
    lead_case_restart();
    assert_string_equal(lead_case_find_back("a1")->state, "not there");
    assert_true(lead_case_find_back("a1")->done);
}

/* ---- a node with new keys ---------------------------------------------------------------------
 */

static void replace_keys(const char *node, bool agent, bool guard)
{
    struct roster_entry entry = *roster_find(place.desk.roster, node);
    struct err err = ERR_INIT;

    if (agent)
        memset(entry.agent_key.bytes, 0x5a, KEY_SIZE);
    if (guard)
        memset(entry.guard_key.bytes, 0x5b, KEY_SIZE);
    assert_true(roster_remove(place.desk.roster, node));
    assert_true(roster_put(place.desk.roster, &entry, &err));
    lead_take_roster(place.lead);
}

/* What it signs is not what the manifest's proofs are verified by: nobody can wait for it. */
static void a_node_with_another_guards_key_is_another_node(void **state)
{
    const struct rollout_record *record = &lead_find(place.lead, lead_case_start())->machine.record;

    (void)state;
    replace_keys("b2", false, true);
    assert_int_equal(record->state, ROLLOUT_REVERTING);
    assert_non_null(strstr(record->sentence, "b2: its guard's key in the roster is another now"));
    assert_int_equal(record->targets[0].wants, WANTS_REVERT);
    assert_int_equal(record->targets[1].wants, WANTS_NOTHING);
    assert_string_equal(record->targets[1].reason, "its guard's key in the roster is another now");
    assert_true(lead_case_has_command("a1", GUARD_STACK));
}

/* The controller died between the roster and what follows from it. */
static void another_guards_key_is_found_after_a_restart(void **state)
{
    struct roster_entry entry = *roster_find(place.desk.roster, "a1");
    struct err err = ERR_INIT;
    uint64_t id = lead_case_start();

    (void)state;
    memset(entry.guard_key.bytes, 0x5b, KEY_SIZE);
    assert_true(roster_remove(place.desk.roster, "a1"));
    assert_true(roster_put(place.desk.roster, &entry, &err));
    lead_case_restart();
    assert_int_equal(lead_find(place.lead, id)->machine.record.state, ROLLOUT_REVERTING);
    assert_int_equal(lead_find(place.lead, id)->machine.record.targets[0].wants, WANTS_NOTHING);
}

/* Receipts and stacks are the guard's; what the agent carries, it carries with another key too. */
static void a_node_with_another_agents_key_is_the_same(void **state)
{
    uint64_t id = lead_case_start();

    (void)state;
    replace_keys("b2", true, false);
    assert_int_equal(lead_find(place.lead, id)->machine.record.state, ROLLOUT_LEARNING);
    assert_int_equal(lead_find(place.lead, id)->machine.record.targets[1].wants, WANTS_NOTHING);
}

/* ---- what its old host said -------------------------------------------------------------------
 */

/* The next version, signed by the approver. */
static void sign_roster(struct roster *roster)
{
    AUTO_WIRE struct wire_bytes envelope = {NULL, 0};
    struct err err = ERR_INIT;

    roster->version++;
    envelope = wire_encode_roster(roster, place.approver);
    if (!desk_put_roster(&place.desk, wire_lend(&envelope), &err))
        fail_msg("%s", err.text);
}

static void sign_other_keys(const char *node, bool agent, bool guard)
{
    AUTO_FREE struct roster *roster = mem_copy(place.desk.roster, sizeof(*roster));
    struct roster_entry entry = *roster_find(roster, node);
    struct err err = ERR_INIT;

    if (agent)
        memset(entry.agent_key.bytes, 0x5a, KEY_SIZE);
    if (guard)
        memset(entry.guard_key.bytes, 0x5b, KEY_SIZE);
    assert_true(roster_put(roster, &entry, &err));
    sign_roster(roster);
}

/* Its check passes, and its disk has it; it was rehearsed, has drifted, and something stands. */
static struct fleet_member *hear_all(const char *node)
{
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));
    AUTO_FREE struct rehearsal *rehearsal = mem_alloc(1, sizeof(*rehearsal));
    struct fleet_member *member = fleet_find(&place.desk.fleet, node);
    struct verdict verdict = {.check = "database", .severity = SEVERITY_CRITICAL};
    const struct hash body = {{1}};
    struct err err = ERR_INIT;

    verdict_set(&verdict, VERDICT_PASS, "it connects", "it does");
    fleet_hear(member, clock_now(), clock_unix());
    fleet_tell_verdict(member, &verdict, 30, clock_unix());
    assert_true(store_put_verdict(place.desk.store, node, &member->verdicts[0], &err));
    fleet_tell_rehearsal(member, &body, rehearsal, clock_now());
    text_copy(member->version, sizeof(member->version), "0.1.0");
    member->has_snapshot = true;
    member->drift_count = 1;
    stack->generations_count = 1;
    lead_take_stack(place.lead, node, stack, clock_now());
    return member;
}

static enum verdict_value ask_database(const struct fleet_member *member)
{
    struct verdict verdict;

    fleet_verdict_now(member, "database", clock_now(), &verdict);
    return verdict.value;
}

/* What the store has of it, when its agent has said hello to a controller that began again. */
static enum verdict_value ask_database_after_a_restart(const char *node)
{
    struct fleet fleet;
    struct fleet_member *member;
    enum verdict_value value;
    struct err err = ERR_INIT;

    fleet_init(&fleet);
    member = fleet_put(&fleet, node, false);
    assert_true(store_read_fleet(place.desk.store, &fleet, &err));
    fleet_hear(member, clock_now(), clock_unix());
    value = ask_database(member);
    fleet_done(&fleet);
    return value;
}

static void what_another_agents_key_said_is_unknown(void **state)
{
    const struct fleet_member *a1 = hear_all("a1");
    const struct fleet_member *b2 = hear_all("b2");

    (void)state;
    assert_int_equal(ask_database_after_a_restart("a1"), VERDICT_PASS);
    sign_other_keys("a1", true, false);
    assert_int_equal(ask_database(a1), VERDICT_UNKNOWN);
    assert_int_equal(fleet_health(a1, clock_now()), VERDICT_UNKNOWN);
    assert_false(a1->has_snapshot);
    assert_null(a1->rehearsal.rehearsal);
    assert_int_equal(a1->drift_count, 0);
    assert_string_equal(a1->version, "");
    assert_true(a1->has_stack); /* its guard has signed it, and is the same */
    assert_int_equal(ask_database_after_a_restart("a1"), VERDICT_UNKNOWN);
    assert_int_equal(ask_database(b2), VERDICT_PASS);
    assert_true(b2->has_snapshot);
    assert_int_equal(ask_database_after_a_restart("b2"), VERDICT_PASS);
}

/* The next version, with another agent's key of a1. */
static void put_in_vain(struct desk *desk, struct roster *roster)
{
    struct roster_entry entry = *roster_find(roster, "a1");
    AUTO_WIRE struct wire_bytes envelope = {NULL, 0};
    char path[PATH_SIZE];
    struct err err = ERR_INIT;

    memset(entry.agent_key.bytes, 0x5a, KEY_SIZE);
    assert_true(roster_put(roster, &entry, &err));
    roster->version++;
    envelope = wire_encode_roster(roster, place.approver);
    assert_true(file_join(path, sizeof(path), place.directory, "roster", &err));
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_false(desk_put_roster(desk, wire_lend(&envelope), &err));
    assert_int_equal(rmdir(path), 0);
}

/* Its session goes on when the roster cannot be written. */
static void what_it_said_until_the_roster_could_be_written_is_unknown(void **state)
{
    AUTO_FREE struct roster *roster = mem_copy(place.desk.roster, sizeof(*roster));
    AUTO_WIRE struct wire_bytes envelope = {NULL, 0};
    struct err err = ERR_INIT;

    (void)state;
    put_in_vain(&place.desk, roster);
    hear_all("a1");
    envelope = wire_encode_roster(roster, place.approver);
    assert_true(desk_put_roster(&place.desk, wire_lend(&envelope), &err));
    assert_int_equal(ask_database_after_a_restart("a1"), VERDICT_UNKNOWN);
}

static void begin_with_the_database(struct desk *desk)
{
    struct err err = ERR_INIT;

    if (!desk_open(desk, place.directory, place.desk.fleet_path, NULL, &err))
        fail_msg("%s", err.text);
}

static void keep_pass(struct desk *desk, const char *node)
{
    struct fleet_verdict kept = {.interval_s = 30, .at = clock_unix(), .decided = VERDICT_PASS};
    struct err err = ERR_INIT;

    text_copy(kept.verdict.check, sizeof(kept.verdict.check), "database");
    verdict_set(&kept.verdict, VERDICT_PASS, "it connects", "it does");
    assert_true(store_put_verdict(desk->store, node, &kept, &err));
}

static enum verdict_value ask_desk(struct desk *desk, const char *node)
{
    struct fleet_member *member = fleet_find(&desk->fleet, node);

    fleet_hear(member, clock_now(), clock_unix());
    return ask_database(member);
}

/* While no controller runs. */
static void copy_roster_by_hand(struct roster *roster)
{
    AUTO_WIRE struct wire_bytes envelope = {NULL, 0};
    char path[PATH_SIZE];
    struct err err = ERR_INIT;

    roster->version++;
    envelope = wire_encode_roster(roster, place.approver);
    assert_true(file_join(path, sizeof(path), place.directory, "roster", &err));
    assert_true(file_write(path, envelope.data, envelope.len, 0600, &err));
}

static void what_another_agents_key_said_is_unknown_by_a_roster_copied_by_hand(void **state)
{
    AUTO_FREE struct roster *roster = mem_copy(place.desk.roster, sizeof(*roster));
    struct roster_entry entry = *roster_find(roster, "a1");
    static struct desk desk;
    struct err err = ERR_INIT;

    (void)state;
    begin_with_the_database(&desk);
    keep_pass(&desk, "a1");
    keep_pass(&desk, "b2");
    desk_close(&desk);
    begin_with_the_database(&desk);
    assert_int_equal(ask_desk(&desk, "a1"), VERDICT_PASS);
    desk_close(&desk);
    memset(entry.agent_key.bytes, 0x5a, KEY_SIZE);
    assert_true(roster_put(roster, &entry, &err));
    copy_roster_by_hand(roster);
    begin_with_the_database(&desk);
    assert_int_equal(ask_desk(&desk, "a1"), VERDICT_UNKNOWN);
    assert_int_equal(ask_desk(&desk, "b2"), VERDICT_PASS);
    desk_close(&desk);
}

/* It could not be written, and the old agent's session went on until somebody copied it. */
static void what_it_said_until_the_roster_was_copied_by_hand_is_unknown(void **state)
{
    AUTO_FREE struct roster *roster = mem_copy(place.desk.roster, sizeof(*roster));
    static struct desk desk;

    (void)state;
    begin_with_the_database(&desk);
    put_in_vain(&desk, roster);
    keep_pass(&desk, "a1");
    keep_pass(&desk, "b2");
    desk_close(&desk);
    copy_roster_by_hand(roster);
    begin_with_the_database(&desk);
    assert_int_equal(ask_desk(&desk, "a1"), VERDICT_UNKNOWN);
    assert_int_equal(ask_desk(&desk, "b2"), VERDICT_PASS);
    desk_close(&desk);
}

static void what_another_guards_key_signed_is_unknown(void **state)
{
    const struct fleet_member *a1 = hear_all("a1");

    (void)state;
    sign_other_keys("a1", false, true);
    assert_false(a1->has_stack);
    assert_false(a1->stack_is_of_session);
    assert_null(a1->rehearsal.rehearsal);
    assert_int_equal(ask_database(a1), VERDICT_PASS);
}

/* The store has not forgotten who left. */
static void what_was_said_before_it_left_is_unknown(void **state)
{
    AUTO_FREE struct roster *roster = mem_copy(place.desk.roster, sizeof(*roster));
    const struct roster_entry entry = *roster_find(roster, "a1");
    struct err err = ERR_INIT;

    (void)state;
    hear_all("a1");
    assert_true(roster_remove(roster, "a1"));
    sign_roster(roster);
    assert_true(roster_put(roster, &entry, &err));
    sign_roster(roster);
    assert_int_equal(ask_database_after_a_restart("a1"), VERDICT_UNKNOWN);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, lead_case_open, lead_case_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(a_node_that_left_is_not_said_to_be_back),
        WITH_PLACE(an_emergency_does_not_wait_for_who_left_before),
        WITH_PLACE(an_emergency_of_who_left_leaves_the_others),
        WITH_PLACE(a_node_that_left_is_not_asked_any_more),
        WITH_PLACE(a_node_that_left_is_asked_when_it_is_admitted_again),
        WITH_PLACE(a_node_with_another_guards_key_is_another_node),
        WITH_PLACE(another_guards_key_is_found_after_a_restart),
        WITH_PLACE(a_node_with_another_agents_key_is_the_same),
        WITH_PLACE(what_another_agents_key_said_is_unknown),
        WITH_PLACE(what_another_agents_key_said_is_unknown_by_a_roster_copied_by_hand),
        WITH_PLACE(what_it_said_until_the_roster_could_be_written_is_unknown),
        WITH_PLACE(what_it_said_until_the_roster_was_copied_by_hand_is_unknown),
        WITH_PLACE(what_another_guards_key_signed_is_unknown),
        WITH_PLACE(what_was_said_before_it_left_is_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
