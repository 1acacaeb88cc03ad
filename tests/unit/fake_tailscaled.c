/*
 * fake_tailscaled: answers status and prefs of the LocalAPI on a unix socket, from a thread.
 */
#include "tests/unit/fake_tailscaled.h"

#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/core/text.h"
#include "common/io/clock.h"
#include "tests/unit/netns.h"

struct prefs {
    char exit_node[64], advertised[256];
    bool allow_lan, accept_routes, chosen, removed;
};

struct fake_tailscaled {
    pthread_t thread;
    pthread_mutex_t lock;
    int fd;
    int stop[2];
    char path[108];
    char asked[256];
    struct prefs profiles[FAKE_PROFILES], *prefs; /* the current one's */
    bool leave_routes, hangs;
    uint32_t questions;
    int late_ms, slow_ms;
    mono_t follows_at; /* the table is behind the prefs until then; MONO_NEVER: it is not */
};

static const char status_text[] =
    "{\"Version\":\"1.102.3\",\"BackendState\":\"Running\",\"HaveNodeKey\":true,"
    "\"TailscaleIPs\":[\"100.64.0.2\"],"
    "\"Self\":{\"ID\":\"nSELF\",\"HostName\":\"styx\",\"DNSName\":\"styx.example.\","
    "\"TailscaleIPs\":[\"100.64.0.2\"],\"Online\":true,\"ExitNodeOption\":false},"
    "\"Health\":[],\"Peer\":{\"nodekey:01\":{\"ID\":\"nEXIT\",\"HostName\":\"tethys\","
    "\"DNSName\":\"tethys.example.\",\"TailscaleIPs\":[\"100.64.0.1\"],\"Online\":true,"
    "\"ExitNode\":false,\"ExitNodeOption\":true,\"CurAddr\":\"198.51.100.10:41641\"}}}";

/* What table 52 is to be, in lines of ip(8), a batch of each family: a process for each route would
 * take longer than one waits for the table, where many processes wait for their turn. */
struct batches {
    char ipv4[1024], ipv6[1024];
};

/* With neither a type nor a device it is taken away. */
static void put(char batch[1024], const char *network, const char *type, const char *device)
{
    size_t len = strlen(batch);

    if (type[0] != '\0' || device[0] != '\0')
        snprintf(batch + len, 1024 - len, "route replace %s %s %s table 52\n", type, network,
                 device);
    else
        snprintf(batch + len, 1024 - len, "route flush table 52 exact %s\n", network);
}

static void put_both(struct batches *batches, const char *ipv4, const char *ipv6, bool thrown,
                     bool captured)
{
    const char *type = thrown ? "throw" : "";
    const char *device = captured ? "dev tailscale0" : "";

    put(batches->ipv4, ipv4, type, device);
    put(batches->ipv6, ipv6, type, device);
}

static void run(const struct batches *batches)
{
    char lines[sizeof(*batches) + 128];

    snprintf(lines, sizeof(lines), "ip -4 -batch - <<E\n%sE\nip -6 -batch - <<E\n%sE\n",
             batches->ipv4, batches->ipv6);
    netns_run(lines);
}

static void follow_rest(struct fake_tailscaled *fake)
{
    struct batches batches = {"", ""};
    bool exits = fake->prefs->exit_node[0] != '\0';

    fake->follows_at = MONO_NEVER;
    if (fake->leave_routes)
        return;
    put(batches.ipv4, "127.0.0.0/8", exits ? "throw" : "", "");
    put_both(&batches, "203.0.113.0/24", "2001:db8:1::/64", exits && fake->prefs->allow_lan,
             exits && !fake->prefs->allow_lan);
    put(batches.ipv4, "198.18.40.0/24", "", fake->prefs->accept_routes ? "dev tailscale0" : "");
    run(&batches);
}

static void follow(struct fake_tailscaled *fake)
{
    struct batches batches = {"", ""};

    put_both(&batches, "0.0.0.0/0", "::/0", false, fake->prefs->exit_node[0] != '\0');
    if (!fake->leave_routes)
        run(&batches);
    if (fake->late_ms > 0)
        fake->follows_at = clock_now() + fake->late_ms;
    else
        follow_rest(fake);
}

