/*
 * sign_mbed: keys as mbedTLS has them, for pki only.
 */
#ifndef COMMON_IO_SIGN_MBED_H
#define COMMON_IO_SIGN_MBED_H

#include "common/io/mbed.h"
#include "common/io/sign.h"

/* Lent: the key stays the owner. */
struct mbedtls_pk_context *sign_key_mbed(const struct sign_key *key);

/* pk is initialised by the caller; 0, or mbedTLS' error for what is no point on P-256. */
int sign_parse_public(mbedtls_pk_context *pk, const struct public_key *key);

#endif
