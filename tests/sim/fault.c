/*
 * fault: the list of what can go wrong, how often, and the draws.
 */
#include "tests/sim/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "tests/sim/sim.h"

/* How often: of a thousand messages, seconds, records, steps, seeds. */
static const struct fault_kind {
    const char *name;
    unsigned max_permille;
    const char *of, *what;
} kinds[FAULT_COUNT] = {
    [FAULT_LOSS] = {"loss", 200, "messages", "it is lost"},
    [FAULT_DUPLICATE] = {"duplicate", 200, "messages", "it comes twice"},
    [FAULT_LATE] = {"late", 900, "second copies", "it comes up to two minutes later"},
    [FAULT_DELAY] = {"delay", 1000, "messages",
                     "it takes up to 8 s longer, so that others overtake it"},
    [FAULT_PARTITION] = {"partition", 40, "seconds of a host",
                         "it is cut off from the controller for up to a minute: both ways, or "
                         "only to it, or only from it"},
    [FAULT_DIALS] = {"dials", 40, "seconds of a host",
                     "it can dial no new connection for up to 90 s; the old ones live"},
    [FAULT_BLIND] = {"blind", 40, "seconds of a node",
                     "SSH to it fails from some vantage points, not from others, for up to 90 s"},
    [FAULT_GUARD_DIES] = {"guard-dies", 30, "seconds of a node",
                          "its guard is killed; what was under way may have got there or not"},
    [FAULT_GUARD_STOPPED] = {"guard-stopped", 15, "seconds of a node",
                             "its guard is told to stop, and 2 s later it is gone"},
    [FAULT_FREEZE] = {"freeze", 15, "seconds of a node", "its guard stands still for up to 13 s"},
    [FAULT_AGENT_DIES] = {"agent-dies", 30, "seconds of a host",
                          "its agent is gone for up to 20 s: a node or a witness vanishes"},
    [FAULT_POWER] = {"power", 15, "seconds of a node",
                     "it loses its power, with all that was not synced and all that is volatile"},
    [FAULT_DEAD] = {"dead", 150, "nodes",
                    "it loses its power and never comes back; in the end people do without it"},
    [FAULT_CLOCK] = {"clock", 20, "seconds of a host or the controller",
                     "its wall clock steps, by up to three years"},
    [FAULT_DISK_SLOW] = {"disk-slow", 60, "records", "writing takes 1 to 40 s"},
    [FAULT_DISK_FULL] = {"disk-full", 60, "records", "the disk refuses it"},
    [FAULT_DISK_LIES] = {"disk-lies", 60, "records",
                         "the disk says that it is synced, and it goes with the power"},
    [FAULT_UNREADABLE] = {"unreadable", 200, "starts of a guard",
                          "one record of its journal cannot be read any more"},
    [FAULT_PREPARE] = {"prepare", 40, "prepares", "prediction or rehearsal says no"},
    [FAULT_APPLY] = {"apply", 30, "operations", "the kernel refuses it"},
    [FAULT_SETTLE] = {"settle", 40, "settles", "an effect is not there"},
    [FAULT_SETTLE_SLOW] = {"settle-slow", 40, "settles", "it takes longer than it may"},
    [FAULT_UNDO] = {"undo", 400, "undo steps", "no answer in 2 s"},
    [FAULT_UNDO_LATE] = {"undo-late", 300, "undo steps",
                         "said to be done, and done up to 9 s later"},
    [FAULT_UNDO_STUCK] = {"undo-stuck", 30, "seconds of a node",
                          "nothing can be undone there for up to a minute"},
    [FAULT_CONTROLLER_DIES] = {"controller-dies", 40, "seconds", "it is gone for up to 15 s"},
    [FAULT_DIES_SENDING] = {"dies-sending", 5, "effects", "it dies behind one of its effects"},
    [FAULT_DIES_STORING] = {"dies-storing", 120, "receipts and holds",
                            "it dies with the receipt in hand, or over the hold"},
    [FAULT_OLD_DATABASE] = {"old-database", 100, "stores",
                            "what lay there before is the backup that a later start finds"},
    [FAULT_FORGETS] = {"forgets", 100, "statements for a start", "it does not come along"},
    [FAULT_GATES] = {"gates", 300, "gates", "nobody answers them"},
    [FAULT_CUTS_SSH] = {"cuts-ssh", 250, "nodes", "the change cuts SSH to it"},
    [FAULT_CUTS_SOME] = {"cuts-some", 250, "nodes",
                         "the change cuts SSH to it from some vantage points"},
    [FAULT_BREAKS_OWN] = {"breaks-own", 125, "nodes", "the change breaks its own check"},
    [FAULT_CUTS_CONTROLLER] = {"cuts-controller", 125, "nodes",
                               "the change cuts it off from the controller"},
    [FAULT_LIAR] = {"liar", 60, "witnesses", "it says yes always, no always, or the opposite"},
    [FAULT_SPECIAL] = {"special", 60, "witnesses",
                       "it has a way of its own to the nodes, which no change touches"},
    [FAULT_PEOPLE] = {"people", 25, "seconds",
                      "somebody aborts, rolls back (all, one, or by a signed order), freezes, says "
                      "next, or a check fails: in mid-stage, in mid-revert, when all is done"},
    [FAULT_ORDERS] = {"orders", 100, "seconds of a node that is going back",
                      "an operator signs the order to roll it back: in mid-rollback"},
    [FAULT_TWICE] = {"twice", 500, "things that people say or approve",
                     "they do it twice, or a second one does"},
    [FAULT_WIDE_STAGE] = {"wide-stage", 1000, "seeds",
                          "every node behind the first is in one stage (rule 4)"},
    [FAULT_REMOVES] = {"removes", 100, "seconds of a dead node",
                       "an operator signs it out of the roster, whatever is under way"},
    [FAULT_OTHERS] = {"others", 60, "seconds of a node",
                      "somebody else puts a rule or a route beside the change's, or in its place, "
                      "or takes it away"},
    [FAULT_UNDECIDED] = {"undecided", 10, "seconds of a host",
                         "what it looks at it cannot decide, for up to a minute: it says unknown"},
    [FAULT_SHORT] = {"short", 300, "approvals", "it is good for half a minute to ten minutes only"},
    [FAULT_UNNAMED] = {"unnamed", 500, "quarantines that an approval lifts",
                       "it gives no reason for that one"},
    [FAULT_UNJUSTIFIED] = {"unjustified", 60, "seeds",
                           "nobody says why a working system is changed"},
    [FAULT_WAIVES] = {"waives", 1000, "seeds", "the manifest waives windows"},
    [FAULT_FAILING] = {"failing", 8, "seconds of a node",
                       "a check fails there for up to a minute, whatever the change does"},
    [FAULT_STALE] = {"stale", 8, "seconds of a node",
                     "its agent sends no snapshot for up to a minute"},
    [FAULT_UNREHEARSED] = {"unrehearsed", 150, "rehearsals",
                           "its kernel says no to an operation, or it is not asked"},
    [FAULT_HOLDS] =
        {"holds", 15, "seconds",
         "somebody puts a freeze, a pause, a window or maintenance on all or on a node, "
         "for a while or until it is lifted"},
    [FAULT_LIFTS] = {"lifts", 100, "seconds", "somebody lifts one of them"},
    [FAULT_MUTE] =
        {"mute", 8, "seconds of a host",
         "its agent stays connected and tells nothing of its checks, for up to two minutes"},
    [FAULT_REPLACED] = {"replaced", 300, "losses of power",
                        "its disk is another one, and its journal begins anew"},
    [FAULT_EMERGENCY] =
        {"emergency", 60, "seconds in which one node stands and one is not reached",
         "somebody wants all of them back at once, and the controller dies over it"},
    [FAULT_STORE_FAILS] = {"store-fails", 10, "transactions of the controller",
                           "its disk refuses it, and all others in up to a minute: it stops, and "
                           "does not lead before "
                           "its disk takes something"},
    [FAULT_STORE_SLOW] = {"store-slow", 30, "steps of the controller that it keeps",
                          "writing takes 1 to 40 s, in which nothing leaves and nothing is heard"},
    [FAULT_DIES_AMID] =
        {"dies-amid", 30, "effects of a guard",
         "before the first or behind any of them it is killed, or its node loses its power"},
    [FAULT_AGENT_DIES_AMID] = {"agent-dies-amid", 20, "messages that an agent has in hand",
                               "it is gone for up to 20 s, and passed that one on or did not"},
    [FAULT_PAUSES] = {"pauses", 1000, "seeds",
                      "it waits for a person after each stage, or after none"},
    [FAULT_FURTHER] = {"further", 1000, "rollouts that have ended",
                       "another change is signed, which puts its route in the place of the first "
                       "one's, or is beside it"},
    [FAULT_OLDER] = {"older", 60, "seconds of a node with two generations",
                     "somebody wants the older one back: by the controller, which may not take "
                     "what stands above it, or by a signed order, with all of that"},
    [FAULT_LEAVES_OUT] = {"leaves-out", 400, "nodes of a change",
                          "it is not for that node, which keeps what it has"},
    [FAULT_EARLIER_DATABASE] = {"earlier-database", 100, "stores",
                                "what lay there before is the backup that a start finds when the "
                                "next attempt was signed: of an earlier rollout"},
};

