/*
 * test_uplink: an agent's sessions with a controller on loopback, over real TLS: hello, reports,
 * commands, statements of a witness, and a nonce that travels in a new connection's hello.
 */
#include "agent/io/uplink.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/io/probe.h"
#include "agent/io/witness.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "tests/unit/fake_controller.h"

enum { PATIENCE_MS = 15000 };

static struct bench {
    uv_loop_t *loop;
    uv_timer_t tick; /* so that a wait looks again */
    struct fake_controller fake;
    struct reporter *reporter;
    struct uplink *uplink;
    struct observer *observer;
    struct examiner *examiner;
    struct witness *witness;
    bool has_guard;
    struct nonce asked_stack;
    unsigned stacks_asked, welcomes, commands;
    struct nonce last_command_nonce;
    bool reports_at_once; /* carrying out a command sends a report */
} bench;

/* ---- the agent's side ------------------------------------------------------------------------ */

static bool on_ask_stack(void *context, const struct nonce *challenge)
{
    (void)context;
    bench.asked_stack = *challenge;
    bench.stacks_asked++;
    return bench.has_guard;
}

static void on_welcomed(void *context, const struct session_reply *welcome)
{
    (void)context;
    (void)welcome;
    bench.welcomes++;
}

static void tell_at_once(void)
{
    struct verdict verdict = {.check = "at-once", .value = VERDICT_PASS};

    reporter_tell_verdict(bench.reporter, &verdict, 0);
    uplink_send(bench.uplink);
}

static void on_command(void *context, const struct session_reply *command)
{
    (void)context;
    bench.commands++;
    bench.last_command_nonce = command->nonce;
    if (bench.reports_at_once)
        tell_at_once();
    if (command->command == COMMAND_WITNESS)
        witness_command(bench.witness, command);
}

static void on_heard(void *context, bool alive, const char *why)
{
    (void)context;
    examiner_hear_controller(bench.examiner, alive, why);
}

static void on_verdict(void *context, const struct verdict *verdict, int64_t event_at_us)
{
    (void)context;
    reporter_tell_verdict(bench.reporter, verdict, event_at_us);
    if (bench.uplink != NULL)
        uplink_send(bench.uplink);
}

static void on_statement(void *context, struct wire_bytes statement, uint64_t command)
{
    (void)context;
    reporter_add_statement(bench.reporter, statement, command);
    uplink_send(bench.uplink);
}

