/*
 * test_packet: messages of every size pass whole; what is no proper packet is refused.
 */
#include "common/io/packet.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"

#include <setjmp.h>

#include <cmocka.h>

static char directory[] = "/tmp/test_packet.XXXXXX";
static char path[64];

struct ends {
    int fd[2];
};

static struct ends open_ends(void)
{
    struct ends ends;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.fd),
                     0);
    return ends;
}

static void close_ends(struct ends *ends)
{
    close(ends->fd[0]);
    close(ends->fd[1]);
}

static int count_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void expect_refusal(int fd, enum err_kind kind, const char *text)
{
    struct err err = ERR_INIT;
    uint8_t *data = NULL;
    size_t len = 0;

    assert_false(packet_receive(fd, &data, &len, &err));
    assert_string_equal(err.text, text);
    assert_int_equal(err.kind, kind);
    assert_null(data);
}

static void test_every_size_passes(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 4096, 200 << 10, (200 << 10) + 1, PACKET_SIZE_MAX};
    AUTO_FREE uint8_t *message = mem_alloc(1, PACKET_SIZE_MAX);
    struct ends ends = open_ends();
    int descriptors = count_descriptors();

    (void)state;
    for (size_t i = 0; i < PACKET_SIZE_MAX; i++)
        message[i] = (uint8_t)(i * 7 + i / 251);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct err err = ERR_INIT;
        uint8_t *data = NULL;
        size_t len = 1;

        assert_true(packet_send(ends.fd[0], (struct bytes){message, sizes[i]}, &err));
        assert_true(packet_receive(ends.fd[1], &data, &len, &err));
        assert_int_equal(len, sizes[i]);
        assert_memory_equal(data, message, len);
        assert_int_equal(data[len], 0); /* as text it ends */
        free(data);
    }
    assert_int_equal(count_descriptors(), descriptors);
    close_ends(&ends);
}

static void test_too_large_is_not_sent(void **state)
{
    AUTO_FREE uint8_t *message = mem_alloc(1, PACKET_SIZE_MAX + 1);
    struct ends ends = open_ends();
    struct err err = ERR_INIT;

    (void)state;
    assert_false(packet_send(ends.fd[0], (struct bytes){message, PACKET_SIZE_MAX + 1}, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_string_equal(err.text, "send: a message of 4194305 bytes: accepted are at most 4194304");
    close_ends(&ends);
}

static void test_nothing_there_and_hung_up(void **state)
{
    struct ends ends = open_ends();
    struct err err = ERR_INIT;

    (void)state;
    expect_refusal(ends.fd[1], ERR_TIMEOUT, "receive: not now: Resource temporarily unavailable");
    close(ends.fd[0]);
    expect_refusal(ends.fd[1], ERR_PEER, "receive: the other side has hung up");
    assert_false(packet_send(ends.fd[1], (struct bytes){(const uint8_t *)"x", 1}, &err));
    assert_int_equal(err.kind, ERR_PEER);
    close(ends.fd[1]);
}

static void test_full_socket_is_a_timeout(void **state)
{
    uint8_t message[60000] = {0};
    struct ends ends = open_ends();
    struct err err = ERR_INIT;
    int sent = 0;

    (void)state;
    while (packet_send(ends.fd[0], (struct bytes){message, sizeof(message)}, &err))
        sent++;
    assert_int_equal(err.kind, ERR_TIMEOUT);
    assert_in_range(sent, 1, 100);
    close_ends(&ends);
}

/* A packet of these bytes, with a descriptor unless it is -1. */
static void send_raw(int fd, const void *bytes, size_t len, int file)
{
    struct iovec part = {(void *)(uintptr_t)bytes, len};
    char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};

    if (file >= 0) {
        struct cmsghdr *head;

        packet.msg_control = control;
        packet.msg_controllen = sizeof(control);
        head = CMSG_FIRSTHDR(&packet);
        *head = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(head), &file, sizeof(int));
    }
    assert_int_equal(sendmsg(fd, &packet, 0), (ssize_t)len);
}

static int make_memfd(off_t size, int seals)
{
    int file = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_int_equal(ftruncate(file, size), 0);
    assert_int_equal(fcntl(file, F_ADD_SEALS, seals), 0);
    return file;
}

static void test_files_that_are_refused(void **state)
{
    static const struct {
        off_t size;
        int seals;
        enum err_kind kind;
        const char *text;
    } cases[] = {
        {100, F_SEAL_SHRINK | F_SEAL_GROW, ERR_PEER,
         "receive: expected a memfd sealed against shrinking, growing and writing"},
        {100, F_SEAL_WRITE | F_SEAL_GROW, ERR_PEER,
         "receive: expected a memfd sealed against shrinking, growing and writing"},
        {PACKET_SIZE_MAX + 1, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE, ERR_LIMIT,
         "receive: a message of 4194305 bytes: accepted are at most 4194304"},
    };
    struct ends ends = open_ends();
    int plain = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int descriptors = count_descriptors();

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int file = make_memfd(cases[i].size, cases[i].seals);

        send_raw(ends.fd[0], "F", 1, file);
        close(file);
        expect_refusal(ends.fd[1], cases[i].kind, cases[i].text);
    }
    send_raw(ends.fd[0], "F", 1, plain);
    expect_refusal(ends.fd[1], ERR_PEER, cases[0].text);
    assert_int_equal(count_descriptors(), descriptors);
    close(plain);
    close_ends(&ends);
}

