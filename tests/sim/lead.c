/*
 * lead: the shell around the controller's rollout machine: its store, its people, its sends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/text.h"
#include "tests/sim/lead_disk.h"

enum { PEOPLE_THINK_MS = 3000, PEOPLE_ASK_MS = 40000 };

/* ---- effects --------------------------------------------------------------------------------- */

static bool has_ended_receipt(const struct receipt *receipt)
{
    return receipt->kind != RECEIPT_INCOMPLETE && receipt->kind != RECEIPT_REFUSED;
}

static void attach_fellow(struct world *world, const char *name, struct message *message)
{
    int host = world_find_host(world, name);

    if (host < 0 || host >= world->nodes_count ||
        !world->lead.receipts[world->lead.sequence - 1][host].has)
        return;
    message->has_fellow = true;
    message->receipt = world->lead.receipts[world->lead.sequence - 1][host].receipt;
}

/* By the controller's own choice. */
static void attach_statements(struct world *world, struct message *message)
{
    const struct lead *lead = &world->lead;
    uint32_t places[STATEMENTS_MAX];
    uint32_t count = carry_pick(lead->carried, lead->statements_count,
                                world->hosts[message->host].name, &message->id.start, places);

    for (uint32_t i = 0; i < count; i++) {
        if (fault_strikes(&world->faults, FAULT_FORGETS, message->host) == NULL)
            message->statements[message->statements_count++] = lead->statements[places[i]];
    }
}

struct nonce lead_challenge(struct world *world, int host)
{
    struct nonce challenge = chance_nonce(&world->chance);
    uint32_t at = world->lead.challenges[host].next++ % SIM_CHALLENGES_MAX;

    world->lead.challenges[host].out[at] = (struct sim_challenge){challenge, world->now};
    return challenge;
}

/* It is out, and from now on it is not. */
static bool take_challenge(struct lead *lead, int host, const struct nonce *challenge,
                           mono_t *ret_given_at)
{
    for (unsigned i = 0; i < SIM_CHALLENGES_MAX; i++) {
        struct sim_challenge *out = &lead->challenges[host].out[i];

        if (nonce_is_zero(&out->nonce) || !nonce_equal(&out->nonce, challenge))
            continue;
        *ret_given_at = out->given_at;
        memset(out, 0, sizeof(*out));
        return true;
    }
    return false;
}

static void send_on(struct world *world, struct message *message)
{
    model_leaves(world->model, message->host);
    network_send(world, message);
}

static void carry_send(struct world *world, const struct rollout_effect *effect, mono_t taken_at)
{
    static const enum message_kind kinds[ROLLOUT_SEND_COUNT] = {[SEND_STACK] = ASK_STACK,
                                                                [SEND_PREPARE] = ASK_PREPARE,
                                                                [SEND_START] = ASK_START,
                                                                [SEND_ABORT] = ASK_ABORT,
                                                                [SEND_POP] = ASK_POP};
    int host = world_find_host(world, effect->node);
    struct message *message = network_message(kinds[effect->send.request], host);

    message->id = effect->send.id;
    message->nonce = effect->send.request == SEND_STACK ? lead_challenge(world, message->host)
                                                        : effect->send.stack_nonce;
    if (effect->send.fellow[0] != '\0')
        attach_fellow(world, effect->send.fellow, message);
    if (effect->send.request == SEND_START) {
        model_sends_start(world->model, host, taken_at);
        attach_statements(world, message);
    }
    if (effect->send.request == SEND_POP)
        model_pops(world->model, host);
    model_sends(world->model, message);
    send_on(world, message);
}

static void carry_ask(struct world *world, const struct rollout_effect *effect)
{
    enum message_kind kind = effect->ask.phase == PHASE_STANDING ? ASK_STANDING : ASK_STATEMENT;
    struct message *message = network_message(kind, world_find_host(world, effect->node));

    message->id.attempt = world->lead.rollout->record.attempt;
    message->subject = world_find_host(world, effect->ask.subject);
    message->nonce = effect->ask.nonce;
    message->phase = effect->ask.phase;
    send_on(world, message);
}

