/*
 * probe: tries something on the network, once, over a new connection.
 */
#include "agent/io/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/localapi.h"

#include <curl/curl.h>
#include <libssh/libssh.h>

enum { PAGE_SIZE_MAX = 4096 };

void probe_init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    ssh_init();
    ssh_set_log_level(SSH_LOG_NOLOG);
}

static void fail(struct probe_result *result, enum probe_outcome outcome, const char *why)
{
    result->outcome = outcome;
    text_copy(result->why, sizeof(result->why), why);
}

/* ---- TCP ------------------------------------------------------------------------------------- */

static struct address address_of(const struct sockaddr_storage *from, uint16_t *ret_port)
{
    struct sockaddr_in four;
    struct sockaddr_in6 six;

    if (from->ss_family == AF_INET) {
        memcpy(&four, from, sizeof(four));
        *ret_port = ntohs(four.sin_port);
        return address_from_bytes(FAMILY_IPV4, (const uint8_t *)&four.sin_addr);
    }
    memcpy(&six, from, sizeof(six));
    *ret_port = ntohs(six.sin6_port);
    return address_from_bytes(FAMILY_IPV6, six.sin6_addr.s6_addr);
}

static bool bind_source(int fd, const struct address *from)
{
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};

    if (from == NULL || !address_is_set(from))
        return true;
    memcpy(&four.sin_addr, from->bytes, 4);
    memcpy(&six.sin6_addr, from->bytes, 16);
    return from->family == FAMILY_IPV4 ? bind(fd, (const struct sockaddr *)&four, sizeof(four)) == 0
                                       : bind(fd, (const struct sockaddr *)&six, sizeof(six)) == 0;
}

/* 0, or what went wrong as an errno. */
static int await_connection(int fd, mono_t until)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    mono_t now = clock_now();
    socklen_t len = sizeof(int);
    int failed = 0;
    int ready = poll(&wait, 1, until > now ? (int)(until - now) : 0);

    if (ready == 0)
        return ETIMEDOUT;
    if (ready < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) != 0)
        return errno;
    return failed;
}

/* A socket, or -1 with errno. */
static int connect_one(const struct addrinfo *to, const struct address *from, mono_t until)
{
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int failed = 0;

    if (fd < 0)
        return -1;
    if (!bind_source(fd, from) || connect(fd, to->ai_addr, to->ai_addrlen) != 0)
        failed = errno;
    if (failed == EINPROGRESS)
        failed = await_connection(fd, until);
    if (failed == 0)
        return fd;
    close(fd);
    errno = failed;
    return -1;
}

static void note_ends(int fd, struct probe_result *result)
{
    struct sockaddr_storage storage = {0};
    socklen_t len = sizeof(storage);
    uint16_t port;

    if (getsockname(fd, (struct sockaddr *)&storage, &len) == 0)
        result->source = address_of(&storage, &result->source_port);
    len = sizeof(storage);
    if (getpeername(fd, (struct sockaddr *)&storage, &len) == 0)
        result->address = address_of(&storage, &port);
}

static void describe_failure(struct probe_result *result, int failed, int timeout_ms)
{
    char why[REASON_SIZE];

    if (failed == ETIMEDOUT)
        snprintf(why, sizeof(why), "no answer in %g s", timeout_ms / 1000.0);
    else
        snprintf(why, sizeof(why), "%s", strerror(failed));
    fail(result, PROBE_FAILED, why);
}

int probe_connect(const char *host, uint16_t port, const struct address *from, int timeout_ms,
                  struct probe_result *ret_result)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    mono_t until = clock_now() + timeout_ms;
    struct addrinfo *list = NULL;
    char service[8];
    char why[REASON_SIZE];
    int fd = -1;
    int failed;

    if (from != NULL && address_is_set(from))
        hints.ai_family = from->family;
    snprintf(service, sizeof(service), "%u", port);
    failed = getaddrinfo(host, service, &hints, &list);
    if (failed != 0) {
        snprintf(why, sizeof(why), "'%.150s' does not resolve: %s", host, gai_strerror(failed));
        fail(ret_result, PROBE_UNCLEAR, why);
        return -1;
    }
    for (struct addrinfo *at = list; at != NULL && fd < 0; at = at->ai_next)
        fd = connect_one(at, from, until);
    failed = errno;
    freeaddrinfo(list);
    if (fd < 0)
        describe_failure(ret_result, failed, timeout_ms);
    else
        note_ends(fd, ret_result);
    return fd;
}

