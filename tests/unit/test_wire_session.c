/*
 * test_wire_session: each request of an agent and each reply, with every field set.
 */
#include "common/io/wire_session.h"

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

/* Large: kept off the stack. */
static struct session_request request, back;
static struct session_reply reply, reply_back;

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

static struct wire_bytes make_statement(void)
{
    struct statement statement;

    fill_statement(&statement);
    return wire_encode_statement(&statement, key);
}

static struct wire_bytes make_guard_report(unsigned number)
{
    struct guard_report report = {.kind = REPORT_NONCE, .number = number};

    fill_id(&report.id, number);
    return wire_encode_guard_report(&report);
}

static void fill_hello(void)
{
    text_copy(request.name, NAME_SIZE, "srv712695");
    fill_bytes(&request.challenge, NONCE_SIZE, 1);
    request.signature.len = SIGNATURE_MAX;
    fill_bytes(request.signature.bytes, SIGNATURE_MAX, 2);
    request.stack = make_statement();
    request.nonce = make_guard_report(3);
    text_copy(request.version, sizeof(request.version), "0.1.0");
    text_copy(request.boot_id, sizeof(request.boot_id), "c0ffee00-0000-4000-8000-000000000000");
    request.witness_only = request.extra = true;
}

static void fill_report(void)
{
    request.id = 7;
    request.answers = 8;
    request.full = true;
    request.verdicts_count = VERDICTS_MAX;
    fill_verdicts(request.verdicts, VERDICTS_MAX);
    request.has_snapshot = true;
    fill_snapshot(&request.snapshot);
    request.guard_count = 2;
    request.guard = mem_alloc(2, sizeof(*request.guard));
    request.drift_count = 2;
    request.drift = mem_alloc(2, sizeof(*request.drift));
    request.sources_count = SESSION_SOURCES_MAX;
    for (unsigned i = 0; i < 2; i++) {
        request.guard[i] = make_guard_report(i);
        snprintf(request.drift[i], SENTENCE_SIZE, "- %u: from 203.0.113.10 lookup main", i);
    }
    for (unsigned i = 0; i < SESSION_SOURCES_MAX; i++) {
        fill_bytes(&request.sources[i].nonce, NONCE_SIZE, i);
        snprintf(request.sources[i].witness, NAME_SIZE, "witness-%u", i);
        request.sources[i].counts = true;
        text_copy(request.sources[i].why, REASON_SIZE, "seen from 198.18.0.10");
    }
    request.statement = make_statement();
    request.event_at_us = 1760000000000000;
}

static void fill_request(enum session_request_kind kind)
{
    memset(&request, 0, sizeof(request));
    request.kind = kind;
    if (kind == ASK_HELLO_BEGIN) {
        request.protocol = WIRE_PROTOCOL;
        text_copy(request.name, NAME_SIZE, "srv712695");
    } else if (kind == ASK_HELLO) {
        fill_hello();
    } else if (kind == ASK_REPORT) {
        fill_report();
    } else {
        request.id = 9;
    }
}

static void expect_same_request(void)
{
    static struct session_request left, right;

    left = request;
    right = back;
    expect_same_bytes(wire_lend(&left.stack), wire_lend(&right.stack));
    expect_same_bytes(wire_lend(&left.nonce), wire_lend(&right.nonce));
    expect_same_bytes(wire_lend(&left.statement), wire_lend(&right.statement));
    expect_same_snapshot(&left.snapshot, &right.snapshot, false);
    assert_int_equal(left.guard_count, right.guard_count);
    for (uint32_t i = 0; i < left.guard_count; i++)
        expect_same_bytes(wire_lend(&left.guard[i]), wire_lend(&right.guard[i]));
    assert_int_equal(left.drift_count, right.drift_count);
    for (uint32_t i = 0; i < left.drift_count; i++)
        assert_string_equal(left.drift[i], right.drift[i]);
    left.stack = left.nonce = left.statement = right.stack;
    right.nonce = right.statement = right.stack;
    left.guard = right.guard = NULL;
    left.drift = right.drift = NULL;
    snapshot_init(&left.snapshot);
    snapshot_init(&right.snapshot);
    assert_memory_equal(&left, &right, sizeof(left));
}

