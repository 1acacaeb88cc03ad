/*
 * agents: many simulated agents in one process, over real links.
 */
#include "tests/bench/agents.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/schedule.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"

enum {
    ASK_MS = 40000,
    LATENCIES_MAX = 1 << 20,
    VERDICTS = 3,
    SLOTS = 3, /* hello, poll, report */
};
enum slot_kind { SLOT_HELLO, SLOT_POLL, SLOT_REPORT };
enum state { DIALLING, GREETING, WELCOMED, LOST };

/* One request under way; behind its agent's lock. */
struct slot {
    struct agent *agent;
    bool out, came;
    struct wire_bytes bytes; /* NULL: in vain */
    double asked_us, came_us;
};

struct agent {
    struct agents *all;
    unsigned index;
    char name[NAME_SIZE];
    struct link_client *client; /* NULL: between two dials */
    pthread_mutex_t lock;
    bool connected, gone; /* behind the lock */
    struct slot slots[SLOTS];
    unsigned flooding, flood_open;
    uint64_t flooded;
    enum state state; /* from here on the caller's thread alone */
    unsigned dials;
    mono_t dial_at;
    uint64_t acknowledged, report_id, reports;
    double report_at_us;
};

struct agents {
    const struct home *home;
    agents_guard_fn guard_fn;
    agents_witness_fn witness_fn;
    void *context;
    unsigned count, interval_ms;
    uint64_t reports;
    unsigned latencies_count;
    double *latencies;
    struct session_request *request; /* the one that is being encoded */
    struct wire_bytes flood;
    struct agent *list;
};

/* ---- on the library's threads ----------------------------------------------------------------
 */

static void on_state(void *context, bool connected)
{
    struct agent *agent = context;

    pthread_mutex_lock(&agent->lock);
    agent->connected = connected;
    agent->gone |= !connected;
    pthread_mutex_unlock(&agent->lock);
}

static void on_reply(void *context, const struct bytes *reply, const char *reason)
{
    struct slot *slot = context;

    (void)reason;
    pthread_mutex_lock(&slot->agent->lock);
    slot->came = true;
    slot->came_us = time_us();
    if (reply != NULL)
        slot->bytes = (struct wire_bytes){mem_copy(reply->data, reply->len), reply->len};
    pthread_mutex_unlock(&slot->agent->lock);
}

static void on_flood(void *context, const struct bytes *reply, const char *reason)
{
    struct agent *agent = context;

    (void)reason;
    pthread_mutex_lock(&agent->lock);
    agent->flood_open--;
    agent->flooded += reply != NULL;
    pthread_mutex_unlock(&agent->lock);
}

/* A report that nobody waits for: its effect is looked at. */
static void on_said(void *context, const struct bytes *reply, const char *reason)
{
    (void)context;
    (void)reply;
    (void)reason;
}

/* ---- asking ----------------------------------------------------------------------------------
 */

static struct session_request *new_request(struct agents *agents, enum session_request_kind kind)
{
    memset(agents->request, 0, sizeof(*agents->request));
    agents->request->kind = kind;
    return agents->request;
}

static void ask(struct agent *agent, enum slot_kind kind, const struct session_request *request)
{
    AUTO_WIRE struct wire_bytes bytes = wire_encode_session_request(request);
    struct slot *slot = &agent->slots[kind];

    slot->out = true;
    slot->asked_us = time_us();
    link_client_ask(agent->client, wire_lend(&bytes), ASK_MS, on_reply, slot);
}

static void say_hello_begin(struct agent *agent)
{
    struct session_request *request = new_request(agent->all, ASK_HELLO_BEGIN);

    request->protocol = WIRE_PROTOCOL;
    text_copy(request->name, sizeof(request->name), agent->name);
    ask(agent, SLOT_HELLO, request);
    agent->state = GREETING;
}

