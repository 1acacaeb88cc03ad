/*
 * test_manifest: what every manifest must be, whoever asks; each refusal shows the arithmetic.
 */
#include "common/change/manifest.h"

#include "common/core/mem.h"
#include "common/core/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void add_entry(struct manifest *manifest, const char *name, bool witness_only)
{
    struct roster_entry *entry = &manifest->roster[manifest->roster_count++];

    text_copy(entry->name, sizeof(entry->name), name);
    entry->witness_only = witness_only;
    memset(entry->agent_key.bytes, (int)manifest->roster_count, KEY_SIZE);
    if (!witness_only)
        memset(entry->guard_key.bytes, 100 + (int)manifest->roster_count, KEY_SIZE);
}

static void fill_plan(struct manifest_plan *plan, const char *node, const char *other)
{
    text_copy(plan->node, sizeof(plan->node), node);
    plan->operations = mem_alloc(1, sizeof(*plan->operations));
    plan->operations_count = 1;
    plan->operations[0].kind = OPERATION_SYSCTL;
    text_copy(plan->operations[0].sysctl.setting.name, SYSCTL_NAME_SIZE, "net.ipv4.ip_forward");
    text_copy(plan->operations[0].sysctl.setting.value, SYSCTL_VALUE_SIZE, "1");
    plan->witnesses_count = 2;
    text_copy(plan->witnesses[0], NAME_SIZE, other);
    text_copy(plan->witnesses[1], NAME_SIZE, "office");
    plan->quorum = 2;
    assert_true(address_parse("203.0.113.10", &plan->ssh.address));
    plan->ssh.port = 22;
}

static void make(struct manifest *manifest)
{
    *manifest = (struct manifest){.soak_s = 300,
                                  .lease_s = 60,
                                  .period_s = 15,
                                  .path_s = 7,
                                  .dial_s = 10,
                                  .apply_s = 1,
                                  .settle_s = 10,
                                  .grace_s = 22,
                                  .revert_budget_s = 5,
                                  .stages_count = 2,
                                  .plans_count = 2};
    text_copy(manifest->change, sizeof(manifest->change), "workers-use-exit-node");
    manifest->stages = mem_alloc(2, sizeof(*manifest->stages));
    manifest->plans = mem_alloc(2, sizeof(*manifest->plans));
    manifest->roster = mem_alloc(3, sizeof(*manifest->roster));
    add_entry(manifest, "srv712695", false);
    add_entry(manifest, "calypso", false);
    add_entry(manifest, "office", true);
    fill_plan(&manifest->plans[0], "srv712695", "calypso");
    fill_plan(&manifest->plans[1], "calypso", "srv712695");
    for (unsigned i = 0; i < 2; i++) {
        manifest->stages[i].nodes_count = 1;
        text_copy(manifest->stages[i].nodes[0], NAME_SIZE, manifest->plans[i].node);
    }
}

static int make_one(void **state)
{
    *state = mem_alloc(1, sizeof(struct manifest));
    make(*state);
    return 0;
}

static int end_one(void **state)
{
    manifest_done(*state);
    free(*state);
    return 0;
}

static void refuse(const struct manifest *manifest, const char *part)
{
    struct err err = ERR_INIT;

    assert_false(manifest_validate(manifest, &err));
    if (strstr(err.text, part) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, part);
}

static void accepts_a_good_one(void **state)
{
    struct manifest *manifest = *state;
    struct err err = ERR_INIT;

    if (!manifest_validate(manifest, &err))
        fail_msg("%s", err.text);
    assert_int_equal(manifest_trial_max_s(manifest), 1 + 10 + 300 + 120 + 5);
    assert_int_equal(manifest_stage_of(manifest, "calypso"), 1);
    assert_int_equal(manifest_stage_of(manifest, "office"), -1);
    assert_null(manifest_find_plan(manifest, "office"));
    assert_non_null(manifest_find_entry(manifest, "office"));
}

/* docs/protocol.md rule 7 */
static void shows_the_lease_arithmetic(void **state)
{
    struct manifest *manifest = *state;

    manifest->lease_s = 20;
    refuse(manifest, "period 15 s + path 7 s = 22 s must fit into it");
    manifest->lease_s = 25;
    refuse(manifest, "dial 10 s + settle 10 s + path 7 s = 27 s must fit into it");
}

static void first_stage_is_one_node(void **state)
{
    struct manifest *manifest = *state;

    manifest->stages[0].nodes_count = 2;
    text_copy(manifest->stages[0].nodes[1], NAME_SIZE, "calypso");
    manifest->stages_count = 1;
    refuse(manifest, "stage 1 has 2 nodes: accepted is exactly one");
}

static void a_node_stands_in_one_stage(void **state)
{
    struct manifest *manifest = *state;

    text_copy(manifest->stages[1].nodes[0], NAME_SIZE, "srv712695");
    refuse(manifest, "srv712695 stands in more than one stage");
    text_copy(manifest->stages[1].nodes[0], NAME_SIZE, "office");
    refuse(manifest, "stage 2 names office, which has no plan");
}

static void nobody_witnesses_himself(void **state)
{
    struct manifest *manifest = *state;

    text_copy(manifest->plans[0].witnesses[0], NAME_SIZE, "srv712695");
    refuse(manifest, "its own witness");
    text_copy(manifest->plans[0].witnesses[0], NAME_SIZE, "stranger");
    refuse(manifest, "witness stranger has no key");
    text_copy(manifest->plans[0].witnesses[0], NAME_SIZE, "office");
    refuse(manifest, "witness office is named twice");
}

