/*
 * test_rehearsals: guards are asked for a rehearsal before a plan is judged; what they say is known
 * to the fleet, in the audit, and kept with the rollout, before anybody goes on by it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "controller/io/json.h"
#include "tests/unit/controller_place.h"

static struct place place;
static struct manifest manifest;
static struct hash body;
static unsigned went_on;

static void go_on(void *context, bool cancelled)
{
    (void)context;
    went_on += !cancelled;
}

static int open_place(void **state)
{
    static const char *const nodes[] = {"a1", "b2"};
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};

    (void)state;
    place_open(&place);
    for (unsigned i = 0; i < 2; i++) {
        struct fleet_member *member = fleet_find(&place.desk.fleet, nodes[i]);

        member->connected = member->has_snapshot = true;
        member->snapshot_at = clock_now() + FRESH_AGE_MS; /* young for as long as a test takes */
    }
    place_make_manifest(&place, "forwarding", &manifest);
    bytes = wire_encode_manifest(&manifest);
    sign_hash(bytes.data, bytes.len, &body);
    went_on = 0;
    return 0;
}

static int close_place(void **state)
{
    (void)state;
    manifest_done(&manifest);
    place_close(&place);
    return 0;
}

/* The nonce of the question that waits for this node; false: none does. */
static bool find_question(const char *node, struct nonce *ret_nonce)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    AUTO_FREE struct session_reply *reply = mem_alloc(1, sizeof(*reply));
    struct guard_request request;
    struct err err = ERR_INIT;
    bool found = false;

    if (!outbox_next(place.outbox, node, clock_now(), &bytes))
        return false;
    assert_true(wire_decode_session_reply(wire_lend(&bytes), reply, &err));
    outbox_acknowledge(place.outbox, node, reply->id);
    if (reply->command == COMMAND_GUARD) {
        assert_true(wire_decode_guard_request(wire_lend(&reply->guard), &request, &err));
        found = request.kind == GUARD_REHEARSE;
        *ret_nonce = request.nonce;
        guard_request_done(&request);
    }
    session_reply_done(reply);
    return found;
}

static void answer(const char *node, const struct nonce *nonce, enum rehearsed_outcome outcome,
                   const char *why)
{
    struct guard_report report = {.kind = REPORT_REHEARSAL, .nonce = *nonce};
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct err err = ERR_INIT;

    report.rehearsal = mem_alloc(1, sizeof(*report.rehearsal));
    report.rehearsal->operations_count = 1;
    rehearsal_set(report.rehearsal, 0, outcome, why);
    bytes = wire_encode_guard_report(&report);
    guard_report_done(&report);
    assert_true(lead_take_report(place.lead, node, wire_lend(&bytes), &err));
}

static unsigned count_audit(const char *who, const char *part)
{
    AUTO_FREE struct audit_row *rows = mem_alloc(256, sizeof(*rows));
    struct err err = ERR_INIT;
    unsigned found = 0;
    size_t count;

    assert_true(store_read_audit(place.desk.store, 0, rows, 256, &count, &err));
    for (size_t i = 0; i < count; i++)
        found += text_equal(rows[i].what, "rehearsal") && text_equal(rows[i].who, who) &&
                 text_equal(rows[i].subject, "forwarding") && strstr(rows[i].text, part) != NULL;
    return found;
}

static void want(uint32_t stage)
{
    fresh_want_plans(place.fresh, &manifest, &body, stage, go_on, NULL);
}

static void asks_each_target_and_waits(void **state)
{
    const struct fleet_member *a1 = fleet_find(&place.desk.fleet, "a1");
    struct nonce nonce;

    (void)state;
    want(0);
    assert_true(find_question("a1", &nonce));
    answer("a1", &nonce, REHEARSED_REFUSED, "the kernel says: Invalid argument");
    assert_true(hash_equal(&a1->rehearsal.body, &body));
    assert_int_equal(a1->rehearsal.rehearsal->operations[0].outcome, REHEARSED_REFUSED);
    assert_int_equal(count_audit("a1", "operation 1 (sysctl net.ipv4.ip_forward = 1): refused: the "
                                       "kernel says: Invalid argument"),
                     1);
    assert_int_equal(went_on, 0);
    assert_true(find_question("b2", &nonce));
    answer("b2", &nonce, REHEARSED_GOOD, "");
    assert_int_equal(went_on, 1);
}

static void asks_the_targets_to_come_only(void **state)
{
    struct nonce nonce;

    (void)state;
    want(1);
    assert_false(find_question("a1", &nonce));
    assert_true(find_question("b2", &nonce));
    answer("b2", &nonce, REHEARSED_GOOD, "");
    assert_int_equal(went_on, 1);
}

/* It answered a moment ago. The same in the audit again would be no news. */
static void does_not_ask_again_at_once(void **state)
{
    struct fleet_member *b2 = fleet_find(&place.desk.fleet, "b2");
    struct nonce nonce;

    (void)state;
    want(1);
    assert_true(find_question("b2", &nonce));
    answer("b2", &nonce, REHEARSED_GOOD, "");
    want(1);
    assert_int_equal(went_on, 2);
    assert_false(find_question("b2", &nonce));
    b2->rehearsal.at -= FLEET_REHEARSAL_YOUNG_MS + 1;
    want(1);
    assert_int_equal(went_on, 2);
    assert_true(find_question("b2", &nonce));
    answer("b2", &nonce, REHEARSED_GOOD, "");
    assert_int_equal(went_on, 3);
    assert_int_equal(count_audit("b2", "accepted and taken back"), 1);
}

