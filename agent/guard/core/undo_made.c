/*
 * undo_made: what networkd made of a file: addresses, routes and rules that the file asks for.
 */
#include "agent/guard/core/undo_made.h"

#include <stdlib.h>
#include <string.h>

#include "agent/guard/core/undo_file.h"
#include "agent/guard/core/undo_lost.h"
#include "agent/guard/core/undo_touch.h"
#include "common/core/mem.h"
#include "common/net/file_let.h"
#include "common/net/render.h"

/* ---- what is asked for ------------------------------------------------------------------------
 */

static enum file_form form_of(const struct operation_file *file)
{
    enum file_form form = FILE_FORM_NETWORK;
    struct err err = ERR_INIT;

    file_form_of(file->path, &form, &err);
    return form;
}

/* Owned; NULL: there is none, or one that is not read. */
static char *content_of(const struct snapshot_file *file)
{
    char *content;

    if (file == NULL || !file->there || file->len == 0 || file->irregular)
        return NULL;
    content = mem_alloc(file->len + 1, 1);
    memcpy(content, file->data, file->len);
    return content;
}

static bool add_file(struct file_asks *asks, enum file_form form, const struct snapshot_file *file)
{
    AUTO_FREE char *content = content_of(file);

    if (content != NULL)
        return file_asks_add(asks, form, content);
    return file == NULL || !file->there || file->len == 0;
}

static bool is_foreign(const struct undo_item *item, const struct snapshot *now)
{
    for (size_t i = 0; i < item->before.files_count; i++) {
        if (undo_file_judge_place(item, &item->before.files[i], now) == UNDO_FOREIGN)
            return true;
    }
    return false;
}

void undo_made_init(struct undo_made *made, const struct undo_item *item,
                    const struct snapshot *now)
{
    const struct operation_file *change = &item->change.file;
    bool understood;

    *made = (struct undo_made){.item = item, .now = now};
    file_asks_add(&made->asked, form_of(change), operation_file_trial_content(change));
    add_file(&made->had, form_of(change), operation_file_find_effective(change, &item->before));
    understood = add_file(&made->kept, form_of(change), operation_file_find_effective(change, now));
    made->unknown = !understood && is_foreign(item, now);
}

void undo_made_done(struct undo_made *made)
{
    file_asks_done(&made->asked);
    file_asks_done(&made->kept);
    file_asks_done(&made->had);
}

/* What comes of it is not known: a lease, its routes, what routers advertise. */
static bool lets_more(const struct undo_item *item)
{
    const struct operation_file *change = &item->change.file;
    AUTO_FREE char *content = content_of(operation_file_find_effective(change, &item->before));
    struct file_lets had = {.of = {0}}, asked = {.of = {0}};

    file_lets_add(&asked, form_of(change), operation_file_trial_content(change));
    if (content != NULL)
        file_lets_add(&had, form_of(change), content);
    return !file_lets_cover(&had, &asked);
}

bool undo_made_adds(const struct undo_item *item)
{
    struct undo_made made;
    bool adds;

    undo_made_init(&made, item, &item->before);
    adds = !file_asks_cover(&made.had, &made.asked) || lets_more(item);
    undo_made_done(&made);
    return adds;
}

/* ---- addresses and rules ----------------------------------------------------------------------
 */

static bool has_address(const struct snapshot *snapshot, const struct link_address *own)
{
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        if (undo_touch_same_address(&snapshot->addresses[i], own))
            return true;
    }
    return false;
}

static bool has_rule(const struct snapshot *snapshot, const struct rule *rule)
{
    for (size_t i = 0; i < snapshot->rules_count; i++) {
        if (render_same_rule(&snapshot->rules[i], rule))
            return true;
    }
    return false;
}

/* Where the file named no priority, another boot's kernel has chosen another one. */
static bool has_rule_made(const struct snapshot *snapshot, const struct rule *rule)
{
    for (size_t i = 0; i < snapshot->rules_count; i++) {
        struct rule made = snapshot->rules[i];

        made.priority = rule->priority;
        if (render_same_rule(&made, rule))
            return true;
    }
    return false;
}

bool undo_made_left_address(const struct undo_made *made, size_t index)
{
    const struct link_address *own = &made->now->addresses[index];

    return !made->unknown && file_asks_address(&made->asked, own) &&
           !file_asks_address(&made->kept, own) && !has_address(&made->item->before, own) &&
           (!made->item->has_after || has_address(&made->item->after, own));
}

bool undo_made_left_rule(const struct undo_made *made, size_t index)
{
    const struct rule *rule = &made->now->rules[index];

    return !made->unknown && file_asks_rule(&made->asked, rule) &&
           !file_asks_rule(&made->kept, rule) && !has_rule(&made->item->before, rule) &&
           (!made->item->has_after || has_rule_made(&made->item->after, rule));
}

/* ---- routes -----------------------------------------------------------------------------------
 */

/* The part of it that leads by this hop, as a route of its own. */
static struct route part_of(const struct route *route, const struct hop *hop)
{
    struct route part = *route;

