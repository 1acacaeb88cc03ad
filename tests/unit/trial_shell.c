/*
 * trial_shell: a guard's disk, kernel, witnesses and own agent, as a script says that they behave.
 */
#include "tests/unit/trial_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/guard/core/admission.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "tests/unit/trial_world.h"

enum { STEPS_MAX = 20000, LINE_SIZE = 1024 };

uint32_t script_rows_taken[TRIAL_ROWS_MAX];

/* ---- the trace ------------------------------------------------------------------------------ */

void script_print(struct script *script, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list args;
    size_t len;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    len = strlen(line);
    while (script->out_len + len + 1 > script->out_capacity)
        script->out = mem_grow(script->out, script->out_capacity, &script->out_capacity, 1);
    memcpy(script->out + script->out_len, line, len + 1);
    script->out_len += len;
}

static void print_effect(struct script *script, const struct guard_effect *effect)
{
    char line[600];

    guard_effect_render(effect, line, sizeof(line));
    script_print(script, "-- [%8.3f] %s\n", (double)(script->now - WORLD_BEGIN) / 1000, line);
}

/* ---- life ----------------------------------------------------------------------------------- */

struct script *script_new(void)
{
    struct script *script = mem_alloc(1, sizeof(*script));

    script->trial = mem_alloc(1, sizeof(*script->trial));
    script->ledger = mem_alloc(1, sizeof(*script->ledger));
    script->effects = mem_alloc(1, sizeof(*script->effects));
    script->disk = mem_alloc(SCRIPT_DISK_MAX, sizeof(*script->disk));
    script->now = WORLD_BEGIN;
    script->path_ms = 100;
    script->own = script->database = VERDICT_PASS;
    for (int i = 0; i < SCRIPT_WITNESSES; i++) {
        script->answers[i] = VERDICT_PASS;
        script->sources[i] = 1;
    }
    ledger_init(script->ledger);
    trial_init(script->trial, script->ledger, "b");
    return script;
}

static void count_rows(struct script *script)
{
    for (int i = 0; i < TRIAL_ROWS_MAX; i++)
        script_rows_taken[i] += script->trial->rows_taken[i];
}

static void drop_pending(struct script *script)
{
    for (uint32_t i = 0; i < script->pending_count; i++)
        free(script->pending[i].record);
    script->pending_count = 0;
}

void script_free(struct script *script)
{
    count_rows(script);
    drop_pending(script);
    free(script->trial);
    free(script->ledger);
    free(script->effects);
    free(script->disk);
    free(script->out);
    free(script);
}

static void write_disk(struct script *script, const struct guard_record *record)
{
    assert_true(script->disk_count < SCRIPT_DISK_MAX);
    script->disk[script->disk_count++] = *record;
    for (uint32_t i = 0; record->kind == RECORD_INTENT && i <= record->more; i++)
        script->intent_durable[record->operation + i] = true;
    if (record->kind == RECORD_BEGIN)
        memset(script->intent_durable, 0, sizeof(script->intent_durable));
}

static void name_receipt(struct guard_record *record)
{
    if (record->kind == RECORD_RECEIPT)
        record->receipt.receipt_hash = world_receipt((unsigned)record->receipt.receipt.index);
}

/* The first of those under way, in the order of asking; none is synced. */
static void keep_records(struct script *script, unsigned count)
{
    for (uint64_t order = 0; order < script->order && count > 0; order++) {
        for (uint32_t i = 0; i < script->pending_count; i++) {
            if (script->pending[i].order != order || script->pending[i].record == NULL)
                continue;
            name_receipt(script->pending[i].record);
            write_disk(script, script->pending[i].record);
            count--;
        }
    }
}

void script_restart(struct script *script, unsigned keeps)
{
    count_rows(script);
    keep_records(script, keeps);
    drop_pending(script);
    ledger_init(script->ledger);
    for (uint32_t i = 0; i < script->disk_count; i++)
        ledger_take(script->ledger, &script->disk[i]);
    trial_init(script->trial, script->ledger, "b");
}

static bool says_the_end(const struct guard_record *record)
{
    return record->kind == RECORD_RECEIPT ||
           (record->kind == RECORD_MARK && record->mark == MARK_CONFIRMED);
}

