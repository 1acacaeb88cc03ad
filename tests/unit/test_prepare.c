/*
 * test_prepare: a plan is prepared only when its rehearsal went well; nothing is touched before.
 *
 * oceanid-rehearse is a child of the test's that listens where the guard asks, and plays in a
 * namespace of its own, or answers what the test has it answer.
 */
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/guard/io/prepare.h"
#include "agent/guard/io/rehearse.h"
#include "common/core/mem.h"
#include "common/io/packet.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/fake_tailscaled.h"
#include "tests/unit/netns.h"

enum how { PLAYS, ANSWERS_NONE, ANSWERS_UNSEEN, HANGS_UP, SAYS_NOTHING };

static char path[64], tailscale_path[64];
static pid_t server;

static void answer(int fd, enum how how)
{
    static struct rehearsal rehearsal;
    AUTO_FREE uint8_t *data = NULL;
    AUTO_WIRE struct wire_bytes reply = {NULL, 0};
    struct rehearse asked;
    struct err err = ERR_INIT;
    size_t len = 0;

    if (!packet_receive_up_to(fd, REHEARSE_SIZE_MAX, &data, &len, &err) ||
        !wire_decode_rehearse((struct bytes){data, len}, &asked, &err))
        _exit(1);
    if (how == PLAYS && unshare(CLONE_NEWNET) == 0)
        rehearse_play(&asked, &rehearsal);
    if (how == ANSWERS_UNSEEN) {
        rehearsal.operations_count = 1;
        rehearsal_set(&rehearsal, 0, REHEARSED_UNSEEN, "");
    }
    rehearse_done(&asked);
    if (how == SAYS_NOTHING) {
        for (;;)
            pause();
    }
    reply = wire_encode_rehearsal(&rehearsal);
    if (how != HANGS_UP)
        packet_send(fd, wire_lend(&reply), &err);
}

/* One question, as it listens in the socket unit's place. */
static void serve(enum how how)
{
    struct err err = ERR_INIT;
    int fd = packet_listen(path, 0600, (gid_t)-1, &err);

    if (fd < 0)
        fail_msg("%s", err.text);
    server = fork();
    if (server == 0) {
        answer(accept(fd, NULL, NULL), how);
        _exit(0);
    }
    close(fd);
}

static int enter(void **state)
{
    snprintf(path, sizeof(path), "/tmp/oceanid-test-prepare-%d.sock", getpid());
    snprintf(tailscale_path, sizeof(tailscale_path), "/tmp/oceanid-test-prepare-tailscaled-%d.sock",
             getpid());
    server = 0;
    return apply_case_enter(state);
}

static int leave(void **state)
{
    if (server > 0) {
        kill(server, SIGKILL);
        waitpid(server, NULL, 0);
    }
    unlink(path);
    return apply_case_leave(state);
}

static struct work *prepare(const struct operation *operations, uint32_t count, struct err *err)
{
    struct work *work = work_new(WORK_PREPARE, NULL);

    work->rehearse_socket = path;
    work->operations_count = count;
    work->operations = mem_copy(operations, count * sizeof(*operations));
    work->ok = prepare_do(&apply_case, work, err);
    return work;
}

static void refuse(const struct operation *operations, uint32_t count, const char *why)
{
    struct err err = ERR_INIT;
    struct work *work = prepare(operations, count, &err);

    assert_int_equal(work->ok, false);
    if (strstr(err.text, why) == NULL)
        fail_msg("expected '%s', got '%s'", why, err.text);
    work_free(work);
    apply_case_check("");
}

static struct work *prepare_well(const struct operation *operations, uint32_t count)
{
    struct err err = ERR_INIT;
    struct work *work;

    serve(PLAYS);
    work = prepare(operations, count, &err);
    if (!work->ok)
        fail_msg("%s", err.text);
    waitpid(server, NULL, 0);
    unlink(path);
    return work;
}

/* ---- */

