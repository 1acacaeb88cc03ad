/*
 * link_listener: notices that nng's listener has stopped.
 *
 * It stops for good when a negotiation ends by NNG_ECLOSED or NNG_ECANCELED (nng issue 1518, until
 * 1.6; by the second still in 1.10): peers connect, even by TLS, and are never heard. What
 * strangers can do about the first is prevented (link_tls.c sendmsg); the rest takes a peer with
 * our certificate that goes just when all is agreed.
 *
 * No call tells of it. The listener's statistics do: it counts each failure of the kinds after
 * which it may have stopped, and whatever comes after them unless it has. So that something comes,
 * we hang up on it ourselves.
 */
#include "common/io/link_tls.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SILENT_LOOKS = 3 };

/* ---- its counters -----------------------------------------------------------------------------
 */

static const char *const may_stop[] = {"canceled", "other", NULL};
static const char *const goes_on[] = {"accept", "disconnect", "timeout", "proto",
                                      "auth",   "oom",        "reject",  NULL};

static uint64_t sum(nng_stat *stats, const char *const *names)
{
    uint64_t total = 0;

    for (size_t i = 0; names[i] != NULL; i++) {
        nng_stat *stat = nng_stat_find(stats, names[i]);

        total += stat != NULL ? nng_stat_value(stat) : 0;
    }
    return total;
}

/* nng 1.5 answers with the process's first listener where asked for any other's (it looks for the
 * name below each scope that is not it): only what is itself is taken. */
static nng_stat *find_own(nng_stat *stats, nng_listener listener)
{
    nng_stat *stat = nng_stat_child(stats);

    while (stat != NULL && nng_stat_find_listener(stat, listener) != stat)
        stat = nng_stat_next(stat);
    return stat;
}

/* False: nng was built without them. */
static bool read_counters(nng_listener listener, uint64_t *ret_failed, uint64_t *ret_all)
{
    nng_stat *stats;
    nng_stat *own;

    if (nng_stats_get(&stats) != 0)
        return false;
    own = find_own(stats, listener);
    if (own != NULL) {
        *ret_failed = sum(own, may_stop);
        *ret_all = *ret_failed + sum(own, goes_on);
    }
    nng_stats_free(stats);
    return own != NULL;
}

/* ---- a peer that hangs up ---------------------------------------------------------------------
 */

static void hang_up(struct link_listener *watched)
{
    if (watched->peer_fd >= 0)
        close(watched->peer_fd);
    watched->peer_fd = -1;
}

/* Where none of our own gets through (a packet filter), nothing can be known. */
static bool got_through(const struct link_listener *watched)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);

    return watched->peer_fd >= 0 &&
           getpeername(watched->peer_fd, (struct sockaddr *)&peer, &len) == 0;
}

/* What is no TLS at all ends a negotiation by an error that stops nothing. */
static void disturb(struct link_listener *watched)
{
    static const char nonsense[] = "is anybody there?\n";
    nng_sockaddr at;
    struct sockaddr_in to4 = {.sin_family = AF_INET};
    struct sockaddr_in6 to6 = {.sin6_family = AF_INET6};
    bool is_v6;

    if (nng_listener_get_addr(watched->listener, NNG_OPT_LOCADDR, &at) != 0)
        return;
    is_v6 = at.s_family == NNG_AF_INET6;
    to4.sin_port = at.s_in.sa_port;
    to4.sin_addr.s_addr = at.s_in.sa_addr;
    to6.sin6_port = at.s_in6.sa_port;
    to6.sin6_scope_id = at.s_in6.sa_scope;
    memcpy(&to6.sin6_addr, at.s_in6.sa_addr, sizeof(to6.sin6_addr));
    watched->peer_fd =
        socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (watched->peer_fd < 0)
        return;
    (void)connect(watched->peer_fd, is_v6 ? (struct sockaddr *)&to6 : (struct sockaddr *)&to4,
                  is_v6 ? sizeof(to6) : sizeof(to4));
    (void)send(watched->peer_fd, nonsense, sizeof(nonsense) - 1, MSG_NOSIGNAL);
}

/* ---- looking --------------------------------------------------------------------------------- */

static void look(struct link_listener *watched)
{
    uint64_t failed = 0, all = 0;
    bool disturbed = got_through(watched);

    hang_up(watched);
    if (!read_counters(watched->listener, &failed, &all))
        return;
    if (all != watched->all) {
        watched->silent_looks = 0;
        watched->may_have_stopped = failed != watched->failed;
    } else if (watched->may_have_stopped && disturbed && ++watched->silent_looks == SILENT_LOOKS) {
        link_die("listener", "nng accepts no connection any more");
    }
    watched->failed = failed;
    watched->all = all;
    if (watched->may_have_stopped)
        disturb(watched);
}

static void on_look(void *context)
{
    struct link_listener *watched = context;

    if (nng_aio_result(watched->sleep) != 0)
        return;
    look(watched);
    nng_sleep_aio(LINK_LOOK_MS, watched->sleep);
}

void link_listener_watch(struct link_listener *watched, nng_listener listener)
{
    *watched = (struct link_listener){.listener = listener, .peer_fd = -1};
    link_must(nng_aio_alloc(&watched->sleep, on_look, watched));
    nng_sleep_aio(LINK_LOOK_MS, watched->sleep);
}

void link_listener_stop(struct link_listener *watched)
{
    if (watched->sleep == NULL)
        return;
    nng_aio_stop(watched->sleep);
    hang_up(watched);
    nng_aio_free(watched->sleep);
    watched->sleep = NULL;
}
