/*
 * http_parts: what http's files share and nobody else sees.
 */
#ifndef CONTROLLER_IO_HTTP_PARTS_H
#define CONTROLLER_IO_HTTP_PARTS_H

#include <microhttpd.h>

#include "controller/io/http.h"

struct http_peer {
    char who[NAME_SIZE];
    enum http_role role;
    char denied[REASON_SIZE]; /* why the role is none */
};

enum { QUERIES_MAX = 4 };

struct http_query_value {
    char *key, *value;
};

struct http_call {
    struct http *http;
    struct MHD_Connection *connection;
    char *method, *path;
    uint32_t queries_count;
    struct http_query_value queries[QUERIES_MAX];
    struct http_peer peer;
    uint8_t *body;
    size_t len, capacity;
    bool too_large;
    bool answered; /* what follows is set */
    unsigned status;
    const char *type;
    void *data;
    size_t data_len;
    struct http_call *next, **previous; /* among those that wait for the loop thread */
};

/* By SO_PEERCRED and the roles of the configuration. */
void http_identify_user(int fd, const struct config_role *roles, uint32_t roles_count,
                        struct http_peer *ret_peer);
/* By the client certificate: chain to the fleet's CA, made for an operator, its CN. */
void http_identify_certificate(void *gnutls_session, struct http_peer *ret_peer);

/* Listening sockets; -1: err says why. */
int http_listen_local(const char *path, struct err *err);
int http_listen_tcp(const char *address, struct err *err);

#endif
