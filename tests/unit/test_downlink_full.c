/*
 * test_downlink_full: an agent that has more verdicts than find room in one report: what newly
 * fails among them, and what is not checked any more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "tests/unit/downlink_case.h"

/* As many as find room: others may follow. */
static void report_full_of(struct agent *agent, const char *prefix)
{
    AUTO_FREE struct session_request *report = downlink_case_request(ASK_REPORT);
    char name[NAME_SIZE];

    report->full = true;
    for (unsigned i = 0; i < VERDICTS_MAX; i++) {
        snprintf(name, sizeof(name), "%s-%u", prefix, i);
        downlink_case_set_verdict(report, name, VERDICT_PASS);
    }
    assert_int_equal(downlink_case_ask(agent, report)->kind, ANSWER_ACK);
}

static void report_full(struct agent *agent)
{
    report_full_of(agent, "check");
}

static void report_one(struct agent *agent, const char *check, enum verdict_value value)
{
    AUTO_FREE struct session_request *report = downlink_case_request(ASK_REPORT);

    downlink_case_set_verdict(report, check, value);
    assert_int_equal(downlink_case_ask(agent, report)->kind, ANSWER_ACK);
}

static void report_late(struct agent *agent, enum verdict_value value)
{
    report_one(agent, "late", value);
}

/* Its agent has more verdicts than find room in one report. */
static void a_check_behind_a_full_report_newly_fails(void **state)
{
    const struct rollout *machine;
    struct agent agent;
    uint64_t id;

    (void)state;
    downlink_case_join(&agent, PLACE_B2);
    downlink_case_start(1, &id);
    machine = &lead_find(place.lead, id)->machine;
    report_full(&agent);
    report_late(&agent, VERDICT_PASS);
    downlink_case_put_on_trial("a1", id);
    report_full(&agent);
    assert_int_equal(machine->record.state, ROLLOUT_LEARNING);
    report_late(&agent, VERDICT_FAIL);
    downlink_case_hang_up(&agent);
    assert_int_equal(machine->record.state, ROLLOUT_REVERTING);
}

/* ---- a check is no more ---------------------------------------------------------------------- */

/* How b2 looks: what the gates would go by, and what a controller would that begins anew. */
struct look {
    enum verdict_value health, late, another;
    uint32_t stored;
};

static enum verdict_value value_at_b2(const char *check)
{
    struct verdict verdict;

    fleet_verdict_now(fleet_find(&place.desk.fleet, "b2"), check, clock_now(), &verdict);
    return verdict.value;
}

static uint32_t count_stored_of_b2(void)
{
    struct err err = ERR_INIT;
    struct fleet fleet;
    uint32_t count;

    fleet_init(&fleet);
    fleet_put(&fleet, "b2", false);
    assert_true(store_read_fleet(place.desk.store, &fleet, &err));
    count = fleet_find(&fleet, "b2")->verdicts_count;
    fleet_done(&fleet);
    return count;
}

static struct look look_at_b2(void)
{
    return (struct look){
        .health = fleet_health(fleet_find(&place.desk.fleet, "b2"), clock_now()),
        .late = value_at_b2("late"),
        .another = value_at_b2("another"),
        .stored = count_stored_of_b2(),
    };
}

/* All was told, a failing check among it; now it is told again, and the first report is full. */
static void begin_telling_again(struct agent *agent)
{
    downlink_case_join(agent, PLACE_B2);
    report_full(agent);
    report_late(agent, VERDICT_FAIL);
    report_full(agent);
}

/* It was taken out of fleet.yaml while it failed, another one stands there instead: what needs the
 * one that is no more does not pass. */
static void a_check_that_is_no_more_is_forgotten_behind_a_full_report(void **state)
{
    struct look between;
    struct look behind;
    struct agent agent;

    (void)state;
    begin_telling_again(&agent);
    between = look_at_b2();
    report_one(&agent, "another", VERDICT_PASS);
    behind = look_at_b2();
    report_late(&agent, VERDICT_PASS);
    downlink_case_hang_up(&agent);
    assert_int_equal(between.health, VERDICT_FAIL); /* it may be among those that follow */
    assert_int_equal(between.late, VERDICT_FAIL);
    assert_int_equal(behind.health, VERDICT_PASS);
    assert_int_equal(behind.late, VERDICT_UNKNOWN);
    assert_int_equal(behind.another, VERDICT_PASS);
    assert_int_equal(behind.stored, VERDICTS_MAX + 1);
    assert_int_equal(count_stored_of_b2(), VERDICTS_MAX + 2); /* what changes takes out nothing */
}