static void test_prepares_what_was_rehearsed(void **state)
{
    struct operation operation = apply_case_operation("rule 5140 from 203.0.113.10 lookup main");
    struct work *work;

    (void)state;
    apply_case_begin("");
    work = prepare_well(&operation, 1);
    assert_int_equal(work->items_count, 1);
    assert_int_equal(work->rehearsal->operations_count, 1);
    assert_int_equal(work->rehearsal->operations[0].outcome, REHEARSED_GOOD);
    work_free(work);
    apply_case_check("");
}

/* The model sees nothing wrong in it. */
static void test_refuses_what_the_kernel_refuses(void **state)
{
    struct operation operations[] = {
        apply_case_operation("rule 5140 from 203.0.113.10 lookup main"),
        apply_case_operation("route 10.0.0.0/8 via 203.0.113.255 dev eth0"),
    };

    (void)state;
    apply_case_begin("");
    serve(PLAYS);
    refuse(operations, 2,
           "rehearsal of operation 2 (route: 10.0.0.0/8 via 203.0.113.255 dev eth0): refused: "
           "route 10.0.0.0/8 table main: the kernel says: Invalid argument: Nexthop has invalid "
           "gateway");
}

static struct work *only_rehearse(const struct operation *operations, uint32_t count)
{
    struct work *work = work_new(WORK_REHEARSE, NULL);

    work->rehearse_socket = path;
    work->operations_count = count;
    work->operations = mem_copy(operations, count * sizeof(*operations));
    work_do(&apply_case, work);
    return work;
}

static void expect_outcome(const struct work *work, uint32_t i, enum rehearsed_outcome outcome,
                           const char *why)
{
    assert_int_equal(work->rehearsal->operations[i].outcome, outcome);
    if (strstr(work->rehearsal->operations[i].why, why) == NULL)
        fail_msg("expected '%s', got '%s'", why, work->rehearsal->operations[i].why);
}

/* For a plan that people look at: every operation's answer, and nothing else of it. */
static void test_only_rehearses(void **state)
{
    struct operation operations[] = {
        apply_case_operation("rule 5140 from 203.0.113.10 lookup main"),
        apply_case_operation("route 10.0.0.0/8 via 203.0.113.255 dev eth0"),
    };
    struct work *work;

    (void)state;
    apply_case_begin("");
    work = only_rehearse(operations, 1);
    expect_outcome(work, 0, REHEARSED_MISSED, "oceanid-rehearse: connect to ");
    work_free(work);
    serve(PLAYS);
    work = only_rehearse(operations, 2);
    assert_int_equal(work->rehearsal->operations_count, 2);
    expect_outcome(work, 0, REHEARSED_GOOD, "");
    expect_outcome(work, 1, REHEARSED_REFUSED, "Invalid argument: Nexthop has invalid gateway");
    work_free(work);
    apply_case_check("");
}

/* What the guard would refuse at prepare is refused here in its words, and nobody is asked. */
static void test_only_rehearses_what_it_would_prepare(void **state)
{
    struct operation operations[] = {
        apply_case_operation("rule 5140 from 203.0.113.10 lookup main"),
        apply_case_operation("route default via 203.0.113.2 dev eth0"),
    };
    struct work *work;

    (void)state;
    apply_case_begin("");
    work = only_rehearse(operations, 2);
    expect_outcome(work, 0, REHEARSED_MISSED, "operation 2 cannot be done here");
    expect_outcome(work, 1, REHEARSED_REFUSED, "is there already and belongs to protocol 4");
    assert_int_equal(rehearsal_judge(work->rehearsal, 2), VERDICT_FAIL);
    work_free(work);
    apply_case_check("");
}

/* A routing table of more than one packet. */
static void test_rehearses_on_many_routes(void **state)
{
    struct operation operation = apply_case_operation("route 10.0.0.0/8 via 203.0.113.2 dev eth0");
    struct work *work;

    (void)state;
    apply_case_begin("i=0; while [ $i -lt 3000 ]; do echo route add 198.18.$((i / 250)).$((i % "
                     "250))/32 via 203.0.113.1; i=$((i + 1)); done | ip -batch -\n");
    work = prepare_well(&operation, 1);
    assert_string_equal(work->rehearsal->lacks, "");
    work_free(work);
    apply_case_check("");
}

