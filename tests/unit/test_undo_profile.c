/*
 * test_undo_profile: prefs that were changed in one of tailscaled's profiles, and whichever is
 * current.
 */
#include "agent/guard/core/undo_profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/undo_case.h"

static void make_tailscale(struct snapshot *snapshot, const char *exit_node, bool lan_access)
{
    make(snapshot, "");
    snapshot->tailscale.presence = TAILSCALE_ANSWERS;
    text_copy(snapshot->tailscale.exit_node_id, TAILSCALE_ID_SIZE, exit_node);
    snapshot->tailscale.exit_node_allow_lan_access = lan_access;
}

/* Now is as the change left it, in whatever profile. */
static void test_which_is_current(void **state)
{
    static const struct {
        struct tailscale_profile before, now;
        enum tailscale_home home;
        enum undo_state state;
        bool is_away;
    } cases[] = {
        {{.id = ""},
         {"3", "", "work", "c3d4"},
         HOME_UNASKED,
         UNDO_NEEDED,
         false}, /* older record */
        {{"2", "", "lab", "a1b2"}, {"2", "", "lab", ""}, HOME_UNASKED, UNDO_NEEDED, false},
        {{"2", "", "lab", "a1b2"}, {"5", "", "lab", "a1b2"}, HOME_THERE, UNDO_NEEDED, false},
        {{"2", "", "lab", "a1b2"}, {"3", "", "work", "c3d4"}, HOME_THERE, UNDO_FOREIGN, true},
        {{"2", "", "lab", ""}, {"3", "", "work", ""}, HOME_UNASKED, UNDO_FOREIGN, true},
        {{"1", "", "lab", "a1b2"},
         {"1", "http://192.0.2.9", "lab", "c3d4"},
         HOME_THERE,
         UNDO_FOREIGN,
         true},
        {{"2", "", "lab", "a1b2"}, {.id = ""}, HOME_THERE, UNDO_FOREIGN, true},
        {{"2", "", "lab", "a1b2"}, {"3", "", "work", "c3d4"}, HOME_GONE, UNDO_FOREIGN, false},
    };
    struct operation operation = use_exit_node();
    struct snapshot before, now;

    (void)state;
    make_tailscale(&before, "", false);
    make_tailscale(&now, "nEXIT", true);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct undo_item item;
        char why[REASON_SIZE];

        before.tailscale.profile = cases[i].before;
        now.tailscale.profile = cases[i].now;
        now.tailscale.home = cases[i].home;
        undo_derive(&operation, 0, &before, &item);
        assert_int_equal(undo_judge(&item, &now, why, sizeof(why)), cases[i].state);
        assert_int_equal(undo_profile_is_away(&item, &now), cases[i].is_away);
        undo_take_nothing(&item); /* nothing of it stands anywhere */
        if (cases[i].before.node_id[0] != '\0')
            assert_false(undo_profile_is_away(&item, &now));
        undo_item_done(&item);
    }
    snapshot_done(&before);
    snapshot_done(&now);
}

/* The words lead back with whatever is known of the way. */
static void test_profiles_in_words(void **state)
{
    static const struct {
        struct tailscale_profile home;
        enum tailscale_home there;
        const char *words;
    } cases[] = {
        {{"2", "", "lab", "a1b2"},
         HOME_THERE,
         "changed in tailscale's profile lab (a1b2): `tailscale switch a1b2` leads back; now one "
         "that is not logged in is current, and is left as it is"},
        {{"2", "", "lab", ""},
         HOME_UNASKED,
         "changed in tailscale's profile lab: `tailscale switch lab` leads back; now one that "
         "is not logged in is current, and is left as it is"},
        {{"2", "", "", ""},
         HOME_UNASKED,
         "changed in tailscale's profile node 2: `tailscale switch --list` shows the way back; "
         "now one that is not logged in is current, and is left as it is"},
        {{"2", "", "lab", "a1b2"},
         HOME_GONE,
         "changed in tailscale's profile lab (a1b2), which is gone, and that with it; now one "
         "that is not logged in is current, and is left as it is"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tailscale now = {.home = cases[i].there};
        char words[REASON_SIZE] = "";
        struct text text = TEXT_IN(words);

        undo_profile_say(&cases[i].home, &now, &text);
        assert_string_equal(words, cases[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_is_current),
        cmocka_unit_test(test_profiles_in_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
