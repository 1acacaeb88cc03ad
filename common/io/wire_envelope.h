/*
 * wire_envelope: a payload with its signatures, made and opened. Only wire_*.c include it.
 */
#ifndef COMMON_IO_WIRE_ENVELOPE_H
#define COMMON_IO_WIRE_ENVELOPE_H

#include "common/io/wire_parts.h"

enum { ENVELOPE_SIZE_MAX = 256 << 10 };

/* A Signed of message by key, in that domain. */
struct wire_bytes wire_seal(const ProtobufCMessage *message, enum sign_domain domain,
                            const struct sign_key *key);

/* The envelope and what is in it, both in arenas of their own. */
struct opened {
    struct arena outer, inner;
    Oceanid__Signed *envelope;
    void *payload;
};
#define AUTO_OPENED __attribute__((cleanup(opened_done)))
void opened_done(struct opened *opened);
/* opened is zeroed; ended by the caller also on false. Verifies nothing. */
bool wire_open(struct opened *opened, const ProtobufCMessageDescriptor *descriptor,
               struct bytes from, struct err *err);
bool wire_take_key_signature(struct approval_signature *to, const Oceanid__KeySignature *from,
                             struct err *err);

#endif
