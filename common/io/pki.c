/*
 * pki: the fleet's own X.509: one CA, certificates of a single RDN.
 */
#include "common/io/pki.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/core/limits.h"
#include "common/core/name.h"
#include "common/core/text.h"
#include "common/io/sign_mbed.h"
#include "common/net/address.h"

#include <mbedtls/asn1write.h>
#include <mbedtls/oid.h>
#include <mbedtls/x509.h>

enum { SERIAL_SIZE = 16, EXTENSION_SIZE = 1024 };

static bool fail(struct err *err, const char *what, int code)
{
    char text[160];

    mbedtls_strerror(code, text, sizeof(text));
    return err_set(err, ERR_SYSTEM, "certificate: %s: %s", what, text);
}

static void format_time(int64_t unix_s, char *to, size_t size)
{
    time_t at = (time_t)unix_s;
    struct tm parts;

    gmtime_r(&at, &parts);
    strftime(to, size, "%Y%m%d%H%M%S", &parts);
}

/* ---- extensions ----------------------------------------------------------------------------- */

/* GeneralName (RFC 5280 4.2.1.6): an address as iPAddress [7], else dNSName [2]. Writes backwards
 * before *at; returns the length or mbedTLS' error. */
static int write_general_name(unsigned char **at, unsigned char *start, const char *name)
{
    struct address address;
    const unsigned char *value = (const unsigned char *)name;
    size_t len = strlen(name);
    unsigned char tag = 2;
    int written;

    if (address_parse(name, &address)) {
        value = address.bytes;
        len = address_bits(address.family) / 8;
        tag = 7;
    }
    written = mbedtls_asn1_write_raw_buffer(at, start, value, len);
    if (written < 0)
        return written;
    written += mbedtls_asn1_write_len(at, start, len);
    return written +
           mbedtls_asn1_write_tag(at, start, (unsigned char)(MBEDTLS_ASN1_CONTEXT_SPECIFIC | tag));
}

static int wrap_sequence(unsigned char **at, unsigned char *start, int len)
{
    int head = mbedtls_asn1_write_len(at, start, (size_t)len);

    return len + head +
           mbedtls_asn1_write_tag(at, start, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
}

static int set_names(mbedtls_x509write_cert *cert, const struct pki_request *request)
{
    unsigned char buffer[EXTENSION_SIZE];
    unsigned char *at = buffer + sizeof(buffer);
    int len = 0;

    for (const char *const *name = request->addresses; name != NULL && *name != NULL; name++) {
        int written = write_general_name(&at, buffer, *name);

        if (written < 0)
            return written;
        len += written;
    }
    len += write_general_name(&at, buffer, request->name);
    len = wrap_sequence(&at, buffer, len);
    return mbedtls_x509write_crt_set_extension(cert, MBEDTLS_OID_SUBJECT_ALT_NAME,
                                               MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_ALT_NAME), 0,
                                               at, (size_t)len);
}

/* Extended key usage: clients are agents and operators, a controller is a server. */
static int set_usage(mbedtls_x509write_cert *cert, enum pki_usage usage)
{
    const char *oid = usage == PKI_CONTROLLER ? MBEDTLS_OID_SERVER_AUTH : MBEDTLS_OID_CLIENT_AUTH;
    size_t oid_len = usage == PKI_CONTROLLER ? MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)
                                             : MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH);
    unsigned char buffer[64] = {0};
    unsigned char *at = buffer + sizeof(buffer);
    int len = mbedtls_asn1_write_oid(&at, buffer, oid, oid_len);

    len = wrap_sequence(&at, buffer, len);
    return mbedtls_x509write_crt_set_extension(cert, MBEDTLS_OID_EXTENDED_KEY_USAGE,
                                               MBEDTLS_OID_SIZE(MBEDTLS_OID_EXTENDED_KEY_USAGE), 0,
                                               at, (size_t)len);
}

/* ---- certificates --------------------------------------------------------------------------- */

