/*
 * test_rehearsing: a guard that is asked to have a plan rehearsed that nobody signed: it answers
 * its asker, one plan at a time, and not while something is open.
 *
 * Nobody listens where oceanid-rehearse would: what is rehearsed is test_prepare's.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/guard/io/guard.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/packet.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/netns.h"

enum { PATIENCE_MS = 20000, ASKER = 7 };

struct scene {
    struct guard guard;
    struct trial trial;
    int agent_fd; /* the asker's end */
};

static int make_scene(void **state)
{
    struct scene *scene = mem_alloc(1, sizeof(*scene));
    int ends[2];

    apply_case_enter(NULL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    scene->guard.trial = &scene->trial;
    scene->guard.asker = ASKER;
    scene->guard.clients.count = 1;
    scene->guard.clients.list[0] = (struct client){.id = ASKER, .fd = ends[0]};
    snprintf(scene->guard.config.rehearse_socket, PATH_SIZE, "/tmp/oceanid-nobody-%d.sock",
             getpid());
    scene->agent_fd = ends[1];
    *state = scene;
    return 0;
}

static int end_scene(void **state)
{
    struct scene *scene = *state;

    close(scene->agent_fd);
    close(scene->guard.clients.list[0].fd);
    free(scene->guard.rehearsing); /* its worker waits until the process ends */
    free(scene);
    return apply_case_leave(NULL);
}

static bool ask_of(struct scene *scene, struct operation *operations, uint32_t count, uint8_t nonce,
                   struct err *err)
{
    struct manifest_plan plan = {.node = "a1", .operations_count = count, .operations = operations};
    struct guard_request request = {.kind = GUARD_REHEARSE};
    bool good;

    memset(request.nonce.bytes, nonce, NONCE_SIZE);
    request.body = wire_encode_plan(&plan);
    good = rehearsing_ask(&scene->guard, &request, err);
    wire_bytes_done(&request.body);
    return good;
}

static bool ask(struct scene *scene, const struct operation *operation, uint8_t nonce,
                struct err *err)
{
    struct operation copy = *operation;

    return ask_of(scene, &copy, 1, nonce, err);
}

/* What the guard says next: of that question, not done, and why. */
static void expect_missed(struct scene *scene, uint8_t nonce, const char *why)
{
    struct pollfd look = {.fd = scene->agent_fd, .events = POLLIN};
    struct guard_report report;
    struct err err = ERR_INIT;
    uint8_t *data;
    size_t len;

    assert_int_equal(poll(&look, 1, PATIENCE_MS), 1);
    assert_true(packet_receive(scene->agent_fd, &data, &len, &err));
    assert_true(wire_decode_guard_report((struct bytes){data, len}, &report, &err));
    free(data);
    assert_int_equal(report.kind, REPORT_REHEARSAL);
    assert_int_equal(report.nonce.bytes[0], nonce);
    assert_int_equal(report.rehearsal->operations_count, 1);
    assert_int_equal(report.rehearsal->operations[0].outcome, REHEARSED_MISSED);
    if (strstr(report.rehearsal->operations[0].why, why) == NULL)
        fail_msg("expected '%s', got '%s'", why, report.rehearsal->operations[0].why);
    guard_report_done(&report);
}

static void finish(struct scene *scene)
{
    struct pollfd look = {.fd = rehearsing_fd(&scene->guard), .events = POLLIN};

    assert_int_equal(poll(&look, 1, PATIENCE_MS), 1);
    rehearsing_take(&scene->guard);
}

static void test_answers_its_asker(void **state)
{
    struct scene *scene = *state;
    struct operation operation = apply_case_operation("rule 5140 from 203.0.113.10 lookup main");
    struct err err = ERR_INIT;

    apply_case_begin("");
    assert_int_equal(rehearsing_fd(&scene->guard), -1);
    assert_true(ask(scene, &operation, 1, &err));
    finish(scene);
    expect_missed(scene, 1, "oceanid-rehearse: connect to /tmp/oceanid-nobody");
    assert_true(ask(scene, &operation, 2, &err)); /* again */
    finish(scene);
    expect_missed(scene, 2, "oceanid-rehearse: connect to /tmp/oceanid-nobody");
    apply_case_check("");
}

/* One is under way, one waits: the last that was asked for. */
static void test_one_at_a_time(void **state)
{
    struct scene *scene = *state;
    struct operation one = apply_case_operation("rule 5140 from 203.0.113.10 lookup main");
    struct operation two = apply_case_operation("rule 5141 from 203.0.113.11 lookup main");
    struct operation three = apply_case_operation("rule 5142 from 203.0.113.12 lookup main");
    struct err err = ERR_INIT;

    apply_case_begin("");
    assert_true(ask(scene, &one, 1, &err));
    assert_true(ask(scene, &two, 2, &err));
    assert_true(ask(scene, &three, 3, &err));
    expect_missed(scene, 2, "another plan was asked about after this one");
    finish(scene);
    expect_missed(scene, 1, "oceanid-rehearse: connect to ");
    finish(scene);
    expect_missed(scene, 3, "oceanid-rehearse: connect to ");
}

/* A connection that breaks again and again has the controller ask again and again: none of it makes
 * this node too busy, and who asked last is answered. */
static void test_the_same_again(void **state)
{
    struct scene *scene = *state;
    struct operation one = apply_case_operation("rule 5140 from 203.0.113.10 lookup main");
    struct operation two = apply_case_operation("rule 5141 from 203.0.113.11 lookup main");
    struct err err = ERR_INIT;

    apply_case_begin("");
    for (uint8_t nonce = 1; nonce <= 3; nonce++)
        assert_true(ask(scene, &one, nonce, &err));
    for (uint8_t nonce = 4; nonce <= 6; nonce++)
        assert_true(ask(scene, &two, nonce, &err));
    finish(scene);
    expect_missed(scene, 3, "oceanid-rehearse: connect to ");
    finish(scene);
    expect_missed(scene, 6, "oceanid-rehearse: connect to ");
}

/* Its agent was started again and asks again: of what the one before asked it hears nothing. */
static void test_an_agent_that_comes_back(void **state)
{
    struct scene *scene = *state;
    struct client *client = &scene->guard.clients.list[0];
    struct operation one = apply_case_operation("rule 5140 from 203.0.113.10 lookup main");
    struct operation two = apply_case_operation("rule 5141 from 203.0.113.11 lookup main");
    struct err err = ERR_INIT;

    apply_case_begin("");
    assert_true(ask(scene, &one, 1, &err));
    assert_true(ask(scene, &two, 2, &err));
    client->id = scene->guard.asker = ASKER + 1;
    assert_true(ask(scene, &two, 3, &err));
    finish(scene); /* 1: of nobody */
    finish(scene);
    expect_missed(scene, 3, "oceanid-rehearse: connect to ");
}

static void test_not_while_something_is_open(void **state)
{
    struct scene *scene = *state;
    struct operation operation = apply_case_operation("rule 5140 from 203.0.113.10 lookup main");
    struct err err = ERR_INIT;

    apply_case_begin("");
    for (unsigned i = TRIAL_APPLYING; i < TRIAL_STATE_COUNT; i++) {
        char why[64];

        if (i == TRIAL_CLOSING)
            continue;
        scene->trial.state = (enum trial_state)i;
        snprintf(why, sizeof(why), "this node is %s: expected is that nothing is open",
                 trial_state_name(scene->trial.state));
        assert_true(ask(scene, &operation, (uint8_t)i, &err));
        expect_missed(scene, (uint8_t)i, why);
    }
    assert_int_equal(rehearsing_fd(&scene->guard), -1);
}

/* Nothing is touched before it is applied, nor once all is back and verified. */
static void test_beside_what_is_prepared(void **state)
{
    static const enum trial_state states[] = {TRIAL_PREPARING, TRIAL_PREPARED, TRIAL_STARTING,
                                              TRIAL_CLOSING};
    struct scene *scene = *state;
    struct operation operation = apply_case_operation("rule 5140 from 203.0.113.10 lookup main");
    struct err err = ERR_INIT;

    apply_case_begin("");
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        uint8_t nonce = (uint8_t)i;

        scene->trial.state = states[i];
        assert_true(ask(scene, &operation, nonce, &err));
        finish(scene);
        expect_missed(scene, nonce, "oceanid-rehearse: connect to ");
    }
}

