/*
 * kernel: a node's simulated kernel, and how the shipped undo judges it.
 */
#include "tests/sim/kernel.h"

#include <stdio.h>
#include <string.h>

#include "agent/guard/core/undo_sysctl.h"
#include "common/core/text.h"
#include "common/net/predict.h"
#include "tests/unit/ip_lines.h"

enum { LINES_SIZE = 512 };

/* What each change puts. */
static const char *const shields[SIM_CHANGES] = {
    "rule 5140 from 203.0.113.10 lookup main",
    "rule 5141 from 203.0.113.10 lookup main",
    "rule 5142 from 203.0.113.10 lookup main",
};
static const char *const routes[SIM_CHANGES] = {
    "route 192.0.2.0/24 dev eth0",
    NULL, /* the same with a gateway, which each host has of its own */
    "route 192.0.2.0/24 dev eth0 table 200",
};
static const char *const settings[SIM_CHANGES] = {
    "net.ipv4.ip_forward",
    "net.ipv6.conf.eth0.accept_redirects",
    "net.ipv6.conf.eth0.use_tempaddr",
};
enum { BESIDE_TABLE = 200, FIRST_SHIELD = 5140 };
static const char links[] = "link lo 1 loopback\nlink eth0 2\n";

/* Beside what the change puts: its destination by another metric or in another table, a part of
 * it, its priority with another selector, another's twin of its rule, a rule before it. And in the
 * place of its route. */
static const char *const others[SIM_OTHERS] = {
    "route 192.0.2.0/24 dev eth0 metric 50",
    "route 192.0.2.0/25 dev eth0",
    "route 192.0.2.0/24 dev eth0 table 100",
    "rule 5140 from 192.0.2.128/25 lookup 100",
    "rule 5140 from 203.0.113.10 lookup main",
    "rule 5139 from 203.0.113.10 lookup main",
    "route blackhole 192.0.2.0/24",
};

/* ---- as it is built -------------------------------------------------------------------------- */

/* Each host has a network of its own: whoever looks from there counts as from anywhere. */
struct address kernel_address(int host)
{
    char text[ADDRESS_TEXT_SIZE];
    struct address address;

    snprintf(text, sizeof(text), "198.18.%d.10", host);
    address_parse(text, &address);
    return address;
}

static void build(struct kernel *kernel, int host, const bool set[SIM_CHANGES])
{
    char lines[LINES_SIZE];

    snapshot_init(&kernel->now);
    snprintf(lines, sizeof(lines),
             "%saddress 127.0.0.1/8 dev lo\n"
             "address 198.18.%d.10/24 dev eth0\n"
             "route default via 198.18.%d.1 dev eth0\n",
             links, host, host);
    ip_lines_add(&kernel->now, lines);
    ip_lines_add_usual_rules(&kernel->now);
    kernel->base_routes = kernel->now.routes_count;
    kernel->base_rules = kernel->now.rules_count;
    for (int change = 0; change < SIM_CHANGES; change++) {
        struct sysctl *sysctl = snapshot_add_sysctl(&kernel->now);

        text_copy(sysctl->name, sizeof(sysctl->name), settings[change]);
        text_copy(sysctl->value, sizeof(sysctl->value), set[change] ? "1" : "0");
    }
}

void kernel_init(struct kernel *kernel, int host)
{
    static const bool none[SIM_CHANGES];

    build(kernel, host, none);
}

void kernel_begin(struct kernel *kernel, int change)
{
    for (int i = 0; i < SIM_OPERATIONS; i++) {
        if (kernel->done[change][i])
            undo_item_done(&kernel->undo[change][i]);
        kernel->done[change][i] = false;
    }
}

void kernel_done(struct kernel *kernel)
{
    snapshot_done(&kernel->now);
    for (int change = 0; change < SIM_CHANGES; change++)
        kernel_begin(kernel, change);
}

static void write_route(int change, int host, char *to, size_t size)
{
    if (routes[change] != NULL)
        text_copy(to, size, routes[change]);
    else
        snprintf(to, size, "route 192.0.2.0/24 via 198.18.%d.1 dev eth0", host);
}

