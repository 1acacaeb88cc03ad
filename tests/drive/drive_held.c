/*
 * drive_held: statements that are held back, in a file, and delivered when a test says so.
 */
#include "tests/drive/drive.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/io/packet.h"

enum { HELD_SIZE_MAX = 1 << 16 };

bool drive_hold(const char *path, struct bytes request, struct err *err)
{
    FILE *file = fopen(path, "a");
    uint32_t len = (uint32_t)request.len;
    bool kept;

    if (file == NULL)
        return err_set(err, ERR_SYSTEM, "open %s: %m", path);
    kept = fwrite(&len, sizeof(len), 1, file) == 1 &&
           fwrite(request.data, 1, request.len, file) == request.len;
    kept = fclose(file) == 0 && kept;
    return kept || err_set(err, ERR_SYSTEM, "write %s: %m", path);
}

static bool deliver(FILE *file, int fd, struct err *err)
{
    uint32_t len;

    while (fread(&len, sizeof(len), 1, file) == 1) {
        AUTO_FREE uint8_t *data = NULL;

        if (len > HELD_SIZE_MAX)
            return err_set(err, ERR_INPUT, "a request of %u bytes: accepted are up to %d", len,
                           HELD_SIZE_MAX);
        data = mem_alloc(len, 1);
        if (fread(data, 1, len, file) != len)
            return err_set(err, ERR_INPUT, "a held request is cut off");
        if (!packet_send(fd, (struct bytes){data, len}, err))
            return false;
    }
    return true;
}

/* Until the guard has answered what is asked behind them: it drops what it has not read of a client
 * that hangs up. */
static bool wait_taken(int fd, struct err *err)
{
    const struct guard_request request = {.kind = GUARD_STACK};
    AUTO_WIRE struct wire_bytes encoded = wire_encode_guard_request(&request);
    bool taken = false;

    if (!packet_send(fd, wire_lend(&encoded), err))
        return false;
    while (!taken) {
        struct guard_report report;
        AUTO_FREE uint8_t *data = NULL;
        size_t len = 0;

        if (!packet_receive(fd, &data, &len, err) ||
            !wire_decode_guard_report((struct bytes){data, len}, &report, err))
            return false;
        taken = report.kind == REPORT_STACK;
        guard_report_done(&report);
    }
    return true;
}

bool drive_deliver(const char *path, const char *socket_path, struct err *err)
{
    FILE *file = fopen(path, "r");
    int fd = file != NULL ? drive_dial(socket_path, err) : -1;
    bool delivered;

    if (file == NULL)
        return err_set(err, ERR_SYSTEM, "open %s: %m", path);
    delivered = fd >= 0 && deliver(file, fd, err) && wait_taken(fd, err);
    if (fd >= 0)
        close(fd);
    fclose(file);
    return delivered;
}
