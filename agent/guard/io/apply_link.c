/*
 * apply_link: puts and removes addresses, sets links, and takes both back.
 */
#include "agent/guard/io/apply_link.h"

#include <linux/rtnetlink.h>

#include "agent/guard/core/undo_link.h"
#include "agent/guard/core/undo_lost.h"
#include "agent/guard/core/undo_mtu.h"
#include "agent/guard/core/undo_prefix.h"
#include "agent/guard/core/undo_touch.h"
#include "agent/guard/io/apply_netlink.h"
#include "agent/guard/io/apply_part.h"
#include "agent/io/sysctl.h"
#include "common/net/consequence.h"

/* ---- doing ------------------------------------------------------------------------------------
 */

static struct link_address resolve(const struct operation_address *own, const struct snapshot *now)
{
    const struct link *link = snapshot_find_device(now, own->device);

    return (struct link_address){.link = link != NULL ? link->index : 0,
                                 .address = own->address,
                                 .prefix_len = own->prefix_len,
                                 .scope = RT_SCOPE_UNIVERSE,
                                 .protocol = OCEANID_PROTOCOL};
}

bool apply_link_do_address(struct nl_sock *socket, const struct operation *operation,
                           const struct snapshot *now, struct err *err)
{
    struct link_address wanted = resolve(&operation->address, now);

    if (operation_holds(operation, now))
        return true;
    if (!operation_check(operation, now, err))
        return false;
    if (!operation->address.absent)
        return apply_netlink_put_address(socket, &wanted, true, err);
    return apply_netlink_delete_address(socket, consequence_find_address(now, &wanted), err);
}

bool apply_link_do(struct nl_sock *socket, const struct operation *operation,
                   const struct snapshot *now, struct err *err)
{
    const struct operation_link *wanted = &operation->link;

    if (operation_holds(operation, now))
        return true;
    return operation_check(operation, now, err) &&
           apply_netlink_set_link(socket, snapshot_find_device(now, wanted->device), wanted->mtu,
                                  wanted->set_up ? &wanted->up : NULL, err);
}

bool apply_link_is_usable(const struct operation *operation, const struct snapshot *now)
{
    struct link_address wanted;
    const struct link_address *there;

    if (operation->kind != OPERATION_ADDRESS)
        return true;
    wanted = resolve(&operation->address, now);
    there = consequence_find_address(now, &wanted);
    return operation->address.absent || (there != NULL && !there->tentative);
}

bool apply_link_check_unchanged(const struct undo_item *item, const struct snapshot *now,
                                struct err *err)
{
    const struct snapshot nothing = {.links = NULL};
    const struct undo_loss loss = {&item->before, &nothing, now, NULL, false};
    char why[REASON_SIZE];
    struct text text = TEXT_IN(why);

    if (operation_holds(&item->change, now) ||
        (undo_lost_judge(&loss, &text) == UNDO_RESTORED &&
         undo_mtu_judge(&item->before, now, &text) == UNDO_RESTORED))
        return true;
    return err_set(err, ERR_CONFLICT, "changed since it was planned: %s", why);
}

/* ---- taking back ------------------------------------------------------------------------------
 */

/* What the change took, and then what taking it back took: others' secondaries, and whatever goes
 * with the last address. */
static bool restore_both(const struct apply_restore *restore, const struct undo_item *item,
                         const struct snapshot *after, const struct snapshot *taken,
                         struct err *err)
{
    return apply_restore(restore, &item->before, after, err) &&
           apply_restore_taken(restore, taken, &item->before, err);
}

static bool delete_made(const struct undo_item *item, const struct snapshot *after,
                        const struct snapshot *taken, const struct snapshot *now, struct err *err)
{
    const struct link_address *is = undo_link_find_address(item, now);
    char why[REASON_SIZE];
    struct text text = TEXT_IN(why);

    if (undo_link_find_address(item, &item->before) != NULL ||
        undo_link_judge(item, after, now, &text) != UNDO_NEEDED)
        return true;
    return apply_restore_delete_address(is, taken, err);
}

/* The kernel's own, that it leaves behind. */
static bool delete_left(const struct apply_restore *restore, const struct undo_item *item,
                        struct err *err)
{
    const struct route *left;
    struct snapshot now;
    bool good;

    if (!apply_part_read(restore->apply, restore->operation, restore->until, &now, err))
        return false;
    left = undo_prefix_find_left(item, &now);
    good = left == NULL || apply_netlink_delete_route(restore->socket, left, err);
    snapshot_done(&now);
    return good;
}

bool apply_link_undo_address(const struct apply_restore *restore, const struct undo_item *item,
                             const struct snapshot *now, struct err *err)
{
    struct snapshot after, taken;
    bool good;

    undo_take_made(item, &after);
    undo_touch_take(&item->change, now, &taken);
    if (undo_link_find_address(item, &item->before) == NULL)
        undo_touch_drop(&item->change, &taken);
    undo_lost_drop_remnants(&taken, &item->before);
    good = delete_made(item, &after, &taken, now, err) &&
           restore_both(restore, item, &after, &taken, err) && delete_left(restore, item, err);
    snapshot_done(&taken);
    snapshot_done(&after);
    return good;
}

static bool restore_values(const struct apply_restore *restore, const struct undo_item *item,
                           const struct snapshot *after, struct err *err)
{
    struct snapshot now;
    bool good = true;

    if (item->before.sysctls_count == 0)
        return true;
    if (!apply_part_read(restore->apply, restore->operation, restore->until, &now, err))
        return false;
    for (size_t i = 0; good && i < item->before.sysctls_count; i++) {
        if (undo_link_lost_value(item, after, &now, i))
            good = sysctl_write(&item->before.sysctls[i], err);
    }
    snapshot_done(&now);
    return good;
}

/* Where a setting cannot be put back the addresses and routes are, all the same. */
static bool restore_the_rest(const struct apply_restore *restore, const struct undo_item *item,
                             const struct snapshot *after, const struct snapshot *taken,
                             struct err *err)
{
    struct err refusal = ERR_INIT;
    bool values = restore_values(restore, item, after, &refusal);

    if (!restore_both(restore, item, after, taken, err))
        return false;
    if (!values)
        *err = refusal;
    return values;
}

bool apply_link_undo(const struct apply_restore *restore, const struct undo_item *item,
                     const struct snapshot *now, struct err *err)
{
    struct operation_link change;
    struct snapshot after, taken;
    bool good = true;

    undo_take_made(item, &after);
    undo_touch_take(&item->change, now, &taken);
    undo_link_change(item, &after, now, &change);
    if (change.mtu != 0 || change.set_up)
        good = apply_netlink_set_link(restore->socket, undo_link_find(item, now), change.mtu,
                                      change.set_up ? &change.up : NULL, err);
    if (change.mtu != 0)
        good = good && apply_restore_mtus(restore, &taken, err);
    good = good && restore_the_rest(restore, item, &after, &taken, err);
    snapshot_done(&taken);
    snapshot_done(&after);
    return good;
}
