/*
 * test_link: both sides of a link over loopback, and peers that must not get in.
 */
#include "common/io/link.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/limits.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "tests/unit/link_peers.h"

#include <setjmp.h>

#include <cmocka.h>

/* nng leaks a connection that is closed while it negotiates. The price: a message of ours that is
 * not freed goes unseen too, for nng allocates it. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libnng.so\n";
}

enum { PATIENCE_S = 20, LONG_MS = 20000, BREAKS = 1500 };

static char directory[64] = "/tmp/test_link.XXXXXX";
static struct authority fleet, foreign;
static struct identity controller, agent, stranger, impostor;

/* ---- waiting for what is observed ------------------------------------------------------------ */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* Changes a number that somebody waits for. */
static void set_number(unsigned *number, unsigned value)
{
    pthread_mutex_lock(&lock);
    *number = value;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* At least value, and for the few that go down again: exactly 0. */
static void await(const unsigned *number, unsigned value)
{
    struct timespec until;
    int failed = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&lock);
    while ((value == 0 ? *number != 0 : *number < value) && failed == 0)
        failed = pthread_cond_timedwait(&changed, &lock, &until);
    assert_int_equal(failed, 0);
    pthread_mutex_unlock(&lock);
}

/* ---- a controller: echoes, parks, answers too much ------------------------------------------- */

struct host {
    struct link_server *server;
    char url[64];
    unsigned pipes_count; /* connected now */
    unsigned ended_count;
    unsigned parked_count;
    struct link_request *parked[4];
    uint32_t parked_pipes[4];
};

static void on_request(void *context, uint32_t pipe, struct bytes bytes,
                       struct link_request *request)
{
    struct host *host = context;

    if (bytes.len == 4 && memcmp(bytes.data, "park", 4) == 0) {
        host->parked[host->parked_count] = request;
        host->parked_pipes[host->parked_count] = pipe;
        set_number(&host->parked_count, host->parked_count + 1);
    } else if (bytes.len == 4 && memcmp(bytes.data, "much", 4) == 0) {
        AUTO_FREE uint8_t *much = mem_alloc(1, COMMAND_SIZE_MAX + 1);

        link_request_answer(request, (struct bytes){much, COMMAND_SIZE_MAX + 1});
    } else if (bytes.len == 4 && memcmp(bytes.data, "drop", 4) == 0) {
        link_request_drop(request);
    } else {
        link_request_answer(request, bytes);
    }
}

static void on_pipe(void *context, uint32_t pipe, bool connected)
{
    struct host *host = context;

    assert_true(pipe != 0);
    set_number(&host->pipes_count, connected ? host->pipes_count + 1 : host->pipes_count - 1);
    if (!connected)
        set_number(&host->ended_count, host->ended_count + 1);
}

/* Whose connections may be silent for so long. */
static void host_start_patient(struct host *host, unsigned port, const struct identity *identity,
                               int silence_ms)
{
    char url[64];
    struct link_server_options options = {.url = url,
                                          .tls = identity_tls(identity),
                                          .contexts_count = 8,
                                          .silence_ms = silence_ms,
                                          .open_max = 4,
                                          .request_fn = on_request,
                                          .pipe_fn = on_pipe,
                                          .context = host};
    struct err err = ERR_INIT;

    memset(host, 0, sizeof(*host));
    snprintf(url, sizeof(url), "tls+tcp://127.0.0.1:%u", port);
    host->server = link_server_new(&options, &err);
    assert_string_equal(err.text, "");
    assert_non_null(host->server);
    snprintf(host->url, sizeof(host->url), "tls+tcp://127.0.0.1:%u",
             link_server_port(host->server));
}

/* A test that has to wait for the machine says nothing for a while, and keeps its connection. */
static void host_start(struct host *host, unsigned port, const struct identity *identity)
{
    host_start_patient(host, port, identity, 10 * PATIENCE_S * 1000);
}

/* ---- an agent -------------------------------------------------------------------------------- */

struct node {
    struct link_client *client;
    unsigned connected;
    unsigned losses_count;
};

static void on_state(void *context, bool connected)
{
    struct node *node = context;

    set_number(&node->connected, connected);
    if (!connected)
        set_number(&node->losses_count, node->losses_count + 1);
}

