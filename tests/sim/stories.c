/*
 * stories: what operators would tell, in tests/data/stories: what happens in, what is told out.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/text.h"
#include "tests/sim/story_script.h"

enum { STORIES_MAX = 64, TEXT_MAX = 1 << 18 };

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = mem_alloc(TEXT_MAX, 1);
    size_t len = file != NULL ? fread(text, 1, TEXT_MAX - 1, file) : 0;

    if (file != NULL)
        fclose(file);
    text[len] = '\0';
    return text;
}

static bool write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    bool written = file != NULL && fputs(text, file) >= 0;

    return file != NULL && fclose(file) == 0 && written;
}

/* The same text with the answers as they are now. */
static bool play(const char *name, char *text, char **ret_answers)
{
    struct story_script script;
    size_t size = 0;
    FILE *out = open_memstream(ret_answers, &size);
    char *next = text;
    bool played = true;

    story_script_init(&script, out);
    while (played && next != NULL && *next != '\0') {
        char *line = strsep(&next, "\n");

        if (text_starts(line, "-- "))
            continue;
        fprintf(out, "%s\n", line);
        played = story_script_play(&script, line);
        if (!played)
            printf("story %s, at '%s': %s\n", name, line, script.message);
    }
    fclose(out);
    story_script_done(&script);
    return played;
}

static void say_difference(const char *name, const char *was, const char *is)
{
    unsigned line = 1;

    for (; *was != '\0' && *was == *is; was++, is++)
        line += *was == '\n';
    printf("story %s: from line %u on it goes otherwise: '%.120s', and it was '%.120s'; "
           "GOLDEN=update writes it anew\n",
           name, line, is, was);
}

static bool tell(const char *folder, const char *name)
{
    const char *golden = getenv("GOLDEN");
    char path[1024];
    struct text text_of_path = TEXT_IN(path);
    AUTO_FREE char *was = NULL;
    AUTO_FREE char *text = NULL;
    AUTO_FREE char *is = NULL;

    text_add(&text_of_path, "%s/%s", folder, name);
    was = read_text(path);
    text = mem_string(was);
    if (!play(name, text, &is)) {
        printf("%s", is);
        return false;
    }
    if (golden != NULL && text_equal(golden, "update"))
        return write_text(path, is);
    if (!text_equal(was, is))
        say_difference(name, was, is);
    return text_equal(was, is);
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

int stories_run(const char *folder)
{
    char names[STORIES_MAX][128];
    DIR *directory = opendir(folder);
    unsigned count = 0, failed = 0;
    struct dirent *entry;

    if (directory == NULL) {
        perror(folder);
        return 2;
    }
    while ((entry = readdir(directory)) != NULL && count < STORIES_MAX) {
        if (strstr(entry->d_name, ".txt") != NULL)
            text_copy(names[count++], sizeof(names[0]), entry->d_name);
    }
    closedir(directory);
    qsort(names, count, sizeof(names[0]), compare);
    for (unsigned i = 0; i < count; i++)
        failed += !tell(folder, names[i]);
    printf("%u stories, %u not as they are written\n", count, failed);
    return count == 0 || failed > 0;
}
