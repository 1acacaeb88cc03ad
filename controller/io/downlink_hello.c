/*
 * downlink_hello: a connection is bound to a name: challenge, signature, stack, welcome; and
 * whether it still is when the roster has changed.
 */
#include <stdlib.h>

#include "common/core/mem.h"
#include "common/core/name.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "controller/io/downlink_parts.h"

/* ---- first step ------------------------------------------------------------------------------
 */

static bool check_begin(const struct downlink *downlink, const struct pipe *pipe,
                        const struct session_request *asked, struct err *err)
{
    if (asked->protocol != WIRE_PROTOCOL)
        return err_set(err, ERR_INPUT, "protocol %u: accepted is %d", asked->protocol,
                       WIRE_PROTOCOL);
    if (!name_check("hello of", asked->name, err))
        return false;
    if (pipe->was_bound && !text_equal(pipe->name, asked->name))
        return err_set(err, ERR_DENIED, "%s on a connection that is bound to %s", asked->name,
                       pipe->name);
    if (roster_find(downlink->desk->roster, asked->name) == NULL)
        return err_set(err, ERR_DENIED,
                       "%s is not in roster version %llu; `oceanidctl node admit` puts it there",
                       asked->name, (unsigned long long)downlink->desk->roster->version);
    return true;
}

void downlink_hello_begin(struct downlink *downlink, struct pipe *pipe,
                          const struct session_request *asked, struct link_request *request)
{
    AUTO_FREE struct session_reply *reply = NULL;
    struct err err = ERR_INIT;

    if (!check_begin(downlink, pipe, asked, &err)) {
        downlink_refuse(downlink, name_valid(asked->name) ? asked->name : "", &err);
        downlink_deny(request, err.text, false);
        return;
    }
    reply = mem_alloc(1, sizeof(*reply));
    text_copy(pipe->name, sizeof(pipe->name), asked->name);
    clock_random(pipe->challenge.bytes, NONCE_SIZE);
    pipe->challenged_at = clock_now();
    reply->kind = ANSWER_CHALLENGE;
    reply->challenge = pipe->challenge;
    downlink_answer(request, reply);
}

/* ---- second step -----------------------------------------------------------------------------
 */

static bool check_signature(const struct roster_entry *entry, const struct session_request *asked,
                            struct err *err)
{
    AUTO_WIRE struct wire_bytes payload = wire_challenge_payload(&asked->challenge, asked->name);

    return sign_verify(&entry->agent_key, SIGN_CHALLENGE, wire_lend(&payload), &asked->signature) ||
           err_set(err, ERR_DENIED,
                   "%s: the challenge is not signed by its agent key of the roster", asked->name);
}

/* A challenge serves once, and only on the connection that it was given on. */
static bool check_hello(const struct downlink *downlink, struct pipe *pipe,
                        const struct session_request *asked, struct err *err)
{
    const struct roster_entry *entry = roster_find(downlink->desk->roster, asked->name);
    struct nonce challenge = pipe->challenge;

    pipe->challenge = (struct nonce){{0}};
    if (nonce_is_zero(&challenge) || !nonce_equal(&challenge, &asked->challenge))
        return err_set(err, ERR_DENIED, "a hello over a challenge that is not out here");
    if (!text_equal(pipe->name, asked->name))
        return err_set(err, ERR_DENIED, "a hello of %s over a challenge given to %s", asked->name,
                       pipe->name);
    if (entry == NULL)
        return err_set(err, ERR_DENIED, "%s is not in the roster any more", asked->name);
    return check_signature(entry, asked, err);
}

/* False: there is none, or it is no good; the session is good without it. */
static bool read_stack(struct downlink *downlink, const struct session_request *asked,
                       struct stack *ret_stack)
{
    const struct roster_entry *entry = roster_find(downlink->desk->roster, asked->name);
    struct bytes envelope = wire_lend(&asked->stack);
    struct err err = ERR_INIT;

    if (envelope.len == 0 || entry->witness_only)
        return false;
    if (wire_verify(envelope, SIGN_STACK, &entry->guard_key, &err) &&
        wire_decode_stack(envelope, ret_stack, &err)) {
        if (text_equal(ret_stack->node, asked->name) &&
            nonce_equal(&ret_stack->challenge, &asked->challenge))
            return true;
        err_set(&err, ERR_DENIED, "it is of %s, or over another challenge", ret_stack->node);
    }
    fleet_refuse_stack(fleet_find(&downlink->desk->fleet, asked->name), err.text);
    err_wrap(&err, "the stack of %s's guard", asked->name);
    downlink_refuse(downlink, asked->name, &err);
    return false;
}

static void welcome(struct downlink *downlink, const char *name, struct link_request *request)
{
    AUTO_FREE struct session_reply *reply = mem_alloc(1, sizeof(*reply));
    AUTO_FREE struct check *checks = NULL;
    size_t count;

    checks = desk_checks(downlink->desk, name, &count);
    reply->kind = ANSWER_WELCOME;
    reply->protocol = WIRE_PROTOCOL;
    reply->checks_count = (uint32_t)(count < CHECKS_MAX ? count : CHECKS_MAX);
    reply->checks = checks;
    reply->audit_head = downlink->desk->audit.hash;
    text_copy(reply->controller, sizeof(reply->controller), downlink->name);
    downlink_answer(request, reply);
}

