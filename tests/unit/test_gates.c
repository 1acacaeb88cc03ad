/*
 * test_gates: the questions and hold on a fleet of which all say yes first, then one reason for a
 * no at a time, and what a waiver may take out. Those of paths: test_gates_path;
 * `reversible`: test_gates_rehearsal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "tests/unit/gates_case.h"

static void all_say_yes(void **state)
{
    struct scene *scene = *state;
    struct gates gates;

    gates_case_expect_yes(scene);
    gates_evaluate(&scene->inputs, &gates);
    for (unsigned i = 0; i < GATE_COUNT; i++) {
        assert_string_equal(gates.answers[i].verdict.check, gate_name((enum gate)i));
        assert_true(gates.answers[i].evidence_count > 0);
    }
    gates_done(&gates);
}

static void working(void **state)
{
    struct scene *scene = *state;

    gates_case_tell(scene, "b1", "ssh-reply-path", VERDICT_FAIL);
    gates_case_expect_no(scene, GATE_WORKING, "working");
    gates_case_tell(scene, "b1", "ssh-reply-path", VERDICT_UNKNOWN);
    gates_case_expect_no(scene, GATE_WORKING, "working");
}

/* Nothing that was said stays good for ever. */
static void working_needs_fresh_answers(void **state)
{
    struct scene *scene = *state;
    struct gates gates;

    scene->inputs.now = 10 * 60 * 1000;
    gates_evaluate(&scene->inputs, &gates);
    assert_false(gates.answers[GATE_WORKING].passes);
    assert_int_equal(gates.answers[GATE_WORKING].verdict.value, VERDICT_UNKNOWN);
    gates_done(&gates);
}

static void needed(void **state)
{
    struct scene *scene = *state;

    gates_case_tell(scene, "b1", "database", VERDICT_PASS);
    gates_case_expect_no(scene, GATE_NEEDED, "needed");
    /* A waiver counts with a written justification only. */
    gates_case_waive(scene, WAIVE_NEEDED);
    gates_case_expect_no(scene, GATE_NEEDED, "needed");
    text_copy(scene->manifest.justification, TEXT_SIZE, "The lab moves tomorrow.");
    gates_case_expect_yes(scene);
    /* What confirmed is not asked again. */
    gates_case_tell(scene, "b1", "database", VERDICT_FAIL);
    scene->manifest.waived[WAIVE_NEEDED] = false;
    gates_case_confirm_first(scene);
    gates_case_expect_yes(scene);
}

/* The manifest fixes a second check too, which the nodes of the first plans_count have. */
static void fix_also(struct scene *scene, const char *check, unsigned plans_count)
{
    struct manifest *manifest = &scene->manifest;

    text_copy(manifest->fixes[manifest->fixes_count++], NAME_SIZE, check);
    for (unsigned i = 0; i < plans_count; i++) {
        struct manifest_plan *plan = &manifest->plans[i];

        plan->checks = mem_resize(plan->checks, plan->checks_count + 1, sizeof(*plan->checks));
        plan->checks[plan->checks_count] = (struct check){0};
        text_copy(plan->checks[plan->checks_count++].name, NAME_SIZE, check);
        gates_case_tell(scene, plan->node, check, VERDICT_FAIL);
    }
}

/* One of several that fails is no proof that the others are broken. */
static void needed_asks_each_that_is_fixed(void **state)
{
    struct scene *scene = *state;

    fix_also(scene, "egress-address", 2);
    gates_case_expect_yes(scene);
    gates_case_tell(scene, "b1", "egress-address", VERDICT_PASS);
    gates_case_expect_no(scene, GATE_NEEDED, "egress-address: pass");
    gates_case_tell(scene, "b1", "egress-address", VERDICT_UNKNOWN);
    gates_case_expect_no(scene, GATE_NEEDED, "egress-address: unknown");
    gates_case_tell(scene, "b1", "egress-address", VERDICT_FAIL);
    gates_case_tell(scene, "b1", "database", VERDICT_PASS);
    gates_case_expect_no(scene, GATE_NEEDED, "database: pass");
}

