/*
 * checker_stack: the model's half about what has confirmed on a node, one above the other: only the
 * top goes, because somebody asked for it who may, and what is below it is as it was before.
 */
#include <string.h>

#include "tests/sim/checker.h"

static uint64_t bit(uint64_t sequence)
{
    return UINT64_C(1) << sequence;
}

struct seen_generation *checker_made(struct check_model *model, int host, uint64_t sequence)
{
    return &model->hosts[host].made[sequence > SIM_ATTEMPTS_MAX ? 0 : sequence];
}

static uint32_t top_of(const struct model_host *at)
{
    return at->stack_count == 0 ? 0 : at->stack[at->stack_count - 1];
}

static bool is_in_stack(const struct check_model *model, int host, uint64_t sequence)
{
    const struct model_host *at = &model->hosts[host];

    for (uint32_t i = 0; i < at->stack_count; i++) {
        if (at->stack[i] == sequence)
            return true;
    }
    return false;
}

bool checker_stands(const struct check_model *model, int host, uint64_t sequence)
{
    const struct model_host *at = &model->hosts[host];

    return is_in_stack(model, host, sequence) &&
           !(at->stand == STANDS_REVERTING && at->goes == sequence);
}

mono_t checker_stood(const struct check_model *model, int host, const struct hash *body)
{
    const struct model_host *at = &model->hosts[host];
    mono_t stood = 0;

    for (uint32_t i = 1; i <= SIM_ATTEMPTS_MAX; i++) {
        const struct seen_generation *made = &at->made[i];
        mono_t until = checker_stands(model, host, i) ? model->world->now : made->stood_until;

        if (memcmp(&made->id.attempt.body, body, sizeof(*body)) == 0 && until > stood)
            stood = until;
    }
    return stood;
}

void checker_stop_standing(struct check_model *model, int host, uint64_t sequence)
{
    if (checker_stands(model, host, sequence))
        checker_made(model, host, sequence)->stood_until = model->world->now;
}

/* What was begun later stands above; of what is read again it may be another. */
void checker_push(struct check_model *model, int host, uint64_t sequence)
{
    struct model_host *at = &model->hosts[host];
    uint32_t place = at->stack_count;

    if (place == SIM_ATTEMPTS_MAX || is_in_stack(model, host, sequence))
        return;
    for (; place > 0 && at->stack[place - 1] > sequence; place--)
        at->stack[place] = at->stack[place - 1];
    at->stack[place] = (uint32_t)sequence;
    at->stack_count++;
}

static void rest(struct check_model *model, int host)
{
    checker_set_stand(model, host,
                      model->hosts[host].stack_count > 0 ? STANDS_CONFIRMED : STANDS_CLEAN);
}

/* ---- what is in its kernel ------------------------------------------------------------------- */

/* The highest of that change; -1: none stands. */
static int find_in_stack(const struct check_model *model, int host, int change)
{
    const struct model_host *at = &model->hosts[host];

    for (int i = (int)at->stack_count - 1; i >= 0; i--) {
        if (world_find_change(model->world, &at->made[at->stack[i]].id.attempt.body) == change)
            return i;
    }
    return -1;
}

/* What stands above may have put its own in that place. */
bool checker_expects(const struct check_model *model, int host, int change, uint32_t operation)
{
    int place = find_in_stack(model, host, change);

    if (place < 0)
        return false;
    for (int other = 0; operation == SIM_RULE && other < SIM_CHANGES; other++) {
        if (other != change && kernel_overlap(change, other) &&
            find_in_stack(model, host, other) > place)
            return false;
    }
    return true;
}

/* Gone, and others have taken its place, or nobody remembers that it went. */
bool checker_is_excused(const struct check_model *model, int host, int change, uint32_t operation)
{
    const struct model_host *at = &model->hosts[host];
    const struct host *truth = &model->world->hosts[host];
    int place = find_in_stack(model, host, change);

    if (truth->in_kernel[change][operation])
        return false;
    return (operation == SIM_RULE && truth->kernel->usurped[change]) ||
           (operation == SIM_PREF && place >= 0 && at->made[at->stack[place]].in_part);
}

/* 7, 10: its own is gone, and the rest of the stack is there. */
static void check_rest(struct check_model *model, int host, uint64_t sequence)
{
    const struct host *truth = &model->world->hosts[host];
    const struct hash *body = &checker_made(model, host, sequence)->id.attempt.body;
    int ended = world_find_change(model->world, body);

    for (int i = 0; i < SIM_CHANGES * SIM_OPERATIONS; i++) {
        int change = i / SIM_OPERATIONS;
        uint32_t operation = (uint32_t)i % SIM_OPERATIONS;
        bool there = truth->in_kernel[change][operation];

        if (there == checker_expects(model, host, change, operation) ||
            checker_is_excused(model, host, change, operation))
            continue;
        if (there && (change == ended || ended < 0))
            world_violate(model->world, "10: %s records an end while the change is in its kernel",
                          checker_name(model, host));
        else
            world_violate(
                model->world,
                "7: %s has taken attempt %llu back, and operation %u of what stands there "
                "is not as it was before",
                checker_name(model, host), (unsigned long long)sequence, operation + 1);
    }
}

