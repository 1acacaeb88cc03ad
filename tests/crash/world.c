/*
 * world: shared memory, directories, clock and namespace of one crash state after another.
 */
#include "tests/crash/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/crash/kernel.h"
#include "tests/crash/networkd.h"
#include "tests/crash/tailscaled.h"

struct world *world;

const char *const phase_of_run_names[PHASE_OF_RUN_COUNT] = {
    [PHASE_BOOT] = "boot",       [PHASE_PREPARE] = "prepare", [PHASE_APPLY] = "apply",
    [PHASE_CONFIRM] = "confirm", [PHASE_REVERT] = "revert",   [PHASE_STOP_POST] = "stop-post",
    [PHASE_RESCUE] = "rescue",
};

enum { TIME_BEGINS_MS = 100000, RANDOM_BEGINS = 4711 };

_Noreturn void world_give_up(const char *what)
{
    fprintf(stderr, "crash: %s: %m\n", what);
    abort();
}

/* xorshift64*: the same numbers in every run. */
uint64_t world_random(uint64_t *state)
{
    uint64_t x = *state != 0 ? *state : 1;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1du >> 11;
}

static void make_path(char *to, const char *directory, const char *name)
{
    if (snprintf(to, PATH_LINE, "%s/%s", directory, name) >= PATH_LINE)
        world_give_up("the directory's path is too long");
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
        world_give_up(path);
}

/* The trust root lies above, for all worlds. */
static void write_config(const char *directory)
{
    char text[1024];

    snprintf(text, sizeof(text),
             "state: %s\nsocket: %s/guard.sock\ntrust: %s/../trust.yaml\ntailscale-socket: %s\n",
             world->state, world->run, directory, world->tailscaled);
    write_text(world->config, text);
}

void world_open(const char *directory)
{
    world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (world == MAP_FAILED)
        world_give_up("shared memory");
    make_path(world->state, directory, "state");
    make_path(world->run, directory, "run");
    make_path(world->config, directory, "guard.yaml");
    make_path(world->log, directory, "log");
    make_path(world->tailscaled, directory, "tailscaled.sock");
    make_path(world->boot_id, directory, "boot-id");
    if ((mkdir(directory, 0700) != 0 && access(directory, W_OK) != 0) ||
        mkdir(world->state, 0700) != 0 || mkdir(world->run, 0700) != 0)
        world_give_up(directory);
    write_config(directory);
    setenv("OCEANID_BOOT_ID_FILE", world->boot_id, 1);
}

/* It is in memory: what was in it is gone with the power. */
static void empty_run(void)
{
    static const char *const names[] = {"guard.sock",
                                        "network",
                                        "rescued",
                                        "released",
                                        "unrecorded",
                                        "rollback.log",
                                        NETWORKD_FILE,
                                        NETWORKD_FILE ".oceanid-new",
                                        NETWORKD_FILE ".oceanid-unread"};
    char path[2 * PATH_LINE];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", world->run, names[i]);
        remove(path);
    }
}

void world_boot(void)
{
    char text[64];

    tailscaled_stop();
    snprintf(text, sizeof(text), "boot-%u\n", ++world->boots);
    write_text(world->boot_id, text);
    world->now = TIME_BEGINS_MS;
    world->disk_heals_at = 0;
    world->power_is_lost = false;
    world->shields = 0;
    world->networkd_runs = world->networkd_knows = false;
    empty_run();
    kernel_enter_fresh();
}

/* All behind the paths, up to the disk, which disk_reset empties. */
static void clear(void)
{
    size_t from = offsetof(struct world, now);

    memset((char *)world + from, 0, offsetof(struct world, disk) - from);
}

void world_reset(const struct disk_image *image)
{
    clear();
    world->random = RANDOM_BEGINS;
    disk_reset(&world->disk, world->state, image);
    remove(world->log);
}
