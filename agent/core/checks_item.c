/*
 * checks_item: judges of plain items of the snapshot: rules, link, address, sysctl, Tailscale.
 */
#include "agent/core/checks_judge.h"

#include <stdio.h>
#include <string.h>

#include "common/core/text.h"
#include "common/net/render.h"

/* ---- rules ----------------------------------------------------------------------------------- */

static bool selects_host(const struct prefix *selector, const struct address *host)
{
    return selector->len == address_bits(host->family) && address_equal(&selector->address, host);
}

static bool is_rule(const struct check *check, const struct rule *rule)
{
    char line[REASON_SIZE] = "";
    struct text text = TEXT_IN(line);

    if (rule->priority != check->priority || (check->table != 0 && rule->table != check->table))
        return false;
    if (address_is_set(&check->from) && !selects_host(&rule->source, &check->from))
        return false;
    if (check->destination.len > 0 && !prefix_equal(&rule->destination, &check->destination))
        return false;
    render_rule(rule, &text);
    return check->expect[0] == '\0' || strstr(line, check->expect) != NULL;
}

static void describe_rule(const struct check *check, struct text *out)
{
    char text[PREFIX_TEXT_SIZE];

    text_add(out, "a rule of priority %u", check->priority);
    if (address_is_set(&check->from))
        text_add(out, " from %s", address_format(&check->from, text));
    if (check->destination.len > 0)
        text_add(out, " to %s", prefix_format(&check->destination, text));
    if (check->table != 0) {
        text_add(out, " lookup ");
        render_table(check->table, out);
    }
    if (check->expect[0] != '\0')
        text_add(out, " with '%.80s'", check->expect);
}

/* Those that have the priority but not the rest. */
static void describe_others(const struct judgement *judgement, struct text *out)
{
    for (size_t i = 0; i < judgement->snapshot->rules_count; i++) {
        if (judgement->snapshot->rules[i].priority != judgement->check->priority)
            continue;
        text_add(out, out->len > 0 ? ", " : "only ");
        render_rule(&judgement->snapshot->rules[i], out);
    }
    if (out->len == 0)
        text_add(out, "no rule of that priority");
}

void judge_rules(const struct judgement *judgement)
{
    char expected[REASON_SIZE] = "";
    char observed[REASON_SIZE] = "";
    struct text wanted = TEXT_IN(expected);
    struct text found = TEXT_IN(observed);

    describe_rule(judgement->check, &wanted);
    for (size_t i = 0; i < judgement->snapshot->rules_count; i++) {
        if (!is_rule(judgement->check, &judgement->snapshot->rules[i]))
            continue;
        render_rule(&judgement->snapshot->rules[i], &found);
        verdict_set(judgement->verdict, VERDICT_PASS, expected, observed);
        return;
    }
    describe_others(judgement, &found);
    verdict_set(judgement->verdict, VERDICT_FAIL, expected, observed);
}

/* ---- link, address --------------------------------------------------------------------------- */

void judge_link(const struct judgement *judgement)
{
    const struct check *check = judgement->check;
    const struct link *link = snapshot_find_device(judgement->snapshot, check->device);
    char expected[REASON_SIZE];
    char observed[REASON_SIZE];
    bool good;

    if (check->mtu != 0)
        snprintf(expected, sizeof(expected), "%s up with carrier, mtu %u", check->device,
                 check->mtu);
    else
        snprintf(expected, sizeof(expected), "%s up with carrier", check->device);
    if (link == NULL) {
        verdict_set(judgement->verdict, VERDICT_FAIL, expected, "no such device");
        return;
    }
    good = link->up && link->carrier && (check->mtu == 0 || link->mtu == check->mtu);
    snprintf(observed, sizeof(observed), "%s, %s, mtu %u", link->up ? "up" : "down",
             link->carrier ? "carrier" : "no carrier", link->mtu);
    verdict_set(judgement->verdict, good ? VERDICT_PASS : VERDICT_FAIL, expected, observed);
}

static void list_addresses(const struct judgement *judgement, uint32_t link, struct text *out)
{
    for (size_t i = 0; i < judgement->snapshot->addresses_count; i++) {
        const struct link_address *at = &judgement->snapshot->addresses[i];
        char text[ADDRESS_TEXT_SIZE];

        if (at->link == link)
            text_add(out, "%s%s/%u", out->len > 0 ? ", " : "", address_format(&at->address, text),
                     at->prefix_len);
    }
    if (out->len == 0)
        text_add(out, "no address");
}

