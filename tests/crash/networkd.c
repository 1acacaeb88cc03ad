/*
 * networkd: a stand-in that makes in the kernel what one configuration file asks for.
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

/* False: it is not there. One that is not whole is said: a file is replaced, never written into. */
static bool has(const char *directory)
{
    char path[2 * PATH_LINE], found[sizeof(NETWORKD_CONTENT) + 1];
    ssize_t len;
    int fd;

    snprintf(path, sizeof(path), "%s/%s", directory, NETWORKD_FILE);
    fd = __real_open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    len = read(fd, found, sizeof(found));
    __real_close(fd);
    if (len != (ssize_t)strlen(NETWORKD_CONTENT) || memcmp(found, NETWORKD_CONTENT, (size_t)len))
        snprintf(world->early, sizeof(world->early), "%s is not whole: %zd bytes", path, len);
    return true;
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

static void change_route(int fd, int type)
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
    put_address(&request, RTA_DST, "198.18.7.0");
    put_address(&request, RTA_GATEWAY, "203.0.113.4");
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

    change_route(fd, there ? RTM_NEWROUTE : RTM_DELROUTE);
    change_rule(fd, there ? RTM_NEWRULE : RTM_DELRULE);
    __real_close(fd);
}

static void read_files(void)
{
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
