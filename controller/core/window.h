/*
 * window: when in the week changes may be made: days, and from when to when on each, in UTC.
 *
 *   "mon-fri 08:00-16:00"    "sat 22:00-24:00"    "sun-sat 00:00-06:00"
 */
#ifndef CONTROLLER_CORE_WINDOW_H
#define CONTROLLER_CORE_WINDOW_H

#include "common/core/err.h"

#include <stdint.h>

struct window {
    unsigned days;            /* bits: monday 0 to sunday 6 */
    unsigned from_s, until_s; /* of the day; from < until <= a day */
};

bool window_parse(const char *text, struct window *ret_window, struct err *err);

/* Open at this time (unix seconds, not negative). */
bool window_is_open(const struct window *window, int64_t now);

/* When it opens next, or opened last while it is open. */
int64_t window_opens_at(const struct window *window, int64_t now);

#endif
