/*
 * test_ctl_emergency: what emergency-rollback asks, says and ends with, by what the controller
 * answers: a stand-in that counts what it is asked.
 */
#include "controller/ctl/emergency.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"
#include "common/io/sign.h"
#include "controller/ctl/api.h"
#include "controller/ctl/rescue.h"

static const char POPPED[] =
    "{\"rollout\": 10, \"change\": \"drill2\", \"open\": false, \"awaited\": false, \"nodes\": ["
    "{\"name\": \"styx\", \"state\": \"popped\", \"sentence\": \"by order\"},"
    "{\"name\": \"calypso\", \"state\": \"not there\", \"sentence\": \"nothing of it stands "
    "there\"}]}";
static const char NOTHING[] =
    "{\"rollout\": 10, \"change\": \"drill2\", \"open\": false, \"awaited\": false, \"nodes\": ["
    "{\"name\": \"styx\", \"state\": \"not there\", \"sentence\": \"nothing of it stands "
    "there\"}]}";
static const char OPEN[] =
    "{\"rollout\": 10, \"change\": \"drill2\", \"open\": true, \"awaited\": true, \"nodes\": ["
    "{\"name\": \"styx\", \"state\": \"unreachable\", \"sentence\": \"it was asked\"}]}";

static const char LOSSES[] = "{\"rollout\": 10, \"change\": \"drill2\", \"nodes\": [{\"name\": "
                             "\"styx\", \"sentence\": \"it stands there\"}]}";
static const char NODES[] =
    "{\"nodes\": [{\"name\": \"styx\", \"role\": \"node\", \"ssh\": \"203.0.113.10:22\", "
    "\"generations\": [{\"change\": \"drill2\", \"sequence\": 7}]}]}";
static const char UNHEARD[] =
    "{\"nodes\": [{\"name\": \"styx\", \"role\": \"node\", \"ssh\": \"203.0.113.10:22\", "
    "\"known\": false, \"generations\": []}]}";
static const char REMEMBERED[] =
    "[{\"name\": \"styx\", \"role\": \"node\", \"ssh\": \"203.0.113.10:22\", \"generations\": ["
    "{\"change\": \"drill2\", \"sequence\": 7, \"start\": \"00112233445566778899aabbccddeeff\", "
    "\"body\": \"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}]}]";

/* ---- the stand-in ---------------------------------------------------------------------------- */

static char pki[] = "/tmp/oceanid-emergency-XXXXXX";

static struct {
    const char *rollback;     /* what it answers */
    enum err_kind no;         /* to what would go; ERR_NONE: it says */
    bool unheard;             /* the node has not said what stands there */
    unsigned foretold, asked; /* how often what would go, and to take it back */
    unsigned ordered;         /* how often by a signed order */
    unsigned deaf;            /* so often nobody answers how far it is; UINT_MAX: never */
    json_t *body;             /* of what it was asked last; NULL: it had none */
} controller;

bool __wrap_api_call(struct api *api, const char *method, const char *path, struct bytes body,
                     struct api_answer *ret_answer, struct err *err);
bool __wrap_api_get(struct api *api, const char *path, json_t **ret_document, struct err *err);
bool __wrap_api_send_take(struct api *api, const char *method, const char *path, json_t *body,
                          json_t **ret_document, struct err *err);

static bool answer(const char *text, json_t **ret_document)
{
    *ret_document = json_loads(text, 0, NULL);
    assert_non_null(*ret_document);
    return true;
}

static bool foretell(const char *text, json_t **ret_document, struct err *err)
{
    controller.foretold++;
    if (controller.no != ERR_NONE)
        return err_set(err, controller.no, "controller unix:/x: it says no");
    return answer(text, ret_document);
}

static bool tell_node(json_t **ret_document)
{
    AUTO_JSON json_t *document = json_loads(controller.unheard ? UNHEARD : NODES, 0, NULL);

    *ret_document = json_incref(json_array_get(json_object_get(document, "nodes"), 0));
    return true;
}

bool __wrap_api_call(struct api *api, const char *method, const char *path, struct bytes body,
                     struct api_answer *ret_answer, struct err *err)
{
    (void)api, (void)ret_answer, (void)err;
    assert_string_equal(method, "POST");
    assert_string_equal(path, "/v1/emergency-rollback?signed=1");
    assert_true(body.len > 0);
    controller.ordered++;
    return true;
}

