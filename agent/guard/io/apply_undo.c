/*
 * apply_undo: takes one operation back in kernel and tailscaled.
 */
#include <linux/rtnetlink.h>

#include "agent/guard/core/undo_beside.h"
#include "agent/guard/core/undo_prefs.h"
#include "agent/guard/core/undo_profile.h"
#include "agent/guard/core/undo_sysctl.h"
#include "agent/guard/core/undo_table.h"
#include "agent/guard/core/undo_touch.h"
#include "agent/guard/io/apply_file.h"
#include "agent/guard/io/apply_link.h"
#include "agent/guard/io/apply_made.h"
#include "agent/guard/io/apply_netlink.h"
#include "agent/guard/io/apply_nexthop.h"
#include "agent/guard/io/apply_part.h"
#include "agent/guard/io/apply_restore.h"
#include "agent/guard/io/apply_rule.h"
#include "agent/io/sysctl.h"
#include "common/io/clock.h"
#include "common/io/localapi.h"
#include "common/net/render.h"

/* ---- one kind each: false, with the reason, if something is left to do ------------------------
 */

/* Whether the kernel means this one when it is to replace a route of that key: of IPv4 the first.
 */
static bool is_meant(const struct route *is, const struct snapshot *now)
{
    bool only_first = is->destination.address.family == FAMILY_IPV4;

    for (size_t i = 0; i < now->routes_count; i++) {
        const struct route *there = &now->routes[i];

        if (there == is && only_first)
            return true;
        if (there != is && !there->clone && undo_touch_same_key(there, is))
            return false;
    }
    return true;
}

/* Where somebody's would be replaced it comes behind them, and then ours goes: who dies in between
 * leaves ours, which is found again. */
static bool replace_route(struct nl_sock *socket, const struct route *was, const struct route *is,
                          const struct snapshot *now, struct err *err)
{
    if (is_meant(is, now))
        return apply_netlink_put_route(socket, was, APPLY_REPLACE, err);
    if (!apply_netlink_put_route(socket, was, APPLY_APPEND, err) && err->kind != ERR_CONFLICT)
        return false;
    *err = (struct err)ERR_INIT;
    return apply_netlink_delete_route(socket, is, err);
}

static bool undo_route(struct nl_sock *socket, const struct undo_item *item,
                       const struct snapshot *now, struct err *err)
{
    const struct route *was = undo_find_route(item, &item->before);
    const struct route *is = undo_find_instead(item, now);

    if (was == NULL)
        return apply_netlink_delete_route(socket, is, err);
    if (is != NULL)
        return replace_route(socket, was, is, now, err);
    if (undo_find_route(item, now) == NULL)
        return apply_netlink_put_route(socket, was, APPLY_EXCLUSIVE, err);
    return apply_netlink_put_route(
        socket, was, undo_beside_is_first(&item->before, was) ? APPLY_PREPEND : APPLY_APPEND, err);
}

static bool undo_rule(struct nl_sock *socket, const struct undo_item *item,
                      const struct snapshot *now, struct err *err)
{
    if (undo_find_rule(item, &item->before) == NULL)
        return apply_rule_delete(socket, undo_find_rule(item, now), now, err);
    return apply_rule_restore(socket, item, now, err);
}

struct values {
    const struct undo_item *item;
    const struct snapshot *after, *began; /* began: before anything of the undo was written */
};

/* The one that the operation wrote goes first: writing it overwrites others. now: as it is. One
 * that is not seen, and is not gone, is tried: the kernel says why not. */
static bool write_values(const struct values *values, const struct snapshot *now, bool main_one,
                         struct err *err)
{
    const struct undo_item *item = values->item;

    for (size_t i = 0; i < item->before.sysctls_count; i++) {
        struct sysctl setting = item->before.sysctls[i];
        const struct sysctl *is = snapshot_find_sysctl(now, setting.name);
        const char *value = undo_sysctl_value(item, values->after, values->began, i);

        if (text_equal(setting.name, item->change.sysctl.setting.name) != main_one ||
            value == NULL || (is != NULL && text_equal(is->value, value)))
            continue;
        text_copy(setting.value, sizeof(setting.value), value);
        if (!sysctl_write(&setting, err))
            return false;
    }
    return true;
}

