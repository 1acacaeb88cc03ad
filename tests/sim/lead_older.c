/*
 * lead_older: an emergency of a rollout that is not the newest: the controller leads it no more, so
 * it asks the guards for their stacks, and for the generation that it finds there. Whether that may
 * go is theirs to say.
 */
#include "tests/sim/sim.h"

enum { ASKED_AGAIN_MS = 5000 };

void lead_want_older(struct world *world, int host, uint64_t sequence)
{
    if (!lead_listens(world) || !lead_keep(world))
        return;
    world->lead.older[host] = sequence;
    world_tell(world, "The controller is to take attempt %llu back on %s",
               (unsigned long long)sequence, world->hosts[host].name);
    network_greet(world, host);
}

void lead_ask_older(struct world *world)
{
    for (int i = 0; i < world->nodes_count && world->now % ASKED_AGAIN_MS == 0; i++) {
        if (world->lead.older[i] != 0 && lead_listens(world))
            network_greet(world, i);
    }
}

static void ask_back(struct world *world, int host, const struct stack *stack,
                     const struct generation_id *id)
{
    struct message *pop = network_message(ASK_POP, host);

    pop->id = *id;
    pop->nonce = stack->nonce;
    model_asks_older(world->model, pop);
    network_send(world, pop);
}

/* What is not there any more is done with; one of which a receipt is still to come is too. */
void lead_older_stack(struct world *world, int host, const struct stack *stack)
{
    uint64_t sequence = world->lead.older[host];
    const struct generation *generation;

    if (sequence == 0 || !lead_listens(world))
        return;
    generation = stack_find(stack, &world->approvals[sequence - 1].attempt);
    if (generation == NULL)
        world->lead.older[host] = 0;
    else
        ask_back(world, host, stack, &generation->id);
}
