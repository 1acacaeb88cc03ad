/*
 * emergency_case: a controller of the test's own that oceanidctl's emergency-rollback is asked
 * against: it counts what it is asked, and answers as it is told to.
 */
#ifndef TESTS_UNIT_EMERGENCY_CASE_H
#define TESTS_UNIT_EMERGENCY_CASE_H

#include <jansson.h>

#include "controller/ctl/ctl.h"

/* What it may answer: drill2 (rollout 10). */
extern const char POPPED[], NOTHING[], OPEN[], UNHEARD[];

extern char pki[]; /* the operator's directory */

extern struct emergency_controller {
    const char *rollback;     /* what it answers */
    enum err_kind no;         /* to what would go; ERR_NONE: it says */
    bool older;               /* what would go is older than what was asked back before */
    bool unheard;             /* the node has not said what stands there */
    unsigned foretold, asked; /* how often what would go, and to take it back */
    unsigned ordered;         /* how often by a signed order */
    unsigned deaf;            /* so often nobody answers how far it is; UINT_MAX: never */
    json_t *body;             /* of what it was asked last; NULL: it had none */
} controller;

struct said {
    enum outcome outcome;
    char out[4096], err[4096];
};

/* options: names and values by turns. */
void run(const char *const *options, size_t options_count, struct said *ret_said);
void run_sure(const char *rollback, struct said *ret_said);
/* Somebody is at the terminal, and types that. */
void run_asked(const char *typed, const char *const *options, size_t options_count,
               struct said *ret_said);

void expect_part(const char *text, const char *part);
void expect_no_question(const struct said *said);

/* What `status` saw last. */
bool remember(const char *text);

/* cmocka's, of a group and of each test. */
int open_directory(void **state);
int close_directory(void **state);
int forget(void **state);

#endif
