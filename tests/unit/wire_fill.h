/*
 * wire_fill: values with every field set, for the tests of what is encoded; and what every decoder
 * must bear.
 */
#ifndef TESTS_UNIT_WIRE_FILL_H
#define TESTS_UNIT_WIRE_FILL_H

#include "common/io/wire.h"

/* Different bytes for different seeds, never zero. */
void fill_bytes(void *to, size_t len, unsigned seed);
void fill_id(struct generation_id *id, unsigned seed);
void fill_verdicts(struct verdict *verdicts, uint32_t count);
void fill_check(struct check *check, unsigned number);
void fill_ssh(struct ssh_target *ssh);
void fill_statement(struct statement *statement);
void fill_receipt(struct receipt *receipt);
void fill_stack(struct stack *stack);
void fill_roster(struct roster *roster);
void fill_order(struct order *order);
void fill_approval(struct approval *approval);
/* Owns; the caller ends them. */
void fill_snapshot(struct snapshot *snapshot);
void fill_manifest(struct manifest *manifest);
/* One of each kind. */
void fill_operation(struct operation *operation, enum operation_kind kind);

/* Compares value by value; raw: the kernel's messages too, else b must have none. */
void expect_same_snapshot(const struct snapshot *a, const struct snapshot *b, bool raw);
void expect_same_bytes(struct bytes a, struct bytes b);

/* Calls try_fn with every truncation of the bytes and with each byte altered in some ways, each in
 * a block of its own size. try_fn decodes, and ends what it got. */
void torment(struct bytes good, void (*try_fn)(struct bytes bad));

#endif
