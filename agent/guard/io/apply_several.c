/*
 * apply_several: takes one operation back of several that touch one object.
 */
#include "agent/guard/core/undo_plan.h"
#include "agent/guard/io/apply.h"
#include "agent/guard/io/apply_part.h"
#include "common/core/text.h"

/* False: it is taken back as a whole. */
static bool leave_object(const struct apply *apply, const struct undo_item *item,
                         const struct undo_item *oldest, struct undo_item *ret_part)
{
    const struct undo_item both[] = {*oldest, *item};
    struct err unread = ERR_INIT;
    char why[REASON_SIZE];
    struct snapshot now;
    bool left;

    if (!apply_part_read(apply, &oldest->change, apply_part_until(), &now, &unread))
        return false;
    left = undo_plan_is_before(oldest, &now);
    if (left)
        undo_plan_judge(both, 1, &now, ret_part, why);
    snapshot_done(&now);
    return left;
}

enum revert_outcome apply_undo_of(const struct apply *apply, const struct undo_item *item,
                                  const struct undo_item *oldest, char *ret_why, size_t size)
{
    enum revert_outcome outcome = REVERT_DONE;
    struct undo_item part;

    if (oldest == NULL || !leave_object(apply, item, oldest, &part))
        return apply_undo(apply, item, ret_why, size);
    text_copy(ret_why, size, "");
    if (item->change.kind == OPERATION_ADDRESS)
        outcome = apply_undo(apply, &part, ret_why, size);
    undo_item_done(&part);
    return outcome;
}
