/*
 * controller_place: a whole controller in a directory of its own.
 */
#include "tests/unit/controller_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/pki.h"
#include "controller/operator_mark.h"

enum { PATIENCE_MS = 20000, BEAT_MS = 5, DAY_S = 86400 };

static const char fleet_yaml[] =
    "nodes:\n"
    "  a1: { first: true, ssh: 203.0.113.10, console: physical }\n"
    "  b2: { ssh: 203.0.113.11, console: physical }\n"
    "witnesses:\n"
    "  w1: { }\n"
    "cluster: { pods: 10.42.0.0/16, services: 10.43.0.0/16 }\n"
    "checks:\n"
    "  - { name: database, kind: tcp, for: [a1, b2], to: \"198.51.100.5:5432\", severity: critical "
    "}\n"
    "policy: { soak: 60s, lease: 60s, approvals: 1, pause_after: first, soak-min: 1s }\n";

static void must(bool good, const struct err *err)
{
    if (!good)
        fail_msg("%s", err->text);
}

static void join(const struct place *place, const char *name, char *to)
{
    struct err err = ERR_INIT;

    must(file_join(to, PATH_SIZE, place->directory, name, &err), &err);
}

static void write_text(const struct place *place, const char *name, const char *text)
{
    char path[PATH_SIZE];
    struct err err = ERR_INIT;

    join(place, name, path);
    must(file_write(path, text, strlen(text), 0600, &err), &err);
}

/* ---- keys and certificates -------------------------------------------------------------------
 */

static void make_leaf(const struct place *place, const char *ca_pem, struct pki_request *request,
                      const char *stem, char *ret_cert, char *ret_key)
{
    struct sign_key *key = sign_key_generate();
    struct public_key public_key;
    struct err err = ERR_INIT;
    char pem[PKI_PEM_SIZE];
    char name[64];

    sign_key_public(key, &public_key);
    request->key = &public_key;
    request->not_before = clock_unix() - 60;
    request->not_after = clock_unix() + DAY_S;
    must(pki_issue(place->ca, ca_pem, request, pem, &err), &err);
    snprintf(name, sizeof(name), "%s.pem", stem);
    write_text(place, name, pem);
    join(place, name, ret_cert);
    snprintf(name, sizeof(name), "%s.key", stem);
    join(place, name, ret_key);
    must(sign_key_save(key, ret_key, &err), &err);
    request->key = NULL;
    sign_key_free(key);
}

static void make_certificates(struct place *place)
{
    static const char *const here[] = {"127.0.0.1", NULL};
    struct pki_request server = {.name = "controller", .usage = PKI_CONTROLLER, .addresses = here};
    static const char *const mark[] = {OPERATOR_MARK, NULL};
    struct pki_request olga = {.name = "olga", .usage = PKI_OPERATOR, .addresses = mark};
    struct err err = ERR_INIT;
    char pem[PKI_PEM_SIZE];

    place->ca = sign_key_generate();
    must(pki_make_ca(place->ca, "oceanid-ca", clock_unix() - 60, clock_unix() + DAY_S, pem, &err),
         &err);
    write_text(place, "ca.pem", pem);
    join(place, "ca.pem", place->ca_path);
    make_leaf(place, pem, &server, "controller", place->cert_path, place->key_path);
    make_leaf(place, pem, &olga, "operator", place->operator_cert_path, place->operator_key_path);
    for (unsigned i = 0; i < PLACE_MEMBERS; i++) {
        struct place_member *member = &place->members[i];
        struct pki_request agent = {.name = member->name, .usage = PKI_AGENT};

        make_leaf(place, pem, &agent, member->name, member->cert_path, member->key_path);
    }
}

static void make_roster(struct place *place)
{
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct err err = ERR_INIT;
    char path[PATH_SIZE];

    roster->version = 1;
    for (unsigned i = 0; i < PLACE_MEMBERS; i++) {
        struct place_member *member = &place->members[i];
        struct roster_entry entry = {.witness_only = i == PLACE_W1};

        member->agent = sign_key_generate();
        text_copy(entry.name, sizeof(entry.name), member->name);
        sign_key_public(member->agent, &entry.agent_key);
        if (i != PLACE_W1) {
            member->guard = sign_key_generate();
            sign_key_public(member->guard, &entry.guard_key);
        }
        must(roster_put(roster, &entry, &err), &err);
    }
    bytes = wire_encode_roster(roster, place->approver);
    join(place, "roster", path);
    must(file_write(path, bytes.data, bytes.len, 0600, &err), &err);
}

static void make_trust(struct place *place)
{
    struct public_key key;
    char hex[2 * KEY_SIZE + 1];
    char text[512];

    place->approver = sign_key_generate();
    sign_key_public(place->approver, &key);
    bytes_format_hex(key.bytes, KEY_SIZE, hex);
    snprintf(text, sizeof(text),
             "threshold: 1\nsoak-min: 1s\nlease-max: 300s\nkeys:\n"
             "  - { name: olga, roles: [approver, operator], key: %s }\n",
             hex);
    write_text(place, "trust.yaml", text);
}

