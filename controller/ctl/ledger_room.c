/*
 * ledger_room: which receipts the ledger keeps: what signing asks for, and of that no more of one
 * guard than a guard has to say.
 */
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/sign.h"
#include "controller/ctl/ledger.h"

uint64_t ledger_signer(const struct public_key *key)
{
    struct hash hash;
    uint64_t signer = 0;

    sign_hash(key->bytes, KEY_SIZE, &hash);
    for (size_t i = 0; i < sizeof(signer); i++)
        signer = signer << 8 | hash.bytes[i];
    return signer;
}

/* ---- what an approval has answered --------------------------------------------------------------
 */

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

bool ledger_is_answered(const struct ledger *ledger, const struct ledger_receipt *end, bool named)
{
    for (size_t s = 0; s < ledger->signed_count; s++) {
        const struct ledger_signed *entry = &ledger->entries[s];

        if (contains(entry, &end->hash, named) &&
            was_begun(ledger, &entry->attempt, end->receipt.node))
            return true;
    }
    return false;
}

/* ---- what is kept ------------------------------------------------------------------------------
 */

/* A receipt of an attempt that was begun says that it was; one that ended it says more. */
static bool is_needed(const struct ledger *ledger, const struct receipt *receipt)
{
    if (receipt->kind == RECEIPT_REFUSED)
        return false;
    if (receipt->kind != RECEIPT_INCOMPLETE)
        return true;
    for (size_t i = 0; i < ledger->receipts_count; i++) {
        const struct receipt *known = &ledger->receipts[i].receipt;

        if (attempt_equal(&known->generation.attempt, &receipt->generation.attempt) &&
            text_equal(known->node, receipt->node))
            return false;
    }
    return true;
}

static bool is_known(const struct ledger *ledger, const struct hash *hash, uint64_t signer)
{
    for (size_t i = 0; i < ledger->receipts_count; i++) {
        const struct ledger_receipt *known = &ledger->receipts[i];

        if (hash_equal(&known->hash, hash) && (known->signer == signer || known->signer == 0))
            return true;
    }
    return false;
}

enum ledger_room ledger_find_room(const struct ledger *ledger, const struct receipt *receipt,
                                  const struct hash *hash, uint64_t signer)
{
    bool is_strange = !ledger_has_signed(ledger, &receipt->generation.attempt);
    unsigned of_attempt = 0, strange = 0;

    if (!is_needed(ledger, receipt) || is_known(ledger, hash, signer))
        return LEDGER_NEEDS_NOT;
    if (is_strange && ledger_is_crowded(ledger, receipt->node))
        return LEDGER_IS_FULL; /* found quickly, of however many */
    for (size_t i = 0; i < ledger->receipts_count; i++) {
        const struct ledger_receipt *known = &ledger->receipts[i];

        if (known->signer != signer || !text_equal(known->receipt.node, receipt->node))
            continue;
        strange += is_strange && known->is_strange && !ledger_is_answered(ledger, known, false);
        of_attempt +=
            attempt_equal(&known->receipt.generation.attempt, &receipt->generation.attempt);
    }
    return of_attempt >= LEDGER_ATTEMPT_MAX || strange >= LEDGER_STRANGERS_MAX ? LEDGER_IS_FULL
                                                                               : LEDGER_HAS_ROOM;
}

bool ledger_is_crowded(const struct ledger *ledger, const char *node)
{
    for (size_t i = 0; i < ledger->crowded_count; i++) {
        if (text_equal(ledger->crowded[i], node))
            return true;
    }
    return false;
}

void ledger_note_crowded(struct ledger *ledger, const char *node)
{
    if (ledger_is_crowded(ledger, node))
        return;
    ledger->crowded = mem_grow(ledger->crowded, ledger->crowded_count, &ledger->crowded_capacity,
                               sizeof(*ledger->crowded));
    text_copy(ledger->crowded[ledger->crowded_count++], NAME_SIZE, node);
}
