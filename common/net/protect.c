/*
 * protect: compiles `protect: [...]` for one node to shields and to the flows that they protect.
 *
 * The way that a flow has now is the one that main has for it: that is what the shields look up.
 */
#include "common/net/protect.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "common/net/fib.h"
#include "common/net/predict.h"
#include "common/net/protect_rescue.h"
#include "common/net/tailnet.h"

enum { POD_FLOWS_MAX = 8 }; /* main's pod routes that get a flow of their own */

static const struct {
    enum protect_what what;
    const char *name;
} names[] = {
    {PROTECT_SSH, "ssh"},           {PROTECT_API_SERVER, "api-server"}, {PROTECT_PODS, "pods"},
    {PROTECT_SERVICES, "services"}, {PROTECT_CONTROLLER, "controller"},
};
enum { NAMES_COUNT = sizeof(names) / sizeof(names[0]) };

const char *protect_what_name(enum protect_what what)
{
    for (int i = 0; i < NAMES_COUNT; i++) {
        if (names[i].what == what)
            return names[i].name;
    }
    return "unknown";
}

bool protect_what_parse(const char *text, enum protect_what *ret_what)
{
    for (int i = 0; i < NAMES_COUNT; i++) {
        if (text_equal(names[i].name, text)) {
            *ret_what = names[i].what;
            return true;
        }
    }
    return false;
}

/* ---- selectors and flows ----------------------------------------------------------------------
 */

struct compiler {
    unsigned what;
    const struct snapshot *snapshot;
    const struct protect_cluster *cluster;
    const struct fib *main; /* a host that has no other rules than local and main */
    const struct fib *whole;
    struct protect_selectors *selectors;
    struct protect_plan *plan;
    struct err *err;
};

static bool add_selector(struct compiler *compiler, bool from, const struct prefix *prefix)
{
    struct protect_selectors *selectors = compiler->selectors;

    for (uint32_t i = 0; i < selectors->count; i++) {
        if (selectors->items[i].from == from && prefix_equal(&selectors->items[i].prefix, prefix))
            return true;
    }
    if (selectors->count == PROTECT_SELECTORS_MAX)
        return err_set(compiler->err, ERR_LIMIT,
                       "protect: more than %u addresses and networks to protect",
                       PROTECT_SELECTORS_MAX);
    selectors->items[selectors->count].from = from;
    selectors->items[selectors->count++].prefix = *prefix;
    return true;
}

static bool add_flow(struct compiler *compiler, const struct protected_flow *flow)
{
    struct protect_plan *plan = compiler->plan;

    if (plan->flows_count >= plan->flows_max)
        return err_set(compiler->err, ERR_LIMIT, "protect: more than %zu protected flows",
                       plan->flows_max);
    plan->flows[plan->flows_count++] = *flow;
    return true;
}

static bool stop_at_first(void *context, const struct prefix *prefix,
                          const struct fib_decision *decision)
{
    (void)context;
    (void)prefix;
    (void)decision;
    return false;
}

/* The device by which the first address of the flow leaves; "" if it does not. False: unknown, by
 * a rule of the host's own. */
static bool find_device(const struct fib *fib, const struct protected_flow *flow, char *device)
{
    const struct link *link = NULL;
    struct flow question = flow->flow;
    struct fib_decision decision;

    question.destination = flow->destination.address;
    fib_lookup(fib, &question, &decision);
    if (decision.outcome == FIB_FORWARD && decision.hop != NULL)
        link = snapshot_find_link(fib_snapshot(fib), decision.hop->link);
    text_copy(device, DEVICE_SIZE, link != NULL ? link->name : "");
    return decision.outcome != FIB_UNKNOWN;
}

/* Demands one device where all of it leaves by one, else any but the tailnet's. False if there is
 * nothing to demand. */
static bool set_demand(const struct compiler *compiler, const struct fib *fib,
                       struct protected_flow *flow)
{
    const struct link *tailnet = tailnet_find_device(compiler->snapshot);

