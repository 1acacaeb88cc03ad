/*
 * journal_compact: the journal without what nobody needs any more; and undo.txt, for the worst of
 * days.
 *
 * What stands keeps all its records; of what has ended only begin (without body and undo), marks
 * and receipts stay. The new file is read again before it takes the old one's place.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/guard/core/undo_render.h"
#include "agent/guard/io/journal_disk.h"
#include "agent/guard/io/journal_frame.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"

/* ---- which records -------------------------------------------------------------------------- */

struct compaction {
    const struct ledger *ledger;
    const char *boot_id;
    uint64_t number;               /* of the record that is put: it keeps its own */
    struct generation_id *lifting; /* begins whose approval lifts an end that is remembered */
    size_t lifting_count, lifting_capacity;
    uint8_t *content;
    size_t len, capacity;
    bool has_sequence; /* a record of the highest sequence stays */
    int64_t latest;    /* when the latest of the kept records was written */
};

static bool lifts_an_end(const struct ledger *ledger, const struct record_begin *begin)
{
    for (uint32_t i = 0; i < begin->lifts_count; i++) {
        for (uint32_t j = 0; j < ledger->ends_count; j++) {
            if (hash_equal(&begin->lifts[i].receipt, &ledger->ends[j].receipt_hash))
                return true;
        }
    }
    return false;
}

static bool is_lifting(const struct compaction *compaction, const struct generation_id *id)
{
    for (size_t i = 0; i < compaction->lifting_count; i++) {
        if (generation_id_equal(&compaction->lifting[i], id))
            return true;
    }
    return false;
}

/* First reading: whose begins answer ends, and whether the highest sequence stays named. */
static bool take_first(void *context, struct bytes payload, bool behind_damage)
{
    struct compaction *compaction = context;
    struct journal_entry entry;
    struct err err = ERR_INIT;
    bool lifts;

    (void)behind_damage; /* then it is not compacted */
    if (!wire_decode_journal(payload, &entry, &err))
        return false;
    lifts =
        entry.record.kind == RECORD_BEGIN && lifts_an_end(compaction->ledger, &entry.record.begin);
    if (lifts) {
        compaction->lifting = mem_grow(compaction->lifting, compaction->lifting_count,
                                       &compaction->lifting_capacity, sizeof(*compaction->lifting));
        compaction->lifting[compaction->lifting_count++] = entry.record.id;
    }
    if ((lifts || ledger_needs(compaction->ledger, &entry.record.id)) &&
        entry.record.id.attempt.sequence == compaction->ledger->sequence)
        compaction->has_sequence = true;
    journal_entry_done(&entry);
    return true;
}

static bool stands(const struct ledger *ledger, const struct generation_id *id)
{
    return (ledger->is_open && generation_id_equal(&ledger->open.id, id)) ||
           ledger_find(ledger, id) != NULL;
}

static bool is_kept(const struct compaction *compaction, const struct journal_entry *entry)
{
    const struct generation_id *id = &entry->record.id;

    if (entry->record.kind == RECORD_FLOOR)
        return false;
    if (stands(compaction->ledger, id))
        return true;
    if (entry->record.kind == RECORD_INTENT || entry->record.kind == RECORD_RESULT ||
        entry->record.kind == RECORD_ITEM)
        return false;
    return is_lifting(compaction, id) || ledger_needs(compaction->ledger, id);
}

/* ---- the new file --------------------------------------------------------------------------- */

static void put(struct compaction *compaction, const struct guard_record *record,
                const char *boot_id, const struct journal_extra *extra)
{
    AUTO_WIRE struct wire_bytes payload =
        wire_encode_journal(record, compaction->number, boot_id, extra);
    AUTO_FREE uint8_t *frame = NULL;
    size_t len;

    frame = journal_frame_make(wire_lend(&payload), &len);
    while (compaction->len + len > compaction->capacity) {
        compaction->capacity = compaction->capacity == 0 ? 1 << 16 : compaction->capacity * 2;
        compaction->content = mem_resize(compaction->content, compaction->capacity, 1);
    }
    memcpy(compaction->content + compaction->len, frame, len);
    compaction->len += len;
}

/* A record that names the highest sequence raises it again, and with it whose it was. */
static void put_floor(struct compaction *compaction)
{
    const struct ledger *ledger = compaction->ledger;
    struct guard_record record = {.kind = RECORD_FLOOR, .at = ledger->time_floor};

    record.floor.time_floor = ledger->time_floor;
    record.floor.receipt_index = ledger->receipt_index;
    record.floor.sequence = ledger->sequence;
    if (compaction->has_sequence && ledger->sequence > 0)
        record.floor.sequence--;
    compaction->number = 1;
    put(compaction, &record, compaction->boot_id, NULL);
}

/* Root accepted a clock that is behind what kept records have seen: said again behind them. */
static void put_accepted(struct compaction *compaction)
{
    const struct ledger *ledger = compaction->ledger;
    struct guard_record record = {.kind = RECORD_FLOOR, .at = ledger->time_floor};

    record.floor.time_floor = ledger->time_floor;
    record.floor.accepted = true;
    if (compaction->latest > ledger->time_floor)
        put(compaction, &record, compaction->boot_id, NULL);
}

