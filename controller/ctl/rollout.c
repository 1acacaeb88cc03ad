/*
 * rollout: starting, watching, going on, taking back.
 */
#include "controller/ctl/rollout.h"

#include <stdio.h>

#include "common/core/text.h"
#include "common/io/json_text.h"
#include "controller/ctl/api.h"
#include "controller/ctl/approve.h"
#include "controller/ctl/hold.h"
#include "controller/ctl/inputs.h"
#include "controller/ctl/manifest.h"
#include "controller/ctl/plan.h"
#include "controller/ctl/render.h"
#include "controller/ctl/signing.h"
#include "controller/ctl/unsent.h"
#include "controller/ctl/watch.h"

/* Hands it over. A gate that says no comes with the gates (docs/api.md). */
static enum outcome submit(struct ctl *ctl, struct bytes signed_manifest,
                           const struct arguments *arguments)
{
    AUTO_ANSWER struct api_answer answer = {0};
    AUTO_JSON json_t *document = NULL;
    struct err err = ERR_INIT;
    struct api *api = ctl_api(ctl, &err);
    bool good =
        api != NULL && api_call(api, "POST", "/v1/rollouts", signed_manifest, &answer, &err);
    long long id;

    if (answer.data != NULL)
        document = json_loadb((const char *)answer.data, answer.len, 0, NULL);
    if (!good) {
        enum outcome outcome;

        render_gates(field_array(document, "gates"));
        outcome = ctl_fail(ctl, &err);
        unsent_tell(ctl, signed_manifest, outcome != OUTCOME_UNREACHABLE);
        return outcome;
    }
    unsent_forget(ctl, signed_manifest);
    id = field_number(document, "id");
    fprintf(stderr, "oceanidctl: rollout %lld started\n", id);
    if (arguments_get(arguments, "--no-watch") == NULL)
        return watch_follow(ctl, id, false);
    if (ctl->json)
        render_document_take(json_incref(document));
    return OUTCOME_DONE;
}

/* Shows the plan, asks for the approver's yes. */
static bool approve(const struct ctl *ctl, const struct inputs *inputs, const json_t *plan,
                    const struct arguments *arguments, struct err *err)
{
    if (!ctl->json)
        plan_print(plan);
    if (!field_is_true(plan, "pass"))
        return err_set(err, ERR_CONFLICT,
                       "change %s: a question is not answered with yes; nothing was signed",
                       inputs->manifest.change);
    return approve_change(&inputs->manifest,
                          "About to change networking on the nodes above; this could break SSH "
                          "access. To proceed, type the change's name:",
                          arguments, err);
}

static bool sign(struct ctl *ctl, const struct inputs *inputs, struct wire_bytes *ret_signed,
                 struct err *err)
{
    struct signing_request request = {
        .body = wire_lend(&inputs->body),
        .named = inputs->change.quarantines,
        .named_count = inputs->change.quarantines_count,
    };

    return signing_sign(ctl, &request, ret_signed, err);
}

static enum outcome start_change(struct ctl *ctl, const struct arguments *arguments)
{
    AUTO_WIRE struct wire_bytes result = {NULL, 0};
    struct err err = ERR_INIT;
    struct inputs *inputs =
        inputs_compile(ctl, arguments->words[0], arguments_get(arguments, "--fleet"), &err);
    AUTO_JSON json_t *plan = inputs != NULL ? plan_make(ctl, inputs, &err) : NULL;
    bool good = plan != NULL && approve(ctl, inputs, plan, arguments, &err) &&
                sign(ctl, inputs, &result, &err);

    inputs_free(inputs);
    if (!good)
        return ctl_fail(ctl, &err);
    unsent_keep(ctl, wire_lend(&result));
    return submit(ctl, wire_lend(&result), arguments);
}

enum outcome rollout_start_run(struct ctl *ctl, const struct arguments *arguments)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    enum manifest_file_kind kind;
    struct err err = ERR_INIT;

    if (!manifest_read_file(arguments->words[0], &bytes, &kind, &err))
        return ctl_fail(ctl, &err);
    if (kind == MANIFEST_SIGNED)
        return submit(ctl, wire_lend(&bytes), arguments);
    if (kind == MANIFEST_BODY) {
        err_set(&err, ERR_INPUT,
                "%s is a manifest that nobody signed; `oceanidctl manifest sign` "
                "signs it",
                arguments->words[0]);
        return ctl_fail(ctl, &err);
    }
    return start_change(ctl, arguments);
}

static const char *word_of(const struct arguments *arguments)
{
    return arguments->words_count > 0 ? arguments->words[0] : NULL;
}

enum outcome rollout_watch_run(struct ctl *ctl, const struct arguments *arguments)
{
    struct err err = ERR_INIT;
    long long id;

    if (!watch_find(ctl, word_of(arguments), &id, &err))
        return ctl_fail(ctl, &err);
    return watch_follow(ctl, id, true);
}

