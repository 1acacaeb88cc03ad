/*
 * test_ctl_preflight: what CI reads, word for word, and that only a yes to everything is a pass.
 */
#include "controller/ctl/preflight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/change/manifest.h"
#include "controller/ctl/field.h"

/* Every gate passes; the one named answers `value`, "" for one that is not there. */
static json_t *make_plan(enum gate other, const char *value, const char *waived)
{
    json_t *gates = json_array();

    for (unsigned i = 0; i < GATE_COUNT; i++) {
        bool is_other = i == (unsigned)other;

        if (is_other && value[0] == '\0')
            continue;
        json_array_append_new(gates, json_pack("{s:s, s:s, s:s, s:s, s:s}", "gate",
                                               gate_name((enum gate)i), "value",
                                               is_other ? value : "pass", "observed",
                                               is_other ? "a1: none \033[2J" : "yes", "expected",
                                               "what is wanted", "waived", is_other ? waived : ""));
    }
    return json_pack("{s:b, s:o}", "pass", 1, "gates", gates);
}

static char *print(const json_t *plan, bool *ret_pass)
{
    AUTO_JSON json_t *judged = preflight_judge(plan);
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    assert_non_null(to);
    preflight_print(judged, to);
    fclose(to);
    *ret_pass = field_is_true(judged, "pass");
    return text;
}

static void expect(json_t *plan, bool pass, const char *text)
{
    bool passes;
    char *printed = print(plan, &passes);

    json_decref(plan);
    assert_string_equal(printed, text);
    assert_int_equal(passes, pass);
    free(printed);
}

static void expect_part(json_t *plan, bool pass, const char *part)
{
    bool passes;
    char *printed = print(plan, &passes);

    json_decref(plan);
    if (strstr(printed, part) == NULL)
        fail_msg("'%s' does not say '%s'", printed, part);
    assert_int_equal(passes, pass);
    free(printed);
}

static void set_instead(json_t *plan, enum gate gate, const char *instead)
{
    json_object_set_new(json_array_get(json_object_get(plan, "gates"), gate), "instead",
                        json_string(instead));
}

/* Nobody was asked: that is no yes, whether or not it stops anything. */
static void of_the_fleet_it_says_what_was_not_asked(void **state)
{
    json_t *plan = make_plan(GATE_ONE_FIRST, "fail", "");

    (void)state;
    set_instead(plan, GATE_NEEDED, "no change is named");
    set_instead(plan, GATE_APPROVED, "no change is named, and nobody was asked");
    set_instead(plan, GATE_ONE_FIRST, "no change is named; no rollout and no trial is open");
    expect_part(json_deep_copy(plan), false,
                "no      5. Is it tested on one node first? a1: none  [2J (expected: what is "
                "wanted)\n");
    json_object_set_new(json_array_get(json_object_get(plan, "gates"), GATE_ONE_FIRST), "value",
                        json_string("pass"));
    expect(plan, true,
           "yes     1. Is the system currently working?\n"
           "n/a     2. Has it been verified that what the change fixes is actually broken? no "
           "change is named\n"
           "n/a     3. Has the operator been asked, and answered an explicit yes? no change is "
           "named, and nobody was asked\n"
           "yes     4. Is there a rollback plan, and has it been shown to work?\n"
           "n/a     5. Is it tested on one node first? no change is named; no rollout and no trial "
           "is open\n"
           "yes     6. Does it preserve cluster networking (kubelet <-> API server)?\n"
           "yes     7. Does it preserve SSH access? (And can the console or the provider's API be "
           "reached if SSH breaks?)\n"
           "yes     8. Is what is about to change written down?\n"
           "yes     9. Is nothing on hold that it touches?\n"
           "Safe: of the fleet as it is nothing says no; `oceanidctl preflight FILE` asks of a "
           "change.\n");
}

