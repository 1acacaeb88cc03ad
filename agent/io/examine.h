/*
 * examine: the checks of this agent at rest: evaluated on every new observation and at their
 * intervals, probes paced, and what has changed handed on.
 */
#ifndef AGENT_IO_EXAMINE_H
#define AGENT_IO_EXAMINE_H

#include <uv.h>

#include "agent/io/observe.h"
#include "common/io/wire_session.h"

/* A verdict is new or has changed. event_at_us: of the kernel event that led to it, or 0. */
typedef void (*examiner_fn)(void *context, const struct verdict *verdict, int64_t event_at_us);

struct examiner; /* lives as long as the process */

struct examiner_options {
    uv_loop_t *loop;
    struct observer *observer;
    const char *name; /* of this agent: it does not watch itself */
    bool witness_only;
    const char *tailscale_socket; /* these two must live as long as the process */
    examiner_fn examiner_fn;
    void *context;
};
struct examiner *examiner_new(const struct examiner_options *options);

/* What the controller says is to be checked, instead of what was; the built-in ones of a node stay
 * in any case. Watches: SSH reachability at rest, verdicts "ssh:NODE". */
void examiner_set_checks(struct examiner *examiner, const struct check *checks, uint32_t count);
void examiner_set_watches(struct examiner *examiner, const struct watch *watches, uint32_t count);

/* The observer has something new. */
void examiner_observed(struct examiner *examiner);

/* A session with a controller is there (answered just now), or is not, and why. */
void examiner_hear_controller(struct examiner *examiner, bool alive, const char *why);
mono_t examiner_controller_heard_at(const struct examiner *examiner); /* 0: no session */

/* A trial goes on somewhere: critical probes are tried again soon. */
void examiner_hurry(struct examiner *examiner);

/* All that is shown, checks before watches; watches only if asked for. Returns their number. */
uint32_t examiner_list(const struct examiner *examiner, bool watches, struct verdict *ret_verdicts,
                       uint32_t max);

/* Names of the critical checks (no watches) that fail. Returns their number. */
uint32_t examiner_list_failing(const struct examiner *examiner, char (*ret_names)[NAME_SIZE],
                               uint32_t max);

/* The checks themselves (no watches), lent until examiner_set_checks. Returns their number. */
uint32_t examiner_list_checks(const struct examiner *examiner, const struct check **ret_checks,
                              uint32_t max);

/* An SSH handshake with that address was made by somebody else; the next one at rest waits. */
void examiner_note_handshake(struct examiner *examiner, const struct address *address,
                             uint16_t port);

#endif
