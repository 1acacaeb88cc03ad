/*
 * checker_gates: what the model of the invariants remembers of what the controller was told and
 * people said.
 */
#ifndef TESTS_SIM_CHECKER_GATES_H
#define TESTS_SIM_CHECKER_GATES_H

#include "tests/sim/desk.h"

enum { SEEN_HOLDS_MAX = 256, SEEN_BARS_MAX = 64 };

/* What a person put, as he said it. */
struct seen_hold {
    uint64_t id;
    enum hold_kind kind;
    int host;                       /* -1: the fleet */
    int64_t until;                  /* 0: until lifted */
    unsigned opens_min, closes_min; /* of each day: a window */
    bool lifted;
};

/* What a failed proof left. */
struct seen_bar {
    int host, change;
    struct hash receipt;
};

struct seen_holds {
    uint32_t count, bars_count;
    struct seen_hold list[SEEN_HOLDS_MAX];
    struct seen_bar bars[SEEN_BARS_MAX];
};

/* What a host's agent has told, and when. */
struct seen_facts {
    bool connected;
    mono_t heard_at; /* -1: not by this controller */
    enum verdict_value checks[SIM_CHECKS], reach[SIM_HOSTS_MAX];
    bool rehearsed_well;
    int rehearsed_change;
    unsigned others;                  /* bits: what of others stood there */
    mono_t snapshot_at, rehearsed_at; /* -1: never */
    uint64_t held_turn;               /* when a hold was put on it last */
};

/* What the gates go by. Turns count what came to pass: which of two was first. */
struct seen_desk {
    uint64_t turn, asked_again_turn;
    uint64_t passed_turn[SIM_HOSTS_MAX]; /* by stage; 0: not in this life */
    mono_t passed_at[SIM_HOSTS_MAX];
    struct seen_holds holds, backup;
    struct seen_facts facts[SIM_HOSTS_MAX];
};

struct seen_desk *checker_new_desk(void);

#endif
