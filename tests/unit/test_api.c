/*
 * test_api: the calls of docs/api.md about the fleet and the records: their shape, who may, and how
 * they refuse; on the local socket and on HTTPS with client certificates.
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
#include "tests/unit/api_case.h"

/* ---- the fleet -------------------------------------------------------------------------------
 */

static const char *const node_fields[] = {
    "s name",    "s role",       "b connected", "b silent",      "n last_seen",
    "s health",  "n failing",    "b first",     "b protected",   "s ssh",
    "s console", "s console_id", "s state",     "a generations", "0 trial",
    "a reaches", "s version",    "s boot_id",   "b known",       NULL};
static const char *const verdict_fields[] = {"s check",    "s value", "s severity", "s expected",
                                             "s observed", "n at",    "n took_ms",  NULL};

static void tells_nodes_and_checks(void **state)
{
    struct fleet_member *member = fleet_find(&place.desk.fleet, "a1");
    struct verdict verdict = {.check = "database", .value = VERDICT_FAIL};
    struct answer answer;
    const json_t *node;

    (void)state;
    member->connected = true;
    fleet_hear(member, clock_now(), clock_unix());
    fleet_tell_verdict(member, &verdict, 30, clock_unix());
    answer = get("/v1/nodes");
    assert_int_equal(answer.status, 200);
    assert_int_equal(json_array_size(json_object_get(answer.json, "nodes")), 3);
    node = json_array_get(json_object_get(answer.json, "nodes"), 0);
    expect_shape(node, node_fields);
    assert_string_equal(text_of(node, "ssh"), "203.0.113.10:22");
    assert_string_equal(text_of(node, "health"), "fail");
    assert_null(json_object_get(node, "verdicts"));
    assert_true(json_is_false(json_object_get(node, "known"))); /* no stack of it has come */
    answer_done(&answer);

    answer = get("/v1/nodes/a1");
    assert_int_equal(answer.status, 200);
    expect_shape(json_array_get(json_object_get(answer.json, "verdicts"), 0), verdict_fields);
    assert_true(json_is_array(json_object_get(answer.json, "drift")));
    answer_done(&answer);

    member->has_stack = true;
    member->stack.generations_count = 1;
    member->stack.generations[0].in_doubt = true; /* its guard does not know whether it stands */
    answer = get("/v1/nodes/a1");
    assert_string_equal(text_of(answer.json, "state"), "in doubt");
    assert_true(json_is_true(json_object_get(answer.json, "known")));
    node = json_array_get(json_object_get(answer.json, "generations"), 0);
    assert_true(json_is_true(json_object_get(node, "in_doubt")));
    answer_done(&answer);
    member->has_stack = false;

    answer = get("/v1/checks");
    assert_string_equal(text_of(json_array_get(json_object_get(answer.json, "checks"), 0), "node"),
                        "a1");
    answer_done(&answer);
    expect_refusal(get("/v1/nodes/nobody"), 404, "missing", "nobody");
}

static const json_t *check_of(const struct answer *answer, const char *node)
{
    const json_t *checks = json_object_get(answer->json, "checks");

    for (size_t i = 0; i < json_array_size(checks); i++) {
        if (strcmp(text_of(json_array_get(checks, i), "node"), node) == 0)
            return json_array_get(checks, i);
    }
    fail_msg("nothing is said of %s", node);
    return NULL;
}

