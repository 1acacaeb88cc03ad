/*
 * apply_part: reading only what one operation concerns.
 */
#include "agent/guard/io/apply_part.h"

#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>

#include "agent/guard/core/undo_prefs.h"
#include "agent/guard/core/undo_profile.h"
#include "agent/guard/core/undo_sysctl.h"
#include "agent/guard/core/undo_table.h"
#include "agent/guard/io/apply_file.h"
#include "agent/io/netlink.h"
#include "agent/io/sysctl.h"
#include "common/core/mem.h"
#include "common/io/clock.h"
#include "common/io/localapi.h"
#include "common/net/render.h"

static bool has_socket(const struct apply *apply)
{
    return apply->tailscale_socket != NULL && apply->tailscale_socket[0] != '\0';
}

mono_t apply_part_until(void)
{
    return clock_now() + APPLY_LOCALAPI_MS;
}

/* At least 1 ms. */
static int left_of(mono_t until)
{
    mono_t left = until - clock_now();

    return left > 0 ? (int)left : 1;
}

static void read_tailscale(const struct apply *apply, mono_t until, struct snapshot *snapshot)
{
    if (has_socket(apply))
        localapi_read(apply->tailscale_socket, left_of(until), &snapshot->tailscale);
    else
        text_copy(snapshot->tailscale.why, sizeof(snapshot->tailscale.why),
                  "no tailscaled is configured");
}

bool apply_read(const struct apply *apply, struct snapshot *ret_snapshot, struct err *err)
{
    if (!netlink_snapshot(ret_snapshot, err))
        return false;
    sysctl_read(ret_snapshot);
    read_tailscale(apply, apply_part_until(), ret_snapshot);
    return true;
}

/* Routers' default ones go when IPv6 is forwarded. */
static bool takes_routes(const char *setting)
{
    return strstr(setting, "disable_ipv6") != NULL ||
           (text_starts(setting, "net.ipv6.") && strstr(setting, ".forwarding") != NULL);
}

static struct netlink_filter filter_of(const struct operation *operation)
{
    struct netlink_filter filter = {.parts = NETLINK_LINKS | NETLINK_ADDRESSES | NETLINK_ROUTES};

    switch (operation->kind) {
    case OPERATION_ROUTE:
        filter.family = operation->route.route.destination.address.family;
        filter.table = operation->route.route.table;
        filter.parts |= NETLINK_NEXTHOPS; /* what it removes or moves may be by an object */
        break;
    case OPERATION_NEXTHOP:
        filter.parts |= NETLINK_NEXTHOPS;
        break;
    case OPERATION_RULE:
        filter.parts = NETLINK_RULES;
        break;
    case OPERATION_SYSCTL:
        filter.family = FAMILY_IPV6;
        if (!takes_routes(operation->sysctl.setting.name))
            filter.parts = NETLINK_LINKS;
        break;
    case OPERATION_TAILSCALE:
        filter.table = TAILSCALE_TABLE;
        break;
    case OPERATION_ADDRESS:
        filter.family = operation->address.address.family;
        filter.parts |= NETLINK_NEXTHOPS; /* by which what is from it may lead */
        break;
    case OPERATION_LINK:
        filter.parts |= NETLINK_NEXTHOPS;
        break;
    case OPERATION_FILE:
        filter.parts |= NETLINK_RULES;
        break;
    case OPERATION_KIND_COUNT:
        break;
    }
    return filter;
}

bool apply_part_add(const struct operation *operation, struct snapshot *snapshot, struct err *err)
{
    bool lower = operation->kind == OPERATION_LINK && operation->link.mtu != 0 &&
                 operation->link.mtu < LINK_MTU_IPV6;

    if (operation->kind != OPERATION_SYSCTL && operation->kind != OPERATION_LINK)
        return true;
    return (!lower || sysctl_read_ipv6(operation->link.device, snapshot, err)) &&
           sysctl_read_wanted(undo_sysctl_is_wanted, operation, snapshot, err);
}

