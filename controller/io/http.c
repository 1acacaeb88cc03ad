/*
 * http: libmicrohttpd's thread reads requests and writes answers; in between they are suspended and
 * lie with the loop thread.
 */
#include "controller/io/http.h"

#include <pthread.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"
#include "controller/io/http_parts.h"

enum { CONNECTIONS_MAX = 512, PER_ADDRESS_MAX = 128, IDLE_S = 60, PEM_MAX = 65536 };

static const char unavailable[] = "{\"error\": \"the controller stops\", \"kind\": \"system\"}";

struct http {
    struct MHD_Daemon *local, *tls;
    char socket[PATH_SIZE];
    const struct config_role *roles;
    uint32_t roles_count;
    struct inbox *inbox;
    http_call_fn call_fn;
    void *context;
    unsigned port;
    pthread_mutex_t lock; /* of what follows */
    bool stopping;
    struct http_call *calls;
};

/* ---- handing over ----------------------------------------------------------------------------
 */

static void answer_unavailable(struct http_call *call)
{
    http_answer_take(call, MHD_HTTP_SERVICE_UNAVAILABLE, "application/json",
                     mem_string(unavailable), strlen(unavailable));
}

static void take_call(void *context, void *item)
{
    struct http *http = context;

    if (http->stopping)
        answer_unavailable(item);
    else
        http->call_fn(http->context, item);
}

/* Suspended first: the answer may come before this returns. False: it is answered already. */
static bool hand_over(struct http_call *call)
{
    struct http *http = call->http;
    bool stopping;

    pthread_mutex_lock(&http->lock);
    stopping = http->stopping;
    if (stopping) {
        call->answered = true;
        call->status = MHD_HTTP_SERVICE_UNAVAILABLE;
        call->type = "application/json";
        call->data = mem_string(unavailable);
        call->data_len = strlen(unavailable);
    } else {
        MHD_suspend_connection(call->connection);
        call->next = http->calls;
        call->previous = &http->calls;
        if (call->next != NULL)
            call->next->previous = &call->next;
        http->calls = call;
        inbox_post(http->inbox, take_call, http, call);
    }
    pthread_mutex_unlock(&http->lock);
    return !stopping;
}

void http_answer_take(struct http_call *call, unsigned status, const char *type, void *data,
                      size_t len)
{
    struct http *http = call->http;
    struct MHD_Connection *connection = call->connection;

    pthread_mutex_lock(&http->lock);
    *call->previous = call->next;
    if (call->next != NULL)
        call->next->previous = call->previous;
    pthread_mutex_unlock(&http->lock);
    call->status = status;
    call->type = type;
    call->data = data;
    call->data_len = len;
    call->answered = true;
    MHD_resume_connection(connection);
}

/* ---- on the library's thread -----------------------------------------------------------------
 */

static enum MHD_Result keep_query(void *context, enum MHD_ValueKind kind, const char *key,
                                  const char *value)
{
    struct http_call *call = context;

    (void)kind;
    if (call->queries_count == QUERIES_MAX)
        return MHD_NO;
    call->queries[call->queries_count++] = (struct http_query_value){
        mem_string(key != NULL ? key : ""), mem_string(value != NULL ? value : "")};
    return MHD_YES;
}

/* A browser shows its certificate for whatever page asks, and says which page that is. */
static bool asks_from_elsewhere(const struct http_call *call)
{
    const char *origin =
        MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ORIGIN);
    const char *host =
        MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);

    return origin != NULL && (host == NULL || !text_starts(origin, "https://") ||
                              !text_equal(origin + strlen("https://"), host));
}

static void identify(struct http_call *call, bool local)
{
    const struct http *http = call->http;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(call->connection, local ? MHD_CONNECTION_INFO_CONNECTION_FD
                                                        : MHD_CONNECTION_INFO_GNUTLS_SESSION);

    if (info == NULL)
        text_copy(call->peer.denied, REASON_SIZE, "it is not known who asks");
    else if (!local && asks_from_elsewhere(call))
        text_copy(call->peer.denied, REASON_SIZE, "a page of another site asks");
    else if (local)
        http_identify_user((int)info->connect_fd, http->roles, http->roles_count, &call->peer);
    else
        http_identify_certificate((void *)info->tls_session, &call->peer);
}

static struct http_call *begin(struct http *http, struct MHD_Connection *connection,
                               const char *method, const char *path, bool local)
{
    struct http_call *call = mem_alloc(1, sizeof(*call));

    call->http = http;
    call->connection = connection;
    call->method = mem_string(method);
    call->path = mem_string(path);
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, keep_query, call);
    identify(call, local);
    return call;
}

/* Of whoever has no role nothing is kept. */
static void append(struct http_call *call, const char *data, size_t len)
{
    if (call->peer.role == ROLE_NONE || call->too_large)
        return;
    if (call->len + len > DOCUMENT_SIZE_MAX) {
        call->too_large = true;
        return;
    }
    while (call->len + len > call->capacity)
        call->body = mem_grow(call->body, call->capacity, &call->capacity, 1);
    memcpy(call->body + call->len, data, len);
    call->len += len;
}

