/*
 * test_wire: snapshots, manifests, and everything that is signed: what goes in comes out, and
 * nothing else comes in.
 */
#include "common/io/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "proto/oceanid.pb-c.h"
#include "tests/unit/wire_fill.h"
#include "tests/unit/wire_seen.h"

#include <cmocka.h>

struct keys {
    struct sign_key *own, *other;
    struct public_key own_public, other_public;
};

static int make_keys(void **state)
{
    struct keys *keys = mem_alloc(1, sizeof(*keys));

    keys->own = sign_key_generate();
    keys->other = sign_key_generate();
    sign_key_public(keys->own, &keys->own_public);
    sign_key_public(keys->other, &keys->other_public);
    *state = keys;
    return 0;
}

static int end_keys(void **state)
{
    struct keys *keys = *state;

    sign_key_free(keys->own);
    sign_key_free(keys->other);
    free(keys);
    return 0;
}

static void expect_good(bool good, const struct err *err)
{
    if (!good)
        fail_msg("%s", err->text);
}

static void expect_refused(bool good, const struct err *err, const char *part)
{
    assert_false(good);
    if (strstr(err->text, part) == NULL)
        fail_msg("'%s' does not say '%s'", err->text, part);
}

/* ---- snapshot ---------------------------------------------------------------------------------
 */

static void snapshot_comes_back_without_raw(void **state)
{
    struct snapshot snapshot, back;
    struct err err = ERR_INIT;

    (void)state;
    fill_snapshot(&snapshot);
    AUTO_WIRE struct wire_bytes bytes = wire_encode_snapshot(&snapshot);
    expect_good(wire_decode_snapshot(wire_lend(&bytes), &back, &err), &err);
    expect_same_snapshot(&snapshot, &back, false);
    wire_seen_note(&oceanid__snapshot__descriptor, wire_lend(&bytes));
    AUTO_WIRE struct wire_bytes again = wire_encode_snapshot(&back);
    expect_same_bytes(wire_lend(&bytes), wire_lend(&again));
    snapshot_done(&snapshot);
    snapshot_done(&back);
}

static void try_snapshot(struct bytes bad)
{
    struct snapshot snapshot;
    struct err err = ERR_INIT;

    if (wire_decode_snapshot(bad, &snapshot, &err))
        snapshot_done(&snapshot);
    else
        assert_string_not_equal(err.text, "");
}

static void snapshot_bears_anything(void **state)
{
    struct snapshot snapshot;

    (void)state;
    fill_snapshot(&snapshot);
    AUTO_WIRE struct wire_bytes bytes = wire_encode_snapshot(&snapshot);
    torment(wire_lend(&bytes), try_snapshot);
    snapshot_done(&snapshot);
}

/* What the kernel calls a device need not be text. */
static void unreadable_text_is_replaced(void **state)
{
    struct snapshot snapshot, back;
    struct err err = ERR_INIT;

    (void)state;
    snapshot_init(&snapshot);
    text_copy(snapshot_add_link(&snapshot)->name, DEVICE_SIZE, "a\033[1m\xff\xc3\xa9\xc2\x9b");
    AUTO_WIRE struct wire_bytes bytes = wire_encode_snapshot(&snapshot);
    expect_good(wire_decode_snapshot(wire_lend(&bytes), &back, &err), &err);
    assert_string_equal(back.links[0].name, "a?[1m?\xc3\xa9??");
    snapshot_done(&snapshot);
    snapshot_done(&back);
}

/* ---- manifest ---------------------------------------------------------------------------------
 */

static void expect_same_plan(const struct manifest_plan *a, const struct manifest_plan *b)
{
    struct manifest_plan left = *a;
    struct manifest_plan right = *b;

    assert_int_equal(a->operations_count, b->operations_count);
    for (uint32_t i = 0; i < a->operations_count; i++)
        assert_memory_equal(&a->operations[i], &b->operations[i], sizeof(a->operations[i]));
    assert_int_equal(a->checks_count, b->checks_count);
    assert_memory_equal(a->checks, b->checks, a->checks_count * sizeof(*a->checks));
    left.operations = right.operations = NULL;
    left.checks = right.checks = NULL;
    assert_memory_equal(&left, &right, sizeof(left));
}

