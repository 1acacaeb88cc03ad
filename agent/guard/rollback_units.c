/*
 * rollback_units: what the units run: before the network at boot, after the guard ended, and until
 * what was left open is done.
 */
#include "agent/guard/rollback.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/guard/io/disk_probe.h"
#include "agent/guard/io/run.h"
#include "agent/guard/io/run_network.h"
#include "agent/guard/io/take.h"
#include "common/io/clock.h"
#include "common/io/file.h"

/* Of ExecStopPost: the unit's TimeoutStopSec is 30 s. Ending takes up to 4 of them, and 8 a try
 * that asks a tailscaled which takes nearly two seconds for each answer: what has failed is tried
 * again within the first 12. */
enum {
    STOP_POST_READ_MS = 15000,
    STOP_POST_WAITS_MS = 10000,
    STOP_POST_LIMIT_MS = 12000,
    BOOT_LIMIT_MS = 9000,
    BOOT_TRIES = 10,
    BOOT_PACE_MS = 100,
    FINISH_PACE_MS = 2000
};

/* False: somebody else has the journal, and does it, or there is none. ret_code is set. said: that
 * it was said. */
static bool take_unless_held(const struct options *options, struct rescue *ret_rescue, bool *said,
                             int *ret_code, struct err *err)
{
    if (rescue_open(ret_rescue, &options->config, false, err))
        return true;
    *ret_code = EXIT_DIFFERS;
    if (err->kind != ERR_CONFLICT && err->kind != ERR_MISSING)
        return false;
    if (!*said)
        printf("%s; %s\n", err->text,
               err->kind == ERR_CONFLICT ? "it goes on with what is open"
                                         : "nothing is open here, as far as can be seen");
    *said = true;
    *err = (struct err)ERR_INIT;
    *ret_code = EXIT_DONE;
    return false;
}

/* By defaults that may not be this host's no journal is made: whoever looks there next would take
 * it for the host's, and the host for unchanged. */
static bool may_open(const struct options *options, int *ret_code, struct err *err)
{
    char path[PATH_SIZE + 16];

    *ret_code = EXIT_DIFFERS;
    return !options->is_config_unread ||
           (file_join(path, sizeof(path), options->config.state, "journal", err) &&
            (access(path, F_OK) == 0 || rollback_refuse_unknown(options, err)));
}

static bool take_for_unit(const struct options *options, struct rescue *ret_rescue, int *ret_code,
                          struct err *err)
{
    bool said = false;

    return take_unless_held(options, ret_rescue, &said, ret_code, err);
}

bool rollback_is_open(const struct ledger *ledger)
{
    const struct ledger_generation *top = ledger_top(ledger);

    return ledger->is_open || ledger->owes || (top != NULL && ledger_is_going(ledger, top));
}

static int leave_to_guard(struct rescue *rescue, bool done)
{
    if (!rescue_settle_disk(rescue) || rescue->is_without_lock)
        printf("ALARM the journal does not know of all this yet, its disk does not answer: the "
               "guard, which waits for it, does again what it does not know of then\n");
    if (!done) {
        printf("left to the guard, which goes on with it as soon as it runs:\n");
        rescue_say_open(rescue);
    }
    rescue_close(rescue);
    return EXIT_DONE;
}

/* Behind this comes tailscaled, and with it the exit node: a kernel that was out of memory for a
 * moment is asked again. */
static void put_back_at_boot(struct rescue *rescue)
{
    for (int i = 0; i < BOOT_TRIES; i++) {
        if (i > 0)
            poll(NULL, 0, BOOT_PACE_MS);
        rescue_put_back(rescue, true);
        if (!rescue->missed)
            return;
    }
}

/* Before the network and before tailscaled: what needs either stays for the guard, behind its
 * shields. */
