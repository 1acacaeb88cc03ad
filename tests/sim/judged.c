/*
 * judged: the model of the invariants, shown for each of its judgements what it has to see; and a
 * good rollout, of which it has nothing to say.
 */
#include "tests/sim/judged.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BEGIN_MS = 100000, PERIOD_MS = 2000 };

/* ---- a trial, as a bystander sees it --------------------------------------------------------- */

struct generation_id judged_id(int host, uint64_t sequence, unsigned n)
{
    struct generation_id id = {.attempt = {.sequence = sequence}};

    memset(id.attempt.body.bytes, 7, HASH_SIZE);
    id.start.bytes[0] = (uint8_t)(1 + host);
    id.start.bytes[1] = (uint8_t)n;
    return id;
}

struct guard_record *judged_record(const struct world *world, int host, enum record_kind kind,
                                   const struct generation_id *id)
{
    struct guard_record *record = mem_alloc(1, sizeof(*record));

    record->kind = kind;
    record->id = *id;
    record->at = world_unix(world, &world->hosts[host]);
    return record;
}

void judged_prepare(struct world *world, int host, const struct generation_id *id)
{
    model_prepare(world->model, host, id);
    model_offer(world->model, host, id);
}

void judged_start(struct world *world, int host, const struct generation_id *id)
{
    AUTO_FREE struct message *start = mem_alloc(1, sizeof(*start));
    AUTO_FREE struct guard_record *begin = judged_record(world, host, RECORD_BEGIN, id);

    start->host = host;
    start->id = *id;
    for (int signer = 0; signer < world->hosts_count; signer++)
        start->statements[start->statements_count++] =
            (struct sim_statement){.signer = signer,
                                   .subject = host,
                                   .nonce = id->start,
                                   .phase = PHASE_BASELINE,
                                   .value = VERDICT_PASS};
    model_start(world->model, start);
    model_started(world->model, host);
    model_record(world->model, host, begin, true);
}

void judged_intend(struct world *world, int host, const struct generation_id *id)
{
    for (uint32_t i = 0; i < SIM_OPERATIONS; i++) {
        AUTO_FREE struct guard_record *intent = judged_record(world, host, RECORD_INTENT, id);

        intent->operation = i;
        model_record(world->model, host, intent, true);
    }
}

void judged_set_kernel(struct world *world, int host, bool there)
{
    for (int i = 0; i < SIM_OPERATIONS; i++)
        world->hosts[host].in_kernel[SIM_FIRST][i] = there;
}

void judged_touch(struct world *world, int host, const struct generation_id *id)
{
    for (uint32_t i = 0; i < SIM_OPERATIONS; i++)
        model_touch(world->model, host, id, i);
    judged_set_kernel(world, host, true);
}

void judged_mark(struct world *world, int host, const struct generation_id *id, enum mark mark,
                 bool durable)
{
    AUTO_FREE struct guard_record *record = judged_record(world, host, RECORD_MARK, id);

    record->mark = mark;
    model_record(world->model, host, record, durable);
}

struct nonce judged_nonce(struct world *world, int host, bool fresh, bool last)
{
    struct guard_nonce nonce = {.fresh_connection = fresh, .last = last};

    nonce.nonce = chance_nonce(&world->chance);
    model_nonce(world->model, host, &nonce);
    return nonce.nonce;
}

void judged_say(struct world *world, int host, int signer, const struct nonce *nonce,
                enum verdict_value value)
{
    struct sim_statement statement = {
        .signer = signer, .subject = host, .nonce = *nonce, .phase = PHASE_RENEWAL, .value = value};

    model_proof(world->model, host, &statement);
}

void judged_prove(struct world *world, int host, const struct nonce *nonce)
{
    judged_say(world, host, OFFICE, nonce, VERDICT_PASS);
    judged_say(world, host, (host + 1) % world->nodes_count, nonce, VERDICT_PASS);
    judged_say(world, host, host, nonce, VERDICT_PASS);
    model_check(world->model);
}

