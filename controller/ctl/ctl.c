/*
 * ctl: where the operator's directory and the controller are, and how commands end.
 */
#include "controller/ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/text.h"
#include "common/io/file.h"
#include "controller/ctl/api.h"
#include "controller/ctl/rescue.h"

static const char *const LOCAL_SOCKET = "/run/oceanid-controller/controller.sock";

static bool find_pki(struct ctl *ctl, const struct arguments *arguments, struct err *err)
{
    const char *given = arguments_get(arguments, "--pki");
    const char *home = getenv("HOME");
    int len;

    if (given == NULL)
        given = getenv("OCEANID_PKI");
    if (given != NULL)
        len = snprintf(ctl->pki, sizeof(ctl->pki), "%s", given);
    else
        len = snprintf(ctl->pki, sizeof(ctl->pki), "%s/.config/oceanid", home != NULL ? home : "");
    if (len <= 0 || (size_t)len >= sizeof(ctl->pki))
        return err_set(err, ERR_INPUT, "--pki: accepted is a path of 1 to %zu characters",
                       sizeof(ctl->pki) - 1);
    return true;
}

/* The first controller that `pki init` was told. */
static bool first_known_controller(struct ctl *ctl)
{
    char path[CTL_PATH_SIZE];
    struct err err = ERR_INIT;
    uint8_t *data;
    size_t len;

    if (!ctl_path(ctl, "controllers", path, sizeof(path), &err) ||
        !file_read(path, 4096, &data, &len, &err))
        return false;
    data[strcspn((char *)data, "\n")] = '\0';
    snprintf(ctl->controller, sizeof(ctl->controller),
             strchr((char *)data, ':') != NULL ? "https://[%.200s]:7431" : "https://%.200s:7431",
             (char *)data);
    len = strlen((char *)data);
    free(data);
    return len > 0;
}

static bool find_controller(struct ctl *ctl, const struct arguments *arguments, struct err *err)
{
    const char *given = arguments_get(arguments, "--controller");

    if (given == NULL)
        given = getenv("OCEANID_CONTROLLER");
    if (given != NULL && !text_copy(ctl->controller, sizeof(ctl->controller), given))
        return err_set(err, ERR_INPUT, "--controller: accepted are up to %zu characters",
                       sizeof(ctl->controller) - 1);
    if (given == NULL && (access(LOCAL_SOCKET, F_OK) == 0 || !first_known_controller(ctl)))
        snprintf(ctl->controller, sizeof(ctl->controller), "unix:%s", LOCAL_SOCKET);
    return true;
}

bool ctl_init(struct ctl *ctl, const struct arguments *arguments, bool writes_file, struct err *err)
{
    const char *output = writes_file ? NULL : arguments_get(arguments, "-o");

    *ctl = (struct ctl){0};
    if (output != NULL && !text_equal(output, "json") && !text_equal(output, "text"))
        return err_set(err, ERR_INPUT, "-o '%.40s': accepted are json and text", output);
    ctl->json = output != NULL && text_equal(output, "json");
    return find_pki(ctl, arguments, err) && find_controller(ctl, arguments, err);
}

void ctl_done(struct ctl *ctl)
{
    api_free(ctl->api);
    ctl->api = NULL;
}

struct api *ctl_api(struct ctl *ctl, struct err *err)
{
    if (ctl->api == NULL)
        ctl->api = api_new(ctl->controller, ctl->pki, err);
    return ctl->api;
}

enum outcome ctl_fail(const struct ctl *ctl, const struct err *err)
{
    fprintf(stderr, "oceanidctl: %s\n", err->text);
    switch (err->kind) {
    case ERR_DENIED:
    case ERR_LASTING:
        return OUTCOME_DENIED;
    case ERR_CONFLICT:
        return OUTCOME_NO;
    case ERR_TIMEOUT:
    case ERR_PEER:
        rescue_print(ctl);
        return OUTCOME_UNREACHABLE;
    case ERR_NONE:
    case ERR_INPUT:
    case ERR_MISSING:
    case ERR_LIMIT:
    case ERR_SYSTEM:
    case ERR_KIND_COUNT:
        break;
    }
    return OUTCOME_USAGE;
}

bool ctl_path(const struct ctl *ctl, const char *name, char *to, size_t size, struct err *err)
{
    int len = snprintf(to, size, "%s/%s", ctl->pki, name);

    if (len < 0 || (size_t)len >= size)
        return err_set(err, ERR_INPUT, "the path %.200s/%s is too long", ctl->pki, name);
    return true;
}

bool ctl_ask(const char *question, const char *wanted)
{
    char answer[TEXT_SIZE + 2];

    fflush(stdout); /* what he is asked about, in a pipe too */
    fprintf(stderr, "%s ", question);
    fflush(stderr);
    if (fgets(answer, sizeof(answer), stdin) == NULL)
        return false;
    answer[strcspn(answer, "\n")] = '\0';
    return text_equal(answer, wanted);
}