static bool take_second(void *context, struct bytes payload, bool behind_damage)
{
    struct compaction *compaction = context;
    struct journal_entry entry;
    struct err err = ERR_INIT;
    struct journal_extra extra = {0};

    (void)behind_damage; /* then it is not compacted */
    if (!wire_decode_journal(payload, &entry, &err))
        return false;
    if (stands(compaction->ledger, &entry.record.id)) {
        extra.generation = entry.generation;
        extra.items_count = entry.items_count;
        extra.items = entry.items;
    }
    extra.envelope = wire_lend(&entry.envelope);
    compaction->number = entry.number;
    if (is_kept(compaction, &entry)) {
        put(compaction, &entry.record, entry.boot_id, &extra);
        if (entry.record.at > compaction->latest)
            compaction->latest = entry.record.at;
    }
    journal_entry_done(&entry);
    return true;
}

/* ---- trust, but read ------------------------------------------------------------------------ */

static bool same_ends(const struct ledger *a, const struct ledger *b)
{
    if (a->ends_count != b->ends_count)
        return false;
    for (uint32_t i = 0; i < a->ends_count; i++) {
        if (!hash_equal(&a->ends[i].receipt_hash, &b->ends[i].receipt_hash) ||
            a->ends[i].answered != b->ends[i].answered || a->ends[i].lifted != b->ends[i].lifted)
            return false;
    }
    return true;
}

static bool same_generations(const struct ledger *a, const struct ledger *b)
{
    if (a->generations_count != b->generations_count || a->is_open != b->is_open)
        return false;
    for (uint32_t i = 0; i < a->generations_count; i++) {
        if (!generation_id_equal(&a->generations[i].id, &b->generations[i].id) ||
            a->generations[i].mark != b->generations[i].mark ||
            a->generations[i].in_doubt != b->generations[i].in_doubt ||
            memcmp(a->generations[i].touched, b->generations[i].touched,
                   sizeof(a->generations[i].touched)) != 0)
            return false;
    }
    return true;
}

static bool same_order(const struct ledger *a, const struct ledger *b)
{
    const struct ledger_generation *in_a = ledger_ordered(a), *in_b = ledger_ordered(b);

    return (in_a == NULL) == (in_b == NULL) &&
           (in_a == NULL || in_a - a->generations == in_b - b->generations);
}

static bool same_ledger(const struct ledger *a, const struct ledger *b)
{
    return a->sequence == b->sequence && hash_equal(&a->sequence_body, &b->sequence_body) &&
           a->receipt_index == b->receipt_index && a->owes == b->owes &&
           a->time_floor == b->time_floor && same_generations(a, b) && same_order(a, b) &&
           same_ends(a, b);
}

static bool replay(const struct compaction *compaction, struct ledger *ret_ledger)
{
    struct bytes rest = {compaction->content, compaction->len};
    struct bytes payload;

    ledger_init(ret_ledger);
    while (journal_frame_look(rest, &payload) == FRAME_WHOLE) {
        struct journal_entry entry;
        struct err err = ERR_INIT;

        if (!wire_decode_journal(payload, &entry, &err))
            return false;
        ledger_take(ret_ledger, &entry.record);
        journal_entry_done(&entry);
        rest.data += FRAME_HEAD + payload.len;
        rest.len -= FRAME_HEAD + payload.len;
    }
    return rest.len == 0;
}

static bool says_the_same(const struct compaction *compaction)
{
    struct ledger *ledger = mem_alloc(1, sizeof(*ledger));
    bool same = replay(compaction, ledger) && same_ledger(ledger, compaction->ledger);

    free(ledger);
    return same;
}

/* Nothing is cut off here: what cannot be read makes compacting fail. */
static bool read_whole(const struct journal_file *file, journal_payload_fn payload_fn,
                       struct compaction *compaction, struct err *err)
{
    struct journal_file look = *file;

    look.read_only = true;
    look.damage[0] = '\0';
    return journal_file_read(&look, payload_fn, compaction, err) &&
           (look.damage[0] == '\0' || err_set(err, ERR_CONFLICT, "%s", look.damage));
}

static bool compact(struct journal *journal, struct compaction *compaction, struct err *err)
{
    if (!read_whole(&journal->file, take_first, compaction, err))
        return false;
    put_floor(compaction);
    if (!read_whole(&journal->file, take_second, compaction, err))
        return false;
    put_accepted(compaction);
    if (!says_the_same(compaction))
        return err_set(err, ERR_CONFLICT,
                       "the compacted journal would not say the same: the old one stays");
    return journal_file_replace(&journal->file,
                                (struct bytes){compaction->content, compaction->len}, err);
}

bool journal_compact(struct journal *journal, const struct ledger *ledger, struct err *err)
{
    struct compaction compaction = {.ledger = ledger, .boot_id = journal->boot_id};
    bool done = compact(journal, &compaction, err);

    free(compaction.lifting);
    free(compaction.content);
    return done;
}

/* ---- undo.txt ------------------------------------------------------------------------------- */