/* A device that a protected flow leaves by keeps its way, whoever signed the plan. */
static void test_refuses_what_would_sever(void **state)
{
    const struct operation operations[] = {apply_case_link("eth0", 0, "down"),
                                           apply_case_link("eth0", 1200, NULL),
                                           apply_case_address("203.0.113.10/24", "eth0", true)};

    (void)state;
    apply_case_begin("");
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        struct work *work = work_new(WORK_PREPARE, NULL);
        struct err err = ERR_INIT;

        work->operations_count = 1;
        work->operations = mem_copy(&operations[i], sizeof(operations[i]));
        work->flows_count = 1;
        text_copy(work->flows[0].name, NAME_SIZE, "ssh-reply");
        text_copy(work->flows[0].device, DEVICE_SIZE, "eth0");
        work->flows[0].destination = prefix_default(FAMILY_IPV4);
        work->prediction_waived = true; /* that waives nothing of this */
        assert_false(prepare_do(&apply_case, work, &err));
        assert_int_equal(err.kind, ERR_DENIED);
        assert_non_null(strstr(err.text, "eth0 carries the protected flow ssh-reply"));
        work_free(work);
        apply_case_check("");
    }
}

/* What one step of a plan takes along of another one's is the other's to take back. */
static void test_rehearses_addresses_and_links(void **state)
{
    const struct operation operations[] = {
        apply_case_operation("route 10.0.0.0/8 dev far0"),
        apply_case_address("198.51.100.1/24", "far0", false),
        apply_case_address("192.0.2.9/24", "far0", true),
        apply_case_link("far0", 1400, NULL),
        apply_case_link("far0", 0, "down"),
    };
    struct work *work;

    (void)state;
    apply_case_begin("ip address add 192.0.2.9/24 dev far0\n"
                     "ip address add 192.0.2.10/24 dev far0\n"
                     "ip route add 10.9.0.0/16 via 192.0.2.1 proto static\n");
    work = prepare_well(operations, 5);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(work->rehearsal->operations[i].outcome, REHEARSED_GOOD);
    work_free(work);
    apply_case_check("");
}

/* Not when its turn comes, with the shields before it applied: docs/undo.md says "before anything
 * is touched", and so does the plan that people look at. */
static void test_refuses_what_could_not_be_taken_back(void **state)
{
    static const char why[] = "the exit node before was chosen automatically, any";
    const struct operation operations[] = {
        apply_case_operation("rule 5140 from 203.0.113.10 lookup main"),
        {.kind = OPERATION_TAILSCALE,
         .tailscale = {.set_exit_node = true, .exit_node_id = "nEXIT"}},
    };
    struct fake_tailscaled *fake;
    struct work *work;

    (void)state;
    fake = fake_tailscaled_start(tailscale_path);
    apply_case.tailscale_socket = tailscale_path;
    apply_case_begin("ip tuntap add tailscale0 mode tun\n");
    fake_tailscaled_choose_exit_node(fake);
    refuse(operations, 2, why);
    work = only_rehearse(operations, 2);
    expect_outcome(work, 0, REHEARSED_MISSED, "operation 2 cannot be done here");
    expect_outcome(work, 1, REHEARSED_REFUSED, why);
    work_free(work);
    fake_tailscaled_stop(fake);
}

/* By its node alone one could not tell a profile that was registered anew from one that is gone. */
static void test_refuses_prefs_of_a_profile_that_is_not_listed(void **state)
{
    const struct operation operation = {
        .kind = OPERATION_TAILSCALE,
        .tailscale = {.set_accept_routes = true, .accept_routes = true}};
    struct fake_tailscaled *fake;

    (void)state;
    fake = fake_tailscaled_start(tailscale_path);
    apply_case.tailscale_socket = tailscale_path;
    apply_case_begin("ip tuntap add tailscale0 mode tun\n");
    fake_tailscaled_remove_profile(fake, 0);
    refuse(&operation, 1, "expected tailscaled to list the profile of node ");
    assert_false(fake_tailscaled_accepts_routes(fake));
    fake_tailscaled_stop(fake);
}