static int boot(const struct options *options, struct err *err)
{
    struct rescue rescue;
    bool done = true;
    int code;

    run_make_place(&options->config);
    if (!may_open(options, &code, err) || !take_for_unit(options, &rescue, &code, err))
        return code;
    run_network_mark_anew(&options->config);
    put_back_at_boot(&rescue);
    if (rollback_is_open(rescue.ledger)) {
        rescue_give_boot(&rescue, rescue.is_reboot ? CAUSE_REBOOT : CAUSE_GUARD_DIED);
        done = rescue_run(&rescue, 0);
    }
    return leave_to_guard(&rescue, done);
}

/* A disk that hangs cannot be interrupted, not even by a kill: a child waits for it. */
static pid_t start_boot(const struct options *options, int *ret_end_fd, struct err *err)
{
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    pid = fork();
    if (pid == 0) {
        int code = boot(options, err);

        if (err->kind != ERR_NONE)
            fprintf(stderr, "oceanid-rollback: %s\n", err->text);
        fflush(stdout);
        _exit(code);
    }
    close(ends[1]); /* its other holder's end is the answer */
    *ret_end_fd = ends[0];
    return pid;
}

int rollback_boot(const struct options *options, struct err *err)
{
    int end_fd = -1, status = 0;
    pid_t pid = start_boot(options, &end_fd, err);
    struct pollfd look = {.fd = end_fd, .events = POLLIN};
    mono_t left = options->began + BOOT_LIMIT_MS - clock_now();

    if (pid < 0)
        return boot(options, err);
    if (poll(&look, 1, left > 0 ? (int)left : 0) > 0 && waitpid(pid, &status, 0) == pid)
        return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_DIFFERS;
    printf("ALARM not done in %d s: the boot goes on without waiting, process %d goes on with it, "
           "and the guard waits for that\n",
           BOOT_LIMIT_MS / 1000, (int)pid);
    return EXIT_DONE;
}

/* systemd waits for this, and starts no guard meanwhile; behind a stop it starts none at all, so a
 * disk that is only slow is worth waiting for. */
static bool is_readable(const struct options *options)
{
    mono_t left = options->began + STOP_POST_READ_MS - clock_now();
    struct disk_probe probe = {0};

    if (disk_probe_reads(&probe, options->config.state, left > 0 ? (int)left : 0))
        return true;
    printf("ALARM the journal in %s cannot be read, its disk does not answer (%d s waited): what "
           "is to be undone stands there alone. It is not undone now. A guard that starts "
           "waits for the disk, and takes it back then. If none is started (after systemctl "
           "stop), what is on trial stands until somebody calls oceanid-rollback --yes when the "
           "disk answers\n",
           options->config.state, STOP_POST_READ_MS / 1000);
    return false;
}

/* The guard goes on with what the journal does not know. */
static bool take_for_stop_post(const struct options *options, struct rescue *ret_rescue,
                               int *ret_code, struct err *err)
{
    struct disk_probe probe = {0};

    *ret_code = EXIT_DIFFERS;
    if (!is_readable(options) || !may_open(options, ret_code, err))
        return false;
    if (!disk_probe_answers(&probe, options->config.state, RESCUE_DISK_WAIT_MS))
        return take_from_hanging(&options->config, ret_rescue, err);
    if (!take_for_unit(options, ret_rescue, ret_code, err))
        return false;
    rescue_start_disk(ret_rescue);
    return true;
}

int rollback_stop_post(const struct options *options, struct err *err)
{
    mono_t limit = options->began + STOP_POST_LIMIT_MS;
    struct rescue rescue;
    bool done;
    int code;

    if (run_rescuer(&options->config) != 0) {
        printf("oceanid-rollback is at work already: it takes back what is open\n");
        return EXIT_DONE;
    }
    if (!take_for_stop_post(options, &rescue, &code, err))
        return code;
    if (!rollback_is_open(rescue.ledger)) {
        rescue_write_text(&rescue); /* the guard may have ended before it did */
        rescue_close(&rescue);
        return EXIT_DONE;
    }
    rescue.is_by_hand = true;
    rescue_put_back(&rescue, false);
    rescue_give_boot(&rescue, CAUSE_GUARD_DIED);
    done = rescue_run(&rescue, mono_min(clock_now() + STOP_POST_WAITS_MS, limit));
    return leave_to_guard(&rescue, done);
}

