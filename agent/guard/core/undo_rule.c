/*
 * undo_rule: how a rule is taken back, and which one the kernel takes for which.
 */
#include "agent/guard/core/undo_rule.h"

#include "agent/guard/core/undo_touch.h"
#include "common/net/operation.h"
#include "common/net/render.h"

/* ---- which one the kernel takes ---------------------------------------------------------------
 */

bool undo_rule_is_sibling(const struct rule *a, const struct rule *b)
{
    return snapshot_compare_rules(a, b) == 0;
}

static bool matches_numbers(const struct rule *given, const struct rule *rule)
{
    return (given->action == 0 || given->action == rule->action) &&
           (given->table == 0 || given->table == rule->table) &&
           (given->mark == 0 || given->mark == rule->mark) &&
           (given->mask == 0 || given->mask == rule->mask) &&
           (given->tos == 0 || given->tos == rule->tos) &&
           (given->tun_id == 0 || given->tun_id == rule->tun_id) &&
           (!given->l3mdev || rule->l3mdev) && (given->unknown == 0 || rule->unknown != 0) &&
           (given->ip_proto == 0 || given->ip_proto == rule->ip_proto) &&
           (given->protocol == 0 || given->protocol == rule->protocol) &&
           (given->suppress_prefixlength < 0 ||
            given->suppress_prefixlength == rule->suppress_prefixlength) &&
           (given->suppress_ifgroup < 0 || given->suppress_ifgroup == rule->suppress_ifgroup);
}

static bool matches_ranges(const struct rule *given, const struct rule *rule)
{
    bool any_user = given->uid_first == 0 && given->uid_last == UINT32_MAX;

    return (any_user ||
            (given->uid_first == rule->uid_first && given->uid_last == rule->uid_last)) &&
           (given->sport_first == 0 ||
            (given->sport_first == rule->sport_first && given->sport_last == rule->sport_last)) &&
           (given->dport_first == 0 ||
            (given->dport_first == rule->dport_first && given->dport_last == rule->dport_last));
}

/* Would the kernel take this one, given that? rule_find in net/core/fib_rules.c: what is not given
 * matches anything, and "not" is not looked at. Of what we do not know it may take any for any. */
bool undo_rule_matches(const struct rule *given, const struct rule *rule)
{
    return matches_numbers(given, rule) && matches_ranges(given, rule) &&
           (given->iif[0] == '\0' || text_equal(given->iif, rule->iif)) &&
           (given->oif[0] == '\0' || text_equal(given->oif, rule->oif)) &&
           (given->source.len == 0 || prefix_equal(&given->source, &rule->source)) &&
           (given->destination.len == 0 || prefix_equal(&given->destination, &rule->destination));
}

bool undo_rule_is_first(const struct rule *rule, const struct snapshot *now)
{
    for (size_t i = 0; i < now->rules_count; i++) {
        if (undo_rule_is_sibling(&now->rules[i], rule) && undo_rule_matches(rule, &now->rules[i]))
            return &now->rules[i] == rule;
    }
    return false;
}

/* ---- judging ----------------------------------------------------------------------------------
 */

/* Somebody else's rule that says the same. */
static const struct rule *find_foreign_rule(const struct undo_item *item,
                                            const struct snapshot *now)
{
    for (size_t i = 0; i < now->rules_count; i++) {
        if (now->rules[i].protocol != OCEANID_PROTOCOL &&
            undo_touch_same_rule(&now->rules[i], &item->change.rule.rule))
            return &now->rules[i];
    }
    return NULL;
}

/* By itself, as the kernel has it: an older program may have taken it for a plainer one. */
static bool has_rule(const struct snapshot *now, const struct rule *was)
{
    for (size_t i = 0; was != NULL && i < now->rules_count; i++) {
        if (render_same_rule(&now->rules[i], was))
            return true;
    }
    return false;
}

enum undo_state undo_rule_judge(const struct undo_item *item, const struct snapshot *after,
                                const struct snapshot *now, struct text *why)
{
    const struct rule *before = undo_find_rule(item, &item->before);
    bool was = before != NULL;
    bool made = undo_find_rule(item, after) != NULL;
    bool is = undo_find_rule(item, now) != NULL || has_rule(now, before);
    const struct rule *foreign = was && !is ? find_foreign_rule(item, now) : NULL;

    if (was == made || is == was)
        return UNDO_RESTORED;
    text_add(why, "expected %s '", was ? "rule" : "no rule");
    render_rule(&item->change.rule.rule, why);
    text_add(why,
             foreign != NULL ? "' of Oceanid's, found one of protocol %u"
             : is            ? "', found it"
                             : "', found none",
             foreign != NULL ? foreign->protocol : 0);
    return foreign != NULL ? UNDO_FOREIGN : UNDO_NEEDED;
}
