/*
 * store_look: a database as a start would find it, looked at and left as it is. A copy in memory
 * takes what a start writes; a controller that runs meanwhile writes on.
 */
#include "controller/io/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/config.h"
#include "common/io/log.h"
#include "controller/io/store_tables.h"

enum { URI_SIZE = 3 * PATH_SIZE + 64 };

static bool is_there(const char *path, const char *suffix)
{
    char name[PATH_SIZE + 8];

    snprintf(name, sizeof(name), "%s%s", path, suffix);
    return access(name, F_OK) == 0;
}

/* Without a write-ahead log nobody has it open, and no log is to be made. With one its index is
 * read and not written: without that SQLite would make one. */
static void format_uri(const char *path, bool has_log, char to[URI_SIZE])
{
    struct text uri;

    text_init(&uri, to, URI_SIZE);
    text_add(&uri, "file:");
    for (const char *at = path; *at != '\0'; at++) {
        if (strchr("?#%", *at) != NULL)
            text_add(&uri, "%%%02X", (unsigned)(unsigned char)*at);
        else
            text_add(&uri, "%c", *at);
    }
    text_add(&uri, has_log ? "?readonly_shm=1" : "?immutable=1");
}

static bool open_as_it_is(struct store *store, const char *path, bool has_log, struct err *err)
{
    char uri[URI_SIZE];

    format_uri(path, has_log, uri);
    if (sqlite3_open_v2(uri, &store->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) != SQLITE_OK)
        return store->db != NULL ? sql_fail(store->db, err)
                                 : err_set(err, ERR_SYSTEM, "database %.200s: no memory", path);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return store_check(store, err);
}

/* Of a copy that was not made whole SQLite's end says nothing. */
static bool copy(struct store *from, struct store *to, struct err *err)
{
    sqlite3_backup *backup = NULL;
    bool whole;

    if (sqlite3_open(":memory:", &to->db) == SQLITE_OK)
        backup = sqlite3_backup_init(to->db, "main", from->db, "main");
    if (backup == NULL)
        return err_set(err, ERR_SYSTEM, "a database in memory: %.120s", sqlite3_errmsg(to->db));
    whole = sqlite3_backup_step(backup, -1) == SQLITE_DONE;
    if (sqlite3_backup_finish(backup) != SQLITE_OK)
        return sql_fail(from->db, err);
    return whole || err_set(err, ERR_TIMEOUT,
                            "database %.200s: not looked at, somebody was writing it all the "
                            "time: try again",
                            sqlite3_db_filename(from->db, "main"));
}

/* ---- beside one that starts or stops ---------------------------------------------------------
 */

enum { TRIES = 6, PAUSE_US = 100 * 1000 };

/* Whether it is there, whether somebody has it open, and whether as one who runs. */
struct files {
    bool database, log, index;
};

static struct files note_files(const char *path)
{
    return (struct files){is_there(path, ""), is_there(path, "-wal"), is_there(path, "-shm")};
}

static bool is_same(const struct files *before, const struct files *now)
{
    return before->database == now->database && before->log == now->log &&
           before->index == now->index;
}

/* SQLite's lock of a reader. Who holds it keeps the last one that ends from taking the log away:
 * without it the log would be made anew by whoever opens it then, here, as root. -1: somebody who
 * begins or ends has it whole, or it cannot be opened, which SQLite says better. */
static int lock(const char *path, bool *ret_busy)
{
    static const struct flock shared = {
        .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0x40000002, .l_len = 510};
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    *ret_busy = fd >= 0 && fcntl(fd, F_SETLK, &shared) != 0;
    if (*ret_busy) {
        close(fd);
        return -1;
    }
    return fd;
}

/* True with NULL: there is nothing to look at. now: what was there behind the look; closing it lets
 * go of every lock of this process. */
static bool look_once(const char *path, const struct files *files, struct store **ret_store,
                      struct files *ret_now, struct err *err)
{
    struct store *from = mem_alloc(1, sizeof(*from));
    struct store *to = mem_alloc(1, sizeof(*to));
    bool looks = files->database && !(files->log && !files->index);
    bool good = !looks || (open_as_it_is(from, path, files->log, err) && copy(from, to, err) &&
                           store_make_tables(to, err));

    *ret_now = note_files(path);
    store_close(from);
    *ret_store = looks && good ? to : NULL;
    if (*ret_store == NULL)
        store_close(to);
    return good;
}

static void say_no_index(const char *path, const struct files *files)
{
    if (files->database && files->log && !files->index)
        log_warning(
            "database %.200s: not looked at: its write-ahead log has no index, which only a "
            "start makes",
            path);
}

/* False: somebody began or ended meanwhile, and what was seen says nothing. */
static bool look_whole(const char *path, struct store **ret_store, bool *ret_good, struct err *err)
{
    struct files before, now;
    bool busy;
    int fd = lock(path, &busy);

    if (busy)
        return false;
    before = note_files(path);
    if (before.log && !before.index)
        usleep(PAUSE_US); /* one that begins makes it behind the log */
    *ret_good = look_once(path, &before, ret_store, &now, err);
    if (fd >= 0)
        close(fd);
    if (is_same(&before, &now)) {
        say_no_index(path, &before);
        return true;
    }
    store_close(*ret_store);
    *ret_store = NULL;
    return false;
}

bool store_look(const char *path, struct store **ret_store, struct err *err)
{
    *ret_store = NULL;
    for (unsigned i = 0; i < TRIES; i++) {
        struct err why = ERR_INIT;
        bool good;

        if (look_whole(path, ret_store, &good, &why)) {
            *err = good ? *err : why;
            return good;
        }
        usleep(PAUSE_US);
    }
    return err_set(
        err, ERR_TIMEOUT,
        "database %.200s: not looked at: a controller starts or stops: expected one that "
        "runs, or none; try again",
        path);
}
