/*
 * show: what oceanid-rollback prints before it does anything: the list, the plan, the check.
 */
#ifndef AGENT_GUARD_IO_SHOW_H
#define AGENT_GUARD_IO_SHOW_H

#include "agent/guard/io/rescue.h"

/* The open trial and the confirmed changes, newest first; confirmed ones are numbered from the
 * bottom, so that a number stays what it is. */
void show_list(struct rescue *rescue);

/* What would be undone: the open trial, and the generations from the top down to number `to` (0:
 * only what is open, else the top). Returns how many changes that are. */
uint32_t show_plan(struct rescue *rescue, uint32_t to);

/* Line by line whether protected flows and owned items are as confirmed. Returns how many are not;
 * -1: it could not be looked at (err). */
int show_check(struct rescue *rescue, struct err *err);

#endif
