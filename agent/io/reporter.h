/*
 * reporter: what the controller is still to be told: changed verdicts, drift, and what was handed
 * in for it (the guard's reports, statements, judged sources, a snapshot). Nothing counts as told
 * before it was acknowledged.
 */
#ifndef AGENT_IO_REPORTER_H
#define AGENT_IO_REPORTER_H

#include "common/io/wire_session.h"

struct reporter;

struct reporter *reporter_new(void);
void reporter_free(struct reporter *reporter);

/* event_at_us: of the kernel event behind it, or 0. */
void reporter_tell_verdict(struct reporter *reporter, const struct verdict *verdict,
                           int64_t event_at_us);

/* All that is shown now: others are forgotten, and the next report is a full one. */
void reporter_set_verdicts(struct reporter *reporter, const struct verdict *verdicts,
                           uint32_t count);

/* All drift there is; the next report is a full one if it differs. */
void reporter_set_drift(struct reporter *reporter, char (*lines)[SENTENCE_SIZE], uint32_t count);

/* Bytes are taken. answers: the command's id, or 0. */
void reporter_add_guard(struct reporter *reporter, struct wire_bytes report, uint64_t answers);
void reporter_add_statement(struct reporter *reporter, struct wire_bytes statement,
                            uint64_t answers);
void reporter_add_source(struct reporter *reporter, const struct source_seen *source);
void reporter_add_snapshot(struct reporter *reporter, const struct snapshot *snapshot,
                           uint64_t answers); /* copied */

/* The next report, encoded; false if there is nothing to say. full: after a hello, everything is
 * told again, in as many reports as it takes: the first one with room left ends it, even if it has
 * nothing else to say. One report is out at a time. */
bool reporter_next(struct reporter *reporter, bool full, struct wire_bytes *ret_report,
                   uint64_t *ret_id);

/* What the report with that id said has arrived; others are passed over. */
void reporter_acknowledge(struct reporter *reporter, uint64_t id);

/* The report that is out, if one is, did not arrive: it is told again. */
void reporter_lose(struct reporter *reporter);

#endif
