/*
 * window: when in the week changes may be made.
 */
#include "controller/core/window.h"

#include <stddef.h>
#include <string.h>

#include "common/core/text.h"

enum { DAYS = 7, DAY_S = 86400, EPOCH_DAY = 3 /* 1970-01-01 was a thursday */ };

static const char *const day_names[DAYS] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

/* Moves *text behind it. */
static bool take_day(const char **text, unsigned *ret_day)
{
    for (unsigned i = 0; i < DAYS; i++) {
        if (text_starts(*text, day_names[i])) {
            *text += strlen(day_names[i]);
            *ret_day = i;
            return true;
        }
    }
    return false;
}

/* "sat-mon" goes over the end of the week. */
static bool take_days(const char **text, unsigned *ret_days)
{
    unsigned first;
    unsigned last;

    if (!take_day(text, &first))
        return false;
    last = first;
    if (**text == '-') {
        (*text)++;
        if (!take_day(text, &last))
            return false;
    }
    *ret_days = 1u << last;
    for (unsigned i = first; i != last; i = (i + 1) % DAYS)
        *ret_days |= 1u << i;
    return true;
}

static bool take_two_digits(const char **text, unsigned *ret_number)
{
    const char *at = *text;

    if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
        return false;
    *ret_number = (unsigned)(at[0] - '0') * 10 + (unsigned)(at[1] - '0');
    *text += 2;
    return true;
}

static bool take_sign(const char **text, char sign)
{
    if (**text != sign)
        return false;
    (*text)++;
    return true;
}

/* "08:00"; "24:00" is the day's end. */
static bool take_time(const char **text, unsigned *ret_s)
{
    unsigned hours;
    unsigned minutes;

    if (!take_two_digits(text, &hours) || !take_sign(text, ':') ||
        !take_two_digits(text, &minutes) || minutes > 59)
        return false;
    *ret_s = hours * 3600 + minutes * 60;
    return *ret_s <= DAY_S;
}

bool window_parse(const char *text, struct window *ret_window, struct err *err)
{
    struct window window = {0};
    const char *at = text;

    if (take_days(&at, &window.days) && take_sign(&at, ' ') && take_time(&at, &window.from_s) &&
        take_sign(&at, '-') && take_time(&at, &window.until_s) && *at == '\0' &&
        window.from_s < window.until_s) {
        *ret_window = window;
        return true;
    }
    return err_set(err, ERR_INPUT,
                   "window '%.80s': accepted are days and times of one day in UTC, as "
                   "'mon-fri 08:00-16:00' or 'sat 22:00-24:00'",
                   text);
}

static bool is_on_day(const struct window *window, int64_t day)
{
    return (window->days & 1u << ((day + EPOCH_DAY) % DAYS)) != 0;
}

bool window_is_open(const struct window *window, int64_t now)
{
    int64_t second = now % DAY_S;

    return is_on_day(window, now / DAY_S) && second >= window->from_s && second < window->until_s;
}

int64_t window_opens_at(const struct window *window, int64_t now)
{
    int64_t day = now / DAY_S;

    while (!is_on_day(window, day) || day * DAY_S + window->until_s <= now)
        day++;
    return day * DAY_S + window->from_s;
}
