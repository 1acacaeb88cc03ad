/*
 * network: messages between the controller and the hosts' agents, late, twice, or never.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

enum { LATE_MAX_MS = 120000, NORMAL_DELAY_MS = 20, DIAL_DELAY_MS = 100 };

static bool is_upward(const struct message *message)
{
    return message->kind >= TELL_STACK;
}

/* Now: what is on its way when a link breaks may still arrive. */
static bool gets_through(struct world *world, const struct message *message)
{
    const struct host *host = &world->hosts[message->host];

    if (!host->agent_up || (sim_is_changed(host) && host->cuts_controller))
        return false;
    if (is_upward(message) ? !host->up_link : !host->down_link)
        return false;
    if (message->fresh && !host->dials)
        return false;
    return !chance_permille(&world->chance, world->quiet ? 0 : world->faults.loss_permille);
}

static void send_once(struct world *world, struct message *message, bool again)
{
    int64_t delay = chance_between(&world->chance, 1, NORMAL_DELAY_MS);

    if (!world->quiet)
        delay += chance_between(&world->chance, 0, world->faults.delay_max_ms);
    if (again && chance_permille(&world->chance, world->faults.late_permille))
        delay += chance_between(&world->chance, 1000, LATE_MAX_MS);
    if (message->fresh)
        delay += DIAL_DELAY_MS;
    struct happening arrival = {.at = world->now + delay,
                                .kind = HAPPENS_MESSAGE,
                                .host = message->host,
                                .message = message};

    world_schedule(world, &arrival);
}

void network_send(struct world *world, struct message *message)
{
    if (world->hostile != NULL)
        hostile_hear(world, message);
    if ((world->tap != NULL && world->tap(world, message)) || !gets_through(world, message)) {
        free(message);
        return;
    }
    if (!world->quiet && chance_permille(&world->chance, world->faults.duplicate_permille))
        send_once(world, mem_copy(message, sizeof(*message)), true);
    send_once(world, message, false);
}

/* A witness opens a new SSH connection, which takes its time, and says what it saw. */
static void witness(struct world *world, const struct message *asked)
{
    struct message *told = mem_alloc(1, sizeof(*told));
    bool sees = sim_sees(world, asked->host, asked->subject);

    told->kind = TELL_STATEMENT;
    told->host = asked->host;
    told->statement = (struct sim_statement){.signer = asked->host,
                                             .subject = asked->subject,
                                             .body = world->body,
                                             .nonce = asked->nonce,
                                             .phase = asked->phase,
                                             .value = sees ? VERDICT_PASS : VERDICT_FAIL};
    network_send(world, told);
}

void network_deliver(struct world *world, struct message *message)
{
    const struct host *host = &world->hosts[message->host];

    if (is_upward(message)) {
        if (world->lead.up)
            lead_take_message(world, message);
        return;
    }
    if (!host->agent_up)
        return;
    if (message->kind == ASK_STATEMENT)
        witness(world, message);
    else if (message->host < SIM_NODES)
        guard_take_message(world, message);
}

void network_greet(struct world *world, int host)
{
    struct message *hello = mem_alloc(1, sizeof(*hello));

    hello->kind = ASK_STACK;
    hello->host = host;
    hello->nonce = chance_nonce(&world->chance);
    network_send(world, hello);
}
