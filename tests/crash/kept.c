/*
 * kept: reads the list and finds its boundaries in a run.
 */
#include "tests/crash/kept.h"

#include <stdio.h>
#include <string.h>

static bool parse(const char *line, struct kept *kept)
{
    char fault[24];

    return sscanf(line, "%15s | %63[^|]| %u | %23s | %llu", kept->scenario, kept->begins,
                  &kept->which, fault, &kept->seed) == 5 &&
           fault_parse(fault, &kept->fault);
}

static void cut_blanks(char *text)
{
    size_t len = strlen(text);

    while (len > 0 && text[len - 1] == ' ')
        text[--len] = '\0';
}

void kept_read(struct kept_list *list, const char *path)
{
    FILE *file = fopen(path, "re");
    char line[256];

    if (file == NULL)
        world_give_up(path);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (line[0] == '#' || line[0] == '\n')
            continue;
        if (list->count == KEPT_MAX || !parse(line, &list->list[list->count]))
            world_give_up(line);
        cut_blanks(list->list[list->count++].begins);
    }
    fclose(file);
}

uint32_t kept_find(const struct kept *kept, uint32_t passed)
{
    unsigned number = 0;

    for (uint32_t i = passed; i < world->count; i++) {
        char text[128];

        snprintf(text, sizeof(text), "%s: %s %s", phase_of_run_names[world->trace[i].phase],
                 boundary_names[world->trace[i].boundary], world->trace[i].text);
        if (strncmp(text, kept->begins, strlen(kept->begins)) == 0 && ++number == kept->which)
            return i + 1;
    }
    return 0;
}