static bool has_address(const struct judgement *judgement, uint32_t link,
                        const struct prefix *wanted, bool with_length)
{
    for (size_t i = 0; i < judgement->snapshot->addresses_count; i++) {
        const struct link_address *at = &judgement->snapshot->addresses[i];

        if (at->link == link && address_equal(&at->address, &wanted->address) &&
            (!with_length || at->prefix_len == wanted->len))
            return true;
    }
    return false;
}

/* "203.0.113.10" or "203.0.113.10/24"; prefix_parse would cut the host's bits. */
static bool parse_address(const char *text, struct prefix *ret_wanted, bool *ret_with_length)
{
    const char *slash = strchr(text, '/');
    char address[ADDRESS_TEXT_SIZE];
    unsigned long long len = 0;

    *ret_with_length = slash != NULL;
    if (slash != NULL && !text_parse_u64(slash + 1, 128, &len))
        return false;
    if ((size_t)snprintf(address, sizeof(address), "%.*s",
                         slash != NULL ? (int)(slash - text) : (int)sizeof(address),
                         text) >= sizeof(address))
        return false;
    ret_wanted->len = (uint8_t)len;
    return address_parse(address, &ret_wanted->address);
}

void judge_address(const struct judgement *judgement)
{
    const struct check *check = judgement->check;
    const struct link *link = snapshot_find_device(judgement->snapshot, check->device);
    char expected[REASON_SIZE];
    char observed[REASON_SIZE] = "";
    struct text found = TEXT_IN(observed);
    struct prefix wanted;
    bool with_length;

    snprintf(expected, sizeof(expected), "%.60s on %s", check->name_of, check->device);
    if (!parse_address(check->name_of, &wanted, &with_length)) {
        verdict_set(judgement->verdict, VERDICT_UNKNOWN, expected,
                    "what is expected is no address: accepted are 203.0.113.10 and "
                    "203.0.113.10/24");
        return;
    }
    if (link == NULL) {
        verdict_set(judgement->verdict, VERDICT_FAIL, expected, "no such device");
        return;
    }
    list_addresses(judgement, link->index, &found);
    verdict_set(judgement->verdict,
                has_address(judgement, link->index, &wanted, with_length) ? VERDICT_PASS
                                                                          : VERDICT_FAIL,
                expected, observed);
}

/* ---- sysctl, Tailscale ----------------------------------------------------------------------- */

void judge_sysctl(const struct judgement *judgement)
{
    const struct check *check = judgement->check;
    const struct sysctl *found = snapshot_find_sysctl(judgement->snapshot, check->name_of);
    char expected[REASON_SIZE];
    char observed[REASON_SIZE];

    snprintf(expected, sizeof(expected), "%.100s = %.64s", check->name_of, check->expect);
    if (found == NULL) {
        verdict_set(judgement->verdict, VERDICT_UNKNOWN, expected,
                    "this agent does not read it, or the kernel does not have it");
        return;
    }
    snprintf(observed, sizeof(observed), "%s = %s", found->name, found->value);
    verdict_set(judgement->verdict,
                text_equal(found->value, check->expect) ? VERDICT_PASS : VERDICT_FAIL, expected,
                observed);
}

bool judge_no_tailscale(const struct judgement *judgement, const char *expected)
{
    const struct tailscale *tailscale = &judgement->snapshot->tailscale;
    char observed[REASON_SIZE];

    if (tailscale->presence == TAILSCALE_ANSWERS)
        return false;
    snprintf(observed, sizeof(observed), "tailscaled %s%s%.200s",
             tailscale->presence == TAILSCALE_ABSENT ? "is not there" : "does not answer",
             tailscale->why[0] != '\0' ? ": " : "", tailscale->why);
    verdict_set(judgement->verdict, VERDICT_UNKNOWN, expected, observed);
    return true;
}

void judge_tailscale(const struct judgement *judgement)
{
    const struct tailscale *tailscale = &judgement->snapshot->tailscale;
    static const char expected[] = "tailscaled Running, with an address";
    char observed[REASON_SIZE];
    char text[ADDRESS_TEXT_SIZE];
    bool good;

    if (judge_no_tailscale(judgement, expected))
        return;
    good = text_equal(tailscale->backend_state, "Running") && tailscale->addresses_count > 0;
    snprintf(observed, sizeof(observed), "%s, %s", tailscale->backend_state,
             tailscale->addresses_count > 0 ? address_format(&tailscale->addresses[0], text)
                                            : "no address");
    verdict_set(judgement->verdict, good ? VERDICT_PASS : VERDICT_FAIL, expected, observed);
}
