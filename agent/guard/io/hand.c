/*
 * hand: one thread or process, one job, and how long it is waited for.
 */
#include "agent/guard/io/hand.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/guard/io/alone.h"
#include "agent/guard/io/mailbox.h"
#include "common/core/mem.h"
#include "common/io/clock.h"

struct hand {
    struct hand_job *late; /* of the thread that gives */
    mono_t answered_at;    /* 0: never */
    struct mailbox given, done;
    bool has_processes; /* instead of a thread, and instead of the mailboxes: */
    pid_t pid;
    int done_fd;
};

/* ---- a process ------------------------------------------------------------------------------ */

_Noreturn static void work_once(struct hand_job *job, int done_fd)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* whoever goes on with it does it anew */
    alone_begin_with(done_fd);
    job->do_fn(job);
    (void)!write(done_fd, job, job->size);
    _exit(0);
}

/* It writes its answer and ends: nobody reads before that. */
static bool has_room(int pipe_fd, size_t size)
{
    int room = fcntl(pipe_fd, F_GETPIPE_SZ);

    return room >= 0 && ((size_t)room >= size || fcntl(pipe_fd, F_SETPIPE_SZ, (int)size) >= 0);
}

static bool start_process(struct hand *hand, struct hand_job *job)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    if (!has_room(ends[1], job->size)) {
        close(ends[0]);
        close(ends[1]);
        return false;
    }
    hand->pid = fork();
    if (hand->pid == 0) {
        close(ends[0]);
        work_once(job, ends[1]);
    }
    close(ends[1]); /* its other holder's end is the answer */
    hand->done_fd = ends[0];
    if (hand->pid < 0)
        close(ends[0]);
    return hand->pid > 0;
}

static bool read_all(int fd, uint8_t *to, size_t size)
{
    size_t done = 0;
    ssize_t got = 1;

    while (done < size && got > 0) {
        got = read(fd, to + done, size - done);
        done += got > 0 ? (size_t)got : 0;
    }
    return done == size;
}

static bool take_process(struct hand *hand, struct hand_job *job, int timeout_ms)
{
    struct pollfd look = {.fd = hand->done_fd, .events = 0};
    AUTO_FREE void *left = mem_alloc(job->size, 1);
    int status;

    if (poll(&look, 1, timeout_ms) <= 0)
        return false;
    if (read_all(hand->done_fd, left, job->size))
        memcpy(job, left, job->size);
    (void)waitpid(hand->pid, &status, 0);
    close(hand->done_fd);
    return true;
}

/* Where no process can be had, here and now. */
static enum hand_answer do_in_process(struct hand *hand, struct hand_job *job, int timeout_ms)
{
    if (!start_process(hand, job)) {
        job->do_fn(job);
        return HAND_DONE;
    }
    if (take_process(hand, job, timeout_ms))
        return HAND_DONE;
    hand->late = job;
    return HAND_LATE;
}

struct hand *hand_start_processes(void)
{
    struct hand *hand = mem_alloc(1, sizeof(*hand));

    hand->has_processes = true;
    return hand;
}

/* ---- a thread ------------------------------------------------------------------------------- */

static void *work_forever(void *context)
{
    struct hand *hand = context;

    for (;;) {
        struct hand_job *job = mailbox_wait(&hand->given);

        job->do_fn(job);
        mailbox_put(&hand->done, job);
    }
    return NULL;
}

struct hand *hand_start(void)
{
    struct hand *hand = mem_alloc(1, sizeof(*hand));

    mailbox_init(&hand->given);
    mailbox_init(&hand->done);
    if (mailbox_try_thread(work_forever, hand))
        return hand;
    mailbox_done(&hand->given);
    mailbox_done(&hand->done);
    free(hand);
    return NULL;
}

/* ---- both ----------------------------------------------------------------------------------- */

static bool is_late(struct hand *hand)
{
    return hand->has_processes ? !take_process(hand, hand->late, 0)
                               : mailbox_poll(&hand->done) == NULL;
}

const struct hand_job *hand_late(struct hand *hand)
{
    if (hand->late != NULL && !is_late(hand)) {
        hand->late->free_fn(hand->late);
        hand->late = NULL;
    }
    return hand->late;
}

static bool is_done(struct hand *hand, mono_t until)
{
    mono_t left;

    while ((left = until - clock_now()) > 0) {
        struct pollfd look = {.fd = hand->done.fd, .events = POLLIN};

        if (poll(&look, 1, (int)left) > 0)
            break;
    }
    return mailbox_poll(&hand->done) != NULL;
}

static enum hand_answer do_by_either(struct hand *hand, struct hand_job *job, int timeout_ms)
{
    if (hand->has_processes)
        return do_in_process(hand, job, timeout_ms);
    mailbox_put(&hand->given, job);
    if (is_done(hand, clock_now() + timeout_ms))
        return HAND_DONE;
    hand->late = job;
    return HAND_LATE;
}

enum hand_answer hand_do_take(struct hand *hand, struct hand_job *job, int timeout_ms)
{
    enum hand_answer answer;

    if (hand_late(hand) != NULL) {
        job->free_fn(job);
        return HAND_BUSY;
    }
    answer = do_by_either(hand, job, timeout_ms);
    if (answer == HAND_DONE)
        hand->answered_at = clock_now();
    return answer;
}

bool hand_has_answered(const struct hand *hand, int within_ms)
{
    return hand->late == NULL && hand->answered_at != 0 &&
           clock_now() - hand->answered_at <= within_ms;
}
