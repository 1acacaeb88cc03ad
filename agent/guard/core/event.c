/*
 * event: the names of what can happen to a guard's trial machine.
 */
#include "agent/guard/core/event.h"

static const char *const event_names[] = {
    [ON_BOOT] = "boot",        [ON_PREPARE] = "prepare",   [ON_PREPARED] = "prepared",
    [ON_START] = "start",      [ON_RECORDED] = "recorded", [ON_SYNCED] = "synced",
    [ON_APPLIED] = "applied",  [ON_SETTLED] = "settled",   [ON_STATEMENT] = "statement",
    [ON_SOURCE] = "source",    [ON_ABORT] = "abort",       [ON_POP] = "pop",
    [ON_UNDONE] = "undone",    [ON_VERIFIED] = "verified", [ON_STANDING] = "standing",
    [ON_STACK] = "stack",      [ON_FENCE] = "fence",       [ON_STOP] = "stop",
    [ON_TIMEOUT] = "time-out",
};
_Static_assert(sizeof(event_names) / sizeof(event_names[0]) == GUARD_EVENT_COUNT, "one name each");

const char *guard_event_name(enum guard_event_kind kind)
{
    return kind < GUARD_EVENT_COUNT ? event_names[kind] : "unknown";
}