    if (route->hops_count <= 1)
        return part;
    part.hops_count = 1;
    part.hop = *hop;
    part.hops = NULL;
    part.raw = NULL;
    part.raw_len = 0;
    return part;
}

static bool leads_so(const struct route *route, const struct route *part)
{
    const struct hop *hops = route->hops_count > 1 ? route->hops : &route->hop;

    if (part->hops_count == 0 || route->hops_count <= 1)
        return undo_touch_same_route(route, part);
    for (uint32_t i = 0; i < route->hops_count; i++) {
        if (hops[i].link == part->hop.link && address_equal(&hops[i].gateway, &part->hop.gateway))
            return route->protocol == part->protocol;
    }
    return false;
}

static bool has_route(const struct snapshot *snapshot, const struct route *part)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        const struct route *route = &snapshot->routes[i];

        if (!route->clone && undo_touch_same_key(route, part) && leads_so(route, part))
            return true;
    }
    return false;
}

/* The same, whatever the kernel has made of its MTU. */
static bool has_moved(const struct snapshot *snapshot, const struct route *part)
{
    bool may_move = part->destination.address.family == FAMILY_IPV6 && part->mtu != 0;

    for (size_t i = 0; i < snapshot->routes_count; i++) {
        const struct route *route = &snapshot->routes[i];
        struct route like = *part; /* borrows */

        if (may_move && route->mtu != 0)
            like.mtu = route->mtu;
        if (!route->clone && undo_touch_same_key(route, part) && leads_so(route, &like))
            return true;
    }
    return false;
}

/* Where another content asks for the same route, its MTU tells by which of the two it is there. */
bool undo_made_left_route(const struct undo_made *made, size_t index, struct route *ret_left)
{
    const struct route *route = &made->now->routes[index];
    const struct undo_item *item = made->item;
    const struct hop *hop, *other;
    bool shared;

    if (made->unknown || file_asks_find_moved(&made->asked, route, &hop) == NULL)
        return false;
    shared = file_asks_find_moved(&made->kept, route, &other) != NULL && other == hop;
    if (shared && (!file_asks_route(&made->asked, route, &hop) ||
                   file_asks_route(&made->kept, route, &other)))
        return false;
    *ret_left = part_of(route, hop);
    return !(shared ? has_route : has_moved)(&item->before, ret_left) &&
           (!item->has_after || has_moved(&item->after, ret_left));
}

/* ---- what is lost -----------------------------------------------------------------------------
 */

static void take_address(const struct snapshot *from, const struct link_address *own,
                         struct snapshot *to)
{
    *snapshot_add_address(to) = *own;
    snapshot_take_link(to, snapshot_find_link(from, own->link));
}

static void take_rule(const struct rule *rule, struct snapshot *to)
{
    struct rule *copy = snapshot_add_rule(to);

    *copy = *rule;
    copy->raw = rule->raw != NULL ? mem_copy(rule->raw, rule->raw_len) : NULL;
}

/* What only the content before asked for: the change takes it away. */
static bool only_had_address(const struct undo_made *made, const struct link_address *own)
{
    return file_asks_address(&made->had, own) && !file_asks_address(&made->asked, own);
}

static bool only_had_rule(const struct undo_made *made, const struct rule *rule)
{
    return file_asks_rule(&made->had, rule) && !file_asks_rule(&made->asked, rule);
}

/* By the MTU that it has, and by the one that the content before names. */
static bool only_had_route(const struct undo_made *made, const struct route *route)
{
    const struct hop *hop;
    const struct file_ask *had = file_asks_find_moved(&made->had, route, &hop);
    struct route named = *route; /* borrows */

    if (had == NULL)
        return false;
    named.mtu = had->route.mtu;
    return !file_asks_route(&made->asked, route, &hop) &&
           !file_asks_route(&made->asked, &named, &hop);
}

static void take_lost_routes(const struct undo_made *made, struct snapshot *to)
{
    const struct undo_item *item = made->item;
    const struct hop *hop;

    for (size_t i = 0; i < item->before.routes_count; i++) {
        const struct route *was = &item->before.routes[i];

        if (only_had_route(made, was) && file_asks_find_moved(&made->kept, was, &hop) != NULL &&
            !has_route(made->now, was) && !(item->has_after && has_route(&item->after, was)))
            undo_touch_take_route(&item->before, was, to);
    }
}

static void take_lost_addresses(const struct undo_made *made, struct snapshot *to)
{
    const struct undo_item *item = made->item;

    for (size_t i = 0; i < item->before.addresses_count; i++) {
        const struct link_address *was = &item->before.addresses[i];

        if (only_had_address(made, was) && file_asks_address(&made->kept, was) &&
            !has_address(made->now, was) && !(item->has_after && has_address(&item->after, was)))
            take_address(&item->before, was, to);
    }
}

static void take_lost_rules(const struct undo_made *made, struct snapshot *to)
{
    const struct undo_item *item = made->item;

    for (size_t i = 0; i < item->before.rules_count; i++) {
        const struct rule *was = &item->before.rules[i];

        if (only_had_rule(made, was) && file_asks_rule(&made->kept, was) &&
            !has_rule_made(made->now, was) && !(item->has_after && has_rule(&item->after, was)))
            take_rule(was, to);
    }
}

