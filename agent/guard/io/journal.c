/*
 * journal: what was kept of the open trial and the generations, in memory as on disk.
 */
#include "agent/guard/io/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/guard/io/disk_read.h"
#include "agent/guard/io/journal_disk.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"

enum { DOUBT_MS = 2000 };

/* ---- generations ---------------------------------------------------------------------------- */

void journal_generation_done(struct journal_generation *generation)
{
    for (uint32_t i = 0; i < generation->items_count; i++)
        undo_item_done(&generation->items[i]);
    free(generation->items);
    wire_bytes_done(&generation->body);
    wire_bytes_done(&generation->approval);
    memset(generation, 0, sizeof(*generation));
}

static void free_generation(struct journal_generation *generation)
{
    if (generation == NULL)
        return;
    journal_generation_done(generation);
    free(generation);
}

struct undo_item *journal_generation_item(struct journal_generation *generation, uint32_t operation)
{
    if (operation < generation->items_count &&
        generation->items[operation].operation == operation) /* as the guard makes them */
        return &generation->items[operation];
    for (uint32_t i = 0; i < generation->items_count; i++) {
        if (generation->items[i].operation == operation)
            return &generation->items[i];
    }
    return NULL;
}

void journal_copy_item(struct undo_item *ret_item, const struct undo_item *from)
{
    *ret_item = *from;
    snapshot_copy(&ret_item->before, &from->before);
    snapshot_copy(&ret_item->after, &from->after);
    snapshot_copy(&ret_item->others, &from->others);
}

struct journal_generation *journal_find(struct journal *journal, const struct generation_id *id)
{
    for (size_t i = 0; i < journal->generations_count; i++) {
        if (generation_id_equal(&journal->generations[i]->id, id))
            return journal->generations[i];
    }
    return NULL;
}

void journal_drop(struct journal *journal, const struct generation_id *id)
{
    for (size_t i = 0; i < journal->generations_count; i++) {
        if (generation_id_equal(&journal->generations[i]->id, id)) {
            free_generation(journal->generations[i]);
            journal->generations[i] = journal->generations[--journal->generations_count];
            return;
        }
    }
}

static void keep_generation_take(struct journal *journal, struct journal_generation *generation)
{
    journal_drop(journal, &generation->id);
    journal->generations = mem_grow(journal->generations, journal->generations_count,
                                    &journal->generations_capacity, sizeof(*journal->generations));
    journal->generations[journal->generations_count++] = generation;
}

/* The one with its After takes the place of the one without. */
static void keep_item(struct journal *journal, const struct generation_id *id,
                      const struct undo_item *item)
{
    struct journal_generation *generation = journal_find(journal, id);
    struct undo_item *at =
        generation != NULL ? journal_generation_item(generation, item->operation) : NULL;

    if (at == NULL || at == item)
        return;
    undo_item_done(at);
    journal_copy_item(at, item);
}

/* ---- receipts ------------------------------------------------------------------------------- */

static void keep_receipt(struct journal *journal, const struct hash *hash, struct bytes envelope)
{
    struct journal_receipt *receipt;

    journal->receipts = mem_grow(journal->receipts, journal->receipts_count,
                                 &journal->receipts_capacity, sizeof(*journal->receipts));
    receipt = &journal->receipts[journal->receipts_count++];
    receipt->hash = *hash;
    receipt->envelope.data = mem_copy(envelope.data, envelope.len);
    receipt->envelope.len = envelope.len;
}

struct bytes journal_find_receipt(const struct journal *journal, const struct hash *receipt)
{
    for (size_t i = journal->receipts_count; i-- > 0;) {
        if (hash_equal(&journal->receipts[i].hash, receipt))
            return wire_lend(&journal->receipts[i].envelope);
    }
    return (struct bytes){NULL, 0};
}

static bool ends_with(const struct ledger *ledger, const struct hash *receipt)
{
    for (uint32_t i = 0; i < ledger->ends_count; i++) {
        if (hash_equal(&ledger->ends[i].receipt_hash, receipt))
            return true;
    }
    return false;
}

