/*
 * checks_judge: the judges of checks.c's table, by what they look at: the model of the kernel's
 * decision (checks_path.c), plain items of the snapshot (checks_item.c), what a probe found
 * (checks_probe.c).
 */
#ifndef AGENT_CORE_CHECKS_JUDGE_H
#define AGENT_CORE_CHECKS_JUDGE_H

#include "agent/core/checks.h"

struct judgement {
    const struct check *check;
    const struct snapshot *snapshot;
    const struct fib *fib;
    const struct probe_result *probe; /* never NULL */
    struct verdict *verdict;          /* value, expected and observed are to be filled */
};

typedef void judge_fn(const struct judgement *judgement);

judge_fn judge_route, judge_reply_path, judge_api_server_path;
judge_fn judge_rules, judge_link, judge_address, judge_sysctl, judge_tailscale;
judge_fn judge_exit_node, judge_egress_address, judge_tcp, judge_ssh, judge_controller;

/* Fills the verdict from a probe that only has to be answered. */
void judge_answered(const struct judgement *judgement, const char *expected);

/* Fills the verdict when Tailscale does not answer, or is not logged in; true if it did. */
bool judge_no_tailscale(const struct judgement *judgement, const char *expected);

#endif
