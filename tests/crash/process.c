/*
 * process: forks, calls the program's main, and serves tailscaled meanwhile.
 */
#include "tests/crash/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/guard/io/journal.h"
#include "agent/guard/io/take.h"
#include "common/io/config.h"
#include "tests/crash/mains.h"
#include "tests/crash/real.h"
#include "tests/crash/shim.h"
#include "tests/crash/tailscaled.h"

const char *__asan_default_options(void);
const char *__ubsan_default_options(void);
bool __wrap_take_leave_finisher(const struct guard_config *config, const char *config_path,
                                const struct rest *rest);
uint64_t __wrap_journal_size(const struct journal *journal);
pid_t __wrap_fork(void);
pid_t __wrap_waitpid(pid_t pid, int *ret_status, int options);
struct hand *__wrap_hand_start(void);

enum { EXIT_SANITIZER = 99, LIMIT_MS = 60000 };

/* Its own exit code tells a sanitizer's report from a program that gives up. */
const char *__asan_default_options(void)
{
    return "exitcode=99:detect_leaks=0:detect_stack_use_after_return=0";
}

/* gcc's UBSan has options of its own. */
const char *__ubsan_default_options(void)
{
    return "exitcode=99";
}

/* The finishing process is one of the steps, not one of its own. */
bool __wrap_take_leave_finisher(const struct guard_config *config, const char *config_path,
                                const struct rest *rest)
{
    (void)config;
    (void)config_path;
    world->finisher_wanted = true;
    world->finisher_is_void = rest->is_void;
    world->finisher_down_to[0] = '\0';
    if (rest->down_to != NULL)
        take_format_id(rest->down_to, world->finisher_down_to);
    return true;
}

/* So large that it is compacted at the first end. */
uint64_t __wrap_journal_size(const struct journal *journal)
{
    (void)journal;
    return 1 << 20;
}

/* The boot unit has a child only so that a hanging disk does not hold up the boot, a rescue one so
 * that it does not hold up the undoing; without one they do the same themselves, in the one process
 * that can be struck. Where they have one, that is struck, and they live. */
pid_t __wrap_fork(void)
{
    pid_t pid;

    if (!world->forks) {
        errno = EAGAIN;
        return -1;
    }
    pid = __real_fork();
    if (pid == 0)
        shim_be_child();
    return pid;
}

static void note_end(int status)
{
    world->child_broke |= (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) ||
                          (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SANITIZER);
}

pid_t __wrap_waitpid(pid_t pid, int *ret_status, int options)
{
    pid_t ended = __real_waitpid(pid, ret_status, options);

    if (ended > 0)
        note_end(*ret_status);
    return ended;
}

/* A thread for files, of the guard's: no disk hangs here. */
struct hand *__wrap_hand_start(void)
{
    return NULL;
}

/* Of oceanid-rollback, behind its name; NULL behind the last. */
static const char *const *words_of(enum program program)
{
    static const char *const
        boot[] = {"--boot", NULL},
        *const stop_post[] = {"--stop-post", NULL}, *const rescue[] = {"--yes", NULL},
        *const rescue_to[] = {"--to", "1", "--yes", NULL}, *const finish[] = {"--finish", NULL},
        *const void_it[] = {"--void-tailscale", "--yes", NULL}, *const none[] = {NULL};

    switch (program) {
    case PROGRAM_BOOT:
        return boot;
    case PROGRAM_STOP_POST:
        return stop_post;
    case PROGRAM_RESCUE:
        return rescue;
    case PROGRAM_RESCUE_TO:
        return rescue_to;
    case PROGRAM_FINISH:
        return finish;
    case PROGRAM_VOID:
        return void_it;
    case PROGRAM_NONE:
    case PROGRAM_TAILSCALED:
    case PROGRAM_GUARD:
    case PROGRAM_POWER:
    case PROGRAM_GONE:
        break;
    }
    return none;
}

