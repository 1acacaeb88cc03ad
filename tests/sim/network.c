/*
 * network: messages between the controller and the hosts' agents, late, twice, or never.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

enum {
    LATE_MAX_MS = 120000,
    TOLD_DELAY_MS = 2000,
    NORMAL_DELAY_MS = 20,
    SPARES_MAX = 64,
    DIAL_DELAY_MS = 100
};

static bool is_upward(const struct message *message)
{
    return message->kind >= TELL_STACK;
}

/* Large, and one for each event: those that are done with are taken again. */
static struct {
    unsigned count;
    struct message *list[SPARES_MAX];
} spare;

struct message *network_message(enum message_kind kind, int host)
{
    struct message *message =
        spare.count > 0 ? spare.list[--spare.count] : mem_resize(NULL, 1, sizeof(*message));

    memset(message, 0, offsetof(struct message, receipt));
    message->kind = kind;
    message->host = host;
    return message;
}

void network_message_free(struct message *message)
{
    if (message != NULL && spare.count < SPARES_MAX)
        spare.list[spare.count++] = message;
    else
        free(message);
}

/* Now: what is on its way when a link breaks may still arrive. */
static bool gets_through(struct world *world, const struct message *message)
{
    const struct host *host = &world->hosts[message->host];

    if (!host->agent_up || sim_is_cut_off(host))
        return false;
    if (is_upward(message) ? !host->up_link : !host->down_link)
        return false;
    if (message->fresh && !host->dials)
        return false;
    return true;
}

static const char *const message_names[] = {
    [ASK_STACK] = "a hello",
    [ASK_PREPARE] = "a prepare",
    [ASK_START] = "a start",
    [ASK_ABORT] = "an abort",
    [ASK_POP] = "a pop",
    [ASK_ORDER] = "an operator's order",
    [ASK_STATEMENT] = "a question to a witness",
    [ASK_STANDING] = "the question whether it stands",
    [GIVE_STATEMENT] = "a witness's statement",
    [TELL_STACK] = "a signed stack",
    [TELL_PREPARED] = "a prepare nonce",
    [TELL_NONCE] = "a renewal nonce",
    [TELL_STATEMENT] = "a statement",
    [TELL_REFUSED] = "a refusal",
    [TELL_RECEIPT] = "a receipt",
};
_Static_assert(sizeof(message_names) / sizeof(message_names[0]) == TELL_RECEIPT + 1,
               "one name each");

static void tell_fate(struct world *world, const struct message *message, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void tell_fate(struct world *world, const struct message *message, const char *format, ...)
{
    char fate[80];
    va_list arguments;

    if (world->telling == TELLS_NOTHING)
        return;
    va_start(arguments, format);
    vsnprintf(fate, sizeof(fate), format, arguments);
    va_end(arguments);
    world_tell(world, "%c%s %s %s %s", message_names[message->kind][0] - 'a' + 'A',
               message_names[message->kind] + 1, is_upward(message) ? "from" : "to",
               world->hosts[message->host].name, fate);
}

static void send_once(struct world *world, struct message *message, bool again)
{
    int64_t delay = chance_between(fault_draw(&world->faults, message->host), 1, NORMAL_DELAY_MS);

    struct chance *how = fault_strikes(&world->faults, FAULT_DELAY, message->host);

    if (how != NULL)
        delay += chance_between(how, 0, world->faults.delay_max_ms);
    how = again ? fault_strikes(&world->faults, FAULT_LATE, message->host) : NULL;
    if (how != NULL)
        delay += chance_between(how, 1000, LATE_MAX_MS);
    if (how != NULL || delay > TOLD_DELAY_MS)
        tell_fate(world, message, "is on its way for %lld ms", (long long)delay);
    if (message->fresh)
        delay += DIAL_DELAY_MS;
    struct happening arrival = {.at = world->now + delay,
                                .kind = HAPPENS_MESSAGE,
                                .host = message->host,
                                .message = message};

    world_schedule(world, &arrival);
}

/* Its agent with the message in hand: passed on already, or not. */
static bool is_dropped(struct world *world, const struct message *message)
{
    struct chance *how = fault_strikes(&world->faults, FAULT_AGENT_DIES_AMID, message->host);
    bool dropped;

    if (how == NULL)
        return false;
    dropped = chance_permille(how, 500);
    chaos_stop_agent(world, message->host, how);
    return dropped;
}

void network_send(struct world *world, struct message *message)
{
    message->journal = world->hosts[message->host].journal;
    if (world->hostile != NULL)
        hostile_hear(world, message);
    if ((world->tap != NULL && world->tap(world, message)) || !gets_through(world, message)) {
        network_message_free(message);
        return;
    }
    if (is_upward(message) && is_dropped(world, message)) {
        network_message_free(message);
        return;
    }
    if (fault_strikes(&world->faults, FAULT_LOSS, message->host) != NULL) {
        tell_fate(world, message, "is lost%s", "");
        network_message_free(message);
        return;
    }
    if (fault_strikes(&world->faults, FAULT_DUPLICATE, message->host) != NULL)
        send_once(world, mem_copy(message, sizeof(*message)), true);
    send_once(world, message, false);
}

/* A witness opens a new SSH connection, which takes its time, and says what it saw. Nobody is his
 * own. */
static void witness(struct world *world, const struct message *asked)
{
    struct message *told;

    if (asked->host == asked->subject)
        return;
    told = network_message(TELL_STATEMENT, asked->host);
    told->statement = (struct sim_statement){.signer = asked->host,
                                             .subject = asked->subject,
                                             .body = asked->id.attempt.body,
                                             .nonce = asked->nonce,
                                             .phase = asked->phase,
                                             .value = sim_says(world, asked->host, asked->subject)};
    model_says(world->model, asked->host, asked->subject, told->statement.value);
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
    if (!host->agent_up || is_dropped(world, message))
        return;
    if (message->kind == ASK_STATEMENT)
        witness(world, message);
    else if (message->host < world->nodes_count)
        guard_take_message(world, message);
}

void network_greet(struct world *world, int host)
{
    struct happening later = {.at = world->lead.writing_until, .kind = HAPPENS_GREET, .host = host};
    struct message *hello;

    if (lead_is_writing(world)) {
        world_schedule(world, &later);
        return;
    }
    hello = network_message(ASK_STACK, host);
    hello->nonce = lead_challenge(world, host);
    network_send(world, hello);
}
