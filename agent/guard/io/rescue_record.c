/*
 * rescue_record: a rescue's records on their way to the disk, which may refuse them, or hang.
 */
#include <poll.h>
#include <stdio.h>

#include "agent/guard/io/rescue.h"
#include "agent/guard/io/seal.h"
#include "common/io/clock.h"

enum { MARK_TRIES = 3, MARK_PACE_MS = 100 };

void rescue_start_disk(struct rescue *rescue)
{
    run_find_unrecorded(&rescue->config, &rescue->unrecorded);
    rescue->disk = rescue_disk_start(rescue->journal, rescue->ledger, &rescue->config);
}

/* ---- what was not written ------------------------------------------------------------------- */

static bool is_end(const struct guard_record *record)
{
    return record->kind == RECORD_MARK &&
           (record->mark == MARK_REVERTED || record->mark == MARK_POPPED);
}

static void note_unrecorded(struct rescue *rescue, const struct guard_record *record)
{
    if (record == NULL || !is_end(record))
        return;
    rescue->is_unrecorded = true;
    rescue->own_depth = record->id.start;
}

/* Without it a generation that is half undone, or one below it that was ordered back too, is taken
 * for confirmed after a power loss. */
static bool is_popping(const struct guard_record *record)
{
    return record->kind == RECORD_MARK && (record->mark == MARK_POPPING || record->has_order);
}

/* A disk that says no stops nothing (docs/protocol.md rule 16): the machine goes on as if it were
 * written, and the end says that it is not. */
static void go_on_from_memory(struct rescue *rescue, const struct guard_record *record,
                              const struct err *err)
{
    if (!rescue->from_memory && !rescue->is_without_lock)
        printf("ALARM the journal cannot be written (%s): undoing goes on from memory\n",
               err->text);
    rescue->from_memory = true;
    note_unrecorded(rescue, record);
    rescue->is_refused |= is_end(record);
    if (is_popping(record)) {
        rescue->owes_mark = true;
        rescue->mark = *record;
    }
}

static void take_refusal(struct rescue *rescue, const struct guard_record *record,
                         const struct err *err)
{
    if (record != NULL)
        go_on_from_memory(rescue, record, err);
    else
        printf("undo.txt: %s\n", err->text);
}

/* ---- the disk's process --------------------------------------------------------------------- */

static void say_hangs(struct rescue *rescue)
{
    if (!rescue->disk_hangs)
        printf("ALARM the journal's disk does not answer (%d s waited): undoing goes on from "
               "memory\n",
               RESCUE_DISK_WAIT_MS / 1000);
    rescue->disk_hangs = true;
}

/* False, with the reason: what was given last is refused. One that hangs refuses nothing. */
static bool await_last(struct rescue *rescue, struct err *err)
{
    mono_t until = clock_now() + (rescue->disk_hangs ? 0 : RESCUE_DISK_WAIT_MS);
    const struct guard_record *record = NULL;
    bool ok = true;

    while (rescue_disk_pending(rescue->disk) > 0) {
        struct err refusal = ERR_INIT;

        if (!ok)
            take_refusal(rescue, record, err);
        *err = (struct err)ERR_INIT;
        ok = true;
        if (!rescue_disk_take(rescue->disk, until, &ok, &record, &refusal)) {
            say_hangs(rescue);
            return true;
        }
        *err = refusal;
    }
    rescue->disk_hangs = false;
    return ok;
}

bool rescue_settle_disk(struct rescue *rescue)
{
    const struct guard_record *record;
    mono_t until = clock_now() + RESCUE_DISK_WAIT_MS;
    struct err err = ERR_INIT;
    size_t pending;
    bool ok;

    if (rescue->disk == NULL)
        return true;
    while (rescue_disk_take(rescue->disk, until, &ok, &record, &err)) {
        if (!ok)
            take_refusal(rescue, record, &err);
    }
    pending = rescue_disk_pending(rescue->disk);
    for (size_t i = 0; i < pending; i++) {
        record = rescue_disk_pending_record(rescue->disk, i);
        rescue->from_memory |= record != NULL;
        note_unrecorded(rescue, record);
    }
    return pending == 0;
}

/* ---- the mark ------------------------------------------------------------------------------- */

void rescue_note_depth(const struct rescue *rescue)
{
    run_note_depth(&rescue->config,
                   rescue_find_deeper(rescue) >= 0 ? &rescue->found_depth : &rescue->own_depth);
}

static bool is_below(const struct ledger *ledger, const struct generation_id *one,
                     const struct generation_id *other)
{
    const struct ledger_generation *lower = ledger_find(ledger, one);
    const struct ledger_generation *upper = ledger_find(ledger, other);

    return lower != NULL && (upper == NULL || lower < upper); /* NULL: taken back already */
}

