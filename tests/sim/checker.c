/*
 * checker: the invariants of the design, kept by a model that sees only what a bystander sees:
 * what is done to kernels, what reaches disks, what is sent. It shares no code with the machines.
 */
#include "tests/sim/checker.h"

#include <stdlib.h>
#include <string.h>

struct check_model *model_new(struct world *world)
{
    struct check_model *model = mem_alloc(1, sizeof(*model));

    model->world = world;
    model->hosts = mem_alloc((size_t)world->nodes_count, sizeof(*model->hosts));
    model->desk = checker_new_desk();
    for (int i = 0; i < model->world->nodes_count; i++)
        model->hosts[i].frozen_at = model->hosts[i].owed_since = -1;
    return model;
}

void model_free(struct check_model *model)
{
    free(model->desk);
    free(model->hosts);
    free(model);
}

const char *checker_name(const struct check_model *model, int host)
{
    return model->world->hosts[host].name;
}

void checker_set_stand(struct check_model *model, int host, enum stand stand)
{
    uint64_t bit = UINT64_C(1) << host;

    model->hosts[host].stand = stand;
    model->changed = stand == STANDS_CHANGED ? model->changed | bit : model->changed & ~bit;
}

/* ---- touching -------------------------------------------------------------------------------- */

/* There is room for many more than most starts carry. */
static void keep_start(struct seen_start *seen, const struct sim_statement *statements,
                       uint32_t count)
{
    seen->statements_count = count;
    memcpy(seen->statements, statements, count * sizeof(*statements));
}

void model_start(struct check_model *model, const struct message *start)
{
    keep_start(&model->hosts[start->host].came, start->statements, start->statements_count);
}

void model_started(struct check_model *model, int host)
{
    const struct seen_start *came = &model->hosts[host].came;

    keep_start(&model->hosts[host].start, came->statements, came->statements_count);
}

/* 4: by the guard's own clock, which is all that it has. */
void model_prepare(struct check_model *model, int host, const struct generation_id *id)
{
    int64_t now = world_unix(model->world, &model->world->hosts[host]);
    uint64_t sequence = id->attempt.sequence;

    if (sequence == 0 || sequence > model->world->attempt)
        world_violate(model->world, "4: %s prepares sequence %llu, which nobody signed",
                      checker_name(model, host), (unsigned long long)sequence);
    else if (now > model->world->approvals[sequence - 1].not_after)
        world_violate(model->world, "4: %s prepares what expired %lld s ago",
                      checker_name(model, host),
                      (long long)(now - model->world->approvals[sequence - 1].not_after));
    if (now < model->hosts[host].clock_synced && !model->hosts[host].betrayed)
        world_violate(model->world, "4: %s prepares %lld s before what its journal knows of",
                      checker_name(model, host),
                      (long long)(model->hosts[host].clock_synced - now));
}

void model_offer(struct check_model *model, int host, const struct generation_id *id)
{
    struct model_host *at = &model->hosts[host];

    at->found = false;
    if (memcmp(&at->offered, &id->start, sizeof(at->offered)) == 0)
        return; /* said again */
    at->offered = id->start;
    at->offered_at = model->world->now;
}

/* 3: over the nonce that is out, and while it is young. */
static void check_nonce_age(struct check_model *model, int host)
{
    const struct model_host *at = &model->hosts[host];
    mono_t now = model->world->now;

    if (memcmp(&at->offered, &at->made[at->newest].id.start, sizeof(at->offered)) != 0)
        world_violate(model->world, "3: %s is touched over a nonce that is not out",
                      checker_name(model, host));
    else if (now - at->offered_at > STALE_MS)
        world_violate(model->world, "3: %s is touched %lld ms after its nonce",
                      checker_name(model, host), (long long)(now - at->offered_at));
}

static const struct sim_change *find_change(const struct check_model *model,
                                            const struct attempt *attempt)
{
    int number = world_find_change(model->world, &attempt->body);

    return number < 0 ? NULL : &model->world->changes[number];
}

/* 2: every earlier node has soaked, confirmed, and stood at most 30 s ago. */
static void check_order(struct check_model *model, int host, const struct generation_id *id)
{
    const struct sim_change *change = find_change(model, &id->attempt);
    mono_t now = model->world->now;

    for (int earlier = 0; change != NULL && earlier < model->world->nodes_count; earlier++) {
        mono_t stood = checker_stood(model, earlier, &id->attempt.body);

        if (change->stage_of[earlier] >= change->stage_of[host] || model->hosts[earlier].betrayed)
            continue;
        if (stood == 0)
            world_violate(model->world, "2: %s is touched and %s never confirmed",
                          checker_name(model, host), checker_name(model, earlier));
        else if (now - stood > STALE_MS)
            world_violate(model->world, "2: %s is touched %lld ms after %s stood",
                          checker_name(model, host), (long long)(now - stood),
                          checker_name(model, earlier));
    }
}

