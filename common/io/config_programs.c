/*
 * config_programs: agent.yaml, guard.yaml and controller.yaml.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/config_yaml.h"
#include "common/io/file.h"
#include "common/io/log.h"

enum {
    SOCKET_PATH_MAX = 107, /* sockaddr_un, with its NUL */
    ROLES_MAX = sizeof(((struct controller_config *)0)->roles) / sizeof(struct config_role),
};

bool config_asks_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (text_is_help(argv[i]))
            return true;
    }
    return false;
}

bool config_take_words(int argc, char **argv, const char *hint, const char **ret_path,
                       struct err *err)
{
    *ret_path = NULL;
    if (argc == 1)
        return true;
    if (!text_equal(argv[1], "--config"))
        return err_set(err, ERR_INPUT, "'%.80s' is not known: accepted is --config FILE%s", argv[1],
                       hint);
    if (argc == 2)
        return err_set(err, ERR_INPUT, "--config: expected a file behind it, found nothing");
    if (argc > 3)
        return err_set(err, ERR_INPUT, "'%.80s' is one word too many: accepted is --config FILE",
                       argv[3]);
    *ret_path = argv[2];
    return true;
}

/* ---- values that several of them have ---------------------------------------------------------
 */

static bool take_log(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                     void *to)
{
    enum log_level level;

    if (!yaml_is_text(node) || !log_level_parse(yaml_text(node), &level))
        return yaml_refuse_value(file, key, node, "accepted are error, warning, info and debug");
    return text_copy(to, key->size, yaml_text(node));
}

/* tls+tcp://HOST:PORT */
static bool take_url(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                     void *to)
{
    static const char scheme[] = "tls+tcp://";
    char host[HOST_SIZE];
    uint16_t port = 0;

    if (!yaml_is_text(node) || !text_starts(yaml_text(node), scheme) ||
        !yaml_split_port(yaml_text(node) + strlen(scheme), host, sizeof(host), &port) ||
        port == 0 || host[strcspn(host, "/ \t\n")] != '\0' || strlen(yaml_text(node)) >= PATH_SIZE)
        return yaml_refuse_value(file, key, node,
                                 "accepted is tls+tcp://HOST:PORT, like "
                                 "tls+tcp://198.51.100.10:7430");
    return text_copy(to, PATH_SIZE, yaml_text(node));
}

static bool take_user(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                      void *to)
{
    if (!yaml_is_text(node) || yaml_text(node)[0] == '\0' ||
        yaml_text(node)[strcspn(yaml_text(node), " :/\t\n")] != '\0' ||
        strlen(yaml_text(node)) >= NAME_SIZE)
        return yaml_refuse_value(file, key, node, "accepted is a user's name or number");
    return text_copy(to, NAME_SIZE, yaml_text(node));
}

#define PATH_KEY(type, field) .take_fn = yaml_take_path, YAML_FIELD(type, field)
#define SOCKET_KEY(type, field) PATH_KEY(type, field), .max = SOCKET_PATH_MAX

static bool read_file(const char *path, struct yaml_keys keys, void *to, struct err *err)
{
    AUTO_FREE uint8_t *data = NULL;
    size_t len;

    return file_read(path, YAML_SIZE_MAX, &data, &len, err) &&
           yaml_read_document(path, (struct bytes){data, len}, keys, to, err);
}

/* ---- agent.yaml -------------------------------------------------------------------------------
 */

static bool take_controllers(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                             void *to)
{
    struct agent_config *config = to;

    if (!yaml_expect_list(file, key, node))
        return false;
    for (size_t i = 0; i < yaml_count(node); i++) {
        if (!take_url(file, key, yaml_item(file, node, i), config->controllers[i]))
            return false;
        config->controllers_count++;
    }
    return true;
}

/* "": an agent without a guard, which is a witness. */
static bool take_guard_socket(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                              void *to)
{
    if (yaml_is_text(node) && !yaml_is_empty(node) && yaml_text(node)[0] == '\0')
        return text_copy(to, key->size, "");
    return yaml_take_path(file, key, node, to);
}

static const struct yaml_key agent_keys[] = {
    {.name = "controllers", .take_fn = take_controllers, .max = CONTROLLERS_MAX},
    {.name = "state", PATH_KEY(struct agent_config, state)},
    {.name = "guard-socket",
     .take_fn = take_guard_socket,
     YAML_FIELD(struct agent_config, guard_socket),
     .max = SOCKET_PATH_MAX},
    {.name = "tailscale-socket", SOCKET_KEY(struct agent_config, tailscale_socket)},
    {.name = "log", .take_fn = take_log, YAML_FIELD(struct agent_config, log)},
};

bool config_read_agent(const char *path, struct agent_config *ret_config, struct err *err)
{
    struct agent_config config = {.state = "/var/lib/oceanid/agent",
                                  .guard_socket = "/run/oceanid/guard.sock",
                                  .tailscale_socket = "/run/tailscale/tailscaled.sock",
                                  .log = "info"};

    if (!read_file(path, YAML_KEYS(agent_keys), &config, err))
        return false;
    *ret_config = config;
    return true;
}

/* ---- guard.yaml -------------------------------------------------------------------------------
 */

static const struct yaml_key guard_keys[] = {
    {.name = "state", PATH_KEY(struct guard_config, state)},
    {.name = "socket", SOCKET_KEY(struct guard_config, socket)},
    {.name = "trust", PATH_KEY(struct guard_config, trust)},
    {.name = "tailscale-socket", SOCKET_KEY(struct guard_config, tailscale_socket)},
    {.name = "rehearse-socket", PATH_KEY(struct guard_config, rehearse_socket)},
    {.name = "agent-user", .take_fn = take_user, YAML_FIELD(struct guard_config, agent_user)},
    {.name = "log", .take_fn = take_log, YAML_FIELD(struct guard_config, log)},
};

