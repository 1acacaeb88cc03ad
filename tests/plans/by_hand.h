/*
 * by_hand: takes changes back by undo.txt alone, as a person does when no program of ours runs
 * (docs/operations.md): `ip -batch`, `ip -force -batch` where that stops, then the lines that are
 * to be typed.
 */
#ifndef TESTS_PLANS_BY_HAND_H
#define TESTS_PLANS_BY_HAND_H

#include "tests/plans/play_parts.h"

/* Newest first. False: the text itself is not what it has to be. *ret_says: it names what ip(8) has
 * no words for. */
bool by_hand_undo(struct play *const *changes, uint32_t count, bool *ret_says);

#endif
