/*
 * test_journal: what the guard's disk holds after a torn write, damage, a full disk, a compaction.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/guard/io/seal.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"
#include "tests/unit/journal_case.h"

/* ---- reading back ---------------------------------------------------------------------------- */

static void test_what_is_appended_is_read_again(void **state)
{
    struct journal_case *place = *state;
    struct generation_id id = journal_case_id(1);
    struct journal_generation *kept;
    struct hash hash;

    journal_case_open_again(place);
    hash = journal_case_confirm(place, 1);
    journal_case_begin(place, 2);
    journal_case_open_again(place);
    assert_int_equal(place->ledger->generations_count, 1);
    assert_true(place->ledger->is_open);
    assert_true(place->ledger->open.touched[0]);
    assert_string_equal(place->ledger->generations[0].begin.change, "change-1");
    assert_int_equal(place->ledger->generations[0].soak_s, 60);
    kept = journal_find(place->journal, &id);
    assert_non_null(kept);
    assert_int_equal(kept->items_count, 1);
    assert_int_equal(kept->flows_held, 5);
    assert_memory_equal(kept->body.data, "a body", 6);
    assert_int_equal(kept->items[0].change.rule.rule.priority, SHIELD_PRIORITY_FROM);
    assert_true(kept->items[0].shield);
    assert_true(journal_find_receipt(place->journal, &hash).len > 0);
    assert_false(journal_was_rebooted(place->journal));
    assert_string_equal(journal_damage(place->journal), "");
}

static void test_after_takes_its_place(void **state)
{
    struct journal_case *place = *state;
    struct guard_record record = {.kind = RECORD_RESULT, .id = journal_case_id(1), .ok = true};
    struct undo_item item = {0};
    struct journal_extra extra = {.items_count = 1, .items = &item};
    struct generation_id id = journal_case_id(1);

    journal_case_open_again(place);
    journal_case_begin(place, 1);
    journal_case_fill_item(&item);
    *snapshot_add_rule(&item.after) = item.change.rule.rule;
    item.has_after = true;
    journal_case_append(place, &record, &extra);
    undo_item_done(&item);
    assert_true(journal_find(place->journal, &id)->items[0].has_after);
    journal_case_open_again(place);
    assert_true(journal_find(place->journal, &id)->items[0].has_after);
    assert_int_equal(journal_find(place->journal, &id)->items[0].after.rules_count, 1);
}

/* What lies behind a record that cannot be read is cut off: intents that nobody would undo. */
static void test_after_that_could_not_be_read_is_left_out(void **state)
{
    struct journal_case *place = *state;
    struct guard_record record = {.kind = RECORD_RESULT, .id = journal_case_id(1), .ok = true};
    struct undo_item item = {.operation = OPERATIONS_MAX};
    struct journal_extra extra = {.items_count = 1, .items = &item};

    journal_case_open_again(place);
    journal_case_begin(place, 1);
    journal_case_append(place, &record, &extra);
    journal_case_mark(place, 1, MARK_CONFIRMED);
    journal_case_open_again(place);
    assert_string_equal(journal_damage(place->journal), "");
    assert_int_equal(place->ledger->generations_count, 1);
}

static void test_another_boot_is_seen(void **state)
{
    struct journal_case *place = *state;
    char path[128];
    struct err err = ERR_INIT;

    snprintf(path, sizeof(path), "%s/boot", place->state);
    assert_true(file_write(path, "one\n", 4, 0644, &err));
    setenv("OCEANID_BOOT_ID_FILE", path, 1);
    journal_case_open_again(place);
    assert_false(journal_was_rebooted(place->journal));
    journal_case_confirm(place, 1);
    journal_case_open_again(place);
    assert_false(journal_was_rebooted(place->journal));
    assert_true(file_write(path, "two\n", 4, 0644, &err));
    journal_case_open_again(place);
    assert_true(journal_was_rebooted(place->journal));
}

/* In a shell of init=/bin/sh, say: whoever stands there is told what to do first. */
static void test_without_proc_it_says_what_to_mount(void **state)
{
    struct journal_case *place = *state;
    char path[128];
    struct err err = ERR_INIT;

    snprintf(path, sizeof(path), "%s/boot", place->state);
    setenv("OCEANID_BOOT_ID_FILE", path, 1); /* it is not there */
    assert_null(journal_open(place->state, true, place->ledger, &err));
    assert_non_null(strstr(err.text, "expected /proc to be mounted"));
    assert_non_null(strstr(err.text, "mount -t proc proc /proc"));
}

