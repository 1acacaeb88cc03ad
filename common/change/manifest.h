/*
 * manifest: a change compiled for each node to literal operations, with its stages, proofs and
 * times. Its body's bytes are what is hashed and signed; this is their decoded form.
 */
#ifndef COMMON_CHANGE_MANIFEST_H
#define COMMON_CHANGE_MANIFEST_H

#include "common/change/check.h"
#include "common/change/roster.h"
#include "common/net/flow.h"
#include "common/net/operation.h"

/* Gates: the eight questions and hold (design 10). */
enum gate {
    GATE_WORKING,
    GATE_NEEDED,
    GATE_APPROVED,
    GATE_REVERSIBLE,
    GATE_ONE_FIRST,
    GATE_CLUSTER_PATH,
    GATE_SSH_PATH,
    GATE_DOCUMENTED,
    GATE_HOLD,
    GATE_COUNT,
};

/* What a signed manifest may waive, each with a reason. */
enum waiver {
    WAIVE_NEEDED,
    WAIVE_CONSOLE,
    WAIVE_PREDICTION,
    WAIVE_LINT,
    WAIVE_WINDOW,
    WAIVE_QUARANTINE,
    WAIVE_QUORUM,
    WAIVE_PROTECTED_FIRST,
    WAIVE_COUNT,
};

enum pause_after { PAUSE_FIRST, PAUSE_EACH, PAUSE_NONE, PAUSE_COUNT };

struct stage {
    uint32_t nodes_count;
    char nodes[NODES_MAX][NAME_SIZE];
};

/* Where a node's sshd is seen from outside, and by whom. */
enum audience { AUDIENCE_EVERYWHERE, AUDIENCE_TAILNET, AUDIENCE_CONNECTED, AUDIENCE_COUNT };
struct ssh_target {
    struct address address;
    uint16_t port;
    enum audience audience;
    char host_key[80];
};

struct manifest_plan {
    char node[NAME_SIZE];
    uint32_t operations_count;
    struct operation *operations; /* in the order of application; owned */
    uint32_t flows_count;
    struct protected_flow flows[FLOWS_MAX];
    uint32_t checks_count;
    struct check *checks; /* critical ones of the node and those that the change fixes; owned */
    uint32_t witnesses_count;
    char witnesses[NODES_MAX][NAME_SIZE]; /* may count, never the subject */
    uint32_t quorum;                      /* absolute */
    struct ssh_target ssh;
};

struct manifest {
    char change[NAME_SIZE];
    char reason[TEXT_SIZE];
    char reference[REASON_SIZE];
    char justification[TEXT_SIZE]; /* when `needed` is waived */
    uint32_t fixes_count;
    char fixes[CHECKS_MAX][NAME_SIZE];
    struct hash fleet_hash;
    unsigned soak_s, lease_s;
    unsigned period_s; /* a renewal nonce is issued so often */
    unsigned path_s;   /* the slowest counting witness's way, with its retries */
    unsigned dial_s;   /* a new connection */
    unsigned apply_s, settle_s;
    unsigned grace_s; /* a critical check or counting witness may fail so long */
    unsigned revert_budget_s;
    enum pause_after pause_after;
    uint32_t stages_count;
    struct stage *stages; /* owned */
    uint32_t plans_count;
    struct manifest_plan *plans; /* one a target; owned */
    uint32_t roster_count;
    struct roster_entry *roster; /* guards and witnesses concerned; owned */
    bool waived[WAIVE_COUNT];
    char waiver_reasons[WAIVE_COUNT][REASON_SIZE];
};

void manifest_plan_done(struct manifest_plan *plan);
void manifest_done(struct manifest *manifest);

const char *gate_name(enum gate gate);
const char *gate_question(enum gate gate); /* in the words of docs/context */
const char *waiver_name(enum waiver waiver);
bool waiver_parse(const char *text, enum waiver *ret_waiver);

const struct manifest_plan *manifest_find_plan(const struct manifest *manifest, const char *node);
const struct roster_entry *manifest_find_entry(const struct manifest *manifest, const char *name);
/* The objects that the plan touches, each once: i goes from 0 to below manifest_plan_places; false:
 * there is none at that place. */
uint32_t manifest_plan_places(const struct manifest_plan *plan);
bool manifest_plan_object(const struct manifest_plan *plan, uint32_t i, char *ret_object,
                          size_t size);
/* The stage of a node, or -1. */
int manifest_stage_of(const struct manifest *manifest, const char *node);

/* What holds for every manifest, whoever asks: first stage exactly one node, each target in one
 * stage with one plan and a guard key, witnesses in the roster and never the subject, quorum >= 2
 * unless waived (then 1), period + path <= lease and dial + settle + path <= lease, operations
 * valid. The message shows the arithmetic. */
bool manifest_validate(const struct manifest *manifest, struct err *err);

/* At most one operation sets tailscaled's preferences: each is taken back by questions of its own,
 * and what is older waits behind each. Of a plan that is to come, not of one that stands. */
bool manifest_check_prefs(const struct manifest_plan *plan, struct err *err);

/* How long the whole trial of a node may take: apply, settle, soak, two leases, revert. */
unsigned manifest_trial_max_s(const struct manifest *manifest);

/* By so much may two hosts' clocks differ. */
enum { MANIFEST_CLOCK_S = 60 };

/* The longest that an approval of it may hold: a week, or twice what its stages can take. */
int64_t manifest_valid_max_s(const struct manifest *manifest);

#endif
