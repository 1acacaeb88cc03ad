/*
 * certificate: whose a certificate is, and whether the CA beside it made it.
 */
#ifndef AGENT_IO_CERTIFICATE_H
#define AGENT_IO_CERTIFICATE_H

#include "common/io/sign.h"

/* True if the certificate is one that ca_pem signed, for name (its CN, the only RDN) and key. Says
 * nothing of its dates: a node's clock may be wrong when it joins. */
bool certificate_check(const char *pem, const char *ca_pem, const char *name,
                       const struct public_key *key, struct err *err);

#endif