/* Of somebody else's in tailscaled's table: the change would never settle, nor its undo end. */
static void test_refuses_beside_a_route_of_others_in_table_52(void **state)
{
    const struct operation operation = {
        .kind = OPERATION_TAILSCALE,
        .tailscale = {.set_accept_routes = true, .accept_routes = true}};
    struct fake_tailscaled *fake;

    (void)state;
    fake = fake_tailscaled_start(tailscale_path);
    apply_case.tailscale_socket = tailscale_path;
    apply_case_begin("ip tuntap add tailscale0 mode tun\n"
                     "ip link set tailscale0 up\n"
                     "ip route add 198.18.7.0/24 dev tailscale0 table 52\n");
    refuse(&operation, 1,
           "table 52 holds a route that tailscaled's prefs do not ask for: "
           "198.18.7.0/24 dev tailscale0");
    fake_tailscaled_stop(fake);
}

static void test_unknown_is_no_pass(void **state)
{
    struct operation operation = apply_case_operation("rule 5140 from 203.0.113.10 lookup main");

    (void)state;
    apply_case_begin("");
    refuse(&operation, 1,
           "rehearsal of operation 1 (rule 5140: from 203.0.113.10 lookup main): not done: "
           "oceanid-rehearse: connect to ");
    serve(HANGS_UP);
    refuse(&operation, 1, "not done: oceanid-rehearse: receive: the other side has hung up");
}

static void test_takes_no_other_plans_rehearsal(void **state)
{
    struct operation operation = apply_case_operation("rule 5140 from 203.0.113.10 lookup main");

    (void)state;
    apply_case_begin("");
    serve(ANSWERS_NONE);
    refuse(&operation, 1, "rehearsal: expected one of 1 operations, got one of 0");
}

/* Which operations no namespace can show, the guard knows by itself. */
static void test_does_not_believe_that_it_cannot_be_rehearsed(void **state)
{
    struct operation operation = apply_case_operation("rule 5140 from 203.0.113.10 lookup main");

    (void)state;
    apply_case_begin("");
    serve(ANSWERS_UNSEEN);
    refuse(&operation, 1, "not done: expected it to be rehearsed, got that no namespace shows it");
}

static void test_does_not_believe_that_more_was_rehearsed(void **state)
{
    struct operation operation = {.kind = OPERATION_SYSCTL};
    struct rehearsal *rehearsal = mem_alloc(1, sizeof(*rehearsal));
    struct operation tailscale = {.kind = OPERATION_TAILSCALE};

    (void)state;
    rehearsal->operations_count = 2;
    rehearsal_set(rehearsal, 0, REHEARSED_GOOD, "");
    rehearsal_set(rehearsal, 1, REHEARSED_GOOD, "");
    rehearsal_believe((struct operation[]){operation, tailscale}, 2, rehearsal);
    assert_int_equal(rehearsal->operations[0].outcome, REHEARSED_GOOD);
    assert_int_equal(rehearsal->operations[1].outcome, REHEARSED_UNSEEN);
    assert_string_equal(rehearsal->operations[1].why, operation_unseen(&tailscale));
    free(rehearsal);
}

static void test_waits_for_a_bounded_time(void **state)
{
    struct operation operation = apply_case_operation("rule 5140 from 203.0.113.10 lookup main");
    AUTO_WIRE struct wire_bytes question = {NULL, 0};
    static struct rehearsal rehearsal;
    struct snapshot now;
    struct err err = ERR_INIT;

    (void)state;
    apply_case_begin("");
    apply_case_read(&now);
    question = wire_encode_rehearse(&now, &operation, 1);
    snapshot_done(&now);
    serve(SAYS_NOTHING);
    assert_false(rehearse_ask(path, wire_lend(&question), 100, &rehearsal, &err));
    assert_string_equal(err.text, "oceanid-rehearse did not answer in 100 ms");
}