/* What is undone while the journal cannot be had. */
struct meanwhile {
    bool is_open;
    struct disk_probe reading; /* until the journal is read, which a dead disk may hold up */
    struct rescue rescue;
};

static void go_on_meanwhile(const struct options *options, const struct target *target,
                            struct meanwhile *meanwhile)
{
    mono_t until = clock_now() + FINISH_PACE_MS;
    struct err err = ERR_INIT;

    if (meanwhile->is_open) {
        rescue_run(&meanwhile->rescue, until);
    } else if (disk_probe_reads(&meanwhile->reading, options->config.state, FINISH_PACE_MS) &&
               rescue_open(&meanwhile->rescue, &options->config, true, &err)) {
        meanwhile->is_open = meanwhile->rescue.is_without_lock = true;
        meanwhile->rescue.is_by_hand = meanwhile->rescue.is_finisher = true;
        rescue_put_back(&meanwhile->rescue, false);
        rollback_undo(&meanwhile->rescue, target, until);
    }
    if (clock_now() < until)
        poll(NULL, 0, (int)(until - clock_now()));
}

/* Of what no disk knows nobody else goes on with it: whoever has the journal, and hangs in its disk
 * maybe, is waited for; undoing goes on from memory. */
static bool take_to_finish(const struct options *options, const struct target *target,
                           struct rescue *ret_rescue, int *ret_code, struct err *err)
{
    struct meanwhile meanwhile = {.is_open = false};
    bool said = false;
    struct disk_probe probe = {0};
    bool taken;

    *ret_code = EXIT_DONE;
    while (!(taken = disk_probe_answers(&probe, options->config.state, RESCUE_DISK_WAIT_MS) &&
                     take_unless_held(options, ret_rescue, &said, ret_code, err))) {
        if (*ret_code != EXIT_DONE || run_rescuer(&options->config) != getpid())
            break;
        go_on_meanwhile(options, target, &meanwhile);
    }
    if (meanwhile.is_open)
        rescue_close(&meanwhile.rescue);
    return taken;
}

/* False: a later rescue is at work, by another order maybe; it goes on from here. */
static bool undo_unless_superseded(const struct options *options, const struct target *target,
                                   struct rescue *rescue)
{
    bool done = rollback_undo(rescue, target, clock_now() + FINISH_PACE_MS);

    while (!done) {
        if (run_is_superseded(&options->config))
            return false;
        done = rescue_run(rescue, clock_now() + FINISH_PACE_MS);
    }
    return true;
}

/* Until it is done, or a guard (SIGTERM) or a later rescue takes over. By the right of whoever
 * began it. */
int rollback_finish(const struct options *options, struct err *err)
{
    const struct target target = {.has_generation = options->has_down_to,
                                  .down_to = options->down_to,
                                  .is_ordered = options->reason != NULL,
                                  .is_void = options->is_void,
                                  .reason = options->reason,
                                  .opened =
                                      options->reason != NULL ? CAUSE_ORDERED : CAUSE_RESCUED};
    struct rescue rescue;
    int code;

    prctl(PR_SET_NAME, "oceanid-rollback"); /* it was started by a link (take.c) */
    if (!take_to_finish(options, &target, &rescue, &code, err))
        return code;
    rescue_start_disk(&rescue);
    rescue.watch = netlink_watch_open(-1, err);
    *err = (struct err)ERR_INIT;
    rescue.is_by_hand = rescue.is_finisher = true;
    rescue_put_back(&rescue, false);
    if (!undo_unless_superseded(options, &target, &rescue)) {
        rescue_close(&rescue);
        return EXIT_DONE;
    }
    /* Who writes it may be killed, and only this process starts another one. */
    while (!rescue_settle_disk(&rescue) && !run_is_superseded(&options->config))
        continue;
    rescue_unmark(&rescue);
    rescue_close(&rescue);
    run_unmark_rescue(&options->config);
    return EXIT_DONE;
}
