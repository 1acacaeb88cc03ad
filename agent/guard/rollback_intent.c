/*
 * rollback_intent: what an earlier rescue was to take back that the journal has no record of.
 *
 * It left that in links beside the mark `unrecorded` (io/run_intent.h, io/run.h).
 */
#include "agent/guard/rollback.h"

#include <stdio.h>

#include "agent/guard/io/run.h"
#include "common/core/text.h"

void rollback_note_intent(const struct rescue *rescue, const struct target *target)
{
    struct run_intent intent = {.down_to = target->has_generation ? target->down_to
                                                                  : rescue->ledger->open.id,
                                .is_void = target->is_void,
                                .is_ordered = target->is_ordered};

    if (target->is_ordered)
        text_copy(intent.reason, sizeof(intent.reason), target->reason);
    rescue_note_intent(rescue, &intent);
}

void rollback_recall_void(const struct rescue *rescue, struct target *target)
{
    target->is_void =
        rescue->has_intent && rescue->intent.is_void && rescue_misses_tailscaled(rescue);
    if (target->is_void)
        printf("Tailscale's preference was declared void, and tailscaled is still gone: it is not "
               "waited for.\n");
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
