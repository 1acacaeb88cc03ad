/*
 * scenarios: the schedules of docs/protocol.md in which both sides take part, each played once, the
 * same way every time: nothing fails but what the scenario lets fail. The model watches as always.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/text.h"
#include "tests/sim/sim.h"

enum { STYX, CALYPSO };
enum { SECOND_MS = 1000, NEVER_QUIET_MS = 1000000000, SOON_MS = 60 * SECOND_MS };

/* What a tap takes away or copies. */
struct scene {
    enum message_kind kind; /* of what is kept, to that host */
    int host;
    bool lets_pass;
    uint32_t kept_count;
    struct message kept; /* the newest */
    int muted;           /* nothing of this host reaches the controller; -1: nobody */
};

/* ---- time ------------------------------------------------------------------------------------ */

static void run_for(struct world *world, int64_t ms)
{
    mono_t until = world->now + ms;

    while (world->heap_count > 0 && world->heap[0].at <= until && world_step(world))
        ;
    if (world->now < until)
        world->now = until;
}

typedef bool question_fn(const struct world *world, int host, int what);

static bool is_in_state(const struct world *world, int host, int state)
{
    return (int)world->hosts[host].trial->state == state;
}

static bool stands(const struct world *world, int host, int what)
{
    (void)what;
    return world->hosts[host].ledger->generations_count > 0 &&
           world->hosts[host].trial->state == TRIAL_IDLE;
}

static bool has_come_to(const struct world *world, int host, int state)
{
    (void)host;
    return (int)world->lead.rollout->record.state == state;
}

static bool has_kept(const struct world *world, int host, int count)
{
    const struct scene *scene = world->scenario;

    (void)host;
    return (int)scene->kept_count >= count;
}

/* Until the answer is yes; a scenario that does not get there has failed. */
static void run_until(struct world *world, question_fn *question, int host, int what,
                      const char *of)
{
    mono_t until = world->now + SOON_MS;

    while (!question(world, host, what) && world->now < until) {
        if (!world_step(world))
            return;
    }
    if (!question(world, host, what))
        world_violate(world, "scenario: in %d s it does not come to this: %s", SOON_MS / 1000, of);
}

static void expect(struct world *world, bool holds, const char *what)
{
    if (!holds)
        world_violate(world, "scenario: %s", what);
}

/* ---- messages -------------------------------------------------------------------------------- */

static bool tap(struct world *world, const struct message *message)
{
    struct scene *scene = world->scenario;

    if (message->host == scene->muted && message->kind >= TELL_STACK)
        return true;
    if (message->kind != scene->kind || message->host != scene->host)
        return false;
    scene->kept = *message;
    scene->kept_count++;
    return !scene->lets_pass;
}

static void keep(struct world *world, enum message_kind kind, int host, bool lets_pass)
{
    struct scene *scene = world->scenario;

    *scene = (struct scene){.kind = kind, .host = host, .lets_pass = lets_pass, .muted = -1};
    world->tap = tap;
}

static void deliver(struct world *world, const struct message *message)
{
    struct message *copy = mem_copy(message, sizeof(*message));

    network_deliver(world, copy);
    free(copy);
}

/* The controller's request for an end, quoting that hello. */
static void order_end(struct world *world, enum message_kind kind, int host,
                      const struct nonce *hello)
{
    const struct ledger_generation *top = ledger_top(world->hosts[host].ledger);
    struct message order = {.kind = kind, .host = host, .nonce = *hello};

    order.id = top != NULL ? top->id : world->hosts[host].trial->id;
    deliver(world, &order);
}

/* ---- the schedules --------------------------------------------------------------------------- */

static void calm_completes(struct world *world)
{
    for (int host = 0; host < world->nodes_count; host++)
        run_until(world, stands, host, 0, "it stands");
    run_until(world, has_come_to, 0, ROLLOUT_COMPLETE, "complete");
}

