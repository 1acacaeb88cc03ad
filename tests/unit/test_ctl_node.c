/*
 * test_ctl_node: what goes into the roster is done when the controller has taken it, and the last
 * line and the exit code say so; refused, nothing has changed anywhere.
 */
#include "controller/ctl/node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"
#include "common/io/wire_join.h"
#include "controller/ctl/hold.h"
#include "controller/ctl/keys.h"
#include "controller/ctl/publish.h"
#include "tests/unit/ctl_case.h"

enum { GET, PUT, REPLIES };

static const char *const yes_options[] = {"--yes", NULL};
static const char *const maintenance_options[] = {"--reason=", "--for=", NULL};
static const char *const work_there[] = {"a1", "--reason", "a new disk", NULL};
static const char *const return_it[] = {"a1", NULL};
static const char *const remove_it[] = {"a1", "--yes", NULL};
static const char *const sign_all[] = {"--yes", NULL};
static const char refusal[] = "{\"error\": \"roster: not by you\"}";

struct keys {
    struct sign_key *agent, *guard;
};
static struct ctl_reply replies[REPLIES];
static struct wire_bytes before; /* DIR/roster */

static struct wire_bytes read_bytes(const struct ctl_desk *desk, const char *name)
{
    struct wire_bytes bytes;
    struct err err = ERR_INIT;

    if (!keys_read_file(&desk->ctl, name, &bytes, &err))
        fail_msg("%s", err.text);
    return bytes;
}

/* Version 5, with a1, which is under maintenance when the test wants that. */
static void put_roster(const struct ctl_desk *desk, bool maintained)
{
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    const struct maintenance one = {.node = "a1", .reason = "a new disk"};
    struct roster_entry entry = {.name = "a1"};
    struct err err = ERR_INIT;

    entry.agent_key.bytes[0] = 1;
    entry.guard_key.bytes[0] = 2;
    roster->version = 5;
    assert_true(roster_put(roster, &entry, &err) &&
                (!maintained || roster_maintain(roster, &one, &err)) &&
                keys_write_roster(&desk->ctl, roster, &bytes, &err));
}

/* The controller has the roster of the directory, and answers the next one so. */
static void lead(struct ctl_desk *desk, long status, const char *body)
{
    put_roster(desk, false);
    before = read_bytes(desk, "roster");
    replies[GET] = (struct ctl_reply){"GET /v1/roster", 200, before.data, before.len, 0};
    replies[PUT] = (struct ctl_reply){"PUT /v1/roster", status, body, strlen(body), 0};
    ctl_desk_serve(desk, replies, REPLIES);
}

static int forget(void **state)
{
    int closed = close_ctl_desk(state);

    wire_bytes_done(&before);
    return closed;
}

static void expect_same_file(const struct ctl_desk *desk, const char *name)
{
    AUTO_WIRE struct wire_bytes now = read_bytes(desk, name);

    assert_int_equal(now.len, before.len);
    assert_memory_equal(now.data, before.data, now.len);
}

static void expect_refused(struct ctl_desk *desk, enum outcome outcome, enum outcome expected)
{
    static const char last[] =
        "nothing has changed: the fleet goes by the controller's roster version 5, and ";
    const char *found = strstr(desk->said, last);

    assert_int_equal(outcome, expected);
    if (found == NULL || strchr(found, '\n')[1] != '\0')
        fail_msg("'%s' is not the last line: '%s'", last, desk->said);
    ctl_desk_expect(desk, "the new roster was refused: ");
    ctl_desk_expect(desk, "not by you");
    ctl_desk_expect_not(desk, "by roster version");
    expect_same_file(desk, "roster");
    expect_same_file(desk, "controller/roster");
}

static void refused_is_not_done(void **state)
{
    struct ctl_desk *desk = *state;

    lead(desk, 409, refusal);
    expect_refused(desk, ctl_desk_run(desk, node_remove_run, yes_options, remove_it), OUTCOME_NO);
    ctl_desk_expect(desk, "Copy its /var/lib/oceanid/controller/roster there");
    expect_refused(desk, ctl_desk_run(desk, node_maintenance_run, maintenance_options, work_there),
                   OUTCOME_NO);
    expect_refused(desk, ctl_desk_run(desk, roster_sign_run, yes_options, sign_all), OUTCOME_NO);
}

/* Before anybody is asked, and before anything is signed. */
static void a_blank_reason_says_nothing(void **state)
{
    static const char *const hold_options[] = {"--reason=", NULL};
    static const char *const freeze[] = {"freeze", "--reason", "  ", NULL};
    static const char *const work[] = {"a1", "--reason", " \t ", NULL};
    struct ctl_desk *desk = *state;

    assert_int_equal(ctl_desk_run(desk, hold_add_run, hold_options, freeze), OUTCOME_USAGE);
    ctl_desk_expect(desk, "--reason '  ': accepted is a text that says something");
    assert_int_equal(ctl_desk_run(desk, node_maintenance_run, maintenance_options, work),
                     OUTCOME_USAGE);
    ctl_desk_expect(desk, "accepted is a text that says something");
}

