/*
 * wire_guard: what is asked of a guard.
 */
#include "common/io/wire_guard.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/io/wire_parts.h"

static const char *const kind_names[] = {
    [GUARD_PREPARE] = "prepare",
    [GUARD_START] = "start",
    [GUARD_STATEMENT] = "statement",
    [GUARD_ABORT] = "abort",
    [GUARD_POP] = "pop",
    [GUARD_STACK] = "stack",
    [GUARD_STANDING] = "standing",
    [GUARD_ORDER] = "order",
    [GUARD_SOURCE_SEEN] = "source seen",
    [GUARD_FENCE] = "fence",
    [GUARD_REHEARSE] = "rehearse",
};
_Static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == GUARD_REQUEST_COUNT, "one name each");

const char *guard_request_kind_name(enum guard_request_kind kind)
{
    return kind < GUARD_REQUEST_COUNT ? kind_names[kind] : "unknown";
}

void guard_request_done(struct guard_request *request)
{
    wire_bytes_done(&request->body);
    wire_bytes_done(&request->envelope);
    for (uint32_t i = 0; i < request->statements_count; i++)
        wire_bytes_done(&request->statements[i]);
    free(request->statements);
    memset(request, 0, sizeof(*request));
}

/* ---- putting ----------------------------------------------------------------------------------
 */

static Oceanid__Prepare *put_prepare(struct arena *arena, const struct guard_request *from)
{
    Oceanid__Prepare *to = wire_new(arena, Oceanid__Prepare, oceanid__prepare__init);

    to->body = wire_put_bytes(from->body.data, from->body.len);
    to->approval = wire_put_signed(arena, wire_lend(&from->envelope));
    return to;
}

static Oceanid__Start *put_start(struct arena *arena, const struct guard_request *from)
{
    Oceanid__Start *to = wire_new(arena, Oceanid__Start, oceanid__start__init);

    to->id = wire_put_generation_id(arena, &from->id);
    to->statements = arena_alloc(arena, from->statements_count, sizeof(*to->statements));
    for (uint32_t i = 0; i < from->statements_count; i++) {
        Oceanid__Signed *statement = wire_put_signed(arena, wire_lend(&from->statements[i]));

        if (statement != NULL)
            to->statements[to->n_statements++] = statement;
    }
    return to;
}

static Oceanid__End *put_end(struct arena *arena, const struct guard_request *from)
{
    Oceanid__End *to = wire_new(arena, Oceanid__End, oceanid__end__init);

    to->id = wire_put_generation_id(arena, &from->id);
    to->stack_nonce = wire_put_bytes(from->nonce.bytes, NONCE_SIZE);
    to->reason = wire_put_text(arena, from->reason);
    to->emergency = from->emergency;
    to->fellow_receipt = wire_put_signed(arena, wire_lend(&from->envelope));
    return to;
}

static Oceanid__Challenge *put_challenge(struct arena *arena, const struct guard_request *from)
{
    Oceanid__Challenge *to = wire_new(arena, Oceanid__Challenge, oceanid__challenge__init);

    to->challenge = wire_put_bytes(from->challenge.bytes, NONCE_SIZE);
    to->hello = from->hello;
    return to;
}

static Oceanid__Standing *put_standing(struct arena *arena, const struct guard_request *from)
{
    Oceanid__Standing *to = wire_new(arena, Oceanid__Standing, oceanid__standing__init);

    to->nonce = wire_put_bytes(from->nonce.bytes, NONCE_SIZE);
    to->body = wire_put_bytes(from->body_hash.bytes, HASH_SIZE);
    to->subject = wire_put_string(from->name);
    return to;
}

static Oceanid__SourceSeen *put_source(struct arena *arena, const struct guard_request *from)
{
    Oceanid__SourceSeen *to = wire_new(arena, Oceanid__SourceSeen, oceanid__source_seen__init);

    to->nonce = wire_put_bytes(from->nonce.bytes, NONCE_SIZE);
    to->witness = wire_put_string(from->name);
    to->counts = from->counts;
    to->why = wire_put_text(arena, from->reason);
    return to;
}

static Oceanid__RehearsalWanted *put_rehearse(struct arena *arena, const struct guard_request *from)
{
    Oceanid__RehearsalWanted *to =
        wire_new(arena, Oceanid__RehearsalWanted, oceanid__rehearsal_wanted__init);

    to->nonce = wire_put_bytes(from->nonce.bytes, NONCE_SIZE);
    to->plan = wire_put_nested(arena, &oceanid__plan__descriptor, wire_lend(&from->body));
    return to;
}

