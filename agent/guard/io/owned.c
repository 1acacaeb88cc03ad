/*
 * owned: lists the operations that this node answers for.
 */
#include "agent/guard/io/owned.h"

#include <stdlib.h>
#include <string.h>

#include "agent/guard/core/undo_link.h"
#include "agent/guard/core/undo_prefs.h"
#include "agent/guard/core/undo_touch.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/net/tailnet.h"

/* ---- which take each other's place ---------------------------------------------------------- */

static bool same_address(const struct operation_address *newer,
                         const struct operation_address *older)
{
    return text_equal(newer->device, older->device) &&
           address_equal(&newer->address, &older->address) &&
           newer->prefix_len == older->prefix_len;
}

/* What the newer one sets is not the older one's any more; true when nothing is left of it. */
static bool takes_over(const struct operation_link *newer, struct operation_link *older)
{
    if (!text_equal(newer->device, older->device))
        return false;
    if (newer->mtu != 0)
        older->mtu = 0;
    if (newer->set_up)
        older->set_up = false;
    return older->mtu == 0 && !older->set_up;
}

/* False: something of the older one is left, which may be less than it was. */
static bool replaces(const struct operation *newer, struct operation *older)
{
    if (newer->kind != older->kind)
        return false;
    switch (newer->kind) {
    case OPERATION_ROUTE:
        return undo_touch_same_key(&newer->route.route, &older->route.route);
    case OPERATION_RULE: /* where it leads is part of it: others of that priority stay beside it */
        return undo_touch_same_rule(&newer->rule.rule, &older->rule.rule);
    case OPERATION_SYSCTL:
        return text_equal(newer->sysctl.setting.name, older->sysctl.setting.name);
    case OPERATION_NEXTHOP:
        return newer->nexthop.nexthop.id == older->nexthop.nexthop.id;
    case OPERATION_TAILSCALE:
        return !undo_prefs_take_out(&older->tailscale, &newer->tailscale);
    case OPERATION_FILE:
        return text_equal(newer->file.path, older->file.path);
    case OPERATION_ADDRESS:
        return same_address(&newer->address, &older->address);
    case OPERATION_LINK:
        return takes_over(&newer->link, &older->link);
    case OPERATION_KIND_COUNT:
        break;
    }
    return false;
}

/* ---- what went with a newer one ------------------------------------------------------------- */

static bool puts_object(const struct operation *operation)
{
    switch (operation->kind) {
    case OPERATION_ROUTE:
        return !operation->route.absent;
    case OPERATION_ADDRESS:
        return !operation->address.absent;
    case OPERATION_NEXTHOP:
        return !operation->nexthop.absent;
    case OPERATION_RULE:
    case OPERATION_SYSCTL:
    case OPERATION_TAILSCALE:
    case OPERATION_FILE:
    case OPERATION_LINK:
    case OPERATION_KIND_COUNT:
        break;
    }
    return false;
}

/* A setting that is not there any more went with IPv6 of its device, or with the device. */
static bool overwrites(const struct undo_item *newer, const struct snapshot *after,
                       const struct sysctl *own)
{
    const struct sysctl *was = snapshot_find_sysctl(&newer->before, own->name);
    const struct sysctl *made = snapshot_find_sysctl(after, own->name);

    if (was == NULL || !text_equal(was->value, own->value))
        return false;
    return made != NULL ? !text_equal(made->value, own->value)
                        : newer->change.kind == OPERATION_LINK;
}

/* Its mtu follows its device's: as that left it, it is the older one's still. */
static bool follows(struct operation *older, const struct snapshot *after)
{
    struct operation moved = *older;

    for (size_t i = 0; older->kind == OPERATION_ROUTE && i < after->routes_count; i++) {
        if (!undo_touch_same_key(&after->routes[i], &older->route.route))
            continue;
        moved.route.route.mtu = after->routes[i].mtu;
        if (!operation_holds(&moved, after))
            continue;
        *older = moved;
        return true;
    }
    return false;
}

/* What only adds, or sets an mtu that IPv6 can do with, took nothing: whatever is lacking behind it
 * somebody else has taken away. */
static bool may_take(const struct operation *newer)
{
    bool of_device = newer->kind == OPERATION_ADDRESS || newer->kind == OPERATION_LINK;

    return !of_device || undo_link_takes_along(newer);
}

/* It stood as the older change put it, and the newer one's After says that the kernel took it along
 * or overwrote it: what the newer one was proven with is its own. What was another already, nobody
 * but its owner answers for. A shield cuts nobody off, and waits for what it needs. */
static bool takes_along(const struct undo_item *newer, const struct snapshot *after,
                        struct operation *older)
{
    if (older->kind == OPERATION_SYSCTL)
        return overwrites(newer, after, &older->sysctl.setting);
    return puts_object(older) && !older->shield && operation_holds(older, &newer->before) &&
           !operation_holds(older, after) && !follows(older, after) && may_take(&newer->change);
}

static void drop_gone(struct owned *owned, const struct undo_item *newer)
{
    struct snapshot after;
    uint32_t kept = 0;

    if (!undo_touch_has_losses(&newer->change) || owned->count == 0)
        return;
    undo_take_made(newer, &after);
    for (uint32_t i = 0; i < owned->count; i++) {
        struct operation *older = &owned->operations[i];

        if (!takes_along(newer, &after, older))
            owned->operations[kept++] = *older;
    }
    owned->count = kept;
    snapshot_done(&after);
}

static void drop_replaced(struct owned *owned, const struct undo_item *newer)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < owned->count; i++) {
        struct operation *older = &owned->operations[i];

        if (!replaces(&newer->change, older))
            owned->operations[kept++] = *older;
    }
    owned->count = kept;
    drop_gone(owned, newer);
}

