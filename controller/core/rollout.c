/*
 * rollout: one step of the machine: facts, the row of the event, what has come of it, and then what
 * is owed to each target.
 */
#include "controller/core/rollout.h"

#include <assert.h>
#include <string.h>

#include "common/core/text.h"
#include "controller/core/rollout_table.h"

/* A step ends in a line for whoever watches; each row that is taken may leave a few. */
enum { ROOM_OF_ROW = 4, LOOKS_MAX = 4 * NODES_MAX };

/* ---- beginning ------------------------------------------------------------------------------ */

static void init_targets(struct rollout *rollout)
{
    for (uint32_t i = 0; i < rollout->record.targets_count; i++) {
        struct target *target = &rollout->targets[i];

        target->record = &rollout->record.targets[i];
        target->plan = manifest_find_plan(rollout->manifest, target->record->name);
        target->retry_at = target->asked_at = target->ready_at = MONO_NEVER;
    }
}

void rollout_init(struct rollout *rollout, uint64_t id, const struct manifest *manifest,
                  const struct approval *approval)
{
    struct rollout_record *record = &rollout->record;

    memset(rollout, 0, sizeof(*rollout));
    rollout->manifest = manifest;
    rollout->ask_gates_at = rollout->awaits_since = MONO_NEVER;
    record->id = id;
    record->attempt = approval->attempt;
    record->not_after = approval->not_after;
    for (uint32_t s = 0; s < manifest->stages_count; s++) {
        for (uint32_t n = 0; n < manifest->stages[s].nodes_count; n++) {
            struct target_record *target = &record->targets[record->targets_count++];

            assert(record->targets_count <= NODES_MAX);
            text_copy(target->name, sizeof(target->name), manifest->stages[s].nodes[n]);
            target->stage = s;
            target->generation.attempt = approval->attempt;
            target->receipt = RECEIPT_KIND_COUNT;
        }
    }
    init_targets(rollout);
}

void rollout_load(struct rollout *rollout, const struct rollout_record *record,
                  const struct manifest *manifest)
{
    memset(rollout, 0, sizeof(*rollout));
    rollout->record = *record;
    rollout->manifest = manifest;
    rollout->ask_gates_at = rollout->awaits_since = MONO_NEVER;
    init_targets(rollout);
}

void rollout_load_at_once(struct rollout *rollout, const char *node)
{
    for (uint32_t i = 0; i < rollout->record.targets_count; i++) {
        struct target *target = &rollout->targets[i];

        if (target->record->wants == WANTS_REVERT && text_equal(target->record->name, node))
            target->at_once = true;
    }
}

void rollout_note_unheard(struct rollout *rollout, uint32_t target, const char *why)
{
    text_copy(rollout->targets[target].unheard, sizeof(rollout->targets[target].unheard), why);
}

/* ---- a step --------------------------------------------------------------------------------- */

bool rollout_has_room(const struct rollout_effects *effects, uint32_t count)
{
    return effects->count + count + ROOM_OF_ROW <= ROLLOUT_EFFECTS_MAX;
}

void rollout_say_event(struct rollout_move *move)
{
    const struct rollout_event *ev = move->ev;
    struct text out = TEXT_IN(move->detail);

    if (ev->node != NULL)
        text_add(&out, "%s", ev->node);
    if (ev->by != NULL && ev->by[0] != '\0')
        text_add(&out, "%sby %s", out.len > 0 ? ", " : "", ev->by);
    if (ev->reason != NULL && ev->reason[0] != '\0')
        text_add(&out, "%s%s", out.len > 0 ? ": " : "", ev->reason);
}

/* The sentence is the audit's row and what people are told; the same one twice is no news. */
static void say(struct rollout_move *move, const struct rollout_transition *row,
                enum rollout_state from)
{
    struct rollout_record *record = &move->rollout->record;
    char sentence[sizeof(record->sentence)];
    struct text out = TEXT_IN(sentence);
    struct rollout_effect *effect;

    text_add(&out, "%s%s%s", row->because, move->detail[0] != '\0' ? ": " : "", move->detail);
    if (record->state == from && text_equal(record->sentence, sentence))
        return;
    text_copy(record->sentence, sizeof(record->sentence), sentence);
    effect = rollout_effects_add(move->effects, EFFECT_AUDIT, NULL);
    out = TEXT_IN(effect->text);
    if (record->state == from)
        text_add(&out, "%s: %s", rollout_state_name(from), sentence);
    else
        text_add(&out, "%s -> %s: %s", rollout_state_name(from), rollout_state_name(record->state),
                 sentence);
}

/* Those that a person or a node began by saying so. */
static bool event_says_why(const struct rollout_event *ev)
{
    return ev->kind != EVENT_RECEIPT && ev->kind != EVENT_STATEMENT && ev->kind != EVENT_TIMEOUT;
}

static void take_row(struct rollout_move *move, const struct rollout_transition *row)
{
    struct rollout_record *record = &move->rollout->record;
    enum rollout_state from = record->state;

    move->detail[0] = '\0';
    if (row->to != ROLLOUT_STATE_COUNT)
        record->state = row->to;
    row->act(move);
    if (row->quiet)
        return;
    if (move->detail[0] == '\0' && row->on != EVENT_LOOK && event_says_why(move->ev))
        rollout_say_event(move);
    say(move, row, from);
}

