/*
 * judged_stack: of generations that stand one above the other: what the model has to say when one
 * goes that is not the top, or that nobody asked for, or takes along what is not its own.
 */
#include "tests/sim/judged.h"

/* Signed behind the first one, and its controller leads it. */
static struct generation_id sign(struct world *world, int host, int change)
{
    uint64_t sequence = ++world->attempt;
    struct generation_id id = judged_id(host, sequence, 0);

    world_write_change(world, change);
    world->change = &world->changes[change];
    world->lead.sequence = world->attempt;
    id.attempt.body = world->change->body;
    world->approvals[sequence - 1] = world->approvals[0];
    world->approvals[sequence - 1].attempt = id.attempt;
    return id;
}

/* What it puts on styx, in the place of what stands there. */
static void put(struct world *world, const struct generation_id *id, bool there)
{
    struct host *styx = &world->hosts[STYX];
    int change = world_find_change(world, &id->attempt.body);

    for (int i = 0; i < SIM_OPERATIONS; i++)
        styx->in_kernel[change][i] = there;
    if (change == SIM_REPLACES)
        styx->in_kernel[SIM_FIRST][SIM_RULE] = !there;
}

static void confirm(struct world *world, const struct generation_id *id)
{
    judged_confirm(world, STYX, id);
    put(world, id, true);
}

struct two {
    struct generation_id below, above;
};

static struct two stand(struct world *world, int change)
{
    struct two two = {.below = judged_id(STYX, 1, 0)};

    confirm(world, &two.below);
    two.above = sign(world, STYX, change);
    confirm(world, &two.above);
    return two;
}

static void tell_stack(struct world *world, const struct generation_id *ids, uint32_t count)
{
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));

    stack->generations_count = count;
    for (uint32_t i = 0; i < count; i++)
        stack->generations[i].id = ids[i];
    model_stack(world->model, STYX, stack);
}

static void ask_back(struct world *world, const struct generation_id *id)
{
    struct message *pop = network_message(ASK_POP, STYX);

    pop->id = *id;
    model_asked_back(world->model, pop);
    network_message_free(pop);
}

static void pop(struct world *world, const struct generation_id *id)
{
    model_reverting(world->model, STYX, id);
    put(world, id, false);
    judged_mark(world, STYX, id, MARK_POPPED, true);
}

/* ---- what goes ------------------------------------------------------------------------------- */

static void goes_from_the_middle(struct world *world)
{
    struct two two = stand(world, SIM_BESIDE);

    judged_order(world, STYX, &two.below);
    model_reverting(world->model, STYX, &two.below);
}

static void goes_below_a_trial(struct world *world)
{
    struct generation_id below = judged_id(STYX, 1, 0), above;

    confirm(world, &below);
    above = sign(world, STYX, SIM_BESIDE);
    judged_try(world, STYX, &above);
    judged_order(world, STYX, &below);
    model_reverting(world->model, STYX, &below);
}

static void ends_from_the_middle(struct world *world)
{
    struct two two = stand(world, SIM_BESIDE);

    put(world, &two.below, false);
    judged_mark(world, STYX, &two.below, MARK_POPPED, true);
}

static void goes_unasked(struct world *world)
{
    struct two two = stand(world, SIM_BESIDE);

    model_reverting(world->model, STYX, &two.above);
}

/* The order named an earlier one of the same body. */
static void goes_for_another(struct world *world)
{
    struct two two = stand(world, SIM_BESIDE);
    struct generation_id earlier = two.above;

    earlier.start.bytes[1]++;
    judged_order(world, STYX, &earlier);
    model_reverting(world->model, STYX, &two.above);
}

/* What its controller asked for was below another one. */
static void goes_unsigned_from_below(struct world *world)
{
    struct two two = stand(world, SIM_BESIDE);

    ask_back(world, &two.below);
    ask_back(world, &two.above);
    pop(world, &two.above);
    if (world->violation[0] == '\0')
        model_reverting(world->model, STYX, &two.below);
}

static void goes_unsigned_too_late(struct world *world)
{
    struct two two = stand(world, SIM_BESIDE);

    world->approvals[1].not_after = world_unix(world, &world->hosts[STYX]) - 1;
    ask_back(world, &two.above);
    model_reverting(world->model, STYX, &two.above);
}

/* ---- what stays ------------------------------------------------------------------------------ */

static void takes_the_lower_along(struct world *world)
{
    struct two two = stand(world, SIM_BESIDE);

    judged_order(world, STYX, &two.above);
    world->hosts[STYX].in_kernel[SIM_FIRST][SIM_RULE] = false;
    pop(world, &two.above);
}

