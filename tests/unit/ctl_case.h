/*
 * ctl_case: an operator's directory of its own, as `pki init` makes it, and oceanidctl's commands
 * on it: how they end, and all that they say. Their controller is nobody unless the test says.
 */
#ifndef TESTS_UNIT_CTL_CASE_H
#define TESTS_UNIT_CTL_CASE_H

#include "controller/ctl/ctl.h"

struct ctl_server;

struct ctl_desk {
    char directory[64];
    struct ctl ctl;
    struct ctl_server *server; /* NULL: nobody */
    const char *date;          /* by its clock; NULL: it says none. Before it is served */
    char said[16384]; /* by the last command, stdout and stderr in the order of a terminal */
};

int open_ctl_desk(void **state);
int close_ctl_desk(void **state);
#define AT_CTL_DESK(test) cmocka_unit_test_setup_teardown(test, open_ctl_desk, close_ctl_desk)

/* What the desk's controller answers, until the desk is closed. */
struct ctl_reply {
    const char *request; /* "PUT /v1/roster"; any other is answered with 404 */
    long status;
    const void *body;
    size_t len;
    unsigned asked; /* how often: read it when a command has ended */
};
/* From now on a controller listens on a socket of the directory. replies: count of them, the
 * test's. */
void ctl_desk_serve(struct ctl_desk *desk, struct ctl_reply *replies, size_t count);

/* From now on somebody listens at a controller's address, and says nothing. The caller's to close.
 */
int ctl_desk_listen(struct ctl_desk *desk);

/* A file of the directory. size of path: CTL_PATH_SIZE. */
const char *ctl_desk_path(const struct ctl_desk *desk, const char *name, char *path);
bool ctl_desk_has(const struct ctl_desk *desk, const char *name);

/* words: of the command line behind the command's name, NULL-ended; options: see struct command. */
enum outcome ctl_desk_run(struct ctl_desk *desk, command_fn command, const char *const *options,
                          const char *const *words);
/* What a person types at the next command. */
void ctl_desk_type(const char *text);

/* Fails unless the last command said it, or if it did. */
void ctl_desk_expect(const struct ctl_desk *desk, const char *part);
void ctl_desk_expect_not(const struct ctl_desk *desk, const char *part);

#endif
