/*
 * signing_case: the desk, and the controller that it asks.
 */
#include "tests/unit/signing_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "controller/ctl/api.h"
#include "controller/ctl/keys.h"

int open_desk(void **state)
{
    struct desk *desk = mem_alloc(1, sizeof(*desk));
    struct err err = ERR_INIT;
    int fd;

    text_copy(desk->path, sizeof(desk->path), "/tmp/oceanid-ledger-XXXXXX");
    fd = mkstemp(desk->path);
    assert_true(fd >= 0);
    close(fd);
    assert_true(ledger_open(&desk->ledger, desk->path, &err));
    desk->guard = sign_key_generate();
    desk->manifest.plans = mem_alloc(1, sizeof(*desk->manifest.plans));
    desk->manifest.plans_count = 1;
    text_copy(desk->manifest.plans[0].node, NAME_SIZE, "srv712695");
    desk->manifest.plans[0].operations = mem_alloc(1, sizeof(struct operation));
    desk->manifest.plans[0].operations_count = 1;
    desk->manifest.plans[0].operations[0].kind = OPERATION_SYSCTL;
    text_copy(desk->manifest.plans[0].operations[0].sysctl.setting.name, SYSCTL_NAME_SIZE,
              "net.ipv4.ip_forward");
    *state = desk;
    return 0;
}

int close_desk(void **state)
{
    struct desk *desk = *state;

    ledger_close(&desk->ledger);
    manifest_done(&desk->manifest);
    sign_key_free(desk->guard);
    unlink(desk->path);
    free(desk);
    return 0;
}

void sign(struct desk *desk, uint64_t sequence)
{
    struct ledger_signed *entry = &desk->entry;
    struct err err = ERR_INIT;

    entry->attempt.sequence = sequence;
    entry->attempt.body.bytes[0] = (uint8_t)sequence;
    entry->signed_at = SIGNED_AT;
    entry->not_after = NOT_AFTER;
    entry->trial_max_s = TRIAL_MAX;
    text_copy(entry->change, NAME_SIZE, "a-change");
    entry->targets_count = 2;
    text_copy(entry->targets[0], NAME_SIZE, "srv712695");
    text_copy(entry->targets[1], NAME_SIZE, "calypso");
    assert_true(ledger_add_signed(&desk->ledger, entry, &err));
}

struct hash end(struct desk *desk, const char *node, uint64_t sequence, enum receipt_kind kind,
                enum end_cause cause)
{
    AUTO_FREE struct receipt *receipt = mem_alloc(1, sizeof(*receipt));
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    struct public_key signer;
    struct err err = ERR_INIT;
    struct hash hash;

    text_copy(receipt->node, NAME_SIZE, node);
    receipt->generation.attempt.sequence = sequence;
    receipt->generation.attempt.body.bytes[0] = (uint8_t)sequence;
    receipt->generation.start.bytes[0] = kind == RECEIPT_TOMBSTONE ? 0 : 7;
    receipt->kind = kind;
    receipt->cause = cause;
    receipt->objects_count = 1;
    text_copy(receipt->objects[0], sizeof(receipt->objects[0]), "sysctl net.ipv4.ip_forward");
    bytes = wire_encode_receipt(receipt, desk->guard);
    sign_key_public(desk->guard, &signer);
    assert_true(ledger_add_receipt(&desk->ledger, wire_lend(&bytes), &signer, &err));
    assert_true(wire_payload_hash(wire_lend(&bytes), &hash, &err));
    return hash;
}

bool choose(struct desk *desk, const struct lift *named, uint32_t count, struct err *err)
{
    desk->approval = (struct approval){0};
    return signing_choose_lifts(&desk->ledger, &desk->manifest, named, count, &desk->approval, err);
}

/* ---- what the controller has ----------------------------------------------------------------- */

struct fake_controller fake;

struct api *__wrap_ctl_api(struct ctl *ctl, struct err *err);
bool __wrap_keys_read_roster(const struct ctl *ctl, struct roster *ret_roster, struct err *err);
bool __wrap_api_get(struct api *api, const char *path, json_t **ret_document, struct err *err);

struct api *__wrap_ctl_api(struct ctl *ctl, struct err *err)
{
    (void)err;
    return (struct api *)ctl; /* nobody looks into it */
}

bool __wrap_keys_read_roster(const struct ctl *ctl, struct roster *ret_roster, struct err *err)
{
    (void)ctl;
    (void)err;
    ret_roster->entries_count = 1;
    text_copy(ret_roster->entries[0].name, NAME_SIZE, "srv712695");
    sign_key_public(fake.guard, &ret_roster->entries[0].guard_key);
    return true;
}

static json_t *tell_receipt(unsigned index)
{
    AUTO_FREE struct receipt *receipt = mem_alloc(1, sizeof(*receipt));
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    AUTO_FREE char *hex = NULL;

    text_copy(receipt->node, NAME_SIZE, "srv712695");
    receipt->index = index;
    if (fake.strange || fake.alike) {
        receipt->kind = RECEIPT_REVERTED;
        receipt->cause = CAUSE_PROOF_FAILED;
        receipt->generation.start.bytes[0] = 7;
        receipt->generation.attempt.sequence = fake.alike ? 1 : 1000 + index;
        receipt->generation.attempt.body.bytes[0] = fake.alike ? 1 : 0;
        text_copy(receipt->reason, sizeof(receipt->reason), "made up");
        receipt->objects_count = 16; /* it may have been cut: all that the node has */
    }
    bytes = wire_encode_receipt(receipt, fake.signer != NULL ? fake.signer : fake.guard);
    hex = mem_alloc(2 * bytes.len + 1, 1);
    bytes_format_hex(bytes.data, bytes.len, hex);
    return json_pack("{s:i, s:s}", "index", (int)index, "signed", hex);
}

bool __wrap_api_get(struct api *api, const char *path, json_t **ret_document, struct err *err)
{
    json_t *list = json_array();
    unsigned after = 0;

    (void)api;
    (void)err;
    assert_true(++fake.asked <= fake.count + 1);
    sscanf(path, "/v1/receipts?after=%u", &after);
    if (fake.stuck)
        after = 0;
    for (unsigned i = after + 1; i <= fake.count && i <= after + 2; i++)
        json_array_append_new(list, tell_receipt(i));
    *ret_document = json_pack("{s:o}", "receipts", list);
    return true;
}

bool fetch(struct desk *desk, unsigned count, bool stuck, struct err *err)
{
    AUTO_FREE struct ctl *ctl = mem_alloc(1, sizeof(*ctl));
    bool unanswered;

    fake.guard = desk->guard;
    fake.count = count;
    fake.asked = 0;
    fake.stuck = stuck;
    return signing_fetch_receipts(ctl, &desk->ledger, &unanswered, err);
}
