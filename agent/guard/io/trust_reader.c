/*
 * trust_reader: reads trust.yaml in a thread of its own.
 */
#include "agent/guard/io/trust_reader.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/guard/io/journal.h"
#include "agent/guard/io/mailbox.h"
#include "agent/guard/io/trust_root.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/config.h"
#include "common/io/log.h"

enum { WAITING_MAX = 8, ORDERS_KEPT = 2 }; /* places that are an order's alone */

struct trust_reader {
    char path[PATH_SIZE];
    const struct journal *journal;
    unsigned waiting; /* of the thread that decides: given, and not taken back */
    struct mailbox given, done;
};

void trust_wait_free(struct trust_wait *wait)
{
    if (wait == NULL)
        return;
    guard_request_done(&wait->request);
    free(wait);
}

/* Once, when it begins; whether there is one is asked of a disk, too. */
static void say_missing(const char *path)
{
    if (access(path, F_OK) != 0)
        log_info("no trust root at %s: this node only observes", path);
}

static void *read_forever(void *context)
{
    struct trust_reader *reader = context;

    say_missing(reader->path);
    for (;;) {
        struct trust_wait *wait = mailbox_wait(&reader->given);

        trust_root_read(reader->path, &wait->trust, &wait->err);
        wait->is_doubtful = wait->request.kind == GUARD_PREPARE && reader->journal != NULL &&
                            journal_is_doubtful(reader->journal); /* an order waits for no disk */
        mailbox_put(&reader->done, wait);
    }
    return NULL;
}

struct trust_reader *trust_reader_start(const char *path, const struct journal *journal)
{
    struct trust_reader *reader = mem_alloc(1, sizeof(*reader));

    text_copy(reader->path, sizeof(reader->path), path);
    reader->journal = journal;
    mailbox_init(&reader->given);
    mailbox_init(&reader->done);
    mailbox_start_thread(read_forever, reader);
    return reader;
}

int trust_reader_fd(const struct trust_reader *reader)
{
    return reader->done.fd;
}

bool trust_reader_give(struct trust_reader *reader, unsigned asker, struct guard_request *request,
                       struct err *err)
{
    unsigned max = request->kind == GUARD_ORDER ? WAITING_MAX : WAITING_MAX - ORDERS_KEPT;
    struct trust_wait *wait;

    if (reader->waiting >= max)
        return err_set(err, ERR_LIMIT,
                       "%u requests wait for the trust root at %s to be read, accepted are at most "
                       "%u: send it again",
                       reader->waiting, reader->path, max);
    wait = mem_alloc(1, sizeof(*wait));
    wait->asker = asker;
    wait->request = *request;
    memset(request, 0, sizeof(*request));
    reader->waiting++;
    mailbox_put(&reader->given, wait);
    return true;
}

struct trust_wait *trust_reader_take(struct trust_reader *reader)
{
    struct trust_wait *wait = mailbox_poll(&reader->done);

    reader->waiting -= wait != NULL;
    return wait;
}
