/*
 * undo_batch: an undo as lines for `ip -batch` on a console; what ip(8) cannot do stands behind a
 * #, as a line for a shell.
 */
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard/core/undo_batch_route.h"
#include "agent/guard/core/undo_batch_rule.h"
#include "agent/guard/core/undo_hops.h"
#include "agent/guard/core/undo_link.h"
#include "agent/guard/core/undo_lost.h"
#include "agent/guard/core/undo_made.h"
#include "agent/guard/core/undo_render.h"
#include "agent/guard/core/undo_touch.h"
#include "agent/guard/core/undo_typed.h"
#include "agent/guard/core/undo_words.h"
#include "common/core/text.h"
#include "common/net/consequence.h"
#include "common/net/render.h"

enum {
    LINE_SIZE = UNDO_BATCH_LINE_SIZE,
    COMMENT_SIZE = LINE_SIZE + REASON_SIZE + 128, /* of such a line, or of it with its words */
};

/* needs: what its line needs and none puts; "" for nothing. False: a comment. */
static bool add_object_words(const struct nexthop *object, const struct snapshot *named,
                             const char *needs, struct text *out)
{
    char line[LINE_SIZE] = "", more[LINE_SIZE] = "", unsaid[REASON_SIZE] = "";
    struct text text = TEXT_IN(line), words = TEXT_IN(more), without = TEXT_IN(unsaid);

    render_nexthop(object, named, &text);
    text_add(&without, "%s", needs);
    undo_words_nexthop(object, &words, &without);
    if (undo_batch_is_full(&text) && unsaid[0] == '\0')
        text_add(&without, "so many members");
    if (unsaid[0] != '\0') {
        undo_words_comment(unsaid, line, out);
        return false;
    }
    undo_batch_replace_word(line, "nexthop ", "nexthop replace ");
    text_add(out, "%s%s proto %u", line, more, object->protocol);
    return true;
}

static bool batch_nexthop(const struct undo_item *item, struct text *out)
{
    uint32_t id = item->change.nexthop.nexthop.id;
    const struct nexthop *before = snapshot_find_nexthop(&item->before, id);

    if (before == NULL)
        text_add(out, "nexthop del id %u", id);
    return before == NULL || add_object_words(before, &item->before, "", out);
}

static void add_address_words(const struct link_address *own, const char *device, struct text *out)
{
    char text[ADDRESS_TEXT_SIZE], peer[ADDRESS_TEXT_SIZE];
    bool ipv6 = own->address.family == FAMILY_IPV6;

    text_add(out, "%s", address_format(&own->address, text));
    if (address_is_set(&own->peer))
        text_add(out, " peer %s", address_format(&own->peer, peer));
    text_add(out, "/%u dev %s", own->prefix_len, device);
    if (address_is_set(&own->broadcast))
        text_add(out, " broadcast %s", address_format(&own->broadcast, text));
    if (own->label[0] != '\0' && !text_equal(own->label, device))
        text_add(out, " label %s", own->label);
    if (!ipv6 && own->scope != RT_SCOPE_UNIVERSE) /* IPv6 knows it by the address */
        text_add(out, " scope %u", own->scope);
    if (own->metric != 0)
        text_add(out, " metric %u", own->metric);
    if (own->deprecated) /* none is put back for a time: such are not ours to put back */
        text_add(out, " valid_lft forever preferred_lft 0");
    text_add(out, "%s%s", ipv6 ? " nodad" : "", own->noprefixroute ? " noprefixroute" : "");
}

static bool batch_address(const struct undo_item *item, struct text *out)
{
    const struct operation_address *own = &item->change.address;
    const struct link_address *was = undo_link_find_address(item, &item->before);
    char text[ADDRESS_TEXT_SIZE];

    if (undo_removes(item) || was == NULL) {
        text_add(out, "address del %s/%u dev %s", address_format(&own->address, text),
                 own->prefix_len, own->device);
        return true;
    }
    text_add(out, "address add ");
    add_address_words(was, own->device, out);
    return true;
}

static bool batch_link(const struct undo_item *item, struct text *out)
{
    struct operation_link before = undo_render_link_before(item);

    text_add(out, "link set dev %s", before.device);
    if (before.mtu != 0)
        text_add(out, " mtu %u", before.mtu);
    if (before.set_up)
        text_add(out, " %s", before.up ? "up" : "down");
    return true;
}

struct lines {
    const struct undo_item *item;
    struct undo_loss loss;
    const struct snapshot *expected; /* what the change leaves by the model; NULL: not asked */
    undo_line_fn line_fn;
    void *context;
};

