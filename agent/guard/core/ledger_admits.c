/*
 * ledger_admits: which approvals the ledger's ends and generations let in.
 */
#include "agent/guard/core/ledger.h"
#include "common/core/text.h"

/* The first object that both touch, or NULL. A full list may have been cut: it touches all. */
static const char *find_touched(const struct receipt *receipt, const char (*objects)[96],
                                uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < receipt->objects_count; j++) {
            if (text_equal(objects[i], receipt->objects[j]))
                return objects[i];
        }
    }
    return receipt->objects_count == RECORD_OBJECTS_MAX ? receipt->objects[0] : NULL;
}

static const struct lift *find_approved(const struct approval *approval, const struct hash *receipt)
{
    for (uint32_t i = 0; i < approval->lifts_count; i++) {
        if (hash_equal(&approval->lifts[i].receipt, receipt))
            return &approval->lifts[i];
    }
    return NULL;
}

bool ledger_is_unanswered(const struct ledger_end *end)
{
    return receipt_is_end(&end->receipt) && !end->answered;
}

/* docs/protocol.md rule 18: an end bars what was signed before it; a quarantine bars its objects
 * until an approver names it with a reason. */
static bool end_admits(const struct ledger_end *end, const struct approval *approval,
                       const char *touched, struct err *err)
{
    const struct lift *lift = find_approved(approval, &end->receipt_hash);
    bool quarantines = receipt_quarantines(&end->receipt) && !end->lifted && touched != NULL;
    char hash[2 * HASH_SIZE + 1];

    if (!receipt_is_end(&end->receipt))
        return true;
    bytes_format_hex(end->receipt_hash.bytes, HASH_SIZE, hash);
    if (lift == NULL && ledger_is_unanswered(end))
        return err_set(err, ERR_LASTING,
                       "sequence %llu ended here (%s: %s) and the approval does not contain its "
                       "receipt %s: " REFUSED_FOR_GOOD ", signed knowing that",
                       (unsigned long long)end->receipt.generation.attempt.sequence,
                       receipt_kind_name(end->receipt.kind), end_cause_name(end->receipt.cause),
                       hash);
    if (quarantines && (lift == NULL || lift->reason[0] == '\0'))
        return err_set(err, ERR_LASTING,
                       "%s is quarantined since its proof failed (%s): the approval has to name "
                       "receipt %s with a reason",
                       touched, end->receipt.reason, hash);
    return true;
}

static bool sequence_admits(const struct ledger *ledger, const struct attempt *attempt,
                            struct err *err)
{
    if (attempt->sequence < ledger->sequence)
        return err_set(err, ERR_LASTING, "sequence %llu: accepted are %llu and above",
                       (unsigned long long)attempt->sequence, (unsigned long long)ledger->sequence);
    if (attempt->sequence == ledger->sequence &&
        !hash_equal(&attempt->body, &ledger->sequence_body) &&
        !hash_is_zero(&ledger->sequence_body))
        return err_set(err, ERR_LASTING,
                       "sequence %llu stands for another manifest here: two were signed with it",
                       (unsigned long long)attempt->sequence);
    return true;
}

/* Whether what a plan was made upon is there is not known. */
static bool is_beyond_doubt(const struct ledger *ledger, struct err *err)
{
    const struct ledger_generation *doubt = ledger_find_doubt(ledger);

    return doubt == NULL ||
           err_set(err, ERR_CONFLICT,
                   "sequence %llu (%s) began here and how it ended was lost: expected that it is "
                   "taken back first, by an order or by root (oceanid-rollback --list, --to N)",
                   (unsigned long long)doubt->id.attempt.sequence, doubt->begin.change);
}

bool ledger_admits(const struct ledger *ledger, const struct approval *approval,
                   const char (*objects)[96], uint32_t objects_count, struct err *err)
{
    if (ledger->is_open || ledger->owes)
        return err_set(err, ERR_CONFLICT, "the end of an earlier trial is still being written");
    if (ledger_find_receipt(ledger, &approval->attempt) != NULL)
        return err_set(err, ERR_LASTING, "this attempt was made here already: at most once each");
    if (!is_beyond_doubt(ledger, err))
        return false;
    if (ledger_standing(ledger, &approval->attempt.body) != NULL)
        return err_set(err, ERR_CONFLICT, "this manifest stands here already");
    if (ledger->generations_count == GENERATIONS_MAX)
        return err_set(err, ERR_LIMIT, "%u generations stand here: accepted are at most %u",
                       ledger->generations_count, GENERATIONS_MAX);
    if (!ledger_has_room(ledger))
        return err_set(err, ERR_LIMIT, "%u ends are remembered here and none was answered",
                       ledger->ends_count);
    if (!sequence_admits(ledger, &approval->attempt, err))
        return false;
    for (uint32_t i = 0; i < ledger->ends_count; i++) {
        const struct ledger_end *end = &ledger->ends[i];

        if (!end_admits(end, approval, find_touched(&end->receipt, objects, objects_count), err))
            return false;
    }
    return true;
}