static void expect_same_manifest(const struct manifest *a, const struct manifest *b)
{
    struct manifest left = *a;
    struct manifest right = *b;

    assert_int_equal(a->plans_count, b->plans_count);
    for (uint32_t i = 0; i < a->plans_count; i++)
        expect_same_plan(&a->plans[i], &b->plans[i]);
    assert_int_equal(a->stages_count, b->stages_count);
    assert_memory_equal(a->stages, b->stages, a->stages_count * sizeof(*a->stages));
    assert_int_equal(a->roster_count, b->roster_count);
    assert_memory_equal(a->roster, b->roster, a->roster_count * sizeof(*a->roster));
    left.plans = right.plans = NULL;
    left.stages = right.stages = NULL;
    left.roster = right.roster = NULL;
    assert_memory_equal(&left, &right, sizeof(left));
}

static void manifest_comes_back(void **state)
{
    struct manifest manifest, back;
    struct err err = ERR_INIT;

    (void)state;
    fill_manifest(&manifest);
    AUTO_WIRE struct wire_bytes bytes = wire_encode_manifest(&manifest);
    expect_good(wire_decode_manifest(wire_lend(&bytes), &back, &err), &err);
    expect_same_manifest(&manifest, &back);
    wire_seen_note(&oceanid__manifest__descriptor, wire_lend(&bytes));
    manifest_done(&manifest);
    manifest_done(&back);
}

/* What only the guard keeps is in its journal's records (test_wire_journal). */
static void no_field_is_forgotten(void **state)
{
    (void)state;
    wire_seen_expect_all_but("Route.raw, Rule.raw, Nexthop.raw, Tailscale.profile, "
                             "TailscaleProfile.node_id, TailscaleProfile.control, "
                             "TailscaleProfile.name, TailscaleProfile.id");
}

static void try_manifest(struct bytes bad)
{
    struct manifest manifest;
    struct err err = ERR_INIT;

    if (!wire_decode_manifest(bad, &manifest, &err)) {
        assert_string_not_equal(err.text, "");
        return;
    }
    (void)!manifest_validate(&manifest, &err);
    AUTO_WIRE struct wire_bytes again = wire_encode_manifest(&manifest);
    expect_same_bytes(bad, wire_lend(&again));
    manifest_done(&manifest);
}

static void manifest_bears_anything(void **state)
{
    struct manifest manifest;

    (void)state;
    fill_manifest(&manifest);
    AUTO_WIRE struct wire_bytes bytes = wire_encode_manifest(&manifest);
    torment(wire_lend(&bytes), try_manifest);
    manifest_done(&manifest);
}

static void refuse_manifest(const struct manifest *manifest, const char *part)
{
    AUTO_WIRE struct wire_bytes bytes = wire_encode_manifest(manifest);
    struct manifest back;
    struct err err = ERR_INIT;

    expect_refused(wire_decode_manifest(wire_lend(&bytes), &back, &err), &err, part);
}

static void manifest_is_held_to_its_limits(void **state)
{
    static struct operation operations[OPERATIONS_MAX + 1];
    struct manifest manifest;
    struct manifest bad;
    struct operation *kept;

    (void)state;
    fill_manifest(&manifest);
    bad = manifest;
    bad.pause_after = PAUSE_COUNT;
    refuse_manifest(&bad, "pause after 3: accepted are 0 to 2");
    bad = manifest;
    text_copy(bad.change, NAME_SIZE, "../change");
    refuse_manifest(&bad, "change '../change'");
    manifest.plans[0].ssh.audience = AUDIENCE_COUNT;
    refuse_manifest(&manifest, "audience 3: accepted are 0 to 2");
    manifest.plans[0].ssh.audience = AUDIENCE_TAILNET;
    kept = manifest.plans[0].operations;
    manifest.plans[0].operations = operations;
    manifest.plans[0].operations_count = OPERATIONS_MAX + 1;
    for (unsigned i = 0; i <= OPERATIONS_MAX; i++)
        fill_operation(&operations[i], OPERATION_SYSCTL);
    refuse_manifest(&manifest, "257 operations: accepted are at most 256");
    manifest.plans[0].operations = kept;
    manifest.plans[0].operations_count = OPERATION_KIND_COUNT;
    text_copy(manifest.roster[1].name, NAME_SIZE, "node-0");
    refuse_manifest(&manifest, "node-0 stands twice in the roster");
    manifest_done(&manifest);
}

