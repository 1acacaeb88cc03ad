/*
 * check: the kinds of checks, and which parameters each of them takes.
 */
#include "common/change/check.h"

#include "common/core/name.h"
#include "common/core/text.h"

enum parameter {
    DESTINATION = 1 << 0,
    FROM = 1 << 1,
    IIF = 1 << 2,
    DEVICE = 1 << 3,
    GATEWAY = 1 << 4,
    TABLE = 1 << 5,
    PRIORITY = 1 << 6,
    MTU = 1 << 7,
    TO = 1 << 8,
    PORT = 1 << 9,
    URL = 1 << 10,
    USE = 1 << 11,
    NAME_OF = 1 << 12,
    EXPECT = 1 << 13,
    LEVEL = 1 << 14,
    HOST_KEY = 1 << 15,
};
enum { PARAMETERS_COUNT = 16 };

/* As they stand in a file; NAME_OF is called by what it names there. */
static const char *const parameter_names[] = {
    "destination", "from", "iif", "device", "gateway", "table",  "priority", "mtu",
    "to",          "port", "url", "use",    "name_of", "expect", "level",    "host_key"};
_Static_assert(sizeof(parameter_names) / sizeof(parameter_names[0]) == PARAMETERS_COUNT,
               "name every parameter");

/* A rule's priority may be 0, so it cannot be told from one that was not given: never `needed`. */
static const struct {
    const char *name;
    unsigned needed;   /* all of them */
    unsigned one_of;   /* at least one of them */
    unsigned optional; /* these too */
} kinds[] = {
    [CHECK_ROUTE] = {"route", DESTINATION, DEVICE | GATEWAY | TABLE, FROM | IIF},
    [CHECK_REPLY_PATH] = {"reply-path", 0, 0, DESTINATION | FROM | DEVICE},
    [CHECK_RULES] = {"rules", 0, 0, PRIORITY | TABLE | FROM | DESTINATION | EXPECT},
    [CHECK_LINK] = {"link", DEVICE, 0, MTU},
    [CHECK_ADDRESS] = {"address", DEVICE | NAME_OF, 0, 0},
    [CHECK_SYSCTL] = {"sysctl", NAME_OF | EXPECT, 0, 0},
    [CHECK_TAILSCALE] = {"tailscale", 0, 0, 0},
    [CHECK_EXIT_NODE] = {"exit-node", USE, 0, 0},
    [CHECK_EGRESS_ADDRESS] = {"egress-address", URL | EXPECT, 0, 0},
    [CHECK_TCP] = {"tcp", TO | PORT, 0, FROM},
    [CHECK_SSH] = {"ssh", TO | PORT, 0, LEVEL | HOST_KEY},
    [CHECK_API_SERVER_PATH] = {"api-server-path", TO | PORT, 0, 0},
    [CHECK_CONTROLLER] = {"controller", 0, 0, 0},
};
_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == CHECK_KIND_COUNT, "describe every kind");

enum { SSH_PORT = 22, INTERVAL_MAX_S = 86400, TIMEOUT_MAX_MS = 60000, REPEATS_MAX = 100 };

const char *check_kind_name(enum check_kind kind)
{
    return kind < CHECK_KIND_COUNT ? kinds[kind].name : "?";
}

bool check_kind_parse(const char *text, enum check_kind *ret_kind)
{
    for (unsigned i = 0; i < CHECK_KIND_COUNT; i++) {
        if (text_equal(text, kinds[i].name)) {
            *ret_kind = (enum check_kind)i;
            return true;
        }
    }
    return false;
}

void check_set_defaults(struct check *check)
{
    if (check->interval_s == 0)
        check->interval_s = 30;
    if (check->timeout_ms == 0)
        check->timeout_ms = 5000;
    if (check->attempts == 0)
        check->attempts = 1;
    if (check->passes == 0)
        check->passes = 1;
    if (check->kind == CHECK_SSH && check->port == 0)
        check->port = SSH_PORT;
}

