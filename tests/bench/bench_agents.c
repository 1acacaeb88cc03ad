/*
 * bench_agents: a controller with N simulated agents, over real links, while a trial is open on the
 * first of them: what a connection and a report cost it, whether decisions wait for reports, what a
 * flood does, and how long it takes until all are back behind its kill -9.
 *
 * Usage: bench_agents CONTROLLER FOLDER N SECONDS. Prints "name value..." a line; tests/bench reads
 * them. Ends with 1 when something was not measured, when a decision was lost (a renewal or an
 * order, in the quiet too), when somebody was not heard beside the flood, or when the controller's
 * memory grew.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "tests/bench/agents.h"
#include "tests/bench/agents_floor.h"

enum {
    REPORT_MS = 1000,
    DECIDE_MS = 100, /* between two decisions of a kind */
    LOST_MS = 20000, /* a decision that takes longer has not come */
    HEARD_S = 60,    /* within which a report of everybody has to be heard */
    GROWTH_KIB = 64 << 10,
    CONNECT_S = 120,
    FLOOD_OPEN = 6,
    SAMPLES_MAX = 100000,
};

struct samples {
    unsigned count;
    double list[SAMPLES_MAX];
};

/* The decisions: a renewal goes from the guard by the controller to a witness, and his statement
 * back; an order goes from a person to the disk and to a guard. One of each at a time. */
