/*
 * wire_guard: what agent (or root) and guard say to each other; the controller's words to a guard
 * are the same messages, carried.
 */
#ifndef COMMON_IO_WIRE_GUARD_H
#define COMMON_IO_WIRE_GUARD_H

#include "common/change/rehearsal.h"
#include "common/io/wire.h"

enum guard_request_kind {
    GUARD_PREPARE,
    GUARD_START,
    GUARD_STATEMENT,
    GUARD_ABORT,
    GUARD_POP,
    GUARD_STACK,
    GUARD_STANDING,
    GUARD_ORDER,
    GUARD_SOURCE_SEEN,
    GUARD_FENCE,
    GUARD_REHEARSE,
    GUARD_REQUEST_COUNT,
};

/* Which fields a kind uses stands in proto/oceanid.proto. All bytes are owned (guard_request_done).
 */
struct guard_request {
    enum guard_request_kind kind;
    struct wire_bytes body;     /* prepare; rehearse: an encoded plan */
    struct wire_bytes envelope; /* approval, statement, order, or a fellow's receipt: Signed */
    struct generation_id id;    /* start, abort, pop; fence (zero: none is named) */
    struct nonce nonce;         /* stack nonce quoted, or of standing, source seen, rehearse */
    struct nonce challenge;     /* stack */
    bool hello;                 /* stack: of a hello, so that its ends are told as well */
    struct hash body_hash;      /* standing */
    char name[NAME_SIZE];       /* subject of standing, witness of source seen */
    bool counts;                /* source seen */
    bool emergency;
    char reason[REASON_SIZE];
    uint32_t statements_count; /* start */
    struct wire_bytes *statements;
};
void guard_request_done(struct guard_request *request);
const char *guard_request_kind_name(enum guard_request_kind kind);
struct wire_bytes wire_encode_guard_request(const struct guard_request *request);
bool wire_decode_guard_request(struct bytes from, struct guard_request *ret_request,
                               struct err *err);

enum guard_report_kind {
    REPORT_PREPARED,
    REPORT_NONCE,
    REPORT_RECEIPT,
    REPORT_REFUSED,
    REPORT_STACK,
    REPORT_STATEMENT,
    REPORT_PROGRESS,
    REPORT_REHEARSAL,
    REPORT_DRIFT, /* for the agent alone */
    GUARD_REPORT_COUNT,
};
struct guard_report {
    enum guard_report_kind kind;
    struct generation_id id; /* prepared, nonce, progress; refused: attempt only */
    struct nonce nonce;      /* nonce; rehearsal: of the question */
    uint32_t number;
    bool fresh_connection, last, expired, lasting;
    unsigned soak_left_s;
    struct wire_bytes envelope; /* receipt, stack, statement: Signed */
    char state[24];
    char sentence[SENTENCE_SIZE];
    char reason[REASON_SIZE];
    uint32_t lines_count; /* prepared: the undo; progress: open items; drift; owned */
    char (*lines)[SENTENCE_SIZE];
    struct rehearsal *rehearsal; /* prepared, rehearsal; owned; NULL: the guard does not say */
};
void guard_report_done(struct guard_report *report);
struct wire_bytes wire_encode_guard_report(const struct guard_report *report);
bool wire_decode_guard_report(struct bytes from, struct guard_report *ret_report, struct err *err);

#endif
