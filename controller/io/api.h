/*
 * api: the calls of docs/api.md, one row of a table each: method, path, role, handler.
 */
#ifndef CONTROLLER_IO_API_H
#define CONTROLLER_IO_API_H

#include "controller/io/http.h"
#include "controller/io/lead.h"

/* What the handlers work with; all lent. */
struct api {
    struct desk *desk;
    struct lead *lead;
    struct fresh *fresh;
    void (*roster_fn)(void *context); /* a new roster was put; may be NULL */
    void *context;
};

/* An http_call_fn: finds the row, checks the role, answers. */
void api_call(void *api, struct http_call *call);

#endif
