/*
 * apply_drift: which of the owned items that carry no mark of Oceanid's are gone or altered: links,
 * nexthop objects, settings, Tailscale's preferences, files. Of rules, routes and addresses the
 * agent knows it by their protocol (agent/core/drift.h).
 */
#ifndef AGENT_GUARD_IO_APPLY_DRIFT_H
#define AGENT_GUARD_IO_APPLY_DRIFT_H

#include "agent/guard/io/apply.h"

enum { APPLY_DRIFT_MAX = 32 };

bool apply_drift_concerns(const struct operation *operation);

/* One line for each that is not as it was confirmed, "- link eth1: mtu 1400", and for each of which
 * nobody knows, "? could not be read: ": no line is a promise that all stands. Returns their
 * number; ret_lines has room for APPLY_DRIFT_MAX. home: of the prefs; in another profile nobody
 * knows of them. Blocks in the disk that a file lies on. */
uint32_t apply_find_drift(const struct apply *apply, const struct operation *operations,
                          uint32_t count, const struct tailscale_profile *home,
                          char (*ret_lines)[SENTENCE_SIZE]);

#endif
