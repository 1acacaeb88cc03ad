/*
 * test_ctl_waits: of what waits, oceanidctl says for what, since when, and the command that moves
 * it, as it can be typed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "controller/ctl/rollout.h"
#include "controller/ctl/status.h"
#include "tests/unit/ctl_case.h"

#define WAITING(state, what, how, command)                                                         \
    "{\"id\": 3, \"change\": \"drill\", \"state\": \"" state "\", \"sentence\": \"so it is\", "    \
    "\"ended\": false, \"outcome\": \"\", \"waiting_for\": \"next\", \"stage\": 1, "               \
    "\"stages_count\": 2, \"nodes\": [], \"waits\": {\"what\": \"" what "\", "                     \
    "\"since\": 1795687542, \"how\": \"" how "\", \"command\": \"" command "\"}}"
#define LIST(rollout) "{\"rollouts\": [" rollout "]}"
#define NODES                                                                                      \
    "{\"nodes\": [{\"name\": \"a1\", \"role\": \"node\", \"health\": \"pass\", \"connected\": "    \
    "true}]}"

#define PAUSED WAITING("paused", "a person", "what moves it", "oceanidctl rollout next")
#define UNKNOWN WAITING("halted", "a person", "what moves it", "oceanidctl rollout abort")
#define FOR_GOOD                                                                                   \
    WAITING("halted", "a person", "what moves it",                                                 \
            "oceanidctl rollout abort && oceanidctl rollout start CHANGE.yaml")
#define FOR_GOOD_IN_A_PAUSE                                                                        \
    WAITING("halted", "a person", "what moves it",                                                 \
            "oceanidctl rollout resume --no-watch && oceanidctl rollout abort && oceanidctl "      \
            "rollout start CHANGE.yaml")
#define HALTED WAITING("halted", "a person", "what moves it", "oceanidctl rollout next")

static const char *const options[] = {"--no-watch", "--reason=", NULL};
static const char *const nothing[] = {NULL};

static struct ctl_reply reply(const char *request, const char *body)
{
    return (struct ctl_reply){.request = request, .status = 200, .body = body, .len = strlen(body)};
}

static void follow(struct ctl_desk *desk, const char *rollout)
{
    static struct ctl_reply replies[3];

    replies[0] = reply("GET /v1/rollouts/3", rollout);
    replies[1] = reply("POST /v1/rollouts/3/next", rollout);
    replies[2] = reply("GET /v1/rollouts", LIST(PAUSED));
    ctl_desk_serve(desk, replies, 3);
    ctl_desk_run(desk, rollout_next_run, options, nothing);
}

static void what_is_paused_goes_on_or_back(void **state)
{
    follow(*state, PAUSED);
    ctl_desk_expect(*state, "Waiting for a person: `oceanidctl rollout next` goes on, "
                            "`oceanidctl rollout abort` takes it back.");
}

/* There to go on is nothing: what leads on takes it back. */
static void what_only_abort_leads_on_from_does_not_go_on(void **state)
{
    follow(*state, UNKNOWN);
    ctl_desk_expect(*state, "Waiting for a person: `oceanidctl rollout abort` takes it back, and "
                            "only that leads on.");
    ctl_desk_expect_not(*state, "goes on");
}

static void what_is_refused_for_good_is_signed_anew(void **state)
{
    follow(*state, FOR_GOOD);
    ctl_desk_expect(*state,
                    "Waiting for a person: `oceanidctl rollout abort && oceanidctl rollout start "
                    "CHANGE.yaml` takes it back and starts it anew, and only that leads on.");
}

static void also_behind_a_pause(void **state)
{
    follow(*state, FOR_GOOD_IN_A_PAUSE);
    ctl_desk_expect(*state, "rollout start CHANGE.yaml` takes it back and starts it anew, and only "
                            "that leads on.");
}

static void look(struct ctl_desk *desk, const char *rollouts)
{
    static struct ctl_reply replies[2];

    assert_int_equal(setenv("TZ", "UTC", 1), 0);
    tzset();
    replies[0] = reply("GET /v1/nodes", NODES);
    replies[1] = reply("GET /v1/rollouts", rollouts);
    ctl_desk_serve(desk, replies, 2);
    assert_int_equal(ctl_desk_run(desk, status_run, options, nothing), OUTCOME_DONE);
}

static void status_says_what_is_waited_for(void **state)
{
    look(*state, LIST(PAUSED));
    ctl_desk_expect(*state, "Rollout 3, drill: paused; so it is\n"
                            "  waits for a person, since 2026-11-26 10:05:42 UTC\n"
                            "  what moves it: `oceanidctl rollout next`\n");
}

/* An incomplete one behind a newer one too: signing may wait for its receipts. */
static void status_says_it_of_an_older_one(void **state)
{
    look(*state, "{\"rollouts\": [{\"id\": 4, \"change\": \"newer\", \"state\": \"complete\", "
                 "\"sentence\": \"every node has confirmed\", \"ended\": true, \"outcome\": "
                 "\"complete\", \"waits\": {\"what\": \"\", \"since\": 0, \"how\": \"\", "
                 "\"command\": \"\"}}, " WAITING("incomplete", "a1's guard to take it back",
                                                 "sooner", "ssh -t root@a1 oceanid-rollback") "]}");
    ctl_desk_expect(*state, "Rollout 4, newer: complete; every node has confirmed\n");
    ctl_desk_expect(*state, "Rollout 3, drill: incomplete; so it is\n"
                            "  waits for a1's guard to take it back, since 2026-11-26 10:05:42 "
                            "UTC\n  sooner: `ssh -t root@a1 oceanid-rollback`\n");
}

/* A pause that was lifted is not what has halted it. */
static void what_has_halted_is_not_said_to_go_on(void **state)
{
    static struct ctl_reply replies[2];
    static const char *const words[] = {"--no-watch", NULL};

    replies[0] = reply("GET /v1/holds", "{\"holds\": []}");
    replies[1] = reply("GET /v1/rollouts", LIST(HALTED));
    ctl_desk_serve(*state, replies, 2);
    assert_int_equal(ctl_desk_run(*state, rollout_resume_run, options, words), OUTCOME_DONE);
    ctl_desk_expect(*state, "rollout 3 has halted, which no pause did");
    ctl_desk_expect(*state, "`oceanidctl rollout next`");
    ctl_desk_expect_not(*state, "goes on:");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_CTL_DESK(what_is_paused_goes_on_or_back),
        AT_CTL_DESK(what_only_abort_leads_on_from_does_not_go_on),
        AT_CTL_DESK(what_is_refused_for_good_is_signed_anew),
        AT_CTL_DESK(also_behind_a_pause),
        AT_CTL_DESK(status_says_what_is_waited_for),
        AT_CTL_DESK(status_says_it_of_an_older_one),
        AT_CTL_DESK(what_has_halted_is_not_said_to_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
