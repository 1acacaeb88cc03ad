/*
 * test_lead_holds: what failed proofs and holds make of the rollouts that are led, also when the
 * controller dies in between.
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
#include "controller/io/json.h"
#include "tests/unit/lead_case.h"

/* ---- failed proofs --------------------------------------------------------------------------- */

static void take_failed(unsigned who, uint64_t sequence, uint32_t objects)
{
    AUTO_FREE struct receipt *failed = mem_alloc(1, sizeof(*failed));
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct guard_report report = {.kind = REPORT_RECEIPT};
    struct err err = ERR_INIT;

    text_copy(failed->node, sizeof(failed->node), place.members[who].name);
    failed->generation.attempt.sequence = failed->index = sequence;
    failed->kind = RECEIPT_REVERTED;
    failed->cause = CAUSE_PROOF_FAILED;
    failed->objects_count = objects;
    for (uint32_t i = 0; i < objects; i++)
        snprintf(failed->objects[i], sizeof(failed->objects[i]), "rule %u", i);
    report.envelope = wire_encode_receipt(failed, place.members[who].guard);
    bytes = wire_encode_guard_report(&report);
    wire_bytes_done(&report.envelope);
    if (!lead_take_report(place.lead, place.members[who].name, wire_lend(&bytes), &err))
        fail_msg("%s", err.text);
}

static void put_freezes(unsigned count)
{
    const struct hold wanted = {
        .kind = HOLD_FREEZE, .scope = "fleet", .reason = "incident", .by = "olga"};
    struct err err = ERR_INIT;

    for (unsigned i = 0; i < count; i++) {
        if (holds_add(&place.desk.holds, &wanted, clock_unix(), &err) == NULL)
            fail_msg("%s", err.text);
    }
}

static void a_node_that_fails_often_leaves_room_for_others(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 80; i++)
        take_failed(PLACE_B2, 1000 + i, 15);
    take_failed(PLACE_A1, 7, 2);
    assert_non_null(holds_find_quarantine(&place.desk.holds, "a1", "rule 1", NULL));
    assert_null(holds_find_quarantine(&place.desk.holds, "a1", "rule 2", NULL));
    put_freezes(1);
}

/* Its guard bars it all the same; here nobody would know. */
static void a_failed_proof_that_finds_no_room_is_audited(void **state)
{
    (void)state;
    put_freezes(HOLDS_MAX);
    take_failed(PLACE_A1, 7, 2);
    assert_null(holds_find_quarantine(&place.desk.holds, "a1", "rule 1", NULL));
    assert_string_equal(place.desk.audit.subject, "a1");
    assert_non_null(strstr(place.desk.audit.text, "no room"));
}

/* ---- a controller that dies ------------------------------------------------------------------ */

/* Puts a hold as the API does, and dies before the rollout hears of it. */
static void put_hold_and_die(enum hold_kind kind, const char *scope)
{
    struct hold wanted = {.kind = kind, .reason = "incident", .by = "olga"};
    const struct hold *hold;
    struct err err = ERR_INIT;

    text_copy(wanted.scope, sizeof(wanted.scope), scope);
    hold = holds_add(&place.desk.holds, &wanted, clock_unix(), &err);
    if (hold == NULL || !store_put_hold(place.desk.store, hold, &err))
        fail_msg("%s", err.text);
    lead_case_restart();
}

/* a1 was started, and no receipt has said how it ended. */
static uint64_t start_trial(void)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    struct err err = ERR_INIT;
    uint64_t id = lead_case_start();

    *record = lead_find(place.lead, id)->machine.record;
    record->state = ROLLOUT_STAGE;
    record->targets[0].in_doubt = true;
    if (!store_put_record(place.desk.store, record, 0, &err))
        fail_msg("%s", err.text);
    lead_case_restart();
    return id;
}

static enum rollout_state state_of(uint64_t id)
{
    return lead_find(place.lead, id)->machine.record.state;
}

static void a_freeze_takes_the_trial_back_after_a_restart(void **state)
{
    uint64_t id = start_trial();

    (void)state;
    assert_int_equal(state_of(id), ROLLOUT_LEARNING);
    put_hold_and_die(HOLD_FREEZE, "a1");
    assert_int_equal(state_of(id), ROLLOUT_REVERTING);
    lead_case_restart(); /* once more is not worse */
    assert_int_equal(state_of(id), ROLLOUT_REVERTING);
}

