/*
 * test_api: each call of docs/api.md: its shape, who may, and how it refuses; on the local socket
 * and on HTTPS with client certificates.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <curl/curl.h>
#include <jansson.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "tests/unit/controller_place.h"

static struct place place;

/* ---- a client --------------------------------------------------------------------------------
 */

struct answer {
    long status; /* 0: no answer */
    char *data;
    size_t len;
    json_t *json; /* NULL: it is none */
};

static void answer_done(struct answer *answer)
{
    json_decref(answer->json);
    free(answer->data);
    memset(answer, 0, sizeof(*answer));
}

static size_t take(char *data, size_t size, size_t count, void *context)
{
    struct answer *answer = context;
    size_t len = size * count;

    answer->data = mem_resize(answer->data, answer->len + len + 1, 1);
    memcpy(answer->data + answer->len, data, len);
    answer->len += len;
    answer->data[answer->len] = '\0';
    return len;
}

/* Both sides take turns on this one thread. */
static void perform(CURL *curl, struct answer *answer)
{
    CURLM *multi = curl_multi_init();
    mono_t deadline = clock_now() + 20000;
    int running = 1;

    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_multi_add_handle(multi, curl);
    while (running > 0) {
        if (clock_now() > deadline)
            fail_msg("no answer within 20 s");
        curl_multi_perform(multi, &running);
        place_turn(&place);
    }
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
    curl_multi_remove_handle(multi, curl);
    curl_multi_cleanup(multi);
    if (answer->data != NULL)
        answer->json = json_loadb(answer->data, answer->len, 0, NULL);
}

static void set_call(CURL *curl, const char *method, struct bytes body)
{
    if (text_equal(method, "GET"))
        return;
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.len > 0 ? (const char *)body.data : "");
}

static struct answer call(const char *method, const char *path, struct bytes body)
{
    struct answer answer = {0};
    CURL *curl = curl_easy_init();
    char url[1024];

    snprintf(url, sizeof(url), "http://controller%s", path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, place.socket);
    set_call(curl, method, body);
    perform(curl, &answer);
    curl_easy_cleanup(curl);
    return answer;
}

static struct answer get(const char *path)
{
    return call("GET", path, (struct bytes){NULL, 0});
}

static struct answer send_text(const char *method, const char *path, const char *text)
{
    return call(method, path, (struct bytes){(const uint8_t *)text, strlen(text)});
}

/* cert NULL: without a certificate. header NULL: none besides curl's. */
static struct answer call_tls_with(const char *header, const char *path, const char *cert,
                                   const char *key)
{
    struct curl_slist *headers = header != NULL ? curl_slist_append(NULL, header) : NULL;
    struct answer answer = {0};
    CURL *curl = curl_easy_init();
    char url[1024];

    snprintf(url, sizeof(url), "https://127.0.0.1:%u%s", http_port(place.http), path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CAINFO, place.ca_path);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (cert != NULL) {
        curl_easy_setopt(curl, CURLOPT_SSLCERT, cert);
        curl_easy_setopt(curl, CURLOPT_SSLKEY, key);
    }
    perform(curl, &answer);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return answer;
}

static struct answer call_tls(const char *path, const char *cert, const char *key)
{
    return call_tls_with(NULL, path, cert, key);
}

/* ---- what is expected ------------------------------------------------------------------------
 */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "(none)";
}

/* Every key is there, and of that type: s, n(umber), b, a, o, 0 (null). */
static void expect_shape(const json_t *object, const char *const *fields)
{
    for (; *fields != NULL; fields++) {
        const json_t *value = json_object_get(object, *fields + 2);
        json_type wanted = (*fields)[0] == 's'   ? JSON_STRING
                           : (*fields)[0] == 'n' ? JSON_INTEGER
                           : (*fields)[0] == 'a' ? JSON_ARRAY
                           : (*fields)[0] == 'o' ? JSON_OBJECT
                                                 : JSON_NULL;

        if (value == NULL)
            fail_msg("'%s' is missing", *fields + 2);
        else if ((*fields)[0] == 'b' ? !json_is_boolean(value) : json_typeof(value) != wanted)
            fail_msg("'%s' is of another type than '%c'", *fields + 2, (*fields)[0]);
    }
}

static void expect_refusal(struct answer answer, long status, const char *kind, const char *part)
{
    assert_int_equal(answer.status, status);
    assert_string_equal(text_of(answer.json, "kind"), kind);
    if (strstr(text_of(answer.json, "error"), part) == NULL)
        fail_msg("'%s' does not say '%s'", text_of(answer.json, "error"), part);
    answer_done(&answer);
}

