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

#include "common/core/mem.h"
#include "common/core/text.h"
#include "tests/sim/follow.h"

/* ---- actions --------------------------------------------------------------------------------- */

static void prepare(struct node *node, int attempt)
{
    static char objects[1][96] = {"sysctl net.ipv4.ip_forward"};
    static const struct trust trust = {
        .keys_count = 1, .threshold = 1, .soak_min_s = 1, .lease_max_s = 600};
    struct guard_event ev = {.kind = ON_PREPARE};

    if (world.approvals[attempt].attempt.sequence == 0)
        return;
    if (node->trial.state == TRIAL_IDLE)
        node->said_count = 0;
    ev.prepare = (struct guard_prepare){.manifest = &world.manifest,
                                        .body = world.body,
                                        .approval = &world.approvals[attempt],
                                        .trust = &trust,
                                        .approvals_count = 1,
                                        .key_is_mine = true,
                                        .objects_count = 1,
                                        .objects = objects};
    follow_give(node, &ev);
}

static void take_baseline(struct node *node)
{
    struct statement said = follow_say(node, "office", &node->trial.id.start, PHASE_BASELINE);

    if (node->trial.state == TRIAL_PREPARED)
        follow_keep_said(node, &said);
}

static void ask_standing(struct node *node, const struct node *subject)
{
    struct guard_event ev = {.kind = ON_STANDING};

    if (subject->trial.state != TRIAL_PREPARED || node >= subject)
        return;
    ev.standing.nonce = subject->trial.id.start;
    ev.standing.body = world.body;
    ev.standing.subject = subject->name;
    follow_give(node, &ev);
}

static void start(struct node *node)
{
    struct guard_statement given[SAID_MAX + 1];
    struct statement own = follow_say(node, node->name, &node->trial.id.start, PHASE_BASELINE);
    struct guard_event ev = {.kind = ON_START};

    for (uint32_t i = 0; i < node->said_count; i++)
        given[i] = (struct guard_statement){&node->said[i], true};
    given[node->said_count] = (struct guard_statement){&own, true};
    ev.start.id = node->trial.id;
    ev.start.statements = given;
    ev.start.statements_count = node->said_count + 1;
    follow_give(node, &ev);
}

static struct issued *find_issued(struct node *node, int age, bool last)
{
    for (uint32_t i = 0; i < NONCES && i < node->nonces_count; i++) {
        struct issued *issued = &node->nonces[(node->nonces_count - 1 - i) % NONCES];

        if (issued->tick == world.now / TICK_MS - age && issued->last == last &&
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
    statement = follow_say(node, "office", &issued->nonce, PHASE_RENEWAL);
    verdict_set(&statement.verdicts[0], issued->seen, "a banner", "what it saw");
    follow_give_statement(node, &statement);
}

static void ask_end(struct node *node, enum guard_event_kind kind, int attempt, enum right right)
{
    struct guard_event hello = {.kind = ON_STACK};
    struct guard_event ev = {.kind = kind};

    if (world.approvals[attempt].attempt.sequence == 0)
        return;
    follow_give(node, &hello);
    follow_come_to_rest(node);
    ev.end.id = node->applied[attempt];
    ev.end.id.attempt = world.approvals[attempt].attempt;
    ev.end.right = right;
    ev.end.stack_nonce = node->hello;
    ev.end.reason = "the script says so";
    for (int i = 0; i < NODES; i++) {
        bool back = world.nodes[i].receipts[attempt].kind == RECEIPT_REVERTED ||
                    world.nodes[i].receipts[attempt].kind == RECEIPT_TOMBSTONE;

        if (&world.nodes[i] != node && world.nodes[i].ended[attempt] && back)
            ev.end.fellow = &world.nodes[i].receipts[attempt];
    }
    follow_give(node, &ev);
}

static void sign(int attempt)
{
    struct approval *approval = &world.approvals[attempt];

    if (attempt > 1) {
        approval->lifts_count = 0;
        for (int i = 0; i < NODES; i++) {
            if (!world.nodes[i].ended[attempt - 1])
                return;
            approval->lifts[approval->lifts_count].receipt =
                world.nodes[i].receipt_hashes[attempt - 1];
            text_copy(approval->lifts[approval->lifts_count].reason,
                      sizeof(approval->lifts[0].reason), "understood");
            approval->lifts_count++;
        }
        world.wall = WALL + (attempt - 1) * VALID_S + 1;
    }
    approval->attempt.body = world.body;
    approval->attempt.sequence = (uint64_t)attempt;
    approval->not_after = WALL + attempt * VALID_S;
}

static void tick(void)
{
    mono_t until = world.now + TICK_MS, from = world.now;

    for (int i = 0; i < NODES; i++) {
        struct guard_event timeout = {.kind = ON_TIMEOUT};

        world.now = from;
        for (int steps = 0; trial_deadline(&world.nodes[i].trial) <= until; steps++) {
            mono_t at = trial_deadline(&world.nodes[i].trial);

            if (steps == STEPS_MAX) {
                fprintf(stderr, "follow: %s has no end of time-outs\n", world.nodes[i].name);
                exit(1);
            }
            world.now = at > world.now ? at : world.now;
            follow_give(&world.nodes[i], &timeout);
            follow_come_to_rest(&world.nodes[i]);
        }
    }
    world.now = until;
}

/* ---- the script ------------------------------------------------------------------------------ */

static bool act_on_node(const char *action, struct node *node, int a, int b)
{
    if (text_equal(action, "prepare"))
        prepare(node, a);
    else if (text_equal(action, "baseline"))
        take_baseline(node);
    else if (text_equal(action, "stand"))
        ask_standing(node, &world.nodes[a]);
    else if (text_equal(action, "start"))
        start(node);
    else if (text_equal(action, "disk") && node->queue_count > 0)
        follow_write_oldest(node, a != 0, true);
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
        follow_crash(node, a);
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
        world.wall = WALL + numbers[0] * VALID_S + 1;
    else if (numbers[0] < NODES && numbers[1] <= ATTEMPTS)
        return act_on_node(action, &world.nodes[numbers[0]], numbers[1], numbers[2]);
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
        struct node *node = &world.nodes[i];
        const struct ledger_generation *top;
        bool stands;

        follow_come_to_rest(node);
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
    follow_make_manifest();
    sign(1);
    for (int i = 0; i < NODES; i++) {
        follow_boot(&world.nodes[i], CAUSE_REBOOT);
        follow_come_to_rest(&world.nodes[i]);
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
