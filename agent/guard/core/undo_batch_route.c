/*
 * undo_batch_route: the routes of an undo as lines for `ip -batch`.
 */
#include "agent/guard/core/undo_batch_route.h"

#include <stdio.h>
#include <string.h>

#include "agent/guard/core/undo_beside.h"
#include "agent/guard/core/undo_render.h"
#include "agent/guard/core/undo_touch.h"
#include "agent/guard/core/undo_words.h"
#include "common/core/text.h"
#include "common/net/render.h"

enum { WORDS_SIZE = 512 };

void undo_batch_replace_word(char *line, const char *word, const char *by)
{
    char *start = strstr(line, word);
    char rest[UNDO_BATCH_LINE_SIZE];
    struct text out;

    if (start == NULL)
        return;
    text_copy(rest, sizeof(rest), start + strlen(word));
    text_init(&out, start, UNDO_BATCH_LINE_SIZE - (size_t)(start - line));
    text_add(&out, "%s%s", by, rest);
}

bool undo_batch_is_full(const struct text *line)
{
    return line->len + 1 >= line->size;
}

/* ip(8) wants a gateway of the other family announced. */
static void announce_gateways(const struct route *route, char *line)
{
    const struct hop *hops = route->hops_count > 1 ? route->hops : &route->hop;

    for (uint32_t i = 0; i < route->hops_count; i++) {
        const struct address *gateway = &hops[i].gateway;
        char was[ADDRESS_TEXT_SIZE + 16];
        char by[ADDRESS_TEXT_SIZE + 16];
        char text[ADDRESS_TEXT_SIZE];

        if (!address_is_set(gateway) || gateway->family == route->destination.address.family)
            continue;
        snprintf(was, sizeof(was), " via %s", address_format(gateway, text));
        snprintf(by, sizeof(by), " via inet6 %s", text);
        undo_batch_replace_word(line, was, by);
    }
}

/* more: words besides, each with a blank before it. */
static void add_words(const struct route *route, const struct snapshot *named, const char *more,
                      struct text *out)
{
    bool hops = route->nexthop_id == 0 && route->hops_count > 1;
    char line[UNDO_BATCH_LINE_SIZE] = "";
    struct text text = TEXT_IN(line);
    char protocol[WORDS_SIZE + 32];

    render_route(route, named, &text);
    announce_gateways(route, line);
    snprintf(protocol, sizeof(protocol), " proto %u%s%s",
             route->protocol != 0 ? route->protocol : (unsigned)OCEANID_PROTOCOL, more,
             hops ? " nexthop" : "");
    if (hops) /* ip(8) takes nothing behind them */
        undo_batch_replace_word(line, " nexthop", protocol);
    text_add(out, "%s%s", line, hops ? "" : protocol);
}

/* For who deletes: what a line does not name is not compared. */
static void route_words(const struct route *route, const struct snapshot *named, struct text *out)
{
    add_words(route, named, "", out);
}

/* ---- of an operation --------------------------------------------------------------------------
 */

static void add_line(const char *verb, const struct route *route, const struct snapshot *named,
                     struct text *out)
{
    text_add(out, "%sroute %s ", out->len > 0 ? "\n" : "", verb);
    route_words(route, named, out);
}

/* What it was, exactly, or a comment and false. needs: what it needs and no line puts. */
static bool add_put(const char *verb, const struct route *was, const struct snapshot *named,
                    const char *needs, struct text *out)
{
    struct route plain = *was; /* borrows */
    char more[WORDS_SIZE] = "", unsaid[REASON_SIZE] = "", line[UNDO_BATCH_LINE_SIZE] = "";
    struct text words = TEXT_IN(more), without = TEXT_IN(unsaid), text = TEXT_IN(line);

    text_add(&without, "%s", needs);
    undo_words_route(was, &words, &without);
    if (undo_words_has_mtu(was))
        plain.mtu = 0;
    text_add(&text, "route %s ", verb);
    add_words(&plain, named, more, &text);
    if (undo_batch_is_full(&text) && unsaid[0] == '\0')
        text_add(&without, "so many hops");
    if (unsaid[0] == '\0') {
        text_add(out, "%s%s", out->len > 0 ? "\n" : "", line);
        return true;
    }
    text_init(&text, line, sizeof(line));
    text_add(&text, "route ");
    render_route(was, named, &text);
    undo_words_comment(unsaid, line, out);
    return false;
}

static bool is_said(const struct route *was)
{
    char more[WORDS_SIZE] = "", unsaid[REASON_SIZE] = "";
    struct text words = TEXT_IN(more), without = TEXT_IN(unsaid);

    undo_words_route(was, &words, &without);
    return unsaid[0] == '\0';
}

static bool has_sibling(const struct route *route, const struct snapshot *where)
{
    for (size_t i = 0; i < where->routes_count; i++) {
        const struct route *there = &where->routes[i];

        if (there != route && !there->clone && undo_touch_same_key(there, route))
            return true;
    }
    return false;
}

