/*
 * agents_home: a controller's directory for a fleet of simulated agents, and the process there.
 */
#include "tests/bench/agents_home.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "controller/io/store.h"

static void must(bool good, const struct err *err)
{
    if (good)
        return;
    fprintf(stderr, "bench_agents: %s\n", err->text);
    exit(1);
}

double time_us(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        perror("bench_agents: no free port");
        exit(1);
    }
    close(fd);
    return ntohs(address.sin_port);
}

/* ---- files -----------------------------------------------------------------------------------
 */

static void write_file(const struct home *home, const char *name, const void *data, size_t len)
{
    struct err err = ERR_INIT;
    char path[300];

    snprintf(path, sizeof(path), "%s/%s", home->directory, name);
    must(file_write(path, data, len, 0600, &err), &err);
}

static void write_text(const struct home *home, const char *name, const char *text)
{
    write_file(home, name, text, strlen(text));
}

static void copy_file(const struct home *home, const char *from, const char *name)
{
    struct wire_bytes text = {NULL, 0};
    struct err err = ERR_INIT;

    must(file_read(from, YAML_SIZE_MAX, &text.data, &text.len, &err), &err);
    write_file(home, name, text.data, text.len);
    wire_bytes_done(&text);
}

static void make_certificates(struct home *home)
{
    struct identity controller;

    authority_make(&home->authority, home->directory, "bench");
    authority_issue(&home->authority, "controller", PKI_CONTROLLER, &controller);
    authority_issue(&home->authority, "agent", PKI_AGENT, &home->agent);
    copy_file(home, controller.ca, "ca.pem");
    copy_file(home, controller.cert, "cert.pem");
    copy_file(home, controller.key, "key.pem");
}

static void make_trust(struct home *home)
{
    struct public_key key;
    char hex[2 * KEY_SIZE + 1], text[400];

    home->approver = sign_key_generate();
    sign_key_public(home->approver, &key);
    bytes_format_hex(key.bytes, KEY_SIZE, hex);
    snprintf(text, sizeof(text),
             "threshold: 1\nsoak-min: 1s\nlease-max: 300s\nkeys:\n"
             "  - { name: olga, roles: [approver, operator], key: %s }\n",
             hex);
    write_text(home, "trust.yaml", text);
}

const struct sign_key *home_guard(const struct home *home, unsigned index)
{
    return home->guards[index < HOME_GUARDS ? index : HOME_GUARDS - 1];
}

static void fill_entry(const struct home *home, unsigned i, struct roster_entry *entry)
{
    snprintf(entry->name, sizeof(entry->name), "n%u", i);
    sign_key_public(home->keys[i], &entry->agent_key);
    sign_key_public(home_guard(home, i), &entry->guard_key);
}

static void make_roster(struct home *home)
{
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};

    for (unsigned i = 0; i < HOME_GUARDS; i++)
        home->guards[i] = sign_key_generate();
    home->keys = mem_alloc(home->count, sizeof(*home->keys));
    roster->version = 1;
    roster->entries_count = home->count;
    for (unsigned i = 0; i < home->count; i++) {
        home->keys[i] = sign_key_generate();
        fill_entry(home, i, &roster->entries[i]);
    }
    bytes = wire_encode_roster(roster, home->approver);
    write_file(home, "roster", bytes.data, bytes.len);
}

static void make_configuration(struct home *home)
{
    char text[1200];
    unsigned port = free_port();

    snprintf(home->url, sizeof(home->url), "tls+tcp://127.0.0.1:%u", port);
    snprintf(home->socket, sizeof(home->socket), "%s/controller.sock", home->directory);
    snprintf(text, sizeof(text),
             "state: %s\nfleet: %s/fleet.yaml\nagents: %s\nhttps: 127.0.0.1:%u\nsocket: %s\n"
             "roles:\n  unix: { root: operator }\nlog: warning\n",
             home->directory, home->directory, home->url, free_port(), home->socket);
    write_text(home, "controller.yaml", text);
    write_text(home, "fleet.yaml",
               "nodes:\n"
               "  n0: { first: true, ssh: 203.0.113.10, console: physical }\n"
               "  n1: { ssh: 203.0.113.11, console: physical }\n"
               "policy: { soak: 300s, lease: 60s, approvals: 1, soak-min: 1s }\n");
}

