/*
 * manifest: what holds for every manifest, whoever asks, and how its parts are called.
 */
#include "common/change/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/name.h"
#include "common/core/text.h"

enum { TIME_MAX_S = 7 * 24 * 3600 };

static const struct {
    const char *name;
    const char *question;
} gates[] = {
    [GATE_WORKING] = {"working", "Is the system currently working?"},
    [GATE_NEEDED] = {"needed",
                     "Has it been verified that what the change fixes is actually broken?"},
    [GATE_APPROVED] = {"approved", "Has the operator been asked, and answered an explicit yes?"},
    [GATE_REVERSIBLE] = {"reversible", "Is there a rollback plan, and has it been shown to work?"},
    [GATE_ONE_FIRST] = {"one-first", "Is it tested on one node first?"},
    [GATE_CLUSTER_PATH] = {"cluster-path",
                           "Does it preserve cluster networking (kubelet <-> API server)?"},
    [GATE_SSH_PATH] = {"ssh-path",
                       "Does it preserve SSH access? (And can the console or the provider's API be "
                       "reached if SSH breaks?)"},
    [GATE_DOCUMENTED] = {"documented", "Is what is about to change written down?"},
    [GATE_HOLD] = {"hold", "Is nothing on hold that it touches?"},
};
_Static_assert(sizeof(gates) / sizeof(gates[0]) == GATE_COUNT, "name every gate");

static const char *const waiver_names[] = {
    [WAIVE_NEEDED] = "needed",         [WAIVE_CONSOLE] = "console",
    [WAIVE_PREDICTION] = "prediction", [WAIVE_LINT] = "lint",
    [WAIVE_WINDOW] = "window",         [WAIVE_QUARANTINE] = "quarantine",
    [WAIVE_QUORUM] = "quorum",         [WAIVE_PROTECTED_FIRST] = "protected-first",
};
_Static_assert(sizeof(waiver_names) / sizeof(waiver_names[0]) == WAIVE_COUNT, "name every waiver");

void manifest_plan_done(struct manifest_plan *plan)
{
    free(plan->operations);
    free(plan->checks);
    *plan = (struct manifest_plan){0};
}

void manifest_done(struct manifest *manifest)
{
    for (uint32_t i = 0; i < manifest->plans_count; i++)
        manifest_plan_done(&manifest->plans[i]);
    free(manifest->plans);
    free(manifest->stages);
    free(manifest->roster);
    *manifest = (struct manifest){0};
}

const char *gate_name(enum gate gate)
{
    return gate < GATE_COUNT ? gates[gate].name : "?";
}

const char *gate_question(enum gate gate)
{
    return gate < GATE_COUNT ? gates[gate].question : "?";
}

const char *waiver_name(enum waiver waiver)
{
    return waiver < WAIVE_COUNT ? waiver_names[waiver] : "?";
}

bool waiver_parse(const char *text, enum waiver *ret_waiver)
{
    for (unsigned i = 0; i < WAIVE_COUNT; i++) {
        if (text_equal(text, waiver_names[i])) {
            *ret_waiver = (enum waiver)i;
            return true;
        }
    }
    return false;
}

const struct manifest_plan *manifest_find_plan(const struct manifest *manifest, const char *node)
{
    for (uint32_t i = 0; i < manifest->plans_count; i++) {
        if (text_equal(manifest->plans[i].node, node))
            return &manifest->plans[i];
    }
    return NULL;
}

const struct roster_entry *manifest_find_entry(const struct manifest *manifest, const char *name)
{
    for (uint32_t i = 0; i < manifest->roster_count; i++) {
        if (text_equal(manifest->roster[i].name, name))
            return &manifest->roster[i];
    }
    return NULL;
}

int manifest_stage_of(const struct manifest *manifest, const char *node)
{
    for (uint32_t s = 0; s < manifest->stages_count; s++) {
        for (uint32_t n = 0; n < manifest->stages[s].nodes_count; n++) {
            if (text_equal(manifest->stages[s].nodes[n], node))
                return (int)s;
        }
    }
    return -1;
}

