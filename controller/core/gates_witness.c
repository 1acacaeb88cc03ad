/*
 * gates: what the witnesses of one target say, which of them count, and whether the lease leaves
 * them time.
 */
#include <stdio.h>

#include "common/core/text.h"
#include "controller/core/gates.h"

/* From a witness's look to its statement at the guard: two ways over the controller. */
enum { WAYS_MS = 500 };

/* One target, as it would be. */
struct look {
    const struct gates_inputs *inputs;
    const struct manifest_plan *plan;
    struct fib *fib;
};

/* Whether a witness with this source can speak for the rest of the world (design 7): where the
 * audience is everywhere, it must be routed like an undeclared address. */
static bool source_counts(const struct fib *subject, const struct ssh_target *ssh,
                          const struct address *source)
{
    struct flow reply = {.destination = *source, .source = ssh->address, .sport = ssh->port};
    struct fib_decision decision;

    if (ssh->audience != AUDIENCE_EVERYWHERE || source->family != ssh->address.family)
        return ssh->audience != AUDIENCE_EVERYWHERE;
    fib_lookup(subject, &reply, &decision);
    return decision.outcome == FIB_FORWARD && !decision.special;
}

/* Of a node, fleet.yaml says from where it comes; of a bare witness, nobody knows before. */
static bool witness_counts(const struct look *look, const char *witness)
{
    const struct fleet_node *node = fleet_file_find(look->inputs->file, witness);
    const struct fleet_member *member = fleet_find(look->inputs->fleet, witness);
    enum audience audience = look->plan->ssh.audience;

    if (member == NULL || !fleet_in_audience(member, audience))
        return false;
    if (node == NULL || !address_is_set(&node->ssh.address) ||
        fleet_file_audience(&node->ssh.address) != AUDIENCE_EVERYWHERE)
        return true;
    return source_counts(look->fib, &look->plan->ssh, &node->ssh.address);
}

/* What the witnesses of a target say now. */
struct witnesses {
    unsigned good;               /* count, and reach it */
    unsigned awaited;            /* may be such yet: nothing of theirs has come */
    unsigned undecided;          /* count, and say themselves that they do not know */
    unsigned took_ms[NODES_MAX]; /* of the good ones, the quickest first */
    int64_t at;                  /* of the good ones, the oldest look; 0: there are none */
    struct text observed, missing;
};

static void add_good(struct witnesses *all, unsigned took_ms, int64_t at_unix)
{
    unsigned at = all->good++;

    if (all->at == 0 || at_unix < all->at)
        all->at = at_unix;
    for (; at > 0 && all->took_ms[at - 1] > took_ms; at--)
        all->took_ms[at] = all->took_ms[at - 1];
    all->took_ms[at] = took_ms;
}

/* A bare witness's place on the tailnet is in the snapshot that it sends when it connects. */
static bool may_count_yet(const struct look *look, const struct fleet_member *witness)
{
    return look->plan->ssh.audience == AUDIENCE_TAILNET && witness != NULL &&
           witness->witness_only && !witness->has_snapshot;
}

static bool is_awaited(const struct look *look, const struct fleet_member *witness,
                       const struct verdict *reach, bool counts)
{
    if (!counts && !may_count_yet(look, witness))
        return false;
    return fleet_awaits(witness, reach->check, look->inputs->now) ||
           (!counts && reach->value == VERDICT_PASS);
}

static void ask_witness(const struct look *look, const char *witness, struct witnesses *all)
{
    const struct gates_inputs *inputs = look->inputs;
    bool counts = witness_counts(look, witness);
    struct verdict reach;

    fleet_reach(inputs->fleet, witness, look->plan->node, inputs->now, &reach);
    text_add(&all->observed, "%s%s: %s%s", all->observed.len > 0 ? ", " : "", witness,
             verdict_format(reach.value), counts ? "" : ", not counted");
    if (is_awaited(look, fleet_find(inputs->fleet, witness), &reach, counts)) {
        all->awaited++;
        text_add(&all->missing, "%s%s", all->missing.len > 0 ? ", " : "", witness);
    } else if (counts) {
        if (reach.value == VERDICT_PASS)
            add_good(all, reach.took_ms,
                     fleet_verdict_at(fleet_find(inputs->fleet, witness), reach.check));
        all->undecided += reach.value == VERDICT_UNKNOWN;
    }
}

static enum verdict_value value_of(const struct witnesses *all, unsigned quorum)
{
    if (all->good >= quorum)
        return VERDICT_PASS;
    return all->good + all->awaited + all->undecided >= quorum ? VERDICT_UNKNOWN : VERDICT_FAIL;
}

/* docs/protocol.md rule 7, by what the quorum's slowest took just now. No waiver lengthens a lease.
 */
static void judge_renewal(const struct look *look, const struct witnesses *all,
                          struct gate_answer *answer)
{
    const struct manifest *m = look->inputs->manifest;
    unsigned way_ms = all->took_ms[look->plan->quorum - 1] + WAYS_MS;
    unsigned renewal_ms = m->period_s * 1000 + way_ms;
    unsigned last_ms = (m->dial_s + m->settle_s) * 1000 + way_ms;
    bool fits = renewal_ms <= m->lease_s * 1000 && last_ms <= m->lease_s * 1000;
    struct gate_evidence *evidence =
        gates_add_evidence(answer, look->plan->node, "renewal", fits ? VERDICT_PASS : VERDICT_FAIL);
    char expected[REASON_SIZE], observed[REASON_SIZE];

    evidence->at = all->at;
    snprintf(expected, sizeof(expected),
             "a renewal and the last proof within the lease of %u s: another `lease:`, or quicker "
             "witnesses",
             m->lease_s);
    snprintf(observed, sizeof(observed),
             "the quorum's slowest took %u ms: period %u s + way %.1f s = %.1f s; dial %u s + "
             "settle %u s + way = %.1f s",
             all->took_ms[look->plan->quorum - 1], m->period_s, way_ms / 1000.0,
             renewal_ms / 1000.0, m->dial_s, m->settle_s, last_ms / 1000.0);
    verdict_set(&evidence->verdict, evidence->verdict.value, expected, observed);
}

void gates_judge_witnesses(const struct gates_inputs *inputs, const struct manifest_plan *plan,
                           const struct snapshot *after, struct gate_answer *answer)
{
    struct look look = {inputs, plan, fib_new(after)};
    char expected[REASON_SIZE], observed[REASON_SIZE] = "", missing[SENTENCE_SIZE] = "";
    struct witnesses all = {.observed = TEXT_IN(observed), .missing = TEXT_IN(missing)};
    struct gate_evidence *evidence;
    enum verdict_value value;

    for (uint32_t i = 0; i < plan->witnesses_count; i++)
        ask_witness(&look, plan->witnesses[i], &all);
    fib_free(look.fib);
    value = value_of(&all, plan->quorum);
    snprintf(expected, sizeof(expected), "%u counting witnesses reach its SSH", plan->quorum);
    evidence = gates_add_evidence(answer, plan->node, "witnesses", value);
    verdict_set(&evidence->verdict, value, expected, observed);
    evidence->at = all.at;
    if (value == VERDICT_UNKNOWN && all.good + all.awaited >= plan->quorum)
        snprintf(evidence->awaits, sizeof(evidence->awaits), "%.150s to look at its SSH", missing);
    if (value == VERDICT_PASS && inputs->manifest->lease_s > 0) /* 0: no change is asked about */
        judge_renewal(&look, &all, answer);
}
