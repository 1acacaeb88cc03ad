/*
 * difference: two snapshots in normal form, compared item by item.
 */
#include <linux/fib_rules.h>
#include <string.h>

#include "common/net/attribute.h"
#include "common/net/render.h"

static bool same_hop(const struct hop *a, const struct hop *b)
{
    return a->link == b->link && a->onlink == b->onlink && address_equal(&a->gateway, &b->gateway);
}

bool render_same_route(const struct route *a, const struct route *b)
{
    if (snapshot_compare_routes(a, b) != 0 || a->protocol != b->protocol || a->scope != b->scope ||
        a->type != b->type || a->nexthop_id != b->nexthop_id || a->mtu != b->mtu ||
        !address_equal(&a->prefsrc, &b->prefsrc) || !prefix_equal(&a->source, &b->source))
        return false;
    if (a->nexthop_id != 0)
        return true; /* the hops are the object's */
    if (a->hops_count != b->hops_count)
        return false;
    if (a->hops_count == 1)
        return same_hop(&a->hop, &b->hop);
    for (uint32_t i = 0; i < a->hops_count; i++) {
        if (!same_hop(&a->hops[i], &b->hops[i]) || a->hops[i].weight != b->hops[i].weight)
            return false;
    }
    return true;
}

/* The next one that no field of struct rule is for. */
static bool next_besides(struct attributes *from, struct attribute *ret_attribute)
{
    static const uint8_t ones[] = {0xff, 0xff};

    while (attribute_next(from, ret_attribute)) {
        bool mask =
            ret_attribute->type == RULE_SPORT_MASK || ret_attribute->type == RULE_DPORT_MASK;

        if (mask && ret_attribute->len == sizeof(ones) &&
            memcmp(ret_attribute->data, ones, sizeof(ones)) == 0)
            continue;
        if (ret_attribute->type == FRA_FLOW || ret_attribute->type > FRA_DPORT_RANGE)
            return true;
    }
    return false;
}

