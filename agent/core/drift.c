/*
 * drift: which of Oceanid's own rules, routes and addresses are gone, or stand altered.
 */
#include "agent/core/drift.h"

#include <stdio.h>

#include "common/core/text.h"
#include "common/net/owner.h"
#include "common/net/render.h"

static void add_owned(struct drift *drift, const char *line)
{
    if (drift->count < DRIFT_MAX)
        text_copy(drift->owned[drift->count++], SENTENCE_SIZE, line);
}

static void render_owned_rule(const struct rule *rule, char *line, size_t size)
{
    struct text text;

    text_init(&text, line, size);
    text_add(&text, "%s", rule->family == FAMILY_IPV6 ? "-6 " : "");
    render_rule(rule, &text);
}

static void render_owned_route(const struct route *route, const struct snapshot *snapshot,
                               char *line, size_t size)
{
    struct text text;

    text_init(&text, line, size);
    render_route(route, snapshot, &text);
}

void drift_take(struct drift *drift, const struct snapshot *snapshot)
{
    char line[SENTENCE_SIZE];

    drift->count = 0;
    for (size_t i = 0; i < snapshot->rules_count; i++) {
        if (!owner_row(owner_of_rule(&snapshot->rules[i]))->drift)
            continue;
        render_owned_rule(&snapshot->rules[i], line, sizeof(line));
        add_owned(drift, line);
    }
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        if (!owner_row(owner_of_route(&snapshot->routes[i], snapshot))->drift ||
            snapshot->routes[i].clone)
            continue;
        render_owned_route(&snapshot->routes[i], snapshot, line, sizeof(line));
        add_owned(drift, line);
    }
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        struct text text;

        if (!owner_row(owner_of_address(&snapshot->addresses[i], snapshot))->drift)
            continue;
        text_init(&text, line, sizeof(line));
        render_address(&snapshot->addresses[i], snapshot, &text);
        add_owned(drift, line);
    }
}

static bool stands(const struct drift *now, const char *line)
{
    for (uint32_t i = 0; i < now->count; i++) {
        if (text_equal(now->owned[i], line))
            return true;
    }
    return false;
}

uint32_t drift_find(const struct drift *drift, const struct snapshot *snapshot,
                    char (*ret_lines)[SENTENCE_SIZE], uint32_t max)
{
    struct drift now;
    uint32_t count = 0;

    drift_take(&now, snapshot);
    for (uint32_t i = 0; i < drift->count && count < max; i++) {
        if (!stands(&now, drift->owned[i]))
            snprintf(ret_lines[count++], SENTENCE_SIZE, "- %.190s", drift->owned[i]);
    }
    return count;
}
