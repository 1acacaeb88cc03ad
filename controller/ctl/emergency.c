/*
 * emergency: the open or last rollout by the controller's own right; anything further back by an
 * order that this operator signs (docs/protocol.md rule 17).
 */
#include "controller/ctl/emergency.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/name.h"
#include "common/core/text.h"
#include "controller/ctl/api.h"
#include "controller/ctl/keys.h"
#include "controller/ctl/render.h"

enum { WAIT_DEFAULT_S = 60, POLL_MS = 500 };

/* "--node a --node b" */
static json_t *wanted_nodes(const struct arguments *arguments, struct err *err)
{
    json_t *nodes = json_array();

    for (uint32_t i = 0; i < arguments->options_count; i++) {
        if (!text_equal(arguments->options[i].name, "--node="))
            continue;
        if (!name_check("--node", arguments->options[i].value, err)) {
            json_decref(nodes);
            return NULL;
        }
        json_array_append_new(nodes, json_string(arguments->options[i].value));
    }
    return nodes;
}

static bool confirm(const struct arguments *arguments, size_t nodes_count, struct err *err)
{
    const char *question =
        arguments_get(arguments, "--to") != NULL
            ? "This takes the nodes named back, down to and including that change. Type yes:"
        : nodes_count > 0
            ? "This takes the open or last rollout back on the nodes named. Type yes:"
            : "This takes the open or last rollout back on all its nodes, at once. Type yes:";

    if (arguments_get(arguments, "--yes") != NULL || ctl_ask(question, "yes"))
        return true;
    return err_set(err, ERR_DENIED, "not confirmed; nothing was done");
}

static const char *reason_of(const struct arguments *arguments)
{
    const char *reason = arguments_get(arguments, "--reason");

    return reason != NULL ? reason : "emergency rollback";
}

static bool ask_all(struct ctl *ctl, const struct arguments *arguments, json_t *nodes,
                    json_t **ret_answer, struct err *err)
{
    json_t *body = json_pack("{s:s}", "reason", reason_of(arguments));

    if (json_array_size(nodes) > 0)
        json_object_set(body, "nodes", nodes);
    if (ctl_api(ctl, err) == NULL) {
        json_decref(body);
        return false;
    }
    return api_send_take(ctl->api, "POST", "/v1/emergency-rollback", body, ret_answer, err);
}

/* The generation of a change's name or a sequence, newest first, on the node's stack. */
static bool find_generation(const json_t *node, const char *wanted, struct generation_id *ret_id,
                            struct err *err)
{
    const json_t *generations = field_array(node, "generations");
    unsigned long long sequence = 0;

    text_parse_u64(wanted, UINT64_MAX, &sequence);
    for (size_t i = json_array_size(generations); i > 0; i--) {
        const json_t *item = json_array_get(generations, i - 1);

        if (!text_equal(field_text(item, "change"), wanted) &&
            (sequence == 0 || (unsigned long long)field_number(item, "sequence") != sequence))
            continue;
        ret_id->attempt.sequence = (uint64_t)field_number(item, "sequence");
        if (field_hash(item, "body", &ret_id->attempt.body) &&
            field_nonce(item, "start", &ret_id->start))
            return true;
    }
    return err_set(err, ERR_INPUT,
                   "--to '%.80s': no such change or sequence stands on %s; `oceanidctl node %s` "
                   "shows what does",
                   wanted, field_plain(field_text(node, "name")),
                   field_plain(field_text(node, "name")));
}

