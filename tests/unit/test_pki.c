/*
 * test_pki: what is issued verifies as a TLS peer would verify it, and nothing else does.
 */
#include "common/io/pki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/io/clock.h"
#include "common/io/mbed.h"

#include <mbedtls/oid.h>

#include <cmocka.h>

enum { DAY = 86400 };

struct desk {
    struct sign_key *ca_key, *key;
    struct public_key public;
    char ca[PKI_PEM_SIZE];
    char certificate[PKI_PEM_SIZE];
    struct pki_request request;
};

static int open_desk(void **state)
{
    struct desk *desk = mem_alloc(1, sizeof(*desk));
    int64_t now = clock_unix();
    struct err err = ERR_INIT;

    desk->ca_key = sign_key_generate();
    desk->key = sign_key_generate();
    sign_key_public(desk->key, &desk->public);
    if (!pki_make_ca(desk->ca_key, "oceanid-ca", now - DAY, now + DAY, desk->ca, &err))
        fail_msg("%s", err.text);
    desk->request = (struct pki_request){.name = "srv712695",
                                         .usage = PKI_AGENT,
                                         .key = &desk->public,
                                         .not_before = now - DAY,
                                         .not_after = now + DAY};
    *state = desk;
    return 0;
}

static int close_desk(void **state)
{
    struct desk *desk = *state;

    sign_key_free(desk->ca_key);
    sign_key_free(desk->key);
    free(desk);
    return 0;
}

static void parse(const char *pem, mbedtls_x509_crt *ret_certificate)
{
    mbedtls_x509_crt_init(ret_certificate);
    assert_int_equal(
        mbedtls_x509_crt_parse(ret_certificate, (const unsigned char *)pem, strlen(pem) + 1), 0);
}

/* What mbedTLS has against the chain; name NULL: any. */
static uint32_t verify(const char *pem, const char *ca_pem, const char *name)
{
    mbedtls_x509_crt certificate;
    mbedtls_x509_crt ca;
    uint32_t flags = 0;

    parse(pem, &certificate);
    parse(ca_pem, &ca);
    mbedtls_x509_crt_verify(&certificate, &ca, NULL, name, &flags, NULL, NULL);
    mbedtls_x509_crt_free(&certificate);
    mbedtls_x509_crt_free(&ca);
    return flags;
}

static void issue(struct desk *desk)
{
    struct err err = ERR_INIT;

    if (!pki_issue(desk->ca_key, desk->ca, &desk->request, desk->certificate, &err))
        fail_msg("%s", err.text);
}

static void an_issued_one_verifies_by_its_name(void **state)
{
    struct desk *desk = *state;

    issue(desk);
    assert_int_equal(verify(desk->certificate, desk->ca, "srv712695"), 0);
    assert_int_equal(verify(desk->certificate, desk->ca, "calypso"),
                     MBEDTLS_X509_BADCERT_CN_MISMATCH);
    assert_int_equal(verify(desk->ca, desk->ca, NULL), 0);
}

static void another_ca_does_not_verify_it(void **state)
{
    struct desk *desk = *state;
    struct sign_key *other_key = sign_key_generate();
    char other[PKI_PEM_SIZE];
    struct err err = ERR_INIT;

    issue(desk);
    /* The same name: only the key tells them apart. */
    assert_true(
        pki_make_ca(other_key, "oceanid-ca", clock_unix() - DAY, clock_unix() + DAY, other, &err));
    assert_int_equal(verify(desk->certificate, other, NULL), MBEDTLS_X509_BADCERT_NOT_TRUSTED);
    sign_key_free(other_key);
}

static void validity_is_held(void **state)
{
    struct desk *desk = *state;

    desk->request.not_after = clock_unix() - 60;
    issue(desk);
    assert_int_equal(verify(desk->certificate, desk->ca, NULL), MBEDTLS_X509_BADCERT_EXPIRED);
    desk->request.not_before = clock_unix() + 3600;
    desk->request.not_after = clock_unix() + DAY;
    issue(desk);
    assert_int_equal(verify(desk->certificate, desk->ca, NULL), MBEDTLS_X509_BADCERT_FUTURE);
}

