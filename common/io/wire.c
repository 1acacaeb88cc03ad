/*
 * wire: envelopes: a payload with its signatures, and what they are worth.
 */
#include "common/io/wire.h"

#include <string.h>

#include "common/io/wire_envelope.h"

static struct bytes lend_binary(const ProtobufCBinaryData *from)
{
    return (struct bytes){from->data, from->len};
}

/* ---- sealing and opening ----------------------------------------------------------------------
 */

static struct approval_signature make_signature(const struct sign_key *key, enum sign_domain domain,
                                                struct bytes payload)
{
    struct approval_signature made = {0};

    sign_key_public(key, &made.key);
    sign_make(key, domain, payload, &made.signature);
    return made;
}

static void put_signature(Oceanid__KeySignature *to, const struct approval_signature *from)
{
    to->key = wire_put_bytes(from->key.bytes, KEY_SIZE);
    to->signature = wire_put_bytes(from->signature.bytes, from->signature.len);
}

static struct wire_bytes pack_envelope(struct bytes payload,
                                       const struct approval_signature *signatures, uint32_t count)
{
    AUTO_ARENA struct arena arena;
    Oceanid__Signed envelope = OCEANID__SIGNED__INIT;

    arena_init(&arena, SIZE_MAX);
    envelope.payload = wire_put_bytes(payload.data, payload.len);
    envelope.n_signatures = count;
    envelope.signatures =
        wire_new_list(&arena, Oceanid__KeySignature, oceanid__key_signature__init, count);
    for (uint32_t i = 0; i < count; i++)
        put_signature(envelope.signatures[i], &signatures[i]);
    return wire_pack(&envelope.base);
}

struct wire_bytes wire_seal(const ProtobufCMessage *message, enum sign_domain domain,
                            const struct sign_key *key)
{
    AUTO_WIRE struct wire_bytes payload = wire_pack(message);
    struct approval_signature signature = make_signature(key, domain, wire_lend(&payload));

    return pack_envelope(wire_lend(&payload), &signature, 1);
}

static Oceanid__Signed *unpack_envelope(struct arena *arena, struct bytes from, struct err *err)
{
    Oceanid__Signed *envelope =
        wire_unpack(arena, &oceanid__signed__descriptor, from, ENVELOPE_SIZE_MAX, err);

    if (envelope == NULL ||
        !wire_take_count(envelope->n_signatures, SIGNATURES_MAX, "signatures", err))
        return NULL;
    return envelope;
}

void opened_done(struct opened *opened)
{
    arena_done(&opened->outer);
    arena_done(&opened->inner);
}

bool wire_open(struct opened *opened, const ProtobufCMessageDescriptor *descriptor,
               struct bytes from, struct err *err)
{
    opened->envelope = unpack_envelope(&opened->outer, from, err);
    if (opened->envelope == NULL)
        return false;
    opened->payload = wire_unpack(&opened->inner, descriptor,
                                  lend_binary(&opened->envelope->payload), ENVELOPE_SIZE_MAX, err);
    return opened->payload != NULL;
}

bool wire_take_key_signature(struct approval_signature *to, const Oceanid__KeySignature *from,
                             struct err *err)
{
    return wire_take_fixed(to->key.bytes, KEY_SIZE, &from->key, "key", err) &&
           wire_take_signature(&to->signature, &from->signature, err);
}

/* ---- verifying --------------------------------------------------------------------------------
 */

static const char *const domain_names[] = {
    [SIGN_APPROVAL] = "approval",   [SIGN_STATEMENT] = "statement", [SIGN_RECEIPT] = "receipt",
    [SIGN_STACK] = "stack",         [SIGN_ORDER] = "order",         [SIGN_ROSTER] = "roster",
    [SIGN_CHALLENGE] = "challenge", [SIGN_JOIN] = "join request",
};
_Static_assert(sizeof(domain_names) / sizeof(domain_names[0]) == SIGN_DOMAIN_COUNT, "one a domain");

bool wire_verify(struct bytes from, enum sign_domain domain, const struct public_key *key,
                 struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    Oceanid__Signed *envelope = unpack_envelope(&arena, from, err);
    struct approval_signature first;
    char text[64];

    if (envelope == NULL)
        return false;
    if (envelope->n_signatures == 0)
        return err_set(err, ERR_DENIED, "%s: it is not signed", domain_names[domain]);
    if (!wire_take_key_signature(&first, envelope->signatures[0], err))
        return false;
    if (key_equal(&first.key, key) &&
        sign_verify(key, domain, lend_binary(&envelope->payload), &first.signature))
        return true;
    return err_set(err, ERR_DENIED, "%s: it is not signed by the key %s, or was altered since",
                   domain_names[domain], sign_fingerprint(key, text, sizeof(text)));
}

bool wire_payload_hash(struct bytes from, struct hash *ret_hash, struct err *err)
{
    AUTO_ARENA struct arena arena = {0};
    Oceanid__Signed *envelope = unpack_envelope(&arena, from, err);

    if (envelope == NULL)
        return false;
    sign_hash(envelope->payload.data, envelope->payload.len, ret_hash);
    return true;
}

/* ---- approvals --------------------------------------------------------------------------------
 */

