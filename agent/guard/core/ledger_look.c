/*
 * ledger_look: what is asked of the ledger: what stands, what ended how, what is still needed.
 */
#include <string.h>

#include "agent/guard/core/ledger.h"
#include "common/core/text.h"

const struct ledger_generation *ledger_top(const struct ledger *ledger)
{
    if (ledger->generations_count == 0)
        return NULL;
    return &ledger->generations[ledger->generations_count - 1];
}

const struct ledger_generation *ledger_find(const struct ledger *ledger,
                                            const struct generation_id *id)
{
    for (uint32_t i = 0; i < ledger->generations_count; i++) {
        if (generation_id_equal(&ledger->generations[i].id, id))
            return &ledger->generations[i];
    }
    return NULL;
}

const struct ledger_generation *ledger_find_attempt(const struct ledger *ledger,
                                                    const struct attempt *attempt)
{
    for (uint32_t i = 0; i < ledger->generations_count; i++) {
        if (attempt_equal(&ledger->generations[i].id.attempt, attempt))
            return &ledger->generations[i];
    }
    return NULL;
}

const struct ledger_end *ledger_find_receipt(const struct ledger *ledger,
                                             const struct attempt *attempt)
{
    for (uint32_t i = ledger->ends_count; i-- > 0;) {
        if (attempt_equal(&ledger->ends[i].receipt.generation.attempt, attempt))
            return &ledger->ends[i];
    }
    return NULL;
}

const struct ledger_generation *ledger_ordered(const struct ledger *ledger)
{
    return ledger->has_order ? ledger_find(ledger, &ledger->order.down_to) : NULL;
}

bool ledger_is_going(const struct ledger *ledger, const struct ledger_generation *generation)
{
    const struct ledger_generation *ordered = ledger_ordered(ledger);

    return generation->mark == MARK_POPPING || (ordered != NULL && generation >= ordered);
}

const struct ledger_generation *ledger_standing(const struct ledger *ledger,
                                                const struct hash *body)
{
    for (uint32_t i = ledger->generations_count; i-- > 0;) {
        const struct ledger_generation *generation = &ledger->generations[i];

        if (hash_equal(&generation->id.attempt.body, body) && !generation->in_doubt &&
            !ledger_is_going(ledger, generation))
            return generation;
    }
    return NULL;
}

const struct ledger_generation *ledger_find_doubt(const struct ledger *ledger)
{
    for (uint32_t i = ledger->generations_count; i-- > 0;) {
        if (ledger->generations[i].in_doubt)
            return &ledger->generations[i];
    }
    return NULL;
}

void ledger_fill_revert(const struct ledger_generation *generation, struct revert *ret_revert)
{
    memset(ret_revert, 0, sizeof(*ret_revert));
    ret_revert->steps_count = generation->begin.operations_count;
    for (uint32_t i = 0; i < ret_revert->steps_count; i++) {
        ret_revert->steps[i].touched = generation->touched[i];
        ret_revert->steps[i].joined = generation->joined[i];
        ret_revert->steps[i].removes = generation->begin.removes[i] != 0;
        ret_revert->steps[i].retry_at = MONO_NEVER;
    }
}

void ledger_fill_stack(const struct ledger *ledger, struct stack *ret_stack)
{
    ret_stack->receipt_index = ledger->receipt_index;
    ret_stack->trial_open = ledger->is_open;
    if (ledger->is_open)
        ret_stack->trial = ledger->open.id;
    ret_stack->generations_count = 0;
    for (uint32_t i = 0; i < ledger->generations_count; i++) {
        const struct ledger_generation *from = &ledger->generations[i];
        struct generation *to = &ret_stack->generations[ret_stack->generations_count];

        if (ledger->generations_count > GENERATIONS_MAX && from->in_doubt)
            continue; /* the one that there is no room for */
        to->id = from->id;
        to->soak_s = from->soak_s;
        to->in_doubt = from->in_doubt;
        text_copy(to->change, NAME_SIZE, from->begin.change);
        ret_stack->generations_count++;
    }
}

static bool owes_of(const struct ledger *ledger, const struct generation_id *id)
{
    for (uint32_t i = 0; i < ledger->waiting_count; i++) {
        if (generation_id_equal(&ledger->waiting[i].generation, id))
            return true;
    }
    return ledger->owes && generation_id_equal(&ledger->owed.generation, id);
}

bool ledger_needs(const struct ledger *ledger, const struct generation_id *id)
{
    if (ledger->is_open && generation_id_equal(&ledger->open.id, id))
        return true;
    if (owes_of(ledger, id))
        return true;
    if (ledger_find(ledger, id) != NULL)
        return true;
    for (uint32_t i = 0; i < ledger->ends_count; i++) {
        if (generation_id_equal(&ledger->ends[i].receipt.generation, id))
            return true;
    }
    return false;
}
