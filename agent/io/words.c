/*
 * words: the command line of oceanid-agent.
 */
#include "agent/io/words.h"

#include <stddef.h>

#include "common/core/text.h"

const char words_usage[] =
    "usage: oceanid-agent [--config FILE]                       run\n"
    "       oceanid-agent request --name NODE [--witness]       (root) make keys, print a request\n"
    "       oceanid-agent install BUNDLE                        (root) install what admit "
    "answered\n"
    "       oceanid-agent trust FILE                            (root) say who may approve "
    "changes\n"
    "options: --config FILE        default /etc/oceanid/agent.yaml\n"
    "         --guard-config FILE  default /etc/oceanid/guard.yaml\n";

static const char *const names[] = {"oceanid-agent", "request", "install", "trust"};

static bool take_option(struct words *words, const char *word, const char *value, struct err *err)
{
    const char **to = text_equal(word, "--config")         ? &words->config
                      : text_equal(word, "--guard-config") ? &words->guard_config
                      : text_equal(word, "--name")         ? &words->name
                                                           : NULL;

    if (to == NULL)
        return err_set(err, ERR_INPUT,
                       "'%.80s' is not known: accepted are --config, --guard-config, --name and "
                       "--witness",
                       word);
    if (value == NULL)
        return err_set(err, ERR_INPUT, "%s: expected a value behind it, found nothing", word);
    *to = value;
    return true;
}

static bool take_word(struct words *words, const char *word, struct err *err)
{
    if (words->what != WORD_RUN) { /* the one behind it is a file */
        if (words->file != NULL || words->what == WORD_REQUEST)
            return err_set(err, ERR_INPUT, "'%.80s' is one word too many: %s takes %s", word,
                           names[words->what], words->what == WORD_REQUEST ? "none" : "one file");
        words->file = word;
        return true;
    }
    for (unsigned i = WORD_REQUEST; i <= WORD_TRUST; i++) {
        if (text_equal(word, names[i]))
            words->what = (enum word)i;
    }
    return words->what != WORD_RUN ||
           err_set(err, ERR_INPUT,
                   "'%.80s' is not known: accepted are request, install and trust, or none to run",
                   word);
}

static bool check_complete(const struct words *words, struct err *err)
{
    if (words->what == WORD_REQUEST)
        return words->name != NULL ||
               err_set(err, ERR_INPUT, "request: expected --name NODE, found none");
    if (words->name != NULL || words->witness)
        return err_set(err, ERR_INPUT, "--name and --witness go with request only");
    return words->what == WORD_RUN || words->file != NULL ||
           err_set(err, ERR_INPUT, "%s: expected a file behind it, found none", names[words->what]);
}

bool words_parse(int argc, char **argv, struct words *ret_words, struct err *err)
{
    *ret_words = (struct words){.config = "/etc/oceanid/agent.yaml"};
    for (int i = 1; i < argc; i++) {
        if (text_equal(argv[i], "--witness")) {
            ret_words->witness = true;
        } else if (argv[i][0] == '-') {
            if (!take_option(ret_words, argv[i], i + 1 < argc ? argv[i + 1] : NULL, err))
                return false;
            i++;
        } else if (!take_word(ret_words, argv[i], err)) {
            return false;
        }
    }
    return check_complete(ret_words, err);
}
