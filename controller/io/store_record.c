/*
 * store: signed receipts, holds, who is to come back, and the audit.
 */
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "controller/io/store.h"
#include "controller/io/store_tables.h"

static const char expected_receipt[] =
    "SELECT EXISTS (SELECT 1 FROM receipts WHERE envelope = ?4)"
    " OR ((SELECT COUNT(*) FROM receipts WHERE node = ?1 AND hash = ?2 AND sequence = ?3) < ?5"
    " AND (EXISTS (SELECT 1 FROM owed WHERE node = ?1 AND hash = ?2 AND sequence = ?3)"
    " OR EXISTS (SELECT 1 FROM rollouts JOIN targets ON targets.rollout = rollouts.id"
    " WHERE rollouts.hash = ?2 AND rollouts.sequence = ?3 AND targets.name = ?1)))";

bool store_expects_receipt(struct store *store, const struct receipt *receipt,
                           struct bytes envelope, bool *ret_expected, struct err *err)
{
    const struct attempt *attempt = &receipt->generation.attempt;
    AUTO_ROWS struct sql_rows rows = {0};

    if (!sql_query(store->db, &rows, err, expected_receipt, "tbibi", receipt->node,
                   attempt->body.bytes, (size_t)HASH_SIZE, (int64_t)attempt->sequence,
                   envelope.data, envelope.len, (int64_t)STORE_RECEIPTS_OF_ONE) ||
        !sql_next(&rows, err))
        return false;
    *ret_expected = sql_number(&rows, 0) != 0;
    return true;
}

bool store_add_receipt(struct store *store, const struct receipt *receipt, struct bytes envelope,
                       bool *ret_new, struct err *err)
{
    if (!sql_run(store->db, err,
                 "INSERT OR IGNORE INTO receipts (node, hash, sequence, envelope)"
                 " VALUES (?, ?, ?, ?)",
                 "tbib", receipt->node, receipt->generation.attempt.body.bytes, (size_t)HASH_SIZE,
                 (int64_t)receipt->generation.attempt.sequence, envelope.data, envelope.len))
        return false;
    *ret_new = sqlite3_changes(store->db) > 0;
    return true;
}

bool store_count_strangers(struct store *store, const char *node, const struct public_key *signer,
                           uint64_t *ret_count, struct err *err)
{
    AUTO_ROWS struct sql_rows rows = {0};

    if (!sql_query(store->db, &rows, err,
                   "SELECT COUNT(*) FROM strangers WHERE node = ? AND signer = ?", "tb", node,
                   signer->bytes, (size_t)KEY_SIZE) ||
        !sql_next(&rows, err))
        return false;
    *ret_count = (uint64_t)sql_number(&rows, 0);
    return true;
}

bool store_add_stranger(struct store *store, const char *node, const struct public_key *signer,
                        const struct hash *receipt, struct err *err)
{
    return sql_run(store->db, err, "INSERT OR IGNORE INTO strangers VALUES (?, ?, ?)", "tbb", node,
                   signer->bytes, (size_t)KEY_SIZE, receipt->bytes, (size_t)HASH_SIZE);
}

bool store_answer_strangers(struct store *store, const struct approval *approval, struct err *err)
{
    for (uint32_t i = 0; i < approval->lifts_count; i++) {
        if (!sql_run(store->db, err, "DELETE FROM strangers WHERE receipt = ?", "b",
                     approval->lifts[i].receipt.bytes, (size_t)HASH_SIZE))
            return false;
    }
    return true;
}

bool store_read_receipts(struct store *store, uint64_t after, store_receipt_fn receipt_fn,
                         void *context, struct err *err)
{
    AUTO_ROWS struct sql_rows rows = {0};

    if (!sql_query(store->db, &rows, err,
                   "SELECT id, envelope FROM receipts WHERE id > ? ORDER BY id", "i",
                   (int64_t)after))
        return false;
    while (sql_next(&rows, err) &&
           receipt_fn(context, (uint64_t)sql_number(&rows, 0), sql_blob(&rows, 1)))
        ;
    return err->kind == ERR_NONE;
}

bool store_find_receipt(struct store *store, const char *node, const struct attempt *attempt,
                        struct wire_bytes *ret_envelope, struct err *err)
{
    AUTO_ROWS struct sql_rows rows = {0};
    struct bytes blob;

    *ret_envelope = (struct wire_bytes){NULL, 0};
    if (!sql_query(store->db, &rows, err,
                   "SELECT envelope FROM receipts WHERE node = ? AND hash = ? AND sequence = ?"
                   " ORDER BY id DESC LIMIT 1",
                   "tbi", node, attempt->body.bytes, (size_t)HASH_SIZE, (int64_t)attempt->sequence))
        return false;
    if (!sql_next(&rows, err))
        return err->kind == ERR_NONE;
    blob = sql_blob(&rows, 0);
    *ret_envelope = (struct wire_bytes){mem_copy(blob.data, blob.len), blob.len};
    return true;
}

