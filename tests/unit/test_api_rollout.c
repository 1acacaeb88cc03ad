/*
 * test_api_rollout: the calls of docs/api.md about plans, rollouts and the emergency rollback.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "controller/io/lead_parts.h"
#include "tests/unit/api_case.h"

static const char *const plan_fields[] = {"s change",      "s body",      "b pass", "a gates",
                                          "a quarantines", "a rehearsed", NULL};
static const char *const gate_fields[] = {"s gate",     "s question", "s value",
                                          "s waived",   "s instead",  "s expected",
                                          "s observed", "a evidence", NULL};
static const char *const rollout_fields[] = {
    "n id",           "s change",     "s reason",   "s reference", "s body",    "n sequence",
    "n not_after",    "s state",      "s sentence", "b ended",     "s outcome", "s waiting_for",
    "s by",           "n started_at", "n ended_at", "n soak_s",    "n lease_s", "n stage",
    "n stages_count", "a nodes",      NULL};
static const char *const target_fields[] = {"s name",        "n stage", "s state",     "s sentence",
                                            "n soak_left_s", "a open",  "a rehearsed", NULL};

static void a_plan_tells_of_a_node_in_quarantine(void **state)
{
    AUTO_FREE struct receipt *receipt = mem_alloc(1, sizeof(*receipt));
    AUTO_WIRE struct wire_bytes body = {NULL, 0};
    struct manifest manifest;
    struct hash hash = {{1}};
    struct answer answer;
    const json_t *item;

    (void)state;
    text_copy(receipt->node, sizeof(receipt->node), "a1");
    receipt->kind = RECEIPT_REVERTED;
    receipt->cause = CAUSE_PROOF_FAILED;
    receipt->objects_count = 16; /* none of them is touched; it may have been cut */
    put_quarantine(receipt, &hash);
    place_make_manifest(&place, "forwarding", &manifest);
    body = wire_encode_manifest(&manifest);
    manifest_done(&manifest);
    answer = call("POST", "/v1/plans", wire_lend(&body));
    item = json_array_get(json_object_get(answer.json, "quarantines"), 0);
    assert_string_equal(text_of(item, "node"), "a1");
    assert_string_equal(text_of(item, "object"), "sysctl net.ipv4.ip_forward");
    answer_done(&answer);
}

static void plans_question_by_question(void **state)
{
    AUTO_WIRE struct wire_bytes body = {NULL, 0};
    struct manifest manifest;
    struct hash receipt;
    struct answer answer;
    const json_t *item;
    char path[128];
    char hex[2 * HASH_SIZE + 1];

    (void)state;
    quarantine_forwarding(&receipt);
    place_make_manifest(&place, "forwarding", &manifest);
    body = wire_encode_manifest(&manifest);
    manifest_done(&manifest);
    answer = call("POST", "/v1/plans", wire_lend(&body));
    assert_int_equal(answer.status, 200);
    expect_shape(answer.json, plan_fields);
    assert_int_equal(json_array_size(json_object_get(answer.json, "gates")), GATE_COUNT);
    expect_shape(json_array_get(json_object_get(answer.json, "gates"), 0), gate_fields);
    item = json_array_get(json_object_get(answer.json, "quarantines"), 0);
    assert_string_equal(text_of(item, "node"), "a1");
    assert_true(json_is_false(json_object_get(item, "lifted")));
    answer_done(&answer);

    bytes_format_hex(receipt.bytes, HASH_SIZE, hex);
    snprintf(path, sizeof(path), "/v1/plans?lifts=%s", hex);
    answer = call("POST", path, wire_lend(&body));
    item = json_array_get(json_object_get(answer.json, "quarantines"), 0);
    assert_true(json_is_true(json_object_get(item, "lifted")));
    answer_done(&answer);
    expect_refusal(call("POST", "/v1/plans?lifts=12", wire_lend(&body)), 400, "input", "lifts");
    expect_refusal(send_text("POST", "/v1/plans", "nonsense"), 400, "input", "");
}

