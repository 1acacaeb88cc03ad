/*
 * gates: the eight questions and `hold`, answered with evidence (docs/architecture.md).
 *
 * Pure. One computation for a plan (not signed yet) and before each stage; the API shows it, the
 * audit keeps it. Anything but pass blocks; a waiver inside the signed manifest, with its reason,
 * is the only way around what may be waived. unknown is never pass.
 */
#ifndef CONTROLLER_CORE_GATES_H
#define CONTROLLER_CORE_GATES_H

#include "common/net/fib.h"
#include "controller/core/bars.h"
#include "controller/core/fleet.h"
#include "controller/core/holds.h"

struct gates_inputs {
    const struct manifest *manifest;
    const struct approval *approval; /* not signed yet: names only what it will lift */
    bool is_signed;
    unsigned approvals_count; /* distinct approvers of the trust root who signed well */
    unsigned threshold;
    const struct fleet_file *file;
    const struct fleet *fleet;
    const struct holds *holds;
    const struct bars *bars; /* what bars its start; NULL: it has begun */
    uint32_t stage;          /* the next one, from 0; earlier ones have confirmed */
    mono_t now;
    int64_t now_unix;
};

/* One line below a gate. */
struct gate_evidence {
    char node[NAME_SIZE]; /* "" for the whole fleet */
    struct verdict verdict;
    int64_t at;           /* unix seconds: when what it rests on was seen, or was read here */
    enum waiver waivable; /* what in a manifest takes it out; WAIVE_COUNT: nothing does */
    bool blocks;          /* it does not pass, and is not waived */
    /* Of one that is unknown: what has not come yet, and may come by itself; "": nothing. */
    char awaits[SENTENCE_SIZE];
};

struct gate_answer {
    struct verdict verdict;   /* check: the gate's name; the worst of its evidence, waived or not */
    bool passes;              /* pass, or everything that does not pass is waived */
    char waived[REASON_SIZE]; /* the reasons, when only a waiver made it pass */
    /* It passes and is no yes: of the fleet, that no change answers it, and what was asked in its
     * place; of no cluster, that none is declared. "": it was asked itself. */
    char instead[SENTENCE_SIZE];
    size_t evidence_count, evidence_capacity;
    struct gate_evidence *evidence; /* owned */
};

struct gates {
    struct gate_answer answers[GATE_COUNT];
};

/* ret_gates is the caller's to end with gates_done. */
void gates_evaluate(const struct gates_inputs *inputs, struct gates *ret_gates);
void gates_done(struct gates *gates);

/* The same questions of the fleet as it is, with no change asked about: does everything work,
 * stands nothing half done, may it be gone on from here? inputs->manifest is of
 * gates_fleet_manifest; its bars are of no order. In gates_fleet.c. */
void gates_evaluate_fleet(const struct gates_inputs *inputs, struct gates *ret_gates);

/* Each node of fleet.yaml as a target of no operations, the others its witnesses. The caller's to
 * end with manifest_done. */
void gates_fleet_manifest(const struct fleet_file *file, struct manifest *ret_manifest);

/* Every gate passes or is waived. A plan that is not signed never passes: `approved`. */
bool gates_pass(const struct gates *gates);

/* Nothing is in the way but facts that have not come yet, since a restart for one: they are waited
 * for, where a `fail` is an answer. Adds which to out. */
bool gates_await(const struct gates *gates, struct text *out);

/* "ssh-path fail: srv712695: ..." of the gates that block, as far as there is room. */
void gates_explain(const struct gates *gates, struct text *out);
/* One gate with its evidence, for the audit: "working pass; srv712695 database pass: ...", what
 * does not pass first, from the *from-th on. True: it did not all fit, the rest is told from *from
 * on. */
bool gates_tell(const struct gates *gates, enum gate gate, size_t *from, struct text *out);

/* What the gates' files share. ------------------------------------------------------------------
 */

/* Adds one line of evidence; the rest of its verdict is for the caller to fill. */
struct gate_evidence *gates_add_evidence(struct gate_answer *answer, const char *node,
                                         const char *check, enum verdict_value value);

/* The evidence is unknown for want of this, or of its node's connection. In gates_await.c. */
void gates_set_awaits(const struct gates_inputs *inputs, struct gate_evidence *evidence,
                      const char *what);
/* The same, for want of a verdict of that check, if there is none that counts now. */
void gates_await_verdict(const struct gates_inputs *inputs, struct gate_evidence *evidence,
                         const char *check);

/* One line of what bars a start. In gates.c. */
void gates_add_bar(const struct gates_inputs *inputs, enum bar bar, struct gate_answer *answer);

/* One line of what a check of that node says now. In gates_await.c. */
void gates_add_verdict(const struct gates_inputs *inputs, struct gate_answer *answer,
                       const char *node, const struct verdict *verdict);

/* It is of this stage or a later one. In gates.c. */
bool gates_is_remaining(const struct gates_inputs *inputs, const char *node);

/* Every critical check of every node of the manifest. In gates.c. */
void gates_judge_working(const struct gates_inputs *inputs, struct gate_answer *answer);

/* Every hold and quarantine that touches what is still to come. In gates_hold.c. */
void gates_judge_hold(const struct gates_inputs *inputs, struct gate_answer *answer);

/* What came at that moment, in unix seconds. */
int64_t gates_unix_of(const struct gates_inputs *inputs, mono_t at);

/* The line of each gate, from its evidence and what the manifest waives; what has no time yet is of
 * now. In gates.c. */
void gates_finish(const struct gates_inputs *inputs, struct gates *gates);

/* `reversible`, `cluster-path` and `ssh-path` of one target, by prediction on its snapshot and by
 * what its checks say now. In gates_path.c. */
void gates_judge_paths(const struct gates_inputs *inputs, const struct manifest_plan *plan,
                       struct gates *gates);

/* A cluster that is not declared has nothing to lose: a pass of `cluster-path` says so. */
void gates_name_cluster(const struct gates_inputs *inputs, struct gate_answer *answer);

/* `ssh-path` of one target, by its witnesses: as many as its quorum reach it, they count once the
 * plan is done, and the lease leaves them time. In gates_witness.c. */
void gates_judge_witnesses(const struct gates_inputs *inputs, const struct manifest_plan *plan,
                           const struct snapshot *after, struct gate_answer *answer);

/* `reversible`, by what the node's own kernel said when its guard had this very plan rehearsed. In
 * gates_rehearsal.c. */
void gates_judge_rehearsal(const struct gates_inputs *inputs, const struct manifest_plan *plan,
                           const struct fleet_member *member, struct gate_answer *answer);

#endif
