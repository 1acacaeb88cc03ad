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
    SIM_TAIL_LINES = 30, /* of the trace, shown of a seed that fails */
    SIM_LINE_SIZE = 700,
    SIM_ROLLOUT_ROWS_MAX = 64,
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
    unsigned undo_late_permille; /* said to be done, and seen to be done seconds later */
    unsigned settle_fail_permille, prepare_fail_permille;
    unsigned wall_step_permille;
    unsigned undo_stuck_permille; /* chance a second: nothing can be undone for a while */
    unsigned late_permille;       /* of what comes twice: the second time up to two minutes later */
    unsigned backup_permille;     /* of what is stored: this is what a later restart finds */
    unsigned forget_permille;     /* of the statements for a start: it does not come along */
    unsigned gates_permille;      /* of the gates: they say no, or nothing */
    unsigned people_permille;     /* abort, emergency, next out of turn: chance a second */
    unsigned bad_permille; /* a node that the change cuts off, or whose own check it breaks */
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
    ASK_ORDER,     /* a pop that an operator signed: passed on as it is */
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
    struct hash receipt_hash;
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
    mono_t work_until, disk_until, undo_stuck_until;
    bool ordered;     /* an operator's order went there: it may be popped after all has ended */
    unsigned applied; /* how often something was: an undo that is late is of the one before */
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
    HAPPENS_LINK,   /* a partition ends */
    HAPPENS_KERNEL, /* what was undone is gone now */
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
    struct rollout_record backup;
    bool has_backup, restored; /* restored: it has forgotten what came after its backup */
    bool alone;                /* one node was taken back after all had confirmed */
    uint32_t statements_count;
    struct sim_statement statements[256];
    struct {
        bool has;
        struct receipt receipt;
        struct hash hash;
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
    bool safety; /* only what guards hold alone is checked: the controller may do what it likes */
    struct hostile *hostile;     /* and does; NULL: it means well */
    char (*tail)[SIM_LINE_SIZE]; /* the newest lines; NULL: they are printed as they come */
    uint64_t tail_count;
    /* A scenario's: true: this message is taken away. NULL: none is. */
    bool (*tap)(struct world *world, const struct message *message);
    void *scenario;
    uint64_t trial_rows[TRIAL_ROWS_MAX], rollout_rows[SIM_ROLLOUT_ROWS_MAX]; /* how often taken */
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

enum world_way { WORLD_SEEDED, WORLD_SAFETY, WORLD_HOSTILE, WORLD_CALM };
/* Calm: nothing fails by itself. */
struct world *world_new(uint64_t seed, enum world_way way);
void world_free(struct world *world);
/* Keeps the newest lines of the trace instead of printing them all. */
void world_keep_tail(struct world *world);
void world_print_tail(const struct world *world);
void world_begin(struct world *world);
/* The next thing happens; false: an invariant broke, or nothing is left. */
bool world_step(struct world *world);
/* Runs until it ends; false when an invariant broke: world->violation says which. */
bool world_run(struct world *world);

void world_schedule(struct world *world, const struct happening *happening);
void world_say(struct world *world, const char *who, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Its number; -1 if there is none. */
int world_find_host(const struct world *world, const char *name);
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
void guard_give(struct world *world, int host, struct guard_event *ev);
void guard_write_record(struct world *world, int host, const struct happening *done);
void guard_do_to_kernel(struct world *world, int host, const struct happening *work);
/* What its own agent says of it. */
struct sim_statement guard_own_statement(const struct world *world, int host,
                                         const struct nonce *nonce, enum phase phase);
void guard_count_rows(struct world *world, int host);

/* guard_events.c: what reaches it */
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
/* Rule 20: every target of every attempt has ended, by receipts that came; and as it is the same
 * body that would be signed again, none keeps it. */
bool lead_all_ended(const struct world *world);
/* Signs the next attempt and starts a rollout of it. */
void lead_sign(struct world *world);

/* chaos.c: faults and people */
void chaos_strike(struct world *world);
void chaos_end(struct world *world);
void chaos_take_happening(struct world *world, const struct happening *happening);

/* hostile.c: a controller that lies, replays and holds back, and can forge no signature */
struct hostile *hostile_new(void);
void hostile_free(struct hostile *hostile);
void hostile_hear(struct world *world, const struct message *message);
void hostile_strike(struct world *world);

/* scenarios.c: schedules of both sides, by name; 0 when each went as it has to */
int scenarios_run(const char *name, bool trace);

/* coverage.c: how often each row of both tables was taken */
struct coverage {
    uint64_t trial_rows[TRIAL_ROWS_MAX], rollout_rows[SIM_ROLLOUT_ROWS_MAX];
};
void coverage_add(struct coverage *coverage, const struct world *world);
void coverage_merge(struct coverage *coverage, const struct coverage *other);
/* False when a row that the simulator can reach was never taken. */
bool coverage_print(const struct coverage *coverage);

/* ---- checker.c: what is told to the model, as it is seen from outside ------------------------ */

struct check_model *model_new(struct world *world);
void model_free(struct check_model *model);
void model_touch(struct check_model *model, int host, const struct generation_id *id,
                 uint32_t operation);
void model_undone(struct check_model *model, int host, uint32_t operation);
void model_reverting(struct check_model *model, int host);
void model_nonce(struct check_model *model, int host, const struct guard_nonce *nonce);
void model_proof(struct check_model *model, int host, const struct sim_statement *statement);
void model_record(struct check_model *model, int host, const struct guard_record *record,
                  bool durable);
/* Its prepare nonce is out. */
void model_offer(struct check_model *model, int host, const struct generation_id *id);
void model_receipt(struct check_model *model, int host, const struct receipt *receipt);
void model_guard_died(struct check_model *model, int host);
/* A start with these statements has reached the guard. */
void model_start(struct check_model *model, const struct message *start);
/* And the guard wants it to be written down. */
void model_started(struct check_model *model, int host);
/* After every happening. */
void model_check(struct check_model *model);
/* When everything is quiet: liveness and agreement. */
void model_check_end(struct check_model *model);

#endif