bool store_put_hold(struct store *store, const struct hold *hold, struct err *err)
{
    return sql_run(store->db, err,
                   "INSERT OR REPLACE INTO holds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   "iittttiibi", (int64_t)hold->id, (int64_t)hold->kind, hold->scope, hold->object,
                   hold->reason, hold->by, hold->since, hold->until, hold->receipt.bytes,
                   (size_t)HASH_SIZE, (int64_t)hold->lifted);
}

/* Also of those that are not read: an id names one hold for good. */
static bool read_holds_head(struct store *store, int64_t now, uint64_t *ret_newest, struct err *err)
{
    AUTO_ROWS struct sql_rows rows = {0};
    int64_t active;

    if (!sql_query(store->db, &rows, err,
                   "SELECT MAX(id), SUM(lifted = 0 AND (until = 0 OR until > ?)) FROM holds", "i",
                   now) ||
        !sql_next(&rows, err))
        return false;
    *ret_newest = (uint64_t)sql_number(&rows, 0);
    active = sql_number(&rows, 1);
    if (active > HOLDS_MAX)
        return err_set(err, ERR_LIMIT,
                       "%lld holds are active in the database at %lld: accepted are at most %d; "
                       "nothing is led without all of them. Is this host's clock right?",
                       (long long)active, (long long)now, HOLDS_MAX);
    return true;
}

static bool read_hold(const struct sql_rows *rows, struct hold *ret_hold)
{
    struct hold *hold = ret_hold;
    int64_t kind = sql_number(rows, 1);

    *hold = (struct hold){.id = (uint64_t)sql_number(rows, 0),
                          .kind = (enum hold_kind)kind,
                          .since = sql_number(rows, 6),
                          .until = sql_number(rows, 7),
                          .lifted = sql_number(rows, 9) != 0};
    sql_text(rows, 2, hold->scope, sizeof(hold->scope));
    sql_text(rows, 3, hold->object, sizeof(hold->object));
    sql_text(rows, 4, hold->reason, sizeof(hold->reason));
    sql_text(rows, 5, hold->by, sizeof(hold->by));
    sql_bytes(rows, 8, hold->receipt.bytes, HASH_SIZE);
    return kind >= 0 && kind < HOLD_KIND_COUNT;
}

bool store_read_holds(struct store *store, int64_t now, struct holds *holds, struct err *err)
{
    AUTO_ROWS struct sql_rows rows = {0};
    uint64_t newest;

    holds->count = 0;
    if (!read_holds_head(store, now, &newest, err) ||
        !sql_query(store->db, &rows, err,
                   "SELECT id, kind, scope, object, reason, by, since, until, receipt, lifted"
                   " FROM (SELECT * FROM holds"
                   " ORDER BY lifted = 0 AND (until = 0 OR until > ?) DESC, id DESC LIMIT ?)"
                   " ORDER BY id",
                   "ii", now, (int64_t)HOLDS_MAX))
        return false;
    holds->id_next = newest + 1;
    while (sql_next(&rows, err)) {
        struct hold *hold = &holds->list[holds->count];

        if (!read_hold(&rows, hold))
            return err_set(err, ERR_SYSTEM, "hold %llu: its row is damaged",
                           (unsigned long long)hold->id);
        holds->count++;
    }
    return err->kind == ERR_NONE;
}

bool store_put_back(struct store *store, const struct store_back *back, struct err *err)
{
    const struct attempt *attempt = &back->attempt;

    return sql_run(store->db, err,
                   "INSERT INTO owed (node, asked, rollout, hash, sequence, envelope, done, state,"
                   " sentence, reason, signed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                   " ON CONFLICT (node, hash, sequence, signed) DO UPDATE SET"
                   " asked = excluded.asked, rollout = excluded.rollout,"
                   " envelope = excluded.envelope, done = excluded.done, state = excluded.state,"
                   " sentence = excluded.sentence, reason = excluded.reason",
                   "tiibibittti", back->node, (int64_t)back->asked, (int64_t)back->rollout,
                   attempt->body.bytes, (size_t)HASH_SIZE, (int64_t)attempt->sequence,
                   back->order.data, back->order.len, (int64_t)back->done, back->state,
                   back->sentence, back->reason, (int64_t)(back->order.len > 0));
}

bool store_forget_backs(struct store *store, struct err *err)
{
    return sql_run(store->db, err, "DELETE FROM owed", "");
}