/* To look at a plan is no reason to set nodes to work. */
static void a_viewers_plan_is_rehearsed_nowhere(void **state)
{
    struct fleet_member *member = fleet_find(&place.desk.fleet, "a1");
    AUTO_WIRE struct wire_bytes body = {NULL, 0};
    AUTO_WIRE struct wire_bytes command = {NULL, 0};
    struct manifest manifest;
    struct answer answer;

    (void)state;
    member->connected = member->has_snapshot = true;
    member->snapshot_at = clock_now();
    place_make_manifest(&place, "forwarding", &manifest);
    body = wire_encode_manifest(&manifest);
    manifest_done(&manifest);
    set_role("viewer");
    answer = call("POST", "/v1/plans", wire_lend(&body));
    assert_int_equal(answer.status, 200);
    assert_string_equal(
        text_of(json_array_get(json_object_get(answer.json, "gates"), GATE_REVERSIBLE), "value"),
        "unknown");
    answer_done(&answer);
    assert_false(outbox_next(place.outbox, "a1", clock_now(), &command));
}

static void asks_of_the_fleet_as_it_is(void **state)
{
    struct answer answer = get("/v1/preflight");
    const json_t *gates = json_object_get(answer.json, "gates");

    (void)state;
    assert_int_equal(answer.status, 200);
    assert_true(json_is_false(json_object_get(answer.json, "pass"))); /* no agent is connected */
    assert_int_equal(json_array_size(gates), GATE_COUNT);
    expect_shape(json_array_get(gates, GATE_WORKING), gate_fields);
    assert_string_equal(text_of(json_array_get(gates, GATE_WORKING), "value"), "unknown");
    assert_string_equal(text_of(json_array_get(gates, GATE_NEEDED), "value"), "pass");
    assert_string_equal(text_of(json_array_get(gates, GATE_NEEDED), "instead"),
                        "no change is named");
    assert_string_equal(text_of(json_array_get(gates, GATE_WORKING), "instead"), "");
    answer_done(&answer);
}

static struct wire_bytes signed_manifest(uint64_t sequence)
{
    struct manifest manifest;
    struct wire_bytes bytes;

    place_make_manifest(&place, "forwarding", &manifest);
    bytes = place_sign_manifest(&place, &manifest, sequence);
    manifest_done(&manifest);
    return bytes;
}

static void a_gate_that_says_no_comes_with_the_plan(void **state)
{
    AUTO_WIRE struct wire_bytes bytes = signed_manifest(1);
    struct answer answer = call("POST", "/v1/rollouts", wire_lend(&bytes));

    (void)state;
    assert_int_equal(answer.status, 409);
    assert_string_equal(text_of(answer.json, "kind"), "conflict");
    expect_shape(answer.json, plan_fields);
    answer_done(&answer);
    answer = call("POST", "/v1/plans?signed=1", wire_lend(&bytes));
    assert_int_equal(answer.status, 200);
    expect_shape(answer.json, plan_fields);
    answer_done(&answer);
    answer = get("/v1/rollouts");
    assert_int_equal(json_array_size(json_object_get(answer.json, "rollouts")), 0);
    answer_done(&answer);
}

static void start(void)
{
    AUTO_WIRE struct wire_bytes bytes = signed_manifest(1);
    AUTO_FREE struct lead_order *order = mem_alloc(1, sizeof(*order));
    struct err err = ERR_INIT;
    uint64_t id;

    if (!lead_order_decode(wire_lend(&bytes), order, &err) ||
        !lead_start(place.lead, order, "olga", (struct bytes){(const uint8_t *)"[]", 2}, &id, &err))
        fail_msg("%s", err.text);
}

