/*
 * api: the table of calls, roles and refusals.
 */
#include "controller/io/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/json_text.h"
#include "controller/io/api_parts.h"

struct api_row {
    const char *method, *path; /* '*': one word */
    enum http_role role;       /* this one or a higher one */
    api_fn fn;
};

static const struct api_row rows[] = {
    {"GET", "/healthz", ROLE_NONE, api_get_health},
    {"GET", "/v1/nodes", ROLE_VIEWER, api_get_nodes},
    {"GET", "/v1/nodes/*", ROLE_VIEWER, api_get_node},
    {"GET", "/v1/nodes/*/snapshot", ROLE_VIEWER, api_get_snapshot},
    {"GET", "/v1/roster", ROLE_VIEWER, api_get_roster},
    {"PUT", "/v1/roster", ROLE_OPERATOR, api_put_roster},
    {"GET", "/v1/fleet", ROLE_VIEWER, api_get_fleet},
    {"GET", "/v1/checks", ROLE_VIEWER, api_get_checks},
    {"POST", "/v1/plans", ROLE_VIEWER, api_post_plan},
    {"GET", "/v1/preflight", ROLE_VIEWER, api_get_preflight},
    {"GET", "/v1/rollouts", ROLE_VIEWER, api_get_rollouts},
    {"POST", "/v1/rollouts", ROLE_CI, api_post_rollout},
    {"GET", "/v1/rollouts/*", ROLE_VIEWER, api_get_rollout},
    {"POST", "/v1/rollouts/*/next", ROLE_OPERATOR, api_post_next},
    {"POST", "/v1/rollouts/*/abort", ROLE_OPERATOR, api_post_abort},
    {"POST", "/v1/emergency-rollback", ROLE_OPERATOR, api_post_emergency},
    {"GET", "/v1/emergency-rollback", ROLE_VIEWER, api_get_emergency},
    {"POST", "/v1/emergency-rollback/losses", ROLE_VIEWER, api_post_losses},
    {"POST", "/v1/void", ROLE_OPERATOR, api_post_void},
    {"GET", "/v1/holds", ROLE_VIEWER, api_get_holds},
    {"POST", "/v1/holds", ROLE_OPERATOR, api_post_hold},
    {"DELETE", "/v1/holds/*", ROLE_OPERATOR, api_delete_hold},
    {"GET", "/v1/audit", ROLE_VIEWER, api_get_audit},
    {"GET", "/v1/receipts", ROLE_VIEWER, api_get_receipts},
};

static const unsigned statuses[] = {
    [ERR_NONE] = 500,     [ERR_INPUT] = 400,   [ERR_DENIED] = 403,
    [ERR_CONFLICT] = 409, [ERR_MISSING] = 404, [ERR_LIMIT] = 413,
    [ERR_TIMEOUT] = 503,  [ERR_PEER] = 503,    [ERR_SYSTEM] = 503,
};
_Static_assert(sizeof(statuses) / sizeof(statuses[0]) == ERR_KIND_COUNT, "a status for every kind");

/* ---- answers ---------------------------------------------------------------------------------
 */

void api_release(json_t **document)
{
    json_decref(*document);
}

void api_answer_json(struct http_call *call, unsigned status, json_t *document)
{
    char *text = json_dumps(document, JSON_COMPACT);

    json_decref(document);
    http_answer_take(call, status, "application/json", text, strlen(text));
}

void api_answer_bytes(struct http_call *call, const char *type, struct bytes bytes)
{
    http_answer_take(call, 200, type, mem_copy(bytes.data, bytes.len), bytes.len);
}

void api_refuse_with(struct http_call *call, const struct err *err, json_t *document)
{
    json_object_set_new(document, "error", json_text(err->text));
    json_object_set_new(document, "kind", json_string(err_kind_name(err->kind)));
    api_answer_json(call, statuses[err->kind], document);
}

void api_refuse(struct http_call *call, const struct err *err)
{
    api_refuse_with(call, err, json_object());
}

/* ---- what was sent ---------------------------------------------------------------------------
 */

