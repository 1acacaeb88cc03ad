/*
 * story_faults: what fails in a story, and comes back.
 */
#include "tests/sim/story_faults.h"

#include <stdlib.h>

#include "common/core/text.h"

static void lose(struct world *world, int host)
{
    struct rollout_event ev = {.kind = EVENT_LOST, .node = world->hosts[host].name};

    if (world->lead.up && host < world->nodes_count)
        lead_give(world, &ev);
}

bool story_play_off(struct story_script *script, const struct story_words *words, int host)
{
    world_tell(script->world, "%s loses its power", words->list[1]);
    guard_stop(script->world, host, true);
    script->world->hosts[host].agent_up = false;
    lose(script->world, host);
    return true;
}

bool story_play_on(struct story_script *script, const struct story_words *words, int host)
{
    world_tell(script->world, "%s boots", words->list[1]);
    guard_start(script->world, host, CAUSE_REBOOT);
    script->world->hosts[host].agent_up = true;
    network_greet(script->world, host);
    return true;
}

static bool kill_one(struct story_script *script, const char *what, int host)
{
    if (text_equal(what, "guard")) {
        world_tell(script->world, "The guard of %s is killed", script->world->hosts[host].name);
        guard_stop(script->world, host, false);
    } else {
        world_tell(script->world, "The agent of %s is killed", script->world->hosts[host].name);
        script->world->hosts[host].agent_up = false;
        lose(script->world, host);
    }
    return true;
}

static bool start_one(struct story_script *script, const char *what, int host)
{
    if (text_equal(what, "guard")) {
        guard_start(script->world, host, CAUSE_GUARD_DIED);
        return true;
    }
    world_tell(script->world, "The agent of %s starts", script->world->hosts[host].name);
    script->world->hosts[host].agent_up = true;
    network_greet(script->world, host);
    return true;
}

bool story_play_kill(struct story_script *script, const struct story_words *words, int host)
{
    if (host >= 0)
        return kill_one(script, words->list[1], host);
    world_tell(script->world, "The controller is killed");
    lead_halt(script->world);
    return true;
}

bool story_play_start(struct story_script *script, const struct story_words *words, int host)
{
    if (host >= 0)
        return start_one(script, words->list[1], host);
    lead_start(script->world);
    return true;
}

bool story_play_cut(struct story_script *script, const struct story_words *words, int host)
{
    struct host *cut = &script->world->hosts[host];

    cut->up_link = cut->down_link = false;
    world_tell(script->world, "%s is cut off from the controller", words->list[1]);
    lose(script->world, host);
    return true;
}

bool story_play_connect(struct story_script *script, const struct story_words *words, int host)
{
    struct host *cut = &script->world->hosts[host];

    cut->up_link = cut->down_link = true;
    world_tell(script->world, "%s is connected again", words->list[1]);
    network_greet(script->world, host);
    return true;
}

bool story_play_dials(struct story_script *script, const struct story_words *words, int host)
{
    script->world->hosts[host].dials = text_equal(words->list[2], "yes");
    world_tell(script->world, "%s can dial %s", words->list[1],
               script->world->hosts[host].dials ? "new connections again" : "no new connection");
    return true;
}

bool story_play_hangs(struct story_script *script, const struct story_words *words, int host)
{
    script->world->hosts[host].disk_until =
        script->world->now + strtoll(words->list[2], NULL, 10) * 1000;
    world_tell(script->world, "The disk of %s hangs for %s s", words->list[1], words->list[2]);
    return true;
}

bool story_play_stuck(struct story_script *script, const struct story_words *words, int host)
{
    script->world->hosts[host].undo_stuck_until =
        script->world->now + strtoll(words->list[2], NULL, 10) * 1000;
    world_tell(script->world, "For %s s nothing can be undone on %s", words->list[2],
               words->list[1]);
    return true;
}

bool story_play_full(struct story_script *script, const struct story_words *words, int host)
{
    (void)host;
    script->world->lead.full_until = script->world->now + strtoll(words->list[1], NULL, 10) * 1000;
    world_tell(script->world, "The controller's disk is full for %s s", words->list[1]);
    return true;
}

bool story_play_backup(struct story_script *script, const struct story_words *words, int host)
{
    (void)words;
    (void)host;
    script->backup = script->world->lead.stored;
    world_tell(script->world, "The controller's database is saved");
    return true;
}

bool story_play_restore(struct story_script *script, const struct story_words *words, int host)
{
    struct lead *lead = &script->world->lead;

    (void)words;
    (void)host;
    lead->backup = script->backup;
    lead->has_backup = true;
    lead_start(script->world);
    return true;
}

/* What was signed behind its database. */
bool story_play_again(struct story_script *script, const struct story_words *words, int host)
{
    (void)words;
    (void)host;
    if (!lead_is_behind(script->world))
        return story_fail(script, "its controller has all that was signed");
    lead_hand_over(script->world);
    return true;
}
