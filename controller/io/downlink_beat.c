/*
 * downlink_beat: who is silent. An agent asks again as soon as its poll is answered, which is at
 * least once a beat; one that does not, on none of its connections, is lost, hangs, or is cut off.
 * That is told, and nothing else is done about it: its connection may still carry what it says.
 */
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "controller/io/downlink_parts.h"

enum { LATE_MS = 1000 };

void downlink_hear(struct fleet_member *member, mono_t now)
{
    if (member->silent)
        log_info("%s: answers again, after %lld ms", member->name,
                 (long long)(now - member->heard_at));
    fleet_hear(member, now, clock_unix());
}

/* It was answered and does not ask. One that is parked is ours to answer. */
static bool is_overdue(const struct pipe *pipe, mono_t now)
{
    return pipe->bound && pipe->parked == NULL &&
           now >= mono_add(pipe->answered_at, FLEET_PATIENCE_MS) &&
           now >= mono_add(pipe->heard_at, FLEET_PATIENCE_MS);
}

/* On another connection of its own it is heard, or may be. */
static bool is_heard_beside(const struct downlink *downlink, const char *name, mono_t now)
{
    for (const struct pipe *pipe = downlink->pipes; pipe != NULL; pipe = pipe->next) {
        if (pipe->bound && text_equal(pipe->name, name) && !is_overdue(pipe, now))
            return true;
    }
    return false;
}

bool downlink_is_late(const struct downlink *downlink, mono_t now)
{
    return now - downlink->ticked_at > LATE_MS;
}

/* Behind a look that came late, a stalled disk or a machine that slept is as likely: what was asked
 * meanwhile is still to be read here. */
static bool is_awake(struct downlink *downlink, mono_t now)
{
    if (downlink_is_late(downlink, now))
        downlink->awake_since = now;
    downlink->ticked_at = now;
    return now >= mono_add(downlink->awake_since, FLEET_PATIENCE_MS);
}

void downlink_note_silent(struct downlink *downlink, mono_t now)
{
    if (!is_awake(downlink, now))
        return;
    for (const struct pipe *pipe = downlink->pipes; pipe != NULL; pipe = pipe->next) {
        struct fleet_member *member;

        if (!is_overdue(pipe, now))
            continue;
        member = fleet_find(&downlink->desk->fleet, pipe->name);
        if (!fleet_answers(member) || is_heard_beside(downlink, pipe->name, now))
            continue;
        member->silent = true;
        log_warning("%s: silent, nothing was heard of it for %lld ms; it is told, and waited for",
                    member->name, (long long)(now - member->heard_at));
    }
}
