/*
 * checker_lead: the model's half about what the controller sends: what leaves was stored, and the
 * way back goes newest first, but in an emergency, which waits for nobody.
 */
#include <string.h>

#include "tests/sim/checker.h"

/* An end is asked for again every 5 s, of whom is listed every 30 s. */
enum { ASKED_BACK_MS = 6000, LISTED_ASKED_BACK_MS = 31000 };

static bool goes_back(enum rollout_state state)
{
    return state == ROLLOUT_REVERTING || state == ROLLOUT_INCOMPLETE;
}

void model_emergency(struct check_model *model, int node)
{
    for (int i = 0; i < model->world->nodes_count; i++)
        model->hosts[i].at_once |= node < 0 || node == i;
}

void model_lead_begins(struct check_model *model)
{
    model->forgot = false;
    model->promoted = 0;
    for (int i = 0; i < model->world->nodes_count; i++) {
        model->hosts[i].at_once = model->hosts[i].told = false;
        model->hosts[i].owed_since = -1;
    }
}

/* It knows what its database says, and nothing of what came behind that. */
void model_lead_resumes(struct check_model *model)
{
    for (int i = 0; i < model->world->nodes_count; i++)
        model->hosts[i].told = false;
}

/* An older database: what came behind it is not known any more. */
void model_lead_forgets(struct check_model *model)
{
    model->forgot = true;
    model->forgot_closed = model->world->lead.stored.state == ROLLOUT_COMPLETE;
    model->forgot_at = model->world->now;
}

/* Everybody has been heard since, and its database knows of all who are not on trial whether they
 * stand: what a disk refused, a new start has to learn again. */
void checker_learn(struct check_model *model)
{
    const struct rollout_record *record = &model->world->lead.stored;

    for (int i = 0; i < model->world->nodes_count; i++) {
        const struct model_host *at = &model->hosts[i];
        const struct target_record *target = checker_target(model, record, i);
        bool stands = checker_stands(model, i, record->attempt.sequence);
        bool at_rest = at->stand == STANDS_CONFIRMED || at->stand == STANDS_CLEAN;
        bool on_trial = at->stand == STANDS_CHANGED;

        if (target == NULL || model->world->hosts[i].dead || at->betrayed)
            continue;
        if (at->word_at <= model->forgot_at || (target->in_doubt && !on_trial) ||
            (at_rest && stands != (target->receipt == RECEIPT_CONFIRMED)))
            return;
    }
    model->forgot = false;
}

/* ---- stored, and then sent ------------------------------------------------------------------- */

/* 6: who does not know yet what stands everywhere does not lead. */
static void check_learned(const struct check_model *model, const char *name)
{
    for (int i = 0; i < model->world->nodes_count; i++) {
        if (world_is_target(model->world, i) && !model->hosts[i].told)
            world_violate(model->world, "6: %s is started, and %s has not said what stands there",
                          name, checker_name(model, i));
    }
}

/* 6: whoever finds the database knows of it. */
void model_sends(struct check_model *model, const struct message *message)
{
    const struct lead *lead = &model->world->lead;
    const struct target_record *target = checker_target(model, &lead->stored, message->host);
    const char *name = checker_name(model, message->host);
    bool known = lead->has_stored && lead->stored.attempt.sequence == message->id.attempt.sequence;

    if (target == NULL) {
        if (message->kind == ASK_START || message->kind == ASK_ABORT || message->kind == ASK_POP)
            world_violate(model->world, "4: %s is asked for what is not for it", name);
        return;
    }
    /* Of a node whose disk has lost its end, nobody but the signer's ledger knows that it had one.
     */
    if (message->kind == ASK_START && message->id.attempt.sequence < model->world->attempt &&
        !model->hosts[message->host].betrayed)
        world_violate(model->world,
                      "20: %s is started by attempt %llu, and %u was signed behind it", name,
                      (unsigned long long)message->id.attempt.sequence, model->world->attempt);
    if (message->kind == ASK_START)
        check_learned(model, name);
    if (message->kind == ASK_START &&
        (!known || !target->in_doubt ||
         memcmp(&target->generation.start, &message->id.start, sizeof(message->id.start)) != 0))
        world_violate(model->world, "6: %s is started, and that it is in doubt was not stored",
                      name);
    if ((message->kind == ASK_ABORT || message->kind == ASK_POP) &&
        (!known || target->wants == WANTS_CHANGE ||
         (target->wants == WANTS_REVERT && !goes_back(lead->stored.state))))
        world_violate(model->world, "6: %s is asked back, and that was not stored", name);
    if (message->kind == ASK_POP ||
        (message->kind == ASK_ABORT &&
         !checker_stands(model, message->host, message->id.attempt.sequence)))
        model->hosts[message->host].owed_since = -1;
}

/* 6: what led to it as well: whoever finds the database is where this one was. */
static void check_stored(struct check_model *model, int host)
{
    const struct lead *lead = &model->world->lead;
    const struct rollout_record *is = &lead->rollout->record, *stored = &lead->stored;
    const struct target_record *target = NULL, *kept = NULL;

    if (host < model->world->nodes_count) {
        target = checker_target(model, is, host);
        kept = checker_target(model, stored, host);
    }

    if (!lead->has_stored || is->state != stored->state || is->stage != stored->stage ||
        is->aborted != stored->aborted || is->emergency != stored->emergency ||
        is->advanced != stored->advanced)
        world_violate(model->world,
                      "6: something goes to %s, and that the rollout is %s was not stored",
                      checker_name(model, host), rollout_state_name(is->state));
    else if (target != NULL &&
             (target->wants != kept->wants || target->in_doubt != kept->in_doubt ||
              target->begun != kept->begun || target->receipt != kept->receipt))
        world_violate(model->world,
                      "6: something goes to %s, and what is known of it was not stored",
                      checker_name(model, host));
}

