/*
 * api_record: holds, the audit, receipts; the last two in pages, receipts only to who asks for
 * pages.
 */
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "controller/io/api_parts.h"

enum {
    AUDIT_LIMIT = 100,
    LIMIT_MAX = 1000,
};

/* ---- holds -----------------------------------------------------------------------------------
 */

void api_get_holds(struct api *api, struct http_call *call, const char *word)
{
    const struct holds *holds = &api->desk->holds;
    json_t *list = json_array();

    (void)word;
    for (uint32_t i = 0; i < holds->count; i++) {
        if (hold_is_active(&holds->list[i], clock_unix()))
            json_array_append_new(list, json_hold(holds, &holds->list[i]));
    }
    api_answer_json(call, 200, json_pack("{s:o}", "holds", list));
}

static bool read_wanted(struct http_call *call, const json_t *body, struct hold *hold)
{
    const json_t *until = json_object_get(body, "until");
    struct err err = ERR_INIT;
    char kind[NAME_SIZE];

    memset(hold, 0, sizeof(*hold));
    if (!api_read_text(call, body, "kind", kind, sizeof(kind)) ||
        !api_read_text(call, body, "scope", hold->scope, sizeof(hold->scope)) ||
        !api_read_text(call, body, "object", hold->object, sizeof(hold->object)) ||
        !api_read_text(call, body, "reason", hold->reason, sizeof(hold->reason)))
        return false;
    if (!hold_kind_parse(kind, &hold->kind))
        err_set(&err, ERR_INPUT, "kind '%.40s': accepted are freeze, pause and window", kind);
    else if (until != NULL && !json_is_integer(until))
        err_set(&err, ERR_INPUT, "until: accepted are unix seconds, 0 for no end");
    hold->until = json_integer_value(until);
    text_copy(hold->by, sizeof(hold->by), http_who(call));
    if (err.kind == ERR_NONE)
        return true;
    api_refuse(call, &err);
    return false;
}

/* A mistyped name would hold nobody. */
static bool check_scope(const struct desk *desk, const struct hold *wanted, struct err *err)
{
    return text_equal(wanted->scope, "fleet") || fleet_find(&desk->fleet, wanted->scope) != NULL ||
           err_set(
               err, ERR_INPUT,
               "scope '%s': accepted are fleet and the names of roster version %llu; nothing was "
               "put",
               wanted->scope, (unsigned long long)desk->roster->version);
}

static bool keep_hold(struct api *api, const struct hold *hold, const char *by, const char *done)
{
    struct desk *desk = api->desk;
    struct err err = ERR_INIT;

    return desk_begin(desk, STORE_FULL) &&
           desk_kept(desk, store_put_hold(desk->store, hold, &err), &err) &&
           desk_audit(desk, by, "hold", hold->scope, "%s %llu %s", hold_kind_name(hold->kind),
                      (unsigned long long)hold->id, done) &&
           desk_commit(desk);
}

void api_post_hold(struct api *api, struct http_call *call, const char *word)
{
    AUTO_JSON json_t *body = api_read_json(call);
    const struct hold *hold;
    struct hold wanted;
    struct err err = ERR_INIT;
    char done[REASON_SIZE + 16];

    (void)word;
    if (body == NULL || !read_wanted(call, body, &wanted))
        return;
    hold = wanted.scope[0] == '\0' || check_scope(api->desk, &wanted, &err)
               ? holds_add(&api->desk->holds, &wanted, clock_unix(), &err)
               : NULL;
    if (hold == NULL) {
        api_refuse(call, &err);
        return;
    }
    snprintf(done, sizeof(done), "put: %s", hold->reason);
    if (!keep_hold(api, hold, http_who(call), done)) {
        api_refuse(call, &api->desk->failure);
        return;
    }
    lead_take_hold(api->lead, hold);
    if (api->desk->failed)
        api_refuse(call, &api->desk->failure);
    else
        api_answer_json(call, 201, json_hold(&api->desk->holds, hold));
}

static const struct hold *find_hold(const struct holds *holds, uint64_t id)
{
    for (uint32_t i = 0; i < holds->count; i++) {
        if (holds->list[i].id == id)
            return &holds->list[i];
    }
    return NULL;
}

