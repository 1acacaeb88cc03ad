/*
 * checker: the invariants of the design, kept by a model that sees only what a bystander sees:
 * what is done to kernels, what reaches disks, what is sent. It shares no code with the machines.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

enum { NONCES_SEEN_MAX = 512, LATE_MS = 250, STALE_MS = 30000, WATCHDOG_MS = 10000 };

enum stand { STANDS_CLEAN, STANDS_CHANGED, STANDS_REVERTING, STANDS_CONFIRMED };

struct seen_nonce {
    struct nonce nonce;
    mono_t issued_at;
    bool last;
};

struct model_host {
    enum stand stand;
    struct generation_id id;
    mono_t touched_at, confirmed_at, stood_until, frozen_at;
    mono_t deadline;
    bool confirming_in_time;
    bool has_baseline[SIM_HOSTS];
    mono_t proven[SIM_HOSTS], proven_last[SIM_HOSTS]; /* issue of the newest; -1: none */
    uint32_t nonces_count;
    struct seen_nonce nonces[NONCES_SEEN_MAX];
    uint64_t touched_sequences; /* bits */
    uint64_t sequence_max;
    struct message start; /* the newest that came */
    bool mark_durable;    /* the end of id is on the disk */
};

struct check_model {
    struct world *world;
    struct model_host hosts[SIM_NODES];
};

struct check_model *model_new(struct world *world)
{
    struct check_model *model = mem_alloc(1, sizeof(*model));

    model->world = world;
    for (int i = 0; i < SIM_NODES; i++)
        model->hosts[i].frozen_at = -1;
    return model;
}

void model_free(struct check_model *model)
{
    free(model);
}

static const char *name_of(const struct check_model *model, int host)
{
    return model->world->hosts[host].name;
}

/* ---- touching -------------------------------------------------------------------------------- */

void model_start(struct check_model *model, const struct message *start)
{
    model->hosts[start->host].start = *start;
}

/* 2: every earlier node has soaked, confirmed, and stood at most 30 s ago. */
static void check_order(struct check_model *model, int host)
{
    mono_t now = model->world->now;

    for (int earlier = 0; earlier < host; earlier++) {
        const struct model_host *at = &model->hosts[earlier];
        mono_t stood = at->stand == STANDS_CONFIRMED ? now : at->stood_until;

        if (at->confirmed_at == 0)
            world_violate(model->world, "2: %s is touched and %s never confirmed",
                          name_of(model, host), name_of(model, earlier));
        else if (now - stood > STALE_MS)
            world_violate(model->world, "2: %s is touched %lld ms after %s stood",
                          name_of(model, host), (long long)(now - stood), name_of(model, earlier));
    }
}

/* 4: signed, in sequence, at most once. */
static void check_signed(struct check_model *model, int host, const struct generation_id *id)
{
    struct model_host *at = &model->hosts[host];
    uint64_t sequence = id->attempt.sequence;

    if (sequence == 0 || sequence > model->world->attempt)
        world_violate(model->world, "4: %s applies sequence %llu, which nobody signed",
                      name_of(model, host), (unsigned long long)sequence);
    else if (at->touched_sequences & (1u << sequence))
        world_violate(model->world, "4: %s applies sequence %llu a second time",
                      name_of(model, host), (unsigned long long)sequence);
    else if (sequence < at->sequence_max)
        world_violate(model->world, "4: %s applies sequence %llu after %llu", name_of(model, host),
                      (unsigned long long)sequence, (unsigned long long)at->sequence_max);
    at->touched_sequences |= 1u << sequence;
    at->sequence_max = sequence;
}

static void take_baselines(struct model_host *at)
{
    memset(at->has_baseline, 0, sizeof(at->has_baseline));
    for (uint32_t i = 0; i < at->start.statements_count; i++) {
        const struct sim_statement *given = &at->start.statements[i];

        if (given->phase == PHASE_BASELINE && given->value == VERDICT_PASS &&
            memcmp(&given->nonce, &at->id.start, sizeof(given->nonce)) == 0)
            at->has_baseline[given->signer] = true;
    }
}

void model_touch(struct check_model *model, int host, const struct generation_id *id,
                 uint32_t operation)
{
    struct model_host *at = &model->hosts[host];
    mono_t now = model->world->now;

    (void)operation;
    if (at->stand == STANDS_CHANGED && memcmp(&at->id, id, sizeof(*id)) == 0)
        return; /* a further operation of the same */
    if (at->stand == STANDS_CONFIRMED || at->stand == STANDS_REVERTING)
        world_violate(model->world, "4: %s is touched again before its end", name_of(model, host));
    check_signed(model, host, id);
    check_order(model, host);
    at->stand = STANDS_CHANGED;
    at->id = *id;
    at->touched_at = now;
    at->confirming_in_time = at->mark_durable = false;
    at->nonces_count = 0;
    at->deadline = now + (5 + 3 + SIM_LEASE_S) * 1000;
    for (int w = 0; w < SIM_HOSTS; w++)
        at->proven[w] = at->proven_last[w] = -1;
    take_baselines(at);
}

