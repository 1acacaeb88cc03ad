/*
 * void: what was signed is known by its name in the ledger: each guard that it is for bars that
 * name, and its receipt ends it (docs/protocol.md rules 5, 18 and 20). The controller carries the
 * request; what it says is no proof: only receipts count.
 */
#include "controller/ctl/void.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/json_text.h"
#include "controller/ctl/api.h"
#include "controller/ctl/render.h"
#include "controller/ctl/signing.h"

enum { PATIENCE_MS = 30000, AGAIN_S = 1 };

/* Of that name the newest that has not ended; else the newest. */
static bool find_entry(const struct ledger *ledger, const char *change,
                       struct ledger_signed *ret_entry, struct err *err)
{
    const struct ledger_signed *found = NULL;

    for (size_t i = ledger->signed_count; i-- > 0;) {
        const struct ledger_signed *entry = &ledger->entries[i];
        bool is_open = !signing_has_ended(ledger, entry, clock_unix());

        if (!text_equal(entry->change, change) || (found != NULL && !is_open))
            continue;
        found = entry;
        if (is_open)
            break;
    }
    if (found == NULL)
        return err_set(err, ERR_MISSING,
                       "change %s: the ledger has nothing signed of that name; nothing was asked",
                       change);
    *ret_entry = *found;
    return true;
}

/* What is to end: of its targets those that are open, and the names of those where it stands. */
struct wanted {
    struct ledger_signed entry; /* looked for by its change while its sequence is 0 */
    char stands[REASON_SIZE];
};

/* New receipts come into the ledger. */
static bool look(struct ctl *ctl, const char *change, struct wanted *wanted, bool *ret_ended,
                 struct err *err)
{
    struct ledger_signed *entry = &wanted->entry;
    struct text stands = {wanted->stands, strlen(wanted->stands), sizeof(wanted->stands)};
    char path[CTL_PATH_SIZE];
    struct ledger ledger;
    bool unanswered, good;

    if (!ctl_path(ctl, "ledger", path, sizeof(path), err) || !ledger_open(&ledger, path, err))
        return false;
    good = signing_fetch_receipts(ctl, &ledger, &unanswered, err) &&
           (entry->attempt.sequence != 0 || find_entry(&ledger, change, entry, err));
    if (good) {
        *ret_ended = signing_has_ended(&ledger, entry, clock_unix());
        signing_drop_ended(&ledger, entry, &stands);
    }
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

/* ---- what is told ----------------------------------------------------------------------------
 */

static const char *find_sentence(const json_t *document, const char *node)
{
    const json_t *nodes = field_array(document, "nodes");

    for (size_t i = 0; i < json_array_size(nodes); i++) {
        if (text_equal(field_text(json_array_get(nodes, i), "name"), node))
            return field_text(json_array_get(nodes, i), "sentence");
    }
    return "the controller says nothing of it";
}

/* Those that are open by the ledger, each with what the controller said last: a moment older. */
static void add_open(const json_t *document, const struct ledger_signed *entry, json_t *to)
{
    for (uint32_t i = 0; i < entry->targets_count; i++)
        json_array_append_new(to, json_pack("{s:s, s:o}", "name", entry->targets[i], "sentence",
                                            json_text(find_sentence(document, entry->targets[i]))));
}

static void print_open(const json_t *nodes)
{
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);

        printf("%-20s not barred yet: %s\n", field_plain(field_text(node, "name")),
               field_plain(field_text(node, "sentence")));
    }
}

static void say_ended(const struct wanted *wanted, struct text *out)
{
    text_add(out, "Change %s (sequence %llu) ", wanted->entry.change,
             (unsigned long long)wanted->entry.attempt.sequence);
    if (wanted->entry.targets_count > 0)
        text_add(out, "has lapsed: the next one can be signed.");
    else if (wanted->stands[0] != '\0')
        text_add(out,
                 "stands on %s, where it was handed over, and has ended on every other node that "
                 "it was for: the next one can be signed.",
                 wanted->stands);
    else
        text_add(out, "is barred on every node that it was for: the next one can be signed.");
}

/* nodes: those that keep it open; none: it has ended. */
static enum outcome tell(const struct ctl *ctl, const struct wanted *wanted, json_t *nodes,
                         const char *sentence)
{
    bool ended = json_array_size(nodes) == 0;

    if (ctl->json) {
        render_document_take(
            json_pack("{s:s, s:I, s:b, s:o, s:s, s:O}", "change", wanted->entry.change, "sequence",
                      (json_int_t)wanted->entry.attempt.sequence, "ended", ended, "sentence",
                      json_text(sentence), "stands", wanted->stands, "nodes", nodes));
    } else {
        print_open(nodes);
        printf("%s\n", sentence);
    }
    return ended ? OUTCOME_DONE : OUTCOME_INCOMPLETE;
}

/* ---- the command -----------------------------------------------------------------------------
 */

/* What it was asked once it has in memory only. */
static bool forgets(const char *change, struct err *err)
{
    if (!api_is_unanswered(err))
        return false;
    return err_wrap(err,
                    "change %.63s is not barred everywhere yet, and a controller that is started "
                    "anew does not know of it: the same command asks again",
                    change);
}

/* open takes those that are so after PATIENCE_MS. */
static bool wait(struct ctl *ctl, struct wanted *wanted, const char *reason, json_t *open,
                 struct err *err)
{
    mono_t until = clock_now() + PATIENCE_MS;
    bool ended = false, asked = false;

    for (;;) {
        AUTO_JSON json_t *document = NULL;

        if (!ask(ctl, &wanted->entry, reason, &document, err))
            return asked && forgets(wanted->entry.change, err);
        asked = true;
        sleep(AGAIN_S);
        if (!look(ctl, wanted->entry.change, wanted, &ended, err))
            return forgets(wanted->entry.change, err);
        if (ended)
            return true;
        if (clock_now() > until) {
            add_open(document, &wanted->entry, open);
            return true;
        }
    }
}

static enum outcome tell_how(const struct ctl *ctl, const struct wanted *wanted, json_t *nodes)
{
    char sentence[NODES_MAX * NAME_SIZE] = "";
    struct text text = TEXT_IN(sentence);

    if (json_array_size(nodes) == 0)
        say_ended(wanted, &text);
    else
        text_add(&text,
                 "Until their receipts are there, or it has lapsed, nothing else is signed. The "
                 "controller asks on for an hour, or until it is started anew; the same command "
                 "looks, and asks, again.");
    return tell(ctl, wanted, nodes, sentence);
}

enum outcome void_run(struct ctl *ctl, const struct arguments *arguments)
{
    AUTO_FREE struct wanted *wanted = mem_alloc(1, sizeof(*wanted));
    AUTO_JSON json_t *nodes = json_array();
    const char *change = arguments->words[0];
    const char *reason = arguments_get(arguments, "--reason");
    char sentence[TEXT_SIZE];
    struct err err = ERR_INIT;
    bool ended = false;

    if (!look(ctl, change, wanted, &ended, &err))
        return ctl_fail(ctl, &err);
    if (ended) {
        snprintf(sentence, sizeof(sentence),
                 "Change %s: each time that it was signed has ended or lapsed; nothing was asked.",
                 wanted->entry.change);
        return tell(ctl, wanted, nodes, sentence);
    }
    if (!wait(ctl, wanted, reason != NULL ? reason : "nobody has its file", nodes, &err))
        return ctl_fail(ctl, &err);
    return tell_how(ctl, wanted, nodes);
}
