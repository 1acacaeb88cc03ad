/*
 * guard_host: the shell around one guard: its disk, its kernel, its own agent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/text.h"
#include "tests/sim/sim.h"

bool sim_is_changed(const struct host *host)
{
    for (int change = 0; change < SIM_CHANGES; change++) {
        if (sim_has(host, change))
            return true;
    }
    return false;
}

bool sim_has(const struct host *host, int change)
{
    for (int i = 0; i < SIM_OPERATIONS; i++) {
        if (host->in_kernel[change][i])
            return true;
    }
    return false;
}

bool sim_is_cut_off(const struct host *host)
{
    for (int change = 0; change < SIM_CHANGES; change++) {
        if (host->damages[change].cuts_controller && sim_has(host, change))
            return true;
    }
    return false;
}

bool sim_breaks_own(const struct host *host)
{
    for (int change = 0; change < SIM_CHANGES; change++) {
        if (host->damages[change].breaks_own && host->in_kernel[change][SIM_RULE])
            return true;
    }
    return false;
}

/* With its pref and without its shield nobody gets in any more. */
static bool lets_in(const struct host *host, int change, uint64_t from)
{
    const bool *is = host->in_kernel[change];

    return !(is[SIM_PREF] && !is[SIM_SHIELD]) &&
           !(is[SIM_RULE] && (host->damages[change].cut_from & from) != 0);
}

bool sim_sees(const struct world *world, int witness, int subject)
{
    const struct host *host = &world->hosts[subject];
    uint64_t bit = UINT64_C(1) << witness;
    bool in = true;

    if (world->hosts[witness].special)
        return true;
    if ((host->blind_from & bit) != 0)
        return false;
    for (int change = 0; change < SIM_CHANGES; change++)
        in &= lets_in(host, change, bit);
    return in;
}

enum verdict_value sim_says(const struct world *world, int witness, int subject)
{
    bool sees = sim_sees(world, witness, subject);
    enum lie lie = world->quiet ? LIE_NONE : world->hosts[witness].lie;
    bool says = lie == LIE_NONE ? sees : lie == LIE_OPPOSITE ? !sees : lie == LIE_YES;

    if (sim_is_undecided(world, witness))
        return agent_judges(LOOKS_AT_SSH, PROBE_UNCLEAR)->value;
    return agent_judges(LOOKS_AT_SSH, says ? PROBE_ANSWERED : PROBE_FAILED)->value;
}

bool sim_is_undecided(const struct world *world, int host)
{
    return !world->quiet && world->now < world->hosts[host].undecided_until;
}

/* ---- telling the controller ------------------------------------------------------------------ */

struct sim_statement guard_own_statement(const struct world *world, int number,
                                         const struct generation_id *id, const struct nonce *nonce,
                                         enum phase phase)
{
    bool broken = sim_breaks_own(&world->hosts[number]);
    enum probe_outcome found = sim_is_undecided(world, number) ? PROBE_UNCLEAR
                               : broken                        ? PROBE_FAILED
                                                               : PROBE_ANSWERED;

    return (struct sim_statement){.signer = number,
                                  .subject = number,
                                  .body = id->attempt.body,
                                  .nonce = *nonce,
                                  .phase = phase,
                                  .value = agent_judges(LOOKS_AT_SESSION, found)->value};
}

static void tell_own_baseline(struct world *world, int host, const struct generation_id *id)
{
    struct message *message = network_message(TELL_STATEMENT, host);

    message->statement = guard_own_statement(world, host, id, &id->start, PHASE_BASELINE);
    network_send(world, message);
}

static void tell_nonce(struct world *world, int host, const struct guard_effect *effect)
{
    struct message *message = network_message(TELL_NONCE, host);
    struct happening local = {.at = world->now +
                                    chance_between(fault_draw(&world->faults, host), 10, 400),
                              .kind = HAPPENS_LOCAL,
                              .host = host,
                              .life = world->hosts[host].life};

    model_nonce(world->model, host, &effect->nonce);
    message->id = effect->id;
    message->nonce = effect->nonce.nonce;
    message->fresh = effect->nonce.fresh_connection;
    message->last = effect->nonce.last;
    network_send(world, message);
    local.message = network_message(GIVE_STATEMENT, host);
    local.message->id = effect->id;
    local.message->nonce = effect->nonce.nonce;
    world_schedule(world, &local);
}

