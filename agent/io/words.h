/*
 * words: the command line of oceanid-agent.
 */
#ifndef AGENT_IO_WORDS_H
#define AGENT_IO_WORDS_H

#include <stdbool.h>

enum word { WORD_RUN, WORD_REQUEST, WORD_INSTALL, WORD_TRUST };

struct words { /* lent from argv */
    enum word what;
    const char *config, *guard_config;
    const char *name; /* request */
    bool witness;     /* request */
    const char *file; /* install, trust */
};

extern const char words_usage[];

/* False for anything that is not exactly what the usage says. */
bool words_parse(int argc, char **argv, struct words *ret_words);

#endif
