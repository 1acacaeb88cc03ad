/*
 * holds: what stops rollouts, as one mechanism.
 *
 *   freeze       nothing starts, and an open trial is taken back
 *   pause        the next stage waits; an open trial goes on
 *   maintenance  of one node: it is not changed, and its checks take nobody else's trial back
 *   window       nothing starts outside of it
 *   quarantine   of one object on one node, or of all of them, whose proof failed: it comes by
 *                itself
 *
 * A person lifts them, or they end by themselves; a quarantine is lifted only by an approval that
 * names its receipt with a reason (docs/protocol.md rule 18), and maintenance is put and ended by
 * the signed roster alone. Pure; the caller stores them.
 */
#ifndef CONTROLLER_CORE_HOLDS_H
#define CONTROLLER_CORE_HOLDS_H

#include "common/change/proof.h"
#include "common/change/roster.h"
#include "common/core/err.h"

/* Stored by number: new ones go to the end. */
enum hold_kind {
    HOLD_FREEZE,
    HOLD_QUARANTINE,
    HOLD_PAUSE,
    HOLD_MAINTENANCE,
    HOLD_WINDOW,
    HOLD_KIND_COUNT,
};

enum {
    HOLDS_MAX = 1024,
    HOLDS_PEOPLE = 256,  /* of them, never taken by quarantines */
    HOLDS_NODE_MAX = 32, /* quarantines of one node, and one more of all that it has */
    HOLD_OBJECT_SIZE = 96,
};

struct hold {
    uint64_t id;
    enum hold_kind kind;
    char scope[NAME_SIZE];         /* "fleet", or a node's name */
    char object[HOLD_OBJECT_SIZE]; /* quarantine: as operation_object prints it, "" for all that
                                      the node has; window: as window_parse takes it; "" for others
                                    */
    char reason[REASON_SIZE];
    char by[NAME_SIZE];
    int64_t since, until; /* unix seconds; until 0: until lifted */
    struct hash receipt;  /* of a quarantine */
    bool lifted;
};

struct holds {
    uint64_t id_next;
    uint32_t count;
    struct hold *list; /* room for HOLDS_MAX; the caller's */
};

/* Whatever a person may put: of wanted, kind, scope, object (of a window), reason, by and until.
 * Refuses a scope that is no name, an empty reason, an end in the past. The new one is lent. */
const struct hold *holds_add(struct holds *holds, const struct hold *wanted, int64_t now,
                             struct err *err);

/* One for each object that the ended attempt touched; one for all that the node has where its list
 * is full, as its guard judges, and where the node has its share already or there is no room for
 * each. None if its receipt is there already or no quarantine. Returns how many. */
uint32_t holds_add_quarantine(struct holds *holds, const struct receipt *receipt,
                              const struct hash *receipt_hash, int64_t now);

/* Whether what this receipt bars is in quarantine here: false is, there was no room for it. */
bool holds_has_quarantine(const struct holds *holds, const struct receipt *receipt,
                          const struct hash *receipt_hash);

/* What the roster says, signed by `by`: maintenance that is new there is put, what is not there any
 * more is lifted. Each that changed is lent to changed_fn. False: some found no room. */
typedef void holds_changed_fn(void *context, const struct hold *hold);
bool holds_take_roster(struct holds *holds, const struct roster *roster, const char *by,
                       int64_t now, holds_changed_fn *changed_fn, void *context);

/* ERR_MISSING; ERR_DENIED for a quarantine, which an approval lifts, and for maintenance, which the
 * signed roster ends. */
bool holds_lift(struct holds *holds, uint64_t id, struct err *err);

/* The first quarantine of that node that the approval names with a reason and that is not lifted
 * yet, or NULL. Lifted (by the caller) when the node has begun it, which it may refuse. */
struct hold *holds_find_named(const struct holds *holds, const char *node,
                              const struct approval *approval);

/* It is there, and neither lifted nor at its end. */
bool hold_is_active(const struct hold *hold, int64_t now);

/* It stops what it covers now: active, and a window only while it is closed. */
bool hold_stops(const struct hold *hold, int64_t now);

/* The first of this kind, not a quarantine, that stops what is done on this node now; NULL: none.
 * Of several windows that cover it, one has to be open. */
const struct hold *holds_find(const struct holds *holds, enum hold_kind kind, const char *node,
                              int64_t now);

/* When the first of the windows that cover this node opens; 0: none keeps it closed. */
int64_t holds_opens_at(const struct holds *holds, const char *node, int64_t now);

/* It stops something now; a window does not where another one of all that it covers is open. */
bool holds_stops(const struct holds *holds, const struct hold *hold, int64_t now);

/* It is an active quarantine of this object on this node. */
bool hold_quarantines(const struct hold *hold, const char *node, const char *object);

/* The first active quarantine of this object on this node whose receipt the approval does not
 * contain at all: it came later than what was signed. NULL: none. */
const struct hold *holds_find_later(const struct holds *holds, const char *node, const char *object,
                                    const struct approval *approval);

/* The first active quarantine of this object on this node that the approval does not name with a
 * reason, or NULL. approval NULL: names none. */
const struct hold *holds_find_quarantine(const struct holds *holds, const char *node,
                                         const char *object, const struct approval *approval);

const char *hold_kind_name(enum hold_kind kind);
bool hold_kind_parse(const char *text, enum hold_kind *ret_kind);

#endif
