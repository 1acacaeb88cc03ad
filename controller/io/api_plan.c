/*
 * api_plan: the questions asked of a manifest, for a plan and before a rollout begins, and of the
 * fleet as it is; all wait for young snapshots of the targets, and a plan for their rehearsals.
 */
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "controller/io/api_parts.h"

/* A manifest on its way through the gates. */
struct asking {
    struct api *api;
    struct http_call *call;
    struct lead_order order;
    struct hash body;
    struct bars bars;
    bool starts; /* a rollout begins when they pass */
};

static void free_asking(struct asking *asking)
{
    lead_order_done(&asking->order);
    free(asking);
}

static void refuse(struct asking *asking, const struct err *err)
{
    api_refuse(asking->call, err);
    free_asking(asking);
}

/* ---- answering -------------------------------------------------------------------------------
 */

static void answer_started(struct asking *asking, uint64_t id)
{
    const struct led *led = lead_find(asking->api->lead, id);
    struct err err = ERR_INIT;
    json_t *rollout = led != NULL ? json_rollout_led(asking->api->desk, led, true)
                                  : json_rollout_stored(asking->api->desk, id, true, &err);

    if (rollout != NULL)
        api_answer_json(asking->call, 201, rollout);
    else
        api_refuse(asking->call, &err);
}

/* Whoever may not begin is told, and so is whoever reads the audit. */
static bool check_start(const struct asking *asking, struct err *err)
{
    if (lead_check(asking->api->lead, &asking->order, err))
        return true;
    desk_audit_refusal(asking->api->desk, http_who(asking->call), asking->order.manifest.change,
                       err->text);
    return false;
}

/* Another one may have begun while the nodes were waited for: then whoever asked is told which,
 * and not what the gates say of nodes on which its trial is open by now. */
static void start(struct asking *asking, const struct gates *gates, json_t *plan)
{
    AUTO_JSON json_t *owned = plan;
    AUTO_JSON json_t *list = json_gates(gates);
    AUTO_FREE char *text = json_dumps(list, JSON_COMPACT);
    struct err err = ERR_INIT;
    char reason[ERR_TEXT_SIZE - 64] = "";
    struct text why = TEXT_IN(reason);
    uint64_t id;

    if (!check_start(asking, &err)) {
        api_refuse(asking->call, &err);
    } else if (!gates_pass(gates)) {
        gates_explain(gates, &why);
        err_set(&err, ERR_CONFLICT, "a gate says no: %s", reason);
        desk_audit(asking->api->desk, http_who(asking->call), "refused",
                   asking->order.manifest.change, "%s", reason);
        api_refuse_with(asking->call, &err, json_incref(plan));
    } else if (lead_start(asking->api->lead, &asking->order, http_who(asking->call),
                          (struct bytes){(const uint8_t *)text, strlen(text)}, &id, &err)) {
        answer_started(asking, id);
    } else {
        api_refuse(asking->call, &err);
    }
}

static void answer(void *context, bool cancelled)
{
    struct asking *asking = context;
    struct err err = ERR_INIT;
    struct gates_inputs inputs;
    struct gates gates;
    json_t *plan;

    if (cancelled) {
        err_set(&err, ERR_SYSTEM, "the controller stops");
        refuse(asking, &err);
        return;
    }
    lead_find_bars(asking->api->lead, &asking->order, &asking->bars);
    lead_gates_inputs(asking->api->lead, &asking->order, &asking->bars, &inputs);
    gates_evaluate(&inputs, &gates);
    plan = json_plan(&inputs, &asking->body, &gates);
    if (asking->starts)
        start(asking, &gates, plan);
    else
        api_answer_json(asking->call, 200, plan);
    gates_done(&gates);
    free_asking(asking);
}

/* Who may only look sets nobody to work: what is known of rehearsals already is shown to him. */
static void ask(struct asking *asking)
{
    bool may = http_role(asking->call) > ROLE_VIEWER;

    fresh_want_plans(asking->api->fresh, &asking->order.manifest, may ? &asking->body : NULL, 0,
                     answer, asking);
}

