/*
 * test_checks: what declared expectations come to on a snapshot; whose witness counts; drift.
 */
#include "agent/core/checks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/core/drift.h"
#include "agent/core/schedule.h"
#include "agent/core/source.h"
#include "common/net/operation.h"
#include "tests/unit/ip_lines.h"

static const char host[] = "link lo 1 loopback\n"
                           "link eth0 2\n"
                           "link tailscale0 4\n"
                           "link cni0 5 down\n"
                           "address 203.0.113.10/24 dev eth0\n"
                           "address 100.64.0.2/32 dev tailscale0\n"
                           "route default via 203.0.113.1 dev eth0 metric 100\n"
                           "route 100.64.0.1 dev tailscale0 table 52\n"
                           "rule 5270 lookup 52\n";
static const char exit_node[] = "route default dev tailscale0 table 52\n";
static const char shield[] = "rule 5140 from 203.0.113.10 lookup main\n";

struct bench { /* one host, and its model */
    struct snapshot snapshot;
    struct fib *fib;
};

static void bench_init(struct bench *bench, const char *lines)
{
    snapshot_init(&bench->snapshot);
    ip_lines_add(&bench->snapshot, host);
    ip_lines_add_usual_rules(&bench->snapshot);
    ip_lines_add(&bench->snapshot, lines);
    bench->fib = fib_new(&bench->snapshot);
}

static void bench_done(struct bench *bench)
{
    fib_free(bench->fib);
    snapshot_done(&bench->snapshot);
}

static void evaluate(const char *lines, struct check check, const struct probe_result *probe,
                     struct verdict *ret_verdict)
{
    struct bench bench;

    text_copy(check.name, sizeof(check.name), "x");
    check_set_defaults(&check);
    bench_init(&bench, lines);
    checks_evaluate(&check, &bench.snapshot, bench.fib, probe, ret_verdict);
    bench_done(&bench);
}

static void expect(enum verdict_value value, const char *observed, const char *lines,
                   struct check check, const struct probe_result *probe)
{
    struct verdict verdict;

    evaluate(lines, check, probe, &verdict);
    if (verdict.value != value || strstr(verdict.observed, observed) == NULL)
        fail_msg("expected %s '%s', got %s '%s' (expected there: '%s')", verdict_format(value),
                 observed, verdict_format(verdict.value), verdict.observed, verdict.expected);
}

static struct prefix prefix_of(const char *text)
{
    struct prefix prefix = {.len = 0};

    assert_true(prefix_parse(text, &prefix));
    return prefix;
}

static struct address address_of(const char *text)
{
    struct address address = {.family = FAMILY_NONE};

    assert_true(address_parse(text, &address));
    return address;
}

static void reply_path_fails_with_an_exit_node(void **state)
{
    struct check check = {.kind = CHECK_REPLY_PATH};
    char both[256];
    struct text lines = TEXT_IN(both);

    (void)state;
    expect(VERDICT_PASS, "every destination", "", check, NULL);
    expect(VERDICT_FAIL, "leaves by tailscale0", exit_node, check, NULL);
    text_add(&lines, "%s%s", exit_node, shield);
    expect(VERDICT_PASS, "every destination", both, check, NULL);
}

/* Whatever it would be without that rule: but a way that is wrong for sure is told first. */
static void a_rule_that_nobody_knows_makes_it_unknown(void **state)
{
    static const char named[] = "leaves by a way that nobody can tell (rule 99: from all lookup 77 "
                                "and what this program does not know (attribute 25))";
    struct check reply = {.kind = CHECK_REPLY_PATH};
    struct check route = {
        .kind = CHECK_ROUTE, .destination = prefix_of("198.51.100.0/24"), .device = "eth0"};
    struct check api = {.kind = CHECK_API_SERVER_PATH, .to = "198.51.100.1", .port = 6443};
    char detour[512];
    struct text lines = TEXT_IN(detour);

    (void)state;
    text_add(&lines, "rule 99 attribute 25 lookup 77\nroute default dev tailscale0 table 77\n");
    expect(VERDICT_UNKNOWN, named, detour, reply, NULL);
    expect(VERDICT_UNKNOWN, named, detour, route, NULL);
    expect(VERDICT_UNKNOWN, named, detour, api, NULL);
    text_add(&lines, "rule 98 to 198.51.100.128/25 unreachable\n");
    expect(VERDICT_FAIL, "to 198.51.100.128/25: is unreachable (rule 98", detour, reply, NULL);
    expect(VERDICT_FAIL, "198.51.100.128/25 is unreachable (rule 98", detour, route, NULL);
    expect(VERDICT_PASS, "every destination", "rule 99 attribute 25 lookup main", reply, NULL);
}

