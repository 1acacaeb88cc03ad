/*
 * arguments: the words and options behind a command's name.
 */
#include "controller/ctl/arguments.h"

#include <string.h>

#include "common/core/text.h"

static const char *const everywhere[] = {"--pki=", "--controller=", "-o=", "--help", "-h", NULL};

/* The accepted spelling ("--node=") of an option as typed ("--node", "--node=x"), or NULL. */
static const char *find_spelling(const char *const *accepted, const char *typed)
{
    size_t len = strcspn(typed, "=");

    for (; accepted != NULL && *accepted != NULL; accepted++) {
        if (strcspn(*accepted, "=") == len && strncmp(*accepted, typed, len) == 0)
            return *accepted;
    }
    return NULL;
}

static const char *find_option(const char *const *accepted, const char *typed)
{
    const char *found = find_spelling(accepted, typed);

    return found != NULL ? found : find_spelling(everywhere, typed);
}

static bool takes_value(const char *spelling)
{
    return strchr(spelling, '=') != NULL;
}

/* The name without `=`; the same pointer for each spelling that is listed, else typed itself. */
static bool add_option(struct arguments *arguments, const char *typed, const char *spelling,
                       const char *next, struct err *err)
{
    struct argument_option *option = &arguments->options[arguments->options_count];
    const char *inline_value = strchr(typed, '=');

    if (arguments->options_count == ARGUMENT_OPTIONS_MAX)
        return err_set(err, ERR_INPUT, "more than %u options", ARGUMENT_OPTIONS_MAX);
    if (!takes_value(spelling) && inline_value != NULL)
        return err_set(err, ERR_INPUT, "option %s takes no value", spelling);
    if (takes_value(spelling) && inline_value == NULL && next == NULL)
        return err_set(err, ERR_INPUT, "option %s needs a value", typed);
    option->name = spelling;
    if (!takes_value(spelling))
        option->value = "";
    else
        option->value = inline_value != NULL ? inline_value + 1 : next;
    arguments->options_count++;
    return true;
}

static bool refuse_option(const char *typed, const char *const *accepted, struct err *err)
{
    char list[256] = "";
    struct text text = TEXT_IN(list);

    for (; accepted != NULL && *accepted != NULL; accepted++)
        text_add(&text, "%.*s, ", (int)strcspn(*accepted, "="), *accepted);
    return err_set(err, ERR_INPUT,
                   "option '%.80s' is not known here; accepted are: %s--pki, --controller, -o json",
                   typed, list);
}

bool arguments_parse(char *const *from, int count, const char *const *accepted,
                     struct arguments *ret_arguments, struct err *err)
{
    bool options_end = false;

    *ret_arguments = (struct arguments){0};
    for (int i = 0; i < count; i++) {
        const char *spelling;

        if (!options_end && text_equal(from[i], "--")) {
            options_end = true;
            continue;
        }
        if (options_end || from[i][0] != '-' || from[i][1] == '\0') {
            if (ret_arguments->words_count == ARGUMENT_WORDS_MAX)
                return err_set(err, ERR_INPUT, "more than %u words", ARGUMENT_WORDS_MAX);
            ret_arguments->words[ret_arguments->words_count++] = from[i];
            continue;
        }
        spelling = find_option(accepted, from[i]);
        if (spelling == NULL)
            return refuse_option(from[i], accepted, err);
        if (!add_option(ret_arguments, from[i], spelling, i + 1 < count ? from[i + 1] : NULL, err))
            return false;
        if (takes_value(spelling) && strchr(from[i], '=') == NULL)
            i++;
    }
    return true;
}

int arguments_count_leading(char *const *from, int count)
{
    int i = 0;

    while (i < count && from[i][0] == '-') {
        const char *spelling = find_spelling(everywhere, from[i]);

        if (spelling == NULL)
            break;
        i += takes_value(spelling) && strchr(from[i], '=') == NULL ? 2 : 1;
    }
    return i < count ? i : count;
}

const char *arguments_get(const struct arguments *arguments, const char *name)
{
    const char *found = NULL;
    size_t len = strlen(name);

    for (uint32_t i = 0; i < arguments->options_count; i++) {
        const char *spelling = arguments->options[i].name;

        if (strcspn(spelling, "=") == len && strncmp(spelling, name, len) == 0)
            found = arguments->options[i].value;
    }
    return found;
}