/* YAML's `|` leaves one, and older versions have signed it: what stands by such a manifest has to
 * be read, and led to its end. */
static void a_line_end_in_a_check_is_read(void **state)
{
    struct manifest manifest, back;
    struct check *check;
    struct err err = ERR_INIT;

    (void)state;
    fill_manifest(&manifest);
    check = &manifest.plans[0].checks[0];
    text_copy(check->url, sizeof(check->url), "https://x/\n");
    text_copy(check->use, sizeof(check->use), "exit\n");
    text_copy(check->name_of, sizeof(check->name_of), "net.x\n");
    text_copy(check->expect, sizeof(check->expect), "ok\n");
    text_copy(check->host_key, sizeof(check->host_key), "SHA256:x\n");
    text_copy(manifest.plans[0].ssh.host_key, sizeof(check->host_key), "SHA256:x\n");
    AUTO_WIRE struct wire_bytes bytes = wire_encode_manifest(&manifest);
    expect_good(wire_decode_manifest(wire_lend(&bytes), &back, &err), &err);
    assert_string_equal(back.plans[0].checks[0].expect, "ok\n");
    manifest_done(&manifest);
    manifest_done(&back);
}

/* A field that this version does not know, at the end: it would be signed and not seen. */
static void manifest_with_more_in_it_is_refused(void **state)
{
    static const uint8_t unknown[] = {0xfa, 0x06, 0x01, 'x'}; /* field 111, one byte */
    struct manifest manifest, back;
    struct err err = ERR_INIT;

    (void)state;
    fill_manifest(&manifest);
    AUTO_WIRE struct wire_bytes bytes = wire_encode_manifest(&manifest);
    AUTO_FREE uint8_t *more = mem_alloc(1, bytes.len + sizeof(unknown));
    memcpy(more, bytes.data, bytes.len);
    memcpy(more + bytes.len, unknown, sizeof(unknown));
    expect_refused(
        wire_decode_manifest((struct bytes){more, bytes.len + sizeof(unknown)}, &back, &err), &err,
        "does not know");
    manifest_done(&manifest);
}

static void what_is_too_large_is_refused(void **state)
{
    AUTO_FREE uint8_t *zeros = mem_alloc(1, MANIFEST_SIZE_MAX + 1);
    struct manifest manifest;
    struct receipt receipt;
    struct err err = ERR_INIT;

    (void)state;
    expect_refused(
        wire_decode_manifest((struct bytes){zeros, MANIFEST_SIZE_MAX + 1}, &manifest, &err), &err,
        "1048577 bytes: accepted are at most 1048576");
    expect_refused(
        wire_decode_receipt((struct bytes){zeros, MANIFEST_SIZE_MAX + 1}, &receipt, &err), &err,
        "accepted are at most 262144");
}

static void signed_manifest_comes_back(void **state)
{
    struct bytes body = {(const uint8_t *)"body", 4};
    struct signed_manifest back;
    struct approval approval;
    struct err err = ERR_INIT;

    (void)state;
    fill_approval(&approval);
    AUTO_WIRE struct wire_bytes encoded = wire_encode_approval(&approval);
    AUTO_WIRE struct wire_bytes bytes = wire_encode_signed_manifest(body, wire_lend(&encoded));
    expect_good(wire_decode_signed_manifest(wire_lend(&bytes), &back, &err), &err);
    expect_same_bytes(wire_lend(&back.body), body);
    expect_same_bytes(wire_lend(&back.approval), wire_lend(&encoded));
    signed_manifest_done(&back);
}

/* ---- proofs -----------------------------------------------------------------------------------
 */

static struct wire_bytes seal_statement(const struct keys *keys)
{
    struct statement statement;

    fill_statement(&statement);
    return wire_encode_statement(&statement, keys->own);
}

