/*
 * refusals: which refusals were told lately.
 */
#include "controller/core/refusals.h"

#include "common/core/text.h"

static bool is_over(const struct refusal *refusal, mono_t now)
{
    return now >= mono_add(refusal->since, REFUSALS_AGAIN_MS);
}

static bool is_same(const struct refusal *refusal, const char *who, const char *what)
{
    char cut_who[NAME_SIZE];
    char cut_what[REASON_SIZE];

    text_copy(cut_who, sizeof(cut_who), who);
    text_copy(cut_what, sizeof(cut_what), what);
    return refusal->used && text_equal(refusal->who, cut_who) &&
           text_equal(refusal->what, cut_what);
}

static void begin(struct refusal *refusal, const char *who, const char *what, mono_t now)
{
    *refusal = (struct refusal){.used = true, .since = now};
    text_copy(refusal->who, sizeof(refusal->who), who);
    text_copy(refusal->what, sizeof(refusal->what), what);
}

bool refusals_take(struct refusals *refusals, const char *who, const char *what, mono_t now)
{
    struct refusal *place = NULL;

    for (uint32_t i = 0; i < REFUSALS_MAX; i++) {
        struct refusal *at = &refusals->list[i];

        if (is_same(at, who, what) && !is_over(at, now)) {
            at->more++;
            return false;
        }
        if (place == NULL && (!at->used || is_over(at, now)))
            place = at;
    }
    if (place == NULL) {
        if (!refusals->others.used)
            begin(&refusals->others, "others", "refusals of others", now);
        refusals->others.more++;
        return false;
    }
    begin(place, who, what, now);
    return true;
}

bool refusals_take_over(struct refusals *refusals, mono_t now, struct refusal *ret_refusal)
{
    for (uint32_t i = 0; i <= REFUSALS_MAX; i++) {
        struct refusal *at = i < REFUSALS_MAX ? &refusals->list[i] : &refusals->others;

        if (!at->used || !is_over(at, now))
            continue;
        *ret_refusal = *at;
        at->used = false;
        if (ret_refusal->more > 0)
            return true;
    }
    return false;
}
