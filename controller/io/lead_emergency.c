/*
 * lead_emergency: taking back at once, waiting for nobody: through the rollout's machine, or, where
 * that has nothing to take back, by asking each node's guard directly (docs/protocol.md rules 14
 * and 17), again and again until it says that nothing of it stands.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "controller/io/lead_parts.h"

enum { BACK_AGAIN_MS = 2000 };

/* ---- asking a guard --------------------------------------------------------------------------
 */

static void ask(struct lead *lead, struct lead_back *back)
{
    back->again_at = clock_now() + BACK_AGAIN_MS;
    outbox_put_stack(lead->outbox, back->name);
}

/* An end of the same attempt that another node signed: it opens the way after not-after. */
static void find_fellow(const struct lead *lead, const struct lead_back *back,
                        struct wire_bytes *ret_envelope)
{
    const struct roster *roster = lead->desk->roster;

    for (uint32_t i = 0; i < roster->entries_count; i++) {
        AUTO_WIRE struct wire_bytes envelope = {NULL, 0};
        AUTO_FREE struct receipt *receipt = mem_alloc(1, sizeof(*receipt));
        struct err err = ERR_INIT;

        if (text_equal(roster->entries[i].name, back->name) ||
            !store_find_receipt(lead->desk->store, roster->entries[i].name, &back->attempt,
                                &envelope, &err) ||
            envelope.len == 0 || !wire_decode_receipt(wire_lend(&envelope), receipt, &err))
            continue;
        if (receipt->kind == RECEIPT_REVERTED || receipt->kind == RECEIPT_TOMBSTONE) {
            *ret_envelope = envelope;
            envelope = (struct wire_bytes){NULL, 0};
            return;
        }
    }
}

/* Kept before it is sent: a later stack without it says that it went, over a restart too. */
static bool keep_reverting(struct lead *lead, struct lead_back *back, const char *sentence)
{
    bool is_kept = text_equal(back->state, "reverting");

    lead_back_say(back, "reverting", sentence);
    return is_kept || lead_back_keep(lead, back);
}

static void send_end(struct lead *lead, struct lead_back *back, const struct stack *stack,
                     const struct generation *generation)
{
    AUTO_WIRE struct wire_bytes fellow = {NULL, 0};
    struct guard_request request = {.kind = generation != NULL ? GUARD_POP : GUARD_ABORT,
                                    .id = generation != NULL ? generation->id : stack->trial,
                                    .nonce = stack->nonce,
                                    .emergency = true};

    if (back->order.len > 0) {
        request = (struct guard_request){.kind = GUARD_ORDER, .envelope = back->order};
    } else {
        find_fellow(lead, back, &fellow);
        request.envelope = fellow;
        text_copy(request.reason, sizeof(request.reason), back->reason);
    }
    if (keep_reverting(lead, back, "its guard was told to take it back"))
        outbox_put_guard(lead->outbox, back->name, &request);
}

/* By its guard itself, and not back yet. */
static bool is_asked(const struct lead_back *back, const char *node)
{
    return !back->done && back->rollout == 0 && text_equal(back->name, node);
}

static void take_stack(struct lead *lead, struct lead_back *back, const struct stack *stack)
{
    const struct generation *generation = stack_find(stack, &back->attempt);

    if (generation == NULL &&
        !(stack->trial_open && attempt_equal(&stack->trial.attempt, &back->attempt))) {
        lead_back_finish(lead, back, text_equal(back->state, "reverting") ? "popped" : "not there",
                         "nothing of it stands there");
        return;
    }
    if (stack->trial_open && text_equal(stack->trial_state, "reverting"))
        keep_reverting(lead, back, "its guard takes it back");
    else
        send_end(lead, back, stack, generation);
    back->again_at = clock_now() + BACK_AGAIN_MS;
}

void lead_backs_stack(struct lead *lead, const char *node, const struct stack *stack)
{
    for (uint32_t i = 0; i < lead->backs.count; i++) {
        if (is_asked(&lead->backs.list[i], node))
            take_stack(lead, &lead->backs.list[i], stack);
    }
    lead_set_timer(lead);
}

static void take_receipt(struct lead *lead, struct lead_back *back, const struct receipt *receipt)
{
    if (receipt->kind == RECEIPT_INCOMPLETE)
        lead_back_say(back, "incomplete", receipt->reason);
    else if (receipt_is_end(receipt))
        lead_back_finish(lead, back,
                         receipt->kind == RECEIPT_POPPED ? "popped"
                                                         : receipt_kind_name(receipt->kind),
                         receipt->reason);
}

void lead_backs_receipt(struct lead *lead, const struct receipt *receipt)
{
    for (uint32_t i = 0; i < lead->backs.count; i++) {
        struct lead_back *back = &lead->backs.list[i];

        if (is_asked(back, receipt->node) &&
            attempt_equal(&receipt->generation.attempt, &back->attempt))
            take_receipt(lead, back, receipt);
    }
}

