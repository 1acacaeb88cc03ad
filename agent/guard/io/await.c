/*
 * await: waiting for configuration and journal, by processes that can be left behind.
 */
#include "agent/guard/io/await.h"

#include <signal.h>
#include <stdio.h>

#include "agent/guard/io/disk_probe.h"
#include "agent/guard/io/guard_yaml.h"
#include "agent/guard/io/in_force.h"
#include "agent/guard/io/notify.h"
#include "common/io/clock.h"
#include "common/io/log.h"

enum { DISK_WAIT_MS = 2000, DISK_PACE_MS = 250 };

/* loop_open has blocked them, and nobody looks at them yet. */
static bool is_told_to_stop(void)
{
    sigset_t pending;

    return sigpending(&pending) == 0 &&
           (sigismember(&pending, SIGTERM) > 0 || sigismember(&pending, SIGINT) > 0);
}

bool await_more(const char *what)
{
    char state[160];

    snprintf(state, sizeof(state), "READY=1\nWATCHDOG=1\nSTATUS=waiting for %s", what);
    notify_tell(state); /* not taken now: said again soon */
    return !is_told_to_stop();
}

/* The journal that it names is this boot's, and is waited for in its turn. */
static bool go_by_guard_before(struct guard_yaml *yaml, struct guard_config *ret_config)
{
    struct guard_config late;
    struct err err = ERR_INIT;

    if (yaml->option != NULL || !in_force_read(ret_config, &err))
        return false;
    (void)guard_yaml_take(yaml, clock_now(), &late, &err); /* its process is left behind */
    log_error("ALARM %s cannot be read, its disk does not answer (%d s waited): going by what the "
              "guard before this one went by, " IN_FORCE_PATH
              " (journal in %s); what was changed in it since is heard of at the next start",
              yaml->read.path, DISK_WAIT_MS / 1000, ret_config->state);
    return true;
}

bool await_config(const char *option, const char *path, struct guard_config *ret_config,
                  struct err *err)
{
    struct guard_yaml yaml;
    bool said = false;

    guard_yaml_start(&yaml, option, path);
    while (!guard_yaml_is_there(&yaml, clock_now() + (said ? DISK_PACE_MS : DISK_WAIT_MS))) {
        if (!said && go_by_guard_before(&yaml, ret_config))
            return true;
        if (!said)
            log_error("ALARM %s cannot be read, its disk does not answer (%d s waited): expected "
                      "to find there where the journal is; nothing is touched until it answers",
                      path, DISK_WAIT_MS / 1000);
        said = true;
        if (!await_more("guard.yaml, whose disk does not answer"))
            return false;
    }
    if (said)
        log_info("the disk of %s answers again: going on", path);
    return guard_yaml_take(&yaml, clock_now() + DISK_WAIT_MS, ret_config, err);
}

typedef bool (*probe_fn)(struct disk_probe *probe, const char *state, int timeout_ms);

/* A process that hangs in a disk can neither say so nor be stopped: another one tries it. */
static bool await_probe(const char *state, const char *what, probe_fn try_fn)
{
    struct disk_probe probe = {0};
    bool said = false;

    while (!try_fn(&probe, state, said ? DISK_PACE_MS : DISK_WAIT_MS)) {
        if (!said)
            log_error("ALARM the journal in %s cannot be %s, its disk does not answer (%d s "
                      "waited): expected to find there what is to be taken back and what to put "
                      "back; nothing is touched until it answers",
                      state, what, DISK_WAIT_MS / 1000);
        said = true;
        if (!await_more("the journal's disk, which does not answer"))
            return false;
    }
    if (said)
        log_info("the journal's disk answers again: going on");
    return true;
}

bool await_disk(const char *state)
{
    return await_probe(state, "read", disk_probe_reads) &&
           await_probe(state, "opened for writing", disk_probe_answers);
}