static bool write_others(const struct apply_restore *restore, const struct values *values,
                         struct err *err)
{
    struct snapshot then;
    bool good;

    if (!apply_part_read(restore->apply, restore->operation, apply_part_until(), &then, err))
        return false;
    good = write_values(values, &then, false, err);
    snapshot_done(&then);
    return good;
}

static bool undo_sysctl(const struct apply_restore *restore, const struct undo_item *item,
                        const struct snapshot *now, struct err *err)
{
    struct snapshot after;
    const struct values values = {item, &after, now};
    bool good;

    undo_take_made(item, &after);
    good = write_values(&values, now, true, err) && write_others(restore, &values, err) &&
           apply_restore(restore, &item->before, &after, err);
    snapshot_done(&after);
    return good;
}

static bool restore_object(struct nl_sock *socket, const struct nexthop *was,
                           const struct snapshot *now, struct err *err)
{
    const struct nexthop *is = snapshot_find_nexthop(now, was->id);

    return (is != NULL && render_same_nexthop(is, was)) ||
           apply_nexthop_put(socket, was, is != NULL ? APPLY_REPLACE : APPLY_EXCLUSIVE, err);
}

/* The object, then groups that lost it, then the routes that went with it. */
static bool restore_objects(struct nl_sock *socket, const struct undo_item *item,
                            const struct snapshot *now, struct err *err)
{
    const struct snapshot *before = &item->before;
    uint32_t id = item->change.nexthop.nexthop.id;

    if (!restore_object(socket, snapshot_find_nexthop(before, id), now, err))
        return false;
    for (size_t i = 0; i < before->nexthops_count; i++) {
        if (before->nexthops[i].id != id && !restore_object(socket, &before->nexthops[i], now, err))
            return false;
    }
    return true;
}

static bool undo_nexthop(const struct apply_restore *restore, const struct undo_item *item,
                         const struct snapshot *now, struct err *err)
{
    struct snapshot after;
    bool good;

    if (!item->existed)
        return apply_nexthop_delete(restore->socket, item->change.nexthop.nexthop.id, err);
    if (!restore_objects(restore->socket, item, now, err))
        return false;
    undo_take_made(item, &after);
    good = apply_restore(restore, &item->before, &after, err);
    snapshot_done(&after);
    return good;
}

/* now's prefs become what tailscaled answers. */
static bool undo_tailscale(const struct apply *apply, const struct undo_item *item,
                           struct snapshot *now, struct err *err)
{
    struct operation_tailscale change;

    if (now->tailscale.presence != TAILSCALE_ANSWERS)
        return err_set(err, ERR_TIMEOUT, "%s", now->tailscale.why);
    return undo_tailscale_change(item, now, &change, err) &&
           localapi_patch(apply->tailscale_socket, APPLY_LOCALAPI_MS, &change, &now->tailscale,
                          err) &&
           (!undo_table_is_concerned(&change) ||
            apply_part_wait_table(apply, &item->change, &now->tailscale, apply_part_until(), err));
}

struct step {
    const struct apply *apply;
    const struct undo_item *item;
    struct nl_sock *socket;
    mono_t until;
};

static bool undo_one(const struct step *step, const struct snapshot *now, struct err *err)
{
    const struct apply_restore restore = {step->apply, step->socket, &step->item->change,
                                          step->until};

    switch (step->item->change.kind) {
    case OPERATION_ROUTE:
        return undo_route(step->socket, step->item, now, err);
    case OPERATION_RULE:
        return undo_rule(step->socket, step->item, now, err);
    case OPERATION_SYSCTL:
        return undo_sysctl(&restore, step->item, now, err);
    case OPERATION_ADDRESS:
        return apply_link_undo_address(&restore, step->item, now, err);
    case OPERATION_LINK:
        return apply_link_undo(&restore, step->item, now, err);
    case OPERATION_NEXTHOP:
        return undo_nexthop(&restore, step->item, now, err);
    case OPERATION_TAILSCALE: /* see undo_prefs */
    case OPERATION_FILE:      /* see undo_file */
    case OPERATION_KIND_COUNT:
        break;
    }
    return true;
}