const char *fault_name(enum fault fault)
{
    return kinds[fault].name;
}

void faults_print(void)
{
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        printf("| `%s` | %s | 1 to %u in 1000 | %s |\n", kinds[i].name, kinds[i].of,
               kinds[i].max_permille, kinds[i].what);
}

/* ---- draws ----------------------------------------------------------------------------------- */

static struct chance chance_of(uint64_t seed, const struct strike *strike)
{
    struct chance chance = {.state = seed * 0x2545f4914f6cdd1du};
    uint64_t place = ((uint64_t)strike->fault << 40) | ((uint64_t)strike->host << 32);

    chance.state = chance_next(&chance) ^ ((place | strike->turn) * 0x9fb21c651e98df25u);
    chance.state = chance_next(&chance) ^ ((uint64_t)strike->at * 0xd1342543de82ef95u);
    return chance;
}

/* The turn is counted anew in every millisecond. */
static struct strike ask(struct faults *faults, enum fault fault, int host)
{
    struct strike strike = {.fault = fault, .host = host, .at = faults->now};

    if (faults->asked[fault][host].at == faults->now)
        strike.turn = ++faults->asked[fault][host].turn;
    else
        faults->asked[fault][host].turn = 0;
    faults->asked[fault][host].at = faults->now;
    return strike;
}

