/*
 * test_agent_drift: what the program oceanid-agent tells a controller of drift, in a network of its
 * own, beside a guard that this test plays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "common/core/text.h"
#include "tests/unit/agent_bench.h"
#include "tests/unit/netns.h"

#define RULE "priority 5140 from 203.0.113.10 lookup main protocol 153"
#define GONE "- 5140: from 203.0.113.10 lookup main"
#define GUARDS "- link eth0 mtu 1400"

/* ---- what the controller hears --------------------------------------------------------------- */

static bool tells(const struct session_request *report, const char *line)
{
    bool so = false;

    for (uint32_t i = 0; i < report->drift_count; i++)
        so |= text_equal(report->drift[i], line);
    return so;
}

/* Every report has all drift there is. */
static bool newest_report(bool (*is_it)(const struct session_request *report))
{
    bool so;

    pthread_mutex_lock(&bench.fake.mutex);
    so = bench.fake.reports_count > 0 && is_it(bench.fake.reports[bench.fake.reports_count - 1]);
    pthread_mutex_unlock(&bench.fake.mutex);
    return so;
}

static bool is_gone_only(const struct session_request *report)
{
    return report->drift_count == 1 && tells(report, GONE);
}

static bool is_guards_only(const struct session_request *report)
{
    return report->drift_count == 1 && tells(report, GUARDS);
}

static bool is_both(const struct session_request *report)
{
    return report->drift_count == 2 && tells(report, GONE) && tells(report, GUARDS);
}

static bool is_nothing(const struct session_request *report)
{
    return report->drift_count == 0;
}

static bool gone_came(void)
{
    return newest_report(is_gone_only);
}

static bool guards_came(void)
{
    return newest_report(is_guards_only);
}

static bool both_came(void)
{
    return newest_report(is_both);
}

static bool nothing_is_left(void)
{
    return newest_report(is_nothing);
}

static uint64_t snapshot_asked;

static bool is_snapshot(const struct session_request *report)
{
    return report->has_snapshot && report->answers == snapshot_asked;
}

static bool snapshot_came(void)
{
    return fake_controller_find(&bench.fake, is_snapshot) != NULL;
}

/* The agent has seen all that was done until now. */
static void have_it_look(void)
{
    struct session_reply reply = {
        .kind = ANSWER_COMMAND, .id = ++snapshot_asked, .command = COMMAND_SNAPSHOT};

    agent_bench_command(&reply);
    agent_bench_await(snapshot_came, "a snapshot");
}

/* ---- what the guard says --------------------------------------------------------------------- */

static bool guard_is_asked(void)
{
    return bench.guard_fd >= 0;
}

static void tell_drift(const char *line)
{
    char lines[1][SENTENCE_SIZE];
    struct guard_report report = {.kind = REPORT_DRIFT, .lines = lines};

    if (line[0] != '\0') {
        text_copy(lines[0], sizeof(lines[0]), line);
        report.lines_count = 1;
    }
    agent_bench_report(&report);
}

static unsigned carried_before;

/* How many of the guard's words have come to the controller. */
static unsigned carried(void)
{
    unsigned count = 0;

    pthread_mutex_lock(&bench.fake.mutex);
    for (uint32_t i = 0; i < bench.fake.reports_count; i++)
        count += bench.fake.reports[i]->guard_count;
    pthread_mutex_unlock(&bench.fake.mutex);
    return count;
}

static bool receipt_came(void)
{
    return carried() > carried_before;
}

/* Of the change that stands first: bench.standing is how many do. */
static void send_receipt(enum receipt_kind kind)
{
    struct receipt receipt = {.node = "subject",
                              .index = bench.receipt_index,
                              .kind = kind,
                              .generation = agent_bench_generation(0)};
    struct guard_report report = {.kind = REPORT_RECEIPT};

    carried_before = carried();
    if (kind == RECEIPT_CONFIRMED || kind == RECEIPT_POPPED)
        bench.standing = kind == RECEIPT_CONFIRMED;
    report.envelope = wire_encode_receipt(&receipt, bench.guard_key);
    agent_bench_report(&report);
    wire_bytes_done(&report.envelope);
}

