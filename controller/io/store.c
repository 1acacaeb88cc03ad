/*
 * store: what the controller must not forget, in SQLite: the file, transactions, nodes, verdicts.
 */
#include "controller/io/store.h"

#include <stdlib.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "controller/io/store_tables.h"

enum { SCHEMA_VERSION = 1, BUSY_TIMEOUT_MS = 2000 };

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS opened (one INTEGER PRIMARY KEY, at INTEGER);"
    "CREATE TABLE IF NOT EXISTS nodes (name TEXT PRIMARY KEY, heard INTEGER, version TEXT,"
    " boot_id TEXT);"
    "CREATE TABLE IF NOT EXISTS verdicts (node TEXT, name TEXT, value INTEGER, severity INTEGER,"
    " expected TEXT, observed TEXT, took_ms INTEGER, at INTEGER, interval_s INTEGER,"
    " PRIMARY KEY (node, name)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS decided (node TEXT, name TEXT, value INTEGER,"
    " PRIMARY KEY (node, name)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS agent_keys (node TEXT PRIMARY KEY, key BLOB) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS rollouts (id INTEGER PRIMARY KEY, body BLOB, approval BLOB,"
    " hash BLOB, sequence INTEGER UNIQUE, not_after INTEGER, state TEXT, sentence TEXT,"
    " stage INTEGER, aborted INTEGER, emergency INTEGER, advanced INTEGER, by TEXT,"
    " started_at INTEGER, ended_at INTEGER, gates BLOB);"
    "CREATE TABLE IF NOT EXISTS targets (rollout INTEGER, position INTEGER, name TEXT,"
    " stage INTEGER, wants INTEGER, says INTEGER, in_doubt INTEGER, listed INTEGER, body BLOB,"
    " sequence INTEGER, start BLOB, receipt INTEGER, cause INTEGER, reason TEXT,"
    " PRIMARY KEY (rollout, position)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS begun (rollout INTEGER, position INTEGER,"
    " PRIMARY KEY (rollout, position)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS lasting (rollout INTEGER, position INTEGER,"
    " PRIMARY KEY (rollout, position)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS since (rollout INTEGER PRIMARY KEY, at INTEGER);"
    "CREATE TABLE IF NOT EXISTS proofs (id INTEGER PRIMARY KEY, rollout INTEGER, at INTEGER,"
    " node TEXT, signer TEXT, phase INTEGER, counted INTEGER, name TEXT, value INTEGER,"
    " observed TEXT);"
    "CREATE TABLE IF NOT EXISTS rehearsals (rollout INTEGER, node TEXT, said BLOB,"
    " PRIMARY KEY (rollout, node)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS proofs_rollout ON proofs (rollout);"
    "CREATE TABLE IF NOT EXISTS receipts (id INTEGER PRIMARY KEY, node TEXT, hash BLOB,"
    " sequence INTEGER, envelope BLOB UNIQUE);"
    "CREATE INDEX IF NOT EXISTS receipts_attempt ON receipts (node, hash, sequence);"
    "CREATE TABLE IF NOT EXISTS strangers (node TEXT, signer BLOB, receipt BLOB,"
    " PRIMARY KEY (node, signer, receipt)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS holds (id INTEGER PRIMARY KEY, kind INTEGER, scope TEXT,"
    " object TEXT, reason TEXT, by TEXT, since INTEGER, until INTEGER, receipt BLOB,"
    " lifted INTEGER);"
    "CREATE TABLE IF NOT EXISTS owed (id INTEGER PRIMARY KEY, node TEXT, asked INTEGER,"
    " rollout INTEGER, hash BLOB, sequence INTEGER, envelope BLOB, done INTEGER, state TEXT,"
    " sentence TEXT, reason TEXT, signed INTEGER, UNIQUE (node, hash, sequence, signed));"
    "CREATE TABLE IF NOT EXISTS backs (id INTEGER PRIMARY KEY, node TEXT UNIQUE, asked INTEGER,"
    " rollout INTEGER, hash BLOB, sequence INTEGER, envelope BLOB, done INTEGER, state TEXT,"
    " sentence TEXT, reason TEXT);"
    "CREATE TABLE IF NOT EXISTS emergency (one INTEGER PRIMARY KEY, rollout INTEGER, at INTEGER,"
    " by TEXT, reason TEXT);"
    "CREATE TABLE IF NOT EXISTS audit (id INTEGER PRIMARY KEY, at INTEGER, who TEXT, what TEXT,"
    " subject TEXT, sentence TEXT, previous BLOB, hash BLOB);";

/* `backs` had one place for each node. What stands there was written by an older controller since
 * the last move: it is newer than what is owed of the same, and its ids are others' here. */
