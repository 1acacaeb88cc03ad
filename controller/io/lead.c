/*
 * lead: which rollouts are led, what people ask of them, and the clock that they go by.
 */
#include "controller/io/lead.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "controller/io/lead_parts.h"

/* ---- one that is led -------------------------------------------------------------------------
 */

static void free_led(struct led *led)
{
    for (uint32_t i = 0; i < led->carried.count; i++)
        wire_bytes_done(&led->carried.envelopes[i]);
    manifest_done(&led->manifest);
    store_rollout_done(&led->stored);
    free(led);
}

bool lead_is_closed(const struct rollout *machine)
{
    return rollout_is_ended(machine) || machine->record.state == ROLLOUT_INCOMPLETE;
}

const struct led *lead_find_open(const struct lead *lead)
{
    for (const struct led *led = lead->leds; led != NULL; led = led->next) {
        if (!lead_is_closed(&led->machine))
            return led;
    }
    return NULL;
}

const struct led *lead_find(const struct lead *lead, uint64_t id)
{
    for (const struct led *led = lead->leds; led != NULL; led = led->next) {
        if (led->machine.record.id == id)
            return led;
    }
    return NULL;
}

bool lead_in_doubt(const struct lead *lead, const char *node)
{
    for (const struct led *led = lead->leds; led != NULL; led = led->next) {
        for (uint32_t i = 0; i < led->machine.record.targets_count; i++) {
            if (led->machine.record.targets[i].in_doubt &&
                text_equal(led->machine.record.targets[i].name, node))
                return true;
        }
    }
    return false;
}

const char *lead_change_of(const struct lead *lead, const struct attempt *attempt)
{
    for (const struct led *led = lead->leds; led != NULL; led = led->next) {
        if (attempt_equal(&led->machine.record.attempt, attempt))
            return led->manifest.change;
    }
    return "";
}

void lead_sweep(struct lead *lead)
{
    for (struct led **at = &lead->leds; *at != NULL;) {
        struct led *led = *at;

        if (!rollout_is_ended(&led->machine) || led->machine.record.state == ROLLOUT_INCOMPLETE) {
            at = &led->next;
            continue;
        }
        *at = led->next;
        free_led(led);
    }
}

/* ---- stepping --------------------------------------------------------------------------------
 */

/* The gates answer at once or after a short wait for snapshots; until then the led may be gone. */
struct gates_wait {
    struct lead *lead;
    uint64_t id;
    uint32_t stage;
};

static void answer_gates(void *context, bool cancelled);

static void ask_gates(struct lead *lead, struct led *led, uint32_t stage)
{
    struct gates_wait *wait = mem_alloc(1, sizeof(*wait));

    *wait = (struct gates_wait){lead, led->machine.record.id, stage};
    fresh_want_plans(lead->fresh, &led->manifest, &led->machine.record.attempt.body, stage,
                     answer_gates, wait);
}

void lead_step(struct lead *lead, struct led *led, struct rollout_event *ev,
               const struct bytes *envelope)
{
    AUTO_FREE struct rollout_effects *effects = mem_alloc(1, sizeof(*effects));

    if (lead->desk->failed)
        return;
    ev->now = clock_now();
    ev->unix_now = clock_unix();
    rollout_step(&led->machine, ev, effects);
    for (uint32_t i = 0; i < effects->count; i++) {
        char line[AUDIT_TEXT_SIZE];

        rollout_effect_render(&effects->list[i], line, sizeof(line));
        log_debug("rollout %llu, %s: %s", (unsigned long long)led->machine.record.id,
                  rollout_event_name(ev->kind), line);
    }
    if (!lead_keep(lead, led, ev, effects, envelope))
        return;
    lead_send(lead, led, effects, envelope);
    lead_set_timer(lead);
    for (uint32_t i = 0; i < effects->count; i++) {
        if (effects->list[i].kind == EFFECT_GATES)
            ask_gates(lead, led, effects->list[i].stage);
    }
}

void lead_give(struct lead *lead, struct rollout_event *ev, const struct attempt *attempt,
               const struct bytes *envelope)
{
    for (struct led *led = lead->leds; led != NULL; led = led->next) {
        if (attempt == NULL || attempt_equal(&led->machine.record.attempt, attempt))
            lead_step(lead, led, ev, envelope);
    }
}

static struct led *find_led(struct lead *lead, uint64_t id)
{
    struct led *led = lead->leds;

    while (led != NULL && led->machine.record.id != id)
        led = led->next;
    return led;
}

/* Of those that may be said to be silent now. */
static void note_unheard(const struct lead *lead, struct led *led)
{
    for (uint32_t i = 0; i < led->machine.record.targets_count; i++) {
        char why[SENTENCE_SIZE] = "";
        struct text text = TEXT_IN(why);

        fleet_say_unheard(fleet_find(&lead->desk->fleet, led->machine.record.targets[i].name),
                          &text);
        rollout_note_unheard(&led->machine, i, why);
    }
}

static void tick(uv_timer_t *timer)
{
    struct lead *lead = timer->data;
    mono_t now = clock_now();

    lead_sweep(lead);
    for (struct led *led = lead->leds; led != NULL; led = led->next) {
        struct rollout_event ev = {.kind = EVENT_TIMEOUT};

        if (rollout_deadline(&led->machine) > now)
            continue;
        note_unheard(lead, led);
        lead_step(lead, led, &ev, NULL);
    }
    lead_backs_tick(lead, now);
    lead_voids_tick(lead, now);
    lead_set_timer(lead);
}

