/*
 * shim_peers: the wrapped calls to kernel, tailscaled and clients.
 *
 * oceanid-rehearse is not run: it touches nothing of the host, and says here what it says of a plan
 * that is good; or, with any error, nothing.
 *
 *             netlink                LocalAPI                       client
 *   eio       not sent               nobody listens                 it has hung up
 *   enospc    not sent: no buffers   hangs up after 2 s, not done   -
 *   eintr     not sent: interrupted  done, and no answer for 2 s    interrupted once
 *   short     sent, and no answer    not done, and no answer        -
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "agent/guard/io/rehearse.h"
#include "tests/crash/kernel.h"
#include "tests/crash/shim.h"
#include "tests/crash/world.h"

#include <curl/curl.h>

enum { PATIENCE_MS = 2000 };

int __real_nl_send_auto(struct nl_sock *socket, struct nl_msg *message);
int __real_nl_sendto(struct nl_sock *socket, void *data, size_t len);
int __real_nl_recv(struct nl_sock *socket, struct sockaddr_nl *from, unsigned char **data,
                   struct ucred **credentials);
CURLcode __real_curl_easy_perform(CURL *curl);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);

/* ---- netlink -------------------------------------------------------------------------------- */

static bool answer_is_lost;

static void name_message(const struct nlmsghdr *head, char *to, size_t size)
{
    static const char *const kinds[] = {"new", "delete", "get", "set"};
    static const char *const objects[] = {"link", "address", "route", "neighbour", "rule"};
    unsigned type = head->nlmsg_type;
    unsigned object = (type - RTM_BASE) / 4;

    if (type >= RTM_BASE && object < sizeof(objects) / sizeof(objects[0]))
        snprintf(to, size, "%s %s", kinds[(type - RTM_BASE) % 4], objects[object]);
    else if (type == RTM_NEWNEXTHOP || type == RTM_DELNEXTHOP || type == RTM_GETNEXTHOP)
        snprintf(to, size, "%s nexthop", kinds[type - RTM_NEWNEXTHOP]);
    else
        snprintf(to, size, "type %u", type);
}

/* What the kernel goes on with after it has answered; of several at once the first says it. */
static bool starts_work(unsigned type)
{
    return type == RTM_NEWLINK || type == RTM_SETLINK || type == RTM_NEWADDR || type == RTM_DELADDR;
}

/* 0, or what libnl says instead of sending it. */
static int meet_fault(const struct nlmsghdr *head)
{
    enum fault_kind struck;
    char text[64];

    name_message(head, text, sizeof(text));
    struck = shim_boundary(BOUNDARY_NETLINK, text);
    if (struck == FAULT_EIO)
        return -NLE_FAILURE;
    if (struck == FAULT_ENOSPC)
        return -NLE_NOMEM;
    if (struck == FAULT_EINTR)
        return -NLE_INTR;
    answer_is_lost = struck == FAULT_SHORT;
    world->kernel_works |= starts_work(head->nlmsg_type);
    return 0;
}

int __wrap_nl_send_auto(struct nl_sock *socket, struct nl_msg *message);
int __wrap_nl_send_auto(struct nl_sock *socket, struct nl_msg *message)
{
    int code = meet_fault(nlmsg_hdr(message));

    return code < 0 ? code : __real_nl_send_auto(socket, message);
}

/* Several at once, called by the first. */
int __wrap_nl_sendto(struct nl_sock *socket, void *data, size_t len);
int __wrap_nl_sendto(struct nl_sock *socket, void *data, size_t len)
{
    int code = meet_fault(data);

    return code < 0 ? code : __real_nl_sendto(socket, data, len);
}

int __wrap_nl_recv(struct nl_sock *socket, struct sockaddr_nl *from, unsigned char **data,
                   struct ucred **credentials);
int __wrap_nl_recv(struct nl_sock *socket, struct sockaddr_nl *from, unsigned char **data,
                   struct ucred **credentials)
{
    int len = __real_nl_recv(socket, from, data, credentials);

    if (world->kernel_works)
        kernel_settle(); /* before anybody looks: what comes later he would read again for */
    if (!answer_is_lost)
        return len;
    answer_is_lost = false;
    world->now += PATIENCE_MS;
    if (len > 0) {
        free(*data);
        *data = NULL;
    }
    return -NLE_AGAIN;
}

/* ---- LocalAPI ------------------------------------------------------------------------------- */

CURLcode __wrap_curl_easy_perform(CURL *curl);
CURLcode __wrap_curl_easy_perform(CURL *curl)
{
    enum fault_kind struck;
    char *url = NULL;

    curl_easy_getinfo(curl, CURLINFO_EFFECTIVE_URL, &url);
    /* Its patience is of the world's clock; on a busy machine the real one runs ahead. */
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 60000L);
    struck = shim_boundary(BOUNDARY_LOCALAPI, url != NULL ? url : "");
    if (struck == FAULT_NONE || world->tailscaled_is_gone) /* nobody is there to be slow */
        return __real_curl_easy_perform(curl);
    if (struck == FAULT_EIO)
        return CURLE_COULDNT_CONNECT;
    world->now += PATIENCE_MS;
    if (struck == FAULT_EINTR)
        __real_curl_easy_perform(curl);
    return struck == FAULT_ENOSPC ? CURLE_GOT_NOTHING : CURLE_OPERATION_TIMEDOUT;
}

/* ---- oceanid-rehearse ----------------------------------------------------------------------- */

bool __wrap_rehearse_ask(const char *path, struct bytes question, unsigned patience_ms,
                         struct rehearsal *ret_rehearsal, struct err *err);
bool __wrap_rehearse_ask(const char *path, struct bytes question, unsigned patience_ms,
                         struct rehearsal *ret_rehearsal, struct err *err)
{
    struct rehearse asked;

    (void)path;
    (void)patience_ms;
    if (shim_boundary(BOUNDARY_REHEARSE, "the plan") != FAULT_NONE)
        return err_set(err, ERR_PEER, "oceanid-rehearse has hung up");
    if (!wire_decode_rehearse(question, &asked, err))
        return false;
    rehearsal_miss(asked.operations, asked.operations_count, "", ret_rehearsal);
    for (uint32_t i = 0; i < asked.operations_count; i++) {
        if (ret_rehearsal->operations[i].outcome == REHEARSED_MISSED)
            ret_rehearsal->operations[i].outcome = REHEARSED_GOOD;
    }
    rehearse_done(&asked);
    return true;
}

/* ---- clients -------------------------------------------------------------------------------- */

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    enum fault_kind struck = shim_boundary(BOUNDARY_TELL, "a client");

    if (struck == FAULT_NONE)
        return __real_sendmsg(fd, message, flags);
    errno = struck == FAULT_EINTR ? EINTR : EPIPE;
    return -1;
}
