/*
 * apply_several: takes one operation back of several that touch one object.
 */
#include "agent/guard/core/undo_plan.h"
#include "agent/guard/io/apply.h"
#include "agent/guard/io/apply_part.h"

static bool shorten(const struct apply *apply, const struct undo_item *item,
                    const struct undo_item *older, struct undo_item *ret_part)
{
    struct err unread = ERR_INIT; /* all of it is taken back, then */
    struct snapshot now;
    bool shorter;

    if (!apply_part_read(apply, &older->change, apply_part_until(), &now, &unread))
        return false;
    shorter = undo_plan_shorten(item, older, &now, ret_part);
    snapshot_done(&now);
    return shorter;
}

enum revert_outcome apply_undo_of(const struct apply *apply, const struct undo_item *item,
                                  const struct undo_item *older, char *ret_why, size_t size)
{
    enum revert_outcome outcome;
    struct undo_item part;

    if (older == NULL || !shorten(apply, item, older, &part))
        return apply_undo(apply, item, ret_why, size);
    outcome = apply_undo(apply, &part, ret_why, size);
    undo_item_done(&part);
    return outcome;
}
