/*
 * fake_controller: what an agent sees of a controller.
 */
#include "tests/unit/fake_controller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/pki.h"

enum { DAY_S = 86400 };

static void give_up(const char *what, const struct err *err)
{
    fprintf(stderr, "fake controller: %s: %s\n", what, err->text);
    abort();
}

/* ---- keys and certificates ------------------------------------------------------------------- */

static void write_file(const struct fake_controller *fake, const char *name, const char *text)
{
    struct err err = ERR_INIT;
    char path[PATH_SIZE];

    if (!file_join(path, sizeof(path), fake->directory, name, &err) ||
        !file_write(path, text, strlen(text), 0600, &err))
        give_up(name, &err);
}

struct ca {
    struct sign_key *key;
    char pem[PKI_PEM_SIZE];
};

static void issue(const struct fake_controller *fake, const struct ca *ca, const char *name,
                  enum pki_usage usage, struct sign_key *key)
{
    static const char *const addresses[] = {"127.0.0.1", NULL};
    struct err err = ERR_INIT;
    struct public_key public_key;
    char pem[PKI_PEM_SIZE];
    char path[PATH_SIZE];
    int64_t now = clock_unix();
    struct pki_request request = {name, usage, &public_key, now - DAY_S, now + DAY_S, addresses};

    sign_key_public(key, &public_key);
    if (usage == PKI_AGENT)
        request.addresses = &addresses[1];
    snprintf(path, sizeof(path), "%s/%s.key", fake->directory, name);
    if (!pki_issue(ca->key, ca->pem, &request, pem, &err) || !sign_key_save(key, path, &err))
        give_up(name, &err);
    snprintf(path, sizeof(path), "%s.pem", name);
    write_file(fake, path, pem);
}

static void make_keys(struct fake_controller *fake)
{
    struct ca ca = {.key = sign_key_generate()};
    struct sign_key *own = sign_key_generate();
    struct err err = ERR_INIT;
    int64_t now = clock_unix();

    fake->agent.key = sign_key_generate();
    if (!pki_make_ca(ca.key, "oceanid-ca", now - DAY_S, now + DAY_S, ca.pem, &err))
        give_up("ca", &err);
    write_file(fake, "ca.pem", ca.pem);
    issue(fake, &ca, "controller", PKI_CONTROLLER, own);
    issue(fake, &ca, "subject", PKI_AGENT, fake->agent.key);
    sign_key_free(ca.key);
    sign_key_free(own);
}

static void fill_identity(struct fake_controller *fake)
{
    struct identity *agent = &fake->agent;

    text_copy(agent->name, sizeof(agent->name), "subject");
    text_copy(agent->boot_id, sizeof(agent->boot_id), "a-boot");
    snprintf(agent->ca_path, PATH_SIZE, "%s/ca.pem", fake->directory);
    snprintf(agent->cert_path, PATH_SIZE, "%s/subject.pem", fake->directory);
    snprintf(agent->key_path, PATH_SIZE, "%s/subject.key", fake->directory);
    agent->controllers_count = 1;
    snprintf(agent->controllers[0], PATH_SIZE, "tls+tcp://127.0.0.1:%u",
             link_server_port(fake->server));
}

/* ---- answers --------------------------------------------------------------------------------- */

static void answer(struct link_request *request, const struct session_reply *reply)
{
    AUTO_WIRE struct wire_bytes bytes = wire_encode_session_reply(reply);

    link_request_answer(request, wire_lend(&bytes));
}

static bool is_challenge(const struct fake_controller *fake, const struct nonce *nonce)
{
    for (uint32_t i = 0; i < fake->challenges_count; i++) {
        if (nonce_equal(&fake->challenges[i], nonce))
            return true;
    }
    return false;
}

static void challenge(struct fake_controller *fake, struct link_request *request)
{
    struct session_reply reply = {.kind = ANSWER_CHALLENGE};

    clock_random(&reply.challenge, sizeof(reply.challenge));
    if (fake->challenges_count < FAKE_HELLOS_MAX)
        fake->challenges[fake->challenges_count++] = reply.challenge;
    answer(request, &reply);
}

static struct wire_bytes take_bytes(struct wire_bytes *from)
{
    struct wire_bytes taken = *from;

    *from = (struct wire_bytes){NULL, 0};
    return taken;
}

static void welcome(struct fake_controller *fake, uint32_t pipe, struct session_request *hello,
                    struct link_request *request)
{
    struct session_reply reply = {.kind = ANSWER_WELCOME, .protocol = WIRE_PROTOCOL};
    AUTO_WIRE struct wire_bytes payload = wire_challenge_payload(&hello->challenge, hello->name);
    struct public_key key;
    struct fake_hello *to = &fake->hellos[fake->hellos_count];

    if (fake->hellos_count < FAKE_HELLOS_MAX)
        fake->hellos_count++;
    sign_key_public(fake->agent.key, &key);
    to->pipe = pipe;
    to->verified = is_challenge(fake, &hello->challenge) &&
                   sign_verify(&key, SIGN_CHALLENGE, wire_lend(&payload), &hello->signature);
    to->beside = hello->extra;
    to->nonce = take_bytes(&hello->nonce);
    to->stack = take_bytes(&hello->stack);
    text_copy(reply.controller, sizeof(reply.controller), "fake");
    answer(request, &reply);
}

/* Takes the report. */
static void acknowledge(struct fake_controller *fake, struct session_request *report,
                        struct link_request *request)
{
    struct session_reply reply = {.kind = ANSWER_ACK, .id = report->id};

