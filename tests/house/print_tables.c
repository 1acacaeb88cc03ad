/*
 * print_tables: prints a state machine's table as the page of docs/ that shows it.
 *
 *   print_tables TABLE         to standard output
 *   print_tables TABLE FILE    compares; 1 if the file says something else (GOLDEN=update rewrites)
 *
 * A machine is one entry of `tables` and a function that gives its rows.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard/core/trial.h"
#include "controller/core/rollout.h"

struct printed_row {
    uint64_t from; /* bits by state */
    int to;        /* -1: the state stays */
    const char *on, *if_name, *do_name, *because;
};

struct printed_table {
    const char *name, *title, *introduction;
    int states_count;
    uint64_t any; /* what is printed as `any` */
    const char *(*state_name)(int state);
    bool (*row)(uint32_t i, struct printed_row *ret_row);
};

/* ---- the trial of a guard ------------------------------------------------------------------- */

static const char *trial_state(int state)
{
    return trial_state_name((enum trial_state)state);
}

static bool trial_row(uint32_t i, struct printed_row *ret_row)
{
    struct trial_row row;

    if (!trial_table_row(i, &row))
        return false;
    *ret_row = (struct printed_row){row.from,
                                    row.to == TRIAL_STATE_COUNT ? -1 : (int)row.to,
                                    guard_event_name(row.on),
                                    row.if_name,
                                    row.do_name,
                                    row.because};
    return true;
}

/* ---- the rollout of a controller ------------------------------------------------------------- */

static const char *rollout_state(int state)
{
    return rollout_state_name((enum rollout_state)state);
}

static bool rollout_row(uint32_t i, struct printed_row *ret_row)
{
    struct rollout_row row;

    if (!rollout_table_row(i, &row))
        return false;
    *ret_row = (struct printed_row){row.from,
                                    row.to == ROLLOUT_STATE_COUNT ? -1 : (int)row.to,
                                    rollout_event_name(row.on),
                                    row.if_name,
                                    row.do_name,
                                    row.because};
    return true;
}

static const struct printed_table tables[] = {
    {"trial", "The trial machine",
     "The guard's machine that alone decides whether this node keeps a change: states, and the "
     "rows\n"
     "of `agent/guard/core/trial_table.c`. The first row that fits wins. Before every event other\n"
     "than a time-out the rows for `time-out` are looked at, so that nothing late wins over a "
     "deadline\n"
     "([protocol.md](protocol.md)). `any` is every state but fenced.\n"
     "\n"
     "What comes to it: `boot` when the journal has been read. What the agent asks for: "
     "`prepare`,\n"
     "`start`, `abort`, `pop` (of a confirmed change, by an order or a rollout's way back), "
     "`stack`\n"
     "(what stands here, with each hello), `standing` (does an earlier stage's change still stand? "
     "a\n"
     "later stage's guard asks). Proofs: `statement` of a witness or of the own agent, `source` "
     "(from\n"
     "where a witness's connection came, so that it counts). What the guard's own threads answer:\n"
     "`prepared`, `recorded` and `synced` (the journal's disk), `applied`, `settled`, `undone`,\n"
     "`verified`. `fence`: `oceanid-rollback` wants the journal, and takes back by itself what "
     "root\n"
     "says; `stop`: the guard is told to end; `time-out`: a deadline has come.\n",
     TRIAL_STATE_COUNT, ((UINT64_C(1) << TRIAL_STATE_COUNT) - 1) & ~(UINT64_C(1) << TRIAL_FENCED),
     trial_state, trial_row},
    {"rollout", "The rollout machine",
     "The controller's machine that moves a signed change through its stages, or back: states, "
     "and\n"
     "the rows of `controller/core/rollout_table.c`. The first row that fits wins. Its word is "
     "never "
     "a\n"
     "proof: it selects and delays, the guards decide. Rows on `any` are looked at behind every "
     "event\n"
     "and when a deadline comes, until none fits; then each target is asked what is owed to it "
     "now\n"
     "(`rollout_tend.c`). No time-out ever advances anything.\n",
     ROLLOUT_STATE_COUNT, (UINT64_C(1) << ROLLOUT_STATE_COUNT) - 1, rollout_state, rollout_row},
};

/* ---- printing ------------------------------------------------------------------------------- */

/* A state's name as an identifier of the diagram. */
static void print_id(FILE *out, const char *name)
{
    for (; *name != '\0'; name++)
        fputc(*name == ' ' || *name == '-' ? '_' : *name, out);
}

/* The events that lead from one state to another, each once; false if there are none. */
static bool print_edge(FILE *out, const struct printed_table *table, int from, int to)
{
    const char *events[64];
    unsigned count = 0;
    struct printed_row row;

    for (uint32_t i = 0; table->row(i, &row); i++) {
        bool known = false;

        if (row.to != to || (row.from >> from & 1) == 0 || row.from == table->any)
            continue;
        for (unsigned e = 0; e < count; e++)
            known |= strcmp(events[e], row.on) == 0;
        if (!known && count < 64)
            events[count++] = row.on;
    }
    if (count == 0)
        return false;
    fputs("    ", out);
    print_id(out, table->state_name(from));
    fputs(" --> ", out);
    print_id(out, table->state_name(to));
    for (unsigned e = 0; e < count; e++)
        fprintf(out, "%s%s", e == 0 ? ": " : ", ", events[e]);
    fputc('\n', out);
    return true;
}

