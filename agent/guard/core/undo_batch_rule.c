/*
 * undo_batch_rule: the rules of an undo as lines for `ip -batch`.
 *
 * ip(8) deletes the first that has all that the line gives, puts behind all of its priority, and
 * puts none that means one that is there (rule_exists in net/core/fib_rules.c). So siblings take
 * turns: deleted from the front, each is the first that its own line means.
 */
#include "agent/guard/core/undo_batch_rule.h"

#include <stdlib.h>
#include <string.h>

#include "agent/guard/core/undo_batch_route.h"
#include "agent/guard/core/undo_rule.h"
#include "agent/guard/core/undo_touch.h"
#include "agent/guard/core/undo_words.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/net/render.h"

enum { LINE_SIZE = UNDO_BATCH_LINE_SIZE };

bool undo_batch_rule_words(const struct rule *rule, const char *verb, unsigned protocol,
                           struct text *out)
{
    bool ipv6 = rule->family == FAMILY_IPV6;
    struct rule plain = *rule;
    char line[LINE_SIZE] = "", more[LINE_SIZE] = "", unsaid[REASON_SIZE] = "";
    struct text text = TEXT_IN(line), words = TEXT_IN(more), without = TEXT_IN(unsaid);
    const char *selectors;

    if (rule->unknown != 0) {
        text_add(out, "# rule %s by hand, which ip(8) may know: ", verb);
        render_rule(rule, out);
        return false;
    }
    plain.family = FAMILY_IPV4; /* without " (IPv6)" */
    render_rule(&plain, &text);
    if (text_equal(verb, "add"))
        undo_words_rule(rule, &words, &without);
    if (unsaid[0] != '\0') {
        undo_words_comment(unsaid, line, out);
        return false;
    }
    selectors = strchr(line, ' ');
    text_add(out, "%srule %s pref %u%s%s protocol %u", ipv6 ? "# ip -6 " : "", verb, rule->priority,
             selectors != NULL ? selectors : "", more, protocol);
    return !ipv6;
}

/* Those of one priority, in order; the item's own among them. */
struct siblings {
    const struct rule **rules; /* owned: its end is free() */
    size_t count, own;
    size_t from; /* the first that takes a turn */
};

/* own is one of where's. */
static struct siblings list_siblings(const struct rule *own, const struct snapshot *where)
{
    struct siblings siblings = {mem_alloc(where->rules_count, sizeof(*siblings.rules)), 0, 0, 0};

    for (size_t i = 0; i < where->rules_count; i++) {
        const struct rule *rule = &where->rules[i];

        if (!undo_rule_is_sibling(rule, own))
            continue;
        if (rule == own)
            siblings.own = siblings.count;
        siblings.rules[siblings.count++] = rule;
    }
    siblings.from = siblings.own;
    return siblings;
}

/* One before those that take a turn, which the line of one of these would mean. */
static bool is_in_the_way(const struct siblings *siblings, size_t before, bool own_goes)
{
    for (size_t i = siblings->from; i < siblings->count; i++) {
        if ((own_goes || i != siblings->own) &&
            undo_rule_matches(siblings->rules[i], siblings->rules[before]))
            return true;
    }
    return false;
}

static void find_first(struct siblings *siblings, bool own_goes)
{
    for (size_t i = siblings->from; i-- > 0;) {
        bool present = own_goes || i != siblings->own;

        if (present && is_in_the_way(siblings, i, own_goes))
            siblings->from = i;
    }
}

static bool is_sayable(const struct rule *rule)
{
    char more[LINE_SIZE] = "", unsaid[REASON_SIZE] = "";
    struct text words = TEXT_IN(more), without = TEXT_IN(unsaid);

    undo_words_rule(rule, &words, &without);
    return rule->unknown == 0 && unsaid[0] == '\0';
}

/* One that stands before it is narrower, which ip(8) takes for it: it cannot be put behind that. */
static bool is_refused(const struct siblings *siblings, size_t at, bool own_goes)
{
    for (size_t i = 0; i < at; i++) {
        if (!(own_goes && i == siblings->own) &&
            undo_rule_matches(siblings->rules[at], siblings->rules[i]))
            return true;
    }
    return false;
}

/* It is not away for a moment: ip -batch may stop between two lines, and what it shields may stand.
 */
static bool may_be_shield(const struct rule *rule)
{
    return rule->protocol == OCEANID_PROTOCOL && rule->priority >= SHIELD_PRIORITY_FROM &&
           rule->priority <= SHIELD_PRIORITY_RESCUE;
}

static bool may_take_turns(const struct siblings *siblings, bool own_goes)
{
    for (size_t i = siblings->from; i < siblings->count; i++) {
        const struct rule *rule = siblings->rules[i];

        if (i != siblings->own && (!undo_rule_may_move(rule) || may_be_shield(rule) ||
                                   !is_sayable(rule) || is_refused(siblings, i, own_goes)))
            return false;
    }
    return true;
}