/* ---- going ----------------------------------------------------------------------------------- */

void checker_end(struct check_model *model, int host, uint64_t sequence)
{
    struct model_host *at = &model->hosts[host];

    if (is_in_stack(model, host, sequence)) {
        if (top_of(at) != sequence && !at->betrayed)
            world_violate(model->world, "16: %s has taken attempt %llu from below attempt %u",
                          checker_name(model, host), (unsigned long long)sequence, top_of(at));
        while (at->stack_count > 0 && top_of(at) >= sequence)
            at->stack_count--;
    }
    rest(model, host);
    if (!at->betrayed)
        check_rest(model, host, sequence);
    checker_made(model, host, sequence)->mark_durable = true;
}

/* 17: an operator named it or what is below it; or the controller named it, while it might. */
static bool is_asked(const struct check_model *model, int host, uint64_t sequence)
{
    const struct model_host *at = &model->hosts[host];

    if ((at->asked & bit(sequence)) != 0)
        return true;
    for (uint32_t i = 0; i < at->stack_count && at->stack[i] <= sequence; i++) {
        if ((at->ordered & bit(at->stack[i])) != 0)
            return true;
    }
    return false;
}

static void check_goes(struct check_model *model, int host, uint64_t sequence)
{
    const struct model_host *at = &model->hosts[host];

    if (at->betrayed)
        return;
    if (at->stand == STANDS_CHANGED)
        world_violate(model->world, "16: %s takes attempt %llu back below the open trial of %u",
                      checker_name(model, host), (unsigned long long)sequence, at->newest);
    else if (top_of(at) != sequence)
        world_violate(model->world,
                      "16: %s takes attempt %llu back, and attempt %u stands above it",
                      checker_name(model, host), (unsigned long long)sequence, top_of(at));
    else if (!is_asked(model, host, sequence))
        world_violate(model->world,
                      "17: %s takes attempt %llu back, and nobody who may has asked for that",
                      checker_name(model, host), (unsigned long long)sequence);
}

/* The trial, or the top; or what it has taken back already, and its disk has forgotten that. */
void model_reverting(struct check_model *model, int host, const struct generation_id *id)
{
    struct model_host *at = &model->hosts[host];
    uint64_t sequence = id->attempt.sequence;
    bool on_trial = at->stand == STANDS_CHANGED && at->newest == sequence;

    if (!on_trial && is_in_stack(model, host, sequence))
        check_goes(model, host, sequence);
    checker_stop_standing(model, host, sequence);
    checker_begin_undo(model, host);
    if (!on_trial && !is_in_stack(model, host, sequence))
        return;
    at->goes = (uint32_t)sequence;
    checker_set_stand(model, host, STANDS_REVERTING);
}

/* ---- who signs and asks
 * -------------------------------------------------------------------------------- */

/* 20: nothing that was signed before can begin any more, and nobody leads it. */
void model_signs(struct check_model *model)
{
    const struct world *world = model->world;
    enum rollout_state state = world->lead.rollout->record.state;

    for (int i = 0; i < world->nodes_count; i++) {
        if (model->hosts[i].stand == STANDS_CHANGED && !model->hosts[i].betrayed)
            world_violate(model->world,
                          "20: the next attempt is signed, and attempt %u is on trial "
                          "on %s",
                          model->hosts[i].newest, checker_name(model, i));
    }
    if (world->attempt > 0 && !world->safety && world->scenario == NULL &&
        state != ROLLOUT_COMPLETE && state != ROLLOUT_REVERTED && state != ROLLOUT_ABORTED &&
        state != ROLLOUT_INCOMPLETE)
        world_violate(model->world, "20: the next attempt is signed, and attempt %u is led: %s",
                      world->attempt, rollout_state_name(state));
}

/* 17: without a signature what is not the newest may be asked for only as it stands there. */
void model_asks_older(struct check_model *model, const struct message *message)
{
    const struct seen_generation *made =
        checker_made(model, message->host, message->id.attempt.sequence);

    if (memcmp(&made->id, &message->id, sizeof(made->id)) != 0 &&
        !model->hosts[message->host].betrayed)
        world_violate(model->world, "17: %s is asked for attempt %llu back, which it never made",
                      checker_name(model, message->host),
                      (unsigned long long)message->id.attempt.sequence);
}

static bool is_fellows_end(const struct message *message)
{
    return message->has_fellow &&
           memcmp(&message->receipt.generation.attempt, &message->id.attempt,
                  sizeof(message->id.attempt)) == 0 &&
           (message->receipt.kind == RECEIPT_REVERTED ||
            message->receipt.kind == RECEIPT_TOMBSTONE);
}

void model_asked_back(struct check_model *model, const struct message *message)
{
    const struct world *world = model->world;
    struct model_host *at = &model->hosts[message->host];
    uint64_t sequence = message->id.attempt.sequence;
    const struct seen_generation *made = checker_made(model, message->host, sequence);
    int64_t now = world_unix(world, &world->hosts[message->host]);

    if (sequence == 0 || sequence > world->attempt ||
        memcmp(&made->id, &message->id, sizeof(made->id)) != 0)
        return; /* it names nothing that was made there */
    if (message->kind == ASK_ORDER)
        at->ordered |= bit(sequence);
    else if (top_of(at) == sequence && at->stand != STANDS_CHANGED &&
             (now <= world->approvals[sequence - 1].not_after || is_fellows_end(message)))
        at->asked |= bit(sequence);
}

