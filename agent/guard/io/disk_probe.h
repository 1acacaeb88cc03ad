/*
 * disk_probe: whether the journal's disk answers whoever writes to it, or reads, before anybody
 * waits for it.
 *
 * A frozen or hanging filesystem holds up whoever opens a file there for writing, a dead disk who
 * reads one too, and no signal ends that: a process of its own tries it.
 */
#ifndef AGENT_GUARD_IO_DISK_PROBE_H
#define AGENT_GUARD_IO_DISK_PROBE_H

#include <stdbool.h>
#include <sys/types.h>

/* All zero at first. One that hangs is looked at again, and no second one is started beside it. */
struct disk_probe {
    pid_t pid; /* 0: none is at work */
    int end_fd;
};

/* True: it can be written, or says at once that it cannot (or no process can be had to try it).
 * False: it has not answered in that time. */
bool disk_probe_answers(struct disk_probe *probe, const char *state, int timeout_ms);
/* The same of who only reads the journal; -1: waits for ever, and a signal ends that. */
bool disk_probe_reads(struct disk_probe *probe, const char *state, int timeout_ms);

#endif
