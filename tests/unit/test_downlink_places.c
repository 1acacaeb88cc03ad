/*
 * test_downlink_places: no connection holds a place for ever: not by talking on where no session is
 * any more, and not by saying nothing of who it is. The clock is the test's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/io/clock.h"
#include "tests/unit/downlink_case.h"

enum {
    STEP_MS = 900, /* nobody is quiet meanwhile, and no look at the connections late */
    LOOK_MS = 1,   /* between two looks, by the loop's clock */
    TURNS_MAX = 20000,
    PLACES = 4,
};

/* ---- the clock ------------------------------------------------------------------------------- */

static _Atomic mono_t stands_at, ahead_ms; /* 0: it goes on */

mono_t __real_clock_now(void);
mono_t __wrap_clock_now(void);
mono_t __wrap_clock_now(void)
{
    return stands_at != 0 ? stands_at : __real_clock_now() + ahead_ms;
}

static void stop_clock(void)
{
    stands_at = __real_clock_now() + ahead_ms;
    uv_timer_set_repeat(&place.downlink->timer, LOOK_MS);
    uv_timer_again(&place.downlink->timer);
}

static void let_clock_go_on(void)
{
    ahead_ms = stands_at - __real_clock_now();
    stands_at = 0;
}

/* A clock that stands has no deadlines: turns are counted. */
static void turn_until(place_fn condition, void *context, const char *what)
{
    for (unsigned turns = 0; turns < TURNS_MAX && !condition(context); turns++)
        place_turn(&place);
    if (!condition(context))
        fail_msg("%s: not within %d turns", what, TURNS_MAX);
}

static bool has_looked(void *context)
{
    (void)context;
    return place.downlink->ticked_at == stands_at;
}

static void step_clock(void)
{
    stands_at += STEP_MS;
    turn_until(has_looked, NULL, "a look at the connections");
}

/* ---- who talks on ---------------------------------------------------------------------------- */

/* It is answered: nothing is on its way when the clock is stepped next. */
static void say(struct agent *agent, struct bytes word)
{
    struct answer answer;

    downlink_case_begin(agent, word, &answer);
    turn_until(downlink_case_is_done, &answer, "an answer");
    downlink_case_drop(&answer);
}

static const struct pipe *find_over(void)
{
    const struct pipe *pipe = place.downlink->pipes;

    while (pipe != NULL && !pipe->over)
        pipe = pipe->next;
    return pipe;
}

static bool is_gone(void *context)
{
    return downlink_find_pipe(place.downlink, *(const uint32_t *)context) == NULL;
}

/* Its session has just ended: it may say what it likes for a minute, and is closed then. */
static void expect_end_of_talk(struct agent *agent, struct bytes word)
{
    const struct pipe *over = find_over();
    mono_t ended_at = stands_at;
    uint32_t id;

    assert_non_null(over);
    id = over->id;
    while (stands_at + STEP_MS < ended_at + TALKING_MS) {
        step_clock();
        assert_ptr_equal(downlink_find_pipe(place.downlink, id), over);
        assert_int_equal(over->heard_at, ended_at);
        say(agent, word);
    }
    step_clock();
    turn_until(is_gone, &id, "its end, as it talks on");
    let_clock_go_on();
    downlink_case_expect_losses_noticed();
}

static void who_talks_nonsense_on_is_closed(void **state)
{
    static const uint8_t bytes[] = {0xff, 0xff, 0xff, 0xff};
    const struct bytes nonsense = {bytes, sizeof(bytes)};
    struct agent agent;

    (void)state;
    downlink_case_join(&agent, PLACE_A1);
    stop_clock();
    say(&agent, nonsense);
    expect_end_of_talk(&agent, nonsense);
    downlink_case_hang_up(&agent);
}

