/*
 * test_localapi: what the real daemon said, as captured; and a daemon that is absent, hangs,
 * babbles, refuses, or says yes and does not do it.
 */
#include "common/io/localapi.h"

#include "common/core/text.h"
#include "common/io/localapi_parse.h"
#include "tests/unit/localapi_case.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- captured documents ---------------------------------------------------------------------- */

static void captured_exit_node_in_use(void **state)
{
    struct tailscale tailscale;
    char text[ADDRESS_TEXT_SIZE];

    (void)state;
    localapi_case_read(DATA "prefs_exit_ok.json", DATA "status_exit_ok.json", &tailscale);
    assert_int_equal(tailscale.presence, TAILSCALE_ANSWERS);
    assert_string_equal(tailscale.backend_state, "Running");
    assert_string_equal(tailscale.exit_node_id, "1");
    assert_int_equal(tailscale.exit_node_allow_lan_access, true);
    assert_int_equal(tailscale.accept_routes, false);
    assert_string_equal(address_format(&tailscale.addresses[0], text), "100.64.0.2");
    assert_int_equal(tailscale.peers_count, 2);
    assert_string_equal(tailscale.peers[0].id, "1");
    assert_int_equal(tailscale.peers[0].exit_node_option, true);
    assert_int_equal(tailscale.peers[0].direct, true);
    assert_int_equal(tailscale.peers[1].exit_node_option, false);
    free(tailscale.peers);
}

static void captured_exit_node_deleted(void **state)
{
    struct tailscale tailscale;

    (void)state;
    localapi_case_read(DATA "prefs_exit_deleted.json", DATA "status_exit_deleted.json", &tailscale);
    assert_string_equal(tailscale.exit_node_id, "1"); /* dangling: nobody says so */
    for (uint32_t i = 0; i < tailscale.peers_count; i++)
        assert_string_not_equal(tailscale.peers[i].id, "1");
    free(tailscale.peers);
}

static void captured_exit_node_itself(void **state)
{
    struct tailscale tailscale;

    (void)state;
    localapi_case_read(DATA "prefs_exit_node_side.json", DATA "status_exit_node_side.json",
                       &tailscale);
    assert_int_equal(tailscale.self_exit_node_option, false); /* not approved yet, just then */
    assert_int_equal(tailscale.advertise_routes_count, 4);
    assert_string_equal(tailscale.exit_node_id, "");
    free(tailscale.peers);
}

static void captured_key_expired(void **state)
{
    struct tailscale tailscale;

    (void)state;
    localapi_case_read(DATA "prefs_key_expired.json", DATA "status_key_expired.json", &tailscale);
    assert_int_equal(tailscale.presence, TAILSCALE_ANSWERS);
    assert_string_equal(tailscale.backend_state, "NeedsLogin");
    free(tailscale.peers);
}

/* ---- daemons that are not well ----------------------------------------------------------------
 */

static void absent_is_an_answer(void **state)
{
    struct tailscale tailscale;

    (void)state;
    localapi_read("/nonexistent/tailscaled.sock", 500, &tailscale);
    assert_int_equal(tailscale.presence, TAILSCALE_ABSENT);
    assert_non_null(strstr(tailscale.why, "/nonexistent/tailscaled.sock"));
    localapi_read("/dev/null/tailscaled.sock", 500, &tailscale);
    assert_int_equal(tailscale.presence, TAILSCALE_ABSENT);
    localapi_read("", 500, &tailscale);
    assert_int_equal(tailscale.presence, TAILSCALE_ABSENT);
}

/* Stops where it is, as by SIGSTOP: it listens, and one connection already waits. */
static int listen_frozen(struct sockaddr_un *ret_address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "/tmp/oceanid-localapi-%d.sock",
             getpid());
    unlink(ret_address->sun_path);
    assert_int_equal(bind(fd, (struct sockaddr *)ret_address, sizeof(*ret_address)), 0);
    assert_int_equal(listen(fd, 0), 0);
    return fd;
}

static void frozen_with_a_full_backlog_is_silent(void **state)
{
    struct address exit_node;
    struct tailscale tailscale;
    struct sockaddr_un address;
    struct err err = ERR_INIT;
    int listener = listen_frozen(&address);
    int waits = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_int_equal(connect(waits, (struct sockaddr *)&address, sizeof(address)), 0);
    localapi_read(address.sun_path, 500, &tailscale);
    assert_int_equal(tailscale.presence, TAILSCALE_SILENT);
    assert_non_null(strstr(tailscale.why, "tailscaled is there and takes no connection"));
    assert_true(address_parse("100.64.0.1", &exit_node));
    assert_false(localapi_ping(address.sun_path, 500, &exit_node, &err));
    assert_non_null(strstr(err.text, "takes no connection"));
    close(waits);
    close(listener);
    localapi_read(address.sun_path, 500, &tailscale); /* a socket that nobody listens on */
    assert_int_equal(tailscale.presence, TAILSCALE_ABSENT);
    unlink(address.sun_path);
}

