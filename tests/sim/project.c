/*
 * project: a seed told in the words of the protocol model (tests/spin): what the three guards are
 * in, line after line, so that the model can say whether it knows a way there.
 */
#include <stdio.h>
#include <string.h>

#include "tests/sim/sim.h"

enum { PROJECT_ATTEMPTS = 2, UNSAID = -1 };

/* As in tests/spin/protocol.pml, where its traces are read. */
enum word {
    WORD_IDLE,
    WORD_PREPARED,
    WORD_STARTING,
    WORD_ON,
    WORD_SOAKING,
    WORD_LAST,
    WORD_CONFIRMING,
    WORD_BACK
};

/* age: of what is proven there, in half leases, which are the ticks of the protocol model. */
struct line {
    int word, stands, ended[PROJECT_ATTEMPTS], age;
};

/* What the model has too: no power that fails, no disk that lies or forgets, one node a stage. */
static const enum fault had[] = {
    FAULT_LOSS,         FAULT_DUPLICATE,    FAULT_LATE,
    FAULT_DELAY,        FAULT_PARTITION,    FAULT_DIALS,
    FAULT_BLIND,        FAULT_GUARD_DIES,   FAULT_FREEZE,
    FAULT_AGENT_DIES,   FAULT_DISK_SLOW,    FAULT_PREPARE,
    FAULT_APPLY,        FAULT_SETTLE,       FAULT_SETTLE_SLOW,
    FAULT_UNDO,         FAULT_UNDO_STUCK,   FAULT_CONTROLLER_DIES,
    FAULT_DIES_SENDING, FAULT_DIES_STORING, FAULT_OLD_DATABASE,
    FAULT_FORGETS,      FAULT_GATES,        FAULT_CUTS_SSH,
    FAULT_CUTS_SOME,    FAULT_BREAKS_OWN,   FAULT_CUTS_CONTROLLER,
    FAULT_LIAR,         FAULT_SPECIAL,      FAULT_PEOPLE,
    FAULT_ORDERS,       FAULT_TWICE,        FAULT_OTHERS,
    FAULT_UNDECIDED,    FAULT_FAILING,      FAULT_STALE,
    FAULT_UNREHEARSED,  FAULT_HOLDS,        FAULT_LIFTS,
    FAULT_MUTE,
};

static enum word word_of(enum trial_state state)
{
    static const enum word words[TRIAL_STATE_COUNT] = {[TRIAL_IDLE] = WORD_IDLE,
                                                       [TRIAL_PREPARING] = WORD_IDLE,
                                                       [TRIAL_PREPARED] = WORD_PREPARED,
                                                       [TRIAL_STARTING] = WORD_STARTING,
                                                       [TRIAL_APPLYING] = WORD_ON,
                                                       [TRIAL_SETTLING] = WORD_ON,
                                                       [TRIAL_FIRST] = WORD_ON,
                                                       [TRIAL_SOAKING] = WORD_SOAKING,
                                                       [TRIAL_LAST] = WORD_LAST,
                                                       [TRIAL_CONFIRMING] = WORD_CONFIRMING,
                                                       [TRIAL_CONFIRMED] = WORD_CONFIRMING,
                                                       [TRIAL_REVERTING] = WORD_BACK,
                                                       [TRIAL_VERIFYING] = WORD_BACK,
                                                       [TRIAL_CLOSING] = WORD_BACK,
                                                       [TRIAL_POPPING] = WORD_BACK,
                                                       [TRIAL_FENCED] = WORD_BACK};

    return words[state];
}

static bool has_ended(const struct ledger *ledger, uint64_t sequence)
{
    for (uint32_t i = 0; i < ledger->ends_count; i++) {
        const struct receipt *receipt = &ledger->ends[i].receipt;

        if (receipt->generation.attempt.sequence == sequence && receipt_is_end(receipt))
            return true;
    }
    return false;
}

/* On its way somewhere the rest changes before and after its word does. While the receipt of a
 * confirmation is written it closes, which is confirming still. */
static struct line line_of(const struct world *world, int number)
{
    const struct host *host = &world->hosts[number];
    const struct ledger_generation *top = ledger_top(host->ledger);
    bool stands = top != NULL && top->mark != MARK_POPPING;
    struct line line = {.word = (int)word_of(host->trial->state), .age = UNSAID};
    bool moves;

    if (host->trial->state == TRIAL_CLOSING && stands &&
        attempt_equal(&top->id.attempt, &host->trial->id.attempt))
        line.word = WORD_CONFIRMING;
    moves = line.word == WORD_CONFIRMING || line.word == WORD_BACK;
    line.stands = moves ? UNSAID : stands ? (int)top->id.attempt.sequence : 0;
    for (int i = 0; i < PROJECT_ATTEMPTS; i++)
        line.ended[i] = moves ? UNSAID : has_ended(host->ledger, (uint64_t)i + 1);
    if (line.word == WORD_SOAKING || line.word == WORD_LAST)
        line.age = model_proof_age(world->model, number);
    return line;
}

/* A guard that is dead is still what it was last: the model's dies and starts at once. */
static bool take_lines(const struct world *world, struct line lines[SIM_NODES])
{
    bool news = false;

    for (int i = 0; i < SIM_NODES; i++) {
        struct line line;

        if (!world->hosts[i].guard_up)
            continue;
        line = line_of(world, i);
        news |= memcmp(&line, &lines[i], sizeof(line)) != 0;
        lines[i] = line;
    }
    return news;
}

static void print_lines(const struct line lines[SIM_NODES])
{
    for (int i = 0; i < SIM_NODES; i++)
        printf("%s%d %d %d %d %d", i > 0 ? "  " : "", lines[i].word, lines[i].stands,
               lines[i].ended[0], lines[i].ended[1], lines[i].age);
    printf("\n");
}

int project_run(uint64_t seed)
{
    static struct strike_choice choice;
    struct world_plan plan = {.seed = seed, .nodes = SIM_NODES, .choice = &choice};
    struct line lines[SIM_NODES] = {{.age = UNSAID}, {.age = UNSAID}, {.age = UNSAID}};
    struct world *world;
    int code;

    for (size_t i = 0; i < sizeof(had) / sizeof(had[0]); i++)
        choice.whole[had[i]] = true;
    world = world_new(&plan);
    world_begin(world);
    print_lines(lines);
    while (world_step(world) && !world_is_over(world) && world->attempt <= PROJECT_ATTEMPTS) {
        if (take_lines(world, lines))
            print_lines(lines);
    }
    code = world->violation[0] != '\0';
    if (code != 0)
        fprintf(stderr, "seed %llu: invariant %s\n", (unsigned long long)seed, world->violation);
    world_free(world);
    return code;
}
