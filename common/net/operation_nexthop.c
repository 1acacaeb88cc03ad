/*
 * operation_nexthop: puts or removes one nexthop object of Oceanid's own.
 *
 * Deleting one takes the routes that use it along, without a word for IPv4: routes and groups of
 * Oceanid's own have to be removed in a step before; what others have is in the undo.
 */
#include <stdlib.h>

#include "common/core/mem.h"
#include "common/net/operation_kind.h"
#include "common/net/render.h"

struct nexthop operation_nexthop_object(const struct operation_nexthop *operation)
{
    struct nexthop object = operation->nexthop;

    object.members_count = operation->members_count;
    object.members = (struct nexthop_member *)(uintptr_t)operation->members;
    return object;
}

static void add_object(const struct operation *operation, struct text *out)
{
    text_add(out, "nexthop id %u", operation->nexthop.nexthop.id);
}

/* ---- what needs no node ---------------------------------------------------------------------- */

static bool validate_members(const struct operation_nexthop *group, struct err *err)
{
    if (group->members_count < 1 || group->members_count > OPERATION_MEMBERS_MAX)
        return err_set(err, ERR_INPUT, "a group of %u: accepted are 1 to %u members",
                       group->members_count, (unsigned)OPERATION_MEMBERS_MAX);
    for (uint32_t i = 0; i < group->members_count; i++) {
        uint32_t id = group->members[i].id;
        uint32_t weight = group->members[i].weight;

        if (id == 0 || id == group->nexthop.id)
            return err_set(err, ERR_INPUT, "member %u: accepted is the id of another object", id);
        if (weight < 1 || weight > OPERATION_WEIGHT_MAX)
            return err_set(err, ERR_INPUT, "member %u has weight %u: accepted is 1 to %u", id,
                           weight, (unsigned)OPERATION_WEIGHT_MAX);
        for (uint32_t k = 0; k < i; k++) {
            if (group->members[k].id == id)
                return err_set(err, ERR_INPUT, "member %u is named twice", id);
        }
    }
    return true;
}

static bool validate_way(const struct operation_nexthop *operation, struct err *err)
{
    const struct nexthop *nexthop = &operation->nexthop;
    bool by_device = operation->device[0] != '\0' || address_is_set(&nexthop->hop.gateway);

    if (nexthop->group + nexthop->blackhole + by_device != 1)
        return err_set(err, ERR_INPUT,
                       "accepted is one of a hop (a device, and a gateway if there is one), a "
                       "blackhole and a group");
    if (nexthop->group)
        return validate_members(operation, err);
    if (nexthop->family != FAMILY_IPV4 && nexthop->family != FAMILY_IPV6)
        return err_set(err, ERR_INPUT, "family %u: accepted is IPv4 or IPv6", nexthop->family);
    if (by_device && operation->device[0] == '\0')
        return err_set(err, ERR_INPUT, "it names no device; expected one, like eth0");
    if (address_is_set(&nexthop->hop.gateway) && nexthop->hop.gateway.family != nexthop->family)
        return err_set(err, ERR_INPUT, "its gateway is of another family");
    return operation_validate_hop(&nexthop->hop, err);
}

static bool validate(const struct operation *operation, struct err *err)
{
    const struct nexthop *nexthop = &operation->nexthop.nexthop;

    if (nexthop->id == 0)
        return err_set(err, ERR_INPUT, "nexthop id 0: accepted is 1 and above");
    if (nexthop->protocol != 0 && nexthop->protocol != OCEANID_PROTOCOL)
        return err_set(err, ERR_INPUT, "nexthop id %u: protocol %u: accepted is %u, Oceanid's own",
                       nexthop->id, nexthop->protocol, OCEANID_PROTOCOL);
    return operation->nexthop.absent || validate_way(&operation->nexthop, err) ||
           err_wrap(err, "nexthop id %u", nexthop->id);
}

/* ---- on a snapshot --------------------------------------------------------------------------- */

