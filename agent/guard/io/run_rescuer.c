/*
 * run_rescuer: the mark `rescued`, a link that names the process of a rescue: PID:START.
 *
 * Whoever is killed leaves it behind, for everybody to read, and waits for its number to come round
 * again: with its start it names one process of this boot. A link, because a full /run has no room
 * for a file with a word in it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/guard/io/run.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"

#define RESCUED_NAME "rescued"

enum { PROC_SIZE = 16 << 10 };

/* ---- a process ------------------------------------------------------------------------------ */

static char *read_proc(pid_t pid, const char *name)
{
    char path[64];
    struct err err = ERR_INIT;
    uint8_t *data = NULL;
    size_t len;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    return file_read(path, PROC_SIZE, &data, &len, &err) ? (char *)data : NULL;
}

/* The name as everybody may see it, cut at 15 characters: a guard with one capability may not look
 * at the exe of a rescue with all. */
bool run_is_rollback(pid_t pid)
{
    AUTO_FREE char *name = read_proc(pid, "comm");

    return name != NULL && text_starts(name, "oceanid-rollbac");
}

struct seen {
    bool is_there;
    char state;               /* Z: it has ended, and nobody has asked how */
    unsigned long long start; /* in ticks of this boot */
};

/* Its own name stands before that, in brackets, and may be anything. */
static struct seen look_at(pid_t pid)
{
    AUTO_FREE char *line = read_proc(pid, "stat");
    const char *behind = line != NULL ? strrchr(line, ')') : NULL;
    struct seen seen = {.is_there = false};

    seen.is_there =
        behind != NULL && sscanf(behind,
                                 ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                                 "%*s %*s %*s %llu",
                                 &seen.state, &seen.start) == 2;
    return seen;
}

/* All three: a setuid program that anybody has started has root's effective one. */
static bool is_roots(pid_t pid)
{
    AUTO_FREE char *status = read_proc(pid, "status");
    const char *uids = status != NULL ? strstr(status, "\nUid:") : NULL;
    unsigned real, effective, saved;

    return uids != NULL && sscanf(uids, "\nUid: %u %u %u", &real, &effective, &saved) == 3 &&
           real == 0 && effective == 0 && saved == 0;
}

/* ---- the mark ------------------------------------------------------------------------------- */

struct marked {
    pid_t pid;
    unsigned long long start; /* 0: of an older version, or where /proc was not to be had */
    struct run_file file;
};

static bool read_mark(const char *path, struct marked *ret_marked)
{
    char word[48];
    char *end;
    ssize_t len;
    long pid;

    ret_marked->file = run_find_file(path);
    len = readlink(path, word, sizeof(word) - 1);
    word[len > 0 ? len : 0] = '\0';
    pid = strtol(word, &end, 10);
    ret_marked->pid = (pid_t)pid;
    ret_marked->start = *end == ':' ? strtoull(end + 1, NULL, 10) : 0;
    return pid > 1;
}

static bool is_it(const struct marked *marked, const struct seen *seen)
{
    if (!seen->is_there || seen->state == 'Z' || seen->state == 'X')
        return false;
    return marked->start != 0 ? seen->start == marked->start
                              : run_is_rollback(marked->pid) && is_roots(marked->pid);
}

static bool is_gone(pid_t pid)
{
    return kill(pid, 0) != 0 && errno == ESRCH;
}

pid_t run_rescuer(const struct guard_config *config)
{
    char path[RUN_PATH_SIZE];
    struct marked marked;
    struct seen seen;

    run_path(config, RESCUED_NAME, path, sizeof(path));
    if (!read_mark(path, &marked))
        return 0;
    seen = look_at(marked.pid);
    if (is_it(&marked, &seen))
        return marked.pid;
    if (seen.is_there || is_gone(marked.pid)) /* else it only cannot be looked at */
        run_unlink_own(path, &marked.file);
    return 0;
}

bool run_is_superseded(const struct guard_config *config)
{
    pid_t rescuer = run_rescuer(config);

    return rescuer != 0 && rescuer != getpid() && rescuer != getppid();
}

bool run_mark_rescue(const struct guard_config *config, struct err *err)
{
    char path[RUN_PATH_SIZE], word[48];
    pid_t pid = getpid();
    struct seen seen = look_at(pid);

    run_path(config, RESCUED_NAME, path, sizeof(path));
    if (seen.is_there)
        snprintf(word, sizeof(word), "%d:%llu", (int)pid, seen.start);
    else
        snprintf(word, sizeof(word), "%d", (int)pid);
    return run_put_link(path, word, err);
}

void run_unmark_rescue(const struct guard_config *config)
{
    char path[RUN_PATH_SIZE];
    struct marked marked;

    run_path(config, RESCUED_NAME, path, sizeof(path));
    if (read_mark(path, &marked) && marked.pid == getpid())
        unlink(path);
}
