/*
 * coverage: how often the seeds took each row of both machines' tables, and which rows they cannot
 * take; how often each fault struck, and each gate and hold said what it can.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/text.h"
#include "tests/sim/sim.h"

/* Rows that the simulated world has no way to; the scripts of tests/data take them. */
static const struct {
    const char *if_name, *because; /* the row's */
    const char *why_not;
} excepted[] = {
    /* trial */
    {"answers_another", "prepared for an earlier asker; waiting for this one",
     "a new attempt is signed seconds after the end of the one before, a prepare takes less"},
    {"recorded_too_late", "the disk took longer than the nonce lives; nothing was touched",
     "two slow writes one behind the other, the second within apply_s of 30 s"},
    {"not_recorded", "the journal cannot be written; undoing from memory",
     "a disk that refuses twice within the milliseconds of a pop; data/trial/pop-disk.txt has it"},
    {"undo_is_lost", "it was confirmed here, and its undo is lost",
     "a disk that lost the one record; data/trial/undo-is-lost.txt has it, seeds now and then"},
    {"end_is_lost", "how it ended here was lost: it may stand",
     "a disk that lost the marks and the receipt of an end; data/trial/end-is-lost.txt has it"},
    {"tombstones_are_full", "no room for a tombstone; an approval has to answer some first",
     "32 tombstones on one node"},
    {"always", "another trial is open", "by an abort of another attempt, which nobody asks for"},
    {"is_ordered", "rolled back by order: the start is called off first",
     "an order within the milliseconds of a start, of a body that already stands"},
    {"always", "rescue takes the journal", "root on the node; scenario rule-16-living-guard"},
    {"end_is_unsynced",
     "this attempt was made here already: its receipt follows when the disk has synced it",
     "a start that comes again while a new guard's disk is slow; data/trial/ends-unsynced.txt"},
    {"end_is_unsynced",
     "it does not stand any more: its receipt follows when the disk has synced it",
     "a pop that comes again while a new guard's disk is slow; data/trial/ends-unsynced.txt"},
    {"stands_unsynced", "it stands, which the disk has not synced yet: it is asked for again",
     "a node that is asked while its new guard's disk is slow; data/trial/confirmed-unsynced.txt"},
    {"order_stands", "an order was recorded and is not carried out: the next generation",
     "it dies between two pops of one order: one seed in 2000; data/trial/order-between-two.txt"},
    {"an_end_is_missing", "an earlier end was not written: it is taken back again",
     "a disk that refuses the end of a trial until what lies below it is ordered back; "
     "data/trial/pop-over-unwritten-end.txt"},
    /* rollout */
    {"always", "taken back before it began", "it is started in the moment it is signed"},
    {"denies_standing", "it does not say that it stands; it is asked what does",
     "its popped receipt comes before its refusal; scenario rule-02-rolled-back-meanwhile"},
    {"rest_is_not_offered",
     "the open trial has confirmed; before the rest of the stage every "
     "target says what stands there",
     "the controller has to die in a stage of several nodes, and one that it did not know of to "
     "confirm: one seed in 2000; data/rollout/rule_04_one_node_a_stage.txt"},
    {"asked_back_but_removed",
     "taken back where a person said; what stands on one that left the roster, only root there can "
     "take back",
     "of a complete one the node that is asked back alone has died and left the roster: one seed "
     "in "
     "thousands; data/rollout/removed_alone.txt"},
    {"gates_are_old_on_trial",
     "the gates passed too long ago: nothing more is offered; the open trial goes on",
     "of a stage of several one has to prepare a minute later than another that is on trial: one "
     "seed in 700; data/rollout/gates_old_beside_trial.txt"},
    {"begun_is_unknown",
     "a guard does not know the change that it had begun, its journal is another; a person "
     "decides: `abort` takes everything back",
     "of a node that is on trial or has confirmed the disk has to be replaced while the rollout is "
     "under way; data/rollout/earlier_journal_begins_again.txt, seeds now and then"},
};

static void add(uint64_t *to, const uint64_t *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] += from[i];
}

void coverage_add(struct coverage *coverage, const struct world *world)
{
    struct coverage one = {0};

    memcpy(one.trial_rows, world->trial_rows, sizeof(one.trial_rows));
    memcpy(one.rollout_rows, world->rollout_rows, sizeof(one.rollout_rows));
    memcpy(one.faults, world->faults.struck, sizeof(one.faults));
    memcpy(one.said, world->desk->said, sizeof(one.said));
    memcpy(one.held, world->desk->held, sizeof(one.held));
    coverage_merge(coverage, &one);
}

