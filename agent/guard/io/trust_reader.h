/*
 * trust_reader: a thread that reads trust.yaml for requests that are judged by it, and looks
 * whether the journal is doubtful: while a disk hangs, they wait, and no lease and no shield does.
 */
#ifndef AGENT_GUARD_IO_TRUST_READER_H
#define AGENT_GUARD_IO_TRUST_READER_H

#include "common/change/roster.h"
#include "common/io/wire_guard.h"

/* A request that waited, in the order in which they came, and what was read for it. */
struct trust_wait {
    unsigned asker; /* client; may be gone by now */
    struct guard_request request;
    struct trust trust; /* keys_count 0: no trust root is installed */
    struct err err;     /* ERR_NONE: trust is what root installed */
    bool is_doubtful;   /* the journal (journal.h) */
};
void trust_wait_free(struct trust_wait *wait);

struct trust_reader;

/* path: of the trust root, read anew for each. journal: borrowed, only asked of the disk whether it
 * is doubtful; NULL: it is not. Lives as long as the process. */
struct journal;
struct trust_reader *trust_reader_start(const char *path, const struct journal *journal);
int trust_reader_fd(const struct trust_reader *reader);
/* Takes what the request has; false, with the reason: so many wait that this one is not taken. An
 * order finds room where a prepare does not. */
bool trust_reader_give(struct trust_reader *reader, unsigned asker, struct guard_request *request,
                       struct err *err);
struct trust_wait *trust_reader_take(struct trust_reader *reader); /* one that is done, or NULL */

#endif
