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
bool __wrap_take_leave_finisher(const struct guard_config *config, const char *config_path,
                                const struct rest *rest);
uint64_t __wrap_journal_size(const struct journal *journal);
pid_t __wrap_fork(void);
struct hand *__wrap_hand_start(void);

enum { EXIT_SANITIZER = 99, LIMIT_MS = 60000 };

/* Its own exit code tells a sanitizer's report from a program that gives up. */
const char *__asan_default_options(void)
{
    return "exitcode=99:detect_leaks=0:detect_stack_use_after_return=0";
}

/* The finishing process is one of the steps, not one of its own. */
bool __wrap_take_leave_finisher(const struct guard_config *config, const char *config_path,
                                const struct rest *rest)
{
    (void)config;
    (void)config_path;
    world->finisher_wanted = true;
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
 * that can be struck. */
pid_t __wrap_fork(void)
{
    errno = EAGAIN;
    return -1;
}

/* The same of files: no disk hangs here. */
struct hand *__wrap_hand_start(void)
{
    return NULL;
}

static const char *mode_of(enum program program)
{
    switch (program) {
    case PROGRAM_BOOT:
        return "--boot";
    case PROGRAM_STOP_POST:
        return "--stop-post";
    case PROGRAM_RESCUE:
        return "--yes";
    case PROGRAM_FINISH:
        return "--finish";
    case PROGRAM_NONE:
    case PROGRAM_TAILSCALED:
    case PROGRAM_GUARD:
    case PROGRAM_POWER:
        break;
    }
    return "";
}

static void redirect(void)
{
    int fd = __real_open(world->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
        _exit(EXIT_SANITIZER);
}

_Noreturn static void run_child(enum program program, enum play play, const struct plans *plans)
{
    char name[32], mode[16], option[16] = "--config", config[PATH_LINE];
    char *guard_argv[] = {name, option, config, NULL};
    char down[16] = "--down-to";
    char *rollback_argv[] = {name, mode, option, config, down, world->finisher_down_to, NULL};
    bool is_told = program == PROGRAM_FINISH && world->finisher_down_to[0] != '\0';
    int code;

    redirect();
    snprintf(mode, sizeof(mode), "%s", mode_of(program));
    snprintf(name, sizeof(name), "oceanid");
    snprintf(config, sizeof(config), "%s", world->config);
    setenv("WATCHDOG_USEC", "10000000", 1); /* as the unit: a guard with nothing to do looks up */
    fprintf(stderr, "---- %s %s\n", program == PROGRAM_GUARD ? "guard" : "rollback", mode);
    if (program == PROGRAM_GUARD)
        play_begin(play, plans, world->plan);
    shim_begin();
    if (!is_told)
        rollback_argv[4] = NULL;
    code = program == PROGRAM_GUARD ? guard_main(3, guard_argv)
                                    : rollback_main(is_told ? 6 : 4, rollback_argv);
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
    if (waitpid(pid, &status, 0) != pid)
        world_give_up("waitpid");
    return status;
}

enum process_end process_run(enum program program, enum play play, const struct plans *plans)
{
    pid_t pid;
    int status;

    fflush(NULL);
    pid = __real_fork();
    if (pid < 0)
        world_give_up("fork");
    if (pid == 0)
        run_child(program, play, plans);
    status = wait_for(pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) == EXIT_SANITIZER)
        return PROCESS_BROKEN;
    world->exit_code = WEXITSTATUS(status);
    if (WEXITSTATUS(status) == EXIT_STRUCK)
        return PROCESS_STRUCK;
    return WEXITSTATUS(status) == EXIT_PLAYED ? PROCESS_PLAYED : PROCESS_ENDED;
}
