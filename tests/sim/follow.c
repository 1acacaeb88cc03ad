/*
 * follow: plays a script of the protocol model's actions on three shipped trial machines, and says
 * after each what they are in: in the model's words, so that the two can be compared line by line
 * (tests/spin/README.md has both).
 *
 * usage: follow < SCRIPT. A line "@ action numbers" is an action, any other is passed over.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard/core/trial.h"
#include "common/core/mem.h"
#include "common/core/text.h"

enum {
    NODES = 3,
    OPERATIONS = 3, /* a shield, a rule, a pref */
    PREF = 2,
    ATTEMPTS = 2,
    TICK_MS = 10000,
    WALL = 1790000000,
    VALID_S = 1000000,
    QUEUE_MAX = 64,
    DISK_MAX = 512,
    SAID_MAX = 8,
    NONCES = 64,
    STEPS_MAX = 200, /* of one tick: more is a machine that does not come to rest */
};

struct issued {
    struct nonce nonce;
    int64_t tick;
    bool last;
    enum verdict_value seen; /* unknown: nobody has looked yet */
};

struct waiting {
    struct guard_record record;
    uint64_t number;
};

struct node {
    char name[NAME_SIZE];
    struct trial trial;
    struct ledger ledger;
    bool in_kernel[OPERATIONS], stuck, broken;
    struct generation_id applied[ATTEMPTS + 1];
    uint32_t queue_count, disk_count, said_count, nonces_count, effects_count;
    struct waiting queue[QUEUE_MAX]; /* on its way to the disk, oldest first */
    struct guard_record disk[DISK_MAX];
    struct statement said[SAID_MAX]; /* over its prepare nonce */
    struct issued nonces[NONCES];    /* number n at n % NONCES */
    struct guard_effect *effects[QUEUE_MAX];
    struct nonce hello;
    bool ended[ATTEMPTS + 1]; /* its receipt of that has left */
    struct receipt receipts[ATTEMPTS + 1];
    struct hash receipt_hashes[ATTEMPTS + 1];
};

static struct node *nodes;
static struct manifest manifest;
static struct approval approvals[ATTEMPTS + 1];
static struct hash body;
static struct guard_effects *effects;
static mono_t now;
static int64_t wall = WALL;
static uint64_t names; /* of nonces and receipts */

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
static void make_manifest(void)
{
    manifest = (struct manifest){.soak_s = 10,
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
    text_copy(manifest.change, sizeof(manifest.change), "change");
    manifest.waived[WAIVE_QUORUM] = true;
    text_copy(manifest.waiver_reasons[WAIVE_QUORUM], REASON_SIZE, "the model has one witness");
    manifest.stages = mem_alloc(NODES, sizeof(*manifest.stages));
    manifest.plans = mem_alloc(NODES, sizeof(*manifest.plans));
    manifest.roster = mem_alloc(NODES + 1, sizeof(*manifest.roster));
    for (int i = 0; i <= NODES; i++) {
        text_copy(manifest.roster[i].name, NAME_SIZE, i < NODES ? node_names[i] : "office");
        manifest.roster[i].witness_only = i == NODES;
        memset(manifest.roster[i].agent_key.bytes, 1 + i, KEY_SIZE);
        if (i < NODES)
            memset(manifest.roster[i].guard_key.bytes, 101 + i, KEY_SIZE);
    }
    for (int i = 0; i < NODES; i++) {
        manifest.stages[i].nodes_count = 1;
        text_copy(manifest.stages[i].nodes[0], NAME_SIZE, node_names[i]);
        fill_plan(&manifest.plans[i], i);
    }
    memset(body.bytes, 7, HASH_SIZE);
}

/* ---- one guard ------------------------------------------------------------------------------- */

static void give(struct node *node, struct guard_event *ev)
{
    uint64_t name = ++names;

    ev->now = now;
    ev->unix_now = wall + now / 1000;
    memset(&ev->random, 0, sizeof(ev->random));
    memcpy(ev->random.bytes, &name, sizeof(name));
    effects->count = 0;
    trial_step(&node->trial, ev, effects);
    for (uint32_t i = 0; i < effects->count && node->effects_count < QUEUE_MAX; i++)
        node->effects[node->effects_count++] =
            mem_copy(&effects->list[i], sizeof(effects->list[i]));
}

static struct statement say(const struct node *subject, const char *signer,
                            const struct nonce *nonce, enum phase phase)
{
    struct statement statement = {
        .body = body, .nonce = *nonce, .phase = phase, .verdicts_count = 1};
    bool own = text_equal(signer, subject->name);

    text_copy(statement.signer, sizeof(statement.signer), signer);
    text_copy(statement.subject, sizeof(statement.subject), subject->name);
    text_copy(statement.verdicts[0].check, NAME_SIZE, own ? "own" : "ssh");
    verdict_set(&statement.verdicts[0], VERDICT_PASS, "a banner", "a banner");
    return statement;
}

static void give_statement(struct node *node, const struct statement *statement)
{
    struct guard_event ev = {.kind = ON_STATEMENT,
                             .statement = {.statement = statement, .verified = true}};

    give(node, &ev);
    if (text_equal(statement->signer, node->name))
        return;
    ev = (struct guard_event){.kind = ON_SOURCE};
    ev.source.nonce = statement->nonce;
    ev.source.witness = statement->signer;
    ev.source.counts = true;
    give(node, &ev);
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
    give(node, &ev);
}

static void take_nonce(struct node *node, const struct guard_effect *effect)
{
    struct issued *issued = &node->nonces[node->nonces_count++ % NONCES];
    struct statement own = say(node, node->name, &effect->nonce.nonce, PHASE_RENEWAL);

    *issued =
        (struct issued){effect->nonce.nonce, now / TICK_MS, effect->nonce.last, VERDICT_UNKNOWN};
    give_statement(node, &own);
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
    case DO_NONCE:
        take_nonce(node, effect);
        break;
    case DO_SEND:
        take_receipt(node, &effect->receipt);
        break;
    case DO_STATEMENT:
        for (int i = 0; i < NODES; i++) {
            struct node *subject = &nodes[i];
            struct statement *said = &subject->said[subject->said_count];

            if (!text_equal(subject->name, effect->statement.subject) ||
                subject->said_count == SAID_MAX)
                continue;
            *said = say(subject, node->name, &effect->statement.nonce, PHASE_STANDING);
            said->soak_s = effect->statement.soak_s;
            said->verdicts_count = 0;
            subject->said_count++;
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

static void write_oldest(struct node *node, bool ok, bool tell)
{
    struct waiting oldest = node->queue[0];
    struct guard_event ev = {.kind = ON_RECORDED};
    uint64_t name = ++names;

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
    give(node, &ev);
}

/* Until all that takes no time is done. */
static void come_to_rest(struct node *node)
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
            write_oldest(node, true, true);
        } else {
            return;
        }
    }
    fprintf(stderr, "follow: %s did not come to rest in %d steps\n", node->name, STEPS_MAX);
    exit(1);
}

