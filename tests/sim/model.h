/*
 * model: what is told to the model of the invariants, as it is seen from outside. It shares no code
 * with the machines. In checker.c where nothing else is said.
 */
#ifndef TESTS_SIM_MODEL_H
#define TESTS_SIM_MODEL_H

#include "agent/guard/core/effect.h"
#include "controller/core/event.h"
#include "tests/sim/message.h"

struct world;
struct check_model;

struct check_model *model_new(struct world *world);
void model_free(struct check_model *model);
void model_touch(struct check_model *model, int host, const struct generation_id *id,
                 uint32_t operation);
void model_undone(struct check_model *model, int host, int change, uint32_t operation);
/* Its kernel was changed, by anybody. In checker_kernel.c. */
void model_kernel(struct check_model *model, int host);
/* It begins to take that back. In checker_stack.c, as the next three. */
void model_reverting(struct check_model *model, int host, const struct generation_id *id);
/* The guard is asked to pop something. */
void model_asked_back(struct check_model *model, const struct message *message);
/* And does not refuse that: an order goes down to what it names. */
void model_takes_order(struct check_model *model, int host, const struct generation_id *down_to);
/* It says what stands there. */
void model_stack(struct check_model *model, int host, const struct stack *stack);
void model_nonce(struct check_model *model, int host, const struct guard_nonce *nonce);
void model_proof(struct check_model *model, int host, const struct sim_statement *statement);
/* Of a node on trial, how old what is proven of it is, in half leases: 0, 1, or 2 when its lease
 * has run out. -1: nothing can be asked of its guard. In checker_proof.c. */
int model_proof_age(const struct check_model *model, int host);
void model_synced(struct check_model *model, int host);
void model_record(struct check_model *model, int host, const struct guard_record *record,
                  bool durable);
/* It has taken a prepare. */
void model_prepare(struct check_model *model, int host, const struct generation_id *id);
/* Its prepare nonce is out. */
void model_offer(struct check_model *model, int host, const struct generation_id *id);
void model_receipt(struct check_model *model, int host, const struct receipt *receipt);
/* Its journal has lost what was synced: of this node nothing is promised that needs it. */
void model_betrayed(struct check_model *model, int host);
void model_guard_starts(struct check_model *model, int host);
void model_lost(struct check_model *model, int host); /* the power; the disk has what it kept */
void model_guard_died(struct check_model *model, int host);
/* A start with these statements has reached the guard. */
void model_start(struct check_model *model, const struct message *start);
/* And the guard wants it to be written down. */
void model_started(struct check_model *model, int host);
/* The controller's machine is told that, and has taken the step. */
void model_lead_told(struct check_model *model, enum rollout_event_kind kind);
void model_lead_moved(struct check_model *model, enum rollout_event_kind kind);
/* A stack of that journal has come; what ends the doubt about what was confirmed there was said
 * with that one. */
void model_lead_hears(struct check_model *model, int host, unsigned journal);
void model_lead_settles(struct check_model *model, int host, unsigned journal);
/* ---- checker_lead.c: what the controller sends and hears ------------------------------------- */

/* A new rollout. */
void model_lead_begins(struct check_model *model);
/* It begins to lead again, from its disk. */
void model_lead_resumes(struct check_model *model);
/* Its database is an older one. */
void model_lead_forgets(struct check_model *model);
/* Somebody says so, of a node or (-1) of all. */
void model_emergency(struct check_model *model, int node);
/* Anything leaves for that host. */
void model_leaves(struct check_model *model, int host);
/* It leaves. */
void model_sends(struct check_model *model, const struct message *message);
void model_pops(struct check_model *model, int host);
/* Of a rollout that is not the newest, it leaves. */
void model_asks_older(struct check_model *model, const struct message *message);
/* An operator is about to sign the next attempt. */
void model_signs(struct check_model *model);
/* It has come; of a stack: when it was asked for. */
void model_lead_takes(struct check_model *model, const struct message *message, mono_t asked_at);

/* ---- checker_undo.c: taking back ------------------------------------------------------------- */

/* An undo, or a look at what has come of it, is asked of the kernel. */
void model_undoes(struct check_model *model, int host);
void model_alarm(struct check_model *model, int host);

/* ---- checker_gates.c: what the controller is told, and people put on hold -------------------- */

struct seen_hold;
void model_unheard(struct check_model *model, int host);   /* its agent is not heard any more */
void model_connected(struct check_model *model, int host); /* and says nothing */
void model_heard(struct check_model *model, int host);
/* In a report or a statement. */
void model_says(struct check_model *model, int host, int subject, enum verdict_value value);
void model_check_told(struct check_model *model, int host, unsigned check,
                      enum verdict_value value);
void model_reach_told(struct check_model *model, int witness, int host, enum verdict_value value);
void model_snapshot_told(struct check_model *model, int host);
void model_rehearsal_told(struct check_model *model, int host, bool well);
void model_quarantine(struct check_model *model, int host, const struct receipt *receipt,
                      const struct hash *hash);
void model_put(struct check_model *model, const struct seen_hold *hold);
void model_lift(struct check_model *model, uint64_t id);
void model_backup(struct check_model *model);
void model_restore(struct check_model *model); /* of the holds, by a controller that starts */
void model_lead_starts(struct check_model *model);
/* A check newly fails: what the gates said before does not count any more. */
void model_asks_again(struct check_model *model);
/* Bits by target: what a freeze of that node (-1: of all) has to take back. */
uint64_t model_in_doubt(const struct check_model *model, int node);
void model_frozen(struct check_model *model, uint64_t in_doubt);
/* Whatever is in doubt is taken back by it, of all nodes. */
void model_check_failed(struct check_model *model, uint64_t in_doubt);
/* The gates before that stage answered; reason: theirs. */
void model_gates(struct check_model *model, uint32_t stage, bool pass, const char *reason);
/* A start leaves for that node, which was decided then. */
void model_sends_start(struct check_model *model, int host, mono_t decided_at);

/* After every happening. */
void model_check(struct check_model *model);
/* When everything is quiet: liveness and agreement. */
void model_check_end(struct check_model *model);

#endif
