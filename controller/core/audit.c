/*
 * audit: the chain of what was decided, by whom and why.
 */
#include "controller/core/audit.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"

/* Each field's length goes in front of it: no two rows have the same bytes. */
static size_t put(uint8_t *to, size_t at, const void *data, size_t len)
{
    for (unsigned i = 0; i < 8; i++)
        to[at + i] = (uint8_t)((uint64_t)len >> (8 * i));
    if (len > 0)
        memcpy(to + at + 8, data, len);
    return at + 8 + len;
}

static size_t put_number(uint8_t *to, size_t at, uint64_t number)
{
    uint8_t bytes[8];

    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(number >> (8 * i));
    return put(to, at, bytes, sizeof(bytes));
}

static void compute_hash(const struct audit_row *row, audit_hash_fn hash_fn, struct hash *ret_hash)
{
    AUTO_FREE uint8_t *bytes = mem_alloc(1, sizeof(*row) + 128);
    size_t len = put(bytes, 0, row->previous.bytes, HASH_SIZE);

    len = put_number(bytes, len, row->index);
    len = put_number(bytes, len, (uint64_t)row->at);
    len = put(bytes, len, row->who, strlen(row->who));
    len = put(bytes, len, row->what, strlen(row->what));
    len = put(bytes, len, row->subject, strlen(row->subject));
    len = put(bytes, len, row->text, strlen(row->text));
    hash_fn(bytes, len, ret_hash);
}

void audit_append(const struct audit_row *last, const struct audit_entry *entry,
                  audit_hash_fn hash_fn, struct audit_row *ret_row)
{
    struct audit_row row = {.index = last != NULL ? last->index + 1 : 1, .at = entry->at};

    text_copy(row.who, sizeof(row.who), entry->who);
    text_copy(row.what, sizeof(row.what), entry->what);
    text_copy(row.subject, sizeof(row.subject), entry->subject);
    text_copy(row.text, sizeof(row.text), entry->text);
    if (last != NULL)
        row.previous = last->hash;
    compute_hash(&row, hash_fn, &row.hash);
    *ret_row = row;
}

bool audit_check(const struct audit_row *last, const struct audit_row *row, audit_hash_fn hash_fn,
                 struct err *err)
{
    static const struct hash none;
    const struct hash *before = last != NULL ? &last->hash : &none;
    uint64_t index = last != NULL ? last->index + 1 : 1;
    struct hash hash;

    if (row->index != index)
        return err_set(err, ERR_CONFLICT, "audit row %llu stands where %llu was expected",
                       (unsigned long long)row->index, (unsigned long long)index);
    if (!hash_equal(&row->previous, before))
        return err_set(err, ERR_CONFLICT, "audit row %llu does not follow the row before it",
                       (unsigned long long)row->index);
    compute_hash(row, hash_fn, &hash);
    if (!hash_equal(&row->hash, &hash))
        return err_set(err, ERR_CONFLICT, "audit row %llu was altered: its hash does not fit",
                       (unsigned long long)row->index);
    return true;
}
