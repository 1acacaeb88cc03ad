/*
 * fib_atoms: decides a flow for every destination of a prefix, by splitting it at the borders of
 * all routes and rules (atoms) and deciding one representative of each.
 */
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/net/fib.h"
#include "common/net/fib_hop.h"

/* Not "anywhere": nobody out there has such an address. */
static const struct {
    const char *prefix;
    bool always; /* false: only where the flow demands "anywhere" */
} passed_over[] = {
    {"0.0.0.0/8", true},      {"127.0.0.0/8", true},     {"169.254.0.0/16", true},
    {"224.0.0.0/4", true},    {"255.255.255.255", true}, {"::/127", true},
    {"fe80::/10", true},      {"ff00::/8", true},        {"10.0.0.0/8", false},
    {"172.16.0.0/12", false}, {"192.168.0.0/16", false}, {"100.64.0.0/10", false},
    {"240.0.0.0/4", false},   {"fc00::/7", false},
};
enum { PASSED_OVER = sizeof(passed_over) / sizeof(passed_over[0]) };

struct atoms {
    const struct protected_flow *flow;
    struct prefix passed[PASSED_OVER];
    struct address *starts;
    size_t count, capacity;
};

static void add_start(struct atoms *atoms, const struct address *start)
{
    if (!prefix_contains(&atoms->flow->destination, start))
        return;
    atoms->starts = mem_grow(atoms->starts, atoms->count, &atoms->capacity, sizeof(*start));
    atoms->starts[atoms->count++] = *start;
}

static void add_prefix(struct atoms *atoms, const struct prefix *prefix)
{
    struct address last, behind;

    if (prefix->address.family != atoms->flow->destination.address.family)
        return;
    add_start(atoms, &prefix->address);
    last = prefix_last(prefix);
    if (address_next(&last, &behind))
        add_start(atoms, &behind);
}

static int compare_starts(const void *a, const void *b)
{
    return address_compare(a, b);
}

static void sort_starts(struct atoms *atoms)
{
    size_t kept = 0;

    qsort(atoms->starts, atoms->count, sizeof(*atoms->starts), compare_starts);
    for (size_t i = 0; i < atoms->count; i++) {
        if (kept == 0 || !address_equal(&atoms->starts[kept - 1], &atoms->starts[i]))
            atoms->starts[kept++] = atoms->starts[i];
    }
    atoms->count = kept;
}

static void split(struct atoms *atoms, const struct snapshot *snapshot)
{
    add_start(atoms, &atoms->flow->destination.address);
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        if (!snapshot->routes[i].clone)
            add_prefix(atoms, &snapshot->routes[i].destination);
    }
    for (size_t i = 0; i < snapshot->rules_count; i++) {
        if (snapshot->rules[i].destination.len > 0)
            add_prefix(atoms, &snapshot->rules[i].destination);
    }
    for (int i = 0; i < PASSED_OVER; i++) {
        prefix_parse(passed_over[i].prefix, &atoms->passed[i]);
        add_prefix(atoms, &atoms->passed[i]);
    }
    sort_starts(atoms);
}

static bool is_passed_over(const struct atoms *atoms, const struct address *destination)
{
    for (int i = 0; i < PASSED_OVER; i++) {
        if ((passed_over[i].always || atoms->flow->destination.len == 0) &&
            prefix_contains(&atoms->passed[i], destination))
            return true;
    }
    return false;
}

/* A network that is connected to another device: its own way is right. */
static bool is_connected(const struct snapshot *snapshot, const struct fib_decision *decision)
{
    if (decision->route == NULL || address_is_set(&decision->hop->gateway))
        return false;
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        const struct link_address *own = &snapshot->addresses[i];
        struct prefix network = prefix_make(&own->address, own->prefix_len);

        if (own->link == decision->hop->link &&
            prefix_equal(&network, &decision->route->destination))
            return true;
    }
    return false;
}

/* "Must not leave by tailscale0" is kept by what does not leave at all. */
static bool forbids_only(const struct protected_flow *flow)
{
    return flow->not_device[0] != '\0' && flow->device[0] == '\0' &&
           !address_is_set(&flow->gateway);
}

static bool is_as_demanded(const struct fib *fib, const struct protected_flow *flow,
                           const struct hop *hop)
{
    const struct link *link = snapshot_find_link(fib_snapshot(fib), hop->link);

    if (flow->device[0] != '\0' && (link == NULL || !text_equal(link->name, flow->device)))
        return false;
    if (flow->not_device[0] != '\0' && link != NULL && text_equal(link->name, flow->not_device))
        return false;
    return !address_is_set(&flow->gateway) || address_equal(&flow->gateway, &hop->gateway);
}

