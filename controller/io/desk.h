/*
 * desk: what the controller works with: what root and the operators wrote (fleet.yaml, trust.yaml,
 * the signed roster), what is known of the fleet, the holds, and the store behind them.
 *
 * One thread owns it. A store that fails to write leaves memory ahead of the disk: the desk is then
 * failed, nothing may leave any more, and the process ends; systemd begins again from the disk.
 */
#ifndef CONTROLLER_IO_DESK_H
#define CONTROLLER_IO_DESK_H

#include "common/io/config.h"
#include "controller/core/refusals.h"
#include "controller/io/store.h"

struct desk {
    char state[PATH_SIZE], fleet_path[PATH_SIZE];
    struct fleet_file *file;
    struct wire_bytes file_text; /* as it was read */
    struct hash file_hash;
    struct trust *trust;
    struct roster *roster; /* version 0: none yet */
    struct wire_bytes roster_envelope;
    char roster_by[NAME_SIZE]; /* who signed it */
    struct fleet fleet;        /* a member for each entry of the roster */
    struct holds holds;
    struct refusals refusals;
    struct check *room; /* for desk_checks */
    struct store *store;
    struct audit_row audit; /* the last row; index 0: none */
    bool writing;           /* between desk_begin and desk_commit */
    bool failed;
    struct err failure;
};

/* Reads DIRECTORY/trust.yaml, DIRECTORY/roster (may be missing), fleet_path, and opens
 * DIRECTORY/controller.db (":memory:" as store_path in tests). The audit's chain must hold. */
bool desk_open(struct desk *desk, const char *directory, const char *fleet_path,
               const char *store_path, struct err *err);
void desk_close(struct desk *desk);

/* Whether desk_open would take what lies there, and the lead what it would take up; nothing is
 * written or made, and a controller that runs there is not in its way. Whether the disk takes a
 * write is not known. */
bool desk_look(const char *directory, const char *fleet_path, struct err *err);

/* Reads fleet.yaml again. The old one stays when it is not accepted. */
bool desk_read_fleet(struct desk *desk, struct err *err);

/* A roster that an approver of trust.yaml signed, newer than the one that is there; written to the
 * disk before it is used. What a replaced key said is forgotten; not so where a roster is
 * copied into DIRECTORY by hand and read at the start. Its maintenance becomes holds, whose ids
 * follow those that were there. */
bool desk_put_roster(struct desk *desk, struct bytes envelope, struct err *err);

/* Whether a key of trust.yaml signed it in that domain that has the role for it: an operator's for
 * an order, an approver's for a roster; ret_name (NAME_SIZE) is whose. ERR_DENIED. */
bool desk_verify_signer(const struct desk *desk, struct bytes envelope, enum sign_domain domain,
                        char *ret_name, struct err *err);

/* One transaction at a time. False: the desk has failed. */
bool desk_begin(struct desk *desk, enum store_durability durability);
bool desk_commit(struct desk *desk);
/* Takes what a store_ function returned; a failure fails the desk. Returns done. */
bool desk_kept(struct desk *desk, bool done, const struct err *err);

/* Adds a row to the audit: in the open transaction, or in one of its own. */
bool desk_audit(struct desk *desk, const char *who, const char *what, const char *subject,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Whether one more of what comes of this member's words is written down, or asked for; it is
 * counted. False: it has been too much, which is told as a refusal. */
enum desk_note { NOTE_ROW, NOTE_PROOF, NOTE_ASKING, NOTE_COUNT };
bool desk_may_note(struct desk *desk, struct fleet_member *member, enum desk_note note);

/* Puts a refusal into log and audit, the same one (who, subject, why) once a minute. who "": nobody
 * known. */
void desk_audit_refusal(struct desk *desk, const char *who, const char *subject, const char *why);
/* Says how often those came besides whose minute is over. */
void desk_audit_refused_again(struct desk *desk);

/* The checks of one node or witness; the caller frees them. NULL: it has none. */
struct check *desk_checks(const struct desk *desk, const char *node, size_t *ret_count);

/* Puts every active quarantine of this receipt into the holds and the store, in the open
 * transaction; that it found no room is logged and audited. False: the desk has failed. */
bool desk_quarantine(struct desk *desk, const struct receipt *receipt, const struct hash *hash);

#endif
