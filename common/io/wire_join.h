/*
 * wire_join: the two files that travel by hand when a node joins, as text that survives a terminal
 * and a mail: the node's request with its keys, and the bundle that answers it.
 */
#ifndef COMMON_IO_WIRE_JOIN_H
#define COMMON_IO_WIRE_JOIN_H

#include "common/io/config.h"
#include "common/io/pki.h"
#include "common/io/wire.h"

struct join_request {
    char name[NAME_SIZE];
    bool witness_only;
    struct public_key agent_key;
    struct public_key guard_key; /* zero for a witness */
    char version[48];
};

struct join_bundle {
    char name[NAME_SIZE];
    struct wire_bytes roster; /* Signed; owned when decoded */
    char certificate_pem[PKI_PEM_SIZE];
    char ca_pem[PKI_PEM_SIZE];
    uint32_t controllers_count;
    char controllers[CONTROLLERS_MAX][PATH_SIZE];
};
void join_bundle_done(struct join_bundle *bundle);

/* Both keys sign name and public keys: nobody can ask with a key that he does not have. guard is
 * NULL for a witness. The public keys in request are filled in from these. */
struct wire_bytes wire_encode_join_request(struct join_request *request,
                                           const struct sign_key *agent,
                                           const struct sign_key *guard);
/* Verifies the signatures too. Text around the armour is passed over. */
bool wire_decode_join_request(struct bytes from, struct join_request *ret_request, struct err *err);

struct wire_bytes wire_encode_join_bundle(const struct join_bundle *bundle);
bool wire_decode_join_bundle(struct bytes from, struct join_bundle *ret_bundle, struct err *err);

#endif
