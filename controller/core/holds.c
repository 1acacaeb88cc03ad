/*
 * holds: what people put and what failed proofs leave, what each covers, what lifts it.
 */
#include "controller/core/holds.h"

#include <string.h>

#include "common/core/name.h"
#include "common/core/text.h"
#include "controller/core/window.h"

static const char *const kind_names[] = {
    [HOLD_FREEZE] = "freeze",           [HOLD_QUARANTINE] = "quarantine", [HOLD_PAUSE] = "pause",
    [HOLD_MAINTENANCE] = "maintenance", [HOLD_WINDOW] = "window",
};
_Static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == HOLD_KIND_COUNT, "one name each");

static const char scope_fleet[] = "fleet";
static const char all_objects[] = "";

const char *hold_kind_name(enum hold_kind kind)
{
    return kind < HOLD_KIND_COUNT ? kind_names[kind] : "unknown";
}

bool hold_kind_parse(const char *text, enum hold_kind *ret_kind)
{
    for (unsigned i = 0; i < HOLD_KIND_COUNT; i++) {
        if (text_equal(text, kind_names[i])) {
            *ret_kind = (enum hold_kind)i;
            return true;
        }
    }
    return false;
}

bool hold_is_active(const struct hold *hold, int64_t now)
{
    return !hold->lifted && (hold->until == 0 || now < hold->until);
}

bool hold_stops(const struct hold *hold, int64_t now)
{
    struct window window;
    struct err err = ERR_INIT;

    if (!hold_is_active(hold, now))
        return false;
    return hold->kind != HOLD_WINDOW || !window_parse(hold->object, &window, &err) ||
           !window_is_open(&window, now);
}

/* The oldest that holds nothing any more makes room; a hold that still holds never does. */
static struct hold *find_spent(struct holds *holds, int64_t now)
{
    for (uint32_t i = 0; i < holds->count; i++) {
        if (!hold_is_active(&holds->list[i], now))
            return &holds->list[i];
    }
    return NULL;
}

/* In the order of their ids. NULL: every one of HOLDS_MAX still holds. */
static struct hold *add(struct holds *holds, int64_t now)
{
    struct hold *hold;

    if (holds->count == HOLDS_MAX) {
        struct hold *spent = find_spent(holds, now);

        if (spent == NULL)
            return NULL;
        holds->count--;
        memmove(spent, spent + 1, (size_t)(holds->list + holds->count - spent) * sizeof(*spent));
    }
    hold = &holds->list[holds->count++];
    memset(hold, 0, sizeof(*hold));
    if (holds->id_next == 0)
        holds->id_next = 1;
    hold->id = holds->id_next++;
    hold->since = now;
    return hold;
}

static bool is_fleet(const char *scope)
{
    return text_equal(scope, scope_fleet);
}

static bool check_wanted(const struct hold *wanted, int64_t now, struct err *err)
{
    struct window window;

    if (wanted->kind == HOLD_QUARANTINE)
        return err_set(err, ERR_INPUT,
                       "kind 'quarantine': it comes by itself when a proof fails; "
                       "accepted are freeze, pause and window");
    if (wanted->kind == HOLD_MAINTENANCE)
        return err_set(err, ERR_DENIED,
                       "kind 'maintenance': it is signed, into the roster: `oceanidctl node "
                       "maintenance NAME --reason TEXT`; accepted here are freeze, pause and "
                       "window");
    if (!is_fleet(wanted->scope) && !name_check("scope", wanted->scope, err))
        return false;
    if (wanted->kind != HOLD_WINDOW && wanted->object[0] != '\0')
        return err_set(err, ERR_INPUT,
                       "object '%.80s' of kind '%s': accepted is one of a window only",
                       wanted->object, hold_kind_name(wanted->kind));
    if (text_is_blank(wanted->reason))
        return err_set(err, ERR_INPUT, "reason '%.40s': accepted is a text that says something",
                       wanted->reason);
    if (wanted->until != 0 && wanted->until <= now)
        return err_set(err, ERR_INPUT,
                       "until %lld: accepted is a time to come (now is %lld), or 0: until it is "
                       "lifted",
                       (long long)wanted->until, (long long)now);
    return wanted->kind != HOLD_WINDOW || window_parse(wanted->object, &window, err);
}

