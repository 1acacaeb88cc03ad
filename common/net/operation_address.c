/*
 * operation_address: puts or removes one address of a device.
 */
#include <linux/rtnetlink.h>

#include "common/net/consequence.h"
#include "common/net/operation_kind.h"
#include "common/net/owner.h"
#include "common/net/tailnet.h"

static void add_name(const struct operation *operation, struct text *out)
{
    const struct operation_address *own = &operation->address;
    char text[ADDRESS_TEXT_SIZE];

    text_add(out, "address %s/%u on %s", address_format(&own->address, text), own->prefix_len,
             own->device);
}

static bool wrap(const struct operation *operation, struct err *err)
{
    char name[SENTENCE_SIZE];
    struct text text = TEXT_IN(name);

    add_name(operation, &text);
    return err_wrap(err, "%s", name);
}

/* ---- what needs no node -----------------------------------------------------------------------
 */

static bool is_in_any(const struct address *address, const char *const *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct prefix prefix;

        if (prefix_parse(prefixes[i], &prefix) && prefix_contains(&prefix, address))
            return true;
    }
    return false;
}

static bool is_for_one_host(const struct address *address)
{
    static const char *const refused[] = {"0.0.0.0/8",          "127.0.0.0/8", "224.0.0.0/4",
                                          "255.255.255.255/32", "::/128",      "::1/128",
                                          "fe80::/10",          "ff00::/8"};

    return address_is_set(address) &&
           !is_in_any(address, refused, sizeof(refused) / sizeof(refused[0]));
}

static bool validate_value(const struct operation_address *own, struct err *err)
{
    if (!is_for_one_host(&own->address))
        return err_set(err, ERR_INPUT,
                       "accepted is an address of one host, neither loopback, multicast nor "
                       "link-local IPv6");
    if (tailnet_has_address(&own->address))
        return err_set(err, ERR_CONFLICT,
                       "tailnet addresses are tailscaled's own; accepted is any outside "
                       "100.64.0.0/10 and fd7a:115c:a1e0::/48");
    if (own->prefix_len == 0 || own->prefix_len > address_bits(own->address.family))
        return err_set(err, ERR_INPUT, "prefix length %u: accepted is 1 to %u", own->prefix_len,
                       address_bits(own->address.family));
    if (own->device[0] == '\0')
        return err_set(err, ERR_INPUT, "it names no device; expected one, like eth0");
    return true;
}

static bool validate(const struct operation *operation, struct err *err)
{
    return validate_value(&operation->address, err) || wrap(operation, err);
}

/* ---- on a snapshot ----------------------------------------------------------------------------
 */

static struct link_address resolve(const struct operation_address *own,
                                   const struct snapshot *snapshot)
{
    const struct link *link = snapshot_find_device(snapshot, own->device);

    return (struct link_address){.link = link != NULL ? link->index : 0,
                                 .address = own->address,
                                 .prefix_len = own->prefix_len,
                                 .scope = RT_SCOPE_UNIVERSE,
                                 .protocol = OCEANID_PROTOCOL,
                                 .permanent = true};
}

static bool check_owner(const struct link_address *there, const struct snapshot *snapshot,
                        struct err *err)
{
    const struct owner_row *row = owner_row(owner_of_address(there, snapshot));

    return row->undo || err_set(err, ERR_CONFLICT,
                                "it is there already and belongs to %s (%s); Oceanid changes only "
                                "its own and an administrator's",
                                row->name, row->known_by);
}

static bool check_device(const struct operation_address *own, const struct link *link,
                         const struct snapshot *snapshot, struct err *err)
{
    const struct owner_row *row;

    if (link == NULL)
        return err_set(err, ERR_MISSING, "device %s is not there", own->device);
    row = owner_row(owner_of_link(link, snapshot));
    if (!row->undo && !link->loopback)
        return err_set(err, ERR_CONFLICT, "device %s belongs to %s; accepted are others",
                       own->device, row->name);
    if (own->absent || own->address.family != FAMILY_IPV6)
        return true;
    if (!link->up)
        return err_set(err, ERR_MISSING, "device %s is down; an IPv6 address needs it up",
                       own->device);
    if (link->mtu < LINK_MTU_IPV6)
        return err_set(err, ERR_MISSING, "device %s has mtu %u, and IPv6 needs %u", own->device,
                       link->mtu, LINK_MTU_IPV6);
    return true;
}

/* The same address elsewhere: which one the kernel would answer with is nobody's choice. */
static bool check_elsewhere(const struct link_address *wanted, const struct snapshot *snapshot,
                            struct err *err)
{
    for (size_t i = 0; i < snapshot->addresses_count; i++) {
        const struct link_address *there = &snapshot->addresses[i];
        const struct link *link = snapshot_find_link(snapshot, there->link);

        if (!address_equal(&there->address, &wanted->address) ||
            (there->link == wanted->link && there->prefix_len == wanted->prefix_len))
            continue;
        return err_set(err, ERR_CONFLICT,
                       "this node has it already, with length %u on %s; expected it on no device, "
                       "or removed there by an operation before",
                       there->prefix_len, link != NULL ? link->name : "?");
    }
    return true;
}

static bool check(const struct operation *operation, const struct snapshot *snapshot,
                  struct err *err)
{
    const struct operation_address *own = &operation->address;
    const struct link *link = snapshot_find_device(snapshot, own->device);
    struct link_address wanted = resolve(own, snapshot);
    const struct link_address *there = consequence_find_address(snapshot, &wanted);

    if (check_device(own, link, snapshot, err) &&
        (there == NULL || check_owner(there, snapshot, err)) &&
        (own->absent || check_elsewhere(&wanted, snapshot, err)))
        return true;
    return wrap(operation, err);
}

static bool holds(const struct operation *operation, const struct snapshot *snapshot)
{
    struct link_address wanted = resolve(&operation->address, snapshot);
    const struct link_address *there = consequence_find_address(snapshot, &wanted);

    if (operation->address.absent)
        return there == NULL;
    return there != NULL && there->permanent && !there->temporary;
}

static void predict(const struct operation *operation, struct snapshot *snapshot)
{
    struct link_address wanted = resolve(&operation->address, snapshot);

    if (operation->address.absent)
        consequence_address_removed(snapshot, &wanted);
    else
        consequence_address_added(snapshot, &wanted);
}

/* ---- for people -------------------------------------------------------------------------------
 */

static void render(const struct operation *operation, struct text *out)
{
    text_add(out, "%s", operation->address.absent ? "remove " : "");
    add_name(operation, out);
}

const struct operation_row operation_address_row = {
    .name = "address",
    .validate = validate,
    .check = check,
    .holds = holds,
    .predict = predict,
    .render = render,
    .object = add_name,
};
