/*
 * wire_check: checks and their verdicts, protected flows, and where an sshd is seen.
 */
#include <stdlib.h>

#include "common/core/mem.h"
#include "common/io/wire_values.h"

/* ---- checks -----------------------------------------------------------------------------------
 */

static void put_parameters(struct arena *arena, Oceanid__Check *to, const struct check *check)
{
    to->destination = wire_put_prefix(arena, &check->destination);
    to->from = wire_put_address(&check->from);
    to->iif = wire_put_text(arena, check->iif);
    to->device = wire_put_text(arena, check->device);
    to->gateway = wire_put_address(&check->gateway);
    to->table = check->table;
    to->priority = check->priority;
    to->mtu = check->mtu;
    to->to = wire_put_text(arena, check->to);
    to->port = check->port;
    to->url = wire_put_text(arena, check->url);
    to->use = wire_put_text(arena, check->use);
    to->name_of = wire_put_text(arena, check->name_of);
    to->expect = wire_put_text(arena, check->expect);
    to->level = check->level;
    to->host_key = wire_put_text(arena, check->host_key);
}

Oceanid__Check **wire_put_checks(struct arena *arena, const struct check *checks, size_t count)
{
    Oceanid__Check **list = wire_new_list(arena, Oceanid__Check, oceanid__check__init, count);

    for (size_t i = 0; i < count; i++) {
        list[i]->name = wire_put_string(checks[i].name);
        list[i]->kind = wire_put_string(check_kind_name(checks[i].kind));
        list[i]->severity = wire_put_string(severity_format(checks[i].severity));
        list[i]->interval_s = checks[i].interval_s;
        list[i]->timeout_ms = checks[i].timeout_ms;
        list[i]->attempts = checks[i].attempts;
        list[i]->passes = checks[i].passes;
        list[i]->built_in = checks[i].built_in;
        put_parameters(arena, list[i], &checks[i]);
    }
    return list;
}

static bool take_kind(struct check *to, const Oceanid__Check *from, struct err *err)
{
    if (!check_kind_parse(from->kind, &to->kind))
        return err_set(err, ERR_INPUT, "check %s is of a kind that is not known", to->name);
    if (!severity_parse(from->severity, &to->severity))
        return err_set(err, ERR_INPUT, "check %s: accepted severities are critical and warning",
                       to->name);
    to->interval_s = from->interval_s;
    to->timeout_ms = from->timeout_ms;
    to->attempts = from->attempts;
    to->passes = from->passes;
    to->built_in = from->built_in;
    return true;
}

static bool take_numbers(struct check *to, const Oceanid__Check *from, struct err *err)
{
    to->table = from->table;
    to->priority = from->priority;
    to->mtu = from->mtu;
    if (!wire_take_prefix(&to->destination, from->destination, err) ||
        !wire_take_address(&to->from, &from->from, err) ||
        !wire_take_address(&to->gateway, &from->gateway, err) ||
        !wire_take_u16(&to->port, from->port, "port", err) ||
        !wire_take_range(from->level, CHECK_LEVEL_HOST_KEY, "level", err))
        return false;
    to->level = (enum check_level)from->level;
    return true;
}

/* Older versions have signed line ends in what no command is made of: taken as they stand, or it
 * would be another manifest. */
static bool take_texts(struct check *to, const Oceanid__Check *from, struct err *err)
{
    return wire_take_word(to->iif, sizeof(to->iif), from->iif, "iif", err) &&
           wire_take_word(to->device, sizeof(to->device), from->device, "device", err) &&
           wire_take_word(to->to, sizeof(to->to), from->to, "to", err) &&
           wire_take_text(to->url, sizeof(to->url), from->url, "url", err) &&
           wire_take_text(to->use, sizeof(to->use), from->use, "use", err) &&
           wire_take_text(to->name_of, sizeof(to->name_of), from->name_of, "name", err) &&
           wire_take_text(to->expect, sizeof(to->expect), from->expect, "expect", err) &&
           wire_take_text(to->host_key, sizeof(to->host_key), from->host_key, "host key", err);
}

static bool take_check(struct check *to, const Oceanid__Check *from, struct err *err)
{
    if (!wire_take_name(to->name, from->name, "check", err))
        return false;
    return (take_kind(to, from, err) && take_numbers(to, from, err) && take_texts(to, from, err)) ||
           err_wrap(err, "check %s", to->name);
}

bool wire_take_checks(struct check **ret_checks, uint32_t *ret_count, Oceanid__Check **from,
                      size_t count, struct err *err)
{
    struct check *checks;

    if (!wire_take_count(count, CHECKS_MAX, "checks", err))
        return false;
    *ret_count = (uint32_t)count;
    *ret_checks = checks = count > 0 ? mem_alloc(count, sizeof(*checks)) : NULL;
    for (size_t i = 0; i < count; i++) {
        if (!take_check(&checks[i], from[i], err))
            return false;
    }
    return true;
}

/* ---- verdicts ---------------------------------------------------------------------------------
 */

