/*
 * judged_back: of what the controller sends, and of taking back: what the model has to say when
 * something of it goes wrong.
 */
#include "tests/sim/judged.h"

static struct message *end_of(int host, enum message_kind kind, const struct generation_id *id)
{
    struct message *message = network_message(kind, host);

    message->id = *id;
    return message;
}

/* As it is on the controller's disk then. */
static void store(struct world *world, enum rollout_state state, enum target_wants wants)
{
    struct lead *lead = &world->lead;

    lead->rollout->record.state = state;
    for (int i = 0; i < world->nodes_count; i++)
        lead->rollout->record.targets[i].wants = wants;
    lead->stored = lead->rollout->record;
    lead->has_stored = true;
}

static bool sends(struct world *world, enum message_kind kind, const struct generation_id *id)
{
    struct message *message = end_of(STYX, kind, id);

    model_sends(world->model, message);
    network_message_free(message);
    return world->violation[0] == '\0';
}

static void tell_stack(struct world *world, int host)
{
    struct message *stack = network_message(TELL_STACK, host);

    model_lead_takes(world->model, stack, world->now);
    network_message_free(stack);
}

/* What the first is started by is on the disk, and everybody has said what stands there. */
static struct generation_id lead_to_start(struct world *world)
{
    struct generation_id id = {.attempt = world->lead.rollout->record.attempt, .start = {{1}}};

    for (int host = STYX; host <= TETHYS; host++)
        tell_stack(world, host);
    store(world, ROLLOUT_STAGE, WANTS_CHANGE);
    world->lead.stored.targets[STYX].in_doubt = true;
    world->lead.stored.targets[STYX].generation.start = id.start;
    return id;
}

static void starts_unlearned(struct world *world)
{
    struct generation_id id = lead_to_start(world);

    if (!sends(world, ASK_START, &id))
        return; /* that was well */
    model_lead_resumes(world->model);
    tell_stack(world, STYX);
    tell_stack(world, TETHYS);
    sends(world, ASK_START, &id);
}

static void starts_unstored(struct world *world)
{
    struct generation_id id = lead_to_start(world);

    if (!sends(world, ASK_START, &id))
        return; /* that was well */
    world->lead.stored.targets[STYX].in_doubt = false;
    sends(world, ASK_START, &id);
}

static void starts_over_another_nonce(struct world *world)
{
    struct generation_id id = lead_to_start(world);

    id.start.bytes[0]++;
    sends(world, ASK_START, &id);
}

static void asks_back_unstored(struct world *world)
{
    struct generation_id id = {.attempt = world->lead.rollout->record.attempt};

    store(world, ROLLOUT_REVERTING, WANTS_REVERT);
    if (!sends(world, ASK_POP, &id))
        return; /* that was well */
    store(world, ROLLOUT_STAGE, WANTS_REVERT);
    sends(world, ASK_ABORT, &id);
}

/* Its disk has refused the step, and it goes on. */
static void goes_on_without_its_disk(struct world *world)
{
    store(world, ROLLOUT_STAGE, WANTS_CHANGE);
    model_leaves(world->model, STYX);
    if (world->violation[0] != '\0')
        return; /* that was well */
    world->lead.rollout->record.state = ROLLOUT_PAUSED;
    model_leaves(world->model, STYX);
}

static void goes_on_knowing_more(struct world *world)
{
    store(world, ROLLOUT_STAGE, WANTS_CHANGE);
    world->lead.rollout->record.targets[CALYPSO].begun = true;
    model_leaves(world->model, STYX);
    if (world->violation[0] == '\0')
        model_leaves(world->model, CALYPSO);
}

static void confirm_all(struct world *world)
{
    for (int host = STYX; host <= TETHYS; host++) {
        struct generation_id id = judged_id(host, 1, 0);

        judged_confirm(world, host, &id);
    }
}

static void pops_the_oldest(struct world *world)
{
    confirm_all(world);
    store(world, ROLLOUT_REVERTING, WANTS_REVERT);
    model_pops(world->model, TETHYS);
    model_emergency(world->model, STYX);
    model_pops(world->model, STYX);
    if (world->violation[0] != '\0')
        return; /* the newest may go, and who was called for */
    model_lead_begins(world->model);
    model_pops(world->model, STYX);
}

/* It says so, and the controller takes its time. */
static void waits_in_an_emergency(struct world *world)
{
    confirm_all(world);
    store(world, ROLLOUT_REVERTING, WANTS_REVERT);
    world->lead.rollout->record.emergency = true;
    tell_stack(world, STYX);
    world->now += 6000;
    model_check(world->model);
    if (world->violation[0] != '\0')
        return; /* that is in time */
    world->now++;
    model_check(world->model);
}

/* ---- taking back ----------------------------------------------------------------------------- */

static void keep_trying(struct world *world, int64_t for_ms)
{
    for (mono_t end = world->now + for_ms; world->now < end; world->now += 250) {
        model_undoes(world->model, STYX);
        model_check(world->model);
    }
}

static void take_back(struct world *world)
{
    struct generation_id id = judged_id(STYX, 1, 0);

    judged_try(world, STYX, &id);
    model_reverting(world->model, STYX, &id);
}

static void does_nothing(struct world *world)
{
    take_back(world);
    keep_trying(world, 5000);
    if (world->violation[0] == '\0')
        world->now += 3000;
    model_check(world->model);
}

static void raises_no_alarm(struct world *world)
{
    take_back(world);
    keep_trying(world, 20500);
    if (world->violation[0] == '\0')
        keep_trying(world, 500);
}

static void raises_its_alarm(struct world *world)
{
    take_back(world);
    keep_trying(world, 19000);
    model_alarm(world->model, STYX);
    keep_trying(world, 30000);
}

static void check_leaves_a_trial(struct world *world)
{
    world->lead.rollout->record.state = ROLLOUT_REVERTING;
    model_check_failed(world->model, 1u << STYX);
    if (world->violation[0] != '\0')
        return; /* it is taken back */
    world->lead.rollout->record.state = ROLLOUT_STAGE;
    model_check_failed(world->model, 1u << STYX);
}

const struct judged judged_backs[] = {
    {"6: styx is started, and calypso has not said what stands there", starts_unlearned},
    {"6: styx is started, and that it is in doubt was not stored", starts_unstored},
    {"6: styx is started, and that it is in doubt was not stored", starts_over_another_nonce},
    {"6: styx is asked back, and that was not stored", asks_back_unstored},
    {"6: something goes to styx, and that the rollout is paused was not stored",
     goes_on_without_its_disk},
    {"6: something goes to calypso, and what is known of it was not stored", goes_on_knowing_more},
    {"7: styx is taken back before calypso, which confirmed after it", pops_the_oldest},
    {"7: in an emergency styx says that it stands, and is not asked back in 6001 ms",
     waits_in_an_emergency},
    {"3: styx has what it takes back, and did nothing for 3", does_nothing},
    {"3: styx takes it back for 205", raises_no_alarm},
    {"9: a critical check newly fails, and styx stays in doubt in a rollout that is stage",
     check_leaves_a_trial},
    {NULL, NULL},
};

const struct judged judged_fine_backs[] = {
    {"", raises_its_alarm},
    {NULL, NULL},
};