/* What comes to pass only where few things fail, and these together and often: three seeds in ten
 * have one of them, at its own rates, in 1000. */
enum { THEME_FAULTS = 4, THEMED_PERMILLE = 300, STACKED_PERMILLE = 143, THEMED_DENSITY = 80 };

static const struct theme {
    size_t count;
    struct {
        enum fault fault;
        unsigned permille;
    } faults[THEME_FAULTS];
} themes[] = {
    /* the disk is slower than a nonce lives, than people wait, than an order takes */
    {2, {{FAULT_DISK_SLOW, 200}, {FAULT_PEOPLE, 40}}},
    /* it refuses `confirmed`, or what is taken back, and what is asked again */
    {2, {{FAULT_DISK_FULL, 100}, {FAULT_PEOPLE, 40}}},
    /* a new guard's disk is slow when it is asked again for an end */
    {3, {{FAULT_GUARD_DIES, 40}, {FAULT_DISK_SLOW, 200}, {FAULT_PEOPLE, 25}}},
    /* all have confirmed, and the controller dies over it */
    {2, {{FAULT_DIES_STORING, 300}, {FAULT_CONTROLLER_DIES, 40}}},
    /* what was asked of a node is not in the database that is left */
    {3, {{FAULT_OLD_DATABASE, 200}, {FAULT_CONTROLLER_DIES, 40}, {FAULT_TWICE, 300}}},
    /* what stands may not be taken back any more without a signature */
    {3, {{FAULT_SHORT, 1000}, {FAULT_PEOPLE, 8}, {FAULT_CLOCK, 4}}},
    /* what is done on a node does not go well */
    {3, {{FAULT_PREPARE, 40}, {FAULT_SETTLE, 40}, {FAULT_SETTLE_SLOW, 40}}},
};

