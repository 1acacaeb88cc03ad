/*
 * render: verdicts, gates and times for people.
 */
#include "controller/ctl/render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/core/text.h"
#include "common/io/clock.h"
#include "controller/ctl/field.h"

void render_document_take(json_t *document)
{
    json_dumpf(document, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
    putchar('\n');
    json_decref(document);
}

static const char *colour_of(const char *value)
{
    if (!isatty(STDOUT_FILENO) || getenv("NO_COLOR") != NULL)
        return "";
    if (text_equal(value, "pass"))
        return "\033[32m";
    if (text_equal(value, "fail"))
        return "\033[31m";
    return text_equal(value, "unknown") ? "\033[33m" : "";
}

void render_value(const char *value, int width)
{
    const char *colour = colour_of(value);

    printf("%s%-*s%s", colour, width, field_plain(value), colour[0] != '\0' ? "\033[0m" : "");
}

const char *render_age(long long at, char *to, size_t size)
{
    long long age = clock_unix() - at;

    if (at == 0)
        snprintf(to, size, "never");
    else if (age < 120)
        snprintf(to, size, "%lld s ago", age < 0 ? 0 : age);
    else if (age < 7200)
        snprintf(to, size, "%lld min ago", age / 60);
    else
        snprintf(to, size, "%lld h ago", age / 3600);
    return to;
}

const char *render_time(long long at, char *to, size_t size)
{
    time_t when = (time_t)at;
    struct tm parts;

    if (at == 0 || localtime_r(&when, &parts) == NULL ||
        strftime(to, size, "%Y-%m-%d %H:%M:%S %Z", &parts) == 0)
        snprintf(to, size, "-");
    return to;
}

/* An older controller does not say how. */
void render_wait(const json_t *rollout)
{
    const json_t *waits = json_object_get(rollout, "waits");
    const char *how = field_text(waits, "how");
    char since[32];

    if (field_text(waits, "what")[0] == '\0')
        return;
    printf("  waits for %s, since %s\n", field_plain(field_text(waits, "what")),
           render_time(field_number(waits, "since"), since, sizeof(since)));
    printf("  %s: `%s`\n", how[0] != '\0' ? field_plain(how) : "the command for it",
           field_plain(field_text(waits, "command")));
}

/* note: in front of what was observed. */
static void print_verdict(const json_t *verdict, const char *node, const char *note)
{
    printf("  ");
    render_value(field_text(verdict, "value"), 8);
    if (node[0] != '\0')
        printf("%-14s ", field_plain(node));
    printf("%-18s %s%s", field_plain(field_text(verdict, "check")), note,
           field_plain(field_text(verdict, "observed")));
    if (!text_equal(field_text(verdict, "value"), "pass") &&
        field_text(verdict, "expected")[0] != '\0')
        printf(" (expected %s)", field_plain(field_text(verdict, "expected")));
    putchar('\n');
}

void render_verdict(const json_t *verdict, const char *node)
{
    bool counts = text_equal(field_text(verdict, "value"), "pass") ||
                  !text_equal(field_text(verdict, "severity"), "warning");

    print_verdict(verdict, node, counts ? "" : "(warning) ");
}

/* The gate's own line is all that there is. */
static bool is_said(const json_t *gate, const json_t *evidence)
{
    const json_t *only = json_array_get(evidence, 0);

    return json_array_size(evidence) == 1 && field_text(only, "node")[0] == '\0' &&
           text_equal(field_text(only, "observed"), field_text(gate, "observed"));
}

static void print_evidence(const json_t *item)
{
    printf("        %-13s", "");
    print_verdict(item, field_text(item, "node"), "");
}

enum { PASS_LINES_MAX = 6 }; /* of a gate that passes */

/* What a yes rests on. Other nodes' lines say the same of them, and the page stays one. */
static void print_pass(const json_t *evidence)
{
    const char *first = "";
    char text[SENTENCE_SIZE] = "";
    struct text names = TEXT_IN(text);
    unsigned printed = 0, left = 0;

    for (size_t i = 0; i < json_array_size(evidence); i++) {
        const json_t *item = json_array_get(evidence, i);
        const char *node = field_text(item, "node");

        if (first[0] == '\0')
            first = node;
        if ((node[0] == '\0' || text_equal(node, first)) && printed < PASS_LINES_MAX) {
            print_evidence(item);
            printed++;
            continue;
        }
        left++;
        if (node[0] != '\0')
            text_add_once(&names, ", ", node);
    }
    if (left == 0)
        return;
    printf("        %-13s  ", "");
    render_value("pass", 8);
    printf("%-14s %u line%s more, each a pass: `-o json` has them\n",
           field_plain(names.len > 0 ? text : "the fleet"), left, left == 1 ? "" : "s");
}

static void render_gate(const json_t *gate)
{
    const char *value = field_text(gate, "value");
    const char *waived = field_text(gate, "waived");
    const json_t *evidence = field_array(gate, "evidence");
    bool passes = text_equal(value, "pass");

    if (passes && field_text(gate, "instead")[0] != '\0')
        value = "n/a";
    render_value(value, 8);
    printf("%-13s %s\n", field_plain(field_text(gate, "gate")),
           field_plain(field_text(gate, "question")));
    if (field_text(gate, "observed")[0] != '\0' &&
        !(text_equal(value, "pass") && json_array_size(evidence) > 0))
        printf("        %-13s %s\n", "", field_plain(field_text(gate, "observed")));
    if (waived[0] != '\0')
        printf("        %-13s waived: %s\n", "", field_plain(waived));
    if (passes) {
        print_pass(evidence);
        return;
    }
    if (field_text(gate, "expected")[0] != '\0')
        printf("        %-13s expected: %s\n", "", field_plain(field_text(gate, "expected")));
    if (is_said(gate, evidence))
        return;
    for (size_t i = 0; i < json_array_size(evidence); i++)
        print_evidence(json_array_get(evidence, i));
}

void render_texts(const char *title, const json_t *lines)
{
    for (size_t i = 0; i < json_array_size(lines); i++) {
        const char *line = json_string_value(json_array_get(lines, i));

        printf("  %-10s %s\n", i == 0 ? title : "", field_plain(line != NULL ? line : ""));
    }
}

void render_gates(const json_t *gates)
{
    for (size_t i = 0; i < json_array_size(gates); i++)
        render_gate(json_array_get(gates, i));
}