static void hanging_is_silent_in_time(void **state)
{
    struct tailscale tailscale;
    struct localapi_case daemon;

    (void)state;
    localapi_case_start(&daemon, NULL, "", "", "");
    localapi_read(daemon.path, 200, &tailscale);
    assert_int_equal(tailscale.presence, TAILSCALE_SILENT);
    assert_string_equal(tailscale.why, "tailscaled does not answer in 200 ms");
    localapi_case_stop(&daemon);
}

static void garbage_is_silent_with_reason(void **state)
{
    struct tailscale tailscale;
    struct localapi_case daemon;

    (void)state;
    localapi_case_start(&daemon, "200 OK", "\x01{]", "", "");
    localapi_read(daemon.path, LOCALAPI_CASE_PATIENCE_MS, &tailscale);
    assert_int_equal(tailscale.presence, TAILSCALE_SILENT);
    assert_non_null(strstr(tailscale.why, "expected a JSON object"));
    localapi_case_stop(&daemon);
}

static bool patch_exit_node(const struct localapi_case *daemon, const char *id, struct err *err)
{
    struct operation_tailscale change = {
        .set_exit_node = true, .set_allow_lan_access = true, .allow_lan_access = true};
    struct tailscale now = {.presence = TAILSCALE_ANSWERS};

    text_copy(change.exit_node_id, sizeof(change.exit_node_id), id);
    return localapi_patch(daemon->path, LOCALAPI_CASE_PATIENCE_MS, &change, &now, err);
}

static void refusals_say_what_the_daemon_said(void **state)
{
    char *body = localapi_case_load(DATA "prefs_patch_error_400.json");
    struct err err = ERR_INIT;
    struct localapi_case daemon;

    (void)state;
    localapi_case_start(&daemon, "400 Bad Request", body, "", "");
    assert_int_equal(patch_exit_node(&daemon, "1", &err), false);
    assert_string_equal(err.text, "tailscaled says 400: Cannot advertise an exit node and use an "
                                  "exit node at the same time.");
    localapi_case_stop(&daemon);
    localapi_case_start(&daemon, "403 Forbidden", "access denied\n", "", "");
    assert_int_equal(patch_exit_node(&daemon, "1", &err), false);
    assert_int_equal(err.kind, ERR_DENIED);
    localapi_case_stop(&daemon);
    free(body);
}

static void a_yes_that_was_not_done_is_no(void **state)
{
    char *prefs = localapi_case_load(DATA "prefs_exit_ok.json");
    struct err err = ERR_INIT;
    struct localapi_case daemon;

    (void)state;
    localapi_case_start(&daemon, "200 OK", prefs, "", "");
    assert_int_equal(patch_exit_node(&daemon, "1", &err), true);
    localapi_case_stop(&daemon);
    assert_non_null(strstr(daemon.asked, "\"ExitNodeID\":\"1\",\"ExitNodeIDSet\":true"));
    assert_non_null(strstr(daemon.asked, "\"ExitNodeIP\":\"\",\"ExitNodeIPSet\":true"));
    localapi_case_start(&daemon, "200 OK", prefs, "", "");
    assert_int_equal(patch_exit_node(&daemon, "", &err), false);
    assert_non_null(strstr(err.text, "has ExitNodeID '1'"));
    localapi_case_stop(&daemon);
    free(prefs);
}

/* "10.0.0.0/24", "10.0.1.0/24", ... */
static void format_prefs(unsigned count, const char *last, struct text *out)
{
    text_add(out, "{\"AdvertiseRoutes\":[");
    for (unsigned i = 0; i < count; i++)
        text_add(out, "\"10.0.%u.0/24\",", i);
    text_add(out, "%s]}", last);
}

static void expect_routes(unsigned count, const char *last, unsigned read, const char *unread)
{
    static char prefs[4096];
    struct text text = TEXT_IN(prefs);
    struct tailscale tailscale = {0};
    struct err err = ERR_INIT;

    format_prefs(count, last, &text);
    if (!localapi_parse_prefs((struct bytes){(const uint8_t *)prefs, strlen(prefs)}, &tailscale,
                              &err))
        fail_msg("%s", err.text);
    assert_int_equal(tailscale.advertise_routes_count, read);
    assert_string_equal(tailscale.advertise_routes_unread, unread);
}