void undo_made_take_lost(const struct undo_made *made, struct snapshot *ret_lost)
{
    snapshot_init(ret_lost);
    if (made->unknown)
        return;
    take_lost_addresses(made, ret_lost);
    take_lost_routes(made, ret_lost);
    take_lost_rules(made, ret_lost);
}

/* ---- judging ----------------------------------------------------------------------------------
 */

static bool find_left_rule(const struct undo_made *made, struct text *out)
{
    for (size_t i = 0; i < made->now->rules_count; i++) {
        if (undo_made_left_rule(made, i)) {
            text_add(out, "rule ");
            render_rule(&made->now->rules[i], out);
            return true;
        }
    }
    return false;
}

static bool find_left_route(const struct undo_made *made, struct text *out)
{
    for (size_t i = 0; i < made->now->routes_count; i++) {
        struct route left;

        if (undo_made_left_route(made, i, &left)) {
            text_add(out, "route ");
            render_route(&left, made->now, out);
            return true;
        }
    }
    return false;
}

static bool find_left_address(const struct undo_made *made, struct text *out)
{
    for (size_t i = 0; i < made->now->addresses_count; i++) {
        if (undo_made_left_address(made, i)) {
            render_address(&made->now->addresses[i], made->now, out);
            return true;
        }
    }
    return false;
}

static bool find_left(const struct undo_made *made, struct text *out)
{
    char line[REASON_SIZE] = "";
    struct text text = TEXT_IN(line);

    if (!find_left_rule(made, &text) && !find_left_route(made, &text) &&
        !find_left_address(made, &text))
        return false;
    text_add(out, "expected not to find what networkd made of the file, found %s", line);
    return true;
}

static bool find_lost(const struct undo_made *made, struct text *out)
{
    const struct snapshot nothing = {.links = NULL};
    struct snapshot lost;
    const struct undo_loss loss = {&lost, &nothing, made->now, NULL, true};
    bool some;

    undo_made_take_lost(made, &lost);
    some = lost.rules_count > 0;
    if (some) {
        text_add(out, "expected rule ");
        render_rule(&lost.rules[0], out);
        text_add(out, " as before, found none");
    } else {
        some = undo_lost_judge(&loss, out) == UNDO_NEEDED;
    }
    snapshot_done(&lost);
    return some;
}

static enum undo_state judge(const struct undo_item *item, const struct snapshot *now, bool any_mtu,
                             struct text *why)
{
    char line[REASON_SIZE] = "";
    struct text text = TEXT_IN(line);
    struct undo_made made;
    bool some;

    undo_made_init(&made, item, now);
    made.asked.any_mtu = any_mtu;
    some = find_left(&made, &text);
    made.asked.any_mtu = false;
    some = some || find_lost(&made, &text);
    undo_made_done(&made);
    if (!some)
        return UNDO_RESTORED;
    text_init(why, why->data, why->size);
    text_add(why, "%s", line);
    return UNDO_NEEDED;
}

enum undo_state undo_made_judge(const struct undo_item *item, const struct snapshot *now,
                                struct text *why)
{
    return judge(item, now, false, why);
}

/* networkd takes a route over that stands, with the MTU that it has. */
enum undo_state undo_made_judge_came(const struct undo_item *item, const struct snapshot *now,
                                     struct text *why)
{
    return judge(item, now, true, why);
}

static bool has_old(const struct undo_made *made)
{
    bool some = false;

    for (size_t i = 0; i < made->now->addresses_count; i++)
        some |= only_had_address(made, &made->now->addresses[i]);
    for (size_t i = 0; i < made->now->routes_count; i++)
        some |= only_had_route(made, &made->now->routes[i]);
    for (size_t i = 0; i < made->now->rules_count; i++)
        some |= only_had_rule(made, &made->now->rules[i]);
    return some;
}

bool undo_made_is_complete(const struct undo_item *item, const struct snapshot *now)
{
    struct undo_made made;
    bool complete;

    undo_made_init(&made, item, now);
    complete = file_asks_are_made(&made.asked, now) && !has_old(&made);
    undo_made_done(&made);
    return complete;
}

/* ---- taking copies ----------------------------------------------------------------------------
 */

void undo_made_take(const struct operation_file *operation, const struct snapshot *from,
                    struct snapshot *to)
{
    struct file_asks asks = {.any_mtu = true};
    const struct hop *hop;

    file_asks_add(&asks, form_of(operation), operation_file_trial_content(operation));
    add_file(&asks, form_of(operation), operation_file_find_effective(operation, from));
    for (size_t i = 0; i < from->addresses_count; i++) {
        if (file_asks_address(&asks, &from->addresses[i]))
            take_address(from, &from->addresses[i], to);
    }
    for (size_t i = 0; i < from->routes_count; i++) {
        if (file_asks_route(&asks, &from->routes[i], &hop))
            undo_touch_take_route(from, &from->routes[i], to);
    }
    for (size_t i = 0; i < from->rules_count; i++) {
        if (file_asks_rule(&asks, &from->rules[i]))
            take_rule(&from->rules[i], to);
    }
    file_asks_done(&asks);
}
