/*
 * checks: one small judge per kind, in a table.
 */
#include "agent/core/checks.h"

#include <stdio.h>
#include <string.h>

#include "agent/core/checks_judge.h"
#include "common/core/text.h"

static const struct {
    judge_fn *judge;
    bool probes;
} kinds[] = {
    [CHECK_ROUTE] = {judge_route, false},
    [CHECK_REPLY_PATH] = {judge_reply_path, false},
    [CHECK_RULES] = {judge_rules, false},
    [CHECK_LINK] = {judge_link, false},
    [CHECK_ADDRESS] = {judge_address, false},
    [CHECK_SYSCTL] = {judge_sysctl, false},
    [CHECK_TAILSCALE] = {judge_tailscale, false},
    [CHECK_EXIT_NODE] = {judge_exit_node, true},
    [CHECK_EGRESS_ADDRESS] = {judge_egress_address, true},
    [CHECK_TCP] = {judge_tcp, true},
    [CHECK_SSH] = {judge_ssh, true},
    [CHECK_API_SERVER_PATH] = {judge_api_server_path, true},
    [CHECK_CONTROLLER] = {judge_controller, true},
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
