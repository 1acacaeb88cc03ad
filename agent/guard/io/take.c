/*
 * take: fences the guard, and leaves a finishing process behind.
 */
#include "agent/guard/io/take.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/guard/io/disk_probe.h"
#include "agent/guard/io/run.h"
#include "common/core/text.h"
#include "common/io/clock.h"

enum { TAKE_MS = 6000, END_MS = 2000, TAKE_PACE_MS = 20 };
enum { FAILED_FD = STDERR_FILENO + 1 }; /* of the child that is to finish */

static bool try_open(const struct guard_config *config, struct rescue *ret_rescue, struct err *err)
{
    *err = (struct err)ERR_INIT;
    return rescue_open(ret_rescue, config, false, err);
}

/* The unit's own oceanid-rollback --stop-post may have it for a moment, and a guard that has let go
 * takes one to end. */
static bool wait_open(const struct guard_config *config, bool fenced, struct rescue *ret_rescue,
                      struct err *err)
{
    mono_t until = clock_now() + TAKE_MS;
    mono_t kill_from = clock_now() + (fenced ? END_MS : 0);

    for (;;) {
        struct err refused = ERR_INIT;

        if (try_open(config, ret_rescue, err))
            return true;
        if (err->kind != ERR_CONFLICT || clock_now() >= until)
            return false;
        if (clock_now() >= kill_from)
            run_end_holder(config, &refused);
        poll(NULL, 0, TAKE_PACE_MS);
    }
}

static bool open_without_lock(const struct guard_config *config, struct rescue *ret_rescue,
                              struct err *err)
{
    *err = (struct err)ERR_INIT;
    if (!rescue_open(ret_rescue, config, true, err))
        return false;
    ret_rescue->is_without_lock = true;
    return true;
}

bool take_from_hanging(const struct guard_config *config, struct rescue *ret_rescue,
                       struct err *err)
{
    printf("ALARM the journal's disk does not answer (%d s waited): undoing from memory, without a "
           "record of it\n",
           RESCUE_DISK_WAIT_MS / 1000);
    return open_without_lock(config, ret_rescue, err);
}

/* A guard that did not let go is ended all the same: it would go on as soon as the disk does. */
static bool take_before_disk(const struct guard_config *config, bool fenced,
                             struct rescue *ret_rescue, struct err *err)
{
    struct err refused = ERR_INIT;

    if (!fenced)
        run_end_holder(config, &refused);
    return take_from_hanging(config, ret_rescue, err);
}

static bool take(const struct guard_config *config, bool fenced, struct rescue *ret_rescue,
                 struct err *err)
{
    struct disk_probe probe = {0};

    if (!disk_probe_answers(&probe, config->state, RESCUE_DISK_WAIT_MS))
        return take_before_disk(config, fenced, ret_rescue, err);
    if (wait_open(config, fenced, ret_rescue, err)) {
        rescue_start_disk(ret_rescue);
        return true;
    }
    if (err->kind != ERR_CONFLICT)
        return false;
    printf("%s, and it does not end: undoing from memory, without a record of it\n", err->text);
    return open_without_lock(config, ret_rescue, err);
}

/* Of a guard that was killed for it, too. */
static bool has_named(const struct ledger *ledger, const struct generation_id *named)
{
    return named == NULL || ledger_find(ledger, named) != NULL ||
           (ledger->is_open && generation_id_equal(&ledger->open.id, named));
}

bool take_journal(const struct guard_config *config, const struct generation_id *named,
                  struct rescue *ret_rescue, struct err *err)
{
    enum fence fence = run_fence_guard(config, named, err);

    if (fence == FENCE_REFUSED)
        return false;
    if (fence == FENCE_DONE)
        printf("The guard was asked to let go of the journal, and did.\n");
    if (!take(config, fence == FENCE_DONE, ret_rescue, err))
        return false;
    if (has_named(ret_rescue->ledger, named))
        return true;
    rescue_close(ret_rescue);
    return err_set(err, ERR_MISSING, "what the order names is not there any more");
}

/* ---- the finishing process ------------------------------------------------------------------ */