void kernel_fill_operations(int change, int host, struct operation operations[SIM_OPERATIONS])
{
    struct sysctl *pref = &operations[SIM_PREF].sysctl.setting;
    char route[LINES_SIZE];

    write_route(change, host, route, sizeof(route));
    operations[SIM_SHIELD] = ip_lines_operation(links, shields[change]);
    operations[SIM_SHIELD].shield = true;
    operations[SIM_RULE] = ip_lines_operation(links, route);
    memset(&operations[SIM_PREF], 0, sizeof(operations[SIM_PREF]));
    operations[SIM_PREF].kind = OPERATION_SYSCTL;
    text_copy(pref->name, sizeof(pref->name), settings[change]);
    text_copy(pref->value, sizeof(pref->value), "1");
}

/* ---- the change ------------------------------------------------------------------------------ */

bool kernel_overlap(int change, int other)
{
    return change == other || (change != SIM_BESIDE && other != SIM_BESIDE);
}

/* Where others have a black hole, the gates see the answers to SSH end in it. */
bool kernel_is_taken(int change, unsigned there)
{
    return (change == SIM_FIRST && (there & 1u << SIM_TWIN) != 0) ||
           (there & 1u << SIM_USURPER) != 0;
}

bool kernel_can(const struct kernel *kernel, const struct operation *operations, struct err *why)
{
    struct snapshot after;

    if (!predict_apply(&kernel->now, operations, SIM_OPERATIONS, &after, why))
        return false;
    snapshot_done(&after);
    return true;
}

bool kernel_apply(struct kernel *kernel, int change, const struct operation *operation,
                  uint32_t number, struct err *why)
{
    struct undo_item *item = &kernel->undo[change][number];

    if (!operation_check(operation, &kernel->now, why))
        return false;
    if (kernel->done[change][number])
        undo_item_done(item);
    kernel->done[change][number] = true;
    undo_derive(operation, number, &kernel->now, item);
    operation_predict(operation, &kernel->now);
    undo_take_after(item, &kernel->now);
    kernel->usurped[change] &= number != SIM_RULE;
    return true;
}

void kernel_put_back(struct kernel *kernel, int change, const struct operation *operation)
{
    if (operation->kind == OPERATION_ROUTE && change != SIM_BESIDE &&
        (kernel->others & 1u << SIM_USURPER) != 0)
        kernel->usurped[change] = true;
    else
        operation_predict(operation, &kernel->now);
}

static enum undo_state judge(const struct kernel *kernel, int change, uint32_t number)
{
    char why[REASON_SIZE];

    if (!kernel->done[change][number])
        return UNDO_RESTORED;
    return undo_judge(&kernel->undo[change][number], &kernel->now, why, sizeof(why));
}

static void write_setting(struct kernel *kernel, int change, const struct undo_item *item)
{
    struct snapshot after;
    const char *value;

    undo_take_made(item, &after);
    value = undo_sysctl_value(item, &after, &kernel->now, 0);
    if (value != NULL)
        text_copy(kernel->now.sysctls[change].value, SYSCTL_VALUE_SIZE, value);
    snapshot_done(&after);
}

/* The one of its key that was there before takes its place again; one that nobody had just goes. */
static void write_route_back(struct snapshot *now, const struct undo_item *item)
{
    const struct route *was = undo_find_route(item, &item->before);
    const struct route *is = undo_find_route(item, now);
    struct operation back = item->change;

    if (is != NULL)
        snapshot_remove_route(now, (size_t)(is - now->routes));
    if (was == NULL)
        return;
    back.route.route.hop.gateway = was->hop.gateway;
    operation_predict(&back, now);
}

/* Of a rule and of a setting nothing of the same key was there before. */
void kernel_undo(struct kernel *kernel, int change, uint32_t number)
{
    const struct undo_item *item = &kernel->undo[change][number];
    struct snapshot *now = &kernel->now;
    const struct rule *rule;

    if (judge(kernel, change, number) != UNDO_NEEDED)
        return;
    rule = number == SIM_SHIELD ? undo_find_rule(item, now) : NULL;
    if (number == SIM_RULE)
        write_route_back(now, item);
    else if (rule != NULL)
        snapshot_remove_rule(now, (size_t)(rule - now->rules));
    else if (number == SIM_PREF)
        write_setting(kernel, change, item);
}

