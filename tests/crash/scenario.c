/*
 * scenario: one run, and how it goes on after it was struck.
 */
#include "tests/crash/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard/rollback.h"
#include "tests/crash/judge.h"
#include "tests/crash/kernel.h"
#include "tests/crash/networkd.h"
#include "tests/crash/process.h"
#include "tests/crash/tailscaled.h"

enum { RESTARTS_MAX = 400, RESTART_MS = 250, CRASHES_MAX = 8 };

/* ---- one step ------------------------------------------------------------------------------- */

struct run {
    const struct scenario *scenario;
    const struct beginning *beginning;
    struct verdict_of_run *verdict;
    enum program last; /* what was struck */
};

static void say_broken(struct run *run, const char *what)
{
    if (run->verdict->why[0] == '\0')
        snprintf(run->verdict->why, sizeof(run->verdict->why), "%s", what);
}

static enum process_end run_program(struct run *run, enum program program, enum play play)
{
    enum process_end end = process_run(program, play, &run->beginning->plans);

    run->last = program;
    if (end == PROCESS_BROKEN)
        say_broken(run, "a program ended by a signal or a sanitizer");
    return end;
}

/* systemd starts it again, with ExecStopPost in between, until its part is over. */
static enum process_end run_guard(struct run *run, enum play play)
{
    for (int i = 0; i < RESTARTS_MAX; i++) {
        enum process_end end = run_program(run, PROGRAM_GUARD, play);

        if (end != PROCESS_ENDED)
            return end;
        world->now += RESTART_MS;
        end = run_program(run, PROGRAM_STOP_POST, play);
        if (end == PROCESS_STRUCK || end == PROCESS_BROKEN)
            return end;
        if (i == RESTARTS_MAX / 2)
            world->disk_heals_at = 0; /* somebody has made room */
    }
    say_broken(run, "the guard does not start");
    return PROCESS_BROKEN;
}

/* For a tailscaled that does not come back, until root says so. */
static bool waits_for_ever(void)
{
    return world->tailscaled_is_gone && !world->finisher_is_void;
}

/* What it cannot finish at once goes on; what it could not record it says, with what to do. */
static enum process_end run_rescue(struct run *run, enum program program)
{
    enum process_end end;

    world->finisher_wanted = world->rescue_again = false;
    end = run_program(run, program, 0);
    if (end == PROCESS_ENDED && world->exit_code == EXIT_REST_FOLLOWS && !world->finisher_wanted)
        world->rescue_again = true;
    if (end == PROCESS_ENDED && world->finisher_wanted && !waits_for_ever())
        end = run_program(run, PROGRAM_FINISH, 0);
    return end;
}

static enum process_end run_step(struct run *run, const struct step *step)
{
    world->phase = step->phase;
    switch (step->program) {
    case PROGRAM_TAILSCALED:
        tailscaled_start();
        networkd_start();
        return PROCESS_ENDED;
    case PROGRAM_POWER:
        disk_lose(&world->disk, world->state, FAULT_POWER_KEPT, 0);
        world_boot();
        return PROCESS_ENDED;
    case PROGRAM_GUARD:
        return run_guard(run, step->play);
    case PROGRAM_GONE:
        tailscaled_remove();
        return PROCESS_ENDED;
    case PROGRAM_VOID:
        world->is_void = true;
        return run_rescue(run, step->program);
    case PROGRAM_RESCUE:
    case PROGRAM_RESCUE_TO:
        return run_rescue(run, step->program);
    case PROGRAM_NONE:
    case PROGRAM_BOOT:
    case PROGRAM_STOP_POST:
    case PROGRAM_FINISH:
        break;
    }
    return run_program(run, step->program, step->play);
}

/* ---- after a crash -------------------------------------------------------------------------- */

static enum process_end start_again(struct run *run)
{
    static const struct step boot = {PROGRAM_BOOT, 0, PHASE_BOOT};
    static const struct step tailscaled = {PROGRAM_TAILSCALED, 0, PHASE_BOOT};
    static const struct step stop_post = {PROGRAM_STOP_POST, 0, PHASE_STOP_POST};
    static const struct step guard = {PROGRAM_GUARD, PLAY_ASK, PHASE_STOP_POST};
    bool with_stop_post = run->last == PROGRAM_GUARD && (world->fault.seed & 16) != 0;
    enum process_end end = PROCESS_ENDED;

