/*
 * watch: following a rollout until it ends or waits for a person.
 */
#ifndef CONTROLLER_CTL_WATCH_H
#define CONTROLLER_CTL_WATCH_H

#include "controller/ctl/ctl.h"
#include "controller/ctl/field.h"

/* The open rollout's id, or the newest one's; --id or a word names another. */
bool watch_find(struct ctl *ctl, const char *given, long long *ret_id, struct err *err);

/* Prints a line a thing that happens, and on a terminal one line that is kept up to date. With
 * `to_the_end` it stays while the rollout waits for a person. ^C says what goes on, and ends it
 * all. */
enum outcome watch_follow(struct ctl *ctl, long long id, bool to_the_end);

#endif
