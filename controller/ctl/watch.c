/*
 * watch: follows a rollout by asking for it again and again; what is new is printed once.
 */
#include "controller/ctl/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "controller/ctl/api.h"
#include "controller/ctl/leave.h"
#include "controller/ctl/render.h"

enum { POLL_MS = 300, UNREACHABLE_MAX = 20, LINE_SIZE = 2 * REASON_SIZE, COLUMNS_USUAL = 80 };

/* What was printed last, so that only news are. */
struct news {
    char sentence[LINE_SIZE];
    char nodes[NODES_MAX][LINE_SIZE];
    size_t proofs_count;
    bool live; /* a line that is kept up to date stands on the terminal */
};

bool watch_find(struct ctl *ctl, const char *given, long long *ret_id, struct err *err)
{
    AUTO_JSON json_t *document = NULL;
    struct api *api = ctl_api(ctl, err);
    const json_t *newest;
    unsigned long long id;

    if (given != NULL) {
        if (!text_parse_u64(given, INT64_MAX, &id) || id == 0)
            return err_set(err, ERR_INPUT,
                           "rollout '%.40s': accepted is a number, as `oceanidctl "
                           "rollout list` prints them",
                           given);
        *ret_id = (long long)id;
        return true;
    }
    if (api == NULL || !api_get(api, "/v1/rollouts", &document, err))
        return false;
    newest = json_array_get(field_array(document, "rollouts"), 0);
    if (newest == NULL)
        return err_set(err, ERR_MISSING, "there is no rollout yet");
    *ret_id = field_number(newest, "id");
    return true;
}

static bool is_stage_confirmed(const json_t *rollout)
{
    const json_t *nodes = field_array(rollout, "nodes");

    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);

        if (field_number(node, "stage") == field_number(rollout, "stage") &&
            !text_equal(field_text(node, "state"), "confirmed"))
            return false;
    }
    return true;
}

/* The exit code. Waiting behind a confirmed stage is as planned; before one, a gate, a freeze or a
 * node said no. */
static enum outcome outcome_of(const json_t *rollout)
{
    const char *outcome = field_text(rollout, "outcome");

    if (!field_is_true(rollout, "ended"))
        return field_text(rollout, "waiting_for")[0] == '\0' || is_stage_confirmed(rollout)
                   ? OUTCOME_DONE
                   : OUTCOME_NO;
    if (text_equal(outcome, "complete"))
        return OUTCOME_DONE;
    return text_equal(outcome, "incomplete") ? OUTCOME_INCOMPLETE : OUTCOME_NO;
}

static void clear_live(struct news *news)
{
    if (news->live)
        printf("\r\033[K");
    news->live = false;
}

/* Prints when the text differs from what stood there. */
static void tell(struct news *news, char *known, size_t size, const char *line)
{
    if (text_equal(known, line))
        return;
    text_copy(known, size, line);
    clear_live(news);
    printf("%s\n", line);
}

static void tell_proofs(struct news *news, const json_t *proofs)
{
    if (json_array_size(proofs) < news->proofs_count)
        news->proofs_count = 0;
    for (; news->proofs_count < json_array_size(proofs); news->proofs_count++) {
        const json_t *proof = json_array_get(proofs, news->proofs_count);

        clear_live(news);
        printf("  ");
        render_value(field_text(proof, "value"), 8);
        printf("%s: %s%s%s, over %s of %s%s%s\n", field_plain(field_text(proof, "signer")),
               field_plain(field_text(proof, "check")),
               field_is_true(proof, "counted") ? "" : ", not counted", "",
               field_plain(field_text(proof, "phase")), field_plain(field_text(proof, "node")),
               field_text(proof, "observed")[0] != '\0' ? ": " : "",
               field_plain(field_text(proof, "observed")));
    }
}

static void tell_nodes(struct news *news, const json_t *nodes)
{
    for (size_t i = 0; i < json_array_size(nodes) && i < NODES_MAX; i++) {
        const json_t *node = json_array_get(nodes, i);
        const char *sentence = field_plain(field_text(node, "sentence"));
        char line[LINE_SIZE];

        snprintf(line, sizeof(line), "stage %lld  %.60s  %.20s%s%.255s",
                 field_number(node, "stage"), field_plain(field_text(node, "name")),
                 field_plain(field_text(node, "state")), sentence[0] != '\0' ? ": " : "", sentence);
        tell(news, news->nodes[i], sizeof(news->nodes[i]), line);
    }
}

/* What fits one row: only one is cleared. */
static size_t find_width(void)
{
    struct winsize size = {0};
    size_t columns = COLUMNS_USUAL;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        columns = size.ws_col;
    return columns - 1;
}

/* "stage 1 of 2  srv712695 on trial, 212 s of soak left" */
static void show_live(struct news *news, const json_t *rollout)
{
    const json_t *nodes = field_array(rollout, "nodes");
    char line[LINE_SIZE] = "";
    struct text text = TEXT_IN(line);

    text_add(&text, "stage %lld of %lld", field_number(rollout, "stage"),
             field_number(rollout, "stages_count"));
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);

        if (text_equal(field_text(node, "state"), "on trial"))
            text_add(&text, "  %s on trial, %lld s of soak left",
                     field_plain(field_text(node, "name")), field_number(node, "soak_left_s"));
    }
    clear_live(news);
    printf("%.*s", (int)find_width(), line);
    fflush(stdout);
    news->live = true;
}

