/*
 * test_admit: whose receipt counts as a fellow target's (docs/protocol.md rule 17); under which
 * name this node signs while the disk that has it hangs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/guard/io/guard.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"

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

/* ---- the name ------------------------------------------------------------------------------- */

enum { SOON_MS = 1000, PATIENCE_MS = 10000 };

static void write_name(const char *path, const char *name)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fprintf(file, "%s\n", name);
    fclose(file);
}

/* A pipe that nobody writes to: whoever opens it for reading waits. */
static void test_a_name_that_hangs_leaves_the_old_one(void **state)
{
    struct guard *guard = mem_alloc(1, sizeof(*guard));
    char path[96];
    mono_t began;

    (void)state;
    text_copy(guard->config.state, PATH_SIZE, "/tmp/oceanid-name-XXXXXX");
    assert_non_null(mkdtemp(guard->config.state));
    snprintf(path, sizeof(path), "%.60s/name", guard->config.state);
    guard->trial = mem_alloc(1, sizeof(*guard->trial));
    guard->name_hand = hand_start();
    write_name(path, "first");
    admit_refresh_name(guard);
    assert_string_equal(guard->trial->node, "first");
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    for (int i = 0; i < 3; i++) {
        began = clock_now();
        admit_refresh_name(guard);
        assert_in_range(clock_now() - began, 0, SOON_MS);
        assert_string_equal(guard->trial->node, "first");
    }
    write_name(path, "second"); /* it is there by now, and reads */
    unlink(path);
    write_name(path, "third");
    began = clock_now();
    while (!text_equal(guard->trial->node, "third") && clock_now() < began + PATIENCE_MS) {
        poll(NULL, 0, 5);
        admit_refresh_name(guard);
    }
    assert_string_equal(guard->trial->node, "third");
    unlink(path);
    rmdir(guard->config.state);
    free(guard->trial);
    free(guard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_a_target_is_a_fellow),
        cmocka_unit_test(test_a_name_that_hangs_leaves_the_old_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