/* ---- the rollout -----------------------------------------------------------------------------
 */

static void fill_plan(struct manifest_plan *plan)
{
    text_copy(plan->node, sizeof(plan->node), "n0");
    plan->operations = mem_alloc(1, sizeof(*plan->operations));
    plan->operations_count = 1;
    plan->operations[0].kind = OPERATION_SYSCTL;
    text_copy(plan->operations[0].sysctl.setting.name, SYSCTL_NAME_SIZE, "net.ipv4.ip_forward");
    text_copy(plan->operations[0].sysctl.setting.value, SYSCTL_VALUE_SIZE, "1");
    plan->witnesses_count = 2;
    text_copy(plan->witnesses[0], NAME_SIZE, "n1");
    text_copy(plan->witnesses[1], NAME_SIZE, "n2");
    plan->quorum = 2;
    plan->ssh.port = 22;
    if (!address_parse("203.0.113.10", &plan->ssh.address))
        abort();
}

static void fill_manifest(const struct home *home, struct manifest *manifest)
{
    struct err err = ERR_INIT;

    *manifest = (struct manifest){.soak_s = 300,
                                  .lease_s = 60,
                                  .period_s = 15,
                                  .path_s = 7,
                                  .dial_s = 10,
                                  .apply_s = 1,
                                  .settle_s = 10,
                                  .grace_s = 22,
                                  .revert_budget_s = 5,
                                  .stages_count = 1,
                                  .plans_count = 1,
                                  .roster_count = 3};
    text_copy(manifest->change, sizeof(manifest->change), "forwarding");
    text_copy(manifest->reason, sizeof(manifest->reason), "forwarding is needed by the pods");
    text_copy(manifest->reference, sizeof(manifest->reference), "#1");
    manifest->stages = mem_alloc(1, sizeof(*manifest->stages));
    manifest->plans = mem_alloc(1, sizeof(*manifest->plans));
    manifest->roster = mem_alloc(3, sizeof(*manifest->roster));
    for (unsigned i = 0; i < 3; i++)
        fill_entry(home, i, &manifest->roster[i]);
    fill_plan(&manifest->plans[0]);
    manifest->stages[0].nodes_count = 1;
    text_copy(manifest->stages[0].nodes[0], NAME_SIZE, "n0");
    must(manifest_validate(manifest, &err), &err);
}

/* As a controller leaves it that died with the first node on trial. */
static void put_rollout(struct home *home, const struct approval *approval,
                        struct store_rollout *stored)
{
    struct rollout_record *record = &stored->record;
    struct err err = ERR_INIT;
    struct store *store;

    home->on_trial.attempt = approval->attempt;
    clock_random(home->on_trial.start.bytes, NONCE_SIZE);
    *record = (struct rollout_record){.id = 1,
                                      .attempt = approval->attempt,
                                      .not_after = approval->not_after,
                                      .state = ROLLOUT_STAGE,
                                      .targets_count = 1};
    text_copy(record->targets[0].name, NAME_SIZE, "n0");
    record->targets[0].wants = WANTS_CHANGE;
    record->targets[0].says = SAYS_ON_TRIAL;
    record->targets[0].in_doubt = true;
    record->targets[0].generation = home->on_trial;
    record->targets[0].receipt = RECEIPT_KIND_COUNT;
    stored->started_at = clock_unix();
    text_copy(stored->by, sizeof(stored->by), "olga");
    store = store_open(home->database, &err);
    must(store != NULL && store_begin(store, STORE_FULL, &err) &&
             store_add_rollout(store, stored, &err) && store_commit(store, &err),
         &err);
    store_close(store);
}

