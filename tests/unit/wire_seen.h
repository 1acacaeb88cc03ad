/*
 * wire_seen: notes which fields of the messages a test has encoded with a value in them, so that a
 * field that nobody fills, or that an encoder forgets, is found by its name.
 *
 * Of a message that comes back equal to what was filled, nothing that was seen can have been lost.
 */
#ifndef TESTS_UNIT_WIRE_SEEN_H
#define TESTS_UNIT_WIRE_SEEN_H

#include <protobuf-c/protobuf-c.h>

#include "common/core/bytes.h"

/* The bytes are a message of this kind, which the test has filled. */
void wire_seen_note(const ProtobufCMessageDescriptor *kind, struct bytes encoded);

/* Fails with the fields of all noted kinds, and of what is in them, that never had a value, but for
 * these: "Route.raw, Rule.raw". In the order in which they were met. */
void wire_seen_expect_all_but(const char *fields);

#endif
