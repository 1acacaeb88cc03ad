/*
 * signing: which ends and quarantines an approval lifts, and whether earlier ones are ended; from
 * the ledger alone.
 */
#include "controller/ctl/signing.h"

#include <string.h>

#include "common/core/text.h"

enum { NONCE_AGE_S = 30, CLOCK_ALLOWANCE_S = 60, OBJECTS_SHOWN_MAX = 16 };

/* Confirmed, reverted, tombstone, popped: after these the attempt cannot begin on that node. */
static bool ends_attempt(const struct ledger *ledger, const struct attempt *attempt,
                         const char *node)
{
    for (size_t i = 0; i < ledger->receipts_count; i++) {
        const struct receipt *receipt = &ledger->receipts[i].receipt;

        if (attempt_equal(&receipt->generation.attempt, attempt) &&
            text_equal(receipt->node, node) && receipt->kind != RECEIPT_REFUSED &&
            receipt->kind != RECEIPT_INCOMPLETE)
            return true;
    }
    return false;
}

static bool check_entry_ended(const struct ledger *ledger, const struct ledger_signed *entry,
                              int64_t now, struct err *err)
{
    int64_t lapses = entry->not_after + NONCE_AGE_S + entry->trial_max_s + CLOCK_ALLOWANCE_S;
    char missing[REASON_SIZE] = "";
    struct text text = TEXT_IN(missing);

    for (uint32_t i = 0; i < entry->targets_count; i++) {
        if (!ends_attempt(ledger, &entry->attempt, entry->targets[i]))
            text_add(&text, "%s%s", text.len > 0 ? ", " : "", entry->targets[i]);
    }
    if (text.len == 0 || now > lapses)
        return true;
    return err_set(err, ERR_CONFLICT,
                   "change %s (sequence %llu) is signed and not ended: no receipt of %s. Finish, "
                   "abort or roll it back first (if no controller took it: `oceanidctl rollout "
                   "start` with what was signed, the keys' unsent-%s.manifest or what `manifest "
                   "sign` wrote, then abort), or wait %lld s until it can no longer begin",
                   entry->change, (unsigned long long)entry->attempt.sequence, missing,
                   entry->change, (long long)(lapses - now) + 1);
}

bool signing_check_ended(const struct ledger *ledger, int64_t now, struct err *err)
{
    for (size_t i = 0; i < ledger->signed_count; i++) {
        if (!check_entry_ended(ledger, &ledger->entries[i], now, err))
            return false;
    }
    return true;
}

bool signing_check_budget(const struct manifest *manifest, unsigned valid_s, struct err *err)
{
    unsigned long long trial = manifest_trial_max_s(manifest);
    unsigned long long all = trial * manifest->stages_count;

    if (all <= valid_s)
        return true;
    return err_set(err, ERR_INPUT,
                   "valid for %u s: %u stages of at most %llu s each need %llu s; accepted is "
                   "--valid %llus or more",
                   valid_s, manifest->stages_count, trial, all, all);
}

static bool contains(const struct ledger_signed *entry, const struct hash *receipt, bool named)
{
    for (uint32_t i = 0; i < entry->lifts_count; i++) {
        if (hash_equal(&entry->lifts[i].receipt, receipt) && (entry->lifts[i].named || !named))
            return true;
    }
    return false;
}

static bool was_begun(const struct ledger *ledger, const struct attempt *attempt, const char *node)
{
    for (size_t i = 0; i < ledger->receipts_count; i++) {
        const struct receipt *receipt = &ledger->receipts[i].receipt;

        if (text_equal(receipt->node, node) &&
            attempt_equal(&receipt->generation.attempt, attempt) &&
            !nonce_is_zero(&receipt->generation.start))
            return true;
    }
    return false;
}

/* The node began an approval that contains this end (named: with a reason), so it knows already. */
static bool is_answered(const struct ledger *ledger, const struct ledger_receipt *end, bool named)
{
    for (size_t s = 0; s < ledger->signed_count; s++) {
        const struct ledger_signed *entry = &ledger->entries[s];

        if (contains(entry, &end->hash, named) &&
            was_begun(ledger, &entry->attempt, end->receipt.node))
            return true;
    }
    return false;
}

/* The first object that both touch, or NULL. A receipt with a full list may have been cut. */
static const char *shared_object(const struct manifest_plan *plan, const struct receipt *receipt)
{
    static char object[96];

    for (uint32_t i = 0; i < manifest_plan_places(plan); i++) {
        if (!manifest_plan_object(plan, i, object, sizeof(object)))
            continue;
        for (uint32_t o = 0; o < receipt->objects_count; o++) {
            if (text_equal(receipt->objects[o], object))
                return object;
        }
    }
    return receipt->objects_count == OBJECTS_SHOWN_MAX ? "many objects" : NULL;
}