/* ---- asking ----------------------------------------------------------------------------------
 */

/* "HASH,HASH": quarantines that the change names; their reasons are signed later. */
static bool read_lifts(const char *given, struct approval *approval, struct err *err)
{
    while (given != NULL && *given != '\0') {
        size_t len = strcspn(given, ",");
        char hex[2 * HASH_SIZE + 1] = "";
        struct lift *lift = &approval->lifts[approval->lifts_count];

        if (approval->lifts_count == LIFTS_MAX)
            return err_set(err, ERR_LIMIT, "lifts: accepted are at most %d", LIFTS_MAX);
        if (len == 2 * HASH_SIZE)
            memcpy(hex, given, len);
        if (!bytes_parse_hex(hex, lift->receipt.bytes, HASH_SIZE))
            return err_set(err, ERR_INPUT,
                           "lifts '%.20s...': accepted are receipts' hashes in hex, parted by "
                           "commas",
                           given);
        text_copy(lift->reason, sizeof(lift->reason), "named by the change");
        approval->lifts_count++;
        given += len + (given[len] == ',');
    }
    return true;
}

static bool read_unsigned(struct asking *asking, struct err *err)
{
    struct bytes body = http_body(asking->call);

    sign_hash(body.data, body.len, &asking->body);
    asking->order.approval.attempt.body = asking->body;
    return read_lifts(http_query(asking->call, "lifts"), &asking->order.approval, err) &&
           wire_decode_manifest(body, &asking->order.manifest, err) &&
           manifest_validate(&asking->order.manifest, err);
}

static bool read_signed(struct asking *asking, struct err *err)
{
    if (!lead_order_decode(http_body(asking->call), &asking->order, err))
        return false;
    asking->body = asking->order.approval.attempt.body;
    return true;
}

static struct asking *new_asking(struct api *api, struct http_call *call, bool starts)
{
    struct asking *asking = mem_alloc(1, sizeof(*asking));

    asking->api = api;
    asking->call = call;
    asking->starts = starts;
    return asking;
}

void api_post_plan(struct api *api, struct http_call *call, const char *word)
{
    const char *is_signed = http_query(call, "signed");
    struct asking *asking = new_asking(api, call, false);
    struct err err = ERR_INIT;
    bool good;

    (void)word;
    if (is_signed != NULL && text_equal(is_signed, "1"))
        good = read_signed(asking, &err);
    else
        good = read_unsigned(asking, &err);
    if (good)
        ask(asking);
    else
        refuse(asking, &err);
}

static void answer_fleet(void *context, bool cancelled)
{
    struct asking *asking = context;
    struct err err = ERR_INIT;
    struct gates_inputs inputs;
    struct gates gates;

    if (cancelled) {
        err_set(&err, ERR_SYSTEM, "the controller stops");
        refuse(asking, &err);
        return;
    }
    lead_find_bars(asking->api->lead, NULL, &asking->bars);
    lead_gates_inputs(asking->api->lead, &asking->order, &asking->bars, &inputs);
    gates_evaluate_fleet(&inputs, &gates);
    api_answer_json(
        asking->call, 200,
        json_pack("{s:b, s:o}", "pass", gates_pass(&gates), "gates", json_gates(&gates)));
    gates_done(&gates);
    free_asking(asking);
}

void api_get_preflight(struct api *api, struct http_call *call, const char *word)
{
    struct asking *asking = new_asking(api, call, false);

    (void)word;
    gates_fleet_manifest(api->desk->file, &asking->order.manifest);
    fresh_want_plans(api->fresh, &asking->order.manifest, NULL, 0, answer_fleet, asking);
}

void api_post_rollout(struct api *api, struct http_call *call, const char *word)
{
    struct asking *asking = new_asking(api, call, true);
    struct err err = ERR_INIT;

    (void)word;
    if (read_signed(asking, &err) && check_start(asking, &err))
        ask(asking);
    else
        refuse(asking, &err);
}
