/*
 * fault: what befalls a run at one boundary, and the coordinates that replay it.
 */
#ifndef TESTS_CRASH_FAULT_H
#define TESTS_CRASH_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/* What a boundary is before. */
enum boundary {
    BOUNDARY_OPEN, /* of a file that is there, to write */
    BOUNDARY_CREATE,
    BOUNDARY_WRITE,
    BOUNDARY_SYNC,
    BOUNDARY_RENAME,
    BOUNDARY_UNLINK,
    BOUNDARY_CUT,
    BOUNDARY_OWNER, /* and mode, of an open file */
    BOUNDARY_SYSCTL,
    BOUNDARY_NETLINK, /* a message to the kernel, be it a question or a change */
    BOUNDARY_LOCALAPI,
    BOUNDARY_REHEARSE, /* the question to oceanid-rehearse */
    BOUNDARY_TELL,     /* a message to agent or operator */
    BOUNDARY_BUS,      /* a word to networkd */
    BOUNDARY_COUNT,
};
extern const char *const boundary_names[BOUNDARY_COUNT];

/* For netlink, LocalAPI and clients the four errors mean what can befall these: see shim_peers.c.
 */
enum fault_kind {
    FAULT_NONE,
    FAULT_EIO,
    FAULT_ENOSPC,
    FAULT_EINTR,
    FAULT_SHORT,
    FAULT_EIO_ON, /* and every disk call from here on */
    FAULT_ENOSPC_ON,
    FAULT_KILL,            /* the process ends here, the kernel lives on */
    FAULT_KILL_TORN,       /* in the middle of a write */
    FAULT_POWER_LOST,      /* the power fails: nothing that was not synced is there */
    FAULT_POWER_KEPT,      /* all of it is there */
    FAULT_POWER_TORN,      /* all but the end, torn at some byte */
    FAULT_POWER_REORDERED, /* any part of it: later without earlier, sector by sector */
    FAULT_COUNT,
};
extern const char *const fault_names[FAULT_COUNT];

struct fault {
    uint32_t at; /* boundary of the run, from 1; 0: none */
    enum fault_kind kind;
    uint64_t seed; /* where it is torn, what follows, in which order threads run */
};

bool fault_parse(const char *name, enum fault_kind *ret_kind);
bool fault_is_power(enum fault_kind kind);
bool fault_is_crash(enum fault_kind kind); /* the process ends there */
/* Whether that kind can befall that boundary, and is not the same as another one. */
bool fault_fits(enum fault_kind kind, enum boundary boundary);

#endif