static void node_start(struct node *node, const char *url, const struct identity *identity)
{
    struct link_client_options options = {
        .url = url, .tls = identity_tls(identity), .state_fn = on_state, .context = node};
    struct err err = ERR_INIT;

    memset(node, 0, sizeof(*node));
    node->client = link_client_new(&options, &err);
    assert_string_equal(err.text, "");
}

static void node_reconnect(struct node *node)
{
    await(&node->losses_count, 1);
    await(&node->connected, true);
}

static void node_connect(struct node *node, const struct host *host)
{
    node_start(node, host->url, &agent);
    await(&node->connected, true);
}

struct question {
    unsigned answers_count;
    char reply[64];
    size_t reply_len;
    char reason[1024];
};

static void on_reply(void *context, const struct bytes *reply, const char *reason)
{
    struct question *question = context;

    if (reply != NULL) {
        question->reply_len = reply->len;
        snprintf(question->reply, sizeof(question->reply), "%.*s", (int)reply->len,
                 (const char *)reply->data);
    } else {
        text_copy(question->reason, sizeof(question->reason), reason);
    }
    set_number(&question->answers_count, question->answers_count + 1);
}

static void ask_for(struct node *node, const char *text, int timeout_ms, struct question *question)
{
    memset(question, 0, sizeof(*question));
    link_client_ask(node->client, (struct bytes){(const uint8_t *)text, strlen(text)}, timeout_ms,
                    on_reply, question);
}

static void ask(struct node *node, const char *text, struct question *question)
{
    ask_for(node, text, LONG_MS, question);
}

static void expect_reply(struct question *question, const char *reply)
{
    await(&question->answers_count, 1);
    assert_string_equal(question->reason, "");
    assert_string_equal(question->reply, reply);
}

