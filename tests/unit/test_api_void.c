/*
 * test_api_void: the call of docs/api.md about what was signed and no rollout has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "tests/unit/api_case.h"

#define BODY_07 "0700000000000000000000000000000000000000000000000000000000000000"
#define LOST "\"body\": \"" BODY_07 "\", \"sequence\": 9"

static const char *const void_fields[] = {"s name", "s sentence", NULL};

static void has_guards_bar_what_no_rollout_has(void **state)
{
    struct answer answer =
        send_text("POST", "/v1/void", "{" LOST ", \"nodes\": [\"a1\", \"b2\"], \"reason\": \"\"}");
    const json_t *nodes = json_object_get(answer.json, "nodes");

    (void)state;
    assert_int_equal(answer.status, 202);
    assert_int_equal(json_array_size(nodes), 2);
    expect_shape(json_array_get(nodes, 0), void_fields);
    assert_string_equal(text_of(json_array_get(nodes, 0), "name"), "a1");
    assert_string_equal(text_of(json_array_get(nodes, 1), "name"), "b2");
    answer_done(&answer);
    assert_non_null(strstr(place.desk.audit.text, "nobody has its file"));
}

static void refuses_to_bar_what_it_cannot_name(void **state)
{
    (void)state;
    expect_refusal(send_text("POST", "/v1/void",
                             "{\"body\": \"07\", \"sequence\": 9, \"nodes\": [\"a1\"], "
                             "\"reason\": \"\"}"),
                   400, "input", "accepted are 64 hexadecimal digits");
    expect_refusal(send_text("POST", "/v1/void",
                             "{\"body\": \"" BODY_07 "\", \"sequence\": 0, \"nodes\": "
                             "[\"a1\"], \"reason\": \"\"}"),
                   400, "input", "sequence 0");
    expect_refusal(send_text("POST", "/v1/void", "{" LOST ", \"nodes\": [], \"reason\": \"\"}"),
                   400, "input", "nodes: accepted is one or more");
    expect_refusal(
        send_text("POST", "/v1/void", "{" LOST ", \"nodes\": [\"x9\"], \"reason\": \"\"}"), 404,
        "missing", "node x9 is not in the roster");
    set_role("viewer");
    expect_refusal(
        send_text("POST", "/v1/void", "{" LOST ", \"nodes\": [\"a1\"], \"reason\": \"\"}"), 403,
        "denied", "");
}

static void start(struct attempt *ret_attempt)
{
    AUTO_FREE struct lead_order *order = mem_alloc(1, sizeof(*order));
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct manifest manifest;
    struct err err = ERR_INIT;
    uint64_t id;

    place_make_manifest(&place, "forwarding", &manifest);
    bytes = place_sign_manifest(&place, &manifest, 1);
    manifest_done(&manifest);
    if (!lead_order_decode(wire_lend(&bytes), order, &err))
        fail_msg("%s", err.text);
    *ret_attempt = order->approval.attempt;
    if (!lead_start(place.lead, order, "olga", (struct bytes){(const uint8_t *)"[]", 2}, &id, &err))
        fail_msg("%s", err.text);
}

/* By its own name it is aborted. */
static void refuses_to_bar_what_a_rollout_has(void **state)
{
    char body[2 * HASH_SIZE + 1], text[256];
    struct attempt attempt;

    (void)state;
    start(&attempt);
    bytes_format_hex(attempt.body.bytes, HASH_SIZE, body);
    snprintf(text, sizeof(text),
             "{\"body\": \"%s\", \"sequence\": %llu, \"nodes\": [\"a1\"], \"reason\": \"\"}", body,
             (unsigned long long)attempt.sequence);
    expect_refusal(send_text("POST", "/v1/void", text), 409, "conflict",
                   "`oceanidctl rollout abort` ends it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(has_guards_bar_what_no_rollout_has),
        WITH_PLACE(refuses_to_bar_what_it_cannot_name),
        WITH_PLACE(refuses_to_bar_what_a_rollout_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
