/*
 * store: what the controller must not forget: nodes, verdicts, rollouts with their proofs, signed
 * receipts, holds, who is to come back, the audit. SQLite in WAL mode.
 *
 * Durable before visible: what is put between store_begin and store_commit is on the disk when
 * store_commit has returned true. A failed write leaves memory ahead of the disk: the caller stops
 * and begins again from the disk. ":memory:" is the store of the tests.
 */
#ifndef CONTROLLER_IO_STORE_H
#define CONTROLLER_IO_STORE_H

#include "common/io/wire_rehearse.h"
#include "controller/core/audit.h"
#include "controller/core/fleet.h"
#include "controller/core/holds.h"
#include "controller/core/rollout.h"

struct store;

/* Makes the tables, checks the file, and writes once: a corrupt file, a read-only directory and a
 * full disk are refused here, before this controller leads anything. */
struct store *store_open(const char *path, struct err *err);
/* What store_open would begin with, as a copy in memory; refused is what it would refuse of the
 * file itself. Nothing is written or made there, also beside a controller that runs. ret_store
 * NULL: there is nothing to look at. */
bool store_look(const char *path, struct store **ret_store, struct err *err);
void store_close(struct store *store);

enum store_durability {
    STORE_REPORT, /* may be lost with the power: reports come again */
    STORE_FULL,   /* is on the disk when commit returns */
};
bool store_begin(struct store *store, enum store_durability durability, struct err *err);
bool store_commit(struct store *store, struct err *err);
void store_cancel(struct store *store);

/* ---- nodes ------------------------------------------------------------------------------------
 */
bool store_put_node(struct store *store, const struct fleet_member *member, struct err *err);
bool store_put_verdict(struct store *store, const char *node, const struct fleet_verdict *verdict,
                       struct err *err);
bool store_forget_verdicts(struct store *store, const char *node, struct err *err);
/* Of which agent's key a node's verdicts are; those of another key that was kept are forgotten. */
bool store_keep_agent_key(struct store *store, const char *node, const struct public_key *key,
                          struct err *err);
/* Adds what was known before this life to the members that are in fleet. */
bool store_read_fleet(struct store *store, struct fleet *fleet, struct err *err);

/* ---- rollouts ---------------------------------------------------------------------------------
 */
struct store_rollout { /* what lies beside the machine's record; bytes are owned */
    struct rollout_record record;
    char by[NAME_SIZE];
    int64_t started_at, ended_at; /* unix seconds; 0: still open */
    struct wire_bytes body, approval;
    struct wire_bytes gates; /* JSON, as last evaluated */
};
void store_rollout_done(struct store_rollout *rollout);
/* Refuses a sequence that a rollout has already (ERR_CONFLICT). */
bool store_check_sequence(struct store *store, const struct attempt *attempt, struct err *err);
/* The same, and adds it. */
bool store_add_rollout(struct store *store, const struct store_rollout *rollout, struct err *err);
bool store_put_record(struct store *store, const struct rollout_record *record, int64_t ended_at,
                      struct err *err);
bool store_put_gates(struct store *store, uint64_t rollout, struct bytes json, struct err *err);
/* ERR_MISSING if there is none; it is the caller's to end. */
bool store_read_rollout(struct store *store, uint64_t id, struct store_rollout *ret_rollout,
                        struct err *err);
/* Its record alone. */
bool store_read_record(struct store *store, uint64_t id, struct rollout_record *ret_record,
                       struct err *err);
/* The first behind `after` that is open or incomplete; 0: there is none. */
bool store_find_unended(struct store *store, uint64_t after, uint64_t *ret_id, struct err *err);
/* Ids below `before` (STORE_NEWEST: all), newest first; at most max. */
#define STORE_NEWEST ((uint64_t)INT64_MAX)
bool store_list_rollouts(struct store *store, uint64_t before, uint64_t *ret_ids, size_t max,
                         size_t *ret_count, struct err *err);

struct store_proof {
    uint64_t rollout;
    int64_t at;
    char node[NAME_SIZE], signer[NAME_SIZE];
    enum phase phase;
    bool counted;
    struct verdict verdict;
};
bool store_add_proof(struct store *store, const struct store_proof *proof, struct err *err);
typedef void (*store_proof_fn)(void *context, const struct store_proof *proof);
bool store_read_proofs(struct store *store, uint64_t rollout, store_proof_fn proof_fn,
                       void *context, struct err *err);

