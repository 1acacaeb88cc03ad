/*
 * sign: SHA-256 and ECDSA P-256 over domain-separated bytes.
 */
#include "common/io/sign.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/io/file.h"
#include "common/io/mbed.h"
#include "common/io/sign_mbed.h"

#include <mbedtls/base64.h>
#include <mbedtls/platform_util.h>

static const char *const domains[] = {
    [SIGN_APPROVAL] = "oceanid approval v1",   [SIGN_STATEMENT] = "oceanid statement v1",
    [SIGN_RECEIPT] = "oceanid receipt v1",     [SIGN_STACK] = "oceanid stack v1",
    [SIGN_ORDER] = "oceanid order v1",         [SIGN_ROSTER] = "oceanid roster v1",
    [SIGN_CHALLENGE] = "oceanid challenge v1", [SIGN_JOIN] = "oceanid join v1",
};
_Static_assert(sizeof(domains) / sizeof(domains[0]) == SIGN_DOMAIN_COUNT, "one a domain");

/* SubjectPublicKeyInfo of a P-256 key up to its point (RFC 5480). */
static const uint8_t spki_head[26] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

struct sign_key {
    mbedtls_pk_context pk;
};

struct mbedtls_pk_context *sign_key_mbed(const struct sign_key *key)
{
    return (struct mbedtls_pk_context *)&((struct sign_key *)(uintptr_t)key)->pk;
}

int sign_parse_public(mbedtls_pk_context *pk, const struct public_key *key)
{
    uint8_t der[sizeof(spki_head) + KEY_SIZE];

    memcpy(der, spki_head, sizeof(spki_head));
    memcpy(der + sizeof(spki_head), key->bytes, KEY_SIZE);
    return mbedtls_pk_parse_public_key(pk, der, sizeof(der));
}

static struct sign_key *new_key(void)
{
    struct sign_key *key = mem_alloc(1, sizeof(*key));

    mbedtls_pk_init(&key->pk);
    return key;
}

struct sign_key *sign_key_generate(void)
{
    struct sign_key *key = new_key();

    if (mbedtls_pk_setup(&key->pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) != 0 ||
        mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key->pk), mbed_random, NULL) !=
            0)
        abort(); /* only out of memory */
    return key;
}

struct sign_key *sign_key_parse(const char *path, uint8_t *pem, size_t len, struct err *err)
{
    struct sign_key *key = new_key();
    int failed = mbed_parse_key(&key->pk, pem, len + 1);

    mbedtls_platform_zeroize(pem, len);
    if (failed == 0 && mbedtls_pk_can_do(&key->pk, MBEDTLS_PK_ECDSA) &&
        mbedtls_pk_get_bitlen(&key->pk) == 256)
        return key;
    err_set(err, ERR_INPUT, "%s: expected a PEM private key on curve P-256, unencrypted", path);
    sign_key_free(key);
    return NULL;
}

struct sign_key *sign_key_load(const char *path, struct err *err)
{
    AUTO_FREE uint8_t *data = NULL;
    size_t len;

    if (!file_read(path, SIGN_PEM_SIZE, &data, &len, err))
        return NULL;
    return sign_key_parse(path, data, len, err);
}

bool sign_key_pem(const struct sign_key *key, char *to, size_t size, struct err *err)
{
    if (mbedtls_pk_write_key_pem(sign_key_mbed(key), (unsigned char *)to, size) == 0)
        return true;
    return err_set(err, ERR_LIMIT, "private key does not fit %zu bytes of PEM", size);
}

bool sign_key_save(const struct sign_key *key, const char *path, struct err *err)
{
    char pem[SIGN_PEM_SIZE];
    bool done =
        sign_key_pem(key, pem, sizeof(pem), err) && file_write(path, pem, strlen(pem), 0600, err);

    mbedtls_platform_zeroize(pem, sizeof(pem));
    return done;
}

void sign_key_free(struct sign_key *key)
{
    if (key == NULL)
        return;
    mbedtls_pk_free(&key->pk);
    free(key);
}

void sign_key_public(const struct sign_key *key, struct public_key *ret_key)
{
    uint8_t der[128];
    int len = mbedtls_pk_write_pubkey_der(sign_key_mbed(key), der, sizeof(der));

    assert(len >= KEY_SIZE); /* written at the end of der; the point is its last part */
    memcpy(ret_key->bytes, der + sizeof(der) - KEY_SIZE, KEY_SIZE);
}

void sign_hash(const void *data, size_t len, struct hash *ret_hash)
{
    static const uint8_t nothing[1];

    if (mbed_sha256(len > 0 ? data : nothing, len, ret_hash->bytes) != 0)
        abort(); /* only out of memory */
}

/* SHA-256 of domain, NUL, payload. */
static void hash_domain(enum sign_domain domain, struct bytes payload, struct hash *ret_hash)
{
    size_t head = strlen(domains[domain]) + 1;
    AUTO_FREE uint8_t *whole = mem_alloc(1, head + payload.len);

    memcpy(whole, domains[domain], head);
    if (payload.len > 0)
        memcpy(whole + head, payload.data, payload.len);
    sign_hash(whole, head + payload.len, ret_hash);
}

void sign_make(const struct sign_key *key, enum sign_domain domain, struct bytes payload,
               struct signature *ret_signature)
{
    uint8_t signature[MBEDTLS_ECDSA_MAX_LEN];
    struct hash hash;
    size_t len = 0;

    hash_domain(domain, payload, &hash);
    if (mbed_sign(sign_key_mbed(key), hash.bytes, HASH_SIZE, signature, sizeof(signature), &len) !=
            0 ||
        len > SIGNATURE_MAX)
        abort(); /* the key was checked when it was loaded */
    ret_signature->len = (uint8_t)len;
    memcpy(ret_signature->bytes, signature, len);
}

bool sign_verify(const struct public_key *key, enum sign_domain domain, struct bytes payload,
                 const struct signature *signature)
{
    mbedtls_pk_context pk;
    struct hash hash;
    bool good;

    if (signature->len == 0 || signature->len > SIGNATURE_MAX)
        return false;
    hash_domain(domain, payload, &hash);
    mbedtls_pk_init(&pk);
    good = sign_parse_public(&pk, key) == 0 &&
           mbed_verify(&pk, hash.bytes, HASH_SIZE, signature->bytes, signature->len) == 0;
    mbedtls_pk_free(&pk);
    return good;
}

char *sign_fingerprint(const struct public_key *key, char *to, size_t size)
{
    unsigned char text[64];
    struct hash hash;
    size_t len = 0;

    sign_hash(key->bytes, KEY_SIZE, &hash);
    if (mbedtls_base64_encode(text, sizeof(text), &len, hash.bytes, HASH_SIZE) != 0)
        abort();
    while (len > 0 && text[len - 1] == '=')
        len--;
    snprintf(to, size, "SHA256:%.*s", (int)len, (const char *)text);
    return to;
}