bool kernel_is_restored(const struct kernel *kernel, int change)
{
    for (uint32_t i = 0; i < SIM_OPERATIONS; i++) {
        if (judge(kernel, change, i) == UNDO_NEEDED)
            return false;
    }
    return true;
}

static bool is_route_of(const struct route *route, int change)
{
    return route->protocol == OCEANID_PROTOCOL &&
           (route->table == BESIDE_TABLE) == (change == SIM_BESIDE) &&
           address_is_set(&route->hop.gateway) == (change == SIM_REPLACES);
}

bool kernel_has(const struct kernel *kernel, int change, uint32_t number)
{
    const struct snapshot *now = &kernel->now;

    if (number == SIM_PREF)
        return now->sysctls[change].value[0] == '1';
    for (size_t i = 0; number == SIM_RULE && i < now->routes_count; i++) {
        if (is_route_of(&now->routes[i], change))
            return true;
    }
    for (size_t i = 0; number == SIM_SHIELD && i < now->rules_count; i++) {
        if (now->rules[i].protocol == OCEANID_PROTOCOL &&
            now->rules[i].priority == FIRST_SHIELD + (uint32_t)change)
            return true;
    }
    return false;
}

/* ---- others, and the power ------------------------------------------------------------------- */

const char *kernel_other_name(unsigned other)
{
    return others[other];
}

static void take_route(struct snapshot *now, const struct route *wanted, bool own)
{
    for (size_t i = 0; i < now->routes_count; i++) {
        const struct route *route = &now->routes[i];

        if ((route->protocol == OCEANID_PROTOCOL) == own && route->table == wanted->table &&
            route->metric == wanted->metric &&
            prefix_equal(&route->destination, &wanted->destination)) {
            snapshot_remove_route(now, i);
            return;
        }
    }
}

static void take_rule(struct snapshot *now, const struct rule *wanted)
{
    for (size_t i = 0; i < now->rules_count; i++) {
        const struct rule *rule = &now->rules[i];

        if (rule->protocol != OCEANID_PROTOCOL && rule->priority == wanted->priority &&
            prefix_equal(&rule->source, &wanted->source)) {
            snapshot_remove_rule(now, i);
            return;
        }
    }
}

/* NLM_F_REPLACE: whosever of the changes' it was. */
static void usurp(struct kernel *kernel, const struct route *route)
{
    if (kernel_has(kernel, SIM_FIRST, SIM_RULE) || kernel_has(kernel, SIM_REPLACES, SIM_RULE))
        kernel->usurped[SIM_FIRST] = kernel->usurped[SIM_REPLACES] = true;
    take_route(&kernel->now, route, true);
}

void kernel_turn_other(struct kernel *kernel, unsigned other)
{
    struct operation line = ip_lines_operation(links, others[other]);

    kernel->others ^= 1u << other;
    if (other == SIM_USURPER && (kernel->others & 1u << other) != 0)
        usurp(kernel, &line.route.route);
    if ((kernel->others & 1u << other) != 0)
        ip_lines_add(&kernel->now, others[other]);
    else if (line.kind == OPERATION_ROUTE)
        take_route(&kernel->now, &line.route.route, false);
    else
        take_rule(&kernel->now, &line.rule.rule);
}

void kernel_lose_power(struct kernel *kernel, int host)
{
    bool set[SIM_CHANGES];

    for (int change = 0; change < SIM_CHANGES; change++)
        set[change] = kernel_has(kernel, change, SIM_PREF);
    snapshot_done(&kernel->now);
    build(kernel, host, set);
    for (unsigned i = 0; i < SIM_OTHERS; i++) {
        if ((kernel->others & 1u << i) != 0)
            ip_lines_add(&kernel->now, others[i]);
    }
}