static void tell_address(const struct lines *lines, size_t index)
{
    const struct link_address *own = &lines->loss.had->addresses[index];
    const struct link *link = snapshot_find_link(lines->loss.had, own->link);
    char line[LINE_SIZE] = "";
    struct text text = TEXT_IN(line);

    if (link == NULL || own == undo_link_find_address(lines->item, lines->loss.had))
        return; /* the object itself has its line already */
    text_add(&text, "address add ");
    add_address_words(own, link->name, &text);
    lines->line_fn(lines->context, line);
}

static void tell_addresses(const struct lines *lines, uint32_t link, uint8_t family)
{
    size_t at;

    for (size_t k = 0; (at = undo_lost_in_order(lines->loss.had, link, family, k)) != SIZE_MAX;
         k++) {
        if (undo_lost_address(&lines->loss, at))
            tell_address(lines, at);
    }
}

static bool has_its_line(const struct undo_item *item, const struct nexthop *object)
{
    return item->change.kind == OPERATION_NEXTHOP && item->change.nexthop.nexthop.id == object->id;
}

static void tell_nexthops(const struct lines *lines, bool groups)
{
    for (size_t i = 0; i < lines->loss.had->nexthops_count; i++) {
        const struct nexthop *was = &lines->loss.had->nexthops[i];
        const struct nexthop *made = snapshot_find_nexthop(lines->loss.after, was->id);
        char line[COMMENT_SIZE] = "", needs[REASON_SIZE] = "";
        struct text text = TEXT_IN(line), without = TEXT_IN(needs);

        if (was->group != groups || has_its_line(lines->item, was) ||
            (made != NULL && render_same_nexthop(made, was)))
            continue;
        undo_words_object(&lines->loss, was->id, &without);
        add_object_words(was, lines->loss.had, needs, &text);
        lines->line_fn(lines->context, line);
    }
}

/* Behind those without a gateway, which others may need. */
static bool comes_late(const struct undo_loss *loss, size_t index)
{
    return undo_lost_has_gateway(&loss->had->routes[index]) || undo_lost_is_overtaken(loss, index);
}

static void tell_some_routes(const struct lines *lines, bool gatewayed, bool first)
{
    size_t count = lines->loss.had->routes_count;

    for (size_t i = 0; i < count; i++) {
        size_t at = first ? count - 1 - i : i;
        char line[COMMENT_SIZE] = "";
        struct text text = TEXT_IN(line);

        if (comes_late(&lines->loss, at) != gatewayed || !undo_lost_route(&lines->loss, at) ||
            undo_lost_stood_first(&lines->loss, at) != first)
            continue;
        undo_batch_route_lost(&lines->loss, lines->expected, at, &text);
        lines->line_fn(lines->context, line);
    }
}

static void tell_routes(const struct lines *lines, bool gatewayed)
{
    tell_some_routes(lines, gatewayed, true);
    tell_some_routes(lines, gatewayed, false);
}

/* ---- files ------------------------------------------------------------------------------------
 */

/* Both places; what was there before comes back by the lines behind it. */
static bool batch_file(const struct undo_item *item, struct text *out)
{
    text_add(out, "# rm -f");
    for (size_t i = 0; i < item->before.files_count; i++)
        text_add(out, " %s", item->before.files[i].path);
    return false;
}

/* For printf(1), between single quotes; what begins with a dash is an option of its. */
static void add_byte(uint8_t byte, bool first, struct text *out)
{
    if (byte < ' ' || byte > '~' || byte == '\'' || byte == '\\' || byte == '%' ||
        (first && byte == '-'))
        text_add(out, "\\%03o", byte);
    else
        text_add(out, "%c", byte);
}

/* A line of the file each, of a long one a part. */
static void tell_content(const struct snapshot_file *was, undo_line_fn line_fn, void *context)
{
    for (uint32_t at = 0; at < was->len;) {
        char line[LINE_SIZE] = "";
        struct text text = TEXT_IN(line);
        bool first = true, ends = false;

        text_add(&text, "# printf '");
        while (at < was->len && !ends && text.len < LINE_SIZE - FILE_PATH_SIZE - 16) {
            ends = was->data[at] == '\n';
            add_byte(was->data[at++], first, &text);
            first = false;
        }
        text_add(&text, "' >>%s", was->path);
        line_fn(context, line);
    }
}

static void tell_place(const struct snapshot_file *was, undo_line_fn line_fn, void *context)
{
    char line[LINE_SIZE] = "";
    struct text text = TEXT_IN(line);

    if (!was->there)
        return;
    text_add(&text, "# install -m %04o -o %u -g %u /dev/null %s", was->mode, was->uid, was->gid,
             was->path);
    line_fn(context, line);
    tell_content(was, line_fn, context);
}

