/*
 * undo_removes: whether taking a change back takes away what the change added, which waits behind
 * a newer step that failed (docs/protocol.md rule 15).
 */
#include "agent/guard/core/undo.h"
#include "agent/guard/core/undo_link.h"
#include "agent/guard/core/undo_made.h"

/* One value is enough: writing a setting of all devices overwrites those of each. */
static bool takes_settings(const struct undo_item *item)
{
    struct snapshot after;
    bool takes = false;

    undo_take_made(item, &after);
    for (size_t i = 0; i < item->before.sysctls_count; i++) {
        const struct sysctl *was = &item->before.sysctls[i];
        const struct sysctl *made = snapshot_find_sysctl(&after, was->name);

        takes |= made != NULL && operation_sysctl_takes(was->name, made->value, was->value);
    }
    snapshot_done(&after);
    return takes;
}

/* Back to an mtu below 1280 the device loses all of its IPv6. */
static bool takes_link(const struct undo_item *item)
{
    const struct operation_link *change = &item->change.link;
    const struct link *was = undo_link_find(item, &item->before);
    bool ends_ipv6 = was != NULL && was->mtu < LINK_MTU_IPV6 && change->mtu >= LINK_MTU_IPV6;

    return ends_ipv6 || (change->set_up && change->up);
}

bool undo_removes(const struct undo_item *item)
{
    switch (item->change.kind) {
    case OPERATION_ROUTE:
        return !item->change.route.absent && !item->existed;
    case OPERATION_RULE:
        return !item->change.rule.absent && !item->existed;
    case OPERATION_NEXTHOP:
        return !item->change.nexthop.absent && !item->existed;
    case OPERATION_FILE:
        return !item->change.file.absent && (!item->existed || undo_made_adds(item));
    case OPERATION_ADDRESS:
        return !item->change.address.absent && !item->existed;
    case OPERATION_LINK:
        return takes_link(item);
    case OPERATION_SYSCTL:
        return takes_settings(item);
    case OPERATION_TAILSCALE:
    case OPERATION_KIND_COUNT:
        break;
    }
    return false;
}
