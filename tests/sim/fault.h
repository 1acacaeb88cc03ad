/*
 * fault: what can go wrong, and what people do: which of it a seed has, and when it strikes.
 *
 * Swarm style: in most seeds most faults do not exist; the rate of the others is drawn. Every
 * question whether a fault strikes is answered from the seed, the fault, the host and the time, and
 * from nothing else: so that one strike can be left out and the others stay where they were. That
 * is what makes a failing seed shrink.
 */
#ifndef TESTS_SIM_FAULT_H
#define TESTS_SIM_FAULT_H

#include "common/core/limits.h"
#include "common/core/mono.h"
#include "tests/sim/chance.h"
#include "tests/sim/fault_kind.h"

enum { FAULT_HOSTS = NODES_MAX + 1, FAULT_CONTROLLER = NODES_MAX, STRIKES_MAX = 20000 };

/* Once, at that host (FAULT_CONTROLLER: none of them), at that time; turn: in one millisecond it
 * was asked several times. */
struct strike {
    enum fault fault;
    int host;
    mono_t at;
    uint32_t turn;
};

/* What of all that was drawn a run may have. NULL: all of it. */
struct strike_choice {
    bool whole[FAULT_COUNT]; /* each strike of this fault */
    uint32_t strikes_count;
    struct strike strikes[STRIKES_MAX]; /* and these, sorted */
};

struct faults {
    uint64_t seed;
    unsigned permille[FAULT_COUNT];
    int64_t delay_max_ms;
    bool over;  /* the quiet phase has begun */
    mono_t now; /* set before each happening */
    struct {
        mono_t at;
        uint32_t turn;
    } asked[FAULT_COUNT + 1][FAULT_HOSTS]; /* last; the last row: fault_draw() */
    const struct strike_choice *choice;    /* borrowed */
    bool noted;                            /* the strikes are kept */
    struct strike last;
    uint64_t struck[FAULT_COUNT]; /* how often each did */
    struct chance detail, drawn;
    size_t strikes_count, strikes_capacity;
    struct strike *strikes; /* that came to pass, oldest first */
};

void faults_init(struct faults *faults, uint64_t seed, bool calm);
void faults_done(struct faults *faults);

/* Whether it strikes now: then its details are drawn from what is returned, until the next
 * question. NULL: it does not. */
struct chance *fault_strikes(struct faults *faults, enum fault fault, int host);

/* What is drawn and no fault: how long normal things take. Good until the next question. */
struct chance *fault_draw(struct faults *faults, int host);

const char *fault_name(enum fault fault);
/* The list for people, as README.md has it. */
void faults_print(void);

/* As --only takes it: "loss,power.styx.33000": faults by name, strikes with host and ms (and turn:
 * "loss.styx.417+1"); "nothing" for none. */
bool strike_choice_parse(struct strike_choice *choice, const char *text);
void strike_choice_sort(struct strike_choice *choice);
void strike_choice_print(const struct strike_choice *choice);

#endif