/* ---- torn and damaged ------------------------------------------------------------------------ */

/* A power loss at any byte of the last record leaves what was before it, and room to go on. */
static void test_torn_at_every_byte(void **state)
{
    struct journal_case *place = *state;
    size_t whole, torn_from;
    uint8_t *data;

    journal_case_open_again(place);
    journal_case_confirm(place, 1);
    torn_from = journal_size(place->journal);
    journal_case_mark(place, 1, MARK_POPPING);
    data = journal_case_read_file(place, &whole);
    for (size_t len = torn_from; len < whole; len++) {
        journal_case_write_file(place, data, len);
        journal_case_open_again(place);
        assert_int_equal(place->ledger->generations[0].mark, MARK_CONFIRMED);
        assert_int_equal(journal_size(place->journal), torn_from);
        journal_case_mark(place, 1, MARK_POPPING);
        journal_case_open_again(place);
        assert_int_equal(place->ledger->generations[0].mark, MARK_POPPING);
        assert_string_equal(journal_damage(place->journal), "");
    }
    free(data);
}

/* The length grew before the blocks were written. */
static void test_torn_as_zeroes(void **state)
{
    struct journal_case *place = *state;
    size_t len;
    uint8_t *data;

    journal_case_open_again(place);
    journal_case_confirm(place, 1);
    data = journal_case_read_file(place, &len);
    data = mem_resize(data, len + 4096, 1);
    memset(data + len, 0, 4096);
    journal_case_write_file(place, data, len + 4096);
    journal_case_open_again(place);
    assert_int_equal(place->ledger->generations_count, 1);
    assert_int_equal(journal_size(place->journal), len);
    free(data);
}

/* Wherever the bit: what is whole on both sides is taken, the rest kept aside, and nothing new may
 * be built on it. A length that reaches behind the file's end is no torn record while others
 * follow. */
static void test_damaged_in_the_middle(void **state)
{
    struct journal_case *place = *state;
    static const struct {
        size_t behind;
        uint8_t bits;
    } cases[] = {{0, 1}, {0, 0x80}, {2, 0x0f}, {3, 0x40}, {4, 1}, {8, 1}, {20, 1}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t first, len, kept_len;
        char kept[128];
        uint8_t *data, *before;
        struct err err = ERR_INIT;

        unlink(place->path);
        journal_case_open_again(place);
        journal_case_confirm(place, 1);
        first = journal_size(place->journal);
        journal_case_confirm(place, 2);
        journal_case_confirm(place, 3);
        journal_case_flip(place, first + cases[i].behind, cases[i].bits);
        before = journal_case_read_file(place, &len);
        journal_case_open_again(place);
        assert_non_null(strstr(journal_damage(place->journal), "damaged"));
        assert_true(journal_is_doubtful(place->journal));
        assert_int_equal(place->ledger->generations_count, 2); /* the begin of 2 is lost */
        assert_int_equal(place->ledger->generations[1].id.attempt.sequence, 3);
        snprintf(kept, sizeof(kept), "%s.damaged", place->path);
        assert_true(file_read(kept, 1 << 20, &data, &kept_len, &err));
        assert_int_equal(kept_len, len);
        assert_memory_equal(data, before, len);
        free(data);
        free(before);
        journal_case_open_again(place); /* mended, and still in doubt */
        assert_string_equal(journal_damage(place->journal), "");
        assert_true(journal_is_doubtful(place->journal));
        journal_case_move_damaged_away(place);
        assert_false(journal_is_doubtful(place->journal));
        journal_case_confirm(place, 4);
        journal_case_open_again(place);
        assert_int_equal(place->ledger->generations_count, 3);
        assert_string_equal(journal_damage(place->journal), "");
    }
}

