/*
 * reporter: what the controller is still to be told.
 */
#include "agent/io/reporter.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/log.h"

enum {
    KNOWN_MAX = CHECKS_MAX + NODES_MAX,
    ITEMS_MAX = 512,  /* handed in and not told; the oldest give way */
    GUARD_MAX = 16,   /* in one report */
    SOURCES_MAX = 16, /* in one report */
    DRIFT_LINES_MAX = 64,
};

struct known {
    struct verdict verdict;
    bool fresh; /* not acknowledged as it is */
    bool out;   /* in the report that is out */
};

enum item_kind { ITEM_GUARD, ITEM_STATEMENT, ITEM_SOURCE, ITEM_SNAPSHOT };

struct item {
    struct item *next;
    enum item_kind kind;
    uint64_t answers;
    struct wire_bytes bytes; /* guard, statement */
    struct source_seen source;
    struct snapshot *snapshot;
    bool out;
};

struct reporter {
    uint32_t known_count;
    struct known known[KNOWN_MAX];
    uint32_t drift_count;
    char drift[DRIFT_LINES_MAX][SENTENCE_SIZE];
    bool full_wanted;
    bool telling; /* everything again, and no report has had room left since */
    int64_t event_at_us;
    struct item *first;
    uint32_t items_count;
    uint64_t id;                    /* of the last report */
    bool out;                       /* it is not answered */
    bool out_telling;               /* it tells everything again, or a part of it */
    struct session_request request; /* scratch */
};

struct reporter *reporter_new(void)
{
    return mem_alloc(1, sizeof(struct reporter));
}

static void free_item(struct item *item)
{
    wire_bytes_done(&item->bytes);
    if (item->snapshot != NULL)
        snapshot_done(item->snapshot);
    free(item->snapshot);
    free(item);
}

void reporter_free(struct reporter *reporter)
{
    while (reporter->first != NULL) {
        struct item *item = reporter->first;

        reporter->first = item->next;
        free_item(item);
    }
    free(reporter);
}

/* ---- what is to be told ---------------------------------------------------------------------- */

void reporter_tell_verdict(struct reporter *reporter, const struct verdict *verdict,
                           int64_t event_at_us)
{
    uint32_t i = 0;

    while (i < reporter->known_count &&
           !text_equal(reporter->known[i].verdict.check, verdict->check))
        i++;
    if (i == KNOWN_MAX)
        return;
    if (i == reporter->known_count)
        reporter->known_count++;
    reporter->known[i] = (struct known){*verdict, true, false};
    if (event_at_us != 0)
        reporter->event_at_us = event_at_us;
}

void reporter_set_verdicts(struct reporter *reporter, const struct verdict *verdicts,
                           uint32_t count)
{
    reporter->known_count = 0;
    reporter->full_wanted = true;
    for (uint32_t i = 0; i < count; i++)
        reporter_tell_verdict(reporter, &verdicts[i], 0);
}

void reporter_set_drift(struct reporter *reporter, char (*lines)[SENTENCE_SIZE], uint32_t count)
{
    bool same;

    if (count > DRIFT_LINES_MAX)
        count = DRIFT_LINES_MAX;
    same = count == reporter->drift_count;
    for (uint32_t i = 0; i < count && same; i++)
        same = text_equal(lines[i], reporter->drift[i]);
    if (same)
        return;
    memcpy(reporter->drift, lines, count * sizeof(*lines));
    reporter->drift_count = count;
    reporter->full_wanted = true;
}

static void drop_oldest(struct reporter *reporter)
{
    struct item *item = reporter->first;

    log_warning("more than %d things wait for the controller, forgetting the oldest", ITEMS_MAX);
    reporter->first = item->next;
    reporter->items_count--;
    free_item(item);
}

static struct item *add(struct reporter *reporter, enum item_kind kind, uint64_t answers)
{
    struct item **end;

    if (reporter->items_count == ITEMS_MAX)
        drop_oldest(reporter);
    for (end = &reporter->first; *end != NULL;)
        end = &(*end)->next;
    *end = mem_alloc(1, sizeof(**end));
    (*end)->kind = kind;
    (*end)->answers = answers;
    reporter->items_count++;
    return *end;
}

void reporter_add_guard(struct reporter *reporter, struct wire_bytes report, uint64_t answers)
{
    add(reporter, ITEM_GUARD, answers)->bytes = report;
}

void reporter_add_statement(struct reporter *reporter, struct wire_bytes statement,
                            uint64_t answers)
{
    add(reporter, ITEM_STATEMENT, answers)->bytes = statement;
}

void reporter_add_source(struct reporter *reporter, const struct source_seen *source)
{
    add(reporter, ITEM_SOURCE, 0)->source = *source;
}