static void a_freeze_that_is_not_its_own_leaves_a_trial_alone(void **state)
{
    struct err err = ERR_INIT;
    uint64_t id = start_trial();

    (void)state;
    put_hold_and_die(HOLD_FREEZE, "w1");
    put_hold_and_die(HOLD_PAUSE, "fleet");
    assert_int_equal(state_of(id), ROLLOUT_LEARNING);
    assert_true(holds_lift(&place.desk.holds, 1, &err));
    lead_case_restart();
    assert_int_equal(state_of(id), ROLLOUT_LEARNING);
}

/* ---- what a person reads of it --------------------------------------------------------------- */

static const char moves[] = "what moves it";
static const char healthy[] = "goes on by itself, nothing to do; to end it";
static const char lacking[] = "goes on by itself when that has come; to end it";
static const char beside_hold[] =
    "the open trial goes on by itself, the rest stays on hold; to end it";
static const char reverting[] = "goes on by itself; to take all back at once";
static const char hastened[] = "goes on by itself; sooner";
static const char by_root[] = "ssh -t root@203.0.113.10 oceanid-rollback";

static void expect_text(const json_t *object, const char *key, const char *text)
{
    const json_t *value = json_object_get(object, key);

    assert_string_equal(value != NULL ? json_string_value(value) : "(none)", text);
}

static void expect_wait(uint64_t id, const char *what, const char *how, const char *command)
{
    json_t *told = json_rollout_led(&place.desk, lead_find(place.lead, id), false);
    const json_t *waits = json_object_get(told, "waits");

    expect_text(waits, "what", what);
    expect_text(waits, "how", how);
    expect_text(waits, "command", command);
    json_decref(told);
}

static void put_hold(const char *scope)
{
    struct hold wanted = {.kind = HOLD_PAUSE, .reason = "incident", .by = "olga"};
    struct err err = ERR_INIT;

    text_copy(wanted.scope, sizeof(wanted.scope), scope);
    if (holds_add(&place.desk.holds, &wanted, clock_unix(), &err) == NULL)
        fail_msg("%s", err.text);
}

/* As it is after a hold: nothing more is offered. */
static struct rollout *set_state(uint64_t id, enum rollout_state state, uint32_t stage)
{
    struct led *led = (struct led *)(uintptr_t)lead_find(place.lead, id);

    led->machine.record.state = state;
    led->machine.record.stage = stage;
    return &led->machine;
}

static void a_hold_is_read_before_what_else_is_waited_for(void **state)
{
    uint64_t id = lead_case_start();

    (void)state;
    set_state(id, ROLLOUT_PAUSED, 0);
    expect_wait(id, "a person", moves, "oceanidctl rollout next");
    put_hold("b2");
    expect_wait(id, "hold 1 of olga on b2 (pause): incident; a person", moves,
                "oceanidctl hold lift 1 && oceanidctl rollout next");
    put_hold("fleet");
    expect_wait(id, "hold 2 of olga on the fleet (pause): incident; a person", moves,
                "oceanidctl rollout resume");
}

static void put_window(const char *scope, const char *open)
{
    struct hold wanted = {.kind = HOLD_WINDOW, .reason = "nights", .by = "olga"};
    struct err err = ERR_INIT;

    text_copy(wanted.scope, sizeof(wanted.scope), scope);
    text_copy(wanted.object, sizeof(wanted.object), open);
    if (holds_add(&place.desk.holds, &wanted, clock_unix(), &err) == NULL)
        fail_msg("%s", err.text);
}

/* Open on one day only, three days from now. */
static void put_closed_window(const char *scope)
{
    static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    char open[64];

    snprintf(open, sizeof(open), "%s 00:00-24:00", days[(clock_unix() / 86400 + 3 + 3) % 7]);
    put_window(scope, open);
}

