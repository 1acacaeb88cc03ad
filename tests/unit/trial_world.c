/*
 * trial_world: one manifest for the stages a, b, and who says what about it.
 */
#include "tests/unit/trial_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"

static const char *const witnesses[] = {"office", "other", "third"};

int64_t world_unix(mono_t now)
{
    return 1700000000 + (now - WORLD_BEGIN) / 1000;
}

const char *world_witness(int witness)
{
    return witnesses[witness];
}

int world_find_witness(const char *name)
{
    for (int i = 0; i < 3; i++) {
        if (text_equal(name, witnesses[i]))
            return i;
    }
    return -1;
}

struct hash world_body(const char *name)
{
    struct hash body = {{0xb0}};

    assert_non_null(name);
    assert_int_equal(name[0], 'm');
    body.bytes[1] = (uint8_t)atoi(name + 1);
    return body;
}

struct attempt world_attempt(char **words)
{
    struct attempt attempt = {.body = world_body(words[1])};

    assert_non_null(words[2]);
    attempt.sequence = (uint64_t)atoi(words[2]);
    return attempt;
}

struct hash world_receipt(unsigned index)
{
    return (struct hash){{0xab, (uint8_t)index, (uint8_t)(index >> 8)}};
}

/* ---- statements ----------------------------------------------------------------------------- */

void world_fill_statement(struct statement *statement, const char *signer, enum phase phase,
                          const struct hash *body, const struct nonce *nonce)
{
    memset(statement, 0, sizeof(*statement));
    text_copy(statement->signer, NAME_SIZE, signer);
    text_copy(statement->subject, NAME_SIZE, "b");
    statement->phase = phase;
    statement->body = *body;
    statement->nonce = *nonce;
}

void world_add_verdict(struct statement *statement, const char *check, enum verdict_value value)
{
    struct verdict *verdict = &statement->verdicts[statement->verdicts_count++];

    text_copy(verdict->check, NAME_SIZE, check);
    verdict_set(verdict, value, "an answer",
                value == VERDICT_FAIL ? "no answer in 5 s" : "answered");
}

/* ---- prepare -------------------------------------------------------------------------------- */

static void fill_operations(struct manifest_plan *plan)
{
    plan->operations_count = 3;
    plan->operations = mem_alloc(3, sizeof(*plan->operations));
    for (int i = 0; i < 3; i++) {
        struct sysctl *setting = &plan->operations[i].sysctl.setting;

        plan->operations[i].kind = OPERATION_SYSCTL;
        text_copy(setting->name, sizeof(setting->name), "net.ipv4.ip_forward");
        text_copy(setting->value, sizeof(setting->value), "1");
    }
}

static void fill_checks(struct manifest_plan *plan)
{
    static const char *const names[] = {"own", "database"};

    plan->checks_count = 2;
    plan->checks = mem_alloc(2, sizeof(*plan->checks));
    for (int i = 0; i < 2; i++) {
        plan->checks[i].kind = CHECK_TAILSCALE;
        plan->checks[i].severity = i == 0 ? SEVERITY_CRITICAL : SEVERITY_WARNING;
        text_copy(plan->checks[i].name, NAME_SIZE, names[i]);
        check_set_defaults(&plan->checks[i]);
    }
}

static void fill_plan(struct manifest_plan *plan, const char *node)
{
    text_copy(plan->node, NAME_SIZE, node);
    fill_operations(plan);
    fill_checks(plan);
    plan->quorum = 2;
    plan->witnesses_count = 3;
    for (int i = 0; i < 3; i++)
        text_copy(plan->witnesses[i], NAME_SIZE, witnesses[i]);
    address_parse("203.0.113.10", &plan->ssh.address);
    plan->ssh.port = 22;
}

static void fill_roster(struct manifest *manifest)
{
    static const char *const names[] = {"a", "b", "office", "other", "third"};

    manifest->roster_count = 5;
    manifest->roster = mem_alloc(5, sizeof(*manifest->roster));
    for (int i = 0; i < 5; i++) {
        struct roster_entry *entry = &manifest->roster[i];

        text_copy(entry->name, NAME_SIZE, names[i]);
        memset(entry->agent_key.bytes, i + 1, KEY_SIZE);
        entry->witness_only = i > 1;
        if (i < 2)
            memset(entry->guard_key.bytes, i + 101, KEY_SIZE);
    }
}

static void fill_manifest(struct manifest *manifest, const char *name)
{
    *manifest = (struct manifest){.soak_s = 30,
                                  .lease_s = 20,
                                  .period_s = 5,
                                  .path_s = 5,
                                  .dial_s = 5,
                                  .apply_s = 10,
                                  .settle_s = 5,
                                  .grace_s = 8,
                                  .revert_budget_s = 15,
                                  .fixes_count = 1,
                                  .stages_count = 2,
                                  .plans_count = 2};
    snprintf(manifest->change, sizeof(manifest->change), "change-%s", name);
    text_copy(manifest->fixes[0], NAME_SIZE, "database");
    manifest->stages = mem_alloc(2, sizeof(*manifest->stages));
    manifest->plans = mem_alloc(2, sizeof(*manifest->plans));
    for (int i = 0; i < 2; i++) {
        manifest->stages[i].nodes_count = 1;
        text_copy(manifest->stages[i].nodes[0], NAME_SIZE, i == 0 ? "a" : "b");
        fill_plan(&manifest->plans[i], i == 0 ? "a" : "b");
    }
    fill_roster(manifest);
}

