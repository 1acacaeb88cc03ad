/*
 * fleet: what is known of each node and witness: session, last word, verdicts, snapshot, signed
 * stack, who reaches whom by SSH.
 *
 * Pure: times come in with what is told. A report carries changes only, so a verdict stays good as
 * long as the session that vouches for it is heard; once the node was silent for longer than the
 * check's interval and two heartbeats, it is unknown, and so it is in a new session until it is
 * said there.
 */
#ifndef CONTROLLER_CORE_FLEET_H
#define CONTROLLER_CORE_FLEET_H

#include "common/change/change.h"
#include "common/change/proof.h"
#include "common/change/rehearsal.h"
#include "common/core/mono.h"
#include "common/net/snapshot.h"
#include "controller/core/names.h"
#include "controller/core/newest_word.h"
#include "controller/core/quota.h"

enum {
    FLEET_HEARTBEAT_MS = 20000, /* an agent's parked poll is answered at least so often */
    FLEET_BEAT_MS = 1000,       /* and so often while there are not many */
    FLEET_BEAT_SHARE_MS = 10,   /* of one connection: 100 beats a second are for all of them */
    FLEET_PATIENCE_MS = 1900,   /* from an answer to the next poll; then the node is silent */
    FLEET_VERDICTS_MAX = CHECKS_MAX + NODES_MAX,
    FLEET_DRIFT_MAX = 32,
    FLEET_SNAPSHOT_OLD_MS = 30000,    /* then it says nothing any more; each gate asks for one */
    FLEET_REHEARSAL_YOUNG_MS = 10000, /* older ones are asked for again */
    FLEET_REHEARSAL_OLD_MS = 60000,   /* and so old ones say nothing any more */
};

struct fleet_verdict {
    struct verdict verdict;
    enum verdict_value decided; /* the last one that was no unknown; unknown: there was none */
    int64_t at;                 /* unix seconds: when it last changed or was said again */
    unsigned interval_s;
    bool told;       /* since its agent began last to tell all that it has */
    bool of_session; /* said since it connected last; before that it may have been away for days */
};

/* What its guard said last of the plan of a manifest. */
struct fleet_rehearsal {
    struct hash body;
    mono_t at;
    struct rehearsal *rehearsal; /* owned; NULL: it has not said of any */
};

struct fleet_member {
    char name[NAME_SIZE];
    bool witness_only;
    bool connected; /* at least one bound connection */
    bool silent; /* it was answered, and does not ask again; only said, nothing follows from it */
    mono_t heard_at; /* any request on a bound connection; MONO_NEVER: not in this life */
    int64_t heard_unix;
    char version[48], boot_id[48];
    bool has_told;         /* all that it has, since it connected last */
    uint32_t telling_over; /* this connection its agent tells all that it has; 0: it has told it */
    uint32_t verdicts_count;
    struct fleet_verdict verdicts[FLEET_VERDICTS_MAX];
    uint32_t drift_count;
    char drift[FLEET_DRIFT_MAX][SENTENCE_SIZE];
    bool has_snapshot;
    struct snapshot snapshot;
    mono_t snapshot_at;
    struct fleet_rehearsal rehearsal;
    bool has_stack; /* the last one that came, verified with the guard's key, with what came of it
                     * by receipts since: for people */
    bool stack_is_of_session; /* it came in the one that goes on: its guard lives */
    struct stack stack;
    char
        stack_refused[SENTENCE_SIZE]; /* why the one that came since was not taken; "": none came */
    struct newest_word newest;
    unsigned soak_left_s;  /* of the open trial, as its guard said last */
    struct quota notes[3]; /* what came of its words, by desk_note */
};

struct fleet {
    uint32_t members_count;
    struct fleet_member *members; /* FLEET_MAX, heap; pages that nobody needs are never touched */
    struct names *names;          /* of members, in their order */
};

void fleet_init(struct fleet *fleet);
void fleet_done(struct fleet *fleet);

/* NULL: not there. */
struct fleet_member *fleet_find(const struct fleet *fleet, const char *name);

/* Finds or adds. NULL when FLEET_MAX are there already. */
struct fleet_member *fleet_put(struct fleet *fleet, const char *name, bool witness_only);

/* Takes out whoever is not in the roster any more. */
void fleet_keep_roster(struct fleet *fleet, const struct roster *roster);

