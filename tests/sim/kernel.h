/*
 * kernel: a node's simulated kernel: rules, routes and settings, the changes' and beside them those
 * of others.
 *
 * What an operation makes of it says common/net, what takes it back agent/guard/core/undo.h: both
 * as shipped. Only what writes to a real kernel (agent/guard/io) is played here.
 */
#ifndef TESTS_SIM_KERNEL_H
#define TESTS_SIM_KERNEL_H

#include "agent/guard/core/undo.h"
#include "tests/sim/message.h"

/* The second change puts its route in the place of the first one's; the third touches nothing that
 * another touches. */
enum { SIM_FIRST, SIM_REPLACES, SIM_BESIDE };

/* What others may have there. With the twin of its rule, or a route in the place of its own, a
 * change cannot be made; such a route that comes later takes that place. */
enum { SIM_OTHERS = 7, SIM_TWIN = 4, SIM_USURPER = 6 };

struct kernel {
    struct snapshot now;
    size_t base_routes, base_rules;         /* so many are there before anybody does anything */
    unsigned others;                        /* bits: which of them somebody has put there */
    bool usurped[SIM_CHANGES];              /* the change's route gave way to another's */
    bool done[SIM_CHANGES][SIM_OPERATIONS]; /* it has an undo */
    struct undo_item undo[SIM_CHANGES][SIM_OPERATIONS];
};

void kernel_init(struct kernel *kernel, int host);
void kernel_done(struct kernel *kernel);

/* Where SSH to that host goes. */
struct address kernel_address(int host);
/* A change's operations on that host, literal. */
void kernel_fill_operations(int change, int host, struct operation operations[SIM_OPERATIONS]);
/* Both touch an object of the same name. */
bool kernel_overlap(int change, int other);
/* With these of others there, bits, a change cannot be made. */
bool kernel_is_taken(int change, unsigned others);

/* Whether they can be done there, as a guard that prepares judges it; why: what is in the way. */
bool kernel_can(const struct kernel *kernel, const struct operation *operations, struct err *why);
/* A new attempt of it: what an earlier one kept to take itself back by is not this one's. */
void kernel_begin(struct kernel *kernel, int change);
/* Does it, with its undo derived before; false, and why: it cannot be done any more. */
bool kernel_apply(struct kernel *kernel, int change, const struct operation *operation,
                  uint32_t number, struct err *why);
/* Puts back what a boot or a restart finds missing of what was confirmed. */
void kernel_put_back(struct kernel *kernel, int change, const struct operation *operation);
void kernel_undo(struct kernel *kernel, int change, uint32_t number);
/* The power is gone: what was volatile comes back only where others put it back themselves. */
void kernel_lose_power(struct kernel *kernel, int host);

/* The operation's object is there: looked at from outside. */
bool kernel_has(const struct kernel *kernel, int change, uint32_t number);
/* As the shipped verification judges it. */
bool kernel_is_restored(const struct kernel *kernel, int change);

/* Somebody else puts it there, or takes it away again. */
void kernel_turn_other(struct kernel *kernel, unsigned other);
/* "route 192.0.2.0/25 dev eth0" */
const char *kernel_other_name(unsigned other);

#endif
