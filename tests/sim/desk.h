/*
 * desk: what the simulated controller works with beside its rollout: fleet.yaml, what agents have
 * told of their nodes, and the holds. From them the shipped gates answer.
 */
#ifndef TESTS_SIM_DESK_H
#define TESTS_SIM_DESK_H

#include "controller/core/gates.h"
#include "tests/sim/agent.h"
#include "tests/sim/message.h"

enum { GATE_SAID_COUNT = 4, GATE_SAID_WAIVED = 3 }; /* by verdict, and what was waived */

struct desk {
    struct fleet_file *file;
    struct fleet fleet;
    struct holds holds;
    struct holds backup;                     /* as an older database has them */
    struct roster *roster;                   /* whom it says to be under maintenance */
    struct check_state looks[SIM_HOSTS_MAX]; /* of its agent, at the database */
    /* What was told last of a node's checks, and of whom a witness reaches: its verdict, and one.
     */
    uint8_t told[SIM_HOSTS_MAX][SIM_CHECKS], reached[SIM_HOSTS_MAX][SIM_HOSTS_MAX];
    int witnesses[SIM_HOSTS_MAX][SIM_HOSTS_MAX]; /* of each node, by number, in its plan's order */
    uint64_t said[GATE_COUNT][GATE_SAID_COUNT];  /* how often a gate came to that */
    uint64_t held[HOLD_KIND_COUNT];              /* how often such a hold was in the way */
};

struct world;
struct rollout_event;

/* Behind world_build(). */
struct desk *desk_new(struct world *world);
void desk_done(struct desk *desk);

/* A controller that starts knows its holds, and of the nodes nothing. */
void desk_restart(struct world *world);
/* A second of the agents: they look, and who is heard tells; a check that newly fails is told on.
 */
void desk_take_reports(struct world *world);
/* The shipped gates before that stage, after whoever is reached was asked. */
void desk_answer_gates(struct world *world, uint32_t stage, struct rollout_event *ev, char *reason,
                       size_t size);

/* The controller's wall clock. */
int64_t desk_unix(const struct world *world);
/* What a receipt bars. */
void desk_quarantine(struct world *world, int host, const struct receipt *receipt,
                     const struct hash *hash);
/* Quarantines that the approval names, on nodes that have begun. */
void desk_lift_begun(struct world *world);
/* What the roster says of maintenance becomes holds, or ends them. */
void desk_take_roster(struct world *world);
void desk_backup(struct world *world);
void desk_restore(struct world *world);

#endif