/* Where a check is not declared it has nothing to fix; where none is, nothing is broken. */
static void needed_asks_where_it_is_declared(void **state)
{
    struct scene *scene = *state;

    fix_also(scene, "egress-address", 1);
    gates_case_expect_yes(scene);
    scene->manifest.plans[1].checks_count = 0;
    gates_case_expect_no(scene, GATE_NEEDED, "declared for it");
}

static void approved(void **state)
{
    struct scene *scene = *state;

    scene->inputs.threshold = 2;
    gates_case_expect_no(scene, GATE_APPROVED, "approved");
    scene->inputs.threshold = 0;
    gates_case_expect_no(scene, GATE_APPROVED, "approved");
    scene->inputs.threshold = 1;
    scene->inputs.is_signed = false;
    gates_case_expect_no(scene, GATE_APPROVED, "approved");
    scene->inputs.is_signed = true;
    scene->approval.not_after = NOW_UNIX + 300; /* one stage of 420 s stands before the last */
    gates_case_expect_no(scene, GATE_APPROVED, "approved");
    gates_case_confirm_first(scene);
    gates_case_expect_yes(scene);
    scene->approval.not_after = NOW_UNIX + 7 * 86400 + 61; /* longer than may be signed */
    gates_case_expect_no(scene, GATE_APPROVED, "approved");
    scene->approval.not_after = NOW_UNIX + 7 * 86400 + 60; /* and a clock that differs */
    gates_case_expect_yes(scene);
    scene->approval.not_after = NOW_UNIX;
    gates_case_expect_no(scene, GATE_APPROVED, "approved");
    scene->approval.not_after = INT64_MIN; /* another's signature says so */
    gates_case_expect_no(scene, GATE_APPROVED, "approved");
}

static void one_first(void **state)
{
    struct scene *scene = *state;

    scene->file.nodes[1].is_protected = true;
    gates_case_expect_yes(scene);
    scene->file.nodes[0].is_protected = true;
    gates_case_expect_no(scene, GATE_ONE_FIRST, "one-first");
    gates_case_waive(scene, WAIVE_PROTECTED_FIRST);
    gates_case_expect_yes(scene);
    /* A protected one before one that is not: nothing takes that out. */
    scene->file.nodes[1].is_protected = false;
    gates_case_expect_no(scene, GATE_ONE_FIRST, "one-first");
}

static void one_first_of_larger_stages(void **state)
{
    struct scene *scene = *state;
    struct stage *second = &scene->manifest.stages[1];

    text_copy(second->nodes[second->nodes_count++], NAME_SIZE, "c1");
    gates_case_expect_yes(scene);
    scene->file.nodes[1].is_protected = true;
    gates_case_expect_no(scene, GATE_ONE_FIRST, "protected nodes come last, one at a time");
    scene->file.nodes[1].is_protected = false;
    text_copy(scene->manifest.stages[0].nodes[1], NAME_SIZE, "c1");
    scene->manifest.stages[0].nodes_count = 2;
    second->nodes_count = 1;
    gates_case_expect_no(scene, GATE_ONE_FIRST, "exactly one node");
}

/* What a start is refused for is a no to whoever asks beforehand, and nothing takes it out. */
static void what_bars_a_start(void **state)
{
    static const struct {
        enum bar bar;
        enum gate gate;
    } rows[] = {
        {BAR_OPEN, GATE_ONE_FIRST},
        {BAR_INCOMPLETE, GATE_ONE_FIRST},
        {BAR_KEYS, GATE_ONE_FIRST},
        {BAR_SEQUENCE, GATE_APPROVED},
    };
    struct scene *scene = *state;

    _Static_assert(sizeof(rows) / sizeof(rows[0]) == BAR_COUNT, "each is asked");
    for (unsigned i = 0; i < WAIVE_COUNT; i++)
        gates_case_waive(scene, (enum waiver)i);
    for (unsigned i = 0; i < BAR_COUNT; i++) {
        struct err *why = &scene->bars.why[rows[i].bar];

        gates_case_expect_yes(scene);
        err_set(why, ERR_CONFLICT, "rollout 7, second-gateway, is open");
        gates_case_expect_no(scene, rows[i].gate, "fail: expected ");
        gates_case_expect_no(scene, rows[i].gate, "rollout 7, second-gateway, is open");
        err_set(why, ERR_SYSTEM, "the disk does not say");
        gates_case_expect_no(scene, rows[i].gate, "unknown: expected ");
        scene->inputs.bars = NULL; /* it has begun: it is the one that is open */
        gates_case_expect_yes(scene);
        scene->inputs.bars = &scene->bars;
        why->kind = ERR_NONE;
    }
}

