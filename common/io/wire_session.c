/*
 * wire_session: what an agent asks and tells.
 */
#include "common/io/wire_session.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/io/wire_values.h"

void session_request_done(struct session_request *request)
{
    wire_bytes_done(&request->stack);
    wire_bytes_done(&request->nonce);
    wire_bytes_done(&request->statement);
    for (uint32_t i = 0; i < request->guard_count; i++)
        wire_bytes_done(&request->guard[i]);
    free(request->guard);
    free(request->drift);
    if (request->has_snapshot)
        snapshot_done(&request->snapshot);
    memset(request, 0, sizeof(*request));
}

struct wire_bytes wire_challenge_payload(const struct nonce *challenge, const char *name)
{
    struct wire_bytes payload = {NULL, NONCE_SIZE + strlen(name)};

    payload.data = mem_alloc(1, payload.len);
    memcpy(payload.data, challenge->bytes, NONCE_SIZE);
    memcpy(payload.data + NONCE_SIZE, name, strlen(name));
    return payload;
}

/* ---- putting ----------------------------------------------------------------------------------
 */

static Oceanid__HelloBegin *put_begin(struct arena *arena, const struct session_request *from)
{
    Oceanid__HelloBegin *to = wire_new(arena, Oceanid__HelloBegin, oceanid__hello_begin__init);

    to->protocol = from->protocol;
    to->name = wire_put_string(from->name);
    return to;
}

static Oceanid__Hello *put_hello(struct arena *arena, const struct session_request *from)
{
    Oceanid__Hello *to = wire_new(arena, Oceanid__Hello, oceanid__hello__init);

    to->name = wire_put_string(from->name);
    to->challenge = wire_put_bytes(from->challenge.bytes, NONCE_SIZE);
    to->signature = wire_put_bytes(from->signature.bytes, from->signature.len);
    to->stack = wire_put_signed(arena, wire_lend(&from->stack));
    to->nonce = wire_put_nested(arena, &oceanid__guard_report__descriptor, wire_lend(&from->nonce));
    to->version = wire_put_text(arena, from->version);
    to->boot_id = wire_put_text(arena, from->boot_id);
    to->witness_only = from->witness_only;
    to->extra = from->extra;
    return to;
}

static void put_guard_reports(struct arena *arena, Oceanid__Report *to,
                              const struct session_request *from)
{
    to->guard = arena_alloc(arena, from->guard_count, sizeof(*to->guard));
    for (uint32_t i = 0; i < from->guard_count; i++) {
        Oceanid__GuardReport *report =
            wire_put_nested(arena, &oceanid__guard_report__descriptor, wire_lend(&from->guard[i]));

        if (report != NULL)
            to->guard[to->n_guard++] = report;
    }
}

static void put_sources(struct arena *arena, Oceanid__Report *to,
                        const struct session_request *from)
{
    to->n_sources = from->sources_count;
    to->sources =
        wire_new_list(arena, Oceanid__SourceSeen, oceanid__source_seen__init, from->sources_count);
    for (uint32_t i = 0; i < from->sources_count; i++) {
        to->sources[i]->nonce = wire_put_bytes(from->sources[i].nonce.bytes, NONCE_SIZE);
        to->sources[i]->witness = wire_put_string(from->sources[i].witness);
        to->sources[i]->counts = from->sources[i].counts;
        to->sources[i]->why = wire_put_text(arena, from->sources[i].why);
    }
}

static Oceanid__Report *put_report(struct arena *arena, const struct session_request *from)
{
    Oceanid__Report *to = wire_new(arena, Oceanid__Report, oceanid__report__init);

    to->id = from->id;
    to->n_verdicts = from->verdicts_count;
    to->verdicts = wire_put_verdicts(arena, from->verdicts, from->verdicts_count);
    to->full = from->full;
    if (from->has_snapshot)
        to->snapshot = wire_put_snapshot(arena, &from->snapshot, false);
    to->answers = from->answers;
    put_guard_reports(arena, to, from);
    to->statement = wire_put_signed(arena, wire_lend(&from->statement));
    to->n_drift = from->drift_count;
    to->drift = wire_put_rows(arena, from->drift != NULL ? from->drift[0] : NULL, SENTENCE_SIZE,
                              from->drift_count);
    to->event_at_us = from->event_at_us;
    put_sources(arena, to, from);
    return to;
}

static void put_request(struct arena *arena, Oceanid__Request *to,
                        const struct session_request *from)
{
    switch (from->kind) {
    case ASK_HELLO_BEGIN:
        to->kind_case = OCEANID__REQUEST__KIND_HELLO_BEGIN;
        to->hello_begin = put_begin(arena, from);
        break;
    case ASK_HELLO:
        to->kind_case = OCEANID__REQUEST__KIND_HELLO;
        to->hello = put_hello(arena, from);
        break;
    case ASK_REPORT:
        to->kind_case = OCEANID__REQUEST__KIND_REPORT;
        to->report = put_report(arena, from);
        break;
    case ASK_POLL:
        to->kind_case = OCEANID__REQUEST__KIND_POLL;
        to->poll = wire_new(arena, Oceanid__Poll, oceanid__poll__init);
        to->poll->acknowledged = from->id;
        break;
    case SESSION_REQUEST_COUNT:
        break;
    }
}

struct wire_bytes wire_encode_session_request(const struct session_request *request)
{
    AUTO_ARENA struct arena arena;
    Oceanid__Request to = OCEANID__REQUEST__INIT;

