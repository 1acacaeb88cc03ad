/*
 * wire_parts: memory for one message, and the parts that recur in many.
 */
#include "common/io/wire_parts.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"

/* ---- arena ------------------------------------------------------------------------------------
 */

struct arena_chunk {
    struct arena_chunk *next;
    size_t size, used;
    _Alignas(16) unsigned char data[];
};

enum { CHUNK_SIZE = 16384 };

static void *take_room(struct arena *arena, size_t size)
{
    size_t rounded = (size + 15) & ~(size_t)15;
    struct arena_chunk *chunk = arena->chunks;

    if (chunk == NULL || chunk->size - chunk->used < rounded) {
        size_t room = rounded > CHUNK_SIZE ? rounded : CHUNK_SIZE;

        chunk = mem_alloc(1, sizeof(*chunk) + room);
        chunk->size = room;
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    chunk->used += rounded;
    arena->used += rounded;
    return chunk->data + chunk->used - rounded;
}

static void *allocate(void *context, size_t size)
{
    struct arena *arena = context;

    if (size > arena->cap || arena->used > arena->cap - size)
        return NULL; /* protobuf-c then refuses the message */
    return take_room(arena, size);
}

static void release(void *context, void *pointer)
{
    (void)context;
    (void)pointer;
}

void arena_init(struct arena *arena, size_t cap)
{
    *arena = (struct arena){.cap = cap};
    arena->allocator = (ProtobufCAllocator){allocate, release, arena};
}

void arena_done(struct arena *arena)
{
    while (arena->chunks != NULL) {
        struct arena_chunk *chunk = arena->chunks;

        arena->chunks = chunk->next;
        free(chunk);
    }
}

void *arena_alloc(struct arena *arena, size_t count, size_t size)
{
    return take_room(arena, count * size > 0 ? count * size : 1);
}

/* ---- bytes ------------------------------------------------------------------------------------
 */

void wire_bytes_done(struct wire_bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct wire_bytes){NULL, 0};
}

struct bytes wire_lend(const struct wire_bytes *bytes)
{
    return (struct bytes){bytes->data, bytes->len};
}

struct wire_bytes wire_copy(const ProtobufCBinaryData *from)
{
    return (struct wire_bytes){mem_copy(from->data, from->len), from->len};
}

struct wire_bytes wire_pack(const ProtobufCMessage *message)
{
    struct wire_bytes packed = {NULL, protobuf_c_message_get_packed_size(message)};

    packed.data = mem_alloc(1, packed.len);
    protobuf_c_message_pack(message, packed.data);
    return packed;
}

/* Unpacked structs are larger than their bytes: an empty message of two bytes takes up to some 300,
 * a route of 30 some 300 too. Many small ones cannot come in a large message. */
enum { UNPACKED_FACTOR = 64, UNPACKED_SMALL_MAX = 32 << 20, UNPACKED_LARGE_FACTOR = 12 };

static size_t limit_unpacked(size_t len)
{
    size_t small = len * UNPACKED_FACTOR;

    return (small < UNPACKED_SMALL_MAX ? small : UNPACKED_SMALL_MAX) + len * UNPACKED_LARGE_FACTOR +
           CHUNK_SIZE;
}

/* Packed again it has to be as long: no field twice, no string with a NUL in it, nothing written
 * longer than it needs. What was signed reads the same to everybody. */
void *wire_unpack(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
                  struct bytes from, size_t size_max, struct err *err)
{
    void *message;

    if (from.len > size_max) {
        err_set(err, ERR_LIMIT, "%s of %zu bytes: accepted are at most %zu", descriptor->short_name,
                from.len, size_max);
        return NULL;
    }
    arena_init(arena, limit_unpacked(from.len));
    message = protobuf_c_message_unpack(descriptor, &arena->allocator, from.len, from.data);
    if (message != NULL && protobuf_c_message_get_packed_size(message) == from.len)
        return message;
    err_set(err, ERR_INPUT, "%zu bytes are no %s (truncated, altered or of another version)",
            from.len, descriptor->short_name);
    return NULL;
}

/* ---- putting ----------------------------------------------------------------------------------
 */

char *wire_put_string(const char *text)
{
    return (char *)(uintptr_t)text;
}

