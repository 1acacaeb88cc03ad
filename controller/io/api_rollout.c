/*
 * api_rollout: rollouts, and taking back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/name.h"
#include "common/core/text.h"
#include "common/io/json_text.h"
#include "controller/io/api_parts.h"

enum { ROLLOUTS_MAX = 200 };

static json_t *show(const struct api *api, uint64_t id, bool in_full, struct err *err)
{
    const struct led *led = lead_find(api->lead, id);

    return led != NULL ? json_rollout_led(api->desk, led, in_full)
                       : json_rollout_stored(api->desk, id, in_full, err);
}

static void answer_rollout(const struct api *api, struct http_call *call, uint64_t id)
{
    struct err err = ERR_INIT;
    json_t *rollout = show(api, id, true, &err);

    if (rollout != NULL)
        api_answer_json(call, 200, rollout);
    else
        api_refuse(call, &err);
}

void api_get_rollouts(struct api *api, struct http_call *call, const char *word)
{
    AUTO_FREE uint64_t *ids = mem_alloc(ROLLOUTS_MAX, sizeof(*ids));
    AUTO_JSON json_t *list = json_array();
    struct err err = ERR_INIT;
    size_t count;

    (void)word;
    if (!store_list_rollouts(api->desk->store, STORE_NEWEST, ids, ROLLOUTS_MAX, &count, &err)) {
        api_refuse(call, &err);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        json_t *rollout = show(api, ids[i], false, &err);

        if (rollout == NULL) {
            api_refuse(call, &err);
            return;
        }
        json_array_append_new(list, rollout);
    }
    api_answer_json(call, 200, json_pack("{s:O}", "rollouts", list));
}

void api_get_rollout(struct api *api, struct http_call *call, const char *word)
{
    uint64_t id;

    if (api_read_number(call, "rollout", word, &id))
        answer_rollout(api, call, id);
}

/* An order to a rollout that is not there is 404, to one that is over 409. */
static bool exists(const struct api *api, struct http_call *call, const char *word,
                   uint64_t *ret_id)
{
    struct err err = ERR_INIT;
    json_t *rollout;

    if (!api_read_number(call, "rollout", word, ret_id))
        return false;
    rollout = show(api, *ret_id, false, &err);
    json_decref(rollout);
    if (rollout == NULL)
        api_refuse(call, &err);
    return rollout != NULL;
}

void api_post_next(struct api *api, struct http_call *call, const char *word)
{
    struct err err = ERR_INIT;
    uint64_t id;

    if (!exists(api, call, word, &id))
        return;
    if (lead_next(api->lead, id, http_who(call), &err))
        answer_rollout(api, call, id);
    else
        api_refuse(call, &err);
}

void api_post_abort(struct api *api, struct http_call *call, const char *word)
{
    AUTO_JSON json_t *body = NULL;
    struct err err = ERR_INIT;
    char reason[REASON_SIZE];
    uint64_t id;

    if (!exists(api, call, word, &id))
        return;
    body = api_read_json(call);
    if (body == NULL || !api_read_text(call, body, "reason", reason, sizeof(reason)))
        return;
    if (lead_abort(api->lead, id, http_who(call),
                   text_is_blank(reason) ? "by the operator" : reason, &err))
        answer_rollout(api, call, id);
    else
        api_refuse(call, &err);
}

/* ---- emergency -------------------------------------------------------------------------------
 */

static bool read_names(struct http_call *call, const json_t *body, char (*names)[NAME_SIZE],
                       size_t *ret_count)
{
    const json_t *list = json_object_get(body, "nodes");
    struct err err = ERR_INIT;

    *ret_count = 0;
    if (list != NULL && (!json_is_array(list) || json_array_size(list) > NODES_MAX)) {
        err_set(&err, ERR_INPUT, "nodes: accepted are at most %d names", NODES_MAX);
        api_refuse(call, &err);
        return false;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));

        if (!name_check("nodes", name != NULL ? name : "", &err)) {
            api_refuse(call, &err);
            return false;
        }
        text_copy(names[(*ret_count)++], NAME_SIZE, name);
    }
    return true;
}

static void answer_rollback(struct api *api, struct http_call *call, unsigned status)
{
    const struct lead_backs *backs = lead_backs(api->lead);
    char change[NAME_SIZE] = "";
    struct err err = ERR_INIT;

    if (backs->rollout != 0 && !lead_read_change(api->lead, backs->rollout, change, &err))
        change[0] = '\0'; /* it goes without its name */
    api_answer_json(call, status, json_rollback(backs, change));
}

static void pass_order(struct api *api, struct http_call *call)
{
    struct err err = ERR_INIT;

    if (lead_pass_order(api->lead, http_body(call), http_who(call), &err))
        answer_rollback(api, call, 202);
    else
        api_refuse(call, &err);
}

/* What helps is said whole: what was asked back before is shortened for it. */
static bool refuse_another(struct lead_losses *losses, long long shown, struct err *err)
{
    char head[2 * SENTENCE_SIZE], advice[LEAD_INSTEAD_SIZE + SENTENCE_SIZE];
    char before[LEAD_BEFORE_SIZE];
    size_t room;

    snprintf(head, sizeof(head),
             "rollout %llu%s%s%s would go by now, and rollout %lld was shown or named; nothing was "
             "done",
             (unsigned long long)losses->rollout, losses->change[0] != '\0' ? ", " : "",
             losses->change, losses->change[0] != '\0' ? "," : "", shown);
    snprintf(advice, sizeof(advice), "%s. Give the command without --yes to see what would go",
             losses->instead);
    room = ERR_TEXT_SIZE - strlen(head) - strlen("; . ") - strlen(advice);
    text_shorten(before, room < sizeof(before) ? room : sizeof(before), losses->before);
    return err_set(err, ERR_CONFLICT, "%s%s%s. %s", head, before[0] != '\0' ? "; " : "", before,
                   advice);
}

