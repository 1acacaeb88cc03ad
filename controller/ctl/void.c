/*
 * void: what was signed is known by its name in the ledger: each guard that it is for bars that
 * name, and its receipt ends it (docs/protocol.md rules 5, 18 and 20). The controller carries the
 * request; what it says is no proof: only receipts count.
 */
#include "controller/ctl/void.h"

#include <stdio.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/json_text.h"
#include "controller/ctl/api.h"
#include "controller/ctl/signing.h"

enum { PATIENCE_MS = 30000, AGAIN_S = 1 };

/* The newest of that name, of what has not ended. */
static bool find_entry(const struct ledger *ledger, const char *change,
                       struct ledger_signed *ret_entry, struct err *err)
{
    bool some = false;

    for (size_t i = ledger->signed_count; i-- > 0;) {
        const struct ledger_signed *entry = &ledger->entries[i];

        if (!text_equal(entry->change, change))
            continue;
        some = true;
        if (signing_has_ended(ledger, entry, clock_unix()))
            continue;
        *ret_entry = *entry;
        return true;
    }
    return err_set(err, some ? ERR_CONFLICT : ERR_MISSING,
                   some
                       ? "change %s: each time that it was signed has ended or lapsed; nothing was "
                         "asked"
                       : "change %s: the ledger has nothing signed of that name; nothing was asked",
                   change);
}

/* New receipts come into the ledger. entry: looked for by change while its sequence is 0. */
static bool look(struct ctl *ctl, const char *change, struct ledger_signed *entry, bool *ret_ended,
                 struct err *err)
{
    char path[CTL_PATH_SIZE];
    struct ledger ledger;
    bool unanswered, good;

    if (!ctl_path(ctl, "ledger", path, sizeof(path), err) || !ledger_open(&ledger, path, err))
        return false;
    good = signing_fetch_receipts(ctl, &ledger, &unanswered, err) &&
           (entry->attempt.sequence != 0 || find_entry(&ledger, change, entry, err));
    if (good)
        *ret_ended = signing_has_ended(&ledger, entry, clock_unix());
    ledger_close(&ledger);
    return good;
}

static bool ask(struct ctl *ctl, const struct ledger_signed *entry, const char *reason,
                json_t **ret_document, struct err *err)
{
    char hex[2 * HASH_SIZE + 1];
    json_t *nodes = json_array();

    for (uint32_t i = 0; i < entry->targets_count; i++)
        json_array_append_new(nodes, json_text(entry->targets[i]));
    bytes_format_hex(entry->attempt.body.bytes, HASH_SIZE, hex);
    return api_send_take(ctl->api, "POST", "/v1/void",
                         json_pack("{s:s, s:I, s:o, s:o}", "body", hex, "sequence",
                                   (json_int_t)entry->attempt.sequence, "nodes", nodes, "reason",
                                   json_text(reason)),
                         ret_document, err);
}

static void print_open(const json_t *document)
{
    const json_t *nodes = field_array(document, "nodes");

    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);

        printf("%-20s not barred yet: %s\n", field_plain(field_text(node, "name")),
               field_plain(field_text(node, "sentence")));
    }
}

/* False: it has not ended in PATIENCE_MS, or err. */
static bool wait(struct ctl *ctl, struct ledger_signed *entry, const char *reason, struct err *err)
{
    mono_t until = clock_now() + PATIENCE_MS;
    bool ended = false;

    for (;;) {
        AUTO_JSON json_t *document = NULL;

        if (!ask(ctl, entry, reason, &document, err))
            return false;
        sleep(AGAIN_S);
        if (!look(ctl, entry->change, entry, &ended, err) || ended)
            return ended;
        if (clock_now() > until) {
            print_open(document);
            return false;
        }
    }
}

enum outcome void_run(struct ctl *ctl, const struct arguments *arguments)
{
    AUTO_FREE struct ledger_signed *entry = mem_alloc(1, sizeof(*entry));
    const char *change = arguments->words[0];
    const char *reason = arguments_get(arguments, "--reason");
    struct err err = ERR_INIT;
    bool ended = false;

    if (!look(ctl, change, entry, &ended, &err))
        return ctl_fail(ctl, &err);
    if (wait(ctl, entry, reason != NULL ? reason : "nobody has its file", &err)) {
        printf(
            "Change %s (sequence %llu) is barred on every node that it was for: the next one can "
            "be signed.\n",
            change, (unsigned long long)entry->attempt.sequence);
        return OUTCOME_DONE;
    }
    if (err.kind != ERR_NONE)
        return ctl_fail(ctl, &err);
    printf(
        "Until their receipts are there, or it has lapsed, nothing else is signed. The controller "
        "asks on for an hour; the same command looks again.\n");
    return OUTCOME_INCOMPLETE;
}
