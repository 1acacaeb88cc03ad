/*
 * rollout_script: plays a scenario in text against the rollout machine.
 */
#include "tests/unit/rollout_script.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"

enum { WORDS_MAX = 96, SIX_HOURS = 6 * 3600 };

struct words {
    uint32_t count;
    char *at[WORDS_MAX];
    char copy[512];
    const char *line;
};

void rollout_script_init(struct rollout_script *script)
{
    memset(script, 0, sizeof(*script));
    script->rollout = mem_alloc(1, sizeof(*script->rollout));
    script->effects = mem_alloc(1, sizeof(*script->effects));
}

void rollout_script_done(struct rollout_script *script)
{
    manifest_done(&script->manifest);
    free(script->rollout);
    free(script->effects);
}

static bool complain(struct rollout_script *script, const char *what, const char *line)
{
    snprintf(script->message, sizeof(script->message), "%s: '%.200s'", what, line);
    return false;
}

static void split(const char *line, struct words *words)
{
    char *rest = words->copy;

    words->count = 0;
    words->line = line;
    text_copy(words->copy, sizeof(words->copy), line);
    for (char *word; words->count < WORDS_MAX && (word = strtok_r(rest, " ", &rest)) != NULL;)
        words->at[words->count++] = word;
}

static const char *word(const struct words *words, uint32_t i)
{
    return i < words->count ? words->at[i] : "";
}

/* The line from its i-th word on. */
static const char *rest(const struct words *words, uint32_t i)
{
    return i < words->count ? words->line + (words->at[i] - words->copy) : "";
}

static struct nonce make_nonce(const char *number)
{
    struct nonce nonce;

    memset(nonce.bytes, (int)strtoul(number, NULL, 10), NONCE_SIZE);
    return nonce;
}

/* ---- fleet ---------------------------------------------------------------------------------- */

static void add_node(struct manifest *manifest, const char *name)
{
    struct stage *stage = &manifest->stages[manifest->stages_count - 1];
    struct manifest_plan *plan = &manifest->plans[manifest->plans_count++];

    text_copy(stage->nodes[stage->nodes_count++], NAME_SIZE, name);
    text_copy(plan->node, sizeof(plan->node), name);
    plan->quorum = 2;
}

/* Everybody else is a witness, and one agent outside. */
static void add_witnesses(struct manifest *manifest)
{
    for (uint32_t i = 0; i < manifest->plans_count; i++) {
        struct manifest_plan *plan = &manifest->plans[i];

        for (uint32_t j = 0; j < manifest->plans_count; j++) {
            if (i != j)
                text_copy(plan->witnesses[plan->witnesses_count++], NAME_SIZE,
                          manifest->plans[j].node);
        }
        text_copy(plan->witnesses[plan->witnesses_count++], NAME_SIZE, "office");
        text_copy(plan->witnesses[plan->witnesses_count++], NAME_SIZE, "laptop");
    }
}

static void set_option(struct manifest *manifest, struct approval *approval, const char *option)
{
    if (text_equal(option, "pause=each"))
        manifest->pause_after = PAUSE_EACH;
    else if (text_equal(option, "pause=none"))
        manifest->pause_after = PAUSE_NONE;
    else if (text_starts(option, "not-after="))
        approval->not_after = (int64_t)strtoul(strchr(option, '=') + 1, NULL, 10);
}

static void take_fleet(struct rollout_script *script, const struct words *words)
{
    struct manifest *manifest = &script->manifest;
    struct approval *approval = mem_alloc(1, sizeof(*approval));

    manifest->stages = mem_alloc(STAGES_MAX, sizeof(*manifest->stages));
    manifest->plans = mem_alloc(NODES_MAX, sizeof(*manifest->plans));
    text_copy(manifest->change, sizeof(manifest->change), "drill");
    manifest->period_s = 15;
    manifest->pause_after = PAUSE_FIRST;
    manifest->stages_count = 1;
    memset(approval->attempt.body.bytes, 7, HASH_SIZE);
    approval->attempt.sequence = 3;
    approval->not_after = SIX_HOURS;
    for (uint32_t i = 1; i < words->count; i++) {
        if (text_equal(word(words, i), "|"))
            manifest->stages_count++;
        else if (strchr(word(words, i), '=') != NULL)
            set_option(manifest, approval, word(words, i));
        else
            add_node(manifest, word(words, i));
    }
    add_witnesses(manifest);
    rollout_init(script->rollout, 1, manifest, approval);
    script->stored = script->rollout->record;
    free(approval);
}