static void print_any_edges(FILE *out, const struct printed_table *table)
{
    struct printed_row row;

    for (uint32_t i = 0; table->row(i, &row); i++) {
        if (row.from != table->any || row.to < 0)
            continue;
        fputs("    any --> ", out);
        print_id(out, table->state_name(row.to));
        fprintf(out, ": %s\n", row.on);
    }
}

static void print_diagram(FILE *out, const struct printed_table *table)
{
    fputs("```mermaid\nstateDiagram-v2\n    [*] --> ", out);
    print_id(out, table->state_name(0));
    fputc('\n', out);
    for (int from = 0; from < table->states_count; from++) {
        for (int to = 0; to < table->states_count; to++)
            print_edge(out, table, from, to);
    }
    print_any_edges(out, table);
    fputs("```\n", out);
}

static void print_from(FILE *out, const struct printed_table *table, uint64_t from)
{
    const char *between = "";

    if (from == table->any) {
        fputs("any", out);
        return;
    }
    for (int state = 0; state < table->states_count; state++) {
        if ((from >> state & 1) == 0)
            continue;
        fprintf(out, "%s%s", between, table->state_name(state));
        between = ", ";
    }
}

static void print_words(FILE *out, const char *name)
{
    for (; *name != '\0'; name++)
        fputc(*name == '_' ? ' ' : *name, out);
}

static void print_rows(FILE *out, const struct printed_table *table)
{
    struct printed_row row;

    fputs("| from | on | if | to | do | because |\n|---|---|---|---|---|---|\n", out);
    for (uint32_t i = 0; table->row(i, &row); i++) {
        fputs("| ", out);
        print_from(out, table, row.from);
        fprintf(out, " | %s | ", row.on);
        print_words(out, row.if_name);
        fprintf(out, " | %s | ", row.to < 0 ? "(stays)" : table->state_name(row.to));
        print_words(out, row.do_name);
        fprintf(out, " | %s |\n", row.because);
    }
}

static void print_page(FILE *out, const struct printed_table *table)
{
    fprintf(out, "# %s\n\n%s\nPrinted by `tests/house/print_tables.c`; `GOLDEN=update ctest -R ",
            table->title, table->introduction);
    fprintf(out, "house-table-%s` rewrites it.\n\n", table->name);
    print_diagram(out, table);
    fputc('\n', out);
    print_rows(out, table);
}

/* ---- comparing ------------------------------------------------------------------------------ */

/* The file as it is, the caller's to free; "" when there is none. */
static char *read_known(const char *path)
{
    FILE *file = fopen(path, "r");
    char *known = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&known, &len);
    int byte;

    while (file != NULL && out != NULL && (byte = fgetc(file)) != EOF)
        fputc(byte, out);
    if (file != NULL)
        fclose(file);
    if (out != NULL)
        fclose(out);
    return known;
}

/* What people wrote behind the table: from the first section on; "" if there is none. */
static const char *find_written(const char *known)
{
    const char *section = strstr(known, "\n## ");

    return section != NULL ? section : known + strlen(known);
}

static int compare(const struct printed_table *table, const char *page, const char *known,
                   const char *path)
{
    size_t len = (size_t)(find_written(known) - known);

    if (strlen(page) == len && memcmp(known, page, len) == 0)
        return 0;
    fprintf(stderr, "%s is not what the table of %s prints: GOLDEN=update rewrites it\n", path,
            table->name);
    return 1;
}

static int rewrite(const char *page, const char *known, const char *path)
{
    FILE *file = fopen(path, "w");

    if (file == NULL) {
        fprintf(stderr, "%s cannot be written\n", path);
        return 1;
    }
    fprintf(file, "%s%s", page, find_written(known));
    return fclose(file) == 0 ? 0 : 1;
}

static int handle(const struct printed_table *table, const char *path)
{
    const char *golden = getenv("GOLDEN");
    char *page = NULL;
    char *known;
    size_t len = 0;
    FILE *out;
    int code;

    if (path == NULL) {
        print_page(stdout, table);
        return 0;
    }
    out = open_memstream(&page, &len);
    known = read_known(path);
    if (out == NULL || known == NULL)
        return 2;
    print_page(out, table);
    fclose(out);
    code = golden != NULL && strcmp(golden, "update") == 0 ? rewrite(page, known, path)
                                                           : compare(table, page, known, path);
    free(known);
    free(page);
    return code;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc >= 2 && i < sizeof(tables) / sizeof(tables[0]); i++) {
        if (strcmp(argv[1], tables[i].name) == 0)
            return handle(&tables[i], argc > 2 ? argv[2] : NULL);
    }
    fputs("usage: print_tables TABLE [FILE], TABLE one of:", stderr);
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        fprintf(stderr, " %s", tables[i].name);
    fputc('\n', stderr);
    return 2;
}
