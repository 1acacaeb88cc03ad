/*
 * undo_text: undo.txt follows what the ledger says, as fast as the disk takes it.
 *
 * A thread of its own writes it and no trial waits for that: it may lag, which is said. Its syncs
 * share disk and processors with a trial's first steps, so those have a head start.
 */
#include "agent/guard/io/undo_text.h"

#include <string.h>

#include "common/io/clock.h"
#include "common/io/log.h"

enum { WANTED_MS = 10, LATE_MS = 5000 };

void undo_text_want(struct guard *guard)
{
    guard->undo_text.wanted = true;
    guard->undo_text.wanted_since = clock_now();
}

bool undo_text_is_wanted(const struct guard *guard)
{
    return guard->undo_text.wanted;
}

void undo_text_give(struct guard *guard)
{
    struct undo_text *text = &guard->undo_text;
    struct write *write = write_new(WRITE_TEXT);

    write->bytes.data = (uint8_t *)journal_render_undo_text(guard->journal, guard->ledger);
    write->bytes.len = strlen((const char *)write->bytes.data);
    write->number = ++text->given;
    text->wanted = false;
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

static mono_t wanted_by(const struct undo_text *text)
{
    return text->wanted ? mono_add(text->wanted_since, WANTED_MS) : MONO_NEVER;
}

static mono_t late_from(const struct undo_text *text)
{
    return text->owed && !text->said ? mono_add(text->since, LATE_MS) : MONO_NEVER;
}

mono_t undo_text_deadline(const struct guard *guard)
{
    return mono_min(wanted_by(&guard->undo_text), late_from(&guard->undo_text));
}

void undo_text_tick(struct guard *guard)
{
    mono_t now = clock_now();

    if (now >= wanted_by(&guard->undo_text))
        undo_text_give(guard);
    if (now < late_from(&guard->undo_text))
        return;
    guard->undo_text.said = true;
    log_warning("undo.txt: expected to be written within %d s; observed: the disk has not "
                "answered; until it does, it says what was so before, and records and undo go on "
                "without it",
                LATE_MS / 1000);
}
