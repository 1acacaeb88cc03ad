/*
 * undo_prefs: the undo of Tailscale prefs, field by field, as far as the operation set them.
 */
#include "agent/guard/core/undo_prefs.h"

#include <linux/rtnetlink.h>
#include <string.h>

#include "agent/guard/core/undo_profile.h"
#include "agent/guard/core/undo_table.h"
#include "common/net/render.h"
#include "common/net/tailnet.h"

/* ---- fields -----------------------------------------------------------------------------------
 */

static bool same_exit_node(const struct tailscale *a, const struct tailscale *b)
{
    return text_equal(a->exit_node_id, b->exit_node_id) &&
           address_equal(&a->exit_node_ip, &b->exit_node_ip);
}

static bool same_lan_access(const struct tailscale *a, const struct tailscale *b)
{
    return a->exit_node_allow_lan_access == b->exit_node_allow_lan_access;
}

static bool same_accept_routes(const struct tailscale *a, const struct tailscale *b)
{
    return a->accept_routes == b->accept_routes;
}

static bool same_advertise_routes(const struct tailscale *a, const struct tailscale *b)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < a->advertise_routes_count; i++) {
        for (uint32_t k = 0; k < b->advertise_routes_count; k++)
            found += prefix_equal(&a->advertise_routes[i], &b->advertise_routes[k]);
    }
    return found == a->advertise_routes_count && found == b->advertise_routes_count &&
           a->advertise_routes_unread[0] == '\0' && b->advertise_routes_unread[0] == '\0';
}

/* The exit node's id as it was before, where an address named it. "" for none. */
static bool find_exit_node(const struct tailscale *before, const char **ret_id)
{
    *ret_id = before->exit_node_id;
    if (before->auto_exit_node[0] != '\0')
        return false;
    if (!address_is_set(&before->exit_node_ip))
        return true;
    *ret_id = before->peers_count > 0 ? before->peers[0].id : "";
    return before->peers_count > 0;
}

/* As tailscaled has it after we have restored it: an address becomes the peer's id. */
static struct tailscale restored_form(const struct tailscale *before)
{
    struct tailscale form = *before;
    const char *id;

    if (find_exit_node(before, &id) && address_is_set(&before->exit_node_ip)) {
        text_copy(form.exit_node_id, sizeof(form.exit_node_id), id);
        form.exit_node_ip = (struct address){.family = FAMILY_NONE};
    }
    return form;
}

typedef bool (*same_fn)(const struct tailscale *a, const struct tailscale *b);

static enum undo_state judge_field(same_fn same, const struct tailscale *before,
                                   const struct tailscale *after, const struct tailscale *now)
{
    struct tailscale form = restored_form(before);

    if (same(before, after) || same(now, before) || same(now, &form))
        return UNDO_RESTORED;
    return same(now, after) ? UNDO_NEEDED : UNDO_FOREIGN;
}

enum { FIELD_EXIT_NODE, FIELD_LAN_ACCESS, FIELD_ACCEPT_ROUTES, FIELD_ADVERTISE_ROUTES, FIELDS };

static void judge_fields(const struct undo_item *item, const struct tailscale *after,
                         const struct tailscale *now, enum undo_state *ret_states)
{
    const struct operation_tailscale *change = &item->change.tailscale;
    const bool set[FIELDS] = {change->set_exit_node, change->set_allow_lan_access,
                              change->set_accept_routes, change->set_advertise_routes};
    static const same_fn same[FIELDS] = {same_exit_node, same_lan_access, same_accept_routes,
                                         same_advertise_routes};

    for (int i = 0; i < FIELDS; i++)
        ret_states[i] =
            set[i] ? judge_field(same[i], &item->before.tailscale, after, now) : UNDO_RESTORED;
}

bool undo_prefs_differ(const struct undo_item *item)
{
    enum undo_state states[FIELDS];
    struct snapshot after;
    bool differ = false;

    undo_take_made(item, &after);
    judge_fields(item, &after.tailscale, &after.tailscale, states);
    for (int i = 0; i < FIELDS; i++)
        differ |= states[i] != UNDO_RESTORED;
    snapshot_done(&after);
    return differ;
}

