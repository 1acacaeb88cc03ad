/*
 * test_ctl_emergency: what emergency-rollback asks, says and ends with, by what the controller
 * answers: a stand-in that counts what it is asked.
 */
#include "controller/ctl/emergency.h"

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
#include "controller/ctl/api.h"

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

/* ---- the stand-in ---------------------------------------------------------------------------- */

static struct {
    const char *rollback; /* what it answers */
    unsigned asked;       /* how often to take something back */
} controller;

bool __wrap_api_get(struct api *api, const char *path, json_t **ret_document, struct err *err);
bool __wrap_api_send_take(struct api *api, const char *method, const char *path, json_t *body,
                          json_t **ret_document, struct err *err);

bool __wrap_api_get(struct api *api, const char *path, json_t **ret_document, struct err *err)
{
    (void)api;
    (void)err;
    assert_string_equal(path, "/v1/emergency-rollback");
    *ret_document = json_loads(controller.rollback, 0, NULL);
    assert_non_null(*ret_document);
    return true;
}

bool __wrap_api_send_take(struct api *api, const char *method, const char *path, json_t *body,
                          json_t **ret_document, struct err *err)
{
    json_decref(body);
    assert_string_equal(method, "POST");
    assert_string_equal(path, "/v1/emergency-rollback");
    controller.asked++;
    return __wrap_api_get(api, path, ret_document, err);
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
    struct ctl ctl = {.pki = "/nonexistent", .controller = "unix:/nonexistent"};
    int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    int seen_out, seen_err;

    memset(ret_said, 0, sizeof(*ret_said));
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

static void expect_part(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' does not say '%s'", text, part);
}

static int forget(void **state)
{
    (void)state;
    memset(&controller, 0, sizeof(controller));
    return 0;
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

#define CASE(name) cmocka_unit_test_setup(name, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(names_what_went),
        CASE(says_that_nothing_went),
        CASE(says_that_not_all_is_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
