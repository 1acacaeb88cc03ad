/*
 * protocol: the trial protocol of three guards, one node a stage, in ticks of a renewal period.
 *
 * There is no network in it: whatever was ever signed lies about, and the controller, who may be
 * hostile, hands any of it to anybody at any time, any number of times, or never. So loss, delay,
 * duplication, reordering and replay are all there. It also prepares, starts, aborts and pops as it
 * likes, and gets a new hello whenever it wants one. README.md says what is left out.
 *
 * Each action is total, like a guard: what it refuses changes nothing. It prints itself ("@ ...")
 * and what the three guards then are ("= ..."), so that a trail can be replayed by the shipped
 * machine (tests/sim/follow.c), and a script of actions by this model.
 */
#ifndef SOAK
#define SOAK 1 /* all in ticks */
#endif
#define LEASE 2
#ifndef NONCE_AGE
#define NONCE_AGE 3
#endif
#define FIRST_WAIT (1 + LEASE) /* apply and settle, then the lease */
#define GIVE_UP (SOAK + 2 * LEASE)
#define N 3
#ifndef ATTEMPTS
#define ATTEMPTS 2
#endif
#ifndef FAULTS
#define FAULTS 2 /* crashes, refusing disks and undos that are stuck, together */
#endif

mtype = { IDLE, PREPARED, STARTING, FIRST, SOAKING, LAST, CONFIRMING, CONFIRMED, REVERTING, CLOSING };
mtype = { NOTHING, OPEN, STANDS, POPPING };              /* what the journal says */
mtype = { NONE, BEGIN, CONFIRM };                        /* on its way to the disk, before the end */
mtype = { E_NONE, E_REVERTED, E_TOMBSTONE, E_POPPED, E_EXPIRED };

typedef Guard {
    mtype state;
    byte attempt;     /* of what is open, else of what stands; 0: neither */
    bool pops;        /* what reverts had been confirmed */
    byte age;         /* of the prepare nonce */
    bool has_baseline;/* a witness's statement over it exists */
    bool standing[N]; /* and an earlier guard's */
    byte touched_for; /* ticks since the first touch */
    byte soaked;
    byte waits;       /* ticks since no more nonces are issued: it confirms */
    byte proven;      /* age of the newest nonce proven; LEASE: none is younger */
    byte last_proven; /* of the newest last one */
    byte seen[LEASE], seen_last[LEASE]; /* statements over the nonces of that age exist */
    bool failing;
    mtype journal;
    byte journal_attempt;
    mtype front; /* record that is being written before the end */
    mtype end;   /* the end that is to be written */
    bool end_asked;
    bool pref, rest; /* in the kernel; rest: the rule, and the shield of the pref */
    bool stuck;      /* the pref cannot be unset */
    mtype ended[3];
    bool told[3]; /* its receipt has left */
    /* for the invariants only */
    bool applied[3];
    bool relies[N];  /* on what that one said */
    byte gone;       /* ticks since it ceased to stand */
    byte looked;     /* age of the newest nonce over which a witness really looked, and got in */
    byte proof_runs; /* ticks since the first look that got in */
}

Guard guards[N];
bool bad[N];                  /* the change that is on trial cuts that node off */
bool approved[3];    /* approvals */
bool outdated[3];      /* its not-after has passed */
byte faults;

#define G guards[g]
#define IS_PROVING(i) (guards[i].state == FIRST || guards[i].state == SOAKING || guards[i].state == LAST)
#define IS_DECIDING(i) (IS_PROVING(i) || guards[i].state == CONFIRMING)
#define IS_UNDECIDED(i) (IS_DECIDING(i) || guards[i].state == CONFIRMED)
#define STANDS_AT(i) (guards[i].journal == STANDS && !(guards[i].pops && guards[i].state != IDLE))
#define ALL_ENDED(a) (guards[0].told[a] && guards[1].told[a] && guards[2].told[a] && \
    guards[0].ended[a] != E_NONE && guards[1].ended[a] != E_NONE && guards[2].ended[a] != E_NONE)
#define IS_FELLOW(h, a) (guards[h].told[a] && (guards[h].ended[a] == E_REVERTED || guards[h].ended[a] == E_TOMBSTONE))

/* ---- invariants (docs/architecture.md names them) ---------------------------------------------- */

