/*
 * admission: what the guard lets in: may this be prepared, started, aborted, popped?
 *
 * Questions only; each refusal names what was found and what is accepted.
 */
#ifndef AGENT_GUARD_CORE_ADMISSION_H
#define AGENT_GUARD_CORE_ADMISSION_H

#include "agent/guard/core/trial.h"

enum { NONCE_AGE_MAX_MS = 30000 }; /* docs/protocol.md rule 3 */

/* By those whom root on this node trusts; without it no manifest is looked at. */
bool admission_is_signed(const struct guard_prepare *prepare);

/* Rule 1, but for what only a snapshot can show. */
bool admission_check_prepare(const struct trial *trial, const struct guard_event *ev,
                             struct err *err);

/* Rules 2 to 4: this nonce, young, a baseline of the quorum, and every earlier guard standing. */
bool admission_check_start(const struct trial *trial, const struct guard_event *ev,
                           struct err *err);

/* Rule 14: the controller quotes the latest hello. */
bool admission_check_end(const struct trial *trial, const struct guard_event *ev, struct err *err);

/* Rules 16 and 17. */
bool admission_check_pop(const struct trial *trial, const struct guard_event *ev, struct err *err);

/* Nothing is touched above the stack's top, and no end still has to be written, unless the disk
 * refuses it: then undoing goes on from memory. */
bool admission_nothing_above(const struct trial *trial);

/* Does the statement answer this trial's prepare nonce, with a good signature? */
bool admission_answers(const struct trial *trial, const struct guard_statement *given);

/* Before any signature is looked at: is a start of this id waited for at all; could this statement
 * count for it; could that one count as a renewal? */
bool admission_awaits_start(const struct trial *trial, const struct generation_id *id);
bool admission_fits_start(const struct trial *trial, const struct statement *statement);
bool admission_awaits_renewal(const struct trial *trial, const struct statement *statement);

#endif
