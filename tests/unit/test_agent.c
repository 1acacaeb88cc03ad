/*
 * test_agent: the program oceanid-agent itself, between a controller and a guard that this test
 * plays: what is carried through, and what the agent adds to a trial's proof.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "tests/unit/agent_bench.h"

/* ---- hello ----------------------------------------------------------------------------------- */

static bool gave_stack_in_hello(void)
{
    bool so = false;

    pthread_mutex_lock(&bench.fake.mutex);
    for (uint32_t i = 0; i < bench.fake.hellos_count; i++)
        so |= bench.fake.hellos[i].verified && bench.fake.hellos[i].stack.len > 0;
    pthread_mutex_unlock(&bench.fake.mutex);
    return so;
}

static void hello_carries_the_guards_stack(void **state)
{
    struct public_key key;
    struct err err = ERR_INIT;
    const struct fake_hello *hello;

    (void)state;
    agent_bench_await(gave_stack_in_hello, "a hello with the guard's stack");
    agent_bench_await(agent_bench_has_poll, "a parked poll");
    hello = &bench.fake.hellos[bench.fake.hellos_count - 1];
    sign_key_public(bench.guard_key, &key);
    assert_true(wire_verify(wire_lend(&hello->stack), SIGN_STACK, &key, &err));
}

static bool has_snapshot(const struct session_request *report)
{
    return report->has_snapshot && report->answers == 3;
}

static bool snapshot_came(void)
{
    return fake_controller_find(&bench.fake, has_snapshot) != NULL;
}

static void snapshot_is_sent_when_asked(void **state)
{
    struct session_reply reply = {.kind = ANSWER_COMMAND, .id = 3, .command = COMMAND_SNAPSHOT};
    const struct snapshot *snapshot;

    (void)state;
    agent_bench_command(&reply);
    agent_bench_await(snapshot_came, "a snapshot");
    snapshot = &fake_controller_find(&bench.fake, has_snapshot)->snapshot;
    assert_non_null(snapshot_find_device(snapshot, "lo"));
    assert_int_equal(snapshot->tailscale.presence, TAILSCALE_ABSENT);
}

/* ---- a trial --------------------------------------------------------------------------------- */

static void add_check(struct manifest_plan *plan, const char *name, enum check_kind kind)
{
    struct check *check = &plan->checks[plan->checks_count++];

    text_copy(check->name, sizeof(check->name), name);
    check->kind = kind;
    check->severity = SEVERITY_CRITICAL;
    text_copy(check->device, sizeof(check->device), kind == CHECK_LINK ? "lo" : "");
    check_set_defaults(check);
}

static void fill_plan(struct manifest_plan *plan)
{
    text_copy(plan->node, sizeof(plan->node), "subject");
    plan->operations_count = 1;
    plan->operations = mem_alloc(1, sizeof(*plan->operations));
    plan->operations[0].kind = OPERATION_SYSCTL;
    text_copy(plan->operations[0].sysctl.setting.name, SYSCTL_NAME_SIZE, "net.ipv4.ip_forward");
    text_copy(plan->operations[0].sysctl.setting.value, SYSCTL_VALUE_SIZE, "1");
    plan->checks = mem_alloc(4, sizeof(*plan->checks));
    add_check(plan, "loopback", CHECK_LINK);
    add_check(plan, "controller", CHECK_CONTROLLER);
    add_check(plan, "tailscale", CHECK_TAILSCALE);
    plan->witnesses_count = 1;
    text_copy(plan->witnesses[0], NAME_SIZE, "office");
    plan->quorum = 1;
    address_parse("127.0.0.1", &plan->ssh.address);
    plan->ssh.port = bench.ssh_port;
    plan->ssh.audience = AUDIENCE_EVERYWHERE;
}

static void fill_roster(struct manifest *manifest)
{
    struct roster_entry *entries = mem_alloc(2, sizeof(*entries));

    manifest->roster = entries;
    manifest->roster_count = 2;
    text_copy(entries[0].name, NAME_SIZE, "subject");
    sign_key_public(bench.fake.agent.key, &entries[0].agent_key);
    sign_key_public(bench.guard_key, &entries[0].guard_key);
    text_copy(entries[1].name, NAME_SIZE, "office");
    entries[1].witness_only = true;
    sign_key_public(bench.witness_key, &entries[1].agent_key);
}