/* What was shown, or named, is what the person's yes is for: another one may have been taken back
 * since, by somebody else, and then an older one would go. Where nothing was, it may have been by
 * himself. */
static bool check_shown(struct api *api, const json_t *body, char (*names)[NAME_SIZE], size_t count,
                        struct err *err)
{
    AUTO_FREE struct lead_losses *losses = mem_alloc(1, sizeof(*losses));
    struct text instead = TEXT_IN(losses->instead);
    const json_t *shown = json_object_get(body, "rollout");

    if (shown == NULL)
        return lead_check_repeat(api->lead, names, count, err);
    if (!json_is_integer(shown))
        return err_set(err, ERR_INPUT, "rollout: accepted is a number");
    if (!lead_foretell(api->lead, names, count, losses, err))
        return false;
    if (losses->rollout == (uint64_t)json_integer_value(shown))
        return true;
    lead_say_instead(api->lead, names, count, (uint64_t)json_integer_value(shown), &instead);
    return refuse_another(losses, json_integer_value(shown), err);
}

void api_post_emergency(struct api *api, struct http_call *call, const char *word)
{
    const char *is_signed = http_query(call, "signed");
    AUTO_FREE char(*names)[NAME_SIZE] = mem_alloc(NODES_MAX, NAME_SIZE);
    AUTO_JSON json_t *body = NULL;
    struct err err = ERR_INIT;
    char reason[REASON_SIZE];
    size_t count;

    (void)word;
    if (is_signed != NULL && text_equal(is_signed, "1")) {
        pass_order(api, call);
        return;
    }
    body = api_read_json(call);
    if (body == NULL || !api_read_text(call, body, "reason", reason, sizeof(reason)) ||
        !read_names(call, body, names, &count))
        return;
    if (check_shown(api, body, names, count, &err) &&
        lead_emergency(api->lead, names, count, http_who(call),
                       text_is_blank(reason) ? "emergency rollback" : reason, &err))
        answer_rollback(api, call, 202);
    else
        api_refuse(call, &err);
}

void api_get_emergency(struct api *api, struct http_call *call, const char *word)
{
    (void)word;
    answer_rollback(api, call, 200);
}

void api_post_losses(struct api *api, struct http_call *call, const char *word)
{
    AUTO_FREE char(*names)[NAME_SIZE] = mem_alloc(NODES_MAX, NAME_SIZE);
    AUTO_FREE struct lead_losses *losses = mem_alloc(1, sizeof(*losses));
    AUTO_JSON json_t *body = api_read_json(call);
    struct text instead = TEXT_IN(losses->instead);
    struct err err = ERR_INIT;
    json_int_t meant;
    size_t count;

    (void)word;
    if (body == NULL || !read_names(call, body, names, &count))
        return;
    if (!lead_foretell(api->lead, names, count, losses, &err)) {
        api_refuse(call, &err);
        return;
    }
    meant = json_integer_value(json_object_get(body, "rollout"));
    if (meant > 0 && (uint64_t)meant != losses->rollout)
        lead_say_instead(api->lead, names, count, (uint64_t)meant, &instead);
    api_answer_json(call, 200, json_losses(losses));
}

/* ---- what no rollout has ---------------------------------------------------------------------
 */

static bool read_attempt(struct http_call *call, const json_t *body, struct attempt *ret_attempt)
{
    char hex[2 * HASH_SIZE + 1];
    json_int_t sequence = json_integer_value(json_object_get(body, "sequence"));
    struct err err = ERR_INIT;

    if (!api_read_text(call, body, "body", hex, sizeof(hex)))
        return false;
    if (sequence > 0 && bytes_parse_hex(hex, ret_attempt->body.bytes, HASH_SIZE)) {
        ret_attempt->sequence = (uint64_t)sequence;
        return true;
    }
    err_set(&err, ERR_INPUT,
            "body '%.70s', sequence %lld: accepted are 64 hexadecimal digits and 1 "
            "or more",
            hex, (long long)sequence);
    api_refuse(call, &err);
    return false;
}

static void add_void(void *context, const char *node, const char *sentence)
{
    json_array_append_new(
        context, json_pack("{s:o, s:o}", "name", json_text(node), "sentence", json_text(sentence)));
}

void api_post_void(struct api *api, struct http_call *call, const char *word)
{
    AUTO_FREE char(*names)[NAME_SIZE] = mem_alloc(NODES_MAX, NAME_SIZE);
    AUTO_JSON json_t *body = api_read_json(call);
    struct lead_wish wish = {.names = names, .by = http_who(call)};
    struct attempt attempt;
    struct err err = ERR_INIT;
    char reason[REASON_SIZE];

    (void)word;
    if (body == NULL || !api_read_text(call, body, "reason", reason, sizeof(reason)) ||
        !read_names(call, body, names, &wish.count) || !read_attempt(call, body, &attempt))
        return;
    wish.reason = text_is_blank(reason) ? "nobody has its file" : reason;
    if (lead_void(api->lead, &attempt, &wish, &err)) {
        json_t *nodes = json_array();

        lead_voids_tell(api->lead, &attempt, add_void, nodes);
        api_answer_json(call, 202, json_pack("{s:o}", "nodes", nodes));
    } else {
        api_refuse(call, &err);
    }
}
