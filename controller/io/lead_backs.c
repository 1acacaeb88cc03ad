/*
 * lead_backs: the nodes that were asked to come back, as people see them and as the store keeps
 * them: what was promised in an emergency goes on after a restart.
 */
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "controller/io/lead_parts.h"

/* ---- one of them -----------------------------------------------------------------------------
 */

void lead_back_say(struct lead_back *back, const char *state, const char *sentence)
{
    text_copy(back->state, sizeof(back->state), state);
    text_copy(back->sentence, sizeof(back->sentence), sentence);
}

struct lead_back *lead_backs_find(struct lead *lead, const char *node)
{
    for (uint32_t i = 0; i < lead->backs.count; i++) {
        if (text_equal(lead->backs.list[i].name, node))
            return &lead->backs.list[i];
    }
    return NULL;
}

struct lead_back *lead_backs_put(struct lead *lead, const char *node)
{
    struct lead_back *back = lead_backs_find(lead, node);

    if (back == NULL && lead->backs.count < NODES_MAX)
        back = &lead->backs.list[lead->backs.count++];
    if (back == NULL)
        return NULL;
    wire_bytes_done(&back->order);
    memset(back, 0, sizeof(*back));
    text_copy(back->name, sizeof(back->name), node);
    lead_back_say(back, "unreachable", "it was asked, and has not answered yet");
    return back;
}

static bool keep_one(struct lead *lead, const struct lead_back *back)
{
    struct store_back kept = {.asked = lead->backs.rollout,
                              .rollout = back->rollout,
                              .attempt = back->attempt,
                              .order = wire_lend(&back->order),
                              .done = back->done};
    struct err err = ERR_INIT;

    text_copy(kept.node, sizeof(kept.node), back->name);
    text_copy(kept.state, sizeof(kept.state), back->state);
    text_copy(kept.sentence, sizeof(kept.sentence), back->sentence);
    text_copy(kept.reason, sizeof(kept.reason), back->reason);
    return desk_kept(lead->desk, store_put_back(lead->desk->store, &kept, &err), &err);
}

/* Lost with the power, it is asked once more, and says once more that nothing stands. */
void lead_back_finish(struct lead *lead, struct lead_back *back, const char *state,
                      const char *sentence)
{
    back->done = true;
    lead_back_say(back, state, sentence);
    if (desk_begin(lead->desk, STORE_REPORT) && keep_one(lead, back))
        desk_commit(lead->desk);
}

/* ---- all of them -----------------------------------------------------------------------------
 */

mono_t lead_backs_deadline(const struct lead *lead)
{
    mono_t first = MONO_NEVER;

    for (uint32_t i = 0; i < lead->backs.count; i++) {
        if (!lead->backs.list[i].done && lead->backs.list[i].rollout == 0)
            first = mono_min(first, lead->backs.list[i].again_at);
    }
    return first;
}

void lead_backs_done(struct lead *lead)
{
    for (uint32_t i = 0; i < lead->backs.count; i++)
        wire_bytes_done(&lead->backs.list[i].order);
    lead->backs.count = 0;
}

/* Not back yet, of a node that can still come. */
static bool is_owed(const struct lead *lead, const struct lead_back *back)
{
    return !back->done && roster_find(lead->desk->roster, back->name) != NULL;
}

void lead_backs_begin(struct lead *lead, uint64_t rollout)
{
    struct lead_backs *backs = &lead->backs;
    uint32_t count = 0;

    lead_backs(lead);
    for (uint32_t i = 0; i < backs->count; i++) {
        if (is_owed(lead, &backs->list[i]))
            backs->list[count++] = backs->list[i];
        else
            wire_bytes_done(&backs->list[i].order);
    }
    backs->count = count;
    backs->rollout = rollout;
}

bool lead_backs_keep(struct lead *lead)
{
    struct err err = ERR_INIT;

    if (!desk_kept(lead->desk, store_forget_backs(lead->desk->store, &err), &err))
        return false;
    for (uint32_t i = 0; i < lead->backs.count; i++) {
        if (!keep_one(lead, &lead->backs.list[i]))
            return false;
    }
    return true;
}

static void load_one(void *context, const struct store_back *kept)
{
    struct lead *lead = context;
    struct lead_back *back = lead_backs_put(lead, kept->node);

    if (back == NULL)
        return;
    lead->backs.rollout = kept->asked;
    back->rollout = kept->rollout;
    back->attempt = kept->attempt;
    back->order = (struct wire_bytes){mem_copy(kept->order.data, kept->order.len), kept->order.len};
    back->done = kept->done;
    back->again_at = clock_now();
    text_copy(back->reason, sizeof(back->reason), kept->reason);
    lead_back_say(back, kept->state, kept->sentence);
}

bool lead_backs_load(struct lead *lead, struct err *err)
{
    return store_read_backs(lead->desk->store, load_one, lead, err);
}
