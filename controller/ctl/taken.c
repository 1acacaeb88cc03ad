/*
 * taken: how far a rollback is.
 */
#include "controller/ctl/taken.h"

#include "common/core/text.h"
#include "controller/ctl/field.h"

/* "drill2 (rollout 10)" */
static void print_what(const json_t *rollback, const char *to, FILE *out)
{
    if (to != NULL)
        fprintf(out, "%s", field_plain(to));
    else
        fprintf(out, "%s (rollout %lld)", field_plain(field_text(rollback, "change")),
                field_number(rollback, "rollout"));
}

static bool stood_nowhere(const json_t *nodes)
{
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        if (!text_equal(field_text(json_array_get(nodes, i), "state"), "not there"))
            return false;
    }
    return true;
}

/* A second look at the same lines would not tell whether anything went. */
static void print_head(const json_t *rollback, const char *to, FILE *out)
{
    if (stood_nowhere(field_array(rollback, "nodes"))) {
        fprintf(out, "Nothing was taken back: nothing of ");
        print_what(rollback, to, out);
        fprintf(out, " stands there.\n");
        return;
    }
    fprintf(out,
            field_is_true(rollback, "open") ? "Not all is back yet. Asked last: " : "Taken back: ");
    print_what(rollback, to, out);
    fprintf(out, "%s.\n", to != NULL ? ", with what stood above it" : "");
}

void taken_print(const json_t *rollback, const char *to, FILE *out)
{
    const json_t *nodes = field_array(rollback, "nodes");

    print_head(rollback, to, out);
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);

        fprintf(out, "%-20s %-12s %s\n", field_plain(field_text(node, "name")),
                field_plain(field_text(node, "state")), field_plain(field_text(node, "sentence")));
    }
}

void taken_announce(const json_t *rollback, FILE *out)
{
    fprintf(out, "oceanidctl: asked to take back: ");
    print_what(rollback, NULL, out);
    fprintf(out, "\n");
}
