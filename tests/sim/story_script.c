/*
 * story_script: the words of a story, and what each does to the simulated world.
 */
#include "tests/sim/story_script.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/text.h"
#include "tests/sim/story_faults.h"

enum { SOON_MS = 300 * 1000, WAIT_MAX_S = 30 * 86400 };

static const mono_t never_quiet = INT64_MAX;

bool story_fail(struct story_script *script, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(script->message, sizeof(script->message), format, arguments);
    va_end(arguments);
    return false;
}

/* ---- time ------------------------------------------------------------------------------------ */

static bool step(struct story_script *script)
{
    return world_step(script->world) ||
           story_fail(script, "invariant %s", script->world->violation);
}

static bool run_for(struct story_script *script, int64_t ms)
{
    struct world *world = script->world;
    mono_t until = world->now + ms;

    while (world->heap_count > 0 && world->heap[0].at <= until) {
        if (!step(script))
            return false;
    }
    world->now = world->faults.now = until;
    return true;
}

static bool is_so(const struct world *world, const struct story_words *words, int host)
{
    const char *state = host >= 0 ? trial_state_name(world->hosts[host].trial->state)
                                  : rollout_state_name(world->lead.rollout->record.state);

    return text_equal(state, words->list[2]);
}

static bool play_until(struct story_script *script, const struct story_words *words, int host)
{
    struct world *world = script->world;
    mono_t until = world->now + SOON_MS;

    while (!is_so(world, words, host)) {
        if (world->now >= until)
            return story_fail(script, "%s does not come to '%s' in %d s", words->list[1],
                              words->list[2], SOON_MS / 1000);
        if (!step(script))
            return false;
    }
    return true;
}

static bool play_wait(struct story_script *script, const struct story_words *words, int host)
{
    unsigned long long seconds;

    (void)host;
    if (!text_parse_u64(words->list[1], WAIT_MAX_S, &seconds))
        return story_fail(script, "wait %s: accepted are 0 to %d s", words->list[1], WAIT_MAX_S);
    return run_for(script, (int64_t)seconds * 1000);
}

static void build(struct story_script *script, FILE *out, bool wide)
{
    struct world_plan plan = {.seed = 1, .way = WORLD_CALM, .nodes = SIM_NODES, .wide = wide};

    script->world = world_new(&plan);
    script->world->quiet_from = never_quiet;
    script->world->unattended = script->world->golden = true;
    script->world->telling = TELLS_STORY;
    script->world->out = out;
    world_begin_unsigned(script->world);
}

/* ---- the change, and witnesses --------------------------------------------------------------- */

static uint64_t bits_from(struct world *world, const struct story_words *words)
{
    int from = words->count == 4 ? world_find_host(world, words->list[3]) : -1;

    return from >= 0 ? UINT64_C(1) << from : UINT64_MAX;
}

static bool play_wide(struct story_script *script, const struct story_words *words, int host)
{
    FILE *out = script->world->out;

    (void)words;
    (void)host;
    if (script->world->now > 0)
        return story_fail(script, "something has happened already: it has to be the first word");
    world_free(script->world);
    build(script, out, true);
    return true;
}

static bool play_cuts(struct story_script *script, const struct story_words *words, int host)
{
    script->world->hosts[host].damages[script->change].cut_from |= bits_from(script->world, words);
    return true;
}

static bool play_breaks(struct story_script *script, const struct story_words *words, int host)
{
    (void)words;
    script->world->hosts[host].damages[script->change].breaks_own = true;
    return true;
}

static bool play_blind(struct story_script *script, const struct story_words *words, int host)
{
    script->world->hosts[host].blind_from |= bits_from(script->world, words);
    world_tell(script->world, "SSH to %s fails from %s", words->list[1],
               words->count == 4 ? words->list[3] : "everywhere");
    return true;
}

static bool play_sees(struct story_script *script, const struct story_words *words, int host)
{
    script->world->hosts[host].blind_from = 0;
    world_tell(script->world, "SSH to %s works again from everywhere", words->list[1]);
    return true;
}

static bool play_lies(struct story_script *script, const struct story_words *words, int host)
{
    struct host *witness = &script->world->hosts[host];

    witness->lie = text_equal(words->list[2], "yes")  ? LIE_YES
                   : text_equal(words->list[2], "no") ? LIE_NO
                                                      : LIE_NONE;
    world_tell(script->world, "%s says %s from now on", witness->name,
               witness->lie == LIE_YES  ? "yes whatever it sees"
               : witness->lie == LIE_NO ? "no whatever it sees"
                                        : "what it sees");
    return true;
}

