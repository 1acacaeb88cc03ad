/*
 * downlink_parts: what the downlink's files share and nobody else sees.
 */
#ifndef CONTROLLER_IO_DOWNLINK_PARTS_H
#define CONTROLLER_IO_DOWNLINK_PARTS_H

#include "controller/io/downlink.h"

enum {
    PIPES_MAX = 2 * FLEET_MAX, /* an agent may dial anew before its old one is gone */
    PIPES_BUCKETS = 1024,
    SILENT_MS = 75000,  /* of a bound connection: its polls come at least every 20 s */
    UNBOUND_MS = 30000, /* of one that has not said who it is: hello comes at once */
    TALKING_MS = 60000, /* of one that says all but that */
    QUIET_MS = 1000,    /* nothing came so long: hardly anything is on its way */
    NAME_PIPES_MAX = 8, /* one, one dialled beside it, and what has not ended yet of either */
};

/* One connection. */
struct pipe {
    uint32_t id;
    char name[NAME_SIZE];        /* as it said in its hello begin */
    bool bound;                  /* and proved */
    struct public_key agent_key; /* by this one of the roster, while it is bound */
    bool was_bound;              /* it is that one's for good: what it said is still being read */
    bool over;                   /* its session was ended here, and no other is asked for over it */
    bool extra;                  /* dialled beside an old one */
    struct nonce challenge;      /* zero: none is out */
    mono_t challenged_at;
    uint64_t order;              /* the newest that was bound is asked first */
    mono_t heard_at;             /* while it is bound; else when it began, or its session ended */
    mono_t spoke_at;             /* whatever it said */
    struct link_request *parked; /* NULL: none */
    mono_t parked_at;
    mono_t answered_at; /* the last one was let go: it is to ask again */
    struct pipe *next, *next_of_bucket;
};

struct waiting;

struct downlink {
    struct desk *desk;
    struct outbox *outbox;
    struct fresh *fresh;
    struct lead *lead;
    struct inbox *inbox;
    char name[NAME_SIZE];
    struct link_server *server;
    bool closing; /* requests that still arrive are not ours to answer */
    uv_timer_t timer;
    struct pipe *pipes;
    struct pipe *buckets[PIPES_BUCKETS]; /* the same, by id */
    uint32_t pipes_count, pipes_max;     /* PIPES_MAX; a test has fewer */
    mono_t ticked_at;                    /* the last look at them */
    mono_t awake_since; /* no look came late since then: whose silence is not this process's own */
    uv_idle_t idle;     /* runs while reports wait */
    unsigned handles_count; /* the timer and the idle handle, each until libuv is done with it */
    struct waiting *waiting, *waiting_last;
    uint64_t order_next;
};

void downlink_answer(struct link_request *request, const struct session_reply *reply);
/* Says so in log and audit (desk_audit_refusal). */
void downlink_refuse(struct downlink *downlink, const char *name, const struct err *reason);
void downlink_deny(struct link_request *request, const char *reason, bool hello_again);

/* It was heard just now. In downlink_beat.c. */
void downlink_hear(struct fleet_member *member, mono_t now);
/* The last look at the connections is long ago: what was said meanwhile is still to be read. In
 * downlink_beat.c. */
bool downlink_is_late(const struct downlink *downlink, mono_t now);
/* Says of whom nothing was heard since his poll was answered. In downlink_beat.c. */
void downlink_note_silent(struct downlink *downlink, mono_t now);

/* The connection was just bound to its name. */
void downlink_prefer(struct downlink *downlink, struct pipe *pipe);

/* Ends the oldest session of that name where it has more than NAME_PIPES_MAX. */
void downlink_trim(struct downlink *downlink, const char *name);

/* A poll that waits is told why. hello_again: so is asked; else another connection is. */
void downlink_end_session(struct downlink *downlink, struct pipe *pipe, const char *why,
                          bool hello_again);

/* In downlink_hello.c. */
void downlink_hello_begin(struct downlink *downlink, struct pipe *pipe,
                          const struct session_request *asked, struct link_request *request);
void downlink_hello(struct downlink *downlink, struct pipe *pipe,
                    const struct session_request *asked, struct link_request *request);
/* Of one that is bound: why the roster ends its session. NULL: it goes on. */
const char *downlink_why_not_any_more(const struct downlink *downlink, const struct pipe *pipe);

/* NULL: it is gone. */
struct pipe *downlink_find_pipe(const struct downlink *downlink, uint32_t id);

/* In downlink_wait.c. */
bool downlink_may_wait(const struct session_request *asked);
/* Takes asked; it is reported when nothing else is to be done. */
void downlink_wait_take(struct downlink *downlink, const struct pipe *pipe,
                        struct session_request *asked, struct link_request *request);
/* Those of that agent are reported now: one of it is about to go past them. */
void downlink_wait_end(struct downlink *downlink, const char *name);
void downlink_wait_open(struct downlink *downlink, uv_loop_t *loop);
void downlink_wait_close(struct downlink *downlink);
/* Of either handle; the last one's frees it. libuv says not which that is. In downlink.c. */
void downlink_handle_closed(uv_handle_t *handle);

/* In downlink_report.c. */
void downlink_report(struct downlink *downlink, const struct pipe *pipe,
                     const struct session_request *asked, struct link_request *request);

#endif
