/*
 * judge: compares the kernel, the Tailscale pref, and what the guard says.
 *
 * The kernel is compared as text with how it was before and how it was confirmed: nothing here is
 * the guard's code.
 */
#include "tests/crash/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/crash/kernel.h"
#include "tests/crash/networkd.h"
#include "tests/crash/tailscaled.h"

enum state { STATE_BEFORE, STATE_CONFIRMED, STATE_MIXED };

__attribute__((format(printf, 2, 3))) static void say(struct verdict_of_run *verdict,
                                                      const char *format, ...)
{
    va_list arguments;

    if (verdict->why[0] != '\0')
        return;
    va_start(arguments, format);
    vsnprintf(verdict->why, sizeof(verdict->why), format, arguments);
    va_end(arguments);
}

/* The first line in which they differ. */
static void find_difference(const char *expected, const char *found, char *to, size_t size)
{
    while (*expected != '\0' && *found != '\0') {
        size_t one = strcspn(expected, "\n");
        size_t other = strcspn(found, "\n");

        if (one != other || memcmp(expected, found, one) != 0)
            break;
        expected += one + 1;
        found += other + 1;
    }
    snprintf(to, size, "expected '%.*s', found '%.*s'", (int)strcspn(expected, "\n"), expected,
             (int)strcspn(found, "\n"), found);
}

/* The one that is new, and the one that is replaced, by content, mode and owner. */
static bool files_are(bool confirmed)
{
    return networkd_file_is_there() == confirmed &&
           networkd_old_file_has(confirmed ? NETWORKD_NEW_CONTENT : NETWORKD_OLD_CONTENT);
}

/* What is neither in the kernel nor in its routes: the exit node and the files. A tailscaled that
 * is gone keeps its preference, which was declared void. */
static bool rest_is(const struct scenario *scenario, enum state state)
{
    bool confirmed = state == STATE_CONFIRMED && scenario->ground == GROUND_EXIT;
    bool exits = world->exit_node[0] != '\0';

    return (exits == confirmed || (exits && world->tailscaled_is_gone)) && files_are(confirmed);
}

/* The lines up to the first that differs. */
static unsigned count_same(const char *a, const char *b)
{
    unsigned count = 0;

    for (; *a != '\0' && *a == *b; a++, b++)
        count += *a == '\n';
    return count;
}

static void describe(const char *const dumps[2], const char *now, char *to, size_t size)
{
    bool confirmed = count_same(dumps[STATE_CONFIRMED], now) > count_same(dumps[STATE_BEFORE], now);

    if (strcmp(now, dumps[STATE_BEFORE]) == 0 || strcmp(now, dumps[STATE_CONFIRMED]) == 0)
        snprintf(to, size, "the exit node is '%s', the new file is %s, the other one %s",
                 world->exit_node, networkd_file_is_there() ? "there" : "not there",
                 networkd_old_file_has(NETWORKD_OLD_CONTENT)   ? "as before"
                 : networkd_old_file_has(NETWORKD_NEW_CONTENT) ? "replaced"
                                                               : "neither");
    else
        find_difference(dumps[confirmed ? STATE_CONFIRMED : STATE_BEFORE], now, to, size);
}

/* How many changes stand then. */
static unsigned standing_of(const struct scenario *scenario, enum state state)
{
    if (state == STATE_CONFIRMED)
        return STANDING_MAX;
    return scenario->takes_both ? 0 : STANDING_MAX - 1;
}

static enum state look(const struct scenario *scenario, const struct beginning *beginning,
                       char *ret_difference, size_t size)
{
    static char now[DUMP_SIZE], cut[2][DUMP_SIZE];
    const char *dumps[2];

    kernel_dump(now, sizeof(now));
    for (int i = 0; i < 2; i++) {
        dumps[i] = beginning->dump[scenario->ground][standing_of(scenario, (enum state)i)];
        if (world->tailscaled_is_gone)
            dumps[i] = tailscaled_cut_routes(dumps[i], cut[i]);
        if (strcmp(now, dumps[i]) == 0 && rest_is(scenario, (enum state)i))
            return (enum state)i;
    }
    describe(dumps, now, ret_difference, size);
    return STATE_MIXED;
}

/* What the last receipt says: STATE_MIXED if it says neither. */
static enum state state_told(const struct told *told)
{
    if (told->receipts_count == 0)
        return STATE_MIXED;
    switch (told->receipts[told->receipts_count - 1].kind) {
    case RECEIPT_CONFIRMED:
        return STATE_CONFIRMED;
    case RECEIPT_REVERTED:
    case RECEIPT_POPPED:
    case RECEIPT_TOMBSTONE:
    case RECEIPT_REFUSED:
        return STATE_BEFORE;
    case RECEIPT_INCOMPLETE:
    case RECEIPT_KIND_COUNT:
        break;
    }
    return STATE_MIXED;
}

static bool was_told(const struct told *told, enum receipt_kind kind)
{
    for (uint32_t i = 0; i < told->receipts_count; i++) {
        if (told->receipts[i].kind == kind)
            return true;
    }
    return false;
}

