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

#include "agent/guard/io/alone.h"
#include "agent/guard/io/run.h"
#include "agent/guard/io/wire_journal.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/clock.h"
#include "common/io/packet.h"

enum { SAY_RECORD = RESCUE_WRITE_RECORD, SAY_SYNCED, SAY_TEXT, SAY_UNMARK };

/* One that ends as often does so for a reason that the next one has, too. */
enum { SCRIBES_MAX = 4 };

/* At the beginning of a message; behind it the record. */
struct head {
    int what;
    uint32_t number;  /* of what is given, from 1 on; the answer has the same */
    uint32_t refused; /* SAY_UNMARK: of the records that were answered so far */
    struct run_mark mark;
};

struct answer {
    uint32_t number;
    bool ok;
    uint64_t end; /* of the journal, now */
    char why[ERR_TEXT_SIZE];
};

struct given {
    struct guard_record *record; /* owned; NULL: undo.txt */
    struct wire_bytes message;   /* owned: for another scribe */
    uint32_t number;
};

/* The process that writes. What it begins with, and each that follows it. */
struct scribe {
    struct journal *journal;
    struct ledger *ledger;
    const struct guard_config *config;
    uint32_t refused; /* records that were not written */
    uint64_t end;     /* what stands behind it in the journal is of one that has ended */
};

struct rescue_disk {
    struct scribe next;      /* its ledger is owned: as all that was answered has left it */
    unsigned scribes_count;  /* so far */
    int given_fd, answer_fd; /* messages to it, one way; and back */
    pid_t pid;
    struct given *pending;
    size_t count, capacity;
    struct guard_record *taken; /* the last that was answered */
    uint32_t number;            /* given so far */
    bool is_full;               /* nothing more is given: it would be out of order */
    bool ended;                 /* all are gone: what is pending is not written */
};

/* ---- its process ---------------------------------------------------------------------------- */

/* For undo.txt, as whoever gives it has taken it. */
static void take_record(struct ledger *ledger, struct bytes encoded)
{
    struct journal_entry entry;
    struct err err = ERR_INIT;

    if (!wire_decode_journal(encoded, &entry, &err))
        return;
    ledger_take(ledger, &entry.record);
    journal_entry_done(&entry);
}

static bool write_text(struct scribe *scribe, struct err *err)
{
    journal_forget(scribe->journal, scribe->ledger);
    return !journal_is_writable(scribe->journal) ||
           journal_write_undo_text(scribe->journal, scribe->ledger, err);
}

/* More refused than whoever gave it had heard of: one may be an end. */
static void unmark(const struct scribe *scribe, const struct head *head)
{
    if (scribe->refused == head->refused)
        run_unmark_unrecorded(scribe->config, &head->mark);
}

static void do_message(struct scribe *scribe, int answer_fd, const struct head *head,
                       struct bytes encoded)
{
    struct answer answer = {.number = head->number};
    struct err err = ERR_INIT;

    if (head->what == SAY_UNMARK) {
        unmark(scribe, head);
        return;
    }
    if (head->what == SAY_TEXT) {
        answer.ok = write_text(scribe, &err);
    } else {
        answer.ok = journal_write(scribe->journal, encoded, head->what == SAY_SYNCED, &err);
        scribe->refused += !answer.ok;
        take_record(scribe->ledger, encoded);
    }
    answer.end = journal_end(scribe->journal);
    text_copy(answer.why, sizeof(answer.why), err.text);
    (void)!write(answer_fd, &answer, sizeof(answer)); /* nobody may be there to hear it */
}

