/*
 * test_ctl_void: how far it is with what is to be barred, in words and as a document, and what a
 * person is told whose controller is started anew meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "controller/ctl/field.h"
#include "controller/ctl/keys.h"
#include "controller/ctl/ledger.h"
#include "controller/ctl/void.h"
#include "tests/unit/ctl_case.h"

static const char *const options[] = {"--reason=", NULL};
static const char *const lost[] = {"lost", NULL};
static const char nothing[] = "{\"receipts\": []}";
static const char open_ones[] = "{\"nodes\": [{\"name\": \"a1\", \"sentence\": \"it has not "
                                "answered yet\"}, {\"name\": \"b7\", \"sentence\": \"is no more of "
                                "it\"}]}";

enum { RECEIPTS, VOID, REPLIES };
static struct ctl_reply replies[REPLIES];

/* Whatever comes while the command sleeps, whose seconds are nobody's. */
static struct ctl_desk *desk;
static void (*meanwhile)(void);
static mono_t slept_ms;

mono_t __real_clock_now(void);
mono_t __wrap_clock_now(void);
unsigned __wrap_sleep(unsigned seconds);

mono_t __wrap_clock_now(void)
{
    return __real_clock_now() + slept_ms;
}

unsigned __wrap_sleep(unsigned seconds)
{
    slept_ms += (mono_t)seconds * 1000;
    if (meanwhile != NULL)
        meanwhile();
    return 0;
}

static void open_ledger(struct ledger *ledger)
{
    char path[CTL_PATH_SIZE];
    struct err err = ERR_INIT;

    if (!ledger_open(ledger, ctl_desk_path(desk, "ledger", path), &err))
        fail_msg("%s", err.text);
}

/* Of a1, which is alone in the roster. */
static void sign(void)
{
    AUTO_FREE struct ledger_signed *entry = mem_alloc(1, sizeof(*entry));
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct roster_entry one = {.name = "a1", .agent_key = {{1}}, .guard_key = {{2}}};
    struct ledger ledger;
    struct err err = ERR_INIT;

    roster->version = 5;
    assert_true(roster_put(roster, &one, &err) &&
                keys_write_roster(&desk->ctl, roster, &bytes, &err));
    *entry = (struct ledger_signed){.attempt = {.body = {{7}}, .sequence = 9},
                                    .signed_at = clock_unix(),
                                    .not_after = clock_unix() + 3600,
                                    .trial_max_s = 60,
                                    .targets_count = 1};
    text_copy(entry->change, NAME_SIZE, "lost");
    text_copy(entry->targets[0], NAME_SIZE, "a1");
    open_ledger(&ledger);
    assert_true(ledger_add_signed(&ledger, entry, &err));
    ledger_close(&ledger);
}

static int open_case(void **state)
{
    open_ctl_desk(state);
    desk = *state;
    meanwhile = NULL;
    slept_ms = 0;
    sign();
    replies[RECEIPTS] = (struct ctl_reply){"GET /v1/receipts", 200, nothing, strlen(nothing), 0};
    replies[VOID] = (struct ctl_reply){"POST /v1/void", 202, open_ones, strlen(open_ones), 0};
    ctl_desk_serve(desk, replies, REPLIES);
    return 0;
}

static void bar(enum receipt_kind kind)
{
    AUTO_FREE struct receipt *receipt = mem_alloc(1, sizeof(*receipt));
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct sign_key *guard = sign_key_generate();
    struct public_key signer;
    struct ledger ledger;
    struct err err = ERR_INIT;

    receipt->kind = kind;
    receipt->generation.attempt = (struct attempt){.body = {{7}}, .sequence = 9};
    text_copy(receipt->node, NAME_SIZE, "a1");
    bytes = wire_encode_receipt(receipt, guard);
    sign_key_public(guard, &signer);
    sign_key_free(guard);
    open_ledger(&ledger);
    assert_true(ledger_add_receipt(&ledger, wire_lend(&bytes), &signer, &err));
    ledger_close(&ledger);
}

static void its_guard_bars_it(void)
{
    bar(RECEIPT_TOMBSTONE);
}

static void it_stands_there(void)
{
    bar(RECEIPT_CONFIRMED);
}

static void the_controller_hangs_up(void)
{
    replies[VOID].status = replies[RECEIPTS].status = 503;
}

/* The document that it prints, and nothing else on stdout; the caller's. */
static json_t *run_json(enum outcome expected)
{
    json_t *answer;

    desk->ctl.json = true;
    assert_int_equal(ctl_desk_run(desk, void_run, options, lost), expected);
    answer = json_loads(desk->said, 0, NULL);
    if (answer == NULL)
        fail_msg("no JSON: '%s'", desk->said);
    assert_string_equal(field_text(answer, "change"), "lost");
    assert_int_equal(field_number(answer, "sequence"), 9);
    return answer;
}

