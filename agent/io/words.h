/*
 * words: the command line of oceanid-agent.
 */
#ifndef AGENT_IO_WORDS_H
#define AGENT_IO_WORDS_H

#include <stdbool.h>
#include <stdio.h>

#include "common/core/err.h"

enum word { WORD_RUN, WORD_REQUEST, WORD_INSTALL, WORD_TRUST };

struct words { /* lent from argv */
    bool help; /* of what, and nothing else is set */
    enum word what;
    const char *config;
    const char *guard_config; /* NULL: nobody named one */
    const char *name;         /* request */
    bool witness;             /* request */
    const char *file;         /* install, trust */
};

/* Of that word; with WORD_RUN of all. */
void words_print_usage(FILE *to, enum word what);

/* False for anything that is not exactly what the usage says, which err names. */
bool words_parse(int argc, char **argv, struct words *ret_words, struct err *err);

#endif
