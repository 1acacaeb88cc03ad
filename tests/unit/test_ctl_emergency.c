/*
 * test_ctl_emergency: what emergency-rollback asks, says and ends with, by what the controller
 * answers.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/text.h"
#include "controller/ctl/api.h"
#include "controller/ctl/rescue.h"
#include "tests/unit/emergency_case.h"

/* ---- what went ------------------------------------------------------------------------------- */

/* A second run would look the same otherwise, and takes the next older one. */
static void names_what_went(void **state)
{
    struct said said;

    (void)state;
    run_sure(POPPED, &said);
    assert_int_equal(said.outcome, OUTCOME_DONE);
    assert_string_equal(said.out, "Taken back: drill2 (rollout 10).\n"
                                  "styx                 popped       by order\n"
                                  "calypso              not there    nothing of it stands there\n");
    expect_part(said.err, "oceanidctl: asked to take back: drill2 (rollout 10)\n");
    assert_int_equal(controller.asked, 1);
    assert_int_equal(controller.foretold, 0); /* with --yes nothing stands in between */
}

static void says_that_nothing_went(void **state)
{
    struct said said;

    (void)state;
    run_sure(NOTHING, &said);
    assert_int_equal(said.outcome, OUTCOME_DONE);
    expect_part(said.out,
                "Nothing was taken back: nothing of drill2 (rollout 10) stands there.\nstyx ");
    assert_int_equal(controller.asked, 1); /* its guard was asked all the same */
}

static void says_that_not_all_is_back(void **state)
{
    struct said said;

    (void)state;
    run_sure(OPEN, &said);
    assert_int_equal(said.outcome, OUTCOME_INCOMPLETE);
    expect_part(said.out, "Not all is back yet. Asked last: drill2 (rollout 10).\nstyx ");
}

/* ---- what is asked first --------------------------------------------------------------------- */

static void takes_back_what_was_shown_and_answered(void **state)
{
    static const char *const options[] = {"--wait=", "0s"};
    struct said said;

    (void)state;
    run_asked("yes\n", options, 2, &said);
    assert_int_equal(said.outcome, OUTCOME_DONE);
    expect_part(said.err, "What goes of drill2 (rollout 10):\n  styx                 it stands");
    assert_int_equal(controller.asked, 1);
    assert_int_equal(field_number(controller.body, "rollout"), 10); /* and no other one by then */
    controller.asked = 0;
    run_asked("no\n", options, 2, &said);
    assert_int_equal(said.outcome, OUTCOME_DENIED);
    assert_int_equal(controller.asked, 0);
}

static void asks_nobody_for_what_is_refused(void **state)
{
    static const char *const options[] = {"--wait=", "0s"};
    static const struct {
        enum err_kind no;
        enum outcome outcome;
    } cases[] = {{ERR_INPUT, OUTCOME_USAGE},
                 {ERR_MISSING, OUTCOME_USAGE},
                 {ERR_SYSTEM, OUTCOME_USAGE},
                 {ERR_DENIED, OUTCOME_DENIED},
                 {ERR_CONFLICT, OUTCOME_NO}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct said said;

        controller.no = cases[i].no;
        run_asked("yes\n", options, 2, &said);
        assert_int_equal(said.outcome, cases[i].outcome);
        expect_part(said.err, "it says no");
        expect_no_question(&said);
    }
}

/* The nodes can be reached without it, which is said; --yes still tries it. */
static void asks_nobody_for_what_no_controller_hears(void **state)
{
    static const char *const options[] = {"--wait=", "0s"};
    struct said said;

    (void)state;
    controller.no = ERR_TIMEOUT;
    run_asked("yes\n", options, 2, &said);
    assert_int_equal(said.outcome, OUTCOME_UNREACHABLE);
    expect_no_question(&said);
    expect_part(said.err, "What goes is not known, and nothing was done. With --yes");
    expect_part(said.err, "`oceanidctl emergency-rollback --direct`");
    run_sure(POPPED, &said);
    assert_int_equal(said.outcome, OUTCOME_DONE);
    assert_int_equal(controller.asked, 1);
}