    if (world->power_is_lost) {
        world_boot();
        end = run_step(run, &boot);
        if (world->power_is_lost)
            return PROCESS_STRUCK;
    } else if (with_stop_post) {
        end = run_step(run, &stop_post);
        if (world->power_is_lost)
            return PROCESS_STRUCK;
    }
    if (end == PROCESS_BROKEN)
        return end;
    if (!world->networkd_runs)
        run_step(run, &tailscaled);
    return run_step(run, &guard);
}

/* Who takes the change back in this scenario; NULL: nobody does that by a word. */
static const struct step *find_request(const struct scenario *scenario)
{
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        const struct step *step = &scenario->steps[i];

        if (step->program == PROGRAM_RESCUE || step->program == PROGRAM_RESCUE_TO ||
            (step->program == PROGRAM_GUARD &&
             (step->play == PLAY_ORDER || step->play == PLAY_POP)))
            return step;
    }
    return NULL;
}

/* Room was made, the mark removed; and, where the change still stands, whoever wanted it back and
 * heard of an error, or nothing any more, asks again. */
static void ask_again(struct run *run)
{
    static const struct step guard = {PROGRAM_GUARD, PLAY_ASK, PHASE_RESCUE};
    char mark[2 * PATH_LINE];

    snprintf(mark, sizeof(mark), "%s/unrecorded", world->run);
    remove(mark);
    world->disk_heals_at = 0;
    world->told.is_asked = false;
    run_step(run, find_request(run->scenario));
    run_step(run, &guard);
}

/* Whoever said that tailscaled is gone says so again, as long as something waits for it. */
static void declare_again(struct run *run)
{
    static const struct step declare = {PROGRAM_VOID, 0, PHASE_RESCUE};
    static const struct step guard = {PROGRAM_GUARD, PLAY_ASK, PHASE_RESCUE};

    world->told.is_asked = false;
    run_step(run, &declare);
    run_step(run, &guard);
}

/* Only where it could not be written: what was written is known to whoever comes next. */
static bool is_wanted_again(const struct scenario *scenario)
{
    return scenario->confirmed_before && !scenario->confirmed_after &&
           (world->rescue_again || world->died_unwritten) &&
           world->told.stack.generations_count == 2;
}

/* Whatever strikes while it recovers, in the end nothing does. */
static void recover(struct run *run)
{
    for (int i = 0; i < CRASHES_MAX; i++) {
        enum process_end end;

        world->disk_heals_at = 0;
        world->told.is_asked = world->told.prepared = false;
        world->told.refusal[0] = '\0';
        end = start_again(run);
        if (end != PROCESS_STRUCK && is_wanted_again(run->scenario))
            ask_again(run);
        if (end != PROCESS_STRUCK && world->tailscaled_is_gone && world->unsettled)
            declare_again(run);
        if (end != PROCESS_STRUCK)
            return;
    }
    say_broken(run, "it was struck more often than it can be");
}

/* Nothing has struck it down: it lives, and is judged; then it dies all the same. */
static void die_at_the_end(void)
{
    static const enum fault_kind kinds[] = {FAULT_POWER_LOST, FAULT_POWER_KEPT, FAULT_POWER_TORN,
                                            FAULT_POWER_REORDERED};
    uint64_t seed = world->fault.seed;

    world->died_unwritten |= world->disk_heals_at > world->now;
    if ((seed & 32) == 0)
        return;
    disk_lose(&world->disk, world->state, kinds[seed >> 12 & 3], seed);
    world->power_is_lost = world->power_was_lost = true;
}

/* ---- a run ---------------------------------------------------------------------------------- */

static enum process_end run_steps(struct run *run, uint32_t *ret_passed)
{
    enum process_end end = PROCESS_ENDED;

    *ret_passed = 0;
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        const struct step *step = &run->scenario->steps[i];

        if (step->program == PROGRAM_NONE)
            break;
        if (i == run->scenario->strike_from)
            *ret_passed = world->count;
        end = run_step(run, step);
        if (end == PROCESS_STRUCK || end == PROCESS_BROKEN)
            break;
    }
    return end;
}

/* The standing-th of that ground. */
static int plan_of(enum ground ground, int standing)
{
    return (int)ground * PLANS_OF_GROUND + standing - 1;
}

