/*
 * wire_expect: comparing what was decoded with what was encoded, and what decoders must bear.
 */
#include "tests/unit/wire_fill.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/io/file.h"

#include <cmocka.h>

/* ---- comparing --------------------------------------------------------------------------------
 */

void expect_same_bytes(struct bytes a, struct bytes b)
{
    assert_int_equal(a.len, b.len);
    if (a.len > 0)
        assert_memory_equal(a.data, b.data, a.len);
}

static void expect_same_raw(const uint8_t *a, uint32_t a_len, const uint8_t *b, uint32_t b_len,
                            bool raw)
{
    expect_same_bytes(raw ? (struct bytes){a, a_len} : (struct bytes){NULL, 0},
                      (struct bytes){b, b_len});
}

static void expect_same_route(const struct route *a, const struct route *b, bool raw)
{
    struct route left = *a;
    struct route right = *b;

    expect_same_raw(a->raw, a->raw_len, b->raw, b->raw_len, raw);
    if (a->hops_count > 1)
        assert_memory_equal(a->hops, b->hops, a->hops_count * sizeof(*a->hops));
    left.hops = right.hops = NULL;
    left.raw = right.raw = NULL;
    left.raw_len = right.raw_len = 0;
    assert_memory_equal(&left, &right, sizeof(left));
}

static void expect_same_rule(const struct rule *a, const struct rule *b, bool raw)
{
    struct rule left = *a;
    struct rule right = *b;

    expect_same_raw(a->raw, a->raw_len, b->raw, b->raw_len, raw);
    left.raw = right.raw = NULL;
    left.raw_len = right.raw_len = 0;
    assert_memory_equal(&left, &right, sizeof(left));
}

static void expect_same_nexthop(const struct nexthop *a, const struct nexthop *b, bool raw)
{
    struct nexthop left = *a;
    struct nexthop right = *b;

    expect_same_raw(a->raw, a->raw_len, b->raw, b->raw_len, raw);
    assert_int_equal(a->members_count, b->members_count);
    assert_memory_equal(a->members, b->members, a->members_count * sizeof(*a->members));
    left.members = right.members = NULL;
    left.raw = right.raw = NULL;
    left.raw_len = right.raw_len = 0;
    assert_memory_equal(&left, &right, sizeof(left));
}

static void expect_same_tailscale(const struct tailscale *a, const struct tailscale *b, bool raw)
{
    struct tailscale left = *a;
    struct tailscale right = *b;

    assert_int_equal(a->peers_count, b->peers_count);
    if (a->peers_count > 0)
        assert_memory_equal(a->peers, b->peers, a->peers_count * sizeof(*a->peers));
    left.peers = right.peers = NULL;
    if (!raw) { /* it stays on the node */
        assert_string_equal(right.profile.node_id, "");
        left.profile = right.profile;
    }
    assert_memory_equal(&left, &right, sizeof(left));
}

#define EXPECT_SAME_ARRAY(a, b, items)                                                             \
    do {                                                                                           \
        assert_int_equal((a)->items##_count, (b)->items##_count);                                  \
        if ((a)->items##_count > 0)                                                                \
            assert_memory_equal((a)->items, (b)->items, (a)->items##_count * sizeof(*(a)->items)); \
    } while (0)

static void expect_same_files(const struct snapshot *a, const struct snapshot *b)
{
    assert_int_equal(a->files_count, b->files_count);
    for (size_t i = 0; i < a->files_count; i++) {
        struct snapshot_file left = a->files[i];
        struct snapshot_file right = b->files[i];

        assert_int_equal(left.len, right.len);
        if (left.len > 0)
            assert_memory_equal(left.data, right.data, left.len);
        left.data = right.data = NULL;
        assert_memory_equal(&left, &right, sizeof(left));
    }
}

void expect_same_snapshot(const struct snapshot *a, const struct snapshot *b, bool raw)
{
    EXPECT_SAME_ARRAY(a, b, links);
    EXPECT_SAME_ARRAY(a, b, addresses);
    EXPECT_SAME_ARRAY(a, b, sysctls);
    assert_int_equal(a->routes_count, b->routes_count);
    for (size_t i = 0; i < a->routes_count; i++)
        expect_same_route(&a->routes[i], &b->routes[i], raw);
    assert_int_equal(a->rules_count, b->rules_count);
    for (size_t i = 0; i < a->rules_count; i++)
        expect_same_rule(&a->rules[i], &b->rules[i], raw);
    assert_int_equal(a->nexthops_count, b->nexthops_count);
    for (size_t i = 0; i < a->nexthops_count; i++)
        expect_same_nexthop(&a->nexthops[i], &b->nexthops[i], raw);
    expect_same_tailscale(&a->tailscale, &b->tailscale, raw);
    expect_same_files(a, b);
}

/* ---- tormenting -------------------------------------------------------------------------------
 */

static void try_copy(const uint8_t *data, size_t len, void (*try_fn)(struct bytes bad))
{
    uint8_t *copy = malloc(len > 0 ? len : 1);

    assert_non_null(copy);
    memcpy(copy, data, len);
    try_fn((struct bytes){copy, len});
    free(copy);
}

/* What the fuzzers begin with (tests/fuzz/corpus), written where OCEANID_SEEDS says. */
static void keep_seed(struct bytes good)
{
    static unsigned number;
    const char *directory = getenv("OCEANID_SEEDS");
    char name[NAME_SIZE];
    char path[4096];
    struct err err = ERR_INIT;

    if (directory == NULL)
        return;
    snprintf(name, sizeof(name), "%s_%u", program_invocation_short_name, number++);
    assert_true(file_join(path, sizeof(path), directory, name, &err));
    assert_true(file_write(path, good.data, good.len, 0644, &err));
}

void torment(struct bytes good, void (*try_fn)(struct bytes bad))
{
    static const uint8_t masks[] = {0x01, 0x80};
    AUTO_FREE uint8_t *altered = mem_copy(good.data, good.len);

    keep_seed(good);
    for (size_t len = 0; len < good.len; len++)
        try_copy(good.data, len, try_fn);
    for (size_t i = 0; i < good.len; i++) {
        for (size_t k = 0; k < sizeof(masks); k++) {
            altered[i] = (uint8_t)(good.data[i] ^ masks[k]);
            try_copy(altered, good.len, try_fn);
        }
        altered[i] = good.data[i];
    }
}
