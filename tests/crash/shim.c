/*
 * shim: counts boundaries and strikes at the one that was chosen.
 */
#include "tests/crash/shim.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/crash/kernel.h"
#include "tests/crash/world.h"

enum { DISK_HEALS_MS = 15000 };

static bool runs, is_child;

void shim_begin(void)
{
    runs = true;
}

void shim_pause(void)
{
    runs = false;
}

void shim_resume(void)
{
    runs = true;
}

void shim_be_child(void)
{
    is_child = true;
}

void shim_set_phase(int phase)
{
    world->phase = (enum phase_of_run)phase;
}

/* ---- shields -------------------------------------------------------------------------------- */

/* While the exit node is set, none that was there may go. */
static void look_at_shields(const char *text)
{
    unsigned now = kernel_shields();

    if (world->exit_node[0] != '\0' && !world->is_void && (world->shields & ~now) != 0 &&
        world->early[0] == '\0')
        snprintf(world->early, sizeof(world->early),
                 "shields (bits %u) went while the exit node was set, before boundary %u, %s",
                 world->shields & ~now, world->count, text);
    world->shields = now;
}

/* ---- striking ------------------------------------------------------------------------------- */

/* The program itself ends with a code, by which it is known; a child as by kill -9. */
_Noreturn static void end(void)
{
    if (is_child)
        raise(SIGKILL);
    fflush(NULL);
    _exit(EXIT_STRUCK);
}

_Noreturn void shim_strike(enum fault_kind kind)
{
    world->died_unwritten |= world->disk_heals_at > world->now;
    if (fault_is_power(kind)) {
        disk_lose(&world->disk, world->state, kind, world->fault.seed);
        world->power_is_lost = world->power_was_lost = true;
        if (is_child)
            kill(getppid(), SIGKILL);
    }
    end();
}

static enum fault_kind hit(enum boundary boundary, const char *text)
{
    enum fault_kind kind = world->fault.kind;

    world->hit_at = world->count;
    snprintf(world->hit_what, sizeof(world->hit_what), "%s, %s %s",
             phase_of_run_names[world->phase], boundary_names[boundary], text);
    if (kind == FAULT_EIO_ON || kind == FAULT_ENOSPC_ON)
        world->disk_heals_at =
            (world->fault.seed & 1) != 0 ? world->now + DISK_HEALS_MS : INT64_MAX;
    return kind;
}

/* What recovers is struck too: killed, or without power. */
static enum fault_kind hit_again(void)
{
    if (world->second_at == 0 || world->second_has_hit || world->hit_at == 0 ||
        world->count != world->hit_at + world->second_at)
        return FAULT_NONE;
    world->second_has_hit = true;
    world->boot_was_hit = true;
    return (world->fault.seed >> 8) % 2 == 0 ? FAULT_KILL : FAULT_POWER_REORDERED;
}

static bool is_of_run(const char *text)
{
    return strncmp(text, "run/", 4) == 0;
}

/* The disk, or /run, whichever was struck: they are not the same. */
static bool disk_is_ill(enum boundary boundary, const char *text)
{
    bool fails = boundary == BOUNDARY_CREATE || boundary == BOUNDARY_WRITE ||
                 (boundary <= BOUNDARY_CUT && world->fault.kind == FAULT_EIO_ON);

    return fails && world->disk_heals_at > world->now && is_of_run(text) == world->run_is_ill;
}

/* A write that is to be torn goes half its way first. */
static bool strikes_later(enum fault_kind kind, enum boundary boundary)
{
    return boundary == BOUNDARY_WRITE &&
           (kind == FAULT_KILL_TORN || kind == FAULT_POWER_TORN || kind == FAULT_POWER_REORDERED);
}

static void count(enum boundary boundary, const char *text)
{
    uint32_t heals_at = world->forks ? TRACE_MAX / 8 : TRACE_MAX / 2; /* a fork takes its time */

    if (world->count == TRACE_MAX)
        world_give_up("a run without end");
    if (world->count == heals_at)
        world->disk_heals_at = 0; /* somebody has mended what held it up */
    world->trace[world->count].boundary = (uint8_t)boundary;
    world->trace[world->count].phase = (uint8_t)world->phase;
    world->trace[world->count].in_child = is_child;
    snprintf(world->trace[world->count].text, TRACE_TEXT, "%s", text);
    world->count++;
}

enum fault_kind shim_boundary(enum boundary boundary, const char *text)
{
    enum fault_kind kind = FAULT_NONE;

    if (!runs)
        return FAULT_NONE;
    if (world->power_is_lost)
        end(); /* a child was struck that this one has started */
    runs = false;
    if (world->kernel_works)
        kernel_settle();
    count(boundary, text);
    fprintf(stderr, "#%u %s: %s %s\n", world->count, phase_of_run_names[world->phase],
            boundary_names[boundary], text);
    look_at_shields(text);
    if (world->fault.at == world->count)
        kind = hit(boundary, text);
    else if ((kind = hit_again()) == FAULT_NONE && disk_is_ill(boundary, text))
        kind = world->fault.kind == FAULT_EIO_ON ? FAULT_EIO : FAULT_ENOSPC;
    if (fault_is_crash(kind) && world->phase == PHASE_BOOT)
        world->boot_was_hit = true;
    if (fault_is_crash(kind) && !strikes_later(kind, boundary))
        shim_strike(kind);
    runs = true;
    if (kind == FAULT_EIO_ON)
        return FAULT_EIO;
    return kind == FAULT_ENOSPC_ON ? FAULT_ENOSPC : kind;
}
