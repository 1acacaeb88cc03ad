/*
 * oceanid-rehearse: one plan, one throw-away network namespace, one answer.
 *
 * systemd starts it with one connection of the guard's, in a namespace with nothing in it
 * (oceanid-rehearse@.service). It reads what is to be rehearsed, plays it through, answers, ends;
 * with it goes the namespace. It refuses to play in a network that is in use.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "agent/guard/io/rehearse.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/log.h"
#include "common/io/packet.h"
#include "common/io/standard.h"

static const char usage[] = "usage: oceanid-rehearse [--version] [--help]\n"
                            "started by systemd with a connection (oceanid-rehearse.socket)\n";

/* Only root asks: the guard. */
static bool check_caller(int fd, struct err *err)
{
    uid_t uid;
    pid_t pid;

    if (!packet_peer(fd, &uid, &pid, err))
        return false;
    return uid == 0 || err_set(err, ERR_DENIED, "uid %u asked; accepted is root, whose guard asks",
                               (unsigned)uid);
}

static int take_connection(struct err *err)
{
    int count = sd_listen_fds(1);

    if (count != 1 || sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_SEQPACKET, 0, NULL, 0) <= 0) {
        err_set(err, ERR_INPUT,
                "expected one SOCK_SEQPACKET connection from systemd, found %d descriptors",
                count > 0 ? count : 0);
        return -1;
    }
    return check_caller(SD_LISTEN_FDS_START, err) ? SD_LISTEN_FDS_START : -1;
}

static bool receive(int fd, struct rehearse *ret_asked, struct err *err)
{
    AUTO_FREE uint8_t *data = NULL;
    size_t len = 0;

    return packet_receive_up_to(fd, REHEARSE_SIZE_MAX, &data, &len, err) &&
           wire_decode_rehearse((struct bytes){data, len}, ret_asked, err);
}

static bool serve(int fd, struct err *err)
{
    AUTO_FREE struct rehearsal *rehearsal = mem_alloc(1, sizeof(*rehearsal));
    AUTO_WIRE struct wire_bytes answer = {NULL, 0};
    struct rehearse asked;

    if (!receive(fd, &asked, err))
        return false;
    rehearse_play(&asked, rehearsal);
    rehearse_done(&asked);
    log_info("%u operations: %s%s%s", rehearsal->operations_count,
             verdict_format(rehearsal_judge(rehearsal, rehearsal->operations_count)),
             rehearsal->lacks[0] != '\0' ? "; " : "", rehearsal->lacks);
    answer = wire_encode_rehearsal(rehearsal);
    return packet_send(fd, wire_lend(&answer), err);
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    int fd;

    if (argc == 2 && text_equal(argv[1], "--version")) {
        puts("oceanid-rehearse " OCEANID_VERSION);
        return standard_is_written("oceanid-rehearse") ? 0 : 1;
    }
    if (argc > 1 && text_is_help(argv[1])) {
        fputs(usage, stdout);
        return standard_is_written("oceanid-rehearse") ? 0 : 1;
    }
    if (argc != 1) {
        fprintf(stderr, "oceanid-rehearse: '%.80s' is not known: it takes no words\n%s", argv[1],
                usage);
        return 2;
    }
    log_init("oceanid-rehearse", LOG_LEVEL_INFO);
    fd = take_connection(&err);
    if (fd >= 0 && serve(fd, &err))
        return 0;
    log_error("%s", err.text);
    return 1;
}
