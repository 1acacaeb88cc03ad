/*
 * apply_drift: which of the owned items that carry no mark of Oceanid's are gone or altered,
 * or could not be read.
 */
#include "agent/guard/io/apply_drift.h"

#include <stdlib.h>

#include "agent/guard/io/apply_file.h"
#include "agent/guard/io/apply_part.h"
#include "agent/io/netlink.h"
#include "common/core/text.h"
#include "common/io/localapi.h"

bool apply_drift_concerns(const struct operation *operation)
{
    switch (operation->kind) {
    case OPERATION_LINK:
    case OPERATION_SYSCTL:
    case OPERATION_TAILSCALE:
    case OPERATION_FILE:
    case OPERATION_NEXTHOP:
        return true;
    case OPERATION_ROUTE:
    case OPERATION_RULE:
    case OPERATION_ADDRESS:
    case OPERATION_KIND_COUNT:
        break;
    }
    return false;
}

static bool has_kind(const struct operation *operations, uint32_t count, enum operation_kind kind)
{
    for (uint32_t i = 0; i < count; i++) {
        if (operations[i].kind == kind)
            return true;
    }
    return false;
}

static bool read_what_is_asked(const struct apply *apply, const struct operation *operations,
                               uint32_t count, const struct tailscale_profile *home,
                               struct snapshot *ret_now, struct err *err)
{
    static const struct netlink_filter filter = {.parts = NETLINK_LINKS | NETLINK_NEXTHOPS};

    if (!netlink_read(&filter, ret_now, err))
        return false;
    if (has_kind(operations, count, OPERATION_TAILSCALE)) {
        localapi_read(apply->tailscale_socket, APPLY_LOCALAPI_MS, &ret_now->tailscale);
        apply_part_find_profile(apply, home, ret_now);
    }
    return true;
}

/* ---- one item ------------------------------------------------------------------------------- */

/* False: nobody knows what stands there. */
static bool read_item(const struct apply *apply, const struct operation *operation,
                      const struct tailscale_profile *home, struct snapshot *now, struct err *err)
{
    if (operation->kind == OPERATION_TAILSCALE && now->tailscale.presence != TAILSCALE_ANSWERS)
        return err_set(err, ERR_MISSING, "%s", now->tailscale.why);
    if (!apply_part_check_profile(operation, home, now, err))
        return false;
    return apply_part_add_own(operation, now, err) && apply_file_read(apply, operation, now, err);
}

static void say_drifted(const struct operation *operation, struct text *line)
{
    text_add(line, "- ");
    operation_render(operation, line);
}

static void say_unread(const struct operation *operation, const struct err *why, struct text *line)
{
    text_add(line, "? could not be read: ");
    operation_render(operation, line);
    text_add(line, ": %s", why->text);
}

static void compare(const struct apply *apply, const struct operation *operation,
                    const struct tailscale_profile *home, struct snapshot *now, struct text *line)
{
    struct err err = ERR_INIT;

    if (!read_item(apply, operation, home, now, &err))
        say_unread(operation, &err, line);
    else if (!operation_holds(operation, now))
        say_drifted(operation, line);
}

/* ---- all ------------------------------------------------------------------------------------ */

uint32_t apply_find_drift(const struct apply *apply, const struct operation *operations,
                          uint32_t count, const struct tailscale_profile *home,
                          char (*ret_lines)[SENTENCE_SIZE])
{
    struct err err = ERR_INIT;
    struct snapshot now;
    bool is_read = read_what_is_asked(apply, operations, count, home, &now, &err);
    uint32_t found = 0;

    for (uint32_t i = 0; i < count && found < APPLY_DRIFT_MAX; i++) {
        struct text line;

        if (!apply_drift_concerns(&operations[i]))
            continue;
        text_init(&line, ret_lines[found], SENTENCE_SIZE);
        if (is_read)
            compare(apply, &operations[i], home, &now, &line);
        else
            say_unread(&operations[i], &err, &line);
        found += line.len > 0;
    }
    if (is_read)
        snapshot_done(&now);
    return found;
}
