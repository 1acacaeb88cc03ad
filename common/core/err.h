/*
 * err: a reason that a person would want, handed up to whoever reports it.
 *
 * The function that knows most writes the text, callers add where it happened; nobody logs and
 * returns an error. A struct err lives on the caller's stack and starts zeroed (ERR_INIT).
 */
#ifndef COMMON_CORE_ERR_H
#define COMMON_CORE_ERR_H

#include <stdbool.h>

enum err_kind {
    ERR_NONE,
    ERR_INPUT,    /* a file, a peer or a person gave something that is not accepted */
    ERR_DENIED,   /* well-formed, but not allowed: signature, role, sequence */
    ERR_LASTING,  /* not allowed, and never will be as it is signed */
    ERR_CONFLICT, /* the thing belongs to someone else, or changed meanwhile */
    ERR_MISSING,  /* what was asked for is not there */
    ERR_LIMIT,    /* larger than limits.h allows */
    ERR_TIMEOUT,  /* no answer in the time that was given */
    ERR_PEER,     /* the other side answered with nonsense, or hung up */
    ERR_SYSTEM,   /* the kernel, the disk or a library said no */
    ERR_KIND_COUNT,
};

enum { ERR_TEXT_SIZE = 512 };

struct err {
    enum err_kind kind;
    char text[ERR_TEXT_SIZE];
};

/* clang-format off */
#define ERR_INIT {ERR_NONE, ""}
/* clang-format on */

/* Writes kind and text (cut at ERR_TEXT_SIZE). Always returns false: `return err_set(...)`. */
bool err_set(struct err *err, enum err_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of the text. Always returns false. */
bool err_wrap(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "input", "denied", ...; never NULL. */
const char *err_kind_name(enum err_kind kind);

/* clang's analyzer does not see into err.c that these return false. */
#ifdef __clang_analyzer__
#define err_set(...) (err_set(__VA_ARGS__), false)
#define err_wrap(...) (err_wrap(__VA_ARGS__), false)
#endif

#endif
