/*
 * test_wire_guard: each request to a guard and each of its reports, with every field set.
 */
#include "common/io/wire_guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "tests/unit/wire_fill.h"

#include <cmocka.h>

static struct sign_key *key;

static int make_key(void **state)
{
    (void)state;
    key = sign_key_generate();
    return 0;
}

static int end_key(void **state)
{
    (void)state;
    sign_key_free(key);
    return 0;
}

static struct wire_bytes make_envelope(unsigned number)
{
    struct receipt receipt;

    fill_receipt(&receipt);
    receipt.index = number;
    return wire_encode_receipt(&receipt, key);
}

static struct wire_bytes make_plan(void)
{
    struct wire_bytes bytes;
    struct manifest manifest;

    fill_manifest(&manifest);
    bytes = wire_encode_plan(&manifest.plans[0]);
    manifest_done(&manifest);
    return bytes;
}

/* Only what the kind carries is set: the rest would not come back. */
static void fill_request(struct guard_request *request, enum guard_request_kind kind)
{
    memset(request, 0, sizeof(*request));
    request->kind = kind;
    if (kind == GUARD_PREPARE)
        request->body = (struct wire_bytes){mem_copy("a manifest", 10), 10};
    if (kind == GUARD_PREPARE || kind == GUARD_STATEMENT || kind == GUARD_ORDER ||
        kind == GUARD_ABORT || kind == GUARD_POP)
        request->envelope = make_envelope(1);
    if (kind == GUARD_START || kind == GUARD_ABORT || kind == GUARD_POP)
        fill_id(&request->id, 2);
    if (kind == GUARD_START) {
        request->statements_count = STATEMENTS_MAX;
        request->statements = mem_alloc(STATEMENTS_MAX, sizeof(*request->statements));
        for (unsigned i = 0; i < STATEMENTS_MAX; i++)
            request->statements[i] = make_envelope(i);
    }
    if (kind == GUARD_ABORT || kind == GUARD_POP || kind == GUARD_STANDING ||
        kind == GUARD_SOURCE_SEEN || kind == GUARD_REHEARSE)
        fill_bytes(&request->nonce, NONCE_SIZE, 3);
    if (kind == GUARD_ABORT || kind == GUARD_POP || kind == GUARD_SOURCE_SEEN)
        text_copy(request->reason, REASON_SIZE, "for a reason");
    request->emergency = kind == GUARD_ABORT || kind == GUARD_POP;
    if (kind == GUARD_STACK)
        fill_bytes(&request->challenge, NONCE_SIZE, 4);
    request->hello = kind == GUARD_STACK;
    if (kind == GUARD_STANDING)
        fill_bytes(&request->body_hash, HASH_SIZE, 5);
    if (kind == GUARD_STANDING || kind == GUARD_SOURCE_SEEN)
        text_copy(request->name, NAME_SIZE, "office");
    request->counts = kind == GUARD_SOURCE_SEEN;
    if (kind == GUARD_REHEARSE)
        request->body = make_plan();
}

static void expect_same_request(const struct guard_request *a, const struct guard_request *b)
{
    struct guard_request left = *a;
    struct guard_request right = *b;

    expect_same_bytes(wire_lend(&a->body), wire_lend(&b->body));
    expect_same_bytes(wire_lend(&a->envelope), wire_lend(&b->envelope));
    assert_int_equal(a->statements_count, b->statements_count);
    for (uint32_t i = 0; i < a->statements_count; i++)
        expect_same_bytes(wire_lend(&a->statements[i]), wire_lend(&b->statements[i]));
    left.body = right.body = (struct wire_bytes){NULL, 0};
    left.envelope = right.envelope = (struct wire_bytes){NULL, 0};
    left.statements = right.statements = NULL;
    assert_memory_equal(&left, &right, sizeof(left));
}

static void requests_come_back(void **state)
{
    struct guard_request request, back;
    struct err err = ERR_INIT;

    (void)state;
    for (unsigned kind = 0; kind < GUARD_REQUEST_COUNT; kind++) {
        fill_request(&request, (enum guard_request_kind)kind);
        AUTO_WIRE struct wire_bytes bytes = wire_encode_guard_request(&request);
        if (!wire_decode_guard_request(wire_lend(&bytes), &back, &err))
            fail_msg("%s: %s", guard_request_kind_name((enum guard_request_kind)kind), err.text);
        expect_same_request(&request, &back);
        guard_request_done(&request);
        guard_request_done(&back);
    }
}

