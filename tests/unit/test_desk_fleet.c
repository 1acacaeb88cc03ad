/*
 * test_desk_fleet: what of fleet.yaml a controller begins with, and what it takes anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"
#include "tests/unit/lead_case.h"

/* Two that every node has, and so many more: in all of them, or of a1 alone. */
static void write_checks(int count, bool of_one)
{
    AUTO_FREE char *text = mem_alloc(256 + 64 * (size_t)count, 1);
    char *to = text + sprintf(text, "nodes:\n  a1: { ssh: 203.0.113.1 }\n"
                                    "  b2: { ssh: 203.0.113.2 }\nchecks:\n");
    struct err err = ERR_INIT;

    for (int i = 0; i < count; i++)
        to +=
            sprintf(to, "  - { name: c%d, kind: controller%s }\n", i, of_one ? ", for: [a1]" : "");
    assert_true(file_write(place.desk.fleet_path, (const uint8_t *)text, strlen(text), 0600, &err));
}

static void more_checks_than_are_looked_at_are_not_taken(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    write_checks(CHECKS_MAX - 2, false);
    if (!desk_read_fleet(&place.desk, &err))
        fail_msg("%s", err.text);
    write_checks(CHECKS_MAX - 1, true);
    assert_false(desk_read_fleet(&place.desk, &err));
    assert_non_null(strstr(err.text, "fleet.yaml: a1 has 65 checks with those that every node has: "
                                     "accepted are at most 64"));
    assert_int_equal(place.desk.file->checks_count, CHECKS_MAX - 2); /* the old one stays */
}

/* Whoever begins with them leads: what stands can be taken back. */
static void a_controller_begins_with_more_checks_than_are_looked_at(void **state)
{
    static struct desk desk;
    struct err err = ERR_INIT;

    (void)state;
    write_checks(CHECKS_MAX - 1, false);
    if (!desk_open(&desk, place.directory, place.desk.fleet_path, ":memory:", &err))
        fail_msg("%s", err.text);
    assert_int_equal(desk.file->checks_count, CHECKS_MAX - 1);
    desk_close(&desk);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, lead_case_open, lead_case_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PLACE(more_checks_than_are_looked_at_are_not_taken),
        WITH_PLACE(a_controller_begins_with_more_checks_than_are_looked_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