static void tell_receipt(struct world *world, int number, const struct hash *hash)
{
    const struct ledger *ledger = world->hosts[number].ledger;

    for (uint32_t i = 0; i < ledger->ends_count; i++) {
        struct message *message;

        if (!hash_equal(&ledger->ends[i].receipt_hash, hash))
            continue;
        message = network_message(TELL_RECEIPT, number);
        message->receipt = ledger->ends[i].receipt;
        message->receipt_hash = *hash;
        model_receipt(world->model, number, &message->receipt);
        network_send(world, message);
        return;
    }
    world_violate(world, "6: %s sends a receipt that it does not have", world->hosts[number].name);
}

static void tell_standing(struct world *world, int host, const struct guard_effect *effect)
{
    struct message *message = network_message(TELL_STATEMENT, host);

    message->statement =
        (struct sim_statement){.signer = host,
                               .subject = world_find_host(world, effect->statement.subject),
                               .body = effect->statement.body,
                               .nonce = effect->statement.nonce,
                               .phase = PHASE_STANDING,
                               .value = VERDICT_PASS,
                               .soak_s = effect->statement.soak_s};
    network_send(world, message);
}

/* ---- effects --------------------------------------------------------------------------------- */

static void begin_work(struct world *world, int number, const struct guard_effect *effect)
{
    struct host *host = &world->hosts[number];
    mono_t begin = host->work_until > world->now ? host->work_until : world->now;
    int64_t takes = chance_between(fault_draw(&world->faults, number), 1,
                                   effect->kind == DO_SETTLE ? 1500 : 60);
    struct happening done = {.kind = HAPPENS_WORK,
                             .host = number,
                             .change = world_find_change(world, &effect->id.attempt.body),
                             .life = host->life,
                             .work = effect->kind,
                             .operation = effect->operation};

    if (effect->kind == DO_SETTLE &&
        fault_strikes(&world->faults, FAULT_SETTLE_SLOW, number) != NULL)
        takes += 9000; /* longer than it may */
    done.at = host->work_until = begin + takes;
    world_schedule(world, &done);
}

static int64_t disk_takes(struct world *world, int number, bool durable)
{
    int64_t takes = durable ? chance_between(fault_draw(&world->faults, number), 1, 20) : 0;
    struct chance *how = fault_strikes(&world->faults, FAULT_DISK_SLOW, number);

    if (how != NULL) {
        takes = chance_between(how, 1000, 40000);
        world_tell(world, "The disk of %s takes %lld ms for a record", world->hosts[number].name,
                   (long long)takes);
    }
    return takes;
}

static void begin_record(struct world *world, int number, const struct guard_effect *effect)
{
    struct host *host = &world->hosts[number];
    mono_t begin = host->disk_until > world->now ? host->disk_until : world->now;
    int64_t takes = disk_takes(world, number, effect->record.durable);
    struct happening done = {.kind = HAPPENS_DISK,
                             .host = number,
                             .life = host->life,
                             .number = effect->record.number,
                             .ok = true};

    if (fault_strikes(&world->faults, FAULT_DISK_FULL, number) != NULL) {
        done.ok = false;
        world_tell(world, "The disk of %s will refuse a record", host->name);
    }
    done.lies = fault_strikes(&world->faults, FAULT_DISK_LIES, number) != NULL;
    if (effect->record.record.kind == RECORD_BEGIN)
        model_started(world->model, number);
    done.record = mem_copy(&effect->record.record, sizeof(*done.record));
    done.operation = effect->record.durable;
    if (done.record->kind == RECORD_RECEIPT) {
        uint64_t name = ++world->hashes;

        memcpy(done.record->receipt.receipt_hash.bytes, &name, sizeof(name));
    }
    done.at = host->disk_until = begin + takes;
    world_schedule(world, &done);
}

static void begin_sync(struct world *world, int number)
{
    struct host *host = &world->hosts[number];
    mono_t begin = host->disk_until > world->now ? host->disk_until : world->now;
    struct happening done = {.kind = HAPPENS_SYNC, .host = number, .life = host->life};

    done.at = host->disk_until = begin + disk_takes(world, number, true);
    world_schedule(world, &done);
}

/* There is room for many more generations than most nodes have. */
static void copy_stack(struct stack *to, const struct stack *from)
{
    size_t count = from->generations_count;

    memcpy(to, from, offsetof(struct stack, generations) + count * sizeof(from->generations[0]));
}

