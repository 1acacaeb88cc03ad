/*
 * keys: what lies in the operator's directory: private keys, the trust root, the signed roster.
 */
#ifndef CONTROLLER_CTL_KEYS_H
#define CONTROLLER_CTL_KEYS_H

#include "common/change/roster.h"
#include "common/io/wire.h"
#include "controller/ctl/ctl.h"

/* NULL with err, which says what `pki init` would have to do. */
struct sign_key *keys_load(const struct ctl *ctl, const char *name, struct err *err);

/* approver.key. NULL unless it is that of an approver of trust.yaml: err says what was found there,
 * and that nothing was signed. */
struct sign_key *keys_load_approver(const struct ctl *ctl, struct err *err);

/* The roster file, whose signature by an approver of trust.yaml was verified. */
bool keys_read_roster(const struct ctl *ctl, struct roster *ret_roster, struct err *err);

/* As it lies there, whoever signed it: for a person's eyes. */
bool keys_read_any_roster(const struct ctl *ctl, struct roster *ret_roster, struct err *err);

/* Signs with approver.key (see keys_load_approver) and replaces the file. */
bool keys_write_roster(const struct ctl *ctl, const struct roster *roster,
                       struct wire_bytes *ret_bytes, struct err *err);

/* Replaces the file by one that was signed, and what belongs on the controller's host too. */
bool keys_put_roster(const struct ctl *ctl, const struct wire_bytes *roster, struct err *err);

/* A whole file of the operator's directory as text, with a NUL behind it; the caller's to free. */
bool keys_read_file(const struct ctl *ctl, const char *name, struct wire_bytes *ret_bytes,
                    struct err *err);

#endif
