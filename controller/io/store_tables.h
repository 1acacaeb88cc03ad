/*
 * store_tables: the store's own storage, shared by its files and nobody else.
 */
#ifndef CONTROLLER_IO_STORE_TABLES_H
#define CONTROLLER_IO_STORE_TABLES_H

#include "controller/io/sql.h"

struct store {
    sqlite3 *db;
};

#endif
