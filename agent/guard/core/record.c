/*
 * record: the names of journal records, for people and for the disk.
 */
#include "agent/guard/core/record.h"

#include "common/core/text.h"

static const char *const kind_names[] = {
    [RECORD_FLOOR] = "floor",     [RECORD_BEGIN] = "begin", [RECORD_INTENT] = "intent",
    [RECORD_RESULT] = "result",   [RECORD_MARK] = "mark",   [RECORD_ITEM] = "item",
    [RECORD_RECEIPT] = "receipt",
};
_Static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == RECORD_KIND_COUNT, "one name each");

static const char *const mark_names[] = {
    [MARK_APPLIED] = "applied",       [MARK_CONFIRMING] = "confirming",
    [MARK_CONFIRMED] = "confirmed",   [MARK_REVERTING] = "reverting",
    [MARK_INCOMPLETE] = "incomplete", [MARK_REVERTED] = "reverted",
    [MARK_POPPING] = "popping",       [MARK_POPPED] = "popped",
    [MARK_TOMBSTONE] = "tombstone",   [MARK_EXPIRED] = "expired",
};
_Static_assert(sizeof(mark_names) / sizeof(mark_names[0]) == MARK_COUNT, "one name each");

const char *record_kind_name(enum record_kind kind)
{
    return kind < RECORD_KIND_COUNT ? kind_names[kind] : "unknown";
}

const char *mark_name(enum mark mark)
{
    return mark < MARK_COUNT ? mark_names[mark] : "unknown";
}

bool mark_parse(const char *text, enum mark *ret_mark)
{
    for (unsigned i = 0; i < MARK_COUNT; i++) {
        if (text_equal(text, mark_names[i])) {
            *ret_mark = (enum mark)i;
            return true;
        }
    }
    return false;
}