/* ---- life ------------------------------------------------------------------------------------
 */

static void beat(uv_timer_t *timer)
{
    (void)timer;
}

static void roster_changed(void *context)
{
    struct place *place = context;

    downlink_tell_checks(place->downlink);
}

static void listen_all(struct place *place)
{
    struct downlink_options down = {.url = "tls+tcp://127.0.0.1:0",
                                    .tls = {place->ca_path, place->cert_path, place->key_path},
                                    .name = "controller",
                                    .loop = &place->loop,
                                    .inbox = place->inbox,
                                    .desk = &place->desk,
                                    .outbox = place->outbox,
                                    .fresh = place->fresh,
                                    .lead = place->lead};
    struct http_options http = {.socket = place->socket,
                                .https = "127.0.0.1:0",
                                .ca_path = place->ca_path,
                                .cert_path = place->cert_path,
                                .key_path = place->key_path,
                                .roles = place->roles,
                                .roles_count = 1,
                                .inbox = place->inbox,
                                .call_fn = api_call,
                                .context = &place->api};
    struct err err = ERR_INIT;

    place->downlink = downlink_open(&down, &err);
    must(place->downlink != NULL, &err);
    place->api = (struct api){&place->desk, place->lead, place->fresh, roster_changed, place};
    place->http = http_open(&http, &err);
    must(place->http != NULL, &err);
}

void place_open(struct place *place)
{
    static const char *const names[] = {"a1", "b2", "w1"};
    struct err err = ERR_INIT;
    char fleet_path[PATH_SIZE];

    memset(place, 0, sizeof(*place));
    text_copy(place->directory, sizeof(place->directory), "/tmp/test_controller.XXXXXX");
    assert_non_null(mkdtemp(place->directory));
    for (unsigned i = 0; i < PLACE_MEMBERS; i++)
        place->members[i].name = names[i];
    make_certificates(place);
    make_trust(place);
    make_roster(place);
    write_text(place, "fleet.yaml", fleet_yaml);
    join(place, "fleet.yaml", fleet_path);
    join(place, "controller.sock", place->socket);
    snprintf(place->roles[0].user, NAME_SIZE, "%u", (unsigned)getuid());
    text_copy(place->roles[0].role, NAME_SIZE, "operator");
    must(desk_open(&place->desk, place->directory, fleet_path, ":memory:", &err), &err);
    uv_loop_init(&place->loop);
    uv_timer_init(&place->loop, &place->beat);
    uv_timer_start(&place->beat, beat, BEAT_MS, BEAT_MS);
    place->inbox = inbox_open(&place->loop);
    place->outbox = outbox_new();
    place->fresh = fresh_new(&place->loop, &place->desk, place->outbox);
    place->lead = lead_new(&place->loop, &place->desk, place->outbox, place->fresh);
    must(lead_resume(place->lead, &err), &err);
    listen_all(place);
}

static void free_keys(struct place *place)
{
    sign_key_free(place->ca);
    sign_key_free(place->approver);
    for (unsigned i = 0; i < PLACE_MEMBERS; i++) {
        sign_key_free(place->members[i].agent);
        if (place->members[i].guard != NULL)
            sign_key_free(place->members[i].guard);
    }
}

static void remove_files(const struct place *place)
{
    static const char *const names[] = {
        "ca.pem", "controller.pem", "controller.key", "operator.pem", "operator.key",
        "a1.pem", "a1.key",         "b2.pem",         "b2.key",       "w1.pem",
        "w1.key", "trust.yaml",     "roster",         "fleet.yaml"};
    char path[PATH_SIZE];

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        join(place, names[i], path);
        unlink(path);
    }
    rmdir(place->directory);
}

void place_close(struct place *place)
{
    fresh_free(place->fresh);
    http_close(place->http);
    downlink_close(place->downlink);
    lead_free(place->lead);
    inbox_close(place->inbox);
    uv_close((uv_handle_t *)&place->beat, NULL);
    uv_run(&place->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&place->loop), 0);
    outbox_free(place->outbox);
    desk_close(&place->desk);
    free_keys(place);
    remove_files(place);
}

void place_turn(struct place *place)
{
    uv_run(&place->loop, UV_RUN_ONCE);
    if (place->desk.failed)
        fail_msg("%s", place->desk.failure.text);
}

void place_until(struct place *place, place_fn condition, void *context, const char *what)
{
    mono_t deadline = clock_now() + PATIENCE_MS;

    while (!condition(context)) {
        if (clock_now() > deadline)
            fail_msg("%s: not within %d ms", what, PATIENCE_MS);
        place_turn(place);
    }
}

/* ---- what is signed --------------------------------------------------------------------------
 */

