/*
 * lead_carry: a rollout's effects: what must be durable first, then what leaves.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "controller/io/json.h"
#include "controller/io/lead_parts.h"

/* ---- durable ---------------------------------------------------------------------------------
 */

static bool keep_record(struct lead *lead, struct led *led)
{
    struct err err = ERR_INIT;

    led->stored.record = led->machine.record;
    if (!lead_is_closed(&led->machine))
        led->stored.ended_at = 0;
    else if (led->stored.ended_at == 0)
        led->stored.ended_at = clock_unix();
    return desk_kept(
        lead->desk,
        store_put_record(lead->desk->store, &led->machine.record, led->stored.ended_at, &err),
        &err);
}

static bool keep_hold(struct lead *lead, const struct rollout_event *ev,
                      const struct bytes *envelope)
{
    struct hash hash;
    struct err err = ERR_INIT;

    if (ev->kind != EVENT_RECEIPT || envelope == NULL || !wire_payload_hash(*envelope, &hash, &err))
        return true; /* the receipt was put on hold when it came */
    return desk_quarantine(lead->desk, ev->receipt, &hash);
}

static bool keep_one(struct lead *lead, struct led *led, const struct rollout_event *ev,
                     const struct rollout_effect *effect, const struct bytes *envelope)
{
    switch (effect->kind) {
    case EFFECT_STORE:
        return keep_record(lead, led);
    case EFFECT_HOLD:
        return keep_hold(lead, ev, envelope);
    case EFFECT_AUDIT:
        return desk_audit(lead->desk, ev->by != NULL ? ev->by : "controller", "rollout",
                          effect->node[0] != '\0' ? effect->node : led->manifest.change, "%s",
                          effect->text);
    case EFFECT_SEND:
    case EFFECT_ASK:
    case EFFECT_FORWARD:
    case EFFECT_GATES:
    case EFFECT_TELL:
    case ROLLOUT_EFFECT_COUNT:
        break;
    }
    return true;
}

/* A quarantine that the approval names, on a node that has begun; one that refused keeps its own.
 */
static struct hold *find_begun(const struct lead *lead, const struct led *led)
{
    const struct rollout_record *record = &led->machine.record;
    struct hold *hold = NULL;

    for (uint32_t i = 0; hold == NULL && i < record->targets_count; i++) {
        if (target_has_begun(&record->targets[i]))
            hold = holds_find_named(&lead->desk->holds, record->targets[i].name, &led->approved);
    }
    return hold;
}

static bool lift_begun(struct lead *lead, const struct led *led)
{
    struct hold *hold;
    struct err err = ERR_INIT;

    while ((hold = find_begun(lead, led)) != NULL) {
        hold->lifted = true;
        if (!desk_kept(lead->desk, store_put_hold(lead->desk->store, hold, &err), &err))
            return false;
    }
    return true;
}

static bool is_durable(const struct rollout_effect *effect)
{
    return effect->kind == EFFECT_STORE || effect->kind == EFFECT_HOLD ||
           effect->kind == EFFECT_AUDIT;
}

bool lead_keep(struct lead *lead, struct led *led, const struct rollout_event *ev,
               const struct rollout_effects *effects, const struct bytes *envelope)
{
    bool begins_backs = ev->kind == EVENT_EMERGENCY;
    bool some = begins_backs || find_begun(lead, led) != NULL;

    for (uint32_t i = 0; i < effects->count; i++)
        some = some || is_durable(&effects->list[i]);
    if (!some)
        return true;
    if (!desk_begin(lead->desk, STORE_FULL))
        return false;
    for (uint32_t i = 0; i < effects->count; i++) {
        if (!keep_one(lead, led, ev, &effects->list[i], envelope))
            return false;
    }
    return lift_begun(lead, led) && (!begins_backs || lead_keep_emergency(lead, led)) &&
           desk_commit(lead->desk);
}

/* Which lines there are and what each says, without what was observed: that is another each time.
 */
static void hash_gate(const struct led *led, const struct gate_answer *answer,
                      struct hash *ret_hash)
{
    size_t size = 64 + sizeof(answer->waived) + answer->evidence_count * (2 * NAME_SIZE + 16);
    AUTO_FREE char *words = mem_alloc(size, 1);
    struct text text;

    text_init(&text, words, size);
    text_add(&text, "%u %s %s", led->machine.record.stage, verdict_format(answer->verdict.value),
             answer->waived);
    for (size_t i = 0; i < answer->evidence_count; i++)
        text_add(&text, ";%s %s %s", answer->evidence[i].node, answer->evidence[i].verdict.check,
                 verdict_format(answer->evidence[i].verdict.value));
    sign_hash(words, text.len, ret_hash);
}

/* As many rows as its evidence needs. */
static bool audit_gate(struct lead *lead, const struct led *led, const struct gates *gates,
                       enum gate gate)
{
    size_t from = 0;
    bool more = true;

    while (more) {
        char words[AUDIT_TEXT_SIZE];
        struct text text = TEXT_IN(words);

        text_add(&text, "rollout %llu, stage %u: ", (unsigned long long)led->machine.record.id,
                 led->machine.record.stage + 1);
        more = gates_tell(gates, gate, &from, &text);
        if (!desk_audit(lead->desk, "controller", "gate", led->manifest.change, "%s", words))
            return false;
    }
    return true;
}

/* Those that say something else than when they were written down last. */
static bool audit_gates(struct lead *lead, struct led *led, const struct gates *gates)
{
    for (unsigned i = 0; i < GATE_COUNT; i++) {
        struct hash hash;

        hash_gate(led, &gates->answers[i], &hash);
        if (hash_equal(&hash, &led->gates_told[i]))
            continue;
        led->gates_told[i] = hash;
        if (!audit_gate(lead, led, gates, (enum gate)i))
            return false;
    }
    return true;
}