const struct hold *holds_add(struct holds *holds, const struct hold *wanted, int64_t now,
                             struct err *err)
{
    struct hold *hold;

    if (!check_wanted(wanted, now, err))
        return NULL;
    hold = add(holds, now);
    if (hold == NULL) {
        err_set(err, ERR_LIMIT, "%d holds are active: accepted are no more; lift one", HOLDS_MAX);
        return NULL;
    }
    hold->kind = wanted->kind;
    text_copy(hold->scope, sizeof(hold->scope), wanted->scope);
    if (wanted->kind == HOLD_WINDOW)
        text_copy(hold->object, sizeof(hold->object), wanted->object);
    text_copy(hold->reason, sizeof(hold->reason), wanted->reason);
    text_copy(hold->by, sizeof(hold->by), wanted->by);
    hold->until = wanted->until;
    return hold;
}

static bool has_receipt(const struct holds *holds, const struct hash *receipt_hash)
{
    for (uint32_t i = 0; i < holds->count; i++) {
        if (holds->list[i].kind == HOLD_QUARANTINE &&
            hash_equal(&holds->list[i].receipt, receipt_hash))
            return true;
    }
    return false;
}

/* A full list may have been cut: what it quarantines is all that there is. */
static bool is_full(const struct receipt *receipt)
{
    return receipt->objects_count >= sizeof(receipt->objects) / sizeof(receipt->objects[0]);
}

static bool put_quarantine(struct holds *holds, const struct receipt *receipt,
                           const struct hash *receipt_hash, const char *object, int64_t now)
{
    struct hold *hold = add(holds, now);

    if (hold == NULL)
        return false;
    hold->kind = HOLD_QUARANTINE;
    text_copy(hold->scope, sizeof(hold->scope), receipt->node);
    text_copy(hold->object, sizeof(hold->object), object);
    text_copy(hold->reason, sizeof(hold->reason), receipt->reason);
    text_copy(hold->by, sizeof(hold->by), receipt->node);
    hold->receipt = *receipt_hash;
    return true;
}

/* node NULL: of all of them. */
static uint32_t count_quarantines(const struct holds *holds, const char *node)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < holds->count; i++) {
        const struct hold *hold = &holds->list[i];

        count += hold->kind == HOLD_QUARANTINE && !hold->lifted &&
                 (node == NULL || text_equal(hold->scope, node));
    }
    return count;
}

static uint32_t count_active(const struct holds *holds, int64_t now)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < holds->count; i++)
        count += hold_is_active(&holds->list[i], now);
    return count;
}

static bool has_room(const struct holds *holds, uint32_t wanted, int64_t now)
{
    return count_quarantines(holds, NULL) + wanted <= HOLDS_MAX - HOLDS_PEOPLE &&
           count_active(holds, now) + wanted <= HOLDS_MAX;
}

static bool is_held_as_a_whole(const struct holds *holds, const char *node)
{
    for (uint32_t i = 0; i < holds->count; i++) {
        const struct hold *hold = &holds->list[i];

        if (hold->kind == HOLD_QUARANTINE && !hold->lifted && text_equal(hold->scope, node) &&
            text_equal(hold->object, all_objects))
            return true;
    }
    return false;
}

static uint32_t quarantine_node(struct holds *holds, const struct receipt *receipt,
                                const struct hash *receipt_hash, int64_t now)
{
    if (count_quarantines(holds, receipt->node) >= HOLDS_NODE_MAX &&
        is_held_as_a_whole(holds, receipt->node))
        return 0;
    return has_room(holds, 1, now) &&
           put_quarantine(holds, receipt, receipt_hash, all_objects, now);
}