/* No line of evidence without its time. */
static void expect_times(const json_t *gates)
{
    for (size_t i = 0; i < json_array_size(gates); i++) {
        const json_t *gate = json_array_get(gates, i);
        const json_t *evidence = json_object_get(gate, "evidence");

        assert_true(json_array_size(evidence) > 0);
        for (size_t k = 0; k < json_array_size(evidence); k++) {
            const json_t *line = json_array_get(evidence, k);

            if (json_integer_value(json_object_get(line, "at")) < 1700000000)
                fail_msg("%s, %s: when?", text_of(gate, "gate"), text_of(line, "check"));
        }
    }
}

/* The plan's answer to that gate, and part of what was observed; "pass": whatever was. */
static void expect_planned(const char *path, struct bytes body, enum gate gate, const char *value,
                           const char *part)
{
    struct answer answer = call("POST", path, body);
    const json_t *said = json_array_get(json_object_get(answer.json, "gates"), gate);

    assert_int_equal(answer.status, 200);
    expect_times(json_object_get(answer.json, "gates"));
    assert_string_equal(text_of(said, "value"), value);
    if (!text_equal(value, "pass"))
        assert_true(json_is_false(json_object_get(answer.json, "pass")));
    if (strstr(text_of(said, "observed"), part) == NULL)
        fail_msg("'%s' does not say '%s'", text_of(said, "observed"), part);
    answer_done(&answer);
}

/* Whoever asks beforehand is not told yes, and whoever starts then no. */
static void a_plan_knows_what_a_start_is_refused_for(void **state)
{
    AUTO_WIRE struct wire_bytes first = signed_manifest(1);
    AUTO_WIRE struct wire_bytes second = signed_manifest(2);
    AUTO_WIRE struct wire_bytes body = {NULL, 0};
    struct manifest manifest;

    (void)state;
    place_make_manifest(&place, "forwarding", &manifest);
    body = wire_encode_manifest(&manifest);
    manifest_done(&manifest);
    expect_planned("/v1/plans?signed=1", wire_lend(&first), GATE_ONE_FIRST, "pass", "yes");
    expect_planned("/v1/plans?signed=1", wire_lend(&first), GATE_APPROVED, "pass", "yes");
    start();
    expect_planned("/v1/plans?signed=1", wire_lend(&second), GATE_APPROVED, "pass", "yes");
    expect_planned("/v1/plans?signed=1", wire_lend(&second), GATE_ONE_FIRST, "fail",
                   "rollout 1, forwarding, is open");
    expect_refusal(call("POST", "/v1/rollouts", wire_lend(&second)), 409, "conflict",
                   "rollout 1, forwarding, is open");
    expect_planned("/v1/plans", wire_lend(&body), GATE_ONE_FIRST, "fail",
                   "rollout 1, forwarding, is open");
    expect_planned("/v1/plans?signed=1", wire_lend(&first), GATE_APPROVED, "fail",
                   "sequence 1 of this manifest is rollout 1 already; sign it again");
    ((struct led *)(uintptr_t)lead_find(place.lead, 1))->machine.record.state = ROLLOUT_COMPLETE;
    expect_planned("/v1/plans?signed=1", wire_lend(&first), GATE_ONE_FIRST, "pass", "yes");
    expect_refusal(call("POST", "/v1/rollouts", wire_lend(&first)), 409, "conflict",
                   "sequence 1 of this manifest is rollout 1 already; sign it again");
}

/* The nodes verify each other by the keys in the manifest, the controller by the roster's. */
static void a_plan_knows_that_its_keys_are_of_another_day(void **state)
{
    AUTO_WIRE struct wire_bytes bytes = signed_manifest(1);
    struct roster_entry *entry = &place.desk.roster->entries[0];

    (void)state;
    entry->guard_key.bytes[0] ^= 1;
    expect_planned("/v1/plans?signed=1", wire_lend(&bytes), GATE_ONE_FIRST, "fail",
                   "the manifest has other keys for");
    expect_refusal(call("POST", "/v1/rollouts", wire_lend(&bytes)), 409, "conflict",
                   "the manifest has other keys for");
}

