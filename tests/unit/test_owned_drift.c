/*
 * test_owned_drift: what a guard says of drift to an agent that has just connected.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/guard/io/owned_drift.h"
#include "common/core/mem.h"
#include "common/io/clock.h"
#include "common/io/packet.h"
#include "tests/unit/journal_case.h"

enum { AGENT = 7, SOON_MS = 10000 };

struct scene {
    void *place; /* journal_case */
    struct guard guard;
    struct trial trial;
    int agent_fd; /* the agent's end */
};

static int make_scene(void **state)
{
    struct scene *scene = mem_alloc(1, sizeof(*scene));
    struct journal_case *place;
    int ends[2];

    journal_case_set_up(&scene->place);
    place = scene->place;
    journal_case_open_again(place);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    scene->guard.journal = place->journal;
    scene->guard.ledger = place->ledger;
    scene->guard.trial = &scene->trial;
    scene->guard.clients.count = 1;
    scene->guard.clients.list[0] = (struct client){.id = AGENT, .fd = ends[0]};
    scene->agent_fd = ends[1];
    *state = scene;
    return 0;
}

static int end_scene(void **state)
{
    struct scene *scene = *state;

    close(scene->agent_fd);
    close(scene->guard.clients.list[0].fd);
    journal_case_tear_down(&scene->place);
    free(scene->guard.drift); /* its worker waits until the process ends */
    free(scene);
    return 0;
}

static bool has_told(const struct scene *scene)
{
    struct pollfd look = {.fd = scene->agent_fd, .events = POLLIN};

    return poll(&look, 1, 0) == 1;
}

/* All of it: no line. */
static void expect_nothing_drifted(const struct scene *scene)
{
    struct guard_report report;
    struct err err = ERR_INIT;
    uint8_t *data;
    size_t len;

    assert_true(has_told(scene));
    assert_true(packet_receive(scene->agent_fd, &data, &len, &err));
    assert_true(wire_decode_guard_report((struct bytes){data, len}, &report, &err));
    free(data);
    assert_int_equal(report.kind, REPORT_DRIFT);
    assert_int_equal(report.lines_count, 0);
    guard_report_done(&report);
    assert_false(has_told(scene));
}

/* Its agent may still have what the guard before this one said. */
static void where_nothing_is_owned_it_is_told_at_once(void **state)
{
    struct scene *scene = *state;

    carry_greet(&scene->guard, AGENT);
    expect_nothing_drifted(scene);
    assert_int_equal(owned_drift_fd(&scene->guard), -1); /* and nothing is looked at */
}

/* Of a trial nothing is confirmed yet, and at its end nothing may be owned either. */
static void also_beside_the_first_trial(void **state)
{
    struct scene *scene = *state;

    scene->trial.state = TRIAL_APPLYING;
    carry_greet(&scene->guard, AGENT);
    expect_nothing_drifted(scene);
}

static void what_is_owned_is_looked_at_first(void **state)
{
    struct scene *scene = *state;

    journal_case_confirm(scene->place, 1);
    carry_greet(&scene->guard, AGENT);
    assert_false(has_told(scene));
    assert_in_range(owned_drift_deadline(&scene->guard), 0, clock_now() + SOON_MS);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_scene, end_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(where_nothing_is_owned_it_is_told_at_once),
        CASE(also_beside_the_first_trial),
        CASE(what_is_owned_is_looked_at_first),
    };

    return cmocka_run_group_tests_name("owned_drift", tests, NULL, NULL);
}