static void statement_comes_back(void **state)
{
    struct statement statement, back;
    struct err err = ERR_INIT;

    fill_statement(&statement);
    AUTO_WIRE struct wire_bytes bytes = seal_statement(*state);
    expect_good(wire_decode_statement(wire_lend(&bytes), &back, &err), &err);
    assert_memory_equal(&statement, &back, sizeof(statement));
}

static void receipt_comes_back(void **state)
{
    const struct keys *keys = *state;
    struct receipt receipt, back;
    struct err err = ERR_INIT;

    fill_receipt(&receipt);
    AUTO_WIRE struct wire_bytes bytes = wire_encode_receipt(&receipt, keys->own);
    expect_good(wire_decode_receipt(wire_lend(&bytes), &back, &err), &err);
    assert_memory_equal(&receipt, &back, sizeof(receipt));
    expect_good(wire_verify(wire_lend(&bytes), SIGN_RECEIPT, &keys->own_public, &err), &err);
}

static void stack_comes_back(void **state)
{
    const struct keys *keys = *state;
    struct stack stack, back;
    struct err err = ERR_INIT;

    fill_stack(&stack);
    AUTO_WIRE struct wire_bytes bytes = wire_encode_stack(&stack, keys->own);
    expect_good(wire_decode_stack(wire_lend(&bytes), &back, &err), &err);
    assert_memory_equal(&stack, &back, sizeof(stack));
    expect_good(wire_verify(wire_lend(&bytes), SIGN_STACK, &keys->own_public, &err), &err);
}

static void roster_comes_back(void **state)
{
    const struct keys *keys = *state;
    struct roster roster, back;
    struct err err = ERR_INIT;

    fill_roster(&roster);
    AUTO_WIRE struct wire_bytes bytes = wire_encode_roster(&roster, keys->own);
    expect_good(wire_decode_roster(wire_lend(&bytes), &back, &err), &err);
    assert_memory_equal(&roster, &back, sizeof(roster));
    expect_good(wire_verify(wire_lend(&bytes), SIGN_ROSTER, &keys->own_public, &err), &err);
}

static void order_comes_back_with_its_signature(void **state)
{
    const struct keys *keys = *state;
    struct order order, back;
    struct err err = ERR_INIT;

    fill_order(&order);
    AUTO_WIRE struct wire_bytes bytes = wire_encode_order(&order, keys->own);
    expect_good(wire_decode_order(wire_lend(&bytes), &back, &err), &err);
    assert_memory_equal(&back.signature.key, &keys->own_public, sizeof(keys->own_public));
    assert_in_range(back.signature.signature.len, 60, SIGNATURE_MAX);
    memset(&back.signature, 0, sizeof(back.signature));
    assert_memory_equal(&order, &back, sizeof(order));
    expect_good(wire_verify(wire_lend(&bytes), SIGN_ORDER, &keys->own_public, &err), &err);
}

static void wrong_numbers_are_refused(void **state)
{
    const struct keys *keys = *state;
    struct statement statement;
    struct receipt receipt;
    struct err err = ERR_INIT;

    fill_statement(&statement);
    statement.phase = PHASE_COUNT;
    AUTO_WIRE struct wire_bytes phase = wire_encode_statement(&statement, keys->own);
    expect_refused(wire_decode_statement(wire_lend(&phase), &statement, &err), &err,
                   "phase 3: accepted are 0 to 2");
    fill_statement(&statement);
    statement.verdicts[1].value = VERDICT_VALUE_COUNT;
    AUTO_WIRE struct wire_bytes verdict = wire_encode_statement(&statement, keys->own);
    expect_refused(wire_decode_statement(wire_lend(&verdict), &statement, &err), &err,
                   "verdict 3: accepted are 0 to 2");
    fill_receipt(&receipt);
    receipt.kind = RECEIPT_KIND_COUNT;
    AUTO_WIRE struct wire_bytes kind = wire_encode_receipt(&receipt, keys->own);
    expect_refused(wire_decode_receipt(wire_lend(&kind), &receipt, &err), &err, "kind of receipt");
    fill_receipt(&receipt);
    receipt.cause = CAUSE_COUNT;
    AUTO_WIRE struct wire_bytes cause = wire_encode_receipt(&receipt, keys->own);
    expect_refused(wire_decode_receipt(wire_lend(&cause), &receipt, &err), &err, "cause");
}

