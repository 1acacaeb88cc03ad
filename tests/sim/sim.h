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

#include <stdio.h>

#include "common/core/mem.h"
#include "controller/core/carry.h"
#include "controller/core/rollout.h"
#include "tests/sim/desk.h"
#include "tests/sim/fault.h"
#include "tests/sim/host.h"
#include "tests/sim/model.h"

/* ---- events ---------------------------------------------------------------------------------- */

enum event_kind {
    HAPPENS_MESSAGE,
    HAPPENS_TIMER, /* of a guard */
    HAPPENS_WORK,  /* a guard's kernel work is done */
    HAPPENS_DISK,  /* a guard's record is written */
    HAPPENS_SYNC,  /* what a guard has read is synced */
    HAPPENS_LOCAL, /* statement of the own agent, to its guard */
    HAPPENS_LEAD,  /* the controller's timer */
    HAPPENS_CHAOS, /* every second: faults are drawn */
    HAPPENS_GUARD_START,
    HAPPENS_GUARD_KILL, /* it was told to stop, and its time is over */
    HAPPENS_AGENT_START,
    HAPPENS_THAW,
    HAPPENS_CONTROLLER_START,
    HAPPENS_PEOPLE,
    HAPPENS_LINK,   /* a partition ends */
    HAPPENS_DEATH,  /* of a node, for good */
    HAPPENS_SIGHT,  /* all see it again */
    HAPPENS_KERNEL, /* what was undone is gone now */
    HAPPENS_TWICE,  /* a person says it again */
    HAPPENS_STORED, /* the controller's disk has what was to be kept */
    HAPPENS_GREET,  /* a session begins */
    HAPPENS_LOST,   /* one is gone */
};

struct happening {
    mono_t at;
    uint64_t order; /* what is due at the same time happens in the order of asking */
    enum event_kind kind;
    int host;
    int change;    /* whose work that is */
    unsigned life; /* of whoever asked */
    uint64_t number;
    enum rollout_event_kind said; /* twice */
    enum guard_effect_kind work;
    uint32_t operation;
    bool ok, lies;
    struct message *message;     /* owned */
    struct guard_record *record; /* owned */
};

/* ---- the controller -------------------------------------------------------------------------- */

struct lead_step;

struct lead {
    bool up;
    unsigned life, timer;
    unsigned look;                 /* the newest that people will take */
    unsigned asked[SIM_HOSTS_MAX]; /* bits by request: told, and not answered yet */
    uint32_t sequence;             /* of the attempt that it leads; world->change is its */
    struct rollout *rollout;
    struct rollout_record stored;
    bool has_stored;
    struct rollout_record backup;
    bool has_backup;
    bool has_earlier; /* the backup outlasts the rollout */
    uint64_t named, named_stored,
        named_backup;                 /* bits of hosts: whom an emergency named, kept
                                         beside the record (lead_start.c resume_at_once) */
    bool alone;                       /* one node was taken back after all had confirmed */
    bool dies_behind_store;           /* of what it is told next nothing leaves */
    uint64_t older[SIM_HOSTS_MAX];    /* the sequence that is wanted back there; 0: none */
    mono_t full_until, writing_until; /* its disk */
    struct lead_step *steps;          /* taken, and on their way to the disk; owned */
    int64_t wall_offset_s;
    struct { /* given out in this life, each good once */
        uint32_t next;
        struct sim_challenge out[SIM_CHALLENGES_MAX];
    } challenges[SIM_HOSTS_MAX];
    uint32_t statements_count;
    struct carry carried[CARRY_MAX];
    struct sim_statement statements[CARRY_MAX]; /* at the same places */
    struct {
        bool has;
        struct receipt receipt;
        struct hash hash;
    } receipts[SIM_ATTEMPTS_MAX][SIM_HOSTS_MAX]; /* stored, by attempt */
};

/* ---- the world ------------------------------------------------------------------------------- */

#define SIM_NO_STAGE UINT32_MAX

