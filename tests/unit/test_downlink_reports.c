/*
 * test_downlink_reports: what agents and their guards report, over a real link, and what follows
 * from it: in the fleet, in the audit, and for an open trial.
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
#include "controller/io/store_tables.h"
#include "tests/unit/downlink_case.h"

/* ---- what lands ------------------------------------------------------------------------------ */

static void a_report_lands_in_the_fleet(void **state)
{
    AUTO_FREE struct session_request *report = downlink_case_request(ASK_REPORT);
    const struct fleet_member *member = fleet_find(&place.desk.fleet, "a1");
    const struct session_reply *reply;
    struct verdict verdict;
    struct agent agent;

    (void)state;
    downlink_case_join(&agent, PLACE_A1);
    report->id = 5;
    report->full = true;
    downlink_case_set_verdict(report, "database", VERDICT_FAIL);
    downlink_case_set_verdict(report, "ssh:b2", VERDICT_PASS);
    report->has_snapshot = true;
    snapshot_init(&report->snapshot);
    text_copy(snapshot_add_link(&report->snapshot)->name, DEVICE_SIZE, "eth0");
    reply = downlink_case_ask(&agent, report);
    snapshot_done(&report->snapshot);
    assert_int_equal(reply->kind, ANSWER_ACK);
    assert_int_equal(reply->id, 5);
    fleet_verdict_now(member, "database", clock_now(), &verdict);
    assert_int_equal(verdict.value, VERDICT_FAIL);
    fleet_reach(&place.desk.fleet, "a1", "b2", clock_now(), &verdict);
    assert_int_equal(verdict.value, VERDICT_PASS);
    assert_true(member->has_snapshot);
    assert_int_equal(member->snapshot.links_count, 1);
    downlink_case_hang_up(&agent);
}

/* What the gates would go by. */
static void look_at_database(void *context, bool cancelled)
{
    struct verdict *verdict = context;

    assert_false(cancelled);
    fleet_verdict_now(fleet_find(&place.desk.fleet, "a1"), "database", clock_now(), verdict);
}

/* Whoever waited for its snapshot is told in the midst of the report: its verdicts count then. */
static void gates_see_the_verdicts_beside_a_snapshot(void **state)
{
    AUTO_FREE struct session_request *report = downlink_case_request(ASK_REPORT);
    char names[1][NAME_SIZE] = {"a1"};
    struct verdict verdict = {.value = VERDICT_UNKNOWN};
    struct agent agent;

    (void)state;
    downlink_case_join(&agent, PLACE_A1);
    report->full = true;
    downlink_case_set_verdict(report, "database", VERDICT_PASS);
    downlink_case_ask(&agent, report);
    fresh_want(place.fresh, names, 1, look_at_database, &verdict);
    assert_int_equal(verdict.value, VERDICT_UNKNOWN);
    report->verdicts_count = 0;
    downlink_case_set_verdict(report, "database", VERDICT_FAIL);
    report->has_snapshot = true;
    snapshot_init(&report->snapshot);
    downlink_case_ask(&agent, report);
    snapshot_done(&report->snapshot);
    downlink_case_hang_up(&agent);
    assert_int_equal(verdict.value, VERDICT_FAIL);
}

static enum verdict_value database_now(void)
{
    struct verdict verdict;

    look_at_database(&verdict, false);
    return verdict.value;
}

/* It may have been away for days: that it is back says nothing of its checks, and its first report
 * may wait behind a thousand others. */
static void what_it_said_before_counts_when_it_says_it_again(void **state)
{
    const struct fleet_member *member = fleet_find(&place.desk.fleet, "a1");
    struct agent agent;

    (void)state;
    downlink_case_join(&agent, PLACE_A1);
    downlink_case_report_database(&agent, VERDICT_PASS);
    assert_int_equal(database_now(), VERDICT_PASS);
    assert_true(member->has_told);
    downlink_case_hang_up(&agent);
    place_until(&place, downlink_case_is_lost, "a1", "its loss");
    downlink_case_join(&agent, PLACE_A1);
    assert_int_equal(database_now(), VERDICT_UNKNOWN);
    assert_true(fleet_awaits(member, "database", clock_now()));
    assert_false(member->has_told);
    downlink_case_report_database(&agent, VERDICT_PASS);
    assert_int_equal(database_now(), VERDICT_PASS);
    assert_false(fleet_awaits(member, "database", clock_now()));
    downlink_case_hang_up(&agent);
}