static void add(struct owned *owned, const struct operation *operation)
{
    size_t capacity = owned->capacity;

    owned->operations =
        mem_grow(owned->operations, owned->count, &capacity, sizeof(*owned->operations));
    owned->capacity = (uint32_t)capacity;
    owned->operations[owned->count++] = *operation;
}

static bool has_prefs(const struct owned *owned)
{
    for (uint32_t i = 0; i < owned->count; i++) {
        if (owned->operations[i].kind == OPERATION_TAILSCALE)
            return true;
    }
    return false;
}

static void note_profile(struct owned *owned, const struct undo_item *item)
{
    if (item->change.kind != OPERATION_TAILSCALE)
        return;
    if (!has_prefs(owned))
        owned->profile = item->before.tailscale.profile;
    else if (!tailnet_same_profile(&owned->profile, &item->before.tailscale.profile))
        memset(&owned->profile, 0, sizeof(owned->profile));
}

static bool puts_rule(const struct operation *operation)
{
    return operation->kind == OPERATION_RULE && !operation->rule.absent;
}

/* A rule that is put again where it is there stays where it stands: their order is state. */
static bool put_again(struct owned *owned, const struct operation *newer)
{
    for (uint32_t i = 0; i < owned->count; i++) {
        struct operation *there = &owned->operations[i];

        if (!puts_rule(newer) || !puts_rule(there) || !replaces(newer, there))
            continue;
        *there = *newer;
        return true;
    }
    return false;
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
        return operation < trial->operation; /* its intent names more than is done yet */
    if (!is_undoing(trial))
        return true;
    return operation < trial->revert.steps_count && trial->revert.steps[operation].touched &&
           trial->revert.steps[operation].outcome == REVERT_WAITING;
}

/* Being applied: it is not owned yet, and takes an older one's place already. */
static bool is_coming(const struct trial *trial, const struct ledger_generation *generation,
                      uint32_t operation)
{
    return trial != NULL && trial->state == TRIAL_APPLYING && operation >= trial->operation &&
           generation->touched[operation] && generation_id_equal(&trial->id, &generation->id);
}

/* Of one that may be taken back already nothing is put back but its shields, which cut nobody off.
 */
static bool is_wanted(const struct undo_item *item, enum owned_what what, bool is_open,
                      bool in_doubt)
{
    if (in_doubt)
        return item->shield && !item->persists;
    if (item->persists)
        return what == OWNED_EVERYTHING;
    return item->shield || (what != OWNED_SHIELDS && !is_open);
}

/* Part of it may be undone already, by a guard that was here before. */
static bool is_going(const struct ledger_generation *generation)
{
    return generation->mark == MARK_POPPING;
}

static void take_generation(struct owned *owned, enum owned_what what, struct journal *journal,
                            const struct ledger_generation *generation, const struct trial *trial,
                            bool is_open)
{
    const struct journal_generation *kept = journal_find(journal, &generation->id);

    for (uint32_t i = 0; kept != NULL && i < kept->items_count; i++) {
        const struct undo_item *item = &kept->items[i];
        bool wanted;

        if (item->operation >= OPERATIONS_MAX)
            continue;
        if (is_coming(trial, generation, item->operation))
            drop_replaced(owned, item);
        if (!is_on(trial, generation, item->operation))
            continue;
        wanted = is_wanted(item, what, is_open, generation->in_doubt);
        if (wanted && put_again(owned, &item->change))
            continue;
        if (wanted || !generation->in_doubt)
            drop_replaced(owned, item);
        if (wanted) {
            note_profile(owned, item);
            add(owned, &item->change);
        }
    }
}

void owned_list(struct owned *ret_owned, enum owned_what what, struct journal *journal,
                const struct ledger *ledger, const struct trial *trial)
{
    memset(ret_owned, 0, sizeof(*ret_owned));
    for (uint32_t i = 0; i < ledger->generations_count; i++)
        take_generation(ret_owned, what, journal, &ledger->generations[i], trial,
                        is_going(&ledger->generations[i]));
    if (ledger->is_open)
        take_generation(ret_owned, what, journal, &ledger->open, trial, true);
}

/* ---- files ---------------------------------------------------------------------------------- */

static void drop_path(const struct undo_item **items, uint32_t *count, const char *path)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < *count; i++) {
        if (!text_equal(items[i]->change.file.path, path))
            items[kept++] = items[i];
    }
    *count = kept;
}

/* One that is on trial takes an older one's place, and stays where it is. */
static void take_files(const struct undo_item **items, uint32_t *count,
                       const struct journal_generation *kept,
                       const struct ledger_generation *generation, const struct trial *trial,
                       bool is_open)
{
    for (uint32_t i = 0; kept != NULL && i < kept->items_count; i++) {
        const struct undo_item *item = &kept->items[i];

        if (item->change.kind != OPERATION_FILE || item->operation >= OPERATIONS_MAX ||
            !is_on(trial, generation, item->operation))
            continue;
        drop_path(items, count, item->change.file.path);
        if (!is_open && !generation->in_doubt && *count < OWNED_FILES_MAX)
            items[(*count)++] = item;
    }
}

uint32_t owned_list_files(const struct undo_item **items, struct journal *journal,
                          const struct ledger *ledger, const struct trial *trial)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < ledger->generations_count; i++)
        take_files(items, &count, journal_find(journal, &ledger->generations[i].id),
                   &ledger->generations[i], trial, is_going(&ledger->generations[i]));
    if (ledger->is_open)
        take_files(items, &count, journal_find(journal, &ledger->open.id), &ledger->open, trial,
                   true);
    return count;
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
