/*
 * json_rollout: gates, plans and rollouts as docs/api.md shows them.
 */
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/json_text.h"
#include "controller/io/json.h"

static void set_text(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key, json_text(text));
}

static void set_number(json_t *object, const char *key, int64_t number)
{
    json_object_set_new(object, key, json_integer((json_int_t)number));
}

/* ---- gates -----------------------------------------------------------------------------------
 */

static json_t *gate(const struct gate_answer *answer, enum gate which)
{
    json_t *object = json_object();
    json_t *evidence = json_array();

    for (size_t i = 0; i < answer->evidence_count; i++)
        json_array_append_new(evidence,
                              json_verdict(&answer->evidence[i].verdict, answer->evidence[i].at,
                                           answer->evidence[i].node));
    set_text(object, "gate", gate_name(which));
    set_text(object, "question", gate_question(which));
    set_text(object, "value", verdict_format(answer->verdict.value));
    set_text(object, "waived", answer->waived);
    set_text(object, "instead", answer->instead);
    set_text(object, "expected", answer->verdict.expected);
    set_text(object, "observed", answer->verdict.observed);
    json_object_set_new(object, "evidence", evidence);
    return object;
}

json_t *json_gates(const struct gates *gates)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < GATE_COUNT; i++)
        json_array_append_new(list, gate(&gates->answers[i], (enum gate)i));
    return list;
}

/* ---- plans -----------------------------------------------------------------------------------
 */

static bool is_named(const struct approval *approval, const struct hash *receipt)
{
    for (uint32_t i = 0; i < approval->lifts_count; i++) {
        if (hash_equal(&approval->lifts[i].receipt, receipt))
            return approval->lifts[i].reason[0] != '\0';
    }
    return false;
}

static void add_quarantines(json_t *list, const struct gates_inputs *inputs,
                            const struct manifest_plan *plan, const char *object)
{
    for (uint32_t i = 0; i < inputs->holds->count; i++) {
        const struct hold *hold = &inputs->holds->list[i];
        json_t *item;

        if (!hold_quarantines(hold, plan->node, object))
            continue;
        item = json_object();
        json_object_set_new(item, "receipt", json_hex(hold->receipt.bytes, HASH_SIZE));
        set_text(item, "node", plan->node);
        set_text(item, "object", object);
        set_text(item, "reason", hold->reason);
        json_object_set_new(item, "lifted",
                            json_boolean(is_named(inputs->approval, &hold->receipt)));
        json_array_append_new(list, item);
    }
}

static json_t *quarantines(const struct gates_inputs *inputs)
{
    json_t *list = json_array();

    for (uint32_t p = 0; p < inputs->manifest->plans_count; p++) {
        const struct manifest_plan *plan = &inputs->manifest->plans[p];

        for (uint32_t o = 0; o < manifest_plan_places(plan); o++) {
            char object[HOLD_OBJECT_SIZE];

            if (manifest_plan_object(plan, o, object, sizeof(object)))
                add_quarantines(list, inputs, plan, object);
        }
    }
    return list;
}

static bool plan_passes(const struct gates_inputs *inputs, const struct gates *gates)
{
    for (unsigned i = 0; i < GATE_COUNT; i++) {
        if (!gates->answers[i].passes && (inputs->is_signed || i != GATE_APPROVED))
            return false;
    }
    return true;
}

/* "rule 5140: from 203.0.113.10 lookup main: accepted and taken back" */
static json_t *rehearsal_lines(const struct manifest_plan *plan, const struct rehearsal *rehearsal)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < plan->operations_count && i < rehearsal->operations_count; i++) {
        char line[2 * REASON_SIZE] = "";
        struct text text = TEXT_IN(line);

        operation_render(&plan->operations[i], &text);
        text_add(&text, ": ");
        rehearsal_render(&rehearsal->operations[i], &text);
        json_array_append_new(list, json_text(line));
    }
    if (rehearsal->lacks[0] != '\0')
        json_array_append_new(list, json_text(rehearsal->lacks));
    return list;
}

