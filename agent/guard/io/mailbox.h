/*
 * mailbox: hands pointers from one thread to another, in order. What is in it belongs to whoever
 * takes it out; nothing else is shared between the guard's threads.
 */
#ifndef AGENT_GUARD_IO_MAILBOX_H
#define AGENT_GUARD_IO_MAILBOX_H

#include <pthread.h>

#include <stdbool.h>
#include <stddef.h>

struct mailbox {
    pthread_mutex_t mutex;
    int fd; /* readable while something is in it */
    void **items;
    size_t first, count, capacity;
};

void mailbox_init(struct mailbox *mailbox);
void mailbox_done(struct mailbox *mailbox); /* one that is empty */
void mailbox_put(struct mailbox *mailbox, void *item);
void *mailbox_wait(struct mailbox *mailbox); /* blocks until there is one */
void *mailbox_poll(struct mailbox *mailbox); /* NULL: there is none */

/* A thread that takes no signal and is never joined: the process ends with it. try: false where
 * none can be had; start: then the process ends. */
bool mailbox_try_thread(void *(*main_fn)(void *context), void *context);
void mailbox_start_thread(void *(*main_fn)(void *context), void *context);

#endif
