/*
 * rollout_wait: what a rollout waits for, in words, since when, and the command that would move it
 * or, where it goes on by itself, end it.
 */
#include "common/core/text.h"
#include "controller/core/rollout_table.h"

#define MOVES "what moves it"
#define BY_ITSELF "goes on by itself; "
#define HEALTHY "goes on by itself, nothing to do; to end it"
#define LACKING "goes on by itself when that has come; to end it"

static const struct {
    const char *what;          /* "": each target is asked what it is waited for */
    const char *how, *command; /* what the command does to it */
} waits[] = {
    [ROLLOUT_DRAFTED] = {"a person: it is not started", MOVES,
                         "oceanidctl rollout start CHANGE.yaml"},
    [ROLLOUT_LEARNING] = {"", HEALTHY, "oceanidctl rollout abort"},
    [ROLLOUT_GATES] = {"", HEALTHY, "oceanidctl rollout abort"},
    [ROLLOUT_STAGE] = {"", HEALTHY, "oceanidctl rollout abort"},
    [ROLLOUT_PAUSED] = {"a person", MOVES, "oceanidctl rollout next"},
    [ROLLOUT_HALTED] = {"a person", MOVES, "oceanidctl rollout next"},
    [ROLLOUT_REVERTING] = {"", BY_ITSELF "to take all back at once",
                           "oceanidctl emergency-rollback"},
    [ROLLOUT_COMPLETE] = {"", "", ""},
    [ROLLOUT_REVERTED] = {"", "", ""},
    [ROLLOUT_ABORTED] = {"", "", ""},
    [ROLLOUT_INCOMPLETE] = {"", "", ""}, /* of the first target that is waited for */
};
_Static_assert(sizeof(waits) / sizeof(waits[0]) == ROLLOUT_STATE_COUNT, "one for every state");

/* ---- what a target is waited for --------------------------------------------------------------
 */

enum { SSH_PORT = 22 };

enum wait {
    WAIT_NOTHING,
    WAIT_STACK,
    WAIT_RECEIPT,
    WAIT_UNWANTED_END,
    WAIT_OFFER, /* a hold came, or the gates' answer is old, while another one is on trial */
    WAIT_READY, /* prepared, with the proofs for its start: over however many nonces */
    WAIT_STARTED,
    WAIT_PROVEN,
    WAIT_BACK,
    WAIT_COUNT,
};

static const struct {
    const char *before, *behind; /* the target's name */
} words[] = {
    [WAIT_NOTHING] = {"", ""},
    [WAIT_STACK] = {"", " to say what stands there"},
    [WAIT_RECEIPT] = {"the receipt of ", "'s guard"},
    [WAIT_UNWANTED_END] = {"", " to take back what nobody wants"},
    [WAIT_OFFER] = {"the gates, asked again before ", " is started"},
    [WAIT_READY] = {"", "'s guard to prepare"},
    [WAIT_STARTED] = {"", "'s guard to say what came of its start"},
    [WAIT_PROVEN] = {"", "'s guard to confirm or to take it back"},
    [WAIT_BACK] = {"", "'s guard to take it back"},
};
_Static_assert(sizeof(words) / sizeof(words[0]) == WAIT_COUNT, "words for each");

static enum wait find_learning(const struct target *target)
{
    if (!target->heard)
        return WAIT_STACK;
    if (rollout_owes_receipt(target))
        return WAIT_RECEIPT;
    if (target->record->wants == WANTS_NOTHING && target_is_open(target))
        return WAIT_UNWANTED_END;
    return WAIT_NOTHING;
}

static enum wait find_in_stage(const struct rollout *rollout, const struct target *target)
{
    if (!rollout_in_stage(rollout, target) || target_is_confirmed(target))
        return WAIT_NOTHING;
    if (target->record->says == SAYS_ON_TRIAL)
        return WAIT_PROVEN;
    if (target_is_open(target))
        return WAIT_STARTED;
    return rollout->offering ? WAIT_READY : WAIT_OFFER;
}

