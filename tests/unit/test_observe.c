/*
 * test_observe: what hints come, from whom and when, an observation follows.
 */
#include "agent/io/observe.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/clock.h"
#include "tests/unit/fake_tailscaled.h"
#include "tests/unit/netns.h"

enum { HUNG_S = 20, DEADLINE_MS = 10000, PAUSE_MS = 100 };

static unsigned observed;

static void on_observed(void *context)
{
    (void)context;
    observed++;
}

/* The kernel says something while tailscaled is asked for the first time. */
static void on_pause(uv_timer_t *timer)
{
    (void)timer;
    netns_run("ip route add 198.18.0.0/24 dev eth0\n");
}

static void on_deadline(uv_timer_t *timer)
{
    (void)timer; /* uv_run returns */
}

static void event_before_tailscaled_has_answered(void **state)
{
    char path[] = "/tmp/oceanid-observe-XXXXXX";
    char socket_path[64];
    uv_loop_t *loop = uv_default_loop();
    struct fake_tailscaled *fake;
    uv_timer_t pause, deadline;
    struct observer_options options = {
        .loop = loop, .netlink_fd = -1, .tailscale_socket = socket_path};
    mono_t until = clock_now() + DEADLINE_MS;

    (void)state;
    assert_non_null(mkdtemp(path));
    snprintf(socket_path, sizeof(socket_path), "%s/tailscaled.sock", path);
    fake = fake_tailscaled_start(socket_path);
    fake_tailscaled_hang(fake, true);
    options.observer_fn = on_observed;
    assert_non_null(observer_new(&options));
    uv_timer_init(loop, &pause);
    uv_timer_init(loop, &deadline);
    uv_timer_start(&pause, on_pause, PAUSE_MS, 0);
    uv_timer_start(&deadline, on_deadline, DEADLINE_MS, 0);
    while (observed == 0 && clock_now() < until)
        uv_run(loop, UV_RUN_ONCE);
    assert_int_not_equal(observed, 0);
    fake_tailscaled_stop(fake);
    unlink(socket_path);
    rmdir(path);
}

/* ---- a kernel that cannot be read for a moment -------------------------------------------------
 */

static atomic_int failures; /* left */

bool __real_netlink_snapshot(struct snapshot *ret_snapshot, struct err *err);
bool __wrap_netlink_snapshot(struct snapshot *ret_snapshot, struct err *err);

bool __wrap_netlink_snapshot(struct snapshot *ret_snapshot, struct err *err)
{
    if (atomic_load(&failures) == 0)
        return __real_netlink_snapshot(ret_snapshot, err);
    atomic_fetch_sub(&failures, 1);
    snapshot_init(ret_snapshot);
    return err_set(err, ERR_SYSTEM, "netlink: expected all links in one piece");
}

static bool has_route(const struct observation *observation)
{
    for (size_t i = 0; observation != NULL && i < observation->snapshot.routes_count; i++) {
        if (observation->snapshot.routes[i].destination.address.bytes[0] == 192)
            return true;
    }
    return false;
}

/* It is read again soon, and until then nothing is judged by what was before the hint. */
static void what_could_not_be_read_is_read_again(void **state)
{
    uv_loop_t *loop = uv_loop_new();
    struct observer_options options = {
        .loop = loop, .netlink_fd = -1, .tailscale_socket = "", .observer_fn = on_observed};
    struct observer *observer;
    uv_timer_t deadline;
    mono_t until = clock_now() + DEADLINE_MS;

    (void)state;
    observed = 0;
    observer = observer_new(&options);
    uv_timer_init(loop, &deadline);
    uv_timer_start(&deadline, on_deadline, DEADLINE_MS, 0);
    while (observed == 0)
        uv_run(loop, UV_RUN_ONCE);
    atomic_store(&failures, 3);
    netns_run("ip route add 192.0.2.0/24 dev eth0\n");
    while (!has_route(observer_now(observer)) && clock_now() < until) {
        uv_run(loop, UV_RUN_ONCE);
        assert_false(atomic_load(&failures) < 3 && observer_is_current(observer) &&
                     !has_route(observer_now(observer)));
    }
    assert_true(has_route(observer_now(observer)));
    assert_int_equal(atomic_load(&failures), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(event_before_tailscaled_has_answered, netns_enter),
        cmocka_unit_test(what_could_not_be_read_is_read_again), /* libuv's threads are in there */
    };

    if (!netns_is_allowed())
        return 0;
    alarm(HUNG_S); /* a loop that turns for ever never gets to its deadline */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
