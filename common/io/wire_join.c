/*
 * wire_join: join requests and bundles, as protobuf in base64 between two lines.
 */
#include "common/io/wire_join.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/wire_parts.h"

#include <mbedtls/base64.h>

static const char request_title[] = "OCEANID JOIN REQUEST";
static const char bundle_title[] = "OCEANID JOIN BUNDLE";

enum { LINE_LEN = 64, LINE_SIZE = 80 };

/* ---- armour -----------------------------------------------------------------------------------
 */

static struct wire_bytes put_armour(const char *title, struct bytes payload)
{
    size_t room = payload.len * 4 / 3 + 8;
    AUTO_FREE uint8_t *text = mem_alloc(1, room);
    struct wire_bytes out = {NULL, room + room / LINE_LEN + 2 * LINE_SIZE};
    struct text to;
    size_t len = 0;

    if (mbedtls_base64_encode(text, room, &len, payload.data, payload.len) != 0)
        abort(); /* room is enough */
    out.data = mem_alloc(1, out.len);
    text_init(&to, (char *)out.data, out.len);
    text_add(&to, "-----BEGIN %s-----\n", title);
    for (size_t i = 0; i < len; i += LINE_LEN)
        text_add(&to, "%.*s\n", (int)(len - i < LINE_LEN ? len - i : LINE_LEN), text + i);
    text_add(&to, "-----END %s-----\n", title);
    out.len = to.len;
    return out;
}

static bool take_armour(const char *title, struct bytes from, struct wire_bytes *ret_payload,
                        struct err *err)
{
    char first[LINE_SIZE];
    char last[LINE_SIZE];
    const uint8_t *begin;
    const uint8_t *end;
    size_t len = 0;

    if (from.len > COMMAND_SIZE_MAX)
        return err_set(err, ERR_LIMIT, "%zu bytes: accepted are at most %u", from.len,
                       COMMAND_SIZE_MAX);
    snprintf(first, sizeof(first), "-----BEGIN %s-----", title);
    snprintf(last, sizeof(last), "-----END %s-----", title);
    begin = from.len > 0 ? memmem(from.data, from.len, first, strlen(first)) : NULL;
    if (begin != NULL)
        begin += strlen(first);
    end = begin != NULL ? memmem(begin, from.len - (size_t)(begin - from.data), last, strlen(last))
                        : NULL;
    if (end == NULL)
        return err_set(err, ERR_INPUT, "expected text between the lines '%s' and '%s', found none",
                       first, last);
    ret_payload->len = (size_t)(end - begin);
    ret_payload->data = mem_alloc(1, ret_payload->len + 1);
    if (mbedtls_base64_decode(ret_payload->data, ret_payload->len, &len, begin, ret_payload->len) !=
        0)
        return err_set(err, ERR_INPUT, "the text behind '%s' is not whole (not base64)", first);
    ret_payload->len = len;
    return true;
}

/* ---- request ----------------------------------------------------------------------------------
 */

enum { PROVEN_SIZE = NAME_SIZE + 2 * KEY_SIZE + 1 };

/* What both keys sign: name (with its NULs), keys, kind. */
static struct bytes list_proven(const struct join_request *request, uint8_t to[PROVEN_SIZE])
{
    memset(to, 0, PROVEN_SIZE);
    memcpy(to, request->name, strlen(request->name));
    memcpy(to + NAME_SIZE, request->agent_key.bytes, KEY_SIZE);
    memcpy(to + NAME_SIZE + KEY_SIZE, request->guard_key.bytes, KEY_SIZE);
    to[PROVEN_SIZE - 1] = request->witness_only;
    return (struct bytes){to, PROVEN_SIZE};
}

struct wire_bytes wire_encode_join_request(struct join_request *request,
                                           const struct sign_key *agent,
                                           const struct sign_key *guard)
{
    Oceanid__JoinRequest message = OCEANID__JOIN_REQUEST__INIT;
    struct signature agent_proof;
    struct signature guard_proof;
    uint8_t room[PROVEN_SIZE];
    struct bytes proven;

    request->witness_only = guard == NULL;
    sign_key_public(agent, &request->agent_key);
    memset(&request->guard_key, 0, sizeof(request->guard_key));
    if (guard != NULL)
        sign_key_public(guard, &request->guard_key);
    proven = list_proven(request, room);
    sign_make(agent, SIGN_JOIN, proven, &agent_proof);
    message.name = request->name;
    message.version = request->version;
    message.witness_only = request->witness_only;
    message.agent_key = wire_put_bytes(request->agent_key.bytes, KEY_SIZE);
    message.agent_proof = wire_put_bytes(agent_proof.bytes, agent_proof.len);
    if (guard != NULL) {
        sign_make(guard, SIGN_JOIN, proven, &guard_proof);
        message.guard_key = wire_put_bytes(request->guard_key.bytes, KEY_SIZE);
        message.guard_proof = wire_put_bytes(guard_proof.bytes, guard_proof.len);
    }
    AUTO_WIRE struct wire_bytes packed = wire_pack(&message.base);
    return put_armour(request_title, wire_lend(&packed));
}

