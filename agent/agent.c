/*
 * agent: observes this host's routing, evaluates checks, reports to a controller, witnesses for
 * others, and carries words between controller and guard. It has no privileges and runs no program.
 *
 * This file is the table of contents: what there is, and who tells whom.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/io/carrier.h"
#include "agent/io/join.h"
#include "agent/io/probe.h"
#include "agent/io/witness.h"
#include "agent/io/words.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "common/io/standard.h"

#include <systemd/sd-daemon.h>
#include <uv.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_DENIED = 4 };

struct agent {
    uv_loop_t *loop;
    struct agent_config config;
    struct identity identity;
    struct observer *observer;
    struct examiner *examiner;
    struct reporter *reporter;
    struct uplink *uplink;
    struct witness *witness;
    struct guard_client *guard; /* NULL: a witness */
    struct carrier *carrier;    /* NULL: a witness */
    bool ready;
    struct snapshot_asked { /* the command that waits for a fresh snapshot; 0: none */
        uint64_t command;
        mono_t at;
    } snapshot_asked;
    uv_signal_t terminate, interrupt;
};

static struct agent agent;

/* ---- observing ------------------------------------------------------------------------------- */

static void answer_snapshot(void)
{
    const struct observation *now = observer_now(agent.observer);

    if (agent.snapshot_asked.command == 0 || now->kernel_at < agent.snapshot_asked.at ||
        now->tailscale_at < agent.snapshot_asked.at)
        return;
    reporter_add_snapshot(agent.reporter, &now->snapshot, agent.snapshot_asked.command);
    agent.snapshot_asked.command = 0;
}

static void on_observed(void *context)
{
    (void)context;
    if (!agent.ready)
        sd_notify(0, "READY=1");
    agent.ready = true;
    examiner_observed(agent.examiner);
    answer_snapshot();
    if (agent.carrier != NULL)
        carrier_observed(agent.carrier);
    uplink_send(agent.uplink);
}

static void on_verdict(void *context, const struct verdict *verdict, int64_t event_at_us)
{
    (void)context;
    log_debug("%s: %s, %s", verdict->check, verdict_format(verdict->value), verdict->observed);
    reporter_tell_verdict(agent.reporter, verdict, event_at_us);
    if (agent.uplink != NULL)
        uplink_send(agent.uplink);
}

/* ---- controller ------------------------------------------------------------------------------ */

static void tell_all_verdicts(void)
{
    static struct verdict verdicts[CHECKS_MAX + NODES_MAX];

    reporter_set_verdicts(agent.reporter, verdicts,
                          examiner_list(agent.examiner, true, verdicts, CHECKS_MAX + NODES_MAX));
}

static void take_checks(const struct session_reply *reply)
{
    examiner_set_checks(agent.examiner, reply->checks, reply->checks_count);
    if (reply->kind == ANSWER_COMMAND)
        examiner_set_watches(agent.examiner, reply->watches, reply->watches_count);
    tell_all_verdicts();
}

static void on_welcomed(void *context, const struct session_reply *welcome)
{
    (void)context;
    take_checks(welcome);
}

static void on_heard(void *context, bool alive, const char *why)
{
    (void)context;
    examiner_hear_controller(agent.examiner, alive, why);
}

static bool on_ask_stack(void *context, const struct nonce *challenge)
{
    (void)context;
    return agent.carrier != NULL && carrier_ask_stack(agent.carrier, challenge);
}

static void on_command(void *context, const struct session_reply *command)
{
    (void)context;
    switch (command->command) {
    case COMMAND_GUARD:
        if (agent.carrier != NULL)
            carrier_take_command(agent.carrier, command);
        else
            log_warning("a command for the guard, but this is a witness, ignoring");
        break;
    case COMMAND_WITNESS:
        witness_command(agent.witness, command);
        break;
    case COMMAND_SNAPSHOT:
        agent.snapshot_asked = (struct snapshot_asked){command->id, clock_now()};
        observer_refresh(agent.observer);
        break;
    case COMMAND_CHECKS:
        take_checks(command);
        break;
    case COMMAND_NOTHING:
    case COMMAND_KIND_COUNT:
        break;
    }
}

static void on_statement(void *context, struct wire_bytes statement, uint64_t command)
{
    (void)context;
    reporter_add_statement(agent.reporter, statement, command);
    uplink_send(agent.uplink);
}

/* ---- guard ----------------------------------------------------------------------------------- */

static void on_report(void *context, struct bytes report)
{
    (void)context;
    carrier_take_report(agent.carrier, report);
}

