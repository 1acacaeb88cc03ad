/*
 * config_change: a change file.
 */
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/config_yaml.h"

enum {
    TIME_MAX_S = 7 * 24 * 3600,
    STEPS_MAX = sizeof(((struct change *)0)->steps) / sizeof(struct change_step),
};

static bool take_fixes(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                       void *to)
{
    struct change *change = to;

    return yaml_read_names(file, key, node,
                           (struct yaml_names){change->fixes, &change->fixes_count});
}

static bool take_targets(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                         void *to)
{
    struct change *change = to;

    return yaml_read_names(file, key, node,
                           (struct yaml_names){change->targets, &change->targets_count});
}

static bool take_operations(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                            void *to)
{
    struct change *change = to;

    if (!yaml_expect_list(file, key, node))
        return false;
    for (size_t i = 0; i < yaml_count(node); i++) {
        if (!config_read_step(file, yaml_item(file, node, i), &change->steps[i]))
            return false;
        change->steps_count++;
    }
    return true;
}

static bool take_check(struct yaml_file *file, yaml_node_t *node, struct change *change)
{
    AUTO_FREE struct fleet_check *check = mem_alloc(1, sizeof(*check));

    if (!config_read_check(file, node, check, false))
        return false;
    for (uint32_t i = 0; i < change->checks_count; i++) {
        if (text_equal(change->checks[i].name, check->check.name))
            return yaml_refuse(file, node, "check '%s' again: accepted is once", check->check.name);
    }
    change->checks[change->checks_count++] = check->check;
    return true;
}

static bool take_checks(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                        void *to)
{
    if (!yaml_expect_list(file, key, node))
        return false;
    for (size_t i = 0; i < yaml_count(node); i++) {
        if (!take_check(file, yaml_item(file, node, i), to))
            return false;
    }
    return true;
}

static bool refuse_waiver(struct yaml_file *file, const yaml_node_t *gate)
{
    char accepted[REASON_SIZE] = "";
    struct text text = TEXT_IN(accepted);

    for (unsigned i = 0; i < WAIVE_COUNT; i++)
        text_add(&text, "%s%s", i > 0 ? ", " : "", waiver_name((enum waiver)i));
    return yaml_refuse(file, gate, "`%.60s` cannot be waived; accepted are %s", yaml_text(gate),
                       accepted);
}

/* waive: { GATE: REASON } */
static bool take_waivers(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                         void *to)
{
    struct change *change = to;

    if (!yaml_expect_mapping(file, key, node))
        return false;
    for (size_t i = 0; i < yaml_count(node); i++) {
        const yaml_node_t *gate = yaml_pair_key(file, node, i);
        struct yaml_key reason = {.name = yaml_text(gate), .size = REASON_SIZE, .min = 1};
        enum waiver waiver;

        if (!waiver_parse(yaml_text(gate), &waiver))
            return refuse_waiver(file, gate);
        if (!yaml_take_text(file, &reason, yaml_pair_value(file, node, i),
                            change->waiver_reasons[waiver]))
            return false;
        change->waived[waiver] = true;
    }
    return true;
}

static bool take_receipt(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                         void *to)
{
    struct hash *hash = to;

    if (yaml_is_text(node) && bytes_parse_hex(yaml_text(node), hash->bytes, HASH_SIZE))
        return true;
    return yaml_refuse_value(file, key, node,
                             "accepted are the %d hexadecimal digits that "
                             "`oceanidctl hold list` prints",
                             2 * HASH_SIZE);
}

static const struct yaml_key lift_keys[] = {
    {.name = "receipt", .take_fn = take_receipt, YAML_FIELD(struct lift, receipt), .needed = true},
    {.name = "reason",
     .take_fn = yaml_take_text,
     YAML_FIELD(struct lift, reason),
     .min = 1,
     .needed = true},
};

static bool take_quarantines(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                             void *to)
{
    struct change *change = to;

    if (!yaml_expect_list(file, key, node))
        return false;
    for (size_t i = 0; i < yaml_count(node); i++) {
        yaml_node_t *item = yaml_item(file, node, i);
        struct lift *lift = &change->quarantines[i];

        if (!yaml_read_mapping(file, item, YAML_KEYS(lift_keys), lift))
            return false;
        for (size_t k = 0; k < i; k++) {
            if (hash_equal(&change->quarantines[k].receipt, &lift->receipt))
                return yaml_refuse(file, item, "this receipt again: accepted is once");
        }
        change->quarantines_count++;
    }
    return true;
}

static bool take_pause(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                       void *to)
{
    struct change *change = to;

    change->has_pause_after = true;
    return yaml_take_choice(file, key, node, &change->pause_after);
}

#define CHANGE_TEXT(field) .take_fn = yaml_take_text, YAML_FIELD(struct change, field), .min = 1
#define CHANGE_TIME(field)                                                                         \
    .take_fn = yaml_take_seconds, YAML_FIELD(struct change, field), .min = 1, .max = TIME_MAX_S

static const struct yaml_key change_keys[] = {
    {.name = "change", .take_fn = yaml_take_name, YAML_FIELD(struct change, name), .needed = true},
    {.name = "reason", CHANGE_TEXT(reason), .needed = true},
    {.name = "reference", CHANGE_TEXT(reference), .needed = true},
    {.name = "justification", CHANGE_TEXT(justification)},
    {.name = "fixes", .take_fn = take_fixes, .max = CHECKS_MAX},
    {.name = "targets", .take_fn = take_targets, .min = 1, .max = NODES_MAX, .needed = true},
    {.name = "operations", .take_fn = take_operations, .min = 1, .max = STEPS_MAX, .needed = true},
    {.name = "checks", .take_fn = take_checks, .max = CHECKS_MAX},
    {.name = "soak", CHANGE_TIME(soak_s)},
    {.name = "lease", CHANGE_TIME(lease_s)},
    {.name = "stage_size",
     .take_fn = yaml_take_number,
     YAML_FIELD(struct change, stage_size),
     .min = 1,
     .max = NODES_MAX},
    {.name = "pause_after",
     .take_fn = take_pause,
     .size = sizeof(enum pause_after),
     .choices = config_pause_names},
    {.name = "waive", .take_fn = take_waivers, .max = WAIVE_COUNT},
    {.name = "quarantines", .take_fn = take_quarantines, .max = LIFTS_MAX},
};

bool config_parse_change(const char *path, struct bytes text, struct change *ret_change,
                         struct err *err)
{
    AUTO_FREE struct change *change = mem_alloc(1, sizeof(*change));

    if (!yaml_read_document(path, text, YAML_KEYS(change_keys), change, err))
        return false;
    *ret_change = *change;
    return true;
}
