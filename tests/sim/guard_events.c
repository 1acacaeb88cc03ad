/*
 * guard_events: what reaches one guard: messages, the ends of its work, its disk's answers, time.
 */
#include <string.h>

#include "common/core/text.h"
#include "tests/sim/sim.h"

static const uint8_t removes[SIM_OPERATIONS] = {[SIM_SHIELD] = 1, [SIM_RULE] = 1, [SIM_PREF] = 0};
static const struct trust trust = {
    .keys_count = 1, .threshold = 1, .soak_min_s = 1, .lease_max_s = 600};

/* ---- messages -------------------------------------------------------------------------------- */

static void fill_statement(const struct world *world, const struct sim_statement *from,
                           struct statement *to)
{
    bool own = from->signer == from->subject;

    memset(to, 0, offsetof(struct statement, verdicts)); /* one of many verdicts is ever used */
    text_copy(to->signer, sizeof(to->signer), world->hosts[from->signer].name);
    text_copy(to->subject, sizeof(to->subject), world->hosts[from->subject].name);
    to->body = from->body;
    to->nonce = from->nonce;
    to->phase = from->phase;
    to->soak_s = from->soak_s;
    if (from->phase == PHASE_STANDING)
        return;
    to->verdicts_count = 1;
    memset(to->verdicts, 0, sizeof(to->verdicts[0]));
    text_copy(to->verdicts[0].check, NAME_SIZE, own ? "own" : "ssh");
    verdict_set(&to->verdicts[0], from->value, "a banner", verdict_format(from->value));
}

static void give_statement(struct world *world, int host, const struct sim_statement *from)
{
    static struct statement statement;
    struct guard_event ev = {.kind = ON_STATEMENT,
                             .statement = {.statement = &statement, .verified = true}};

    fill_statement(world, from, &statement);
    model_proof(world->model, host, from);
    guard_give(world, host, &ev);
    if (from->signer == from->subject || !world->hosts[host].guard_up)
        return;
    ev = (struct guard_event){.kind = ON_SOURCE};
    ev.source.nonce = from->nonce;
    ev.source.witness = world->hosts[from->signer].name;
    ev.source.counts = true;
    guard_give(world, host, &ev);
}

static void give_start(struct world *world, const struct message *message)
{
    static struct statement statements[SIM_STATEMENTS_MAX];
    struct guard_statement given[SIM_STATEMENTS_MAX];
    struct guard_event ev = {.kind = ON_START};

    for (uint32_t i = 0; i < message->statements_count; i++) {
        fill_statement(world, &message->statements[i], &statements[i]);
        given[i] = (struct guard_statement){&statements[i], true};
    }
    model_start(world->model, message);
    ev.start.id = message->id;
    ev.start.statements_count = message->statements_count;
    ev.start.statements = given;
    guard_give(world, message->host, &ev);
}

static void give_prepare(struct world *world, const struct message *message)
{
    static char objects[SIM_OPERATIONS][96];
    struct guard_event ev = {.kind = ON_PREPARE};
    const struct approval *approval = NULL;
    const struct manifest_plan *plan;
    int change = world_find_change(world, &message->id.attempt.body);

    for (uint32_t i = 0; i < world->attempt; i++) {
        if (attempt_equal(&world->approvals[i].attempt, &message->id.attempt))
            approval = &world->approvals[i];
    }
    if (approval == NULL || change < 0)
        return;
    plan = world_find_plan(world, change, message->host);
    for (int i = 0; i < SIM_OPERATIONS && plan != NULL; i++) {
        struct text text = TEXT_IN(objects[i]);

        operation_object(&plan->operations[i], &text);
    }
    ev.prepare = (struct guard_prepare){.manifest = world->changes[change].manifest,
                                        .body = world->changes[change].body,
                                        .approval = approval,
                                        .trust = &trust,
                                        .approvals_count = 1,
                                        .key_is_mine = true,
                                        .objects_count = SIM_OPERATIONS,
                                        .objects = objects};
    guard_give(world, message->host, &ev);
}

/* What it names, and all that stands above it. */
static void note_order(struct world *world, const struct message *order)
{
    struct host *host = &world->hosts[order->host];

    for (uint32_t i = 0; i < host->ledger->generations_count; i++) {
        uint64_t sequence = host->ledger->generations[i].id.attempt.sequence;

        if (sequence >= order->id.attempt.sequence)
            host->ordered |= UINT64_C(1) << sequence;
    }
}

/* What it was given last. */
static bool has_refused(const struct world *world)
{
    for (uint32_t i = 0; i < world->guard_effects->count; i++) {
        if (world->guard_effects->list[i].kind == DO_REFUSE)
            return true;
    }
    return false;
}

