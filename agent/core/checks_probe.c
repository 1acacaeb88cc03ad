/*
 * checks_probe: judges of what was found by trying: exit node, egress, TCP, SSH, controller.
 */
#include "agent/core/checks_judge.h"

#include <stdio.h>
#include <string.h>

#include "common/core/text.h"

/* Fills the verdict unless the probe was answered; true if it did. */
static bool judge_no_answer(const struct judgement *judgement, const char *expected)
{
    const struct probe_result *probe = judgement->probe;

    if (probe->outcome == PROBE_ANSWERED)
        return false;
    verdict_set(judgement->verdict, probe->outcome == PROBE_FAILED ? VERDICT_FAIL : VERDICT_UNKNOWN,
                expected, probe->outcome == PROBE_MISSING ? "not tried yet" : probe->why);
    return true;
}

void judge_answered(const struct judgement *judgement, const char *expected)
{
    if (!judge_no_answer(judgement, expected))
        verdict_set(judgement->verdict, VERDICT_PASS, expected,
                    judgement->probe->answer[0] != '\0' ? judgement->probe->answer : "so it does");
}

void judge_controller(const struct judgement *judgement)
{
    judge_answered(judgement, "a session with a controller");
}

void judge_tcp(const struct judgement *judgement)
{
    char expected[REASON_SIZE];

    snprintf(expected, sizeof(expected), "%.200s port %u connects", judgement->check->to,
             judgement->check->port);
    judge_answered(judgement, expected);
}

void judge_ssh(const struct judgement *judgement)
{
    const struct check *check = judgement->check;
    const struct probe_result *probe = judgement->probe;
    bool any_key = check->host_key[0] == '\0';
    char expected[REASON_SIZE];
    char observed[REASON_SIZE];

    snprintf(expected, sizeof(expected), "%.120s port %u: an SSH banner%s%s", check->to,
             check->port, any_key ? "" : " and host key ", check->host_key);
    if (judge_no_answer(judgement, expected))
        return;
    snprintf(observed, sizeof(observed), "%.100s%s%s", probe->answer,
             probe->host_key[0] != '\0' ? ", host key " : "", probe->host_key);
    verdict_set(judgement->verdict,
                any_key || text_equal(probe->host_key, check->host_key) ? VERDICT_PASS
                                                                        : VERDICT_FAIL,
                expected, observed);
}

/* What a page that tells one's address answers, without its line end. */
void judge_egress_address(const struct judgement *judgement)
{
    const struct check *check = judgement->check;
    char expected[REASON_SIZE];
    char observed[REASON_SIZE];
    struct address wanted;
    struct address seen;
    bool same;

    snprintf(expected, sizeof(expected), "seen from outside as %.64s", check->expect);
    if (judge_no_answer(judgement, expected))
        return;
    snprintf(observed, sizeof(observed), "seen as '%.100s'", judgement->probe->answer);
    same = address_parse(check->expect, &wanted) && address_parse(judgement->probe->answer, &seen)
               ? address_equal(&wanted, &seen)
               : text_equal(check->expect, judgement->probe->answer);
    verdict_set(judgement->verdict, same ? VERDICT_PASS : VERDICT_FAIL, expected, observed);
}

/* ---- exit node ------------------------------------------------------------------------------- */

const struct tailscale_peer *checks_exit_peer(const struct snapshot *snapshot)
{
    const struct tailscale *tailscale = &snapshot->tailscale;

    for (uint32_t i = 0; i < tailscale->peers_count && tailscale->exit_node_id[0] != '\0'; i++) {
        if (text_equal(tailscale->peers[i].id, tailscale->exit_node_id))
            return &tailscale->peers[i];
    }
    return NULL;
}

/* By host name, or by the first label of its DNS name (which is unique in the tailnet). */
static bool is_called(const struct tailscale_peer *peer, const char *name)
{
    size_t len = strlen(name);

    return text_equal(peer->host_name, name) ||
           (text_starts(peer->dns_name, name) &&
            (peer->dns_name[len] == '.' || peer->dns_name[len] == '\0'));
}

/* What is wrong with the peer, but for its data path; NULL: nothing. */
static const char *find_fault(const struct judgement *judgement, const struct tailscale_peer *peer)
{
    if (judgement->snapshot->tailscale.exit_node_id[0] == '\0')
        return "no exit node in use";
    if (peer == NULL)
        return "the exit node in use is not among the peers: everything to it is lost";
    if (!is_called(peer, judgement->check->use))
        return "another exit node is in use";
    return peer->exit_node_option ? NULL : "it does not offer itself as an exit node any more";
}

void judge_exit_node(const struct judgement *judgement)
{
    const struct tailscale_peer *peer = checks_exit_peer(judgement->snapshot);
    const char *fault = find_fault(judgement, peer);
    char expected[REASON_SIZE];
    char observed[REASON_SIZE];

    snprintf(expected, sizeof(expected), "exit node %s in use, offered, answering",
             judgement->check->use);
    if (judge_no_tailscale(judgement, expected))
        return;
    if (fault == NULL) {
        judge_answered(judgement, expected);
        return;
    }
    snprintf(observed, sizeof(observed), "%s%s%s", fault, peer != NULL ? ": " : "",
             peer != NULL ? peer->host_name : "");
    verdict_set(judgement->verdict, VERDICT_FAIL, expected, observed);
}
