/*
 * http_peer: who asks: a local user by the kernel's word, or the holder of a certificate.
 */
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/core/name.h"
#include "common/core/text.h"
#include "controller/io/http_parts.h"
#include "controller/operator_mark.h"

static const char *const names[] = {
    [ROLE_NONE] = "none", [ROLE_VIEWER] = "viewer", [ROLE_CI] = "ci", [ROLE_OPERATOR] = "operator"};
_Static_assert(sizeof(names) / sizeof(names[0]) == HTTP_ROLE_COUNT, "name every role");

const char *http_role_name(enum http_role role)
{
    return names[role];
}

static bool parse_role(const char *text, enum http_role *ret_role)
{
    for (unsigned i = ROLE_VIEWER; i < HTTP_ROLE_COUNT; i++) {
        if (text_equal(names[i], text)) {
            *ret_role = (enum http_role)i;
            return true;
        }
    }
    return false;
}

/* ---- local users -----------------------------------------------------------------------------
 */

static void name_user(uid_t uid, char *to, size_t size)
{
    char buffer[1024];
    struct passwd entry;
    struct passwd *found = NULL;

    if (getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL)
        text_copy(to, size, found->pw_name);
    else
        snprintf(to, size, "%u", (unsigned)uid);
}

void http_identify_user(int fd, const struct config_role *roles, uint32_t roles_count,
                        struct http_peer *ret_peer)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    char number[16];

    *ret_peer = (struct http_peer){.role = ROLE_NONE};
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
        text_copy(ret_peer->denied, REASON_SIZE, "the kernel does not say which user asks");
        return;
    }
    name_user(peer.uid, ret_peer->who, sizeof(ret_peer->who));
    snprintf(number, sizeof(number), "%u", (unsigned)peer.uid);
    for (uint32_t i = 0; i < roles_count; i++) {
        if ((text_equal(roles[i].user, ret_peer->who) || text_equal(roles[i].user, number)) &&
            parse_role(roles[i].role, &ret_peer->role))
            return;
    }
    snprintf(ret_peer->denied, REASON_SIZE,
             "user %s (uid %s) has no role; controller.yaml gives one: roles: { unix: { %s: viewer "
             "} }",
             ret_peer->who, number, ret_peer->who);
}

/* ---- certificates ----------------------------------------------------------------------------
 */

/* 0: it chains to the CA that this session trusts, is of now, and is made for a client. */
static unsigned verify(gnutls_session_t session)
{
    gnutls_typed_vdata_st purpose = {GNUTLS_DT_KEY_PURPOSE_OID,
                                     (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT, 0};
    unsigned status = 0;

    if (gnutls_certificate_verify_peers(session, &purpose, 1, &status) != GNUTLS_E_SUCCESS)
        return GNUTLS_CERT_INVALID;
    return status;
}

/* Agents hold certificates of the same CA: only this mark makes an operator. */
static bool is_operator(gnutls_x509_crt_t certificate)
{
    char name[HOST_SIZE];

    for (unsigned i = 0;; i++) {
        size_t size = sizeof(name) - 1;
        int type = gnutls_x509_crt_get_subject_alt_name(certificate, i, name, &size, NULL);

        if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
            return false;
        if (type == GNUTLS_SAN_DNSNAME && size == strlen(OPERATOR_MARK) &&
            memcmp(name, OPERATOR_MARK, size) == 0)
            return true;
        if (type < 0 && type != GNUTLS_E_SHORT_MEMORY_BUFFER)
            return false;
    }
}

static void read_certificate(gnutls_x509_crt_t certificate, struct http_peer *peer)
{
    char name[NAME_SIZE];
    size_t size = sizeof(name);

    if (gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size) <
            0 ||
        !name_valid(name)) {
        text_copy(peer->denied, REASON_SIZE, "the certificate's CN is no name of this fleet");
        return;
    }
    text_copy(peer->who, sizeof(peer->who), name);
    if (is_operator(certificate))
        peer->role = ROLE_OPERATOR;
    else
        snprintf(peer->denied, REASON_SIZE, "the certificate of %s was not made for an operator",
                 name);
}

void http_identify_certificate(void *gnutls_session, struct http_peer *ret_peer)
{
    gnutls_session_t session = gnutls_session;
    unsigned count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    gnutls_x509_crt_t certificate;

    *ret_peer = (struct http_peer){.role = ROLE_NONE};
    if (chain == NULL || count == 0) {
        text_copy(ret_peer->denied, REASON_SIZE,
                  "a client certificate of the fleet's CA is needed");
        return;
    }
    if (verify(session) != 0) {
        text_copy(ret_peer->denied, REASON_SIZE,
                  "the client certificate is not of the fleet's CA, or has expired");
        return;
    }
    if (gnutls_x509_crt_init(&certificate) < 0)
        return;
    if (gnutls_x509_crt_import(certificate, &chain[0], GNUTLS_X509_FMT_DER) == GNUTLS_E_SUCCESS)
        read_certificate(certificate, ret_peer);
    gnutls_x509_crt_deinit(certificate);
}
