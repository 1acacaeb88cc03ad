/*
 * compare: two dumps, line by line.
 */
#include "tests/plans/compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *begins, *has; /* both; NULL: anything */
} passed_over[] = {
    /* docs/undo.md: "all that are whole numbers come back ... but for a router's (mtu, hop_limit)"
     */
    {"setting ipv6/conf/", "/hop_limit = "},
    {"setting ipv6/conf/", "/mtu = "},
};

/* May be there besides. */
static const char *const may_come[] = {
    /* docs/undo.md: "The link-local address that the kernel makes by itself when IPv6 comes back
     * stays, also where the mode before was none" */
    "peer fe80::ff:fe00:",
    " IPv6 fe80::ff:fe00:",
    " IPv6 fe80::/128 | from /0 tos 0 protocol 2 ",
    " IPv6 fe80::/64 | from /0 tos 0 protocol 2 ",
    /* Of others' addresses (others.c), whose device comes up again. */
    "route table 254 IPv4 172.16.",
    "route table 255 IPv4 172.16.",
    /* The kernel's own of a device that has no IPv6 address any more. */
    "route table 255 IPv6 ff00::/8 | from /0 tos 0 protocol 2 ",
};

static bool may_be_besides(const char *line)
{
    for (size_t i = 0; i < sizeof(may_come) / sizeof(may_come[0]); i++) {
        if (strstr(line, may_come[i]) != NULL)
            return true;
    }
    return false;
}

bool compare_passes_over(const char *line)
{
    for (size_t i = 0; i < sizeof(passed_over) / sizeof(passed_over[0]); i++) {
        if (strncmp(line, passed_over[i].begins, strlen(passed_over[i].begins)) == 0 &&
            strstr(line, passed_over[i].has) != NULL)
            return true;
    }
    return false;
}

/* The first of the same text that is not taken yet. */
static bool take(const struct dump *from, bool *taken, const char *line)
{
    for (size_t i = 0; i < from->count; i++) {
        if (!taken[i] && strcmp(dump_line(from, i), line) == 0) {
            taken[i] = true;
            return true;
        }
    }
    return false;
}

/* The kernel puts its own routes anew by itself, behind those that are there. */
static bool has_no_order(const char *line, const char *unordered)
{
    return (unordered != NULL && strncmp(line, unordered, strlen(unordered)) == 0) ||
           compare_passes_over(line) || may_be_besides(line) ||
           (strncmp(line, "route ", 6) == 0 && strstr(line, " protocol 2 ") != NULL);
}

static bool same_order(const struct dump *expected, const struct dump *found, const char *unordered)
{
    size_t at = 0;
    bool same = true;

    for (size_t i = 0; i < expected->count; i++) {
        if (has_no_order(dump_line(expected, i), unordered))
            continue;
        while (at < found->count && has_no_order(dump_line(found, at), unordered))
            at++;
        if (at < found->count && strcmp(dump_line(expected, i), dump_line(found, at)) != 0) {
            printf("  order: expected '%s', found '%s'\n", dump_line(expected, i),
                   dump_line(found, at));
            same = false;
        }
        at++;
    }
    return same;
}

static bool may_be_lacking(const char *line)
{
    return strncmp(line, "rule ", 5) == 0 || strncmp(line, "nexthop ", 8) == 0 ||
           strncmp(line, "route ", 6) == 0;
}

bool compare_differs(const struct dump *expected, const struct dump *found, struct compare_how how)
{
    bool *taken = calloc(found->count + 1, sizeof(*taken));
    bool differs = false;

    if (taken == NULL)
        dump_give_up("memory");
    for (size_t i = 0; i < expected->count; i++) {
        const char *line = dump_line(expected, i);

        if (compare_passes_over(line) || take(found, taken, line) ||
            (how.may_lack && may_be_lacking(line)))
            continue;
        printf("  missing: %s\n", line);
        differs = true;
    }
    for (size_t i = 0; i < found->count; i++) {
        const char *line = dump_line(found, i);

        /* In whose place nothing is put. */
        if (taken[i] || compare_passes_over(line) || may_be_besides(line) ||
            (how.may_lack && may_be_lacking(line)))
            continue;
        printf("  besides: %s\n", line);
        differs = true;
    }
    free(taken);
    return differs || (!how.may_lack && !same_order(expected, found, how.unordered));
}

void compare_add_new(struct dump *expected, const struct dump *before, const struct dump *then)
{
    bool *taken = calloc(before->count + 1, sizeof(*taken));

    if (taken == NULL)
        dump_give_up("memory");
    for (size_t i = 0; i < then->count; i++) {
        if (!take(before, taken, dump_line(then, i)))
            dump_add(expected, dump_line(then, i));
    }
    free(taken);
}

void compare_forget(struct dump *dump, const char *begins, const char *has, const char *word)
{
    for (size_t i = 0; i < dump->count; i++) {
        char *line = dump->text + dump->starts[i];
        char *at = strstr(line, word);

        if (strncmp(line, begins, strlen(begins)) != 0 || strstr(line, has) == NULL || at == NULL)
            continue;
        line = at + strlen(word);
        line += strcspn(line, " ");
        memmove(at, line, strlen(line) + 1);
    }
}