static void requests_come_back(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    for (unsigned kind = 0; kind < SESSION_REQUEST_COUNT; kind++) {
        fill_request((enum session_request_kind)kind);
        AUTO_WIRE struct wire_bytes bytes = wire_encode_session_request(&request);
        if (!wire_decode_session_request(wire_lend(&bytes), &back, &err))
            fail_msg("kind %u: %s", kind, err.text);
        expect_same_request();
        session_request_done(&request);
        session_request_done(&back);
    }
}

static void try_request(struct bytes bad)
{
    struct err err = ERR_INIT;

    if (wire_decode_session_request(bad, &back, &err))
        session_request_done(&back);
    else
        assert_string_not_equal(err.text, "");
}

static void requests_bear_anything(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < SESSION_REQUEST_COUNT; kind++) {
        fill_request((enum session_request_kind)kind);
        request.verdicts_count = request.verdicts_count > 0 ? 2 : 0;
        request.sources_count = request.sources_count > 0 ? 2 : 0;
        AUTO_WIRE struct wire_bytes bytes = wire_encode_session_request(&request);
        torment(wire_lend(&bytes), try_request);
        session_request_done(&request);
    }
}

static void refuse_request(const char *part)
{
    AUTO_WIRE struct wire_bytes bytes = wire_encode_session_request(&request);
    struct err err = ERR_INIT;

    assert_false(wire_decode_session_request(wire_lend(&bytes), &back, &err));
    if (strstr(err.text, part) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, part);
}

static void requests_are_held_to_their_limits(void **state)
{
    static char drift[SESSION_DRIFT_MAX + 1][SENTENCE_SIZE];

    (void)state;
    memset(&request, 0, sizeof(request));
    request.kind = ASK_HELLO_BEGIN;
    refuse_request("node ''");
    request.kind = ASK_HELLO;
    text_copy(request.name, NAME_SIZE, "srv712695");
    refuse_request("signature of 0 bytes: accepted are 1 to 72");
    request.kind = ASK_REPORT;
    request.drift = drift;
    request.drift_count = SESSION_DRIFT_MAX + 1;
    refuse_request("65 lines of drift: accepted are at most 64");
    request.drift_count = 0;
    request.verdicts_count = 1;
    refuse_request("check ''");
    request.kind = SESSION_REQUEST_COUNT;
    refuse_request("not known");
}

/* A snapshot that is refused must not be ended twice. */
static void a_bad_snapshot_refuses_the_report(void **state)
{
    (void)state;
    memset(&request, 0, sizeof(request));
    request.kind = ASK_REPORT;
    request.has_snapshot = true;
    fill_snapshot(&request.snapshot);
    request.snapshot.addresses[1].prefix_len = 129;
    refuse_request("prefix length 129: accepted are 0 to 128");
    session_request_done(&request);
}

static void challenge_payload_is_nonce_and_name(void **state)
{
    struct nonce nonce;
    AUTO_WIRE struct wire_bytes payload = {NULL, 0};

    (void)state;
    fill_bytes(&nonce, NONCE_SIZE, 1);
    payload = wire_challenge_payload(&nonce, "calypso");
    assert_int_equal(payload.len, NONCE_SIZE + 7);
    assert_memory_equal(payload.data, &nonce, NONCE_SIZE);
    assert_memory_equal(payload.data + NONCE_SIZE, "calypso", 7);
}

/* ---- replies ----------------------------------------------------------------------------------
 */

static void fill_checks(void)
{
    reply.checks_count = 2;
    reply.checks = mem_alloc(2, sizeof(*reply.checks));
    for (unsigned i = 0; i < 2; i++)
        fill_check(&reply.checks[i], i);
}

static void fill_welcome(void)
{
    reply.protocol = WIRE_PROTOCOL;
    fill_checks();
    text_copy(reply.controller, NAME_SIZE, "control");
    fill_bytes(&reply.audit_head, HASH_SIZE, 1);
}

static void fill_witness(void)
{
    text_copy(reply.subject, NAME_SIZE, "srv712695");
    fill_bytes(&reply.body, HASH_SIZE, 2);
    fill_bytes(&reply.nonce, NONCE_SIZE, 3);
    reply.phase = PHASE_RENEWAL;
    fill_ssh(&reply.ssh);
}

static void fill_watches(void)
{
    reply.watches_count = NODES_MAX;
    reply.watches = mem_alloc(NODES_MAX, sizeof(*reply.watches));
    for (unsigned i = 0; i < NODES_MAX; i++) {
        snprintf(reply.watches[i].node, NAME_SIZE, "node-%u", i);
        fill_ssh(&reply.watches[i].ssh);
    }
}