static void expect_usage(struct desk *desk, enum pki_usage usage, bool server)
{
    mbedtls_x509_crt certificate;

    desk->request.usage = usage;
    issue(desk);
    parse(desk->certificate, &certificate);
    assert_int_equal(
        mbedtls_x509_crt_check_extended_key_usage(&certificate, MBEDTLS_OID_SERVER_AUTH,
                                                  MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)) == 0,
        server);
    assert_int_equal(
        mbedtls_x509_crt_check_extended_key_usage(&certificate, MBEDTLS_OID_CLIENT_AUTH,
                                                  MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH)) == 0,
        !server);
    assert_int_equal(
        mbedtls_x509_crt_check_key_usage(&certificate, MBEDTLS_X509_KU_DIGITAL_SIGNATURE), 0);
    assert_int_not_equal(
        mbedtls_x509_crt_check_key_usage(&certificate, MBEDTLS_X509_KU_KEY_CERT_SIGN), 0);
    mbedtls_x509_crt_free(&certificate);
}

static void usage_is_client_or_server(void **state)
{
    struct desk *desk = *state;

    expect_usage(desk, PKI_AGENT, false);
    expect_usage(desk, PKI_OPERATOR, false);
    expect_usage(desk, PKI_CONTROLLER, true);
}

/* Who has an agent's certificate cannot issue with it. */
static void an_issued_one_is_no_ca(void **state)
{
    struct desk *desk = *state;
    char agent[PKI_PEM_SIZE];
    char forged[PKI_PEM_SIZE];
    struct err err = ERR_INIT;

    issue(desk);
    memcpy(agent, desk->certificate, sizeof(agent));
    desk->request.name = "controller";
    if (!pki_issue(desk->key, agent, &desk->request, forged, &err))
        fail_msg("%s", err.text);
    assert_int_not_equal(verify(forged, agent, NULL), 0);
    assert_int_not_equal(verify(forged, desk->ca, NULL), 0);
}

static bool holds_bytes(const mbedtls_x509_crt *certificate, const void *what, size_t len)
{
    return memmem(certificate->raw.p, certificate->raw.len, what, len) != NULL;
}

static void a_controller_has_its_addresses(void **state)
{
    static const char *const addresses[] = {"control.example.org", "203.0.113.9", "2001:db8::9",
                                            NULL};
    static const uint8_t ipv4[] = {0x87, 4, 203, 0, 113, 9};
    struct desk *desk = *state;
    mbedtls_x509_crt certificate;

    desk->request.usage = PKI_CONTROLLER;
    desk->request.addresses = addresses;
    issue(desk);
    assert_int_equal(verify(desk->certificate, desk->ca, "control.example.org"), 0);
    parse(desk->certificate, &certificate);
    assert_true(holds_bytes(&certificate, ipv4, sizeof(ipv4)));
    assert_true(holds_bytes(&certificate, "\x87\x10\x20\x01\x0d\xb8", 6));
    mbedtls_x509_crt_free(&certificate);
}

static void the_subject_is_one_name(void **state)
{
    struct desk *desk = *state;
    mbedtls_x509_crt certificate;
    char subject[128];

    issue(desk);
    parse(desk->certificate, &certificate);
    mbedtls_x509_dn_gets(subject, sizeof(subject), &certificate.subject);
    assert_string_equal(subject, "CN=srv712695");
    mbedtls_x509_crt_free(&certificate);
}

static void refuse(struct desk *desk, const char *part)
{
    struct err err = ERR_INIT;

    assert_false(pki_issue(desk->ca_key, desk->ca, &desk->request, desk->certificate, &err));
    if (strstr(err.text, part) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, part);
}

static void what_is_no_name_or_key_is_refused(void **state)
{
    struct desk *desk = *state;
    struct public_key zero = {{0}};

    desk->request.name = "srv,O=other";
    refuse(desk, "certificate 'srv,O=other'");
    desk->request.name = "srv712695";
    desk->request.key = &zero;
    refuse(desk, "certificate: issue");
    desk->request.key = &desk->public;
    desk->ca[40] = '!';
    refuse(desk, "certificate: read the CA");
}

int main(void)
{
#define desk_test(test) cmocka_unit_test_setup_teardown(test, open_desk, close_desk)
    const struct CMUnitTest tests[] = {
        desk_test(an_issued_one_verifies_by_its_name),
        desk_test(another_ca_does_not_verify_it),
        desk_test(validity_is_held),
        desk_test(usage_is_client_or_server),
        desk_test(an_issued_one_is_no_ca),
        desk_test(a_controller_has_its_addresses),
        desk_test(the_subject_is_one_name),
        desk_test(what_is_no_name_or_key_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