byte h_;

/* 1 and 2: as a node is touched. */
inline assert_may_touch(g)
{
    for (h_ : 0 .. N - 1) {
        assert(h_ == g || !IS_UNDECIDED(h_));                               /* 1 */
        assert(h_ >= g || STANDS_AT(h_) || guards[h_].gone <= NONCE_AGE);   /* 2 */
    }
    assert(approved[G.attempt] && !G.applied[G.attempt]);                     /* 4 */
    h_ = 0
}

/* 3, 9 and 10, whenever something has happened. */
inline assert_all()
{
    for (h_ : 0 .. N - 1) {
        assert(!(IS_DECIDING(h_) && guards[h_].state != FIRST && guards[h_].looked >= LEASE)); /* 3 */
        assert(!(guards[h_].state == FIRST && guards[h_].touched_for >= FIRST_WAIT));          /* 3 */
        assert(!(guards[h_].pref && !guards[h_].rest));                                        /* 10 */
        assert(!(guards[h_].state == IDLE && guards[h_].journal == NOTHING && guards[h_].rest)); /* 7 */
        assert(!(guards[h_].state == IDLE && guards[h_].journal == STANDS && !guards[h_].rest)); /* 6 */
    }
    h_ = 0
}

/* ---- steps that several actions take ----------------------------------------------------------- */

inline forget_proofs(g)
{
    G.touched_for = 0; G.soaked = 0; G.waits = 0; G.proven = LEASE; G.last_proven = LEASE; G.failing = false;
    G.looked = LEASE; G.proof_runs = 0;
    for (h_ : 0 .. LEASE - 1) { G.seen[h_] = 0; G.seen_last[h_] = 0 }
    h_ = 0
}

inline forget_nonce(g)
{
    G.age = 0; G.has_baseline = false;
    for (h_ : 0 .. N - 1) { G.standing[h_] = false; G.relies[h_] = false }
    h_ = 0
}

inline become_idle(g)
{
    G.state = IDLE; G.pops = false; bad[g] = false; G.end = E_NONE; G.end_asked = false; G.front = NONE;
    G.attempt = (G.journal == STANDS -> G.journal_attempt : 0);
    forget_nonce(g); forget_proofs(g)
}

inline write_end(g, what)
{
    G.state = CLOSING; G.end = what; G.end_asked = true
}

/* The pref first: what shields it never goes before it. */
inline undo(g)
{
    G.state = REVERTING;
    if
    :: !(G.pref && G.stuck) -> 
#if MUTANT == 6
        G.rest = false;
#endif
        G.pref = false; G.rest = false;
        if
        :: G.pops -> write_end(g, E_POPPED)
        :: else -> write_end(g, E_REVERTED)
        fi
    :: else ->
#if MUTANT == 6
        G.rest = false;
#endif
        skip
    fi
}

inline begin_revert(g)
{
    G.pops = false; bad[g] = false;
    forget_proofs(g);
    undo(g)
}

inline begin_pop(g)
{
    forget_nonce(g);
    G.journal = POPPING; G.attempt = G.journal_attempt; G.pops = true; G.gone = 0;
    undo(g)
}

/* The end is durable; its receipt leaves. */
inline take_end(g)
{
    if
    :: G.end == E_EXPIRED -> skip
    :: else ->
        assert(G.end == E_TOMBSTONE || (!G.pref && !G.rest)); /* 10 */
        G.ended[G.attempt] = G.end; G.told[G.attempt] = true
    fi;
    if
    :: G.journal != STANDS -> G.journal = NOTHING; G.journal_attempt = 0
    :: else -> skip
    fi;
    become_idle(g)
}

/* ---- actions ----------------------------------------------------------------------------------- */

#define MAY_PREPARE(g, a) (G.state == IDLE && approved[a] && !outdated[a] && G.journal == NOTHING && G.ended[a] == E_NONE \
    && !(a == 1 && G.applied[2]))
inline prepare(g, a)
{
    printf("@ prepare %d %d\n", g, a);
    if
    :: MAY_PREPARE(g, a) -> G.state = PREPARED; G.attempt = a; forget_nonce(g)
    :: else -> skip
    fi
}

