/*
 * api_fleet: nodes, checks, the roster, fleet.yaml.
 */
#include <stdlib.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "controller/io/api_parts.h"

void api_get_health(struct api *api, struct http_call *call, const char *word)
{
    (void)api;
    (void)word;
    api_answer_json(call, 200, json_pack("{s:s, s:s}", "status", "ok", "version", OCEANID_VERSION));
}

void api_get_nodes(struct api *api, struct http_call *call, const char *word)
{
    const struct fleet *fleet = &api->desk->fleet;
    json_t *list = json_array();

    (void)word;
    for (uint32_t i = 0; i < fleet->members_count; i++)
        json_array_append_new(list, json_node(api->desk, api->lead, &fleet->members[i], false));
    api_answer_json(call, 200, json_pack("{s:o}", "nodes", list));
}

static const struct fleet_member *find_member(const struct api *api, struct http_call *call,
                                              const char *name)
{
    const struct fleet_member *member = fleet_find(&api->desk->fleet, name);
    struct err err = ERR_INIT;

    if (member != NULL)
        return member;
    err_set(&err, ERR_MISSING, "there is no node %s in roster version %llu", name,
            (unsigned long long)api->desk->roster->version);
    api_refuse(call, &err);
    return NULL;
}

void api_get_node(struct api *api, struct http_call *call, const char *word)
{
    const struct fleet_member *member = find_member(api, call, word);

    if (member != NULL)
        api_answer_json(call, 200, json_node(api->desk, api->lead, member, true));
}

/* ---- snapshots -------------------------------------------------------------------------------
 */

struct snapshot_wait {
    struct api *api;
    struct http_call *call;
    char name[NAME_SIZE];
};

static void answer_snapshot(void *context, bool cancelled)
{
    AUTO_FREE struct snapshot_wait *wait = context;
    const struct fleet_member *member = fleet_find(&wait->api->desk->fleet, wait->name);
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct err err = ERR_INIT;

    if (cancelled)
        err_set(&err, ERR_SYSTEM, "the controller stops");
    else if (member == NULL || !member->has_snapshot)
        err_set(&err, ERR_MISSING, "no snapshot of %s has come yet; is its agent connected?",
                wait->name);
    if (err.kind != ERR_NONE) {
        api_refuse(wait->call, &err);
        return;
    }
    bytes = wire_encode_snapshot(&member->snapshot);
    api_answer_bytes(wait->call, "application/octet-stream", wire_lend(&bytes));
}

void api_get_snapshot(struct api *api, struct http_call *call, const char *word)
{
    struct snapshot_wait *wait;
    char names[1][NAME_SIZE];

    if (find_member(api, call, word) == NULL)
        return;
    wait = mem_alloc(1, sizeof(*wait));
    wait->api = api;
    wait->call = call;
    text_copy(wait->name, sizeof(wait->name), word);
    text_copy(names[0], NAME_SIZE, word);
    fresh_want(api->fresh, names, 1, answer_snapshot, wait);
}

/* ---- roster and fleet.yaml -------------------------------------------------------------------
 */

void api_get_roster(struct api *api, struct http_call *call, const char *word)
{
    struct err err = ERR_INIT;

    (void)word;
    if (api->desk->roster_envelope.len > 0) {
        api_answer_bytes(call, "application/octet-stream", wire_lend(&api->desk->roster_envelope));
        return;
    }
    err_set(&err, ERR_MISSING, "there is no roster yet; `oceanidctl node admit` signs the first");
    api_refuse(call, &err);
}

void api_put_roster(struct api *api, struct http_call *call, const char *word)
{
    struct holds *holds = &api->desk->holds;
    uint64_t first_id = holds->id_next;
    struct err err = ERR_INIT;

    (void)word;
    if (!desk_put_roster(api->desk, http_body(call), &err)) {
        api_refuse(call, &err);
        return;
    }
    lead_take_roster(api->lead);
    for (uint32_t i = 0; i < holds->count; i++) {
        if (holds->list[i].kind == HOLD_MAINTENANCE && holds->list[i].id >= first_id)
            lead_take_hold(api->lead, &holds->list[i]);
    }
    if (api->roster_fn != NULL)
        api->roster_fn(api->context);
    api_answer_json(call, 200,
                    json_pack("{s:I}", "version", (json_int_t)api->desk->roster->version));
}

void api_get_fleet(struct api *api, struct http_call *call, const char *word)
{
    (void)word;
    api_answer_bytes(call, "text/plain; charset=utf-8", wire_lend(&api->desk->file_text));
}

void api_get_checks(struct api *api, struct http_call *call, const char *word)
{
    (void)word;
    api_answer_json(call, 200, json_pack("{s:o}", "checks", json_checks(api->desk)));
}
