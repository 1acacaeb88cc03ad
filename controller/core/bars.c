/*
 * bars: what a controller refuses a start for, as a refusal and as evidence.
 */
#include "controller/core/bars.h"

#include "common/core/text.h"

static const struct {
    const char *check, *expected, *good;
} words[] = {
    [BAR_OPEN] = {"rollout",
                  "no rollout is open; what that one waits for: `oceanidctl rollout show`",
                  "none is open"},
    [BAR_INCOMPLETE] = {"incomplete", "few incomplete rollouts that still follow up",
                        "few are incomplete"},
    [BAR_KEYS] = {"keys", "the roster's keys of each node and witness", "they are the roster's"},
    [BAR_SEQUENCE] = {"sequence", "a number that was not used yet", "it was not used yet"},
};
_Static_assert(sizeof(words) / sizeof(words[0]) == BAR_COUNT, "words for each");

bool bars_check(const struct bars *bars, struct err *err)
{
    for (unsigned i = 0; i < BAR_COUNT; i++) {
        if (bars->why[i].kind != ERR_NONE) {
            *err = bars->why[i];
            return false;
        }
    }
    return true;
}

void bars_judge(const struct bars *bars, enum bar bar, struct verdict *ret_verdict)
{
    const struct err *why = &bars->why[bar];
    enum verdict_value value = why->kind == ERR_NONE     ? VERDICT_PASS
                               : why->kind == ERR_SYSTEM ? VERDICT_UNKNOWN
                                                         : VERDICT_FAIL;

    *ret_verdict = (struct verdict){.value = value};
    text_copy(ret_verdict->check, sizeof(ret_verdict->check), words[bar].check);
    verdict_set(ret_verdict, value, words[bar].expected,
                value == VERDICT_PASS ? words[bar].good : why->text);
}
