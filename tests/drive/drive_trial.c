/*
 * drive_trial: one trial of one guard, from prepare to its receipt.
 */
#include "tests/drive/drive.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/packet.h"

enum { LISTEN_MS = 5000 };

static const char *const witness_names[DRIVE_WITNESSES] = {"office", "other"};
static const char *const own_check = "database";

struct drive {
    const struct drive_keys *keys;
    const struct drive_options *options;
    int fd;
    struct hash body;
    struct wire_bytes manifest;
    unsigned answered;
    bool holds; /* what is sent is kept in options->held instead */
};

static void say(const char *what, const char *text)
{
    printf("%lld %s %s\n", (long long)clock_unix_us(), what, text);
}

/* A host route in the benchmark range (RFC 2544) a number. */
static void fill_route(struct operation *operation, const char *device, unsigned number)
{
    struct route *route = &operation->route.route;
    uint32_t address = htonl(0xc6120000u + number);

    operation->kind = OPERATION_ROUTE;
    text_copy(operation->route.device, sizeof(operation->route.device), device);
    route->destination.address = address_from_bytes(FAMILY_IPV4, (const uint8_t *)&address);
    route->destination.len = 32;
    route->table = RT_TABLE_MAIN;
    route->protocol = OCEANID_PROTOCOL;
    route->scope = RT_SCOPE_LINK;
    route->type = RTN_UNICAST;
    route->hops_count = 1;
}

/* What `protect: [ssh]` compiles to, as far as it matters here. */
static void fill_shield(struct operation *operation, const char *address)
{
    struct rule *rule = &operation->rule.rule;

    operation->kind = OPERATION_RULE;
    operation->shield = true;
    rule->family = FAMILY_IPV4;
    rule->action = FR_ACT_TO_TBL;
    rule->protocol = OCEANID_PROTOCOL;
    rule->priority = SHIELD_PRIORITY_FROM;
    rule->table = RT_TABLE_MAIN;
    rule->uid_last = UINT32_MAX;
    rule->suppress_prefixlength = rule->suppress_ifgroup = -1;
    rule->source.len = 32;
    address_parse(address, &rule->source.address);
}

static void fill_exit_node(struct operation *operation, const char *id)
{
    struct operation_tailscale *prefs = &operation->tailscale;

    operation->kind = OPERATION_TAILSCALE;
    prefs->set_exit_node = prefs->set_allow_lan_access = prefs->allow_lan_access = true;
    text_copy(prefs->exit_node_id, sizeof(prefs->exit_node_id), id);
    text_copy(prefs->exit_node_name, sizeof(prefs->exit_node_name), "exit");
}

static void fill_routes(struct manifest_plan *plan, const struct drive_options *options)
{
    for (unsigned i = 0; i < options->routes_count; i++) {
        struct operation *operation = &plan->operations[plan->operations_count++];

        fill_route(operation, options->device, i);
        operation->route.absent = options->removes;
        operation->shield = options->shield;
    }
}

static void fill_file(struct operation *operation, const struct drive_options *options)
{
    struct err err = ERR_INIT;
    uint8_t *content = NULL;
    size_t len;

    operation->kind = OPERATION_FILE;
    operation->file.absent = options->content == NULL;
    text_copy(operation->file.path, sizeof(operation->file.path), options->file);
    if (options->content == NULL)
        return;
    if (file_read(options->content, FILE_CONTENT_SIZE - 1, &content, &len, &err))
        text_copy(operation->file.content, sizeof(operation->file.content), (const char *)content);
    else
        say("refused", err.text); /* and the guard refuses an empty file */
    free(content);
}

static bool fill_address(struct operation_address *to, char *text)
{
    char *slash = strchr(text, '/');
    unsigned long long len;

    if (slash == NULL || !text_parse_u64(slash + 1, 128, &len))
        return false;
    *slash = '\0';
    to->prefix_len = (uint8_t)len;
    return address_parse(text, &to->address);
}

/* "add 192.0.2.9/24 eth1", "remove ...", "link eth1 1400 down". */
static bool fill_step(struct operation *operation, const char *step, size_t len)
{
    char words[128], first[16], second[64], third[32], fourth[16] = "";
    int count;

    if (len >= sizeof(words))
        return false;
    memcpy(words, step, len);
    words[len] = '\0';
    count = sscanf(words, "%15s %63s %31s %15s", first, second, third, fourth);
    if (count >= 3 && text_equal(first, "link")) {
        operation->kind = OPERATION_LINK;
        text_copy(operation->link.device, DEVICE_SIZE, second);
        operation->link.mtu = (uint32_t)strtoul(third, NULL, 10);
        operation->link.set_up = count == 4;
        operation->link.up = text_equal(fourth, "up");
        return true;
    }
    operation->kind = OPERATION_ADDRESS;
    operation->address.absent = text_equal(first, "remove");
    text_copy(operation->address.device, DEVICE_SIZE, count == 3 ? third : "");
    return count == 3 && fill_address(&operation->address, second);
}

