/*
 * signing: which ends and quarantines an approval lifts, and whether earlier ones are ended; from
 * the ledger alone.
 */
#include "controller/ctl/signing.h"

#include <string.h>

#include "common/core/text.h"

enum { NONCE_AGE_S = 30, OBJECTS_SHOWN_MAX = 16 };

/* Of a node that nothing can be signed for. */
#define LEDGER_OTHERWISE                                                                           \
    "Leave it out of the change, or give its guard a new key: `oceanidctl node remove %s`, "       \
    "install Oceanid anew there, have it join"

/* Confirmed, reverted, tombstone, popped: after these the attempt cannot begin on that node. The
 * newest; NULL: none. */
static const struct receipt *find_end(const struct ledger *ledger, const struct attempt *attempt,
                                      const char *node)
{
    for (size_t i = ledger->receipts_count; i-- > 0;) {
        const struct receipt *receipt = &ledger->receipts[i].receipt;

        if (attempt_equal(&receipt->generation.attempt, attempt) &&
            text_equal(receipt->node, node) && receipt->kind != RECEIPT_REFUSED &&
            receipt->kind != RECEIPT_INCOMPLETE)
            return receipt;
    }
    return NULL;
}

/* It can no longer begin from then on. */
static int64_t lapses_at(int64_t not_after, unsigned trial_max_s)
{
    return not_after + NONCE_AGE_S + trial_max_s + MANIFEST_CLOCK_S;
}

/* A node that has a receipt of another manifest with this sequence: no controller takes both. */
static const char *find_other(const struct ledger *ledger, const struct attempt *attempt)
{
    for (size_t i = 0; i < ledger->receipts_count; i++) {
        const struct attempt *other = &ledger->receipts[i].receipt.generation.attempt;

        if (other->sequence == attempt->sequence && !attempt_equal(other, attempt))
            return ledger->receipts[i].receipt.node;
    }
    return NULL;
}

static bool refuse_unended(const struct ledger *ledger, const struct ledger_signed *entry,
                           const char *missing, int64_t left_s, struct err *err)
{
    const char *node = find_other(ledger, &entry->attempt);
    char left[64] = "";
    struct text text = TEXT_IN(left);

    text_add_length(&text, left_s);
    if (node != NULL)
        return err_set(
            err, ERR_CONFLICT,
            "change %s (sequence %llu) is signed and not ended: no receipt of %s; and "
            "another ledger has signed sequence %llu too, as %s's receipt shows, so that "
            "no controller takes this one: `oceanidctl manifest void %s` ends it, or it lapses "
            "in %s. Then sign again, all with one ledger",
            entry->change, (unsigned long long)entry->attempt.sequence, missing,
            (unsigned long long)entry->attempt.sequence, node, entry->change, left);
    return err_set(
        err, ERR_CONFLICT,
        "change %s (sequence %llu) is signed and not ended: no receipt of %s. It lapses "
        "in %s; before that finish or abort it (if no controller took it: `rollout start` "
        "with the keys' unsent-%s.manifest or what `manifest sign` wrote, then abort; no "
        "file is left: `manifest void`, which ends it also where its sequence is another "
        "manifest's by now)",
        entry->change, (unsigned long long)entry->attempt.sequence, missing, left, entry->change);
}

/* As many as leave room for what is to be done. */
static void name_missing(const struct ledger *ledger, const struct ledger_signed *entry,
                         struct text *out)
{
    enum { NAMED_LEN_MAX = 60 };
    uint32_t more = 0;

    for (uint32_t i = 0; i < entry->targets_count; i++) {
        if (find_end(ledger, &entry->attempt, entry->targets[i]) != NULL)
            continue;
        if (out->len > 0 && out->len + strlen(entry->targets[i]) > NAMED_LEN_MAX)
            more++;
        else
            text_add(out, "%s%s", out->len > 0 ? ", " : "", entry->targets[i]);
    }
    if (more > 0)
        text_add(out, " and %u more", more);
}