static void test_packets_that_are_refused(void **state)
{
    static const char *const text = "receive: a packet of no known kind";
    AUTO_FREE char *large = mem_alloc(1, 206000);
    struct ends ends = open_ends();
    int descriptors = count_descriptors();

    (void)state;
    send_raw(ends.fd[0], "Xabc", 4, -1);
    expect_refusal(ends.fd[1], ERR_PEER, text);
    send_raw(ends.fd[0], "F", 1, -1); /* without its file */
    expect_refusal(ends.fd[1], ERR_PEER, text);
    send_raw(ends.fd[0], "Mabc", 4, 0); /* with one too many */
    expect_refusal(ends.fd[1], ERR_PEER, text);
    send_raw(ends.fd[0], large, 206000, -1);
    expect_refusal(ends.fd[1], ERR_LIMIT,
                   "receive: a packet of 206000 bytes: accepted are at most 204801");
    expect_refusal(ends.fd[1], ERR_TIMEOUT, "receive: not now: Resource temporarily unavailable");
    assert_int_equal(count_descriptors(), descriptors);
    close_ends(&ends);
}

/* The padding of a control message has room for a second one: whoever may talk to the guard could
 * take all its descriptors away, one a packet. */
static void test_second_descriptor_is_not_taken(void **state)
{
    struct ends ends = open_ends();
    int files[2] = {ends.fd[0], ends.fd[1]};
    char bytes[] = {'M', 'a', 'b', 'c'};
    struct iovec part = {bytes, sizeof(bytes)};
    union {
        char bytes[CMSG_SPACE(sizeof(files))];
        struct cmsghdr aligned;
    } control = {{0}};
    struct msghdr packet = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof(control.bytes)};
    int descriptors = count_descriptors();

    (void)state;
    CMSG_FIRSTHDR(&packet)->cmsg_level = SOL_SOCKET;
    CMSG_FIRSTHDR(&packet)->cmsg_type = SCM_RIGHTS;
    CMSG_FIRSTHDR(&packet)->cmsg_len = CMSG_LEN(sizeof(files));
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&packet)), files, sizeof(files));
    assert_int_equal(sendmsg(ends.fd[0], &packet, 0), 4);
    expect_refusal(ends.fd[1], ERR_PEER, "receive: a packet of no known kind");
    assert_int_equal(count_descriptors(), descriptors);
    close_ends(&ends);
}

/* ---- sockets with names ---------------------------------------------------------------------- */

static void test_listens_connects_and_knows_its_peer(void **state)
{
    struct err err = ERR_INIT;
    struct stat status;
    uid_t uid = 12345;
    pid_t pid = 0;
    int listener = packet_listen(path, 0660, getgid(), &err);
    int client = packet_connect(path, &err);
    int served;

    (void)state;
    assert_string_equal(err.text, "");
    served = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0660);
    assert_true(packet_peer(served, &uid, &pid, &err));
    assert_int_equal(uid, getuid());
    assert_int_equal(pid, getpid());
    close(served);
    close(client);
    close(listener);
}

/* A rescue asks a guard that may be frozen: it must not hang on it. */
static void test_nobody_accepts(void **state)
{
    struct err err = ERR_INIT;
    int listener = packet_listen(path, 0600, (gid_t)-1, &err);
    int clients[64], count = 0;
    mono_t began = clock_now();

    (void)state;
    assert_int_equal(listen(listener, 1), 0);
    while (count < 64 && (clients[count] = packet_connect(path, &err)) >= 0)
        count++;
    assert_in_range(count, 1, 63);
    assert_int_equal(err.kind, ERR_TIMEOUT);
    assert_in_range(clock_now() - began, 1900, 10000);
    while (count > 0)
        close(clients[--count]);
    close(listener);
}

static void test_old_socket_is_replaced_but_no_file(void **state)
{
    struct err err = ERR_INIT;
    int listener = packet_listen(path, 0600, (gid_t)-1, &err);
    char expected[128];
    int fd;

    (void)state;
    assert_true(listener >= 0);
    close(listener); /* its name stays */
    assert_int_equal(packet_connect(path, &err), -1);
    assert_int_equal(err.kind, ERR_MISSING);
    listener = packet_listen(path, 0600, (gid_t)-1, &err);
    assert_true(listener >= 0);
    close(listener);
    unlink(path);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(fd);
    assert_int_equal(packet_listen(path, 0600, (gid_t)-1, &err), -1);
    snprintf(expected, sizeof(expected), "%s is there and is no socket; it is left alone", path);
    assert_string_equal(err.text, expected);
    unlink(path);
}

static void test_paths_that_are_refused(void **state)
{
    struct err err = ERR_INIT;
    char long_path[200];

    (void)state;
    memset(long_path, 'x', sizeof(long_path));
    long_path[0] = '/';
    long_path[sizeof(long_path) - 1] = '\0';
    assert_int_equal(packet_listen(long_path, 0600, (gid_t)-1, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_int_equal(packet_connect("/nowhere/at/all", &err), -1);
    assert_string_equal(err.text, "connect to /nowhere/at/all: No such file or directory");
}

static int make_directory(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL)
        return 1;
    snprintf(path, sizeof(path), "%s/socket", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_size_passes),
        cmocka_unit_test(test_too_large_is_not_sent),
        cmocka_unit_test(test_nothing_there_and_hung_up),
        cmocka_unit_test(test_full_socket_is_a_timeout),
        cmocka_unit_test(test_files_that_are_refused),
        cmocka_unit_test(test_packets_that_are_refused),
        cmocka_unit_test(test_second_descriptor_is_not_taken),
        cmocka_unit_test(test_nobody_accepts),
        cmocka_unit_test(test_listens_connects_and_knows_its_peer),
        cmocka_unit_test(test_old_socket_is_replaced_but_no_file),
        cmocka_unit_test(test_paths_that_are_refused),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
