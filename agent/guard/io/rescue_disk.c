/*
 * rescue_disk: the process that writes a rescue's records, and what is said to it.
 */
#include "agent/guard/io/rescue_disk.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/guard/io/run.h"
#include "agent/guard/io/wire_journal.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/packet.h"

/* First byte of a message; behind it the record. */
enum { SAY_RECORD = RESCUE_WRITE_RECORD, SAY_SYNCED, SAY_TEXT, SAY_UNMARK };

struct answer {
    bool ok;
    char why[ERR_TEXT_SIZE];
};

struct rescue_disk {
    int given_fd, answer_fd; /* messages to it, one way; and back */
    pid_t pid;
    struct guard_record **pending; /* owned; NULL: undo.txt */
    size_t count, capacity;
    struct guard_record *taken; /* the last that was answered */
    bool ended;                 /* it is gone: what is pending is not written */
};

/* ---- its process ---------------------------------------------------------------------------- */

struct scribe {
    struct journal *journal;
    struct ledger *ledger;
    const struct guard_config *config;
    bool failed; /* something was not written */
};

/* For undo.txt, as whoever gives it has taken it. */
static void take_record(struct scribe *scribe, struct bytes encoded)
{
    struct journal_entry entry;
    struct err err = ERR_INIT;

    if (!wire_decode_journal(encoded, &entry, &err))
        return;
    ledger_take(scribe->ledger, &entry.record);
    journal_entry_done(&entry);
}

static bool write_text(struct scribe *scribe, struct err *err)
{
    journal_forget(scribe->journal, scribe->ledger);
    return !journal_is_writable(scribe->journal) ||
           journal_write_undo_text(scribe->journal, scribe->ledger, err);
}

static void do_message(struct scribe *scribe, int answer_fd, struct bytes message)
{
    struct bytes encoded = {message.data + 1, message.len - 1};
    struct answer answer = {.why = ""};
    struct err err = ERR_INIT;

    if (message.data[0] == SAY_UNMARK) {
        if (!scribe->failed)
            run_unmark_unrecorded(scribe->config);
        return;
    }
    if (message.data[0] == SAY_TEXT) {
        answer.ok = write_text(scribe, &err);
    } else {
        answer.ok = journal_write(scribe->journal, encoded, message.data[0] == SAY_SYNCED, &err);
        scribe->failed |= !answer.ok;
        take_record(scribe, encoded);
    }
    text_copy(answer.why, sizeof(answer.why), err.text);
    (void)!write(answer_fd, &answer, sizeof(answer)); /* nobody may be there to hear it */
}

/* Nothing of whoever called is held open, no terminal and no pipe, nor does a key that is pressed
 * there end it. */
static void stand_alone(void)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    setsid();
    dup2(null_fd, STDIN_FILENO);
    dup2(null_fd, STDOUT_FILENO);
    dup2(null_fd, STDERR_FILENO);
}

_Noreturn static void write_until_closed(struct scribe *scribe, int given_fd, int answer_fd)
{
    struct err err = ERR_INIT;
    uint8_t *message;
    size_t len;

    stand_alone();
    while (packet_receive(given_fd, &message, &len, &err)) {
        if (len > 0)
            do_message(scribe, answer_fd, (struct bytes){message, len});
        free(message);
    }
    _exit(0);
}

/* ---- starting ------------------------------------------------------------------------------- */

static void close_two(int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

static bool fork_scribe(struct rescue_disk *disk, struct scribe *scribe)
{
    int given[2], answers[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, given) != 0)
        return false;
    if (pipe2(answers, O_CLOEXEC) != 0) {
        close_two(given);
        return false;
    }
    disk->pid = fork();
    if (disk->pid == 0) {
        close(given[0]);
        close(answers[0]);
        write_until_closed(scribe, given[1], answers[1]);
    }
    if (disk->pid < 0) {
        close_two(given);
        close_two(answers);
        return false;
    }
    close(given[1]);
    close(answers[1]);
    disk->given_fd = given[0];
    disk->answer_fd = answers[0];
    fcntl(disk->given_fd, F_SETFL, O_NONBLOCK); /* one that hangs reads nothing */
    return true;
}

