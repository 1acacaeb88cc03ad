/*
 * meddle_judge: what has to be in the end, of each line of Before, Applied, Then and Now by itself.
 */
#include <stdio.h>
#include <string.h>

#include "tests/plans/compare.h"
#include "tests/plans/meddle.h"

enum { OBJECT_SIZE = 1024 };

static bool has(const struct dump *dump, const char *line)
{
    for (size_t i = 0; i < dump->count; i++) {
        if (strcmp(dump_line(dump, i), line) == 0)
            return true;
    }
    return false;
}

static void add_word(const char *line, const char *word, char *key)
{
    const char *at = strstr(line, word);
    size_t len = strlen(key);

    if (at != NULL)
        snprintf(key + len, OBJECT_SIZE - len, " %s%.*s", word,
                 (int)strcspn(at + strlen(word), " "), at + strlen(word));
}

/* What object a line is of. */
static void key_of(const char *line, char *key)
{
    static const struct {
        const char *begins, *until; /* the key goes so far */
        const char *words[3];       /* and has the values of these */
    } kinds[] = {
        {"route ", "|", {" metric ", " tos "}},
        {"setting ", "=", {NULL}},
        {"address ", "/", {" own ", " peer "}},
        {"nexthop ", " ", {" id "}},
        {"link ", " mtu", {NULL}},
        {"rule ", " protocol ", {" from ", " to ", " priority "}},
    };

    snprintf(key, OBJECT_SIZE, "%s", line);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const char *end = strstr(line, kinds[i].until);

        if (strncmp(line, kinds[i].begins, strlen(kinds[i].begins)) != 0 || end == NULL)
            continue;
        snprintf(key, OBJECT_SIZE, "%.*s", (int)(end - line), line);
        for (size_t k = 0; k < 3 && kinds[i].words[k] != NULL; k++)
            add_word(line, kinds[i].words[k], key);
    }
}

static bool has_key(const struct dump *dump, const struct dump *without, const char *line)
{
    /* Most lines are settings, whose key they begin with. */
    size_t alike = line[0] == 's' ? strcspn(line, "=") + 1 : strcspn(line, " ");
    char wanted[OBJECT_SIZE], key[OBJECT_SIZE];

    key_of(line, wanted);
    for (size_t i = 0; i < dump->count; i++) {
        if (strncmp(dump_line(dump, i), line, alike) != 0)
            continue;
        key_of(dump_line(dump, i), key);
        if (strcmp(key, wanted) == 0 && !has(without, dump_line(dump, i)))
            return true;
    }
    return false;
}

/* The kernel's own follow from the rest. */
static bool is_followed(const char *line)
{
    return (strncmp(line, "route ", 6) == 0 && strstr(line, " protocol 2 ") != NULL) ||
           strstr(line, "peer fe80::") != NULL;
}

struct states {
    const struct play *play;
    const struct dump *before, *applied, *then, *now;
};

static bool tell(const char *what, const char *line)
{
    printf("  %s: %s\n", what, line);
    return true;
}

static bool is_wrongly_there(const struct states *states, const char *line)
{
    bool before = has(states->before, line), applied = has(states->applied, line),
         then = has(states->then, line);

    /* docs/protocol.md rule 15: behind a step that fails nothing is removed */
    if (!before && !then && !states->play->incomplete)
        return tell("nobody's", line);
    if (!before && applied && !states->play->incomplete)
        return tell("left of the change", line);
    if (before && applied && !then && !has_key(states->then, states->applied, line))
        return tell("others have removed it", line);
    return false;
}

static bool is_wrongly_missing(const struct states *states, const char *line)
{
    bool before = has(states->before, line), applied = has(states->applied, line),
         then = has(states->then, line);

    if (then && !applied)
        return tell("others have put it", line);
    if (before && applied && then)
        return tell("nobody has changed it", line);
    if (before && !applied && !states->play->incomplete &&
        !has_key(states->then, states->applied, line))
        return tell("not put back", line);
    return false;
}

/* Of a link that both have changed the line has something of each, and an mtu takes its settings
 * along: also those that there were none of before. */
static bool is_shared(const struct states *states, const char *line)
{
    const struct dump nothing = {.text = NULL};
    char device[16] = "", link[32];

    if (strncmp(line, "link ", 5) == 0)
        return has_key(states->then, states->applied, line);
    if (sscanf(line, "setting ipv6/conf/%15[^/]/", device) != 1)
        return false;
    if (!has_key(states->before, &nothing, line))
        return true;
    snprintf(link, sizeof(link), " %s mtu ", device);
    for (size_t i = 0; i < states->then->count; i++) {
        const char *then = dump_line(states->then, i);

        if (strncmp(then, "link ", 5) == 0 && strstr(then, link) != NULL)
            return !has(states->applied, then);
    }
    return false;
}

static bool judge(const struct states *states)
{
    const struct dump *all[] = {states->before, states->then};
    bool wrong = false;

    for (size_t i = 0; i < states->now->count; i++) {
        const char *line = dump_line(states->now, i);

        if (!is_followed(line) && !is_shared(states, line))
            wrong |= is_wrongly_there(states, line);
    }
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < all[k]->count; i++) {
            const char *line = dump_line(all[k], i);

            if (!is_followed(line) && !is_shared(states, line) && !has(states->now, line))
                wrong |= is_wrongly_missing(states, line);
        }
    }
    return wrong;
}

static void take_copy(const struct dump *from, struct dump *to)
{
    memset(to, 0, sizeof(*to));
    for (size_t i = 0; i < from->count; i++) {
        if (!compare_passes_over(dump_line(from, i)))
            dump_add(to, dump_line(from, i));
    }
    compare_forget(to, "address IPv4 ", "", " flags ");
}

bool meddle_is_wrong(const struct play *play, const struct dump *applied, const struct dump *then)
{
    const struct dump *taken[] = {&play->before, applied, then};
    struct dump now, copies[4];
    const struct states states = {play, &copies[0], &copies[1], &copies[2], &copies[3]};
    bool wrong;

    dump_take(&now);
    for (size_t i = 0; i < 3; i++)
        take_copy(taken[i], &copies[i]);
    take_copy(&now, &copies[3]);
    wrong = judge(&states);
    for (size_t i = 0; i < 4; i++)
        dump_done(&copies[i]);
    dump_done(&now);
    return wrong;
}