ProtobufCBinaryData wire_put_bytes(const void *data, size_t len)
{
    return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

ProtobufCBinaryData wire_put_address(const struct address *address)
{
    size_t len = address_is_set(address) ? address_bits(address->family) / 8 : 0;

    return wire_put_bytes(address->bytes, len);
}

Oceanid__Prefix *wire_put_prefix(struct arena *arena, const struct prefix *prefix)
{
    Oceanid__Prefix *to;

    if (!address_is_set(&prefix->address))
        return NULL;
    to = wire_new(arena, Oceanid__Prefix, oceanid__prefix__init);
    to->address = wire_put_address(&prefix->address);
    to->length = prefix->len;
    return to;
}

Oceanid__Attempt *wire_put_attempt(struct arena *arena, const struct attempt *attempt)
{
    Oceanid__Attempt *to = wire_new(arena, Oceanid__Attempt, oceanid__attempt__init);

    to->body = wire_put_bytes(attempt->body.bytes, HASH_SIZE);
    to->sequence = attempt->sequence;
    return to;
}

Oceanid__GenerationId *wire_put_generation_id(struct arena *arena, const struct generation_id *id)
{
    Oceanid__GenerationId *to =
        wire_new(arena, Oceanid__GenerationId, oceanid__generation_id__init);

    to->attempt = wire_put_attempt(arena, &id->attempt);
    to->start = wire_put_bytes(id->start.bytes, NONCE_SIZE);
    return to;
}

static void put_roster_entry(Oceanid__RosterEntry *to, const struct roster_entry *entry)
{
    to->name = wire_put_string(entry->name);
    to->witness_only = entry->witness_only;
    to->agent_key = wire_put_bytes(entry->agent_key.bytes, KEY_SIZE);
    if (!entry->witness_only)
        to->guard_key = wire_put_bytes(entry->guard_key.bytes, KEY_SIZE);
}

Oceanid__RosterEntry **wire_put_roster(struct arena *arena, const struct roster_entry *entries,
                                       size_t count)
{
    Oceanid__RosterEntry **list =
        wire_new_list(arena, Oceanid__RosterEntry, oceanid__roster_entry__init, count);

    for (size_t i = 0; i < count; i++)
        put_roster_entry(list[i], &entries[i]);
    return list;
}

void *wire_put_nested(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
                      struct bytes encoded)
{
    size_t cap = arena->cap;
    void *to;

    if (encoded.len == 0)
        return NULL;
    arena->cap = SIZE_MAX;
    to = protobuf_c_message_unpack(descriptor, &arena->allocator, encoded.len, encoded.data);
    arena->cap = cap;
    return to;
}

Oceanid__Signed *wire_put_signed(struct arena *arena, struct bytes envelope)
{
    return wire_put_nested(arena, &oceanid__signed__descriptor, envelope);
}

/* ---- taking -----------------------------------------------------------------------------------
 */

struct wire_bytes wire_copy_message(const ProtobufCMessage *from)
{
    return from != NULL ? wire_pack(from) : (struct wire_bytes){NULL, 0};
}

struct wire_bytes wire_copy_signed(const Oceanid__Signed *from)
{
    return from != NULL ? wire_pack(&from->base) : (struct wire_bytes){NULL, 0};
}

bool wire_take_signed(struct wire_bytes *to, const Oceanid__Signed *from, const char *what,
                      struct err *err)
{
    if (from == NULL || from->payload.len == 0)
        return err_set(err, ERR_INPUT, "%s is missing", what);
    *to = wire_copy_signed(from);
    return true;
}

bool wire_take_fixed(void *to, size_t len, const ProtobufCBinaryData *from, const char *what,
                     struct err *err)
{
    if (from->len != len)
        return err_set(err, ERR_INPUT, "%s of %zu bytes: accepted are exactly %zu", what, from->len,
                       len);
    memcpy(to, from->data, len);
    return true;
}

bool wire_take_count(size_t count, size_t max, const char *what, struct err *err)
{
    return count <= max ||
           err_set(err, ERR_LIMIT, "%zu %s: accepted are at most %zu", count, what, max);
}

bool wire_take_range(uint64_t value, uint64_t max, const char *what, struct err *err)
{
    return value <= max || err_set(err, ERR_INPUT, "%s %llu: accepted are 0 to %llu", what,
                                   (unsigned long long)value, (unsigned long long)max);
}

bool wire_take_u8(uint8_t *to, uint32_t value, const char *what, struct err *err)
{
    *to = (uint8_t)value;
    return wire_take_range(value, UINT8_MAX, what, err);
}

bool wire_take_u16(uint16_t *to, uint32_t value, const char *what, struct err *err)
{
    *to = (uint16_t)value;
    return wire_take_range(value, UINT16_MAX, what, err);
}

bool wire_take_address(struct address *to, const ProtobufCBinaryData *from, struct err *err)
{
    *to = (struct address){.family = FAMILY_NONE};
    if (from->len == 4)
        *to = address_from_bytes(FAMILY_IPV4, from->data);
    else if (from->len == 16)
        *to = address_from_bytes(FAMILY_IPV6, from->data);
    else if (from->len != 0)
        return err_set(err, ERR_INPUT, "address of %zu bytes: accepted are 4 or 16", from->len);
    return true;
}

bool wire_take_prefix(struct prefix *to, const Oceanid__Prefix *from, struct err *err)
{
    struct address address;

    *to = (struct prefix){.len = 0};
    if (from == NULL)
        return true;
    if (!wire_take_address(&address, &from->address, err))
        return false;
    if (!address_is_set(&address))
        return err_set(err, ERR_INPUT, "prefix of length %u without an address", from->length);
    if (!wire_take_range(from->length, address_bits(address.family), "prefix length", err))
        return false;
    *to = prefix_make(&address, (uint8_t)from->length);
    return true;
}

bool wire_take_attempt(struct attempt *to, const Oceanid__Attempt *from, struct err *err)
{
    if (from == NULL)
        return err_set(err, ERR_INPUT, "attempt is missing");
    to->sequence = from->sequence;
    return wire_take_fixed(to->body.bytes, HASH_SIZE, &from->body, "body hash", err);
}

bool wire_take_generation_id(struct generation_id *to, const Oceanid__GenerationId *from,
                             struct err *err)
{
    if (from == NULL)
        return err_set(err, ERR_INPUT, "generation id is missing");
    return wire_take_attempt(&to->attempt, from->attempt, err) &&
           wire_take_fixed(to->start.bytes, NONCE_SIZE, &from->start, "start nonce", err);
}

bool wire_take_signature(struct signature *to, const ProtobufCBinaryData *from, struct err *err)
{
    if (from->len == 0 || from->len > SIGNATURE_MAX)
        return err_set(err, ERR_INPUT, "signature of %zu bytes: accepted are 1 to %u", from->len,
                       SIGNATURE_MAX);
    to->len = (uint8_t)from->len;
    memcpy(to->bytes, from->data, from->len);
    return true;
}

static bool take_roster_entry(struct roster_entry *to, const Oceanid__RosterEntry *from,
                              struct err *err)
{
    to->witness_only = from->witness_only;
    if (!wire_take_name(to->name, from->name, "roster entry", err) ||
        !wire_take_fixed(to->agent_key.bytes, KEY_SIZE, &from->agent_key, "agent key", err))
        return false;
    if (to->witness_only && from->guard_key.len > 0)
        return err_set(err, ERR_INPUT, "witness %s has a guard's key: accepted is none", to->name);
    return to->witness_only ||
           wire_take_fixed(to->guard_key.bytes, KEY_SIZE, &from->guard_key, "guard key", err);
}

/* One entry a name. */
static bool is_new_name(const struct roster_entry *entries, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (text_equal(entries[i].name, name))
            return false;
    }
    return true;
}

bool wire_take_roster(struct roster_entry *to, uint32_t *ret_count, Oceanid__RosterEntry **from,
                      size_t count, struct err *err)
{
    if (!wire_take_count(count, FLEET_MAX, "roster entries", err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!take_roster_entry(&to[i], from[i], err))
            return false;
        if (!is_new_name(to, i, to[i].name))
            return err_set(err, ERR_INPUT, "%s stands twice in the roster", to[i].name);
    }
    *ret_count = (uint32_t)count;
    return true;
}
