/*
 * http: two listeners, a local socket and HTTPS with client certificates. It says who asks and
 * hands whole requests over to the loop thread, where they are answered, at once or later.
 */
#ifndef CONTROLLER_IO_HTTP_H
#define CONTROLLER_IO_HTTP_H

#include "common/io/config.h"
#include "controller/io/inbox.h"

enum http_role { ROLE_NONE, ROLE_VIEWER, ROLE_CI, ROLE_OPERATOR, HTTP_ROLE_COUNT };

struct http;
struct http_call; /* one request that waits for its answer */

/* On the loop thread; the call must be answered once, within any time. */
typedef void (*http_call_fn)(void *context, struct http_call *call);

struct http_options {
    const char *socket; /* path; "" for none */
    const char *https;  /* address:port; "" for none */
    const char *ca_path, *cert_path, *key_path;
    const struct config_role *roles; /* of local users */
    uint32_t roles_count;
    struct inbox *inbox;
    http_call_fn call_fn;
    void *context;
};

struct http *http_open(const struct http_options *options, struct err *err);
/* Answers what is still open with 503 first. */
void http_close(struct http *http);
/* The port of the HTTPS listener; 0 without one. */
unsigned http_port(const struct http *http);

const char *http_role_name(enum http_role role);

/* What was asked. All is lent until the answer. */
const char *http_method(const struct http_call *call);
const char *http_path(const struct http_call *call);
const char *http_query(const struct http_call *call, const char *key); /* NULL: not given */
struct bytes http_body(const struct http_call *call);
const char *http_who(const struct http_call *call);
enum http_role http_role(const struct http_call *call);
/* Why the role is none. */
const char *http_denied(const struct http_call *call);
/* A body over DOCUMENT_SIZE_MAX was thrown away. */
bool http_is_too_large(const struct http_call *call);

/* Takes data (from malloc). */
void http_answer_take(struct http_call *call, unsigned status, const char *type, void *data,
                      size_t len);

#endif
