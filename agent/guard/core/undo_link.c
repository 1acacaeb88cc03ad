/*
 * undo_link: how an address or a link is taken back.
 */
#include "agent/guard/core/undo_link.h"

#include "agent/guard/core/undo_sysctl.h"
#include "common/net/consequence.h"
#include "common/net/owner.h"
#include "common/net/render.h"

bool undo_link_takes_along(const struct operation *operation)
{
    const struct operation_link *link = &operation->link;

    if (operation->kind == OPERATION_ADDRESS)
        return operation->address.absent;
    return operation->kind == OPERATION_LINK &&
           ((link->set_up && !link->up) || (link->mtu != 0 && link->mtu < LINK_MTU_IPV6));
}

/* ---- addresses --------------------------------------------------------------------------------
 */

const struct link_address *undo_link_find_address(const struct undo_item *item,
                                                  const struct snapshot *where)
{
    const struct operation_address *own = &item->change.address;
    const struct link *link = snapshot_find_device(&item->before, own->device);
    const struct link_address like = {.link = link != NULL ? link->index : 0,
                                      .address = own->address,
                                      .prefix_len = own->prefix_len};

    return consequence_find_address(where, &like);
}

static void add_found(const struct link_address *is, const struct snapshot *now, struct text *why)
{
    text_add(why, ", found ");
    if (is == NULL)
        text_add(why, "none");
    else
        text_add(why, "one that belongs to %s", owner_row(owner_of_address(is, now))->name);
}

static enum undo_state judge_address(const struct undo_item *item, const struct snapshot *after,
                                     const struct snapshot *now, struct text *why)
{
    const struct link_address *was = undo_link_find_address(item, &item->before);
    const struct link_address *made = undo_link_find_address(item, after);
    const struct link_address *is = undo_link_find_address(item, now);

    if ((was == NULL) == (made == NULL) || (is == NULL) == (was == NULL))
        return UNDO_RESTORED;
    text_add(why, "expected %s", was == NULL ? "no " : "");
    render_address(was != NULL ? was : made, &item->before, why);
    add_found(is, now, why);
    if (was != NULL && snapshot_find_link(now, was->link) == NULL) {
        text_add(why, ", and its device is gone");
        return UNDO_FOREIGN;
    }
    /* Given a lifetime or put anew by somebody: it is not the one that we have put. */
    if (was == NULL && (is->protocol != made->protocol || !is->permanent))
        return UNDO_FOREIGN;
    return UNDO_NEEDED;
}

/* ---- links ------------------------------------------------------------------------------------
 */

const struct link *undo_link_find(const struct undo_item *item, const struct snapshot *where)
{
    const struct link *was = snapshot_find_device(&item->before, item->change.link.device);

    return was != NULL ? snapshot_find_link(where, was->index) : NULL;
}

struct sides {
    const struct link *was, *made, *is;
};

static struct sides sides_of(const struct undo_item *item, const struct snapshot *after,
                             const struct snapshot *now)
{
    return (struct sides){undo_link_find(item, &item->before), undo_link_find(item, after),
                          undo_link_find(item, now)};
}

static enum undo_state judge_number(uint32_t was, uint32_t made, uint32_t is)
{
    if (was == made || is == was)
        return UNDO_RESTORED;
    return is == made ? UNDO_NEEDED : UNDO_FOREIGN;
}

static enum undo_state worse(enum undo_state a, enum undo_state b)
{
    if (a == UNDO_NEEDED || b == UNDO_NEEDED)
        return UNDO_NEEDED;
    return a == UNDO_FOREIGN || b == UNDO_FOREIGN ? UNDO_FOREIGN : UNDO_RESTORED;
}

static bool has_changed(const struct sides *sides)
{
    return sides->was != NULL && sides->made != NULL &&
           (sides->was->mtu != sides->made->mtu || sides->was->up != sides->made->up);
}

static enum undo_state judge_link(const struct undo_item *item, const struct snapshot *after,
                                  const struct snapshot *now, struct text *why)
{
    struct sides sides = sides_of(item, after, now);
    enum undo_state state;

    if (!has_changed(&sides))
        return UNDO_RESTORED;
    if (sides.is == NULL) {
        text_add(why, "expected link %s, found that the device is gone", sides.was->name);
        return UNDO_FOREIGN;
    }
    state = worse(judge_number(sides.was->mtu, sides.made->mtu, sides.is->mtu),
                  judge_number(sides.was->up, sides.made->up, sides.is->up));
    if (state == UNDO_RESTORED)
        return state;
    text_add(why, "expected ");
    render_link(sides.was, why);
    text_add(why, " as before, found ");
    render_link(sides.is, why);
    return state;
}

void undo_link_change(const struct undo_item *item, const struct snapshot *after,
                      const struct snapshot *now, struct operation_link *ret_change)
{
    struct sides sides = sides_of(item, after, now);

    *ret_change = (struct operation_link){.mtu = 0};
    if (!has_changed(&sides) || sides.is == NULL)
        return;
    text_copy(ret_change->device, sizeof(ret_change->device), sides.is->name);
    if (judge_number(sides.was->mtu, sides.made->mtu, sides.is->mtu) == UNDO_NEEDED)
        ret_change->mtu = sides.was->mtu;
    ret_change->set_up = judge_number(sides.was->up, sides.made->up, sides.is->up) == UNDO_NEEDED;
    ret_change->up = sides.was->up;
}

bool undo_link_take_out(struct operation_link *part, const struct operation_link *other)
{
    if (other->mtu != 0)
        part->mtu = 0;
    if (other->set_up)
        part->set_up = false;
    return part->mtu != 0 || part->set_up;
}

static bool sets_otherwise(const struct undo_item *item, const struct link *was)
{
    return item->change.link.set_up && was->up != item->change.link.up;
}

void undo_link_leave_up(struct undo_item *newer, const struct undo_item *older)
{
    const struct link *was = undo_link_find(older, &older->before);

    for (size_t i = 0; was != NULL && i < newer->before.links_count; i++) {
        struct link *own = &newer->before.links[i];

        if (own->index == was->index && sets_otherwise(newer, own) && sets_otherwise(older, was))
            own->up = was->up;
    }
}

bool undo_link_lost_value(const struct undo_item *item, const struct snapshot *after,
                          const struct snapshot *now, size_t index)
{
    const struct sysctl *was = &item->before.sysctls[index];
    const struct sysctl *is = snapshot_find_sysctl(now, was->name);

    if (snapshot_find_sysctl(after, was->name) != NULL)
        return false;
    return is != NULL ? !text_equal(is->value, was->value) : !undo_sysctl_is_gone(was->name, now);
}

static enum undo_state judge_values(const struct undo_item *item, const struct snapshot *after,
                                    const struct snapshot *now, struct text *why)
{
    for (size_t i = 0; i < item->before.sysctls_count; i++) {
        const struct sysctl *was = &item->before.sysctls[i];

        if (!undo_link_lost_value(item, after, now, i))
            continue;
        undo_sysctl_say(item, was, now, why);
        return UNDO_NEEDED;
    }
    return UNDO_RESTORED;
}

enum undo_state undo_link_judge(const struct undo_item *item, const struct snapshot *after,
                                const struct snapshot *now, struct text *why)
{
    enum undo_state state;

    if (item->change.kind == OPERATION_ADDRESS)
        return judge_address(item, after, now, why);
    state = judge_link(item, after, now, why);
    return state == UNDO_RESTORED ? judge_values(item, after, now, why) : state;
}
