/*
 * take: gets hold of the journal for a rescue, whoever has it (docs/decisions/0005); and leaves
 * somebody behind who finishes.
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

/* The same of a disk that was seen not to answer, in its place; says so. */
bool take_from_hanging(const struct guard_config *config, struct rescue *ret_rescue,
                       struct err *err);

/* What is left to do behind what is being taken back already. */
struct rest {
    const struct generation_id *down_to; /* NULL: nothing */
    const char *reason;                  /* of the operator's order; NULL: root himself */
    bool is_void;                        /* Tailscale's preference is not waited for */
    bool from_memory; /* the journal does not know of it: no guard takes over, it waits */
};

/* Starts `oceanid-rollback --finish [--down-to ID] [--reason TEXT] [--void]` in a session of its
 * own; false: no such process is there. The journal must be let go of. */
bool take_leave_finisher(const struct guard_config *config, const char *config_path,
                         const struct rest *rest);

/* SEQUENCE:BODY:START, as the finisher is told; false: it is none. */
enum { GENERATION_TEXT_SIZE = 24 + 2 * HASH_SIZE + 2 * NONCE_SIZE };
void take_format_id(const struct generation_id *id, char text[GENERATION_TEXT_SIZE]);
bool take_parse_id(const char *text, struct generation_id *ret_id);

#endif
