/*
 * effect: appending what a rollout wants done, and printing it.
 */
#include "controller/core/effect.h"

#include <assert.h>
#include <string.h>

#include "common/core/text.h"

struct rollout_effect *rollout_effects_add(struct rollout_effects *effects,
                                           enum rollout_effect_kind kind, const char *node)
{
    struct rollout_effect *effect;

    assert(effects->count < ROLLOUT_EFFECTS_MAX);
    effect = &effects->list[effects->count++];
    memset(effect, 0, sizeof(*effect));
    effect->kind = kind;
    if (node != NULL)
        text_copy(effect->node, sizeof(effect->node), node);
    return effect;
}

static const char *const send_names[] = {
    [SEND_STACK] = "stack", [SEND_PREPARE] = "prepare", [SEND_START] = "start",
    [SEND_ABORT] = "abort", [SEND_POP] = "pop",
};
_Static_assert(sizeof(send_names) / sizeof(send_names[0]) == ROLLOUT_SEND_COUNT, "one name each");

static const char *send_name(enum rollout_send request)
{
    return request < ROLLOUT_SEND_COUNT ? send_names[request] : "unknown";
}

/* The first bytes are enough for people to tell nonces apart. */
static void render_nonce(const char *what, const struct nonce *nonce, struct text *out)
{
    enum { SHOWN = 4 };
    char hex[2 * SHOWN + 1];

    if (nonce_is_zero(nonce))
        return;
    bytes_format_hex(nonce->bytes, SHOWN, hex);
    text_add(out, " %s %s", what, hex);
}

static void render_send(const struct rollout_effect *effect, struct text *out)
{
    text_add(out, "to %s: %s%s", effect->node, send_name(effect->send.request),
             effect->send.emergency ? " (emergency)" : "");
    render_nonce("over", &effect->send.id.start, out);
    render_nonce("quoting hello", &effect->send.stack_nonce, out);
    if (effect->send.fellow[0] != '\0')
        text_add(out, " with the receipt of %s", effect->send.fellow);
    if (effect->send.reason[0] != '\0')
        text_add(out, ": %s", effect->send.reason);
}

void rollout_effect_render(const struct rollout_effect *effect, char *to, size_t size)
{
    struct text out;

    text_init(&out, to, size);
    switch (effect->kind) {
    case EFFECT_STORE:
        text_add(&out, "store");
        break;
    case EFFECT_SEND:
        render_send(effect, &out);
        break;
    case EFFECT_ASK:
        text_add(&out, "ask %s: %s of %s", effect->node, phase_name(effect->ask.phase),
                 effect->ask.subject);
        render_nonce("over", &effect->ask.nonce, &out);
        break;
    case EFFECT_FORWARD:
        text_add(&out, "forward to %s", effect->node);
        break;
    case EFFECT_GATES:
        text_add(&out, "gates of stage %u", effect->stage + 1);
        break;
    case EFFECT_HOLD:
        text_add(&out, "quarantine on %s", effect->node);
        break;
    case EFFECT_AUDIT:
        text_add(&out, "audit %s", effect->text);
        break;
    case EFFECT_TELL:
        text_add(&out, "tell %s", effect->text);
        break;
    case ROLLOUT_EFFECT_COUNT:
        break;
    }
}