static void one_too_many_that_talks_on_is_closed(void **state)
{
    AUTO_FREE struct session_request *request = downlink_case_request(ASK_POLL);
    AUTO_WIRE struct wire_bytes poll = wire_encode_session_request(request);
    struct hello beside = {.extra = true};
    struct agent agents[NAME_PIPES_MAX + 1];

    (void)state;
    for (unsigned i = 0; i < NAME_PIPES_MAX; i++)
        downlink_case_join(&agents[i], PLACE_A1);
    downlink_case_dial(&agents[NAME_PIPES_MAX], PLACE_A1);
    stop_clock();
    assert_int_equal(downlink_case_greet(&agents[NAME_PIPES_MAX], &beside)->kind, ANSWER_WELCOME);
    expect_end_of_talk(&agents[0], wire_lend(&poll));
    for (unsigned i = 0; i <= NAME_PIPES_MAX; i++)
        downlink_case_hang_up(&agents[i]);
}

/* ---- when all places are taken --------------------------------------------------------------- */

static bool has_so_many(void *context)
{
    return place.downlink->pipes_count == *(const uint32_t *)context;
}

static void dial_stranger(struct agent *stranger, uint32_t count)
{
    downlink_case_dial(stranger, PLACE_W1);
    place_until(&place, has_so_many, &count, "a place taken");
}

/* They dial again each time that they are closed, and nobody who said his name gives way. */
static void who_has_not_said_its_name_makes_room(void **state)
{
    struct agent strangers[PLACES], first, second;
    uint32_t oldest;

    (void)state;
    place.downlink->pipes_max = PLACES;
    dial_stranger(&strangers[0], 1);
    oldest = place.downlink->pipes->id;
    for (unsigned i = 1; i < PLACES; i++)
        dial_stranger(&strangers[i], i + 1);
    downlink_case_join(&first, PLACE_A1);
    assert_null(downlink_find_pipe(place.downlink, oldest));
    place_until(&place, downlink_case_has_lost, &strangers[0], "the oldest stranger's end");
    downlink_case_join(&second, PLACE_B2);
    place_until(&place, downlink_case_has_lost, &strangers[1], "the next one's");
    assert_true(place.downlink->pipes_count <= PLACES);
    downlink_case_poll_for(&first, COMMAND_CHECKS);
    downlink_case_poll_for(&second, COMMAND_CHECKS);
    for (unsigned i = 0; i < PLACES; i++)
        downlink_case_hang_up(&strangers[i]);
    downlink_case_hang_up(&first);
    downlink_case_hang_up(&second);
}

static void who_comes_when_all_have_names_is_not_heard(void **state)
{
    AUTO_FREE struct session_request *request = downlink_case_request(ASK_POLL);
    AUTO_WIRE struct wire_bytes poll = wire_encode_session_request(request);
    struct agent first, second, late;
    struct answer answer;

    (void)state;
    place.downlink->pipes_max = 2;
    downlink_case_join(&first, PLACE_A1);
    downlink_case_join(&second, PLACE_B2);
    downlink_case_dial(&late, PLACE_W1);
    downlink_case_begin(&late, wire_lend(&poll), &answer);
    downlink_case_poll_for(&first, COMMAND_CHECKS);
    downlink_case_poll_for(&second, COMMAND_CHECKS);
    assert_false(downlink_case_is_done(&answer));
    assert_int_equal(place.downlink->pipes_count, 2);
    downlink_case_hang_up(&late);
    assert_true(downlink_case_drop(&answer));
    downlink_case_hang_up(&first);
    downlink_case_hang_up(&second);
}

/* A test that failed may have stopped the clock. */
static int close_place(void **state)
{
    if (stands_at != 0)
        let_clock_go_on();
    return downlink_case_close(state);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, downlink_case_open, close_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(who_talks_nonsense_on_is_closed),
        WITH_PLACE(one_too_many_that_talks_on_is_closed),
        WITH_PLACE(who_has_not_said_its_name_makes_room),
        WITH_PLACE(who_comes_when_all_have_names_is_not_heard),
    };

    return cmocka_run_group_tests_name("downlink_places", tests, NULL, NULL);
}
