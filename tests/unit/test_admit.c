/*
 * test_admit: whose receipt counts as a fellow target's (docs/protocol.md rule 17); under which
 * name this node signs while the disk that has it hangs; which signatures are looked at; what a
 * refusal names.
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
    guard->ledger = mem_alloc(1, sizeof(*guard->ledger)); /* a name may be read as none meanwhile */
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
    free(guard->ledger);
    free(guard->trial);
    free(guard);
}

/* ---- signatures ------------------------------------------------------------------------------ */

/* Each takes milliseconds of the thread that keeps the lease. */
static unsigned looked_at;

bool __real_wire_verify(struct bytes from, enum sign_domain domain, const struct public_key *key,
                        struct err *err);
bool __wrap_wire_verify(struct bytes from, enum sign_domain domain, const struct public_key *key,
                        struct err *err);

bool __wrap_wire_verify(struct bytes from, enum sign_domain domain, const struct public_key *key,
                        struct err *err)
{
    looked_at++;
    return __real_wire_verify(from, domain, key, err);
}

static const struct generation_id trial_id = {.attempt = {{{0xb0}}, 1}, .start = {{0xee}}};
static const struct nonce renewal = {{0xef}};

static struct guard *make_guard(enum trial_state state, const struct sign_key **ret_key)
{
    struct guard *guard = mem_alloc(1, sizeof(*guard));
    struct trial *trial = mem_alloc(1, sizeof(*trial));
    struct sign_key *key = make_manifest(&guard->held.manifest);

    for (int i = 0; i < 2; i++)
        sign_key_public(key, &guard->held.manifest.roster[i].agent_key);
    guard->held.has_manifest = true;
    guard->effects = mem_alloc(1, sizeof(*guard->effects));
    guard->ledger = mem_alloc(1, sizeof(*guard->ledger));
    guard->trial = trial;
    trial_init(trial, guard->ledger, "target");
    trial->state = state;
    trial->id = trial_id;
    text_copy(trial->terms.node, NAME_SIZE, "target");
    trial->terms.lease_ms = 3600000;
    trial->terms.soak_ms = 3600000;
    trial->terms.quorum = 2;
    trial->nonce_at = trial->now = clock_now();
    trial->next_nonce_at = trial->next_last_at = trial->lease.until = MONO_NEVER;
    lease_issue(&trial->lease, &renewal, trial->now, false);
    *ret_key = key;
    looked_at = 0;
    return guard;
}

static void free_guard(struct guard *guard, const struct sign_key *key)
{
    sign_key_free((struct sign_key *)(uintptr_t)key);
    held_done(&guard->held);
    free(guard->effects);
    free(guard->ledger);
    free(guard->trial);
    free(guard);
}

static struct wire_bytes make_statement(const struct sign_key *key, const char *signer,
                                        enum phase phase, const struct nonce *nonce)
{
    struct statement statement = {.phase = phase, .nonce = *nonce, .body = trial_id.attempt.body};

    text_copy(statement.signer, NAME_SIZE, signer);
    text_copy(statement.subject, NAME_SIZE, "target");
    return wire_encode_statement(&statement, key);
}

static void give(struct guard *guard, struct guard_request *request)
{
    struct wire_bytes packet = wire_encode_guard_request(request);
    const struct client client = {.id = 1};

    admit_packet(guard, &client, wire_lend(&packet));
    wire_bytes_done(&packet);
}

/* The same statements over and over, all of them well signed; the last may be none. */
static void give_start(struct guard *guard, const struct sign_key *key,
                       const struct generation_id *id, const struct nonce *nonce, bool broken)
{
    struct wire_bytes list[STATEMENTS_MAX];
    struct guard_request request = {
        .kind = GUARD_START, .id = *id, .statements_count = STATEMENTS_MAX, .statements = list};
    struct approval approval = {0};
    struct wire_bytes other = wire_encode_approval(&approval);

    for (int i = 0; i < STATEMENTS_MAX; i++)
        list[i] = make_statement(key, names[i % 2], i % 4 < 2 ? PHASE_BASELINE : PHASE_STANDING,
                                 i < 4 ? &renewal : nonce);
    if (broken) {
        wire_bytes_done(&list[STATEMENTS_MAX - 1]);
        list[STATEMENTS_MAX - 1] = wire_sign_approval(wire_lend(&other), key);
    }
    give(guard, &request);
    for (int i = 0; i < STATEMENTS_MAX; i++)
        wire_bytes_done(&list[i]);
    wire_bytes_done(&other);
}

static void test_a_start_nobody_waits_for_costs_no_signature(void **state)
{
    static const enum trial_state others[] = {TRIAL_IDLE, TRIAL_SOAKING, TRIAL_CLOSING};
    const struct sign_key *key;

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct guard *guard = make_guard(others[i], &key);

        give_start(guard, key, &trial_id, &trial_id.start, false);
        give_start(guard, key, &trial_id, &trial_id.start, true);
        assert_int_equal(looked_at, 0);
        free_guard(guard, key);
    }
}

static void test_a_start_costs_one_signature_of_each(void **state)
{
    struct generation_id other = trial_id;
    const struct sign_key *key;
    struct guard *guard = make_guard(TRIAL_PREPARED, &key);

    (void)state;
    other.start.bytes[0]++;
    give_start(guard, key, &other, &other.start, false);      /* another start */
    give_start(guard, key, &trial_id, &renewal, false);       /* over another nonce */
    give_start(guard, key, &trial_id, &trial_id.start, true); /* with what is no statement */
    assert_int_equal(looked_at, 0);
    give_start(guard, key, &trial_id, &trial_id.start, false);
    assert_int_equal(looked_at, 4); /* two signers, two phases each */
    assert_int_equal(guard->trial->state, TRIAL_PREPARED);
    free_guard(guard, key);
}