/* 4: signed, for this node, in sequence, at most once; and (5) not what was aborted before. */
static void check_signed(struct check_model *model, int host, const struct generation_id *id)
{
    struct model_host *at = &model->hosts[host];
    const struct sim_change *change = find_change(model, &id->attempt);
    uint64_t sequence = id->attempt.sequence;

    if (sequence == 0 || sequence > model->world->attempt)
        world_violate(model->world, "4: %s applies sequence %llu, which nobody signed",
                      checker_name(model, host), (unsigned long long)sequence);
    else if (change != NULL && change->stage_of[host] == SIM_NO_STAGE)
        world_violate(model->world, "4: %s applies sequence %llu, which is not for it",
                      checker_name(model, host), (unsigned long long)sequence);
    else if (at->betrayed)
        return;
    else if (at->touched_sequences & (1u << sequence))
        world_violate(model->world, "4: %s applies sequence %llu a second time",
                      checker_name(model, host), (unsigned long long)sequence);
    else if (sequence < at->sequence_max)
        world_violate(model->world, "4: %s applies sequence %llu after %llu",
                      checker_name(model, host), (unsigned long long)sequence,
                      (unsigned long long)at->sequence_max);
    else if (at->dead_sequences & (1u << sequence))
        world_violate(model->world, "5: %s applies sequence %llu, of which it has a tombstone",
                      checker_name(model, host), (unsigned long long)sequence);
    at->touched_sequences |= 1u << sequence;
    at->sequence_max = sequence;
}

/* 18: whoever signed it knew of every end there; and of a proof that failed over one of its own
 * objects he said why it is to be made all the same. */
static void check_ends_known(struct check_model *model, int host, const struct generation_id *id)
{
    const struct model_host *at = &model->hosts[host];
    int change = world_find_change(model->world, &id->attempt.body);

    for (uint32_t i = 0; i < at->ends_count; i++) {
        const struct seen_end *end = &at->ends[i];

        if (at->betrayed)
            return;
        if (!end->answered)
            world_violate(model->world, "18: %s is touched by what was signed before an end there",
                          checker_name(model, host));
        else if (end->proof_failed && !end->lifted && kernel_overlap(end->change, change))
            world_violate(model->world,
                          "18: %s is touched where a proof failed, and nobody says why it is made",
                          checker_name(model, host));
    }
}

/* 20: what had ended everywhere when the next was signed, by the receipts that came, cannot begin
 * any more. */
static void check_newest(struct check_model *model, int host, uint64_t sequence)
{
    if (sequence < model->world->attempt && !model->hosts[host].betrayed &&
        model->world->scenario == NULL)
        world_violate(
            model->world, "20: %s applies sequence %llu, and %u was signed behind its end",
            checker_name(model, host), (unsigned long long)sequence, model->world->attempt);
}

static void check_baselines(struct check_model *model, int host)
{
    const struct model_host *at = &model->hosts[host];
    unsigned count = 0;

    for (int w = 0; w < model->world->hosts_count; w++)
        count += w != host && at->has_baseline[w];
    if (count < QUORUM)
        world_violate(model->world, "2: %s is touched and %u witnesses saw it before",
                      checker_name(model, host), count);
}

/* 6: the intent is on the disk before the operation. */
static void check_intent(struct check_model *model, int host, const struct generation_id *id,
                         uint32_t operation)
{
    const struct model_host *at = &model->hosts[host];

    if (memcmp(&at->intended, id, sizeof(*id)) != 0 || (at->intents_synced & 1u << operation) == 0)
        world_violate(model->world, "6: %s does operation %u before its intent is on the disk",
                      checker_name(model, host), operation + 1);
}

static bool has_body(const struct check_model *model, int host, const struct hash *body)
{
    const struct model_host *at = &model->hosts[host];

    for (uint32_t i = 0; i < at->stack_count; i++) {
        if (memcmp(&at->made[at->stack[i]].id.attempt.body, body, sizeof(*body)) == 0)
            return true;
    }
    return false;
}

/* Above whatever stands there. */
static void begin_trial(struct check_model *model, int host, const struct generation_id *id)
{
    struct model_host *at = &model->hosts[host];

    if (has_body(model, host, &id->attempt.body) || at->stand == STANDS_REVERTING)
        world_violate(model->world, "4: %s is touched again before its end",
                      checker_name(model, host));
    checker_set_stand(model, host, STANDS_CHANGED);
    at->newest = (uint32_t)(checker_made(model, host, id->attempt.sequence) - at->made);
    at->made[at->newest] = (struct seen_generation){.id = *id};
    at->touched_at = model->world->now;
    at->confirming_in_time = false;
    at->deadline = at->touched_at + (5 + 3) * 1000 + LEASE_MS;
    checker_begin_proof(model, host);
}

