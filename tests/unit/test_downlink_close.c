/*
 * test_downlink_close: connections that are let go while their agents talk. One that is closed
 * while a message comes over it can hang nng's only thread that ends connections
 * (docs/decisions/0003).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "tests/unit/downlink_case.h"

enum { TALK = 6, ROUNDS = 8 };

/* Says that often the same, at once. */
static void begin_talk(struct agent *agent, struct bytes word, struct answer *answers)
{
    for (unsigned i = 0; i < TALK; i++)
        downlink_case_begin(agent, word, &answers[i]);
}

/* Waits for what comes of it. */
static void end_talk(struct answer *answers)
{
    for (unsigned i = 0; i < TALK; i++) {
        place_until(&place, downlink_case_is_done, &answers[i], "an answer or the end");
        downlink_case_drop(&answers[i]);
    }
}

/* A connection that is closed while a message comes over it can hang nng for good (decision 0003).
 */
static void nonsense_among_words_hangs_nobody(void **state)
{
    static const uint8_t nonsense[] = {0xff, 0xff, 0xff, 0xff};
    struct answer answers[TALK];

    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct agent agent;

        downlink_case_join(&agent, PLACE_A1);
        begin_talk(&agent, (struct bytes){nonsense, sizeof(nonsense)}, answers);
        end_talk(answers);
        downlink_case_hang_up(&agent);
    }
    downlink_case_expect_losses_noticed();
}

/* The oldest of too many talks while it is let go. */
static void one_too_many_among_words_hangs_nobody(void **state)
{
    AUTO_FREE struct session_request *request = downlink_case_request(ASK_POLL);
    AUTO_WIRE struct wire_bytes word = wire_encode_session_request(request);
    struct hello beside = {.extra = true};
    struct agent agents[NAME_PIPES_MAX + ROUNDS];
    struct answer answers[TALK];

    (void)state;
    for (unsigned i = 0; i < NAME_PIPES_MAX; i++)
        downlink_case_join(&agents[i], PLACE_A1);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct agent *newest = &agents[NAME_PIPES_MAX + i];

        downlink_case_dial(newest, PLACE_A1);
        begin_talk(&agents[i], wire_lend(&word), answers);
        assert_int_equal(downlink_case_greet(newest, &beside)->kind, ANSWER_WELCOME);
        end_talk(answers);
        downlink_case_hang_up(&agents[i]);
    }
    for (unsigned i = ROUNDS; i < NAME_PIPES_MAX + ROUNDS; i++)
        downlink_case_hang_up(&agents[i]);
    downlink_case_expect_losses_noticed();
}

/* Or nine that are one too many would push each other out without a pause: an agent dials paced. */
static void who_is_let_go_is_not_asked_back(void **state)
{
    struct hello beside = {.extra = true};
    struct agent agents[NAME_PIPES_MAX + 1];
    const struct session_reply *reply;

    (void)state;
    for (unsigned i = 0; i <= NAME_PIPES_MAX; i++) {
        downlink_case_dial(&agents[i], PLACE_A1);
        downlink_case_greet(&agents[i], &beside);
    }
    reply = downlink_case_poll(&agents[0], 0);
    assert_int_equal(reply->kind, ANSWER_DENY);
    assert_false(reply->hello_again);
    assert_int_equal(downlink_case_greet(&agents[0], &beside)->kind, ANSWER_WELCOME);
    reply = downlink_case_poll(&agents[1], 0);
    assert_false(reply->hello_again);
    for (unsigned i = 0; i <= NAME_PIPES_MAX; i++)
        downlink_case_hang_up(&agents[i]);
}

/* What it said before is still being read, and would be said to be another's. */
static void whose_session_is_over_cannot_take_anothers_name(void **state)
{
    static const uint8_t nonsense[] = {0xff, 0xff, 0xff, 0xff};
    struct answer answer;
    struct agent agent;

    (void)state;
    downlink_case_join(&agent, PLACE_A1);
    downlink_case_begin(&agent, (struct bytes){nonsense, sizeof(nonsense)}, &answer);
    assert_int_equal(downlink_case_end(&agent, &answer)->kind, ANSWER_DENY);
    assert_int_equal(downlink_case_hello_begin(&agent, "b2")->kind, ANSWER_DENY);
    assert_true(downlink_case_audit_says("refused", "b2 on a connection that is bound to a1"));
    assert_int_equal(downlink_case_hello_begin(&agent, "a1")->kind, ANSWER_CHALLENGE);
    downlink_case_hang_up(&agent);
}

#define WITH_PLACE(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, downlink_case_open, downlink_case_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(nonsense_among_words_hangs_nobody),
        WITH_PLACE(one_too_many_among_words_hangs_nobody),
        WITH_PLACE(who_is_let_go_is_not_asked_back),
        WITH_PLACE(whose_session_is_over_cannot_take_anothers_name),
    };

    return cmocka_run_group_tests_name("downlink_close", tests, NULL, NULL);
}
