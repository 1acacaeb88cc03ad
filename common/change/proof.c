/*
 * proof: the names of what the sides sign, and which receipts bar later approvals.
 */
#include "common/change/proof.h"

bool attempt_equal(const struct attempt *a, const struct attempt *b)
{
    return a->sequence == b->sequence && hash_equal(&a->body, &b->body);
}

bool generation_id_equal(const struct generation_id *a, const struct generation_id *b)
{
    return attempt_equal(&a->attempt, &b->attempt) && nonce_equal(&a->start, &b->start);
}

int64_t approval_left_s(int64_t not_after, int64_t now)
{
    int64_t left;

    if (__builtin_sub_overflow(not_after, now, &left))
        return now > 0 ? -INT64_MAX : INT64_MAX;
    return left > -INT64_MAX ? left : -INT64_MAX;
}

static const char *const phase_names[] = {
    [PHASE_BASELINE] = "baseline",
    [PHASE_RENEWAL] = "renewal",
    [PHASE_STANDING] = "standing",
};
_Static_assert(sizeof(phase_names) / sizeof(phase_names[0]) == PHASE_COUNT, "one name each");

const char *phase_name(enum phase phase)
{
    return phase < PHASE_COUNT ? phase_names[phase] : "unknown";
}

static const char *const receipt_names[] = {
    [RECEIPT_CONFIRMED] = "confirmed",   [RECEIPT_REVERTED] = "reverted",
    [RECEIPT_INCOMPLETE] = "incomplete", [RECEIPT_POPPED] = "popped",
    [RECEIPT_TOMBSTONE] = "tombstone",   [RECEIPT_REFUSED] = "refused",
};
_Static_assert(sizeof(receipt_names) / sizeof(receipt_names[0]) == RECEIPT_KIND_COUNT,
               "one name each");

const char *receipt_kind_name(enum receipt_kind kind)
{
    return kind < RECEIPT_KIND_COUNT ? receipt_names[kind] : "unknown";
}

static const char *const cause_names[] = {
    [CAUSE_NONE] = "no cause",
    [CAUSE_PROOF_FAILED] = "the proof failed",
    [CAUSE_PROOF_MISSING] = "the proof was missing",
    [CAUSE_APPLY_FAILED] = "it could not be applied",
    [CAUSE_ABORTED] = "aborted",
    [CAUSE_ORDERED] = "rolled back by order",
    [CAUSE_RESCUED] = "rescued by root on the node",
    [CAUSE_REBOOT] = "the node rebooted",
    [CAUSE_GUARD_DIED] = "the guard died",
    [CAUSE_DISK] = "the journal could not be written",
};
_Static_assert(sizeof(cause_names) / sizeof(cause_names[0]) == CAUSE_COUNT, "one name each");

const char *end_cause_name(enum end_cause cause)
{
    return cause < CAUSE_COUNT ? cause_names[cause] : "unknown";
}

bool receipt_is_end(const struct receipt *receipt)
{
    switch (receipt->kind) {
    case RECEIPT_REVERTED:
    case RECEIPT_POPPED:
    case RECEIPT_TOMBSTONE:
        return true;
    case RECEIPT_CONFIRMED:
    case RECEIPT_INCOMPLETE:
    case RECEIPT_REFUSED:
    case RECEIPT_KIND_COUNT:
        break;
    }
    return false;
}

/* docs/protocol.md rule 18: only a check or counting witness that said no. */
bool receipt_quarantines(const struct receipt *receipt)
{
    return receipt_is_end(receipt) && receipt->cause == CAUSE_PROOF_FAILED;
}

const struct generation *stack_find(const struct stack *stack, const struct attempt *attempt)
{
    for (uint32_t i = 0; i < stack->generations_count; i++) {
        if (attempt_equal(&stack->generations[i].id.attempt, attempt))
            return &stack->generations[i];
    }
    return NULL;
}

const struct generation *stack_find_doubt(const struct stack *stack)
{
    for (uint32_t i = stack->generations_count; i-- > 0;) {
        if (stack->generations[i].in_doubt)
            return &stack->generations[i];
    }
    return NULL;
}