static uint32_t quarantine_each(struct holds *holds, const struct receipt *receipt,
                                const struct hash *receipt_hash, int64_t now)
{
    uint32_t added = 0;

    for (uint32_t i = 0; i < receipt->objects_count; i++)
        added += put_quarantine(holds, receipt, receipt_hash, receipt->objects[i], now);
    return added;
}

uint32_t holds_add_quarantine(struct holds *holds, const struct receipt *receipt,
                              const struct hash *receipt_hash, int64_t now)
{
    uint32_t wanted = receipt->objects_count;

    if (!receipt_quarantines(receipt) || wanted == 0 || has_receipt(holds, receipt_hash))
        return 0;
    if (is_full(receipt) || count_quarantines(holds, receipt->node) + wanted > HOLDS_NODE_MAX ||
        !has_room(holds, wanted, now))
        return quarantine_node(holds, receipt, receipt_hash, now);
    return quarantine_each(holds, receipt, receipt_hash, now);
}

bool holds_has_quarantine(const struct holds *holds, const struct receipt *receipt,
                          const struct hash *receipt_hash)
{
    return !receipt_quarantines(receipt) || receipt->objects_count == 0 ||
           has_receipt(holds, receipt_hash) || is_held_as_a_whole(holds, receipt->node);
}

/* ---- maintenance ------------------------------------------------------------------------------
 */

static bool is_of(const struct hold *hold, const struct maintenance *wanted)
{
    return wanted != NULL && hold->until == wanted->until &&
           text_equal(hold->reason, wanted->reason);
}

static bool is_put(const struct holds *holds, const struct maintenance *wanted, int64_t now)
{
    for (uint32_t i = 0; i < holds->count; i++) {
        const struct hold *hold = &holds->list[i];

        if (hold->kind == HOLD_MAINTENANCE && text_equal(hold->scope, wanted->node) &&
            hold_is_active(hold, now) && is_of(hold, wanted))
            return true;
    }
    return false;
}

static const struct hold *put_maintenance(struct holds *holds, const struct maintenance *wanted,
                                          const char *by, int64_t now)
{
    struct hold *hold = add(holds, now);

    if (hold == NULL)
        return NULL;
    hold->kind = HOLD_MAINTENANCE;
    text_copy(hold->scope, sizeof(hold->scope), wanted->node);
    text_copy(hold->reason, sizeof(hold->reason), wanted->reason);
    text_copy(hold->by, sizeof(hold->by), by);
    hold->until = wanted->until;
    return hold;
}

bool holds_take_roster(struct holds *holds, const struct roster *roster, const char *by,
                       int64_t now, holds_changed_fn *changed_fn, void *context)
{
    bool fits = true;

    for (uint32_t i = 0; i < holds->count; i++) {
        struct hold *hold = &holds->list[i];

        if (hold->kind != HOLD_MAINTENANCE || !hold_is_active(hold, now) ||
            is_of(hold, roster_find_maintenance(roster, hold->scope)))
            continue;
        hold->lifted = true;
        changed_fn(context, hold);
    }
    for (uint32_t i = 0; i < roster->maintenance_count; i++) {
        const struct maintenance *wanted = &roster->maintenance[i];
        const struct hold *hold;

        if ((wanted->until != 0 && now >= wanted->until) || is_put(holds, wanted, now))
            continue;
        hold = put_maintenance(holds, wanted, by, now);
        fits = fits && hold != NULL;
        if (hold != NULL)
            changed_fn(context, hold);
    }
    return fits;
}

bool holds_lift(struct holds *holds, uint64_t id, struct err *err)
{
    for (uint32_t i = 0; i < holds->count; i++) {
        struct hold *hold = &holds->list[i];

        if (hold->id != id || hold->lifted)
            continue;
        if (hold->kind == HOLD_QUARANTINE)
            return err_set(err, ERR_DENIED,
                           "hold %llu is a quarantine of %s on %s: only an approval that names "
                           "its receipt with a reason lifts it",
                           (unsigned long long)id,
                           hold->object[0] != '\0' ? hold->object : "all objects", hold->scope);
        if (hold->kind == HOLD_MAINTENANCE)
            return err_set(err, ERR_DENIED,
                           "hold %llu is the maintenance of %s, which is signed: `oceanidctl node "
                           "return %s` ends it",
                           (unsigned long long)id, hold->scope, hold->scope);
        hold->lifted = true;
        return true;
    }
    return err_set(err, ERR_MISSING, "there is no hold %llu that is not lifted",
                   (unsigned long long)id);
}