/* The start over the nonce that is out, with what the earlier guard said over the one before. */
static void fill_start(const struct world *world, struct message *start)
{
    uint32_t old = start->statements_count;

    start->id = world->hosts[CALYPSO].trial->id;
    for (int witness = 0; witness < world->hosts_count && old < SIM_STATEMENTS_MAX; witness++)
        start->statements[old++] = (struct sim_statement){.signer = witness,
                                                          .subject = CALYPSO,
                                                          .body = world->change->body,
                                                          .nonce = start->id.start,
                                                          .phase = PHASE_BASELINE,
                                                          .value = VERDICT_PASS};
    start->statements_count = old;
}

static void rolled_back_meanwhile(struct world *world)
{
    struct scene *scene = world->scenario;
    struct message order = {.kind = ASK_ORDER, .host = STYX};
    struct message start;

    keep(world, ASK_START, CALYPSO, false);
    run_until(world, has_kept, 0, 1, "the second node is started");
    start = scene->kept;
    scene->muted = STYX;
    order.id = ledger_top(world->hosts[STYX].ledger)->id;
    deliver(world, &order);
    run_for(world, 31 * SECOND_MS);
    expect(world, !stands(world, STYX, 0), "the first node was rolled back");
    deliver(world, &start);
    run_until(world, is_in_state, CALYPSO, TRIAL_PREPARED, "the second node is prepared again");
    fill_start(world, &start);
    deliver(world, &start);
    run_for(world, 5 * SECOND_MS);
    expect(world, !sim_is_changed(&world->hosts[CALYPSO]),
           "the second node was touched on the word of one that was rolled back meanwhile");
}

static void new_dials_dead(struct world *world)
{
    run_until(world, is_in_state, STYX, TRIAL_STARTING, "the first node is started");
    world->hosts[STYX].dials = false;
    run_for(world, 22 * SECOND_MS);
    expect(world, !sim_is_changed(&world->hosts[STYX]),
           "it still stands, and no new connection ever came out of it");
    run_until(world, has_come_to, 0, ROLLOUT_REVERTED, "reverted");
}

static void slow_last_dial(struct world *world)
{
    run_until(world, is_in_state, STYX, TRIAL_SOAKING, "it soaks");
    run_for(world, 2 * SECOND_MS);
    world->hosts[STYX].dials = false;
    run_until(world, is_in_state, STYX, TRIAL_LAST, "it has soaked");
    run_for(world, 15 * SECOND_MS);
    expect(world, is_in_state(world, STYX, TRIAL_LAST),
           "a good change is lost, for its last dial was slow");
    world->hosts[STYX].dials = true;
    run_until(world, stands, STYX, 0, "it stands");
}

/* The proofs go on so long that the lease would, and the disk keeps `confirming`. */
static void confirming_too_long(struct world *world)
{
    enum { GIVES_UP_MS = (SIM_SOAK_S + 2 * SIM_LEASE_S) * SECOND_MS };
    struct host *host = &world->hosts[STYX];
    mono_t first_nonce;

    run_until(world, is_in_state, STYX, TRIAL_FIRST, "its first nonce is out");
    first_nonce = world->now;
    run_until(world, is_in_state, STYX, TRIAL_SOAKING, "it soaks");
    run_for(world, 2 * SECOND_MS);
    host->dials = false;
    run_until(world, is_in_state, STYX, TRIAL_LAST, "it has soaked");
    run_for(world, 14 * SECOND_MS);
    host->dials = true;
    host->disk_until = world->now + 100 * SECOND_MS;
    run_until(world, is_in_state, STYX, TRIAL_CONFIRMING, "it is proven to the end");
    run_for(world, first_nonce + GIVES_UP_MS + SECOND_MS / 2 - world->now);
    expect(world, !sim_is_changed(host), "it stands, and soak and two leases are over");
}

/* The record under way gets to the disk, and nothing behind it. */
static void write_confirming(struct world *world)
{
    for (size_t i = 0; i < world->heap_count; i++) {
        const struct happening *at = &world->heap[i];

        if (at->kind == HAPPENS_DISK && at->host == STYX && at->life == world->hosts[STYX].life &&
            at->record->kind == RECORD_MARK && at->record->mark == MARK_CONFIRMING) {
            guard_write_record(world, STYX, at);
            return;
        }
    }
    expect(world, false, "`confirming` is not under way");
}