/* What it said last is no answer any more; who has not said anything is not passed over. */
static void a_node_that_is_gone_passes_no_check(void **state)
{
    struct fleet_member *member = fleet_find(&place.desk.fleet, "a1");
    struct verdict verdict = {.check = "ssh:b2", .value = VERDICT_PASS};
    struct verdict own = {
        .check = "database", .severity = SEVERITY_CRITICAL, .value = VERDICT_PASS};
    struct answer answer;

    (void)state;
    member->connected = true;
    fleet_hear(member, clock_now(), clock_unix());
    fleet_tell_verdict(member, &own, 30, clock_unix());
    fleet_tell_verdict(member, &verdict, 30, clock_unix());
    answer = get("/v1/checks");
    assert_string_equal(text_of(check_of(&answer, "a1"), "value"), "pass");
    assert_string_equal(text_of(check_of(&answer, "b2"), "check"), "agent");
    assert_string_equal(text_of(check_of(&answer, "b2"), "value"), "unknown");
    assert_string_equal(text_of(check_of(&answer, "b2"), "severity"), "critical");
    assert_string_equal(text_of(check_of(&answer, "w1"), "value"), "unknown");
    answer_done(&answer);

    member->connected = false;
    answer = get("/v1/checks");
    assert_string_equal(text_of(check_of(&answer, "a1"), "value"), "unknown");
    assert_non_null(strstr(text_of(check_of(&answer, "a1"), "observed"), "s; it said pass before"));
    answer_done(&answer);
    answer = get("/v1/nodes/a1");
    assert_string_equal(
        text_of(json_array_get(json_object_get(answer.json, "verdicts"), 0), "value"), "unknown");
    assert_string_equal(
        text_of(json_array_get(json_object_get(answer.json, "reaches"), 0), "value"), "unknown");
    assert_int_equal(json_integer_value(json_object_get(answer.json, "failing")), 1);
    answer_done(&answer);
    fleet_verdict_now(member, "database", clock_now(), &verdict); /* as the gates count it */
    assert_int_equal(verdict.value, VERDICT_PASS);
}

static void gives_snapshots(void **state)
{
    struct fleet_member *member = fleet_find(&place.desk.fleet, "a1");
    struct snapshot snapshot;
    struct err err = ERR_INIT;
    struct answer answer;

    (void)state;
    expect_refusal(get("/v1/nodes/a1/snapshot"), 404, "missing", "no snapshot of a1");
    text_copy(snapshot_add_link(&member->snapshot)->name, DEVICE_SIZE, "eth0");
    member->has_snapshot = true;
    answer = get("/v1/nodes/a1/snapshot");
    assert_int_equal(answer.status, 200);
    assert_true(
        wire_decode_snapshot((struct bytes){(uint8_t *)answer.data, answer.len}, &snapshot, &err));
    assert_string_equal(snapshot.links[0].name, "eth0");
    snapshot_done(&snapshot);
    answer_done(&answer);
}

static void takes_a_newer_roster(void **state)
{
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    AUTO_WIRE struct wire_bytes same = {NULL, 0};
    AUTO_WIRE struct wire_bytes newer = {NULL, 0};
    AUTO_WIRE struct wire_bytes forged = {NULL, 0};
    struct answer answer;

    (void)state;
    *roster = *place.desk.roster;
    same = wire_encode_roster(roster, place.approver);
    roster->version = 7;
    roster->entries_count = 2;
    newer = wire_encode_roster(roster, place.approver);
    forged = wire_encode_roster(roster, place.members[PLACE_A1].agent);
    expect_refusal(call("PUT", "/v1/roster", wire_lend(&same)), 409, "conflict", "2 or higher");
    expect_refusal(call("PUT", "/v1/roster", wire_lend(&forged)), 403, "denied", "not signed");
    expect_refusal(send_text("PUT", "/v1/roster", "nonsense"), 400, "input", "");
    answer = call("PUT", "/v1/roster", wire_lend(&newer));
    assert_int_equal(answer.status, 200);
    assert_int_equal(json_integer_value(json_object_get(answer.json, "version")), 7);
    answer_done(&answer);
    assert_null(fleet_find(&place.desk.fleet, "w1"));
    answer = get("/v1/roster");
    assert_int_equal(answer.len, newer.len);
    assert_memory_equal(answer.data, newer.data, newer.len);
    answer_done(&answer);
}

static void put_roster(struct roster *roster)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct answer answer;

    roster->version++;
    bytes = wire_encode_roster(roster, place.approver);
    answer = call("PUT", "/v1/roster", wire_lend(&bytes));
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
}

