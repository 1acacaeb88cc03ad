/*
 * config_yaml: reads a YAML document by tables of keys, so that every refusal names file, line,
 * value and what is accepted.
 *
 * A table has one row a key; its take_fn writes the value into the field at `offset` of the
 * mapping's struct. Nothing here is reached by aliases, anchors, tags or a second document: these
 * are refused before, and so is what is too deep or too much.
 */
#ifndef COMMON_IO_CONFIG_YAML_H
#define COMMON_IO_CONFIG_YAML_H

#include <stddef.h>

#include <yaml.h>

#include "common/io/config.h"

/* One file that is being read. */
struct yaml_file {
    const char *path; /* only for messages */
    yaml_document_t document;
    struct err *err;
};

struct yaml_key;
typedef bool (*yaml_take_fn)(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                             void *to);

struct yaml_key {
    const char *name;
    yaml_take_fn take_fn;
    size_t offset, size; /* of the field: YAML_FIELD(struct, field) */
    unsigned long long min, max;
    const char *const *choices; /* of yaml_take_choice, ending in NULL */
    bool needed;
};

#define YAML_FIELD(type, field) .offset = offsetof(type, field), .size = sizeof(((type *)0)->field)

struct yaml_keys {
    const struct yaml_key *list;
    size_t count;
};

#define YAML_KEYS(array) ((struct yaml_keys){(array), sizeof(array) / sizeof((array)[0])})

/* Opens and closes; in between the nodes live. text is borrowed until yaml_file_open returns. */
bool yaml_file_open(struct yaml_file *file, const char *path, struct bytes text, struct err *err);
void yaml_file_close(struct yaml_file *file);

/* NULL for a document with nothing in it. */
yaml_node_t *yaml_file_root(struct yaml_file *file);

/* The mapping's values into `to`, in the order of the file. Nothing at all counts as an empty
 * mapping. */
bool yaml_read_mapping(struct yaml_file *file, yaml_node_t *node, struct yaml_keys keys, void *to);

/* Opens, reads the whole document by one table, closes. */
bool yaml_read_document(const char *path, struct bytes text, struct yaml_keys keys, void *to,
                        struct err *err);

/* ---- nodes ---- */

bool yaml_is_empty(const yaml_node_t *node); /* nothing written: `office:` */
bool yaml_is_text(const yaml_node_t *node);
bool yaml_is_list(const yaml_node_t *node);
bool yaml_is_mapping(const yaml_node_t *node);
const char *yaml_text(const yaml_node_t *node); /* of a text */
size_t yaml_count(const yaml_node_t *node);     /* of a list or mapping; 0 for nothing */
yaml_node_t *yaml_item(struct yaml_file *file, const yaml_node_t *list, size_t i);
yaml_node_t *yaml_pair_key(struct yaml_file *file, const yaml_node_t *mapping, size_t i);
yaml_node_t *yaml_pair_value(struct yaml_file *file, const yaml_node_t *mapping, size_t i);

/* A mapping's value under this name; NULL: not there. */
yaml_node_t *yaml_find(struct yaml_file *file, const yaml_node_t *mapping, const char *name);

/* Whether it is a list, or a mapping (or nothing), of key->min to key->max things. */
bool yaml_expect_list(struct yaml_file *file, const struct yaml_key *key, const yaml_node_t *node);
bool yaml_expect_mapping(struct yaml_file *file, const struct yaml_key *key,
                         const yaml_node_t *node);

/* ---- refusals; all return false ---- */

/* "fleet.yaml:7: ..." */
bool yaml_refuse(struct yaml_file *file, const yaml_node_t *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "fleet.yaml:7: `key` 'value': accepted ..."; format is what stands behind the value. */
bool yaml_refuse_value(struct yaml_file *file, const struct yaml_key *key, const yaml_node_t *node,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Puts the place in front of what a validator said. */
bool yaml_refuse_here(struct yaml_file *file, const yaml_node_t *node);

/* ---- values ---- */

bool yaml_take_text(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                    void *to); /* at least key->min characters that are not blank */
bool yaml_take_line(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                    void *to); /* the same without newline and tab */
bool yaml_take_name(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                    void *to);
bool yaml_take_bool(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                    void *to);
bool yaml_take_number(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                      void *to); /* unsigned, of 1, 2 or 4 bytes; max 0: what fits */
bool yaml_take_seconds(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                       void *to);
bool yaml_take_milliseconds(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                            void *to);
bool yaml_take_choice(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                      void *to); /* an enum: the index in key->choices */
bool yaml_take_table(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                     void *to);
bool yaml_take_tos(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                   void *to); /* a byte: its number, or one of ip(8)'s names */
bool yaml_take_device(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                      void *to);
bool yaml_take_address(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                       void *to);
bool yaml_take_prefix(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                      void *to); /* one with host bits is refused */
bool yaml_take_path(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                    void *to); /* absolute; max 0: what fits */

/* Where a list of names goes. */
struct yaml_names {
    char (*names)[NAME_SIZE];
    uint32_t *count;
};

/* key->min to key->max names, none twice. */
bool yaml_read_names(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                     struct yaml_names to);

/* "host:port", "[host]:port" or a bare host (port 0) in parts. False
 * when the port is none, or the host empty or too long. */
bool yaml_split_port(const char *text, char *to, size_t size, uint16_t *ret_port);

/* ---- parts of fleet and change ---- */

/* Of `pause_after`, in the order of the enum, ending in NULL. */
extern const char *const config_pause_names[PAUSE_COUNT + 1];

/* One check, with its defaults, validated; `for` is a key of it with_nodes. */
bool config_read_check(struct yaml_file *file, yaml_node_t *node, struct fleet_check *ret_check,
                       bool with_nodes);

/* One operation: its single key and its value, validated. */
bool config_read_step(struct yaml_file *file, yaml_node_t *node, struct change_step *ret_step);

/* Takes `nexthops` into a struct operation_route. */
bool config_take_hops(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                      void *to);

/* Take-functions that fill a struct change_step. */
bool config_take_route(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                       void *to);
bool config_take_nexthop(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                         void *to);
bool config_take_rule(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                      void *to);

#endif
