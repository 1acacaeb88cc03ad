/*
 * fib_explain: the chain of a decision for a person.
 */
#include <linux/rtnetlink.h>

#include "common/net/fib.h"
#include "common/net/render.h"

static void explain_route(const struct fib *fib, const struct fib_decision *decision,
                          struct text *out)
{
    static const char *const types[] = {
        [RTN_LOCAL] = "local ",         [RTN_BROADCAST] = "broadcast ",
        [RTN_BLACKHOLE] = "blackhole ", [RTN_UNREACHABLE] = "unreachable ",
        [RTN_PROHIBIT] = "prohibit ",   [RTN_THROW] = "throw ",
    };
    const struct route *route = decision->route;
    bool by_object = decision->outcome == FIB_BLACKHOLE && route->type != RTN_BLACKHOLE;
    char gateway[ADDRESS_TEXT_SIZE];

    if (by_object)
        text_add(out, "%s", types[RTN_BLACKHOLE]);
    else if (route->type < sizeof(types) / sizeof(types[0]) && types[route->type] != NULL)
        text_add(out, "%s", types[route->type]);
    render_destination(&route->destination, out);
    if (by_object)
        text_add(out, " nhid %u", route->nexthop_id);
    if (decision->hop != NULL) {
        const struct link *link = snapshot_find_link(fib_snapshot(fib), decision->hop->link);

        if (address_is_set(&decision->hop->gateway))
            text_add(out, " via %s", address_format(&decision->hop->gateway, gateway));
        if (link != NULL)
            text_add(out, " dev %s", link->name);
        else
            text_add(out, " dev if%u", decision->hop->link);
    }
}

void fib_explain(const struct fib *fib, const struct fib_decision *decision, struct text *out)
{
    static const char *const outcomes[] = {
        [FIB_FORWARD] = "forward",         [FIB_LOCAL] = "local",
        [FIB_UNREACHABLE] = "unreachable", [FIB_PROHIBIT] = "prohibit",
        [FIB_BLACKHOLE] = "blackhole",     [FIB_UNKNOWN] = "unknown",
    };
    _Static_assert(sizeof(outcomes) / sizeof(outcomes[0]) == FIB_OUTCOME_COUNT, "name each");

    if (decision->rule == NULL) {
        text_add(out, "no rule and no route: unreachable");
        return;
    }
    if (decision->outcome == FIB_UNKNOWN) {
        text_add(out, "rule ");
        render_rule(decision->rule, out);
        return;
    }
    text_add(out, "rule %u", decision->rule->priority);
    if (decision->route == NULL) {
        text_add(out, ": %s", outcomes[decision->outcome]);
        return;
    }
    text_add(out, ", table ");
    render_table(decision->route->table, out);
    text_add(out, ", ");
    explain_route(fib, decision, out);
}
