/*
 * sever: whether an operation would take its device away from a protected flow, or from others that
 * stand on it.
 */
#include "common/net/sever.h"

#include "common/core/mem.h"
#include "common/net/fib.h"
#include "common/net/stack.h"

/* ---- which device a flow needs ----------------------------------------------------------------
 */

struct search {
    uint32_t link;
    bool found;
};

static bool note(void *context, const struct prefix *prefix, const struct fib_decision *decision)
{
    struct search *search = context;

    (void)prefix;
    search->found |= decision->outcome == FIB_FORWARD && decision->hop != NULL &&
                     decision->hop->link == search->link;
    return !search->found;
}

/* A flow that demands no device is carried by those that it leaves by now. */
static bool leaves_by(const struct protected_flow *flow, const struct fib *fib,
                      const struct link *link)
{
    struct protected_flow except = *flow;
    struct search search = {.link = link->index};

    if (flow->device[0] != '\0')
        return text_equal(flow->device, link->name);
    except.gateway = (struct address){.family = FAMILY_NONE};
    text_copy(except.not_device, sizeof(except.not_device), link->name);
    fib_check_flow(fib, &except, note, &search);
    return search.found;
}

/* Links, each once. */
struct set {
    const struct link **links; /* room for all of the snapshot's */
    size_t count;
};

static void add(struct set *set, const struct link *link)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->links[i] == link)
            return;
    }
    if (link != NULL)
        set->links[set->count++] = link;
}

/* Those that send by the first: what it is a port of and, where it goes itself (an address alone
 * takes nothing from them), what stands on it. */
static void gather(const struct snapshot *snapshot, bool itself, struct set *set)
{
    for (size_t at = 0; at < set->count; at++) {
        const struct link *link = set->links[at];

        add(set, snapshot_find_link(snapshot, link->master));
        for (size_t i = 0; itself && i < snapshot->links_count; i++) {
            if (snapshot->links[i].lower == link->index)
                add(set, &snapshot->links[i]);
        }
    }
}

static bool carries(const struct protected_flow *flow, const struct fib *fib, const struct set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        if (leaves_by(flow, fib, set->links[i]))
            return true;
    }
    return false;
}

/* ---- what is refused --------------------------------------------------------------------------
 */

static const char *device_of(const struct operation *operation)
{
    return operation->kind == OPERATION_ADDRESS ? operation->address.device
                                                : operation->link.device;
}

/* What is accepted instead; NULL: it takes nothing away. */
static const char *alternative(const struct operation *operation)
{
    if (operation->kind == OPERATION_ADDRESS && operation->address.absent)
        return "addresses may be added there";
    if (operation->kind != OPERATION_LINK)
        return NULL;
    if (operation->link.set_up && !operation->link.up)
        return "it may be taken down where no protected flow leaves by it";
    if (operation->link.mtu != 0 && operation->link.mtu < LINK_MTU_IPV6)
        return "accepted there is an mtu of 1280 or more";
    return NULL;
}

static bool answers_from(const struct protected_flow *flow, const struct operation *operation)
{
    return operation->kind == OPERATION_ADDRESS &&
           address_equal(&flow->flow.source, &operation->address.address);
}

static bool refuse(const struct operation *operation, const struct protected_flow *flow,
                   const char *accepted, struct err *err)
{
    char line[SENTENCE_SIZE] = "";
    struct text text = TEXT_IN(line);

    operation_render(operation, &text);
    return err_set(err, ERR_DENIED, "%s: %s carries the protected flow %s; %s", line,
                   device_of(operation), flow->name, accepted);
}

static bool keeps_flows(const struct operation *operation, const struct snapshot *snapshot,
                        const struct protected_flow *flows, size_t count, struct err *err)
{
    const char *accepted = alternative(operation);
    AUTO_FREE const struct link **links = NULL;
    const struct protected_flow *cut = NULL;
    struct set set = {.count = 0};
    struct fib *fib;

    if (accepted == NULL || operation_holds(operation, snapshot))
        return true;
    links = mem_alloc(snapshot->links_count + 1, sizeof(*links));
    set.links = links;
    add(&set, snapshot_find_device(snapshot, device_of(operation)));
    gather(snapshot, operation->kind == OPERATION_LINK, &set);
    fib = fib_new(snapshot);
    for (size_t i = 0; cut == NULL && i < count; i++) {
        if (answers_from(&flows[i], operation) || carries(&flows[i], fib, &set))
            cut = &flows[i];
    }
    fib_free(fib);
    return cut == NULL || refuse(operation, cut, accepted, err);
}

bool sever_check(const struct operation *operation, const struct snapshot *snapshot,
                 const struct protected_flow *flows, size_t count, struct err *err)
{
    return keeps_flows(operation, snapshot, flows, count, err) &&
           (operation->kind != OPERATION_LINK || operation_holds(operation, snapshot) ||
            stack_check(&operation->link, snapshot, err));
}