static void add_line(const struct rule *rule, const char *verb, unsigned protocol, struct text *out)
{
    if (out->len > 0)
        text_add(out, "\n");
    undo_batch_rule_words(rule, verb, protocol, out);
}

static void delete_once(const struct siblings *siblings, size_t at, bool *deleted, struct text *out)
{
    if (!deleted[at])
        add_line(siblings->rules[at], "del", siblings->rules[at]->protocol, out);
    deleted[at] = true;
}

/* Before one is put those behind it that are narrower, which keep it from being put. */
static void delete_narrower(const struct siblings *siblings, size_t at, bool *deleted,
                            struct text *out)
{
    for (size_t i = at + 1; i < siblings->count; i++) {
        if (undo_rule_matches(siblings->rules[at], siblings->rules[i]))
            delete_once(siblings, i, deleted, out);
    }
}

/* The own one behind all that its line may mean: where it is gone already, none of those goes. */
static void delete_own(const struct siblings *siblings, bool *deleted, struct text *out)
{
    for (size_t i = siblings->from; i < siblings->own; i++)
        delete_once(siblings, i, deleted, out);
    delete_narrower(siblings, siblings->own, deleted, out);
    delete_once(siblings, siblings->own, deleted, out);
}

/* False: there are too many of them for a step, and nothing is said. */
static bool take_turns(const struct siblings *siblings, bool own_goes, struct text *out)
{
    AUTO_FREE bool *deleted = mem_alloc(siblings->count, sizeof(*deleted));

    if (own_goes)
        delete_own(siblings, deleted, out);
    else
        deleted[siblings->own] = true;
    for (size_t i = siblings->from; i < siblings->count; i++) {
        if (own_goes && i == siblings->own)
            continue;
        delete_once(siblings, i, deleted, out);
        delete_narrower(siblings, i, deleted, out);
        add_line(siblings->rules[i], "add", siblings->rules[i]->protocol, out);
    }
    if (!undo_batch_is_full(out))
        return true;
    text_init(out, out->data, out->size);
    return false;
}

static bool has_narrower_behind(const struct siblings *siblings)
{
    for (size_t i = siblings->own + 1; i < siblings->count; i++) {
        if (undo_rule_matches(siblings->rules[siblings->own], siblings->rules[i]))
            return true;
    }
    return false;
}

static void add_by_hand(const char *why, const char *verb, const struct rule *rule,
                        struct text *out)
{
    text_add(out, "# not in ip(8)'s words: %s: %s '", why, verb);
    render_rule(rule, out);
    text_add(out, "' by oceanid-rollback");
}

static bool delete_among(const struct siblings *siblings, const struct rule *change,
                         struct text *out)
{
    if (siblings->from == siblings->own && !has_narrower_behind(siblings))
        return undo_batch_rule_words(change, "del", OCEANID_PROTOCOL, out);
    if (may_take_turns(siblings, true) && take_turns(siblings, true, out))
        return change->family != FAMILY_IPV6;
    add_by_hand("a line of ip(8) means another one, which stands first", "delete", change, out);
    return false;
}

static bool delete_rule(const struct undo_item *item, const struct snapshot *after,
                        struct text *out)
{
    const struct rule *change = &item->change.rule.rule;
    const struct rule *made = undo_find_rule(item, after);
    struct siblings siblings;
    bool said;

    if (made == NULL)
        return undo_batch_rule_words(change, "del", OCEANID_PROTOCOL, out);
    siblings = list_siblings(made, after);
    find_first(&siblings, true);
    said = delete_among(&siblings, change, out);
    free(siblings.rules);
    return said;
}

/* Those that stood behind it and are not there any more come by lines of their own, or do not. */
static bool put_among(const struct siblings *siblings, const struct rule *was, struct text *out)
{
    bool refused = is_refused(siblings, siblings->own, false);

    if (!refused && may_take_turns(siblings, false) && take_turns(siblings, false, out))
        return was->family != FAMILY_IPV6;
    if (refused || has_narrower_behind(siblings)) {
        add_by_hand("ip(8) puts none beside a narrower one", "put", was, out);
        return false;
    }
    add_line(was, "add", was->protocol, out);
    text_add(out, "\n# not in ip(8)'s words: that it comes before others of its priority");
    return was->family != FAMILY_IPV6;
}

static bool put_rule(const struct undo_item *item, struct text *out)
{
    const struct rule *was = undo_find_rule(item, &item->before);
    struct siblings siblings;
    bool said;

    if (was == NULL || !is_sayable(was))
        return undo_batch_rule_words(&item->change.rule.rule, "add", OCEANID_PROTOCOL, out);
    siblings = list_siblings(was, &item->before);
    find_first(&siblings, false);
    said = put_among(&siblings, was, out);
    free(siblings.rules);
    return said;
}

bool undo_batch_rule(const struct undo_item *item, struct text *out)
{
    struct snapshot after;
    bool said;

    if (!undo_removes(item))
        return put_rule(item, out);
    undo_take_made(item, &after);
    said = delete_rule(item, &after, out);
    snapshot_done(&after);
    return said;
}