static struct wire_bytes make_stack(const struct agent *agent, const struct nonce *challenge)
{
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));

    text_copy(stack->node, sizeof(stack->node), agent->name);
    clock_random(stack->nonce.bytes, NONCE_SIZE);
    stack->challenge = *challenge;
    stack->receipt_index = 1;
    stack->trial_open = agent->index == 0;
    if (stack->trial_open)
        stack->trial = agent->all->home->on_trial;
    text_copy(stack->trial_state, sizeof(stack->trial_state),
              stack->trial_open ? "soaking" : "idle");
    return wire_encode_stack(stack, home_guard(agent->all->home, agent->index));
}

static void say_hello(struct agent *agent, const struct nonce *challenge)
{
    struct session_request *request = new_request(agent->all, ASK_HELLO);
    AUTO_WIRE struct wire_bytes payload = wire_challenge_payload(challenge, agent->name);

    text_copy(request->name, sizeof(request->name), agent->name);
    text_copy(request->version, sizeof(request->version), "bench");
    text_copy(request->boot_id, sizeof(request->boot_id), "boot");
    request->challenge = *challenge;
    sign_make(agent->all->home->keys[agent->index], SIGN_CHALLENGE, wire_lend(&payload),
              &request->signature);
    request->stack = make_stack(agent, challenge);
    ask(agent, SLOT_HELLO, request);
    wire_bytes_done(&request->stack);
}

static void say_poll(struct agent *agent)
{
    struct session_request *request = new_request(agent->all, ASK_POLL);

    request->id = agent->acknowledged;
    ask(agent, SLOT_POLL, request);
}

static void fill_report(struct session_request *request, uint64_t id)
{
    request->id = id;
    request->verdicts_count = VERDICTS;
    for (unsigned i = 0; i < VERDICTS; i++) {
        struct verdict *verdict = &request->verdicts[i];

        snprintf(verdict->check, sizeof(verdict->check), "check-%u", i);
        verdict->value = VERDICT_PASS;
        verdict->severity = SEVERITY_WARNING;
        verdict->took_ms = (unsigned)(id % 1000);
        text_copy(verdict->expected, REASON_SIZE, "an answer within 5 s");
        text_copy(verdict->observed, REASON_SIZE, "answered");
    }
}

static void say_report(struct agent *agent, double now_us)
{
    struct session_request *request = new_request(agent->all, ASK_REPORT);

    fill_report(request, ++agent->report_id);
    agent->report_at_us = now_us + agent->all->interval_ms * 1e3;
    ask(agent, SLOT_REPORT, request);
}

static void flood(struct agent *agent)
{
    unsigned missing;

    pthread_mutex_lock(&agent->lock);
    missing = agent->flooding - agent->flood_open;
    agent->flood_open = agent->flooding;
    pthread_mutex_unlock(&agent->lock);
    while (missing-- > 0)
        link_client_ask(agent->client, wire_lend(&agent->all->flood), ASK_MS, on_flood, agent);
}

/* ---- answers ---------------------------------------------------------------------------------
 */

static void take_command(struct agent *agent, const struct session_reply *reply)
{
    struct agents *agents = agent->all;
    struct guard_request request;
    struct err err = ERR_INIT;

    if (reply->id > agent->acknowledged)
        agent->acknowledged = reply->id;
    if (reply->command == COMMAND_WITNESS)
        agents->witness_fn(agents->context, agent->index, &reply->nonce);
    if (reply->command != COMMAND_GUARD ||
        !wire_decode_guard_request(wire_lend(&reply->guard), &request, &err))
        return;
    agents->guard_fn(agents->context, agent->index, &request, agent->slots[SLOT_POLL].came_us);
    guard_request_done(&request);
}

static void note_latency(struct agent *agent)
{
    struct agents *agents = agent->all;

    agents->reports++;
    agent->reports++;
    if (agents->latencies_count < LATENCIES_MAX)
        agents->latencies[agents->latencies_count++] =
            agent->slots[SLOT_REPORT].came_us - agent->slots[SLOT_REPORT].asked_us;
}

