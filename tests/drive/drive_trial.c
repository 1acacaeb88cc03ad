/*
 * drive_trial: one trial of one guard, from prepare to its receipt.
 */
#include "tests/drive/drive.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/packet.h"

enum { LISTEN_MS = 5000, HELD_ANSWER = 2 };

struct drive {
    const struct drive_keys *keys;
    const struct drive_options *options;
    int fd;
    struct hash body;
    struct wire_bytes manifest;
    unsigned answered;
    bool holds; /* what is sent is kept in options->held instead */
};

void drive_say(const char *what, const char *text)
{
    printf("%lld %s %s\n", (long long)clock_unix_us(), what, text);
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
        struct lift *lift = &approval->lifts[approval->lifts_count];

        memcpy(hex, lifts, digits);
        hex[digits] = '\0';
        if (!bytes_parse_hex(hex, lift->receipt.bytes, HASH_SIZE))
            return;
        text_copy(lift->reason, sizeof(lift->reason), "a test, which knows what failed");
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
              witness < 0 ? "subject" : drive_witness_names[witness]);
    if (witness >= 0 || drive->options->own_failing) {
        statement.verdicts_count = 1;
        text_copy(statement.verdicts[0].check, NAME_SIZE, witness < 0 ? drive_own_check : "ssh");
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

    text_copy(request.name, sizeof(request.name), drive_witness_names[witness]);
    text_copy(request.reason, sizeof(request.reason), "seen from 198.18.0.10");
    return send_request(drive, &request, err);
}

static bool answer_nonce(struct drive *drive, const struct guard_report *report, struct err *err)
{
    const struct drive_options *options = drive->options;
    bool spent = ++drive->answered > options->answers_max;

    if (spent && !options->failing && !options->own_failing)
        return true;
    drive->holds = options->held != NULL && drive->answered == HELD_ANSWER;
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
    drive_say("prepared", text);
}

static int take_report(struct drive *drive, const struct guard_report *report, struct err *err)
{
    bool went_well = true;

    switch (report->kind) {
    case REPORT_PREPARED:
        say_prepared(&report->id);
        went_well = drive->options->waits || answer_prepared(drive, report, err);
        break;
    case REPORT_NONCE:
        drive_say("nonce", report->last ? "last" : report->fresh_connection ? "first" : "");
        went_well = answer_nonce(drive, report, err);
        break;
    case REPORT_RECEIPT:
        return take_receipt(report, err);
    case REPORT_REFUSED:
        drive_say("refused", report->reason);
        return 2;
    case REPORT_PROGRESS:
        printf("%lld state %s: %s\n", (long long)clock_unix_us(), report->state, report->sentence);
        break;
    case REPORT_STACK:
    case REPORT_STATEMENT:
    case REPORT_REHEARSAL:
    case REPORT_DRIFT:
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

    drive_make_manifest(keys, options, &drive.manifest, &drive.body);
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
