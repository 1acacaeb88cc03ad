/*
 * wire_snapshot: a host's network of one moment, with or without the kernel's own messages.
 */
#include "common/net/snapshot.h"

#include "common/core/mem.h"
#include "common/io/wire_values.h"

/* ---- putting ----------------------------------------------------------------------------------
 */

static void put_links(struct arena *arena, Oceanid__Snapshot *to, const struct snapshot *from)
{
    to->n_links = from->links_count;
    to->links = wire_new_list(arena, Oceanid__Link, oceanid__link__init, from->links_count);
    for (size_t i = 0; i < from->links_count; i++) {
        to->links[i]->index = from->links[i].index;
        to->links[i]->name = wire_put_text(arena, from->links[i].name);
        to->links[i]->kind = wire_put_text(arena, from->links[i].kind);
        to->links[i]->mtu = from->links[i].mtu;
        to->links[i]->master = from->links[i].master;
        to->links[i]->lower = from->links[i].lower;
        to->links[i]->group = from->links[i].group;
        to->links[i]->group_known = from->links[i].group_known;
        to->links[i]->up = from->links[i].up;
        to->links[i]->carrier = from->links[i].carrier;
        to->links[i]->loopback = from->links[i].loopback;
    }
}

/* Host bits stay: it is an address and its network's length, no prefix. */
static Oceanid__LinkAddress *put_address(struct arena *arena, const struct link_address *from)
{
    Oceanid__LinkAddress *to = wire_new(arena, Oceanid__LinkAddress, oceanid__link_address__init);

    to->link = from->link;
    to->address = wire_new(arena, Oceanid__Prefix, oceanid__prefix__init);
    to->address->address = wire_put_address(&from->address);
    to->address->length = from->prefix_len;
    to->scope = from->scope;
    to->protocol = from->protocol;
    to->secondary = from->secondary;
    to->tentative = from->tentative;
    to->temporary = from->temporary;
    to->deprecated = from->deprecated;
    to->permanent = from->permanent;
    to->noprefixroute = from->noprefixroute;
    to->mngtmpaddr = from->mngtmpaddr;
    to->metric = from->metric;
    to->peer = wire_put_address(&from->peer);
    to->broadcast = wire_put_address(&from->broadcast);
    to->label = wire_put_text(arena, from->label);
    return to;
}

Oceanid__Sysctl *wire_put_sysctl(struct arena *arena, const struct sysctl *sysctl)
{
    Oceanid__Sysctl *to = wire_new(arena, Oceanid__Sysctl, oceanid__sysctl__init);

    to->name = wire_put_text(arena, sysctl->name);
    to->value = wire_put_text(arena, sysctl->value);
    return to;
}

Oceanid__Prefix **wire_put_prefixes(struct arena *arena, const struct prefix *prefixes,
                                    size_t count)
{
    Oceanid__Prefix **list = wire_new_list(arena, Oceanid__Prefix, oceanid__prefix__init, count);

    for (size_t i = 0; i < count; i++) {
        list[i]->address = wire_put_address(&prefixes[i].address);
        list[i]->length = prefixes[i].len;
    }
    return list;
}

static ProtobufCBinaryData *put_addresses(struct arena *arena, const struct address *addresses,
                                          size_t count)
{
    ProtobufCBinaryData *list = arena_alloc(arena, count, sizeof(*list));

    for (size_t i = 0; i < count; i++)
        list[i] = wire_put_address(&addresses[i]);
    return list;
}

static void put_peer(struct arena *arena, Oceanid__TailscalePeer *to,
                     const struct tailscale_peer *from)
{
    to->id = wire_put_text(arena, from->id);
    to->host_name = wire_put_text(arena, from->host_name);
    to->dns_name = wire_put_text(arena, from->dns_name);
    to->n_addresses = from->addresses_count;
    to->addresses = put_addresses(arena, from->addresses, from->addresses_count);
    to->online = from->online;
    to->exit_node_option = from->exit_node_option;
    to->direct = from->direct;
}

static void put_prefs(struct arena *arena, Oceanid__Tailscale *to, const struct tailscale *from)
{
    to->exit_node_id = wire_put_text(arena, from->exit_node_id);
    to->exit_node_ip = wire_put_address(&from->exit_node_ip);
    to->auto_exit_node = wire_put_text(arena, from->auto_exit_node);
    to->exit_node_allow_lan_access = from->exit_node_allow_lan_access;
    to->accept_routes = from->accept_routes;
    to->want_running = from->want_running;
    to->self_exit_node_option = from->self_exit_node_option;
    to->n_advertise_routes = from->advertise_routes_count;
    to->advertise_routes =
        wire_put_prefixes(arena, from->advertise_routes, from->advertise_routes_count);
}