#define MAY_BASELINE(g) (G.state == PREPARED && !G.has_baseline)
inline baseline(g)
{
    printf("@ baseline %d\n", g);
    if
    :: MAY_BASELINE(g) -> G.has_baseline = true
    :: else -> skip
    fi
}

/* h's guard says over g's prepare nonce that it stands. */
#define MAY_STAND(h, g) (h < g && G.state == PREPARED && !G.standing[h] && STANDS_AT(h))
inline stand(h, g)
{
    printf("@ stand %d %d\n", h, g);
    if
    :: MAY_STAND(h, g) -> G.standing[h] = true; G.relies[h] = true
    :: else -> skip
    fi
}

#if MUTANT == 1
#define EARLIER_STAND(g) (g == 0 || G.standing[0])
#else
#define EARLIER_STAND(g) ((g < 1 || G.standing[0]) && (g < 2 || G.standing[1]))
#endif
#define MAY_START(g) (G.state == PREPARED && G.has_baseline && EARLIER_STAND(g))
inline start(g)
{
    printf("@ start %d\n", g);
    if
    :: MAY_START(g) -> G.state = STARTING; G.front = BEGIN;
        G.has_baseline = false;
        for (h_ : 0 .. N - 1) { G.standing[h_] = false }
        h_ = 0
    :: else -> skip
    fi
}

inline touch(g)
{
    assert_may_touch(g);
    G.applied[G.attempt] = true;
    G.pref = true; G.rest = true;
    forget_nonce(g); G.state = FIRST;
    forget_proofs(g)
}

inline disk_begin(g, ok)
{
    G.front = NONE;
    if
    :: !ok -> become_idle(g)
#if MUTANT == 2
    :: ok -> G.journal = OPEN; G.journal_attempt = G.attempt; touch(g)
#else
    :: ok && G.age < NONCE_AGE -> G.journal = OPEN; G.journal_attempt = G.attempt; touch(g)
    :: ok && G.age >= NONCE_AGE -> G.journal = OPEN; G.journal_attempt = G.attempt; write_end(g, E_EXPIRED)
#endif
    fi
}

inline disk_confirmed(g, ok)
{
    if
    :: ok ->
        assert(G.proof_runs >= SOAK); /* 2: a full soak under proof */
        G.journal = STANDS; G.gone = 0; G.told[G.attempt] = true;
        become_idle(g)
    :: else -> begin_revert(g)
    fi
}

/* The oldest record that is on its way gets there, or the disk refuses it. */
#define IS_WRITING(g) (G.state == STARTING || G.state == CONFIRMING || G.state == CONFIRMED || \
    G.front != NONE || (G.state == CLOSING && G.end_asked))
inline disk(g, ok)
{
    printf("@ disk %d %d\n", g, ok);
    if
    :: G.state == STARTING -> disk_begin(g, ok)
    :: G.state == CONFIRMING && ok -> G.state = CONFIRMED; G.front = NONE
    :: G.state == CONFIRMING && !ok -> G.front = NONE; begin_revert(g)
    :: G.state == CONFIRMED -> disk_confirmed(g, ok)
    :: (G.state == REVERTING || G.state == CLOSING) && G.front != NONE ->
        if
        :: ok && G.front == BEGIN -> G.journal = OPEN; G.journal_attempt = G.attempt
        :: else -> skip
        fi;
        G.front = NONE
    :: G.state == CLOSING && G.front == NONE && G.end_asked ->
        if
        :: ok -> take_end(g)
        :: else -> G.end_asked = false /* asked again after a while */
        fi
    :: else -> skip
    fi
}

inline note_look(g, a)
{
    if
    :: !bad[g] && a < G.looked -> G.looked = a
    :: else -> skip
    fi
}

/* A witness opens a new connection after a nonce was issued, and says over it what it saw. */
#define HAS_NONCE(g, a) (IS_DECIDING(g) && G.touched_for >= a && a >= G.waits)
#define HAS_LAST(g, a) ((G.state == LAST || G.state == CONFIRMING) && G.soaked >= SOAK + a && a >= G.waits)
inline look(g, a, last)
{
    printf("@ look %d %d %d\n", g, a, last);
    if
    :: !last && HAS_NONCE(g, a) && G.seen[a] == 0 -> G.seen[a] = (bad[g] -> 2 : 1); note_look(g, a)
    :: last && HAS_LAST(g, a) && G.seen_last[a] == 0 -> G.seen_last[a] = (bad[g] -> 2 : 1); note_look(g, a)
    :: else -> skip
    fi
}

