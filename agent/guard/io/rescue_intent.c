/*
 * rescue_intent: what root or an operator said, in the journal before anything is touched for it:
 * whoever takes over from this process goes on with all of it.
 */
#include <stdio.h>

#include "agent/guard/io/rescue.h"
#include "common/core/text.h"

void rescue_order(struct rescue *rescue, const struct record_order *order)
{
    const struct ledger *ledger = rescue->ledger;
    const struct ledger_generation *at = ledger->is_open ? &ledger->open : ledger_top(ledger);
    const struct ledger_generation *named = ledger_find(ledger, &order->down_to);
    struct guard_record record = {.kind = RECORD_MARK, .has_order = true, .order = *order};
    bool began;

    if (named == NULL || (ledger_ordered(ledger) != NULL && ledger_ordered(ledger) <= named))
        return; /* it is gone, or ordered already */
    record.id = at->id;
    record.mark = ledger->is_open ? MARK_REVERTING : MARK_POPPING;
    began = at->mark == record.mark; /* then it keeps its cause: a failed proof is a quarantine */
    record.cause = began ? at->cause : order->cause;
    text_copy(record.reason, sizeof(record.reason), began ? at->reason : order->reason);
    rescue_record(rescue, &record);
}

static void declare(struct rescue *rescue, const struct ledger_generation *generation,
                    const struct undo_item *item)
{
    struct guard_record record = {.kind = RECORD_ITEM, .id = generation->id, .is_void = true};
    char line[SENTENCE_SIZE] = "";
    struct text text = TEXT_IN(line);

    if (item->change.kind != OPERATION_TAILSCALE || item->operation >= OPERATIONS_MAX ||
        !generation->touched[item->operation])
        return;
    record.operation = item->operation;
    text_copy(record.reason, sizeof(record.reason), "root declared it void: tailscaled is gone");
    rescue_record(rescue, &record);
    undo_render(item, &text);
    printf("  left as it is: %s: %s\n", line, record.reason);
    rescue->left++;
}

static void declare_all(struct rescue *rescue, const struct ledger_generation *generation)
{
    const struct journal_generation *kept = journal_find(rescue->journal, &generation->id);

    for (uint32_t i = 0; kept != NULL && i < kept->items_count; i++)
        declare(rescue, generation, &kept->items[i]);
}

void rescue_declare_void(struct rescue *rescue)
{
    const struct ledger *ledger = rescue->ledger;

    if (ledger->is_open)
        declare_all(rescue, &ledger->open);
    for (uint32_t i = ledger->generations_count; i-- > 0;) {
        if (ledger_is_going(ledger, &ledger->generations[i]))
            declare_all(rescue, &ledger->generations[i]);
    }
}
