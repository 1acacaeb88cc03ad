/*
 * target: who knows what of one node, as a table, and what its signed stack says.
 */
#include "controller/core/target.h"

#include "common/core/text.h"

/* docs/protocol.md, "Who knows what": down, what the guard says; across, what the controller wants.
 * What was never heard is asked first, whatever is wanted. */
static const enum target_action table[SAYS_COUNT][WANTS_COUNT] = {
    /*                   nothing,           the change,    the revert */
    [SAYS_NOTHING] = {ACTION_LEARN, ACTION_LEARN, ACTION_LEARN},
    [SAYS_NEVER] = {ACTION_NONE, ACTION_OFFER, ACTION_TOMBSTONE},
    [SAYS_PREPARED] = {ACTION_NONE, ACTION_OFFER, ACTION_TOMBSTONE},
    [SAYS_REFUSED] = {ACTION_NONE, ACTION_OFFER, ACTION_TOMBSTONE},
    [SAYS_ON_TRIAL] = {ACTION_END, ACTION_GO_ON, ACTION_END},
    [SAYS_CONFIRMED] = {ACTION_ASK_PERSON, ACTION_RECORD, ACTION_POP},
    [SAYS_REVERTING] = {ACTION_LEARN, ACTION_FAIL, ACTION_LEARN},
    [SAYS_ENDED] = {ACTION_NONE, ACTION_FAIL, ACTION_NONE},
};

enum target_action target_choose(enum target_says says, enum target_wants wants)
{
    return table[says][wants];
}

static const char *const says_names[] = {
    [SAYS_NOTHING] = "nothing",     [SAYS_NEVER] = "never applied", [SAYS_PREPARED] = "prepared",
    [SAYS_REFUSED] = "refused",     [SAYS_ON_TRIAL] = "on trial",   [SAYS_CONFIRMED] = "confirmed",
    [SAYS_REVERTING] = "reverting", [SAYS_ENDED] = "ended",
};
_Static_assert(sizeof(says_names) / sizeof(says_names[0]) == SAYS_COUNT, "one name each");

static const char *const wants_names[] = {
    [WANTS_NOTHING] = "nothing",
    [WANTS_CHANGE] = "the change",
    [WANTS_REVERT] = "the revert",
};
_Static_assert(sizeof(wants_names) / sizeof(wants_names[0]) == WANTS_COUNT, "one name each");

const char *target_says_name(enum target_says says)
{
    return says < SAYS_COUNT ? says_names[says] : "unknown";
}

const char *target_wants_name(enum target_wants wants)
{
    return wants < WANTS_COUNT ? wants_names[wants] : "unknown";
}

bool target_is_ended(const struct target *target)
{
    return target->record->says == SAYS_ENDED;
}

bool target_is_confirmed(const struct target *target)
{
    const struct target_record *record = target->record;

    return record->says == SAYS_CONFIRMED && record->receipt == RECEIPT_CONFIRMED &&
           !record->in_doubt;
}

bool target_has_begun(const struct target_record *record)
{
    bool was_there = record->receipt == RECEIPT_CONFIRMED || record->receipt == RECEIPT_REVERTED ||
                     record->receipt == RECEIPT_POPPED || record->receipt == RECEIPT_INCOMPLETE;

    return was_there || record->says == SAYS_ON_TRIAL || record->says == SAYS_CONFIRMED ||
           record->says == SAYS_REVERTING;
}

bool target_was_let_go(const struct target_record *record)
{
    bool never =
        record->says == SAYS_NEVER || record->says == SAYS_PREPARED || record->says == SAYS_REFUSED;

    return record->wants == WANTS_NOTHING && record->says != SAYS_ENDED &&
           (record->in_doubt || !never);
}

bool target_is_unknown_to_guard(const struct target_record *record)
{
    return record->says == SAYS_PREPARED && (record->receipt == RECEIPT_CONFIRMED || record->begun);
}

