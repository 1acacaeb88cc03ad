/*
 * rollout_wait: what a rollout waits for, in words, and the command that would move it.
 */
#include "common/core/text.h"
#include "controller/core/rollout_table.h"

static const struct {
    const char *what; /* "": each target is asked what it is waited for */
    const char *command;
} waits[] = {
    [ROLLOUT_DRAFTED] = {"a person: it is not started", "oceanidctl rollout start"},
    [ROLLOUT_LEARNING] = {"", "oceanidctl rollout abort"},
    [ROLLOUT_GATES] = {"", "oceanidctl rollout abort"},
    [ROLLOUT_STAGE] = {"", "oceanidctl rollout abort"},
    [ROLLOUT_PAUSED] = {"a person", "oceanidctl rollout next"},
    [ROLLOUT_HALTED] = {"a person", "oceanidctl rollout next"},
    [ROLLOUT_REVERTING] = {"", "oceanidctl emergency-rollback"},
    [ROLLOUT_COMPLETE] = {"", ""},
    [ROLLOUT_REVERTED] = {"", ""},
    [ROLLOUT_ABORTED] = {"", ""},
    [ROLLOUT_INCOMPLETE] = {"", "on the node, as root: oceanid-rollback --yes; or, for one that is "
                                "gone for good, oceanidctl node remove"},
};
_Static_assert(sizeof(waits) / sizeof(waits[0]) == ROLLOUT_STATE_COUNT, "one for every state");

static void say_learning(const struct rollout *rollout, const struct target *target,
                         struct text *out)
{
    (void)rollout;
    if (!target->heard)
        text_add(out, "%s to say what stands there", target->record->name);
    else if (rollout_owes_receipt(target))
        text_add(out, "the receipt of %s's guard", target->record->name);
    else if (target->record->wants == WANTS_NOTHING && target_is_open(target))
        text_add(out, "%s to take back what nobody wants", target->record->name);
}

static void say_stage(const struct rollout *rollout, const struct target *target, struct text *out)
{
    const char *name = target->record->name;

    if (!rollout_in_stage(rollout, target) || target_is_confirmed(target))
        return;
    if (target->record->says == SAYS_ON_TRIAL)
        text_add(out, "%s's guard to confirm or to take it back", name);
    else if (target_is_open(target))
        text_add(out, "%s's guard to say what came of its start", name);
    else if (target->record->says == SAYS_PREPARED)
        rollout_say_missing(rollout, target, out);
    else
        text_add(out, "%s's guard to prepare", name);
}

static void say_back(const struct rollout *rollout, const struct target *target, struct text *out)
{
    (void)rollout;
    if (target->record->wants != WANTS_REVERT || target_is_ended(target))
        return;
    text_add(out, "%s's guard to take it back%s%s%s", target->record->name,
             target->record->listed ? " (" : "",
             target->record->listed ? target->record->reason : "",
             target->record->listed ? ")" : "");
}

typedef void say_fn(const struct rollout *rollout, const struct target *target, struct text *out);

static void say_targets(const struct rollout *rollout, say_fn *say, struct text *out)
{
    for (uint32_t i = 0; i < rollout->record.targets_count; i++) {
        const struct target *target = &rollout->targets[i];
        char line[SENTENCE_SIZE] = "";
        struct text text = TEXT_IN(line);

        say(rollout, target, &text);
        if (line[0] != '\0')
            text_add(out, "%s%s%s", out->len > 0 ? "; " : "", line,
                     target->silent && !target->record->listed ? ", which does not answer" : "");
    }
}

void rollout_explain_wait(const struct rollout *rollout, struct rollout_wait *ret_wait)
{
    enum rollout_state state = rollout->record.state;
    struct text out;

    *ret_wait = (struct rollout_wait){.command = waits[state].command};
    text_init(&out, ret_wait->what, sizeof(ret_wait->what));
    text_add(&out, "%s", waits[state].what);
    if (state == ROLLOUT_GATES)
        text_add(&out, "the gates: %s",
                 rollout->awaited[0] != '\0' ? rollout->awaited : "fresh snapshots of the nodes");
    else if (state == ROLLOUT_LEARNING)
        say_targets(rollout, say_learning, &out);
    else if (state == ROLLOUT_STAGE)
        say_targets(rollout, say_stage, &out);
    else if (rollout_is_reverting(rollout))
        say_targets(rollout, say_back, &out);
    if (ret_wait->what[0] != '\0')
        ret_wait->since = rollout->record.since;
}
