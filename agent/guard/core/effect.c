/*
 * effect: appending what the trial machine wants done, and printing it.
 */
#include "agent/guard/core/effect.h"

#include <assert.h>
#include <string.h>

#include "common/core/text.h"

struct guard_effect *guard_effects_add(struct guard_effects *effects, enum guard_effect_kind kind,
                                       const struct generation_id *id)
{
    struct guard_effect *effect;

    assert(effects->count < GUARD_EFFECTS_MAX);
    effect = &effects->list[effects->count++];
    memset(effect, 0, sizeof(*effect));
    effect->kind = kind;
    if (id != NULL)
        effect->id = *id;
    return effect;
}

static void render_more(uint32_t more, struct text *out)
{
    if (more > 0)
        text_add(out, " and %u more", more);
}

static void render_record(const struct guard_record *record, struct text *out)
{
    text_add(out, "record %s", record_kind_name(record->kind));
    switch (record->kind) {
    case RECORD_MARK:
        text_add(out, " %s", mark_name(record->mark));
        break;
    case RECORD_INTENT:
    case RECORD_RESULT:
    case RECORD_ITEM:
        text_add(out, " of operation %u", record->operation + 1);
        render_more(record->more, out);
        text_add(out, "%s", record->kind != RECORD_INTENT && !record->ok ? ": failed" : "");
        break;
    case RECORD_RECEIPT:
        text_add(out, " %s (%s)", receipt_kind_name(record->receipt.receipt.kind),
                 end_cause_name(record->receipt.receipt.cause));
        break;
    case RECORD_FLOOR:
    case RECORD_BEGIN:
    case RECORD_KIND_COUNT:
        break;
    }
}

static void render_nonce(const struct guard_nonce *nonce, struct text *out)
{
    text_add(out, "nonce %u%s%s, %u s of soak left", nonce->number,
             nonce->fresh_connection ? ", for a new connection only" : "",
             nonce->last ? ", the last" : "", nonce->soak_left_s);
}

void guard_effect_render(const struct guard_effect *effect, char *to, size_t size)
{
    struct text out;

    text_init(&out, to, size);
    switch (effect->kind) {
    case DO_PREPARE:
        text_add(&out, "prepare");
        break;
    case DO_OFFER:
        text_add(&out, "tell: prepared");
        break;
    case DO_RECORD:
        render_record(&effect->record.record, &out);
        text_add(&out, "%s", effect->record.durable ? ", durable" : "");
        break;
    case DO_SYNC:
        text_add(&out, "sync what was read");
        break;
    case DO_APPLY:
        text_add(&out, "apply operation %u", effect->operation + 1);
        render_more(effect->more, &out);
        break;
    case DO_SETTLE:
        text_add(&out, "settle");
        break;
    case DO_NONCE:
        render_nonce(&effect->nonce, &out);
        break;
    case DO_UNDO:
        text_add(&out, "undo operation %u", effect->operation + 1);
        render_more(effect->more, &out);
        break;
    case DO_VERIFY:
        text_add(&out, "verify");
        break;
    case DO_SEND:
        text_add(&out, "send receipt");
        break;
    case DO_REFUSE:
        text_add(&out, "refuse%s: %s", effect->refuse.lasting ? " for good" : "",
                 effect->refuse.reason);
        break;
    case DO_STATEMENT:
        text_add(&out, "state: standing, soaked %u s, for %s", effect->statement.soak_s,
                 effect->statement.subject);
        break;
    case DO_STACK:
        text_add(&out, "tell: stack of %u", effect->stack.generations_count);
        break;
    case DO_PROGRESS:
    case DO_ALARM:
        text_add(&out, "%s%s: %s%s%s", effect->kind == DO_ALARM ? "ALARM " : "",
                 effect->progress.state, effect->progress.sentence,
                 effect->progress.detail[0] != '\0' ? ": " : "", effect->progress.detail);
        break;
    case DO_FORGET:
        text_add(&out, "forget");
        break;
    case DO_LET_GO:
        text_add(&out, "let go");
        break;
    case GUARD_EFFECT_COUNT:
        break;
    }
}
