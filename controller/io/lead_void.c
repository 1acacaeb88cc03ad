/*
 * lead_void: what was signed and handed to no controller, ended without its bytes: each guard that
 * it is for is asked to bar the attempt, as before a start (docs/protocol.md rules 5 and 14), until
 * its receipt is there. It undoes nothing: where the attempt stands or is on trial nobody is asked.
 */
#include <stdio.h>

#include "common/core/text.h"
#include "common/io/clock.h"
#include "controller/io/lead_parts.h"

enum { AGAIN_MS = 2000, WANTED_MS = 3600 * 1000 }; /* behind that a person asks once more */

static struct lead_void *find(struct lead *lead, const char *node, const struct attempt *attempt)
{
    for (uint32_t i = 0; i < lead->voids.count; i++) {
        struct lead_void *own = &lead->voids.list[i];

        if (text_equal(own->node, node) && attempt_equal(&own->attempt, attempt))
            return own;
    }
    return NULL;
}

/* The last one takes its place. */
static void forget(struct lead *lead, struct lead_void *own)
{
    *own = lead->voids.list[--lead->voids.count];
}

static void ask(struct lead *lead, struct lead_void *own)
{
    own->again_at = clock_now() + AGAIN_MS;
    outbox_put_stack(lead->outbox, own->node);
}

/* ---- what its guard says ---------------------------------------------------------------------
 */

static bool is_there(const struct stack *stack, const struct attempt *attempt)
{
    return stack_find(stack, attempt) != NULL ||
           (stack->trial_open && attempt_equal(&stack->trial.attempt, attempt));
}

static void take_stack(struct lead *lead, struct lead_void *own, const struct stack *stack)
{
    struct guard_request request = {
        .kind = GUARD_ABORT, .id = {.attempt = own->attempt}, .nonce = stack->nonce};

    if (is_there(stack, &own->attempt)) {
        text_copy(own->sentence, sizeof(own->sentence),
                  "it stands there, or is on trial: somebody has handed it over; it is not barred, "
                  "`oceanidctl emergency-rollback --node` takes back what stands");
        return;
    }
    text_copy(request.reason, sizeof(request.reason), own->reason);
    text_copy(own->sentence, sizeof(own->sentence), "its guard was asked to bar it");
    outbox_put_guard(lead->outbox, own->node, &request);
}

void lead_voids_stack(struct lead *lead, const char *node, const struct stack *stack)
{
    for (uint32_t i = 0; i < lead->voids.count; i++) {
        if (text_equal(lead->voids.list[i].node, node))
            take_stack(lead, &lead->voids.list[i], stack);
    }
}

void lead_voids_receipt(struct lead *lead, const struct receipt *receipt)
{
    struct lead_void *own = find(lead, receipt->node, &receipt->generation.attempt);

    if (own != NULL && receipt_is_end(receipt))
        forget(lead, own);
}

void lead_voids_refused(struct lead *lead, const char *node, const struct attempt *attempt,
                        const char *reason)
{
    struct lead_void *own = find(lead, node, attempt);

    if (own != NULL)
        text_copy(own->sentence, sizeof(own->sentence), reason);
}

/* A file of it turned up, and somebody began it: what a guard was asked already it does, and the
 * rollout meets its tombstone. */
bool lead_voids_note_begun(struct lead *lead, const struct led *led)
{
    char names[REASON_SIZE] = "";
    struct text text = TEXT_IN(names);

    for (uint32_t i = 0; i < lead->voids.count; i++) {
        if (attempt_equal(&lead->voids.list[i].attempt, &led->machine.record.attempt))
            text_add_once(&text, ", ", lead->voids.list[i].node);
    }
    return text.len == 0 || desk_audit(lead->desk, led->stored.by, "void", led->manifest.change,
                                       "it has begun: not to be barred any more on %s", names);
}

void lead_voids_begun(struct lead *lead, const struct led *led)
{
    for (uint32_t i = lead->voids.count; i-- > 0;) {
        if (attempt_equal(&lead->voids.list[i].attempt, &led->machine.record.attempt))
            forget(lead, &lead->voids.list[i]);
    }
}