static bool has_member(const struct nexthop *group, uint32_t id)
{
    for (uint32_t i = 0; group->group && i < group->members_count; i++) {
        if (group->members[i].id == id)
            return true;
    }
    return false;
}

static bool check_owner(const struct operation_nexthop *operation, const struct nexthop *there,
                        const struct snapshot *snapshot, struct err *err)
{
    char line[SENTENCE_SIZE] = "";
    struct text text = TEXT_IN(line);

    if (there == NULL || there->protocol == OCEANID_PROTOCOL)
        return true;
    render_nexthop(there, snapshot, &text);
    return err_set(err, ERR_CONFLICT,
                   "'%s' is there already and belongs to protocol %u; Oceanid %s only its own (%u)",
                   line, there->protocol, operation->absent ? "removes" : "replaces",
                   OCEANID_PROTOCOL);
}

static bool check_unused(uint32_t id, const struct snapshot *snapshot, struct err *err)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        const struct route *route = &snapshot->routes[i];
        char line[SENTENCE_SIZE] = "";
        struct text text = TEXT_IN(line);

        if (route->nexthop_id != id || route->clone || route->protocol != OCEANID_PROTOCOL)
            continue;
        render_route(route, snapshot, &text);
        return err_set(err, ERR_CONFLICT,
                       "route '%s' would vanish with it; remove that in a step before", line);
    }
    for (size_t i = 0; i < snapshot->nexthops_count; i++) {
        if (snapshot->nexthops[i].protocol == OCEANID_PROTOCOL &&
            has_member(&snapshot->nexthops[i], id))
            return err_set(err, ERR_CONFLICT,
                           "group %u has it as a member; change that in a step before",
                           snapshot->nexthops[i].id);
    }
    return true;
}

static bool check_members(const struct operation_nexthop *group, const struct snapshot *snapshot,
                          struct err *err)
{
    for (uint32_t i = 0; i < group->members_count; i++) {
        const struct nexthop *member = snapshot_find_nexthop(snapshot, group->members[i].id);

        if (member == NULL)
            return err_set(err, ERR_MISSING, "member %u is not there", group->members[i].id);
        if (member->group)
            return err_set(err, ERR_INPUT, "member %u is a group itself; the kernel takes none",
                           member->id);
        if (member->blackhole && group->members_count > 1)
            return err_set(err, ERR_INPUT,
                           "member %u is a blackhole; the kernel takes one only alone", member->id);
    }
    return true;
}

static bool check_hop(const struct operation_nexthop *operation, const struct snapshot *snapshot,
                      struct err *err)
{
    if (!operation_check_hop(operation->device, &operation->nexthop.hop, snapshot, err))
        return false;
    return snapshot_find_device(snapshot, operation->device)->carrier ||
           err_set(err, ERR_MISSING, "device %s has no carrier; the kernel refuses it until it has",
                   operation->device);
}

static bool check_put(const struct operation_nexthop *operation, const struct nexthop *there,
                      const struct snapshot *snapshot, struct err *err)
{
    if (there != NULL && there->group != operation->nexthop.group)
        return err_set(err, ERR_CONFLICT, "it is %s now; the kernel makes it no other",
                       there->group ? "a group" : "one hop");
    if (operation->nexthop.group)
        return check_members(operation, snapshot, err);
    return operation->nexthop.blackhole || check_hop(operation, snapshot, err);
}

static bool check(const struct operation *operation, const struct snapshot *snapshot,
                  struct err *err)
{
    const struct operation_nexthop *nexthop = &operation->nexthop;
    const struct nexthop *there = snapshot_find_nexthop(snapshot, nexthop->nexthop.id);
    bool good = check_owner(nexthop, there, snapshot, err);

    if (good && nexthop->absent)
        good = there == NULL || check_unused(there->id, snapshot, err);
    else if (good)
        good = check_put(nexthop, there, snapshot, err);
    return good || err_wrap(err, "nexthop id %u", nexthop->nexthop.id);
}

