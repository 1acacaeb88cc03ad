/*
 * bench_rehearse: how long a rehearsal takes, from the question to its answer, on the host that
 * this network namespace is. Usage: bench_rehearse SOCKET; prints "routes milliseconds".
 *
 * The plan is a shield of two rules with its rescue route, and a route: what a change usually has.
 */
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <time.h>

#include "agent/guard/io/apply.h"
#include "agent/guard/io/rehearse.h"
#include "common/core/text.h"

static double now_ms(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

static struct address address(const char *text)
{
    struct address parsed = {0};

    address_parse(text, &parsed);
    return parsed;
}

static struct operation reply_rule(uint32_t priority, uint32_t table)
{
    struct operation operation = {.kind = OPERATION_RULE, .shield = true};
    struct address own = address("203.0.113.10");

    operation.rule.rule = (struct rule){.family = FAMILY_IPV4,
                                        .action = FR_ACT_TO_TBL,
                                        .priority = priority,
                                        .table = table,
                                        .uid_last = UINT32_MAX,
                                        .suppress_prefixlength = -1,
                                        .suppress_ifgroup = -1,
                                        .source = prefix_make(&own, 32)};
    return operation;
}

static struct operation gateway_route(const char *destination, uint8_t len, uint32_t table)
{
    struct operation operation = {.kind = OPERATION_ROUTE};
    struct address network = address(destination);

    text_copy(operation.route.device, DEVICE_SIZE, "eth0");
    operation.route.route =
        (struct route){.destination = prefix_make(&network, len),
                       .table = table,
                       .type = RTN_UNICAST,
                       .hops_count = 1,
                       .hop = {.gateway = address("203.0.113.1"), .weight = 1, .onlink = true}};
    return operation;
}

int main(int argc, char **argv)
{
    const struct operation plan[] = {
        reply_rule(SHIELD_PRIORITY_FROM, RT_TABLE_MAIN),
        reply_rule(SHIELD_PRIORITY_RESCUE, RESCUE_TABLE),
        gateway_route("0.0.0.0", 0, RESCUE_TABLE),
        gateway_route("198.18.0.0", 15, RT_TABLE_MAIN),
    };
    enum { COUNT = sizeof(plan) / sizeof(plan[0]) };
    const struct apply kernel_only = {.tailscale_socket = NULL};
    static struct rehearsal rehearsal;
    struct snapshot host;
    struct err err = ERR_INIT;
    double start;

    if (argc != 2 || !apply_read(&kernel_only, &host, &err)) {
        fprintf(stderr, "usage: bench_rehearse SOCKET %s\n", err.text);
        return 2;
    }
    start = now_ms();
    AUTO_WIRE struct wire_bytes question = wire_encode_rehearse(&host, plan, COUNT);
    if (!rehearse_ask(argv[1], wire_lend(&question), rehearse_patience_ms(host.routes_count),
                      &rehearsal, &err) ||
        rehearsal_judge(&rehearsal, COUNT) != VERDICT_PASS || rehearsal.lacks[0] != '\0') {
        fprintf(stderr, "bench_rehearse: %s %s %s\n", err.text, rehearsal.lacks,
                rehearsal.operations[rehearsal_worst(&rehearsal) % COUNT].why);
        return 1;
    }
    printf("%zu %.3f\n", host.routes_count, now_ms() - start);
    snapshot_done(&host);
    return 0;
}