static void begin_database(struct agent *agent, enum verdict_value value, bool urgent,
                           struct answer *answer)
{
    AUTO_FREE struct session_request *report = downlink_case_request(ASK_REPORT);
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};

    downlink_case_set_verdict(report, "database", value);
    if (urgent) { /* as one that brings a witness's word: it does not wait */
        report->sources_count = 1;
        text_copy(report->sources[0].witness, NAME_SIZE, "w1");
    }
    bytes = wire_encode_session_request(report);
    downlink_case_begin(agent, wire_lend(&bytes), answer);
}

static bool waits(void *context)
{
    (void)context;
    return place.downlink->waiting != NULL;
}

/* One waits, as behind many of others, when its agent says more that may not wait. */
static void reports_of_one_agent_keep_their_order(void **state)
{
    const struct fleet_member *member = fleet_find(&place.desk.fleet, "a1");
    struct answer first;
    struct answer second;
    struct verdict verdict;
    struct agent agent;

    (void)state;
    downlink_case_join(&agent, PLACE_A1);
    begin_database(&agent, VERDICT_PASS, false, &first);
    place_until(&place, waits, NULL, "the first report");
    uv_idle_stop(&place.downlink->idle); /* the loop has something else to do */
    begin_database(&agent, VERDICT_FAIL, true, &second);
    downlink_case_end(&agent, &second);
    if (waits(NULL))
        uv_idle_start(&place.downlink->idle, place.downlink->idle.idle_cb);
    downlink_case_end(&agent, &first);
    fleet_verdict_now(member, "database", clock_now(), &verdict);
    downlink_case_hang_up(&agent);
    assert_int_equal(verdict.value, VERDICT_FAIL);
}

static void receipts_are_kept_and_quarantine(void **state)
{
    AUTO_WIRE struct wire_bytes forged = downlink_case_make_receipt(
        &place.members[PLACE_A1], place.members[PLACE_A1].agent, CAUSE_PROOF_FAILED);
    AUTO_WIRE struct wire_bytes good = downlink_case_make_receipt(
        &place.members[PLACE_A1], place.members[PLACE_A1].guard, CAUSE_PROOF_FAILED);
    struct guard_report said = {.kind = REPORT_RECEIPT, .envelope = forged};
    struct agent agent;

    (void)state;
    downlink_case_join(&agent, PLACE_A1);
    downlink_case_report_guard(&agent, &said);
    assert_int_equal(place.desk.holds.count, 0);
    assert_true(downlink_case_audit_says("refused", "a guard's report of a1"));
    said.envelope = good;
    downlink_case_report_guard(&agent, &said);
    downlink_case_report_guard(&agent, &said);
    assert_int_equal(place.desk.holds.count, 1);
    assert_string_equal(place.desk.holds.list[0].scope, "a1");
    assert_string_equal(place.desk.holds.list[0].object, "sysctl net.ipv4.ip_forward");
    assert_true(downlink_case_audit_says("receipt", "a1: reverted, the proof failed"));
    downlink_case_hang_up(&agent);
}

/* ---- a check newly fails --------------------------------------------------------------------- */

/* The trial breaks the node's DNS first: the check cannot be made, and then it fails. */
static void a_check_newly_fails_behind_unknown(void **state)
{
    struct agent agent;
    const struct rollout *machine;
    uint64_t id;

    (void)state;
    downlink_case_join(&agent, PLACE_B2);
    downlink_case_start(1, &id);
    machine = &lead_find(place.lead, id)->machine;
    downlink_case_report_database(&agent, VERDICT_FAIL);
    downlink_case_put_on_trial("a1", id);
    downlink_case_report_database(&agent, VERDICT_UNKNOWN);
    downlink_case_report_database(&agent, VERDICT_FAIL); /* as before */
    assert_int_equal(machine->record.state, ROLLOUT_LEARNING);
    downlink_case_report_database(&agent, VERDICT_PASS);
    downlink_case_report_database(&agent, VERDICT_UNKNOWN);
    downlink_case_report_database(&agent, VERDICT_UNKNOWN);
    assert_int_equal(machine->record.state, ROLLOUT_LEARNING);
    downlink_case_report_database(&agent, VERDICT_FAIL);
    downlink_case_hang_up(&agent);
    assert_int_equal(machine->record.state, ROLLOUT_REVERTING);
}

static void turn_until_failed(void)
{
    mono_t deadline = clock_now() + ASK_MS;

    while (!place.desk.failed && clock_now() < deadline)
        uv_run(&place.loop, UV_RUN_ONCE);
    assert_true(place.desk.failed);
}

