/*
 * kept: states that once failed, by what they are about: boundaries move as the programs change.
 */
#ifndef TESTS_CRASH_KEPT_H
#define TESTS_CRASH_KEPT_H

#include "tests/crash/world.h"

enum { KEPT_MAX = 64 };

struct kept {
    char scenario[16], begins[64]; /* "boot: netlink new rule" */
    unsigned which;                /* from 1 */
    enum fault_kind fault;
    unsigned long long seed;
};

struct kept_list {
    uint32_t count;
    struct kept list[KEPT_MAX];
};

void kept_read(struct kept_list *list, const char *path);

/* The boundary behind `passed` of the run that has just ended; 0 if there is none of that name. */
uint32_t kept_find(const struct kept *kept, uint32_t passed);

#endif
