/*
 * name: what a node, witness, change or check may be called.
 */
#include "common/core/name.h"

#include <string.h>

#include "common/core/limits.h"

bool name_valid(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return len > 0 && len < NAME_SIZE && name[len] == '\0';
}

bool name_check(const char *what, const char *name, struct err *err)
{
    if (name_valid(name))
        return true;
    return err_set(err, ERR_INPUT,
                   "%s '%.80s': accepted are 1 to 63 characters of a-z, 0-9 and '-'", what, name);
}
