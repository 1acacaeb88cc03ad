/*
 * rollback: what the parts of oceanid-rollback share: its options, what it has chosen to undo.
 */
#ifndef AGENT_GUARD_ROLLBACK_H
#define AGENT_GUARD_ROLLBACK_H

#include "agent/guard/io/rescue.h"

/* As docs/man/oceanid-rollback.8 has them. */
enum {
    EXIT_DONE = 0,
    EXIT_DIFFERS = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_ROOT = 4,
    EXIT_REST_FOLLOWS = 5,
};

struct options {
    const char *mode; /* "" for none */
    bool help;        /* say how it is used, and nothing else */
    bool version;     /* which it is, likewise */
    bool yes;         /* ask nothing */
    uint32_t to;
    const char *order_path; /* --order */
    bool has_down_to;       /* --down-to, of the finishing process */
    struct generation_id down_to;
    bool is_void;       /* --void, likewise: root has declared Tailscale's preference void */
    const char *reason; /* --reason, likewise: of an operator's order; NULL: root's own */
    const char *config_path;
    struct guard_config config;
    bool is_config_unread; /* no answer of its disk, or a mistake: config is the defaults */
    mono_t began;          /* when this program was started, before it waited for that */
};

/* The words behind the program's name. False: the error names the word and what is accepted. */
bool rollback_parse(int argc, char **argv, struct options *options, struct err *err);

/* --boot, --stop-post or --finish: nobody is there to mend anything. */
bool rollback_is_of_unit(const struct options *options);

/* Waits for no disk that does not answer: then the defaults hold, which is said. False: nothing may
 * be done, which is said too, and ret_code is set. */
bool rollback_read_config(struct options *options, int *ret_code);

/* No journal is where the defaults have it, and is_config_unread: the reason, and false. */
bool rollback_refuse_unknown(const struct options *options, struct err *err);

/* In another network namespace than the guard: nothing of this host can be undone or judged here.
 * Said, with the way there: the same words again. Not for --boot where nobody is seen in it. */
bool rollback_is_elsewhere(const struct options *options, int argc, char **argv);

/* Chosen before anybody is stopped: what the guard or its unit undoes meanwhile is done, and
 * nothing older follows by mistake. */
struct target {
    bool is_open;              /* the open trial */
    struct generation_id open; /* which; it may be confirmed before the journal is taken */
    bool has_generation;       /* and down to this one */
    struct generation_id down_to;
    bool has_lowest;             /* of all that goes, also without a word: rollback_find_lowest */
    struct generation_id lowest; /* as it stood before anything was undone */
    bool is_ordered;             /* by an operator's order, which named down_to */
    bool is_void;                /* Tailscale's preference is not waited for: tailscaled is gone */
    const char *reason;          /* of an order; lent */
    enum end_cause opened;       /* why an open trial ends */
};

/* What is open, then down to the target's generation. False: something waits to be tried again. */
bool rollback_undo(struct rescue *rescue, const struct target *target, mono_t until);

/* What a person calls is made of these. look: without the lock, the guard may be alive; false:
 * there is nothing to look at, and ret_code is set. */
bool rollback_look(const struct options *options, struct rescue *ret_rescue, int *ret_code,
                   struct err *err);
/* A list, or what is agreed to before anything is touched, is for nobody but its reader. */
bool rollback_is_for_reader(const struct options *options);
/* From here on nobody waits long for who reads along: a terminal behind a dead network, a journal
 * on a dead disk. */
void rollback_wait_for_no_reader(void);
/* Types "yes", or said --yes. From then on no reader is waited for. */
bool rollback_is_agreed(const struct options *options, const char *question);
/* Marks the rescue, takes the journal, undoes, says the end; returns the exit code. */
int rollback_do(const struct options *options, const struct target *target, struct err *err);

/* --order FILE, --void-tailscale, --accept-clock; each returns the exit code. */
int rollback_order(const struct options *options, struct err *err);
int rollback_void(const struct options *options, struct err *err);
int rollback_clock(const struct options *options, struct err *err);

/* From here on what is begun is done: a terminal that hangs up ends nothing, and Ctrl-C, Ctrl-\\ or
 * SIGTERM ends only the waiting (rescue.h, told_fd, which this returns; -1: that cannot be had). */
int rollback_begin_whole(void);
/* They end this process again; what was heard meanwhile is forgotten. */
void rollback_end_whole(int told_fd);

/* What the units run; each returns the exit code. */
int rollback_boot(const struct options *options, struct err *err);
int rollback_stop_post(const struct options *options, struct err *err);
int rollback_finish(const struct options *options, struct err *err);

/* rollback_intent.c: of an earlier rescue that the journal has no record of. */

/* Before anything is undone: what a note of it has to name. */
void rollback_find_lowest(const struct ledger *ledger, struct target *target);
/* For whoever comes next; before the mark is put. */
void rollback_note_intent(const struct rescue *rescue, const struct target *target);
/* What root has declared void in it is said, not taken for granted: a tailscaled that only restarts
 * is not there either, and comes back with its exit node when the shields are gone. */
void rollback_say_void(const struct rescue *rescue);
/* Root's last word counts; where it was to go deeper, that is said, and what to do. */
void rollback_say_intent(const struct rescue *rescue, const struct target *target);
/* Goes as deep as it was to; where no link says that, as it went, or what it must have begun with:
 * the newest. intent: the rescue's, lent. */
void rollback_choose_unrecorded(const struct rescue *rescue, const struct run_intent *intent,
                                struct target *target);

/* Is anything on trial, being taken back, or without its receipt? */
bool rollback_is_open(const struct ledger *ledger);

#endif