void lead_backs_refused(struct lead *lead, const char *node, const struct attempt *attempt,
                        const char *reason)
{
    for (uint32_t i = 0; i < lead->backs.count; i++) {
        struct lead_back *back = &lead->backs.list[i];

        if (is_asked(back, node) && attempt_equal(attempt, &back->attempt))
            lead_back_say(back, "refused", reason);
    }
}

void lead_backs_tick(struct lead *lead, mono_t now)
{
    for (uint32_t i = 0; i < lead->backs.count; i++) {
        struct lead_back *back = &lead->backs.list[i];

        if (lead_back_is_to_ask(lead, back) && back->again_at <= now)
            ask(lead, back);
    }
}

/* ---- what a person asks ----------------------------------------------------------------------
 */

/* id: of the rollout whose machine takes them back; 0: their guards are asked. */
static void begin_backs(struct lead *lead, const struct rollout_record *record, uint64_t id,
                        const struct lead_wish *wish)
{
    const struct bytes no_order = {NULL, 0};

    for (uint32_t i = 0; i < record->targets_count; i++) {
        const char *node = record->targets[i].name;
        struct lead_back *back = lead_is_wanted(wish, node)
                                     ? lead_backs_put(lead, node, &record->attempt, no_order)
                                     : NULL;

        if (back == NULL)
            continue; /* there is room for all that are wanted */
        back->rollout = id;
        text_copy(back->reason, sizeof(back->reason), wish->reason);
    }
}

/* Of a node that has ended for its machine, and whose guard says that it stands there (a disk that
 * was restored), the guard is asked; and of one that it let go, and that was admitted again. */
static bool takes_back(const struct lead *lead, const struct led *led, const char *node)
{
    const struct rollout_record *record = &led->machine.record;
    const struct target_record *target = lead_find_target(record, node);

    if ((lead_is_closed(&led->machine) && record->state != ROLLOUT_INCOMPLETE) || target == NULL ||
        (target_was_let_go(target) && roster_find(lead->desk->roster, node) != NULL))
        return false;
    return target->says != SAYS_ENDED || !lead_stands(lead, record, target);
}

bool lead_keep_emergency(struct lead *lead, const struct led *led)
{
    for (uint32_t i = 0; i < lead->backs.count; i++) {
        struct lead_back *back = &lead->backs.list[i];

        if (back->rollout == led->machine.record.id && !back->done &&
            !takes_back(lead, led, back->name))
            back->rollout = 0;
    }
    return lead_backs_keep(lead);
}

/* All whom it names are kept with its first step, or none is: what is left of the steps is taken
 * after a restart, and nobody waits for his turn who was to come back at once. */
static void give_emergency(struct lead *lead, const struct led *led, const struct lead_wish *wish,
                           const char *node)
{
    struct rollout_event ev = {
        .kind = EVENT_EMERGENCY, .node = node, .by = wish->by, .reason = wish->reason};

    begin_backs(lead, &led->machine.record, led->machine.record.id, wish);
    lead_give(lead, &ev, &led->machine.record.attempt, NULL);
}

static bool wants_change(const struct rollout_record *record, const char *node)
{
    const struct target_record *target = lead_find_target(record, node);

    return target != NULL && target->wants == WANTS_CHANGE;
}

void lead_give_left(struct lead *lead, const struct led *led, const char *by)
{
    for (uint32_t i = 0; i < lead->backs.count; i++) {
        const struct lead_back *back = &lead->backs.list[i];
        struct rollout_event ev = {
            .kind = EVENT_EMERGENCY, .node = back->name, .by = by, .reason = back->reason};

        if (!back->done && back->rollout == led->machine.record.id &&
            wants_change(&led->machine.record, back->name))
            lead_give(lead, &ev, &led->machine.record.attempt, NULL);
    }
}

/* Only one that stands, for its record, opens a machine that is closed: for all that are named, in
 * whatever order they are. */
static size_t find_opener(const struct rollout_record *record, const struct lead_wish *wish)
{
    for (size_t i = 0; i < wish->count; i++) {
        const struct target_record *target = lead_find_target(record, wish->names[i]);

        if (target != NULL && target->wants == WANTS_CHANGE && target->says == SAYS_CONFIRMED)
            return i;
    }
    return 0;
}

static void give_emergencies(struct lead *lead, const struct led *led, const struct lead_wish *wish)
{
    size_t opener = find_opener(&led->machine.record, wish);

    give_emergency(lead, led, wish, wish->count > 0 ? wish->names[opener] : NULL);
    for (size_t i = 0; i < wish->count; i++) {
        if (i != opener)
            give_emergency(lead, led, wish, wish->names[i]);
    }
    lead_take_roster(lead); /* who left after it was complete is not waited for */
}

