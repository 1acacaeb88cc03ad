/*
 * rollout: moves a signed change through its stages, one proof at a time, or back.
 *
 * Pure: no I/O, no clock, no allocation. The caller reports what happened with rollout_step() and
 * carries out the effects that it appends, in order; docs/rollout.md has the states. Its word is
 * never a proof: it selects and delays, the guards decide.
 */
#ifndef CONTROLLER_CORE_ROLLOUT_H
#define CONTROLLER_CORE_ROLLOUT_H

#include "common/change/manifest.h"
#include "controller/core/effect.h"
#include "controller/core/event.h"
#include "controller/core/target.h"

enum rollout_state {
    ROLLOUT_DRAFTED,
    ROLLOUT_LEARNING, /* collects every target's stack before it leads or advances */
    ROLLOUT_GATES,    /* the questions before the stage are being answered */
    ROLLOUT_STAGE,    /* the stage's nodes are prepared, started, proven */
    ROLLOUT_PAUSED,   /* waits for `next` */
    ROLLOUT_HALTED,   /* waits for a person: next tries again, abort takes it back */
    ROLLOUT_REVERTING,
    ROLLOUT_COMPLETE,
    ROLLOUT_REVERTED,
    ROLLOUT_ABORTED,    /* taken back because a person said so */
    ROLLOUT_INCOMPLETE, /* taken back but for those listed, which follow when they return */
    ROLLOUT_STATE_COUNT,
};

/* The durable half: what EFFECT_STORE writes, and what a restart begins with. */
struct rollout_record {
    uint64_t id;
    struct attempt attempt;
    int64_t not_after;
    enum rollout_state state;
    char sentence[SENTENCE_SIZE + REASON_SIZE]; /* why it is in this state */
    int64_t since;                              /* unix seconds: of what it waits for now */
    uint32_t stage;                             /* index */
    bool aborted;                               /* a person took it back */
    bool emergency;                             /* all at once */
    bool advanced;                              /* a person said next for this stage */
    uint32_t targets_count;
    struct target_record targets[NODES_MAX]; /* in rollout order */
};

/* Lives in the caller's storage. Callers read; only rollout*.c write. */
struct rollout {
    struct rollout_record record;
    const struct manifest *manifest; /* borrowed */
    struct target targets[NODES_MAX];
    mono_t now; /* of the last event */
    mono_t ask_gates_at;
    bool offering; /* the gates of this stage have passed since this controller leads */
    mono_t gates_passed_at;
    mono_t
        awaits_since; /* in ROLLOUT_GATES: they lack what has not come; MONO_NEVER: they do not */
    int64_t await_ms; /* until they are asked again */
    char awaited[REASON_SIZE]; /* in ROLLOUT_GATES: the facts that have not come yet; "": none */
    char why[REASON_SIZE];     /* it is taken back */
    uint64_t rows;             /* of the table that the last step took: bits by index */
};

/* A new one in ROLLOUT_DRAFTED. manifest must outlive it and be valid (manifest_validate). */
void rollout_init(struct rollout *rollout, uint64_t id, const struct manifest *manifest,
                  const struct approval *approval);

/* One read back from the store; EVENT_RESUMED must be the first event. */
void rollout_load(struct rollout *rollout, const struct rollout_record *record,
                  const struct manifest *manifest);

/* After rollout_load: an emergency named this node before the restart, so that on the way back it
 * does not wait for its turn. */
void rollout_load_at_once(struct rollout *rollout, const char *node);

/* Takes one event; ev->now never goes back. Appends to effects. */
void rollout_step(struct rollout *rollout, const struct rollout_event *ev,
                  struct rollout_effects *effects);

/* What the caller knows of why a target may not answer; nothing follows from it, people read it.
 * why: "" for nothing. */
void rollout_note_unheard(struct rollout *rollout, uint32_t target, const char *why);

/* When to give EVENT_TIMEOUT next; MONO_NEVER if nothing is pending. */
mono_t rollout_deadline(const struct rollout *rollout);

const char *rollout_state_name(enum rollout_state state);
bool rollout_state_parse(const char *text, enum rollout_state *ret_state);
/* complete, reverted, aborted, incomplete: it gives way to the next one. An incomplete one is still
 * given its events: it follows up. */
bool rollout_is_ended(const struct rollout *rollout);
/* docs/api.md: "" while it goes on, else complete, reverted, aborted, halted, incomplete. */
const char *rollout_outcome(const struct rollout *rollout);
/* What it waits for, in words; since when; and the command that would move it, or end what goes on
 * by itself: how says which, and that it does. "", 0, "" and "" when it waits for nothing. In
 * rollout_wait.c. */
struct rollout_wait {
    char what[SENTENCE_SIZE + REASON_SIZE];
    int64_t since; /* unix seconds; 0: not known */
    char how[SENTENCE_SIZE],
        command[SENTENCE_SIZE]; /* "what moves it", "oceanidctl rollout next" */
};
void rollout_explain_wait(const struct rollout *rollout, struct rollout_wait *ret_wait);

/* Of one of its targets: what its guard said last, or what is seen of one that the way back went
 * past: its reason as it was kept says that it does not answer also when it has come back. In
 * rollout_wait.c. */
const char *rollout_reason(const struct rollout *rollout, const struct target *target);

/* docs/api.md: "next" when that is what it waits for, else "". */
const char *rollout_waiting_for(const struct rollout *rollout);

/* Some target is on trial, being started, or in doubt. */
bool rollout_has_open_trial(const struct rollout *rollout);

/* The table, for diagrams and tests: row i, or false behind the last. from: bits by state; to:
 * ROLLOUT_STATE_COUNT when the state stays; on: ROLLOUT_EVENT_COUNT when it is looked at behind
 * every event. */
struct rollout_row {
    unsigned from;
    enum rollout_state to;
    enum rollout_event_kind on;
    bool quiet; /* neither audited nor told */
    const char *if_name, *do_name, *because;
};
bool rollout_table_row(uint32_t i, struct rollout_row *ret_row);

#endif
