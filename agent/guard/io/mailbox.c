/*
 * mailbox: a queue of pointers under one lock, with a descriptor to poll.
 */
#include "agent/guard/io/mailbox.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/core/mem.h"

void mailbox_init(struct mailbox *mailbox)
{
    memset(mailbox, 0, sizeof(*mailbox));
    pthread_mutex_init(&mailbox->mutex, NULL);
    mailbox->fd = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK);
    if (mailbox->fd < 0)
        abort();
}

void mailbox_done(struct mailbox *mailbox)
{
    close(mailbox->fd);
    free(mailbox->items);
    pthread_mutex_destroy(&mailbox->mutex);
}

void mailbox_put(struct mailbox *mailbox, void *item)
{
    uint64_t one = 1;

    pthread_mutex_lock(&mailbox->mutex);
    if (mailbox->first > 0 && mailbox->count == mailbox->capacity) {
        memmove(mailbox->items, mailbox->items + mailbox->first,
                (mailbox->count - mailbox->first) * sizeof(*mailbox->items));
        mailbox->count -= mailbox->first;
        mailbox->first = 0;
    }
    mailbox->items =
        mem_grow(mailbox->items, mailbox->count, &mailbox->capacity, sizeof(*mailbox->items));
    mailbox->items[mailbox->count++] = item;
    pthread_mutex_unlock(&mailbox->mutex);
    while (write(mailbox->fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

void *mailbox_poll(struct mailbox *mailbox)
{
    void *item = NULL;
    uint64_t one;

    if (read(mailbox->fd, &one, sizeof(one)) != (ssize_t)sizeof(one))
        return NULL;
    pthread_mutex_lock(&mailbox->mutex);
    if (mailbox->first < mailbox->count)
        item = mailbox->items[mailbox->first++];
    if (mailbox->first == mailbox->count)
        mailbox->first = mailbox->count = 0;
    pthread_mutex_unlock(&mailbox->mutex);
    return item;
}

void *mailbox_wait(struct mailbox *mailbox)
{
    struct pollfd look = {.fd = mailbox->fd, .events = POLLIN};
    void *item;

    while ((item = mailbox_poll(mailbox)) == NULL)
        poll(&look, 1, -1);
    return item;
}

bool mailbox_try_thread(void *(*main_fn)(void *context), void *context)
{
    sigset_t all, old;
    pthread_t thread;
    bool started;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    started = pthread_create(&thread, NULL, main_fn, context) == 0;
    if (started)
        pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return started;
}

void mailbox_start_thread(void *(*main_fn)(void *context), void *context)
{
    if (!mailbox_try_thread(main_fn, context))
        abort();
}
