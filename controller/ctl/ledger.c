/*
 * ledger: JSON lines with what was signed and how it ended.
 */
#include "controller/ctl/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "controller/ctl/field.h"

enum { LEDGER_SIZE_MAX = 64 << 20 };

static json_t *hex(const uint8_t *bytes, size_t len)
{
    AUTO_FREE char *text = mem_alloc(2 * len + 1, 1);

    bytes_format_hex(bytes, len, text);
    return json_string(text);
}

static void keep_signed(struct ledger *ledger, const struct ledger_signed *entry)
{
    ledger->entries = mem_grow(ledger->entries, ledger->signed_count, &ledger->signed_capacity,
                               sizeof(*ledger->entries));
    ledger->entries[ledger->signed_count++] = *entry;
}

bool ledger_has_signed(const struct ledger *ledger, const struct attempt *attempt)
{
    for (size_t i = 0; i < ledger->signed_count; i++) {
        if (attempt_equal(&ledger->entries[i].attempt, attempt))
            return true;
    }
    return false;
}

static bool keep_receipt(struct ledger *ledger, struct bytes envelope, uint64_t signer,
                         struct err *err)
{
    struct ledger_receipt *fresh;

    ledger->receipts = mem_grow(ledger->receipts, ledger->receipts_count,
                                &ledger->receipts_capacity, sizeof(*ledger->receipts));
    fresh = &ledger->receipts[ledger->receipts_count];
    if (!wire_decode_receipt(envelope, &fresh->receipt, err) ||
        !wire_payload_hash(envelope, &fresh->hash, err))
        return false;
    fresh->signer = signer;
    fresh->is_strange = !ledger_has_signed(ledger, &fresh->receipt.generation.attempt);
    ledger->receipts_count++;
    return true;
}

static void read_names(const json_t *array, struct ledger_signed *entry)
{
    for (size_t i = 0; i < json_array_size(array) && i < NODES_MAX; i++) {
        const char *name = json_string_value(json_array_get(array, i));

        text_copy(entry->targets[entry->targets_count++], NAME_SIZE, name != NULL ? name : "");
    }
}

static bool read_lifts(const json_t *array, struct ledger_signed *entry, struct err *err)
{
    for (size_t i = 0; i < json_array_size(array) && i < LIFTS_MAX; i++) {
        const json_t *item = json_array_get(array, i);

        if (!field_hash(item, "receipt", &entry->lifts[i].receipt))
            return err_set(err, ERR_INPUT, "a lift is not as oceanidctl writes it");
        entry->lifts[i].named = field_is_true(item, "named");
        entry->lifts_count++;
    }
    return true;
}

static bool read_signed(struct ledger *ledger, const json_t *line, struct err *err)
{
    AUTO_FREE struct ledger_signed *entry = mem_alloc(1, sizeof(*entry));

    if (!field_hash(line, "body", &entry->attempt.body) || field_number(line, "sequence") <= 0)
        return err_set(err, ERR_INPUT, "body or sequence is not as oceanidctl writes it");
    entry->attempt.sequence = (uint64_t)field_number(line, "sequence");
    text_copy(entry->change, sizeof(entry->change), field_text(line, "change"));
    entry->signed_at = field_number(line, "at");
    entry->not_after = field_number(line, "not_after");
    entry->trial_max_s = (unsigned)field_number(line, "trial_max_s");
    read_names(field_array(line, "targets"), entry);
    if (!read_lifts(field_array(line, "lifts"), entry, err))
        return false;
    keep_signed(ledger, entry);
    return true;
}

static bool read_receipt(struct ledger *ledger, const json_t *line, struct err *err)
{
    const char *text = field_text(line, "envelope");
    size_t len = strlen(text) / 2;
    AUTO_FREE uint8_t *envelope = mem_alloc(len, 1);
    uint64_t signer = strtoull(field_text(line, "signer"), NULL, 16);

    if (!bytes_parse_hex(text, envelope, len))
        return err_set(err, ERR_INPUT, "a receipt's envelope is not hexadecimal");
    return keep_receipt(ledger, (struct bytes){envelope, len}, signer, err);
}