static void make_body(void)
{
    struct manifest manifest = {.soak_s = 60,
                                .lease_s = 20,
                                .period_s = 5,
                                .path_s = 5,
                                .dial_s = 2,
                                .apply_s = 5,
                                .settle_s = 1,
                                .grace_s = 5,
                                .revert_budget_s = 10,
                                .stages_count = 1,
                                .plans_count = 1};

    text_copy(manifest.change, NAME_SIZE, "a-change");
    text_copy(manifest.reason, TEXT_SIZE, "a test of the agent");
    text_copy(manifest.reference, REASON_SIZE, "test");
    manifest.stages = mem_alloc(1, sizeof(*manifest.stages));
    manifest.stages[0].nodes_count = 1;
    text_copy(manifest.stages[0].nodes[0], NAME_SIZE, "subject");
    manifest.plans = mem_alloc(1, sizeof(*manifest.plans));
    fill_plan(&manifest.plans[0]);
    fill_roster(&manifest);
    bench.body = wire_encode_manifest(&manifest);
    sign_hash(bench.body.data, bench.body.len, &bench.body_hash);
    manifest_done(&manifest);
}

static bool guard_was_asked_to_prepare(void)
{
    return agent_bench_find(GUARD_PREPARE) != NULL;
}

static bool is_prepared(const struct session_request *report)
{
    struct guard_report decoded;
    struct err err = ERR_INIT;
    bool so = false;

    for (uint32_t i = 0; i < report->guard_count && report->answers == 4; i++) {
        if (!wire_decode_guard_report(wire_lend(&report->guard[i]), &decoded, &err))
            continue;
        so |= decoded.kind == REPORT_PREPARED;
        guard_report_done(&decoded);
    }
    return so;
}

static bool prepared_came(void)
{
    return fake_controller_find(&bench.fake, is_prepared) != NULL;
}

static bool has_statement(const struct session_request *report)
{
    return report->statement.len > 0;
}

static bool baseline_came(void)
{
    return fake_controller_find(&bench.fake, has_statement) != NULL;
}

static void expect_own_statement(struct bytes envelope, enum phase phase, uint8_t nonce)
{
    AUTO_FREE struct statement *statement = mem_alloc(1, sizeof(*statement));
    struct nonce wanted;
    struct public_key key;
    struct err err = ERR_INIT;

    memset(&wanted, nonce, sizeof(wanted));
    sign_key_public(bench.fake.agent.key, &key);
    assert_true(wire_verify(envelope, SIGN_STATEMENT, &key, &err));
    assert_true(wire_decode_statement(envelope, statement, &err));
    assert_string_equal(statement->signer, "subject");
    assert_string_equal(statement->subject, "subject");
    assert_int_equal(statement->phase, phase);
    assert_true(nonce_equal(&statement->nonce, &wanted));
    assert_true(hash_equal(&statement->body, &bench.body_hash));
    assert_in_range(statement->verdicts_count, 3, VERDICTS_MAX);
    assert_string_equal(statement->verdicts[0].check, "loopback");
    assert_string_equal(statement->verdicts[1].check, "controller");
    assert_int_equal(statement->verdicts[1].value, VERDICT_PASS);
    assert_string_equal(statement->verdicts[2].check, "tailscale");
    assert_int_not_equal(statement->verdicts[2].value, VERDICT_PASS); /* there is none */
}

static void prepare_is_carried_and_answered_with_a_baseline(void **state)
{
    struct guard_request request = {.kind = GUARD_PREPARE};
    struct guard_report report = {.kind = REPORT_PREPARED};
    struct approval approval = {.not_after = clock_unix() + 3600};

    (void)state;
    make_body();
    request.body = bench.body; /* lent */
    approval.attempt.body = bench.body_hash;
    request.envelope = wire_encode_approval(&approval);
    agent_bench_command_guard(4, &request);
    wire_bytes_done(&request.envelope);
    agent_bench_await(guard_was_asked_to_prepare, "the prepare at the guard");
    report.id.attempt.body = bench.body_hash;
    memset(&report.id.start, 11, sizeof(report.id.start));
    agent_bench_report(&report);
    agent_bench_await(prepared_came, "'prepared' at the controller, as the answer to command 4");
    agent_bench_await(baseline_came, "the own baseline");
    expect_own_statement(wire_lend(&fake_controller_find(&bench.fake, has_statement)->statement),
                         PHASE_BASELINE, 11);
}

static bool guard_was_asked_to_rehearse(void)
{
    return agent_bench_find(GUARD_REHEARSE) != NULL;
}

static bool is_rehearsal(const struct session_request *report)
{
    struct guard_report decoded;
    struct err err = ERR_INIT;
    bool so = false;

    for (uint32_t i = 0; i < report->guard_count && report->answers == 5; i++) {
        if (!wire_decode_guard_report(wire_lend(&report->guard[i]), &decoded, &err))
            continue;
        so |= decoded.kind == REPORT_REHEARSAL;
        guard_report_done(&decoded);
    }
    return so;
}

