/*
 * localapi_parse: the LocalAPI's documents as values.
 */
#include "common/io/localapi_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/net/tailnet.h"

#include <jansson.h>

/* Dump of nesting and duplicate keys is jansson's; its depth limit is 2048. */
static json_t *load(const char *what, struct bytes document, struct err *err)
{
    json_error_t why;
    json_t *root = json_loadb((const char *)document.data, document.len, 0, &why);

    if (root != NULL && json_is_object(root))
        return root;
    json_decref(root);
    err_set(err, ERR_PEER, "%s: expected a JSON object, observed %zu bytes that are none (%.80s)",
            what, document.len, root == NULL ? why.text : "another JSON value");
    return NULL;
}

static void take_text(const json_t *from, const char *key, char *to, size_t size)
{
    const char *text = json_string_value(json_object_get(from, key));

    text_copy(to, size, text != NULL ? text : "");
}

static bool take_bool(const json_t *from, const char *key)
{
    return json_is_true(json_object_get(from, key));
}

static uint32_t take_addresses(const json_t *list, struct address *to, uint32_t max)
{
    uint32_t count = 0;

    for (size_t i = 0; i < json_array_size(list) && count < max; i++) {
        const char *text = json_string_value(json_array_get(list, i));

        if (text != NULL && address_parse(text, &to[count]))
            count++;
    }
    return count;
}

/* ---- status --------------------------------------------------------------------------------- */

static void take_peer(const json_t *from, struct tailscale_peer *to)
{
    char direct[80];

    take_text(from, "ID", to->id, sizeof(to->id));
    take_text(from, "HostName", to->host_name, sizeof(to->host_name));
    take_text(from, "DNSName", to->dns_name, sizeof(to->dns_name));
    take_text(from, "CurAddr", direct, sizeof(direct));
    to->addresses_count = take_addresses(json_object_get(from, "TailscaleIPs"), to->addresses,
                                         TAILSCALE_ADDRESSES_MAX);
    to->online = take_bool(from, "Online");
    to->exit_node_option = take_bool(from, "ExitNodeOption");
    to->direct = direct[0] != '\0';
}

static int compare_peers(const void *a, const void *b)
{
    const struct tailscale_peer *left = a;
    const struct tailscale_peer *right = b;

    return strcmp(left->id, right->id);
}

static void take_peers(json_t *peers, struct tailscale *tailscale)
{
    size_t count = json_object_size(peers);
    const char *key;
    json_t *peer;

    if (count == 0)
        return;
    if (count > PEERS_MAX)
        count = PEERS_MAX;
    tailscale->peers = mem_alloc(count, sizeof(*tailscale->peers));
    json_object_foreach(peers, key, peer)
    {
        if (tailscale->peers_count == count)
            break;
        take_peer(peer, &tailscale->peers[tailscale->peers_count++]);
    }
    qsort(tailscale->peers, tailscale->peers_count, sizeof(*tailscale->peers), compare_peers);
}

bool localapi_parse_status(struct bytes document, struct tailscale *tailscale, struct err *err)
{
    json_t *root = load("status", document, err);

    if (root == NULL)
        return false;
    take_text(root, "BackendState", tailscale->backend_state, sizeof(tailscale->backend_state));
    take_text(root, "Version", tailscale->version, sizeof(tailscale->version));
    tailscale->addresses_count = take_addresses(json_object_get(root, "TailscaleIPs"),
                                                tailscale->addresses, TAILSCALE_ADDRESSES_MAX);
    tailscale->self_exit_node_option = take_bool(json_object_get(root, "Self"), "ExitNodeOption");
    take_peers(json_object_get(root, "Peer"), tailscale);
    json_decref(root);
    return true;
}

/* ---- prefs ---------------------------------------------------------------------------------- */

