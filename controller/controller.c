/*
 * oceanid-controller: fleet view, gates, rollouts, audit, API. It selects and delays; the guards
 * decide. One thread owns everything; the libraries' threads hand over to it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/name.h"
#include "common/core/text.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/standard.h"
#include "controller/io/api.h"
#include "controller/io/downlink.h"

enum { EXIT_USAGE = 2 };

struct program {
    struct controller_config config;
    char ca_path[PATH_SIZE], cert_path[PATH_SIZE], key_path[PATH_SIZE];
    char name[NAME_SIZE];
    struct desk desk;
    uv_loop_t loop;
    struct inbox *inbox;
    struct outbox *outbox;
    struct fresh *fresh;
    struct lead *lead;
    struct http *http;
    struct downlink *downlink;
    struct api api;
    uv_signal_t signals[3];
    uv_check_t check;
};

/* ---- signals and the end ----------------------------------------------------------------------
 */

static void reload(struct program *program)
{
    struct err err = ERR_INIT;

    if (!desk_read_fleet(&program->desk, &err)) {
        log_error("%s; going on with the fleet.yaml that was read before", err.text);
        return;
    }
    desk_audit(&program->desk, "controller", "fleet", "fleet", "%s was read again",
               program->desk.fleet_path);
    downlink_tell_checks(program->downlink);
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct program *program = signal->data;

    if (number == SIGHUP)
        reload(program);
    else
        uv_stop(&program->loop);
}

/* Memory is ahead of the disk: nothing leaves any more, systemd begins again from the disk. */
static void check_desk(uv_check_t *check)
{
    struct program *program = check->data;

    if (program->desk.failed)
        uv_stop(&program->loop);
}

static void roster_changed(void *context)
{
    struct program *program = context;

    downlink_tell_checks(program->downlink);
}

/* ---- start ------------------------------------------------------------------------------------
 */

static bool find_files(struct program *program, struct err *err)
{
    const char *state = program->config.state;

    if (gethostname(program->name, sizeof(program->name) - 1) != 0 || !name_valid(program->name))
        text_copy(program->name, sizeof(program->name), "controller");
    return file_join(program->ca_path, PATH_SIZE, state, "ca.pem", err) &&
           file_join(program->cert_path, PATH_SIZE, state, "cert.pem", err) &&
           file_join(program->key_path, PATH_SIZE, state, "key.pem", err);
}

static void watch_signals(struct program *program)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};

    signal(SIGPIPE, SIG_IGN);
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uv_signal_init(&program->loop, &program->signals[i]);
        program->signals[i].data = program;
        uv_signal_start(&program->signals[i], on_signal, numbers[i]);
    }
    uv_check_init(&program->loop, &program->check);
    program->check.data = program;
    uv_check_start(&program->check, check_desk);
}

static bool open_http(struct program *program, struct err *err)
{
    struct http_options options = {.socket = program->config.socket,
                                   .https = program->config.https,
                                   .ca_path = program->ca_path,
                                   .cert_path = program->cert_path,
                                   .key_path = program->key_path,
                                   .roles = program->config.roles,
                                   .roles_count = program->config.roles_count,
                                   .inbox = program->inbox,
                                   .call_fn = api_call,
                                   .context = &program->api};

    program->api =
        (struct api){&program->desk, program->lead, program->fresh, roster_changed, program};
    program->http = http_open(&options, err);
    return program->http != NULL;
}

static bool open_downlink(struct program *program, struct err *err)
{
    struct downlink_options options = {
        .url = program->config.agents,
        .tls = {program->ca_path, program->cert_path, program->key_path},
        .name = program->name,
        .loop = &program->loop,
        .inbox = program->inbox,
        .desk = &program->desk,
        .outbox = program->outbox,
        .fresh = program->fresh,
        .lead = program->lead};

    program->downlink = downlink_open(&options, err);
    return program->downlink != NULL;
}

static void make_parts(struct program *program)
{
    uv_loop_init(&program->loop);
    program->inbox = inbox_open(&program->loop);
    program->outbox = outbox_new();
    program->fresh = fresh_new(&program->loop, &program->desk, program->outbox);
    program->lead = lead_new(&program->loop, &program->desk, program->outbox, program->fresh);
    watch_signals(program);
}