/* And of the others one in seven one of these. */
static const struct theme stacked[] = {
    /* one change stands above another, and people want either back */
    {3, {{FAULT_FURTHER, 900}, {FAULT_OLDER, 100}, {FAULT_PEOPLE, 8}}},
    /* and it does not go well, or guards die over it */
    {3, {{FAULT_FURTHER, 900}, {FAULT_OLDER, 100}, {FAULT_DIES_AMID, 25}}},
    {3, {{FAULT_FURTHER, 900}, {FAULT_CUTS_SSH, 200}, {FAULT_POWER, 8}}},
    /* and its controller finds a database of before */
    {4,
     {{FAULT_FURTHER, 900},
      {FAULT_EARLIER_DATABASE, 300},
      {FAULT_CONTROLLER_DIES, 12},
      {FAULT_PEOPLE, 25}}},
};

enum {
    THEMES = sizeof(themes) / sizeof(themes[0]),
    STACKED = sizeof(stacked) / sizeof(stacked[0]),
};

/* NULL: this seed has none. */
static const struct theme *draw_theme(uint64_t seed)
{
    struct chance chance = {.state = seed ^ 0x6c62272e07bb0142u};

    if (chance_permille(&chance, THEMED_PERMILLE))
        return &themes[chance_between(&chance, 0, THEMES - 1)];
    return chance_permille(&chance, STACKED_PERMILLE)
               ? &stacked[chance_between(&chance, 0, STACKED - 1)]
               : NULL;
}

/* 0: it says nothing of that fault. */
static unsigned rate_in_theme(const struct theme *theme, enum fault fault)
{
    for (size_t i = 0; theme != NULL && i < theme->count; i++) {
        if (theme->faults[i].fault == fault)
            return theme->faults[i].permille;
    }
    return 0;
}

void faults_init(struct faults *faults, uint64_t seed, bool calm)
{
    static const unsigned densities[] = {80, 200, 400, 600}; /* of a thousand faults */
    struct chance seeds = {.state = seed};
    const struct theme *theme = draw_theme(seed);
    unsigned density;

    memset(faults, 0, sizeof(*faults));
    memset(faults->asked, 0xff, sizeof(faults->asked)); /* at -1: never yet */
    faults->seed = seed;
    density = densities[chance_between(&seeds, 0, sizeof(densities) / sizeof(densities[0]) - 1)];
    density = theme != NULL ? THEMED_DENSITY : density;
    for (unsigned i = 0; i < FAULT_COUNT && !calm; i++) {
        struct chance chance =
            chance_of(seed, &(struct strike){.fault = (enum fault)i, .host = FAULT_HOSTS});

        if (chance_permille(&chance, density))
            faults->permille[i] = (unsigned)chance_between(&chance, 1, kinds[i].max_permille);
        if (rate_in_theme(theme, (enum fault)i) > 0)
            faults->permille[i] = rate_in_theme(theme, (enum fault)i);
        if (i == FAULT_DELAY)
            faults->delay_max_ms = chance_between(&chance, 60, 8000);
    }
}

void faults_done(struct faults *faults)
{
    free(faults->strikes);
}

static int compare(const void *one, const void *other)
{
    const struct strike *a = one;
    const struct strike *b = other;

    if (a->fault != b->fault)
        return a->fault < b->fault ? -1 : 1;
    if (a->host != b->host)
        return a->host < b->host ? -1 : 1;
    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    return a->turn < b->turn ? -1 : a->turn > b->turn;
}

