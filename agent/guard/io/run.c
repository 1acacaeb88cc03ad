/*
 * run: marks in /run/oceanid, and the fence between guard and rescue.
 */
#include "agent/guard/io/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/guard/io/journal.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/packet.h"
#include "common/io/wire_guard.h"

enum { FENCE_MS = 2000 };
#define DEPTH_NAME "unrecorded-to"

/* ---- marks ---------------------------------------------------------------------------------- */

void run_path(const struct guard_config *config, const char *name, char *to, size_t size)
{
    const char *slash = strrchr(config->socket, '/');
    int len = slash != NULL ? (int)(slash - config->socket) : 1;

    snprintf(to, size, "%.*s/%s", len, slash != NULL ? config->socket : ".", name);
}

void run_make_place(const struct guard_config *config)
{
    char path[RUN_PATH_SIZE];

    run_path(config, "", path, sizeof(path));
    if (mkdir(path, 0755) == 0)
        chmod(path, 0755); /* whatever the umask is */
}

/* What PID runs: its program's name, a replaced file's too; "" if it cannot be seen. */
static void program_of(pid_t pid, char *to, size_t size)
{
    char path[64], target[512];
    const char *name;
    ssize_t len;

    snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
    len = readlink(path, target, sizeof(target) - 1);
    target[len > 0 ? len : 0] = '\0';
    name = strrchr(target, '/');
    text_copy(to, size, name != NULL ? name + 1 : target);
    to[strcspn(to, " ")] = '\0'; /* "oceanid-guard (deleted)" */
}

bool run_put_link(const char *path, const char *word, struct err *err)
{
    char made[RUN_PATH_SIZE + 16];

    snprintf(made, sizeof(made), "%s.%d", path, (int)getpid());
    unlink(made);
    if (symlink(word, made) == 0 && rename(made, path) == 0)
        return true;
    err_set(err, ERR_SYSTEM, "%s: %s", path, strerror(errno));
    unlink(made);
    return false;
}

void run_released_path(const struct guard_config *config, char *to, size_t size)
{
    run_path(config, "released", to, size);
}

void run_unrecorded_path(const struct guard_config *config, char *to, size_t size)
{
    run_path(config, "unrecorded", to, size);
}

bool run_has_unrecorded(const struct guard_config *config)
{
    char path[RUN_PATH_SIZE];

    run_unrecorded_path(config, path, sizeof(path));
    return access(path, F_OK) == 0;
}

bool run_is_by_hand(const struct guard_config *config)
{
    char path[RUN_PATH_SIZE];

    run_released_path(config, path, sizeof(path));
    return access(path, F_OK) == 0;
}

bool run_is_released(const struct guard_config *config, char *ret_path, size_t size)
{
    run_released_path(config, ret_path, size);
    if (run_is_by_hand(config))
        return true;
    run_unrecorded_path(config, ret_path, size);
    return run_has_unrecorded(config);
}

struct run_file run_find_file(const char *path)
{
    struct stat stat;

    if (lstat(path, &stat) != 0)
        return (struct run_file){0};
    return (struct run_file){stat.st_dev, stat.st_ino, stat.st_mtim};
}

static bool file_equal(const struct run_file *a, const struct run_file *b)
{
    return a->device == b->device && a->inode == b->inode && a->made.tv_sec == b->made.tv_sec &&
           a->made.tv_nsec == b->made.tv_nsec;
}

bool run_unlink_own(const char *path, const struct run_file *own)
{
    struct run_file found = run_find_file(path);

    return file_equal(&found, own) && unlink(path) == 0;
}

/* Without content: a full /run has no room for any. */
static bool make_mark(const char *path, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "%s: %s", path, strerror(errno));
    close(fd);
    return true;
}

bool run_mark_released(const struct guard_config *config, struct err *err)
{
    char path[RUN_PATH_SIZE];

    run_released_path(config, path, sizeof(path));
    return make_mark(path, err);
}

