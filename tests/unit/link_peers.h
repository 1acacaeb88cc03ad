/*
 * link_peers: certificates in a directory of their own, and a TLS peer that is not nng, for
 * test_link.
 */
#ifndef TESTS_UNIT_LINK_PEERS_H
#define TESTS_UNIT_LINK_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/limits.h"
#include "common/io/link.h"
#include "common/io/pki.h"

struct identity { /* files, and who they belong to */
    char ca[340], cert[340], key[340];
};

/* A certificate authority and the certificates that it issues. */
struct authority {
    struct sign_key *key;
    char pem[PKI_PEM_SIZE];
    char directory[200];
    char name[NAME_SIZE];
};
void authority_make(struct authority *authority, const char *directory, const char *name);
void authority_done(struct authority *authority);
void authority_issue(const struct authority *authority, const char *name, enum pki_usage usage,
                     struct identity *ret_identity);
void identity_remove(const struct identity *identity);
struct link_tls identity_tls(const struct identity *identity);

/* Dials 127.0.0.1:port with mbedTLS and waits for the first bytes of nng's protocol, which come
 * only when the other side has accepted us. identity NULL: without a certificate. The certificate
 * that is shown is not verified. */
bool peer_is_let_in(unsigned port, const struct identity *identity);

/* Is let in, announces a message of so many bytes and waits for the end; true when the other side
 * hung up on it. */
bool peer_is_dropped_for(unsigned port, const struct identity *identity, uint64_t len);

/* Accepts one connection on fd (listening) and says whether the client went through with the
 * handshake and spoke. */
bool peer_is_trusted(int fd, const struct identity *identity);

/* A listening socket on 127.0.0.1; the port that it got. */
int peer_listen(unsigned *ret_port);

/* Connects and hangs up, after sending so many bytes of nonsense. */
void peer_hang_up(unsigned port, unsigned bytes);

/* Says hello by TLS and is gone before the answer. False: nobody listens. */
bool peer_break_off(unsigned port);

#endif
