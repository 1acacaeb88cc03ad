/*
 * arguments: the words and options behind a command's name.
 */
#ifndef CONTROLLER_CTL_ARGUMENTS_H
#define CONTROLLER_CTL_ARGUMENTS_H

#include <stdint.h>

#include "common/core/err.h"

enum { ARGUMENT_WORDS_MAX = 8, ARGUMENT_OPTIONS_MAX = 32 };

struct argument_option {
    const char *name;  /* "--node" */
    const char *value; /* "" for one that takes none */
};

/* All borrowed from argv. */
struct arguments {
    uint32_t words_count;
    const char *words[ARGUMENT_WORDS_MAX];
    uint32_t options_count;
    struct argument_option options[ARGUMENT_OPTIONS_MAX];
};

/* accepted: NULL-ended; "--yes" takes no value, "--node=" takes one (as the next word or behind
 * `=`). The options of every command (--pki, --controller, -o, --help, -h) are accepted as well. */
bool arguments_parse(char *const *from, int count, const char *const *accepted,
                     struct arguments *ret_arguments, struct err *err);

/* How many of from belong to options in front of the command's name. */
int arguments_count_leading(char *const *from, int count);

/* The last value given; NULL if the option was not given. */
const char *arguments_get(const struct arguments *arguments, const char *name);

#endif
