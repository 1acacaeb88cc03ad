/*
 * json_text: a text in JSON, which is UTF-8.
 */
#include "common/io/json_text.h"

#include "common/core/mem.h"

json_t *json_text(const char *text)
{
    AUTO_FREE char *plain = NULL;
    json_t *string = json_string(text);

    if (string != NULL)
        return string;
    plain = mem_string(text);
    for (char *c = plain; *c != '\0'; c++) {
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    }
    return json_string(plain);
}
