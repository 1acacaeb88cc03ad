/*
 * test_revert: the order of undoing, and what a failed step holds up (docs/protocol.md rule 15).
 */
#include "agent/guard/core/revert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* One letter a step, in the order of application: r removes, b puts back, - was never touched. */
static void fill(struct revert *revert, const char *steps)
{
    memset(revert, 0, sizeof(*revert));
    revert->steps_count = (uint32_t)strlen(steps);
    for (uint32_t i = 0; i < revert->steps_count; i++) {
        revert->steps[i].touched = steps[i] != '-';
        revert->steps[i].joined = i > 0;
        revert->steps[i].removes = steps[i] == 'r';
        revert->steps[i].retry_at = MONO_NEVER;
    }
}

/* Runs what may be run at that time; '+' done, 'l' left, '!' failed: one a step, by its index. */
static void run_each(struct revert *revert, const char *outcomes, mono_t now, char *ret_order)
{
    int step = revert_next(revert, now);

    for (; step >= 0; step = revert_next(revert, now)) {
        enum revert_outcome outcome = outcomes[step] == '!'   ? REVERT_RETRY
                                      : outcomes[step] == 'l' ? REVERT_LEFT
                                                              : REVERT_DONE;

        *ret_order++ = (char)('1' + step);
        revert->steps[step].outcome = REVERT_RUNNING;
        revert->steps[step].begun_at = now;
        assert_int_equal(revert_next(revert, now), -1); /* one at a time */
        assert_true(revert_deadline(revert) == MONO_NEVER);
        revert_take(revert, (uint32_t)step, outcome, now);
    }
    *ret_order = '\0';
}

/* The same, in as few goes as may be: what may follow is done at once, up to the first that is not
 * simply done. */
static void run_at_once(struct revert *revert, const char *outcomes, mono_t now, char *ret_order)
{
    int step;

    while ((step = revert_next(revert, now)) >= 0) {
        uint32_t more = revert_begin(revert, (uint32_t)step, now);
        uint32_t done = 0;

        more = outcomes[step] == '+' ? more : 0;
        do {
            char word = outcomes[(uint32_t)step - done];

            *ret_order++ = (char)('1' + step - (int)done);
            revert_take(revert, (uint32_t)step - done,
                        word == '!' ? REVERT_RETRY : (word == 'l' ? REVERT_LEFT : REVERT_DONE),
                        now);
        } while (done++ < more && outcomes[(uint32_t)step - done] == '+');
        revert_end(revert);
    }
    *ret_order = '\0';
}

/* What was begun and not come to has a time that nothing looks at. */
static void forget_beginnings(struct revert *revert)
{
    for (uint32_t i = 0; i < revert->steps_count; i++)
        revert->steps[i].begun_at = 0;
}

/* Both ways come to the same. */
static void run(struct revert *revert, const char *outcomes, mono_t now, char *ret_order)
{
    struct revert other = *revert;
    char order[16];

    run_each(revert, outcomes, now, ret_order);
    run_at_once(&other, outcomes, now, order);
    assert_string_equal(order, ret_order);
    forget_beginnings(&other);
    forget_beginnings(revert);
    assert_memory_equal(&other, revert, sizeof(other));
}

struct order_case {
    const char *steps, *outcomes, *order; /* of a first round */
    const char *again, *order_again;      /* of a second one, 2 s later; NULL: it is done */
};

static const struct order_case cases[] = {
    {"rrb", "+++", "321", NULL, NULL},
    {"r-b", "+++", "31", NULL, NULL},
    {"---", "+++", "", NULL, NULL},
    {"rrb", "++l", "321", NULL, NULL},
    /* the pref fails: shield and rule stay */
    {"rrb", "++!", "3", "+++", "321"},
    {"rrb", "++!", "3", "++!", "3"},
    /* what was removed is put back meanwhile */
    {"rbrb", "+++!", "42", "++++", "431"},
    /* both that put back fail: each is tried again, and what is newer frees what lies between */
    {"rbrb", "+!+!", "42", "+!++", "432"},
    /* a removal that fails holds the older ones */
    {"rr", "+!", "2", "++", "21"},
};

static void test_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct revert revert;
        char order[16];

        fill(&revert, cases[i].steps);
        run(&revert, cases[i].outcomes, 1000, order);
        assert_string_equal(order, cases[i].order);
        assert_int_equal(revert_is_done(&revert), cases[i].again == NULL);
        if (cases[i].again == NULL)
            continue;
        assert_true(revert_is_held_up(&revert));
        assert_int_equal(revert_deadline(&revert), 1000 + REVERT_RETRY_MS);
        assert_int_equal(revert_next(&revert, 1000 + REVERT_RETRY_MS - 1), -1);
        run(&revert, cases[i].again, 1000 + REVERT_RETRY_MS, order);
        assert_string_equal(order, cases[i].order_again);
    }
}

/* Nothing is removed while a newer step has failed, and all is undone in the end: over all plans of
 * four steps and all first failures. */
