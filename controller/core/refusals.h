/*
 * refusals: which refusals were told lately, so that whoever is refused again and again does not
 * fill the audit: the same one is told once a minute, and then how often it came besides.
 *
 * Pure. Bounded: what finds no place any more within a minute is counted under "others".
 */
#ifndef CONTROLLER_CORE_REFUSALS_H
#define CONTROLLER_CORE_REFUSALS_H

#include "common/core/limits.h"
#include "common/core/mono.h"

#include <stdbool.h>

enum { REFUSALS_MAX = 32, REFUSALS_AGAIN_MS = 60000 };

struct refusal {
    bool used;
    char who[NAME_SIZE];
    char what[REASON_SIZE];
    mono_t since;  /* when it was told */
    uint32_t more; /* came since */
};

/* Zeroed in the beginning. */
struct refusals {
    struct refusal list[REFUSALS_MAX];
    struct refusal others;
};

/* Takes one. True: it is to be told; false: it was, within the last minute, or there is no place.
 */
bool refusals_take(struct refusals *refusals, const char *who, const char *what, mono_t now);

/* The next one whose minute is over and that came more often, which is to be told now; it is
 * forgotten. False: none. To be asked before each take. */
bool refusals_take_over(struct refusals *refusals, mono_t now, struct refusal *ret_refusal);

#endif
