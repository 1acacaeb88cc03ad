/*
 * checks_path: judges by the model of the kernel's decision: route, reply path, API server path.
 */
#include "agent/core/checks_judge.h"

#include <stdio.h>
#include <string.h>

#include "common/core/text.h"
#include "common/net/predict.h"
#include "common/net/render.h"
#include "common/net/tailnet.h"

/* "leave by tailscale0 (rule 5270, ...)" or "be unreachable (...)" */
static void describe_decision(const struct fib *fib, const struct fib_decision *decision,
                              struct text *out)
{
    static const char *const ends[] = {
        [FIB_FORWARD] = "leaves",
        [FIB_LOCAL] = "stays on this node",
        [FIB_UNREACHABLE] = "is unreachable",
        [FIB_PROHIBIT] = "is prohibited",
        [FIB_BLACKHOLE] = "is dropped",
        [FIB_UNKNOWN] = "leaves by a way that nobody can tell",
    };
    const struct link *link =
        decision->hop != NULL ? snapshot_find_link(fib_snapshot(fib), decision->hop->link) : NULL;

    if (decision->outcome == FIB_FORWARD && link != NULL)
        text_add(out, "leaves by %s", link->name);
    else
        text_add(out, "%s", ends[decision->outcome]);
    text_add(out, " (");
    fib_explain(fib, decision, out);
    text_add(out, ")");
}

/* ---- route ----------------------------------------------------------------------------------- */

/* The first prefix that is decided otherwise than demanded, else the first of which nobody knows.
 */
struct finding {
    const struct judgement *judgement;
    enum verdict_value value;
    char text[REASON_SIZE];
};

/* Whether the text is to be said of this one. */
static bool finding_takes(struct finding *finding, const struct fib_decision *decision)
{
    enum verdict_value value = decision->outcome == FIB_UNKNOWN ? VERDICT_UNKNOWN : VERDICT_FAIL;

    if (finding->value != VERDICT_PASS && value == VERDICT_UNKNOWN)
        return false;
    finding->value = value;
    return true;
}

static bool is_as_demanded(const struct judgement *judgement, const struct fib_decision *decision)
{
    const struct check *check = judgement->check;
    const struct link *link;

    if (decision->outcome != FIB_FORWARD || decision->hop == NULL || decision->route == NULL)
        return false;
    if (check->table != 0 && decision->route->table != check->table)
        return false;
    if (address_is_set(&check->gateway) && !address_equal(&decision->hop->gateway, &check->gateway))
        return false;
    link = snapshot_find_link(judgement->snapshot, decision->hop->link);
    return check->device[0] == '\0' || (link != NULL && text_equal(link->name, check->device));
}

static bool note_otherwise(void *context, const struct prefix *prefix,
                           const struct fib_decision *decision)
{
    struct finding *finding = context;
    struct text out = TEXT_IN(finding->text);
    char text[PREFIX_TEXT_SIZE];

    if (is_as_demanded(finding->judgement, decision) || !finding_takes(finding, decision))
        return true;
    text_add(&out, "%s ", prefix_format(prefix, text));
    describe_decision(finding->judgement->fib, decision, &out);
    return finding->value == VERDICT_UNKNOWN;
}

static void describe_route(const struct check *check, struct text *out)
{
    char text[PREFIX_TEXT_SIZE];

    text_add(out, "%s", prefix_format(&check->destination, text));
    if (address_is_set(&check->from))
        text_add(out, " from %s", address_format(&check->from, text));
    if (check->iif[0] != '\0')
        text_add(out, " coming in by %s", check->iif);
    text_add(out, " leaves");
    if (check->device[0] != '\0')
        text_add(out, " by %s", check->device);
    if (address_is_set(&check->gateway))
        text_add(out, " via %s", address_format(&check->gateway, text));
    if (check->table != 0) {
        text_add(out, " by table ");
        render_table(check->table, out);
    }
}

void judge_route(const struct judgement *judgement)
{
    const struct check *check = judgement->check;
    struct finding finding = {.judgement = judgement, .value = VERDICT_PASS};
    /* No device is called so: every decision is handed to note_otherwise. */
    struct protected_flow flow = {.destination = check->destination, .device = "/"};
    char expected[REASON_SIZE] = "";
    struct text wanted = TEXT_IN(expected);

    text_copy(flow.name, sizeof(flow.name), check->name);
    text_copy(flow.flow.iif, sizeof(flow.flow.iif), check->iif);
    flow.flow.source = check->from;
    describe_route(check, &wanted);
    fib_check_flow(judgement->fib, &flow, note_otherwise, &finding);
    verdict_set(judgement->verdict, finding.value, expected,
                finding.value != VERDICT_PASS ? finding.text : "so for every address in it");
}

/* ---- reply path ------------------------------------------------------------------------------ */

/* Of the one that is built in, `from` is where SSH is, which is asked about beside the uplinks. */
static bool is_wanted(const struct check *check, const struct protected_flow *flow)
{
    if (address_is_set(&check->from) && !check->built_in &&
        !address_equal(&check->from, &flow->flow.source))
        return false;
    return check->destination.address.family == FAMILY_NONE ||
           check->destination.address.family == flow->flow.source.family;
}