void script_lose(struct script *script, const struct attempt *attempt, bool begin)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < script->disk_count; i++) {
        const struct guard_record *record = &script->disk[i];
        bool meant = begin ? record->kind == RECORD_BEGIN : says_the_end(record);

        if (!attempt_equal(&record->id.attempt, attempt) || !meant)
            script->disk[kept++] = *record;
    }
    assert_true(kept < script->disk_count);
    script->disk_count = script->synced_count = kept;
}

/* ---- what is asked for, and its answers ----------------------------------------------------- */

static struct script_pending *add_pending(struct script *script, enum guard_event_kind kind,
                                          mono_t at)
{
    struct script_pending *pending = &script->pending[script->pending_count++];

    assert_true(script->pending_count < SCRIPT_PENDING_MAX);
    *pending = (struct script_pending){.at = at, .order = script->order++, .kind = kind};
    return pending;
}

static mono_t when(const struct script *script, enum script_way way)
{
    return way == WAY_HANGS ? MONO_NEVER : script->now;
}

static bool is_of_disk(const struct script_pending *pending)
{
    return pending->kind == ON_RECORDED || pending->kind == ON_SYNCED;
}

/* The disk does one after the other. */
static struct script_pending *ask_disk(struct script *script, enum guard_event_kind answer)
{
    mono_t at = mono_add(when(script, script->disk_way), script->disk_ms);

    for (uint32_t i = 0; i < script->pending_count; i++) {
        const struct script_pending *pending = &script->pending[i];

        if (is_of_disk(pending) && pending->at > at)
            at = pending->at;
    }
    return add_pending(script, answer, at);
}

static void ask_record(struct script *script, const struct guard_effect *effect)
{
    struct script_pending *pending = ask_disk(script, ON_RECORDED);

    pending->number = effect->record.number;
    pending->durable = effect->record.durable;
    pending->record = mem_copy(&effect->record.record, sizeof(effect->record.record));
}

static void ask_statement(struct script *script, const struct guard_effect *effect, int witness)
{
    struct script_pending *pending =
        add_pending(script, ON_STATEMENT, mono_add(script->now, script->path_ms));

    pending->witness = witness;
    pending->nonce = effect->nonce.nonce;
    pending->value = witness < 0 ? script->own : script->answers[witness];
    pending->fixed = script->database;
    if (witness < 0 || script->sources[witness] < 0)
        return;
    pending = add_pending(script, ON_SOURCE, mono_add(script->now, script->path_ms));
    pending->witness = witness;
    pending->nonce = effect->nonce.nonce;
}

static void ask_answers(struct script *script, const struct guard_effect *effect)
{
    if (effect->nonce.fresh_connection && script->dials_dead)
        return;
    if (!script->own_silent && !script->own_last)
        ask_statement(script, effect, -1);
    for (int i = 0; i < SCRIPT_WITNESSES; i++) {
        if (!script->silent[i])
            ask_statement(script, effect, i);
    }
    if (!script->own_silent && script->own_last)
        ask_statement(script, effect, -1);
}

/* Behind the first, until one does not simply work: that one is asked for again, alone. */
static uint32_t count_applied(const struct script *script, const struct guard_effect *effect)
{
    uint32_t more = 0;

    while (more < effect->more && script->apply_way[effect->operation + more] == WAY_WORKS &&
           script->apply_way[effect->operation + more + 1] == WAY_WORKS)
        more++;
    return more;
}

static uint32_t count_undone(const struct script *script, const struct guard_effect *effect)
{
    uint32_t more = 0;

    while (more < effect->more && script->joins[effect->operation - more] &&
           script->undo_way[effect->operation - more] == WAY_WORKS &&
           script->undo_way[effect->operation - more - 1] == WAY_WORKS)
        more++;
    return more;
}

static void ask_work(struct script *script, const struct guard_effect *effect)
{
    uint32_t operation = effect->operation;
    struct script_pending *pending;

    if (effect->kind == DO_PREPARE) {
        pending = add_pending(script, ON_PREPARED, when(script, script->prepare_way));
        pending->attempt = effect->id.attempt;
    } else if (effect->kind == DO_APPLY) {
        assert_true(script->intent_durable[operation]); /* docs/protocol.md rule 6 */
        pending = add_pending(script, ON_APPLIED, when(script, script->apply_way[operation]));
        pending->operation = operation;
        pending->more = count_applied(script, effect);
    } else if (effect->kind == DO_SETTLE) {
        add_pending(script, ON_SETTLED, when(script, script->settle_way));
    } else if (effect->kind == DO_UNDO) {
        for (uint32_t i = 0; i <= effect->more; i++) /* nothing of it is put back meanwhile */
            assert_int_equal(script->trial->revert.steps[operation - i].outcome, REVERT_RUNNING);
        pending = add_pending(script, ON_UNDONE, when(script, script->undo_way[operation]));
        pending->operation = operation;
        pending->more = count_undone(script, effect);
    } else {
        add_pending(script, ON_VERIFIED, when(script, script->verify_way));
    }
}

