/*
 * apply_others: looks whether what went with an operation, and is for others to bring back, is
 * back.
 */
#include <poll.h>

#include "agent/guard/core/undo_others.h"
#include "agent/guard/io/apply.h"
#include "agent/io/netlink.h"
#include "common/io/clock.h"

enum { OTHERS_WAIT_MS = 1000, OTHERS_PACE_MS = 50 };

static bool remembers_others(const struct undo_item *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (items[i].others.routes_count > 0 || items[i].others.addresses_count > 0)
            return true;
    }
    return false;
}

void apply_keep_lost(struct undo_item *item)
{
    struct err err = ERR_INIT;
    struct snapshot now;

    if (!remembers_others(item, 1))
        return;
    if (!netlink_snapshot(&now, &err)) {
        snapshot_done(&item->others);
        return;
    }
    undo_others_keep_lost(item, &now);
    snapshot_done(&now);
}

static bool may_tell(const struct undo_item *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (undo_others_may_be_held_up(&items[i]))
            return true;
    }
    return remembers_others(items, count);
}

static bool are_others_back(const struct undo_item *items, uint32_t count, struct text *what)
{
    struct err err = ERR_INIT;
    struct snapshot now;

    text_init(what, what->data, what->size);
    if (!netlink_snapshot(&now, &err)) {
        text_add(what,
                 "it could not be looked at whether what is for others to bring back is "
                 "back: %s",
                 err.text);
        return false;
    }
    undo_others_tell(items, count, &now, what);
    snapshot_done(&now);
    return what->len == 0;
}

void apply_tell_others(const struct undo_item *items, uint32_t count, char *ret_what, size_t size)
{
    mono_t until = clock_now() + OTHERS_WAIT_MS;
    struct text what;

    text_init(&what, ret_what, size);
    if (!may_tell(items, count))
        return;
    while (!are_others_back(items, count, &what) && clock_now() < until)
        poll(NULL, 0, OTHERS_PACE_MS);
}