static void answer_gates(struct world *world, uint32_t stage)
{
    struct happening answer = {.at = world->now + 1,
                               .kind = HAPPENS_PEOPLE,
                               .host = -1,
                               .life = world->lead.life,
                               .number = stage};

    world_schedule(world, &answer);
}

/* False: the controller died in the middle. */
static bool carry(struct world *world, const struct lead_step *step,
                  const struct rollout_effect *effect)
{
    struct message *message;

    world_tell_lead(world, effect);
    switch (effect->kind) {
    case EFFECT_STORE:
        lead_store(world);
        break;
    case EFFECT_SEND:
        carry_send(world, effect, step->taken_at);
        break;
    case EFFECT_ASK:
        carry_ask(world, effect);
        break;
    case EFFECT_FORWARD:
        if (!step->forwards)
            break;
        message = network_message(GIVE_STATEMENT, step->forward.subject);
        message->statement = step->forward;
        send_on(world, message);
        break;
    case EFFECT_GATES:
        answer_gates(world, effect->stage);
        break;
    case EFFECT_HOLD:
    case EFFECT_AUDIT:
    case EFFECT_TELL:
    case ROLLOUT_EFFECT_COUNT:
        break;
    }
    return fault_strikes(&world->faults, FAULT_DIES_SENDING, FAULT_CONTROLLER) == NULL;
}

static void set_timer(struct world *world)
{
    mono_t at = rollout_deadline(world->lead.rollout);
    struct happening timer = {
        .kind = HAPPENS_LEAD, .life = world->lead.life, .number = ++world->lead.timer};

    if (at == MONO_NEVER)
        return;
    timer.at = at > world->now ? at : world->now + 1;
    world_schedule(world, &timer);
}

/* People look at what the rollout waits for, and after a while do it: after a no they ask first. */
static void wake_people(struct world *world, enum rollout_state before)
{
    bool denied = before == ROLLOUT_GATES && world->lead.rollout->record.state == ROLLOUT_PAUSED;
    struct happening looks = {.at = world->now + (denied ? PEOPLE_ASK_MS : PEOPLE_THINK_MS),
                              .kind = HAPPENS_PEOPLE,
                              .host = 0,
                              .life = world->lead.life,
                              .number = ++world->lead.look};

    if (world->unattended)
        return;

    world_schedule(world, &looks);
}

static void count_rows(struct world *world)
{
    for (uint64_t rows = world->lead.rollout->rows; rows != 0; rows &= rows - 1)
        world->rollout_rows[__builtin_ctzll(rows)]++;
}

/* What was kept is on the disk: what follows from it leaves. */
static void leave(struct world *world, const struct lead_step *step)
{
    const struct rollout_effects *effects = step->effects;

    world->lead.named_stored = world->lead.named;
    for (uint32_t i = 0; i < effects->count; i++) {
        const struct rollout_effect *effect = &effects->list[i];

        if (!carry(world, step, effect) ||
            (world->lead.dies_behind_store && effect->kind == EFFECT_STORE)) {
            world_tell(world, "The controller dies in the middle of its effects");
            lead_stop(world);
            return;
        }
    }
    desk_lift_begun(world);
    set_timer(world);
    if (step->after != step->before || step->resumed)
        wake_people(world, step->before);
}

void lead_take_stored(struct world *world)
{
    struct lead_step *step;

    if (lead_is_writing(world) && !lead_keep(world))
        return;
    while ((step = lead_take_written(world)) != NULL) {
        leave(world, step);
        lead_step_free(step);
    }
}

static void give(struct world *world, struct rollout_event *ev, const struct sim_statement *forward)
{
    struct lead *lead = &world->lead;
    struct lead_step step = {.effects = world->lead_effects,
                             .forwards = forward != NULL,
                             .before = lead->rollout->record.state,
                             .resumed = ev->kind == EVENT_RESUMED,
                             .taken_at = world->now};

    if (!lead->up)
        return; /* it has just died, over what the same person or report said before */
    if (ev->kind == EVENT_EMERGENCY && ev->node != NULL)
        lead->named |= UINT64_C(1) << world_find_host(world, ev->node);
    if (ev->kind == EVENT_EMERGENCY)
        model_emergency(world->model, ev->node != NULL ? world_find_host(world, ev->node) : -1);
    ev->now = world->now;
    ev->unix_now = world_unix(world, NULL) + lead->wall_offset_s;
    world->lead_effects->count = 0;
    model_lead_told(world->model, ev->kind);
    rollout_step(lead->rollout, ev, world->lead_effects);
    model_lead_moved(world->model, ev->kind);
    count_rows(world);
    step.after = lead->rollout->record.state;
    if (forward != NULL)
        step.forward = *forward;
    if (!lead_waits_for_disk(world, &step))
        leave(world, &step);
}

