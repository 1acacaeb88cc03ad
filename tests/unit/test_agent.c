/*
 * test_agent: the program oceanid-agent itself, between a controller and a guard that this test
 * plays: what is carried through, and what the agent adds to a trial's proof.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/packet.h"
#include "tests/unit/fake_controller.h"

enum { PATIENCE_MS = 20000, REQUESTS_MAX = 64 };

static struct bench {
    struct fake_controller fake;
    struct sign_key *guard_key, *witness_key;
    char socket[128], config[128];
    int listen_fd, guard_fd;
    pid_t pid;
    uint32_t requests_count;
    struct guard_request *requests[REQUESTS_MAX]; /* what the guard was told; owned */
    unsigned stacks_given;
    int ssh_fd; /* a port that listens: the subject's "sshd" */
    uint16_t ssh_port;
    struct wire_bytes body;
    struct hash body_hash;
} bench;

/* ---- the guard's side ------------------------------------------------------------------------ */

static void tell_agent(const struct guard_report *report)
{
    AUTO_WIRE struct wire_bytes bytes = wire_encode_guard_report(report);
    struct err err = ERR_INIT;

    assert_true(packet_send(bench.guard_fd, wire_lend(&bytes), &err));
}

static void give_stack(const struct nonce *challenge)
{
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));
    struct guard_report report = {.kind = REPORT_STACK};

    text_copy(stack->node, sizeof(stack->node), "subject");
    stack->challenge = *challenge;
    memset(&stack->nonce, 3, sizeof(stack->nonce));
    report.envelope = wire_encode_stack(stack, bench.guard_key);
    tell_agent(&report);
    wire_bytes_done(&report.envelope);
    bench.stacks_given++;
}

static void take_request(struct bytes bytes)
{
    struct guard_request *request = mem_alloc(1, sizeof(*request));
    struct err err = ERR_INIT;

    assert_true(wire_decode_guard_request(bytes, request, &err));
    assert_true(bench.requests_count < REQUESTS_MAX);
    bench.requests[bench.requests_count++] = request;
    if (request->kind == GUARD_STACK)
        give_stack(&request->challenge);
}

/* Whatever the agent says to the guard, for a short while. */
static void play_guard(void)
{
    struct pollfd wait = {.fd = bench.guard_fd >= 0 ? bench.guard_fd : bench.listen_fd,
                          .events = POLLIN};
    struct err err = ERR_INIT;
    uint8_t *data;
    size_t len;

    if (poll(&wait, 1, 10) <= 0)
        return;
    if (bench.guard_fd < 0) {
        bench.guard_fd = accept4(bench.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        return;
    }
    while (packet_receive(bench.guard_fd, &data, &len, &err)) {
        take_request((struct bytes){data, len});
        free(data);
    }
    assert_int_equal(err.kind, ERR_TIMEOUT);
}

static void await(bool (*is_so)(void), const char *what)
{
    mono_t until = clock_now() + PATIENCE_MS;

    while (!is_so()) {
        if (clock_now() > until)
            fail_msg("waited in vain for: %s", what);
        play_guard();
    }
}

/* The newest request of that kind that the guard was told; NULL: none. */
static const struct guard_request *find_request(enum guard_request_kind kind)
{
    for (uint32_t i = bench.requests_count; i-- > 0;) {
        if (bench.requests[i]->kind == kind)
            return bench.requests[i];
    }
    return NULL;
}

/* ---- start ----------------------------------------------------------------------------------- */

static void write_file(const char *name, const char *text)
{
    struct err err = ERR_INIT;
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", bench.fake.directory, name);
    assert_true(file_write(path, text, strlen(text), 0600, &err));
}

static void link_file(const char *from, const char *to)
{
    char from_path[256], to_path[256];

    snprintf(from_path, sizeof(from_path), "%s/%s", bench.fake.directory, from);
    snprintf(to_path, sizeof(to_path), "%s/%s", bench.fake.directory, to);
    assert_int_equal(link(from_path, to_path), 0);
}

/* The state directory as `install` leaves it, and agent.yaml. */
static void install(void)
{
    char text[1024];

    link_file("subject.key", "key.pem");
    link_file("subject.pem", "cert.pem");
    write_file("name", "subject");
    snprintf(bench.socket, sizeof(bench.socket), "%s/guard.sock", bench.fake.directory);
    snprintf(bench.config, sizeof(bench.config), "%s/agent.yaml", bench.fake.directory);
    snprintf(text, sizeof(text),
             "controllers: [%s]\nstate: %s\nguard-socket: %s\n"
             "tailscale-socket: %s/no-tailscaled.sock\nlog: info\n",
             bench.fake.agent.controllers[0], bench.fake.directory, bench.socket,
             bench.fake.directory);
    write_file("agent.yaml", text);
}

static void listen_ssh(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);

    bench.ssh_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(bench.ssh_fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(bench.ssh_fd, 8), 0);
    assert_int_equal(getsockname(bench.ssh_fd, (struct sockaddr *)&at, &len), 0);
    bench.ssh_port = ntohs(at.sin_port);
}

static int start(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    fake_controller_init(&bench.fake);
    install();
    listen_ssh();
    bench.guard_key = sign_key_generate();
    bench.witness_key = sign_key_generate();
    bench.guard_fd = -1;
    bench.listen_fd = packet_listen(bench.socket, 0600, (gid_t)-1, &err);
    assert_true(bench.listen_fd >= 0);
    bench.pid = fork();
    if (bench.pid == 0) {
        execl(OCEANID_AGENT, "oceanid-agent", "--config", bench.config, (char *)NULL);
        _exit(127);
    }
    return bench.pid > 0 ? 0 : -1;
}