/* By the devices' numbers of now. */
static bool undo_translated(const struct step *step, const struct snapshot *now, struct err *err)
{
    struct undo_item item;
    struct step own = *step;
    bool good;

    undo_translate(step->item, now, &item);
    own.item = &item;
    good = undo_one(&own, now, err);
    undo_item_done(&item);
    return good;
}

/* ---- all --------------------------------------------------------------------------------------
 */

static enum revert_outcome retry(const struct err *err, char *ret_why, size_t size)
{
    text_copy(ret_why, size, err->text);
    return REVERT_RETRY;
}

/* The usual case needs no reading: what we have put and read back is deleted as exactly that. */
static bool delete_as_made(struct nl_sock *socket, const struct undo_item *item)
{
    const struct route *made = undo_find_made(item);
    struct err err = ERR_INIT;

    return made != NULL && apply_netlink_delete_route(socket, made, &err);
}

uint32_t apply_undo_as_made(const struct snapshot *made)
{
    mono_t until = apply_part_until();
    struct err err = ERR_INIT;
    struct nl_sock *socket = apply_netlink_open(&err);
    uint32_t done = 0;

    while (socket != NULL && done < made->routes_count && clock_now() < until &&
           apply_netlink_delete_route(socket, &made->routes[done], &err))
        done++;
    apply_netlink_close(socket);
    return done;
}

/* What stands in another profile comes back with that. Somebody else's exit node diverts what ours
 * did, and the change's shields would go behind it (docs/protocol.md rule 15): they stay until it
 * is none. */
static enum revert_outcome outcome_of(const struct undo_item *item, enum undo_state state,
                                      const struct snapshot *now, char *ret_why, size_t size)
{
    struct text why;

    if (state == UNDO_RESTORED)
        return REVERT_DONE;
    if (state == UNDO_NEEDED)
        return REVERT_RETRY;
    if (undo_profile_is_away(item, now))
        return REVERT_RETRY; /* what it says is in ret_why */
    if (!undo_prefs_diverts(item, now))
        return REVERT_LEFT;
    text_init(&why, ret_why, size);
    text_add(
        &why,
        "expected no exit node, found %s, which somebody else has set: it is left, and so are the "
        "shields, until there is none (tailscale set --exit-node=)",
        now->tailscale.exit_node_id[0] != '\0' ? now->tailscale.exit_node_id : "one");
    return REVERT_RETRY;
}

static enum revert_outcome judge_now(const struct step *step, const struct snapshot *now,
                                     char *ret_why, size_t size)
{
    return outcome_of(step->item, undo_judge(step->item, now, ret_why, size), now, ret_why, size);
}

static enum revert_outcome judge(const struct step *step, char *ret_why, size_t size)
{
    struct err err = ERR_INIT;
    struct snapshot now;
    enum revert_outcome outcome;

    if (!apply_part_read(step->apply, &step->item->change, apply_part_until(), &now, &err))
        return retry(&err, ret_why, size);
    outcome = judge_now(step, &now, ret_why, size);
    snapshot_done(&now);
    return outcome;
}

static enum revert_outcome read_and_undo(const struct step *step, char *ret_why, size_t size)
{
    struct err err = ERR_INIT;
    enum revert_outcome outcome;
    struct snapshot now;
    enum undo_state state;
    bool good;

