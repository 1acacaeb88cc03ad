/*
 * ssh: runs the operator's ssh with a vector of arguments.
 */
#include "controller/ctl/ssh.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/core/text.h"

enum { WORDS_MAX = 24, TAIL_SIZE = 4096 };

extern char **environ;

bool ssh_parse(const char *text, struct ssh_target_host *ret_target, struct err *err)
{
    char host[ADDRESS_TEXT_SIZE + 10];
    char *name = host;
    char *port = NULL;
    struct address address;
    unsigned long long number = 0;

    if (text_copy(host, sizeof(host), text))
        port = strrchr(host, ':');
    if (port != NULL)
        *port++ = '\0';
    if (host[0] == '[' && host[strlen(host) - 1] == ']') {
        host[strlen(host) - 1] = '\0';
        name = host + 1;
    }
    if (port == NULL || !text_parse_u64(port, 65535, &number) || number == 0 ||
        !address_parse(name, &address))
        return err_set(err, ERR_INPUT, "ssh '%.80s': accepted are ADDRESS:PORT and [ADDRESS]:PORT",
                       text);
    address_format(&address, ret_target->host);
    snprintf(ret_target->port, sizeof(ret_target->port), "%llu", number);
    return true;
}

/* ---- starting --------------------------------------------------------------------------------
 */

/* A file without a name, with the bytes in it. */
static int make_file(const char *what, struct bytes content, struct err *err)
{
    int fd = memfd_create(what, MFD_CLOEXEC);

    if (fd >= 0 &&
        (content.len == 0 || write(fd, content.data, content.len) == (ssize_t)content.len) &&
        lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    err_set(err, ERR_SYSTEM, "%s of ssh: %s", what, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static void fill_words(const struct ssh_target_host *target, const char *const *command, char *user,
                       size_t user_size, const char **words)
{
    static const char *const options[] = {"ssh",           "-T", "-o",
                                          "BatchMode=yes", "-o", "ConnectTimeout=10"};
    size_t count = 0;

    _Static_assert(SSH_CONNECT_S == 10, "ConnectTimeout above");
    snprintf(user, user_size, "root@%s", target->host);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        words[count++] = options[i];
    words[count++] = "-p";
    words[count++] = target->port;
    words[count++] = user;
    for (size_t i = 0; command[i] != NULL && count < WORDS_MAX - 1; i++)
        words[count++] = command[i];
    words[count] = NULL;
}

static int spawn(const char *const *words, int input, struct ssh_run *run)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int failure;

    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, run->output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, run->output, STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    failure = posix_spawnp(&run->pid, words[0], &files, &attributes, (char *const *)words, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return failure;
}

bool ssh_start(const struct ssh_target_host *target, const char *const *command, struct bytes input,
               struct ssh_run *ret_run, struct err *err)
{
    const char *words[WORDS_MAX];
    char user[ADDRESS_TEXT_SIZE + 8];
    int from = make_file("input", input, err);
    int failure;

    *ret_run = (struct ssh_run){.output = -1};
    if (from < 0)
        return false;
    ret_run->output = make_file("output", (struct bytes){NULL, 0}, err);
    if (ret_run->output < 0) {
        close(from);
        return false;
    }
    fill_words(target, command, user, sizeof(user), words);
    failure = spawn(words, from, ret_run);
    close(from);
    if (failure == 0)
        return true;
    ssh_done(ret_run);
    return err_set(err, ERR_SYSTEM, "ssh was not started: %s", strerror(failure));
}

/* ---- its end ---------------------------------------------------------------------------------
 */

bool ssh_poll(struct ssh_run *run)
{
    int status;

    if (!run->ended && waitpid(run->pid, &status, WNOHANG) == run->pid) {
        run->ended = true;
        run->code = WIFEXITED(status) ? WEXITSTATUS(status) : SSH_LOST;
    }
    return run->ended;
}

void ssh_last_line(const struct ssh_run *run, char *to, size_t size)
{
    char tail[TAIL_SIZE];
    struct stat file = {0};
    ssize_t len;
    char *line;

    fstat(run->output, &file);
    len = pread(run->output, tail, TAIL_SIZE - 1,
                file.st_size > TAIL_SIZE - 1 ? file.st_size - (TAIL_SIZE - 1) : 0);
    tail[len > 0 ? len : 0] = '\0';
    for (size_t i = strlen(tail); i > 0 && (tail[i - 1] == '\n' || tail[i - 1] == '\r'); i--)
        tail[i - 1] = '\0';
    line = strrchr(tail, '\n');
    text_shorten(to, size, line != NULL ? line + 1 : tail);
}

void ssh_done(struct ssh_run *run)
{
    if (run->output >= 0)
        close(run->output);
    run->output = -1;
}
