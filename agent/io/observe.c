/*
 * observe: what this host's routing looks like now.
 */
#include "agent/io/observe.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/core/schedule.h"
#include "agent/io/netlink.h"
#include "agent/io/sysctl.h"
#include "agent/io/tailscale.h"
#include "common/core/mem.h"
#include "common/io/clock.h"
#include "common/io/localapi.h"
#include "common/io/log.h"
#include "common/net/render.h"

#include <systemd/sd-daemon.h>

/* Any worker may make a dump. With an arena each, all of them would keep the memory of one. */
enum { ARENAS_MAX = 2 };

/* One dump in a worker. */
struct dump {
    uv_work_t work;
    struct observer *observer;
    struct tailscale tailscale; /* its own copy; moves into the snapshot */
    struct observation *before; /* lent; NULL: none */
    struct observation *made;   /* NULL: err says why */
    mono_t tailscale_at;
    int64_t event_at_us;
    struct err err;
};

/* One reading of status and prefs in a worker. */
struct reading {
    uv_work_t work;
    struct observer *observer;
    struct tailscale tailscale;
    mono_t started_at;
};

struct observer {
    struct observer_options options;
    struct netlink_watch *watch; /* NULL: only by the clock */
    uv_poll_t poll;
    uv_timer_t timer;
    struct debounce kernel, bus; /* hints that nobody has looked into */
    int64_t event_at_us;         /* of the first of kernel's */
    mono_t every_at, again_at;   /* again_at MONO_NEVER: the last dump did not fail */
    bool dump_wanted, reading_wanted;
    struct dump *dump;       /* running; NULL: none */
    struct reading *reading; /* running; NULL: none */
    struct tailscale tailscale;
    mono_t tailscale_at; /* 0: not read yet */
    struct observation *now;
    bool failing; /* the last dump did */
};

static void go_on(struct observer *observer);

/* ---- tailscale ------------------------------------------------------------------------------- */

static struct tailscale copy_tailscale(const struct tailscale *from)
{
    struct tailscale copy = *from;

    copy.peers = mem_copy(from->peers, from->peers_count * sizeof(*from->peers));
    return copy;
}

static void read_tailscale(uv_work_t *work)
{
    struct reading *reading = work->data;

    localapi_read(reading->observer->options.tailscale_socket, TAILSCALE_ANSWER_MS,
                  &reading->tailscale);
}

static void after_reading(uv_work_t *work, int status)
{
    struct reading *reading = work->data;
    struct observer *observer = reading->observer;

    (void)status; /* never cancelled */
    free(observer->tailscale.peers);
    observer->tailscale = reading->tailscale;
    observer->tailscale_at = reading->started_at;
    observer->reading = NULL;
    observer->dump_wanted = true;
    free(reading);
    go_on(observer);
}

static void start_reading(struct observer *observer)
{
    struct reading *reading = mem_alloc(1, sizeof(*reading));

    observer->reading_wanted = false;
    debounce_init(&observer->bus);
    reading->observer = observer;
    reading->started_at = clock_now();
    reading->work.data = reading;
    observer->reading = reading;
    uv_queue_work(observer->options.loop, &reading->work, read_tailscale, after_reading);
}

static bool has_tailscale(const struct observer *observer)
{
    return observer->options.tailscale_socket[0] != '\0';
}

/* ---- kernel ---------------------------------------------------------------------------------- */

static void free_observation(struct observation *observation)
{
    if (observation == NULL)
        return;
    fib_free(observation->fib);
    snapshot_done(&observation->snapshot);
    free(observation);
}

static void pass_over(void *context, const char *line)
{
    (void)context;
    (void)line;
}

static void make_dump(uv_work_t *work)
{
    struct dump *dump = work->data;
    struct observation *made = mem_alloc(1, sizeof(*made));

    made->kernel_at = clock_now();
    made->tailscale_at = dump->tailscale_at;
    made->event_at_us = dump->event_at_us;
    if (!netlink_snapshot(&made->snapshot, &dump->err)) {
        free(made);
        free(dump->tailscale.peers);
        return;
    }
    sysctl_read(&made->snapshot);
    made->snapshot.tailscale = dump->tailscale;
    made->fib = fib_new(&made->snapshot);
    made->changed = dump->before == NULL || render_difference(&dump->before->snapshot,
                                                              &made->snapshot, pass_over, NULL) > 0;
    dump->made = made;
}

/* Says it once, and again when it goes well. */
static void note_outcome(struct observer *observer, const struct dump *dump)
{
    if (dump->made == NULL && !observer->failing)
        log_warning("the kernel's routing cannot be read: %s, retrying", dump->err.text);
    if (dump->made != NULL && observer->failing)
        log_info("the kernel's routing can be read again");
    observer->failing = dump->made == NULL;
}

/* The hint that led to it was not looked into. */
static void want_again(struct observer *observer, const struct dump *dump)
{
    observer->again_at = clock_now() + OBSERVE_AGAIN_MS;
    if (dump->event_at_us != 0)
        observer->event_at_us = dump->event_at_us;
}

static void after_dump(uv_work_t *work, int status)
{
    struct dump *dump = work->data;
    struct observer *observer = dump->observer;
    struct observation *before = observer->now;
    struct observation *made = dump->made;

    (void)status; /* never cancelled */
    note_outcome(observer, dump);
    if (made == NULL)
        want_again(observer, dump);
    observer->dump = NULL;
    free(dump);
    if (made != NULL) {
        observer->now = made;
        free_observation(before);
        observer->options.observer_fn(observer->options.context);
    }
    go_on(observer);
}

