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

#include "tests/unit/netns.h"

struct fake_tailscaled {
    pthread_t thread;
    pthread_mutex_t lock;
    int fd;
    int stop[2];
    char path[108];
    char exit_node[64], asked[64];
    bool allow_lan, leave_routes, hangs;
};

static const char status_text[] =
    "{\"Version\":\"1.102.3\",\"BackendState\":\"Running\",\"HaveNodeKey\":true,"
    "\"TailscaleIPs\":[\"100.64.0.2\"],"
    "\"Self\":{\"ID\":\"nSELF\",\"HostName\":\"styx\",\"DNSName\":\"styx.example.\","
    "\"TailscaleIPs\":[\"100.64.0.2\"],\"Online\":true,\"ExitNodeOption\":false},"
    "\"Health\":[],\"Peer\":{\"nodekey:01\":{\"ID\":\"nEXIT\",\"HostName\":\"tethys\","
    "\"DNSName\":\"tethys.example.\",\"TailscaleIPs\":[\"100.64.0.1\"],\"Online\":true,"
    "\"ExitNode\":false,\"ExitNodeOption\":true,\"CurAddr\":\"198.51.100.10:41641\"}}}";

static void follow(struct fake_tailscaled *fake)
{
    if (fake->leave_routes)
        return;
    if (fake->exit_node[0] != '\0')
        netns_run("ip route replace default dev tailscale0 table 52\n"
                  "ip -6 route replace default dev tailscale0 table 52\n");
    else
        netns_run("ip route flush table 52 || true\nip -6 route flush table 52 || true\n");
}

static void take_patch(struct fake_tailscaled *fake, const char *body)
{
    json_t *patch = json_loads(body, 0, NULL);

    if (json_is_true(json_object_get(patch, "ExitNodeIDSet"))) {
        const char *id = json_string_value(json_object_get(patch, "ExitNodeID"));

        snprintf(fake->exit_node, sizeof(fake->exit_node), "%s", id != NULL ? id : "");
        follow(fake);
    }
    if (json_is_true(json_object_get(patch, "ExitNodeAllowLANAccessSet")))
        fake->allow_lan = json_is_true(json_object_get(patch, "ExitNodeAllowLANAccess"));
    json_decref(patch);
}

static void answer(struct fake_tailscaled *fake, int fd, const char *request)
{
    const char *body = strstr(request, "\r\n\r\n");
    char prefs[512];
    char head[256];
    const char *text = status_text;

    if (strncmp(request, "PATCH", 5) == 0)
        take_patch(fake, body + 4);
    if (strstr(request, "/localapi/v0/prefs") != NULL) {
        snprintf(prefs, sizeof(prefs),
                 "{\"ControlURL\":\"http://192.168.99.2:8080\",\"RouteAll\":false,"
                 "\"ExitNodeID\":\"%s\",\"ExitNodeIP\":\"\",\"ExitNodeAllowLANAccess\":%s,"
                 "\"WantRunning\":true,\"AdvertiseRoutes\":null}",
                 fake->exit_node, fake->allow_lan ? "true" : "false");
        text = prefs;
    }
    snprintf(head, sizeof(head),
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTailscale-Cap: 142\r\n"
             "Tailscale-Version: 1.102.3\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
             strlen(text));
    if (write(fd, head, strlen(head)) < 0 || write(fd, text, strlen(text)) < 0)
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

/* Returns whether it hangs. */
static bool serve_one(struct fake_tailscaled *fake, int fd)
{
    char request[8192];
    bool hangs;
    struct timeval patience = {.tv_sec = 5};

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (!read_request(fd, request, sizeof(request)))
        return false;
    pthread_mutex_lock(&fake->lock);
    hangs = fake->hangs;
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

static void *serve(void *context)
{
    struct fake_tailscaled *fake = context;

    for (;;) {
        struct pollfd both[2] = {{.fd = fake->fd, .events = POLLIN},
                                 {.fd = fake->stop[0], .events = POLLIN}};
        int fd;

        if (poll(both, 2, -1) < 0 || both[1].revents != 0)
            return NULL;
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
    snprintf(fake->exit_node, sizeof(fake->exit_node), "%s", id);
    follow(fake);
    pthread_mutex_unlock(&fake->lock);
}

void fake_tailscaled_leave_routes(struct fake_tailscaled *fake, bool leave)
{
    pthread_mutex_lock(&fake->lock);
    fake->leave_routes = leave;
    pthread_mutex_unlock(&fake->lock);
}

void fake_tailscaled_hang(struct fake_tailscaled *fake, bool hang)
{
    pthread_mutex_lock(&fake->lock);
    fake->hangs = hang;
    pthread_mutex_unlock(&fake->lock);
}

const char *fake_tailscaled_exit_node(struct fake_tailscaled *fake)
{
    pthread_mutex_lock(&fake->lock);
    memcpy(fake->asked, fake->exit_node, sizeof(fake->asked));
    pthread_mutex_unlock(&fake->lock);
    return fake->asked;
}