static void documented(void **state)
{
    struct scene *scene = *state;

    scene->manifest.reference[0] = '\0';
    gates_case_expect_no(scene, GATE_DOCUMENTED, "documented");
    text_copy(scene->manifest.reference, REASON_SIZE, "#100");
    text_copy(scene->manifest.reason, TEXT_SIZE, "fix");
    gates_case_expect_no(scene, GATE_DOCUMENTED, "documented");
    gates_case_waive(scene, WAIVE_LINT);
    gates_case_expect_yes(scene);
    scene->manifest.reason[0] = '\0';
    gates_case_expect_no(scene, GATE_DOCUMENTED, "documented");
}

static void hold_by_freeze(void **state)
{
    struct scene *scene = *state;
    struct hold freeze = {.scope = "a1", .reason = "holidays", .by = "otto"};
    struct err err = ERR_INIT;

    assert_non_null(holds_add(&scene->holds, &freeze, NOW_UNIX, &err));
    gates_case_expect_no(scene, GATE_HOLD, "hold 1 of otto");
    gates_case_confirm_first(scene);
    gates_case_expect_yes(scene);
}

static const struct hold *put_hold(struct scene *scene, enum hold_kind kind, const char *scope,
                                   const char *object)
{
    struct hold hold = {.kind = kind, .reason = "nobody is there", .by = "otto"};
    struct err err = ERR_INIT;
    const struct hold *put;

    text_copy(hold.scope, sizeof(hold.scope), scope);
    text_copy(hold.object, sizeof(hold.object), object);
    put = holds_add(&scene->holds, &hold, NOW_UNIX, &err);
    if (put == NULL)
        fail_msg("%s", err.text);
    return put;
}

static void lift(struct scene *scene, const struct hold *hold)
{
    struct err err = ERR_INIT;

    assert_true(holds_lift(&scene->holds, hold->id, &err));
}

static void pass_over(void *context, const struct hold *hold)
{
    (void)context;
    (void)hold;
}

/* By a signed roster, of this node alone. */
static void maintain(struct scene *scene, const char *node)
{
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    struct maintenance one = {.reason = "a new disk"};
    struct err err = ERR_INIT;

    roster->entries_count = 1;
    text_copy(roster->entries[0].name, NAME_SIZE, node);
    text_copy(one.node, NAME_SIZE, node);
    assert_true(roster_maintain(roster, &one, &err));
    assert_true(holds_take_roster(&scene->holds, roster, "otto", NOW_UNIX, pass_over, NULL));
}

static void hold_by_pause_and_maintenance(void **state)
{
    struct scene *scene = *state;
    const struct hold *hold = put_hold(scene, HOLD_PAUSE, "fleet", "");

    gates_case_expect_no(scene, GATE_HOLD, "`oceanidctl hold lift 1` lifts it");
    lift(scene, hold);
    gates_case_expect_yes(scene);
    hold = put_hold(scene, HOLD_PAUSE, "b1", "");
    gates_case_expect_no(scene, GATE_HOLD, "b1: hold 2 of otto: nobody is there");
    lift(scene, hold);
    put_hold(scene, HOLD_PAUSE, "c1", "");
    gates_case_expect_yes(scene);
    maintain(scene, "b1");
    gates_case_expect_no(scene, GATE_HOLD, "`oceanidctl node return b1` ends it");
    maintain(scene, "c1");
    gates_case_expect_yes(scene);
}

/* It is friday, 03:46. */
static void hold_outside_of_a_window(void **state)
{
    struct scene *scene = *state;
    const struct hold *window = put_hold(scene, HOLD_WINDOW, "fleet", "mon-thu 08:00-16:00");

    gates_case_expect_no(scene, GATE_HOLD, "(mon-thu 08:00-16:00 UTC), opens in 4574 min");
    gates_case_waive(scene, WAIVE_WINDOW);
    gates_case_expect_yes(scene);
    put_hold(scene, HOLD_PAUSE, "fleet", "");
    gates_case_expect_no(scene, GATE_HOLD, "hold 2");
    lift(scene, window + 1);
    scene->manifest.waived[WAIVE_WINDOW] = false;
    gates_case_expect_no(scene, GATE_HOLD, "hold 1");
    put_hold(scene, HOLD_WINDOW, "fleet", "fri 03:00-04:00");
    gates_case_expect_yes(scene);
}