static void carry(struct world *world, int number, const struct guard_effect *effect)
{
    struct message *message;

    world_tell_guard(world, number, effect);
    switch (effect->kind) {
    case DO_PREPARE:
    case DO_APPLY:
    case DO_SETTLE:
    case DO_UNDO:
    case DO_VERIFY:
        if (effect->kind == DO_APPLY)
            model_touch(world->model, number, &effect->id, effect->operation);
        else if (effect->kind == DO_PREPARE)
            model_prepare(world->model, number, &effect->id);
        else if (effect->kind == DO_UNDO || effect->kind == DO_VERIFY)
            model_undoes(world->model, number);
        begin_work(world, number, effect);
        break;
    case DO_OFFER:
        model_offer(world->model, number, &effect->id);
        message = network_message(TELL_PREPARED, number);
        message->id = effect->id;
        network_send(world, message);
        tell_own_baseline(world, number, &effect->id);
        break;
    case DO_RECORD:
        begin_record(world, number, effect);
        break;
    case DO_SYNC:
        begin_sync(world, number);
        break;
    case DO_NONCE:
        tell_nonce(world, number, effect);
        break;
    case DO_SEND:
        tell_receipt(world, number, &effect->receipt);
        break;
    case DO_REFUSE:
        message = network_message(TELL_REFUSED, number);
        message->id = effect->id;
        message->expired = effect->refuse.expired;
        message->lasting = effect->refuse.lasting;
        network_send(world, message);
        break;
    case DO_STATEMENT:
        tell_standing(world, number, effect);
        break;
    case DO_STACK:
        message = network_message(TELL_STACK, number);
        copy_stack(&message->stack, &effect->stack);
        model_stack(world->model, number, &message->stack);
        network_send(world, message);
        break;
    case DO_ALARM:
        model_alarm(world->model, number);
        break;
    case DO_PROGRESS:
    case DO_FORGET:
    case DO_LET_GO:
    case GUARD_EFFECT_COUNT:
        break;
    }
}

static void set_timer(struct world *world, int number)
{
    struct host *host = &world->hosts[number];
    mono_t at = trial_deadline(host->trial);
    struct happening timer = {
        .kind = HAPPENS_TIMER, .host = number, .life = host->life, .number = ++host->timer};

    if (at == MONO_NEVER)
        return;
    timer.at = at > world->now ? at : world->now + 1;
    world_schedule(world, &timer);
}

/* Before the first of its effects, behind any, or behind the last. */
static bool dies_amid(struct world *world, int number)
{
    struct chance *how = fault_strikes(&world->faults, FAULT_DIES_AMID, number);

    if (how == NULL)
        return false;
    if (chance_permille(how, 300))
        chaos_lose_power(world, number, how);
    else
        chaos_kill_guard(world, number);
    return true;
}

void guard_give(struct world *world, int number, struct guard_event *ev)
{
    struct host *host = &world->hosts[number];
    enum trial_state before = host->trial->state;

    ev->now = world->now;
    ev->unix_now = world_unix(world, host);
    ev->random = chance_nonce(&world->chance);
    world->guard_effects->count = 0;
    trial_step(host->trial, ev, world->guard_effects);
    if (host->trial->state == TRIAL_REVERTING && before != TRIAL_REVERTING)
        model_reverting(world->model, number, &host->trial->id);
    if (world->guard_effects->count > 0 && dies_amid(world, number))
        return;
    for (uint32_t i = 0; i < world->guard_effects->count; i++) {
        carry(world, number, &world->guard_effects->list[i]);
        if (dies_amid(world, number))
            return;
    }
    set_timer(world, number);
}

/* ---- life ------------------------------------------------------------------------------------ */

void guard_look_at_kernel(struct world *world, int number)
{
    struct host *host = &world->hosts[number];

    for (int change = 0; change < SIM_CHANGES; change++) {
        for (uint32_t i = 0; i < SIM_OPERATIONS && world->changes[change].manifest != NULL; i++)
            host->in_kernel[change][i] = kernel_has(host->kernel, change, i);
    }
    model_kernel(world->model, number);
}

