/*
 * json: verdicts, nodes, holds, audit and receipts as docs/api.md shows them.
 */
#include "controller/io/json.h"

#include <stdio.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/json_text.h"

json_t *json_hex(const uint8_t *bytes, size_t len)
{
    AUTO_FREE char *text = mem_alloc(2 * len + 1, 1);

    bytes_format_hex(bytes, len, text);
    return json_string(text);
}

static void set_text(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key, json_text(text));
}

static void set_number(json_t *object, const char *key, int64_t number)
{
    json_object_set_new(object, key, json_integer((json_int_t)number));
}

static void set_hex(json_t *object, const char *key, const uint8_t *bytes, size_t len)
{
    json_object_set_new(object, key, json_hex(bytes, len));
}

json_t *json_verdict(const struct verdict *verdict, int64_t at, const char *node)
{
    json_t *object = json_object();

    if (node != NULL)
        set_text(object, "node", node);
    set_text(object, "check", verdict->check);
    set_text(object, "value", verdict_format(verdict->value));
    set_text(object, "severity", severity_format(verdict->severity));
    set_text(object, "expected", verdict->expected);
    set_text(object, "observed", verdict->observed);
    set_number(object, "at", at);
    set_number(object, "took_ms", verdict->took_ms);
    return object;
}

/* ---- nodes -----------------------------------------------------------------------------------
 */

static void add_verdicts(json_t *list, const struct fleet_member *member, bool with_node)
{
    for (uint32_t i = 0; i < member->verdicts_count; i++) {
        struct verdict verdict;

        if (fleet_reach_target(member->verdicts[i].verdict.check) != NULL)
            continue;
        fleet_show(member, &member->verdicts[i], clock_now(), &verdict);
        json_array_append_new(
            list, json_verdict(&verdict, member->verdicts[i].at, with_node ? member->name : NULL));
    }
}

/* Of who has no verdict, and should have: nothing at all would read as nothing wrong. */
static json_t *silence(const struct fleet_member *member)
{
    struct verdict verdict = {.check = "agent", .severity = SEVERITY_CRITICAL};
    const char *observed = !member->connected ? "it is not connected, and told none before"
                           : member->silent   ? "it is connected and does not answer"
                                              : "it is connected and has told none yet";

    verdict_set(&verdict, VERDICT_UNKNOWN, "its agent tells its verdicts", observed);
    return json_verdict(&verdict, member->heard_unix, member->name);
}

json_t *json_checks(const struct desk *desk)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < desk->fleet.members_count; i++) {
        const struct fleet_member *member = &desk->fleet.members[i];
        size_t told = json_array_size(list);

        add_verdicts(list, member, true);
        if (json_array_size(list) == told && fleet_health(member, clock_now()) == VERDICT_UNKNOWN)
            json_array_append_new(list, silence(member));
    }
    return list;
}

/* Nobody is said not to reach an address that is not meant for him. */
static bool may_reach(const struct desk *desk, const struct fleet_member *member,
                      const char *target)
{
    const struct fleet_node *node = fleet_file_find(desk->file, target);

    return node != NULL && fleet_in_audience(member, node->ssh.audience);
}

static json_t *reaches(const struct desk *desk, const struct fleet_member *member)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < member->verdicts_count; i++) {
        const struct fleet_verdict *known = &member->verdicts[i];
        const char *target = fleet_reach_target(known->verdict.check);
        struct verdict verdict;
        json_t *look;

        if (target == NULL || !may_reach(desk, member, target))
            continue;
        fleet_show(member, known, clock_now(), &verdict);
        look = json_object();
        set_text(look, "node", target);
        set_text(look, "value", verdict_format(verdict.value));
        set_text(look, "observed", verdict.observed);
        set_number(look, "at", known->at);
        json_array_append_new(list, look);
    }
    return list;
}

static void set_generation(json_t *object, const struct generation_id *id, const char *change)
{
    set_text(object, "change", change);
    set_hex(object, "body", id->attempt.body.bytes, HASH_SIZE);
    set_number(object, "sequence", (int64_t)id->attempt.sequence);
    set_hex(object, "start", id->start.bytes, NONCE_SIZE);
}

