/*
 * carry: which statements a start carries to its guard, and in which order.
 *
 * Whoever is in the roster can sign statements without end, and a start has room for
 * STATEMENTS_MAX: so only those are kept that a start needs, one of each signer. Pure: the caller
 * keeps the bytes, at the places that it is told.
 */
#ifndef CONTROLLER_CORE_CARRY_H
#define CONTROLLER_CORE_CARRY_H

#include "controller/core/rollout.h"

/* Each node of a stage by each guard of the stages before it, and by each agent. */
enum { CARRY_MAX = NODES_MAX * NODES_MAX };

struct carry {
    char subject[NAME_SIZE], signer[NAME_SIZE];
    struct nonce nonce;
    enum phase phase;
    bool passes;
};

/* Whether that signer is one who is asked of that subject in that phase: its own agent, its
 * witnesses, and of what stands the guards of earlier stages. */
bool carry_is_asked(const struct rollout *rollout, const char *subject, const char *signer,
                    enum phase phase);

/* Where it is kept in a list of so many: there in the place of another, or at count, behind the
 * last; -1: it is not kept. It is of the body of that rollout. */
int carry_place(const struct rollout *rollout, const struct carry *list, uint32_t count,
                const struct carry *statement);

/* Places of those that the start of that node over that nonce carries: all that say that an earlier
 * node stands, the node's own agent's, then witnesses that see it, then the others, as many as it
 * accepts. Returns how many. */
uint32_t carry_pick(const struct carry *list, uint32_t count, const char *subject,
                    const struct nonce *nonce, uint32_t ret_places[STATEMENTS_MAX]);

#endif