static void denied_is_not_done(void **state)
{
    struct ctl_desk *desk = *state;

    lead(desk, 403, refusal);
    expect_refused(desk, ctl_desk_run(desk, node_remove_run, yes_options, remove_it),
                   OUTCOME_DENIED);
    ctl_desk_expect(desk, "If it does not know the approver's key");
}

/* However often it is tried: the versions of a directory that is behind would catch up. */
static void a_directory_that_is_behind_signs_nothing(void **state)
{
    struct ctl_desk *desk = *state;

    lead(desk, 200, "{}");
    put_roster(desk, true); /* the same version with other content */
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(ctl_desk_run(desk, node_remove_run, yes_options, remove_it), OUTCOME_NO);
        ctl_desk_expect(desk, "the controller's another one, version 5");
        ctl_desk_expect(desk, "nothing was signed");
    }
    assert_int_equal(ctl_desk_run(desk, node_return_run, yes_options, return_it), OUTCOME_NO);
    assert_int_equal(replies[PUT].asked, 0);
}

static void taken_is_done(void **state)
{
    struct ctl_desk *desk = *state;

    lead(desk, 200, "{\"version\": 6}");
    assert_int_equal(ctl_desk_run(desk, node_maintenance_run, maintenance_options, work_there),
                     OUTCOME_DONE);
    ctl_desk_expect(desk,
                    "a1 is under maintenance by roster version 6; `oceanidctl node return a1`");
    assert_int_equal(ctl_desk_run(desk, node_return_run, yes_options, return_it), OUTCOME_DONE);
    ctl_desk_expect(desk, "a1 is back by roster version 7\n");
    assert_int_equal(ctl_desk_run(desk, node_remove_run, yes_options, remove_it), OUTCOME_DONE);
    ctl_desk_expect(desk, "a1 is removed by roster version 8; take it out of fleet.yaml too\n");
    assert_int_equal(ctl_desk_run(desk, roster_sign_run, yes_options, sign_all), OUTCOME_DONE);
    ctl_desk_expect(desk, "by roster version 9\n");
    assert_int_equal(replies[PUT].asked, 4);
}

static void without_an_answer_something_is_open(void **state)
{
    struct ctl_desk *desk = *state;

    put_roster(desk, true);
    assert_int_equal(ctl_desk_run(desk, node_return_run, yes_options, return_it),
                     OUTCOME_INCOMPLETE);
    ctl_desk_expect(desk, "a1 is back in ");
    ctl_desk_expect(
        desk, "/roster only, version 6: the fleet does not go by it until the controller has it");
    ctl_desk_expect(desk, "has not said that it took the new roster");
    ctl_desk_expect(desk, "`oceanidctl roster sign` hands it over; or copy ");
    assert_int_equal(ctl_desk_run(desk, node_maintenance_run, maintenance_options, work_there),
                     OUTCOME_INCOMPLETE);
    assert_int_equal(ctl_desk_run(desk, node_remove_run, yes_options, remove_it),
                     OUTCOME_INCOMPLETE);
    ctl_desk_expect(desk, "a1 is removed in ");
}

/* Version 6, signed elsewhere meanwhile; the directory has what it had. */
static struct wire_bytes anothers_roster(const struct ctl_desk *desk)
{
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    struct sign_key *key = keys_load(&desk->ctl, "approver.key", &(struct err)ERR_INIT);
    struct roster_entry entry = {.name = "c3"};
    struct wire_bytes bytes;

    entry.agent_key.bytes[0] = 3;
    entry.guard_key.bytes[0] = 4;
    roster->version = 6;
    assert_true(key != NULL && roster_put(roster, &entry, &(struct err)ERR_INIT));
    bytes = wire_encode_roster(roster, key);
    sign_key_free(key);
    return bytes;
}

static void run_ahead(struct ctl_desk *desk, unsigned versions)
{
    for (unsigned i = 0; i < versions; i++)
        assert_int_equal(ctl_desk_run(desk, node_maintenance_run, maintenance_options, work_there),
                         OUTCOME_INCOMPLETE);
    ctl_done(&desk->ctl); /* the next command is another process */
}

