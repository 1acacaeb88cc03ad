/*
 * certificate: whose a certificate is, and whether the CA beside it made it.
 */
#include "agent/io/certificate.h"

#include <stdio.h>
#include <string.h>

#include "common/core/limits.h"
#include "common/io/mbed.h"

static bool parse(mbedtls_x509_crt *certificate, const char *pem, const char *what, struct err *err)
{
    if (mbedtls_x509_crt_parse(certificate, (const unsigned char *)pem, strlen(pem) + 1) == 0)
        return true;
    return err_set(err, ERR_INPUT, "%s: expected one certificate as PEM", what);
}

static bool check_name(mbedtls_x509_crt *certificate, const char *name, struct err *err)
{
    char subject[2 * NAME_SIZE];
    char wanted[2 * NAME_SIZE];

    snprintf(wanted, sizeof(wanted), "CN=%s", name);
    if (mbedtls_x509_dn_gets(subject, sizeof(subject), &certificate->subject) < 0)
        return err_set(err, ERR_INPUT, "certificate: its subject is longer than any name");
    if (strcmp(subject, wanted) == 0)
        return true;
    return err_set(err, ERR_DENIED, "certificate is for '%s': accepted is '%s'", subject, wanted);
}

static bool check_key(mbedtls_x509_crt *certificate, const struct public_key *key, struct err *err)
{
    uint8_t der[128];
    int len = mbedtls_pk_write_pubkey_der(&certificate->pk, der, sizeof(der));

    if (len >= KEY_SIZE && memcmp(der + sizeof(der) - KEY_SIZE, key->bytes, KEY_SIZE) == 0)
        return true;
    return err_set(err, ERR_DENIED,
                   "certificate is for another key than this node's: it answers another request");
}

static bool check_issuer(mbedtls_x509_crt *certificate, mbedtls_x509_crt *ca, struct err *err)
{
    const uint32_t dates = MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE;
    uint32_t flags = 0;

    if (mbedtls_x509_crt_verify(certificate, ca, NULL, NULL, &flags, NULL, NULL) == 0 ||
        (flags & ~dates) == 0)
        return true;
    return err_set(err, ERR_DENIED, "certificate was not made by the CA that came with it");
}

bool certificate_check(const char *pem, const char *ca_pem, const char *name,
                       const struct public_key *key, struct err *err)
{
    mbedtls_x509_crt certificate;
    mbedtls_x509_crt ca;
    bool good;

    mbedtls_x509_crt_init(&certificate);
    mbedtls_x509_crt_init(&ca);
    good = mbed_start() && parse(&certificate, pem, "certificate", err) &&
           parse(&ca, ca_pem, "CA", err) && check_name(&certificate, name, err) &&
           check_key(&certificate, key, err) && check_issuer(&certificate, &ca, err);
    mbedtls_x509_crt_free(&certificate);
    mbedtls_x509_crt_free(&ca);
    return good;
}
