/*
 * wire_reply: what the controller answers.
 */
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/io/wire_session.h"
#include "common/io/wire_values.h"

void session_reply_done(struct session_reply *reply)
{
    wire_bytes_done(&reply->guard);
    free(reply->checks);
    free(reply->watches);
    memset(reply, 0, sizeof(*reply));
}

/* ---- putting ----------------------------------------------------------------------------------
 */

static Oceanid__Welcome *put_welcome(struct arena *arena, const struct session_reply *from)
{
    Oceanid__Welcome *to = wire_new(arena, Oceanid__Welcome, oceanid__welcome__init);

    to->protocol = from->protocol;
    to->n_checks = from->checks_count;
    to->checks = wire_put_checks(arena, from->checks, from->checks_count);
    to->controller = wire_put_string(from->controller);
    to->audit_head = wire_put_bytes(from->audit_head.bytes, HASH_SIZE);
    return to;
}

static Oceanid__Witness *put_witness(struct arena *arena, const struct session_reply *from)
{
    Oceanid__Witness *to = wire_new(arena, Oceanid__Witness, oceanid__witness__init);

    to->subject = wire_put_string(from->subject);
    to->body = wire_put_bytes(from->body.bytes, HASH_SIZE);
    to->nonce = wire_put_bytes(from->nonce.bytes, NONCE_SIZE);
    to->phase = from->phase;
    to->ssh = wire_put_ssh(arena, &from->ssh);
    return to;
}

static Oceanid__Checks *put_checks(struct arena *arena, const struct session_reply *from)
{
    Oceanid__Checks *to = wire_new(arena, Oceanid__Checks, oceanid__checks__init);

    to->n_checks = from->checks_count;
    to->checks = wire_put_checks(arena, from->checks, from->checks_count);
    to->n_watch = from->watches_count;
    to->watch = wire_new_list(arena, Oceanid__Watch, oceanid__watch__init, from->watches_count);
    for (uint32_t i = 0; i < from->watches_count; i++) {
        to->watch[i]->node = wire_put_string(from->watches[i].node);
        to->watch[i]->ssh = wire_put_ssh(arena, &from->watches[i].ssh);
    }
    return to;
}

static Oceanid__Command *put_command(struct arena *arena, const struct session_reply *from)
{
    Oceanid__Command *to = wire_new(arena, Oceanid__Command, oceanid__command__init);

    to->id = from->id;
    switch (from->command) {
    case COMMAND_GUARD:
        to->kind_case = OCEANID__COMMAND__KIND_GUARD;
        to->guard =
            wire_put_nested(arena, &oceanid__guard_request__descriptor, wire_lend(&from->guard));
        break;
    case COMMAND_WITNESS:
        to->kind_case = OCEANID__COMMAND__KIND_WITNESS;
        to->witness = put_witness(arena, from);
        break;
    case COMMAND_SNAPSHOT:
        to->kind_case = OCEANID__COMMAND__KIND_SNAPSHOT;
        to->snapshot = wire_new(arena, Oceanid__SnapshotWanted, oceanid__snapshot_wanted__init);
        break;
    case COMMAND_CHECKS:
        to->kind_case = OCEANID__COMMAND__KIND_CHECKS;
        to->checks = put_checks(arena, from);
        break;
    case COMMAND_NOTHING:
    case COMMAND_KIND_COUNT:
        break;
    }
    return to;
}

static void put_reply(struct arena *arena, Oceanid__Reply *to, const struct session_reply *from)
{
    switch (from->kind) {
    case ANSWER_CHALLENGE:
        to->kind_case = OCEANID__REPLY__KIND_CHALLENGE;
        to->challenge = wire_new(arena, Oceanid__Challenge, oceanid__challenge__init);
        to->challenge->challenge = wire_put_bytes(from->challenge.bytes, NONCE_SIZE);
        break;
    case ANSWER_WELCOME:
        to->kind_case = OCEANID__REPLY__KIND_WELCOME;
        to->welcome = put_welcome(arena, from);
        break;
    case ANSWER_ACK:
        to->kind_case = OCEANID__REPLY__KIND_ACK;
        to->ack = wire_new(arena, Oceanid__Ack, oceanid__ack__init);
        to->ack->id = from->id;
        break;
    case ANSWER_COMMAND:
        to->kind_case = OCEANID__REPLY__KIND_COMMAND;
        to->command = put_command(arena, from);
        break;
    case ANSWER_DENY:
        to->kind_case = OCEANID__REPLY__KIND_DENY;
        to->deny = wire_new(arena, Oceanid__Deny, oceanid__deny__init);
        to->deny->reason = wire_put_text(arena, from->reason);
        to->deny->hello_again = from->hello_again;
        break;
    case SESSION_REPLY_COUNT:
        break;
    }
}

struct wire_bytes wire_encode_session_reply(const struct session_reply *reply)
{
    AUTO_ARENA struct arena arena;
    Oceanid__Reply to = OCEANID__REPLY__INIT;

