/*
 * fake_controller: what an agent sees of a controller, over real TLS on loopback: it challenges,
 * verifies, welcomes, acknowledges, and parks polls until a test has a command.
 */
#ifndef TESTS_UNIT_FAKE_CONTROLLER_H
#define TESTS_UNIT_FAKE_CONTROLLER_H

#include <pthread.h>

#include "agent/io/identity.h"
#include "common/io/wire_session.h"

enum { FAKE_HELLOS_MAX = 16, FAKE_REPORTS_MAX = 64, FAKE_POLLS_MAX = 16 };

struct fake_hello {
    uint32_t pipe;
    bool verified, beside;
    struct wire_bytes nonce, stack; /* owned */
};

struct fake_controller {
    char directory[64];    /* temporary: PEM files; removed at the end */
    struct identity agent; /* made to fit */
    struct link_server *server;
    pthread_mutex_t mutex; /* over all below: requests come on the library's threads */
    struct nonce challenges[FAKE_HELLOS_MAX];
    uint32_t challenges_count;
    uint32_t hellos_count;
    struct fake_hello hellos[FAKE_HELLOS_MAX];
    uint32_t reports_count;
    struct session_request *reports[FAKE_REPORTS_MAX]; /* owned */
    uint32_t polls_count;                              /* parked */
    struct {
        struct link_request *request;
        uint32_t pipe;
        uint64_t acknowledged;
    } polls[FAKE_POLLS_MAX];
    bool deny_next_report; /* with hello again */
};

/* Keys, certificates, and a server on a free port of loopback, which agent.controllers names. */
void fake_controller_init(struct fake_controller *fake);
/* Removes the files. The server ends with the process, as an agent's connections do: nng can hang
 * when it is to close them (common/io/link_tls.h), which is for test_link to try. */
void fake_controller_done(struct fake_controller *fake);

/* Answers the parked poll (the newest) with this command. False if there is none. */
bool fake_controller_command(struct fake_controller *fake, const struct session_reply *command);

/* Counts under the lock. */
uint32_t fake_controller_hellos(struct fake_controller *fake);
uint32_t fake_controller_polls(struct fake_controller *fake);

/* The first report for which is_it holds; NULL: none yet. Lent until the end. */
const struct session_request *
fake_controller_find(struct fake_controller *fake,
                     bool (*is_it)(const struct session_request *report));

#endif