static void reply_path_without_an_uplink_is_unknown(void **state)
{
    struct snapshot snapshot;
    struct verdict verdict;
    struct check check = {.kind = CHECK_REPLY_PATH};
    struct fib *fib;

    (void)state;
    snapshot_init(&snapshot);
    fib = fib_new(&snapshot);
    checks_evaluate(&check, &snapshot, fib, NULL, &verdict);
    assert_int_equal(verdict.value, VERDICT_UNKNOWN);
    fib_free(fib);
    snapshot_done(&snapshot);
}

/* Where SSH is at an address of the tailnet, its peers are answered by the tailnet's device. */
static void reply_path_of_ssh_on_the_tailnet(void **state)
{
    struct check check = {
        .kind = CHECK_REPLY_PATH, .built_in = true, .from = address_of("100.64.0.2")};
    struct verdict verdict;

    (void)state;
    evaluate("", check, NULL, &verdict);
    assert_int_equal(verdict.value, VERDICT_PASS);
    assert_string_equal(verdict.expected,
                        "replies from 203.0.113.10 by eth0, 100.64.0.2 by tailscale0");
    expect(VERDICT_FAIL, "from 100.64.0.2 to 100.64.0.0/31: leaves by eth0",
           "rule 5100 to 100.64.0.0/10 lookup main\n", check, NULL);
    expect(VERDICT_PASS, "every destination", "rule 5100 to 100.64.7.0/24 lookup main\n", check,
           NULL);
    expect(VERDICT_FAIL, "from 203.0.113.10", exit_node, check, NULL);
    check.from = address_of("100.64.0.9");
    expect(VERDICT_UNKNOWN,
           "of 100.64.0.9, where its SSH is, no reply is known: this node has it not, or nobody "
           "of its network",
           "", check, NULL);
}

/* `to: ::/0` asks for IPv6 alone, `to: 0.0.0.0/0` for IPv4 alone. */
static void reply_path_is_of_one_family(void **state)
{
    static const char ipv6[] = "address 2001:db8:1::10/64 dev eth0\n"
                               "route -6 default via fe80::1 dev eth0 metric 1024\n"
                               "rule 5270 -6 lookup 52\n";
    static const char exit_node_ipv6[] = "route -6 default dev tailscale0 table 52 metric 1024\n";
    struct check check = {.kind = CHECK_REPLY_PATH, .destination = prefix_of("::/0")};
    char both[512];
    struct text lines = TEXT_IN(both);

    (void)state;
    expect(VERDICT_UNKNOWN, "no address", "", check, NULL);
    expect(VERDICT_UNKNOWN, "no address", exit_node, check, NULL);
    text_add(&lines, "%s%s", ipv6, exit_node);
    expect(VERDICT_PASS, "every destination", both, check, NULL);
    text_init(&lines, both, sizeof(both));
    text_add(&lines, "%s%s", ipv6, exit_node_ipv6);
    expect(VERDICT_FAIL, "leaves by tailscale0", both, check, NULL);
    check.destination = prefix_of("0.0.0.0/0");
    expect(VERDICT_PASS, "every destination", both, check, NULL);
    check.destination = (struct prefix){.len = 0};
    expect(VERDICT_FAIL, "from 2001:db8:1::10", both, check, NULL);
}

static void judges_routes(void **state)
{
    struct check by_eth0 = {.kind = CHECK_ROUTE, .device = "eth0"};
    struct check by_main = {.kind = CHECK_ROUTE, .table = 254};
    struct check by_gateway = {.kind = CHECK_ROUTE, .gateway = address_of("203.0.113.1")};

    (void)state;
    by_eth0.destination = by_main.destination = by_gateway.destination = prefix_of("198.18.0.0/15");
    expect(VERDICT_PASS, "every address", "", by_eth0, NULL);
    expect(VERDICT_PASS, "every address", "", by_main, NULL);
    expect(VERDICT_PASS, "every address", "", by_gateway, NULL);
    expect(VERDICT_FAIL, "tailscale0", exit_node, by_eth0, NULL);
    expect(VERDICT_FAIL, "table 52", exit_node, by_main, NULL);
    expect(VERDICT_FAIL, "198.18.7.0/24", "route 198.18.7.0/24 via 203.0.113.254 dev eth0\n",
           by_gateway, NULL);
}