bool __wrap_api_get(struct api *api, const char *path, json_t **ret_document, struct err *err)
{
    (void)api;
    if (text_equal(path, "/v1/nodes"))
        return foretell(controller.unheard ? UNHEARD : NODES, ret_document, err);
    if (text_equal(path, "/v1/nodes/styx"))
        return tell_node(ret_document);
    assert_string_equal(path, "/v1/emergency-rollback");
    if (controller.deaf > 0) {
        controller.deaf -= controller.deaf != UINT_MAX;
        return err_set(err, ERR_TIMEOUT, "controller unix:/x is not reachable");
    }
    return answer(controller.rollback, ret_document);
}

bool __wrap_api_send_take(struct api *api, const char *method, const char *path, json_t *body,
                          json_t **ret_document, struct err *err)
{
    (void)api;
    json_decref(controller.body);
    controller.body = body;
    assert_string_equal(method, "POST");
    if (text_equal(path, "/v1/emergency-rollback/losses"))
        return foretell(LOSSES, ret_document, err);
    assert_string_equal(path, "/v1/emergency-rollback");
    controller.asked++;
    return answer(controller.rollback, ret_document);
}

/* ---- running --------------------------------------------------------------------------------- */

struct said {
    enum outcome outcome;
    char out[4096], err[4096];
};

static int redirect(int fd)
{
    int seen = memfd_create("said", MFD_CLOEXEC);

    assert_true(seen >= 0 && dup2(seen, fd) >= 0);
    return seen;
}

static void read_back(int fd, int kept, int seen, char *to, size_t size)
{
    dup2(kept, fd);
    assert_true(pread(seen, to, size - 1, 0) >= 0);
    close(kept);
    close(seen);
}

/* words: after the command; answered: what is typed. */
static void run(const char *const *options, size_t options_count, struct said *ret_said)
{
    AUTO_FREE struct arguments *arguments = mem_alloc(1, sizeof(*arguments));
    struct ctl ctl = {.controller = "unix:/nonexistent"};
    int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    int seen_out, seen_err;

    memset(ret_said, 0, sizeof(*ret_said));
    text_copy(ctl.pki, sizeof(ctl.pki), pki);
    for (size_t i = 0; i < options_count; i += 2) {
        arguments->options[i / 2].name = options[i];
        arguments->options[i / 2].value = options[i + 1];
        arguments->options_count++;
    }
    fflush(stdout);
    seen_out = redirect(STDOUT_FILENO);
    seen_err = redirect(STDERR_FILENO);
    ret_said->outcome = emergency_run(&ctl, arguments);
    fflush(stdout);
    read_back(STDOUT_FILENO, out, seen_out, ret_said->out, sizeof(ret_said->out));
    read_back(STDERR_FILENO, err, seen_err, ret_said->err, sizeof(ret_said->err));
    ctl_done(&ctl);
}

static void run_sure(const char *rollback, struct said *ret_said)
{
    static const char *const options[] = {"--yes", "", "--wait=", "0s"};

    controller.rollback = rollback;
    run(options, 4, ret_said);
}

/* Somebody is at the terminal, and types that. */
static void run_asked(const char *typed, const char *const *options, size_t options_count,
                      struct said *ret_said)
{
    FILE *kept = stdin;
    char line[16];

    text_copy(line, sizeof(line), typed);
    stdin = fmemopen(line, strlen(line), "r");
    assert_non_null(stdin);
    controller.rollback = POPPED;
    run(options, options_count, ret_said);
    fclose(stdin);
    stdin = kept;
}

static void expect_part(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' does not say '%s'", text, part);
}

static void expect_no_question(const struct said *said)
{
    if (strstr(said->err, "Type yes") != NULL)
        fail_msg("it asked: %s", said->err);
    assert_int_equal(controller.asked, 0);
}

static bool remember(const char *text)
{
    char path[64];
    struct err err = ERR_INIT;

    snprintf(path, sizeof(path), "%s/nodes.json", pki);
    return file_write(path, text, strlen(text), 0600, &err);
}

static int open_directory(void **state)
{
    struct sign_key *key = sign_key_generate();
    char path[64];
    struct err err = ERR_INIT;
    bool kept;

    (void)state;
    assert_non_null(mkdtemp(pki));
    snprintf(path, sizeof(path), "%s/approver.key", pki);
    kept = sign_key_save(key, path, &err);
    sign_key_free(key);
    return kept ? 0 : -1;
}

static int close_directory(void **state)
{
    char command[64];

    (void)state;
    json_decref(controller.body);
    snprintf(command, sizeof(command), "rm -r %s", pki);
    return system(command);
}

static int forget(void **state)
{
    (void)state;
    json_decref(controller.body);
    memset(&controller, 0, sizeof(controller));
    return remember(REMEMBERED) ? 0 : -1;
}

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
    };

    return cmocka_run_group_tests(tests, open_directory, close_directory);
}
