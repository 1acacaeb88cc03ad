/*
 * rollback_order: what a person calls besides the plain undo: an operator's signed order as a file,
 * and giving up on a tailscaled that is gone.
 *
 * An order names one generation, by its attempt and the nonce of its start. Where that does not
 * stand, nothing is touched and nobody is stopped (docs/protocol.md, Names and rule 17). The guard
 * here drew that nonce: where it cannot be read how this node is called, what stands says enough.
 */
#include "agent/guard/rollback.h"

#include <stdio.h>
#include <string.h>

#include "agent/guard/io/show.h"
#include "agent/guard/io/trust_root.h"
#include "common/core/mem.h"
#include "common/core/text.h"
#include "common/io/file.h"

enum { ORDER_SIZE_MAX = 64 << 10 };

/* ---- order ---------------------------------------------------------------------------------- */

static bool read_order(const struct options *options, const char *node, struct order *ret_order,
                       struct err *err)
{
    AUTO_FREE uint8_t *data = NULL;
    size_t len;

    if (!file_read(options->order_path, ORDER_SIZE_MAX, &data, &len, err))
        return err_wrap(err, "nothing was done");
    if (trust_root_check_order(options->config.trust, (struct bytes){data, len}, node, ret_order,
                               err))
        return true;
    if (err->kind == ERR_TIMEOUT) {
        const struct err why = *err;

        return err_set(err, ERR_TIMEOUT,
                       "%s (%d s waited), and orders are believed by that file alone: nothing was "
                       "done. Root needs no order: oceanid-rollback --list, --to N",
                       why.text, TRUST_ROOT_WAIT_MS / 1000);
    }
    return err_wrap(err, "nothing was done: %s", options->order_path);
}

static const struct receipt *find_end(const struct ledger *ledger, const struct generation_id *id)
{
    for (uint32_t i = ledger->ends_count; i-- > 0;) {
        const struct receipt *receipt = &ledger->ends[i].receipt;

        if (receipt->kind != RECEIPT_CONFIRMED && generation_id_equal(&receipt->generation, id))
            return receipt;
    }
    return NULL;
}

/* Carried out already is as good as done; one of another node or another start is a mistake. */
static int say_not_here(const struct ledger *ledger, const struct order *order)
{
    const struct receipt *end = find_end(ledger, &order->down_to);
    char body[2 * HASH_SIZE + 1];

    bytes_format_hex(order->down_to.attempt.body.bytes, HASH_SIZE, body);
    printf("The order names sequence %llu, body %.12s.\n",
           (unsigned long long)order->down_to.attempt.sequence, body);
    if (end == NULL) {
        printf("No such generation stands here, and none with this start did: nothing was done.\n"
               "What stands: oceanid-rollback --list\n");
        return EXIT_DIFFERS;
    }
    printf("It does not stand any more: receipt %llu, %s (%s). Nothing was done.\n",
           (unsigned long long)end->index, receipt_kind_name(end->kind),
           end_cause_name(end->cause));
    return EXIT_DONE;
}

static void say_order(const struct order *order)
{
    printf("By an operator's order (%s) this is undone now, newest first:\n",
           order->reason[0] != '\0' ? order->reason : "no reason given");
}

/* The number of what it names, as --list counts; 0 for the open trial alone. False: neither. */
static bool find_number(const struct ledger *ledger, const struct generation_id *id,
                        uint32_t *ret_number)
{
    const struct ledger_generation *generation = ledger_find(ledger, id);

    *ret_number = generation != NULL ? (uint32_t)(generation - ledger->generations) + 1 : 0;
    return generation != NULL || (ledger->is_open && generation_id_equal(&ledger->open.id, id));
}

/* It went between the look and the fence. */
static int say_gone(const struct options *options, const struct order *order, struct err *err)
{
    struct rescue rescue;
    int code = EXIT_DIFFERS;

    *err = (struct err)ERR_INIT;
    if (!rollback_look(options, &rescue, &code, err))
        return code;
    code = say_not_here(rescue.ledger, order);
    rescue_close(&rescue);
    return code;
}

int rollback_order(const struct options *options, struct err *err)
{
    AUTO_FREE struct order *order = mem_alloc(1, sizeof(*order));
    struct options chosen = *options;
    struct target target = {.is_ordered = true, .has_generation = true, .opened = CAUSE_ORDERED};
    struct rescue rescue;
    int code = EXIT_DIFFERS;
    bool found = false;

    if (options->order_path == NULL)
        return err_set(err, ERR_INPUT, "--order: expected a file behind it"), EXIT_USAGE;
    if (!rollback_look(options, &rescue, &code, err))
        return code;
    code = EXIT_DIFFERS;
    if (read_order(options, rescue.is_named ? rescue.trial->node : NULL, order, err)) {
        found = find_number(rescue.ledger, &order->down_to, &chosen.to);
        if (found)
            say_order(order);
        else
            code = say_not_here(rescue.ledger, order);
    }
    target.is_open = rescue.ledger->is_open;
    target.down_to = order->down_to;
    target.reason = order->reason;
    if (found) {
        rollback_say_void(&rescue);
        show_plan(&rescue, chosen.to);
    }
    rescue_close(&rescue);
    if (found)
        code = rollback_do(&chosen, &target, err);
    return found && err->kind == ERR_MISSING ? say_gone(options, order, err) : code;
}

/* ---- void ----------------------------------------------------------------------------------- */

static bool check_void(const struct rescue *rescue, const struct target *target, struct err *err)
{
    if (!rollback_is_open(rescue->ledger) && !target->has_generation)
        return err_set(err, ERR_MISSING,
                       "nothing is being taken back, so nothing waits for tailscaled; "
                       "oceanid-rollback takes the newest change back");
    return rescue_misses_tailscaled(rescue) ||
           err_set(err, ERR_CONFLICT,
                   "expected nobody at %s, observed that a tailscaled is there: its preference is "
                   "taken back as soon as it answers in the profile of the change (tailscale "
                   "switch). If it is to go for good: systemctl stop "
                   "tailscaled, then this again",
                   rescue->config.tailscale_socket);
}

int rollback_void(const struct options *options, struct err *err)
{
    struct target target = {.is_open = true, .is_void = true, .opened = CAUSE_RESCUED};
    struct run_intent intent;
    struct rescue rescue;
    bool may;
    int code;

    if (!rollback_look(options, &rescue, &code, err))
        return code;
    intent = rescue.intent;
    rollback_choose_unrecorded(&rescue, &intent, &target);
    may = check_void(&rescue, &target, err);
    rescue_close(&rescue);
    if (!may)
        return EXIT_DIFFERS;
    printf(
        "Tailscale's preference is not taken back then: it is declared void, and all else that "
        "is open is undone, the shields too.\n"
        "If a tailscaled with its old state comes back, that preference comes back with it, and "
        "nothing keeps SSH on its way: remove /var/lib/tailscale before it is installed again.\n");
    if (!rollback_is_agreed(options, "Is tailscaled gone for good?"))
        return EXIT_DIFFERS;
    return rollback_do(options, &target, err);
}