void rescue_note_intent(const struct rescue *rescue, const struct run_intent *own)
{
    bool goes_deeper =
        rescue->has_intent && is_below(rescue->ledger, &rescue->intent.down_to, &own->down_to);
    struct run_intent intent = goes_deeper ? rescue->intent : *own;

    intent.is_void = own->is_void || (rescue->has_intent && rescue->intent.is_void);
    run_intent_note(&rescue->config, &intent);
}

static void say_mark_stays(const struct rescue *rescue, uint32_t deeper)
{
    char path[PATH_SIZE + 16];

    run_unrecorded_path(&rescue->config, path, sizeof(path));
    printf("%s stays, and nothing is put back: an earlier rescue took back more than the journal "
           "has. ",
           path);
    if (deeper < rescue->ledger->generations_count)
        printf("oceanid-rollback --to %u records that too.\n", deeper + 1);
    else
        printf("oceanid-rollback --yes records that too.\n");
}

/* What was refused and tried again is written: only an end, or a `popping`, that is not keeps it;
 * and what an earlier rescue took back below that. */
void rescue_unmark(struct rescue *rescue)
{
    int deeper = rescue_find_deeper(rescue);

    if (deeper >= 0)
        say_mark_stays(rescue, (uint32_t)deeper);
    else if (!rescue->is_unrecorded)
        run_unmark_unrecorded(&rescue->config, &rescue->unrecorded);
    else if (rescue->disk != NULL && !rescue->is_refused && !rescue->owes_mark)
        rescue_disk_unmark(rescue->disk, &rescue->unrecorded);
}

/* ---- writing -------------------------------------------------------------------------------- */

static bool put(struct rescue *rescue, const struct guard_record *record, struct bytes encoded,
                bool durable, struct err *err)
{
    if (rescue->disk == NULL)
        return journal_write(rescue->journal, encoded, durable, err);
    rescue_disk_give(rescue->disk, durable ? RESCUE_WRITE_SYNCED : RESCUE_WRITE_RECORD, encoded,
                     record);
    return await_last(rescue, err);
}

/* Without its key the receipt stays owed: the guard signs it at its next start. */
static bool append(struct rescue *rescue, struct guard_record *record, bool durable,
                   struct err *err)
{
    AUTO_WIRE struct wire_bytes envelope = {NULL, 0};
    AUTO_WIRE struct wire_bytes encoded = {NULL, 0};
    struct journal_extra extra = {0};

    if (record->kind == RECORD_RECEIPT && rescue->key == NULL)
        return true;
    if (record->kind == RECORD_RECEIPT)
        envelope = seal_receipt(record, rescue->key);
    extra.envelope = wire_lend(&envelope);
    encoded = journal_encode(rescue->journal, record, &extra);
    if (!put(rescue, record, wire_lend(&encoded), durable, err))
        return false;
    journal_keep(rescue->journal, record, &extra);
    return true;
}

static bool append_popping(struct rescue *rescue, struct guard_record *record, struct err *err)
{
    for (int i = 0; i < MARK_TRIES; i++) {
        *err = (struct err)ERR_INIT;
        if (i > 0)
            poll(NULL, 0, MARK_PACE_MS);
        if (append(rescue, record, true, err))
            return true;
    }
    return false;
}

static bool write_record(struct rescue *rescue, struct guard_record *record, bool durable,
                         struct err *err)
{
    struct err again = ERR_INIT;

    if (rescue->owes_mark && append(rescue, &rescue->mark, true, &again))
        rescue->owes_mark = false;
    return is_popping(record) ? append_popping(rescue, record, err)
                              : append(rescue, record, durable, err);
}

void rescue_write(struct rescue *rescue, struct guard_record *record, bool durable)
{
    struct err err = ERR_INIT;

    if (!write_record(rescue, record, durable, &err))
        go_on_from_memory(rescue, record, &err);
    fflush(stdout);
}

void rescue_record(struct rescue *rescue, struct guard_record *record)
{
    record->at = clock_unix();
    rescue_write(rescue, record, true);
    ledger_take(rescue->ledger, record);
}

void rescue_write_text(struct rescue *rescue)
{
    struct err err = ERR_INIT;
    bool written;

    if (!journal_is_writable(rescue->journal))
        return;
    if (rescue->disk != NULL) {
        rescue_disk_give(rescue->disk, RESCUE_WRITE_TEXT, (struct bytes){NULL, 0}, NULL);
        written = await_last(rescue, &err);
    } else {
        written = journal_write_undo_text(rescue->journal, rescue->ledger, &err);
    }
    if (!written)
        take_refusal(rescue, NULL, &err);
}