static const char *verb_beside(const struct route *was, const struct snapshot *before)
{
    return undo_beside_is_first(before, was) ? "prepend" : "append";
}

static bool begins_alike(const struct route *route, const struct route *other)
{
    const struct hop *given = route->hops_count > 1 ? route->hops : &route->hop;
    const struct hop *hops = other->hops_count > 1 ? other->hops : &other->hop;

    for (uint32_t i = 0; i < route->hops_count && i < other->hops_count; i++) {
        if (given[i].link != hops[i].link || (address_is_set(&given[i].gateway) &&
                                              !address_equal(&given[i].gateway, &hops[i].gateway)))
            return false;
    }
    return true;
}

/* Whether a line that deletes the one may mean the other: what it does not name, the kernel does
 * not compare, nor the hops of which one has more (fib_nh_match). */
static bool may_mean(const struct route *route, const struct route *other)
{
    return route->type == other->type && route->nexthop_id == other->nexthop_id &&
           (!address_is_set(&route->prefsrc) || address_equal(&route->prefsrc, &other->prefsrc)) &&
           (route->mtu == 0 || route->mtu == other->mtu) && begins_alike(route, other);
}

/* Both are there for a moment, but where ip(8) could not tell them apart. IPv6 has what is alone
 * replaced, and takes no second one by the same way. */
static bool add_exchange(const struct undo_item *item, const struct route *was,
                         const struct route *made, const struct snapshot *after, struct text *out)
{
    const char *verb = verb_beside(was, &item->before);
    bool ipv6 = was->destination.address.family == FAMILY_IPV6;
    bool deletes_first = may_mean(made, was) || (ipv6 && may_mean(was, made));

    if ((ipv6 && !has_sibling(made, after)) || !is_said(was))
        return add_put("replace", was, &item->before, "", out);
    if (deletes_first)
        add_line("del", made, after, out);
    add_put(verb, was, &item->before, "", out);
    if (!deletes_first)
        add_line("del", made, after, out);
    return true;
}

/* IPv6 has another metric first, where a line names none. */
static void own_words(const struct route *route, const struct snapshot *named, struct text *out)
{
    struct route own = *route; /* borrows */

    own.metric = operation_route_metric(route);
    route_words(&own, named, out);
}

bool undo_batch_route(const struct undo_item *item, struct text *out)
{
    const struct route *was = undo_find_route(item, &item->before);
    const struct route *made;
    struct snapshot after;
    bool said;

    if (undo_removes(item) || was == NULL) {
        undo_render_route(item, "route del ", own_words, out);
        return true;
    }
    undo_take_made(item, &after);
    made = item->change.route.absent ? NULL : undo_find_route(item, &after);
    if (made != NULL)
        said = add_exchange(item, was, made, &after, out);
    else
        said = add_put(has_sibling(was, &item->before) ? verb_beside(was, &item->before) : "add",
                       was, &item->before, "", out);
    snapshot_done(&after);
    return said;
}

/* No line can name the metric 0 of IPv4: a deletion without one takes the first of whatever metric.
 * Behind an addition of this one, told apart by what a host has in any case, the first is of 0. */
void undo_batch_route_left(const struct route *left, const struct snapshot *named, struct text *out)
{
    bool exact = left->metric != 0 || left->destination.address.family != FAMILY_IPV4;

    if (!exact) {
        add_line("append", left, named, out);
        text_add(out, " hoplimit 64");
    }
    add_line("del", left, named, out);
    if (!exact) {
        add_line("del", left, named, out);
        text_add(out, " hoplimit 64");
    }
}

/* ---- lost -------------------------------------------------------------------------------------
 */

/* After was read for what the change touches: a route that has lost its source is not in it, and
 * is in the way all the same. */
static enum undo_beside_place place_of(const struct undo_loss *loss,
                                       const struct snapshot *expected, size_t index)
{
    const struct route *was = &loss->had->routes[index];
    enum undo_beside_place place = undo_beside_place(loss, index);

    if (place != UNDO_BESIDE_ALONE || expected == NULL)
        return place;
    switch (undo_lost_way(was, expected)) {
    case UNDO_LOST_INSTEAD:
        return UNDO_BESIDE_INSTEAD;
    case UNDO_LOST_BESIDE:
        return UNDO_BESIDE_LAST;
    case UNDO_LOST_ALONE:
        break;
    }
    return place;
}

void undo_batch_route_lost(const struct undo_loss *loss, const struct snapshot *expected,
                           size_t index, struct text *out)
{
    static const char *const verbs[] = {[UNDO_BESIDE_ALONE] = "add",
                                        [UNDO_BESIDE_FIRST] = "prepend",
                                        [UNDO_BESIDE_LAST] = "append",
                                        [UNDO_BESIDE_INSTEAD] = "replace"};

    const struct route *was = &loss->had->routes[index];
    char needs[REASON_SIZE] = "";
    struct text without = TEXT_IN(needs);

    if (was->nexthop_id != 0)
        undo_words_object(loss, was->nexthop_id, &without);
    add_put(verbs[place_of(loss, expected, index)], was, loss->had, needs, out);
}
