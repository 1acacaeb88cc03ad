/*
 * localapi: Tailscale's LocalAPI over its unix socket, by libcurl.
 */
#include "common/io/localapi.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/localapi_parse.h"
#include "common/net/tailnet.h"

#include <curl/curl.h>

#define HOST "http://local-tailscaled.sock"
#define API HOST "/localapi/v0/"

/* RouteAll and friends are prefs; 2+4+128+4096+16384+32768: states, prefs, health, peers. */
#define WATCH_MASK "53382"

struct answer {
    uint8_t *data; /* owned */
    size_t len, capacity;
    bool too_long;
};
#define AUTO_ANSWER __attribute__((cleanup(answer_done)))

static void answer_done(struct answer *answer)
{
    free(answer->data);
}

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct answer *answer = context;
    size_t len = size * count;

    if (answer->len + len > DOCUMENT_SIZE_MAX) {
        answer->too_long = true;
        return 0;
    }
    while (answer->len + len > answer->capacity)
        answer->data = mem_grow(answer->data, answer->capacity, &answer->capacity, 1);
    memcpy(answer->data + answer->len, data, len);
    answer->len += len;
    return len;
}

struct call {
    const char *socket_path, *url, *method;
    const char *body; /* NULL: none */
    int timeout_ms;
};

static CURL *open_call(const struct call *call)
{
    CURL *curl = curl_easy_init();

    if (curl == NULL)
        abort(); /* out of memory, as mem_ */
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, call->socket_path);
    curl_easy_setopt(curl, CURLOPT_URL, call->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
    if (call->timeout_ms > 0)
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
    if (call->body != NULL)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body);
    return curl;
}

/* 0: somebody takes it; else errno. Never waits. */
static int try_connect(const char *socket_path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = 0;

    if (fd < 0)
        return errno;
    if (!text_copy(address.sun_path, sizeof(address.sun_path), socket_path))
        error = ENAMETOOLONG;
    else if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        error = errno;
    close(fd);
    return error;
}

/* To libcurl a daemon that is frozen, its backlog full, is as one that is not there. It must not be
 * to us: what nobody listens for may be declared void (oceanid-rollback --void-tailscale). */
static bool fail_to_connect(const char *socket_path, struct err *err)
{
    int error = try_connect(socket_path);

    if (error == ENOENT || error == ENOTDIR || error == ECONNREFUSED)
        return err_set(err, ERR_MISSING, "tailscaled is not running (%s: no answer)", socket_path);
    if (error == 0 || error == EAGAIN)
        return err_set(err, ERR_PEER, "tailscaled is there and takes no connection (%s)",
                       socket_path);
    return err_set(err, ERR_SYSTEM, "tailscaled cannot be asked (%s: %s)", socket_path,
                   strerror(error));
}

static bool fail(const struct call *call, CURLcode code, const struct answer *answer,
                 struct err *err)
{
    if (answer->too_long)
        return err_set(err, ERR_LIMIT, "tailscaled answers with more than %u bytes",
                       DOCUMENT_SIZE_MAX);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return err_set(err, ERR_TIMEOUT, "tailscaled does not answer in %d ms", call->timeout_ms);
    if (code == CURLE_COULDNT_CONNECT)
        return fail_to_connect(call->socket_path, err);
    return err_set(err, ERR_PEER, "tailscaled: %s", curl_easy_strerror(code));
}

/* False unless the answer's status is 200. */
static bool ask(const struct call *call, struct answer *ret_answer, struct err *err)
{
    CURL *curl = open_call(call);
    char said[200];
    long status = 0;
    CURLcode code;

    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, ret_answer);
    code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    if (code != CURLE_OK)
        return fail(call, code, ret_answer, err);
    if (status == 200)
        return true;
    localapi_parse_error((struct bytes){ret_answer->data, ret_answer->len}, said, sizeof(said));
    return err_set(err, status == 403 ? ERR_DENIED : ERR_PEER, "tailscaled says %ld: %s", status,
                   said);
}

/* ---- reading -------------------------------------------------------------------------------- */

static bool read_part(const char *socket_path, int timeout_ms, const char *url,
                      bool (*parse)(struct bytes, struct tailscale *, struct err *),
                      struct tailscale *tailscale, struct err *err)
{
    struct call call = {
        .socket_path = socket_path, .url = url, .method = "GET", .timeout_ms = timeout_ms};
    AUTO_ANSWER struct answer answer = {0};

    return ask(&call, &answer, err) &&
           parse((struct bytes){answer.data, answer.len}, tailscale, err);
}

void localapi_read(const char *socket_path, int timeout_ms, struct tailscale *ret_tailscale)
{
    struct err err = ERR_INIT;

    memset(ret_tailscale, 0, sizeof(*ret_tailscale));
    if (socket_path == NULL || socket_path[0] == '\0') {
        text_copy(ret_tailscale->why, sizeof(ret_tailscale->why), "no tailscaled is configured");
        return;
    }
    if (read_part(socket_path, timeout_ms, API "prefs", localapi_parse_prefs, ret_tailscale,
                  &err) &&
        read_part(socket_path, timeout_ms, API "status", localapi_parse_status, ret_tailscale,
                  &err)) {
        ret_tailscale->presence = TAILSCALE_ANSWERS;
        return;
    }
    free(ret_tailscale->peers);
    memset(ret_tailscale, 0, sizeof(*ret_tailscale));
    ret_tailscale->presence = err.kind == ERR_MISSING ? TAILSCALE_ABSENT : TAILSCALE_SILENT;
    text_copy(ret_tailscale->why, sizeof(ret_tailscale->why), err.text);
}

