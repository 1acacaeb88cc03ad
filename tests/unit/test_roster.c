/*
 * test_roster: whose keys stand under which name.
 */
#include "common/change/roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"

#include <cmocka.h>

static struct roster_entry entry_of(const char *name, int key)
{
    struct roster_entry entry = {.witness_only = false};

    text_copy(entry.name, sizeof(entry.name), name);
    memset(entry.agent_key.bytes, key, KEY_SIZE);
    memset(entry.guard_key.bytes, key + 1, KEY_SIZE);
    return entry;
}

static void put(struct roster *roster, const char *name, int key)
{
    struct roster_entry entry = entry_of(name, key);
    struct err err = ERR_INIT;

    assert_true(roster_put(roster, &entry, &err));
}

static void test_one_name_a_key(void **state)
{
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    struct roster_entry entry = entry_of("b", 11);
    struct err err = ERR_INIT;

    (void)state;
    put(roster, "a", 10);
    assert_false(roster_put(roster, &entry, &err)); /* its agent's key is a's guard's */
    assert_string_equal(err.text, "b brings a key that stands under a: accepted is one name a key");
    put(roster, "a", 11); /* its own it may bring again */
    assert_int_equal(roster->entries_count, 1);
}

static void test_removed(void **state)
{
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));

    (void)state;
    put(roster, "a", 10);
    put(roster, "b", 20);
    put(roster, "c", 30);
    assert_false(roster_remove(roster, "d"));
    assert_true(roster_remove(roster, "b"));
    assert_null(roster_find(roster, "b"));
    assert_int_equal(roster_find(roster, "a")->agent_key.bytes[0], 10);
    assert_int_equal(roster_find(roster, "c")->agent_key.bytes[0], 30);
    assert_int_equal(roster->entries_count, 2);
    assert_true(roster_remove(roster, "c"));
    put(roster, "d", 20); /* b's keys are free again */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_name_a_key),
        cmocka_unit_test(test_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
