/*
 * snapshot: everything that decides where a host's packets go, at one moment, as plain values.
 */
#include "common/net/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"

void snapshot_init(struct snapshot *snapshot)
{
    memset(snapshot, 0, sizeof(*snapshot));
}

void snapshot_done(struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->routes_count; i++) {
        free(snapshot->routes[i].hops);
        free(snapshot->routes[i].raw);
    }
    for (size_t i = 0; i < snapshot->rules_count; i++)
        free(snapshot->rules[i].raw);
    for (size_t i = 0; i < snapshot->nexthops_count; i++) {
        free(snapshot->nexthops[i].members);
        free(snapshot->nexthops[i].raw);
    }
    for (size_t i = 0; i < snapshot->files_count; i++)
        free(snapshot->files[i].data);
    free(snapshot->links);
    free(snapshot->addresses);
    free(snapshot->routes);
    free(snapshot->rules);
    free(snapshot->nexthops);
    free(snapshot->sysctls);
    free(snapshot->tailscale.peers);
    free(snapshot->files);
    snapshot_init(snapshot);
}

static void *copy_items(const void *items, size_t count, size_t size, size_t *ret_capacity)
{
    *ret_capacity = count;
    return mem_copy(items, count * size);
}

static void own_nexthop(struct nexthop *nexthop)
{
    nexthop->members =
        nexthop->members_count > 0
            ? mem_copy(nexthop->members, nexthop->members_count * sizeof(*nexthop->members))
            : NULL;
    nexthop->raw = nexthop->raw != NULL ? mem_copy(nexthop->raw, nexthop->raw_len) : NULL;
}

static void copy_owned(struct snapshot *to)
{
    for (size_t i = 0; i < to->routes_count; i++) {
        struct route *route = &to->routes[i];

        if (route->hops != NULL)
            route->hops = mem_copy(route->hops, route->hops_count * sizeof(*route->hops));
        route->raw = mem_copy(route->raw, route->raw != NULL ? route->raw_len : 0);
    }
    for (size_t i = 0; i < to->rules_count; i++)
        to->rules[i].raw =
            mem_copy(to->rules[i].raw, to->rules[i].raw != NULL ? to->rules[i].raw_len : 0);
    for (size_t i = 0; i < to->nexthops_count; i++)
        own_nexthop(&to->nexthops[i]);
    for (size_t i = 0; i < to->files_count; i++)
        to->files[i].data =
            to->files[i].data != NULL ? mem_copy(to->files[i].data, to->files[i].len) : NULL;
}

void snapshot_copy(struct snapshot *to, const struct snapshot *from)
{
    *to = *from;
    to->links =
        copy_items(from->links, from->links_count, sizeof(*from->links), &to->links_capacity);
    to->addresses = copy_items(from->addresses, from->addresses_count, sizeof(*from->addresses),
                               &to->addresses_capacity);
    to->routes =
        copy_items(from->routes, from->routes_count, sizeof(*from->routes), &to->routes_capacity);
    to->rules =
        copy_items(from->rules, from->rules_count, sizeof(*from->rules), &to->rules_capacity);
    to->nexthops = copy_items(from->nexthops, from->nexthops_count, sizeof(*from->nexthops),
                              &to->nexthops_capacity);
    to->sysctls = copy_items(from->sysctls, from->sysctls_count, sizeof(*from->sysctls),
                             &to->sysctls_capacity);
    to->tailscale.peers = mem_copy(from->tailscale.peers,
                                   from->tailscale.peers_count * sizeof(*from->tailscale.peers));
    to->files =
        copy_items(from->files, from->files_count, sizeof(*from->files), &to->files_capacity);
    copy_owned(to);
}

