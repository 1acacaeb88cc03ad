/*
 * undo_file: the undo of a configuration file: its place in /etc and the one in /run, each judged
 * by itself.
 */
#ifndef AGENT_GUARD_CORE_UNDO_FILE_H
#define AGENT_GUARD_CORE_UNDO_FILE_H

#include "agent/guard/core/undo.h"

/* Something was at its place in /etc. */
bool undo_file_existed(const struct undo_item *item);
/* False, with the reason, if what was there is not known or cannot be written again. */
bool undo_file_is_possible(const struct undo_item *item, struct err *err);

/* What has the content that the change asks for is the change's, on trial or confirmed. */
enum undo_state undo_file_judge(const struct undo_item *item, const struct snapshot *now,
                                struct text *why);
/* The same of one place of item->before. */
enum undo_state undo_file_judge_place(const struct undo_item *item, const struct snapshot_file *was,
                                      const struct snapshot *now);

/* "restore file /etc/netplan/60-x.yaml as before (212 bytes, mode 0600)" */
void undo_file_render(const struct undo_item *item, struct text *out);

#endif