/* To take something back nothing waits for what cannot be read: that is missing then, which is not
 * gone (undo_sysctl_is_gone), so it is tried, and what else the step has to put back is put back.
 */
static void add_readable(const struct operation *operation, struct snapshot *snapshot)
{
    struct err unread = ERR_INIT;

    if (operation->kind == OPERATION_TAILSCALE)
        sysctl_read_wanted(undo_sysctl_is_wanted, operation, snapshot, &unread);
    else
        apply_part_add(operation, snapshot, &unread);
}

bool apply_part_add_own(const struct operation *operation, struct snapshot *snapshot,
                        struct err *err)
{
    const char *name = operation->sysctl.setting.name;

    if (operation->kind != OPERATION_SYSCTL)
        return true;
    if (!sysctl_read_also(name, snapshot, err))
        return false;
    return snapshot_find_sysctl(snapshot, name) != NULL || undo_sysctl_is_gone(name, snapshot) ||
           err_set(err, ERR_MISSING, "the kernel does not show it");
}

static bool read_host(const struct apply *apply, const struct operation *operation,
                      struct snapshot *ret_snapshot, struct err *err)
{
    struct netlink_filter filter = filter_of(operation);

    if (!netlink_read(&filter, ret_snapshot, err))
        return false;
    if (!apply_file_read(apply, operation, ret_snapshot, err)) {
        snapshot_done(ret_snapshot);
        return false;
    }
    add_readable(operation, ret_snapshot);
    return true;
}

bool apply_part_read(const struct apply *apply, const struct operation *operation, mono_t until,
                     struct snapshot *ret_snapshot, struct err *err)
{
    if (!read_host(apply, operation, ret_snapshot, err))
        return false;
    if (operation->kind == OPERATION_TAILSCALE)
        read_tailscale(apply, until, ret_snapshot);
    return true;
}

bool apply_part_read_told(const struct apply *apply, const struct operation *operation,
                          const struct tailscale *told, struct snapshot *ret_snapshot,
                          struct err *err)
{
    if (!read_host(apply, operation, ret_snapshot, err))
        return false;
    ret_snapshot->tailscale = *told;
    ret_snapshot->tailscale.peers = mem_copy(told->peers, told->peers_count * sizeof(*told->peers));
    return true;
}

/* ---- of whose undo it is ----------------------------------------------------------------------
 */

void apply_part_find_profile(const struct apply *apply, const struct tailscale_profile *home,
                             struct snapshot *now)
{
    struct err ignored = ERR_INIT; /* nobody is told that it is gone, then: it is asked again */

    if (now->tailscale.presence == TAILSCALE_ANSWERS && now->tailscale.home == HOME_UNASKED &&
        !undo_profile_is_current(home, &now->tailscale))
        (void)localapi_find_profile(apply->tailscale_socket, APPLY_LOCALAPI_MS, home,
                                    &now->tailscale, &ignored);
}

static void find_profile_of(const struct apply *apply, const struct undo_item *item,
                            struct snapshot *now)
{
    if (item->change.kind == OPERATION_TAILSCALE)
        apply_part_find_profile(apply, &item->before.tailscale.profile, now);
}

bool apply_part_read_item(const struct apply *apply, const struct undo_item *item, mono_t until,
                          struct snapshot *ret_snapshot, struct err *err)
{
    if (!apply_part_read(apply, &item->change, until, ret_snapshot, err))
        return false;
    find_profile_of(apply, item, ret_snapshot);
    return true;
}

bool apply_part_read_items(const struct apply *apply, const struct undo_item *items, uint32_t count,
                           struct snapshot *ret_now, struct err *err)
{
    if (!apply_read(apply, ret_now, err))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        add_readable(&items[i].change, ret_now);
        find_profile_of(apply, &items[i], ret_now);
    }
    if (apply_file_read_items(apply, items, count, ret_now, err))
        return true;
    snapshot_done(ret_now);
    return false;
}