void api_delete_hold(struct api *api, struct http_call *call, const char *word)
{
    AUTO_JSON json_t *body = NULL;
    const struct hold *hold;
    struct err err = ERR_INIT;
    char reason[REASON_SIZE];
    char done[REASON_SIZE + 16];
    uint64_t id;

    if (!api_read_number(call, "hold", word, &id))
        return;
    body = api_read_json(call);
    if (body == NULL || !api_read_text(call, body, "reason", reason, sizeof(reason)))
        return;
    if (!holds_lift(&api->desk->holds, id, &err)) {
        api_refuse(call, &err);
        return;
    }
    hold = find_hold(&api->desk->holds, id);
    snprintf(done, sizeof(done), "lifted: %s", reason);
    if (hold == NULL || !keep_hold(api, hold, http_who(call), done))
        api_refuse(call, &api->desk->failure);
    else
        api_answer_json(call, 200, json_hold(&api->desk->holds, hold));
}

/* ---- pages -----------------------------------------------------------------------------------
 */

struct page {
    uint64_t after, limit;
};

static bool read_query(struct http_call *call, const char *key, uint64_t *number)
{
    const char *given = http_query(call, key);

    return given == NULL || api_read_number(call, key, given, number);
}

/* page: as it is unless the query says another one. */
static bool read_page(struct http_call *call, struct page *page)
{
    struct err err = ERR_INIT;

    if (!read_query(call, "after", &page->after) || !read_query(call, "limit", &page->limit))
        return false;
    if (http_query(call, "limit") == NULL || (page->limit > 0 && page->limit <= LIMIT_MAX))
        return true;
    err_set(&err, ERR_INPUT, "limit %llu: accepted are 1 to %d", (unsigned long long)page->limit,
            LIMIT_MAX);
    api_refuse(call, &err);
    return false;
}

/* ---- audit -----------------------------------------------------------------------------------
 */

static json_t *audit_page(const struct desk *desk, const struct page *page, struct err *err)
{
    AUTO_FREE struct audit_row *rows = mem_alloc(LIMIT_MAX, sizeof(*rows));
    json_t *list;
    size_t count;

    if (!store_read_audit(desk->store, page->after, rows, page->limit, &count, err))
        return NULL;
    list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_entry(&rows[i]));
    return list;
}

void api_get_audit(struct api *api, struct http_call *call, const char *word)
{
    const struct audit_row *last = &api->desk->audit;
    struct page page = {.limit = AUDIT_LIMIT};
    struct err err = ERR_INIT;
    json_t *list;

    (void)word;
    if (!read_page(call, &page))
        return;
    desk_audit_refused_again(api->desk);
    list = audit_page(api->desk, &page, &err);
    if (list == NULL)
        api_refuse(call, &err);
    else
        api_answer_json(
            call, 200,
            json_pack("{s:o, s:o}", "entries", list, "head",
                      last->index > 0 ? json_hex(last->hash.bytes, HASH_SIZE) : json_string("")));
}

/* ---- receipts --------------------------------------------------------------------------------
 */

struct listed {
    json_t *list;
    uint64_t limit;
};

static bool add_receipt(void *context, uint64_t index, struct bytes envelope)
{
    const struct listed *listed = context;
    json_t *receipt = json_receipt(index, envelope);

    if (receipt != NULL)
        json_array_append_new(listed->list, receipt);
    return json_array_size(listed->list) < listed->limit;
}

/* An older oceanidctl asks once, with no limit, and takes what comes for all there are. */
void api_get_receipts(struct api *api, struct http_call *call, const char *word)
{
    struct page page = {.limit = UINT64_MAX};
    struct listed listed;
    struct err err = ERR_INIT;

    (void)word;
    if (!read_page(call, &page))
        return;
    listed = (struct listed){json_array(), page.limit};
    if (store_read_receipts(api->desk->store, page.after, add_receipt, &listed, &err)) {
        api_answer_json(call, 200, json_pack("{s:o}", "receipts", listed.list));
        return;
    }
    json_decref(listed.list);
    api_refuse(call, &err);
}