static void boot(struct node *node, enum end_cause cause)
{
    struct guard_event ev = {.kind = ON_BOOT, .boot = cause};

    ledger_init(&node->ledger);
    for (uint32_t i = 0; i < node->disk_count; i++)
        ledger_take(&node->ledger, &node->disk[i]);
    trial_init(&node->trial, &node->ledger, node->name);
    give(node, &ev);
}

static void crash(struct node *node, int got)
{
    while (node->queue_count > 0 && got > 0) {
        got -= is_slow(&node->queue[0].record);
        write_oldest(node, true, false);
    }
    node->queue_count = 0;
    node->broken = false;
    boot(node, CAUSE_GUARD_DIED);
}

/* ---- actions --------------------------------------------------------------------------------- */

static void prepare(struct node *node, int attempt)
{
    static char objects[1][96] = {"sysctl net.ipv4.ip_forward"};
    static const struct trust trust = {
        .keys_count = 1, .threshold = 1, .soak_min_s = 1, .lease_max_s = 600};
    struct guard_event ev = {.kind = ON_PREPARE};

    if (approvals[attempt].attempt.sequence == 0)
        return;
    if (node->trial.state == TRIAL_IDLE)
        node->said_count = 0;
    ev.prepare = (struct guard_prepare){.manifest = &manifest,
                                        .body = body,
                                        .approval = &approvals[attempt],
                                        .trust = &trust,
                                        .approvals_count = 1,
                                        .key_is_mine = true,
                                        .objects_count = 1,
                                        .objects = objects};
    give(node, &ev);
}

static void take_baseline(struct node *node)
{
    if (node->trial.state == TRIAL_PREPARED && node->said_count < SAID_MAX)
        node->said[node->said_count++] = say(node, "office", &node->trial.id.start, PHASE_BASELINE);
}

static void ask_standing(struct node *node, const struct node *subject)
{
    struct guard_event ev = {.kind = ON_STANDING};

    if (subject->trial.state != TRIAL_PREPARED || node >= subject)
        return;
    ev.standing.nonce = subject->trial.id.start;
    ev.standing.body = body;
    ev.standing.subject = subject->name;
    give(node, &ev);
}

