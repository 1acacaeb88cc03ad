/*
 * event: how the events are called.
 */
#include "controller/core/event.h"

static const char *const names[] = {
    [EVENT_START] = "start",
    [EVENT_RESUMED] = "resumed",
    [EVENT_HELLO] = "hello",
    [EVENT_LOST] = "lost",
    [EVENT_PREPARED] = "prepared",
    [EVENT_REFUSED] = "refused",
    [EVENT_NONCE] = "nonce",
    [EVENT_STATEMENT] = "statement",
    [EVENT_RECEIPT] = "receipt",
    [EVENT_GATES] = "gates",
    [EVENT_NEXT] = "next",
    [EVENT_ABORT] = "abort",
    [EVENT_EMERGENCY] = "emergency",
    [EVENT_FREEZE] = "freeze",
    [EVENT_HOLD] = "hold",
    [EVENT_REMOVED] = "removed",
    [EVENT_CHECK_FAILING] = "check failing",
    [EVENT_TIMEOUT] = "timeout",
};
_Static_assert(sizeof(names) / sizeof(names[0]) == ROLLOUT_EVENT_COUNT, "one name each");

const char *rollout_event_name(enum rollout_event_kind kind)
{
    return kind < ROLLOUT_EVENT_COUNT ? names[kind] : "any";
}
