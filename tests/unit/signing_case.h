/*
 * signing_case: a desk with a ledger on disk, a guard that signs receipts, and a controller of the
 * test's own that tells them.
 */
#ifndef TESTS_UNIT_SIGNING_CASE_H
#define TESTS_UNIT_SIGNING_CASE_H

#include "controller/ctl/signing.h"

enum { SIGNED_AT = 1000, NOT_AFTER = 5000, TRIAL_MAX = 400 };

struct desk {
    char path[64];
    struct ledger ledger;
    struct sign_key *guard;
    struct ledger_signed entry; /* scratch */
    struct approval approval;
    struct manifest manifest;
};

/* cmocka's: state is a struct desk, its one plan a setting of srv712695. */
int open_desk(void **state);
int close_desk(void **state);
#define AT_DESK(test) cmocka_unit_test_setup_teardown(test, open_desk, close_desk)

/* Into the ledger: one of that sequence, of srv712695 and calypso. */
void sign(struct desk *desk, uint64_t sequence);
/* A receipt of that node. Returns its name. */
struct hash end(struct desk *desk, const char *node, uint64_t sequence, enum receipt_kind kind,
                enum end_cause cause);
bool choose(struct desk *desk, const struct lift *named, uint32_t count, struct err *err);

/* A controller with so many receipts of srv712695, of which it tells two at once; stuck: the first
 * two again and again. */
extern struct fake_controller {
    const struct sign_key *guard;  /* the roster's */
    const struct sign_key *signer; /* of the receipts; NULL: that one */
    unsigned count, asked;
    bool stuck;
    bool strange; /* each is an end of another attempt, that nobody signed */
    bool alike;   /* each is an end of the first that was signed */
} fake;
bool fetch(struct desk *desk, unsigned count, bool stuck, struct err *err);

#endif