static void judges_items(void **state)
{
    struct check rule = {.kind = CHECK_RULES, .priority = 5140};
    struct check link = {.kind = CHECK_LINK, .device = "eth0"};
    struct check address = {.kind = CHECK_ADDRESS, .device = "eth0"};
    struct check sysctl = {.kind = CHECK_SYSCTL, .name_of = "net.ipv4.ip_forward", .expect = "1"};

    (void)state;
    expect(VERDICT_FAIL, "no rule", "", rule, NULL);
    expect(VERDICT_PASS, "203.0.113.10", shield, rule, NULL);
    rule.from = address_of("203.0.113.11");
    expect(VERDICT_FAIL, "only 5140", shield, rule, NULL);
    expect(VERDICT_PASS, "up, carrier", "", link, NULL);
    text_copy(link.device, sizeof(link.device), "cni0");
    expect(VERDICT_FAIL, "down", "", link, NULL);
    text_copy(link.device, sizeof(link.device), "eth7");
    expect(VERDICT_FAIL, "no such device", "", link, NULL);
    text_copy(address.name_of, sizeof(address.name_of), "203.0.113.10/24");
    expect(VERDICT_PASS, "203.0.113.10/24", "", address, NULL);
    text_copy(address.name_of, sizeof(address.name_of), "203.0.113.11");
    expect(VERDICT_FAIL, "203.0.113.10/24", "", address, NULL);
    text_copy(address.name_of, sizeof(address.name_of), "here");
    expect(VERDICT_UNKNOWN, "no address", "", address, NULL);
    expect(VERDICT_UNKNOWN, "does not read it", "", sysctl, NULL);
}

static void judges_probes(void **state)
{
    struct check egress = {.kind = CHECK_EGRESS_ADDRESS, .expect = "198.51.100.10"};
    struct check ssh = {.kind = CHECK_SSH, .to = "203.0.113.10", .host_key = "SHA256:abc"};
    struct check tcp = {.kind = CHECK_TCP, .to = "db", .port = 5432};
    struct probe_result seen = {.outcome = PROBE_ANSWERED, .answer = "198.51.100.10"};
    struct probe_result dead = {.outcome = PROBE_FAILED, .why = "no answer in 5 s"};
    struct probe_result unclear = {.outcome = PROBE_UNCLEAR, .why = "no name server"};

    (void)state;
    expect(VERDICT_PASS, "198.51.100.10", "", egress, &seen);
    text_copy(seen.answer, sizeof(seen.answer), "203.0.113.10");
    expect(VERDICT_FAIL, "203.0.113.10", "", egress, &seen);
    expect(VERDICT_FAIL, "no answer", "", egress, &dead);
    expect(VERDICT_UNKNOWN, "not tried", "", egress, NULL);
    expect(VERDICT_UNKNOWN, "no name server", "", tcp, &unclear);
    expect(VERDICT_FAIL, "no answer", "", tcp, &dead);
    expect(VERDICT_FAIL, "host key", "", ssh,
           &(struct probe_result){.outcome = PROBE_ANSWERED, .host_key = "SHA256:xyz"});
    expect(VERDICT_PASS, "SSH-2.0", "", ssh,
           &(struct probe_result){
               .outcome = PROBE_ANSWERED, .answer = "SSH-2.0-x", .host_key = "SHA256:abc"});
}

static void api_server_path_never_leaves_by_the_tailnet(void **state)
{
    struct check check = {.kind = CHECK_API_SERVER_PATH, .to = "198.51.100.10", .port = 6443};
    struct probe_result connects = {.outcome = PROBE_ANSWERED};

    (void)state;
    expect(VERDICT_PASS, "", "", check, &connects);
    expect(VERDICT_UNKNOWN, "not tried", "", check, NULL);
    expect(VERDICT_FAIL, "tailscale0", exit_node, check, &connects);
}

