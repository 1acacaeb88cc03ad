/*
 * config_table: walks the nodes of a YAML file, and reads its mappings by tables of keys.
 */
#include "common/core/text.h"
#include "common/io/config_yaml.h"

/* ---- nodes ------------------------------------------------------------------------------------
 */

bool yaml_is_empty(const yaml_node_t *node)
{
    return node == NULL || (node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0 &&
                            node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE);
}

bool yaml_is_text(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE;
}

bool yaml_is_list(const yaml_node_t *node)
{
    return node->type == YAML_SEQUENCE_NODE;
}

bool yaml_is_mapping(const yaml_node_t *node)
{
    return node->type == YAML_MAPPING_NODE;
}

const char *yaml_text(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

size_t yaml_count(const yaml_node_t *node)
{
    if (yaml_is_list(node))
        return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (yaml_is_mapping(node))
        return (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
    return 0;
}

yaml_node_t *yaml_item(struct yaml_file *file, const yaml_node_t *list, size_t i)
{
    return yaml_document_get_node(&file->document, list->data.sequence.items.start[i]);
}

yaml_node_t *yaml_pair_key(struct yaml_file *file, const yaml_node_t *mapping, size_t i)
{
    return yaml_document_get_node(&file->document, mapping->data.mapping.pairs.start[i].key);
}

yaml_node_t *yaml_pair_value(struct yaml_file *file, const yaml_node_t *mapping, size_t i)
{
    return yaml_document_get_node(&file->document, mapping->data.mapping.pairs.start[i].value);
}

yaml_node_t *yaml_find(struct yaml_file *file, const yaml_node_t *mapping, const char *name)
{
    for (size_t i = 0; mapping != NULL && yaml_is_mapping(mapping) && i < yaml_count(mapping);
         i++) {
        if (text_equal(yaml_text(yaml_pair_key(file, mapping, i)), name))
            return yaml_pair_value(file, mapping, i);
    }
    return NULL;
}

/* ---- mappings by table ------------------------------------------------------------------------
 */

static const struct yaml_key *find_key(struct yaml_keys keys, const char *name)
{
    for (size_t i = 0; i < keys.count; i++) {
        if (text_equal(keys.list[i].name, name))
            return &keys.list[i];
    }
    return NULL;
}

static bool refuse_key(struct yaml_file *file, const yaml_node_t *key, struct yaml_keys keys)
{
    char accepted[400] = "";
    struct text text = TEXT_IN(accepted);

    for (size_t i = 0; i < keys.count; i++)
        text_add(&text, "%s%s", i > 0 ? ", " : "", keys.list[i].name);
    return yaml_refuse(file, key, "key '%.60s' is not known; accepted are %s", yaml_text(key),
                       keys.count > 0 ? accepted : "none");
}

static bool check_needed(struct yaml_file *file, const yaml_node_t *mapping, struct yaml_keys keys)
{
    for (size_t i = 0; i < keys.count; i++) {
        if (!keys.list[i].needed || yaml_find(file, mapping, keys.list[i].name) != NULL)
            continue;
        if (mapping != NULL)
            return yaml_refuse(file, mapping, "key `%s` is missing", keys.list[i].name);
        return err_set(file->err, ERR_INPUT, "%s: it is empty; key `%s` is missing", file->path,
                       keys.list[i].name);
    }
    return true;
}

static bool take_pair(struct yaml_file *file, const yaml_node_t *mapping, size_t i,
                      struct yaml_keys keys, void *to)
{
    yaml_node_t *name = yaml_pair_key(file, mapping, i);
    yaml_node_t *value = yaml_pair_value(file, mapping, i);
    const struct yaml_key *key = find_key(keys, yaml_text(name));

    if (key == NULL)
        return refuse_key(file, name, keys);
    return key->take_fn(file, key, value, (char *)to + key->offset);
}

static bool refuse_shape(struct yaml_file *file, const yaml_node_t *node, struct yaml_keys keys)
{
    char accepted[REASON_SIZE] = "{ }";
    struct text text = TEXT_IN(accepted);

    if (keys.count > 0)
        text_add(&text, "{ %s: ... }", keys.list[0].name);
    if (yaml_is_list(node))
        return yaml_refuse(file, node, "a list: accepted is a mapping, like %s", accepted);
    return yaml_refuse(file, node, "'%.60s': accepted is a mapping, like %s", yaml_text(node),
                       accepted);
}

bool yaml_read_mapping(struct yaml_file *file, yaml_node_t *node, struct yaml_keys keys, void *to)
{
    if (yaml_is_empty(node))
        return check_needed(file, node, keys);
    if (!yaml_is_mapping(node))
        return refuse_shape(file, node, keys);
    for (size_t i = 0; i < yaml_count(node); i++) {
        if (!take_pair(file, node, i, keys, to))
            return false;
    }
    return check_needed(file, node, keys);
}

bool yaml_read_document(const char *path, struct bytes text, struct yaml_keys keys, void *to,
                        struct err *err)
{
    struct yaml_file file;
    bool good;

    if (!yaml_file_open(&file, path, text, err))
        return false;
    good = yaml_read_mapping(&file, yaml_file_root(&file), keys, to);
    yaml_file_close(&file);
    return good;
}

static bool expect_count(struct yaml_file *file, const struct yaml_key *key,
                         const yaml_node_t *node)
{
    size_t count = yaml_count(node);

    if (count >= key->min && count <= key->max)
        return true;
    return yaml_refuse(file, node, "`%s` has %zu: accepted are %llu to %llu", key->name, count,
                       key->min, key->max);
}

bool yaml_expect_list(struct yaml_file *file, const struct yaml_key *key, const yaml_node_t *node)
{
    if (!yaml_is_list(node))
        return yaml_refuse_value(file, key, node, "accepted is a list, like [a, b]");
    return expect_count(file, key, node);
}

bool yaml_expect_mapping(struct yaml_file *file, const struct yaml_key *key,
                         const yaml_node_t *node)
{
    if (!yaml_is_mapping(node) && !yaml_is_empty(node))
        return yaml_refuse_value(file, key, node, "accepted is a mapping, like { a: b }");
    return expect_count(file, key, node);
}