static int stop(void **state)
{
    static const char *const names[] = {"key.pem",    "cert.pem",   "name",
                                        "agent.yaml", "guard.sock", "manifest"};
    char path[256];
    int status = -1;

    (void)state;
    kill(bench.pid, SIGTERM);
    waitpid(bench.pid, &status, 0);
    close(bench.guard_fd);
    close(bench.listen_fd);
    close(bench.ssh_fd);
    for (uint32_t i = 0; i < bench.requests_count; i++) {
        guard_request_done(bench.requests[i]);
        free(bench.requests[i]);
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", bench.fake.directory, names[i]);
        unlink(path);
    }
    wire_bytes_done(&bench.body);
    sign_key_free(bench.guard_key);
    sign_key_free(bench.witness_key);
    fake_controller_done(&bench.fake);
    return status == 0 ? 0 : -1;
}

/* ---- hello ----------------------------------------------------------------------------------- */

static bool has_poll(void)
{
    return fake_controller_polls(&bench.fake) > 0;
}

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
    await(gave_stack_in_hello, "a hello with the guard's stack");
    await(has_poll, "a parked poll");
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

static void command(const struct session_reply *reply)
{
    await(has_poll, "a parked poll");
    assert_true(fake_controller_command(&bench.fake, reply));
}

static void snapshot_is_sent_when_asked(void **state)
{
    struct session_reply reply = {.kind = ANSWER_COMMAND, .id = 3, .command = COMMAND_SNAPSHOT};
    const struct snapshot *snapshot;

    (void)state;
    command(&reply);
    await(snapshot_came, "a snapshot");
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

/* COMMAND_GUARD with that request. */
static void command_guard(uint64_t id, const struct guard_request *request)
{
    struct session_reply reply = {.kind = ANSWER_COMMAND, .id = id, .command = COMMAND_GUARD};

    reply.guard = wire_encode_guard_request(request);
    command(&reply);
    wire_bytes_done(&reply.guard);
}

static bool guard_was_asked_to_prepare(void)
{
    return find_request(GUARD_PREPARE) != NULL;
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
    command_guard(4, &request);
    wire_bytes_done(&request.envelope);
    await(guard_was_asked_to_prepare, "the prepare at the guard");
    report.id.attempt.body = bench.body_hash;
    memset(&report.id.start, 11, sizeof(report.id.start));
    tell_agent(&report);
    await(prepared_came, "'prepared' at the controller, as the answer to command 4");
    await(baseline_came, "the own baseline");
    expect_own_statement(wire_lend(&fake_controller_find(&bench.fake, has_statement)->statement),
                         PHASE_BASELINE, 11);
}

static bool guard_has_statement(void)
{
    return find_request(GUARD_STATEMENT) != NULL;
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
    tell_agent(&report);
}

/* docs/protocol.md rule 8. */
static void first_nonce_travels_in_a_new_hello_only(void **state)
{
    (void)state;
    issue_nonce(21, true);
    await(nonce_is_in_a_hello, "the nonce in a hello beside the old connection");
    await(guard_has_statement, "the own renewal at the guard");
    expect_own_statement(wire_lend(&find_request(GUARD_STATEMENT)->envelope), PHASE_RENEWAL, 21);
    assert_null(fake_controller_find(&bench.fake, is_nonce)); /* in no report */
}

static void ordinary_nonce_travels_in_a_report(void **state)
{
    uint32_t hellos = fake_controller_hellos(&bench.fake);

    (void)state;
    issue_nonce(22, false);
    await(nonce_came, "the nonce in a report");
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
    command_guard(5, &request);
    wire_bytes_done(&request.envelope);
    await(guard_has_witness, "the witness's statement at the guard");
    await(source_came, "the source in a report");
    close(fd);
    told = find_request(GUARD_SOURCE_SEEN);
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
    uint32_t sources = 0;

    (void)state;
    for (uint32_t i = 0; i < bench.requests_count; i++)
        sources += bench.requests[i]->kind == GUARD_SOURCE_SEEN;
    forged.envelope = witness_statement(bench.guard_key, 1); /* not office's key */
    command_guard(6, &forged);
    wire_bytes_done(&forged.envelope);
    command_guard(7, &seen);
    command_guard(8, &fence);
    await(fence_is_acknowledged, "the commands to be carried out");
    assert_null(find_request(GUARD_FENCE));
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
    await(has_poll, "a parked poll");
    stacks_before = bench.stacks_given;
    close(bench.guard_fd);
    bench.guard_fd = -1;
    await(greeted_again, "a new hello with the stack of the guard that came back");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_carries_the_guards_stack),
        cmocka_unit_test(snapshot_is_sent_when_asked),
        cmocka_unit_test(prepare_is_carried_and_answered_with_a_baseline),
        cmocka_unit_test(first_nonce_travels_in_a_new_hello_only),
        cmocka_unit_test(ordinary_nonce_travels_in_a_report),
        cmocka_unit_test(witness_on_the_node_itself_does_not_count),
        cmocka_unit_test(words_that_are_not_a_controllers_do_not_pass),
        cmocka_unit_test(guard_that_comes_back_is_made_known),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
