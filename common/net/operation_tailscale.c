/*
 * operation_tailscale: writes Tailscale prefs; what follows in the kernel is tailnet.c's.
 */
#include <assert.h>
#include <string.h>

#include "common/net/operation_kind.h"
#include "common/net/tailnet.h"

static bool is_exit_route(const struct prefix *prefix)
{
    return prefix->len == 0;
}

static bool advertises_exit(const struct prefix *routes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (is_exit_route(&routes[i]))
            return true;
    }
    return false;
}

static bool validate_exit_node(const struct operation_tailscale *prefs, struct err *err)
{
    size_t len = strspn(prefs->exit_node_id, "0123456789abcdefghijklmnopqrstuvwxyz"
                                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_");

    if (prefs->exit_node_id[len] != '\0')
        return err_set(err, ERR_INPUT, "exit node '%s': accepted is a StableID, [A-Za-z0-9_-]",
                       prefs->exit_node_id);
    if (prefs->exit_node_id[0] == '\0' && prefs->exit_node_name[0] != '\0')
        return err_set(err, ERR_INPUT, "exit node %s has no StableID; a plan fills it in",
                       prefs->exit_node_name);
    if (prefs->set_exit_node && prefs->exit_node_id[0] != '\0' && prefs->set_advertise_routes &&
        advertises_exit(prefs->advertise_routes, prefs->advertise_routes_count))
        return err_set(err, ERR_INPUT,
                       "it uses an exit node and offers itself as one; tailscaled accepts one of "
                       "the two");
    return true;
}

static bool validate(const struct operation *operation, struct err *err)
{
    const struct operation_tailscale *prefs = &operation->tailscale;

    if (!prefs->set_exit_node && !prefs->set_allow_lan_access && !prefs->set_accept_routes &&
        !prefs->set_advertise_routes)
        return err_set(err, ERR_INPUT,
                       "tailscale: nothing is set; accepted are exit_node, "
                       "exit_node_allow_lan_access, accept_routes and advertise_routes");
    if (prefs->advertise_routes_count > TAILSCALE_ROUTES_MAX)
        return err_set(err, ERR_LIMIT, "tailscale: %u advertised routes: accepted are at most %u",
                       prefs->advertise_routes_count, TAILSCALE_ROUTES_MAX);
    return validate_exit_node(prefs, err) || err_wrap(err, "tailscale");
}

static const struct tailscale_peer *find_peer(const struct tailscale *tailscale, const char *id)
{
    assert(tailscale->peers_count == 0 || tailscale->peers != NULL);
    for (uint32_t i = 0; i < tailscale->peers_count; i++) {
        if (text_equal(tailscale->peers[i].id, id))
            return &tailscale->peers[i];
    }
    return NULL;
}

static bool refuse_peer(const struct tailscale *tailscale, const char *id, const char *why,
                        struct err *err)
{
    char offered[REASON_SIZE] = "";
    struct text text = TEXT_IN(offered);

    for (uint32_t i = 0; i < tailscale->peers_count; i++) {
        const struct tailscale_peer *peer = &tailscale->peers[i];

        if (peer->exit_node_option)
            text_add(&text, "%s%s (%s)", text.len > 0 ? ", " : "", peer->id, peer->host_name);
    }
    return err_set(err, ERR_MISSING, "exit node %s %s; offered are: %s", id, why,
                   text.len > 0 ? offered : "none");
}

static bool check_exit_node(const struct operation_tailscale *prefs,
                            const struct tailscale *tailscale, struct err *err)
{
    const struct tailscale_peer *peer = find_peer(tailscale, prefs->exit_node_id);

    if (!prefs->set_exit_node || prefs->exit_node_id[0] == '\0')
        return true;
    if (peer == NULL)
        return refuse_peer(tailscale, prefs->exit_node_id, "is not among the peers", err);
    if (!peer->exit_node_option)
        return refuse_peer(tailscale, prefs->exit_node_id, "does not offer itself", err);
    if (!prefs->set_advertise_routes &&
        advertises_exit(tailscale->advertise_routes, tailscale->advertise_routes_count))
        return err_set(err, ERR_CONFLICT,
                       "this node offers itself as an exit node and cannot use one; tailscaled "
                       "would refuse");
    return true;
}

static bool check_advertised(const struct operation_tailscale *prefs,
                             const struct tailscale *tailscale, struct err *err)
{
    if (!prefs->set_advertise_routes || tailscale->advertise_routes_unread[0] == '\0')
        return true;
    return err_set(err, ERR_CONFLICT,
                   "%s: not all of them would come back, so advertise_routes is not changed here",
                   tailscale->advertise_routes_unread);
}

static bool check(const struct operation *operation, const struct snapshot *snapshot,
                  struct err *err)
{
    const struct tailscale *tailscale = &snapshot->tailscale;

    if (tailscale->presence != TAILSCALE_ANSWERS)
        return err_set(err, ERR_MISSING, "tailscale: %s",
                       tailscale->why[0] != '\0' ? tailscale->why : "nothing is known of it");
    return (check_exit_node(&operation->tailscale, tailscale, err) &&
            check_advertised(&operation->tailscale, tailscale, err)) ||
           err_wrap(err, "tailscale");
}

static bool holds_advertised(const struct operation_tailscale *prefs,
                             const struct tailscale *tailscale)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < prefs->advertise_routes_count; i++) {
        for (uint32_t k = 0; k < tailscale->advertise_routes_count; k++)
            found += prefix_equal(&prefs->advertise_routes[i], &tailscale->advertise_routes[k]);
    }
    return found == prefs->advertise_routes_count && found == tailscale->advertise_routes_count &&
           tailscale->advertise_routes_unread[0] == '\0';
}