static void give_statement(struct guard *guard, const struct sign_key *key, enum phase phase,
                           const struct nonce *nonce)
{
    struct guard_request request = {.kind = GUARD_STATEMENT};

    request.envelope = make_statement(key, "target", phase, nonce);
    give(guard, &request);
    wire_bytes_done(&request.envelope);
}

static void test_a_renewal_that_cannot_count_costs_no_signature(void **state)
{
    const struct sign_key *key;
    struct guard *guard = make_guard(TRIAL_SOAKING, &key);

    (void)state;
    give_statement(guard, key, PHASE_RENEWAL, &trial_id.start); /* none of the lease's nonces */
    give_statement(guard, key, PHASE_BASELINE, &renewal);
    guard->trial->state = TRIAL_PREPARED;
    give_statement(guard, key, PHASE_RENEWAL, &renewal);
    assert_int_equal(looked_at, 0);
    guard->trial->state = TRIAL_SOAKING;
    give_statement(guard, key, PHASE_RENEWAL, &renewal);
    assert_int_equal(looked_at, 1);
    free_guard(guard, key);
}

/* ---- manifests ------------------------------------------------------------------------------- */

static unsigned decoded;

bool __real_wire_decode_manifest(struct bytes from, struct manifest *ret_manifest, struct err *err);
bool __wrap_wire_decode_manifest(struct bytes from, struct manifest *ret_manifest, struct err *err);

bool __wrap_wire_decode_manifest(struct bytes from, struct manifest *ret_manifest, struct err *err)
{
    decoded++;
    return __real_wire_decode_manifest(from, ret_manifest, err);
}

/* 64 plans of 256 operations each are 100 KB, and 70 MB when they are decoded. */
static void test_a_prepare_in_a_trial_decodes_no_manifest(void **state)
{
    const struct sign_key *key;
    struct guard *guard = make_guard(TRIAL_SOAKING, &key);
    struct approval approval = {.attempt.sequence = 2};
    struct guard_request request = {.kind = GUARD_PREPARE};
    struct wire_bytes unsigned_one = wire_encode_approval(&approval);

    (void)state;
    decoded = 0;
    request.body = wire_encode_manifest(&guard->held.manifest);
    request.envelope = wire_sign_approval(wire_lend(&unsigned_one), key);
    give(guard, &request);
    assert_int_equal(decoded, 0);
    assert_int_equal(guard->trial->state, TRIAL_SOAKING);
    wire_bytes_done(&unsigned_one);
    guard_request_done(&request);
    free_guard(guard, key);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static struct trust_wait *waiting;
static struct guard_report told;

struct trust_wait *__wrap_trust_reader_take(struct trust_reader *reader);
void __wrap_clients_tell(struct clients *clients, unsigned id, const struct guard_report *report);

struct trust_wait *__wrap_trust_reader_take(struct trust_reader *reader)
{
    (void)reader;
    return waiting;
}

void __wrap_clients_tell(struct clients *clients, unsigned id, const struct guard_report *report)
{
    (void)clients;
    (void)id;
    told = *report;
}

static void trust_key_of(struct trust *trust, const struct sign_key *key)
{
    trust->threshold = trust->keys_count = 1;
    trust->keys[0].roles = TRUST_APPROVER;
    sign_key_public(key, &trust->keys[0].key);
}

/* Of a later version, say: three of these in a row halt the rollout, which has to know of which. */
static void test_what_cannot_be_decoded_is_refused_by_its_attempt(void **state)
{
    static const char body[] = "no manifest";
    const struct sign_key *key;
    struct guard *guard = make_guard(TRIAL_IDLE, &key);
    struct approval approval = {.attempt.sequence = 2};
    struct wire_bytes unsigned_one;

    (void)state;
    sign_hash(body, sizeof(body), &approval.attempt.body);
    unsigned_one = wire_encode_approval(&approval);
    waiting = mem_alloc(1, sizeof(*waiting));
    waiting->request.kind = GUARD_PREPARE;
    waiting->request.body = (struct wire_bytes){mem_copy(body, sizeof(body)), sizeof(body)};
    waiting->request.envelope = wire_sign_approval(wire_lend(&unsigned_one), key);
    trust_key_of(&waiting->trust, key);
    decoded = 0;
    told = (struct guard_report){.reason = ""};
    admit_take_trusted(guard);
    assert_int_equal(decoded, 1);
    assert_int_equal(told.kind, REPORT_REFUSED);
    assert_int_equal(told.id.attempt.sequence, 2);
    assert_int_equal(hash_equal(&told.id.attempt.body, &approval.attempt.body), true);
    wire_bytes_done(&unsigned_one);
    free_guard(guard, key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_a_target_is_a_fellow),
        cmocka_unit_test(test_a_name_that_hangs_leaves_the_old_one),
        cmocka_unit_test(test_a_start_nobody_waits_for_costs_no_signature),
        cmocka_unit_test(test_a_start_costs_one_signature_of_each),
        cmocka_unit_test(test_a_renewal_that_cannot_count_costs_no_signature),
        cmocka_unit_test(test_a_prepare_in_a_trial_decodes_no_manifest),
        cmocka_unit_test(test_what_cannot_be_decoded_is_refused_by_its_attempt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