/* `next` would ask the gates, which say no: when they do not is said, and no lifting is typed. */
static void a_window_that_is_closed_is_said_to_open(void **state)
{
    uint64_t id = lead_case_start();
    int64_t opens_at;
    char how[400];
    struct text text = TEXT_IN(how);
    json_t *told;

    (void)state;
    set_state(id, ROLLOUT_PAUSED, 0);
    put_closed_window("fleet");
    opens_at = holds_opens_at(&place.desk.holds, "a1", clock_unix());
    assert_true(opens_at > clock_unix() + 86400);
    text_add(&text, "what moves it from ");
    text_add_time(&text, opens_at);
    text_add(&text, " on, when the window opens; before that the gates say no again, unless the "
                    "window goes for good by `oceanidctl hold lift 1`");
    expect_wait(id, "hold 1 of olga on the fleet (window): nights; a person", how,
                "oceanidctl rollout next");
    told = json_rollout_led(&place.desk, lead_find(place.lead, id), false);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(told, "waits"), "opens_at")), opens_at);
    json_decref(told);
    put_hold("fleet"); /* a pause comes first */
    expect_wait(id, "hold 2 of olga on the fleet (pause): incident; a person", moves,
                "oceanidctl rollout resume");
}

/* Signed is that no window is waited for, or one is open: then a person alone is. */
static void a_window_that_does_not_stop_it_is_not_waited_for(void **state)
{
    uint64_t id = lead_case_start();
    struct rollout *machine = set_state(id, ROLLOUT_PAUSED, 0);

    (void)state;
    put_closed_window("fleet");
    ((struct manifest *)(uintptr_t)machine->manifest)->waived[WAIVE_WINDOW] = true;
    expect_wait(id, "a person", moves, "oceanidctl rollout next");
    ((struct manifest *)(uintptr_t)machine->manifest)->waived[WAIVE_WINDOW] = false;
    put_window("fleet", "mon-sun 00:00-24:00");
    expect_wait(id, "a person", moves, "oceanidctl rollout next");
}

/* `rollout resume` lifts the pause only: that the node refused three times is for a person. */
static void a_pause_beside_what_has_halted_is_not_all(void **state)
{
    uint64_t id = lead_case_start();

    (void)state;
    set_state(id, ROLLOUT_HALTED, 0);
    put_hold("fleet");
    expect_wait(id, "hold 1 of olga on the fleet (pause): incident; a person", moves,
                "oceanidctl rollout resume --no-watch && oceanidctl rollout next");
}

/* Its guard forgot what it had begun: only abort leads on, which no hold bars. */
static void a_pause_beside_what_only_goes_back_is_left(void **state)
{
    uint64_t id = lead_case_start();
    struct rollout *machine;

    (void)state;
    machine = set_state(id, ROLLOUT_HALTED, 0);
    machine->record.targets[0].wants = WANTS_CHANGE;
    machine->record.targets[0].says = SAYS_PREPARED;
    machine->record.targets[0].begun = true;
    put_hold("fleet");
    expect_wait(id, "hold 1 of olga on the fleet (pause): incident; a person", moves,
                "oceanidctl rollout abort");
}

/* Of one stage, a1 is on trial and goes on; b2 is late, and what stops it is not that. */
static void a_hold_beside_a_trial_is_read_before_the_late_node(void **state)
{
    struct rollout *machine;
    uint64_t id = lead_case_start();

    (void)state;
    machine = set_state(id, ROLLOUT_STAGE, 0);
    machine->record.targets[1].stage = 0;
    machine->record.targets[1].wants = WANTS_CHANGE;
    machine->record.targets[1].says = SAYS_PREPARED;
    machine->record.targets[0].says = SAYS_ON_TRIAL;
    machine->record.targets[0].in_doubt = true;
    put_hold("a1");
    expect_wait(id,
                "a1's guard to confirm or to take it back; the gates, asked again before b2 is "
                "started",
                healthy, "oceanidctl rollout abort");
    put_hold("b2");
    expect_wait(id,
                "hold 2 of olga on b2 (pause): incident; a1's guard to confirm or to take it back; "
                "the gates, asked again before b2 is started",
                beside_hold, "oceanidctl rollout abort");
    machine->offering = true; /* the gates have passed since: they know of it */
    expect_wait(id,
                "a1's guard to confirm or to take it back; b2: 0 witnesses see it and are well, 2 "
                "are needed",
                lacking, "oceanidctl rollout abort");
}