static bool holds(const struct operation *operation, const struct snapshot *snapshot)
{
    const struct operation_tailscale *prefs = &operation->tailscale;
    const struct tailscale *tailscale = &snapshot->tailscale;

    if (tailscale->presence != TAILSCALE_ANSWERS)
        return false;
    if (prefs->set_exit_node && (!text_equal(prefs->exit_node_id, tailscale->exit_node_id) ||
                                 address_is_set(&tailscale->exit_node_ip)))
        return false;
    if (prefs->set_allow_lan_access &&
        prefs->allow_lan_access != tailscale->exit_node_allow_lan_access)
        return false;
    if (prefs->set_accept_routes && prefs->accept_routes != tailscale->accept_routes)
        return false;
    return !prefs->set_advertise_routes || holds_advertised(prefs, tailscale);
}

static void predict(const struct operation *operation, struct snapshot *snapshot)
{
    const struct operation_tailscale *prefs = &operation->tailscale;
    struct tailscale *tailscale = &snapshot->tailscale;

    if (prefs->set_exit_node) {
        text_copy(tailscale->exit_node_id, sizeof(tailscale->exit_node_id), prefs->exit_node_id);
        tailscale->exit_node_ip = (struct address){.family = FAMILY_NONE};
        tailscale->auto_exit_node[0] = '\0'; /* adjustEditPrefsLocked */
    }
    if (prefs->set_allow_lan_access)
        tailscale->exit_node_allow_lan_access = prefs->allow_lan_access;
    if (prefs->set_accept_routes)
        tailscale->accept_routes = prefs->accept_routes;
    if (prefs->set_advertise_routes) {
        memcpy(tailscale->advertise_routes, prefs->advertise_routes,
               sizeof(tailscale->advertise_routes));
        tailscale->advertise_routes_count = prefs->advertise_routes_count;
        tailscale->advertise_routes_unread[0] = '\0';
    }
    tailnet_predict(snapshot);
}

static void render_exit_node(const struct operation_tailscale *prefs, struct text *out)
{
    if (prefs->exit_node_id[0] == '\0')
        text_add(out, "no exit node");
    else
        text_add(out, "exit node %s",
                 prefs->exit_node_name[0] != '\0' ? prefs->exit_node_name : prefs->exit_node_id);
}

static void render_advertised(const struct operation_tailscale *prefs, struct text *out)
{
    char text[PREFIX_TEXT_SIZE];

    text_add(out, "advertise");
    for (uint32_t i = 0; i < prefs->advertise_routes_count; i++)
        text_add(out, " %s", prefix_format(&prefs->advertise_routes[i], text));
    if (prefs->advertise_routes_count == 0)
        text_add(out, " nothing");
}

static void render(const struct operation *operation, struct text *out)
{
    const struct operation_tailscale *prefs = &operation->tailscale;
    const char *between = "tailscale: ";

    if (prefs->set_exit_node) {
        text_add(out, "%s", between);
        render_exit_node(prefs, out);
        between = ", ";
    }
    if (prefs->set_allow_lan_access) {
        text_add(out, "%s%s", between, prefs->allow_lan_access ? "LAN access" : "no LAN access");
        between = ", ";
    }
    if (prefs->set_accept_routes) {
        text_add(out, "%s%s", between, prefs->accept_routes ? "accept routes" : "accept no routes");
        between = ", ";
    }
    if (prefs->set_advertise_routes) {
        text_add(out, "%s", between);
        render_advertised(prefs, out);
    }
}

/* The one that weighs most first. What makes an exit node is one object, however it is worded. */
static bool add_object_at(const struct operation *operation, uint32_t i, struct text *out)
{
    const struct operation_tailscale *prefs = &operation->tailscale;
    const struct {
        bool set;
        const char *object;
    } objects[OPERATION_OBJECTS_MAX] = {
        {prefs->set_exit_node || prefs->set_allow_lan_access, "tailscale exit-node"},
        {prefs->set_accept_routes, "tailscale accept-routes"},
        {prefs->set_advertise_routes, "tailscale advertise-routes"},
    };

    for (uint32_t k = 0; k < OPERATION_OBJECTS_MAX; k++) {
        if (!objects[k].set || i-- > 0)
            continue;
        text_add(out, "%s", objects[k].object);
        return true;
    }
    return false;
}

static void add_object(const struct operation *operation, struct text *out)
{
    add_object_at(operation, 0, out);
}

const struct operation_row operation_tailscale_row = {
    .name = "tailscale",
    .persists = true,
    .unseen = "tailscaled does not run in a namespace of its own",
    .validate = validate,
    .check = check,
    .holds = holds,
    .predict = predict,
    .render = render,
    .object = add_object,
    .object_at = add_object_at,
};
