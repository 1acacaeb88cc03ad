/*
 * emergency: the open or last rollout by the controller's own right; anything further back by an
 * order that this operator signs (docs/protocol.md rule 17).
 */
#include "controller/ctl/emergency.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/name.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/json_text.h"
#include "controller/ctl/api.h"
#include "controller/ctl/direct.h"
#include "controller/ctl/leave.h"
#include "controller/ctl/losses.h"
#include "controller/ctl/order.h"
#include "controller/ctl/render.h"
#include "controller/ctl/taken.h"

enum { WAIT_DEFAULT_S = 60, POLL_MS = 500 };

/* "--node a --node b" */
static json_t *wanted_nodes(const struct arguments *arguments, struct err *err)
{
    json_t *nodes = json_array();

    for (uint32_t i = 0; i < arguments->options_count; i++) {
        if (!text_equal(arguments->options[i].name, "--node="))
            continue;
        if (!name_check("--node", arguments->options[i].value, err)) {
            json_decref(nodes);
            return NULL;
        }
        json_array_append_new(nodes, json_string(arguments->options[i].value));
    }
    return nodes;
}

static bool confirm(const struct arguments *arguments, size_t nodes_count, struct err *err)
{
    const char *question =
        arguments_get(arguments, "--to") != NULL
            ? "This takes the nodes named back, down to and including that change. Type yes:"
        : nodes_count > 0
            ? "This takes the nodes named back at once; of a rollout that is still going ahead the "
              "others follow, of one that has ended they keep it. Type yes:"
            : "This takes the open or last rollout back on all its nodes, at once. Type yes:";

    if (ctl_ask(question, "yes"))
        return true;
    return err_set(err, ERR_DENIED, "not confirmed; nothing was done");
}

/* A rollback is never refused for its words. */
static const char *reason_of(const struct arguments *arguments)
{
    const char *reason = arguments_get(arguments, "--reason");

    return reason != NULL && !text_is_blank(reason) ? reason : "emergency rollback";
}

/* What was consented to, and nothing else. */
struct consent {
    json_t *nodes;     /* none: all */
    long long rollout; /* that was shown, or named; 0: none was */
    unsigned wait_s;
};

static bool ask_all(struct ctl *ctl, const struct arguments *arguments,
                    const struct consent *consent, json_t **ret_answer, struct err *err)
{
    json_t *body = json_pack("{s:o}", "reason", json_text(reason_of(arguments)));

    if (json_array_size(consent->nodes) > 0)
        json_object_set(body, "nodes", consent->nodes);
    if (consent->rollout != 0)
        json_object_set_new(body, "rollout", json_integer(consent->rollout));
    if (ctl_api(ctl, err) == NULL) {
        json_decref(body);
        return false;
    }
    return api_send_take(ctl->api, "POST", "/v1/emergency-rollback", body, ret_answer, err);
}

static bool order_one(struct ctl *ctl, const struct order_request *request, struct err *err)
{
    AUTO_WIRE struct wire_bytes bytes = {NULL, 0};
    AUTO_ANSWER struct api_answer answer = {0};

    return order_sign(ctl, request, &bytes, err) &&
           api_call(ctl->api, "POST", "/v1/emergency-rollback?signed=1", wire_lend(&bytes), &answer,
                    err);
}

static void refuse_without_nodes(const char *to, struct err *err)
{
    err_set(err, ERR_INPUT,
            "--to '%.80s' needs --node NAME: an order names its node (on every node where it "
            "stands: --direct --to %.80s); nothing was done",
            to, to);
}

/* What one of them lacks keeps no other from being taken back. Returns for how many an order was
 * taken; with none there is an error. */
static size_t order_each(struct ctl *ctl, const struct arguments *arguments, const json_t *nodes,
                         struct err *err)
{
    size_t count = json_array_size(nodes), ordered = 0;

    for (size_t i = 0; i < count; i++) {
        const struct order_request request = {.node = json_string_value(json_array_get(nodes, i)),
                                              .to = arguments_get(arguments, "--to"),
                                              .reason = reason_of(arguments)};

        if (order_one(ctl, &request, err))
            ordered++;
        else if (count > 1)
            fprintf(stderr, "oceanidctl: %s: not ordered back: %s; the others go on\n",
                    request.node, err->text);
    }
    if (ordered == 0 && count > 1)
        err_set(err, err->kind, "no order was taken, as said above; nothing was done");
    return ordered;
}

static void say_open(bool awaited)
{
    fprintf(stderr, "oceanidctl: something is not back yet. %s; on its console: oceanid-rollback\n",
            awaited ? "It is taken back when its node answers"
                    : "Its node has left the roster, nobody asks it");
}

