/*
 * lead_case: what the tests of the lead share: one place that is open, and what people ask of it.
 */
#ifndef TESTS_UNIT_LEAD_CASE_H
#define TESTS_UNIT_LEAD_CASE_H

#include "controller/io/lead_parts.h"
#include "tests/unit/controller_place.h"

extern struct place place;

/* cmocka's setup and teardown: place is open. */
int lead_case_open(void **state);
int lead_case_close(void **state);

/* A rollout of both nodes. */
bool lead_case_try_start(uint64_t sequence, uint64_t *ret_id, struct err *err);
/* The first one; its number. */
uint64_t lead_case_start(void);
/* The store and the nodes' agents stay, the lead begins again from what is kept. */
void lead_case_restart(void);
/* One that both nodes have confirmed, and that is not led any more. */
struct attempt lead_case_add_complete(uint64_t sequence);
/* A stack of that node's: its trial of the open rollout is being taken back, or what that changes
 * stands there. */
void lead_case_hear_of_open(const char *node, bool is_reverting);

/* A command of that kind for its guard waits for that node; whatever waits is taken. */
bool lead_case_has_command(const char *node, enum guard_request_kind kind);

/* ---- what is to come back -------------------------------------------------------------------- */

void lead_case_fill_order(struct order *order, const char *node, uint64_t sequence);
/* Signed by the approver, and passed on. */
bool lead_case_try_order(const char *node, uint64_t sequence, struct err *err);
/* An emergency of that node; "": of all. */
bool lead_case_take_back(const char *node, const char *reason, struct err *err);
/* Fails the test where it is not asked to come back. */
const struct lead_back *lead_case_find_back(const char *node);
/* place_fn: something waits for that node. */
bool lead_case_is_asked(void *node);

#endif