static void test_every_plan(void **state)
{
    (void)state;
    for (unsigned plan = 0; plan < 16; plan++) {
        for (unsigned failing = 0; failing < 16; failing++) {
            char steps[5] = "bbbb", outcomes[5] = "++++", order[16];
            struct revert revert;

            for (unsigned i = 0; i < 4; i++) {
                steps[i] = (plan >> i & 1) != 0 ? 'r' : 'b';
                outcomes[i] = (failing >> i & 1) != 0 ? '!' : '+';
            }
            fill(&revert, steps);
            run(&revert, outcomes, 1000, order);
            for (unsigned i = 0; i < 4; i++) {
                bool newer_failed = (failing >> (i + 1)) != 0;

                if (steps[i] == 'r' && newer_failed && strchr(order, (int)('1' + i)) != NULL) {
                    /* only if those that failed were themselves held up */
                    for (unsigned j = i + 1; j < 4; j++)
                        assert_true(revert.steps[j].outcome != REVERT_RETRY);
                }
            }
            for (mono_t now = 1000; !revert_is_done(&revert) && now < 20000; now += 2000)
                run(&revert, "++++", now, order);
            assert_true(revert_is_done(&revert));
        }
    }
}

static unsigned running(const struct revert *revert)
{
    unsigned bits = 0;

    for (uint32_t i = 0; i < revert->steps_count; i++)
        bits |= (unsigned)(revert->steps[i].outcome == REVERT_RUNNING) << i;
    return bits;
}

/* All that is begun runs, so that nobody keeps it on meanwhile; neither what was never touched is
 * in it, nor what stands behind it, nor anything behind something that failed. */
static void test_begun(void **state)
{
    struct revert revert;

    (void)state;
    fill(&revert, "rrrr");
    assert_int_equal(revert_begin(&revert, 3, 1000), 3);
    assert_int_equal(running(&revert), 15);
    revert_take(&revert, 3, REVERT_DONE, 1000);
    revert_end(&revert);
    assert_int_equal(running(&revert), 0);
    assert_int_equal(revert.steps[3].outcome, REVERT_DONE);
    assert_int_equal(revert.steps[0].outcome, REVERT_WAITING);
    revert_take(&revert, 1, REVERT_LEFT, 1000);
    assert_int_equal(revert_begin(&revert, 2, 1000), 0);
    assert_int_equal(running(&revert), 4);
    revert_take(&revert, 2, REVERT_RETRY, 1000);
    assert_int_equal(revert_begin(&revert, 2, 1000), 0);
    fill(&revert, "r-rr");
    assert_int_equal(revert_begin(&revert, 3, 1000), 1);
    assert_int_equal(running(&revert), 12);
    fill(&revert, "rrrr");
    revert.steps[2].joined = false; /* with a shield before it, which is put back meanwhile */
    assert_int_equal(revert_begin(&revert, 3, 1000), 1);
    assert_int_equal(running(&revert), 12);
}

/* Two seconds from one beginning to the next, so that one whose answer did not come is tried again
 * soon; but not at once: what waits behind it has the pause. */
static void test_paced_from_the_beginning(void **state)
{
    static const struct {
        mono_t took, retry_at;
    } paces[] = {{0, 2000}, {1, 2000}, {1750, 2000}, {1751, 2001}, {2000, 2250}, {9000, 9250}};
    struct revert revert;

    (void)state;
    for (size_t i = 0; i < sizeof(paces) / sizeof(paces[0]); i++) {
        fill(&revert, "b");
        assert_int_equal(revert_begin(&revert, 0, 1000), 0);
        assert_false(revert_is_held_up(&revert));
        revert_take(&revert, 0, REVERT_RETRY, 1000 + paces[i].took);
        assert_int_equal(revert_deadline(&revert), 1000 + paces[i].retry_at);
        assert_int_equal(revert_begin(&revert, 0, 1000 + paces[i].retry_at), 0);
        assert_true(revert_is_held_up(&revert)); /* what it waits for is said while it is tried */
    }
}

/* Two that wait their time-outs out take turns, and leave none out: what only puts back is not held
 * up by them, however long each of them takes. */
static void test_none_starves(void **state)
{
    static const mono_t took[] = {300, 2000, 9000};
    struct revert revert;

    (void)state;
    for (size_t i = 0; i < sizeof(took) / sizeof(took[0]); i++) {
        char order[16] = "";
        mono_t now = 1000;

        fill(&revert, "bbbbb");
        for (unsigned tries = 0; tries < 8; tries++) {
            int step = revert_next(&revert, now);

            if (step < 0) {
                now = revert_deadline(&revert);
                step = revert_next(&revert, now);
            }
            revert_begin(&revert, (uint32_t)step, now);
            revert_end(&revert); /* each by itself: what was joined waits again */
            order[tries] = (char)('1' + step);
            now += took[i];
            revert_take(&revert, (uint32_t)step, step < 2 ? REVERT_DONE : REVERT_RETRY, now);
        }
        assert_string_equal(order, "54321543");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),        cmocka_unit_test(test_every_plan),
        cmocka_unit_test(test_begun),        cmocka_unit_test(test_paced_from_the_beginning),
        cmocka_unit_test(test_none_starves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
