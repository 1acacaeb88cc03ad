/*
 * store: rollouts, their targets, gates and proofs.
 */
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "controller/io/store.h"
#include "controller/io/store_tables.h"

void store_rollout_done(struct store_rollout *rollout)
{
    wire_bytes_done(&rollout->body);
    wire_bytes_done(&rollout->approval);
    wire_bytes_done(&rollout->gates);
}

static struct wire_bytes copy_blob(const struct sql_rows *rows, int column)
{
    struct bytes blob = sql_blob(rows, column);

    return (struct wire_bytes){mem_copy(blob.data, blob.len), blob.len};
}

/* What is so of few targets has a table of its own: a row, or none. */
static bool put_marks(struct store *store, uint64_t rollout, uint32_t position,
                      const struct target_record *target, struct err *err)
{
    if (target->begun && !sql_run(store->db, err, "INSERT OR IGNORE INTO begun VALUES (?, ?)", "ii",
                                  (int64_t)rollout, (int64_t)position))
        return false;
    return target->says != SAYS_REFUSED ||
           sql_run(store->db, err,
                   target->lasting ? "INSERT OR IGNORE INTO lasting VALUES (?, ?)"
                                   : "DELETE FROM lasting WHERE rollout = ? AND position = ?",
                   "ii", (int64_t)rollout, (int64_t)position);
}

static bool put_targets(struct store *store, const struct rollout_record *record, struct err *err)
{
    for (uint32_t i = 0; i < record->targets_count; i++) {
        const struct target_record *target = &record->targets[i];

        if (!sql_run(store->db, err,
                     "INSERT OR REPLACE INTO targets VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                     " ?, ?, ?)",
                     "iitiiiiibibiit", (int64_t)record->id, (int64_t)i, target->name,
                     (int64_t)target->stage, (int64_t)target->wants, (int64_t)target->says,
                     (int64_t)target->in_doubt, (int64_t)target->listed,
                     target->generation.attempt.body.bytes, (size_t)HASH_SIZE,
                     (int64_t)target->generation.attempt.sequence, target->generation.start.bytes,
                     (size_t)NONCE_SIZE, (int64_t)target->receipt, (int64_t)target->cause,
                     target->reason) ||
            !put_marks(store, record->id, i, target, err))
            return false;
    }
    return true;
}

/* Names what stands under this sequence already. */
bool store_check_sequence(struct store *store, const struct attempt *attempt, struct err *err)
{
    AUTO_ROWS struct sql_rows rows = {0};
    struct hash hash;

    if (!sql_query(store->db, &rows, err, "SELECT hash, id FROM rollouts WHERE sequence = ?", "i",
                   (int64_t)attempt->sequence))
        return false;
    if (!sql_next(&rows, err))
        return err->kind == ERR_NONE;
    sql_bytes(&rows, 0, hash.bytes, HASH_SIZE);
    if (hash_equal(&hash, &attempt->body))
        return err_set(err, ERR_CONFLICT,
                       "sequence %llu of this manifest is rollout %lld already; sign it again to "
                       "start it again",
                       (unsigned long long)attempt->sequence, (long long)sql_number(&rows, 1));
    return err_set(err, ERR_CONFLICT,
                   "ALARM: sequence %llu was signed for another manifest, rollout %lld; two "
                   "ledgers are in use, or somebody signs what you do not see",
                   (unsigned long long)attempt->sequence, (long long)sql_number(&rows, 1));
}

bool store_add_rollout(struct store *store, const struct store_rollout *rollout, struct err *err)
{
    const struct rollout_record *record = &rollout->record;

    return store_check_sequence(store, &record->attempt, err) &&
           sql_run(store->db, err,
                   "INSERT INTO rollouts (id, body, approval, hash, sequence, not_after, by,"
                   " started_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
                   "ibbbiiti", (int64_t)record->id, rollout->body.data, rollout->body.len,
                   rollout->approval.data, rollout->approval.len, record->attempt.body.bytes,
                   (size_t)HASH_SIZE, (int64_t)record->attempt.sequence, record->not_after,
                   rollout->by, rollout->started_at) &&
           store_put_record(store, record, 0, err);
}

bool store_put_record(struct store *store, const struct rollout_record *record, int64_t ended_at,
                      struct err *err)
{
    return sql_run(store->db, err,
                   "UPDATE rollouts SET state = ?, sentence = ?, stage = ?, aborted = ?,"
                   " emergency = ?, advanced = ?, ended_at = ? WHERE id = ?",
                   "ttiiiiii", rollout_state_name(record->state), record->sentence,
                   (int64_t)record->stage, (int64_t)record->aborted, (int64_t)record->emergency,
                   (int64_t)record->advanced, ended_at, (int64_t)record->id) &&
           sql_run(store->db, err, "INSERT OR REPLACE INTO since VALUES (?, ?)", "ii",
                   (int64_t)record->id, record->since) &&
           put_targets(store, record, err);
}