static void verifies_key_and_domain(void **state)
{
    const struct keys *keys = *state;
    AUTO_WIRE struct wire_bytes bytes = seal_statement(keys);
    struct err err = ERR_INIT;

    expect_good(wire_verify(wire_lend(&bytes), SIGN_STATEMENT, &keys->own_public, &err), &err);
    expect_refused(wire_verify(wire_lend(&bytes), SIGN_STATEMENT, &keys->other_public, &err), &err,
                   "not signed by the key SHA256:");
    assert_int_equal(err.kind, ERR_DENIED);
    for (unsigned domain = 0; domain < SIGN_DOMAIN_COUNT; domain++) {
        if (domain != SIGN_STATEMENT)
            assert_false(
                wire_verify(wire_lend(&bytes), (enum sign_domain)domain, &keys->own_public, &err));
    }
}

static const struct public_key *expected_key;

static void try_proofs(struct bytes bad)
{
    static struct roster roster;
    struct statement statement;
    struct receipt receipt;
    struct stack stack;
    struct order order;
    struct approval approval;
    struct hash hash;
    struct err err = ERR_INIT;

    assert_false(wire_verify(bad, SIGN_STATEMENT, expected_key, &err));
    (void)!wire_decode_statement(bad, &statement, &err);
    (void)!wire_decode_receipt(bad, &receipt, &err);
    (void)!wire_decode_stack(bad, &stack, &err);
    (void)!wire_decode_order(bad, &order, &err);
    (void)!wire_decode_approval(bad, &approval, &err);
    (void)!wire_decode_roster(bad, &roster, &err);
    (void)!wire_payload_hash(bad, &hash, &err);
}

static void altered_proofs_do_not_verify(void **state)
{
    const struct keys *keys = *state;
    AUTO_WIRE struct wire_bytes bytes = seal_statement(keys);

    expected_key = &keys->own_public;
    torment(wire_lend(&bytes), try_proofs);
}

static void payload_hash_names_the_payload(void **state)
{
    const struct keys *keys = *state;
    struct receipt receipt;
    struct hash first, second, third;
    struct err err = ERR_INIT;

    fill_receipt(&receipt);
    AUTO_WIRE struct wire_bytes own = wire_encode_receipt(&receipt, keys->own);
    AUTO_WIRE struct wire_bytes other = wire_encode_receipt(&receipt, keys->other);
    receipt.index++;
    AUTO_WIRE struct wire_bytes next = wire_encode_receipt(&receipt, keys->own);
    expect_good(wire_payload_hash(wire_lend(&own), &first, &err), &err);
    expect_good(wire_payload_hash(wire_lend(&other), &second, &err), &err);
    expect_good(wire_payload_hash(wire_lend(&next), &third, &err), &err);
    assert_memory_equal(&first, &second, sizeof(first));
    assert_memory_not_equal(&first, &third, sizeof(first));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshot_comes_back_without_raw),
        cmocka_unit_test(snapshot_bears_anything),
        cmocka_unit_test(unreadable_text_is_replaced),
        cmocka_unit_test(manifest_comes_back),
        cmocka_unit_test(no_field_is_forgotten),
        cmocka_unit_test(manifest_bears_anything),
        cmocka_unit_test(manifest_is_held_to_its_limits),
        cmocka_unit_test(a_line_end_in_a_check_is_read),
        cmocka_unit_test(manifest_with_more_in_it_is_refused),
        cmocka_unit_test(what_is_too_large_is_refused),
        cmocka_unit_test(signed_manifest_comes_back),
        cmocka_unit_test(statement_comes_back),
        cmocka_unit_test(receipt_comes_back),
        cmocka_unit_test(stack_comes_back),
        cmocka_unit_test(roster_comes_back),
        cmocka_unit_test(order_comes_back_with_its_signature),
        cmocka_unit_test(wrong_numbers_are_refused),
        cmocka_unit_test(verifies_key_and_domain),
        cmocka_unit_test(altered_proofs_do_not_verify),
        cmocka_unit_test(payload_hash_names_the_payload),
    };

    return cmocka_run_group_tests(tests, make_keys, end_keys);
}
