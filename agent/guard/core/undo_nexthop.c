/*
 * undo_nexthop: how a nexthop object is taken back, and the groups that lost it.
 */
#include "agent/guard/core/undo_nexthop.h"

#include "agent/guard/core/undo_beside.h"
#include "agent/guard/core/undo_touch.h"
#include "common/net/owner.h"
#include "common/net/render.h"

enum { NO_LINK = 0 };

static bool has_member(const struct nexthop *group, uint32_t id)
{
    for (uint32_t i = 0; group->group && i < group->members_count; i++) {
        if (group->members[i].id == id)
            return true;
    }
    return false;
}

bool undo_nexthop_goes(const struct route *route, const struct snapshot *objects)
{
    return !route->clone && route->nexthop_id != 0 &&
           snapshot_find_nexthop(objects, route->nexthop_id) != NULL;
}

void undo_nexthop_take(const struct operation_nexthop *operation, const struct snapshot *from,
                       struct snapshot *to)
{
    uint32_t id = operation->nexthop.id;

    for (size_t i = 0; i < from->nexthops_count; i++) {
        const struct nexthop *object = &from->nexthops[i];

        if (object->id == id || (operation->absent && has_member(object, id)))
            snapshot_copy_nexthop(to, object);
    }
    for (size_t i = 0; operation->absent && i < from->routes_count; i++) {
        const struct route *route = &from->routes[i];

        if (undo_nexthop_goes(route, to) || undo_beside_stands(route, NO_LINK, to, from))
            undo_touch_take_route(from, route, to);
    }
    for (size_t i = 0; i < from->links_count; i++) {
        const struct nexthop *object = snapshot_find_nexthop(from, id);

        if ((object != NULL && object->hop.link == from->links[i].index) ||
            text_equal(from->links[i].name, operation->device))
            *snapshot_add_link(to) = from->links[i];
    }
}

/* A group is touched with any of its members. */
static bool is_by_link(const struct snapshot *from, const struct nexthop *object, uint32_t link)
{
    if (!object->group)
        return !object->blackhole && object->hop.link == link;
    for (uint32_t i = 0; i < object->members_count; i++) {
        const struct nexthop *member = snapshot_find_nexthop(from, object->members[i].id);

        if (member != NULL && !member->blackhole && member->hop.link == link)
            return true;
    }
    return false;
}

void undo_nexthop_take_link(const struct snapshot *from, uint32_t link, struct snapshot *to)
{
    for (size_t i = 0; i < from->nexthops_count; i++) {
        const struct nexthop *object = &from->nexthops[i];

        if (is_by_link(from, object, link) && owner_row(owner_of_nexthop(object, from))->undo)
            snapshot_copy_nexthop(to, object);
    }
}

static bool has_route(const struct snapshot *snapshot, const struct route *route)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        if (undo_touch_same_key(&snapshot->routes[i], route))
            return true;
    }
    return false;
}

void undo_nexthop_take_left(const struct snapshot *before, const struct snapshot *now,
                            struct snapshot *to)
{
    for (size_t i = 0; i < before->nexthops_count; i++) {
        const struct nexthop *left = snapshot_find_nexthop(now, before->nexthops[i].id);

        if (left != NULL && snapshot_find_nexthop(to, left->id) == NULL)
            snapshot_copy_nexthop(to, left);
    }
    for (size_t i = 0; before->nexthops_count > 0 && i < now->routes_count; i++) {
        const struct route *route = &now->routes[i];

        if (route->nexthop_id != 0 && !route->clone &&
            snapshot_find_nexthop(before, route->nexthop_id) != NULL && !has_route(to, route))
            undo_touch_take_route(now, route, to);
    }
}

void undo_nexthop_drop(uint32_t id, struct snapshot *touched)
{
    for (size_t i = touched->nexthops_count; i-- > 0;) {
        if (touched->nexthops[i].id == id)
            snapshot_remove_nexthop(touched, i);
    }
}

