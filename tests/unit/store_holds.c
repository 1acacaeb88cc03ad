/*
 * store_holds: what the store keeps of holds.
 */
#include "tests/unit/store_suite.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "tests/unit/store_case.h"

enum { HOLDS_NOW = 15 };

static void reads_holds_back(void **state)
{
    struct store *store = store_suite_open();
    struct holds holds = {.list = mem_alloc(HOLDS_MAX, sizeof(struct hold))};
    struct hold hold = {.id = 4,
                        .kind = HOLD_QUARANTINE,
                        .since = 10,
                        .until = 20,
                        .scope = "a1",
                        .object = "rule 5140",
                        .reason = "office: no",
                        .by = "a1"};
    struct err err = ERR_INIT;

    (void)state;
    memset(hold.receipt.bytes, 9, HASH_SIZE);
    store_case_must(store_put_hold(store, &hold, &err), &err);
    store_case_must(store_read_holds(store, HOLDS_NOW, &holds, &err), &err);
    assert_int_equal(holds.count, 1);
    assert_int_equal(holds.id_next, 5);
    assert_int_equal(holds.list[0].kind, HOLD_QUARANTINE);
    assert_string_equal(holds.list[0].scope, "a1");
    assert_string_equal(holds.list[0].object, "rule 5140");
    assert_string_equal(holds.list[0].reason, "office: no");
    assert_int_equal(holds.list[0].since, 10);
    assert_int_equal(holds.list[0].until, 20);
    assert_true(hash_equal(&holds.list[0].receipt, &hold.receipt));
    assert_false(holds.list[0].lifted);
    hold.lifted = true;
    store_case_must(store_put_hold(store, &hold, &err), &err);
    store_case_must(store_read_holds(store, HOLDS_NOW, &holds, &err), &err);
    assert_int_equal(holds.count, 1);
    assert_true(holds.list[0].lifted);
    free(holds.list);
    store_close(store);
}

static void put_holds(struct store *store, uint64_t from, uint64_t to, const struct hold *like)
{
    struct err err = ERR_INIT;

    store_case_must(store_begin(store, STORE_REPORT, &err), &err);
    for (uint64_t id = from; id <= to; id++) {
        struct hold hold = *like;

        hold.id = id;
        store_case_must(store_put_hold(store, &hold, &err), &err);
    }
    store_case_must(store_commit(store, &err), &err);
}

/* However many came later and hold nothing any more. */
static void reads_every_active_hold_back(void **state)
{
    const struct hold freeze = {.kind = HOLD_FREEZE, .scope = "fleet"};
    const struct hold pause = {.kind = HOLD_PAUSE, .scope = "fleet", .until = HOLDS_NOW + 1};
    const struct hold lifted = {.kind = HOLD_PAUSE, .scope = "fleet", .lifted = true};
    const struct hold ended = {.kind = HOLD_PAUSE, .scope = "fleet", .until = HOLDS_NOW};
    struct store *store = store_suite_open();
    struct holds holds = {.list = mem_alloc(HOLDS_MAX, sizeof(struct hold))};
    struct err err = ERR_INIT;

    (void)state;
    put_holds(store, 1, 1, &freeze);
    put_holds(store, 2, 2, &pause);
    put_holds(store, 3, HOLDS_MAX, &ended);
    put_holds(store, HOLDS_MAX + 1, 2 * HOLDS_MAX, &lifted);
    store_case_must(store_read_holds(store, HOLDS_NOW, &holds, &err), &err);
    assert_int_equal(holds.count, HOLDS_MAX);
    assert_int_equal(holds.list[0].id, 1);
    assert_int_equal(holds.list[1].id, 2);
    assert_int_equal(holds.list[HOLDS_MAX - 1].id, 2 * HOLDS_MAX);
    assert_int_equal(holds.id_next, 2 * HOLDS_MAX + 1);
    free(holds.list);
    store_close(store);
}

/* What was active and is not read would not hold: nothing is led then. */
static void refuses_holds_that_do_not_fit(void **state)
{
    const struct hold freeze = {.kind = HOLD_FREEZE, .scope = "fleet"};
    struct store *store = store_suite_open();
    struct holds holds = {.list = mem_alloc(HOLDS_MAX, sizeof(struct hold))};
    struct err err = ERR_INIT;

    (void)state;
    put_holds(store, 1, HOLDS_MAX, &freeze);
    store_case_must(store_read_holds(store, HOLDS_NOW, &holds, &err), &err);
    assert_int_equal(holds.count, HOLDS_MAX);
    put_holds(store, HOLDS_MAX + 1, HOLDS_MAX + 1, &freeze);
    assert_false(store_read_holds(store, HOLDS_NOW, &holds, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_non_null(strstr(err.text, "1025 holds are active"));
    free(holds.list);
    store_close(store);
}

/* An id names one hold for good, also one that nobody reads any more. */
static void gives_no_hold_id_twice(void **state)
{
    const struct hold freeze = {.kind = HOLD_FREEZE, .scope = "fleet"};
    const struct hold lifted = {.kind = HOLD_FREEZE, .scope = "fleet", .lifted = true};
    struct store *store = store_suite_open();
    struct holds holds = {.list = mem_alloc(HOLDS_MAX, sizeof(struct hold))};
    struct err err = ERR_INIT;

    (void)state;
    put_holds(store, 1, HOLDS_MAX, &freeze);
    put_holds(store, HOLDS_MAX + 1, HOLDS_MAX + 7, &lifted);
    store_case_must(store_read_holds(store, HOLDS_NOW, &holds, &err), &err);
    assert_int_equal(holds.count, HOLDS_MAX);
    assert_int_equal(holds.id_next, HOLDS_MAX + 8);
    free(holds.list);
    store_close(store);
}

static const struct CMUnitTest tests[] = {
    STORE_CASE(reads_holds_back),
    STORE_CASE(reads_every_active_hold_back),
    STORE_CASE(refuses_holds_that_do_not_fit),
    STORE_CASE(gives_no_hold_id_twice),
};
const struct store_suite store_holds = {tests, sizeof(tests) / sizeof(tests[0])};
