/*
 * node: this node's name, as far as it is known.
 */
#include "agent/guard/io/node.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/name.h"
#include "common/core/text.h"
#include "common/io/config.h"
#include "common/io/file.h"

void node_take_name(char *text, char *ret_name)
{
    text[strcspn(text, "\n")] = '\0';
    text_copy(ret_name, NAME_SIZE, name_valid(text) ? text : "");
}

void node_read_name(const char *state, char *ret_name)
{
    char path[PATH_SIZE + 16];
    struct err err = ERR_INIT;
    AUTO_FREE uint8_t *text = NULL;
    size_t len;

    ret_name[0] = '\0';
    if (!file_join(path, sizeof(path), state, "name", &err) ||
        !file_read(path, NODE_NAME_FILE_SIZE, &text, &len, &err))
        return;
    node_take_name((char *)text, ret_name);
}

void node_name_in(const struct manifest *manifest, const struct public_key *key, char *ret_name)
{
    ret_name[0] = '\0';
    for (uint32_t i = 0; i < manifest->roster_count; i++) {
        if (key_equal(&manifest->roster[i].guard_key, key))
            text_copy(ret_name, NAME_SIZE, manifest->roster[i].name);
    }
}

static bool name_by(struct journal *journal, const struct generation_id *id,
                    const struct public_key *key, char *ret_name)
{
    const struct journal_generation *kept = journal_find(journal, id);
    struct manifest manifest;
    struct err err = ERR_INIT;

    if (kept == NULL || !wire_decode_manifest(wire_lend(&kept->body), &manifest, &err))
        return false;
    node_name_in(&manifest, key, ret_name);
    manifest_done(&manifest);
    return ret_name[0] != '\0';
}

static bool name_in_kept(struct journal *journal, const struct ledger *ledger,
                         const struct public_key *key, char *ret_name)
{
    if (key == NULL)
        return false;
    if (ledger->is_open && name_by(journal, &ledger->open.id, key, ret_name))
        return true;
    for (uint32_t i = ledger->generations_count; i-- > 0;) {
        if (name_by(journal, &ledger->generations[i].id, key, ret_name))
            return true;
    }
    return false;
}

/* It was signed by this node's key; and it was not admitted by another name than its plan's. */
static bool is_of_a_plan(const struct receipt *receipt)
{
    return receipt->kind != RECEIPT_TOMBSTONE && receipt->kind != RECEIPT_REFUSED;
}

static bool name_in_receipts(const struct ledger *ledger, char *ret_name)
{
    for (uint32_t i = ledger->ends_count; i-- > 0;) {
        const struct receipt *receipt = &ledger->ends[i].receipt;

        if (is_of_a_plan(receipt) && receipt->node[0] != '\0')
            return text_copy(ret_name, NAME_SIZE, receipt->node);
    }
    return false;
}

static bool name_of_only_plan(struct journal *journal, const struct generation_id *id,
                              char *ret_name)
{
    const struct journal_generation *kept = journal_find(journal, id);
    struct manifest manifest;
    struct err err = ERR_INIT;
    bool is_only;

    if (kept == NULL || !wire_decode_manifest(wire_lend(&kept->body), &manifest, &err))
        return false;
    is_only = manifest.plans_count == 1;
    if (is_only)
        text_copy(ret_name, NAME_SIZE, manifest.plans[0].node);
    manifest_done(&manifest);
    return is_only;
}

static bool name_without_key(struct journal *journal, const struct ledger *ledger, char *ret_name)
{
    const struct ledger_generation *top = ledger->is_open ? &ledger->open : ledger_top(ledger);

    return name_in_receipts(ledger, ret_name) ||
           (top != NULL && name_of_only_plan(journal, &top->id, ret_name));
}

static void host_name(char *ret_name)
{
    char name[HOST_SIZE] = "";

    gethostname(name, sizeof(name) - 1);
    name[strcspn(name, ".")] = '\0';
    text_copy(ret_name, NAME_SIZE, name_valid(name) ? name : "unnamed");
}

bool node_find_name(const char *joined_as, struct journal *journal, const struct ledger *ledger,
                    const struct public_key *key, char *ret_name)
{
    char name[NAME_SIZE];

    if (joined_as[0] != '\0')
        return text_copy(ret_name, NAME_SIZE, joined_as);
    if (name_in_kept(journal, ledger, key, name) ||
        (key == NULL && name_without_key(journal, ledger, name)))
        return text_copy(ret_name, NAME_SIZE, name);
    if (ret_name[0] == '\0')
        host_name(ret_name);
    return false;
}
