/*
 * api: the controller's HTTP API by libcurl.
 */
#include "controller/ctl/api.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/core/limits.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"

enum { CONNECT_TIMEOUT_MS = 5000, CALL_TIMEOUT_MS = 30000, API_URL_SIZE = 1024 };

struct api {
    CURL *curl;
    char url[API_URL_SIZE];  /* as given, for messages */
    char base[API_URL_SIZE]; /* what paths are put behind */
    char pki[API_URL_SIZE];
    char reason[CURL_ERROR_SIZE];
    int64_t own_clock, its_clock; /* when it answered last; 0: it has not said */
};

void api_answer_done(struct api_answer *answer)
{
    free(answer->data);
    *answer = (struct api_answer){0};
}

static void use_certificates(CURL *curl, const char *pki)
{
    static const struct {
        const char *name;
        CURLoption option;
    } files[] = {{"ca.pem", CURLOPT_CAINFO},
                 {"operator.pem", CURLOPT_SSLCERT},
                 {"operator.key", CURLOPT_SSLKEY}};
    char path[API_URL_SIZE];

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", pki, files[i].name);
        curl_easy_setopt(curl, files[i].option, path);
    }
}

struct api *api_new(const char *url, const char *pki, struct err *err)
{
    bool local = text_starts(url, "unix:/");
    struct api *api;

