/*
 * networkd: a stand-in that makes in the kernel what two configuration files ask for.
 */
#include "tests/crash/networkd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/guard/io/bus.h"
#include "tests/crash/kernel_parts.h"
#include "tests/crash/real.h"
#include "tests/crash/shim.h"
#include "tests/crash/world.h"

enum { RULE_PRIORITY = 7000, DESTINATION_LEN = 24 };

/* ---- where the files lie ----------------------------------------------------------------------
 */

static const char *place_in(const char *folder, const char *directory, const char *path, char *to,
                            size_t size)
{
    size_t len = strlen(folder);

    if (strncmp(path, folder, len) != 0 || (path[len] != '\0' && path[len] != '/'))
        return NULL;
    snprintf(to, size, "%s%s", directory, path + len);
    return to;
}

const char *networkd_place(const char *path, char *to, size_t size)
{
    const char *place = place_in("/etc/systemd/network", world->state, path, to, size);

    if (place == NULL)
        place = place_in("/run/systemd/network", world->run, path, to, size);
    return place != NULL ? place : path;
}

enum { CONTENT_MAX = 512 };

/* "": it is not there. */
static size_t read_file(const char *directory, const char *name, char found[CONTENT_MAX])
{
    char path[2 * PATH_LINE];
    ssize_t len;
    int fd;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    fd = __real_open(path, O_RDONLY | O_CLOEXEC);
    found[0] = '\0';
    if (fd < 0)
        return 0;
    len = read(fd, found, CONTENT_MAX - 1);
    __real_close(fd);
    found[len > 0 ? len : 0] = '\0';
    if (len == 0)
        snprintf(world->early, sizeof(world->early), "%s is empty", path);
    return len > 0 ? (size_t)len : 0;
}

/* One that is not whole is said: a file is replaced, never written into. */
static void say_not_whole(const char *directory, const char *name, size_t len)
{
    snprintf(world->early, sizeof(world->early), "%s/%s is not whole: %zu bytes", directory, name,
             len);
}

/* False: it is not there. */
static bool has(const char *directory)
{
    char found[CONTENT_MAX];
    size_t len = read_file(directory, NETWORKD_FILE, found);

    if (len > 0 && strcmp(found, NETWORKD_CONTENT) != 0)
        say_not_whole(directory, NETWORKD_FILE, len);
    return len > 0;
}

void networkd_write_old(const char *directory)
{
    static const char content[] = NETWORKD_OLD_CONTENT;
    char path[2 * PATH_LINE];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", directory, NETWORKD_OLD_FILE);
    fd = __real_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || __real_write(fd, content, strlen(content)) != (ssize_t)strlen(content) ||
        __real_fchmod(fd, NETWORKD_OLD_MODE) != 0)
        world_give_up(path);
    __real_close(fd);
}

bool networkd_old_file_has(const char *content)
{
    char path[2 * PATH_LINE], found[CONTENT_MAX];
    struct stat is;

    snprintf(path, sizeof(path), "%s/%s", world->state, NETWORKD_OLD_FILE);
    read_file(world->state, NETWORKD_OLD_FILE, found);
    return strcmp(found, content) == 0 && __real_lstat(path, &is) == 0 &&
           (is.st_mode & 07777) == NETWORKD_OLD_MODE && is.st_uid == 0 && is.st_gid == 0;
}

bool networkd_file_is_kept(void)
{
    return has(world->state);
}

bool networkd_file_is_there(void)
{
    return has(world->state) || has(world->run);
}

/* ---- what it makes ----------------------------------------------------------------------------
 */

static void take_nothing(const struct nlmsghdr *message, void *context)
{
    (void)message;
    (void)context;
}

static void put(struct kernel_request *request, int type, const void *data, size_t len)
{
    struct rtattr *attribute = (void *)((char *)request + NLMSG_ALIGN(request->head.nlmsg_len));

    attribute->rta_type = (unsigned short)type;
    attribute->rta_len = (unsigned short)RTA_LENGTH(len);
    memcpy(RTA_DATA(attribute), data, len);
    request->head.nlmsg_len = NLMSG_ALIGN(request->head.nlmsg_len) + (uint32_t)RTA_SPACE(len);
}

static void begin(struct kernel_request *request, int type, const void *header, size_t len)
{
    request->head = (struct nlmsghdr){.nlmsg_len = (uint32_t)NLMSG_LENGTH(len),
                                      .nlmsg_type = (uint16_t)type,
                                      .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK};
    memset(request->body, 0, sizeof(request->body));
    memcpy(request->body, header, len);
    if (type == RTM_NEWROUTE || type == RTM_NEWRULE)
        request->head.nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
}