static void start(struct node *node)
{
    struct guard_statement given[SAID_MAX + 1];
    struct statement own = say(node, node->name, &node->trial.id.start, PHASE_BASELINE);
    struct guard_event ev = {.kind = ON_START};

    for (uint32_t i = 0; i < node->said_count; i++)
        given[i] = (struct guard_statement){&node->said[i], true};
    given[node->said_count] = (struct guard_statement){&own, true};
    ev.start.id = node->trial.id;
    ev.start.statements = given;
    ev.start.statements_count = node->said_count + 1;
    give(node, &ev);
}

static struct issued *find_issued(struct node *node, int age, bool last)
{
    for (uint32_t i = 0; i < NONCES && i < node->nonces_count; i++) {
        struct issued *issued = &node->nonces[(node->nonces_count - 1 - i) % NONCES];

        if (issued->tick == now / TICK_MS - age && issued->last == last &&
            node->trial.state >= TRIAL_FIRST && node->trial.state <= TRIAL_CONFIRMING)
            return issued;
    }
    return NULL;
}

static void look(struct node *node, int age, bool last)
{
    struct issued *issued = find_issued(node, age, last);

    if (issued != NULL && issued->seen == VERDICT_UNKNOWN)
        issued->seen = node->broken ? VERDICT_FAIL : VERDICT_PASS;
}

static void hand_over(struct node *node, int age, bool last)
{
    const struct issued *issued = find_issued(node, age, last);
    struct statement statement;

    if (issued == NULL || issued->seen == VERDICT_UNKNOWN)
        return;
    statement = say(node, "office", &issued->nonce, PHASE_RENEWAL);
    verdict_set(&statement.verdicts[0], issued->seen, "a banner", "what it saw");
    give_statement(node, &statement);
}

static void ask_end(struct node *node, enum guard_event_kind kind, int attempt, enum right right)
{
    struct guard_event hello = {.kind = ON_STACK};
    struct guard_event ev = {.kind = kind};

    if (approvals[attempt].attempt.sequence == 0)
        return;
    give(node, &hello);
    come_to_rest(node);
    ev.end.id = node->applied[attempt];
    ev.end.id.attempt = approvals[attempt].attempt;
    ev.end.right = right;
    ev.end.stack_nonce = node->hello;
    ev.end.reason = "the script says so";
    for (int i = 0; i < NODES; i++) {
        bool back = nodes[i].receipts[attempt].kind == RECEIPT_REVERTED ||
                    nodes[i].receipts[attempt].kind == RECEIPT_TOMBSTONE;

        if (&nodes[i] != node && nodes[i].ended[attempt] && back)
            ev.end.fellow = &nodes[i].receipts[attempt];
    }
    give(node, &ev);
}

static void sign(int attempt)
{
    struct approval *approval = &approvals[attempt];

    if (attempt > 1) {
        for (int i = 0; i < NODES; i++) {
            if (!nodes[i].ended[attempt - 1])
                return;
            approval->lifts[approval->lifts_count].receipt = nodes[i].receipt_hashes[attempt - 1];
            text_copy(approval->lifts[approval->lifts_count].reason,
                      sizeof(approval->lifts[0].reason), "understood");
            approval->lifts_count++;
        }
        wall = WALL + (attempt - 1) * VALID_S + 1;
    }
    approval->attempt.body = body;
    approval->attempt.sequence = (uint64_t)attempt;
    approval->not_after = WALL + attempt * VALID_S;
}

static void tick(void)
{
    mono_t until = now + TICK_MS, from = now;

    for (int i = 0; i < NODES; i++) {
        struct guard_event timeout = {.kind = ON_TIMEOUT};

        now = from;
        for (int steps = 0; trial_deadline(&nodes[i].trial) <= until; steps++) {
            mono_t at = trial_deadline(&nodes[i].trial);

            if (steps == STEPS_MAX) {
                fprintf(stderr, "follow: %s has no end of time-outs\n", nodes[i].name);
                exit(1);
            }
            now = at > now ? at : now;
            give(&nodes[i], &timeout);
            come_to_rest(&nodes[i]);
        }
    }
    now = until;
}

/* ---- the script ------------------------------------------------------------------------------ */

