/*
 * owned: lists the operations that this node answers for.
 */
#include "agent/guard/io/owned.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/net/render.h"

/* ---- which take each other's place ---------------------------------------------------------- */

static bool same_route_key(const struct route *a, const struct route *b)
{
    return snapshot_compare_routes(a, b) == 0;
}

/* The same rule but for where it leads: a newer one with the same selectors replaces it. */
static bool same_rule_key(const struct rule *a, const struct rule *b)
{
    struct rule x = *a;
    struct rule y = *b;

    x.table = y.table = 0;
    x.goto_priority = y.goto_priority = 0;
    x.action = y.action = 0;
    return render_same_rule(&x, &y);
}

static bool replaces(const struct operation *newer, const struct operation *older)
{
    if (newer->kind != older->kind)
        return false;
    switch (newer->kind) {
    case OPERATION_ROUTE:
        return same_route_key(&newer->route.route, &older->route.route);
    case OPERATION_RULE:
        return same_rule_key(&newer->rule.rule, &older->rule.rule);
    case OPERATION_SYSCTL:
        return text_equal(newer->sysctl.setting.name, older->sysctl.setting.name);
    case OPERATION_TAILSCALE:
    case OPERATION_KIND_COUNT:
        break;
    }
    return false;
}

static void drop_replaced(struct owned *owned, const struct operation *newer)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < owned->count; i++) {
        if (!replaces(newer, &owned->operations[i]))
            owned->operations[kept++] = owned->operations[i];
    }
    owned->count = kept;
}

static void add(struct owned *owned, const struct operation *operation)
{
    size_t capacity = owned->capacity;

    owned->operations =
        mem_grow(owned->operations, owned->count, &capacity, sizeof(*owned->operations));
    owned->capacity = (uint32_t)capacity;
    owned->operations[owned->count++] = *operation;
}

/* ---- which are there to stay ---------------------------------------------------------------- */

static bool is_undoing(const struct trial *trial)
{
    return trial->state == TRIAL_REVERTING || trial->state == TRIAL_VERIFYING ||
           (trial->state == TRIAL_CLOSING && trial->end_pending);
}

/* Kept on: applied, and neither undone nor being undone now. */
static bool is_on(const struct trial *trial, const struct ledger_generation *generation,
                  uint32_t operation)
{
    if (!generation->touched[operation])
        return false;
    if (trial == NULL || !generation_id_equal(&trial->id, &generation->id))
        return true;
    if (trial->state == TRIAL_APPLYING)
        return operation != trial->operation;
    if (!is_undoing(trial))
        return true;
    return operation < trial->revert.steps_count && trial->revert.steps[operation].touched &&
           trial->revert.steps[operation].outcome == REVERT_WAITING;
}

static void take_generation(struct owned *owned, enum owned_what what, struct journal *journal,
                            const struct ledger_generation *generation, const struct trial *trial,
                            bool is_open)
{
    const struct journal_generation *kept = journal_find(journal, &generation->id);

    for (uint32_t i = 0; kept != NULL && i < kept->items_count; i++) {
        const struct undo_item *item = &kept->items[i];

        if (item->operation >= OPERATIONS_MAX || item->persists ||
            !is_on(trial, generation, item->operation))
            continue;
        drop_replaced(owned, &item->change);
        if (item->shield || (what == OWNED_ALL && !is_open))
            add(owned, &item->change);
    }
}

void owned_list(struct owned *ret_owned, enum owned_what what, struct journal *journal,
                const struct ledger *ledger, const struct trial *trial)
{
    memset(ret_owned, 0, sizeof(*ret_owned));
    for (uint32_t i = 0; i < ledger->generations_count; i++)
        take_generation(ret_owned, what, journal, &ledger->generations[i], trial, false);
    if (ledger->is_open)
        take_generation(ret_owned, what, journal, &ledger->open, trial, true);
}

/* ---- what was signed ------------------------------------------------------------------------ */

bool owned_read_plan(const struct journal_generation *generation, const char *node,
                     struct manifest *ret_manifest, const struct manifest_plan **ret_plan,
                     struct err *err)
{
    if (generation == NULL)
        return err_set(err, ERR_MISSING, "its body is not in the journal");
    if (!wire_decode_manifest(wire_lend(&generation->body), ret_manifest, err))
        return err_wrap(err, "body in the journal");
    *ret_plan = manifest_find_plan(ret_manifest, node);
    if (*ret_plan != NULL)
        return true;
    manifest_done(ret_manifest);
    return err_set(err, ERR_MISSING, "its body has no plan for %s", node);
}

void owned_name_in(const struct manifest *manifest, const struct public_key *key, char *ret_name)
{
    ret_name[0] = '\0';
    for (uint32_t i = 0; i < manifest->roster_count; i++) {
        if (key_equal(&manifest->roster[i].guard_key, key))
            text_copy(ret_name, NAME_SIZE, manifest->roster[i].name);
    }
}

static bool name_by(struct journal *journal, const struct generation_id *id,
                    const struct public_key *key, char *ret_name)
{
    const struct journal_generation *kept = journal_find(journal, id);
    struct manifest manifest;
    struct err err = ERR_INIT;

    if (kept == NULL || !wire_decode_manifest(wire_lend(&kept->body), &manifest, &err))
        return false;
    owned_name_in(&manifest, key, ret_name);
    manifest_done(&manifest);
    return ret_name[0] != '\0';
}

void owned_find_name(struct journal *journal, const struct ledger *ledger,
                     const struct public_key *key, char *ret_name)
{
    ret_name[0] = '\0';
    if (ledger->is_open && name_by(journal, &ledger->open.id, key, ret_name))
        return;
    for (uint32_t i = ledger->generations_count; i-- > 0;) {
        if (name_by(journal, &ledger->generations[i].id, key, ret_name))
            return;
    }
}
