/*
 * words: the command line of oceanid-agent.
 */
#include "agent/io/words.h"

#include <stddef.h>

#include "common/core/text.h"

static const struct {
    const char *name, *behind, *help;
} rows[] = {
    [WORD_RUN] = {"", "[--config FILE]", "run"},
    [WORD_REQUEST] = {"request", "--name NODE [--witness]", "(root) make keys, print a request"},
    [WORD_INSTALL] = {"install", "BUNDLE", "(root) install what admit answered"},
    [WORD_TRUST] = {"trust", "FILE", "(root) say who may approve changes"},
};
enum { ROWS_COUNT = sizeof(rows) / sizeof(rows[0]) };

void words_print_usage(FILE *to, enum word what)
{
    const char *before = "usage:";

    for (unsigned i = WORD_RUN; i < ROWS_COUNT; i++) {
        char line[80];

        if (what != WORD_RUN && what != i)
            continue;
        snprintf(line, sizeof(line), "%s%s%s", rows[i].name, i != WORD_RUN ? " " : "",
                 rows[i].behind);
        fprintf(to, "%-6s oceanid-agent %-36s%s\n", before, line, rows[i].help);
        before = "";
    }
    fputs("options: --config FILE        default /etc/oceanid/agent.yaml\n"
          "         --guard-config FILE  default /etc/oceanid/guard.yaml\n"
          "         --help, --version\n",
          to);
}

/* What it is asked with: the word in front of it, wherever either stands. */
static bool asks_help(int argc, char **argv, enum word *ret_what)
{
    *ret_what = WORD_RUN;
    for (int i = 1; i < argc; i++) {
        if (text_is_help(argv[i]))
            return true;
        for (unsigned word = WORD_REQUEST; word < ROWS_COUNT; word++) {
            if (text_equal(argv[i], rows[word].name))
                *ret_what = (enum word)word;
        }
    }
    return false;
}

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
                           rows[words->what].name,
                           words->what == WORD_REQUEST ? "none" : "one file");
        words->file = word;
        return true;
    }
    for (unsigned i = WORD_REQUEST; i < ROWS_COUNT; i++) {
        if (text_equal(word, rows[i].name))
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
           err_set(err, ERR_INPUT, "%s: expected a file behind it, found none",
                   rows[words->what].name);
}

bool words_parse(int argc, char **argv, struct words *ret_words, struct err *err)
{
    *ret_words = (struct words){.config = "/etc/oceanid/agent.yaml"};
    ret_words->help = asks_help(argc, argv, &ret_words->what);
    if (ret_words->help)
        return true;
    ret_words->what = WORD_RUN;
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
