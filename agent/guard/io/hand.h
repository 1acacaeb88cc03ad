/*
 * hand: does what may hang, a file on a disk say, in a thread or process of its own, and is waited
 * for only so long. One job at a time: what hangs is not overtaken.
 */
#ifndef AGENT_GUARD_IO_HAND_H
#define AGENT_GUARD_IO_HAND_H

#include <stdbool.h>
#include <stddef.h>

/* On the heap, at the beginning of what it needs and what comes out; all of it is the hand's while
 * it is at work. */
struct hand_job {
    void (*do_fn)(struct hand_job *job);
    void (*free_fn)(struct hand_job *job);
    size_t size; /* of the whole: a process gives it back as it left it, for one that has ended
                    early as it was */
};

struct hand;
/* Lives as long as the process; of the one thread that gives it work. NULL: whoever gives has to do
 * it by itself. */
struct hand *hand_start(void);
/* With a process for each job, which ends with this one, or as soon as the disk lets it: no process
 * ends while one of its threads hangs in a disk. What comes out has no memory of its own. */
struct hand *hand_start_processes(void);

enum hand_answer {
    HAND_DONE, /* the job is the caller's again */
    HAND_LATE, /* it is not done in time: it goes on, and is freed at its end */
    HAND_BUSY, /* an earlier one is not done yet: this one is freed, and nothing of it done */
};
enum hand_answer hand_do_take(struct hand *hand, struct hand_job *job, int timeout_ms);

/* One was done in time, at most so long ago: what it is for answers. */
bool hand_has_answered(const struct hand *hand, int within_ms);

/* The job that is late and not done yet, for its givers' eyes only; NULL: none. */
const struct hand_job *hand_late(struct hand *hand);

#endif
