/*
 * losses: what a rollback would take back, said before it is asked for.
 */
#ifndef CONTROLLER_CTL_LOSSES_H
#define CONTROLLER_CTL_LOSSES_H

#include <jansson.h>

#include "common/core/text.h"
#include "controller/ctl/ctl.h"

/* The place, from the bottom, of the change (or sequence) that `to` names among what stands on a
 * node of docs/api.md, plus one; 0: not there. */
size_t losses_find_standing(const json_t *node, const char *to);

/* A node of docs/api.md, or one that is remembered, of which the controller had not heard what
 * stands there. What stands on a remembered one was told before. */
bool losses_is_unknown(const json_t *node);

/* Among these names; none: all are meant. */
bool losses_is_named(const json_t *names, const char *name);

/* One of its generations. */
void losses_add_change(struct text *out, const json_t *generation);

/* What goes with an order, newest first. */
void losses_list_down_to(const json_t *node, const char *to, struct text *out);

struct losses_shown {
    long long meant;                 /* that the caller names; 0: none */
    long long rollout;               /* that was shown; 0: none was */
    char instead[2 * SENTENCE_SIZE]; /* another one was shown: what takes back what is meant; "" */
};

/* Prints on stderr what goes by the controller's own right (to NULL), or by orders for those nodes.
 * False: that would be refused, or no controller is there to be asked. What else keeps it from
 * being known is said, and stops nobody. */
bool losses_print(struct ctl *ctl, json_t *names, const char *to, struct losses_shown *shown,
                  struct err *err);

#endif
