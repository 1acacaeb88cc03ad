/*
 * take: gets hold of the journal for a rescue, whoever has it; and leaves somebody behind who
 * finishes.
 */
#ifndef AGENT_GUARD_IO_TAKE_H
#define AGENT_GUARD_IO_TAKE_H

#include "agent/guard/io/rescue.h"

/* named: of an order, which is for nothing else; ERR_MISSING if it neither stands nor is on trial
 * (nobody has to stop for that), NULL: whatever is there. Asks the guard to let go, kills it after
 * 2 s, and opens. When the lock's holder does not even end
 * then (its disk hangs), opens without the lock and says so: undoing goes on from memory. */
bool take_journal(const struct guard_config *config, const struct generation_id *named,
                  struct rescue *ret_rescue, struct err *err);

/* Starts `oceanid-rollback --finish [--to N]` in a session of its own. The journal must be let go
 * of. */
bool take_leave_finisher(const struct guard_config *config, const char *config_path, uint32_t to);

#endif
