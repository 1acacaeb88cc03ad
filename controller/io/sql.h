/*
 * sql: one statement at a time on a SQLite database, its values bound by a line of letters.
 *
 * i: int64_t, t: const char *, b: const void * and size_t. Every failure names the database file
 * and what SQLite says.
 */
#ifndef CONTROLLER_IO_SQL_H
#define CONTROLLER_IO_SQL_H

#include <sqlite3.h>

#include "common/core/bytes.h"
#include "common/core/err.h"

struct sql_rows { /* of a query; starts zeroed */
    sqlite3 *db;
    sqlite3_stmt *statement;
};
#define AUTO_ROWS __attribute__((cleanup(sql_end)))

/* Runs a statement that gives no rows. */
bool sql_run(sqlite3 *db, struct err *err, const char *text, const char *types, ...);

/* Begins a query; sql_end ends it, also after a failure. */
bool sql_query(sqlite3 *db, struct sql_rows *ret_rows, struct err *err, const char *text,
               const char *types, ...);

/* True while there is a row; false at the end, and with err set when it failed. */
bool sql_next(struct sql_rows *rows, struct err *err);
void sql_end(struct sql_rows *rows);

int64_t sql_number(const struct sql_rows *rows, int column);
/* Cut at size; "" for NULL. */
void sql_text(const struct sql_rows *rows, int column, char *to, size_t size);
/* Lent until the next row. */
struct bytes sql_blob(const struct sql_rows *rows, int column);
/* Exactly len bytes, or all zero. */
void sql_bytes(const struct sql_rows *rows, int column, uint8_t *to, size_t len);

/* What to do with a damaged database. */
#define SQL_DAMAGED                                                                                \
    "restore it from a backup, or move it away: the controller learns from the nodes again, "      \
    "without its audit"

/* Puts into err what was expected, what SQLite observed and what happens next. Always returns
 * false. */
bool sql_fail(sqlite3 *db, struct err *err);

#endif
