/*
 * undo_sysctl: which settings a setting overwrites, and how they are taken back.
 */
#ifndef AGENT_GUARD_CORE_UNDO_SYSCTL_H
#define AGENT_GUARD_CORE_UNDO_SYSCTL_H

#include "agent/guard/core/undo.h"

/* One of the device's that goes with its IPv6 and can be written back: a whole number, of which the
 * kernel takes each as it gives it. */
bool undo_sysctl_goes_with_ipv6(const struct sysctl *setting, const struct link *link);
/* Writing this one gives or takes IPv6 of that device. */
bool undo_sysctl_switches_ipv6(const char *written, const struct link *link);

/* What has to be read of the kernel's settings for this operation and for its undo. context is the
 * operation (sysctl_wanted_fn). */
bool undo_sysctl_is_wanted(const void *context, const char *name);

/* One that was not found may be gone: there is no device of its name, or one whose mtu is too small
 * for that family. Else whoever looked did not see it; no other device's is ever gone. */
bool undo_sysctl_is_gone(const char *name, const struct snapshot *now);

/* "expected NAME = 1 as before, found 2"; or that it could not be read, or where its device is. */
void undo_sysctl_say(const struct undo_item *item, const struct sysctl *was,
                     const struct snapshot *now, struct text *why);

/* Those that writing this one writes, it among them: appends (and their devices), takes out, or
 * writes as expected. */
void undo_sysctl_take(const struct sysctl *written, const struct snapshot *from,
                      struct snapshot *to);
void undo_sysctl_drop(const char *written, struct snapshot *touched);
void undo_sysctl_predict(const struct sysctl *written, struct snapshot *after);

/* Of a host's snapshot: writes those that are sure to be written with it, for whoever derives an
 * undo on what it leaves. */
void undo_sysctl_foresee(const struct sysctl *written, struct snapshot *snapshot);

/* item: with the devices' numbers of before, by which one of another name is known. */
enum undo_state undo_sysctl_judge(const struct undo_item *item, const struct snapshot *after,
                                  const struct snapshot *now, struct text *why);

/* The value that this sysctl of before should have in the end: as before, or as others have made it
 * meanwhile; NULL: there is none to write. after: undo_take_made; now: before anything of the undo
 * was written, because writing one overwrites others (ip_forward those of all devices). */
const char *undo_sysctl_value(const struct undo_item *item, const struct snapshot *after,
                              const struct snapshot *now, size_t index);

#endif
