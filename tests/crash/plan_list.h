/*
 * plan_list: the operations of each change.
 */
#ifndef TESTS_CRASH_PLAN_LIST_H
#define TESTS_CRASH_PLAN_LIST_H

#include "common/net/operation.h"

enum { PLAN_OPERATIONS_MAX = 16 };

struct plan_list {
    uint32_t count;
    struct operation operations[PLAN_OPERATIONS_MAX];
};

/* plan: one of PLAN_*. */
void plan_list_fill(int plan, struct plan_list *ret_list);

#endif
