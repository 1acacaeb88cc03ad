/*
 * rescue: the guard's trial machine in one thread, for a console: each effect is done where it is
 * asked for, and said in a line for a tired person.
 */
#ifndef AGENT_GUARD_IO_RESCUE_H
#define AGENT_GUARD_IO_RESCUE_H

#include "agent/guard/core/trial.h"
#include "agent/guard/io/apply.h"
#include "agent/guard/io/journal.h"
#include "agent/guard/io/rescue_disk.h"
#include "agent/guard/io/run.h"
#include "agent/guard/io/run_intent.h"
#include "agent/io/netlink.h"
#include "common/io/config.h"

struct answer; /* what came of an effect: the next event */

enum { NOT_YET_SIZE = 160 };

struct rescue {
    struct guard_config config;
    struct apply apply;
    struct sign_key *key; /* NULL: receipts cannot be signed */
    struct public_key public_key;
    struct journal *journal;
    struct ledger *ledger;
    struct trial *trial;
    bool is_named; /* trial->node is how this node is known; false: only what its host calls itself
                    */
    struct guard_effects *effects;
    struct answer *first, *last;
    struct netlink_watch *watch; /* while waiting, shields are put back at its hints; or NULL */
    int told_fd;  /* readable: it is not to wait any longer, which is not read; 0 or less: none */
    bool is_told; /* it was so */
    uint32_t pending; /* owned items that wait for their device, as was said */
    char not_yet[OPERATIONS_MAX + 1][NOT_YET_SIZE]; /* said of each; the last: of verifying */
    unsigned left;                                  /* items that others had changed meanwhile */
    bool is_reboot;
    bool missed;    /* not all could be put back, the last time it was tried */
    bool owes_mark; /* `popping` could not be written: tried again before each record */
    struct guard_record mark;
    bool is_without_lock;     /* somebody else has it, or its disk hangs: nothing is written here */
    struct rescue_disk *disk; /* NULL: records are written here, however long that takes */
    bool disk_hangs;          /* it did not answer in time: it is not waited for any more */
    bool from_memory;         /* the journal could not be written, and that was said */
    bool is_unrecorded;       /* an end is in the kernel and not in the journal */
    bool is_refused;          /* and never will be: the disk said no to it */
    struct run_mark unrecorded; /* the mark that was found, then this rescue's own */
    struct nonce found_depth;   /* how deep an earlier rescue went, by its mark; zero: none did */
    struct nonce own_depth;     /* the start of the last end that is not in the journal */
    bool has_intent;            /* an earlier rescue has left one, for what still stands: */
    struct run_intent intent;
    bool doubts_void; /* what that one declared void is waited for again */
    bool is_by_hand;  /* a person's word is heard: nothing is put back while it stands */
    bool is_finisher; /* puts nothing back while a later rescue is at work */
};

/* Takes the journal (read_only: for looking). ERR_CONFLICT: somebody has it; ERR_MISSING: there is
 * none to look at. On true the caller ends it with rescue_close. */
bool rescue_open(struct rescue *rescue, const struct guard_config *config, bool read_only,
                 struct err *err);
void rescue_close(struct rescue *rescue); /* lets go of the lock */

/* ---- rescue_record.c: what goes to the disk ------------------------------------------------- */

/* From here on a disk that hangs is waited for 2 s in all, then undoing goes on from memory. */
void rescue_start_disk(struct rescue *rescue);
/* Once more 2 s for what has no answer yet. False: it is not in the journal (from_memory,
 * is_unrecorded), and rescue_disk_pid(rescue->disk) writes it when the disk answers. */
bool rescue_settle_disk(struct rescue *rescue);
/* After it, and at the end: the mark `unrecorded` goes as soon as all of this is written. */
void rescue_unmark(struct rescue *rescue);
/* What an earlier rescue has taken back and the journal has standing: how many generations stand
 * below that, as far as is known; -1: there is none. */
int rescue_find_deeper(const struct rescue *rescue);
/* Before the mark is put: how deep this rescue and those before it went (run_note_depth). */
void rescue_note_depth(const struct rescue *rescue);
/* Likewise: what this rescue, and those before it, are to take back. */
void rescue_note_intent(const struct rescue *rescue, const struct run_intent *own);
/* Whatever the disk says: the machine goes on as if it were written. */
void rescue_write(struct rescue *rescue, struct guard_record *record, bool durable);
/* Writes a record and takes it into the ledger, whatever the disk says. */
void rescue_record(struct rescue *rescue, struct guard_record *record);
/* undo.txt as the journal has it now, where that can be written. */
void rescue_write_text(struct rescue *rescue);

/* ---- rescue.c, rescue_intent.c -------------------------------------------------------------- */

/* The last putting back left none out. */
bool rescue_is_shielded(const struct rescue *rescue);

/* Puts the shields of all that is on back (everything: all else that was confirmed too), and says
 * what it put. Returns how many there are; 0, and nothing is put, while a person works by hand. */
uint32_t rescue_put_back(struct rescue *rescue, bool everything);

/* Durable from here on, for whoever takes over: what stands goes down to and with what the order
 * names (nothing, where that does not stand); what waits for tailscaled is void. Before the boot
 * that begins with it. */
void rescue_order(struct rescue *rescue, const struct record_order *order);
void rescue_declare_void(struct rescue *rescue);

/* What the journal has open is taken back from here on. */
void rescue_give_boot(struct rescue *rescue, enum end_cause cause);

/* Waits for what the machine waits for, at most until then (0: not at all), or until it is told to
 * stop (told_fd). True: nothing is open any more. */
bool rescue_run(struct rescue *rescue, mono_t until);

bool rescue_misses_tailscaled(const struct rescue *rescue);

/* What is not undone yet, a line each to stdout. True if a tailscaled that is not there holds up
 * some of it. */
bool rescue_say_open(struct rescue *rescue);

#endif