static enum wait find_wait(const struct rollout *rollout, const struct target *target)
{
    if (rollout->record.state == ROLLOUT_LEARNING)
        return find_learning(target);
    if (rollout->record.state == ROLLOUT_STAGE)
        return find_in_stage(rollout, target);
    if (rollout_is_reverting(rollout) && target->record->wants == WANTS_REVERT &&
        !target_is_ended(target))
        return WAIT_BACK;
    return WAIT_NOTHING;
}

/* ---- since when -------------------------------------------------------------------------------
 */

void rollout_note_waits(const struct rollout *rollout, struct rollout_waits *ret_waits)
{
    ret_waits->state = rollout->record.state;
    ret_waits->is_back = rollout_is_reverting(rollout);
    for (uint32_t i = 0; i < rollout->record.targets_count; i++)
        ret_waits->waits[i] = (uint8_t)find_wait(rollout, &rollout->targets[i]);
}

bool rollout_waits_still(const struct rollout *rollout, const struct rollout_waits *before)
{
    bool some = false;

    if (rollout->record.state != before->state &&
        !(before->is_back && rollout_is_reverting(rollout)))
        return false;
    for (uint32_t i = 0; i < rollout->record.targets_count; i++) {
        enum wait wait = find_wait(rollout, &rollout->targets[i]);

        if (wait != WAIT_NOTHING && wait == before->waits[i])
            return true;
        some |= wait != WAIT_NOTHING;
    }
    return !some;
}

/* ---- in words ---------------------------------------------------------------------------------
 */

const char *rollout_reason(const struct rollout *rollout, const struct target *target)
{
    const struct target_record *record = target->record;

    if (!record->listed || !target->heard || !target->connected ||
        !text_equal(record->reason, ROLLOUT_NO_ANSWER))
        return record->reason;
    return rollout_awaits_turn(rollout, target)
               ? "it did not answer, and does again: it waits for its turn"
               : "it did not answer, and does again";
}

static void say_wait(const struct rollout *rollout, const struct target *target, enum wait wait,
                     struct text *out)
{
    const struct target_record *record = target->record;

    if (wait == WAIT_READY && record->says == SAYS_PREPARED)
        rollout_say_missing(rollout, target, out);
    else
        text_add(out, "%s%s%s", words[wait].before, record->name, words[wait].behind);
    if (wait == WAIT_BACK && record->listed)
        text_add(out, " (%s)", rollout_reason(rollout, target));
    if (target->silent && !record->listed)
        text_add(out, ", which does not answer");
}

static void say_targets(const struct rollout *rollout, struct text *out)
{
    for (uint32_t i = 0; i < rollout->record.targets_count; i++) {
        enum wait wait = find_wait(rollout, &rollout->targets[i]);

        if (wait == WAIT_NOTHING)
            continue;
        text_add(out, "%s", out->len > 0 ? "; " : "");
        say_wait(rollout, &rollout->targets[i], wait, out);
    }
}

/* Somebody has to answer, or to say more: that may never come, and no time-out ever moves on. */
static bool is_lacking(const struct rollout *rollout)
{
    if (rollout->record.state == ROLLOUT_GATES)
        return rollout->awaited[0] != '\0';
    if (rollout->record.state != ROLLOUT_LEARNING && rollout->record.state != ROLLOUT_STAGE)
        return false;
    for (uint32_t i = 0; i < rollout->record.targets_count; i++) {
        const struct target *target = &rollout->targets[i];
        enum wait wait = find_wait(rollout, target);

        if (wait != WAIT_NOTHING &&
            (target->silent || (wait == WAIT_READY && target->record->says == SAYS_PREPARED)))
            return true;
    }
    return false;
}

/* As it is signed, its guard would refuse the same again. */
static bool is_refused_for_good(const struct rollout *rollout, const struct target *target)
{
    (void)rollout;
    return target->record->wants == WANTS_CHANGE && target->record->says == SAYS_REFUSED &&
           target->record->lasting;
}

