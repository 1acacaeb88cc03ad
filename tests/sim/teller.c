/*
 * teller: what comes to pass, for people: the story in sentences, the trace with every effect.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/core/text.h"
#include "tests/sim/sim.h"

static void put(struct world *world, const char *line)
{
    if (world->out != NULL) {
        fprintf(world->out, "%s%s\n", world->golden ? "-- " : "", line);
        return;
    }
    if (world->tail == NULL)
        world->tail = mem_alloc(SIM_TAIL_LINES, sizeof(*world->tail));
    text_copy(world->tail[world->tail_count++ % SIM_TAIL_LINES], SIM_LINE_SIZE, line);
}

enum { DAY_S = 86400 };

static void put_time(const struct world *world, struct text *text)
{
    long long seconds = world->now / 1000;

    if (world->golden && seconds >= DAY_S)
        text_add(text, "day %lld, ", seconds / DAY_S);
    if (world->golden) {
        text_add(text, "%02lld:%02lld:%02lld  ", seconds % DAY_S / 3600, seconds % 3600 / 60,
                 seconds % 60);
        return;
    }
    text_add(text, "%5lld.%03lld s  ", (long long)(world->now / 1000),
             (long long)(world->now % 1000));
}

void world_say(struct world *world, const char *who, const char *format, ...)
{
    char line[SIM_LINE_SIZE];
    struct text text = TEXT_IN(line);
    va_list arguments;

    if (world->telling != TELLS_ALL)
        return;
    put_time(world, &text);
    text_add(&text, "%-10s ", who);
    va_start(arguments, format);
    vsnprintf(line + text.len, sizeof(line) - text.len, format, arguments);
    va_end(arguments);
    put(world, line);
}

void world_tell(struct world *world, const char *format, ...)
{
    size_t len;
    char line[SIM_LINE_SIZE];
    struct text text = TEXT_IN(line);
    va_list arguments;

    if (world->telling == TELLS_NOTHING)
        return;
    put_time(world, &text);
    va_start(arguments, format);
    vsnprintf(line + text.len, sizeof(line) - text.len - 1, format, arguments);
    va_end(arguments);
    len = strlen(line);
    if (strchr(".?!", line[len - 1]) == NULL)
        text_copy(line + len, sizeof(line) - len, ".");
    put(world, line);
}

void world_print_tail(const struct world *world)
{
    uint64_t first = world->tail_count > SIM_TAIL_LINES ? world->tail_count - SIM_TAIL_LINES : 0;

    if (first > 0)
        printf("  (%llu earlier sentences are left out)\n", (unsigned long long)first);
    for (uint64_t i = first; i < world->tail_count; i++)
        printf("%s\n", world->tail[i % SIM_TAIL_LINES]);
}

/* ---- the machines ---------------------------------------------------------------------------- */

static const struct receipt *find_receipt(const struct host *host, const struct hash *hash)
{
    for (uint32_t i = 0; i < host->ledger->ends_count; i++) {
        if (hash_equal(&host->ledger->ends[i].receipt_hash, hash))
            return &host->ledger->ends[i].receipt;
    }
    return NULL;
}

static void tell_receipt(struct world *world, const struct host *host, const struct hash *hash)
{
    const struct receipt *receipt = find_receipt(host, hash);

    if (receipt == NULL)
        return;
    world_tell(world, "%s signs its receipt: %s%s%s", host->name, receipt_kind_name(receipt->kind),
               receipt->cause != CAUSE_NONE ? ", for " : "",
               receipt->cause != CAUSE_NONE ? end_cause_name(receipt->cause) : "");
}

void world_tell_guard(struct world *world, int number, const struct guard_effect *effect)
{
    const struct host *host = &world->hosts[number];
    char line[SIM_LINE_SIZE];

    if (world->telling == TELLS_NOTHING)
        return;
    guard_effect_render(effect, line, sizeof(line));
    if (world->telling == TELLS_ALL)
        world_say(world, host->name, "%s", line);
    else if (effect->kind == DO_PROGRESS)
        world_tell(world, "%s, %s", host->name, line);
    else if (effect->kind == DO_ALARM || effect->kind == DO_REFUSE)
        world_tell(world, "%s says: %s", host->name, line);
    else if (effect->kind == DO_SEND)
        tell_receipt(world, host, &effect->receipt);
}

/* What is asked again before there is an answer is no news. */
static bool is_news(struct world *world, const struct rollout_effect *effect)
{
    int host = world_find_host(world, effect->node);
    unsigned bit = 1u << effect->send.request;
    bool news = (world->lead.asked[host] & bit) == 0;

    world->lead.asked[host] |= bit;
    return news;
}

void world_tell_lead(struct world *world, const struct rollout_effect *effect)
{
    char line[SIM_LINE_SIZE];

    if (world->telling == TELLS_NOTHING)
        return;
    rollout_effect_render(effect, line, sizeof(line));
    if (world->telling == TELLS_ALL)
        world_say(world, "controller", "%s", line);
    else if (effect->kind == EFFECT_AUDIT)
        world_tell(world, "The controller, %s", effect->text);
    else if (effect->kind == EFFECT_SEND && effect->send.request != SEND_STACK &&
             is_news(world, effect))
        world_tell(world, "The controller asks %s for %s", effect->node,
                   effect->send.request == SEND_PREPARE ? "its preparation"
                   : effect->send.request == SEND_START ? "its start"
                   : effect->send.request == SEND_ABORT ? "an abort"
                                                        : "its way back");
}
