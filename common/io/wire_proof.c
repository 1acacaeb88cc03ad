/*
 * wire_proof: what the sides sign: statement, receipt, stack, roster, order.
 */
#include <string.h>

#include "common/core/text.h"
#include "common/io/wire_envelope.h"
#include "common/io/wire_values.h"

/* ---- statement --------------------------------------------------------------------------------
 */

struct wire_bytes wire_encode_statement(const struct statement *statement,
                                        const struct sign_key *key)
{
    AUTO_ARENA struct arena arena;
    Oceanid__Statement to = OCEANID__STATEMENT__INIT;

    arena_init(&arena, SIZE_MAX);
    to.signer = wire_put_string(statement->signer);
    to.subject = wire_put_string(statement->subject);
    to.body = wire_put_bytes(statement->body.bytes, HASH_SIZE);
    to.nonce = wire_put_bytes(statement->nonce.bytes, NONCE_SIZE);
    to.phase = statement->phase;
    to.soak_s = statement->soak_s;
    to.own_failing = statement->own_failing;
    to.source = wire_put_address(&statement->source);
    to.source_port = statement->source_port;
    to.n_verdicts = statement->verdicts_count;
    to.verdicts = wire_put_verdicts(&arena, statement->verdicts, statement->verdicts_count);
    return wire_seal(&to.base, SIGN_STATEMENT, key);
}

static bool take_statement(struct statement *to, const Oceanid__Statement *from, struct err *err)
{
    if (!wire_take_name(to->signer, from->signer, "signer", err) ||
        !wire_take_name(to->subject, from->subject, "subject", err) ||
        !wire_take_fixed(to->body.bytes, HASH_SIZE, &from->body, "body hash", err) ||
        !wire_take_fixed(to->nonce.bytes, NONCE_SIZE, &from->nonce, "nonce", err) ||
        !wire_take_range(from->phase, PHASE_COUNT - 1, "phase", err))
        return false;
    to->phase = (enum phase)from->phase;
    to->soak_s = from->soak_s;
    to->own_failing = from->own_failing;
    return wire_take_address(&to->source, &from->source, err) &&
           wire_take_u16(&to->source_port, from->source_port, "source port", err) &&
           wire_take_verdicts(to->verdicts, &to->verdicts_count, from->verdicts, from->n_verdicts,
                              err);
}

bool wire_decode_statement(struct bytes from, struct statement *ret_statement, struct err *err)
{
    AUTO_OPENED struct opened opened = {0};

    memset(ret_statement, 0, sizeof(*ret_statement));
    return (wire_open(&opened, &oceanid__statement__descriptor, from, err) &&
            take_statement(ret_statement, opened.payload, err)) ||
           err_wrap(err, "statement");
}

/* ---- receipt ----------------------------------------------------------------------------------
 */

enum {
    OBJECT_SIZE = sizeof(((struct receipt *)0)->objects[0]),
    OBJECTS_MAX = sizeof(((struct receipt *)0)->objects) / OBJECT_SIZE,
};

struct wire_bytes wire_encode_receipt(const struct receipt *receipt, const struct sign_key *key)
{
    AUTO_ARENA struct arena arena;
    Oceanid__Receipt to = OCEANID__RECEIPT__INIT;

    arena_init(&arena, SIZE_MAX);
    to.node = wire_put_string(receipt->node);
    to.generation = wire_put_generation_id(&arena, &receipt->generation);
    to.kind = receipt->kind;
    to.cause = receipt->cause;
    to.index = receipt->index;
    to.soak_s = receipt->soak_s;
    to.at = receipt->at;
    to.reason = wire_put_text(&arena, receipt->reason);
    to.n_objects = receipt->objects_count;
    to.objects = wire_put_rows(&arena, receipt->objects[0], OBJECT_SIZE, receipt->objects_count);
    return wire_seal(&to.base, SIGN_RECEIPT, key);
}

static bool take_receipt(struct receipt *to, const Oceanid__Receipt *from, struct err *err)
{
    struct wire_rows objects = {to->objects[0], OBJECT_SIZE, OBJECTS_MAX, "object", false};

    if (!wire_take_name(to->node, from->node, "node", err) ||
        !wire_take_generation_id(&to->generation, from->generation, err) ||
        !wire_take_range(from->kind, RECEIPT_KIND_COUNT - 1, "kind of receipt", err) ||
        !wire_take_range(from->cause, CAUSE_COUNT - 1, "cause", err))
        return false;
    to->kind = (enum receipt_kind)from->kind;
    to->cause = (enum end_cause)from->cause;
    to->index = from->index;
    to->soak_s = from->soak_s;
    to->at = from->at;
    return wire_take_line(to->reason, sizeof(to->reason), from->reason, "reason", err) &&
           wire_take_rows(&objects, &to->objects_count, from->objects, from->n_objects, err);
}

