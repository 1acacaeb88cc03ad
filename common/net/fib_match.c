/*
 * fib_match: whether a rule's selectors take a flow, as fib_rule_match and fib4_rule_match have it.
 */
#include "common/net/fib_match.h"

static bool in_range(uint16_t first, uint16_t last, uint16_t port)
{
    return (first == 0 && last == 0) || (port >= first && port <= last);
}

bool fib_match_prefix(const struct prefix *selector, const struct address *address, uint8_t family)
{
    struct address zero = {.family = family};

    if (selector->len == 0)
        return true;
    if (address_is_set(address))
        return prefix_contains(selector, address);
    return family == FAMILY_IPV4 && prefix_contains(selector, &zero);
}

bool fib_match_rule(const struct rule *rule, const struct flow *flow)
{
    const char *iif = flow->iif[0] != '\0' ? flow->iif : "lo"; /* local output: loopback */
    uint8_t family = rule->family;

    if (rule->iif[0] != '\0' && !text_equal(rule->iif, iif))
        return false;
    if (rule->oif[0] != '\0' && !text_equal(rule->oif, flow->oif))
        return false;
    if (((rule->mark ^ flow->mark) & rule->mask) != 0)
        return false;
    if (flow->uid < rule->uid_first || flow->uid > rule->uid_last)
        return false;
    if (rule->tos != 0 && rule->tos != flow->tos)
        return false;
    if (rule->ip_proto != 0 && rule->ip_proto != flow->ip_proto)
        return false;
    if (rule->tun_id != 0 || rule->l3mdev)
        return false; /* no packet of ours comes out of such a tunnel, or belongs to a VRF */
    return in_range(rule->sport_first, rule->sport_last, flow->sport) &&
           in_range(rule->dport_first, rule->dport_last, flow->dport) &&
           fib_match_prefix(&rule->source, &flow->source, family) &&
           fib_match_prefix(&rule->destination, &flow->destination, family);
}
