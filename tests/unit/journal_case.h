/*
 * journal_case: a journal in a directory of its own, and records to fill it with.
 */
#ifndef TESTS_UNIT_JOURNAL_CASE_H
#define TESTS_UNIT_JOURNAL_CASE_H

#include "agent/guard/io/journal.h"
#include "common/io/sign.h"

struct journal_case {
    char state[64];
    char path[96]; /* of the journal */
    bool careless; /* appends without a sync: for large ones */
    struct sign_key *key;
    struct ledger *ledger;
    struct journal *journal; /* NULL: closed */
};

/* For cmocka: *state is the case. */
int journal_case_set_up(void **state);
int journal_case_tear_down(void **state);

/* Closes it, and reads it again into the ledger as a guard that starts. */
void journal_case_open_again(struct journal_case *place);

/* ---- records; generations and attempts are called by their number ---------------------------- */

struct generation_id journal_case_id(uint8_t number);
void journal_case_append(struct journal_case *place, const struct guard_record *record,
                         const struct journal_extra *extra);
/* One rule 5140 of its own, as a shield. */
void journal_case_fill_item(struct undo_item *item);
struct journal_generation *journal_case_make_generation(const struct generation_id *id);
/* And the intent of its operation. */
void journal_case_begin(struct journal_case *place, uint8_t number);
void journal_case_mark(struct journal_case *place, uint8_t number, enum mark what);
/* From begin to receipt; return its hash. */
struct hash journal_case_confirm(struct journal_case *place, uint8_t number);
struct hash journal_case_revert(struct journal_case *place, uint8_t number);

/* ---- bytes ----------------------------------------------------------------------------------- */

uint8_t *journal_case_read_file(const struct journal_case *place, size_t *ret_len);
void journal_case_write_file(const struct journal_case *place, const uint8_t *data, size_t len);
void journal_case_flip(const struct journal_case *place, size_t at, uint8_t bits);
void journal_case_move_damaged_away(const struct journal_case *place);

#endif