/* Nobody puts or lifts it but by a signature. */
static void maintenance_is_signed(void **state)
{
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    struct maintenance one = {.node = "a1", .reason = "a new disk"};
    struct err err = ERR_INIT;
    struct answer answer;

    (void)state;
    expect_refusal(send_text("POST", "/v1/holds",
                             "{\"kind\": \"maintenance\", \"scope\": \"a1\", \"reason\": \"x\"}"),
                   403, "denied", "oceanidctl node maintenance");
    *roster = *place.desk.roster;
    assert_true(roster_maintain(roster, &one, &err));
    put_roster(roster);
    answer = get("/v1/nodes/a1");
    assert_string_equal(text_of(answer.json, "maintenance"), "a new disk");
    answer_done(&answer);
    expect_refusal(send_text("DELETE", "/v1/holds/1", ""), 403, "denied", "node return a1");
    assert_true(roster_end_maintenance(roster, "a1"));
    put_roster(roster);
    answer = get("/v1/nodes/a1");
    assert_string_equal(text_of(answer.json, "maintenance"), "");
    answer_done(&answer);
}

static void tells_fleet_yaml_and_health(void **state)
{
    struct answer answer = get("/v1/fleet");

    (void)state;
    assert_int_equal(answer.len, place.desk.file_text.len);
    assert_memory_equal(answer.data, place.desk.file_text.data, answer.len);
    answer_done(&answer);
    answer = get("/healthz");
    assert_string_equal(text_of(answer.json, "status"), "ok");
    assert_string_equal(text_of(answer.json, "version"), OCEANID_VERSION);
    answer_done(&answer);
}

/* ---- records ---------------------------------------------------------------------------------
 */

static void puts_and_lifts_holds(void **state)
{
    static const char *const fields[] = {"n id",     "s kind",     "s scope",   "s object",
                                         "s reason", "s by",       "n since",   "n until",
                                         "b stops",  "n opens_at", "s receipt", NULL};
    struct hash receipt;
    struct answer answer;

    (void)state;
    answer = send_text("POST", "/v1/holds",
                       "{\"kind\": \"freeze\", \"scope\": \"a1\", \"reason\": \"move\", "
                       "\"until\": 0}");
    assert_int_equal(answer.status, 201);
    expect_shape(answer.json, fields);
    assert_int_equal(json_integer_value(json_object_get(answer.json, "id")), 1);
    answer_done(&answer);
    quarantine_forwarding(&receipt);
    answer = get("/v1/holds");
    assert_int_equal(json_array_size(json_object_get(answer.json, "holds")), 2);
    answer_done(&answer);
    expect_refusal(send_text("POST", "/v1/holds", "{\"kind\": \"quarantine\"}"), 400, "input",
                   "accepted are freeze, pause");
    expect_refusal(send_text("POST", "/v1/holds", "{\"kind\": \"stop\"}"), 400, "input",
                   "kind 'stop'");
    expect_refusal(send_text("POST", "/v1/holds", "[1]"), 400, "input", "no JSON object");
    expect_refusal(send_text("DELETE", "/v1/holds/2", "{\"reason\": \"x\"}"), 403, "denied", "");
    expect_refusal(send_text("DELETE", "/v1/holds/77", ""), 404, "missing", "");
    answer = send_text("DELETE", "/v1/holds/1", "{\"reason\": \"moved\"}");
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
    answer = get("/v1/holds");
    assert_int_equal(json_array_size(json_object_get(answer.json, "holds")), 1);
    answer_done(&answer);
}

static void tells_the_audit_in_pages(void **state)
{
    static const char *const fields[] = {"n index",   "n at",   "s who",  "s what",
                                         "s subject", "s text", "s hash", NULL};
    const json_t *entries;
    struct answer answer;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        assert_true(desk_audit(&place.desk, "olga", "note", "fleet", "line %u", i));
    answer = get("/v1/audit?after=1&limit=1");
    entries = json_object_get(answer.json, "entries");
    assert_int_equal(json_array_size(entries), 1);
    expect_shape(json_array_get(entries, 0), fields);
    assert_string_equal(text_of(json_array_get(entries, 0), "text"), "line 1");
    assert_int_equal(strlen(text_of(answer.json, "head")), 2 * HASH_SIZE);
    answer_done(&answer);
    expect_refusal(get("/v1/audit?after=x"), 400, "input", "accepted is a number");
    expect_refusal(get("/v1/audit?limit=5000"), 400, "input", "1 to 1000");
}