static void say_unread(const json_t *entry, struct tailscale *tailscale)
{
    AUTO_FREE char *text = json_dumps(entry, JSON_ENCODE_ANY | JSON_COMPACT);

    snprintf(tailscale->advertise_routes_unread, sizeof(tailscale->advertise_routes_unread),
             "it advertises %.50s, accepted are networks such as 10.0.0.0/8 and fd00::/8",
             text != NULL ? text : "no text");
}

/* What is passed over is said: who sets the list anew by this one would take it away. */
static void take_routes(const json_t *list, struct tailscale *tailscale)
{
    size_t count = json_array_size(list);
    struct prefix route;

    tailscale->advertise_routes_count = 0;
    tailscale->advertise_routes_unread[0] = '\0';
    if (list != NULL && !json_is_null(list) && !json_is_array(list))
        say_unread(list, tailscale);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));

        if (text == NULL || !prefix_parse(text, &route))
            say_unread(json_array_get(list, i), tailscale);
        else if (tailscale->advertise_routes_count < TAILSCALE_ROUTES_MAX)
            tailscale->advertise_routes[tailscale->advertise_routes_count++] = route;
    }
    if (count > TAILSCALE_ROUTES_MAX)
        snprintf(tailscale->advertise_routes_unread, sizeof(tailscale->advertise_routes_unread),
                 "it advertises %zu routes, accepted are at most %u", count, TAILSCALE_ROUTES_MAX);
}

/* For people and for lines that they type: whatever stands in it forges no other line. */
static void take_name(const json_t *from, const char *key, char *to, size_t size)
{
    take_text(from, key, to, size);
    for (char *at = to; *at != '\0'; at++) {
        if (*at < ' ' || *at > '~')
            *at = '?';
    }
}

static void take_profile(const json_t *prefs, struct tailscale_profile *to)
{
    const json_t *config = json_object_get(prefs, "Config");

    memset(to, 0, sizeof(*to));
    take_name(config, "NodeID", to->node_id, sizeof(to->node_id));
    take_name(prefs, "ControlURL", to->control, sizeof(to->control));
    take_name(prefs, "ProfileName", to->name, sizeof(to->name));
    if (to->name[0] == '\0')
        take_name(json_object_get(config, "UserProfile"), "LoginName", to->name, sizeof(to->name));
}

bool localapi_parse_prefs(struct bytes document, struct tailscale *tailscale, struct err *err)
{
    json_t *root = load("prefs", document, err);
    const char *address;

    if (root == NULL)
        return false;
    take_text(root, "ExitNodeID", tailscale->exit_node_id, sizeof(tailscale->exit_node_id));
    take_text(root, "AutoExitNode", tailscale->auto_exit_node, sizeof(tailscale->auto_exit_node));
    address = json_string_value(json_object_get(root, "ExitNodeIP"));
    memset(&tailscale->exit_node_ip, 0, sizeof(tailscale->exit_node_ip));
    if (address != NULL && address[0] != '\0')
        (void)address_parse(address, &tailscale->exit_node_ip);
    tailscale->exit_node_allow_lan_access = take_bool(root, "ExitNodeAllowLANAccess");
    tailscale->accept_routes = take_bool(root, "RouteAll");
    tailscale->want_running = take_bool(root, "WantRunning");
    take_routes(json_object_get(root, "AdvertiseRoutes"), tailscale);
    take_profile(root, &tailscale->profile);
    json_decref(root);
    return true;
}

/* ---- profiles ------------------------------------------------------------------------------- */

static void take_listed(const json_t *listed, const struct tailscale_profile *sought,
                        struct tailscale *now)
{
    struct tailscale_profile profile = {.id = ""};

    take_name(listed, "ID", profile.id, sizeof(profile.id));
    take_name(listed, "NodeID", profile.node_id, sizeof(profile.node_id));
    take_name(listed, "ControlURL", profile.control, sizeof(profile.control));
    if (tailnet_same_profile(&profile, &now->profile))
        memcpy(now->profile.id, profile.id, sizeof(profile.id));
    if (sought != NULL && (tailnet_same_profile(&profile, sought) ||
                           (sought->id[0] != '\0' && text_equal(profile.id, sought->id))))
        now->home = HOME_THERE;
}