static bool check_entry_ended(const struct ledger *ledger, const struct ledger_signed *entry,
                              int64_t now, struct err *err)
{
    int64_t lapses = lapses_at(entry->not_after, entry->trial_max_s);
    char missing[REASON_SIZE] = "";
    struct text text = TEXT_IN(missing);

    name_missing(ledger, entry, &text);
    if (text.len == 0 || now > lapses)
        return true;
    return refuse_unended(ledger, entry, missing, lapses - now + 1, err);
}

bool signing_has_ended(const struct ledger *ledger, const struct ledger_signed *entry, int64_t now)
{
    struct err ignored = ERR_INIT;

    return check_entry_ended(ledger, entry, now, &ignored);
}

void signing_drop_ended(const struct ledger *ledger, struct ledger_signed *entry,
                        struct text *stands)
{
    uint32_t open = 0;

    for (uint32_t i = 0; i < entry->targets_count; i++) {
        const struct receipt *end = find_end(ledger, &entry->attempt, entry->targets[i]);

        if (end == NULL && open++ != i)
            text_copy(entry->targets[open - 1], NAME_SIZE, entry->targets[i]);
        if (end != NULL && end->kind == RECEIPT_CONFIRMED)
            text_add(stands, "%s%s", stands->len > 0 ? ", " : "", entry->targets[i]);
    }
    entry->targets_count = open;
}

bool signing_check_clock(int64_t own, int64_t controllers, struct err *err)
{
    int64_t ahead = own - controllers;
    char length[64] = "", time[64] = "";
    struct text length_text = TEXT_IN(length), time_text = TEXT_IN(time);

    if (ahead >= -MANIFEST_CLOCK_S && ahead <= MANIFEST_CLOCK_S)
        return true;
    text_add_length(&length_text, ahead > 0 ? ahead : -ahead);
    text_add_time(&time_text, own);
    return err_set(err, ERR_CONFLICT,
                   "this host's clock (%s) is %s %s the controller's: expected is no more than %d "
                   "s, because an approval holds by it; nothing was signed. Set the one that is "
                   "wrong",
                   time, length, ahead > 0 ? "ahead of" : "behind", MANIFEST_CLOCK_S);
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

    if (valid_s > manifest_valid_max_s(manifest))
        return err_set(err, ERR_INPUT,
                       "valid for %u s: until then nothing else could be signed where it gets "
                       "lost; accepted is --valid %llds or less",
                       valid_s, (long long)manifest_valid_max_s(manifest));
    if (all <= valid_s)
        return true;
    return err_set(err, ERR_INPUT,
                   "valid for %u s: %u stages of at most %llu s each need %llu s; accepted is "
                   "--valid %llus or more",
                   valid_s, manifest->stages_count, trial, all, all);
}

bool signing_check_validity(const struct manifest *manifest, int64_t not_after, int64_t now,
                            struct err *err)
{
    int64_t left = approval_left_s(not_after, now);
    int64_t most = manifest_valid_max_s(manifest);
    char until[64] = "", ago[64] = "";
    struct text until_text = TEXT_IN(until), ago_text = TEXT_IN(ago);

    if (left > 0 && left <= most + MANIFEST_CLOCK_S)
        return true;
    text_add_time(&until_text, not_after);
    text_add_length(&ago_text, -left);
    if (left > 0)
        return err_set(err, ERR_CONFLICT,
                       "change %s is signed to be valid until %s, for %lld s by this host's clock: "
                       "accepted are %lld s at most; nothing was signed. The clock of who signed "
                       "it first was ahead, or this one is behind: set it right. If it was that "
                       "one, its ledger has nothing else signed until it lapses, or `oceanidctl "
                       "manifest void %s` there ends it",
                       manifest->change, until, (long long)left, (long long)most, manifest->change);
    return err_set(err, ERR_CONFLICT,
                   "change %s was valid until %s, and expired %s ago by this host's clock: "
                   "expected is one that a guard still takes; nothing was signed. Sign the change "
                   "anew, or set the clock if it is wrong",
                   manifest->change, until, ago);
}