struct decisions {
    struct home *home;
    struct agents *agents;
    struct wire_bytes order;
    struct nonce nonce;
    double renewal_us, order_us; /* when it was begun; 0: none is under way */
    double renew_at_us, order_at_us;
    unsigned lost;
    bool orders; /* they are made */
    struct samples renewals, ordered;
    /* What an order cannot be faster than, measured between two of them: behind each, for the same
     * moment's disk and processors. */
    int floor_fd; /* -1: not measured */
    bool floor_due;
    struct samples syncs, checks;
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double percentile_of(double *list, unsigned count, double share)
{
    unsigned at = (unsigned)(share * count);

    if (count == 0)
        return -1;
    qsort(list, count, sizeof(*list), compare);
    return list[at < count ? at : count - 1];
}

static double percentile(struct samples *samples, double share)
{
    return percentile_of(samples->list, samples->count, share);
}

static void note(struct samples *samples, double us)
{
    if (samples->count < SAMPLES_MAX)
        samples->list[samples->count++] = us;
}

/* ---- decisions -------------------------------------------------------------------------------
 */

static void on_guard(void *context, unsigned index, const struct guard_request *request,
                     double came_us)
{
    struct decisions *decisions = context;

    if (index == 0 && request->kind == GUARD_STATEMENT && decisions->renewal_us > 0) {
        note(&decisions->renewals, came_us - decisions->renewal_us);
        decisions->renewal_us = 0;
    }
    if (index == 1 && request->kind == GUARD_STACK && decisions->order_us > 0) {
        note(&decisions->ordered, came_us - decisions->order_us);
        decisions->order_us = 0;
        decisions->floor_due = decisions->floor_fd >= 0;
    }
}

static void on_witness(void *context, unsigned index, const struct nonce *nonce)
{
    struct decisions *decisions = context;
    AUTO_FREE struct statement *statement = NULL;

    if (index != 2 || !nonce_equal(nonce, &decisions->nonce))
        return;
    statement = mem_alloc(1, sizeof(*statement));
    text_copy(statement->signer, NAME_SIZE, "n2");
    text_copy(statement->subject, NAME_SIZE, "n0");
    statement->body = decisions->home->on_trial.attempt.body;
    statement->nonce = *nonce;
    statement->phase = PHASE_RENEWAL;
    statement->verdicts_count = 1;
    text_copy(statement->verdicts[0].check, NAME_SIZE, "ssh");
    statement->verdicts[0].value = VERDICT_PASS;
    agents_say_statement(decisions->agents, index, statement);
}

static void renew(struct decisions *decisions)
{
    AUTO_FREE struct guard_report *report = mem_alloc(1, sizeof(*report));

    report->kind = REPORT_NONCE;
    report->id = decisions->home->on_trial;
    clock_random(report->nonce.bytes, NONCE_SIZE);
    decisions->nonce = report->nonce;
    decisions->renewal_us = time_us();
    agents_say_guard(decisions->agents, 0, report);
}

static void order(struct decisions *decisions)
{
    decisions->order_us = time_us();
    if (home_post_order(decisions->home, wire_lend(&decisions->order)))
        return;
    fprintf(stderr, "bench_agents: an order was not accepted\n");
    exit(1);
}

/* Two writes of a page, each synced, in the controller's folder; and the check of one signature. */
static void measure_floor(struct decisions *decisions)
{
    static const char page[4096];
    struct public_key key;
    struct err err = ERR_INIT;
    double began = time_us();
    bool good = true;

    for (unsigned twice = 0; twice < 2; twice++)
        good = good && write(decisions->floor_fd, page, sizeof(page)) == sizeof(page) &&
               fdatasync(decisions->floor_fd) == 0;
    note(&decisions->syncs, time_us() - began);
    sign_key_public(decisions->home->approver, &key);
    began = time_us();
    good = good && wire_verify(wire_lend(&decisions->order), SIGN_ORDER, &key, &err);
    note(&decisions->checks, time_us() - began);
    if (good)
        return;
    fprintf(stderr, "bench_agents: a page is not synced, or an order not verified\n");
    exit(1);
}

/* began_us: when it was begun; 0: none of its kind is under way. */
static void note_lost(struct decisions *decisions, double *began_us, double now)
{
    if (*began_us <= 0 || now <= *began_us + LOST_MS * 1e3)
        return;
    decisions->lost++;
    *began_us = 0;
}

static void decide(struct decisions *decisions)
{
    double now = time_us();

    if (decisions->floor_due && decisions->renewal_us <= 0) {
        decisions->floor_due = false;
        measure_floor(decisions);
    }

    note_lost(decisions, &decisions->renewal_us, now);
    note_lost(decisions, &decisions->order_us, now);
    if (decisions->renewal_us == 0 && now >= decisions->renew_at_us) {
        decisions->renew_at_us = now + DECIDE_MS * 1e3;
        renew(decisions);
    }
    if (decisions->orders && decisions->order_us == 0 && !decisions->floor_due &&
        now >= decisions->order_at_us) {
        decisions->order_at_us = now + DECIDE_MS * 1e3;
        order(decisions);
    }
}

static void make_order(struct decisions *decisions)
{
    AUTO_FREE struct order *order = mem_alloc(1, sizeof(*order));

    order->nodes_count = 1;
    text_copy(order->nodes[0], NAME_SIZE, "n1");
    order->down_to.attempt.sequence = 77;
    text_copy(order->reason, sizeof(order->reason), "bench");
    decisions->order = wire_encode_order(order, decisions->home->approver);
}

/* ---- turning ---------------------------------------------------------------------------------
 */

static void turn(struct decisions *decisions)
{
    const struct timespec pause = {0, 200000};

    agents_turn(decisions->agents);
    nanosleep(&pause, NULL);
}

static void wait_all(struct decisions *decisions)
{
    double until = time_us() + CONNECT_S * 1e6;

    while (agents_welcomed(decisions->agents) < decisions->home->count) {
        if (time_us() > until) {
            fprintf(stderr, "bench_agents: %u of %u agents are connected after %d s\n",
                    agents_welcomed(decisions->agents), decisions->home->count, CONNECT_S);
            exit(1);
        }
        turn(decisions);
    }
}

static void settle(struct decisions *decisions, double seconds)
{
    double until = time_us() + seconds * 1e6;

    while (time_us() < until)
        turn(decisions);
}

static bool all_heard(const struct decisions *decisions)
{
    struct agents_tally tally;

    agents_tally(decisions->agents, &tally);
    return tally.unheard == 0;
}

static void print_run(struct decisions *decisions, const char *what, double cpu)
{
    struct agents_tally tally;

    agents_tally(decisions->agents, &tally);
    printf("%s renewals %u lost %u p50 %.0f p99 %.0f orders %u p50 %.0f p99 %.0f reports %llu"
           " p50 %.0f p99 %.0f cpu_s %.3f rss_kib %ld floods %llu unheard %u\n",
           what, decisions->renewals.count, decisions->lost, percentile(&decisions->renewals, 0.5),
           percentile(&decisions->renewals, 0.99), decisions->ordered.count,
           percentile(&decisions->ordered, 0.5), percentile(&decisions->ordered, 0.99),
           (unsigned long long)tally.reports,
           percentile_of(tally.latencies, tally.latencies_count, 0.5),
           percentile_of(tally.latencies, tally.latencies_count, 0.99), cpu,
           process_rss_kib(decisions->home->controller), (unsigned long long)tally.floods,
           tally.unheard);
    fflush(stdout);
}

/* What is under way when a run ends came too, or is lost. */
static void drain(struct decisions *decisions)
{
    while (decisions->renewal_us > 0 || decisions->order_us > 0) {
        turn(decisions);
        note_lost(decisions, &decisions->renewal_us, time_us());
        note_lost(decisions, &decisions->order_us, time_us());
    }
}

/* Decisions for so long, and with reports until one of everybody was heard; prints what came of it.
 */
static void run(struct decisions *decisions, const char *what, double seconds, bool reports)
{
    double began = time_us(), cpu = process_cpu_s(decisions->home->controller);

    agents_reset(decisions->agents);
    decisions->renewals.count = decisions->ordered.count = decisions->lost = 0;
    while (time_us() < began + seconds * 1e6 ||
           (reports && !all_heard(decisions) && time_us() < began + HEARD_S * 1e6)) {
        decide(decisions);
        turn(decisions);
    }
    drain(decisions);
    print_run(decisions, what, process_cpu_s(decisions->home->controller) - cpu);
}

/* Every decision came, everybody who reports was heard, and memory did not grow. */
static void check_run(const struct decisions *decisions, const char *what, bool reports,
                      long rss_before)
{
    long grown = process_rss_kib(decisions->home->controller) - rss_before;
    bool heard = !reports || all_heard(decisions);

    if (decisions->lost == 0 && decisions->renewals.count > 0 && decisions->ordered.count > 0 &&
        heard && grown < GROWTH_KIB)
        return;
    fprintf(stderr,
            "bench_agents: %s: expected every decision within %d ms, a report of everybody heard "
            "and less than %d KiB more; observed %u lost besides %u renewals and %u orders, %s "
            "heard, %ld KiB more\n",
            what, LOST_MS, GROWTH_KIB, decisions->lost, decisions->renewals.count,
            decisions->ordered.count, heard ? "everybody" : "not everybody", grown);
    exit(1);
}

/* ---- floors ----------------------------------------------------------------------------------
 */

static void print_floor(const struct decisions *decisions, double seconds)
{
    struct floor floor;

    floor_measure(decisions->home, agents_report(decisions->agents), REPORT_MS, seconds, &floor);
    printf("floor connect_s %.2f connection_kib %.1f request_us %.1f requests %u\n",
           floor.connect_s, floor.connection_kib, floor.request_us, floor.requests);
    fflush(stdout);
}

/* ---- phases ----------------------------------------------------------------------------------
 */

static void connect_all(struct decisions *decisions, const char *program)
{
    long before;
    double began, cpu;

    home_start(decisions->home, program);
    before = process_rss_kib(decisions->home->controller);
    cpu = process_cpu_s(decisions->home->controller);
    began = time_us();
    wait_all(decisions);
    printf("connected %u s %.2f cpu_s %.3f\n", decisions->home->count, (time_us() - began) / 1e6,
           process_cpu_s(decisions->home->controller) - cpu);
    settle(decisions, 2);
    printf("rss before_kib %ld behind_kib %ld\n", before,
           process_rss_kib(decisions->home->controller));
    fflush(stdout);
}

/* All hang up before there is a controller again, as each does at once on a machine of its own:
 * here they do it one after the other, and nng would dial anew by itself for those that wait,
 * whose handshakes with the new controller are then thrown away. */
static void come_back(struct decisions *decisions, const char *program)
{
    double began;

    home_end(decisions->home, SIGKILL);
    while (agents_welcomed(decisions->agents) > 0)
        turn(decisions);
    began = time_us();
    home_start(decisions->home, program);
    wait_all(decisions);
    printf("back %u s %.2f\n", decisions->home->count, (time_us() - began) / 1e6);
    fflush(stdout);
}

static void open_floor(struct decisions *decisions)
{
    char path[300];

    snprintf(path, sizeof(path), "%s/floor", decisions->home->directory);
    decisions->floor_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (decisions->floor_fd < 0 || unlink(path) != 0) {
        perror(path);
        exit(1);
    }
}

static void close_floor(struct decisions *decisions)
{
    close(decisions->floor_fd);
    decisions->floor_fd = -1;
    decisions->floor_due = false;
    printf("syncs p50 %.0f p99 %.0f check_us %.0f\n", percentile(&decisions->syncs, 0.5),
           percentile(&decisions->syncs, 0.99), percentile(&decisions->checks, 0.5));
    fflush(stdout);
}

static void measure(struct decisions *decisions, const char *program, double seconds)
{
    long rss;

    print_floor(decisions, seconds);
    connect_all(decisions, program);
    settle(decisions, 2);
    decisions->orders = true;
    open_floor(decisions);
    rss = process_rss_kib(decisions->home->controller);
    run(decisions, "quiet", seconds, false);
    close_floor(decisions);
    check_run(decisions, "quiet", false, rss);
    rss = process_rss_kib(decisions->home->controller);
    agents_set_reports(decisions->agents, REPORT_MS);
    run(decisions, "reports", seconds, true);
    check_run(decisions, "reports", true, rss);
    agents_set_flood(decisions->agents, decisions->home->count - 1, FLOOD_OPEN);
    run(decisions, "flood", seconds, true);
    check_run(decisions, "flood", true, rss);
    agents_set_flood(decisions->agents, decisions->home->count - 1, 0);
    decisions->orders = false;
    come_back(decisions, program);
}

int main(int argc, char **argv)
{
    struct rlimit files = {20000, 20000};
    static struct home home;
    static struct decisions decisions;
    unsigned count = argc == 5 ? (unsigned)atoi(argv[3]) : 0;

    if (count < 3) {
        fprintf(stderr, "usage: bench_agents CONTROLLER FOLDER N SECONDS, N at least 3\n");
        return 2;
    }
    if (setrlimit(RLIMIT_NOFILE, &files) != 0)
        perror("bench_agents: 20000 descriptors");
    home_make(&home, argv[2], count);
    decisions.home = &home;
    decisions.floor_fd = -1;
    decisions.agents = agents_new(&home, on_guard, on_witness, &decisions);
    make_order(&decisions);
    measure(&decisions, argv[1], atof(argv[4]));
    home_end(&home, SIGTERM);
    agents_free(decisions.agents);
    wire_bytes_done(&decisions.order);
    home_done(&home);
    return 0;
}
