/*
 * file_case: what the tests of configuration files share: a root folder, a bus, one look, one step.
 */
#include "tests/unit/file_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/guard/io/apply_file.h"
#include "tests/unit/apply_case.h"
#include "tests/unit/fake_bus.h"

static char root[] = "/tmp/oceanid-files-XXXXXX";
bool file_case_has_root;

void file_case_run(const char *words)
{
    char line[512];

    snprintf(line, sizeof(line), "cd %s && %s", root, words);
    assert_int_equal(system(line), 0);
}

/* As networkd does with the two contents of file_case.h. */
static void make_and_take_away(void)
{
    char line[1024];

    snprintf(line, sizeof(line),
             "cd %s; at=systemd/network/10-eth0.network.d/50-route.conf; for n in 6 7; do "
             "if cat etc/$at run/$at 2>/dev/null | grep -q 198.51.100.$n; "
             "then ip route replace 198.51.100.$n dev eth0 proto static; "
             "else ip route del 198.51.100.$n proto static 2>/dev/null; fi; done; true",
             root);
    fake_bus_do(line);
}

int file_case_enter(void **state)
{
    if (apply_case_enter(state) != 0)
        return -1;
    file_case_has_root = geteuid() == 0;
    if (!file_case_has_root)
        return 0;
    memcpy(root + strlen(root) - 6, "XXXXXX", 6);
    assert_non_null(mkdtemp(root));
    file_case_run("mkdir -p etc/netplan etc/systemd/network run/netplan run/systemd/network "
                  "run/systemd/generator");
    fake_bus_start(root);
    make_and_take_away();
    apply_case.root = root;
    apply_case.bus = fake_bus_address();
    return 0;
}

int file_case_leave(void **state)
{
    if (file_case_has_root) {
        fake_bus_stop();
        file_case_run("rm -r \"$PWD\"");
    }
    apply_case.root = apply_case.bus = NULL;
    return apply_case_leave(state);
}

static void path_of(const char *name, char *to, size_t size)
{
    snprintf(to, size, "%s%s", root, name);
}

void file_case_write_file(const char *name, const char *content, mode_t mode)
{
    char path[256];
    FILE *file;

    path_of(name, path, sizeof(path));
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

void file_case_check_file(const char *name, const char *content, mode_t mode)
{
    char path[256], found[8192];
    struct stat stat;
    FILE *file;

    path_of(name, path, sizeof(path));
    if (content == NULL) {
        assert_int_not_equal(access(path, F_OK), 0);
        return;
    }
    file = fopen(path, "r");
    assert_non_null(file);
    found[fread(found, 1, sizeof(found) - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(found, content);
    assert_int_equal(lstat(path, &stat), 0);
    assert_int_equal(stat.st_mode & 07777, mode);
}

void file_case_check_names(const char *names)
{
    char line[512], found[1024] = "";
    FILE *from;
    size_t len;

    snprintf(line, sizeof(line),
             "cd %s && find etc run -type f ! -name netplan.stamp | LC_ALL=C sort | tr '\\n' ' '",
             root);
    from = popen(line, "r");
    len = fread(found, 1, sizeof(found) - 1, from);
    found[len] = '\0';
    pclose(from);
    assert_string_equal(found, names);
}

struct operation file_case_operation_of(const char *path, const char *content)
{
    struct operation operation = {.kind = OPERATION_FILE};

    operation.file.absent = content == NULL;
    text_copy(operation.file.path, FILE_PATH_SIZE, path);
    text_copy(operation.file.content, FILE_CONTENT_SIZE, content != NULL ? content : "");
    return operation;
}

void file_case_derive(const struct operation *operation, struct undo_item *item)
{
    struct snapshot now;
    struct err err = ERR_INIT;

    apply_case_read(&now);
    assert_true(apply_file_read(&apply_case, operation, &now, &err));
    assert_string_equal(operation_check(operation, &now, &err) ? "" : err.text, "");
    undo_derive(operation, 0, &now, item);
    snapshot_done(&now);
}

void file_case_try_it(const struct operation *operation, struct undo_item *item)
{
    struct err err = ERR_INIT;

    file_case_derive(operation, item);
    assert_string_equal(apply_run(&apply_case, item, &err) ? "" : err.text, "");
    assert_true(item->has_after);
}

void file_case_check_restored(const struct undo_item *item)
{
    struct err err = ERR_INIT;

    assert_string_equal(apply_is_restored(&apply_case, item, 1, NULL, 0, 0, &err) ? "" : err.text,
                        "");
}