bool undo_nexthop_is_possible(const struct undo_item *item, struct err *err)
{
    for (size_t i = 0; i < item->before.routes_count; i++) {
        const struct route *route = &item->before.routes[i];
        char line[SENTENCE_SIZE] = "";
        struct text text = TEXT_IN(line);

        if (!undo_nexthop_goes(route, &item->before) ||
            undo_touch_may_restore(route, &item->before))
            continue;
        render_route(route, &item->before, &text);
        return err_set(
            err, ERR_CONFLICT,
            "nexthop id %u: '%s' would vanish with it, and only protocol %u may put that "
            "back",
            item->change.nexthop.nexthop.id, line, route->protocol);
    }
    return true;
}

static void add_text(const struct nexthop *object, const struct snapshot *snapshot,
                     struct text *out)
{
    if (object == NULL) {
        text_add(out, "none");
        return;
    }
    text_add(out, "'");
    render_nexthop(object, snapshot, out);
    text_add(out, "' of protocol %u", object->protocol);
}

static bool same_or_none(const struct nexthop *a, const struct nexthop *b)
{
    return a == NULL || b == NULL ? a == b : render_same_nexthop(a, b);
}

static bool lost_its_device(const struct nexthop *was, const struct snapshot *now)
{
    return !was->group && !was->blackhole && snapshot_find_link(now, was->hop.link) == NULL;
}

/* One object by its id. The kernel drops objects with their carrier: nobody changed those. */
static enum undo_state judge_object(const struct undo_item *item, uint32_t id,
                                    const struct snapshot *after, const struct snapshot *now,
                                    struct text *why)
{
    const struct nexthop *was = snapshot_find_nexthop(&item->before, id);
    const struct nexthop *made = snapshot_find_nexthop(after, id);
    const struct nexthop *is = snapshot_find_nexthop(now, id);

    if (same_or_none(was, made) || same_or_none(is, was))
        return UNDO_RESTORED;
    text_add(why, "expected ");
    add_text(was, &item->before, why);
    text_add(why, " as before, found ");
    add_text(is, now, why);
    if (is == NULL && lost_its_device(was, now)) {
        text_add(why, ", and its device is gone");
        return UNDO_FOREIGN;
    }
    return is == NULL || same_or_none(is, made) ? UNDO_NEEDED : UNDO_FOREIGN;
}

/* The kernel takes a member out without a word, with the last one the group and its routes. One of
 * ours that is still there was left because others use it. */
static bool is_in_a_group(uint32_t id, const struct snapshot *now, struct text *why)
{
    for (size_t i = 0; i < now->nexthops_count; i++) {
        const struct nexthop *group = &now->nexthops[i];

        if (!has_member(group, id))
            continue;
        text_init(why, why->data, why->size);
        text_add(why, "expected nexthop id %u to be unused, found it in ", id);
        add_text(group, now, why);
        text_add(why, ", which would lose it");
        return true;
    }
    return false;
}

static bool is_used_by_others(uint32_t id, const struct snapshot *now, struct text *why)
{
    for (size_t i = 0; i < now->routes_count; i++) {
        const struct route *route = &now->routes[i];

        if (route->nexthop_id != id || route->clone || route->protocol == OCEANID_PROTOCOL)
            continue;
        text_init(why, why->data, why->size);
        text_add(why, "expected nexthop id %u to be unused, found '", id);
        render_route(route, now, why);
        text_add(why, "' of protocol %u, which would vanish with it", route->protocol);
        return true;
    }
    return is_in_a_group(id, now, why);
}

enum undo_state undo_nexthop_judge(const struct undo_item *item, const struct snapshot *after,
                                   const struct snapshot *now, struct text *why)
{
    uint32_t id = item->change.nexthop.nexthop.id;
    enum undo_state state = judge_object(item, id, after, now, why);

    if (state == UNDO_NEEDED && !item->existed && is_used_by_others(id, now, why))
        return UNDO_FOREIGN;
    for (size_t i = 0; state == UNDO_RESTORED && i < item->before.nexthops_count; i++) {
        if (item->before.nexthops[i].id != id)
            state = judge_object(item, item->before.nexthops[i].id, after, now, why);
    }
    return state;
}