static void expect_ended(const json_t *answer, const char *stands, const char *part)
{
    assert_true(json_is_true(json_object_get(answer, "ended")));
    assert_int_equal(json_array_size(field_array(answer, "nodes")), 0);
    assert_string_equal(field_text(answer, "stands"), stands);
    if (strstr(field_text(answer, "sentence"), part) == NULL)
        fail_msg("'%s' does not say '%s'", field_text(answer, "sentence"), part);
}

static void what_is_open_is_a_document(void **state)
{
    AUTO_JSON json_t *answer = run_json(OUTCOME_INCOMPLETE);
    const json_t *nodes = field_array(answer, "nodes");

    (void)state;
    assert_true(json_is_false(json_object_get(answer, "ended")));
    assert_int_equal(json_array_size(nodes), 1);
    assert_string_equal(field_text(json_array_get(nodes, 0), "name"), "a1");
    assert_string_equal(field_text(json_array_get(nodes, 0), "sentence"),
                        "it has not answered yet");
    assert_in_range(replies[VOID].asked, 30, 32);
}

static void what_has_ended_is_a_document(void **state)
{
    AUTO_JSON json_t *answer = NULL;

    (void)state;
    meanwhile = its_guard_bars_it;
    answer = run_json(OUTCOME_DONE);
    expect_ended(answer, "", "is barred on every node that it was for");
    assert_int_equal(replies[VOID].asked, 1);
}

static void so_is_what_stands(void **state)
{
    AUTO_JSON json_t *answer = NULL;

    (void)state;
    meanwhile = it_stands_there;
    answer = run_json(OUTCOME_DONE);
    expect_ended(answer, "a1", "stands on a1, where it was handed over");
}

static void and_what_nobody_was_asked_for(void **state)
{
    AUTO_JSON json_t *answer = NULL;

    (void)state;
    its_guard_bars_it();
    answer = run_json(OUTCOME_DONE);
    expect_ended(answer, "", "has ended or lapsed; nothing was asked");
    assert_int_equal(replies[VOID].asked, 0);
}

/* Its word is no proof, nor that it has none: what counts are the receipts. */
static void what_the_controller_says_nothing_of_is_open(void **state)
{
    static const char none[] = "{\"nodes\": []}";
    AUTO_JSON json_t *answer = NULL;
    const json_t *nodes;

    (void)state;
    replies[VOID].body = none;
    replies[VOID].len = strlen(none);
    answer = run_json(OUTCOME_INCOMPLETE);
    nodes = field_array(answer, "nodes");
    assert_true(json_is_false(json_object_get(answer, "ended")));
    assert_int_equal(json_array_size(nodes), 1);
    assert_string_equal(field_text(json_array_get(nodes, 0), "name"), "a1");
    assert_string_equal(field_text(json_array_get(nodes, 0), "sentence"),
                        "the controller says nothing of it");
}

static void in_words_it_is_said_until_when_it_is_asked(void **state)
{
    (void)state;
    assert_int_equal(ctl_desk_run(desk, void_run, options, lost), OUTCOME_INCOMPLETE);
    ctl_desk_expect(desk, "a1                   not barred yet: it has not answered yet\n");
    ctl_desk_expect_not(desk, "b7");
    ctl_desk_expect(desk, "asks on for an hour, or until it is started anew; the same command");
}

/* It was asked and may have forgotten: whoever waits has to know that. */
static void a_controller_that_is_started_anew_forgets(void **state)
{
    (void)state;
    meanwhile = the_controller_hangs_up;
    assert_int_equal(ctl_desk_run(desk, void_run, options, lost), OUTCOME_UNREACHABLE);
    ctl_desk_expect(desk, "change lost is not barred everywhere yet, and a controller that is "
                          "started anew does not know of it: the same command asks again");
}

/* One that was never asked has nothing to forget. */
static void a_controller_that_is_not_there_has_forgotten_nothing(void **state)
{
    (void)state;
    replies[VOID].status = 503;
    assert_int_equal(ctl_desk_run(desk, void_run, options, lost), OUTCOME_UNREACHABLE);
    ctl_desk_expect_not(desk, "started anew");
}

#define AT_CASE(test) cmocka_unit_test_setup_teardown(test, open_case, close_ctl_desk)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_CASE(what_is_open_is_a_document),
        AT_CASE(what_has_ended_is_a_document),
        AT_CASE(so_is_what_stands),
        AT_CASE(and_what_nobody_was_asked_for),
        AT_CASE(what_the_controller_says_nothing_of_is_open),
        AT_CASE(in_words_it_is_said_until_when_it_is_asked),
        AT_CASE(a_controller_that_is_started_anew_forgets),
        AT_CASE(a_controller_that_is_not_there_has_forgotten_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