void judged_try(struct world *world, int host, const struct generation_id *id)
{
    judged_prepare(world, host, id);
    judged_start(world, host, id);
    judged_intend(world, host, id);
    judged_touch(world, host, id);
    model_check(world->model);
}

void judged_soak(struct world *world, int host)
{
    struct nonce nonce = judged_nonce(world, host, true, false);

    judged_prove(world, host, &nonce);
    for (int64_t soaked = 0; soaked < SOAK_MS; soaked += PERIOD_MS) {
        world->now += PERIOD_MS;
        nonce = judged_nonce(world, host, false, false);
        judged_prove(world, host, &nonce);
    }
}

void judged_confirm(struct world *world, int host, const struct generation_id *id)
{
    struct nonce last;

    judged_try(world, host, id);
    judged_soak(world, host);
    last = judged_nonce(world, host, true, true);
    judged_prove(world, host, &last);
    judged_mark(world, host, id, MARK_CONFIRMING, true);
    judged_mark(world, host, id, MARK_CONFIRMED, true);
    model_check(world->model);
}

void judged_order(struct world *world, int host, const struct generation_id *id)
{
    struct message *order = network_message(ASK_ORDER, host);

    order->id = *id;
    model_asked_back(world->model, order);
    network_message_free(order);
}

void judged_pop(struct world *world, int host, const struct generation_id *id)
{
    judged_order(world, host, id);
    model_reverting(world->model, host, id);
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* Every node, one after the other: the fleet has the change, and the controller knows it. */
static void play_good(struct world *world)
{
    struct rollout_record *record = &world->lead.rollout->record;

    for (int host = 0; host < world->nodes_count; host++) {
        struct generation_id id = judged_id(host, 1, 0);
        struct receipt receipt = {.generation = id, .kind = RECEIPT_CONFIRMED};

        judged_confirm(world, host, &id);
        model_receipt(world->model, host, &receipt);
        record->targets[host].receipt = RECEIPT_CONFIRMED;
    }
    record->state = ROLLOUT_COMPLETE;
    model_check(world->model);
    model_check_end(world->model);
}

/* The judgements that were heard, each by its format. */
static const char *heard[128];
static size_t heard_count;

static void hear(const char *format)
{
    for (size_t i = 0; i < heard_count; i++) {
        if (strcmp(heard[i], format) == 0)
            return;
    }
    if (heard_count < sizeof(heard) / sizeof(heard[0]))
        heard[heard_count++] = format;
}

static bool play(const struct judged *judged, bool is_good)
{
    struct world_plan plan = {.seed = 1, .way = WORLD_CALM, .nodes = SIM_NODES};
    struct world *world = world_new(&plan);
    bool right;

    world->now = BEGIN_MS;
    world_begin(world);
    judged->play(world);
    right = is_good ? world->violation[0] == '\0'
                    : strncmp(world->violation, judged->says, strlen(judged->says)) == 0;
    printf("judged %s%s%s\n", is_good ? "good: " : "", world->violation,
           right ? "" : ": that is not what it has to say");
    if (!right)
        printf("expected: %s\n", is_good ? "nothing" : judged->says);
    if (!is_good && right)
        hear(world->violated_by);
    world_free(world);
    return right;
}

int judged_run(void)
{
    static const struct judged *const kinds[] = {judged_trials, judged_fleets, judged_backs,
                                                 judged_stacks};
    static const struct judged *const fine[] = {judged_fine_trials, judged_fine_fleets,
                                                judged_fine_backs, judged_fine_stacks};
    static const struct judged good = {"", play_good};
    bool right = play(&good, true);

    for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
        for (const struct judged *at = fine[kind]; at->says != NULL; at++)
            right &= play(at, true);
        for (const struct judged *at = kinds[kind]; at->says != NULL; at++)
            right &= play(at, false);
    }
    printf("%zu judgements were heard\n", heard_count);
    return !right;
}
