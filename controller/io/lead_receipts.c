/*
 * lead_receipts: what a guard signed of how an attempt ended: verified, kept, and acted upon.
 */
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "controller/io/lead_parts.h"

/* Whoever has its guard's key signs as many as it likes of what nobody asked for. */
static bool may_keep(struct lead *lead, const struct receipt *receipt, struct bytes envelope)
{
    struct desk *desk = lead->desk;
    struct err err = ERR_INIT;
    bool expected = false;

    return desk_kept(desk, store_expects_receipt(desk->store, receipt, envelope, &expected, &err),
                     &err) &&
           (expected || lead_may_note(lead, receipt->node, NOTE_RECEIPT));
}

/* False: the desk has failed. */
static bool keep_receipt(struct lead *lead, const struct receipt *receipt, struct bytes envelope,
                         const struct hash *hash)
{
    struct desk *desk = lead->desk;
    const char *change = lead_change_of(lead, &receipt->generation.attempt);
    struct err err = ERR_INIT;
    bool is_new = false;

    if (!may_keep(lead, receipt, envelope))
        return !desk->failed;
    if (!desk_begin(desk, STORE_FULL) ||
        !desk_kept(desk, store_add_receipt(desk->store, receipt, envelope, &is_new, &err), &err))
        return false;
    if (is_new &&
        !desk_audit(desk, receipt->node, "receipt", change[0] != '\0' ? change : receipt->node,
                    "%s: %s%s%s%s%s", receipt->node, receipt_kind_name(receipt->kind),
                    receipt->cause != CAUSE_NONE ? ", " : "",
                    receipt->cause != CAUSE_NONE ? end_cause_name(receipt->cause) : "",
                    receipt->reason[0] != '\0' ? ": " : "", receipt->reason))
        return false;
    if (is_new && receipt_quarantines(receipt) && !desk_quarantine(desk, receipt, hash))
        return false;
    return desk_commit(desk);
}

/* The trial is over, or the stack another: what is known of it follows. */
static void follow(struct lead *lead, const struct receipt *receipt)
{
    struct fleet_member *member = fleet_find(&lead->desk->fleet, receipt->node);

    if (member == NULL || receipt->kind == RECEIPT_INCOMPLETE)
        return;
    if (attempt_equal(&member->stack.trial.attempt, &receipt->generation.attempt))
        member->stack.trial_open = false;
    fleet_take_receipt(member, receipt, lead_change_of(lead, &receipt->generation.attempt),
                       clock_now());
}

/* And it is asked anew, which may be long in coming; behind the machine's step, for which all that
 * was asked before is older. */
static void ask_anew(struct lead *lead, const struct receipt *receipt)
{
    if (receipt->kind == RECEIPT_INCOMPLETE ||
        fleet_find(&lead->desk->fleet, receipt->node) == NULL)
        return;
    outbox_put_stack(lead->outbox, receipt->node);
    outbox_put_snapshot(lead->outbox, receipt->node);
}

bool lead_take_receipt(struct lead *lead, const char *node, struct bytes envelope, struct err *err)
{
    AUTO_FREE struct receipt *receipt = mem_alloc(1, sizeof(*receipt));
    struct rollout_event ev = {.kind = EVENT_RECEIPT, .node = node, .receipt = receipt};
    const struct public_key *key = lead_guard_key(lead, node, err);
    struct hash hash;

    if (key == NULL || !wire_verify(envelope, SIGN_RECEIPT, key, err) ||
        !wire_decode_receipt(envelope, receipt, err) || !wire_payload_hash(envelope, &hash, err))
        return false;
    if (!text_equal(receipt->node, node))
        return err_set(err, ERR_DENIED, "a receipt of %s came from %s", receipt->node, node);
    if (!keep_receipt(lead, receipt, envelope, &hash))
        return true;
    follow(lead, receipt);
    lead_give(lead, &ev, &receipt->generation.attempt, &envelope);
    ask_anew(lead, receipt);
    lead_backs_receipt(lead, receipt);
    return true;
}
