/*
 * trust_root: reads trust.yaml; verifies orders by it.
 */
#include "agent/guard/io/trust_root.h"

#include <string.h>

#include "agent/guard/io/disk_read.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/config.h"
#include "common/io/file.h"
#include "common/io/wire.h"

/* text NULL: it was not read, and err says why. */
static bool take_text(const char *path, struct bytes text, struct trust *ret_trust, struct err *err)
{
    memset(ret_trust, 0, sizeof(*ret_trust));
    if (text.data != NULL)
        return config_parse_trust(path, text, ret_trust, err);
    if (err->kind != ERR_MISSING)
        return false;
    *err = (struct err)ERR_INIT;
    return true;
}

bool trust_root_read(const char *path, struct trust *ret_trust, struct err *err)
{
    AUTO_FREE uint8_t *text = NULL;
    size_t len = 0;

    (void)!file_read(path, YAML_SIZE_MAX, &text, &len, err);
    return take_text(path, (struct bytes){text, len}, ret_trust, err);
}

static bool read_soon(const char *path, struct trust *ret_trust, struct err *err)
{
    AUTO_FREE uint8_t *text = NULL;
    struct disk_read read;
    size_t len = 0;

    disk_read_start(&read, path, YAML_SIZE_MAX);
    (void)!disk_read_take(&read, clock_now() + TRUST_ROOT_WAIT_MS, &text, &len, err);
    return take_text(path, (struct bytes){text, len}, ret_trust, err);
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

    return read_soon(path, trust, err) &&
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
    return node == NULL || names(ret_order, node) ||
           err_set(err, ERR_DENIED, "the order does not name this node, %s", node);
}
