/*
 * audit: one line an entry, oldest first.
 */
#include "controller/ctl/audit.h"

#include <stdio.h>

#include "common/core/text.h"
#include "controller/ctl/api.h"
#include "controller/ctl/render.h"

static void print_entry(const json_t *entry)
{
    char at[32];

    printf("%6lld  %s  %-16s %-18s %-16s %s\n", field_number(entry, "index"),
           render_time(field_number(entry, "at"), at, sizeof(at)),
           field_plain(field_text(entry, "who")), field_plain(field_text(entry, "what")),
           field_plain(field_text(entry, "subject")), field_plain(field_text(entry, "text")));
}

static bool read_number(const struct arguments *arguments, const char *option,
                        unsigned long long *ret_number, struct err *err)
{
    const char *given = arguments_get(arguments, option);

    if (given == NULL || text_parse_u64(given, INT64_MAX, ret_number))
        return true;
    return err_set(err, ERR_INPUT, "%s '%.40s': accepted is a number", option, given);
}

/* The controller answers in pages; an empty one is the end. */
static bool fetch_all(struct ctl *ctl, unsigned long long after, json_t *into, struct err *err)
{
    for (;;) {
        AUTO_JSON json_t *document = NULL;
        json_t *entries;
        char path[96];

        snprintf(path, sizeof(path), "/v1/audit?after=%llu&limit=1000", after);
        if (ctl_api(ctl, err) == NULL || !api_get(ctl->api, path, &document, err))
            return false;
        entries = json_object_get(document, "entries");
        json_object_set(into, "head", json_object_get(document, "head"));
        if (json_array_size(entries) == 0)
            return true;
        json_array_extend(json_object_get(into, "entries"), entries);
        after = (unsigned long long)field_number(
            json_array_get(entries, json_array_size(entries) - 1), "index");
    }
}

/* Of its entries no more than these; 0: all. */
static void keep_last(json_t *all, size_t last)
{
    const json_t *entries = field_array(all, "entries");
    size_t count = json_array_size(entries);
    json_t *kept;

    if (last == 0 || count <= last)
        return;
    kept = json_array();
    for (size_t i = count - last; i < count; i++)
        json_array_append(kept, json_array_get(entries, i));
    json_object_set_new(all, "entries", kept);
}

enum outcome audit_show_run(struct ctl *ctl, const struct arguments *arguments)
{
    AUTO_JSON json_t *all = json_pack("{s:[], s:s}", "entries", "head", "");
    unsigned long long after = 0;
    unsigned long long last = 0;
    struct err err = ERR_INIT;
    const json_t *entries;

    if (!read_number(arguments, "--after", &after, &err) ||
        !read_number(arguments, "--last", &last, &err) || !fetch_all(ctl, after, all, &err))
        return ctl_fail(ctl, &err);
    keep_last(all, (size_t)last);
    entries = field_array(all, "entries");
    if (ctl->json) {
        render_document_take(json_incref(all));
        return OUTCOME_DONE;
    }
    for (size_t i = 0; i < json_array_size(entries); i++)
        print_entry(json_array_get(entries, i));
    printf("head %s\n", field_plain(field_text(all, "head")));
    return OUTCOME_DONE;
}