void model_leaves(struct check_model *model, int host)
{
    if (!model->world->safety)
        check_stored(model, host);
}

/* ---- the order of the way back --------------------------------------------------------------- */

/* One that stands, and is neither passed nor somebody else's to take back. */
static bool comes_first(const struct check_model *model, int other)
{
    const struct host *truth = &model->world->hosts[other];
    const struct target_record *record =
        checker_target(model, &model->world->lead.rollout->record, other);

    return record != NULL &&
           checker_stands(model, other, model->world->lead.rollout->record.attempt.sequence) &&
           !model->hosts[other].betrayed && !truth->removed && !checker_is_ordered(model, other) &&
           record->wants == WANTS_REVERT && !record->listed;
}

/* 7: newest first: what stands in a later stage goes before it. */
void model_pops(struct check_model *model, int host)
{
    const struct world *world = model->world;
    const uint32_t *stage_of = world->change->stage_of;

    const struct target_record *record = checker_target(model, &world->lead.rollout->record, host);

    if (record == NULL || model->hosts[host].at_once || record->listed || model->forgot ||
        world->safety)
        return;
    for (int other = 0; other < world->nodes_count; other++) {
        if (stage_of[other] > stage_of[host] && comes_first(model, other))
            world_violate(model->world, "7: %s is taken back before %s, which confirmed after it",
                          checker_name(model, host), checker_name(model, other));
    }
}

/* ---- an emergency ---------------------------------------------------------------------------- */

void model_lead_takes(struct check_model *model, const struct message *message, mono_t asked_at)
{
    struct model_host *at;
    bool newest;

    if (message->host >= model->world->nodes_count)
        return;
    at = &model->hosts[message->host];
    newest = asked_at >= at->word_at;
    at->word_at = model->world->now;
    if (message->kind != TELL_STACK) {
        at->owed_since = -1; /* it is another word, which may have to be asked about again */
        return;
    }
    at->told = true;
    if (newest) {
        at->owed_since = model->world->now;
        at->owed_life = model->world->lead.life;
    }
}

void checker_check_emergency(struct check_model *model)
{
    const struct lead *lead = &model->world->lead;
    const struct rollout_record *record = &lead->rollout->record;
    mono_t now = model->world->now;

    for (int i = 0; i < model->world->nodes_count; i++) {
        struct model_host *at = &model->hosts[i];
        const struct target_record *target = checker_target(model, record, i);
        int64_t asked_ms = target != NULL && target->listed ? LISTED_ASKED_BACK_MS : ASKED_BACK_MS;

        if (target == NULL || !record->emergency || !goes_back(record->state) || !lead->up ||
            at->owed_life != lead->life || !checker_stands(model, i, record->attempt.sequence) ||
            model->world->hosts[i].removed)
            at->owed_since = -1;
        if (at->owed_since >= 0 && lead_is_writing(model->world))
            at->owed_since = now; /* durable before visible: its disk has it first */
        if (at->owed_since >= 0 && now - at->owed_since > asked_ms)
            world_violate(model->world,
                          "7: in an emergency %s says that it stands, and is not asked back in "
                          "%lld ms",
                          checker_name(model, i), (long long)(now - at->owed_since));
    }
}

/* ---- pauses ---------------------------------------------------------------------------------- */

/* As the manifest asks; behind the last there is nothing to wait for. */
static bool is_asked_to_wait(const struct world *world, uint32_t stage)
{
    enum pause_after after = world->change->manifest->pause_after;

    return stage + 1 < world->change->manifest->stages_count &&
           (after == PAUSE_EACH || (after == PAUSE_FIRST && stage == 0));
}

/* How many stages, from the first on, have confirmed as a whole, and no end of it is recorded: what
 * goes back meanwhile a person cannot see yet, and it may be forgotten with a guard that dies. */
static uint32_t count_confirmed(struct check_model *model)
{
    const struct world *world = model->world;
    uint32_t count = world->change->manifest->stages_count;

    for (int i = 0; i < world->nodes_count; i++) {
        if (checker_made(model, i, world->lead.sequence)->confirmed_at == 0 &&
            !model->hosts[i].betrayed && world->change->stage_of[i] < count)
            count = world->change->stage_of[i];
    }
    return count;
}

void model_lead_told(struct check_model *model, enum rollout_event_kind kind)
{
    uint32_t confirmed;

    model->was_paused = model->world->lead.rollout->record.state == ROLLOUT_PAUSED;
    if (kind != EVENT_NEXT || !model->was_paused)
        return;
    confirmed = count_confirmed(model);
    model->promoted = confirmed > model->promoted ? confirmed : model->promoted;
}

/* 5: but for a gate's no, a hold and what was there already it waits where it was asked to. */
void checker_check_pause(struct check_model *model, enum rollout_event_kind kind)
{
    const struct rollout_record *record = &model->world->lead.rollout->record;

    if (record->state != ROLLOUT_PAUSED || model->was_paused || kind == EVENT_GATES ||
        kind == EVENT_HOLD || kind == EVENT_FREEZE || model->world->safety)
        return;
    if (!is_asked_to_wait(model->world, record->stage))
        world_violate(model->world, "5: it waits for a person after stage %u, as nobody asked for",
                      record->stage + 1);
}

/* 9: a person saw what it comes behind. */
void checker_check_promoted(struct check_model *model, int host)
{
    uint32_t stage = model->world->change->stage_of[host];

    if (stage > 0 && is_asked_to_wait(model->world, stage - 1) && model->promoted < stage)
        world_violate(model->world, "9: %s is started, and nobody said next after stage %u",
                      checker_name(model, host), stage);
}
