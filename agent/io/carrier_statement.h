/*
 * carrier_statement: the own agent's part in a trial's proof: statements over the guard's nonces,
 * and whether the witnesses whose statements pass through count. Used by carrier.c only.
 */
#ifndef AGENT_IO_CARRIER_STATEMENT_H
#define AGENT_IO_CARRIER_STATEMENT_H

#include "agent/io/carrier.h"

struct carrier_statement;

struct carrier_statement *carrier_statement_new(const struct carrier_options *options); /* lent */

/* A prepare passes through: its body has this node's plan. */
void carrier_statement_take_body(struct carrier_statement *own, struct bytes body);

/* A start passes through: where its baseline witnesses came from goes to the guard first. */
void carrier_statement_take_start(struct carrier_statement *own, const struct guard_request *start);

/* A witness's renewal: passed on to the guard (request, encoded) once its source is judged on an
 * observation that is up to date. */
void carrier_statement_take_witness(struct carrier_statement *own, struct bytes request,
                                    struct bytes envelope);

/* The guard has issued a nonce: an own statement over it, of freshly evaluated checks. A baseline
 * goes to the controller, a renewal to the guard. */
void carrier_statement_prove(struct carrier_statement *own, const struct hash *body,
                             const struct nonce *nonce, enum phase phase);

void carrier_statement_observed(struct carrier_statement *own);

/* The trial is over: peers are looked for no longer. */
void carrier_statement_end(struct carrier_statement *own);

#endif
