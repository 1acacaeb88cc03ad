/*
 * test_admit: whose receipt counts as a fellow target's (docs/protocol.md rule 17).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/guard/io/guard.h"
#include "common/core/mem.h"
#include "common/core/text.h"

/* "target" has a plan; "bystander" is only in the roster, as a witness with a guard. */
static const char *const names[] = {"target", "bystander"};

static struct sign_key *make_manifest(struct manifest *manifest)
{
    struct sign_key *key = sign_key_generate();

    *manifest = (struct manifest){.roster_count = 2, .plans_count = 1};
    manifest->roster = mem_alloc(2, sizeof(*manifest->roster));
    manifest->plans = mem_alloc(1, sizeof(*manifest->plans));
    text_copy(manifest->plans[0].node, NAME_SIZE, names[0]);
    for (int i = 0; i < 2; i++) {
        text_copy(manifest->roster[i].name, NAME_SIZE, names[i]);
        sign_key_public(key, &manifest->roster[i].guard_key);
    }
    return key;
}

static bool is_fellow(const struct manifest *manifest, const char *node, const struct sign_key *key)
{
    struct receipt receipt = {.kind = RECEIPT_TOMBSTONE, .cause = CAUSE_ABORTED};
    AUTO_WIRE struct wire_bytes envelope = {NULL, 0};

    text_copy(receipt.node, sizeof(receipt.node), node);
    envelope = wire_encode_receipt(&receipt, key);
    return admit_is_fellow(manifest, wire_lend(&envelope), &receipt);
}

static void test_only_a_target_is_a_fellow(void **state)
{
    struct manifest manifest;
    struct sign_key *key = make_manifest(&manifest);
    struct sign_key *other = sign_key_generate();

    (void)state;
    assert_int_equal(is_fellow(&manifest, "target", key), true);
    assert_int_equal(is_fellow(&manifest, "target", other), false);
    assert_int_equal(is_fellow(&manifest, "bystander", key), false);
    assert_int_equal(is_fellow(&manifest, "stranger", key), false);
    sign_key_free(key);
    sign_key_free(other);
    manifest_done(&manifest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_only_a_target_is_a_fellow)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
