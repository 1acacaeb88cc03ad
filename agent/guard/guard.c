/*
 * oceanid-guard: applies networking changes and takes back what is not proven.
 *
 * One thread decides: it hears the local socket, the kernel's hints and the threads that do
 * what blocks, and gives events to the trial machine (agent/guard/core/trial).
 * agent/guard/io/guard.h says which part does what.
 */
#include "agent/guard/io/guard.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/guard/io/await.h"
#include "agent/guard/io/hand.h"
#include "agent/guard/io/in_force.h"
#include "agent/guard/io/loop.h"
#include "agent/guard/io/run.h"
#include "agent/guard/io/run_network.h"
#include "agent/guard/io/undo_text.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/standard.h"

static const char usage[] = "usage: oceanid-guard [--config FILE] [--version] [--help]\n";

enum { LOCK_RETRY_MS = 100, MEMORY_KEPT = 8 << 20 };

/* ---- start ---------------------------------------------------------------------------------- */

/* A new one only where there is none: over one that could not be looked at it would make this node
 * a stranger to its own roster. */
static bool make_key(struct guard *guard, const char *path, struct err *err)
{
    if (errno != ENOENT)
        return err_set(err, ERR_SYSTEM,
                       "look at %s: %s: expected this node's key, or that there is none yet; no "
                       "new one is made, ending",
                       path, strerror(errno));
    guard->key = sign_key_generate();
    if (!sign_key_save(guard->key, path, err))
        return err_wrap(err, "no key at %s yet, and none could be made", path);
    log_info("no key at %s yet: made one", path);
    return true;
}

static bool load_key(struct guard *guard, struct err *err)
{
    char path[PATH_SIZE + 16];

    if (!file_join(path, sizeof(path), guard->config.state, "key.pem", err))
        return false;
    if (access(path, F_OK) == 0)
        guard->key = sign_key_load(path, err);
    else if (!make_key(guard, path, err))
        return false;
    if (guard->key == NULL)
        return false;
    sign_key_public(guard->key, &guard->public_key);
    return true;
}

/* A rescue that a person runs is waited for; one that only finishes hands over. */
static bool may_take_journal(const struct guard *guard, bool *waits)
{
    struct err err = ERR_INIT;
    pid_t rescuer = run_rescuer(&guard->config);

    if (rescuer == 0)
        return true;
    if (run_end_finisher(&guard->config, &err))
        return true;
    if (!*waits)
        log_info("oceanid-rollback (process %d) is at work: waiting until it has ended",
                 (int)rescuer);
    *waits = true;
    return false;
}

static bool open_journal(struct guard *guard, struct err *err)
{
    bool waits = false;

    for (;;) {
        *err = (struct err)ERR_INIT;
        free(guard->ledger);
        guard->ledger = mem_alloc(1, sizeof(*guard->ledger)); /* empty, and most of it not there */
        if (may_take_journal(guard, &waits)) {
            guard->journal = journal_open(guard->config.state, false, guard->ledger, err);
            if (guard->journal != NULL || err->kind != ERR_CONFLICT)
                return guard->journal != NULL;
            if (!waits)
                log_info("%s: waiting", err->text);
            waits = true;
            run_end_finisher(&guard->config, err);
        }
        *err = (struct err)ERR_INIT;
        if (!await_more("oceanid-rollback")) /* which may hang in the disk */
            return false;
        poll(NULL, 0, LOCK_RETRY_MS);
    }
}

static void say_state(const struct guard *guard)
{
    const struct ledger_generation *doubt = ledger_find_doubt(guard->ledger);
    const char *damage = journal_damage(guard->journal);

    if (damage[0] != '\0')
        log_error("ALARM journal: %s", damage);
    if (journal_is_doubtful(guard->journal))
        log_error("ALARM journal: records are lost; undoing goes on, nothing new is started until "
                  "root has looked into %s/journal.damaged and moved it away",
                  guard->config.state);
    if (doubt != NULL)
        log_error("ALARM journal: how sequence %llu (%s) ended was lost: its shields stay, nothing "
                  "new is started until it is taken back (oceanid-rollback --list)",
                  (unsigned long long)doubt->id.attempt.sequence, doubt->begin.change);
    if (!journal_is_writable(guard->journal))
        log_error("ALARM journal: it cannot be written; nothing new is started, undoing goes on");
    log_info("%s: %u confirmed%s, sequence %llu", guard->trial->node,
             guard->ledger->generations_count, guard->ledger->is_open ? ", a trial was open" : "",
             (unsigned long long)guard->ledger->sequence);
}

/* What one step of a large trial has used serves the next one, whose pages the kernel would give
 * anew, one fault each; all of it goes back when a trial is over (carry.c). What rehearsals and
 * looks have used beside trials stays until then, for the next of them. */