/* ---- time ------------------------------------------------------------------------------------
 */

void lead_voids_tick(struct lead *lead, mono_t now)
{
    for (uint32_t i = lead->voids.count; i-- > 0;) {
        struct lead_void *own = &lead->voids.list[i];

        if (own->until <= now)
            forget(lead, own);
        else if (own->again_at <= now)
            ask(lead, own);
    }
}

mono_t lead_voids_deadline(const struct lead *lead)
{
    mono_t first = MONO_NEVER;

    for (uint32_t i = 0; i < lead->voids.count; i++)
        first = mono_min(first, mono_min(lead->voids.list[i].again_at, lead->voids.list[i].until));
    return first;
}

/* ---- what a person asks ----------------------------------------------------------------------
 */

/* Whoever looks how far it is asks the same once more. */
static bool is_news(struct lead *lead, const char *node, const struct attempt *attempt,
                    const char *reason)
{
    const struct lead_void *own = find(lead, node, attempt);

    return own == NULL || !text_equal(own->reason, reason);
}

static bool check(struct lead *lead, const struct attempt *attempt, const struct lead_wish *wish,
                  uint32_t *ret_news, struct err *err)
{
    uint32_t more = 0;

    *ret_news = 0;

    if (lead_change_of(lead, attempt)[0] != '\0')
        return err_set(err, ERR_CONFLICT,
                       "a rollout here has it: `oceanidctl rollout abort` ends it");
    if (wish->count == 0)
        return err_set(err, ERR_INPUT, "nodes: accepted is one or more");
    for (size_t i = 0; i < wish->count; i++) {
        const struct roster_entry *entry = roster_find(lead->desk->roster, wish->names[i]);

        if (entry == NULL || entry->witness_only)
            return err_set(err, ERR_MISSING,
                           "node %s is not in the roster: its guard cannot be asked, and without "
                           "its receipt what was signed for it can only lapse; nothing was asked",
                           wish->names[i]);
        more += find(lead, wish->names[i], attempt) == NULL;
        *ret_news += is_news(lead, wish->names[i], attempt, wish->reason);
    }
    return lead->voids.count + more <= VOIDS_MAX ||
           err_set(err, ERR_LIMIT, "%u are to be barred already: accepted are at most %d",
                   lead->voids.count, VOIDS_MAX);
}

static void want(struct lead *lead, const char *node, const struct attempt *attempt,
                 const char *reason)
{
    struct lead_void *own = find(lead, node, attempt);

    if (own == NULL) {
        own = &lead->voids.list[lead->voids.count++];
        *own = (struct lead_void){.attempt = *attempt};
        text_copy(own->node, sizeof(own->node), node);
        text_copy(own->sentence, sizeof(own->sentence), "it has not answered yet");
        ask(lead, own);
    }
    text_copy(own->reason, sizeof(own->reason), reason);
    own->until = clock_now() + WANTED_MS;
}

bool lead_void(struct lead *lead, const struct attempt *attempt, const struct lead_wish *wish,
               struct err *err)
{
    char hex[2 * HASH_SIZE + 1];
    uint32_t news;

    if (!check(lead, attempt, wish, &news, err))
        return false;
    bytes_format_hex(attempt->body.bytes, HASH_SIZE, hex);
    if (news > 0 && !desk_audit(lead->desk, wish->by, "void", wish->names[0],
                                "sequence %llu, %.16s, is to be barred on %u nodes: %s",
                                (unsigned long long)attempt->sequence, hex, (unsigned)wish->count,
                                wish->reason))
        return err_set(err, ERR_SYSTEM, "%s", lead->desk->failure.text);
    for (size_t i = 0; i < wish->count; i++)
        want(lead, wish->names[i], attempt, wish->reason);
    lead_set_timer(lead);
    return true;
}

void lead_voids_tell(const struct lead *lead, const struct attempt *attempt, lead_void_fn void_fn,
                     void *context)
{
    for (uint32_t i = 0; i < lead->voids.count; i++) {
        const struct lead_void *own = &lead->voids.list[i];

        if (attempt_equal(&own->attempt, attempt))
            void_fn(context, own->node, own->sentence);
    }
}
