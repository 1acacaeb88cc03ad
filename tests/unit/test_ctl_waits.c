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

#define HOLD(id, kind, scope, object, rest)                                                        \
    "{\"id\": " id ", \"kind\": \"" kind "\", \"scope\": \"" scope "\", \"object\": \"" object     \
    "\", \"reason\": \"incident\", \"by\": \"olga\", \"since\": 1795687542, " rest "}"

static void look_beside(struct ctl_desk *desk, const char *rollouts, const char *holds)
{
    static struct ctl_reply replies[3];

    assert_int_equal(setenv("TZ", "UTC", 1), 0);
    tzset();
    replies[0] = reply("GET /v1/nodes", NODES);
    replies[1] = reply("GET /v1/rollouts", rollouts);
    replies[2] = reply("GET /v1/holds", holds);
    ctl_desk_serve(desk, replies, 3);
    assert_int_equal(ctl_desk_run(desk, status_run, options, nothing), OUTCOME_DONE);
}

static void look(struct ctl_desk *desk, const char *rollouts)
{
    look_beside(desk, rollouts, "{\"holds\": []}");
}

/* What stops nothing now, as a window that is open, is for `hold list`. */
static void status_says_what_is_on_hold(void **state)
{
    look_beside(*state, LIST(PAUSED),
                "{\"holds\": [" HOLD("1", "freeze", "fleet", "",
                                     "\"until\": 1795691142, \"stops\": true") ", "      //
                HOLD("2", "maintenance", "a1", "", "\"until\": 0, \"stops\": true") ", " //
                HOLD("3", "window", "fleet", "mon-fri 08:00-16:00",
                     "\"until\": 0, \"stops\": true, \"opens_at\": 1795766400") ", " //
                HOLD("4", "window", "b2", "sat 08:00-16:00",
                     "\"until\": 0, \"stops\": false, \"opens_at\": 0") ", " //
                HOLD("5", "quarantine", "b2", "rule 5140",
                     "\"stops\": true, \"receipt\": \"9f86d0\"") ", " //
                HOLD("6", "quarantine", "b2", "rule 5150",
                     "\"stops\": true, \"receipt\": \"9f86d0\"") ", " //
                HOLD("7", "quarantine", "a1", "rule 5140",
                     "\"stops\": true, \"receipt\": \"aaaaaa\"") ", " //
                HOLD("8", "pause", "b2", "", "\"until\": 0") "]}");
    ctl_desk_expect(
        *state,
        "\nON HOLD\n"
        "  freeze of the fleet, since 2026-11-26 10:05:42 UTC, by olga, until 2026-11-26 11:05:42 "
        "UTC: incident\n"
        "    lifted by `oceanidctl hold lift 1`\n"
        "  maintenance of a1, since 2026-11-26 10:05:42 UTC, by olga: incident\n"
        "    lifted by `oceanidctl node return a1`\n"
        "  window of the fleet, since 2026-11-26 10:05:42 UTC, by olga, open mon-fri 08:00-16:00 "
        "UTC, next at 2026-11-27 08:00:00 UTC: incident\n"
        "    lifted by `oceanidctl hold lift 3`\n"
        "  quarantine of 2 objects on b2, since 2026-11-26 10:05:42 UTC, by olga: incident\n"
        "    lifted by a change that names its receipt with a reason, and `oceanidctl rollout "
        "start "
        "CHANGE.yaml`: quarantines: [{ receipt: 9f86d0, reason: WHY }]\n"
        "  quarantine of rule 5140 on a1, since 2026-11-26 10:05:42 UTC, by olga: incident\n"
        "    lifted by a change that names its receipt with a reason, and `oceanidctl rollout "
        "start "
        "CHANGE.yaml`: quarantines: [{ receipt: aaaaaa, reason: WHY }]\n"
        "  pause of b2, since 2026-11-26 10:05:42 UTC, by olga: incident\n"
        "    lifted by `oceanidctl hold lift 8`\n"
        "\nRollout 3");
}

static void status_says_nothing_of_holds_that_stop_nothing(void **state)
{
    look_beside(*state, LIST(PAUSED),
                "{\"holds\": [" HOLD("4", "window", "b2", "sat 08:00-16:00",
                                     "\"until\": 0, \"stops\": false, \"opens_at\": 0") "]}");
    ctl_desk_expect_not(*state, "ON HOLD");
}

/* Outside of it `next` asks the gates, which say no: it is said when that is another answer. */
static void what_waits_for_a_window_goes_on_when_it_opens(void **state)
{
    follow(*state,
           "{\"id\": 3, \"change\": \"drill\", \"state\": \"paused\", \"sentence\": \"so it is\", "
           "\"ended\": false, \"outcome\": \"\", \"waiting_for\": \"next\", \"stage\": 1, "
           "\"stages_count\": 2, \"nodes\": [], \"waits\": {\"what\": \"hold 3\", \"since\": 1, "
           "\"how\": \"\", \"command\": \"oceanidctl rollout next\", \"opens_at\": 1795766400}}");
    ctl_desk_expect(*state,
                    "Waiting for the window for changes, which opens at 2026-11-27 08:00:00 "
                    "UTC: `oceanidctl rollout next` goes on then, `oceanidctl rollout abort` "
                    "takes it back.");
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
        AT_CTL_DESK(status_says_what_is_on_hold),
        AT_CTL_DESK(status_says_nothing_of_holds_that_stop_nothing),
        AT_CTL_DESK(what_waits_for_a_window_goes_on_when_it_opens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