static bool take_flag(const json_t *patch, const char *name, bool *to)
{
    char mask[64];

    snprintf(mask, sizeof(mask), "%sSet", name);
    if (!json_is_true(json_object_get(patch, mask)))
        return false;
    *to = json_is_true(json_object_get(patch, name));
    return true;
}

static void keep_advertised(struct fake_tailscaled *fake, const json_t *routes)
{
    char *text = json_dumps(routes, JSON_COMPACT | JSON_ENCODE_ANY);

    snprintf(fake->prefs->advertised, sizeof(fake->prefs->advertised), "%s",
             text != NULL ? text : "null");
    free(text);
}

static void take_patch(struct fake_tailscaled *fake, const char *body)
{
    json_t *patch = json_loads(body, 0, NULL);
    bool changed = json_is_true(json_object_get(patch, "ExitNodeIDSet"));

    if (changed) {
        const char *id = json_string_value(json_object_get(patch, "ExitNodeID"));

        snprintf(fake->prefs->exit_node, sizeof(fake->prefs->exit_node), "%s",
                 id != NULL ? id : "");
        fake->prefs->chosen = false;
    }
    changed |= take_flag(patch, "ExitNodeAllowLANAccess", &fake->prefs->allow_lan);
    changed |= take_flag(patch, "RouteAll", &fake->prefs->accept_routes);
    if (json_is_true(json_object_get(patch, "AdvertiseRoutesSet")))
        keep_advertised(fake, json_object_get(patch, "AdvertiseRoutes"));
    if (changed)
        follow(fake);
    json_decref(patch);
}

static const char *const names[FAKE_PROFILES] = {"lab@example", "work@example"};

static void format_prefs(const struct fake_tailscaled *fake, char *to, size_t size)
{
    const struct prefs *prefs = fake->prefs;
    int number = (int)(prefs - fake->profiles);

    snprintf(
        to, size,
        "{\"ControlURL\":\"http://192.168.99.2:8080\",\"RouteAll\":%s,"
        "\"ExitNodeID\":\"%s\",\"ExitNodeIP\":\"\",\"ExitNodeAllowLANAccess\":%s,"
        "\"AutoExitNode\":\"%s\",\"WantRunning\":true,\"AdvertiseRoutes\":%s,"
        "\"Config\":{\"UserProfile\":{\"ID\":%d,\"LoginName\":\"%s\"},\"NodeID\":\"nSELF%d\"}}",
        prefs->accept_routes ? "true" : "false", prefs->exit_node,
        prefs->allow_lan ? "true" : "false", prefs->chosen ? "any" : "", prefs->advertised,
        number + 1, names[number], number);
}

static void format_profiles(const struct fake_tailscaled *fake, char *to, size_t size)
{
    struct text text;

    text_init(&text, to, size);
    text_add(&text, "[");
    for (int i = 0; i < FAKE_PROFILES; i++) {
        if (!fake->profiles[i].removed)
            text_add(&text,
                     "%s{\"ID\":\"00a%d\",\"Name\":\"%s\",\"NodeID\":\"nSELF%d\","
                     "\"ControlURL\":\"http://192.168.99.2:8080\"}",
                     text.len > 1 ? "," : "", i, names[i], i);
    }
    text_add(&text, "]");
}