/* The change that is on is taken back, all of it, whichever record of its trial was lost. */
static void test_damaged_in_a_trial(void **state)
{
    struct journal_case *place = *state;
    struct generation_id id = journal_case_id(2);
    size_t intent, end;

    journal_case_open_again(place);
    journal_case_confirm(place, 1);
    end = journal_size(place->journal);
    journal_case_begin(place, 2);
    journal_case_mark(place, 2, MARK_APPLIED);
    journal_case_flip(place, 10, 1); /* of the first record: the begin of 1 */
    journal_case_open_again(place);
    assert_true(place->ledger->is_open);
    assert_true(place->ledger->open.touched[0]);
    assert_non_null(journal_find(place->journal, &id));
    journal_case_move_damaged_away(place);

    unlink(place->path);
    journal_case_open_again(place);
    journal_case_begin(place, 2);
    intent = journal_size(place->journal);
    journal_case_mark(place, 2, MARK_APPLIED);
    end = journal_size(place->journal) - intent; /* a mark's length */
    journal_case_flip(place, intent - 1, 1);     /* the last byte of the intent */
    journal_case_open_again(place);
    assert_true(journal_is_doubtful(place->journal));
    assert_true(end > 0);
    assert_true(place->ledger->is_open);
    assert_true(place->ledger->open.touched[0]);
}

/* A record inside of a damaged one (a manifest's text may say anything) is none. */
static void test_what_looks_like_a_record_is_none(void **state)
{
    struct journal_case *place = *state;
    size_t begin_at, mark_at, len;
    uint8_t *data;

    journal_case_open_again(place);
    journal_case_begin(place, 1);
    mark_at = journal_size(place->journal);
    journal_case_mark(place, 1, MARK_CONFIRMED);
    data = journal_case_read_file(place, &len);
    journal_case_write_file(place, data, mark_at);
    journal_case_open_again(place);
    journal_case_mark(place, 1, MARK_APPLIED);
    journal_case_mark(place, 1, MARK_REVERTING);
    begin_at = journal_size(place->journal);
    {
        size_t now_len;
        uint8_t *now = journal_case_read_file(place, &now_len);

        now = mem_resize(now, now_len + 1 + len, 1);
        now[begin_at] = 0xff; /* and behind it a confirmation with a number of long ago */
        memcpy(now + begin_at + 1, data + mark_at, len - mark_at);
        journal_case_write_file(place, now, begin_at + 1 + len - mark_at);
        free(now);
    }
    free(data);
    journal_case_open_again(place);
    assert_true(place->ledger->is_open);
    assert_int_equal(place->ledger->open.mark, MARK_REVERTING);
    assert_int_equal(place->ledger->generations_count, 0);
}

