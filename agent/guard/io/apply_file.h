/*
 * apply_file: writes configuration files, takes them back, and has networkd or netplan read them.
 *
 * On trial a content lies in /run, so that a reboot forgets it; see operation_file_tries_in_run for
 * when it cannot. Files are replaced whole: a power loss leaves the old or the new one.
 */
#ifndef AGENT_GUARD_IO_APPLY_FILE_H
#define AGENT_GUARD_IO_APPLY_FILE_H

#include "agent/guard/io/apply.h"

/* Adds both its places to the snapshot, as they are now, unless they are in it. */
bool apply_file_read(const struct apply *apply, const struct operation *operation,
                     struct snapshot *snapshot, struct err *err);
/* The same of every item that is a file. */
bool apply_file_read_items(const struct apply *apply, const struct undo_item *items, uint32_t count,
                           struct snapshot *snapshot, struct err *err);

/* False: netplan did not like what it read last, so it would not read this either, nor its undo.
 * For other kinds true. */
bool apply_file_check(const struct apply *apply, const struct operation *operation,
                      struct err *err);

/* Puts it on trial; the daemon has read it, and netplan has generated what it asks for, when this
 * returns true. */
bool apply_file_run(const struct apply *apply, const struct operation *operation,
                    const struct snapshot *now, struct err *err);

/* Puts back what was at the places that are as the change made them. */
bool apply_file_restore(const struct apply *apply, const struct undo_item *item,
                        const struct snapshot *now, struct err *err);
/* Has it read again after that. A daemon that does not run reads it when it starts: true. */
bool apply_file_reload(const struct apply *apply, const struct operation *operation,
                       struct err *err);

/* Of a confirmed one: to /etc with it, and nothing left in /run. What others have changed since is
 * left as it is: *ret_left. False: to be tried again. */
bool apply_file_keep(const struct apply *apply, const struct undo_item *item, bool *ret_left,
                     struct err *err);

#endif
