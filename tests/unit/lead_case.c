/*
 * lead_case: what the tests of the lead share: one place that is open, and what people ask of it.
 */
#include "tests/unit/lead_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"

struct place place;

int lead_case_open(void **state)
{
    (void)state;
    place_open(&place);
    return 0;
}

int lead_case_close(void **state)
{
    (void)state;
    place_close(&place);
    return 0;
}

bool lead_case_try_start(uint64_t sequence, uint64_t *ret_id, struct err *err)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    AUTO_FREE struct lead_order *order = mem_alloc(1, sizeof(*order));
    struct manifest manifest;
    bool started;

    place_make_manifest(&place, "forwarding", &manifest);
    bytes = place_sign_manifest(&place, &manifest, sequence);
    manifest_done(&manifest);
    started = lead_order_decode(wire_lend(&bytes), order, err) &&
              lead_start(place.lead, order, "olga", (struct bytes){(const uint8_t *)"[]", 2},
                         ret_id, err);
    lead_order_done(order);
    return started;
}

uint64_t lead_case_start(void)
{
    struct err err = ERR_INIT;
    uint64_t id;

    if (!lead_case_try_start(1, &id, &err))
        fail_msg("%s", err.text);
    return id;
}

void lead_case_restart(void)
{
    struct err err = ERR_INIT;

    lead_free(place.lead);
    place_turn(&place);
    outbox_clear(place.outbox, "a1");
    outbox_clear(place.outbox, "b2");
    place.lead = place.api.lead = lead_new(&place.loop, &place.desk, place.outbox, place.fresh);
    if (!lead_resume(place.lead, &err))
        fail_msg("%s", err.text);
}

struct attempt lead_case_add_complete(uint64_t sequence)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    struct err err = ERR_INIT;
    uint64_t id;

    if (!lead_case_try_start(sequence, &id, &err))
        fail_msg("%s", err.text);
    *record = lead_find(place.lead, id)->machine.record;
    record->state = ROLLOUT_COMPLETE;
    for (uint32_t i = 0; i < record->targets_count; i++) {
        record->targets[i].wants = WANTS_CHANGE;
        record->targets[i].says = SAYS_CONFIRMED;
        record->targets[i].receipt = RECEIPT_CONFIRMED;
    }
    if (!store_put_record(place.desk.store, record, 1, &err))
        fail_msg("%s", err.text);
    lead_case_restart();
    return record->attempt;
}

void lead_case_hear_of_open(const char *node, bool is_reverting)
{
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));
    const struct attempt *attempt = &lead_find_open(place.lead)->machine.record.attempt;

    text_copy(stack->node, sizeof(stack->node), node);
    text_copy(stack->trial_state, sizeof(stack->trial_state), is_reverting ? "reverting" : "idle");
    stack->nonce.bytes[0] = 9;
    stack->trial_open = is_reverting;
    if (is_reverting)
        stack->trial = (struct generation_id){*attempt, {.bytes = {8}}};
    else
        stack->generations[stack->generations_count++].id =
            (struct generation_id){*attempt, {.bytes = {7}}};
    lead_take_stack(place.lead, node, stack, clock_now());
}

void lead_case_fill_order(struct order *order, const char *node, uint64_t sequence)
{
    order->nodes_count = 1;
    text_copy(order->nodes[0], NAME_SIZE, node);
    order->down_to.attempt.sequence = sequence;
    memset(order->down_to.attempt.body.bytes, (int)sequence, HASH_SIZE);
    text_copy(order->reason, sizeof(order->reason), "drill");
}

bool lead_case_try_order(const char *node, uint64_t sequence, struct err *err)
{
    AUTO_FREE struct order *order = mem_alloc(1, sizeof(*order));
    AUTO_WIRE struct wire_bytes envelope = {NULL, 0};

    lead_case_fill_order(order, node, sequence);
    envelope = wire_encode_order(order, place.approver);
    return lead_pass_order(place.lead, wire_lend(&envelope), "olga", err);
}

bool lead_case_take_back(const char *node, const char *reason, struct err *err)
{
    char names[1][NAME_SIZE] = {""};

    text_copy(names[0], NAME_SIZE, node);
    return lead_emergency(place.lead, names, node[0] != '\0' ? 1 : 0, "olga", reason, err);
}

const struct lead_back *lead_case_find_back(const char *node)
{
    const struct lead_backs *backs = lead_backs(place.lead);

    for (uint32_t i = 0; i < backs->count; i++) {
        if (text_equal(backs->list[i].name, node))
            return &backs->list[i];
    }
    fail_msg("%s is not asked to come back", node);
    return NULL;
}

bool lead_case_is_asked(void *context)
{
    AUTO_WIRE struct wire_bytes reply = {NULL, 0};

    return outbox_next(place.outbox, context, clock_now(), &reply);
}

static bool is_guard_command(const struct session_reply *reply, enum guard_request_kind kind)
{
    struct guard_request asked;
    struct err err = ERR_INIT;
    bool is_it;

    if (reply->command != COMMAND_GUARD ||
        !wire_decode_guard_request(wire_lend(&reply->guard), &asked, &err))
        return false;
    is_it = asked.kind == kind;
    guard_request_done(&asked);
    return is_it;
}

bool lead_case_has_command(const char *node, enum guard_request_kind kind)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    bool some = false;

    while (outbox_next(place.outbox, node, clock_now(), &bytes)) {
        struct session_reply reply;
        struct err err = ERR_INIT;

        assert_true(wire_decode_session_reply(wire_lend(&bytes), &reply, &err));
        some = some || is_guard_command(&reply, kind);
        outbox_acknowledge(place.outbox, node, reply.id);
        session_reply_done(&reply);
        wire_bytes_done(&bytes);
    }
    return some;
}