/* What was looked at before a trial began says nothing of what is there now. */
static void test_a_trial_that_begins_meanwhile(void **state)
{
    struct scene *scene = *state;
    struct operation operation = apply_case_operation("rule 5140 from 203.0.113.10 lookup main");
    struct err err = ERR_INIT;

    apply_case_begin("");
    assert_true(ask(scene, &operation, 1, &err));
    scene->trial.state = TRIAL_APPLYING;
    finish(scene);
    expect_missed(scene, 1, "this node is applying");
}

/* Nobody signed it: nothing that it names is looked at before it is known to be well formed. */
static void test_refuses_what_no_change_may_do(void **state)
{
    struct scene *scene = *state;
    struct operation operation = {.kind = OPERATION_FILE};
    struct err err = ERR_INIT;

    apply_case_begin("");
    text_copy(operation.file.path, sizeof(operation.file.path), "/etc/shadow");
    text_copy(operation.file.content, sizeof(operation.file.content), "root::0:0:99999:7:::\n");
    assert_false(ask(scene, &operation, 1, &err));
    if (strstr(err.text, "operation 1: file") == NULL)
        fail_msg("%s", err.text);
    assert_int_equal(rehearsing_fd(&scene->guard), -1);
}

static void test_refuses_preferences_in_two_operations(void **state)
{
    struct scene *scene = *state;
    struct operation operations[2] = {{.kind = OPERATION_TAILSCALE}};
    struct err err = ERR_INIT;

    apply_case_begin("");
    operations[0].tailscale.set_accept_routes = true;
    operations[1] = operations[0];
    assert_false(ask_of(scene, operations, 2, 1, &err));
    assert_non_null(strstr(err.text, "2 `tailscale` operations: accepted is one"));
    assert_int_equal(rehearsing_fd(&scene->guard), -1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_scene, end_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_answers_its_asker),
        CASE(test_one_at_a_time),
        CASE(test_the_same_again),
        CASE(test_an_agent_that_comes_back),
        CASE(test_not_while_something_is_open),
        CASE(test_beside_what_is_prepared),
        CASE(test_a_trial_that_begins_meanwhile),
        CASE(test_refuses_what_no_change_may_do),
        CASE(test_refuses_preferences_in_two_operations),
    };

    if (!netns_is_allowed())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
