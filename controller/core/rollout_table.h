/*
 * rollout_table: the rollout machine's rows: from which state, on what, under which condition, to
 * which state, doing what, because of which sentence. First row that fits wins.
 */
#ifndef CONTROLLER_CORE_ROLLOUT_TABLE_H
#define CONTROLLER_CORE_ROLLOUT_TABLE_H

#include "controller/core/rollout.h"

/* Rows on EVENT_LOOK are looked at behind every event, until none fits. */
enum { EVENT_LOOK = ROLLOUT_EVENT_COUNT };

enum {
    ROLLOUT_BREATH_MS = 1000,       /* before a refused abort or pop learns again */
    ROLLOUT_RETRY_MS = 5000,        /* what is not answered is asked again */
    ROLLOUT_SLOW_RETRY_MS = 30000,  /* of what is listed */
    ROLLOUT_LINGER_MS = 3000,       /* for witnesses beyond the quorum, before a start */
    ROLLOUT_NONCE_AGE_MS = 27000,   /* guards accept 30 s from the issue; some are the way's */
    ROLLOUT_SILENT_MS = 15000,      /* then it is said that it does not answer */
    ROLLOUT_UNREACHABLE_MS = 30000, /* then a revert goes past it */
    ROLLOUT_GATES_MS = 10000,       /* then the gates are asked again */
    ROLLOUT_AWAIT_MS = 2000,        /* the same, when they lack what has not come yet; it doubles */
    ROLLOUT_AWAIT_SLOW_MS = 30000,
    ROLLOUT_AWAIT_MAX_MS = 180000,   /* then it has not come, and a person is asked */
    ROLLOUT_GATES_OLD_MS = 60000,    /* no start over a nonce that is so much younger */
    ROLLOUT_REFUSALS_MAX = 3,        /* equal ones: then a person is asked */
    ROLLOUT_REVERT_REFUSALS_MAX = 5, /* then the revert goes past it */
};

/* Of a node that is listed because the way back went past it. */
#define ROLLOUT_NO_ANSWER "it does not answer"

/* What a condition may look at and an action may change. */
struct rollout_move {
    struct rollout *rollout;
    const struct rollout_event *ev;
    struct rollout_effects *effects;
    struct target *target; /* the event's node; NULL: none of the rollout */
    bool answers_again;    /* the event's node was said to be silent */
    bool receipt_is_news, newly_on_trial;
    char detail[REASON_SIZE]; /* goes behind the row's sentence; an action may write it */
};

struct rollout_transition {
    unsigned from; /* bits by state */
    unsigned on;   /* an event, or EVENT_LOOK */
    bool (*fits)(const struct rollout_move *move);
    enum rollout_state to; /* ROLLOUT_STATE_COUNT: stays */
    void (*act)(struct rollout_move *move);
    const char *because;
    bool quiet;
    const char *if_name, *do_name;
};

/* The row for this event, noted in rollout->rows, or NULL. */
const struct rollout_transition *rollout_table_find(const struct rollout_move *move, unsigned on);

/* What the event says of its node, taken before the rows are looked at. In rollout_facts.c. */
void rollout_take_facts(struct rollout_move *move);

/* The event's who, where and why, to detail. In rollout.c. */
void rollout_say_event(struct rollout_move *move);

/* What each target is waited for, kept over a step. In rollout_wait.c. */
struct rollout_waits {
    enum rollout_state state;
    bool is_back;
    uint8_t waits[NODES_MAX];
};
void rollout_note_waits(const struct rollout *rollout, struct rollout_waits *ret_waits);
/* It still waits for part of what it waited for before: the same wait, whoever else has come. */
bool rollout_waits_still(const struct rollout *rollout, const struct rollout_waits *before);

/* It stands, and is popped when those before it are back. In rollout_tend.c. */
bool rollout_awaits_turn(const struct rollout *rollout, const struct target *target);
/* Sends what is owed to each target now, and says when to look again. In rollout_tend.c. */
void rollout_tend(struct rollout_move *move);

/* Asks everybody who has not yet answered over its prepare nonce. In rollout_act.c. */
void rollout_ask_statements(struct rollout_move *move, struct target *target);

/* Room for that many effects and the lines that end a step. */
bool rollout_has_room(const struct rollout_effects *effects, uint32_t count);

/* Whose proofs its start still lacks: "2 witnesses see it and are well, 2 are needed". In
 * rollout_act.c. */
void rollout_say_missing(const struct rollout *rollout, const struct target *target,
                         struct text *out);