static void routes_that_are_not_read_are_said(void **state)
{
    (void)state;
    expect_routes(TAILSCALE_ROUTES_MAX - 1, "\"fd00::/8\"", TAILSCALE_ROUTES_MAX, "");
    expect_routes(TAILSCALE_ROUTES_MAX, "\"fd00::/8\"", TAILSCALE_ROUTES_MAX,
                  "it advertises 65 routes, accepted are at most 64");
    expect_routes(1, "\"10.0.0.0/33\"", 1,
                  "it advertises \"10.0.0.0/33\", accepted are networks such as 10.0.0.0/8 and "
                  "fd00::/8");
    expect_routes(0, "7, \"10.0.0.0/8\"", 1,
                  "it advertises 7, accepted are networks such as 10.0.0.0/8 and fd00::/8");
}

/* The daemon's answer has one more than fits: that the first ones are as asked says nothing. */
static void routes_that_do_not_fit_are_not_as_asked(void **state)
{
    struct operation_tailscale change = {.set_advertise_routes = true,
                                         .advertise_routes_count = TAILSCALE_ROUTES_MAX};
    struct tailscale now = {.presence = TAILSCALE_ANSWERS};
    static char prefs[4096];
    struct text text = TEXT_IN(prefs);
    struct err err = ERR_INIT;
    struct localapi_case daemon;

    (void)state;
    for (unsigned i = 0; i < TAILSCALE_ROUTES_MAX; i++) {
        char network[PREFIX_TEXT_SIZE];

        snprintf(network, sizeof(network), "10.0.%u.0/24", i);
        assert_true(prefix_parse(network, &change.advertise_routes[i]));
    }
    format_prefs(TAILSCALE_ROUTES_MAX, "\"192.0.2.0/24\"", &text);
    localapi_case_start(&daemon, "200 OK", prefs, "", "");
    assert_false(localapi_patch(daemon.path, LOCALAPI_CASE_PATIENCE_MS, &change, &now, &err));
    assert_non_null(strstr(err.text, "it advertises 65 routes, accepted are at most 64"));
    localapi_case_stop(&daemon);
}

static void ping_believes_only_the_peer_itself(void **state)
{
    char *good = localapi_case_load(DATA "ping_disco_ok.json");
    char *other = localapi_case_load(DATA "ping_unknown_address_answered_by_exit_node.json");
    struct err err = ERR_INIT;
    struct address exit_node, unknown;
    struct localapi_case daemon;

    (void)state;
    address_parse("100.64.0.1", &exit_node);
    address_parse("100.64.0.77", &unknown);
    localapi_case_start(&daemon, "200 OK", "", "", good);
    assert_int_equal(localapi_ping(daemon.path, LOCALAPI_CASE_PATIENCE_MS, &exit_node, &err), true);
    localapi_case_stop(&daemon);
    localapi_case_start(&daemon, "200 OK", "", "", other);
    assert_int_equal(localapi_ping(daemon.path, LOCALAPI_CASE_PATIENCE_MS, &unknown, &err), false);
    assert_string_equal(err.text,
                        "disco ping to 100.64.0.77 was answered by 100.64.0.1, another node");
    localapi_case_stop(&daemon);
    localapi_case_start(&daemon, NULL, "", "", "");
    assert_int_equal(localapi_ping(daemon.path, 200, &exit_node, &err), false);
    assert_string_equal(err.text, "disco ping to 100.64.0.1: no answer in 200 ms");
    localapi_case_stop(&daemon);
    free(good);
    free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captured_exit_node_in_use),
        cmocka_unit_test(captured_exit_node_deleted),
        cmocka_unit_test(captured_exit_node_itself),
        cmocka_unit_test(captured_key_expired),
        cmocka_unit_test(absent_is_an_answer),
        cmocka_unit_test(frozen_with_a_full_backlog_is_silent),
        cmocka_unit_test(hanging_is_silent_in_time),
        cmocka_unit_test(garbage_is_silent_with_reason),
        cmocka_unit_test(refusals_say_what_the_daemon_said),
        cmocka_unit_test(a_yes_that_was_not_done_is_no),
        cmocka_unit_test(routes_that_are_not_read_are_said),
        cmocka_unit_test(routes_that_do_not_fit_are_not_as_asked),
        cmocka_unit_test(ping_believes_only_the_peer_itself),
    };

    signal(SIGPIPE, SIG_IGN); /* whoever asked may have gone */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