/* ---- steps ---------------------------------------------------------------------------------- */

/* What has left by now is on the disk already. */
static bool check_stored(struct rollout_script *script, const char *line)
{
    if (memcmp(&script->stored, &script->rollout->record, sizeof(script->stored)) != 0)
        return complain(script, "the record is ahead of the disk", line);
    return true;
}

static bool print_effects(struct rollout_script *script, const char *line, FILE *out)
{
    for (uint32_t i = 0; i < script->effects->count; i++) {
        char text[1024];

        if (script->effects->list[i].kind == EFFECT_STORE)
            script->stored = script->rollout->record;
        else if (!check_stored(script, line))
            return false;
        rollout_effect_render(&script->effects->list[i], text, sizeof(text));
        fprintf(out, "-- [%5lld] %s\n", (long long)(script->now / 1000), text);
    }
    return check_stored(script, line);
}

static bool step(struct rollout_script *script, struct rollout_event *ev, const char *line,
                 FILE *out)
{
    ev->now = script->now;
    ev->unix_now = script->now / 1000;
    script->effects->count = 0;
    rollout_step(script->rollout, ev, script->effects);
    script->rows |= script->rollout->rows;
    return print_effects(script, line, out);
}

/* As the shell does: a time-out whenever one is due, until the time is over. */
static bool wait_for(struct rollout_script *script, unsigned seconds, FILE *out)
{
    mono_t until = script->now + (mono_t)seconds * 1000;
    unsigned steps = 0;

    for (;;) {
        struct rollout_event ev = {.kind = EVENT_TIMEOUT};
        mono_t at = rollout_deadline(script->rollout);

        if (at > until) {
            script->now = until;
            return true;
        }
        if (at > script->now)
            script->now = at;
        if (++steps > 4 * seconds + 100)
            return complain(script, "a deadline that never moves", "wait");
        if (!step(script, &ev, "wait", out))
            return false;
    }
}

static bool restart(struct rollout_script *script, FILE *out)
{
    struct rollout_event ev = {.kind = EVENT_RESUMED};

    rollout_load(script->rollout, &script->stored, &script->manifest);
    return step(script, &ev, "restart", out);
}

/* ---- events --------------------------------------------------------------------------------- */

static const struct {
    const char *says, *state;
    bool open, prepared;
} trial_states[] = {{"never", "idle", false, false},
                    {"prepared", "prepared", false, true},
                    {"trial", "soaking", true, false},
                    {"reverting", "reverting", true, false}};

static uint64_t index_of(struct rollout_script *script, const char *node)
{
    for (uint32_t i = 0; i < script->rollout->record.targets_count; i++) {
        if (text_equal(script->rollout->record.targets[i].name, node))
            return script->indexes[i];
    }
    return 0;
}

static void raise_index(struct rollout_script *script, const char *node)
{
    for (uint32_t i = 0; i < script->rollout->record.targets_count; i++) {
        if (text_equal(script->rollout->record.targets[i].name, node))
            script->indexes[i]++;
    }
}