static bool same_attribute(const struct attribute *a, const struct attribute *b)
{
    return a->type == b->type && a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* By the kernel's own bytes where both have them: what an older program did not know of a rule is
 * in no other place of its journal. */
static bool same_besides(const struct rule *a, const struct rule *b)
{
    struct attributes of_a = attributes_behind(a->raw, a->raw_len, sizeof(struct fib_rule_hdr));
    struct attributes of_b = attributes_behind(b->raw, b->raw_len, sizeof(struct fib_rule_hdr));
    struct attribute one, other;
    bool more;

    if (a->raw == NULL || b->raw == NULL)
        return a->unknown == b->unknown && a->unknown_sum == b->unknown_sum;
    do {
        more = next_besides(&of_a, &one);
        if (more != next_besides(&of_b, &other) || (more && !same_attribute(&one, &other)))
            return false;
    } while (more);
    return true;
}

static bool same_selectors(const struct rule *a, const struct rule *b)
{
    return a->tos == b->tos && a->ip_proto == b->ip_proto && a->invert == b->invert &&
           a->l3mdev == b->l3mdev && a->tun_id == b->tun_id && a->mark == b->mark &&
           a->mask == b->mask && a->uid_first == b->uid_first && a->uid_last == b->uid_last &&
           a->sport_first == b->sport_first && a->sport_last == b->sport_last &&
           a->dport_first == b->dport_first && a->dport_last == b->dport_last &&
           same_besides(a, b) && text_equal(a->iif, b->iif) && text_equal(a->oif, b->oif) &&
           a->source.len == b->source.len && a->destination.len == b->destination.len &&
           (a->source.len == 0 || prefix_equal(&a->source, &b->source)) &&
           (a->destination.len == 0 || prefix_equal(&a->destination, &b->destination));
}

bool render_same_rule(const struct rule *a, const struct rule *b)
{
    return snapshot_compare_rules(a, b) == 0 && a->action == b->action && a->table == b->table &&
           a->goto_priority == b->goto_priority && a->protocol == b->protocol &&
           a->suppress_prefixlength == b->suppress_prefixlength &&
           a->suppress_ifgroup == b->suppress_ifgroup && same_selectors(a, b);
}

bool render_same_nexthop(const struct nexthop *a, const struct nexthop *b)
{
    if (a->id != b->id || a->protocol != b->protocol || a->group != b->group ||
        a->blackhole != b->blackhole || a->members_count != b->members_count)
        return false;
    for (uint32_t i = 0; i < a->members_count; i++) {
        if (a->members[i].id != b->members[i].id || a->members[i].weight != b->members[i].weight)
            return false;
    }
    return a->group || a->blackhole || same_hop(&a->hop, &b->hop);
}

static bool same_link(const struct link *a, const struct link *b)
{
    return a->index == b->index && a->mtu == b->mtu && a->up == b->up && a->carrier == b->carrier &&
           a->master == b->master && text_equal(a->name, b->name);
}

static bool same_address(const struct link_address *a, const struct link_address *b)
{
    return a->link == b->link && a->prefix_len == b->prefix_len && a->secondary == b->secondary &&
           address_equal(&a->address, &b->address);
}

/* ---- one side's items that the other does not have --------------------------------------------
 */

struct side {
    const struct snapshot *one, *other;
    char sign;
    render_line_fn line_fn;
    void *context;
    size_t count;
};

static void tell(struct side *side, const char *text)
{
    char line[SENTENCE_SIZE + 64];
    struct text out = TEXT_IN(line);

    text_add(&out, "%c %s", side->sign, text);
    side->line_fn(side->context, line);
    side->count++;
}

/* Both sides are sorted: the search goes on where it was for the one before. */
static size_t skip_smaller(const struct snapshot *snapshot, size_t from, const struct route *route)
{
    while (from < snapshot->routes_count &&
           snapshot_compare_routes(&snapshot->routes[from], route) < 0)
        from++;
    return from;
}

/* from: the first route whose key is not smaller. */
static bool has_route(const struct snapshot *snapshot, size_t from, const struct route *route)
{
    for (size_t i = from; i < snapshot->routes_count; i++) {
        if (snapshot_compare_routes(&snapshot->routes[i], route) != 0)
            return false;
        if (render_same_route(&snapshot->routes[i], route))
            return true;
    }
    return false;
}

static void tell_routes(struct side *side)
{
    size_t at = 0;

    for (size_t i = 0; i < side->one->routes_count; i++) {
        const struct route *route = &side->one->routes[i];
        char line[SENTENCE_SIZE];
        struct text out = TEXT_IN(line);

        at = skip_smaller(side->other, at, route);
        if (route->clone || has_route(side->other, at, route))
            continue;
        line[0] = '\0';
        render_route(route, side->one, &out);
        tell(side, line);
    }
}

/* Items of one kind: same(a, b) decides, print(item, out) tells. */
#define TELL_FUNCTION(name, type, items, same, print)                                              \
    static void name(struct side *side)                                                            \
    {                                                                                              \
        for (size_t i = 0; i < side->one->items##_count; i++) {                                    \
            const struct type *item = &side->one->items[i];                                        \
            char line[SENTENCE_SIZE] = "";                                                         \
            struct text out = TEXT_IN(line);                                                       \
            size_t k = 0;                                                                          \
                                                                                                   \
            while (k < side->other->items##_count && !same(item, &side->other->items[k]))          \
                k++;                                                                               \
            if (k < side->other->items##_count)                                                    \
                continue;                                                                          \
            print;                                                                                 \
            tell(side, line);                                                                      \
        }                                                                                          \
    }

static bool same_sysctl(const struct sysctl *a, const struct sysctl *b)
{
    return text_equal(a->name, b->name) && text_equal(a->value, b->value);
}

TELL_FUNCTION(tell_links, link, links, same_link, render_link(item, &out))
TELL_FUNCTION(tell_addresses, link_address, addresses, same_address,
              render_address(item, side->one, &out))
TELL_FUNCTION(tell_rules, rule, rules, render_same_rule, text_add(&out, "rule ");
              render_rule(item, &out))
TELL_FUNCTION(tell_nexthops, nexthop, nexthops, render_same_nexthop,
              render_nexthop(item, side->one, &out))
TELL_FUNCTION(tell_sysctls, sysctl, sysctls, same_sysctl,
              text_add(&out, "%s = %s", item->name, item->value))

static void tell_tailscale(struct side *side)
{
    char line[SENTENCE_SIZE] = "";
    char other[SENTENCE_SIZE] = "";
    struct text out = TEXT_IN(line);
    struct text other_out = TEXT_IN(other);

    render_tailscale(&side->one->tailscale, &out);
    render_tailscale(&side->other->tailscale, &other_out);
    if (!text_equal(line, other))
        tell(side, line);
}

/* ---- files, line by line ----------------------------------------------------------------------
 */

static bool has_line(const struct snapshot_file *file, const char *line, size_t len)
{
    const char *at = (const char *)file->data;
    const char *end = at + file->len;

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t there = (size_t)((newline != NULL ? newline : end) - at);

        if (there == len && memcmp(at, line, len) == 0)
            return true;
        at += there + 1;
    }
    return false;
}

/* Those of its lines that the other side's file of that name has nowhere. */
static void tell_lines(struct side *side, const struct snapshot_file *file,
                       const struct snapshot_file *other)
{
    const char *at = (const char *)file->data;
    const char *end = at + file->len;

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((newline != NULL ? newline : end) - at);
        char line[SENTENCE_SIZE] = "";
        struct text out = TEXT_IN(line);

        text_add(&out, "%s: %.*s", file->path, (int)len, at);
        if (len > 0 && (other == NULL || !other->there || !has_line(other, at, len)))
            tell(side, line);
        at += len + 1;
    }
}

static void tell_files(struct side *side)
{
    for (size_t i = 0; i < side->one->files_count; i++) {
        const struct snapshot_file *file = &side->one->files[i];

        if (file->there && file->len > 0)
            tell_lines(side, file, snapshot_find_file(side->other, file->path));
    }
}

static size_t tell_side(struct side *side)
{
    tell_links(side);
    tell_addresses(side);
    tell_nexthops(side);
    tell_routes(side);
    tell_rules(side);
    tell_sysctls(side);
    tell_tailscale(side);
    tell_files(side);
    return side->count;
}

size_t render_difference(const struct snapshot *before, const struct snapshot *after,
                         render_line_fn line_fn, void *context)
{
    struct side removed = {before, after, '-', line_fn, context, 0};
    struct side added = {after, before, '+', line_fn, context, 0};
    size_t count = tell_side(&removed);

    return count + tell_side(&added);
}
