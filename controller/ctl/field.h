/*
 * field: reading members of a JSON object that came from the controller; what is not there, or of
 * another type, reads as empty. And making one of what people and other programs write.
 */
#ifndef CONTROLLER_CTL_FIELD_H
#define CONTROLLER_CTL_FIELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/core/bytes.h"

void field_release(json_t **document);
#define AUTO_JSON __attribute__((cleanup(field_release)))

const char *field_text(const json_t *object, const char *key);    /* "" */
long long field_number(const json_t *object, const char *key);    /* 0 */
bool field_is_true(const json_t *object, const char *key);        /* false */
const json_t *field_array(const json_t *object, const char *key); /* NULL: its size is 0 */
bool field_hash(const json_t *object, const char *key, struct hash *ret_hash);
bool field_nonce(const json_t *object, const char *key, struct nonce *ret_nonce);

/* The text with what a terminal could be told by replaced: peers wrote it. Sixteen may be in use
 * at once. */
const char *field_plain(const char *text);

#endif