static bool play_hello(struct rollout_script *script, const struct words *words, FILE *out)
{
    struct stack *stack = mem_alloc(1, sizeof(*stack));
    struct rollout_event ev = {.kind = EVENT_HELLO, .node = word(words, 1), .hello = {stack, 0}};
    struct generation_id id = {script->rollout->record.attempt, make_nonce(word(words, 3))};
    bool done;

    text_copy(stack->node, sizeof(stack->node), word(words, 1));
    memset(stack->nonce.bytes, 0xa0 + script->hellos++ % 64, NONCE_SIZE);
    stack->receipt_index =
        words->count > 4 ? strtoul(word(words, 4), NULL, 10) : index_of(script, word(words, 1));
    ev.hello.asked_at = 1000 * (mono_t)strtoul(word(words, 5), NULL, 10);
    if (text_equal(word(words, 2), "confirmed") || text_equal(word(words, 2), "doubted")) {
        stack->generations_count = 1;
        stack->generations[0].id = id;
        stack->generations[0].in_doubt = text_equal(word(words, 2), "doubted");
    }
    for (size_t i = 0; i < sizeof(trial_states) / sizeof(trial_states[0]); i++) {
        if (!text_equal(word(words, 2), trial_states[i].says))
            continue;
        text_copy(stack->trial_state, sizeof(stack->trial_state), trial_states[i].state);
        stack->trial_open = trial_states[i].open;
        if (trial_states[i].open || trial_states[i].prepared)
            stack->trial = id;
    }
    done = step(script, &ev, words->line, out);
    free(stack);
    return done;
}

static const struct {
    const char *name;
    enum end_cause cause;
} causes[] = {{"failed", CAUSE_PROOF_FAILED}, {"missing", CAUSE_PROOF_MISSING},
              {"aborted", CAUSE_ABORTED},     {"ordered", CAUSE_ORDERED},
              {"rescued", CAUSE_RESCUED},     {"apply", CAUSE_APPLY_FAILED}};

static bool play_receipt(struct rollout_script *script, const struct words *words, FILE *out)
{
    struct receipt receipt = {.generation.attempt = script->rollout->record.attempt,
                              .kind = RECEIPT_KIND_COUNT};
    struct rollout_event ev = {.kind = EVENT_RECEIPT, .node = word(words, 1), .receipt = &receipt};

    text_copy(receipt.node, sizeof(receipt.node), word(words, 1));
    for (unsigned i = 0; i < RECEIPT_KIND_COUNT; i++) {
        if (text_equal(word(words, 2), receipt_kind_name((enum receipt_kind)i)))
            receipt.kind = (enum receipt_kind)i;
    }
    if (receipt.kind != RECEIPT_TOMBSTONE)
        receipt.generation.start = make_nonce(word(words, 3));
    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
        if (text_equal(word(words, 4), causes[i].name))
            receipt.cause = causes[i].cause;
    }
    text_copy(receipt.reason, sizeof(receipt.reason), rest(words, 5));
    raise_index(script, word(words, 1));
    receipt.index = index_of(script, word(words, 1));
    return step(script, &ev, words->line, out);
}

static bool play_statement(struct rollout_script *script, const struct words *words, FILE *out)
{
    struct rollout_event ev = {.kind = EVENT_STATEMENT, .node = word(words, 4)};

    ev.statement.signer = word(words, 1);
    ev.statement.passes = text_equal(word(words, 2), "yes");
    ev.statement.body = script->rollout->record.attempt.body;
    ev.statement.nonce = make_nonce(word(words, 5));
    for (unsigned i = 0; i < PHASE_COUNT; i++) {
        if (text_equal(word(words, 3), phase_name((enum phase)i)))
            ev.statement.phase = (enum phase)i;
    }
    return step(script, &ev, words->line, out);
}

static bool play_guard(struct rollout_script *script, const struct words *words, FILE *out)
{
    struct rollout_event ev = {.node = word(words, 1), .reason = rest(words, 2)};
    struct generation_id id = {script->rollout->record.attempt, make_nonce(word(words, 2))};

    if (text_equal(word(words, 0), "prepared")) {
        ev.kind = EVENT_PREPARED;
        ev.prepared = id;
    } else if (text_equal(word(words, 0), "nonce")) {
        ev.kind = EVENT_NONCE;
        ev.nonce.id = id;
        ev.nonce.nonce = make_nonce(word(words, 3));
    } else if (text_equal(word(words, 0), "lost")) {
        ev.kind = EVENT_LOST;
    } else {
        ev.kind = EVENT_REFUSED;
        ev.refused.attempt = id.attempt;
        ev.refused.expired = text_equal(word(words, 0), "expired");
        ev.refused.lasting = text_equal(word(words, 0), "lasting");
        if (ev.refused.expired)
            ev.reason = "the nonce is older than 30 s";
    }
    return step(script, &ev, words->line, out);
}

