/*
 * run: the marks in /run/oceanid that guard and rescue leave for each other, and how the one makes
 * the other let go of the journal.
 */
#ifndef AGENT_GUARD_IO_RUN_H
#define AGENT_GUARD_IO_RUN_H

#include <sys/types.h>
#include <time.h>

#include "agent/guard/core/ledger.h"
#include "common/change/proof.h"
#include "common/io/config.h"

enum { RUN_PATH_SIZE = PATH_SIZE + 16 };
/* Beside the guard's socket. */
void run_path(const struct guard_config *config, const char *name, char *to, size_t size);
/* Makes the folder that they are in, where tmpfiles.d has not made it yet: early in a boot. It sets
 * its group when it comes. */
void run_make_place(const struct guard_config *config);
/* A link to that word in the place of the one that is there: a full /run has no room for a file
 * with it. */
bool run_put_link(const char *path, const char *word, struct err *err);
#define RUN_INTENT_NAME "unrecorded-order" /* run_intent.h */

/* A rescue is at work: it is marked, and lives. Returns its pid, or 0; the mark of one that does
 * not live any more is taken away. */
pid_t run_rescuer(const struct guard_config *config);
/* That one is another process, and not the one that left this one. */
bool run_is_superseded(const struct guard_config *config);
/* By its name, which anybody may take. */
bool run_is_rollback(pid_t pid);
/* A rescue could not record what it took back: nothing is put back while this is there, and it goes
 * when that is recorded. Each rescue puts one of its own in the place of what is there, and whoever
 * writes its records takes away no other's. `released` is a person's word, which packages ask for.
 */
struct run_file {
    dev_t device;
    ino_t inode;
    struct timespec made; /* a file made later may have the same number */
};
/* All zero: there is none. */
struct run_file run_find_file(const char *path);
/* Only if it is still that one. */
bool run_unlink_own(const char *path, const struct run_file *own);
struct run_mark {
    struct run_file file;
    struct run_file depth, intent; /* the links that were noted before it, and go with it */
};
bool run_mark_unrecorded(const struct guard_config *config, struct run_mark *ret_mark,
                         struct err *err);
void run_find_unrecorded(const struct guard_config *config, struct run_mark *ret_mark);
void run_unmark_unrecorded(const struct guard_config *config, const struct run_mark *mark);
bool run_has_unrecorded(const struct guard_config *config);
void run_unrecorded_path(const struct guard_config *config, char *to, size_t size);
/* How deep it goes: the start of the lowest generation that is taken back in the kernel alone;
 * zero: not known. Written before the mark, and gone with it. */
void run_note_depth(const struct guard_config *config, const struct nonce *start);
void run_find_depth(const struct guard_config *config, struct nonce *ret_start);
/* Where the mark's reason has gone: the journal, just read, has nothing of it any more. */
bool run_unmark_recorded(const struct guard_config *config, const struct ledger *ledger);

/* Marks this process as the rescue, or takes its mark away. */
bool run_mark_rescue(const struct guard_config *config, struct err *err);
void run_unmark_rescue(const struct guard_config *config);

/* Root works by hand, or a rescue is not recorded: nothing is put back until the mark at ret_path
 * is gone (a reboot, or rm). */
bool run_is_released(const struct guard_config *config, char *ret_path, size_t size);
bool run_mark_released(const struct guard_config *config, struct err *err);
/* Only the first of the two: a person's word. */
bool run_is_by_hand(const struct guard_config *config);
void run_released_path(const struct guard_config *config, char *to, size_t size);

/* Asks the guard over its socket to let go, which it does within 2 s; FENCE_NOBODY: nobody listens,
 * or answers. named: only if that generation stands or is on trial (NULL: in any case), else
 * FENCE_REFUSED with its reason. */
enum fence { FENCE_DONE, FENCE_REFUSED, FENCE_NOBODY };
enum fence run_fence_guard(const struct guard_config *config, const struct generation_id *named,
                           struct err *err);

/* Ends the process that the journal's lock names, if it is oceanid-guard or a rescue that only
 * finishes (--finish); waits up to 2 s until it is gone. */
bool run_end_holder(const struct guard_config *config, struct err *err);
/* The same for a finishing rescue only: what the guard does at its start. */
bool run_end_finisher(const struct guard_config *config, struct err *err);

#endif
