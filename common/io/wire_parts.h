/*
 * wire_parts: what the wire_*.c share: memory for one message, and its recurring parts.
 *
 * wire_put_* build protobuf-c structs in an arena; wire_take_* fill our values from them and refuse
 * what is out of range. Only wire_*.c include this header. wire_values.h has the parts of the
 * network and of a change.
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

/* Lent: protobuf-c wants it without const. For names and what else is known to be plain. */
char *wire_put_string(const char *text);
/* Lent; a copy with '?' for each byte that is control or not UTF-8, if there is one. */
char *wire_put_text(struct arena *arena, const char *text);
/* count strings, one each size bytes behind first. */
char **wire_put_rows(struct arena *arena, const char *first, size_t size, size_t count);
ProtobufCBinaryData wire_put_bytes(const void *data, size_t len);
ProtobufCBinaryData wire_put_address(const struct address *address);
Oceanid__Prefix *wire_put_prefix(struct arena *arena, const struct prefix *prefix);
Oceanid__Attempt *wire_put_attempt(struct arena *arena, const struct attempt *attempt);
Oceanid__GenerationId *wire_put_generation_id(struct arena *arena, const struct generation_id *id);
Oceanid__RosterEntry **wire_put_roster(struct arena *arena, const struct roster_entry *entries,
                                       size_t count);
/* Encoded bytes, unpacked again, so that they nest; NULL for empty bytes, and for others than a
 * message of that kind. */
void *wire_put_nested(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
                      struct bytes encoded);
Oceanid__Signed *wire_put_signed(struct arena *arena, struct bytes envelope);

/* Refused: longer than size - 1, control characters but newline and tab, not UTF-8. */
bool wire_take_text(char *to, size_t size, const char *from, const char *what, struct err *err);
/* The same in one line, newline and tab being a space each: what is printed behind or between words
 * of our own, where another line would be taken for one of ours. */
bool wire_take_line(char *to, size_t size, const char *from, const char *what, struct err *err);
/* Refused: newline and tab too, in what names a thing and goes into what a person may run. */
bool wire_take_word(char *to, size_t size, const char *from, const char *what, struct err *err);
bool wire_take_name(char *to, const char *from, const char *what, struct err *err);
/* An array of max lines of size bytes each; names: each has to be one. */
struct wire_rows {
    char *first;
    size_t size, max;
    const char *what;
    bool names;
};
bool wire_take_rows(const struct wire_rows *to, uint32_t *ret_count, char **from, size_t count,
                    struct err *err);
bool wire_take_fixed(void *to, size_t len, const ProtobufCBinaryData *from, const char *what,
                     struct err *err);
bool wire_take_count(size_t count, size_t max, const char *what, struct err *err);
bool wire_take_range(uint64_t value, uint64_t max, const char *what, struct err *err);
bool wire_take_u8(uint8_t *to, uint32_t value, const char *what, struct err *err);
bool wire_take_u16(uint16_t *to, uint32_t value, const char *what, struct err *err);
bool wire_take_address(struct address *to, const ProtobufCBinaryData *from, struct err *err);
/* NULL gives one that is not set. */
bool wire_take_prefix(struct prefix *to, const Oceanid__Prefix *from, struct err *err);
bool wire_take_attempt(struct attempt *to, const Oceanid__Attempt *from, struct err *err);
bool wire_take_generation_id(struct generation_id *to, const Oceanid__GenerationId *from,
                             struct err *err);
bool wire_take_signature(struct signature *to, const ProtobufCBinaryData *from, struct err *err);
bool wire_take_roster(struct roster_entry *to, uint32_t *ret_count, Oceanid__RosterEntry **from,
                      size_t count, struct err *err);
/* Owned copies; empty for NULL. */
struct wire_bytes wire_copy(const ProtobufCBinaryData *from);
struct wire_bytes wire_copy_message(const ProtobufCMessage *from);
struct wire_bytes wire_copy_signed(const Oceanid__Signed *from);
/* Refuses one that is missing or signs nothing. */
bool wire_take_signed(struct wire_bytes *to, const Oceanid__Signed *from, const char *what,
                      struct err *err);

#endif