bool undo_prefs_take_out(struct operation_tailscale *change,
                         const struct operation_tailscale *other)
{
    change->set_exit_node &= !other->set_exit_node;
    change->set_allow_lan_access &= !other->set_allow_lan_access;
    change->set_accept_routes &= !other->set_accept_routes;
    change->set_advertise_routes &= !other->set_advertise_routes;
    return change->set_exit_node || change->set_allow_lan_access || change->set_accept_routes ||
           change->set_advertise_routes;
}

/* ---- judging ----------------------------------------------------------------------------------
 */

const struct route *undo_prefs_exit_route(const struct snapshot *snapshot, uint8_t family)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        const struct route *route = &snapshot->routes[i];

        if (route->table == TAILSCALE_TABLE && route->destination.len == 0 &&
            route->destination.address.family == family && route->type == RTN_UNICAST)
            return route;
    }
    return NULL;
}

bool undo_prefs_diverts(const struct undo_item *item, const struct snapshot *now)
{
    return item->change.kind == OPERATION_TAILSCALE && item->change.tailscale.set_exit_node &&
           !tailnet_uses_exit_node(&item->before.tailscale) &&
           tailnet_uses_exit_node(&now->tailscale);
}

static void add_prefs(const struct tailscale *tailscale, struct text *out)
{
    text_add(out, "exit node %s",
             tailscale->exit_node_id[0] != '\0' ? tailscale->exit_node_id : "none");
    text_add(out, ", LAN access %s, accept routes %s, %u advertised",
             tailscale->exit_node_allow_lan_access ? "on" : "off",
             tailscale->accept_routes ? "on" : "off", tailscale->advertise_routes_count);
}

enum undo_state undo_prefs_judge(const struct undo_item *item, const struct tailscale *after,
                                 const struct snapshot *now, struct text *why)
{
    enum undo_state states[FIELDS];
    enum undo_state worst = UNDO_RESTORED;
    const struct route *left;

    if (now->tailscale.presence != TAILSCALE_ANSWERS) {
        text_add(why, "%s", now->tailscale.why);
        return UNDO_NEEDED;
    }
    if (item->before.tailscale.presence != TAILSCALE_ANSWERS) {
        text_add(why, "the prefs before are not known: %s", item->before.tailscale.why);
        return UNDO_FOREIGN;
    }
    if (!undo_profile_is_current(&item->before.tailscale.profile, &now->tailscale)) {
        undo_profile_say(&item->before.tailscale.profile, &now->tailscale, why);
        return undo_prefs_differ(item) ? UNDO_FOREIGN : UNDO_RESTORED;
    }
    judge_fields(item, after, &now->tailscale, states);
    for (int i = 0; i < FIELDS; i++) {
        if (states[i] == UNDO_NEEDED || (states[i] == UNDO_FOREIGN && worst == UNDO_RESTORED))
            worst = states[i];
    }
    if (worst != UNDO_RESTORED) {
        text_add(why, "expected tailscale ");
        add_prefs(&item->before.tailscale, why);
        text_add(why, " as before, found ");
        add_prefs(&now->tailscale, why);
        return worst;
    }
    left = undo_table_find_left(&item->change.tailscale, now);
    if (left == NULL)
        return UNDO_RESTORED;
    text_add(why, "tailscale's prefs are as before, but table 52 still has '");
    render_route(left, now, why);
    text_add(why, "'");
    return UNDO_NEEDED;
}

/* ---- restoring --------------------------------------------------------------------------------
 */

static bool change_exit_node(const struct tailscale *before, struct operation_tailscale *ret_change,
                             struct err *err)
{
    char text[ADDRESS_TEXT_SIZE];
    const char *id;

    if (!find_exit_node(before, &id))
        return err_set(err, ERR_CONFLICT,
                       "the exit node before was %s%s, which Oceanid cannot set again; expected "
                       "none, or one by its StableID",
                       before->auto_exit_node[0] != '\0' ? "chosen automatically, " : "address ",
                       before->auto_exit_node[0] != '\0'
                           ? before->auto_exit_node
                           : address_format(&before->exit_node_ip, text));
    ret_change->set_exit_node = true;
    text_copy(ret_change->exit_node_id, sizeof(ret_change->exit_node_id), id);
    return true;
}