static bool may_strike(const struct strike_choice *choice, const struct strike *strike)
{
    if (choice == NULL || choice->whole[strike->fault])
        return true;
    return bsearch(strike, choice->strikes, choice->strikes_count, sizeof(*strike), compare) !=
           NULL;
}

static void note(struct faults *faults)
{
    size_t at = faults->strikes_count++;

    faults->strikes =
        mem_grow(faults->strikes, at, &faults->strikes_capacity, sizeof(faults->last));
    faults->strikes[at] = faults->last;
}

struct chance *fault_strikes(struct faults *faults, enum fault fault, int host)
{
    struct strike strike;

    if (faults->over || faults->permille[fault] == 0)
        return NULL;
    strike = ask(faults, fault, host);
    faults->detail = chance_of(faults->seed, &strike);
    if (!chance_permille(&faults->detail, faults->permille[fault]) ||
        !may_strike(faults->choice, &strike))
        return NULL;
    faults->last = strike;
    faults->struck[fault]++;
    if (faults->noted)
        note(faults);
    return &faults->detail;
}

enum { DRAWN = 63 };

struct chance *fault_draw(struct faults *faults, int host)
{
    struct strike drawn = ask(faults, FAULT_COUNT, host);

    drawn.fault = (enum fault)DRAWN; /* another fault in the list changes no story */
    faults->drawn = chance_of(faults->seed, &drawn);
    return &faults->drawn;
}

/* ---- as text --------------------------------------------------------------------------------- */

static enum fault find_fault(const char *name)
{
    unsigned i = 0;

    while (i < FAULT_COUNT && !text_equal(kinds[i].name, name))
        i++;
    return (enum fault)i;
}

static bool take_strike(struct strike_choice *choice, char *word)
{
    char *place = word;
    struct strike strike = {.fault = find_fault(strsep(&place, "."))};
    const char *host = strsep(&place, ".");
    const char *at = strsep(&place, "+");
    unsigned long long ms = 0, turn = 0;

    if (strike.fault == FAULT_COUNT)
        return false;
    if (host == NULL) {
        choice->whole[strike.fault] = true;
        return true;
    }
    strike.host = sim_host_number(host);
    if (strike.host < 0 || at == NULL || !text_parse_u64(at, UINT32_MAX, &ms) ||
        (place != NULL && !text_parse_u64(place, UINT32_MAX, &turn)) ||
        choice->strikes_count == STRIKES_MAX)
        return false;
    strike.at = (mono_t)ms;
    strike.turn = (uint32_t)turn;
    choice->strikes[choice->strikes_count++] = strike;
    return true;
}

bool strike_choice_parse(struct strike_choice *choice, const char *text)
{
    AUTO_FREE char *copy = mem_string(text);
    char *next = copy;

    memset(choice, 0, sizeof(*choice));
    if (text_equal(text, "nothing"))
        return true;
    while (next != NULL && *next != '\0') {
        if (!take_strike(choice, strsep(&next, ",")))
            return false;
    }
    strike_choice_sort(choice);
    return true;
}

void strike_choice_sort(struct strike_choice *choice)
{
    qsort(choice->strikes, choice->strikes_count, sizeof(choice->strikes[0]), compare);
}

void strike_choice_print(const struct strike_choice *choice)
{
    const char *between = "";

    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        if (!choice->whole[i])
            continue;
        printf("%s%s", between, kinds[i].name);
        between = ",";
    }
    for (uint32_t i = 0; i < choice->strikes_count; i++) {
        const struct strike *strike = &choice->strikes[i];

        printf("%s%s.%s.%lld", between, kinds[strike->fault].name, sim_host_name(strike->host),
               (long long)strike->at);
        if (strike->turn > 0)
            printf("+%u", strike->turn);
        between = ",";
    }
    if (between[0] == '\0')
        printf("nothing");
}