/* What was told once holds for ever: only root takes back what is confirmed. */
static void judge_receipts(const struct scenario *scenario, struct verdict_of_run *verdict)
{
    const struct told *told = &world->told;
    bool ended = was_told(told, RECEIPT_REVERTED) || was_told(told, RECEIPT_TOMBSTONE) ||
                 (was_told(told, RECEIPT_POPPED) && !scenario->confirmed_before);

    if (ended && was_told(told, RECEIPT_CONFIRMED))
        say(verdict, "untruthful: one receipt says confirmed, another one taken back");
}

/* At most once: of what has ended no end is forgotten, whatever the disk lost (docs/protocol.md,
 * Names; rule 13: it was durable before it was told). */
static void judge_ends(struct verdict_of_run *verdict)
{
    static const enum receipt_kind ends[] = {RECEIPT_CONFIRMED, RECEIPT_REVERTED, RECEIPT_POPPED,
                                             RECEIPT_TOMBSTONE};
    const struct told *told = &world->told;

    for (size_t i = 0; told->prepared && i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (was_told(told, ends[i]))
            say(verdict, "forgotten: a receipt says %s, and it prepares the same attempt again",
                receipt_kind_name(ends[i]));
    }
}

static const char *name_of(enum state state)
{
    return state == STATE_BEFORE ? "as before" : state == STATE_CONFIRMED ? "confirmed" : "neither";
}

static void judge_shields(struct verdict_of_run *verdict)
{
    if (world->early[0] != '\0')
        say(verdict, "shield early: %s", world->early);
}

/* A disk that takes nothing takes neither the old content of a file nor that a new one goes: until
 * it does, it is tried again, what is below stays (docs/protocol.md rule 15), and nobody is told
 * that it is back. */
static bool is_held_up(enum state said)
{
    bool files_are_back = networkd_old_file_has(NETWORKD_OLD_CONTENT) && !networkd_file_is_kept();

    return world->disk_heals_at > world->now && !files_are_back && said == STATE_MIXED;
}

void judge_living(const struct scenario *scenario, const struct beginning *beginning,
                  struct verdict_of_run *verdict)
{
    const struct told *told = &world->told;
    bool disk_is_ill = world->disk_heals_at > world->now;
    char difference[2 * TEXT_LINE] = "";
    enum state state = look(scenario, beginning, difference, sizeof(difference));
    enum state said = state_told(told);

    judge_shields(verdict);
    if (world->rescue_again)
        return; /* it was said on the console that the journal does not know of it */
    if (disk_is_ill && scenario->confirmed_before)
        said = STATE_MIXED; /* what it told last is of before; the new receipt cannot be written */
    if (is_held_up(said))
        return;
    if (state == STATE_MIXED)
        say(verdict, "mixed while the guard lives: %s", difference);
    if (world->fault.at == 0 && state != (enum state)scenario->confirmed_after)
        say(verdict, "nothing struck it, and it is %s", name_of(state));
    if (said != STATE_MIXED && said != state)
        say(verdict, "untruthful while the guard lives: it is %s, its receipt says %s",
            name_of(state), name_of(said));
    if (said == STATE_MIXED && !disk_is_ill && !told->refused && !told->prepared)
        say(verdict, "unsettled: no receipt, no refusal");
    if (said == STATE_MIXED && told->refused && state != (enum state)scenario->confirmed_before)
        say(verdict, "untruthful while the guard lives: refused, and it is %s", name_of(state));
    if (world->unsettled && !disk_is_ill)
        say(verdict, "unsettled: the guard has not ended it in 120 s");
}

void judge_recovered(const struct scenario *scenario, const struct beginning *beginning,
                     struct verdict_of_run *verdict)
{
    const struct told *told = &world->told;
    char difference[2 * TEXT_LINE] = "";
    enum state state = look(scenario, beginning, difference, sizeof(difference));
    enum state said = state_told(told);

    judge_shields(verdict);
    judge_receipts(scenario, verdict);
    judge_ends(verdict);
    if (world->unsettled || !told->has_stack)
        say(verdict, "unsettled: what recovers has not ended it in 120 s");
    if (state == STATE_MIXED)
        say(verdict, "mixed: %s", difference);
    if (told->stack.generations_count != standing_of(scenario, state))
        say(verdict, "%s: it is %s, the guard says that %u changes stand",
            told->stack.generations_count < standing_of(scenario, state) ? "forgotten"
                                                                         : "untruthful",
            name_of(state), told->stack.generations_count);
    if (state == STATE_CONFIRMED && scenario->ground == GROUND_EXIT && !networkd_file_is_kept())
        say(verdict, "forgotten: it is confirmed, and the file is not in /etc");
    if (!told->is_asked)
        say(verdict, "untruthful: it does not answer for the attempt");
    /* Records that were not synced, which a power loss wrote in another order, look like damage: it
     * says so, and answers for nothing until root has looked; what stands it knows all the same. */
    if (world->power_was_lost && strstr(told->refusal, "the journal was damaged") != NULL)
        return;
    if (told->refusal[0] != '\0')
        say(verdict, "refused: %s", told->refusal);
    if (said != STATE_MIXED && said != state)
        say(verdict, "untruthful: it is %s, its receipt says %s", name_of(state), name_of(said));
    if (said == STATE_MIXED && state == STATE_CONFIRMED)
        say(verdict, "untruthful: it is confirmed, and there is no receipt");
}