/* Nor one that is two versions ahead: it would bring back who was removed there. */
static void a_directory_that_is_ahead_undoes_nothing(void **state)
{
    struct ctl_desk *desk = *state;

    put_roster(desk, false);
    run_ahead(desk, 2);
    before = anothers_roster(desk);
    replies[GET] = (struct ctl_reply){"GET /v1/roster", 200, before.data, before.len, 0};
    replies[PUT] = (struct ctl_reply){"PUT /v1/roster", 200, "{}", 2, 0};
    ctl_desk_serve(desk, replies, REPLIES);
    assert_int_equal(ctl_desk_run(desk, node_return_run, yes_options, return_it), OUTCOME_NO);
    ctl_desk_expect(desk, "is not built on the controller's, version 6");
    ctl_desk_expect(desk, "nothing was signed");
    assert_int_equal(ctl_desk_run(desk, roster_sign_run, yes_options, sign_all), OUTCOME_NO);
    assert_int_equal(replies[PUT].asked, 0);
}

/* Also where it took one of them, and its answer was lost. */
static void a_directory_that_is_ahead_is_handed_over(void **state)
{
    struct ctl_desk *desk = *state;

    put_roster(desk, false);
    run_ahead(desk, 1);
    before = read_bytes(desk, "roster");
    run_ahead(desk, 2);
    replies[GET] = (struct ctl_reply){"GET /v1/roster", 200, before.data, before.len, 0};
    replies[PUT] = (struct ctl_reply){"PUT /v1/roster", 200, "{}", 2, 0};
    ctl_desk_serve(desk, replies, REPLIES);
    assert_int_equal(ctl_desk_run(desk, roster_sign_run, yes_options, sign_all), OUTCOME_DONE);
    assert_int_equal(replies[PUT].asked, 1);
}

/* The question was open in one terminal while another one's answer went through: the roster that
 * the first has in its hands is not the directory's any more, and would take out who was admitted.
 */
static void two_at_once_undo_nothing(void **state)
{
    struct ctl_desk *desk = *state;
    AUTO_PUBLICATION struct publication publication = {{NULL, 0}, {NULL, 0}};
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    struct err err = ERR_INIT;

    put_roster(desk, false);
    assert_true(keys_read_roster(&desk->ctl, roster, &err) && roster_remove(roster, "a1"));
    before = anothers_roster(desk);
    assert_true(keys_put_roster(&desk->ctl, &before, &err));
    assert_false(publish_sign(&desk->ctl, roster, &publication, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_non_null(strstr(err.text, "has version 6 by now, expected was version 5"));
    expect_same_file(desk, "roster");
}

static enum outcome admit(struct ctl_desk *desk)
{
    struct join_request request = {.name = "b2"};
    const struct keys keys = {sign_key_generate(), sign_key_generate()};
    AUTO_WIRE struct wire_bytes bytes = wire_encode_join_request(&request, keys.agent, keys.guard);
    char path[CTL_PATH_SIZE];
    const char *const words[] = {ctl_desk_path(desk, "b2.req", path), "--yes", NULL};
    struct err err = ERR_INIT;

    sign_key_free(keys.agent);
    sign_key_free(keys.guard);
    assert_true(file_write(path, bytes.data, bytes.len, 0600, &err));
    return ctl_desk_run(desk, node_admit_run, yes_options, words);
}

/* A bundle would join a node that nobody knows. */
static void who_is_refused_gets_no_bundle(void **state)
{
    struct ctl_desk *desk = *state;

    lead(desk, 403, refusal);
    expect_refused(desk, admit(desk), OUTCOME_DENIED);
    assert_false(ctl_desk_has(desk, "b2.bundle"));
    ctl_desk_expect_not(desk, "oceanid-agent install");
}

static void who_is_admitted_gets_a_bundle(void **state)
{
    struct ctl_desk *desk = *state;

    lead(desk, 200, "{}");
    assert_int_equal(admit(desk), OUTCOME_DONE);
    assert_true(ctl_desk_has(desk, "b2.bundle"));
}

static void a_controller_that_comes_later_gets_it_by_hand(void **state)
{
    struct ctl_desk *desk = *state;

    assert_int_equal(admit(desk), OUTCOME_INCOMPLETE);
    assert_true(ctl_desk_has(desk, "b2.bundle"));
    ctl_desk_expect(desk, "oceanid-agent install b2.bundle");
    ctl_desk_expect(desk, "b2 is admitted in ");
}

#define WITH_DESK(test) cmocka_unit_test_setup_teardown(test, open_ctl_desk, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DESK(refused_is_not_done),
        WITH_DESK(a_blank_reason_says_nothing),
        WITH_DESK(denied_is_not_done),
        WITH_DESK(a_directory_that_is_behind_signs_nothing),
        WITH_DESK(taken_is_done),
        WITH_DESK(without_an_answer_something_is_open),
        WITH_DESK(a_directory_that_is_ahead_undoes_nothing),
        WITH_DESK(a_directory_that_is_ahead_is_handed_over),
        WITH_DESK(two_at_once_undo_nothing),
        WITH_DESK(who_is_refused_gets_no_bundle),
        WITH_DESK(who_is_admitted_gets_a_bundle),
        WITH_DESK(a_controller_that_comes_later_gets_it_by_hand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
