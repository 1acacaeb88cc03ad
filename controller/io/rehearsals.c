/*
 * rehearsals: the plans that nodes' guards are asked to rehearse.
 */
#include "controller/io/rehearsals.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"

static void free_question(struct rehearsal_question *question)
{
    manifest_plan_done(&question->plan);
    free(question);
}

static void take_out(struct rehearsals *rehearsals, const struct rehearsal_question *question)
{
    struct rehearsal_question **at = &rehearsals->questions;
    struct rehearsal_question *found;

    while (*at != question)
        at = &(*at)->next;
    found = *at;
    *at = found->next;
    rehearsals->count--;
    free_question(found);
}

static void drop_late(struct rehearsals *rehearsals, mono_t now)
{
    struct rehearsal_question *question = rehearsals->questions;

    while (question != NULL) {
        struct rehearsal_question *next = question->next;

        if (question->asked_at != MONO_NEVER && now >= question->asked_at + REHEARSAL_PATIENCE_MS)
            take_out(rehearsals, question);
        question = next;
    }
}

static void send(struct rehearsals *rehearsals, struct rehearsal_question *question, mono_t now)
{
    struct guard_request request = {.kind = GUARD_REHEARSE};

    clock_random(question->nonce.bytes, NONCE_SIZE);
    question->asked_at = now;
    request.nonce = question->nonce;
    request.body = wire_encode_plan(&question->plan);
    outbox_put_guard(rehearsals->outbox, question->node, &request);
    wire_bytes_done(&request.body);
}

/* The oldest that waits for this node, if none is under way there. */
static void go_on(struct rehearsals *rehearsals, const char *node, mono_t now)
{
    struct rehearsal_question *first = NULL;

    for (struct rehearsal_question *at = rehearsals->questions; at != NULL; at = at->next) {
        if (!text_equal(at->node, node))
            continue;
        if (at->asked_at != MONO_NEVER)
            return;
        if (first == NULL)
            first = at;
    }
    if (first != NULL)
        send(rehearsals, first, now);
}

static bool waits_already(const struct rehearsals *rehearsals, const char *node,
                          const struct hash *body)
{
    for (const struct rehearsal_question *at = rehearsals->questions; at != NULL; at = at->next) {
        if (text_equal(at->node, node) && hash_equal(&at->body, body))
            return true;
    }
    return false;
}

static struct rehearsal_question *new_question(const struct manifest *manifest,
                                               const struct hash *body,
                                               const struct manifest_plan *plan)
{
    struct rehearsal_question *question = mem_alloc(1, sizeof(*question));

    text_copy(question->node, sizeof(question->node), plan->node);
    text_copy(question->change, sizeof(question->change), manifest->change);
    question->body = *body;
    question->plan = *plan;
    question->plan.checks = NULL;
    question->plan.checks_count = 0;
    question->plan.operations =
        mem_copy(plan->operations, plan->operations_count * sizeof(*plan->operations));
    question->asked_at = MONO_NEVER;
    return question;
}

bool rehearsals_ask(struct rehearsals *rehearsals, const struct manifest *manifest,
                    const struct hash *body, const struct manifest_plan *plan, mono_t now)
{
    struct rehearsal_question **end = &rehearsals->questions;

    drop_late(rehearsals, now);
    if (!waits_already(rehearsals, plan->node, body)) {
        if (rehearsals->count == REHEARSALS_MAX)
            return false;
        while (*end != NULL)
            end = &(*end)->next;
        *end = new_question(manifest, body, plan);
        rehearsals->count++;
    }
    go_on(rehearsals, plan->node, now);
    return true;
}

void rehearsals_ask_again(struct rehearsals *rehearsals, const char *node, mono_t now)
{
    for (struct rehearsal_question *at = rehearsals->questions; at != NULL; at = at->next) {
        if (at->asked_at != MONO_NEVER && text_equal(at->node, node))
            send(rehearsals, at, now);
    }
}

const struct rehearsal_question *rehearsals_find(const struct rehearsals *rehearsals,
                                                 const char *node, const struct nonce *nonce)
{
    const struct rehearsal_question *at = rehearsals->questions;

    while (at != NULL && (at->asked_at == MONO_NEVER || !text_equal(at->node, node) ||
                          !nonce_equal(&at->nonce, nonce)))
        at = at->next;
    return at;
}

void rehearsals_end(struct rehearsals *rehearsals, const struct rehearsal_question *question,
                    mono_t now)
{
    char node[NAME_SIZE];

    text_copy(node, sizeof(node), question->node);
    take_out(rehearsals, question);
    go_on(rehearsals, node, now);
}

void rehearsals_done(struct rehearsals *rehearsals)
{
    while (rehearsals->questions != NULL)
        take_out(rehearsals, rehearsals->questions);
}
