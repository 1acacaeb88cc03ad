/*
 * test_ctl_json: with -o json a command prints the controller's answer, whatever it is for, and
 * nothing else on stdout.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controller/ctl/audit.h"
#include "controller/ctl/field.h"
#include "controller/ctl/hold.h"
#include "controller/ctl/rollout.h"
#include "tests/unit/ctl_case.h"

static const char *const last_options[] = {"--after=", "--last=", NULL};
static const char *const lift_options[] = {"--reason=", NULL};
static const char *const pause_options[] = {"--reason=", "--for=", NULL};
static const char *const next_options[] = {"--no-watch", NULL};
static const char *const abort_options[] = {"--reason=", "--no-watch", NULL};

#define ANSWER(what, text)                                                                         \
    {                                                                                              \
        what, 200, text, sizeof(text) - 1, 0                                                       \
    }

static const char hold[] = "{\"id\": 4, \"kind\": \"pause\"}";
static const char rollout[] =
    "{\"id\": 7, \"state\": \"learning\", \"sentence\": \"asks its nodes\"}";
static const char rows[] = "{\"entries\": [{\"index\": 1}, {\"index\": 2}, {\"index\": 3}], "
                           "\"head\": \"ab\"}";
static const char no_rows[] = "{\"entries\": [], \"head\": \"ab\"}";

static struct ctl_reply replies[] = {
    ANSWER("DELETE /v1/holds/4", hold),
    ANSWER("POST /v1/holds", hold),
    ANSWER("POST /v1/rollouts/7/next", rollout),
    ANSWER("POST /v1/rollouts/7/abort", rollout),
    ANSWER("GET /v1/audit?after=0&limit=1000", rows),
    ANSWER("GET /v1/audit?after=3&limit=1000", no_rows),
};

/* Its answer, as the only JSON that it prints; the caller's. */
static json_t *run(struct ctl_desk *desk, command_fn command, const char *const *options,
                   const char *const *words)
{
    const char *begin;
    json_t *answer;

    ctl_desk_serve(desk, replies, sizeof(replies) / sizeof(replies[0]));
    desk->ctl.json = true;
    assert_int_equal(ctl_desk_run(desk, command, options, words), OUTCOME_DONE);
    begin = strchr(desk->said, '{');
    if (begin == NULL)
        fail_msg("no JSON: '%s'", desk->said);
    answer = json_loads(begin, JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(answer);
    return answer;
}

static void a_hold_that_is_lifted(void **state)
{
    static const char *const words[] = {"4", NULL};
    AUTO_JSON json_t *answer = run(*state, hold_lift_run, lift_options, words);

    assert_int_equal(field_number(answer, "id"), 4);
}

static void a_pause(void **state)
{
    static const char *const words[] = {"--reason", "lunch", NULL};
    AUTO_JSON json_t *answer = run(*state, rollout_pause_run, pause_options, words);

    assert_int_equal(field_number(answer, "id"), 4);
}

static void what_nobody_watches(void **state)
{
    static const char *const words[] = {"7", "--no-watch", NULL};
    AUTO_JSON json_t *next = run(*state, rollout_next_run, next_options, words);

    assert_string_equal(field_text(next, "state"), "learning");
}

static void an_abort_that_nobody_watches(void **state)
{
    static const char *const words[] = {"7", "--no-watch", NULL};
    AUTO_JSON json_t *answer = run(*state, rollout_abort_run, abort_options, words);

    assert_int_equal(field_number(answer, "id"), 7);
}

/* Done is said, where nobody asked for the document. */
static void what_nobody_watches_is_said_in_a_line(void **state)
{
    static const char *const words[] = {"7", "--no-watch", NULL};
    struct ctl_desk *desk = *state;

    ctl_desk_serve(desk, replies, sizeof(replies) / sizeof(replies[0]));
    assert_int_equal(ctl_desk_run(desk, rollout_next_run, next_options, words), OUTCOME_DONE);
    ctl_desk_expect(desk, "oceanidctl: rollout 7 goes on: learning, asks its nodes\n");
    assert_int_equal(ctl_desk_run(desk, rollout_abort_run, abort_options, words), OUTCOME_DONE);
    ctl_desk_expect(desk, "oceanidctl: rollout 7 is being aborted: learning, asks its nodes\n");
}

static void the_last_rows_of_the_audit(void **state)
{
    static const char *const words[] = {"--last", "2", NULL};
    AUTO_JSON json_t *answer = run(*state, audit_show_run, last_options, words);
    const json_t *entries = field_array(answer, "entries");

    assert_int_equal(json_array_size(entries), 2);
    assert_int_equal(field_number(json_array_get(entries, 0), "index"), 2);
    assert_string_equal(field_text(answer, "head"), "ab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_CTL_DESK(a_hold_that_is_lifted),      AT_CTL_DESK(a_pause),
        AT_CTL_DESK(what_nobody_watches),        AT_CTL_DESK(an_abort_that_nobody_watches),
        AT_CTL_DESK(the_last_rows_of_the_audit), AT_CTL_DESK(what_nobody_watches_is_said_in_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