    arena_init(&arena, SIZE_MAX);
    put_request(&arena, &to, request);
    return wire_pack(&to.base);
}

/* ---- taking -----------------------------------------------------------------------------------
 */

static bool take_begin(struct session_request *to, const Oceanid__HelloBegin *from, struct err *err)
{
    to->kind = ASK_HELLO_BEGIN;
    to->protocol = from->protocol;
    return wire_take_name(to->name, from->name, "node", err);
}

static bool take_hello(struct session_request *to, const Oceanid__Hello *from, struct err *err)
{
    to->kind = ASK_HELLO;
    to->witness_only = from->witness_only;
    to->extra = from->extra;
    if (!wire_take_name(to->name, from->name, "node", err) ||
        !wire_take_fixed(to->challenge.bytes, NONCE_SIZE, &from->challenge, "challenge", err) ||
        !wire_take_signature(&to->signature, &from->signature, err) ||
        !wire_take_line(to->version, sizeof(to->version), from->version, "version", err) ||
        !wire_take_line(to->boot_id, sizeof(to->boot_id), from->boot_id, "boot id", err))
        return false;
    if (from->nonce != NULL)
        to->nonce = wire_copy_message(&from->nonce->base);
    return from->stack == NULL || wire_take_signed(&to->stack, from->stack, "stack", err);
}

static bool take_guard_reports(struct session_request *to, const Oceanid__Report *from,
                               struct err *err)
{
    if (!wire_take_count(from->n_guard, SESSION_GUARD_MAX, "reports of the guard", err))
        return false;
    to->guard_count = (uint32_t)from->n_guard;
    to->guard = mem_alloc(from->n_guard, sizeof(*to->guard));
    for (size_t i = 0; i < from->n_guard; i++)
        to->guard[i] = wire_copy_message(&from->guard[i]->base);
    return true;
}

static bool take_drift(struct session_request *to, const Oceanid__Report *from, struct err *err)
{
    struct wire_rows lines = {NULL, SENTENCE_SIZE, SESSION_DRIFT_MAX, "line of drift", false};

    if (!wire_take_count(from->n_drift, SESSION_DRIFT_MAX, "lines of drift", err))
        return false;
    to->drift = mem_alloc(from->n_drift, sizeof(*to->drift));
    lines.first = to->drift[0];
    return wire_take_rows(&lines, &to->drift_count, from->drift, from->n_drift, err);
}

static bool take_sources(struct session_request *to, const Oceanid__Report *from, struct err *err)
{
    if (!wire_take_count(from->n_sources, SESSION_SOURCES_MAX, "sources", err))
        return false;
    for (size_t i = 0; i < from->n_sources; i++) {
        const Oceanid__SourceSeen *seen = from->sources[i];
        struct source_seen *source = &to->sources[i];

        source->counts = seen->counts;
        if (!wire_take_fixed(source->nonce.bytes, NONCE_SIZE, &seen->nonce, "nonce", err) ||
            !wire_take_name(source->witness, seen->witness, "witness", err) ||
            !wire_take_line(source->why, sizeof(source->why), seen->why, "why", err))
            return false;
    }
    to->sources_count = (uint32_t)from->n_sources;
    return true;
}

static bool take_report(struct session_request *to, const Oceanid__Report *from, struct err *err)
{
    to->kind = ASK_REPORT;
    to->id = from->id;
    to->full = from->full;
    to->answers = from->answers;
    to->event_at_us = from->event_at_us;
    if (!wire_take_verdicts(to->verdicts, &to->verdicts_count, from->verdicts, from->n_verdicts,
                            err) ||
        !take_guard_reports(to, from, err) || !take_drift(to, from, err) ||
        !take_sources(to, from, err))
        return false;
    if (from->statement != NULL &&
        !wire_take_signed(&to->statement, from->statement, "statement", err))
        return false;
    to->has_snapshot =
        from->snapshot != NULL && wire_take_snapshot(&to->snapshot, from->snapshot, false, err);
    return to->has_snapshot == (from->snapshot != NULL);
}

static bool take_request(struct session_request *to, const Oceanid__Request *from, struct err *err)
{
    switch (from->kind_case) {
    case OCEANID__REQUEST__KIND_HELLO_BEGIN:
        return take_begin(to, from->hello_begin, err);
    case OCEANID__REQUEST__KIND_HELLO:
        return take_hello(to, from->hello, err);
    case OCEANID__REQUEST__KIND_REPORT:
        return take_report(to, from->report, err);
    case OCEANID__REQUEST__KIND_POLL:
        to->kind = ASK_POLL;
        to->id = from->poll->acknowledged;
        return true;
    case OCEANID__REQUEST__KIND__NOT_SET:
    case _OCEANID__REQUEST__KIND__CASE_IS_INT_SIZE:
    default:
        return err_set(err, ERR_INPUT, "it is of a kind that is not known");
    }
}

bool wire_decode_session_request(struct bytes from, struct session_request *ret_request,
                                 struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    Oceanid__Request *message =
        wire_unpack(&arena, &oceanid__request__descriptor, from, FRAME_SIZE_MAX, err);

    memset(ret_request, 0, sizeof(*ret_request));
    if (message != NULL && take_request(ret_request, message, err))
        return true;
    session_request_done(ret_request);
    return err_wrap(err, "request");
}