/* ---- proof ----------------------------------------------------------------------------------- */

void model_nonce(struct check_model *model, int host, const struct guard_nonce *nonce)
{
    struct model_host *at = &model->hosts[host];

    at->nonces[at->nonces_count++ % NONCES_SEEN_MAX] =
        (struct seen_nonce){nonce->nonce, model->world->now, nonce->last};
}

static const struct seen_nonce *find_nonce(const struct model_host *at, const struct nonce *nonce)
{
    for (uint32_t i = 0; i < at->nonces_count && i < NONCES_SEEN_MAX; i++) {
        if (memcmp(&at->nonces[i].nonce, nonce, sizeof(*nonce)) == 0)
            return &at->nonces[i];
    }
    return NULL;
}

/* 10: the second newest of the counting witnesses' proofs, and the node's own. */
static mono_t proven_since(const struct model_host *at, int host, const mono_t *proven)
{
    mono_t first = -1, second = -1;

    for (int w = 0; w < SIM_HOSTS; w++) {
        if (w == host || !at->has_baseline[w])
            continue;
        if (proven[w] > first) {
            second = first;
            first = proven[w];
        } else if (proven[w] > second) {
            second = proven[w];
        }
    }
    return second < proven[host] ? second : proven[host];
}

void model_proof(struct check_model *model, int host, const struct sim_statement *statement)
{
    struct model_host *at = &model->hosts[host];
    const struct seen_nonce *nonce = find_nonce(at, &statement->nonce);
    mono_t now = model->world->now, since;

    if (nonce == NULL || statement->phase != PHASE_RENEWAL || statement->value != VERDICT_PASS ||
        now >= nonce->issued_at + SIM_LEASE_S * 1000)
        return;
    if (at->stand == STANDS_CHANGED && now > at->deadline)
        return; /* too late: nothing brings it back */
    if (nonce->issued_at > at->proven[statement->signer])
        at->proven[statement->signer] = nonce->issued_at;
    if (nonce->last && nonce->issued_at > at->proven_last[statement->signer])
        at->proven_last[statement->signer] = nonce->issued_at;
    since = proven_since(at, host, at->proven);
    if (since >= 0 && now < since + SIM_LEASE_S * 1000)
        at->deadline = since + SIM_LEASE_S * 1000; /* the first answer ends the time before it */
}

/* ---- what becomes durable, and what is said ---------------------------------------------------
 */

static void check_confirmed(struct check_model *model, int host)
{
    struct model_host *at = &model->hosts[host];
    mono_t now = model->world->now;

    if (at->stand != STANDS_CHANGED)
        world_violate(model->world, "6: %s confirms what is not on trial", name_of(model, host));
    if (!at->confirming_in_time)
        world_violate(model->world, "12: %s confirms after its deadline", name_of(model, host));
    if (now < at->touched_at + SIM_SOAK_S * 1000)
        world_violate(model->world, "2: %s confirms after %lld ms, the soak is %d s",
                      name_of(model, host), (long long)(now - at->touched_at), SIM_SOAK_S);
    if (proven_since(at, host, at->proven_last) < at->touched_at + SIM_SOAK_S * 1000)
        world_violate(model->world, "9: %s confirms and no last nonce was proven",
                      name_of(model, host));
    at->stand = STANDS_CONFIRMED;
    at->confirmed_at = now;
}

static void check_end(struct check_model *model, int host)
{
    struct model_host *at = &model->hosts[host];

    if (sim_is_changed(&model->world->hosts[host]))
        world_violate(model->world, "10: %s records an end while the change is in its kernel",
                      name_of(model, host));
    at->stand = STANDS_CLEAN;
    at->confirmed_at = 0;
    at->mark_durable = true;
}

static void stop_standing(struct check_model *model, int host)
{
    struct model_host *at = &model->hosts[host];

    if (at->stand == STANDS_CONFIRMED)
        at->stood_until = model->world->now;
}

void model_record(struct check_model *model, int host, const struct guard_record *record)
{
    struct model_host *at = &model->hosts[host];

    if (record->kind != RECORD_MARK)
        return;
    if (record->mark == MARK_CONFIRMING)
        at->confirming_in_time = model->world->now < at->deadline;
    else if (record->mark == MARK_CONFIRMED)
        check_confirmed(model, host);
    else if (record->mark == MARK_REVERTED || record->mark == MARK_POPPED)
        check_end(model, host);
    else if (record->mark == MARK_POPPING)
        stop_standing(model, host);
}