inline take_pass(g, a, last)
{
    if
    :: a < G.proven -> G.proven = a
    :: else -> skip
    fi;
    if
    :: last && a < G.last_proven -> G.last_proven = a
    :: else -> skip
    fi;
    if
    :: G.state == FIRST -> G.state = SOAKING; G.soaked = 0
    :: G.state == LAST && G.last_proven < LEASE -> G.state = CONFIRMING; G.front = CONFIRM
    :: else -> skip
    fi
}

/* A statement that exists reaches the guard. */
#define MAY_GIVE(g, a, last) (IS_DECIDING(g) && ((!last && G.seen[a] != 0) || (last && G.seen_last[a] != 0)))
#define SAYS_FAIL(g, a, last) ((!last && G.seen[a] == 2) || (last && G.seen_last[a] == 2))
inline give(g, a, last)
{
    printf("@ give %d %d %d\n", g, a, last);
    if
    :: MAY_GIVE(g, a, last) ->
        if
        :: SAYS_FAIL(g, a, last) -> G.failing = true
        :: else -> take_pass(g, a, last)
        fi
    :: else -> skip
    fi
}

/* It quotes the latest hello: a controller can always ask for one. */
#define MAY_ABORT(g, a) (approved[a] && G.ended[a] == E_NONE && !(G.journal == STANDS && G.journal_attempt == a) && \
    (G.state == IDLE || (G.attempt == a && G.state != CONFIRMED && G.state != REVERTING && G.state != CLOSING)))
inline abort(g, a)
{
    printf("@ abort %d %d\n", g, a);
    if
    :: MAY_ABORT(g, a) && (G.state == IDLE || G.state == PREPARED || G.state == STARTING) ->
        G.attempt = a; forget_nonce(g); write_end(g, E_TOMBSTONE)
    :: MAY_ABORT(g, a) && IS_DECIDING(g) -> begin_revert(g)
    :: else -> skip
    fi
}

#define MAY_POP_NOW(g) (G.state == IDLE || G.state == PREPARED)
#define MAY_POP(g, a) (G.journal == STANDS && G.journal_attempt == a && MAY_POP_NOW(g) && \
    (!outdated[a] || (g != 0 && IS_FELLOW(0, a)) || (g != 1 && IS_FELLOW(1, a)) || (g != 2 && IS_FELLOW(2, a))))
inline pop(g, a)
{
    printf("@ pop %d %d\n", g, a);
    if
    :: MAY_POP(g, a) -> begin_pop(g)
    :: else -> skip
    fi
}

/* An operator's order names a generation that was made here; it may come late, and again. */
#define MAY_OBEY(g, a) (G.applied[a] && ((G.journal == STANDS && G.journal_attempt == a && MAY_POP_NOW(g)) || \
    (IS_DECIDING(g) && G.attempt == a)))
#define OBEYS_FOR_BODY(g, a) (G.applied[a] && G.journal == STANDS && G.journal_attempt != a && MAY_POP_NOW(g))
inline obey(g, a)
{
    printf("@ obey %d %d\n", g, a);
    if
    :: MAY_OBEY(g, a) && IS_DECIDING(g) -> begin_revert(g)
    :: MAY_OBEY(g, a) && !IS_DECIDING(g) -> begin_pop(g)
#if MUTANT == 5
    :: OBEYS_FOR_BODY(g, a) -> begin_pop(g); assert(G.attempt == a)
#endif
    :: else -> skip
    fi
}

/* The guard dies; so many of the records on their way to the disk have got there. It starts again. */
inline crash(g, got)
{
    printf("@ crash %d %d\n", g, got);
    if
    :: got > 0 && (G.state == STARTING || G.front == BEGIN) -> G.journal = OPEN; G.journal_attempt = G.attempt
#if MUTANT == 3
    :: got > 0 && G.front == CONFIRM -> G.journal = STANDS; G.told[G.attempt] = true
#endif
    :: got > 0 && G.state == CONFIRMED -> G.journal = STANDS; G.gone = 0; G.told[G.attempt] = true
    :: else -> skip
    fi;
    if
    :: (got > 1 || (got > 0 && G.front == NONE)) && G.state == CLOSING && G.end_asked -> take_end(g)
    :: else ->
        forget_nonce(g); forget_proofs(g);
        G.front = NONE; G.end = E_NONE; G.end_asked = false;
        if
        :: G.journal == NOTHING -> become_idle(g)
        :: G.journal == STANDS -> become_idle(g)
        :: G.journal == OPEN -> G.attempt = G.journal_attempt; begin_revert(g)
        :: G.journal == POPPING -> G.attempt = G.journal_attempt; G.pops = true; undo(g)
        fi
    fi
}