static void judge_exit(struct snapshot *snapshot, const struct probe_result *probe,
                       enum verdict_value value, const char *observed)
{
    struct check check = {.kind = CHECK_EXIT_NODE, .use = "srv712429-oceanid"};
    struct fib *fib = fib_new(snapshot);
    struct verdict verdict;

    checks_evaluate(&check, snapshot, fib, probe, &verdict);
    fib_free(fib);
    if (verdict.value != value || strstr(verdict.observed, observed) == NULL)
        fail_msg("expected %s '%s', got %s '%s'", verdict_format(value), observed,
                 verdict_format(verdict.value), verdict.observed);
}

static void exit_node_is_resolved_by_its_id(void **state)
{
    struct tailscale_peer peers[] = {
        {.id = "1", .host_name = "srv712429-oceanid", .exit_node_option = true}};
    struct probe_result answers = {.outcome = PROBE_ANSWERED, .answer = "pong"};
    struct probe_result dead = {.outcome = PROBE_FAILED, .why = "no disco answer"};
    struct snapshot snapshot;

    (void)state;
    snapshot_init(&snapshot);
    judge_exit(&snapshot, &answers, VERDICT_UNKNOWN, "is not there");
    snapshot.tailscale.presence = TAILSCALE_ANSWERS;
    judge_exit(&snapshot, &answers, VERDICT_FAIL, "no exit node in use");
    text_copy(snapshot.tailscale.exit_node_id, TAILSCALE_ID_SIZE, "1");
    judge_exit(&snapshot, &answers, VERDICT_FAIL, "not among the peers");
    snapshot.tailscale.peers = peers;
    snapshot.tailscale.peers_count = 1;
    judge_exit(&snapshot, &answers, VERDICT_PASS, "pong");
    judge_exit(&snapshot, &dead, VERDICT_FAIL, "no disco answer");
    judge_exit(&snapshot, NULL, VERDICT_UNKNOWN, "not tried");
    peers[0].exit_node_option = false;
    judge_exit(&snapshot, &answers, VERDICT_FAIL, "does not offer");
    text_copy(peers[0].host_name, NAME_SIZE, "other");
    judge_exit(&snapshot, &answers, VERDICT_FAIL, "another exit node");
    snapshot.tailscale.peers = NULL;
    snapshot.tailscale.peers_count = 0;
    snapshot_done(&snapshot);
}

static enum verdict_value settle(struct check_state *shown, enum verdict_value value)
{
    struct check check = {.attempts = 3, .passes = 2};
    struct verdict fresh = {.value = value};

    checks_settle(shown, &check, &fresh);
    return shown->shown.value;
}

static void doubt(enum verdict_value value, struct check check, int64_t age_ms)
{
    static const struct probe_result answered = {.outcome = PROBE_ANSWERED};
    struct verdict verdict;

    evaluate("", check, &answered, &verdict);
    checks_doubt(&check, age_ms, &verdict);
    if (verdict.value != value)
        fail_msg("kind %d after %lld ms: expected %s, got %s '%s'", check.kind, (long long)age_ms,
                 verdict_format(value), verdict_format(verdict.value), verdict.observed);
}

static void what_was_read_too_long_ago_is_unknown(void **state)
{
    struct check check = {.kind = CHECK_REPLY_PATH};
    struct verdict verdict;

    (void)state;
    doubt(VERDICT_PASS, check, OBSERVED_MAX_MS);
    doubt(VERDICT_UNKNOWN, check, OBSERVED_MAX_MS + 1);
    doubt(VERDICT_FAIL, (struct check){.kind = CHECK_LINK, .device = "eth7"}, 0);
    doubt(VERDICT_UNKNOWN, (struct check){.kind = CHECK_LINK, .device = "eth7"}, 100000);
    doubt(VERDICT_PASS, (struct check){.kind = CHECK_TCP, .to = "203.0.113.1"}, 100000);
    doubt(VERDICT_PASS, (struct check){.kind = CHECK_SSH, .to = "203.0.113.1"}, 100000);
    doubt(VERDICT_PASS, (struct check){.kind = CHECK_CONTROLLER}, 100000);
    for (unsigned kind = 0; kind < CHECK_KIND_COUNT; kind++) {
        static const bool asks_others[CHECK_KIND_COUNT] = {[CHECK_EGRESS_ADDRESS] = true,
                                                           [CHECK_TCP] = true,
                                                           [CHECK_SSH] = true,
                                                           [CHECK_CONTROLLER] = true};
        const struct check one = {.kind = (enum check_kind)kind};

        verdict_set(&verdict, VERDICT_PASS, "so it is", "so it was");
        checks_doubt(&one, 100000, &verdict);
        assert_int_equal(verdict.value, asks_others[kind] ? VERDICT_PASS : VERDICT_UNKNOWN);
    }
    evaluate("", check, NULL, &verdict);
    checks_doubt(&check, 250000, &verdict);
    assert_non_null(strstr(verdict.observed, "last read more than 240 s ago: expected at most 60"));
}

