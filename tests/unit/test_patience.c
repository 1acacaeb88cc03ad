/*
 * test_patience: the times of a plan hold what the guard waits for at most.
 */
#include "common/net/patience.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/guard/io/apply_made.h"
#include "agent/guard/io/apply_place.h"
#include "agent/guard/io/bus.h"

static void expect(const struct operation *operations, uint32_t count, unsigned apply_s,
                   unsigned revert_s)
{
    struct patience patience = {0};

    for (uint32_t i = 0; i < count; i++)
        patience_add(&patience, &operations[i]);
    assert_int_equal(patience_apply_s(&patience), apply_s);
    assert_int_equal(patience_revert_s(&patience), revert_s);
}

static void test_what_hangs_nobody(void **state)
{
    static struct operation routes[250]; /* zero is a route */

    (void)state;
    expect(NULL, 0, 1, 5);
    expect(routes, 250, 3, 7);
}

static void test_prefs(void **state)
{
    const struct operation prefs[2] = {{.kind = OPERATION_TAILSCALE},
                                       {.kind = OPERATION_TAILSCALE}};

    (void)state;
    expect(prefs, 1, 4, 10);
    expect(prefs, 2, 7, 15);
}

/* One file of each: its disk, its readers, and what they make of it; one of them under way. */
static void test_files(void **state)
{
    const struct operation files[2] = {
        {.kind = OPERATION_FILE, .file.path = "/etc/systemd/network/10-eth0.network.d/50-x.conf"},
        {.kind = OPERATION_FILE, .file.path = "/etc/netplan/60-x.yaml"}};
    int reload_ms = 2 * BUS_CALL_MS;
    int apply_ms = 2 * APPLY_PLACE_MS + reload_ms + APPLY_MADE_MS;
    int revert_ms = 3 * APPLY_PLACE_MS + reload_ms + APPLY_MADE_MS;
    unsigned generators_s = BUS_GENERATORS_MS / 1000;

    (void)state;
    expect(files, 1, 1 + (unsigned)apply_ms / 1000,
           5 + (unsigned)(revert_ms + apply_ms + revert_ms) / 1000);
    expect(&files[1], 1, 1 + (unsigned)apply_ms / 1000 + generators_s,
           5 + (unsigned)(revert_ms + apply_ms + revert_ms) / 1000 + 3 * generators_s);
    expect(files, 2, 1 + (unsigned)(2 * apply_ms) / 1000 + generators_s,
           5 + (unsigned)(2 * revert_ms + apply_ms + revert_ms) / 1000 + 3 * generators_s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_hangs_nobody),
        cmocka_unit_test(test_prefs),
        cmocka_unit_test(test_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