static bool add_left_rule(const struct undo_made *made, size_t index, struct text *out)
{
    const struct rule *rule = &made->now->rules[index];

    if (!undo_made_left_rule(made, index))
        return false;
    undo_batch_rule_words(rule, "del", rule->protocol, out);
    return true;
}

static bool add_left_route(const struct undo_made *made, size_t index, struct text *out)
{
    struct route left;

    if (!undo_made_left_route(made, index, &left))
        return false;
    undo_batch_route_left(&left, made->now, out);
    return true;
}

static bool add_left_address(const struct undo_made *made, size_t index, struct text *out)
{
    const struct link_address *own = &made->now->addresses[index];
    const struct link *link = snapshot_find_link(made->now, own->link);
    char text[ADDRESS_TEXT_SIZE];

    if (link == NULL || !undo_made_left_address(made, index))
        return false;
    text_add(out, "address del %s/%u dev %s", address_format(&own->address, text), own->prefix_len,
             link->name);
    return true;
}

/* What networkd may not know any more: what was made last goes first. */
static void tell_left(const struct undo_made *made, undo_line_fn line_fn, void *context)
{
    const struct {
        size_t count;
        bool (*add_fn)(const struct undo_made *made, size_t index, struct text *out);
    } kinds[] = {{made->now->rules_count, add_left_rule},
                 {made->now->routes_count, add_left_route},
                 {made->now->addresses_count, add_left_address}};

    for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
        for (size_t i = kinds[kind].count; i-- > 0;) {
            char line[3 * LINE_SIZE] = "";
            struct text text = TEXT_IN(line);

            if (kinds[kind].add_fn(made, i, &text))
                line_fn(context, line);
        }
    }
}

/* What networkd may not make again. */
static void tell_lost(const struct undo_made *made, undo_line_fn line_fn, void *context)
{
    const struct snapshot nothing = {.links = NULL};
    struct snapshot lost;
    const struct lines lines = {
        made->item, {&lost, &nothing, made->now, NULL, true}, NULL, line_fn, context};

    undo_made_take_lost(made, &lost);
    for (size_t i = 0; i < lost.addresses_count; i++)
        tell_address(&lines, i);
    tell_routes(&lines, false);
    tell_routes(&lines, true);
    for (size_t i = 0; i < lost.rules_count; i++) {
        char line[COMMENT_SIZE] = "";
        struct text text = TEXT_IN(line);

        undo_batch_rule_words(&lost.rules[i], "add", lost.rules[i].protocol, &text);
        line_fn(context, line);
    }
    snapshot_done(&lost);
}

/* As it is with the files as before and a networkd that is away. */
static void tell_file(const struct undo_item *item, undo_line_fn line_fn, void *context)
{
    struct snapshot then = item->has_after ? item->after : item->before; /* borrows */
    struct undo_made made;

    for (size_t i = 0; i < item->before.files_count; i++)
        tell_place(&item->before.files[i], line_fn, context);
    if (text_starts(item->change.file.path, "/etc/netplan/"))
        line_fn(context, "# netplan generate");
    line_fn(context, "# networkctl reload");
    then.files = item->before.files;
    then.files_count = item->before.files_count;
    undo_made_init(&made, item, &then);
    tell_left(&made, line_fn, context);
    tell_lost(&made, line_fn, context);
    undo_made_done(&made);
}

/* What the kernel refuses while a setting stands, which is typed; or may refuse. */
static void tell_typed(void *context, const char *line)
{
    const struct lines *lines = context;
    char typed[COMMENT_SIZE + 8] = "";
    struct text text = TEXT_IN(typed);

    text_add(&text, "%s%s", line[0] == '#' ? "" : "# ip ", line);
    lines->line_fn(lines->context, typed);
}

/* Taking a device's mtu back moves routes that the change left alone. */
static void follow_mtu(const struct undo_item *item, struct snapshot *then)
{
    const struct link *was = undo_link_find(item, &item->before);

    if (item->change.kind == OPERATION_LINK && was != NULL && was->mtu >= LINK_MTU_IPV6)
        consequence_mtu(then, was->index, was->mtu);
}

