/*
 * test_apply_joined: new routes that are put and taken back in one go, in a real kernel, as the
 * worker is given them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/io/worker.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/netns.h"

enum { JOINED = 3 };

static void begin_joined(struct undo_item *items)
{
    static const char *const lines[JOINED] = {"route 10.0.0.0/8 via 203.0.113.1 dev eth0",
                                              "route 198.51.100.0/24 via 10.1.1.1 dev eth0 onlink",
                                              "route blackhole 192.0.2.0/24"};

    apply_case_begin("");
    for (uint32_t i = 0; i < JOINED; i++) {
        struct operation operation = apply_case_operation(lines[i]);

        apply_case_derive(&operation, &items[i]);
        items[i].operation = i;
    }
}

static void done_joined(struct undo_item *items)
{
    for (uint32_t i = 0; i < JOINED; i++)
        undo_item_done(&items[i]);
}

/* From the newest; the caller frees it. */
static struct work *fill_undo(struct undo_item *items, uint32_t more)
{
    struct journal_generation generation = {.items_count = JOINED, .items = items};
    struct work *work = work_new(WORK_UNDO, NULL);

    work->operation = JOINED - 1;
    work->more = more;
    assert_true(work_fill_run(work, &generation));
    return work;
}

/* How many are undone in one go, which begins with the newest. */
static uint32_t undo_in_one_go(struct undo_item *items)
{
    struct work *work = fill_undo(items, JOINED - 1);
    uint32_t done;

    work_do(&apply_case, work);
    done = work->outcome == REVERT_DONE ? work->more + 1 : 0;
    work_free(work);
    return done;
}

/* ---- tests ------------------------------------------------------------------------------------
 */

static void test_there_and_back(void **state)
{
    struct undo_item items[JOINED];
    struct err err = ERR_INIT;
    uint32_t done;

    (void)state;
    begin_joined(items);
    assert_true(apply_run_joined(&apply_case, items, JOINED, &done, &err));
    assert_int_equal(done, JOINED);
    for (uint32_t i = 0; i < JOINED; i++)
        assert_true(items[i].has_after && items[i].after.routes_count == 1);
    apply_case_check("+ 10.0.0.0/8 via 203.0.113.1 dev eth0\n+ blackhole 192.0.2.0/24\n"
                     "+ 198.51.100.0/24 via 10.1.1.1 dev eth0 onlink\n");
    assert_int_equal(undo_in_one_go(items), JOINED);
    apply_case_check("");
    assert_int_equal(undo_in_one_go(items), 1); /* not there: looked at, one by one */
    done_joined(items);
}

/* What stands behind one that is refused is not touched; alone, its own words come back. */
static void test_ends_at_the_first_refused(void **state)
{
    struct undo_item items[JOINED];
    struct err err = ERR_INIT;
    uint32_t done;

    (void)state;
    begin_joined(items);
    netns_run("ip route add 198.51.100.0/24 via 203.0.113.1 proto static\n");
    apply_case_remember();
    assert_true(apply_run_joined(&apply_case, items, JOINED, &done, &err));
    assert_int_equal(done, 1);
    apply_case_check("+ 10.0.0.0/8 via 203.0.113.1 dev eth0\n");
    assert_false(apply_run_joined(&apply_case, items + 1, JOINED - 1, &done, &err));
    assert_int_equal(done, 0);
    assert_int_equal(err.kind, ERR_CONFLICT);
    apply_case_check("+ 10.0.0.0/8 via 203.0.113.1 dev eth0\n");
    apply_case_undo(&items[0], REVERT_DONE);
    apply_case_check("");
    done_joined(items);
}

/* Undoing ends at the first that is not there as it was made: nothing older goes before that is
 * looked at. */
static void test_undo_ends_at_the_first_changed(void **state)
{
    struct undo_item items[JOINED];
    struct err err = ERR_INIT;
    uint32_t done;

    (void)state;
    begin_joined(items);
    assert_true(apply_run_joined(&apply_case, items, JOINED, &done, &err));
    netns_run("ip route replace 198.51.100.0/24 via 203.0.113.1 proto static\n");
    assert_int_equal(undo_in_one_go(items), 1);
    apply_case_check("+ 10.0.0.0/8 via 203.0.113.1 dev eth0\n"
                     "+ 198.51.100.0/24 via 203.0.113.1 dev eth0\n");
    apply_case_undo(&items[1], REVERT_LEFT);
    apply_case_undo(&items[0], REVERT_DONE);
    done_joined(items);
}

/* The worker gets the routes themselves, newest first, as many as may go and were read back. */
static void test_what_an_undo_is_given(void **state)
{
    struct undo_item items[JOINED];
    struct err err = ERR_INIT;
    struct work *work;
    uint32_t done;

    (void)state;
    begin_joined(items);
    assert_true(apply_run_joined(&apply_case, items, JOINED, &done, &err));
    work = fill_undo(items, 1);
    assert_int_equal(work->items_count, 1);
    assert_int_equal(work->more, 1);
    assert_int_equal(work->made.routes_count, 2);
    for (uint32_t i = 0; i < 2; i++)
        assert_true(prefix_equal(&work->made.routes[i].destination,
                                 &items[JOINED - 1 - i].change.route.route.destination));
    work_free(work);
    items[1].has_after = false; /* whoever applied it died before it was looked at */
    work = fill_undo(items, JOINED - 1);
    assert_int_equal(work->more, 0);
    assert_int_equal(work->made.routes_count, 1);
    work_free(work);
    items[1].has_after = true;
    assert_int_equal(undo_in_one_go(items), JOINED);
    apply_case_check("");
    done_joined(items);
}

#define IN_NAMESPACE(test) cmocka_unit_test_setup_teardown(test, apply_case_enter, apply_case_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_NAMESPACE(test_there_and_back),
        IN_NAMESPACE(test_ends_at_the_first_refused),
        IN_NAMESPACE(test_undo_ends_at_the_first_changed),
        IN_NAMESPACE(test_what_an_undo_is_given),
    };

    return netns_is_allowed() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