static Oceanid__TailscaleProfile *put_profile(struct arena *arena,
                                              const struct tailscale_profile *from)
{
    Oceanid__TailscaleProfile *to =
        wire_new(arena, Oceanid__TailscaleProfile, oceanid__tailscale_profile__init);

    to->node_id = wire_put_text(arena, from->node_id);
    to->control = wire_put_text(arena, from->control);
    to->name = wire_put_text(arena, from->name);
    to->id = wire_put_text(arena, from->id);
    return to;
}

static Oceanid__Tailscale *put_tailscale(struct arena *arena, const struct tailscale *from,
                                         bool raw)
{
    Oceanid__Tailscale *to = wire_new(arena, Oceanid__Tailscale, oceanid__tailscale__init);

    to->presence = from->presence;
    to->why = wire_put_text(arena, from->why);
    to->backend_state = wire_put_text(arena, from->backend_state);
    to->version = wire_put_text(arena, from->version);
    put_prefs(arena, to, from);
    to->n_addresses = from->addresses_count;
    to->addresses = put_addresses(arena, from->addresses, from->addresses_count);
    to->n_peers = from->peers_count;
    to->peers = wire_new_list(arena, Oceanid__TailscalePeer, oceanid__tailscale_peer__init,
                              from->peers_count);
    for (uint32_t i = 0; i < from->peers_count; i++)
        put_peer(arena, to->peers[i], &from->peers[i]);
    if (raw && from->profile.node_id[0] != '\0')
        to->profile = put_profile(arena, &from->profile);
    return to;
}

static Oceanid__File *put_file(struct arena *arena, const struct snapshot_file *from)
{
    Oceanid__File *to = wire_new(arena, Oceanid__File, oceanid__file__init);

    to->path = wire_put_text(arena, from->path);
    to->there = from->there;
    to->irregular = from->irregular;
    to->has_directory = from->has_directory;
    to->mode = from->mode;
    to->uid = from->uid;
    to->gid = from->gid;
    to->data = wire_put_bytes(from->data, from->len);
    return to;
}

