/*
 * fib_model: asks the model what the kernel would do; test_fib_kernel.py compares.
 *
 * usage: fib_model [kernel]
 *
 * Reads lines of ip_lines on standard input (kernel: goes by what the guard reads of the network
 * namespace that it is in), and among them questions, answered in order on standard output with one
 * line each:
 *
 *   ask DESTINATION [from ADDRESS] [iif D] [oif D] [mark N] [tos N] [uid N] [ipproto N] [dport N]
 *
 *   unicast 52 10.0.0.0/8 eth0 10.0.0.1     type, table, prefix, device, gateway or "-"
 *   blackhole                               or prohibit, unreachable: no way
 *   unknown                                 it cannot tell
 */
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/io/netlink.h"
#include "common/core/mem.h"
#include "common/net/fib.h"
#include "tests/unit/ip_lines.h"

enum { INPUT_MAX = 1 << 22 };

static void read_word(struct flow *flow, const char *word, const char *value)
{
    if (text_equal(word, "from"))
        address_parse(value, &flow->source);
    else if (text_equal(word, "iif"))
        text_copy(flow->iif, sizeof(flow->iif), value);
    else if (text_equal(word, "oif"))
        text_copy(flow->oif, sizeof(flow->oif), value);
    else if (text_equal(word, "mark"))
        flow->mark = (uint32_t)strtoul(value, NULL, 0);
    else if (text_equal(word, "tos"))
        flow->tos = (uint8_t)strtoul(value, NULL, 0);
    else if (text_equal(word, "uid"))
        flow->uid = (uint32_t)strtoul(value, NULL, 0);
    else if (text_equal(word, "ipproto"))
        flow->ip_proto = (uint8_t)strtoul(value, NULL, 0);
    else if (text_equal(word, "dport"))
        flow->dport = (uint16_t)strtoul(value, NULL, 0);
    else
        abort();
}

static void answer(const struct fib *fib, char *line)
{
    static const char *const refusals[] = {[FIB_UNREACHABLE] = "unreachable",
                                           [FIB_PROHIBIT] = "prohibit",
                                           [FIB_BLACKHOLE] = "blackhole",
                                           [FIB_UNKNOWN] = "unknown"};
    struct flow flow = {.mark = 0};
    struct fib_decision decision;
    const struct link *link = NULL;
    struct address none = {.family = FAMILY_NONE};
    char prefix[PREFIX_TEXT_SIZE];
    char gateway[ADDRESS_TEXT_SIZE];
    char *rest = NULL;

    strtok_r(line, " ", &rest);
    if (!address_parse(strtok_r(NULL, " ", &rest), &flow.destination))
        abort();
    for (char *word = strtok_r(NULL, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        read_word(&flow, word, strtok_r(NULL, " ", &rest));
    fib_lookup(fib, &flow, &decision);
    if (decision.outcome != FIB_FORWARD && decision.outcome != FIB_LOCAL) {
        printf("%s\n", refusals[decision.outcome]);
        return;
    }
    if (decision.hop != NULL)
        link = snapshot_find_link(fib_snapshot(fib), decision.hop->link);
    printf("%s %u %s %s %s\n", decision.outcome == FIB_LOCAL ? "local" : "unicast",
           decision.route->table, prefix_format(&decision.route->destination, prefix),
           link != NULL ? link->name : "-",
           address_format(decision.hop != NULL ? &decision.hop->gateway : &none, gateway));
}

static void begin(struct snapshot *snapshot, bool of_kernel)
{
    struct err err = ERR_INIT;

    if (!of_kernel) {
        snapshot_init(snapshot);
    } else if (!netlink_snapshot(snapshot, &err)) {
        fprintf(stderr, "fib_model: %s\n", err.text);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    char *input = mem_alloc(INPUT_MAX, 1);
    size_t len = fread(input, 1, INPUT_MAX - 1, stdin);
    struct snapshot snapshot;
    struct fib *fib;
    char *rest = NULL;
    char *asks = mem_alloc(len + 1, 1);
    size_t asks_len = 0;

    begin(&snapshot, argc > 1 && text_equal(argv[1], "kernel"));
    for (char *line = strtok_r(input, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (text_starts(line, "ask "))
            asks_len += (size_t)sprintf(asks + asks_len, "%s\n", line);
        else
            ip_lines_add(&snapshot, line);
    }
    fib = fib_new(&snapshot);
    rest = NULL;
    for (char *line = strtok_r(asks, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        answer(fib, line);
    fib_free(fib);
    snapshot_done(&snapshot);
    free(asks);
    free(input);
    return 0;
}