/* Two ledgers in use is an alarm that is not for whoever starts alone. */
static void what_a_start_is_refused_for_is_in_the_audit(void **state)
{
    AUTO_WIRE struct wire_bytes bytes = signed_manifest(1);
    struct answer answer;
    bool said = false;

    (void)state;
    start();
    ((struct led *)(uintptr_t)lead_find(place.lead, 1))->machine.record.state = ROLLOUT_COMPLETE;
    for (unsigned i = 0; i < 3; i++) /* said once */
        expect_refusal(call("POST", "/v1/rollouts", wire_lend(&bytes)), 409, "conflict", "rollout");
    answer = get("/v1/audit");
    for (size_t i = 0; i < json_array_size(json_object_get(answer.json, "entries")); i++) {
        const json_t *row = json_array_get(json_object_get(answer.json, "entries"), i);

        if (!text_equal(text_of(row, "what"), "refused"))
            continue;
        assert_false(said);
        said = strstr(text_of(row, "text"), "sequence 1 of this manifest is rollout 1") != NULL;
    }
    assert_true(said);
    answer_done(&answer);
}

static void answer_the_snapshot(uv_timer_t *timer)
{
    struct place *from = timer->data;

    start();
    fleet_find(&from->desk.fleet, "a1")->has_snapshot = true;
    fresh_came(from->fresh, "a1");
}

/* Two people approve in the same second: the second one's gates are asked while the first one's
 * rollout begins. What they say by then is not what stands in his way. */
static void the_one_who_comes_second_is_told_who_was_first(void **state)
{
    AUTO_WIRE struct wire_bytes bytes = signed_manifest(2);
    uv_timer_t timer;

    (void)state;
    fleet_find(&place.desk.fleet, "a1")->connected = true; /* its snapshot is waited for */
    uv_timer_init(&place.loop, &timer);
    timer.data = &place;
    uv_timer_start(&timer, answer_the_snapshot, 50, 0);
    expect_refusal(call("POST", "/v1/rollouts", wire_lend(&bytes)), 409, "conflict",
                   "rollout 1, forwarding, is open");
    uv_close((uv_handle_t *)&timer, NULL);
    place_turn(&place);
}

static void shows_and_aborts_a_rollout(void **state)
{
    struct answer answer;

    (void)state;
    start();
    answer = get("/v1/rollouts");
    expect_shape(json_array_get(json_object_get(answer.json, "rollouts"), 0), rollout_fields);
    answer_done(&answer);
    answer = get("/v1/rollouts/1");
    assert_int_equal(answer.status, 200);
    expect_shape(answer.json, rollout_fields);
    expect_shape(json_array_get(json_object_get(answer.json, "nodes"), 1), target_fields);
    assert_true(json_is_array(json_object_get(answer.json, "proofs")));
    assert_true(json_is_array(json_object_get(answer.json, "gates")));
    assert_string_equal(text_of(answer.json, "by"), "olga");
    answer_done(&answer);
    expect_refusal(send_text("POST", "/v1/rollouts/1/next", ""), 409, "conflict", "does not wait");
    answer = send_text("POST", "/v1/rollouts/1/abort", "{\"reason\": \"not today\"}");
    assert_int_equal(answer.status, 200);
    assert_string_not_equal(text_of(answer.json, "state"), "learning");
    answer_done(&answer);
    expect_refusal(get("/v1/rollouts/2"), 404, "missing", "2");
    expect_refusal(get("/v1/rollouts/x"), 400, "input", "accepted is a number");
    expect_refusal(send_text("POST", "/v1/rollouts/9/next", ""), 404, "missing", "9");
}