static void look(struct rollout_move *move)
{
    for (unsigned i = 0; i < LOOKS_MAX && rollout_has_room(move->effects, ROOM_OF_ROW); i++) {
        const struct rollout_transition *row = rollout_table_find(move, EVENT_LOOK);

        if (row == NULL)
            return;
        take_row(move, row);
    }
}

/* What is used of a record: it is compared behind every step, and room for NODES_MAX is large. */
static size_t used_size(const struct rollout_record *record)
{
    return offsetof(struct rollout_record, targets) +
           record->targets_count * sizeof(record->targets[0]);
}

/* Durable before visible: the step's record goes in front of everything that the step does. */
static void end_step(struct rollout_move *move, const struct rollout_record *before,
                     uint32_t effects_before)
{
    const struct rollout_record *record = &move->rollout->record;
    struct rollout_effects *effects = move->effects;
    struct rollout_effect *first = &effects->list[effects_before];
    struct rollout_effect *tell;

    if (memcmp(before, record, used_size(record)) == 0) {
        effects->count--;
        memmove(first, first + 1, (effects->count - effects_before) * sizeof(*first));
        return;
    }
    if (before->state == record->state && text_equal(before->sentence, record->sentence))
        return;
    tell = rollout_effects_add(effects, EFFECT_TELL, NULL);
    text_copy(tell->text, sizeof(tell->text), record->sentence);
}

void rollout_step(struct rollout *rollout, const struct rollout_event *ev,
                  struct rollout_effects *effects)
{
    struct rollout_move move = {.rollout = rollout, .ev = ev, .effects = effects};
    struct rollout_record before;
    struct rollout_waits waits;
    uint32_t effects_before = effects->count;
    const struct rollout_transition *row;

    memcpy(&before, &rollout->record, used_size(&rollout->record));
    rollout_note_waits(rollout, &waits);
    rollout->now = ev->now;
    rollout->rows = 0;
    move.target = rollout_find(rollout, ev->node);
    rollout_effects_add(effects, EFFECT_STORE, NULL);
    rollout_take_facts(&move);
    row = rollout_table_find(&move, ev->kind);
    if (row != NULL)
        take_row(&move, row);
    look(&move);
    rollout_tend(&move);
    if (!rollout_waits_still(rollout, &waits))
        rollout->record.since = ev->unix_now;
    end_step(&move, &before, effects_before);
}

mono_t rollout_deadline(const struct rollout *rollout)
{
    mono_t deadline = rollout->record.state == ROLLOUT_GATES ? rollout->ask_gates_at : MONO_NEVER;

    for (uint32_t i = 0; i < rollout->record.targets_count; i++) {
        const struct target *target = &rollout->targets[i];

        deadline = mono_min(deadline, target->retry_at);
        deadline = mono_min(deadline, rollout_silent_at(rollout, target));
        deadline = mono_min(deadline, rollout_gathers_until(rollout, target));
    }
    return deadline;
}

/* ---- in words ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *outcome;
    bool ended;
} states[] = {
    [ROLLOUT_DRAFTED] = {"drafted", "", false},
    [ROLLOUT_LEARNING] = {"learning", "", false},
    [ROLLOUT_GATES] = {"gates", "", false},
    [ROLLOUT_STAGE] = {"stage", "", false},
    [ROLLOUT_PAUSED] = {"paused", "", false},
    [ROLLOUT_HALTED] = {"halted", "halted", false},
    [ROLLOUT_REVERTING] = {"reverting", "", false},
    [ROLLOUT_COMPLETE] = {"complete", "complete", true},
    [ROLLOUT_REVERTED] = {"reverted", "reverted", true},
    [ROLLOUT_ABORTED] = {"aborted", "aborted", true},
    [ROLLOUT_INCOMPLETE] = {"incomplete", "incomplete", true},
};
_Static_assert(sizeof(states) / sizeof(states[0]) == ROLLOUT_STATE_COUNT, "name every state");

const char *rollout_state_name(enum rollout_state state)
{
    return state < ROLLOUT_STATE_COUNT ? states[state].name : "unknown";
}

bool rollout_state_parse(const char *text, enum rollout_state *ret_state)
{
    for (unsigned i = 0; i < ROLLOUT_STATE_COUNT; i++) {
        if (text_equal(text, states[i].name)) {
            *ret_state = (enum rollout_state)i;
            return true;
        }
    }
    return false;
}

bool rollout_is_ended(const struct rollout *rollout)
{
    return states[rollout->record.state].ended;
}

const char *rollout_outcome(const struct rollout *rollout)
{
    return states[rollout->record.state].outcome;
}

const char *rollout_waiting_for(const struct rollout *rollout)
{
    enum rollout_state state = rollout->record.state;

    return state == ROLLOUT_PAUSED || state == ROLLOUT_HALTED ? "next" : "";
}

bool rollout_has_open_trial(const struct rollout *rollout)
{
    for (uint32_t i = 0; i < rollout->record.targets_count; i++) {
        if (target_is_open(&rollout->targets[i]))
            return true;
    }
    return false;
}
