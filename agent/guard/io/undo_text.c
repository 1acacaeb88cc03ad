/*
 * undo_text: undo.txt follows what the ledger says, as fast as the disk takes it.
 *
 * A thread of its own writes it and no trial waits for that: it may lag, which is said.
 */
#include "agent/guard/io/undo_text.h"

#include <string.h>

#include "common/io/clock.h"
#include "common/io/log.h"

enum { LATE_MS = 5000 };

void undo_text_give(struct guard *guard)
{
    struct undo_text *text = &guard->undo_text;
    struct write *write = write_new(WRITE_TEXT);

    write->bytes.data = (uint8_t *)journal_render_undo_text(guard->journal, guard->ledger);
    write->bytes.len = strlen((const char *)write->bytes.data);
    write->number = ++text->given;
    if (!text->owed)
        text->since = clock_now();
    text->owed = true;
    writer_give_take(guard->writer, write);
}

/* Of those that were given while the disk had this one, it has the newest now. */
void undo_text_take(struct guard *guard, const struct write *write)
{
    struct undo_text *text = &guard->undo_text;

    if (!write->ok)
        log_warning("undo.txt: expected to be written; observed: %s; it may say what was so "
                    "before, and is written anew when a trial begins or ends",
                    write->why);
    text->owed = write->number != text->given;
    text->since = clock_now();
    if (text->said && write->ok && !text->owed)
        log_info("undo.txt: the disk has answered: it says again what is so");
    text->said &= text->owed;
}

mono_t undo_text_deadline(const struct guard *guard)
{
    const struct undo_text *text = &guard->undo_text;

    return text->owed && !text->said ? mono_add(text->since, LATE_MS) : MONO_NEVER;
}

void undo_text_tick(struct guard *guard)
{
    if (clock_now() < undo_text_deadline(guard))
        return;
    guard->undo_text.said = true;
    log_warning("undo.txt: expected to be written within %d s; observed: the disk has not "
                "answered; until it does, it says what was so before, and records and undo go on "
                "without it",
                LATE_MS / 1000);
}