static void print_rollout(const json_t *rollout)
{
    const json_t *nodes = field_array(rollout, "nodes");
    const json_t *proofs = field_array(rollout, "proofs");
    char started[32];
    char ended[32];

    printf("rollout %lld: %s, by %s\n  %s\n", field_number(rollout, "id"),
           field_plain(field_text(rollout, "change")), field_plain(field_text(rollout, "by")),
           field_plain(field_text(rollout, "reason")));
    printf("  %s: %s\n",
           field_plain(field_text(rollout, field_is_true(rollout, "ended") ? "outcome" : "state")),
           field_plain(field_text(rollout, "sentence")));
    printf("  started %s, ended %s, sequence %lld\n",
           render_time(field_number(rollout, "started_at"), started, sizeof(started)),
           render_time(field_number(rollout, "ended_at"), ended, sizeof(ended)),
           field_number(rollout, "sequence"));
    render_wait(rollout);
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);

        printf("  stage %lld  %-20s %-12s %s\n", field_number(node, "stage"),
               field_plain(field_text(node, "name")), field_plain(field_text(node, "state")),
               field_plain(field_text(node, "sentence")));
        render_texts("rehearsed", field_array(node, "rehearsed"));
    }
    render_gates(field_array(rollout, "gates")); /* as they were answered last */
    for (size_t i = 0; i < json_array_size(proofs); i++) {
        const json_t *proof = json_array_get(proofs, i);

        printf("  proof    %s of %s: %s %s%s %s\n", field_plain(field_text(proof, "signer")),
               field_plain(field_text(proof, "node")), field_plain(field_text(proof, "check")),
               field_text(proof, "value"), field_is_true(proof, "counted") ? "" : ", not counted",
               field_plain(field_text(proof, "observed")));
    }
}

enum outcome rollout_show_run(struct ctl *ctl, const struct arguments *arguments)
{
    AUTO_JSON json_t *rollout = NULL;
    struct err err = ERR_INIT;
    long long id;
    char path[64];

    if (!watch_find(ctl, word_of(arguments), &id, &err))
        return ctl_fail(ctl, &err);
    snprintf(path, sizeof(path), "/v1/rollouts/%lld", id);
    if (ctl_api(ctl, &err) == NULL || !api_get(ctl->api, path, &rollout, &err))
        return ctl_fail(ctl, &err);
    if (ctl->json)
        render_document_take(json_incref(rollout));
    else
        print_rollout(rollout);
    return OUTCOME_DONE;
}

enum outcome rollout_list_run(struct ctl *ctl, const struct arguments *arguments)
{
    AUTO_JSON json_t *document = NULL;
    struct err err = ERR_INIT;
    const json_t *list;

    (void)arguments;
    if (ctl_api(ctl, &err) == NULL || !api_get(ctl->api, "/v1/rollouts", &document, &err))
        return ctl_fail(ctl, &err);
    list = field_array(document, "rollouts");
    if (ctl->json)
        render_document_take(json_incref(document));
    else if (json_array_size(list) == 0)
        printf("No rollout yet.\n");
    for (size_t i = 0; i < json_array_size(list) && !ctl->json; i++) {
        const json_t *rollout = json_array_get(list, i);
        char started[32];

        printf("%5lld  %s  %-12s %-28s %s\n", field_number(rollout, "id"),
               render_time(field_number(rollout, "started_at"), started, sizeof(started)),
               field_is_true(rollout, "ended") ? field_plain(field_text(rollout, "outcome"))
                                               : field_plain(field_text(rollout, "state")),
               field_plain(field_text(rollout, "change")),
               field_plain(field_text(rollout, "sentence")));
    }
    return OUTCOME_DONE;
}

static bool command_rollout(struct ctl *ctl, long long id, const char *verb, json_t *body,
                            json_t **ret_rollout, struct err *err)
{
    char path[64];

    snprintf(path, sizeof(path), "/v1/rollouts/%lld/%s", id, verb);
    if (ctl_api(ctl, err) == NULL) {
        json_decref(body);
        return false;
    }
    return api_send_take(ctl->api, "POST", path, body, ret_rollout, err);
}

/* Follows it, unless nobody wants to: then the controller's answer is all. what: has been done. */
static enum outcome follow_or_answer(struct ctl *ctl, const struct arguments *arguments,
                                     json_t *rollout, bool to_the_end, const char *what)
{
    const char *sentence = field_text(rollout, "sentence");

    if (arguments_get(arguments, "--no-watch") == NULL)
        return watch_follow(ctl, field_number(rollout, "id"), to_the_end);
    fprintf(stderr, "oceanidctl: rollout %lld %s: %s%s%s\n", field_number(rollout, "id"), what,
            field_plain(field_text(rollout, "state")), sentence[0] != '\0' ? ", " : "",
            field_plain(sentence));
    if (ctl->json)
        render_document_take(json_incref(rollout));
    return OUTCOME_DONE;
}