static void give_end(struct world *world, const struct message *message, enum guard_event_kind kind)
{
    bool ordered = message->kind == ASK_ORDER;
    struct guard_event ev = {.kind = kind};

    if (kind == ON_POP)
        model_asked_back(world->model, message);
    if (ordered)
        note_order(world, message);
    ev.end.id = message->id;
    ev.end.right = ordered ? RIGHT_OPERATOR : RIGHT_CONTROLLER;
    ev.end.stack_nonce = message->nonce;
    ev.end.fellow = message->has_fellow ? &message->receipt : NULL;
    ev.end.reason = ordered ? "an operator's order" : "the controller asks";
    guard_give(world, message->host, &ev);
    if (ordered && world->hosts[message->host].guard_up && !has_refused(world))
        model_takes_order(world->model, message->host, &message->id);
}

static void give_message(struct world *world, const struct message *message)
{
    struct guard_event ev = {.kind = ON_STACK};

    switch (message->kind) {
    case ASK_STACK:
        ev.challenge = message->nonce;
        guard_give(world, message->host, &ev);
        break;
    case ASK_PREPARE:
        give_prepare(world, message);
        break;
    case ASK_START:
        give_start(world, message);
        break;
    case ASK_ABORT:
        give_end(world, message, ON_ABORT);
        break;
    case ASK_POP:
    case ASK_ORDER:
        give_end(world, message, ON_POP);
        break;
    case ASK_STANDING:
        ev.kind = ON_STANDING;
        ev.standing.nonce = message->nonce;
        ev.standing.body = message->id.attempt.body;
        ev.standing.subject = world->hosts[message->subject].name;
        guard_give(world, message->host, &ev);
        break;
    case GIVE_STATEMENT:
        give_statement(world, message->host, &message->statement);
        break;
    case ASK_STATEMENT:
    case TELL_STACK:
    case TELL_PREPARED:
    case TELL_NONCE:
    case TELL_STATEMENT:
    case TELL_REFUSED:
    case TELL_RECEIPT:
        break;
    }
}

enum { FROZEN_AGAIN_MS = 50 };

void guard_take_message(struct world *world, struct message *message)
{
    const struct host *host = &world->hosts[message->host];
    struct happening again = {
        .at = world->now + FROZEN_AGAIN_MS, .kind = HAPPENS_MESSAGE, .host = message->host};

    if (!host->guard_up)
        return;
    if (host->frozen) {
        again.message = mem_copy(message, sizeof(*message));
        world_schedule(world, &again);
        return;
    }
    give_message(world, message);
}

/* Of the rule alone: what shields must not go before what it shields. */
static void undo(struct world *world, const struct happening *work)
{
    struct happening late = {.kind = HAPPENS_KERNEL,
                             .host = work->host,
                             .number = world->hosts[work->host].applied,
                             .change = work->change,
                             .work = DO_UNDO,
                             .operation = work->operation};
    struct chance *how = NULL;

    if (work->operation == SIM_RULE)
        how = fault_strikes(&world->faults, FAULT_UNDO_LATE, work->host);
    if (how == NULL) {
        guard_do_to_kernel(world, work->host, work);
        return;
    }
    late.at = world->now + chance_between(how, 500, 9000);
    world_tell(world, "The kernel of %s says that operation %u is undone; it will be at %lld ms",
               world->hosts[work->host].name, work->operation + 1, (long long)late.at);
    world_schedule(world, &late);
}

/* True when it goes well; else why is what the guard is told. */
static bool goes_well(struct world *world, enum fault fault, int number, const char *why,
                      const char **ret_why)
{
    bool well = fault_strikes(&world->faults, fault, number) == NULL;

    *ret_why = well ? "" : why;
    if (!well)
        world_tell(world, "%s: %s", world->hosts[number].name, why);
    return well;
}

static void take_undo(struct world *world, const struct happening *work, struct guard_event *ev)
{
    const struct host *host = &world->hosts[work->host];
    bool well = goes_well(world, FAULT_UNDO, work->host, "no answer in 2 s", &ev->undone.why);

    if (!world->quiet && world->now < host->undo_stuck_until) {
        well = false;
        ev->undone.why = "no answer in 2 s";
    }
    ev->kind = ON_UNDONE;
    ev->undone.operation = work->operation;
    ev->undone.outcome = well ? REVERT_DONE : REVERT_RETRY;
    if (well)
        undo(world, work);
}

/* The reason is lent until the next one. */
static void take_prepared(struct world *world, const struct happening *work, struct guard_event *ev)
{
    static struct err err;
    const struct manifest_plan *plan = world_find_plan(world, work->change, work->host);
    const struct host *host = &world->hosts[work->host];

    err = (struct err)ERR_INIT;
    kernel_begin(host->kernel, work->change);
    ev->prepared.operations_count = SIM_OPERATIONS;
    ev->prepared.removes = removes;
    ev->prepared.ok = goes_well(world, FAULT_PREPARE, work->host,
                                "a protected flow would leave elsewhere", &ev->prepared.why);
    if (!ev->prepared.ok || plan == NULL || kernel_can(host->kernel, plan->operations, &err))
        return;
    ev->prepared.ok = false;
    ev->prepared.why = err.text;
}

