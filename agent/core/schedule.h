/*
 * schedule: when to look again: debounced kernel events, the kernel's tables every 20 s, checks at
 * their intervals, SSH handshakes at most one per target each 30 s, dials of a controller jittered
 * and paced.
 *
 * Pure: the time, and chance, come in.
 */
#ifndef AGENT_CORE_SCHEDULE_H
#define AGENT_CORE_SCHEDULE_H

#include <stdbool.h>

#include "common/core/limits.h"
#include "common/core/mono.h"
#include "common/net/address.h"

enum {
    DEBOUNCE_QUIET_MS = 50,   /* no event for so long */
    DEBOUNCE_MAX_MS = 250,    /* since the first one */
    OBSERVE_EVERY_MS = 20000, /* without an event */
    OBSERVE_AGAIN_MS = 500,   /* after one that failed */
    /* Says nothing any more about now: one look may fail or be slow, not three in a row. */
    OBSERVED_MAX_MS = 3 * OBSERVE_EVERY_MS,
    HANDSHAKE_EVERY_MS = 30000,
    PROBE_AGAIN_MS = 1000, /* after an event; never sooner */
    DIAL_TRIAL_MS = 200,
    DIAL_FIRST_MS = 500,
    DIAL_MAX_MS = 30000,
};

/* ---- events ---------------------------------------------------------------------------------- */

struct debounce { /* both MONO_NEVER: nothing pends */
    mono_t first, last;
};
void debounce_init(struct debounce *debounce);
void debounce_take(struct debounce *debounce, mono_t now);
mono_t debounce_deadline(const struct debounce *debounce);

/* ---- probes ---------------------------------------------------------------------------------- */

/* Of one check that needs a probe. Zeroed: due at once. */
struct probe_clock {
    mono_t last;     /* started; 0: never */
    bool soon, runs; /* something changed since; being tried now */
};
mono_t probe_clock_due(const struct probe_clock *clock, unsigned interval_s);

/* Who was shaken hands with, and when; also for those that a trial asked for. */
enum { HANDSHAKES_MAX = 2 * NODES_MAX };
struct handshakes { /* zeroed: none */
    struct {
        struct address address;
        uint16_t port;
        mono_t at;
    } list[HANDSHAKES_MAX];
};
void handshakes_note(struct handshakes *handshakes, const struct address *address, uint16_t port,
                     mono_t now);
/* When the next one may be; 0 if now. */
mono_t handshakes_due(const struct handshakes *handshakes, const struct address *address,
                      uint16_t port);

/* ---- dials ----------------------------------------------------------------------------------- */

/* How long to wait before dial number `dials` (0: the first after a loss): doubling from half a
 * second to 30 s, each between half and whole. A node on trial does not wait for its turn
 * (docs/protocol.md rule 9). */
int64_t schedule_dial_ms(unsigned dials, bool on_trial, uint32_t random);

#endif
