/*
 * run_intent: SEQUENCE:BODY:START[:void][:order:REASON], in a link.
 */
#include "agent/guard/io/run_intent.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/guard/io/run.h"
#include "agent/guard/io/take.h"
#include "common/core/text.h"

enum { WORD_SIZE = GENERATION_TEXT_SIZE + REASON_SIZE + 16 };

static const char void_word[] = ":void";
static const char order_word[] = ":order:";

/* ---- writing -------------------------------------------------------------------------------- */

static void format(const struct run_intent *intent, const char *reason, char word[WORD_SIZE])
{
    char id[GENERATION_TEXT_SIZE];

    take_format_id(&intent->down_to, id);
    snprintf(word, WORD_SIZE, "%s%s%s%s", id, intent->is_void ? void_word : "",
             intent->is_ordered ? order_word : "", intent->is_ordered ? reason : "");
}

void run_intent_note(const struct guard_config *config, const struct run_intent *intent)
{
    char path[RUN_PATH_SIZE], word[WORD_SIZE];
    struct err err = ERR_INIT;

    run_path(config, RUN_INTENT_NAME, path, sizeof(path));
    format(intent, intent->reason, word);
    if (run_put_link(path, word, &err))
        return;
    format(intent, "", word); /* the kernel keeps a short one where there is no room for a page */
    if (!run_put_link(path, word, &err))
        unlink(path); /* an earlier one says something else */
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Where it stands in word, which ends there; NULL: it does not. */
static const char *cut(char *word, const char *at)
{
    char *found = strstr(word, at);

    if (found == NULL)
        return NULL;
    *found = '\0';
    return found + strlen(at);
}

static bool is_plain(const char *text)
{
    while ((unsigned char)*text >= ' ' && *text != '\x7f')
        text++;
    return *text == '\0';
}

static bool is_id(const char *word, struct generation_id *ret_id)
{
    char again[GENERATION_TEXT_SIZE];

    if (!take_parse_id(word, ret_id))
        return false;
    take_format_id(ret_id, again);
    return text_equal(again, word); /* and nothing behind it */
}

/* A person reads the reason of an order; what is not his is not taken for it. */
static bool parse(char *word, struct run_intent *ret_intent)
{
    const char *reason = cut(word, order_word);
    const char *behind_void = cut(word, void_word);

    ret_intent->is_ordered = reason != NULL;
    ret_intent->is_void = behind_void != NULL;
    text_copy(ret_intent->reason, REASON_SIZE, reason != NULL ? reason : "");
    return (behind_void == NULL || *behind_void == '\0') && is_plain(ret_intent->reason) &&
           is_id(word, &ret_intent->down_to);
}

bool run_intent_find(const struct guard_config *config, struct run_intent *ret_intent)
{
    char path[RUN_PATH_SIZE], word[WORD_SIZE];
    ssize_t len;

    *ret_intent = (struct run_intent){.is_void = false};
    if (!run_has_unrecorded(config))
        return false;
    run_path(config, RUN_INTENT_NAME, path, sizeof(path));
    len = readlink(path, word, sizeof(word) - 1);
    word[len > 0 ? len : 0] = '\0';
    if (parse(word, ret_intent))
        return true;
    *ret_intent = (struct run_intent){.is_void = false};
    return false;
}