static void on_guard(void *context)
{
    (void)context;
    uplink_greet_again(agent.uplink);
}

/* ---- running --------------------------------------------------------------------------------- */

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    sd_notify(0, "STOPPING=1");
    witness_stop(agent.witness);
    uv_stop(signal->loop);
}

static void start_guard(void)
{
    static const struct guard_client_calls calls = {on_report, on_guard};

    agent.guard = guard_client_new(agent.loop, agent.config.guard_socket, &calls, NULL);
    agent.carrier = carrier_new(
        &(struct carrier_options){agent.loop, &agent.identity, &agent.config, agent.observer,
                                  agent.examiner, agent.reporter, agent.uplink, agent.guard});
}

static void start(void)
{
    agent.loop = uv_default_loop();
    agent.reporter = reporter_new();
    agent.observer = observer_new(&(struct observer_options){
        agent.loop, observer_take_socket(), agent.config.tailscale_socket, on_observed, NULL});
    agent.examiner = examiner_new(&(struct examiner_options){
        agent.loop, agent.observer, agent.identity.name, agent.identity.witness_only,
        agent.config.tailscale_socket, on_verdict, NULL});
    agent.uplink =
        uplink_new(&(struct uplink_options){agent.loop,
                                            &agent.identity,
                                            agent.reporter,
                                            {on_ask_stack, on_welcomed, on_command, on_heard},
                                            NULL});
    agent.witness = witness_new(
        &(struct witness_options){agent.loop, &agent.identity, agent.examiner, on_statement, NULL});
    if (!agent.identity.witness_only)
        start_guard();
    uv_signal_init(agent.loop, &agent.terminate);
    uv_signal_init(agent.loop, &agent.interrupt);
    uv_signal_start(&agent.terminate, on_signal, SIGTERM);
    uv_signal_start(&agent.interrupt, on_signal, SIGINT);
}

static int run(struct err *err)
{
    enum log_level level = LOG_LEVEL_INFO;

    log_level_parse(agent.config.log, &level);
    log_init("oceanid-agent", level);
    setenv("UV_THREADPOOL_SIZE", "24", 0); /* probes wait in workers */
    signal(SIGPIPE, SIG_IGN);
    probe_init();
    if (!identity_load(&agent.config, &agent.identity, err))
        return EXIT_FAILED;
    log_info("%s %s, version %s", agent.identity.witness_only ? "witness" : "node",
             agent.identity.name, OCEANID_VERSION);
    start();
    uv_run(agent.loop, UV_RUN_DEFAULT);
    _exit(EXIT_DONE); /* without waiting for probes that are under way */
}

/* ---- command line ---------------------------------------------------------------------------- */

/* What every new host is missing at first. */
static bool read_config(const char *path, struct err *err)
{
    if (config_read_agent(path, &agent.config, err))
        return true;
    return err->kind != ERR_MISSING
               ? false
               : err_wrap(err, "an agent.yaml has to be there: empty for a node, with "
                               "`guard-socket: \"\"` for a witness");
}

static int join(const struct words *words, struct err *err)
{
    struct guard_config guard;

    if (!join_read(words, &agent.config, &guard, err))
        return EXIT_USAGE;
    if (join_run(words, &agent.config, &guard, err))
        return EXIT_DONE;
    return err->kind == ERR_DENIED ? EXIT_DENIED : EXIT_FAILED;
}

/* Fingerprints that nobody can read are compared by nobody. */
static int end(int code)
{
    return standard_is_written("oceanid-agent") || code != EXIT_DONE ? code : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    struct words words;
    int code = EXIT_FAILED;

    standard_open();
    log_init("oceanid-agent", LOG_LEVEL_INFO);
    if (argc == 2 && text_equal(argv[1], "--version")) {
        puts("oceanid-agent " OCEANID_VERSION);
        return end(EXIT_DONE);
    }
    if (!words_parse(argc, argv, &words, &err)) {
        fprintf(stderr, "oceanid-agent: %s\n", err.text);
        words_print_usage(stderr, WORD_RUN);
        return EXIT_USAGE;
    }
    if (words.help) {
        words_print_usage(stdout, words.what);
        return end(EXIT_DONE);
    }
    if (!read_config(words.config, &err))
        code = EXIT_USAGE;
    else
        code = words.what == WORD_RUN ? run(&err) : join(&words, &err);
    if (err.kind != ERR_NONE)
        log_error("%s", err.text);
    return end(code);
}