/* Rescue prints it on a console, between lines of its own. */
static void a_reason_is_one_line(void **state)
{
    struct guard_report report = {.kind = REPORT_REFUSED, .reason = "no\nyes"}, told;
    struct guard_request request, back;
    struct err err = ERR_INIT;

    (void)state;
    fill_request(&request, GUARD_ABORT);
    text_copy(request.reason, REASON_SIZE, "x\nDone\tand verified\n");
    AUTO_WIRE struct wire_bytes bytes = wire_encode_guard_request(&request);
    assert_true(wire_decode_guard_request(wire_lend(&bytes), &back, &err));
    assert_string_equal(back.reason, "x Done and verified ");
    guard_request_done(&request);
    guard_request_done(&back);
    AUTO_WIRE struct wire_bytes refused = wire_encode_guard_report(&report);
    assert_true(wire_decode_guard_report(wire_lend(&refused), &told, &err));
    assert_string_equal(told.reason, "no yes");
    guard_report_done(&told);
}

/* undo.txt names it in what a person gives to ip. */
static void a_device_is_one_word(void **state)
{
    struct manifest manifest;
    struct manifest_plan plan;
    struct err err = ERR_INIT;

    (void)state;
    fill_manifest(&manifest);
    for (uint32_t i = 0; i < manifest.plans[0].operations_count; i++) {
        if (manifest.plans[0].operations[i].kind == OPERATION_ROUTE)
            text_copy(manifest.plans[0].operations[i].route.device, DEVICE_SIZE, "a\nlink del b");
    }
    AUTO_WIRE struct wire_bytes bytes = wire_encode_plan(&manifest.plans[0]);
    assert_false(wire_decode_plan(wire_lend(&bytes), &plan, &err));
    assert_non_null(strstr(err.text, "device: accepted is one line, without a tab"));
    manifest_done(&manifest);
}

static void try_request(struct bytes bad)
{
    struct guard_request request;
    struct err err = ERR_INIT;

    if (wire_decode_guard_request(bad, &request, &err))
        guard_request_done(&request);
    else
        assert_string_not_equal(err.text, "");
}

static void requests_bear_anything(void **state)
{
    struct guard_request request;

    (void)state;
    for (unsigned kind = 0; kind < GUARD_REQUEST_COUNT; kind++) {
        fill_request(&request, (enum guard_request_kind)kind);
        while (request.statements_count > 2)
            wire_bytes_done(&request.statements[--request.statements_count]);
        AUTO_WIRE struct wire_bytes bytes = wire_encode_guard_request(&request);
        torment(wire_lend(&bytes), try_request);
        guard_request_done(&request);
    }
}

static void refuse_request(const struct guard_request *request, const char *part)
{
    AUTO_WIRE struct wire_bytes bytes = wire_encode_guard_request(request);
    struct guard_request back;
    struct err err = ERR_INIT;

    assert_false(wire_decode_guard_request(wire_lend(&bytes), &back, &err));
    if (strstr(err.text, part) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, part);
}

static void requests_are_held_to_their_limits(void **state)
{
    struct guard_request request = {.kind = GUARD_START};
    struct wire_bytes statements[STATEMENTS_MAX + 1];

    (void)state;
    for (unsigned i = 0; i <= STATEMENTS_MAX; i++)
        statements[i] = make_envelope(i);
    request.statements = statements;
    request.statements_count = STATEMENTS_MAX + 1;
    refuse_request(&request, "129 statements: accepted are at most 128");
    for (unsigned i = 0; i <= STATEMENTS_MAX; i++)
        wire_bytes_done(&statements[i]);
    request = (struct guard_request){.kind = GUARD_STATEMENT};
    refuse_request(&request, "not known");
    request = (struct guard_request){.kind = GUARD_PREPARE};
    refuse_request(&request, "manifest of 0 bytes");
    request = (struct guard_request){.kind = GUARD_STANDING, .name = "../x"};
    refuse_request(&request, "subject '../x'");
    request = (struct guard_request){.kind = GUARD_REHEARSE};
    refuse_request(&request, "its plan is missing");
    request = (struct guard_request){.kind = GUARD_REQUEST_COUNT};
    refuse_request(&request, "not known");
}

/* ---- reports ----------------------------------------------------------------------------------
 */

static void fill_lines(struct guard_report *report, uint32_t count)
{
    report->lines_count = count;
    report->lines = mem_alloc(count, sizeof(*report->lines));
    for (uint32_t i = 0; i < count; i++)
        snprintf(report->lines[i], SENTENCE_SIZE, "delete rule %u", i);
}