/* An end, as it comes about. */
static void tell_receipt(enum receipt_kind kind)
{
    bench.receipt_index++;
    send_receipt(kind);
}

/* Told again, to everybody, as somebody asks for what has ended. */
static void answer_with(enum receipt_kind kind)
{
    send_receipt(kind);
    agent_bench_await(receipt_came, "its receipt");
    have_it_look();
    tell_drift(GUARDS);
    agent_bench_await(both_came, "the rule that is gone, and what the guard says");
    tell_drift("");
    agent_bench_await(gone_came, "the rule that is gone, still");
}

/* A change is confirmed, with one rule that stands by it. */
static void confirm(void)
{
    netns_run("ip rule add " RULE);
    tell_receipt(RECEIPT_CONFIRMED);
    agent_bench_await(receipt_came, "its receipt");
    have_it_look();
    tell_drift("");
    agent_bench_await(nothing_is_left, "no drift of what was just confirmed");
}

static unsigned stacks_before;

static bool greeted_again(void)
{
    return bench.stacks_given > stacks_before;
}

/* Its end of the socket closes; whoever listens there next is another one. */
static void end_guard(void)
{
    stacks_before = bench.stacks_given;
    close(bench.guard_fd);
    bench.guard_fd = -1;
}

/* ---- tests ----------------------------------------------------------------------------------- */

/* tailscaled says nothing for a second, so that nothing is observed when the guard speaks first. */
static void drift_is_heard_before_anything_was_seen(void **state)
{
    (void)state;
    agent_bench_await(guard_is_asked, "the agent at its guard");
    tell_drift(GUARDS);
    agent_bench_await(guards_came, "the guard's drift at the controller");
    tell_drift("");
    agent_bench_await(nothing_is_left, "and that it is over");
    agent_bench_end_tailscaled();
}

static void what_is_owned_and_gone_is_told(void **state)
{
    (void)state;
    confirm();
    netns_run("ip rule del " RULE);
    agent_bench_await(gone_came, "the rule that is gone");
    netns_run("ip rule add " RULE);
    agent_bench_await(nothing_is_left, "that it is back");
}

/* The guard tells the end at once; what was seen last is from before the rule went. */
static void what_a_pop_took_away_is_no_drift(void **state)
{
    (void)state;
    netns_run("ip rule del " RULE);
    tell_receipt(RECEIPT_POPPED);
    tell_drift("");
    agent_bench_await(receipt_came, "its receipt");
    have_it_look();
    tell_drift(GUARDS);
    agent_bench_await(guards_came, "nothing but what the guard says");
    tell_drift("");
    agent_bench_await(nothing_is_left, "and that it is over");
}

/* Somebody took it away while the guard was restarted: what stands is the same. */
static void a_guard_that_comes_back_makes_nobody_forget(void **state)
{
    (void)state;
    confirm();
    end_guard();
    netns_run("ip rule del " RULE);
    agent_bench_await(greeted_again, "the stack of the guard that came back");
    have_it_look();
    tell_drift(GUARDS);
    agent_bench_await(both_came, "the rule that is gone, and what the guard says");
    tell_drift("");
    netns_run("ip rule add " RULE);
    agent_bench_await(nothing_is_left, "that all is back");
}

/* A late abort, or a start that is asked for again, is answered with the receipt that there is
 * (docs/protocol.md rule 14). */
static void an_answer_that_ends_nothing_makes_nobody_forget(void **state)
{
    static const enum receipt_kind kinds[] = {RECEIPT_CONFIRMED, RECEIPT_TOMBSTONE, RECEIPT_REFUSED,
                                              RECEIPT_REVERTED};

    (void)state;
    netns_run("ip rule del " RULE);
    agent_bench_await(gone_came, "the rule that is gone");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        answer_with(kinds[i]);
    bench.receipt_index++; /* what was never begun is ended by a tombstone, which is new */
    answer_with(RECEIPT_TOMBSTONE);
    netns_run("ip rule add " RULE);
    agent_bench_await(nothing_is_left, "that it is back");
}

