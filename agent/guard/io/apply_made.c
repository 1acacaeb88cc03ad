/*
 * apply_made: what networkd made of a file: waits for it, and takes away what it leaves behind.
 */
#include "agent/guard/io/apply_made.h"

#include <poll.h>

#include "agent/guard/core/undo_made.h"
#include "agent/guard/io/apply_link.h"
#include "agent/guard/io/apply_netlink.h"
#include "agent/guard/io/apply_part.h"
#include "agent/guard/io/apply_rule.h"
#include "agent/io/netlink.h"
#include "common/io/clock.h"

/* More than a content has room to ask for. */
enum { PASSES_MAX = FILE_CONTENT_SIZE / 8 };

/* ---- waiting ----------------------------------------------------------------------------------
 */

typedef bool (*is_so_fn)(const struct undo_item *item, const struct snapshot *now);

static bool is_as_before(const struct undo_item *item, const struct snapshot *now)
{
    char why[REASON_SIZE];

    return undo_judge_lost(item, now, why, sizeof(why)) == UNDO_RESTORED;
}

static bool look(const struct apply *apply, const struct undo_item *item, is_so_fn is_so)
{
    struct err err = ERR_INIT;
    struct snapshot now;
    bool good;

    if (!apply_part_read(apply, &item->change, apply_part_until(), &now, &err))
        return false;
    good = is_so(item, &now);
    snapshot_done(&now);
    return good;
}

static void wait_until(const struct apply *apply, const struct undo_item *item, is_so_fn is_so)
{
    mono_t until = clock_now() + APPLY_MADE_MS;
    struct err err = ERR_INIT;
    struct netlink_watch *watch = netlink_watch_open(-1, &err);
    bool done = watch == NULL || look(apply, item, is_so);

    while (!done) {
        struct pollfd poll_fd = {.fd = netlink_watch_fd(watch), .events = POLLIN};
        mono_t left = until - clock_now();

        if (left <= 0 || poll(&poll_fd, 1, (int)left) <= 0)
            break;
        done = netlink_watch_take(watch) != 0 && look(apply, item, is_so);
    }
    netlink_watch_close(watch);
}

void apply_made_wait(const struct apply *apply, const struct undo_item *item)
{
    wait_until(apply, item, undo_made_is_complete);
}

/* ---- taking away ------------------------------------------------------------------------------
 */

/* What networkd has taken away meanwhile is as it should be. */
static bool is_gone(bool done, struct err *err)
{
    if (done || err->kind != ERR_MISSING)
        return done;
    *err = (struct err)ERR_INIT;
    return true;
}

static bool take_rule(const struct apply_restore *restore, const struct undo_made *made,
                      bool *ret_some, struct err *err)
{
    for (size_t i = 0; i < made->now->rules_count; i++) {
        if (!undo_made_left_rule(made, i))
            continue;
        *ret_some = true;
        return is_gone(apply_rule_delete(restore->socket, &made->now->rules[i], made->now, err),
                       err);
    }
    return true;
}

static bool take_routes(const struct apply_restore *restore, const struct undo_made *made,
                        bool *ret_some, struct err *err)
{
    (void)ret_some;
    for (size_t i = 0; i < made->now->routes_count; i++) {
        struct route left;

        if (undo_made_left_route(made, i, &left) &&
            !is_gone(apply_netlink_delete_route(restore->socket, &left, err), err))
            return false;
    }
    return true;
}

/* As an `address` operation's is: what others have besides it stays. */
static bool take_one_address(const struct apply_restore *restore, const struct snapshot *now,
                             const struct link_address *own, struct err *err)
{
    const struct link *link = snapshot_find_link(now, own->link);
    struct undo_item item = {.change = {.kind = OPERATION_ADDRESS}, .has_after = true};
    struct apply_restore restore_own = *restore;
    bool good;

    if (link == NULL)
        return true;
    text_copy(item.change.address.device, DEVICE_SIZE, link->name);
    item.change.address.address = own->address;
    item.change.address.prefix_len = own->prefix_len;
    restore_own.operation = &item.change;
    snapshot_init(&item.before);
    *snapshot_add_link(&item.before) = *link;
    snapshot_copy(&item.after, &item.before);
    *snapshot_add_address(&item.after) = *own;
    good = is_gone(apply_link_undo_address(&restore_own, &item, now, err), err);
    undo_item_done(&item);
    return good;
}

static bool take_address(const struct apply_restore *restore, const struct undo_made *made,
                         bool *ret_some, struct err *err)
{
    for (size_t i = 0; i < made->now->addresses_count; i++) {
        if (!undo_made_left_address(made, i))
            continue;
        *ret_some = true;
        return take_one_address(restore, made->now, &made->now->addresses[i], err);
    }
    return true;
}

/* Some, of what is left over at this moment; *ret_some: there may be more. */
typedef bool (*take_fn)(const struct apply_restore *restore, const struct undo_made *made,
                        bool *ret_some, struct err *err);

static bool take_some(const struct apply_restore *restore, const struct undo_item *item,
                      take_fn take, bool *ret_some, struct err *err)
{
    struct undo_item own;
    struct undo_made made;
    struct snapshot now;
    bool good;

    *ret_some = false;
    if (!apply_part_read(restore->apply, &item->change, restore->until, &now, err))
        return false;
    undo_translate(item, &now, &own);
    undo_made_init(&made, &own, &now);
    good = take(restore, &made, ret_some, err);
    undo_made_done(&made);
    undo_item_done(&own);
    snapshot_done(&now);
    return good;
}

static bool take_all(const struct apply_restore *restore, const struct undo_item *item,
                     take_fn take, struct err *err)
{
    bool some = true;

    for (int i = 0; some && i < PASSES_MAX; i++) {
        if (!take_some(restore, item, take, &some, err))
            return false;
    }
    return true;
}

bool apply_made_take_away(const struct apply_restore *restore, const struct undo_item *item,
                          struct err *err)
{
    return take_all(restore, item, take_rule, err) && take_all(restore, item, take_routes, err) &&
           take_all(restore, item, take_address, err);
}

/* ---- putting back -----------------------------------------------------------------------------
 */

static bool put_lost(const struct apply_restore *restore, const struct snapshot *lost,
                     const struct snapshot *now, struct err *err)
{
    const struct snapshot nothing = {.links = NULL};

    if (!apply_restore(restore, lost, &nothing, err))
        return false;
    for (size_t i = 0; i < lost->rules_count; i++) {
        if (!apply_rule_put(restore->socket, &lost->rules[i], now, err))
            return false;
    }
    return true;
}

static bool put_some(const struct apply_restore *restore, const struct undo_made *made,
                     bool *ret_some, struct err *err)
{
    struct snapshot lost;
    bool good;

    (void)ret_some;
    undo_made_take_lost(made, &lost);
    good = put_lost(restore, &lost, made->now, err);
    snapshot_done(&lost);
    return good;
}

bool apply_made_put_back(const struct apply_restore *restore, const struct undo_item *item,
                         struct err *err)
{
    bool some;

    wait_until(restore->apply, item, is_as_before);
    return take_some(restore, item, put_some, &some, err);
}
