/*
 * checks: one small judge per kind, in a table.
 */
#include "agent/core/checks.h"

#include <stdio.h>
#include <string.h>

#include "agent/core/checks_judge.h"
#include "agent/core/schedule.h"
#include "common/core/text.h"

static const struct {
    judge_fn *judge;
    bool probes, reads; /* reads: rests on the snapshot */
} kinds[] = {
    [CHECK_ROUTE] = {judge_route, false, true},
    [CHECK_REPLY_PATH] = {judge_reply_path, false, true},
    [CHECK_RULES] = {judge_rules, false, true},
    [CHECK_LINK] = {judge_link, false, true},
    [CHECK_ADDRESS] = {judge_address, false, true},
    [CHECK_SYSCTL] = {judge_sysctl, false, true},
    [CHECK_TAILSCALE] = {judge_tailscale, false, true},
    [CHECK_EXIT_NODE] = {judge_exit_node, true, true},
    [CHECK_EGRESS_ADDRESS] = {judge_egress_address, true, false},
    [CHECK_TCP] = {judge_tcp, true, false},
    [CHECK_SSH] = {judge_ssh, true, false},
    [CHECK_API_SERVER_PATH] = {judge_api_server_path, true, true},
    [CHECK_CONTROLLER] = {judge_controller, true, false},
};
_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == CHECK_KIND_COUNT, "judge every kind");

bool checks_need_probe(enum check_kind kind)
{
    return kind < CHECK_KIND_COUNT && kinds[kind].probes;
}

void checks_evaluate(const struct check *check, const struct snapshot *snapshot,
                     const struct fib *fib, const struct probe_result *probe,
                     struct verdict *ret_verdict)
{
    static const struct probe_result missing = {.outcome = PROBE_MISSING};
    struct judgement judgement = {.check = check,
                                  .snapshot = snapshot,
                                  .fib = fib,
                                  .probe = probe != NULL ? probe : &missing,
                                  .verdict = ret_verdict};

    memset(ret_verdict, 0, sizeof(*ret_verdict));
    text_copy(ret_verdict->check, sizeof(ret_verdict->check), check->name);
    ret_verdict->severity = check->severity;
    ret_verdict->took_ms = judgement.probe->took_ms;
    if (check->kind < CHECK_KIND_COUNT)
        kinds[check->kind].judge(&judgement);
    else
        verdict_set(ret_verdict, VERDICT_UNKNOWN, "a kind that this agent knows",
                    "a kind of a later version");
}

/* In steps that double: an age that grew with every look would be told as news each time. */
static unsigned round_age_s(int64_t age_ms)
{
    int64_t round_ms = OBSERVED_MAX_MS;

    while (age_ms / 2 >= round_ms)
        round_ms *= 2;
    return (unsigned)(round_ms / 1000);
}

void checks_doubt(const struct check *check, int64_t age_ms, struct verdict *verdict)
{
    char observed[REASON_SIZE];

    if (age_ms <= OBSERVED_MAX_MS || check->kind >= CHECK_KIND_COUNT || !kinds[check->kind].reads)
        return;
    snprintf(observed, sizeof(observed),
             "the kernel's tables were last read more than %u s ago: expected at most %d s; they "
             "are to be read every %d s, and this is judged again as soon as they are",
             round_age_s(age_ms), OBSERVED_MAX_MS / 1000, OBSERVE_EVERY_MS / 1000);
    verdict->value = VERDICT_UNKNOWN; /* of what was expected before */
    text_shorten(verdict->observed, sizeof(verdict->observed), observed);
}

/* ---- attempts and passes in a row ------------------------------------------------------------ */

static bool show(struct check_state *state, const struct verdict *fresh)
{
    bool news = !state->was_shown || state->shown.value != fresh->value ||
                !text_equal(state->shown.observed, fresh->observed) ||
                !text_equal(state->shown.expected, fresh->expected);

    state->was_shown = true;
    state->shown = *fresh;
    return news;
}

/* Not yet often enough in a row: what was shown stays; at first, that is unknown. */
static bool wait(struct check_state *state, const struct verdict *fresh, unsigned so_often,
                 unsigned of)
{
    struct verdict waiting = *fresh;
    char observed[2 * REASON_SIZE];

    if (state->was_shown && state->shown.value != VERDICT_UNKNOWN)
        return false;
    snprintf(observed, sizeof(observed), "%s for %u of %u times: %s", verdict_format(fresh->value),
             so_often, of, fresh->observed);
    verdict_set(&waiting, VERDICT_UNKNOWN, fresh->expected, observed);
    return show(state, &waiting);
}

bool checks_settle(struct check_state *state, const struct check *check,
                   const struct verdict *fresh)
{
    state->fails = fresh->value == VERDICT_FAIL ? state->fails + 1 : 0;
    state->passes = fresh->value == VERDICT_PASS ? state->passes + 1 : 0;
    if (fresh->value == VERDICT_FAIL && state->fails < check->attempts)
        return wait(state, fresh, state->fails, check->attempts);
    if (fresh->value == VERDICT_PASS && state->passes < check->passes)
        return wait(state, fresh, state->passes, check->passes);
    return show(state, fresh);
}

/* ---- built in -------------------------------------------------------------------------------- */

size_t checks_built_in(struct check ret_checks[2])
{
    static const struct {
        const char *name;
        enum check_kind kind;
    } built_in[] = {{"ssh-reply-path", CHECK_REPLY_PATH}, {"controller", CHECK_CONTROLLER}};

    for (size_t i = 0; i < 2; i++) {
        memset(&ret_checks[i], 0, sizeof(ret_checks[i]));
        text_copy(ret_checks[i].name, sizeof(ret_checks[i].name), built_in[i].name);
        ret_checks[i].kind = built_in[i].kind;
        ret_checks[i].severity = SEVERITY_CRITICAL;
        ret_checks[i].built_in = true;
        check_set_defaults(&ret_checks[i]);
    }
    return 2;
}