static bool order_one(struct ctl *ctl, const struct arguments *arguments, const char *name,
                      const char *to, struct err *err)
{
    AUTO_FREE struct order *order = mem_alloc(1, sizeof(*order));
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    AUTO_ANSWER struct api_answer answer = {0};
    AUTO_JSON json_t *node = NULL;
    struct sign_key *key;
    char path[2 * NAME_SIZE];

    snprintf(path, sizeof(path), "/v1/nodes/%s", name);
    if (ctl_api(ctl, err) == NULL || !api_get(ctl->api, path, &node, err) ||
        !find_generation(node, to, &order->down_to, err))
        return false;
    order->nodes_count = 1;
    text_copy(order->nodes[0], NAME_SIZE, name);
    text_copy(order->reason, sizeof(order->reason), reason_of(arguments));
    key = keys_load(ctl, "approver.key", err);
    if (key == NULL)
        return false;
    bytes = wire_encode_order(order, key);
    sign_key_free(key);
    return api_call(ctl->api, "POST", "/v1/emergency-rollback?signed=1", wire_lend(&bytes), &answer,
                    err);
}

static bool order_each(struct ctl *ctl, const struct arguments *arguments, const json_t *nodes,
                       const char *to, json_t **ret_answer, struct err *err)
{
    if (json_array_size(nodes) == 0)
        return err_set(err, ERR_INPUT, "--to needs --node NAME: a signed order names its nodes");
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        if (!order_one(ctl, arguments, json_string_value(json_array_get(nodes, i)), to, err))
            return false;
    }
    *ret_answer = json_object();
    return true;
}

static void print_progress(const json_t *nodes)
{
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);

        printf("%-20s %-12s %s\n", field_plain(field_text(node, "name")),
               field_plain(field_text(node, "state")), field_plain(field_text(node, "sentence")));
    }
}

/* Nothing may be open any more; a node that does not come back in time is listed, not waited for.
 */
static enum outcome wait_back(struct ctl *ctl, unsigned wait_s)
{
    const struct timespec pause = {0, POLL_MS * 1000000L};

    for (unsigned waited_ms = 0;; waited_ms += POLL_MS) {
        AUTO_JSON json_t *answer = NULL;
        struct err err = ERR_INIT;
        bool open;

        if (!api_get(ctl->api, "/v1/emergency-rollback", &answer, &err))
            return ctl_fail(ctl, &err);
        open = field_is_true(answer, "open");
        if (open && waited_ms < wait_s * 1000) {
            nanosleep(&pause, NULL);
            continue;
        }
        if (ctl->json)
            render_document_take(json_incref(answer));
        else
            print_progress(field_array(answer, "nodes"));
        if (open)
            fprintf(stderr, "oceanidctl: something is not back yet. It is taken back when its node "
                            "answers; on its console: oceanid-rollback\n");
        return open ? OUTCOME_INCOMPLETE : OUTCOME_DONE;
    }
}

static bool read_wait(const struct arguments *arguments, unsigned *ret_wait_s, struct err *err)
{
    const char *given = arguments_get(arguments, "--wait");

    *ret_wait_s = WAIT_DEFAULT_S;
    if (given == NULL || text_parse_duration(given, ret_wait_s))
        return true;
    return err_set(err, ERR_INPUT, "--wait '%.40s': accepted is a duration as 30s or 5m", given);
}

enum outcome emergency_run(struct ctl *ctl, const struct arguments *arguments)
{
    const char *to = arguments_get(arguments, "--to");
    struct err err = ERR_INIT;
    AUTO_JSON json_t *nodes = wanted_nodes(arguments, &err);
    AUTO_JSON json_t *answer = NULL;
    unsigned wait_s;
    bool good;

    if (nodes == NULL || !read_wait(arguments, &wait_s, &err))
        return ctl_fail(ctl, &err);
    if (json_array_size(nodes) > 0 && arguments_get(arguments, "--all") != NULL) {
        err_set(&err, ERR_INPUT, "--node and --all exclude each other");
        return ctl_fail(ctl, &err);
    }
    good = confirm(arguments, json_array_size(nodes), &err) &&
           (to != NULL ? order_each(ctl, arguments, nodes, to, &answer, &err)
                       : ask_all(ctl, arguments, nodes, &answer, &err));
    return good ? wait_back(ctl, wait_s) : ctl_fail(ctl, &err);
}