bool signing_check_room(const struct ledger *ledger, const struct manifest *manifest,
                        struct err *err)
{
    for (uint32_t i = 0; i < manifest->plans_count; i++) {
        const char *node = manifest->plans[i].node;

        if (ledger_is_crowded(ledger, node))
            return err_set(
                err, ERR_CONFLICT,
                "%s's guard has signed more receipts than a guard has to (%d of one "
                "attempt, or %d of what was never signed here), so that somebody else "
                "may have its key; nothing was signed. Leave it out, `oceanidctl node "
                "remove %s`, or give it new keys: remove it, install Oceanid anew there, "
                "have it join",
                node, LEDGER_ATTEMPT_MAX, LEDGER_STRANGERS_MAX, node);
    }
    return true;
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
        if (text_is_blank(named[i].reason))
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
                 !ledger_is_answered(ledger, &ledger->receipts[i], false);
    if (count > LIFTS_MAX)
        return err_set(
            err, ERR_LIMIT,
            "%s alone has %u ends of earlier attempts that no approval has answered: one "
            "approval answers %d, and a guard keeps %d that nobody began; nothing was "
            "signed. " LEDGER_OTHERWISE,
            plan->node, count, LIFTS_MAX, TOMBSTONES_MAX, plan->node);
    return err_set(err, ERR_LIMIT,
                   "the targets have more ends of earlier attempts than the %d that one approval "
                   "can answer, %u of them %s's; nothing was signed. Give the change to fewer of "
                   "them at first: a node that has begun it needs no answer any more",
                   LIFTS_MAX, count, plan->node);
}

/* One end of a target. Contained without a reason unless the node knows it already; a quarantine
 * that the manifest touches stops here until somebody names it. */
/* The object of the plan that this end has in quarantine, or NULL. */
static const char *find_quarantined(const struct ledger *ledger, const struct manifest_plan *plan,
                                    const struct ledger_receipt *end)
{
    return receipt_quarantines(&end->receipt) && !ledger_is_answered(ledger, end, true)
               ? shared_object(plan, &end->receipt)
               : NULL;
}

static bool take_end(const struct ledger *ledger, const struct manifest_plan *plan,
                     const struct ledger_receipt *end, struct approval *approval, struct err *err)
{
    const char *object = find_quarantined(ledger, plan, end);

    if (object != NULL)
        return refuse_quarantine(end, object, err);
    return ledger_is_answered(ledger, end, false) || add_lift(approval, &end->hash, "") ||
           refuse_so_many(ledger, plan, err);
}

/* It has joined anew: what its guard signed under another key it knows only if it has the journal
 * still. So that goes along as far as there is room, and the guard has the last word; but for what
 * was signed here and failed there, which has to be named: a machine that was installed anew would
 * try it again. */
static bool is_of_another_key(const struct ledger_receipt *end, const struct manifest *manifest)
{
    const struct roster_entry *entry = manifest_find_entry(manifest, end->receipt.node);

    return entry != NULL && end->signer != 0 && end->signer != ledger_signer(&entry->guard_key);
}

static bool is_to_take(const struct ledger_receipt *end, const struct manifest *manifest,
                       const struct approval *approval)
{
    return receipt_is_end(&end->receipt) && !is_named(approval, &end->hash) &&
           manifest_find_plan(manifest, end->receipt.node) != NULL;
}

static bool check_old_quarantine(const struct ledger *ledger, const struct manifest *manifest,
                                 const struct ledger_receipt *end, struct err *err)
{
    const struct manifest_plan *plan = manifest_find_plan(manifest, end->receipt.node);
    const char *object = find_quarantined(ledger, plan, end);

    return object == NULL || refuse_quarantine(end, object, err);
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

        if (plan != NULL && is_to_take(end, manifest, approval) &&
            !is_of_another_key(end, manifest) && !take_end(ledger, plan, end, approval, err))
            return false;
    }
    for (size_t i = ledger->receipts_count; i > 0; i--) { /* newest first */
        const struct ledger_receipt *end = &ledger->receipts[i - 1];

        if (!is_to_take(end, manifest, approval) || !is_of_another_key(end, manifest))
            continue;
        if (!end->is_strange && !check_old_quarantine(ledger, manifest, end, err))
            return false;
        if (!ledger_is_answered(ledger, end, false))
            add_lift(approval, &end->hash, "");
    }
    return true;
}
