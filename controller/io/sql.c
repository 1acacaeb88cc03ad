/*
 * sql: one statement at a time on a SQLite database.
 */
#include "controller/io/sql.h"

#include <stdarg.h>
#include <string.h>

#include "common/core/text.h"

static const char *advice(int code)
{
    switch (code) {
    case SQLITE_FULL:
        return "; the disk is full: free some room, then it starts again by itself";
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return "; expected a directory that the controller's user may write";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return "; restore it from a backup, or move it away: the controller learns from the nodes "
               "again, without its audit";
    default:
        return "";
    }
}

bool sql_fail(sqlite3 *db, struct err *err)
{
    const char *path = sqlite3_db_filename(db, "main");

    return err_set(err, ERR_SYSTEM, "database %.200s: %.150s%s",
                   path != NULL && path[0] != '\0' ? path : "in memory", sqlite3_errmsg(db),
                   advice(sqlite3_errcode(db)));
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