/* What was confirmed and is volatile comes back after a boot: from the oldest on. */
static void put_back_confirmed(struct world *world, int number)
{
    struct host *host = &world->hosts[number];
    const struct ledger *ledger = host->ledger;

    for (uint32_t i = 0; i < ledger->generations_count; i++) {
        const struct ledger_generation *generation = &ledger->generations[i];
        int change = world_find_change(world, &generation->id.attempt.body);
        const struct operation *operations;

        if (generation->mark == MARK_POPPING)
            return; /* the top */
        operations = world_find_plan(world, change, number)->operations;
        kernel_put_back(host->kernel, change, &operations[SIM_SHIELD]);
        kernel_put_back(host->kernel, change, &operations[SIM_RULE]);
    }
    if (ledger->generations_count > 0)
        guard_look_at_kernel(world, number);
}

void guard_count_rows(struct world *world, int number)
{
    for (int i = 0; i < TRIAL_ROWS_MAX; i++)
        world->trial_rows[i] += world->hosts[number].trial->rows_taken[i];
}

void guard_start(struct world *world, int number, enum end_cause cause)
{
    struct host *host = &world->hosts[number];
    struct guard_event ev = {.kind = ON_BOOT, .boot = cause};

    host->guard_up = true;
    host->frozen = false;
    host->life++;
    host->work_until = host->disk_until = world->now;
    guard_count_rows(world, number);
    guard_lose_one_record(world, number);
    model_guard_starts(world->model, number);
    ledger_init(host->ledger);
    for (size_t i = 0; i < host->disk_count; i++)
        ledger_take(host->ledger, &host->disk[i].record);
    trial_init(host->trial, host->ledger, host->name);
    if (world->now > 0)
        world_tell(world, "The guard of %s starts, with %zu records in its journal", host->name,
                   host->disk_count);
    put_back_confirmed(world, number);
    guard_give(world, number, &ev);
}

bool guard_do_to_kernel(struct world *world, int number, const struct happening *work)
{
    const struct manifest_plan *plan = world_find_plan(world, work->change, number);
    struct host *host = &world->hosts[number];
    bool had = host->in_kernel[work->change][work->operation];
    struct err why = ERR_INIT;
    bool done = true;

    if (work->work == DO_APPLY && plan == NULL)
        return false; /* the model has said so */
    if (work->work == DO_APPLY) {
        done = kernel_apply(host->kernel, work->change, &plan->operations[work->operation],
                            work->operation, &why);
        host->applied++;
    }
    if (work->work == DO_UNDO)
        kernel_undo(host->kernel, work->change, work->operation);
    guard_look_at_kernel(world, number);
    if (had && !host->in_kernel[work->change][work->operation])
        model_undone(world->model, number, work->change, work->operation);
    return done;
}

/* The next guard reads it, and the power may take it away from that one. */
static void write_in_flight(struct world *world, int number, struct happening *record)
{
    if (chance_permille(fault_draw(&world->faults, number), 500))
        record->operation = false;
    guard_write_record(world, number, record);
}

/* A guard dies with one record on its way to the disk and one operation on its way to the kernel:
 * each may have got there. */
static void settle_in_flight(struct world *world, int number)
{
    struct host *host = &world->hosts[number];
    bool disk_open = true, kernel_open = true;

    for (uint64_t next = 0;; next++) {
        struct happening *first = NULL;

        for (size_t i = 0; i < world->heap_count; i++) {
            struct happening *at = &world->heap[i];

            if (at->host == number && at->life == host->life && at->order >= next &&
                (at->kind == HAPPENS_DISK || at->kind == HAPPENS_WORK) &&
                (first == NULL || at->order < first->order))
                first = at;
        }
        if (first == NULL)
            return;
        next = first->order;
        if (first->kind == HAPPENS_DISK && disk_open && first->ok) {
            disk_open = chance_permille(fault_draw(&world->faults, number), 500);
            if (disk_open)
                write_in_flight(world, number, first);
        }
        if (first->kind == HAPPENS_WORK && kernel_open) {
            kernel_open = false;
            if (chance_permille(fault_draw(&world->faults, number), 500))
                guard_do_to_kernel(world, number, first);
        }
    }
}

void guard_stop(struct world *world, int number, bool power_lost)
{
    struct host *host = &world->hosts[number];

    if (host->guard_up)
        settle_in_flight(world, number);
    host->guard_up = false;
    host->frozen = false;
    host->life++;
    model_guard_died(world->model, number);
    if (!power_lost)
        return;
    guard_lose_records(world, number);
    kernel_lose_power(host->kernel, number);
    guard_look_at_kernel(world, number);
}
