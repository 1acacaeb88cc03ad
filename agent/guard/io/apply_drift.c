/*
 * apply_drift: which of the owned items that carry no mark of Oceanid's are gone or altered.
 */
#include "agent/guard/io/apply_drift.h"

#include <stdlib.h>

#include "agent/guard/io/apply_file.h"
#include "agent/guard/io/apply_part.h"
#include "agent/io/netlink.h"
#include "agent/io/sysctl.h"
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
                               uint32_t count, struct snapshot *ret_now, struct err *err)
{
    static const struct netlink_filter filter = {.parts = NETLINK_LINKS | NETLINK_NEXTHOPS};

    if (!netlink_read(&filter, ret_now, err))
        return false;
    if (has_kind(operations, count, OPERATION_SYSCTL))
        sysctl_read(ret_now);
    if (has_kind(operations, count, OPERATION_TAILSCALE))
        localapi_read(apply->tailscale_socket, APPLY_LOCALAPI_MS, &ret_now->tailscale);
    return true;
}

/* What cannot be read has not drifted, as far as anybody knows. */
static bool has_drifted(const struct apply *apply, const struct operation *operation,
                        struct snapshot *now)
{
    struct err err = ERR_INIT;

    if (operation->kind == OPERATION_TAILSCALE && now->tailscale.presence != TAILSCALE_ANSWERS)
        return false;
    return apply_file_read(apply, operation, now, &err) && !operation_holds(operation, now);
}

uint32_t apply_find_drift(const struct apply *apply, const struct operation *operations,
                          uint32_t count, char (*ret_lines)[SENTENCE_SIZE])
{
    struct err err = ERR_INIT;
    struct snapshot now;
    uint32_t found = 0;

    if (!read_what_is_asked(apply, operations, count, &now, &err))
        return 0;
    for (uint32_t i = 0; i < count && found < APPLY_DRIFT_MAX; i++) {
        struct text line;

        if (!apply_drift_concerns(&operations[i]) || !has_drifted(apply, &operations[i], &now))
            continue;
        text_init(&line, ret_lines[found++], SENTENCE_SIZE);
        text_add(&line, "- ");
        operation_render(&operations[i], &line);
    }
    snapshot_done(&now);
    return found;
}
