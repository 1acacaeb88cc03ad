/*
 * drive_abort: a controller that ends the open trial, by the latest hello and for any reason.
 */
#include "tests/drive/drive.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/packet.h"

static bool send_request(int fd, const struct guard_request *request, struct err *err)
{
    AUTO_WIRE struct wire_bytes encoded = wire_encode_guard_request(request);

    return packet_send(fd, wire_lend(&encoded), err);
}

/* The next report of that kind. */
static bool await(int fd, enum guard_report_kind kind, struct guard_report *report, struct err *err)
{
    for (;;) {
        AUTO_FREE uint8_t *data = NULL;
        size_t len = 0;

        if (!packet_receive(fd, &data, &len, err) ||
            !wire_decode_guard_report((struct bytes){data, len}, report, err))
            return false;
        if (report->kind == kind)
            return true;
        guard_report_done(report);
    }
}

static bool say_hello(int fd, struct stack *stack, struct err *err)
{
    struct guard_request hello = {.kind = GUARD_STACK};
    struct guard_report report;
    bool done;

    if (!send_request(fd, &hello, err) || !await(fd, REPORT_STACK, &report, err))
        return false;
    done = wire_decode_stack(wire_lend(&report.envelope), stack, err);
    guard_report_done(&report);
    return done;
}

static bool abort_by(int fd, const char *reason, struct err *err)
{
    struct guard_request request = {.kind = GUARD_ABORT};
    AUTO_FREE struct stack *stack = mem_alloc(1, sizeof(*stack));
    struct guard_report report;

    if (!say_hello(fd, stack, err))
        return false;
    request.id = stack->trial;
    request.nonce = stack->nonce;
    text_copy(request.reason, sizeof(request.reason), reason);
    if (!send_request(fd, &request, err) || !await(fd, REPORT_PROGRESS, &report, err))
        return false;
    guard_report_done(&report);
    return true;
}

bool drive_abort(const char *socket, const char *reason, struct err *err)
{
    int fd = drive_dial(socket, err);
    bool done = fd >= 0 && abort_by(fd, reason, err);

    if (fd >= 0)
        close(fd);
    return done;
}
