/*
 * drive_between: stands between an agent and its guard, and lets the agent say no "no".
 *
 * Everything passes as it is, but the agent's own statements: what fails in them is made to pass,
 * and they are signed anew with the agent's key. So a test sees what is decided by others.
 */
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/packet.h"
#include "tests/drive/drive.h"

enum { ANYBODY = 0666 };

/* Whether something failed; says what. */
static bool hold_back(struct statement *statement)
{
    bool failed = statement->own_failing;

    statement->own_failing = false;
    for (uint32_t i = 0; i < statement->verdicts_count; i++) {
        struct verdict *verdict = &statement->verdicts[i];

        if (verdict->value != VERDICT_FAIL)
            continue;
        printf("held back: %s: %s\n", verdict->check, verdict->observed);
        verdict->value = VERDICT_PASS;
        failed = true;
    }
    return failed;
}

/* The packet as it goes on: as it came, unless it is an own statement with something failing. */
static void soften(struct wire_bytes *packet, const struct sign_key *key)
{
    AUTO_FREE struct statement *statement = mem_alloc(1, sizeof(*statement));
    struct guard_request request;
    struct err err = ERR_INIT;

    if (!wire_decode_guard_request(wire_lend(packet), &request, &err))
        return;
    if (request.kind == GUARD_STATEMENT &&
        wire_decode_statement(wire_lend(&request.envelope), statement, &err) &&
        text_equal(statement->signer, statement->subject) && hold_back(statement)) {
        wire_bytes_done(&request.envelope);
        request.envelope = wire_encode_statement(statement, key);
        wire_bytes_done(packet);
        *packet = wire_encode_guard_request(&request);
    }
    guard_request_done(&request);
}

/* One packet; false when one of the two has hung up. key: NULL to pass it as it is. */
static bool pass(int from, int to, const struct sign_key *key)
{
    AUTO_WIRE struct wire_bytes packet = {NULL, 0};
    struct err err = ERR_INIT;

    if (!packet_receive(from, &packet.data, &packet.len, &err))
        return false;
    if (key != NULL)
        soften(&packet, key);
    return packet_send(to, wire_lend(&packet), &err);
}

static void carry(int agent, int guard, const struct sign_key *key)
{
    struct pollfd both[2] = {{.fd = agent, .events = POLLIN}, {.fd = guard, .events = POLLIN}};
    bool alive = true;

    while (alive && poll(both, 2, -1) > 0) {
        if (both[0].revents != 0)
            alive = pass(agent, guard, key);
        if (alive && both[1].revents != 0)
            alive = pass(guard, agent, NULL);
    }
}

int drive_between(const char *socket, const char *guard_socket, const char *key_path,
                  struct err *err)
{
    struct sign_key *key = sign_key_load(key_path, err);
    int listening = key != NULL ? packet_listen(socket, ANYBODY, (gid_t)-1, err) : -1;

    if (listening < 0) {
        sign_key_free(key);
        return 2;
    }
    for (;;) {
        int agent = accept(listening, NULL, NULL);
        int guard = agent >= 0 ? packet_connect(guard_socket, err) : -1;

        if (guard >= 0)
            carry(agent, guard, key);
        close(guard);
        close(agent);
    }
}
