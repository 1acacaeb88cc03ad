/*
 * ctl: what every command of oceanidctl is given, and how it ends.
 */
#ifndef CONTROLLER_CTL_CTL_H
#define CONTROLLER_CTL_CTL_H

#include "common/core/err.h"
#include "common/core/limits.h"
#include "controller/ctl/arguments.h"

#include <stddef.h>

/* Exit codes (design 14). */
enum outcome {
    OUTCOME_DONE,        /* done and verified */
    OUTCOME_NO,          /* a check or gate says no, or it ended reverted */
    OUTCOME_USAGE,       /* usage or bad input */
    OUTCOME_UNREACHABLE, /* the controller does not answer */
    OUTCOME_DENIED,      /* not allowed */
    OUTCOME_INCOMPLETE,  /* done, but something is open */
};

enum { CTL_PATH_SIZE = 512 };

struct api;

struct ctl {
    char pki[CTL_PATH_SIZE];        /* the operator's directory */
    char controller[CTL_PATH_SIZE]; /* unix:PATH or https://HOST:PORT */
    bool json;                      /* -o json */
    struct api *api;                /* made at first use */
};

typedef enum outcome (*command_fn)(struct ctl *ctl, const struct arguments *arguments);

struct command {
    const char *name;  /* "rollout start" */
    const char *usage; /* what follows the name */
    const char *help;  /* one line */
    unsigned words_min, words_max;
    const char *const *options; /* see arguments_parse */
    command_fn run;
    const char *more; /* what `help` says besides; NULL: nothing */
};

/* Fills pki and controller from options, environment and defaults. writes_file: -o names a file. */
bool ctl_init(struct ctl *ctl, const struct arguments *arguments, bool writes_file,
              struct err *err);
void ctl_done(struct ctl *ctl);

/* The connection; NULL with err when its keys cannot be used. */
struct api *ctl_api(struct ctl *ctl, struct err *err);

/* Says on stderr what went wrong, with the rescue lines when the controller is not reachable, and
 * gives the exit code of its kind. */
enum outcome ctl_fail(const struct ctl *ctl, const struct err *err);

/* A file of the pki directory. */
bool ctl_path(const struct ctl *ctl, const char *name, char *to, size_t size, struct err *err);

/* Asks on the terminal, behind what was printed, and reads one line; false when it is not answered
 * with `wanted`. */
bool ctl_ask(const char *question, const char *wanted);

#endif