/* What it put its own in the place of is not back. */
static void leaves_a_hole(struct world *world)
{
    struct two two = stand(world, SIM_REPLACES);

    judged_order(world, STYX, &two.above);
    model_reverting(world->model, STYX, &two.above);
    put(world, &two.above, false);
    world->hosts[STYX].in_kernel[SIM_FIRST][SIM_RULE] = false;
    judged_mark(world, STYX, &two.above, MARK_POPPED, true);
}

static void reverts_more_than_its_own(struct world *world)
{
    struct generation_id below = judged_id(STYX, 1, 0), above;

    confirm(world, &below);
    above = sign(world, STYX, SIM_BESIDE);
    judged_try(world, STYX, &above);
    model_reverting(world->model, STYX, &above);
    world->hosts[STYX].in_kernel[SIM_FIRST][SIM_PREF] = false;
    put(world, &above, false);
    judged_mark(world, STYX, &above, MARK_REVERTED, true);
}

static void says_less_than_stands(struct world *world)
{
    struct two two = stand(world, SIM_BESIDE);

    tell_stack(world, &two.below, 2);
    if (world->violation[0] == '\0')
        tell_stack(world, &two.below, 1);
}

static void says_another_order(struct world *world)
{
    struct two two = stand(world, SIM_BESIDE);
    struct generation_id turned[] = {two.above, two.below};

    tell_stack(world, turned, 2);
}

/* ---- what was signed ------------------------------------------------------------------------- */

/* A proof failed, and the next approval contains that end without a word. */
static void try_behind_a_failed_proof(struct world *world, int change)
{
    struct generation_id id = judged_id(STYX, 1, 0);
    AUTO_FREE struct guard_record *end = judged_record(world, STYX, RECORD_RECEIPT, &id);
    struct lift lift = {.receipt = {{3}}};

    judged_try(world, STYX, &id);
    model_reverting(world->model, STYX, &id);
    put(world, &id, false);
    judged_mark(world, STYX, &id, MARK_REVERTED, true);
    end->receipt.receipt_hash = lift.receipt;
    end->receipt.receipt =
        (struct receipt){.generation = id, .kind = RECEIPT_REVERTED, .cause = CAUSE_PROOF_FAILED};
    model_record(world->model, STYX, end, true);
    id = sign(world, STYX, change);
    world->approvals[1].lifts[world->approvals[1].lifts_count++] = lift;
    judged_try(world, STYX, &id);
}

static void touches_reworded(struct world *world)
{
    try_behind_a_failed_proof(world, SIM_REPLACES);
}

/* Its journal names the lower one; it ends with the upper one. */
static void forgets_an_order(struct world *world)
{
    struct two two = stand(world, SIM_BESIDE);
    AUTO_FREE struct guard_record *mark = judged_record(world, STYX, RECORD_MARK, &two.above);

    judged_order(world, STYX, &two.below);
    model_reverting(world->model, STYX, &two.above);
    mark->mark = MARK_POPPING;
    mark->has_order = true;
    mark->order.down_to = two.below;
    model_record(world->model, STYX, mark, true);
    put(world, &two.above, false);
    judged_mark(world, STYX, &two.above, MARK_POPPED, true);
    world->lead.alone = true;
    model_check_end(world->model);
}

/* The first one's receipt was lost on its way to whoever signs. */
static void signs_beside_a_trial(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    judged_try(world, STYX, &id);
    model_signs(world->model);
}

static void signs_beside_a_rollout(struct world *world)
{
    world->lead.rollout->record.state = ROLLOUT_COMPLETE;
    model_signs(world->model);
    world->lead.rollout->record.state = ROLLOUT_PAUSED;
    if (world->violation[0] == '\0')
        model_signs(world->model);
}

static void begins_behind_its_end(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    sign(world, STYX, SIM_BESIDE);
    judged_try(world, STYX, &id);
}

/* The second one is for the others. */
static void leave_out(struct world *world, int host, int change)
{
    world_write_change(world, change);
    world->changes[change].stage_of[host] = SIM_NO_STAGE;
    world->changes[change].place_of[host] = -1;
}

static void touches_what_is_not_for_it(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    confirm(world, &id);
    leave_out(world, STYX, SIM_BESIDE);
    id = sign(world, STYX, SIM_BESIDE);
    judged_try(world, STYX, &id);
}

static void is_asked_for_what_is_not_for_it(struct world *world)
{
    struct message *end = network_message(ASK_ABORT, STYX);

    leave_out(world, STYX, SIM_BESIDE);
    end->id = sign(world, STYX, SIM_BESIDE);
    model_sends(world->model, end);
    network_message_free(end);
}

