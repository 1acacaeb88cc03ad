/*
 * test_outbox: commands are numbered, given in order until their number is acknowledged, and never
 * more than there is room for.
 */
#include "controller/io/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/core/mem.h"

#define NODE "srv712695"

static struct outbox *outbox;

static int make(void **state)
{
    (void)state;
    outbox = outbox_new();
    return 0;
}

static int end(void **state)
{
    (void)state;
    outbox_free(outbox);
    return 0;
}

static void put(uint64_t sequence)
{
    const struct guard_request request = {.kind = GUARD_ABORT, .id.attempt.sequence = sequence};

    outbox_put_guard(outbox, NODE, &request);
}

/* The number of the command that is due; 0: none is. */
static uint64_t next(mono_t now)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    AUTO_FREE struct session_reply *reply = mem_alloc(1, sizeof(*reply));
    struct err err = ERR_INIT;
    bool is_due = outbox_is_due(outbox, NODE, now);
    uint64_t id;

    if (!outbox_next(outbox, NODE, now, &bytes)) {
        assert_false(is_due);
        return 0;
    }
    assert_true(is_due);
    assert_true(wire_decode_session_reply(wire_lend(&bytes), reply, &err));
    id = reply->id;
    session_reply_done(reply);
    return id;
}

static void acknowledges_what_no_command_had(void **state)
{
    (void)state;
    outbox_acknowledge(outbox, NODE, 0);
    outbox_acknowledge(outbox, NODE, 7);
    assert_int_equal(next(0), 0);
    put(1);
    assert_int_not_equal(next(0), 0);
}

static void sends_until_acknowledged(void **state)
{
    uint64_t first, second;

    (void)state;
    put(1);
    put(2);
    first = next(0);
    assert_int_equal(next(0), 0);
    assert_int_equal(next(OUTBOX_AGAIN_MS), first);
    outbox_acknowledge(outbox, NODE, first);
    second = next(OUTBOX_AGAIN_MS);
    assert_int_equal(second, first + 1);
    outbox_acknowledge(outbox, NODE, second);
    assert_int_equal(next(MONO_NEVER - 1), 0);
}

static void same_words_wait_once(void **state)
{
    uint64_t first;

    (void)state;
    put(1);
    put(1);
    first = next(0);
    outbox_acknowledge(outbox, NODE, first);
    assert_int_equal(next(0), 0);
}

/* A number of an earlier life of the controller, which had a clock that was ahead. */
static void numbers_anew_behind_a_higher_one(void **state)
{
    uint64_t first;

    (void)state;
    put(1);
    put(2);
    first = next(0);
    outbox_acknowledge(outbox, NODE, first + 1000);
    assert_int_equal(next(OUTBOX_AGAIN_MS), first + 1001);
    outbox_acknowledge(outbox, NODE, first + 1001);
    assert_int_equal(next(OUTBOX_AGAIN_MS), first + 1002);
}

static void oldest_gives_way(void **state)
{
    uint64_t first, count = 0;

    (void)state;
    put(1);
    first = next(0);
    for (uint64_t i = 2; i <= OUTBOX_ROOM + 3; i++)
        put(i);
    for (uint64_t id = next(0); id != 0; id = next(0)) {
        assert_int_equal(id, first + 3 + count++);
        outbox_acknowledge(outbox, NODE, id);
    }
    assert_int_equal(count, OUTBOX_ROOM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(acknowledges_what_no_command_had, make, end),
        cmocka_unit_test_setup_teardown(sends_until_acknowledged, make, end),
        cmocka_unit_test_setup_teardown(same_words_wait_once, make, end),
        cmocka_unit_test_setup_teardown(numbers_anew_behind_a_higher_one, make, end),
        cmocka_unit_test_setup_teardown(oldest_gives_way, make, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