static void tells_receipts(void **state)
{
    static const char *const fields[] = {"n index",   "s node",   "s body",    "n sequence",
                                         "s start",   "s kind",   "s cause",   "n soak_s",
                                         "n at",      "s reason", "a objects", "b quarantine",
                                         "s receipt", "s signed", NULL};
    AUTO_FREE struct receipt *receipt = mem_alloc(1, sizeof(*receipt));
    AUTO_WIRE struct wire_bytes envelope = {NULL, 0};
    struct err err = ERR_INIT;
    struct answer answer;
    bool is_new;

    (void)state;
    text_copy(receipt->node, sizeof(receipt->node), "a1");
    receipt->generation.attempt.sequence = 4;
    envelope = wire_encode_receipt(receipt, place.members[PLACE_A1].guard);
    assert_true(store_add_receipt(place.desk.store, receipt, wire_lend(&envelope), &is_new, &err));
    answer = get("/v1/receipts");
    expect_shape(json_array_get(json_object_get(answer.json, "receipts"), 0), fields);
    answer_done(&answer);
    answer = get("/v1/receipts?after=1");
    assert_int_equal(json_array_size(json_object_get(answer.json, "receipts")), 0);
    answer_done(&answer);
}

static void add_receipts(unsigned count)
{
    AUTO_FREE struct receipt *receipt = mem_alloc(1, sizeof(*receipt));
    struct err err = ERR_INIT;
    bool is_new;

    text_copy(receipt->node, sizeof(receipt->node), "a1");
    for (unsigned i = 0; i < count; i++) {
        AUTO_WIRE struct wire_bytes envelope = {NULL, 0};

        receipt->index = i;
        envelope = wire_encode_receipt(receipt, place.members[PLACE_A1].guard);
        assert_true(
            store_add_receipt(place.desk.store, receipt, wire_lend(&envelope), &is_new, &err));
    }
}

static void expect_receipts(const char *path, unsigned first, unsigned count)
{
    struct answer answer = get(path);
    const json_t *list = json_object_get(answer.json, "receipts");

    assert_int_equal(json_array_size(list), count);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(json_integer_value(json_object_get(json_array_get(list, i), "index")),
                         first + i);
    answer_done(&answer);
}

static void tells_receipts_in_pages(void **state)
{
    (void)state;
    add_receipts(1003);
    expect_receipts("/v1/receipts?limit=2", 1, 2);
    expect_receipts("/v1/receipts?after=2&limit=2", 3, 2);
    expect_receipts("/v1/receipts?after=1002&limit=2", 1003, 1);
    expect_receipts("/v1/receipts?after=2&limit=1000", 3, 1000);
    expect_receipts("/v1/receipts", 1, 1003); /* an older oceanidctl asks once */
    expect_receipts("/v1/receipts?after=1", 2, 1002);
    expect_refusal(get("/v1/receipts?limit=0"), 400, "input", "1 to 1000");
    expect_refusal(get("/v1/receipts?limit=1001"), 400, "input", "1 to 1000");
    expect_refusal(get("/v1/receipts?after=x"), 400, "input", "accepted is a number");
}

/* ---- who may ---------------------------------------------------------------------------------
 */

static void roles_decide(void **state)
{
    AUTO_FREE char *large = mem_alloc(1, DOCUMENT_SIZE_MAX + 1);
    struct answer answer;

    (void)state;
    expect_refusal(
        call("PUT", "/v1/roster", (struct bytes){(uint8_t *)large, DOCUMENT_SIZE_MAX + 1}), 413,
        "limit", "larger than");
    set_role("viewer");
    answer = get("/v1/nodes");
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
    expect_refusal(send_text("POST", "/v1/holds", "{}"), 403, "denied", "needs the role operator");
    expect_refusal(send_text("POST", "/v1/rollouts", "x"), 403, "denied", "needs the role ci");
    set_role("ci");
    expect_refusal(send_text("POST", "/v1/rollouts", "x"), 400, "input", "");
    set_role("nonsense");
    expect_refusal(get("/v1/nodes"), 403, "denied", "has no role");
    answer = get("/healthz");
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
    set_role("operator");
    expect_refusal(get("/v1/nothing"), 404, "missing", "docs/api.md");
    expect_refusal(send_text("DELETE", "/v1/nodes", ""), 404, "missing", "docs/api.md");
}