/* Everybody looks at everybody's SSH at rest, himself left out. */
static uint32_t fill_watches(const struct downlink *downlink, const char *node,
                             struct watch *watches)
{
    const struct fleet_file *file = downlink->desk->file;
    uint32_t count = 0;

    for (uint32_t i = 0; i < file->nodes_count && count < NODES_MAX; i++) {
        const struct fleet_node *other = &file->nodes[i];

        if (text_equal(other->name, node) || !address_is_set(&other->ssh.address))
            continue;
        text_copy(watches[count].node, NAME_SIZE, other->name);
        watches[count++].ssh = other->ssh;
    }
    return count;
}

/* Checks and who is to be watched, as a command. */
static void put_checks(struct downlink *downlink, const char *node)
{
    AUTO_FREE struct session_reply *command = mem_alloc(1, sizeof(*command));
    AUTO_FREE struct watch *watches = mem_alloc(NODES_MAX, sizeof(*watches));
    size_t count;

    command->command = COMMAND_CHECKS;
    command->checks = desk_checks(downlink->desk, node, &count);
    command->checks_count = (uint32_t)(count < CHECKS_MAX ? count : CHECKS_MAX);
    command->watches_count = fill_watches(downlink, node, watches);
    command->watches = mem_copy(watches, command->watches_count * sizeof(*watches));
    outbox_put_take(downlink->outbox, node, command);
}

static void greet(struct downlink *downlink, struct pipe *pipe, const struct session_request *asked)
{
    struct desk *desk = downlink->desk;
    struct fleet_member *member = fleet_find(&desk->fleet, asked->name);
    struct err err = ERR_INIT;
    bool is_first = !member->connected;

    pipe->bound = pipe->was_bound = true;
    pipe->agent_key = roster_find(desk->roster, asked->name)->agent_key;
    pipe->over = false;
    downlink_prefer(downlink, pipe);
    downlink_trim(downlink, asked->name);
    pipe->extra = asked->extra;
    pipe->heard_at = clock_now();
    if (is_first)
        fleet_greet(member);
    if (!asked->extra)
        member->stack_is_of_session = false; /* until its guard's comes with it */
    text_copy(member->version, sizeof(member->version), asked->version);
    text_copy(member->boot_id, sizeof(member->boot_id), asked->boot_id);
    downlink_hear(member, pipe->heard_at);
    if (desk_begin(desk, STORE_REPORT) &&
        desk_kept(desk, store_put_node(desk->store, member, &err), &err))
        desk_commit(desk);
    if (is_first)
        outbox_clear(downlink->outbox, asked->name);
    else if (!asked->extra)
        outbox_send_again(downlink->outbox, asked->name);
    log_info("%s: connected%s, agent %s", asked->name, asked->extra ? " once more" : "",
             asked->version);
}

/* The nonce that waited for a connection dialled after it (docs/protocol.md rules 8 and 9). */
static void take_nonce(struct downlink *downlink, const struct session_request *asked)
{
    struct err err = ERR_INIT;

    if (asked->nonce.len > 0 &&
        !lead_take_nonce(downlink->lead, asked->name, wire_lend(&asked->nonce), &err)) {
        err_wrap(&err, "the nonce in %s's hello", asked->name);
        downlink_refuse(downlink, asked->name, &err);
    }
}

void downlink_hello(struct downlink *downlink, struct pipe *pipe,
                    const struct session_request *asked, struct link_request *request)
{
    AUTO_FREE struct stack *stack = NULL;
    struct err err = ERR_INIT;

    if (!check_hello(downlink, pipe, asked, &err)) {
        downlink_refuse(downlink, name_valid(asked->name) ? asked->name : "", &err);
        downlink_deny(request, err.text, false);
        return;
    }
    stack = mem_alloc(1, sizeof(*stack));
    greet(downlink, pipe, asked);
    welcome(downlink, asked->name, request);
    if (!asked->extra) {
        put_checks(downlink, asked->name);
        outbox_put_snapshot(downlink->outbox, asked->name);
        fresh_greeted(downlink->fresh, asked->name);
    }
    if (read_stack(downlink, asked, stack))
        lead_take_stack(downlink->lead, asked->name, stack, pipe->challenged_at);
    take_nonce(downlink, asked);
}

/* ---- another roster --------------------------------------------------------------------------
 */

/* With another key in the roster that name is another host, or the old key has leaked. */
const char *downlink_why_not_any_more(const struct downlink *downlink, const struct pipe *pipe)
{
    const struct roster_entry *entry = roster_find(downlink->desk->roster, pipe->name);

    if (entry == NULL)
        return "it is not in the roster any more";
    if (!key_equal(&entry->agent_key, &pipe->agent_key))
        return "its agent key in the roster is another now";
    return NULL;
}

void downlink_tell_checks(struct downlink *downlink)
{
    for (struct pipe *pipe = downlink->pipes; pipe != NULL; pipe = pipe->next) {
        const char *why = pipe->bound ? downlink_why_not_any_more(downlink, pipe) : NULL;

        if (why != NULL) {
            log_info("%s: %s: its session is over", pipe->name, why);
            downlink_end_session(downlink, pipe, why, true);
        } else if (pipe->bound)
            put_checks(downlink, pipe->name);
    }
}
