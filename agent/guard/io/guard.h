/*
 * guard: what the parts of the guard's shell share. One thread decides: all of this is its own.
 *
 * socket hears requests, admit makes events of them, guard_step gives an event to the trial machine
 * and carries out its effects; worker, writer, trust_reader and name_hand do what blocks, and
 * their results are events again.
 */
#ifndef AGENT_GUARD_IO_GUARD_H
#define AGENT_GUARD_IO_GUARD_H

#include "agent/guard/core/trial.h"
#include "agent/guard/io/hand.h"
#include "agent/guard/io/journal.h"
#include "agent/guard/io/socket.h"
#include "agent/guard/io/trust_reader.h"
#include "agent/guard/io/worker.h"
#include "agent/guard/io/writer.h"

/* A manifest that was asked for, or is prepared or open: kept until nothing is. */
struct held {
    unsigned asker; /* client */
    struct generation_id id;
    struct wire_bytes body, approval;
    bool has_manifest;
    struct manifest manifest;
    uint32_t items_count; /* after prepare, until they are in the journal's memory */
    struct undo_item *items;
    uint64_t flows_held;
    struct rehearsal *rehearsal; /* after prepare; owned */
};
void held_done(struct held *held);

struct work_order {
    enum work_kind kind;
    struct generation_id id;
    uint32_t operation, more;
};

/* Kernel work in the order of the effects; its data is copied when it is its turn. */
struct backlog {
    bool busy; /* the worker has one */
    uint32_t count, capacity;
    struct work_order *orders;
};

/* What is known of undo.txt on the disk. */
struct undo_text {
    bool wanted; /* a trial has begun that it does not tell of */
    mono_t wanted_since;
    uint64_t given; /* number of the newest */
    bool owed;      /* one of them is not back */
    bool said;      /* and that is said */
    mono_t since;   /* when the disk began with it */
};

struct keep;        /* keep.c: puts shields back */
struct rehearsing;  /* rehearsing.c */
struct owned_drift; /* owned_drift.c */

struct guard {
    struct guard_config config;
    struct sign_key *key;
    struct public_key public_key;
    struct journal *journal;
    struct ledger *ledger;
    struct trial *trial;
    struct guard_effects *effects;
    struct clients clients;
    struct held asked; /* by the request that is being admitted */
    struct held held;
    unsigned asker; /* of the request that is being admitted, or CLIENT_NONE */
    struct worker *worker;
    struct writer *writer;
    struct trust_reader *trust_reader;
    struct hand *name_hand;    /* reads the name; NULL: here and now */
    char joined_as[NAME_SIZE]; /* as it was read last; "" for none */
    struct backlog backlog;
    struct keep *keep;
    struct rehearsing *rehearsing;       /* NULL: nobody asked yet */
    struct owned_drift *drift;           /* NULL: nothing was owned yet */
    struct guard_report progress, nonce; /* the newest, for new connections */
    char undo_why[OPERATIONS_MAX][160];  /* why it could not be undone yet */
    mono_t files_due;                    /* files.c: when to look again; MONO_NEVER */
    char files_why[REASON_SIZE];         /* said already */
    struct undo_text undo_text;
    unsigned refused;
    unsigned ends_for; /* ends.c: whose hello it was; CLIENT_NONE: nobody is owed any */
    uint64_t written;  /* bytes since the journal was compacted, as it was found */
    mono_t stop_by;    /* told to stop: undoing until then at most; 0: not told */
    bool leaving;      /* the loop ends */
};

/* Gives it now to the machine and carries out what comes of it. */
void guard_step(struct guard *guard, struct guard_event *ev);

/* ---- carry.c, carry_work.c --------------------------------------------------------------------
 */

void carry_effect(struct guard *guard, const struct guard_effect *effect);
/* Results of worker and writer. */
void carry_take_work(struct guard *guard);
void carry_take_written(struct guard *guard);
/* Gives the worker its next order, if it is free and nothing stands against it. */
void carry_pump(struct guard *guard);
void carry_order(struct guard *guard, const struct work_order *order);
/* A record and what belongs to it, on its way to the disk. */
void carry_record(struct guard *guard, const struct guard_effect *effect);
/* What a new connection has to know. */
void carry_greet(struct guard *guard, unsigned client);
/* Lines of what is not undone yet, owned by the report. */
void carry_fill_open(struct guard *guard, struct guard_report *report);

/* ---- admit.c, admit_name.c
 * ----------------------------------------------------------------------------------
 */

/* One packet of a client: decoded, verified, given to the machine; or refused. */
void admit_packet(struct guard *guard, const struct client *client, struct bytes packet);
/* A request that waited for the trust root to be read: given to the machine now; or refused. */
void admit_take_trusted(struct guard *guard);
/* docs/protocol.md rule 17: by the roster that was signed with that very generation, and of a
 * target: any other guard of the roster writes a tombstone for whoever asks it to. */
bool admit_is_fellow(const struct manifest *manifest, struct bytes envelope,
                     struct receipt *ret_fellow);
/* A manifest that approvers signed and that has this very key calls it by its name. */
void admit_learn_name(struct guard *guard, const struct manifest *manifest);
/* The name that this node signs under, as far as it is known by now: a disk that does not say it
 * within 50 ms leaves the one that was read last. */
void admit_refresh_name(struct guard *guard);

/* ---- keep.c -----------------------------------------------------------------------------------
 */

bool keep_open(struct guard *guard, struct err *err);
int keep_watch_fd(const struct guard *guard); /* -1: it need not be heard now */
int keep_worker_fd(const struct guard *guard);
void keep_take_watch(struct guard *guard); /* something has changed in the kernel */
void keep_take_worker(struct guard *guard);
void keep_want(struct guard *guard, bool everything); /* look soon */
void keep_tick(struct guard *guard);                  /* looks, when it is time */
mono_t keep_deadline(const struct guard *guard);
bool keep_is_busy(const struct guard *guard);

/* ---- rehearsing.c: plans that nobody has signed yet -------------------------------------------
 */

/* GUARD_REHEARSE; guard->asker is answered, now or by rehearsing_take. */
bool rehearsing_ask(struct guard *guard, const struct guard_request *request, struct err *err);
int rehearsing_fd(const struct guard *guard); /* -1: none was asked for yet */
void rehearsing_take(struct guard *guard);

/* ---- files.c: what was confirmed goes to /etc, by the worker ----------------------------------
 */

void files_want(struct guard *guard);
void files_tick(struct guard *guard);
mono_t files_deadline(const struct guard *guard);

/* ---- ends.c -----------------------------------------------------------------------------------
 */

/* A hello of that client's has begun: it is owed the newest ends that nobody has answered. */
void ends_owe(struct guard *guard, unsigned client);
/* Tells them, once they may leave. */
void ends_tick(struct guard *guard);
void files_fill(struct guard *guard, struct work *work);
void files_take(struct guard *guard, const struct work *work);

#endif