bool target_is_open(const struct target *target)
{
    return target->started || target->record->in_doubt || target->record->says == SAYS_ON_TRIAL;
}

/* ---- what a stack says ---------------------------------------------------------------------- */

static const struct {
    const char *state; /* trial_state_name */
    enum target_says says;
} trial_states[] = {
    {"preparing", SAYS_PREPARED},  {"prepared", SAYS_PREPARED}, {"reverting", SAYS_REVERTING},
    {"verifying", SAYS_REVERTING}, {"popping", SAYS_REVERTING}, {"closing", SAYS_REVERTING},
};

/* Whatever else a state is called, something may be touched and nothing is decided. */
static enum target_says read_state(const char *state)
{
    for (unsigned i = 0; i < sizeof(trial_states) / sizeof(trial_states[0]); i++) {
        if (text_equal(state, trial_states[i].state))
            return trial_states[i].says;
    }
    return SAYS_ON_TRIAL;
}

/* Only the top one can be popped, and only while no trial is open above it. */
static bool is_popping(const struct stack *stack, const struct generation *generation)
{
    return !stack->trial_open && generation + 1 == stack->generations + stack->generations_count &&
           (text_equal(stack->trial_state, "popping") ||
            text_equal(stack->trial_state, "reverting") ||
            text_equal(stack->trial_state, "verifying"));
}

enum target_says target_read_stack(const struct stack *stack, const struct attempt *attempt,
                                   struct nonce *ret_start)
{
    const struct generation *generation = stack_find(stack, attempt);

    *ret_start = (struct nonce){0};
    if (generation != NULL) {
        *ret_start = generation->id.start;
        return is_popping(stack, generation) ? SAYS_REVERTING : SAYS_CONFIRMED;
    }
    if (!attempt_equal(&stack->trial.attempt, attempt))
        return SAYS_NEVER;
    *ret_start = stack->trial.start;
    if (stack->trial_open)
        return read_state(stack->trial_state);
    /* Its journal is not written yet: nothing is touched, and the nonce is still out. */
    if (read_state(stack->trial_state) == SAYS_PREPARED ||
        text_equal(stack->trial_state, "starting"))
        return SAYS_PREPARED;
    return SAYS_NEVER;
}

bool target_is_doubted(const struct stack *stack, const struct attempt *attempt)
{
    const struct generation *generation = stack_find(stack, attempt);

    return generation != NULL && generation->in_doubt;
}

/* ---- in words ------------------------------------------------------------------------------- */

static const char *name_end(const struct target_record *record)
{
    return record->receipt < RECEIPT_KIND_COUNT ? receipt_kind_name(record->receipt) : "reverted";
}

static const char *name_absent(const struct target *target)
{
    if (target->record->says == SAYS_ON_TRIAL || target->record->in_doubt)
        return target->record->listed ? "unreachable" : "in doubt";
    return "unreachable";
}

const char *target_state_name(const struct target *target)
{
    const struct target_record *record = target->record;

    if (record->says == SAYS_ENDED)
        return name_end(record);
    if (record->listed &&
        (record->receipt == RECEIPT_INCOMPLETE || (target->heard && target->connected)))
        return "incomplete";
    if (record->listed || target->silent)
        return name_absent(target);
    switch (record->says) {
    case SAYS_PREPARED:
        if (target_is_unknown_to_guard(record))
            return "in doubt";
        return target->started ? "applying" : "prepared";
    case SAYS_REFUSED:
        return "refused";
    case SAYS_ON_TRIAL:
        return "on trial";
    case SAYS_CONFIRMED:
        return record->in_doubt ? "in doubt" : "confirmed";
    case SAYS_REVERTING:
        return "reverting";
    case SAYS_NOTHING:
    case SAYS_NEVER:
    case SAYS_ENDED:
    case SAYS_COUNT:
        break;
    }
    return record->in_doubt || record->begun ? "in doubt" : "waiting";
}