/* The audit's rows whose what is "refused": how many, and whether one has that text. */
static unsigned count_refused(const char *who, const char *text, bool *ret_said)
{
    struct answer answer = get("/v1/audit?limit=1000");
    const json_t *row;
    unsigned count = 0;
    size_t i;

    *ret_said = false;
    json_array_foreach(json_object_get(answer.json, "entries"), i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "what")), "refused") != 0)
            continue;
        count++;
        *ret_said |= strcmp(json_string_value(json_object_get(row, "who")), who) == 0 &&
                     strstr(json_string_value(json_object_get(row, "text")), text) != NULL;
    }
    answer_done(&answer);
    return count;
}

/* Each in the audit, and a flood of one is one row. */
static void refusals_are_audited(void **state)
{
    bool said;

    (void)state;
    set_role("viewer");
    for (unsigned i = 0; i < 200; i++)
        expect_refusal(send_text("POST", "/v1/holds", "{}"), 403, "denied", "needs the role");
    assert_int_equal(
        count_refused("root", "POST /v1/holds needs the role operator; root has", &said), 1);
    assert_true(said);
    expect_refusal(send_text("POST", "/v1/rollouts", "x"), 403, "denied", "needs the role ci");
    expect_refusal(call_tls("/v1/nodes", NULL, NULL), 403, "denied", "certificate");
    assert_int_equal(count_refused("unknown", "a client certificate of the fleet's CA", &said), 3);
    assert_true(said);
    set_role("operator");
}

static void https_asks_for_an_operators_certificate(void **state)
{
    const struct place_member *agent = &place.members[PLACE_A1];
    struct answer answer = call_tls("/v1/nodes", place.operator_cert_path, place.operator_key_path);

    (void)state;
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
    expect_refusal(call_tls("/v1/nodes", NULL, NULL), 403, "denied", "certificate");
    expect_refusal(call_tls("/v1/nodes", agent->cert_path, agent->key_path), 403, "denied",
                   "not made for an operator");
}

/* A page of another site, open in the browser that has the operator's certificate. */
static void https_refuses_what_another_sites_page_asks(void **state)
{
    const char *cert = place.operator_cert_path;
    const char *key = place.operator_key_path;
    struct answer answer;
    char own[64];

    (void)state;
    expect_refusal(call_tls_with("Origin: https://example.com", "/v1/nodes", cert, key), 403,
                   "denied", "another site");
    expect_refusal(call_tls_with("Origin: null", "/v1/nodes", cert, key), 403, "denied",
                   "another site");
    snprintf(own, sizeof(own), "Origin: https://127.0.0.1:%u", http_port(place.http));
    answer = call_tls_with(own, "/v1/nodes", cert, key);
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(tells_nodes_and_checks),
        WITH_PLACE(a_node_that_is_gone_passes_no_check),
        WITH_PLACE(gives_snapshots),
        WITH_PLACE(takes_a_newer_roster),
        WITH_PLACE(maintenance_is_signed),
        WITH_PLACE(tells_fleet_yaml_and_health),
        WITH_PLACE(puts_and_lifts_holds),
        WITH_PLACE(tells_the_audit_in_pages),
        WITH_PLACE(tells_receipts),
        WITH_PLACE(tells_receipts_in_pages),
        WITH_PLACE(roles_decide),
        WITH_PLACE(refusals_are_audited),
        WITH_PLACE(https_asks_for_an_operators_certificate),
        WITH_PLACE(https_refuses_what_another_sites_page_asks),
    };

    return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