static void answer(struct fake_tailscaled *fake, int fd, const char *request)
{
    const char *body = strstr(request, "\r\n\r\n");
    char said[1024];
    char head[256];
    const char *text = status_text;

    if (strncmp(request, "PATCH", 5) == 0)
        take_patch(fake, body + 4);
    if (strstr(request, "/localapi/v0/prefs") != NULL) {
        format_prefs(fake, said, sizeof(said));
        text = said;
    } else if (strstr(request, "/localapi/v0/profiles/") != NULL) {
        format_profiles(fake, said, sizeof(said));
        text = said;
    }
    snprintf(head, sizeof(head),
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTailscale-Cap: 142\r\n"
             "Tailscale-Version: 1.102.3\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
             strlen(text));
    if (send(fd, head, strlen(head), MSG_NOSIGNAL) < 0 ||
        send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        return;
}

/* Head and as much of the body as Content-Length says. */
static bool read_request(int fd, char *request, size_t size)
{
    size_t len = 0;

    while (len + 1 < size) {
        ssize_t got = read(fd, request + len, size - 1 - len);
        const char *body, *length;

        if (got <= 0)
            return false;
        len += (size_t)got;
        request[len] = '\0';
        body = strstr(request, "\r\n\r\n");
        length = strcasestr(request, "Content-Length:");
        if (body != NULL && (length == NULL ||
                             strlen(body + 4) >= (size_t)atoi(length + strlen("Content-Length:"))))
            return true;
    }
    return false;
}

static void be_slow(struct fake_tailscaled *fake)
{
    struct pollfd stop = {.fd = fake->stop[0], .events = POLLIN};
    int ms;

    pthread_mutex_lock(&fake->lock);
    ms = fake->slow_ms;
    pthread_mutex_unlock(&fake->lock);
    poll(&stop, 1, ms);
}

/* Returns whether it hangs. */
static bool serve_one(struct fake_tailscaled *fake, int fd)
{
    char request[8192];
    bool hangs;
    struct timeval patience = {.tv_sec = 5};

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (!read_request(fd, request, sizeof(request)))
        return false;
    be_slow(fake);
    pthread_mutex_lock(&fake->lock);
    hangs = fake->hangs;
    fake->questions++;
    if (!hangs)
        answer(fake, fd, request);
    pthread_mutex_unlock(&fake->lock);
    return hangs;
}

/* A hanging daemon keeps its connections; the client gives up. */
static void wait_for_end(const struct fake_tailscaled *fake, int fd)
{
    struct pollfd both[2] = {{.fd = fd, .events = POLLIN}, {.fd = fake->stop[0], .events = POLLIN}};

    poll(both, 2, 10000);
}

/* How long the table is still behind; -1: it is not. */
static int lateness(struct fake_tailscaled *fake)
{
    mono_t left;

    pthread_mutex_lock(&fake->lock);
    left = fake->follows_at == MONO_NEVER ? -1 : fake->follows_at - clock_now();
    if (left < 0 && fake->follows_at != MONO_NEVER)
        left = 0;
    pthread_mutex_unlock(&fake->lock);
    return (int)left;
}

static void follow_late(struct fake_tailscaled *fake)
{
    pthread_mutex_lock(&fake->lock);
    if (fake->follows_at <= clock_now())
        follow_rest(fake);
    pthread_mutex_unlock(&fake->lock);
}

static void *serve(void *context)
{
    struct fake_tailscaled *fake = context;

    for (;;) {
        struct pollfd both[2] = {{.fd = fake->fd, .events = POLLIN},
                                 {.fd = fake->stop[0], .events = POLLIN}};
        int ready = poll(both, 2, lateness(fake));
        int fd;

        if (ready < 0 || both[1].revents != 0)
            return NULL;
        follow_late(fake);
        if (ready == 0)
            continue;
        fd = accept(fake->fd, NULL, NULL);
        if (fd < 0)
            continue;
        if (serve_one(fake, fd))
            wait_for_end(fake, fd);
        close(fd);
    }
}

struct fake_tailscaled *fake_tailscaled_start(const char *path)
{
    struct fake_tailscaled *fake = calloc(1, sizeof(*fake));
    struct sockaddr_un own = {.sun_family = AF_UNIX};

    if (fake == NULL)
        abort();
    pthread_mutex_init(&fake->lock, NULL);
    for (int i = 0; i < FAKE_PROFILES; i++)
        snprintf(fake->profiles[i].advertised, sizeof(fake->profiles[i].advertised), "null");
    fake->prefs = &fake->profiles[0];
    fake->follows_at = MONO_NEVER;
    snprintf(fake->path, sizeof(fake->path), "%s", path);
    snprintf(own.sun_path, sizeof(own.sun_path), "%s", path);
    unlink(path);
    fake->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fake->fd, (struct sockaddr *)&own, sizeof(own)) < 0 || listen(fake->fd, 8) < 0 ||
        pipe(fake->stop) < 0 || pthread_create(&fake->thread, NULL, serve, fake) != 0)
        abort();
    return fake;
}

void fake_tailscaled_stop(struct fake_tailscaled *fake)
{
    if (write(fake->stop[1], "", 1) != 1)
        abort();
    pthread_join(fake->thread, NULL);
    close(fake->fd);
    close(fake->stop[0]);
    close(fake->stop[1]);
    unlink(fake->path);
    pthread_mutex_destroy(&fake->lock);
    free(fake);
}