static void tell_news(struct news *news, const json_t *rollout)
{
    char line[LINE_SIZE];

    tell_nodes(news, field_array(rollout, "nodes"));
    tell_proofs(news, field_array(rollout, "proofs"));
    snprintf(line, sizeof(line), "rollout %lld  %.30s: %.255s", field_number(rollout, "id"),
             field_plain(field_text(rollout, "state")),
             field_plain(field_text(rollout, "sentence")));
    tell(news, news->sentence, sizeof(news->sentence), line);
    if (!field_is_true(rollout, "ended") && isatty(STDOUT_FILENO))
        show_live(news, rollout);
    fflush(stdout);
}

static bool is_over(const json_t *rollout, bool to_the_end)
{
    return field_is_true(rollout, "ended") ||
           (!to_the_end && field_text(rollout, "waiting_for")[0] != '\0');
}

/* Of what has halted there may be nothing to go on to. */
static const char *find_only_end(const char *command)
{
    static const char back[] = "oceanidctl rollout abort";
    const char *found = strstr(command, back); /* a hold may have to go before it */

    if (found == NULL)
        return NULL;
    return found[sizeof(back) - 1] == '\0' ? "takes it back" : "takes it back and starts it anew";
}

static void tell_end(struct news *news, const json_t *rollout)
{
    const char *command = field_text(json_object_get(rollout, "waits"), "command");
    long long opens_at = field_number(json_object_get(rollout, "waits"), "opens_at");
    const char *end = find_only_end(command);
    char opens[32];

    clear_live(news);
    if (field_is_true(rollout, "ended"))
        printf("Ended: %s.\n", field_plain(field_text(rollout, "outcome")));
    else if (opens_at != 0 && end == NULL)
        printf("Waiting for the window for changes, which opens at %s: `%s` goes on then, "
               "`oceanidctl rollout abort` takes it back.\n",
               render_time(opens_at, opens, sizeof(opens)), field_plain(command));
    else if (end != NULL)
        printf("Waiting for a person: `%s` %s, and only that leads on.\n", field_plain(command),
               end);
    else
        printf("Waiting for a person: `%s` goes on, `oceanidctl rollout abort` takes it back.\n",
               field_plain(command));
}

/* A controller that restarts is asked again for a while; the guards go on without us. */
static json_t *ask(struct ctl *ctl, const char *path, unsigned *failures, struct err *err)
{
    json_t *rollout = NULL;
    struct api *api = ctl_api(ctl, err);

    if (api != NULL && api_get(api, path, &rollout, err)) {
        *failures = 0;
        return rollout;
    }
    (*failures)++;
    if (*failures == 1)
        fprintf(stderr, "oceanidctl: %s, trying again\n", err->text);
    return NULL;
}

/* Leaving changes nothing: what goes on is said then. rollout: NULL while it is not known. */
static void prepare_leaving(long long id, const json_t *rollout)
{
    char line[LEAVE_TEXT_SIZE];

    if (text_equal(field_text(rollout, "state"), "reverting"))
        snprintf(line, sizeof(line),
                 "oceanidctl: rollout %lld is taken back without you: `oceanidctl rollout watch "
                 "%lld` follows it",
                 id, id);
    else if (field_text(rollout, "waiting_for")[0] != '\0')
        snprintf(line, sizeof(line),
                 "oceanidctl: rollout %lld still waits for a person: `oceanidctl rollout show "
                 "%lld` says for what, `oceanidctl rollout abort %lld` takes it back",
                 id, id, id);
    else
        snprintf(line, sizeof(line),
                 "oceanidctl: rollout %lld goes on without you: `oceanidctl rollout watch %lld` "
                 "follows it, `oceanidctl rollout abort %lld` takes it back",
                 id, id, id);
    leave_set(line);
}

static enum outcome follow(struct ctl *ctl, long long id, bool to_the_end)
{
    AUTO_FREE struct news *news = mem_alloc(1, sizeof(*news));
    const struct timespec pause = {0, POLL_MS * 1000000L};
    struct err err = ERR_INIT;
    unsigned failures = 0;
    char path[64];

    snprintf(path, sizeof(path), "/v1/rollouts/%lld", id);
    for (;;) {
        AUTO_JSON json_t *rollout = ask(ctl, path, &failures, &err);

        if (rollout == NULL && (failures > UNREACHABLE_MAX || err.kind != ERR_TIMEOUT))
            return ctl_fail(ctl, &err);
        if (rollout != NULL)
            prepare_leaving(id, rollout);
        if (rollout != NULL && !ctl->json)
            tell_news(news, rollout);
        if (rollout != NULL && is_over(rollout, to_the_end)) {
            if (ctl->json)
                render_document_take(json_incref(rollout));
            else
                tell_end(news, rollout);
            return outcome_of(rollout);
        }
        nanosleep(&pause, NULL);
    }
}

enum outcome watch_follow(struct ctl *ctl, long long id, bool to_the_end)
{
    enum outcome outcome;

    prepare_leaving(id, NULL);
    leave_begin();
    outcome = follow(ctl, id, to_the_end);
    leave_end();
    return outcome;
}