static bool rehearsal_came(void)
{
    return fake_controller_find(&bench.fake, is_rehearsal) != NULL;
}

static void a_plan_to_rehearse_is_carried_and_answered(void **state)
{
    struct manifest_plan plan = {.node = "subject"};
    struct guard_request request = {.kind = GUARD_REHEARSE};
    struct guard_report report = {.kind = REPORT_REHEARSAL};
    const struct guard_request *told;

    (void)state;
    memset(&request.nonce, 31, sizeof(request.nonce));
    request.body = wire_encode_plan(&plan);
    agent_bench_command_guard(5, &request);
    agent_bench_await(guard_was_asked_to_rehearse, "the plan at the guard");
    told = agent_bench_find(GUARD_REHEARSE);
    assert_memory_equal(&told->nonce, &request.nonce, sizeof(request.nonce));
    assert_int_equal(told->body.len, request.body.len);
    assert_memory_equal(told->body.data, request.body.data, request.body.len);
    report.nonce = request.nonce;
    report.rehearsal = mem_alloc(1, sizeof(*report.rehearsal));
    agent_bench_report(&report);
    agent_bench_await(rehearsal_came, "its rehearsal, as the answer to command 5");
    guard_report_done(&report);
    guard_request_done(&request);
}

static bool guard_has_statement(void)
{
    return agent_bench_find(GUARD_STATEMENT) != NULL;
}

static bool nonce_is_in_a_hello(void)
{
    bool so = false;

    pthread_mutex_lock(&bench.fake.mutex);
    for (uint32_t i = 0; i < bench.fake.hellos_count; i++)
        so |= bench.fake.hellos[i].beside && bench.fake.hellos[i].nonce.len > 0;
    pthread_mutex_unlock(&bench.fake.mutex);
    return so;
}

static bool is_nonce(const struct session_request *report)
{
    struct guard_report decoded;
    struct err err = ERR_INIT;
    bool so = false;

    for (uint32_t i = 0; i < report->guard_count; i++) {
        if (!wire_decode_guard_report(wire_lend(&report->guard[i]), &decoded, &err))
            continue;
        so |= decoded.kind == REPORT_NONCE;
        guard_report_done(&decoded);
    }
    return so;
}

static bool nonce_came(void)
{
    return fake_controller_find(&bench.fake, is_nonce) != NULL;
}

static void issue_nonce(uint8_t nonce, bool fresh_connection)
{
    struct guard_report report = {
        .kind = REPORT_NONCE, .number = nonce, .fresh_connection = fresh_connection};

    report.id.attempt.body = bench.body_hash;
    memset(&report.id.start, 11, sizeof(report.id.start));
    memset(&report.nonce, nonce, sizeof(report.nonce));
    agent_bench_report(&report);
}

/* docs/protocol.md rule 8. */
static void first_nonce_travels_in_a_new_hello_only(void **state)
{
    (void)state;
    issue_nonce(21, true);
    agent_bench_await(nonce_is_in_a_hello, "the nonce in a hello beside the old connection");
    agent_bench_await(guard_has_statement, "the own renewal at the guard");
    expect_own_statement(wire_lend(&agent_bench_find(GUARD_STATEMENT)->envelope), PHASE_RENEWAL,
                         21);
    assert_null(fake_controller_find(&bench.fake, is_nonce)); /* in no report */
}

static void ordinary_nonce_travels_in_a_report(void **state)
{
    uint32_t hellos = fake_controller_hellos(&bench.fake);

    (void)state;
    issue_nonce(22, false);
    agent_bench_await(nonce_came, "the nonce in a report");
    assert_int_equal(fake_controller_hellos(&bench.fake), hellos);
}

/* ---- witnesses ------------------------------------------------------------------------------- */

static struct wire_bytes witness_statement(const struct sign_key *key, uint16_t port)
{
    AUTO_FREE struct statement *statement = mem_alloc(1, sizeof(*statement));

    text_copy(statement->signer, NAME_SIZE, "office");
    text_copy(statement->subject, NAME_SIZE, "subject");
    statement->body = bench.body_hash;
    memset(&statement->nonce, 22, sizeof(statement->nonce));
    statement->phase = PHASE_RENEWAL;
    address_parse("127.0.0.1", &statement->source);
    statement->source_port = port;
    statement->verdicts_count = 1;
    text_copy(statement->verdicts[0].check, NAME_SIZE, "ssh");
    verdict_set(&statement->verdicts[0], VERDICT_PASS, "a banner", "a banner");
    return wire_encode_statement(statement, key);
}