    if (!apply_part_read(step->apply, &step->item->change, step->until, &now, &err))
        return retry(&err, ret_why, size);
    state = undo_judge(step->item, &now, ret_why, size);
    good = state == UNDO_NEEDED && undo_translated(step, &now, &err);
    outcome = outcome_of(step->item, state, &now, ret_why, size);
    snapshot_done(&now);
    if (state != UNDO_NEEDED)
        return outcome;
    return good ? judge(step, ret_why, size) : retry(&err, ret_why, size);
}

/* What tailscaled answers when its prefs are set is what they are: it is not asked once more, for
 * what of the change is older waits behind each answer. All is looked at again to verify. */
static enum revert_outcome judge_told(const struct step *step, const struct tailscale *told,
                                      char *ret_why, size_t size)
{
    struct err err = ERR_INIT;
    struct snapshot now;
    enum revert_outcome outcome;

    if (!apply_part_read_told(step->apply, &step->item->change, told, &now, &err))
        return retry(&err, ret_why, size);
    outcome = judge_now(step, &now, ret_why, size);
    snapshot_done(&now);
    return outcome;
}

static enum revert_outcome undo_prefs(const struct step *step, char *ret_why, size_t size)
{
    struct err err = ERR_INIT;
    enum revert_outcome outcome;
    enum undo_state state;
    struct snapshot now;

    if (!apply_part_read_item(step->apply, step->item, step->until, &now, &err))
        return retry(&err, ret_why, size);
    state = undo_judge(step->item, &now, ret_why, size);
    if (state != UNDO_NEEDED)
        outcome = outcome_of(step->item, state, &now, ret_why, size);
    else if (undo_tailscale(step->apply, step->item, &now, &err))
        outcome = judge_told(step, &now.tailscale, ret_why, size);
    else
        outcome = retry(&err, ret_why, size);
    snapshot_done(&now);
    return outcome;
}

/* Restored is not yet read, and whoever restored it may have died before that. What networkd does
 * not take away by itself is taken away whether or not it could be told; what it makes by itself it
 * is given the time for, once it has read. */
static enum revert_outcome finish_file(const struct step *step, char *ret_why, size_t size)
{
    const struct apply_restore restore = {step->apply, step->socket, &step->item->change,
                                          step->until};
    struct err err = ERR_INIT, other = ERR_INIT;
    bool read = apply_file_reload(step->apply, &step->item->change, &err);
    enum revert_outcome outcome = judge(step, ret_why, size);

    bool good = outcome != REVERT_RETRY || apply_made_take_away(&restore, step->item, &other);

    if (!read)
        return retry(&err, ret_why, size);
    if (outcome != REVERT_RETRY)
        return outcome;
    good = good && apply_made_put_back(&restore, step->item, &other);
    return good ? judge(step, ret_why, size) : retry(&other, ret_why, size);
}

static enum revert_outcome undo_file(const struct step *step, char *ret_why, size_t size)
{
    struct err err = ERR_INIT;
    struct snapshot now;
    bool good;

    if (!apply_part_read(step->apply, &step->item->change, step->until, &now, &err))
        return retry(&err, ret_why, size);
    good = apply_file_restore(step->apply, step->item, &now, &err);
    snapshot_done(&now);
    return good ? finish_file(step, ret_why, size) : retry(&err, ret_why, size);
}

enum revert_outcome apply_undo(const struct apply *apply, const struct undo_item *item,
                               char *ret_why, size_t size)
{
    struct err err = ERR_INIT;
    struct step step = {apply, item, apply_netlink_open(&err), apply_part_until()};
    enum revert_outcome outcome;

    text_copy(ret_why, size, "");
    if (step.socket == NULL)
        return retry(&err, ret_why, size);
    if (item->change.kind == OPERATION_FILE)
        outcome = undo_file(&step, ret_why, size);
    else if (item->change.kind == OPERATION_TAILSCALE)
        outcome = undo_prefs(&step, ret_why, size);
    else if (delete_as_made(step.socket, item))
        outcome = REVERT_DONE;
    else
        outcome = read_and_undo(&step, ret_why, size);
    apply_netlink_close(step.socket);
    return outcome;
}
