/*
 * identity: who this agent is: name, key, certificate, as `request` and `install` left them in the
 * state directory.
 */
#ifndef AGENT_IO_IDENTITY_H
#define AGENT_IO_IDENTITY_H

#include "common/io/config.h"
#include "common/io/link.h"
#include "common/io/sign.h"

/* Files in the agent's state directory; the guard's has a key and a name of the same file names. */
#define IDENTITY_KEY "key.pem"
#define IDENTITY_CERTIFICATE "cert.pem"
#define IDENTITY_CA "ca.pem"
#define IDENTITY_NAME "name"
#define IDENTITY_ROSTER "roster"
#define IDENTITY_CONTROLLERS "controllers" /* one a line; used when agent.yaml names none */

struct identity {
    char name[NAME_SIZE];
    bool witness_only;    /* agent.yaml names no guard's socket */
    struct sign_key *key; /* owned */
    int state_fd;         /* owned: its lock says that this name's agent runs */
    char ca_path[PATH_SIZE], cert_path[PATH_SIZE], key_path[PATH_SIZE];
    char boot_id[48];
    uint32_t controllers_count; /* agent.yaml's, else the installed ones */
    char controllers[CONTROLLERS_MAX][PATH_SIZE];
};

/* ERR_CONFLICT when another process has loaded the same one and lives. */
bool identity_load(const struct agent_config *config, struct identity *ret_identity,
                   struct err *err);
void identity_done(struct identity *identity);

/* Lends paths. */
struct link_tls identity_tls(const struct identity *identity);

#endif
