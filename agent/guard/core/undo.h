/*
 * undo: how one operation is taken back: Before, After and Now of the objects that it touches.
 *
 * Pure. Derived on the snapshot that the operation is done on, before it is done; After is read
 * back with its side effects. What others changed meanwhile is left as it is, and said.
 */
#ifndef AGENT_GUARD_CORE_UNDO_H
#define AGENT_GUARD_CORE_UNDO_H

#include "common/net/operation.h"

struct undo_item {
    uint32_t operation; /* its number in the plan, from 0 */
    struct operation change;
    bool existed;           /* something of that key was there before */
    struct snapshot before; /* only the touched objects, with raw bytes; prefs for tailscale */
    struct snapshot after;  /* the same objects as read back; empty until undo_take_after */
    bool has_after;
    struct snapshot others; /* what of others went with it (undo_others.h): told, never put back */
    bool shield, persists;
};

void undo_item_done(struct undo_item *item);

/* Fills all but after. now: the snapshot that the operation is about to be done on. */
void undo_derive(const struct operation *operation, uint32_t number, const struct snapshot *now,
                 struct undo_item *ret_item);
/* What the operation leaves of a snapshot, for the undo of the next one to be derived on. */
void undo_foresee(const struct operation *operation, struct snapshot *snapshot);
void undo_take_after(struct undo_item *item, const struct snapshot *now);
/* It was not done: whatever differs from before is somebody else's. */
void undo_take_nothing(struct undo_item *item);

/* A copy whose devices have the numbers of now (undo_links.h), for whoever acts by it; the caller
 * ends it. undo_judge does so by itself. */
void undo_translate(const struct undo_item *item, const struct snapshot *now,
                    struct undo_item *ret_item);

/* False, with the reason, if before is a state that nobody could put back: a sysctl that was not
 * read, more of them than can be kept, an exit node that was chosen automatically or by an address
 * that no peer had. */
bool undo_is_possible(const struct undo_item *item, struct err *err);

/* Taking it back removes what the change added: an object, IPv6, what a setting let through
 * (false: puts back what was there). */
bool undo_removes(const struct undo_item *item);

/* The route that taking it back deletes without looking first: ours, put where none was, as it was
 * read back. NULL: it is to be looked at. */
const struct route *undo_find_made(const struct undo_item *item);

/* Nothing of its key was there, and one look at its table shows this and the one before, which is
 * such a one too: both may be done before that look. */
bool undo_joins(const struct undo_item *item, const struct undo_item *before);

enum undo_state {
    UNDO_RESTORED, /* the touched objects are as before: nothing to do */
    UNDO_NEEDED,   /* they are as the change left them, or partly so */
    UNDO_FOREIGN,  /* somebody else has changed them since: left alone */
};

/* ret_why: what was expected and observed, for UNDO_FOREIGN. */
enum undo_state undo_judge(const struct undo_item *item, const struct snapshot *now, char *ret_why,
                           size_t size);

/* Takes out of part's change what other touches too, which then answers for it: all of it, or of
 * prefs those that both set. False: nothing is left. part may be a shallow copy: only its change is
 * written. */
bool undo_take_out(struct undo_item *part, const struct undo_item *other);

/* The same of what the kernel took along alone: routes, addresses and their order; of a file what
 * networkd made of it. */
enum undo_state undo_judge_lost(const struct undo_item *item, const struct snapshot *now,
                                char *ret_why, size_t size);

/* An object that an older operation of the same change puts or removes is that one's to take back,
 * also where the newer one made it disappear, or is a file that names it. A link that one sets
 * down and the other up is so at once as it was before the older: on its way there and back others
 * would lose what is by it. */
void undo_leave_to(struct undo_item *newer, const struct undo_item *older);

/* What exactly has to be done, where undo_judge says UNDO_NEEDED. Routes and rules: the item's
 * object in a snapshot (before, after or now); NULL: not there. */
const struct route *undo_find_route(const struct undo_item *item, const struct snapshot *where);
/* What of its key has taken its place: not somebody's that stood beside it before. */
const struct route *undo_find_instead(const struct undo_item *item, const struct snapshot *now);
const struct rule *undo_find_rule(const struct undo_item *item, const struct snapshot *where);
/* After as it was read back, or as it is expected where the guard died before it could. The
 * caller's to end with snapshot_done. With it undo_lost.h and undo_link.h tell what to do. */
void undo_take_made(const struct undo_item *item, struct snapshot *ret_after);
/* The prefs to write; false, with the reason, if they cannot be put back by a StableID. */
bool undo_tailscale_change(const struct undo_item *item, const struct snapshot *now,
                           struct operation_tailscale *ret_change, struct err *err);

/* "delete rule 5140: from 203.0.113.10 lookup main", "set tailscale exit node to none". */
void undo_render(const struct undo_item *item, struct text *out);

/* The same as a line for `ip -batch`, of a route that took another one's place as two; false where
 * ip(8) cannot (sysctl, tailscale, file: then a line for a shell behind a #). */
bool undo_render_batch(const struct undo_item *item, struct text *out);

/* What went with the object and has to be put back behind it, in the order in which the kernel
 * accepts it; of a file its content and what networkd made of it. A line of the same two kinds
 * each. */
typedef void (*undo_line_fn)(void *context, const char *line);
void undo_render_batch_lost(const struct undo_item *item, undo_line_fn line_fn, void *context);

#endif