void take_format_id(const struct generation_id *id, char text[GENERATION_TEXT_SIZE])
{
    char body[2 * HASH_SIZE + 1], start[2 * NONCE_SIZE + 1];

    bytes_format_hex(id->attempt.body.bytes, HASH_SIZE, body);
    bytes_format_hex(id->start.bytes, NONCE_SIZE, start);
    snprintf(text, GENERATION_TEXT_SIZE, "%llu:%s:%s", (unsigned long long)id->attempt.sequence,
             body, start);
}

bool take_parse_id(const char *text, struct generation_id *ret_id)
{
    char sequence[24], body[2 * HASH_SIZE + 2], start[2 * NONCE_SIZE + 2];
    unsigned long long number;

    if (sscanf(text, "%20[0-9]:%65[0-9a-f]:%33[0-9a-f]", sequence, body, start) != 3 ||
        strlen(body) != 2 * (size_t)HASH_SIZE || strlen(start) != 2 * (size_t)NONCE_SIZE ||
        !text_parse_u64(sequence, UINT64_MAX, &number))
        return false;
    ret_id->attempt.sequence = number;
    return bytes_parse_hex(body, ret_id->attempt.body.bytes, HASH_SIZE) &&
           bytes_parse_hex(start, ret_id->start.bytes, NONCE_SIZE);
}

static void add_word(const char **words, size_t *count, const char *option, const char *value)
{
    words[(*count)++] = option;
    words[(*count)++] = value;
}

/* What this process runs, also where its file is replaced or gone: by the link, which is no path.
 * Then the process has the link's name, until it gives itself its own (rollback_finish). */
static void exec_finisher(const char *config_path, const struct rest *rest)
{
    const char *words[6] = {NULL};
    char id[GENERATION_TEXT_SIZE];
    size_t count = 0;

    if (rest->down_to != NULL) {
        take_format_id(rest->down_to, id);
        add_word(words, &count, "--down-to", id);
    }
    if (rest->reason != NULL)
        add_word(words, &count, "--reason", rest->reason);
    if (rest->is_void)
        words[count] = "--void";
    execl("/proc/self/exe", "oceanid-rollback", "--finish", "--config", config_path, words[0],
          words[1], words[2], words[3], words[4], NULL);
}

static void detach(const struct guard_config *config, int failed_fd)
{
    const char *slash = strrchr(config->socket, '/');
    char log[PATH_SIZE + 16];
    sigset_t none;
    int in, out;

    dup2(failed_fd, FAILED_FD);
    fcntl(FAILED_FD, F_SETFD, FD_CLOEXEC);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL); /* a guard that takes over ends it by a signal */
    snprintf(log, sizeof(log), "%.*s/rollback.log", slash ? (int)(slash - config->socket) : 1,
             slash ? config->socket : ".");
    in = open("/dev/null", O_RDONLY);
    out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
    if (out < 0)
        out = open("/dev/null", O_WRONLY);
    setsid();
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    closefrom(FAILED_FD + 1);
}

/* Of what the journal does not know nobody else goes on with it: the guard waits for this one. */
static void mark(const struct guard_config *config, const struct rest *rest)
{
    struct err err = ERR_INIT;

    if (rest->from_memory && !run_mark_rescue(config, &err))
        printf("%s\n", err.text);
}

_Noreturn static void be_finisher(const struct guard_config *config, const char *config_path,
                                  const struct rest *rest, int failed_fd)
{
    detach(config, failed_fd);
    mark(config, rest);
    fflush(stdout);
    exec_finisher(config_path, rest);
    (void)!write(FAILED_FD, "", 1);
    _exit(127);
}

/* It closes without a word when the child has become another program. One that hangs in its disk is
 * there, too, and goes on as soon as that answers. */
static bool has_become(pid_t pid, int failed_fd)
{
    struct pollfd look = {.fd = failed_fd, .events = POLLIN};
    char word;
    int status;

    if (poll(&look, 1, RESCUE_DISK_WAIT_MS) <= 0 || read(failed_fd, &word, 1) <= 0)
        return true;
    (void)waitpid(pid, &status, 0);
    return false;
}

bool take_leave_finisher(const struct guard_config *config, const char *config_path,
                         const struct rest *rest)
{
    bool done;
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    fflush(stdout);
    pid = fork();
    if (pid == 0)
        be_finisher(config, config_path, rest, ends[1]);
    close(ends[1]);
    done = pid > 0 && has_become(pid, ends[0]);
    if (!done)
        mark(config, rest);
    close(ends[0]);
    return done;
}