static int open_place(void **state)
{
    (void)state;
    place_open(&place);
    return 0;
}

static int close_place(void **state)
{
    (void)state;
    place_close(&place);
    return 0;
}

static void set_role(const char *role)
{
    text_copy(place.roles[0].role, NAME_SIZE, role);
}

/* ---- the fleet -------------------------------------------------------------------------------
 */

static const char *const node_fields[] = {
    "s name",    "s role",        "b connected", "b silent",  "n last_seen", "s health",
    "n failing", "b first",       "b protected", "s ssh",     "s console",   "s console_id",
    "s state",   "a generations", "0 trial",     "a reaches", "s version",   "s boot_id",
    NULL};
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

/* ---- plans and rollouts ----------------------------------------------------------------------
 */

static const char *const plan_fields[] = {"s change",      "s body",      "b pass", "a gates",
                                          "a quarantines", "a rehearsed", NULL};
static const char *const gate_fields[] = {"s gate",     "s question", "s value",    "s waived",
                                          "s expected", "s observed", "a evidence", NULL};
static const char *const rollout_fields[] = {
    "n id",           "s change",     "s reason",   "s reference", "s body",    "n sequence",
    "n not_after",    "s state",      "s sentence", "b ended",     "s outcome", "s waiting_for",
    "s by",           "n started_at", "n ended_at", "n soak_s",    "n lease_s", "n stage",
    "n stages_count", "a nodes",      NULL};
static const char *const target_fields[] = {"s name",        "n stage", "s state",     "s sentence",
                                            "n soak_left_s", "a open",  "a rehearsed", NULL};

static void put_quarantine(const struct receipt *receipt, const struct hash *hash)
{
    assert_true(desk_begin(&place.desk, STORE_FULL));
    assert_true(desk_quarantine(&place.desk, receipt, hash));
    assert_true(desk_commit(&place.desk));
}

static void quarantine_forwarding(struct hash *ret_receipt)
{
    AUTO_FREE struct receipt *receipt = mem_alloc(1, sizeof(*receipt));

    memset(ret_receipt->bytes, 0xab, HASH_SIZE);
    text_copy(receipt->node, sizeof(receipt->node), "a1");
    receipt->kind = RECEIPT_REVERTED;
    receipt->cause = CAUSE_PROOF_FAILED;
    receipt->objects_count = 1;
    text_copy(receipt->objects[0], sizeof(receipt->objects[0]), "sysctl net.ipv4.ip_forward");
    put_quarantine(receipt, ret_receipt);
}

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
    static const char *const fields[] = {"n rollout", "a nodes", "b open", "b awaited", NULL};
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
    answer = send_text("POST", "/v1/emergency-rollback", "{\"reason\": \"drill\"}");
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

/* ---- records ---------------------------------------------------------------------------------
 */

static void puts_and_lifts_holds(void **state)
{
    static const char *const fields[] = {"n id", "s kind",  "s scope", "s object",  "s reason",
                                         "s by", "n since", "n until", "s receipt", NULL};
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

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(tells_nodes_and_checks),
        WITH_PLACE(gives_snapshots),
        WITH_PLACE(takes_a_newer_roster),
        WITH_PLACE(maintenance_is_signed),
        WITH_PLACE(tells_fleet_yaml_and_health),
        WITH_PLACE(plans_question_by_question),
        WITH_PLACE(a_plan_tells_of_a_node_in_quarantine),
        WITH_PLACE(a_viewers_plan_is_rehearsed_nowhere),
        WITH_PLACE(asks_of_the_fleet_as_it_is),
        WITH_PLACE(a_gate_that_says_no_comes_with_the_plan),
        WITH_PLACE(the_one_who_comes_second_is_told_who_was_first),
        WITH_PLACE(shows_and_aborts_a_rollout),
        WITH_PLACE(takes_back_in_an_emergency),
        WITH_PLACE(puts_and_lifts_holds),
        WITH_PLACE(tells_the_audit_in_pages),
        WITH_PLACE(tells_receipts),
        WITH_PLACE(roles_decide),
        WITH_PLACE(refusals_are_audited),
        WITH_PLACE(https_asks_for_an_operators_certificate),
        WITH_PLACE(https_refuses_what_another_sites_page_asks),
    };

    return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