    if (!local && !text_starts(url, "https://")) {
        err_set(err, ERR_INPUT,
                "controller '%.200s': accepted are unix:/PATH and https://HOST:PORT", url);
        return NULL;
    }
    api = mem_alloc(1, sizeof(*api));
    api->curl = curl_easy_init();
    if (api->curl == NULL)
        abort();
    text_copy(api->url, sizeof(api->url), url);
    text_copy(api->pki, sizeof(api->pki), pki);
    text_copy(api->base, sizeof(api->base), local ? "http://controller" : url);
    if (api->base[strlen(api->base) - 1] == '/')
        api->base[strlen(api->base) - 1] = '\0';
    if (local)
        curl_easy_setopt(api->curl, CURLOPT_UNIX_SOCKET_PATH, url + strlen("unix:"));
    else
        use_certificates(api->curl, pki);
    curl_easy_setopt(api->curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(api->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(api->curl, CURLOPT_ERRORBUFFER, api->reason);
    curl_easy_setopt(api->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(api->curl, CURLOPT_TIMEOUT_MS, (long)CALL_TIMEOUT_MS);
    return api;
}

void api_free(struct api *api)
{
    if (api == NULL)
        return;
    curl_easy_cleanup(api->curl);
    free(api);
}

static size_t take_data(char *data, size_t size, size_t count, void *context)
{
    struct api_answer *answer = context;
    size_t len = size * count;

    if (answer->len + len > FRAME_SIZE_MAX)
        return 0;
    answer->data = mem_resize(answer->data, answer->len + len + 1, 1);
    memcpy(answer->data + answer->len, data, len);
    answer->len += len;
    answer->data[answer->len] = '\0';
    return len;
}

static void set_body(struct api *api, const char *method, struct bytes body)
{
    bool reads = text_equal(method, "GET");

    curl_easy_setopt(api->curl, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(api->curl, CURLOPT_CUSTOMREQUEST, NULL);
    if (reads)
        return;
    curl_easy_setopt(api->curl, CURLOPT_POST, 1L);
    curl_easy_setopt(api->curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(api->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    curl_easy_setopt(api->curl, CURLOPT_POSTFIELDS, body.len > 0 ? (const char *)body.data : "");
}

/* The controller's own words, as the kind that decides oceanidctl's exit code. */
static bool refuse(const struct api *api, const struct api_answer *answer, struct err *err)
{
    AUTO_JSON json_t *document = NULL;
    const char *text;
    enum err_kind kind = ERR_TIMEOUT;

    if (answer->data != NULL)
        document = json_loadb((const char *)answer->data, answer->len, 0, NULL);
    text = field_text(document, "error");
    if (answer->status == 400 || answer->status == 404 || answer->status == 413)
        kind = answer->status == 404 ? ERR_MISSING : ERR_INPUT;
    else if (answer->status == 401 || answer->status == 403)
        kind = ERR_DENIED;
    else if (answer->status == 409)
        kind = ERR_CONFLICT;
    return err_set(err, kind, "controller %.80s: %.400s (HTTP %ld)", api->url,
                   text[0] != '\0' ? field_plain(text) : "no reason was given", answer->status);
}

/* Whether a file of the operator's directory can be read; says what not. */
static bool can_read(const struct api *api, const char *name, char *reason, size_t size)
{
    char path[2 * API_URL_SIZE];

    snprintf(path, sizeof(path), "%s/%s", api->pki, name);
    if (access(path, R_OK) == 0)
        return true;
    snprintf(reason, size, "%s: %s", name, strerror(errno));
    return false;
}

/* With these files nobody can be asked: that says nothing of the controller. */
static bool refuse_files(const struct api *api, CURLcode code, struct err *err)
{
    static const char *const names[] = {"ca.pem", "operator.pem", "operator.key"};
    char reason[REASON_SIZE];

    text_copy(reason, sizeof(reason),
              code == CURLE_SSL_CACERT_BADFILE
                  ? "ca.pem is no PEM certificate"
                  : "operator.pem and operator.key are no PEM, or do not belong together");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!can_read(api, names[i], reason, sizeof(reason)))
            break;
    }
    return err_set(err, ERR_SYSTEM,
                   "%.150s: expected this fleet's ca.pem, operator.pem and operator.key, observed: "
                   "%.120s; the controller was not asked. --pki DIR names the fleet's directory; "
                   "`oceanidctl emergency-rollback --direct` needs no controller",
                   api->pki, reason);
}

/* Somebody is there, and is not proven to be this fleet's controller; or is not by now. */
static bool refuse_stranger(const struct api *api, const char *reason, struct err *err)
{
    return err_set(err, ERR_TIMEOUT,
                   "controller %.80s is not reachable as this fleet's: expected a certificate by "
                   "%.100s/ca.pem, observed: %.100s; it was asked nothing. If that is another "
                   "fleet's directory, so are nodes named below, and --pki DIR names this one's; a "
                   "certificate that has run out `oceanidctl pki renew` renews",
                   api->url, api->pki, reason);
}

/* The local socket, which is asked too when no directory says where else the controller is. */
static bool refuse_local(const struct api *api, struct err *err)
{
    char reason[REASON_SIZE];

    err_set(err, ERR_TIMEOUT,
            "controller %.160s is not reachable: nobody listens there (is it this host, and does "
            "oceanid-controller run?)",
            api->url);
    if (can_read(api, "controllers", reason, sizeof(reason)))
        return false;
    text_copy(reason, sizeof(reason), err->text);
    return err_set(err, ERR_TIMEOUT,
                   "%s; %.120s/controllers, which would name another, is not there: name the "
                   "operator's directory with --pki DIR, or --controller URL",
                   reason, api->pki);
}

static bool refuse_call(const struct api *api, CURLcode code, struct err *err)
{
    const char *reason = api->reason[0] != '\0' ? api->reason : curl_easy_strerror(code);

    if (code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE)
        return refuse_files(api, code, err);
    if (code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION)
        return refuse_stranger(api, reason, err);
    if (code == CURLE_COULDNT_CONNECT && text_starts(api->url, "unix:"))
        return refuse_local(api, err);
    return err_set(err, ERR_TIMEOUT, "controller %.200s is not reachable: %.200s", api->url,
                   reason);
}

static void note_clocks(struct api *api)
{
    struct curl_header *date = NULL;
    time_t at = -1;

    if (curl_easy_header(api->curl, "Date", 0, CURLH_HEADER, -1, &date) == CURLHE_OK)
        at = curl_getdate(date->value, NULL);
    api->its_clock = at > 0 ? at : 0;
    api->own_clock = clock_unix();
}

bool api_clocks(const struct api *api, int64_t *ret_own, int64_t *ret_controllers)
{
    *ret_own = api->own_clock;
    *ret_controllers = api->its_clock;
    return api->its_clock > 0;
}

bool api_is_unanswered(const struct err *err)
{
    return err->kind == ERR_TIMEOUT || err->kind == ERR_SYSTEM;
}

bool api_call(struct api *api, const char *method, const char *path, struct bytes body,
              struct api_answer *ret_answer, struct err *err)
{
    char url[2 * API_URL_SIZE];
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    CURLcode code;

    *ret_answer = (struct api_answer){0};
    snprintf(url, sizeof(url), "%s%s", api->base, path);
    if (body.len > 0)
        headers = curl_slist_append(headers, body.data[0] == '{'
                                                 ? "Content-Type: application/json"
                                                 : "Content-Type: application/octet-stream");
    set_body(api, method, body);
    curl_easy_setopt(api->curl, CURLOPT_URL, url);
    curl_easy_setopt(api->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(api->curl, CURLOPT_WRITEFUNCTION, take_data);
    curl_easy_setopt(api->curl, CURLOPT_WRITEDATA, ret_answer);
    api->reason[0] = '\0';
    code = curl_easy_perform(api->curl);
    curl_slist_free_all(headers);
    if (code != CURLE_OK)
        return refuse_call(api, code, err);
    note_clocks(api);
    curl_easy_getinfo(api->curl, CURLINFO_RESPONSE_CODE, &ret_answer->status);
    if (ret_answer->status < 200 || ret_answer->status > 299)
        return refuse(api, ret_answer, err);
    return true;
}

static bool parse_answer(const struct api *api, const char *path, const struct api_answer *answer,
                         json_t **ret_document, struct err *err)
{
    json_error_t reason;

    if (ret_document == NULL)
        return true;
    *ret_document =
        json_loadb(answer->data != NULL ? (const char *)answer->data : "", answer->len, 0, &reason);
    if (*ret_document == NULL)
        return err_set(err, ERR_PEER, "controller %.200s: %s is no JSON: %.120s", api->url, path,
                       reason.text);
    return true;
}

bool api_get(struct api *api, const char *path, json_t **ret_document, struct err *err)
{
    AUTO_ANSWER struct api_answer answer;

    return api_call(api, "GET", path, (struct bytes){NULL, 0}, &answer, err) &&
           parse_answer(api, path, &answer, ret_document, err);
}

bool api_send_take(struct api *api, const char *method, const char *path, json_t *body,
                   json_t **ret_document, struct err *err)
{
    AUTO_JSON json_t *owned = body;
    AUTO_FREE char *text = owned != NULL ? json_dumps(owned, JSON_COMPACT) : NULL;
    AUTO_ANSWER struct api_answer answer;
    struct bytes bytes = {(const uint8_t *)text, text != NULL ? strlen(text) : 0};

    return api_call(api, method, path, bytes, &answer, err) &&
           parse_answer(api, path, &answer, ret_document, err);
}
