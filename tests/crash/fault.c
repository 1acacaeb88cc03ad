/*
 * fault: which kind of fault can befall which boundary.
 */
#include "tests/crash/fault.h"

#include <string.h>

const char *const boundary_names[BOUNDARY_COUNT] = {
    [BOUNDARY_OPEN] = "open",         [BOUNDARY_CREATE] = "create",
    [BOUNDARY_WRITE] = "write",       [BOUNDARY_SYNC] = "fsync",
    [BOUNDARY_RENAME] = "rename",     [BOUNDARY_UNLINK] = "unlink",
    [BOUNDARY_CUT] = "ftruncate",     [BOUNDARY_SYSCTL] = "sysctl",
    [BOUNDARY_NETLINK] = "netlink",   [BOUNDARY_LOCALAPI] = "LocalAPI",
    [BOUNDARY_REHEARSE] = "rehearse", [BOUNDARY_TELL] = "tell",
    [BOUNDARY_BUS] = "D-Bus",         [BOUNDARY_OWNER] = "own",
};

const char *const fault_names[FAULT_COUNT] = {
    [FAULT_NONE] = "none",
    [FAULT_EIO] = "eio",
    [FAULT_ENOSPC] = "enospc",
    [FAULT_EINTR] = "eintr",
    [FAULT_SHORT] = "short",
    [FAULT_EIO_ON] = "eio-on",
    [FAULT_ENOSPC_ON] = "enospc-on",
    [FAULT_KILL] = "kill",
    [FAULT_KILL_TORN] = "kill-torn",
    [FAULT_POWER_LOST] = "power-lost",
    [FAULT_POWER_KEPT] = "power-kept",
    [FAULT_POWER_TORN] = "power-torn",
    [FAULT_POWER_REORDERED] = "power-reordered",
};

bool fault_parse(const char *name, enum fault_kind *ret_kind)
{
    for (int i = 0; i < FAULT_COUNT; i++) {
        if (strcmp(name, fault_names[i]) == 0) {
            *ret_kind = (enum fault_kind)i;
            return true;
        }
    }
    return false;
}

bool fault_is_power(enum fault_kind kind)
{
    return kind >= FAULT_POWER_LOST;
}

bool fault_is_crash(enum fault_kind kind)
{
    return kind >= FAULT_KILL;
}

static bool is_of_disk(enum boundary boundary)
{
    return boundary <= BOUNDARY_OWNER;
}

bool fault_fits(enum fault_kind kind, enum boundary boundary)
{
    switch (kind) {
    case FAULT_SHORT:
        return boundary == BOUNDARY_WRITE || boundary == BOUNDARY_NETLINK ||
               boundary == BOUNDARY_LOCALAPI;
    case FAULT_EIO_ON:
        return is_of_disk(boundary);
    case FAULT_ENOSPC_ON:
        return is_of_disk(boundary) && boundary != BOUNDARY_OPEN;
    case FAULT_KILL_TORN:
        return boundary == BOUNDARY_WRITE;
    case FAULT_ENOSPC:
        return boundary != BOUNDARY_TELL && boundary != BOUNDARY_OPEN &&
               boundary != BOUNDARY_REHEARSE;
    case FAULT_NONE:
    case FAULT_COUNT:
        return false;
    case FAULT_EIO:
    case FAULT_EINTR:
    case FAULT_KILL:
    case FAULT_POWER_LOST:
    case FAULT_POWER_KEPT:
    case FAULT_POWER_TORN:
    case FAULT_POWER_REORDERED:
        break;
    }
    return true;
}
