/*
 * identity: who this agent is.
 */
#include "agent/io/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/name.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/file.h"

enum { SMALL_FILE_MAX = 4096 };

static bool read_small(const struct agent_config *config, const char *name, char **ret_text,
                       struct err *err)
{
    char path[2 * PATH_SIZE];
    uint8_t *data;
    size_t len;

    if (!file_join(path, sizeof(path), config->state, name, err) ||
        !file_read(path, SMALL_FILE_MAX, &data, &len, err))
        return false;
    *ret_text = (char *)data;
    return true;
}

static bool read_name(const struct agent_config *config, struct identity *identity, struct err *err)
{
    AUTO_FREE char *text = NULL;

    if (!read_small(config, IDENTITY_NAME, &text, err))
        return err_wrap(err, "this agent has not joined (`oceanid-agent request`, then `install`)");
    text[strcspn(text, "\n")] = '\0';
    if (!name_check("installed name", text, err))
        return false;
    return text_copy(identity->name, sizeof(identity->name), text);
}

static void read_controllers(const struct agent_config *config, struct identity *identity)
{
    struct err err = ERR_INIT;
    AUTO_FREE char *text = NULL;
    char *rest;
    char *line;

    identity->controllers_count = config->controllers_count;
    memcpy(identity->controllers, config->controllers, sizeof(identity->controllers));
    if (config->controllers_count > 0 || !read_small(config, IDENTITY_CONTROLLERS, &text, &err))
        return;
    rest = text;
    while ((line = strsep(&rest, "\n")) != NULL && identity->controllers_count < CONTROLLERS_MAX) {
        if (*line != '\0' &&
            text_copy(identity->controllers[identity->controllers_count], PATH_SIZE, line))
            identity->controllers_count++;
    }
}

/* A second one would take the controller's commands from the first, and tell all that it has not
 * seen yet as gone; what the first one says later is only what differs. */
static bool claim(const struct agent_config *config, struct identity *identity, struct err *err)
{
    identity->state_fd = open(config->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (identity->state_fd < 0)
        return err_set(err, ERR_SYSTEM, "open %s: %s", config->state, strerror(errno));
    if (flock(identity->state_fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return true;
    close(identity->state_fd);
    identity->state_fd = -1;
    return err_set(err, ERR_CONFLICT,
                   "another oceanid-agent of %s runs (%s is locked), and its word is what counts: "
                   "`systemctl status oceanid-agent` shows it, `oceanid-agent --help` what else "
                   "this program does",
                   identity->name, config->state);
}

bool identity_load(const struct agent_config *config, struct identity *ret_identity,
                   struct err *err)
{
    struct identity *to = ret_identity;

    memset(to, 0, sizeof(*to));
    to->state_fd = -1;
    to->witness_only = config->guard_socket[0] == '\0';
    if (!read_name(config, to, err) ||
        !file_join(to->ca_path, PATH_SIZE, config->state, IDENTITY_CA, err) ||
        !file_join(to->cert_path, PATH_SIZE, config->state, IDENTITY_CERTIFICATE, err) ||
        !file_join(to->key_path, PATH_SIZE, config->state, IDENTITY_KEY, err) ||
        !clock_boot_id(to->boot_id, sizeof(to->boot_id), err))
        return false;
    read_controllers(config, to);
    if (to->controllers_count == 0)
        return err_set(err, ERR_INPUT,
                       "no controller: agent.yaml names none, and none was installed");
    if (!claim(config, to, err))
        return false;
    to->key = sign_key_load(to->key_path, err);
    return to->key != NULL;
}

void identity_done(struct identity *identity)
{
    sign_key_free(identity->key);
    if (identity->state_fd >= 0)
        close(identity->state_fd);
    memset(identity, 0, sizeof(*identity));
}

struct link_tls identity_tls(const struct identity *identity)
{
    return (struct link_tls){identity->ca_path, identity->cert_path, identity->key_path};
}