/* False: there is no room for one more. */
static bool add_lift(struct approval *approval, const struct hash *receipt, const char *reason)
{
    struct lift *lift = &approval->lifts[approval->lifts_count];

    for (uint32_t i = 0; i < approval->lifts_count; i++) {
        if (hash_equal(&approval->lifts[i].receipt, receipt))
            return true;
    }
    if (approval->lifts_count == LIFTS_MAX)
        return false;
    lift->receipt = *receipt;
    text_copy(lift->reason, sizeof(lift->reason), reason);
    approval->lifts_count++;
    return true;
}

static bool is_named(const struct approval *approval, const struct hash *receipt)
{
    for (uint32_t i = 0; i < approval->lifts_count; i++) {
        if (hash_equal(&approval->lifts[i].receipt, receipt))
            return true;
    }
    return false;
}

static bool add_named(const struct ledger *ledger, const struct lift *named, uint32_t count,
                      struct approval *approval, struct err *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct ledger_receipt *known = ledger_find(ledger, &named[i].receipt);
        char text[2 * HASH_SIZE + 1];

        bytes_format_hex(named[i].receipt.bytes, HASH_SIZE, text);
        if (known == NULL || !receipt_quarantines(&known->receipt))
            return err_set(err, ERR_INPUT,
                           "quarantine %s: no such quarantine is known; `oceanidctl hold list` "
                           "names them",
                           text);
        if (named[i].reason[0] == '\0')
            return err_set(err, ERR_INPUT, "quarantine %s is named without a reason", text);
        if (!add_lift(approval, &named[i].receipt, named[i].reason))
            return err_set(err, ERR_LIMIT,
                           "%u quarantines are named: accepted are at most %d in one approval; "
                           "nothing was signed",
                           count, LIFTS_MAX);
    }
    return true;
}

static bool refuse_quarantine(const struct ledger_receipt *end, const char *object, struct err *err)
{
    char text[2 * HASH_SIZE + 1];

    bytes_format_hex(end->hash.bytes, HASH_SIZE, text);
    return err_set(
        err, ERR_CONFLICT,
        "it touches '%s' on %s, which is in quarantine (%.120s). If you know better, add "
        "to the change: quarantines: [{receipt: %s, reason: WHY}]",
        object, end->receipt.node, end->receipt.reason, text);
}

/* A node takes 32 tombstones at most, so that one alone fits here. */
static bool refuse_so_many(const struct ledger *ledger, const struct manifest_plan *plan,
                           struct err *err)
{
    uint32_t count = 0;

    for (size_t i = 0; i < ledger->receipts_count; i++)
        count += text_equal(ledger->receipts[i].receipt.node, plan->node) &&
                 receipt_is_end(&ledger->receipts[i].receipt) &&
                 !is_answered(ledger, &ledger->receipts[i], false);
    return err_set(err, ERR_LIMIT,
                   "the targets have more ends of earlier attempts than the %d that one approval "
                   "can answer, %u of them %s's; nothing was signed. Give the change to fewer of "
                   "them at first: a node that has begun it needs no answer any more",
                   LIFTS_MAX, count, plan->node);
}

/* One end of a target. Contained without a reason unless the node knows it already; a quarantine
 * that the manifest touches stops here until somebody names it. */
static bool take_end(const struct ledger *ledger, const struct manifest_plan *plan,
                     const struct ledger_receipt *end, struct approval *approval, struct err *err)
{
    if (receipt_quarantines(&end->receipt) && !is_answered(ledger, end, true)) {
        const char *object = shared_object(plan, &end->receipt);

        if (object != NULL)
            return refuse_quarantine(end, object, err);
    }
    return is_answered(ledger, end, false) || add_lift(approval, &end->hash, "") ||
           refuse_so_many(ledger, plan, err);
}

bool signing_choose_lifts(const struct ledger *ledger, const struct manifest *manifest,
                          const struct lift *named, uint32_t named_count, struct approval *approval,
                          struct err *err)
{
    if (!add_named(ledger, named, named_count, approval, err))
        return false;
    for (size_t i = 0; i < ledger->receipts_count; i++) {
        const struct ledger_receipt *end = &ledger->receipts[i];
        const struct manifest_plan *plan = manifest_find_plan(manifest, end->receipt.node);

        if (plan != NULL && receipt_is_end(&end->receipt) && !is_named(approval, &end->hash) &&
            !take_end(ledger, plan, end, approval, err))
            return false;
    }
    return true;
}