void lead_give(struct world *world, struct rollout_event *ev)
{
    give(world, ev, NULL);
}

void lead_say_failing(struct world *world, struct rollout_event *ev)
{
    uint64_t in_doubt = model_in_doubt(world->model, -1);

    model_asks_again(world->model);
    lead_give(world, ev);
    model_check_failed(world->model, in_doubt);
}

void lead_timeout(struct world *world)
{
    struct rollout_event ev = {.kind = EVENT_TIMEOUT};

    lead_give(world, &ev);
}

/* ---- life ------------------------------------------------------------------------------------ */

void lead_halt(struct world *world)
{
    lead_settle_steps(world);
    world->lead.up = false;
    world->lead.life++;
    world->lead.dies_behind_store = false;
    world->lead.statements_count = 0;
    memset(world->lead.challenges, 0, sizeof(world->lead.challenges));
}

void lead_free(struct world *world)
{
    struct lead_step *step;

    while ((step = lead_take_written(world)) != NULL)
        lead_step_free(step);
    free(world->lead.rollout);
}

void lead_stop(struct world *world)
{
    struct happening again = {
        .at = world->now + chance_between(fault_draw(&world->faults, FAULT_CONTROLLER), 500, 15000),
        .kind = HAPPENS_CONTROLLER_START};

    lead_halt(world);
    world_schedule(world, &again);
}

