/*
 * audit: the chain of what was decided, by whom and why; each row carries the hash of the one
 * before it, so that a row cannot be altered, taken out or put in between unseen.
 *
 * Pure: the hash function is given (common/io/sign's in the controller).
 */
#ifndef CONTROLLER_CORE_AUDIT_H
#define CONTROLLER_CORE_AUDIT_H

#include "common/core/bytes.h"
#include "common/core/err.h"
#include "common/core/limits.h"

enum { AUDIT_TEXT_SIZE = 1024 };

struct audit_row {
    uint64_t index; /* from 1, one more a row */
    int64_t at;     /* unix seconds */
    char who[NAME_SIZE];
    char what[NAME_SIZE];       /* "rollout", "proof", "hold", "refused", ... */
    char subject[REASON_SIZE];  /* a node, a change, an object */
    char text[AUDIT_TEXT_SIZE]; /* the sentence */
    struct hash previous;       /* zero before the first */
    struct hash hash;
};

typedef void (*audit_hash_fn)(const void *data, size_t len, struct hash *ret_hash);

/* What has happened, before it has a place in the chain. Texts are cut at their sizes. */
struct audit_entry {
    int64_t at;
    const char *who, *what, *subject, *text;
};

/* The row behind `last` (NULL: the first one). */
void audit_append(const struct audit_row *last, const struct audit_entry *entry,
                  audit_hash_fn hash_fn, struct audit_row *ret_row);

/* Whether row follows last (NULL: row must be the first) and hashes to what it says. The message
 * names the first row that does not fit. */
bool audit_check(const struct audit_row *last, const struct audit_row *row, audit_hash_fn hash_fn,
                 struct err *err);

#endif