/* Its database is of before the second one. */
static void starts_what_an_older_database_leads(struct world *world)
{
    struct message *start = network_message(ASK_START, STYX);

    start->id = judged_id(STYX, 1, 0);
    sign(world, STYX, SIM_BESIDE);
    model_sends(world->model, start);
    network_message_free(start);
}

static void asks_for_what_was_never_made(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);
    struct message *pop = network_message(ASK_POP, STYX);

    confirm(world, &id);
    pop->id = id;
    model_asks_older(world->model, pop);
    pop->id.start.bytes[1]++;
    if (world->violation[0] == '\0')
        model_asks_older(world->model, pop);
    network_message_free(pop);
}

const struct judged judged_stacks[] = {
    {"16: styx takes attempt 1 back, and attempt 2 stands above it", goes_from_the_middle},
    {"16: styx takes attempt 1 back below the open trial of 2", goes_below_a_trial},
    {"16: styx has taken attempt 1 from below attempt 2", ends_from_the_middle},
    {"17: styx takes attempt 2 back, and nobody who may has asked for that", goes_unasked},
    {"17: styx takes attempt 2 back, and nobody who may has asked for that", goes_for_another},
    {"17: styx takes attempt 1 back, and nobody who may has asked for that",
     goes_unsigned_from_below},
    {"17: styx takes attempt 2 back, and nobody who may has asked for that",
     goes_unsigned_too_late},
    {"7: styx has taken attempt 2 back, and operation 2 of what stands there",
     takes_the_lower_along},
    {"7: styx has taken attempt 2 back, and operation 2 of what stands there", leaves_a_hole},
    {"7: styx has taken attempt 2 back, and operation 3 of what stands there",
     reverts_more_than_its_own},
    {"7: styx says that 1 generations stand there, and not those 2", says_less_than_stands},
    {"7: styx says that 2 generations stand there, and not those 2", says_another_order},
    {"18: styx is touched where a proof failed, and nobody says why it is made", touches_reworded},
    {"16: at the end attempt 1 stands on styx, and its guard took an order", forgets_an_order},
    {"20: the next attempt is signed, and attempt 1 is on trial on styx", signs_beside_a_trial},
    {"20: the next attempt is signed, and attempt 1 is led: paused", signs_beside_a_rollout},
    {"20: styx applies sequence 1, and 2 was signed behind its end", begins_behind_its_end},
    {"17: styx is asked for attempt 1 back, which it never made", asks_for_what_was_never_made},
    {"20: styx is started by attempt 1, and 2 was signed behind it",
     starts_what_an_older_database_leads},
    {"4: styx applies sequence 2, which is not for it", touches_what_is_not_for_it},
    {"4: styx is asked for what is not for it", is_asked_for_what_is_not_for_it},
    {NULL, NULL},
};

/* Both go, by one order: the top first; and each by what its controller asks, in that order. */
static void go_by_one_order(struct world *world)
{
    struct two two = stand(world, SIM_REPLACES);

    judged_order(world, STYX, &two.below);
    pop(world, &two.above);
    tell_stack(world, &two.below, 1);
    pop(world, &two.below);
    tell_stack(world, NULL, 0);
}

static void go_one_by_one(struct world *world)
{
    struct two two = stand(world, SIM_BESIDE);

    ask_back(world, &two.above);
    pop(world, &two.above);
    ask_back(world, &two.below);
    pop(world, &two.below);
}

/* The objects are others: nobody has to say anything of that. */
static void touches_beside_a_failed_proof(struct world *world)
{
    try_behind_a_failed_proof(world, SIM_BESIDE);
}

/* Others took the place that both changes put their own in. */
static void goes_where_others_stand(struct world *world)
{
    struct two two = stand(world, SIM_REPLACES);
    struct host *styx = &world->hosts[STYX];

    styx->kernel->usurped[SIM_FIRST] = styx->kernel->usurped[SIM_REPLACES] = true;
    judged_order(world, STYX, &two.above);
    model_reverting(world->model, STYX, &two.above);
    put(world, &two.above, false);
    styx->in_kernel[SIM_FIRST][SIM_RULE] = false;
    judged_mark(world, STYX, &two.above, MARK_POPPED, true);
}

const struct judged judged_fine_stacks[] = {
    {"", go_by_one_order},         {"", go_one_by_one}, {"", touches_beside_a_failed_proof},
    {"", goes_where_others_stand}, {NULL, NULL},
};
