/*
 * json: the values of docs/api.md. Each returns a new reference.
 */
#ifndef CONTROLLER_IO_JSON_H
#define CONTROLLER_IO_JSON_H

#include <jansson.h>

#include "controller/io/lead.h"

json_t *json_hex(const uint8_t *bytes, size_t len);

/* VERDICT; node NULL: without "node". */
json_t *json_verdict(const struct verdict *verdict, int64_t at, const char *node);
/* NODE; in full: with verdicts and drift. */
json_t *json_node(const struct desk *desk, const struct lead *lead,
                  const struct fleet_member *member, bool in_full);
/* All verdicts of all members, as they stand now, and that there is none of who should have some.
 */
json_t *json_checks(const struct desk *desk);

/* [GATE...] */
json_t *json_gates(const struct gates *gates);
/* PLAN */
json_t *json_plan(const struct gates_inputs *inputs, const struct hash *body,
                  const struct gates *gates);

/* ROLLOUT; in full: with proofs and gates. */
json_t *json_rollout_led(const struct desk *desk, const struct led *led, bool in_full);
/* NULL: err says why. */
json_t *json_rollout_stored(const struct desk *desk, uint64_t id, bool in_full, struct err *err);
/* ROLLBACK */
json_t *json_rollback(const struct lead_backs *backs, const char *change);
/* LOSSES */
json_t *json_losses(const struct lead_losses *losses);

json_t *json_hold(const struct holds *holds, const struct hold *hold);
json_t *json_entry(const struct audit_row *row);
/* RECEIPT; NULL when the envelope cannot be read. */
json_t *json_receipt(uint64_t index, struct bytes envelope);

#endif
