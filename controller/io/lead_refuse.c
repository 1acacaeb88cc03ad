/*
 * lead_refuse: why what a person asks of a rollout cannot be: how that is, and only a command that
 * does what was meant.
 */
#include <stdio.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "controller/io/lead_parts.h"

enum { LIST_SIZE = 160 };

/* Where something of it stands; returns the first of them, NULL: nowhere. */
static const char *list_standing(const struct lead *lead, const struct rollout_record *record,
                                 struct text *out)
{
    const char *first = NULL;

    for (uint32_t i = 0; i < record->targets_count; i++) {
        if (!lead_stands(lead, record, &record->targets[i]))
            continue;
        text_add(out, "%s%s", first != NULL ? ", " : "", record->targets[i].name);
        if (first == NULL)
            first = record->targets[i].name;
    }
    return first;
}

void lead_say_rollout(struct lead *lead, uint64_t id, struct text *out)
{
    char change[NAME_SIZE];
    struct err err = ERR_INIT;

    text_add(out, "rollout %llu", (unsigned long long)id);
    if (lead_read_change(lead, id, change, &err) && change[0] != '\0')
        text_add(out, ", %s,", change);
}

static bool read_record(const struct lead *lead, uint64_t id, struct rollout_record *ret_record,
                        struct err *err)
{
    const struct led *led = lead_find(lead, id);

    if (led == NULL)
        return store_read_record(lead->desk->store, id, ret_record, err);
    *ret_record = led->machine.record;
    return true;
}

/* ---- it has ended ----------------------------------------------------------------------------
 */

bool lead_refuse_next(struct lead *lead, uint64_t id, struct err *err)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    char name[2 * NAME_SIZE] = "", list[LIST_SIZE] = "";
    struct text text = TEXT_IN(name), listed = TEXT_IN(list);
    const char *first;

    if (!read_record(lead, id, record, err))
        return false;
    lead_say_rollout(lead, id, &text);
    first = list_standing(lead, record, &listed);
    return err_set(err, ERR_CONFLICT, "%s has ended: %s, %s%s; nothing was done", name,
                   rollout_state_name(record->state),
                   first != NULL ? "it stands on " : "nothing of it stands", list);
}

/* Whether an emergency without a name takes that one. */
static bool is_next_to_go(struct lead *lead, uint64_t id)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    const struct lead_wish all = {NULL, 0, "", ""};
    struct err err = ERR_INIT;

    return lead_find_wanted(lead, &all, record, &err) && record->id == id;
}

/* "` takes back ...": the end of `oceanidctl emergency-rollback, and what that does. */
static void say_command(struct lead *lead, const struct rollout_record *record, const char *first,
                        struct text *out)
{
    if (is_next_to_go(lead, record->id))
        text_add(out, "` takes back what stands of it, on ");
    else
        text_add(out,
                 " --node %s --to %llu` takes it back there, with what stands above it; it stands "
                 "on ",
                 first, (unsigned long long)record->attempt.sequence);
}

bool lead_refuse_abort(struct lead *lead, uint64_t id, struct err *err)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    char name[2 * NAME_SIZE] = "", command[SENTENCE_SIZE] = "", list[LIST_SIZE] = "";
    struct text named = TEXT_IN(name), commanded = TEXT_IN(command), listed = TEXT_IN(list);
    const char *first;

    if (!read_record(lead, id, record, err))
        return false;
    first = list_standing(lead, record, &listed);
    if (first == NULL)
        return lead_refuse_next(lead, id, err);
    lead_say_rollout(lead, id, &named);
    say_command(lead, record, first, &commanded);
    return err_set(err, ERR_CONFLICT,
                   "%s has ended: %s; nothing was done. `oceanidctl emergency-rollback%s%s", name,
                   rollout_state_name(record->state), command, list);
}

/* ---- it has no such node ---------------------------------------------------------------------
 */

