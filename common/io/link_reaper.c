/*
 * link_reaper: notices that nng's only thread that ends connections hangs, whoever ended the one
 * that it hangs at: we, a peer, or nng.
 *
 * No call tells of it. So a socket is connected to itself within the process, and one connection of
 * it is ended every second: when that is not said to be gone, no other would be. And a thread that
 * hangs does not run: one that does is slow, behind a thousand handshakes.
 */
#include "common/io/link_tls.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/text.h"

#include <nng/protocol/bus0/bus.h>

#define REAPER_NAME "nng:reap2" /* nng's core/reap.c, 1.5 to 1.10 */

/* Looks, not time: a machine that slept or a process that was stopped has looked as seldom. */
enum { LOOKS_MAX = LINK_END_MS / LINK_LOOK_MS };

static const nng_pipe no_pipe = NNG_PIPE_INITIALIZER;

/* ---- whether it runs ---------------------------------------------------------------------------
 */

static bool is_reaper(const char *task)
{
    char path[64], name[32] = "";
    FILE *file;

    snprintf(path, sizeof(path), "/proc/self/task/%.16s/comm", task);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    if (fgets(name, sizeof(name), file) != NULL)
        name[strcspn(name, "\n")] = '\0';
    fclose(file);
    return text_equal(name, REAPER_NAME);
}

/* voluntary_ctxt_switches and nonvoluntary_ctxt_switches of proc(5). */
static uint64_t count_turns(const char *task)
{
    char path[64], line[256];
    uint64_t turns = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/self/task/%.16s/status", task);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        const char *number = strstr(line, "voluntary_ctxt_switches:");

        if (number != NULL)
            turns += strtoull(strchr(number, ':') + 1, NULL, 10);
    }
    fclose(file);
    return turns;
}

uint64_t link_reaper_turns(void)
{
    DIR *tasks = opendir("/proc/self/task");
    const struct dirent *task;
    uint64_t turns = 0;

    if (tasks == NULL)
        return 0;
    while ((task = readdir(tasks)) != NULL) {
        if (task->d_name[0] != '.' && is_reaper(task->d_name))
            turns += count_turns(task->d_name);
    }
    closedir(tasks);
    return turns;
}

/* ---- the connection that is ended every second ------------------------------------------------
 */

/* Both its ends are of this socket; one of them is enough. */
static void on_added(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    struct link_reaper *reaper = context;

    (void)event;
    pthread_mutex_lock(&reaper->lock);
    if (reaper->pipe.id == 0)
        reaper->pipe = pipe;
    pthread_mutex_unlock(&reaper->lock);
}

/* On the thread that is watched. */
static void on_removed(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    struct link_reaper *reaper = context;

    (void)event;
    pthread_mutex_lock(&reaper->lock);
    if (reaper->pipe.id == pipe.id) {
        reaper->pipe = no_pipe;
        reaper->ending = false;
    }
    pthread_mutex_unlock(&reaper->lock);
}

static void look(struct link_reaper *reaper)
{
    uint64_t turns = link_reaper_turns();
    nng_pipe begun = no_pipe;
    bool hangs = false;

    pthread_mutex_lock(&reaper->lock);
    if (reaper->ending) {
        reaper->looks = turns == reaper->turns ? reaper->looks + 1 : 0;
        hangs = reaper->looks > LOOKS_MAX;
    } else if (reaper->pipe.id != 0) {
        begun = reaper->pipe;
        reaper->ending = true;
        reaper->looks = 0;
    }
    reaper->turns = turns;
    pthread_mutex_unlock(&reaper->lock);
    if (hangs)
        link_die("server", LINK_UNENDED);
    if (begun.id != 0)
        nng_pipe_close(begun);
}

static void on_look(void *context)
{
    struct link_reaper *reaper = context;

    if (nng_aio_result(reaper->sleep) != 0)
        return;
    look(reaper);
    nng_sleep_aio(LINK_LOOK_MS, reaper->sleep);
}

void link_reaper_watch(struct link_reaper *reaper)
{
    char url[64];

    *reaper = (struct link_reaper){.pipe = no_pipe};
    pthread_mutex_init(&reaper->lock, NULL);
    snprintf(url, sizeof(url), "inproc://oceanid-reaper-%p", (void *)reaper);
    link_must(nng_bus0_open(&reaper->socket));
    link_must(nng_pipe_notify(reaper->socket, NNG_PIPE_EV_ADD_POST, on_added, reaper));
    link_must(nng_pipe_notify(reaper->socket, NNG_PIPE_EV_REM_POST, on_removed, reaper));
    link_must(nng_listen(reaper->socket, url, NULL, 0));
    link_must(nng_dial(reaper->socket, url, NULL, NNG_FLAG_NONBLOCK));
    link_must(nng_aio_alloc(&reaper->sleep, on_look, reaper));
    nng_sleep_aio(LINK_LOOK_MS, reaper->sleep);
}

void link_reaper_stop(struct link_reaper *reaper)
{
    if (reaper->sleep == NULL)
        return;
    nng_aio_stop(reaper->sleep);
    link_close(reaper->socket, "server");
    nng_aio_free(reaper->sleep);
    reaper->sleep = NULL;
    pthread_mutex_destroy(&reaper->lock);
}
