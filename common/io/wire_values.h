/*
 * wire_values: the network and what is declared of it, between values and protobuf-c structs.
 *
 * Only wire_*.c include this header. to of each wire_take_* is zeroed by the caller.
 */
#ifndef COMMON_IO_WIRE_VALUES_H
#define COMMON_IO_WIRE_VALUES_H

#include "common/change/rehearsal.h"
#include "common/io/wire_parts.h"

Oceanid__SshTarget *wire_put_ssh(struct arena *arena, const struct ssh_target *ssh);
Oceanid__Check **wire_put_checks(struct arena *arena, const struct check *checks, size_t count);
Oceanid__Verdict **wire_put_verdicts(struct arena *arena, const struct verdict *verdicts,
                                     size_t count);
/* Without raw: for the wire. With: for the journal, whose bytes are put back into the kernel. */
Oceanid__Snapshot *wire_put_snapshot(struct arena *arena, const struct snapshot *snapshot,
                                     bool raw);
Oceanid__Route *wire_put_route(struct arena *arena, const struct route *route, bool raw);
void wire_put_hop(Oceanid__Hop *to, const struct hop *hop);
Oceanid__Rule *wire_put_rule(struct arena *arena, const struct rule *rule, bool raw);
void wire_put_members(struct arena *arena, Oceanid__Nexthop *to,
                      const struct nexthop_member *members, uint32_t count);
Oceanid__Nexthop *wire_put_nexthop(struct arena *arena, const struct nexthop *nexthop, bool raw);
Oceanid__Sysctl *wire_put_sysctl(struct arena *arena, const struct sysctl *sysctl);
Oceanid__Prefix **wire_put_prefixes(struct arena *arena, const struct prefix *prefixes,
                                    size_t count);
Oceanid__Operation *wire_put_operation(struct arena *arena, const struct operation *operation);
Oceanid__ProtectedFlow *wire_put_flow(struct arena *arena, const struct protected_flow *flow);
Oceanid__Rehearsal *wire_put_rehearsal(struct arena *arena, const struct rehearsal *rehearsal);

bool wire_take_ssh(struct ssh_target *to, const Oceanid__SshTarget *from, struct err *err);
/* Owned by the caller; NULL for none. */
bool wire_take_checks(struct check **ret_checks, uint32_t *ret_count, Oceanid__Check **from,
                      size_t count, struct err *err);
bool wire_take_verdicts(struct verdict *to, uint32_t *ret_count, Oceanid__Verdict **from,
                        size_t count, struct err *err);
/* to is initialised here; on false it is done already. Without raw, raw is passed over. */
bool wire_take_snapshot(struct snapshot *to, const Oceanid__Snapshot *from, bool raw,
                        struct err *err);
/* to is zeroed before; what it owns is the caller's, also on false. */
bool wire_take_route(struct route *to, const Oceanid__Route *from, bool raw, struct err *err);
bool wire_take_hop(struct hop *to, const Oceanid__Hop *from, struct err *err);
bool wire_take_rule(struct rule *to, const Oceanid__Rule *from, bool raw, struct err *err);
bool wire_take_nexthop(struct nexthop *to, const Oceanid__Nexthop *from, bool raw, struct err *err);
bool wire_take_sysctl(struct sysctl *to, const Oceanid__Sysctl *from, struct err *err);
bool wire_take_prefixes(struct prefix *to, uint32_t *ret_count, Oceanid__Prefix **from,
                        size_t count, struct err *err);
bool wire_take_operation(struct operation *to, const Oceanid__Operation *from, struct err *err);
bool wire_take_flow(struct protected_flow *to, const Oceanid__ProtectedFlow *from, struct err *err);
bool wire_take_rehearsal(struct rehearsal *to, const Oceanid__Rehearsal *from, struct err *err);

#endif