    if (fake->deny_next_report) {
        fake->deny_next_report = false;
        reply.kind = ANSWER_DENY;
        reply.hello_again = true;
        text_copy(reply.reason, sizeof(reply.reason), "who are you?");
    }
    if (reply.kind == ANSWER_ACK && fake->reports_count < FAKE_REPORTS_MAX) {
        fake->reports[fake->reports_count++] = report;
    } else {
        session_request_done(report);
        free(report);
    }
    answer(request, &reply);
}

static void park(struct fake_controller *fake, uint32_t pipe, uint64_t acknowledged,
                 struct link_request *request)
{
    if (fake->polls_count == FAKE_POLLS_MAX)
        abort(); /* an agent has one poll out on a connection */
    fake->polls[fake->polls_count].request = request;
    fake->polls[fake->polls_count].pipe = pipe;
    fake->polls[fake->polls_count++].acknowledged = acknowledged;
}

static void on_request(void *context, uint32_t pipe, struct bytes bytes,
                       struct link_request *request)
{
    struct fake_controller *fake = context;
    struct session_request *decoded = mem_alloc(1, sizeof(*decoded));
    struct err err = ERR_INIT;
    enum session_request_kind kind;

    if (!wire_decode_session_request(bytes, decoded, &err))
        give_up("request", &err);
    kind = decoded->kind;
    pthread_mutex_lock(&fake->mutex);
    if (kind == ASK_HELLO_BEGIN)
        challenge(fake, request);
    else if (kind == ASK_HELLO)
        welcome(fake, pipe, decoded, request);
    else if (kind == ASK_POLL)
        park(fake, pipe, decoded->id, request);
    else if (kind == ASK_REPORT)
        acknowledge(fake, decoded, request);
    pthread_mutex_unlock(&fake->mutex);
    if (kind != ASK_REPORT) {
        session_request_done(decoded);
        free(decoded);
    }
}

/* Its polls will not be answered any more. */
static void on_pipe(void *context, uint32_t pipe, bool connected)
{
    struct fake_controller *fake = context;
    uint32_t kept = 0;

    if (connected)
        return;
    pthread_mutex_lock(&fake->mutex);
    for (uint32_t i = 0; i < fake->polls_count; i++) {
        if (fake->polls[i].pipe == pipe)
            link_request_drop(fake->polls[i].request);
        else
            fake->polls[kept++] = fake->polls[i];
    }
    fake->polls_count = kept;
    pthread_mutex_unlock(&fake->mutex);
}

/* ---- for tests ------------------------------------------------------------------------------- */

void fake_controller_init(struct fake_controller *fake)
{
    struct err err = ERR_INIT;
    char ca[PATH_SIZE], cert[PATH_SIZE], key[PATH_SIZE];
    struct link_server_options options = {.url = "tls+tcp://127.0.0.1:0",
                                          .tls = {ca, cert, key},
                                          .contexts_count = 8,
                                          .request_fn = on_request,
                                          .pipe_fn = on_pipe,
                                          .context = fake};

    memset(fake, 0, sizeof(*fake));
    pthread_mutex_init(&fake->mutex, NULL);
    text_copy(fake->directory, sizeof(fake->directory), "/tmp/oceanid-uplink-XXXXXX");
    if (mkdtemp(fake->directory) == NULL)
        abort();
    make_keys(fake);
    snprintf(ca, sizeof(ca), "%s/ca.pem", fake->directory);
    snprintf(cert, sizeof(cert), "%s/controller.pem", fake->directory);
    snprintf(key, sizeof(key), "%s/controller.key", fake->directory);
    fake->server = link_server_new(&options, &err);
    if (fake->server == NULL)
        give_up("server", &err);
    fill_identity(fake);
}

void fake_controller_done(struct fake_controller *fake)
{
    static const char *const names[] = {"ca.pem", "controller.pem", "controller.key", "subject.pem",
                                        "subject.key"};
    char path[PATH_SIZE];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", fake->directory, names[i]);
        unlink(path);
    }
    rmdir(fake->directory);
}

bool fake_controller_command(struct fake_controller *fake, const struct session_reply *command)
{
    struct link_request *request = NULL;

    pthread_mutex_lock(&fake->mutex);
    if (fake->polls_count > 0)
        request = fake->polls[--fake->polls_count].request;
    pthread_mutex_unlock(&fake->mutex);
    if (request != NULL)
        answer(request, command);
    return request != NULL;
}

uint32_t fake_controller_hellos(struct fake_controller *fake)
{
    uint32_t count;

    pthread_mutex_lock(&fake->mutex);
    count = fake->hellos_count;
    pthread_mutex_unlock(&fake->mutex);
    return count;
}

uint32_t fake_controller_polls(struct fake_controller *fake)
{
    uint32_t count;

    pthread_mutex_lock(&fake->mutex);
    count = fake->polls_count;
    pthread_mutex_unlock(&fake->mutex);
    return count;
}

const struct session_request *
fake_controller_find(struct fake_controller *fake,
                     bool (*is_it)(const struct session_request *report))
{
    const struct session_request *found = NULL;

    pthread_mutex_lock(&fake->mutex);
    for (uint32_t i = 0; i < fake->reports_count && found == NULL; i++) {
        if (is_it(fake->reports[i]))
            found = fake->reports[i];
    }
    pthread_mutex_unlock(&fake->mutex);
    return found;
}