/* A trial that is taken back may have had to leave what others put in the place of what we own. */
static void what_a_revert_left_is_no_drift(void **state)
{
    (void)state;
    netns_run("ip rule del " RULE);
    agent_bench_await(gone_came, "the rule that is gone");
    tell_receipt(RECEIPT_REVERTED);
    agent_bench_await(receipt_came, "its receipt");
    have_it_look();
    tell_drift(GUARDS);
    agent_bench_await(guards_came, "nothing but what the guard says");
    tell_drift("");
    netns_run("ip rule add " RULE);
    agent_bench_await(nothing_is_left, "that all is back");
    tell_receipt(RECEIPT_REVERTED);
    agent_bench_await(receipt_came, "its receipt");
    have_it_look();
}

/* The guard was killed on trial: another one, or rescue, ended that while nobody heard of it. */
static void what_a_revert_left_that_nobody_heard_of_is_no_drift(void **state)
{
    (void)state;
    netns_run("ip rule del " RULE);
    agent_bench_await(gone_came, "the rule that is gone");
    bench.receipt_index++;
    end_guard();
    agent_bench_await(greeted_again, "the stack of the guard that came back");
    have_it_look();
    tell_drift("");
    agent_bench_await(nothing_is_left, "that nothing is gone by now");
    netns_run("ip rule add " RULE);
    tell_receipt(RECEIPT_REVERTED);
    agent_bench_await(receipt_came, "its receipt");
    have_it_look();
}

/* Nobody tells the agent an end: it is by the stack of the next guard that it knows. */
static void what_rescue_took_away_is_no_drift(void **state)
{
    (void)state;
    netns_run("ip rule del " RULE);
    agent_bench_await(gone_came, "the rule that is gone");
    bench.standing = 0;
    end_guard();
    agent_bench_await(greeted_again, "the stack of the guard that came back");
    tell_drift("");
    agent_bench_await(nothing_is_left, "that nothing of what stands is gone");
}

/* ---- beside a guard that comes late ---------------------------------------------------------- */

/* What the first stack says was there before: whoever took the rule away did so in between. */
static void the_first_stack_makes_nobody_forget(void **state)
{
    (void)state;
    have_it_look();
    netns_run("ip rule del " RULE);
    agent_bench_await(gone_came, "the rule that is gone");
    agent_bench_start_guard();
    agent_bench_await(greeted_again, "the first stack");
    have_it_look();
    tell_drift(GUARDS);
    agent_bench_await(both_came, "the rule that is gone, and what the guard says");
    tell_drift("");
    agent_bench_await(gone_came, "the rule that is gone, still");
    answer_with(RECEIPT_REVERTED); /* from before this agent was started */
}

static int start(void **state)
{
    bench.with_tailscaled = true;
    return netns_enter(state) == 0 ? agent_bench_start(state) : -1;
}

static int start_late(void **state)
{
    bench.guard_is_late = true;
    bench.standing = 1;
    bench.receipt_index = 7;
    if (netns_enter(state) != 0)
        return -1;
    netns_run("ip rule add " RULE);
    return agent_bench_start(state);
}

/* A bench is started once in a process. */
static int run_late(void)
{
    const struct CMUnitTest late[] = {
        cmocka_unit_test(the_first_stack_makes_nobody_forget),
    };
    pid_t pid = fork();
    int status = -1;

    if (pid == 0)
        exit(cmocka_run_group_tests(late, start_late, agent_bench_stop));
    return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drift_is_heard_before_anything_was_seen),
        cmocka_unit_test(what_is_owned_and_gone_is_told),
        cmocka_unit_test(what_a_pop_took_away_is_no_drift),
        cmocka_unit_test(a_guard_that_comes_back_makes_nobody_forget),
        cmocka_unit_test(an_answer_that_ends_nothing_makes_nobody_forget),
        cmocka_unit_test(what_a_revert_left_is_no_drift),
        cmocka_unit_test(what_a_revert_left_that_nobody_heard_of_is_no_drift),
        cmocka_unit_test(what_rescue_took_away_is_no_drift),
    };

    if (!netns_is_allowed())
        return 0;
    return run_late() + cmocka_run_group_tests(tests, start, agent_bench_stop);
}
