/*
 * undo_mtu: IPv6 routes whose own MTU followed their device's, there or back.
 */
#include "agent/guard/core/undo_mtu.h"

#include "agent/guard/core/undo_touch.h"
#include "common/net/consequence_route.h"
#include "common/net/render.h"

const struct route *undo_mtu_find(const struct snapshot *snapshot, const struct route *was)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        const struct route *there = &snapshot->routes[i];
        struct route like = *there; /* borrows */

        like.mtu = was->mtu;
        if (!there->clone && undo_touch_same_key(there, was) && undo_touch_same_route(&like, was))
            return there;
    }
    return NULL;
}

bool undo_mtu_differs(const struct snapshot *now, const struct route *was)
{
    const struct route *there = undo_mtu_find(now, was);

    return there != NULL && there->mtu != was->mtu;
}

/* What the change left of it. Read back as something that the kernel does not make of it, it was
 * somebody else's already. */
static bool find_made(const struct undo_loss *loss, const struct route *was,
                      const struct link *before, const struct link *behind, uint32_t *ret_mtu)
{
    const struct route *made = undo_mtu_find(loss->after, was);

    *ret_mtu = made != NULL ? made->mtu : consequence_route_mtu(was->mtu, before->mtu, behind->mtu);
    return *ret_mtu == was->mtu || *ret_mtu == behind->mtu;
}

static bool is_moved_with(const struct undo_loss *loss, const struct route *was, uint32_t mtu,
                          const struct link *before)
{
    const struct link *behind = snapshot_find_link(loss->after, before->index);
    const struct link *is = snapshot_find_link(loss->now, before->index);
    uint32_t made;

    if (behind == NULL || is == NULL || before->mtu == behind->mtu ||
        !consequence_route_follows(loss->had, was, before->index) ||
        !find_made(loss, was, before, behind, &made))
        return false;
    return mtu == made || mtu == consequence_route_mtu(made, behind->mtu, is->mtu);
}

bool undo_mtu_is_moved(const struct undo_loss *loss, const struct route *was)
{
    const struct route *there = was->mtu != 0 ? undo_mtu_find(loss->now, was) : NULL;

    if (there == NULL || there->mtu == was->mtu)
        return false;
    for (size_t i = 0; i < loss->had->links_count; i++) {
        if (is_moved_with(loss, was, there->mtu, &loss->had->links[i]))
            return true;
    }
    return false;
}

void undo_mtu_say(const struct snapshot *now, const struct route *was, struct text *why)
{
    const struct route *there = undo_mtu_find(now, was);

    if (there->mtu == 0)
        text_add(why, "found it without an mtu");
    else
        text_add(why, "found it with mtu %u", there->mtu);
}

enum undo_state undo_mtu_judge(const struct snapshot *had, const struct snapshot *now,
                               struct text *why)
{
    for (size_t i = 0; i < had->routes_count; i++) {
        const struct route *was = &had->routes[i];

        if (!undo_mtu_differs(now, was))
            continue;
        text_add(why, "expected '");
        render_route(was, had, why);
        text_add(why, "' of protocol %u, ", was->protocol);
        undo_mtu_say(now, was, why);
        return UNDO_NEEDED;
    }
    return UNDO_RESTORED;
}