/* As the kernel would list it; its members are lent. */
static struct nexthop resolve(const struct operation_nexthop *operation,
                              const struct snapshot *snapshot)
{
    const struct link *link = snapshot_find_device(snapshot, operation->device);
    struct nexthop nexthop = operation_nexthop_object(operation);

    nexthop.protocol = OCEANID_PROTOCOL;
    nexthop.hop.link = link != NULL ? link->index : 0;
    nexthop.raw = NULL;
    nexthop.raw_len = 0;
    return nexthop;
}

static bool holds(const struct operation *operation, const struct snapshot *snapshot)
{
    const struct operation_nexthop *nexthop = &operation->nexthop;
    const struct nexthop *there = snapshot_find_nexthop(snapshot, nexthop->nexthop.id);
    struct nexthop wanted = resolve(nexthop, snapshot);

    if (nexthop->absent)
        return there == NULL || there->protocol != OCEANID_PROTOCOL;
    return there != NULL && render_same_nexthop(there, &wanted);
}

static void remove_routes(struct snapshot *snapshot, uint32_t id)
{
    for (size_t i = snapshot->routes_count; i-- > 0;) {
        if (snapshot->routes[i].nexthop_id == id)
            snapshot_remove_route(snapshot, i);
    }
}

static void leave_group(struct nexthop *group, uint32_t id)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < group->members_count; i++) {
        if (group->members[i].id != id)
            group->members[kept++] = group->members[i];
    }
    group->members_count = kept;
}

/* As remove_nexthop in net/ipv4/nexthop.c: routes go, groups lose a member, empty ones go too. */
static void remove_object(struct snapshot *snapshot, uint32_t id)
{
    remove_routes(snapshot, id);
    for (size_t i = snapshot->nexthops_count; i-- > 0;) {
        struct nexthop *nexthop = &snapshot->nexthops[i];
        bool member = has_member(nexthop, id);

        if (member)
            leave_group(nexthop, id);
        if (member && nexthop->members_count == 0)
            remove_routes(snapshot, nexthop->id);
        if (nexthop->id == id || (member && nexthop->members_count == 0))
            snapshot_remove_nexthop(snapshot, i);
    }
}

static void predict(const struct operation *operation, struct snapshot *snapshot)
{
    struct nexthop wanted = resolve(&operation->nexthop, snapshot);
    struct nexthop *to = NULL;

    if (operation->nexthop.absent) {
        remove_object(snapshot, wanted.id);
        return;
    }
    for (size_t i = 0; i < snapshot->nexthops_count && to == NULL; i++) {
        if (snapshot->nexthops[i].id == wanted.id)
            to = &snapshot->nexthops[i];
    }
    if (to == NULL)
        to = snapshot_add_nexthop(snapshot);
    free(to->members);
    wanted.members = mem_copy(wanted.members, wanted.members_count * sizeof(*wanted.members));
    wanted.raw = to->raw; /* of another state: nobody replays a prediction */
    *to = wanted;
}

/* ---- for people ------------------------------------------------------------------------------ */

static void render(const struct operation *operation, struct text *out)
{
    const struct operation_nexthop *nexthop = &operation->nexthop;
    struct link link = {.index = 1};
    struct snapshot named = {.links = &link, .links_count = 1};
    struct nexthop shown = operation_nexthop_object(nexthop);

    if (nexthop->absent) {
        text_add(out, "remove ");
        add_object(operation, out);
        return;
    }
    text_copy(link.name, sizeof(link.name), nexthop->device);
    shown.hop.link = nexthop->device[0] != '\0' ? 1 : 0;
    render_nexthop(&shown, &named, out);
}

const struct operation_row operation_nexthop_row = {
    .name = "nexthop",
    .validate = validate,
    .check = check,
    .holds = holds,
    .predict = predict,
    .render = render,
    .object = add_object,
};
