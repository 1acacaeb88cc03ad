/*
 * plan_kept: this node's part of the manifest that its guard was last asked to prepare.
 */
#include "agent/io/plan_kept.h"

#include <string.h>

#include "common/core/text.h"
#include "common/io/config.h"
#include "common/io/file.h"
#include "common/io/log.h"

static const char file_name[] = "manifest";

static bool decode(struct plan_kept *kept, struct bytes body, const char *node, struct err *err)
{
    struct manifest manifest = {.stages_count = 0};
    const struct manifest_plan *plan;

    if (!wire_decode_manifest(body, &manifest, err))
        return false;
    plan = manifest_find_plan(&manifest, node);
    if (plan != NULL && plan->checks_count <= CHECKS_MAX && manifest.roster_count <= NODES_MAX) {
        memset(kept, 0, sizeof(*kept));
        sign_hash(body.data, body.len, &kept->body);
        kept->checks_count = plan->checks_count;
        if (plan->checks_count > 0)
            memcpy(kept->checks, plan->checks, plan->checks_count * sizeof(*plan->checks));
        kept->ssh = plan->ssh;
        kept->roster_count = manifest.roster_count;
        if (manifest.roster_count > 0)
            memcpy(kept->roster, manifest.roster, manifest.roster_count * sizeof(kept->roster[0]));
        kept->there = true;
    }
    manifest_done(&manifest);
    return plan != NULL || err_set(err, ERR_INPUT, "the manifest has no plan for %s", node);
}

bool plan_kept_take(struct plan_kept *kept, struct bytes body, const char *node,
                    const char *directory, struct err *err)
{
    char path[2 * PATH_SIZE];
    struct err failure = ERR_INIT;
    struct hash hash;

    sign_hash(body.data, body.len, &hash);
    if (kept->there && hash_equal(&hash, &kept->body))
        return true;
    if (!decode(kept, body, node, err))
        return false;
    if (directory[0] != '\0' && (!file_join(path, sizeof(path), directory, file_name, &failure) ||
                                 !file_write(path, body.data, body.len, 0600, &failure)))
        log_warning("%s; an agent that is restarted in this trial cannot prove it", failure.text);
    return true;
}

void plan_kept_load(struct plan_kept *kept, const char *node, const char *directory)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    char path[2 * PATH_SIZE];
    struct err err = ERR_INIT;

    if (file_join(path, sizeof(path), directory, file_name, &err) &&
        file_read(path, MANIFEST_SIZE_MAX, &bytes.data, &bytes.len, &err) &&
        decode(kept, wire_lend(&bytes), node, &err))
        return;
    if (err.kind != ERR_MISSING)
        log_warning("the manifest kept from before is not used: %s", err.text);
}

bool plan_kept_verify(const struct plan_kept *kept, const char *node,
                      const struct statement *statement, struct bytes envelope)
{
    struct err err = ERR_INIT;

    if (!kept->there || !hash_equal(&kept->body, &statement->body) ||
        !text_equal(statement->subject, node))
        return false;
    for (uint32_t i = 0; i < kept->roster_count; i++) {
        if (text_equal(kept->roster[i].name, statement->signer))
            return wire_verify(envelope, SIGN_STATEMENT, &kept->roster[i].agent_key, &err);
    }
    return false;
}