    arena_init(&arena, SIZE_MAX);
    put_reply(&arena, &to, reply);
    return wire_pack(&to.base);
}

/* ---- taking -----------------------------------------------------------------------------------
 */

static bool take_welcome(struct session_reply *to, const Oceanid__Welcome *from, struct err *err)
{
    to->kind = ANSWER_WELCOME;
    to->protocol = from->protocol;
    return wire_take_checks(&to->checks, &to->checks_count, from->checks, from->n_checks, err) &&
           wire_take_name(to->controller, from->controller, "controller", err) &&
           wire_take_fixed(to->audit_head.bytes, HASH_SIZE, &from->audit_head, "audit's head", err);
}

static bool take_witness(struct session_reply *to, const Oceanid__Witness *from, struct err *err)
{
    to->command = COMMAND_WITNESS;
    to->phase = (enum phase)from->phase;
    return wire_take_name(to->subject, from->subject, "subject", err) &&
           wire_take_fixed(to->body.bytes, HASH_SIZE, &from->body, "body hash", err) &&
           wire_take_fixed(to->nonce.bytes, NONCE_SIZE, &from->nonce, "nonce", err) &&
           wire_take_range(from->phase, PHASE_COUNT - 1, "phase", err) &&
           wire_take_ssh(&to->ssh, from->ssh, err);
}

static bool take_checks(struct session_reply *to, const Oceanid__Checks *from, struct err *err)
{
    to->command = COMMAND_CHECKS;
    if (!wire_take_checks(&to->checks, &to->checks_count, from->checks, from->n_checks, err) ||
        !wire_take_count(from->n_watch, NODES_MAX, "nodes to watch", err))
        return false;
    to->watches = mem_alloc(from->n_watch, sizeof(*to->watches));
    to->watches_count = (uint32_t)from->n_watch;
    for (size_t i = 0; i < from->n_watch; i++) {
        if (!wire_take_name(to->watches[i].node, from->watch[i]->node, "node", err) ||
            !wire_take_ssh(&to->watches[i].ssh, from->watch[i]->ssh, err))
            return false;
    }
    return true;
}

static bool take_command(struct session_reply *to, const Oceanid__Command *from, struct err *err)
{
    to->kind = ANSWER_COMMAND;
    to->id = from->id;
    switch (from->kind_case) {
    case OCEANID__COMMAND__KIND_GUARD:
        to->command = COMMAND_GUARD;
        to->guard = wire_copy_message(&from->guard->base);
        return true;
    case OCEANID__COMMAND__KIND_WITNESS:
        return take_witness(to, from->witness, err);
    case OCEANID__COMMAND__KIND_SNAPSHOT:
        to->command = COMMAND_SNAPSHOT;
        return true;
    case OCEANID__COMMAND__KIND_CHECKS:
        return take_checks(to, from->checks, err);
    case OCEANID__COMMAND__KIND__NOT_SET:
        to->command = COMMAND_NOTHING;
        return from->id == 0 ||
               err_set(err, ERR_INPUT, "command %llu is of a kind that is not known",
                       (unsigned long long)from->id);
    case _OCEANID__COMMAND__KIND__CASE_IS_INT_SIZE:
    default:
        return err_set(err, ERR_INPUT, "a command is of a kind that is not known");
    }
}

static bool take_reply(struct session_reply *to, const Oceanid__Reply *from, struct err *err)
{
    switch (from->kind_case) {
    case OCEANID__REPLY__KIND_CHALLENGE:
        to->kind = ANSWER_CHALLENGE;
        return wire_take_fixed(to->challenge.bytes, NONCE_SIZE, &from->challenge->challenge,
                               "challenge", err);
    case OCEANID__REPLY__KIND_WELCOME:
        return take_welcome(to, from->welcome, err);
    case OCEANID__REPLY__KIND_ACK:
        to->kind = ANSWER_ACK;
        to->id = from->ack->id;
        return true;
    case OCEANID__REPLY__KIND_COMMAND:
        return take_command(to, from->command, err);
    case OCEANID__REPLY__KIND_DENY:
        to->kind = ANSWER_DENY;
        to->hello_again = from->deny->hello_again;
        return wire_take_line(to->reason, sizeof(to->reason), from->deny->reason, "reason", err);
    case OCEANID__REPLY__KIND__NOT_SET:
    case _OCEANID__REPLY__KIND__CASE_IS_INT_SIZE:
    default:
        return err_set(err, ERR_INPUT, "it is of a kind that is not known");
    }
}

bool wire_decode_session_reply(struct bytes from, struct session_reply *ret_reply, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    Oceanid__Reply *message =
        wire_unpack(&arena, &oceanid__reply__descriptor, from, COMMAND_SIZE_MAX, err);

    memset(ret_reply, 0, sizeof(*ret_reply));
    if (message != NULL && take_reply(ret_reply, message, err))
        return true;
    session_reply_done(ret_reply);
    return err_wrap(err, "reply");
}
