/*
 * test_observe: what hints come, from whom and when, an observation follows.
 */
#include "agent/io/observe.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(event_before_tailscaled_has_answered, netns_enter),
    };

    if (!netns_is_allowed())
        return 0;
    alarm(HUNG_S); /* a loop that turns for ever never gets to its deadline */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
