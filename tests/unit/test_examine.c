/*
 * test_examine: what the checks at rest come to when the kernel's tables are not read any more.
 */
#include "agent/io/examine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/text.h"
#include "common/io/clock.h"
#include "tests/unit/ip_lines.h"

enum { STARTED_AT = 1000000, HOUR_S = 3600, BUILT_IN = 2 };

static const char host[] = "link lo 1 loopback\n"
                           "link eth0 2\n"
                           "address 203.0.113.10/24 dev eth0\n"
                           "route default via 203.0.113.1 dev eth0 metric 100\n";

static struct {
    uv_loop_t loop;
    mono_t now;
    struct observation observation;
    struct examiner *examiner;
    unsigned told;
} bench;

mono_t __wrap_clock_now(void);
mono_t __wrap_clock_now(void)
{
    return bench.now;
}

const struct observation *__wrap_observer_now(const struct observer *observer);
const struct observation *__wrap_observer_now(const struct observer *observer)
{
    (void)observer;
    return &bench.observation;
}

static void on_verdict(void *context, const struct verdict *verdict, int64_t event_at_us)
{
    (void)context;
    (void)verdict;
    (void)event_at_us;
    bench.told++;
}

static int start(void **state)
{
    struct check link = {
        .name = "link", .kind = CHECK_LINK, .interval_s = HOUR_S, .device = "eth0"};
    struct snapshot *snapshot = &bench.observation.snapshot;

    (void)state;
    bench.now = STARTED_AT;
    uv_loop_init(&bench.loop);
    snapshot_init(snapshot);
    ip_lines_add(snapshot, host);
    ip_lines_add_usual_rules(snapshot);
    bench.observation.fib = fib_new(snapshot);
    bench.observation.kernel_at = STARTED_AT;
    bench.examiner = examiner_new(
        &(struct examiner_options){&bench.loop, NULL, "subject", false, "", on_verdict, NULL});
    examiner_set_checks(bench.examiner, &link, 1);
    examiner_hear_controller(bench.examiner, true, "");
    return 0;
}

static const struct verdict *find(const char *check)
{
    static struct verdict verdicts[1 + BUILT_IN];
    uint32_t count = examiner_list(bench.examiner, false, verdicts, 1 + BUILT_IN);

    for (uint32_t i = 0; i < count; i++) {
        if (text_equal(verdicts[i].check, check))
            return &verdicts[i];
    }
    fail_msg("no verdict %s", check);
    return NULL;
}

static void expect(enum verdict_value value, const char *check)
{
    const struct verdict *verdict = find(check);

    if (verdict->value != value)
        fail_msg("%s: expected %s, got %s '%s'", check, verdict_format(value),
                 verdict_format(verdict->value), verdict->observed);
}

/* As the examiner's timer would, that goes by the real clock. */
static void wake_at(mono_t now)
{
    bench.now = now;
    examiner_hurry(bench.examiner);
}

/* A first one, or the next. Returns its time. */
static mono_t observe(void)
{
    bench.observation.kernel_at = ++bench.now;
    examiner_observed(bench.examiner);
    return bench.now;
}

static void an_old_observation_passes_nothing(void **state)
{
    mono_t at = observe();

    (void)state;
    expect(VERDICT_PASS, "link");
    expect(VERDICT_PASS, "ssh-reply-path");
    wake_at(at + 60000);
    expect(VERDICT_PASS, "link");
    wake_at(at + 60001);
    expect(VERDICT_UNKNOWN, "link");
    expect(VERDICT_UNKNOWN, "ssh-reply-path");
    expect(VERDICT_PASS, "controller"); /* heard, not read from the kernel */
    assert_non_null(strstr(find("link")->expected, "eth0 up with carrier"));
    assert_non_null(strstr(find("link")->observed, "last read more than 60 s ago"));
}

/* However rarely a check is due by its interval. */
static void its_age_is_looked_at_in_time(void **state)
{
    mono_t at = observe();

    (void)state;
    wake_at(at + 50000);
    uv_run(&bench.loop, UV_RUN_NOWAIT);
    assert_in_range(uv_backend_timeout(&bench.loop), 1, 10001);
}

static void its_age_is_told_once_and_not_at_every_look(void **state)
{
    mono_t at = observe();
    unsigned told = bench.told;

    (void)state;
    wake_at(at + 70000);
    assert_int_equal(bench.told, told + 2);
    wake_at(at + 105000);
    assert_int_equal(bench.told, told + 2);
}

static void a_new_observation_counts_again(void **state)
{
    (void)state;
    wake_at(observe() + 95000);
    expect(VERDICT_UNKNOWN, "link");
    wake_at(observe());
    expect(VERDICT_PASS, "link");
    expect(VERDICT_PASS, "ssh-reply-path");
    wake_at(bench.now + 60001);
    expect(VERDICT_UNKNOWN, "link");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_old_observation_passes_nothing),
        cmocka_unit_test(its_age_is_looked_at_in_time),
        cmocka_unit_test(its_age_is_told_once_and_not_at_every_look),
        cmocka_unit_test(a_new_observation_counts_again),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
