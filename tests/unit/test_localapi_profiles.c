/*
 * test_localapi_profiles: which of tailscaled's profiles is current, and which it has.
 */
#include "common/io/localapi_parse.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/text.h"
#include "tests/unit/localapi_case.h"

#define LISTED(id, node)                                                                           \
    "{\"ID\":\"" id "\",\"Name\":\"lab\",\"NodeID\":\"" node "\",\"ControlURL\":"                  \
    "\"http://192.168.99.2:8080\"}"

static void look_for(const char *list, const struct tailscale_profile *sought,
                     struct tailscale *now)
{
    struct localapi_case daemon;
    struct err err = ERR_INIT;

    localapi_case_start(&daemon, "200 OK", "", "", list);
    now->home = HOME_UNASKED;
    now->profile.id[0] = '\0';
    (void)localapi_find_profile(daemon.path, LOCALAPI_CASE_PATIENCE_MS, sought, now, &err);
    localapi_case_stop(&daemon);
}

/* It is known by its node at its server, and by tailscaled's own ID also with another node. */
static void profiles_are_told_apart(void **state)
{
    struct tailscale_profile sought;
    struct tailscale now;

    (void)state;
    localapi_case_read(DATA "prefs_exit_ok.json", DATA "status_exit_ok.json", &now);
    assert_string_equal(now.profile.node_id, "2");
    assert_string_equal(now.profile.control, "http://192.168.99.2:8080");
    assert_string_equal(now.profile.name, "lab");
    look_for("[" LISTED("a1b2", "2") "]", NULL, &now);
    assert_string_equal(now.profile.id, "a1b2");
    assert_int_equal(now.home, HOME_UNASKED);
    sought = now.profile;
    text_copy(sought.node_id, sizeof(sought.node_id), "3");
    look_for("[" LISTED("c3d4", "2") "," LISTED("a1b2", "4") "]", &sought, &now);
    assert_string_equal(now.profile.id, "c3d4");
    assert_int_equal(now.home, HOME_THERE);
    look_for("[" LISTED("c3d4", "2") "]", &sought, &now);
    assert_int_equal(now.home, HOME_GONE);
    look_for("null", &sought, &now); /* how Go may write an empty one */
    assert_int_equal(now.home, HOME_GONE);
    look_for("{\"a\":1}", &sought, &now);
    assert_int_equal(now.home, HOME_UNASKED);
    free(now.peers);
}

static void captured_profiles(void **state)
{
    const struct tailscale_profile work = {.node_id = "4", .control = "http://192.168.99.2:8080"};
    char *profiles = localapi_case_load(DATA "profiles.json");
    struct tailscale now;

    (void)state;
    localapi_case_read(DATA "prefs_exit_ok.json", DATA "status_exit_ok.json", &now);
    look_for(profiles, &work, &now);
    assert_string_equal(now.profile.id, "9857");
    assert_int_equal(now.home, HOME_THERE);
    free(now.peers);
    free(profiles);
}

/* Somebody switched between the look and the writing. */
static void written_into_another_profile_is_no(void **state)
{
    const struct operation_tailscale change = {.set_accept_routes = true};
    struct tailscale now = {.presence = TAILSCALE_ANSWERS};
    char *prefs = localapi_case_load(DATA "prefs_exit_ok.json");
    struct err err = ERR_INIT;
    struct localapi_case daemon;

    (void)state;
    localapi_case_start(&daemon, "200 OK", prefs, "", "");
    assert_true(localapi_patch(daemon.path, LOCALAPI_CASE_PATIENCE_MS, &change, &now, &err));
    assert_string_equal(now.exit_node_id, "1"); /* as answered */
    now.profile = (struct tailscale_profile){.node_id = "1", .name = "work"};
    assert_false(localapi_patch(daemon.path, LOCALAPI_CASE_PATIENCE_MS, &change, &now, &err));
    assert_non_null(strstr(err.text, "expected tailscale's profile work, found that lab"));
    localapi_case_stop(&daemon);
    free(prefs);
}

static void a_name_forges_no_line(void **state)
{
    static const char prefs[] = "{\"ProfileName\":\"a\\nip rule\\u00e4\",\"ControlURL\":7,"
                                "\"Config\":{\"NodeID\":\"2\"}}";
    struct err err = ERR_INIT;
    struct tailscale tailscale = {.presence = TAILSCALE_ABSENT};

    (void)state;
    assert_true(localapi_parse_prefs((struct bytes){(const uint8_t *)prefs, strlen(prefs)},
                                     &tailscale, &err));
    assert_string_equal(tailscale.profile.name, "a?ip rule??");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(profiles_are_told_apart),
        cmocka_unit_test(captured_profiles),
        cmocka_unit_test(written_into_another_profile_is_no),
        cmocka_unit_test(a_name_forges_no_line),
    };

    signal(SIGPIPE, SIG_IGN); /* whoever asked may have gone */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
