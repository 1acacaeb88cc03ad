/*
 * rollback_intent: what an earlier rescue was to take back that the journal has no record of.
 *
 * It left that in links beside the mark `unrecorded` (io/run_intent.h, io/run.h).
 */
#include "agent/guard/rollback.h"

#include <stdio.h>

#include "agent/guard/io/run.h"
#include "common/core/text.h"

/* What is being taken back already, where nothing was named: an order's, else the newest. */
static const struct generation_id *find_going(const struct ledger *ledger)
{
    const struct ledger_generation *ordered = ledger_ordered(ledger), *top = ledger_top(ledger);

    if (ordered != NULL)
        return &ordered->id;
    if (ledger->is_open)
        return &ledger->open.id;
    return top != NULL && ledger_is_going(ledger, top) ? &top->id : NULL;
}

void rollback_find_lowest(const struct ledger *ledger, struct target *target)
{
    const struct generation_id *going = find_going(ledger);

    target->has_lowest = target->has_generation || going != NULL;
    if (target->has_generation)
        target->lowest = target->down_to;
    else if (going != NULL)
        target->lowest = *going;
}

void rollback_note_intent(const struct rescue *rescue, const struct target *target)
{
    struct run_intent intent = {
        .down_to = target->lowest, .is_void = target->is_void, .is_ordered = target->is_ordered};

    if (!target->has_lowest)
        return; /* only a receipt was owed */
    if (target->is_ordered)
        text_copy(intent.reason, sizeof(intent.reason), target->reason);
    rescue_note_intent(rescue, &intent);
}

void rollback_say_void(const struct rescue *rescue)
{
    if (rescue->has_intent && rescue->intent.is_void && rescue_misses_tailscaled(rescue))
        printf("Tailscale's preference was declared void, and the journal has no record of that. "
               "Nobody is at its socket now either, but tailscaled may only be starting again: it "
               "is waited for, behind the shields. If it is gone for good: oceanid-rollback "
               "--void-tailscale\n");
}

void rollback_say_intent(const struct rescue *rescue, const struct target *target)
{
    const struct ledger *ledger = rescue->ledger;
    const struct ledger_generation *lowest = ledger_find(ledger, &rescue->intent.down_to);
    const struct ledger_generation *chosen =
        target->has_generation ? ledger_find(ledger, &target->down_to) : NULL;

    if (rescue->has_intent && lowest != NULL && (chosen == NULL || lowest < chosen))
        printf("An earlier rescue that the journal has no record of was to go down to %s: "
               "oceanid-rollback --to %u goes on with that.\n",
               lowest->begin.change, (unsigned)(lowest - ledger->generations) + 1);
}

/* By whose right it was to go down to there: root's, or an operator's. intent: lent. */
static void take_intent(const struct run_intent *intent, const struct ledger_generation *lowest,
                        struct target *target)
{
    target->has_generation = true;
    target->down_to = intent->down_to;
    target->is_ordered = intent->is_ordered;
    target->reason = intent->reason;
    target->opened = intent->is_ordered ? CAUSE_ORDERED : CAUSE_RESCUED;
    printf("An earlier rescue that the journal has no record of was to go down to %s%s: so does "
           "this.\n",
           lowest->begin.change, intent->is_ordered ? ", by an operator's order" : "");
}

void rollback_choose_unrecorded(const struct rescue *rescue, const struct run_intent *intent,
                                struct target *target)
{
    const struct ledger *ledger = rescue->ledger;
    const struct ledger_generation *lowest = ledger_find(ledger, &intent->down_to);
    int deeper = rescue_find_deeper(rescue);

    if (rescue->has_intent && lowest != NULL) {
        take_intent(intent, lowest, target);
        return;
    }
    lowest = ledger_top(ledger);
    if (rollback_is_open(ledger) || lowest == NULL || !run_has_unrecorded(&rescue->config))
        return;
    if (deeper >= 0 && (uint32_t)deeper < ledger->generations_count)
        lowest = &ledger->generations[deeper];
    target->has_generation = true;
    target->down_to = lowest->id;
}
