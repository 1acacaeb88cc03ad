/*
 * bytes: the few fixed-size byte strings that name and prove things, and one borrowed span.
 */
#ifndef COMMON_CORE_BYTES_H
#define COMMON_CORE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HASH_SIZE = 32,     /* SHA-256 */
    NONCE_SIZE = 16,    /* random, made by the side that wants freshness */
    KEY_SIZE = 65,      /* P-256 public key, uncompressed point (SEC 1) */
    SIGNATURE_MAX = 72, /* ECDSA P-256, DER */
};

struct bytes { /* borrowed */
    const uint8_t *data;
    size_t len;
};

struct hash {
    uint8_t bytes[HASH_SIZE];
};

struct nonce {
    uint8_t bytes[NONCE_SIZE];
};

struct public_key {
    uint8_t bytes[KEY_SIZE];
};

struct signature {
    uint8_t len;
    uint8_t bytes[SIGNATURE_MAX];
};

bool hash_equal(const struct hash *a, const struct hash *b);
bool hash_is_zero(const struct hash *hash);
bool nonce_equal(const struct nonce *a, const struct nonce *b);
bool nonce_is_zero(const struct nonce *nonce);
bool key_equal(const struct public_key *a, const struct public_key *b);

/* Lower-case hexadecimal; to holds 2 * len + 1 characters. */
void bytes_format_hex(const uint8_t *from, size_t len, char *to);

/* Exactly len bytes of hexadecimal; false for anything else. */
bool bytes_parse_hex(const char *from, uint8_t *to, size_t len);

#endif