/* From its next change on nobody gets in. */
inline break_(g)
{
    printf("@ break %d\n", g);
    bad[g] = (G.state == STARTING)
}

inline stick(g)
{
    printf("@ stick %d\n", g);
    G.stuck = true
}

inline loosen(g)
{
    printf("@ loosen %d\n", g);
    G.stuck = false
}

inline expire(a)
{
    printf("@ expire %d\n", a);
    outdated[a] = true
}

/* Rule 20: when every target of the earlier one has ended, by receipts that came. */
#if MUTANT == 4
#define MAY_SIGN(a) (!approved[a])
#else
#define MAY_SIGN(a) (!approved[a] && ALL_ENDED(a - 1))
#endif
inline sign(a)
{
    printf("@ sign %d\n", a);
    if
    :: MAY_SIGN(a) -> approved[a] = true; outdated[a - 1] = true;
        for (h_ : 0 .. N - 1) { guards[h_].ended[a - 1] = E_REVERTED } /* in which way is not asked again */
        h_ = 0
    :: else -> skip
    fi
}

inline age_proofs(g)
{
    G.touched_for++;
    if :: G.state == CONFIRMING -> G.waits++ :: else -> skip fi;
    if :: G.proven < LEASE -> G.proven++ :: else -> skip fi;
    if :: G.last_proven < LEASE -> G.last_proven++ :: else -> skip fi;
    if :: G.looked < LEASE -> G.looked++ :: else -> skip fi;
    if :: G.proof_runs < SOAK && G.state != FIRST -> G.proof_runs++ :: else -> skip fi;
    if :: G.state != FIRST && G.soaked < SOAK + LEASE -> G.soaked++ :: else -> skip fi;
    G.seen[1] = G.seen[0]; G.seen[0] = 0;
    G.seen_last[1] = G.seen_last[0]; G.seen_last[0] = 0
}

#if MUTANT == 7
#define LEASE_IS_OVER(g) (G.state == FIRST && G.touched_for >= FIRST_WAIT)
#else
#define LEASE_IS_OVER(g) ((G.state == FIRST && G.touched_for >= FIRST_WAIT) || (G.state != FIRST && G.proven >= LEASE))
#endif
inline tick_deciding(g)
{
    age_proofs(g);
    if
    :: G.failing || LEASE_IS_OVER(g) || G.touched_for >= GIVE_UP -> begin_revert(g)
    :: else ->
        if
        :: G.state == SOAKING && G.soaked >= SOAK -> G.state = LAST
        :: else -> skip
        fi
    fi
}

#define IS_RELIED_ON(g) ((g < 1 && guards[1].relies[g]) || (g < 2 && guards[2].relies[g]))
inline tick_one(g)
{
    if
    :: !IS_RELIED_ON(g) -> G.gone = NONCE_AGE + 1 /* nobody has its word: it does not matter */
    :: IS_RELIED_ON(g) && G.gone <= NONCE_AGE -> G.gone++
    :: else -> skip
    fi;
    if
    :: G.state == PREPARED -> G.age++;
        if :: G.age >= NONCE_AGE -> become_idle(g) :: else -> skip fi
    :: G.state == STARTING && G.age < NONCE_AGE -> G.age++
    :: IS_DECIDING(g) -> tick_deciding(g)
    :: G.state == REVERTING -> undo(g)
    :: G.state == CLOSING && !G.end_asked -> G.end_asked = true
    :: else -> skip
    fi
}

byte g_;

inline tick()
{
    printf("@ tick\n");
    for (g_ : 0 .. N - 1) { tick_one(g_) }
    g_ = 0
}