static void forget_receipts(struct journal *journal, const struct ledger *ledger)
{
    size_t kept = 0;

    for (size_t i = 0; i < journal->receipts_count; i++) {
        if (ends_with(ledger, &journal->receipts[i].hash))
            journal->receipts[kept++] = journal->receipts[i];
        else
            wire_bytes_done(&journal->receipts[i].envelope);
    }
    journal->receipts_count = kept;
}

void journal_forget(struct journal *journal, const struct ledger *ledger)
{
    for (size_t i = journal->generations_count; i-- > 0;) {
        const struct generation_id id = journal->generations[i]->id;

        if (!(ledger->is_open && generation_id_equal(&ledger->open.id, &id)) &&
            ledger_find(ledger, &id) == NULL)
            journal_drop(journal, &id);
    }
    forget_receipts(journal, ledger);
}

/* ---- records -------------------------------------------------------------------------------- */

void journal_keep(struct journal *journal, const struct guard_record *record,
                  const struct journal_extra *extra)
{
    if (extra == NULL)
        return;
    if (record->kind == RECORD_BEGIN && extra->generation != NULL)
        keep_generation_take(journal, extra->generation);
    else if (record->kind == RECORD_RECEIPT && extra->envelope.len > 0)
        keep_receipt(journal, &record->receipt.receipt_hash, extra->envelope);
    for (uint32_t i = 0; record->kind == RECORD_RESULT && i < extra->items_count; i++)
        keep_item(journal, &record->id, &extra->items[i]);
}

/* A begin that could not be read again would leave a change that nobody takes back; behind any
 * other nothing would be read. */
static bool reads_again(const struct wire_bytes *encoded)
{
    struct journal_entry entry;
    struct err err = ERR_INIT;

    if (!wire_decode_journal(wire_lend(encoded), &entry, &err))
        return false;
    journal_entry_done(&entry);
    return true;
}

struct wire_bytes journal_encode(struct journal *journal, const struct guard_record *record,
                                 const struct journal_extra *extra)
{
    struct wire_bytes encoded =
        wire_encode_journal(record, ++journal->number, journal->boot_id, extra);

    if (extra == NULL || reads_again(&encoded))
        return encoded;
    wire_bytes_done(&encoded);
    if (record->kind == RECORD_RESULT) /* its After is expected instead of known */
        encoded = wire_encode_journal(record, journal->number, journal->boot_id, NULL);
    return encoded;
}

bool journal_write(struct journal *journal, struct bytes encoded, bool durable, struct err *err)
{
    return journal_file_append(&journal->file, encoded, durable, err);
}

bool journal_sync(struct journal *journal, struct err *err)
{
    return journal_file_sync(&journal->file, err);
}

bool journal_cut(struct journal *journal)
{
    return journal_file_cut(&journal->file);
}

void journal_go_on(struct journal *journal, uint64_t end)
{
    journal_file_go_on(&journal->file, end);
}

uint64_t journal_end(const struct journal *journal)
{
    return journal->file.size;
}

bool journal_append(struct journal *journal, const struct guard_record *record,
                    const struct journal_extra *extra, bool durable, struct err *err)
{
    AUTO_WIRE struct wire_bytes encoded = journal_encode(journal, record, extra);

    if (journal_write(journal, wire_lend(&encoded), durable, err)) {
        journal_keep(journal, record, extra);
        return true;
    }
    if (extra != NULL && record->kind == RECORD_BEGIN)
        free_generation(extra->generation);
    return false;
}

/* ---- opening -------------------------------------------------------------------------------- */

struct reading {
    struct journal *journal;
    struct ledger *ledger;
    char last_boot_id[BOOT_ID_SIZE];
};

/* With a boot all of others went, and comes as the host comes up. */
static void drop_others(struct journal_entry *entry)
{
    for (uint32_t i = 0; i < entry->items_count; i++)
        snapshot_done(&entry->items[i].others);
}

