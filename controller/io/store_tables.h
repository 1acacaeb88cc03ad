/*
 * store_tables: the store's own storage, shared by its files and nobody else.
 */
#ifndef CONTROLLER_IO_STORE_TABLES_H
#define CONTROLLER_IO_STORE_TABLES_H

#include "controller/io/sql.h"

struct store {
    sqlite3 *db;
};

/* Its version and its pages: whether this controller may read it, and nothing in it is damaged. */
bool store_check(struct store *store, struct err *err);
/* Every table that this controller knows, and what an older one kept elsewhere. */
bool store_make_tables(struct store *store, struct err *err);

#endif
