/*
 * test_journal_old: journals that guards of older versions wrote are read as they were meant, and
 * are still so when this version has written them anew. GOLDEN=update writes what is expected.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"
#include "tests/unit/journal_case.h"

enum { FILE_SIZE = 65536, PATH_LEN = 512 };

static void read_into(struct journal_case *place, const char *name)
{
    char path[PATH_LEN];
    struct err err = ERR_INIT;
    AUTO_FREE uint8_t *data = NULL;
    size_t len = 0;

    snprintf(path, sizeof(path), "%s/%s.journal", JOURNALS, name);
    if (!file_read(path, FILE_SIZE, &data, &len, &err))
        fail_msg("%s", err.text);
    journal_case_write_file(place, data, len);
    journal_case_open_again(place);
    assert_string_equal(journal_damage(place->journal), "");
}

static void check_text(struct journal_case *place, const char *name)
{
    AUTO_FREE char *found = journal_render_undo_text(place->journal, place->ledger);
    const char *golden = getenv("GOLDEN");
    char path[PATH_LEN];
    struct err err = ERR_INIT;
    AUTO_FREE uint8_t *expected = NULL;
    size_t len = 0;

    snprintf(path, sizeof(path), "%s/%s.undo.txt", JOURNALS, name);
    if (golden != NULL && text_equal(golden, "update"))
        assert_true(file_write(path, found, strlen(found), 0644, &err));
    if (!file_read(path, FILE_SIZE, &expected, &len, &err))
        fail_msg("%s", err.text);
    if (len != strlen(found) || memcmp(expected, found, len) != 0)
        fail_msg("expected: %.*s\n   found: %s\n(GOLDEN=update writes the answers anew)", (int)len,
                 (const char *)expected, found);
}

/* What the guard that is started over it takes back. */
static void test_an_open_trial_is_taken_back(void **state)
{
    struct journal_case *place = *state;
    const struct ledger *ledger = place->ledger;

    read_into(place, "open-trial");
    assert_true(ledger->is_open);
    assert_int_equal(ledger->open.id.attempt.sequence, 2);
    assert_string_equal(ledger->open.begin.change, "drive-2");
    assert_int_equal(ledger->open.mark, MARK_APPLIED);
    assert_int_equal(ledger->generations_count, 1);
    assert_int_equal(ledger->generations[0].mark, MARK_CONFIRMED);
    assert_int_equal(ledger->generations[0].soak_s, 1);
    check_text(place, "open-trial");
    journal_case_open_again(place);
    check_text(place, "open-trial");
}

/* Without a profile it is whichever is current (docs/undo.md), and stays so. */
static void test_prefs_of_no_known_profile(void **state)
{
    struct journal_case *place = *state;
    struct err err = ERR_INIT;

    read_into(place, "prefs");
    assert_false(place->ledger->is_open);
    assert_int_equal(place->ledger->generations_count, 1);
    for (int written_anew = 0; written_anew < 2; written_anew++) {
        struct journal_generation *kept =
            journal_find(place->journal, &place->ledger->generations[0].id);
        const struct undo_item *item;

        assert_non_null(kept);
        assert_int_equal(kept->items_count, 2);
        item = &kept->items[1];
        assert_int_equal(item->change.kind, OPERATION_TAILSCALE);
        assert_int_equal(item->before.tailscale.presence, TAILSCALE_ANSWERS);
        assert_string_equal(item->before.tailscale.exit_node_id, "");
        assert_string_equal(item->before.tailscale.profile.node_id, "");
        check_text(place, "prefs");
        assert_true(journal_compact(place->journal, place->ledger, &err));
        journal_case_open_again(place);
    }
}

#define IN_PLACE(test)                                                                             \
    cmocka_unit_test_setup_teardown(test, journal_case_set_up, journal_case_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(test_an_open_trial_is_taken_back),
        IN_PLACE(test_prefs_of_no_known_profile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