enum { STEPS_MAX = 16 };

/* Returns their number. */
static uint32_t fill_steps(struct operation *operations, const char *also)
{
    uint32_t count = 0;

    while (also != NULL && *also != '\0' && count < STEPS_MAX) {
        size_t len = strcspn(also, ",");

        if (!fill_step(&operations[count++], also, len))
            say("refused", also); /* and the guard refuses half a step */
        also += len + (also[len] == ',');
    }
    return count;
}

static const char *subject_of(const struct drive_options *options)
{
    return options->renames != NULL ? options->renames : "subject";
}

/* Critical, and of the node itself. */
static void fill_check(struct manifest_plan *plan)
{
    struct check *check = mem_alloc(1, sizeof(*check));

    plan->checks = check;
    plan->checks_count = 1;
    text_copy(check->name, sizeof(check->name), own_check);
    check->kind = CHECK_TCP;
    check->severity = SEVERITY_CRITICAL;
    text_copy(check->to, sizeof(check->to), "192.0.2.2");
    check->port = 5432;
    check_set_defaults(check);
}

static void fill_operations(struct manifest_plan *plan, const struct drive_options *options)
{
    bool exits = options->exit_node != NULL && options->address != NULL;
    uint32_t *count = &plan->operations_count;

    plan->operations = mem_alloc(options->routes_count + 3 + STEPS_MAX, sizeof(*plan->operations));
    if (options->address != NULL)
        fill_shield(&plan->operations[(*count)++], options->address);
    if (exits)
        fill_exit_node(&plan->operations[(*count)++], options->exit_node);
    else
        fill_routes(plan, options);
    if (!exits)
        *count += fill_steps(&plan->operations[*count], options->also);
    if (options->file != NULL)
        fill_file(&plan->operations[(*count)++], options);
}

static void fill_plan(struct manifest_plan *plan, const struct drive_options *options)
{
    text_copy(plan->node, sizeof(plan->node), subject_of(options));
    fill_operations(plan, options);
    plan->witnesses_count = DRIVE_WITNESSES;
    for (int i = 0; i < DRIVE_WITNESSES; i++)
        text_copy(plan->witnesses[i], sizeof(plan->witnesses[i]), witness_names[i]);
    plan->quorum = DRIVE_WITNESSES;
    if (options->own_failing)
        fill_check(plan);
    address_parse("192.0.2.1", &plan->ssh.address);
    plan->ssh.port = 22;
}

static void fill_roster(struct manifest *manifest, const struct drive *drive)
{
    const struct drive_keys *keys = drive->keys;
    struct roster_entry *entry = mem_alloc(1 + DRIVE_WITNESSES, sizeof(*entry));

    manifest->roster = entry;
    manifest->roster_count = 1 + DRIVE_WITNESSES;
    text_copy(entry[0].name, sizeof(entry[0].name), subject_of(drive->options));
    entry[0].guard_key = keys->guard;
    sign_key_public(keys->agent, &entry[0].agent_key);
    for (int i = 0; i < DRIVE_WITNESSES; i++) {
        text_copy(entry[1 + i].name, sizeof(entry[1 + i].name), witness_names[i]);
        entry[1 + i].witness_only = true;
        sign_key_public(keys->witness[i], &entry[1 + i].agent_key);
    }
}

static void make_manifest(struct drive *drive)
{
    const struct drive_options *options = drive->options;
    struct manifest manifest = {.soak_s = options->soak_s,
                                .lease_s = options->lease_s,
                                .period_s = 1,
                                .path_s = 1,
                                .dial_s = 1,
                                .apply_s = 5,
                                .settle_s = 1,
                                .grace_s = 1,
                                .revert_budget_s = 30,
                                .pause_after = PAUSE_FIRST,
                                .stages_count = 1,
                                .plans_count = 1};

    snprintf(manifest.change, sizeof(manifest.change), "drive-%u",
             options->named != 0 ? options->named : options->sequence);
    text_copy(manifest.reason, sizeof(manifest.reason), "a test of the guard alone");
    text_copy(manifest.reference, sizeof(manifest.reference), "test");
    manifest.stages = mem_alloc(1, sizeof(*manifest.stages));
    manifest.stages[0].nodes_count = 1;
    text_copy(manifest.stages[0].nodes[0], NAME_SIZE, subject_of(options));
    manifest.plans = mem_alloc(1, sizeof(*manifest.plans));
    fill_plan(&manifest.plans[0], options);
    fill_roster(&manifest, drive);
    drive->manifest = wire_encode_manifest(&manifest);
    sign_hash(drive->manifest.data, drive->manifest.len, &drive->body);
    manifest_done(&manifest);
}

