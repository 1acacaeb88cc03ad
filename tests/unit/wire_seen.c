/*
 * wire_seen: which fields of which messages had a value.
 */
#include "tests/unit/wire_seen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/text.h"

#include <cmocka.h>

enum { FIELDS_MAX = 1024 };

static struct {
    const ProtobufCMessageDescriptor *kind;
    const ProtobufCFieldDescriptor *field;
    bool seen;
} fields[FIELDS_MAX];
static size_t fields_count;

/* All fields of the kind, and of the kinds that are in it. */
static void add_kind(const ProtobufCMessageDescriptor *kind)
{
    for (size_t i = 0; i < fields_count; i++) {
        if (fields[i].kind == kind)
            return;
    }
    for (unsigned i = 0; i < kind->n_fields; i++) {
        assert_true(fields_count < FIELDS_MAX);
        fields[fields_count].kind = kind;
        fields[fields_count++].field = &kind->fields[i];
    }
    for (unsigned i = 0; i < kind->n_fields; i++) {
        if (kind->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
            add_kind(kind->fields[i].descriptor);
    }
}

static void mark_seen(const ProtobufCFieldDescriptor *field)
{
    for (size_t i = 0; i < fields_count; i++) {
        if (fields[i].field == field)
            fields[i].seen = true;
    }
}

static void look_at(const ProtobufCMessage *message);

/* One value: whether it is another than that of a field that is not there. */
static bool has_value(const ProtobufCFieldDescriptor *field, const void *value)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        if (*(ProtobufCMessage *const *)value != NULL)
            look_at(*(ProtobufCMessage *const *)value);
        return *(ProtobufCMessage *const *)value != NULL;
    case PROTOBUF_C_TYPE_STRING:
        return *(const char *const *)value != NULL && **(const char *const *)value != '\0';
    case PROTOBUF_C_TYPE_BYTES:
        return ((const ProtobufCBinaryData *)value)->len > 0;
    case PROTOBUF_C_TYPE_BOOL:
        return *(const protobuf_c_boolean *)value != 0;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return *(const uint64_t *)value != 0;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_ENUM:
        return *(const uint32_t *)value != 0;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        break;
    }
    fail_msg("%s: a type that no message of ours has", field->name);
    return false;
}

/* Several: also of one that has none, each of the messages is looked at. */
static bool has_values(const ProtobufCFieldDescriptor *field, const uint8_t *base)
{
    size_t count = *(const size_t *)(const void *)(base + field->quantifier_offset);
    ProtobufCMessage **messages = *(ProtobufCMessage ***)(uintptr_t)(base + field->offset);

    for (size_t i = 0; field->type == PROTOBUF_C_TYPE_MESSAGE && i < count; i++)
        look_at(messages[i]);
    return count > 0;
}

static bool is_there(const ProtobufCFieldDescriptor *field, const uint8_t *base)
{
    uint32_t chosen;

    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return has_values(field, base);
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0)
        return has_value(field, base + field->offset);
    chosen = *(const uint32_t *)(const void *)(base + field->quantifier_offset);
    return chosen == field->id && has_value(field, base + field->offset);
}

static void look_at(const ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];

        if (is_there(field, (const uint8_t *)message))
            mark_seen(field);
    }
}

void wire_seen_note(const ProtobufCMessageDescriptor *kind, struct bytes encoded)
{
    ProtobufCMessage *message = protobuf_c_message_unpack(kind, NULL, encoded.len, encoded.data);

    assert_non_null(message);
    add_kind(kind);
    look_at(message);
    protobuf_c_message_free_unpacked(message, NULL);
}

void wire_seen_expect_all_but(const char *expected)
{
    char never[2048] = "";
    struct text text = TEXT_IN(never);

    assert_true(fields_count > 0);
    for (size_t i = 0; i < fields_count; i++) {
        if (!fields[i].seen)
            text_add(&text, "%s%s.%s", text.len > 0 ? ", " : "", fields[i].kind->short_name,
                     fields[i].field->name);
    }
    assert_string_equal(never, expected);
}
