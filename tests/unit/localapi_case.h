/*
 * localapi_case: a daemon that says what it is told, for the tests of localapi.
 */
#ifndef TESTS_UNIT_LOCALAPI_CASE_H
#define TESTS_UNIT_LOCALAPI_CASE_H

#include <pthread.h>

#include "common/io/localapi.h"

#define DATA OCEANID_SOURCE "/tests/data/tailscale/"

/* Of who asks one that answers, on a machine that is busy. */
enum { LOCALAPI_CASE_PATIENCE_MS = 20000 };

struct localapi_case {
    char path[100];
    int listener, wake[2];
    pthread_t thread;
    const char *status_line; /* NULL: hangs */
    const char *bodies[3];   /* prefs, status, anything else */
    char asked[4096];        /* the last request */
};

/* From a thread, until localapi_case_stop. status_line NULL: it hangs. */
void localapi_case_start(struct localapi_case *daemon, const char *status_line, const char *prefs,
                         const char *status, const char *other);
void localapi_case_stop(struct localapi_case *daemon);

/* A document, with its NUL; the caller frees it. */
char *localapi_case_load(const char *path);

/* What a daemon that says these two makes of it. */
void localapi_case_read(const char *prefs_path, const char *status_path,
                        struct tailscale *ret_tailscale);

#endif
