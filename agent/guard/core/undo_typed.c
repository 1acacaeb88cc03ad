/*
 * undo_typed: of an undo what ip(8) cannot do, as lines for a shell, each behind a #.
 */
#include "agent/guard/core/undo_typed.h"

#include "agent/guard/core/undo_touch.h"
#include "common/core/text.h"

/* ---- Tailscale's prefs ------------------------------------------------------------------------
 */

/* "" for none; false: there was one, and tailscale(8) has no word for it. */
static bool find_exit_node(const struct tailscale *before, char ret_word[ADDRESS_TEXT_SIZE])
{
    ret_word[0] = '\0';
    if (before->auto_exit_node[0] != '\0')
        return false;
    if (address_is_set(&before->exit_node_ip)) {
        address_format(&before->exit_node_ip, ret_word);
        return true;
    }
    if (before->exit_node_id[0] == '\0')
        return true;
    if (before->peers_count == 0 || before->peers[0].addresses_count == 0)
        return false;
    address_format(&before->peers[0].addresses[0], ret_word);
    return true;
}

static void add_exit_node(const struct tailscale *before, struct text *out, struct text *unknown)
{
    char word[ADDRESS_TEXT_SIZE];

    if (find_exit_node(before, word))
        text_add(out, " --exit-node=%s", word);
    else if (before->auto_exit_node[0] != '\0')
        text_add(unknown, "# the exit node was chosen by `%s`, which no line here sets again",
                 before->auto_exit_node);
    else
        text_add(unknown,
                 "# the exit node was the peer with ID %s, of which no address is known here: "
                 "`tailscale status --json` may tell it, for `tailscale set --exit-node=ADDRESS`",
                 before->exit_node_id);
}

static void add_routes(const struct tailscale *before, struct text *out)
{
    text_add(out, " --advertise-routes=");
    for (uint32_t i = 0; i < before->advertise_routes_count; i++) {
        char text[PREFIX_TEXT_SIZE];

        text_add(out, "%s%s", i > 0 ? "," : "", prefix_format(&before->advertise_routes[i], text));
    }
}

void undo_typed_tailscale(const struct undo_item *item, struct text *out)
{
    const struct operation_tailscale *change = &item->change.tailscale;
    const struct tailscale *before = &item->before.tailscale;
    char words[TAILSCALE_ROUTES_MAX * PREFIX_TEXT_SIZE + 256] = "", said[400] = "";
    const char *profile = before->profile.id;
    struct text text = TEXT_IN(words), unknown = TEXT_IN(said);

    if (change->set_exit_node)
        add_exit_node(before, &text, &unknown);
    if (change->set_allow_lan_access)
        text_add(&text, " --exit-node-allow-lan-access=%s",
                 before->exit_node_allow_lan_access ? "true" : "false");
    if (change->set_accept_routes)
        text_add(&text, " --accept-routes=%s", before->accept_routes ? "true" : "false");
    if (change->set_advertise_routes)
        add_routes(before, &text);
    if (profile[0] != '\0') /* is so already, as a rule, and then says so */
        text_add(out, "# tailscale switch %s\n", profile);
    text_add(out, "%s%s%s%s", said, said[0] != '\0' && words[0] != '\0' ? "\n" : "",
             words[0] != '\0' ? "# tailscale set" : "", words);
}

/* ---- settings ---------------------------------------------------------------------------------
 */

/* As they are when the item's own line was carried out. */
static void predict_then(const struct undo_item *item, struct snapshot *ret_then)
{
    struct operation back = item->change;
    const struct sysctl *was;

    if (item->change.kind != OPERATION_SYSCTL) {
        undo_take_made(item, ret_then);
        return;
    }
    was = snapshot_find_sysctl(&item->before, back.sysctl.setting.name);
    if (was != NULL)
        back.sysctl.setting = *was;
    undo_touch_predict(&back, &item->before, ret_then);
}

/* Writing default's overwrites that of no device which was given an address since. */
static bool may_stay(const struct undo_item *item, const struct sysctl *was,
                     const struct snapshot *made)
{
    const struct sysctl *is = snapshot_find_sysctl(made, was->name);

    return text_starts(item->change.sysctl.setting.name, "net.ipv4.conf.default.") && is != NULL &&
           !text_equal(is->value, was->value) &&
           !text_equal(was->name, item->change.sysctl.setting.name);
}

void undo_typed_settings(const struct undo_item *item, undo_line_fn line_fn, void *context)
{
    bool sysctl = item->change.kind == OPERATION_SYSCTL;
    struct snapshot then, made;

    if (!sysctl && item->change.kind != OPERATION_LINK)
        return;
    predict_then(item, &then);
    undo_take_made(item, &made);
    for (size_t i = 0; i < item->before.sysctls_count; i++) {
        const struct sysctl *was = &item->before.sysctls[i];
        const struct sysctl *is = snapshot_find_sysctl(&then, was->name);
        char line[SYSCTL_NAME_SIZE + SYSCTL_VALUE_SIZE + 16] = "";
        struct text text = TEXT_IN(line);

        if (is != NULL &&
            (!sysctl || (text_equal(is->value, was->value) && !may_stay(item, was, &made))))
            continue;
        text_add(&text, "# sysctl -w %s=%s", was->name, was->value);
        line_fn(context, line);
    }
    snapshot_done(&made);
    snapshot_done(&then);
}
