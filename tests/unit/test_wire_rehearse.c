/*
 * test_wire_rehearse: what guard and oceanid-rehearse say comes back whole, with the kernel's own
 * messages; and no bytes can do harm.
 */
#include "common/io/wire_rehearse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/core/mem.h"
#include "tests/unit/wire_fill.h"

#include <cmocka.h>

static struct wire_bytes encode_question(struct snapshot *snapshot)
{
    struct operation operations[OPERATION_KIND_COUNT];

    fill_snapshot(snapshot);
    memset(operations, 0, sizeof(operations));
    for (unsigned i = 0; i < OPERATION_KIND_COUNT; i++)
        fill_operation(&operations[i], (enum operation_kind)i);
    return wire_encode_rehearse(snapshot, operations, OPERATION_KIND_COUNT);
}

static void question_comes_back(void **state)
{
    struct operation operation;
    struct snapshot snapshot;
    struct rehearse back;
    struct err err = ERR_INIT;
    AUTO_WIRE struct wire_bytes bytes = encode_question(&snapshot);

    (void)state;
    if (!wire_decode_rehearse(wire_lend(&bytes), &back, &err))
        fail_msg("%s", err.text);
    expect_same_snapshot(&snapshot, &back.snapshot, true);
    assert_int_equal(back.operations_count, OPERATION_KIND_COUNT);
    for (unsigned i = 0; i < OPERATION_KIND_COUNT; i++) {
        memset(&operation, 0, sizeof(operation));
        fill_operation(&operation, (enum operation_kind)i);
        assert_memory_equal(&operation, &back.operations[i], sizeof(operation));
    }
    rehearse_done(&back);
    snapshot_done(&snapshot);
}

static void try_question(struct bytes bad)
{
    struct rehearse asked;
    struct err err = ERR_INIT;

    if (wire_decode_rehearse(bad, &asked, &err))
        rehearse_done(&asked);
    else
        assert_string_not_equal(err.text, "");
}

static void question_bears_anything(void **state)
{
    struct snapshot snapshot;
    AUTO_WIRE struct wire_bytes bytes = encode_question(&snapshot);

    (void)state;
    torment(wire_lend(&bytes), try_question);
    snapshot_done(&snapshot);
}

static void questions_are_bounded(void **state)
{
    AUTO_FREE struct operation *operations = mem_alloc(OPERATIONS_MAX + 1, sizeof(*operations));
    struct snapshot none;
    struct rehearse back;
    struct err err = ERR_INIT;

    (void)state;
    snapshot_init(&none);
    for (unsigned i = 0; i <= OPERATIONS_MAX; i++)
        fill_operation(&operations[i], OPERATION_SYSCTL);
    AUTO_WIRE struct wire_bytes bytes = wire_encode_rehearse(&none, operations, OPERATIONS_MAX + 1);
    assert_false(wire_decode_rehearse(wire_lend(&bytes), &back, &err));
    assert_string_equal(err.text, "what is to be rehearsed: 257 operations: accepted are at most "
                                  "256");
    err = (struct err)ERR_INIT;
    assert_false(wire_decode_rehearse((struct bytes){NULL, 0}, &back, &err));
    assert_string_equal(err.text, "what is to be rehearsed: snapshot is missing");
}

/* ---- a plan that nobody signed -------------------------------------------------------------- */

static struct wire_bytes encode_plan(struct manifest *manifest)
{
    fill_manifest(manifest);
    return wire_encode_plan(&manifest->plans[0]);
}

/* What is encoded again is the same, so nothing of it was lost. */
static void plan_comes_back(void **state)
{
    struct manifest manifest;
    AUTO_WIRE struct wire_bytes bytes = encode_plan(&manifest);
    AUTO_WIRE struct wire_bytes again = {NULL, 0};
    struct manifest_plan back;
    struct err err = ERR_INIT;

    (void)state;
    if (!wire_decode_plan(wire_lend(&bytes), &back, &err))
        fail_msg("%s", err.text);
    assert_int_equal(back.operations_count, manifest.plans[0].operations_count);
    again = wire_encode_plan(&back);
    expect_same_bytes(wire_lend(&bytes), wire_lend(&again));
    manifest_plan_done(&back);
    manifest_done(&manifest);
}

static void try_plan(struct bytes bad)
{
    struct manifest_plan plan;
    struct err err = ERR_INIT;

    if (wire_decode_plan(bad, &plan, &err))
        manifest_plan_done(&plan);
    else
        assert_string_not_equal(err.text, "");
}

static void plan_bears_anything(void **state)
{
    struct manifest manifest;
    AUTO_WIRE struct wire_bytes bytes = encode_plan(&manifest);

    (void)state;
    torment(wire_lend(&bytes), try_plan);
    manifest_done(&manifest);
}

/* ---- the answer ----------------------------------------------------------------------------- */

static void fill_rehearsal(struct rehearsal *rehearsal)
{
    memset(rehearsal, 0, sizeof(*rehearsal));
    text_copy(rehearsal->lacks, REASON_SIZE, "2 objects of the host could not be set up");
    rehearsal->operations_count = REHEARSED_OUTCOME_COUNT;
    for (unsigned i = 0; i < REHEARSED_OUTCOME_COUNT; i++) {
        rehearsal->operations[i].outcome = (enum rehearsed_outcome)i;
        snprintf(rehearsal->operations[i].why, REASON_SIZE, "because of %u", i);
    }
}

static void answer_comes_back(void **state)
{
    static struct rehearsal rehearsal, back;
    struct err err = ERR_INIT;

    (void)state;
    fill_rehearsal(&rehearsal);
    AUTO_WIRE struct wire_bytes bytes = wire_encode_rehearsal(&rehearsal);
    if (!wire_decode_rehearsal(wire_lend(&bytes), &back, &err))
        fail_msg("%s", err.text);
    assert_memory_equal(&rehearsal, &back, sizeof(rehearsal));
}

static void try_answer(struct bytes bad)
{
    static struct rehearsal rehearsal;
    struct err err = ERR_INIT;

    if (!wire_decode_rehearsal(bad, &rehearsal, &err))
        assert_string_not_equal(err.text, "");
}

static void answer_bears_anything(void **state)
{
    static struct rehearsal rehearsal;

    (void)state;
    fill_rehearsal(&rehearsal);
    AUTO_WIRE struct wire_bytes bytes = wire_encode_rehearsal(&rehearsal);
    torment(wire_lend(&bytes), try_answer);
}

static void unknown_outcome_is_refused(void **state)
{
    static struct rehearsal rehearsal, back;
    struct err err = ERR_INIT;

    (void)state;
    fill_rehearsal(&rehearsal);
    rehearsal.operations[1].outcome = REHEARSED_OUTCOME_COUNT;
    AUTO_WIRE struct wire_bytes bytes = wire_encode_rehearsal(&rehearsal);
    assert_false(wire_decode_rehearsal(wire_lend(&bytes), &back, &err));
    assert_string_equal(err.text, "rehearsal: outcome 5: accepted are 0 to 4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(question_comes_back),   cmocka_unit_test(question_bears_anything),
        cmocka_unit_test(questions_are_bounded), cmocka_unit_test(answer_comes_back),
        cmocka_unit_test(answer_bears_anything), cmocka_unit_test(unknown_outcome_is_refused),
        cmocka_unit_test(plan_comes_back),       cmocka_unit_test(plan_bears_anything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