/* docs/protocol.md rule 13: what is sent was durable before. */
static void check_sent(const struct script *script, const struct hash *receipt)
{
    bool found = false;

    for (uint32_t i = 0; i < script->disk_count; i++) {
        const struct guard_record *record = &script->disk[i];

        if (i >= script->synced_count &&
            (!script->sync_refused || record->receipt.receipt.kind == RECEIPT_CONFIRMED))
            break;
        found |=
            record->kind == RECORD_RECEIPT && hash_equal(&record->receipt.receipt_hash, receipt);
    }
    assert_true(found);
}

static void carry(struct script *script, const struct guard_effect *effect)
{
    print_effect(script, effect);
    switch (effect->kind) {
    case DO_PREPARE:
    case DO_APPLY:
    case DO_SETTLE:
    case DO_UNDO:
    case DO_VERIFY:
        ask_work(script, effect);
        break;
    case DO_OFFER:
        script->offered_before = script->offered;
        script->offered = effect->id.start;
        break;
    case DO_RECORD:
        ask_record(script, effect);
        break;
    case DO_SYNC:
        ask_disk(script, ON_SYNCED);
        break;
    case DO_NONCE:
        ask_answers(script, effect);
        break;
    case DO_SEND:
        check_sent(script, &effect->receipt);
        break;
    case DO_REFUSE:
    case DO_STATEMENT:
    case DO_STACK:
    case DO_PROGRESS:
    case DO_ALARM:
    case DO_FORGET:
    case DO_LET_GO:
    case GUARD_EFFECT_COUNT:
        break;
    }
}

static void step(struct script *script, struct guard_event *ev)
{
    uint64_t number = ++script->nonces;

    ev->now = script->now;
    ev->unix_now = world_unix(script->now);
    ev->random = (struct nonce){{0xee}};
    memcpy(ev->random.bytes + 1, &number, sizeof(number));
    script->effects->count = 0;
    trial_step(script->trial, ev, script->effects);
    for (uint32_t i = 0; i < script->effects->count; i++)
        carry(script, &script->effects->list[i]);
}

/* ---- answering ------------------------------------------------------------------------------ */

static void answer_recorded(struct script *script, struct script_pending *pending)
{
    struct guard_event ev = {.kind = ON_RECORDED};

    ev.recorded.ok = script->disk_way != WAY_FAILS;
    ev.recorded.number = pending->number;
    ev.recorded.record = pending->record;
    ev.recorded.why = ev.recorded.ok ? NULL : "No space left on device";
    name_receipt(pending->record);
    if (ev.recorded.ok)
        write_disk(script, pending->record);
    if (ev.recorded.ok && pending->durable)
        script->synced_count = script->disk_count;
    step(script, &ev);
}

static void answer_synced(struct script *script)
{
    struct guard_event ev = {.kind = ON_SYNCED};

    ev.synced.ok = script->disk_way != WAY_FAILS;
    if (ev.synced.ok)
        script->synced_count = script->disk_count;
    script->sync_refused = !ev.synced.ok;
    ev.synced.why = ev.synced.ok ? NULL : "Input/output error";
    step(script, &ev);
}

static void answer_statement(struct script *script, const struct script_pending *pending)
{
    static struct statement statement;
    struct guard_event ev = {.kind = ON_STATEMENT};

    world_fill_statement(&statement, pending->witness < 0 ? "b" : world_witness(pending->witness),
                         PHASE_RENEWAL, &script->trial->id.attempt.body, &pending->nonce);
    world_add_verdict(&statement, pending->witness < 0 ? "own" : "ssh", pending->value);
    if (pending->witness < 0)
        world_add_verdict(&statement, "database", pending->fixed);
    ev.statement = (struct guard_statement){&statement, true};
    step(script, &ev);
}

static enum revert_outcome undo_outcome(enum script_way way)
{
    if (way == WAY_LEFT)
        return REVERT_LEFT;
    return way == WAY_FAILS ? REVERT_RETRY : REVERT_DONE;
}