static void take_work(struct world *world, const struct happening *work)
{
    struct host *host = &world->hosts[work->host];
    struct guard_event ev = {.kind = ON_PREPARED};

    if (work->work == DO_PREPARE) {
        take_prepared(world, work, &ev);
    } else if (work->work == DO_APPLY) {
        ev.kind = ON_APPLIED;
        ev.applied.operation = work->operation;
        ev.applied.ok =
            goes_well(world, FAULT_APPLY, work->host, "the kernel says no to it", &ev.applied.why);
        if (ev.applied.ok && !guard_do_to_kernel(world, work->host, work)) {
            ev.applied.ok = false;
            ev.applied.why = "it belongs to somebody else";
        }
    } else if (work->work == DO_SETTLE) {
        ev.kind = ON_SETTLED;
        ev.settled.ok =
            goes_well(world, FAULT_SETTLE, work->host, "its table 52 is empty", &ev.settled.why);
    } else if (work->work == DO_UNDO) {
        take_undo(world, work, &ev);
    } else {
        ev.kind = ON_VERIFIED;
        ev.verified.ok = kernel_is_restored(host->kernel, work->change);
        ev.verified.why = ev.verified.ok ? "" : "an operation is still in the kernel";
    }
    guard_give(world, work->host, &ev);
}

static void take_disk(struct world *world, const struct happening *done)
{
    struct guard_event ev = {.kind = ON_RECORDED};

    if (done->ok)
        guard_write_record(world, done->host, done);
    ev.recorded.record = done->record;
    ev.recorded.number = done->number;
    ev.recorded.ok = done->ok;
    ev.recorded.why = done->ok ? "" : "No space left on device";
    guard_give(world, done->host, &ev);
}

static void take_synced(struct world *world, const struct happening *done)
{
    struct guard_event ev = {.kind = ON_SYNCED};

    guard_sync_records(world, done->host);
    ev.synced.ok = true;
    guard_give(world, done->host, &ev);
}

/* What is asked for later still comes after it. */
static void wait_for_thaw(struct world *world, const struct happening *happening)
{
    struct host *host = &world->hosts[happening->host];
    struct happening again = *happening;

    again.at = world->now + FROZEN_AGAIN_MS;
    again.message = mem_copy(happening->message, happening->message ? sizeof(*again.message) : 0);
    again.record = mem_copy(happening->record, happening->record ? sizeof(*again.record) : 0);
    if (happening->kind == HAPPENS_WORK && host->work_until < again.at)
        host->work_until = again.at;
    if ((happening->kind == HAPPENS_DISK || happening->kind == HAPPENS_SYNC) &&
        host->disk_until < again.at)
        host->disk_until = again.at;
    world_schedule(world, &again);
}

void guard_take_happening(struct world *world, const struct happening *happening)
{
    struct host *host = &world->hosts[happening->host];
    struct guard_event timeout = {.kind = ON_TIMEOUT};
    struct sim_statement own;

    if (!host->guard_up || happening->life != host->life)
        return;
    if (host->frozen) {
        wait_for_thaw(world, happening);
        return;
    }
    switch (happening->kind) {
    case HAPPENS_TIMER:
        if (happening->number == host->timer)
            guard_give(world, happening->host, &timeout);
        break;
    case HAPPENS_WORK:
        take_work(world, happening);
        break;
    case HAPPENS_DISK:
        take_disk(world, happening);
        break;
    case HAPPENS_SYNC:
        take_synced(world, happening);
        break;
    case HAPPENS_LOCAL:
        if (!host->agent_up)
            break;
        own = guard_own_statement(world, happening->host, &happening->message->id,
                                  &happening->message->nonce, PHASE_RENEWAL);
        give_statement(world, happening->host, &own);
        break;
    case HAPPENS_MESSAGE:
    case HAPPENS_LEAD:
    case HAPPENS_CHAOS:
    case HAPPENS_GUARD_START:
    case HAPPENS_GUARD_KILL:
    case HAPPENS_AGENT_START:
    case HAPPENS_THAW:
    case HAPPENS_CONTROLLER_START:
    case HAPPENS_PEOPLE:
    case HAPPENS_LINK:
    case HAPPENS_DEATH:
    case HAPPENS_SIGHT:
    case HAPPENS_KERNEL:
    case HAPPENS_TWICE:
    case HAPPENS_STORED:
    case HAPPENS_GREET:
    case HAPPENS_LOST:
        break;
    }
}
