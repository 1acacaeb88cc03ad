/*
 * dump: the kernel's network of this process's namespace as lines of text, and when it is at rest.
 *
 * Shares no code with what it judges: it speaks rtnetlink by itself and reads /proc/sys.
 */
#ifndef TESTS_PLANS_DUMP_H
#define TESTS_PLANS_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dump {
    char *text; /* owned; all lines, each ended by a NUL */
    size_t len, capacity;
    size_t *starts; /* owned; where each line begins */
    size_t count, starts_capacity;
};

/* Links, rules and addresses in their order, nexthop objects, routes (those of one key in their
 * order), settings: a line each. The caller ends it with dump_done. */
void dump_take(struct dump *ret_dump);
void dump_done(struct dump *dump);
void dump_add(struct dump *dump, const char *line);
const char *dump_line(const struct dump *dump, size_t index);

/* Waits until what the kernel works off in the background is done: carrier, IPv6 of what has come
 * up, duplicate address detection. False: not in 5 s. */
bool dump_settle(void);

/* Says what is wrong with the test itself, and aborts. */
_Noreturn void dump_give_up(const char *what);

#endif
