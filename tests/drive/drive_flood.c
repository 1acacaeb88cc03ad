/*
 * drive_flood: an agent that means harm: over many connections it sends what costs its guard most
 * and comes to nothing, as fast as it is taken.
 */
#include "tests/drive/drive.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/core/limits.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/packet.h"

enum { FLOOD_MAX = 15 }; /* of the guard's 16 connections */

/* Every statement but the last is well signed, by one whom the roster knows. */
static struct wire_bytes make_start(const struct sign_key *key)
{
    struct wire_bytes list[STATEMENTS_MAX];
    struct guard_request request = {
        .kind = GUARD_START, .statements_count = STATEMENTS_MAX, .statements = list};
    struct statement statement = {.phase = PHASE_RENEWAL};
    struct approval approval = {0};
    struct wire_bytes made;

    text_copy(statement.signer, sizeof(statement.signer), "subject");
    text_copy(statement.subject, sizeof(statement.subject), "subject");
    for (int i = 0; i < STATEMENTS_MAX - 1; i++)
        list[i] = wire_encode_statement(&statement, key);
    made = wire_encode_approval(&approval);
    list[STATEMENTS_MAX - 1] = wire_sign_approval(wire_lend(&made), key);
    wire_bytes_done(&made);
    request.id.attempt.sequence = 7;
    made = wire_encode_guard_request(&request);
    for (int i = 0; i < STATEMENTS_MAX; i++)
        wire_bytes_done(&list[i]);
    return made;
}

static void dial(struct pollfd *place, const char *socket)
{
    struct err err = ERR_INIT;

    if (place->fd >= 0)
        close(place->fd);
    *place = (struct pollfd){.fd = packet_connect(socket, &err), .events = POLLIN | POLLOUT};
    if (place->fd >= 0)
        fcntl(place->fd, F_SETFL, O_NONBLOCK);
}

/* What the guard says is read, or it would drop the connection. */
static bool drain(int fd)
{
    struct err err = ERR_INIT;
    uint8_t *data;
    size_t len;

    while (packet_receive(fd, &data, &len, &err))
        free(data);
    return err.kind == ERR_TIMEOUT;
}

void drive_flood(const char *socket, const struct sign_key *key, unsigned connections)
{
    struct wire_bytes start = make_start(key);
    struct pollfd places[FLOOD_MAX];
    struct err err;

    for (unsigned i = 0; i < FLOOD_MAX; i++)
        places[i].fd = -1;
    for (;;) {
        for (unsigned i = 0; i < connections && i < FLOOD_MAX; i++) {
            err = (struct err)ERR_INIT;
            if (places[i].fd < 0 || !drain(places[i].fd))
                dial(&places[i], socket);
            else
                packet_send(places[i].fd, wire_lend(&start), &err);
        }
        poll(places, connections, 1000);
    }
}
