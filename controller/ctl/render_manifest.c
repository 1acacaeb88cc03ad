/*
 * render: a manifest, decoded from the very bytes that are signed.
 */
#include "controller/ctl/render.h"

#include <stdio.h>
#include <string.h>

#include "common/core/text.h"
#include "common/io/sign.h"
#include "controller/ctl/field.h"

enum { LINE_SIZE = 1024 };

static const char *const audience_names[] = {
    [AUDIENCE_EVERYWHERE] = "everywhere",
    [AUDIENCE_TAILNET] = "the tailnet's peers",
    [AUDIENCE_CONNECTED] = "the connected network",
};
_Static_assert(sizeof(audience_names) / sizeof(audience_names[0]) == AUDIENCE_COUNT, "name each");

static const char *const pause_names[] = {
    [PAUSE_FIRST] = "first",
    [PAUSE_EACH] = "each",
    [PAUSE_NONE] = "none",
};
_Static_assert(sizeof(pause_names) / sizeof(pause_names[0]) == PAUSE_COUNT, "name each");

static const char *hash_text(const struct hash *hash)
{
    static char text[2][2 * HASH_SIZE + 1];
    static unsigned next;
    char *to = text[next++ % 2];

    bytes_format_hex(hash->bytes, HASH_SIZE, to);
    return to;
}

/* "203.0.113.10:22" */
static void ssh_text(const struct ssh_target *ssh, char *to, size_t size)
{
    char address[ADDRESS_TEXT_SIZE];

    address_format(&ssh->address, address);
    snprintf(to, size, ssh->address.family == FAMILY_IPV6 ? "[%s]:%u" : "%s:%u", address,
             ssh->port);
}

static void flow_text(const struct protected_flow *flow, struct text *out)
{
    char source[ADDRESS_TEXT_SIZE];
    char destination[PREFIX_TEXT_SIZE];

    text_add(out, "%s: to %s", flow->name, prefix_format(&flow->destination, destination));
    if (address_is_set(&flow->flow.source))
        text_add(out, " from %s", address_format(&flow->flow.source, source));
    if (flow->flow.iif[0] != '\0')
        text_add(out, " iif %s", flow->flow.iif);
    if (flow->device[0] != '\0')
        text_add(out, " by %s", flow->device);
    if (flow->not_device[0] != '\0')
        text_add(out, " not by %s", flow->not_device);
    if (address_is_set(&flow->gateway))
        text_add(out, " via %s", address_format(&flow->gateway, source));
}

/* What is signed is shown, line by line. */
static void print_content(const struct operation *operation)
{
    const char *at = operation->kind == OPERATION_FILE ? operation->file.content : "";

    while (*at != '\0') {
        size_t len = strcspn(at, "\n");
        char line[FILE_CONTENT_SIZE] = "";
        struct text text = TEXT_IN(line);

        text_add(&text, "%.*s", (int)len, at);
        printf("           | %s\n", field_plain(line));
        at += len + (at[len] == '\n');
    }
}

static void print_plan(const struct manifest_plan *plan, int stage)
{
    char line[LINE_SIZE];

    printf("stage %d: %s\n", stage + 1, plan->node);
    for (uint32_t i = 0; i < plan->operations_count; i++) {
        struct text text = TEXT_IN(line);

        operation_render(&plan->operations[i], &text);
        printf("  do       %s%s\n", line, plan->operations[i].shield ? "  (shield)" : "");
        print_content(&plan->operations[i]);
    }
    for (uint32_t i = 0; i < plan->flows_count; i++) {
        struct text text = TEXT_IN(line);

        flow_text(&plan->flows[i], &text);
        printf("  keep     %s\n", field_plain(line));
    }
    printf("  checks  ");
    for (uint32_t i = 0; i < plan->checks_count; i++)
        printf(" %s", field_plain(plan->checks[i].name));
    ssh_text(&plan->ssh, line, sizeof(line));
    printf("\n  proof    ssh %s, open to %s; %u of:", line, audience_names[plan->ssh.audience],
           plan->quorum);
    for (uint32_t i = 0; i < plan->witnesses_count; i++)
        printf(" %s", field_plain(plan->witnesses[i]));
    putchar('\n');
}

static void print_words(const struct manifest *m, const struct hash *body)
{
    printf("change     %s\nbody       %s\nreason     %s\nreference  %s\n", m->change,
           hash_text(body), field_plain(m->reason), field_plain(m->reference));
    if (m->justification[0] != '\0')
        printf("justified  %s\n", field_plain(m->justification));
    printf("fixes     ");
    for (uint32_t i = 0; i < m->fixes_count; i++)
        printf(" %s", m->fixes[i]);
    printf("%s\n", m->fixes_count == 0 ? " nothing named" : "");
    for (unsigned i = 0; i < WAIVE_COUNT; i++) {
        if (m->waived[i])
            printf("waived     %s: %s\n", waiver_name(i), field_plain(m->waiver_reasons[i]));
    }
    printf("fleet      %s\n", hash_text(&m->fleet_hash));
    printf("times      soak %u s, lease %u s (period %u + path %u = %u s, dial %u + settle %u + "
           "path %u = %u s), grace %u s, apply %u s, revert budget %u s; a trial takes at most "
           "%u s\n",
           m->soak_s, m->lease_s, m->period_s, m->path_s, m->period_s + m->path_s, m->dial_s,
           m->settle_s, m->path_s, m->dial_s + m->settle_s + m->path_s, m->grace_s, m->apply_s,
           m->revert_budget_s, manifest_trial_max_s(m));
    printf("pause      after %s\n", pause_names[m->pause_after]);
}