/* One flow, and what is wrong with it. */
struct reply {
    const struct protected_flow *flow;
    struct finding *finding;
};

static bool note_reply(void *context, const struct prefix *prefix,
                       const struct fib_decision *decision)
{
    const struct reply *reply = context;
    struct finding *finding = reply->finding;
    struct text out = TEXT_IN(finding->text);
    char text[PREFIX_TEXT_SIZE];

    if (!predict_concerns(finding->judgement->snapshot, reply->flow, prefix) ||
        !finding_takes(finding, decision))
        return true;
    text_add(&out, "from %s to ", address_format(&reply->flow->flow.source, text));
    text_add(&out, "%s: ", prefix_format(prefix, text));
    describe_decision(finding->judgement->fib, decision, &out);
    return finding->value == VERDICT_UNKNOWN;
}

/* Appends "203.0.113.10 by eth0". */
static void check_reply(const struct judgement *judgement, struct protected_flow *flow,
                        struct finding *finding, struct text *expected)
{
    const struct check *check = judgement->check;
    struct reply reply = {flow, finding};
    char text[ADDRESS_TEXT_SIZE];

    if (check->device[0] != '\0')
        text_copy(flow->device, sizeof(flow->device), check->device);
    if (check->destination.address.family != FAMILY_NONE)
        flow->destination = check->destination;
    text_add(expected, "%s%s by %s", expected->len > 0 ? ", " : "replies from ",
             address_format(&flow->flow.source, text), flow->device);
    fib_check_flow(judgement->fib, flow, note_reply, &reply);
}

/* No reply was judged that had to be: never a pass. */
static void say_nothing_is_known(const struct judgement *judgement, bool of_ssh)
{
    char observed[REASON_SIZE] =
        "no address of this node is on a device with a default route in main";
    char text[ADDRESS_TEXT_SIZE];

    if (of_ssh)
        snprintf(observed, sizeof(observed),
                 "of %s, where its SSH is, no reply is known: this node has it not, or nobody of "
                 "its network",
                 address_format(&judgement->check->from, text));
    verdict_set(judgement->verdict, VERDICT_UNKNOWN, "replies leave by their own device", observed);
}

void judge_reply_path(const struct judgement *judgement)
{
    const struct address *from = &judgement->check->from;
    struct protected_flow flows[FLOWS_MAX];
    size_t count = predict_reply_flows(judgement->snapshot, from, flows, FLOWS_MAX);
    struct finding finding = {.judgement = judgement, .value = VERDICT_PASS};
    bool of_ssh = address_is_set(from); /* and no reply from there has been seen yet */
    char expected[REASON_SIZE] = "";
    struct text wanted = TEXT_IN(expected);

    for (size_t i = 0; i < count && finding.value != VERDICT_FAIL; i++) {
        if (!is_wanted(judgement->check, &flows[i]))
            continue;
        check_reply(judgement, &flows[i], &finding, &wanted);
        of_ssh = of_ssh && !address_equal(from, &flows[i].flow.source);
    }
    if (finding.value != VERDICT_PASS)
        verdict_set(judgement->verdict, finding.value, expected, finding.text);
    else if (wanted.len == 0 || of_ssh)
        say_nothing_is_known(judgement, of_ssh);
    else
        verdict_set(judgement->verdict, VERDICT_PASS, expected, "so for every destination");
}

/* ---- API server path ------------------------------------------------------------------------- */

static void describe_end(const struct judgement *judgement, const struct address *address, char *to,
                         size_t size)
{
    char text[ADDRESS_TEXT_SIZE];

    snprintf(to, size, "%s:%u connects, not by the tailnet", address_format(address, text),
             judgement->check->port);
}

void judge_api_server_path(const struct judgement *judgement)
{
    const struct link *tailnet = tailnet_find_device(judgement->snapshot);
    struct flow flow = {.ip_proto = 6, .dport = judgement->check->port};
    struct fib_decision decision;
    char expected[REASON_SIZE];
    char observed[REASON_SIZE] = "";
    struct text found = TEXT_IN(observed);

    if (!address_parse(judgement->check->to, &flow.destination))
        flow.destination = judgement->probe->address;
    if (!address_is_set(&flow.destination)) {
        judge_answered(judgement, "the API server's name resolves");
        if (judgement->verdict->value == VERDICT_PASS)
            judgement->verdict->value = VERDICT_UNKNOWN;
        return;
    }
    describe_end(judgement, &flow.destination, expected, sizeof(expected));
    fib_lookup(judgement->fib, &flow, &decision);
    if (decision.outcome == FIB_LOCAL ||
        (decision.outcome == FIB_FORWARD &&
         !(tailnet != NULL && decision.hop != NULL && decision.hop->link == tailnet->index))) {
        judge_answered(judgement, expected);
        return;
    }
    describe_decision(judgement->fib, &decision, &found);
    verdict_set(judgement->verdict,
                decision.outcome == FIB_UNKNOWN ? VERDICT_UNKNOWN : VERDICT_FAIL, expected,
                observed);
}