inline say()
{
    printf("= %e %d %d %d,%d  %e %d %d %d,%d  %e %d %d %d,%d\n",
        guards[0].state, guards[0].rest, (guards[0].journal == STANDS -> guards[0].journal_attempt : 0), guards[0].ended[1] != E_NONE, guards[0].ended[2] != E_NONE,
        guards[1].state, guards[1].rest, (guards[1].journal == STANDS -> guards[1].journal_attempt : 0), guards[1].ended[1] != E_NONE, guards[1].ended[2] != E_NONE,
        guards[2].state, guards[2].rest, (guards[2].journal == STANDS -> guards[2].journal_attempt : 0), guards[2].ended[1] != E_NONE, guards[2].ended[2] != E_NONE)
}

inline begin()
{
    for (g_ : 0 .. N - 1) {
        guards[g_].state = IDLE; guards[g_].journal = NOTHING; guards[g_].front = NONE; guards[g_].end = E_NONE;
        guards[g_].proven = LEASE; guards[g_].last_proven = LEASE; guards[g_].looked = LEASE; guards[g_].gone = NONCE_AGE + 1;
        for (h_ : 0 .. 2) { guards[g_].ended[h_] = E_NONE }
    }
    g_ = 0; h_ = 0;
    approved[1] = true
}

#ifdef SCRIPT
#include "script.h"
/* A script of actions, one after the other; said is what came of each. */
byte op, x, y, z;
short at = 0;

inline act()
{
    if
    :: op == 0 -> tick()
    :: op == 1 -> prepare(x, y)
    :: op == 2 -> baseline(x)
    :: op == 3 -> stand(x, y)
    :: op == 4 -> start(x)
    :: op == 5 -> disk(x, y)
    :: op == 6 -> look(x, y, z)
    :: op == 7 -> give(x, y, z)
    :: op == 8 -> abort(x, y)
    :: op == 9 -> pop(x, y)
    :: op == 10 -> obey(x, y)
    :: op == 11 -> crash(x, y)
    :: op == 12 -> stick(x)
    :: op == 13 -> loosen(x)
    :: op == 14 -> break_(x)
    :: op == 15 -> expire(x)
    :: op == 16 -> sign(x)
    fi;
    say();
    assert_all()
}

active proctype script()
{
    begin();
    do
    :: at < LENGTH -> read_line(); act(); at++
    :: else -> break
    od
}
#else

#ifdef TRACE
/*
 * A trace of the simulator (sim --project): is there a way of the model's from each of its lines to
 * the next? What the lines leave out (who has proven what, the disk) may be whatever it takes, and of
 * time they say how old what is proven is, in ticks: here it may be no younger. Where a way to the last
 * line is found, that is the "error" that pan reports.
 */
byte line_; /* of the trace, that the guards are in */
byte words[N], stands[N], ages[N];
bool ends_1[N], ends_2[N];
bool at_next, at_this, is_over;

c_code {
    enum { TRACE_LINES = 250, TRACE_ITEMS = 15 };
    static int trace[TRACE_LINES][TRACE_ITEMS];
    static int trace_count, furthest;

    static void tell_furthest(void)
    {
        printf("trace: line %d of %d reached\n", furthest + 1, trace_count);
    }

    static void read_trace(void)
    {
        FILE *file = fopen(getenv("TRACE"), "r");
        int items = 0;

        while (file != NULL && items < TRACE_LINES * TRACE_ITEMS &&
               fscanf(file, "%d", &trace[items / TRACE_ITEMS][items % TRACE_ITEMS]) == 1)
            items++;
        trace_count = items / TRACE_ITEMS;
        atexit(tell_furthest);
    }

    static int is_said(int said, int is)
    {
        return said < 0 || said == is;
    }

    /* arrives: what is proven has got that old when it comes there; it is renewed behind that. */
    static int is_at(int line, int arrives)
    {
        for (int i = 0; i < 3; i++) {
            if (line >= trace_count || !is_said(trace[line][5 * i], now.words[i]) ||
                !is_said(trace[line][5 * i + 1], now.stands[i]) ||
                !is_said(trace[line][5 * i + 2], now.ends_1[i]) ||
                !is_said(trace[line][5 * i + 3], now.ends_2[i]) ||
                (arrives && trace[line][5 * i + 4] > now.ages[i]))
                return 0;
        }
        if (line > furthest)
            furthest = line;
        return 1;
    }
}