/* Those that are left fill the report: the next one says that none follow. */
static void a_check_that_is_no_more_is_forgotten_behind_the_last_place(void **state)
{
    AUTO_FREE struct session_request *nothing = downlink_case_request(ASK_REPORT);
    struct look between;
    struct look behind;
    struct agent agent;

    (void)state;
    begin_telling_again(&agent);
    between = look_at_b2();
    assert_int_equal(downlink_case_ask(&agent, nothing)->kind, ANSWER_ACK);
    behind = look_at_b2();
    downlink_case_hang_up(&agent);
    assert_int_equal(between.late, VERDICT_FAIL);
    assert_int_equal(behind.late, VERDICT_UNKNOWN);
    assert_int_equal(behind.health, VERDICT_PASS);
    assert_int_equal(behind.stored, VERDICTS_MAX);
}

/* What is still on its way over an older connection is no part of what is told over this one. */
static void another_connection_ends_no_full_report(void **state)
{
    struct hello beside = {.extra = true};
    struct look between;
    struct look behind;
    struct agent old;
    struct agent agent;

    (void)state;
    begin_telling_again(&old);
    downlink_case_dial(&agent, PLACE_B2);
    assert_int_equal(downlink_case_greet(&agent, &beside)->kind, ANSWER_WELCOME);
    report_full(&agent);
    report_one(&old, "another", VERDICT_PASS);
    between = look_at_b2();
    report_one(&agent, "another", VERDICT_PASS);
    behind = look_at_b2();
    downlink_case_hang_up(&agent);
    downlink_case_hang_up(&old);
    assert_int_equal(between.late, VERDICT_FAIL);
    assert_int_equal(behind.late, VERDICT_UNKNOWN);
}

static void report_rest_of(struct agent *agent, const char *prefix)
{
    AUTO_FREE struct session_request *report = downlink_case_request(ASK_REPORT);
    char name[NAME_SIZE];

    for (unsigned i = 0; i < VERDICTS_MAX - 1; i++) {
        snprintf(name, sizeof(name), "%s-rest-%u", prefix, i);
        downlink_case_set_verdict(report, name, i > 0 ? VERDICT_PASS : VERDICT_FAIL);
    }
    assert_int_equal(downlink_case_ask(agent, report)->kind, ANSWER_ACK);
}

/* Nearly as many as one node may have, all of them under other names each time. */
static void renamed_checks_find_room(void **state)
{
    char name[16];
    struct agent agent;

    (void)state;
    downlink_case_join(&agent, PLACE_B2);
    for (unsigned i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "time-%u", i);
        report_full_of(&agent, name);
        report_rest_of(&agent, name);
    }
    downlink_case_hang_up(&agent);
    assert_int_equal(count_stored_of_b2(), 2 * VERDICTS_MAX - 1);
    assert_int_equal(value_at_b2("time-2-0"), VERDICT_PASS);
    assert_int_equal(value_at_b2("time-2-rest-0"), VERDICT_FAIL);
    assert_int_equal(value_at_b2("time-2-rest-62"), VERDICT_PASS);
    assert_int_equal(value_at_b2("time-1-rest-0"), VERDICT_UNKNOWN);
}

#define WITH_PLACE(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, downlink_case_open, downlink_case_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(a_check_behind_a_full_report_newly_fails),
        WITH_PLACE(a_check_that_is_no_more_is_forgotten_behind_a_full_report),
        WITH_PLACE(a_check_that_is_no_more_is_forgotten_behind_the_last_place),
        WITH_PLACE(another_connection_ends_no_full_report),
        WITH_PLACE(renamed_checks_find_room),
    };

    return cmocka_run_group_tests_name("downlink_full", tests, NULL, NULL);
}
