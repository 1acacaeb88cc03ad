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
    back->left = false;
    text_copy(back->state, sizeof(back->state), state);
    text_copy(back->sentence, sizeof(back->sentence), sentence);
}

/* Whether its node is in the roster: one that left cannot be spoken with. */
static bool is_reachable(const struct lead *lead, const struct lead_back *back)
{
    return roster_find(lead->desk->roster, back->name) != NULL;
}

bool lead_back_is_to_ask(const struct lead *lead, const struct lead_back *back)
{
    return !back->done && back->rollout == 0 && is_reachable(lead, back);
}

static struct lead_back *find(struct lead *lead, const char *node, const struct attempt *attempt,
                              bool is_signed)
{
    for (uint32_t i = 0; i < lead->backs.count; i++) {
        struct lead_back *back = &lead->backs.list[i];

        if (text_equal(back->name, node) && attempt_equal(&back->attempt, attempt) &&
            (back->order.len > 0) == is_signed)
            return back;
    }
    return NULL;
}

/* It was told already: what goes then has gone by that, whoever asks once more. */
static bool is_under_way(const struct lead_back *back)
{
    return !back->done && text_equal(back->state, "reverting");
}

static void empty(struct lead_back *back, const char *node, const struct attempt *attempt)
{
    const struct lead_back before = *back;

    wire_bytes_done(&back->order);
    memset(back, 0, sizeof(*back));
    text_copy(back->name, sizeof(back->name), node);
    back->attempt = *attempt;
    if (is_under_way(&before))
        lead_back_say(back, before.state, before.sentence);
    else
        lead_back_say(back, "unreachable", "it was asked, and has not answered yet");
}

struct lead_back *lead_backs_put(struct lead *lead, const char *node, const struct attempt *attempt,
                                 struct bytes order)
{
    struct lead_back *back = find(lead, node, attempt, order.len > 0);

    if (back == NULL && lead->backs.count < BACKS_MAX)
        back = &lead->backs.list[lead->backs.count++];
    if (back == NULL)
        return NULL;
    empty(back, node, attempt);
    back->order = (struct wire_bytes){mem_copy(order.data, order.len), order.len};
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

bool lead_back_keep(struct lead *lead, const struct lead_back *back)
{
    return desk_begin(lead->desk, STORE_REPORT) && keep_one(lead, back) && desk_commit(lead->desk);
}

/* Lost with the power, it is asked once more, and says once more that nothing stands. */
void lead_back_finish(struct lead *lead, struct lead_back *back, const char *state,
                      const char *sentence)
{
    back->done = true;
    lead_back_say(back, state, sentence);
    lead_back_keep(lead, back);
}

/* ---- how far it is ---------------------------------------------------------------------------
 */

static void say_left(struct lead_back *back, const char *why)
{
    char sentence[sizeof(back->sentence)];
    struct text text = TEXT_IN(sentence);

    text_add(&text, "left the roster, may still stand: only root there takes it back%s%s",
             why[0] != '\0' ? "; " : "", why);
    lead_back_say(back, "left", sentence);
    back->left = true;
}

/* Admitted again under its name it has a guard that can be asked, and the machine does not. */
static void read_let_go(const struct lead *lead, struct lead_back *back, const char *why)
{
    if (!is_reachable(lead, back)) {
        say_left(back, why);
        return;
    }
    back->rollout = 0;
    back->again_at = clock_now();
    lead_back_say(back, "unreachable", "it was admitted again, and has not answered yet");
}

static void read_target(const struct lead *lead, const struct target *target, const char *reason,
                        bool closed, struct lead_back *back)
{
    const struct target_record *record = target->record;

    if (target_was_let_go(record)) {
        read_let_go(lead, back, record->reason);
        return;
    }
    lead_back_say(back, target_state_name(target), reason);
    back->done = closed && !record->listed && !record->in_doubt;
}

static void read_machine(const struct lead *lead, const struct rollout *machine,
                         struct lead_back *back)
{
    for (uint32_t i = 0; i < machine->record.targets_count; i++) {
        const struct target *target = &machine->targets[i];

        if (text_equal(target->record->name, back->name))
            read_target(lead, target, rollout_reason(machine, target), lead_is_closed(machine),
                        back);
    }
}

/* The machine has ended and is not led any more: its record has the last word. */
static void read_stored(struct lead *lead, struct lead_back *back)
{
    AUTO_FREE struct store_rollout *stored = mem_alloc(1, sizeof(*stored));
    struct err err = ERR_INIT;

    if (!store_read_rollout(lead->desk->store, back->rollout, stored, &err))
        return;
    for (uint32_t i = 0; i < stored->record.targets_count; i++) {
        const struct target target = {.record = &stored->record.targets[i]};

        if (text_equal(target.record->name, back->name))
            read_target(lead, &target, target.record->reason, true, back);
    }
    store_rollout_done(stored);
}

static void bring_up_to_date(struct lead *lead, struct lead_back *back)
{
    const struct led *led = back->rollout != 0 ? lead_find(lead, back->rollout) : NULL;

    if (back->rollout == 0) {
        if (!is_reachable(lead, back))
            say_left(back, "");
    } else if (led != NULL) {
        read_machine(lead, &led->machine, back);
    } else {
        read_stored(lead, back);
    }
}

const struct lead_backs *lead_backs(struct lead *lead)
{
    for (uint32_t i = 0; i < lead->backs.count; i++) {
        if (!lead->backs.list[i].done)
            bring_up_to_date(lead, &lead->backs.list[i]);
    }
    return &lead->backs;
}

/* ---- all of them -----------------------------------------------------------------------------
 */

mono_t lead_backs_deadline(const struct lead *lead)
{
    mono_t first = MONO_NEVER;

    for (uint32_t i = 0; i < lead->backs.count; i++) {
        const struct lead_back *back = &lead->backs.list[i];

        if (lead_back_is_to_ask(lead, back))
            first = mono_min(first, back->again_at);
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
    return !back->done && is_reachable(lead, back);
}

static void forget_done(struct lead *lead)
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
    memset(&backs->list[count], 0, (backs->count - count) * sizeof(backs->list[0]));
    backs->count = count;
}

void lead_backs_begin(struct lead *lead, uint64_t rollout, const struct lead_wish *wish)
{
    forget_done(lead);
    lead_note_newer(lead, rollout);
    lead->backs.rollout = rollout;
    lead->backs.asked_at = clock_unix();
    text_copy(lead->backs.by, sizeof(lead->backs.by), wish->by);
    text_copy(lead->backs.reason, sizeof(lead->backs.reason), wish->reason);
}

/* How many of these nodes have no place for it yet. */
static uint32_t count_new(struct lead *lead, const struct lead_backs_wanted *wanted)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < wanted->count; i++)
        count += find(lead, wanted->nodes[i], &wanted->attempt, wanted->is_signed) == NULL;
    return count;
}

