/*
 * wire: between the values of core and net and protobuf's bytes. wire_*.c are the only includers
 * of generated headers. Decoding is bounded: by limits.h before, by a capped allocator within.
 *
 * wire_encode_* return heap bytes that the caller frees; they cannot fail. wire_decode_* refuse
 * with what was wrong; what they fill is the caller's to end with the type's own *_done.
 */
#ifndef COMMON_IO_WIRE_H
#define COMMON_IO_WIRE_H

#include "common/change/manifest.h"
#include "common/change/proof.h"
#include "common/io/sign.h"

struct wire_bytes { /* owned: free(data) */
    uint8_t *data;
    size_t len;
};
#define AUTO_WIRE __attribute__((cleanup(wire_bytes_done)))
void wire_bytes_done(struct wire_bytes *bytes);
struct bytes wire_lend(const struct wire_bytes *bytes);

struct wire_bytes wire_encode_manifest(const struct manifest *manifest);
bool wire_decode_manifest(struct bytes from, struct manifest *ret_manifest, struct err *err);
/* One node's part of it, which is neither hashed nor signed. */
struct wire_bytes wire_encode_plan(const struct manifest_plan *plan);
bool wire_decode_plan(struct bytes from, struct manifest_plan *ret_plan, struct err *err);

struct wire_bytes wire_encode_snapshot(const struct snapshot *snapshot);
bool wire_decode_snapshot(struct bytes from, struct snapshot *ret_snapshot, struct err *err);

/* Signed envelopes. encode signs; decode gives the value and leaves verifying to verify_*, which
 * look at the very bytes that were received. */
struct wire_bytes wire_encode_statement(const struct statement *statement,
                                        const struct sign_key *key);
bool wire_decode_statement(struct bytes from, struct statement *ret_statement, struct err *err);
struct wire_bytes wire_encode_receipt(const struct receipt *receipt, const struct sign_key *key);
bool wire_decode_receipt(struct bytes from, struct receipt *ret_receipt, struct err *err);
struct wire_bytes wire_encode_stack(const struct stack *stack, const struct sign_key *key);
bool wire_decode_stack(struct bytes from, struct stack *ret_stack, struct err *err);
struct wire_bytes wire_encode_roster(const struct roster *roster, const struct sign_key *key);
bool wire_decode_roster(struct bytes from, struct roster *ret_roster, struct err *err);
struct wire_bytes wire_encode_order(const struct order *order, const struct sign_key *key);
bool wire_decode_order(struct bytes from, struct order *ret_order, struct err *err);

/* The envelope's first signature is by key, over its payload in that domain. */
bool wire_verify(struct bytes envelope, enum sign_domain domain, const struct public_key *key,
                 struct err *err);
/* Hash of the envelope's payload: the name of a receipt. */
bool wire_payload_hash(struct bytes envelope, struct hash *ret_hash, struct err *err);

/* An approval's signatures are added one by one; a key's second one takes the place of its first.
 * sign gives empty bytes for what is no approval, or has SIGNATURES_MAX of other keys. */
struct wire_bytes wire_encode_approval(const struct approval *approval);
struct wire_bytes wire_sign_approval(struct bytes approval, const struct sign_key *key);
bool wire_decode_approval(struct bytes from, struct approval *ret_approval, struct err *err);
/* Counts the distinct keys of trust with the role that signed it well. */
unsigned wire_count_approvals(struct bytes approval, const struct trust *trust,
                              enum trust_role role);

struct signed_manifest { /* both owned */
    struct wire_bytes body;
    struct wire_bytes approval;
};
void signed_manifest_done(struct signed_manifest *manifest);
struct wire_bytes wire_encode_signed_manifest(struct bytes body, struct bytes approval);
bool wire_decode_signed_manifest(struct bytes from, struct signed_manifest *ret_manifest,
                                 struct err *err);

#endif
