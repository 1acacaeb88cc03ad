/*
 * tailscaled: a stand-in on a unix socket.
 */
#include "tests/crash/tailscaled.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/crash/kernel.h"
#include "tests/crash/real.h"
#include "tests/crash/world.h"

static const char status_text[] =
    "{\"Version\":\"1.102.3\",\"BackendState\":\"Running\",\"HaveNodeKey\":true,"
    "\"TailscaleIPs\":[\"100.64.0.2\"],"
    "\"Self\":{\"ID\":\"nSELF\",\"HostName\":\"styx\",\"DNSName\":\"styx.example.\","
    "\"TailscaleIPs\":[\"100.64.0.2\"],\"Online\":true,\"ExitNodeOption\":false},"
    "\"Health\":[],\"Peer\":{\"nodekey:01\":{\"ID\":\"nEXIT\",\"HostName\":\"tethys\","
    "\"DNSName\":\"tethys.example.\",\"TailscaleIPs\":[\"100.64.0.1\"],\"Online\":true,"
    "\"ExitNode\":false,\"ExitNodeOption\":true,\"CurAddr\":\"198.51.100.10:41641\"}}}";

static int listen_fd = -1;

int tailscaled_fd(void)
{
    return listen_fd;
}

void tailscaled_stop(void)
{
    if (listen_fd >= 0)
        __real_close(listen_fd);
    listen_fd = -1;
    __real_unlink(world->tailscaled);
}

static void start_listening(void)
{
    struct sockaddr_un own = {.sun_family = AF_UNIX};

    tailscaled_stop();
    listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(own.sun_path, sizeof(own.sun_path), "%s", world->tailscaled);
    if (listen_fd < 0 || bind(listen_fd, (struct sockaddr *)&own, sizeof(own)) != 0 ||
        listen(listen_fd, 16) != 0)
        world_give_up("tailscaled's socket");
}

static void say_early(const char *what)
{
    if (world->early[0] == '\0')
        snprintf(world->early, sizeof(world->early),
                 "%s while its shields are not all there (bits %u of %u)", what, kernel_shields(),
                 (unsigned)SHIELDS_ALL);
}

static void follow(const char *what)
{
    bool exits = world->exit_node[0] != '\0';

    if (exits && kernel_shields() != SHIELDS_ALL && !world->boot_was_hit)
        say_early(what);
    kernel_put_table_52(exits);
}

void tailscaled_start(void)
{
    if (world->tailscaled_is_gone)
        return;
    start_listening();
    follow("tailscaled started with the exit node");
}

void tailscaled_remove(void)
{
    tailscaled_stop();
    world->tailscaled_is_gone = true;
    kernel_put_table_52(false);
}

/* RTA_TABLE is 15; as a value of four bytes it looks like an address. */
const char *tailscaled_cut_routes(const char *dump, char *to)
{
    char *end = to;

    while (*dump != '\0') {
        size_t len = strcspn(dump, "\n") + 1;
        bool is_own = memmem(dump, len, " 15:52.0.0.0 ", 13) != NULL ||
                      memmem(dump, len, " 15:34000000 ", 13) != NULL;

        if (!is_own) {
            memcpy(end, dump, len);
            end += len;
        }
        dump += len;
    }
    *end = '\0';
    return to;
}

static void take_patch(const char *body)
{
    json_t *patch = json_loads(body, 0, NULL);

    if (json_is_true(json_object_get(patch, "ExitNodeIDSet"))) {
        const char *id = json_string_value(json_object_get(patch, "ExitNodeID"));

        snprintf(world->exit_node, sizeof(world->exit_node), "%s", id != NULL ? id : "");
        follow("the exit node was set");
    }
    if (json_is_true(json_object_get(patch, "ExitNodeAllowLANAccessSet")))
        world->allow_lan = json_is_true(json_object_get(patch, "ExitNodeAllowLANAccess"));
    json_decref(patch);
}

static void answer(int fd, const char *request)
{
    const char *body = strstr(request, "\r\n\r\n");
    char prefs[512], whole[4096];
    const char *text = status_text;

    if (strncmp(request, "PATCH", 5) == 0 && body != NULL)
        take_patch(body + 4);
    if (strstr(request, "/localapi/v0/prefs") != NULL) {
        snprintf(prefs, sizeof(prefs),
                 "{\"ControlURL\":\"http://192.168.99.2:8080\",\"RouteAll\":false,"
                 "\"ExitNodeID\":\"%s\",\"ExitNodeIP\":\"\",\"ExitNodeAllowLANAccess\":%s,"
                 "\"WantRunning\":true,\"AdvertiseRoutes\":null}",
                 world->exit_node, world->allow_lan ? "true" : "false");
        text = prefs;
    }
    snprintf(whole, sizeof(whole),
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTailscale-Cap: 142\r\n"
             "Tailscale-Version: 1.102.3\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(text), text);
    if (__real_write(fd, whole, strlen(whole)) < 0)
        return; /* it has hung up */
}

/* Head, and as much of the body as Content-Length says. */
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

void tailscaled_serve(void)
{
    struct timeval patience = {.tv_sec = 5};
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
    char request[8192];

    if (fd < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (read_request(fd, request, sizeof(request)))
        answer(fd, request);
    __real_close(fd);
}
