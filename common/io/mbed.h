/*
 * mbed: the differences between mbedTLS 2.28 (Debian 12) and 3.6 (Debian 13, Ubuntu 25.04), all of
 * them. Include it instead of mbedtls/pk.h and mbedtls/x509_crt.h.
 */
#ifndef COMMON_IO_MBED_H
#define COMMON_IO_MBED_H

#include <stdbool.h>
#include <stddef.h>

#include <mbedtls/ecp.h>
#include <mbedtls/error.h>
#include <mbedtls/pk.h>
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>

#include "common/io/clock.h"

/* f_rng of mbedTLS, from getrandom(2). */
static inline int mbed_random(void *context, unsigned char *to, size_t len)
{
    (void)context;
    clock_random(to, len);
    return 0;
}

#if MBEDTLS_VERSION_NUMBER >= 0x03000000

#include <psa/crypto.h>

/* Before TLS 1.3; any number of times. */
static inline bool mbed_start(void)
{
    return psa_crypto_init() == PSA_SUCCESS;
}

#define mbed_sha256(data, len, to) mbedtls_sha256((data), (len), (to), 0)
#define mbed_parse_key(pk, data, len)                                                              \
    mbedtls_pk_parse_key((pk), (data), (len), NULL, 0, mbed_random, NULL)
#define mbed_sign(pk, hash, hash_len, to, size, ret_len)                                           \
    mbedtls_pk_sign((pk), MBEDTLS_MD_SHA256, (hash), (hash_len), (to), (size), (ret_len),          \
                    mbed_random, NULL)
#define mbed_verify(pk, hash, hash_len, signature, len)                                            \
    mbedtls_pk_verify((pk), MBEDTLS_MD_SHA256, (hash), (hash_len), (signature), (len))
#define mbed_check_pair(public, key) mbedtls_pk_check_pair((public), (key), mbed_random, NULL)

static inline int mbed_set_serial(mbedtls_x509write_cert *cert, unsigned char *serial, size_t len)
{
    return mbedtls_x509write_crt_set_serial_raw(cert, serial, len);
}

#else

static inline bool mbed_start(void)
{
    return true;
}

#define mbed_sha256(data, len, to) mbedtls_sha256_ret((data), (len), (to), 0)
#define mbed_parse_key(pk, data, len) mbedtls_pk_parse_key((pk), (data), (len), NULL, 0)
/* By ECDSA with a P-256 key and SHA-256, as mbedtls_pk_sign and mbedtls_pk_verify do; in mbed.c. */
int mbed_sign(mbedtls_pk_context *pk, const unsigned char *hash, size_t hash_len, unsigned char *to,
              size_t size, size_t *ret_len);
int mbed_verify(mbedtls_pk_context *pk, const unsigned char *hash, size_t hash_len,
                const unsigned char *signature, size_t len);
#define mbed_check_pair(public, key) mbedtls_pk_check_pair((public), (key))

static inline int mbed_set_serial(mbedtls_x509write_cert *cert, unsigned char *serial, size_t len)
{
    mbedtls_mpi number;
    int failed;

    mbedtls_mpi_init(&number);
    failed = mbedtls_mpi_read_binary(&number, serial, len);
    if (failed == 0)
        failed = mbedtls_x509write_crt_set_serial(cert, &number);
    mbedtls_mpi_free(&number);
    return failed;
}

#endif

#endif
