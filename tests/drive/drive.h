/*
 * drive: plays operator, agent and witnesses towards one guard, over its local socket.
 *
 * Tests of the guard alone (a booted host, the benchmark) need a trial without a fleet around it.
 */
#ifndef TESTS_DRIVE_DRIVE_H
#define TESTS_DRIVE_DRIVE_H

#include "common/io/sign.h"
#include "common/io/wire_guard.h"

enum { DRIVE_WITNESSES = 2 };

struct drive_keys {
    struct sign_key *approver;
    struct sign_key *agent;
    struct sign_key *witness[DRIVE_WITNESSES];
    struct public_key guard;
};

struct drive_options {
    const char *socket;
    const char *device;
    unsigned routes_count;
    unsigned soak_s;
    unsigned lease_s;
    unsigned period_s;
    unsigned sequence;
    unsigned answers_max;  /* nonces that are answered; then silence */
    bool failing;          /* after answers_max the witnesses say fail instead of nothing */
    bool removes;          /* the routes are taken away instead of put */
    bool shield;           /* they are marked as shields */
    bool waits;            /* what is prepared is not started */
    bool flows;            /* what leaves for 203.0.113.0/24 has to leave by the device */
    bool protects;         /* before all: rules as a whole `protect` makes them */
    unsigned named;        /* the change is called drive-N; 0: by its sequence */
    bool own_failing;      /* after answers_max the node itself says fail, the witnesses pass */
    const char *renames;   /* NULL, or: call the subject so, and pass an approval of another body */
    const char *lifts;     /* receipts of earlier ends that the approval names: HEX,HEX,... */
    const char *exit_node; /* instead of routes, behind the shield: this exit node (StableID) */
    const char *address;   /* the first of all is a shield for its replies */
    const char *file;      /* and, behind the routes, this configuration file */
    const char *content;   /* of it, read from here; NULL: it is taken away */
    const char *also;      /* NULL, or behind the routes: add|remove ADDRESS/LENGTH DEVICE, or
                              link DEVICE MTU [up|down] (0: left), sysctl NAME VALUE,
                              prefs accept-routes 1|0, several with ',' */
    const char *held;      /* NULL, or: a file that the second nonce's answer is kept in */
};

extern const char *const drive_witness_names[DRIVE_WITNESSES];
extern const char *const drive_own_check; /* critical, with own_failing */

void drive_make_manifest(const struct drive_keys *keys, const struct drive_options *options,
                         struct wire_bytes *ret_manifest, struct hash *ret_body);
/* A line with the time of day in microseconds. */
void drive_say(const char *what, const char *text);

/* Runs one trial to its receipt, printing a line a report with the time of day in microseconds.
 * Exit code: 0 confirmed, 1 reverted, 2 refused or broken. */
int drive_trial(const struct drive_keys *keys, const struct drive_options *options);

/* Stands between an agent (which connects to socket) and its guard until it is killed; what the
 * agent's own statements say to fail passes, signed anew with the key in key_path. Prints what it
 * held back. Returns, with the reason, only when it cannot. */
int drive_between(const char *socket, const char *guard_socket, const char *key_path,
                  struct err *err);
/* A connection to a guard's socket; -1: err says why. */
int drive_dial(const char *path, struct err *err);

/* Quotes the latest hello; returns when the guard has said what it does. */
bool drive_abort(const char *socket, const char *reason, struct err *err);

/* Until it is killed: over so many connections, starts with as many statements as are accepted. */
void drive_flood(const char *socket, const struct sign_key *key, unsigned connections);

/* Appends an encoded request to a file of held ones; sends all of them over a new connection. */
bool drive_hold(const char *path, struct bytes request, struct err *err);
bool drive_deliver(const char *path, const char *socket_path, struct err *err);

#endif