#define ADD_FUNCTION(type, name, items)                                                            \
    struct type *name(struct snapshot *snapshot)                                                   \
    {                                                                                              \
        struct type *fresh;                                                                        \
                                                                                                   \
        snapshot->items = mem_grow(snapshot->items, snapshot->items##_count,                       \
                                   &snapshot->items##_capacity, sizeof(*fresh));                   \
        fresh = &snapshot->items[snapshot->items##_count++];                                       \
        memset(fresh, 0, sizeof(*fresh));                                                          \
        return fresh;                                                                              \
    }

ADD_FUNCTION(link, snapshot_add_link, links)
ADD_FUNCTION(link_address, snapshot_add_address, addresses)
ADD_FUNCTION(route, snapshot_add_route, routes)
ADD_FUNCTION(nexthop, snapshot_add_nexthop, nexthops)
ADD_FUNCTION(sysctl, snapshot_add_sysctl, sysctls)
ADD_FUNCTION(snapshot_file, snapshot_add_file, files)

void snapshot_take_link(struct snapshot *snapshot, const struct link *link)
{
    if (link != NULL && snapshot_find_link(snapshot, link->index) == NULL)
        *snapshot_add_link(snapshot) = *link;
}

struct nexthop *snapshot_copy_nexthop(struct snapshot *snapshot, const struct nexthop *nexthop)
{
    struct nexthop *copy = snapshot_add_nexthop(snapshot);

    *copy = *nexthop;
    own_nexthop(copy);
    return copy;
}

/* A rule that nobody filled further matches everything: no suppressing, any user. */
struct rule *snapshot_add_rule(struct snapshot *snapshot)
{
    struct rule *fresh;

    snapshot->rules =
        mem_grow(snapshot->rules, snapshot->rules_count, &snapshot->rules_capacity, sizeof(*fresh));
    fresh = &snapshot->rules[snapshot->rules_count++];
    memset(fresh, 0, sizeof(*fresh));
    fresh->suppress_prefixlength = -1;
    fresh->suppress_ifgroup = -1;
    fresh->uid_last = UINT32_MAX;
    return fresh;
}

void snapshot_remove_route(struct snapshot *snapshot, size_t index)
{
    struct route *route = &snapshot->routes[index];

    free(route->hops);
    free(route->raw);
    snapshot->routes_count--;
    memmove(route, route + 1, (snapshot->routes_count - index) * sizeof(*route));
}

void snapshot_remove_rule(struct snapshot *snapshot, size_t index)
{
    struct rule *rule = &snapshot->rules[index];

    free(rule->raw);
    snapshot->rules_count--;
    memmove(rule, rule + 1, (snapshot->rules_count - index) * sizeof(*rule));
}

void snapshot_remove_nexthop(struct snapshot *snapshot, size_t index)
{
    struct nexthop *nexthop = &snapshot->nexthops[index];

    free(nexthop->members);
    free(nexthop->raw);
    snapshot->nexthops_count--;
    memmove(nexthop, nexthop + 1, (snapshot->nexthops_count - index) * sizeof(*nexthop));
}

static int compare_u32(uint32_t a, uint32_t b)
{
    return a == b ? 0 : a < b ? -1 : 1;
}

static int compare_links(const void *a, const void *b)
{
    return compare_u32(((const struct link *)a)->index, ((const struct link *)b)->index);
}

int snapshot_compare_routes(const struct route *a, const struct route *b)
{
    int order = compare_u32(a->table, b->table);

    if (order == 0)
        order = prefix_compare(&a->destination, &b->destination);
    if (order == 0)
        order = compare_u32(a->metric, b->metric);
    return order != 0 ? order : compare_u32(a->tos, b->tos);
}

int snapshot_compare_rules(const struct rule *a, const struct rule *b)
{
    int order = compare_u32(a->family, b->family);

    return order != 0 ? order : compare_u32(a->priority, b->priority);
}

static int compare_sysctls(const void *a, const void *b)
{
    return strcmp(((const struct sysctl *)a)->name, ((const struct sysctl *)b)->name);
}

/* Merges two sorted neighbours; equal ones keep their order (which is state: design 5). */
#define STABLE_SORT(type, sort, compare)                                                           \
    static void sort(struct type *items, struct type *spare, size_t count)                         \
    {                                                                                              \
        size_t half = count / 2;                                                                   \
        size_t left = 0;                                                                           \
        size_t right = half;                                                                       \
                                                                                                   \
        if (count < 2)                                                                             \
            return;                                                                                \
        sort(items, spare, half);                                                                  \
        sort(items + half, spare, count - half);                                                   \
        if (compare(&items[half - 1], &items[half]) <= 0)                                          \
            return;                                                                                \
        memcpy(spare, items, half * sizeof(*items));                                               \
        for (size_t to = 0; left < half; to++) {                                                   \
            if (right < count && compare(&items[right], &spare[left]) < 0)                         \
                items[to] = items[right++];                                                        \
            else                                                                                   \
                items[to] = spare[left++];                                                         \
        }                                                                                          \
    }

STABLE_SORT(route, sort_routes, snapshot_compare_routes)
STABLE_SORT(rule, sort_rules, snapshot_compare_rules)

void snapshot_sort(struct snapshot *snapshot)
{
    AUTO_FREE struct route *routes = mem_alloc(snapshot->routes_count / 2 + 1, sizeof(*routes));
    AUTO_FREE struct rule *rules = mem_alloc(snapshot->rules_count / 2 + 1, sizeof(*rules));

    sort_routes(snapshot->routes, routes, snapshot->routes_count);
    sort_rules(snapshot->rules, rules, snapshot->rules_count);
    if (snapshot->links_count > 0)
        qsort(snapshot->links, snapshot->links_count, sizeof(*snapshot->links), compare_links);
    if (snapshot->sysctls_count > 0)
        qsort(snapshot->sysctls, snapshot->sysctls_count, sizeof(*snapshot->sysctls),
              compare_sysctls);
}

/* Where the first route is, or would be, that does not stand before that one. */
static size_t find_place(const struct snapshot *snapshot, const struct route *wanted)
{
    size_t first = 0;
    size_t end = snapshot->routes_count;

    while (first < end) {
        size_t middle = first + (end - first) / 2;

        if (snapshot_compare_routes(&snapshot->routes[middle], wanted) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

size_t snapshot_find_routes(const struct snapshot *snapshot, uint32_t table,
                            const struct prefix *destination, size_t *ret_first)
{
    struct route wanted = {.table = table, .destination = *destination};
    size_t at = find_place(snapshot, &wanted);

    *ret_first = at;
    while (at < snapshot->routes_count && snapshot->routes[at].table == table &&
           prefix_equal(&snapshot->routes[at].destination, destination))
        at++;
    return at - *ret_first;
}

const struct link *snapshot_find_link(const struct snapshot *snapshot, uint32_t index)
{
    for (size_t i = 0; i < snapshot->links_count; i++) {
        if (snapshot->links[i].index == index)
            return &snapshot->links[i];
    }
    return NULL;
}

const struct link *snapshot_find_device(const struct snapshot *snapshot, const char *name)
{
    for (size_t i = 0; i < snapshot->links_count; i++) {
        if (text_equal(snapshot->links[i].name, name))
            return &snapshot->links[i];
    }
    return NULL;
}

const struct sysctl *snapshot_find_sysctl(const struct snapshot *snapshot, const char *name)
{
    for (size_t i = 0; i < snapshot->sysctls_count; i++) {
        if (text_equal(snapshot->sysctls[i].name, name))
            return &snapshot->sysctls[i];
    }
    return NULL;
}

const struct nexthop *snapshot_find_nexthop(const struct snapshot *snapshot, uint32_t id)
{
    for (size_t i = 0; i < snapshot->nexthops_count; i++) {
        if (snapshot->nexthops[i].id == id)
            return &snapshot->nexthops[i];
    }
    return NULL;
}

const struct snapshot_file *snapshot_find_file(const struct snapshot *snapshot, const char *path)
{
    for (size_t i = 0; i < snapshot->files_count; i++) {
        if (text_equal(snapshot->files[i].path, path))
            return &snapshot->files[i];
    }
    return NULL;
}