static void start_dump(struct observer *observer)
{
    struct dump *dump = mem_alloc(1, sizeof(*dump));

    dump->observer = observer;
    dump->tailscale = copy_tailscale(&observer->tailscale);
    dump->tailscale_at = has_tailscale(observer) ? observer->tailscale_at : clock_now();
    dump->event_at_us = observer->event_at_us;
    dump->before = observer->now;
    dump->work.data = dump;
    observer->event_at_us = 0;
    observer->again_at = MONO_NEVER;
    observer->dump_wanted = false;
    debounce_init(&observer->kernel);
    observer->dump = dump;
    uv_queue_work(observer->options.loop, &dump->work, make_dump, after_dump);
}

/* ---- when ------------------------------------------------------------------------------------ */

static void on_timer(uv_timer_t *timer)
{
    go_on(timer->data);
}

static void look_at_clock(struct observer *observer, mono_t now)
{
    if (now >= debounce_deadline(&observer->kernel) || now >= observer->again_at)
        observer->dump_wanted = true;
    if (now >= debounce_deadline(&observer->bus))
        observer->reading_wanted = true;
    if (now < observer->every_at)
        return;
    observer->every_at = now + OBSERVE_EVERY_MS;
    if (has_tailscale(observer))
        observer->reading_wanted = true; /* a dump follows */
    else
        observer->dump_wanted = true;
}

/* Starts what is due, and has itself woken for what will be. */
static void go_on(struct observer *observer)
{
    mono_t now = clock_now();
    bool ready = !has_tailscale(observer) || observer->tailscale_at != 0;
    mono_t next;

    look_at_clock(observer, now);
    if (observer->reading_wanted && observer->reading == NULL)
        start_reading(observer);
    if (observer->dump_wanted && observer->dump == NULL && ready)
        start_dump(observer);
    next = observer->every_at;
    if (observer->dump == NULL &&
        ready) { /* else what is past would be due again at once, for ever */
        next = mono_min(next, debounce_deadline(&observer->kernel));
        next = mono_min(next, observer->again_at);
    }
    if (observer->reading == NULL)
        next = mono_min(next, debounce_deadline(&observer->bus));
    uv_timer_start(&observer->timer, on_timer, next > now ? (uint64_t)(next - now) : 0, 0);
}

static void on_netlink(uv_poll_t *poll, int status, int events)
{
    struct observer *observer = poll->data;

    (void)events;
    if (status < 0) {
        log_warning("netlink notifications ended: %s, looking every %d s instead",
                    uv_strerror(status), OBSERVE_EVERY_MS / 1000);
        uv_poll_stop(poll);
        return;
    }
    if (netlink_watch_take(observer->watch) == 0)
        return;
    if (observer->event_at_us == 0)
        observer->event_at_us = clock_unix_us();
    debounce_take(&observer->kernel, clock_now());
    go_on(observer);
}

static void on_bus(void *context)
{
    struct observer *observer = context;

    debounce_take(&observer->bus, clock_now());
    go_on(observer);
}

static void watch_kernel(struct observer *observer)
{
    struct err err = ERR_INIT;

    observer->watch = netlink_watch_open(observer->options.netlink_fd, &err);
    if (observer->watch == NULL) {
        log_warning("no netlink notifications: %s, looking every %d s instead", err.text,
                    OBSERVE_EVERY_MS / 1000);
        return;
    }
    uv_poll_init(observer->options.loop, &observer->poll, netlink_watch_fd(observer->watch));
    observer->poll.data = observer;
    uv_poll_start(&observer->poll, UV_READABLE, on_netlink);
}

int observer_take_socket(void)
{
    int count = sd_listen_fds(1);

    for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; fd++) {
        if (sd_is_socket(fd, AF_NETLINK, SOCK_RAW, -1) > 0)
            return fd;
    }
    return -1;
}

struct observer *observer_new(const struct observer_options *options)
{
    struct observer *observer = mem_alloc(1, sizeof(*observer));

    mallopt(M_ARENA_MAX, ARENAS_MAX);
    observer->options = *options;
    debounce_init(&observer->kernel);
    debounce_init(&observer->bus);
    observer->again_at = MONO_NEVER;
    text_copy(observer->tailscale.why, sizeof(observer->tailscale.why), "not used on this host");
    uv_timer_init(options->loop, &observer->timer);
    observer->timer.data = observer;
    watch_kernel(observer); /* subscribe first, then dump */
    if (has_tailscale(observer))
        tailscale_follow(options->loop, options->tailscale_socket, on_bus, observer);
    go_on(observer);
    return observer;
}

const struct observation *observer_now(const struct observer *observer)
{
    return observer->now;
}

void observer_refresh(struct observer *observer)
{
    if (has_tailscale(observer))
        observer->reading_wanted = true;
    else
        observer->dump_wanted = true;
    go_on(observer);
}

bool observer_is_current(const struct observer *observer)
{
    return observer->now != NULL && !observer->failing && observer->dump == NULL &&
           !observer->dump_wanted && debounce_deadline(&observer->kernel) == MONO_NEVER;
}