static bool play_gates(struct rollout_script *script, const struct words *words, FILE *out)
{
    struct rollout_event ev = {.kind = EVENT_GATES, .reason = rest(words, 2)};

    ev.gates.stage = script->rollout->record.stage;
    ev.gates.pass = text_equal(word(words, 1), "pass");
    ev.gates.awaits = text_equal(word(words, 1), "await");
    return step(script, &ev, words->line, out);
}

static const struct {
    const char *word;
    enum rollout_event_kind kind;
    uint32_t node, by, reason; /* which words they are; 0: none */
} people[] = {
    {"start", EVENT_START, 0, 1, 0},           {"next", EVENT_NEXT, 0, 1, 0},
    {"abort", EVENT_ABORT, 0, 1, 2},           {"emergency", EVENT_EMERGENCY, 1, 2, 3},
    {"freeze", EVENT_FREEZE, 1, 2, 3},         {"hold", EVENT_HOLD, 1, 2, 3},
    {"failing", EVENT_CHECK_FAILING, 1, 0, 2}, {"removed", EVENT_REMOVED, 1, 0, 2},
};

static bool play_person(struct rollout_script *script, const struct words *words, FILE *out)
{
    for (size_t i = 0; i < sizeof(people) / sizeof(people[0]); i++) {
        struct rollout_event ev = {.kind = people[i].kind};

        if (!text_equal(word(words, 0), people[i].word))
            continue;
        if (people[i].node > 0 && !text_equal(word(words, 1), "all") &&
            !text_equal(word(words, 1), "fleet"))
            ev.node = word(words, 1);
        ev.by = people[i].by > 0 ? word(words, people[i].by) : NULL;
        ev.reason = people[i].reason > 0 ? rest(words, people[i].reason) : NULL;
        return step(script, &ev, words->line, out);
    }
    return complain(script, "not understood", words->line);
}

static bool show(const struct rollout_script *script, FILE *out)
{
    const struct rollout *rollout = script->rollout;
    struct rollout_wait wait;

    rollout_explain_wait(rollout, &wait);
    fprintf(out, "-- = %s, stage %u, outcome '%s', waits for '%s'%s%s\n",
            rollout_state_name(rollout->record.state), rollout->record.stage + 1,
            rollout_outcome(rollout), rollout_waiting_for(rollout),
            rollout_is_ended(rollout) ? ", ended" : "",
            rollout_has_open_trial(rollout) ? ", a trial is open" : "");
    if (wait.what[0] != '\0')
        fprintf(out, "-- = it waits for %s since %lld; %s: `%s`\n", wait.what,
                (long long)wait.since, wait.how, wait.command);
    for (uint32_t i = 0; i < rollout->record.targets_count; i++)
        fprintf(out, "-- = %s %s, wants %s\n", rollout->record.targets[i].name,
                target_state_name(&rollout->targets[i]),
                target_wants_name(rollout->record.targets[i].wants));
    return true;
}

bool rollout_script_play(struct rollout_script *script, const char *line, FILE *out)
{
    struct words words;
    const char *verb;

    split(line, &words);
    verb = word(&words, 0);
    if (verb[0] == '\0' || verb[0] == '#')
        return true;
    if (text_equal(verb, "fleet")) {
        take_fleet(script, &words);
        return true;
    }
    if (text_equal(verb, "wait"))
        return wait_for(script, (unsigned)strtoul(word(&words, 1), NULL, 10), out);
    if (text_equal(verb, "restart"))
        return restart(script, out);
    if (text_equal(verb, "show"))
        return show(script, out);
    if (text_equal(verb, "hello"))
        return play_hello(script, &words, out);
    if (text_equal(verb, "receipt"))
        return play_receipt(script, &words, out);
    if (text_equal(verb, "says"))
        return play_statement(script, &words, out);
    if (text_equal(verb, "gates"))
        return play_gates(script, &words, out);
    if (text_equal(verb, "prepared") || text_equal(verb, "nonce") || text_equal(verb, "lost") ||
        text_equal(verb, "refused") || text_equal(verb, "lasting") || text_equal(verb, "expired"))
        return play_guard(script, &words, out);
    return play_person(script, &words, out);
}
