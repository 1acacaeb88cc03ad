/*
 * schedule: when to look again.
 */
#include "agent/core/schedule.h"

void debounce_init(struct debounce *debounce)
{
    *debounce = (struct debounce){MONO_NEVER, MONO_NEVER};
}

void debounce_take(struct debounce *debounce, mono_t now)
{
    debounce->first = mono_min(debounce->first, now);
    debounce->last = now;
}

mono_t debounce_deadline(const struct debounce *debounce)
{
    return mono_min(mono_add(debounce->last, DEBOUNCE_QUIET_MS),
                    mono_add(debounce->first, DEBOUNCE_MAX_MS));
}

mono_t probe_clock_due(const struct probe_clock *clock, unsigned interval_s)
{
    if (clock->runs)
        return MONO_NEVER;
    if (clock->last == 0)
        return 0;
    return mono_add(clock->last, clock->soon ? PROBE_AGAIN_MS : (int64_t)interval_s * 1000);
}

/* The target's entry, else the one that was not used for longest. */
static uint32_t find_entry(const struct handshakes *handshakes, const struct address *address,
                           uint16_t port)
{
    uint32_t oldest = 0;

    for (uint32_t i = 0; i < HANDSHAKES_MAX; i++) {
        if (handshakes->list[i].port == port &&
            address_equal(&handshakes->list[i].address, address))
            return i;
        if (handshakes->list[i].at < handshakes->list[oldest].at)
            oldest = i;
    }
    return oldest;
}

void handshakes_note(struct handshakes *handshakes, const struct address *address, uint16_t port,
                     mono_t now)
{
    uint32_t i = find_entry(handshakes, address, port);

    handshakes->list[i].address = *address;
    handshakes->list[i].port = port;
    handshakes->list[i].at = now;
}

mono_t handshakes_due(const struct handshakes *handshakes, const struct address *address,
                      uint16_t port)
{
    uint32_t i = find_entry(handshakes, address, port);

    if (handshakes->list[i].port != port || !address_equal(&handshakes->list[i].address, address))
        return 0;
    return handshakes->list[i].at + HANDSHAKE_EVERY_MS;
}

int64_t schedule_dial_ms(unsigned dials, bool on_trial, uint32_t random)
{
    int64_t whole = DIAL_FIRST_MS;

    if (on_trial)
        return dials == 0 ? 0 : DIAL_TRIAL_MS;
    for (unsigned i = 0; i < dials && whole < DIAL_MAX_MS; i++)
        whole *= 2;
    if (whole > DIAL_MAX_MS)
        whole = DIAL_MAX_MS;
    return whole / 2 + random % (whole / 2 + 1);
}
