/*
 * direct: a rollback on every node at once, without the controller.
 */
#include "controller/ctl/direct.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/json_text.h"
#include "controller/ctl/field.h"
#include "controller/ctl/losses.h"
#include "controller/ctl/order.h"
#include "controller/ctl/render.h"
#include "controller/ctl/rescue.h"
#include "controller/ctl/ssh.h"

enum { POLL_MS = 50, CODE_DONE = 0, CODE_REST_FOLLOWS = 5, CODE_NO_SUCH_COMMAND = 127 };

struct direct_node {
    char name[NAME_SIZE];
    struct ssh_target_host target;
    struct ssh_run run;
    bool started;
    const char *state; /* of the table of docs/operations.md */
    char sentence[SENTENCE_SIZE];
};

struct direct {
    struct ctl *ctl;
    const struct direct_request *request;
    json_t *cache; /* borrowed */
    long long seen_at;
    uint32_t count;
    struct direct_node *nodes; /* room for all in cache: a fleet has more than one change names */
};

/* ---- whom, and what would be lost ------------------------------------------------------------
 */

static const json_t *find_cached(const struct direct *direct, const char *name)
{
    for (size_t i = 0; i < json_array_size(direct->cache); i++) {
        if (text_equal(field_text(json_array_get(direct->cache, i), "name"), name))
            return json_array_get(direct->cache, i);
    }
    return NULL;
}

/* An order names what stands: unless a node was named, it goes to those where it does. */
static bool is_meant(const struct direct_request *request, const json_t *node)
{
    if (text_equal(field_text(node, "role"), "witness") ||
        !losses_is_named(request->names, field_text(node, "name")))
        return false;
    return request->to == NULL || json_array_size(request->names) > 0 ||
           losses_find_standing(node, request->to) > 0;
}

static void choose(struct direct *direct)
{
    direct->nodes = mem_alloc(json_array_size(direct->cache), sizeof(*direct->nodes));
    for (size_t i = 0; i < json_array_size(direct->cache); i++) {
        const json_t *node = json_array_get(direct->cache, i);
        struct direct_node *chosen = &direct->nodes[direct->count];

        if (is_meant(direct->request, node) &&
            text_copy(chosen->name, sizeof(chosen->name), field_text(node, "name")))
            direct->count++;
    }
}

/* Every name that was given has to be known: a rollback that leaves one out silently is none. */
static bool check_names(const struct direct *direct, struct err *err)
{
    if (json_array_size(direct->cache) == 0)
        return err_set(err, ERR_MISSING,
                       "no node is remembered here; `oceanidctl status` does that while there is a "
                       "controller. On any node, as root: oceanid-rollback");
    for (size_t i = 0; i < json_array_size(direct->request->names); i++) {
        const char *name = json_string_value(json_array_get(direct->request->names, i));

        if (find_cached(direct, name) == NULL)
            return err_set(err, ERR_INPUT,
                           "--node %s: not among the nodes that `oceanidctl status` remembered",
                           name);
    }
    return true;
}

static void describe_loss(const struct direct *direct, const json_t *node, struct text *out)
{
    const json_t *generations = field_array(node, "generations");
    const json_t *trial = json_object_get(node, "trial");
    size_t count = json_array_size(generations);

    if (direct->request->to != NULL)
        losses_list_down_to(node, direct->request->to, out);
    else if (json_is_object(trial))
        text_add(out, "the open trial of %s", field_text(trial, "change"));
    else if (count > 0 && !losses_is_unknown(node))
        losses_add_change(out, json_array_get(generations, count - 1));
    else if (field_is_true(node, "connected") && !losses_is_unknown(node))
        text_add(out, "nothing stood there");
    else
        text_add(out, field_is_true(node, "connected") ? "not known: it had not said yet"
                                                       : "not known: it was not connected");
}

static void print_losses(const struct direct *direct)
{
    char age[32];

    fprintf(stderr, "What goes, by what `status` saw %s; what was started since goes first:\n",
            render_age(direct->seen_at, age, sizeof(age)));
    for (uint32_t i = 0; i < direct->count; i++) {
        const json_t *node = find_cached(direct, direct->nodes[i].name);
        char loss[REASON_SIZE] = "";
        struct text text = TEXT_IN(loss);

        describe_loss(direct, node, &text);
        fprintf(stderr, "  %-20s %-22s %s\n", direct->nodes[i].name,
                field_plain(field_text(node, "ssh")), field_plain(loss));
    }
}

/* ---- doing it --------------------------------------------------------------------------------
 */

static void set_state(struct direct_node *node, const char *state, const char *sentence)
{
    node->state = state;
    text_shorten(node->sentence, sizeof(node->sentence), sentence);
}

/* Without an order: its open trial, else its newest change. */
static bool start(const struct direct *direct, struct direct_node *node, struct err *err)
{
    static const char *const newest[] = {"oceanid-rollback", "--yes", NULL};
    static const char *const ordered[] = {"oceanid-rollback", "--order", "/dev/stdin", NULL};
    const struct order_request request = {.node = node->name,
                                          .to = direct->request->to,
                                          .reason = direct->request->reason,
                                          .remembered = true};
    AUTO_WIRE struct wire_bytes order = {NULL, 0};
    const char *ssh = field_text(find_cached(direct, node->name), "ssh");

    if (ssh[0] == '\0')
        return err_set(err, ERR_MISSING,
                       "no ssh address is declared; its console: "
                       "oceanid-rollback");
    if (!ssh_parse(ssh, &node->target, err) ||
        (request.to != NULL && !order_sign(direct->ctl, &request, &order, err)))
        return false;
    return ssh_start(&node->target, request.to != NULL ? ordered : newest, wire_lend(&order),
                     &node->run, err);
}