/* From one roster to the next: what the agent of a key that was replaced said is not known any
 * more, nor what its guard said whose key was: it is another host now, or was not to be believed.
 */
void fleet_forget_replaced(struct fleet *fleet, const struct roster *from, const struct roster *to);

/* It is connected, and was not: what it said before does not count until it is said again. */
void fleet_greet(struct fleet_member *member);

/* It is not silent any more. */
void fleet_hear(struct fleet_member *member, mono_t now, int64_t now_unix);

/* Puts or replaces by name; what it was decided to be last stays known. Where FLEET_VERDICTS_MAX
 * are there, one gives way that is not told yet; further ones are passed over. True if the value
 * differs from what was known. */
bool fleet_tell_verdict(struct fleet_member *member, const struct verdict *verdict,
                        unsigned interval_s, int64_t now_unix);

/* Its agent tells all that it has, in one report or several: at the first one begin; of each the
 * names, before its verdicts are told; at the last one end, which takes out what none had. */
void fleet_begin_telling(struct fleet_member *member);
void fleet_name_verdicts(struct fleet_member *member, const struct verdict *verdicts, size_t count);
void fleet_end_telling(struct fleet_member *member);

/* The verdict of that name as it stands now: unknown, with the reason, when it is too old, is of an
 * earlier session, or was never said. */
void fleet_verdict_now(const struct fleet_member *member, const char *check, mono_t now,
                       struct verdict *ret_verdict);
/* Unix seconds: when that check's verdict came last; 0: none did, or member is NULL. */
int64_t fleet_verdict_at(const struct fleet_member *member, const char *check);

/* As people are shown it: unknown as soon as it does not answer, which a gate bears with until the
 * verdict is old. */
void fleet_show(const struct fleet_member *member, const struct fleet_verdict *known, mono_t now,
                struct verdict *ret_verdict);

/* Copies. True: it says something else than what was known of this body, or nothing was. */
bool fleet_tell_rehearsal(struct fleet_member *member, const struct hash *body,
                          const struct rehearsal *rehearsal, mono_t now);
/* Nothing new has to be asked: it answered lately, and not that it could not tell. */
bool fleet_rehearsal_is_young(const struct fleet_member *member, const struct hash *body,
                              mono_t now);

/* Its guard's answer to what was asked at asked_at. False: it may be older than the newest one.
 * What was asked for behind that counts whatever its index is: a new journal counts anew, and what
 * was asked for before it was heard may be the old one's. */
bool fleet_take_stack(struct fleet_member *member, const struct stack *stack, mono_t asked_at,
                      mono_t now);

/* What its guard signed behind the stack that is known: what it confirmed stands, what it ended
 * does not. An older receipt says nothing that the stack does not know better. change: what a
 * generation of it is called. */
void fleet_take_receipt(struct fleet_member *member, const struct receipt *receipt,
                        const char *change, mono_t now);

/* No verdict of this check is there that counts now: it may still come. member may be NULL. */
bool fleet_awaits(const struct fleet_member *member, const char *check, mono_t now);

/* How long a parked poll waits for its answer, which is the beat by which a lost node is known. So
 * many connections share what beats may cost. */
int64_t fleet_beat_ms(uint32_t connections);

/* What came as its stack is none that counts. */
void fleet_refuse_stack(struct fleet_member *member, const char *why);

/* Why its guard's word may be missing, as far as it is known; for people. */
void fleet_say_unheard(const struct fleet_member *member, struct text *out);

/* It is connected and not silent. member may be NULL. */
bool fleet_answers(const struct fleet_member *member);

/* Worst of the critical verdicts; unknown when it does not answer or nothing was said. */
enum verdict_value fleet_health(const struct fleet_member *member, mono_t now);
/* Of what is shown. */
unsigned fleet_count_failing(const struct fleet_member *member, mono_t now);

/* SSH reachability at rest travels as verdicts of this name. NULL if it is none. */
const char *fleet_reach_target(const char *check);

/* What `witness` says of reaching `node` by SSH. */
void fleet_reach(const struct fleet *fleet, const char *witness, const char *node, mono_t now,
                 struct verdict *ret_verdict);

/* Whether the SSH address's audience includes this witness, as far as the fleet file tells: rule
 * of the source is the guard's to judge in the trial. */
bool fleet_in_audience(const struct fleet_member *witness, enum audience audience);

#endif