static void fill_plan(struct manifest_plan *plan, const char *node, const char *other)
{
    text_copy(plan->node, sizeof(plan->node), node);
    plan->operations = mem_alloc(1, sizeof(*plan->operations));
    plan->operations_count = 1;
    plan->operations[0].kind = OPERATION_SYSCTL;
    text_copy(plan->operations[0].sysctl.setting.name, SYSCTL_NAME_SIZE, "net.ipv4.ip_forward");
    text_copy(plan->operations[0].sysctl.setting.value, SYSCTL_VALUE_SIZE, "1");
    plan->witnesses_count = 2;
    text_copy(plan->witnesses[0], NAME_SIZE, other);
    text_copy(plan->witnesses[1], NAME_SIZE, "w1");
    plan->quorum = 2;
    assert_true(address_parse("203.0.113.10", &plan->ssh.address));
    plan->ssh.port = 22;
}

void place_make_manifest(const struct place *place, const char *change, struct manifest *manifest)
{
    static const char *const nodes[] = {"a1", "b2"};
    struct err err = ERR_INIT;

    *manifest = (struct manifest){.soak_s = 60,
                                  .lease_s = 60,
                                  .period_s = 15,
                                  .path_s = 7,
                                  .dial_s = 10,
                                  .apply_s = 1,
                                  .settle_s = 10,
                                  .grace_s = 22,
                                  .revert_budget_s = 5,
                                  .stages_count = 2,
                                  .plans_count = 2,
                                  .roster_count = PLACE_MEMBERS};
    text_copy(manifest->change, sizeof(manifest->change), change);
    text_copy(manifest->reason, sizeof(manifest->reason), "forwarding is needed by the pods");
    text_copy(manifest->reference, sizeof(manifest->reference), "#1");
    manifest->stages = mem_alloc(2, sizeof(*manifest->stages));
    manifest->plans = mem_alloc(2, sizeof(*manifest->plans));
    manifest->roster = mem_alloc(PLACE_MEMBERS, sizeof(*manifest->roster));
    for (unsigned i = 0; i < PLACE_MEMBERS; i++)
        manifest->roster[i] = place->desk.roster->entries[i];
    for (unsigned i = 0; i < 2; i++) {
        fill_plan(&manifest->plans[i], nodes[i], nodes[1 - i]);
        manifest->stages[i].nodes_count = 1;
        text_copy(manifest->stages[i].nodes[0], NAME_SIZE, nodes[i]);
    }
    must(manifest_validate(manifest, &err), &err);
}

struct wire_bytes place_sign_manifest(const struct place *place, const struct manifest *manifest,
                                      uint64_t sequence)
{
    AUTO_WIRE struct wire_bytes body = wire_encode_manifest(manifest);
    AUTO_WIRE struct wire_bytes bare = {NULL, 0};
    AUTO_WIRE struct wire_bytes approved = {NULL, 0};
    AUTO_FREE struct approval *approval = mem_alloc(1, sizeof(*approval));

    sign_hash(body.data, body.len, &approval->attempt.body);
    approval->attempt.sequence = sequence;
    approval->not_after = clock_unix() + 3600;
    bare = wire_encode_approval(approval);
    approved = wire_sign_approval(wire_lend(&bare), place->approver);
    return wire_encode_signed_manifest(wire_lend(&body), wire_lend(&approved));
}

struct wire_bytes place_make_stack(const struct place_member *member, const struct nonce *challenge,
                                   const struct attempt *attempt)
{
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));

    text_copy(stack->node, sizeof(stack->node), member->name);
    clock_random(stack->nonce.bytes, NONCE_SIZE);
    stack->challenge = *challenge;
    stack->receipt_index = 1;
    text_copy(stack->trial_state, sizeof(stack->trial_state), "idle");
    if (attempt != NULL) {
        stack->generations_count = 1;
        stack->generations[0].id.attempt = *attempt;
        memset(stack->generations[0].id.start.bytes, 7, NONCE_SIZE);
        stack->generations[0].soak_s = 60;
        text_copy(stack->generations[0].change, NAME_SIZE, "what-stands");
    }
    return wire_encode_stack(stack, member->guard);
}

/* ---- what stands ------------------------------------------------------------------------------
 */

void place_add_standing(struct place *place, uint64_t id, enum target_says says)
{
    AUTO_FREE struct store_rollout *ended = mem_alloc(1, sizeof(*ended));
    struct target_record *target = &ended->record.targets[0];
    struct err err = ERR_INIT;

    ended->record.id = id;
    ended->record.attempt.sequence = 100 + id;
    ended->record.state = ROLLOUT_REVERTED;
    ended->record.targets_count = 1;
    text_copy(target->name, sizeof(target->name), "a1");
    target->says = says;
    if (!store_add_rollout(place->desk.store, ended, &err) ||
        !store_put_record(place->desk.store, &ended->record, 1, &err))
        fail_msg("%s", err.text);
}

void place_hear_of(struct place *place, uint64_t newest)
{
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));

    text_copy(stack->node, sizeof(stack->node), "a1");
    stack->nonce.bytes[0] = (uint8_t)(20 - newest);
    for (uint64_t id = 1; id <= newest; id++) {
        struct generation *generation = &stack->generations[stack->generations_count++];

        generation->id.attempt.sequence = 100 + id;
        generation->id.start.bytes[0] = (uint8_t)id;
    }
    lead_take_stack(place->lead, "a1", stack, clock_now());
}
