/*
 * predict: snapshot + operations -> model -> protected flows.
 */
#include "common/net/predict.h"

#include <linux/rtnetlink.h>
#include <string.h>

#include "common/net/render.h"
#include "common/net/tailnet.h"
#include "common/net/uplink.h"

bool predict_apply(const struct snapshot *before, const struct operation *operations, size_t count,
                   struct snapshot *ret_after, struct err *err)
{
    snapshot_copy(ret_after, before);
    for (size_t i = 0; i < count; i++) {
        char name[SENTENCE_SIZE] = "";
        struct text text = TEXT_IN(name);

        if (operation_check(&operations[i], ret_after, err)) {
            operation_predict(&operations[i], ret_after);
            continue;
        }
        snapshot_done(ret_after);
        operation_render(&operations[i], &text);
        return err_wrap(err, "operation %zu, '%s'", i + 1, name);
    }
    return true;
}

/* ---- the reason -------------------------------------------------------------------------------
 */

struct judgement {
    const struct fib *fib;
    const struct protected_flow *flow;
    struct prediction *prediction;
};

/* What the deciding route or rule takes of the flow: all of it if it takes more. */
static struct prefix affected(const struct protected_flow *flow, const struct prefix *violating,
                              const struct fib_decision *decision)
{
    struct prefix taken = flow->destination;

    if (decision->route != NULL)
        taken = decision->route->destination;
    else if (decision->rule != NULL && decision->rule->destination.len > 0)
        taken = decision->rule->destination;
    if (prefix_covers(&taken, &flow->destination))
        return flow->destination;
    return prefix_covers(&taken, violating) ? taken : *violating;
}

static void add_subject(const struct judgement *judgement, struct text *out)
{
    const struct protected_flow *flow = judgement->flow;
    char text[ADDRESS_TEXT_SIZE];

    if (address_is_set(&flow->flow.source))
        text_add(out, "replies from %s", address_format(&flow->flow.source, text));
    else
        text_add(out, "%s traffic", flow->name);
}

static void add_way(const struct judgement *judgement, const struct fib_decision *decision,
                    struct text *out)
{
    static const char *const ends[] = {
        [FIB_LOCAL] = "stay on this node",
        [FIB_UNREACHABLE] = "be unreachable",
        [FIB_PROHIBIT] = "be prohibited",
        [FIB_BLACKHOLE] = "be dropped",
        [FIB_UNKNOWN] = "leave by a way that nobody can tell",
    };
    const struct link *link;
    char text[ADDRESS_TEXT_SIZE];

    if (decision->outcome != FIB_FORWARD || decision->hop == NULL) {
        text_add(out, "%s", ends[decision->outcome]);
        return;
    }
    link = snapshot_find_link(fib_snapshot(judgement->fib), decision->hop->link);
    text_add(out, "leave by %s", link != NULL ? link->name : "an unknown device");
    if (address_is_set(&judgement->flow->gateway) && address_is_set(&decision->hop->gateway))
        text_add(out, " via %s", address_format(&decision->hop->gateway, text));
}

static void add_chain(const struct fib_decision *decision, struct text *out)
{
    if (decision->rule == NULL) {
        text_add(out, " (no rule and no route)");
        return;
    }
    if (decision->outcome == FIB_UNKNOWN) {
        text_add(out, " (rule ");
        render_rule(decision->rule, out);
        text_add(out, ")");
        return;
    }
    text_add(out, " (rule %u", decision->rule->priority);
    if (decision->route != NULL) {
        text_add(out, ", table ");
        render_table(decision->route->table, out);
        text_add(out, ", ");
        render_destination(&decision->route->destination, out);
    }
    text_add(out, ")");
}

static void add_expected(const struct protected_flow *flow, struct text *out)
{
    char text[ADDRESS_TEXT_SIZE];

    text_add(out, ", expected ");
    if (flow->device[0] != '\0')
        text_add(out, "%s", flow->device);
    else if (flow->not_device[0] != '\0')
        text_add(out, "any but %s", flow->not_device);
    else
        text_add(out, "a way");
    if (address_is_set(&flow->gateway))
        text_add(out, " via %s", address_format(&flow->gateway, text));
}

bool predict_is_reply(const struct protected_flow *flow)
{
    return address_is_set(&flow->flow.source);
}

bool predict_concerns(const struct snapshot *snapshot, const struct protected_flow *flow,
                      const struct prefix *violating)
{
    if (!predict_is_reply(flow) || !tailnet_has_address(&flow->flow.source) ||
        !tailnet_has_peer_in(snapshot, &flow->destination))
        return true;
    return tailnet_has_peer_in(snapshot, violating);
}

static bool note_violation(void *context, const struct prefix *prefix,
                           const struct fib_decision *decision)
{
    struct judgement *judgement = context;
    struct prediction *prediction = judgement->prediction;
    struct prefix taken = affected(judgement->flow, prefix, decision);
    bool unknown = decision->outcome == FIB_UNKNOWN;
    bool better =
        prediction->violations_count == 0 || (!unknown && prediction_is_unknown(prediction));
    char to[PREFIX_TEXT_SIZE];
    struct text out = TEXT_IN(prediction->reason);

    if (!predict_concerns(fib_snapshot(judgement->fib), judgement->flow, prefix))
        return true;
    prediction->violations_count++;
    prediction->unknown_count += unknown;
    if (!better)
        return true;
    add_subject(judgement, &out);
    text_add(&out, " to %s would ", prefix_format(&taken, to));
    add_way(judgement, decision, &out);
    add_chain(decision, &out);
    add_expected(judgement->flow, &out);
    return true;
}

bool prediction_is_unknown(const struct prediction *prediction)
{
    return prediction->violations_count > 0 &&
           prediction->unknown_count == prediction->violations_count;
}

bool predict_flows(const struct snapshot *after, const struct protected_flow *flows, size_t count,
                   struct prediction *ret_prediction)
{
    struct fib *fib = fib_new(after);
    struct judgement judgement = {.fib = fib, .prediction = ret_prediction};

    memset(ret_prediction, 0, sizeof(*ret_prediction));
    for (size_t i = 0; i < count; i++) {
        judgement.flow = &flows[i];
        fib_check_flow(fib, &flows[i], note_violation, &judgement);
    }
    fib_free(fib);
    return ret_prediction->violations_count == 0;
}

size_t predict_reply_flows(const struct snapshot *snapshot, const struct address *ssh,
                           struct protected_flow *ret_flows, size_t max)
{
    size_t count = 0;

    for (size_t i = 0; i < snapshot->addresses_count && count < max; i++) {
        const struct link_address *own = &snapshot->addresses[i];
        struct protected_flow flow = {.name = "ssh-reply"};

        if (!uplink_has_address(snapshot, own) && !uplink_answers_beside(snapshot, own, ssh))
            continue;
        flow.flow.source = own->address;
        flow.destination = uplink_audience(own);
        text_copy(flow.device, sizeof(flow.device), snapshot_find_link(snapshot, own->link)->name);
        ret_flows[count++] = flow;
    }
    return count;
}