void model_reverting(struct check_model *model, int host)
{
    stop_standing(model, host);
    if (model->hosts[host].stand != STANDS_CLEAN)
        model->hosts[host].stand = STANDS_REVERTING;
}

void model_undone(struct check_model *model, int host, uint32_t operation)
{
    const struct host *truth = &model->world->hosts[host];

    if (operation == SIM_SHIELD && truth->in_kernel[SIM_PREF])
        world_violate(model->world, "10: %s loses its shield before what it shields",
                      name_of(model, host));
}

/* 6, 10: nothing is told that is not durable. */
void model_receipt(struct check_model *model, int host, const struct receipt *receipt)
{
    const struct model_host *at = &model->hosts[host];
    bool newest = memcmp(&receipt->generation, &at->id, sizeof(at->id)) == 0;

    if (!newest)
        return;
    if (receipt->kind == RECEIPT_CONFIRMED && at->confirmed_at == 0)
        world_violate(model->world, "6: %s says confirmed and its disk does not",
                      name_of(model, host));
    if ((receipt->kind == RECEIPT_REVERTED || receipt->kind == RECEIPT_POPPED) && !at->mark_durable)
        world_violate(model->world, "10: %s says %s before it is so", name_of(model, host),
                      receipt_kind_name(receipt->kind));
}

void model_guard_died(struct check_model *model, int host)
{
    model->hosts[host].frozen_at = model->world->now;
}

void model_rebooted(struct check_model *model, int host)
{
    model->hosts[host].frozen_at = model->world->now;
}

/* ---- after every happening --------------------------------------------------------------------
 */

/* 3, but for a guard that is frozen or dead: the watchdog and ExecStopPost answer for it. */
static void check_lease(struct check_model *model, int host)
{
    struct model_host *at = &model->hosts[host];
    const struct host *truth = &model->world->hosts[host];
    mono_t now = model->world->now;

    if (truth->frozen || !truth->guard_up)
        at->frozen_at = now;
    if (at->stand != STANDS_CHANGED || now <= at->deadline + LATE_MS)
        return;
    if (at->confirming_in_time)
        return; /* the disk decides now, nobody else (rule 12) */
    if (at->frozen_at >= 0 && now - at->frozen_at < LATE_MS)
        return;
    world_violate(model->world, "3: %s stands %lld ms after its lease", name_of(model, host),
                  (long long)(now - at->deadline));
}

static void check_one_first(struct check_model *model)
{
    const struct rollout_record *record = &model->world->lead.rollout->record;
    bool back = record->state == ROLLOUT_REVERTING || record->state == ROLLOUT_INCOMPLETE;
    unsigned changed = 0, in_doubt = 0;

    for (int i = 0; i < SIM_NODES; i++)
        changed += model->hosts[i].stand == STANDS_CHANGED;
    for (uint32_t i = 0; i < record->targets_count; i++)
        in_doubt += record->targets[i].in_doubt;
    if (changed > 1)
        world_violate(model->world, "1: %u nodes are changed and not confirmed", changed);
    if (in_doubt > 1 && !back)
        world_violate(model->world, "1: %u nodes are in doubt", in_doubt);
}

void model_check(struct check_model *model)
{
    check_one_first(model);
    for (int i = 0; i < SIM_NODES; i++)
        check_lease(model, i);
}

/* ---- at the end -------------------------------------------------------------------------------
 */

static void check_kernel(struct check_model *model, int host)
{
    const struct model_host *at = &model->hosts[host];
    const struct host *truth = &model->world->hosts[host];

    for (int i = 0; i < SIM_OPERATIONS; i++) {
        if (truth->in_kernel[i] != (at->stand == STANDS_CONFIRMED))
            world_violate(model->world, "6: at the end operation %d of %s is %s and %s", i + 1,
                          name_of(model, host), truth->in_kernel[i] ? "in its kernel" : "gone",
                          at->stand == STANDS_CONFIRMED ? "it confirmed" : "it did not confirm");
    }
}

void model_check_end(struct check_model *model)
{
    enum rollout_state state = model->world->lead.rollout->record.state;

    for (int i = 0; i < SIM_NODES; i++) {
        bool stands = model->hosts[i].stand == STANDS_CONFIRMED;

        check_kernel(model, i);
        if (stands != (state == ROLLOUT_COMPLETE))
            world_violate(model->world, "7: the rollout ended %s and %s is %s",
                          rollout_state_name(state), name_of(model, i),
                          stands ? "confirmed" : "clean");
    }
}