static void make_rollout(struct home *home)
{
    AUTO_FREE struct approval *approval = mem_alloc(1, sizeof(*approval));
    AUTO_FREE struct store_rollout *stored = mem_alloc(1, sizeof(*stored));
    AUTO_WIRE struct wire_bytes bare = {NULL, 0};
    struct manifest manifest;

    fill_manifest(home, &manifest);
    stored->body = wire_encode_manifest(&manifest);
    manifest_done(&manifest);
    sign_hash(stored->body.data, stored->body.len, &approval->attempt.body);
    approval->attempt.sequence = 1;
    approval->not_after = clock_unix() + 86400;
    bare = wire_encode_approval(approval);
    stored->approval = wire_sign_approval(wire_lend(&bare), home->approver);
    put_rollout(home, approval, stored);
    store_rollout_done(stored);
}

void home_make(struct home *home, const char *directory, unsigned count)
{
    memset(home, 0, sizeof(*home));
    home->count = count;
    text_copy(home->directory, sizeof(home->directory), directory);
    snprintf(home->database, sizeof(home->database), "%s/controller.db", directory);
    make_certificates(home);
    make_trust(home);
    make_roster(home);
    make_configuration(home);
    make_rollout(home);
}

void home_done(struct home *home)
{
    for (unsigned i = 0; i < home->count; i++)
        sign_key_free(home->keys[i]);
    free(home->keys);
    for (unsigned i = 0; i < HOME_GUARDS; i++)
        sign_key_free(home->guards[i]);
    sign_key_free(home->approver);
    authority_done(&home->authority);
}

/* ---- the process -----------------------------------------------------------------------------
 */

static int connect_socket(const struct home *home)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    text_copy(address.sun_path, sizeof(address.sun_path), home->socket);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

void home_start(struct home *home, const char *program)
{
    const struct timespec pause = {0, 2000000};
    char config[300];
    int fd;

    snprintf(config, sizeof(config), "%s/controller.yaml", home->directory);
    unlink(home->socket);
    home->controller = fork();
    if (home->controller == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(program, program, "--config", config, (char *)NULL);
        perror(program);
        _exit(1);
    }
    while ((fd = connect_socket(home)) < 0) {
        if (waitpid(home->controller, NULL, WNOHANG) != 0) {
            fprintf(stderr, "bench_agents: the controller ended before it listened\n");
            exit(1);
        }
        nanosleep(&pause, NULL);
    }
    close(fd);
}

void home_end(struct home *home, int signal_number)
{
    if (home->controller == 0)
        return;
    kill(home->controller, signal_number);
    waitpid(home->controller, NULL, 0);
    home->controller = 0;
}

bool home_post_order(const struct home *home, struct bytes order)
{
    char head[200], answer[64] = "";
    int fd = connect_socket(home);
    int len = snprintf(head, sizeof(head),
                       "POST /v1/emergency-rollback?signed=1 HTTP/1.1\r\nHost: controller\r\n"
                       "Connection: close\r\nContent-Length: %zu\r\n\r\n",
                       order.len);
    bool good;

    if (fd < 0)
        return false;
    good = write(fd, head, (size_t)len) == len &&
           write(fd, order.data, order.len) == (ssize_t)order.len &&
           read(fd, answer, sizeof(answer) - 1) > 0 && strstr(answer, " 202 ") != NULL;
    close(fd);
    return good;
}

static void read_process(pid_t pid, const char *name, char *to, size_t size)
{
    char path[64];
    ssize_t len;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    len = fd >= 0 ? read(fd, to, size - 1) : -1;
    if (fd >= 0)
        close(fd);
    to[len > 0 ? len : 0] = '\0';
}

double process_cpu_s(pid_t pid)
{
    struct timespec used;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return 0;
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

long process_rss_kib(pid_t pid)
{
    char text[4096];
    const char *line;
    long kib = 0;

    read_process(pid, "status", text, sizeof(text));
    line = strstr(text, "\nVmRSS:");
    if (line != NULL)
        sscanf(line, "\nVmRSS: %ld", &kib);
    return kib;
}
