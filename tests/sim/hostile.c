/*
 * hostile: a controller that lies, replays, mixes and holds back. It sees everything that passes
 * and may send anything to anybody, but it has nobody's key: statements, receipts and approvals are
 * only those that it has heard. Beside it the shipped controller goes on, and cannot know.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

enum { HEARD_MAX = 96, STATEMENTS_HEARD_MAX = 256, MOVES_MAX = 8 };

struct hostile {
    uint32_t heard_count; /* ever */
    struct message heard[HEARD_MAX];
    uint32_t statements_count;
    struct sim_statement statements[STATEMENTS_HEARD_MAX];
    struct generation_id offered[SIM_HOSTS_MAX]; /* the newest nonce of each guard */
    struct nonce hello[SIM_HOSTS_MAX];           /* of its latest stack */
    uint32_t stood_count[SIM_HOSTS_MAX];         /* what that says to stand there */
    struct generation_id stood[SIM_HOSTS_MAX][SIM_ATTEMPTS_MAX];
    uint32_t receipts_count;
    struct receipt receipts[STATEMENTS_HEARD_MAX];
};

struct hostile *hostile_new(void)
{
    return mem_alloc(1, sizeof(struct hostile));
}

void hostile_free(struct hostile *hostile)
{
    free(hostile);
}

static void hear_stack(struct hostile *hostile, int host, const struct stack *stack)
{
    hostile->hello[host] = stack->nonce;
    hostile->stood_count[host] = 0;
    for (uint32_t i = 0; i < stack->generations_count && i < SIM_ATTEMPTS_MAX; i++)
        hostile->stood[host][hostile->stood_count[host]++] = stack->generations[i].id;
}

void hostile_hear(struct world *world, const struct message *message)
{
    struct hostile *hostile = world->hostile;

    hostile->heard[hostile->heard_count++ % HEARD_MAX] = *message;
    if (message->kind == TELL_STATEMENT)
        hostile->statements[hostile->statements_count++ % STATEMENTS_HEARD_MAX] =
            message->statement;
    else if (message->kind == TELL_PREPARED)
        hostile->offered[message->host] = message->id;
    else if (message->kind == TELL_STACK)
        hear_stack(hostile, message->host, &message->stack);
    else if (message->kind == TELL_RECEIPT)
        hostile->receipts[hostile->receipts_count++ % STATEMENTS_HEARD_MAX] = message->receipt;
}

static uint32_t pick(struct world *world, uint32_t count, uint32_t max)
{
    return (uint32_t)chance_between(&world->chance, 0, (count < max ? count : max) - 1);
}

/* ---- what it sends --------------------------------------------------------------------------- */

/* All that it has over that nonce, and some that it has over others. */
static void mix_statements(struct world *world, struct message *start)
{
    const struct hostile *hostile = world->hostile;
    uint32_t kept = hostile->statements_count < STATEMENTS_HEARD_MAX ? hostile->statements_count
                                                                     : STATEMENTS_HEARD_MAX;

    for (uint32_t i = 0; i < kept && start->statements_count < SIM_STATEMENTS_MAX; i++) {
        if (nonce_equal(&hostile->statements[i].nonce, &start->id.start) ||
            chance_permille(&world->chance, 60))
            start->statements[start->statements_count++] = hostile->statements[i];
    }
}

static void make_start(struct world *world, struct message *message)
{
    message->kind = ASK_START;
    message->id = world->hostile->offered[message->host];
    mix_statements(world, message);
}

static void make_prepare(struct world *world, struct message *message)
{
    message->kind = ASK_PREPARE;
    message->id.attempt =
        world->approvals[chance_between(&world->chance, 0, world->attempt - 1)].attempt;
}

/* Over a nonce that any guard has out, of anybody. */
static void make_question(struct world *world, struct message *message)
{
    message->kind = chance_permille(&world->chance, 500) ? ASK_STANDING : ASK_STATEMENT;
    message->subject = (int)chance_between(&world->chance, 0, world->nodes_count - 1);
    message->phase = PHASE_BASELINE;
    message->id.attempt =
        world->approvals[chance_between(&world->chance, 0, world->attempt - 1)].attempt;
    message->nonce = world->hostile->offered[message->subject].start;
}

static void make_end(struct world *world, struct message *message)
{
    const struct hostile *hostile = world->hostile;

    message->kind = chance_permille(&world->chance, 500) ? ASK_ABORT : ASK_POP;
    message->id = hostile->offered[message->host];
    if (hostile->stood_count[message->host] > 1)
        message->id = hostile->stood[message->host][pick(world, hostile->stood_count[message->host],
                                                         SIM_ATTEMPTS_MAX)];
    message->nonce = hostile->hello[message->host];
    if (hostile->receipts_count == 0)
        return;
    message->has_fellow = true;
    message->receipt =
        hostile->receipts[pick(world, hostile->receipts_count, STATEMENTS_HEARD_MAX)];
}

/* Again, late; now and then to somebody else. */
static void replay(struct world *world, struct message *message)
{
    const struct hostile *hostile = world->hostile;
    int other = message->host;

    if (hostile->heard_count == 0)
        return;
    *message = hostile->heard[pick(world, hostile->heard_count, HEARD_MAX)];
    if (message->kind < TELL_STACK && chance_permille(&world->chance, 200))
        message->host = other;
}

static void give_old_statement(struct world *world, struct message *message)
{
    const struct hostile *hostile = world->hostile;

    if (hostile->statements_count == 0)
        return;
    message->kind = GIVE_STATEMENT;
    message->statement =
        hostile->statements[pick(world, hostile->statements_count, STATEMENTS_HEARD_MAX)];
}

static void make_move(struct world *world, struct message *message)
{
    message->kind = ASK_STACK;
    message->host = (int)chance_between(&world->chance, 0, world->nodes_count - 1);
    switch (chance_between(&world->chance, 0, 9)) {
    case 0:
    case 1:
        make_start(world, message);
        break;
    case 2:
    case 3:
        make_prepare(world, message);
        break;
    case 4:
    case 5:
        make_question(world, message);
        break;
    case 6:
        replay(world, message);
        break;
    case 7:
        give_old_statement(world, message);
        break;
    case 8:
        if (chance_permille(&world->chance, 20)) /* else nothing would ever stand */
            make_end(world, message);
        break;
    default: /* a hello: nonces of ends are of the latest one */
        message->nonce = chance_nonce(&world->chance);
        break;
    }
}

void hostile_strike(struct world *world)
{
    int64_t moves = chance_between(&world->chance, 0, MOVES_MAX);

    for (; moves > 0; moves--) {
        struct happening arrival = {.at = world->now + chance_between(&world->chance, 1, 900),
                                    .kind = HAPPENS_MESSAGE};

        arrival.message = mem_alloc(1, sizeof(*arrival.message));
        make_move(world, arrival.message);
        arrival.host = arrival.message->host;
        world_schedule(world, &arrival);
    }
}