static bool verify_proof(const struct join_request *request, const struct public_key *key,
                         const ProtobufCBinaryData *proof, const char *whose, struct err *err)
{
    struct signature signature = {0};
    uint8_t room[PROVEN_SIZE];

    if (proof->len >= 1 && proof->len <= SIGNATURE_MAX) {
        signature.len = (uint8_t)proof->len;
        memcpy(signature.bytes, proof->data, proof->len);
    }
    if (sign_verify(key, SIGN_JOIN, list_proven(request, room), &signature))
        return true;
    return err_set(err, ERR_DENIED,
                   "the request of '%s' is not signed by the %s's key that it names; it was "
                   "altered on its way",
                   request->name, whose);
}

static bool take_request(const Oceanid__JoinRequest *from, struct join_request *to, struct err *err)
{
    memset(to, 0, sizeof(*to));
    to->witness_only = from->witness_only;
    if (!wire_take_name(to->name, from->name, "node", err) ||
        !wire_take_line(to->version, sizeof(to->version), from->version, "version", err) ||
        !wire_take_fixed(to->agent_key.bytes, KEY_SIZE, &from->agent_key, "agent's key", err))
        return false;
    if (!to->witness_only &&
        !wire_take_fixed(to->guard_key.bytes, KEY_SIZE, &from->guard_key, "guard's key", err))
        return false;
    return verify_proof(to, &to->agent_key, &from->agent_proof, "agent", err) &&
           (to->witness_only || verify_proof(to, &to->guard_key, &from->guard_proof, "guard", err));
}

bool wire_decode_join_request(struct bytes from, struct join_request *ret_request, struct err *err)
{
    AUTO_WIRE struct wire_bytes payload = {NULL, 0};
    AUTO_ARENA struct arena arena = {0};
    Oceanid__JoinRequest *message;

    if (!take_armour(request_title, from, &payload, err))
        return false;
    message = wire_unpack(&arena, &oceanid__join_request__descriptor, wire_lend(&payload),
                          COMMAND_SIZE_MAX, err);
    return message != NULL && take_request(message, ret_request, err);
}

/* ---- bundle -----------------------------------------------------------------------------------
 */

void join_bundle_done(struct join_bundle *bundle)
{
    wire_bytes_done(&bundle->roster);
}

struct wire_bytes wire_encode_join_bundle(const struct join_bundle *bundle)
{
    Oceanid__Bundle message = OCEANID__BUNDLE__INIT;
    char *controllers[CONTROLLERS_MAX];
    AUTO_ARENA struct arena arena;

    arena_init(&arena, COMMAND_SIZE_MAX);
    for (uint32_t i = 0; i < bundle->controllers_count; i++)
        controllers[i] = wire_put_string(bundle->controllers[i]);
    message.name = wire_put_string(bundle->name);
    message.roster = wire_put_signed(&arena, wire_lend(&bundle->roster));
    message.certificate_pem =
        wire_put_bytes(bundle->certificate_pem, strlen(bundle->certificate_pem));
    message.ca_pem = wire_put_bytes(bundle->ca_pem, strlen(bundle->ca_pem));
    message.n_controllers = bundle->controllers_count;
    message.controllers = controllers;
    AUTO_WIRE struct wire_bytes packed = wire_pack(&message.base);
    return put_armour(bundle_title, wire_lend(&packed));
}

static bool take_pem(char *to, const ProtobufCBinaryData *from, const char *what, struct err *err)
{
    if (from->len == 0 || from->len >= PKI_PEM_SIZE || memchr(from->data, '\0', from->len) != NULL)
        return err_set(err, ERR_INPUT, "%s of %zu bytes: accepted is PEM of at most %u", what,
                       from->len, PKI_PEM_SIZE - 1);
    memcpy(to, from->data, from->len);
    to[from->len] = '\0';
    return true;
}

static bool take_bundle(const Oceanid__Bundle *from, struct join_bundle *to, struct err *err)
{
    if (!wire_take_name(to->name, from->name, "node", err) ||
        !take_pem(to->certificate_pem, &from->certificate_pem, "certificate", err) ||
        !take_pem(to->ca_pem, &from->ca_pem, "CA", err) ||
        !wire_take_count(from->n_controllers, CONTROLLERS_MAX, "controllers", err))
        return false;
    for (size_t i = 0; i < from->n_controllers; i++) {
        if (!wire_take_line(to->controllers[i], PATH_SIZE, from->controllers[i], "controller", err))
            return false;
    }
    to->controllers_count = (uint32_t)from->n_controllers;
    to->roster = wire_copy_signed(from->roster);
    return true;
}

bool wire_decode_join_bundle(struct bytes from, struct join_bundle *ret_bundle, struct err *err)
{
    AUTO_WIRE struct wire_bytes payload = {NULL, 0};
    AUTO_ARENA struct arena arena = {0};
    Oceanid__Bundle *message;

    memset(ret_bundle, 0, sizeof(*ret_bundle));
    if (!take_armour(bundle_title, from, &payload, err))
        return false;
    message = wire_unpack(&arena, &oceanid__bundle__descriptor, wire_lend(&payload),
                          COMMAND_SIZE_MAX, err);
    return message != NULL && take_bundle(message, ret_bundle, err);
}