static void takes_back_in_an_emergency(void **state)
{
    static const char *const fields[] = {"n rollout", "s change",  "a nodes",
                                         "b open",    "b awaited", NULL};
    static const char *const losses[] = {"n rollout", "s change", "a nodes", NULL};
    struct answer answer;

    (void)state;
    expect_refusal(send_text("POST", "/v1/emergency-rollback", "{}"), 404, "missing", "");
    start();
    expect_refusal(send_text("POST", "/v1/emergency-rollback", "{\"nodes\": [\"A/\"]}"), 400,
                   "input", "accepted are");
    answer = send_text("POST", "/v1/emergency-rollback/losses", "{\"nodes\": [\"a1\"]}");
    assert_int_equal(answer.status, 200);
    expect_shape(answer.json, losses);
    assert_string_equal(text_of(answer.json, "change"), "forwarding");
    assert_int_equal(json_array_size(json_object_get(answer.json, "nodes")), 2);
    assert_non_null(
        strstr(text_of(json_array_get(json_object_get(answer.json, "nodes"), 1), "sentence"),
               "goes after the nodes named")); /* it was going ahead */
    answer_done(&answer);
    answer = get("/v1/emergency-rollback");
    assert_int_equal(json_array_size(json_object_get(answer.json, "nodes")), 0); /* only told */
    answer_done(&answer);
    /* Of who was shown another one, which somebody else has taken back meanwhile. */
    expect_refusal(send_text("POST", "/v1/emergency-rollback", "{\"rollout\": 7}"), 409, "conflict",
                   "rollout 1, forwarding, would go by now, and rollout 7 was shown");
    expect_refusal(send_text("POST", "/v1/emergency-rollback", "{\"rollout\": \"1\"}"), 400,
                   "input", "rollout: accepted is a number");
    answer = get("/v1/emergency-rollback");
    assert_int_equal(json_array_size(json_object_get(answer.json, "nodes")), 0);
    answer_done(&answer);
    answer = send_text("POST", "/v1/emergency-rollback", "{\"reason\": \"drill\", \"rollout\": 1}");
    assert_int_equal(answer.status, 202);
    expect_shape(answer.json, fields);
    assert_int_equal(json_array_size(json_object_get(answer.json, "nodes")), 2);
    answer_done(&answer);
    answer = get("/v1/emergency-rollback");
    assert_int_equal(answer.status, 200);
    expect_shape(answer.json, fields);
    answer_done(&answer);
    expect_refusal(send_text("POST", "/v1/emergency-rollback?signed=1", "x"), 400, "input", "");
}

/* ---- the same command once more -------------------------------------------------------------- */

/* Three stand, one above the other, and the newest is taken back. */
static void take_back_the_newest(void)
{
    struct answer answer;

    for (uint64_t id = 1; id <= 3; id++)
        place_add_standing(&place, id, SAYS_CONFIRMED);
    place_hear_of(&place, 3);
    answer = send_text("POST", "/v1/emergency-rollback", "{\"reason\": \"drill\"}");
    assert_int_equal(answer.status, 202);
    assert_int_equal(json_integer_value(json_object_get(answer.json, "rollout")), 3);
    answer_done(&answer);
}

static void expect_taken(const char *body, long long rollout)
{
    struct answer answer = send_text("POST", "/v1/emergency-rollback", body);

    assert_int_equal(answer.status, 202);
    assert_int_equal(json_integer_value(json_object_get(answer.json, "rollout")), rollout);
    answer_done(&answer);
}