/* Its machine does it, unless it says that nothing of it stands: then the guards are asked, as soon
 * as it is kept that they are to be. */
static bool begin(struct lead *lead, const struct rollout_record *record, const struct led *led,
                  const struct lead_wish *wish)
{
    if (led != NULL)
        give_emergencies(lead, led, wish);
    begin_backs(lead, record, led != NULL ? record->id : 0, wish);
    return desk_begin(lead->desk, STORE_FULL) &&
           (led != NULL ? lead_keep_emergency(lead, led) : lead_backs_keep(lead)) &&
           desk_commit(lead->desk);
}

bool lead_read_change(struct lead *lead, uint64_t id, char ret_change[NAME_SIZE], struct err *err)
{
    AUTO_FREE struct store_rollout *stored = mem_alloc(1, sizeof(*stored));
    struct manifest manifest;
    bool good;

    if (!store_read_rollout(lead->desk->store, id, stored, err))
        return false;
    good = wire_decode_manifest(wire_lend(&stored->body), &manifest, err);
    store_rollout_done(stored);
    if (!good)
        return false;
    text_copy(ret_change, NAME_SIZE, manifest.change);
    manifest_done(&manifest);
    return true;
}

static bool make_room(struct lead *lead, const struct lead_wish *wish,
                      const struct rollout_record *record, struct err *err)
{
    struct lead_backs_wanted wanted = {.attempt = record->attempt};

    for (uint32_t i = 0; i < record->targets_count; i++) {
        if (lead_is_wanted(wish, record->targets[i].name))
            wanted.nodes[wanted.count++] = record->targets[i].name;
    }
    return lead_backs_make_room(lead, &wanted, err);
}

bool lead_emergency(struct lead *lead, char (*names)[NAME_SIZE], size_t count, const char *by,
                    const char *reason, struct err *err)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    const struct lead_wish wish = {names, count, by, reason};
    const struct led *led = NULL;

    if (!lead_choose(lead, &wish, record, &led, err) || !make_room(lead, &wish, record, err))
        return false;
    if (!desk_audit(lead->desk, by, "emergency", led != NULL ? led->manifest.change : "rollback",
                    "emergency rollback of rollout %llu, %s: %s", (unsigned long long)record->id,
                    count == 0 ? "all nodes" : "some nodes", reason))
        return err_set(err, ERR_SYSTEM, "%s", lead->desk->failure.text);
    lead_backs_begin(lead, record->id, &wish);
    if (!begin(lead, record, led, &wish))
        return err_set(err, ERR_SYSTEM, "%s", lead->desk->failure.text);
    lead_backs_tick(lead, clock_now());
    lead_set_timer(lead);
    return true;
}

static bool check_order(struct lead *lead, const struct order *order, struct err *err)
{
    struct lead_backs_wanted wanted = {.attempt = order->down_to.attempt, .is_signed = true};

    if (order->nodes_count == 0)
        return err_set(err, ERR_INPUT, "the order names no node");
    for (uint32_t i = 0; i < order->nodes_count; i++) {
        if (roster_find(lead->desk->roster, order->nodes[i]) == NULL)
            return err_set(err, ERR_MISSING, "node %s is not in the roster", order->nodes[i]);
        wanted.nodes[wanted.count++] = order->nodes[i];
    }
    return lead_backs_make_room(lead, &wanted, err);
}

static bool keep_order(struct lead *lead, const struct order *order, struct bytes envelope)
{
    for (uint32_t i = 0; i < order->nodes_count; i++) {
        struct lead_back *back =
            lead_backs_put(lead, order->nodes[i], &order->down_to.attempt, envelope);

        if (back != NULL) /* there is room for all of them */
            text_copy(back->reason, sizeof(back->reason), order->reason);
    }
    return lead_backs_keep(lead) && desk_commit(lead->desk);
}

bool lead_pass_order(struct lead *lead, struct bytes envelope, const char *by, struct err *err)
{
    AUTO_FREE struct order *order = mem_alloc(1, sizeof(*order));
    char signer[NAME_SIZE];

    if (!wire_decode_order(envelope, order, err) ||
        !desk_verify_signer(lead->desk, envelope, SIGN_ORDER, signer, err))
        return err_wrap(err, "order");
    if (!check_order(lead, order, err))
        return false;
    if (!desk_begin(lead->desk, STORE_FULL) ||
        !desk_audit(lead->desk, by, "emergency", order->nodes[0],
                    "order signed by %s passed on, down to sequence %llu: %s", signer,
                    (unsigned long long)order->down_to.attempt.sequence, order->reason) ||
        !keep_order(lead, order, envelope))
        return err_set(err, ERR_SYSTEM, "%s", lead->desk->failure.text);
    lead_backs_tick(lead, clock_now());
    lead_set_timer(lead);
    return true;
}