bool store_put_gates(struct store *store, uint64_t rollout, struct bytes json, struct err *err)
{
    return sql_run(store->db, err, "UPDATE rollouts SET gates = ? WHERE id = ?", "bi", json.data,
                   json.len, (int64_t)rollout);
}

static bool read_target(const struct sql_rows *rows, struct target_record *ret_target)
{
    int64_t wants = sql_number(rows, 2);
    int64_t says = sql_number(rows, 3);
    int64_t receipt = sql_number(rows, 9);
    int64_t cause = sql_number(rows, 10);

    if (wants < 0 || wants >= WANTS_COUNT || says < 0 || says >= SAYS_COUNT || receipt < 0 ||
        receipt > RECEIPT_KIND_COUNT || cause < 0 || cause >= CAUSE_COUNT)
        return false;
    *ret_target =
        (struct target_record){.stage = (uint32_t)sql_number(rows, 1),
                               .wants = (enum target_wants)wants,
                               .says = (enum target_says)says,
                               .in_doubt = sql_number(rows, 4) != 0,
                               .listed = sql_number(rows, 5) != 0,
                               .begun = sql_number(rows, 12) != 0,
                               .lasting = says == SAYS_REFUSED && sql_number(rows, 13) != 0,
                               .receipt = (enum receipt_kind)receipt,
                               .cause = (enum end_cause)cause};
    sql_text(rows, 0, ret_target->name, sizeof(ret_target->name));
    sql_bytes(rows, 6, ret_target->generation.attempt.body.bytes, HASH_SIZE);
    ret_target->generation.attempt.sequence = (uint64_t)sql_number(rows, 7);
    sql_bytes(rows, 8, ret_target->generation.start.bytes, NONCE_SIZE);
    sql_text(rows, 11, ret_target->reason, sizeof(ret_target->reason));
    return true;
}

static bool read_targets(struct store *store, struct rollout_record *record, struct err *err)
{
    AUTO_ROWS struct sql_rows rows = {0};

    if (!sql_query(store->db, &rows, err,
                   "SELECT name, stage, wants, says, in_doubt, listed, body, sequence, start,"
                   " receipt, cause, reason, EXISTS (SELECT 1 FROM begun"
                   " WHERE begun.rollout = targets.rollout AND begun.position = targets.position),"
                   " EXISTS (SELECT 1 FROM lasting WHERE lasting.rollout = targets.rollout"
                   " AND lasting.position = targets.position)"
                   " FROM targets WHERE rollout = ? ORDER BY position",
                   "i", (int64_t)record->id))
        return false;
    while (record->targets_count < NODES_MAX && sql_next(&rows, err)) {
        if (!read_target(&rows, &record->targets[record->targets_count]))
            return err_set(err, ERR_SYSTEM, "rollout %llu: a target's row is damaged",
                           (unsigned long long)record->id);
        record->targets_count++;
    }
    return err->kind == ERR_NONE;
}

static bool read_record(const struct sql_rows *rows, struct rollout_record *record, struct err *err)
{
    char state[NAME_SIZE];

    sql_bytes(rows, 0, record->attempt.body.bytes, HASH_SIZE);
    record->attempt.sequence = (uint64_t)sql_number(rows, 1);
    record->not_after = sql_number(rows, 2);
    sql_text(rows, 3, state, sizeof(state));
    sql_text(rows, 4, record->sentence, sizeof(record->sentence));
    record->stage = (uint32_t)sql_number(rows, 5);
    record->aborted = sql_number(rows, 6) != 0;
    record->emergency = sql_number(rows, 7) != 0;
    record->advanced = sql_number(rows, 8) != 0;
    record->since = sql_number(rows, 9);
    if (rollout_state_parse(state, &record->state))
        return true;
    return err_set(err, ERR_SYSTEM, "rollout %llu: its state '%s' is not known",
                   (unsigned long long)record->id, state);
}

/* Its row by this query, whose one value is the id; ERR_MISSING if there is none. */
static bool find_row(struct store *store, const char *query, uint64_t id, struct sql_rows *ret_rows,
                     struct err *err)
{
    if (!sql_query(store->db, ret_rows, err, query, "i", (int64_t)id))
        return false;
    if (sql_next(ret_rows, err))
        return true;
    return err->kind == ERR_NONE
               ? err_set(err, ERR_MISSING, "there is no rollout %llu", (unsigned long long)id)
               : false;
}

bool store_read_record(struct store *store, uint64_t id, struct rollout_record *ret_record,
                       struct err *err)
{
    AUTO_ROWS struct sql_rows rows = {0};

    memset(ret_record, 0, sizeof(*ret_record));
    ret_record->id = id;
    return find_row(store,
                    "SELECT hash, sequence, not_after, state, sentence, stage, aborted, emergency,"
                    " advanced, (SELECT at FROM since WHERE rollout = id)"
                    " FROM rollouts WHERE id = ?",
                    id, &rows, err) &&
           read_record(&rows, ret_record, err) && read_targets(store, ret_record, err);
}

bool store_read_rollout(struct store *store, uint64_t id, struct store_rollout *ret_rollout,
                        struct err *err)
{
    AUTO_ROWS struct sql_rows rows = {0};
    struct store_rollout *rollout = ret_rollout;