/* It may be that only the foretelling fails. */
static void asks_where_nobody_said_no(void **state)
{
    static const char *const options[] = {"--wait=", "0s"};
    struct said said;

    (void)state;
    controller.no = ERR_PEER;
    run_asked("yes\n", options, 2, &said);
    assert_int_equal(said.outcome, OUTCOME_DONE);
    expect_part(said.err, "What goes is not known: ");
    assert_int_equal(controller.asked, 1);
}

static void asks_nobody_for_a_change_that_stands_nowhere(void **state)
{
    static const char *const options[] = {
        "--node=", "styx", "--node=", "calypsa", "--to=", "drill9"};
    struct said said;

    (void)state;
    run_asked("yes\n", options, 6, &said);
    assert_int_equal(said.outcome, OUTCOME_USAGE);
    expect_no_question(&said);
    expect_part(said.err, "  styx                 nothing: no drill9 stood there\n"
                          "  calypsa              nothing: it is no node of this fleet\n");
    expect_part(said.err, "--to 'drill9': it stands on none of the nodes named; nothing was done");
}

/* ---- a node that the controller has not heard ------------------------------------------------ */

static const char *const order_styx[] = {"--node=", "styx", "--to=", "drill2", "--wait=", "0s"};

/* It keeps the order, and passes it on when the node is back. */
static void orders_what_an_unheard_node_is_remembered_with(void **state)
{
    struct said said;

    (void)state;
    controller.unheard = true;
    run_asked("yes\n", order_styx, 6, &said);
    assert_int_equal(said.outcome, OUTCOME_DONE);
    expect_part(said.err, "  styx                 not known: it has not said since the controller "
                          "began\n");
    expect_part(said.err, "Type yes");
    expect_part(said.err, "Going by what `oceanidctl status` last saw of styx.\n");
    assert_int_equal(controller.ordered, 1);
}

static void says_what_is_not_known_of_an_unheard_node(void **state)
{
    struct said said;

    (void)state;
    assert_true(remember("[]"));
    controller.unheard = true;
    run_asked("yes\n", order_styx, 6, &said);
    assert_int_equal(said.outcome, OUTCOME_USAGE);
    expect_part(said.err, "--to 'drill2': what stands on styx is not known");
    assert_int_equal(controller.ordered, 0);
}

static void an_unheard_node_is_remembered_as_it_was(void **state)
{
    static const char *const direct[] = {"--direct", "", "--to=", "drill2"};
    AUTO_JSON json_t *unheard = json_loads(UNHEARD, 0, NULL);
    struct ctl ctl = {.controller = ""};
    struct said said;

    (void)state;
    text_copy(ctl.pki, sizeof(ctl.pki), pki);
    for (int i = 0; i < 2; i++)
        rescue_remember(&ctl, json_object_get(unheard, "nodes"));
    run_asked("no\n", direct, 4, &said);
    assert_int_equal(said.outcome, OUTCOME_DENIED);
    expect_part(said.err, " drill2 (seen before the controller began)\n");
}

/* What was asked for is kept there: it goes on behind a restart, and so does whoever waits for it.
 */
static void waits_for_a_controller_that_begins_again(void **state)
{
    static const char *const options[] = {"--yes", "", "--wait=", "60s"};
    struct said said;

    (void)state;
    controller.rollback = POPPED;
    controller.deaf = 2;
    run(options, 4, &said);
    assert_int_equal(said.outcome, OUTCOME_DONE);
    assert_int_equal(controller.asked, 1);
    expect_part(said.err, "controller unix:/x is not reachable, trying again\n");
}

static void says_that_it_was_asked_where_nobody_answers_any_more(void **state)
{
    struct said said;

    (void)state;
    controller.deaf = UINT_MAX;
    run_sure(POPPED, &said);
    assert_int_equal(said.outcome, OUTCOME_UNREACHABLE);
    assert_int_equal(controller.asked, 1);
    expect_part(said.err, "the controller was asked to take it back, and goes on with that when it "
                          "runs again; how far it is, is not known\n");
}

/* Typed on a terminal of another character set: without its nodes the body would be one for all of
 * them. */
