/*
 * rehearse_ask: the guard has a plan rehearsed by oceanid-rehearse, which systemd starts for each.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent/guard/io/rehearse.h"
#include "common/core/mem.h"
#include "common/io/packet.h"

enum { PATIENCE_MS = 5000, ROUTES_PER_MS = 50 };

unsigned rehearse_patience_ms(size_t routes_count)
{
    return PATIENCE_MS + (unsigned)(routes_count / ROUTES_PER_MS);
}

static bool exchange(int fd, struct bytes question, struct rehearsal *ret_rehearsal,
                     struct err *err)
{
    AUTO_FREE uint8_t *data = NULL;
    size_t len = 0;

    return packet_send_up_to(fd, question, REHEARSE_SIZE_MAX, err) &&
           packet_receive(fd, &data, &len, err) &&
           wire_decode_rehearsal((struct bytes){data, len}, ret_rehearsal, err);
}

bool rehearse_ask(const char *path, struct bytes question, unsigned patience_ms,
                  struct rehearsal *ret_rehearsal, struct err *err)
{
    struct timeval patience = {.tv_sec = patience_ms / 1000,
                               .tv_usec = (suseconds_t)(patience_ms % 1000) * 1000};
    int fd = packet_connect(path, err);
    bool answered;

    if (fd < 0)
        return err_wrap(err, "oceanid-rehearse");
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    answered = exchange(fd, question, ret_rehearsal, err);
    close(fd);
    if (answered)
        return true;
    if (err->kind == ERR_TIMEOUT)
        return err_set(err, ERR_TIMEOUT, "oceanid-rehearse did not answer in %u ms", patience_ms);
    return err_wrap(err, "oceanid-rehearse");
}
