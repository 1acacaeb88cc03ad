/*
 * taken: how far a rollback is, as a person reads it: what goes, and node by node.
 */
#ifndef CONTROLLER_CTL_TAKEN_H
#define CONTROLLER_CTL_TAKEN_H

#include <jansson.h>
#include <stdio.h>

/* rollback: a ROLLBACK of docs/api.md. to: the change that orders named; NULL: it went by the
 * controller's own right. */
void taken_print(const json_t *rollback, const char *to, FILE *out);

/* That it was begun, of which change of which rollout. */
void taken_announce(const json_t *rollback, FILE *out);

#endif