void model_touch(struct check_model *model, int host, const struct generation_id *id,
                 uint32_t operation)
{
    struct model_host *at = &model->hosts[host];

    check_intent(model, host, id, operation);
    if (at->stand == STANDS_CHANGED && memcmp(&at->made[at->newest].id, id, sizeof(*id)) == 0)
        return; /* a further operation of the same */
    check_signed(model, host, id);
    begin_trial(model, host, id);
    check_nonce_age(model, host);
    checker_check_gates_age(model, host);
    check_order(model, host, id);
    check_ends_known(model, host, id);
    check_baselines(model, host);
    check_newest(model, host, id->attempt.sequence);
}

/* ---- after every happening --------------------------------------------------------------------
 */

/* Both make the same attempt, in the same stage, which is not the first. */
static bool are_together(const struct check_model *model, int one, int other)
{
    const struct model_host *a = &model->hosts[one], *b = &model->hosts[other];
    const struct sim_change *change = find_change(model, &a->made[a->newest].id.attempt);

    return change != NULL && a->newest == b->newest && change->stage_of[one] > 0 &&
           change->stage_of[one] == change->stage_of[other];
}

/* One; or several of one stage that is not the first (rule 4). Whose disk has lost what it said was
 * synced does not know that it has made that attempt already: who means harm may start it there. */
static void check_one_first(struct check_model *model)
{
    const struct world *world = model->world;
    uint64_t changed = model->changed;
    bool together = true;
    int first;

    if ((changed & (changed - 1)) == 0)
        return;
    for (int i = 0; i < world->nodes_count; i++)
        changed &= ~((uint64_t)model->hosts[i].betrayed << i);
    first = __builtin_ffsll((long long)changed) - 1;
    if ((changed & (changed - 1)) == 0)
        return;
    for (int i = first; i < world->nodes_count; i++)
        together &= (changed & (UINT64_C(1) << i)) == 0 || are_together(model, first, i);
    if (!together)
        world_violate(model->world, "1: %d nodes are changed and not confirmed",
                      __builtin_popcountll(changed));
}

int checker_host_at(const struct check_model *model, uint32_t place)
{
    int host = 0;

    while (host + 1 < model->world->nodes_count &&
           model->world->change->place_of[host] != (int)place)
        host++;
    return host;
}

const struct target_record *checker_target(const struct check_model *model,
                                           const struct rollout_record *record, int host)
{
    int place = model->world->change->place_of[host];

    return place >= 0 ? &record->targets[place] : NULL;
}

/* What the controller itself thinks: asked only of one that means well, and that has not forgotten
 * receipts that it had, until it has them again; and not of what an operator took back beside it,
 * or of whom has lost its journal. */
static void check_in_doubt(struct check_model *model)
{
    const struct rollout_record *record = &model->world->lead.rollout->record;
    bool back = record->state == ROLLOUT_REVERTING || record->state == ROLLOUT_INCOMPLETE;
    const struct target_record *first = NULL;
    unsigned in_doubt = 0;
    bool together = true;

    for (uint32_t i = 0; i < record->targets_count; i++) {
        const struct target_record *target = &record->targets[i];
        int host = checker_host_at(model, i);

        if (!target->in_doubt || checker_is_ordered(model, host) || model->hosts[host].betrayed)
            continue;
        if (in_doubt++ == 0)
            first = target;
        together &= target->stage == first->stage;
    }
    if (in_doubt > 1 && (!together || first->stage == 0) && !back && !model->forgot)
        world_violate(model->world, "1: %u nodes are in doubt", in_doubt);
}

void model_lead_hears(struct check_model *model, int host, unsigned journal)
{
    if (journal > model->hosts[host].heard_journal)
        model->hosts[host].heard_journal = journal;
}

void model_lead_settles(struct check_model *model, int host, unsigned journal)
{
    if (journal < model->hosts[host].heard_journal)
        world_violate(model->world, "1: %s is confirmed again by what its old journal's guard said",
                      checker_name(model, host));
}

void model_lead_moved(struct check_model *model, enum rollout_event_kind kind)
{
    model->lead_moved = true;
    checker_check_pause(model, kind);
}

void model_check(struct check_model *model)
{
    check_one_first(model);
    if (model->forgot && model->lead_moved)
        checker_learn(model);
    if (!model->world->safety && model->lead_moved)
        check_in_doubt(model);
    model->lead_moved = false;
    checker_check_emergency(model);
    for (int i = 0; i < model->world->nodes_count; i++) {
        if (model->hosts[i].stand == STANDS_REVERTING)
            checker_check_undo(model, i);
    }
    for (uint64_t left = model->changed; left != 0; left &= left - 1)
        checker_check_proof(model, __builtin_ctzll(left));
}
