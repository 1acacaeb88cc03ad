/*
 * losses: what a rollback would take back.
 */
#include "controller/ctl/losses.h"

#include <stdio.h>

#include "controller/ctl/api.h"
#include "controller/ctl/field.h"

size_t losses_find_standing(const json_t *node, const char *to)
{
    const json_t *generations = field_array(node, "generations");
    unsigned long long sequence = 0;

    text_parse_u64(to, UINT64_MAX, &sequence);
    for (size_t i = json_array_size(generations); i > 0; i--) {
        const json_t *item = json_array_get(generations, i - 1);

        if (text_equal(field_text(item, "change"), to) ||
            (sequence > 0 && (unsigned long long)field_number(item, "sequence") == sequence))
            return i;
    }
    return 0;
}

bool losses_is_unknown(const json_t *node)
{
    return json_is_false(json_object_get(node, "known")) && /* an older controller has no word */
           !text_equal(field_text(node, "role"), "witness");
}

void losses_add_change(struct text *out, const json_t *generation)
{
    text_add(out, "%s%s%s", out->len > 0 ? ", " : "", field_text(generation, "change"),
             field_is_true(generation, "in_doubt") ? " (in doubt: it may be gone already)" : "");
}

void losses_list_down_to(const json_t *node, const char *to, struct text *out)
{
    const json_t *generations = field_array(node, "generations");
    size_t last = losses_find_standing(node, to);

    if (last == 0 && losses_is_unknown(node))
        text_add(out, "not known: it has not said since the controller began");
    else if (last == 0)
        text_add(out, "nothing: no %s stood there", to);
    for (size_t i = json_array_size(generations); last > 0 && i >= last; i--)
        losses_add_change(out, json_array_get(generations, i - 1));
    if (last > 0 && losses_is_unknown(node))
        text_add(out, " (seen before the controller began)");
}

static void print_line(const char *node, const char *sentence)
{
    fprintf(stderr, "  %-20s %s\n", field_plain(node), field_plain(sentence));
}

/* Of the open or last rollout, as the controller sees it. */
static bool print_last(struct ctl *ctl, json_t *names, struct losses_shown *shown, struct err *err)
{
    json_t *body = json_object();
    AUTO_JSON json_t *losses = NULL;
    const json_t *nodes;

    if (json_array_size(names) > 0)
        json_object_set(body, "nodes", names);
    if (shown->meant != 0)
        json_object_set_new(body, "rollout", json_integer(shown->meant));
    if (!api_send_take(ctl->api, "POST", "/v1/emergency-rollback/losses", body, &losses, err))
        return false;
    nodes = field_array(losses, "nodes");
    shown->rollout = field_number(losses, "rollout");
    text_copy(shown->instead, sizeof(shown->instead), field_plain(field_text(losses, "instead")));
    if (field_text(losses, "before")[0] != '\0')
        fprintf(stderr, "%s. What would go now is older:\n",
                field_plain(field_text(losses, "before")));
    fprintf(stderr, "What goes of %s (rollout %lld):\n", field_plain(field_text(losses, "change")),
            field_number(losses, "rollout"));
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);

        print_line(field_text(node, "name"), field_text(node, "sentence"));
    }
    return true;
}

bool losses_is_named(const json_t *names, const char *name)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        if (text_equal(json_string_value(json_array_get(names, i)), name))
            return true;
    }
    return json_array_size(names) == 0;
}

static const json_t *find_node(const json_t *nodes, const char *name)
{
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);

        if (text_equal(field_text(node, "name"), name))
            return node;
    }
    return NULL;
}

/* Returns whether something would go there, or may: an order waits for who has not been heard. */
static bool print_node_down_to(const json_t *nodes, const char *name, const char *to)
{
    const json_t *node = find_node(nodes, name);
    char loss[REASON_SIZE] = "nothing: it is no node of this fleet";
    struct text text = TEXT_IN(loss);

    if (node != NULL)
        losses_list_down_to(node, to, &text);
    print_line(name, loss);
    return node != NULL && (losses_find_standing(node, to) > 0 || losses_is_unknown(node));
}

static bool print_down_to(struct ctl *ctl, const json_t *names, const char *to, struct err *err)
{
    AUTO_JSON json_t *document = NULL;
    bool some = false;

    if (!api_get(ctl->api, "/v1/nodes", &document, err))
        return false;
    fprintf(stderr, "What goes, with all that stands above it:\n");
    for (size_t i = 0; i < json_array_size(names); i++)
        some |= print_node_down_to(field_array(document, "nodes"),
                                   json_string_value(json_array_get(names, i)), to);
    return some ||
           err_set(err, ERR_INPUT,
                   "--to '%.80s': it stands on none of the nodes named; nothing was done", to);
}

/* A controller that says no says it again, and keys that cannot be used (ERR_SYSTEM) ask nobody.
 * One that failed at this may do the other all the same. */
static bool is_refused(enum err_kind kind)
{
    return kind == ERR_INPUT || kind == ERR_MISSING || kind == ERR_DENIED || kind == ERR_CONFLICT ||
           kind == ERR_SYSTEM;
}

bool losses_print(struct ctl *ctl, json_t *names, const char *to, struct losses_shown *shown,
                  struct err *err)
{
    shown->rollout = 0;
    shown->instead[0] = '\0';
    if (ctl_api(ctl, err) != NULL &&
        (to != NULL ? print_down_to(ctl, names, to, err) : print_last(ctl, names, shown, err)))
        return true;
    if (is_refused(err->kind))
        return false;
    if (err->kind == ERR_TIMEOUT) {
        fprintf(stderr, "What goes is not known, and nothing was done. With --yes it is asked to "
                        "take it back unseen.\n");
        return false;
    }
    fprintf(stderr, "What goes is not known: %s\n", field_plain(err->text));
    *err = (struct err)ERR_INIT;
    return true;
}