static bool is_awaited(const json_t *answer)
{
    return json_object_get(answer, "awaited") != NULL
               ? field_is_true(answer, "awaited")
               : field_is_true(answer, "open"); /* an older controller */
}

/* How far it is by the deadline, or as soon as nobody is waited for. A controller that begins again
 * goes on with it, and is asked again. NULL: it says nothing. */
static json_t *ask_until(struct ctl *ctl, mono_t deadline, struct err *err)
{
    const struct timespec pause = {0, POLL_MS * 1000000L};
    bool is_late = false, was_told = false;

    for (;;) {
        json_t *answer = NULL;
        bool heard = api_get(ctl->api, "/v1/emergency-rollback", &answer, err);

        if (heard && (is_late || !is_awaited(answer)))
            return answer;
        json_decref(answer);
        if (!heard && (is_late || err->kind != ERR_TIMEOUT))
            return NULL;
        if (!heard && !was_told)
            fprintf(stderr, "oceanidctl: %s, trying again\n", err->text);
        was_told = was_told || !heard;
        *err = (struct err)ERR_INIT;
        is_late = clock_now() >= deadline;
        if (!is_late)
            nanosleep(&pause, NULL);
    }
}

/* Nothing may be open any more; a node that does not come back in time is listed, not waited for.
 * to: see taken_print. */
static enum outcome wait_back(struct ctl *ctl, const char *to, unsigned wait_s)
{
    struct err err = ERR_INIT;
    AUTO_JSON json_t *answer = ask_until(ctl, clock_now() + (mono_t)wait_s * 1000, &err);
    bool open = field_is_true(answer, "open");

    if (answer == NULL) {
        fprintf(stderr,
                "oceanidctl: the controller was asked to take it back, and goes on with that "
                "when it runs again; how far it is, is not known\n");
        return ctl_fail(ctl, &err);
    }
    if (ctl->json)
        render_document_take(json_incref(answer));
    else
        taken_print(answer, to, stdout);
    if (open)
        say_open(is_awaited(answer));
    return open ? OUTCOME_INCOMPLETE : OUTCOME_DONE;
}

/* It was asked for: leave_end behind the wait. */
static void begin_leaving(void)
{
    leave_set(
        "oceanidctl: it is taken back without you: `oceanidctl status` shows what still stands "
        "on each node");
    leave_begin();
}

static enum outcome take_by_orders(struct ctl *ctl, const struct arguments *arguments,
                                   const json_t *nodes, unsigned wait_s)
{
    struct err err = ERR_INIT;
    size_t ordered = order_each(ctl, arguments, nodes, &err), count = json_array_size(nodes);
    enum outcome outcome;

    if (ordered == 0)
        return ctl_fail(ctl, &err);
    begin_leaving();
    outcome = wait_back(ctl, arguments_get(arguments, "--to"), wait_s);
    leave_end();
    if (ordered == count)
        return outcome;
    fprintf(stderr,
            "oceanidctl: of %zu nodes that were named %zu got an order; the others keep what "
            "stands there (why is said above)\n",
            count, ordered);
    return outcome == OUTCOME_DONE ? OUTCOME_INCOMPLETE : outcome;
}

static enum outcome take_by_controller(struct ctl *ctl, const struct arguments *arguments,
                                       const struct consent *consent)
{
    AUTO_JSON json_t *answer = NULL;
    struct err err = ERR_INIT;
    enum outcome outcome;

    if (!ask_all(ctl, arguments, consent, &answer, &err))
        return ctl_fail(ctl, &err);
    begin_leaving();
    taken_announce(answer, stderr);
    outcome = wait_back(ctl, NULL, consent->wait_s);
    leave_end();
    return outcome;
}

static bool read_wait(const struct arguments *arguments, unsigned *ret_wait_s, struct err *err)
{
    const char *given = arguments_get(arguments, "--wait");

    *ret_wait_s = WAIT_DEFAULT_S;
    if (given == NULL || text_parse_duration(given, ret_wait_s))
        return true;
    return err_set(err, ERR_INPUT, "--wait '%.40s': accepted is a duration as 30s or 5m", given);
}