static bool send_request(struct drive *drive, const struct guard_request *request, struct err *err)
{
    AUTO_WIRE struct wire_bytes encoded = wire_encode_guard_request(request);

    return drive->holds ? drive_hold(drive->options->held, wire_lend(&encoded), err)
                        : packet_send(drive->fd, wire_lend(&encoded), err);
}

static void fill_lifts(struct approval *approval, const char *lifts)
{
    const size_t digits = 2 * HASH_SIZE;
    char hex[2 * HASH_SIZE + 1];

    for (; strlen(lifts) >= digits && approval->lifts_count < LIFTS_MAX; lifts += digits + 1) {
        memcpy(hex, lifts, digits);
        hex[digits] = '\0';
        if (!bytes_parse_hex(hex, approval->lifts[approval->lifts_count].receipt.bytes, HASH_SIZE))
            return;
        approval->lifts_count++;
        if (lifts[digits] == '\0')
            return;
    }
}

static bool send_prepare(struct drive *drive, struct err *err)
{
    struct approval approval = {.attempt = {drive->body, drive->options->sequence},
                                .not_after = clock_unix() + 3600};
    struct guard_request request = {.kind = GUARD_PREPARE};
    AUTO_WIRE struct wire_bytes unsigned_approval = {NULL, 0};
    bool sent;

    if (drive->options->renames != NULL)
        approval.attempt.body.bytes[0] ^= 1;
    fill_lifts(&approval, drive->options->lifts);
    unsigned_approval = wire_encode_approval(&approval);
    request.body = drive->manifest; /* lent */
    request.envelope = wire_sign_approval(wire_lend(&unsigned_approval), drive->keys->approver);
    sent = send_request(drive, &request, err);
    wire_bytes_done(&request.envelope);
    return sent;
}

static struct wire_bytes make_statement(const struct drive *drive, int witness,
                                        const struct nonce *nonce, enum phase phase)
{
    bool late = drive->answered > drive->options->answers_max;
    bool failing = late && (witness < 0 ? drive->options->own_failing : drive->options->failing);
    struct statement statement = {.body = drive->body, .nonce = *nonce, .phase = phase};
    const struct sign_key *key = witness < 0 ? drive->keys->agent : drive->keys->witness[witness];

    text_copy(statement.subject, sizeof(statement.subject), "subject");
    text_copy(statement.signer, sizeof(statement.signer),
              witness < 0 ? "subject" : witness_names[witness]);
    if (witness >= 0 || drive->options->own_failing) {
        statement.verdicts_count = 1;
        text_copy(statement.verdicts[0].check, NAME_SIZE, witness < 0 ? own_check : "ssh");
        verdict_set(&statement.verdicts[0], failing ? VERDICT_FAIL : VERDICT_PASS, "an answer",
                    failing ? "no answer in 5 s" : "an answer");
    }
    return wire_encode_statement(&statement, key);
}

static bool answer_prepared(struct drive *drive, const struct guard_report *report, struct err *err)
{
    struct wire_bytes statements[1 + DRIVE_WITNESSES];
    struct guard_request request = {.kind = GUARD_START,
                                    .id = report->id,
                                    .statements_count = 1 + DRIVE_WITNESSES,
                                    .statements = statements};
    bool sent;

    for (int i = -1; i < DRIVE_WITNESSES; i++)
        statements[i + 1] = make_statement(drive, i, &report->id.start, PHASE_BASELINE);
    sent = send_request(drive, &request, err);
    for (int i = 0; i < 1 + DRIVE_WITNESSES; i++)
        wire_bytes_done(&statements[i]);
    return sent;
}

static bool tell_source(struct drive *drive, int witness, const struct nonce *nonce,
                        struct err *err)
{
    struct guard_request request = {.kind = GUARD_SOURCE_SEEN, .nonce = *nonce, .counts = true};

    text_copy(request.name, sizeof(request.name), witness_names[witness]);
    text_copy(request.reason, sizeof(request.reason), "seen from 198.18.0.10");
    return send_request(drive, &request, err);
}