/* What the guard of a target said of its operations; encoded as on the wire. */
bool store_put_rehearsal(struct store *store, uint64_t rollout, const char *node,
                         const struct rehearsal *rehearsal, struct err *err);
/* True with ret_known false: it has not said of them. */
bool store_read_rehearsal(struct store *store, uint64_t rollout, const char *node,
                          struct rehearsal *ret_rehearsal, bool *ret_known, struct err *err);

/* ---- receipts, holds, backs, audit ------------------------------------------------------------
 */
/* It is there, or it is one of the first STORE_RECEIPTS_OF_ONE of an attempt that a rollout made on
 * its node, or that is to be taken back there. Of any other nobody here asked for a receipt. */
enum { STORE_RECEIPTS_OF_ONE = 64 };
bool store_expects_receipt(struct store *store, const struct receipt *receipt,
                           struct bytes envelope, bool *ret_expected, struct err *err);
/* The same receipt again is no news: ret_new is false. */
bool store_add_receipt(struct store *store, const struct receipt *receipt, struct bytes envelope,
                       bool *ret_new, struct err *err);
/* Of what nobody here asked for: how many this key has signed for its node; that this one is such a
 * one; and that an approval contains some, which count no more. */
bool store_count_strangers(struct store *store, const char *node, const struct public_key *signer,
                           uint64_t *ret_count, struct err *err);
bool store_add_stranger(struct store *store, const char *node, const struct public_key *signer,
                        const struct hash *receipt, struct err *err);
bool store_answer_strangers(struct store *store, const struct approval *approval, struct err *err);
/* False: no further one is wanted. */
typedef bool (*store_receipt_fn)(void *context, uint64_t index, struct bytes envelope);
/* Behind `after`, oldest first. */
bool store_read_receipts(struct store *store, uint64_t after, store_receipt_fn receipt_fn,
                         void *context, struct err *err);
/* The newest of that node for that attempt, envelope to be freed; empty if there is none. */
bool store_find_receipt(struct store *store, const char *node, const struct attempt *attempt,
                        struct wire_bytes *ret_envelope, struct err *err);

bool store_put_hold(struct store *store, const struct hold *hold, struct err *err);
/* All that are active at now, and of the others the newest that there is room for, into holds,
 * whose list has room for HOLDS_MAX; its next id is above every one that was ever given. ERR_LIMIT:
 * the active ones do not fit. */
bool store_read_holds(struct store *store, int64_t now, struct holds *holds, struct err *err);

/* What one node was asked to take back, one each of node, attempt, and by order or not; order is
 * lent. */
struct store_back {
    char node[NAME_SIZE];
    uint64_t asked, rollout; /* in whose name; whose machine does it, 0: its guard is asked */
    struct attempt attempt;
    struct bytes order;
    bool done;
    char state[NAME_SIZE], sentence[SENTENCE_SIZE + REASON_SIZE], reason[REASON_SIZE];
};
bool store_put_back(struct store *store, const struct store_back *back, struct err *err);
bool store_forget_backs(struct store *store, struct err *err);
typedef void (*store_back_fn)(void *context, const struct store_back *back);
/* In the order in which they were put. */
bool store_read_backs(struct store *store, store_back_fn back_fn, void *context, struct err *err);

/* An emergency: which rollout was to go, when (unix seconds), by whom and why. */
enum store_which {
    STORE_LATEST = 1,
    STORE_NEWER, /* that came before the latest, and was of a newer rollout */
};
struct store_emergency {
    uint64_t rollout; /* 0: there was none */
    int64_t at;
    char by[NAME_SIZE], reason[REASON_SIZE];
};
bool store_put_emergency(struct store *store, enum store_which which,
                         const struct store_emergency *emergency, struct err *err);
bool store_read_emergency(struct store *store, enum store_which which,
                          struct store_emergency *ret_emergency, struct err *err);

bool store_add_audit(struct store *store, const struct audit_row *row, struct err *err);
/* At most max rows behind `after`, oldest first. */
bool store_read_audit(struct store *store, uint64_t after, struct audit_row *ret_rows, size_t max,
                      size_t *ret_count, struct err *err);
/* ret_row's index is 0 when there is none. */
bool store_read_last_audit(struct store *store, struct audit_row *ret_row, struct err *err);

#endif