/* What each target's guard said of this very plan, as it is known now. */
static json_t *plans_rehearsed(const struct gates_inputs *inputs, const struct hash *body)
{
    json_t *list = json_array();

    for (uint32_t p = 0; p < inputs->manifest->plans_count; p++) {
        const struct manifest_plan *plan = &inputs->manifest->plans[p];
        const struct fleet_member *member = fleet_find(inputs->fleet, plan->node);
        json_t *item;

        if (member == NULL || member->rehearsal.rehearsal == NULL ||
            !hash_equal(&member->rehearsal.body, body))
            continue;
        item = json_object();
        set_text(item, "node", plan->node);
        json_object_set_new(item, "lines", rehearsal_lines(plan, member->rehearsal.rehearsal));
        json_array_append_new(list, item);
    }
    return list;
}

json_t *json_plan(const struct gates_inputs *inputs, const struct hash *body,
                  const struct gates *gates)
{
    json_t *object = json_object();

    set_text(object, "change", inputs->manifest->change);
    json_object_set_new(object, "body", json_hex(body->bytes, HASH_SIZE));
    json_object_set_new(object, "pass", json_boolean(plan_passes(inputs, gates)));
    json_object_set_new(object, "gates", json_gates(gates));
    json_object_set_new(object, "quarantines", quarantines(inputs));
    json_object_set_new(object, "rehearsed", plans_rehearsed(inputs, body));
    return object;
}

/* ---- rollouts --------------------------------------------------------------------------------
 */

/* What a rollout is shown from, led or stored. */
struct view {
    const struct rollout *machine;
    const struct manifest *manifest;
    const struct store_rollout *stored;
    const struct led_words *words; /* by target; NULL: none */
};

static json_t *open_items(const struct led_words *words)
{
    json_t *list = json_array();

    for (uint32_t i = 0; words != NULL && i < words->open_count; i++)
        json_array_append_new(list, json_text(words->open[i]));
    return list;
}

/* As it was kept, so also after a restart, and when the rollout has ended. */
static json_t *rehearsed(const struct desk *desk, const struct view *view, const char *node)
{
    AUTO_FREE struct rehearsal *rehearsal = mem_alloc(1, sizeof(*rehearsal));
    const struct manifest_plan *plan = manifest_find_plan(view->manifest, node);
    struct err err = ERR_INIT;
    bool known;

    if (plan != NULL &&
        store_read_rehearsal(desk->store, view->machine->record.id, node, rehearsal, &known,
                             &err) &&
        known)
        return rehearsal_lines(plan, rehearsal);
    return json_array();
}

/* A node of a closed rollout is not shown by whether it answers. */
static json_t *target(const struct desk *desk, const struct view *view, uint32_t index)
{
    const struct target_record *record = &view->machine->record.targets[index];
    const struct led_words *words = view->words != NULL ? &view->words[index] : NULL;
    const char *reason = rollout_reason(view->machine, &view->machine->targets[index]);
    struct target shown = view->machine->targets[index];
    json_t *object = json_object();
    const char *state;

    if (lead_is_closed(view->machine) && !record->listed)
        shown.silent = false;
    state = target_state_name(&shown);
    set_text(object, "name", record->name);
    set_number(object, "stage", record->stage + 1);
    set_text(object, "state", state);
    set_text(object, "sentence", reason[0] == '\0' && words != NULL ? words->sentence : reason);
    set_number(object, "soak_left_s",
               words != NULL && text_equal(state, "on trial") ? words->soak_left_s : 0);
    json_object_set_new(object, "open", open_items(words));
    json_object_set_new(object, "rehearsed", rehearsed(desk, view, record->name));
    return object;
}

static json_t *targets(const struct desk *desk, const struct view *view)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < view->machine->record.targets_count; i++)
        json_array_append_new(list, target(desk, view, i));
    return list;
}

static void add_proof(void *context, const struct store_proof *proof)
{
    json_t *object = json_object();

    set_number(object, "at", proof->at);
    set_text(object, "node", proof->node);
    set_text(object, "signer", proof->signer);
    set_text(object, "phase", proof->phase < PHASE_COUNT ? phase_name(proof->phase) : "");
    set_text(object, "check", proof->verdict.check);
    set_text(object, "value",
             verdict_format(proof->verdict.value < VERDICT_VALUE_COUNT ? proof->verdict.value
                                                                       : VERDICT_UNKNOWN));
    json_object_set_new(object, "counted", json_boolean(proof->counted));
    set_text(object, "observed", proof->verdict.observed);
    json_array_append_new(context, object);
}