void lead_start(struct world *world)
{
    struct rollout_event ev = {.kind = EVENT_RESUMED};
    struct lead *lead = &world->lead;

    if (lead->up)
        return;
    if (lead_is_disk_full(world)) {
        lead_start_again(world); /* it writes down that it starts */
        return;
    }
    lead->up = true;
    lead->life++;
    world_tell(world, "The controller starts from its disk");
    model_lead_resumes(world->model);
    if (lead_finds_backup(world)) {
        world_tell(world, "Its database is a backup that is older");
        lead->stored = lead->backup;
        lead->has_stored = true;
        lead->has_backup = false;
        lead->named_stored = lead->named_backup;
        lead_turn_to(world, (uint32_t)lead->stored.attempt.sequence);
        model_lead_forgets(world->model);
        desk_restore(world);
    }
    desk_restart(world);
    if (lead->has_stored)
        lead_load(world);
    else
        rollout_init(lead->rollout, lead->sequence, world->change->manifest,
                     &world->approvals[lead->sequence - 1]);
    if (!lead->has_stored)
        ev = (struct rollout_event){.kind = EVENT_START, .by = "operator"};
    lead_give(world, &ev);
    for (int i = 0; i < world->nodes_count; i++)
        people_tell_removed(world, i);
    people_resume_freezes(world);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void note_statement(struct world *world, const struct sim_statement *statement)
{
    struct lead *lead = &world->lead;
    struct carry kept = {.nonce = statement->nonce,
                         .phase = statement->phase,
                         .passes = statement->value == VERDICT_PASS};
    int place;

    text_copy(kept.subject, sizeof(kept.subject), world->hosts[statement->subject].name);
    text_copy(kept.signer, sizeof(kept.signer), world->hosts[statement->signer].name);
    if (!hash_equal(&statement->body, &lead->rollout->record.attempt.body))
        return;
    place = carry_place(lead->rollout, lead->carried, lead->statements_count, &kept);
    if (place < 0)
        return;
    if ((uint32_t)place == lead->statements_count)
        lead->statements_count++;
    lead->carried[place] = kept;
    lead->statements[place] = *statement;
}

static void note_receipt(struct world *world, const struct message *message)
{
    uint64_t sequence = message->receipt.generation.attempt.sequence;

    desk_quarantine(world, message->host, &message->receipt, &message->receipt_hash);
    if (sequence == 0 || sequence > world->attempt || !has_ended_receipt(&message->receipt))
        return;
    if (world->lead.receipts[sequence - 1][message->host].has &&
        receipt_is_end(&world->lead.receipts[sequence - 1][message->host].receipt))
        return; /* nothing comes after an end; this one was late */
    world->lead.receipts[sequence - 1][message->host].has = true;
    world->lead.receipts[sequence - 1][message->host].receipt = message->receipt;
    world->lead.receipts[sequence - 1][message->host].hash = message->receipt_hash;
}

static void fill_statement(const struct world *world, const struct sim_statement *statement,
                           struct rollout_event *ev)
{
    ev->kind = EVENT_STATEMENT;
    ev->node = world->hosts[statement->subject].name;
    ev->statement.signer = world->hosts[statement->signer].name;
    ev->statement.body = statement->body;
    ev->statement.nonce = statement->nonce;
    ev->statement.phase = statement->phase;
    ev->statement.passes = statement->value == VERDICT_PASS;
}

/* Of the newest rollout; -1: it was not confirmed yet, 0: it is in doubt, 1: it stands. */
static int find_settled(const struct world *world, int host)
{
    const struct rollout *rollout = world->lead.rollout;

    for (uint32_t i = 0; i < rollout->record.targets_count; i++) {
        const struct target *target = &rollout->targets[i];

        if (text_equal(target->record->name, world->hosts[host].name) &&
            target->record->receipt == RECEIPT_CONFIRMED)
            return target_is_confirmed(target);
    }
    return -1;
}

static void hear(struct world *world, struct rollout_event *ev, const struct message *message)
{
    int before = find_settled(world, message->host);

    model_lead_takes(world->model, message, ev->hello.asked_at);
    give(world, ev, message->kind == TELL_STATEMENT ? &message->statement : NULL);
    if (before == 0 && find_settled(world, message->host) == 1)
        model_lead_settles(world->model, message->host, message->journal);
    if (message->kind == TELL_STACK)
        lead_older_stack(world, message->host, &message->stack);
    if (message->kind == TELL_STACK)
        model_lead_hears(world->model, message->host, message->journal);
}

void lead_take_message(struct world *world, const struct message *message)
{
    struct rollout_event ev = {.node = world->hosts[message->host].name, .reason = ""};
    const struct sim_statement *statement = &message->statement;

    world->lead.asked[message->host] = 0;
    switch (message->kind) {
    case TELL_STACK:
        if (!take_challenge(&world->lead, message->host, &message->stack.challenge,
                            &ev.hello.asked_at))
            return;
        ev.kind = EVENT_HELLO;
        ev.hello.stack = &message->stack;
        break;
    case TELL_PREPARED:
        ev.kind = EVENT_PREPARED;
        ev.prepared = message->id;
        break;
    case TELL_NONCE:
        ev.kind = EVENT_NONCE;
        ev.nonce.id = message->id;
        ev.nonce.nonce = message->nonce;
        ev.nonce.last = message->last;
        break;
    case TELL_STATEMENT:
        note_statement(world, statement);
        fill_statement(world, statement, &ev);
        break;
    case TELL_REFUSED:
        ev.kind = EVENT_REFUSED;
        ev.refused.attempt = message->id.attempt;
        ev.refused.expired = message->expired;
        ev.refused.lasting = message->lasting;
        ev.reason = "refused";
        break;
    case TELL_RECEIPT:
        if (fault_strikes(&world->faults, FAULT_DIES_STORING, FAULT_CONTROLLER) != NULL) {
            world_tell(world, "The controller dies over the receipt of %s",
                       world->hosts[message->host].name);
            lead_stop(world);
            return;
        }
        if (!lead_keep(world))
            return;
        note_receipt(world, message);
        ev.kind = EVENT_RECEIPT;
        ev.receipt = &message->receipt;
        break;
    case ASK_STACK:
    case ASK_PREPARE:
    case ASK_START:
    case ASK_ABORT:
    case ASK_POP:
    case ASK_ORDER:
    case ASK_STATEMENT:
    case ASK_STANDING:
    case GIVE_STATEMENT:
        return;
    }
    hear(world, &ev, message);
}