static void take_reply(struct agent *agent, const struct session_reply *reply)
{
    switch (reply->kind) {
    case ANSWER_CHALLENGE:
        say_hello(agent, &reply->challenge);
        break;
    case ANSWER_WELCOME:
        agent->state = WELCOMED;
        agent->dials = 0;
        agent->acknowledged = 0;
        agent->report_at_us = time_us() + (double)(agent->index % 1000) * agent->all->interval_ms;
        break;
    case ANSWER_ACK:
        note_latency(agent);
        break;
    case ANSWER_COMMAND:
        take_command(agent, reply);
        break;
    case ANSWER_DENY:
    case SESSION_REPLY_COUNT:
        fprintf(stderr, "bench_agents: %s is refused: %s\n", agent->name, reply->reason);
        agent->state = LOST;
        break;
    }
}

static bool take_slot(struct agent *agent, enum slot_kind kind, struct wire_bytes *ret_bytes)
{
    struct slot *slot = &agent->slots[kind];
    bool came;

    pthread_mutex_lock(&agent->lock);
    came = slot->came;
    if (came) {
        *ret_bytes = slot->bytes;
        slot->bytes = (struct wire_bytes){NULL, 0};
        slot->came = slot->out = false;
    }
    pthread_mutex_unlock(&agent->lock);
    return came;
}

static void take_slots(struct agent *agent)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
        struct session_reply reply;
        struct err err = ERR_INIT;

        if (!take_slot(agent, (enum slot_kind)i, &bytes))
            continue;
        if (bytes.data == NULL || !wire_decode_session_reply(wire_lend(&bytes), &reply, &err)) {
            agent->state = LOST;
            continue;
        }
        take_reply(agent, &reply);
        session_reply_done(&reply);
    }
}

/* ---- one turn --------------------------------------------------------------------------------
 */

static void dial(struct agent *agent)
{
    const struct home *home = agent->all->home;
    struct link_client_options options = {.url = home->url,
                                          .tls = identity_tls(&home->agent),
                                          .state_fn = on_state,
                                          .context = agent};
    struct err err = ERR_INIT;

    agent->connected = agent->gone = false;
    memset(agent->slots, 0, sizeof(agent->slots));
    for (unsigned i = 0; i < SLOTS; i++)
        agent->slots[i].agent = agent;
    agent->client = link_client_new(&options, &err);
    if (agent->client == NULL) {
        fprintf(stderr, "bench_agents: %s\n", err.text);
        exit(1);
    }
    agent->state = DIALLING;
    agent->dial_at = MONO_NEVER;
}

/* As the shipped agent: a new dial, jittered and ever later. */
static void hang_up(struct agent *agent)
{
    uint32_t random;

    link_client_free(agent->client);
    agent->client = NULL;
    for (unsigned i = 0; i < SLOTS; i++)
        wire_bytes_done(&agent->slots[i].bytes);
    clock_random(&random, sizeof(random));
    agent->dial_at = clock_now() + schedule_dial_ms(agent->dials++, false, random);
    agent->state = LOST;
}

static void go_on(struct agent *agent, double now_us)
{
    if (agent->state != WELCOMED)
        return;
    if (!agent->slots[SLOT_POLL].out)
        say_poll(agent);
    if (agent->flooding > 0)
        flood(agent);
    else if (agent->all->interval_ms > 0 && !agent->slots[SLOT_REPORT].out &&
             now_us >= agent->report_at_us)
        say_report(agent, now_us);
}

static void turn_one(struct agent *agent, double now_us)
{
    bool connected, gone;

    if (agent->client == NULL) {
        if (agent->dial_at <= clock_now())
            dial(agent);
        return;
    }
    pthread_mutex_lock(&agent->lock);
    connected = agent->connected;
    gone = agent->gone;
    pthread_mutex_unlock(&agent->lock);
    if (agent->state == DIALLING && connected)
        say_hello_begin(agent);
    take_slots(agent);
    if (gone || agent->state == LOST)
        hang_up(agent);
    else
        go_on(agent, now_us);
}

void agents_turn(struct agents *agents)
{
    double now_us = time_us();

    for (unsigned i = 0; i < agents->count; i++)
        turn_one(&agents->list[i], now_us);
}

/* ---- all of them -----------------------------------------------------------------------------
 */