#define WORD(i) (guards[i].state == IDLE -> 0 : (guards[i].state == PREPARED -> 1 : \
    (guards[i].state == STARTING -> 2 : (guards[i].state == FIRST -> 3 : \
    (guards[i].state == SOAKING -> 4 : (guards[i].state == LAST -> 5 : \
    (guards[i].state == CONFIRMING || guards[i].state == CONFIRMED -> 6 : 7)))))))

/* In the line that it was in, or in the next. */
inline match()
{
    for (h_ : 0 .. N - 1) {
        words[h_] = WORD(h_);
        stands[h_] = (guards[h_].journal == STANDS -> guards[h_].journal_attempt : 0);
        ages[h_] = guards[h_].proven;
        ends_1[h_] = (guards[h_].ended[1] != E_NONE);
        ends_2[h_] = (guards[h_].ended[2] != E_NONE)
    }
    h_ = 0;
    c_code { now.at_next = is_at(now.line_ + 1, 1); now.at_this = is_at(now.line_, 0); };
    for (h_ : 0 .. N - 1) { words[h_] = 0; stands[h_] = 0; ages[h_] = 0; ends_1[h_] = false; ends_2[h_] = false }
    h_ = 0;
    if
    :: at_next -> line_++
    :: at_this -> skip
    fi;
    at_next = false; at_this = false;
    c_code { now.is_over = now.line_ + 1 == trace_count; };
    assert(!is_over)
}
#endif

byte g; /* whom it happens to */
byte a; /* which attempt */

/* Every node is as before, or every node has the change, and nothing is open. */
#define IS_QUIET(i) (guards[i].state == IDLE && (guards[i].journal == NOTHING || guards[i].journal == STANDS))
#define ALL_QUIET (IS_QUIET(0) && IS_QUIET(1) && IS_QUIET(2))

inline choose()
{
    if :: g = 0 :: g = 1 :: g = 2 fi;
    if :: a = 1
#if ATTEMPTS > 1
       :: a = 2
#endif
    fi
}

#if defined(LIVE) || defined(CALM)
/*
 * Faults have stopped and people answer: what a controller who means well does from here, one thing
 * after the other. Whatever the guards are in, it has to come to an end (invariant 5).
 */
byte c, w, steps;
bool idle_, goes_back;

#define OPEN_AT(i) (guards[i].state != IDLE)
#define HAS(i) (guards[i].state == IDLE && guards[i].journal == STANDS && guards[i].journal_attempt == c)
#define HAS_NOT(i) (guards[i].state == IDLE && guards[i].journal == NOTHING && guards[i].ended[c] != E_NONE)
#define ALL_HAVE (HAS(0) && HAS(1) && HAS(2))
#define NONE_HAS (HAS_NOT(0) && HAS_NOT(1) && HAS_NOT(2))

inline take_back(g)
{
    if
    :: MAY_POP(g, c) -> pop(g, c); idle_ = false
    :: !MAY_POP(g, c) && MAY_OBEY(g, c) && G.state == IDLE -> obey(g, c); idle_ = false
    :: MAY_ABORT(g, c) -> abort(g, c); idle_ = false
    :: else -> skip
    fi
}

inline prove(g)
{
    if
    :: G.state == LAST && G.seen_last[0] == 0 -> look(g, 0, 1); give(g, 0, 1); idle_ = false
    :: G.seen[0] == 0 && G.state != LAST -> look(g, 0, 0); give(g, 0, 0); idle_ = false
    :: else -> skip
    fi
}

inline advance(g)
{
    if
    :: MAY_PREPARE(g, c) -> prepare(g, c); idle_ = false
    :: MAY_BASELINE(g) -> baseline(g); idle_ = false
    :: MAY_STAND(0, g) -> stand(0, g); idle_ = false
    :: !MAY_STAND(0, g) && MAY_STAND(1, g) -> stand(1, g); idle_ = false
    :: MAY_START(g) && !MAY_STAND(0, g) && !MAY_STAND(1, g) -> start(g); idle_ = false
    :: IS_DECIDING(g) -> prove(g)
    :: else -> skip
    fi
}

