/*
 * test_store: the store's contract, which every engine (store_engine) has to pass: everything that
 * is put is read back; what was committed is kept, what was not is not.
 *
 * usage: test_store [ENGINE]
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "tests/unit/store_case.h"
#include "tests/unit/store_suite.h"

static const struct store_engine *engine;
static const char *place;

int store_suite_make_place(void **state)
{
    (void)state;
    place = engine->make();
    return place == NULL ? -1 : 0;
}

int store_suite_end_place(void **state)
{
    (void)state;
    engine->end();
    return 0;
}

struct store *store_suite_open(void)
{
    return store_case_open_at(place);
}

/* ---- what is kept --------------------------------------------------------------------------- */

static unsigned count_holds(struct store *store)
{
    struct holds holds = {.list = mem_alloc(HOLDS_MAX, sizeof(struct hold))};
    struct err err = ERR_INIT;

    store_case_must(store_read_holds(store, 0, &holds, &err), &err);
    free(holds.list);
    return holds.count;
}

static bool put_hold(struct store *store, uint64_t id)
{
    struct hold hold = {.id = id, .scope = "a1", .reason = "a drill"};
    struct err err = ERR_INIT;

    return store_begin(store, STORE_FULL, &err) && store_put_hold(store, &hold, &err);
}

static void forgets_what_was_cancelled(void **state)
{
    struct store *store = store_suite_open();
    struct err err = ERR_INIT;

    (void)state;
    assert_true(put_hold(store, 1));
    store_cancel(store);
    assert_int_equal(count_holds(store), 0);
    assert_true(put_hold(store, 1));
    store_case_must(store_commit(store, &err), &err);
    store_cancel(store); /* nothing is open: nothing is taken back */
    assert_int_equal(count_holds(store), 1);
    store_close(store);
}

static void keeps_what_was_committed(void **state)
{
    struct store *store = store_suite_open();

    (void)state;
    store_case_add_rollout(store, 1, 7, 3);
    assert_true(put_hold(store, 1));
    store_close(store);
    store = store_suite_open();
    store_case_expect_rollout(store, 1, 7, 3);
    assert_int_equal(count_holds(store), 0);
    store_close(store);
}

/* A process that is killed behind its commit, with another transaction open. */
static void survives_its_process(void **state)
{
    pid_t child = fork();
    struct err err = ERR_INIT;
    struct store *store;
    int status;

    (void)state;
    if (child == 0) {
        struct store *own = store_open(place, &err);

        if (own == NULL || !put_hold(own, 1) || !store_commit(own, &err) || !put_hold(own, 2))
            _exit(1);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    store = store_suite_open();
    assert_int_equal(count_holds(store), 1);
    store_close(store);
}
/* ---- every engine --------------------------------------------------------------------------- */

static const struct CMUnitTest transactions[] = {
    STORE_CASE(forgets_what_was_cancelled),
};
static const struct CMUnitTest durability[] = {
    STORE_CASE(keeps_what_was_committed),
    STORE_CASE(survives_its_process),
};

static int run(const char *what, const struct CMUnitTest *tests, size_t count)
{
    char name[64];

    snprintf(name, sizeof(name), "%s, %s", engine->name, what);
    return _cmocka_run_group_tests(name, tests, count, NULL, NULL);
}

static int run_engine(const struct store_engine *which)
{
    int failed;

    engine = which;
    failed = run("rollouts", store_rollouts.tests, store_rollouts.count);
    failed += run("fleet", store_fleet.tests, store_fleet.count);
    failed += run("holds", store_holds.tests, store_holds.count);
    failed += run("audit", store_audit.tests, store_audit.count);
    failed += run("transactions", transactions, sizeof(transactions) / sizeof(transactions[0]));
    if (engine->durable)
        failed += run("durability", durability, sizeof(durability) / sizeof(durability[0]));
    return failed;
}

int main(int argc, char **argv)
{
    const struct store_engine *only = argc > 1 ? store_engine_find(argv[1]) : NULL;
    int failed = 0;

    if (argc > 1 && only == NULL) {
        fprintf(stderr, "test_store: engine '%s': accepted are", argv[1]);
        for (unsigned i = 0; i < store_engines_count; i++)
            fprintf(stderr, " %s", store_engines[i].name);
        fprintf(stderr, "\n");
        return 2;
    }
    for (unsigned i = 0; i < store_engines_count; i++) {
        if (only == NULL || only == &store_engines[i])
            failed += run_engine(&store_engines[i]);
    }
    return failed;
}