bool checker_is_ordered(const struct check_model *model, int host)
{
    return (model->world->hosts[host].ordered &
            bit(model->world->lead.rollout->record.attempt.sequence)) != 0;
}

void model_takes_order(struct check_model *model, int host, const struct generation_id *down_to)
{
    uint64_t sequence = down_to->attempt.sequence;
    const struct seen_generation *made = checker_made(model, host, sequence);

    if (sequence <= SIM_ATTEMPTS_MAX && memcmp(&made->id, down_to, sizeof(made->id)) == 0)
        model->hosts[host].orders |= bit(sequence);
}

void checker_take_order(struct check_model *model, int host, const struct guard_record *mark)
{
    if (mark->has_order)
        model_takes_order(model, host, &mark->order.down_to);
}

/* A guard that starts knows of those alone that its journal has. */
static void read_orders(struct check_model *model, int host)
{
    const struct host *truth = &model->world->hosts[host];

    model->hosts[host].orders = 0;
    for (size_t i = 0; i < truth->disk_count; i++) {
        if (truth->disk[i].record.kind == RECORD_MARK)
            checker_take_order(model, host, &truth->disk[i].record);
    }
}

/* ---- what it says, and finds ----------------------------------------------------------------- */

/* 7: its stack, signed, is what has confirmed there and was not taken back. */
void model_stack(struct check_model *model, int host, const struct stack *stack)
{
    const struct model_host *at = &model->hosts[host];
    bool same = stack->generations_count == at->stack_count;

    for (uint32_t i = 0; same && i < at->stack_count; i++)
        same = memcmp(&stack->generations[i].id, &at->made[at->stack[i]].id,
                      sizeof(stack->generations[i].id)) == 0;
    if (!same && !at->betrayed)
        world_violate(model->world, "7: %s says that %u generations stand there, and not those %u",
                      checker_name(model, host), stack->generations_count, at->stack_count);
}

/* Behind its end nothing follows but what was on its way: the mark of an order that came meanwhile.
 */
static enum mark mark_on_disk(const struct host *host, const struct generation_id *id)
{
    enum mark last = MARK_COUNT;

    for (size_t i = 0; i < host->disk_count; i++) {
        const struct guard_record *record = &host->disk[i].record;

        if (record->kind == RECORD_MARK && memcmp(&record->id, id, sizeof(*id)) == 0 &&
            last != MARK_POPPED && last != MARK_REVERTED)
            last = record->mark;
    }
    return last;
}

/* `confirmed` was written, went with the power, and nobody was told of it: it is on trial still. */
void checker_lose_stack(struct check_model *model, int host)
{
    struct model_host *at = &model->hosts[host];
    const struct seen_generation *top = &at->made[top_of(at)];

    if (at->stand != STANDS_CONFIRMED || !top->end_unsynced ||
        mark_on_disk(&model->world->hosts[host], &top->id) == MARK_CONFIRMED)
        return;
    at->newest = top_of(at);
    at->stack_count--;
    checker_set_stand(model, host, STANDS_CHANGED);
}

/* Its end went with the power, and that it was going did not: it is there, and goes. */
static void read_going(struct check_model *model, int host, uint32_t sequence)
{
    struct model_host *at = &model->hosts[host];

    if (is_in_stack(model, host, sequence))
        return;
    checker_push(model, host, sequence);
    at->goes = sequence;
    if (at->stand != STANDS_CHANGED)
        checker_set_stand(model, host, STANDS_REVERTING);
}

/* A pop that went on from memory and of which no record got to the disk is as if it had not been:
 * what is confirmed is put back, but a preference by nobody. */
static void read_standing(struct check_model *model, int host, uint32_t sequence)
{
    struct model_host *at = &model->hosts[host];
    struct seen_generation *made = &at->made[sequence];

    if (checker_stands(model, host, sequence))
        return;
    made->in_part = true;
    made->confirmed_at = made->confirmed_at > 0 ? made->confirmed_at : model->world->now;
    checker_push(model, host, sequence);
    if (at->stand != STANDS_CHANGED && (at->stand != STANDS_REVERTING || at->goes == sequence))
        rest(model, host);
}

void checker_read_stack(struct check_model *model, int host)
{
    read_orders(model, host);
    for (uint32_t i = 1; i <= SIM_ATTEMPTS_MAX && !model->hosts[host].betrayed; i++) {
        const struct seen_generation *made = &model->hosts[host].made[i];
        enum mark mark = mark_on_disk(&model->world->hosts[host], &made->id);

        if (made->id.attempt.sequence != 0 && mark == MARK_POPPING)
            read_going(model, host, i);
        else if (made->id.attempt.sequence != 0 && mark == MARK_CONFIRMED)
            read_standing(model, host, i);
    }
}
