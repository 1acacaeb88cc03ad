/*
 * err: a reason that a person would want, handed up to whoever reports it.
 */
#include "common/core/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {
    [ERR_NONE] = "none",       [ERR_INPUT] = "input",       [ERR_DENIED] = "denied",
    [ERR_LASTING] = "lasting", [ERR_CONFLICT] = "conflict", [ERR_MISSING] = "missing",
    [ERR_LIMIT] = "limit",     [ERR_TIMEOUT] = "timeout",   [ERR_PEER] = "peer",
    [ERR_SYSTEM] = "system",
};
_Static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == ERR_KIND_COUNT, "name every kind");

bool(err_set)(struct err *err, enum err_kind kind, const char *format, ...)
{
    va_list args;

    err->kind = kind;
    va_start(args, format);
    vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    return false;
}

bool(err_wrap)(struct err *err, const char *format, ...)
{
    char context[ERR_TEXT_SIZE];
    char text[ERR_TEXT_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(context, sizeof(context), format, args);
    va_end(args);
    memcpy(text, err->text, sizeof(text));
    snprintf(err->text, sizeof(err->text), "%.200s: %.300s", context, text);
    return false;
}

const char *err_kind_name(enum err_kind kind)
{
    return kind < ERR_KIND_COUNT ? kind_names[kind] : "?";
}
