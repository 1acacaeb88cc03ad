/*
 * name: what a node, witness, change or check may be called: [a-z0-9-]{1,63}.
 *
 * No peer-supplied string ever becomes a path; these are the only ones that come near one.
 */
#ifndef COMMON_CORE_NAME_H
#define COMMON_CORE_NAME_H

#include <stdbool.h>

#include "common/core/err.h"

bool name_valid(const char *name);

/* Refuses with "what 'value': accepted is [a-z0-9-]{1,63}". */
bool name_check(const char *what, const char *name, struct err *err);

#endif