static void print_approval(const struct approval *approval)
{
    char text[64];

    printf("sequence   %llu, begins no later than %s\n",
           (unsigned long long)approval->attempt.sequence,
           render_time(approval->not_after, text, sizeof(text)));
    for (uint32_t i = 0; i < approval->lifts_count; i++)
        printf("lifts      %s%s%s\n", hash_text(&approval->lifts[i].receipt),
               approval->lifts[i].reason[0] != '\0' ? ": " : "",
               field_plain(approval->lifts[i].reason));
    for (uint32_t i = 0; i < approval->signatures_count; i++)
        printf("signed by  %s\n",
               sign_fingerprint(&approval->signatures[i].key, text, sizeof(text)));
}

void render_manifest(const struct manifest *manifest, const struct hash *body,
                     const struct approval *approval)
{
    char text[64];

    print_words(manifest, body);
    if (approval != NULL)
        print_approval(approval);
    for (uint32_t i = 0; i < manifest->roster_count; i++) {
        const struct roster_entry *entry = &manifest->roster[i];

        printf("key        %-20s agent %s\n", entry->name,
               sign_fingerprint(&entry->agent_key, text, sizeof(text)));
        if (!entry->witness_only)
            printf("key        %-20s guard %s\n", entry->name,
                   sign_fingerprint(&entry->guard_key, text, sizeof(text)));
    }
    for (uint32_t s = 0; s < manifest->stages_count; s++) {
        for (uint32_t n = 0; n < manifest->stages[s].nodes_count; n++)
            print_plan(manifest_find_plan(manifest, manifest->stages[s].nodes[n]), (int)s);
    }
}

static json_t *plan_json(const struct manifest *manifest, const struct manifest_plan *plan)
{
    json_t *operations = json_array();
    json_t *flows = json_array();
    json_t *checks = json_array();
    json_t *witnesses = json_array();
    char line[LINE_SIZE];

    for (uint32_t i = 0; i < plan->operations_count; i++) {
        struct text text = TEXT_IN(line);

        operation_render(&plan->operations[i], &text);
        json_array_append_new(operations, json_string(line));
    }
    for (uint32_t i = 0; i < plan->flows_count; i++) {
        struct text text = TEXT_IN(line);

        flow_text(&plan->flows[i], &text);
        json_array_append_new(flows, json_string(line));
    }
    for (uint32_t i = 0; i < plan->checks_count; i++)
        json_array_append_new(checks, json_string(plan->checks[i].name));
    for (uint32_t i = 0; i < plan->witnesses_count; i++)
        json_array_append_new(witnesses, json_string(plan->witnesses[i]));
    ssh_text(&plan->ssh, line, sizeof(line));
    return json_pack("{s:s, s:i, s:o, s:o, s:o, s:o, s:i, s:s}", "node", plan->node, "stage",
                     manifest_stage_of(manifest, plan->node) + 1, "operations", operations, "flows",
                     flows, "checks", checks, "witnesses", witnesses, "quorum", (int)plan->quorum,
                     "ssh", line);
}

static void add_approval(json_t *document, const struct approval *approval)
{
    json_t *lifts = json_array();
    json_t *signers = json_array();
    char text[64];

    for (uint32_t i = 0; i < approval->lifts_count; i++)
        json_array_append_new(lifts, json_pack("{s:s, s:s}", "receipt",
                                               hash_text(&approval->lifts[i].receipt), "reason",
                                               approval->lifts[i].reason));
    for (uint32_t i = 0; i < approval->signatures_count; i++)
        json_array_append_new(signers, json_string(sign_fingerprint(&approval->signatures[i].key,
                                                                    text, sizeof(text))));
    json_object_set_new(document, "sequence", json_integer((json_int_t)approval->attempt.sequence));
    json_object_set_new(document, "not_after", json_integer(approval->not_after));
    json_object_set_new(document, "lifts", lifts);
    json_object_set_new(document, "signed_by", signers);
}

json_t *render_manifest_json(const struct manifest *manifest, const struct hash *body,
                             const struct approval *approval)
{
    json_t *plans = json_array();
    json_t *fixes = json_array();
    json_t *waived = json_object();
    json_t *document;

    for (uint32_t i = 0; i < manifest->plans_count; i++)
        json_array_append_new(plans, plan_json(manifest, &manifest->plans[i]));
    for (uint32_t i = 0; i < manifest->fixes_count; i++)
        json_array_append_new(fixes, json_string(manifest->fixes[i]));
    for (unsigned i = 0; i < WAIVE_COUNT; i++) {
        if (manifest->waived[i])
            json_object_set_new(waived, waiver_name(i), json_string(manifest->waiver_reasons[i]));
    }
    document = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:i, s:i, s:i, s:i, s:i, s:s}", "change",
        manifest->change, "body", hash_text(body), "reason", manifest->reason, "reference",
        manifest->reference, "fleet", hash_text(&manifest->fleet_hash), "fixes", fixes, "waived",
        waived, "plans", plans, "soak_s", (int)manifest->soak_s, "lease_s", (int)manifest->lease_s,
        "period_s", (int)manifest->period_s, "path_s", (int)manifest->path_s, "trial_max_s",
        (int)manifest_trial_max_s(manifest), "pause_after", pause_names[manifest->pause_after]);
    if (approval != NULL)
        add_approval(document, approval);
    return document;
}
