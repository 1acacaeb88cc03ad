/*
 * trust_root: reads trust.yaml; verifies orders by it.
 */
#include "agent/guard/io/trust_root.h"

#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/config.h"
#include "common/io/file.h"
#include "common/io/wire.h"

bool trust_root_read(const char *path, struct trust *ret_trust, struct err *err)
{
    AUTO_FREE uint8_t *text = NULL;
    size_t len;

    memset(ret_trust, 0, sizeof(*ret_trust));
    if (!file_read(path, YAML_SIZE_MAX, &text, &len, err)) {
        if (err->kind != ERR_MISSING)
            return false;
        *err = (struct err)ERR_INIT;
        return true;
    }
    return config_parse_trust(path, (struct bytes){text, len}, ret_trust, err);
}

static bool names(const struct order *order, const char *node)
{
    for (uint32_t i = 0; i < order->nodes_count; i++) {
        if (text_equal(order->nodes[i], node))
            return true;
    }
    return false;
}

bool trust_root_check_order(const char *path, struct bytes envelope, const char *node,
                            struct order *ret_order, struct err *err)
{
    AUTO_FREE struct trust *trust = mem_alloc(1, sizeof(*trust));

    return trust_root_read(path, trust, err) &&
           trust_root_believe_order(trust, path, envelope, node, ret_order, err);
}

bool trust_root_believe_order(const struct trust *trust, const char *path, struct bytes envelope,
                              const char *node, struct order *ret_order, struct err *err)
{
    const struct trust_key *key;

    if (!wire_decode_order(envelope, ret_order, err))
        return false;
    if (trust->keys_count == 0)
        return err_set(err, ERR_DENIED, "no trust root is installed at %s: no order is believed",
                       path);
    key = trust_find(trust, &ret_order->signature.key);
    if (key == NULL || (key->roles & TRUST_OPERATOR) == 0)
        return err_set(
            err, ERR_DENIED,
            "the order is signed by a key that the trust root does not have as operator");
    if (!wire_verify(envelope, SIGN_ORDER, &key->key, err))
        return false;
    return names(ret_order, node) ||
           err_set(err, ERR_DENIED, "the order does not name this node, %s", node);
}
