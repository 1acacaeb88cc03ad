/*
 * api_case: a client of a controller's API in the test's own process: calls, and what they are
 * expected to answer. cmocka assertions tell what went wrong.
 */
#ifndef TESTS_UNIT_API_CASE_H
#define TESTS_UNIT_API_CASE_H

#include <jansson.h>

#include "tests/unit/controller_place.h"

extern struct place place; /* of the test that runs */

int open_place(void **state);
int close_place(void **state);
#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)

/* Of whoever calls on the local socket. */
void set_role(const char *role);

struct answer {
    long status; /* 0: no answer */
    char *data;
    size_t len;
    json_t *json; /* NULL: it is none */
};

void answer_done(struct answer *answer);

/* On the local socket. */
struct answer call(const char *method, const char *path, struct bytes body);
struct answer get(const char *path);
struct answer send_text(const char *method, const char *path, const char *text);

/* By HTTPS. cert NULL: without a certificate. header NULL: none besides curl's. */
struct answer call_tls_with(const char *header, const char *path, const char *cert,
                            const char *key);
struct answer call_tls(const char *path, const char *cert, const char *key);

/* "(none)" when there is no such text. */
const char *text_of(const json_t *object, const char *key);
/* Every key is there, and of that type: s, n(umber), b, a, o, 0 (null); "n at", NULL at the end. */
void expect_shape(const json_t *object, const char *const *fields);
/* Takes the answer. part: of its error's text. */
void expect_refusal(struct answer answer, long status, const char *kind, const char *part);

void put_quarantine(const struct receipt *receipt, const struct hash *hash);
/* sysctl net.ipv4.ip_forward of a1. */
void quarantine_forwarding(struct hash *ret_receipt);

#endif