/* What no namespace can show needs nobody who answers. */
static void test_what_cannot_be_rehearsed_is_no_obstacle(void **state)
{
    static struct rehearsal rehearsal;
    const struct operation operations[] = {
        {.kind = OPERATION_TAILSCALE, .tailscale = {.set_accept_routes = true}},
        {.kind = OPERATION_RULE},
    };

    (void)state;
    rehearsal_miss(operations, 1, "nobody is there", &rehearsal);
    assert_int_equal(rehearsal_judge(&rehearsal, 1), VERDICT_PASS);
    assert_int_equal(rehearsal_worst(&rehearsal), 1);
    rehearsal_miss(operations, 2, "nobody is there", &rehearsal);
    assert_int_equal(rehearsal_judge(&rehearsal, 2), VERDICT_UNKNOWN);
    assert_int_equal(rehearsal_worst(&rehearsal), 1);
    assert_string_equal(rehearsal.operations[1].why, "nobody is there");
}

/* The hop by far0 would follow its device, and come back as 1500: the kernel shows the first's. */
static void test_refuses_what_another_hop_would_lose(void **state)
{
    struct operation smaller = apply_case_link("far0", 1400, NULL);
    struct operation others = apply_case_link("eth0", 1400, NULL);

    (void)state;
    apply_case_begin("ip address add 2001:db8:2::10/64 dev far0 nodad\n"
                     "ip route add 2001:db8:9::/48 proto static mtu 1450 "
                     "nexthop via 2001:db8:1::1 dev eth0 nexthop via 2001:db8:2::1 dev far0\n");
    refuse(&smaller, 1, "2001:db8:9::/48");
    work_free(prepare_well(&others, 1));
    netns_run("ip route replace 2001:db8:9::/48 proto static mtu lock 1450 nexthop via "
              "2001:db8:1::1 dev eth0 nexthop via 2001:db8:2::1 dev far0\n");
    apply_case_remember();
    work_free(prepare_well(&smaller, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_prepares_what_was_rehearsed, enter, leave),
        cmocka_unit_test_setup_teardown(test_refuses_what_the_kernel_refuses, enter, leave),
        cmocka_unit_test_setup_teardown(test_only_rehearses, enter, leave),
        cmocka_unit_test_setup_teardown(test_only_rehearses_what_it_would_prepare, enter, leave),
        cmocka_unit_test_setup_teardown(test_rehearses_on_many_routes, enter, leave),
        cmocka_unit_test_setup_teardown(test_refuses_what_would_sever, enter, leave),
        cmocka_unit_test_setup_teardown(test_rehearses_addresses_and_links, enter, leave),
        cmocka_unit_test_setup_teardown(test_refuses_what_could_not_be_taken_back, enter, leave),
        cmocka_unit_test_setup_teardown(test_refuses_prefs_of_a_profile_that_is_not_listed, enter,
                                        leave),
        cmocka_unit_test_setup_teardown(test_refuses_beside_a_route_of_others_in_table_52, enter,
                                        leave),
        cmocka_unit_test_setup_teardown(test_refuses_what_another_hop_would_lose, enter, leave),
        cmocka_unit_test_setup_teardown(test_unknown_is_no_pass, enter, leave),
        cmocka_unit_test_setup_teardown(test_takes_no_other_plans_rehearsal, enter, leave),
        cmocka_unit_test_setup_teardown(test_does_not_believe_that_it_cannot_be_rehearsed, enter,
                                        leave),
        cmocka_unit_test(test_does_not_believe_that_more_was_rehearsed),
        cmocka_unit_test_setup_teardown(test_waits_for_a_bounded_time, enter, leave),
        cmocka_unit_test(test_what_cannot_be_rehearsed_is_no_obstacle),
    };

    if (!netns_is_allowed())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