static bool guard_has_witness(void)
{
    AUTO_FREE struct statement *statement = mem_alloc(1, sizeof(*statement));
    struct err err = ERR_INIT;
    bool so = false;

    for (uint32_t i = 0; i < bench.requests_count && !so; i++) {
        if (bench.requests[i]->kind == GUARD_STATEMENT &&
            wire_decode_statement(wire_lend(&bench.requests[i]->envelope), statement, &err))
            so = text_equal(statement->signer, "office");
    }
    return so;
}

static bool has_source(const struct session_request *report)
{
    return report->sources_count > 0;
}

static bool source_came(void)
{
    return fake_controller_find(&bench.fake, has_source) != NULL;
}

static int connect_ssh(uint16_t *ret_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(bench.ssh_port)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

/* Loopback never counts: the guard is told so, before the statement or behind it. */
static void witness_on_the_node_itself_does_not_count(void **state)
{
    struct guard_request request = {.kind = GUARD_STATEMENT};
    const struct guard_request *told;
    uint16_t port;
    int fd = connect_ssh(&port);

    (void)state;
    request.envelope = witness_statement(bench.witness_key, port);
    agent_bench_command_guard(5, &request);
    wire_bytes_done(&request.envelope);
    agent_bench_await(guard_has_witness, "the witness's statement at the guard");
    agent_bench_await(source_came, "the source in a report");
    close(fd);
    told = agent_bench_find(GUARD_SOURCE_SEEN);
    assert_non_null(told);
    assert_string_equal(told->name, "office");
    assert_false(told->counts);
    assert_string_equal(told->reason, "127.0.0.1 is this node itself");
}

static bool fence_is_acknowledged(void)
{
    bool so = false;

    pthread_mutex_lock(&bench.fake.mutex);
    for (uint32_t i = 0; i < bench.fake.polls_count; i++)
        so |= bench.fake.polls[i].acknowledged == 8;
    pthread_mutex_unlock(&bench.fake.mutex);
    return so;
}

/* A controller may neither say who counts, nor stop the guard; nor make the agent say so by a
 * statement that nobody signed. */
static void words_that_are_not_a_controllers_do_not_pass(void **state)
{
    struct guard_request seen = {.kind = GUARD_SOURCE_SEEN, .counts = true, .name = "forged"};
    struct guard_request fence = {.kind = GUARD_FENCE};
    struct guard_request forged = {.kind = GUARD_STATEMENT};
    struct session_reply nothing = {.kind = ANSWER_COMMAND};
    uint32_t sources = 0;

    (void)state;
    for (uint32_t i = 0; i < bench.requests_count; i++)
        sources += bench.requests[i]->kind == GUARD_SOURCE_SEEN;
    forged.envelope = witness_statement(bench.guard_key, 1); /* not office's key */
    agent_bench_command_guard(6, &forged);
    wire_bytes_done(&forged.envelope);
    agent_bench_command_guard(7, &seen);
    agent_bench_command_guard(8, &fence);
    agent_bench_command(&nothing); /* what came on an older connection is acknowledged next time */
    agent_bench_await(fence_is_acknowledged, "the commands to be carried out");
    assert_null(agent_bench_find(GUARD_FENCE));
    for (uint32_t i = 0; i < bench.requests_count; i++)
        sources -= bench.requests[i]->kind == GUARD_SOURCE_SEEN;
    assert_int_equal(sources, 0);
}

/* ---- the guard goes and comes ---------------------------------------------------------------- */

static unsigned stacks_before;

static bool greeted_again(void)
{
    return bench.stacks_given > stacks_before;
}

static void guard_that_comes_back_is_made_known(void **state)
{
    (void)state;
    agent_bench_await(agent_bench_has_poll, "a parked poll");
    stacks_before = bench.stacks_given;
    close(bench.guard_fd);
    bench.guard_fd = -1;
    agent_bench_await(greeted_again, "a new hello with the stack of the guard that came back");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_carries_the_guards_stack),
        cmocka_unit_test(snapshot_is_sent_when_asked),
        cmocka_unit_test(prepare_is_carried_and_answered_with_a_baseline),
        cmocka_unit_test(a_plan_to_rehearse_is_carried_and_answered),
        cmocka_unit_test(first_nonce_travels_in_a_new_hello_only),
        cmocka_unit_test(ordinary_nonce_travels_in_a_report),
        cmocka_unit_test(witness_on_the_node_itself_does_not_count),
        cmocka_unit_test(words_that_are_not_a_controllers_do_not_pass),
        cmocka_unit_test(guard_that_comes_back_is_made_known),
    };

    return cmocka_run_group_tests(tests, agent_bench_start, agent_bench_stop);
}