static void redirect(void)
{
    int fd = __real_open(world->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
        _exit(EXIT_SANITIZER);
}

enum { WORDS_MAX = 8, WORD_SIZE = GENERATION_TEXT_SIZE };

struct words {
    int count;
    char *list[WORDS_MAX + 1];
    char text[WORDS_MAX][WORD_SIZE];
};

static void add_word(struct words *words, const char *word)
{
    if (words->count == WORDS_MAX)
        _exit(EXIT_SANITIZER);
    snprintf(words->text[words->count], WORD_SIZE, "%s", word);
    words->list[words->count] = words->text[words->count];
    words->list[++words->count] = NULL;
}

static void make_words(struct words *words, enum program program)
{
    add_word(words, "oceanid");
    for (const char *const *word = words_of(program); *word != NULL; word++)
        add_word(words, *word);
    add_word(words, "--config");
    add_word(words, world->config);
    if (program == PROGRAM_FINISH && world->finisher_down_to[0] != '\0') {
        add_word(words, "--down-to");
        add_word(words, world->finisher_down_to);
    }
    if (program == PROGRAM_FINISH && world->finisher_is_void)
        add_word(words, "--void");
}

_Noreturn static void run_child(enum program program, enum play play, const struct plans *plans)
{
    struct words words = {.count = 0};
    int code;

    redirect();
    make_words(&words, program);
    setenv("WATCHDOG_USEC", "10000000", 1); /* as the unit: a guard with nothing to do looks up */
    fprintf(stderr, "---- %s %s\n", program == PROGRAM_GUARD ? "guard" : "rollback", words.list[1]);
    if (program == PROGRAM_GUARD)
        play_begin(play, plans, world->plan);
    shim_begin();
    code = program == PROGRAM_GUARD ? guard_main(words.count, words.list)
                                    : rollback_main(words.count, words.list);
    fprintf(stderr, "---- exit %d\n", code);
    fflush(NULL);
    _exit(code);
}

static int wait_for(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    int status = 0;

    for (;;) {
        struct pollfd both[2] = {{.fd = fd, .events = POLLIN},
                                 {.fd = tailscaled_fd(), .events = POLLIN}};
        int ready = __real_poll(both, 2, LIMIT_MS);

        if (ready == 0) {
            fprintf(stderr, "crash: process %d hangs\n", (int)pid);
            kill(pid, SIGABRT);
        }
        if (both[0].revents != 0)
            break;
        if (both[1].revents != 0)
            tailscaled_serve();
    }
    __real_close(fd);
    if (__real_waitpid(pid, &status, 0) != pid)
        world_give_up("waitpid");
    return status;
}

/* What it has started, and is not done yet, is this process's own by now. */
static void wait_for_rest(void)
{
    pid_t pid = 0;
    int status;

    for (int waited = 0; waited < LIMIT_MS && pid >= 0; waited += pid == 0) {
        pid = __real_waitpid(-1, &status, WNOHANG);
        if (pid > 0)
            note_end(status);
        else if (pid == 0)
            __real_poll(NULL, 0, 1);
    }
    if (pid >= 0)
        world_give_up("a process of its own does not end");
}

static bool is_broken(int status)
{
    if (world->child_broke)
        return true;
    if (WIFSIGNALED(status))
        return !world->power_is_lost || WTERMSIG(status) != SIGKILL;
    return WEXITSTATUS(status) == EXIT_SANITIZER;
}

enum process_end process_run(enum program program, enum play play, const struct plans *plans)
{
    pid_t pid;
    int status;

    fflush(NULL);
    if (world->forks && prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        world_give_up("subreaper");
    pid = __real_fork();
    if (pid < 0)
        world_give_up("fork");
    if (pid == 0)
        run_child(program, play, plans);
    status = wait_for(pid);
    if (world->forks)
        wait_for_rest();
    if (is_broken(status))
        return PROCESS_BROKEN;
    world->exit_code = WEXITSTATUS(status);
    if (world->power_is_lost || WEXITSTATUS(status) == EXIT_STRUCK)
        return PROCESS_STRUCK;
    return WEXITSTATUS(status) == EXIT_PLAYED ? PROCESS_PLAYED : PROCESS_ENDED;
}