static void fsync_hung(struct world *world)
{
    struct host *host = &world->hosts[STYX];

    run_until(world, is_in_state, STYX, TRIAL_LAST, "it has soaked");
    host->disk_until = world->now + 100 * SECOND_MS;
    run_until(world, is_in_state, STYX, TRIAL_CONFIRMING, "it is proven to the end");
    for (int witness = CALYPSO; witness < world->hosts_count; witness++)
        world->hosts[witness].agent_up = false;
    run_for(world, (SIM_LEASE_S + 2) * SECOND_MS);
    expect(world, !sim_is_changed(host), "the lease ran out and it still stands");
    write_confirming(world);
    host->disk_until = 0;
    host->life++; /* the power goes: what was under way is gone */
    guard_start(world, STYX, CAUSE_REBOOT);
    run_for(world, 5 * SECOND_MS);
    expect(world, !sim_is_changed(host) && host->ledger->generations_count == 0,
           "the boot believed a `confirming` that was written past its deadline");
}

static void delayed_abort(struct world *world)
{
    struct nonce hello;

    run_until(world, is_in_state, STYX, TRIAL_SOAKING, "it soaks");
    hello = world->hosts[STYX].trial->stack_nonce;
    network_greet(world, STYX);
    run_for(world, SECOND_MS);
    order_end(world, ASK_ABORT, STYX, &hello);
    run_until(world, stands, STYX, 0, "it stands, for the abort was of an older hello");
    run_for(world, SECOND_MS);
    order_end(world, ASK_ABORT, STYX, &hello);
    order_end(world, ASK_POP, STYX, &hello);
    order_end(world, ASK_ABORT, STYX, &world->hosts[STYX].trial->stack_nonce);
    run_for(world, 2 * SECOND_MS);
    expect(world, stands(world, STYX, 0), "an abort undid what was confirmed and recorded");
    run_until(world, stands, CALYPSO, 0, "the second node stands");
}

static void old_order(struct world *world)
{
    struct scene *scene = world->scenario;
    struct rollout_event abort = {.kind = EVENT_ABORT, .by = "operator", .reason = "not today"};
    struct message order;

    keep(world, ASK_POP, STYX, true);
    run_until(world, stands, STYX, 0, "it stands");
    run_until(world, has_come_to, 0, ROLLOUT_PAUSED, "paused");
    lead_give(world, &abort);
    run_until(world, has_come_to, 0, ROLLOUT_ABORTED, "aborted");
    order = scene->kept;
    if (world->attempt == 1) /* people may have been faster */
        lead_sign(world, SIM_FIRST);
    run_until(world, stands, STYX, 0, "it stands again");
    order.nonce = world->hosts[STYX].trial->stack_nonce;
    deliver(world, &order);
    run_for(world, 2 * SECOND_MS);
    expect(world, stands(world, STYX, 0), "an old order popped a later generation");
}

static void living_guard(struct world *world)
{
    struct guard_event fence = {.kind = ON_FENCE};
    struct scene *scene = world->scenario;

    world->tap = tap;
    run_until(world, is_in_state, STYX, TRIAL_CONFIRMING, "it is proven to the end");
    scene->muted = STYX; /* so that it is not tried again meanwhile */
    guard_give(world, STYX, &fence);
    run_for(world, 500); /* what was under way gets there, and it is told so */
    world->hosts[STYX].life++;
    guard_start(world, STYX, CAUSE_RESCUED);
    run_for(world, 5 * SECOND_MS);
    expect(world, !sim_is_changed(&world->hosts[STYX]) && !stands(world, STYX, 0),
           "rescue took it back, and the living guard wrote its confirmation");
}

/* The abort of an attempt comes when the next one is signed: what was signed before that end does
 * not lift it. */