json_t *api_read_json(struct http_call *call)
{
    struct bytes body = http_body(call);
    struct err err = ERR_INIT;
    json_error_t reason;
    json_t *document;

    if (body.len == 0)
        return json_object();
    document = json_loadb((const char *)body.data, body.len, JSON_REJECT_DUPLICATES, &reason);
    if (json_is_object(document))
        return document;
    err_set(&err, ERR_INPUT, "the body is no JSON object: %s",
            document == NULL ? reason.text : "it is another value");
    json_decref(document);
    api_refuse(call, &err);
    return NULL;
}

bool api_read_text(struct http_call *call, const json_t *body, const char *key, char *to,
                   size_t size)
{
    const json_t *value = json_object_get(body, key);
    struct err err = ERR_INIT;

    to[0] = '\0';
    if (value == NULL)
        return true;
    if (json_is_string(value) && text_copy(to, size, json_string_value(value)))
        return true;
    err_set(&err, ERR_INPUT, "%s: accepted is a text of at most %zu bytes", key, size - 1);
    api_refuse(call, &err);
    return false;
}

bool api_read_number(struct http_call *call, const char *what, const char *text,
                     uint64_t *ret_number)
{
    struct err err = ERR_INIT;
    unsigned long long number;

    if (text_parse_u64(text, INT64_MAX, &number)) {
        *ret_number = number;
        return true;
    }
    err_set(&err, ERR_INPUT, "%s '%.40s': accepted is a number", what, text);
    api_refuse(call, &err);
    return false;
}

/* ---- finding the row -------------------------------------------------------------------------
 */

/* Whether path is of this pattern; ret_word (NAME_SIZE) is what stands for its '*'. */
static bool matches(const char *pattern, const char *path, char *ret_word)
{
    const char *star = strchr(pattern, '*');
    size_t before = star != NULL ? (size_t)(star - pattern) : 0;
    size_t len;

    ret_word[0] = '\0';
    if (star == NULL)
        return text_equal(pattern, path);
    if (strncmp(pattern, path, before) != 0)
        return false;
    len = strcspn(path + before, "/");
    if (len == 0 || len >= NAME_SIZE || !text_equal(star + 1, path + before + len))
        return false;
    memcpy(ret_word, path + before, len);
    ret_word[len] = '\0';
    return true;
}

static bool check_role(const struct api_row *row, const struct http_call *call, struct err *err)
{
    if (http_role(call) >= row->role)
        return true;
    if (http_role(call) == ROLE_NONE)
        return err_set(err, ERR_DENIED, "%s", http_denied(call));
    return err_set(err, ERR_DENIED, "%s %s needs the role %s; %s has %s", row->method, row->path,
                   http_role_name(row->role), http_who(call), http_role_name(http_role(call)));
}

/* Whoever may not is told so, and so is whoever reads the audit. */
static void refuse_role(struct api *api, struct http_call *call, const struct api_row *row,
                        const struct err *err)
{
    char subject[NAME_SIZE];
    struct text text = TEXT_IN(subject);

    text_add(&text, "%s %s", row->method, row->path);
    desk_audit_refusal(api->desk, http_who(call), subject, err->text);
    api_refuse(call, err);
}

static void run(struct api *api, struct http_call *call, const struct api_row *row,
                const char *word)
{
    struct err err = ERR_INIT;

    if (!check_role(row, call, &err))
        refuse_role(api, call, row, &err);
    else if (api->desk->failed)
        api_refuse(call, &api->desk->failure);
    else if (http_is_too_large(call)) {
        err_set(&err, ERR_LIMIT, "the body is larger than %d bytes", DOCUMENT_SIZE_MAX);
        api_refuse(call, &err);
    } else
        row->fn(api, call, word);
}

void api_call(void *context, struct http_call *call)
{
    struct api *api = context;
    struct err err = ERR_INIT;
    char word[NAME_SIZE];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (text_equal(rows[i].method, http_method(call)) &&
            matches(rows[i].path, http_path(call), word)) {
            run(api, call, &rows[i], word);
            return;
        }
    }
    err_set(&err, ERR_MISSING, "there is no %.20s %.200s; docs/api.md lists the calls",
            http_method(call), http_path(call));
    api_refuse(call, &err);
}
