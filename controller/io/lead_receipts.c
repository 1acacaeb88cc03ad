/*
 * lead_receipts: what a guard signed of how an attempt ended: verified, kept, and acted upon.
 */
#include <stdio.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "controller/io/lead_parts.h"

/* As its guard signed it. */
struct signed_receipt {
    const struct receipt *receipt;
    struct bytes envelope;
    struct hash hash;
    const struct public_key *key;
};

/* Whoever has a guard's key signs as many as it likes of what nobody asked for, and all that is
 * kept is read whenever somebody signs. A guard that tells the truth has ENDS_MAX ends that no
 * approval answers, and its generations, and has them to say once: of those that a controller does
 * not know, because it began anew or from an older database. */
enum { STRANGERS_MAX = 2 * ENDS_MAX };
_Static_assert(STRANGERS_MAX >= ENDS_MAX + 2 * GENERATIONS_MAX, "a true guard's have room");

static bool has_room(struct desk *desk, const struct signed_receipt *given)
{
    const char *node = given->receipt->node;
    char why[2 * REASON_SIZE];
    struct err err = ERR_INIT;
    uint64_t count = 0;

    if (!desk_kept(desk, store_count_strangers(desk->store, node, given->key, &count, &err), &err))
        return false;
    if (count < STRANGERS_MAX)
        return true;
    snprintf(why, sizeof(why),
             "its words came to more receipts of what it was not asked for here than are kept: "
             "accepted are %d by one guard's key that no approval contains; it is not kept and "
             "quarantines nothing here, its guard goes by it all the same. If nobody has put an "
             "older database in place: look at who has that key",
             STRANGERS_MAX);
    desk_audit_refusal(desk, node, node, why);
    return false;
}

static bool store_it(struct desk *desk, const struct signed_receipt *given, bool expected,
                     bool *ret_new)
{
    struct err err = ERR_INIT;

    return desk_kept(desk,
                     store_add_receipt(desk->store, given->receipt, given->envelope, ret_new, &err),
                     &err) &&
           (expected || desk_kept(desk,
                                  store_add_stranger(desk->store, given->receipt->node, given->key,
                                                     &given->hash, &err),
                                  &err));
}

/* One that finds no room does what it does all the same. False: the desk has failed. */
static bool keep_receipt(struct lead *lead, const struct signed_receipt *given)
{
    struct desk *desk = lead->desk;
    const struct receipt *receipt = given->receipt;
    const char *change = lead_change_of(lead, &receipt->generation.attempt);
    struct err err = ERR_INIT;
    bool expected = false, is_new = false;

    if (!desk_kept(desk,
                   store_expects_receipt(desk->store, receipt, given->envelope, &expected, &err),
                   &err) ||
        !(expected || has_room(desk, given)))
        return !desk->failed;
    if (!desk_begin(desk, STORE_FULL) || !store_it(desk, given, expected, &is_new))
        return false;
    if (is_new &&
        !desk_audit(desk, receipt->node, "receipt", change[0] != '\0' ? change : receipt->node,
                    "%s: %s%s%s%s%s", receipt->node, receipt_kind_name(receipt->kind),
                    receipt->cause != CAUSE_NONE ? ", " : "",
                    receipt->cause != CAUSE_NONE ? end_cause_name(receipt->cause) : "",
                    receipt->reason[0] != '\0' ? ": " : "", receipt->reason))
        return false;
    if (is_new && receipt_quarantines(receipt) && !desk_quarantine(desk, receipt, &given->hash))
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
    struct signed_receipt given = {receipt, envelope, .key = lead_guard_key(lead, node, err)};

    if (given.key == NULL || !wire_verify(envelope, SIGN_RECEIPT, given.key, err) ||
        !wire_decode_receipt(envelope, receipt, err) ||
        !wire_payload_hash(envelope, &given.hash, err))
        return false;
    if (!text_equal(receipt->node, node))
        return err_set(err, ERR_DENIED, "a receipt of %s came from %s", receipt->node, node);
    if (!keep_receipt(lead, &given))
        return true;
    follow(lead, receipt);
    lead_give(lead, &ev, &receipt->generation.attempt, &envelope);
    ask_anew(lead, receipt);
    lead_backs_receipt(lead, receipt);
    lead_voids_receipt(lead, receipt);
    return true;
}
