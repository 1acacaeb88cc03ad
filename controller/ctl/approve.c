/*
 * approve: the question before a signature.
 */
#include "controller/ctl/approve.h"

#include <stdio.h>

#include "common/core/text.h"

static bool ask_name(const struct manifest *manifest, const char *question, const char *given,
                     struct err *err)
{
    if (given != NULL && !text_equal(given, manifest->change))
        return err_set(err, ERR_DENIED,
                       "--approve '%.80s': the change is called %s; nothing was signed", given,
                       manifest->change);
    if (given == NULL && !ctl_ask(question, manifest->change))
        return err_set(err, ERR_DENIED, "the name typed is not the change's; nothing was signed");
    return true;
}

/* A working system is changed: who approves that says why in his own hand. */
static bool ask_justification(const struct manifest *manifest, const char *given, struct err *err)
{
    char question[TEXT_SIZE + 160];

    if (!manifest->waived[WAIVE_NEEDED])
        return true;
    if (given != NULL && !text_equal(given, manifest->justification))
        return err_set(err, ERR_DENIED,
                       "--justify '%.80s': expected is the change's own `justification`, '%.160s'; "
                       "nothing was signed",
                       given, manifest->justification);
    if (given == NULL) {
        snprintf(question, sizeof(question),
                 "It is not known that what it fixes is broken. Its justification: %s\n"
                 "To change a working system, type the justification again:",
                 manifest->justification);
        if (!ctl_ask(question, manifest->justification))
            return err_set(err, ERR_DENIED,
                           "what was typed is not the change's `justification`; nothing was "
                           "signed (--justify TEXT says it without a question)");
    }
    return true;
}

bool approve_change(const struct manifest *manifest, const char *question,
                    const struct arguments *arguments, struct err *err)
{
    return ask_name(manifest, question, arguments_get(arguments, "--approve"), err) &&
           ask_justification(manifest, arguments_get(arguments, "--justify"), err);
}
