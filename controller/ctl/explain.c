/*
 * explain: the model's decision on a node's snapshot, as the chain that led to it.
 */
#include "controller/ctl/explain.h"

#include <stdio.h>

#include "common/core/text.h"
#include "common/io/json_text.h"
#include "common/net/fib.h"
#include "controller/ctl/api.h"
#include "controller/ctl/inputs.h"
#include "controller/ctl/render.h"

static const char *const outcomes[] = {
    [FIB_FORWARD] = "forward",   [FIB_LOCAL] = "local",         [FIB_UNREACHABLE] = "unreachable",
    [FIB_PROHIBIT] = "prohibit", [FIB_BLACKHOLE] = "blackhole", [FIB_UNKNOWN] = "unknown",
};
_Static_assert(sizeof(outcomes) / sizeof(outcomes[0]) == FIB_OUTCOME_COUNT, "name every outcome");

/* A packet has no mask: with a rule's it is one that this rule is for. */
static bool read_mark(const char *given, uint32_t *ret_mark, struct err *err)
{
    uint32_t mask;

    if (!text_parse_mark(given, ret_mark, &mask))
        return err_set(err, ERR_INPUT,
                       "--mark '%.80s': accepted are 0 to 0x%x, alone or in front of a mask: "
                       "0x80000/0xff0000",
                       given, UINT32_MAX);
    return (*ret_mark & ~mask) == 0 ||
           err_set(err, ERR_INPUT, "--mark '%.80s': accepted are bits that the mask has, too",
                   given);
}

static bool read_flow(const struct arguments *arguments, struct flow *flow, struct err *err)
{
    const char *from = arguments_get(arguments, "--from");
    const char *iif = arguments_get(arguments, "--iif");
    const char *mark = arguments_get(arguments, "--mark");

    if (!address_parse(arguments->words[1], &flow->destination))
        return err_set(err, ERR_INPUT, "destination '%.80s': accepted is an IPv4 or IPv6 address",
                       arguments->words[1]);
    if (from != NULL &&
        (!address_parse(from, &flow->source) || flow->source.family != flow->destination.family))
        return err_set(err, ERR_INPUT,
                       "--from '%.80s': accepted is an address of the destination's family", from);
    if (iif != NULL && !text_copy(flow->iif, sizeof(flow->iif), iif))
        return err_set(err, ERR_INPUT, "--iif '%.80s': accepted is a device's name", iif);
    return mark == NULL || read_mark(mark, &flow->mark, err);
}

/* A rule for a device that is not there is passed over by every packet. */
static bool check_device(const char *node, const char *iif, const struct snapshot *snapshot,
                         struct err *err)
{
    char devices[REASON_SIZE] = "";
    struct text text = TEXT_IN(devices);

    if (iif[0] == '\0' || snapshot_find_device(snapshot, iif) != NULL)
        return true;
    for (size_t i = 0; i < snapshot->links_count; i++)
        text_add(&text, "%s%s", i > 0 ? ", " : "", snapshot->links[i].name);
    return err_set(err, ERR_INPUT, "--iif '%s': accepted are the devices of %s: %s", iif, node,
                   field_plain(devices));
}

/* ---- of when it is ---------------------------------------------------------------------------
 */

/* "is not connected"; "": it answers. */
static const char *lacks(const json_t *node)
{
    if (!field_is_true(node, "connected"))
        return "is not connected";
    return field_is_true(node, "silent") ? "does not answer" : "";
}

/* NULL: the controller does not say. */
static json_t *fetch_node(struct ctl *ctl, const char *name)
{
    char path[2 * NAME_SIZE];
    json_t *node = NULL;
    struct err err = ERR_INIT;

    snprintf(path, sizeof(path), "/v1/nodes/%s", name);
    if (api_get(ctl->api, path, &node, &err))
        return node;
    fprintf(stderr, "oceanidctl: whether %s answers is not known: %s\n", name, err.text);
    return NULL;
}

static void print_age(const char *name, const json_t *node)
{
    char age[32];

    if (lacks(node)[0] != '\0')
        printf("%s %s, last seen %s: this was so then or before.\n", name, lacks(node),
               render_age(field_number(node, "last_seen"), age, sizeof(age)));
}

/* ---- what it is ------------------------------------------------------------------------------
 */

static void print_decision(const struct ctl *ctl, const char *chain,
                           const struct snapshot *snapshot, const struct fib_decision *decision,
                           const json_t *node)
{
    const struct link *link =
        decision->hop != NULL ? snapshot_find_link(snapshot, decision->hop->link) : NULL;
    const char *device = link != NULL ? link->name : "";
    char gateway[ADDRESS_TEXT_SIZE] = "";
    char source[ADDRESS_TEXT_SIZE] = "";

    if (decision->hop != NULL && address_is_set(&decision->hop->gateway))
        address_format(&decision->hop->gateway, gateway);
    if (address_is_set(&decision->source))
        address_format(&decision->source, source);
    if (ctl->json) {
        render_document_take(json_pack(
            "{s:s, s:o, s:s, s:s, s:s, s:b, s:I}", "outcome", outcomes[decision->outcome], "chain",
            json_text(chain), "device", device, "gateway", gateway, "source", source, "answers",
            lacks(node)[0] == '\0', "last_seen", (json_int_t)field_number(node, "last_seen")));
        return;
    }
    printf("%s", outcomes[decision->outcome]);
    if (device[0] != '\0')
        printf(" by %s", device);
    if (gateway[0] != '\0')
        printf(" via %s", gateway);
    if (source[0] != '\0')
        printf(" from %s", source);
    printf("\n%s\n", chain);
}

static void explain(struct ctl *ctl, const char *name, const struct flow *flow,
                    const struct snapshot *snapshot)
{
    AUTO_JSON json_t *node = fetch_node(ctl, name);
    struct fib *fib = fib_new(snapshot);
    struct fib_decision decision;
    char chain[1024] = "";
    struct text text = TEXT_IN(chain);

    fib_lookup(fib, flow, &decision);
    fib_explain(fib, &decision, &text);
    print_decision(ctl, chain, snapshot, &decision, node);
    if (node != NULL && !ctl->json)
        print_age(name, node);
    fib_free(fib);
}

enum outcome explain_run(struct ctl *ctl, const struct arguments *arguments)
{
    const char *name = arguments->words[0];
    struct flow flow = {0};
    struct snapshot snapshot;
    struct err err = ERR_INIT;
    bool known;

    if (!read_flow(arguments, &flow, &err) || !inputs_fetch_snapshot(ctl, name, &snapshot, &err))
        return ctl_fail(ctl, &err);
    known = check_device(name, flow.iif, &snapshot, &err);
    if (known)
        explain(ctl, name, &flow, &snapshot);
    snapshot_done(&snapshot);
    return known ? OUTCOME_DONE : ctl_fail(ctl, &err);
}