static void hold_by_quarantine(void **state)
{
    struct scene *scene = *state;
    struct receipt receipt = {
        .node = "b1", .kind = RECEIPT_REVERTED, .cause = CAUSE_PROOF_FAILED, .objects_count = 1};
    struct text object;
    struct hash hash;

    text_init(&object, receipt.objects[0], sizeof(receipt.objects[0]));
    operation_object(&scene->manifest.plans[1].operations[0], &object);
    memset(hash.bytes, 9, HASH_SIZE);
    assert_int_equal(holds_add_quarantine(&scene->holds, &receipt, &hash, NOW_UNIX), 1);
    gates_case_expect_no(scene, GATE_HOLD, "hold");
    scene->approval.lifts_count = 1;
    scene->approval.lifts[0].receipt = hash;
    gates_case_expect_no(scene, GATE_HOLD, "hold");
    text_copy(scene->approval.lifts[0].reason, REASON_SIZE, "the relay was down");
    gates_case_expect_yes(scene);
    scene->approval.lifts[0].reason[0] = '\0';
    gates_case_waive(scene, WAIVE_QUARANTINE);
    gates_case_expect_yes(scene);
}

/* What was signed waives what was known then: the approval contains its receipt. */
static void a_waiver_is_for_no_later_quarantine(void **state)
{
    struct scene *scene = *state;
    struct receipt receipt = {
        .node = "b1", .kind = RECEIPT_REVERTED, .cause = CAUSE_PROOF_FAILED, .objects_count = 1};
    struct text object;
    struct gates gates;
    struct hash hash;

    text_init(&object, receipt.objects[0], sizeof(receipt.objects[0]));
    operation_object(&scene->manifest.plans[1].operations[0], &object);
    memset(hash.bytes, 9, HASH_SIZE);
    assert_int_equal(holds_add_quarantine(&scene->holds, &receipt, &hash, NOW_UNIX), 1);
    gates_case_waive(scene, WAIVE_QUARANTINE);
    gates_case_expect_no(scene, GATE_HOLD, "came into quarantine after it was signed");
    scene->inputs.is_signed = false; /* all that there is will be known by then */
    gates_evaluate(&scene->inputs, &gates);
    assert_true(gates.answers[GATE_HOLD].passes);
    gates_done(&gates);
    scene->inputs.is_signed = true;
    scene->approval.lifts_count = 1;
    scene->approval.lifts[0].receipt = hash;
    gates_case_expect_yes(scene);
    memset(hash.bytes, 8, HASH_SIZE); /* of the same object, behind the one that is known */
    assert_int_equal(holds_add_quarantine(&scene->holds, &receipt, &hash, NOW_UNIX), 1);
    gates_case_expect_no(scene, GATE_HOLD, "0808080808080808");
}

/* Nobody has spoken yet: unknown, never yes. */
static void an_unknown_fleet_never_passes(void **state)
{
    struct scene *scene = *state;
    struct gates gates;

    fleet_done(&scene->fleet);
    fleet_init(&scene->fleet);
    gates_evaluate(&scene->inputs, &gates);
    assert_false(gates.answers[GATE_WORKING].passes);
    assert_false(gates.answers[GATE_NEEDED].passes);
    assert_false(gates.answers[GATE_REVERSIBLE].passes);
    assert_false(gates.answers[GATE_CLUSTER_PATH].passes);
    assert_false(gates.answers[GATE_SSH_PATH].passes);
    gates_done(&gates);
}

static const struct gate_evidence *evidence_of(const struct gates *gates, enum gate gate,
                                               const char *check)
{
    const struct gate_answer *answer = &gates->answers[gate];

    for (size_t i = 0; i < answer->evidence_count; i++) {
        if (strcmp(answer->evidence[i].verdict.check, check) == 0)
            return &answer->evidence[i];
    }
    fail_msg("no %s under %s", check, gate_name(gate));
    return NULL;
}