/* "@" in sentence stands for the url. */
static void expect_reason(struct question *question, const char *sentence, const struct host *host)
{
    const char *hole = strchr(sentence, '@');
    char expected[200];

    snprintf(expected, sizeof(expected), "%.*s%s%s", (int)(hole - sentence), sentence, host->url,
             hole + 1);
    await(&question->answers_count, 1);
    assert_string_equal(question->reason, expected);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void test_answers(void **state)
{
    struct question first, second;
    struct host host;
    struct node node;

    (void)state;
    host_start(&host, 0, &controller);
    node_connect(&node, &host);
    ask(&node, "one", &first);
    ask(&node, "two", &second);
    expect_reply(&first, "one");
    expect_reply(&second, "two");
    ask(&node, "", &first);
    expect_reply(&first, "");
    link_client_free(node.client);
    await(&host.pipes_count, 0);
    link_server_free(host.server);
}

static void test_parked_answer_comes_when_it_exists(void **state)
{
    struct question parked, other;
    struct host host;
    struct node node;

    (void)state;
    host_start(&host, 0, &controller);
    node_connect(&node, &host);
    ask(&node, "park", &parked);
    await(&host.parked_count, 1);
    for (int i = 0; i < 20; i++) { /* more than there are contexts */
        ask(&node, "meanwhile", &other);
        expect_reply(&other, "meanwhile");
    }
    assert_int_equal(parked.answers_count, 0);
    link_request_answer(host.parked[0], (struct bytes){(const uint8_t *)"now", 3});
    expect_reply(&parked, "now");
    link_client_free(node.client);
    link_server_free(host.server);
}

static void park_four(struct node *node, struct host *host, struct question *parked)
{
    set_number(&host->parked_count, 0);
    for (unsigned i = 0; i < 4; i++) {
        ask(node, "park", &parked[i]);
        await(&host->parked_count, i + 1);
    }
}

/* What one connection asks beside the four that it has open is dropped; nobody else feels it. */
static void test_a_flood_is_one_connections(void **state)
{
    struct question parked[4], more[10], question;
    struct host host;
    struct node node, other;

    (void)state;
    host_start(&host, 0, &controller);
    node_connect(&node, &host);
    node_connect(&other, &host);
    park_four(&node, &host, parked);
    for (unsigned i = 0; i < 4; i++) {
        link_request_answer(host.parked[i], (struct bytes){(const uint8_t *)"now", 3});
        expect_reply(&parked[i], "now");
    }
    ask(&node, "room", &question);
    expect_reply(&question, "room");

    park_four(&node, &host, parked);
    for (unsigned i = 0; i < 10; i++)
        ask_for(&node, "more", 300, &more[i]);
    ask(&other, "one", &question);
    expect_reply(&question, "one");
    for (unsigned i = 0; i < 10; i++) { /* asked in vain */
        await(&more[i].answers_count, 1);
        assert_string_equal(more[i].reply, "");
    }
    for (unsigned i = 0; i < 4; i++)
        link_request_drop(host.parked[i]);
    node_reconnect(&node);
    ask(&node, "again", &question);
    expect_reply(&question, "again");
    link_client_free(node.client);
    link_client_free(other.client);
    link_server_free(host.server);
}

static void test_two_clients_at_once(void **state)
{
    struct question old_parked, new_parked, question;
    struct host host;
    struct node old, new;

    (void)state;
    host_start(&host, 0, &controller);
    node_connect(&old, &host);
    ask(&old, "park", &old_parked);
    await(&host.parked_count, 1);
    node_connect(&new, &host);
    ask(&new, "park", &new_parked);
    await(&host.parked_count, 2);
    assert_int_not_equal(host.parked_pipes[0], host.parked_pipes[1]);
    link_client_free(old.client); /* the new one goes on */
    expect_reason(&old_parked, "the link to @ was closed here", &host);
    ask(&new, "still there", &question);
    expect_reply(&question, "still there");
    link_request_answer(host.parked[0], (struct bytes){(const uint8_t *)"nobody", 6});
    link_request_answer(host.parked[1], (struct bytes){(const uint8_t *)"new", 3});
    expect_reply(&new_parked, "new");
    link_client_free(new.client);
    link_server_free(host.server);
}

static void test_only_our_certificates_get_in(void **state)
{
    struct host host;
    unsigned port;

    (void)state;
    host_start_patient(&host, 0, &controller, 200);
    port = link_server_port(host.server);
    assert_int_equal(peer_is_let_in(port, &agent), true); /* what is refused below is refused for
                                                             its certificate */
    assert_int_equal(peer_is_let_in(port, NULL), false);
    assert_int_equal(peer_is_let_in(port, &stranger), false);
    assert_int_equal(peer_is_let_in(port, &agent), true);
    await(&host.ended_count, 2);
    link_server_free(host.server);
}

/* Trusted or not, as seen by somebody who poses as the controller. */
static bool client_trusts(const struct identity *identity)
{
    unsigned port;
    int fd = peer_listen(&port);
    struct node node;
    char url[64];
    bool trusted;

    snprintf(url, sizeof(url), "tls+tcp://127.0.0.1:%u", port);
    node_start(&node, url, &agent);
    trusted = peer_is_trusted(fd, identity);
    assert_int_equal(node.connected, false);
    link_client_free(node.client);
    close(fd);
    return trusted;
}

static void test_only_a_controller_is_trusted(void **state)
{
    (void)state;
    assert_int_equal(client_trusts(&controller), true);
    assert_int_equal(client_trusts(&stranger), false); /* of another CA, whatever its name */
    assert_int_equal(client_trusts(&impostor), false); /* a node that poses as the controller */
}

static void test_oversized_frame_drops_only_its_connection(void **state)
{
    struct question parked;
    struct host host;
    struct node node;

    (void)state;
    host_start(&host, 0, &controller);
    node_connect(&node, &host);
    ask(&node, "park", &parked);
    await(&host.parked_count, 1);
    assert_int_equal(peer_is_dropped_for(link_server_port(host.server), &agent, FRAME_SIZE_MAX + 1),
                     true);
    link_request_answer(host.parked[0], (struct bytes){(const uint8_t *)"untouched", 9});
    expect_reply(&parked, "untouched");
    assert_int_equal(node.losses_count, 0);
    link_client_free(node.client);
    link_server_free(host.server);
}

static void test_oversized_is_not_sent(void **state)
{
    AUTO_FREE uint8_t *much = mem_alloc(1, FRAME_SIZE_MAX + 1);
    struct question request, answer, question;
    struct host host;
    struct node node;

    (void)state;
    host_start(&host, 0, &controller);
    node_connect(&node, &host);
    memset(&request, 0, sizeof(request));
    link_client_ask(node.client, (struct bytes){much, FRAME_SIZE_MAX + 1}, LONG_MS, on_reply,
                    &request);
    await(&request.answers_count, 1);
    assert_string_equal(request.reason, "a request above 67108864 bytes: accepted are fewer");
    ask_for(&node, "much", 100, &answer);
    expect_reason(&answer, "no answer from @ in 100 ms", &host);
    node_reconnect(&node);
    ask(&node, "all", &question);
    expect_reply(&question, "all");
    link_client_free(node.client);
    link_server_free(host.server);
}

/* In many parts, both ways. */
static void test_large_messages_pass(void **state)
{
    enum { SIZE = 1 << 20 };
    AUTO_FREE uint8_t *much = mem_alloc(1, SIZE);
    struct question question;
    struct host host;
    struct node node;

    (void)state;
    memset(much, 'x', SIZE);
    host_start(&host, 0, &controller);
    node_connect(&node, &host);
    memset(&question, 0, sizeof(question));
    link_client_ask(node.client, (struct bytes){much, SIZE}, LONG_MS, on_reply, &question);
    await(&question.answers_count, 1);
    assert_string_equal(question.reason, "");
    assert_int_equal(question.reply_len, SIZE);
    link_client_free(node.client);
    link_server_free(host.server);
}

static void test_server_gone_and_back(void **state)
{
    struct question parked, question;
    struct host host;
    struct node node;
    unsigned port;

    (void)state;
    host_start(&host, 0, &controller);
    port = link_server_port(host.server);
    node_connect(&node, &host);
    ask(&node, "park", &parked);
    await(&host.parked_count, 1);
    link_server_free(host.server);
    expect_reason(&parked, "the connection to @ is gone", &host);
    await(&node.connected, false);
    ask(&node, "anybody", &question);
    expect_reason(&question, "not connected to @", &host);
    host_start(&host, port, &controller);
    await(&node.connected, true);
    ask(&node, "back", &question);
    expect_reply(&question, "back");
    link_client_free(node.client);
    link_server_free(host.server);
}

static void test_server_closes_a_pipe(void **state)
{
    struct question parked, question;
    struct host host;
    struct node node;

    (void)state;
    host_start(&host, 0, &controller);
    node_connect(&node, &host);
    ask(&node, "park", &parked);
    await(&host.parked_count, 1);
    link_server_close_pipe(host.server, host.parked_pipes[0]);
    expect_reason(&parked, "the connection to @ is gone", &host);
    node_reconnect(&node);
    ask(&node, "again", &question);
    expect_reply(&question, "again");
    link_request_drop(host.parked[0]);
    link_client_free(node.client);
    link_server_free(host.server);
}

/* ... and then the connection is not trusted any more. */
static void test_no_answer_in_time(void **state)
{
    struct question question, parked, other;
    struct host host;
    struct node node;

    (void)state;
    host_start(&host, 0, &controller);
    node_connect(&node, &host);
    ask(&node, "park", &parked);
    await(&host.parked_count, 1);
    ask_for(&node, "drop", 30, &question);
    expect_reason(&question, "no answer from @ in 30 ms", &host);
    expect_reason(&parked, "the connection to @ is gone", &host);
    node_reconnect(&node);
    ask(&node, "and then", &other);
    expect_reply(&other, "and then");
    assert_int_equal(question.answers_count, 1);
    link_client_free(node.client);
    link_server_free(host.server);
}

/* A parked request keeps its connection, however long; silence does not. */
static void test_silent_pipe_is_closed(void **state)
{
    struct question parked;
    struct host host;
    struct node silent, waiting;

    (void)state;
    host_start_patient(&host, 0, &controller, 1000);
    node_connect(&waiting, &host);
    ask(&waiting, "park", &parked);
    await(&host.parked_count, 1);
    node_connect(&silent, &host);
    await(&silent.losses_count, 3); /* each time that it dialled */
    assert_int_equal(waiting.losses_count, 0);
    link_request_answer(host.parked[0], (struct bytes){(const uint8_t *)"late", 4});
    expect_reply(&parked, "late");
    link_client_free(silent.client);
    link_client_free(waiting.client);
    link_server_free(host.server);
}

/* Whoever can reach the port can do this; nng 1.5 must not stop to listen for it. */
static void test_listener_outlives_hang_ups(void **state)
{
    struct question question;
    struct host host;
    struct node node;

    (void)state;
    host_start(&host, 0, &controller);
    for (unsigned i = 0; i < 64; i++)
        peer_hang_up(link_server_port(host.server), i);
    for (int i = 0; i < 4; i++)
        assert_int_equal(peer_is_let_in(link_server_port(host.server), &stranger), false);
    node_connect(&node, &host);
    ask(&node, "well", &question);
    expect_reply(&question, "well");
    link_client_free(node.client);
    link_server_free(host.server);
}

/* So can anybody do this: nng 1.5 stopped for good, one time in some hundreds (link_listener.c). */
static void test_listener_outlives_broken_hellos(void **state)
{
    struct question question;
    struct host host;
    struct node node;

    (void)state;
    host_start(&host, 0, &controller);
    for (unsigned i = 0; i < BREAKS; i++)
        peer_break_off(link_server_port(host.server));
    node_connect(&node, &host);
    ask(&node, "well", &question);
    expect_reply(&question, "well");
    link_client_free(node.client);
    link_server_free(host.server);
}

static void test_refusals_name_their_cause(void **state)
{
    struct link_tls tls = identity_tls(&agent);
    struct link_client_options options = {.url = "tls+tcp://127.0.0.1:1", .tls = tls};
    struct err err = ERR_INIT;
    char expected[700];

    (void)state;
    options.tls.ca_path = "/nowhere/ca.pem";
    assert_null(link_client_new(&options, &err));
    assert_non_null(strstr(err.text, "/nowhere/ca.pem"));
    options.tls = tls;
    options.tls.key_path = stranger.key; /* of another pair */
    assert_null(link_client_new(&options, &err));
    snprintf(expected, sizeof(expected), "%s is not the key of %s", stranger.key, agent.cert);
    assert_string_equal(err.text, expected);
    options.tls.key_path = agent.cert;
    assert_null(link_client_new(&options, &err));
    snprintf(expected, sizeof(expected), "%s: expected a private key, PEM", agent.cert);
    assert_string_equal(err.text, expected);
    options.tls = tls;
    options.url = "nonsense";
    assert_null(link_client_new(&options, &err));
    assert_int_equal(strncmp(err.text, "nonsense: ", 10), 0);
}

static void test_taken_port_is_refused(void **state)
{
    struct host host;
    struct link_server_options options = {.tls = identity_tls(&controller), .contexts_count = 1};
    struct err err = ERR_INIT;

    (void)state;
    host_start(&host, 0, &controller);
    options.url = host.url;
    assert_null(link_server_new(&options, &err));
    assert_int_equal(strncmp(err.text, host.url, strlen(host.url)), 0);
    link_server_free(host.server);
}

/* ---- certificates ---------------------------------------------------------------------------- */

static int make_certificates(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* mbedTLS' own sockets */
    if (mkdtemp(directory) == NULL)
        return 1;
    authority_make(&fleet, directory, "fleet");
    authority_make(&foreign, directory, "foreign");
    authority_issue(&fleet, "controller", PKI_CONTROLLER, &controller);
    authority_issue(&fleet, "calypso", PKI_AGENT, &agent);
    authority_issue(&fleet, "impostor", PKI_AGENT, &impostor);
    authority_issue(&foreign, "controller", PKI_CONTROLLER, &stranger);
    return 0;
}

static int remove_certificates(void **state)
{
    const struct identity *all[] = {&controller, &agent, &impostor, &stranger};

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        identity_remove(all[i]);
    authority_done(&fleet);
    authority_done(&foreign);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_parked_answer_comes_when_it_exists),
        cmocka_unit_test(test_a_flood_is_one_connections),
        cmocka_unit_test(test_two_clients_at_once),
        cmocka_unit_test(test_only_our_certificates_get_in),
        cmocka_unit_test(test_only_a_controller_is_trusted),
        cmocka_unit_test(test_oversized_frame_drops_only_its_connection),
        cmocka_unit_test(test_oversized_is_not_sent),
        cmocka_unit_test(test_large_messages_pass),
        cmocka_unit_test(test_server_gone_and_back),
        cmocka_unit_test(test_server_closes_a_pipe),
        cmocka_unit_test(test_no_answer_in_time),
        cmocka_unit_test(test_silent_pipe_is_closed),
        cmocka_unit_test(test_listener_outlives_hang_ups),
        cmocka_unit_test(test_listener_outlives_broken_hellos),
        cmocka_unit_test(test_refusals_name_their_cause),
        cmocka_unit_test(test_taken_port_is_refused),
    };

    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