static void set_full(json_t *object, const struct desk *desk, const struct view *view)
{
    json_t *proofs = json_array();
    const struct wire_bytes *gates = &view->stored->gates;
    json_t *known =
        gates->len > 0 ? json_loadb((const char *)gates->data, gates->len, 0, NULL) : NULL;
    struct err err = ERR_INIT;

    store_read_proofs(desk->store, view->machine->record.id, add_proof, proofs, &err);
    json_object_set_new(object, "proofs", proofs);
    json_object_set_new(object, "gates", known != NULL ? known : json_array());
}

static void set_signed(json_t *object, const struct view *view)
{
    const struct rollout_record *record = &view->machine->record;

    set_text(object, "change", view->manifest->change);
    set_text(object, "reason", view->manifest->reason);
    set_text(object, "reference", view->manifest->reference);
    json_object_set_new(object, "body", json_hex(record->attempt.body.bytes, HASH_SIZE));
    set_number(object, "sequence", (int64_t)record->attempt.sequence);
    set_number(object, "not_after", record->not_after);
    set_number(object, "soak_s", view->manifest->soak_s);
    set_number(object, "lease_s", view->manifest->lease_s);
    set_number(object, "stages_count", view->manifest->stages_count);
}

/* What is on trial goes on beside a hold; what else is of its stage does not. */
static bool is_to_come(const struct rollout_record *record, const struct target_record *target)
{
    if (record->state == ROLLOUT_STAGE)
        return target->stage == record->stage && !target->in_doubt &&
               target->says != SAYS_CONFIRMED;
    return target->stage >= record->stage && target->says != SAYS_CONFIRMED;
}

/* What stops it, or would stop it at `next`, on what is still to come; NULL: nothing. */
static const struct hold *find_stopping(const struct holds *holds, const struct rollout *machine,
                                        int64_t *ret_opens_at)
{
    static const enum hold_kind kinds[] = {HOLD_PAUSE, HOLD_FREEZE, HOLD_MAINTENANCE, HOLD_WINDOW};
    size_t count = sizeof(kinds) / sizeof(kinds[0]) - machine->manifest->waived[WAIVE_WINDOW];
    const struct hold *hold = NULL;

    for (uint32_t i = 0; hold == NULL && i < machine->record.targets_count; i++) {
        const struct target_record *target = &machine->record.targets[i];

        for (size_t k = 0; hold == NULL && is_to_come(&machine->record, target) && k < count; k++)
            hold = holds_find(holds, kinds[k], target->name, clock_unix());
        if (hold != NULL && hold->kind == HOLD_WINDOW)
            *ret_opens_at = holds_opens_at(holds, target->name, clock_unix());
    }
    return hold;
}

static void say_hold(const struct hold *hold, struct text *out)
{
    if (hold != NULL)
        text_add(out, "hold %llu of %s on %s (%s): %s; ", (unsigned long long)hold->id, hold->by,
                 text_equal(hold->scope, "fleet") ? "the fleet" : hold->scope,
                 hold_kind_name(hold->kind), hold->reason);
}

/* Lifting it is for good, and for everybody: it is named, and not what is typed. */
static void say_window(const struct hold *window, int64_t opens_at, struct text *out)
{
    text_add(out, "what moves it from ");
    text_add_time(out, opens_at);
    text_add(out,
             " on, when the window opens; before that the gates say no again, unless the window "
             "goes for good by `oceanidctl hold lift %llu`",
             (unsigned long long)window->id);
}

/* What was paused goes on by `rollout resume`; what has halted does so by its own command only. No
 * hold bars the way back. */
static void say_command(const struct hold *hold, const struct rollout *machine, const char *command,
                        struct text *out)
{
    bool is_fleets = hold != NULL && hold->kind == HOLD_PAUSE && text_equal(hold->scope, "fleet");

    if (text_equal(command, "oceanidctl rollout abort"))
        text_add(out, "%s", command);
    else if (is_fleets && machine->record.state == ROLLOUT_HALTED)
        text_add(out, "oceanidctl rollout resume --no-watch && %s", command);
    else if (is_fleets)
        text_add(out, "oceanidctl rollout resume");
    else if (hold != NULL && hold->kind == HOLD_MAINTENANCE)
        text_add(out, "oceanidctl node return %s && %s", hold->scope, command);
    else if (hold != NULL && hold->kind != HOLD_WINDOW)
        text_add(out, "oceanidctl hold lift %llu && %s", (unsigned long long)hold->id, command);
    else
        text_add(out, "%s", command);
}

