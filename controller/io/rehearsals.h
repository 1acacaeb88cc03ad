/*
 * rehearsals: the plans that nodes' guards are asked to rehearse, one at a time on each node.
 *
 * A guard answers over the nonce of its question; an answer to anything else is passed over. One
 * that does not come in REHEARSAL_PATIENCE_MS gives way to the next.
 */
#ifndef CONTROLLER_IO_REHEARSALS_H
#define CONTROLLER_IO_REHEARSALS_H

#include "common/change/manifest.h"
#include "common/core/mono.h"
#include "controller/io/outbox.h"

enum { REHEARSAL_PATIENCE_MS = 8000, REHEARSALS_MAX = 4 * NODES_MAX };

struct rehearsal_question {
    char node[NAME_SIZE], change[NAME_SIZE];
    struct hash body;          /* of the manifest whose plan it is */
    struct manifest_plan plan; /* operations and flows only; owned */
    struct nonce nonce;
    mono_t asked_at; /* MONO_NEVER: another one is under way on that node */
    struct rehearsal_question *next;
};

struct rehearsals {
    struct outbox *outbox;                /* borrowed */
    struct rehearsal_question *questions; /* oldest first */
    uint32_t count;
};

/* Unless that very question waits already. plan is copied. False: REHEARSALS_MAX wait. */
bool rehearsals_ask(struct rehearsals *rehearsals, const struct manifest *manifest,
                    const struct hash *body, const struct manifest_plan *plan, mono_t now);

/* Its agent has greeted: what is under way there is asked once more, over another nonce. */
void rehearsals_ask_again(struct rehearsals *rehearsals, const char *node, mono_t now);

/* The question of that nonce; NULL: none is out. Lent until rehearsals_end. */
const struct rehearsal_question *rehearsals_find(const struct rehearsals *rehearsals,
                                                 const char *node, const struct nonce *nonce);

/* It is answered: the node's next question is asked. */
void rehearsals_end(struct rehearsals *rehearsals, const struct rehearsal_question *question,
                    mono_t now);
void rehearsals_done(struct rehearsals *rehearsals);

#endif