static void probe_tcp(const struct probe_job *job, struct probe_result *result)
{
    const struct check *check = &job->check;
    int fd = probe_connect(check->to, check->port, &check->from, (int)check->timeout_ms, result);

    if (fd < 0)
        return;
    close(fd);
    result->outcome = PROBE_ANSWERED;
    text_copy(result->answer, sizeof(result->answer), "it connects");
}

static void probe_ssh(const struct probe_job *job, struct probe_result *result)
{
    const struct check *check = &job->check;

    probe_ssh_close(probe_ssh_open(check->to, check->port, (int)check->timeout_ms, result));
}

/* ---- HTTP ------------------------------------------------------------------------------------ */

struct page {
    char data[PAGE_SIZE_MAX + 1];
    size_t len;
};

static size_t take_page(char *from, size_t size, size_t count, void *context)
{
    struct page *page = context;
    size_t len = size * count;

    if (len > PAGE_SIZE_MAX - page->len)
        return 0; /* ends the transfer: an address is not that long */
    memcpy(page->data + page->len, from, len);
    page->len += len;
    return len;
}

/* The answer's first word. */
static void take_answer(const struct page *page, struct probe_result *result)
{
    size_t first = strspn(page->data, " \t\r\n");
    size_t len = strcspn(page->data + first, " \t\r\n");

    snprintf(result->answer, sizeof(result->answer), "%.*s", (int)len, page->data + first);
    result->outcome = PROBE_ANSWERED;
}

static void set_options(CURL *curl, const struct check *check, struct page *page)
{
    curl_easy_setopt(curl, CURLOPT_URL, check->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)check->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "oceanid-agent/" OCEANID_VERSION);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_page);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, page);
}

static void probe_http(const struct probe_job *job, struct probe_result *result)
{
    struct page page = {.len = 0};
    CURL *curl = curl_easy_init();
    CURLcode code;

    if (curl == NULL) {
        fail(result, PROBE_UNCLEAR, "libcurl gave no handle");
        return;
    }
    set_options(curl, &job->check, &page);
    code = curl_easy_perform(curl);
    page.data[page.len] = '\0';
    if (code == CURLE_OK)
        take_answer(&page, result);
    else
        fail(result, code == CURLE_COULDNT_RESOLVE_HOST ? PROBE_UNCLEAR : PROBE_FAILED,
             code == CURLE_WRITE_ERROR ? "a page of more than 4096 bytes: expected an address"
                                       : curl_easy_strerror(code));
    curl_easy_cleanup(curl);
}

/* ---- exit node ------------------------------------------------------------------------------- */

static void probe_exit_node(const struct probe_job *job, struct probe_result *result)
{
    struct err err = ERR_INIT;

    if (!address_is_set(&job->exit_node)) {
        fail(result, PROBE_UNCLEAR, "no exit node in use to be pinged");
        return;
    }
    if (localapi_ping(job->tailscale_socket, (int)job->check.timeout_ms, &job->exit_node, &err)) {
        result->outcome = PROBE_ANSWERED;
        text_copy(result->answer, sizeof(result->answer), "its data path answers");
    } else {
        fail(result, PROBE_FAILED, err.text);
    }
}

void probe_run(const struct probe_job *job, struct probe_result *ret_result)
{
    static void (*const kinds[CHECK_KIND_COUNT])(const struct probe_job *,
                                                 struct probe_result *) = {
        [CHECK_EXIT_NODE] = probe_exit_node,
        [CHECK_EGRESS_ADDRESS] = probe_http,
        [CHECK_TCP] = probe_tcp,
        [CHECK_SSH] = probe_ssh,
        [CHECK_API_SERVER_PATH] = probe_tcp,
    };
    mono_t started = clock_now();

    memset(ret_result, 0, sizeof(*ret_result));
    if (kinds[job->check.kind] != NULL)
        kinds[job->check.kind](job, ret_result);
    ret_result->took_ms = (unsigned)(clock_now() - started);
}
