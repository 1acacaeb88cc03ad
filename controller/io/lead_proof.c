/*
 * lead_proof: what witnesses said of a node and whether its own agent let it count: every word to
 * the proofs, every change of it to the audit.
 */
#include <stdio.h>
#include <string.h>

#include "common/core/text.h"
#include "common/io/clock.h"
#include "controller/io/lead_parts.h"

enum { SOURCES_TOLD_MAX = 3 }; /* over one nonce */

/* One a rollout, subject and witness; the oldest gives way. */
static struct seen *find_seen(struct lead *lead, uint64_t rollout, const char *subject,
                              const char *signer)
{
    uint32_t count = lead->seen_count < SEEN_MAX ? lead->seen_count : SEEN_MAX;

    for (uint32_t i = 0; i < count; i++) {
        if (lead->seen[i].rollout == rollout && text_equal(lead->seen[i].subject, subject) &&
            text_equal(lead->seen[i].signer, signer))
            return &lead->seen[i];
    }
    return NULL;
}

static struct seen *put_seen(struct lead *lead, uint64_t rollout, const char *subject,
                             const char *signer)
{
    struct seen *seen = find_seen(lead, rollout, subject, signer);

    if (seen != NULL)
        return seen;
    seen = &lead->seen[lead->seen_count++ % SEEN_MAX];
    memset(seen, 0, sizeof(*seen));
    seen->rollout = rollout;
    text_copy(seen->subject, sizeof(seen->subject), subject);
    text_copy(seen->signer, sizeof(seen->signer), signer);
    return seen;
}

static bool keep_proof(struct lead *lead, const struct seen *seen)
{
    struct desk *desk = lead->desk;
    struct store_proof proof = {.rollout = seen->rollout,
                                .at = clock_unix(),
                                .phase = seen->phase,
                                .counted = seen->counted,
                                .verdict = seen->verdict};
    struct err err = ERR_INIT;

    text_copy(proof.node, sizeof(proof.node), seen->subject);
    text_copy(proof.signer, sizeof(proof.signer), seen->signer);
    return desk_kept(desk, store_add_proof(desk->store, &proof, &err), &err);
}

bool lead_may_note(struct lead *lead, const char *who, enum desk_note note)
{
    struct fleet_member *member = fleet_find(&lead->desk->fleet, who);

    return member == NULL || desk_may_note(lead->desk, member, note);
}

/* "office: pass, counted: seen from 192.0.2.20"; who: whose words these are. */
static void tell(struct lead *lead, struct seen *seen, const char *who, const char *why)
{
    struct desk *desk = lead->desk;
    bool is_news = !seen->was_told || seen->told_value != seen->verdict.value;

    if (!lead_may_note(lead, who, NOTE_PROOF) || (is_news && !lead_may_note(lead, who, NOTE_ROW)))
        return;
    if (!desk_begin(desk, is_news ? STORE_FULL : STORE_REPORT) || !keep_proof(lead, seen))
        return;
    if (is_news && !desk_audit(desk, seen->signer, "proof", seen->subject, "%s: %s, %s: %s",
                               seen->signer, verdict_format(seen->verdict.value),
                               seen->counted ? "counted" : "not counted", why))
        return;
    seen->was_told = true;
    seen->told_value = seen->verdict.value;
    desk_commit(desk);
}

static const struct verdict *worst_of(const struct statement *statement)
{
    const struct verdict *worst = &statement->verdicts[0];

    for (uint32_t i = 1; i < statement->verdicts_count; i++) {
        if (statement->verdicts[i].value == VERDICT_FAIL ||
            (statement->verdicts[i].value == VERDICT_UNKNOWN && worst->value == VERDICT_PASS))
            worst = &statement->verdicts[i];
    }
    return worst;
}

static void read_verdict(const struct statement *statement, struct verdict *ret_verdict)
{
    memset(ret_verdict, 0, sizeof(*ret_verdict));
    if (statement->verdicts_count > 0) {
        *ret_verdict = *worst_of(statement);
    } else if (statement->phase == PHASE_STANDING) {
        text_copy(ret_verdict->check, sizeof(ret_verdict->check), "standing");
        ret_verdict->value = VERDICT_PASS;
        snprintf(ret_verdict->observed, sizeof(ret_verdict->observed),
                 "stands confirmed, soaked %u s", statement->soak_s);
    }
    if (statement->own_failing) {
        ret_verdict->value = VERDICT_FAIL;
        snprintf(ret_verdict->observed, sizeof(ret_verdict->observed),
                 "a critical check of %s itself newly fails", statement->signer);
    }
}

/* The same word over the same nonce. */
static bool is_repeated(const struct seen *seen, const struct statement *statement,
                        const struct verdict *verdict)
{
    return seen->is_filled && seen->phase == statement->phase &&
           nonce_equal(&seen->nonce, &statement->nonce) && seen->verdict.value == verdict->value;
}

/* A connection that did not come about was seen by nobody: what counted before still does. */
void lead_note_statement(struct lead *lead, const struct led *led,
                         const struct statement *statement)
{
    struct verdict verdict;
    struct seen *seen;

    if (!carry_is_asked(&led->machine, statement->subject, statement->signer, statement->phase))
        return;
    seen = put_seen(lead, led->machine.record.id, statement->subject, statement->signer);
    read_verdict(statement, &verdict);
    if (is_repeated(seen, statement, &verdict))
        return;
    seen->is_filled = true;
    seen->sources_told = 0;
    seen->nonce = statement->nonce;
    seen->phase = statement->phase;
    seen->verdict = verdict;
    if (statement->phase == PHASE_STANDING || text_equal(statement->signer, statement->subject))
        seen->counted = true;
    else if (seen->verdict.value == VERDICT_PASS)
        return; /* its node's agent says whether it counts */
    tell(lead, seen, seen->signer, seen->verdict.observed);
}

void lead_take_source(struct lead *lead, const char *node, const struct source_seen *source)
{
    for (const struct led *led = lead->leds; led != NULL; led = led->next) {
        struct seen *seen = find_seen(lead, led->machine.record.id, node, source->witness);

        if (seen == NULL || !nonce_equal(&seen->nonce, &source->nonce))
            continue;
        if (seen->verdict.value != VERDICT_PASS)
            continue; /* told when it came */
        if (seen->sources_told > 0 && seen->counted == source->counts)
            continue; /* the same again */
        if (seen->sources_told == SOURCES_TOLD_MAX)
            continue;
        seen->sources_told++;
        if (seen->counted != source->counts)
            seen->was_told = false;
        seen->counted = source->counts;
        tell(lead, seen, node, source->why);
    }
}
