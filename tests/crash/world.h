/*
 * world: what outlives the processes of one crash state: clock, disk, Tailscale prefs, what was
 * said. It lies in shared memory, so that a guard that dies leaves it as it was.
 */
#ifndef TESTS_CRASH_WORLD_H
#define TESTS_CRASH_WORLD_H

#include <sys/types.h>

#include "agent/guard/io/take.h"
#include "common/change/proof.h"
#include "common/core/mono.h"
#include "tests/crash/disk.h"
#include "tests/crash/fault.h"
#include "tests/crash/plan.h"

/* Where a boundary lies; printed in the table. */
enum phase_of_run {
    PHASE_BOOT,    /* oceanid-rollback --boot, and the guard's start */
    PHASE_PREPARE, /* until the start is sent */
    PHASE_APPLY,   /* undo, intents, operations, settling */
    PHASE_CONFIRM, /* proofs, the two records, receipt, undo.txt, compacting */
    PHASE_REVERT,  /* abort, undoing, verifying, receipt */
    PHASE_STOP_POST,
    PHASE_RESCUE,
    PHASE_OF_RUN_COUNT,
};
extern const char *const phase_of_run_names[PHASE_OF_RUN_COUNT];

/* Rules that keep flows on their way: bits of `shields`. */
enum { SHIELD_TO = 1, SHIELD_FROM_IPV4 = 2, SHIELD_FROM_IPV6 = 4, SHIELDS_ALL = 7 };

enum { TRACE_MAX = 8192, TRACE_TEXT = 40, TOLD_MAX = 32, TEXT_LINE = 320, PATH_LINE = 96 };

/* What the guard said over its socket. Receipts are of the change under test. */
struct told {
    uint32_t receipts_count;
    struct receipt receipts[TOLD_MAX];
    bool prepared;             /* since it was started again */
    bool refused, is_asked;    /* is_asked: it has answered for the attempt */
    char refusal[REASON_SIZE]; /* the newest; "" since it was started again */
    struct stack stack;        /* the newest */
    bool has_stack;
};

struct world {
    char state[PATH_LINE], run[PATH_LINE], config[PATH_LINE], log[PATH_LINE];
    char tailscaled[PATH_LINE], boot_id[PATH_LINE];
    mono_t now; /* virtual */
    uint64_t random;
    unsigned boots;
    /* boundaries */
    enum phase_of_run phase;
    uint32_t count;
    struct {
        uint8_t boundary, phase; /* enum boundary, enum phase_of_run */
        bool in_child;
        char text[TRACE_TEXT];
    } trace[TRACE_MAX]; /* of boundary i + 1 */
    struct fault fault; /* as it was asked for */
    uint32_t hit_at;    /* its boundary, once it has struck; 0: not yet */
    uint32_t second_at; /* a crash of what recovers, 0: none */
    bool second_has_hit;
    mono_t disk_heals_at; /* 0: the disk is well */
    bool run_is_ill;      /* it is /run that is ill, not the disk */
    char hit_what[TEXT_LINE];
    bool power_is_lost;  /* the last process ended with it */
    bool power_was_lost; /* at any time of this run */
    bool forks;          /* processes of their own may be had; else all is done in one */
    bool child_broke;    /* one of them ended as none should */
    enum ground ground;
    int plan;          /* which change is played: PLAN_* */
    bool kernel_works; /* in its background, at what it was asked for: see kernel_settle */
    /* tailscaled */
    bool allow_lan, tailscaled_is_gone;
    bool is_void; /* root has said so: what shields its preference may go */
    char exit_node[64];
    /* networkd: whether it answers, and whether it knows what it has made */
    bool networkd_runs, networkd_knows;
    /* shields: as last seen */
    unsigned shields;
    bool boot_was_hit;
    char early[TEXT_LINE]; /* "" unless one was removed early, or a pref set before them */
    bool finisher_wanted, finisher_is_void;
    char finisher_down_to[GENERATION_TEXT_SIZE]; /* "": what is open */
    int exit_code;                               /* of the last process */
    bool rescue_again;   /* a person was told to run it again when the disk is well */
    bool died_unwritten; /* whoever took a change back died unable to write */
    struct told told;
    bool unsettled; /* the asker gave up waiting */
    struct disk disk;
};

/* Of this process and all that it forks. */
extern struct world *world;

/* Shared memory and directories below directory, which is made. */
void world_open(const char *directory);
/* As new: the disk as given, a fresh namespace, no Tailscale pref, time at its beginning. */
void world_reset(const struct disk_image *image);
/* Kernel and clock after power loss: a new boot id, a fresh namespace, tailscaled not running. */
void world_boot(void);
/* Says what is wrong with the test itself, and aborts. */
_Noreturn void world_give_up(const char *what);
/* The seeded stream that plays getrandom(2), and one for the test's own choices. */
uint64_t world_random(uint64_t *state);

#endif
