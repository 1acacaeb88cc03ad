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

/* Of a text the lines that were refused, by their number; but for those of what is there already.
 */
struct refused {
    bool lines[LINES_MAX];
    unsigned stopped_at; /* the first that was refused, for whatever reason; 0: none */
    bool exists;         /* some was, for it is there already */
};

static const char *line_of(const char *text, unsigned number, char *line)
{
    while (--number > 0 && *text != '\0')
        text += strcspn(text, "\n") + 1;
    snprintf(line, LINE_SIZE, "%.*s", (int)strcspn(text, "\n"), text);
    return line;
}

/* It was there already: nothing to do once more. */
static bool says_exists(const char *said, size_t len)
{
    char reason[512];

    snprintf(reason, sizeof(reason), "%.*s", (int)len, said);
    return strstr(reason, "exists") != NULL || strstr(reason, "already assigned") != NULL;
}

/* Each reason stands before the line that says where it was. */
static void note(const char *said, struct refused *refused)
{
    static const char failed[] = "Command failed -:";
    const char *reason = said;

    memset(refused, 0, sizeof(*refused));
    refused->exists = says_exists(said, strlen(said));
    for (const char *at = strstr(said, failed); at != NULL; at = strstr(at + 1, failed)) {
        unsigned number = (unsigned)strtoul(at + strlen(failed), NULL, 10);

        if (refused->stopped_at == 0)
            refused->stopped_at = number;
        if (number < LINES_MAX && !says_exists(reason, (size_t)(at - reason)))
            refused->lines[number] = true;
        reason = at + strcspn(at, "\n");
    }
}

/* True: it ended well. What it says besides goes to what is said, and is noted. */
static bool run(const char *command, const char *input, struct refused *ret_refused)
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
    note(said, ret_refused);
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

/* False: it was refused, and may be given once more. */
static bool run_line(const char *line)
{
    bool typed = text_starts(line, "# ");
    struct refused refused;

    return run(typed ? "sh" : "ip -batch -", typed ? line + 2 : line, &refused) || refused.exists;
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

/* What it says of what: behind its first two words. */
static const char *object_of(const char *line)
{
    for (unsigned words = text_starts(line, "# ip -6 ") ? 5 : 2; words > 0; words--)
        line += strcspn(line, " ") + (line[strcspn(line, " ")] != '\0');
    return line;
}

/* Whether a line above, which was given once more, has put it. */
static bool was_put(const char *text, unsigned before, const struct refused *refused,
                    const char *deletes)
{
    char line[LINE_SIZE];

    for (unsigned i = 1; i < before && i < LINES_MAX; i++) {
        if (refused->lines[i] && strstr(line_of(text, i, line), " del ") == NULL &&
            text_equal(object_of(line), object_of(deletes)))
            return true;
    }
    return false;
}

/* What is to be put or set; to be deleted only what that has put: another may be meant by now. */
static void try_again(const char *text, unsigned count, const struct refused *refused)
{
    char line[LINE_SIZE];

    for (unsigned i = 1; i <= count && i < LINES_MAX; i++) {
        line_of(text, i, line);
        if (!refused->lines[i] ||
            (strstr(line, " del ") != NULL && !was_put(text, i, refused, line)))
            continue;
        printf("once more: %s\n", line);
        run_line(line);
    }
}

bool by_hand_undo(struct play *const *changes, uint32_t count, bool *ret_says)
{
    AUTO_FREE char *text = render(changes, count);
    struct refused first, refused = {.stopped_at = 0};
    unsigned lines = count_lines(text);

    printf("by hand:\n%s", text);
    *ret_says = strstr(text, "not in ip(8)'s words") != NULL;
    if (!run("ip -batch -", text, &first))
        run("ip -force -batch -", text, &refused);
    /* What stands above was done by the first. */
    for (unsigned i = 0; i < first.stopped_at && i < LINES_MAX; i++)
        refused.lines[i] = false;
    type_all(text, lines, &refused);
    try_again(text, lines, &refused);
    return true;
}
