/*
 * follow: what the protocol model calls a guard: a shipped trial machine with its ledger, a journal
 * whose records get there one by one, and a kernel that takes no time.
 */
#ifndef TESTS_SIM_FOLLOW_H
#define TESTS_SIM_FOLLOW_H

#include "agent/guard/core/trial.h"

enum {
    NODES = 3,
    OPERATIONS = 3, /* a shield, a rule, a pref */
    PREF = 2,
    ATTEMPTS = 2,
    TICK_MS = 10000,
    WALL = 1790000000,
    VALID_S = 1000000,
    QUEUE_MAX = 64,
    DISK_MAX = 512,
    SAID_MAX = NODES, /* one of each who signs: two earlier guards and a witness */
    NONCES = 64,
    STEPS_MAX = 200, /* of one tick: more is a machine that does not come to rest */
};

struct issued {
    struct nonce nonce;
    int64_t tick;
    bool last;
    enum verdict_value seen; /* unknown: nobody has looked yet */
};

struct waiting {
    struct guard_record record;
    uint64_t number;
};

struct node {
    char name[NAME_SIZE];
    struct trial trial;
    struct ledger ledger;
    bool in_kernel[OPERATIONS], stuck, broken;
    struct generation_id applied[ATTEMPTS + 1];
    uint32_t queue_count, disk_count, said_count, nonces_count, effects_count;
    struct waiting queue[QUEUE_MAX]; /* on its way to the disk, oldest first */
    struct guard_record disk[DISK_MAX];
    struct statement said[SAID_MAX]; /* over its prepare nonce; the newest of each signer */
    struct issued nonces[NONCES];    /* number n at n % NONCES */
    struct guard_effect *effects[QUEUE_MAX];
    struct nonce hello;
    bool ended[ATTEMPTS + 1]; /* its receipt of that has left */
    struct receipt receipts[ATTEMPTS + 1];
    struct hash receipt_hashes[ATTEMPTS + 1];
};

/* The model's world: three guards, one manifest, the time. */
struct follow {
    struct node nodes[NODES];
    struct manifest manifest;
    struct approval approvals[ATTEMPTS + 1];
    struct hash body;
    struct guard_effects effects;
    mono_t now;
    int64_t wall;
    uint64_t names; /* of nonces and receipts */
};
extern struct follow world;

/* Names the nodes, and writes the one manifest. */
void follow_make_manifest(void);

/* One event for a guard; what it wants done is kept until follow_come_to_rest(). */
void follow_give(struct node *node, struct guard_event *ev);
void follow_give_statement(struct node *node, const struct statement *statement);
/* A passing statement by that signer. */
struct statement follow_say(const struct node *subject, const char *signer,
                            const struct nonce *nonce, enum phase phase);
/* For its start, in the place of what that signer said before. */
void follow_keep_said(struct node *node, const struct statement *statement);
/* Does all that takes no time, until nothing is left; else the program ends. */
void follow_come_to_rest(struct node *node);
/* The oldest record that is on its way gets there (ok), and the guard is told. */
void follow_write_oldest(struct node *node, bool ok, bool tell);
void follow_boot(struct node *node, enum end_cause cause);
/* It dies when so many of the slow records have got there, and starts again. */
void follow_crash(struct node *node, int got);

#endif
