/*
 * by_hand: takes changes back by undo.txt alone.
 */
#include "tests/plans/by_hand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/guard/io/journal.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"

/* ---- the text, by the guard's own journal --------------------------------------------------- */

static struct ledger_generation *room_for(struct ledger *ledger, uint32_t number)
{
    if (number > 0)
        return &ledger->generations[ledger->generations_count++];
    ledger->is_open = true;
    return &ledger->open;
}

static void keep(const struct play *play, uint32_t number, struct journal *journal,
                 struct ledger *ledger)
{
    struct guard_record record = {.kind = RECORD_BEGIN,
                                  .id = {.attempt = {.sequence = number + 1}}};
    struct journal_generation *generation = mem_alloc(1, sizeof(*generation));
    struct journal_extra extra = {.generation = generation};
    struct ledger_generation *known = room_for(ledger, number);

    generation->id = record.id;
    generation->items_count = play->items_count;
    generation->items = mem_alloc(play->items_count, sizeof(*generation->items));
    for (uint32_t i = 0; i < play->items_count; i++)
        journal_copy_item(&generation->items[i], &play->items[i]);
    known->id = record.id;
    text_copy(known->begin.change, sizeof(known->begin.change), "drawn");
    memcpy(known->touched, play->touched, sizeof(play->touched));
    journal_keep(journal, &record, &extra);
}

static void remove_state(const char *state)
{
    char line[128];

    snprintf(line, sizeof(line), "rm -r '%s'", state);
    if (system(line) != 0)
        dump_give_up(line);
}

static char *render(struct play *const *changes, uint32_t count)
{
    char state[] = "/tmp/oceanid-plans-XXXXXX";
    struct ledger *ledger = mem_alloc(1, sizeof(*ledger));
    struct err err = ERR_INIT;
    struct journal *journal;
    char *text;

    if (mkdtemp(state) == NULL)
        dump_give_up(state);
    journal = journal_open(state, false, ledger, &err);
    if (journal == NULL)
        dump_give_up(err.text);
    for (uint32_t i = count; i-- > 0;)
        keep(changes[i], i, journal, ledger);
    text = journal_render_undo_text(journal, ledger);
    journal_close(journal);
    remove_state(state);
    free(ledger);
    return text;
}

/* ---- a person ------------------------------------------------------------------------------- */

enum { LINES_MAX = 2048, LINE_SIZE = 4096 };

/* Of a text the lines that were refused in the end, by their number. */
struct refused {
    bool lines[LINES_MAX];
};

static const char *line_of(const char *text, unsigned number, char *line)
{
    while (--number > 0 && *text != '\0')
        text += strcspn(text, "\n") + 1;
    snprintf(line, LINE_SIZE, "%.*s", (int)strcspn(text, "\n"), text);
    return line;
}

static void note(const char *said, unsigned first, struct refused *refused)
{
    static const char failed[] = "Command failed -:";

    for (const char *at = strstr(said, failed); at != NULL; at = strstr(at + 1, failed)) {
        unsigned long number = strtoul(at + strlen(failed), NULL, 10) + first - 1;

        if (number < LINES_MAX)
            refused->lines[number] = true;
    }
}

/* True: it ended well. What it says besides goes to what is said, and is noted. */
static bool run(const char *command, const char *input, unsigned first, struct refused *refused)
{
    char line[256], said[1 << 14] = "";
    FILE *program, *answer = tmpfile();
    int status;
    size_t len;

    if (answer == NULL)
        dump_give_up("tmpfile");
    snprintf(line, sizeof(line), "%s >/dev/null 2>&%d", command, fileno(answer));
    fflush(NULL);
    program = popen(line, "w");
    if (program == NULL || fputs(input, program) < 0)
        dump_give_up(command);
    status = pclose(program);
    rewind(answer);
    len = fread(said, 1, sizeof(said) - 1, answer);
    said[len] = '\0';
    fclose(answer);
    printf("%s", said);
    note(said, first, refused);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool is_command(const char *line)
{
    static const char *const begins[] = {"# ip ", "# sysctl "};

    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
        if (text_starts(line, begins[i]))
            return true;
    }
    return false;
}

static bool run_line(const char *line)
{
    struct refused nothing;

    return text_starts(line, "# ") ? run("sh", line + 2, 1, &nothing)
                                   : run("ip -batch -", line, 1, &nothing);
}

static unsigned count_lines(const char *text)
{
    unsigned count = 0;

    for (; *text != '\0'; text += strcspn(text, "\n") + 1)
        count++;
    return count;
}

static void type_all(const char *text, unsigned count, struct refused *refused)
{
    char line[LINE_SIZE];

    for (unsigned i = 1; i <= count && i < LINES_MAX; i++) {
        if (is_command(line_of(text, i, line)) && !run_line(line)) {
            printf("refused: %s\n", line);
            refused->lines[i] = true;
        }
    }
}

/* What is to be put or set. */
static void try_again(const char *text, unsigned count, const struct refused *refused)
{
    char line[LINE_SIZE];

    for (unsigned i = 1; i <= count && i < LINES_MAX; i++) {
        if (!refused->lines[i] || strstr(line_of(text, i, line), " del ") != NULL)
            continue;
        printf("once more: %s\n", line);
        run_line(line);
    }
}

bool by_hand_undo(struct play *const *changes, uint32_t count, bool *ret_says)
{
    AUTO_FREE char *text = render(changes, count);
    struct refused first = {.lines = {false}}, refused = {.lines = {false}};
    unsigned lines = count_lines(text);

    printf("by hand:\n%s", text);
    *ret_says = strstr(text, "not in ip(8)'s words") != NULL;
    if (!run("ip -batch -", text, 1, &first))
        run("ip -force -batch -", text, 1, &refused);
    type_all(text, lines, &refused);
    try_again(text, lines, &refused);
    return true;
}