/* Its answer was lost: nobody says yes to the next older one by asking again. */
static void an_emergency_given_again_takes_nothing_older(void **state)
{
    (void)state;
    take_back_the_newest();
    expect_taken("{}", 3);    /* it still stands there: the same once more */
    place_hear_of(&place, 3); /* its guard is told */
    place_hear_of(&place, 2);
    for (int i = 0; i < 2; i++) { /* being refused is no emergency */
        expect_refusal(
            send_text("POST", "/v1/emergency-rollback", "{}"), 409, "conflict",
            "s ago by root (emergency rollback). Now rollout 2 would go, which is older");
        expect_refusal(send_text("POST", "/v1/emergency-rollback", "{}"), 409, "conflict",
                       "How far rollout 3 is: a1 popped");
        expect_refusal(send_text("POST", "/v1/emergency-rollback", "{\"nodes\": []}"), 409,
                       "conflict", "`oceanidctl emergency-rollback --rollout 2 --yes`");
    }
    expect_taken("{\"rollout\": 2}", 2);
    place_hear_of(&place, 2);
    place_hear_of(&place, 1);
    expect_refusal(send_text("POST", "/v1/emergency-rollback", "{\"rollout\": 2}"), 409, "conflict",
                   "rollout 1 would go by now, and rollout 2 was shown or named; nothing was "
                   "done; rollout 2 was asked back");
    expect_refusal(send_text("POST", "/v1/emergency-rollback", "{\"nodes\": [\"a1\"]}"), 409,
                   "conflict", "`--rollout 1` beside `--node` takes it back there");
    expect_taken("{\"nodes\": [\"a1\"], \"rollout\": 1}", 1);
}

/* However much there is to say of what was asked back before. */
static void what_helps_is_said_whole(void **state)
{
    struct lead_backs *backs = &place.lead->backs;
    struct answer answer;

    (void)state;
    take_back_the_newest();
    place_hear_of(&place, 3); /* its guard is told */
    place_hear_of(&place, 2);
    memset(backs->by, 'o', sizeof(backs->by) - 1);
    for (backs->count = 1; backs->count < 5; backs->count++) {
        backs->list[backs->count] = backs->list[0];
        memset(backs->list[backs->count].name, 'n', NAME_SIZE - 1);
    }
    expect_refusal(send_text("POST", "/v1/emergency-rollback", "{\"rollout\": 1}"), 409, "conflict",
                   "... `oceanidctl emergency-rollback --node a1 --to 101` takes it back there, "
                   "with what stands above it. Give the command without --yes to see what would "
                   "go");
    answer = send_text("POST", "/v1/emergency-rollback/losses", "{\"rollout\": 1}");
    assert_non_null(strstr(text_of(answer.json, "instead"), "--node a1 --to 101` takes it back"));
    answer_done(&answer);
}

static void what_is_shown_says_what_was_asked_back_before(void **state)
{
    struct answer answer;

    (void)state;
    take_back_the_newest();
    answer = send_text("POST", "/v1/emergency-rollback/losses", "{}");
    assert_string_equal(text_of(answer.json, "before"), ""); /* it is that one */
    answer_done(&answer);
    place_hear_of(&place, 3); /* its guard is told */
    place_hear_of(&place, 2);
    answer = send_text("POST", "/v1/emergency-rollback/losses", "{}");
    assert_non_null(strstr(text_of(answer.json, "before"), "s ago by root (drill): a1 popped"));
    answer_done(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(plans_question_by_question),
        WITH_PLACE(a_plan_tells_of_a_node_in_quarantine),
        WITH_PLACE(a_viewers_plan_is_rehearsed_nowhere),
        WITH_PLACE(asks_of_the_fleet_as_it_is),
        WITH_PLACE(a_gate_that_says_no_comes_with_the_plan),
        WITH_PLACE(a_plan_knows_what_a_start_is_refused_for),
        WITH_PLACE(a_plan_knows_that_its_keys_are_of_another_day),
        WITH_PLACE(what_a_start_is_refused_for_is_in_the_audit),
        WITH_PLACE(the_one_who_comes_second_is_told_who_was_first),
        WITH_PLACE(shows_and_aborts_a_rollout),
        WITH_PLACE(takes_back_in_an_emergency),
        WITH_PLACE(an_emergency_given_again_takes_nothing_older),
        WITH_PLACE(what_helps_is_said_whole),
        WITH_PLACE(what_is_shown_says_what_was_asked_back_before),
    };

    return cmocka_run_group_tests_name("api_rollout", tests, NULL, NULL);
}
