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

/* What it says besides goes to what is said. True: it ended well. */
static bool run(const char *command, const char *input)
{
    FILE *program;
    int status;

    fflush(NULL);
    program = popen(command, "w");
    if (program == NULL || fputs(input, program) < 0)
        dump_give_up(command);
    status = pclose(program);
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

static bool type_all(const char *text)
{
    bool good = true;

    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        char typed[4096];

        snprintf(typed, sizeof(typed), "%.*s", (int)strcspn(line, "\n"), line);
        if (is_command(typed) && !run("sh >/dev/null", typed + 2)) {
            printf("refused: %s\n", typed + 2);
            good = false;
        }
    }
    return good;
}

bool by_hand_undo(struct play *const *changes, uint32_t count, bool *ret_says)
{
    AUTO_FREE char *text = render(changes, count);

    printf("by hand:\n%s", text);
    *ret_says = strstr(text, "not in ip(8)'s words") != NULL;
    for (unsigned tries = 0;
         tries < 3 && !run(tries == 0 ? "ip -batch -" : "ip -force -batch -", text); tries++)
        printf("refused:\n");
    if (!type_all(text))
        type_all(text);
    return true;
}