struct agents *agents_new(const struct home *home, agents_guard_fn guard_fn,
                          agents_witness_fn witness_fn, void *context)
{
    struct agents *agents = mem_alloc(1, sizeof(*agents));

    *agents = (struct agents){.home = home,
                              .guard_fn = guard_fn,
                              .witness_fn = witness_fn,
                              .context = context,
                              .count = home->count};
    agents->latencies = mem_alloc(LATENCIES_MAX, sizeof(*agents->latencies));
    agents->request = mem_alloc(1, sizeof(*agents->request));
    agents->list = mem_alloc(agents->count, sizeof(*agents->list));
    fill_report(new_request(agents, ASK_REPORT), 1);
    agents->flood = wire_encode_session_request(agents->request);
    for (unsigned i = 0; i < agents->count; i++) {
        struct agent *agent = &agents->list[i];

        agent->all = agents;
        agent->index = i;
        pthread_mutex_init(&agent->lock, NULL);
        snprintf(agent->name, sizeof(agent->name), "n%u", i);
    }
    return agents;
}

void agents_free(struct agents *agents)
{
    for (unsigned i = 0; i < agents->count; i++) {
        if (agents->list[i].client != NULL)
            hang_up(&agents->list[i]);
        pthread_mutex_destroy(&agents->list[i].lock);
    }
    wire_bytes_done(&agents->flood);
    free(agents->list);
    free(agents->request);
    free(agents->latencies);
    free(agents);
}

unsigned agents_welcomed(const struct agents *agents)
{
    unsigned welcomed = 0;

    for (unsigned i = 0; i < agents->count; i++)
        welcomed += agents->list[i].state == WELCOMED;
    return welcomed;
}

void agents_set_reports(struct agents *agents, unsigned interval_ms)
{
    double now_us = time_us();

    agents->interval_ms = interval_ms;
    for (unsigned i = 0; i < agents->count; i++)
        agents->list[i].report_at_us = now_us + 1e3 * interval_ms * i / agents->count;
}

void agents_set_flood(struct agents *agents, unsigned index, unsigned open_count)
{
    agents->list[index].flooding = open_count;
}

void agents_tally(const struct agents *agents, struct agents_tally *ret_tally)
{
    *ret_tally = (struct agents_tally){.reports = agents->reports,
                                       .latencies_count = agents->latencies_count,
                                       .latencies = agents->latencies};
    for (unsigned i = 0; i < agents->count; i++) {
        struct agent *agent = &agents->list[i];

        pthread_mutex_lock(&agent->lock);
        ret_tally->floods += agent->flooded;
        pthread_mutex_unlock(&agent->lock);
        ret_tally->unheard += agent->flooding == 0 && agent->reports == 0;
    }
}

void agents_reset(struct agents *agents)
{
    agents->reports = 0;
    agents->latencies_count = 0;
    for (unsigned i = 0; i < agents->count; i++) {
        pthread_mutex_lock(&agents->list[i].lock);
        agents->list[i].flooded = 0;
        pthread_mutex_unlock(&agents->list[i].lock);
        agents->list[i].reports = 0;
    }
}

struct bytes agents_report(const struct agents *agents)
{
    return wire_lend(&agents->flood);
}

static void say(struct agent *agent, const struct session_request *request)
{
    AUTO_WIRE struct wire_bytes bytes = wire_encode_session_request(request);

    link_client_ask(agent->client, wire_lend(&bytes), ASK_MS, on_said, agent);
}

void agents_say_guard(struct agents *agents, unsigned index, const struct guard_report *report)
{
    struct session_request *request = new_request(agents, ASK_REPORT);
    AUTO_WIRE struct wire_bytes bytes = wire_encode_guard_report(report);

    request->id = ++agents->list[index].report_id;
    request->guard = &bytes;
    request->guard_count = 1;
    say(&agents->list[index], request);
}

void agents_say_statement(struct agents *agents, unsigned index, const struct statement *statement)
{
    struct session_request *request = new_request(agents, ASK_REPORT);

    request->id = ++agents->list[index].report_id;
    request->statement = wire_encode_statement(statement, agents->home->keys[index]);
    say(&agents->list[index], request);
    wire_bytes_done(&request->statement);
}
