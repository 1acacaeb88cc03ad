/*
 * plan: the manifests of the changes, and their signatures.
 */
#include "tests/crash/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/change/manifest.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "tests/crash/plan_list.h"
#include "tests/crash/world.h"

const char *const plan_witnesses[PLAN_WITNESSES] = {"office", "other"};

static const char *const plan_names[PLANS] = {[PLAN_FIRST] = "first",
                                              [PLAN_SECOND] = "second",
                                              [PLAN_LINKS_FIRST] = "links-first",
                                              [PLAN_LINKS_SECOND] = "links-second"};

enum { VALID_S = 1000000 };

/* ---- manifests ------------------------------------------------------------------------------ */

static void fill_roster(struct manifest *manifest, const struct plans *plans)
{
    struct roster_entry *entry = mem_alloc(1 + PLAN_WITNESSES, sizeof(*entry));

    manifest->roster = entry;
    manifest->roster_count = 1 + PLAN_WITNESSES;
    text_copy(entry[0].name, sizeof(entry[0].name), "subject");
    sign_key_public(plans->guard, &entry[0].guard_key);
    sign_key_public(plans->agent, &entry[0].agent_key);
    for (int i = 0; i < PLAN_WITNESSES; i++) {
        text_copy(entry[1 + i].name, sizeof(entry[1 + i].name), plan_witnesses[i]);
        entry[1 + i].witness_only = true;
        sign_key_public(plans->witness[i], &entry[1 + i].agent_key);
    }
}

static void fill_plan(struct manifest_plan *plan, const struct plan_list *list)
{
    text_copy(plan->node, sizeof(plan->node), "subject");
    plan->operations_count = list->count;
    plan->operations = mem_copy(list->operations, list->count * sizeof(list->operations[0]));
    plan->witnesses_count = plan->quorum = PLAN_WITNESSES;
    for (int i = 0; i < PLAN_WITNESSES; i++)
        text_copy(plan->witnesses[i], sizeof(plan->witnesses[i]), plan_witnesses[i]);
    if (!address_parse("203.0.113.10", &plan->ssh.address))
        world_give_up("address");
    plan->ssh.port = 22;
}

static void make_body(struct plan *plan, const struct plans *plans, const char *name,
                      const struct plan_list *list)
{
    struct manifest manifest = {.soak_s = 1,
                                .lease_s = 10,
                                .period_s = 1,
                                .path_s = 1,
                                .dial_s = 1,
                                .apply_s = 30,
                                .settle_s = 1,
                                .grace_s = 1,
                                .revert_budget_s = 30,
                                .pause_after = PAUSE_FIRST,
                                .stages_count = 1,
                                .plans_count = 1};

    text_copy(manifest.change, sizeof(manifest.change), name);
    text_copy(manifest.reason, sizeof(manifest.reason), "a crash test");
    text_copy(manifest.reference, sizeof(manifest.reference), "test");
    manifest.stages = mem_alloc(1, sizeof(*manifest.stages));
    manifest.stages[0].nodes_count = 1;
    text_copy(manifest.stages[0].nodes[0], NAME_SIZE, "subject");
    manifest.plans = mem_alloc(1, sizeof(*manifest.plans));
    fill_plan(&manifest.plans[0], list);
    fill_roster(&manifest, plans);
    plan->body = wire_encode_manifest(&manifest);
    sign_hash(plan->body.data, plan->body.len, &plan->attempt.body);
    manifest_done(&manifest);
}

static void approve(struct plan *plan, const struct plans *plans)
{
    struct approval approval = {.attempt = plan->attempt, .not_after = clock_unix() + VALID_S};
    struct wire_bytes bare = wire_encode_approval(&approval);

    plan->approval = wire_sign_approval(wire_lend(&bare), plans->approver);
    wire_bytes_done(&bare);
}

static void write_trust(const struct plans *plans, const char *directory)
{
    struct public_key approver;
    char hex[2 * KEY_SIZE + 1];
    char text[1024], path[256];
    struct err err = ERR_INIT;

    sign_key_public(plans->approver, &approver);
    bytes_format_hex(approver.bytes, KEY_SIZE, hex);
    snprintf(text, sizeof(text),
             "threshold: 1\nsoak-min: 1s\nlease-max: 10m\nkeys:\n"
             "  - { name: tester, roles: [approver, operator], key: \"%s\" }\n",
             hex);
    if (!file_join(path, sizeof(path), directory, "trust.yaml", &err) ||
        !file_write(path, text, strlen(text), 0644, &err) ||
        !file_join(path, sizeof(path), directory, "key.pem", &err) ||
        !sign_key_save(plans->guard, path, &err))
        world_give_up(err.text);
}

void plans_make(struct plans *plans, const char *directory)
{
    plans->guard = sign_key_generate();
    plans->approver = sign_key_generate();
    plans->agent = sign_key_generate();
    for (int i = 0; i < PLAN_WITNESSES; i++)
        plans->witness[i] = sign_key_generate();
    for (int i = 0; i < PLANS; i++) {
        struct plan_list list = {.count = 0};

        plan_list_fill(i, &list);
        plans->plan[i].attempt.sequence = 1 + (uint64_t)i % PLANS_OF_GROUND;
        make_body(&plans->plan[i], plans, plan_names[i], &list);
        approve(&plans->plan[i], plans);
    }
    write_trust(plans, directory);
}
