/*
 * rehearsal: what came of each operation of a plan in a throw-away network namespace.
 */
#include "common/change/rehearsal.h"

#include <string.h>

static const char *const outcome_names[] = {
    [REHEARSED_MISSED] = "not done",      [REHEARSED_GOOD] = "accepted and taken back",
    [REHEARSED_REFUSED] = "refused",      [REHEARSED_STAYED] = "not taken back",
    [REHEARSED_UNSEEN] = "not rehearsed",
};
_Static_assert(sizeof(outcome_names) / sizeof(outcome_names[0]) == REHEARSED_OUTCOME_COUNT,
               "one name each");

const char *rehearsed_outcome_name(enum rehearsed_outcome outcome)
{
    return outcome < REHEARSED_OUTCOME_COUNT ? outcome_names[outcome] : "unknown";
}

void rehearsal_copy(struct rehearsal *to, const struct rehearsal *from)
{
    memcpy(to, from,
           offsetof(struct rehearsal, operations) +
               from->operations_count * sizeof(from->operations[0]));
}

void rehearsal_set(struct rehearsal *rehearsal, uint32_t operation, enum rehearsed_outcome outcome,
                   const char *why)
{
    struct rehearsed *rehearsed = &rehearsal->operations[operation];

    rehearsed->outcome = outcome;
    text_shorten(rehearsed->why, sizeof(rehearsed->why), why);
}

void rehearsal_miss(const struct operation *operations, uint32_t count, const char *why,
                    struct rehearsal *ret_rehearsal)
{
    memset(ret_rehearsal, 0, sizeof(*ret_rehearsal));
    ret_rehearsal->operations_count = count;
    for (uint32_t i = 0; i < count; i++) {
        const char *unseen = operation_unseen(&operations[i]);

        rehearsal_set(ret_rehearsal, i, unseen != NULL ? REHEARSED_UNSEEN : REHEARSED_MISSED,
                      unseen != NULL ? unseen : why);
    }
}

void rehearsal_believe(const struct operation *operations, uint32_t count,
                       struct rehearsal *rehearsal)
{
    for (uint32_t i = 0; i < count && i < rehearsal->operations_count; i++) {
        const char *unseen = operation_unseen(&operations[i]);
        enum rehearsed_outcome outcome = rehearsal->operations[i].outcome;

        if (unseen == NULL && outcome == REHEARSED_UNSEEN)
            rehearsal_set(rehearsal, i, REHEARSED_MISSED,
                          "expected it to be rehearsed, got that no namespace shows it");
        else if (unseen != NULL && outcome == REHEARSED_GOOD)
            rehearsal_set(rehearsal, i, REHEARSED_UNSEEN, unseen);
    }
}

static enum verdict_value judge_one(const struct rehearsed *rehearsed)
{
    switch (rehearsed->outcome) {
    case REHEARSED_GOOD:
    case REHEARSED_UNSEEN:
        return VERDICT_PASS;
    case REHEARSED_REFUSED:
    case REHEARSED_STAYED:
        return VERDICT_FAIL;
    case REHEARSED_MISSED:
    case REHEARSED_OUTCOME_COUNT:
        break;
    }
    return VERDICT_UNKNOWN;
}

enum verdict_value rehearsal_judge(const struct rehearsal *rehearsal, uint32_t operations_count)
{
    enum verdict_value worst = VERDICT_PASS;

    if (rehearsal->operations_count != operations_count)
        return VERDICT_UNKNOWN;
    for (uint32_t i = 0; i < operations_count; i++)
        worst = verdict_worst(worst, judge_one(&rehearsal->operations[i]));
    return worst;
}

uint32_t rehearsal_worst(const struct rehearsal *rehearsal)
{
    enum verdict_value worst = rehearsal_judge(rehearsal, rehearsal->operations_count);

    for (uint32_t i = 0; worst != VERDICT_PASS && i < rehearsal->operations_count; i++) {
        if (judge_one(&rehearsal->operations[i]) == worst)
            return i;
    }
    return rehearsal->operations_count;
}

bool rehearsal_equal(const struct rehearsal *a, const struct rehearsal *b)
{
    if (a->operations_count != b->operations_count || !text_equal(a->lacks, b->lacks))
        return false;
    for (uint32_t i = 0; i < a->operations_count; i++) {
        if (a->operations[i].outcome != b->operations[i].outcome ||
            !text_equal(a->operations[i].why, b->operations[i].why))
            return false;
    }
    return true;
}

enum { BRIEF_SIZE = 64 }; /* the kernel's words have to find room behind it */

void rehearsal_explain(const struct rehearsal *rehearsal, const struct operation *operations,
                       uint32_t i, struct text *out)
{
    char line[SENTENCE_SIZE] = "", brief[BRIEF_SIZE];
    struct text text = TEXT_IN(line);

    operation_render(&operations[i], &text);
    text_shorten(brief, sizeof(brief), line);
    text_add(out, "operation %u (%s): ", i + 1, brief);
    rehearsal_render(&rehearsal->operations[i], out);
}

void rehearsal_render(const struct rehearsed *rehearsed, struct text *out)
{
    text_add(out, "%s%s%s", rehearsed_outcome_name(rehearsed->outcome),
             rehearsed->why[0] != '\0' ? ": " : "", rehearsed->why);
}