/* In rollout_find.c: what several files ask of a rollout. NULL, false: there is none. */
struct target *rollout_find(struct rollout *rollout, const char *node);
uint32_t rollout_index(const struct rollout *rollout, const struct target *target);
bool rollout_in_stage(const struct rollout *rollout, const struct target *target);
bool rollout_is_reverting(const struct rollout *rollout);
bool rollout_stage_done(const struct rollout *rollout);
/* Bits of the targets of all earlier stages: whose guards have to say that they stand. */
uint64_t rollout_earlier(const struct rollout *rollout, const struct target *target);
bool rollout_has_proofs(const struct rollout *rollout, const struct target *target);
/* When its start, or the end of its nonce, is to be looked at; MONO_NEVER: it is not prepared. */
mono_t rollout_gathers_until(const struct rollout *rollout, const struct target *target);
/* It has prepared so long behind the gates that it must not start on them. Those that pass are good
 * for one whole prepare: each comes to its start. Who is silent is waited for; what it prepares
 * when it returns is looked at. */
bool rollout_gates_are_old(const struct rollout *rollout, const struct target *target);
/* Its receipt is needed before anything else: what it says does not agree with what it signed. */
bool rollout_owes_receipt(const struct target *target);
/* When it is said to be silent, or passed by a revert; MONO_NEVER: not to be. */
mono_t rollout_silent_at(const struct rollout *rollout, const struct target *target);
/* First target of which an answer is true; NULL: none. */
typedef bool rollout_question_fn(const struct rollout *rollout, const struct target *target);
struct target *rollout_first(const struct rollout *rollout, rollout_question_fn *question);
/* The same, of those in its stage: for what is true of no other. */
struct target *rollout_first_in_stage(const struct rollout *rollout, rollout_question_fn *question);
rollout_question_fn rollout_has_failed, rollout_stands_unasked, rollout_may_start,
    rollout_nonce_went_by, rollout_is_newly_silent, rollout_is_newly_passed,
    rollout_was_refused_for_good, rollout_is_being_proven, rollout_is_unknown_to_guard;

/* Conditions, in rollout_if.c: one question each. */
typedef bool rollout_condition_fn(const struct rollout_move *move);
rollout_condition_fn rollout_if_always, rollout_if_names_target, rollout_if_names_all,
    rollout_if_names_standing, rollout_if_all_and_some_stand, rollout_if_freezes_trial,
    rollout_if_freezes_target, rollout_if_holds_next_stage, rollout_if_holds_rest,
    rollout_if_has_open_trial, rollout_if_gates_pass, rollout_if_gates_say_no,
    rollout_if_is_offered, rollout_if_is_renewal, rollout_if_newly_on_trial, rollout_if_is_on_trial,
    rollout_if_nonce_was_late, rollout_if_refused_too_often, rollout_if_refuses_change,
    rollout_if_denies_standing, rollout_if_confirms, rollout_if_ends, rollout_if_is_incomplete,
    rollout_if_answers_again, rollout_if_someone_failed, rollout_if_stands_unasked,
    rollout_if_begun_is_unknown, rollout_if_learned_all_confirmed, rollout_if_learned_and_may_pass,
    rollout_if_learned_and_stage_done, rollout_if_learned_and_on_trial, rollout_if_learned,
    rollout_if_gates_are_slow, rollout_if_gates_await, rollout_if_all_confirmed,
    rollout_if_stage_done_and_pauses, rollout_if_stage_done, rollout_if_rest_is_not_offered,
    rollout_if_offers, rollout_if_gates_are_old, rollout_if_gates_are_old_on_trial,
    rollout_if_may_start, rollout_if_nonce_went_by, rollout_if_newly_silent,
    rollout_if_newly_passed, rollout_if_refused_lastingly, rollout_if_refused_for_good,
    rollout_if_all_back_but_removed, rollout_if_asked_back_but_removed,
    rollout_if_names_wanted_back, rollout_if_all_back_aborted, rollout_if_all_back,
    rollout_if_all_back_but_listed;

/* Actions: ahead in rollout_act.c, back in rollout_revert.c. */
typedef void rollout_action_fn(struct rollout_move *move);
rollout_action_fn rollout_do_nothing, rollout_do_learn_all, rollout_do_go_on, rollout_do_try_again,
    rollout_do_withdraw, rollout_do_ask_gates, rollout_do_ask_gates_again, rollout_do_next_stage,
    rollout_do_prepare_stage, rollout_do_say_no, rollout_do_await_facts, rollout_do_ask_statements,
    rollout_do_start, rollout_do_forget_nonce, rollout_do_ask_renewals, rollout_do_forward,
    rollout_do_note_receipt, rollout_do_note_answer, rollout_do_note_trial, rollout_do_learn_one,
    rollout_do_say_silent, rollout_do_say_stage, rollout_do_say_unasked, rollout_do_say_unknown,
    rollout_do_fail, rollout_do_revert, rollout_do_take_back, rollout_do_take_back_one,
    rollout_do_take_back_first, rollout_do_take_back_at_once, rollout_do_list,
    rollout_do_list_refused, rollout_do_say_listed, rollout_do_let_go, rollout_do_let_go_and_revert,
    rollout_do_say_removed;

#endif
