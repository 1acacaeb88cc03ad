/*
 * signing: fetching receipts, writing the ledger, and the signature itself.
 */
#include "controller/ctl/signing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "controller/ctl/api.h"
#include "controller/ctl/keys.h"

enum {
    VALID_MIN_S = 3600,
    RECEIPTS_PAGE = 200, /* so many of the largest fit into an answer */
};

/* ---- receipts --------------------------------------------------------------------------------
 */

struct fetch {
    struct api *api;
    const struct roster *roster;
    struct ledger *ledger;
    long long after;          /* the controller's index of the last one */
    bool unanswered;          /* the controller has said nothing */
    unsigned unproven;        /* receipts that the roster's keys do not prove */
    char doubtful[NAME_SIZE]; /* node of the first of them */
};

/* A page that repeats itself would hide what comes behind it. */
static bool go_on(struct fetch *fetch, const json_t *line, struct err *err)
{
    long long index = field_number(line, "index");

    if (index <= fetch->after)
        return err_set(err, ERR_PEER,
                       "the controller's receipt %lld came behind receipt %lld: expected are later "
                       "ones; nothing is signed by a part of them",
                       index, fetch->after);
    fetch->after = index;
    return true;
}

static void note_unproven(struct fetch *fetch, const char *node)
{
    if (fetch->unproven++ == 0)
        text_copy(fetch->doubtful, sizeof(fetch->doubtful), node);
}

/* A signature is looked at where that changes anything: of one guard's there may be any number. */
static bool is_passed_over(const struct fetch *fetch, const struct receipt *receipt,
                           struct bytes envelope, const struct roster_entry *entry)
{
    struct err err = ERR_INIT;
    enum ledger_room room;
    struct hash hash;

    if (!wire_payload_hash(envelope, &hash, &err))
        return false;
    room = ledger_find_room(fetch->ledger, receipt, &hash, ledger_signer(&entry->guard_key));
    return room == LEDGER_NEEDS_NOT ||
           (room == LEDGER_IS_FULL && ledger_is_crowded(fetch->ledger, receipt->node));
}

static bool add_receipt(struct fetch *fetch, const json_t *line, struct err *err)
{
    const char *text = field_text(line, "signed");
    size_t len = strlen(text) / 2;
    AUTO_FREE uint8_t *data = mem_alloc(len, 1);
    AUTO_FREE struct receipt *receipt = mem_alloc(1, sizeof(*receipt));
    struct bytes envelope = {data, len};
    struct err unproven = ERR_INIT;
    const struct roster_entry *entry;

    if (!bytes_parse_hex(text, data, len) || !wire_decode_receipt(envelope, receipt, err))
        return err_set(err, ERR_PEER, "the controller sent a receipt that cannot be read");
    entry = roster_find(fetch->roster, receipt->node);
    if (entry != NULL && is_passed_over(fetch, receipt, envelope, entry))
        return true;
    if (entry == NULL || !wire_verify(envelope, SIGN_RECEIPT, &entry->guard_key, &unproven)) {
        note_unproven(fetch, receipt->node);
        return true;
    }
    return ledger_add_receipt(fetch->ledger, envelope, &entry->guard_key, err);
}

static bool fetch_page(struct fetch *fetch, size_t *ret_count, struct err *err)
{
    AUTO_JSON json_t *document = NULL;
    const json_t *list;
    char path[96];

    snprintf(path, sizeof(path), "/v1/receipts?after=%lld&limit=%d", fetch->after, RECEIPTS_PAGE);
    if (!api_get(fetch->api, path, &document, err)) {
        fetch->unanswered = api_is_unanswered(err);
        return false;
    }
    list = field_array(document, "receipts");
    *ret_count = json_array_size(list);
    for (size_t i = 0; i < *ret_count; i++) {
        const json_t *line = json_array_get(list, i);

        if (!go_on(fetch, line, err) || !add_receipt(fetch, line, err))
            return false;
    }
    return true;
}

bool signing_fetch_receipts(struct ctl *ctl, struct ledger *ledger, bool *ret_unanswered,
                            struct err *err)
{
    AUTO_FREE struct roster *roster = mem_alloc(1, sizeof(*roster));
    struct fetch fetch = {.api = ctl_api(ctl, err), .roster = roster, .ledger = ledger};
    bool good = fetch.api != NULL && keys_read_roster(ctl, roster, err);
    size_t count = 1;

    while (good && count > 0)
        good = fetch_page(&fetch, &count, err);
    if (fetch.unproven > 0)
        fprintf(stderr,
                "oceanidctl: %u receipts, the first of %s, are not signed by the guard in the "
                "roster, passing over them\n",
                fetch.unproven, fetch.doubtful);
    *ret_unanswered = fetch.unanswered;
    return good;
}

/* ---- signing ---------------------------------------------------------------------------------
 */

/* Without the controller the ledger alone decides: fewer receipts refuse more, never less. */
static bool refresh(struct ctl *ctl, struct ledger *ledger, struct err *err)
{
    struct err reason = ERR_INIT;
    int64_t own, controllers;
    bool unanswered;

    if (signing_fetch_receipts(ctl, ledger, &unanswered, &reason))
        return !api_clocks(ctl->api, &own, &controllers) ||
               signing_check_clock(own, controllers, err);
    if (!unanswered) {
        *err = reason;
        return false;
    }
    fprintf(stderr, "oceanidctl: %s; signing by the ledger alone\n", reason.text);
    return true;
}