static bool answer_nonce(struct drive *drive, const struct guard_report *report, struct err *err)
{
    const struct drive_options *options = drive->options;
    bool spent = ++drive->answered > options->answers_max;

    if (spent && !options->failing && !options->own_failing && options->held == NULL)
        return true;
    drive->holds = spent && options->held != NULL;
    for (int i = -1; i < DRIVE_WITNESSES; i++) {
        struct guard_request request = {.kind = GUARD_STATEMENT};
        bool sent = i < 0 || tell_source(drive, i, &report->nonce, err);

        request.envelope = make_statement(drive, i, &report->nonce, PHASE_RENEWAL);
        sent = sent && send_request(drive, &request, err);
        wire_bytes_done(&request.envelope);
        if (!sent)
            return false;
    }
    return true;
}

/* -1: go on; else the exit code. */
static int take_receipt(const struct guard_report *report, struct err *err)
{
    struct receipt receipt;

    if (!wire_decode_receipt(wire_lend(&report->envelope), &receipt, err))
        return 2;
    printf("%lld receipt %s: %s (%s)\n", (long long)clock_unix_us(),
           receipt_kind_name(receipt.kind), receipt.reason, end_cause_name(receipt.cause));
    if (receipt.kind == RECEIPT_INCOMPLETE)
        return -1;
    return receipt.kind == RECEIPT_CONFIRMED ? 0 : 1;
}

/* With the generation's id, as an order names it. */
static void say_prepared(const struct generation_id *id)
{
    char body[2 * HASH_SIZE + 1], start[2 * NONCE_SIZE + 1], text[200];

    bytes_format_hex(id->attempt.body.bytes, HASH_SIZE, body);
    bytes_format_hex(id->start.bytes, NONCE_SIZE, start);
    snprintf(text, sizeof(text), "%llu:%s:%s", (unsigned long long)id->attempt.sequence, body,
             start);
    say("prepared", text);
}

static int take_report(struct drive *drive, const struct guard_report *report, struct err *err)
{
    bool went_well = true;

    switch (report->kind) {
    case REPORT_PREPARED:
        say_prepared(&report->id);
        went_well = answer_prepared(drive, report, err);
        break;
    case REPORT_NONCE:
        say("nonce", report->last ? "last" : report->fresh_connection ? "first" : "");
        went_well = answer_nonce(drive, report, err);
        break;
    case REPORT_RECEIPT:
        return take_receipt(report, err);
    case REPORT_REFUSED:
        say("refused", report->reason);
        return 2;
    case REPORT_PROGRESS:
        printf("%lld state %s: %s\n", (long long)clock_unix_us(), report->state, report->sentence);
        break;
    case REPORT_STACK:
    case REPORT_STATEMENT:
    case REPORT_REHEARSAL:
    case GUARD_REPORT_COUNT:
        break;
    }
    return went_well ? -1 : 2;
}

/* A guard that has just made its socket does not listen yet. */
static bool dial(int fd, const struct sockaddr_un *address)
{
    mono_t end = clock_now() + LISTEN_MS;

    while (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0) {
        if (errno != ECONNREFUSED || clock_now() >= end)
            return false;
        usleep(1000);
    }
    return true;
}

int drive_dial(const char *path, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    text_copy(address.sun_path, sizeof(address.sun_path), path);
    if (fd >= 0 && dial(fd, &address))
        return fd;
    err_set(err, ERR_SYSTEM, "connect %s: %m", path);
    if (fd >= 0)
        close(fd);
    return -1;
}

static int take_next(struct drive *drive, struct err *err)
{
    struct guard_report report;
    AUTO_FREE uint8_t *data = NULL;
    size_t len = 0;
    int code;

    if (!packet_receive(drive->fd, &data, &len, err))
        return 2;
    if (!wire_decode_guard_report((struct bytes){data, len}, &report, err))
        return 2;
    code = take_report(drive, &report, err);
    guard_report_done(&report);
    return code;
}

int drive_trial(const struct drive_keys *keys, const struct drive_options *options)
{
    struct drive drive = {.keys = keys, .options = options, .fd = -1};
    struct err err = ERR_INIT;
    int code = 2;

    make_manifest(&drive);
    drive.fd = drive_dial(options->socket, &err);
    if (drive.fd >= 0 && send_prepare(&drive, &err)) {
        do
            code = take_next(&drive, &err);
        while (code == -1);
    }
    if (err.kind != ERR_NONE)
        fprintf(stderr, "drive: %s\n", err.text);
    if (drive.fd >= 0)
        close(drive.fd);
    wire_bytes_done(&drive.manifest);
    return code;
}