bool wire_decode_receipt(struct bytes from, struct receipt *ret_receipt, struct err *err)
{
    AUTO_OPENED struct opened opened = {0};

    memset(ret_receipt, 0, sizeof(*ret_receipt));
    return (wire_open(&opened, &oceanid__receipt__descriptor, from, err) &&
            take_receipt(ret_receipt, opened.payload, err)) ||
           err_wrap(err, "receipt");
}

/* ---- stack ------------------------------------------------------------------------------------
 */

static void put_generations(struct arena *arena, Oceanid__Stack *to, const struct stack *from)
{
    to->n_generations = from->generations_count;
    to->generations = wire_new_list(arena, Oceanid__Generation, oceanid__generation__init,
                                    from->generations_count);
    for (uint32_t i = 0; i < from->generations_count; i++) {
        to->generations[i]->id = wire_put_generation_id(arena, &from->generations[i].id);
        to->generations[i]->soak_s = from->generations[i].soak_s;
        to->generations[i]->change = wire_put_string(from->generations[i].change);
        to->generations[i]->in_doubt = from->generations[i].in_doubt;
    }
}

struct wire_bytes wire_encode_stack(const struct stack *stack, const struct sign_key *key)
{
    AUTO_ARENA struct arena arena;
    Oceanid__Stack to = OCEANID__STACK__INIT;

    arena_init(&arena, SIZE_MAX);
    to.node = wire_put_string(stack->node);
    to.nonce = wire_put_bytes(stack->nonce.bytes, NONCE_SIZE);
    to.challenge = wire_put_bytes(stack->challenge.bytes, NONCE_SIZE);
    to.receipt_index = stack->receipt_index;
    to.trial_open = stack->trial_open;
    if (stack->trial_open)
        to.trial = wire_put_generation_id(&arena, &stack->trial);
    to.trial_state = wire_put_text(&arena, stack->trial_state);
    put_generations(&arena, &to, stack);
    return wire_seal(&to.base, SIGN_STACK, key);
}

static bool take_generations(struct stack *to, const Oceanid__Stack *from, struct err *err)
{
    if (!wire_take_count(from->n_generations, GENERATIONS_MAX, "generations", err))
        return false;
    for (size_t i = 0; i < from->n_generations; i++) {
        struct generation *generation = &to->generations[i];

        generation->soak_s = from->generations[i]->soak_s;
        generation->in_doubt = from->generations[i]->in_doubt;
        if (!wire_take_generation_id(&generation->id, from->generations[i]->id, err) ||
            !wire_take_name(generation->change, from->generations[i]->change, "change", err))
            return false;
    }
    to->generations_count = (uint32_t)from->n_generations;
    return true;
}

static bool take_stack(struct stack *to, const Oceanid__Stack *from, struct err *err)
{
    to->receipt_index = from->receipt_index;
    to->trial_open = from->trial_open;
    return wire_take_name(to->node, from->node, "node", err) &&
           wire_take_fixed(to->nonce.bytes, NONCE_SIZE, &from->nonce, "nonce", err) &&
           wire_take_fixed(to->challenge.bytes, NONCE_SIZE, &from->challenge, "challenge", err) &&
           (!to->trial_open || wire_take_generation_id(&to->trial, from->trial, err)) &&
           wire_take_line(to->trial_state, sizeof(to->trial_state), from->trial_state,
                          "state of the trial", err) &&
           take_generations(to, from, err);
}

bool wire_decode_stack(struct bytes from, struct stack *ret_stack, struct err *err)
{
    AUTO_OPENED struct opened opened = {0};

    memset(ret_stack, 0, sizeof(*ret_stack));
    return (wire_open(&opened, &oceanid__stack__descriptor, from, err) &&
            take_stack(ret_stack, opened.payload, err)) ||
           err_wrap(err, "stack");
}

/* ---- roster -----------------------------------------------------------------------------------
 */