static void describe(const struct manifest *manifest, const struct approval *approval,
                     struct ledger_signed *entry)
{
    entry->attempt = approval->attempt;
    entry->not_after = approval->not_after;
    entry->signed_at = clock_unix();
    entry->trial_max_s = manifest_trial_max_s(manifest);
    text_copy(entry->change, sizeof(entry->change), manifest->change);
    for (uint32_t i = 0; i < manifest->plans_count; i++)
        text_copy(entry->targets[entry->targets_count++], NAME_SIZE, manifest->plans[i].node);
    for (uint32_t i = 0; i < approval->lifts_count; i++) {
        entry->lifts[i].receipt = approval->lifts[i].receipt;
        entry->lifts[i].named = approval->lifts[i].reason[0] != '\0';
    }
    entry->lifts_count = approval->lifts_count;
}

static bool record(struct ledger *ledger, const struct manifest *manifest,
                   const struct approval *approval, struct err *err)
{
    AUTO_FREE struct ledger_signed *entry = mem_alloc(1, sizeof(*entry));

    describe(manifest, approval, entry);
    return ledger_add_signed(ledger, entry, err);
}

static bool fill(struct ctl *ctl, struct ledger *ledger, const struct signing_request *request,
                 const struct manifest *manifest, struct approval *approval, struct err *err)
{
    unsigned long long all = 2ULL * manifest_trial_max_s(manifest) * manifest->stages_count;
    unsigned valid_s = request->valid_s;

    if (valid_s == 0)
        valid_s = all > VALID_MIN_S ? (unsigned)all : VALID_MIN_S;
    if (!signing_check_budget(manifest, valid_s, err) || !refresh(ctl, ledger, err) ||
        !signing_check_ended(ledger, clock_unix(), err) ||
        !signing_check_room(ledger, manifest, err) ||
        !signing_choose_lifts(ledger, manifest, request->named, request->named_count, approval,
                              err))
        return false;
    sign_hash(request->body.data, request->body.len, &approval->attempt.body);
    approval->attempt.sequence = ledger_next_sequence(ledger);
    approval->not_after = clock_unix() + valid_s;
    return record(ledger, manifest, approval, err); /* before the signature exists */
}

static struct wire_bytes sign_with(const struct sign_key *key, struct bytes body,
                                   struct bytes approval)
{
    AUTO_WIRE struct wire_bytes signature = wire_sign_approval(approval, key);

    return wire_encode_signed_manifest(body, wire_lend(&signature));
}

/* What is to be signed, when it stands in the ledger. */
static bool prepare(struct ctl *ctl, const struct signing_request *request,
                    struct approval *approval, struct err *err)
{
    struct manifest manifest = {0};
    struct ledger ledger;
    char path[CTL_PATH_SIZE];
    bool good;

    if (!ctl_path(ctl, "ledger", path, sizeof(path), err) || !ledger_open(&ledger, path, err))
        return false;
    good = wire_decode_manifest(request->body, &manifest, err) &&
           manifest_validate(&manifest, err) &&
           fill(ctl, &ledger, request, &manifest, approval, err);
    manifest_done(&manifest);
    ledger_close(&ledger);
    return good;
}

bool signing_sign(struct ctl *ctl, const struct signing_request *request,
                  struct wire_bytes *ret_signed, struct err *err)
{
    AUTO_FREE struct approval *approval = mem_alloc(1, sizeof(*approval));
    struct sign_key *key = keys_load_approver(ctl, err); /* the ledger's entry bars all others */
    bool good = key != NULL && prepare(ctl, request, approval, err);

    if (good) {
        AUTO_WIRE struct wire_bytes bytes = wire_encode_approval(approval);

        *ret_signed = sign_with(key, request->body, wire_lend(&bytes));
    }
    sign_key_free(key);
    return good;
}

static bool check_signed(const struct signed_manifest *parts, struct err *err)
{
    AUTO_FREE struct approval *approval = mem_alloc(1, sizeof(*approval));
    struct manifest manifest = {0};
    bool good = wire_decode_approval(wire_lend(&parts->approval), approval, err) &&
                wire_decode_manifest(wire_lend(&parts->body), &manifest, err) &&
                manifest_validate(&manifest, err) &&
                signing_check_validity(&manifest, approval->not_after, clock_unix(), err);

    manifest_done(&manifest);
    return good;
}

bool signing_add(struct ctl *ctl, struct bytes signed_manifest, struct wire_bytes *ret_signed,
                 struct err *err)
{
    struct signed_manifest manifest = {0};
    struct sign_key *key = keys_load_approver(ctl, err);
    bool good = key != NULL && wire_decode_signed_manifest(signed_manifest, &manifest, err) &&
                check_signed(&manifest, err);

    if (good)
        *ret_signed = sign_with(key, wire_lend(&manifest.body), wire_lend(&manifest.approval));
    signed_manifest_done(&manifest);
    sign_key_free(key);
    return good;
}
