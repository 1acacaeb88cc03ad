/*
 * meddle: draws what others do to the objects of a plan, and does it by ip(8).
 */
#include "tests/plans/meddle.h"

#include <stdio.h>
#include <string.h>

#include "agent/guard/core/undo_batch_rule.h"
#include "common/core/text.h"
#include "tests/plans/pool.h"

enum { LINE_SIZE = 1024 };

static void meet_route(struct chance *chance, const struct operation *operation, char *line)
{
    static const char *const doings[] = {"del", "del", "replace blackhole", "append throw"};
    const struct route *route = &operation->route.route;
    const char *doing = doings[pool_pick(chance, 4)];
    char to[PREFIX_TEXT_SIZE];
    bool ipv6 = route->destination.address.family == FAMILY_IPV6;
    struct text text = {line, strlen(line), LINE_SIZE};

    text_add(&text, "route %s %s table %u", doing, prefix_format(&route->destination, to),
             route->table);
    if (route->tos != 0)
        text_add(&text, " tos %u", route->tos);
    if (route->metric != 0 || ipv6)
        text_add(&text, " metric %u", operation_route_metric(route));
    if (!text_equal(doing, "del"))
        text_add(&text, " protocol static");
}

static void meet_rule(struct chance *chance, const struct operation *operation, char *line)
{
    char words[LINE_SIZE] = "";
    struct text own = TEXT_IN(words), text = {line, strlen(line), LINE_SIZE};
    bool removes = chance_permille(chance, 600);

    undo_batch_rule_words(&operation->rule.rule, removes ? "del" : "add",
                          removes ? OCEANID_PROTOCOL : 4, &own);
    text_add(&text, "%s", text_starts(words, "# ip ") ? words + 5 : words);
}

static void meet_address(const struct operation *operation, char *line)
{
    const struct operation_address *own = &operation->address;
    char address[ADDRESS_TEXT_SIZE];
    struct text text = {line, strlen(line), LINE_SIZE};

    text_add(&text, "address %s %s/%u dev %s", own->absent ? "add" : "del",
             address_format(&own->address, address), own->prefix_len, own->device);
    if (own->absent && own->address.family == FAMILY_IPV6)
        text_add(&text, " nodad");
}

static void meet_nexthop(struct chance *chance, const struct operation *operation, char *line)
{
    struct text text = {line, strlen(line), LINE_SIZE};

    if (chance_permille(chance, 600))
        text_add(&text, "nexthop del id %u", operation->nexthop.nexthop.id);
    else
        text_add(&text, "nexthop replace id %u blackhole protocol static",
                 operation->nexthop.nexthop.id);
}

/* A line of ip(8), "-6 " before it where that is needed; of a setting "/proc/sys/... VALUE". */
static void meet(struct chance *chance, const struct operation *operation, char *line)
{
    switch (operation->kind) {
    case OPERATION_ROUTE:
        meet_route(chance, operation, line);
        break;
    case OPERATION_RULE:
        meet_rule(chance, operation, line);
        break;
    case OPERATION_ADDRESS:
        meet_address(operation, line);
        break;
    case OPERATION_NEXTHOP:
        meet_nexthop(chance, operation, line);
        break;
    case OPERATION_LINK:
        snprintf(line, LINE_SIZE, "link set dev %s mtu 1350", operation->link.device);
        break;
    case OPERATION_SYSCTL:
        snprintf(line, LINE_SIZE, "/proc/sys/%s %u", operation->sysctl.setting.name,
                 pool_pick(chance, 2));
        break;
    case OPERATION_TAILSCALE:
    case OPERATION_FILE:
    case OPERATION_KIND_COUNT:
        break;
    }
}

static void flap(struct chance *chance, char *line)
{
    unsigned number = pool_pick(chance, 3);
    const char *end = chance_permille(chance, 500) ? "far" : "eth";

    snprintf(line, LINE_SIZE, "link set %s%u down\nlink set %s%u up", end, number, end, number);
}

static void say_and_do(char *line)
{
    printf("      %s\n", line);
    if (text_starts(line, "/proc/sys/")) {
        char *value = line + strcspn(line, " ");

        *value++ = '\0';
        for (char *at = line + strlen("/proc/sys/"); *at != '\0'; at++)
            *at = *at == '.' ? '/' : *at;
        host_write(line, value);
        return;
    }
    host_ip_each(line);
    dump_settle();
}

/* By its number: leaving another one out chooses no other. */
static const struct operation *choose(struct chance *chance, const struct play *play)
{
    uint64_t choice = chance_next(chance), least = UINT64_MAX;
    uint32_t chosen = 0;

    for (uint32_t i = 0; i < play->plan.count; i++) {
        uint64_t weight = pool_stream(choice, "operation", play->plan.numbers[i]).state;

        chosen = weight < least ? i : chosen;
        least = weight < least ? weight : least;
    }
    return &play->plan.operations[chosen];
}

void meddle_do(const struct play *play)
{
    uint64_t seed = play->choice->seed;
    struct chance chance = pool_stream(seed, "meddle", 0);
    unsigned count = 1 + pool_pick(&chance, PLAY_OTHERS_MAX);

    printf("others:\n");
    for (unsigned i = 0; i < count; i++) {
        struct chance own = pool_stream(seed, "meddle", i + 1);
        char line[LINE_SIZE] = "";

        if ((play->choice->no_others >> i & 1) != 0)
            continue;
        if (chance_permille(&own, 200))
            flap(&own, line);
        else
            meet(&own, choose(&own, play), line);
        printf("  %2u", i);
        say_and_do(line);
    }
}