void reporter_add_snapshot(struct reporter *reporter, const struct snapshot *snapshot,
                           uint64_t answers)
{
    struct item *item = add(reporter, ITEM_SNAPSHOT, answers);

    item->snapshot = mem_alloc(1, sizeof(*item->snapshot));
    snapshot_copy(item->snapshot, snapshot);
}

/* ---- one report ------------------------------------------------------------------------------ */

static void put_verdicts(struct reporter *reporter, bool full)
{
    struct session_request *request = &reporter->request;

    for (uint32_t i = 0; i < reporter->known_count; i++) {
        struct known *known = &reporter->known[i];

        known->fresh |= full;
        if (!known->fresh || request->verdicts_count == VERDICTS_MAX)
            continue; /* those that do not fit follow in the next one */
        request->verdicts[request->verdicts_count++] = known->verdict;
        known->out = true;
    }
}

/* Whether it still fits: one command is answered, one statement and one snapshot are told. */
static bool fits(const struct session_request *request, const struct item *item)
{
    if (item->answers != 0 && request->answers != 0 && item->answers != request->answers)
        return false;
    switch (item->kind) {
    case ITEM_GUARD:
        return request->guard_count < GUARD_MAX;
    case ITEM_STATEMENT:
        return request->statement.len == 0;
    case ITEM_SOURCE:
        return request->sources_count < SOURCES_MAX;
    case ITEM_SNAPSHOT:
        break;
    }
    return !request->has_snapshot;
}

/* Lends what the item has. */
static void put_item(struct session_request *request, const struct item *item)
{
    if (item->answers != 0)
        request->answers = item->answers;
    switch (item->kind) {
    case ITEM_GUARD:
        request->guard[request->guard_count++] = item->bytes;
        break;
    case ITEM_STATEMENT:
        request->statement = item->bytes;
        break;
    case ITEM_SOURCE:
        request->sources[request->sources_count++] = item->source;
        break;
    case ITEM_SNAPSHOT:
        request->has_snapshot = true;
        request->snapshot = *item->snapshot;
        break;
    }
}

/* In the order in which they were handed in, as far as they fit. */
static void put_items(struct reporter *reporter)
{
    for (struct item *item = reporter->first; item != NULL; item = item->next) {
        if (!fits(&reporter->request, item))
            return;
        put_item(&reporter->request, item);
        item->out = true;
    }
}

static bool has_fresh(const struct reporter *reporter)
{
    for (uint32_t i = 0; i < reporter->known_count; i++) {
        if (reporter->known[i].fresh)
            return true;
    }
    return false;
}

bool reporter_next(struct reporter *reporter, bool full, struct wire_bytes *ret_report,
                   uint64_t *ret_id)
{
    struct session_request *request = &reporter->request;
    struct wire_bytes guard[GUARD_MAX];
    bool telling;

    full |= reporter->full_wanted;
    telling = full || reporter->telling;
    if (reporter->out || (!telling && reporter->first == NULL && !has_fresh(reporter)))
        return false;
    memset(request, 0, sizeof(*request));
    request->kind = ASK_REPORT;
    request->id = ++reporter->id;
    request->full = full;
    request->guard = guard;
    request->drift = reporter->drift;
    request->drift_count = reporter->drift_count;
    put_verdicts(reporter, full);
    put_items(reporter);
    request->event_at_us = request->verdicts_count > 0 ? reporter->event_at_us : 0;
    *ret_report = wire_encode_session_request(request);
    *ret_id = request->id;
    request->guard = NULL; /* what was lent */
    reporter->out = true;
    reporter->out_telling = telling;
    reporter->telling = telling && request->verdicts_count == VERDICTS_MAX;
    reporter->full_wanted = false;
    reporter->event_at_us = 0;
    return true;
}

void reporter_acknowledge(struct reporter *reporter, uint64_t id)
{
    struct item **at = &reporter->first;

    if (!reporter->out || id != reporter->id)
        return;
    reporter->out = false;
    for (uint32_t i = 0; i < reporter->known_count; i++) {
        if (reporter->known[i].out) /* a newer one has put its own in the place */
            reporter->known[i].fresh = false;
        reporter->known[i].out = false;
    }
    while (*at != NULL) {
        struct item *item = *at;

        if (!item->out) {
            at = &item->next;
            continue;
        }
        *at = item->next;
        reporter->items_count--;
        free_item(item);
    }
}

void reporter_lose(struct reporter *reporter)
{
    if (!reporter->out)
        return;
    reporter->out = false;
    reporter->full_wanted |= reporter->out_telling;
    for (uint32_t i = 0; i < reporter->known_count; i++)
        reporter->known[i].out = false;
    for (struct item *item = reporter->first; item != NULL; item = item->next)
        item->out = false;
}
