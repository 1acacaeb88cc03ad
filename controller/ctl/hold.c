/*
 * hold: listing, putting and lifting holds. Quarantines come by themselves and are lifted by an
 * approval that names them, never here.
 */
#include "controller/ctl/hold.h"

#include <stdio.h>

#include "common/core/name.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/json_text.h"
#include "controller/ctl/api.h"
#include "controller/ctl/render.h"

/* A quarantine without an object is one of all that the node has. */
static const char *object_of(const json_t *hold)
{
    const char *object = field_text(hold, "object");

    return object[0] == '\0' && field_text(hold, "receipt")[0] != '\0' ? "all objects" : object;
}

static void print_hold(const json_t *hold)
{
    char since[32];
    char until[32];

    printf("%4lld  %-10s %-16s since %s, until %s, by %s\n      %s%s%s\n", field_number(hold, "id"),
           field_plain(field_text(hold, "kind")), field_plain(field_text(hold, "scope")),
           render_time(field_number(hold, "since"), since, sizeof(since)),
           field_number(hold, "until") == 0
               ? "lifted"
               : render_time(field_number(hold, "until"), until, sizeof(until)),
           field_plain(field_text(hold, "by")), field_plain(object_of(hold)),
           object_of(hold)[0] != '\0' ? ": " : "", field_plain(field_text(hold, "reason")));
    if (field_text(hold, "receipt")[0] != '\0')
        printf("      receipt %s\n", field_plain(field_text(hold, "receipt")));
}

/* ---- at a glance ------------------------------------------------------------------------------
 */

/* An older controller does not say so. */
static bool stops(const json_t *hold)
{
    return json_object_get(hold, "stops") == NULL || field_is_true(hold, "stops");
}

/* Of one receipt there is one for each object: the first says it of all. */
static unsigned count_of_receipt(const json_t *holds, size_t at)
{
    const char *receipt = field_text(json_array_get(holds, at), "receipt");
    unsigned count = 1;

    for (size_t i = 0; receipt[0] != '\0' && i < json_array_size(holds); i++) {
        if (i == at || !text_equal(field_text(json_array_get(holds, i), "receipt"), receipt))
            continue;
        if (i < at)
            return 0;
        count++;
    }
    return count;
}

static void print_object(const json_t *hold, unsigned count)
{
    if (count > 1)
        printf(" of %u objects on", count);
    else if (object_of(hold)[0] != '\0' && !text_equal(field_text(hold, "kind"), "window"))
        printf(" of %s on", field_plain(object_of(hold)));
    else
        printf(" of");
    printf(" %s", text_equal(field_text(hold, "scope"), "fleet")
                      ? "the fleet"
                      : field_plain(field_text(hold, "scope")));
}

static void print_end(const json_t *hold)
{
    char time[32];

    if (field_number(hold, "opens_at") != 0)
        printf(", open %s UTC, next at %s", field_plain(field_text(hold, "object")),
               render_time(field_number(hold, "opens_at"), time, sizeof(time)));
    else if (field_number(hold, "until") != 0)
        printf(", until %s", render_time(field_number(hold, "until"), time, sizeof(time)));
}

static void print_lift(const json_t *hold)
{
    const char *kind = field_text(hold, "kind");

    if (text_equal(kind, "quarantine"))
        printf(
            "    lifted by a change that names its receipt with a reason, and `oceanidctl rollout "
            "start CHANGE.yaml`: quarantines: [{ receipt: %s, reason: WHY }]\n",
            field_plain(field_text(hold, "receipt")));
    else if (text_equal(kind, "maintenance"))
        printf("    lifted by `oceanidctl node return %s`\n",
               field_plain(field_text(hold, "scope")));
    else
        printf("    lifted by `oceanidctl hold lift %lld`\n", field_number(hold, "id"));
}

void hold_print_stopping(const json_t *holds)
{
    bool some = false;

    for (size_t i = 0; i < json_array_size(holds); i++) {
        const json_t *hold = json_array_get(holds, i);
        unsigned count = count_of_receipt(holds, i);
        char since[32];

        if (!stops(hold) || count == 0)
            continue;
        printf("%s  %s", some ? "" : "\nON HOLD\n", field_plain(field_text(hold, "kind")));
        print_object(hold, count);
        printf(", since %s, by %s", render_time(field_number(hold, "since"), since, sizeof(since)),
               field_plain(field_text(hold, "by")));
        print_end(hold);
        printf(": %s\n", field_plain(field_text(hold, "reason")));
        print_lift(hold);
        some = true;
    }
}

/* ---- commands ---------------------------------------------------------------------------------
 */

enum outcome hold_list_run(struct ctl *ctl, const struct arguments *arguments)
{
    AUTO_JSON json_t *document = NULL;
    struct err err = ERR_INIT;
    const json_t *holds;

