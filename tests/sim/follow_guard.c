/*
 * follow_guard: one guard of the protocol model, played by the shipped trial machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "tests/sim/follow.h"

struct follow world = {.wall = WALL};

/* ---- the change ------------------------------------------------------------------------------ */

static const char *const node_names[NODES] = {"styx", "calypso", "tethys"};

static void fill_plan(struct manifest_plan *plan, int node)
{
    static const char *const settings[OPERATIONS] = {
        "net.ipv4.conf.all.rp_filter", "net.ipv4.ip_forward", "net.ipv4.conf.all.src_valid_mark"};

    text_copy(plan->node, sizeof(plan->node), node_names[node]);
    plan->operations_count = OPERATIONS;
    plan->operations = mem_alloc(OPERATIONS, sizeof(*plan->operations));
    for (int i = 0; i < OPERATIONS; i++) {
        plan->operations[i].kind = OPERATION_SYSCTL;
        plan->operations[i].shield = i == 0;
        text_copy(plan->operations[i].sysctl.setting.name,
                  sizeof(plan->operations[i].sysctl.setting.name), settings[i]);
        text_copy(plan->operations[i].sysctl.setting.value,
                  sizeof(plan->operations[i].sysctl.setting.value), "1");
    }
    plan->checks_count = 1;
    plan->checks = mem_alloc(1, sizeof(*plan->checks));
    text_copy(plan->checks[0].name, NAME_SIZE, "own");
    plan->checks[0].kind = CHECK_REPLY_PATH;
    plan->checks[0].severity = SEVERITY_CRITICAL;
    check_set_defaults(&plan->checks[0]);
    text_copy(plan->witnesses[plan->witnesses_count++], NAME_SIZE, "office");
    plan->quorum = 1;
    address_parse("203.0.113.10", &plan->ssh.address);
    plan->ssh.port = 22;
}

/* The model's times: a period is a tick, a lease two, a soak one, apply and settle one. */
void follow_make_manifest(void)
{
    world.manifest = (struct manifest){.soak_s = 10,
                                       .lease_s = 20,
                                       .period_s = 10,
                                       .path_s = 10,
                                       .dial_s = 5,
                                       .apply_s = 5,
                                       .settle_s = 5,
                                       .grace_s = 10,
                                       .revert_budget_s = 600,
                                       .pause_after = PAUSE_FIRST,
                                       .stages_count = NODES,
                                       .plans_count = NODES,
                                       .roster_count = NODES + 1};
    text_copy(world.manifest.change, sizeof(world.manifest.change), "change");
    world.manifest.waived[WAIVE_QUORUM] = true;
    text_copy(world.manifest.waiver_reasons[WAIVE_QUORUM], REASON_SIZE,
              "the model has one witness");
    world.manifest.stages = mem_alloc(NODES, sizeof(*world.manifest.stages));
    world.manifest.plans = mem_alloc(NODES, sizeof(*world.manifest.plans));
    world.manifest.roster = mem_alloc(NODES + 1, sizeof(*world.manifest.roster));
    for (int i = 0; i <= NODES; i++) {
        text_copy(world.manifest.roster[i].name, NAME_SIZE, i < NODES ? node_names[i] : "office");
        world.manifest.roster[i].witness_only = i == NODES;
        memset(world.manifest.roster[i].agent_key.bytes, 1 + i, KEY_SIZE);
        if (i < NODES)
            memset(world.manifest.roster[i].guard_key.bytes, 101 + i, KEY_SIZE);
    }
    for (int i = 0; i < NODES; i++) {
        world.manifest.stages[i].nodes_count = 1;
        text_copy(world.manifest.stages[i].nodes[0], NAME_SIZE, node_names[i]);
        fill_plan(&world.manifest.plans[i], i);
        text_copy(world.nodes[i].name, NAME_SIZE, node_names[i]);
    }
    memset(world.body.bytes, 7, HASH_SIZE);
}

/* ---- one guard ------------------------------------------------------------------------------- */

void follow_give(struct node *node, struct guard_event *ev)
{
    uint64_t name = ++world.names;

    ev->now = world.now;
    ev->unix_now = world.wall + world.now / 1000;
    memset(&ev->random, 0, sizeof(ev->random));
    memcpy(ev->random.bytes, &name, sizeof(name));
    world.effects.count = 0;
    trial_step(&node->trial, ev, &world.effects);
    for (uint32_t i = 0; i < world.effects.count && node->effects_count < QUEUE_MAX; i++)
        node->effects[node->effects_count++] =
            mem_copy(&world.effects.list[i], sizeof(world.effects.list[i]));
}

