#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/net/fib.h"
#include "tests/unit/fib_case.h"
#include "tests/unit/ip_lines.h"

/* What every case stands on; the case adds its own lines. */
static const char host[] = "link lo 1 loopback\n"
                           "link eth0 2\n"
                           "link eth1 3\n"
                           "link tailscale0 4\n"
                           "address 203.0.113.10/24 dev eth0\n"
                           "address 172.18.0.1/16 dev eth1\n"
                           "address 100.64.0.2/32 dev tailscale0\n"
                           "address 2001:db8:1::10/64 dev eth0\n"
                           "route default via 203.0.113.1 dev eth0\n"
                           "route -6 default via fe80::1 dev eth0 metric 1024\n";

struct address address_of(const char *text)
{
    struct address address = {.family = FAMILY_NONE};

    if (text != NULL)
        assert_true(address_parse(text, &address));
    return address;
}

void make_host(struct snapshot *snapshot, const char *lines)
{
    snapshot_init(snapshot);
    ip_lines_add(snapshot, host);
    ip_lines_add_usual_rules(snapshot);
    ip_lines_add(snapshot, lines);
}

static void expect_decision(const struct decision_case *row)
{
    struct flow flow = row->flow;
    struct fib_decision decision;
    struct snapshot snapshot;
    char line[256] = "";
    struct text text = TEXT_IN(line);
    struct fib *fib;

    make_host(&snapshot, row->lines);
    fib = fib_new(&snapshot);
    flow.destination = address_of(row->to);
    flow.source = address_of(row->from);
    fib_lookup(fib, &flow, &decision);
    fib_explain(fib, &decision, &text);
    if (!text_equal(line, row->expect))
        print_error("%s\n", row->name);
    assert_string_equal(line, row->expect);
    fib_free(fib);
    snapshot_done(&snapshot);
}

void expect_decisions(const struct decision_case *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect_decision(&rows[i]);
}