void fake_tailscaled_set_exit_node(struct fake_tailscaled *fake, const char *id)
{
    pthread_mutex_lock(&fake->lock);
    snprintf(fake->prefs->exit_node, sizeof(fake->prefs->exit_node), "%s", id);
    follow(fake);
    pthread_mutex_unlock(&fake->lock);
}

void fake_tailscaled_switch(struct fake_tailscaled *fake, int profile)
{
    pthread_mutex_lock(&fake->lock);
    fake->prefs = &fake->profiles[profile];
    follow(fake);
    pthread_mutex_unlock(&fake->lock);
}

void fake_tailscaled_remove_profile(struct fake_tailscaled *fake, int profile)
{
    pthread_mutex_lock(&fake->lock);
    fake->profiles[profile].removed = true;
    pthread_mutex_unlock(&fake->lock);
}

uint32_t fake_tailscaled_questions(struct fake_tailscaled *fake)
{
    uint32_t questions;

    pthread_mutex_lock(&fake->lock);
    questions = fake->questions;
    fake->questions = 0;
    pthread_mutex_unlock(&fake->lock);
    return questions;
}

void fake_tailscaled_choose_exit_node(struct fake_tailscaled *fake)
{
    pthread_mutex_lock(&fake->lock);
    fake->prefs->chosen = true;
    pthread_mutex_unlock(&fake->lock);
}

void fake_tailscaled_allow_lan(struct fake_tailscaled *fake, bool allow)
{
    pthread_mutex_lock(&fake->lock);
    fake->prefs->allow_lan = allow;
    follow(fake);
    pthread_mutex_unlock(&fake->lock);
}

void fake_tailscaled_accept_routes(struct fake_tailscaled *fake, bool accept)
{
    pthread_mutex_lock(&fake->lock);
    fake->prefs->accept_routes = accept;
    follow(fake);
    pthread_mutex_unlock(&fake->lock);
}

void fake_tailscaled_advertise(struct fake_tailscaled *fake, const char *routes)
{
    pthread_mutex_lock(&fake->lock);
    snprintf(fake->prefs->advertised, sizeof(fake->prefs->advertised), "%s", routes);
    pthread_mutex_unlock(&fake->lock);
}

void fake_tailscaled_leave_routes(struct fake_tailscaled *fake, bool leave)
{
    pthread_mutex_lock(&fake->lock);
    fake->leave_routes = leave;
    pthread_mutex_unlock(&fake->lock);
}

void fake_tailscaled_be_slow(struct fake_tailscaled *fake, int ms)
{
    pthread_mutex_lock(&fake->lock);
    fake->slow_ms = ms;
    pthread_mutex_unlock(&fake->lock);
}

void fake_tailscaled_be_late(struct fake_tailscaled *fake, int ms)
{
    pthread_mutex_lock(&fake->lock);
    fake->late_ms = ms;
    if (ms == 0 && fake->follows_at != MONO_NEVER)
        follow_rest(fake);
    pthread_mutex_unlock(&fake->lock);
}

void fake_tailscaled_hang(struct fake_tailscaled *fake, bool hang)
{
    pthread_mutex_lock(&fake->lock);
    fake->hangs = hang;
    pthread_mutex_unlock(&fake->lock);
}

static const char *ask(struct fake_tailscaled *fake, const char *what)
{
    pthread_mutex_lock(&fake->lock);
    snprintf(fake->asked, sizeof(fake->asked), "%s", what);
    pthread_mutex_unlock(&fake->lock);
    return fake->asked;
}

const char *fake_tailscaled_exit_node(struct fake_tailscaled *fake)
{
    return ask(fake, fake->prefs->exit_node);
}

const char *fake_tailscaled_advertised(struct fake_tailscaled *fake)
{
    return ask(fake, fake->prefs->advertised);
}

bool fake_tailscaled_accepts_routes(struct fake_tailscaled *fake)
{
    bool accepts;

    pthread_mutex_lock(&fake->lock);
    accepts = fake->prefs->accept_routes;
    pthread_mutex_unlock(&fake->lock);
    return accepts;
}