struct rescue_disk *rescue_disk_start(struct journal *journal, struct ledger *ledger,
                                      const struct guard_config *config)
{
    struct scribe scribe = {.journal = journal, .ledger = ledger, .config = config};
    struct rescue_disk *disk = mem_alloc(1, sizeof(*disk));

    if (fork_scribe(disk, &scribe))
        return disk;
    free(disk);
    return NULL;
}

/* ---- giving and taking ---------------------------------------------------------------------- */

static bool say(struct rescue_disk *disk, int what, struct bytes bytes)
{
    AUTO_FREE uint8_t *message = mem_alloc(bytes.len + 1, 1);
    struct err err = ERR_INIT;

    message[0] = (uint8_t)what;
    if (bytes.len > 0)
        memcpy(message + 1, bytes.data, bytes.len);
    return packet_send(disk->given_fd, (struct bytes){message, bytes.len + 1}, &err);
}

void rescue_disk_give(struct rescue_disk *disk, enum rescue_write what, struct bytes bytes,
                      const struct guard_record *record)
{
    disk->pending = mem_grow(disk->pending, disk->count, &disk->capacity, sizeof(*disk->pending));
    disk->pending[disk->count++] = record != NULL ? mem_copy(record, sizeof(*record)) : NULL;
    disk->ended |= !say(disk, (int)what, bytes); /* what follows would be out of order */
}

static bool read_answer(struct rescue_disk *disk, mono_t until, struct answer *ret_answer)
{
    struct pollfd look = {.fd = disk->answer_fd, .events = POLLIN};
    mono_t left = until - clock_now();

    if (poll(&look, 1, left > 0 ? (int)left : 0) <= 0) {
        if (!disk->ended)
            return false;
    } else if (read(disk->answer_fd, ret_answer, sizeof(*ret_answer)) ==
               (ssize_t)sizeof(*ret_answer)) {
        return true;
    }
    disk->ended = true;
    *ret_answer = (struct answer){.why = "the process that writes the journal has ended"};
    return true;
}

bool rescue_disk_take(struct rescue_disk *disk, mono_t until, bool *ret_ok,
                      const struct guard_record **ret_record, struct err *err)
{
    struct answer answer;

    if (disk->count == 0 || !read_answer(disk, until, &answer))
        return false;
    free(disk->taken);
    disk->taken = disk->pending[0];
    disk->count--;
    memmove(&disk->pending[0], &disk->pending[1], disk->count * sizeof(*disk->pending));
    *ret_ok = answer.ok;
    *ret_record = disk->taken;
    return answer.ok || !err_set(err, ERR_SYSTEM, "%s", answer.why);
}

size_t rescue_disk_pending(const struct rescue_disk *disk)
{
    return disk->count;
}

const struct guard_record *rescue_disk_pending_record(const struct rescue_disk *disk, size_t i)
{
    return disk->pending[i];
}

pid_t rescue_disk_pid(const struct rescue_disk *disk)
{
    return disk->pid;
}

void rescue_disk_unmark(struct rescue_disk *disk)
{
    say(disk, SAY_UNMARK, (struct bytes){NULL, 0});
}

/* ---- the end -------------------------------------------------------------------------------- */

static void wait_end(const struct rescue_disk *disk)
{
    struct pollfd look = {.fd = disk->answer_fd, .events = 0};
    int status;

    if (poll(&look, 1, RESCUE_DISK_WAIT_MS) > 0) /* the other end is closed */
        (void)waitpid(disk->pid, &status, 0);
}

void rescue_disk_close(struct rescue_disk *disk)
{
    if (disk == NULL)
        return;
    close(disk->given_fd);
    if (disk->count == 0)
        wait_end(disk);
    close(disk->answer_fd);
    for (size_t i = 0; i < disk->count; i++)
        free(disk->pending[i]);
    free(disk->pending);
    free(disk->taken);
    free(disk);
}