static void answer_work(struct script *script, const struct script_pending *pending)
{
    static const uint8_t removes[SCRIPT_OPERATIONS] = {1, 1, 0};
    static const bool persists[SCRIPT_OPERATIONS] = {false, false, true};
    struct guard_event ev = {.kind = pending->kind};
    enum script_way way;

    if (pending->kind == ON_PREPARED) {
        ev.prepared.ok = script->prepare_way != WAY_FAILS;
        ev.prepared.why = "a protected flow would leave by tailscale0";
        ev.prepared.operations_count = SCRIPT_OPERATIONS;
        ev.prepared.removes = removes;
        ev.prepared.persists = persists;
        ev.prepared.joins = script->joins;
        ev.prepared.attempt = pending->attempt;
    } else if (pending->kind == ON_APPLIED) {
        ev.applied.operation = pending->operation;
        ev.applied.more = pending->more;
        ev.applied.ok = script->apply_way[pending->operation] != WAY_FAILS;
        ev.applied.why = ev.applied.ok ? NULL : "File exists";
    } else if (pending->kind == ON_UNDONE) {
        way = script->undo_way[pending->operation];
        ev.undone.operation = pending->operation;
        ev.undone.more = pending->more;
        ev.undone.outcome = undo_outcome(way);
        ev.undone.why = way == WAY_WORKS ? NULL : "tailscaled does not answer";
    } else if (pending->kind == ON_SETTLED) {
        ev.settled.ok = script->settle_way != WAY_FAILS;
        ev.settled.why = "table 52 is empty";
    } else {
        ev.verified.ok = script->verify_way != WAY_FAILS;
        ev.verified.why = "rule 5270 is still there";
        ev.verified.others = script->others;
    }
    step(script, &ev);
}

static void answer_source(struct script *script, const struct script_pending *pending)
{
    struct guard_event ev = {.kind = ON_SOURCE};

    ev.source.nonce = pending->nonce;
    ev.source.witness = world_witness(pending->witness);
    ev.source.counts = script->sources[pending->witness] == 1;
    step(script, &ev);
}

static void answer(struct script *script, struct script_pending *pending)
{
    if (pending->kind == ON_RECORDED)
        answer_recorded(script, pending);
    else if (pending->kind == ON_SYNCED)
        answer_synced(script);
    else if (pending->kind == ON_STATEMENT)
        answer_statement(script, pending);
    else if (pending->kind == ON_SOURCE)
        answer_source(script, pending);
    else
        answer_work(script, pending);
}

/* The earliest, or NULL when nothing is due until then. */
static struct script_pending *find_due(struct script *script, mono_t until)
{
    struct script_pending *first = NULL;

    for (uint32_t i = 0; i < script->pending_count; i++) {
        struct script_pending *at = &script->pending[i];

        if (at->at <= until && (first == NULL || at->at < first->at ||
                                (at->at == first->at && at->order < first->order)))
            first = at;
    }
    return first;
}

static void run_until(struct script *script, mono_t until)
{
    for (unsigned steps = 0;; steps++) {
        struct script_pending *due = find_due(script, until);
        mono_t deadline = trial_deadline(script->trial);
        struct guard_event timeout = {.kind = ON_TIMEOUT};
        struct script_pending taken;

        assert_true(steps < STEPS_MAX); /* a deadline that nothing comes of */
        if (due == NULL && deadline > until)
            break;
        if (due == NULL || deadline < due->at) {
            script->now = deadline > script->now ? deadline : script->now;
            step(script, &timeout);
            continue;
        }
        taken = *due;
        *due = script->pending[--script->pending_count];
        script->now = taken.at > script->now ? taken.at : script->now;
        answer(script, &taken);
        free(taken.record);
    }
    if (until > script->now)
        script->now = until;
}

void script_give(struct script *script, struct guard_event *ev)
{
    step(script, ev);
    run_until(script, script->now);
}

void script_wait(struct script *script, int64_t ms)
{
    run_until(script, script->now + ms);
}

void script_release(struct script *script, enum guard_event_kind kind)
{
    for (uint32_t i = 0; i < script->pending_count; i++) {
        struct script_pending *pending = &script->pending[i];
        bool meant = kind == ON_RECORDED ? is_of_disk(pending) : pending->kind == kind;

        if (meant && pending->at == MONO_NEVER)
            pending->at = script->now;
    }
    run_until(script, script->now);
}