uint32_t manifest_plan_places(const struct manifest_plan *plan)
{
    return plan->operations_count * OPERATION_OBJECTS_MAX;
}

static bool object_of_place(const struct manifest_plan *plan, uint32_t i, char *ret_object,
                            size_t size)
{
    struct text text;

    text_init(&text, ret_object, size);
    return operation_object_at(&plan->operations[i / OPERATION_OBJECTS_MAX],
                               i % OPERATION_OBJECTS_MAX, &text);
}

bool manifest_plan_object(const struct manifest_plan *plan, uint32_t i, char *ret_object,
                          size_t size)
{
    char object[96];

    if (!object_of_place(plan, i, ret_object, size))
        return false;
    for (uint32_t earlier = 0; earlier < i; earlier++) {
        if (object_of_place(plan, earlier, object, sizeof(object)) &&
            text_equal(object, ret_object))
            return false;
    }
    return true;
}

unsigned manifest_trial_max_s(const struct manifest *manifest)
{
    return manifest->apply_s + manifest->settle_s + manifest->soak_s + 2 * manifest->lease_s +
           manifest->revert_budget_s;
}

int64_t manifest_valid_max_s(const struct manifest *manifest)
{
    enum { WEEK_S = 7 * 86400 };
    int64_t twice = 2 * (int64_t)manifest_trial_max_s(manifest) * manifest->stages_count;

    return twice > WEEK_S ? twice : WEEK_S;
}

static bool key_is_zero(const struct public_key *key)
{
    static const struct public_key zero;

    return key_equal(key, &zero);
}

static unsigned count_in_stages(const struct manifest *manifest, const char *node)
{
    unsigned count = 0;

    for (uint32_t s = 0; s < manifest->stages_count; s++) {
        for (uint32_t n = 0; n < manifest->stages[s].nodes_count; n++)
            count += text_equal(manifest->stages[s].nodes[n], node);
    }
    return count;
}

static bool validate_stages(const struct manifest *manifest, struct err *err)
{
    uint32_t members = 0;

    if (manifest->stages_count == 0 || manifest->stages_count > STAGES_MAX)
        return err_set(err, ERR_INPUT, "%u stages: accepted are 1 to %u", manifest->stages_count,
                       STAGES_MAX);
    if (manifest->stages[0].nodes_count != 1)
        return err_set(err, ERR_INPUT, "stage 1 has %u nodes: accepted is exactly one",
                       manifest->stages[0].nodes_count);
    for (uint32_t s = 0; s < manifest->stages_count; s++) {
        const struct stage *stage = &manifest->stages[s];

        if (stage->nodes_count == 0)
            return err_set(err, ERR_INPUT, "stage %u has no node", s + 1);
        members += stage->nodes_count;
        for (uint32_t n = 0; n < stage->nodes_count; n++) {
            if (manifest_find_plan(manifest, stage->nodes[n]) == NULL)
                return err_set(err, ERR_INPUT, "stage %u names %s, which has no plan", s + 1,
                               stage->nodes[n]);
            if (count_in_stages(manifest, stage->nodes[n]) != 1)
                return err_set(err, ERR_INPUT, "%s stands in more than one stage", stage->nodes[n]);
        }
    }
    if (members != manifest->plans_count)
        return err_set(err, ERR_INPUT, "%u plans for %u nodes in stages: accepted is one each",
                       manifest->plans_count, members);
    return true;
}

/* Whoever has one key is one, however many names he goes by: two witnesses with one key would make
 * a quorum of one. */