static struct wire_bytes encode_gates(const struct gates *gates)
{
    json_t *json = json_gates(gates);
    char *text = json_dumps(json, JSON_COMPACT);

    json_decref(json);
    return (struct wire_bytes){(uint8_t *)text, strlen(text)};
}

bool lead_keep_gates(struct lead *lead, struct led *led, const struct gates *gates, bool final)
{
    struct desk *desk = lead->desk;
    struct err err = ERR_INIT;

    wire_bytes_done(&led->stored.gates);
    led->stored.gates = encode_gates(gates);
    return desk_begin(desk, STORE_FULL) &&
           desk_kept(desk,
                     store_put_gates(desk->store, led->machine.record.id,
                                     wire_lend(&led->stored.gates), &err),
                     &err) &&
           (!final || audit_gates(lead, led, gates)) && desk_commit(desk);
}

/* ---- leaving ---------------------------------------------------------------------------------
 */

static void send_prepare(struct lead *lead, const struct led *led, const char *node)
{
    struct guard_request request = {
        .kind = GUARD_PREPARE, .body = led->stored.body, .envelope = led->stored.approval};

    outbox_put_guard(lead->outbox, node, &request);
}

/* The statements' bytes are lent to the request. */
static void send_start(struct lead *lead, const struct led *led,
                       const struct rollout_effect *effect)
{
    AUTO_FREE struct wire_bytes *statements = mem_alloc(STATEMENTS_MAX, sizeof(*statements));
    struct guard_request request = {
        .kind = GUARD_START, .id = effect->send.id, .statements = statements};
    uint32_t places[STATEMENTS_MAX];

    request.statements_count = carry_pick(led->carried.list, led->carried.count, effect->node,
                                          &effect->send.id.start, places);
    for (uint32_t i = 0; i < request.statements_count; i++)
        statements[i] = led->carried.envelopes[places[i]];
    outbox_put_guard(lead->outbox, effect->node, &request);
}

static void send_end(struct lead *lead, const struct rollout_effect *effect)
{
    AUTO_WIRE struct wire_bytes fellow = {NULL, 0};
    struct guard_request request = {.kind =
                                        effect->send.request == SEND_POP ? GUARD_POP : GUARD_ABORT,
                                    .id = effect->send.id,
                                    .nonce = effect->send.stack_nonce,
                                    .emergency = effect->send.emergency};
    struct err err = ERR_INIT;

    text_copy(request.reason, sizeof(request.reason), effect->send.reason);
    if (effect->send.fellow[0] != '\0' &&
        !store_find_receipt(lead->desk->store, effect->send.fellow, &effect->send.id.attempt,
                            &fellow, &err))
        log_warning("receipt of %s: %s, going on without it", effect->send.fellow, err.text);
    request.envelope = fellow;
    outbox_put_guard(lead->outbox, effect->node, &request);
}

static void send_one(struct lead *lead, const struct led *led, const struct rollout_effect *effect)
{
    switch (effect->send.request) {
    case SEND_STACK:
        outbox_put_stack(lead->outbox, effect->node);
        break;
    case SEND_PREPARE:
        send_prepare(lead, led, effect->node);
        break;
    case SEND_START:
        send_start(lead, led, effect);
        break;
    case SEND_ABORT:
    case SEND_POP:
        send_end(lead, effect);
        break;
    case ROLLOUT_SEND_COUNT:
        break;
    }
}

/* An earlier node's guard, over the next guard's nonce. */
static void ask_standing(struct lead *lead, const struct led *led,
                         const struct rollout_effect *effect)
{
    struct guard_request request = {.kind = GUARD_STANDING,
                                    .nonce = effect->ask.nonce,
                                    .body_hash = led->machine.record.attempt.body};

    text_copy(request.name, sizeof(request.name), effect->ask.subject);
    outbox_put_guard(lead->outbox, effect->node, &request);
}

static void ask_one(struct lead *lead, const struct led *led, const struct rollout_effect *effect)
{
    const struct manifest_plan *plan = manifest_find_plan(&led->manifest, effect->ask.subject);
    AUTO_FREE struct session_reply *command = NULL;

    if (effect->ask.phase == PHASE_STANDING) {
        ask_standing(lead, led, effect);
        return;
    }
    if (plan == NULL)
        return;
    command = mem_alloc(1, sizeof(*command));
    command->command = COMMAND_WITNESS;
    command->body = led->machine.record.attempt.body;
    command->nonce = effect->ask.nonce;
    command->phase = effect->ask.phase;
    command->ssh = plan->ssh;
    text_copy(command->subject, sizeof(command->subject), effect->ask.subject);
    outbox_put_take(lead->outbox, effect->node, command);
}

static void forward(struct lead *lead, const char *subject, const struct bytes *envelope)
{
    AUTO_FREE uint8_t *data = NULL;
    struct guard_request request = {.kind = GUARD_STATEMENT};

    if (envelope == NULL)
        return;
    data = mem_copy(envelope->data, envelope->len);
    request.envelope = (struct wire_bytes){data, envelope->len};
    outbox_put_guard(lead->outbox, subject, &request);
}

void lead_send(struct lead *lead, struct led *led, const struct rollout_effects *effects,
               const struct bytes *envelope)
{
    for (uint32_t i = 0; i < effects->count; i++) {
        const struct rollout_effect *effect = &effects->list[i];

        if (effect->kind == EFFECT_SEND)
            send_one(lead, led, effect);
        else if (effect->kind == EFFECT_ASK)
            ask_one(lead, led, effect);
        else if (effect->kind == EFFECT_FORWARD)
            forward(lead, effect->node, envelope);
    }
}