/* ---- people ---------------------------------------------------------------------------------- */

/* host: -1 for what is said of none. */
static bool say(struct story_script *script, enum rollout_event_kind kind, int host)
{
    bool named = host >= 0;
    const char *node = named ? script->world->hosts[host].name : NULL;
    struct rollout_event ev = {.kind = kind, .by = "anna", .reason = "she says so", .node = node};

    world_tell(script->world, "anna says %s%s%s", rollout_event_name(kind), named ? " of " : "",
               named ? node : "");
    if (!script->world->lead.up)
        return story_fail(script, "nobody hears it: the controller is not there");
    lead_give(script->world, &ev);
    return true;
}

static bool play_person(struct story_script *script, const struct story_words *words, int host)
{
    static const struct {
        const char *word;
        enum rollout_event_kind kind;
    } says[] = {{"next", EVENT_NEXT},
                {"abort", EVENT_ABORT},
                {"emergency", EVENT_EMERGENCY},
                {"freeze", EVENT_FREEZE},
                {"failing", EVENT_CHECK_FAILING}};

    for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
        if (text_equal(says[i].word, words->list[0]))
            return say(script, says[i].kind, host);
    }
    return story_fail(script, "nobody says '%s'", words->list[0]);
}

static bool play_approve(struct story_script *script, const struct story_words *words, int host)
{
    (void)words;
    (void)host;
    if (script->world->attempt > 0 && !lead_may_sign(script->world, script->change))
        return story_fail(script, "an earlier attempt has not ended by receipts of all targets");
    lead_sign(script->world, script->change);
    return true;
}

/* Before it is approved: its body is another one then. */
static bool play_without(struct story_script *script, const struct story_words *words, int host)
{
    if (!world_leave_out(script->world, script->change, host))
        return story_fail(script, "%s: it is its only node, or it was signed already",
                          words->list[1]);
    return true;
}

/* From here on it is that one that does harm, is approved and is looked for. */
static bool play_change(struct story_script *script, const struct story_words *words, int host)
{
    static const char *const names[SIM_CHANGES] = {"first", "second", "third"};

    (void)host;
    for (int change = 0; change < SIM_CHANGES; change++) {
        if (!text_equal(words->list[1], names[change]))
            continue;
        script->change = change;
        world_write_change(script->world, change);
        return true;
    }
    return story_fail(script, "change '%s': accepted are first, second and third", words->list[1]);
}

/* Its place in that node's stack, from 0; -1: it is not there. */
static int find_generation(struct story_script *script, const char *attempt, int host)
{
    const struct ledger *ledger = script->world->hosts[host].ledger;
    unsigned long long sequence;

    for (uint32_t i = 0; i < ledger->generations_count; i++) {
        if (text_parse_u64(attempt, SIM_ATTEMPTS_MAX, &sequence) &&
            ledger->generations[i].id.attempt.sequence == sequence)
            return (int)i;
    }
    return -1;
}

/* For what is on top, or down to that attempt. */
static bool play_order(struct story_script *script, const struct story_words *words, int host)
{
    int place;

    if (words->count == 2) {
        people_sign_order(script->world, host);
        return true;
    }
    place = find_generation(script, words->list[2], host);
    if (place < 0)
        return story_fail(script, "attempt %s does not stand on %s", words->list[2],
                          words->list[1]);
    people_order_older(script->world, host, (uint32_t)place);
    return true;
}

static bool play_older(struct story_script *script, const struct story_words *words, int host)
{
    int place = find_generation(script, words->list[2], host);

    if (place < 0)
        return story_fail(script, "attempt %s does not stand on %s", words->list[2],
                          words->list[1]);
    lead_want_older(script->world, host,
                    script->world->hosts[host].ledger->generations[place].id.attempt.sequence);
    return true;
}

static bool play_gates(struct story_script *script, const struct story_words *words, int host)
{
    (void)host;
    script->world->gates_say_no = text_equal(words->list[1], "no");
    script->world->gates_await = text_equal(words->list[1], "await");
    return true;
}

/* ---- what has to be -------------------------------------------------------------------------- */