/* Of a node's word and its snapshot, when they came; of what is read here, now. */
static void evidence_says_when(void **state)
{
    struct scene *scene = *state;
    struct gates gates;

    scene->inputs.now = 4000;
    scene->inputs.now_unix = NOW_UNIX + 4;
    gates_evaluate(&scene->inputs, &gates);
    assert_true(gates_pass(&gates));
    assert_int_equal(evidence_of(&gates, GATE_WORKING, "controller")->at, NOW_UNIX);
    assert_int_equal(evidence_of(&gates, GATE_NEEDED, "fixes")->at, NOW_UNIX);
    assert_int_equal(evidence_of(&gates, GATE_REVERSIBLE, "undo")->at, NOW_UNIX);
    assert_int_equal(evidence_of(&gates, GATE_REVERSIBLE, "rehearsal")->at, NOW_UNIX);
    assert_int_equal(evidence_of(&gates, GATE_CLUSTER_PATH, "prediction")->at, NOW_UNIX);
    assert_int_equal(evidence_of(&gates, GATE_SSH_PATH, "prediction")->at, NOW_UNIX);
    assert_int_equal(evidence_of(&gates, GATE_SSH_PATH, "witnesses")->at, NOW_UNIX);
    assert_int_equal(evidence_of(&gates, GATE_SSH_PATH, "renewal")->at, NOW_UNIX);
    assert_int_equal(evidence_of(&gates, GATE_SSH_PATH, "console")->at, NOW_UNIX + 4);
    assert_int_equal(evidence_of(&gates, GATE_DOCUMENTED, "reason")->at, NOW_UNIX + 4);
    gates_done(&gates);
}

static void tell_at(struct scene *scene, const char *node, const char *check,
                    enum verdict_value value, int64_t at)
{
    struct verdict verdict = {.value = value, .severity = SEVERITY_CRITICAL};

    text_copy(verdict.check, sizeof(verdict.check), check);
    fleet_tell_verdict(fleet_find(&scene->fleet, node), &verdict, 30, at);
}

/* A line that rests on several words is as old as the oldest, in whatever order they came. */
static void evidence_is_as_old_as_its_oldest_word(void **state)
{
    struct scene *scene = *state;
    struct gates gates;

    fix_also(scene, "egress-address", 2);
    for (int turn = 0; turn < 2; turn++) {
        tell_at(scene, "a1", "database", VERDICT_FAIL, NOW_UNIX - (turn == 0 ? 7 : 3));
        tell_at(scene, "a1", "egress-address", VERDICT_FAIL, NOW_UNIX - (turn == 0 ? 3 : 7));
        tell_at(scene, "office", "ssh:a1", VERDICT_PASS, NOW_UNIX - (turn == 0 ? 8 : 2));
        tell_at(scene, "laptop", "ssh:a1", VERDICT_PASS, NOW_UNIX - (turn == 0 ? 2 : 8));
        gates_evaluate(&scene->inputs, &gates);
        assert_true(gates_pass(&gates));
        assert_int_equal(evidence_of(&gates, GATE_NEEDED, "fixes")->at, NOW_UNIX - 7);
        assert_int_equal(evidence_of(&gates, GATE_SSH_PATH, "witnesses")->at, NOW_UNIX - 8);
        gates_done(&gates);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, gates_case_make, gates_case_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(all_say_yes),
        CASE(working),
        CASE(working_needs_fresh_answers),
        CASE(needed),
        CASE(needed_asks_each_that_is_fixed),
        CASE(needed_asks_where_it_is_declared),
        CASE(approved),
        CASE(one_first),
        CASE(one_first_of_larger_stages),
        CASE(what_bars_a_start),
        CASE(documented),
        CASE(hold_by_freeze),
        CASE(hold_by_pause_and_maintenance),
        CASE(hold_outside_of_a_window),
        CASE(hold_by_quarantine),
        CASE(a_waiver_is_for_no_later_quarantine),
        CASE(an_unknown_fleet_never_passes),
        CASE(evidence_says_when),
        CASE(evidence_is_as_old_as_its_oldest_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