bool apply_part_check_profile(const struct operation *operation,
                              const struct tailscale_profile *home, const struct snapshot *now,
                              struct err *err)
{
    char line[REASON_SIZE] = "";
    struct text text = TEXT_IN(line);

    if (operation->kind != OPERATION_TAILSCALE || now->tailscale.presence != TAILSCALE_ANSWERS ||
        undo_profile_is_current(home, &now->tailscale))
        return true;
    undo_profile_say(home, &now->tailscale, &text);
    return err_set(err, ERR_CONFLICT, "%s", line);
}

bool apply_part_read_own(const struct operation_route *operation, struct snapshot *ret_snapshot,
                         struct err *err)
{
    struct netlink_filter filter = {.parts = NETLINK_LINKS | NETLINK_ROUTES,
                                    .family = operation->route.destination.address.family,
                                    .table = operation->route.table,
                                    .protocol = OCEANID_PROTOCOL};

    return netlink_read(&filter, ret_snapshot, err);
}

/* ---- table 52 ---------------------------------------------------------------------------------
 */

static bool family_fits(const struct snapshot *now, const struct snapshot *tailnet, uint8_t family,
                        struct err *err)
{
    bool expected = undo_prefs_exit_route(tailnet, family) != NULL;
    bool found = undo_prefs_exit_route(now, family) != NULL;

    if (expected == found)
        return true;
    return err_set(err, ERR_TIMEOUT, "table 52: expected %s IPv%u default route, found %s",
                   expected ? "an" : "no", family == FAMILY_IPV4 ? 4 : 6, found ? "one" : "none");
}

static bool refuse_route(const struct route *route, const char *why, const struct snapshot *now,
                         struct err *err)
{
    char line[SENTENCE_SIZE] = "";
    struct text text = TEXT_IN(line);

    render_route(route, now, &text);
    return err_set(err, ERR_TIMEOUT, "table 52: expected %s, found '%s'", why, line);
}

bool apply_part_table_fits(const struct operation *operation, const struct snapshot *now,
                           struct err *err)
{
    const struct route *left = undo_table_find_left(&operation->tailscale, now);
    struct snapshot tailnet;
    bool fits;

    if (left != NULL)
        return refuse_route(left, "nothing that the prefs do not ask for", now, err);
    undo_table_predict(now, &tailnet);
    fits = family_fits(now, &tailnet, FAMILY_IPV4, err) &&
           family_fits(now, &tailnet, FAMILY_IPV6, err);
    snapshot_done(&tailnet);
    return fits;
}

static bool look(const struct apply *apply, const struct operation *operation,
                 const struct tailscale *told, struct err *err)
{
    const struct route *thrown;
    struct snapshot now;
    bool fits;

    if (!apply_part_read_told(apply, operation, told, &now, err))
        return false;
    thrown = undo_table_find_thrown(&operation->tailscale, &now);
    fits =
        apply_part_table_fits(operation, &now, err) &&
        (thrown == NULL || refuse_route(thrown, "nothing thrown without an exit node", &now, err));
    snapshot_done(&now);
    return fits;
}

bool apply_part_wait_table(const struct apply *apply, const struct operation *operation,
                           const struct tailscale *told, mono_t until, struct err *err)
{
    struct netlink_watch *watch = netlink_watch_open(-1, err);
    bool fits = watch != NULL && look(apply, operation, told, err);

    while (watch != NULL && !fits) {
        struct pollfd poll_fd = {.fd = netlink_watch_fd(watch), .events = POLLIN};
        mono_t left = until - clock_now();

        if (left <= 0 || poll(&poll_fd, 1, (int)left) <= 0)
            break;
        if ((netlink_watch_take(watch) & NETLINK_ROUTES) != 0)
            fits = look(apply, operation, told, err);
    }
    netlink_watch_close(watch);
    return fits;
}
