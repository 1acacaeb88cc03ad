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

static bool is_earlier(const struct rollout *rollout, const struct carry *statement)
{
    const struct target *signer = find_target(rollout, statement->signer);

    return signer != NULL &&
           signer->record->stage < find_target(rollout, statement->subject)->record->stage;
}

static bool is_witness(const struct rollout *rollout, const struct carry *statement)
{
    const struct manifest_plan *plan = manifest_find_plan(rollout->manifest, statement->subject);

    for (uint32_t i = 0; i < plan->witnesses_count; i++) {
        if (text_equal(plan->witnesses[i], statement->signer))
            return true;
    }
    return text_equal(statement->subject, statement->signer);
}

static bool is_needed(const struct rollout *rollout, const struct carry *statement)
{
    if (!is_over_its_nonce(rollout, statement))
        return false;
    if (statement->phase == PHASE_STANDING)
        return is_earlier(rollout, statement);
    return statement->phase == PHASE_BASELINE && is_witness(rollout, statement);
}

static bool is_of_the_same(const struct carry *a, const struct carry *b)
{
    return a->phase == b->phase && text_equal(a->subject, b->subject) &&
           text_equal(a->signer, b->signer);
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
        if (!is_needed(rollout, &list[i]))
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
