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

static bool take_option(struct words *words, const char *word, const char *value)
{
    if (text_equal(word, "--config"))
        words->config = value;
    else if (text_equal(word, "--guard-config"))
        words->guard_config = value;
    else if (text_equal(word, "--name"))
        words->name = value;
    else
        return false;
    return value != NULL;
}

static bool take_word(struct words *words, const char *word)
{
    static const char *const names[] = {"", "request", "install", "trust"};

    if (words->what != WORD_RUN) { /* the one behind it is a file */
        if (words->file != NULL || words->what == WORD_REQUEST)
            return false;
        words->file = word;
        return true;
    }
    for (unsigned i = WORD_REQUEST; i <= WORD_TRUST; i++) {
        if (text_equal(word, names[i]))
            words->what = (enum word)i;
    }
    return words->what != WORD_RUN;
}

static bool is_complete(const struct words *words)
{
    switch (words->what) {
    case WORD_REQUEST:
        return words->name != NULL;
    case WORD_INSTALL:
    case WORD_TRUST:
        return words->file != NULL && words->name == NULL && !words->witness;
    case WORD_RUN:
        break;
    }
    return words->name == NULL && !words->witness;
}

bool words_parse(int argc, char **argv, struct words *ret_words)
{
    *ret_words = (struct words){.config = "/etc/oceanid/agent.yaml",
                                .guard_config = "/etc/oceanid/guard.yaml"};
    for (int i = 1; i < argc; i++) {
        if (text_equal(argv[i], "--witness")) {
            ret_words->witness = true;
        } else if (argv[i][0] == '-') {
            if (!take_option(ret_words, argv[i], i + 1 < argc ? argv[i + 1] : NULL))
                return false;
            i++;
        } else if (!take_word(ret_words, argv[i])) {
            return false;
        }
    }
    return is_complete(ret_words);
}