static void a_reason_in_another_character_set_keeps_the_nodes(void **state)
{
    static const char *const options[] = {"--yes",   "",   "--node=",   "styx",
                                          "--wait=", "0s", "--reason=", "\334berlast"};
    const json_t *nodes;
    struct said said;

    (void)state;
    controller.rollback = POPPED;
    run(options, sizeof(options) / sizeof(options[0]), &said);
    assert_int_equal(controller.asked, 1);
    nodes = json_object_get(controller.body, "nodes");
    assert_int_equal(json_array_size(nodes), 1);
    assert_string_equal(json_string_value(json_array_get(nodes, 0)), "styx");
    assert_string_equal(json_string_value(json_object_get(controller.body, "reason")), "?berlast");
}

/* ---- which one ------------------------------------------------------------------------------- */

static void names_the_rollout_that_is_meant(void **state)
{
    static const char *const options[] = {"--yes", "", "--rollout=", "10", "--wait=", "0s"};
    struct said said;

    (void)state;
    controller.rollback = POPPED;
    run(options, 6, &said);
    assert_int_equal(said.outcome, OUTCOME_DONE);
    assert_int_equal(field_number(controller.body, "rollout"), 10);
    assert_int_equal(controller.foretold, 0);
}

static void asks_nobody_for_another_rollout_than_is_meant(void **state)
{
    static const char *const options[] = {"--rollout=", "9", "--wait=", "0s"};
    struct said said;

    (void)state;
    run_asked("yes\n", options, 4, &said);
    assert_int_equal(said.outcome, OUTCOME_NO);
    expect_no_question(&said);
    expect_part(said.err,
                "--rollout 9: another one would go by now, as said above; nothing was done. `x` "
                "takes it back");
    assert_int_equal(field_number(controller.body, "rollout"), 9);
}

static void says_that_what_goes_is_older_than_what_was_asked_back(void **state)
{
    static const char *const options[] = {"--wait=", "0s"};
    struct said said;

    (void)state;
    controller.older = true;
    run_asked("no\n", options, 2, &said);
    expect_part(said.err, "rollout 10, drill2, was asked back 3 min ago by olga (drill): styx "
                          "popped. What would go now is older:\nWhat goes of drill1 (rollout 9):");
    assert_int_equal(controller.asked, 0);
}

static void a_rollout_is_named_of_what_the_controller_takes_back(void **state)
{
    static const struct {
        const char *options[6];
        const char *said;
    } cases[] = {
        {{"--rollout=", "x", "--yes", ""},
         "--rollout 'x': accepted is a number, as `oceanidctl rollout list`"},
        {{"--rollout=", "0", "--yes", ""}, "--rollout '0': accepted is a number"},
        {{"--rollout=", "9", "--direct", "", "--yes", ""},
         "--rollout and --direct exclude each other"},
        {{"--rollout=", "9", "--to=", "drill1", "--node=", "styx"},
         "--rollout and --to exclude each other"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct said said;

        run(cases[i].options, cases[i].options[4] != NULL ? 6 : 4, &said);
        assert_int_equal(said.outcome, OUTCOME_USAGE);
        expect_part(said.err, cases[i].said);
        assert_int_equal(controller.asked, 0);
    }
}

#define CASE(name) cmocka_unit_test_setup(name, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(names_what_went),
        CASE(says_that_nothing_went),
        CASE(says_that_not_all_is_back),
        CASE(takes_back_what_was_shown_and_answered),
        CASE(asks_nobody_for_what_is_refused),
        CASE(asks_nobody_for_what_no_controller_hears),
        CASE(asks_where_nobody_said_no),
        CASE(asks_nobody_for_a_change_that_stands_nowhere),
        CASE(orders_what_an_unheard_node_is_remembered_with),
        CASE(says_what_is_not_known_of_an_unheard_node),
        CASE(an_unheard_node_is_remembered_as_it_was),
        CASE(waits_for_a_controller_that_begins_again),
        CASE(says_that_it_was_asked_where_nobody_answers_any_more),
        CASE(a_reason_in_another_character_set_keeps_the_nodes),
        CASE(names_the_rollout_that_is_meant),
        CASE(asks_nobody_for_another_rollout_than_is_meant),
        CASE(says_that_what_goes_is_older_than_what_was_asked_back),
        CASE(a_rollout_is_named_of_what_the_controller_takes_back),
    };

    return cmocka_run_group_tests(tests, open_directory, close_directory);
}