static json_t *generations(const struct fleet_member *member)
{
    json_t *list = json_array();

    for (uint32_t i = 0; member->has_stack && i < member->stack.generations_count; i++) {
        const struct generation *generation = &member->stack.generations[i];
        json_t *object = json_object();

        set_generation(object, &generation->id, generation->change);
        set_number(object, "soak_s", generation->soak_s);
        json_object_set_new(object, "in_doubt", json_boolean(generation->in_doubt));
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *trial(const struct lead *lead, const struct fleet_member *member)
{
    json_t *object;

    if (!member->has_stack || !member->stack.trial_open)
        return json_null();
    object = json_object();
    set_generation(object, &member->stack.trial,
                   lead_change_of(lead, &member->stack.trial.attempt));
    set_text(object, "state", member->stack.trial_state);
    set_number(object, "soak_left_s", member->soak_left_s);
    return object;
}

static const char *state_of(const struct lead *lead, const struct fleet_member *member)
{
    if (member->stack_is_of_session && member->stack.trial_open)
        return member->stack.trial_state;
    if (member->has_stack && stack_find_doubt(&member->stack) != NULL)
        return "in doubt";
    return lead_in_doubt(lead, member->name) ? "in doubt" : "idle";
}

static void set_declared(json_t *object, const struct fleet_node *node)
{
    char ssh[ADDRESS_TEXT_SIZE + 10] = "";

    if (node != NULL && address_is_set(&node->ssh.address)) {
        char address[ADDRESS_TEXT_SIZE];
        bool six = node->ssh.address.family == FAMILY_IPV6;

        address_format(&node->ssh.address, address);
        snprintf(ssh, sizeof(ssh), "%s%s%s:%u", six ? "[" : "", address, six ? "]" : "",
                 node->ssh.port);
    }
    json_object_set_new(object, "first", json_boolean(node != NULL && node->first));
    json_object_set_new(object, "protected", json_boolean(node != NULL && node->is_protected));
    set_text(object, "ssh", ssh);
    set_text(object, "console", node != NULL ? node->console : "");
    set_text(object, "console_id", node != NULL ? node->console_id : "");
}

static void set_details(json_t *object, const struct fleet_member *member)
{
    json_t *verdicts = json_array();
    json_t *drift = json_array();

    add_verdicts(verdicts, member, false);
    for (uint32_t i = 0; i < member->drift_count; i++)
        json_array_append_new(drift, json_text(member->drift[i]));
    json_object_set_new(object, "verdicts", verdicts);
    json_object_set_new(object, "drift", drift);
}

static const char *maintenance_of(const struct desk *desk, const char *node)
{
    const struct hold *hold = holds_find(&desk->holds, HOLD_MAINTENANCE, node, clock_unix());

    return hold != NULL ? hold->reason : "";
}

json_t *json_node(const struct desk *desk, const struct lead *lead,
                  const struct fleet_member *member, bool in_full)
{
    json_t *object = json_object();
    mono_t now = clock_now();

    set_text(object, "name", member->name);
    set_text(object, "role", member->witness_only ? "witness" : "node");
    json_object_set_new(object, "connected", json_boolean(member->connected));
    json_object_set_new(object, "silent", json_boolean(member->silent));
    set_number(object, "last_seen", member->heard_unix);
    set_text(object, "health", verdict_format(fleet_health(member, now)));
    set_number(object, "failing", fleet_count_failing(member, now));
    set_declared(object, fleet_file_find(desk->file, member->name));
    set_text(object, "state", state_of(lead, member));
    set_text(object, "maintenance", maintenance_of(desk, member->name));
    json_object_set_new(object, "known", json_boolean(member->has_stack));
    json_object_set_new(object, "generations", generations(member));
    json_object_set_new(object, "trial", trial(lead, member));
    json_object_set_new(object, "reaches", reaches(desk, member));
    set_text(object, "version", member->version);
    set_text(object, "boot_id", member->boot_id);
    if (in_full)
        set_details(object, member);
    return object;
}

/* ---- records ---------------------------------------------------------------------------------
 */

json_t *json_hold(const struct holds *holds, const struct hold *hold)
{
    int64_t now = clock_unix();
    json_t *object = json_object();

    set_number(object, "id", (int64_t)hold->id);
    set_text(object, "kind", hold_kind_name(hold->kind));
    set_text(object, "scope", hold->scope);
    set_text(object, "object", hold->object);
    set_text(object, "reason", hold->reason);
    set_text(object, "by", hold->by);
    set_number(object, "since", hold->since);
    set_number(object, "until", hold->until);
    json_object_set_new(object, "stops", json_boolean(holds_stops(holds, hold, now)));
    set_number(object, "opens_at",
               hold->kind == HOLD_WINDOW ? holds_opens_at(holds, hold->scope, now) : 0);
    if (hash_is_zero(&hold->receipt))
        set_text(object, "receipt", "");
    else
        set_hex(object, "receipt", hold->receipt.bytes, HASH_SIZE);
    return object;
}

json_t *json_entry(const struct audit_row *row)
{
    json_t *object = json_object();

    set_number(object, "index", (int64_t)row->index);
    set_number(object, "at", row->at);
    set_text(object, "who", row->who);
    set_text(object, "what", row->what);
    set_text(object, "subject", row->subject);
    set_text(object, "text", row->text);
    set_hex(object, "hash", row->hash.bytes, HASH_SIZE);
    return object;
}

static json_t *receipt_object(uint64_t index, const struct receipt *receipt)
{
    json_t *object = json_object();
    json_t *objects = json_array();

    for (uint32_t i = 0; i < receipt->objects_count; i++)
        json_array_append_new(objects, json_text(receipt->objects[i]));
    set_number(object, "index", (int64_t)index);
    set_text(object, "node", receipt->node);
    set_hex(object, "body", receipt->generation.attempt.body.bytes, HASH_SIZE);
    set_number(object, "sequence", (int64_t)receipt->generation.attempt.sequence);
    set_hex(object, "start", receipt->generation.start.bytes, NONCE_SIZE);
    set_text(object, "kind", receipt_kind_name(receipt->kind));
    set_text(object, "cause", end_cause_name(receipt->cause));
    set_number(object, "soak_s", receipt->soak_s);
    set_number(object, "at", receipt->at);
    set_text(object, "reason", receipt->reason);
    json_object_set_new(object, "objects", objects);
    json_object_set_new(object, "quarantine", json_boolean(receipt_quarantines(receipt)));
    return object;
}

json_t *json_receipt(uint64_t index, struct bytes envelope)
{
    AUTO_FREE struct receipt *receipt = mem_alloc(1, sizeof(*receipt));
    struct err err = ERR_INIT;
    struct hash hash;
    json_t *object;

    if (!wire_decode_receipt(envelope, receipt, &err) || !wire_payload_hash(envelope, &hash, &err))
        return NULL;
    object = receipt_object(index, receipt);
    set_hex(object, "receipt", hash.bytes, HASH_SIZE);
    set_hex(object, "signed", envelope.data, envelope.len);
    return object;
}

json_t *json_rollback(const struct lead_backs *backs, const char *change)
{
    json_t *object = json_object();
    json_t *nodes = json_array();
    bool open = false, awaited = false;

    for (uint32_t i = 0; i < backs->count; i++) {
        json_t *node = json_object();

        set_text(node, "name", backs->list[i].name);
        set_number(node, "sequence", (int64_t)backs->list[i].attempt.sequence);
        set_text(node, "state", backs->list[i].state);
        set_text(node, "sentence", backs->list[i].sentence);
        json_array_append_new(nodes, node);
        open = open || !backs->list[i].done;
        awaited = awaited || (!backs->list[i].done && !backs->list[i].left);
    }
    set_number(object, "rollout", (int64_t)backs->rollout);
    set_text(object, "change", change);
    json_object_set_new(object, "nodes", nodes);
    json_object_set_new(object, "open", json_boolean(open));
    json_object_set_new(object, "awaited", json_boolean(awaited));
    return object;
}

json_t *json_losses(const struct lead_losses *losses)
{
    json_t *object = json_object();
    json_t *nodes = json_array();

    for (uint32_t i = 0; i < losses->count; i++) {
        json_t *node = json_object();

        set_text(node, "name", losses->list[i].name);
        set_text(node, "sentence", losses->list[i].sentence);
        json_array_append_new(nodes, node);
    }
    set_number(object, "rollout", (int64_t)losses->rollout);
    set_text(object, "change", losses->change);
    set_text(object, "before", losses->before);
    set_text(object, "instead", losses->instead);
    json_object_set_new(object, "nodes", nodes);
    return object;
}
