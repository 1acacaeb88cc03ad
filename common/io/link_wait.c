/*
 * link_wait: notices that nng's thread that ends connections hangs, while something is to be ended.
 *
 * A thread that hangs does not run; one that does is slow, behind a thousand handshakes.
 */
#include "common/io/link_tls.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/text.h"

#define REAPER_NAME "nng:reap2" /* nng's core/reap.c, 1.5 to 1.10 */

enum { LOOKS_MAX = 10 };

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
static uint64_t count_task(const char *task)
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

/* How often it has run. 0: it was not found. */
static uint64_t count_reaper(void)
{
    DIR *tasks = opendir("/proc/self/task");
    const struct dirent *task;
    uint64_t turns = 0;

    if (tasks == NULL)
        return 0;
    while ((task = readdir(tasks)) != NULL) {
        if (task->d_name[0] != '.' && is_reaper(task->d_name))
            turns += count_task(task->d_name);
    }
    closedir(tasks);
    return turns;
}

/* ---- waiting for it ---------------------------------------------------------------------------
 */

/* Whether there is to be another look. */
static bool look(struct link_wait *wait)
{
    uint64_t turns = count_reaper();
    bool waits, hangs;

    pthread_mutex_lock(&wait->lock);
    wait->looks = turns == wait->turns ? wait->looks + 1 : 0;
    wait->turns = turns;
    waits = wait->looking = wait->waits;
    hangs = waits && wait->looks > LOOKS_MAX;
    pthread_mutex_unlock(&wait->lock);
    if (hangs)
        link_die(wait->url, "nng does not end a connection, and its thread for that has not run "
                            "for 10 s");
    return waits;
}

static void on_look(void *context)
{
    struct link_wait *wait = context;

    if (nng_aio_result(wait->sleep) == 0 && look(wait))
        nng_sleep_aio(LINK_LOOK_MS, wait->sleep);
}

void link_wait_init(struct link_wait *wait, const char *url)
{
    *wait = (struct link_wait){.url = url};
    pthread_mutex_init(&wait->lock, NULL);
    link_must(nng_aio_alloc(&wait->sleep, on_look, wait));
}

void link_wait_done(struct link_wait *wait)
{
    nng_aio_stop(wait->sleep);
    nng_aio_free(wait->sleep);
    pthread_mutex_destroy(&wait->lock);
}

void link_wait_begin(struct link_wait *wait)
{
    bool looking;

    pthread_mutex_lock(&wait->lock);
    looking = wait->looking;
    wait->looks = wait->waits ? wait->looks : 0;
    wait->waits = wait->looking = true;
    pthread_mutex_unlock(&wait->lock);
    if (!looking)
        nng_sleep_aio(LINK_LOOK_MS, wait->sleep);
}

void link_wait_end(struct link_wait *wait)
{
    pthread_mutex_lock(&wait->lock);
    wait->waits = false;
    pthread_mutex_unlock(&wait->lock);
}
