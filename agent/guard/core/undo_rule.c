/*
 * undo_rule: how a rule is taken back, and which one the kernel takes for which.
 */
#include "agent/guard/core/undo_rule.h"

#include <stdlib.h>

#include "agent/guard/core/undo_touch.h"
#include "common/core/mem.h"
#include "common/net/operation.h"
#include "common/net/owner.h"
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

bool undo_rule_may_move(const struct rule *rule)
{
    return owner_row(owner_of_rule(rule))->undo;
}

/* ---- in their order ---------------------------------------------------------------------------
 */

/* A rule's siblings, itself among them, in their order. */
struct row {
    const struct rule **rules;
    size_t count;
};

static struct row row_of(const struct rule *rule, const struct snapshot *snapshot, size_t more)
{
    struct row row = {mem_alloc(snapshot->rules_count + more + 1, sizeof(*row.rules)), 0};

    for (size_t i = 0; i < snapshot->rules_count; i++) {
        if (undo_rule_is_sibling(&snapshot->rules[i], rule))
            row.rules[row.count++] = &snapshot->rules[i];
    }
    return row;
}

/* count: behind the last. */
static size_t place_in(const struct row *row, const struct rule *rule)
{
    size_t at = 0;

    while (at < row->count && row->rules[at] != rule)
        at++;
    return at;
}

/* How many of those before that place are the same as this one. */
static size_t count_ahead(const struct row *row, size_t place, const struct rule *rule)
{
    size_t count = 0;

    for (size_t i = 0; i < place; i++)
        count += render_same_rule(row->rules[i], rule);
    return count;
}

/* The first that is the same, if the kernel deletes it when it is told to delete one like that, and
 * it stands before that place; else count. */
static size_t find_movable(const struct row *row, size_t place, const struct rule *rule)
{
    for (size_t i = 0; i < place; i++) {
        if (render_same_rule(row->rules[i], rule))
            return i;
        if (undo_rule_matches(rule, row->rules[i]))
            break;
    }
    return row->count;
}

static void move(struct row *row, size_t at, bool copied)
{
    const struct rule *rule = row->rules[at];

    row->count--;
    for (size_t i = at; i < row->count; i++)
        row->rules[i] = row->rules[i + 1];
    if (!copied)
        row->rules[row->count++] = rule;
}

/* Of those that stood behind it, the ones that stand before it, in their order: each goes behind
 * all the others, so they come to stand in that order, too. */
static size_t move_all(const struct row *was, size_t behind, struct row *is,
                       const struct rule *there, struct undo_rule_move *ret_moves)
{
    size_t count = 0;

    for (size_t i = behind + 1; i < was->count; i++) {
        const struct rule *sibling = was->rules[i];
        size_t place = place_in(is, there), at = find_movable(is, place, sibling);
        bool copied;

        if (at >= is->count || !undo_rule_may_move(is->rules[at]) ||
            count_ahead(is, place, sibling) <= count_ahead(was, behind, sibling))
            continue;
        copied = count_ahead(is, is->count, sibling) > count_ahead(was, was->count, sibling);
        ret_moves[count++] = (struct undo_rule_move){is->rules[at], copied};
        move(is, at, copied);
    }
    return count;
}

size_t undo_rule_moves(const struct rule *was, const struct snapshot *before,
                       const struct rule *there, const struct snapshot *now,
                       struct undo_rule_move *ret_moves)
{
    struct row had = row_of(was, before, 0), has = row_of(was, now, 1);
    size_t count;

    if (there == NULL)
        has.rules[has.count++] = was;
    count = move_all(&had, place_in(&had, was), &has, there != NULL ? there : was, ret_moves);
    free(had.rules);
    free(has.rules);
    return count;
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
static const struct rule *find_same(const struct snapshot *now, const struct rule *was)
{
    for (size_t i = 0; was != NULL && i < now->rules_count; i++) {
        if (render_same_rule(&now->rules[i], was))
            return &now->rules[i];
    }
    return NULL;
}

const struct rule *undo_rule_find_there(const struct undo_item *item, const struct snapshot *now)
{
    const struct rule *is = undo_find_rule(item, now);

    return is != NULL ? is : find_same(now, undo_find_rule(item, &item->before));
}

static bool is_out_of_place(const struct undo_item *item, const struct rule *is,
                            const struct snapshot *now)
{
    AUTO_FREE struct undo_rule_move *moves =
        mem_alloc(item->before.rules_count + 1, sizeof(*moves));

    return undo_rule_moves(undo_find_rule(item, &item->before), &item->before, is, now, moves) > 0;
}

enum undo_state undo_rule_judge(const struct undo_item *item, const struct snapshot *after,
                                const struct snapshot *now, struct text *why)
{
    bool was = undo_find_rule(item, &item->before) != NULL;
    bool made = undo_find_rule(item, after) != NULL;
    const struct rule *is = undo_rule_find_there(item, now);
    const struct rule *foreign = was && is == NULL ? find_foreign_rule(item, now) : NULL;
    bool there = is != NULL;

    if (was == made || (was == there && !(was && is_out_of_place(item, is, now))))
        return UNDO_RESTORED;
    text_add(why, "expected %s '", was ? "rule" : "no rule");
    render_rule(&item->change.rule.rule, why);
    text_add(why,
             foreign != NULL ? "' of Oceanid's, found one of protocol %u"
             : was && there  ? "' and its siblings in the order as before, found another"
             : there         ? "', found it"
                             : "', found none",
             foreign != NULL ? foreign->protocol : 0);
    return foreign != NULL ? UNDO_FOREIGN : UNDO_NEEDED;
}
