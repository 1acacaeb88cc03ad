/*
 * writer: appends to the journal in a thread of its own, and writes undo.txt in another.
 */
#include "agent/guard/io/writer.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard/io/mailbox.h"
#include "common/core/mem.h"
#include "common/io/config.h"
#include "common/io/file.h"
#include "common/io/log.h"

struct writer {
    struct journal *journal;
    char text_path[PATH_SIZE + 16];
    struct mailbox given, texts, done;
};

struct write *write_new(enum write_kind kind)
{
    struct write *write = mem_alloc(1, sizeof(*write));

    write->kind = kind;
    return write;
}

void write_free(struct write *write)
{
    if (write == NULL)
        return;
    wire_bytes_done(&write->bytes);
    free(write->ledger);
    free(write);
}

enum { CUT_PACE_MS = 250 };

static bool is_confirmed(const struct guard_record *record)
{
    return record->kind == RECORD_MARK && record->mark == MARK_CONFIRMED;
}

/* A `confirmed` that could neither be synced nor cut off may be read at the next start: it is not
 * refused, and so nothing taken back, before it is known not to be there. The change is proven and
 * stands meanwhile. Of any other record both ends are well: what it says was done or asked for. */
static void wait_cut(struct writer *writer)
{
    bool said = false;

    while (!journal_cut(writer->journal)) {
        if (!said)
            log_error("ALARM journal: `confirmed` could not be synced, nor cut off again; the "
                      "change stands, and it is tried every %d ms until the disk answers",
                      CUT_PACE_MS);
        said = true;
        poll(NULL, 0, CUT_PACE_MS);
    }
}

static void do_write(struct writer *writer, struct write *write)
{
    struct err err = ERR_INIT;

    switch (write->kind) {
    case WRITE_RECORD:
        write->ok = journal_write(writer->journal, wire_lend(&write->bytes), write->durable, &err);
        if (!write->ok && is_confirmed(&write->record))
            wait_cut(writer);
        break;
    case WRITE_SYNC:
        write->ok = journal_sync(writer->journal, &err);
        break;
    case WRITE_TEXT:
        write->ok = file_write(writer->text_path, write->bytes.data, write->bytes.len, 0600, &err);
        break;
    case WRITE_COMPACT:
        write->ok = journal_compact(writer->journal, write->ledger, &err);
        break;
    }
    if (!write->ok)
        memcpy(write->why, err.text, sizeof(write->why));
}

static void write_forever(struct writer *writer, struct mailbox *given)
{
    for (;;) {
        struct write *write = mailbox_wait(given);

        do_write(writer, write);
        mailbox_put(&writer->done, write);
    }
}

static void *write_records(void *context)
{
    struct writer *writer = context;

    write_forever(writer, &writer->given);
    return NULL;
}

static void *write_texts(void *context)
{
    struct writer *writer = context;

    write_forever(writer, &writer->texts);
    return NULL;
}

struct writer *writer_start(struct journal *journal, const char *state)
{
    struct writer *writer = mem_alloc(1, sizeof(*writer));
    struct err err = ERR_INIT;

    writer->journal = journal;
    if (!file_join(writer->text_path, sizeof(writer->text_path), state, "undo.txt", &err))
        abort(); /* the journal beside it was opened */
    mailbox_init(&writer->given);
    mailbox_init(&writer->texts);
    mailbox_init(&writer->done);
    mailbox_start_thread(write_records, writer);
    mailbox_start_thread(write_texts, writer);
    return writer;
}

int writer_fd(const struct writer *writer)
{
    return writer->done.fd;
}

/* Those that wait are older: nobody reads them any more. */
static void give_text_take(struct writer *writer, struct write *text)
{
    struct write *older;

    while ((older = mailbox_poll(&writer->texts)) != NULL)
        write_free(older);
    mailbox_put(&writer->texts, text);
}

void writer_give_take(struct writer *writer, struct write *write)
{
    if (write->kind == WRITE_TEXT)
        give_text_take(writer, write);
    else
        mailbox_put(&writer->given, write);
}

struct write *writer_take(struct writer *writer)
{
    return mailbox_poll(&writer->done);
}
