/*
 * test_schedule: when to look again.
 */
#include "agent/core/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void debounces_for_a_while_but_not_for_ever(void **state)
{
    struct debounce debounce;

    (void)state;
    debounce_init(&debounce);
    assert_true(debounce_deadline(&debounce) == MONO_NEVER);
    debounce_take(&debounce, 1000);
    assert_int_equal(debounce_deadline(&debounce), 1050);
    debounce_take(&debounce, 1040);
    assert_int_equal(debounce_deadline(&debounce), 1090);
    for (mono_t now = 1040; now < 1240; now += 20)
        debounce_take(&debounce, now);
    assert_int_equal(debounce_deadline(&debounce), 1250);
}

static void probes_at_their_interval_or_soon(void **state)
{
    struct probe_clock clock = {.last = 0};

    (void)state;
    assert_int_equal(probe_clock_due(&clock, 30), 0);
    clock.last = 5000;
    assert_int_equal(probe_clock_due(&clock, 30), 35000);
    clock.soon = true;
    assert_int_equal(probe_clock_due(&clock, 30), 6000);
    clock.runs = true;
    assert_true(probe_clock_due(&clock, 30) == MONO_NEVER);
}

static void shakes_hands_once_in_30_s(void **state)
{
    struct handshakes handshakes = {.list[0].at = 0};
    struct address one = {.family = FAMILY_IPV4, .bytes = {203, 0, 113, 10}};
    struct address other = {.family = FAMILY_IPV4, .bytes = {203, 0, 113, 11}};

    (void)state;
    assert_int_equal(handshakes_due(&handshakes, &one, 22), 0);
    handshakes_note(&handshakes, &one, 22, 1000);
    assert_int_equal(handshakes_due(&handshakes, &one, 22), 31000);
    assert_int_equal(handshakes_due(&handshakes, &one, 2222), 0);
    assert_int_equal(handshakes_due(&handshakes, &other, 22), 0);
    for (unsigned i = 0; i < 2 * HANDSHAKES_MAX; i++) {
        other.bytes[2] = (uint8_t)i;
        handshakes_note(&handshakes, &other, 22, 2000 + i);
    }
    assert_int_equal(handshakes_due(&handshakes, &one, 22), 0);
}

static void paces_dials_but_not_on_trial(void **state)
{
    (void)state;
    assert_int_equal(schedule_dial_ms(0, true, 12345), 0);
    assert_int_equal(schedule_dial_ms(9, true, 12345), DIAL_TRIAL_MS);
    assert_in_range(schedule_dial_ms(0, false, 0), 250, 250);
    for (uint32_t random = 1; random < 4000000000U; random += 123456789) {
        assert_in_range(schedule_dial_ms(0, false, random), 250, 500);
        assert_in_range(schedule_dial_ms(3, false, random), 2000, 4000);
        assert_in_range(schedule_dial_ms(100, false, random), 15000, 30000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(debounces_for_a_while_but_not_for_ever),
        cmocka_unit_test(probes_at_their_interval_or_soon),
        cmocka_unit_test(shakes_hands_once_in_30_s),
        cmocka_unit_test(paces_dials_but_not_on_trial),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
