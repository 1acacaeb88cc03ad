/*
 * config: opens a YAML file that a person wrote, and refuses what none of ours may contain.
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

/* C0, DEL, and C1 in UTF-8; newline and tab are text. */
static bool is_control(const uint8_t *at)
{
    if (at[0] == 0xc2)
        return at[1] >= 0x80 && at[1] < 0xa0;
    return (at[0] < ' ' && at[0] != '\n' && at[0] != '\t') || at[0] == 0x7f;
}

/* A terminal prints what stands in a file: nothing in it may steer one. */
static bool check_text(struct yaml_file *file, const yaml_node_t *node)
{
    const uint8_t *text = node->data.scalar.value;

    for (size_t i = 0; i < node->data.scalar.length; i++) {
        if (is_control(text + i))
            return yaml_refuse(file, node, "a control character: accepted is printable text");
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

yaml_node_t *yaml_file_root(struct yaml_file *file)
{
    return yaml_document_get_root_node(&file->document);
}