    (void)find_device(fib, flow, flow->device);
    if (flow->device[0] != '\0' && fib_check_flow(fib, flow, stop_at_first, NULL) == 0)
        return true;
    flow->device[0] = '\0';
    if (tailnet == NULL)
        return false;
    text_copy(flow->not_device, sizeof(flow->not_device), tailnet->name);
    return true;
}

static struct protected_flow make_flow(enum protect_what what, const struct prefix *destination)
{
    struct protected_flow flow = {.destination = *destination};

    text_copy(flow.name, sizeof(flow.name), protect_what_name(what));
    return flow;
}

/* ---- what is protected ------------------------------------------------------------------------
 */

static bool has_own(const struct snapshot *snapshot, const struct address *address)
{
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        if (address_equal(&snapshot->addresses[i].address, address))
            return true;
    }
    return false;
}

static bool compile_replies(struct compiler *compiler)
{
    struct protected_flow flows[2 * ADDRESSES_PER_NODE_MAX];
    size_t count =
        predict_reply_flows(compiler->snapshot, NULL, flows, sizeof(flows) / sizeof(flows[0]));

    for (size_t i = 0; i < count; i++) {
        const struct address *source = &flows[i].flow.source;
        struct prefix own = prefix_make(source, (uint8_t)address_bits(source->family));

        if (!add_selector(compiler, true, &own) || !add_flow(compiler, &flows[i]))
            return false;
    }
    return true;
}

static bool is_within(const struct prefix *network, const struct address *address)
{
    return network->len > 0 && prefix_contains(network, address);
}

/* Whether main has a route into the network, so that this node takes part in it. */
static bool main_reaches(const struct snapshot *snapshot, const struct prefix *network)
{
    for (size_t i = 0; i < snapshot->routes_count && network->len > 0; i++) {
        const struct route *route = &snapshot->routes[i];

        if (route->table == RT_TABLE_MAIN && route->type == RTN_UNICAST && !route->clone &&
            route->destination.len > 0 &&
            (prefix_covers(network, &route->destination) ||
             prefix_covers(&route->destination, network)))
            return true;
    }
    return false;
}

static bool is_in_cluster(const struct compiler *compiler)
{
    return main_reaches(compiler->snapshot, &compiler->cluster->pods) ||
           main_reaches(compiler->snapshot, &compiler->cluster->services);
}

/* By the tailnet: its way is table 52's, so it is watched but not moved. */
static bool compile_tailnet_endpoint(struct compiler *compiler, struct protected_flow *flow)
{
    const struct link *tailnet = tailnet_find_device(compiler->snapshot);

    if (!find_device(compiler->whole, flow, flow->device) && tailnet != NULL)
        text_copy(flow->device, sizeof(flow->device), tailnet->name);
    return flow->device[0] == '\0' || add_flow(compiler, flow);
}

static bool compile_endpoint(struct compiler *compiler, enum protect_what what,
                             const struct protect_endpoint *endpoint)
{
    const struct address *address = &endpoint->address;
    struct prefix to = prefix_make(address, (uint8_t)address_bits(address->family));
    struct protected_flow flow = make_flow(what, &to);
    bool service = is_within(&compiler->cluster->services, address);

    flow.flow.ip_proto = 6; /* TCP */
    flow.flow.dport = endpoint->port;
    if (has_own(compiler->snapshot, address))
        return true;
    if (tailnet_has_address(address))
        return compile_tailnet_endpoint(compiler, &flow);
    (void)find_device(compiler->main, &flow, flow.device);
    if (flow.device[0] == '\0' || (service && !is_in_cluster(compiler)))
        return true; /* it has no way now that could be kept */
    if (!(service && (compiler->what & PROTECT_SERVICES)) && !add_selector(compiler, false, &to))
        return false;
    return add_flow(compiler, &flow);
}

static bool compile_endpoints(struct compiler *compiler, enum protect_what what,
                              const struct protect_endpoint *endpoints, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!compile_endpoint(compiler, what, &endpoints[i]))
            return false;
    }
    return true;
}