static bool names(const struct approval *approval, const struct hold *hold)
{
    for (uint32_t i = 0; approval != NULL && i < approval->lifts_count; i++) {
        if (hash_equal(&approval->lifts[i].receipt, &hold->receipt) &&
            approval->lifts[i].reason[0] != '\0')
            return true;
    }
    return false;
}

struct hold *holds_find_named(const struct holds *holds, const char *node,
                              const struct approval *approval)
{
    for (uint32_t i = 0; i < holds->count; i++) {
        struct hold *hold = &holds->list[i];

        if (hold->kind == HOLD_QUARANTINE && !hold->lifted && text_equal(hold->scope, node) &&
            names(approval, hold))
            return hold;
    }
    return NULL;
}

static bool covers(const struct hold *hold, enum hold_kind kind, const char *node, int64_t now)
{
    return hold->kind == kind && hold_is_active(hold, now) &&
           (is_fleet(hold->scope) || text_equal(hold->scope, node));
}

const struct hold *holds_find(const struct holds *holds, enum hold_kind kind, const char *node,
                              int64_t now)
{
    const struct hold *found = NULL;

    for (uint32_t i = 0; i < holds->count; i++) {
        const struct hold *hold = &holds->list[i];

        if (!covers(hold, kind, node, now))
            continue;
        if (!hold_stops(hold, now))
            return NULL; /* a window that is open */
        if (found == NULL)
            found = hold;
    }
    return found;
}

int64_t holds_opens_at(const struct holds *holds, const char *node, int64_t now)
{
    int64_t first = 0;

    if (holds_find(holds, HOLD_WINDOW, node, now) == NULL)
        return 0;
    for (uint32_t i = 0; i < holds->count; i++) {
        const struct hold *hold = &holds->list[i];
        struct window window;
        struct err err = ERR_INIT;
        int64_t at;

        if (!covers(hold, HOLD_WINDOW, node, now) || !window_parse(hold->object, &window, &err))
            continue;
        at = window_opens_at(&window, now);
        first = first == 0 || at < first ? at : first;
    }
    return first;
}

bool holds_stops(const struct holds *holds, const struct hold *hold, int64_t now)
{
    return hold_stops(hold, now) &&
           (hold->kind != HOLD_WINDOW || holds_find(holds, HOLD_WINDOW, hold->scope, now) != NULL);
}

bool hold_quarantines(const struct hold *hold, const char *node, const char *object)
{
    return hold->kind == HOLD_QUARANTINE && !hold->lifted && text_equal(hold->scope, node) &&
           (text_equal(hold->object, all_objects) || text_equal(hold->object, object));
}

const struct hold *holds_find_quarantine(const struct holds *holds, const char *node,
                                         const char *object, const struct approval *approval)
{
    for (uint32_t i = 0; i < holds->count; i++) {
        const struct hold *hold = &holds->list[i];

        if (hold_quarantines(hold, node, object) && !names(approval, hold))
            return hold;
    }
    return NULL;
}

static bool contains(const struct approval *approval, const struct hash *receipt)
{
    for (uint32_t i = 0; i < approval->lifts_count; i++) {
        if (hash_equal(&approval->lifts[i].receipt, receipt))
            return true;
    }
    return false;
}

const struct hold *holds_find_later(const struct holds *holds, const char *node, const char *object,
                                    const struct approval *approval)
{
    for (uint32_t i = 0; i < holds->count; i++) {
        const struct hold *hold = &holds->list[i];

        if (hold_quarantines(hold, node, object) && !contains(approval, &hold->receipt))
            return hold;
    }
    return NULL;
}