static void begin(const struct scenario *scenario, const struct beginning *beginning,
                  const struct fault *fault)
{
    uint64_t random = fault->seed ^ 0xabcdef;

    world_reset(&beginning->image[scenario->ground][1 + scenario->confirmed_before]);
    world->ground = scenario->ground;
    world->forks = scenario->is_apart;
    /* Not the boot in which the image was made. */
    world->boots = scenario->confirmed_before ? 20 : 10;
    if (scenario->confirmed_before && scenario->ground == GROUND_EXIT) {
        snprintf(world->exit_node, sizeof(world->exit_node), "nEXIT");
        world->allow_lan = true;
    }
    world->plan = plan_of(scenario->ground, STANDING_MAX);
    world->fault = *fault;
    if (fault->at != 0 && world_random(&random) % 4 == 0)
        world->second_at = 1 + (uint32_t)(world_random(&random) % 150);
    world_boot();
}

uint32_t scenario_run(const struct scenario *scenario, const struct beginning *beginning,
                      const struct fault *fault, struct verdict_of_run *ret_verdict)
{
    struct run run = {.scenario = scenario, .beginning = beginning, .verdict = ret_verdict};
    enum process_end end;
    uint32_t passed;

    memset(ret_verdict, 0, sizeof(*ret_verdict));
    begin(scenario, beginning, fault);
    end = run_steps(&run, &passed);
    if (end != PROCESS_STRUCK && end != PROCESS_BROKEN) {
        judge_living(scenario, beginning, ret_verdict);
        die_at_the_end();
    }
    if (end != PROCESS_BROKEN && ret_verdict->why[0] == '\0' && fault->at != 0) {
        recover(&run);
        judge_recovered(scenario, beginning, ret_verdict);
    }
    ret_verdict->struck = world->hit_at != 0;
    return passed;
}

/* ---- what every run begins with ------------------------------------------------------------- */

static void begin_image(const struct disk_image *image, enum ground ground)
{
    world_reset(image);
    world->ground = ground;
    world->plan = plan_of(ground, 1);
    world_boot();
    tailscaled_start();
    networkd_start();
}

static void run_guard_alone(struct beginning *beginning, enum play play)
{
    const struct step guard = {PROGRAM_GUARD, play, PHASE_BOOT};
    struct verdict_of_run verdict = {.why = ""};
    struct run run = {.beginning = beginning, .verdict = &verdict};

    run_step(&run, &guard);
}

/* A guard on an empty disk, which is asked only; then it confirms the first change. */
static void confirm_first(struct beginning *beginning, enum ground ground)
{
    struct disk_image *image = beginning->image[ground];

    begin_image(&image[0], ground);
    run_guard_alone(beginning, PLAY_ASK);
    kernel_dump(beginning->dump[ground][0], DUMP_SIZE);
    begin_image(&image[0], ground);
    run_guard_alone(beginning, PLAY_CONFIRM);
    if (world->told.receipts_count != 1 || world->told.receipts[0].kind != RECEIPT_CONFIRMED)
        world_give_up("the first change was not confirmed; see the log");
    disk_image_take(&image[1], world->state);
}

/* A scenario without a fault, from its beginning on. */
static void run_without_fault(const struct beginning *beginning, enum ground ground, enum play play)
{
    const struct scenario scenario = {.name = "a beginning",
                                      .ground = ground,
                                      .confirmed_after = play == PLAY_CONFIRM,
                                      .steps = {{PROGRAM_BOOT, 0, PHASE_BOOT},
                                                {PROGRAM_TAILSCALED, 0, PHASE_BOOT},
                                                {PROGRAM_GUARD, play, PHASE_BOOT}}};
    const struct fault none = {.at = 0};
    struct verdict_of_run verdict;

    scenario_run(&scenario, beginning, &none, &verdict);
}

static void make_ground(struct beginning *beginning, enum ground ground)
{
    confirm_first(beginning, ground);
    run_without_fault(beginning, ground, PLAY_ASK);
    kernel_dump(beginning->dump[ground][1], DUMP_SIZE);
    run_without_fault(beginning, ground, PLAY_CONFIRM);
    kernel_dump(beginning->dump[ground][2], DUMP_SIZE);
    disk_image_take(&beginning->image[ground][2], world->state);
}

void beginning_make(struct beginning *beginning, const char *directory)
{
    plans_make(&beginning->plans, directory);
    networkd_write_old(directory);
    for (int ground = 0; ground < GROUNDS; ground++) {
        disk_image_add(&beginning->image[ground][0], directory, "key.pem");
        disk_image_add(&beginning->image[ground][0], directory, NETWORKD_OLD_FILE);
        make_ground(beginning, (enum ground)ground);
    }
}