/* What an operator may have written. manifest NULL: nobody has yet. */
struct sim_change {
    struct manifest *manifest;
    struct hash body;
    uint32_t stage_of[SIM_HOSTS_MAX]; /* SIM_NO_STAGE: it is not for that node */
    int place_of[SIM_HOSTS_MAX];      /* among its targets; -1: the same */
    bool waives_windows, unjustified; /* the manifest; the approver */
    bool leaves_out[SIM_HOSTS_MAX];   /* as a story says */
};

enum telling {
    TELLS_NOTHING,
    TELLS_STORY, /* what an operator would tell: what came to pass, in sentences */
    TELLS_ALL,   /* every effect */
};

struct world {
    uint64_t seed;
    struct chance chance;
    struct faults faults;
    mono_t now, quiet_from;
    enum telling telling;
    bool quiet;
    bool wide;
    bool golden;     /* lines as in tests/data/stories: times in seconds */
    bool unattended; /* nobody looks after the rollout but who tells the story */
    bool gates_say_no, gates_await;
    bool assured; /* the gates are not asked: they pass */
    bool safety;  /* only what guards hold alone is checked: the controller may do what it likes */
    struct hostile *hostile; /* and does; NULL: it means well */
    FILE *out;               /* where it is told, borrowed; NULL: the newest lines are kept */
    char (*tail)[SIM_LINE_SIZE];
    uint64_t tail_count;
    /* A scenario's: true: this message is taken away. NULL: none is. */
    bool (*tap)(struct world *world, const struct message *message);
    void *scenario;
    uint64_t trial_rows[TRIAL_ROWS_MAX], rollout_rows[SIM_ROLLOUT_ROWS_MAX]; /* how often taken */
    uint64_t order;
    size_t heap_count, heap_capacity;
    struct happening *heap;
    int nodes_count, hosts_count; /* the hosts behind the nodes are witnesses */
    struct host hosts[SIM_HOSTS_MAX];
    struct sim_change changes[SIM_CHANGES];
    struct sim_change *change; /* of the attempt that is led */
    struct lead lead;
    struct desk *desk;
    uint32_t attempt; /* index of the newest that was signed */
    struct approval *approvals;
    struct guard_effects *guard_effects;
    struct rollout_effects *lead_effects;
    struct check_model *model;
    uint64_t happenings;
    uint64_t hashes; /* how many receipts were signed: their names */
    char violation[400];
    const char *violated_by; /* whose format that is: one for each judgement */
};

enum world_way { WORLD_SEEDED, WORLD_SAFETY, WORLD_HOSTILE, WORLD_CALM };
/* Calm: nothing fails by itself. nodes: at most SIM_HOSTS_MAX - 1. choice: what may strike, of what
 * was drawn, borrowed; NULL: all of it. */
struct world_plan {
    uint64_t seed;
    enum world_way way;
    int nodes;
    const struct strike_choice *choice;
    bool noted;   /* world->faults.strikes are kept */
    bool wide;    /* every node behind the first is in one stage */
    bool assured; /* the gates are not asked: they pass */
};
struct world *world_new(const struct world_plan *plan);
void world_free(struct world *world);
void world_begin(struct world *world);
void world_begin_unsigned(struct world *world); /* nothing is approved yet */
/* The next thing happens; false: an invariant broke, or nothing is left. */
bool world_step(struct world *world);
/* All has come to its end: no need to go on. */
bool world_is_over(const struct world *world);
/* Runs until it ends; false when an invariant broke: world->violation says which. */
bool world_run(struct world *world);