bool undo_prefs_is_possible(const struct undo_item *item, struct err *err)
{
    struct operation_tailscale unused = {.set_exit_node = false};

    if (item->before.tailscale.presence != TAILSCALE_ANSWERS)
        return err_set(err, ERR_MISSING, "tailscaled did not answer before: %s",
                       item->before.tailscale.why);
    if (item->change.tailscale.set_advertise_routes &&
        item->before.tailscale.advertise_routes_unread[0] != '\0')
        return err_set(err, ERR_CONFLICT, "the routes advertised before could not be set again: %s",
                       item->before.tailscale.advertise_routes_unread);
    return !item->change.tailscale.set_exit_node ||
           change_exit_node(&item->before.tailscale, &unused, err);
}

/* What table 52 has left may go when a pref is written again as it is; others' is not overwritten.
 */
static void write_again(const struct undo_item *item, const struct tailscale *now, bool *ret_again)
{
    const struct operation_tailscale *change = &item->change.tailscale;
    const struct tailscale *before = &item->before.tailscale;

    ret_again[FIELD_EXIT_NODE] =
        change->set_exit_node && !tailnet_uses_exit_node(before) && !tailnet_uses_exit_node(now);
    ret_again[FIELD_LAN_ACCESS] =
        change->set_allow_lan_access && !ret_again[FIELD_EXIT_NODE] && same_lan_access(before, now);
    ret_again[FIELD_ACCEPT_ROUTES] = change->set_accept_routes && same_accept_routes(before, now);
}

static void change_rest(const struct tailscale *before, const bool *write,
                        struct operation_tailscale *ret_change)
{
    if (write[FIELD_LAN_ACCESS]) {
        ret_change->set_allow_lan_access = true;
        ret_change->allow_lan_access = before->exit_node_allow_lan_access;
    }
    if (write[FIELD_ACCEPT_ROUTES]) {
        ret_change->set_accept_routes = true;
        ret_change->accept_routes = before->accept_routes;
    }
    if (write[FIELD_ADVERTISE_ROUTES]) {
        ret_change->set_advertise_routes = true;
        memcpy(ret_change->advertise_routes, before->advertise_routes,
               sizeof(ret_change->advertise_routes));
        ret_change->advertise_routes_count = before->advertise_routes_count;
    }
}

bool undo_prefs_change(const struct undo_item *item, const struct tailscale *after,
                       const struct snapshot *now, struct operation_tailscale *ret_change,
                       struct err *err)
{
    const struct tailscale *before = &item->before.tailscale;
    enum undo_state states[FIELDS];
    bool write[FIELDS] = {false};

    memset(ret_change, 0, sizeof(*ret_change));
    judge_fields(item, after, &now->tailscale, states);
    if (undo_table_find_left(&item->change.tailscale, now) != NULL)
        write_again(item, &now->tailscale, write);
    for (int i = 0; i < FIELDS; i++)
        write[i] |= states[i] == UNDO_NEEDED;
    change_rest(before, write, ret_change);
    return !write[FIELD_EXIT_NODE] || change_exit_node(before, ret_change, err);
}

void undo_prefs_render(const struct undo_item *item, struct text *out)
{
    const struct operation_tailscale *change = &item->change.tailscale;
    const struct tailscale *before = &item->before.tailscale;
    const char *between = "tailscale";
    const char *id;

    if (change->set_exit_node) {
        find_exit_node(before, &id);
        text_add(out, "%s exit node to %s", between, id[0] != '\0' ? id : "none");
        between = ",";
    }
    if (change->set_allow_lan_access) {
        text_add(out, "%s LAN access %s", between,
                 before->exit_node_allow_lan_access ? "on" : "off");
        between = ",";
    }
    if (change->set_accept_routes) {
        text_add(out, "%s accept routes %s", between, before->accept_routes ? "on" : "off");
        between = ",";
    }
    if (change->set_advertise_routes) {
        text_add(out, "%s advertised routes to", between);
        for (uint32_t i = 0; i < before->advertise_routes_count; i++) {
            char text[PREFIX_TEXT_SIZE];

            text_add(out, " %s", prefix_format(&before->advertise_routes[i], text));
        }
        if (before->advertise_routes_count == 0)
            text_add(out, " none");
    }
    if (before->profile.node_id[0] != '\0') {
        text_add(out, " in profile ");
        undo_profile_render(&before->profile, out);
    }
}