static enum MHD_Result send_answer(struct http_call *call)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(call->data_len, call->data, MHD_RESPMEM_MUST_FREE);
    enum MHD_Result result;

    call->data = NULL;
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, call->type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    result = MHD_queue_response(call->connection, call->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result handle(struct http *http, struct MHD_Connection *connection,
                              const char *path, const char *method, const char *data, size_t *len,
                              void **at, bool local)
{
    struct http_call *call = *at;

    if (call == NULL) {
        *at = begin(http, connection, method, path, local);
        return MHD_YES;
    }
    if (*len > 0) {
        append(call, data, *len);
        *len = 0;
        return MHD_YES;
    }
    if (!call->answered && hand_over(call))
        return MHD_YES;
    return send_answer(call);
}

static enum MHD_Result handle_local(void *context, struct MHD_Connection *connection,
                                    const char *path, const char *method, const char *version,
                                    const char *data, size_t *len, void **at)
{
    (void)version;
    return handle(context, connection, path, method, data, len, at, true);
}

static enum MHD_Result handle_tls(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *data, size_t *len, void **at)
{
    (void)version;
    return handle(context, connection, path, method, data, len, at, false);
}

static void completed(void *context, struct MHD_Connection *connection, void **at,
                      enum MHD_RequestTerminationCode code)
{
    struct http_call *call = *at;

    (void)context;
    (void)connection;
    (void)code;
    if (call == NULL)
        return;
    for (uint32_t i = 0; i < call->queries_count; i++) {
        free(call->queries[i].key);
        free(call->queries[i].value);
    }
    free(call->method);
    free(call->path);
    free(call->body);
    free(call->data);
    free(call);
    *at = NULL;
}

/* ---- life ------------------------------------------------------------------------------------
 */

static bool open_local(struct http *http, const struct http_options *options, struct err *err)
{
    int fd;

    if (options->socket[0] == '\0')
        return true;
    fd = http_listen_local(options->socket, err);
    if (fd < 0)
        return false;
    text_copy(http->socket, sizeof(http->socket), options->socket);
    http->local = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
        handle_local, http, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
        MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_END);
    if (http->local != NULL)
        return true;
    close(fd);
    return err_set(err, ERR_SYSTEM, "the HTTP server does not start on %s", options->socket);
}

static unsigned port_of(int fd)
{
    struct sockaddr_in6 own = {0}; /* an IPv4 socket's port lies at the same place */
    socklen_t len = sizeof(own);

    if (getsockname(fd, (struct sockaddr *)&own, &len) < 0)
        return 0;
    return ntohs(own.sin6_port);
}

static bool start_tls(struct http *http, const struct http_options *options, int fd,
                      struct err *err)
{
    AUTO_FREE uint8_t *key = NULL;
    AUTO_FREE uint8_t *cert = NULL;
    AUTO_FREE uint8_t *ca = NULL;
    size_t len;

    if (!file_read(options->key_path, PEM_MAX, &key, &len, err) ||
        !file_read(options->cert_path, PEM_MAX, &cert, &len, err) ||
        !file_read(options->ca_path, PEM_MAX, &ca, &len, err))
        return false;
    http->tls = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TLS, 0,
        NULL, NULL, handle_tls, http, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_HTTPS_MEM_KEY, key,
        MHD_OPTION_HTTPS_MEM_CERT, cert, MHD_OPTION_HTTPS_MEM_TRUST, ca,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        (unsigned)PER_ADDRESS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
        MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_END);
    return http->tls != NULL ||
           err_set(err, ERR_SYSTEM, "the HTTPS server does not start on %s with %s and %s",
                   options->https, options->cert_path, options->key_path);
}

static bool open_tls(struct http *http, const struct http_options *options, struct err *err)
{
    int fd;

    if (options->https[0] == '\0')
        return true;
    fd = http_listen_tcp(options->https, err);
    if (fd < 0)
        return false;
    http->port = port_of(fd);
    if (start_tls(http, options, fd, err))
        return true;
    close(fd);
    return false;
}

unsigned http_port(const struct http *http)
{
    return http->port;
}

struct http *http_open(const struct http_options *options, struct err *err)
{
    struct http *http = mem_alloc(1, sizeof(*http));

    pthread_mutex_init(&http->lock, NULL);
    http->roles = options->roles;
    http->roles_count = options->roles_count;
    http->inbox = options->inbox;
    http->call_fn = options->call_fn;
    http->context = options->context;
    if (open_local(http, options, err) && open_tls(http, options, err))
        return http;
    http_close(http);
    return NULL;
}

/* The inbox still holds calls that were handed over: they are answered as they come out of it. */
void http_close(struct http *http)
{
    pthread_mutex_lock(&http->lock);
    http->stopping = true;
    pthread_mutex_unlock(&http->lock);
    inbox_drain(http->inbox);
    while (http->calls != NULL)
        answer_unavailable(http->calls);
    if (http->local != NULL)
        MHD_stop_daemon(http->local);
    if (http->tls != NULL)
        MHD_stop_daemon(http->tls);
    if (http->socket[0] != '\0')
        unlink(http->socket);
    pthread_mutex_destroy(&http->lock);
    free(http);
}
