/*
 * outlet: what is said to people or to the journal, and holds up nobody: what is not read in time
 * is left out, and how much that was is said when it is read again.
 */
#ifndef COMMON_IO_OUTLET_H
#define COMMON_IO_OUTLET_H

#include <stdbool.h>
#include <stddef.h>

struct outlet {
    int fd;
    int patience_ms; /* of a reader who has read till now; one who has not is waited for no more */
    bool is_unread;
    bool has_failed; /* its disk is full, say: not only that nobody reads any more */
    unsigned lost;   /* pieces, since that was said last */
};

/* A line, or several. Of less than 4 KiB a pipe takes all or nothing. */
void outlet_put(struct outlet *outlet, const char *text, size_t len);

/* From here on all that is printed goes through an outlet over descriptor 1. */
void outlet_take_stdout(int patience_ms);

#endif