static void put_lifts(struct arena *arena, Oceanid__ApprovalBody *to, const struct approval *from)
{
    to->n_lifts = from->lifts_count;
    to->lifts = wire_new_list(arena, Oceanid__Lift, oceanid__lift__init, from->lifts_count);
    for (uint32_t i = 0; i < from->lifts_count; i++) {
        to->lifts[i]->receipt = wire_put_bytes(from->lifts[i].receipt.bytes, HASH_SIZE);
        to->lifts[i]->reason = wire_put_text(arena, from->lifts[i].reason);
    }
}

struct wire_bytes wire_encode_approval(const struct approval *approval)
{
    AUTO_ARENA struct arena arena;
    Oceanid__ApprovalBody body = OCEANID__APPROVAL_BODY__INIT;

    arena_init(&arena, SIZE_MAX);
    body.attempt = wire_put_attempt(&arena, &approval->attempt);
    body.not_after = approval->not_after;
    put_lifts(&arena, &body, approval);
    AUTO_WIRE struct wire_bytes payload = wire_pack(&body.base);
    return pack_envelope(wire_lend(&payload), approval->signatures, approval->signatures_count);
}

static bool take_lifts(struct approval *to, const Oceanid__ApprovalBody *from, struct err *err)
{
    if (!wire_take_count(from->n_lifts, LIFTS_MAX, "lifts", err))
        return false;
    for (size_t i = 0; i < from->n_lifts; i++) {
        if (!wire_take_fixed(to->lifts[i].receipt.bytes, HASH_SIZE, &from->lifts[i]->receipt,
                             "receipt", err) ||
            !wire_take_line(to->lifts[i].reason, REASON_SIZE, from->lifts[i]->reason, "reason",
                            err))
            return false;
    }
    to->lifts_count = (uint32_t)from->n_lifts;
    return true;
}

static bool take_signatures(struct approval *to, const Oceanid__Signed *from, struct err *err)
{
    for (size_t i = 0; i < from->n_signatures; i++) {
        if (!wire_take_key_signature(&to->signatures[i], from->signatures[i], err))
            return false;
    }
    to->signatures_count = (uint32_t)from->n_signatures;
    return true;
}

bool wire_decode_approval(struct bytes from, struct approval *ret_approval, struct err *err)
{
    AUTO_OPENED struct opened opened = {0};
    Oceanid__ApprovalBody *body;

    memset(ret_approval, 0, sizeof(*ret_approval));
    if (!wire_open(&opened, &oceanid__approval_body__descriptor, from, err))
        return false;
    body = opened.payload;
    ret_approval->not_after = body->not_after;
    return wire_take_attempt(&ret_approval->attempt, body->attempt, err) &&
           take_lifts(ret_approval, body, err) &&
           take_signatures(ret_approval, opened.envelope, err);
}

/* The place of key's signature: its old one, else a new one; NULL when there is no room. */
static struct approval_signature *place_signature(struct approval *approval,
                                                  const struct public_key *key)
{
    for (uint32_t i = 0; i < approval->signatures_count; i++) {
        if (key_equal(&approval->signatures[i].key, key))
            return &approval->signatures[i];
    }
    if (approval->signatures_count == SIGNATURES_MAX)
        return NULL;
    return &approval->signatures[approval->signatures_count++];
}

struct wire_bytes wire_sign_approval(struct bytes approval, const struct sign_key *key)
{
    AUTO_OPENED struct opened opened = {0};
    struct approval decoded;
    struct approval_signature *place;
    struct err err = ERR_INIT;
    struct public_key own;

    sign_key_public(key, &own);
    if (!wire_decode_approval(approval, &decoded, &err) ||
        !wire_open(&opened, &oceanid__approval_body__descriptor, approval, &err))
        return (struct wire_bytes){NULL, 0};
    place = place_signature(&decoded, &own);
    if (place == NULL)
        return (struct wire_bytes){NULL, 0};
    *place = make_signature(key, SIGN_APPROVAL, lend_binary(&opened.envelope->payload));
    return pack_envelope(lend_binary(&opened.envelope->payload), decoded.signatures,
                         decoded.signatures_count);
}

unsigned wire_count_approvals(struct bytes approval, const struct trust *trust,
                              enum trust_role role)
{
    AUTO_ARENA struct arena arena = {0};
    struct err err = ERR_INIT;
    Oceanid__Signed *envelope = unpack_envelope(&arena, approval, &err);
    const struct trust_key *counted[SIGNATURES_MAX];
    unsigned count = 0;

    for (size_t i = 0; envelope != NULL && i < envelope->n_signatures; i++) {
        struct approval_signature signature;
        const struct trust_key *key;
        bool fresh = true;

        if (!wire_take_key_signature(&signature, envelope->signatures[i], &err))
            return 0;
        key = trust_find(trust, &signature.key);
        for (unsigned k = 0; k < count; k++)
            fresh &= counted[k] != key;
        if (key != NULL && fresh && (key->roles & role) != 0 &&
            sign_verify(&key->key, SIGN_APPROVAL, lend_binary(&envelope->payload),
                        &signature.signature))
            counted[count++] = key;
    }
    return count;
}