static void on_observed(void *context)
{
    (void)context;
    examiner_observed(bench.examiner);
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

static int start(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    probe_init();
    bench.loop = uv_default_loop();
    uv_timer_init(bench.loop, &bench.tick);
    uv_timer_start(&bench.tick, on_tick, 10, 10);
    fake_controller_init(&bench.fake);
    bench.reporter = reporter_new();
    bench.observer =
        observer_new(&(struct observer_options){bench.loop, -1, "", on_observed, NULL});
    bench.examiner = examiner_new(&(struct examiner_options){bench.loop, bench.observer, "subject",
                                                             false, "", on_verdict, NULL});
    bench.uplink =
        uplink_new(&(struct uplink_options){bench.loop,
                                            &bench.fake.agent,
                                            bench.reporter,
                                            {on_ask_stack, on_welcomed, on_command, on_heard},
                                            NULL});
    bench.witness = witness_new(&(struct witness_options){bench.loop, &bench.fake.agent,
                                                          bench.examiner, on_statement, NULL});
    return 0;
}

/* Runs the loop until it is so. */
static void await(bool (*is_so)(void), const char *what)
{
    mono_t until = clock_now() + PATIENCE_MS;

    while (!is_so()) {
        if (clock_now() > until)
            fail_msg("waited in vain for: %s", what);
        uv_run(bench.loop, UV_RUN_ONCE);
    }
}

static int stop(void **state)
{
    (void)state;
    witness_stop(bench.witness);
    fake_controller_done(&bench.fake);
    return 0;
}

/* ---- hello ----------------------------------------------------------------------------------- */

static bool has_polled(void)
{
    return fake_controller_polls(&bench.fake) == 1;
}

static bool is_full(const struct session_request *report)
{
    return report->full;
}

static bool has_full(void)
{
    return fake_controller_find(&bench.fake, is_full) != NULL;
}

static void hello_proves_the_name_and_a_poll_is_parked(void **state)
{
    (void)state;
    await(has_polled, "a parked poll");
    await(has_full, "a full report");
    assert_int_equal(fake_controller_hellos(&bench.fake), 1);
    assert_true(bench.fake.hellos[0].verified);
    assert_false(bench.fake.hellos[0].beside);
    assert_int_equal(bench.fake.hellos[0].stack.len, 0); /* there was no guard to be asked */
    assert_int_equal(bench.stacks_asked, 1);
    assert_int_equal(bench.welcomes, 1);
}

static bool has_controller_verdict(const struct session_request *report)
{
    for (uint32_t i = 0; i < report->verdicts_count; i++) {
        if (text_equal(report->verdicts[i].check, "controller") &&
            report->verdicts[i].value == VERDICT_PASS)
            return true;
    }
    return false;
}

static bool controller_passes(void)
{
    return fake_controller_find(&bench.fake, has_controller_verdict) != NULL;
}

static void built_in_checks_are_reported(void **state)
{
    (void)state;
    await(controller_passes, "the verdict of the check 'controller'");
}

/* ---- commands -------------------------------------------------------------------------------- */

static bool command_arrived(void)
{
    return bench.commands > 0;
}

static bool has_acknowledged_seven(void)
{
    bool so;

    pthread_mutex_lock(&bench.fake.mutex);
    so = bench.fake.polls_count == 1 && bench.fake.polls[0].acknowledged == 7;
    pthread_mutex_unlock(&bench.fake.mutex);
    return so;
}

static void heartbeat_is_answered_by_the_next_poll(void **state)
{
    struct session_reply nothing = {.kind = ANSWER_COMMAND};

    (void)state;
    await(has_polled, "a parked poll");
    assert_true(fake_controller_command(&bench.fake, &nothing));
    await(has_polled, "the next poll");
    assert_int_equal(bench.commands, 0);
}

static struct session_reply witness_command_for(uint16_t port)
{
    struct session_reply command = {.kind = ANSWER_COMMAND,
                                    .id = 7,
                                    .command = COMMAND_WITNESS,
                                    .phase = PHASE_BASELINE,
                                    .ssh = {.port = port}};

    address_parse("127.0.0.1", &command.ssh.address);
    text_copy(command.subject, sizeof(command.subject), "srv712695");
    memset(&command.nonce, 5, sizeof(command.nonce));
    memset(&command.body, 6, sizeof(command.body));
    return command;
}

static bool answers_seven(const struct session_request *report)
{
    return report->answers == 7 && report->statement.len > 0;
}

static bool has_statement(void)
{
    return fake_controller_find(&bench.fake, answers_seven) != NULL;
}

/* Nobody listens on port 1: the statement says fail, and says it signed. */
static void witness_signs_what_it_saw(void **state)
{
    struct session_reply command = witness_command_for(1);
    struct statement *statement = mem_alloc(1, sizeof(*statement));
    const struct session_request *report;
    struct err err = ERR_INIT;
    struct public_key key;

    (void)state;
    await(has_polled, "a parked poll");
    assert_true(fake_controller_command(&bench.fake, &command));
    await(command_arrived, "the command");
    await(has_statement, "a statement");
    await(has_acknowledged_seven, "a poll that acknowledges the command");
    report = fake_controller_find(&bench.fake, answers_seven);
    sign_key_public(bench.fake.agent.key, &key);
    assert_true(wire_verify(wire_lend(&report->statement), SIGN_STATEMENT, &key, &err));
    assert_true(wire_decode_statement(wire_lend(&report->statement), statement, &err));
    assert_string_equal(statement->signer, "subject");
    assert_string_equal(statement->subject, "srv712695");
    assert_true(nonce_equal(&statement->nonce, &command.nonce));
    assert_true(hash_equal(&statement->body, &command.body));
    assert_int_equal(statement->phase, PHASE_BASELINE);
    assert_int_equal(statement->verdicts_count, 1);
    assert_string_equal(statement->verdicts[0].check, "ssh");
    assert_int_equal(statement->verdicts[0].value, VERDICT_FAIL);
    assert_string_equal(statement->verdicts[0].observed, "Connection refused");
    assert_false(statement->own_failing);
    free(statement);
}

static bool answers_six(const struct session_request *report)
{
    return report->answers == 6;
}

/* What a node says of itself is what its checks find, not what it dials at the controller's word.
 */
static void nobody_is_its_own_witness(void **state)
{
    struct session_reply own = witness_command_for(1), other = witness_command_for(1);

    (void)state;
    own.id = 6;
    text_copy(own.subject, sizeof(own.subject), "subject");
    await(has_polled, "a parked poll");
    assert_true(fake_controller_command(&bench.fake, &own));
    await(command_arrived, "the command");
    await(has_polled, "the next poll");
    assert_true(fake_controller_command(&bench.fake, &other));
    await(has_statement, "the other's statement");
    assert_null(fake_controller_find(&bench.fake, answers_six));
}

static bool is_told_at_once(const struct session_request *report)
{
    for (uint32_t i = 0; i < report->verdicts_count; i++) {
        if (text_equal(report->verdicts[i].check, "at-once"))
            return true;
    }
    return false;
}

static bool has_told_at_once_and_polled(void)
{
    return fake_controller_find(&bench.fake, is_told_at_once) != NULL && has_polled();
}

static uint64_t acknowledged_by_poll(void)
{
    uint64_t acknowledged;

    pthread_mutex_lock(&bench.fake.mutex);
    acknowledged = bench.fake.polls[0].acknowledged;
    pthread_mutex_unlock(&bench.fake.mutex);
    return acknowledged;
}

/* A report that is sent while a command is carried out brings no poll with it: one that
 * acknowledges the command before has this one sent again. */
static void report_within_a_command_acknowledges_nothing_older(void **state)
{
    struct session_reply command = {.kind = ANSWER_COMMAND, .id = 8, .command = COMMAND_SNAPSHOT};

    (void)state;
    await(has_polled, "a parked poll");
    assert_int_equal(acknowledged_by_poll(), 7);
    bench.reports_at_once = true;
    assert_true(fake_controller_command(&bench.fake, &command));
    await(has_told_at_once_and_polled, "the report and the next poll");
    bench.reports_at_once = false;
    assert_int_equal(acknowledged_by_poll(), 8);
}

/* ---- hello again ----------------------------------------------------------------------------- */

static bool greeted_twice(void)
{
    return fake_controller_hellos(&bench.fake) == 2 && bench.welcomes == 2;
}

static bool is_told_again(const struct session_request *report)
{
    for (uint32_t i = 0; i < report->verdicts_count; i++) {
        if (text_equal(report->verdicts[i].check, "told-again"))
            return true;
    }
    return false;
}

static bool told_again(void)
{
    return fake_controller_find(&bench.fake, is_told_again) != NULL;
}

static void denied_report_is_told_again_after_a_new_hello(void **state)
{
    struct verdict verdict = {.check = "told-again", .value = VERDICT_PASS};

    (void)state;
    pthread_mutex_lock(&bench.fake.mutex);
    bench.fake.deny_next_report = true;
    pthread_mutex_unlock(&bench.fake.mutex);
    reporter_tell_verdict(bench.reporter, &verdict, 0);
    uplink_send(bench.uplink);
    await(greeted_twice, "a second hello");
    await(told_again, "the denied verdict");
    assert_int_equal(bench.fake.hellos[1].pipe, bench.fake.hellos[0].pipe);
    assert_true(fake_controller_find(&bench.fake, is_told_again)->full);
}

/* ---- a connection beside --------------------------------------------------------------------- */

static bool greeted_three_times(void)
{
    return fake_controller_hellos(&bench.fake) == 3 && bench.welcomes == 3;
}

static bool asked_for_third_stack(void)
{
    return bench.stacks_asked == 3;
}

static bool polls_on_new_connection(void)
{
    bool so = false;

    pthread_mutex_lock(&bench.fake.mutex);
    for (uint32_t i = 0; i < bench.fake.polls_count; i++)
        so |= bench.fake.polls[i].pipe == bench.fake.hellos[2].pipe;
    pthread_mutex_unlock(&bench.fake.mutex);
    return so;
}

static bool old_connection_is_gone(void)
{
    return fake_controller_polls(&bench.fake) == 1 && polls_on_new_connection();
}

/* docs/protocol.md rules 8 and 9. */
static void nonce_travels_in_the_hello_of_a_new_connection(void **state)
{
    struct guard_report report = {.kind = REPORT_NONCE, .number = 1, .fresh_connection = true};
    struct bytes stack = {(const uint8_t *)"", 0};
    struct wire_bytes bytes;
    struct guard_report arrived;
    struct err err = ERR_INIT;
    struct session_reply nothing = {.kind = ANSWER_COMMAND};

    (void)state;
    memset(&report.nonce, 9, sizeof(report.nonce));
    bench.has_guard = true;
    bytes = wire_encode_guard_report(&report);
    uplink_dial_beside(bench.uplink, bytes);
    await(asked_for_third_stack, "the guard to be asked for its stack");
    assert_true(uplink_take_stack(bench.uplink, &bench.asked_stack, stack));
    assert_false(uplink_take_stack(bench.uplink, &bench.asked_stack, stack));
    await(greeted_three_times, "a third hello");
    assert_true(bench.fake.hellos[2].verified);
    assert_true(bench.fake.hellos[2].beside);
    assert_int_not_equal(bench.fake.hellos[2].pipe, bench.fake.hellos[0].pipe);
    assert_true(wire_decode_guard_report(wire_lend(&bench.fake.hellos[2].nonce), &arrived, &err));
    assert_int_equal(arrived.kind, REPORT_NONCE);
    assert_true(nonce_equal(&arrived.nonce, &report.nonce));
    guard_report_done(&arrived);
    await(polls_on_new_connection, "a poll on the new connection");
    /* The old one goes when its poll is answered; the newest poll is on top of the pile. */
    assert_true(fake_controller_command(&bench.fake, &nothing));
    assert_true(fake_controller_command(&bench.fake, &nothing));
    await(old_connection_is_gone, "the old connection to be given up");
    bench.has_guard = false;
}

/* ---- loss ------------------------------------------------------------------------------------ */

static bool greeted_after_loss(void)
{
    return fake_controller_hellos(&bench.fake) >= 4 && bench.welcomes >= 4;
}

/* The agent ends the connection here. One that the controller ends is not tried in this suite:
 * nng's only thread that ends connections can then hang for good (common/io/link_tls.h). */
static void refused_poll_ends_in_another_connection(void **state)
{
    struct session_reply deny = {.kind = ANSWER_DENY};

    (void)state;
    text_copy(deny.reason, sizeof(deny.reason), "not in the roster any more");
    await(has_polled, "a parked poll");
    assert_true(fake_controller_command(&bench.fake, &deny));
    await(greeted_after_loss, "a hello on another connection");
    assert_false(bench.fake.hellos[3].beside);
    assert_int_not_equal(bench.fake.hellos[3].pipe, bench.fake.hellos[2].pipe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_proves_the_name_and_a_poll_is_parked),
        cmocka_unit_test(built_in_checks_are_reported),
        cmocka_unit_test(heartbeat_is_answered_by_the_next_poll),
        cmocka_unit_test(witness_signs_what_it_saw),
        cmocka_unit_test(nobody_is_its_own_witness),
        cmocka_unit_test(report_within_a_command_acknowledges_nothing_older),
        cmocka_unit_test(denied_report_is_told_again_after_a_new_hello),
        cmocka_unit_test(nonce_travels_in_the_hello_of_a_new_connection),
        cmocka_unit_test(refused_poll_ends_in_another_connection),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