static void fill_report(struct guard_report *report, enum guard_report_kind kind)
{
    memset(report, 0, sizeof(*report));
    report->kind = kind;
    if (kind == REPORT_RECEIPT || kind == REPORT_STACK || kind == REPORT_STATEMENT)
        report->envelope = make_envelope(1);
    else if (kind != REPORT_REHEARSAL && kind != REPORT_DRIFT)
        fill_id(&report->id, 1);
    if (kind == REPORT_PREPARED || kind == REPORT_PROGRESS || kind == REPORT_DRIFT)
        fill_lines(report, 3);
    if (kind == REPORT_PREPARED || kind == REPORT_REHEARSAL) {
        report->rehearsal = mem_alloc(1, sizeof(*report->rehearsal));
        report->rehearsal->operations_count = 2;
        rehearsal_set(report->rehearsal, 0, REHEARSED_GOOD, "");
        rehearsal_set(report->rehearsal, 1, REHEARSED_UNSEEN, "tailscaled does not run there");
    }
    if (kind == REPORT_NONCE || kind == REPORT_PROGRESS)
        report->soak_left_s = 299;
    if (kind == REPORT_NONCE || kind == REPORT_REHEARSAL)
        fill_bytes(&report->nonce, NONCE_SIZE, 2);
    if (kind == REPORT_NONCE) {
        report->number = 17;
        report->fresh_connection = report->last = true;
    } else if (kind == REPORT_REFUSED) {
        memset(&report->id.start, 0, NONCE_SIZE);
        text_copy(report->reason, REASON_SIZE, "sequence 3: accepted are 5 and above");
        report->expired = report->lasting = true;
    } else if (kind == REPORT_PROGRESS) {
        text_copy(report->state, sizeof(report->state), "reverting");
        text_copy(report->sentence, SENTENCE_SIZE, "the proof failed");
    }
}

static void expect_same_report(const struct guard_report *a, const struct guard_report *b)
{
    struct guard_report left = *a;
    struct guard_report right = *b;

    expect_same_bytes(wire_lend(&a->envelope), wire_lend(&b->envelope));
    assert_int_equal(a->lines_count, b->lines_count);
    for (uint32_t i = 0; i < a->lines_count; i++)
        assert_string_equal(a->lines[i], b->lines[i]);
    left.envelope = right.envelope = (struct wire_bytes){NULL, 0};
    left.lines = right.lines = NULL;
    assert_int_equal(a->rehearsal != NULL, b->rehearsal != NULL);
    if (a->rehearsal != NULL)
        assert_memory_equal(a->rehearsal, b->rehearsal, sizeof(*a->rehearsal));
    left.rehearsal = right.rehearsal = NULL;
    assert_memory_equal(&left, &right, sizeof(left));
}

static void reports_come_back(void **state)
{
    struct guard_report report, back;
    struct err err = ERR_INIT;

    (void)state;
    for (unsigned kind = 0; kind < GUARD_REPORT_COUNT; kind++) {
        fill_report(&report, (enum guard_report_kind)kind);
        AUTO_WIRE struct wire_bytes bytes = wire_encode_guard_report(&report);
        if (!wire_decode_guard_report(wire_lend(&bytes), &back, &err))
            fail_msg("kind %u: %s", kind, err.text);
        expect_same_report(&report, &back);
        guard_report_done(&report);
        guard_report_done(&back);
    }
}

static void try_report(struct bytes bad)
{
    struct guard_report report;
    struct err err = ERR_INIT;

    if (wire_decode_guard_report(bad, &report, &err))
        guard_report_done(&report);
    else
        assert_string_not_equal(err.text, "");
}

static void reports_bear_anything(void **state)
{
    struct guard_report report;

    (void)state;
    for (unsigned kind = 0; kind < GUARD_REPORT_COUNT; kind++) {
        fill_report(&report, (enum guard_report_kind)kind);
        AUTO_WIRE struct wire_bytes bytes = wire_encode_guard_report(&report);
        torment(wire_lend(&bytes), try_report);
        guard_report_done(&report);
    }
}

static void a_rehearsal_that_is_missing_is_refused(void **state)
{
    struct guard_report report = {.kind = REPORT_REHEARSAL};
    AUTO_WIRE struct wire_bytes bytes = wire_encode_guard_report(&report);
    struct guard_report back;
    struct err err = ERR_INIT;

    (void)state;
    assert_false(wire_decode_guard_report(wire_lend(&bytes), &back, &err));
    assert_string_equal(err.text, "report of the guard: the rehearsal is missing");
}

static void too_many_lines_are_refused(void **state)
{
    struct guard_report report = {.kind = REPORT_PREPARED};
    struct guard_report back;
    struct err err = ERR_INIT;

    (void)state;
    fill_lines(&report, 2 * OPERATIONS_MAX + 1);
    AUTO_WIRE struct wire_bytes bytes = wire_encode_guard_report(&report);
    assert_false(wire_decode_guard_report(wire_lend(&bytes), &back, &err));
    assert_string_equal(err.text, "report of the guard: 513 lines: accepted are at most 512");
    guard_report_done(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_come_back),
        cmocka_unit_test(a_reason_is_one_line),
        cmocka_unit_test(a_device_is_one_word),
        cmocka_unit_test(requests_bear_anything),
        cmocka_unit_test(requests_are_held_to_their_limits),
        cmocka_unit_test(reports_come_back),
        cmocka_unit_test(reports_bear_anything),
        cmocka_unit_test(a_rehearsal_that_is_missing_is_refused),
        cmocka_unit_test(too_many_lines_are_refused),
    };

    return cmocka_run_group_tests(tests, make_key, end_key);
}
