/*
 * carrier_drift: what has drifted of what Oceanid owns here.
 */
#include "agent/io/carrier_drift.h"

#include <string.h>

#include "agent/core/drift.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"

struct carrier_drift {
    struct observer *observer;
    struct reporter *reporter;
    struct drift owned;
    bool is_due;            /* what is owned is to be taken anew */
    mono_t due_at;          /* from what is seen then or later */
    bool stack_known;       /* of a guard, once */
    uint64_t receipt_index; /* the highest that was heard of: what is not above it only answers */
    uint32_t stands_count;  /* what stands by its word */
    struct generation_id stands[GENERATIONS_MAX];
    uint32_t lines_count; /* what the guard says has drifted: links, settings, prefs, files */
    char lines[DRIFT_MAX][SENTENCE_SIZE];
};

static void take_anew(struct carrier_drift *drift)
{
    drift->is_due = true;
    drift->due_at = clock_now();
    observer_refresh(drift->observer);
}

/* ---- what stands ----------------------------------------------------------------------------- */

/* Its place among what stands, or behind the last. */
static uint32_t place_of(const struct carrier_drift *drift, const struct generation_id *id)
{
    uint32_t i = 0;

    while (i < drift->stands_count && !generation_id_equal(&drift->stands[i], id))
        i++;
    return i;
}

/* By the receipt; false: nothing else stands than was known. What stands may not be known yet where
 * something was popped: it stood. */
static bool note_end(struct carrier_drift *drift, const struct receipt *receipt)
{
    uint32_t place = place_of(drift, &receipt->generation);

    if (receipt->kind == RECEIPT_CONFIRMED && place == drift->stands_count &&
        place < GENERATIONS_MAX) {
        drift->stands[drift->stands_count++] = receipt->generation;
        return true;
    }
    if (receipt->kind == RECEIPT_POPPED && place < drift->stands_count) {
        drift->stands_count = place; /* they pop from the top */
        return true;
    }
    return receipt->kind == RECEIPT_POPPED && !drift->stack_known;
}

/* True: of an end that was not heard of before. */
static bool note_index(struct carrier_drift *drift, uint64_t index)
{
    if (index <= drift->receipt_index)
        return false;
    drift->receipt_index = index;
    return true;
}

/* Not at one that only answers: docs/protocol.md rule 14. */
void carrier_drift_take_receipt(struct carrier_drift *drift, const struct receipt *receipt)
{
    bool is_new = note_index(drift, receipt->index);

    if (note_end(drift, receipt) || (is_new && receipt->kind == RECEIPT_REVERTED))
        take_anew(drift);
}

static bool is_known(const struct carrier_drift *drift, const struct stack *stack)
{
    bool same = drift->stack_known && drift->stands_count == stack->generations_count;

    for (uint32_t i = 0; same && i < stack->generations_count; i++)
        same = generation_id_equal(&drift->stands[i], &stack->generations[i].id);
    return same;
}

/* Rescue takes back, and a guard ends, while nobody hears of it. */
void carrier_drift_take_stack(struct carrier_drift *drift, const struct stack *stack)
{
    bool first = !drift->stack_known;
    bool has_ended = note_index(drift, stack->receipt_index);

    if (is_known(drift, stack) && !has_ended)
        return;
    drift->stack_known = true;
    drift->stands_count = stack->generations_count;
    for (uint32_t i = 0; i < stack->generations_count; i++)
        drift->stands[i] = stack->generations[i].id;
    if (!first) /* it was so from the start, and what was owned then was taken, or is due */
        take_anew(drift);
}

/* ---- what has drifted ------------------------------------------------------------------------ */

void carrier_drift_take_lines(struct carrier_drift *drift, const struct guard_report *report)
{
    drift->lines_count = 0;
    for (uint32_t i = 0; i < report->lines_count && i < DRIFT_MAX; i++)
        text_copy(drift->lines[drift->lines_count++], SENTENCE_SIZE, report->lines[i]);
}

void carrier_drift_look(struct carrier_drift *drift)
{
    const struct observation *seen = observer_now(drift->observer);
    char lines[DRIFT_MAX][SENTENCE_SIZE];
    uint32_t count;

    if (seen == NULL || (drift->is_due && seen->kernel_at < drift->due_at))
        return;
    if (drift->is_due)
        drift_take(&drift->owned, &seen->snapshot);
    drift->is_due = false;
    count = drift_find(&drift->owned, &seen->snapshot, lines, DRIFT_MAX);
    for (uint32_t i = 0; i < drift->lines_count && count < DRIFT_MAX; i++)
        text_copy(lines[count++], SENTENCE_SIZE, drift->lines[i]);
    reporter_set_drift(drift->reporter, lines, count);
}

struct carrier_drift *carrier_drift_new(struct observer *observer, struct reporter *reporter)
{
    struct carrier_drift *drift = mem_alloc(1, sizeof(*drift));

    drift->observer = observer;
    drift->reporter = reporter;
    drift->is_due = true;
    return drift;
}