static void keep_memory(void)
{
    mallopt(M_MMAP_THRESHOLD, MEMORY_KEPT);
    mallopt(M_TRIM_THRESHOLD, MEMORY_KEPT);
}

/* Started by hand in a pod's shell, say: what stands on the host is not there, and would count as
 * taken back. Before anything else: whoever finishes for a rescue would make way for this one. */
static bool is_at_home(const struct guard_config *config, struct err *err)
{
    struct run_network network;
    char path[RUN_PATH_SIZE];

    run_network_find(config, &network);
    if (!run_network_is_other(&network))
        return true;
    run_path(config, RUN_NETWORK_NAME, path, sizeof(path));
    return err_set(err, ERR_CONFLICT,
                   "network namespace: expected %s, in which this host's guard works (%s), "
                   "observed %s; nothing is touched, ending. If that one is gone, and this one is "
                   "the host's: rm %s",
                   network.guard, path, network.here, path);
}

static bool start(struct guard *guard, bool is_named, struct err *err)
{
    struct apply apply;
    struct guard_event boot = {.kind = ON_BOOT};

    if (!is_at_home(&guard->config, err) || !await_disk(guard->config.state) ||
        !load_key(guard, err) || !open_journal(guard, err))
        return false;
    run_network_mark(&guard->config);
    if (!is_at_home(&guard->config, err))
        return false; /* who had the journal before, while this one waited for it, was elsewhere */
    if (!is_named)
        in_force_write(&guard->config);
    keep_memory();
    guard->trial = mem_alloc(1, sizeof(*guard->trial));
    guard->effects = mem_alloc(1, sizeof(*guard->effects));
    guard->written = journal_size(guard->journal);
    trial_init(guard->trial, guard->ledger, "");
    admit_refresh_name(guard);
    say_state(guard);
    apply =
        (struct apply){.tailscale_socket = guard->config.tailscale_socket, .hand = hand_start()};
    if (!keep_open(guard, err) || !clients_listen(&guard->clients, &guard->config, err))
        return false;
    guard->worker = worker_start(&apply);
    guard->writer = writer_start(guard->journal, guard->config.state);
    guard->trust_reader = trust_reader_start(guard->config.trust, guard->journal);
    guard->name_hand = hand_start();
    files_want(guard);
    boot.boot = journal_was_rebooted(guard->journal) ? CAUSE_REBOOT : CAUSE_GUARD_DIED;
    guard_step(guard, &boot);
    undo_text_give(guard);
    return true;
}

/* ---- life ------------------------------------------------------------------------------------ */

_Noreturn static void end_untouched(void)
{
    log_info("told to stop before anything was touched: ending");
    _exit(0);
}

/* path NULL: nobody named one, and without it the defaults hold: a node whose guard.yaml is lost is
 * guarded all the same. */
static bool read_config(const char *path, struct guard_config *ret_config, struct err *err)
{
    enum log_level level;

    if (!await_config(path != NULL ? "--config" : NULL, path != NULL ? path : CONFIG_GUARD_PATH,
                      ret_config, err))
        return false;
    if (log_level_parse(ret_config->log, &level))
        log_init("oceanid-guard", level);
    return true;
}

static int run(struct guard *guard, const char *path, struct err *err)
{
    struct loop *loop = loop_open(err);

    if (loop == NULL)
        return 1;
    if (!read_config(path, &guard->config, err)) {
        if (err->kind == ERR_NONE)
            end_untouched();
        loop_close(loop);
        return 2;
    }
    if (!start(guard, path != NULL, err) && err->kind != ERR_NONE) {
        loop_close(loop);
        return 1;
    }
    if (guard->journal == NULL)
        end_untouched();
    while (!guard->leaving)
        loop_once(loop, guard);
    clients_close(&guard->clients);
    /* The writer may hang in the disk; the process's end lets go of the lock. */
    _exit(0);
}

/* ---- command line --------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
    static struct guard guard;
    const char *path;
    struct err err = ERR_INIT;
    int code;

    standard_open();
    if (argc == 2 && text_equal(argv[1], "--version")) {
        puts("oceanid-guard " OCEANID_VERSION);
        return standard_is_written("oceanid-guard") ? 0 : 1;
    }
    if (config_asks_help(argc, argv)) {
        fputs(usage, stdout);
        return standard_is_written("oceanid-guard") ? 0 : 1;
    }
    if (!config_take_words(argc, argv, "", &path, &err)) {
        fprintf(stderr, "oceanid-guard: %s\n%s", err.text, usage);
        return 2;
    }
    log_init("oceanid-guard", LOG_LEVEL_INFO);
    log_wait_at_most(0);
    code = run(&guard, path, &err);
    if (err.kind != ERR_NONE)
        log_error("%s", err.text);
    return code;
}