/* To try it again would halt again. */
static const char *find_way_on(const struct rollout *rollout)
{
    if (rollout_first(rollout, is_refused_for_good) != NULL)
        return "oceanidctl rollout abort && oceanidctl rollout start CHANGE.yaml";
    if (rollout_first(rollout, rollout_is_unknown_to_guard) != NULL)
        return "oceanidctl rollout abort";
    return waits[ROLLOUT_HALTED].command;
}

static bool is_waited_for(const struct rollout *rollout, const struct target *target)
{
    return find_wait(rollout, target) == WAIT_BACK;
}

/* Its guard has said so, and takes nothing back that does not stand on top. One that was passed and
 * has answered since was asked, and has refused nothing yet. */
static bool refuses_to_pop(const struct target *target)
{
    const struct target_record *record = target->record;

    return record->listed && target->heard && record->receipt != RECEIPT_INCOMPLETE &&
           !text_equal(record->reason, ROLLOUT_NO_ANSWER);
}

/* By hand without --yes: where the change never began, or its lease has taken it back by now, that
 * would take the newest one of another rollout; so it shows what would go, and asks. */
static void say_hastening(const struct rollout *rollout, const struct target *target,
                          struct text *command)
{
    const struct ssh_target *ssh = &target->plan->ssh;
    char host[ADDRESS_TEXT_SIZE];

    if (refuses_to_pop(target)) {
        text_add(command, "oceanidctl emergency-rollback --node %s --to %s", target->record->name,
                 rollout->manifest->change);
        return;
    }
    text_add(command, "ssh -t ");
    if (ssh->port != 0 && ssh->port != SSH_PORT)
        text_add(command, "-p %u ", ssh->port);
    text_add(command, "root@%s oceanid-rollback",
             address_is_set(&ssh->address) ? address_format(&ssh->address, host)
                                           : target->record->name);
}

/* Nobody else takes it back sooner than its own guard does: by hand, the first of them. */
static void say_back(const struct rollout *rollout, struct text *how, struct text *command)
{
    const struct target *target = rollout_first(rollout, is_waited_for);

    if (target == NULL)
        return;
    if (rollout->record.state == ROLLOUT_INCOMPLETE)
        text_add(how,
                 "goes on by itself when it can, or without it after `oceanidctl node remove "
                 "%s`; sooner%s",
                 target->record->name, refuses_to_pop(target) ? ", with what stands above it" : "");
    else
        text_add(how, BY_ITSELF "sooner");
    say_hastening(rollout, target, command);
}

static void say_how(const struct rollout *rollout, struct rollout_wait *wait)
{
    enum rollout_state state = rollout->record.state;
    struct text how = TEXT_IN(wait->how), command = TEXT_IN(wait->command);

    if (state == ROLLOUT_INCOMPLETE || (state == ROLLOUT_REVERTING && rollout->record.emergency)) {
        say_back(rollout, &how, &command);
        return;
    }
    text_add(&how, "%s", is_lacking(rollout) ? LACKING : waits[state].how);
    text_add(&command, "%s", state == ROLLOUT_HALTED ? find_way_on(rollout) : waits[state].command);
}

void rollout_explain_wait(const struct rollout *rollout, struct rollout_wait *ret_wait)
{
    enum rollout_state state = rollout->record.state;
    struct text out;

    *ret_wait = (struct rollout_wait){.since = 0};
    say_how(rollout, ret_wait);
    text_init(&out, ret_wait->what, sizeof(ret_wait->what));
    text_add(&out, "%s", waits[state].what);
    if (state == ROLLOUT_GATES)
        text_add(&out, "the gates: %s",
                 rollout->awaited[0] != '\0' ? rollout->awaited : "fresh snapshots of the nodes");
    else
        say_targets(rollout, &out);
    if (ret_wait->what[0] != '\0')
        ret_wait->since = rollout->record.since;
}
