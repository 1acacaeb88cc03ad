/*
 * ends: with each hello, the receipts of the ends that no approval has answered yet.
 *
 * A rescue, by root or by an order, ends changes while nobody listens, and a controller may have
 * been restored from before an end. Whoever signs next has to name these receipts
 * (docs/protocol.md rule 18), and can only name what it has seen.
 */
#include "agent/guard/io/guard.h"
#include "common/core/mem.h"

/* What a client that reads has room for in its socket. More are there only where many attempts
 * ended with none begun since; each was told when it ended, and with the hellos between. */
enum { TOLD_MAX = 32 };

void ends_owe(struct guard *guard, unsigned client)
{
    guard->ends_for = client;
}

static void tell(struct guard *guard, const struct ledger_end *end)
{
    struct bytes envelope = journal_find_receipt(guard->journal, &end->receipt_hash);
    struct guard_report report = {.kind = REPORT_RECEIPT, .id = end->receipt.generation};

    if (envelope.len == 0)
        return; /* said when it was read */
    report.envelope = (struct wire_bytes){mem_copy(envelope.data, envelope.len), envelope.len};
    clients_tell(&guard->clients, guard->ends_for, &report);
    guard_report_done(&report);
}

/* Rule 13: only what no power loss takes back. Beside a trial an agent would take it for that
 * one's; and an approval that was begun has answered all that there were. */
void ends_tick(struct guard *guard)
{
    const struct ledger *ledger = guard->ledger;
    uint32_t told = 0;

    if (guard->ends_for == CLIENT_NONE || guard->trial->state != TRIAL_IDLE ||
        !guard->trial->ends_synced)
        return;
    for (uint32_t i = ledger->ends_count; i-- > 0 && told < TOLD_MAX;) {
        if (!ledger_is_unanswered(&ledger->ends[i]))
            continue;
        tell(guard, &ledger->ends[i]);
        told++;
    }
    guard->ends_for = CLIENT_NONE;
}