void world_schedule(struct world *world, const struct happening *happening);
int64_t world_unix(const struct world *world, const struct host *host);
/* The first violation is kept. */
void world_violate(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* teller.c: the newest lines are kept, or go to world->out. A line of the trace: */
void world_say(struct world *world, const char *who, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A sentence of the story, and of the trace. */
void world_tell(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_tell_guard(struct world *world, int host, const struct guard_effect *effect);
void world_tell_lead(struct world *world, const struct rollout_effect *effect);
void world_print_tail(const struct world *world);

/* world_build.c: hosts, and the changes */
void world_build(struct world *world);
/* An operator writes it, if nobody has yet. */
void world_write_change(struct world *world, int change);
/* It is not for that node. False: it has been signed, or is for no other. */
bool world_leave_out(struct world *world, int change, int host);
/* Whose body that is, or which of the world's it is. */
int world_find_change(const struct world *world, const struct hash *body);
int world_change_number(const struct world *world);
/* Of the newest attempt's change: whether it is for that node. */
bool world_is_target(const struct world *world, int host);
/* Of whichever. NULL: it is not for that node. */
const struct manifest_plan *world_find_plan(const struct world *world, int change, int host);
/* Who looks at a node, whatever changes it: the i-th, of so many. */
uint32_t world_witnesses_count(const struct world *world);
int world_witness(const struct world *world, int node, uint32_t i);
/* What a rollout of that change knows of it; NULL: it is not for that node. */
const struct target_record *world_find_record(const struct sim_change *change,
                                              const struct rollout_record *record, int host);
/* Its number; -1 if there is none. */
int world_find_host(const struct world *world, const char *name);
const char *sim_host_name(int host); /* of the first, and of the controller */
int sim_host_number(const char *name);

/* network.c */
struct message *network_message(enum message_kind kind, int host);
void network_message_free(struct message *message);
void network_send(struct world *world, struct message *message); /* takes it */
void network_deliver(struct world *world, struct message *message);

/* guard_host.c: one guard's shell */
void guard_start(struct world *world, int host, enum end_cause cause);
void guard_stop(struct world *world, int host, bool power_lost);
/* A hello begins: the controller's session asks for the signed stack. */
void network_greet(struct world *world, int host);
void guard_give(struct world *world, int host, struct guard_event *ev);
/* False: somebody else is in its place. */
bool guard_do_to_kernel(struct world *world, int host, const struct happening *work);
/* After whatever was done to it. */
void guard_look_at_kernel(struct world *world, int host);
/* What its own agent says of it. */
struct sim_statement guard_own_statement(const struct world *world, int host,
                                         const struct generation_id *id, const struct nonce *nonce,
                                         enum phase phase);
void guard_count_rows(struct world *world, int host);

/* guard_disk.c */
void guard_write_record(struct world *world, int host, const struct happening *done);
void guard_sync_records(struct world *world, int host);
void guard_lose_records(struct world *world, int host);    /* with the power */
void guard_lose_one_record(struct world *world, int host); /* at a start, if that is drawn */

/* guard_events.c: what reaches it */
void guard_take_message(struct world *world, struct message *message);
void guard_take_happening(struct world *world, const struct happening *happening);
/* What a witness sees, and what it says that it sees. */
bool sim_sees(const struct world *world, int witness, int subject);
enum verdict_value sim_says(const struct world *world, int witness, int subject);
bool sim_is_undecided(const struct world *world, int host);
/* By anything of any change; of that one. */
bool sim_is_changed(const struct host *host);
bool sim_has(const struct host *host, int change);
/* A change of which something is there cuts it off from the controller. */
bool sim_is_cut_off(const struct host *host);
bool sim_breaks_own(const struct host *host);

/* lead.c: the controller's shell */
void lead_start(struct world *world);
void lead_stop(struct world *world);
void lead_halt(struct world *world); /* until lead_start() */
void lead_free(struct world *world);
void lead_take_message(struct world *world, const struct message *message);
void lead_give(struct world *world, struct rollout_event *ev);
/* A critical check newly fails. */
void lead_say_failing(struct world *world, struct rollout_event *ev);
void lead_timeout(struct world *world);
/* The record is on its disk as it is now. */
void lead_store(struct world *world);
/* What waited for the disk is on it, if the disk takes it; it leaves. */
void lead_take_stored(struct world *world);
/* For a hello of that host: the stack that answers it has to be over this. */
struct nonce lead_challenge(struct world *world, int host);
/* Of what its database says that it leads. */
void lead_turn_to(struct world *world, uint32_t sequence);
/* Rule 20: every target of every attempt has ended, by receipts that came; and as it is the same
 * body that would be signed again, none keeps it. */
bool lead_all_ended(const struct world *world, int change);
/* Or it is another change, and nothing of an earlier one can begin any more. And one approval has
 * room for all of those ends. */
bool lead_may_sign(const struct world *world, int change);
/* Signs the next attempt, of that change, and starts a rollout of it. */
void lead_sign(struct world *world, int change);
/* Its database is of an earlier rollout, and it would take the newest one again: its file is handed
 * over once more, when that one has ended. */
bool lead_is_behind(const struct world *world);
void lead_hand_over(struct world *world);

/* lead_older.c: an older rollout is wanted back on a node: its guard is asked directly, until it
 * says that nothing of it stands. */
void lead_want_older(struct world *world, int host, uint64_t sequence);
void lead_ask_older(struct world *world); /* again, where it is owed */
void lead_older_stack(struct world *world, int host, const struct stack *stack);

/* lead_disk.c: its disk. One transaction of its own; false: it was refused, and the controller has
 * stopped. */
bool lead_keep(struct world *world);
bool lead_is_writing(const struct world *world);
/* Up, and not busy with its disk: what it is told it takes now. */
bool lead_listens(const struct world *world);
bool lead_is_disk_full(const struct world *world);
/* As systemd does. */
void lead_start_again(struct world *world);

/* chaos.c: faults and people */
void chaos_strike(struct world *world);
/* And what of it comes in the middle of something. how: when it is back. */
void chaos_kill_guard(struct world *world, int number);
void chaos_lose_power(struct world *world, int number, struct chance *how);
void chaos_stop_agent(struct world *world, int number, struct chance *how);
void chaos_end(struct world *world);
void chaos_take_happening(struct world *world, const struct happening *happening);

/* people.c: how has what they do */
void people_meddle(struct world *world, struct chance how);
/* What stands and what cannot be reached is wanted back at once, and the controller dies over it.
 */
void people_call(struct world *world);
/* A dead node leaves the roster: now and then, and in the quiet always. */
void people_remove(struct world *world, int node);
/* The roster as it is now, as a controller reads it that begins to lead. */
void people_tell_removed(struct world *world, int node);
/* Impatient with a node that is going back. */
void people_order(struct world *world, int node);
void people_sign_order(struct world *world, int node);
/* Or names what lies deeper there: it goes with all that stands above it. */
void people_order_older(struct world *world, int node, uint32_t generation);
/* There stand two, and somebody wants the older one back. */
void people_want_older(struct world *world, int node);
void people_look(struct world *world);
/* Whoever says that may be one of two who do. */
void people_say_twice(struct world *world, const struct rollout_event *ev);
void people_say_again(struct world *world, const struct happening *happening);
void people_answer_gates(struct world *world, const struct happening *happening);

/* people_holds.c: how has what is put; the kind, of a node or (-1) of all */
void people_put_hold(struct world *world, enum hold_kind kind, int node, struct chance how);
void people_put_any_hold(struct world *world, struct chance how);
/* One of those that people put, and the maintenance of a node; lost: all of them. */
void people_lift(struct world *world, bool all);
/* Of a controller that begins to lead: it may have died over one. */
void people_resume_freezes(struct world *world);

/* hostile.c: a controller that lies, replays and holds back, and can forge no signature */
struct hostile *hostile_new(void);
void hostile_free(struct hostile *hostile);
void hostile_hear(struct world *world, const struct message *message);
void hostile_strike(struct world *world);

/* stories.c: plays each script of that folder, and compares what is told with what it says;
 * GOLDEN=update writes it anew. 0 when all are the same. */
int stories_run(const char *folder);

/* scenarios.c: schedules of both sides, by name; 0 when each went as it has to */
int scenarios_run(const char *name, bool trace);

/* project.c: prints what the three guards of a seed come to, in the protocol model's words. */
int project_run(uint64_t seed);

/* coverage.c: how often each row of both tables was taken, each fault struck, and each gate and
 * hold said what it can */
struct coverage {
    uint64_t trial_rows[TRIAL_ROWS_MAX], rollout_rows[SIM_ROLLOUT_ROWS_MAX];
    uint64_t faults[FAULT_COUNT];
    uint64_t said[GATE_COUNT][GATE_SAID_COUNT], held[HOLD_KIND_COUNT];
};
void coverage_add(struct coverage *coverage, const struct world *world);
void coverage_merge(struct coverage *coverage, const struct coverage *other);
/* False when something that the simulator can reach never came to pass. */
bool coverage_print(const struct coverage *coverage);

#endif
