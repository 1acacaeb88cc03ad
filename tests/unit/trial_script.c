/*
 * trial_script: the words of a script: how a guard's surroundings behave, and what happens to it.
 */
#include "tests/unit/trial_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/text.h"
#include "tests/unit/trial_world.h"

enum { LINE_SIZE = 1024 };

/* ---- lines: how the surroundings behave ----------------------------------------------------- */

static enum script_way parse_way(const char *line, const char *word)
{
    static const char *const names[] = {"works", "fails", "hangs", "left"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (word != NULL && text_equal(word, names[i]))
            return (enum script_way)i;
    }
    fail_msg("%s: accepted are works, fails, hangs, left", line);
    return WAY_WORKS;
}

static void set_way(struct script *script, const char *line, enum script_way *at,
                    enum guard_event_kind kind, const char *word)
{
    *at = parse_way(line, word);
    if (*at != WAY_HANGS)
        script_release(script, kind);
}

static void set_answer(struct script *script, const char *line, const char *name, const char *word)
{
    int witness = world_find_witness(name);
    bool silent = text_equal(word, "silent");
    enum verdict_value value = VERDICT_PASS;

    if (!silent && !verdict_parse(word, &value))
        fail_msg("%s: accepted are pass, fail, unknown, silent", line);
    if (witness >= 0) {
        script->silent[witness] = silent;
        script->answers[witness] = value;
    } else if (text_equal(name, "own")) {
        script->own_silent = silent;
        script->own = value;
    } else {
        script->database = value;
    }
}

/* True when the line was about that. */
static bool set_surroundings(struct script *script, const char *line, char **words)
{
    unsigned operation = words[1] != NULL ? (unsigned)atoi(words[1]) - 1 : 0;

    if (text_equal(words[0], "disk") && text_equal(words[1], "takes"))
        script->disk_ms = (int64_t)(atof(words[2]) * 1000);
    else if (text_equal(words[0], "disk"))
        set_way(script, line, &script->disk_way, ON_RECORDED, words[1]);
    else if (text_equal(words[0], "prepares"))
        set_way(script, line, &script->prepare_way, ON_PREPARED, words[1]);
    else if (text_equal(words[0], "settles"))
        set_way(script, line, &script->settle_way, ON_SETTLED, words[1]);
    else if (text_equal(words[0], "verify"))
        set_way(script, line, &script->verify_way, ON_VERIFIED, words[1]);
    else if (text_equal(words[0], "apply"))
        set_way(script, line, &script->apply_way[operation], ON_APPLIED, words[2]);
    else if (text_equal(words[0], "undo"))
        set_way(script, line, &script->undo_way[operation], ON_UNDONE, words[2]);
    else if (text_equal(words[0], "joins"))
        script->joins[operation] = true;
    else if (text_equal(words[0], "answer"))
        set_answer(script, line, words[1], words[2]);
    else if (text_equal(words[0], "source"))
        script->sources[world_find_witness(words[1])] =
            text_equal(words[2], "counts") ? 1 : (text_equal(words[2], "not") ? 0 : -1);
    else if (text_equal(words[0], "own"))
        script->own_last = text_equal(words[1], "last");
    else if (text_equal(words[0], "path"))
        script->path_ms = (int64_t)(atof(words[1]) * 1000);
    else if (text_equal(words[0], "dials"))
        script->dials_dead = text_equal(words[1], "dead");
    else
        return false;
    return true;
}

/* ---- lines: what happens -------------------------------------------------------------------- */

/* What stands behind that word, or NULL. */
static char **behind(char **words, const char *word)
{
    for (; *words != NULL; words++) {
        if (text_equal(*words, word))
            return words + 1;
    }
    return NULL;
}

static bool has_word(char **words, const char *word)
{
    return behind(words, word) != NULL;
}

static void boot(struct script *script, const char *word)
{
    struct guard_event ev = {.kind = ON_BOOT, .boot = CAUSE_REBOOT};

    if (text_equal(word, "died"))
        ev.boot = CAUSE_GUARD_DIED;
    else if (text_equal(word, "rescued"))
        ev.boot = CAUSE_RESCUED;
    script_give(script, &ev);
}

static void give_prepare(struct script *script, char **words)
{
    struct world_prepare given;
    struct guard_event ev = {.kind = ON_PREPARE};

    world_fill_prepare(&given, words);
    given.approval.not_after = world_unix(script->now) + given.valid_s;
    ev.prepare = given.prepare;
    ev.prepare.approval = &given.approval;
    script_give(script, &ev);
    world_prepare_done(&given);
}

/* Its word is of the nonce before; everything else is of the one that is out. */
static void stand_before(const struct script *script, struct world_start *given)
{
    for (uint32_t i = 0; i < given->start.statements_count; i++) {
        if (given->statements[i].phase == PHASE_STANDING)
            given->statements[i].nonce = script->offered_before;
    }
}

static void give_start(struct script *script, char **words)
{
    struct world_start given;
    struct guard_event ev = {.kind = ON_START};

    world_fill_start(&given, words,
                     has_word(words, "late") ? &script->offered_before : &script->offered);
    if (has_word(words, "stood-before"))
        stand_before(script, &given);
    ev.start = given.start;
    script_give(script, &ev);
    world_start_done(&given);
}

static struct generation_id find_id(const struct script *script, char **words)
{
    struct generation_id id = {.attempt = world_attempt(words)};
    const struct ledger_generation *generation = ledger_find_attempt(script->ledger, &id.attempt);

