/*
 * journal_case: a journal in a directory of its own, and records to fill it with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/guard/io/seal.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"
#include "tests/unit/journal_case.h"

int journal_case_set_up(void **state)
{
    struct journal_case *place = mem_alloc(1, sizeof(*place));

    text_copy(place->state, sizeof(place->state), "/tmp/oceanid-journal-XXXXXX");
    assert_non_null(mkdtemp(place->state));
    snprintf(place->path, sizeof(place->path), "%s/journal", place->state);
    place->key = sign_key_generate();
    place->ledger = mem_alloc(1, sizeof(*place->ledger));
    unsetenv("OCEANID_BOOT_ID_FILE");
    *state = place;
    return 0;
}

int journal_case_tear_down(void **state)
{
    static const char *const names[] = {"journal", "journal.lock", "journal.damaged", "undo.txt",
                                        "boot"};
    struct journal_case *place = *state;
    char path[128];

    journal_close(place->journal);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", place->state, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(place->state), 0);
    sign_key_free(place->key);
    free(place->ledger);
    free(place);
    return 0;
}

void journal_case_open_again(struct journal_case *place)
{
    struct err err = ERR_INIT;

    journal_close(place->journal);
    ledger_init(place->ledger);
    place->journal = journal_open(place->state, false, place->ledger, &err);
    assert_string_equal(err.text, "");
    assert_non_null(place->journal);
}

/* ---- records --------------------------------------------------------------------------------- */

struct generation_id journal_case_id(uint8_t number)
{
    struct generation_id id = {.attempt = {.sequence = number}};

    memset(&id.attempt.body, number, sizeof(id.attempt.body));
    memset(&id.start, number, sizeof(id.start));
    return id;
}

void journal_case_append(struct journal_case *place, const struct guard_record *record,
                         const struct journal_extra *extra)
{
    struct err err = ERR_INIT;

    if (!journal_append(place->journal, record, extra, !place->careless, &err))
        fail_msg("%s", err.text);
    ledger_take(place->ledger, record);
}

/* One rule 5140 of its own, as a shield. */
void journal_case_fill_item(struct undo_item *item)
{
    struct rule *rule = &item->change.rule.rule;

    item->shield = item->change.shield = true;
    item->change.kind = OPERATION_RULE;
    rule->family = FAMILY_IPV4;
    rule->action = 1;
    rule->priority = SHIELD_PRIORITY_FROM;
    rule->table = 254;
    rule->protocol = OCEANID_PROTOCOL;
    rule->uid_last = UINT32_MAX;
    rule->suppress_prefixlength = rule->suppress_ifgroup = -1;
    assert_true(prefix_parse("203.0.113.10/32", &rule->source));
    snapshot_init(&item->before);
    snapshot_init(&item->after);
}

struct journal_generation *journal_case_make_generation(const struct generation_id *id)
{
    struct journal_generation *generation = mem_alloc(1, sizeof(*generation));
    struct approval approval = {.attempt = id->attempt, .not_after = 1};

    generation->id = *id;
    generation->body.data = mem_copy("a body", 6);
    generation->body.len = 6;
    generation->approval = wire_encode_approval(&approval);
    generation->items = mem_alloc(1, sizeof(*generation->items));
    generation->items_count = 1;
    generation->flows_held = 5;
    journal_case_fill_item(&generation->items[0]);
    return generation;
}

void journal_case_begin(struct journal_case *place, uint8_t number)
{
    struct guard_record record = {
        .kind = RECORD_BEGIN, .id = journal_case_id(number), .at = number};
    struct journal_extra extra = {.generation = journal_case_make_generation(&record.id)};

    snprintf(record.begin.change, sizeof(record.begin.change), "change-%u", number);
    record.begin.operations_count = 1;
    record.begin.removes[0] = 1;
    journal_case_append(place, &record, &extra);
    record.kind = RECORD_INTENT;
    journal_case_append(place, &record, NULL);
}

void journal_case_mark(struct journal_case *place, uint8_t number, enum mark what)
{
    struct guard_record record = {.kind = RECORD_MARK,
                                  .id = journal_case_id(number),
                                  .at = number,
                                  .mark = what,
                                  .soak_s = 60};

    journal_case_append(place, &record, NULL);
}

/* The receipt that the ledger owes, signed. */
static struct hash sign_owed(struct journal_case *place)
{
    struct guard_record record = {.kind = RECORD_RECEIPT, .id = place->ledger->owed.generation};
    struct journal_extra extra = {0};
    struct wire_bytes envelope;

    assert_true(place->ledger->owes);
    record.receipt.receipt = place->ledger->owed;
    text_copy(record.receipt.receipt.node, NAME_SIZE, "subject");
    record.receipt.receipt.index = place->ledger->receipt_index + 1;
    record.at = record.receipt.receipt.at = 100;
    envelope = seal_receipt(&record, place->key);
    extra.envelope = wire_lend(&envelope);
    journal_case_append(place, &record, &extra);
    wire_bytes_done(&envelope);
    return record.receipt.receipt_hash;
}

struct hash journal_case_confirm(struct journal_case *place, uint8_t number)
{
    journal_case_begin(place, number);
    journal_case_mark(place, number, MARK_CONFIRMED);
    return sign_owed(place);
}

struct hash journal_case_revert(struct journal_case *place, uint8_t number)
{
    journal_case_begin(place, number);
    journal_case_mark(place, number, MARK_REVERTING);
    journal_case_mark(place, number, MARK_REVERTED);
    return sign_owed(place);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

uint8_t *journal_case_read_file(const struct journal_case *place, size_t *ret_len)
{
    struct err err = ERR_INIT;
    uint8_t *data = NULL;

    assert_true(file_read(place->path, 1 << 20, &data, ret_len, &err));
    return data;
}

void journal_case_write_file(const struct journal_case *place, const uint8_t *data, size_t len)
{
    int fd = open(place->path, O_WRONLY | O_TRUNC | O_CREAT, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), len);
    close(fd);
}

void journal_case_flip(const struct journal_case *place, size_t at, uint8_t bits)
{
    size_t len;
    uint8_t *data = journal_case_read_file(place, &len);

    assert_true(at < len);
    data[at] ^= bits;
    journal_case_write_file(place, data, len);
    free(data);
}

void journal_case_move_damaged_away(const struct journal_case *place)
{
    char path[128];

    snprintf(path, sizeof(path), "%s.damaged", place->path);
    assert_int_equal(unlink(path), 0);
}
