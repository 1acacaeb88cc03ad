/*
 * gates_case: a fleet of two nodes, a witness and a laptop, of which every gate says yes.
 */
#ifndef TESTS_UNIT_GATES_CASE_H
#define TESTS_UNIT_GATES_CASE_H

#include "controller/core/gates.h"

enum { NOW_UNIX = 100000 };

struct scene {
    struct manifest manifest;
    struct approval approval;
    struct fleet_file file;
    struct fleet fleet;
    struct holds holds;
    struct bars bars;
    struct gates_inputs inputs;
};

/* cmocka's setup and teardown: *state is the scene. */
int gates_case_make(void **state);
int gates_case_end(void **state);

/* ---- what is known ----------------------------------------------------------------------------
 */

void gates_case_tell(struct scene *scene, const char *node, const char *check,
                     enum verdict_value value);
/* It passes, after so long. */
void gates_case_tell_took(struct scene *scene, const char *node, const char *check,
                          unsigned took_ms);
/* The node's guard has had its part of this manifest rehearsed. */
void gates_case_rehearse(struct scene *scene, const char *node, enum rehearsed_outcome outcome,
                         const char *why);
void gates_case_waive(struct scene *scene, enum waiver waiver);
/* a1 has its change, which did it good. */
void gates_case_confirm_first(struct scene *scene);

/* ---- asking -----------------------------------------------------------------------------------
 */

void gates_case_expect_yes(const struct scene *scene);
/* Exactly this gate says no, and part of why. */
void gates_case_expect_no(const struct scene *scene, enum gate gate, const char *part);
/* This gate says no, whatever others say. */
void gates_case_expect_blocked(const struct scene *scene, enum gate gate);

#endif