/* Who waits is told first; what is closed here is freed when the loop runs once more. */
static void end_parts(struct program *program)
{
    fresh_free(program->fresh);
    if (program->http != NULL)
        http_close(program->http);
    if (program->downlink != NULL)
        downlink_close(program->downlink);
    lead_free(program->lead);
    inbox_close(program->inbox);
    for (unsigned i = 0; i < sizeof(program->signals) / sizeof(program->signals[0]); i++)
        uv_close((uv_handle_t *)&program->signals[i], NULL);
    uv_close((uv_handle_t *)&program->check, NULL);
    uv_run(&program->loop, UV_RUN_DEFAULT);
    uv_loop_close(&program->loop);
    outbox_free(program->outbox);
}

static bool serve(struct program *program, struct err *err)
{
    if (!lead_resume(program->lead, err) || !open_downlink(program, err) ||
        !open_http(program, err))
        return false;
    log_info("ready: %u in the roster, agents on %s, API on %s %s",
             program->desk.roster->entries_count, program->config.agents, program->config.socket,
             program->config.https);
    sd_notify(0, "READY=1");
    uv_run(&program->loop, UV_RUN_DEFAULT);
    sd_notify(0, "STOPPING=1");
    return true;
}

static bool run(struct program *program, struct err *err)
{
    const char *state = program->config.state;
    bool good;

    if (!find_files(program, err) ||
        !desk_open(&program->desk, state, program->config.fleet, NULL, err))
        return false;
    make_parts(program);
    good = serve(program, err);
    end_parts(program);
    if (good && program->desk.failed) {
        *err = program->desk.failure;
        good =
            err_wrap(err, "nothing more can be kept, stopping; a new start goes on from the disk");
    }
    desk_close(&program->desk);
    return good;
}

/* ---- command line -----------------------------------------------------------------------------
 */

static const char usage[] =
    "usage: oceanid-controller [--config FILE] [--check] [--version] [--help]\n";
static const char config_path[] = "/etc/oceanid/controller.yaml";

/* `--check` before or behind the others. */
static bool take_check(int *argc, char **argv)
{
    bool first = *argc > 1 && text_equal(argv[1], "--check");
    bool last = *argc > 1 && text_equal(argv[*argc - 1], "--check");

    if (first)
        memmove(argv + 1, argv + 2, (size_t)(*argc - 2) * sizeof(*argv));
    *argc -= first || last;
    return first || last;
}

/* What every new host is missing at first. */
static bool read_config(struct program *program, const char *path, struct err *err)
{
    if (config_read_controller(path, &program->config, err))
        return true;
    return err->kind != ERR_MISSING ? false
                                    : err_wrap(err, "a controller.yaml has to be there, with the "
                                                    "roles of this host's users");
}

/* What a start would refuse: an older version may have taken it, and it may have been damaged
 * since. Not what a controller that runs holds: ports, sockets, the right to write. */
static bool look(struct program *program, struct err *err)
{
    const struct link_tls tls = {program->ca_path, program->cert_path, program->key_path};

    return find_files(program, err) &&
           desk_look(program->config.state, program->config.fleet, err) &&
           link_check_tls(&tls, err);
}

static int check(struct program *program, const char *path)
{
    struct err err = ERR_INIT;

    if (!look(program, &err)) {
        fprintf(stderr, "oceanid-controller: %s\n", err.text);
        return EXIT_FAILURE;
    }
    printf("%s, %s and what lies in %s are taken by this version\n", path, program->config.fleet,
           program->config.state);
    return standard_is_written("oceanid-controller") ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    static struct program program;
    const char *path;
    enum log_level level = LOG_LEVEL_INFO;
    struct err err = ERR_INIT;
    bool checks;

    if (argc == 2 && text_equal(argv[1], "--version")) {
        puts("oceanid-controller " OCEANID_VERSION);
        return standard_is_written("oceanid-controller") ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    if (config_asks_help(argc, argv)) {
        fputs(usage, stdout);
        return standard_is_written("oceanid-controller") ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    checks = take_check(&argc, argv);
    if (!config_take_words(argc, argv, " or --check (commands: oceanidctl)", &path, &err)) {
        fprintf(stderr, "oceanid-controller: %s\n%s", err.text, usage);
        return EXIT_USAGE;
    }
    path = path != NULL ? path : config_path;
    log_init("oceanid-controller", level);
    if (!read_config(&program, path, &err)) {
        log_error("%s", err.text);
        return EXIT_USAGE;
    }
    if (checks)
        return check(&program, path);
    if (log_level_parse(program.config.log, &level))
        log_init("oceanid-controller", level);
    if (run(&program, &err))
        return EXIT_SUCCESS;
    log_error("%s", err.text);
    return EXIT_FAILURE;
}
