/*
 * holds: what stops rollouts: freezes that people put, quarantines that failed proofs leave.
 *
 * A freeze is lifted by a person or ends by itself; a quarantine is lifted only by an approval that
 * names its receipt with a reason (docs/protocol.md rule 18). Pure; the caller stores them.
 */
#ifndef CONTROLLER_CORE_HOLDS_H
#define CONTROLLER_CORE_HOLDS_H

#include "common/change/proof.h"
#include "common/core/err.h"

enum hold_kind { HOLD_FREEZE, HOLD_QUARANTINE, HOLD_KIND_COUNT };

enum { HOLDS_MAX = 1024, HOLD_OBJECT_SIZE = 96 };

struct hold {
    uint64_t id;
    enum hold_kind kind;
    char scope[NAME_SIZE];         /* "fleet", or a node's name */
    char object[HOLD_OBJECT_SIZE]; /* quarantine: as operation_object prints it; "" for a freeze */
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

/* Refuses a scope that is no name, an empty reason, an end in the past. The new one is lent. */
const struct hold *holds_add_freeze(struct holds *holds, const struct hold *wanted, int64_t now,
                                    struct err *err);

/* One for each object that the ended attempt touched, unless its receipt is there already or no
 * quarantine. Returns how many. */
uint32_t holds_add_quarantine(struct holds *holds, const struct receipt *receipt,
                              const struct hash *receipt_hash, int64_t now);

/* ERR_MISSING; ERR_DENIED for a quarantine: an approval lifts it. */
bool holds_lift(struct holds *holds, uint64_t id, struct err *err);

/* The first quarantine of that node that the approval names with a reason and that is not lifted
 * yet, or NULL. Lifted (by the caller) when the node has begun it, which it may refuse. */
struct hold *holds_find_named(const struct holds *holds, const char *node,
                              const struct approval *approval);

bool hold_is_active(const struct hold *hold, int64_t now);

/* The first active freeze that covers this node, or NULL. */
const struct hold *holds_find_freeze(const struct holds *holds, const char *node, int64_t now);

/* The next active quarantine (from index on) of this object on this node that the approval does not
 * name with a reason, or NULL. approval NULL: names none. */
const struct hold *holds_find_quarantine(const struct holds *holds, const char *node,
                                         const char *object, const struct approval *approval);

const char *hold_kind_name(enum hold_kind kind);
bool hold_kind_parse(const char *text, enum hold_kind *ret_kind);

#endif
