/*
 * rescue: how to reach the nodes without the controller, kept as nodes.json in the operator's
 * directory, or in ~/.cache/oceanid when there is none.
 */
#include "controller/ctl/rescue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"
#include "controller/ctl/field.h"
#include "controller/ctl/losses.h"

static bool cache_path(const struct ctl *ctl, char *to, size_t size)
{
    const char *home = getenv("HOME");
    struct err err = ERR_INIT;
    char folder[CTL_PATH_SIZE];

    if (access(ctl->pki, W_OK) == 0)
        return ctl_path(ctl, "nodes.json", to, size, &err);
    if (home == NULL)
        return false;
    snprintf(folder, sizeof(folder), "%s/.cache", home);
    if (!file_make_directory(folder, 0700, &err))
        return false;
    snprintf(folder, sizeof(folder), "%s/.cache/oceanid", home);
    if (!file_make_directory(folder, 0700, &err))
        return false;
    return snprintf(to, size, "%s/nodes.json", folder) < (int)size;
}

static void remember_generations(const struct ctl *ctl, const json_t *node, json_t *entry)
{
    AUTO_JSON json_t *before =
        losses_is_unknown(node) ? rescue_node(ctl, field_text(node, "name")) : NULL;

    json_object_set(entry, "known", json_object_get(node, "known"));
    json_object_set(entry, "generations",
                    json_object_get(before != NULL ? before : node, "generations"));
}

void rescue_remember(const struct ctl *ctl, const json_t *nodes)
{
    static const char *const kept[] = {"name", "role", "ssh", "console", "console_id"};
    AUTO_JSON json_t *cache = json_array();
    AUTO_FREE char *text = NULL;
    char path[CTL_PATH_SIZE];
    struct err err = ERR_INIT;

    for (size_t i = 0; i < json_array_size(nodes); i++) {
        json_t *entry = json_object();

        for (size_t k = 0; k < sizeof(kept) / sizeof(kept[0]); k++)
            json_object_set_new(entry, kept[k],
                                json_string(field_text(json_array_get(nodes, i), kept[k])));
        remember_generations(ctl, json_array_get(nodes, i), entry);
        json_object_set(entry, "connected", json_object_get(json_array_get(nodes, i), "connected"));
        json_object_set(entry, "trial", json_object_get(json_array_get(nodes, i), "trial"));
        json_array_append_new(cache, entry);
    }
    text = json_dumps(cache, JSON_INDENT(1));
    if (cache_path(ctl, path, sizeof(path)))
        file_write(path, text, strlen(text), 0600, &err);
}

/* "203.0.113.10:22", "[2001:db8::1]:22" */
static void print_ssh(const char *ssh)
{
    char host[HOST_SIZE];
    const char *port = strrchr(ssh, ':');

    text_copy(host, sizeof(host), ssh[0] == '[' ? ssh + 1 : ssh);
    host[strcspn(host, ssh[0] == '[' ? "]" : ":")] = '\0';
    if (port == NULL || text_equal(port, ":22"))
        fprintf(stderr, "ssh root@%s oceanid-rollback --yes\n", host);
    else
        fprintf(stderr, "ssh -p %s root@%s oceanid-rollback --yes\n", port + 1, host);
}

static void print_node(const json_t *node)
{
    const char *console = field_plain(field_text(node, "console"));

    if (text_equal(field_text(node, "role"), "witness"))
        return;
    fprintf(stderr, "  %-20s ", field_plain(field_text(node, "name")));
    if (field_text(node, "ssh")[0] != '\0')
        print_ssh(field_plain(field_text(node, "ssh")));
    else
        fprintf(stderr, "no ssh address is declared\n");
    fprintf(stderr, "  %-20s console: %s%s%s; log in as root, then: oceanid-rollback\n", "",
            console[0] != '\0' ? console : "none declared",
            field_text(node, "console_id")[0] != '\0' ? " " : "",
            field_plain(field_text(node, "console_id")));
}

static json_t *read_cache(const struct ctl *ctl)
{
    char path[CTL_PATH_SIZE];

    return cache_path(ctl, path, sizeof(path)) ? json_load_file(path, 0, NULL) : NULL;
}

json_t *rescue_nodes(const struct ctl *ctl, long long *ret_at)
{
    char path[CTL_PATH_SIZE];
    struct stat file = {0};

    if (!cache_path(ctl, path, sizeof(path)) || stat(path, &file) != 0)
        return NULL;
    *ret_at = file.st_mtime;
    return read_cache(ctl);
}

json_t *rescue_node(const struct ctl *ctl, const char *name)
{
    AUTO_JSON json_t *cache = read_cache(ctl);

    for (size_t i = 0; i < json_array_size(cache); i++) {
        json_t *node = json_array_get(cache, i);

        if (text_equal(field_text(node, "name"), name))
            return json_incref(node);
    }
    return NULL;
}

void rescue_print(const struct ctl *ctl)
{
    AUTO_JSON json_t *cache = read_cache(ctl);

    if (json_array_size(cache) == 0) {
        fprintf(stderr, "No node is remembered here. On any node, as root: oceanid-rollback\n");
        return;
    }
    fprintf(stderr, "Leases run out without the controller: an open trial reverts by itself.\n"
                    "Only where something confirmed has to go: `oceanidctl emergency-rollback "
                    "--direct` shows what, and takes it back on all of them at once. Or by hand: "
                    "each line takes the newest change there, of whatever rollout, and a second "
                    "time the next older one (`oceanid-rollback --list` there shows them).\n");
    for (size_t i = 0; i < json_array_size(cache); i++)
        print_node(json_array_get(cache, i));
}