static bool validate_roster(const struct manifest *manifest, struct err *err)
{
    for (uint32_t i = 0; i < manifest->roster_count; i++) {
        const struct roster_entry *entry = &manifest->roster[i];

        for (uint32_t j = 0; j < i; j++) {
            const struct roster_entry *other = &manifest->roster[j];

            if (key_equal(&entry->agent_key, &other->agent_key) && !key_is_zero(&entry->agent_key))
                return err_set(err, ERR_INPUT,
                               "%s and %s have the same agent key: accepted is one "
                               "name a key",
                               other->name, entry->name);
            if (key_equal(&entry->guard_key, &other->guard_key) && !key_is_zero(&entry->guard_key))
                return err_set(err, ERR_INPUT,
                               "%s and %s have the same guard key: accepted is one "
                               "name a key",
                               other->name, entry->name);
        }
    }
    return true;
}

static bool validate_witnesses(const struct manifest *manifest, const struct manifest_plan *plan,
                               struct err *err)
{
    unsigned quorum_min = manifest->waived[WAIVE_QUORUM] ? 1 : 2;

    if (manifest->waived[WAIVE_QUORUM] && manifest->waived[WAIVE_PROTECTED_FIRST])
        return err_set(err, ERR_INPUT,
                       "`quorum` and `protected-first` are waived together: accepted is one of "
                       "them, as a protected node that goes first needs two counting witnesses");
    for (uint32_t i = 0; i < plan->witnesses_count; i++) {
        const struct roster_entry *entry = manifest_find_entry(manifest, plan->witnesses[i]);

        if (text_equal(plan->witnesses[i], plan->node))
            return err_set(err, ERR_INPUT, "it is its own witness, which proves nothing");
        if (entry == NULL || key_is_zero(&entry->agent_key))
            return err_set(err, ERR_INPUT, "witness %s has no key in the manifest's roster",
                           plan->witnesses[i]);
        for (uint32_t j = 0; j < i; j++) {
            if (text_equal(plan->witnesses[i], plan->witnesses[j]))
                return err_set(err, ERR_INPUT, "witness %s is named twice", plan->witnesses[i]);
        }
    }
    if (plan->quorum < quorum_min)
        return err_set(err, ERR_INPUT, "quorum %u: accepted is %u or more%s", plan->quorum,
                       quorum_min, quorum_min == 2 ? ", or 1 with `waive: {quorum: REASON}`" : "");
    if (plan->witnesses_count < plan->quorum)
        return err_set(err, ERR_INPUT, "%u witnesses for a quorum of %u%s", plan->witnesses_count,
                       plan->quorum,
                       plan->quorum > 1 ? "; admit another witness, or write `waive: {quorum: "
                                          "REASON}` for a quorum of 1"
                                        : "; admit a witness");
    return true;
}

static bool validate_plan(const struct manifest *manifest, const struct manifest_plan *plan,
                          struct err *err)
{
    const struct roster_entry *entry = manifest_find_entry(manifest, plan->node);

    if (!name_check("node", plan->node, err))
        return false;
    if (entry == NULL || entry->witness_only || key_is_zero(&entry->guard_key))
        return err_set(err, ERR_INPUT, "it has no guard's key in the manifest's roster");
    if (!address_is_set(&plan->ssh.address) || plan->ssh.port == 0)
        return err_set(err, ERR_INPUT, "no SSH address and port, so nobody can witness it");
    if (plan->ssh.audience >= AUDIENCE_COUNT)
        return err_set(err, ERR_INPUT, "audience %u of its SSH address is not known",
                       (unsigned)plan->ssh.audience);
    if (plan->operations_count == 0 || plan->operations_count > OPERATIONS_MAX)
        return err_set(err, ERR_INPUT, "%u operations: accepted are 1 to %u",
                       plan->operations_count, OPERATIONS_MAX);
    for (uint32_t i = 0; i < plan->operations_count; i++) {
        if (!operation_validate(&plan->operations[i], err))
            return err_wrap(err, "operation %u", i + 1);
    }
    if (plan->checks_count > CHECKS_MAX || plan->flows_count > FLOWS_MAX)
        return err_set(err, ERR_INPUT, "%u checks and %u flows: accepted are at most %u and %u",
                       plan->checks_count, plan->flows_count, CHECKS_MAX, FLOWS_MAX);
    for (uint32_t i = 0; i < plan->checks_count; i++) {
        if (!check_validate(&plan->checks[i], err))
            return false;
    }
    return validate_witnesses(manifest, plan, err);
}

