/*
 * emergency_case: the stand-in for a controller, and how a command is run against it.
 */
#include "tests/unit/emergency_case.h"

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
#include "controller/ctl/emergency.h"

const char POPPED[] =
    "{\"rollout\": 10, \"change\": \"drill2\", \"open\": false, \"awaited\": false, \"nodes\": ["
    "{\"name\": \"styx\", \"state\": \"popped\", \"sentence\": \"by order\"},"
    "{\"name\": \"calypso\", \"state\": \"not there\", \"sentence\": \"nothing of it stands "
    "there\"}]}";
const char NOTHING[] =
    "{\"rollout\": 10, \"change\": \"drill2\", \"open\": false, \"awaited\": false, \"nodes\": ["
    "{\"name\": \"styx\", \"state\": \"not there\", \"sentence\": \"nothing of it stands "
    "there\"}]}";
const char OPEN[] =
    "{\"rollout\": 10, \"change\": \"drill2\", \"open\": true, \"awaited\": true, \"nodes\": ["
    "{\"name\": \"styx\", \"state\": \"unreachable\", \"sentence\": \"it was asked\"}]}";

static const char LOSSES[] = "{\"rollout\": 10, \"change\": \"drill2\", \"instead\": \"`x` takes "
                             "it back\", \"nodes\": [{\"name\": "
                             "\"styx\", \"sentence\": \"it stands there\"}]}";
static const char OLDER[] = "{\"rollout\": 9, \"change\": \"drill1\", \"before\": \"rollout 10, "
                            "drill2, was asked back 3 min ago by olga (drill): styx popped\", "
                            "\"nodes\": [{\"name\": \"styx\", \"sentence\": \"it stands "
                            "there\"}]}";
static const char NODES[] =
    "{\"nodes\": [{\"name\": \"styx\", \"role\": \"node\", \"ssh\": \"203.0.113.10:22\", "
    "\"generations\": [{\"change\": \"drill2\", \"sequence\": 7}]}]}";
const char UNHEARD[] =
    "{\"nodes\": [{\"name\": \"styx\", \"role\": \"node\", \"ssh\": \"203.0.113.10:22\", "
    "\"known\": false, \"generations\": []}]}";
static const char REMEMBERED[] =
    "[{\"name\": \"styx\", \"role\": \"node\", \"ssh\": \"203.0.113.10:22\", \"generations\": ["
    "{\"change\": \"drill2\", \"sequence\": 7, \"start\": \"00112233445566778899aabbccddeeff\", "
    "\"body\": \"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}]}]";

/* ---- the stand-in ---------------------------------------------------------------------------- */

char pki[] = "/tmp/oceanid-emergency-XXXXXX";

struct emergency_controller controller;

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
        return foretell(controller.older ? OLDER : LOSSES, ret_document, err);
    assert_string_equal(path, "/v1/emergency-rollback");
    controller.asked++;
    return answer(controller.rollback, ret_document);
}

/* ---- running --------------------------------------------------------------------------------- */

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

void run(const char *const *options, size_t options_count, struct said *ret_said)
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

void run_sure(const char *rollback, struct said *ret_said)
{
    static const char *const options[] = {"--yes", "", "--wait=", "0s"};

    controller.rollback = rollback;
    run(options, 4, ret_said);
}

void run_asked(const char *typed, const char *const *options, size_t options_count,
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

void expect_part(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' does not say '%s'", text, part);
}

void expect_no_question(const struct said *said)
{
    if (strstr(said->err, "Type yes") != NULL)
        fail_msg("it asked: %s", said->err);
    assert_int_equal(controller.asked, 0);
}

bool remember(const char *text)
{
    char path[64];
    struct err err = ERR_INIT;

    snprintf(path, sizeof(path), "%s/nodes.json", pki);
    return file_write(path, text, strlen(text), 0600, &err);
}

int open_directory(void **state)
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

int close_directory(void **state)
{
    char command[64];

    (void)state;
    json_decref(controller.body);
    snprintf(command, sizeof(command), "rm -r %s", pki);
    return system(command);
}

int forget(void **state)
{
    (void)state;
    json_decref(controller.body);
    memset(&controller, 0, sizeof(controller));
    return remember(REMEMBERED) ? 0 : -1;
}