static void test_looking_cuts_nothing_off(void **state)
{
    struct journal_case *place = *state;
    struct err err = ERR_INIT;
    struct journal *looking;
    struct stat before, after;

    journal_case_open_again(place);
    journal_case_confirm(place, 1);
    assert_int_equal(truncate(place->path, (off_t)journal_size(place->journal) - 1), 0);
    assert_int_equal(stat(place->path, &before), 0);
    ledger_init(place->ledger);
    looking = journal_open(place->state, true, place->ledger, &err);
    assert_non_null(looking);
    assert_int_equal(stat(place->path, &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    assert_int_equal(place->ledger->generations_count, 1);
    assert_true(place->ledger->owes);
    journal_close(looking);
}

/* ---- lock ------------------------------------------------------------------------------------ */

static void test_one_holder(void **state)
{
    struct journal_case *place = *state;
    struct ledger *other = mem_alloc(1, sizeof(*other));
    struct err err = ERR_INIT;

    journal_case_open_again(place);
    assert_int_equal(journal_holder(place->state), getpid());
    assert_null(journal_open(place->state, false, other, &err));
    assert_int_equal(err.kind, ERR_CONFLICT);
    journal_close(place->journal);
    place->journal = NULL;
    journal_case_open_again(place);
    free(other);
}

/* ---- a disk that says no --------------------------------------------------------------------- */

static void limit_files(uint64_t size)
{
    struct rlimit limit = {size, RLIM_INFINITY};

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Whatever of the record fits: it is cut off again, and when there is room the next one is whole.
 */
static void test_no_room_at_every_byte(void **state)
{
    struct journal_case *place = *state;
    struct guard_record record = {
        .kind = RECORD_MARK, .id = journal_case_id(1), .mark = MARK_POPPING};
    uint64_t size;

    journal_case_open_again(place);
    journal_case_confirm(place, 1);
    size = journal_size(place->journal);
    for (uint64_t room = 0; room < 32; room++) {
        struct err err = ERR_INIT;
        bool done;

        limit_files(size + room);
        done = journal_append(place->journal, &record, NULL, true, &err);
        limit_files(RLIM_INFINITY);
        assert_false(done);
        assert_int_equal(err.kind, ERR_SYSTEM);
        assert_int_equal(journal_size(place->journal), size);
    }
    journal_case_mark(place, 1, MARK_POPPING);
    journal_case_open_again(place);
    assert_int_equal(place->ledger->generations[0].mark, MARK_POPPING);
    assert_string_equal(journal_damage(place->journal), "");
}

static void test_begin_that_could_not_be_read_is_not_written(void **state)
{
    struct journal_case *place = *state;
    struct guard_record record = {.kind = RECORD_BEGIN, .id = journal_case_id(1)};
    struct journal_extra extra = {.generation = journal_case_make_generation(&record.id)};
    struct err err = ERR_INIT;

    journal_case_open_again(place);
    record.begin.operations_count = 1;
    text_copy(record.begin.change, sizeof(record.begin.change), "Not A Name");
    assert_false(journal_append(place->journal, &record, &extra, true, &err));
    assert_int_equal(journal_size(place->journal), 0);
}

static void test_begin_that_was_not_written_is_not_kept(void **state)
{
    struct journal_case *place = *state;
    struct guard_record record = {.kind = RECORD_BEGIN, .id = journal_case_id(1)};
    struct journal_extra extra = {.generation = journal_case_make_generation(&record.id)};
    struct err err = ERR_INIT;
    bool done;

    journal_case_open_again(place);
    text_copy(record.begin.change, sizeof(record.begin.change), "no-room");
    record.begin.operations_count = 1;
    limit_files(0);
    done = journal_append(place->journal, &record, &extra, true, &err);
    limit_files(RLIM_INFINITY);
    assert_false(done);
    assert_null(journal_find(place->journal, &record.id));
}

/* ---- compacting ------------------------------------------------------------------------------ */

static void test_compaction_keeps_what_is_needed(void **state)
{
    struct journal_case *place = *state;
    struct ledger *before = mem_alloc(1, sizeof(*before));
    struct generation_id stands = journal_case_id(1), ended = journal_case_id(2);
    struct hash hashes[2];
    struct err err = ERR_INIT;
    uint64_t size;

    journal_case_open_again(place);
    hashes[0] = journal_case_confirm(place, 1);
    hashes[1] = journal_case_revert(place, 2);
    memcpy(before, place->ledger, sizeof(*before));
    size = journal_size(place->journal);
    if (!journal_compact(place->journal, place->ledger, &err))
        fail_msg("%s", err.text);
    assert_true(journal_size(place->journal) < size);
    journal_case_open_again(place);
    assert_int_equal(place->ledger->generations_count, 1);
    assert_true(place->ledger->generations[0].touched[0]);
    assert_int_equal(place->ledger->ends_count, before->ends_count);
    assert_int_equal(place->ledger->sequence, before->sequence);
    assert_memory_equal(&place->ledger->sequence_body, &before->sequence_body, HASH_SIZE);
    assert_int_equal(place->ledger->receipt_index, before->receipt_index);
    assert_non_null(journal_find(place->journal, &stands));
    assert_null(journal_find(place->journal, &ended));
    for (int i = 0; i < 2; i++)
        assert_true(journal_find_receipt(place->journal, &hashes[i]).len > 0);
    journal_case_confirm(place, 3);
    journal_case_open_again(place);
    assert_int_equal(place->ledger->generations_count, 2);
    free(before);
}

/* Root accepted a clock that is behind what a kept generation's records have seen. */
static void test_compaction_keeps_an_accepted_clock(void **state)
{
    struct guard_record ahead = {.kind = RECORD_RESULT, .id = journal_case_id(1), .ok = true};
    struct guard_record accepted = {.kind = RECORD_FLOOR};
    struct journal_case *place = *state;
    struct err err = ERR_INIT;

    journal_case_open_again(place);
    journal_case_confirm(place, 1);
    ahead.at = 4000000000;
    journal_case_append(place, &ahead, NULL);
    accepted.at = accepted.floor.time_floor = 1767225599;
    accepted.floor.accepted = true;
    journal_case_append(place, &accepted, NULL);
    if (!journal_compact(place->journal, place->ledger, &err))
        fail_msg("%s", err.text);
    journal_case_open_again(place);
    assert_int_equal(place->ledger->generations_count, 1);
    assert_int_equal(place->ledger->time_floor, 1767225599);
}

/* What an approval has answered stays answered, also when its own trial left nothing else. */
static void test_compaction_keeps_what_was_answered(void **state)
{
    struct journal_case *place = *state;
    struct guard_record record = {.kind = RECORD_BEGIN, .id = journal_case_id(2)};
    struct journal_extra extra = {.generation = journal_case_make_generation(&record.id)};
    struct err err = ERR_INIT;

    journal_case_open_again(place);
    text_copy(record.begin.change, sizeof(record.begin.change), "again");
    record.begin.lifts_count = 1;
    record.begin.lifts[0].receipt = journal_case_revert(place, 1);
    record.begin.operations_count = 1;
    journal_case_append(place, &record, &extra);
    journal_case_mark(place, 2, MARK_EXPIRED);
    assert_true(place->ledger->ends[0].answered);
    if (!journal_compact(place->journal, place->ledger, &err))
        fail_msg("%s", err.text);
    journal_case_open_again(place);
    assert_true(place->ledger->ends[0].answered);
    assert_false(place->ledger->is_open);
}

static void test_compaction_without_room_leaves_the_old_one(void **state)
{
    struct journal_case *place = *state;
    struct err err = ERR_INIT;
    bool done;

    journal_case_open_again(place);
    journal_case_confirm(place, 1);
    limit_files(64);
    done = journal_compact(place->journal, place->ledger, &err);
    limit_files(RLIM_INFINITY);
    assert_false(done);
    journal_case_mark(place, 1, MARK_POPPING);
    journal_case_open_again(place);
    assert_int_equal(place->ledger->generations[0].mark, MARK_POPPING);
}

/* The rename is done and its directory cannot be synced: what is written from then on must not go
 * to a file without a name (a begin in it would be taken back by nobody). */
static void test_compaction_whose_rename_is_not_durable_loses_nothing(void **state)
{
    struct journal_case *place = *state;
    struct err err = ERR_INIT;

    if (geteuid() != 0)
        skip();
    journal_case_open_again(place);
    journal_case_confirm(place, 1);
    assert_int_equal(chown(place->state, 65534, 0), 0);
    assert_int_equal(chmod(place->state, 0300), 0);
    assert_int_equal(seteuid(65534), 0);
    assert_false(journal_compact(place->journal, place->ledger, &err));
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(place->state, 0700), 0);
    journal_case_begin(place, 2);
    journal_case_open_again(place);
    assert_true(place->ledger->is_open);
    assert_int_equal(place->ledger->generations_count, 1);
}

static void test_undo_text(void **state)
{
    struct journal_case *place = *state;
    char path[128];
    struct err err = ERR_INIT;
    uint8_t *text;
    size_t len;

    journal_case_open_again(place);
    journal_case_confirm(place, 1);
    journal_case_begin(place, 2);
    assert_true(journal_write_undo_text(place->journal, place->ledger, &err));
    snprintf(path, sizeof(path), "%s/undo.txt", place->state);
    assert_true(file_read(path, 1 << 16, &text, &len, &err));
    assert_non_null(strstr((char *)text, "rule del"));
    assert_true(strstr((char *)text, "open trial change-2") <
                strstr((char *)text, "confirmed change-1"));
    free(text);
}

/* One of ours that leads nowhere in the place of another: two lines take it back. */
static void derive_shield_route(struct undo_item *item)
{
    struct operation operation = {.kind = OPERATION_ROUTE, .shield = true};
    struct route *route = &operation.route.route;
    struct snapshot before;

    assert_true(prefix_parse("10.0.0.0/8", &route->destination));
    *route = (struct route){.destination = route->destination,
                            .table = 254,
                            .type = RTN_UNREACHABLE,
                            .protocol = OCEANID_PROTOCOL};
    snapshot_init(&before);
    *snapshot_add_route(&before) = *route;
    route->type = RTN_BLACKHOLE;
    undo_derive(&operation, 1, &before, item);
    snapshot_done(&before);
}

/* ip -batch passes over tailscale set: what shields from that stays until it was typed. */
static void test_undo_text_keeps_shields_for_what_is_typed(void **state)
{
    struct journal_case *place = *state;
    struct guard_record record = {.kind = RECORD_BEGIN, .id = journal_case_id(1)};
    struct journal_extra extra = {.generation = journal_case_make_generation(&record.id)};
    struct journal_generation *generation = extra.generation;
    AUTO_FREE char *text = NULL;

    journal_case_open_again(place);
    generation->items = mem_resize(generation->items, 3, sizeof(*generation->items));
    generation->items_count = 3;
    memset(&generation->items[1], 0, 2 * sizeof(generation->items[1]));
    derive_shield_route(&generation->items[1]);
    generation->items[2].operation = 2;
    generation->items[2].change.kind = OPERATION_TAILSCALE;
    generation->items[2].change.tailscale.set_exit_node = true;
    snapshot_init(&generation->items[2].before);
    snapshot_init(&generation->items[2].after);
    text_copy(record.begin.change, sizeof(record.begin.change), "use-exit-node");
    record.begin.operations_count = 3;
    journal_case_append(place, &record, &extra);
    text = journal_render_undo_text(place->journal, place->ledger);
    assert_non_null(strstr(text, "\n# tailscale set --exit-node=\n"
                                 "# ip route prepend unreachable 10.0.0.0/8 proto 153\n"
                                 "# ip route del blackhole 10.0.0.0/8 proto 153\n"
                                 "# ip rule del pref 5140"));
    assert_null(strstr(text, "\nrule del"));
}

static void derive(const struct operation *operation, struct snapshot *now, struct undo_item *item)
{
    undo_derive(operation, item->operation, now, item);
    operation_predict(operation, now);
}

/* An address that went with an older step is refused while the setting stands. */
static void test_undo_text_keeps_the_order_behind_a_setting(void **state)
{
    struct journal_case *place = *state;
    struct guard_record record = {.kind = RECORD_BEGIN, .id = journal_case_id(1)};
    struct journal_extra extra = {.generation = journal_case_make_generation(&record.id)};
    struct journal_generation *generation = extra.generation;
    struct operation address = {.kind = OPERATION_ADDRESS,
                                .address = {.absent = true, .device = "eth0", .prefix_len = 64}};
    struct operation setting = {.kind = OPERATION_SYSCTL,
                                .sysctl = {{"net.ipv6.conf.eth0.disable_ipv6", "1"}}};
    AUTO_FREE char *text = NULL;
    struct snapshot now;

    journal_case_open_again(place);
    snapshot_init(&now);
    *snapshot_add_link(&now) = (struct link){.index = 2, .name = "eth0", .mtu = 1500, .up = true};
    *snapshot_add_sysctl(&now) = (struct sysctl){"net.ipv6.conf.eth0.disable_ipv6", "0"};
    assert_true(address_parse("2001:db8::1", &address.address.address));
    *snapshot_add_address(&now) = (struct link_address){
        .link = 2, .address = address.address.address, .prefix_len = 64, .permanent = true};
    generation->items = mem_resize(generation->items, 3, sizeof(*generation->items));
    generation->items_count = 3;
    memset(&generation->items[1], 0, 2 * sizeof(generation->items[1]));
    generation->items[1].operation = 1;
    generation->items[2].operation = 2;
    derive(&address, &now, &generation->items[1]);
    derive(&setting, &now, &generation->items[2]);
    text_copy(record.begin.change, sizeof(record.begin.change), "no-ipv6");
    record.begin.operations_count = 3;
    journal_case_append(place, &record, &extra);
    text = journal_render_undo_text(place->journal, place->ledger);
    assert_non_null(strstr(text, "# sysctl -w net.ipv6.conf.eth0.disable_ipv6=0\n"
                                 "# ip address add 2001:db8::1/64 dev eth0 nodad\n"
                                 "# ip rule del pref 5140"));
    snapshot_done(&now);
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, journal_case_set_up, journal_case_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_appended_is_read_again),
        TEST(test_after_takes_its_place),
        TEST(test_after_that_could_not_be_read_is_left_out),
        TEST(test_another_boot_is_seen),
        TEST(test_without_proc_it_says_what_to_mount),
        TEST(test_torn_at_every_byte),
        TEST(test_torn_as_zeroes),
        TEST(test_damaged_in_the_middle),
        TEST(test_damaged_in_a_trial),
        TEST(test_what_looks_like_a_record_is_none),
        TEST(test_looking_cuts_nothing_off),
        TEST(test_one_holder),
        TEST(test_no_room_at_every_byte),
        TEST(test_begin_that_could_not_be_read_is_not_written),
        TEST(test_begin_that_was_not_written_is_not_kept),
        TEST(test_compaction_keeps_what_is_needed),
        TEST(test_compaction_keeps_an_accepted_clock),
        TEST(test_compaction_keeps_what_was_answered),
        TEST(test_compaction_without_room_leaves_the_old_one),
        TEST(test_compaction_whose_rename_is_not_durable_loses_nothing),
        TEST(test_undo_text),
        TEST(test_undo_text_keeps_shields_for_what_is_typed),
        TEST(test_undo_text_keeps_the_order_behind_a_setting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