    memset(rollout, 0, sizeof(*rollout));
    if (!store_read_record(store, id, &rollout->record, err) ||
        !find_row(store,
                  "SELECT body, approval, by, started_at, ended_at, gates FROM rollouts"
                  " WHERE id = ?",
                  id, &rows, err))
        return false;
    rollout->body = copy_blob(&rows, 0);
    rollout->approval = copy_blob(&rows, 1);
    sql_text(&rows, 2, rollout->by, sizeof(rollout->by));
    rollout->started_at = sql_number(&rows, 3);
    rollout->ended_at = sql_number(&rows, 4);
    rollout->gates = copy_blob(&rows, 5);
    return true;
}

bool store_find_unended(struct store *store, uint64_t after, uint64_t *ret_id, struct err *err)
{
    AUTO_ROWS struct sql_rows rows = {0};

    *ret_id = 0;
    if (!sql_query(store->db, &rows, err,
                   "SELECT id FROM rollouts WHERE id > ? AND (ended_at = 0 OR state = ?)"
                   " ORDER BY id LIMIT 1",
                   "it", (int64_t)after, rollout_state_name(ROLLOUT_INCOMPLETE)))
        return false;
    if (sql_next(&rows, err))
        *ret_id = (uint64_t)sql_number(&rows, 0);
    return err->kind == ERR_NONE;
}

bool store_list_rollouts(struct store *store, uint64_t before, uint64_t *ret_ids, size_t max,
                         size_t *ret_count, struct err *err)
{
    AUTO_ROWS struct sql_rows rows = {0};

    *ret_count = 0;
    if (!sql_query(store->db, &rows, err,
                   "SELECT id FROM rollouts WHERE id < ? ORDER BY id DESC LIMIT ?", "ii",
                   (int64_t)before, (int64_t)max))
        return false;
    while (*ret_count < max && sql_next(&rows, err))
        ret_ids[(*ret_count)++] = (uint64_t)sql_number(&rows, 0);
    return err->kind == ERR_NONE;
}

bool store_add_proof(struct store *store, const struct store_proof *proof, struct err *err)
{
    return sql_run(store->db, err,
                   "INSERT INTO proofs (rollout, at, node, signer, phase, counted, name, value,"
                   " observed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   "iittiitit", (int64_t)proof->rollout, proof->at, proof->node, proof->signer,
                   (int64_t)proof->phase, (int64_t)proof->counted, proof->verdict.check,
                   (int64_t)proof->verdict.value, proof->verdict.observed);
}

bool store_read_proofs(struct store *store, uint64_t rollout, store_proof_fn proof_fn,
                       void *context, struct err *err)
{
    AUTO_ROWS struct sql_rows rows = {0};

    if (!sql_query(store->db, &rows, err,
                   "SELECT at, node, signer, phase, counted, name, value, observed FROM proofs"
                   " WHERE rollout = ? ORDER BY id",
                   "i", (int64_t)rollout))
        return false;
    while (sql_next(&rows, err)) {
        struct store_proof proof = {.rollout = rollout,
                                    .at = sql_number(&rows, 0),
                                    .phase = (enum phase)sql_number(&rows, 3),
                                    .counted = sql_number(&rows, 4) != 0};

        sql_text(&rows, 1, proof.node, sizeof(proof.node));
        sql_text(&rows, 2, proof.signer, sizeof(proof.signer));
        sql_text(&rows, 5, proof.verdict.check, NAME_SIZE);
        proof.verdict.value = (enum verdict_value)sql_number(&rows, 6);
        sql_text(&rows, 7, proof.verdict.observed, REASON_SIZE);
        proof_fn(context, &proof);
    }
    return err->kind == ERR_NONE;
}

bool store_put_rehearsal(struct store *store, uint64_t rollout, const char *node,
                         const struct rehearsal *rehearsal, struct err *err)
{
    AUTO_WIRE struct wire_bytes said = wire_encode_rehearsal(rehearsal);

    return sql_run(store->db, err, "INSERT OR REPLACE INTO rehearsals VALUES (?, ?, ?)", "itb",
                   (int64_t)rollout, node, said.data, said.len);
}

bool store_read_rehearsal(struct store *store, uint64_t rollout, const char *node,
                          struct rehearsal *ret_rehearsal, bool *ret_known, struct err *err)
{
    AUTO_ROWS struct sql_rows rows = {0};

    *ret_known = false;
    if (!sql_query(store->db, &rows, err,
                   "SELECT said FROM rehearsals WHERE rollout = ? AND node = ?", "it",
                   (int64_t)rollout, node))
        return false;
    if (!sql_next(&rows, err))
        return err->kind == ERR_NONE;
    if (!wire_decode_rehearsal(sql_blob(&rows, 0), ret_rehearsal, err))
        return err_wrap(err, "rollout %llu, %s: its row is damaged", (unsigned long long)rollout,
                        node);
    *ret_known = true;
    return true;
}
