/*
 * names: finds the place of a name among a fleet's, in one step however large the fleet is.
 *
 * Whoever keeps a list of nodes keeps one beside it: place i there is place i here.
 */
#ifndef CONTROLLER_CORE_NAMES_H
#define CONTROLLER_CORE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/core/limits.h"

enum { NAMES_SLOTS = 4 * FLEET_MAX, NAMES_NONE = UINT32_MAX };

/* Starts zeroed. */
struct names {
    uint32_t count;
    char list[FLEET_MAX][NAME_SIZE];
    uint16_t slots[NAMES_SLOTS]; /* place + 1; 0: free */
};

/* NAMES_NONE: it is not there. */
uint32_t names_find(const struct names *names, const char *name);
/* The place behind the last. The name must not be there; there must be room (count < FLEET_MAX). */
uint32_t names_add(struct names *names, const char *name);
/* Another name in that place. */
void names_replace(struct names *names, uint32_t place, const char *name);
void names_clear(struct names *names);

#endif