bool manifest_check_prefs(const struct manifest_plan *plan, struct err *err)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < plan->operations_count; i++)
        count += plan->operations[i].kind == OPERATION_TAILSCALE;
    return count <= 1 ||
           err_set(err, ERR_INPUT,
                   "%u `tailscale` operations: accepted is one, with all preferences in it, so "
                   "that taking them back asks tailscaled once",
                   count);
}

static bool validate_range(const char *what, unsigned value, unsigned min, struct err *err)
{
    if (value >= min && value <= TIME_MAX_S)
        return true;
    return err_set(err, ERR_INPUT, "%s %u s: accepted are %u s to %u s", what, value, min,
                   TIME_MAX_S);
}

/* docs/protocol.md rule 7. Each term is at most TIME_MAX_S, so no sum runs over. */
static bool validate_lease(const struct manifest *m, struct err *err)
{
    if (m->period_s + m->path_s > m->lease_s)
        return err_set(err, ERR_INPUT,
                       "lease %u s is too short: period %u s + path %u s = %u s must fit into it",
                       m->lease_s, m->period_s, m->path_s, m->period_s + m->path_s);
    if (m->dial_s + m->settle_s + m->path_s > m->lease_s)
        return err_set(err, ERR_INPUT,
                       "lease %u s is too short: dial %u s + settle %u s + path %u s = %u s must "
                       "fit into it",
                       m->lease_s, m->dial_s, m->settle_s, m->path_s,
                       m->dial_s + m->settle_s + m->path_s);
    return true;
}

static bool validate_times(const struct manifest *m, struct err *err)
{
    return validate_range("soak", m->soak_s, 1, err) &&
           validate_range("lease", m->lease_s, 1, err) &&
           validate_range("period", m->period_s, 1, err) &&
           validate_range("path", m->path_s, 1, err) && validate_range("dial", m->dial_s, 1, err) &&
           validate_range("apply", m->apply_s, 1, err) &&
           validate_range("settle", m->settle_s, 0, err) &&
           validate_range("grace", m->grace_s, 0, err) &&
           validate_range("revert budget", m->revert_budget_s, 1, err) && validate_lease(m, err);
}

static bool validate_fixes(const struct manifest *manifest, struct err *err)
{
    for (uint32_t f = 0; f < manifest->fixes_count; f++) {
        bool found = false;

        for (uint32_t p = 0; p < manifest->plans_count && !found; p++) {
            for (uint32_t c = 0; c < manifest->plans[p].checks_count; c++)
                found |= text_equal(manifest->plans[p].checks[c].name, manifest->fixes[f]);
        }
        if (!found)
            return err_set(err, ERR_INPUT, "fixes '%s': no target has a check of that name",
                           manifest->fixes[f]);
    }
    return true;
}

static bool validate_waivers(const struct manifest *manifest, struct err *err)
{
    for (unsigned i = 0; i < WAIVE_COUNT; i++) {
        if (manifest->waived[i] && manifest->waiver_reasons[i][0] == '\0')
            return err_set(err, ERR_INPUT, "`%s` is waived without a reason", waiver_names[i]);
    }
    return true;
}

bool manifest_validate(const struct manifest *manifest, struct err *err)
{
    if (!name_check("change", manifest->change, err))
        return false;
    if (manifest->pause_after >= PAUSE_COUNT)
        return err_set(err, ERR_INPUT, "pause after %u is not known",
                       (unsigned)manifest->pause_after);
    if (!validate_times(manifest, err) || !validate_stages(manifest, err) ||
        !validate_roster(manifest, err) || !validate_waivers(manifest, err))
        return false;
    for (uint32_t i = 0; i < manifest->plans_count; i++) {
        if (!validate_plan(manifest, &manifest->plans[i], err))
            return err_wrap(err, "plan of %s", manifest->plans[i].node);
    }
    return validate_fixes(manifest, err);
}
