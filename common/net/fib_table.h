/*
 * fib_table: one routing table of one family, sorted, for lookups by longest prefix.
 */
#ifndef COMMON_NET_FIB_TABLE_H
#define COMMON_NET_FIB_TABLE_H

#include "common/net/snapshot.h"

/* All routes of one destination: a run in fib_table.routes, best metric first. */
struct fib_entry {
    struct prefix destination;
    uint32_t first, count;
    int64_t parent; /* index of the entry that covers this one, -1 for none */
};

struct fib_table {
    uint8_t family;
    uint32_t id;
    const struct route **routes; /* borrowed from the snapshot; the array is owned */
    size_t routes_count, routes_capacity;
    struct fib_entry *entries; /* by destination; owned */
    size_t entries_count;
};

/* Sorts what was put into routes and builds entries. Call once, before the first find. */
void fib_table_index(struct fib_table *table);
void fib_table_done(struct fib_table *table);

/* The entry of the longest prefix that contains the address, or -1; its parents follow. */
int64_t fib_table_find(const struct fib_table *table, const struct address *address);

#endif