static void fill_command(enum command_kind command)
{
    struct guard_request asked = {.kind = GUARD_STACK};

    reply.command = command;
    reply.id = command == COMMAND_NOTHING ? 0 : 11;
    if (command == COMMAND_GUARD)
        reply.guard = wire_encode_guard_request(&asked);
    else if (command == COMMAND_WITNESS)
        fill_witness();
    else if (command == COMMAND_CHECKS) {
        fill_checks();
        fill_watches();
    }
}

static void fill_reply(enum session_reply_kind kind, enum command_kind command)
{
    memset(&reply, 0, sizeof(reply));
    reply.kind = kind;
    if (kind == ANSWER_CHALLENGE)
        fill_bytes(&reply.challenge, NONCE_SIZE, 4);
    else if (kind == ANSWER_WELCOME)
        fill_welcome();
    else if (kind == ANSWER_ACK)
        reply.id = 12;
    else if (kind == ANSWER_COMMAND)
        fill_command(command);
    else {
        text_copy(reply.reason, REASON_SIZE, "not in the roster");
        reply.hello_again = true;
    }
}

static void expect_same_reply(void)
{
    struct session_reply left = reply;
    struct session_reply right = reply_back;

    expect_same_bytes(wire_lend(&left.guard), wire_lend(&right.guard));
    assert_int_equal(left.checks_count, right.checks_count);
    if (left.checks_count > 0)
        assert_memory_equal(left.checks, right.checks, left.checks_count * sizeof(*left.checks));
    assert_int_equal(left.watches_count, right.watches_count);
    if (left.watches_count > 0)
        assert_memory_equal(left.watches, right.watches,
                            left.watches_count * sizeof(*left.watches));
    left.guard = right.guard = (struct wire_bytes){NULL, 0};
    left.checks = right.checks = NULL;
    left.watches = right.watches = NULL;
    assert_memory_equal(&left, &right, sizeof(left));
}

/* Each kind of reply, and of command. */
static void each_reply(void (*each_fn)(struct bytes encoded))
{
    for (unsigned kind = 0; kind < SESSION_REPLY_COUNT; kind++) {
        unsigned commands = kind == ANSWER_COMMAND ? COMMAND_KIND_COUNT : 1;

        for (unsigned command = 0; command < commands; command++) {
            fill_reply((enum session_reply_kind)kind, (enum command_kind)command);
            AUTO_WIRE struct wire_bytes bytes = wire_encode_session_reply(&reply);
            each_fn(wire_lend(&bytes));
            session_reply_done(&reply);
        }
    }
}

static void expect_back(struct bytes encoded)
{
    struct err err = ERR_INIT;

    if (!wire_decode_session_reply(encoded, &reply_back, &err))
        fail_msg("kind %u: %s", (unsigned)reply.kind, err.text);
    expect_same_reply();
    session_reply_done(&reply_back);
}

static void replies_come_back(void **state)
{
    (void)state;
    each_reply(expect_back);
}

static void try_reply(struct bytes bad)
{
    struct err err = ERR_INIT;

    if (wire_decode_session_reply(bad, &reply_back, &err))
        session_reply_done(&reply_back);
    else
        assert_string_not_equal(err.text, "");
}

static void torment_reply(struct bytes encoded)
{
    torment(encoded, try_reply);
}

static void replies_bear_anything(void **state)
{
    (void)state;
    each_reply(torment_reply);
}

static void wrong_phase_is_refused(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    fill_reply(ANSWER_COMMAND, COMMAND_WITNESS);
    reply.phase = PHASE_COUNT;
    AUTO_WIRE struct wire_bytes bytes = wire_encode_session_reply(&reply);
    assert_false(wire_decode_session_reply(wire_lend(&bytes), &reply_back, &err));
    assert_string_equal(err.text, "reply: phase 3: accepted are 0 to 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_come_back),
        cmocka_unit_test(requests_bear_anything),
        cmocka_unit_test(requests_are_held_to_their_limits),
        cmocka_unit_test(a_bad_snapshot_refuses_the_report),
        cmocka_unit_test(challenge_payload_is_nonce_and_name),
        cmocka_unit_test(replies_come_back),
        cmocka_unit_test(replies_bear_anything),
        cmocka_unit_test(wrong_phase_is_refused),
    };

    return cmocka_run_group_tests(tests, make_key, end_key);
}
