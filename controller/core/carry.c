/*
 * carry: which statements a start carries to its guard, and in which order.
 */
#include "controller/core/carry.h"

#include <assert.h>

#include "common/core/text.h"
#include "controller/core/rollout_table.h"

enum { RANKS = 4 };

static const struct target *find_target(const struct rollout *rollout, const char *node)
{
    return rollout_find((struct rollout *)rollout, node);
}

/* docs/protocol.md rule 2: over the one nonce that is out. */
static bool is_over_its_nonce(const struct rollout *rollout, const struct carry *statement)
{
    const struct target *target = find_target(rollout, statement->subject);

    return target != NULL && !nonce_is_zero(&target->prepared) &&
           nonce_equal(&target->prepared, &statement->nonce);
}

static bool is_earlier(const struct rollout *rollout, const struct target *subject,
                       const char *signer)
{
    const struct target *other = find_target(rollout, signer);

    return other != NULL && other->record->stage < subject->record->stage;
}

static bool is_witness(const struct rollout *rollout, const char *subject, const char *signer)
{
    const struct manifest_plan *plan = manifest_find_plan(rollout->manifest, subject);

    for (uint32_t i = 0; i < plan->witnesses_count; i++) {
        if (text_equal(plan->witnesses[i], signer))
            return true;
    }
    return text_equal(subject, signer);
}

bool carry_is_asked(const struct rollout *rollout, const char *subject, const char *signer,
                    enum phase phase)
{
    const struct target *target = find_target(rollout, subject);

    if (target == NULL)
        return false;
    return phase == PHASE_STANDING ? is_earlier(rollout, target, signer)
                                   : is_witness(rollout, subject, signer);
}

static bool is_needed(const struct rollout *rollout, const struct carry *statement)
{
    return (statement->phase == PHASE_STANDING || statement->phase == PHASE_BASELINE) &&
           is_over_its_nonce(rollout, statement) &&
           carry_is_asked(rollout, statement->subject, statement->signer, statement->phase);
}

static bool is_of_the_same(const struct carry *a, const struct carry *b)
{
    return a->phase == b->phase && text_equal(a->subject, b->subject) &&
           text_equal(a->signer, b->signer);
}

/* What was needed over that nonce of that subject is needed as long as another one is. */
static bool is_over_the_same(const struct carry *a, const struct carry *b)
{
    return nonce_equal(&a->nonce, &b->nonce) && text_equal(a->subject, b->subject);
}

/* They may come late and out of order: what has passed over this nonce stays. */
static bool gives_way(const struct carry *kept, const struct carry *statement)
{
    return !kept->passes || statement->passes || !nonce_equal(&kept->nonce, &statement->nonce);
}

int carry_place(const struct rollout *rollout, const struct carry *list, uint32_t count,
                const struct carry *statement)
{
    int place = (int)count;

    if (!is_needed(rollout, statement))
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        if (is_of_the_same(&list[i], statement))
            return gives_way(&list[i], statement) ? (int)i : -1;
    }
    for (uint32_t i = 0; i < count && place == (int)count; i++) {
        if (!is_over_the_same(&list[i], statement) && !is_needed(rollout, &list[i]))
            place = (int)i;
    }
    assert(place < CARRY_MAX);
    return place;
}

static unsigned rank_of(const struct carry *statement)
{
    if (statement->phase == PHASE_STANDING)
        return 0;
    if (text_equal(statement->subject, statement->signer))
        return 1;
    return statement->passes ? 2 : 3;
}

uint32_t carry_pick(const struct carry *list, uint32_t count, const char *subject,
                    const struct nonce *nonce, uint32_t ret_places[STATEMENTS_MAX])
{
    uint32_t picked = 0;

    for (unsigned rank = 0; rank < RANKS; rank++) {
        for (uint32_t i = 0; i < count && picked < STATEMENTS_MAX; i++) {
            if (rank_of(&list[i]) == rank && nonce_equal(&list[i].nonce, nonce) &&
                text_equal(list[i].subject, subject))
                ret_places[picked++] = i;
        }
    }
    return picked;
}
