/*
 * lead_start: taking a signed manifest over, and taking up again what was led before a restart.
 */
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "controller/io/lead.h"
#include "controller/io/lead_parts.h"

bool lead_order_decode(struct bytes from, struct lead_order *ret_order, struct err *err)
{
    struct lead_order *order = ret_order;
    struct hash hash;

    memset(order, 0, sizeof(*order));
    if (!wire_decode_signed_manifest(from, &order->bytes, err))
        return false;
    if (wire_decode_approval(wire_lend(&order->bytes.approval), &order->approval, err) &&
        wire_decode_manifest(wire_lend(&order->bytes.body), &order->manifest, err)) {
        sign_hash(order->bytes.body.data, order->bytes.body.len, &hash);
        if (!hash_equal(&hash, &order->approval.attempt.body))
            err_set(err, ERR_DENIED, "the approval is for another manifest than the one given");
        else if (manifest_validate(&order->manifest, err))
            return true;
        lead_order_done(order);
        return false;
    }
    signed_manifest_done(&order->bytes);
    memset(order, 0, sizeof(*order));
    return false;
}

void lead_order_done(struct lead_order *order)
{
    manifest_done(&order->manifest);
    signed_manifest_done(&order->bytes);
    memset(order, 0, sizeof(*order));
}

/* Proofs are verified by the roster's keys here and by the manifest's on the nodes. */
static bool check_keys(const struct desk *desk, const struct manifest *manifest, struct err *err)
{
    for (uint32_t i = 0; i < manifest->roster_count; i++) {
        const struct roster_entry *entry = &manifest->roster[i];
        const struct roster_entry *known = roster_find(desk->roster, entry->name);

        if (known == NULL)
            return err_set(err, ERR_CONFLICT,
                           "%s is in the manifest, but not in roster version %llu", entry->name,
                           (unsigned long long)desk->roster->version);
        if (!key_equal(&known->agent_key, &entry->agent_key) ||
            !key_equal(&known->guard_key, &entry->guard_key))
            return err_set(err, ERR_CONFLICT,
                           "the manifest has other keys for %s than roster version %llu; compile "
                           "and sign the change again",
                           entry->name, (unsigned long long)desk->roster->version);
    }
    return true;
}

/* NULL: nothing stops it. With another agent's key it is the same node: what stands is its guard's,
 * which can be asked and taken at its word. What the new agent signs counts for no guard of this
 * rollout (they go by the manifest's keys): nothing is started by it. */
static const char *find_why_removed(const struct desk *desk, const struct led *led,
                                    const char *node)
{
    const struct roster_entry *entry = manifest_find_entry(&led->manifest, node);
    const struct roster_entry *known = roster_find(desk->roster, node);

    if (known == NULL)
        return "it is not in the roster any more";
    if (entry == NULL || !key_equal(&known->guard_key, &entry->guard_key))
        return "its guard's key in the roster is another now";
    return NULL;
}

void lead_take_roster(struct lead *lead)
{
    for (struct led *led = lead->leds; led != NULL; led = led->next) {
        for (uint32_t i = 0; i < led->machine.record.targets_count; i++) {
            const char *node = led->machine.record.targets[i].name;
            struct rollout_event ev = {.kind = EVENT_REMOVED, .node = node};

            ev.reason = find_why_removed(lead->desk, led, node);
            if (ev.reason != NULL)
                lead_step(lead, led, &ev, NULL);
        }
    }
    lead_backs(lead); /* those that are in it again are asked */
    lead_set_timer(lead);
}

static void bar_open(const struct led *open, struct err *err)
{
    if (open != NULL)
        err_set(err, ERR_CONFLICT, "rollout %llu, %s, is open: %s; one at a time",
                (unsigned long long)open->machine.record.id, open->manifest.change,
                open->machine.record.sentence);
}

static void bar_incomplete(const struct lead *lead, struct err *err)
{
    uint32_t count = 0;

    for (const struct led *led = lead->leds; led != NULL; led = led->next)
        count +=
            !rollout_is_ended(&led->machine) || led->machine.record.state == ROLLOUT_INCOMPLETE;
    if (count >= LED_MAX)
        err_set(
            err, ERR_LIMIT,
            "%u incomplete rollouts still follow up: accepted before another one are at most %d",
            count, LED_MAX - 1);
}