/* The other nodes' pods and the node's own: each on the device that main has for them. */
static bool compile_pod_routes(struct compiler *compiler)
{
    const struct prefix *pods = &compiler->cluster->pods;
    unsigned count = 0;

    for (size_t i = 0; i < compiler->snapshot->routes_count && count < POD_FLOWS_MAX; i++) {
        const struct route *route = &compiler->snapshot->routes[i];
        struct protected_flow flow = make_flow(PROTECT_PODS, &route->destination);

        if (route->table != RT_TABLE_MAIN || route->type != RTN_UNICAST || route->clone ||
            !prefix_covers(pods, &route->destination) || prefix_equal(pods, &route->destination) ||
            !set_demand(compiler, compiler->main, &flow))
            continue;
        count++;
        if (!add_flow(compiler, &flow))
            return false;
    }
    return true;
}

static bool compile_network(struct compiler *compiler, enum protect_what what,
                            const struct prefix *network)
{
    struct protected_flow flow = make_flow(what, network);

    if (!add_selector(compiler, false, network))
        return false;
    return !set_demand(compiler, compiler->main, &flow) || add_flow(compiler, &flow);
}

/* Services have no route of their own: the kernel decides before kube-proxy rewrites the
 * destination, and must choose an uplink's source then. */
static bool compile_cluster(struct compiler *compiler)
{
    const struct protect_cluster *cluster = compiler->cluster;

    if ((compiler->what & PROTECT_PODS) && main_reaches(compiler->snapshot, &cluster->pods) &&
        (!compile_network(compiler, PROTECT_PODS, &cluster->pods) || !compile_pod_routes(compiler)))
        return false;
    if ((compiler->what & PROTECT_SERVICES) && cluster->services.len > 0 && is_in_cluster(compiler))
        return compile_network(compiler, PROTECT_SERVICES, &cluster->services);
    return true;
}

static bool compile_all(struct compiler *compiler)
{
    const struct protect_cluster *cluster = compiler->cluster;
    struct protect_rescue rescue = {.snapshot = compiler->snapshot,
                                    .main = compiler->main,
                                    .selectors = compiler->selectors,
                                    .plan = compiler->plan};

    if ((compiler->what & PROTECT_SSH) && !compile_replies(compiler))
        return false;
    if ((compiler->what & PROTECT_API_SERVER) &&
        !compile_endpoints(compiler, PROTECT_API_SERVER, cluster->api_servers,
                           cluster->api_servers_count))
        return false;
    if ((compiler->what & PROTECT_CONTROLLER) &&
        !compile_endpoints(compiler, PROTECT_CONTROLLER, cluster->controllers,
                           cluster->controllers_count))
        return false;
    return compile_cluster(compiler) && protect_rescue_compile(&rescue, compiler->err);
}

bool protect_compile(unsigned what, const struct snapshot *snapshot,
                     const struct protect_cluster *cluster, struct protect_plan *plan,
                     struct err *err)
{
    struct rule rules[] = {
        {.family = FAMILY_IPV4, .action = FR_ACT_TO_TBL, .table = RT_TABLE_LOCAL},
        {.family = FAMILY_IPV4, .priority = 1, .action = FR_ACT_TO_TBL, .table = RT_TABLE_MAIN},
        {.family = FAMILY_IPV6, .action = FR_ACT_TO_TBL, .table = RT_TABLE_LOCAL},
        {.family = FAMILY_IPV6, .priority = 1, .action = FR_ACT_TO_TBL, .table = RT_TABLE_MAIN},
    };
    struct snapshot plain = *snapshot; /* borrows all but the rules */
    struct protect_selectors selectors = {.count = 0};
    struct compiler compiler = {.what = what,
                                .snapshot = snapshot,
                                .cluster = cluster,
                                .selectors = &selectors,
                                .plan = plan,
                                .err = err};
    struct fib *main, *whole;
    bool good;

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        rules[i].suppress_prefixlength = rules[i].suppress_ifgroup = -1;
        rules[i].uid_last = UINT32_MAX;
    }
    plain.rules = rules;
    plain.rules_count = sizeof(rules) / sizeof(rules[0]);
    compiler.main = main = fib_new(&plain);
    compiler.whole = whole = fib_new(snapshot);
    good = compile_all(&compiler);
    fib_free(main);
    fib_free(whole);
    return good;
}