#define PUT_EACH(arena, to, from, items, put_one)                                                  \
    do {                                                                                           \
        (to)->n_##items = (from)->items##_count;                                                   \
        (to)->items = arena_alloc((arena), (from)->items##_count, sizeof(*(to)->items));           \
        for (size_t put_i = 0; put_i < (from)->items##_count; put_i++)                             \
            (to)->items[put_i] = (put_one);                                                        \
    } while (0)

Oceanid__Snapshot *wire_put_snapshot(struct arena *arena, const struct snapshot *from, bool raw)
{
    Oceanid__Snapshot *to = wire_new(arena, Oceanid__Snapshot, oceanid__snapshot__init);

    put_links(arena, to, from);
    PUT_EACH(arena, to, from, addresses, put_address(arena, &from->addresses[put_i]));
    PUT_EACH(arena, to, from, routes, wire_put_route(arena, &from->routes[put_i], raw));
    PUT_EACH(arena, to, from, rules, wire_put_rule(arena, &from->rules[put_i], raw));
    PUT_EACH(arena, to, from, nexthops, wire_put_nexthop(arena, &from->nexthops[put_i], raw));
    PUT_EACH(arena, to, from, sysctls, wire_put_sysctl(arena, &from->sysctls[put_i]));
    PUT_EACH(arena, to, from, files, put_file(arena, &from->files[put_i]));
    to->tailscale = put_tailscale(arena, &from->tailscale, raw);
    return to;
}

/* ---- taking -----------------------------------------------------------------------------------
 */

static bool take_link(struct link *to, const Oceanid__Link *from, struct err *err)
{
    to->index = from->index;
    to->mtu = from->mtu;
    to->master = from->master;
    to->lower = from->lower;
    to->group = from->group;
    to->group_known = from->group_known;
    to->up = from->up;
    to->carrier = from->carrier;
    to->loopback = from->loopback;
    return wire_take_line(to->name, sizeof(to->name), from->name, "device", err) &&
           wire_take_line(to->kind, sizeof(to->kind), from->kind, "kind of device", err);
}

static bool take_address(struct link_address *to, const Oceanid__LinkAddress *from, struct err *err)
{
    if (from->address == NULL || !wire_take_address(&to->address, &from->address->address, err) ||
        !address_is_set(&to->address))
        return err_set(err, ERR_INPUT, "address of link %u: accepted are 4 or 16 bytes",
                       from->link);
    to->link = from->link;
    to->secondary = from->secondary;
    to->tentative = from->tentative;
    to->temporary = from->temporary;
    to->deprecated = from->deprecated;
    to->permanent = from->permanent;
    to->noprefixroute = from->noprefixroute;
    to->mngtmpaddr = from->mngtmpaddr;
    to->metric = from->metric;
    to->prefix_len = (uint8_t)from->address->length;
    return wire_take_range(from->address->length, address_bits(to->address.family), "prefix length",
                           err) &&
           wire_take_u8(&to->scope, from->scope, "scope", err) &&
           wire_take_u8(&to->protocol, from->protocol, "protocol", err) &&
           wire_take_address(&to->peer, &from->peer, err) &&
           wire_take_address(&to->broadcast, &from->broadcast, err) &&
           wire_take_line(to->label, sizeof(to->label), from->label, "label", err);
}

bool wire_take_sysctl(struct sysctl *to, const Oceanid__Sysctl *from, struct err *err)
{
    return wire_take_line(to->name, sizeof(to->name), from->name, "sysctl", err) &&
           wire_take_text(to->value, sizeof(to->value), from->value, "value of a sysctl", err);
}

bool wire_take_prefixes(struct prefix *to, uint32_t *ret_count, Oceanid__Prefix **from,
                        size_t count, struct err *err)
{
    if (!wire_take_count(count, TAILSCALE_ROUTES_MAX, "advertised routes", err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!wire_take_prefix(&to[i], from[i], err))
            return false;
    }
    *ret_count = (uint32_t)count;
    return true;
}

static bool take_addresses(struct address *to, uint32_t *ret_count, const ProtobufCBinaryData *from,
                           size_t count, struct err *err)
{
    if (!wire_take_count(count, TAILSCALE_ADDRESSES_MAX, "tailnet addresses", err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!wire_take_address(&to[i], &from[i], err))
            return false;
    }
    *ret_count = (uint32_t)count;
    return true;
}

static bool take_peer(struct tailscale_peer *to, const Oceanid__TailscalePeer *from,
                      struct err *err)
{
    to->online = from->online;
    to->exit_node_option = from->exit_node_option;
    to->direct = from->direct;
    return wire_take_line(to->id, sizeof(to->id), from->id, "peer's id", err) &&
           wire_take_line(to->host_name, sizeof(to->host_name), from->host_name, "peer's name",
                          err) &&
           wire_take_line(to->dns_name, sizeof(to->dns_name), from->dns_name, "peer's DNS name",
                          err) &&
           take_addresses(to->addresses, &to->addresses_count, from->addresses, from->n_addresses,
                          err);
}

static bool take_peers(struct tailscale *to, const Oceanid__Tailscale *from, struct err *err)
{
    if (!wire_take_count(from->n_peers, PEERS_MAX, "peers", err))
        return false;
    to->peers_count = (uint32_t)from->n_peers;
    to->peers = from->n_peers > 0 ? mem_alloc(from->n_peers, sizeof(*to->peers)) : NULL;
    for (size_t i = 0; i < from->n_peers; i++) {
        if (!take_peer(&to->peers[i], from->peers[i], err))
            return false;
    }
    return true;
}

static bool take_prefs(struct tailscale *to, const Oceanid__Tailscale *from, struct err *err)
{
    to->exit_node_allow_lan_access = from->exit_node_allow_lan_access;
    to->accept_routes = from->accept_routes;
    to->want_running = from->want_running;
    to->self_exit_node_option = from->self_exit_node_option;
    return wire_take_line(to->exit_node_id, sizeof(to->exit_node_id), from->exit_node_id,
                          "exit node", err) &&
           wire_take_address(&to->exit_node_ip, &from->exit_node_ip, err) &&
           wire_take_line(to->auto_exit_node, sizeof(to->auto_exit_node), from->auto_exit_node,
                          "auto exit node", err) &&
           wire_take_prefixes(to->advertise_routes, &to->advertise_routes_count,
                              from->advertise_routes, from->n_advertise_routes, err);
}

static bool take_profile(struct tailscale_profile *to, const Oceanid__TailscaleProfile *from,
                         struct err *err)
{
    if (from == NULL)
        return true;
    return wire_take_line(to->node_id, sizeof(to->node_id), from->node_id, "profile's node", err) &&
           wire_take_line(to->control, sizeof(to->control), from->control, "profile's server",
                          err) &&
           wire_take_line(to->name, sizeof(to->name), from->name, "profile's name", err) &&
           wire_take_line(to->id, sizeof(to->id), from->id, "profile", err);
}

static bool take_tailscale(struct tailscale *to, const Oceanid__Tailscale *from, struct err *err)
{
    if (from == NULL)
        return true; /* TAILSCALE_ABSENT */
    if (!wire_take_range(from->presence, TAILSCALE_ANSWERS, "presence of Tailscale", err))
        return false;
    to->presence = (enum tailscale_presence)from->presence;
    return wire_take_line(to->why, sizeof(to->why), from->why, "why", err) &&
           wire_take_line(to->backend_state, sizeof(to->backend_state), from->backend_state,
                          "Tailscale's state", err) &&
           wire_take_line(to->version, sizeof(to->version), from->version, "version", err) &&
           take_prefs(to, from, err) &&
           take_addresses(to->addresses, &to->addresses_count, from->addresses, from->n_addresses,
                          err) &&
           take_peers(to, from, err) && take_profile(&to->profile, from->profile, err);
}

static bool take_file(struct snapshot_file *to, const Oceanid__File *from, struct err *err)
{
    if (!wire_take_count(from->data.len, FILE_SIZE_MAX, "bytes of a file", err) ||
        !wire_take_range(from->mode, 07777, "mode of a file", err))
        return false;
    to->there = from->there;
    to->irregular = from->irregular;
    to->has_directory = from->has_directory;
    to->mode = from->mode;
    to->uid = from->uid;
    to->gid = from->gid;
    to->len = (uint32_t)from->data.len;
    to->data = from->data.len > 0 ? mem_copy(from->data.data, from->data.len) : NULL;
    return wire_take_line(to->path, sizeof(to->path), from->path, "file", err);
}

static bool take_network(struct snapshot *to, const Oceanid__Snapshot *from, bool raw,
                         struct err *err)
{
    bool good = true;

    for (size_t i = 0; good && i < from->n_links; i++)
        good = take_link(snapshot_add_link(to), from->links[i], err);
    for (size_t i = 0; good && i < from->n_addresses; i++)
        good = take_address(snapshot_add_address(to), from->addresses[i], err);
    for (size_t i = 0; good && i < from->n_routes; i++)
        good = wire_take_route(snapshot_add_route(to), from->routes[i], raw, err);
    for (size_t i = 0; good && i < from->n_rules; i++)
        good = wire_take_rule(snapshot_add_rule(to), from->rules[i], raw, err);
    for (size_t i = 0; good && i < from->n_nexthops; i++)
        good = wire_take_nexthop(snapshot_add_nexthop(to), from->nexthops[i], raw, err);
    for (size_t i = 0; good && i < from->n_sysctls; i++)
        good = wire_take_sysctl(snapshot_add_sysctl(to), from->sysctls[i], err);
    for (size_t i = 0; good && i < from->n_files; i++)
        good = take_file(snapshot_add_file(to), from->files[i], err);
    return good;
}

static bool take_counts(const Oceanid__Snapshot *from, struct err *err)
{
    return wire_take_count(from->n_links, LINKS_MAX, "links", err) &&
           wire_take_count(from->n_addresses, LINKS_MAX, "addresses", err) &&
           wire_take_count(from->n_routes, ROUTES_MAX, "routes", err) &&
           wire_take_count(from->n_rules, LINKS_MAX, "rules", err) &&
           wire_take_count(from->n_nexthops, LINKS_MAX, "nexthop objects", err) &&
           wire_take_count(from->n_sysctls, SYSCTLS_MAX, "sysctls", err) &&
           wire_take_count(from->n_files, FILES_MAX, "files", err);
}

bool wire_take_snapshot(struct snapshot *to, const Oceanid__Snapshot *from, bool raw,
                        struct err *err)
{
    snapshot_init(to);
    if (from == NULL)
        return err_set(err, ERR_INPUT, "snapshot is missing");
    if (take_counts(from, err) && take_network(to, from, raw, err) &&
        take_tailscale(&to->tailscale, from->tailscale, err))
        return true;
    snapshot_done(to);
    return false;
}

/* ---- as a message of its own ------------------------------------------------------------------
 */

struct wire_bytes wire_encode_snapshot(const struct snapshot *snapshot)
{
    AUTO_ARENA struct arena arena;

    arena_init(&arena, SIZE_MAX);
    return wire_pack(&wire_put_snapshot(&arena, snapshot, false)->base);
}

bool wire_decode_snapshot(struct bytes from, struct snapshot *ret_snapshot, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    Oceanid__Snapshot *message =
        wire_unpack(&arena, &oceanid__snapshot__descriptor, from, FRAME_SIZE_MAX, err);

    return message != NULL && wire_take_snapshot(ret_snapshot, message, false, err);
}
