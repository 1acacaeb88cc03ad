/*
 * trial_world: the manifest, approvals and statements that trial scripts speak of.
 */
#ifndef TESTS_UNIT_TRIAL_WORLD_H
#define TESTS_UNIT_TRIAL_WORLD_H

#include "agent/guard/core/event.h"

#define WORLD_BEGIN ((mono_t)1000000)

int64_t world_unix(mono_t now);
const char *world_witness(int witness);
int world_find_witness(const char *name);   /* -1: none */
struct hash world_body(const char *name);   /* "m1" */
struct attempt world_attempt(char **words); /* words 1 and 2: "m1", "1" */
struct hash world_receipt(unsigned index);

void world_fill_statement(struct statement *statement, const char *signer, enum phase phase,
                          const struct hash *body, const struct nonce *nonce);
void world_add_verdict(struct statement *statement, const char *check, enum verdict_value value);

/* After `prepare m1 1`: `lifts N[!] ...` and words that make one thing wrong: unsigned, threshold,
 * another-body, no-trust, no-plan, other-key, short-soak, long-lease, long-path, expired, invalid;
 * and those that do not: brief (valid for 60 s), long-soak (900 s). */
struct world_prepare {
    struct manifest manifest;
    struct approval approval;
    struct trust trust;
    struct guard_prepare prepare;
    char objects[3][96];
    int64_t valid_s;
};
void world_fill_prepare(struct world_prepare *given, char **words);
void world_prepare_done(struct world_prepare *given);

enum { WORLD_STATEMENTS = 8 };
struct world_start {
    struct statement *statements; /* owned */
    struct guard_statement given[WORLD_STATEMENTS];
    struct guard_start start;
};
void world_fill_start(struct world_start *given, char **words, const struct nonce *nonce);
void world_start_done(struct world_start *given);

#endif
