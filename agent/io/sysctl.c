/*
 * sysctl: the named network settings below /proc/sys/net that an operation or a check may name.
 */
#include "agent/io/sysctl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/net/operation_kind.h"

enum { PATH_SIZE = SYSCTL_NAME_SIZE + 16 };

/* "." becomes "/" and "/" ".", as sysctl(8) does; nothing but a name below /proc/sys/net. */
static bool make_path(const char *name, char *path, struct err *err)
{
    struct text text;
    size_t len = strlen(name);

    text_init(&text, path, PATH_SIZE);
    text_add(&text, "/proc/sys/");
    if (!text_starts(name, "net.") || len >= SYSCTL_NAME_SIZE)
        return err_set(err, ERR_INPUT, "sysctl '%.80s': accepted are names that begin with net.",
                       name);
    for (size_t i = 0; i < len; i++)
        text_add(&text, "%c", name[i] == '.' ? '/' : name[i] == '/' ? '.' : name[i]);
    if (strstr(path, "/./") != NULL || strstr(path, "/../") != NULL || strstr(path, "//") != NULL ||
        path[text.len - 1] == '.' || path[text.len - 1] == '/')
        return err_set(err, ERR_INPUT, "sysctl '%.80s': accepted are names of one setting", name);
    return true;
}

static bool refuse(const char *name, const char *what, int error, struct err *err)
{
    return err_set(err, error == ENOENT ? ERR_MISSING : ERR_SYSTEM, "sysctl %s: %s%s", name, what,
                   error == ENOENT ? "the kernel has none of that name" : strerror(error));
}

bool sysctl_read_one(const char *name, char *ret_value, size_t size, struct err *err)
{
    char path[PATH_SIZE];
    char value[256];
    ssize_t len;
    int fd;

    if (!make_path(name, path, err))
        return false;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return refuse(name, "", errno, err);
    len = read(fd, value, sizeof(value) - 1);
    if (len < 0)
        refuse(name, "reading: ", errno, err);
    close(fd);
    if (len < 0)
        return false;
    value[len] = '\0';
    value[strcspn(value, "\n")] = '\0';
    if (!text_copy(ret_value, size, value))
        return err_set(err, ERR_LIMIT, "sysctl %s: its value has over %zu characters", name,
                       size - 1);
    return true;
}

bool sysctl_write(const struct sysctl *setting, struct err *err)
{
    char path[PATH_SIZE];
    size_t len = strlen(setting->value);
    bool good;
    int fd;

    if (!make_path(setting->name, path, err))
        return false;
    fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return refuse(setting->name, "", errno, err);
    good = write(fd, setting->value, len) == (ssize_t)len;
    if (!good)
        refuse(setting->name, "writing: ", errno, err);
    close(fd);
    return good;
}

static void add(struct snapshot *snapshot, const char *name)
{
    struct sysctl found = {.name = ""};
    struct err err = ERR_INIT;

    if (snapshot->sysctls_count >= SYSCTLS_MAX ||
        !text_copy(found.name, sizeof(found.name), name) ||
        !sysctl_read_one(name, found.value, sizeof(found.value), &err))
        return;
    *snapshot_add_sysctl(snapshot) = found;
}

/* A device in a setting's name: "/" stands for its dots. */
static void write_word(const char *device, char word[DEVICE_SIZE])
{
    text_copy(word, DEVICE_SIZE, device);
    for (char *at = word; *at != '\0'; at++)
        *at = *at == '.' ? '/' : *at;
}

static void add_device(struct snapshot *snapshot, const char *device)
{
    char word[DEVICE_SIZE];
    const char *group, *key;

    write_word(device, word);
    for (uint32_t i = 0; operation_sysctl_setting(i, &group, &key); i++) {
        char name[SYSCTL_NAME_SIZE];
        struct text text = TEXT_IN(name);

        text_add(&text, "%s%s.%s", group, word, key);
        if (key[0] != '\0')
            add(snapshot, name);
    }
}

/* Links come in the order of their indexes: where there are many, the pods' are left out. */
void sysctl_read(struct snapshot *snapshot)
{
    const char *group, *key;

    for (uint32_t i = 0; operation_sysctl_setting(i, &group, &key); i++) {
        if (key[0] == '\0')
            add(snapshot, group);
    }
    add_device(snapshot, "all");
    add_device(snapshot, "default");
    for (size_t i = 0; i < snapshot->links_count; i++)
        add_device(snapshot, snapshot->links[i].name);
    snapshot_sort(snapshot);
}

void sysctl_read_also(const char *name, struct snapshot *snapshot)
{
    struct sysctl found = {.name = ""};
    struct err err = ERR_INIT;

    if (snapshot_find_sysctl(snapshot, name) != NULL ||
        !text_copy(found.name, sizeof(found.name), name) ||
        !sysctl_read_one(name, found.value, sizeof(found.value), &err))
        return;
    *snapshot_add_sysctl(snapshot) = found;
    snapshot_sort(snapshot);
}

/* ---- what IPv6 takes along --------------------------------------------------------------------
 */

/* addr_gen_mode 2 wants a secret (addrconf_sysctl_addr_gen_mode in the kernel), and writing the
 * secret writes the mode; mtu and hop_limit are a router's, and no mtu above the device's is taken.
 */
static bool may_be_written_back(const char *key, const char *value)
{
    bool number = value[0] != '\0' && value[strspn(value, "-0123456789")] == '\0';
    bool routers = text_equal(key, "mtu") || text_equal(key, "hop_limit");

    return number && !routers && !(text_equal(key, "addr_gen_mode") && text_equal(value, "2"));
}

static void add_ipv6(struct snapshot *snapshot, const char *word, const char *key)
{
    struct sysctl found = {.name = ""};
    struct text text = TEXT_IN(found.name);
    struct err err = ERR_INIT;

    text_add(&text, "net.ipv6.conf.%s.%s", word, key);
    if (snapshot->sysctls_count < SYSCTLS_MAX &&
        snapshot_find_sysctl(snapshot, found.name) == NULL &&
        sysctl_read_one(found.name, found.value, sizeof(found.value), &err) &&
        may_be_written_back(key, found.value))
        *snapshot_add_sysctl(snapshot) = found;
}

void sysctl_read_ipv6(const char *device, struct snapshot *snapshot)
{
    char path[PATH_SIZE], word[DEVICE_SIZE];
    struct text text = TEXT_IN(path);
    struct dirent *entry;
    struct stat status;
    DIR *folder;

    text_add(&text, "/proc/sys/net/ipv6/conf/%s", device);
    folder = opendir(path);
    if (folder == NULL)
        return; /* it has none: no device, or without IPv6 already */
    write_word(device, word);
    while ((entry = readdir(folder)) != NULL) {
        if (fstatat(dirfd(folder), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode) && (status.st_mode & S_IWUSR) != 0)
            add_ipv6(snapshot, word, entry->d_name);
    }
    closedir(folder);
    snapshot_sort(snapshot);
}