/* What takes back the newest there, and all that stands, newest first. */
static void say_generations(const struct stack *stack, const char *node, struct text *out)
{
    const struct generation *newest = &stack->generations[stack->generations_count - 1];

    text_add(out,
             "`oceanidctl emergency-rollback --node %s --to %s` takes back the newest of what "
             "stands there: ",
             node, newest->change);
    for (uint32_t i = stack->generations_count; i > 0; i--)
        text_add(out, "%s%s", i < stack->generations_count ? ", " : "",
                 stack->generations[i - 1].change);
}

static void say_what_stands(const struct lead *lead, const char *node, struct text *out)
{
    const struct fleet_member *member = fleet_find(&lead->desk->fleet, node);
    const struct roster_entry *entry = roster_find(lead->desk->roster, node);

    if (entry == NULL)
        text_add(out, "No node of that name is in the roster");
    else if (entry->witness_only)
        text_add(out, "It is a witness, nothing can stand there");
    else if (member == NULL || !member->has_stack)
        text_add(out, "What stands there is not known, its guard has not said");
    else if (member->stack.generations_count == 0)
        text_add(out, "Nothing stands there");
    else
        say_generations(&member->stack, node, out);
}

bool lead_refuse_node(struct lead *lead, uint64_t id, const char *node, struct err *err)
{
    const struct led *open = lead_find_open(lead);
    char name[2 * NAME_SIZE] = "", rest[2 * SENTENCE_SIZE] = "";
    struct text named = TEXT_IN(name), text = TEXT_IN(rest);

    lead_say_rollout(lead, id, &named);
    say_what_stands(lead, node, &text);
    return err_set(err, ERR_INPUT, "%s %s and has no node %s; nothing was done. %s", name,
                   open != NULL ? "is open" : "is the last one", node, rest);
}

/* ---- another one would go --------------------------------------------------------------------
 */

/* Named alone, that node's emergency is for it: nothing newer counts as standing there. */
static bool goes_from(struct lead *lead, uint64_t id, const char *node)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    char name[1][NAME_SIZE];
    const struct lead_wish wish = {name, 1, "", ""};
    struct err err = ERR_INIT;

    text_copy(name[0], NAME_SIZE, node);
    return lead_find_wanted(lead, &wish, record, &err) && record->id == id;
}

/* " --node NAME" for each from which it goes, as many as there is room for; returns how many are
 * left out. ret_buried: the first one where something newer is in the way; NULL: none. */
static uint32_t list_nodes(struct lead *lead, const struct rollout_record *record,
                           const struct lead_wish *wish, struct text *out, const char **ret_buried)
{
    uint32_t left_out = 0;

    *ret_buried = NULL;
    for (uint32_t i = 0; i < record->targets_count; i++) {
        const char *node = record->targets[i].name;

        if (!lead_is_wanted(wish, node) || !lead_stands(lead, record, &record->targets[i]))
            continue;
        if (!goes_from(lead, record->id, node))
            *ret_buried = *ret_buried != NULL ? *ret_buried : node;
        else if (out->len + sizeof(" --node ") + strlen(node) > out->size)
            left_out++;
        else
            text_add(out, " --node %s", node);
    }
    return left_out;
}

void lead_say_instead(struct lead *lead, char (*names)[NAME_SIZE], size_t count, uint64_t meant,
                      struct text *out)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    const struct lead_wish wish = {names, count, "", ""};
    char nodes[LIST_SIZE] = "";
    struct text listed = TEXT_IN(nodes);
    struct err err = ERR_INIT;
    const char *buried;
    uint32_t left_out;

    if (!read_record(lead, meant, record, &err)) {
        text_add(out, "`oceanidctl rollout list` shows which there are");
        return;
    }
    left_out = list_nodes(lead, record, &wish, &listed, &buried);
    if (nodes[0] == '\0' && buried == NULL)
        text_add(out, "Nothing of rollout %llu stands there", (unsigned long long)meant);
    else if (nodes[0] == '\0')
        text_add(out,
                 "`oceanidctl emergency-rollback --node %s --to %llu` takes it back there, with "
                 "what stands above it",
                 buried, (unsigned long long)record->attempt.sequence);
    else
        text_add(out, "`oceanidctl emergency-rollback --rollout %llu%s` takes it back there",
                 (unsigned long long)meant, nodes);
    if (left_out > 0)
        text_add(out, ", and so from %u more", left_out);
}