static const char moves[] =
    "INSERT OR REPLACE INTO owed (node, asked, rollout, hash, sequence, envelope, done, state,"
    " sentence, reason, signed) SELECT node, asked, rollout, hash, sequence, envelope, done,"
    " state, sentence, reason, COALESCE(LENGTH(envelope), 0) > 0 FROM backs ORDER BY id;"
    "DELETE FROM backs;";

static bool execute(struct store *store, const char *text, struct err *err)
{
    return sqlite3_exec(store->db, text, NULL, NULL, NULL) == SQLITE_OK || sql_fail(store->db, err);
}

static bool check_integrity(struct store *store, struct err *err)
{
    AUTO_ROWS struct sql_rows rows = {0};
    char answer[REASON_SIZE] = "";

    if (!sql_query(store->db, &rows, err, "PRAGMA quick_check(1)", ""))
        return false;
    if (sql_next(&rows, err))
        sql_text(&rows, 0, answer, sizeof(answer));
    if (err->kind != ERR_NONE)
        return false;
    if (!text_equal(answer, "ok"))
        return err_set(
            err, ERR_SYSTEM,
            "database %.120s: expected a sound database, observed: %.120s; nothing is led "
            "until then, open trials revert when their lease ends: " SQL_DAMAGED,
            sqlite3_db_filename(store->db, "main"), answer);
    return true;
}

static bool check_version(struct store *store, struct err *err)
{
    AUTO_ROWS struct sql_rows rows = {0};
    int64_t version;

    if (!sql_query(store->db, &rows, err, "PRAGMA user_version", "") || !sql_next(&rows, err))
        return false;
    version = sql_number(&rows, 0);
    if (version > SCHEMA_VERSION)
        return err_set(err, ERR_INPUT,
                       "database %.200s has version %lld, accepted are up to %d: it was written "
                       "by a newer controller",
                       sqlite3_db_filename(store->db, "main"), (long long)version, SCHEMA_VERSION);
    return true;
}

bool store_check(struct store *store, struct err *err)
{
    sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    return check_version(store, err) && check_integrity(store, err);
}

bool store_make_tables(struct store *store, struct err *err)
{
    return execute(store, schema, err) && execute(store, moves, err) &&
           execute(store, "PRAGMA user_version=1", err);
}

