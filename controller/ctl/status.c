/*
 * status: the fleet at a glance, one node in full.
 */
#include "controller/ctl/status.h"

#include <stdio.h>

#include "common/core/name.h"
#include "common/core/text.h"
#include "controller/ctl/api.h"
#include "controller/ctl/hold.h"
#include "controller/ctl/render.h"
#include "controller/ctl/rescue.h"

static json_t *fetch(struct ctl *ctl, const char *path, struct err *err)
{
    struct api *api = ctl_api(ctl, err);
    json_t *document = NULL;

    if (api == NULL || !api_get(api, path, &document, err))
        return NULL;
    return document;
}

static json_t *fetch_nodes(struct ctl *ctl, struct err *err)
{
    json_t *document = fetch(ctl, "/v1/nodes", err);

    if (document != NULL)
        rescue_remember(ctl, field_array(document, "nodes"));
    return document;
}

/* Under maintenance it is silenced: shown, and no reason to say no. */
static bool all_healthy(const json_t *nodes)
{
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);

        if (!text_equal(field_text(node, "health"), "pass") &&
            field_text(node, "maintenance")[0] == '\0')
            return false;
    }
    return json_array_size(nodes) > 0;
}

static bool is_there(const json_t *node)
{
    return field_is_true(node, "connected") && !field_is_true(node, "silent");
}

static void print_generations(const json_t *node)
{
    const json_t *generations = field_array(node, "generations");

    for (size_t i = 0; i < json_array_size(generations); i++) {
        const json_t *generation = json_array_get(generations, i);

        printf("%s%s%s", i == 0 ? "" : ", ", field_plain(field_text(generation, "change")),
               field_is_true(generation, "in_doubt") ? " (in doubt)" : "");
    }
    if (json_array_size(generations) == 0)
        printf("-");
}

static void print_nodes(const json_t *nodes)
{
    printf("%-8s%-20s %-8s %-13s %-12s %s\n", "HEALTH", "NODE", "ROLE", "STATE", "SEEN",
           "CHANGES THAT STAND");
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);
        char age[32];

        render_value(field_text(node, "health"), 8);
        printf("%-20s %-8s %-13s %-12s ", field_plain(field_text(node, "name")),
               field_plain(field_text(node, "role")), field_plain(field_text(node, "state")),
               is_there(node) ? "connected"
                              : render_age(field_number(node, "last_seen"), age, sizeof(age)));
        print_generations(node);
        putchar('\n');
        if (field_text(node, "maintenance")[0] != '\0')
            printf("%-8sunder maintenance: %s\n", "", field_plain(field_text(node, "maintenance")));
    }
}

/* The names of those whose last look at `node` ended in `value`. */
static unsigned print_seen_by(const json_t *nodes, const char *node, const char *value)
{
    unsigned count = 0;

    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *from = json_array_get(nodes, i);
        const json_t *reaches = field_array(from, "reaches");

        for (size_t r = 0; r < json_array_size(reaches); r++) {
            const json_t *look = json_array_get(reaches, r);

            if (text_equal(field_text(look, "node"), node) &&
                text_equal(field_text(look, "value"), value))
                printf("%s%s", count++ == 0 ? "" : ", ", field_plain(field_text(from, "name")));
        }
    }
    return count;
}

static void print_ssh(const json_t *nodes)
{
    static const char *const values[] = {"pass", "fail", "unknown"};
    static const char *const titles[] = {"reached by", "NOT reached by", "not known from"};

    printf("\nSSH\n");
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);

        if (field_text(node, "ssh")[0] == '\0')
            continue;
        printf("%-20s %s\n", field_plain(field_text(node, "name")),
               field_plain(field_text(node, "ssh")));
        for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
            printf("  %-15s ", titles[v]);
            printf("%s\n",
                   print_seen_by(nodes, field_text(node, "name"), values[v]) == 0 ? "-" : "");
        }
    }
}

static void print_hint(const json_t *nodes)
{
    if (json_array_size(nodes) == 0)
        printf("\nNo node yet: `oceanid-agent request` on a host, then `oceanidctl node admit`.\n");
    else if (!all_healthy(nodes))
        printf("\nWhat fails: `oceanidctl checks`, or `oceanidctl node NAME`.\n");
}

static void print_rollout(const json_t *rollout)
{
    printf("\nRollout %lld, %s: %s; %s\n", field_number(rollout, "id"),
           field_plain(field_text(rollout, "change")),
           field_is_true(rollout, "ended") ? field_plain(field_text(rollout, "outcome"))
                                           : field_plain(field_text(rollout, "state")),
           field_plain(field_text(rollout, "sentence")));
    render_wait(rollout);
}

static bool is_waiting(const json_t *rollout)
{
    return field_text(json_object_get(rollout, "waits"), "what")[0] != '\0';
}