/* Whoever reads that a trial waits for its soak is not to end it for that. */
static void what_goes_on_by_itself_needs_nobody(void **state)
{
    struct rollout *machine;
    uint64_t id = lead_case_start();

    (void)state;
    expect_wait(id, "a1 to say what stands there; b2 to say what stands there", healthy,
                "oceanidctl rollout abort");
    machine = set_state(id, ROLLOUT_GATES, 0);
    expect_wait(id, "the gates: fresh snapshots of the nodes", healthy, "oceanidctl rollout abort");
    text_copy(machine->awaited, sizeof(machine->awaited), "b2: its agent to connect");
    expect_wait(id, "the gates: b2: its agent to connect", lacking, "oceanidctl rollout abort");
    set_state(id, ROLLOUT_STAGE, 0);
    machine->record.targets[0].wants = WANTS_CHANGE;
    machine->record.targets[0].says = SAYS_ON_TRIAL;
    machine->record.targets[0].in_doubt = true;
    expect_wait(id, "a1's guard to confirm or to take it back", healthy,
                "oceanidctl rollout abort");
    machine->targets[0].silent = true;
    expect_wait(id, "a1's guard to confirm or to take it back, which does not answer", lacking,
                "oceanidctl rollout abort");
}

/* One emergency is enough: behind it a node is hastened by hand only. */
static void a_way_back_goes_on_by_itself(void **state)
{
    char by_order[SENTENCE_SIZE];
    struct rollout *machine;
    uint64_t id = lead_case_start();

    (void)state;
    machine = set_state(id, ROLLOUT_REVERTING, 0);
    machine->record.targets[0].wants = WANTS_REVERT;
    machine->record.targets[0].says = SAYS_CONFIRMED;
    expect_wait(id, "a1's guard to take it back", reverting, "oceanidctl emergency-rollback");
    machine->record.emergency = true;
    expect_wait(id, "a1's guard to take it back", hastened, by_root);
    set_state(id, ROLLOUT_INCOMPLETE, 0);
    expect_wait(id, "a1's guard to take it back",
                "goes on by itself when it can, or without it after `oceanidctl node remove "
                "a1`; sooner",
                by_root);
    snprintf(by_order, sizeof(by_order), "oceanidctl emergency-rollback --node a1 --to %s",
             machine->manifest->change);
    machine->record.targets[0].listed = true;
    machine->targets[0].heard = true;
    text_copy(machine->record.targets[0].reason, sizeof(machine->record.targets[0].reason),
              "fix-dns stands above it");
    expect_wait(id, "a1's guard to take it back (fix-dns stands above it)",
                "goes on by itself when it can, or without it after `oceanidctl node remove "
                "a1`; sooner, with what stands above it",
                by_order);
    machine->record.targets[0].receipt = RECEIPT_INCOMPLETE; /* its guard tries on */
    expect_wait(id, "a1's guard to take it back (fix-dns stands above it)",
                "goes on by itself when it can, or without it after `oceanidctl node remove "
                "a1`; sooner",
                by_root);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, lead_case_open, lead_case_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(a_node_that_fails_often_leaves_room_for_others),
        WITH_PLACE(a_failed_proof_that_finds_no_room_is_audited),
        WITH_PLACE(a_freeze_takes_the_trial_back_after_a_restart),
        WITH_PLACE(a_freeze_that_is_not_its_own_leaves_a_trial_alone),
        WITH_PLACE(a_hold_is_read_before_what_else_is_waited_for),
        WITH_PLACE(a_window_that_is_closed_is_said_to_open),
        WITH_PLACE(a_window_that_does_not_stop_it_is_not_waited_for),
        WITH_PLACE(a_pause_beside_what_has_halted_is_not_all),
        WITH_PLACE(a_pause_beside_what_only_goes_back_is_left),
        WITH_PLACE(a_hold_beside_a_trial_is_read_before_the_late_node),
        WITH_PLACE(what_goes_on_by_itself_needs_nobody),
        WITH_PLACE(a_way_back_goes_on_by_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