static uint32_t count_orders(const struct lead *lead)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < lead->backs.count; i++)
        count += lead->backs.list[i].order.len > 0;
    return count;
}

static bool fits(struct lead *lead, const struct lead_backs_wanted *wanted)
{
    uint32_t more = count_new(lead, wanted);

    return lead->backs.count + more <= BACKS_MAX &&
           (!wanted->is_signed || count_orders(lead) + more <= BACKS_ORDERS_MAX);
}

bool lead_backs_make_room(struct lead *lead, const struct lead_backs_wanted *wanted,
                          struct err *err)
{
    if (fits(lead, wanted))
        return true;
    forget_done(lead);
    return fits(lead, wanted) ||
           err_set(err, ERR_LIMIT,
                   "%u are to come back already, %u of them by signed orders: accepted are %d and "
                   "%d; nothing was done. Without the controller: --direct, or on the node "
                   "oceanid-rollback",
                   lead->backs.count, count_orders(lead), BACKS_MAX, BACKS_ORDERS_MAX);
}

static bool keep_asked(struct lead *lead)
{
    struct store_emergency kept = {.rollout = lead->backs.rollout, .at = lead->backs.asked_at};
    struct err err = ERR_INIT;

    text_copy(kept.by, sizeof(kept.by), lead->backs.by);
    text_copy(kept.reason, sizeof(kept.reason), lead->backs.reason);
    return desk_kept(
        lead->desk,
        store_put_emergency(lead->desk->store, STORE_LATEST, &kept, &err) &&
            store_put_emergency(lead->desk->store, STORE_NEWER, &lead->backs.newer, &err),
        &err);
}

bool lead_backs_keep(struct lead *lead)
{
    struct err err = ERR_INIT;

    if (!desk_kept(lead->desk, store_forget_backs(lead->desk->store, &err), &err) ||
        !keep_asked(lead))
        return false;
    for (uint32_t i = 0; i < lead->backs.count; i++) {
        if (!keep_one(lead, &lead->backs.list[i]))
            return false;
    }
    return true;
}

struct loading {
    struct lead *lead;
    bool fits;
};

static void load_one(void *context, const struct store_back *kept)
{
    struct loading *loading = context;
    struct lead *lead = loading->lead;
    struct lead_back *back = lead_backs_put(lead, kept->node, &kept->attempt, kept->order);

    if (back == NULL) {
        loading->fits = false;
        return;
    }
    lead->backs.rollout = kept->asked;
    back->rollout = kept->rollout;
    back->done = kept->done;
    back->again_at = clock_now();
    text_copy(back->reason, sizeof(back->reason), kept->reason);
    lead_back_say(back, kept->state, kept->sentence);
}

/* A database of an older controller has a number only. */
static bool load_asked(struct lead *lead, struct err *err)
{
    struct store_emergency kept;

    if (!store_read_emergency(lead->desk->store, STORE_LATEST, &kept, err) ||
        !store_read_emergency(lead->desk->store, STORE_NEWER, &lead->backs.newer, err))
        return false;
    if (kept.rollout != 0)
        lead->backs.rollout = kept.rollout;
    lead->backs.asked_at = kept.at;
    text_copy(lead->backs.by, sizeof(lead->backs.by), kept.by);
    text_copy(lead->backs.reason, sizeof(lead->backs.reason), kept.reason);
    return true;
}

bool lead_backs_load(struct lead *lead, struct err *err)
{
    struct loading loading = {lead, true};

    return load_asked(lead, err) && store_read_backs(lead->desk->store, load_one, &loading, err) &&
           (loading.fits || err_set(err, ERR_LIMIT,
                                    "more than %d are to come back in the database: accepted are "
                                    "no more",
                                    BACKS_MAX));
}