static void start_all(struct direct *direct)
{
    for (uint32_t i = 0; i < direct->count; i++) {
        struct direct_node *node = &direct->nodes[i];
        struct err err = ERR_INIT;

        node->started = start(direct, node, &err);
        if (!node->started)
            set_state(node, "not started", err.text);
    }
}

static bool all_ended(struct direct *direct)
{
    bool ended = true;

    for (uint32_t i = 0; i < direct->count; i++) {
        if (direct->nodes[i].started && !ssh_poll(&direct->nodes[i].run))
            ended = false;
    }
    return ended;
}

static void wait_for_them(struct direct *direct)
{
    const struct timespec pause = {0, POLL_MS * 1000000L};
    mono_t deadline = clock_now() + (mono_t)direct->request->wait_s * 1000;

    while (!all_ended(direct) && clock_now() < deadline)
        nanosleep(&pause, NULL);
}

static void judge(struct direct_node *node)
{
    char line[SENTENCE_SIZE];

    if (!node->started)
        return;
    ssh_last_line(&node->run, line, sizeof(line));
    if (!node->run.ended)
        set_state(
            node, "no answer",
            "still under way, and goes on; there: `oceanid-rollback --list`, and each open step "
            "with its reason in /run/oceanid/rollback.log");
    else if (node->run.code == CODE_DONE)
        set_state(node, "back", line);
    else if (node->run.code == CODE_REST_FOLLOWS)
        set_state(node, "rest follows", line);
    else if (node->run.code == SSH_LOST)
        set_state(node, "not reached", line[0] != '\0' ? line : "ssh lost it without a word");
    else if (node->run.code == CODE_NO_SUCH_COMMAND)
        set_state(node, "not done", line[0] != '\0' ? line : "there is no oceanid-rollback");
    else
        set_state(node, "not done", line);
    ssh_done(&node->run);
}

/* ---- its end ---------------------------------------------------------------------------------
 */

static bool is_back(const struct direct_node *node)
{
    return node->started && node->run.ended && node->run.code == CODE_DONE;
}

static void print_json(const struct direct *direct, bool open)
{
    json_t *nodes = json_array();

    for (uint32_t i = 0; i < direct->count; i++)
        json_array_append_new(nodes, json_pack("{s:s, s:s, s:o}", "name", direct->nodes[i].name,
                                               "state", direct->nodes[i].state, "sentence",
                                               json_text(field_plain(direct->nodes[i].sentence))));
    render_document_take(json_pack("{s:o, s:b}", "nodes", nodes, "open", open));
}

static enum outcome report(struct direct *direct)
{
    bool open = false;

    for (uint32_t i = 0; i < direct->count; i++) {
        judge(&direct->nodes[i]);
        open = open || !is_back(&direct->nodes[i]);
        if (!direct->ctl->json)
            printf("%-20s %-12s %s\n", direct->nodes[i].name, direct->nodes[i].state,
                   field_plain(direct->nodes[i].sentence));
    }
    if (direct->ctl->json)
        print_json(direct, open);
    if (!open)
        return OUTCOME_DONE;
    fprintf(stderr, "oceanidctl: something is open. %s By hand:\n",
            direct->request->to != NULL
                ? "The same command again does nothing where it is done."
                : "Look there with oceanid-rollback --list before you try again, and with --node "
                  "for these only: a node that is back would take its next older change back.");
    rescue_print(direct->ctl);
    return OUTCOME_INCOMPLETE;
}

static bool agree(const struct direct_request *request, struct err *err)
{
    if (request->confirmed ||
        ctl_ask("This takes them back now, on all these nodes at once. Type yes:", "yes"))
        return true;
    return err_set(err, ERR_DENIED, "not confirmed; nothing was done");
}

/* Of those chosen. */
static enum outcome take_back(struct direct *direct)
{
    struct err err = ERR_INIT;

    if (direct->count == 0) {
        err_set(&err, ERR_INPUT,
                "no node is meant: a witness has no guard, and an order goes where `status` saw "
                "its change stand; nothing was done");
        return ctl_fail(direct->ctl, &err);
    }
    print_losses(direct);
    if (!agree(direct->request, &err))
        return ctl_fail(direct->ctl, &err);
    start_all(direct);
    wait_for_them(direct);
    return report(direct);
}

enum outcome direct_run(struct ctl *ctl, const struct direct_request *request)
{
    AUTO_JSON json_t *cache = NULL;
    struct direct direct = {.ctl = ctl, .request = request};
    struct err err = ERR_INIT;
    enum outcome outcome;

    cache = rescue_nodes(ctl, &direct.seen_at);
    direct.cache = cache;
    if (!check_names(&direct, &err))
        return ctl_fail(ctl, &err);
    choose(&direct);
    outcome = take_back(&direct);
    free(direct.nodes);
    return outcome;
}