static void quorum_is_two_unless_waived(void **state)
{
    struct manifest *manifest = *state;
    struct err err = ERR_INIT;

    manifest->plans[0].quorum = 1;
    manifest->plans[0].witnesses_count = 1;
    refuse(manifest, "quorum 1: accepted is 2 or more");
    manifest->plans[0].quorum = 2;
    refuse(manifest, "1 witnesses for a quorum of 2");
    manifest->plans[0].quorum = 1;
    manifest->waived[WAIVE_QUORUM] = true;
    refuse(manifest, "`quorum` is waived without a reason");
    text_copy(manifest->waiver_reasons[WAIVE_QUORUM], REASON_SIZE, "only one box outside");
    assert_true(manifest_validate(manifest, &err));
}

static void a_target_needs_a_guard(void **state)
{
    struct manifest *manifest = *state;

    manifest->roster[0].witness_only = true;
    refuse(manifest, "plan of srv712695: it has no guard's key");
}

static void a_key_has_one_name(void **state)
{
    struct manifest *manifest = *state;
    struct public_key kept = manifest->roster[2].agent_key;

    manifest->roster[2].agent_key = manifest->roster[1].agent_key;
    refuse(manifest, "calypso and office have the same agent key: accepted is one name a key");
    manifest->roster[2].agent_key = kept;
    manifest->roster[1].guard_key = manifest->roster[0].guard_key;
    refuse(manifest, "srv712695 and calypso have the same guard key: accepted is one name a key");
}

static void fixes_must_be_checked(void **state)
{
    struct manifest *manifest = *state;

    manifest->fixes_count = 1;
    text_copy(manifest->fixes[0], NAME_SIZE, "egress-address");
    refuse(manifest, "fixes 'egress-address'");
}

static void operations_are_validated(void **state)
{
    struct manifest *manifest = *state;

    text_copy(manifest->plans[1].operations[0].sysctl.setting.name, SYSCTL_NAME_SIZE,
              "kernel.core_pattern");
    refuse(manifest, "plan of calypso: operation 1: ");
    manifest->plans[1].operations_count = 0;
    refuse(manifest, "0 operations: accepted are 1 to ");
}

/* What a quarantine holds, and what an approval has to answer for. */
static void objects_are_each_named_once(void **state)
{
    static struct operation operations[] = {
        {.kind = OPERATION_SYSCTL, .sysctl.setting = {"net.ipv4.ip_forward", "1"}},
        {.kind = OPERATION_TAILSCALE,
         .tailscale = {.set_exit_node = true, .set_accept_routes = true}},
        {.kind = OPERATION_SYSCTL, .sysctl.setting = {"net.ipv4.ip_forward", "0"}},
        {.kind = OPERATION_TAILSCALE,
         .tailscale = {.set_allow_lan_access = true, .set_advertise_routes = true}},
    };
    const struct manifest_plan plan = {.operations = operations, .operations_count = 4};
    char objects[200] = "";
    struct text text = TEXT_IN(objects);

    (void)state;
    for (uint32_t i = 0; i < manifest_plan_places(&plan); i++) {
        char object[96];

        if (manifest_plan_object(&plan, i, object, sizeof(object)))
            text_add(&text, "%s; ", object);
    }
    assert_string_equal(objects, "sysctl net.ipv4.ip_forward; tailscale exit-node; "
                                 "tailscale accept-routes; tailscale advertise-routes; ");
}

/* Whoever writes two is told where all of it goes. One of an older version that stands is read. */
static void preferences_are_set_by_one_operation(void **state)
{
    static struct operation operations[] = {
        {.kind = OPERATION_TAILSCALE, .tailscale = {.set_accept_routes = true}},
        {.kind = OPERATION_SYSCTL, .sysctl.setting = {"net.ipv4.ip_forward", "1"}},
        {.kind = OPERATION_TAILSCALE, .tailscale = {.set_exit_node = true}},
    };
    struct manifest_plan plan = {.operations = operations, .operations_count = 2};
    struct err err = ERR_INIT;

    (void)state;
    assert_true(manifest_check_prefs(&plan, &err));
    plan.operations_count = 3;
    assert_false(manifest_check_prefs(&plan, &err));
    assert_non_null(strstr(err.text, "2 `tailscale` operations: accepted is one"));
}

static void names_are_parsed_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WAIVE_COUNT; i++) {
        enum waiver waiver;

        assert_true(waiver_parse(waiver_name((enum waiver)i), &waiver));
        assert_int_equal(waiver, i);
    }
    for (unsigned i = 0; i < GATE_COUNT; i++)
        assert_true(strlen(gate_question((enum gate)i)) > strlen(gate_name((enum gate)i)));
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, make_one, end_one)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE(accepts_a_good_one),
        ONE(shows_the_lease_arithmetic),
        ONE(first_stage_is_one_node),
        ONE(a_node_stands_in_one_stage),
        ONE(nobody_witnesses_himself),
        ONE(quorum_is_two_unless_waived),
        ONE(a_target_needs_a_guard),
        ONE(a_key_has_one_name),
        ONE(fixes_must_be_checked),
        ONE(operations_are_validated),
        cmocka_unit_test(objects_are_each_named_once),
        cmocka_unit_test(preferences_are_set_by_one_operation),
        cmocka_unit_test(names_are_parsed_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