static void find_notes(const struct guard_config *config, struct run_mark *mark)
{
    char path[RUN_PATH_SIZE];

    run_path(config, DEPTH_NAME, path, sizeof(path));
    mark->depth = run_find_file(path);
    run_path(config, RUN_INTENT_NAME, path, sizeof(path));
    mark->intent = run_find_file(path);
}

/* Where no other can be made, the one that is there stays, and is nobody's. */
bool run_mark_unrecorded(const struct guard_config *config, struct run_mark *ret_mark,
                         struct err *err)
{
    char path[RUN_PATH_SIZE], made[RUN_PATH_SIZE + 16];
    struct err ignored = ERR_INIT;

    *ret_mark = (struct run_mark){0};
    run_unrecorded_path(config, path, sizeof(path));
    snprintf(made, sizeof(made), "%s.%d", path, (int)getpid());
    unlink(made);
    if (make_mark(made, &ignored)) {
        ret_mark->file = run_find_file(made);
        find_notes(config, ret_mark);
        if (rename(made, path) == 0)
            return true;
    }
    unlink(made);
    *ret_mark = (struct run_mark){0};
    return make_mark(path, err);
}

void run_find_unrecorded(const struct guard_config *config, struct run_mark *ret_mark)
{
    char path[RUN_PATH_SIZE];

    run_unrecorded_path(config, path, sizeof(path));
    ret_mark->file = run_find_file(path);
    find_notes(config, ret_mark);
}

/* A later rescue notes before it marks: what it has noted by now is not this mark's. */
void run_unmark_unrecorded(const struct guard_config *config, const struct run_mark *mark)
{
    char path[RUN_PATH_SIZE];

    run_unrecorded_path(config, path, sizeof(path));
    if (!run_unlink_own(path, &mark->file))
        return;
    run_path(config, DEPTH_NAME, path, sizeof(path));
    run_unlink_own(path, &mark->depth);
    run_path(config, RUN_INTENT_NAME, path, sizeof(path));
    run_unlink_own(path, &mark->intent);
}

void run_note_depth(const struct guard_config *config, const struct nonce *start)
{
    char path[RUN_PATH_SIZE], word[2 * NONCE_SIZE + 1];
    struct err err = ERR_INIT;

    run_path(config, DEPTH_NAME, path, sizeof(path));
    bytes_format_hex(start->bytes, NONCE_SIZE, word);
    if (!run_put_link(path, word, &err))
        unlink(path); /* an earlier one says too little */
}

void run_find_depth(const struct guard_config *config, struct nonce *ret_start)
{
    char path[RUN_PATH_SIZE], word[2 * NONCE_SIZE + 2];
    ssize_t len;

    *ret_start = (struct nonce){{0}};
    run_unrecorded_path(config, path, sizeof(path));
    if (access(path, F_OK) != 0)
        return;
    run_path(config, DEPTH_NAME, path, sizeof(path));
    len = readlink(path, word, sizeof(word) - 1);
    word[len > 0 ? len : 0] = '\0';
    if (!bytes_parse_hex(word, ret_start->bytes, NONCE_SIZE))
        *ret_start = (struct nonce){{0}};
}

static bool has_depth(const struct ledger *ledger, const struct nonce *depth)
{
    bool is_any = nonce_is_zero(depth);

    if (ledger->is_open && (is_any || nonce_equal(&ledger->open.id.start, depth)))
        return true;
    for (uint32_t i = 0; i < ledger->generations_count; i++) {
        if (is_any || nonce_equal(&ledger->generations[i].id.start, depth))
            return true;
    }
    return false;
}

bool run_unmark_recorded(const struct guard_config *config, const struct ledger *ledger)
{
    struct nonce depth;
    struct run_mark mark;

    run_find_depth(config, &depth);
    if (!run_has_unrecorded(config) || has_depth(ledger, &depth))
        return false;
    run_find_unrecorded(config, &mark);
    run_unmark_unrecorded(config, &mark);
    return true;
}

/* ---- the fence ------------------------------------------------------------------------------ */

