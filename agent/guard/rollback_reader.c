/*
 * rollback_reader: who reads along, is waited for until his "yes", and not behind it.
 */
#include <stdio.h>

#include "agent/guard/rollback.h"
#include "common/core/text.h"
#include "common/io/log.h"
#include "common/io/outlet.h"

enum { UNREAD_MS = 2000 };

void rollback_wait_for_no_reader(void)
{
    log_wait_at_most(UNREAD_MS);
    outlet_take_stdout(UNREAD_MS);
}

bool rollback_is_for_reader(const struct options *options)
{
    static const char *const asking[] = {"", "--to", "--void-tailscale", "--accept-clock"};

    if (text_equal(options->mode, "--list") || text_equal(options->mode, "--check"))
        return true;
    for (size_t i = 0; !options->yes && i < sizeof(asking) / sizeof(asking[0]); i++) {
        if (text_equal(options->mode, asking[i]))
            return true;
    }
    return false;
}

bool rollback_is_agreed(const struct options *options, const char *question)
{
    char line[16] = "";

    if (options->yes)
        return true;
    printf("%s Type yes: ", question);
    fflush(stdout);
    if (fgets(line, sizeof(line), stdin) != NULL && text_equal(line, "yes\n")) {
        rollback_wait_for_no_reader();
        return true;
    }
    printf("\nNothing was done.\n");
    return false;
}
