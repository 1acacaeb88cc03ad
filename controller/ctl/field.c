/*
 * field: reading members of a JSON object that came from the controller.
 */
#include "controller/ctl/field.h"

#include "common/core/text.h"

enum { BUFFERS_COUNT = 16 }; /* more than any one line prints */

void field_release(json_t **document)
{
    json_decref(*document);
}

const char *field_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

long long field_number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

bool field_is_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

const json_t *field_array(const json_t *object, const char *key)
{
    const json_t *array = json_object_get(object, key);

    return json_is_array(array) ? array : NULL;
}

bool field_hash(const json_t *object, const char *key, struct hash *ret_hash)
{
    return bytes_parse_hex(field_text(object, key), ret_hash->bytes, HASH_SIZE);
}

bool field_nonce(const json_t *object, const char *key, struct nonce *ret_nonce)
{
    return bytes_parse_hex(field_text(object, key), ret_nonce->bytes, NONCE_SIZE);
}

const char *field_plain(const char *text)
{
    static char buffers[BUFFERS_COUNT][1024];
    static unsigned next;
    char *to = buffers[next++ % BUFFERS_COUNT];

    text_copy(to, sizeof(buffers[0]), text);
    for (char *c = to; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    }
    return to;
}