bool localapi_find_profile(const char *socket_path, int timeout_ms,
                           const struct tailscale_profile *sought, struct tailscale *now,
                           struct err *err)
{
    struct call call = {.socket_path = socket_path,
                        .url = API "profiles/",
                        .method = "GET",
                        .timeout_ms = timeout_ms};
    AUTO_ANSWER struct answer answer = {0};

    return ask(&call, &answer, err) &&
           localapi_parse_profiles((struct bytes){answer.data, answer.len}, sought, now, err);
}

/* ---- writing -------------------------------------------------------------------------------- */

static bool same_routes(const struct operation_tailscale *change, const struct tailscale *now)
{
    if (change->advertise_routes_count != now->advertise_routes_count)
        return false;
    for (uint32_t i = 0; i < change->advertise_routes_count; i++) {
        bool found = false;

        for (uint32_t j = 0; j < now->advertise_routes_count && !found; j++)
            found = prefix_equal(&change->advertise_routes[i], &now->advertise_routes[j]);
        if (!found)
            return false;
    }
    return true;
}

/* Unknown keys are silently passed over by an old daemon: what it answers is what counts. */
static bool check_answer(const struct operation_tailscale *change, const struct tailscale *now,
                         struct err *err)
{
    char address[ADDRESS_TEXT_SIZE];

    if (change->set_exit_node && (!text_equal(now->exit_node_id, change->exit_node_id) ||
                                  address_is_set(&now->exit_node_ip)))
        return err_set(err, ERR_PEER,
                       "tailscaled took the exit node and has ExitNodeID '%s', ExitNodeIP %s: "
                       "expected '%s' and none",
                       now->exit_node_id, address_format(&now->exit_node_ip, address),
                       change->exit_node_id);
    if (change->set_allow_lan_access && now->exit_node_allow_lan_access != change->allow_lan_access)
        return err_set(err, ERR_PEER, "tailscaled did not set ExitNodeAllowLANAccess");
    if (change->set_accept_routes && now->accept_routes != change->accept_routes)
        return err_set(err, ERR_PEER, "tailscaled did not set RouteAll");
    if (change->set_advertise_routes && now->advertise_routes_unread[0] != '\0')
        return err_set(err, ERR_PEER, "tailscaled did not set AdvertiseRoutes: %s",
                       now->advertise_routes_unread);
    if (change->set_advertise_routes && !same_routes(change, now))
        return err_set(err, ERR_PEER, "tailscaled did not set AdvertiseRoutes");
    return true;
}

/* Another one was made current since it was looked: there is no asking and writing in one. */
static bool check_profile(const struct tailscale_profile *profile,
                          const struct tailscale_profile *now, struct err *err)
{
    if (profile->node_id[0] == '\0' || tailnet_same_profile(profile, now))
        return true;
    return err_set(err, ERR_CONFLICT,
                   "expected tailscale's profile %.40s, found that %.40s was made current in just "
                   "this moment: what was for the former was set in the latter, and nobody takes "
                   "it back there",
                   profile->name, now->name);
}

bool localapi_patch(const char *socket_path, int timeout_ms,
                    const struct operation_tailscale *change, struct tailscale *now,
                    struct err *err)
{
    AUTO_FREE char *body = localapi_format_prefs(change);
    struct call call = {.socket_path = socket_path,
                        .url = API "prefs",
                        .method = "PATCH",
                        .body = body,
                        .timeout_ms = timeout_ms};
    AUTO_ANSWER struct answer answer = {0};
    const struct tailscale_profile profile = now->profile;

    if (!ask(&call, &answer, err) ||
        !localapi_parse_prefs((struct bytes){answer.data, answer.len}, now, err) ||
        !check_profile(&profile, &now->profile, err))
        return false;
    if (tailnet_same_profile(&profile, &now->profile)) /* prefs do not tell its ID */
        memcpy(now->profile.id, profile.id, sizeof(profile.id));
    return check_answer(change, now, err);
}

bool localapi_ping(const char *socket_path, int timeout_ms, const struct address *address,
                   struct err *err)
{
    char text[ADDRESS_TEXT_SIZE], url[160];
    struct call call = {.socket_path = socket_path,
                        .url = url,
                        .method = "POST",
                        .body = "",
                        .timeout_ms = timeout_ms};
    AUTO_ANSWER struct answer answer = {0};

    snprintf(url, sizeof(url), API "ping?ip=%s&type=disco", address_format(address, text));
    if (ask(&call, &answer, err))
        return localapi_parse_ping((struct bytes){answer.data, answer.len}, address, err);
    if (err->kind == ERR_TIMEOUT) /* a dead exit node: the daemon waits for ever */
        return err_set(err, ERR_TIMEOUT, "disco ping to %s: no answer in %d ms", text, timeout_ms);
    return false;
}

/* ---- the bus -------------------------------------------------------------------------------- */

struct watch {
    localapi_line_fn line_fn;
    void *context;
};

/* One JSON object a line; chunks need not end where lines do. What a line says is not used. */
static size_t take_lines(char *data, size_t size, size_t count, void *context)
{
    const struct watch *watch = context;

    if (memchr(data, '\n', size * count) != NULL && !watch->line_fn(watch->context))
        return 0;
    return size * count;
}

void localapi_watch(const char *socket_path, localapi_line_fn line_fn, void *context)
{
    struct call call = {
        .socket_path = socket_path, .url = API "watch-ipn-bus?mask=" WATCH_MASK, .method = "GET"};
    struct watch watch = {line_fn, context};
    CURL *curl = open_call(&call);

    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_lines);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &watch);
    (void)curl_easy_perform(curl);
    curl_easy_cleanup(curl);
}