static void put_maintenance(struct arena *arena, Oceanid__Roster *to, const struct roster *from)
{
    to->n_maintenance = from->maintenance_count;
    to->maintenance = wire_new_list(arena, Oceanid__Maintenance, oceanid__maintenance__init,
                                    from->maintenance_count);
    for (uint32_t i = 0; i < from->maintenance_count; i++) {
        to->maintenance[i]->node = wire_put_text(arena, from->maintenance[i].node);
        to->maintenance[i]->reason = wire_put_text(arena, from->maintenance[i].reason);
        to->maintenance[i]->until = from->maintenance[i].until;
    }
}

/* One a node that is there, with a reason: roster_maintain says no to others. */
static bool take_maintenance(struct roster *to, const Oceanid__Roster *from, struct err *err)
{
    if (!wire_take_count(from->n_maintenance, NODES_MAX, "nodes under maintenance", err))
        return false;
    for (size_t i = 0; i < from->n_maintenance; i++) {
        struct maintenance one = {.until = from->maintenance[i]->until};

        if (!wire_take_name(one.node, from->maintenance[i]->node, "node", err) ||
            !wire_take_line(one.reason, sizeof(one.reason), from->maintenance[i]->reason, "reason",
                            err))
            return false;
        if (roster_find_maintenance(to, one.node) != NULL)
            return err_set(err, ERR_INPUT, "%s is twice under maintenance", one.node);
        if (!roster_maintain(to, &one, err))
            return false;
    }
    return true;
}

struct wire_bytes wire_encode_roster(const struct roster *roster, const struct sign_key *key)
{
    AUTO_ARENA struct arena arena;
    Oceanid__Roster to = OCEANID__ROSTER__INIT;

    arena_init(&arena, SIZE_MAX);
    to.version = roster->version;
    to.n_entries = roster->entries_count;
    to.entries = wire_put_roster(&arena, roster->entries, roster->entries_count);
    put_maintenance(&arena, &to, roster);
    return wire_seal(&to.base, SIGN_ROSTER, key);
}

bool wire_decode_roster(struct bytes from, struct roster *ret_roster, struct err *err)
{
    AUTO_OPENED struct opened opened = {0};
    Oceanid__Roster *message;

    memset(ret_roster, 0, sizeof(*ret_roster));
    if (!wire_open(&opened, &oceanid__roster__descriptor, from, err))
        return err_wrap(err, "roster");
    message = opened.payload;
    ret_roster->version = message->version;
    return (wire_take_roster(ret_roster->entries, &ret_roster->entries_count, message->entries,
                             message->n_entries, err) &&
            take_maintenance(ret_roster, message, err)) ||
           err_wrap(err, "roster");
}

/* ---- order ------------------------------------------------------------------------------------
 */

struct wire_bytes wire_encode_order(const struct order *order, const struct sign_key *key)
{
    AUTO_ARENA struct arena arena;
    Oceanid__Order to = OCEANID__ORDER__INIT;

    arena_init(&arena, SIZE_MAX);
    to.n_nodes = order->nodes_count;
    to.nodes = wire_put_rows(&arena, order->nodes[0], NAME_SIZE, order->nodes_count);
    to.down_to = wire_put_generation_id(&arena, &order->down_to);
    to.reason = wire_put_text(&arena, order->reason);
    return wire_seal(&to.base, SIGN_ORDER, key);
}

static bool take_order(struct order *to, const Oceanid__Order *from,
                       const Oceanid__Signed *envelope, struct err *err)
{
    struct wire_rows nodes = {to->nodes[0], NAME_SIZE, NODES_MAX, "node", true};

    if (envelope->n_signatures == 0)
        return err_set(err, ERR_DENIED, "it is not signed");
    return wire_take_rows(&nodes, &to->nodes_count, from->nodes, from->n_nodes, err) &&
           wire_take_generation_id(&to->down_to, from->down_to, err) &&
           wire_take_line(to->reason, sizeof(to->reason), from->reason, "reason", err) &&
           wire_take_key_signature(&to->signature, envelope->signatures[0], err);
}

bool wire_decode_order(struct bytes from, struct order *ret_order, struct err *err)
{
    AUTO_OPENED struct opened opened = {0};

    memset(ret_order, 0, sizeof(*ret_order));
    return (wire_open(&opened, &oceanid__order__descriptor, from, err) &&
            take_order(ret_order, opened.payload, opened.envelope, err)) ||
           err_wrap(err, "order");
}