Oceanid__Verdict **wire_put_verdicts(struct arena *arena, const struct verdict *verdicts,
                                     size_t count)
{
    Oceanid__Verdict **list = wire_new_list(arena, Oceanid__Verdict, oceanid__verdict__init, count);

    for (size_t i = 0; i < count; i++) {
        list[i]->check = wire_put_string(verdicts[i].check);
        list[i]->value = verdicts[i].value;
        list[i]->severity = verdicts[i].severity;
        list[i]->expected = wire_put_text(arena, verdicts[i].expected);
        list[i]->observed = wire_put_text(arena, verdicts[i].observed);
        list[i]->took_ms = verdicts[i].took_ms;
    }
    return list;
}

/* A check's name, or "ssh:NODE": who reaches whom at rest. */
static bool take_check_name(char *to, const char *from, struct err *err)
{
    char name[NAME_SIZE];
    const char *node = text_starts(from, "ssh:") ? from + 4 : from;

    return wire_take_name(name, node, "check", err) &&
           wire_take_word(to, NAME_SIZE, from, "check", err);
}

static bool take_verdict(struct verdict *to, const Oceanid__Verdict *from, struct err *err)
{
    if (!take_check_name(to->check, from->check, err) ||
        !wire_take_range(from->value, VERDICT_VALUE_COUNT - 1, "verdict", err) ||
        !wire_take_range(from->severity, SEVERITY_COUNT - 1, "severity", err))
        return false;
    to->value = (enum verdict_value)from->value;
    to->severity = (enum severity)from->severity;
    to->took_ms = from->took_ms;
    return wire_take_line(to->expected, sizeof(to->expected), from->expected, "expected", err) &&
           wire_take_line(to->observed, sizeof(to->observed), from->observed, "observed", err);
}

bool wire_take_verdicts(struct verdict *to, uint32_t *ret_count, Oceanid__Verdict **from,
                        size_t count, struct err *err)
{
    if (!wire_take_count(count, VERDICTS_MAX, "verdicts", err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!take_verdict(&to[i], from[i], err))
            return false;
    }
    *ret_count = (uint32_t)count;
    return true;
}

/* ---- protected flows --------------------------------------------------------------------------
 */

Oceanid__ProtectedFlow *wire_put_flow(struct arena *arena, const struct protected_flow *flow)
{
    Oceanid__ProtectedFlow *to =
        wire_new(arena, Oceanid__ProtectedFlow, oceanid__protected_flow__init);

    to->name = wire_put_text(arena, flow->name);
    to->source = wire_put_address(&flow->flow.source);
    to->iif = wire_put_text(arena, flow->flow.iif);
    to->oif = wire_put_text(arena, flow->flow.oif);
    to->mark = flow->flow.mark;
    to->uid = flow->flow.uid;
    to->tos = flow->flow.tos;
    to->ip_proto = flow->flow.ip_proto;
    to->sport = flow->flow.sport;
    to->dport = flow->flow.dport;
    to->destination = wire_put_prefix(arena, &flow->destination);
    to->device = wire_put_text(arena, flow->device);
    to->not_device = wire_put_text(arena, flow->not_device);
    to->gateway = wire_put_address(&flow->gateway);
    return to;
}

static bool take_flow_arguments(struct flow *to, const Oceanid__ProtectedFlow *from,
                                struct err *err)
{
    to->mark = from->mark;
    to->uid = from->uid;
    return wire_take_address(&to->source, &from->source, err) &&
           wire_take_word(to->iif, sizeof(to->iif), from->iif, "iif", err) &&
           wire_take_word(to->oif, sizeof(to->oif), from->oif, "oif", err) &&
           wire_take_u8(&to->tos, from->tos, "tos", err) &&
           wire_take_u8(&to->ip_proto, from->ip_proto, "protocol", err) &&
           wire_take_u16(&to->sport, from->sport, "port", err) &&
           wire_take_u16(&to->dport, from->dport, "port", err);
}

bool wire_take_flow(struct protected_flow *to, const Oceanid__ProtectedFlow *from, struct err *err)
{
    return wire_take_name(to->name, from->name, "flow", err) &&
           take_flow_arguments(&to->flow, from, err) &&
           wire_take_prefix(&to->destination, from->destination, err) &&
           wire_take_word(to->device, sizeof(to->device), from->device, "device", err) &&
           wire_take_word(to->not_device, sizeof(to->not_device), from->not_device, "device",
                          err) &&
           wire_take_address(&to->gateway, &from->gateway, err);
}

/* ---- SSH targets ------------------------------------------------------------------------------
 */

Oceanid__SshTarget *wire_put_ssh(struct arena *arena, const struct ssh_target *ssh)
{
    Oceanid__SshTarget *to = wire_new(arena, Oceanid__SshTarget, oceanid__ssh_target__init);

    to->address = wire_put_address(&ssh->address);
    to->port = ssh->port;
    to->audience = ssh->audience;
    to->host_key = wire_put_text(arena, ssh->host_key);
    return to;
}

bool wire_take_ssh(struct ssh_target *to, const Oceanid__SshTarget *from, struct err *err)
{
    if (from == NULL)
        return err_set(err, ERR_INPUT, "SSH target is missing");
    if (!wire_take_address(&to->address, &from->address, err) ||
        !wire_take_u16(&to->port, from->port, "port", err) ||
        !wire_take_range(from->audience, AUDIENCE_COUNT - 1, "audience", err))
        return false;
    to->audience = (enum audience)from->audience;
    return wire_take_text(to->host_key, sizeof(to->host_key), from->host_key, "host key", err);
}