struct page {
    char *data;
    size_t len, capacity;
    bool by_hand;  /* something above is to be typed in a shell */
    bool in_order; /* and all that follows with it */
    bool setting;  /* the step has changed one */
};

static void page_add_text(struct page *page, const char *text)
{
    size_t len = strlen(text);

    while (page->len + len + 2 > page->capacity) {
        page->capacity = page->capacity == 0 ? 4096 : page->capacity * 2;
        page->data = mem_resize(page->data, page->capacity, 1);
    }
    memcpy(page->data + page->len, text, len + 1);
    page->len += len;
}

static void page_add(struct page *page, const char *line)
{
    size_t len = strlen(line);

    page_add_text(page, line);
    if (len == 0 || line[len - 1] != '\n')
        page_add_text(page, "\n");
}

/* What comes back with a setting, or goes with an address, the steps below may have to do with. */
static bool holds_up_all(const struct page *page, const char *line)
{
    return text_starts(line, "# ip address ") || text_starts(line, "# ip route ") ||
           text_starts(line, "# ip nexthop ") ||
           (page->setting && strstr(line, ".disable_ipv6=0") != NULL);
}

static void page_add_typed(struct page *page, const char *line)
{
    if (line[0] != '#')
        page_add_text(page, "# ip ");
    page_add(page, line);
}

static void page_add_line(struct page *page, const char *line)
{
    page->in_order |= holds_up_all(page, line);
    if (page->in_order)
        page_add_typed(page, line);
    else
        page_add(page, line);
}

static void add_lost(void *context, const char *line)
{
    struct page *page = context;

    page->by_hand |= line[0] == '#';
    page_add_line(page, line);
}

enum { STEP_SIZE = 8192 }; /* holds two routes */

static void page_add_lines(struct page *page, char *lines, bool is_held)
{
    char *rest = NULL;

    for (char *line = strtok_r(lines, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (is_held)
            page_add_typed(page, line);
        else
            page_add_line(page, line);
    }
}

/* A shield goes behind what it shields: where ip(8) passes over that, it passes over the shield. */
static void page_add_step(struct page *page, const struct undo_item *item)
{
    bool is_held = page->by_hand && item->change.shield;
    char lines[STEP_SIZE] = "";
    struct text text = TEXT_IN(lines);

    page->setting =
        item->change.kind == OPERATION_SYSCTL && !operation_holds(&item->change, &item->before);
    if (!undo_render_batch(item, &text)) {
        is_held = false;
        if (!item->change.shield && !undo_render_is_nothing(item))
            page->by_hand = true;
    }
    page_add_lines(page, lines, is_held);
    undo_render_batch_lost(item, add_lost, page);
}

/* Of the open trial all that it is to do: this is given to the disk before any of it is touched. */
static void page_add_generation(struct page *page, struct journal *journal,
                                const struct ledger_generation *from, bool is_open)
{
    struct journal_generation *kept = journal_find(journal, &from->id);
    char line[NAME_SIZE + 64];
    struct text text = TEXT_IN(line);

    text_add(&text, "# %s %s, sequence %llu", is_open ? "open trial" : "confirmed",
             from->begin.change, (unsigned long long)from->id.attempt.sequence);
    page_add(page, line);
    if (kept == NULL)
        page_add(page, "# its undo is not in the journal");
    for (uint32_t i = kept != NULL ? kept->items_count : 0; i-- > 0;) {
        const struct undo_item *item = &kept->items[i];

        if (item->operation >= OPERATIONS_MAX || (!is_open && !from->touched[item->operation]))
            continue;
        page_add_step(page, item);
    }
}

char *journal_render_undo_text(struct journal *journal, const struct ledger *ledger)
{
    static const char *const head[] = {
        "# What takes back Oceanid's changes on this host, newest first.",
        "# oceanid-rollback does it, and verifies. Without it: first `ip -batch THIS`, which stops",
        "# at a line that the kernel refuses (look at it, then -force). Then type in a shell, from",
        "# the top, what stands behind a # and is a command: shields that still have to stand",
        "# until then are among those. At the end, once more and in order, what was to be put or",
        "# set, was refused, and is not there yet: what it needs may stand below it; and what a "
        "line",
        "# below deletes of that. A line may say that ip(8) has no words for something: that, and",
        "# what needs it, only oceanid-rollback puts back.",
    };
    struct page page = {.data = NULL};

    for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
        page_add(&page, head[i]);
    if (ledger->is_open)
        page_add_generation(&page, journal, &ledger->open, true);
    for (uint32_t i = ledger->generations_count; i-- > 0;)
        page_add_generation(&page, journal, &ledger->generations[i], false);
    if (!ledger->is_open && ledger->generations_count == 0)
        page_add(&page, "# nothing is changed");
    return page.data;
}

bool journal_write_undo_text(struct journal *journal, const struct ledger *ledger, struct err *err)
{
    AUTO_FREE char *text = journal_render_undo_text(journal, ledger);
    char path[JOURNAL_PATH_SIZE];

    return file_join(path, sizeof(path), journal->state, "undo.txt", err) &&
           file_write(path, text, strlen(text), 0600, err);
}
