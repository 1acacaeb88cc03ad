/*
 * sim: a whole fleet in one process, under a virtual clock: the shipped deciding halves of guard
 * and controller, with everything around them drawn from one seed.
 *
 * What is simulated: the network (loss, delay, duplication, reordering, one-way and new-dials-only
 * partitions), disks (slow, refusing, losing what was not synced), the kernel (as the set of
 * operations that are in it), witnesses, people, and the death of every process at any moment.
 * Facts that need a key come in as booleans, as they do in the product.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "agent/guard/core/trial.h"
#include "common/core/mem.h"
#include "controller/core/rollout.h"

enum {
    SIM_NODES = 3,
    SIM_HOSTS = SIM_NODES + 1, /* and a witness outside */
    SIM_WITNESS = SIM_NODES,
    SIM_OPERATIONS = 3, /* a shield, a rule, a pref that persists */
    SIM_SHIELD = 0,
    SIM_RULE = 1,
    SIM_PREF = 2,
    SIM_STATEMENTS_MAX = 32,
    SIM_DISK_MAX = 512,
    SIM_ATTEMPTS_MAX = 4,
    SIM_SOAK_S = 20,
    SIM_LEASE_S = 12,
};

/* ---- chance, from the seed ------------------------------------------------------------------- */

struct chance {
    uint64_t state;
};
uint64_t chance_next(struct chance *chance);
/* Uniform in [from, to]. */
int64_t chance_between(struct chance *chance, int64_t from, int64_t to);
/* True so many times in a thousand. */
bool chance_permille(struct chance *chance, unsigned permille);
struct nonce chance_nonce(struct chance *chance);

/* Which faults this seed has, swarm style: most are zero in most seeds. */
struct faults {
    unsigned loss_permille, duplicate_permille;
    int64_t delay_max_ms;
    unsigned partition_permille; /* these: chance a second, for each host */
    unsigned dials_permille;
    unsigned guard_crash_permille, agent_crash_permille, reboot_permille, freeze_permille;
    unsigned controller_crash_permille;
    unsigned disk_slow_permille, disk_fail_permille; /* a record */
    unsigned undo_fail_permille, apply_fail_permille;
    unsigned wall_step_permille;
    unsigned people_permille; /* abort, emergency, next out of turn: chance a second */
    unsigned bad_permille;    /* a node that the change cuts off, or whose own check it breaks */
};
void faults_draw(struct faults *faults, struct chance *chance);

/* ---- messages -------------------------------------------------------------------------------- */

struct sim_statement {
    int signer, subject; /* hosts */
    struct hash body;
    struct nonce nonce;
    enum phase phase;
    enum verdict_value value; /* of ssh, or of the own check */
    unsigned soak_s;
};

enum message_kind {
    /* controller to a host's agent */
    ASK_STACK,
    ASK_PREPARE,
    ASK_START,
    ASK_ABORT,
    ASK_POP,
    ASK_STATEMENT, /* witness */
    ASK_STANDING,
    GIVE_STATEMENT, /* to the subject's guard */
    /* a host's agent to the controller */
    TELL_STACK,
    TELL_PREPARED,
    TELL_NONCE,
    TELL_STATEMENT,
    TELL_REFUSED,
    TELL_RECEIPT,
};

struct message {
    enum message_kind kind;
    int host; /* the one that is not the controller */
    int subject;
    struct generation_id id;
    struct nonce nonce;
    enum phase phase;
    bool fresh, last, expired;
    struct sim_statement statement;
    uint32_t statements_count;
    struct sim_statement statements[SIM_STATEMENTS_MAX];
    bool has_fellow;
    struct receipt receipt; /* or the fellow's */
    struct stack stack;
};

/* ---- hosts ----------------------------------------------------------------------------------- */

struct disk_entry {
    struct guard_record record;
    bool synced;
};

struct host {
    char name[NAME_SIZE];
    bool guard_up, agent_up, frozen;
    bool up_link, down_link; /* to and from the controller */
    bool dials;              /* new connections get through */
    unsigned life;           /* of its guard: what an earlier one asked for goes nowhere */
    unsigned timer;          /* the newest set timer */
    int64_t wall_offset_s;
    mono_t work_until, disk_until;
    /* what the change does to it */
    bool cuts_ssh, breaks_own, cuts_controller;
    bool fixes_fail;
    bool in_kernel[SIM_OPERATIONS];
    uint32_t disk_count;
    struct disk_entry *disk; /* SIM_DISK_MAX */
    struct trial *trial;
    struct ledger *ledger;
};

/* ---- events ---------------------------------------------------------------------------------- */

