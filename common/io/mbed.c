/*
 * mbed: P-256 in mbedTLS 2.28 with the multiples of its generator kept. 2.28 makes them anew for
 * each signature and each check, which is half of what signing takes and a quarter of checking; 3.6
 * has them built in.
 */
#include "common/io/mbed.h"

#if MBEDTLS_VERSION_NUMBER < 0x03000000

#include <pthread.h>
#include <stdlib.h>

#include <mbedtls/ecdsa.h>

static mbedtls_ecp_group kept; /* complete when filled has run: from then on it is only read */
static pthread_once_t filled = PTHREAD_ONCE_INIT;

/* The first multiple of the generator leaves the table in the group. */
static void fill(void)
{
    mbedtls_ecp_point point;
    mbedtls_mpi two;

    mbedtls_ecp_group_init(&kept);
    mbedtls_ecp_point_init(&point);
    mbedtls_mpi_init(&two);
    if (mbedtls_ecp_group_load(&kept, MBEDTLS_ECP_DP_SECP256R1) != 0 ||
        mbedtls_mpi_lset(&two, 2) != 0 ||
        mbedtls_ecp_mul(&kept, &point, &two, &kept.G, mbed_random, NULL) != 0)
        abort(); /* only out of memory */
    mbedtls_mpi_free(&two);
    mbedtls_ecp_point_free(&point);
}

/* The key's own numbers on the kept group: lent, not to be freed. */
static mbedtls_ecdsa_context lend(const mbedtls_pk_context *pk)
{
    const mbedtls_ecp_keypair *pair = mbedtls_pk_ec(*pk);

    pthread_once(&filled, fill);
    return (mbedtls_ecdsa_context){.grp = kept, .d = pair->d, .Q = pair->Q};
}

static bool is_p256(const mbedtls_pk_context *pk)
{
    return mbedtls_pk_can_do(pk, MBEDTLS_PK_ECDSA) &&
           mbedtls_pk_ec(*pk)->grp.id == MBEDTLS_ECP_DP_SECP256R1;
}

int mbed_sign(mbedtls_pk_context *pk, const unsigned char *hash, size_t hash_len, unsigned char *to,
              size_t size, size_t *ret_len)
{
    mbedtls_ecdsa_context with;

    if (!is_p256(pk) || size < MBEDTLS_ECDSA_MAX_LEN)
        return MBEDTLS_ERR_PK_BAD_INPUT_DATA;
    with = lend(pk);
    return mbedtls_ecdsa_write_signature(&with, MBEDTLS_MD_SHA256, hash, hash_len, to, ret_len,
                                         mbed_random, NULL);
}

int mbed_verify(mbedtls_pk_context *pk, const unsigned char *hash, size_t hash_len,
                const unsigned char *signature, size_t len)
{
    mbedtls_ecdsa_context with;

    if (!is_p256(pk))
        return MBEDTLS_ERR_PK_BAD_INPUT_DATA;
    with = lend(pk);
    return mbedtls_ecdsa_read_signature(&with, hash, hash_len, signature, len);
}

#endif
