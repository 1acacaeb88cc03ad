/*
 * wire_parts: what the wire_*.c share: memory for one message, and its recurring parts.
 *
 * wire_put_* build protobuf-c structs in an arena; wire_take_* fill our values from them and refuse
 * what is out of range. Only wire_*.c include this header.
 */
#ifndef COMMON_IO_WIRE_PARTS_H
#define COMMON_IO_WIRE_PARTS_H

#include "common/io/wire.h"

#include "proto/oceanid.pb-c.h"

/* Memory that lives as long as one message; ends with arena_done. Over cap: allocation fails. */
struct arena {
    struct arena_chunk *chunks;
    size_t used, cap;
    ProtobufCAllocator allocator;
};
#define AUTO_ARENA __attribute__((cleanup(arena_done)))
void arena_init(struct arena *arena, size_t cap);
void arena_done(struct arena *arena);
/* Zeroed; for building, where nothing is foreign, the cap does not hold. */
void *arena_alloc(struct arena *arena, size_t count, size_t size);

/* Packs a message. */
struct wire_bytes wire_pack(const ProtobufCMessage *message);
/* NULL with a reason: larger than size_max, or not such a message. */
void *wire_unpack(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
                  struct bytes from, size_t size_max, struct err *err);

/* An array of count pointers to count initialised messages. */
#define wire_new_list(arena, type, init, count)                                                    \
    ({                                                                                             \
        size_t wire_count = (count);                                                               \
        type **wire_list = arena_alloc((arena), wire_count, sizeof(type *));                       \
        for (size_t wire_i = 0; wire_i < wire_count; wire_i++) {                                   \
            wire_list[wire_i] = arena_alloc((arena), 1, sizeof(type));                             \
            init(wire_list[wire_i]);                                                               \
        }                                                                                          \
        wire_list;                                                                                 \
    })
#define wire_new(arena, type, init)                                                                \
    ({                                                                                             \
        type *wire_message = arena_alloc((arena), 1, sizeof(type));                                \
        init(wire_message);                                                                        \
        wire_message;                                                                              \
    })

char *wire_put_string(const char *text); /* lent: protobuf-c wants it without const */
ProtobufCBinaryData wire_put_bytes(const void *data, size_t len);
ProtobufCBinaryData wire_put_address(const struct address *address);
Oceanid__Prefix *wire_put_prefix(struct arena *arena, const struct prefix *prefix);
Oceanid__Attempt *wire_put_attempt(struct arena *arena, const struct attempt *attempt);
Oceanid__GenerationId *wire_put_generation_id(struct arena *arena, const struct generation_id *id);
Oceanid__SshTarget *wire_put_ssh(struct arena *arena, const struct ssh_target *ssh);
Oceanid__Check *wire_put_check(struct arena *arena, const struct check *check);
Oceanid__Verdict *wire_put_verdict(struct arena *arena, const struct verdict *verdict);
Oceanid__Snapshot *wire_put_snapshot(struct arena *arena, const struct snapshot *snapshot);
Oceanid__Rule *wire_put_rule(struct arena *arena, const struct rule *rule);
Oceanid__Route *wire_put_route(struct arena *arena, const struct route *route);
Oceanid__Operation *wire_put_operation(struct arena *arena, const struct operation *operation);
Oceanid__ProtectedFlow *wire_put_flow(struct arena *arena, const struct protected_flow *flow);
Oceanid__RosterEntry *wire_put_roster_entry(struct arena *arena, const struct roster_entry *entry);
/* The envelope's bytes, unpacked again, so that they nest; NULL for empty bytes. */
Oceanid__Signed *wire_put_signed(struct arena *arena, struct bytes envelope);

bool wire_take_text(char *to, size_t size, const char *from, const char *what, struct err *err);
bool wire_take_name(char *to, const char *from, const char *what, struct err *err);
bool wire_take_fixed(void *to, size_t len, const ProtobufCBinaryData *from, const char *what,
                     struct err *err);
bool wire_take_count(size_t count, size_t max, const char *what, struct err *err);
bool wire_take_range(uint64_t value, uint64_t max, const char *what, struct err *err);
bool wire_take_address(struct address *to, const ProtobufCBinaryData *from, struct err *err);
/* NULL gives the family's default, len 0. */
bool wire_take_prefix(struct prefix *to, const Oceanid__Prefix *from, uint8_t family,
                      struct err *err);
bool wire_take_attempt(struct attempt *to, const Oceanid__Attempt *from, struct err *err);
bool wire_take_generation_id(struct generation_id *to, const Oceanid__GenerationId *from,
                             struct err *err);
bool wire_take_ssh(struct ssh_target *to, const Oceanid__SshTarget *from, struct err *err);
bool wire_take_check(struct check *to, const Oceanid__Check *from, struct err *err);
bool wire_take_verdicts(struct verdict *to, uint32_t *ret_count, Oceanid__Verdict **from,
                        size_t count, struct err *err);
/* to is initialised here; on false it is done already. */
bool wire_take_snapshot(struct snapshot *to, const Oceanid__Snapshot *from, struct err *err);
bool wire_take_operation(struct operation *to, const Oceanid__Operation *from, struct err *err);
bool wire_take_flow(struct protected_flow *to, const Oceanid__ProtectedFlow *from,
                    struct err *err);
bool wire_take_roster_entry(struct roster_entry *to, const Oceanid__RosterEntry *from,
                            struct err *err);
/* Owned copies; empty for NULL. */
struct wire_bytes wire_copy(const ProtobufCBinaryData *from);
struct wire_bytes wire_copy_signed(const Oceanid__Signed *from);

#endif