static void put_request(struct arena *arena, Oceanid__GuardRequest *to,
                        const struct guard_request *from)
{
    switch (from->kind) {
    case GUARD_PREPARE:
        to->kind_case = OCEANID__GUARD_REQUEST__KIND_PREPARE;
        to->prepare = put_prepare(arena, from);
        break;
    case GUARD_START:
        to->kind_case = OCEANID__GUARD_REQUEST__KIND_START;
        to->start = put_start(arena, from);
        break;
    case GUARD_STATEMENT:
        to->kind_case = OCEANID__GUARD_REQUEST__KIND_STATEMENT;
        to->statement = wire_put_signed(arena, wire_lend(&from->envelope));
        break;
    case GUARD_ABORT:
        to->kind_case = OCEANID__GUARD_REQUEST__KIND_ABORT;
        to->abort = put_end(arena, from);
        break;
    case GUARD_POP:
        to->kind_case = OCEANID__GUARD_REQUEST__KIND_POP;
        to->pop = put_end(arena, from);
        break;
    case GUARD_STACK:
        to->kind_case = OCEANID__GUARD_REQUEST__KIND_STACK;
        to->stack = put_challenge(arena, from);
        break;
    case GUARD_STANDING:
        to->kind_case = OCEANID__GUARD_REQUEST__KIND_STANDING;
        to->standing = put_standing(arena, from);
        break;
    case GUARD_ORDER:
        to->kind_case = OCEANID__GUARD_REQUEST__KIND_ORDER;
        to->order = wire_put_signed(arena, wire_lend(&from->envelope));
        break;
    case GUARD_SOURCE_SEEN:
        to->kind_case = OCEANID__GUARD_REQUEST__KIND_SOURCE_SEEN;
        to->source_seen = put_source(arena, from);
        break;
    case GUARD_FENCE:
        to->kind_case = OCEANID__GUARD_REQUEST__KIND_FENCE;
        to->fence = wire_new(arena, Oceanid__Fence, oceanid__fence__init);
        if (!nonce_is_zero(&from->id.start))
            to->fence->named = wire_put_generation_id(arena, &from->id);
        break;
    case GUARD_REHEARSE:
        to->kind_case = OCEANID__GUARD_REQUEST__KIND_REHEARSAL;
        to->rehearsal = put_rehearse(arena, from);
        break;
    case GUARD_REQUEST_COUNT:
        break;
    }
}

struct wire_bytes wire_encode_guard_request(const struct guard_request *request)
{
    AUTO_ARENA struct arena arena;
    Oceanid__GuardRequest to = OCEANID__GUARD_REQUEST__INIT;

    arena_init(&arena, SIZE_MAX);
    put_request(&arena, &to, request);
    return wire_pack(&to.base);
}

/* ---- taking -----------------------------------------------------------------------------------
 */

static bool take_prepare(struct guard_request *to, const Oceanid__Prepare *from, struct err *err)
{
    to->kind = GUARD_PREPARE;
    if (from->body.len == 0 || from->body.len > MANIFEST_SIZE_MAX)
        return err_set(err, ERR_LIMIT, "manifest of %zu bytes: accepted are 1 to %u",
                       from->body.len, MANIFEST_SIZE_MAX);
    to->body = wire_copy(&from->body);
    return wire_take_signed(&to->envelope, from->approval, "approval", err);
}

static bool take_start(struct guard_request *to, const Oceanid__Start *from, struct err *err)
{
    to->kind = GUARD_START;
    if (!wire_take_generation_id(&to->id, from->id, err) ||
        !wire_take_count(from->n_statements, STATEMENTS_MAX, "statements", err))
        return false;
    to->statements = mem_alloc(from->n_statements, sizeof(*to->statements));
    to->statements_count = (uint32_t)from->n_statements;
    for (size_t i = 0; i < from->n_statements; i++) {
        if (!wire_take_signed(&to->statements[i], from->statements[i], "statement", err))
            return false;
    }
    return true;
}

static bool take_end(struct guard_request *to, enum guard_request_kind kind,
                     const Oceanid__End *from, struct err *err)
{
    to->kind = kind;
    to->emergency = from->emergency;
    if (!wire_take_generation_id(&to->id, from->id, err) ||
        !wire_take_fixed(to->nonce.bytes, NONCE_SIZE, &from->stack_nonce, "stack nonce", err) ||
        !wire_take_line(to->reason, sizeof(to->reason), from->reason, "reason", err))
        return false;
    return from->fellow_receipt == NULL ||
           wire_take_signed(&to->envelope, from->fellow_receipt, "fellow's receipt", err);
}

