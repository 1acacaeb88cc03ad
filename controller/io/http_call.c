/*
 * http_call: what was asked, for those who answer.
 */
#include "common/core/text.h"
#include "controller/io/http_parts.h"

const char *http_method(const struct http_call *call)
{
    return call->method;
}

const char *http_path(const struct http_call *call)
{
    return call->path;
}

const char *http_query(const struct http_call *call, const char *key)
{
    for (uint32_t i = 0; i < call->queries_count; i++) {
        if (text_equal(call->queries[i].key, key))
            return call->queries[i].value;
    }
    return NULL;
}

struct bytes http_body(const struct http_call *call)
{
    return (struct bytes){call->body, call->len};
}

const char *http_who(const struct http_call *call)
{
    return call->peer.who;
}

enum http_role http_role(const struct http_call *call)
{
    return call->peer.role;
}

const char *http_denied(const struct http_call *call)
{
    return call->peer.denied;
}

bool http_is_too_large(const struct http_call *call)
{
    return call->too_large;
}