static bool read_line(struct ledger *ledger, const char *text, size_t len, struct err *err)
{
    json_error_t reason;
    AUTO_JSON json_t *line = json_loadb(text, len, 0, &reason);
    const char *kind = field_text(line, "kind");

    if (line == NULL)
        return err_set(err, ERR_INPUT, "%s", reason.text);
    if (text_equal(kind, "signed"))
        return read_signed(ledger, line, err);
    if (text_equal(kind, "receipt"))
        return read_receipt(ledger, line, err);
    return err_set(err, ERR_INPUT, "kind '%.40s': accepted are signed and receipt", kind);
}

/* A last line without its end was never relied upon: a crash cut it. */
static bool read_lines(struct ledger *ledger, const char *path, char *text, size_t len,
                       size_t *ret_whole, struct err *err)
{
    unsigned number = 1;

    *ret_whole = 0;
    while (*ret_whole < len) {
        const char *start = text + *ret_whole;
        const char *end = memchr(start, '\n', len - *ret_whole);

        if (end == NULL)
            return true;
        if (!read_line(ledger, start, (size_t)(end - start), err))
            return err_wrap(err, "%s:%u", path, number);
        *ret_whole += (size_t)(end - start) + 1;
        number++;
    }
    return true;
}

static bool read_file(struct ledger *ledger, const char *path, struct err *err)
{
    struct stat status;
    AUTO_FREE char *text = NULL;
    size_t whole;

    if (fstat(ledger->fd, &status) < 0)
        return err_set(err, ERR_SYSTEM, "%s: %s", path, strerror(errno));
    if (status.st_size > LEDGER_SIZE_MAX)
        return err_set(err, ERR_LIMIT, "%s has %lld bytes: accepted are at most %d", path,
                       (long long)status.st_size, LEDGER_SIZE_MAX);
    text = mem_alloc((size_t)status.st_size + 1, 1);
    if (pread(ledger->fd, text, (size_t)status.st_size, 0) != (ssize_t)status.st_size)
        return err_set(err, ERR_SYSTEM, "%s: cannot read it whole", path);
    if (!read_lines(ledger, path, text, (size_t)status.st_size, &whole, err))
        return false;
    if (whole < (size_t)status.st_size && ftruncate(ledger->fd, (off_t)whole) < 0)
        return err_set(err, ERR_SYSTEM, "%s: cannot cut its torn last line: %s", path,
                       strerror(errno));
    return true;
}

bool ledger_open(struct ledger *ledger, const char *path, struct err *err)
{
    *ledger = (struct ledger){.fd = -1};
    ledger->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (ledger->fd < 0)
        return err_set(err, ERR_SYSTEM, "cannot open the ledger %s: %s", path, strerror(errno));
    if (flock(ledger->fd, LOCK_EX) < 0 || !read_file(ledger, path, err)) {
        if (err->kind == ERR_NONE)
            err_set(err, ERR_SYSTEM, "cannot lock the ledger %s: %s", path, strerror(errno));
        ledger_close(ledger);
        return false;
    }
    return true;
}

void ledger_close(struct ledger *ledger)
{
    if (ledger->fd >= 0)
        close(ledger->fd);
    free(ledger->entries);
    free(ledger->receipts);
    free(ledger->crowded);
    *ledger = (struct ledger){.fd = -1};
}