static void says_the_eight_questions_in_their_words(void **state)
{
    (void)state;
    expect(make_plan(GATE_COUNT, "", ""), true,
           "yes     1. Is the system currently working?\n"
           "yes     2. Has it been verified that what the change fixes is actually broken?\n"
           "yes     3. Has the operator been asked, and answered an explicit yes?\n"
           "yes     4. Is there a rollback plan, and has it been shown to work?\n"
           "yes     5. Is it tested on one node first?\n"
           "yes     6. Does it preserve cluster networking (kubelet <-> API server)?\n"
           "yes     7. Does it preserve SSH access? (And can the console or the provider's API be "
           "reached if SSH breaks?)\n"
           "yes     8. Is what is about to change written down?\n"
           "yes     9. Is nothing on hold that it touches?\n"
           "Safe: of the fleet as it is nothing says no; `oceanidctl preflight FILE` asks of a "
           "change.\n");
}

/* A fleet without a cluster: that is no yes, and no reason to stop. */
static void of_a_change_it_says_what_is_not_asked(void **state)
{
    json_t *plan = make_plan(GATE_COUNT, "", "");

    (void)state;
    json_object_set_new(plan, "change", json_string("drill"));
    set_instead(plan, GATE_CLUSTER_PATH, "no cluster is declared in fleet.yaml");
    expect_part(
        json_deep_copy(plan), true,
        "\nn/a     6. Does it preserve cluster networking (kubelet <-> API server)? no cluster "
        "is declared in fleet.yaml\n");
    expect_part(plan, true,
                "\nSafe: every question that is asked of this fleet is answered with yes, n/a is "
                "not: `oceanidctl rollout start` of it would be taken now.");
}

/* A yes is that a start would be taken now; of what it does not hang on, it says so. */
static void of_a_change_it_says_what_it_does_not_know(void **state)
{
    json_t *plan = make_plan(GATE_COUNT, "", "");

    (void)state;
    json_object_set_new(plan, "change", json_string("drill"));
    expect_part(
        plan, true,
        "\nSafe: every question is answered with yes: `oceanidctl rollout start` of it would "
        "be taken now. Not known: whether who starts it has the role (ci or operator), and "
        "whether the controller's disk takes it.\n");
    plan = make_plan(GATE_ONE_FIRST, "fail", "");
    json_object_set_new(plan, "change", json_string("drill"));
    expect_part(plan, false, "\nBlocked: ");
}

static void only_yes_and_waived_pass(void **state)
{
    (void)state;
    expect_part(make_plan(GATE_WORKING, "fail", ""), false,
                "no      1. Is the system currently working? a1: none  [2J (expected: what is "
                "wanted)\n");
    expect_part(make_plan(GATE_APPROVED, "unknown", ""), false,
                "unsure  3. Has the operator been asked, and answered an explicit yes? a1: none");
    expect_part(make_plan(GATE_NEEDED, "fail", "needed: a drill"), true,
                "waived  2. Has it been verified that what the change fixes is actually broken? "
                "needed: a drill\n");
    expect_part(make_plan(GATE_HOLD, "fail", ""), false, "\nBlocked: ");
    expect_part(make_plan(GATE_HOLD, "surprise", ""), false, "unsure  9. ");
}

static void what_is_not_answered_is_unsure(void **state)
{
    json_t *plan = make_plan(GATE_COUNT, "", "");

    (void)state;
    expect_part(make_plan(GATE_SSH_PATH, "", ""), false,
                "reached if SSH breaks?) the controller did not answer it\n");
    expect_part(json_object(), false, "unsure  1. ");
    json_object_set_new(plan, "pass", json_false()); /* prediction on this machine says no */
    expect_part(plan, false, "\nBlocked: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_the_eight_questions_in_their_words),
        cmocka_unit_test(of_the_fleet_it_says_what_was_not_asked),
        cmocka_unit_test(of_a_change_it_says_what_it_does_not_know),
        cmocka_unit_test(of_a_change_it_says_what_is_not_asked),
        cmocka_unit_test(only_yes_and_waived_pass),
        cmocka_unit_test(what_is_not_answered_is_unsure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
