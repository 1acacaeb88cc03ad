/*
 * test_lead_repeat: the same emergency once more, because its answer was lost: nothing older goes
 * by it, and no other emergency is in its way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "tests/unit/lead_case.h"

static void take_back(void)
{
    struct err err = ERR_INIT;

    if (!lead_check_repeat(place.lead, NULL, 0, &err) ||
        !lead_emergency(place.lead, NULL, 0, "olga", "drill", &err))
        fail_msg("%s", err.text);
}

/* Rollout 2 was taken back, and rollout 1 stands. */
static void take_back_the_newest(void)
{
    place_add_standing(&place, 1, SAYS_CONFIRMED);
    place_add_standing(&place, 2, SAYS_CONFIRMED);
    place_hear_of(&place, 2);
    take_back();
    place_hear_of(&place, 2);
    place_hear_of(&place, 1);
}

static void expect_refused(const char *part)
{
    struct err err = ERR_INIT;

    assert_false(lead_check_repeat(place.lead, NULL, 0, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    if (strstr(err.text, part) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, part);
}

static void it_is_known_after_a_restart(void **state)
{
    (void)state;
    take_back_the_newest();
    lead_case_restart();
    expect_refused("rollout 2 was asked back ");
    expect_refused(" s ago by olga (drill). Now rollout 1 would go");
    expect_refused("`oceanidctl emergency-rollback --rollout 1 --yes` takes it back");
    expect_refused("How far rollout 2 is: a1 popped");
}

static void the_first_one_is_never_refused(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    assert_false(lead_check_repeat(place.lead, NULL, 0, &err)); /* there is no rollout at all */
    assert_int_equal(err.kind, ERR_MISSING);
    place_add_standing(&place, 1, SAYS_CONFIRMED);
    err = (struct err)ERR_INIT;
    assert_true(lead_check_repeat(place.lead, NULL, 0, &err));
}

/* It is no repetition: something has been started since. */
static void one_of_a_newer_rollout_is_another_one(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    take_back_the_newest();
    place_add_standing(&place, 3, SAYS_CONFIRMED);
    place_hear_of(&place, 3);
    assert_true(lead_check_repeat(place.lead, NULL, 0, &err));
}

/* As long as something of it stands it is what goes. */
static void the_same_once_more_takes_the_same(void **state)
{
    (void)state;
    place_add_standing(&place, 1, SAYS_CONFIRMED);
    place_add_standing(&place, 2, SAYS_CONFIRMED);
    place_hear_of(&place, 2);
    for (int i = 0; i < 3; i++) {
        take_back();
        assert_int_equal(place.lead->backs.rollout, 2);
    }
}

/* Its guard was told already: that it goes then is this emergency's doing, whatever else was asked
 * for meanwhile. */
static void what_goes_is_said_to_have_gone(void **state)
{
    (void)state;
    place_add_standing(&place, 1, SAYS_CONFIRMED);
    place_hear_of(&place, 1);
    take_back();
    place_hear_of(&place, 1);
    assert_string_equal(lead_case_find_back("a1")->state, "reverting");
    take_back();
    assert_string_equal(lead_case_find_back("a1")->state, "reverting");
    lead_case_restart();
    place_hear_of(&place, 0);
    assert_string_equal(lead_case_find_back("a1")->state, "popped");
    take_back(); /* it stands nowhere by now */
    assert_string_equal(lead_case_find_back("a1")->state, "unreachable");
    place_hear_of(&place, 0);
    assert_string_equal(lead_case_find_back("a1")->state, "not there");
}

static void an_hour_later_it_is_another_one(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    take_back_the_newest();
    place.lead->backs.asked_at -= 3590;
    expect_refused("rollout 2 was asked back 59 min ago");
    place.lead->backs.asked_at -= 10;
    assert_true(lead_check_repeat(place.lead, NULL, 0, &err));
}

/* One that has ended, and of which something stands there. */
static void add_standing_on(uint64_t id, const char *node)
{
    AUTO_FREE struct store_rollout *ended = mem_alloc(1, sizeof(*ended));
    struct err err = ERR_INIT;

    ended->record.id = id;
    ended->record.attempt.sequence = 100 + id;
    ended->record.state = ROLLOUT_REVERTED;
    ended->record.targets_count = 1;
    text_copy(ended->record.targets[0].name, NAME_SIZE, node);
    ended->record.targets[0].says = SAYS_CONFIRMED;
    if (!store_add_rollout(place.desk.store, ended, &err) ||
        !store_put_record(place.desk.store, &ended->record, 1, &err))
        fail_msg("%s", err.text);
}

/* Somebody else took an older one back between the two: the first one was of the newer one all the
 * same. */
static void what_another_names_between_hides_nothing(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    add_standing_on(1, "b2");
    place_add_standing(&place, 2, SAYS_CONFIRMED);
    place_add_standing(&place, 3, SAYS_CONFIRMED);
    place_hear_of(&place, 3);
    take_back();
    place_hear_of(&place, 3);
    place_hear_of(&place, 2);
    if (!lead_case_take_back("b2", "another", &err))
        fail_msg("%s", err.text);
    assert_int_equal(place.lead->backs.rollout, 1);
    expect_refused("rollout 3 was asked back ");
    expect_refused(" s ago by olga (drill). Now rollout 2 would go");
    expect_refused("`oceanidctl status` shows how far rollout 3 is");
    lead_case_restart();
    expect_refused("rollout 3 was asked back ");
    place.lead->backs.newer.at -= 3600;
    assert_true(lead_check_repeat(place.lead, NULL, 0, &err));
}

/* Whoever names nodes repeats himself, too; what was asked of other nodes is no repetition. */
static void a_node_that_is_named_again_is_the_same_command(void **state)
{
    char named[1][NAME_SIZE] = {"a1"}, other[1][NAME_SIZE] = {"b2"};
    struct err err = ERR_INIT;

    (void)state;
    lead_case_add_complete(5);                     /* on a1 and b2 */
    place_add_standing(&place, 2, SAYS_CONFIRMED); /* on a1 */
    place_add_standing(&place, 3, SAYS_CONFIRMED);
    place_hear_of(&place, 3);
    assert_true(lead_check_repeat(place.lead, named, 1, &err));
    assert_true(lead_emergency(place.lead, named, 1, "olga", "drill", &err));
    place_hear_of(&place, 3);
    place_hear_of(&place, 2);
    lead_case_restart();
    place_hear_of(&place, 2);
    assert_false(lead_check_repeat(place.lead, named, 1, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    if (strstr(err.text, "`--rollout 2` beside `--node` takes it back there") == NULL)
        fail_msg("%s", err.text);
    err = (struct err)ERR_INIT;
    assert_true(lead_check_repeat(place.lead, other, 1, &err));
}

/* An older one is still being taken back on b2, which has not answered yet: what stands on a1 above
 * it is what an emergency of all is for. */
static void one_that_goes_already_is_in_no_newer_ones_way(void **state)
{
    AUTO_FREE struct lead_losses *losses = mem_alloc(1, sizeof(*losses));
    struct err err = ERR_INIT;

    (void)state;
    lead_case_add_complete(5);
    place_add_standing(&place, 2, SAYS_CONFIRMED);
    if (!lead_case_take_back("b2", "drill", &err))
        fail_msg("%s", err.text);
    assert_int_equal(place.lead->backs.rollout, 1);
    assert_true(lead_foretell(place.lead, NULL, 0, losses, &err));
    assert_int_equal(losses->rollout, 2);
    take_back();
    assert_int_equal(place.lead->backs.rollout, 2);
    assert_string_equal(lead_case_find_back("a1")->state, "unreachable");
}

static void expect_instead(uint64_t meant, const char *expected)
{
    char said[LEAD_INSTEAD_SIZE] = "";
    struct text text = TEXT_IN(said);

    lead_say_instead(place.lead, NULL, 0, meant, &text);
    assert_string_equal(said, expected);
}

/* The newer one counts as standing on b2, which does not answer: who names the older one is told
 * what takes that one back. */
static void what_takes_the_older_one_is_said(void **state)
{
    (void)state;
    place_add_standing(&place, 1, SAYS_CONFIRMED);
    add_standing_on(2, "b2");
    expect_instead(1, "`oceanidctl emergency-rollback --rollout 1 --node a1` takes it back there");
    place_add_standing(&place, 3, SAYS_CONFIRMED);
    expect_instead(1,
                   "`oceanidctl emergency-rollback --node a1 --to 101` takes it back there, with "
                   "what stands above it");
    place_hear_of(&place, 0);
    expect_instead(1, "Nothing of rollout 1 stands there");
    expect_instead(9, "`oceanidctl rollout list` shows which there are");
}

/* Nobody would know when the hour is over. */
static void a_clock_that_was_set_back_refuses_nobody(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    take_back_the_newest();
    place.lead->backs.asked_at += 1000;
    assert_true(lead_check_repeat(place.lead, NULL, 0, &err));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, lead_case_open, lead_case_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_is_known_after_a_restart),
        CASE(the_first_one_is_never_refused),
        CASE(one_of_a_newer_rollout_is_another_one),
        CASE(the_same_once_more_takes_the_same),
        CASE(what_goes_is_said_to_have_gone),
        CASE(an_hour_later_it_is_another_one),
        CASE(what_another_names_between_hides_nothing),
        CASE(a_node_that_is_named_again_is_the_same_command),
        CASE(one_that_goes_already_is_in_no_newer_ones_way),
        CASE(what_takes_the_older_one_is_said),
        CASE(a_clock_that_was_set_back_refuses_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