static bool take_challenge(struct guard_request *to, const Oceanid__Challenge *from,
                           struct err *err)
{
    to->kind = GUARD_STACK;
    to->hello = from->hello;
    return wire_take_fixed(to->challenge.bytes, NONCE_SIZE, &from->challenge, "challenge", err);
}

static bool take_standing(struct guard_request *to, const Oceanid__Standing *from, struct err *err)
{
    to->kind = GUARD_STANDING;
    return wire_take_fixed(to->nonce.bytes, NONCE_SIZE, &from->nonce, "nonce", err) &&
           wire_take_fixed(to->body_hash.bytes, HASH_SIZE, &from->body, "body hash", err) &&
           wire_take_name(to->name, from->subject, "subject", err);
}

static bool take_source(struct guard_request *to, const Oceanid__SourceSeen *from, struct err *err)
{
    to->kind = GUARD_SOURCE_SEEN;
    to->counts = from->counts;
    return wire_take_fixed(to->nonce.bytes, NONCE_SIZE, &from->nonce, "nonce", err) &&
           wire_take_name(to->name, from->witness, "witness", err) &&
           wire_take_line(to->reason, sizeof(to->reason), from->why, "why", err);
}

static bool take_rehearse(struct guard_request *to, const Oceanid__RehearsalWanted *from,
                          struct err *err)
{
    to->kind = GUARD_REHEARSE;
    if (from->plan == NULL)
        return err_set(err, ERR_INPUT, "what is to be rehearsed: its plan is missing");
    to->body = wire_copy_message(&from->plan->base);
    return wire_take_fixed(to->nonce.bytes, NONCE_SIZE, &from->nonce, "nonce", err);
}

static bool take_request(struct guard_request *to, const Oceanid__GuardRequest *from,
                         struct err *err)
{
    switch (from->kind_case) {
    case OCEANID__GUARD_REQUEST__KIND_PREPARE:
        return take_prepare(to, from->prepare, err);
    case OCEANID__GUARD_REQUEST__KIND_START:
        return take_start(to, from->start, err);
    case OCEANID__GUARD_REQUEST__KIND_STATEMENT:
        to->kind = GUARD_STATEMENT;
        return wire_take_signed(&to->envelope, from->statement, "statement", err);
    case OCEANID__GUARD_REQUEST__KIND_ABORT:
        return take_end(to, GUARD_ABORT, from->abort, err);
    case OCEANID__GUARD_REQUEST__KIND_POP:
        return take_end(to, GUARD_POP, from->pop, err);
    case OCEANID__GUARD_REQUEST__KIND_STACK:
        return take_challenge(to, from->stack, err);
    case OCEANID__GUARD_REQUEST__KIND_STANDING:
        return take_standing(to, from->standing, err);
    case OCEANID__GUARD_REQUEST__KIND_ORDER:
        to->kind = GUARD_ORDER;
        return wire_take_signed(&to->envelope, from->order, "order", err);
    case OCEANID__GUARD_REQUEST__KIND_SOURCE_SEEN:
        return take_source(to, from->source_seen, err);
    case OCEANID__GUARD_REQUEST__KIND_FENCE:
        to->kind = GUARD_FENCE;
        return from->fence->named == NULL ||
               wire_take_generation_id(&to->id, from->fence->named, err);
    case OCEANID__GUARD_REQUEST__KIND_REHEARSAL:
        return take_rehearse(to, from->rehearsal, err);
    case OCEANID__GUARD_REQUEST__KIND__NOT_SET:
    case _OCEANID__GUARD_REQUEST__KIND__CASE_IS_INT_SIZE:
    default:
        return err_set(err, ERR_INPUT, "it is of a kind that is not known");
    }
}

bool wire_decode_guard_request(struct bytes from, struct guard_request *ret_request,
                               struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    Oceanid__GuardRequest *message =
        wire_unpack(&arena, &oceanid__guard_request__descriptor, from, COMMAND_SIZE_MAX, err);

    memset(ret_request, 0, sizeof(*ret_request));
    if (message != NULL && take_request(ret_request, message, err))
        return true;
    guard_request_done(ret_request);
    return err_wrap(err, "request to the guard");
}
