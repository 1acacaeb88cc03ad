/*
 * config_trust: trust.yaml: who may sign, and the bounds that no manifest may leave.
 */
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/config_yaml.h"

enum { TIME_MAX_S = 7 * 24 * 3600, UNCOMPRESSED = 4 /* SEC 1: the point's first byte */ };

static bool take_roles(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                       void *to)
{
    unsigned *roles = to;

    if (!yaml_expect_list(file, key, node))
        return false;
    for (size_t i = 0; i < yaml_count(node); i++) {
        yaml_node_t *item = yaml_item(file, node, i);

        if (yaml_is_text(item) && text_equal(yaml_text(item), "approver"))
            *roles |= TRUST_APPROVER;
        else if (yaml_is_text(item) && text_equal(yaml_text(item), "operator"))
            *roles |= TRUST_OPERATOR;
        else
            return yaml_refuse_value(file, key, item, "accepted are approver and operator");
    }
    return true;
}

static bool take_public_key(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                            void *to)
{
    struct public_key *public_key = to;

    if (yaml_is_text(node) && bytes_parse_hex(yaml_text(node), public_key->bytes, KEY_SIZE) &&
        public_key->bytes[0] == UNCOMPRESSED)
        return true;
    return yaml_refuse_value(file, key, node,
                             "accepted is a P-256 point, 04 and %d hexadecimal digits",
                             2 * (KEY_SIZE - 1));
}

static const struct yaml_key key_keys[] = {
    {.name = "name", .take_fn = yaml_take_name, YAML_FIELD(struct trust_key, name), .needed = true},
    {.name = "roles",
     .take_fn = take_roles,
     YAML_FIELD(struct trust_key, roles),
     .min = 1,
     .max = 2,
     .needed = true},
    {.name = "key", .take_fn = take_public_key, YAML_FIELD(struct trust_key, key), .needed = true},
};

/* One key under two names would count for two approvals. */
static bool refuse_twins(struct yaml_file *file, const yaml_node_t *node, const struct trust *trust,
                         const struct trust_key *key)
{
    for (uint32_t i = 0; i < trust->keys_count; i++) {
        if (text_equal(trust->keys[i].name, key->name))
            return yaml_refuse(file, node, "name '%s' again: accepted is once", key->name);
        if (key_equal(&trust->keys[i].key, &key->key))
            return yaml_refuse(file, node,
                               "the key of '%s' is that of '%s' too: accepted is one "
                               "name a key",
                               key->name, trust->keys[i].name);
    }
    return true;
}

static bool take_keys(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                      void *to)
{
    struct trust *trust = to;

    if (!yaml_expect_list(file, key, node))
        return false;
    for (size_t i = 0; i < yaml_count(node); i++) {
        yaml_node_t *item = yaml_item(file, node, i);

        if (!yaml_read_mapping(file, item, YAML_KEYS(key_keys), &trust->keys[i]) ||
            !refuse_twins(file, item, trust, &trust->keys[i]))
            return false;
        trust->keys_count++;
    }
    return true;
}

#define TRUST_TIME(field)                                                                          \
    .take_fn = yaml_take_seconds, YAML_FIELD(struct trust, field), .min = 1, .max = TIME_MAX_S

static const struct yaml_key trust_keys[] = {
    {.name = "threshold",
     .take_fn = yaml_take_number,
     YAML_FIELD(struct trust, threshold),
     .min = 1,
     .max = SIGNATURES_MAX,
     .needed = true},
    {.name = "soak-min", TRUST_TIME(soak_min_s), .needed = true},
    {.name = "lease-max", TRUST_TIME(lease_max_s), .needed = true},
    {.name = "keys", .take_fn = take_keys, .min = 1, .max = KEYS_MAX, .needed = true},
};

static bool read_trust(struct yaml_file *file, struct trust *trust)
{
    yaml_node_t *root = yaml_file_root(file);
    uint32_t approvers = 0;

    if (!yaml_read_mapping(file, root, YAML_KEYS(trust_keys), trust))
        return false;
    for (uint32_t i = 0; i < trust->keys_count; i++)
        approvers += (trust->keys[i].roles & TRUST_APPROVER) != 0;
    if (trust->threshold <= approvers)
        return true;
    return yaml_refuse(file, yaml_find(file, root, "threshold"),
                       "`threshold` %u: accepted is at most the number of keys with the role "
                       "approver, which is %u",
                       trust->threshold, approvers);
}

bool config_parse_trust(const char *path, struct bytes text, struct trust *ret_trust,
                        struct err *err)
{
    AUTO_FREE struct trust *trust = mem_alloc(1, sizeof(*trust));
    struct yaml_file file;
    bool good;

    if (!yaml_file_open(&file, path, text, err))
        return false;
    good = read_trust(&file, trust);
    yaml_file_close(&file);
    if (good)
        *ret_trust = *trust;
    return good;
}
