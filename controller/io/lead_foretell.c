/*
 * lead_foretell: what an emergency rollback would take back, of which nodes, before it is asked
 * for.
 */
#include <stdio.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/log.h"
#include "controller/io/lead_parts.h"

/* By the node's latest stack and the receipts since; where there is none, by what the record
 * says. */
static void foretell_node(const struct lead *lead, const struct rollout_record *record,
                          const struct target_record *target, bool follows,
                          struct lead_loss *ret_loss)
{
    const struct fleet_member *member = fleet_find(&lead->desk->fleet, target->name);
    const struct stack *stack = member != NULL && member->has_stack ? &member->stack : NULL;
    struct text text = TEXT_IN(ret_loss->sentence);

    text_copy(ret_loss->name, sizeof(ret_loss->name), target->name);
    if (roster_find(lead->desk->roster, target->name) == NULL) {
        text_add(&text, "it left the roster, nobody asks it: what stands there only root there "
                        "takes back");
        return;
    }
    if (stack == NULL)
        text_add(&text, "not known: it has not said since the controller began; last heard: %s",
                 target_says_name(target->says));
    else if (stack->trial_open && attempt_equal(&stack->trial.attempt, &record->attempt))
        text_add(&text, "its open trial");
    else if (stack_find(stack, &record->attempt) != NULL)
        text_add(&text, "it stands there");
    else
        text_add(&text, "nothing: it does not stand there");
    if (follows)
        text_add(&text, "; goes after the nodes named");
    if (member == NULL || !fleet_answers(member))
        text_add(&text, "; it does not answer now");
}

/* One that is still going ahead is taken back as a whole, whichever node is named first. */
static bool goes_ahead(const struct lead *lead, uint64_t id)
{
    const struct led *led = lead_find(lead, id);

    return led != NULL && !lead_is_closed(&led->machine) &&
           led->machine.record.state != ROLLOUT_REVERTING;
}

bool lead_foretell(struct lead *lead, char (*names)[NAME_SIZE], size_t count,
                   struct lead_losses *ret_losses, struct err *err)
{
    AUTO_FREE struct rollout_record *record = mem_alloc(1, sizeof(*record));
    const struct lead_wish wish = {names, count, "", ""};
    struct err unread = ERR_INIT;
    struct text before = TEXT_IN(ret_losses->before);
    bool all_follow;

    *ret_losses = (struct lead_losses){.rollout = 0};
    if (!lead_find_wanted(lead, &wish, record, err))
        return false;
    ret_losses->rollout = record->id;
    if (!lead_read_change(lead, record->id, ret_losses->change, &unread))
        log_warning("%s; what goes is told without its name", unread.text);
    lead_say_before(lead, record->id, &before);
    all_follow = goes_ahead(lead, record->id);
    for (uint32_t i = 0; i < record->targets_count; i++) {
        bool wanted = lead_is_wanted(&wish, record->targets[i].name);

        if (wanted || all_follow)
            foretell_node(lead, record, &record->targets[i], !wanted,
                          &ret_losses->list[ret_losses->count++]);
    }
    return true;
}
