/*
 * sql: one statement at a time on a SQLite database.
 */
#include "controller/io/sql.h"

#include <stdarg.h>
#include <string.h>

#include "common/core/text.h"

/* What was expected of the disk, and what a person can do. */
struct advice {
    const char *expected, *cure;
};

static struct advice find_advice(int code)
{
    switch (code) {
    case SQLITE_FULL:
        return (struct advice){"room for a write", "free some room, then it starts by itself"};
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return (struct advice){"a directory and files that the controller's user may write",
                               "make them so, then it starts by itself"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return (struct advice){"a sound database", SQL_DAMAGED};
    case SQLITE_IOERR:
        return (struct advice){"a disk that reads and writes", "mend it, then it starts by itself"};
    case SQLITE_BUSY:
        return (struct advice){"to be the only one who writes",
                               "end the other process that has it open"};
    default:
        return (struct advice){"it to do as it is told", "it is tried again at the next start"};
    }
}

bool sql_fail(sqlite3 *db, struct err *err)
{
    const char *path = sqlite3_db_filename(db, "main");
    struct advice advice = find_advice(sqlite3_errcode(db) & 0xff);

    return err_set(
        err, ERR_SYSTEM,
        "database %.120s: expected %s, observed: %.120s; nothing is led until then, open "
        "trials revert when their lease ends: %s",
        path != NULL && path[0] != '\0' ? path : "in memory", advice.expected, sqlite3_errmsg(db),
        advice.cure);
}

static int bind_all(sqlite3_stmt *statement, const char *types, va_list values)
{
    for (int i = 0; types[i] != '\0'; i++) {
        int code = SQLITE_MISUSE;

        if (types[i] == 'i') {
            code = sqlite3_bind_int64(statement, i + 1, va_arg(values, int64_t));
        } else if (types[i] == 't') {
            code = sqlite3_bind_text(statement, i + 1, va_arg(values, const char *), -1,
                                     SQLITE_TRANSIENT);
        } else if (types[i] == 'b') {
            const void *data = va_arg(values, const void *);
            size_t len = va_arg(values, size_t);

            code =
                sqlite3_bind_blob64(statement, i + 1, len > 0 ? data : "", len, SQLITE_TRANSIENT);
        }
        if (code != SQLITE_OK)
            return code;
    }
    return SQLITE_OK;
}

static bool prepare(sqlite3 *db, sqlite3_stmt **ret_statement, struct err *err, const char *text,
                    const char *types, va_list values)
{
    if (sqlite3_prepare_v2(db, text, -1, ret_statement, NULL) != SQLITE_OK ||
        bind_all(*ret_statement, types, values) != SQLITE_OK)
        return sql_fail(db, err);
    return true;
}

bool sql_run(sqlite3 *db, struct err *err, const char *text, const char *types, ...)
{
    sqlite3_stmt *statement = NULL;
    va_list values;
    bool good;

    va_start(values, types);
    good = prepare(db, &statement, err, text, types, values);
    va_end(values);
    if (good) {
        int code = sqlite3_step(statement);

        if (code != SQLITE_DONE && code != SQLITE_ROW)
            good = sql_fail(db, err);
    }
    sqlite3_finalize(statement);
    return good;
}

bool sql_query(sqlite3 *db, struct sql_rows *ret_rows, struct err *err, const char *text,
               const char *types, ...)
{
    va_list values;
    bool good;

    *ret_rows = (struct sql_rows){db, NULL};
    va_start(values, types);
    good = prepare(db, &ret_rows->statement, err, text, types, values);
    va_end(values);
    return good;
}

bool sql_next(struct sql_rows *rows, struct err *err)
{
    int code = sqlite3_step(rows->statement);

    if (code == SQLITE_ROW)
        return true;
    if (code != SQLITE_DONE)
        sql_fail(rows->db, err);
    return false;
}

void sql_end(struct sql_rows *rows)
{
    sqlite3_finalize(rows->statement);
    rows->statement = NULL;
}

int64_t sql_number(const struct sql_rows *rows, int column)
{
    return sqlite3_column_int64(rows->statement, column);
}

void sql_text(const struct sql_rows *rows, int column, char *to, size_t size)
{
    const unsigned char *text = sqlite3_column_text(rows->statement, column);

    text_copy(to, size, text != NULL ? (const char *)text : "");
}

struct bytes sql_blob(const struct sql_rows *rows, int column)
{
    const void *data = sqlite3_column_blob(rows->statement, column);

    return (struct bytes){data, (size_t)sqlite3_column_bytes(rows->statement, column)};
}

void sql_bytes(const struct sql_rows *rows, int column, uint8_t *to, size_t len)
{
    struct bytes blob = sql_blob(rows, column);

    memset(to, 0, len);
    if (blob.len == len)
        memcpy(to, blob.data, len);
}