static bool act_on_node(const char *action, struct node *node, int a, int b)
{
    if (text_equal(action, "prepare"))
        prepare(node, a);
    else if (text_equal(action, "baseline"))
        take_baseline(node);
    else if (text_equal(action, "stand"))
        ask_standing(node, &nodes[a]);
    else if (text_equal(action, "start"))
        start(node);
    else if (text_equal(action, "disk") && node->queue_count > 0)
        write_oldest(node, a != 0, true);
    else if (text_equal(action, "look"))
        look(node, a, b != 0);
    else if (text_equal(action, "give"))
        hand_over(node, a, b != 0);
    else if (text_equal(action, "abort"))
        ask_end(node, ON_ABORT, a, RIGHT_CONTROLLER);
    else if (text_equal(action, "pop"))
        ask_end(node, ON_POP, a, RIGHT_CONTROLLER);
    else if (text_equal(action, "obey") && node->applied[a].attempt.sequence != 0)
        ask_end(node, ON_POP, a, RIGHT_OPERATOR);
    else if (text_equal(action, "crash"))
        crash(node, a);
    else if (text_equal(action, "stick") || text_equal(action, "loosen"))
        node->stuck = text_equal(action, "stick");
    else if (text_equal(action, "break"))
        node->broken = node->trial.state == TRIAL_STARTING;
    else
        return text_equal(action, "disk") || text_equal(action, "obey");
    return true;
}

static bool act(const char *action, const int *numbers)
{
    if (text_equal(action, "tick"))
        tick();
    else if (text_equal(action, "sign") && numbers[0] <= ATTEMPTS)
        sign(numbers[0]);
    else if (text_equal(action, "expire") && numbers[0] <= ATTEMPTS)
        wall = WALL + numbers[0] * VALID_S + 1;
    else if (numbers[0] < NODES && numbers[1] <= ATTEMPTS)
        return act_on_node(action, &nodes[numbers[0]], numbers[1], numbers[2]);
    else
        return false;
    return true;
}

static const char *word_of(enum trial_state state)
{
    static const char *const words[TRIAL_STATE_COUNT] = {
        [TRIAL_IDLE] = "IDLE",           [TRIAL_PREPARING] = "preparing",
        [TRIAL_PREPARED] = "PREPARED",   [TRIAL_STARTING] = "STARTING",
        [TRIAL_APPLYING] = "applying",   [TRIAL_SETTLING] = "settling",
        [TRIAL_FIRST] = "FIRST",         [TRIAL_SOAKING] = "SOAKING",
        [TRIAL_LAST] = "LAST",           [TRIAL_CONFIRMING] = "CONFIRMING",
        [TRIAL_CONFIRMED] = "CONFIRMED", [TRIAL_REVERTING] = "REVERTING",
        [TRIAL_VERIFYING] = "REVERTING", [TRIAL_CLOSING] = "CLOSING",
        [TRIAL_POPPING] = "REVERTING",   [TRIAL_FENCED] = "fenced"};

    return words[state];
}

static void print_nodes(void)
{
    printf("=");
    for (int i = 0; i < NODES; i++) {
        struct node *node = &nodes[i];
        const struct ledger_generation *top;
        bool stands;

        come_to_rest(node);
        top = ledger_top(&node->ledger);
        stands = top != NULL && top->mark != MARK_POPPING;
        node->broken &= node->trial.state >= TRIAL_STARTING && node->trial.state < TRIAL_REVERTING;
        printf("%s%s %d %d %d,%d", i > 0 ? "  " : " ", word_of(node->trial.state),
               node->in_kernel[1], stands ? (int)top->id.attempt.sequence : 0, node->ended[1],
               node->ended[2]);
    }
    printf("\n");
}

int main(void)
{
    char line[200];

    setvbuf(stdout, NULL, _IOLBF, 0); /* whoever draws actions looks at what came of the last one */
    nodes = mem_alloc(NODES, sizeof(*nodes));
    effects = mem_alloc(1, sizeof(*effects));
    make_manifest();
    sign(1);
    for (int i = 0; i < NODES; i++) {
        text_copy(nodes[i].name, NAME_SIZE, node_names[i]);
        boot(&nodes[i], CAUSE_REBOOT);
        come_to_rest(&nodes[i]);
    }
    while (fgets(line, sizeof(line), stdin) != NULL) {
        char action[20] = "";
        int numbers[3] = {0, 0, 0};

        if (sscanf(line, " @ %19s %d %d %d", action, &numbers[0], &numbers[1], &numbers[2]) < 1)
            continue;
        if (numbers[0] < 0 || numbers[1] < 0 || numbers[2] < 0 || !act(action, numbers)) {
            fprintf(stderr, "follow: not an action of the model: %s", line);
            return 2;
        }
        fputs(line, stdout);
        print_nodes();
    }
    return 0;
}