/* A line that did not go out whole is cut off again: the next one must begin on its own. */
static bool append(struct ledger *ledger, const json_t *line, struct err *err)
{
    AUTO_FREE char *text = json_dumps(line, JSON_COMPACT);
    size_t len = strlen(text);
    struct stat before;

    text[len] = '\n'; /* one write: the NUL becomes the line's end */
    if (fstat(ledger->fd, &before) == 0) {
        if (write(ledger->fd, text, len + 1) == (ssize_t)(len + 1) && fsync(ledger->fd) == 0)
            return true;
        err_set(err, ERR_SYSTEM, "cannot write the ledger: %s; nothing was signed",
                strerror(errno));
        if (ftruncate(ledger->fd, before.st_size) == 0)
            return false;
    }
    return err_set(err, ERR_SYSTEM, "cannot write the ledger: %s; nothing was signed",
                   strerror(errno));
}

uint64_t ledger_next_sequence(const struct ledger *ledger)
{
    uint64_t highest = 0;

    for (size_t i = 0; i < ledger->signed_count; i++) {
        if (ledger->entries[i].attempt.sequence > highest)
            highest = ledger->entries[i].attempt.sequence;
    }
    return highest + 1;
}

const struct ledger_receipt *ledger_find(const struct ledger *ledger, const struct hash *receipt)
{
    for (size_t i = 0; i < ledger->receipts_count; i++) {
        if (hash_equal(&ledger->receipts[i].hash, receipt))
            return &ledger->receipts[i];
    }
    return NULL;
}

bool ledger_add_signed(struct ledger *ledger, const struct ledger_signed *entry, struct err *err)
{
    AUTO_JSON json_t *line = json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I}", "kind", "signed", "change", entry->change, "sequence",
        (json_int_t)entry->attempt.sequence, "at", (json_int_t)entry->signed_at, "not_after",
        (json_int_t)entry->not_after, "trial_max_s", (json_int_t)entry->trial_max_s);
    json_t *targets = json_array();
    json_t *lifts = json_array();

    for (uint32_t i = 0; i < entry->targets_count; i++)
        json_array_append_new(targets, json_string(entry->targets[i]));
    for (uint32_t i = 0; i < entry->lifts_count; i++)
        json_array_append_new(lifts, json_pack("{s:o, s:b}", "receipt",
                                               hex(entry->lifts[i].receipt.bytes, HASH_SIZE),
                                               "named", entry->lifts[i].named));
    json_object_set_new(line, "body", hex(entry->attempt.body.bytes, HASH_SIZE));
    json_object_set_new(line, "targets", targets);
    json_object_set_new(line, "lifts", lifts);
    if (!append(ledger, line, err))
        return false;
    keep_signed(ledger, entry);
    return true;
}

static bool append_receipt(struct ledger *ledger, const struct ledger_receipt *fresh,
                           struct bytes envelope, struct err *err)
{
    char signer[17];
    AUTO_JSON json_t *line = NULL;

    snprintf(signer, sizeof(signer), "%016llx", (unsigned long long)fresh->signer);
    line = json_pack("{s:s, s:s, s:s, s:I, s:s}", "kind", "receipt", "node", fresh->receipt.node,
                     "what", receipt_kind_name(fresh->receipt.kind), "sequence",
                     (json_int_t)fresh->receipt.generation.attempt.sequence, "signer", signer);
    json_object_set_new(line, "envelope", hex(envelope.data, envelope.len));
    return append(ledger, line, err);
}

bool ledger_add_receipt(struct ledger *ledger, struct bytes envelope,
                        const struct public_key *signer, struct err *err)
{
    AUTO_FREE struct receipt *receipt = mem_alloc(1, sizeof(*receipt));
    enum ledger_room room;
    struct hash hash;

    if (!wire_decode_receipt(envelope, receipt, err) || !wire_payload_hash(envelope, &hash, err))
        return false;
    room = ledger_find_room(ledger, receipt, &hash, ledger_signer(signer));
    if (room == LEDGER_IS_FULL)
        ledger_note_crowded(ledger, receipt->node);
    if (room != LEDGER_HAS_ROOM)
        return true;
    return keep_receipt(ledger, envelope, ledger_signer(signer), err) &&
           append_receipt(ledger, &ledger->receipts[ledger->receipts_count - 1], envelope, err);
}
