/*
 * rollback_words: the command line of oceanid-rollback.
 */
#include "agent/guard/io/take.h"
#include "agent/guard/rollback.h"
#include "common/core/text.h"

static bool take_number(const char *word, uint32_t *ret_number, struct err *err)
{
    unsigned long long number;

    if (!text_parse_u64(word, GENERATIONS_MAX, &number) || number == 0)
        return err_set(err, ERR_INPUT, "--to '%.40s': accepted are 1 to %u, as --list shows them",
                       word, GENERATIONS_MAX);
    *ret_number = (uint32_t)number;
    return true;
}

static bool take_value(struct options *options, const char *name, const char *value,
                       struct err *err)
{
    if (text_equal(name, "--to"))
        return take_number(value, &options->to, err);
    if (text_equal(name, "--config"))
        options->config_path = value;
    else if (text_equal(name, "--order"))
        options->order_path = value;
    else if (text_equal(name, "--reason"))
        options->reason = value;
    else if (!take_parse_id(value, &options->down_to))
        return err_set(err, ERR_INPUT, "%s '%.80s': expected a generation", name, value);
    options->has_down_to = options->has_down_to || text_equal(name, "--down-to");
    return true;
}

static bool is_any(const char *word, const char *const *words)
{
    while (*words != NULL && !text_equal(word, *words))
        words++;
    return *words != NULL;
}

static bool set_mode(struct options *options, const char *mode, struct err *err)
{
    if (options->mode[0] != '\0')
        return err_set(err, ERR_INPUT, "'%.40s' behind %.40s: accepted is one of them", mode,
                       options->mode);
    options->mode = mode;
    return true;
}

/* Asked, nothing else is done. */
static bool is_question(struct options *options, const char *word)
{
    options->help = text_is_help(word);
    options->version = text_equal(word, "--version");
    return options->help || options->version;
}

/* One word, and its value where it has one; --to and --order are modes themselves. */
static bool take_word(struct options *options, char *const *words, int *at, struct err *err)
{
    static const char *const with_value[] = {"--to",      "--config", "--order",
                                             "--down-to", "--reason", NULL};
    static const char *const modes[] = {"--to", "--order", NULL};
    const char *word = words[*at];
    const char *value;

    if (text_equal(word, "--yes"))
        return options->yes = true;
    if (text_equal(word, "--void"))
        return options->is_void = true;
    if (!is_any(word, with_value))
        return set_mode(options, word, err);
    value = words[++*at]; /* NULL behind the last */
    if (value == NULL)
        return err_set(err, ERR_INPUT, "%s: expected %s behind it, found nothing", word,
                       text_equal(word, "--to") ? "a number of --list" : "a value");
    return (!is_any(word, modes) || set_mode(options, word, err)) &&
           take_value(options, word, value, err);
}

bool rollback_is_of_unit(const struct options *options)
{
    static const char *const units[] = {"--boot", "--stop-post", "--finish", NULL};

    return is_any(options->mode, units);
}

/* An order names its own, and so does what the finisher is told. */
static bool check_together(const struct options *options, struct err *err)
{
    static const char *const with_yes[] = {
        "", "--to", "--order", "--void-tailscale", "--accept-clock", NULL};

    if (options->yes && !is_any(options->mode, with_yes))
        return err_set(err, ERR_INPUT, "--yes does not go with %.40s, which asks nothing",
                       options->mode);
    if ((options->has_down_to || options->reason != NULL || options->is_void) &&
        !text_equal(options->mode, "--finish"))
        return err_set(err, ERR_INPUT, "--down-to, --reason and --void go with --finish only");
    return true;
}

/* Wherever it stands; but a reason may be any word. */
static bool asks_anything(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++) {
        if (!text_equal(argv[i - 1], "--reason") && is_question(options, argv[i]))
            return true;
    }
    return false;
}

/* A variable that is not set, in a script of somebody's, must not be taken for no word. */
static bool refuse_empty(int at, struct err *err)
{
    return err_set(err, ERR_INPUT,
                   "word %d is empty (''): expected an option; is it a variable that is not set?",
                   at);
}

bool rollback_parse(int argc, char **argv, struct options *options, struct err *err)
{
    if (asks_anything(argc, argv, options))
        return true;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '\0')
            return refuse_empty(i, err);
        if (!take_word(options, argv, &i, err))
            return false;
    }
    return check_together(options, err);
}