struct statement follow_say(const struct node *subject, const char *signer,
                            const struct nonce *nonce, enum phase phase)
{
    struct statement statement = {
        .body = world.body, .nonce = *nonce, .phase = phase, .verdicts_count = 1};
    bool own = text_equal(signer, subject->name);

    text_copy(statement.signer, sizeof(statement.signer), signer);
    text_copy(statement.subject, sizeof(statement.subject), subject->name);
    text_copy(statement.verdicts[0].check, NAME_SIZE, own ? "own" : "ssh");
    verdict_set(&statement.verdicts[0], VERDICT_PASS, "a banner", "a banner");
    return statement;
}

void follow_keep_said(struct node *node, const struct statement *statement)
{
    uint32_t i = 0;

    while (i < node->said_count && !text_equal(node->said[i].signer, statement->signer))
        i++;
    node->said[i] = *statement; /* there is a place for each who signs */
    if (i == node->said_count)
        node->said_count++;
}

void follow_give_statement(struct node *node, const struct statement *statement)
{
    struct guard_event ev = {.kind = ON_STATEMENT,
                             .statement = {.statement = statement, .verified = true}};

    follow_give(node, &ev);
    if (text_equal(statement->signer, node->name))
        return;
    ev = (struct guard_event){.kind = ON_SOURCE};
    ev.source.nonce = statement->nonce;
    ev.source.witness = statement->signer;
    ev.source.counts = true;
    follow_give(node, &ev);
}

/* What it does to the kernel goes well and takes no time, but for the pref while that is stuck. */
static void work(struct node *node, const struct guard_effect *effect)
{
    static const uint8_t removes[OPERATIONS] = {1, 1, 0};
    struct guard_event ev = {.kind = ON_PREPARED};
    bool fails = effect->operation == PREF && node->stuck;

    if (effect->kind == DO_PREPARE) {
        ev.prepared = (struct guard_prepared){
            .ok = true, .why = "", .operations_count = OPERATIONS, .removes = removes};
    } else if (effect->kind == DO_APPLY) {
        node->in_kernel[effect->operation] = true;
        node->applied[effect->id.attempt.sequence] = effect->id;
        ev.kind = ON_APPLIED;
        ev.applied.operation = effect->operation;
        ev.applied.ok = true;
    } else if (effect->kind == DO_SETTLE) {
        ev.kind = ON_SETTLED;
        ev.settled.ok = true;
    } else if (effect->kind == DO_UNDO) {
        if (!fails)
            node->in_kernel[effect->operation] = false;
        ev.kind = ON_UNDONE;
        ev.undone.operation = effect->operation;
        ev.undone.outcome = fails ? REVERT_RETRY : REVERT_DONE;
        ev.undone.why = fails ? "no answer in 2 s" : "";
    } else {
        ev.kind = ON_VERIFIED;
        ev.verified.ok = !node->in_kernel[0] && !node->in_kernel[1] && !node->in_kernel[2];
        ev.verified.why = "an operation is still in the kernel";
    }
    follow_give(node, &ev);
}

static void take_nonce(struct node *node, const struct guard_effect *effect)
{
    struct issued *issued = &node->nonces[node->nonces_count++ % NONCES];
    struct statement own = follow_say(node, node->name, &effect->nonce.nonce, PHASE_RENEWAL);

    *issued = (struct issued){effect->nonce.nonce, world.now / TICK_MS, effect->nonce.last,
                              VERDICT_UNKNOWN};
    follow_give_statement(node, &own);
}

static void take_receipt(struct node *node, const struct hash *hash)
{
    for (uint32_t i = 0; i < node->ledger.ends_count; i++) {
        const struct ledger_end *end = &node->ledger.ends[i];
        uint64_t sequence = end->receipt.generation.attempt.sequence;

        if (!hash_equal(&end->receipt_hash, hash) || !receipt_is_end(&end->receipt) ||
            sequence > ATTEMPTS)
            continue;
        node->ended[sequence] = true;
        node->receipts[sequence] = end->receipt;
        node->receipt_hashes[sequence] = *hash;
    }
}