bool localapi_parse_profiles(struct bytes document, const struct tailscale_profile *sought,
                             struct tailscale *now, struct err *err)
{
    json_error_t why;
    json_t *root = json_loadb((const char *)document.data, document.len, JSON_DECODE_ANY, &why);
    bool good = json_is_array(root) || json_is_null(root); /* as Go writes a list of none */

    if (good && sought != NULL)
        now->home = HOME_GONE;
    for (size_t i = 0; good && i < json_array_size(root); i++)
        take_listed(json_array_get(root, i), sought, now);
    json_decref(root);
    return good || err_set(err, ERR_PEER, "profiles: expected a JSON list, observed %zu bytes",
                           document.len);
}

char *localapi_format_prefs(const struct operation_tailscale *change)
{
    json_t *body = json_object();
    json_t *routes;
    char text[PREFIX_TEXT_SIZE];
    char *formatted;

    if (change->set_exit_node) { /* both: the address beats the id when both are set */
        json_object_set_new(body, "ExitNodeID", json_string(change->exit_node_id));
        json_object_set_new(body, "ExitNodeIDSet", json_true());
        json_object_set_new(body, "ExitNodeIP", json_string(""));
        json_object_set_new(body, "ExitNodeIPSet", json_true());
    }
    if (change->set_allow_lan_access) {
        json_object_set_new(body, "ExitNodeAllowLANAccess", json_boolean(change->allow_lan_access));
        json_object_set_new(body, "ExitNodeAllowLANAccessSet", json_true());
    }
    if (change->set_accept_routes) {
        json_object_set_new(body, "RouteAll", json_boolean(change->accept_routes));
        json_object_set_new(body, "RouteAllSet", json_true());
    }
    if (change->set_advertise_routes) {
        routes = json_array();
        for (uint32_t i = 0; i < change->advertise_routes_count; i++)
            json_array_append_new(routes,
                                  json_string(prefix_format(&change->advertise_routes[i], text)));
        json_object_set_new(body, "AdvertiseRoutes", routes);
        json_object_set_new(body, "AdvertiseRoutesSet", json_true());
    }
    formatted = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    if (formatted == NULL)
        abort(); /* out of memory, as mem_ */
    return formatted;
}

/* ---- ping and refusals ---------------------------------------------------------------------- */

bool localapi_parse_ping(struct bytes document, const struct address *address, struct err *err)
{
    json_t *root = load("ping", document, err);
    char why[128], by[ADDRESS_TEXT_SIZE], wanted[ADDRESS_TEXT_SIZE];
    struct address answered = {0};

    if (root == NULL)
        return false;
    take_text(root, "Err", why, sizeof(why));
    take_text(root, "NodeIP", by, sizeof(by));
    json_decref(root);
    address_format(address, wanted);
    if (why[0] != '\0')
        return err_set(err, ERR_PEER, "disco ping to %s: %s", wanted, why);
    if (address_parse(by, &answered) && address_equal(&answered, address))
        return true;
    return err_set(err, ERR_PEER, "disco ping to %s was answered by %s, another node", wanted,
                   by[0] != '\0' ? by : "nobody");
}

void localapi_parse_error(struct bytes document, char *to, size_t size)
{
    json_t *root = json_loadb((const char *)document.data, document.len, 0, NULL);
    const char *text = json_string_value(json_object_get(root, "Error"));
    size_t len = document.len < size - 1 ? document.len : size - 1;

    if (text != NULL) {
        text_copy(to, size, text);
    } else {
        memcpy(to, document.data != NULL ? document.data : (const uint8_t *)"", len);
        to[len] = '\0';
        for (char *at = to; *at != '\0'; at++) {
            if ((unsigned char)*at < ' ')
                *at = ' ';
        }
    }
    json_decref(root);
}
