/*
 * reread: undo items, there and back through the bytes of the journal.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/guard/io/wire_journal.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "tests/plans/play_parts.h"

void play_put_after(struct undo_item *there, struct undo_item *item)
{
    struct snapshot after = item->after, others = item->others;

    item->after = there->after;
    item->others = there->others;
    there->after = after;
    there->others = others;
    there->has_after = item->has_after;
}

static struct journal_entry through(const struct guard_record *record,
                                    const struct journal_extra *extra)
{
    AUTO_WIRE struct wire_bytes bytes = wire_encode_journal(record, 1, "boot", extra);
    struct journal_entry entry;
    struct err err = ERR_INIT;

    if (!wire_decode_journal(wire_lend(&bytes), &entry, &err))
        dump_give_up(err.text);
    return entry;
}

static void take_results(struct play *play, struct undo_item *to)
{
    for (uint32_t i = 0; i < play->items_count; i++) {
        struct guard_record record = {.kind = RECORD_RESULT, .operation = i, .ok = true};
        struct journal_extra extra = {.items_count = 1, .items = &play->items[i]};
        struct journal_entry entry;

        if (!play->items[i].has_after)
            continue;
        entry = through(&record, &extra);
        if (entry.items_count == 1)
            play_put_after(&to[i], &entry.items[0]);
        journal_entry_done(&entry);
    }
}

/* What was begun, and each result, as whoever reads the journal has them. */
void play_reread(struct play *play)
{
    struct guard_record record = {.kind = RECORD_BEGIN};
    struct journal_generation generation = {.items_count = play->items_count};
    struct journal_extra extra = {.generation = &generation};
    struct journal_entry entry;

    text_copy(record.begin.change, sizeof(record.begin.change), "drawn");
    record.begin.operations_count = play->items_count;
    generation.items = mem_copy(play->items, play->items_count * sizeof(*play->items));
    for (uint32_t i = 0; i < play->items_count; i++) {
        generation.items[i].has_after = false;
        memset(&generation.items[i].after, 0, sizeof(generation.items[i].after));
        memset(&generation.items[i].others, 0, sizeof(generation.items[i].others));
    }
    entry = through(&record, &extra);
    free(generation.items);
    if (entry.generation == NULL || entry.generation->items_count != play->items_count)
        dump_give_up("the journal has other items");
    take_results(play, entry.generation->items);
    for (uint32_t i = 0; i < play->items_count; i++)
        undo_item_done(&play->items[i]);
    free(play->items);
    play->items = entry.generation->items;
    entry.generation->items = NULL;
    entry.generation->items_count = 0;
    journal_entry_done(&entry);
}