/* The write at the end is the proof that this disk can be led from. */
static bool prepare(struct store *store, struct err *err)
{
    sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    return execute(store, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;", err) &&
           store_check(store, err) && store_begin(store, STORE_FULL, err) &&
           store_make_tables(store, err) &&
           sql_run(store->db, err, "INSERT OR REPLACE INTO opened VALUES (1, ?)", "i",
                   clock_unix()) &&
           store_commit(store, err);
}

struct store *store_open(const char *path, struct err *err)
{
    struct store *store = mem_alloc(1, sizeof(*store));

    if (sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
        SQLITE_OK) {
        if (store->db != NULL)
            sql_fail(store->db, err);
        else
            err_set(err, ERR_SYSTEM, "database %.200s: no memory", path);
        store_close(store);
        return NULL;
    }
    if (!prepare(store, err)) {
        store_close(store);
        return NULL;
    }
    return store;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    sqlite3_close(store->db);
    free(store);
}

bool store_begin(struct store *store, enum store_durability durability, struct err *err)
{
    return execute(store,
                   durability == STORE_FULL ? "PRAGMA synchronous=FULL"
                                            : "PRAGMA synchronous=NORMAL",
                   err) &&
           execute(store, "BEGIN IMMEDIATE", err);
}

bool store_commit(struct store *store, struct err *err)
{
    if (execute(store, "COMMIT", err))
        return true;
    store_cancel(store);
    return false;
}

void store_cancel(struct store *store)
{
    if (sqlite3_get_autocommit(store->db) == 0)
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

bool store_put_node(struct store *store, const struct fleet_member *member, struct err *err)
{
    return sql_run(store->db, err, "INSERT OR REPLACE INTO nodes VALUES (?, ?, ?, ?)", "titt",
                   member->name, member->heard_unix, member->version, member->boot_id);
}

/* Only behind an unknown is it another one than the verdict itself. */
static bool put_decided(struct store *store, const char *node, const struct fleet_verdict *known,
                        struct err *err)
{
    return sql_run(store->db, err, "INSERT OR REPLACE INTO decided VALUES (?, ?, ?)", "tti", node,
                   known->verdict.check, (int64_t)known->decided);
}

bool store_put_verdict(struct store *store, const char *node, const struct fleet_verdict *known,
                       struct err *err)
{
    const struct verdict *verdict = &known->verdict;

    return sql_run(store->db, err,
                   "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   "ttiittiii", node, verdict->check, (int64_t)verdict->value,
                   (int64_t)verdict->severity, verdict->expected, verdict->observed,
                   (int64_t)verdict->took_ms, known->at, (int64_t)known->interval_s) &&
           (verdict->value != VERDICT_UNKNOWN || put_decided(store, node, known, err));
}

bool store_forget_verdicts(struct store *store, const char *node, struct err *err)
{
    return sql_run(store->db, err, "DELETE FROM verdicts WHERE node = ?", "t", node) &&
           sql_run(store->db, err, "DELETE FROM decided WHERE node = ?", "t", node);
}

/* Nothing is known of a key that was never kept. */
static bool has_another_key(struct store *store, const char *node, const struct public_key *key,
                            struct err *err)
{
    AUTO_ROWS struct sql_rows rows = {0};

    return sql_query(store->db, &rows, err, "SELECT 1 FROM agent_keys WHERE node = ? AND key <> ?",
                     "tb", node, key->bytes, (size_t)KEY_SIZE) &&
           sql_next(&rows, err);
}

bool store_keep_agent_key(struct store *store, const char *node, const struct public_key *key,
                          struct err *err)
{
    if (has_another_key(store, node, key, err) && !store_forget_verdicts(store, node, err))
        return false;
    return err->kind == ERR_NONE &&
           sql_run(store->db, err, "INSERT OR REPLACE INTO agent_keys VALUES (?, ?)", "tb", node,
                   key->bytes, (size_t)KEY_SIZE);
}

static bool read_nodes(struct store *store, struct fleet *fleet, struct err *err)
{
    AUTO_ROWS struct sql_rows rows = {0};

    if (!sql_query(store->db, &rows, err, "SELECT name, heard, version, boot_id FROM nodes", ""))
        return false;
    while (sql_next(&rows, err)) {
        char name[NAME_SIZE];
        struct fleet_member *member;

        sql_text(&rows, 0, name, sizeof(name));
        member = fleet_find(fleet, name);
        if (member == NULL)
            continue;
        member->heard_unix = sql_number(&rows, 1);
        sql_text(&rows, 2, member->version, sizeof(member->version));
        sql_text(&rows, 3, member->boot_id, sizeof(member->boot_id));
    }
    return err->kind == ERR_NONE;
}

static bool read_verdict(const struct sql_rows *rows, struct fleet_verdict *ret_known)
{
    int64_t value = sql_number(rows, 2);
    int64_t severity = sql_number(rows, 3);
    int64_t decided = sql_number(rows, 9); /* 0, unknown, where an older controller wrote it */

    if (value < 0 || value >= VERDICT_VALUE_COUNT || severity < 0 || severity >= SEVERITY_COUNT ||
        decided < 0 || decided >= VERDICT_VALUE_COUNT)
        return false;
    if (value != VERDICT_UNKNOWN)
        decided = value;
    *ret_known = (struct fleet_verdict){.decided = (enum verdict_value)decided,
                                        .at = sql_number(rows, 7),
                                        .interval_s = (unsigned)sql_number(rows, 8)};
    sql_text(rows, 1, ret_known->verdict.check, NAME_SIZE);
    ret_known->verdict.value = (enum verdict_value)value;
    ret_known->verdict.severity = (enum severity)severity;
    sql_text(rows, 4, ret_known->verdict.expected, REASON_SIZE);
    sql_text(rows, 5, ret_known->verdict.observed, REASON_SIZE);
    ret_known->verdict.took_ms = (unsigned)sql_number(rows, 6);
    return true;
}

/* In the order in which it was said: what was decided last, and what it is now. */
static void tell_both(struct fleet_member *member, const struct fleet_verdict *known)
{
    struct verdict decided = known->verdict;

    decided.value = known->decided;
    fleet_tell_verdict(member, &decided, known->interval_s, known->at);
    fleet_tell_verdict(member, &known->verdict, known->interval_s, known->at);
}

bool store_read_fleet(struct store *store, struct fleet *fleet, struct err *err)
{
    AUTO_ROWS struct sql_rows rows = {0};

    if (!read_nodes(store, fleet, err) ||
        !sql_query(store->db, &rows, err,
                   "SELECT v.node, v.name, v.value, severity, expected, observed, took_ms, at,"
                   " interval_s, decided.value FROM verdicts AS v LEFT JOIN decided"
                   " ON decided.node = v.node AND decided.name = v.name",
                   ""))
        return false;
    while (sql_next(&rows, err)) {
        struct fleet_verdict known;
        char name[NAME_SIZE];
        struct fleet_member *member;

        sql_text(&rows, 0, name, sizeof(name));
        member = fleet_find(fleet, name);
        if (member != NULL && read_verdict(&rows, &known))
            tell_both(member, &known);
    }
    return err->kind == ERR_NONE;
}
