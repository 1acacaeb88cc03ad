/*
 * trial_script: drives a guard's trial machine by lines of text, and prints what it wants done.
 *
 * Around the machine stand a disk, a kernel, witnesses and the node's own agent, which answer as
 * the lines say. The node is `b`, second of the stages a, b; soak 30 s, lease 20 s, period 5 s,
 * apply 10 s, settle 5 s, grace 8 s, revert budget 15 s, quorum 2 of office, other, third; its
 * checks are own (critical) and database (fixed by the change). Each manifest (m1, m2, ...) has
 * three operations: a shield and a rule, whose undo removes, and a pref, whose undo puts back.
 *
 *   boot CAUSE        reboot, died, rescued
 *   restart CAUSE     a new life from the disk; `keeps N`: so many records under way got there;
 *                     `down to m1 1`: oceanid-rollback has ordered that in the journal
 *   lose m1 1         the disk loses the records of how it ended; `begin`: of how it began
 *   prepare m1 1      manifest, sequence; then a WORD that makes it wrong (see trial_world.h),
 *                     then `lifts N[!] ...`: receipt N contained, ! with a reason
 *   start m1 1        `late`: over the nonce before; `-a`: without the earlier guard's statement;
 *                     `short`: which soaked less; `stood-before`: which it made over the nonce
 *                     before; `from NAME ...`: baselines of those only
 *   abort m1 1        `stale`: quotes no hello; `delayed`: the hello before the latest
 *   pop m1 1          the same; `by operator`: down to it; `fellow`: with a fellow's end;
 *                     `old`: names the start over the nonce before; `because WORD`
 *   fence, stop, stack, standing m1
 *   disk works|fails|hangs|takes S, prepares|settles|verify works|fails|hangs
 *   apply N works|fails|hangs, undo N works|fails|left|hangs
 *   answer NAME pass|fail|unknown|silent   office, other, third, own, database
 *   own first|last         the own agent's answer comes before or after the witnesses'
 *   source NAME counts|not|unseen, path S (how long a statement takes), dials dead|alive
 *   wait S                 time passes, in seconds with decimals
 */
#ifndef TESTS_UNIT_TRIAL_SCRIPT_H
#define TESTS_UNIT_TRIAL_SCRIPT_H

#include "agent/guard/core/trial.h"

enum {
    SCRIPT_WITNESSES = 3,
    SCRIPT_OPERATIONS = 3,
    SCRIPT_PENDING_MAX = 512,
    SCRIPT_DISK_MAX = 1024
};

enum script_way { WAY_WORKS, WAY_FAILS, WAY_HANGS, WAY_LEFT };

/* What is under way: an answer of disk, kernel, witness or own agent. */
struct script_pending {
    mono_t at; /* MONO_NEVER: it hangs */
    uint64_t order;
    enum guard_event_kind kind;
    uint64_t number;
    bool durable;
    uint32_t operation, more;
    int witness; /* -1: the own agent */
    enum verdict_value value, fixed;
    struct nonce nonce;
    struct attempt attempt;
    struct guard_record *record; /* owned */
};

struct script {
    struct trial *trial;
    struct ledger *ledger;
    struct guard_effects *effects;
    mono_t now;
    uint64_t order, nonces, receipts;
    uint32_t pending_count;
    struct script_pending pending[SCRIPT_PENDING_MAX];
    uint32_t disk_count, synced_count;
    bool sync_refused;
    struct guard_record *disk; /* SCRIPT_DISK_MAX: what a restart reads */
    enum script_way disk_way, prepare_way, settle_way, verify_way;
    enum script_way apply_way[SCRIPT_OPERATIONS], undo_way[SCRIPT_OPERATIONS];
    bool joins[SCRIPT_OPERATIONS]; /* goes in one go with the one before */
    int64_t disk_ms, path_ms;
    bool dials_dead;
    const char *reason;        /* of an abort or pop; NULL: "as it was asked" */
    const char *others;        /* what of others is not back when it is verified; NULL: all is */
    struct nonce hello_before; /* of the hello before the latest */
    enum verdict_value answers[SCRIPT_WITNESSES], own, database;
    bool silent[SCRIPT_WITNESSES], own_silent, own_last;
    int sources[SCRIPT_WITNESSES]; /* 1: counts, 0: not, -1: not seen */
    struct nonce offered, offered_before;
    bool intent_durable[SCRIPT_OPERATIONS];
    char *out; /* the trace */
    size_t out_len, out_capacity;
};

struct script *script_new(void);
void script_free(struct script *script);

/* Runs one line. Fails the test, naming it, where it cannot be read. */
void script_run_line(struct script *script, const char *line);

/* Runs all lines but those that begin with "--", and returns what they and the effects print. */
char *script_run(struct script *script, const char *text);

/* In trial_shell.c, for trial_script.c: */
void script_print(struct script *script, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A new life from what is on the disk, with that many of the records under way. */
void script_restart(struct script *script, unsigned keeps);
/* The disk loses what it has of that attempt's end; or how it began, and with it the undo. */
void script_lose(struct script *script, const struct attempt *attempt, bool begin);
void script_release(struct script *script, enum guard_event_kind kind); /* what hung is answered */

/* Gives one event now, and all answers that are due. */
void script_give(struct script *script, struct guard_event *ev);
void script_wait(struct script *script, int64_t ms);

/* How often each row of the table was taken, over all scripts of this process. */
extern uint32_t script_rows_taken[TRIAL_ROWS_MAX];

#endif