void config_default_guard(struct guard_config *ret_config)
{
    *ret_config = (struct guard_config){.state = "/var/lib/oceanid/guard",
                                        .socket = "/run/oceanid/guard.sock",
                                        .trust = "/etc/oceanid/trust.yaml",
                                        .tailscale_socket = "/run/tailscale/tailscaled.sock",
                                        .rehearse_socket = "/run/oceanid/rehearse.sock",
                                        .agent_user = "oceanid-agent",
                                        .log = "info"};
}

/* Single quotes: the only one that has to be doubled in them is theirs (YAML 1.1, 5.7). */
void config_format_guard(const struct guard_config *config, char *to, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < sizeof(guard_keys) / sizeof(guard_keys[0]); i++) {
        const char *text = (const char *)config + guard_keys[i].offset;

        len += (size_t)snprintf(to + len, size - len, "%s: '", guard_keys[i].name);
        for (; *text != '\0'; text++)
            len += (size_t)snprintf(to + len, size - len, *text == '\'' ? "''" : "%c", *text);
        len += (size_t)snprintf(to + len, size - len, "'\n");
    }
    assert(len < size);
}

bool config_parse_guard(const char *path, struct bytes text, struct guard_config *ret_config,
                        struct err *err)
{
    struct guard_config config;

    config_default_guard(&config);
    if (!yaml_read_document(path, text, YAML_KEYS(guard_keys), &config, err))
        return false;
    *ret_config = config;
    return true;
}

bool config_read_guard(const char *path, struct guard_config *ret_config, struct err *err)
{
    AUTO_FREE uint8_t *data = NULL;
    size_t len;

    if (file_read(path, YAML_SIZE_MAX, &data, &len, err))
        return config_parse_guard(path, (struct bytes){data, len}, ret_config, err);
    if (err->kind != ERR_MISSING)
        return false;
    *err = (struct err)ERR_INIT;
    config_default_guard(ret_config);
    return true;
}

bool config_read_named_guard(const char *option, const char *path, struct guard_config *ret_config,
                             struct err *err)
{
    if (access(path, F_OK) != 0)
        return err_set(err, ERR_INPUT, "%s %.200s: expected a guard.yaml, found %s", option, path,
                       errno == ENOENT ? "no such file" : strerror(errno));
    return config_read_guard(path, ret_config, err);
}

/* ---- controller.yaml --------------------------------------------------------------------------
 */

/* HOST:PORT; "" for none but the local socket. */
static bool take_https(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                       void *to)
{
    char host[HOST_SIZE];
    uint16_t port = 0;

    if (!yaml_is_text(node) || yaml_is_empty(node) || strlen(yaml_text(node)) >= key->size ||
        (yaml_text(node)[0] != '\0' &&
         (!yaml_split_port(yaml_text(node), host, sizeof(host), &port) || port == 0)))
        return yaml_refuse_value(file, key, node,
                                 "accepted is ADDRESS:PORT or [ADDRESS]:PORT, or \"\" for none");
    return text_copy(to, key->size, yaml_text(node));
}

static const char *const role_names[] = {"viewer", "ci", "operator", NULL};

/* unix: { USER: ROLE } */
static bool take_users(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                       void *to)
{
    struct controller_config *config = to;

    if (!yaml_expect_mapping(file, key, node))
        return false;
    for (size_t i = 0; i < yaml_count(node); i++) {
        yaml_node_t *user = yaml_pair_key(file, node, i);
        struct yaml_key role = {.name = yaml_text(user), .choices = role_names};
        unsigned index;

        if (!take_user(file, key, user, config->roles[i].user) ||
            !yaml_take_choice(file, &role, yaml_pair_value(file, node, i), &index))
            return false;
        text_copy(config->roles[i].role, NAME_SIZE, role_names[index]);
        config->roles_count++;
    }
    return true;
}

static const struct yaml_key roles_keys[] = {
    {.name = "unix", .take_fn = take_users, .max = ROLES_MAX},
};

static bool take_roles(struct yaml_file *file, const struct yaml_key *key, yaml_node_t *node,
                       void *to)
{
    (void)key;
    return yaml_read_mapping(file, node, YAML_KEYS(roles_keys), to);
}

static const struct yaml_key controller_keys[] = {
    {.name = "state", PATH_KEY(struct controller_config, state)},
    {.name = "fleet", PATH_KEY(struct controller_config, fleet)},
    {.name = "agents", .take_fn = take_url, YAML_FIELD(struct controller_config, agents)},
    {.name = "https", .take_fn = take_https, YAML_FIELD(struct controller_config, https)},
    {.name = "socket", SOCKET_KEY(struct controller_config, socket)},
    {.name = "roles", .take_fn = take_roles},
    {.name = "log", .take_fn = take_log, YAML_FIELD(struct controller_config, log)},
};

bool config_read_controller(const char *path, struct controller_config *ret_config, struct err *err)
{
    AUTO_FREE struct controller_config *config = mem_alloc(1, sizeof(*config));

    *config = (struct controller_config){.state = "/var/lib/oceanid/controller",
                                         .fleet = "/etc/oceanid/fleet.yaml",
                                         .socket = "/run/oceanid-controller/controller.sock",
                                         .agents = "tls+tcp://0.0.0.0:7430",
                                         .https = "0.0.0.0:7431",
                                         .log = "info"};
    if (!read_file(path, YAML_KEYS(controller_keys), config, err))
        return false;
    *ret_config = *config;
    return true;
}