static void rename_node(struct manifest *manifest, const char *name)
{
    text_copy(manifest->stages[1].nodes[0], NAME_SIZE, name);
    text_copy(manifest->plans[1].node, NAME_SIZE, name);
    text_copy(manifest->roster[1].name, NAME_SIZE, name);
}

static void spoil(struct world_prepare *given, const char *word)
{
    struct manifest *manifest = &given->manifest;

    if (text_equal(word, "unsigned"))
        given->prepare.approvals_count = 0;
    else if (text_equal(word, "threshold"))
        given->trust.threshold = 2;
    else if (text_equal(word, "another-body"))
        given->approval.attempt.body.bytes[2] ^= 1;
    else if (text_equal(word, "no-trust"))
        given->trust.keys_count = 0;
    else if (text_equal(word, "no-plan"))
        rename_node(manifest, "c");
    else if (text_equal(word, "other-key"))
        given->prepare.key_is_mine = false;
    else if (text_equal(word, "short-soak"))
        given->trust.soak_min_s = 31;
    else if (text_equal(word, "long-lease"))
        given->trust.lease_max_s = 19;
    else if (text_equal(word, "long-path"))
        manifest->period_s = 1, manifest->path_s = 70, given->trust.lease_max_s = 0,
        manifest->lease_s = 100;
    else if (text_equal(word, "expired"))
        given->valid_s = -10;
    else if (text_equal(word, "expired-ever"))
        given->valid_s = INT64_MIN;
    else if (text_equal(word, "brief"))
        given->valid_s = 60;
    else if (text_equal(word, "long-soak"))
        manifest->soak_s = 900;
    else if (text_equal(word, "invalid"))
        manifest->plans[1].quorum = 1;
    else
        fail_msg("prepare ... %s: not understood", word);
}

static void fill_lift(struct approval *approval, const char *word)
{
    struct lift *lift = &approval->lifts[approval->lifts_count++];

    lift->receipt = world_receipt((unsigned)atoi(word));
    if (strchr(word, '!') != NULL)
        text_copy(lift->reason, sizeof(lift->reason), "the database was down, not the path");
}

void world_fill_prepare(struct world_prepare *given, char **words)
{
    bool lifts = false;

    memset(given, 0, sizeof(*given));
    given->valid_s = 3600;
    given->trust =
        (struct trust){.keys_count = 1, .threshold = 1, .soak_min_s = 10, .lease_max_s = 60};
    given->approval.attempt = world_attempt(words);
    fill_manifest(&given->manifest, words[1]);
    given->prepare = (struct guard_prepare){.manifest = &given->manifest,
                                            .body = given->approval.attempt.body,
                                            .approval = &given->approval,
                                            .trust = &given->trust,
                                            .approvals_count = 1,
                                            .key_is_mine = true,
                                            .objects_count = 3,
                                            .objects = (const char(*)[96])given->objects};
    snprintf(given->objects[0], 96, "rule 5140");
    snprintf(given->objects[1], 96, "rule 1%s", words[1]);
    snprintf(given->objects[2], 96, "tailscale exit-node");
    for (char **word = words + 3; *word != NULL; word++) {
        if (text_equal(*word, "lifts"))
            lifts = true;
        else if (lifts)
            fill_lift(&given->approval, *word);
        else
            spoil(given, *word);
    }
}

void world_prepare_done(struct world_prepare *given)
{
    manifest_done(&given->manifest);
}

/* ---- start ---------------------------------------------------------------------------------- */

static struct statement *add_statement(struct world_start *given, const char *signer,
                                       enum phase phase)
{
    uint32_t at = given->start.statements_count++;

    assert_true(at < WORLD_STATEMENTS);
    world_fill_statement(&given->statements[at], signer, phase, &given->start.id.attempt.body,
                         &given->start.id.start);
    given->given[at] = (struct guard_statement){&given->statements[at], true};
    return &given->statements[at];
}

static void add_baseline(struct world_start *given, const char *signer, bool failing)
{
    struct statement *statement = add_statement(given, signer, PHASE_BASELINE);

    if (text_equal(signer, "b")) {
        world_add_verdict(statement, "own", failing ? VERDICT_FAIL : VERDICT_PASS);
        world_add_verdict(statement, "database", VERDICT_FAIL);
    } else {
        world_add_verdict(statement, "ssh", failing ? VERDICT_FAIL : VERDICT_PASS);
    }
}

static bool has(char **words, const char *word)
{
    for (; *words != NULL; words++) {
        if (text_equal(*words, word))
            return true;
    }
    return false;
}

static char **find_names(char **words)
{
    for (; *words != NULL; words++) {
        if (text_equal(*words, "from"))
            return words + 1;
    }
    return NULL;
}

/* Words: -a, short, unverified, failing, and `from NAME ...` last. */
void world_fill_start(struct world_start *given, char **words, const struct nonce *nonce)
{
    static char office[] = "office", other[] = "other", third[] = "third", own[] = "b";
    static char *everybody[] = {office, other, third, own, NULL};
    char **names = find_names(words);

    memset(given, 0, sizeof(*given));
    given->statements = mem_alloc(WORLD_STATEMENTS, sizeof(*given->statements));
    given->start.id = (struct generation_id){world_attempt(words), *nonce};
    for (char **name = names != NULL ? names : everybody; *name != NULL; name++)
        add_baseline(given, *name, has(words, "failing"));
    if (!has(words, "-a"))
        add_statement(given, "a", PHASE_STANDING)->soak_s = has(words, "short") ? 29 : 900;
    for (uint32_t i = 0; has(words, "unverified") && i < given->start.statements_count; i++)
        given->given[i].verified = false;
    given->start.statements = given->given;
}

void world_start_done(struct world_start *given)
{
    free(given->statements);
}