static void asks_one_after_the_other(void **state)
{
    struct hash other = {.bytes = {9}};
    struct nonce nonce, second;

    (void)state;
    want(1);
    fresh_want_plans(place.fresh, &manifest, &other, 1, go_on, NULL);
    assert_true(find_question("b2", &nonce));
    assert_false(find_question("b2", &second));
    answer("b2", &nonce, REHEARSED_GOOD, "");
    assert_int_equal(went_on, 1);
    assert_true(find_question("b2", &second));
    answer("b2", &second, REHEARSED_GOOD, "");
    assert_int_equal(went_on, 2);
}

static void passes_over_what_nobody_asked(void **state)
{
    struct nonce nonce, forged = {.bytes = {1, 2, 3}};

    (void)state;
    want(0);
    assert_true(find_question("a1", &nonce));
    answer("a1", &forged, REHEARSED_GOOD, "");
    answer("b2", &nonce, REHEARSED_GOOD, ""); /* a1's question */
    assert_null(fleet_find(&place.desk.fleet, "a1")->rehearsal.rehearsal);
    assert_null(fleet_find(&place.desk.fleet, "b2")->rehearsal.rehearsal);
    assert_int_equal(count_audit("a1", "") + count_audit("b2", ""), 0);
    assert_int_equal(went_on, 0);
}

/* What was on its way to an agent that was lost is asked of the one that comes. */
static void asks_again_who_greets(void **state)
{
    struct nonce first, second;

    (void)state;
    want(1);
    assert_true(find_question("b2", &first));
    fresh_greeted(place.fresh, "a1");
    assert_false(find_question("a1", &second));
    fresh_greeted(place.fresh, "b2");
    assert_true(find_question("b2", &second));
    answer("b2", &first, REHEARSED_GOOD, "");
    assert_int_equal(went_on, 0);
    answer("b2", &second, REHEARSED_GOOD, "");
    assert_int_equal(went_on, 1);
}

static bool has_gone_on(void *context)
{
    (void)context;
    return went_on > 0;
}

/* Silence is waited for a bounded time; nothing is known then. */
static void goes_on_without_an_answer(void **state)
{
    mono_t began = clock_now();

    (void)state;
    want(0);
    place_until(&place, has_gone_on, NULL, "the end of waiting");
    assert_in_range(clock_now() - began, REHEARSAL_PATIENCE_MS, 2 * REHEARSAL_PATIENCE_MS);
    assert_null(fleet_find(&place.desk.fleet, "a1")->rehearsal.rehearsal);
}

/* ---- with a rollout -------------------------------------------------------------------------- */

static void start(uint64_t *ret_id)
{
    AUTO_WIRE struct wire_bytes bytes = place_sign_manifest(&place, &manifest, 1);
    AUTO_FREE struct lead_order *order = mem_alloc(1, sizeof(*order));
    struct err err = ERR_INIT;

    if (!lead_order_decode(wire_lend(&bytes), order, &err) ||
        !lead_start(place.lead, order, "olga", (struct bytes){(const uint8_t *)"[]", 2}, ret_id,
                    &err))
        fail_msg("%s", err.text);
}

static void expect_shown(uint64_t id, const char *line)
{
    struct err err = ERR_INIT;
    json_t *stored = json_rollout_stored(&place.desk, id, true, &err);
    const json_t *nodes = json_object_get(stored, "nodes");
    const json_t *lines = json_object_get(json_array_get(nodes, 0), "rehearsed");

    assert_int_equal(json_array_size(lines), 1);
    assert_string_equal(json_string_value(json_array_get(lines, 0)), line);
    json_decref(stored);
}

/* From the store alone, as after a restart: before it begins, and when the guard has prepared. */
static void is_kept_with_the_rollout(void **state)
{
    struct guard_report report = {.kind = REPORT_PREPARED};
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct nonce nonce;
    struct err err = ERR_INIT;
    uint64_t id;

    (void)state;
    want(0);
    assert_true(find_question("a1", &nonce));
    answer("a1", &nonce, REHEARSED_GOOD, "");
    start(&id);
    expect_shown(id, "sysctl net.ipv4.ip_forward = 1: accepted and taken back");
    report.id.attempt = (struct attempt){body, 1};
    report.rehearsal = mem_alloc(1, sizeof(*report.rehearsal));
    report.rehearsal->operations_count = 1;
    rehearsal_set(report.rehearsal, 0, REHEARSED_STAYED, "it is 1");
    bytes = wire_encode_guard_report(&report);
    guard_report_done(&report);
    assert_true(lead_take_report(place.lead, "a1", wire_lend(&bytes), &err));
    expect_shown(id, "sysctl net.ipv4.ip_forward = 1: not taken back: it is 1");
    assert_int_equal(count_audit("a1", "not taken back: it is 1"), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_place, close_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(asks_each_target_and_waits),    CASE(asks_the_targets_to_come_only),
        CASE(does_not_ask_again_at_once),    CASE(asks_one_after_the_other),
        CASE(passes_over_what_nobody_asked), CASE(asks_again_who_greets),
        CASE(goes_on_without_an_answer),     CASE(is_kept_with_the_rollout),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