inline tend(g)
{
    if
    :: IS_WRITING(g) -> disk(g, 1); idle_ = false
    :: !IS_WRITING(g) && goes_back -> take_back(g)
    :: !IS_WRITING(g) && !goes_back && (g == 0 || HAS(0)) && (g < 2 || HAS(1)) -> advance(g)
    :: else -> skip
    fi
}

inline settle()
{
    c = (approved[2] -> 2 : 1);
    guards[0].stuck = false; guards[1].stuck = false; guards[2].stuck = false;
    do
    :: ALL_HAVE || NONE_HAS -> break
    :: else ->
        assert(steps < 120);
        steps++;
        goes_back = outdated[c] || guards[0].ended[c] != E_NONE || guards[1].ended[c] != E_NONE || guards[2].ended[c] != E_NONE;
        idle_ = true;
        for (w : 0 .. N - 1) { tend(w) }
        w = 0;
        if
        :: idle_ -> tick()
        :: else -> skip
        fi;
        assert_all()
    od;
    steps = 0; c = 0; w = 0; idle_ = false; goes_back = false
}
#endif

#ifdef CALM
active proctype calm()
{
    atomic { begin(); settle(); assert(guards[0].journal == STANDS && guards[1].journal == STANDS && guards[2].journal == STANDS) }
}
#else

active proctype world()
{
    d_step { begin() };
#ifdef TRACE
    c_code { read_trace(); };
#endif
    do
    :: atomic {
        choose();
        if
        :: MAY_PREPARE(g, a) -> prepare(g, a)
        :: MAY_ABORT(g, a) -> abort(g, a)
        :: MAY_POP(g, a) -> pop(g, a)
        :: MAY_OBEY(g, a) -> obey(g, a)
#if MUTANT == 5
        :: OBEYS_FOR_BODY(g, a) -> obey(g, a)
#endif
        :: a == 1 && MAY_BASELINE(g) -> baseline(g)
        :: a == 1 && MAY_STAND(0, g) -> stand(0, g)
        :: a == 1 && MAY_STAND(1, g) -> stand(1, g)
        :: a == 1 && MAY_START(g) -> start(g)
        :: a == 1 && HAS_NONCE(g, 0) && G.seen[0] == 0 -> look(g, 0, 0)
        :: a == 1 && HAS_NONCE(g, 1) && G.seen[1] == 0 -> look(g, 1, 0)
        :: a == 1 && HAS_LAST(g, 0) && G.seen_last[0] == 0 -> look(g, 0, 1)
        :: a == 1 && HAS_LAST(g, 1) && G.seen_last[1] == 0 -> look(g, 1, 1)
        :: a == 1 && MAY_GIVE(g, 0, 0) -> give(g, 0, 0)
        :: a == 1 && MAY_GIVE(g, 1, 0) -> give(g, 1, 0)
        :: a == 1 && MAY_GIVE(g, 0, 1) -> give(g, 0, 1)
        :: a == 1 && MAY_GIVE(g, 1, 1) -> give(g, 1, 1)
        :: a == 1 && IS_WRITING(g) -> disk(g, 1)
        :: a == 1 && G.state == STARTING -> break_(g); disk(g, 1)
        :: a == 1 && IS_WRITING(g) && faults < FAULTS -> faults++; disk(g, 0)
        :: a == 1 && faults < FAULTS -> faults++; crash(g, 0)
        :: a == 1 && faults < FAULTS && IS_WRITING(g) -> faults++; crash(g, 1)
        :: a == 1 && faults < FAULTS && IS_WRITING(g) && G.front != NONE -> faults++; crash(g, 2)
        :: a == 1 && faults < FAULTS && !G.stuck && G.pref -> faults++; stick(g)
        :: a == 1 && G.stuck -> loosen(g)
        :: g == 0 && approved[a] && !outdated[a] -> expire(a)
#if ATTEMPTS > 1
        :: g == 0 && a == 2 && MAY_SIGN(2) -> sign(2)
#endif
        :: g == 0 && a == 1 -> tick()
        fi;
        say();
        g = 0; a = 0;
        assert_all();
#ifdef TRACE
        match();
        faults = 0; /* as many as it takes */
#endif
#ifdef REACH
        assert(!(REACH))
#endif
    }
#ifdef LIVE
    :: atomic { settle() } -> break
#endif
    od
}
#endif
#endif
