/*
 * order: finds the generation, signs, writes.
 */
#include "controller/ctl/order.h"

#include <stdio.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"
#include "controller/ctl/api.h"
#include "controller/ctl/keys.h"
#include "controller/ctl/losses.h"
#include "controller/ctl/rescue.h"

/* Newest first; the node's document has the oldest first. */
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
    if (losses_is_unknown(node))
        return err_set(err, ERR_MISSING,
                       "--to '%.80s': what stands on %s is not known: it has not said since the "
                       "controller began, and `oceanidctl status` saw no such change there before; "
                       "no order was signed",
                       wanted, field_plain(field_text(node, "name")));
    return err_set(err, ERR_INPUT,
                   "--to '%.80s': no such change or sequence stands on %s; `oceanidctl node %s` "
                   "shows what does",
                   wanted, field_plain(field_text(node, "name")),
                   field_plain(field_text(node, "name")));
}

/* An order for what does not stand any more does nothing: an old answer is good enough. */
static bool remember_node(struct ctl *ctl, const char *name, json_t **ret_node, struct err *err)
{
    *ret_node = rescue_node(ctl, name);
    if (*ret_node == NULL)
        return false;
    fprintf(stderr, "oceanidctl: %s\nGoing by what `oceanidctl status` last saw of %s.\n",
            err->text, name);
    *err = (struct err)ERR_INIT;
    return true;
}

/* With nothing remembered the controller's word stays. */
static void remember_unheard(struct ctl *ctl, const char *name, json_t **node)
{
    struct err err = ERR_INIT;
    json_t *remembered = NULL;

    err_set(&err, ERR_MISSING, "%s has not said what stands there since the controller began",
            name);
    if (!remember_node(ctl, name, &remembered, &err))
        return;
    json_decref(*node);
    *node = remembered;
}

static bool ask_node(struct ctl *ctl, const struct order_request *request, json_t **ret_node,
                     struct err *err)
{
    const char *name = request->node;
    char path[2 * NAME_SIZE];

    if (request->remembered) {
        *ret_node = rescue_node(ctl, name);
        return *ret_node != NULL ||
               err_set(err, ERR_MISSING, "no %s is remembered here from `oceanidctl status`", name);
    }
    snprintf(path, sizeof(path), "/v1/nodes/%s", name);
    if (ctl_api(ctl, err) != NULL && api_get(ctl->api, path, ret_node, err)) {
        if (losses_is_unknown(*ret_node))
            remember_unheard(ctl, name, ret_node);
        return true;
    }
    return api_is_unanswered(err) && remember_node(ctl, name, ret_node, err);
}

bool order_sign(struct ctl *ctl, const struct order_request *request, struct wire_bytes *ret_order,
                struct err *err)
{
    AUTO_FREE struct order *order = mem_alloc(1, sizeof(*order));
    AUTO_JSON json_t *node = NULL;
    struct sign_key *key;

    if (!ask_node(ctl, request, &node, err) ||
        !find_generation(node, request->to, &order->down_to, err))
        return false;
    order->nodes_count = 1;
    text_copy(order->nodes[0], NAME_SIZE, request->node);
    text_copy(order->reason, sizeof(order->reason), request->reason);
    key = keys_load(ctl, "approver.key",
                    err); /* the nodes judge it: no file here stands in the way */
    if (key == NULL)
        return false;
    *ret_order = wire_encode_order(order, key);
    sign_key_free(key);
    return true;
}

bool order_write(struct ctl *ctl, const struct order_request *request, const char *path,
                 struct err *err)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};

    if (!order_sign(ctl, request, &bytes, err) ||
        !file_write_out(path, bytes.data, bytes.len, 0600, err))
        return false;
    printf("wrote %s; on %s, as root, with a copy of it: oceanid-rollback --order FILE; or from "
           "here:\n"
           "    ssh root@%s oceanid-rollback --order /dev/stdin < %s\n"
           "It takes back that change and what stands above it, there and nowhere else, however "
           "old the file is.\n",
           path, request->node, request->node, path);
    return true;
}