    if (attempt_equal(&script->trial->id.attempt, &id.attempt))
        id = script->trial->id;
    return generation != NULL ? generation->id : id;
}

/* As rescue_order() writes it before its boot. */
static void order_by_root(struct script *script, char **words)
{
    const struct ledger *ledger = script->ledger;
    const struct ledger_generation *at = ledger->is_open ? &ledger->open : ledger_top(ledger);
    struct guard_record record = {
        .kind = RECORD_MARK,
        .mark = ledger->is_open ? MARK_REVERTING : MARK_POPPING,
        .cause = CAUSE_RESCUED,
        .reason = "root ran oceanid-rollback",
        .has_order = true,
        .order = {.cause = CAUSE_RESCUED, .reason = "root ran oceanid-rollback"}};
    const struct attempt attempt = world_attempt(words);

    assert_non_null(at);
    assert_non_null(ledger_find_attempt(ledger, &attempt));
    assert_true(script->disk_count < SCRIPT_DISK_MAX);
    record.id = at->id;
    record.order.down_to = ledger_find_attempt(ledger, &attempt)->id;
    script->disk[script->disk_count++] = record;
    script->synced_count = script->disk_count;
    ledger_take(script->ledger, &record);
}

static void give_end(struct script *script, enum guard_event_kind kind, char **words)
{
    struct receipt fellow = {.kind = RECEIPT_REVERTED, .node = "a"};
    struct guard_event ev = {.kind = kind, .end = {.reason = "as it was asked"}};

    if (script->reason != NULL)
        ev.end.reason = script->reason;
    if (has_word(words, "because"))
        ev.end.reason = behind(words, "because")[0];
    if (words[1] != NULL)
        ev.end.id = find_id(script, words);
    if (has_word(words, "operator"))
        ev.end.right = RIGHT_OPERATOR;
    if (has_word(words, "old"))
        ev.end.id.start = script->offered_before;
    if (has_word(words, "delayed"))
        ev.end.stack_nonce = script->hello_before;
    else if (!has_word(words, "stale"))
        ev.end.stack_nonce = script->trial->stack_nonce;
    fellow.generation.attempt = ev.end.id.attempt;
    if (has_word(words, "fellow"))
        ev.end.fellow = &fellow;
    script_give(script, &ev);
}

static void give_standing(struct script *script, char **words)
{
    struct guard_event ev = {.kind = ON_STANDING};

    ev.standing.body = world_body(words[1]);
    ev.standing.subject = "c";
    ev.standing.nonce = (struct nonce){{0xcc}};
    script_give(script, &ev);
}

static void give_barred(struct script *script, const char *witness)
{
    struct guard_event ev = {.kind = ON_SOURCE};

    ev.source.nonce = script->offered;
    ev.source.witness = witness;
    script_give(script, &ev);
}

/* True when the line was such. */
static bool give_words(struct script *script, char **words)
{
    struct guard_event ev = {.kind = ON_STACK};

    if (text_equal(words[0], "boot"))
        boot(script, words[1]);
    else if (text_equal(words[0], "prepare"))
        give_prepare(script, words);
    else if (text_equal(words[0], "start"))
        give_start(script, words);
    else if (text_equal(words[0], "abort"))
        give_end(script, ON_ABORT, words);
    else if (text_equal(words[0], "pop"))
        give_end(script, ON_POP, words);
    else if (text_equal(words[0], "standing"))
        give_standing(script, words);
    else if (text_equal(words[0], "barred"))
        give_barred(script, words[1]);
    else if (text_equal(words[0], "stack")) {
        script->hello_before = script->trial->stack_nonce;
        script_give(script, &ev);
    } else if (text_equal(words[0], "fence"))
        ev.kind = ON_FENCE, script_give(script, &ev);
    else if (text_equal(words[0], "stop"))
        ev.kind = ON_STOP, script_give(script, &ev);
    else
        return false;
    return true;
}

void script_run_line(struct script *script, const char *line)
{
    char copy[LINE_SIZE];
    char *words[64] = {NULL};
    char *rest = copy;

    text_copy(copy, sizeof(copy), line);
    for (unsigned i = 0; i < 63; i++) {
        words[i] = strtok_r(rest, " ", &rest);
        if (words[i] == NULL)
            break;
    }
    if (words[0] == NULL || words[0][0] == '#')
        return;
    if (text_equal(words[0], "wait"))
        script_wait(script, (int64_t)(atof(words[1]) * 1000));
    else if (text_equal(words[0], "restart")) {
        script_restart(script, has_word(words, "keeps") ? (unsigned)atoi(words[3]) : 0);
        if (has_word(words, "down"))
            order_by_root(script, behind(words, "down"));
        boot(script, words[1]);
    } else if (text_equal(words[0], "lose")) {
        const struct attempt attempt = world_attempt(words);

        script_lose(script, &attempt, has_word(words, "begin"));
    } else if (!set_surroundings(script, line, words) && !give_words(script, words)) {
        fail_msg("%s: not understood; trial_script.h has the words", line);
    }
}

char *script_run(struct script *script, const char *text)
{
    char line[LINE_SIZE];

    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        assert_true(len < sizeof(line));
        memcpy(line, text, len);
        line[len] = '\0';
        text += len + (text[len] == '\n');
        if (text_starts(line, "--"))
            continue;
        script_print(script, "%s\n", line);
        script_run_line(script, line);
    }
    return script->out;
}