static void later_end(struct world *world)
{
    struct message abort = {.kind = ASK_ABORT, .host = CALYPSO};

    keep(world, ASK_ABORT, CALYPSO, false);
    world->hosts[STYX].damages[SIM_FIRST].breaks_own = true;
    run_until(world, has_come_to, 0, ROLLOUT_REVERTING, "the first attempt fails");
    run_for(world, SECOND_MS);
    world->hosts[STYX].damages[SIM_FIRST].breaks_own = false;
    lead_sign(world, SIM_FIRST); /* by somebody who was told that calypso had ended too */
    run_until(world, stands, STYX, 0, "the second attempt stands on the first node");
    abort.id.attempt = world->approvals[0].attempt;
    abort.nonce = world->hosts[CALYPSO].trial->stack_nonce;
    deliver(world, &abort);
    run_until(world, has_come_to, 0, ROLLOUT_HALTED, "the second node refuses it");
    expect(world, !sim_is_changed(&world->hosts[CALYPSO]),
           "an approval lifted an end that came when it was signed");
}

static void wide_stage(struct world *world)
{
    run_until(world, stands, STYX, 0, "the first node stands, alone");
    run_until(world, has_come_to, 0, ROLLOUT_COMPLETE, "the rest of them, in one stage, too");
}

/* ---- running --------------------------------------------------------------------------------- */

static const struct scenario {
    const char *name, *schedule;
    void (*play)(struct world *world);
    bool wide;
} scenarios[] = {
    {"calm", "nothing fails: it completes", calm_completes, false},
    {"names-old-order", "an old order comes when a later generation of the body stands", old_order,
     false},
    {"rule-02-rolled-back-meanwhile", "two nonces with work in between", rolled_back_meanwhile,
     false},
    {"rule-08-new-dials-dead", "new dials dead, old connection alive", new_dials_dead, false},
    {"rule-09-slow-last-dial", "the last dial is slow", slow_last_dial, false},
    {"rule-11-confirming-too-long", "the lease runs on, and the disk keeps `confirming`",
     confirming_too_long, false},
    {"rule-12-fsync-hung", "the fsync hangs past the deadline, then boot", fsync_hung, false},
    {"rule-14-delayed-abort", "an abort comes when it is confirmed and recorded", delayed_abort,
     false},
    {"rule-16-living-guard", "rescue undoes beside a living guard", living_guard, false},
    {"rule-04-wide-stage", "a later stage of two nodes, as the change asks for", wide_stage, true},
    {"rule-19-later-end", "the same approval meets a later end", later_end, false},
};

static bool play(const struct scenario *scenario, bool trace)
{
    struct world_plan plan = {
        .seed = 1, .way = WORLD_CALM, .nodes = SIM_NODES, .wide = scenario->wide};
    struct world *world = world_new(&plan);
    struct scene *scene = mem_alloc(1, sizeof(*scene));
    bool held;

    scene->muted = -1;
    scene->kind = TELL_RECEIPT;
    scene->host = -1;
    world->scenario = scene;
    world->quiet_from = NEVER_QUIET_MS;
    world->telling = trace ? TELLS_ALL : TELLS_STORY;
    world->out = trace ? stdout : NULL;
    world_begin(world);
    scenario->play(world);
    held = world->violation[0] == '\0';
    if (!held && !trace)
        world_print_tail(world);
    printf("scenario %s (%s): %s\n", scenario->name, scenario->schedule,
           held ? "as it has to be" : world->violation);
    if (!held && !trace)
        printf("replay it: build/dev/bin/sim --trace %s\n", scenario->name);
    world_free(world);
    free(scene);
    return held;
}

int scenarios_run(const char *name, bool trace)
{
    unsigned played = 0, failed = 0;

    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        if (name != NULL && !text_equal(name, scenarios[i].name))
            continue;
        played++;
        failed += !play(&scenarios[i], trace);
    }
    if (played == 0)
        fprintf(stderr, "sim: no scenario '%s'\n", name);
    return played == 0 ? 2 : failed > 0;
}
