/*
 * fib_table: one routing table of one family, sorted, for lookups by longest prefix.
 */
#include "common/net/fib_table.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"

/* By destination, then the narrower source (IPv6), the tos (before the metric, as in fib_trie.c),
 * the metric; the kernel's order (the snapshot's) decides between equals. */
static int compare_routes(const void *a, const void *b)
{
    const struct route *left = *(const struct route *const *)a;
    const struct route *right = *(const struct route *const *)b;
    int order = prefix_compare(&left->destination, &right->destination);

    if (order != 0)
        return order;
    if (left->source.len != right->source.len)
        return left->source.len > right->source.len ? -1 : 1;
    if (left->tos != right->tos)
        return left->tos > right->tos ? -1 : 1;
    if (left->metric != right->metric)
        return left->metric < right->metric ? -1 : 1;
    return left == right ? 0 : left < right ? -1 : 1;
}

/* Entries come sorted by address, shorter first: a cover is always among the open parents. */
static void link_parent(struct fib_table *table, size_t at)
{
    struct fib_entry *entry = &table->entries[at];
    int64_t parent = (int64_t)at - 1;

    while (parent >= 0 && !prefix_covers(&table->entries[parent].destination, &entry->destination))
        parent = table->entries[parent].parent;
    entry->parent = parent;
}

void fib_table_index(struct fib_table *table)
{
    if (table->routes_count > 0)
        qsort(table->routes, table->routes_count, sizeof(*table->routes), compare_routes);
    table->entries = mem_alloc(table->routes_count, sizeof(*table->entries));
    for (size_t i = 0; i < table->routes_count; i++) {
        const struct prefix *destination = &table->routes[i]->destination;
        struct fib_entry *next = &table->entries[table->entries_count];

        if (table->entries_count > 0 && prefix_equal(&next[-1].destination, destination)) {
            next[-1].count++;
            continue;
        }
        *next = (struct fib_entry){.destination = *destination, .first = (uint32_t)i, .count = 1};
        link_parent(table, table->entries_count++);
    }
}

void fib_table_done(struct fib_table *table)
{
    free(table->routes);
    free(table->entries);
}

int64_t fib_table_find(const struct fib_table *table, const struct address *address)
{
    size_t low = 0;
    size_t high = table->entries_count;
    int64_t found;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (address_compare(&table->entries[middle].destination.address, address) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    found = (int64_t)low - 1;
    while (found >= 0 && !prefix_contains(&table->entries[found].destination, address))
        found = table->entries[found].parent;
    return found;
}