/* Which one is meant: what it goes by is never an older one. 0: whichever is the newest. */
static bool read_rollout(const struct arguments *arguments, long long *ret_rollout, struct err *err)
{
    static const char *const others[] = {"--to", "--direct", "--order"};
    const char *given = arguments_get(arguments, "--rollout");
    unsigned long long number = 0;

    *ret_rollout = 0;
    if (given == NULL)
        return true;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (arguments_get(arguments, others[i]) != NULL)
            return err_set(err, ERR_INPUT,
                           "--rollout and %s exclude each other: a rollout is taken back by the "
                           "controller's own right",
                           others[i]);
    }
    if (!text_parse_u64(given, INT64_MAX, &number) || number == 0)
        return err_set(
            err, ERR_INPUT,
            "--rollout '%.40s': accepted is a number, as `oceanidctl rollout list` shows "
            "them",
            given);
    *ret_rollout = (long long)number;
    return true;
}

/* What goes is shown, and asked for, unless it was said at once. */
static bool consent_to(struct ctl *ctl, const struct arguments *arguments, const char *to,
                       struct consent *consent, struct err *err)
{
    struct losses_shown shown = {.meant = consent->rollout};

    if (arguments_get(arguments, "--yes") != NULL) /* it waits for no answer */
        return true;
    if (!losses_print(ctl, consent->nodes, to, &shown, err))
        return false;
    if (shown.meant != 0 && shown.rollout != 0 && shown.rollout != shown.meant)
        return err_set(err, ERR_CONFLICT,
                       "--rollout %lld: another one would go by now, as said above; nothing was "
                       "done%s%s",
                       shown.meant, shown.instead[0] != '\0' ? ". " : "", shown.instead);
    if (shown.meant == 0)
        consent->rollout = shown.rollout;
    return confirm(arguments, json_array_size(consent->nodes), err);
}

/* Nothing is sent: signing is consent, so nothing is asked. */
static enum outcome write_order(struct ctl *ctl, const struct arguments *arguments,
                                const json_t *nodes, const char *path)
{
    const struct order_request request = {.node = json_string_value(json_array_get(nodes, 0)),
                                          .to = arguments_get(arguments, "--to"),
                                          .reason = reason_of(arguments)};
    struct err err = ERR_INIT;

    if (request.to == NULL || json_array_size(nodes) != 1)
        err_set(&err, ERR_INPUT,
                "--order FILE needs one --node NAME and --to CHANGE: an order names one generation "
                "of one node");
    else if (order_write(ctl, &request, path, &err))
        return OUTCOME_DONE;
    return ctl_fail(ctl, &err);
}

/* The controller is not asked: it may be dead, or what has to go may have killed it. */
static enum outcome take_directly(struct ctl *ctl, const struct arguments *arguments,
                                  const json_t *nodes, unsigned wait_s)
{
    const struct direct_request request = {.names = nodes,
                                           .to = arguments_get(arguments, "--to"),
                                           .reason = reason_of(arguments),
                                           .wait_s = wait_s,
                                           .confirmed = arguments_get(arguments, "--yes") != NULL};
    struct err err = ERR_INIT;

    if (arguments_get(arguments, "--order") == NULL)
        return direct_run(ctl, &request);
    err_set(&err, ERR_INPUT,
            "--direct and --order exclude each other: --direct --to CHANGE delivers the order, "
            "--order FILE writes it and delivers nothing");
    return ctl_fail(ctl, &err);
}

enum outcome emergency_run(struct ctl *ctl, const struct arguments *arguments)
{
    const char *to = arguments_get(arguments, "--to");
    struct err err = ERR_INIT;
    AUTO_JSON json_t *nodes = wanted_nodes(arguments, &err);
    struct consent consent = {.nodes = nodes};

    if (nodes == NULL || !read_wait(arguments, &consent.wait_s, &err) ||
        !read_rollout(arguments, &consent.rollout, &err))
        return ctl_fail(ctl, &err);
    if (json_array_size(nodes) > 0 && arguments_get(arguments, "--all") != NULL) {
        err_set(&err, ERR_INPUT, "--node and --all exclude each other");
        return ctl_fail(ctl, &err);
    }
    if (arguments_get(arguments, "--direct") != NULL)
        return take_directly(ctl, arguments, nodes, consent.wait_s);
    if (arguments_get(arguments, "--order") != NULL)
        return write_order(ctl, arguments, nodes, arguments_get(arguments, "--order"));
    if (to != NULL && json_array_size(nodes) == 0) {
        refuse_without_nodes(to, &err);
        return ctl_fail(ctl, &err);
    }
    if (!consent_to(ctl, arguments, to, &consent, &err))
        return ctl_fail(ctl, &err);
    return to != NULL ? take_by_orders(ctl, arguments, nodes, consent.wait_s)
                      : take_by_controller(ctl, arguments, &consent);
}