static const char beside_hold[] =
    "the open trial goes on by itself, the rest stays on hold; to end it";

/* The hold is what a person reads first: beside one, whom it waits for besides explains nothing. */
static void set_wait(json_t *object, const struct desk *desk, const struct rollout *machine)
{
    bool for_next = text_equal(rollout_waiting_for(machine), "next");
    bool is_stopped = for_next || (machine->record.state == ROLLOUT_STAGE && !machine->offering);
    int64_t opens_at = 0;
    const struct hold *hold = is_stopped ? find_stopping(&desk->holds, machine, &opens_at) : NULL;
    json_t *waits = json_object();
    char what[2 * (SENTENCE_SIZE + REASON_SIZE)] = "", command[SENTENCE_SIZE] = "";
    char how[2 * SENTENCE_SIZE] = "";
    struct text words = TEXT_IN(what), text = TEXT_IN(command), moves = TEXT_IN(how);
    struct rollout_wait wait;

    rollout_explain_wait(machine, &wait);
    say_hold(hold, &words);
    text_add(&words, "%s", wait.what);
    say_command(for_next ? hold : NULL, machine, wait.command, &text);
    set_text(waits, "what", what);
    set_number(waits, "since", wait.since);
    if (for_next && opens_at != 0 && text_equal(command, "oceanidctl rollout next"))
        say_window(hold, opens_at, &moves);
    else
        text_add(&moves, "%s", hold != NULL && !for_next ? beside_hold : wait.how);
    set_text(waits, "how", how);
    set_text(waits, "command", command);
    set_number(waits, "opens_at", for_next ? opens_at : 0);
    json_object_set_new(object, "waits", waits);
    set_text(object, "waiting_for", rollout_waiting_for(machine));
}

static json_t *show(const struct desk *desk, const struct view *view, bool in_full)
{
    const struct rollout_record *record = &view->machine->record;
    json_t *object = json_object();

    set_number(object, "id", (int64_t)record->id);
    set_signed(object, view);
    set_text(object, "state", rollout_state_name(record->state));
    set_text(object, "sentence", record->sentence);
    json_object_set_new(object, "ended", json_boolean(lead_is_closed(view->machine)));
    set_text(object, "outcome", rollout_outcome(view->machine));
    set_wait(object, desk, view->machine);
    set_text(object, "by", view->stored->by);
    set_number(object, "started_at", view->stored->started_at);
    set_number(object, "ended_at", view->stored->ended_at);
    set_number(object, "stage",
               record->stage < view->manifest->stages_count ? record->stage + 1
                                                            : view->manifest->stages_count);
    json_object_set_new(object, "nodes", targets(desk, view));
    if (in_full)
        set_full(object, desk, view);
    return object;
}

json_t *json_rollout_led(const struct desk *desk, const struct led *led, bool in_full)
{
    struct view view = {&led->machine, &led->manifest, &led->stored, led->words};

    return show(desk, &view, in_full);
}

static json_t *show_stored(const struct desk *desk, const struct store_rollout *stored,
                           bool in_full, struct err *err)
{
    AUTO_FREE struct rollout *machine = mem_alloc(1, sizeof(*machine));
    struct manifest manifest;
    struct view view = {machine, &manifest, stored, NULL};
    json_t *object;

    if (!wire_decode_manifest(wire_lend(&stored->body), &manifest, err))
        return NULL;
    rollout_load(machine, &stored->record, &manifest);
    object = show(desk, &view, in_full);
    manifest_done(&manifest);
    return object;
}

json_t *json_rollout_stored(const struct desk *desk, uint64_t id, bool in_full, struct err *err)
{
    AUTO_FREE struct store_rollout *stored = mem_alloc(1, sizeof(*stored));
    json_t *object;

    if (!store_read_rollout(desk->store, id, stored, err))
        return NULL;
    object = show_stored(desk, stored, in_full, err);
    store_rollout_done(stored);
    return object;
}
