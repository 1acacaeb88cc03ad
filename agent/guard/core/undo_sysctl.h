/*
 * undo_sysctl: which settings a setting overwrites, and how they are taken back.
 */
#ifndef AGENT_GUARD_CORE_UNDO_SYSCTL_H
#define AGENT_GUARD_CORE_UNDO_SYSCTL_H

#include "agent/guard/core/undo.h"

/* The kernel's IPv6 setting of that device. */
bool undo_sysctl_is_ipv6_of(const char *name, const struct link *link);
/* Writing this one gives or takes IPv6 of that device. */
bool undo_sysctl_switches_ipv6(const char *written, const struct link *link);

/* Those that writing this one writes, it among them: appends, takes out, or writes as expected. */
void undo_sysctl_take(const struct sysctl *written, const struct snapshot *from,
                      struct snapshot *to);
void undo_sysctl_drop(const char *written, struct snapshot *touched);
void undo_sysctl_predict(const struct sysctl *written, struct snapshot *after);

enum undo_state undo_sysctl_judge(const struct undo_item *item, const struct snapshot *after,
                                  const struct snapshot *now, struct text *why);

/* The value that this sysctl of before should have in the end: as before, or as others have made it
 * meanwhile; NULL: there is none to write. now: before anything of the undo was written, because
 * writing one overwrites others (ip_forward those of all devices). */
const char *undo_sysctl_value(const struct undo_item *item, const struct snapshot *now,
                              size_t index);

#endif