enum event_kind {
    HAPPENS_MESSAGE,
    HAPPENS_TIMER, /* of a guard */
    HAPPENS_WORK,  /* a guard's kernel work is done */
    HAPPENS_DISK,  /* a guard's record is written */
    HAPPENS_LOCAL, /* statement of the own agent, to its guard */
    HAPPENS_LEAD,  /* the controller's timer */
    HAPPENS_CHAOS, /* every second: faults are drawn */
    HAPPENS_GUARD_START,
    HAPPENS_AGENT_START,
    HAPPENS_THAW,
    HAPPENS_CONTROLLER_START,
    HAPPENS_PEOPLE,
    HAPPENS_LINK, /* a partition ends */
};

struct happening {
    mono_t at;
    uint64_t order; /* what is due at the same time happens in the order of asking */
    enum event_kind kind;
    int host;
    unsigned life; /* of whoever asked */
    uint64_t number;
    enum guard_effect_kind work;
    uint32_t operation;
    bool ok;
    struct message *message;     /* owned */
    struct guard_record *record; /* owned */
};

/* ---- the controller -------------------------------------------------------------------------- */

struct lead {
    bool up;
    unsigned life, timer;
    struct rollout *rollout;
    struct rollout_record stored;
    bool has_stored;
    uint32_t statements_count;
    struct sim_statement statements[256];
    struct {
        bool has;
        struct receipt receipt;
    } receipts[SIM_ATTEMPTS_MAX][SIM_NODES]; /* stored, by attempt */
};

/* ---- the world ------------------------------------------------------------------------------- */

struct check_model; /* checker.c: shares no code with the machines */

struct world {
    uint64_t seed;
    struct chance chance;
    struct faults faults;
    mono_t now, quiet_from;
    bool trace, quiet;
    uint64_t order;
    size_t heap_count, heap_capacity;
    struct happening *heap;
    struct host hosts[SIM_HOSTS];
    struct lead lead;
    uint32_t attempt; /* index of the newest that was signed */
    struct approval *approvals;
    struct manifest *manifest;
    struct hash body;
    struct guard_effects *guard_effects;
    struct rollout_effects *lead_effects;
    struct check_model *model;
    uint64_t happenings;
    uint64_t hashes; /* how many receipts were signed: their names */
    char violation[400];
};

struct world *world_new(uint64_t seed, bool trace);
void world_free(struct world *world);
/* Runs until it ends; false when an invariant broke: world->violation says which. */
bool world_run(struct world *world);

void world_schedule(struct world *world, const struct happening *happening);
void world_say(struct world *world, const char *who, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int64_t world_unix(const struct world *world, const struct host *host);
/* The first violation is kept. */
void world_violate(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* network.c */
void network_send(struct world *world, struct message *message); /* takes it */
void network_deliver(struct world *world, struct message *message);

/* guard_host.c: one guard's shell */
void guard_start(struct world *world, int host, enum end_cause cause);
void guard_stop(struct world *world, int host, bool power_lost);
/* A hello begins: the controller's session asks for the signed stack. */
void network_greet(struct world *world, int host);
void guard_take_message(struct world *world, struct message *message);
void guard_take_happening(struct world *world, const struct happening *happening);
bool sim_sees(const struct world *world, int witness, int subject);
bool sim_is_changed(const struct host *host);

/* lead.c: the controller's shell */
void lead_start(struct world *world);
void lead_stop(struct world *world);
void lead_take_message(struct world *world, const struct message *message);
void lead_give(struct world *world, struct rollout_event *ev);
void lead_timeout(struct world *world);
/* Signs the next attempt and starts a rollout of it. */
void lead_sign(struct world *world);

/* chaos.c: faults and people */
void chaos_strike(struct world *world);
void chaos_end(struct world *world);
void chaos_take_happening(struct world *world, const struct happening *happening);

/* ---- checker.c: what is told to the model, as it is seen from outside ------------------------ */

struct check_model *model_new(struct world *world);
void model_free(struct check_model *model);
void model_touch(struct check_model *model, int host, const struct generation_id *id,
                 uint32_t operation);
void model_undone(struct check_model *model, int host, uint32_t operation);
void model_reverting(struct check_model *model, int host);
void model_nonce(struct check_model *model, int host, const struct guard_nonce *nonce);
void model_proof(struct check_model *model, int host, const struct sim_statement *statement);
void model_record(struct check_model *model, int host, const struct guard_record *record);
void model_receipt(struct check_model *model, int host, const struct receipt *receipt);
void model_guard_died(struct check_model *model, int host);
void model_rebooted(struct check_model *model, int host);
/* A start with these statements has reached the guard. */
void model_start(struct check_model *model, const struct message *start);
/* After every happening. */
void model_check(struct check_model *model);
/* When everything is quiet: liveness and agreement. */
void model_check_end(struct check_model *model);

#endif