static void put_address(struct kernel_request *request, int type, const char *text)
{
    struct in_addr address;

    inet_pton(AF_INET, text, &address);
    put(request, type, &address, sizeof(address));
}

/* Already so, or already gone, is fine. */
static void ask(int fd, const struct kernel_request *request, const char *what)
{
    int error = kernel_ask(fd, request, take_nothing, NULL);

    if (error == 0 || error == EEXIST || error == ESRCH || error == ENOENT)
        return;
    errno = error;
    world_give_up(what);
}

static void change_route(int fd, int type, const char *destination, const char *gateway)
{
    const struct rtmsg route = {.rtm_family = AF_INET,
                                .rtm_dst_len = DESTINATION_LEN,
                                .rtm_protocol = RTPROT_STATIC,
                                .rtm_type = RTN_UNICAST};
    const uint32_t table = NETWORKD_TABLE, device = if_nametoindex("eth0");
    struct kernel_request request;

    begin(&request, type, &route, sizeof(route));
    put(&request, RTA_TABLE, &table, sizeof(table));
    put(&request, RTA_OIF, &device, sizeof(device));
    put_address(&request, RTA_DST, destination);
    put_address(&request, RTA_GATEWAY, gateway);
    ask(fd, &request, "networkd's route");
}

static void change_rule(int fd, int type)
{
    const struct fib_rule_hdr rule = {
        .family = AF_INET, .src_len = DESTINATION_LEN, .action = FR_ACT_TO_TBL};
    const uint32_t table = NETWORKD_TABLE, priority = RULE_PRIORITY;
    const uint8_t protocol = RTPROT_STATIC;
    struct kernel_request request;

    begin(&request, type, &rule, sizeof(rule));
    put(&request, FRA_TABLE, &table, sizeof(table));
    put(&request, FRA_PRIORITY, &priority, sizeof(priority));
    put(&request, FRA_PROTOCOL, &protocol, sizeof(protocol));
    put_address(&request, FRA_SRC, "198.18.7.0");
    ask(fd, &request, "networkd's rule");
}

static void change(bool there)
{
    int fd = kernel_open();

    change_route(fd, there ? RTM_NEWROUTE : RTM_DELROUTE, "198.18.7.0", "203.0.113.4");
    change_rule(fd, there ? RTM_NEWRULE : RTM_DELRULE);
    __real_close(fd);
}

/* Of the second file it knows what it made of either content. */
static void change_old(void)
{
    static const char *const gateways[] = {"203.0.113.5", "203.0.113.6"}; /* old, new */
    char found[CONTENT_MAX];
    size_t len = read_file(world->state, NETWORKD_OLD_FILE, found);
    bool is_new = strcmp(found, NETWORKD_NEW_CONTENT) == 0;
    int fd = kernel_open();

    if (!is_new && strcmp(found, NETWORKD_OLD_CONTENT) != 0)
        say_not_whole(world->state, NETWORKD_OLD_FILE, len);
    change_route(fd, RTM_DELROUTE, "198.18.6.0", gateways[!is_new]);
    change_route(fd, RTM_NEWROUTE, "198.18.6.0", gateways[is_new]);
    __real_close(fd);
}

static void read_files(void)
{
    change_old();
    if (networkd_file_is_there()) {
        change(true);
        world->networkd_knows = (world->fault.seed & 512) == 0;
    } else if (world->networkd_knows) {
        change(false);
        world->networkd_knows = false;
    }
}

void networkd_start(void)
{
    world->networkd_runs = true;
    read_files();
}

/* ---- D-Bus ------------------------------------------------------------------------------------
 */

bool __wrap_bus_reload_networkd(const char *address, struct err *err);
bool __wrap_bus_reload_networkd(const char *address, struct err *err)
{
    enum fault_kind struck = shim_boundary(BOUNDARY_BUS, "networkd, Reload");

    (void)address;
    if (struck == FAULT_EIO || !world->networkd_runs)
        return err_set(err, ERR_SYSTEM, "Reload: no D-Bus");
    if (struck == FAULT_NONE || struck == FAULT_EINTR)
        read_files();
    if (struck == FAULT_NONE)
        return true;
    world->now += BUS_CALL_MS;
    return err_set(err, ERR_TIMEOUT, "Reload: no answer in %d ms", BUS_CALL_MS);
}