/* What only looks like a record, inside of one that is damaged, is none: numbers grow. */
static bool take_payload(void *context, struct bytes payload, bool behind_damage)
{
    struct reading *reading = context;
    struct journal_entry entry;
    struct err err = ERR_INIT;
    struct journal_extra extra = {0};

    if (!wire_decode_journal(payload, &entry, &err))
        return false;
    if (behind_damage && entry.number < reading->journal->number) {
        journal_entry_done(&entry);
        return false;
    }
    if (!text_equal(entry.boot_id, reading->journal->boot_id))
        drop_others(&entry);
    extra.generation = entry.generation;
    extra.envelope = wire_lend(&entry.envelope);
    extra.items_count = entry.items_count;
    extra.items = entry.items;
    if (entry.record.kind == RECORD_BEGIN)
        entry.generation = NULL; /* taken */
    journal_keep(reading->journal, &entry.record, &extra);
    ledger_take(reading->ledger, &entry.record);
    reading->journal->number = entry.number;
    text_copy(reading->last_boot_id, sizeof(reading->last_boot_id), entry.boot_id);
    journal_entry_done(&entry);
    return true;
}

/* Of whoever only looks, maybe at a dead disk whose page cache has the journal. Unanswered counts
 * as doubtful: then all of what is open is undone. */
static bool may_be_doubtful(const struct journal *journal)
{
    char path[JOURNAL_PATH_SIZE + 16];
    AUTO_FREE uint8_t *some = NULL;
    struct disk_read read;
    struct err err = ERR_INIT;
    size_t len;

    snprintf(path, sizeof(path), "%s.damaged", journal->file.path);
    disk_read_start(&read, path, 0);
    (void)!disk_read_take(&read, clock_now() + DOUBT_MS, &some, &len, &err);
    return journal->file.damaged || err.kind != ERR_MISSING;
}

static bool open_journal(struct journal *journal, const char *state, bool read_only,
                         struct ledger *ledger, struct err *err)
{
    struct reading reading = {.journal = journal, .ledger = ledger};

    if (!clock_boot_id(journal->boot_id, sizeof(journal->boot_id), err) ||
        !journal_file_open(&journal->file, state, read_only, err) ||
        !journal_file_read(&journal->file, take_payload, &reading, err))
        return false;
    text_copy(journal->state, sizeof(journal->state), state);
    journal->rebooted =
        reading.last_boot_id[0] != '\0' && !text_equal(reading.last_boot_id, journal->boot_id);
    if (read_only ? may_be_doubtful(journal) : journal_is_doubtful(journal))
        ledger_doubt(ledger);
    journal_forget(journal, ledger);
    return true;
}

struct journal *journal_open(const char *state, bool read_only, struct ledger *ledger,
                             struct err *err)
{
    struct journal *journal = mem_alloc(1, sizeof(*journal));

    journal->file.fd = journal->file.lock_fd = -1;
    if (open_journal(journal, state, read_only, ledger, err))
        return journal;
    journal_close(journal);
    return NULL;
}

void journal_close(struct journal *journal)
{
    if (journal == NULL)
        return;
    journal_file_close(&journal->file);
    for (size_t i = 0; i < journal->generations_count; i++)
        free_generation(journal->generations[i]);
    for (size_t i = 0; i < journal->receipts_count; i++)
        wire_bytes_done(&journal->receipts[i].envelope);
    free(journal->generations);
    free(journal->receipts);
    free(journal);
}

pid_t journal_holder(const char *state)
{
    return journal_file_holder(state);
}

bool journal_was_rebooted(const struct journal *journal)
{
    return journal->rebooted;
}

const char *journal_damage(const struct journal *journal)
{
    return journal->file.damage;
}

bool journal_is_doubtful(const struct journal *journal)
{
    char path[JOURNAL_PATH_SIZE + 16];

    snprintf(path, sizeof(path), "%s.damaged", journal->file.path);
    return journal->file.damaged || access(path, F_OK) == 0;
}

bool journal_is_writable(const struct journal *journal)
{
    return journal->file.writable;
}

uint64_t journal_size(const struct journal *journal)
{
    return journal->file.size;
}