/* The newest, and older ones that still wait for a node. */
static void print_rollouts(const json_t *document)
{
    const json_t *rollouts = field_array(document, "rollouts");

    if (json_array_size(rollouts) == 0)
        printf("\nNo rollout yet.\n");
    for (size_t i = 0; i < json_array_size(rollouts); i++) {
        if (i == 0 || is_waiting(json_array_get(rollouts, i)))
            print_rollout(json_array_get(rollouts, i));
    }
}

enum outcome status_run(struct ctl *ctl, const struct arguments *arguments)
{
    struct err err = ERR_INIT;
    AUTO_JSON json_t *document = fetch_nodes(ctl, &err);
    AUTO_JSON json_t *rollouts = document != NULL ? fetch(ctl, "/v1/rollouts", &err) : NULL;
    AUTO_JSON json_t *holds = rollouts != NULL ? fetch(ctl, "/v1/holds", &err) : NULL;
    const json_t *nodes = field_array(document, "nodes");

    (void)arguments;
    if (holds == NULL)
        return ctl_fail(ctl, &err);
    if (ctl->json) {
        json_object_set(document, "holds", json_object_get(holds, "holds"));
        json_object_set(document, "rollouts", json_object_get(rollouts, "rollouts"));
        render_document_take(json_incref(document));
    } else {
        print_nodes(nodes);
        print_ssh(nodes);
        hold_print_stopping(field_array(holds, "holds"));
        print_rollouts(rollouts);
        print_hint(nodes);
    }
    return all_healthy(nodes) ? OUTCOME_DONE : OUTCOME_NO;
}

enum outcome status_nodes_run(struct ctl *ctl, const struct arguments *arguments)
{
    struct err err = ERR_INIT;
    AUTO_JSON json_t *document = fetch_nodes(ctl, &err);

    (void)arguments;
    if (document == NULL)
        return ctl_fail(ctl, &err);
    if (ctl->json)
        render_document_take(json_incref(document));
    else
        print_nodes(field_array(document, "nodes"));
    return OUTCOME_DONE;
}

static void print_node(const json_t *node)
{
    const json_t *verdicts = field_array(node, "verdicts");
    const json_t *drift = field_array(node, "drift");
    const json_t *trial = json_object_get(node, "trial");
    char age[32];

    printf("%s (%s), agent %s\n", field_plain(field_text(node, "name")),
           field_plain(field_text(node, "role")), field_plain(field_text(node, "version")));
    printf("  %s, last seen %s; state %s\n",
           is_there(node)                     ? "connected"
           : field_is_true(node, "connected") ? "connected, but does not answer"
                                              : "not connected",
           render_age(field_number(node, "last_seen"), age, sizeof(age)),
           field_plain(field_text(node, "state")));
    printf("  ssh %s; console %s %s\n", field_plain(field_text(node, "ssh")),
           field_plain(field_text(node, "console")), field_plain(field_text(node, "console_id")));
    printf("  changes that stand: ");
    print_generations(node);
    putchar('\n');
    if (json_is_object(trial))
        printf("  on trial: %s, %s, %lld s of soak left\n",
               field_plain(field_text(trial, "change")), field_plain(field_text(trial, "state")),
               field_number(trial, "soak_left_s"));
    for (size_t i = 0; i < json_array_size(verdicts); i++)
        render_verdict(json_array_get(verdicts, i), "");
    for (size_t i = 0; i < json_array_size(drift); i++)
        printf("  drift   %s\n", field_plain(json_string_value(json_array_get(drift, i))));
}

enum outcome status_node_run(struct ctl *ctl, const struct arguments *arguments)
{
    struct err err = ERR_INIT;
    AUTO_JSON json_t *node = NULL;
    char path[2 * NAME_SIZE];

    if (!name_check("node", arguments->words[0], &err))
        return ctl_fail(ctl, &err);
    snprintf(path, sizeof(path), "/v1/nodes/%s", arguments->words[0]);
    node = fetch(ctl, path, &err);
    if (node == NULL)
        return ctl_fail(ctl, &err);
    if (ctl->json)
        render_document_take(json_incref(node));
    else
        print_node(node);
    return text_equal(field_text(node, "health"), "pass") ? OUTCOME_DONE : OUTCOME_NO;
}

enum outcome status_checks_run(struct ctl *ctl, const struct arguments *arguments)
{
    struct err err = ERR_INIT;
    AUTO_JSON json_t *document = fetch(ctl, "/v1/checks", &err);
    const json_t *checks = field_array(document, "checks");

    (void)arguments;
    if (document == NULL)
        return ctl_fail(ctl, &err);
    if (ctl->json)
        render_document_take(json_incref(document));
    for (size_t i = 0; i < json_array_size(checks) && !ctl->json; i++)
        render_verdict(json_array_get(checks, i), field_text(json_array_get(checks, i), "node"));
    for (size_t i = 0; i < json_array_size(checks); i++) {
        if (text_equal(field_text(json_array_get(checks, i), "severity"), "critical") &&
            !text_equal(field_text(json_array_get(checks, i), "value"), "pass"))
            return OUTCOME_NO;
    }
    return OUTCOME_DONE;
}
