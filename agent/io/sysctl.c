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

/* Every network namespace has this one: where it is not seen, none is. */
static bool shows_settings(void)
{
    return access("/proc/sys/net/ipv4/ip_forward", F_OK) == 0;
}

static bool refuse(const char *name, const char *what, int error, struct err *err)
{
    if (error != ENOENT)
        return err_set(err, ERR_SYSTEM, "sysctl %s: %s%s", name, what, strerror(error));
    if (!shows_settings())
        return err_set(err, ERR_SYSTEM,
                       "sysctl %s: expected the kernel's settings below /proc/sys/net, found none "
                       "(is /proc mounted?)",
                       name);
    return err_set(err, ERR_MISSING, "sysctl %s: %sthe kernel has none of that name", name, what);
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

/* ---- several ----------------------------------------------------------------------------------
 */

struct reading {
    struct snapshot *snapshot;
    sysctl_wanted_fn wanted_fn; /* NULL: what can be read, up to SYSCTLS_MAX */
    const void *context;
    size_t known; /* what was in the snapshot before */
};

static bool is_known(const struct reading *reading, const char *name)
{
    for (size_t i = 0; i < reading->known; i++) {
        if (text_equal(reading->snapshot->sysctls[i].name, name))
            return true;
    }
    return false;
}

/* One that the kernel has not is none. */
static bool append(const char *name, struct snapshot *snapshot, struct err *err)
{
    struct sysctl found = {.name = ""};
    struct err refusal = ERR_INIT;

    if (!text_copy(found.name, sizeof(found.name), name))
        return err_set(err, ERR_INPUT, "sysctl '%.80s...': accepted are up to %d characters", name,
                       SYSCTL_NAME_SIZE - 1);
    if (sysctl_read_one(name, found.value, sizeof(found.value), &refusal)) {
        *snapshot_add_sysctl(snapshot) = found;
        return true;
    }
    if (refusal.kind == ERR_MISSING)
        return true;
    *err = refusal;
    return false;
}

static bool add(const struct reading *reading, const char *name, struct err *err)
{
    struct err ignored = ERR_INIT;

    if (reading->wanted_fn != NULL)
        return !reading->wanted_fn(reading->context, name) || is_known(reading, name) ||
               append(name, reading->snapshot, err);
    if (reading->snapshot->sysctls_count < SYSCTLS_MAX)
        append(name, reading->snapshot, &ignored);
    return true;
}

/* A device in a setting's name: "/" stands for its dots. */
static void write_word(const char *device, char word[DEVICE_SIZE])
{
    text_copy(word, DEVICE_SIZE, device);
    for (char *at = word; *at != '\0'; at++)
        *at = *at == '.' ? '/' : *at;
}

static bool add_device(const struct reading *reading, const char *device, struct err *err)
{
    char word[DEVICE_SIZE];
    const char *group, *key;

    write_word(device, word);
    for (uint32_t i = 0; operation_sysctl_setting(i, &group, &key); i++) {
        char name[SYSCTL_NAME_SIZE];
        struct text text = TEXT_IN(name);

        text_add(&text, "%s%s.%s", group, word, key);
        if (key[0] != '\0' && !add(reading, name, err))
            return false;
    }
    return true;
}

static bool add_global(const struct reading *reading, struct err *err)
{
    const char *group, *key;

    for (uint32_t i = 0; operation_sysctl_setting(i, &group, &key); i++) {
        if (key[0] == '\0' && !add(reading, group, err))
            return false;
    }
    return add_device(reading, "all", err) && add_device(reading, "default", err);
}

static bool add_all(const struct reading *reading, struct err *err)
{
    struct snapshot *snapshot = reading->snapshot;
    bool good = add_global(reading, err);

    for (size_t i = 0; good && i < snapshot->links_count; i++)
        good = add_device(reading, snapshot->links[i].name, err);
    if (snapshot->sysctls_count > reading->known)
        snapshot_sort(snapshot);
    return good;
}

/* Links come in the order of their indexes: where there are many, the pods' are left out. */
void sysctl_read(struct snapshot *snapshot)
{
    const struct reading reading = {snapshot, NULL, NULL, snapshot->sysctls_count};
    struct err none = ERR_INIT;

    add_all(&reading, &none);
}

bool sysctl_read_wanted(sysctl_wanted_fn wanted_fn, const void *context, struct snapshot *snapshot,
                        struct err *err)
{
    const struct reading reading = {snapshot, wanted_fn, context, snapshot->sysctls_count};

    return add_all(&reading, err);
}

bool sysctl_read_also(const char *name, struct snapshot *snapshot, struct err *err)
{
    size_t known = snapshot->sysctls_count;

    if (snapshot_find_sysctl(snapshot, name) != NULL)
        return true;
    if (!append(name, snapshot, err))
        return false;
    if (snapshot->sysctls_count > known)
        snapshot_sort(snapshot);
    return true;
}

/* ---- what IPv6 takes along --------------------------------------------------------------------
 */

/* Reading the secret is refused while there is none, and it is no number. */
static bool is_setting(int folder, const char *key)
{
    struct stat status;

    return !text_equal(key, "stable_secret") &&
           fstatat(folder, key, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
           (status.st_mode & S_IWUSR) != 0;
}

static bool add_ipv6(const struct reading *reading, const char *word, DIR *folder, struct err *err)
{
    struct dirent *entry;

    while ((entry = readdir(folder)) != NULL) {
        char name[SYSCTL_NAME_SIZE];
        struct text text = TEXT_IN(name);

        if (!is_setting(dirfd(folder), entry->d_name))
            continue;
        text_add(&text, "net.ipv6.conf.%s.%s", word, entry->d_name);
        if (!is_known(reading, name) && !append(name, reading->snapshot, err))
            return false;
    }
    return true;
}

bool sysctl_read_ipv6(const char *device, struct snapshot *snapshot, struct err *err)
{
    const struct reading reading = {snapshot, NULL, NULL, snapshot->sysctls_count};
    char path[PATH_SIZE], word[DEVICE_SIZE];
    struct text text = TEXT_IN(path);
    DIR *folder;
    bool good;

    text_add(&text, "/proc/sys/net/ipv6/conf/%s", device);
    folder = opendir(path);
    if (folder == NULL && errno == ENOENT && shows_settings())
        return true; /* it has none: no device, or without IPv6 already */
    if (folder == NULL)
        return refuse(path + strlen("/proc/sys/"), "", errno, err);
    write_word(device, word);
    good = add_ipv6(&reading, word, folder, err);
    closedir(folder);
    snapshot_sort(snapshot);
    return good;
}