static int set_validity(mbedtls_x509write_cert *cert, int64_t not_before, int64_t not_after)
{
    char first[20];
    char last[20];
    unsigned char serial[SERIAL_SIZE];

    format_time(not_before, first, sizeof(first));
    format_time(not_after, last, sizeof(last));
    clock_random(serial, sizeof(serial));
    serial[0] = (unsigned char)((serial[0] & 0x7f) | 0x01); /* positive, no leading zero */
    mbedtls_x509write_crt_set_version(cert, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(cert, MBEDTLS_MD_SHA256);
    if (mbed_set_serial(cert, serial, sizeof(serial)) != 0)
        return MBEDTLS_ERR_X509_BAD_INPUT_DATA;
    return mbedtls_x509write_crt_set_validity(cert, first, last);
}

static bool write_pem(mbedtls_x509write_cert *cert, char *ret_pem, struct err *err)
{
    int failed =
        mbedtls_x509write_crt_pem(cert, (unsigned char *)ret_pem, PKI_PEM_SIZE, mbed_random, NULL);

    return failed == 0 || fail(err, "write", failed);
}

bool pki_make_ca(const struct sign_key *ca_key, const char *name, int64_t not_before,
                 int64_t not_after, char *ret_pem, struct err *err)
{
    mbedtls_x509write_cert cert;
    char subject[NAME_SIZE + 4];
    int failed;
    bool done;

    if (!name_check("CA", name, err))
        return false;
    snprintf(subject, sizeof(subject), "CN=%s", name);
    mbedtls_x509write_crt_init(&cert);
    mbedtls_x509write_crt_set_subject_key(&cert, sign_key_mbed(ca_key));
    mbedtls_x509write_crt_set_issuer_key(&cert, sign_key_mbed(ca_key));
    failed = mbedtls_x509write_crt_set_subject_name(&cert, subject) |
             mbedtls_x509write_crt_set_issuer_name(&cert, subject) |
             set_validity(&cert, not_before, not_after) |
             mbedtls_x509write_crt_set_basic_constraints(&cert, 1, 0) |
             mbedtls_x509write_crt_set_key_usage(&cert, MBEDTLS_X509_KU_KEY_CERT_SIGN) |
             mbedtls_x509write_crt_set_subject_key_identifier(&cert) |
             mbedtls_x509write_crt_set_authority_key_identifier(&cert);
    done = failed == 0 ? write_pem(&cert, ret_pem, err) : fail(err, "make the CA", failed);
    mbedtls_x509write_crt_free(&cert);
    return done;
}

/* The CA's own subject, as text for the issuer. */
static bool read_issuer(const char *ca_pem, char *to, size_t size, struct err *err)
{
    mbedtls_x509_crt ca;
    int failed;
    int len = -1;

    mbedtls_x509_crt_init(&ca);
    failed = mbedtls_x509_crt_parse(&ca, (const unsigned char *)ca_pem, strlen(ca_pem) + 1);
    if (failed == 0)
        len = mbedtls_x509_dn_gets(to, size, &ca.subject);
    mbedtls_x509_crt_free(&ca);
    return len > 0 || fail(err, "read the CA", failed);
}

bool pki_issue(const struct sign_key *ca_key, const char *ca_pem, const struct pki_request *request,
               char *ret_pem, struct err *err)
{
    mbedtls_x509write_cert cert;
    mbedtls_pk_context subject_key;
    char subject[NAME_SIZE + 4];
    char issuer[NAME_SIZE + 16];
    int failed;
    bool done;

    if (!name_check("certificate", request->name, err) ||
        !read_issuer(ca_pem, issuer, sizeof(issuer), err))
        return false;
    snprintf(subject, sizeof(subject), "CN=%s", request->name);
    mbedtls_x509write_crt_init(&cert);
    mbedtls_pk_init(&subject_key);
    failed = sign_parse_public(&subject_key, request->key);
    if (failed == 0) {
        mbedtls_x509write_crt_set_subject_key(&cert, &subject_key);
        mbedtls_x509write_crt_set_issuer_key(&cert, sign_key_mbed(ca_key));
        failed = mbedtls_x509write_crt_set_subject_name(&cert, subject) |
                 mbedtls_x509write_crt_set_issuer_name(&cert, issuer) |
                 set_validity(&cert, request->not_before, request->not_after) |
                 mbedtls_x509write_crt_set_basic_constraints(&cert, 0, -1) |
                 mbedtls_x509write_crt_set_key_usage(&cert, MBEDTLS_X509_KU_DIGITAL_SIGNATURE) |
                 set_usage(&cert, request->usage) | set_names(&cert, request);
    }
    done = failed == 0 ? write_pem(&cert, ret_pem, err) : fail(err, "issue", failed);
    mbedtls_pk_free(&subject_key);
    mbedtls_x509write_crt_free(&cert);
    return done;
}
