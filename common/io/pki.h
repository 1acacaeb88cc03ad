/*
 * pki: the fleet's own X.509: one CA, certificates of a single RDN (CN=name) for agents,
 * controllers and operators.
 */
#ifndef COMMON_IO_PKI_H
#define COMMON_IO_PKI_H

#include "common/io/sign.h"

enum pki_usage { PKI_AGENT, PKI_CONTROLLER, PKI_OPERATOR };

struct pki_request {
    const char *name;     /* CN */
    enum pki_usage usage; /* client or server; in the OU-free subject's SAN as a DNS name */
    const struct public_key *key;
    int64_t not_before, not_after; /* unix seconds */
    const char *const *addresses;  /* SAN: IP addresses or DNS names of a controller; NULL-ended */
};

enum { PKI_PEM_SIZE = 4096 };

/* A self-signed CA certificate, PEM into ret_pem (PKI_PEM_SIZE). */
bool pki_make_ca(const struct sign_key *ca_key, const char *name, int64_t not_before,
                 int64_t not_after, char *ret_pem, struct err *err);
bool pki_issue(const struct sign_key *ca_key, const char *ca_pem, const struct pki_request *request,
               char *ret_pem, struct err *err);

#endif
