/*
 * roster: finding and putting the keys of nodes and witnesses, and those of the trust root.
 */
#include "common/change/roster.h"

#include <string.h>

#include "common/core/name.h"
#include "common/core/text.h"

static int find_index(const struct roster *roster, const char *name)
{
    for (uint32_t i = 0; i < roster->entries_count; i++) {
        if (text_equal(roster->entries[i].name, name))
            return (int)i;
    }
    return -1;
}

const struct roster_entry *roster_find(const struct roster *roster, const char *name)
{
    int at = find_index(roster, name);

    return at < 0 ? NULL : &roster->entries[at];
}

static bool key_is_zero(const struct public_key *key)
{
    static const struct public_key zero;

    return key_equal(key, &zero);
}

/* Agent's or guard's: one key never speaks under two names. */
static bool has_key(const struct roster_entry *entry, const struct public_key *key)
{
    return !key_is_zero(key) &&
           (key_equal(&entry->agent_key, key) || key_equal(&entry->guard_key, key));
}

static bool check_keys(const struct roster *roster, const struct roster_entry *entry,
                       struct err *err)
{
    for (uint32_t i = 0; i < roster->entries_count; i++) {
        const struct roster_entry *other = &roster->entries[i];

        if (text_equal(other->name, entry->name))
            continue;
        if (has_key(other, &entry->agent_key) || has_key(other, &entry->guard_key))
            return err_set(err, ERR_CONFLICT,
                           "%s brings a key that stands under %s: accepted is one name a key",
                           entry->name, other->name);
    }
    return true;
}

bool roster_put(struct roster *roster, const struct roster_entry *entry, struct err *err)
{
    int at = find_index(roster, entry->name);

    if (!name_check("roster entry", entry->name, err) || !check_keys(roster, entry, err))
        return false;
    if (at < 0 && roster->entries_count == FLEET_MAX)
        return err_set(err, ERR_LIMIT, "%s is one too many for the roster: accepted are %u entries",
                       entry->name, FLEET_MAX);
    if (at < 0)
        at = (int)roster->entries_count++;
    roster->entries[at] = *entry;
    return true;
}

const struct maintenance *roster_find_maintenance(const struct roster *roster, const char *node)
{
    for (uint32_t i = 0; i < roster->maintenance_count; i++) {
        if (text_equal(roster->maintenance[i].node, node))
            return &roster->maintenance[i];
    }
    return NULL;
}

bool roster_maintain(struct roster *roster, const struct maintenance *maintenance, struct err *err)
{
    if (find_index(roster, maintenance->node) < 0)
        return err_set(err, ERR_MISSING, "there is no %.80s in roster version %llu",
                       maintenance->node, (unsigned long long)roster->version);
    if (text_is_blank(maintenance->reason))
        return err_set(err, ERR_INPUT,
                       "maintenance of %s without a reason: accepted is a text that says "
                       "something",
                       maintenance->node);
    roster_end_maintenance(roster, maintenance->node);
    if (roster->maintenance_count == NODES_MAX)
        return err_set(err, ERR_LIMIT, "%d nodes are under maintenance: accepted are no more",
                       NODES_MAX);
    roster->maintenance[roster->maintenance_count++] = *maintenance;
    return true;
}

bool roster_end_maintenance(struct roster *roster, const char *node)
{
    const struct maintenance *found = roster_find_maintenance(roster, node);
    size_t at;

    if (found == NULL)
        return false;
    at = (size_t)(found - roster->maintenance);
    roster->maintenance_count--;
    memmove(&roster->maintenance[at], &roster->maintenance[at + 1],
            (roster->maintenance_count - at) * sizeof(roster->maintenance[0]));
    memset(&roster->maintenance[roster->maintenance_count], 0, sizeof(roster->maintenance[0]));
    return true;
}

bool roster_remove(struct roster *roster, const char *name)
{
    int at = find_index(roster, name);

    if (at < 0)
        return false;
    roster_end_maintenance(roster, name);
    roster->entries_count--;
    memmove(&roster->entries[at], &roster->entries[at + 1],
            (roster->entries_count - (uint32_t)at) * sizeof(roster->entries[0]));
    return true;
}

const struct trust_key *trust_find(const struct trust *trust, const struct public_key *key)
{
    for (uint32_t i = 0; i < trust->keys_count; i++) {
        if (key_equal(&trust->keys[i].key, key))
            return &trust->keys[i];
    }
    return NULL;
}