enum outcome rollout_next_run(struct ctl *ctl, const struct arguments *arguments)
{
    AUTO_JSON json_t *rollout = NULL;
    struct err err = ERR_INIT;
    long long id;

    if (!watch_find(ctl, word_of(arguments), &id, &err) ||
        !command_rollout(ctl, id, "next", NULL, &rollout, &err))
        return ctl_fail(ctl, &err);
    return follow_or_answer(ctl, arguments, rollout, false, "goes on");
}

/* A pause is a hold: it is listed, kept and lifted as one. */
enum outcome rollout_pause_run(struct ctl *ctl, const struct arguments *arguments)
{
    AUTO_JSON json_t *hold = NULL;
    struct err err = ERR_INIT;

    if (!hold_put(ctl, "pause", arguments, &hold, &err))
        return ctl_fail(ctl, &err);
    fprintf(stderr,
            "oceanidctl: paused, hold %lld: an open trial goes on to its end, nothing else "
            "starts; `oceanidctl rollout resume` goes on\n",
            field_number(hold, "id"));
    if (ctl->json)
        render_document_take(json_incref(hold));
    return OUTCOME_DONE;
}

/* The fleet's, as `rollout pause` puts it: a node's has reasons of its own. */
static bool lift_pauses(struct ctl *ctl, const char *reason, unsigned *ret_count, struct err *err)
{
    AUTO_JSON json_t *document = NULL;
    const json_t *holds;

    if (ctl_api(ctl, err) == NULL || !api_get(ctl->api, "/v1/holds", &document, err))
        return false;
    holds = field_array(document, "holds");
    for (size_t i = 0; i < json_array_size(holds); i++) {
        const json_t *hold = json_array_get(holds, i);

        if (!text_equal(field_text(hold, "kind"), "pause") ||
            !text_equal(field_text(hold, "scope"), "fleet"))
            continue;
        if (!hold_lift(ctl, field_number(hold, "id"), reason, NULL, err))
            return false;
        ++*ret_count;
    }
    return true;
}

/* The newest, where it is open; NULL: none is. */
static bool read_open(struct ctl *ctl, json_t **ret_rollout, struct err *err)
{
    AUTO_JSON json_t *document = NULL;
    json_t *newest;

    if (!api_get(ctl->api, "/v1/rollouts", &document, err))
        return false;
    newest = json_array_get(field_array(document, "rollouts"), 0);
    if (newest != NULL && !field_is_true(newest, "ended"))
        *ret_rollout = json_incref(newest);
    return true;
}

/* What waits behind the pause for a person goes on with it. That nothing does is no failure. */
enum outcome rollout_resume_run(struct ctl *ctl, const struct arguments *arguments)
{
    const char *reason = arguments_get(arguments, "--reason");
    AUTO_JSON json_t *rollout = NULL;
    AUTO_JSON json_t *resumed = NULL;
    struct err err = ERR_INIT;
    unsigned count = 0;

    if (!lift_pauses(ctl, reason != NULL ? reason : "resumed", &count, &err) ||
        !read_open(ctl, &rollout, &err))
        return ctl_fail(ctl, &err);
    if (rollout == NULL) {
        fprintf(stderr, "oceanidctl: %s\n",
                count > 0 ? "lifted; no rollout is open"
                          : "no pause of the fleet is in force, and no rollout is open");
        return OUTCOME_DONE;
    }
    if (text_equal(field_text(rollout, "state"), "paused") &&
        !command_rollout(ctl, field_number(rollout, "id"), "next", NULL, &resumed, &err))
        return ctl_fail(ctl, &err);
    if (text_equal(field_text(rollout, "state"), "halted"))
        fprintf(stderr,
                "oceanidctl: rollout %lld has halted, which no pause did: `%s` is what moves it\n",
                field_number(rollout, "id"),
                field_plain(field_text(json_object_get(rollout, "waits"), "command")));
    return follow_or_answer(ctl, arguments, resumed != NULL ? resumed : rollout, false,
                            text_equal(field_text(rollout, "state"), "halted") ? "is open"
                                                                               : "goes on");
}

/* Aborting ends reverted when it does what it should: that is not a no. */
enum outcome rollout_abort_run(struct ctl *ctl, const struct arguments *arguments)
{
    const char *reason = arguments_get(arguments, "--reason");
    AUTO_JSON json_t *rollout = NULL;
    struct err err = ERR_INIT;
    enum outcome outcome;
    long long id;

    if (!watch_find(ctl, word_of(arguments), &id, &err) ||
        !command_rollout(
            ctl, id, "abort",
            json_pack(
                "{s:o}", "reason",
                json_text(reason != NULL && !text_is_blank(reason) ? reason : "by the operator")),
            &rollout, &err))
        return ctl_fail(ctl, &err);
    outcome = follow_or_answer(ctl, arguments, rollout, true, "is being aborted");
    return outcome == OUTCOME_NO ? OUTCOME_DONE : outcome;
}