void coverage_merge(struct coverage *coverage, const struct coverage *other)
{
    add(coverage->trial_rows, other->trial_rows, TRIAL_ROWS_MAX);
    add(coverage->rollout_rows, other->rollout_rows, SIM_ROLLOUT_ROWS_MAX);
    add(coverage->faults, other->faults, FAULT_COUNT);
    add(&coverage->said[0][0], &other->said[0][0], GATE_COUNT * (size_t)GATE_SAID_COUNT);
    add(coverage->held, other->held, HOLD_KIND_COUNT);
}

static const char *find_exception(const char *if_name, const char *because)
{
    for (size_t i = 0; i < sizeof(excepted) / sizeof(excepted[0]); i++) {
        if (text_equal(excepted[i].because, because) && text_equal(excepted[i].if_name, if_name))
            return excepted[i].why_not;
    }
    return NULL;
}

static bool print_row(const char *on, const char *condition, const char *because, uint64_t count)
{
    const char *why_not = count > 0 ? "" : find_exception(condition, because);

    printf("%9llu  on %s if %s: %s\n", (unsigned long long)count, on, condition, because);
    if (why_not == NULL)
        printf("           ^ never taken, and it can be\n");
    else if (why_not[0] != '\0')
        printf("           ^ excepted: %s\n", why_not);
    return why_not != NULL;
}

static bool print_reached(const char *what, const char *which, uint64_t count, bool can)
{
    printf("%9llu  %s %s\n", (unsigned long long)count, what, which);
    if (count == 0 && can)
        printf("           ^ never, and it can be\n");
    return count > 0 || !can;
}

/* What the simulated facts can make of a gate: bits by verdict, and of what is waived. */
static const unsigned char reachable[GATE_COUNT] = {
    [GATE_WORKING] = 1u << VERDICT_PASS | 1u << VERDICT_FAIL | 1u << VERDICT_UNKNOWN,
    [GATE_NEEDED] = 1u << GATE_SAID_WAIVED | 1u << VERDICT_FAIL,
    [GATE_APPROVED] = 1u << VERDICT_PASS | 1u << VERDICT_FAIL,
    [GATE_REVERSIBLE] = 1u << VERDICT_PASS | 1u << VERDICT_FAIL | 1u << VERDICT_UNKNOWN,
    [GATE_ONE_FIRST] = 1u << VERDICT_PASS,
    [GATE_CLUSTER_PATH] = 1u << VERDICT_PASS | 1u << VERDICT_UNKNOWN,
    [GATE_SSH_PATH] = 1u << VERDICT_PASS | 1u << VERDICT_FAIL | 1u << VERDICT_UNKNOWN,
    [GATE_DOCUMENTED] = 1u << VERDICT_PASS,
    [GATE_HOLD] = 1u << VERDICT_PASS | 1u << VERDICT_FAIL | 1u << GATE_SAID_WAIVED,
};

static bool print_gates(const struct coverage *coverage)
{
    bool all = true;

    for (unsigned gate = 0; gate < GATE_COUNT; gate++) {
        for (unsigned said = 0; said < GATE_SAID_COUNT; said++) {
            bool can = (reachable[gate] & 1u << said) != 0;

            if (can || coverage->said[gate][said] > 0)
                all &= print_reached(
                    gate_name((enum gate)gate),
                    said == GATE_SAID_WAIVED ? "waived" : verdict_format((enum verdict_value)said),
                    coverage->said[gate][said], can);
        }
    }
    for (unsigned kind = 0; kind < HOLD_KIND_COUNT; kind++)
        all &= print_reached("in the way: a", hold_kind_name((enum hold_kind)kind),
                             coverage->held[kind], true);
    return all;
}

bool coverage_print(const struct coverage *coverage)
{
    struct rollout_row rollout;
    struct trial_row trial;
    bool all = true;

    printf("trial:\n");
    for (uint32_t i = 0; trial_table_row(i, &trial); i++)
        all &= print_row(guard_event_name(trial.on), trial.if_name, trial.because,
                         coverage->trial_rows[i]);
    printf("rollout:\n");
    for (uint32_t i = 0; rollout_table_row(i, &rollout); i++)
        all &= print_row(rollout_event_name(rollout.on), rollout.if_name, rollout.because,
                         coverage->rollout_rows[i]);
    printf("gates and holds:\n");
    all &= print_gates(coverage);
    printf("faults:\n");
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        all &= print_reached("struck:", fault_name((enum fault)i), coverage->faults[i], true);
    return all;
}
