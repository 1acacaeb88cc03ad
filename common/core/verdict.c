/*
 * verdict: the answer of a check or a gate, with what was expected and what was observed.
 */
#include "common/core/verdict.h"

#include "common/core/text.h"

static const char *const value_names[] = {
    [VERDICT_UNKNOWN] = "unknown",
    [VERDICT_PASS] = "pass",
    [VERDICT_FAIL] = "fail",
};
_Static_assert(sizeof(value_names) / sizeof(value_names[0]) == VERDICT_VALUE_COUNT, "name each");

static const char *const severity_names[] = {
    [SEVERITY_CRITICAL] = "critical",
    [SEVERITY_WARNING] = "warning",
};
_Static_assert(sizeof(severity_names) / sizeof(severity_names[0]) == SEVERITY_COUNT, "name each");

const char *verdict_format(enum verdict_value value)
{
    return value < VERDICT_VALUE_COUNT ? value_names[value] : "unknown";
}

bool verdict_parse(const char *text, enum verdict_value *ret_value)
{
    for (unsigned i = 0; i < VERDICT_VALUE_COUNT; i++) {
        if (text_equal(text, value_names[i])) {
            *ret_value = (enum verdict_value)i;
            return true;
        }
    }
    return false;
}

const char *severity_format(enum severity severity)
{
    return severity < SEVERITY_COUNT ? severity_names[severity] : "critical";
}

bool severity_parse(const char *text, enum severity *ret_severity)
{
    for (unsigned i = 0; i < SEVERITY_COUNT; i++) {
        if (text_equal(text, severity_names[i])) {
            *ret_severity = (enum severity)i;
            return true;
        }
    }
    return false;
}

enum verdict_value verdict_worst(enum verdict_value a, enum verdict_value b)
{
    if (a == VERDICT_FAIL || b == VERDICT_FAIL)
        return VERDICT_FAIL;
    if (a == VERDICT_UNKNOWN || b == VERDICT_UNKNOWN)
        return VERDICT_UNKNOWN;
    return VERDICT_PASS;
}

void verdict_set(struct verdict *verdict, enum verdict_value value, const char *expected,
                 const char *observed)
{
    verdict->value = value;
    text_shorten(verdict->expected, sizeof(verdict->expected), expected);
    text_shorten(verdict->observed, sizeof(verdict->observed), observed);
}