/* The kernel spreads flows over all living hops: the first that is wrong, or NULL. */
static const struct hop *find_wrong_hop(const struct fib *fib, const struct protected_flow *flow,
                                        const struct fib_decision *decision)
{
    const struct hop *hop;

    if (!is_as_demanded(fib, flow, decision->hop))
        return decision->hop;
    if (flow->flow.oif[0] != '\0')
        return NULL;
    for (uint32_t i = 0; (hop = fib_hop_at(fib_snapshot(fib), decision->route, i)) != NULL; i++) {
        if (!hop->dead && !is_as_demanded(fib, flow, hop))
            return hop;
    }
    return NULL;
}

/* decision->hop becomes the wrong one of several. */
static bool leaves_as_demanded(const struct fib *fib, const struct protected_flow *flow,
                               struct fib_decision *decision)
{
    const struct hop *wrong;

    if (decision->outcome == FIB_LOCAL)
        return true;
    if (decision->outcome == FIB_UNKNOWN)
        return false;
    if (decision->outcome != FIB_FORWARD || decision->hop == NULL)
        return forbids_only(flow);
    if (flow->destination.len == 0 && is_connected(fib_snapshot(fib), decision))
        return true;
    wrong = find_wrong_hop(fib, flow, decision);
    if (wrong != NULL)
        decision->hop = wrong;
    return wrong == NULL;
}

/* A run of neighbouring atoms that violate in the same way. */
struct violation {
    bool open;
    struct address first, last;
    struct fib_decision decision;
};

static bool same_decision(const struct fib_decision *a, const struct fib_decision *b)
{
    return a->rule == b->rule && a->route == b->route && a->outcome == b->outcome;
}

/* The largest prefix that begins at first and does not reach beyond last. */
static struct prefix largest_prefix(const struct address *first, const struct address *last)
{
    uint8_t len = (uint8_t)address_bits(first->family);
    struct prefix best = prefix_make(first, len);

    while (len > 0) {
        struct prefix wider = prefix_make(first, (uint8_t)(len - 1));
        struct address end = prefix_last(&wider);

        if (!address_equal(&wider.address, first) || address_compare(&end, last) > 0)
            break;
        best = wider;
        len--;
    }
    return best;
}

struct reporter {
    fib_violation_fn violation_fn;
    void *context;
    unsigned count;
    bool stopped;
};

/* Tells the run as the fewest prefixes that cover exactly it. */
static void report(struct reporter *reporter, struct violation *violation)
{
    struct address first = violation->first;

    while (violation->open && !reporter->stopped) {
        struct prefix prefix = largest_prefix(&first, &violation->last);
        struct address end = prefix_last(&prefix);

        reporter->count++;
        reporter->stopped =
            !reporter->violation_fn(reporter->context, &prefix, &violation->decision);
        if (address_compare(&end, &violation->last) >= 0 || !address_next(&end, &first))
            break;
    }
    violation->open = false;
}

static struct address last_of(const struct atoms *atoms, size_t i)
{
    struct address last = prefix_last(&atoms->flow->destination);

    if (i + 1 < atoms->count) {
        last = atoms->starts[i + 1];
        for (unsigned at = address_bits(last.family) / 8; at-- > 0;) {
            if (last.bytes[at]-- != 0)
                break;
        }
    }
    return last;
}

static void decide_atom(const struct fib *fib, const struct atoms *atoms, size_t i,
                        struct violation *violation, struct reporter *reporter)
{
    struct flow flow = atoms->flow->flow;
    struct fib_decision decision;
    bool violates;

    flow.destination = atoms->starts[i];
    fib_lookup(fib, &flow, &decision);
    violates = !is_passed_over(atoms, &flow.destination) &&
               !leaves_as_demanded(fib, atoms->flow, &decision);
    if (violation->open && (!violates || !same_decision(&violation->decision, &decision)))
        report(reporter, violation);
    if (!violates)
        return;
    if (!violation->open) {
        violation->open = true;
        violation->first = flow.destination;
        violation->decision = decision;
    }
    violation->last = last_of(atoms, i);
}

unsigned fib_check_flow(const struct fib *fib, const struct protected_flow *flow,
                        fib_violation_fn violation_fn, void *context)
{
    struct atoms atoms = {.flow = flow};
    struct violation violation = {.open = false};
    struct reporter reporter = {.violation_fn = violation_fn, .context = context};

    split(&atoms, fib_snapshot(fib));
    for (size_t i = 0; i < atoms.count && !reporter.stopped; i++)
        decide_atom(fib, &atoms, i, &violation, &reporter);
    if (!reporter.stopped)
        report(&reporter, &violation);
    free(atoms.starts);
    return reporter.count;
}