    (void)arguments;
    if (ctl_api(ctl, &err) == NULL || !api_get(ctl->api, "/v1/holds", &document, &err))
        return ctl_fail(ctl, &err);
    holds = field_array(document, "holds");
    if (ctl->json) {
        render_document_take(json_incref(document));
        return OUTCOME_DONE;
    }
    for (size_t i = 0; i < json_array_size(holds); i++)
        print_hold(json_array_get(holds, i));
    if (json_array_size(holds) == 0)
        printf("Nothing is on hold.\n");
    return OUTCOME_DONE;
}

static json_t *read_hold(const char *kind, const struct arguments *arguments, struct err *err)
{
    const char *scope = arguments_get(arguments, "--node");
    const char *reason = arguments_get(arguments, "--reason");
    const char *length = arguments_get(arguments, "--for");
    const char *open = arguments_get(arguments, "--open");
    unsigned seconds = 0;

    if (scope != NULL && !name_check("--node", scope, err))
        return NULL;
    if (reason == NULL || reason[0] == '\0') {
        err_set(err, ERR_INPUT, "--reason is needed: who finds the hold must know why it is there");
        return NULL;
    }
    if (text_is_blank(reason)) {
        err_set(err, ERR_INPUT,
                "--reason '%.40s': accepted is a text that says something; nothing was put",
                reason);
        return NULL;
    }
    if (open != NULL && !text_equal(kind, "window")) {
        err_set(
            err, ERR_INPUT,
            "--open '%.40s' belongs to a window, found kind '%.20s': accepted is `hold add window "
            "--open \"mon-fri 08:00-16:00\" --reason TEXT`; nothing was put",
            open, kind);
        return NULL;
    }
    if (open == NULL && text_equal(kind, "window")) {
        err_set(err, ERR_INPUT,
                "--open is needed: when changes may begin, as `hold add window --open \"mon-fri "
                "08:00-16:00\" --reason TEXT`; nothing was put");
        return NULL;
    }
    if (length != NULL && (!text_parse_duration(length, &seconds) || seconds == 0)) {
        err_set(err, ERR_INPUT, "--for '%.40s': accepted is a duration as 30m or 2h", length);
        return NULL;
    }
    return json_pack("{s:o, s:s, s:o, s:o, s:I}", "kind", json_text(kind), "scope",
                     scope != NULL ? scope : "fleet", "object", json_text(open != NULL ? open : ""),
                     "reason", json_text(reason), "until",
                     (json_int_t)(seconds != 0 ? clock_unix() + seconds : 0));
}

bool hold_put(struct ctl *ctl, const char *kind, const struct arguments *arguments,
              json_t **ret_hold, struct err *err)
{
    json_t *wanted = read_hold(kind, arguments, err);

    if (wanted == NULL)
        return false;
    if (ctl_api(ctl, err) == NULL) {
        json_decref(wanted);
        return false;
    }
    return api_send_take(ctl->api, "POST", "/v1/holds", wanted, ret_hold, err);
}

enum outcome hold_add_run(struct ctl *ctl, const struct arguments *arguments)
{
    AUTO_JSON json_t *hold = NULL;
    struct err err = ERR_INIT;
    const char *kind = arguments->words_count > 0 ? arguments->words[0] : "freeze";

    if (!hold_put(ctl, kind, arguments, &hold, &err))
        return ctl_fail(ctl, &err);
    if (ctl->json)
        render_document_take(json_incref(hold));
    else
        print_hold(hold);
    return OUTCOME_DONE;
}

bool hold_lift(struct ctl *ctl, long long id, const char *reason, json_t **ret_hold,
               struct err *err)
{
    char path[64];

    snprintf(path, sizeof(path), "/v1/holds/%lld", id);
    if (ctl_api(ctl, err) == NULL ||
        !api_send_take(ctl->api, "DELETE", path, json_pack("{s:o}", "reason", json_text(reason)),
                       ret_hold, err))
        return false;
    fprintf(stderr, "oceanidctl: hold %lld is lifted\n", id);
    return true;
}

enum outcome hold_lift_run(struct ctl *ctl, const struct arguments *arguments)
{
    const char *reason = arguments_get(arguments, "--reason");
    AUTO_JSON json_t *hold = NULL;
    struct err err = ERR_INIT;
    unsigned long long id;

    if (!text_parse_u64(arguments->words[0], INT64_MAX, &id)) {
        err_set(&err, ERR_INPUT,
                "hold '%.40s': accepted is a number, as `oceanidctl hold list` "
                "prints them",
                arguments->words[0]);
        return ctl_fail(ctl, &err);
    }
    if (!hold_lift(ctl, (long long)id, reason != NULL ? reason : "", &hold, &err))
        return ctl_fail(ctl, &err);
    if (ctl->json)
        render_document_take(json_incref(hold));
    return OUTCOME_DONE;
}