static bool check_hosts(struct story_script *script, const struct story_words *words, bool changed)
{
    static const char *const which[SIM_CHANGES] = {"", "second ", "third "};

    for (uint32_t i = 1; i < words->count; i++) {
        int host = world_find_host(script->world, words->list[i]);

        if (host < 0 || sim_has(&script->world->hosts[host], script->change) != changed)
            return story_fail(script, "%s has%s the %schange in its kernel", words->list[i],
                              changed ? " not" : "", which[script->change]);
        world_tell(script->world, "%s %s%s%s", words->list[i], changed ? "has the " : "",
                   changed ? which[script->change] : "",
                   changed                       ? "change in its kernel"
                   : script->change == SIM_FIRST ? "is as it was before"
                                                 : "is as it was before that change");
    }
    return true;
}

static bool play_stands(struct story_script *script, const struct story_words *words, int host)
{
    (void)host;
    return check_hosts(script, words, true);
}

static bool play_clean(struct story_script *script, const struct story_words *words, int host)
{
    (void)host;
    return check_hosts(script, words, false);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static const struct command {
    const char *word;
    uint32_t host_at; /* which word names a host; 0: none does */
    uint32_t least, most;
    story_play_fn *play;
} commands[] = {
    {"wide", 0, 1, 1, play_wide},
    {"cuts", 1, 2, 4, play_cuts},
    {"breaks", 1, 2, 2, play_breaks},
    {"approve", 0, 1, 1, play_approve},
    {"wait", 0, 2, 2, play_wait},
    {"until", 1, 3, 3, play_until},
    {"next", 0, 1, 1, play_person},
    {"abort", 0, 1, 1, play_person},
    {"emergency", 1, 1, 2, play_person},
    {"freeze", 1, 1, 2, play_person},
    {"failing", 1, 2, 2, play_person},
    {"order", 1, 2, 3, play_order},
    {"off", 1, 2, 2, story_play_off},
    {"on", 1, 2, 2, story_play_on},
    {"kill", 2, 2, 3, story_play_kill},
    {"start", 2, 2, 3, story_play_start},
    {"cut", 1, 2, 2, story_play_cut},
    {"connect", 1, 2, 2, story_play_connect},
    {"dials", 1, 3, 3, story_play_dials},
    {"blind", 1, 2, 4, play_blind},
    {"sees", 1, 2, 2, play_sees},
    {"lies", 1, 3, 3, play_lies},
    {"hangs", 1, 3, 3, story_play_hangs},
    {"stuck", 1, 3, 3, story_play_stuck},
    {"full", 0, 2, 2, story_play_full},
    {"backup", 0, 1, 1, story_play_backup},
    {"restore", 0, 1, 1, story_play_restore},
    {"gates", 0, 2, 2, play_gates},
    {"stands", 0, 2, 4, play_stands},
    {"clean", 0, 2, 4, play_clean},
    {"change", 0, 2, 2, play_change},
    {"older", 1, 3, 3, play_older},
    {"without", 1, 2, 2, play_without},
    {"again", 0, 1, 1, story_play_again},
};

/* What may stand in the place of a host. */
static bool needs_host(const char *word)
{
    return !text_equal(word, "rollout") && !text_equal(word, "controller");
}

static bool play(struct story_script *script, const struct command *command,
                 const struct story_words *words)
{
    int host = -1;

    if (words->count < command->least || words->count > command->most)
        return story_fail(script, "'%s' takes %u to %u words", command->word, command->least - 1,
                          command->most - 1);
    if (command->host_at > 0 && command->host_at < words->count) {
        host = world_find_host(script->world, words->list[command->host_at]);
        if (host < 0 && needs_host(words->list[command->host_at]))
            return story_fail(script, "no host '%s'", words->list[command->host_at]);
    }
    if (!command->play(script, words, host))
        return false;
    return script->world->violation[0] == '\0' ||
           story_fail(script, "invariant %s", script->world->violation);
}

bool story_script_play(struct story_script *script, const char *line)
{
    AUTO_FREE char *copy = mem_string(line);
    struct story_words words = {0};
    char *next = copy;

    while (next != NULL && words.count < STORY_WORDS_MAX) {
        const char *word = strsep(&next, " ");

        if (*word != '\0')
            words.list[words.count++] = word;
    }
    if (words.count == 0 || words.list[0][0] == '#')
        return true;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (text_equal(commands[i].word, words.list[0]))
            return play(script, &commands[i], &words);
    }
    return story_fail(script, "'%s' is not a word of stories", words.list[0]);
}

void story_script_init(struct story_script *script, FILE *out)
{
    memset(script, 0, sizeof(*script));
    build(script, out, false);
}

void story_script_done(struct story_script *script)
{
    world_free(script->world);
}
