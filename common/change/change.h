/*
 * change: what an operator writes: reason, reference, targets, operations, extra checks; and the
 * fleet that it is compiled against.
 */
#ifndef COMMON_CHANGE_CHANGE_H
#define COMMON_CHANGE_CHANGE_H

#include "common/change/manifest.h"
#include "common/change/proof.h"
#include "common/net/protect.h"

enum change_step_kind { STEP_OPERATION, STEP_PROTECT };

struct change_step {
    enum change_step_kind kind;
    unsigned protect;           /* bits of enum protect_what */
    struct operation operation; /* exit node still as written: exit_node_name */
};

struct change {
    char name[NAME_SIZE];
    char reason[TEXT_SIZE];
    char reference[REASON_SIZE];
    char justification[TEXT_SIZE];
    uint32_t fixes_count;
    char fixes[CHECKS_MAX][NAME_SIZE];
    uint32_t targets_count;
    char targets[NODES_MAX][NAME_SIZE];
    uint32_t steps_count;
    struct change_step steps[64];
    uint32_t checks_count;
    struct check checks[CHECKS_MAX];
    unsigned soak_s, lease_s; /* 0: the fleet's policy */
    unsigned stage_size;      /* 0: the fleet's policy */
    bool has_pause_after;     /* false: the fleet's policy */
    enum pause_after pause_after;
    bool waived[WAIVE_COUNT];
    char waiver_reasons[WAIVE_COUNT][REASON_SIZE];
    uint32_t quarantines_count; /* receipts named by the operator: hash in hex, with the reason */
    struct lift quarantines[LIFTS_MAX];
};

struct fleet_node {
    char name[NAME_SIZE];
    bool witness_only, first, is_protected, exit_node, api_server;
    struct ssh_target ssh;   /* port 22 unless said */
    char console[NAME_SIZE]; /* "physical", a provider's name, "" for none declared */
    char console_id[NAME_SIZE];
};

struct fleet_check {
    struct check check;
    uint32_t nodes_count; /* `for`; 0: all */
    char nodes[NODES_MAX][NAME_SIZE];
};

struct policy {
    unsigned soak_s, lease_s, approvals;
    enum pause_after pause_after;
    unsigned soak_min_s;
    unsigned stage_size; /* nodes of a stage behind the first, which is one node always */
};

/* fleet.yaml, decoded. */
struct fleet_file {
    uint32_t nodes_count;
    struct fleet_node nodes[NODES_MAX];
    uint32_t checks_count;
    struct fleet_check checks[CHECKS_MAX];
    struct protect_cluster cluster; /* pods, services, api-server, controllers */
    struct policy policy;
};

const struct fleet_node *fleet_file_find(const struct fleet_file *fleet, const char *name);

/* Where connections to this address come from: the peers for a tailnet one, the connected network
 * for a private one, everywhere otherwise. */
enum audience fleet_file_audience(const struct address *address);

/* What is checked on a node or witness: built in (on nodes ssh-reply-path, api-server-path,
 * controller) and declared for it, with defaults filled in. Writes at most max, returns how many
 * there are. */
size_t fleet_file_checks(const struct fleet_file *fleet, const char *node, struct check *ret_checks,
                         size_t max);

/* No node or witness has more checks than are looked at (CHECKS_MAX). */
bool fleet_file_fits(const struct fleet_file *fleet, struct err *err);

/* Each target's snapshot, in the order of change->targets. */
struct change_inputs {
    const struct fleet_file *fleet;
    const struct hash *fleet_hash;
    const struct roster *roster;
    const struct snapshot *snapshots;
};

/* Compiles to literal operations per node, stages (`first` first and alone, then stage_size nodes
 * each, protected ones last and alone), checks, witnesses, quorum and times. ret_manifest is the
 * caller's to end with manifest_done. */
bool change_compile(const struct change *change, const struct change_inputs *inputs,
                    struct manifest *ret_manifest, struct err *err);

/* The index in change->targets of the node that goes first, and why; false when there is none that
 * may: no targets, one that the fleet does not know, or only protected ones without a waiver. */
bool change_choose_first(const struct change *change, const struct fleet_file *fleet,
                         uint32_t *ret_index, struct text *ret_reason, struct err *err);

#endif
