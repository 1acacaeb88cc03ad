/*
 * sign: SHA-256 and ECDSA P-256 over domain-separated bytes, on mbedTLS 2.28 and 3.6.
 *
 * What is signed is: domain, NUL, payload. A signature of one kind can never pass as another.
 */
#ifndef COMMON_IO_SIGN_H
#define COMMON_IO_SIGN_H

#include "common/core/bytes.h"
#include "common/core/err.h"

enum sign_domain {
    SIGN_APPROVAL,
    SIGN_STATEMENT,
    SIGN_RECEIPT,
    SIGN_STACK,
    SIGN_ORDER,
    SIGN_ROSTER,
    SIGN_CHALLENGE,
    SIGN_JOIN,
    SIGN_DOMAIN_COUNT,
};

struct sign_key; /* a private key */

struct sign_key *sign_key_generate(void);
/* PEM, unencrypted (the file is 0600). */
struct sign_key *sign_key_load(const char *path, struct err *err); /* NULL: err says why */
/* Of that file's content, with a NUL behind it, which is wiped. */
struct sign_key *sign_key_parse(const char *path, uint8_t *pem, size_t len, struct err *err);
enum { SIGN_PEM_SIZE = 1024 };
bool sign_key_save(const struct sign_key *key, const char *path, struct err *err);
bool sign_key_pem(const struct sign_key *key, char *to, size_t size, struct err *err);
void sign_key_free(struct sign_key *key);
void sign_key_public(const struct sign_key *key, struct public_key *ret_key);

void sign_hash(const void *data, size_t len, struct hash *ret_hash);
void sign_make(const struct sign_key *key, enum sign_domain domain, struct bytes payload,
               struct signature *ret_signature);
bool sign_verify(const struct public_key *key, enum sign_domain domain, struct bytes payload,
                 const struct signature *signature);

/* "SHA256:" and base64 of the point's hash, as people compare it. size >= 64. */
char *sign_fingerprint(const struct public_key *key, char *to, size_t size);

#endif
