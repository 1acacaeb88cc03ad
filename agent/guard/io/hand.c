/*
 * hand: one thread, one job, and how long it is waited for.
 */
#include "agent/guard/io/hand.h"

#include <poll.h>
#include <stdlib.h>

#include "agent/guard/io/mailbox.h"
#include "common/core/mem.h"
#include "common/io/clock.h"

struct hand {
    struct mailbox given, done;
    struct hand_job *late; /* of the thread that gives */
};

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

const struct hand_job *hand_late(struct hand *hand)
{
    struct hand_job *done = hand->late != NULL ? mailbox_poll(&hand->done) : NULL;

    if (done != NULL) {
        done->free_fn(done);
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

enum hand_answer hand_do_take(struct hand *hand, struct hand_job *job, int timeout_ms)
{
    if (hand_late(hand) != NULL) {
        job->free_fn(job);
        return HAND_BUSY;
    }
    mailbox_put(&hand->given, job);
    if (is_done(hand, clock_now() + timeout_ms))
        return HAND_DONE;
    hand->late = job;
    return HAND_LATE;
}