/* The disk takes the revert, and not what it follows from: said again, it is still new. */
static void what_follows_from_a_failing_check_is_kept_first(void **state)
{
    AUTO_FREE struct store_rollout *stored = mem_alloc(1, sizeof(*stored));
    AUTO_FREE struct session_request *report = downlink_case_request(ASK_REPORT);
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct answer answer;
    struct agent agent;
    struct err err = ERR_INIT;
    uint64_t id;

    (void)state;
    downlink_case_join(&agent, PLACE_B2);
    downlink_case_start(1, &id);
    downlink_case_report_database(&agent, VERDICT_PASS);
    downlink_case_put_on_trial("a1", id);
    assert_int_equal(sqlite3_exec(place.desk.store->db, "DROP TABLE verdicts", NULL, NULL, NULL),
                     SQLITE_OK);
    downlink_case_set_verdict(report, "database", VERDICT_FAIL);
    bytes = wire_encode_session_request(report);
    downlink_case_begin(&agent, wire_lend(&bytes), &answer);
    turn_until_failed();
    downlink_case_hang_up(&agent);
    assert_true(store_read_rollout(place.desk.store, id, stored, &err));
    assert_int_equal(stored->record.state, ROLLOUT_REVERTING);
    store_rollout_done(stored);
}

/* ---- too much -------------------------------------------------------------------------------- */

enum { ONE_MORE_MS = 10000 };

/* How many more may have been kept meanwhile: on a busy machine 600 reports take minutes. */
static uint64_t more_since(mono_t began)
{
    return (uint64_t)(clock_now() - began) / ONE_MORE_MS;
}

/* Drift that changes with each report is shown as it is, and written down for a while only. */
static void what_one_agent_says_fills_no_disk(void **state)
{
    AUTO_FREE struct session_request *report = downlink_case_request(ASK_REPORT);
    const struct fleet_member *member = fleet_find(&place.desk.fleet, "b2");
    AUTO_WIRE struct wire_bytes receipt = downlink_case_make_receipt(
        &place.members[PLACE_B2], place.members[PLACE_B2].guard, CAUSE_PROOF_FAILED);
    const struct guard_report end = {.kind = REPORT_RECEIPT, .envelope = receipt};
    struct guard_report refused = {.kind = REPORT_REFUSED};
    char drift[1][SENTENCE_SIZE];
    struct agent agent;
    struct agent other;
    mono_t began = clock_now();
    uint64_t rows;
    uint64_t id;

    (void)state;
    downlink_case_join(&agent, PLACE_B2);
    downlink_case_join(&other, PLACE_A1);
    downlink_case_start(1, &id);
    refused.id.attempt = lead_find(place.lead, id)->machine.record.attempt;
    rows = place.desk.audit.index;
    report->drift_count = 1;
    report->drift = drift;
    for (unsigned i = 0; i < 600; i++) {
        snprintf(drift[0], SENTENCE_SIZE, "rule %u is gone", i);
        assert_int_equal(downlink_case_ask(&agent, report)->kind, ANSWER_ACK);
    }
    assert_in_range(place.desk.audit.index - rows, 500, 520 + more_since(began));
    assert_true(downlink_case_audit_says_late(
        "refused", "its words came to more rows of the audit than one may cause"));
    for (unsigned i = 0; i < 50; i++) {
        snprintf(refused.reason, sizeof(refused.reason), "not %u", i);
        downlink_case_report_guard(&agent, &refused);
    }
    assert_in_range(place.desk.audit.index - rows, 500, 525 + more_since(began));
    downlink_case_report_database(&agent, VERDICT_PASS); /* what it observes still counts, */
    assert_int_equal(fleet_health(member, clock_now()), VERDICT_PASS);
    assert_int_equal(member->drift_count, 0); /* what it says is shown, */
    downlink_case_report_guard(&agent, &end); /* and its guard's receipts are kept */
    assert_true(downlink_case_audit_says_late("receipt", "b2: reverted, the proof failed"));
    rows = place.desk.audit.index;
    text_copy(drift[0], SENTENCE_SIZE, "another one's");
    assert_int_equal(downlink_case_ask(&other, report)->kind, ANSWER_ACK);
    assert_int_equal(place.desk.audit.index, rows + 1);
    downlink_case_hang_up(&agent);
    downlink_case_hang_up(&other);
}