void lead_find_bars(const struct lead *lead, const struct lead_order *order, struct bars *ret_bars)
{
    struct err *why = ret_bars->why;

    *ret_bars = (struct bars){0};
    bar_open(lead_find_open(lead), &why[BAR_OPEN]);
    bar_incomplete(lead, &why[BAR_INCOMPLETE]);
    if (order == NULL)
        return;
    check_keys(lead->desk, &order->manifest, &why[BAR_KEYS]);
    if (order->bytes.approval.len > 0)
        store_check_sequence(lead->desk->store, &order->approval.attempt, &why[BAR_SEQUENCE]);
}

bool lead_check(const struct lead *lead, const struct lead_order *order, struct err *err)
{
    struct bars bars;

    lead_find_bars(lead, order, &bars);
    return bars_check(&bars, err);
}

static bool next_id(struct store *store, uint64_t *ret_id, struct err *err)
{
    uint64_t newest = 0;
    size_t count;

    if (!store_list_rollouts(store, STORE_NEWEST, &newest, 1, &count, err))
        return false;
    *ret_id = count > 0 ? newest + 1 : 1;
    return true;
}

static struct led *new_led(struct lead_order *order, uint64_t id, const char *by)
{
    struct led *led = mem_alloc(1, sizeof(*led));

    led->manifest = order->manifest;
    led->approved = order->approval;
    led->stored.body = order->bytes.body;
    led->stored.approval = order->bytes.approval;
    led->stored.started_at = clock_unix();
    text_copy(led->stored.by, sizeof(led->stored.by), by);
    memset(order, 0, sizeof(*order));
    rollout_init(&led->machine, id, &led->manifest, &led->approved);
    led->stored.record = led->machine.record;
    return led;
}

static bool keep_start(struct lead *lead, const struct led *led, struct bytes gates,
                       struct err *err)
{
    struct desk *desk = lead->desk;
    uint64_t id = led->machine.record.id;

    if (!desk_begin(desk, STORE_FULL))
        return false;
    return desk_kept(desk, store_add_rollout(desk->store, &led->stored, err), err) &&
           desk_kept(desk, store_answer_strangers(desk->store, &led->approved, err), err) &&
           desk_kept(desk, store_put_gates(desk->store, id, gates, err), err) &&
           lead_keep_rehearsals(lead, led) &&
           desk_audit(desk, led->stored.by, "rollout", led->manifest.change,
                      "rollout %llu started, sequence %llu: %s", (unsigned long long)id,
                      (unsigned long long)led->approved.attempt.sequence, led->manifest.reason) &&
           lead_voids_note_begun(lead, led) && desk_commit(desk);
}

static void free_new(struct led *led)
{
    manifest_done(&led->manifest);
    store_rollout_done(&led->stored);
    free(led);
}

bool lead_start(struct lead *lead, struct lead_order *order, const char *by, struct bytes gates,
                uint64_t *ret_id, struct err *err)
{
    struct rollout_event ev = {.kind = EVENT_START, .by = by};
    struct led *led;

    lead_sweep(lead);
    if (!lead_check(lead, order, err))
        return false;
    if (!next_id(lead->desk->store, ret_id, err))
        return desk_kept(lead->desk, false, err);
    led = new_led(order, *ret_id, by);
    if (!keep_start(lead, led, gates, err)) {
        if (lead->desk->failed)
            *err = lead->desk->failure;
        free_new(led);
        return false;
    }
    led->stored.gates = (struct wire_bytes){mem_copy(gates.data, gates.len), gates.len};
    led->next = lead->leds;
    lead->leds = led;
    lead_voids_begun(lead, led);
    lead_step(lead, led, &ev, NULL);
    return true;
}

/* ---- after a restart -------------------------------------------------------------------------
 */

