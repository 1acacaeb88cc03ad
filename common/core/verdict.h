/*
 * verdict: the answer of a check or a gate, with what was expected and what was observed.
 *
 * unknown is never treated as pass.
 */
#ifndef COMMON_CORE_VERDICT_H
#define COMMON_CORE_VERDICT_H

#include <stdbool.h>

#include "common/core/limits.h"

enum verdict_value { VERDICT_UNKNOWN, VERDICT_PASS, VERDICT_FAIL, VERDICT_VALUE_COUNT };

enum severity { SEVERITY_CRITICAL, SEVERITY_WARNING, SEVERITY_COUNT };

struct verdict {
    char check[NAME_SIZE];
    enum verdict_value value;
    enum severity severity;
    char expected[REASON_SIZE];
    char observed[REASON_SIZE];
    unsigned took_ms;
};

/* "unknown", "pass", "fail"; parse is false for anything else. */
const char *verdict_format(enum verdict_value value);
bool verdict_parse(const char *text, enum verdict_value *ret_value);

const char *severity_format(enum severity severity);
bool severity_parse(const char *text, enum severity *ret_severity);

/* Of several: fail if one fails, else unknown if one is unknown, else pass. */
enum verdict_value verdict_worst(enum verdict_value a, enum verdict_value b);

/* Fills value, expected and observed in one go; both texts are shortened to REASON_SIZE. */
void verdict_set(struct verdict *verdict, enum verdict_value value, const char *expected,
                 const char *observed);

#endif