_Noreturn static void write_until_closed(struct scribe *scribe, bool follows, int given_fd,
                                         int answer_fd)
{
    struct err err = ERR_INIT;
    struct head head;
    uint8_t *message;
    size_t len;

    alone_begin();
    if (follows)
        journal_go_on(scribe->journal, scribe->end);
    while (packet_receive(given_fd, &message, &len, &err)) {
        if (len >= sizeof(head)) {
            memcpy(&head, message, sizeof(head));
            do_message(scribe, answer_fd, &head,
                       (struct bytes){message + sizeof(head), len - sizeof(head)});
        }
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

static bool fork_scribe(struct rescue_disk *disk)
{
    int given[2], answers[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, given) != 0)
        return false;
    if (pipe2(answers, O_CLOEXEC) != 0) {
        close_two(given);
        return false;
    }
    pid = fork();
    if (pid == 0) {
        close(given[0]);
        close(answers[0]);
        write_until_closed(&disk->next, disk->scribes_count > 0, given[1], answers[1]);
    }
    if (pid < 0) {
        close_two(given);
        close_two(answers);
        return false;
    }
    close(given[1]);
    close(answers[1]);
    disk->pid = pid;
    disk->given_fd = given[0];
    disk->answer_fd = answers[0];
    disk->scribes_count++;
    fcntl(disk->given_fd, F_SETFL, O_NONBLOCK); /* one that hangs reads nothing */
    return true;
}

struct rescue_disk *rescue_disk_start(struct journal *journal, const struct ledger *ledger,
                                      const struct guard_config *config)
{
    struct rescue_disk *disk = mem_alloc(1, sizeof(*disk));

    disk->next = (struct scribe){.journal = journal,
                                 .ledger = mem_copy(ledger, sizeof(*ledger)),
                                 .config = config,
                                 .end = journal_end(journal)};
    if (fork_scribe(disk))
        return disk;
    free(disk->next.ledger);
    free(disk);
    return NULL;
}

/* ---- giving and taking ---------------------------------------------------------------------- */

static struct wire_bytes make_message(const struct head *head, struct bytes bytes)
{
    struct wire_bytes message = {mem_alloc(sizeof(*head) + bytes.len, 1),
                                 sizeof(*head) + bytes.len};

    memcpy(message.data, head, sizeof(*head));
    if (bytes.len > 0)
        memcpy(message.data + sizeof(*head), bytes.data, bytes.len);
    return message;
}

/* To one that has ended it is as good as said: who follows it gets all that has no answer. */
static bool say(struct rescue_disk *disk, const struct wire_bytes *message)
{
    struct err err = ERR_INIT;

    if (disk->is_full || disk->ended)
        return false;
    disk->is_full = !packet_send(disk->given_fd, wire_lend(message), &err) && err.kind != ERR_PEER;
    return !disk->is_full;
}

void rescue_disk_give(struct rescue_disk *disk, enum rescue_write what, struct bytes bytes,
                      const struct guard_record *record)
{
    const struct head head = {.what = (int)what, .number = disk->number + 1};
    struct given *given;

    disk->pending = mem_grow(disk->pending, disk->count, &disk->capacity, sizeof(*disk->pending));
    given = &disk->pending[disk->count++];
    given->record = record != NULL ? mem_copy(record, sizeof(*record)) : NULL;
    given->message = make_message(&head, bytes);
    given->number = say(disk, &given->message) ? ++disk->number : 0;
}

/* In their order, all that has no answer; what finds no room is refused. */
static void say_again(struct rescue_disk *disk)
{
    disk->is_full = false;
    for (size_t i = 0; i < disk->count; i++) {
        if (!say(disk, &disk->pending[i].message))
            disk->pending[i].number = 0;
    }
}

/* It was killed, by a person or for want of memory: another one begins behind what was answered
 * last. False: none can be had, or they end again and again. */
static bool follow(struct rescue_disk *disk)
{
    int given_fd = disk->given_fd, answer_fd = disk->answer_fd, status;

    (void)waitpid(disk->pid, &status, 0);
    if (disk->scribes_count >= SCRIBES_MAX || !fork_scribe(disk))
        return false;
    close(given_fd);
    close(answer_fd);
    say_again(disk);
    return true;
}

/* False: not in time. Once all have ended, nothing more is answered. */
static bool read_answer(struct rescue_disk *disk, mono_t until, struct answer *ret_answer)
{
    while (!disk->ended) {
        struct pollfd look = {.fd = disk->answer_fd, .events = POLLIN};
        mono_t left = until - clock_now();

        if (poll(&look, 1, left > 0 ? (int)left : 0) <= 0)
            return false;
        if (read(disk->answer_fd, ret_answer, sizeof(*ret_answer)) == (ssize_t)sizeof(*ret_answer))
            return true;
        disk->ended = !follow(disk);
    }
    *ret_answer = (struct answer){.number = disk->pending[0].number,
                                  .end = disk->next.end,
                                  .why = "the process that writes the journal has ended"};
    return true;
}

/* What could not be given has no answer to wait for. */
static bool find_ungiven(const struct rescue_disk *disk, struct answer *ret_answer)
{
    *ret_answer = (struct answer){.number = 0, .why = "the process that writes it takes no more"};
    return disk->pending[disk->count - 1].number == 0;
}

/* The place of what has that number; count: it is none of them. */
static size_t find_given(const struct rescue_disk *disk, uint32_t number)
{
    size_t i = 0;

    while (i < disk->count && disk->pending[i].number != number)
        i++;
    return i;
}

/* What the next scribe has to know of it. */
static void note_answer(struct rescue_disk *disk, const struct given *given,
                        const struct answer *answer)
{
    struct bytes message = wire_lend(&given->message);

    if (answer->number == 0)
        return; /* none has ever heard of it */
    disk->next.end = answer->end;
    if (given->record == NULL)
        return;
    disk->next.refused += !answer->ok;
    take_record(disk->next.ledger, (struct bytes){message.data + sizeof(struct head),
                                                  message.len - sizeof(struct head)});
}

static void remove_given(struct rescue_disk *disk, size_t at)
{
    wire_bytes_done(&disk->pending[at].message);
    disk->count--;
    memmove(&disk->pending[at], &disk->pending[at + 1],
            (disk->count - at) * sizeof(*disk->pending));
}

bool rescue_disk_take(struct rescue_disk *disk, mono_t until, bool *ret_ok,
                      const struct guard_record **ret_record, struct err *err)
{
    struct answer answer;
    size_t at;

    do {
        if (disk->count == 0 ||
            (!find_ungiven(disk, &answer) && !read_answer(disk, until, &answer)))
            return false;
        at = find_given(disk, answer.number);
    } while (at == disk->count);
    note_answer(disk, &disk->pending[at], &answer);
    free(disk->taken);
    disk->taken = disk->pending[at].record;
    remove_given(disk, at);
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
    return disk->pending[i].record;
}

pid_t rescue_disk_pid(const struct rescue_disk *disk)
{
    return disk->pid;
}

void rescue_disk_unmark(struct rescue_disk *disk, const struct run_mark *mark)
{
    const struct head head = {.what = SAY_UNMARK, .refused = disk->next.refused, .mark = *mark};
    AUTO_WIRE struct wire_bytes message = make_message(&head, (struct bytes){NULL, 0});

    say(disk, &message);
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
    for (size_t i = 0; i < disk->count; i++) {
        wire_bytes_done(&disk->pending[i].message);
        free(disk->pending[i].record);
    }
    free(disk->pending);
    free(disk->taken);
    free(disk->next.ledger);
    free(disk);
}