void lead_set_timer(struct lead *lead)
{
    mono_t now = clock_now();
    mono_t first = mono_min(lead_backs_deadline(lead), lead_voids_deadline(lead));

    for (const struct led *led = lead->leds; led != NULL; led = led->next)
        first = mono_min(first, rollout_deadline(&led->machine));
    if (first == MONO_NEVER)
        uv_timer_stop(&lead->timer);
    else
        uv_timer_start(&lead->timer, tick, first > now ? (uint64_t)(first - now) : 1, 0);
}

/* The nodes hold trust.yaml's threshold; fleet.yaml may ask for more, never for less. */
static unsigned count_needed(const struct desk *desk)
{
    unsigned asked = desk->file->policy.approvals;

    return asked > desk->trust->threshold ? asked : desk->trust->threshold;
}

/* ---- gates -----------------------------------------------------------------------------------
 */

static void fill_inputs(const struct lead *lead, const struct manifest *manifest,
                        const struct approval *approval, struct bytes envelope, uint32_t stage,
                        struct gates_inputs *ret_inputs)
{
    const struct desk *desk = lead->desk;

    *ret_inputs = (struct gates_inputs){
        .manifest = manifest,
        .approval = approval,
        .is_signed = envelope.len > 0,
        .approvals_count =
            envelope.len > 0 ? wire_count_approvals(envelope, desk->trust, TRUST_APPROVER) : 0,
        .threshold = count_needed(desk),
        .file = desk->file,
        .fleet = &desk->fleet,
        .holds = &desk->holds,
        .stage = stage,
        .now = clock_now(),
        .now_unix = clock_unix()};
}

void lead_gates_inputs(const struct lead *lead, const struct lead_order *order,
                       const struct bars *bars, struct gates_inputs *ret_inputs)
{
    fill_inputs(lead, &order->manifest, &order->approval, wire_lend(&order->bytes.approval), 0,
                ret_inputs);
    ret_inputs->bars = bars;
}

static void answer_gates(void *context, bool cancelled)
{
    AUTO_FREE struct gates_wait *wait = context;
    struct led *led = find_led(wait->lead, wait->id);
    char reason[REASON_SIZE] = "";
    struct text text = TEXT_IN(reason);
    struct rollout_event ev = {.kind = EVENT_GATES, .reason = reason};
    struct gates_inputs inputs;
    struct gates gates;

    if (cancelled || led == NULL)
        return;
    fill_inputs(wait->lead, &led->manifest, &led->approved, wire_lend(&led->stored.approval),
                wait->stage, &inputs);
    gates_evaluate(&inputs, &gates);
    ev.gates.stage = wait->stage;
    ev.gates.pass = gates_pass(&gates);
    ev.gates.awaits = gates_await(&gates, &text);
    if (!ev.gates.awaits) {
        reason[0] = '\0';
        text = TEXT_IN(reason);
        gates_explain(&gates, &text);
    }
    lead_keep_gates(wait->lead, led, &gates, !ev.gates.awaits);
    gates_done(&gates);
    lead_step(wait->lead, led, &ev, NULL);
}

/* ---- people ----------------------------------------------------------------------------------
 */

/* A step that a person asked for: what could not be kept is not acknowledged. */
static bool ask_step(struct lead *lead, struct led *led, struct rollout_event *ev, struct err *err)
{
    lead_step(lead, led, ev, NULL);
    return !lead->desk->failed || err_set(err, ERR_SYSTEM, "%s", lead->desk->failure.text);
}

bool lead_next(struct lead *lead, uint64_t id, const char *by, struct err *err)
{
    struct led *led = find_led(lead, id);
    struct rollout_event ev = {.kind = EVENT_NEXT, .by = by};

    if (led == NULL || lead_is_closed(&led->machine))
        return lead_refuse_next(lead, id, err);
    if (!text_equal(rollout_waiting_for(&led->machine), "next"))
        return err_set(err, ERR_CONFLICT, "rollout %llu does not wait for `next`: it is %s, %s",
                       (unsigned long long)id, rollout_state_name(led->machine.record.state),
                       led->machine.record.sentence);
    return ask_step(lead, led, &ev, err);
}

bool lead_abort(struct lead *lead, uint64_t id, const char *by, const char *reason, struct err *err)
{
    struct led *led = find_led(lead, id);
    struct rollout_event ev = {.kind = EVENT_ABORT, .by = by, .reason = reason};

    if (led == NULL || lead_is_closed(&led->machine))
        return lead_refuse_abort(lead, id, err);
    return ask_step(lead, led, &ev, err);
}

void lead_take_hold(struct lead *lead, const struct hold *hold)
{
    struct rollout_event ev = {.kind = hold->kind == HOLD_FREEZE ? EVENT_FREEZE : EVENT_HOLD,
                               .by = hold->by,
                               .reason = hold->reason};

    if (!hold_stops(hold, clock_unix()))
        return;
    ev.node = text_equal(hold->scope, "fleet") ? NULL : hold->scope;
    lead_give(lead, &ev, NULL, NULL);
}

/* ---- life ------------------------------------------------------------------------------------
 */

struct lead *lead_new(uv_loop_t *loop, struct desk *desk, struct outbox *outbox,
                      struct fresh *fresh)
{
    struct lead *lead = mem_alloc(1, sizeof(*lead));

    lead->desk = desk;
    lead->outbox = outbox;
    lead->fresh = fresh;
    uv_timer_init(loop, &lead->timer);
    lead->timer.data = lead;
    return lead;
}

static void closed(uv_handle_t *handle)
{
    struct lead *lead = handle->data;

    while (lead->leds != NULL) {
        struct led *led = lead->leds;

        lead->leds = led->next;
        free_led(led);
    }
    lead_backs_done(lead);
    free(lead);
}

void lead_free(struct lead *lead)
{
    uv_close((uv_handle_t *)&lead->timer, closed);
}
