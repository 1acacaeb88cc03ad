/*
 * mono: a point on CLOCK_BOOTTIME, in milliseconds; it counts through suspend and never steps.
 *
 * Wall-clock time appears only where a person or a certificate does, as seconds (int64_t unix).
 */
#ifndef COMMON_CORE_MONO_H
#define COMMON_CORE_MONO_H

#include <stdint.h>

typedef int64_t mono_t;

#define MONO_NEVER INT64_MAX

/* Adds without running over; MONO_NEVER stays. */
static inline mono_t mono_add(mono_t at, int64_t ms)
{
    return at >= MONO_NEVER - ms ? MONO_NEVER : at + ms;
}

static inline mono_t mono_max(mono_t a, mono_t b)
{
    return a > b ? a : b;
}

static inline mono_t mono_min(mono_t a, mono_t b)
{
    return a < b ? a : b;
}

#endif