static bool decode(struct led *led, struct err *err)
{
    return wire_decode_manifest(wire_lend(&led->stored.body), &led->manifest, err) &&
           wire_decode_approval(wire_lend(&led->stored.approval), &led->approved, err);
}

static bool load(struct lead *lead, struct store_rollout *stored, struct err *err)
{
    struct led *led = mem_alloc(1, sizeof(*led));

    led->stored = *stored;
    if (!decode(led, err)) {
        free_new(led);
        return false;
    }
    rollout_load(&led->machine, &led->stored.record, &led->manifest);
    led->next = lead->leds;
    lead->leds = led;
    return true;
}

bool lead_take_up(struct lead *lead, uint64_t id, struct err *err)
{
    AUTO_FREE struct store_rollout *stored = mem_alloc(1, sizeof(*stored));
    struct rollout_event ev = {.kind = EVENT_RESUMED};

    if (!store_read_rollout(lead->desk->store, id, stored, err) || !load(lead, stored, err))
        return false;
    lead_step(lead, lead->leds, &ev, NULL);
    return true;
}

static bool resume_one(struct lead *lead, uint64_t id, struct err *err)
{
    AUTO_FREE struct store_rollout *stored = mem_alloc(1, sizeof(*stored));

    if (!store_read_rollout(lead->desk->store, id, stored, err))
        return false;
    log_info("rollout %llu was %s: taking it up again", (unsigned long long)id,
             rollout_state_name(stored->record.state));
    return load(lead, stored, err) || err_wrap(err, "rollout %llu", (unsigned long long)id);
}

/* However many have ended since. */
static bool resume_all(struct lead *lead, struct err *err)
{
    uint64_t id = 0;

    do {
        if (!store_find_unended(lead->desk->store, id, &id, err) ||
            (id != 0 && !resume_one(lead, id, err)))
            return false;
    } while (id != 0);
    return true;
}

static bool look_at(struct store *store, uint64_t id, struct err *err)
{
    AUTO_FREE struct store_rollout *stored = mem_alloc(1, sizeof(*stored));
    struct led *led;
    bool good;

    if (!store_read_rollout(store, id, stored, err))
        return false;
    led = mem_alloc(1, sizeof(*led));
    led->stored = *stored;
    good = decode(led, err) || err_wrap(err, "rollout %llu", (unsigned long long)id);
    free_new(led);
    return good;
}

bool lead_look(struct store *store, struct err *err)
{
    uint64_t id = 0;

    do {
        if (!store_find_unended(store, id, &id, err) || (id != 0 && !look_at(store, id, err)))
            return false;
    } while (id != 0);
    return true;
}

/* A crash may have come between a freeze's row and what follows from it. Other holds stop only what
 * the gates are asked of again. */
static void resume_freezes(struct lead *lead)
{
    const struct holds *holds = &lead->desk->holds;

    for (uint32_t i = 0; i < holds->count; i++) {
        if (holds->list[i].kind == HOLD_FREEZE)
            lead_take_hold(lead, &holds->list[i]);
    }
}

/* No rollout's record has it: whom an emergency named is kept with those who are to come back. */
static void resume_at_once(struct lead *lead)
{
    for (uint32_t i = 0; i < lead->backs.count; i++) {
        const struct lead_back *back = &lead->backs.list[i];

        for (struct led *led = lead->leds; led != NULL; led = led->next) {
            if (led->machine.record.id == back->rollout && !back->done)
                rollout_load_at_once(&led->machine, back->name);
        }
    }
}

/* A crash may have come between the steps of those whom one emergency named. */
static void resume_emergencies(struct lead *lead)
{
    for (struct led *led = lead->leds; led != NULL; led = led->next)
        lead_give_left(lead, led, "controller");
}

bool lead_resume(struct lead *lead, struct err *err)
{
    struct rollout_event ev = {.kind = EVENT_RESUMED};

    if (!resume_all(lead, err) || !lead_backs_load(lead, err))
        return false;
    resume_at_once(lead);
    lead_give(lead, &ev, NULL, NULL);
    resume_emergencies(lead);
    lead_take_roster(lead);
    resume_freezes(lead);
    lead_set_timer(lead);
    return true;
}
