/*
 * store_case: a store with a rollout and an audit in it, and the same expected back.
 */
#ifndef TESTS_UNIT_STORE_CASE_H
#define TESTS_UNIT_STORE_CASE_H

#include "controller/io/store.h"

/* Fails the test with err's text unless done. */
void store_case_must(bool done, const struct err *err);

struct store *store_case_open_at(const char *where);

/* A record with two targets, every field of it filled. */
void store_case_fill_record(struct rollout_record *record, uint64_t id, uint8_t body,
                            uint64_t sequence);
void store_case_expect_record(const struct rollout_record *found,
                              const struct rollout_record *wanted);

/* Puts the rollout of that record, and finds it again as it was put. */
void store_case_add_rollout(struct store *store, uint64_t id, uint8_t body, uint64_t sequence);
void store_case_expect_rollout(struct store *store, uint64_t id, uint8_t body, uint64_t sequence);

/* The first rows of an audit. */
void store_case_add_rows(struct store *store, unsigned count);

#endif
