/*
 * signing: what has to be so before an approval is signed, and signing it
 * (docs/protocol.md rules 18 to 21).
 *
 * All but the last three decide from what they are given; signing_sign acts.
 */
#ifndef CONTROLLER_CTL_SIGNING_H
#define CONTROLLER_CTL_SIGNING_H

#include "controller/ctl/ctl.h"
#include "controller/ctl/ledger.h"

/* Rule 20: every earlier signed manifest is ended by receipts of all its targets, or can no longer
 * begin. Refuses with the nodes whose receipts are missing and when it lapses. */
bool signing_check_ended(const struct ledger *ledger, int64_t now, struct err *err);

/* The same of one. */
bool signing_has_ended(const struct ledger *ledger, const struct ledger_signed *entry, int64_t now);

/* Leaves those of its targets that have no receipt of an end; adds to stands the names of those
 * where the last one says that it stands. */
void signing_drop_ended(const struct ledger *ledger, struct ledger_signed *entry,
                        struct text *stands);

/* An approval holds by this host's clock: it has to be as the controller's. */
bool signing_check_clock(int64_t own, int64_t controllers, struct err *err);

/* What the guards of its targets signed is known: none signed more than is kept of one guard. */
bool signing_check_room(const struct ledger *ledger, const struct manifest *manifest,
                        struct err *err);

/* Rules 18 and 19: the ends of the targets that this approval lifts. Quarantines come from named,
 * each with its reason; refuses one that the manifest touches and nobody named. */
bool signing_choose_lifts(const struct ledger *ledger, const struct manifest *manifest,
                          const struct lift *named, uint32_t named_count, struct approval *approval,
                          struct err *err);

/* Whether the validity covers all stages, one after the other, and ends some time; an expiry is
 * judged at prepare. */
bool signing_check_budget(const struct manifest *manifest, unsigned valid_s, struct err *err);

/* The same of one that somebody else has signed already, by this host's clock. */
bool signing_check_validity(const struct manifest *manifest, int64_t not_after, int64_t now,
                            struct err *err);

struct signing_request {
    struct bytes body;
    const struct lift *named;
    uint32_t named_count;
    unsigned valid_s; /* 0: long enough */
};

/* Checks (approver.key first), writes the ledger, signs. ret_signed: an encoded SignedManifest. */
bool signing_sign(struct ctl *ctl, const struct signing_request *request,
                  struct wire_bytes *ret_signed, struct err *err);

/* Adds this approver's signature to one that needs several; approver.key and validity first. */
bool signing_add(struct ctl *ctl, struct bytes signed_manifest, struct wire_bytes *ret_signed,
                 struct err *err);

/* Fetches new receipts, keeps those whose guard's signature the roster proves. ret_unanswered: the
 * controller did not answer. */
bool signing_fetch_receipts(struct ctl *ctl, struct ledger *ledger, bool *ret_unanswered,
                            struct err *err);

#endif