static bool is_refusal(struct bytes data, struct err *err)
{
    struct guard_report report;
    struct err ignored = ERR_INIT;
    bool refused;

    if (!wire_decode_guard_report(data, &report, &ignored))
        return false;
    refused = report.kind == REPORT_REFUSED;
    if (refused)
        err_set(err, ERR_MISSING, "%s", report.reason);
    guard_report_done(&report);
    return refused;
}

/* Other reports that come meanwhile are passed over; the end of the connection is the answer. */
static enum fence wait_hangup(int fd, bool is_named, struct err *err)
{
    mono_t until = clock_now() + FENCE_MS;
    mono_t left;

    while ((left = until - clock_now()) > 0) {
        struct pollfd look = {.fd = fd, .events = POLLIN};
        AUTO_FREE uint8_t *data = NULL;
        struct err ended = ERR_INIT;
        size_t len;

        if (poll(&look, 1, (int)left) <= 0)
            continue;
        if (!packet_receive(fd, &data, &len, &ended)) {
            if (ended.kind == ERR_PEER)
                return FENCE_DONE;
        } else if (is_named && is_refusal((struct bytes){data, len}, err)) {
            return FENCE_REFUSED;
        }
    }
    return FENCE_NOBODY;
}

enum fence run_fence_guard(const struct guard_config *config, const struct generation_id *named,
                           struct err *err)
{
    struct guard_request fence = {.kind = GUARD_FENCE};
    AUTO_WIRE struct wire_bytes message = {NULL, 0};
    struct err silent = ERR_INIT;
    int fd = packet_connect(config->socket, &silent);
    enum fence done = FENCE_NOBODY;

    if (fd < 0)
        return FENCE_NOBODY;
    if (named != NULL)
        fence.id = *named;
    message = wire_encode_guard_request(&fence);
    if (packet_send(fd, wire_lend(&message), &silent))
        done = wait_hangup(fd, named != NULL, err);
    close(fd);
    return done;
}

/* A finishing rescue may be ended by whoever takes over; one that a person runs may not. */
static bool is_finisher(pid_t pid)
{
    char path[64];
    struct err err = ERR_INIT;
    AUTO_FREE uint8_t *line = NULL;
    size_t len;

    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    return run_is_rollback(pid) && file_read(path, 4096, &line, &len, &err) &&
           memmem(line, len, "--finish", strlen("--finish")) != NULL;
}

static bool is_guard(pid_t pid)
{
    char program[64];

    program_of(pid, program, sizeof(program));
    return text_equal(program, "oceanid-guard");
}

/* Its pidfd first, then the look at what it is: the number cannot be given to another meanwhile. */
static bool end_process(pid_t pid, int number, bool (*may_end_fn)(pid_t pid), struct err *err)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd look = {.fd = fd, .events = POLLIN};
    bool gone;

    if (fd < 0)
        return errno == ESRCH
                   ? true
                   : err_set(err, ERR_SYSTEM, "process %d: %s", (int)pid, strerror(errno));
    if (!may_end_fn(pid)) {
        close(fd);
        return err_set(err, ERR_CONFLICT,
                       "the journal is held by process %d, which is not oceanid-guard: it is left "
                       "alone",
                       (int)pid);
    }
    syscall(SYS_pidfd_send_signal, fd, number, NULL, 0);
    gone = poll(&look, 1, FENCE_MS) > 0;
    close(fd);
    return gone || err_set(err, ERR_TIMEOUT, "process %d was killed and is not gone after %d ms",
                           (int)pid, FENCE_MS);
}

static bool may_end_either(pid_t pid)
{
    return is_guard(pid) || is_finisher(pid);
}

bool run_end_holder(const struct guard_config *config, struct err *err)
{
    pid_t pid = journal_holder(config->state);

    if (pid == 0)
        return err_set(err, ERR_MISSING, "the journal's lock names no process");
    return end_process(pid, SIGKILL, may_end_either, err);
}

bool run_end_finisher(const struct guard_config *config, struct err *err)
{
    pid_t pid = journal_holder(config->state);

    if (pid == 0 || pid == run_rescuer(config) || !is_finisher(pid))
        return false;
    return end_process(pid, SIGTERM, is_finisher, err);
}
