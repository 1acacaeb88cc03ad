/*
 * config: opens a YAML file that a person wrote and reads its mappings by tables of keys.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/core/text.h"
#include "common/io/config_yaml.h"

enum {
    DEPTH_MAX = 16,     /* the deepest that any of our files needs is 6 */
    VALUES_MAX = 16384, /* of one file: the largest fleet has about 4,000 */
    PAIRS_MAX = 2 * NODES_MAX,
};

/* ---- refusals ---------------------------------------------------------------------------------
 */

static bool refuse_line(struct yaml_file *file, size_t line, const char *text)
{
    return err_set(file->err, ERR_INPUT, "%s:%zu: %s", file->path, line + 1, text);
}

bool yaml_refuse(struct yaml_file *file, const yaml_node_t *node, const char *format, ...)
{
    char text[ERR_TEXT_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return refuse_line(file, node->start_mark.line, text);
}

static void describe(const yaml_node_t *node, struct text *out)
{
    if (yaml_is_text(node))
        text_add(out, " '%.80s'", yaml_text(node));
    else
        text_add(out, yaml_is_list(node) ? " is a list" : " is a mapping");
}

bool yaml_refuse_value(struct yaml_file *file, const struct yaml_key *key, const yaml_node_t *node,
                       const char *format, ...)
{
    char line[ERR_TEXT_SIZE];
    char accepted[ERR_TEXT_SIZE];
    struct text text = TEXT_IN(line);
    va_list args;

    va_start(args, format);
    vsnprintf(accepted, sizeof(accepted), format, args);
    va_end(args);
    text_add(&text, "`%s`", key->name);
    describe(node, &text);
    text_add(&text, ": %s", accepted);
    return refuse_line(file, node->start_mark.line, line);
}

bool yaml_refuse_here(struct yaml_file *file, const yaml_node_t *node)
{
    return err_wrap(file->err, "%s:%zu", file->path, node->start_mark.line + 1);
}

/* ---- before anything is built -----------------------------------------------------------------
 */

/* A pass over the events, which keeps nothing: what the document must not have, and how much of
 * it there is. */
struct scan {
    struct yaml_file *file;
    unsigned depth, values, documents;
};

static size_t line_of_offset(struct bytes text, size_t offset)
{
    size_t line = 0;

    for (size_t i = 0; i < offset && i < text.len; i++)
        line += text.data[i] == '\n';
    return line;
}

static bool refuse_syntax(struct yaml_file *file, const yaml_parser_t *parser, struct bytes text)
{
    char line[REASON_SIZE];
    struct text out = TEXT_IN(line);

    text_add(&out, "no YAML: %s", parser->problem != NULL ? parser->problem : "out of memory");
    if (parser->context != NULL)
        text_add(&out, " %s", parser->context);
    return refuse_line(file,
                       parser->error == YAML_READER_ERROR
                           ? line_of_offset(text, parser->problem_offset)
                           : parser->problem_mark.line,
                       line);
}

static const yaml_char_t *anchor_of(const yaml_event_t *event)
{
    switch ((int)event->type) {
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor;
    default:
        return NULL;
    }
}

static const yaml_char_t *tag_of(const yaml_event_t *event)
{
    switch ((int)event->type) {
    case YAML_SCALAR_EVENT:
        return event->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.tag;
    default:
        return NULL;
    }
}

static void count_event(struct scan *scan, const yaml_event_t *event)
{
    switch ((int)event->type) {
    case YAML_DOCUMENT_START_EVENT:
        scan->documents++;
        break;
    case YAML_SCALAR_EVENT:
        scan->values++;
        break;
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        scan->values++;
        scan->depth++;
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        scan->depth--;
        break;
    default:
        break;
    }
}

static bool check_event(struct scan *scan, const yaml_event_t *event)
{
    size_t line = event->start_mark.line;
    char text[REASON_SIZE];

    count_event(scan, event);
    if (event->type == YAML_ALIAS_EVENT || anchor_of(event) != NULL)
        return refuse_line(scan->file, line,
                           "an anchor or alias: accepted are values written out where they stand");
    if (tag_of(event) != NULL)
        return refuse_line(scan->file, line, "a tag: accepted are values without one");
    if (scan->documents > 1)
        return refuse_line(scan->file, line, "a second document: accepted is one a file");
    if (scan->depth > DEPTH_MAX) {
        snprintf(text, sizeof(text), "nested deeper than %d levels, which is what is accepted",
                 DEPTH_MAX);
        return refuse_line(scan->file, line, text);
    }
    if (scan->values > VALUES_MAX) {
        snprintf(text, sizeof(text), "more than %d values, which is what is accepted", VALUES_MAX);
        return refuse_line(scan->file, line, text);
    }
    return true;
}

static void start_parser(yaml_parser_t *parser, struct bytes text)
{
    yaml_parser_set_input_string(parser, text.len > 0 ? text.data : (const uint8_t *)"", text.len);
}

static bool scan_events(struct yaml_file *file, yaml_parser_t *parser, struct bytes text)
{
    struct scan scan = {.file = file};
    bool ended = false;
    bool good = true;

    start_parser(parser, text);
    while (good && !ended) {
        yaml_event_t event;

        if (!yaml_parser_parse(parser, &event))
            return refuse_syntax(file, parser, text);
        good = check_event(&scan, &event);
        ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    return good;
}

/* ---- once the nodes are there -----------------------------------------------------------------
 */

/* A terminal prints what stands in a file: nothing in it may steer one. */
static bool check_text(struct yaml_file *file, const yaml_node_t *node)
{
    const char *text = yaml_text(node);

    for (size_t i = 0; i < node->data.scalar.length; i++) {
        unsigned char byte = (unsigned char)text[i];

        if ((byte < ' ' && byte != '\n' && byte != '\t') || byte == 0x7f)
            return yaml_refuse(file, node, "character %u in '%.40s': accepted is printable text",
                               byte, text);
    }
    return true;
}

static bool check_key(struct yaml_file *file, const yaml_node_t *mapping, size_t i)
{
    const yaml_node_t *key = yaml_pair_key(file, mapping, i);

    if (!yaml_is_text(key))
        return yaml_refuse(file, key, "a key that is a list or a mapping: accepted is a name");
    for (size_t k = 0; k < i; k++) {
        const yaml_node_t *earlier = yaml_pair_key(file, mapping, k);

        if (text_equal(yaml_text(earlier), yaml_text(key)))
            return yaml_refuse(file, key, "key '%.80s' again: it stands in line %zu already",
                               yaml_text(key), earlier->start_mark.line + 1);
    }
    return true;
}

static bool check_mapping(struct yaml_file *file, const yaml_node_t *node)
{
    size_t count = yaml_count(node);

    if (count > PAIRS_MAX)
        return yaml_refuse(file, node, "%zu keys in one mapping: accepted are at most %d", count,
                           PAIRS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (!check_key(file, node, i))
            return false;
    }
    return true;
}

static bool check_nodes(struct yaml_file *file)
{
    for (yaml_node_t *node = file->document.nodes.start; node < file->document.nodes.top; node++) {
        if (yaml_is_text(node) && !check_text(file, node))
            return false;
    }
    for (yaml_node_t *node = file->document.nodes.start; node < file->document.nodes.top; node++) {
        if (yaml_is_mapping(node) && !check_mapping(file, node))
            return false;
    }
    return true;
}

static bool load(struct yaml_file *file, yaml_parser_t *parser, struct bytes text)
{
    start_parser(parser, text);
    if (!yaml_parser_load(parser, &file->document))
        return refuse_syntax(file, parser, text);
    if (check_nodes(file))
        return true;
    yaml_document_delete(&file->document);
    return false;
}

static bool run_parser(struct yaml_file *file, struct bytes text,
                       bool (*parse_fn)(struct yaml_file *, yaml_parser_t *, struct bytes))
{
    yaml_parser_t parser;
    bool good;

    if (!yaml_parser_initialize(&parser))
        return err_set(file->err, ERR_SYSTEM, "%s: out of memory", file->path);
    good = parse_fn(file, &parser, text);
    yaml_parser_delete(&parser);
    return good;
}

bool yaml_file_open(struct yaml_file *file, const char *path, struct bytes text, struct err *err)
{
    *file = (struct yaml_file){.path = path, .err = err};
    if (text.len > YAML_SIZE_MAX)
        return err_set(err, ERR_LIMIT, "%s: %zu bytes: accepted are at most %d", path, text.len,
                       YAML_SIZE_MAX);
    return run_parser(file, text, scan_events) && run_parser(file, text, load);
}

void yaml_file_close(struct yaml_file *file)
{
    yaml_document_delete(&file->document);
}

/* ---- nodes ------------------------------------------------------------------------------------
 */

yaml_node_t *yaml_file_root(struct yaml_file *file)
{
    return yaml_document_get_root_node(&file->document);
}

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

static bool has_key(struct yaml_file *file, const yaml_node_t *mapping, const char *name)
{
    for (size_t i = 0; mapping != NULL && i < yaml_count(mapping); i++) {
        if (text_equal(yaml_text(yaml_pair_key(file, mapping, i)), name))
            return true;
    }
    return false;
}

static bool check_needed(struct yaml_file *file, const yaml_node_t *mapping, struct yaml_keys keys)
{
    char text[REASON_SIZE];

    for (size_t i = 0; i < keys.count; i++) {
        if (!keys.list[i].needed || has_key(file, mapping, keys.list[i].name))
            continue;
        snprintf(text, sizeof(text), "key `%s` is missing", keys.list[i].name);
        return refuse_line(file, mapping != NULL ? mapping->start_mark.line : 0, text);
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

bool yaml_read_mapping(struct yaml_file *file, yaml_node_t *node, struct yaml_keys keys, void *to)
{
    if (yaml_is_empty(node))
        return check_needed(file, node, keys);
    if (!yaml_is_mapping(node))
        return yaml_refuse(file, node, "%s: accepted is a mapping, like `{ %s: ... }`",
                           yaml_is_list(node) ? "a list" : yaml_text(node),
                           keys.count > 0 ? keys.list[0].name : "");
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