static void tell_losses(const struct undo_item *item, undo_line_fn line_fn, void *context)
{
    struct snapshot after, then, expected;
    struct lines lines = {
        item, {&item->before, &after, &then, NULL, false}, &expected, line_fn, context};

    undo_touch_predict(&item->change, &item->before, &expected);
    undo_take_made(item, &after);
    snapshot_copy(&then, &after);
    follow_mtu(item, &then);
    undo_lost_set_ways(&then, &item->before); /* as they are when the object is back */
    for (size_t i = 0; i < then.links_count; i++)
        then.links[i].up = true; /* or an older step sets it up: then it is refused until that */
    for (size_t i = 0; i < item->before.links_count; i++) {
        tell_addresses(&lines, item->before.links[i].index, FAMILY_IPV4);
        tell_addresses(&lines, item->before.links[i].index, FAMILY_IPV6);
    }
    tell_nexthops(&lines, false);
    tell_nexthops(&lines, true);
    tell_routes(&lines, false);
    tell_routes(&lines, true);
    snapshot_done(&expected);
    snapshot_done(&then);
    snapshot_done(&after);
}

/* Whether a lease's is left is not known here: such are in no undo. */
static bool may_be_the_last(const struct undo_item *item)
{
    for (size_t i = 0; i < item->before.addresses_count; i++) {
        if (item->before.addresses[i].address.family == FAMILY_IPV4)
            return false;
    }
    return item->change.address.address.family == FAMILY_IPV4;
}

/* Back to being down, or without the address that the change has put. False: nothing goes with it.
 */
static bool takes_along(const struct undo_item *item, struct operation *ret_back)
{
    const struct link *was = undo_link_find(item, &item->before);

    *ret_back = item->change;
    ret_back->address.absent = true;
    if (item->change.kind == OPERATION_ADDRESS)
        return undo_removes(item);
    if (item->change.kind != OPERATION_LINK || was == NULL)
        return false;
    *ret_back = (struct operation){.kind = OPERATION_LINK, .link = item->change.link};
    ret_back->link.mtu = 0;
    ret_back->link.up = false;
    return item->change.link.set_up && item->change.link.up && !was->up;
}

/* What goes with the object as that is taken back. With the last address of IPv4 all routes by its
 * device: typed, for where a lease's is left they have stayed, and ip -batch would stop there. */
static void tell_taken(const struct undo_item *item, undo_line_fn line_fn, void *context)
{
    const struct snapshot nothing = {.links = NULL};
    struct snapshot taken, then;
    struct lines typed = {.line_fn = line_fn, .context = context};
    struct lines lines = {
        item, {&taken, &nothing, &then, &item->before, false}, NULL, line_fn, context};
    struct operation back;
    bool stay;

    if (!takes_along(item, &back))
        return;
    if (back.kind == OPERATION_ADDRESS && may_be_the_last(item)) {
        lines.line_fn = tell_typed;
        lines.context = &typed;
    }
    undo_take_made(item, &taken);
    snapshot_copy(&then, &taken);
    operation_predict(&back, &then);
    stay = undo_hops_stay(&taken, &then);
    undo_touch_drop(&item->change, &taken);
    undo_lost_drop_remnants(&taken, &item->before);
    for (size_t i = 0; back.kind == OPERATION_LINK && i < taken.links_count; i++)
        tell_addresses(&lines, taken.links[i].index, FAMILY_IPV6);
    for (int i = 0; !stay && i < 2; i++) /* the usual case: of thousands none is looked for */
        tell_routes(&lines, i == 1);
    snapshot_done(&then);
    snapshot_done(&taken);
}

void undo_render_batch_lost(const struct undo_item *item, undo_line_fn line_fn, void *context)
{
    struct lines typed = {.line_fn = line_fn, .context = context};

    if (item->change.kind == OPERATION_FILE)
        tell_file(item, line_fn, context);
    undo_typed_settings(item, line_fn, context);
    if (!undo_touch_has_losses(&item->change))
        return;
    if (item->change.kind == OPERATION_SYSCTL)
        tell_losses(item, tell_typed, &typed);
    else
        tell_losses(item, line_fn, context);
    tell_taken(item, line_fn, context);
}

bool undo_render_batch(const struct undo_item *item, struct text *out)
{
    if (undo_render_is_nothing(item)) {
        text_add(out, "# nothing to undo: ");
        operation_object(&item->change, out);
        return false;
    }
    switch (item->change.kind) {
    case OPERATION_ROUTE:
        return undo_batch_route(item, out);
    case OPERATION_RULE:
        return undo_batch_rule(item, out);
    case OPERATION_SYSCTL:
        text_add(out, "# sysctl -w %s=%s", item->change.sysctl.setting.name,
                 undo_render_value_before(item));
        return false;
    case OPERATION_TAILSCALE:
        undo_typed_tailscale(item, out);
        return false;
    case OPERATION_NEXTHOP:
        return batch_nexthop(item, out);
    case OPERATION_FILE:
        return batch_file(item, out);
    case OPERATION_ADDRESS:
        return batch_address(item, out);
    case OPERATION_LINK:
        return batch_link(item, out);
    case OPERATION_KIND_COUNT:
        break;
    }
    return false;
}