static unsigned count_receipts(const char *node)
{
    AUTO_ROWS struct sql_rows rows = {0};
    struct err err = ERR_INIT;

    assert_true(sql_query(place.desk.store->db, &rows, &err,
                          "SELECT COUNT(*) FROM receipts WHERE node = ?", "t", node));
    assert_true(sql_next(&rows, &err));
    return (unsigned)sql_number(&rows, 0);
}

/* Each another one, of as many attempts; NULL: that nobody made. */
static void report_receipts(struct agent *agent, const struct attempt *attempt, unsigned first,
                            unsigned count)
{
    AUTO_FREE struct session_request *report = downlink_case_request(ASK_REPORT);
    AUTO_FREE struct receipt *receipt = mem_alloc(1, sizeof(*receipt));
    struct wire_bytes guard[SESSION_GUARD_MAX];

    text_copy(receipt->node, sizeof(receipt->node), agent->member->name);
    receipt->kind = RECEIPT_REVERTED;
    report->guard = guard;
    for (unsigned i = first; i < first + count; i++) {
        struct guard_report said = {.kind = REPORT_RECEIPT};

        receipt->index = i;
        receipt->generation.attempt.sequence = 1000 + i;
        if (attempt != NULL)
            receipt->generation.attempt = *attempt;
        said.envelope = wire_encode_receipt(receipt, agent->member->guard);
        guard[report->guard_count++] = wire_encode_guard_report(&said);
        wire_bytes_done(&said.envelope);
        if (report->guard_count < SESSION_GUARD_MAX && i + 1 < first + count)
            continue;
        assert_int_equal(downlink_case_ask(agent, report)->kind, ANSWER_ACK);
        while (report->guard_count > 0)
            wire_bytes_done(&guard[--report->guard_count]);
    }
}

/* Whoever has a guard's key signs what it likes. What its trials come to is kept all the same, as
 * is what others sign. */
static void what_one_guard_signs_fills_no_disk(void **state)
{
    unsigned of_nobody;
    unsigned of_a_trial;
    unsigned of_one_trial;
    mono_t began = clock_now();
    uint64_t rows;
    struct attempt attempt;
    struct agent agent;
    struct agent other;
    uint64_t id;

    (void)state;
    downlink_case_join(&agent, PLACE_B2);
    downlink_case_start(1, &id);
    attempt = lead_find(place.lead, id)->machine.record.attempt;
    rows = place.desk.audit.index;
    report_receipts(&agent, NULL, 1, 640);
    rows = place.desk.audit.index - rows;
    report_receipts(&agent, NULL, 1, 64); /* the same again */
    memset(fleet_find(&place.desk.fleet, "b2")->notes, 0,
           sizeof(((struct fleet_member *)NULL)->notes)); /* hours */
    report_receipts(&agent, NULL, 2000, 64);
    of_nobody = count_receipts("b2");
    report_receipts(&agent, &attempt, 641, 8);
    of_a_trial = count_receipts("b2");
    report_receipts(&agent, &attempt, 700, 640);
    of_one_trial = count_receipts("b2");
    downlink_case_join(&other, PLACE_A1); /* only now: who is silent for long is not known */
    report_receipts(&other, NULL, 1, 1);
    downlink_case_hang_up(&agent);
    downlink_case_hang_up(&other);
    assert_int_equal(of_nobody, 512); /* however long it goes on */
    assert_in_range(rows, 512, 525 + more_since(began));
    assert_int_equal(of_a_trial, of_nobody + 8);
    assert_int_equal(of_one_trial, of_nobody + 64);
    assert_int_equal(count_receipts("a1"), 1);
    assert_true(downlink_case_audit_says_late(
        "refused", "its words came to more receipts of what it was not asked for here"));
}

#define WITH_PLACE(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, downlink_case_open, downlink_case_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(a_report_lands_in_the_fleet),
        WITH_PLACE(gates_see_the_verdicts_beside_a_snapshot),
        WITH_PLACE(what_it_said_before_counts_when_it_says_it_again),
        WITH_PLACE(reports_of_one_agent_keep_their_order),
        WITH_PLACE(receipts_are_kept_and_quarantine),
        WITH_PLACE(a_check_newly_fails_behind_unknown),
        WITH_PLACE(what_follows_from_a_failing_check_is_kept_first),
        WITH_PLACE(what_one_agent_says_fills_no_disk),
        WITH_PLACE(what_one_guard_signs_fills_no_disk),
    };

    return cmocka_run_group_tests_name("downlink_reports", tests, NULL, NULL);
}
