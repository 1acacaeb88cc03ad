/*
 * config: the YAML files that people write: agent.yaml, guard.yaml, controller.yaml, fleet.yaml,
 * trust.yaml and changes. Unknown key, wrong type, out-of-range value: file, line, value, what is
 * accepted.
 */
#ifndef COMMON_IO_CONFIG_H
#define COMMON_IO_CONFIG_H

#include "common/change/change.h"

#define CONFIG_GUARD_PATH "/etc/oceanid/guard.yaml"

enum { PATH_SIZE = 256, CONTROLLERS_MAX = 8 };

struct agent_config {
    uint32_t controllers_count;
    char controllers[CONTROLLERS_MAX][PATH_SIZE];
    char state[PATH_SIZE], guard_socket[PATH_SIZE], tailscale_socket[PATH_SIZE];
    char log[NAME_SIZE];
};
struct guard_config {
    char state[PATH_SIZE], socket[PATH_SIZE], trust[PATH_SIZE], tailscale_socket[PATH_SIZE];
    char rehearse_socket[PATH_SIZE]; /* where oceanid-rehearse is asked */
    char agent_user[NAME_SIZE];
    char log[NAME_SIZE];
};
struct config_role {
    char user[NAME_SIZE]; /* name or number */
    char role[NAME_SIZE];
};
struct controller_config {
    char state[PATH_SIZE], fleet[PATH_SIZE], socket[PATH_SIZE];
    char agents[PATH_SIZE], https[PATH_SIZE];
    uint32_t roles_count;
    struct config_role roles[32];
    char log[NAME_SIZE];
};

/* Is one of the words behind a daemon's name -h or --help? */
bool config_asks_help(int argc, char **argv);

/* The words behind a daemon's name: none (path NULL), or --config FILE. hint: behind what is
 * accepted, for who meant another program; "" for none. */
bool config_take_words(int argc, char **argv, const char *hint, const char **ret_path,
                       struct err *err);

/* A missing guard.yaml gives the defaults; the others are required. */
bool config_read_agent(const char *path, struct agent_config *ret_config, struct err *err);
bool config_read_guard(const char *path, struct guard_config *ret_config, struct err *err);
/* One that a person named by this option: it has to be there. */
bool config_read_named_guard(const char *option, const char *path, struct guard_config *ret_config,
                             struct err *err);
bool config_read_controller(const char *path, struct controller_config *ret_config,
                            struct err *err);

/* What holds where guard.yaml is not there, or says nothing of it. */
void config_default_guard(struct guard_config *ret_config);
/* A guard.yaml that says all of it. to: CONFIG_GUARD_TEXT_SIZE bytes. */
enum { CONFIG_GUARD_TEXT_SIZE = 4096 };
void config_format_guard(const struct guard_config *config, char *to, size_t size);

/* The same from memory, for tests, for what travels, and for what another process has read; path is
 * only for messages. */
bool config_parse_guard(const char *path, struct bytes text, struct guard_config *ret_config,
                        struct err *err);
bool config_parse_fleet(const char *path, struct bytes text, struct fleet_file *ret_fleet,
                        struct err *err);
bool config_parse_change(const char *path, struct bytes text, struct change *ret_change,
                         struct err *err);
bool config_parse_trust(const char *path, struct bytes text, struct trust *ret_trust,
                        struct err *err);

#endif