static void take_effect(struct node *node, const struct guard_effect *effect)
{
    struct guard_event synced = {.kind = ON_SYNCED};

    synced.synced.ok = true;
    switch (effect->kind) {
    case DO_PREPARE:
    case DO_APPLY:
    case DO_SETTLE:
    case DO_UNDO:
    case DO_VERIFY:
        work(node, effect);
        break;
    case DO_RECORD:
        if (node->queue_count < QUEUE_MAX)
            node->queue[node->queue_count++] =
                (struct waiting){effect->record.record, effect->record.number};
        break;
    case DO_SYNC:
        follow_give(node, &synced);
        break;
    case DO_NONCE:
        take_nonce(node, effect);
        break;
    case DO_SEND:
        take_receipt(node, &effect->receipt);
        break;
    case DO_STATEMENT:
        for (int i = 0; i < NODES; i++) {
            struct node *subject = &world.nodes[i];
            struct statement said;

            if (!text_equal(subject->name, effect->statement.subject))
                continue;
            said = follow_say(subject, node->name, &effect->statement.nonce, PHASE_STANDING);
            said.soak_s = effect->statement.soak_s;
            said.verdicts_count = 0;
            follow_keep_said(subject, &said);
        }
        break;
    case DO_STACK:
        node->hello = effect->stack.nonce;
        break;
    case DO_OFFER:
    case DO_REFUSE:
    case DO_PROGRESS:
    case DO_ALARM:
    case DO_FORGET:
    case DO_LET_GO:
    case GUARD_EFFECT_COUNT:
        break;
    }
}

/* ---- its disk -------------------------------------------------------------------------------- */

/* The model writes these one by one; the others take no time. */
static bool is_slow(const struct guard_record *record)
{
    if (record->kind != RECORD_MARK)
        return record->kind == RECORD_BEGIN;
    return record->mark != MARK_APPLIED && record->mark != MARK_REVERTING &&
           record->mark != MARK_POPPING && record->mark != MARK_INCOMPLETE;
}

void follow_write_oldest(struct node *node, bool ok, bool tell)
{
    struct waiting oldest = node->queue[0];
    struct guard_event ev = {.kind = ON_RECORDED};
    uint64_t name = ++world.names;

    node->queue_count--;
    memmove(&node->queue[0], &node->queue[1], node->queue_count * sizeof(node->queue[0]));
    if (oldest.record.kind == RECORD_RECEIPT)
        memcpy(oldest.record.receipt.receipt_hash.bytes, &name, sizeof(name));
    if (ok && node->disk_count < DISK_MAX)
        node->disk[node->disk_count++] = oldest.record;
    if (!tell)
        return;
    ev.recorded.record = &oldest.record;
    ev.recorded.number = oldest.number;
    ev.recorded.ok = ok;
    ev.recorded.why = ok ? "" : "No space left on device";
    follow_give(node, &ev);
}

/* Until all that takes no time is done. */
void follow_come_to_rest(struct node *node)
{
    for (int i = 0; i < STEPS_MAX; i++) {
        if (node->effects_count > 0) {
            struct guard_effect *effect = node->effects[0];

            node->effects_count--;
            memmove(&node->effects[0], &node->effects[1],
                    node->effects_count * sizeof(node->effects[0]));
            take_effect(node, effect);
            free(effect);
        } else if (node->queue_count > 0 && !is_slow(&node->queue[0].record)) {
            follow_write_oldest(node, true, true);
        } else {
            return;
        }
    }
    fprintf(stderr, "follow: %s did not come to rest in %d steps\n", node->name, STEPS_MAX);
    exit(1);
}

void follow_boot(struct node *node, enum end_cause cause)
{
    struct guard_event ev = {.kind = ON_BOOT, .boot = cause};

    ledger_init(&node->ledger);
    for (uint32_t i = 0; i < node->disk_count; i++)
        ledger_take(&node->ledger, &node->disk[i]);
    trial_init(&node->trial, &node->ledger, node->name);
    follow_give(node, &ev);
}

void follow_crash(struct node *node, int got)
{
    while (node->queue_count > 0 && got > 0) {
        got -= is_slow(&node->queue[0].record);
        follow_write_oldest(node, true, false);
    }
    node->queue_count = 0;
    node->broken = false;
    follow_boot(node, CAUSE_GUARD_DIED);
}
