/*
 * carrier_drift: what has drifted of what Oceanid owns here: what the agent sees gone of its rules,
 * routes and addresses (agent/core/drift.h), and what its guard says of all else.
 */
#ifndef AGENT_IO_CARRIER_DRIFT_H
#define AGENT_IO_CARRIER_DRIFT_H

#include "agent/io/observe.h"
#include "agent/io/reporter.h"
#include "common/io/wire_guard.h"

struct carrier_drift; /* lives as long as the process */

/* Both are borrowed. */
struct carrier_drift *carrier_drift_new(struct observer *observer, struct reporter *reporter);

/* An end that the guard tells, and what it says of itself when it is asked. Where another change
 * stands than was known, a trial was reverted, or something has ended that nobody told, what is
 * owned is taken anew, from what is seen later than this: what was seen before may still show what
 * was taken back. A receipt that was heard of by its index, which the stack has too, only answers.
 * The first stack only says what stands and has ended: what was owned at the start is taken from
 * the first observation, and what went since is drift. */
void carrier_drift_take_receipt(struct carrier_drift *drift, const struct receipt *receipt);
void carrier_drift_take_stack(struct carrier_drift *drift, const struct stack *stack);

/* REPORT_DRIFT. */
void carrier_drift_take_lines(struct carrier_drift *drift, const struct guard_report *report);

/* Tells the reporter all drift there is; nothing before the first observation, or before one by
 * which what is owned can be taken. Not to be called while a trial is open: it is being changed. */
void carrier_drift_look(struct carrier_drift *drift);

#endif
