/*
 * others: what people put while a change is on trial, of which nothing may be lost: routes, rules
 * and addresses of keys that no plan has, by devices that the change leaves as they were.
 */
#ifndef TESTS_PLANS_OTHERS_H
#define TESTS_PLANS_OTHERS_H

#include <stdint.h>

#include "tests/plans/dump.h"
#include "tests/plans/play.h"

enum { OTHERS_LINE_SIZE = 160 };

struct others {
    uint32_t count;
    char lines[PLAY_OTHERS_MAX][OTHERS_LINE_SIZE]; /* of ip(8) */
};

/* In two seeds of five. before: only devices that are up in it; without: bits that are left out. */
void others_draw(uint64_t seed, uint64_t without, const struct dump *before,
                 struct others *ret_others);
void others_do(const struct others *others);

#endif