static unsigned given_parameters(const struct check *check)
{
    const bool given[PARAMETERS_COUNT] = {
        check->destination.address.family != FAMILY_NONE,
        address_is_set(&check->from),
        check->iif[0] != '\0',
        check->device[0] != '\0',
        address_is_set(&check->gateway),
        check->table != 0,
        check->priority != 0,
        check->mtu != 0,
        check->to[0] != '\0',
        check->port != 0,
        check->url[0] != '\0',
        check->use[0] != '\0',
        check->name_of[0] != '\0',
        check->expect[0] != '\0',
        check->level != CHECK_LEVEL_BANNER,
        check->host_key[0] != '\0',
    };
    unsigned bits = 0;

    for (unsigned i = 0; i < PARAMETERS_COUNT; i++)
        bits |= given[i] ? 1U << i : 0;
    return bits;
}

/* "to, port" */
static const char *name_parameters(unsigned bits, char *to, size_t size)
{
    struct text text;

    text_init(&text, to, size);
    for (unsigned i = 0; i < PARAMETERS_COUNT; i++) {
        if (bits & 1U << i)
            text_add(&text, "%s%s", text.len > 0 ? ", " : "", parameter_names[i]);
    }
    return bits != 0 ? to : "none";
}

static bool validate_parameters(const struct check *check, struct err *err)
{
    unsigned given = given_parameters(check);
    unsigned needed = kinds[check->kind].needed;
    unsigned one_of = kinds[check->kind].one_of;
    unsigned taken = needed | one_of | kinds[check->kind].optional;
    char left[REASON_SIZE];
    char right[REASON_SIZE];

    if (given & ~taken)
        return err_set(err, ERR_INPUT, "kind %s takes no %s; accepted are: %s",
                       kinds[check->kind].name, name_parameters(given & ~taken, left, sizeof(left)),
                       name_parameters(taken, right, sizeof(right)));
    if (needed & ~given)
        return err_set(err, ERR_INPUT, "kind %s needs %s", kinds[check->kind].name,
                       name_parameters(needed & ~given, left, sizeof(left)));
    if (one_of != 0 && (one_of & given) == 0)
        return err_set(err, ERR_INPUT, "kind %s needs one of: %s", kinds[check->kind].name,
                       name_parameters(one_of, left, sizeof(left)));
    return true;
}

static bool validate_number(const char *what, unsigned value, unsigned max, struct err *err)
{
    if (value >= 1 && value <= max)
        return true;
    return err_set(err, ERR_INPUT, "%s %u: accepted are 1 to %u", what, value, max);
}

static bool validate_content(const struct check *check, struct err *err)
{
    if (check->kind >= CHECK_KIND_COUNT || check->severity >= SEVERITY_COUNT ||
        check->level > CHECK_LEVEL_HOST_KEY)
        return err_set(err, ERR_INPUT, "kind %u, severity %u or level %u is not known",
                       (unsigned)check->kind, (unsigned)check->severity, (unsigned)check->level);
    if (!validate_number("interval", check->interval_s, INTERVAL_MAX_S, err) ||
        !validate_number("timeout in ms", check->timeout_ms, TIMEOUT_MAX_MS, err) ||
        !validate_number("attempts", check->attempts, REPEATS_MAX, err) ||
        !validate_number("passes", check->passes, REPEATS_MAX, err))
        return false;
    if (check->url[0] != '\0' && !text_starts(check->url, "http://") &&
        !text_starts(check->url, "https://"))
        return err_set(err, ERR_INPUT, "url '%.120s': accepted are http:// and https://",
                       check->url);
    return validate_parameters(check, err);
}

bool check_validate(const struct check *check, struct err *err)
{
    if (!name_check("check", check->name, err))
        return false;
    if (!validate_content(check, err))
        return err_wrap(err, "check %s", check->name);
    return true;
}