static void failures_and_passes_count_in_a_row(void **state)
{
    struct check_state shown = {0};

    (void)state;
    assert_int_equal(settle(&shown, VERDICT_PASS), VERDICT_UNKNOWN);
    assert_int_equal(settle(&shown, VERDICT_PASS), VERDICT_PASS);
    assert_int_equal(settle(&shown, VERDICT_FAIL), VERDICT_PASS);
    assert_int_equal(settle(&shown, VERDICT_FAIL), VERDICT_PASS);
    assert_int_equal(settle(&shown, VERDICT_FAIL), VERDICT_FAIL);
    assert_int_equal(settle(&shown, VERDICT_PASS), VERDICT_FAIL);
    assert_int_equal(settle(&shown, VERDICT_PASS), VERDICT_PASS);
    assert_int_equal(settle(&shown, VERDICT_UNKNOWN), VERDICT_UNKNOWN);
    assert_int_equal(settle(&shown, VERDICT_PASS), VERDICT_UNKNOWN);
}

/* Silence in between is no failure, and begins the row anew; what is shown says how far it is. */
static void an_unknown_ends_a_row(void **state)
{
    struct check_state shown = {0};

    (void)state;
    assert_int_equal(settle(&shown, VERDICT_PASS), VERDICT_UNKNOWN);
    assert_int_equal(settle(&shown, VERDICT_PASS), VERDICT_PASS);
    assert_int_equal(settle(&shown, VERDICT_FAIL), VERDICT_PASS);
    assert_int_equal(settle(&shown, VERDICT_FAIL), VERDICT_PASS);
    assert_int_equal(settle(&shown, VERDICT_UNKNOWN), VERDICT_UNKNOWN);
    assert_int_equal(settle(&shown, VERDICT_FAIL), VERDICT_UNKNOWN);
    assert_string_equal(shown.shown.observed, "fail for 1 of 3 times: ");
    assert_int_equal(settle(&shown, VERDICT_FAIL), VERDICT_UNKNOWN);
    assert_string_equal(shown.shown.observed, "fail for 2 of 3 times: ");
    assert_int_equal(settle(&shown, VERDICT_FAIL), VERDICT_FAIL);
    assert_int_equal(settle(&shown, VERDICT_PASS), VERDICT_FAIL);
    assert_int_equal(settle(&shown, VERDICT_UNKNOWN), VERDICT_UNKNOWN);
    assert_int_equal(settle(&shown, VERDICT_PASS), VERDICT_UNKNOWN);
}

/* ---- witnesses ------------------------------------------------------------------------------- */

static void expect_source(const char *lines, enum audience audience, const char *own,
                          const char *source, bool counts, const char *why)
{
    struct ssh_target ssh = {.audience = audience};
    struct ssh_peer peer = {.own = address_of(own), .address = address_of(source)};
    char said[REASON_SIZE];
    struct bench bench;
    bool did;

    bench_init(&bench, lines);
    did = source_counts(bench.fib, &ssh, &peer, said);
    bench_done(&bench);
    if (did != counts || strstr(said, why) == NULL)
        fail_msg("%s: expected %d '%s', got %d '%s'", source, counts, why, did, said);
}

