/*
 * test_open: what the guard lists as open while a change is being taken back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/guard/io/guard.h"
#include "common/core/mem.h"
#include "tests/unit/journal_case.h"

static const char VERIFYING[] = "tailscale: exit node tethys: tailscaled does not answer";

struct open_case {
    enum trial_state state;
    enum revert_outcome outcome; /* of the shield's undo */
    const char *held_up, *line;  /* line NULL: nothing is listed */
};

static const struct open_case cases[] = {
    {TRIAL_REVERTING, REVERT_WAITING, "", NULL}, /* on its way */
    {TRIAL_REVERTING, REVERT_RETRY, "operation 1: it is so",
     "delete rule 5140: from 203.0.113.10 lookup main: it is so"},
    {TRIAL_VERIFYING, REVERT_DONE, "", NULL}, /* not looked at yet */
    {TRIAL_VERIFYING, REVERT_DONE, VERIFYING, VERIFYING},
    {TRIAL_CLOSING, REVERT_DONE, VERIFYING, NULL},
};

static void check(struct journal_case *place, const struct open_case *c)
{
    struct guard *guard = mem_alloc(1, sizeof(*guard));
    struct guard_report report = {.kind = REPORT_PROGRESS};

    guard->journal = place->journal;
    guard->ledger = place->ledger;
    guard->trial = mem_alloc(1, sizeof(*guard->trial));
    trial_init(guard->trial, place->ledger, "b");
    guard->trial->id = journal_case_id(1);
    guard->trial->state = c->state;
    ledger_fill_revert(&place->ledger->open, &guard->trial->revert);
    guard->trial->revert.steps[0].outcome = c->outcome;
    text_copy(guard->trial->held_up, sizeof(guard->trial->held_up), c->held_up);
    text_copy(guard->undo_why[0], sizeof(guard->undo_why[0]), "it is so");
    carry_fill_open(guard, &report);
    assert_int_equal(report.lines_count, c->line != NULL);
    if (c->line != NULL)
        assert_string_equal(report.lines[0], c->line);
    guard_report_done(&report);
    free(guard->trial);
    free(guard);
}

static void test_open(void **state)
{
    struct journal_case *place = *state;

    journal_case_open_again(place);
    journal_case_begin(place, 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check(place, &cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_open, journal_case_set_up, journal_case_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
