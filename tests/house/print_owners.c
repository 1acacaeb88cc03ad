/*
 * print_owners: prints the ownership table of common/net/owner.c as it stands in docs/undo.md.
 *
 *   print_owners         to standard output
 *   print_owners FILE    compares with the part of FILE between the two marks; 1 if that says
 *                        something else (GOLDEN=update rewrites it)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/err.h"
#include "common/core/mem.h"
#include "common/io/file.h"
#include "common/net/owner.h"

static const char first_mark[] = "<!-- printed by tests/house/print_owners.c -->\n";
static const char last_mark[] = "<!-- end of what is printed -->\n";

enum { PAGE_SIZE_MAX = 1 << 20 };

static void print(FILE *out)
{
    fputs("| whose | known by | gone or altered | taken along by our own operation | changed by an "
          "`external` one |\n|---|---|---|---|---|\n",
          out);
    for (int i = 0; i < OWNER_COUNT; i++) {
        const struct owner_row *row = owner_row((enum owner)i);

        fprintf(out, "| %s | %s | %s | %s | %s |\n", row->name, row->known_by,
                row->drift ? "told as drift" : "shown", row->undo ? "put back" : "reported only",
                row->external ? "put back" : "reported only");
    }
}

/* The part between the marks; false: they are not there. */
static bool find_part(char *page, char **ret_start, char **ret_end)
{
    char *start = strstr(page, first_mark);
    char *end = start != NULL ? strstr(start, last_mark) : NULL;

    if (end == NULL)
        return false;
    *ret_start = start + strlen(first_mark);
    *ret_end = end;
    return true;
}

static int rewrite(const char *path, const char *page, const char *table, const char *start,
                   const char *end)
{
    FILE *file = fopen(path, "w");

    if (file == NULL)
        return 1;
    fwrite(page, 1, (size_t)(start - page), file);
    fputs(table, file);
    fputs(end, file);
    return fclose(file) == 0 ? 0 : 1;
}

static int handle(const char *path, const char *table)
{
    const char *golden = getenv("GOLDEN");
    AUTO_FREE uint8_t *bytes = NULL;
    struct err err = ERR_INIT;
    char *start, *end;
    size_t len;

    if (!file_read(path, PAGE_SIZE_MAX, &bytes, &len, &err) ||
        !find_part((char *)bytes, &start, &end)) {
        fprintf(stderr, "%s: expected the marks of print_owners; %s\n", path, err.text);
        return 1;
    }
    if (golden != NULL && strcmp(golden, "update") == 0) {
        AUTO_FREE char *page = mem_copy(bytes, len + 1);

        return rewrite(path, page, table, page + (start - (char *)bytes),
                       page + (end - (char *)bytes));
    }
    if ((size_t)(end - start) == strlen(table) && memcmp(start, table, strlen(table)) == 0)
        return 0;
    fprintf(stderr, "%s is not what the table of owners prints: GOLDEN=update rewrites it\n", path);
    return 1;
}

int main(int argc, char **argv)
{
    char *table = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&table, &len);
    int code = 0;

    if (out == NULL)
        return 2;
    print(out);
    fclose(out);
    if (argc > 1)
        code = handle(argv[1], table);
    else
        fputs(table, stdout);
    free(table);
    return code;
}