static void special_witnesses_do_not_count(void **state)
{
    static const char special[] = "rule 5141 to 198.51.100.10 lookup main\n";
    const char *own = "203.0.113.10";

    (void)state;
    expect_source("", AUDIENCE_EVERYWHERE, own, "198.51.100.10", true, "seen from");
    expect_source(special, AUDIENCE_EVERYWHERE, own, "198.51.100.10", false, "5141");
    expect_source(special, AUDIENCE_EVERYWHERE, own, "198.18.0.10", true, "seen from");
    expect_source(shield, AUDIENCE_EVERYWHERE, own, "198.18.0.10", true, "seen from");
    expect_source("", AUDIENCE_EVERYWHERE, own, "203.0.113.77", false, "entry of their own");
    expect_source("", AUDIENCE_EVERYWHERE, own, "203.0.113.10", false, "this node itself");
    expect_source("", AUDIENCE_TAILNET, "100.64.0.2", "100.64.0.1", true, "seen from");
    expect_source("", AUDIENCE_TAILNET, "100.64.0.2", "198.18.0.10", false, "tailnet");
    expect_source("", AUDIENCE_CONNECTED, own, "203.0.113.77", true, "seen from");
    expect_source("", AUDIENCE_CONNECTED, own, "198.18.0.10", false, "network");
}

static void note(struct peers_seen *seen, const char *address, uint16_t port, mono_t now)
{
    struct ssh_peer peer = {
        .own = address_of("203.0.113.10"), .address = address_of(address), .port = port};

    peers_seen_note(seen, &peer, now);
}

static void finds_the_connection_of_a_witness(void **state)
{
    struct peers_seen seen = {.count = 0};
    struct peer_sought office = {"office", address_of("198.18.0.10"), 4000, 50};
    struct peer_sought calypso = {"calypso", address_of("192.168.2.10"), 5001, 50};
    struct ssh_peer found[4];
    char why[REASON_SIZE] = "";

    (void)state;
    note(&seen, "198.18.9.9", 1, 10);
    assert_int_equal(peers_seen_find(&seen, &office, found, 4, why), 0);
    assert_non_null(strstr(why, "no connection of it was seen"));
    note(&seen, "198.18.0.10", 4000, 60);
    note(&seen, "198.18.7.2", 5000, 60);
    note(&seen, "198.18.7.2", 5001, 61);
    assert_int_equal(peers_seen_find(&seen, &office, found, 4, why), 1);
    assert_true(address_equal(&found[0].address, &office.source));
    assert_int_equal(peers_seen_find(&seen, &calypso, found, 4, why), 1);
    assert_int_equal(found[0].port, 5001);
    calypso.port = 7;
    assert_int_equal(peers_seen_find(&seen, &calypso, found, 4, why), 2);
}

static void notices_what_is_gone(void **state)
{
    struct drift drift = {.count = 0};
    char lines[4][SENTENCE_SIZE];
    struct bench bench;

    (void)state;
    bench_init(&bench, shield);
    for (size_t i = 0; i < bench.snapshot.rules_count; i++) {
        if (bench.snapshot.rules[i].priority == 5140)
            bench.snapshot.rules[i].protocol = OCEANID_PROTOCOL;
    }
    drift_take(&drift, &bench.snapshot);
    assert_int_equal(drift_find(&drift, &bench.snapshot, lines, 4), 0);
    bench_done(&bench);
    bench_init(&bench, "");
    assert_int_equal(drift_find(&drift, &bench.snapshot, lines, 4), 1);
    assert_non_null(strstr(lines[0], "- 5140: from 203.0.113.10 lookup main"));
    bench_done(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reply_path_fails_with_an_exit_node),
        cmocka_unit_test(a_rule_that_nobody_knows_makes_it_unknown),
        cmocka_unit_test(reply_path_without_an_uplink_is_unknown),
        cmocka_unit_test(reply_path_of_ssh_on_the_tailnet),
        cmocka_unit_test(reply_path_is_of_one_family),
        cmocka_unit_test(judges_routes),
        cmocka_unit_test(judges_items),
        cmocka_unit_test(judges_probes),
        cmocka_unit_test(api_server_path_never_leaves_by_the_tailnet),
        cmocka_unit_test(exit_node_is_resolved_by_its_id),
        cmocka_unit_test(what_was_read_too_long_ago_is_unknown),
        cmocka_unit_test(failures_and_passes_count_in_a_row),
        cmocka_unit_test(an_unknown_ends_a_row),
        cmocka_unit_test(special_witnesses_do_not_count),
        cmocka_unit_test(finds_the_connection_of_a_witness),
        cmocka_unit_test(notices_what_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
