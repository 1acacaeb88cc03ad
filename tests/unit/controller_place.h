/*
 * controller_place: a whole controller in a directory of its own, on one loop that the test turns:
 * two nodes (a1, b2) and a witness (w1) in its roster, their keys at hand.
 */
#ifndef TESTS_UNIT_CONTROLLER_PLACE_H
#define TESTS_UNIT_CONTROLLER_PLACE_H

#include "controller/io/api.h"
#include "controller/io/downlink.h"

enum { PLACE_A1, PLACE_B2, PLACE_W1, PLACE_MEMBERS };

struct place_member {
    const char *name;
    struct sign_key *agent, *guard; /* guard NULL: a witness */
    char cert_path[PATH_SIZE], key_path[PATH_SIZE];
};

struct place {
    char directory[64];
    char socket[PATH_SIZE];
    char ca_path[PATH_SIZE], cert_path[PATH_SIZE], key_path[PATH_SIZE];
    char operator_cert_path[PATH_SIZE], operator_key_path[PATH_SIZE];
    struct sign_key *ca, *approver;
    struct place_member members[PLACE_MEMBERS];
    struct config_role roles[1];
    struct desk desk;
    uv_loop_t loop;
    uv_timer_t beat; /* so that a turn of the loop never lasts long */
    struct inbox *inbox;
    struct outbox *outbox;
    struct fresh *fresh;
    struct lead *lead;
    struct downlink *downlink;
    struct http *http;
    struct api api;
};

/* Everything listens. cmocka assertions tell what went wrong. */
void place_open(struct place *place);
void place_close(struct place *place);

/* Turns the loop until condition(context) holds; fails after a deadline, naming what. */
typedef bool (*place_fn)(void *context);
void place_until(struct place *place, place_fn condition, void *context, const char *what);
void place_turn(struct place *place);

/* A valid manifest: ip_forward on a1 (stage 1) and b2, witnessed by the two others. */
void place_make_manifest(const struct place *place, const char *change, struct manifest *manifest);
/* The same, signed by the approver. */
struct wire_bytes place_sign_manifest(const struct place *place, const struct manifest *manifest,
                                      uint64_t sequence);
/* A stack with nothing on it, or with one generation of that attempt. */
struct wire_bytes place_make_stack(const struct place_member *member, const struct nonce *challenge,
                                   const struct attempt *attempt);

/* A rollout of a1 that has ended and is not led any more; its guard would be asked directly. Its
 * sequence is 100 + id. */
void place_add_standing(struct place *place, uint64_t id, enum target_says says);
/* a1's guard says that of these the rollouts 1 to newest stand there. */
void place_hear_of(struct place *place, uint64_t newest);

#endif