static void read_back(const struct sql_rows *rows, struct store_back *ret_back)
{
    struct store_back *back = ret_back;

    *back = (struct store_back){.asked = (uint64_t)sql_number(rows, 1),
                                .rollout = (uint64_t)sql_number(rows, 2),
                                .attempt.sequence = (uint64_t)sql_number(rows, 4),
                                .order = sql_blob(rows, 5),
                                .done = sql_number(rows, 6) != 0};
    sql_text(rows, 0, back->node, sizeof(back->node));
    sql_bytes(rows, 3, back->attempt.body.bytes, HASH_SIZE);
    sql_text(rows, 7, back->state, sizeof(back->state));
    sql_text(rows, 8, back->sentence, sizeof(back->sentence));
    sql_text(rows, 9, back->reason, sizeof(back->reason));
}

bool store_read_backs(struct store *store, store_back_fn back_fn, void *context, struct err *err)
{
    AUTO_ROWS struct sql_rows rows = {0};

    if (!sql_query(store->db, &rows, err,
                   "SELECT node, asked, rollout, hash, sequence, envelope, done, state, sentence,"
                   " reason FROM owed ORDER BY id",
                   ""))
        return false;
    while (sql_next(&rows, err)) {
        struct store_back back;

        read_back(&rows, &back);
        back_fn(context, &back);
    }
    return err->kind == ERR_NONE;
}

bool store_put_emergency(struct store *store, enum store_which which,
                         const struct store_emergency *emergency, struct err *err)
{
    return sql_run(store->db, err, "INSERT OR REPLACE INTO emergency VALUES (?, ?, ?, ?, ?)",
                   "iiitt", (int64_t)which, (int64_t)emergency->rollout, emergency->at,
                   emergency->by, emergency->reason);
}

bool store_read_emergency(struct store *store, enum store_which which,
                          struct store_emergency *ret_emergency, struct err *err)
{
    AUTO_ROWS struct sql_rows rows = {0};

    *ret_emergency = (struct store_emergency){.rollout = 0};
    if (!sql_query(store->db, &rows, err,
                   "SELECT rollout, at, by, reason FROM emergency WHERE one = ?", "i",
                   (int64_t)which))
        return false;
    if (!sql_next(&rows, err))
        return err->kind == ERR_NONE;
    ret_emergency->rollout = (uint64_t)sql_number(&rows, 0);
    ret_emergency->at = sql_number(&rows, 1);
    sql_text(&rows, 2, ret_emergency->by, sizeof(ret_emergency->by));
    sql_text(&rows, 3, ret_emergency->reason, sizeof(ret_emergency->reason));
    return true;
}

bool store_add_audit(struct store *store, const struct audit_row *row, struct err *err)
{
    return sql_run(store->db, err, "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)", "iittttbb",
                   (int64_t)row->index, row->at, row->who, row->what, row->subject, row->text,
                   row->previous.bytes, (size_t)HASH_SIZE, row->hash.bytes, (size_t)HASH_SIZE);
}

static void read_audit_row(const struct sql_rows *rows, struct audit_row *row)
{
    memset(row, 0, sizeof(*row));
    row->index = (uint64_t)sql_number(rows, 0);
    row->at = sql_number(rows, 1);
    sql_text(rows, 2, row->who, sizeof(row->who));
    sql_text(rows, 3, row->what, sizeof(row->what));
    sql_text(rows, 4, row->subject, sizeof(row->subject));
    sql_text(rows, 5, row->text, sizeof(row->text));
    sql_bytes(rows, 6, row->previous.bytes, HASH_SIZE);
    sql_bytes(rows, 7, row->hash.bytes, HASH_SIZE);
}

bool store_read_audit(struct store *store, uint64_t after, struct audit_row *ret_rows, size_t max,
                      size_t *ret_count, struct err *err)
{
    AUTO_ROWS struct sql_rows rows = {0};

    *ret_count = 0;
    if (!sql_query(store->db, &rows, err, "SELECT * FROM audit WHERE id > ? ORDER BY id LIMIT ?",
                   "ii", (int64_t)after, (int64_t)max))
        return false;
    while (*ret_count < max && sql_next(&rows, err))
        read_audit_row(&rows, &ret_rows[(*ret_count)++]);
    return err->kind == ERR_NONE;
}

bool store_read_last_audit(struct store *store, struct audit_row *ret_row, struct err *err)
{
    AUTO_ROWS struct sql_rows rows = {0};

    memset(ret_row, 0, sizeof(*ret_row));
    if (!sql_query(store->db, &rows, err, "SELECT * FROM audit ORDER BY id DESC LIMIT 1", ""))
        return false;
    if (sql_next(&rows, err))
        read_audit_row(&rows, ret_row);
    return err->kind == ERR_NONE;
}
