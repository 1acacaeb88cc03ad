/*
 * roster: the operator-signed list of nodes and witnesses with their public keys, and of those that
 * are under maintenance.
 */
#ifndef COMMON_CHANGE_ROSTER_H
#define COMMON_CHANGE_ROSTER_H

#include "common/core/bytes.h"
#include "common/core/err.h"
#include "common/core/limits.h"

struct roster_entry {
    char name[NAME_SIZE];
    bool witness_only; /* an agent without a guard */
    struct public_key agent_key;
    struct public_key guard_key; /* zero for a witness */
};

/* Somebody works there: it is not changed, and its checks take nobody else's trial back. */
struct maintenance {
    char node[NAME_SIZE];
    char reason[REASON_SIZE]; /* never empty */
    int64_t until;            /* unix seconds; 0: until it is taken out */
};

struct roster {
    uint64_t version; /* one more at each signing */
    uint32_t entries_count;
    struct roster_entry entries[FLEET_MAX];
    uint32_t maintenance_count;
    struct maintenance maintenance[NODES_MAX]; /* one a node, of those in entries */
};

/* NULL: not there. */
const struct roster_entry *roster_find(const struct roster *roster, const char *name);

/* Puts or replaces the entry of that name; refuses a key that stands under another name. */
bool roster_put(struct roster *roster, const struct roster_entry *entry, struct err *err);

/* False: it was not there. Its maintenance goes with it. */
bool roster_remove(struct roster *roster, const char *name);

/* Puts or replaces that of its node; refuses a node that is not there, and one without a reason. */
bool roster_maintain(struct roster *roster, const struct maintenance *maintenance, struct err *err);
/* NULL: it is not under maintenance. */
const struct maintenance *roster_find_maintenance(const struct roster *roster, const char *node);
/* False: it was not under maintenance. */
bool roster_end_maintenance(struct roster *roster, const char *node);

/* Roles of the trust root's keys. */
enum trust_role { TRUST_APPROVER = 1, TRUST_OPERATOR = 2 }; /* bits */

struct trust_key {
    char name[NAME_SIZE];
    unsigned roles;
    struct public_key key;
};

/* What root installed on a node: who may sign, and the bounds that no manifest may leave. */
struct trust {
    uint32_t keys_count;
    struct trust_key keys[KEYS_MAX];
    unsigned threshold; /* approvals needed */
    unsigned soak_min_s;
    unsigned lease_max_s;
};

const struct trust_key *trust_find(const struct trust *trust, const struct public_key *key);

#endif
